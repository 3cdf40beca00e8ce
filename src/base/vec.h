/* Vectors: one small set of operations whose results have the same bits on every instruction set.
 *
 * vec, ivec      VEC_N lanes of `real`, and of the signed integer as wide. 64 bytes on v4, 32 on
 *                v3, 16 on the portable path, so a loop over vec does not depend on the path.
 * vec64, ivec64  the same of double, VEC64_N lanes, also where real is float: for functions that
 *                are computed by way of f64. vec64_fma etc. have the contracts of vec_fma etc.
 * wide           16 lanes on every path, built of vec: sums and maxima along a row.
 *
 * + - * / and comparisons are the compiler's own on vectors. A comparison gives lanes of -1 (true)
 * or 0; write (ivec)(a < b). A product is fused with a sum by vec_fma and real_fma only, since all
 * files are compiled with -ffp-contract=off. Operations are in base/vecops.h. */
#ifndef DG_BASE_VEC_H
#define DG_BASE_VEC_H

#include "base/real.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#if DG_ISA_ID == 4
#define DG_VEC_BYTES 64
#elif DG_ISA_ID == 3
#define DG_VEC_BYTES 32
#else
#define DG_VEC_BYTES 16
#endif

#if DG_ISA_ID == 4 && !(defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512VL__))
#error "DG_ISA=v4 needs -march=x86-64-v4"
#elif DG_ISA_ID == 3 && !(defined(__AVX2__) && defined(__FMA__))
#error "DG_ISA=v3 needs -march=x86-64-v3"
#endif
#if DG_ISA_ID != 0
#include <immintrin.h>
#endif

#define DG_INLINE static inline __attribute__((always_inline, unused))

/* For loops of constant length over an array of vectors: unless each is unrolled whole, gcc keeps
 * the array in memory. */
#ifdef __clang__
#define DG_UNROLL _Pragma("clang loop unroll(full)")
#else
#define DG_UNROLL _Pragma("GCC unroll 32")
#endif

enum { VEC_N = DG_VEC_BYTES * 8 / DG_REAL, VEC64_N = DG_VEC_BYTES / 8, DG_LANES = 16 };

/* a b + c, rounded once. */
DG_INLINE double dg_fma64(double a, double b, double c)
{
    return __builtin_fma(a, b, c);
}

/* Without an fma instruction: the product is exact in double; the sum is rounded to odd there, so
 * that rounding it again, to float, gives the result of one rounding. */
DG_INLINE float dg_fma32(float a, float b, float c)
{
#if DG_ISA_ID != 0
    return __builtin_fmaf(a, b, c);
#else
    double p = (double)a * (double)b, q = (double)c, s = p + q, t = s - p;
    double lost = (p - (s - t)) + (q - t);
    int64_t bits;
    memcpy(&bits, &s, sizeof bits);
    if ((lost > 0 || lost < 0) && (bits & 1) == 0)
        bits += (lost > 0) == (s > 0) ? 1 : -1;
    memcpy(&s, &bits, sizeof s);
    return (float)s;
#endif
}

DG_INLINE real real_fma(real a, real b, real c)
{
#if DG_REAL == 32
    return dg_fma32(a, b, c);
#else
    return dg_fma64(a, b, c);
#endif
}

#define DG_OPS_REAL 64
#define DG_OPS_NAME vec64
#include "base/vecops.h"
#undef DG_OPS_REAL
#undef DG_OPS_NAME

#define DG_OPS_REAL DG_REAL
#define DG_OPS_NAME vec
#include "base/vecops.h"
#undef DG_OPS_REAL
#undef DG_OPS_NAME

#if DG_REAL == 32
/* The first and the last VEC64_N lanes as doubles (exact), and back (rounded to nearest). */
DG_INLINE vec64 vec_low64(vec a)
{
#if DG_ISA_ID == 4
    return (vec64)_mm512_cvtps_pd(_mm512_castps512_ps256((__m512)a));
#elif DG_ISA_ID == 3
    return (vec64)_mm256_cvtps_pd(_mm256_castps256_ps128((__m256)a));
#else
    return (vec64){(double)a[0], (double)a[1]};
#endif
}

