/* Sums of metrics; see metric_sums.h. */
#include "train/metric_sums.h"
#include "base/text.h"
#include "io/array.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* x: rows seen; sum and pairs of each loss term; the tally of each metric. */
enum { ROWS, TERMS };

static int terms(const dg_experiment *e)
{
    return dg_graph_losses(e->model->graph);
}

static double *term_at(const dg_metric_sums *f, int i)
{
    return f->x + TERMS + 2 * i;
}

static int64_t width_of(const dg_experiment *e, int metric)
{
    dg_value_info info;
    dg_value_look(e->model->graph, e->model->metrics[metric].estimate, &info);
    return dg_metric_width(&e->model->metrics[metric], &info.shape);
}

/* Where the tally of a metric is; of the first one that there is not: all numbers. */
static int64_t tally_at(const dg_experiment *e, int metric)
{
    int64_t at = TERMS + 2 * (int64_t)terms(e);
    for (int k = 0; k < metric; k++)
        at += width_of(e, k);
    return at;
}

dg_status dg_metric_sums_make(dg_metric_sums *f, const dg_experiment *e, dg_diag *why)
{
    f->n = tally_at(e, e->model->n_metrics);
    f->x = calloc((size_t)f->n, sizeof *f->x);
    return f->x ? DG_OK : dg_diag_set(why, DG_EMEMORY, "out of memory");
}

void dg_metric_sums_free(dg_metric_sums *f)
{
    free(f->x);
    *f = (dg_metric_sums){.x = NULL};
}

void dg_metric_sums_clear(dg_metric_sums *f)
{
    memset(f->x, 0, (size_t)f->n * sizeof *f->x);
    f->unsound = (dg_diag){.code = DG_OK};
}

void dg_metric_sums_copy(dg_metric_sums *to, const dg_metric_sums *from)
{
    memcpy(to->x, from->x, (size_t)from->n * sizeof *from->x);
}

int dg_metric_sums_empty(const dg_metric_sums *f)
{
    return !(f->x[ROWS] > 0);
}

dg_status dg_metric_sums_value(dg_experiment *e, dg_program *p, dg_value v, dg_value target,
                               dg_tensor *t, dg_diag *why)
{
    *t = (dg_tensor){.data = NULL};
    if (dg_get(p, v, DG_VALUE, t) != DG_OK)
        return dg_program_status(p, why);
    t->data = malloc(t->bytes + 1);
    if (!t->data)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    if (dg_get(p, v, DG_VALUE, t) != DG_OK)
        return dg_program_status(p, why);
    return dg_metric_sums_units(e->model->graph, e->block[DG_TRAIN_PART], target, t, why);
}

dg_status dg_metric_sums_units(const dg_graph *g, const dg_dataset *d, dg_value target,
                               dg_tensor *t, dg_diag *why)
{
    dg_value_info info;
    dg_value_look(g, target, &info);
    const dg_column *c =
        d && info.name && info.kind == DG_INPUT ? dg_dataset_find(d, info.name) : NULL;
    if (!c || !dg_column_is_standardized(c) || t->type == DG_I32 || t->shape.rank < 1)
        return DG_OK;
    return dg_column_inverse(c, t->shape.dim[0], t->type, t->data, why);
}

/* A label that a metric does not take, with its row in the data. */
static dg_status bad_label(const dg_experiment *e, const dg_metric *m, const dg_batch_rows *of,
                           int64_t row, dg_diag *why)
{
    char text[512];
    dg_value_info info;
    const dg_column *c = NULL;
    dg_value_look(e->model->graph, m->target, &info);
    if (of->data && row < of->n) {
        c = dg_dataset_find(of->data, info.name);
        row = dg_dataset_source_row(of->data, of->row[row]);
    }
    dg_format(text, sizeof text, "%s", why->text);
    *why = (dg_diag){.code = DG_OK};
    dg_diag_set(why, DG_EDATA, "%s: row %lld of '%s' %s", m->name, (long long)row,
                info.name ? info.name : "the target", text);
    if (c && dg_column_file(c))
        dg_format(why->file, sizeof why->file, "%s", dg_column_file(c));
    return DG_EDATA;
}

static dg_status add_metric(dg_metric_sums *f, dg_experiment *e, dg_program *p, int k,
                            const dg_batch_rows *of, dg_diag *why)
{
    const dg_metric *m = &e->model->metrics[k];
    dg_tensor target = {.data = NULL}, estimate = {.data = NULL};
    int64_t row = 0;
    dg_status s = dg_metric_sums_value(e, p, m->target, m->target, &target, why);
    if (s == DG_OK)
        s = dg_metric_sums_value(e, p, m->estimate, m->target, &estimate, why);
    if (s == DG_OK) {
        s = dg_metric_add(m, f->x + tally_at(e, k), width_of(e, k), &target, &estimate, &row, why);
        if (s == DG_EDATA)
            bad_label(e, m, of, row, why);
    }
    free(target.data);
    free(estimate.data);
    return s;
}

static int has_batch(const dg_experiment *e, int term)
{
    dg_value_info info;
    dg_value_look(e->model->graph, dg_graph_loss(e->model->graph, term, NULL, NULL), &info);
    return info.shape.rank > 0 && info.shape.dim[0] == DG_N;
}

