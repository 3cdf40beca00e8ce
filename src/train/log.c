/* metrics.jsonl: a line each logged step, and one each epoch. */
#include "train/json.h"
#include "train/rundir.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static json_t *losses(const dg_figures *f, const dg_experiment *e)
{
    json_t *j = json_object();
    for (int i = 0; i < dg_graph_losses(e->model->graph); i++)
        json_object_set_new(j, dg_term_name(e, i), dg_json_number(dg_figures_term(f, i)));
    return j;
}

static json_t *metrics(const dg_figures *f, const dg_experiment *e)
{
    json_t *j = json_object();
    for (int i = 0; i < e->model->n_metrics; i++)
        json_object_set_new(j, e->model->metrics[i].name,
                            dg_json_number(dg_figures_metric(f, e, i)));
    return j;
}

/* Root mean squares of the results of all nodes, and of their error vectors, in the order of the
 * graph: [name, rms] pairs, since names need not be unique. */
static json_t *rms(dg_trainer *t, dg_part what)
{
    const dg_graph *g = t->e->model->graph;
    json_t *list = json_array();
    for (int id = 1; id <= dg_graph_values(g); id++) {
        dg_value_info info;
        double x;
        dg_value_look(g, (dg_value){id}, &info);
        if (info.kind != DG_RESULT || dg_rms(t->program, (dg_value){id}, what, &x) != DG_OK)
            continue;
        json_array_append_new(list, json_pack("[s, o]", info.name, dg_json_number(x)));
    }
    return list;
}

static double norm(const dg_tensor *t)
{
    double sum = 0;
    int64_t n = dg_shape_count(&t->shape);
    for (int64_t i = 0; i < n; i++) {
        double x = t->type == DG_F32 ? (double)((float *)t->data)[i] : ((double *)t->data)[i];
        sum += x * x;
    }
    return sqrt(sum);
}

static json_t *gradient_norms(dg_trainer *t)
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
            json_object_set_new(j, info.name, dg_json_number(norm(&x)));
        free(x.data);
    }
    return j;
}

dg_status dg_run_log(dg_run_dir *r, dg_trainer *t, const char *kind, const dg_figures *f,
                     int measured, double samples_per_second, dg_diag *why)
{
    uint64_t step = t->progress.step;
    double rate = dg_optimizer_rate(&t->e->settings.optimizer, step > 0 ? step - 1 : 0);
    json_t *j = json_pack(
        "{s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "kind", kind, "step", (json_int_t)step, "epoch",
        (json_int_t)((step + (uint64_t)t->epoch_steps - 1) / (uint64_t)t->epoch_steps), "loss",
        dg_json_number(dg_figures_loss(f, t->e)), "terms", losses(f, t->e), "metrics",
        metrics(f, t->e), "rate", dg_json_number(rate), "samples_per_second",
        dg_json_number(samples_per_second));
    if (measured) {
        json_object_set_new(j, "rms", rms(t, DG_VALUE));
        json_object_set_new(j, "rms_error_vector", rms(t, DG_ERROR_VECTOR));
        json_object_set_new(j, "gradient_norm", gradient_norms(t));
    }
    char *line = j ? json_dumps(j, JSON_COMPACT) : NULL;
    json_decref(j);
    if (!line)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    int wrong = fprintf(r->metrics, "%s\n", line) < 0;
    free(line);
    return wrong ? dg_diag_set(why, DG_EFILE, "cannot write metrics.jsonl of %s", r->path) : DG_OK;
}
