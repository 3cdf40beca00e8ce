/* Sums, dot products and maxima of rows and columns (contract: kernels/kernels.h). */
#include "kernels/tile.h"

real DG_T(dg_row_sum)(int64_t n, const real *x)
{
    vec64 s[DG_HALVES] = {0};
    int64_t i = 0;
    for (; i + DG_LANES <= n; i += DG_LANES)
        dg_add_wide(s, wide_load(x + i));
    if (i < n)
        dg_add_wide(s, wide_load_n(x + i, (int)(n - i), 0));
    return (real)dg_total_wide(s);
}

real DG_T(dg_row_dot)(int64_t n, const real *x, const real *y)
{
    wide s = wide_set1(0);
    int64_t i = 0;
    for (; i + DG_LANES <= n; i += DG_LANES)
        s = wide_fma(wide_load(x + i), wide_load(y + i), s);
    if (i < n) {
        const int m = (int)(n - i);
        s = wide_fma(wide_load_n(x + i, m, 0), wide_load_n(y + i, m, 0), s);
    }
    return wide_total(s);
}

real DG_T(dg_row_squares)(int64_t n, const real *x, real centre)
{
    const wide c = wide_set1(-centre);
    wide s = wide_set1(0);
    int64_t i = 0;
    for (; i + DG_LANES <= n; i += DG_LANES) {
        const wide d = wide_add(wide_load(x + i), c);
        s = wide_fma(d, d, s);
    }
    if (i < n) {
        const wide d = wide_add(wide_load_n(x + i, (int)(n - i), centre), c);
        s = wide_fma(d, d, s);
    }
    return wide_total(s);
}

real DG_T(dg_row_max)(int64_t n, const real *x)
{
    wide s = wide_set1(-(real)INFINITY);
    int64_t i = 0;
    for (; i + DG_LANES <= n; i += DG_LANES)
        s = wide_max(s, wide_load(x + i));
    if (i < n)
        s = wide_max(s, wide_load_n(x + i, (int)(n - i), -(real)INFINITY));
    return wide_top(s);
}

/* At most 4 vectors of columns; the last one has `last` columns. */
DG_INLINE void columns(int64_t rows, const real *x, int64_t x_row, int add, real *y, const int nv,
                       int last)
{
    vec s[4] = {0};
    if (add)
        DG_UNROLL
    for (int j = 0; j < nv; j++)
        s[j] = vec_load_n(y + j * VEC_N, j == nv - 1 ? last : VEC_N);
    for (int64_t r = 0; r < rows; r++) {
        DG_UNROLL
        for (int j = 0; j < nv; j++)
            s[j] += j == nv - 1 && last < VEC_N ? vec_load_n(x + j * VEC_N, last)
                                                : vec_load(x + j * VEC_N);
        x += x_row;
    }
    DG_UNROLL
    for (int j = 0; j < nv; j++)
        vec_store_n(y + j * VEC_N, j == nv - 1 ? last : VEC_N, s[j]);
}

void DG_T(dg_sum_columns)(int64_t rows, int64_t n, const real *x, int64_t x_row, int add, real *y)
{
    for (int64_t j = 0; j < n;) {
        const int64_t left = n - j;
        if (left >= 4 * VEC_N) {
            columns(rows, x + j, x_row, add, y + j, 4, VEC_N);
            j += 4 * VEC_N;
        } else if (left > VEC_N) {
            const int last = left >= 2 * VEC_N ? VEC_N : (int)left - VEC_N;
            columns(rows, x + j, x_row, add, y + j, 2, last);
            j += VEC_N + last;
        } else {
            columns(rows, x + j, x_row, add, y + j, 1, (int)left);
            j += left;
        }
    }
}

/* One vector of columns, in double. */
DG_INLINE vec column_mean(int64_t rows, const real *x, int64_t x_row, int n)
{
#if DG_REAL == 32
    vec64 low = {0}, high = {0};
    for (int64_t r = 0; r < rows; r++) {
        const vec v = dg_some(x + r * x_row, n);
        low += vec_low64(v);
        high += vec_high64(v);
    }
    return vec_from64(low / (double)rows, high / (double)rows);
#else
    vec sum = {0};
    for (int64_t r = 0; r < rows; r++)
        sum += dg_some(x + r * x_row, n);
    return sum / (real)rows;
#endif
}

void DG_T(dg_mean_columns)(int64_t rows, int64_t n, const real *x, int64_t x_row, real *y)
{
    for (int64_t j = 0; j < n; j += VEC_N) {
        const int m = n - j < VEC_N ? (int)(n - j) : VEC_N;
        vec_store_n(y + j, m, column_mean(rows, x + j, x_row, m));
    }
}

