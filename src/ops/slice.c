/* slice and pad: a box of a larger array, and an array in a larger box. Either is the other's
 * adjoint.
 *
 *     slice  x = z[.., start:end, ..]    d = eps there, 0 elsewhere      dx = dz[.., start:end, ..]
 *     pad    x = z, value around it      d = eps inside                  dx = dz, 0 around it */
#include "ops/axes.h"
#include "ops/op.h"
#include "ops/walk.h"

enum { AXIS, START, END }; /* attributes of slice */
enum { PADS, VALUE };      /* of pad */

#ifndef DG_REAL

static const dg_input_spec inputs[] = {{.name = "z"}};

static const dg_attr_spec slice_attrs[] = {
    {"axis", DG_ATTR_INT, 1, -DG_MAX_RANK, DG_MAX_RANK - 1, NULL, NULL, "which axis"},
    {"start", DG_ATTR_INT, 1, -1e15, 1e15, NULL, NULL, "first index; negative: from the end"},
    {"end", DG_ATTR_INT, 1, -1e15, 1e15, "", NULL, "one past the last; to the end by default"},
};

static const dg_attr_spec pad_attrs[] = {
    {"pads", DG_ATTR_INT, 2 * DG_MAX_RANK, 0, 1e15, NULL, NULL,
     "elements before each axis, then those after each"},
    {"value", DG_ATTR_REAL, 1, -HUGE_VAL, HUGE_VAL, "0", NULL, "what they are"},
};

/* A bound as ONNX and NumPy take it: from the end if negative, cut to 0 .. n. */
static int64_t bound(int64_t given, int64_t n)
{
    int64_t k = given < 0 ? given + n : given;
    return k < 0 ? 0 : k > n ? n : k;
}

static dg_status slice_shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                             dg_diag *why)
{
    int axis;
    (void)n_in;
    dg_status s = dg_axis_check("slice", &in[0], dg_attr_int(a, AXIS), &axis, why);
    if (s == DG_OK)
        s = dg_axis_not_batch("slice", &in[0], axis, "along", why);
    if (s != DG_OK)
        return s;
    out[0] = in[0];
    int64_t n = in[0].dim[axis], start = bound(dg_attr_int(a, START), n);
    int64_t end = a->v[END].count ? bound(dg_attr_int(a, END), n) : n;
    out[0].dim[axis] = end > start ? end - start : 0;
    return DG_OK;
}

static dg_status pad_shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                           dg_diag *why)
{
    char text[128];
    const dg_attr_value *pads = &a->v[PADS];
    int rank = in[0].rank;
    (void)n_in;
    dg_shape_text(&in[0], text, sizeof text);
    if (pads->count != 2 * rank)
        return dg_diag_set(why, DG_EMODEL,
                           "pad: %s takes %d pads, before each axis and then after each, found %d",
                           text, 2 * rank, pads->count);
    if (rank > 0 && in[0].dim[0] == DG_N && (pads->number[0] > 0 || pads->number[rank] > 0))
        return dg_diag_set(why, DG_EMODEL, "pad: the batch axis of %s takes no padding", text);
    out[0] = in[0];
    for (int k = 0; k < rank; k++)
        out[0].dim[k] += (int64_t)(pads->number[k] + pads->number[rank + k]);
    return DG_OK;
}

static const dg_case slice_cases[] = {
    {"n,a", "axis=-1, start=1, end=-1", "uniform(-2,2)", HUGE_VAL},
    {"n,a,b", "axis=1, start=2, end=9", "uniform(-2,2)", HUGE_VAL},
    {"a,b", "axis=0, start=-5", "uniform(-2,2)", HUGE_VAL},
    {"n,a,b", "axis=2, start=0, end=4", "uniform(-2,2)", HUGE_VAL},
    {"a", "axis=0, start=3, end=2", "uniform(-2,2)", HUGE_VAL},
};

static const dg_case pad_cases[] = {
    {"n,a", "pads=[0, 2, 0, 1], value=3", "uniform(-2,2)", HUGE_VAL},
    {"n,a,b,c", "pads=[0, 1, 2, 0, 0, 1, 0, 3]", "uniform(-2,2)", HUGE_VAL},
    {"a,b", "pads=[1, 0, 2, 0], value=-1", "uniform(-2,2)", HUGE_VAL},
    {"a", "pads=[0, 0]", "uniform(-2,2)", HUGE_VAL},
};

const dg_node_type dg_op_slice = {
    .size = sizeof(dg_node_type),
    .name = "slice",
    .formula = "x = z[.., start:end, ..]",
    .onnx = "Slice",
    .attrs = slice_attrs,
    .n_attrs = DG_COUNT(slice_attrs),
    .inputs = inputs,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_ROWS | DG_LINEAR,
    .shape = slice_shape,
    .cases = slice_cases,
    .n_cases = DG_COUNT(slice_cases),
};

const dg_node_type dg_op_pad = {
    .size = sizeof(dg_node_type),
    .name = "pad",
    .formula = "x = z with value around it",
    .onnx = "Pad",
    .attrs = pad_attrs,
    .n_attrs = DG_COUNT(pad_attrs),
    .inputs = inputs,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_ROWS,
    .shape = pad_shape,
    .cases = pad_cases,
    .n_cases = DG_COUNT(pad_cases),
};

