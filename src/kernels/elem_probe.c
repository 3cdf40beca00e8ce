/* The functions of base/elem.h over arrays. */
#include "kernels/elem_probe.h"

#include "base/elem.h"

typedef vec unary(vec x);

DG_INLINE void map(unary *fn, int64_t n, const real *x, real *out)
{
    int64_t i = 0;
    for (; i + VEC_N <= n; i += VEC_N)
        vec_store(out + i, fn(vec_load(x + i)));
    if (i < n)
        vec_store_n(out + i, (int)(n - i), fn(vec_load_n(x + i, (int)(n - i))));
}

DG_INLINE vec normal(vec x)
{
    vec density;
    return vec_normal(x, 0, &density);
}

DG_INLINE vec normal_tanh(vec x)
{
    vec density;
    return vec_normal(x, 1, &density);
}

static void map_pow(int64_t n, const real *x, const real *y, real *out)
{
    for (int64_t i = 0; i < n; i += VEC_N) {
        int m = n - i < VEC_N ? (int)(n - i) : VEC_N;
        vec_store_n(out + i, m, vec_pow(vec_load_n(x + i, m), vec_load_n(y + i, m)));
    }
}

void DG_T(dg_elem_probe)(int fn, int64_t n, const real *x, const real *y, real *out)
{
    switch ((enum dg_elem_fn)fn) {
    case DG_ELEM_EXP:
        map(vec_exp, n, x, out);
        break;
    case DG_ELEM_LOG:
        map(vec_log, n, x, out);
        break;
    case DG_ELEM_TANH:
        map(vec_tanh, n, x, out);
        break;
    case DG_ELEM_SIGMOID:
        map(vec_sigmoid, n, x, out);
        break;
    case DG_ELEM_EXPM1:
        map(vec_expm1, n, x, out);
        break;
    case DG_ELEM_LOG1P:
        map(vec_log1p, n, x, out);
        break;
    case DG_ELEM_SOFTPLUS:
        map(vec_softplus, n, x, out);
        break;
    case DG_ELEM_SIN:
        map(vec_sin, n, x, out);
        break;
    case DG_ELEM_COS:
        map(vec_cos, n, x, out);
        break;
    case DG_ELEM_ERF:
        map(vec_erf, n, x, out);
        break;
    case DG_ELEM_BELL:
        map(vec_bell, n, x, out);
        break;
    case DG_ELEM_NORMAL:
        map(normal, n, x, out);
        break;
    case DG_ELEM_NORMAL_TANH:
        map(normal_tanh, n, x, out);
        break;
    case DG_ELEM_POW:
        map_pow(n, x, y, out);
        break;
    case DG_ELEM_FNS:
        break;
    }
}
