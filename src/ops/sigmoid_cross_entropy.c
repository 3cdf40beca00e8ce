/* sigmoid_cross_entropy: binary cross entropy of probabilities a and logits z, the estimate.
 *
 *     rho = -sum of a log s(z) + (1 - a) log(1 - s(z)),  s(z) = 1/(1 + e^-z)
 *         = sum of max(z, 0) - a z + log(1 + e^-|z|)
 *     eps = s(z) - a for the estimate, -z for the target
 *     drho = the sum of both times dz and da
 *
 * With label_smoothing = s the target is a' = (1 - s) a + s / 2 throughout, and its error vector
 * times 1 - s. class_weight: one number a component of the last axis, by which its terms are
 * multiplied. See ops/loss.h for pairs, weights and `over`. */
#include "ops/loss.h"

#ifndef DG_REAL

static dg_status shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                       dg_diag *why)
{
    (void)a;
    return dg_binary_shape("sigmoid_cross_entropy", n_in, in, out, why);
}

static const dg_case cases[] = {
    {"n,a; n,a; -", "", "uniform(0.2,0.8); uniform(-2,2)", 2},
    {"n; n; n", "", "uniform(0.2,0.8); uniform(-2,2); uniform(0.5,2)", 2},
    {"n,3,c; n,3,c; n", "over=elements", "uniform(0.2,0.8); uniform(-2,2); uniform(0.5,2)", 2},
    {"n,a; n,a; n", "label_smoothing=0.3", "uniform(0.2,0.8); uniform(-2,2); uniform(0.5,2)", 2},
    {"n,3,c; n,3,c; n; c", "label_smoothing=0.3",
     "uniform(0.2,0.8); uniform(-2,2); uniform(0.5,2); uniform(0.5,2)", 2},
    {"n,17; n,17; -; 17", "", "uniform(0.2,0.8); uniform(-2,2); uniform(0.5,2); uniform(0.5,2)", 2},
};

const dg_node_type dg_op_sigmoid_cross_entropy = {
    .size = sizeof(dg_node_type),
    .name = "sigmoid_cross_entropy",
    .formula = "rho = sum of max(z, 0) - a z + log(1 + e^-|z|)",
    .attrs = dg_binary_attrs,
    .n_attrs = DG_BINARY_ATTRS,
    .inputs = dg_binary_inputs,
    .n_inputs = DG_LABEL_INPUTS,
    .n_out = 1,
    .flags = DG_ROWS | DG_LOSS,
    .saves_in = 1 << DG_TARGET | 1 << DG_ESTIMATE | 1 << DG_WEIGHT | 1 << DG_CLASS_WEIGHT,
    .shape = shape,
    .flops = dg_loss_flops,
    .cases = cases,
    .n_cases = DG_COUNT(cases),
};

#else

static vec rho(vec a, vec z, const real *k)
{
    vec zero = vec_set1(0), large = vec_max(z, zero) - dg_binary_target(a, k) * z;
    return vec_select(dg_probability(a), large + vec_softplus(-vec_abs(z)), zero / zero);
}

static vec for_target(vec a, vec z, const real *k)
{
    (void)a;
    return vec_set1(-k[0]) * z;
}

static vec for_estimate(vec a, vec z, const real *k)
{
    return vec_sigmoid(z) - dg_binary_target(a, k);
}

static dg_status explain(const dg_call *c, const dg_pairs *p, int64_t pair)
{
    const real *a = dg_pair_at(c->in[DG_TARGET], p, pair);
    for (int64_t i = 0; i < p->size; i++)
        if (!dg_probability(vec_set1(a[i]))[0])
            return dg_target_bad(c, pair, i, (double)a[i]);
    return DG_OK;
}

static const dg_loss_rule rule = {rho, for_target, for_estimate, explain};

static dg_status forward(const dg_call *c)
{
    real k[2];
    dg_binary_constants(c, k);
    return dg_loss_forward(c, DG_OVER, k, &rule);
}

static dg_status adjoint(const dg_call *c)
{
    real k[2];
    dg_binary_constants(c, k);
    return dg_loss_adjoint(c, DG_OVER, k, &rule);
}

static dg_status tangent(const dg_call *c)
{
    real k[2];
    dg_binary_constants(c, k);
    return dg_loss_tangent(c, DG_OVER, k, &rule);
}

const dg_math DG_T(dg_math_sigmoid_cross_entropy) = {forward, adjoint, tangent};

#endif