dg_status dg_metric_sums_add(dg_metric_sums *f, dg_experiment *e, dg_program *p,
                             const dg_batch_rows *of, dg_diag *why)
{
    double rows = (double)of->n;
    for (int i = 0; i < terms(e); i++) {
        double value, pairs = has_batch(e, i) ? (double)dg_loss_pairs(p, i) : rows;
        if (dg_loss_value(p, i, NULL, &value) != DG_OK)
            return dg_program_status(p, why);
        term_at(f, i)[0] += value * pairs;
        term_at(f, i)[1] += pairs;
    }
    f->x[ROWS] += rows;
    for (int k = 0; k < e->model->n_metrics; k++) {
        dg_status s = add_metric(f, e, p, k, of, why);
        if (s != DG_OK)
            return s;
    }
    return DG_OK;
}

void dg_metric_sums_join(dg_metric_sums *f, const dg_metric_sums *other, const dg_experiment *e)
{
    int64_t first = tally_at(e, 0);
    for (int64_t i = 0; i < first; i++)
        f->x[i] += other->x[i];
    for (int k = 0; k < e->model->n_metrics; k++) {
        int64_t width = width_of(e, k);
        dg_metric_join(&e->model->metrics[k], f->x + first, other->x + first, width);
        first += width;
    }
}

/* One NaN for all: the C library prints some as -nan. */
static double plain(double x)
{
    return isnan(x) ? (double)NAN : x;
}

double dg_metric_sums_term(const dg_metric_sums *f, int term)
{
    const double *t = term_at(f, term);
    return t[1] > 0 ? plain(t[0] / t[1]) : 0;
}

double dg_metric_sums_loss(const dg_metric_sums *f, const dg_experiment *e)
{
    double loss = 0;
    for (int i = 0; i < terms(e); i++) {
        double weight = 1;
        dg_graph_loss(e->model->graph, i, NULL, &weight);
        loss += weight * dg_metric_sums_term(f, i);
    }
    return plain(loss);
}

double dg_metric_sums_metric(const dg_metric_sums *f, const dg_experiment *e, int metric)
{
    return plain(dg_metric_value(&e->model->metrics[metric], f->x + tally_at(e, metric),
                                 width_of(e, metric)));
}

dg_status dg_metric_sums_sound(const dg_metric_sums *f, const dg_experiment *e, dg_diag *why)
{
    double loss = dg_metric_sums_loss(f, e);
    if (!isfinite(loss))
        return dg_diag_set(why, DG_EFINITE, "the loss is %g; %s", loss,
                           f->unsound.code ? f->unsound.text : "where that came from is not known");
    for (int k = 0; k < e->model->n_metrics; k++) {
        const dg_metric *m = &e->model->metrics[k];
        double x = dg_metric_sums_metric(f, e, k);
        if (!dg_metric_sound(m, f->x + tally_at(e, k), width_of(e, k)))
            return dg_diag_set(why, DG_EFINITE,
                               isfinite(x) ? "the metric '%s' is %g, of estimates that are NaN"
                                           : "the metric '%s' is %g",
                               m->name, x);
    }
    return DG_OK;
}

const char *dg_term_name(const dg_experiment *e, int term)
{
    const char *name = NULL;
    dg_value_info info = {.name = NULL};
    dg_value v = dg_graph_loss(e->model->graph, term, &name, NULL);
    dg_value_look(e->model->graph, v, &info);
    return name ? name : info.node ? info.node->name : info.name ? info.name : "loss";
}

dg_value *dg_metric_sums_keep(const dg_experiment *e, int *n)
{
    dg_value *keep =
        malloc(((size_t)terms(e) + 2 * (size_t)e->model->n_metrics + 1) * sizeof *keep);
    *n = 0;
    for (int i = 0; keep && i < terms(e); i++)
        keep[(*n)++] = dg_graph_loss(e->model->graph, i, NULL, NULL);
    for (int k = 0; keep && k < e->model->n_metrics; k++) {
        keep[(*n)++] = e->model->metrics[k].target;
        keep[(*n)++] = e->model->metrics[k].estimate;
    }
    return keep;
}

int dg_better(double a, double b, int rises)
{
    if (isnan(a) || isnan(b))
        return !isnan(a) && isnan(b);
    return rises ? a > b : a < b;
}

dg_status dg_metric_sums_tangent(const dg_experiment *e, dg_program *p, double *sum, dg_diag *why)
{
    const dg_graph *g = e->model->graph;
    *sum = 0;
    for (int i = 0; i < dg_graph_losses(g); i++) {
        double weight, term = 0;
        dg_value v = dg_graph_loss(g, i, NULL, &weight);
        dg_tensor t = {.data = NULL};
        dg_get(p, v, DG_TANGENT, &t);
        t.data = malloc(t.bytes + 1);
        if (!t.data)
            return dg_diag_set(why, DG_EMEMORY, "out of memory");
        dg_status s = dg_get(p, v, DG_TANGENT, &t);
        for (int64_t k = 0, n = dg_shape_count(&t.shape); s == DG_OK && k < n; k++)
            term += dg_tensor_number(&t, k);
        free(t.data);
        if (s != DG_OK)
            return dg_program_status(p, why);
        *sum += weight * term / (double)dg_loss_pairs(p, i);
    }
    return DG_OK;
}
