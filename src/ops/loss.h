/* What the loss nodes share.
 *
 * A loss rho(a, b) of target a and estimate b gives one number a pair. A pair is a row of axis 0 (a
 * scalar of rank 0 is one pair), and, for integer labels, a label. `over=elements` divides rho by
 * the components of a pair; `weight` multiplies it. The engine adds the pairs up and knows 1/K.
 *
 *     labels [N, T], estimate [N, T, C]         rho [N, T], C components a pair
 *     target [N, T, C], estimate [N, T, C]      rho [N], T C components a pair
 *
 * A pair whose weight is 0 has rho 0 and error vector 0, whatever its target and estimate are. */
#ifndef DG_OPS_LOSS_H
#define DG_OPS_LOSS_H

#include "ops/op.h"

enum { DG_TARGET, DG_ESTIMATE, DG_WEIGHT, DG_LOSS_INPUTS };    /* the inputs */
enum { DG_CLASS_WEIGHT = DG_LOSS_INPUTS, DG_LABEL_INPUTS };    /* and those of cross entropies */
enum { DG_OVER = 0, DG_IGNORE, DG_SMOOTHING, DG_LABEL_ATTRS }; /* attributes of dg_label_attrs */
enum { DG_BINARY_SMOOTHING = 1, DG_BINARY_ATTRS };             /* of dg_binary_attrs */
enum { DG_OVER_PAIRS, DG_OVER_ELEMENTS };                      /* words of DG_OVER */

/* Where a call's pairs are: pair p has its components at p size .. (p + 1) size - 1 of the
 * estimate, and of a target that is no label. Pairs begin .. end - 1 are the call's. */
typedef struct dg_pairs {
    int64_t begin, end, size;
    int64_t classes; /* the last axis of the estimate; 1 for rank 0 */
    int labels;      /* the target is integers, one a pair */
    double share;    /* 1, or 1 / size */
} dg_pairs;

/* over: the index of the attribute of that name. */
dg_pairs dg_pairs_of(const dg_call *c, int over);

extern const dg_input_spec dg_loss_inputs[DG_LOSS_INPUTS];    /* real targets */
extern const dg_input_spec dg_binary_inputs[DG_LABEL_INPUTS]; /* those, and class_weight */
extern const dg_attr_spec dg_binary_attrs[DG_BINARY_ATTRS];
extern const dg_input_spec dg_label_inputs[DG_LABEL_INPUTS]; /* real targets or labels */
/* The attribute `over`, as an initialiser. */
#define DG_LOSS_OVER                                                                               \
    {                                                                                              \
        .name = "over", .kind = DG_ATTR_WORD, .max_count = 1, .preset = "pairs",                   \
        .words = "pairs elements", .text = "mean over pairs, or over their components too"         \
    }

extern const dg_attr_spec dg_loss_attrs[1]; /* over */
extern const dg_attr_spec dg_label_attrs[DG_LABEL_ATTRS];

/* Shape rules: target like estimate; the same with class_weight; and labels or distributions over
 * the last axis. */
dg_status dg_loss_shape(const char *of, const dg_shape in[], dg_shape out[], dg_diag *why);
dg_status dg_binary_shape(const char *of, int n_in, const dg_shape in[], dg_shape out[],
                          dg_diag *why);
dg_status dg_label_shape(const char *of, const dg_attrs *a, int n_in, const dg_shape in[],
                         dg_shape out[], dg_diag *why);

/* dg_node_type.flops, and for label losses .pairs (ignored labels do not count) and .limit: -1
 * where the input takes real values, also the target, where its shape is that of distributions. */
double dg_loss_flops(const dg_sizes *of, int input);
int64_t dg_label_pairs(const dg_call *c);
int64_t dg_loss_limit(const dg_sizes *of, int input);

/* dg_node_type.ignores of label losses. */
int dg_label_ignores(const dg_attrs *a, int64_t *label);

