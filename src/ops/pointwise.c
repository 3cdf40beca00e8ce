/* Point-wise functions of one value: x_i = f(z_i), A = diag f'(z), so d_i = f'(z_i) eps_i.
 *
 *     neg         x = -z            d = -eps
 *     abs         x = |z|           d = sign(z) eps, sign(0) = 0
 *     exp         x = e^z           d = x eps
 *     log         x = ln z          d = eps / z
 *     sqrt        x = z^(1/2)       d = eps / (2 x)
 *     square      x = z^2           d = 2 z eps
 *     reciprocal  x = 1 / z         d = -x^2 eps
 *     sin         x = sin z         d = cos(z) eps
 *     cos         x = cos z         d = -sin(z) eps
 *     clip        x = min(max(z, min), max)    d = eps where min <= z <= max, else 0
 *
 * NaN gives NaN, and error vector 0 in abs and clip. An error vector of 0 comes back as 0 also
 * where the derivative is infinite (exp, log, sqrt, reciprocal). */
#include "ops/pointwise.h"

#ifndef DG_REAL

const dg_input_spec dg_pointwise_input[1] = {{.name = "z"}};

dg_status dg_pointwise_shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                             dg_diag *why)
{
    (void)a, (void)n_in, (void)why;
    out[0] = in[0];
    return DG_OK;
}

static const dg_case smooth_cases[] = {{"n,a", "", "uniform(-2,2)", HUGE_VAL},
                                       {"n,a,b,c", "", "uniform(-2,2)", HUGE_VAL},
                                       {"", "", "uniform(-2,2)", HUGE_VAL}};
static const dg_case kink_cases[] = {{"n,a", "", "away(0.1,-2,2,0)", 0.1},
                                     {"a,b,n", "", "away(0.1,-2,2,0)", 0.1},
                                     {"", "", "away(0.1,-2,2,0)", 0.1}};
static const dg_case positive_cases[] = {{"n,a", "", "uniform(0.5,3)", 0.5},
                                         {"n,a,b", "", "uniform(0.5,3)", 0.5},
                                         {"", "", "uniform(0.5,3)", 0.5}};

const dg_node_type dg_op_neg = {
    .size = sizeof(dg_node_type),
    .name = "neg",
    .formula = "x = -z",
    .onnx = "Neg",
    .inputs = dg_pointwise_input,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_ROWS | DG_POINTWISE | DG_LINEAR,
    .shape = dg_pointwise_shape,
    .cases = smooth_cases,
    .n_cases = DG_COUNT(smooth_cases),
};

const dg_node_type dg_op_abs = {
    .size = sizeof(dg_node_type),
    .name = "abs",
    .formula = "x = |z|; sign(0) = 0",
    .onnx = "Abs",
    .inputs = dg_pointwise_input,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_ROWS | DG_POINTWISE,
    .saves_in = 1,
    .shape = dg_pointwise_shape,
    .cases = kink_cases,
    .n_cases = DG_COUNT(kink_cases),
};

const dg_node_type dg_op_exp = {
    .size = sizeof(dg_node_type),
    .name = "exp",
    .formula = "x = e^z",
    .onnx = "Exp",
    .inputs = dg_pointwise_input,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_ROWS | DG_POINTWISE,
    .saves_out = 1,
    .shape = dg_pointwise_shape,
    .cases = smooth_cases,
    .n_cases = DG_COUNT(smooth_cases),
};

const dg_node_type dg_op_log = {
    .size = sizeof(dg_node_type),
    .name = "log",
    .formula = "x = ln z",
    .onnx = "Log",
    .inputs = dg_pointwise_input,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_ROWS | DG_POINTWISE,
    .saves_in = 1,
    .shape = dg_pointwise_shape,
    .cases = positive_cases,
    .n_cases = DG_COUNT(positive_cases),
};

const dg_node_type dg_op_sqrt = {
    .size = sizeof(dg_node_type),
    .name = "sqrt",
    .formula = "x = z^(1/2)",
    .onnx = "Sqrt",
    .inputs = dg_pointwise_input,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_ROWS | DG_POINTWISE,
    .saves_out = 1,
    .shape = dg_pointwise_shape,
    .cases = positive_cases,
    .n_cases = DG_COUNT(positive_cases),
};