#else

/* A small array at an offset in a large one. */
typedef struct {
    const dg_shape *small, *large;
    int64_t offset[DG_MAX_RANK];
} box;

static box box_of_slice(const dg_call *c)
{
    box b = {.small = c->out_shape, .large = c->in_shape};
    int axis = dg_axis_at(dg_attr_int(c->attrs, AXIS), b.large->rank);
    int64_t n = b.large->dim[axis], start = dg_attr_int(c->attrs, START);
    start += start < 0 ? n : 0;
    b.offset[axis] = start < 0 ? 0 : start;
    return b;
}

static box box_of_pad(const dg_call *c)
{
    box b = {.small = c->in_shape, .large = c->out_shape};
    for (int k = 0; k < b.small->rank; k++)
        b.offset[k] = (int64_t)c->attrs->v[PADS].number[k];
    return b;
}

/* Rows of a call: of both arrays where axis 0 is the same, else the call is for all of them. */
static void cut(const dg_call *c, const box *b, dg_walk *w)
{
    if (b->small->rank > 0 && b->small->dim[0] == b->large->dim[0])
        dg_walk_cut(w, 0, c->row0, c->row1);
}

/* The walk over the small array: array 0 is itself, array 1 its place in the large one. */
static dg_walk walk_of(const dg_call *c, const box *b)
{
    dg_walk w = dg_walk_over(b->small);
    dg_walk_add(&w, b->small);
    dg_walk_add(&w, b->small);
    int64_t stride = 1;
    for (int k = b->small->rank - 1; k >= 0; k--) {
        w.step[1][k] = b->small->dim[k] == 1 ? 0 : stride;
        w.start[1] += b->offset[k] * stride;
        stride *= b->large->dim[k];
    }
    cut(c, b, &w);
    dg_walk_merge(&w);
    return w;
}

/* n elements; along the last axis of the walk the box alone may have steps above 1. */
static void copy_run(int64_t n, const real *from, int64_t step_from, real *to, int64_t step_to)
{
    if (step_from == 1 && step_to == 1)
        memcpy(to, from, (size_t)n * sizeof(real));
    else
        for (int64_t i = 0; i < n; i++)
            to[i * step_to] = from[i * step_from];
}

/* Copies the box: out of the large array (array 1 of the walk to 0), or into it. */
static void copy(const dg_call *c, const box *b, const real *from, real *to, int into)
{
    dg_walk w = walk_of(c, b);
    if (dg_walk_count(&w, 0, w.rank) == 0)
        return;
    const int last = w.rank - 1;
    dg_cursor at = dg_walk_seek(&w, 0, 0);
    do {
        copy_run(w.dim[last], from + at.at[1 - into], w.step[1 - into][last], to + at.at[into],
                 w.step[into][last]);
    } while (dg_walk_next(&w, 0, last, &at));
}

/* The large array: value everywhere in the call's rows, and the small one in its place. from
 * NULL: the small one is zero. */
static dg_status surround(const dg_call *c, const box *b, const real *from, real value, real *to)
{
    dg_walk w = dg_walk_over(b->large);
    dg_walk_add(&w, b->large);
    cut(c, b, &w);
    DG_T(dg_fill)(dg_walk_count(&w, 0, w.rank), value, to + w.start[0]);
    if (from)
        copy(c, b, from, to, 1);
    return DG_OK;
}

/* from NULL: zero. */
static dg_status extract(const dg_call *c, const box *b, const real *from, real *to)
{
    dg_walk w = dg_walk_over(b->small);
    dg_walk_add(&w, b->small);
    cut(c, b, &w);
    if (from)
        copy(c, b, from, to, 0);
    else
        DG_T(dg_fill)(dg_walk_count(&w, 0, w.rank), 0, to + w.start[0]);
    return DG_OK;
}

static dg_status slice_forward(const dg_call *c)
{
    box b = box_of_slice(c);
    return extract(c, &b, c->in[0], c->out[0]);
}

static dg_status slice_adjoint(const dg_call *c)
{
    box b = box_of_slice(c);
    return c->delta[0] ? surround(c, &b, c->eps[0], 0, c->delta[0]) : DG_OK;
}

static dg_status slice_tangent(const dg_call *c)
{
    box b = box_of_slice(c);
    return extract(c, &b, c->din[0], c->dout[0]);
}

const dg_math DG_T(dg_math_slice) = {slice_forward, slice_adjoint, slice_tangent};

static dg_status pad_forward(const dg_call *c)
{
    box b = box_of_pad(c);
    return surround(c, &b, c->in[0], (real)dg_attr_real(c->attrs, VALUE), c->out[0]);
}

static dg_status pad_adjoint(const dg_call *c)
{
    box b = box_of_pad(c);
    return c->delta[0] ? extract(c, &b, c->eps[0], c->delta[0]) : DG_OK;
}

static dg_status pad_tangent(const dg_call *c)
{
    box b = box_of_pad(c);
    return surround(c, &b, c->din[0], 0, c->dout[0]);
}

const dg_math DG_T(dg_math_pad) = {pad_forward, pad_adjoint, pad_tangent};

#endif
