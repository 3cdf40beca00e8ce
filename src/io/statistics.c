/* Statistics of the training part: mean and deviation for standardize, what fills gaps. */
#include "io/column.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef void (*say_fn)(void *user, const char *text);

/* sum[f] = sum of x - from[f] over the rows and the elements of feature f that come into stage k,
 * or of their squares. A row is summed before it is added: that keeps the error of long sums small.
 * */
static dg_status add_up(dg_column *c, int k, int64_t rows, int square, const double *from,
                        double *sum, dg_diag *why)
{
    const dg_stage *s = &c->stage[k];
    const dg_reading how = {0};
    memset(sum, 0, (size_t)s->features * sizeof *sum);
    for (int64_t i = 0; i < rows; i++) {
        const double *x;
        dg_status status = dg_column_pass(c, dg_dataset_place(c->set, i), how, k, &x, why);
        if (status != DG_OK)
            return status;
        for (int64_t f = 0; f < s->features; f++) {
            double part = 0;
            for (int64_t j = f; j < s->n_in; j += s->features) {
                double t = x[j] - from[f];
                part += square ? t * t : t;
            }
            sum[f] += part;
        }
    }
    return DG_OK;
}

/* "standardize of 'x': ... its column 'age' ...": the column of the table, where it is one. */
static dg_status refuse(const dg_column *c, const dg_stage *s, int64_t f, const char *before,
                        const char *after, dg_diag *why)
{
    const dg_table *table = &c->from->table;
    if (table->name && table->n == s->features)
        return dg_diag_set(why, DG_EDATA, "%s of '%.100s': %sits column '%.100s' is %s",
                           s->type->type.name, c->name, before, table->name[f], after);
    return dg_diag_set(why, DG_EDATA, "%s of '%.100s': %sits element %" PRId64 " is %s",
                       s->type->type.name, c->name, before, f, after);
}

/* Mean and deviation, both from differences to the first row: so of equal numbers the mean is
 * exactly that number, and the deviation 0. */
static dg_status fit_stage(dg_column *c, int k, int64_t rows, int *constant, dg_diag *why)
{
    dg_stage *s = &c->stage[k];
    double n = (double)rows * (double)(s->n_in / s->features);
    const double *x;
    dg_status status = dg_column_pass(c, dg_dataset_place(c->set, 0), (dg_reading){0}, k, &x, why);
    if (status == DG_OK) {
        memcpy(s->deviation, x, (size_t)s->features * sizeof *x);
        status = add_up(c, k, rows, 0, s->deviation, s->mean, why);
    }
    for (int64_t f = 0; f < s->features && status == DG_OK; f++)
        s->mean[f] = s->deviation[f] + s->mean[f] / n;
    if (status == DG_OK)
        status = add_up(c, k, rows, 1, s->mean, s->deviation, why);
    for (int64_t f = 0; f < s->features && status == DG_OK; f++) {
        s->deviation[f] = sqrt(s->deviation[f] / n);
        *constant |= s->deviation[f] == 0;
        if (!(isfinite(s->mean[f]) && isfinite(s->deviation[f])))
            status = refuse(c, s, f, "mean or deviation of ", "too large", why);
    }
    s->fitted = status == DG_OK;
    return status;
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* The median of n numbers, which are sorted; of an even number the mean of the two in the middle.
 */
static double median(double *x, int64_t n)
{
    qsort(x, (size_t)n, sizeof *x, by_size);
    return n % 2 ? x[n / 2] : x[n / 2 - 1] + (x[n / 2] - x[n / 2 - 1]) / 2;
}

/* The mean, from the differences to the first one. */
static double mean(const double *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 1; i < n; i++)
        sum += x[i] - x[0];
    return x[0] + sum / (double)n;
}

