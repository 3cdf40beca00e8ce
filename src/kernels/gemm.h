/* The product under dg_gemm and the linear layer, for the files of src/kernels only. */
#ifndef DG_KERNELS_GEMM_H
#define DG_KERNELS_GEMM_H

#include "kernels/tile.h"

/* As dg_gemm, with two modes: `first` for the first block of k, `next` for the others, whose length
 * is at most DG_CHAIN; pack: B is packed first; gather: A, of which a row is a column of memory
 * (a_row 1), is copied block by block, else its lines fall on few sets of the caches. Scratch:
 * dg_gemm_pack_bytes, and after it dg_gemm_gather_bytes. */
typedef struct {
    int first, next, pack, gather;
    int64_t m, n, k;
    const real *a, *b, *bias;
    real *c;
    int64_t a_row, a_col, b_row, b_col, c_row;
} dg_product;

void DG_T(dg_multiply)(const dg_product *g, real *packed);
size_t DG_T(dg_gemm_pack_bytes)(int64_t n, int64_t k);
size_t DG_T(dg_gemm_gather_bytes)(int64_t k);

/* Number of nearly equal blocks of at most DG_CHAIN that k is cut into; at least 1. Block i is from
 * i k / blocks to (i + 1) k / blocks. */
static inline int64_t dg_blocks(int64_t k)
{
    return k > DG_CHAIN ? (k + DG_CHAIN - 1) / DG_CHAIN : 1;
}

#endif
