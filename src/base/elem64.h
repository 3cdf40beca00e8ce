/* Elementary functions of vec64, without branches, the same bits on every path.
 *
 * Attained errors stand in base/elem.h, which is the header to include. Special values as in C99,
 * Annex F: a NaN that goes in comes out (quiet, of either sign); one that is made is NAN. */
#ifndef DG_BASE_ELEM64_H
#define DG_BASE_ELEM64_H

#include "base/vec.h"

typedef uint64_t elem_u64 __attribute__((vector_size(DG_VEC_BYTES), may_alias));

static const double ELEM_LOG2E = 0x1.71547652b82fep+0;
/* ln 2 in two parts; a whole number of 11 bits times the first is exact. */
static const double ELEM_LN2 = 0x1.62e42fefa3000p-1, ELEM_LN2_LOW = 0x1.3de6af278ece6p-42;
/* Adding it leaves the nearest whole number in the low bits; so does adding it + n, plus n. */
static const double ELEM_MAGIC = 0x1.8p52;

/* The smaller of limit and x, the larger; x where it is NaN. */
DG_INLINE vec64 elem64_min(double limit, vec64 x)
{
    vec64 l = vec64_set1(limit);
#if DG_ISA_ID == 4
    return (vec64)_mm512_min_pd((__m512d)l, (__m512d)x);
#elif DG_ISA_ID == 3
    return (vec64)_mm256_min_pd((__m256d)l, (__m256d)x);
#else
    return vec64_select((ivec64)(l < x), l, x);
#endif
}

DG_INLINE vec64 elem64_max(double limit, vec64 x)
{
    vec64 l = vec64_set1(limit);
#if DG_ISA_ID == 4
    return (vec64)_mm512_max_pd((__m512d)l, (__m512d)x);
#elif DG_ISA_ID == 3
    return (vec64)_mm256_max_pd((__m256d)l, (__m256d)x);
#else
    return vec64_select((ivec64)(l > x), l, x);
#endif
}

/* Whether any lane of the mask is set. */
DG_INLINE int elem64_any(ivec64 mask)
{
#if DG_ISA_ID == 4
    return _mm512_movepi64_mask((__m512i)mask) != 0;
#elif DG_ISA_ID == 3
    return _mm256_movemask_pd((__m256d)mask) != 0;
#else
    return (mask[0] | mask[1]) != 0;
#endif
}

/* c[0] + c[1] x + ... + c[n-1] x^(n-1). */
DG_INLINE vec64 elem64_poly(vec64 x, int n, const double c[])
{
    vec64 sum = vec64_set1(c[n - 1]);
    for (int i = n - 2; i >= 0; i--)
        sum = vec64_fma(sum, x, vec64_set1(c[i]));
    return sum;
}

/* a with the sign bit of x set too: for odd functions, and those whose sign is that of x. */
DG_INLINE vec64 elem64_sign(vec64 a, vec64 x)
{
    return vec64_from_bits(vec64_bits(a) | (vec64_bits(x) & vec64_bits(vec64_set1(-0.0))));
}

/* x = k ln 2 + r with |r| <= ln 2 / 2; k + bias is in the low bits of *shifted. Returns k. */
DG_INLINE vec64 elem64_round(vec64 x, int bias, vec64 *shifted)
{
    double magic = ELEM_MAGIC + bias;
    *shifted = vec64_fma(x, vec64_set1(ELEM_LOG2E), vec64_set1(magic));
    return *shifted - magic;
}

DG_INLINE vec64 elem64_reduce(vec64 x, int bias, vec64 *shifted)
{
    vec64 k = elem64_round(x, bias, shifted), r = vec64_fma(k, vec64_set1(-ELEM_LN2), x);
    return vec64_fma(k, vec64_set1(-ELEM_LN2_LOW), r);
}

