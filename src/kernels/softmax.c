/* Softmax and what cross entropy needs of it (contract: kernels/kernels.h). */
#include "base/elem.h"
#include "kernels/tile.h"

/* w = exp(w - centre), by lanes. */
DG_INLINE wide exp_from(wide w, real centre)
{
    for (int k = 0; k < WIDE_N; k++)
        w.v[k] = vec_exp(w.v[k] - centre);
    return w;
}

real DG_T(dg_row_exp)(int64_t n, const real *x, real centre, real *y)
{
    wide s = wide_set1(0);
    for (int64_t i = 0; i < n; i += DG_LANES) {
        const int m = n - i < DG_LANES ? (int)(n - i) : DG_LANES;
        const wide e = exp_from(wide_load_n(x + i, m, -(real)INFINITY), centre);
        s = wide_add(s, e);
        if (y)
            wide_store_n(y + i, m, e);
    }
    return wide_total(s);
}

void DG_T(dg_softmax)(int64_t r0, int64_t r1, int64_t n, const real *x, real *y)
{
    for (int64_t r = r0; r < r1; r++) {
        const real *p = x + r * n;
        real *q = y + r * n;
        const real sum = DG_T(dg_row_exp)(n, p, DG_T(dg_row_max)(n, p), q);
        for (int64_t i = 0; i < n; i += VEC_N) {
            const int m = n - i < VEC_N ? (int)(n - i) : VEC_N;
            vec_store_n(q + i, m, vec_load_n(q + i, m) / sum);
        }
    }
}

void DG_T(dg_softmax_adjoint)(int64_t r0, int64_t r1, int64_t n, const real *y, const real *dy,
                              real *dx)
{
    for (int64_t r = r0; r < r1; r++) {
        const real dot = DG_T(dg_row_dot)(n, y + r * n, dy + r * n);
        for (int64_t i = r * n; i < (r + 1) * n; i += VEC_N) {
            const int m = (r + 1) * n - i < VEC_N ? (int)((r + 1) * n - i) : VEC_N;
            vec_store_n(dx + i, m, vec_load_n(y + i, m) * (vec_load_n(dy + i, m) - dot));
        }
    }
}

void DG_T(dg_log_softmax)(int64_t r0, int64_t r1, int64_t n, const real *x, real *y)
{
    for (int64_t r = r0; r < r1; r++) {
        const real top = DG_T(dg_row_max)(n, x + r * n);
        const real sum = real_log(DG_T(dg_row_exp)(n, x + r * n, top, NULL));
        for (int64_t i = r * n; i < (r + 1) * n; i += VEC_N) {
            const int m = (r + 1) * n - i < VEC_N ? (int)((r + 1) * n - i) : VEC_N;
            vec_store_n(y + i, m, (vec_load_n(x + i, m) - top) - sum);
        }
    }
}

void DG_T(dg_log_softmax_adjoint)(int64_t r0, int64_t r1, int64_t n, const real *y, const real *dy,
                                  real *dx)
{
    for (int64_t r = r0; r < r1; r++) {
        const vec sum = vec_set1(-DG_T(dg_row_sum)(n, dy + r * n));
        for (int64_t i = r * n; i < (r + 1) * n; i += VEC_N) {
            const int m = (r + 1) * n - i < VEC_N ? (int)((r + 1) * n - i) : VEC_N;
            const vec e = vec_exp(vec_load_n(y + i, m));
            vec_store_n(dx + i, m, vec_fma(e, sum, vec_load_n(dy + i, m)));
        }
    }
}

void DG_T(dg_log_sum)(int64_t r0, int64_t r1, int64_t n, const real *x, real *lse)
{
    for (int64_t r = r0; r < r1; r++) {
        const real top = DG_T(dg_row_max)(n, x + r * n);
        lse[r] = top + real_log(DG_T(dg_row_exp)(n, x + r * n, top, NULL));
    }
}
