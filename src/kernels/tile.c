/* The micro-kernel (contract: kernels/tile.h). C stays in registers while k runs.
 *
 * Shapes, rows x vectors: v4 6x4, 14x2, 14x1 of 32 registers; v3 4x3, 6x2, 8x1 of 16; portable 4x1.
 * A copy of the code for each number of rows: tiles of nearly equal height leave no rest. */
#include "kernels/tile.h"

DG_INLINE const real *ahead(const real *p, ptrdiff_t bytes)
{
    return (const real *)(const void *)((const char *)p + bytes);
}

/* Vector j of a row; from `full` on the first `last` columns only. */
DG_INLINE vec part(const real *p, int j, int full, int last)
{
    return j < full ? vec_load(p + j * VEC_N) : vec_load_n(p + j * VEC_N, last);
}

/* The k loop: strides in bytes, so that gcc makes no second version of it for stride 1. */
DG_INLINE void multiply(const dg_block *g, const real *a, const real *b, int last, vec *sum,
                        const int mr, const int nv, const int full)
{
    const ptrdiff_t size = sizeof(real), ra = g->a_row, ca = g->a_col * size, rb = g->b_row * size;
    int64_t inner = g->inner;
    ptrdiff_t
        at[14]; /* of the rows of A; opaque, else clang steps from one to the next in a chain */
    DG_UNROLL
    for (int i = 0; i < mr; i++) {
        at[i] = i * ra * size;
#ifdef __clang__
        __asm__("" : "+r"(at[i]));
#endif
    }
    for (int64_t left = g->outer * inner; left > 0; left--) {
        const real *x = a, *y = b;
        for (int64_t t = g->k; t > 0; t--) {
            vec row[4];
            DG_UNROLL
            for (int j = 0; j < nv; j++) {
                row[j] = part(y, j, full, last);
#if DG_ISA_ID != 0
                /* Else gcc reads B again as a memory operand of every product. */
                __asm__("" : "+v"(row[j]));
#endif
            }
            DG_UNROLL
            for (int i = 0; i < mr * nv; i++)
                sum[i] = vec_fma(vec_set1(*ahead(x, at[i / nv])), row[i % nv], sum[i]);
            x = ahead(x, ca);
            y = ahead(y, rb);
        }
        a += g->a_inner;
        b += g->b_inner;
        if (--inner == 0) {
            inner = g->inner;
            a += g->a_outer - inner * g->a_inner;
            b += g->b_outer - inner * g->b_inner;
        }
    }
}

/* mr rows, nv vectors, both constant where this is inlined; masked: the last vector has `last`
 * columns only. */
DG_INLINE void tile(const dg_block *g, const real *a, const real *b, const real *bias, real *c,
                    int last, const int mr, const int nv, const int masked)
{
    vec sum[28] = {0};
    const int full = masked ? nv - 1 : nv, mode = g->mode;
    const int64_t rc = g->c_row;
    if (mode == DG_CONTINUE)
        DG_UNROLL
    for (int i = 0; i < mr * nv; i++)
        sum[i] = part(c + i / nv * rc, i % nv, full, last);
    multiply(g, a, b, last, sum, mr, nv, full);
    if (mode == DG_ADD)
        DG_UNROLL
    for (int i = 0; i < mr * nv; i++)
        sum[i] += part(c + i / nv * rc, i % nv, full, last);
    if (bias)
        DG_UNROLL
    for (int i = 0; i < mr * nv; i++)
        sum[i] += part(bias, i % nv, full, last);
    DG_UNROLL
    for (int i = 0; i < mr * nv; i++)
        if (i % nv < full)
            vec_store(c + i / nv * rc + i % nv * VEC_N, sum[i]);
        else
            vec_store_n(c + i / nv * rc + i % nv * VEC_N, last, sum[i]);
}

#if DG_ISA_ID == 4
static void tiles4(const dg_block *g, int rows, const real *a, const real *b, const real *bias,
                   real *c, int last)
{
    switch (rows) {
    case 1:
        tile(g, a, b, bias, c, last, 1, 4, 0);
        break;
    case 2:
        tile(g, a, b, bias, c, last, 2, 4, 0);
        break;
    case 3:
        tile(g, a, b, bias, c, last, 3, 4, 0);
        break;
    case 4:
        tile(g, a, b, bias, c, last, 4, 4, 0);
        break;
    case 5:
        tile(g, a, b, bias, c, last, 5, 4, 0);
        break;
    default:
        tile(g, a, b, bias, c, last, 6, 4, 0);
        break;
    }
}

