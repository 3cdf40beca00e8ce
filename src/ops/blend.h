/* Cross entropies whose target is not taken as it is: label_smoothing = s, class_weight = w.
 *
 *     a' = (1 - s) a + s / C           u = w a'              (a label is the distribution of it)
 *     rho = sum of u_i l_i             l_i = -log b_i
 *     eps = that of the loss, with u for a;  (1 - s) w l for the target;  a' l for w
 *
 * A loss brings its mathematics with u in the place of a. What is ignored, or has weight 0, gives
 * 0. Scratch: BLEND_ROOM numbers a class. */
#ifndef DG_OPS_BLEND_H
#define DG_OPS_BLEND_H

#include "ops/loss.h"

enum { DG_BLEND_ROOM = 3 };

#ifdef DG_REAL

/* first: the constants k of distribution d of the call's node, from targets u and estimates b, n of
 * them; again: the same in adjoint and tangent. positive 1: where u is not 0, b must be above 0. */
typedef struct dg_blend_rule {
    dg_loss_fn *rho, *for_target, *for_estimate;
    void (*first)(const dg_call *c, int64_t d, int64_t n, const real *u, const real *b, real *k);
    void (*again)(const dg_call *c, int64_t d, real *k);
    int positive;
} dg_blend_rule;

/* One distribution of a pair: n classes, number d of the node; a NULL: a label. */
typedef struct dg_blend {
    int64_t n, d, at;
    const real *a, *b, *w;
    real s, *smooth, *u, *scratch; /* a', u, and n numbers more */
    real k[4];
} dg_blend;

/* 1: the target is taken as it is. */
DG_INLINE int dg_blend_none(const dg_call *c)
{
    double s = dg_attr_real(c->attrs, DG_SMOOTHING);
    return !(s > 0) && !dg_class_weights(c);
}

/* The distribution number j of pair i. */
DG_INLINE dg_blend dg_blend_at(const dg_call *c, const dg_pairs *p, int64_t i, int64_t j,
                               int32_t label)
{
    int64_t n = p->classes, at = i * p->size + j * n;
    dg_blend q = {.n = n, .d = at / n, .at = at, .b = (const real *)c->in[DG_ESTIMATE] + at};
    q.a = p->labels ? NULL : (const real *)c->in[DG_TARGET] + at;
    q.w = dg_class_weights(c);
    q.s = (real)dg_attr_real(c->attrs, DG_SMOOTHING);
    q.smooth = c->scratch;
    q.u = q.smooth + n;
    q.scratch = q.u + n;
    real share = q.s / (real)n, rest = 1 - q.s;
    for (int64_t k = 0; k < n; k++) {
        real a = q.a ? q.a[k] : (real)(k == label);
        q.smooth[k] = real_fma(rest, a, share);
        q.u[k] = q.w ? q.w[k] * q.smooth[k] : q.smooth[k];
    }
    return q;
}

/* rho of pair i without its weight; first: in forward. */
DG_INLINE double dg_blend_rho(const dg_call *c, const dg_pairs *p, int64_t i, int32_t label,
                              const dg_blend_rule *rule, int first)
{
    double sum = 0;
    for (int64_t j = 0; j < p->size / p->classes; j++) {
        dg_blend q = dg_blend_at(c, p, i, j, label);
        if (first)
            rule->first(c, q.d, q.n, q.u, q.b, q.k);
        else
            rule->again(c, q.d, q.k);
        sum += dg_loss_sum(q.n, q.u, q.b, NULL, q.k, rule->rho);
    }
    return sum * p->share;
}

/* Why the rho of pair i is not finite; DG_OK: it breaks no rule. */
DG_INLINE dg_status dg_blend_explain(const dg_call *c, const dg_pairs *p, int64_t i, int32_t label,
                                     const dg_blend_rule *rule)
{
    for (int64_t j = 0; rule->positive && j < p->size / p->classes; j++) {
        dg_blend q = dg_blend_at(c, p, i, j, label);
        for (int64_t k = 0; k < q.n; k++)
            if (!(q.u[k] >= 0 && q.u[k] <= 0) && !(q.b[k] > 0))
                return dg_estimate_bad(c, i, j * q.n + k, (double)q.b[k], (double)q.u[k]);
    }
    return DG_OK;
}

/* The label of a pair: -1 if it is ignored, 0 of a distribution. */
DG_INLINE dg_status dg_blend_label(const dg_call *c, const dg_pairs *p, int64_t i, int32_t *label)
{
    *label = 0;
    return p->labels ? dg_label_at(c, p, i, label) : DG_OK;
}

DG_INLINE dg_status dg_blend_forward(const dg_call *c, const dg_blend_rule *rule)
{
    dg_pairs p = dg_pairs_of(c, DG_OVER);
    real *out = c->out[0];
    dg_status s = dg_class_weights_check(c, p.classes);
    for (int64_t i = p.begin; i < p.end && s == DG_OK; i++) {
        int32_t label;
        s = dg_blend_label(c, &p, i, &label);
        int counts = label >= 0 && dg_pair_counts(c, i);
        if (s == DG_OK && counts && !p.labels)
            s = dg_simplex_check(c, &p, i);
        if (s != DG_OK)
            return s;
        real rho = (real)dg_blend_rho(c, &p, i, label, rule, 1);
        out[i] = counts ? rho * dg_pair_weight(c, i) : 0;
        if (counts && !(rho - rho >= 0))
            s = dg_blend_explain(c, &p, i, label, rule);
    }
    return s;
}

