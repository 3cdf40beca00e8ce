/* Activations: x_i = f(z_i), d_i = f'(z_i) eps_i, the derivative from the output alone, so that a
 * state may be overwritten.
 *
 *     tanh        x = tanh z                      d = (1 - x^2) eps
 *     sigmoid     x = 1 / (1 + e^-z)              d = x (1 - x) eps
 *     relu        x = max(z, 0)                   d = eps where z > 0, else 0
 *     leaky_relu  x = z > 0 ? z : alpha z         d = eps where z > 0, else alpha eps
 *     elu         x = z > 0 ? z : alpha (e^z - 1) d = eps where z > 0, else (x + alpha) eps
 *     softplus    x = ln(1 + e^z)                 d = (1 - e^-x) eps, the sigmoid of z
 *
 * At a kink the branch of z <= 0 holds: relu'(0) = 0, leaky_relu'(0) = elu'(0) = alpha. NaN gives
 * NAN, and error vector 0 in relu. alpha >= 0, so that x > 0 where z > 0 and only there. */
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

static const dg_attr_spec leaky_relu_attrs[] = {
    {"alpha", DG_ATTR_REAL, 1, 0, 1e6, "0.01", NULL, "slope below 0"}};
static const dg_attr_spec elu_attrs[] = {
    {"alpha", DG_ATTR_REAL, 1, 0, 1e6, "1", NULL, "minus the limit at -infinity"}};

const dg_node_type dg_op_tanh = {
    .size = sizeof(dg_node_type),
    .name = "tanh",
    .formula = "x = tanh z",
    .onnx = "Tanh",
    .inputs = dg_pointwise_input,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_ROWS | DG_POINTWISE,
    .saves_out = 1,
    .shape = dg_pointwise_shape,
    .cases = smooth_cases,
    .n_cases = DG_COUNT(smooth_cases),
};

const dg_node_type dg_op_sigmoid = {
    .size = sizeof(dg_node_type),
    .name = "sigmoid",
    .formula = "x = 1 / (1 + e^-z)",
    .onnx = "Sigmoid",
    .inputs = dg_pointwise_input,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_ROWS | DG_POINTWISE,
    .saves_out = 1,
    .shape = dg_pointwise_shape,
    .cases = smooth_cases,
    .n_cases = DG_COUNT(smooth_cases),
};

const dg_node_type dg_op_relu = {
    .size = sizeof(dg_node_type),
    .name = "relu",
    .formula = "x = max(z, 0); derivative 0 at 0",
    .onnx = "Relu",
    .inputs = dg_pointwise_input,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_ROWS | DG_POINTWISE | DG_RECTIFIES,
    .saves_out = 1,
    .shape = dg_pointwise_shape,
    .cases = kink_cases,
    .n_cases = DG_COUNT(kink_cases),
};

const dg_node_type dg_op_leaky_relu = {
    .size = sizeof(dg_node_type),
    .name = "leaky_relu",
    .formula = "x = z > 0 ? z : alpha z; derivative alpha at 0",
    .onnx = "LeakyRelu",
    .attrs = leaky_relu_attrs,
    .n_attrs = DG_COUNT(leaky_relu_attrs),
    .inputs = dg_pointwise_input,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_ROWS | DG_POINTWISE | DG_RECTIFIES,
    .saves_out = 1,
    .shape = dg_pointwise_shape,
    .cases = alpha_cases,
    .n_cases = DG_COUNT(alpha_cases),
};

const dg_node_type dg_op_elu = {
    .size = sizeof(dg_node_type),
    .name = "elu",
    .formula = "x = z > 0 ? z : alpha (e^z - 1); derivative alpha at 0",
    .onnx = "Elu",
    .attrs = elu_attrs,
    .n_attrs = DG_COUNT(elu_attrs),
    .inputs = dg_pointwise_input,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_ROWS | DG_POINTWISE | DG_RECTIFIES,
    .saves_out = 1,
    .shape = dg_pointwise_shape,
    .cases = alpha_cases,
    .n_cases = DG_COUNT(alpha_cases),
};

const dg_node_type dg_op_softplus = {
    .size = sizeof(dg_node_type),
    .name = "softplus",
    .formula = "x = ln(1 + e^z)",
    .onnx = "Softplus",
    .inputs = dg_pointwise_input,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_ROWS | DG_POINTWISE,
    .saves_out = 1,
    .shape = dg_pointwise_shape,
    .cases = smooth_cases,
    .n_cases = DG_COUNT(smooth_cases),
};

#else

DG_INLINE vec hyperbolic_tangent(vec z, const vec *p)
{
    (void)p;
    return vec_tanh(z);
}

DG_INLINE vec tanh_slope(vec e, vec x, const vec *p)
{
    (void)p;
    return e * vec_fma(-x, x, vec_set1(1));
}

static dg_status tanh_forward(const dg_call *c)
{
    return dg_pointwise(c, hyperbolic_tangent, NULL);
}

