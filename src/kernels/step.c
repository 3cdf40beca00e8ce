/* Optimizer steps, one pass over a parameter and its moments (contract: dg_rule in
 * kernels/kernels.h). A last piece of less than a vector goes through the same arithmetic. */
#include "kernels/tile.h"

/* g' = scale g + decay p. */
DG_INLINE vec gradient(vec g, vec p, real scale, real decay)
{
    g *= scale;
    return decay != 0 ? vec_fma(vec_set1(decay), p, g) : g;
}

/* Asks for the line of a parameter that is soon written: other threads have read it, and to take a
 * line back from them costs as much as a miss. */
DG_INLINE void claim(const real *p)
{
    __builtin_prefetch(p + 256 / sizeof(real), 1);
}

DG_INLINE int width(int64_t i, int64_t end)
{
    return end - i < VEC_N ? (int)(end - i) : VEC_N;
}

void DG_T(dg_step_sgd)(const dg_rule *a, int64_t i0, int64_t i1, real *p, const real *g, real *m)
{
    const real scale = (real)a->scale, decay = (real)a->decay;
    const vec rate = vec_set1((real)-a->rate), momentum = vec_set1((real)a->momentum);
    for (int64_t i = i0; i < i1; i += VEC_N) {
        const int n = width(i, i1);
        claim(p + i);
        const vec x = vec_load_n(p + i, n);
        vec d = gradient(vec_load_n(g + i, n), x, scale, decay);
        if (m) {
            const vec v = vec_fma(momentum, vec_load_n(m + i, n), d);
            vec_store_n(m + i, n, v);
            d = a->nesterov ? vec_fma(momentum, v, d) : v;
        }
        vec_store_n(p + i, n, vec_fma(rate, d, x));
    }
}

void DG_T(dg_step_adam)(const dg_rule *a, int64_t i0, int64_t i1, real *p, const real *g, real *m,
                        real *v)
{
    const real scale = (real)a->scale, decay = a->decoupled ? 0 : (real)a->decay;
    const vec beta1 = vec_set1((real)a->beta1), beta2 = vec_set1((real)a->beta2);
    const vec rest1 = vec_set1((real)(1 - a->beta1)), rest2 = vec_set1((real)(1 - a->beta2));
    const vec rate = vec_set1((real)(-a->rate / a->c1)), c2 = vec_set1((real)(1 / a->c2));
    const vec epsilon = vec_set1((real)a->epsilon);
    const vec shrink = vec_set1(a->decoupled ? (real)(-a->rate * a->decay) : 0);
    for (int64_t i = i0; i < i1; i += VEC_N) {
        const int n = width(i, i1);
        claim(p + i);
        vec x = vec_load_n(p + i, n);
        const vec d = gradient(vec_load_n(g + i, n), x, scale, decay);
        const vec first = vec_fma(beta1, vec_load_n(m + i, n), rest1 * d);
        const vec second = vec_fma(beta2, vec_load_n(v + i, n), (rest2 * d) * d);
        vec_store_n(m + i, n, first);
        vec_store_n(v + i, n, second);
        x = vec_fma(shrink, x, x);
        vec_store_n(p + i, n, vec_fma(rate, first / (vec_sqrt(second * c2) + epsilon), x));
    }
}

void DG_T(dg_step_rmsprop)(const dg_rule *a, int64_t i0, int64_t i1, real *p, const real *g,
                           real *v)
{
    const real scale = (real)a->scale, decay = (real)a->decay;
    const vec alpha = vec_set1((real)a->alpha), rest = vec_set1((real)(1 - a->alpha));
    const vec rate = vec_set1((real)-a->rate), epsilon = vec_set1((real)a->epsilon);
    for (int64_t i = i0; i < i1; i += VEC_N) {
        const int n = width(i, i1);
        claim(p + i);
        const vec x = vec_load_n(p + i, n);
        const vec d = gradient(vec_load_n(g + i, n), x, scale, decay);
        const vec second = vec_fma(alpha, vec_load_n(v + i, n), (rest * d) * d);
        vec_store_n(v + i, n, second);
        vec_store_n(p + i, n, vec_fma(rate, d / (vec_sqrt(second) + epsilon), x));
    }
}
