/* concat and split: pieces laid side by side along an axis, and taken apart again. Either is the
 * other's adjoint and inverse.
 *
 *     concat  x = [z1, z2, ..]           d_k = piece k of eps           dx = [dz1, dz2, ..]
 *     split   x_k = piece k of z         d = [eps_1, eps_2, ..]         dx_k = piece k of dz */
#include "ops/axes.h"
#include "ops/op.h"

enum { PARTS, AXIS }; /* attributes of split; concat has AXIS alone, at 0 */

#ifndef DG_REAL

static const dg_input_spec inputs[] = {{.name = "z"}};

static const dg_attr_spec concat_attrs[] = {
    {"axis", DG_ATTR_INT, 1, -DG_MAX_RANK, DG_MAX_RANK - 1, "-1", NULL,
     "along which they are laid"},
};

static const dg_attr_spec split_attrs[] = {
    {"parts", DG_ATTR_INT, DG_MAX_NUMBERS, 1, 1e15, NULL, NULL,
     "how many pieces of equal size, or a list of their sizes"},
    {"axis", DG_ATTR_INT, 1, -DG_MAX_RANK, DG_MAX_RANK - 1, "-1", NULL, "along which z is split"},
};

/* Equal but for one axis. */
static int fits(const dg_shape *a, const dg_shape *b, int axis)
{
    dg_shape c = *b;
    if (a->rank == b->rank)
        c.dim[axis] = a->dim[axis];
    return dg_shape_equal(a, &c);
}

static dg_status concat_shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                              dg_diag *why)
{
    int axis;
    dg_status s = dg_axis_check("concat", &in[0], dg_attr_int(a, 0), &axis, why);
    if (s != DG_OK)
        return s;
    out[0] = in[0];
    out[0].dim[axis] = 0;
    for (int k = 0; k < n_in; k++) {
        char one[128], other[128];
        s = dg_axis_not_batch("concat", &in[k], axis, "along", why);
        if (s != DG_OK)
            return s;
        if (!fits(&in[0], &in[k], axis))
            return dg_diag_set(why, DG_EMODEL, "concat: %s and %s must be equal but for axis %d",
                               dg_shape_text(&in[0], one, sizeof one),
                               dg_shape_text(&in[k], other, sizeof other), axis);
        if (__builtin_add_overflow(out[0].dim[axis], in[k].dim[axis], &out[0].dim[axis]))
            return dg_diag_set(why, DG_EMODEL, "concat: the result is too large");
    }
    return DG_OK;
}

static int split_outputs(const dg_attrs *a)
{
    const dg_attr_value *parts = &a->v[PARTS];
    return parts->count > 1                    ? parts->count
           : parts->number[0] > DG_MAX_OUT + 1 ? DG_MAX_OUT + 1 /* refused, whatever it is */
                                               : (int)parts->number[0];
}

/* Whether the pieces make up an axis of n. */
static dg_status check_pieces(const dg_attr_value *parts, const dg_shape *x, int axis, dg_diag *why)
{
    char text[128];
    int64_t n = x->dim[axis];
    double sum = 0;
    dg_shape_text(x, text, sizeof text);
    if (parts->count == 1)
        return n % (int64_t)parts->number[0] == 0
                   ? DG_OK
                   : dg_diag_set(why, DG_EMODEL,
                                 "split: axis %d of %s does not split into %d equal parts", axis,
                                 text, (int)parts->number[0]);
    for (int k = 0; k < parts->count; k++)
        sum += parts->number[k];
    if (sum == (double)n)
        return DG_OK;
    return dg_diag_set(why, DG_EMODEL, "split: pieces of %.0f in all, axis %d of %s has %lld", sum,
                       axis, text, (long long)n);
}

static dg_status split_shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                             dg_diag *why)
{
    const dg_attr_value *parts = &a->v[PARTS];
    int axis, n = split_outputs(a);
    (void)n_in;
    dg_status s = dg_axis_check("split", &in[0], dg_attr_int(a, AXIS), &axis, why);
    if (s == DG_OK)
        s = dg_axis_not_batch("split", &in[0], axis, "along", why);
    if (s == DG_OK)
        s = check_pieces(parts, &in[0], axis, why);
    for (int k = 0; k < n && s == DG_OK; k++) {
        out[k] = in[0];
        out[k].dim[axis] = parts->count > 1 ? (int64_t)parts->number[k] : in[0].dim[axis] / n;
    }
    return s;
}

/* Along a later axis positions of axis 1 are apart from one another. */
static int64_t concat_grain(const dg_sizes *of, int input)
{
    (void)input;
    return dg_axis_at(dg_attr_int(of->attrs, 0), of->in[0].rank) > 1;
}

static const dg_case concat_cases[] = {
    {"n,a; n,b", "", "uniform(-2,2)", HUGE_VAL},
    {"n,a,b; n,c,b; n,3,b", "axis=1", "uniform(-2,2)", HUGE_VAL},
    {"a,b; c,b", "axis=0", "uniform(-2,2)", HUGE_VAL},
    {"n,a", "", "uniform(-2,2)", HUGE_VAL},
    {"a; b; a; 1", "", "uniform(-2,2)", HUGE_VAL},
    {"n,a,b,c; n,a,b,d", "axis=-1", "uniform(-2,2)", HUGE_VAL},
};

static const dg_case split_cases[] = {
    {"n,3a", "parts=3", "uniform(-2,2)", HUGE_VAL},
    {"n,2a,b", "parts=2, axis=1", "uniform(-2,2)", HUGE_VAL},
    {"4a,b", "parts=4, axis=0", "uniform(-2,2)", HUGE_VAL},
    {"n,a", "parts=1", "uniform(-2,2)", HUGE_VAL},
    {"n,a,5b", "parts=5", "uniform(-2,2)", HUGE_VAL},
    {"n,6,a", "parts=[2, 3, 1], axis=1", "uniform(-2,2)", HUGE_VAL},
    {"n,70", "parts=[1, 69]", "uniform(-2,2)", HUGE_VAL},
};

