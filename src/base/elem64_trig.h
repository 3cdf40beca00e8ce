/* sin and cos of vec64 for every finite double: three products with parts of pi/2 below 2^28, the
 * lanes from there on one by one through base/angle.h. */
#ifndef DG_BASE_ELEM64_TRIG_H
#define DG_BASE_ELEM64_TRIG_H

#include "base/elem64.h"
#include "base/angle.h"

/* x = n pi/2 + r + low, |r| <= pi/4 (a little above by rounding). */
typedef struct {
    vec64 r, low;
    ivec64 n; /* its two lowest bits count */
} elem64_angle;

/* The lanes from 2^28 on, and those that are not finite. */
static __attribute__((noinline, unused)) void elem64_reduce_large(vec64 x, elem64_angle *a)
{
    for (int i = 0; i < VEC64_N; i++) {
        double value = x[i], high, low;
        if (fabs(value) < 0x1p28)
            continue;
        if (value - value == 0) {
            a->n[i] = dg_reduce_angle(value, &high, &low);
            a->r[i] = high;
            a->low[i] = low;
        } else {
            a->r[i] = value == value ? (double)NAN : value + value;
            a->low[i] = 0;
        }
    }
}

/* The first product and sum is exact, so what cancels there costs nothing. */
DG_INLINE elem64_angle elem64_reduce_angle(vec64 x)
{
    vec64 shifted = vec64_fma(x, vec64_set1(0x1.45f306dc9c883p-1), vec64_set1(ELEM_MAGIC));
    vec64 n = shifted - ELEM_MAGIC;
    vec64 a = vec64_fma(n, vec64_set1(-0x1.921fb54442d18p+0), x);
    vec64 second = vec64_set1(-0x1.1a62633145c07p-54), p = n * second;
    vec64 p_low = vec64_fma(n, second, -p);
    vec64 b = a + p, lost = p - (b - a); /* |a| >= |p|, or both are tiny and b is exact */
    vec64 rest = vec64_fma(n, vec64_set1(0x1.f1976b7ed8fbcp-110), p_low + lost);
    elem64_angle angle = {.r = b + rest, .n = vec64_bits(shifted)};
    angle.low = rest - (angle.r - b);
    if (elem64_any((ivec64) ~(ivec64)(vec64_abs(x) < vec64_set1(0x1p28))))
        elem64_reduce_large(x, &angle);
    return angle;
}

/* sin(r + low) and cos(r + low). */
DG_INLINE vec64 elem64_sin_small(vec64 r, vec64 low)
{
    static const double s[] = {-0x1.5555555555555p-3,  0x1.1111111110c84p-7,
                               -0x1.a01a019ea17c7p-13, 0x1.71de37b235f4bp-19,
                               -0x1.ae60217865e0cp-26, 0x1.5e11ba7ec1782p-33};
    vec64 z = r * r;
    return vec64_fma(r * z, elem64_poly(z, 6, s), vec64_fma(z * -0.5, low, low)) + r;
}

DG_INLINE vec64 elem64_cos_small(vec64 r, vec64 low)
{
    static const double c[] = {0x1.5555555555555p-5,  -0x1.6c16c16c168ccp-10,
                               0x1.a01a019f38ba5p-16, -0x1.27e4fa0384523p-22,
                               0x1.1eeb586f40598p-29, -0x1.9073edbb612f5p-37};
    vec64 z = r * r, h = z * 0.5, one = vec64_set1(1), w = one - h;
    vec64 rest = vec64_fma(z * z, elem64_poly(z, 6, c), -(r * low));
    return w + (((one - w) - h) + rest);
}

/* sin(n pi/2 + r + low): sin and cos change places for odd n, and the sign goes with n / 2. */
DG_INLINE vec64 elem64_turn(elem64_angle a)
{
    vec64 s = elem64_sin_small(a.r, a.low), c = elem64_cos_small(a.r, a.low);
    ivec64 sign = (ivec64)((elem_u64)(a.n & 2) << 62);
    return vec64_from_bits(vec64_bits(vec64_select(-(a.n & 1), c, s)) ^ sign);
}

DG_INLINE vec64 vec64_sin(vec64 x)
{
    vec64 y = elem64_turn(elem64_reduce_angle(x));
    return vec64_select((ivec64)(x == vec64_set1(0)), x, y); /* keeps the sign of 0 */
}

DG_INLINE vec64 vec64_cos(vec64 x)
{
    elem64_angle a = elem64_reduce_angle(x);
    a.n += 1;
    return elem64_turn(a);
}

#endif