/* 1 if label k is ignored. */
int dg_label_ignored(const dg_attrs *a, int32_t k);

/* Where pair p is, for a message: "row 3", "row 3, place 17". Returns text of n bytes, and notes
 * the row in c->why. */
char *dg_pair_text(const dg_call *c, int64_t p, char *text, size_t n);

/* Each records what is wrong with pair p and returns the status: its label is out of range; the
 * target distribution d of it is none; its target or estimate at component i may not be what it
 * is; its estimate there is no probability. And of class k, that its weight is none. */
dg_status dg_label_bad(const dg_call *c, int64_t p, int32_t label, int64_t classes);
dg_status dg_simplex_bad(const dg_call *c, int64_t p, int64_t d, double sum, double size);
dg_status dg_target_bad(const dg_call *c, int64_t p, int64_t i, double target);
dg_status dg_estimate_bad(const dg_call *c, int64_t p, int64_t i, double estimate, double target);
dg_status dg_outside_bad(const dg_call *c, int64_t p, int64_t i, double estimate);
dg_status dg_class_weight_bad(const dg_call *c, int64_t k, double weight);

#ifdef DG_REAL

/* A function of a component of target and estimate (and of constants k), summed or written along
 * the components of a pair. It is compiled into the loops below. */
typedef vec dg_loss_fn(vec a, vec b, const real *k);

/* A loss that is a sum over components: rho, its derivatives for target and estimate. Where rho is
 * not finite, explain (NULL: none) says whether pair p breaks a rule. */
typedef struct dg_loss_rule {
    dg_loss_fn *rho, *for_target, *for_estimate;
    dg_status (*explain)(const dg_call *c, const dg_pairs *p, int64_t pair);
} dg_loss_rule;

/* f(a, b) d of the first n of 16 components, 0 in the others; d NULL: 1. */
DG_INLINE wide dg_loss_terms(const real *a, const real *b, const real *d, int n, const real *k,
                             dg_loss_fn *f)
{
    wide x = n == DG_LANES ? wide_load(a) : wide_load_n(a, n, 0);
    wide y = n == DG_LANES ? wide_load(b) : wide_load_n(b, n, 0), z = wide_set1(1);
    if (d)
        z = n == DG_LANES ? wide_load(d) : wide_load_n(d, n, 0);
    for (int i = 0; i < WIDE_N; i++) {
        vec t = f(x.v[i], y.v[i], k);
        if (d)
            t *= z.v[i];
        x.v[i] = n == DG_LANES ? t : vec_select(vec_first(n - i * VEC_N), t, vec_set1(0));
    }
    return x;
}

/* Sum of f(a, b) d over n components: 16 lanes in blocks of 4096, which are added up in double. */
DG_INLINE double dg_loss_sum(int64_t n, const real *a, const real *b, const real *d, const real *k,
                             dg_loss_fn *f)
{
    enum { BLOCK = 4096 };
    double total = 0;
    for (int64_t from = 0; from < n; from += BLOCK) {
        int64_t to = n - from < BLOCK ? n : from + BLOCK, i = from;
        wide sum = wide_set1(0);
        for (; to - i >= DG_LANES; i += DG_LANES)
            sum = wide_add(sum, dg_loss_terms(a + i, b + i, d ? d + i : d, DG_LANES, k, f));
        if (i < to)
            sum = wide_add(sum, dg_loss_terms(a + i, b + i, d ? d + i : d, (int)(to - i), k, f));
        total += (double)wide_total(sum);
    }
    return total;
}

/* out = scale f(a, b) for n components; all 0 if scale is 0. */
DG_INLINE void dg_loss_write(int64_t n, real scale, const real *a, const real *b, const real *k,
                             dg_loss_fn *f, real *out)
{
    vec s = vec_set1(scale);
    int64_t i = 0;
    if (scale >= 0 && scale <= 0) {
        memset(out, 0, (size_t)n * sizeof *out);
        return;
    }
    for (; n - i >= VEC_N; i += VEC_N)
        vec_store(out + i, s * f(vec_load(a + i), vec_load(b + i), k));
    if (i < n) {
        int left = (int)(n - i);
        vec_store_n(out + i, left, s * f(vec_load_n(a + i, left), vec_load_n(b + i, left), k));
    }
}

