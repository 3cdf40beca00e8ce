/* Rows of a column: from the type of the file, through the pipe, to the type of the program. */
#include "io/column.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

const char *dg_column_name(const dg_column *c)
{
    return c->name;
}

const char *dg_column_pipe(const dg_column *c)
{
    return c->pipe;
}

const char *dg_column_file(const dg_column *c)
{
    return c->from->path;
}

const char *dg_column_vocabulary(const dg_column *c)
{
    return c->from->vocabulary;
}

bool dg_column_is_series(const dg_column *c)
{
    return c->from->length > 0 && c->from->array.shape.rank > 1;
}

static bool same_names(const dg_table *a, const dg_table *b)
{
    bool same = a->n == b->n;
    for (int i = 0; i < a->n && same; i++)
        same = strcmp(a->name[i], b->name[i]) == 0;
    return same;
}

int dg_column_same_windows(const dg_column *a, const dg_column *b)
{
    const dg_loaded *x = a->from, *y = b->from;
    return x->length > 0 && x->length == y->length && x->stride == y->stride &&
           a->offset == b->offset && a->row.dim[0] == b->row.dim[0] && x->path && y->path &&
           strcmp(x->path, y->path) == 0 && same_names(&x->table, &y->table);
}

dg_shape dg_column_shape(const dg_column *c)
{
    dg_shape s = {.rank = c->out.rank + 1, .dim = {DG_N}};
    for (int i = 0; i < c->out.rank; i++)
        s.dim[i + 1] = c->out.dim[i];
    return s;
}

/* ---- One row, in f64 ------------------------------------------------------------------------- */

/* The bytes of a row of DG_U8: of the array, or of a picture that is decoded now. */
static const uint8_t *bytes_of(const dg_column *c, dg_row_scratch *s, int64_t place, dg_diag *why)
{
    if (c->array->data)
        return (const uint8_t *)c->array->data + c->offset + place * c->step;
    if (s->album == c->album && s->place == place)
        return s->picture;
    s->album = dg_album_get(c->album, place, s->picture, why) == DG_OK ? c->album : NULL;
    s->place = place;
    return s->album ? s->picture : NULL;
}

/* Ids of words that the model has learnt, for those of the file. */
static void map_ids(const dg_column *c, double *x)
{
    for (int64_t i = 0; i < c->n_in; i++) {
        const int32_t *map = c->classes.map[i % c->classes.n];
        if (map && x[i] >= 0)
            x[i] = map[(int64_t)x[i]];
    }
}

static dg_status load_row(const dg_column *c, dg_row_scratch *s, int64_t place, double *out,
                          dg_diag *why)
{
    const dg_array *a = c->array;
    int64_t at = c->offset + place * c->step, n = c->n_in;
    if (a->type == DG_U8 || !a->data) {
        const uint8_t *x = bytes_of(c, s, place, why);
        for (int64_t i = 0; x && i < n; i++)
            out[i] = x[i];
        return x ? DG_OK : why ? why->code : DG_EDATA;
    }
    if (a->type == DG_I32)
        for (int64_t i = 0; i < n; i++)
            out[i] = ((const int32_t *)a->data)[at + i];
    else if (a->type == DG_F32)
        for (int64_t i = 0; i < n; i++)
            out[i] = (double)((const float *)a->data)[at + i];
    else
        memcpy(out, (const double *)a->data + at, (size_t)n * sizeof *out);
    if (c->mapped)
        map_ids(c, out);
    return DG_OK;
}

static dg_status pass(const dg_column *c, dg_row_scratch *room, int64_t place, dg_reading how,
                      int n, const double **out, dg_diag *why)
{
    const dg_passing passing = {how, place, c->name, why};
    int at = 0;
    if (load_row(c, room, place, room->buffer[0], why) != DG_OK)
        return why ? why->code : DG_EDATA;
    for (int k = 0; k < n; k++) {
        const dg_stage *s = &c->stage[k];
        if (!dg_stage_is_active(s, how.training))
            continue;
        dg_status status = s->type->run(s, &passing, room->buffer[at], room->buffer[!at]);
        if (status != DG_OK)
            return status;
        at = !at;
    }
    *out = room->buffer[at];
    return DG_OK;
}

dg_status dg_column_pass(dg_column *c, int64_t place, dg_reading how, int n, const double **out,
                         dg_diag *why)
{
    return pass(c, &c->scratch, place, how, n, out, why);
}

