/* gather and embedding: slices of an array by their indices.
 *
 *     gather      y[o, k, i] = x[o, ids[k], i]          k over all of ids, its axes in the place of
 *                                                       `axis`; rows=true: x, ids and y have one
 *                                                       axis 0, and row r takes the ids of row r
 *     embedding   y[k, i] = W[ids[k], i]                gather of a parameter [vocabulary, units]
 *
 *     A^t eps: d[o, j, i] = sum of eps[o, k, i] over all k with ids[k] = j, in the order of k
 *     dy = the same slices of dx
 */
#include "ops/axes.h"
#include "ops/op.h"

enum { X, IDS };            /* inputs of gather */
enum { AXIS, BY_ROWS };     /* its attributes */
enum { WORDS, WEIGHT };     /* inputs of embedding */
enum { VOCABULARY, UNITS }; /* its attributes */
enum { TILE = 64 };         /* columns of W's gradient in one part */

#ifndef DG_REAL

/* ---- gather ---------------------------------------------------------------------------------- */

static const dg_attr_spec gather_attrs[] = {
    {"axis", DG_ATTR_INT, 1, -DG_MAX_RANK, DG_MAX_RANK - 1, "0", NULL, "which axis ids index"},
    {"rows", DG_ATTR_BOOL, 1, 0, 1, "false", NULL, "each row of x by the ids of its own row"},
};

static const dg_input_spec gather_inputs[] = {{.name = "x"}, {.name = "ids", .flags = DG_IN_INT}};

static dg_status rows_fit(const dg_shape in[], int axis, dg_diag *why)
{
    char x[128], ids[128];
    dg_shape_text(&in[X], x, sizeof x);
    dg_shape_text(&in[IDS], ids, sizeof ids);
    if (axis == 0 || in[IDS].rank == 0 || in[IDS].dim[0] != in[X].dim[0])
        return dg_diag_set(why, DG_EMODEL,
                           "gather by rows: x %s and ids %s must have the same axis 0, and axis be "
                           "another, found axis %d",
                           x, ids, axis);
    return DG_OK;
}

static dg_status batch_fits(const dg_shape in[], int axis, dg_diag *why)
{
    char x[128], ids[128];
    dg_status s = dg_axis_not_batch("gather", &in[X], axis, "along", why);
    if (s != DG_OK || axis == 0 || in[IDS].rank == 0 || in[IDS].dim[0] != DG_N)
        return s;
    dg_shape_text(&in[X], x, sizeof x);
    dg_shape_text(&in[IDS], ids, sizeof ids);
    return dg_diag_set(why, DG_EMODEL,
                       "gather: ids %s have the batch, which would be axis %d of the result; "
                       "rows=true takes row by row from %s",
                       ids, axis, x);
}

static dg_status gather_shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                              dg_diag *why)
{
    int axis, first = (int)dg_attr_int(a, BY_ROWS);
    (void)n_in;
    dg_status s = dg_axis_check("gather", &in[X], dg_attr_int(a, AXIS), &axis, why);
    if (s == DG_OK)
        s = first ? rows_fit(in, axis, why) : batch_fits(in, axis, why);
    if (s != DG_OK)
        return s;
    if (in[X].dim[axis] == 0)
        return dg_diag_set(why, DG_EMODEL, "gather: axis %d of x is empty, no id fits", axis);
    int rank = in[X].rank - 1 + in[IDS].rank - first, n = 0;
    if (rank > DG_MAX_RANK)
        return dg_diag_set(why, DG_EMODEL, "gather: the result would have %d axes, at most %d",
                           rank, DG_MAX_RANK);
    out[0].rank = rank;
    for (int k = 0; k < axis; k++)
        out[0].dim[n++] = in[X].dim[k];
    for (int k = first; k < in[IDS].rank; k++)
        out[0].dim[n++] = in[IDS].dim[k];
    for (int k = axis + 1; k < in[X].rank; k++)
        out[0].dim[n++] = in[X].dim[k];
    return DG_OK;
}

static int gather_parts(const dg_sizes *of, int input)
{
    int axis = dg_axis_at(dg_attr_int(of->attrs, AXIS), of->in[X].rank);
    if (input != X || axis != 0)
        return 1;
    return (int)((dg_around_axis(&of->in[X], 0).inner + TILE - 1) / TILE);
}

static int64_t gather_limit(const dg_sizes *of, int input)
{
    int axis = dg_axis_at(dg_attr_int(of->attrs, AXIS), of->in[X].rank);
    return input == IDS ? of->in[X].dim[axis] : 0;
}