/* The weight of a pair; 1 without weights. */
DG_INLINE real dg_pair_weight(const dg_call *c, int64_t pair)
{
    return c->in[DG_WEIGHT] ? ((const real *)c->in[DG_WEIGHT])[pair] : 1;
}

/* Whether a pair counts: its weight is not 0. */
DG_INLINE int dg_pair_counts(const dg_call *c, int64_t pair)
{
    real w = dg_pair_weight(c, pair);
    return !(w >= 0 && w <= 0);
}

/* One number a class, 0 or more, or NULL. */
DG_INLINE const real *dg_class_weights(const dg_call *c)
{
    return c->n_in > DG_CLASS_WEIGHT ? c->in[DG_CLASS_WEIGHT] : NULL;
}

DG_INLINE dg_status dg_class_weights_check(const dg_call *c, int64_t n)
{
    const real *w = dg_class_weights(c);
    for (int64_t k = 0; w && k < n; k++)
        if (!(w[k] >= 0 && w[k] - w[k] >= 0))
            return dg_class_weight_bad(c, k, (double)w[k]);
    return DG_OK;
}

/* The components of a pair in in[k], din[k] or delta[k], NULL if that is. */
DG_INLINE const real *dg_pair_at(const void *x, const dg_pairs *p, int64_t pair)
{
    return x ? (const real *)x + pair * p->size : NULL;
}

/* Sum of f(a, b) d over the components of a pair, each times the weight of its class. */
DG_INLINE double dg_pair_sum(const dg_call *c, const dg_pairs *p, int64_t pair, const real *d,
                             const real *k, dg_loss_fn *f)
{
    const real *a = dg_pair_at(c->in[DG_TARGET], p, pair), *w = dg_class_weights(c);
    const real *b = dg_pair_at(c->in[DG_ESTIMATE], p, pair);
    if (!w)
        return dg_loss_sum(p->size, a, b, d, k, f);
    double sum = 0;
    for (int64_t i = 0; !d && i < p->size; i += p->classes)
        sum += dg_loss_sum(p->classes, a + i, b + i, w, k, f);
    for (int64_t i = 0; d && i < p->size; i++)
        sum += (double)w[i % p->classes] * dg_loss_sum(1, a + i, b + i, d + i, k, f);
    return sum;
}

/* scale f(a, b) times the weights of the classes, to the components of a pair of delta. */
DG_INLINE void dg_pair_write(const dg_call *c, const dg_pairs *p, int64_t pair, real scale,
                             const real *k, dg_loss_fn *f, void *delta)
{
    const real *w = dg_class_weights(c);
    real *to = (real *)delta + pair * p->size;
    dg_loss_write(p->size, scale, dg_pair_at(c->in[DG_TARGET], p, pair),
                  dg_pair_at(c->in[DG_ESTIMATE], p, pair), k, f, to);
    for (int64_t i = 0; w && i < p->size; i++)
        to[i] *= w[i % p->classes];
}

DG_INLINE double dg_pair_rho(const dg_call *c, const dg_pairs *p, int64_t pair, const real *k,
                             const dg_loss_rule *rule)
{
    return p->share * dg_pair_sum(c, p, pair, NULL, k, rule->rho);
}

