/* reshape and flatten: the same numbers in the same order, another shape.
 *
 *     x = z          A = I, d = eps, dx = dz
 *
 * They are views, so the engine does no work for them; the functions here copy, for whoever calls
 * them all the same. */
#include "ops/op.h"

#ifndef DG_REAL

static const dg_input_spec inputs[] = {{.name = "z"}};

static const dg_attr_spec reshape_attrs[] = {
    {"shape", DG_ATTR_INT, DG_MAX_RANK, -1, 1e15, NULL, NULL,
     "the new sizes; -1: what is left (first: the rows of z, as N), 0: the size of z there"},
};

static const dg_attr_spec flatten_attrs[] = {
    {"axis", DG_ATTR_INT, 1, -DG_MAX_RANK, DG_MAX_RANK, "1", NULL,
     "axes before it become axis 0, the others axis 1"},
};

/* Sizes want[from ..] for `total` elements, 0 and one -1 replaced; 0: they do not fit. */
static int fit(const dg_shape *z, const dg_attr_value *want, int from, int64_t total, dg_shape *out)
{
    int64_t known = 1;
    int open = -1;
    for (int k = from; k < want->count; k++) {
        int64_t n = (int64_t)want->number[k];
        if ((n == 0 && k >= z->rank) || (n == -1 && open >= 0))
            return 0;
        n = n == 0 ? z->dim[k] : n;
        if (n == -1)
            open = k;
        else if (__builtin_mul_overflow(known, n, &known))
            return 0;
        out->dim[k] = n;
    }
    if (open < 0)
        return known == total;
    if (known <= 0 || total % known != 0)
        return 0;
    out->dim[open] = total / known;
    return 1;
}

static dg_status refuse(const dg_shape *z, const dg_attr_value *want, dg_diag *why)
{
    char from[128], to[128];
    dg_shape s = {.rank = want->count};
    for (int k = 0; k < want->count; k++)
        s.dim[k] = (int64_t)want->number[k];
    int batch = z->rank > 0 && z->dim[0] == DG_N;
    dg_shape_text(&s, to, sizeof to);
    return dg_diag_set(
        why, DG_EMODEL, "reshape: %s does not fit %s%s", dg_shape_text(z, from, sizeof from), to,
        batch ? "; axis 0 must stay the batch (N, -1 or 0), the others its row" : "");
}

/* A first size of -1 or 0 is the rows of z where the other sizes make up a row; so the rule is the
 * same whether N has a number or not. */
static dg_status reshape_shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                               dg_diag *why)
{
    const dg_attr_value *want = &a->v[0];
    (void)n_in;
    out[0] = (dg_shape){.rank = want->count};
    int64_t row = dg_shape_row(&in[0]), all = dg_shape_count(&in[0]);
    if (in[0].rank > 0 && want->number[0] <= 0 && row >= 0 && fit(&in[0], want, 1, row, out))
        out[0].dim[0] = in[0].dim[0];
    else if (all < 0 || !fit(&in[0], want, 0, all, out))
        return refuse(&in[0], want, why);
    return DG_OK;
}

static dg_status flatten_shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                               dg_diag *why)
{
    char text[128];
    int64_t axis = dg_attr_int(a, 0);
    const dg_shape *z = &in[0];
    (void)n_in;
    dg_shape_text(z, text, sizeof text);
    axis += axis < 0 ? z->rank : 0;
    if (axis < 0 || axis > z->rank)
        return dg_diag_set(why, DG_EMODEL, "flatten: %s has no axis %lld, it has %d to %d", text,
                           (long long)dg_attr_int(a, 0), -z->rank, z->rank);
    int batch = z->rank > 0 && z->dim[0] == DG_N;
    if (batch && axis != 1)
        return dg_diag_set(
            why, DG_EMODEL,
            "flatten: axis=%lld would merge the batch axis of %s with others; axis=1 "
            "keeps it",
            (long long)axis, text);
    dg_shape left = dg_shape_make((int)axis, z->dim);
    dg_shape right = dg_shape_make(z->rank - (int)axis, z->dim + axis);
    int64_t rows = batch ? DG_N : dg_shape_count(&left), row = dg_shape_count(&right);
    if (row < 0 || (rows < 0 && !batch))
        return dg_diag_set(why, DG_EMODEL, "flatten: %s is too large", text);
    out[0] = (dg_shape){2, {rows, row}};
    return DG_OK;
}

static const dg_case reshape_cases[] = {
    {"n,a,b", "shape=[-1, b, a]", "uniform(-2,2)", HUGE_VAL},
    {"n,a,2b", "shape=[-1, 2, -1, b]", "uniform(-2,2)", HUGE_VAL},
    {"a,b", "shape=[b, 1, a]", "uniform(-2,2)", HUGE_VAL},
    {"a,b", "shape=[0, -1]", "uniform(-2,2)", HUGE_VAL},
    {"1", "shape=[1, 1]", "uniform(-2,2)", HUGE_VAL},
};

static const dg_case flatten_cases[] = {
    {"n,a,b", "", "uniform(-2,2)", HUGE_VAL},        {"n", "", "uniform(-2,2)", HUGE_VAL},
    {"a,b,c", "axis=-1", "uniform(-2,2)", HUGE_VAL}, {"a,b", "axis=0", "uniform(-2,2)", HUGE_VAL},
    {"", "axis=0", "uniform(-2,2)", HUGE_VAL},
};

const dg_node_type dg_op_reshape = {
    .size = sizeof(dg_node_type),
    .name = "reshape",
    .formula = "x = z in another shape",
    .onnx = "Reshape",
    .attrs = reshape_attrs,
    .n_attrs = DG_COUNT(reshape_attrs),
    .inputs = inputs,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_VIEW | DG_LINEAR,
    .shape = reshape_shape,
    .cases = reshape_cases,
    .n_cases = DG_COUNT(reshape_cases),
};

const dg_node_type dg_op_flatten = {
    .size = sizeof(dg_node_type),
    .name = "flatten",
    .formula = "x = z as a matrix",
    .onnx = "Flatten",
    .attrs = flatten_attrs,
    .n_attrs = DG_COUNT(flatten_attrs),
    .inputs = inputs,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_VIEW | DG_LINEAR,
    .shape = flatten_shape,
    .cases = flatten_cases,
    .n_cases = DG_COUNT(flatten_cases),
};

#else

static dg_status copy(const dg_call *c, const void *from, void *to)
{
    size_t bytes = (size_t)dg_shape_count(c->out_shape) * sizeof(real);
    if (!to || bytes == 0 || from == to)
        return DG_OK;
    if (from)
        memcpy(to, from, bytes);
    else
        memset(to, 0, bytes);
    return DG_OK;
}

static dg_status forward(const dg_call *c)
{
    return copy(c, c->in[0], c->out[0]);
}

static dg_status adjoint(const dg_call *c)
{
    return copy(c, c->eps[0], c->delta[0]);
}

static dg_status tangent(const dg_call *c)
{
    return copy(c, c->din[0], c->dout[0]);
}

const dg_math DG_T(dg_math_reshape) = {forward, adjoint, tangent};
const dg_math DG_T(dg_math_flatten) = {forward, adjoint, tangent};

#endif
