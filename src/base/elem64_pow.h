/* x^y of vec64: e^(y log x) with log x as a sum of two doubles, good to 2^-64 of it, since y log x
 * may be 700 and an error of it is a relative error of the power. */
#ifndef DG_BASE_ELEM64_POW_H
#define DG_BASE_ELEM64_POW_H

#include "base/elem64.h"

/* high + low, |low| below half a unit of high's last place. */
typedef struct {
    vec64 high, low;
} elem64_pair;

/* a + b exactly, |a| >= |b| or a = 0. */
DG_INLINE elem64_pair elem64_fast_sum(vec64 a, vec64 b)
{
    vec64 sum = a + b;
    return (elem64_pair){sum, b - (sum - a)};
}

/* a b to 2^-104 or so of it. */
DG_INLINE elem64_pair elem64_product(elem64_pair a, elem64_pair b)
{
    vec64 p = a.high * b.high, low = vec64_fma(a.high, b.high, -p);
    low = vec64_fma(a.high, b.low, vec64_fma(a.low, b.high, low));
    return elem64_fast_sum(p, low);
}

/* s = f / (2 + f). */
DG_INLINE elem64_pair elem64_atanh_argument(vec64 f)
{
    elem64_pair d = elem64_fast_sum(vec64_set1(2), f);
    vec64 s = f / d.high, rest = vec64_fma(-s, d.high, f);
    return (elem64_pair){s, vec64_fma(-s, d.low, rest) / d.high};
}

/* log(2^k (1 + f)) = k ln 2 + 2 s + s z (2/3 + z Q(z)), z = s^2. Q's error 1.5e-21 of the
 * result. */
DG_INLINE elem64_pair elem64_log_pair(elem64_parts a)
{
    static const double q[] = {0x1.999999999999ap-2, 0x1.24924924922fdp-2, 0x1.c71c71c74cc62p-3,
                               0x1.745d173ca0b10p-3, 0x1.3b13a9e6f361ap-3, 0x1.11154b7648264p-3,
                               0x1.e01a97a1ba0b6p-4, 0x1.da99961a7621ap-4};
    elem64_pair s = elem64_atanh_argument(a.f), z = elem64_product(s, s);
    elem64_pair third =
        elem64_fast_sum(vec64_set1(0x1.5555555555555p-1), z.high * elem64_poly(z.high, 8, q));
    third.low += 0x1.5555555555555p-55;
    elem64_pair cube = elem64_product(elem64_product(s, z), third);
    elem64_pair whole = elem64_fast_sum(s.high + s.high, cube.high);
    whole.low += s.low + s.low + cube.low;
    elem64_pair sum = elem64_fast_sum(a.k * ELEM_LN2, whole.high);
    sum.low += vec64_fma(a.k, vec64_set1(ELEM_LN2_LOW), whole.low);
    return elem64_fast_sum(sum.high, sum.low);
}

/* log |x| as a pair; at 0, inf and NaN its high part is -inf, inf, NaN. */
DG_INLINE elem64_pair elem64_log_size(vec64 size)
{
    ivec64 tiny = (ivec64)(size < vec64_set1(DBL_MIN));
    elem64_parts p = elem64_split(vec64_select(tiny, size * 0x1p54, size));
    p.k -= vec64_from_bits(tiny & vec64_bits(vec64_set1(54)));
    elem64_pair l = elem64_log_pair(p);
    l.high = elem64_log_limits(size, l.high);
    return l;
}

/* e^(a.high + a.low), high possibly infinite. */
DG_INLINE vec64 elem64_exp_pair(elem64_pair a)
{
    vec64 high = elem64_min(710, elem64_max(-746, a.high)), shifted;
    vec64 low = vec64_select((ivec64)(high == a.high), a.low, vec64_set1(0));
    vec64 k = elem64_round(high, 2046, &shifted), r = vec64_fma(k, vec64_set1(-ELEM_LN2), high);
    r += vec64_fma(k, vec64_set1(-ELEM_LN2_LOW), low);
    return elem64_scale(elem64_expm1_small(r) + 1, shifted);
}

/* |x|^(y + low) but for x = 1 and y = 0. */
DG_INLINE vec64 elem64_pow_size(vec64 x, vec64 y, vec64 low)
{
    elem64_pair l = elem64_log_size(vec64_abs(x)), p = {y * l.high, y * l.low};
    p.low += vec64_fma(low, l.high, vec64_fma(y, l.high, -p.high));
    return elem64_exp_pair(p);
}

/* x^y from |x|^y; special values as in C99, F.9.4.4. odd, whole: y is. */
DG_INLINE vec64 elem64_pow_from(vec64 size, vec64 x, vec64 y, ivec64 odd, ivec64 whole)
{
    vec64 zero = vec64_set1(0), one = vec64_set1(1), inf = vec64_set1(HUGE_VAL);
    ivec64 same = (ivec64)(vec64_abs(x) == one) & (ivec64)(vec64_abs(y) == inf);
    size = vec64_select(same, one, size);
    vec64 power = vec64_from_bits(vec64_bits(size) | (odd & vec64_bits(x) & vec64_bits(-zero)));
    ivec64 undefined = (ivec64)(x < zero) & (ivec64)(x > -inf) & ~whole & (ivec64)(y == y);
    power = vec64_select(undefined, vec64_set1((double)NAN), power);
    return vec64_select((ivec64)(x == one) | (ivec64)(y == zero), one, power);
}

/* Infinities are whole. */
DG_INLINE ivec64 elem64_is_whole(vec64 y)
{
    return (ivec64)(vec64_rint(y) == y);
}

DG_INLINE vec64 vec64_pow(vec64 x, vec64 y)
{
    ivec64 whole = elem64_is_whole(y), odd = whole & ~elem64_is_whole(y * 0.5);
    return elem64_pow_from(elem64_pow_size(x, y, vec64_set1(0)), x, y, odd, whole);
}

/* x^(y - 1) without a rounding of y - 1, which ln x would make larger. */
DG_INLINE vec64 vec64_pow_below(vec64 x, vec64 y)
{
    vec64 less = y - 1, back = less + 1, low = y - back;
    ivec64 whole = elem64_is_whole(y), odd = whole & elem64_is_whole(y * 0.5);
    low = vec64_select((ivec64)(vec64_abs(y) < 0x1p53), low, vec64_set1(0));
    return elem64_pow_from(elem64_pow_size(x, less, low), x, less, odd, whole);
}

#endif
