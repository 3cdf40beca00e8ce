/* The error function and the normal distribution of vec64: erf x, e^(-x^2), and for GELU Phi(x)
 * with its derivative, exact or with tanh in place of erf. The tail of Phi keeps its digits. */
#ifndef DG_BASE_ELEM64_NORMAL_H
#define DG_BASE_ELEM64_NORMAL_H

#include "base/elem64.h"
#include "base/elem64_pow.h"

/* e^(a^2) erfc(a) for 0 <= a <= 28 (NaN stays): P(t) / (1 + 2 a) with t = (a - 4) / (a + 4), P's
 * error 6e-17. */
DG_INLINE vec64 elem64_erfcx(vec64 a)
{
    static const double c[] = {
        0x1.3ba5916e9fd7fp+0,   -0x1.1df1ad154a29cp-3,  0x1.f7f5df66fd951p-7,
        0x1.16ecefcfa6077p-4,   -0x1.9ddb23c3e98a6p-4,  0x1.7fee004df6263p-4,
        -0x1.0fb06dfe46987p-4,  0x1.3079edfa1033fp-5,   -0x1.0962388367b2fp-6,
        0x1.49c671893963fp-8,   -0x1.8d4a9dc0d22f3p-11, -0x1.a1de7c6e9ac9cp-13,
        0x1.3be0b393ee921p-13,  -0x1.996ad056e530bp-16, -0x1.78a43458cca4bp-17,
        0x1.7fb88e391a9fep-18,  0x1.4392983419eddp-22,  -0x1.c05fc977974eap-21,
        0x1.0d535fce28f99p-24,  0x1.ef6c0c38d1a2bp-24,  -0x1.09198a32cd9a9p-27,
        -0x1.d5bb4c6d5b92dp-27, -0x1.f47207b168acdp-30};
    return elem64_poly((a - 4) / (a + 4), 23, c) / (a + a + 1);
}

/* e^(-x^2 / d), d = 1 or 2. x^2 is rounded, and what that loses is made up for, since it is a
 * relative error of the result. */
DG_INLINE vec64 elem64_bell(vec64 x, double d)
{
    vec64 a = elem64_min(40, vec64_abs(x)), h = a * a, low = vec64_fma(a, a, -h) * (1 / d);
    vec64 y = vec64_exp(h * (-1 / d));
    return vec64_fma(-low, y, y);
}

DG_INLINE vec64 vec64_bell(vec64 x)
{
    return elem64_bell(x, 1);
}

/* erf a for 0 <= a <= 3/4: a + a Q(a^2). */
DG_INLINE vec64 elem64_erf_near(vec64 a)
{
    static const double q[] = {
        0x1.06eba8214db69p-3,   -0x1.812746b0379e0p-2,  0x1.ce2f21a0424c3p-4,
        -0x1.b82ce31257412p-6,  0x1.565bcd03657c0p-8,   -0x1.c02db1220cfe6p-11,
        0x1.f9a2afa3a8f86p-14,  -0x1.f4c5debf1228ap-17, 0x1.b90ecd4aeec12p-20,
        -0x1.564f71bbc0d35p-23, 0x1.8a312cb07e6ccp-27};
    return vec64_fma(a, elem64_poly(a * a, 11, q), a);
}

/* From 3/4 on 1 - erfc. */
DG_INLINE vec64 vec64_erf(vec64 x)
{
    vec64 a = elem64_min(7, vec64_abs(x)), near = elem64_erf_near(a);
    vec64 far = vec64_fma(-vec64_exp(-(a * a)), elem64_erfcx(a), vec64_set1(1));
    return elem64_sign(vec64_abs(vec64_select((ivec64)(a < 0.75), near, far)), x);
}

/* Phi(x) = erfc(-x / sqrt 2) / 2, and its derivative, e^(-x^2 / 2) / sqrt(2 pi). */
DG_INLINE vec64 vec64_normal(vec64 x, vec64 *density)
{
    vec64 bell = elem64_bell(x, 2), a = elem64_min(28, vec64_abs(x) * 0x1.6a09e667f3bcdp-1);
    vec64 near = vec64_fma(elem64_erf_near(a), vec64_set1(-0.5), vec64_set1(0.5));
    vec64 tail = vec64_select((ivec64)(a < 0.5), near, bell * (elem64_erfcx(a) * 0.5));
    *density = bell * 0x1.9884533d43651p-2;
    return vec64_select((ivec64)(x < 0), tail, 1 - tail);
}

/* a + b exactly. */
DG_INLINE elem64_pair elem64_sum(vec64 a, vec64 b)
{
    vec64 sum = a + b, back = sum - a;
    return (elem64_pair){sum, (a - (sum - back)) + (b - back)};
}

/* The same with tanh: (1 + tanh u) / 2 = 1 / (1 + e^(-2u)), u = sqrt(2 / pi) (x + 0.044715 x^3).
 * 2u is a sum of two doubles, since its error is a relative one of the tail. */
DG_INLINE vec64 vec64_normal_tanh(vec64 x, vec64 *density)
{
    const elem64_pair root = {vec64_set1(0x1.9884533d43651p+0), vec64_set1(-0x1.cbc0d30ebfd15p-54)};
    const elem64_pair cubic = {vec64_set1(0x1.6e4e26d4801f7p-5), vec64_set1(0x1.441355475a31ap-59)};
    elem64_pair a = {elem64_min(40, vec64_abs(x)), vec64_set1(0)};
    elem64_pair bend = elem64_product(elem64_product(a, a), cubic);
    elem64_pair one = elem64_sum(bend.high, vec64_set1(1));
    one.low += bend.low;
    elem64_pair u = elem64_product(elem64_product(a, root), one);
    vec64 e = elem64_exp_pair((elem64_pair){-u.high, -u.low}), p = elem64_odds(e);
    *density = p / (e + 1) * (root.high * vec64_fma(bend.high, vec64_set1(3), vec64_set1(1)));
    return vec64_select((ivec64)(x < 0), p, 1 - p);
}

/* The same for results that are rounded to f32, where 3e-10 of them is enough. */
DG_INLINE vec64 vec64_normal_tanh_brief(vec64 x, vec64 *density)
{
    static const double c[] = {0x1.0p-1,
                               0x1.5555555555555p-3,
                               0x1.5555555555555p-5,
                               0x1.1111111111111p-7,
                               0x1.6c16c16c16c17p-10,
                               0x1.a01a01a01a01ap-13,
                               0x1.a01a01a01a01ap-16};
    const double root = 0x1.9884533d43651p+0, cubic = 0x1.6e4e26d4801f7p-5;
    vec64 a = elem64_min(40, vec64_abs(x)), shifted;
    vec64 bend = a * a * cubic, u = vec64_fma(bend, a, a) * -root;
    vec64 r = elem64_reduce(elem64_max(-160, u), 1023, &shifted);
    vec64 q = vec64_fma(r * r, elem64_poly(r, 7, c), r);
    vec64 e = vec64_fma(elem64_power(shifted), q, elem64_power(shifted));
    vec64 whole = 1 / (e + 1), p = e * whole;
    *density = p * whole * vec64_fma(bend, vec64_set1(3 * root), vec64_set1(root));
    return vec64_select((ivec64)(x < 0), p, whole);
}

#endif
