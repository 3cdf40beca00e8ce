/* Figures; see figures.h. */
#include "train/figures.h"
#include <math.h>
#include <stdlib.h>

static int terms(const dg_experiment *e)
{
    int n = dg_graph_losses(e->model->graph);
    return n < DG_MOST_TERMS ? n : DG_MOST_TERMS;
}

static int metrics(const dg_experiment *e)
{
    return e->model->n_metrics < DG_MOST_METRICS ? e->model->n_metrics : DG_MOST_METRICS;
}

dg_status dg_figures_value(dg_experiment *e, dg_program *p, dg_value v, dg_value target,
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
    dg_value_info info;
    dg_value_look(e->model->graph, target, &info);
    dg_dataset *d = e->block[DG_TRAIN_PART];
    const dg_column *c =
        d && info.name && info.kind == DG_INPUT ? dg_dataset_find(d, info.name) : NULL;
    if (!c || !dg_column_is_standardized(c) || t->type == DG_I32 || t->shape.rank < 1)
        return DG_OK;
    return dg_column_inverse(c, t->shape.dim[0], t->type, t->data, why);
}

static dg_status add_metric(dg_figures *f, dg_experiment *e, dg_program *p, int k, dg_diag *why)
{
    const dg_metric *m = &e->model->metrics[k];
    dg_tensor target = {.data = NULL}, estimate = {.data = NULL};
    dg_status s = dg_figures_value(e, p, m->target, m->target, &target, why);
    if (s == DG_OK)
        s = dg_figures_value(e, p, m->estimate, m->target, &estimate, why);
    if (s == DG_OK)
        dg_metric_add(m, &f->tally[k], &target, &estimate);
    free(target.data);
    free(estimate.data);
    return s;
}

dg_status dg_figures_add(dg_figures *f, dg_experiment *e, dg_program *p, dg_diag *why)
{
    for (int i = 0; i < terms(e); i++) {
        double value;
        int64_t pairs = dg_loss_pairs(p, i);
        if (dg_loss_value(p, i, 0, &value) != DG_OK)
            return dg_program_status(p, why);
        f->sum[i] += value * (double)pairs;
        f->pairs[i] += (double)pairs;
    }
    for (int k = 0; k < metrics(e); k++) {
        dg_status s = add_metric(f, e, p, k, why);
        if (s != DG_OK)
            return s;
    }
    return DG_OK;
}

/* Means of targets and their squares join as Chan, Golub and LeVeque (1979) say. */
static void join_tally(dg_tally *a, const dg_tally *b)
{
    double n = a->count + b->count, step = b->mean - a->mean;
    if (n > 0) {
        a->squares += b->squares + step * step * a->count * b->count / n;
        a->mean += step * b->count / n;
    }
    a->sum += b->sum;
    a->count = n;
}

void dg_figures_join(dg_figures *f, const dg_figures *other)
{
    for (int i = 0; i < DG_MOST_TERMS; i++) {
        f->sum[i] += other->sum[i];
        f->pairs[i] += other->pairs[i];
    }
    for (int i = 0; i < DG_MOST_METRICS; i++)
        join_tally(&f->tally[i], &other->tally[i]);
}

double dg_figures_term(const dg_figures *f, int term)
{
    return f->pairs[term] > 0 ? f->sum[term] / f->pairs[term] : 0;
}

double dg_figures_loss(const dg_figures *f, const dg_experiment *e)
{
    double loss = 0;
    for (int i = 0; i < terms(e); i++) {
        double weight = 1;
        dg_graph_loss(e->model->graph, i, NULL, &weight);
        loss += weight * dg_figures_term(f, i);
    }
    return loss;
}

double dg_figures_metric(const dg_figures *f, const dg_experiment *e, int metric)
{
    return dg_metric_value(&e->model->metrics[metric], &f->tally[metric]);
}

const char *dg_term_name(const dg_experiment *e, int term)
{
    const char *name = NULL;
    dg_value_info info = {.name = NULL};
    dg_value v = dg_graph_loss(e->model->graph, term, &name, NULL);
    dg_value_look(e->model->graph, v, &info);
    return name ? name : info.node ? info.node->name : info.name ? info.name : "loss";
}

int dg_figures_keep(const dg_experiment *e, dg_value keep[])
{
    int n = 0;
    for (int i = 0; i < terms(e); i++)
        keep[n++] = dg_graph_loss(e->model->graph, i, NULL, NULL);
    for (int k = 0; k < metrics(e); k++) {
        keep[n++] = e->model->metrics[k].target;
        keep[n++] = e->model->metrics[k].estimate;
    }
    return n;
}

int dg_better(double a, double b, int rises)
{
    if (isnan(a) || isnan(b))
        return !isnan(a) && isnan(b);
    return rises ? a > b : a < b;
}

dg_status dg_figures_tangent(const dg_experiment *e, dg_program *p, double *sum, dg_diag *why)
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
            term += t.type == DG_F32 ? (double)((float *)t.data)[k] : ((double *)t.data)[k];
        free(t.data);
        if (s != DG_OK)
            return dg_program_status(p, why);
        *sum += weight * term / (double)dg_loss_pairs(p, i);
    }
    return DG_OK;
}
