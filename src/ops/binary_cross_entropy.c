/* binary_cross_entropy: of independent probabilities a (target) and b (estimate), 0 to 1.
 *
 *     rho = -sum of a log b + (1 - a) log(1 - b)          0 log 0 = 0
 *     eps = -a/b + (1 - a)/(1 - b) for the estimate, log(1 - b) - log b for the target
 *     drho = the sum of both times db and da
 *
 * b = 0 where a is not, or b = 1 where a is not: the loss is infinite, DG_EFINITE, as for a b
 * outside [0, 1].
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
    return dg_binary_shape("binary_cross_entropy", n_in, in, out, why);
}

static const dg_case cases[] = {
    {"n,a; n,a; -", "", "uniform(0.2,0.8)", 0.2},
    {"n; n; n", "", "uniform(0.2,0.8); uniform(0.2,0.8); uniform(0.5,2)", 0.2},
    {"n,3,c; n,3,c; n", "over=elements", "uniform(0.2,0.8); uniform(0.2,0.8); uniform(0.5,2)", 0.2},
    {"n,a; n,a; n", "label_smoothing=0.3", "uniform(0.2,0.8); uniform(0.2,0.8); uniform(0.5,2)",
     0.2},
    {"n,3,c; n,3,c; n; c", "label_smoothing=0.3",
     "uniform(0.2,0.8); uniform(0.2,0.8); uniform(0.5,2); uniform(0.5,2)", 0.2},
    {"n,17; n,17; -; 17", "", "uniform(0.2,0.8); uniform(0.2,0.8); uniform(0.5,2); uniform(0.5,2)",
     0.2},
};

const dg_node_type dg_op_binary_cross_entropy = {
    .size = sizeof(dg_node_type),
    .name = "binary_cross_entropy",
    .formula = "rho = -sum of a log b + (1 - a) log(1 - b)",
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

static vec rho(vec target, vec b, const real *k)
{
    vec a = dg_binary_target(target, k), zero = vec_set1(0), rest = 1 - a;
    vec one = vec_select((ivec)(a == 0), zero, a * vec_log(b));
    vec other = vec_select((ivec)(rest == 0), zero, rest * vec_log1p(-b));
    ivec inside = dg_probability(target) & (ivec)(b >= zero) & (ivec)(b <= 1);
    return vec_select(inside, -(one + other), zero / zero);
}

static vec for_target(vec a, vec b, const real *k)
{
    (void)a;
    return vec_set1(k[0]) * (vec_log1p(-b) - vec_log(b));
}

static vec for_estimate(vec target, vec b, const real *k)
{
    vec a = dg_binary_target(target, k), zero = vec_set1(0), rest = 1 - a;
    vec one = vec_select((ivec)(a == 0), zero, a / b);
    return vec_select((ivec)(rest == 0), zero, rest / (1 - b)) - one;
}

static dg_status explain(const dg_call *c, const dg_pairs *p, int64_t pair)
{
    const real *a = dg_pair_at(c->in[DG_TARGET], p, pair);
    const real *b = dg_pair_at(c->in[DG_ESTIMATE], p, pair);
    real k[2];
    dg_binary_constants(c, k);
    for (int64_t i = 0; i < p->size; i++) {
        const real smooth = dg_binary_target(vec_set1(a[i]), k)[0];
        if (!dg_probability(vec_set1(a[i]))[0])
            return dg_target_bad(c, pair, i, (double)a[i]);
        if (!(b[i] >= 0 && b[i] <= 1))
            return dg_outside_bad(c, pair, i, (double)b[i]);
        if ((!(b[i] > 0) && !(smooth >= 0 && smooth <= 0)) ||
            (!(b[i] < 1) && !(smooth >= 1 && smooth <= 1)))
            return dg_estimate_bad(c, pair, i, (double)b[i], (double)smooth);
    }
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

const dg_math DG_T(dg_math_binary_cross_entropy) = {forward, adjoint, tangent};

#endif
