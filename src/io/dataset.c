/* Datasets: columns over the same rows, the part of them that a block takes, statistics. */
#include "io/dataset.h"

#include "io/column.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

dg_dataset *dg_dataset_new(dg_store *s)
{
    dg_dataset *d = calloc(1, sizeof *d);
    if (d) {
        d->store = s;
        d->arena = dg_arena_make(NULL);
    }
    return d;
}

void dg_dataset_free(dg_dataset *d)
{
    if (!d)
        return;
    for (int k = 0; k < d->n; k++)
        dg_column_forget(d->column[k]);
    free(d->kept);
    dg_arena_free(&d->arena);
    free(d->order);
    free(d->column);
    free(d);
}

/* The first failure, which every call returns from then on. */
dg_status dg_dataset_report(const dg_dataset *d, dg_diag *why)
{
    if (why && d->first.code != DG_OK && why->code == DG_OK)
        *why = d->first;
    return d->first.code;
}

dg_status dg_dataset_no_memory(dg_dataset *d)
{
    return dg_diag_set(&d->first, DG_EMEMORY, "out of memory");
}

/* Column and place in the model, where a failure does not say them yet. */
void dg_dataset_say_place(dg_dataset *d, const char *column, const dg_io_call *call)
{
    if (d->first.code == DG_OK)
        return;
    if (!d->first.node[0])
        dg_format(d->first.node, sizeof d->first.node, "%s", column);
    if (call && d->first.start == 0 && d->first.end == 0) {
        d->first.start = call->start;
        d->first.end = call->end;
    }
}

double dg_dataset_cost(const dg_dataset *d, int training)
{
    double ns = 0;
    for (int k = 0; k < d->n; k++)
        ns += dg_column_cost(d->column[k], training);
    return ns;
}

dg_row_scratch *dg_row_scratch_new(const dg_dataset *d)
{
    dg_row_scratch *s = calloc(1, sizeof *s);
    size_t most = 0, picture = 0;
    for (int k = 0; k < d->n; k++) {
        const dg_column *c = d->column[k];
        most = (size_t)c->most > most ? (size_t)c->most : most;
        picture = !c->array->data && (size_t)c->n_in > picture ? (size_t)c->n_in : picture;
    }
    if (!s)
        return NULL;
    s->buffer[0] = malloc(2 * most * sizeof(double) + 1);
    s->picture = malloc(picture + 1);
    if (s->buffer[0] && s->picture) {
        s->buffer[1] = s->buffer[0] + most;
        return s;
    }
    dg_row_scratch_free(s);
    return NULL;
}

void dg_row_scratch_free(dg_row_scratch *s)
{
    if (s) {
        free(s->buffer[0]);
        free(s->picture);
    }
    free(s);
}

const char *dg_dataset_row_name(const dg_dataset *d, int64_t row)
{
    int64_t place = dg_dataset_source_row(d, row);
    for (int k = 0; k < d->n && place >= 0; k++) {
        const dg_album *a = &d->column[k]->from->album;
        if (place < a->n)
            return a->path[place];
    }
    return NULL;
}

int dg_dataset_columns(const dg_dataset *d)
{
    return d->n;
}

dg_column *dg_dataset_column(const dg_dataset *d, int k)
{
    return k >= 0 && k < d->n ? d->column[k] : NULL;
}