DG_INLINE dg_status dg_loss_forward(const dg_call *c, int over, const real *k,
                                    const dg_loss_rule *rule)
{
    dg_pairs p = dg_pairs_of(c, over);
    real *rho = c->out[0];
    dg_status s = dg_class_weights_check(c, p.classes);
    for (int64_t i = p.begin; i < p.end && s == DG_OK; i++) {
        rho[i] = 0;
        if (!dg_pair_counts(c, i))
            continue;
        rho[i] = (real)dg_pair_rho(c, &p, i, k, rule);
        if (rule->explain && !(rho[i] - rho[i] >= 0))
            s = rule->explain(c, &p, i);
        rho[i] *= dg_pair_weight(c, i);
    }
    return s;
}

/* What pair i adds to the error vector of class_weight: scale times its rho by class. */
DG_INLINE void dg_add_to_classes(const dg_call *c, const dg_pairs *p, int64_t i, real scale,
                                 const real *k, const dg_loss_rule *rule)
{
    const real *a = dg_pair_at(c->in[DG_TARGET], p, i);
    const real *b = dg_pair_at(c->in[DG_ESTIMATE], p, i);
    real *delta = c->delta[DG_CLASS_WEIGHT];
    for (int64_t j = 0; dg_pair_counts(c, i) && j < p->size; j++)
        delta[j % p->classes] += scale * (real)dg_loss_sum(1, a + j, b + j, NULL, k, rule->rho);
}

DG_INLINE int dg_wants_class_weight(const dg_call *c)
{
    return c->n_in > DG_CLASS_WEIGHT && c->delta[DG_CLASS_WEIGHT];
}

DG_INLINE dg_status dg_loss_adjoint(const dg_call *c, int over, const real *k,
                                    const dg_loss_rule *rule)
{
    dg_pairs p = dg_pairs_of(c, over);
    const real *eps = c->eps[0];
    if (dg_wants_class_weight(c))
        memset(c->delta[DG_CLASS_WEIGHT], 0, (size_t)p.classes * sizeof(real));
    for (int64_t i = p.begin; i < p.end; i++) {
        real scale = dg_pair_counts(c, i) ? eps[i] * dg_pair_weight(c, i) * (real)p.share : 0;
        if (c->delta[DG_ESTIMATE])
            dg_pair_write(c, &p, i, scale, k, rule->for_estimate, c->delta[DG_ESTIMATE]);
        if (c->delta[DG_TARGET])
            dg_pair_write(c, &p, i, scale, k, rule->for_target, c->delta[DG_TARGET]);
        if (dg_wants_class_weight(c))
            dg_add_to_classes(c, &p, i, scale, k, rule);
        if (c->delta[DG_WEIGHT])
            ((real *)c->delta[DG_WEIGHT])[i] = eps[i] * (real)dg_pair_rho(c, &p, i, k, rule);
    }
    return DG_OK;
}

/* What a perturbation of class_weight adds to that of pair i. */
DG_INLINE double dg_forth_by_classes(const dg_call *c, const dg_pairs *p, int64_t i, const real *k,
                                     const dg_loss_rule *rule)
{
    const real *dw = c->n_in > DG_CLASS_WEIGHT ? c->din[DG_CLASS_WEIGHT] : NULL;
    const real *a = dg_pair_at(c->in[DG_TARGET], p, i);
    const real *b = dg_pair_at(c->in[DG_ESTIMATE], p, i);
    double sum = 0;
    for (int64_t j = 0; dw && j < p->size; j += p->classes)
        sum += dg_loss_sum(p->classes, a + j, b + j, dw, k, rule->rho);
    return sum;
}

