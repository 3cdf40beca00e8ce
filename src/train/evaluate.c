/* Figures of a part of the data; see evaluate.h. */
#include "train/evaluate.h"
#include "io/array.h"
#include "train/explain.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The values of the figures, then those that are watched. */
static dg_value *values_to_keep(const dg_evaluator *v, int *n)
{
    dg_value *keep = dg_metric_sums_keep(v->e, n);
    int more = v->watch ? v->watch->n : 0;
    dg_value *all = keep ? realloc(keep, ((size_t)*n + (size_t)more + 1) * sizeof *all) : NULL;
    if (!all)
        free(keep);
    for (int i = 0; all && i < more; i++)
        all[(*n)++] = v->watch->value[i];
    return all;
}

dg_status dg_evaluator_make(dg_evaluator *v, dg_experiment *e, dg_part_rows part, int64_t batch,
                            int threads, dg_diag *why)
{
    return dg_evaluator_watched(v, e, part, batch, threads, NULL, why);
}

dg_status dg_evaluator_watched(dg_evaluator *v, dg_experiment *e, dg_part_rows part, int64_t batch,
                               int threads, const dg_watch *watch, dg_diag *why)
{
    *v = (dg_evaluator){.e = e, .watch = watch, .part = part};
    v->batch = batch < part.rows ? batch : part.rows;
    dg_options o = dg_program_options(e, DG_RUN_INFER, v->batch > 0 ? v->batch : 1);
    o.last = v->batch > 0 ? part.rows % v->batch : 0;
    o.threads = threads;
    dg_value *keep = values_to_keep(v, &o.n_keep);
    o.keep = keep;
    v->program = keep ? dg_compile(e->model->graph, &o) : NULL;
    free(keep);
    v->rows = malloc(2 * ((size_t)v->batch + 1) * sizeof *v->rows);
    if (!v->program || !v->rows)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    if (dg_program_status(v->program, why) != DG_OK)
        return dg_program_status(v->program, NULL);
    return part.data ? dg_ahead_make(&v->ahead, e, part.data, v->batch, 0, why) : DG_OK;
}

void dg_evaluator_free(dg_evaluator *v)
{
    dg_program_free(v->program);
    dg_ahead_free(v->ahead);
    free(v->rows);
    *v = (dg_evaluator){.e = NULL};
}

/* Adds the weighted loss of each of n rows to loss_of. */
static dg_status row_losses(dg_evaluator *v, int64_t n, double *loss_of, dg_diag *why)
{
    const dg_graph *g = v->e->model->graph;
    memset(loss_of, 0, (size_t)n * sizeof *loss_of);
    for (int i = 0; i < dg_graph_losses(g); i++) {
        double weight;
        dg_value rho = dg_graph_loss(g, i, NULL, &weight);
        dg_value_info info;
        dg_value_look(g, rho, &info);
        if (info.shape.rank < 1 || info.shape.dim[0] != DG_N)
            continue;
        dg_tensor t = {.data = NULL};
        dg_get(v->program, rho, DG_VALUE, &t);
        t.data = malloc(t.bytes + 1);
        if (!t.data)
            return dg_diag_set(why, DG_EMEMORY, "out of memory");
        dg_status s = dg_get(v->program, rho, DG_VALUE, &t);
        int64_t row = dg_shape_row(&t.shape);
        for (int64_t k = 0; s == DG_OK && k < n * row; k++)
            loss_of[k / row] += weight * dg_tensor_number(&t, k);
        free(t.data);
        if (s != DG_OK)
            return dg_program_status(v->program, why);
    }
    return DG_OK;
}

/* The rows of the batch that begins at row `at` of the part; their number. */
static int64_t choose_rows(const dg_evaluator *v, int64_t at, int64_t *row)
{
    int64_t n = v->part.rows - at < v->batch ? v->part.rows - at : v->batch;
    for (int64_t i = 0; i < n; i++)
        row[i] = v->part.first + at + i;
    return n;
}

/* This batch to the program; the next one is read while it is computed. */
static dg_status set_batch(const dg_evaluator *v, int64_t at, int64_t n, dg_diag *why)
{
    const dg_reading how = {.training = 0};
    int64_t *next = v->rows + v->batch + 1;
    if (!v->ahead)
        return DG_OK;
    dg_status s = dg_ahead_take(v->ahead, v->program, v->rows, n, how, why);
    if (s == DG_OK && at + n < v->part.rows)
        dg_ahead_want(v->ahead, next, choose_rows(v, at + n, next), how);
    return s;
}

/* One batch of rows, set already. What is refused, or is not finite, is explained. */
static dg_status run_batch(dg_evaluator *v, dg_metric_sums *f, const dg_batch_rows *of,
                           dg_diag *why)
{
    dg_status s =
        dg_forward(v->program, &(dg_batch){.size = sizeof(dg_batch), .rows = of->n}) == DG_OK
            ? dg_metric_sums_add(f, v->e, v->program, of, why)
            : dg_program_status(v->program, why);
    double loss = 0;
    if (s == DG_OK && v->watch)
        s = v->watch->see(v->watch->user, v->program, of, why);
    if (s == DG_OK)
        dg_loss_value(v->program, -1, NULL, &loss);
    if (s == DG_EDATA)
        dg_explain_row(v->e, of, why);
    dg_diag *to = s == DG_EFINITE                               ? why
                  : !isfinite(loss) && f->unsound.code == DG_OK ? &f->unsound
                                                                : NULL;
    dg_options o = dg_program_options(v->e, DG_RUN_INFER, of->n);
    dg_point x;
    if (!to)
        return s;
    o.seed = v->e->settings.seed;
    if (dg_point_read(&x, v->e, of, (dg_reading){.training = 0}, NULL) == DG_OK)
        dg_explain(v->e, &o, 0, &x, of, "that of a batch", to);
    dg_point_free(&x);
    return s;
}

dg_status dg_evaluator_run(dg_evaluator *v, dg_metric_sums *f, double *loss_of,
                           const volatile sig_atomic_t *stop, dg_diag *why)
{
    dg_metric_sums_clear(f);
    for (int64_t at = 0; at < v->part.rows; at += v->batch) {
        if (stop && *stop)
            return dg_diag_set(why, DG_ESTOP, "stopped");
        const int64_t n = choose_rows(v, at, v->rows);
        dg_status s = set_batch(v, at, n, why);
        if (s == DG_OK)
            s = run_batch(v, f, &(dg_batch_rows){v->part.data, v->rows, n}, why);
        if (s == DG_OK && loss_of)
            s = row_losses(v, n, loss_of + at, why);
        if (s != DG_OK)
            return s;
    }
    return DG_OK;
}