DG_INLINE vec64 vec_high64(vec a)
{
#if DG_ISA_ID == 4
    return (vec64)_mm512_cvtps_pd(_mm512_extractf32x8_ps((__m512)a, 1));
#elif DG_ISA_ID == 3
    return (vec64)_mm256_cvtps_pd(_mm256_extractf128_ps((__m256)a, 1));
#else
    return (vec64){(double)a[2], (double)a[3]};
#endif
}

DG_INLINE vec vec_from64(vec64 low, vec64 high)
{
#if DG_ISA_ID == 4
    return (vec)_mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps((__m512d)low)),
                                   _mm512_cvtpd_ps((__m512d)high), 1);
#elif DG_ISA_ID == 3
    return (vec)_mm256_insertf128_ps(_mm256_castps128_ps256(_mm256_cvtpd_ps((__m256d)low)),
                                     _mm256_cvtpd_ps((__m256d)high), 1);
#else
    return (vec){(float)low[0], (float)low[1], (float)high[0], (float)high[1]};
#endif
}
#endif

/* high + low += x: low collects what roundings of high lose. */
DG_INLINE void vec_add_pair(vec *high, vec *low, vec x)
{
    vec sum = *high + x, back = sum - *high;
    *low += (*high - (sum - back)) + (x - back);
    *high = sum;
}

/* 16 lanes. Element i of a row belongs to lane i % 16, so the order of a sum along a row is the
 * same on every path. Arithmetic on wide is a loop over v[0 .. WIDE_N - 1]. */
enum { WIDE_N = DG_LANES / VEC_N };
typedef struct {
    vec v[WIDE_N];
} wide;

DG_INLINE wide wide_set1(real x)
{
    wide w;
    for (int k = 0; k < WIDE_N; k++)
        w.v[k] = vec_set1(x);
    return w;
}

DG_INLINE wide wide_load(const real *p)
{
    wide w;
    for (int k = 0; k < WIDE_N; k++)
        w.v[k] = vec_load(p + k * VEC_N);
    return w;
}

/* Lanes from n on are `fill`; nothing past p[n - 1] is read. */
DG_INLINE wide wide_load_n(const real *p, int n, real fill)
{
    wide w;
    for (int k = 0; k < WIDE_N; k++) {
        int m = n - k * VEC_N;
        w.v[k] = m > 0 ? vec_select(vec_first(m), vec_load_n(p + k * VEC_N, m), vec_set1(fill))
                       : vec_set1(fill);
    }
    return w;
}

DG_INLINE void wide_store(real *p, wide a)
{
    for (int k = 0; k < WIDE_N; k++)
        vec_store(p + k * VEC_N, a.v[k]);
}

DG_INLINE void wide_store_n(real *p, int n, wide a)
{
    for (int k = 0; k < WIDE_N; k++)
        if (n > k * VEC_N)
            vec_store_n(p + k * VEC_N, n - k * VEC_N, a.v[k]);
}

DG_INLINE wide wide_add(wide a, wide b)
{
    for (int k = 0; k < WIDE_N; k++)
        a.v[k] += b.v[k];
    return a;
}

DG_INLINE wide wide_fma(wide a, wide b, wide c)
{
    for (int k = 0; k < WIDE_N; k++)
        c.v[k] = vec_fma(a.v[k], b.v[k], c.v[k]);
    return c;
}

DG_INLINE wide wide_max(wide a, wide b)
{
    for (int k = 0; k < WIDE_N; k++)
        a.v[k] = vec_max(a.v[k], b.v[k]);
    return a;
}

/* The fixed tree: lane i takes lane i + 8, then i + 4, i + 2, i + 1. */
DG_INLINE real wide_total(wide a)
{
    for (int half = WIDE_N / 2; half; half /= 2)
        for (int k = 0; k < half; k++)
            a.v[k] += a.v[k + half];
    return vec_total(a.v[0]);
}

/* The largest lane by vec_max in the same tree: NaN if there is one. */
DG_INLINE real wide_top(wide a)
{
    for (int half = WIDE_N / 2; half; half /= 2)
        for (int k = 0; k < half; k++)
            a.v[k] = vec_max(a.v[k], a.v[k + half]);
    return vec_top(a.v[0]);
}

#endif
