/* slice and pad: a box of a larger array, and an array in a larger box. Either is the other's
 * adjoint.
 *
 *     slice  x = z[.., start:end:step, ..]    d = eps there, 0 elsewhere
 *            dx = dz[.., start:end:step, ..]
 *     pad    x = z, value around it           d = eps inside
 *            dx = dz, 0 around it
 *
 * pad with a mode repeats z instead: its mirror image without the border itself (reflect), its
 * border (replicate), or z again (circular). That is a map along axes (ops/taps.h); its adjoint
 * adds what comes back from each copy. */
#include "ops/axes.h"
#include "ops/op.h"
#include "ops/taps.h"
#include "ops/walk.h"

enum { AXIS, START, END, STEP };                        /* attributes of slice */
enum { PADS, PAD_VALUE, MODE };                         /* of pad */
enum { BY_VALUE, REFLECT, REPLICATE, CIRCULAR, MODES }; /* words of MODE */

/* A bound as ONNX and NumPy take it: from the end if negative, cut to low .. high. */
static int64_t bound(int64_t given, int64_t n, int64_t low, int64_t high)
{
    int64_t k = given < 0 ? given + n : given;
    return k < low ? low : k > high ? high : k;
}

/* Where the slice of an axis of n elements begins, and how many it has. */
static int64_t start_of(const dg_attrs *a, int64_t n, int64_t *count)
{
    int64_t step = dg_attr_int(a, STEP), low = step < 0 ? -1 : 0, high = n + low;
    int64_t start = bound(dg_attr_int(a, START), n, low, high);
    int64_t end = a->v[END].count ? bound(dg_attr_int(a, END), n, low, high) : step < 0 ? -1 : n;
    int64_t length = step < 0 ? start - end : end - start, each = step < 0 ? -step : step;
    *count = length > 0 ? (length - 1) / each + 1 : 0;
    return start;
}

#ifndef DG_REAL

static const dg_input_spec inputs[] = {{.name = "z"}};

static const dg_attr_spec slice_attrs[] = {
    {"axis", DG_ATTR_INT, 1, -DG_MAX_RANK, DG_MAX_RANK - 1, NULL, NULL, "which axis"},
    {"start", DG_ATTR_INT, 1, -1e15, 1e15, NULL, NULL, "first index; negative: from the end"},
    {"end", DG_ATTR_INT, 1, -1e15, 1e15, "", NULL,
     "one past the last in the direction of step; to the end by default"},
    {"step", DG_ATTR_INT, 1, -1e15, 1e15, "1", NULL, "every step-th; below 0: backward"},
};

static const dg_attr_spec pad_attrs[] = {
    {"pads", DG_ATTR_INT, 2 * DG_MAX_RANK, 0, 1e15, NULL, NULL,
     "elements before each axis, then those after each"},
    {"value", DG_ATTR_REAL, 1, -HUGE_VAL, HUGE_VAL, "0", NULL, "what they are"},
    {"mode", DG_ATTR_WORD, 1, 0, 0, "value", "value reflect replicate circular",
     "value, or what of z is repeated there"},
};

static dg_status slice_shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                             dg_diag *why)
{
    int axis;
    (void)n_in;
    dg_status s = dg_axis_check("slice", &in[0], dg_attr_int(a, AXIS), &axis, why);
    if (s == DG_OK)
        s = dg_axis_not_batch("slice", &in[0], axis, "along", why);
    if (s == DG_OK && dg_attr_int(a, STEP) == 0)
        s = dg_diag_set(why, DG_EMODEL, "slice: a step of 0 goes nowhere");
    if (s != DG_OK)
        return s;
    out[0] = in[0];
    start_of(a, in[0].dim[axis], &out[0].dim[axis]);
    return DG_OK;
}

/* What is repeated must be there: of an axis of n, at most so many before it or after it. */
static dg_status check_repeat(const dg_attrs *a, const dg_shape *x, int k, int64_t pads,
                              dg_diag *why)
{
    static const char *const word[MODES] = {"value", "reflect", "replicate", "circular"};
    char text[128];
    int mode = a->v[MODE].word;
    int64_t n = x->dim[k], most = mode == REFLECT ? n - 1 : mode == CIRCULAR ? n : n > 0 ? pads : 0;
    if (mode == BY_VALUE || pads <= (most > 0 ? most : 0))
        return DG_OK;
    return dg_diag_set(why, DG_EMODEL,
                       "pad: axis %d of %s gives at most %lld elements to repeat with mode=%s, "
                       "found %lld pads",
                       k, dg_shape_text(x, text, sizeof text), (long long)(most > 0 ? most : 0),
                       word[mode], (long long)pads);
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
    for (int k = 0; k < rank; k++) {
        int64_t before = (int64_t)pads->number[k], after = (int64_t)pads->number[rank + k];
        dg_status s = check_repeat(a, &in[0], k, before > after ? before : after, why);
        if (s != DG_OK)
            return s;
        out[0].dim[k] += before + after;
    }
    return DG_OK;
}

static void pad_bytes(const dg_sizes *of, dg_bytes *bytes)
{
    dg_shape x;
    if (of->attrs->v[MODE].word != BY_VALUE &&
        pad_shape(of->attrs, of->n_in, of->in, &x, NULL) == DG_OK)
        bytes->scratch = dg_map_scratch(&of->in[0], &x);
}

