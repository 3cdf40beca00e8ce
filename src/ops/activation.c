/* Activations: x_i = f(z_i), d_i = f'(z_i) eps_i; the derivative from the output alone where that
 * has its digits, so that a state may be overwritten.
 *
 *     tanh        x = tanh z                      d = (1 - x^2) eps
 *     sigmoid     x = 1 / (1 + e^-z)              d = x (1 - x) eps
 *     relu        x = max(z, 0)                   d = eps where z > 0, else 0
 *     leaky_relu  x = z > 0 ? z : alpha z         d = eps where z > 0, else alpha eps
 *     elu         x = z > 0 ? z : alpha (e^z - 1) d = eps where z > 0, else alpha e^z eps
 *     selu        x = scale elu(z), alpha 1.67326324235, scale 1.05070098736; d likewise
 *     softplus    x = ln(1 + e^z)                 d = (1 - e^-x) eps, the sigmoid of z
 *     softsign    x = z / (1 + |z|)               d = eps / (1 + |z|)^2
 *     hardsigmoid x = min(max(alpha z + beta, 0), 1)   d = alpha eps where 0 < x < 1, else 0
 *     hardswish   x = z min(max(z / 6 + 1/2, 0), 1)    d = (z / 3 + 1/2) eps where -3 < z < 3,
 *                                                      eps where z >= 3, else 0
 *
 * At a kink the branch of z <= 0 holds: relu'(0) = 0, leaky_relu'(0) = elu'(0) = alpha. NaN gives
 * NaN, and error vector 0 in relu. alpha >= 0, so that x > 0 where z > 0 and only there. Limits at
 * infinity are those of the functions.
 *
 * 1 - x^2 and x (1 - x) are good to an ulp of 1 (of x): where tanh and sigmoid are 1 in all
 * digits, the derivative is 0. elu, whose tail people train with, is not made from its output. */
#include "ops/pointwise.h"

#ifndef DG_REAL

/* Poles of tanh lie at i pi/2, those of sigmoid and softplus at i pi. */
static const dg_case smooth_cases[] = {{"n,a", "", "uniform(-3,3)", 1.5},
                                       {"n,a,b,c", "", "uniform(-3,3)", 1.5},
                                       {"", "", "uniform(-3,3)", 1.5}};
static const dg_case kink_cases[] = {{"n,a", "", "away(0.1,-2,2,0)", 0.1},
                                     {"a,b,n", "", "away(0.1,-2,2,0)", 0.1},
                                     {"", "", "away(0.1,-2,2,0)", 0.1}};
static const dg_case alpha_cases[] = {{"n,a", "", "away(0.1,-2,2,0)", 0.1},
                                      {"n,a", "alpha=0", "away(0.1,-2,2,0)", 0.1},
                                      {"a,b,n", "alpha=1.5", "away(0.1,-2,2,0)", 0.1},
                                      {"", "alpha=0.3", "away(0.1,-2,2,0)", 0.1}};
static const dg_case hard_cases[] = {{"n,a", "", "away(0.1,-5,5,-3,3)", 0.1},
                                     {"a,b,n", "", "away(0.1,-4,4,-3,3)", 0.1},
                                     {"", "", "away(0.1,-4,4,-3,3)", 0.1}};
static const dg_case slope_cases[] = {{"n,a", "", "away(0.1,-5,5,-3,3)", 0.1},
                                      {"a,b,n", "alpha=0.2", "away(0.1,-4,4,-2.5,2.5)", 0.1},
                                      {"", "alpha=0.5, beta=0.25", "away(0.1,-4,4,-0.5,1.5)", 0.1}};

static const dg_attr_spec leaky_relu_attrs[] = {
    {"alpha", DG_ATTR_REAL, 1, 0, 1e6, "0.01", NULL, "slope below 0"}};
static const dg_attr_spec elu_attrs[] = {
    {"alpha", DG_ATTR_REAL, 1, 0, 1e6, "1", NULL, "minus the limit at -infinity"}};
static const dg_attr_spec hardsigmoid_attrs[] = {
    {"alpha", DG_ATTR_REAL, 1, 0, 1e6, "0.16666666666666666", NULL, "slope between 0 and 1"},
    {"beta", DG_ATTR_REAL, 1, -1e6, 1e6, "0.5", NULL, "value at 0"}};