const dg_node_type dg_op_square = {
    .size = sizeof(dg_node_type),
    .name = "square",
    .formula = "x = z^2",
    .onnx = "Mul",
    .inputs = dg_pointwise_input,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_ROWS | DG_POINTWISE,
    .saves_in = 1,
    .shape = dg_pointwise_shape,
    .cases = smooth_cases,
    .n_cases = DG_COUNT(smooth_cases),
};

const dg_node_type dg_op_reciprocal = {
    .size = sizeof(dg_node_type),
    .name = "reciprocal",
    .formula = "x = 1 / z",
    .onnx = "Reciprocal",
    .inputs = dg_pointwise_input,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_ROWS | DG_POINTWISE,
    .saves_out = 1,
    .shape = dg_pointwise_shape,
    .cases = positive_cases,
    .n_cases = DG_COUNT(positive_cases),
};

const dg_node_type dg_op_sin = {
    .size = sizeof(dg_node_type),
    .name = "sin",
    .formula = "x = sin z",
    .onnx = "Sin",
    .inputs = dg_pointwise_input,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_ROWS | DG_POINTWISE,
    .saves_in = 1,
    .shape = dg_pointwise_shape,
    .cases = smooth_cases,
    .n_cases = DG_COUNT(smooth_cases),
};

const dg_node_type dg_op_cos = {
    .size = sizeof(dg_node_type),
    .name = "cos",
    .formula = "x = cos z",
    .onnx = "Cos",
    .inputs = dg_pointwise_input,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_ROWS | DG_POINTWISE,
    .saves_in = 1,
    .shape = dg_pointwise_shape,
    .cases = smooth_cases,
    .n_cases = DG_COUNT(smooth_cases),
};

static const dg_attr_spec clip_attrs[] = {
    {"min", DG_ATTR_REAL, 1, -HUGE_VAL, HUGE_VAL, "", NULL, "lower bound; none by default"},
    {"max", DG_ATTR_REAL, 1, -HUGE_VAL, HUGE_VAL, "", NULL, "upper bound; none by default"}};

static dg_status clip_shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                            dg_diag *why)
{
    if (a->v[0].count && a->v[1].count && dg_attr_real(a, 0) > dg_attr_real(a, 1))
        return dg_diag_set(why, DG_EMODEL, "clip: min is %g, above max, %g", dg_attr_real(a, 0),
                           dg_attr_real(a, 1));
    return dg_pointwise_shape(a, n_in, in, out, why);
}

static const dg_case clip_cases[] = {{"n,a", "min=-1, max=0.5", "away(0.1,-2,2,-1,0.5)", 0.1},
                                     {"n,a", "min=0", "away(0.1,-2,2,0)", 0.1},
                                     {"n,a,b", "max=0", "away(0.1,-2,2,0)", 0.1}};

const dg_node_type dg_op_clip = {
    .size = sizeof(dg_node_type),
    .name = "clip",
    .formula = "x = min(max(z, min), max); error vector 0 outside, kept at the bounds",
    .onnx = "Clip",
    .attrs = clip_attrs,
    .n_attrs = DG_COUNT(clip_attrs),
    .inputs = dg_pointwise_input,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_ROWS | DG_POINTWISE,
    .saves_in = 1,
    .shape = clip_shape,
    .cases = clip_cases,
    .n_cases = DG_COUNT(clip_cases),
};

#else

DG_INLINE vec neg(vec z, const vec *p)
{
    (void)p;
    return -z;
}

DG_INLINE vec neg_slope(vec e, vec s, const vec *p)
{
    (void)s, (void)p;
    return -e;
}

static dg_status neg_forward(const dg_call *c)
{
    return dg_pointwise(c, neg, NULL);
}

static dg_status neg_adjoint(const dg_call *c)
{
    return dg_pointwise_adjoint(c, neg_slope, NULL, NULL);
}

