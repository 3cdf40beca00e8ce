/* softmax_cross_entropy: cross entropy of a distribution a, the target, and the softmax of logits
 * z, the estimate, over the last axis.
 *
 *     b_i = e^(z_i) / sum of e^z           l = log sum of e^z
 *     rho = -sum a_i log b_i = sum a_i (l - z_i)      a label is the distribution with a_label = 1
 *     eps = b - a for the estimate, l - z for the target
 *     drho = sum of (b_i - a_i) dz_i + (l - z_i) da_i
 *
 * Exactly, eps = A b - a with A = sum of a, which is 1 but for rounding. The largest logit m is
 * taken out of exponents and logarithm. forward saves m, sum e^(z - m) and A of each distribution,
 * so that the adjoint makes b from z in one pass. See ops/loss.h for pairs, weights, `over`;
 * ops/blend.h for label_smoothing and class_weight. */
#include "ops/blend.h"

#ifndef DG_REAL

static dg_status shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                       dg_diag *why)
{
    return dg_label_shape("softmax_cross_entropy", a, n_in, in, out, why);
}

static void bytes(const dg_sizes *of, dg_bytes *bytes)
{
    dg_shape lead = of->in[DG_ESTIMATE];
    lead.rank--;
    bytes->scratch =
        DG_BLEND_ROOM * (size_t)of->in[DG_ESTIMATE].dim[lead.rank] * dg_type_bytes(of->real);
    bytes->saved = 3 * (size_t)dg_shape_count(&lead) * dg_type_bytes(of->real);
}

static double flops(const dg_sizes *of, int input)
{
    return 5 * dg_loss_flops(of, input);
}

static const dg_case cases[] = {
    {"n; n,3; -", "", "labels(3); uniform(-2,2)", 2},
    {"n; n,40; -", "", "labels(40); uniform(-2,2)", 2},
    {"n,t; n,t,5; n,t", "over=elements", "labels(5); uniform(-2,2); uniform(0.5,2)", 2},
    {"n; n,4; -", "ignore=1", "labels(4); uniform(-2,2)", 2},
    {"n,17; n,17; -", "", "simplex; uniform(-2,2)", 2},
    {"n,t,3; n,t,3; n", "over=elements", "simplex; uniform(-2,2); uniform(0.5,2)", 2},
    {"n; n,5; n; 5", "ignore=2, label_smoothing=0.2",
     "labels(5); uniform(-2,2); uniform(0.5,2); uniform(0.5,2)", 2},
    {"n,t,17; n,t,17; -; 17", "label_smoothing=0.1",
     "simplex; uniform(-2,2); uniform(0.5,2); uniform(0.5,2)", 2},
};

const dg_node_type dg_op_softmax_cross_entropy = {
    .size = sizeof(dg_node_type),
    .name = "softmax_cross_entropy",
    .formula = "rho = -sum of a log softmax(z)",
    .onnx = "SoftmaxCrossEntropyLoss",
    .attrs = dg_label_attrs,
    .n_attrs = DG_COUNT(dg_label_attrs),
    .inputs = dg_label_inputs,
    .n_inputs = DG_LABEL_INPUTS,
    .n_out = 1,
    .flags = DG_ROWS | DG_LOSS,
    .saves_in = 1 << DG_TARGET | 1 << DG_ESTIMATE | 1 << DG_WEIGHT | 1 << DG_CLASS_WEIGHT,
    .shape = shape,
    .bytes = bytes,
    .flops = flops,
    .pairs = dg_label_pairs,
    .limit = dg_loss_limit,
    .ignores = dg_label_ignores,
    .cases = cases,
    .n_cases = DG_COUNT(cases),
};

#else

/* Of one distribution: m, A / sum e^(z - m), log sum e^(z - m). */
enum { TOP, SHARE, LOG, CONSTANTS };

/* What forward saved for distribution d. */
static void constants(const dg_call *c, int64_t d, real *k)
{
    const real *saved = (const real *)c->saved + 3 * d;
    k[TOP] = saved[0];
    k[SHARE] = saved[2] / saved[1];
    k[LOG] = real_log(saved[1]);
}

