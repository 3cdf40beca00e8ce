/* global_avgpool: the mean of each channel over the picture, or series. x [N, H, W, C] or [N, T,
 * C], y [N, C], or [N, 1, 1, C] or [N, 1, C] with keepdims.
 *
 *     y = 1/(H W) sum over the pixels of x
 *     A^t eps = eps/(H W) at each pixel
 *     dy = 1/(H W) sum over the pixels of dx
 */
#include "ops/op.h"

enum { KEEPDIMS };

#ifndef DG_REAL

static const dg_attr_spec attrs[] = {
    {.name = "keepdims",
     .kind = DG_ATTR_BOOL,
     .max_count = 1,
     .high = 1,
     .preset = "false",
     .text = "[N, 1, 1, C] or [N, 1, C] instead of [N, C]"},
};

static const dg_input_spec inputs[] = {{.name = "x"}};

static dg_status shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                       dg_diag *why)
{
    (void)n_in;
    char text[128];
    int rank = in[0].rank;
    if ((rank != 4 && rank != 3) || in[0].dim[1] < 1 || (rank == 4 && in[0].dim[2] < 1))
        return dg_diag_set(why, DG_EMODEL,
                           "global_avgpool takes pictures [N, H, W, C] of a pixel or more, or "
                           "series [N, T, C], found %s",
                           dg_shape_text(&in[0], text, sizeof text));
    out[0] = (dg_shape){2, {in[0].dim[0], in[0].dim[rank - 1]}};
    if (dg_attr_int(a, KEEPDIMS)) {
        out[0] = in[0];
        for (int k = 1; k < rank - 1; k++)
            out[0].dim[k] = 1;
    }
    return DG_OK;
}

static double flops(const dg_sizes *of, int input)
{
    (void)input;
    return (double)dg_shape_count(&of->in[0]);
}

static const dg_case cases[] = {
    {"n,h,w,c", "", "uniform(-1,1)", HUGE_VAL},
    {"n,3,5,33", "keepdims=true", "uniform(-1,1)", HUGE_VAL},
    {"n,t,c", "keepdims=true", "uniform(-1,1)", HUGE_VAL},
};

const dg_node_type dg_op_global_avgpool = {
    .size = sizeof(dg_node_type),
    .name = "global_avgpool",
    .formula = "y = mean of the picture",
    .onnx = "GlobalAveragePool",
    .attrs = attrs,
    .n_attrs = DG_COUNT(attrs),
    .inputs = inputs,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_ROWS | DG_LINEAR,
    .shape = shape,
    .flops = flops,
    .cases = cases,
    .n_cases = DG_COUNT(cases),
};

#else

static int64_t pixels_of(const dg_shape *x)
{
    return x->dim[1] * (x->rank == 4 ? x->dim[2] : 1);
}

static void mean(const dg_call *c, const real *x, real *y)
{
    const dg_shape *s = &c->in_shape[0];
    int64_t pixels = pixels_of(s), channels = s->dim[s->rank - 1];
    for (int64_t n = c->row0; n < c->row1; n++)
        DG_T(dg_mean_columns)
    (pixels, channels, x + n * pixels * channels, channels, y + n * channels);
}

static dg_status forward(const dg_call *c)
{
    mean(c, c->in[0], c->out[0]);
    return DG_OK;
}

static dg_status adjoint(const dg_call *c)
{
    const dg_shape *s = &c->in_shape[0];
    int64_t pixels = pixels_of(s), channels = s->dim[s->rank - 1];
    if (!c->delta[0])
        return DG_OK;
    for (int64_t n = c->row0; n < c->row1; n++) {
        const real *eps = (const real *)c->eps[0] + n * channels;
        real *delta = (real *)c->delta[0] + n * pixels * channels;
        DG_T(dg_scale)(channels, (real)(1 / (double)pixels), eps, delta);
        for (int64_t i = 1; i < pixels; i++)
            DG_T(dg_copy)(channels, delta, delta + i * channels);
    }
    return DG_OK;
}

static dg_status tangent(const dg_call *c)
{
    int64_t row = dg_shape_row(&c->out_shape[0]);
    if (c->din[0])
        mean(c, c->din[0], c->dout[0]);
    else
        DG_T(dg_fill)((c->row1 - c->row0) * row, 0, (real *)c->dout[0] + c->row0 * row);
    return DG_OK;
}

const dg_math DG_T(dg_math_global_avgpool) = {forward, adjoint, tangent};

#endif
