/* Elementary functions of doubles, for schedules, initial values and random numbers.
 *
 * The same source as the vector functions of base/elem.h, compiled without instruction set
 * extensions: the same bits on every machine, at most 4 ulp (the attained errors stand in elem.h).
 * Special values as in C99, Annex F. */
#ifndef DG_BASE_ELEM_F64_H
#define DG_BASE_ELEM_F64_H

double dg_exp(double x);
double dg_expm1(double x);
double dg_log(double x);
double dg_log1p(double x);
double dg_sin(double x);
double dg_cos(double x);
void dg_cos_sin(double x, double *c, double *s); /* both, at the cost of one */
double dg_tanh(double x);
double dg_pow(double x, double y);

#endif
