/* cross_entropy: of a distribution a, the target, and an estimate b of it, over the last axis.
 *
 *     rho = -sum a_i log b_i             0 log 0 = 0; a label l is the distribution with a_l = 1
 *     eps_i = -a_i / b_i for the estimate, -log b_i for the target
 *     drho = sum of -a_i db_i / b_i - da_i log b_i
 *
 * b_i = 0 where a_i is not: the loss is infinite, DG_EFINITE, as for a b_i outside [0, 1]. See
 * ops/loss.h for pairs, weights, `over`; ops/blend.h for label_smoothing and class_weight. */
#include "ops/blend.h"

#ifndef DG_REAL

static dg_status shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                       dg_diag *why)
{
    return dg_label_shape("cross_entropy", a, n_in, in, out, why);
}

static void bytes(const dg_sizes *of, dg_bytes *bytes)
{
    const dg_shape *b = &of->in[DG_ESTIMATE];
    bytes->scratch = DG_BLEND_ROOM * (size_t)b->dim[b->rank - 1] * dg_type_bytes(of->real);
}

static const dg_case cases[] = {
    {"n; n,3; -", "", "labels(3); uniform(0.2,0.8)", 0.2},
    {"n,t; n,t,5; n,t", "over=elements", "labels(5); uniform(0.2,0.8); uniform(0.5,2)", 0.2},
    {"n; n,4; -", "ignore=1", "labels(4); uniform(0.2,0.8)", 0.2},
    {"n,17; n,17; -", "", "simplex; uniform(0.2,0.8)", 0.2},
    {"n,t,3; n,t,3; n", "over=elements", "simplex; uniform(0.2,0.8); uniform(0.5,2)", 0.2},
    {"n; n,5; n; 5", "ignore=2, label_smoothing=0.2",
     "labels(5); uniform(0.2,0.8); uniform(0.5,2); uniform(0.5,2)", 0.2},
    {"n,t,17; n,t,17; -; 17", "label_smoothing=0.1",
     "simplex; uniform(0.2,0.8); uniform(0.5,2); uniform(0.5,2)", 0.2},
};

const dg_node_type dg_op_cross_entropy = {
    .size = sizeof(dg_node_type),
    .name = "cross_entropy",
    .formula = "rho = -sum of a log b",
    .attrs = dg_label_attrs,
    .n_attrs = DG_COUNT(dg_label_attrs),
    .inputs = dg_label_inputs,
    .n_inputs = DG_LABEL_INPUTS,
    .n_out = 1,
    .flags = DG_ROWS | DG_LOSS,
    .saves_in = 1 << DG_TARGET | 1 << DG_ESTIMATE | 1 << DG_WEIGHT | 1 << DG_CLASS_WEIGHT,
    .shape = shape,
    .bytes = bytes,
    .flops = dg_loss_flops,
    .pairs = dg_label_pairs,
    .limit = dg_loss_limit,
    .ignores = dg_label_ignores,
    .cases = cases,
    .n_cases = DG_COUNT(cases),
};

#else

/* ---- Distributions --------------------------------------------------------------------------- */

static vec rho(vec a, vec b, const real *k)
{
    (void)k;
    return vec_select((ivec)(a == 0), vec_set1(0), -a * vec_log(b));
}

static vec for_target(vec a, vec b, const real *k)
{
    (void)a;
    (void)k;
    return -vec_log(b);
}

static vec for_estimate(vec a, vec b, const real *k)
{
    (void)k;
    return vec_select((ivec)(a == 0), vec_set1(0), -a / b);
}

static dg_status explain(const dg_call *c, const dg_pairs *p, int64_t pair)
{
    const real *a = dg_pair_at(c->in[DG_TARGET], p, pair);
    const real *b = dg_pair_at(c->in[DG_ESTIMATE], p, pair);
    for (int64_t i = 0; i < p->size; i++)
        if (!(b[i] > 0) && !(a[i] >= 0 && a[i] <= 0))
            return dg_estimate_bad(c, pair, i, (double)b[i], (double)a[i]);
    return DG_OK;
}

static const dg_loss_rule rule = {rho, for_target, for_estimate, explain};

static vec outside(vec a, vec b, const real *k)
{
    (void)a;
    (void)k;
    ivec inside = (ivec)(b >= 0) & (ivec)(b <= 1 + DG_SIMPLEX_SLACK);
    return vec_select(inside, vec_set1(0), vec_set1(1));
}

/* Estimates are probabilities: of labels that are ignored, and pairs of weight 0, they are not
 * looked at. */
static dg_status check_estimates(const dg_call *c, const dg_pairs *p)
{
    for (int64_t i = p->begin; i < p->end; i++) {
        const real *b = dg_pair_at(c->in[DG_ESTIMATE], p, i);
        int skip = p->labels && dg_label_ignored(c->attrs, ((const int32_t *)c->in[DG_TARGET])[i]);
        if (skip || !dg_pair_counts(c, i) || !(dg_loss_sum(p->size, b, b, NULL, NULL, outside) > 0))
            continue;
        for (int64_t k = 0; k < p->size; k++)
            if (!(b[k] >= 0 && b[k] <= 1 + DG_SIMPLEX_SLACK))
                return dg_outside_bad(c, i, k, (double)b[k]);
    }
    return DG_OK;
}