/* The first element that type cannot hold. */
static dg_status refuse(const double *x, int64_t n, int64_t place, dg_type type, dg_diag *why)
{
    char text[DG_NUMBER_TEXT];
    int64_t i = 0;
    while (i + 1 < n && (type == DG_F32 ? fabs(x[i]) <= (double)FLT_MAX
                                        : fabs(x[i]) < 0x1p31 && floor(x[i]) == x[i]))
        i++;
    return dg_diag_set(why, DG_EDATA, "row %" PRId64 ": %s %s", place, dg_f64_text(x[i], text),
                       type == DG_F32 ? "does not fit f32" : "is not a whole number of 32 bits");
}

static dg_status store_row(const double *x, int64_t n, int64_t place, dg_type type, void *out,
                           dg_diag *why)
{
    int bad = 0;
    if (type == DG_F64)
        memcpy(out, x, (size_t)n * sizeof *x);
    else if (type == DG_F32)
        for (int64_t i = 0; i < n; i++) {
            bad |= !(fabs(x[i]) <= (double)FLT_MAX);
            ((float *)out)[i] = (float)x[i];
        }
    else
        for (int64_t i = 0; i < n && !bad; i++) {
            bad = !(fabs(x[i]) < 0x1p31) || floor(x[i]) != x[i];
            ((int32_t *)out)[i] = bad ? 0 : (int32_t)x[i];
        }
    return bad ? refuse(x, n, place, type, why) : DG_OK;
}

/* ---- Rows that need no f64 on the way ---------------------------------------------------------
 * */

/* u8 through pointwise stages: each of the 256 values once, then a table. */
static dg_status make_tables(dg_column *c, dg_diag *why)
{
    double x[256], y[256];
    const dg_passing passing = {.why = why};
    for (int v = 0; v < 256; v++)
        x[v] = v;
    for (int k = 0; k < c->n_stages; k++) {
        dg_stage s = c->stage[k];
        if (!dg_stage_is_active(&s, 0))
            continue;
        s.n_in = s.n_out = 256;
        dg_status status = s.type->run(&s, &passing, x, y);
        if (status != DG_OK)
            return status;
        memcpy(x, y, sizeof x);
    }
    memcpy(c->table64, x, sizeof x);
    dg_status status = store_row(x, 256, 0, DG_F32, c->table32, why);
    c->tabled = status == DG_OK;
    return status;
}

static dg_status look_up(const dg_column *c, dg_row_scratch *s, int64_t place, dg_type type,
                         char *out, dg_diag *why)
{
    const uint8_t *x = bytes_of(c, s, place, why);
    if (!x)
        return why ? why->code : DG_EDATA;
    if (type == DG_F32)
        for (int64_t i = 0; i < c->n_in; i++)
            ((float *)out)[i] = c->table32[x[i]];
    else if (type == DG_F64)
        for (int64_t i = 0; i < c->n_in; i++)
            ((double *)out)[i] = c->table64[x[i]];
    else
        for (int64_t i = 0; i < c->n_in; i++)
            ((int32_t *)out)[i] = x[i];
    return DG_OK;
}

typedef enum { PIPE, TABLE, COPY } way;

static way way_of(const dg_column *c, int training, dg_type type)
{
    const dg_type from = c->array->data ? c->array->type : DG_U8;
    int pointwise = 1, active = 0;
    for (int k = 0; k < c->n_stages; k++)
        if (dg_stage_is_active(&c->stage[k], training)) {
            active++;
            pointwise &= dg_stage_is_pointwise(&c->stage[k]);
        }
    if (from == type && !active && !c->mapped)
        return COPY;
    return from == DG_U8 && pointwise && (type != DG_I32 || !active) ? TABLE : PIPE;
}

static dg_status read_row(const dg_column *c, dg_row_scratch *s, int64_t place, dg_reading how,
                          way by, dg_type type, char *out, dg_diag *why)
{
    const double *x;
    size_t bytes = dg_type_bytes(type);
    if (by == TABLE)
        return look_up(c, s, place, type, out, why);
    if (by == COPY)
        memcpy(out, (const char *)c->array->data + (size_t)(c->offset + place * c->step) * bytes,
               (size_t)c->n_in * bytes);
    else {
        dg_status status = pass(c, s, place, how, c->n_stages, &x, why);
        return status != DG_OK ? status : store_row(x, c->n_out, place, type, out, why);
    }
    return DG_OK;
}