DG_INLINE dg_status dg_loss_tangent(const dg_call *c, int over, const real *k,
                                    const dg_loss_rule *rule)
{
    dg_pairs p = dg_pairs_of(c, over);
    real *dout = c->dout[0];
    for (int64_t i = p.begin; i < p.end; i++) {
        const real *da = dg_pair_at(c->din[DG_TARGET], &p, i);
        const real *db = dg_pair_at(c->din[DG_ESTIMATE], &p, i);
        double sum = 0;
        if (dg_pair_counts(c, i)) {
            sum += db ? dg_pair_sum(c, &p, i, db, k, rule->for_estimate) : 0;
            sum += da ? dg_pair_sum(c, &p, i, da, k, rule->for_target) : 0;
            sum += dg_forth_by_classes(c, &p, i, k, rule);
        }
        dout[i] = (real)(sum * p.share) * dg_pair_weight(c, i);
        if (c->din[DG_WEIGHT])
            dout[i] = real_fma((real)dg_pair_rho(c, &p, i, k, rule),
                               ((const real *)c->din[DG_WEIGHT])[i], dout[i]);
    }
    return DG_OK;
}

/* How far the entries of a distribution may add up from 1, or a probability lie outside 0 and 1. */
#define DG_SIMPLEX_SLACK ((real)(DG_REAL == 32 ? 1e-5 : 1e-6))

/* Which targets are probabilities, or almost. */
DG_INLINE ivec dg_probability(vec a)
{
    return (ivec)(a >= -DG_SIMPLEX_SLACK) & (ivec)(a <= 1 + DG_SIMPLEX_SLACK);
}

/* label_smoothing = s of probabilities, which are distributions over two: a' = (1 - s) a + s /
 * 2. */
DG_INLINE void dg_binary_constants(const dg_call *c, real k[2])
{
    const real s = (real)dg_attr_real(c->attrs, DG_BINARY_SMOOTHING);
    k[0] = 1 - s;
    k[1] = s / 2;
}

DG_INLINE vec dg_binary_target(vec a, const real *k)
{
    return vec_fma(vec_set1(k[0]), a, vec_set1(k[1]));
}

DG_INLINE vec dg_loss_target(vec a, vec b, const real *k)
{
    (void)b;
    (void)k;
    return a;
}

DG_INLINE vec dg_loss_target_size(vec a, vec b, const real *k)
{
    (void)b;
    (void)k;
    return vec_abs(a);
}

/* DG_EDATA if a distribution of the pair has a negative entry or does not add up to 1. With both
 * sums near 1, what is negative is less than the slack. */
DG_INLINE dg_status dg_simplex_check(const dg_call *c, const dg_pairs *p, int64_t pair)
{
    const real *a = dg_pair_at(c->in[DG_TARGET], p, pair);
    for (int64_t i = 0; i < p->size; i += p->classes) {
        double sum = dg_loss_sum(p->classes, a + i, a + i, NULL, NULL, dg_loss_target);
        double size = dg_loss_sum(p->classes, a + i, a + i, NULL, NULL, dg_loss_target_size);
        if (!(fabs(sum - 1) <= (double)DG_SIMPLEX_SLACK && size - 1 <= (double)DG_SIMPLEX_SLACK))
            return dg_simplex_bad(c, pair, i / p->classes, sum, size);
    }
    return DG_OK;
}

/* The label of a pair, checked; -1 if it is ignored. */
DG_INLINE dg_status dg_label_at(const dg_call *c, const dg_pairs *p, int64_t pair, int32_t *label)
{
    *label = ((const int32_t *)c->in[DG_TARGET])[pair];
    if (dg_label_ignored(c->attrs, *label))
        *label = -1;
    else if (*label < 0 || *label >= p->classes)
        return dg_label_bad(c, pair, *label, p->classes);
    return DG_OK;
}

/* What is done with each pair whose label has been checked; label -1: it is ignored. */
typedef dg_status dg_label_fn(const dg_call *c, const dg_pairs *p, int64_t pair, int32_t label);

DG_INLINE dg_status dg_each_label(const dg_call *c, const dg_pairs *p, dg_label_fn *fn)
{
    dg_status s = DG_OK;
    for (int64_t i = p->begin; i < p->end && s == DG_OK; i++) {
        int32_t label;
        s = dg_label_at(c, p, i, &label);
        if (s == DG_OK)
            s = fn(c, p, i, label);
    }
    return s;
}

#endif
#endif
