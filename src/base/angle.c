/* Payne and Hanek's reduction (Radian reduction for trigonometric functions, SIGNUM 1983): of
 * x 2/pi only the digits that matter are computed, with integers: those worth 4 or more fall out of
 * n mod 4, those far after the point do not change the result. */
#include "base/angle.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* 64 zero bits, then the bits of 2/pi after the point. */
static const uint64_t two_over_pi[] = {
    0x0000000000000000, 0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041,
    0xfe5163abdebbc561, 0xb7246e3a424dd2e0, 0x06492eea09d1921c, 0xfe1deb1cb129a73e,
    0xe88235f52ebb4484, 0xe99c7026b45f7e41, 0x3991d639835339f4, 0x9c845f8bbdf9283b,
    0x1ff897ffde05980f, 0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d,
    0x7527bac7ebe5f17b, 0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab,
};

static const double HALF_PI = 0x1.921fb54442d18p+0, HALF_PI_LOW = 0x1.1a62633145c07p-54;

/* 64 bits of the table from bit `at` on. */
static uint64_t bits_from(int at)
{
    int word = at / 64, shift = at % 64;
    uint64_t high = two_over_pi[word] << shift;
    return shift > 0 ? high | two_over_pi[word + 1] >> (64 - shift) : high;
}

/* p = whole x 2/pi modulo 4, in units of 2^-190: m times 192 bits of 2/pi, modulo 2^192.
 * |x| = m 2^e; the bits of 2/pi from 2^(1-e) on are worth 4 / m at most. */
static void product(uint64_t m, int e, uint64_t p[3])
{
    int at = 64 + e - 2;
    unsigned __int128 low = (unsigned __int128)m * bits_from(at + 128);
    unsigned __int128 middle = (unsigned __int128)m * bits_from(at + 64) + (uint64_t)(low >> 64);
    p[0] = (uint64_t)low;
    p[1] = (uint64_t)middle;
    p[2] = m * bits_from(at) + (uint64_t)(middle >> 64);
}

/* The number with these 192 bits, in units of 2^-190, as high + low. */
static void to_double(const uint64_t p[3], double *high, double *low)
{
    double a = ldexp((double)(p[2] >> 11), -51),
           b = ldexp((double)((p[2] & 0x7ff) << 42 | p[1] >> 22), -104);
    double c = ldexp((double)((p[1] & 0x3fffff) << 31 | p[0] >> 33), -157);
    double sum = a + b, lost = b - (sum - a);
    *high = sum + (lost + c);
    *low = (lost + c) - (*high - sum);
}

int dg_reduce_angle(double x, double *high, double *low)
{
    uint64_t bits, p[3];
    memcpy(&bits, &x, sizeof bits);
    int e = (int)(bits >> 52 & 0x7ff) - 1075;
    product((bits & 0xfffffffffffffULL) | 1ULL << 52, e, p);
    /* n = nearest whole number; p = what is left, at most a half, with its sign apart. */
    int n = (int)(p[2] >> 62), above = (int)(p[2] >> 61 & 1);
    p[2] &= UINT64_MAX >> 2;
    if (above) { /* p = 1 - p */
        n++;
        p[0] = ~p[0] + 1;
        p[1] = ~p[1] + (p[0] == 0);
        p[2] = (~p[2] + (p[0] == 0 && p[1] == 0)) & UINT64_MAX >> 2;
    }
    double f, g;
    to_double(p, &f, &g);
    double r = f * HALF_PI, s = fma(f, HALF_PI, -r) + (f * HALF_PI_LOW + g * HALF_PI);
    int negative = above != (x < 0);
    *high = negative ? -(r + s) : r + s;
    *low = negative ? -(s - ((r + s) - r)) : s - ((r + s) - r);
    return (x < 0 ? -n : n) & 3;
}