dg_column *dg_dataset_find(const dg_dataset *d, const char *name)
{
    for (int k = 0; k < d->n; k++)
        if (strcmp(d->column[k]->name, name) == 0)
            return d->column[k];
    return NULL;
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static dg_status check_rows(dg_dataset *d)
{
    if (d->n == 0)
        return dg_diag_set(&d->first, DG_EMODEL, "a data block without columns");
    for (int k = 1; k < d->n; k++)
        if (d->column[k]->rows != d->column[0]->rows) {
            dg_diag_set(&d->first, DG_EDATA, "'%s' has %" PRId64 " rows, '%s' has %" PRId64,
                        d->column[k]->name, d->column[k]->rows, d->column[0]->name,
                        d->column[0]->rows);
            dg_dataset_say_place(d, d->column[k]->name, NULL);
            return d->first.code;
        }
    return DG_OK;
}

static bool has_gap(const dg_column *c, int64_t row)
{
    const dg_array *a = c->array;
    int64_t at = c->offset + row * c->step;
    for (int64_t i = 0; i < c->n_in; i++)
        if ((a->type == DG_F64 && isnan(((const double *)a->data)[at + i])) ||
            (a->type == DG_I32 && ((const int32_t *)a->data)[at + i] < 0))
            return true;
    return false;
}

/* Leaves out the rows that a column with drop has gaps in. */
static dg_status drop_rows(dg_dataset *d)
{
    int64_t rows = d->column[0]->rows;
    bool any = false;
    d->n_kept = rows;
    for (int k = 0; k < d->n; k++)
        any |= d->column[k]->drops && d->column[k]->from->table.gaps > 0;
    if (!any)
        return DG_OK;
    d->kept = malloc((size_t)rows * sizeof *d->kept);
    if (!d->kept)
        return dg_dataset_no_memory(d);
    d->n_kept = 0;
    for (int64_t i = 0; i < rows; i++) {
        bool gap = false;
        for (int k = 0; k < d->n && !gap; k++)
            gap = d->column[k]->drops && has_gap(d->column[k], i);
        if (!gap)
            d->kept[d->n_kept++] = i;
    }
    d->dropped = rows - d->n_kept;
    return d->n_kept ? DG_OK
                     : dg_diag_set(&d->first, DG_EDATA,
                                   "drop leaves no row: each of %" PRId64 " has a gap", rows);
}

const dg_column *dg_dataset_series(const dg_dataset *d)
{
    for (int k = 0; k < d->n; k++)
        if (dg_column_is_series(d->column[k]))
            return d->column[k];
    return NULL;
}

int64_t dg_dataset_overlap(const dg_dataset *d)
{
    const dg_column *c = dg_dataset_series(d);
    return c ? (c->from->length + c->from->follows - 1) / c->from->stride : 0;
}

static int64_t share(double x, int64_t rows)
{
    return (int64_t)floor(x * (double)rows + 0.5);
}

/* The windows that lie, with what follows them, within a part of the rows of the table. */
static dg_status cut_in_time(dg_dataset *d, const dg_column *c, double a, double b, bool shuffle)
{
    const dg_loaded *l = c->from;
    int64_t rows = l->array.shape.dim[0], end = share(b, rows) - l->length - l->follows;
    if (shuffle || d->kept)
        return dg_diag_set(&d->first, DG_EMODEL,
                           "the parts of a series are cut in time, without %s",
                           shuffle ? "shuffle" : "drop");
    d->begin = (share(a, rows) + l->stride - 1) / l->stride;
    d->rows = end < 0 ? 0 : end / l->stride + 1 - d->begin;
    if (d->rows <= 0)
        dg_diag_set(&d->first, DG_EDATA,
                    "part=[%g, %g] of %" PRId64 " rows has no window of %" PRId64
                    " and the %" PRId64 " that follow",
                    a, b, rows, l->length, l->follows);
    return d->first.code;
}

static dg_status cut(dg_dataset *d, double a, double b, const uint64_t *shuffle)
{
    const dg_column *series = dg_dataset_series(d);
    int64_t rows = d->n_kept;
    if (!(a >= 0 && a < b && b <= 1))
        return dg_diag_set(&d->first, DG_EMODEL, "part=[%g, %g] is no part of [0, 1]", a, b);
    if (series)
        return cut_in_time(d, series, a, b, shuffle != NULL);
    d->begin = share(a, rows);
    d->rows = share(b, rows) - d->begin;
    if (d->rows <= 0)
        dg_diag_set(&d->first, DG_EDATA, "part=[%g, %g] of %" PRId64 " rows is empty", a, b, rows);
    d->shuffled = shuffle != NULL;
    if (shuffle)
        d->permutation = dg_permutation_make(rows, *shuffle, 0);
    return d->first.code;
}

dg_status dg_dataset_seal(dg_dataset *d, double a, double b, const uint64_t *shuffle, dg_diag *why)
{
    if (d->first.code == DG_OK && check_rows(d) == DG_OK && drop_rows(d) == DG_OK)
        d->sealed = cut(d, a, b, shuffle) == DG_OK;
    return dg_dataset_report(d, why);
}

int64_t dg_dataset_rows(const dg_dataset *d)
{
    return d->rows;
}

int64_t dg_dataset_dropped(const dg_dataset *d)
{
    return d->dropped;
}

void dg_dataset_want(dg_dataset *d, dg_type type, const dg_shape *shape)
{
    d->wanted = shape;
    d->wanted_type = type;
}

int64_t dg_dataset_place(const dg_dataset *d, int64_t row)
{
    row = d->begin + (d->order ? d->order[row] : row);
    row = d->shuffled ? dg_permutation_at(&d->permutation, row) : row;
    return d->kept ? d->kept[row] : row;
}

int64_t dg_dataset_source_row(const dg_dataset *d, int64_t row)
{
    return row >= 0 && row < d->rows ? dg_dataset_place(d, row) : -1;
}

static dg_status adopt_column(dg_dataset *d, dg_column *c, const dg_column *from)
{
    if (strcmp(c->pipe, from->pipe) != 0)
        return dg_diag_set(&d->first, DG_EMODEL,
                           "its fixed transforms are '%s' here and '%s' in training", c->pipe,
                           from->pipe);
    for (int k = 0;; k++) {
        dg_tensor t;
        char name[200];
        if (!dg_column_state(from, k, &t, name, sizeof name))
            return DG_OK;
        if (dg_column_restore(c, k, &t, &d->first) != DG_OK)
            return d->first.code;
    }
}

dg_status dg_dataset_adopt(dg_dataset *d, const dg_dataset *from, dg_diag *why)
{
    for (int k = 0; k < d->n && d->first.code == DG_OK; k++) {
        const dg_column *other = dg_dataset_find(from, d->column[k]->name);
        if (other)
            adopt_column(d, d->column[k], other);
        dg_dataset_say_place(d, d->column[k]->name, NULL);
    }
    return dg_dataset_report(d, why);
}