static dg_status forward_distributions(const dg_call *c, const dg_pairs *p)
{
    for (int64_t i = p->begin; i < p->end; i++) {
        dg_status s = dg_pair_counts(c, i) ? dg_simplex_check(c, p, i) : DG_OK;
        if (s != DG_OK)
            return s;
    }
    return dg_loss_forward(c, DG_OVER, NULL, &rule);
}

/* ---- Labels ---------------------------------------------------------------------------------- */

/* rho of a pair without its weight. DG_EFINITE if the estimate of its label is not above 0. */
static dg_status rho_of_label(const dg_call *c, const dg_pairs *p, int64_t pair, int32_t label,
                              real *value)
{
    real b = ((const real *)c->in[DG_ESTIMATE])[pair * p->size + label];
    if (!(b > 0))
        return dg_estimate_bad(c, pair, label, (double)b, 1);
    *value = -real_log(b) * (real)p->share;
    return DG_OK;
}

static dg_status forward_label(const dg_call *c, const dg_pairs *p, int64_t i, int32_t label)
{
    real *out = (real *)c->out[0] + i;
    *out = 0;
    if (label < 0 || !dg_pair_counts(c, i))
        return DG_OK;
    dg_status s = rho_of_label(c, p, i, label, out);
    *out *= dg_pair_weight(c, i);
    return s;
}

static dg_status adjoint_label(const dg_call *c, const dg_pairs *p, int64_t i, int32_t label)
{
    dg_status s = DG_OK;
    real eps = ((const real *)c->eps[0])[i];
    int64_t at = i * p->size;
    if (c->delta[DG_ESTIMATE]) {
        real *delta = (real *)c->delta[DG_ESTIMATE] + at;
        memset(delta, 0, (size_t)p->size * sizeof *delta);
        if (label >= 0 && dg_pair_counts(c, i))
            delta[label] = -eps * dg_pair_weight(c, i) * (real)p->share /
                           ((const real *)c->in[DG_ESTIMATE])[at + label];
    }
    if (c->delta[DG_WEIGHT]) {
        real value = 0;
        if (label >= 0)
            s = rho_of_label(c, p, i, label, &value);
        ((real *)c->delta[DG_WEIGHT])[i] = eps * value;
    }
    return s;
}

static dg_status tangent_label(const dg_call *c, const dg_pairs *p, int64_t i, int32_t label)
{
    dg_status s = DG_OK;
    const real *db = dg_pair_at(c->din[DG_ESTIMATE], p, i), *dw = c->din[DG_WEIGHT];
    real *dout = (real *)c->dout[0] + i, value = 0;
    *dout = 0;
    if (db && label >= 0 && dg_pair_counts(c, i))
        *dout = -dg_pair_weight(c, i) * (real)p->share * db[label] /
                ((const real *)c->in[DG_ESTIMATE])[i * p->size + label];
    if (dw && label >= 0) {
        s = rho_of_label(c, p, i, label, &value);
        *dout += value * dw[i];
    }
    return s;
}

/* ---- Both ------------------------------------------------------------------------------------ */

static void no_first(const dg_call *c, int64_t d, int64_t n, const real *u, const real *b, real *k)
{
    (void)c, (void)d, (void)n, (void)u, (void)b, (void)k;
}

static void no_constants(const dg_call *c, int64_t d, real *k)
{
    (void)c, (void)d, (void)k;
}

static const dg_blend_rule blended = {rho, for_target, for_estimate, no_first, no_constants, 1};

static dg_status forward(const dg_call *c)
{
    dg_pairs p = dg_pairs_of(c, DG_OVER);
    dg_status s = check_estimates(c, &p);
    if (s != DG_OK)
        return s;
    if (!dg_blend_none(c))
        return dg_blend_forward(c, &blended);
    return p.labels ? dg_each_label(c, &p, forward_label) : forward_distributions(c, &p);
}

static dg_status adjoint(const dg_call *c)
{
    dg_pairs p = dg_pairs_of(c, DG_OVER);
    if (!dg_blend_none(c))
        return dg_blend_adjoint(c, &blended);
    return p.labels ? dg_each_label(c, &p, adjoint_label)
                    : dg_loss_adjoint(c, DG_OVER, NULL, &rule);
}

static dg_status tangent(const dg_call *c)
{
    dg_pairs p = dg_pairs_of(c, DG_OVER);
    if (!dg_blend_none(c))
        return dg_blend_tangent(c, &blended);
    return p.labels ? dg_each_label(c, &p, tangent_label)
                    : dg_loss_tangent(c, DG_OVER, NULL, &rule);
}

const dg_math DG_T(dg_math_cross_entropy) = {forward, adjoint, tangent};

#endif
