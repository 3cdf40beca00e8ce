/* The four elementary functions of f32 vectors that training spends its time in, without branches,
 * the same bits on every path. The formulas are those of base/elem64.h; base/elem.h is the header
 * to include. */
#ifndef DG_BASE_ELEM32_H
#define DG_BASE_ELEM32_H

#include "base/vec.h"

typedef uint32_t elem_u32 __attribute__((vector_size(DG_VEC_BYTES), may_alias));

static const float ELEM32_LOG2E = 0x1.715476p+0F;
/* ln 2 in two parts; a whole number of 9 bits times the first is exact. */
static const float ELEM32_LN2 = 0x1.62e4p-1F, ELEM32_LN2_LOW = 0x1.7f7d1cp-20F;
/* Adding it leaves the nearest whole number in the low bits; so does adding it + n, plus n. */
static const float ELEM32_MAGIC = 0x1.8p23F;

/* The smaller of limit and x, the larger; x where it is NaN. */
DG_INLINE vec elem32_min(float limit, vec x)
{
    vec l = vec_set1(limit);
#if DG_ISA_ID == 4
    return (vec)_mm512_min_ps((__m512)l, (__m512)x);
#elif DG_ISA_ID == 3
    return (vec)_mm256_min_ps((__m256)l, (__m256)x);
#else
    return vec_select((ivec)(l < x), l, x);
#endif
}

DG_INLINE vec elem32_max(float limit, vec x)
{
    vec l = vec_set1(limit);
#if DG_ISA_ID == 4
    return (vec)_mm512_max_ps((__m512)l, (__m512)x);
#elif DG_ISA_ID == 3
    return (vec)_mm256_max_ps((__m256)l, (__m256)x);
#else
    return vec_select((ivec)(l > x), l, x);
#endif
}

/* c[0] + c[1] x + ... + c[n-1] x^(n-1). */
DG_INLINE vec elem32_poly(vec x, int n, const float c[])
{
    vec sum = vec_set1(c[n - 1]);
    for (int i = n - 2; i >= 0; i--)
        sum = vec_fma(sum, x, vec_set1(c[i]));
    return sum;
}

/* a with the sign bit of x set too. */
DG_INLINE vec elem32_sign(vec a, vec x)
{
    return vec_from_bits(vec_bits(a) | (vec_bits(x) & vec_bits(vec_set1(-0.0F))));
}

/* e^x for -105 <= x <= 89, NaN: x = k ln 2 + r, e^r = 1 + r + r^2 P(r), P's error 2.7e-10 of it.
 * The product with 2^k is made in two steps, as 2^k alone may not be a number. The low bits of
 * shifted are k + 254; the others leave by the shifts to the left. */
DG_INLINE vec elem32_exp_inside(vec x)
{
    static const float c[] = {0x1p-1F,        0x1.555556p-3F,  0x1.5555p-5F,
                              0x1.110fc4p-7F, 0x1.6d30d8p-10F, 0x1.a2d438p-13F};
    vec shifted = vec_fma(x, vec_set1(ELEM32_LOG2E), vec_set1(ELEM32_MAGIC + 254));
    vec k = shifted - (ELEM32_MAGIC + 254), r = vec_fma(k, vec_set1(-ELEM32_LN2), x);
    r = vec_fma(k, vec_set1(-ELEM32_LN2_LOW), r);
    vec p = vec_fma(r * r, elem32_poly(r, 6, c), r) + 1;
    elem_u32 both = (elem_u32)vec_bits(shifted), half = both >> 1;
    return p * (vec)(half << 23) * (vec)((both - half) << 23);
}

DG_INLINE vec vec_exp(vec x)
{
    return elem32_exp_inside(elem32_min(89, elem32_max(-104, x)));
}

/* e / (1 + e), e >= 0. Below 1/2 the quotient y gives way to e - e y, which has 1 / (1 + e) of the
 * error of e and e of the quotient's. */
DG_INLINE vec elem32_odds(vec e)
{
    vec y = e / (e + 1);
    return vec_select((ivec)(e < vec_set1(0.5F)), vec_fma(-e, y, e), y);
}

/* 1 / (1 + e^-x): p = e / (1 + e) with e = e^-|x|, or 1 - p, so that neither end is lost. */
DG_INLINE vec vec_sigmoid(vec x)
{
    vec below = vec_from_bits(vec_bits(x) | vec_bits(vec_set1(-0.0F)));
    vec p = elem32_odds(elem32_exp_inside(elem32_max(-104, below)));
    return vec_select(vec_bits(x) >> 31, p, 1 - p);
}

/* tanh |x| = E / (1 + E), E = (e^t - 1) / 2 = 2^k/2 (e^r - 1) + (2^k/2 - 1/2), t = 2|x| = k ln 2 +
 * r, e^r - 1 = r + r^2 P(r), P's error 1.0e-8 of e^r. What is lost of ln 2 is below 3e-9 k and
 * makes no difference: k is 0 or the result is ever less sensitive. The low bits of shifted are k +
 * 126. */
DG_INLINE vec vec_tanh(vec x)
{
    static const float c[] = {0x1p-1F, 0x1.5554dcp-3F, 0x1.5554e8p-5F, 0x1.120c96p-7F,
                              0x1.6d4eaap-10F};
    vec a = elem32_min(10, vec_abs(x)), t = a + a;
    vec shifted = vec_fma(t, vec_set1(ELEM32_LOG2E), vec_set1(ELEM32_MAGIC + 126));
    vec r = vec_fma(shifted - (ELEM32_MAGIC + 126), vec_set1(-0x1.62e43p-1F), t);
    vec q = vec_fma(r * r, elem32_poly(r, 5, c), r),
        half = (vec)((elem_u32)vec_bits(shifted) << 23);
    return elem32_sign(elem32_odds(vec_fma(half, q, half - 0.5F)), x);
}

/* x = 2^k (1 + f), 1 + f in [sqrt 1/2, sqrt 2); log(1 + f) = f - f^2/2 + f^3 P(f) with an error of
 * 3.4e-9 of it. Specials as in elem64_log_limits. */
DG_INLINE vec vec_log(vec x)
{
    static const float c[] = {0x1.555554p-2F,  -0x1.fffff8p-3F, 0x1.999d44p-3F,
                              -0x1.555c8cp-3F, 0x1.23d54ep-3F,  -0x1.fcbfe8p-4F,
                              0x1.de32eap-4F,  -0x1.d77902p-4F, 0x1.20459ap-4F};
    const vec zero = vec_set1(0), inf = vec_set1(HUGE_VALF);
    const uint32_t root = 0x3f3504f3, bias = 0x3f800000 - root; /* of sqrt 1/2, from it to 1 */
    ivec tiny = (ivec)(x < vec_set1(FLT_MIN));
    elem_u32 bits = (elem_u32)vec_bits(vec_select(tiny, x * 0x1p23F, x)) + bias;
    vec f = (vec)((bits & 0x7fffff) + root) - 1;
    vec k = vec_from_int((ivec)(bits >> 23) - 127 + (tiny & -23)), z = f * f;
    vec rest = vec_fma(z * f, elem32_poly(f, 9, c), k * ELEM32_LN2_LOW);
    rest = vec_fma(z, vec_set1(-0.5F), rest);
    vec y = vec_fma(k, vec_set1(ELEM32_LN2), f + rest);
    vec below = vec_select((ivec)(x < zero), vec_set1(NAN), x + x);
    vec limit = vec_select((ivec)(x == zero), -inf, below);
    return vec_select((ivec)(x > zero) & (ivec)(x < inf), y, limit);
}

#endif