const dg_node_type dg_op_concat = {
    .size = sizeof(dg_node_type),
    .name = "concat",
    .formula = "x = [z1, z2, ..] along an axis",
    .onnx = "Concat",
    .attrs = concat_attrs,
    .n_attrs = DG_COUNT(concat_attrs),
    .inputs = inputs,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_ROWS | DG_LINEAR | DG_VARIADIC,
    .shape = concat_shape,
    .grain = concat_grain,
    .cases = concat_cases,
    .n_cases = DG_COUNT(concat_cases),
};

const dg_node_type dg_op_split = {
    .size = sizeof(dg_node_type),
    .name = "split",
    .formula = "x_k = piece k of z along an axis",
    .onnx = "Split",
    .attrs = split_attrs,
    .n_attrs = DG_COUNT(split_attrs),
    .inputs = inputs,
    .n_inputs = 1,
    .flags = DG_ROWS | DG_LINEAR,
    .shape = split_shape,
    .outputs = split_outputs,
    .cases = split_cases,
    .n_cases = DG_COUNT(split_cases),
};

#else

/* Copies piece [outer, run] to or from columns at .. at+run-1 of whole [outer, line], for outer
 * indices begin .. end-1. piece NULL: it is zero. */
static void put(const real *piece, int64_t run, real *whole, int64_t line, int64_t at,
                int64_t begin, int64_t end)
{
    for (int64_t i = begin; i < end && run > 0; i++)
        if (piece)
            memcpy(whole + i * line + at, piece + i * run, (size_t)run * sizeof(real));
        else
            memset(whole + i * line + at, 0, (size_t)run * sizeof(real));
}

static void take(real *piece, int64_t run, const real *whole, int64_t line, int64_t at,
                 int64_t begin, int64_t end)
{
    for (int64_t i = begin; i < end && run > 0; i++)
        memcpy(piece + i * run, whole + i * line + at, (size_t)run * sizeof(real));
}

/* The pieces of a whole: n arrays of the shapes given. */
typedef struct {
    const dg_shape *whole, *piece;
    int n, axis;
    int64_t line, begin, end;
} layout;

static layout layout_of(const dg_call *c, int n, const dg_shape *whole, const dg_shape *piece,
                        int64_t axis)
{
    layout l = {.whole = whole, .piece = piece, .n = n, .axis = dg_axis_at(axis, whole->rank)};
    dg_around a = dg_around_axis(whole, l.axis);
    l.line = a.n * a.inner;
    dg_outer_range(whole, l.axis, c->row0, c->row1, &l.begin, &l.end);
    if (c->inner1 > 0) { /* one row, positions of axis 1 */
        const int64_t each = (l.end - l.begin) / whole->dim[1];
        l.end = l.begin + c->inner1 * each;
        l.begin += c->inner0 * each;
    }
    return l;
}

static int64_t run_of(const layout *l, int k)
{
    dg_around a = dg_around_axis(&l->piece[k], l->axis);
    return a.n * a.inner;
}

/* Lays pieces into the whole; those that are NULL are zero. */
static dg_status join(const layout *l, const void *const piece[], void *whole)
{
    int64_t at = 0;
    for (int k = 0; k < l->n; k++) {
        int64_t run = run_of(l, k);
        put(piece[k], run, whole, l->line, at, l->begin, l->end);
        at += run;
    }
    return DG_OK;
}

/* Takes the whole apart; pieces that are NULL are not wanted. whole NULL: it is zero. */
static dg_status part(const layout *l, const void *whole, void *const piece[])
{
    int64_t at = 0;
    for (int k = 0; k < l->n; k++) {
        int64_t run = run_of(l, k);
        if (piece[k] && whole)
            take(piece[k], run, whole, l->line, at, l->begin, l->end);
        else if (piece[k])
            put(NULL, run, piece[k], run, 0, l->begin, l->end);
        at += run;
    }
    return DG_OK;
}

static layout layout_of_concat(const dg_call *c)
{
    return layout_of(c, c->n_in, c->out_shape, c->in_shape, dg_attr_int(c->attrs, 0));
}

static dg_status concat_forward(const dg_call *c)
{
    layout l = layout_of_concat(c);
    return join(&l, c->in, c->out[0]);
}

static dg_status concat_adjoint(const dg_call *c)
{
    layout l = layout_of_concat(c);
    return part(&l, c->eps[0], c->delta);
}

static dg_status concat_tangent(const dg_call *c)
{
    layout l = layout_of_concat(c);
    return join(&l, c->din, c->dout[0]);
}

const dg_math DG_T(dg_math_concat) = {concat_forward, concat_adjoint, concat_tangent};

static layout layout_of_split(const dg_call *c)
{
    return layout_of(c, c->n_out, c->in_shape, c->out_shape, dg_attr_int(c->attrs, AXIS));
}

static dg_status split_forward(const dg_call *c)
{
    layout l = layout_of_split(c);
    return part(&l, c->in[0], c->out);
}

static dg_status split_adjoint(const dg_call *c)
{
    layout l = layout_of_split(c);
    return c->delta[0] ? join(&l, c->eps, c->delta[0]) : DG_OK;
}

static dg_status split_tangent(const dg_call *c)
{
    layout l = layout_of_split(c);
    return part(&l, c->din[0], c->dout);
}

const dg_math DG_T(dg_math_split) = {split_forward, split_adjoint, split_tangent};

#endif
