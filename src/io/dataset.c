/* Datasets: columns over the same rows, the part of them that a block takes, statistics. */
#include "io/dataset.h"

#include "base/checked.h"
#include "graph/attr.h"
#include "io/column.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ATTRS = 16, STAGES = 64 };

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
    dg_arena_free(&d->arena);
    free(d->order);
    free(d->column);
    free(d);
}

/* The first failure, which every call returns from then on. */
static dg_status report(const dg_dataset *d, dg_diag *why)
{
    if (why && d->first.code != DG_OK && why->code == DG_OK)
        *why = d->first;
    return d->first.code;
}

static dg_status no_memory(dg_dataset *d)
{
    return dg_diag_set(&d->first, DG_EMEMORY, "out of memory");
}

/* Column and place in the model, where a failure does not say them yet. */
static void say_place(dg_dataset *d, const char *column, const dg_io_call *call)
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

/* ---- Attributes ------------------------------------------------------------------------------ */

/* Positional ones get their names, then all are checked. */
static dg_status check_attrs(dg_dataset *d, const dg_io_type *type, const dg_io_call *call,
                             const dg_attrs **out)
{
    dg_attr named[ATTRS];
    if (call->n_attr > ATTRS)
        return dg_diag_set(&d->first, DG_EMODEL, "%s with %d attributes", call->name, call->n_attr);
    for (int i = 0; i < call->n_attr; i++) {
        named[i] = call->attr[i];
        if (named[i].name)
            continue;
        if (i >= type->n_attrs) {
            d->first.start = named[i].start;
            d->first.end = named[i].end;
            return dg_diag_set(&d->first, DG_EMODEL, "%s takes at most %d attributes", type->name,
                               type->n_attrs);
        }
        named[i].name = type->attrs[i].name;
    }
    const dg_attr_table table = {.of = type->name, .specs = type->attrs, .n_specs = type->n_attrs};
    return dg_attrs_check(&table, call->n_attr, named, &d->arena, out, &d->first);
}

static const dg_source_type *find_source(dg_dataset *d, const char *name)
{
    for (int k = 0; k < dg_n_sources; k++)
        if (strcmp(dg_sources[k].type.name, name) == 0)
            return &dg_sources[k];
    dg_diag_set(&d->first, DG_EMODEL, "there is no source '%s'", name);
    return NULL;
}

static const dg_transform *find_transform(dg_dataset *d, const char *name)
{
    for (int k = 0; k < dg_n_transforms; k++)
        if (strcmp(dg_transforms[k].type.name, name) == 0)
            return &dg_transforms[k];
    dg_diag_set(&d->first, DG_EMODEL, "there is no transform '%s'", name);
    return NULL;
}

/* ---- The pipe -------------------------------------------------------------------------------- */

static dg_status plan_stage(dg_dataset *d, dg_stage *s)
{
    s->out = s->in;
    s->n_in = dg_shape_count(&s->in);
    dg_status status = s->type->plan ? s->type->plan(s, &d->first) : DG_OK;
    if (status != DG_OK)
        return status;
    s->n_out = dg_shape_count(&s->out);
    if (s->n_out < 0 || s->n_out > INT64_MAX / 64)
        return dg_diag_set(&d->first, DG_EMODEL, "%s makes rows that are too large",
                           s->type->type.name);
    if (s->type != dg_standardize)
        return DG_OK;
    s->mean = dg_arena_array(&d->arena, 2 * (size_t)s->features, sizeof *s->mean);
    s->deviation = s->mean ? s->mean + s->features : NULL;
    return s->mean ? DG_OK : no_memory(d);
}

static dg_status add_stages(dg_dataset *d, dg_column *c, int n, const dg_io_call *call)
{
    dg_shape row = c->row;
    uint64_t ordinal = 0;
    if (n > STAGES)
        return dg_diag_set(&d->first, DG_EMODEL, "a pipe of %d transforms", n);
    c->stage = dg_arena_array(&d->arena, (size_t)n, sizeof *c->stage);
    if (!c->stage)
        return no_memory(d);
    for (int k = 0; k < n; k++) {
        dg_stage *s = &c->stage[c->n_stages++];
        s->type = find_transform(d, call[k].name);
        s->in = row;
        if (!s->type || check_attrs(d, &s->type->type, &call[k], &s->attrs) != DG_OK ||
            plan_stage(d, s) != DG_OK) {
            say_place(d, c->name, &call[k]);
            return d->first.code;
        }
        s->ordinal = s->type->type.augmenting ? ordinal++ : 0;
        row = s->out;
    }
    c->out = row;
    c->n_out = dg_shape_count(&row);
    return DG_OK;
}

