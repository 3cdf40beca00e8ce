/* maxpool: the largest element of each window, channel by channel. x [N, H, W, C] or
 * [N, T, C].
 *
 *     y = max of the window          padding is -infinity, so it never wins
 *     A^t eps: eps goes to the element that won; windows that overlap add up
 *     dy = dx of the element that won
 *
 * Of equal elements the first wins, of NaN too. forward saves each winner's place in its window. */
#include "ops/op.h"
#include "ops/pool.h"

#ifndef DG_REAL

static const dg_input_spec inputs[] = {{.name = "x"}};

static dg_status shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                       dg_diag *why)
{
    (void)n_in;
    return dg_pool_result("maxpool", a, in, out, why);
}

static void bytes(const dg_sizes *of, dg_bytes *bytes)
{
    dg_pool p;
    if (!dg_pool_find(of->attrs, of->in, &p))
        return;
    size_t tap = of->real == DG_F32 ? dg_pool_tap_bytes_f32_portable(&p)
                                    : dg_pool_tap_bytes_f64_portable(&p);
    bytes->saved = (size_t)(of->in[0].dim[0] * p.oh * p.ow * p.c) * tap;
}

static const dg_case cases[] = {
    {"n,7,6,c", "kernel=2", "distinct(-1,1)", 0},
    {"n,h,w,c", "kernel=3, stride=2, padding=same", "distinct(-1,1)", 0},
    {"n,6,9,c", "kernel=[2, 3], stride=1, padding=[1, 0, 0, 2]", "distinct(-1,1)", 0},
    {"n,5,7,33", "kernel=3, stride=[3, 1], padding=1", "distinct(-1,1)", 0},
    {"n,5,6,c", "kernel=2, stride=4", "distinct(-1,1)", 0},
    {"n,t,c", "kernel=2, stride=3, padding=1, ceil=true", "distinct(-1,1)", 0},
    {"n,9,8,c", "kernel=[2, 3], stride=2, padding=[2, 1], dilation=[3, 2], ceil=true",
     "distinct(-1,1)", 0},
};

const dg_node_type dg_op_maxpool = {
    .size = sizeof(dg_node_type),
    .name = "maxpool",
    .formula = "y = max of the window",
    .onnx = "MaxPool",
    .attrs = dg_pool_attrs,
    .n_attrs = DG_POOL_ATTRS,
    .inputs = inputs,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_ROWS,
    .shape = shape,
    .bytes = bytes,
    .grain = dg_pool_grain,
    .flops = dg_pool_flops,
    .cases = cases,
    .n_cases = DG_COUNT(cases),
};

#else

static dg_status forward(const dg_call *c)
{
    dg_pool p;
    if (!dg_pool_find(c->attrs, c->in_shape, &p))
        return DG_OK;
    if (c->inner1 > 0) {
        int64_t x, y;
        dg_pool lines = dg_pool_lines(c, &p, &x, &y);
        char *tap = (char *)c->saved + (size_t)y * DG_T(dg_pool_tap_bytes)(&p);
        DG_T(dg_maxpool)(&lines, 0, 1, (const real *)c->in[0] + x, (real *)c->out[0] + y, tap);
    } else
        DG_T(dg_maxpool)(&p, c->row0, c->row1, c->in[0], c->out[0], c->saved);
    return DG_OK;
}

static dg_status adjoint(const dg_call *c)
{
    dg_pool p;
    if (!c->delta[0] || !dg_pool_find(c->attrs, c->in_shape, &p))
        return DG_OK;
    if (c->inner1 > 0) {
        int64_t x, y;
        dg_pool lines = dg_pool_lines_back(c, &p, &x, &y);
        const char *tap = (const char *)c->saved + (size_t)y * DG_T(dg_pool_tap_bytes)(&p);
        DG_T(dg_maxpool_adjoint)
        (&lines, 0, 1, (const real *)c->eps[0] + y, tap, (real *)c->delta[0] + x);
    } else
        DG_T(dg_maxpool_adjoint)(&p, c->row0, c->row1, c->eps[0], c->saved, c->delta[0]);
    return DG_OK;
}

static dg_status tangent(const dg_call *c)
{
    dg_pool p;
    int64_t row = dg_shape_row(&c->out_shape[0]);
    if (!c->din[0])
        DG_T(dg_fill)((c->row1 - c->row0) * row, 0, (real *)c->dout[0] + c->row0 * row);
    else if (dg_pool_find(c->attrs, c->in_shape, &p))
        DG_T(dg_maxpool_tangent)(&p, c->row0, c->row1, c->din[0], c->saved, c->dout[0]);
    return DG_OK;
}

const dg_math DG_T(dg_math_maxpool) = {forward, adjoint, tangent};

#endif
