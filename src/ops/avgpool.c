/* avgpool: the mean of each window, channel by channel, over what of it lies in the picture,
 * or with include_padding in the padded picture.
 *
 *     y = 1/k sum of the window      k elements; padding counts only with include_padding
 *     A^t eps: eps/k to each of them; windows that overlap add up
 *     dy = 1/k sum of the window of dx
 */
#include "ops/op.h"
#include "ops/pool.h"

#ifndef DG_REAL

static const dg_input_spec inputs[] = {{.name = "x"}};

static dg_status shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                       dg_diag *why)
{
    (void)n_in;
    return dg_pool_result("avgpool", a, in, out, why);
}

static const dg_case cases[] = {
    {"n,7,6,c", "kernel=2", "uniform(-1,1)", HUGE_VAL},
    {"n,h,w,c", "kernel=3, stride=2, padding=same", "uniform(-1,1)", HUGE_VAL},
    {"n,6,9,c", "kernel=[2, 3], stride=1, padding=[1, 0, 0, 2]", "uniform(-1,1)", HUGE_VAL},
    {"n,5,7,33", "kernel=3, stride=[3, 1], padding=1", "uniform(-1,1)", HUGE_VAL},
    {"n,5,6,c", "kernel=2, stride=4", "uniform(-1,1)", HUGE_VAL},
    {"n,t,c", "kernel=2, stride=3, padding=1, ceil=true", "uniform(-1,1)", HUGE_VAL},
    {"n,9,8,c", "kernel=[2, 3], stride=2, padding=[2, 1], dilation=[3, 2], ceil=true",
     "uniform(-1,1)", HUGE_VAL},
    {"n,9,8,c", "kernel=3, stride=2, padding=1, ceil=true, include_padding=true", "uniform(-1,1)",
     HUGE_VAL},
};

const dg_node_type dg_op_avgpool = {
    .size = sizeof(dg_node_type),
    .name = "avgpool",
    .formula = "y = mean of the window",
    .onnx = "AveragePool",
    .attrs = dg_pool_attrs,
    .n_attrs = DG_POOL_ATTRS + 1,
    .inputs = inputs,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_ROWS | DG_LINEAR,
    .shape = shape,
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
        DG_T(dg_avgpool)(&lines, 0, 1, (const real *)c->in[0] + x, (real *)c->out[0] + y);
    } else
        DG_T(dg_avgpool)(&p, c->row0, c->row1, c->in[0], c->out[0]);
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
        DG_T(dg_avgpool_adjoint)
        (&lines, 0, 1, (const real *)c->eps[0] + y, (real *)c->delta[0] + x);
    } else
        DG_T(dg_avgpool_adjoint)(&p, c->row0, c->row1, c->eps[0], c->delta[0]);
    return DG_OK;
}

static dg_status tangent(const dg_call *c)
{
    dg_pool p;
    int64_t row = dg_shape_row(&c->out_shape[0]);
    if (!c->din[0])
        DG_T(dg_fill)((c->row1 - c->row0) * row, 0, (real *)c->dout[0] + c->row0 * row);
    else if (dg_pool_find(c->attrs, c->in_shape, &p))
        DG_T(dg_avgpool)(&p, c->row0, c->row1, c->din[0], c->dout[0]);
    return DG_OK;
}

const dg_math DG_T(dg_math_avgpool) = {forward, adjoint, tangent};

#endif
