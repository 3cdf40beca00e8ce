/* What the fma units can do: 12 independent chains of the widest fma, for benchmarks. */
#include "kernels/tile.h"

int64_t DG_T(dg_peak)(int64_t rounds, real *sink)
{
    enum { CHAINS = 12 };
    vec s[CHAINS], a = vec_set1((real)0.999), b = vec_set1((real)0.001);
    real total = 0;
    DG_UNROLL
    for (int i = 0; i < CHAINS; i++)
        s[i] = vec_set1((real)i);
    for (int64_t r = 0; r < rounds; r++) {
        DG_UNROLL
        for (int i = 0; i < CHAINS; i++) {
            s[i] = vec_fma(s[i], a, b);
#if DG_ISA_ID != 0
            __asm__("" : "+v"(s[i])); /* keeps the chains in registers, one product each */
#endif
        }
    }
    DG_UNROLL
    for (int i = 0; i < CHAINS; i++)
        total += vec_total(s[i]);
    *sink = total;
    return rounds * CHAINS * VEC_N * 2;
}