static const dg_case gather_cases[] = {
    {"3,a; n,b", "", "uniform(-1,1); labels(3)", HUGE_VAL},
    {"7,130; n", "axis=0", "uniform(-1,1); labels(7)", HUGE_VAL},
    {"n,5,a; b", "axis=1", "uniform(-1,1); labels(5)", HUGE_VAL},
    {"n,a,4; b,2", "axis=-1", "uniform(-1,1); labels(4)", HUGE_VAL},
    {"n,5,a; n", "axis=1, rows=true", "uniform(-1,1); labels(5)", HUGE_VAL},
    {"n,a,3,2; n,b", "axis=2, rows=true", "uniform(-1,1); labels(3)", HUGE_VAL},
    {"a,6; b", "axis=1", "uniform(-1,1); labels(6)", HUGE_VAL},
};

const dg_node_type dg_op_gather = {
    .size = sizeof(dg_node_type),
    .name = "gather",
    .formula = "y[o, k, i] = x[o, ids[k], i]",
    .onnx = "Gather",
    .attrs = gather_attrs,
    .n_attrs = DG_COUNT(gather_attrs),
    .inputs = gather_inputs,
    .n_inputs = DG_COUNT(gather_inputs),
    .n_out = 1,
    .flags = DG_ROWS | DG_ACCUMULATES,
    .saves_in = 1 << IDS,
    .shape = gather_shape,
    .parts = gather_parts,
    .limit = gather_limit,
    .cases = gather_cases,
    .n_cases = DG_COUNT(gather_cases),
};

/* ---- embedding ------------------------------------------------------------------------------- */

static const dg_attr_spec embedding_attrs[] = {
    {"vocabulary", DG_ATTR_INT, 1, 1, INT32_MAX, NULL, NULL, "ids are 0 to vocabulary-1"},
    {"units", DG_ATTR_INT, 1, 0, INT32_MAX, NULL, NULL, "numbers for each id"},
};

static const dg_input_spec embedding_inputs[] = {
    {.name = "ids", .flags = DG_IN_INT},
    {.name = "weight", .flags = DG_IN_PARAMETER, .init = "normal(1)"},
};

static dg_status embedding_parameter(const dg_attrs *a, int n_in, const dg_shape in[], int k,
                                     dg_shape *out, dg_diag *why)
{
    (void)n_in;
    (void)in;
    (void)k;
    (void)why;
    *out = (dg_shape){2, {dg_attr_int(a, VOCABULARY), dg_attr_int(a, UNITS)}};
    return DG_OK;
}

static dg_status embedding_shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                                 dg_diag *why)
{
    (void)n_in;
    if (in[WORDS].rank == DG_MAX_RANK)
        return dg_diag_set(why, DG_EMODEL, "embedding: ids have %d axes, at most %d",
                           in[WORDS].rank, DG_MAX_RANK - 1);
    out[0] = in[WORDS];
    out[0].dim[out[0].rank++] = dg_attr_int(a, UNITS);
    return DG_OK;
}

static int embedding_parts(const dg_sizes *of, int input)
{
    return input == WEIGHT ? (int)((dg_attr_int(of->attrs, UNITS) + TILE - 1) / TILE) : 1;
}

static int64_t embedding_limit(const dg_sizes *of, int input)
{
    return input == WORDS ? dg_attr_int(of->attrs, VOCABULARY) : 0;
}

static const dg_case embedding_cases[] = {
    {"n,a; 5,b", "vocabulary=5, units=b", "labels(5); uniform(-1,1)", HUGE_VAL},
    {"n; 3,130", "vocabulary=3, units=130", "labels(3); uniform(-1,1)", HUGE_VAL},
    {"n,a,b; 9,c", "vocabulary=9, units=c", "labels(9); uniform(-1,1)", HUGE_VAL},
    {"a; 2,b", "vocabulary=2, units=b", "labels(2); uniform(-1,1)", HUGE_VAL},
};

const dg_node_type dg_op_embedding = {
    .size = sizeof(dg_node_type),
    .name = "embedding",
    .formula = "y[k] = W[ids[k]]",
    .onnx = "Gather",
    .attrs = embedding_attrs,
    .n_attrs = DG_COUNT(embedding_attrs),
    .inputs = embedding_inputs,
    .n_inputs = DG_COUNT(embedding_inputs),
    .n_out = 1,
    .flags = DG_ROWS | DG_ACCUMULATES,
    .saves_in = 1 << WORDS,
    .shape = embedding_shape,
    .parameter = embedding_parameter,
    .parts = embedding_parts,
    .limit = embedding_limit,
    .cases = embedding_cases,
    .n_cases = DG_COUNT(embedding_cases),
};

#else

/* x [outer, n, inner], y [outer, k, inner], once for each of `rows` rows; of one row only ids
 * k0 .. k1-1, of the others outer indices begin .. end-1. */
typedef struct {
    int64_t outer, n, inner, k, begin, end, k0, k1;
    int64_t rows0, rows1; /* rows=true: rows of the call; else 0, 1 */
} layout;

static layout whole(int64_t outer, int64_t n, int64_t inner, int64_t k)
{
    return (layout){outer, n, inner, k, 0, outer, 0, k, 0, 1};
}