static const dg_case slice_cases[] = {
    {"n,a", "axis=-1, start=1, end=-1", "uniform(-2,2)", HUGE_VAL},
    {"n,a,b", "axis=1, start=2, end=9", "uniform(-2,2)", HUGE_VAL},
    {"a,b", "axis=0, start=-5", "uniform(-2,2)", HUGE_VAL},
    {"n,a,b", "axis=2, start=0, end=4", "uniform(-2,2)", HUGE_VAL},
    {"a", "axis=0, start=3, end=2", "uniform(-2,2)", HUGE_VAL},
    {"n,a,b", "axis=1, start=1, step=2", "uniform(-2,2)", HUGE_VAL},
    {"n,a", "axis=1, start=-1, step=-1", "uniform(-2,2)", HUGE_VAL},
    {"n,9,a", "axis=1, start=7, end=0, step=-3", "uniform(-2,2)", HUGE_VAL},
};

static const dg_case pad_cases[] = {
    {"n,a", "pads=[0, 2, 0, 1], value=3", "uniform(-2,2)", HUGE_VAL},
    {"n,a,b,c", "pads=[0, 1, 2, 0, 0, 1, 0, 3]", "uniform(-2,2)", HUGE_VAL},
    {"a,b", "pads=[1, 0, 2, 0], value=-1", "uniform(-2,2)", HUGE_VAL},
    {"a", "pads=[0, 0]", "uniform(-2,2)", HUGE_VAL},
    {"n,4,5,c", "pads=[0, 3, 1, 0, 0, 2, 4, 0], mode=reflect", "uniform(-2,2)", HUGE_VAL},
    {"n,h,w,c", "pads=[0, 3, 1, 0, 0, 2, 0, 0], mode=replicate", "uniform(-2,2)", HUGE_VAL},
    {"n,3,5", "pads=[0, 3, 0, 0, 1, 4], mode=circular", "uniform(-2,2)", HUGE_VAL},
    {"4,b", "pads=[2, 0, 3, 0], mode=reflect", "uniform(-2,2)", HUGE_VAL},
};

const dg_node_type dg_op_slice = {
    .size = sizeof(dg_node_type),
    .name = "slice",
    .formula = "x = z[.., start:end:step, ..]",
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
    .formula = "x = z with value, or what it repeats, around it",
    .onnx = "Pad",
    .attrs = pad_attrs,
    .n_attrs = DG_COUNT(pad_attrs),
    .inputs = inputs,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_ROWS,
    .shape = pad_shape,
    .bytes = pad_bytes,
    .cases = pad_cases,
    .n_cases = DG_COUNT(pad_cases),
};

#else

/* A small array at an offset in a large one, every step-th element of an axis. */
typedef struct {
    const dg_shape *small, *large;
    int64_t offset[DG_MAX_RANK], step[DG_MAX_RANK];
} box;

static box box_at(const dg_shape *small, const dg_shape *large)
{
    box b = {.small = small, .large = large};
    for (int k = 0; k < small->rank; k++)
        b.step[k] = 1;
    return b;
}

static box box_of_slice(const dg_call *c)
{
    box b = box_at(c->out_shape, c->in_shape);
    int64_t count;
    int axis = dg_axis_at(dg_attr_int(c->attrs, AXIS), b.large->rank);
    b.offset[axis] = start_of(c->attrs, b.large->dim[axis], &count);
    b.step[axis] = dg_attr_int(c->attrs, STEP);
    return b;
}

static box box_of_pad(const dg_call *c)
{
    box b = box_at(c->in_shape, c->out_shape);
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
        w.step[1][k] = b->small->dim[k] == 1 ? 0 : stride * b->step[k];
        w.start[1] += b->offset[k] * stride;
        stride *= b->large->dim[k];
    }
    cut(c, b, &w);
    dg_walk_merge(&w);
    return w;
}

/* n elements; along the last axis of the walk the box alone may have steps other than 1. */
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

/* The place of z that stands at place o of axis k. */
static int pad_taps(const void *of, int k, int64_t o, dg_tap *tap)
{
    const dg_call *c = of;
    int64_t n = c->in_shape[0].dim[k], i = o - (int64_t)c->attrs->v[PADS].number[k];
    switch (c->attrs->v[MODE].word) {
    case REFLECT:
        i = i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i;
        break;
    case CIRCULAR:
        i = i < 0 ? i + n : i >= n ? i - n : i;
        break;
    default:
        i = i < 0 ? 0 : i >= n ? n - 1 : i;
    }
    *tap = (dg_tap){i, 1};
    return 1;
}

static int repeats(const dg_call *c)
{
    return c->attrs->v[MODE].word != BY_VALUE;
}

static dg_status pad_forward(const dg_call *c)
{
    box b = box_of_pad(c);
    return repeats(c)
               ? DG_T(dg_map_run)(c, pad_taps, c)
               : surround(c, &b, c->in[0], (real)dg_attr_real(c->attrs, PAD_VALUE), c->out[0]);
}

static dg_status pad_adjoint(const dg_call *c)
{
    box b = box_of_pad(c);
    if (!c->delta[0])
        return DG_OK;
    return repeats(c) ? DG_T(dg_map_run)(c, pad_taps, c) : extract(c, &b, c->eps[0], c->delta[0]);
}

static dg_status pad_tangent(const dg_call *c)
{
    box b = box_of_pad(c);
    return repeats(c) ? DG_T(dg_map_run)(c, pad_taps, c)
                      : surround(c, &b, c->din[0], 0, c->dout[0]);
}

const dg_math DG_T(dg_math_pad) = {pad_forward, pad_adjoint, pad_tangent};

#endif
