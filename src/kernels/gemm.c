/* Matrix products: blocks of k, blocks of rows and packing around the micro-kernel.
 * Contract: kernels/kernels.h. */
#include "kernels/gemm.h"

/* Rows whose block of A (k <= DG_CHAIN) stays in the second cache while all panels of B pass. */
enum { ROWS = 96 * 4 / sizeof(real), AHEAD = 16 };

/* m numbers from each of k rows, without gaps. Rows far apart are on pages of their own, where no
 * processor fetches ahead by itself. */
static void gather(const real *a, int64_t a_row, int64_t m, int64_t k, real *to)
{
    for (int64_t t = 0; t < k; t++, a += a_row, to += m) {
        for (int64_t i = 0; i < m; i += 64 / (int64_t)sizeof(real))
            __builtin_prefetch(a + AHEAD * a_row + i, 0, 2);
        DG_T(dg_copy)(m, a, to);
    }
}

/* B [k, n] to panels of DG_PANEL columns, each [k, width] without gaps; the last may be narrow. */
static void pack(const dg_product *g, const real *b, int64_t k, real *to)
{
    for (int64_t j = 0; j < g->n; j += DG_PANEL) {
        const int64_t width = g->n - j < DG_PANEL ? g->n - j : DG_PANEL;
        const real *from = b + j * g->b_col;
        if (g->b_row == 1)
            DG_T(dg_transpose)(width, k, from, g->b_col, to, width);
        else if (g->b_col == 1)
            gather(from, g->b_row, width, k, to);
        else
            for (int64_t t = 0; t < k; t++)
                for (int64_t i = 0; i < width; i++)
                    to[t * width + i] = from[t * g->b_row + i * g->b_col];
        to += k * width;
    }
}

/* All of C for one block of k. */
static void block(const dg_product *g, int mode, int64_t k0, int64_t k, const real *bias,
                  real *packed)
{
    const real *b = g->b + k0 * g->b_row;
    dg_block t = {.mode = mode,
                  .k = k,
                  .outer = 1,
                  .inner = 1,
                  .a_row = g->a_row,
                  .a_col = g->a_col,
                  .b_row = g->b_row,
                  .c_row = g->c_row};
    real *gathered = packed + (g->pack ? g->n * k : 0);
    if (g->pack)
        pack(g, b, k, packed);
    const int64_t parts = (g->m + ROWS - 1) / ROWS;
    for (int64_t p = 0; p < parts; p++) {
        const int64_t i = p * g->m / parts;
        t.m = (p + 1) * g->m / parts - i;
        t.a = g->a + i * g->a_row + k0 * g->a_col;
        if (g->gather) {
            gather(t.a, g->a_col, t.m, k, gathered);
            t.a = gathered;
            t.a_col = t.m;
        }
        for (int64_t j = 0; j < g->n; j += t.n) {
            t.n = g->pack && g->n - j > DG_PANEL ? DG_PANEL : g->n - j;
            t.b = g->pack ? packed + j * k : b + j;
            if (g->pack)
                t.b_row = t.n;
            t.c = g->c + i * g->c_row + j;
            t.bias = bias ? bias + j : NULL;
            DG_T(dg_brgemm)(&t);
        }
    }
}

void DG_T(dg_multiply)(const dg_product *g, real *packed)
{
    const int64_t blocks = g->m > 0 && g->n > 0 ? dg_blocks(g->k) : 0;
    for (int64_t i = 0; i < blocks; i++) {
        const int64_t k0 = i * g->k / blocks, k1 = (i + 1) * g->k / blocks;
        block(g, i ? g->next : g->first, k0, k1 - k0, i == blocks - 1 ? g->bias : NULL, packed);
    }
}

size_t DG_T(dg_gemm_pack_bytes)(int64_t n, int64_t k)
{
    const int64_t blocks = dg_blocks(k);
    return (size_t)n * (size_t)((k + blocks - 1) / blocks) * sizeof(real);
}

size_t DG_T(dg_gemm_gather_bytes)(int64_t k)
{
    return (size_t)(k < DG_CHAIN ? k : DG_CHAIN) * ROWS * sizeof(real);
}

/* With few rows a transposed B is not packed: C^T = B^T A^T has B where it lies, and only A and C
 * are transposed. Each element of C is the same chain. */
static int turns(int64_t m, int64_t n, int64_t k)
{
    return m >= 16 && m * (n + k) * 3 < n * k;
}

static void multiply_turned(const dg_product *g, real *scratch)
{
    real *at = scratch, *ct = scratch + g->k * g->m;
    DG_T(dg_transpose)(g->m, g->k, g->a, g->a_row, at, g->m);
    const dg_product t = {.first = DG_WRITE,
                          .next = g->next,
                          .m = g->n,
                          .n = g->m,
                          .k = g->k,
                          .a = g->b,
                          .a_row = g->b_col,
                          .a_col = g->b_row,
                          .b = at,
                          .b_row = g->m,
                          .b_col = 1,
                          .c = ct,
                          .c_row = g->m};
    DG_T(dg_multiply)(&t, NULL);
    DG_T(dg_transpose)(g->n, g->m, ct, g->m, g->c, g->c_row);
}

/* B in place is as fast, until it leaves the second cache and each panel serves many rows, or its
 * rows are whole pages apart, so that a panel falls on few sets of the caches. */
static int packs(int64_t m, int64_t n, int64_t k, int64_t b_col)
{
    const int64_t size = sizeof(real), block = k / dg_blocks(k) * n * size;
    const int64_t most = n * size % 4096 == 0 ? 32 : 192;
    return b_col != 1 || (m >= most && block > 768 * 1024);
}

void DG_T(dg_gemm)(int mode, int64_t m, int64_t n, int64_t k, const real *a, int64_t a_row,
                   int64_t a_col, const real *b, int64_t b_row, int64_t b_col, const real *bias,
                   real *c, int64_t c_row, void *scratch)
{
    const dg_product g = {.first = mode,
                          .next = mode == DG_WRITE || mode == DG_ADD ? DG_ADD : DG_CONTINUE,
                          .pack = packs(m, n, k, b_col),
                          .m = m,
                          .n = n,
                          .k = k,
                          .a = a,
                          .b = b,
                          .bias = bias,
                          .c = c,
                          .a_row = a_row,
                          .a_col = a_col,
                          .b_row = b_row,
                          .b_col = b_col,
                          .c_row = c_row};
    if (mode == DG_WRITE && !bias && b_row == 1 && b_col != 1 && a_col == 1 && turns(m, n, k))
        multiply_turned(&g, scratch);
    else
        DG_T(dg_multiply)(&g, scratch);
}

/* Enough for fewer rows too, of which a range of a linear layer may have any number: `most` is the
 * largest that turns. */
size_t DG_T(dg_gemm_scratch)(int64_t m, int64_t n, int64_t k, int64_t b_col)
{
    if (m <= 0 || n <= 0 || k <= 0 || !packs(m, n, k, b_col))
        return 0;
    const int64_t most = (n * k - 1) / (3 * (n + k)), rows = m < most ? m : most;
    const size_t turned = rows >= 16 ? (size_t)rows * (size_t)(n + k) * sizeof(real) : 0;
    const size_t packed = DG_T(dg_gemm_pack_bytes)(n, k);
    return turned > packed ? turned : packed;
}
