/* The input times a share of it that goes from 0 to 1: x = z S(z), d = (S(z) + z S'(z)) eps.
 *
 *     gelu   S is the normal distribution, (1 + erf(z / sqrt 2)) / 2; with approximate=tanh
 *            (1 + tanh(sqrt(2 / pi) (z + 0.044715 z^3))) / 2
 *     silu   S is the sigmoid
 *
 * S keeps its digits down to where it is 0. At -infinity x and d are 0. */
#include "ops/pointwise.h"

#ifndef DG_REAL

static const dg_case gelu_cases[] = {{"n,a", "", "uniform(-3,3)", 1},
                                     {"n,a", "approximate=tanh", "uniform(-3,3)", 1},
                                     {"a,b,n", "approximate=none", "uniform(-3,3)", 1},
                                     {"", "approximate=tanh", "uniform(-3,3)", 1}};
static const dg_case silu_cases[] = {{"n,a", "", "uniform(-3,3)", 1.5},
                                     {"a,b,n", "", "uniform(-3,3)", 1.5},
                                     {"", "", "uniform(-3,3)", 1.5}};

static const dg_attr_spec gelu_attrs[] = {{"approximate", DG_ATTR_WORD, 1, 0, 0, "none",
                                           "none tanh", "the normal distribution, or by tanh"}};

const dg_node_type dg_op_gelu =
    DG_POINTWISE_TYPE("gelu", "x = z Phi(z), Phi the normal distribution", "Gelu", DG_RECTIFIES,
                      gelu_cases, .saves_in = 1, DG_ATTRS(gelu_attrs));
const dg_node_type dg_op_silu =
    DG_POINTWISE_TYPE("silu", "x = z / (1 + e^-z)", NULL, DG_RECTIFIES, silu_cases, .saves_in = 1);

#else

/* z, but not so far below 0 that it times a share of 0 is NaN. */
DG_INLINE vec from_below(vec z)
{
    return vec_max(z, vec_set1(-1000));
}

DG_INLINE vec gelu(dg_point t)
{
    vec density;
    return from_below(t.z) * vec_normal(t.z, 0, &density);
}

DG_INLINE vec gelu_tanh(dg_point t)
{
    vec density;
    return from_below(t.z) * vec_normal(t.z, 1, &density);
}

DG_INLINE vec slope_of(vec z, int tanh)
{
    vec density, share = vec_normal(z, tanh, &density);
    return vec_fma(vec_min(from_below(z), vec_set1(1000)), density, share);
}

DG_INLINE vec gelu_slope(dg_point t)
{
    return t.e * slope_of(t.z, 0);
}

DG_INLINE vec gelu_tanh_slope(dg_point t)
{
    return t.e * slope_of(t.z, 1);
}

static dg_status gelu_call(const dg_call *c)
{
    return c->attrs->v[0].word == 1 ? dg_pointwise(c, gelu_tanh, gelu_tanh_slope, NULL)
                                    : dg_pointwise(c, gelu, gelu_slope, NULL);
}

const dg_math DG_T(dg_math_gelu) = {gelu_call, gelu_call, gelu_call};

DG_INLINE vec silu(dg_point t)
{
    return from_below(t.z) * vec_sigmoid(t.z);
}

/* 1 - S is made as S(-z): z times the rounding of S would be seen. */
DG_INLINE vec silu_slope(dg_point t)
{
    vec share = vec_sigmoid(t.z), z = vec_min(from_below(t.z), vec_set1(1000));
    return t.e * (share * vec_fma(z, vec_sigmoid(-t.z), vec_set1(1)));
}

static dg_status silu_call(const dg_call *c)
{
    return dg_pointwise(c, silu, silu_slope, NULL);
}

const dg_math DG_T(dg_math_silu) = {silu_call, silu_call, silu_call};

#endif