const dg_node_type dg_op_tanh =
    DG_POINTWISE_TYPE("tanh", "x = tanh z", "Tanh", 0, smooth_cases, .saves_out = 1);
const dg_node_type dg_op_sigmoid =
    DG_POINTWISE_TYPE("sigmoid", "x = 1 / (1 + e^-z)", "Sigmoid", 0, smooth_cases, .saves_out = 1);
const dg_node_type dg_op_relu = DG_POINTWISE_TYPE("relu", "x = max(z, 0); derivative 0 at 0",
                                                  "Relu", DG_RECTIFIES, kink_cases, .saves_out = 1);
const dg_node_type dg_op_leaky_relu =
    DG_POINTWISE_TYPE("leaky_relu", "x = z > 0 ? z : alpha z; derivative alpha at 0", "LeakyRelu",
                      DG_RECTIFIES, alpha_cases, .saves_out = 1, DG_ATTRS(leaky_relu_attrs));
const dg_node_type dg_op_elu =
    DG_POINTWISE_TYPE("elu", "x = z > 0 ? z : alpha (e^z - 1); derivative alpha at 0", "Elu",
                      DG_RECTIFIES, alpha_cases, .saves_in = 1, DG_ATTRS(elu_attrs));
const dg_node_type dg_op_selu =
    DG_POINTWISE_TYPE("selu", "x = 1.0507 (z > 0 ? z : 1.6733 (e^z - 1)); left derivative at 0",
                      "Selu", 0, kink_cases, .saves_in = 1);
const dg_node_type dg_op_softplus =
    DG_POINTWISE_TYPE("softplus", "x = ln(1 + e^z)", "Softplus", 0, smooth_cases, .saves_out = 1);
const dg_node_type dg_op_softsign =
    DG_POINTWISE_TYPE("softsign", "x = z / (1 + |z|)", "Softsign", 0, kink_cases, .saves_in = 1);
const dg_node_type dg_op_hardsigmoid =
    DG_POINTWISE_TYPE("hardsigmoid", "x = min(max(alpha z + beta, 0), 1); derivative 0 at a kink",
                      "HardSigmoid", 0, slope_cases, .saves_out = 1, DG_ATTRS(hardsigmoid_attrs));
const dg_node_type dg_op_hardswish =
    DG_POINTWISE_TYPE("hardswish", "x = z min(max(z / 6 + 1/2, 0), 1); derivative 0 at -3, 1 at 3",
                      "HardSwish", DG_RECTIFIES, hard_cases, .saves_in = 1);

#else

DG_INLINE vec hyperbolic_tangent(dg_point t)
{
    return vec_tanh(t.z);
}

DG_INLINE vec tanh_slope(dg_point t)
{
    return t.e * vec_fma(-t.x, t.x, vec_set1(1));
}

static dg_status tanh_call(const dg_call *c)
{
    return dg_pointwise(c, hyperbolic_tangent, tanh_slope, NULL);
}

const dg_math DG_T(dg_math_tanh) = {tanh_call, tanh_call, tanh_call};

DG_INLINE vec sigmoid(dg_point t)
{
    return vec_sigmoid(t.z);
}

DG_INLINE vec sigmoid_slope(dg_point t)
{
    return t.e * vec_fma(-t.x, t.x, t.x);
}

static dg_status sigmoid_call(const dg_call *c)
{
    return dg_pointwise(c, sigmoid, sigmoid_slope, NULL);
}

const dg_math DG_T(dg_math_sigmoid) = {sigmoid_call, sigmoid_call, sigmoid_call};

DG_INLINE vec relu(dg_point t)
{
    return vec_max(t.z, vec_set1(0));
}

DG_INLINE vec relu_slope(dg_point t)
{
    return vec_select((ivec)(t.x > vec_set1(0)), t.e, vec_set1(0));
}

static dg_status relu_call(const dg_call *c)
{
    return dg_pointwise(c, relu, relu_slope, NULL);
}

const dg_math DG_T(dg_math_relu) = {relu_call, relu_call, relu_call};

DG_INLINE vec leaky_relu(dg_point t)
{
    return vec_select((ivec)(t.z > vec_set1(0)), t.z, *t.p * t.z);
}

DG_INLINE vec leaky_relu_slope(dg_point t)
{
    return vec_select((ivec)(t.x > vec_set1(0)), t.e, *t.p * t.e);
}