static void tiles2(const dg_block *g, int rows, const real *a, const real *b, const real *bias,
                   real *c, int last)
{
    switch (rows) {
    case 1:
        tile(g, a, b, bias, c, last, 1, 2, 0);
        break;
    case 2:
        tile(g, a, b, bias, c, last, 2, 2, 0);
        break;
    case 3:
        tile(g, a, b, bias, c, last, 3, 2, 0);
        break;
    case 4:
        tile(g, a, b, bias, c, last, 4, 2, 0);
        break;
    case 5:
        tile(g, a, b, bias, c, last, 5, 2, 0);
        break;
    case 6:
        tile(g, a, b, bias, c, last, 6, 2, 0);
        break;
    case 7:
        tile(g, a, b, bias, c, last, 7, 2, 0);
        break;
    case 8:
        tile(g, a, b, bias, c, last, 8, 2, 0);
        break;
    case 9:
        tile(g, a, b, bias, c, last, 9, 2, 0);
        break;
    case 10:
        tile(g, a, b, bias, c, last, 10, 2, 0);
        break;
    case 11:
        tile(g, a, b, bias, c, last, 11, 2, 0);
        break;
    case 12:
        tile(g, a, b, bias, c, last, 12, 2, 0);
        break;
    case 13:
        tile(g, a, b, bias, c, last, 13, 2, 0);
        break;
    default:
        tile(g, a, b, bias, c, last, 14, 2, 0);
        break;
    }
}

static void tiles1(const dg_block *g, int rows, const real *a, const real *b, const real *bias,
                   real *c, int last)
{
    switch (rows) {
    case 1:
        tile(g, a, b, bias, c, last, 1, 1, 0);
        break;
    case 2:
        tile(g, a, b, bias, c, last, 2, 1, 0);
        break;
    case 3:
        tile(g, a, b, bias, c, last, 3, 1, 0);
        break;
    case 4:
        tile(g, a, b, bias, c, last, 4, 1, 0);
        break;
    case 5:
        tile(g, a, b, bias, c, last, 5, 1, 0);
        break;
    case 6:
        tile(g, a, b, bias, c, last, 6, 1, 0);
        break;
    case 7:
        tile(g, a, b, bias, c, last, 7, 1, 0);
        break;
    case 8:
        tile(g, a, b, bias, c, last, 8, 1, 0);
        break;
    case 9:
        tile(g, a, b, bias, c, last, 9, 1, 0);
        break;
    case 10:
        tile(g, a, b, bias, c, last, 10, 1, 0);
        break;
    case 11:
        tile(g, a, b, bias, c, last, 11, 1, 0);
        break;
    case 12:
        tile(g, a, b, bias, c, last, 12, 1, 0);
        break;
    case 13:
        tile(g, a, b, bias, c, last, 13, 1, 0);
        break;
    default:
        tile(g, a, b, bias, c, last, 14, 1, 0);
        break;
    }
}

static void tiles1_masked(const dg_block *g, int rows, const real *a, const real *b,
                          const real *bias, real *c, int last)
{
    switch (rows) {
    case 1:
        tile(g, a, b, bias, c, last, 1, 1, 1);
        break;
    case 2:
        tile(g, a, b, bias, c, last, 2, 1, 1);
        break;
    case 3:
        tile(g, a, b, bias, c, last, 3, 1, 1);
        break;
    case 4:
        tile(g, a, b, bias, c, last, 4, 1, 1);
        break;
    case 5:
        tile(g, a, b, bias, c, last, 5, 1, 1);
        break;
    case 6:
        tile(g, a, b, bias, c, last, 6, 1, 1);
        break;
    case 7:
        tile(g, a, b, bias, c, last, 7, 1, 1);
        break;
    case 8:
        tile(g, a, b, bias, c, last, 8, 1, 1);
        break;
    case 9:
        tile(g, a, b, bias, c, last, 9, 1, 1);
        break;
    case 10:
        tile(g, a, b, bias, c, last, 10, 1, 1);
        break;
    case 11:
        tile(g, a, b, bias, c, last, 11, 1, 1);
        break;
    case 12:
        tile(g, a, b, bias, c, last, 12, 1, 1);
        break;
    case 13:
        tile(g, a, b, bias, c, last, 13, 1, 1);
        break;
    default:
        tile(g, a, b, bias, c, last, 14, 1, 1);
        break;
    }
}

#elif DG_ISA_ID == 3
static void tiles3(const dg_block *g, int rows, const real *a, const real *b, const real *bias,
                   real *c, int last)
{
    switch (rows) {
    case 1:
        tile(g, a, b, bias, c, last, 1, 3, 0);
        break;
    case 2:
        tile(g, a, b, bias, c, last, 2, 3, 0);
        break;
    case 3:
        tile(g, a, b, bias, c, last, 3, 3, 0);
        break;
    default:
        tile(g, a, b, bias, c, last, 4, 3, 0);
        break;
    }
}

static void tiles2(const dg_block *g, int rows, const real *a, const real *b, const real *bias,
                   real *c, int last)
{
    switch (rows) {
    case 1:
        tile(g, a, b, bias, c, last, 1, 2, 0);
        break;
    case 2:
        tile(g, a, b, bias, c, last, 2, 2, 0);
        break;
    case 3:
        tile(g, a, b, bias, c, last, 3, 2, 0);
        break;
    case 4:
        tile(g, a, b, bias, c, last, 4, 2, 0);
        break;
    case 5:
        tile(g, a, b, bias, c, last, 5, 2, 0);
        break;
    default:
        tile(g, a, b, bias, c, last, 6, 2, 0);
        break;
    }
}