static dg_status neg_tangent(const dg_call *c)
{
    return dg_pointwise_tangent(c, neg_slope, NULL, NULL);
}

const dg_math DG_T(dg_math_neg) = {neg_forward, neg_adjoint, neg_tangent};

DG_INLINE vec abs_value(vec z, const vec *p)
{
    (void)p;
    return vec_abs(z);
}

DG_INLINE vec abs_slope(vec e, vec z, const vec *p)
{
    (void)p;
    vec zero = vec_set1(0);
    return vec_select((ivec)(z > zero), e, vec_select((ivec)(z < zero), -e, zero));
}

static dg_status abs_forward(const dg_call *c)
{
    return dg_pointwise(c, abs_value, NULL);
}

static dg_status abs_adjoint(const dg_call *c)
{
    return dg_pointwise_adjoint(c, abs_slope, c->in[0], NULL);
}

static dg_status abs_tangent(const dg_call *c)
{
    return dg_pointwise_tangent(c, abs_slope, c->in[0], NULL);
}

const dg_math DG_T(dg_math_abs) = {abs_forward, abs_adjoint, abs_tangent};

DG_INLINE vec exponential(vec z, const vec *p)
{
    (void)p;
    return vec_exp(z);
}

DG_INLINE vec exp_slope(vec e, vec x, const vec *p)
{
    (void)p;
    return dg_times(e, x);
}

static dg_status exp_forward(const dg_call *c)
{
    return dg_pointwise(c, exponential, NULL);
}

static dg_status exp_adjoint(const dg_call *c)
{
    return dg_pointwise_adjoint(c, exp_slope, c->out[0], NULL);
}

static dg_status exp_tangent(const dg_call *c)
{
    return dg_pointwise_tangent(c, exp_slope, c->out[0], NULL);
}

const dg_math DG_T(dg_math_exp) = {exp_forward, exp_adjoint, exp_tangent};

DG_INLINE vec logarithm(vec z, const vec *p)
{
    (void)p;
    return vec_log(z);
}

/* e / z, 0 where e is 0. */
DG_INLINE vec log_slope(vec e, vec z, const vec *p)
{
    (void)p;
    vec zero = vec_set1(0);
    return vec_select((ivec)(e == zero), zero, e / z);
}

static dg_status log_forward(const dg_call *c)
{
    return dg_pointwise(c, logarithm, NULL);
}

static dg_status log_adjoint(const dg_call *c)
{
    return dg_pointwise_adjoint(c, log_slope, c->in[0], NULL);
}

static dg_status log_tangent(const dg_call *c)
{
    return dg_pointwise_tangent(c, log_slope, c->in[0], NULL);
}

const dg_math DG_T(dg_math_log) = {log_forward, log_adjoint, log_tangent};

DG_INLINE vec square_root(vec z, const vec *p)
{
    (void)p;
    return vec_sqrt(z);
}

DG_INLINE vec sqrt_slope(vec e, vec x, const vec *p)
{
    return log_slope(e, x + x, p);
}

static dg_status sqrt_forward(const dg_call *c)
{
    return dg_pointwise(c, square_root, NULL);
}

static dg_status sqrt_adjoint(const dg_call *c)
{
    return dg_pointwise_adjoint(c, sqrt_slope, c->out[0], NULL);
}

static dg_status sqrt_tangent(const dg_call *c)
{
    return dg_pointwise_tangent(c, sqrt_slope, c->out[0], NULL);
}

const dg_math DG_T(dg_math_sqrt) = {sqrt_forward, sqrt_adjoint, sqrt_tangent};

DG_INLINE vec square(vec z, const vec *p)
{
    (void)p;
    return z * z;
}

DG_INLINE vec square_slope(vec e, vec z, const vec *p)
{
    (void)p;
    return e * (z + z);
}

static dg_status square_forward(const dg_call *c)
{
    return dg_pointwise(c, square, NULL);
}

static dg_status square_adjoint(const dg_call *c)
{
    return dg_pointwise_adjoint(c, square_slope, c->in[0], NULL);
}