/* 2^n, where bias + n was in the low bits and is below 2047. */
DG_INLINE vec64 elem64_power(vec64 shifted)
{
    return (vec64)((elem_u64)vec64_bits(shifted) << 52);
}

/* e^r - 1 = r + r^2 P(r), |r| <= ln 2 / 2: P's error 1.7e-17 of e^r. */
DG_INLINE vec64 elem64_expm1_small(vec64 r)
{
    static const double c[] = {0x1.0p-1,
                               0x1.5555555555558p-3,
                               0x1.5555555553cd9p-5,
                               0x1.111111110f8dbp-7,
                               0x1.6c16c178ab652p-10,
                               0x1.a01a01afb724fp-13,
                               0x1.a019b8b7aa0e7p-16,
                               0x1.71ddf787588e8p-19,
                               0x1.2891d29162961p-22,
                               0x1.af61c08e97ab7p-26};
    return vec64_fma(r * r, elem64_poly(r, 10, c), r);
}

/* p 2^k for k = -1076 .. 1024 in two steps, as 2^k alone may not be a number; the bias is 2046. The
 * last product rounds to a subnormal number where it must. */
DG_INLINE vec64 elem64_scale(vec64 p, vec64 shifted)
{
    elem_u64 both = (elem_u64)vec64_bits(shifted), half = both >> 1;
    return p * (vec64)(half << 52) * (vec64)((both - half) << 52);
}

/* e^x for -746 <= x <= 710, NaN. */
DG_INLINE vec64 elem64_exp_inside(vec64 x)
{
    vec64 shifted, r = elem64_reduce(x, 2046, &shifted);
    return elem64_scale(elem64_expm1_small(r) + 1, shifted);
}

DG_INLINE vec64 vec64_exp(vec64 x)
{
    return elem64_exp_inside(elem64_min(710, elem64_max(-746, x)));
}

/* e^-|x|. */
DG_INLINE vec64 elem64_exp_below(vec64 x)
{
    vec64 below = vec64_from_bits(vec64_bits(x) | vec64_bits(vec64_set1(-0.0)));
    return elem64_exp_inside(elem64_max(-746, below));
}

/* e^x - 1 = 2^k (e^r - 1) + (2^k - 1), one rounding for the sum; by half of it, for k = 1024.
 * Near 0 half of it could be subnormal, so e^r - 1 itself is taken where k = 0. */
DG_INLINE vec64 vec64_expm1(vec64 x)
{
    vec64 c = elem64_min(710, elem64_max(-40, x)), shifted, r = elem64_reduce(c, 1022, &shifted);
    vec64 q = elem64_expm1_small(r), half = elem64_power(shifted);
    vec64 y = vec64_fma(half, q, half - 0.5);
    ivec64 near = (ivec64)(shifted == vec64_set1(ELEM_MAGIC + 1022));
    return elem64_sign(vec64_select(near, q, y + y), x);
}

/* e / (1 + e), e >= 0. Below 1/2 the quotient y gives way to e - e y, which has 1 / (1 + e) of the
 * error of e and e of the quotient's. */
DG_INLINE vec64 elem64_odds(vec64 e)
{
    vec64 y = e / (e + 1);
    return vec64_select((ivec64)(e < vec64_set1(0.5)), vec64_fma(-e, y, e), y);
}

/* tanh |x| = E / (1 + E) with E = (e^(2|x|) - 1) / 2. */
DG_INLINE vec64 vec64_tanh(vec64 x)
{
    vec64 a = elem64_min(22, vec64_abs(x)), shifted, r = elem64_reduce(a + a, 1022, &shifted);
    vec64 q = elem64_expm1_small(r), half = elem64_power(shifted);
    return elem64_sign(elem64_odds(vec64_fma(half, q, half - 0.5)), x);
}