static void tiles1(const dg_block *g, int rows, const real *a, const real *b, const real *bias,
                   real *c, int last)
{
    switch (rows) {
    case 1:
        tile(g, a, b, bias, c, last, 1, 1, 0);
        break;
    case 2:
        tile(g, a, b, bias, c, last, 2, 1, 0);
        break;
    case 3:
        tile(g, a, b, bias, c, last, 3, 1, 0);
        break;
    case 4:
        tile(g, a, b, bias, c, last, 4, 1, 0);
        break;
    case 5:
        tile(g, a, b, bias, c, last, 5, 1, 0);
        break;
    case 6:
        tile(g, a, b, bias, c, last, 6, 1, 0);
        break;
    case 7:
        tile(g, a, b, bias, c, last, 7, 1, 0);
        break;
    default:
        tile(g, a, b, bias, c, last, 8, 1, 0);
        break;
    }
}

static void tiles1_masked(const dg_block *g, int rows, const real *a, const real *b,
                          const real *bias, real *c, int last)
{
    switch (rows) {
    case 1:
        tile(g, a, b, bias, c, last, 1, 1, 1);
        break;
    case 2:
        tile(g, a, b, bias, c, last, 2, 1, 1);
        break;
    case 3:
        tile(g, a, b, bias, c, last, 3, 1, 1);
        break;
    case 4:
        tile(g, a, b, bias, c, last, 4, 1, 1);
        break;
    case 5:
        tile(g, a, b, bias, c, last, 5, 1, 1);
        break;
    case 6:
        tile(g, a, b, bias, c, last, 6, 1, 1);
        break;
    case 7:
        tile(g, a, b, bias, c, last, 7, 1, 1);
        break;
    default:
        tile(g, a, b, bias, c, last, 8, 1, 1);
        break;
    }
}

#else
static void tiles1(const dg_block *g, int rows, const real *a, const real *b, const real *bias,
                   real *c, int last)
{
    switch (rows) {
    case 1:
        tile(g, a, b, bias, c, last, 1, 1, 0);
        break;
    case 2:
        tile(g, a, b, bias, c, last, 2, 1, 0);
        break;
    case 3:
        tile(g, a, b, bias, c, last, 3, 1, 0);
        break;
    default:
        tile(g, a, b, bias, c, last, 4, 1, 0);
        break;
    }
}

static void tiles1_masked(const dg_block *g, int rows, const real *a, const real *b,
                          const real *bias, real *c, int last)
{
    switch (rows) {
    case 1:
        tile(g, a, b, bias, c, last, 1, 1, 1);
        break;
    case 2:
        tile(g, a, b, bias, c, last, 2, 1, 1);
        break;
    case 3:
        tile(g, a, b, bias, c, last, 3, 1, 1);
        break;
    default:
        tile(g, a, b, bias, c, last, 4, 1, 1);
        break;
    }
}

#endif

typedef struct {
    int vectors, rows, masked; /* of a tile */
    void (*run)(const dg_block *g, int rows, const real *a, const real *b, const real *bias,
                real *c, int last);
} shape;

/* The shape of the next panel when n columns are left. */
static const shape *choose(int64_t n)
{
#if DG_ISA_ID == 4
    static const shape four = {4, 6, 0, tiles4}, two = {2, 14, 0, tiles2};
    static const shape one = {1, 14, 0, tiles1}, rest = {1, 14, 1, tiles1_masked};
    return n >= 4 * VEC_N ? &four : n >= 2 * VEC_N ? &two : n >= VEC_N ? &one : &rest;
#elif DG_ISA_ID == 3
    static const shape three = {3, 4, 0, tiles3}, two = {2, 6, 0, tiles2};
    static const shape one = {1, 8, 0, tiles1}, rest = {1, 8, 1, tiles1_masked};
    if (n >= 3 * VEC_N && n / VEC_N % 2)
        return &three;
    return n >= 2 * VEC_N ? &two : n >= VEC_N ? &one : &rest;
#else
    static const shape one = {1, 4, 0, tiles1}, rest = {1, 4, 1, tiles1_masked};
    return n >= VEC_N ? &one : &rest;
#endif
}

void DG_T(dg_brgemm)(const dg_block *g)
{
    for (int64_t j = 0; j < g->n;) {
        const int64_t left = g->n - j;
        const shape *s = choose(left);
        const int64_t tiles = (g->m + s->rows - 1) / s->rows;
        int64_t i = 0;
        for (int64_t t = 0; t < tiles; t++) {
            const int64_t rows = (g->m - i) / (tiles - t);
            s->run(g, (int)rows, g->a + i * g->a_row, g->b + j, g->bias ? g->bias + j : NULL,
                   g->c + i * g->c_row + j, s->masked ? (int)left : VEC_N);
            i += rows;
        }
        j += s->masked ? left : s->vectors * VEC_N;
    }
}
