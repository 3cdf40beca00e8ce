/* The micro-kernel, for the files of src/kernels only: a small product over a batch of blocks,
 *
 *     C [m, n] (+)= sum over p < outer, q < inner of A_pq [m, k] B_pq [k, n]
 *
 * A_pq[i, t] = a[p a_outer + q a_inner + i a_row + t a_col],
 * B_pq[t, j] = b[p b_outer + q b_inner + t b_row + j],  C[i, j] = c[i c_row + j].
 *
 * One chain of fused multiply-adds for each element of C, in the order p, q, t, held in registers:
 * mode DG_WRITE or DG_START: C = chain from 0; DG_ADD: C = C + chain from 0; DG_CONTINUE: the chain
 * starts at C.
 * A bias (n numbers; NULL: none) is added to what is stored. No length limit here: the caller cuts
 * k. Nothing outside A, B, C is read or written; last columns are masked. C overlaps nothing. */
#ifndef DG_KERNELS_TILE_H
#define DG_KERNELS_TILE_H

#include "base/vec.h"
#include "kernels/kernels.h"

/* 16 lanes of double, for sums of either type. */
enum { DG_HALVES = DG_LANES / VEC64_N };

DG_INLINE void dg_add_wide(vec64 sum[DG_HALVES], wide w)
{
    for (int k = 0; k < WIDE_N; k++) {
#if DG_REAL == 32
        sum[2 * k] += vec_low64(w.v[k]);
        sum[2 * k + 1] += vec_high64(w.v[k]);
#else
        sum[k] += w.v[k];
#endif
    }
}

DG_INLINE double dg_total_wide(vec64 sum[DG_HALVES])
{
    for (int n = DG_HALVES / 2; n; n /= 2)
        for (int k = 0; k < n; k++)
            sum[k] += sum[k + n];
    return vec64_total(sum[0]);
}

/* n <= VEC_N numbers; where n is VEC_N for the compiler too, no mask. */
DG_INLINE vec dg_some(const real *p, int n)
{
    return n == VEC_N ? vec_load(p) : vec_load_n(p, n);
}

typedef struct {
    int mode;
    int64_t m, n, k, outer, inner;
    const real *a, *b, *bias;
    real *c;
    int64_t a_row, a_col, a_outer, a_inner;
    int64_t b_row, b_outer, b_inner;
    int64_t c_row;
} dg_block;

/* Any m, n >= 0; columns are cut into panels of 4, 2 or 1 vectors, rows into nearly equal tiles. */
void DG_T(dg_brgemm)(const dg_block *g);

/* Columns of the widest panel: B is best packed, and C best cut, by so many. */
enum { DG_PANEL = DG_ISA_ID == 4 ? 4 * VEC_N : DG_ISA_ID == 3 ? 2 * VEC_N : VEC_N };

#endif
