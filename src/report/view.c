/* What a page knows of a run; see view.h. */
#include "report/view.h"
#include "base/text.h"
#include "io/file.h"
#include "train/metrics.h"
#include "train/rundir.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const json_t *find(const dg_view *v, const char *key, const char *under)
{
    const json_t *j = json_object_get(v->run, key);
    return under ? json_object_get(j, under) : j;
}

const char *dg_view_text(const dg_view *v, const char *key, const char *under)
{
    const char *text = json_string_value(find(v, key, under));
    return text ? text : "";
}

double dg_view_number(const dg_view *v, const char *key, const char *under)
{
    const json_t *j = find(v, key, under);
    return json_is_number(j) ? json_number_value(j) : (double)NAN;
}

/* Elements of all parameters; a frozen one counts too. */
static int64_t count_parameters(const dg_graph *g)
{
    int64_t n = 0;
    for (int id = 1; id <= dg_graph_values(g); id++) {
        dg_value_info info;
        dg_value_look(g, (dg_value){id}, &info);
        if (info.kind == DG_PARAMETER)
            n += dg_shape_count(&info.shape);
    }
    return n;
}

static void take_results(dg_view *v, const dg_survey *s)
{
    const dg_experiment *e = s->e;
    v->result = calloc((size_t)e->model->n_metrics + 1, sizeof *v->result);
    if (!v->result) {
        dg_diag_set(&v->why, DG_EMEMORY, "out of memory");
        return;
    }
    v->result[v->n_results++] =
        (dg_result){.name = "loss", .value = dg_metric_sums_loss(&s->figures, e)};
    for (int k = 0; k < e->model->n_metrics; k++) {
        dg_result *r = &v->result[v->n_results++];
        dg_format(r->name, sizeof r->name, "%s", e->model->metrics[k].name);
        r->value = dg_metric_sums_metric(&s->figures, e, k);
        r->rises = dg_metric_rises(&e->model->metrics[k]);
    }
    static const char *const part[DG_DATA_PARTS] = {"training", "validation", "test"};
    v->part = s->part < 0 ? "" : part[s->part];
    v->rows = s->part < 0 ? 0 : s->rows.rows;
}

/* Names of classes: those of the checkpoint, or those that the data block has just learnt. */
static void read_legends(dg_experiment *e, dg_diag *why)
{
    if (!e->legends && e->block[DG_TRAIN_PART])
        dg_legends_read(e, dg_dataset_note, e->block[DG_TRAIN_PART], why);
}

static void survey(dg_view *v, dg_experiment *e, const dg_view_options *o)
{
    read_legends(e, &v->why);
    v->parameters = count_parameters(e->model->graph);
    if (dg_graph_hash(e->model->graph, v->hash) != DG_OK)
        dg_diag_set(&v->why, DG_EMEMORY, "no hash of the weights");
    v->which = e->weights.which;
    v->step = e->weights.step;
    if (v->why.code == DG_OK)
        dg_survey_run(&v->survey, e, dg_survey_part(e), o->threads, &v->why);
    if (v->why.code == DG_OK)
        take_results(v, &v->survey);
}

/* The first thing that is wrong with a model, as one line. */
static void take_diagnostic(dg_view *v, const dg_experiment *e)
{
    dg_text t = dg_text_make(NULL);
    dg_diags_text(&e->model->diags, &t, 0);
    dg_diag_set(&v->why, dg_diags_status(&e->model->diags), "%.*s", (int)strcspn(t.data, "\n"),
                t.data);
    dg_text_free(&t);
}

static void open_experiment(dg_view *v, const dg_view_options *o)
{
    dg_experiment *e = dg_run_open(v->path, o->weights, &o->experiment, &v->why);
    if (e && dg_experiment_status(e) != DG_OK)
        take_diagnostic(v, e);
    else if (e && v->why.code == DG_OK)
        survey(v, e, o);
    if (e && o->keeps && dg_experiment_status(e) == DG_OK) {
        v->e = e;
        v->own = 1;
        return;
    }
    dg_survey_free(&v->survey);
    dg_experiment_free(e);
}

dg_status dg_view_open(dg_view *v, const char *path, dg_experiment *e, const dg_view_options *o,
                       dg_diag *why)
{
    *v = (dg_view){.path = path, .name = dg_path_encode(path), .step = -1};
    v->run = dg_run_json(path, why);
    if (!v->name)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    if (!v->run || dg_record_read(&v->record, path, why) != DG_OK)
        return why->code;
    v->running = (double)v->record.step < dg_view_number(v, "run", "steps");
    v->e = e;
    if (e)
        survey(v, e, o);
    else
        open_experiment(v, o);
    return v->why.code == DG_EMEMORY ? (*why = v->why).code : DG_OK;
}

void dg_view_free(dg_view *v)
{
    dg_survey_free(&v->survey);
    if (v->own)
        dg_experiment_free(v->e);
    dg_record_free(&v->record);
    json_decref(v->run);
    free(v->result);
    free(v->name);
    *v = (dg_view){.path = NULL};
}
