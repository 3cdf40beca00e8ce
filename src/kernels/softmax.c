/* What softmax and cross entropy need (contract: kernels/kernels.h). */
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
    vec64 s[DG_HALVES] = {0};
    for (int64_t i = 0; i < n; i += DG_LANES) {
        const int m = n - i < DG_LANES ? (int)(n - i) : DG_LANES;
        const wide e = exp_from(wide_load_n(x + i, m, -(real)INFINITY), centre);
        dg_add_wide(s, e);
        if (y)
            wide_store_n(y + i, m, e);
    }
    return (real)dg_total_wide(s);
}