static dg_status check_read(const dg_column *c, const int64_t *rows, int64_t n, dg_type type,
                            dg_diag *why)
{
    if (!c->set->sealed)
        return dg_diag_set(why, DG_EUSAGE, "rows are read from a dataset that is not sealed");
    if (type != DG_F32 && type != DG_F64 && type != DG_I32)
        return dg_diag_set(why, DG_EUSAGE, "rows are read as f32, f64 or i32");
    for (int64_t i = 0; i < n; i++)
        if (rows[i] < 0 || rows[i] >= c->set->rows)
            return dg_diag_set(why, DG_EUSAGE, "row %" PRId64 " of %" PRId64, rows[i],
                               c->set->rows);
    return DG_OK;
}

static dg_status say_column(const dg_column *c, dg_status status, dg_diag *why)
{
    if (status != DG_OK && why && !why->node[0])
        dg_format(why->node, sizeof why->node, "%s", c->name);
    return status;
}

dg_status dg_column_prepare(dg_column *c, const int64_t *rows, int64_t n, dg_reading how,
                            dg_type type, dg_diag *why)
{
    dg_status status = check_read(c, rows, n, type, why);
    if (status == DG_OK && way_of(c, how.training, type) == TABLE && !c->tabled)
        status = make_tables(c, why);
    return say_column(c, status, why);
}

dg_status dg_column_read_beside(const dg_column *c, dg_row_scratch *s, const int64_t *rows,
                                int64_t n, dg_reading how, dg_type type, void *out, dg_diag *why)
{
    const way by = way_of(c, how.training, type);
    const size_t bytes = (size_t)c->n_out * dg_type_bytes(type);
    dg_status status = DG_OK;
    for (int64_t i = 0; i < n && status == DG_OK; i++)
        status = read_row(c, s, dg_dataset_place(c->set, rows[i]), how, by, type,
                          (char *)out + (size_t)i * bytes, why);
    return say_column(c, status, why);
}

dg_status dg_column_read(dg_column *c, const int64_t *rows, int64_t n, dg_reading how, dg_type type,
                         void *out, dg_diag *why)
{
    dg_status status = dg_column_prepare(c, rows, n, how, type, why);
    return status == DG_OK ? dg_column_read_beside(c, &c->scratch, rows, n, how, type, out, why)
                           : status;
}

enum { NS = 1, DECODE_NS = 50, OPEN_NS = 50000 }; /* an element, one of a picture, a picture */

double dg_column_cost(const dg_column *c, int training)
{
    double ns = (double)c->n_in * (c->array->data ? NS : DECODE_NS);
    ns += c->array->data ? 0 : OPEN_NS;
    for (int k = 0; k < c->n_stages; k++)
        if (dg_stage_is_active(&c->stage[k], training))
            ns +=
                (double)c->stage[k].n_out * (c->stage[k].type->ns > 0 ? c->stage[k].type->ns : NS);
    return ns;
}

/* ---- Does it fit? ---------------------------------------------------------------------------- */

/* s without axis 0 and the axes of 1. */
static dg_shape bare(const dg_shape *s)
{
    dg_shape b = {0};
    for (int i = 1; i < s->rank; i++)
        if (s->dim[i] != 1)
            b.dim[b.rank++] = s->dim[i];
    return b;
}

static int fits(const dg_shape *have, const dg_shape *want)
{
    int same = have->rank == want->rank, open = 0;
    for (int i = 1; i < want->rank; i++) {
        open |= want->dim[i] == DG_N;
        same = same && (want->dim[i] == DG_N || want->dim[i] == have->dim[i]);
    }
    if (same || open)
        return same;
    dg_shape a = bare(have), b = bare(want);
    return dg_shape_equal(&a, &b) || (want->rank == 2 && want->dim[1] == dg_shape_row(have)) ||
           (have->rank == 2 && have->dim[1] == dg_shape_row(want));
}

dg_status dg_column_fits(const dg_column *c, dg_type type, const dg_shape *shape, dg_diag *why)
{
    char have_text[160], want_text[160];
    dg_shape have = dg_column_shape(c);
    dg_status status = DG_OK;
    if (type == DG_U8)
        status = dg_diag_set(why, DG_EUSAGE, "rows are read as f32, f64 or i32");
    else if (shape->rank < 1 || !fits(&have, shape))
        status = dg_diag_set(why, DG_EDATA, "the data are %s, the model says %s",
                             dg_shape_text(&have, have_text, sizeof have_text),
                             dg_shape_text(shape, want_text, sizeof want_text));
    return say_column(c, status, why);
}