/* What of it rows row0 .. row1-1 of y are. */
static layout gather_layout(const dg_call *c)
{
    const dg_shape *x = &c->in_shape[X], *ids = &c->in_shape[IDS];
    int axis = dg_axis_at(dg_attr_int(c->attrs, AXIS), x->rank);
    dg_around a = dg_around_axis(x, axis);
    layout l = whole(a.outer, a.n, a.inner, dg_shape_count(ids));
    if (dg_attr_int(c->attrs, BY_ROWS)) {
        l.rows0 = c->row0;
        l.rows1 = c->row1;
        l.k = l.k1 = dg_shape_row(ids);
        l.outer = 1;
        for (int i = 1; i < axis; i++)
            l.outer *= x->dim[i];
        l.end = l.outer;
    } else if (axis > 0) {
        dg_outer_range(x, axis, c->row0, c->row1, &l.begin, &l.end);
    } else if (ids->rank > 0) {
        l.k0 = c->row0 * dg_shape_row(ids);
        l.k1 = c->row1 * dg_shape_row(ids);
    }
    return l;
}

/* Slices of x to y; x NULL: it is zero. */
static void take(const layout *l, const real *x, const int32_t *ids, real *y)
{
    for (int64_t r = l->rows0; r < l->rows1; r++)
        for (int64_t o = r * l->outer + l->begin; o < r * l->outer + l->end; o++)
            for (int64_t k = l->k0; k < l->k1; k++) {
                real *to = y + (o * l->k + k) * l->inner;
                if (x)
                    DG_T(dg_copy)(l->inner, x + (o * l->n + ids[r * l->k + k]) * l->inner, to);
                else
                    DG_T(dg_fill)(l->inner, 0, to);
            }
}

/* d (+)= slices of eps, columns i0 .. i1-1 of inner. */
static void give(const layout *l, const real *eps, const int32_t *ids, int add, int64_t i0,
                 int64_t i1, real *d)
{
    for (int64_t r = l->rows0; r < l->rows1; r++)
        for (int64_t o = r * l->outer + l->begin; o < r * l->outer + l->end; o++) {
            for (int64_t j = o * l->n; j < (o + 1) * l->n && !add; j++)
                DG_T(dg_fill)(i1 - i0, 0, d + j * l->inner + i0);
            for (int64_t k = l->k0; k < l->k1; k++) {
                real *to = d + (o * l->n + ids[r * l->k + k]) * l->inner + i0;
                DG_T(dg_add)(i1 - i0, to, eps + (o * l->k + k) * l->inner + i0, to);
            }
        }
}

/* The columns of this part. */
static void give_part(const dg_call *c, const layout *l, const int32_t *ids, real *d)
{
    for (int64_t i = (int64_t)c->part * TILE; i < l->inner; i += (int64_t)c->parts * TILE)
        give(l, c->eps[0], ids, c->add, i, l->inner - i < TILE ? l->inner : i + TILE, d);
}

static dg_status gather_forward(const dg_call *c)
{
    layout l = gather_layout(c);
    take(&l, c->in[X], c->in[IDS], c->out[0]);
    return DG_OK;
}

static dg_status gather_adjoint(const dg_call *c)
{
    layout l = gather_layout(c);
    if (!c->delta[X])
        return DG_OK;
    if (c->parts > 1)
        give_part(c, &l, c->in[IDS], c->delta[X]);
    else
        give(&l, c->eps[0], c->in[IDS], c->add, 0, l.inner, c->delta[X]);
    return DG_OK;
}

static dg_status gather_tangent(const dg_call *c)
{
    layout l = gather_layout(c);
    take(&l, c->din[X], c->in[IDS], c->dout[0]);
    return DG_OK;
}

const dg_math DG_T(dg_math_gather) = {gather_forward, gather_adjoint, gather_tangent};

static layout embedding_layout(const dg_call *c)
{
    const dg_shape *ids = &c->in_shape[WORDS], *w = &c->in_shape[WEIGHT];
    layout l = whole(1, w->dim[0], w->dim[1], dg_shape_count(ids));
    if (ids->rank > 0) {
        l.k0 = c->row0 * dg_shape_row(ids);
        l.k1 = c->row1 * dg_shape_row(ids);
    }
    return l;
}

static dg_status embedding_forward(const dg_call *c)
{
    layout l = embedding_layout(c);
    take(&l, c->in[WEIGHT], c->in[WORDS], c->out[0]);
    return DG_OK;
}

static dg_status embedding_adjoint(const dg_call *c)
{
    layout l = embedding_layout(c);
    if (c->delta[WEIGHT])
        give_part(c, &l, c->in[WORDS], c->delta[WEIGHT]);
    return DG_OK;
}

static dg_status embedding_tangent(const dg_call *c)
{
    layout l = embedding_layout(c);
    take(&l, c->din[WEIGHT], c->in[WORDS], c->dout[0]);
    return DG_OK;
}

const dg_math DG_T(dg_math_embedding) = {embedding_forward, embedding_adjoint, embedding_tangent};

#endif