static dg_status tanh_adjoint(const dg_call *c)
{
    return dg_pointwise_adjoint(c, tanh_slope, c->out[0], NULL);
}

static dg_status tanh_tangent(const dg_call *c)
{
    return dg_pointwise_tangent(c, tanh_slope, c->out[0], NULL);
}

const dg_math DG_T(dg_math_tanh) = {tanh_forward, tanh_adjoint, tanh_tangent};

DG_INLINE vec sigmoid(vec z, const vec *p)
{
    (void)p;
    return vec_sigmoid(z);
}

DG_INLINE vec sigmoid_slope(vec e, vec x, const vec *p)
{
    (void)p;
    return e * vec_fma(-x, x, x);
}

static dg_status sigmoid_forward(const dg_call *c)
{
    return dg_pointwise(c, sigmoid, NULL);
}

static dg_status sigmoid_adjoint(const dg_call *c)
{
    return dg_pointwise_adjoint(c, sigmoid_slope, c->out[0], NULL);
}

static dg_status sigmoid_tangent(const dg_call *c)
{
    return dg_pointwise_tangent(c, sigmoid_slope, c->out[0], NULL);
}

const dg_math DG_T(dg_math_sigmoid) = {sigmoid_forward, sigmoid_adjoint, sigmoid_tangent};

DG_INLINE vec relu(vec z, const vec *p)
{
    (void)p;
    return vec_max(z, vec_set1(0));
}

DG_INLINE vec relu_slope(vec e, vec x, const vec *p)
{
    (void)p;
    return vec_select((ivec)(x > vec_set1(0)), e, vec_set1(0));
}

static dg_status relu_forward(const dg_call *c)
{
    return dg_pointwise(c, relu, NULL);
}

static dg_status relu_adjoint(const dg_call *c)
{
    return dg_pointwise_adjoint(c, relu_slope, c->out[0], NULL);
}

static dg_status relu_tangent(const dg_call *c)
{
    return dg_pointwise_tangent(c, relu_slope, c->out[0], NULL);
}

const dg_math DG_T(dg_math_relu) = {relu_forward, relu_adjoint, relu_tangent};

DG_INLINE vec alpha(const dg_call *c)
{
    return vec_set1((real)dg_attr_real(c->attrs, 0));
}

DG_INLINE vec leaky_relu(vec z, const vec *p)
{
    return vec_select((ivec)(z > vec_set1(0)), z, *p * z);
}

DG_INLINE vec leaky_relu_slope(vec e, vec x, const vec *p)
{
    return vec_select((ivec)(x > vec_set1(0)), e, *p * e);
}

static dg_status leaky_relu_forward(const dg_call *c)
{
    vec p = alpha(c);
    return dg_pointwise(c, leaky_relu, &p);
}

static dg_status leaky_relu_adjoint(const dg_call *c)
{
    vec p = alpha(c);
    return dg_pointwise_adjoint(c, leaky_relu_slope, c->out[0], &p);
}

static dg_status leaky_relu_tangent(const dg_call *c)
{
    vec p = alpha(c);
    return dg_pointwise_tangent(c, leaky_relu_slope, c->out[0], &p);
}

const dg_math DG_T(dg_math_leaky_relu) = {leaky_relu_forward, leaky_relu_adjoint,
                                          leaky_relu_tangent};

DG_INLINE vec elu(vec z, const vec *p)
{
    return vec_select((ivec)(z > vec_set1(0)), z, *p * vec_expm1(z));
}

DG_INLINE vec elu_slope(vec e, vec x, const vec *p)
{
    return vec_select((ivec)(x > vec_set1(0)), e, (x + *p) * e);
}

static dg_status elu_forward(const dg_call *c)
{
    vec p = alpha(c);
    return dg_pointwise(c, elu, &p);
}

static dg_status elu_adjoint(const dg_call *c)
{
    vec p = alpha(c);
    return dg_pointwise_adjoint(c, elu_slope, c->out[0], &p);
}

static dg_status elu_tangent(const dg_call *c)
{
    vec p = alpha(c);
    return dg_pointwise_tangent(c, elu_slope, c->out[0], &p);
}

const dg_math DG_T(dg_math_elu) = {elu_forward, elu_adjoint, elu_tangent};

DG_INLINE vec softplus(vec z, const vec *p)
{
    (void)p;
    return vec_softplus(z);
}

DG_INLINE vec softplus_slope(vec e, vec x, const vec *p)
{
    (void)p;
    return e * -vec_expm1(-x);
}

static dg_status softplus_forward(const dg_call *c)
{
    return dg_pointwise(c, softplus, NULL);
}

static dg_status softplus_adjoint(const dg_call *c)
{
    return dg_pointwise_adjoint(c, softplus_slope, c->out[0], NULL);
}

static dg_status softplus_tangent(const dg_call *c)
{
    return dg_pointwise_tangent(c, softplus_slope, c->out[0], NULL);
}

const dg_math DG_T(dg_math_softplus) = {softplus_forward, softplus_adjoint, softplus_tangent};

#endif