static dg_status leaky_relu_call(const dg_call *c)
{
    vec alpha = dg_attr_vec(c, 0);
    return dg_pointwise(c, leaky_relu, leaky_relu_slope, &alpha);
}

const dg_math DG_T(dg_math_leaky_relu) = {leaky_relu_call, leaky_relu_call, leaky_relu_call};

/* p: the factor above 0, and that of the branch below. */
DG_INLINE vec elu(dg_point t)
{
    return vec_select((ivec)(t.z > vec_set1(0)), t.p[0] * t.z, t.p[1] * vec_expm1(t.z));
}

DG_INLINE vec elu_slope(dg_point t)
{
    return t.e * vec_select((ivec)(t.z > vec_set1(0)), t.p[0], t.p[1] * vec_exp(t.z));
}

static dg_status elu_call(const dg_call *c)
{
    vec p[2] = {vec_set1(1), dg_attr_vec(c, 0)};
    return dg_pointwise(c, elu, elu_slope, p);
}

const dg_math DG_T(dg_math_elu) = {elu_call, elu_call, elu_call};

static dg_status selu_call(const dg_call *c)
{
    const double alpha = 1.6732632423543772, scale = 1.0507009873554805;
    vec p[2] = {vec_set1((real)scale), vec_set1((real)(scale * alpha))};
    return dg_pointwise(c, elu, elu_slope, p);
}

const dg_math DG_T(dg_math_selu) = {selu_call, selu_call, selu_call};

DG_INLINE vec softplus(dg_point t)
{
    return vec_softplus(t.z);
}

DG_INLINE vec softplus_slope(dg_point t)
{
    return t.e * -vec_expm1(-t.x);
}

static dg_status softplus_call(const dg_call *c)
{
    return dg_pointwise(c, softplus, softplus_slope, NULL);
}

const dg_math DG_T(dg_math_softplus) = {softplus_call, softplus_call, softplus_call};

/* Of an infinity the limit: 1 + |z| is then |z|. */
DG_INLINE vec softsign(dg_point t)
{
    vec most = vec_set1(REAL_MAX), z = vec_min(vec_max(t.z, -most), most);
    return z / (vec_abs(z) + 1);
}

/* Twice by 1 + |z|, whose square may be too large. */
DG_INLINE vec softsign_slope(dg_point t)
{
    vec size = vec_abs(t.z) + 1;
    return t.e / size / size;
}

static dg_status softsign_call(const dg_call *c)
{
    return dg_pointwise(c, softsign, softsign_slope, NULL);
}

const dg_math DG_T(dg_math_softsign) = {softsign_call, softsign_call, softsign_call};

/* Not fused: alpha z is then 1/2 at -3, though alpha is not 1/6. */
DG_INLINE vec hardsigmoid(dg_point t)
{
    return vec_min(vec_max(t.p[0] * t.z + t.p[1], vec_set1(0)), vec_set1(1));
}

DG_INLINE vec hardsigmoid_slope(dg_point t)
{
    ivec inside = (ivec)(t.x > vec_set1(0)) & (ivec)(t.x < vec_set1(1));
    return vec_select(inside, t.p[0] * t.e, vec_set1(0));
}

static dg_status hardsigmoid_call(const dg_call *c)
{
    vec p[2] = {dg_attr_vec(c, 0), dg_attr_vec(c, 1)};
    return dg_pointwise(c, hardsigmoid, hardsigmoid_slope, p);
}

const dg_math DG_T(dg_math_hardsigmoid) = {hardsigmoid_call, hardsigmoid_call, hardsigmoid_call};

/* -infinity times 0 is to be 0. */
DG_INLINE vec hardswish(dg_point t)
{
    vec share = vec_min(vec_max((t.z + 3) / 6, vec_set1(0)), vec_set1(1));
    return vec_max(t.z, vec_set1(-3)) * share;
}

DG_INLINE vec hardswish_slope(dg_point t)
{
    vec product = t.e * ((t.z + t.z + 3) / 6);
    product = vec_select((ivec)(t.z >= vec_set1(3)), t.e, product);
    return vec_select((ivec)(t.z <= vec_set1(-3)), vec_set1(0), product);
}

static dg_status hardswish_call(const dg_call *c)
{
    return dg_pointwise(c, hardswish, hardswish_slope, NULL);
}

const dg_math DG_T(dg_math_hardswish) = {hardswish_call, hardswish_call, hardswish_call};

#endif