/* The same at first, for n logits z and targets a (NULL: a label); saved where there is memory. */
static void first_constants(const dg_call *c, int64_t d, int64_t n, const real *a, const real *z,
                            real *k)
{
    real top = DG_T(dg_row_max)(n, z), sum = DG_T(dg_row_exp)(n, z, top, NULL);
    real whole = a ? (real)dg_loss_sum(n, a, a, NULL, NULL, dg_loss_target) : 1;
    if (c->saved) {
        real *saved = (real *)c->saved + 3 * d;
        saved[0] = top;
        saved[1] = sum;
        saved[2] = whole;
    }
    k[TOP] = top;
    k[SHARE] = whole / sum;
    k[LOG] = real_log(sum);
}

static vec log_share(vec a, vec z, const real *k)
{
    (void)a;
    return (vec_set1(k[TOP]) - z) + vec_set1(k[LOG]);
}

static vec rho(vec a, vec z, const real *k)
{
    return vec_select((ivec)(a == 0), vec_set1(0), a * log_share(a, z, k));
}

static vec softmax(vec a, vec z, const real *k)
{
    (void)a;
    return vec_exp(z - vec_set1(k[TOP])) * vec_set1(k[SHARE]);
}

static vec softmax_less_target(vec a, vec z, const real *k)
{
    return softmax(a, z, k) - a;
}

/* eps weight / components of pair i, and 0 where it does not count. */
static real scale_of(const dg_call *c, const dg_pairs *p, int64_t i)
{
    if (!dg_pair_counts(c, i))
        return 0;
    return ((const real *)c->eps[0])[i] * dg_pair_weight(c, i) * (real)p->share;
}

/* ---- Labels ---------------------------------------------------------------------------------- */

static real rho_of_label(const dg_pairs *p, const real *z, int32_t label, const real *k)
{
    return label < 0 ? 0 : ((k[TOP] - z[label]) + k[LOG]) * (real)p->share;
}

static dg_status forward_label(const dg_call *c, const dg_pairs *p, int64_t i, int32_t label)
{
    const real *z = dg_pair_at(c->in[DG_ESTIMATE], p, i);
    real *out = (real *)c->out[0] + i, k[CONSTANTS];
    first_constants(c, i, p->size, NULL, z, k);
    *out = 0;
    if (dg_pair_counts(c, i))
        *out = rho_of_label(p, z, label, k) * dg_pair_weight(c, i);
    return DG_OK;
}

static dg_status adjoint_label(const dg_call *c, const dg_pairs *p, int64_t i, int32_t label)
{
    const real *z = dg_pair_at(c->in[DG_ESTIMATE], p, i);
    real k[CONSTANTS], scale = label < 0 ? 0 : scale_of(c, p, i);
    constants(c, i, k);
    if (c->delta[DG_ESTIMATE]) {
        real *delta = (real *)c->delta[DG_ESTIMATE] + i * p->size;
        dg_loss_write(p->size, scale, z, z, k, softmax, delta);
        if (label >= 0)
            delta[label] -= scale;
    }
    if (c->delta[DG_WEIGHT])
        ((real *)c->delta[DG_WEIGHT])[i] =
            ((const real *)c->eps[0])[i] * rho_of_label(p, z, label, k);
    return DG_OK;
}

static dg_status tangent_label(const dg_call *c, const dg_pairs *p, int64_t i, int32_t label)
{
    const real *z = dg_pair_at(c->in[DG_ESTIMATE], p, i), *dw = c->din[DG_WEIGHT];
    const real *dz = dg_pair_at(c->din[DG_ESTIMATE], p, i);
    real *dout = (real *)c->dout[0] + i, k[CONSTANTS];
    constants(c, i, k);
    *dout = 0;
    if (dz && label >= 0 && dg_pair_counts(c, i)) {
        double sum = dg_loss_sum(p->size, z, z, dz, k, softmax) - (double)dz[label];
        *dout = (real)(sum * p->share) * dg_pair_weight(c, i);
    }
    if (dw)
        *dout = real_fma(rho_of_label(p, z, label, k), dw[i], *dout);
    return DG_OK;
}

/* ---- Distributions --------------------------------------------------------------------------- */

/* Of the distributions of pair i: where its components are, and the numbers of the first one. */
typedef struct {
    const real *a, *z;
    int64_t first, count;
} pair;

static pair pair_of(const dg_call *c, const dg_pairs *p, int64_t i)
{
    int64_t count = p->size / p->classes;
    return (pair){.a = dg_pair_at(c->in[DG_TARGET], p, i),
                  .z = dg_pair_at(c->in[DG_ESTIMATE], p, i),
                  .first = i * count,
                  .count = count};
}

