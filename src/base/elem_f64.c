/* The functions of base/elem.h for one double, compiled for the portable path of f64. */
#include "base/elem_f64.h"

#define DG_REAL 64
#define DG_ISA portable
#include "base/elem.h"

double dg_exp(double x)
{
    return real_exp(x);
}

double dg_expm1(double x)
{
    return real_expm1(x);
}

double dg_log(double x)
{
    return real_log(x);
}

double dg_log1p(double x)
{
    return real_log1p(x);
}

double dg_sin(double x)
{
    return real_sin(x);
}

double dg_cos(double x)
{
    return real_cos(x);
}

/* A lane for each: cos x = sin(x + pi/2). */
void dg_cos_sin(double x, double *c, double *s)
{
    elem64_angle a = elem64_reduce_angle(vec64_set1(x));
    a.n[0] += 1;
    vec64 y = elem64_turn(a);
    *c = y[0];
    *s = x == 0 ? x : y[1]; /* keeps the sign of 0 */
}

double dg_tanh(double x)
{
    return real_tanh(x);
}

double dg_pow(double x, double y)
{
    return real_pow(x, y);
}