/* ---- Statistics and the way back ------------------------------------------------------------- */

static int first_standardize(const dg_column *c)
{
    int k = 0;
    while (k < c->n_stages && c->stage[k].type != dg_standardize)
        k++;
    return k;
}

int dg_column_is_standardized(const dg_column *c)
{
    return first_standardize(c) < c->n_stages;
}

static void undo_row(const dg_column *c, int first, double *x)
{
    for (int k = c->n_stages - 1; k >= first; k--)
        if (c->stage[k].type->undo)
            c->stage[k].type->undo(&c->stage[k], 1, x);
}

dg_status dg_column_inverse(const dg_column *c, int64_t n, dg_type type, void *values, dg_diag *why)
{
    int first = first_standardize(c);
    double *row = c->scratch.buffer[0];
    if (type != DG_F32 && type != DG_F64)
        return say_column(c, dg_diag_set(why, DG_EUSAGE, "predictions are f32 or f64"), why);
    for (int k = first; k < c->n_stages; k++)
        if (!dg_shape_equal(&c->stage[k].in, &c->stage[k].out))
            return say_column(c,
                              dg_diag_set(why, DG_EMODEL, "%s after standardize cannot be undone",
                                          c->stage[k].type->type.name),
                              why);
    for (int64_t i = 0; i < n && first < c->n_stages; i++) {
        float *x32 = (float *)values + i * c->n_out;
        double *x64 = (double *)values + i * c->n_out;
        for (int64_t j = 0; j < c->n_out; j++)
            row[j] = type == DG_F32 ? (double)x32[j] : x64[j];
        undo_row(c, first, row);
        for (int64_t j = 0; j < c->n_out; j++)
            if (type == DG_F32)
                x32[j] = (float)row[j];
            else
                x64[j] = row[j];
    }
    return DG_OK;
}

/* The k-th stage that has statistics, and its number among those of its kind; NULL: there are not
 * so many. */
static dg_stage *fitted_at(const dg_column *c, int k, int *ordinal)
{
    for (int i = 0; i < c->n_stages; i++)
        if (c->stage[i].n_stats && k-- == 0) {
            *ordinal = 0;
            for (int j = 0; j < i; j++)
                *ordinal += c->stage[j].type == c->stage[i].type && c->stage[j].n_stats;
            return &c->stage[i];
        }
    return NULL;
}

int dg_column_state(const dg_column *c, int k, dg_tensor *t, char *name, size_t size)
{
    int ordinal = 0;
    dg_stage *s = k >= 0 ? fitted_at(c, k, &ordinal) : NULL;
    if (!s)
        return 0;
    *t = (dg_tensor){.type = DG_F64,
                     .shape = {.rank = 2, .dim = {s->n_stats, s->features}},
                     .data = s->mean,
                     .bytes = (size_t)s->n_stats * (size_t)s->features * sizeof(double)};
    dg_format(name, size, "@data.%s.%s%d", c->name, s->type == dg_standardize ? "" : "fill.",
              ordinal);
    return 1;
}

dg_status dg_column_restore(dg_column *c, int k, const dg_tensor *t, dg_diag *why)
{
    int ordinal = 0;
    dg_stage *s = k >= 0 ? fitted_at(c, k, &ordinal) : NULL;
    dg_status status = DG_OK;
    if (!s)
        status = dg_diag_set(why, DG_EUSAGE, "there are no statistics %d", k);
    else if (t->type != DG_F64 || t->shape.rank != 2 || t->shape.dim[0] != s->n_stats ||
             t->shape.dim[1] != s->features || dg_tensor_not_finite(t) >= 0)
        status = dg_diag_set(why, DG_EDATA, "the stored %s are not f64 [%d, %" PRId64 "]",
                             s->n_stats == 2 ? "mean and deviation" : "numbers of fill", s->n_stats,
                             s->features);
    else {
        memcpy(s->mean, t->data, (size_t)s->n_stats * (size_t)s->features * sizeof(double));
        s->fitted = 1;
        c->tabled = 0;
    }
    return say_column(c, status, why);
}
