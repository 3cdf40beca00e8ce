/* Elementary functions of vec and of real: y_i = f(x_i), the same bits on every path.
 *
 * Only + - * /, vec_fma and integers; nothing of libm. No branches, but for angles from 2^28 on in
 * sin and cos, which go through integers lane by lane. Tails of loops go through the vector
 * function (vec_load_n, vec_store_n), or the real_ forms, which are one lane of it.
 *
 * Largest errors found, in units of the last place, the contract being 2 and 4. f32: over all
 * values for the first four (DAGRAD_LONGTEST=1, tests/base/test_elem.c), over every 257th for the
 * others, whose only error but for 2^-28 of a unit is the rounding of an f64. f64: over 10^5
 * arguments a function.
 *
 *         exp   log   tanh  sigmoid  expm1  log1p  softplus  sin   cos   pow
 *   f32   0.98  0.83  1.98  1.65     0.51   0.51   0.51      0.51  0.51  0.51
 *   f64   1.07  0.75  1.75  1.55     1.68   0.78   1.55      0.76  0.77  1.10
 *
 *         erf   bell  normal  normal with tanh
 *   f32   0.51  0.51  0.51    0.51
 *   f64   1.31  1.56  3.57    1.33
 *
 * Special values as in C99, Annex F: a NaN that goes in comes out (quiet, of either sign); one that
 * is made is NAN; overflow gives inf; results that are subnormal are correct to the same errors.
 * sigmoid(x) = 1 / (1 + e^-x); softplus(x) = log(1 + e^x); bell(x) = e^(-x^2). */
#ifndef DG_BASE_ELEM_H
#define DG_BASE_ELEM_H

#include "base/elem64.h"
#include "base/elem64_normal.h"
#include "base/elem64_pow.h"
#include "base/elem64_trig.h"

#if DG_REAL == 64

DG_INLINE vec vec_exp(vec x)
{
    return vec64_exp(x);
}

DG_INLINE vec vec_log(vec x)
{
    return vec64_log(x);
}

DG_INLINE vec vec_tanh(vec x)
{
    return vec64_tanh(x);
}

DG_INLINE vec vec_sigmoid(vec x)
{
    return vec64_sigmoid(x);
}

DG_INLINE vec vec_expm1(vec x)
{
    return vec64_expm1(x);
}

DG_INLINE vec vec_log1p(vec x)
{
    return vec64_log1p(x);
}

DG_INLINE vec vec_softplus(vec x)
{
    return vec64_softplus(x);
}

DG_INLINE vec vec_sin(vec x)
{
    return vec64_sin(x);
}

DG_INLINE vec vec_cos(vec x)
{
    return vec64_cos(x);
}

DG_INLINE vec vec_pow(vec x, vec y)
{
    return vec64_pow(x, y);
}

/* x^(y - 1). */
DG_INLINE vec vec_pow_below(vec x, vec y)
{
    return vec64_pow_below(x, y);
}

DG_INLINE vec vec_erf(vec x)
{
    return vec64_erf(x);
}

DG_INLINE vec vec_bell(vec x)
{
    return vec64_bell(x);
}

/* Phi(x) and its derivative; tanh: with tanh in place of erf. */
DG_INLINE vec vec_normal(vec x, int tanh, vec *density)
{
    return tanh ? vec64_normal_tanh(x, density) : vec64_normal(x, density);
}

#else

#include "base/elem32.h"

/* The rest by way of doubles, rounded once. */
DG_INLINE vec vec_expm1(vec x)
{
    return vec_from64(vec64_expm1(vec_low64(x)), vec64_expm1(vec_high64(x)));
}

DG_INLINE vec vec_log1p(vec x)
{
    return vec_from64(vec64_log1p(vec_low64(x)), vec64_log1p(vec_high64(x)));
}

DG_INLINE vec vec_softplus(vec x)
{
    return vec_from64(vec64_softplus(vec_low64(x)), vec64_softplus(vec_high64(x)));
}

DG_INLINE vec vec_sin(vec x)
{
    return vec_from64(vec64_sin(vec_low64(x)), vec64_sin(vec_high64(x)));
}

DG_INLINE vec vec_cos(vec x)
{
    return vec_from64(vec64_cos(vec_low64(x)), vec64_cos(vec_high64(x)));
}

DG_INLINE vec vec_pow(vec x, vec y)
{
    return vec_from64(vec64_pow(vec_low64(x), vec_low64(y)),
                      vec64_pow(vec_high64(x), vec_high64(y)));
}

DG_INLINE vec vec_pow_below(vec x, vec y)
{
    return vec_from64(vec64_pow(vec_low64(x), vec_low64(y) - 1),
                      vec64_pow(vec_high64(x), vec_high64(y) - 1));
}

DG_INLINE vec vec_erf(vec x)
{
    return vec_from64(vec64_erf(vec_low64(x)), vec64_erf(vec_high64(x)));
}

DG_INLINE vec vec_bell(vec x)
{
    return vec_from64(vec64_bell(vec_low64(x)), vec64_bell(vec_high64(x)));
}

DG_INLINE vec vec_normal(vec x, int tanh, vec *density)
{
    vec64 low = vec_low64(x), high = vec_high64(x), d[2];
    low = tanh ? vec64_normal_tanh_brief(low, &d[0]) : vec64_normal(low, &d[0]);
    high = tanh ? vec64_normal_tanh_brief(high, &d[1]) : vec64_normal(high, &d[1]);
    *density = vec_from64(d[0], d[1]);
    return vec_from64(low, high);
}

#endif

DG_INLINE real real_exp(real x)
{
    return vec_exp(vec_set1(x))[0];
}

DG_INLINE real real_log(real x)
{
    return vec_log(vec_set1(x))[0];
}

DG_INLINE real real_tanh(real x)
{
    return vec_tanh(vec_set1(x))[0];
}

DG_INLINE real real_sigmoid(real x)
{
    return vec_sigmoid(vec_set1(x))[0];
}

DG_INLINE real real_expm1(real x)
{
    return vec_expm1(vec_set1(x))[0];
}

DG_INLINE real real_log1p(real x)
{
    return vec_log1p(vec_set1(x))[0];
}

DG_INLINE real real_softplus(real x)
{
    return vec_softplus(vec_set1(x))[0];
}

DG_INLINE real real_sin(real x)
{
    return vec_sin(vec_set1(x))[0];
}

DG_INLINE real real_cos(real x)
{
    return vec_cos(vec_set1(x))[0];
}

DG_INLINE real real_pow(real x, real y)
{
    return vec_pow(vec_set1(x), vec_set1(y))[0];
}

#endif
