/* position: what the places of a row of tokens learn of their own. x [N, T, ..], of which only the
 * shape counts, W [length, units], T at most length.
 *
 *     y[n, t] = W[t]                      y [N, T, units]
 *     A^t eps = 0
 *     B^t eps: for W[t] the sum of eps[n, t] over n, row by row; 0 from T on
 *     dy[n, t] = dW[t]
 */
#include "ops/op.h"

enum { X, WEIGHT };
enum { LENGTH, UNITS };
enum { TILE = 1024 }; /* numbers of W in one part of its gradient */

#ifndef DG_REAL

static const dg_attr_spec attrs[] = {
    {"length", DG_ATTR_INT, 1, 1, INT32_MAX, NULL, NULL, "the most places that a row can have"},
    {"units", DG_ATTR_INT, 1, 0, INT32_MAX, NULL, NULL, "numbers for each place"},
};

static const dg_input_spec inputs[] = {
    {.name = "x", .flags = DG_IN_ANY},
    {.name = "weight", .flags = DG_IN_PARAMETER, .init = "normal(1)"},
};

static dg_status parameter(const dg_attrs *a, int n_in, const dg_shape in[], int k, dg_shape *out,
                           dg_diag *why)
{
    (void)n_in;
    (void)in;
    (void)k;
    (void)why;
    *out = (dg_shape){2, {dg_attr_int(a, LENGTH), dg_attr_int(a, UNITS)}};
    return DG_OK;
}

static dg_status shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                       dg_diag *why)
{
    char text[128];
    (void)n_in;
    dg_shape_text(&in[X], text, sizeof text);
    if (in[X].rank < 2)
        return dg_diag_set(why, DG_EMODEL, "position takes x [N, T, ..], found %s", text);
    if (in[X].dim[1] > dg_attr_int(a, LENGTH))
        return dg_diag_set(why, DG_EMODEL,
                           "position: %s has %lld places, more than length=%lld; a larger length "
                           "fits",
                           text, (long long)in[X].dim[1], (long long)dg_attr_int(a, LENGTH));
    out[0] = (dg_shape){3, {in[X].dim[0], in[X].dim[1], dg_attr_int(a, UNITS)}};
    return DG_OK;
}

static int parts(const dg_sizes *of, int input)
{
    int64_t all = dg_attr_int(of->attrs, LENGTH) * dg_attr_int(of->attrs, UNITS);
    return input == WEIGHT ? (int)((all + TILE - 1) / TILE) : 1;
}

static const dg_case cases[] = {
    {"n,a; 2a,b", "length=2a, units=b", "uniform(-1,1)", HUGE_VAL},
    {"n,a,3; a,b", "length=a, units=b", "uniform(-1,1)", HUGE_VAL},
    {"n,20; 20,130", "length=20, units=130", "uniform(-1,1)", HUGE_VAL},
    {"a,b; b,c", "length=b, units=c", "uniform(-1,1)", HUGE_VAL},
};

const dg_node_type dg_op_position = {
    .size = sizeof(dg_node_type),
    .name = "position",
    .formula = "y[n, t] = W[t]",
    .attrs = attrs,
    .n_attrs = DG_COUNT(attrs),
    .inputs = inputs,
    .n_inputs = DG_COUNT(inputs),
    .n_out = 1,
    .flags = DG_ROWS | DG_ACCUMULATES,
    .shape = shape,
    .parameter = parameter,
    .parts = parts,
    .cases = cases,
    .n_cases = DG_COUNT(cases),
};

#else

/* The first T rows of w to each row of the call; w NULL: it is zero. */
static dg_status put(const dg_call *c, const real *w, real *y)
{
    int64_t row = dg_shape_row(&c->out_shape[0]);
    for (int64_t n = c->row0; n < c->row1; n++)
        if (w)
            DG_T(dg_copy)(row, w, y + n * row);
        else
            DG_T(dg_fill)(row, 0, y + n * row);
    return DG_OK;
}

static dg_status forward(const dg_call *c)
{
    return put(c, c->in[WEIGHT], c->out[0]);
}

/* Numbers i .. end-1 of W; those from T on get nothing. */
static void weight_gradient(const dg_call *c, int64_t i, int64_t end)
{
    int64_t row = dg_shape_row(&c->out_shape[0]), in = end < row ? end : row;
    real *d = c->delta[WEIGHT];
    if (in > i)
        DG_T(dg_sum_columns)
    (c->out_shape[0].dim[0], in - i, (const real *)c->eps[0] + i, row, c->add, d + i);
    int64_t rest = i > in ? i : in;
    if (!c->add)
        DG_T(dg_fill)(end - rest, 0, d + rest);
}

static dg_status adjoint(const dg_call *c)
{
    int64_t all = dg_shape_count(&c->in_shape[WEIGHT]), x = dg_shape_row(&c->in_shape[X]);
    if (c->delta[X] && !c->add)
        DG_T(dg_fill)((c->row1 - c->row0) * x, 0, (real *)c->delta[X] + c->row0 * x);
    for (int64_t i = (int64_t)c->part * TILE; c->delta[WEIGHT] && i < all;
         i += (int64_t)c->parts * TILE)
        weight_gradient(c, i, all - i < TILE ? all : i + TILE);
    return DG_OK;
}

static dg_status tangent(const dg_call *c)
{
    return put(c, c->din[WEIGHT], c->dout[0]);
}

const dg_math DG_T(dg_math_position) = {forward, adjoint, tangent};

#endif