/* What feature f of stage k fills its gaps with; room for all that come in. */
static dg_status fit_gap(dg_column *c, int k, int64_t rows, int64_t f, double *room, dg_diag *why)
{
    dg_stage *s = &c->stage[k];
    int64_t n = 0;
    for (int64_t i = 0; i < rows; i++) {
        const double *x;
        dg_status status =
            dg_column_pass(c, dg_dataset_place(c->set, i), (dg_reading){0}, k, &x, why);
        if (status != DG_OK)
            return status;
        for (int64_t j = f; j < s->n_in; j += s->features)
            if (!isnan(x[j]))
                room[n++] = x[j];
    }
    if (n == 0)
        return refuse(c, s, f, "", "all gaps in the training part; fill(0) is a number for them",
                      why);
    s->mean[f] = s->attrs->v[0].word == 1 ? median(room, n) : mean(room, n);
    return DG_OK;
}

static dg_status fit_fill(dg_column *c, int k, int64_t rows, dg_diag *why)
{
    dg_stage *s = &c->stage[k];
    double *room = malloc((size_t)rows * (size_t)(s->n_in / s->features) * sizeof *room);
    dg_status status = room ? DG_OK : dg_diag_set(why, DG_EMEMORY, "out of memory");
    for (int64_t f = 0; f < s->features && status == DG_OK; f++)
        status = fit_gap(c, k, rows, f, room, why);
    s->fitted = status == DG_OK;
    free(room);
    return status;
}

/* The windows of a series share rows of its table. Each row counts once, as a window of its own, so
 * that windows and what follows them have the same statistics. flat and one stand for c. */
static bool as_rows(const dg_column *c, int64_t rows, dg_dataset *flat, dg_column *one,
                    dg_stage stages[])
{
    const dg_loaded *l = c->from;
    if (!dg_column_is_series(c))
        return false;
    *flat = (dg_dataset){.begin = dg_dataset_place(c->set, 0) * l->stride};
    flat->rows = (rows - 1) * l->stride + l->length + l->follows;
    *one = *c;
    one->set = flat;
    one->offset = 0;
    one->n_in = one->step = dg_shape_row(&l->array.shape);
    one->stage = stages;
    for (int k = 0; k < c->n_stages; k++) {
        stages[k] = c->stage[k];
        if (!stages[k].type->pointwise)
            return false;
        stages[k].n_in = stages[k].n_out = one->n_in;
    }
    return true;
}

static dg_status fit_stages(dg_column *c, int64_t rows, int *constant, dg_diag *why)
{
    dg_status status = DG_OK;
    for (int k = 0; k < c->n_stages && status == DG_OK; k++)
        if (c->stage[k].n_stats)
            status = c->stage[k].type == dg_standardize ? fit_stage(c, k, rows, constant, why)
                                                        : fit_fill(c, k, rows, why);
    return status;
}

static dg_status fit_all(dg_column *c, int64_t rows, int *constant, dg_diag *why)
{
    enum { MOST = 64 };
    dg_dataset flat;
    dg_column one;
    dg_stage stages[MOST];
    if (c->n_stages > MOST || !as_rows(c, rows, &flat, &one, stages))
        return fit_stages(c, rows, constant, why);
    dg_status status = fit_stages(&one, flat.rows, constant, why);
    for (int k = 0; k < c->n_stages; k++)
        c->stage[k].fitted = stages[k].fitted;
    return status;
}

static dg_status fit_column(dg_column *c, int64_t rows, say_fn say, void *user, dg_diag *why)
{
    int constant = 0;
    c->tabled = 0;
    dg_status status = fit_all(c, rows, &constant, why);
    if (status != DG_OK)
        return status;
    if (constant && say) {
        char text[256];
        dg_format(text, sizeof text,
                  "column '%.100s': elements that never change become 0 in standardize", c->name);
        say(user, text);
    }
    return DG_OK;
}

dg_status dg_dataset_fit(dg_dataset *d, int64_t rows, say_fn say, void *user, dg_diag *why)
{
    if (d->first.code == DG_OK && (!d->sealed || rows < 1 || rows > d->rows))
        dg_diag_set(&d->first, DG_EUSAGE, "statistics of %" PRId64 " rows of %" PRId64, rows,
                    d->rows);
    for (int k = 0; k < d->n && d->first.code == DG_OK; k++) {
        fit_column(d->column[k], rows, say, user, &d->first);
        dg_dataset_say_place(d, d->column[k]->name, NULL);
    }
    return dg_dataset_report(d, why);
}
