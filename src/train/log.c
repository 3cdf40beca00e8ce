/* metrics.jsonl: a line each logged step, and one each epoch, its numbers to nine digits. */
#include "base/text.h"
#include "io/array.h"
#include "io/file.h"
#include "train/json.h"
#include "train/rundir.h"
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static json_t *losses(const dg_metric_sums *f, const dg_experiment *e, dg_diag *why)
{
    json_t *j = json_object();
    for (int i = 0; i < dg_graph_losses(e->model->graph); i++)
        dg_json_set(j, dg_term_name(e, i), dg_json_number(dg_metric_sums_term(f, i)), why);
    return j;
}

static json_t *metrics(const dg_metric_sums *f, const dg_experiment *e, dg_diag *why)
{
    json_t *j = json_object();
    for (int i = 0; i < e->model->n_metrics; i++)
        dg_json_set(j, e->model->metrics[i].name, dg_json_number(dg_metric_sums_metric(f, e, i)),
                    why);
    return j;
}

/* Root mean squares of the results of all nodes, and of their error vectors, in the order of the
 * graph: [name, rms] pairs, since names need not be unique. */
static json_t *rms(dg_trainer *t, dg_part what, dg_diag *why)
{
    const dg_graph *g = t->e->model->graph;
    json_t *list = json_array();
    for (int id = 1; id <= dg_graph_values(g); id++) {
        dg_value_info info;
        double x;
        dg_value_look(g, (dg_value){id}, &info);
        if (info.kind != DG_RESULT || dg_rms(t->program, (dg_value){id}, what, &x) != DG_OK)
            continue;
        dg_json_append(list, json_pack("[s, o]", info.name, dg_json_number(x)), why);
    }
    return list;
}

static double norm(const dg_tensor *t)
{
    double sum = 0;
    int64_t n = dg_shape_count(&t->shape);
    for (int64_t i = 0; i < n; i++) {
        double x = dg_tensor_number(t, i);
        sum += x * x;
    }
    return sqrt(sum);
}

static json_t *gradient_norms(dg_trainer *t, dg_diag *why)
{
    const dg_graph *g = t->e->model->graph;
    json_t *j = json_object();
    for (int id = 1; id <= dg_graph_values(g); id++) {
        dg_value_info info;
        dg_tensor x = {.data = NULL};
        dg_value_look(g, (dg_value){id}, &info);
        if (info.kind != DG_PARAMETER || info.frozen ||
            dg_get(t->program, (dg_value){id}, DG_GRADIENT, &x) != DG_OK)
            continue;
        x.data = malloc(x.bytes + 1);
        if (x.data && dg_get(t->program, (dg_value){id}, DG_GRADIENT, &x) == DG_OK)
            dg_json_set(j, info.name, dg_json_number(norm(&x)), why);
        else if (!x.data)
            dg_diag_set(why, DG_EMEMORY, "out of memory");
        free(x.data);
    }
    return j;
}

static json_t *line_of(dg_trainer *t, const char *kind, const dg_metric_sums *f, int measured,
                       double samples_per_second, dg_diag *why)
{
    uint64_t step = t->progress.step;
    double rate = dg_optimizer_rate(&t->e->settings.optimizer, step > 0 ? step - 1 : 0);
    json_t *j =
        json_pack("{s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "kind", kind, "step",
                  (json_int_t)step, "epoch", (json_int_t)dg_trainer_epoch_number(t), "loss",
                  dg_json_number(dg_metric_sums_loss(f, t->e)), "terms", losses(f, t->e, why),
                  "metrics", metrics(f, t->e, why), "rate", dg_json_number(rate),
                  "samples_per_second", dg_json_number(samples_per_second));
    if (!j)
        dg_diag_set(why, DG_EMEMORY, "out of memory");
    if (j && measured) {
        dg_json_set(j, "rms", rms(t, DG_VALUE, why), why);
        dg_json_set(j, "rms_error_vector", rms(t, DG_ERROR_VECTOR, why), why);
        dg_json_set(j, "gradient_norm", gradient_norms(t, why), why);
    }
    return j;
}

/* One call of write, in the mode that appends: a reader sees whole lines. */
static dg_status append(dg_run_dir *r, const char *line, size_t n, dg_diag *why)
{
    char file[PATH_MAX];
    if (dg_write_all(r->metrics, line, n) != 0)
        return dg_file_errno(why, dg_run_file(r->path, "metrics.jsonl", file, sizeof file), "write",
                             errno);
    r->metrics_bytes += (int64_t)n;
    return DG_OK;
}

dg_status dg_run_log(dg_run_dir *r, dg_trainer *t, const char *kind, const dg_metric_sums *f,
                     int measured, double samples_per_second, dg_diag *why)
{
    json_t *j = line_of(t, kind, f, measured, samples_per_second, why);
    dg_text line = dg_text_make(NULL);
    dg_status s = why->code;
    if (s == DG_OK && !(dg_json_write(j, JSON_COMPACT | JSON_REAL_PRECISION(9), &line) &&
                        dg_text_add(&line, "\n")))
        s = dg_diag_set(why, DG_EMEMORY, "out of memory");
    if (s == DG_OK)
        s = append(r, line.data, line.length, why);
    json_decref(j);
    dg_text_free(&line);
    return s;
}
