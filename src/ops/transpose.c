/* transpose: axes in another order, axis k of x being axis perm[k] of z.
 *
 *     x[i_0, i_1, ..] = z[j_0, j_1, ..] with j_perm[k] = i_k
 *     A is a permutation, so A^t eps is the transpose back; dx = dz transposed */
#include "ops/op.h"
#include "ops/walk.h"

#ifndef DG_REAL

static const dg_input_spec inputs[] = {{.name = "z"}};

static const dg_attr_spec attrs[] = {
    {"perm", DG_ATTR_INT, DG_MAX_RANK, -DG_MAX_RANK, DG_MAX_RANK - 1, "", NULL,
     "which axis of z each axis of x is; all in reverse by default"},
};

static dg_status check(const dg_attr_value *perm, const dg_shape *z, dg_diag *why)
{
    char text[128];
    unsigned seen = 0;
    dg_shape_text(z, text, sizeof text);
    for (int k = 0; k < perm->count; k++) {
        int axis = (int)perm->number[k] + (perm->number[k] < 0 ? z->rank : 0);
        if (axis >= 0 && axis < z->rank)
            seen |= 1U << axis;
    }
    if (perm->count && (perm->count != z->rank || seen != (1U << z->rank) - 1))
        return dg_diag_set(why, DG_EMODEL,
                           "transpose: perm must hold each axis of %s, 0 to %d, once", text,
                           z->rank - 1);
    int first = perm->count ? (int)perm->number[0] : z->rank - 1;
    if (z->rank > 0 && z->dim[0] == DG_N && first != 0 && first != -z->rank)
        return dg_diag_set(why, DG_EMODEL,
                           "transpose: the batch axis of %s must stay axis 0: perm=[0, ..]", text);
    return DG_OK;
}

static dg_status shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                       dg_diag *why)
{
    const dg_attr_value *perm = &a->v[0];
    const dg_shape *z = &in[0];
    (void)n_in;
    dg_status s = check(perm, z, why);
    if (s != DG_OK)
        return s;
    out[0] = (dg_shape){.rank = z->rank};
    for (int k = 0; k < z->rank; k++) {
        int axis = perm->count ? (int)perm->number[k] : z->rank - 1 - k;
        out[0].dim[k] = z->dim[axis < 0 ? axis + z->rank : axis];
    }
    return DG_OK;
}

static const dg_case cases[] = {
    {"n,a,b", "perm=[0, 2, 1]", "uniform(-2,2)", HUGE_VAL},
    {"a,b", "", "uniform(-2,2)", HUGE_VAL},
    {"n,a,b,c", "perm=[0, 3, 1, 2]", "uniform(-2,2)", HUGE_VAL},
    {"a,b,c,d", "perm=[2, 0, -1, 1]", "uniform(-2,2)", HUGE_VAL},
    {"n,a,b,c", "perm=[0, 2, 1, 3]", "uniform(-2,2)", HUGE_VAL},
    {"a", "", "uniform(-2,2)", HUGE_VAL},
};

const dg_node_type dg_op_transpose = {
    .size = sizeof(dg_node_type),
    .name = "transpose",
    .formula = "x = z with its axes in the order of perm",
    .onnx = "Transpose",
    .attrs = attrs,
    .n_attrs = DG_COUNT(attrs),
    .inputs = inputs,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_ROWS | DG_LINEAR,
    .shape = shape,
    .cases = cases,
    .n_cases = DG_COUNT(cases),
};

#else

static int axis_of(const dg_attrs *a, int rank, int k)
{
    const dg_attr_value *perm = &a->v[0];
    int axis = perm->count ? (int)perm->number[k] : rank - 1 - k;
    return axis < 0 ? axis + rank : axis;
}

/* The walk over z: array 0 is z itself, array 1 is x. */
static dg_walk walk_over_z(const dg_call *c)
{
    const dg_shape *z = &c->in_shape[0], *x = &c->out_shape[0];
    dg_walk w = dg_walk_over(z);
    dg_walk_add(&w, z);
    dg_walk_add(&w, z);
    int64_t stride = 1;
    for (int k = x->rank - 1; k >= 0; k--) {
        w.step[1][axis_of(c->attrs, x->rank, k)] = stride;
        stride *= x->dim[k];
    }
    return w;
}

/* Along the last axis of the walk array 0 is contiguous; array 1 is along another, or along it too:
 * then there are runs to copy, else a matrix to turn for each place of the rest. */
static void move(dg_walk *w, const real *from, int at_from, real *to, int at_to)
{
    dg_walk_merge(w);
    if (dg_walk_count(w, 0, w->rank) == 0)
        return;
    int last = w->rank - 1, across = last;
    const int64_t run = w->dim[last];
    for (int k = 0; k < last; k++)
        if (w->step[1][k] == 1)
            across = k;
    const int64_t times = across < last ? w->dim[across] : 1;
    if (across < last)
        w->dim[across] = 1; /* the matrix has this axis */
    dg_cursor at = dg_walk_seek(w, 0, 0);
    do {
        const real *p = from + at.at[at_from];
        real *q = to + at.at[at_to];
        if (across == last)
            memcpy(q, p, (size_t)run * sizeof(real));
        else if (at_from == 0)
            DG_T(dg_transpose)(times, run, p, w->step[0][across], q, w->step[1][last]);
        else
            DG_T(dg_transpose)(run, times, p, w->step[1][last], q, w->step[0][across]);
    } while (dg_walk_next(w, 0, last, &at));
}

/* Rows of x are rows of z where axis 0 stays; else the call is for all of them. */
static void cut(const dg_call *c, dg_walk *w)
{
    if (c->out_shape[0].rank > 0 && axis_of(c->attrs, c->out_shape[0].rank, 0) == 0)
        dg_walk_cut(w, 0, c->row0, c->row1);
}

static dg_status turn(const dg_call *c, const real *z, real *x)
{
    dg_walk w = walk_over_z(c);
    cut(c, &w);
    move(&w, z, 0, x, 1);
    return DG_OK;
}

static dg_status forward(const dg_call *c)
{
    return turn(c, c->in[0], c->out[0]);
}

static dg_status adjoint(const dg_call *c)
{
    if (!c->delta[0])
        return DG_OK;
    dg_walk w = walk_over_z(c);
    cut(c, &w);
    move(&w, c->eps[0], 1, c->delta[0], 0);
    return DG_OK;
}

static dg_status tangent(const dg_call *c)
{
    int64_t row = dg_shape_row(c->out_shape);
    if (c->din[0])
        return turn(c, c->din[0], c->dout[0]);
    DG_T(dg_fill)((c->row1 - c->row0) * row, 0, (real *)c->dout[0] + c->row0 * row);
    return DG_OK;
}

const dg_math DG_T(dg_math_transpose) = {forward, adjoint, tangent};

#endif