/* rho without its weight; k is made anew by `first` forward, else from what is saved. */
static real rho_of_pair(const dg_call *c, const dg_pairs *p, int64_t i, int first)
{
    pair q = pair_of(c, p, i);
    int64_t n = p->classes;
    double sum = 0;
    for (int64_t d = 0; d < q.count; d++) {
        real k[CONSTANTS];
        if (first)
            first_constants(c, q.first + d, n, q.a + d * n, q.z + d * n, k);
        else
            constants(c, q.first + d, k);
        sum += dg_loss_sum(n, q.a + d * n, q.z + d * n, NULL, k, rho);
    }
    return (real)(sum * p->share);
}

static dg_status forward_distributions(const dg_call *c, const dg_pairs *p)
{
    real *out = c->out[0];
    for (int64_t i = p->begin; i < p->end; i++) {
        int counts = dg_pair_counts(c, i);
        dg_status s = counts ? dg_simplex_check(c, p, i) : DG_OK;
        if (s != DG_OK)
            return s;
        real value = rho_of_pair(c, p, i, 1);
        out[i] = counts ? value * dg_pair_weight(c, i) : 0;
    }
    return DG_OK;
}

static dg_status adjoint_distributions(const dg_call *c, const dg_pairs *p)
{
    int64_t n = p->classes;
    real *for_z = c->delta[DG_ESTIMATE], *for_a = c->delta[DG_TARGET], *for_w = c->delta[DG_WEIGHT];
    for (int64_t i = p->begin; i < p->end; i++) {
        pair q = pair_of(c, p, i);
        real scale = scale_of(c, p, i), k[CONSTANTS];
        for (int64_t d = 0; d < q.count; d++) {
            int64_t at = (q.first + d) * n;
            const real *a = q.a + d * n, *z = q.z + d * n;
            constants(c, q.first + d, k);
            if (for_z)
                dg_loss_write(n, scale, a, z, k, softmax_less_target, for_z + at);
            if (for_a)
                dg_loss_write(n, scale, a, z, k, log_share, for_a + at);
        }
        if (for_w)
            for_w[i] = ((const real *)c->eps[0])[i] * rho_of_pair(c, p, i, 0);
    }
    return DG_OK;
}

static dg_status tangent_distributions(const dg_call *c, const dg_pairs *p)
{
    int64_t n = p->classes;
    real *dout = c->dout[0];
    const real *dw = c->din[DG_WEIGHT];
    for (int64_t i = p->begin; i < p->end; i++) {
        pair q = pair_of(c, p, i);
        const real *da = dg_pair_at(c->din[DG_TARGET], p, i);
        const real *dz = dg_pair_at(c->din[DG_ESTIMATE], p, i);
        double sum = 0;
        for (int64_t d = 0; d < q.count && dg_pair_counts(c, i); d++) {
            const real *a = q.a + d * n, *z = q.z + d * n;
            real k[CONSTANTS];
            constants(c, q.first + d, k);
            sum += dz ? dg_loss_sum(n, a, z, dz + d * n, k, softmax_less_target) : 0;
            sum += da ? dg_loss_sum(n, a, z, da + d * n, k, log_share) : 0;
        }
        dout[i] = (real)(sum * p->share) * dg_pair_weight(c, i);
        if (dw)
            dout[i] = real_fma(rho_of_pair(c, p, i, 0), dw[i], dout[i]);
    }
    return DG_OK;
}

/* ---- Both ------------------------------------------------------------------------------------ */

static const dg_blend_rule blended = {rho,       log_share, softmax_less_target, first_constants,
                                      constants, 0};

static dg_status forward(const dg_call *c)
{
    dg_pairs p = dg_pairs_of(c, DG_OVER);
    if (!dg_blend_none(c))
        return dg_blend_forward(c, &blended);
    return p.labels ? dg_each_label(c, &p, forward_label) : forward_distributions(c, &p);
}

static dg_status adjoint(const dg_call *c)
{
    dg_pairs p = dg_pairs_of(c, DG_OVER);
    if (!dg_blend_none(c))
        return dg_blend_adjoint(c, &blended);
    return p.labels ? dg_each_label(c, &p, adjoint_label) : adjoint_distributions(c, &p);
}

static dg_status tangent(const dg_call *c)
{
    dg_pairs p = dg_pairs_of(c, DG_OVER);
    if (!dg_blend_none(c))
        return dg_blend_tangent(c, &blended);
    return p.labels ? dg_each_label(c, &p, tangent_label) : tangent_distributions(c, &p);
}

const dg_math DG_T(dg_math_softmax_cross_entropy) = {forward, adjoint, tangent};

#endif