/* The error vectors of one distribution; scale: eps, weight and share of its pair. */
DG_INLINE void dg_blend_back(const dg_call *c, const dg_blend *q, real scale,
                             const dg_blend_rule *rule)
{
    real *for_b = c->delta[DG_ESTIMATE], *for_a = q->a ? c->delta[DG_TARGET] : NULL;
    real *for_w = c->n_in > DG_CLASS_WEIGHT ? c->delta[DG_CLASS_WEIGHT] : NULL;
    if (for_b)
        dg_loss_write(q->n, scale, q->u, q->b, q->k, rule->for_estimate, for_b + q->at);
    if (for_a)
        dg_loss_write(q->n, scale * (1 - q->s), q->a, q->b, q->k, rule->for_target, for_a + q->at);
    for (int64_t k = 0; for_a && q->w && k < q->n; k++)
        for_a[q->at + k] *= q->w[k];
    if (for_w)
        dg_loss_write(q->n, scale, q->smooth, q->b, q->k, rule->rho, q->scratch);
    for (int64_t k = 0; for_w && k < q->n; k++)
        for_w[k] += q->scratch[k];
}

DG_INLINE dg_status dg_blend_adjoint(const dg_call *c, const dg_blend_rule *rule)
{
    dg_pairs p = dg_pairs_of(c, DG_OVER);
    const real *eps = c->eps[0];
    if (c->n_in > DG_CLASS_WEIGHT && c->delta[DG_CLASS_WEIGHT])
        memset(c->delta[DG_CLASS_WEIGHT], 0, (size_t)p.classes * sizeof(real));
    for (int64_t i = p.begin; i < p.end; i++) {
        int32_t label;
        dg_status s = dg_blend_label(c, &p, i, &label);
        if (s != DG_OK)
            return s;
        int counts = label >= 0 && dg_pair_counts(c, i);
        real scale = counts ? eps[i] * dg_pair_weight(c, i) * (real)p.share : 0;
        for (int64_t j = 0; j < p.size / p.classes; j++) {
            dg_blend q = dg_blend_at(c, &p, i, j, label);
            rule->again(c, q.d, q.k);
            dg_blend_back(c, &q, scale, rule);
        }
        if (c->delta[DG_WEIGHT])
            ((real *)c->delta[DG_WEIGHT])[i] =
                label < 0 ? 0 : eps[i] * (real)dg_blend_rho(c, &p, i, label, rule, 0);
    }
    return DG_OK;
}

/* The perturbation of rho of a distribution, without weight and share. */
DG_INLINE double dg_blend_forth(const dg_call *c, const dg_blend *q, const dg_blend_rule *rule)
{
    const real *db = c->din[DG_ESTIMATE], *da = q->a ? c->din[DG_TARGET] : NULL;
    const real *dw = c->n_in > DG_CLASS_WEIGHT ? c->din[DG_CLASS_WEIGHT] : NULL;
    double sum = 0;
    if (db)
        sum += dg_loss_sum(q->n, q->u, q->b, db + q->at, q->k, rule->for_estimate);
    for (int64_t k = 0; da && k < q->n; k++)
        q->scratch[k] = (1 - q->s) * (q->w ? q->w[k] : 1) * da[q->at + k];
    if (da)
        sum += dg_loss_sum(q->n, q->a, q->b, q->scratch, q->k, rule->for_target);
    if (dw)
        sum += dg_loss_sum(q->n, q->smooth, q->b, dw, q->k, rule->rho);
    return sum;
}

DG_INLINE dg_status dg_blend_tangent(const dg_call *c, const dg_blend_rule *rule)
{
    dg_pairs p = dg_pairs_of(c, DG_OVER);
    real *dout = c->dout[0];
    for (int64_t i = p.begin; i < p.end; i++) {
        int32_t label;
        double sum = 0;
        dg_status s = dg_blend_label(c, &p, i, &label);
        if (s != DG_OK)
            return s;
        int counts = label >= 0 && dg_pair_counts(c, i);
        for (int64_t j = 0; counts && j < p.size / p.classes; j++) {
            dg_blend q = dg_blend_at(c, &p, i, j, label);
            rule->again(c, q.d, q.k);
            sum += dg_blend_forth(c, &q, rule);
        }
        dout[i] = (real)(sum * p.share) * dg_pair_weight(c, i);
        if (c->din[DG_WEIGHT] && label >= 0)
            dout[i] = real_fma((real)dg_blend_rho(c, &p, i, label, rule, 0),
                               ((const real *)c->din[DG_WEIGHT])[i], dout[i]);
    }
    return DG_OK;
}

#endif
#endif