/* Two rows as large as the largest on the way. */
static dg_status add_buffers(dg_dataset *d, dg_column *c)
{
    int64_t most = c->n_in;
    for (int k = 0; k < c->n_stages; k++)
        most = c->stage[k].n_out > most ? c->stage[k].n_out : most;
    for (int i = 0; i < 2; i++) {
        c->buffer[i] = dg_arena_array(&d->arena, (size_t)most, sizeof(double));
        if (!c->buffer[i])
            return no_memory(d);
    }
    return DG_OK;
}

static void write_stage(dg_text *t, const dg_stage *s)
{
    dg_text_printf(t, "%s%s", t->length ? " | " : "", s->type->type.name);
    for (int i = 0; i < s->attrs->n; i++) {
        dg_text_add(t, i ? ", " : "(");
        dg_text_f64(t, s->attrs->v[i].number[0]);
    }
    dg_text_add(t, s->attrs->n ? ")" : "");
}

static dg_status write_pipe(dg_dataset *d, dg_column *c)
{
    dg_text t = dg_text_make(NULL);
    for (int k = 0; k < c->n_stages; k++)
        if (!c->stage[k].type->type.augmenting)
            write_stage(&t, &c->stage[k]);
    c->pipe = t.failed ? NULL : dg_arena_copy_string(&d->arena, t.data);
    dg_text_free(&t);
    return c->pipe ? DG_OK : no_memory(d);
}

/* ---- Columns --------------------------------------------------------------------------------- */

/* Column k of a source: windows of a vector, or the rows of axis 0. */
static void view(dg_column *c, const dg_loaded *l, int k)
{
    const dg_shape *s = &l->array.shape;
    c->from = l;
    if (l->length > 0) {
        c->rows = (s->dim[0] - l->length - 1) / l->stride + 1;
        c->offset = k;
        c->step = l->stride;
        c->row = (dg_shape){.rank = 1, .dim = {l->length}};
    } else {
        c->rows = s->dim[0];
        c->step = dg_shape_row(s);
        c->row.rank = s->rank - 1;
        memcpy(c->row.dim, s->dim + 1, (size_t)c->row.rank * sizeof *s->dim);
    }
    c->n_in = dg_shape_count(&c->row);
}

static dg_status add_column(dg_dataset *d, const char *name, const dg_loaded *l, int k, int n,
                            const dg_io_call *transforms)
{
    if (dg_dataset_find(d, name))
        return dg_diag_set(&d->first, DG_EMODEL, "there are two columns '%s'", name);
    dg_column *c = dg_arena_alloc(&d->arena, sizeof *c);
    if (d->n == d->room) {
        dg_column **more = realloc(d->column, ((size_t)d->room + 8) * sizeof *more);
        if (!more)
            return no_memory(d);
        d->column = more;
        d->room += 8;
    }
    if (!c || !(c->name = dg_arena_copy_string(&d->arena, name)))
        return no_memory(d);
    c->set = d;
    view(c, l, k);
    if (add_stages(d, c, n, transforms) == DG_OK && add_buffers(d, c) == DG_OK &&
        write_pipe(d, c) == DG_OK)
        d->column[d->n++] = c;
    return d->first.code;
}

static dg_status check_add(dg_dataset *d, int n_names, const dg_io_type *source, int n_transforms)
{
    if (n_names < 1 || n_names > source->columns)
        return dg_diag_set(&d->first, DG_EMODEL, "%s fills %d name%s, not %d", source->name,
                           source->columns, source->columns > 1 ? "s" : "", n_names);
    if (n_names > 1 && n_transforms > 0)
        return dg_diag_set(&d->first, DG_EMODEL, "a pipe follows a single name only");
    return DG_OK;
}

