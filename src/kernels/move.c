/* Fill, copy, add, scale and transpose (contract: kernels/kernels.h). */
#include "kernels/tile.h"

void DG_T(dg_fill)(int64_t n, real value, real *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = value;
}

void DG_T(dg_copy)(int64_t n, const real *x, real *y)
{
    if (n > 0)
        memcpy(y, x, (size_t)n * sizeof *x);
}

void DG_T(dg_add)(int64_t n, const real *a, const real *b, real *y)
{
    int64_t i = 0;
    for (; i + VEC_N <= n; i += VEC_N)
        vec_store(y + i, vec_load(a + i) + vec_load(b + i));
    for (; i < n; i++)
        y[i] = a[i] + b[i];
}

void DG_T(dg_scale)(int64_t n, real a, const real *x, real *y)
{
    const vec f = vec_set1(a);
    int64_t i = 0;
    for (; i + VEC_N <= n; i += VEC_N)
        vec_store(y + i, f * vec_load(x + i));
    for (; i < n; i++)
        y[i] = a * x[i];
}

/* a0 b0 a1 b1 ... of the first halves, and of the second halves. */
DG_INLINE vec interleave_low(vec a, vec b)
{
#if DG_VEC_BYTES * 8 / DG_REAL == 16
    return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
#elif DG_VEC_BYTES * 8 / DG_REAL == 8
    return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
#elif DG_VEC_BYTES * 8 / DG_REAL == 4
    return __builtin_shufflevector(a, b, 0, 4, 1, 5);
#else
    return __builtin_shufflevector(a, b, 0, 2);
#endif
}

DG_INLINE vec interleave_high(vec a, vec b)
{
#if DG_VEC_BYTES * 8 / DG_REAL == 16
    return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15,
                                   31);
#elif DG_VEC_BYTES * 8 / DG_REAL == 8
    return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
#elif DG_VEC_BYTES * 8 / DG_REAL == 4
    return __builtin_shufflevector(a, b, 2, 6, 3, 7);
#else
    return __builtin_shufflevector(a, b, 1, 3);
#endif
}

/* A square of VEC_N x VEC_N: interleaving row i with row i + VEC_N / 2, log2(VEC_N) times. */
static void transpose_square(const real *x, int64_t x_row, real *y, int64_t y_row)
{
    vec a[VEC_N], b[VEC_N];
    DG_UNROLL
    for (int i = 0; i < VEC_N; i++)
        a[i] = vec_load(x + i * x_row);
    DG_UNROLL
    for (int step = 1; step < VEC_N; step *= 2) {
        DG_UNROLL
        for (int i = 0; i < VEC_N / 2; i++) {
            b[2 * i] = interleave_low(a[i], a[i + VEC_N / 2]);
            b[2 * i + 1] = interleave_high(a[i], a[i + VEC_N / 2]);
        }
        DG_UNROLL
        for (int i = 0; i < VEC_N; i++)
            a[i] = b[i];
    }
    DG_UNROLL
    for (int i = 0; i < VEC_N; i++)
        vec_store(y + i * y_row, a[i]);
}

void DG_T(dg_transpose)(int64_t m, int64_t n, const real *x, int64_t x_row, real *y, int64_t y_row)
{
    const int64_t m0 = m - m % VEC_N, n0 = n - n % VEC_N;
    for (int64_t i = 0; i < m0; i += VEC_N)
        for (int64_t j = 0; j < n0; j += VEC_N)
            transpose_square(x + i * x_row + j, x_row, y + j * y_row + i, y_row);
    for (int64_t j = n0; j < n; j++)
        for (int64_t i = 0; i < m0; i++)
            y[j * y_row + i] = x[i * x_row + j];
    for (int64_t j = 0; j < n; j++)
        for (int64_t i = m0; i < m; i++)
            y[j * y_row + i] = x[i * x_row + j];
}