/* vec_add_pair for very many terms: low stays below a rounding of high. */
DG_INLINE void add_to_pair(vec *high, vec *low, vec x)
{
    vec_add_pair(high, low, x);
    const vec sum = *high;
    *high += *low;
    *low -= *high - sum;
}

void DG_T(dg_sum_columns_pair)(int64_t rows, int64_t n, const real *x, int64_t x_row, int add,
                               real *high, real *low)
{
    for (int64_t j = 0; j < n; j += VEC_N) {
        const int m = n - j < VEC_N ? (int)(n - j) : VEC_N;
        vec h = vec_load_n(high + j, add ? m : 0), l = vec_load_n(low + j, add ? m : 0);
        for (int64_t r = 0; r < rows; r++)
            add_to_pair(&h, &l, dg_some(x + r * x_row + j, m));
        vec_store_n(high + j, m, h);
        vec_store_n(low + j, m, l);
    }
}

/* The sum of an image's pixels, in double. */
DG_INLINE vec pixel_sum(const real *p, int64_t size, int64_t step, int n)
{
#if DG_REAL == 32
    vec64 low[2] = {{0}}, high[2] = {{0}};
    int64_t q = 0;
    for (; q + step < size; q += 2 * step)
        for (int u = 0; u < 2; u++) {
            const vec v = dg_some(p + q + u * step, n);
            low[u] += vec_low64(v);
            high[u] += vec_high64(v);
        }
    const vec last = dg_some(p + q, q < size ? n : 0);
    low[0] += vec_low64(last);
    high[0] += vec_high64(last);
    return vec_from64(low[0] + low[1], high[0] + high[1]);
#else
    vec sum = {0};
    for (int64_t q = 0; q < size; q += step)
        sum += dg_some(p + q, n);
    return sum;
#endif
}

void DG_T(dg_conv_bias)(const dg_conv *s, int64_t k0, int64_t k1, int64_t images, const real *dy,
                        int add, real *db, real *low)
{
    const int64_t size = s->oh * s->ow * s->k;
    for (int64_t j = k0; j < k1; j += VEC_N) {
        const int n = k1 - j < VEC_N ? (int)(k1 - j) : VEC_N;
        vec sum = vec_load_n(db + j, add ? n : 0),
            lost = vec_load_n(low ? low + j : db, low && add ? n : 0);
        for (int64_t i = 0; i < images; i++) {
            const vec image = pixel_sum(dy + i * size + j, size, s->k, n);
            if (low)
                add_to_pair(&sum, &lost, image);
            else
                sum += image;
        }
        vec_store_n(db + j, n, sum);
        if (low)
            vec_store_n(low + j, n, lost);
    }
}

/* One block: 16 lanes of double; *finite is cleared where an element is not. */
static double squares(int64_t n, const real *x, int *finite)
{
    enum { PARTS = DG_LANES / VEC64_N };
    vec64 s[PARTS] = {0};
#if DG_REAL == 64
    ivec good = vec_iset1(-1);
#endif
    for (int64_t i = 0; i < n; i += DG_LANES) {
        const wide w = n - i >= DG_LANES ? wide_load(x + i) : wide_load_n(x + i, (int)(n - i), 0);
        DG_UNROLL
        for (int k = 0; k < WIDE_N; k++) {
#if DG_REAL == 32
            const vec64 low = vec_low64(w.v[k]), high = vec_high64(w.v[k]);
            s[2 * k] = vec64_fma(low, low, s[2 * k]);
            s[2 * k + 1] = vec64_fma(high, high, s[2 * k + 1]);
#else
            good &= (ivec)(vec_abs(w.v[k]) <= vec_set1(REAL_MAX));
            s[k] = vec64_fma(w.v[k], w.v[k], s[k]);
#endif
        }
    }
    for (int half = PARTS / 2; half; half /= 2)
        for (int k = 0; k < half; k++)
            s[k] += s[k + half];
    const double sum = vec64_total(s[0]);
#if DG_REAL == 32
    *finite &= isfinite(sum) != 0; /* squares of finite f32 do not overflow in double */
#else
    for (int i = 0; i < VEC_N; i++)
        *finite &= good[i] != 0;
#endif
    return sum;
}

int DG_T(dg_squares)(int64_t n, const real *x, int64_t b0, int64_t b1, double *sums)
{
    int finite = 1;
    for (int64_t b = b0; b < b1; b++) {
        const int64_t i = b * DG_SQUARES_BLOCK, left = n - i;
        sums[b] = squares(left < DG_SQUARES_BLOCK ? left : DG_SQUARES_BLOCK, x + i, &finite);
    }
    return finite;
}
