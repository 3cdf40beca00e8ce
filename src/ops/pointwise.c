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
 *     erf         x = erf z         d = 2 / sqrt(pi) e^(-z^2) eps
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

const dg_node_type dg_op_neg =
    DG_POINTWISE_TYPE("neg", "x = -z", "Neg", DG_LINEAR, smooth_cases, .saves_in = 0);
const dg_node_type dg_op_abs =
    DG_POINTWISE_TYPE("abs", "x = |z|; sign(0) = 0", "Abs", 0, kink_cases, .saves_in = 1);
const dg_node_type dg_op_exp =
    DG_POINTWISE_TYPE("exp", "x = e^z", "Exp", 0, smooth_cases, .saves_out = 1);
const dg_node_type dg_op_log =
    DG_POINTWISE_TYPE("log", "x = ln z", "Log", 0, positive_cases, .saves_in = 1);
const dg_node_type dg_op_sqrt =
    DG_POINTWISE_TYPE("sqrt", "x = z^(1/2)", "Sqrt", 0, positive_cases, .saves_out = 1);
const dg_node_type dg_op_square =
    DG_POINTWISE_TYPE("square", "x = z^2", "Mul", 0, smooth_cases, .saves_in = 1);
const dg_node_type dg_op_reciprocal =
    DG_POINTWISE_TYPE("reciprocal", "x = 1 / z", "Reciprocal", 0, positive_cases, .saves_out = 1);
const dg_node_type dg_op_sin =
    DG_POINTWISE_TYPE("sin", "x = sin z", "Sin", 0, smooth_cases, .saves_in = 1);
const dg_node_type dg_op_cos =
    DG_POINTWISE_TYPE("cos", "x = cos z", "Cos", 0, smooth_cases, .saves_in = 1);
const dg_node_type dg_op_erf =
    DG_POINTWISE_TYPE("erf", "x = erf z", "Erf", 0, smooth_cases, .saves_in = 1);

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
    .inputs = dg_pointwise_input,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_ROWS | DG_POINTWISE,
    .saves_in = 1,
    .shape = clip_shape,
    .cases = clip_cases,
    .n_cases = DG_COUNT(clip_cases),
    DG_ATTRS(clip_attrs),
};

#else

DG_INLINE vec neg(dg_point t)
{
    return -t.z;
}

DG_INLINE vec neg_slope(dg_point t)
{
    return -t.e;
}

static dg_status neg_call(const dg_call *c)
{
    return dg_pointwise(c, neg, neg_slope, NULL);
}

const dg_math DG_T(dg_math_neg) = {neg_call, neg_call, neg_call};

DG_INLINE vec abs_value(dg_point t)
{
    return vec_abs(t.z);
}

DG_INLINE vec abs_slope(dg_point t)
{
    vec zero = vec_set1(0);
    return vec_select((ivec)(t.z > zero), t.e, vec_select((ivec)(t.z < zero), -t.e, zero));
}

static dg_status abs_call(const dg_call *c)
{
    return dg_pointwise(c, abs_value, abs_slope, NULL);
}

const dg_math DG_T(dg_math_abs) = {abs_call, abs_call, abs_call};

DG_INLINE vec exponential(dg_point t)
{
    return vec_exp(t.z);
}

DG_INLINE vec exp_slope(dg_point t)
{
    return dg_unless_zero(t.e, t.e * t.x);
}

static dg_status exp_call(const dg_call *c)
{
    return dg_pointwise(c, exponential, exp_slope, NULL);
}

const dg_math DG_T(dg_math_exp) = {exp_call, exp_call, exp_call};

DG_INLINE vec logarithm(dg_point t)
{
    return vec_log(t.z);
}

DG_INLINE vec log_slope(dg_point t)
{
    return dg_unless_zero(t.e, t.e / t.z);
}

static dg_status log_call(const dg_call *c)
{
    return dg_pointwise(c, logarithm, log_slope, NULL);
}

const dg_math DG_T(dg_math_log) = {log_call, log_call, log_call};

DG_INLINE vec square_root(dg_point t)
{
    return vec_sqrt(t.z);
}

DG_INLINE vec sqrt_slope(dg_point t)
{
    return dg_unless_zero(t.e, t.e / (t.x + t.x));
}

static dg_status sqrt_call(const dg_call *c)
{
    return dg_pointwise(c, square_root, sqrt_slope, NULL);
}

const dg_math DG_T(dg_math_sqrt) = {sqrt_call, sqrt_call, sqrt_call};

DG_INLINE vec square(dg_point t)
{
    return t.z * t.z;
}

/* Doubled last: 2 z may be too large where the product is not. */
DG_INLINE vec square_slope(dg_point t)
{
    vec product = t.e * t.z;
    return product + product;
}

static dg_status square_call(const dg_call *c)
{
    return dg_pointwise(c, square, square_slope, NULL);
}

const dg_math DG_T(dg_math_square) = {square_call, square_call, square_call};

DG_INLINE vec reciprocal(dg_point t)
{
    return 1 / t.z;
}

/* Not e times x^2, which may be no number of the type where the product is one. */
DG_INLINE vec reciprocal_slope(dg_point t)
{
    return dg_unless_zero(t.e, -(t.e * t.x * t.x));
}

static dg_status reciprocal_call(const dg_call *c)
{
    return dg_pointwise(c, reciprocal, reciprocal_slope, NULL);
}

const dg_math DG_T(dg_math_reciprocal) = {reciprocal_call, reciprocal_call, reciprocal_call};

DG_INLINE vec sine(dg_point t)
{
    return vec_sin(t.z);
}

DG_INLINE vec sin_slope(dg_point t)
{
    return t.e * vec_cos(t.z);
}

static dg_status sin_call(const dg_call *c)
{
    return dg_pointwise(c, sine, sin_slope, NULL);
}

const dg_math DG_T(dg_math_sin) = {sin_call, sin_call, sin_call};

DG_INLINE vec cosine(dg_point t)
{
    return vec_cos(t.z);
}

DG_INLINE vec cos_slope(dg_point t)
{
    return -t.e * vec_sin(t.z);
}

static dg_status cos_call(const dg_call *c)
{
    return dg_pointwise(c, cosine, cos_slope, NULL);
}

const dg_math DG_T(dg_math_cos) = {cos_call, cos_call, cos_call};

DG_INLINE vec error_function(dg_point t)
{
    return vec_erf(t.z);
}

DG_INLINE vec erf_slope(dg_point t)
{
    return t.e * (vec_bell(t.z) * (real)0x1.20dd750429b6dp+0);
}

static dg_status erf_call(const dg_call *c)
{
    return dg_pointwise(c, error_function, erf_slope, NULL);
}

const dg_math DG_T(dg_math_erf) = {erf_call, erf_call, erf_call};

DG_INLINE vec clip(dg_point t)
{
    return vec_min(vec_max(t.z, t.p[0]), t.p[1]);
}

DG_INLINE vec clip_slope(dg_point t)
{
    return vec_select((ivec)(t.z >= t.p[0]) & (ivec)(t.z <= t.p[1]), t.e, vec_set1(0));
}

/* A bound that is not given is infinite. */
static dg_status clip_call(const dg_call *c)
{
    const dg_attr_value *v = c->attrs->v;
    vec p[2] = {vec_set1(v[0].count ? (real)v[0].number[0] : -(real)HUGE_VAL),
                vec_set1(v[1].count ? (real)v[1].number[0] : (real)HUGE_VAL)};
    return dg_pointwise(c, clip, clip_slope, p);
}

const dg_math DG_T(dg_math_clip) = {clip_call, clip_call, clip_call};

#endif