/* 1 / (1 + e^-x): p = e / (1 + e) with e = e^-|x|, or 1 - p, so that neither end is lost. */
DG_INLINE vec64 vec64_sigmoid(vec64 x)
{
    vec64 p = elem64_odds(elem64_exp_below(x));
    return vec64_select((ivec64)(x < 0), p, 1 - p);
}

/* a = 2^k (1 + f) with 1 + f in [sqrt 1/2, sqrt 2), for normal a > 0. */
typedef struct {
    vec64 k, f;
    elem_u64 biased; /* k + 1023 */
} elem64_parts;

DG_INLINE elem64_parts elem64_split(vec64 a)
{
    const uint64_t root = 0x3fe6a09e667f3bcd;                            /* sqrt 1/2 */
    const uint64_t one = 0x3ff0000000000000, exact = 0x4330000000000000; /* 1, 2^52 */
    elem64_parts p;
    elem_u64 bits = (elem_u64)vec64_bits(a) + (one - root);
    p.biased = bits >> 52;
    p.k = (vec64)(p.biased | exact) - (0x1p52 + 1023);
    p.f = (vec64)((bits & 0xfffffffffffff) + root) - 1;
    return p;
}

/* log(2^k (1 + f) (1 + c)), c tiny: with s = f / (2 + f), log(1 + f) = 2s + s z R(z), z = s^2, and
 * 2s = f - f^2/2 + s f^2/2 for the sake of its rounding. R's error 4.5e-18 of the result. */
DG_INLINE vec64 elem64_log_parts(elem64_parts p, vec64 c)
{
    static const double r[] = {0x1.5555555555558p-1, 0x1.99999999952d6p-2, 0x1.2492492df7bb4p-2,
                               0x1.c71c62db98fe6p-3, 0x1.7462b79461e6dp-3, 0x1.39fe0117cb290p-3,
                               0x1.2b5cbd736272ap-3};
    vec64 s = p.f / (p.f + 2), z = s * s, h = p.f * p.f * 0.5;
    vec64 rest = vec64_fma(s, vec64_fma(z, elem64_poly(z, 7, r), h),
                           vec64_fma(p.k, vec64_set1(ELEM_LN2_LOW), c));
    return vec64_fma(p.k, vec64_set1(ELEM_LN2), p.f - (h - rest));
}

/* y where 0 < x < inf; at 0 -inf, at inf inf, below 0 NaN. */
DG_INLINE vec64 elem64_log_limits(vec64 x, vec64 y)
{
    vec64 zero = vec64_set1(0), inf = vec64_set1(HUGE_VAL), nan = vec64_set1((double)NAN);
    vec64 limit =
        vec64_select((ivec64)(x == zero), -inf, vec64_select((ivec64)(x < zero), nan, x + x));
    return vec64_select((ivec64)(x > zero) & (ivec64)(x < inf), y, limit);
}

DG_INLINE vec64 vec64_log(vec64 x)
{
    ivec64 tiny = (ivec64)(x < vec64_set1(DBL_MIN));
    elem64_parts p = elem64_split(vec64_select(tiny, x * 0x1p54, x));
    p.k -= vec64_from_bits(tiny & vec64_bits(vec64_set1(54)));
    return elem64_log_limits(x, elem64_log_parts(p, vec64_set1(0)));
}

/* log(1 + x): u = 1 + x rounded, and what was lost by that as a relative correction. */
DG_INLINE vec64 vec64_log1p(vec64 x)
{
    vec64 u = x + 1, back = u - 1, lost = (1 - (u - back)) + (x - back);
    vec64 y = elem64_log_parts(elem64_split(u), lost / u);
    return elem64_log_limits(u, elem64_sign(y, x));
}

/* log(1 + e^x) = max(x, 0) + log(1 + e^-|x|). */
DG_INLINE vec64 vec64_softplus(vec64 x)
{
    vec64 zero = vec64_set1(0), low = vec64_log1p(elem64_exp_below(x));
    return vec64_select((ivec64)(x > zero), x, zero) + low;
}

#endif