dg_status dg_dataset_add(dg_dataset *d, int n_names, const char *const names[],
                         const dg_io_call *source, int n_transforms, const dg_io_call transforms[],
                         dg_diag *why)
{
    if (d->first.code != DG_OK)
        return report(d, why);
    const dg_loaded *l = NULL;
    const dg_attrs *attrs;
    const dg_source_type *type = find_source(d, source->name);
    if (d->sealed)
        dg_diag_set(&d->first, DG_EUSAGE, "a column is added to a dataset that is sealed");
    else if (type && check_add(d, n_names, &type->type, n_transforms) == DG_OK &&
             check_attrs(d, &type->type, source, &attrs) == DG_OK)
        dg_store_load(d->store, type, attrs, &l, &d->first);
    for (int i = 0; i < n_names && d->first.code == DG_OK; i++)
        add_column(d, names[i], l, i, n_transforms, transforms);
    say_place(d, n_names > 0 ? names[0] : "", source);
    return report(d, why);
}

dg_status dg_dataset_take(dg_dataset *d, const char *name, dg_array *array, int n_transforms,
                          const dg_io_call transforms[], dg_diag *why)
{
    const dg_loaded *l = NULL;
    if (d->first.code != DG_OK || d->sealed) {
        dg_array_free(array);
        dg_diag_set(&d->first, DG_EUSAGE, "a column is added to a dataset that is sealed");
        return report(d, why);
    }
    if (dg_store_take(d->store, array, &l, &d->first) == DG_OK)
        add_column(d, name, l, 0, n_transforms, transforms);
    say_place(d, name, NULL);
    return report(d, why);
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
            say_place(d, d->column[k]->name, NULL);
            return d->first.code;
        }
    return DG_OK;
}

dg_status dg_dataset_seal(dg_dataset *d, double a, double b, const uint64_t *shuffle, dg_diag *why)
{
    if (d->first.code != DG_OK || check_rows(d) != DG_OK)
        return report(d, why);
    int64_t rows = d->column[0]->rows;
    if (!(a >= 0 && a < b && b <= 1)) {
        dg_diag_set(&d->first, DG_EMODEL, "part=[%g, %g] is no part of [0, 1]", a, b);
        return report(d, why);
    }
    d->begin = (int64_t)floor(a * (double)rows + 0.5);
    d->rows = (int64_t)floor(b * (double)rows + 0.5) - d->begin;
    if (d->rows <= 0)
        dg_diag_set(&d->first, DG_EDATA, "part=[%g, %g] of %" PRId64 " rows is empty", a, b, rows);
    d->shuffled = shuffle != NULL;
    if (shuffle)
        d->permutation = dg_permutation_make(rows, *shuffle, 0);
    d->sealed = d->first.code == DG_OK;
    return report(d, why);
}

int64_t dg_dataset_rows(const dg_dataset *d)
{
    return d->rows;
}

int64_t dg_dataset_place(const dg_dataset *d, int64_t row)
{
    row = d->begin + (d->order ? d->order[row] : row);
    return d->shuffled ? dg_permutation_at(&d->permutation, row) : row;
}

int64_t dg_dataset_source_row(const dg_dataset *d, int64_t row)
{
    return row >= 0 && row < d->rows ? dg_dataset_place(d, row) : -1;
}

/* ---- Statistics ------------------------------------------------------------------------------ */

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
            status = dg_diag_set(why, DG_EDATA, "its mean or deviation is too large");
    }
    s->fitted = status == DG_OK;
    return status;
}

static dg_status fit_column(dg_column *c, int64_t rows, say_fn say, void *user, dg_diag *why)
{
    int constant = 0;
    c->tabled = 0;
    for (int k = 0; k < c->n_stages; k++)
        if (c->stage[k].type == dg_standardize) {
            dg_status status = fit_stage(c, k, rows, &constant, why);
            if (status != DG_OK)
                return status;
        }
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
        say_place(d, d->column[k]->name, NULL);
    }
    return report(d, why);
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
        say_place(d, d->column[k]->name, NULL);
    }
    return report(d, why);
}