static dg_status square_tangent(const dg_call *c)
{
    return dg_pointwise_tangent(c, square_slope, c->in[0], NULL);
}

const dg_math DG_T(dg_math_square) = {square_forward, square_adjoint, square_tangent};

DG_INLINE vec reciprocal(vec z, const vec *p)
{
    (void)p;
    return 1 / z;
}

DG_INLINE vec reciprocal_slope(vec e, vec x, const vec *p)
{
    (void)p;
    return dg_times(e, -(x * x));
}

static dg_status reciprocal_forward(const dg_call *c)
{
    return dg_pointwise(c, reciprocal, NULL);
}

static dg_status reciprocal_adjoint(const dg_call *c)
{
    return dg_pointwise_adjoint(c, reciprocal_slope, c->out[0], NULL);
}

static dg_status reciprocal_tangent(const dg_call *c)
{
    return dg_pointwise_tangent(c, reciprocal_slope, c->out[0], NULL);
}

const dg_math DG_T(dg_math_reciprocal) = {reciprocal_forward, reciprocal_adjoint,
                                          reciprocal_tangent};

DG_INLINE vec sine(vec z, const vec *p)
{
    (void)p;
    return vec_sin(z);
}

DG_INLINE vec sin_slope(vec e, vec z, const vec *p)
{
    (void)p;
    return e * vec_cos(z);
}

static dg_status sin_forward(const dg_call *c)
{
    return dg_pointwise(c, sine, NULL);
}

static dg_status sin_adjoint(const dg_call *c)
{
    return dg_pointwise_adjoint(c, sin_slope, c->in[0], NULL);
}

static dg_status sin_tangent(const dg_call *c)
{
    return dg_pointwise_tangent(c, sin_slope, c->in[0], NULL);
}

const dg_math DG_T(dg_math_sin) = {sin_forward, sin_adjoint, sin_tangent};

DG_INLINE vec cosine(vec z, const vec *p)
{
    (void)p;
    return vec_cos(z);
}

DG_INLINE vec cos_slope(vec e, vec z, const vec *p)
{
    (void)p;
    return -e * vec_sin(z);
}

static dg_status cos_forward(const dg_call *c)
{
    return dg_pointwise(c, cosine, NULL);
}

static dg_status cos_adjoint(const dg_call *c)
{
    return dg_pointwise_adjoint(c, cos_slope, c->in[0], NULL);
}

static dg_status cos_tangent(const dg_call *c)
{
    return dg_pointwise_tangent(c, cos_slope, c->in[0], NULL);
}

const dg_math DG_T(dg_math_cos) = {cos_forward, cos_adjoint, cos_tangent};

/* p[0] <= x <= p[1]; a bound that is not given is infinite. */
DG_INLINE void bounds(const dg_call *c, vec p[2])
{
    const dg_attr_value *v = c->attrs->v;
    p[0] = vec_set1(v[0].count ? (real)v[0].number[0] : -(real)HUGE_VAL);
    p[1] = vec_set1(v[1].count ? (real)v[1].number[0] : (real)HUGE_VAL);
}

DG_INLINE vec clip(vec z, const vec *p)
{
    return vec_min(vec_max(z, p[0]), p[1]);
}

DG_INLINE vec clip_slope(vec e, vec z, const vec *p)
{
    return vec_select((ivec)(z >= p[0]) & (ivec)(z <= p[1]), e, vec_set1(0));
}

static dg_status clip_forward(const dg_call *c)
{
    vec p[2];
    bounds(c, p);
    return dg_pointwise(c, clip, p);
}

static dg_status clip_adjoint(const dg_call *c)
{
    vec p[2];
    bounds(c, p);
    return dg_pointwise_adjoint(c, clip_slope, c->in[0], p);
}

static dg_status clip_tangent(const dg_call *c)
{
    vec p[2];
    bounds(c, p);
    return dg_pointwise_tangent(c, clip_slope, c->in[0], p);
}

const dg_math DG_T(dg_math_clip) = {clip_forward, clip_adjoint, clip_tangent};

#endif
