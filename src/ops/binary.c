/* Point-wise functions of two values, x_i = f(a_i, b_i), broadcast as in ops/broadcast.h.
 *
 *     add      x = a + b         da = eps               db = eps
 *     sub      x = a - b         da = eps               db = -eps
 *     mul      x = a b           da = b eps             db = a eps
 *     div      x = a / b         da = eps / b           db = -x eps / b
 *     pow      x = a^b           da = b a^(b-1) eps     db = x ln(a) eps
 *     maximum  x = max(a, b)     da = eps where a >= b, else 0;  db = eps where not
 *     minimum  x = min(a, b)     da = eps where a <= b, else 0;  db = eps where not
 *
 * Each is summed over what its operand is stretched over. Ties of maximum and minimum: the error
 * vector goes to a. A NaN in either is the result; the error vector then goes to a if a is NaN,
 * else to b. pow: da = 0 where b = 0; db = 0 where x = 0 (0^b) and for 0^0, NaN where a < 0. An
 * error vector of 0 comes back as 0 also where the derivative is infinite (div, pow). */
#include "ops/broadcast.h"

#ifndef DG_REAL

static const dg_case any_cases[] = {{"n,a; n,a", "", "uniform(-2,2)", HUGE_VAL},
                                    {"n,a,b; b", "", "uniform(-2,2)", HUGE_VAL},
                                    {"n,a; ", "", "uniform(-2,2)", HUGE_VAL},
                                    {"a; n,a", "", "uniform(-2,2)", HUGE_VAL},
                                    {"n,1; 1,a", "", "uniform(-2,2)", HUGE_VAL},
                                    {"n,a,b; n,1,b", "", "uniform(-2,2)", HUGE_VAL},
                                    {"n,1,b,1; a,1,c", "", "uniform(-2,2)", HUGE_VAL},
                                    {"n,a,b; n,a,1", "", "uniform(-2,2)", HUGE_VAL},
                                    {"; ", "", "uniform(-2,2)", HUGE_VAL},
                                    {"n,a,b,c; 1,a,1,1", "", "uniform(-2,2)", HUGE_VAL},
                                    {"; n,a", "", "uniform(-2,2)", HUGE_VAL}};
static const dg_case ratio_cases[] = {{"n,a; n,a", "", "uniform(-2,2); uniform(0.5,2)", 0.5},
                                      {"n,a,b; b", "", "uniform(-2,2); uniform(-2,-0.5)", 0.5},
                                      {"n,a; ", "", "uniform(-2,2); uniform(0.5,2)", 0.5},
                                      {"a; n,a", "", "uniform(-2,2); uniform(0.5,2)", 0.5},
                                      {"n,1,b; 1,a,1", "", "uniform(-2,2); uniform(0.5,2)", 0.5}};
static const dg_case power_cases[] = {{"n,a; n,a", "", "uniform(0.5,2); uniform(-1,2)", 0.5},
                                      {"n,a,b; b", "", "uniform(0.5,2); uniform(-1,2)", 0.5},
                                      {"n,a; ", "", "uniform(0.5,2); uniform(-1,2)", 0.5},
                                      {"a; n,a", "", "uniform(0.5,2); uniform(-1,2)", 0.5},
                                      {"n,1,b; 1,a,1", "", "uniform(0.5,2); uniform(-1,2)", 0.5}};
/* The two are drawn apart: b lies in a gap of a's values, so that they differ by 0.1 and more. */
static const dg_case order_cases[] = {
    {"n,a; n,a", "", "away(0.2,-2,2,0); uniform(-0.1,0.1)", 0.1},
    {"n,a,b; b", "", "away(0.2,-2,2,0); uniform(-0.1,0.1)", 0.1},
    {"n,a; ", "", "away(0.2,-2,2,0); uniform(-0.1,0.1)", 0.1},
    {"a; n,a", "", "uniform(-0.1,0.1); away(0.2,-2,2,0)", 0.1},
    {"n,1,b; 1,a,1", "", "away(0.2,-2,2,0); uniform(-0.1,0.1)", 0.1}};

const dg_node_type dg_op_add =
    DG_BINARY_TYPE("add", "x = a + b", "Add", DG_LINEAR, any_cases, .saves_in = 0);
const dg_node_type dg_op_sub =
    DG_BINARY_TYPE("sub", "x = a - b", "Sub", DG_LINEAR, any_cases, .saves_in = 0);
const dg_node_type dg_op_mul = DG_BINARY_TYPE("mul", "x = a b", "Mul", 0, any_cases, .saves_in = 3);
const dg_node_type dg_op_div =
    DG_BINARY_TYPE("div", "x = a / b", "Div", 0, ratio_cases, .saves_in = 2, .saves_out = 1);
const dg_node_type dg_op_pow =
    DG_BINARY_TYPE("pow", "x = a^b", "Pow", 0, power_cases, .saves_in = 3, .saves_out = 1);
const dg_node_type dg_op_maximum =
    DG_BINARY_TYPE("maximum", "x = max(a, b); the error vector of a tie goes to a", "Max", 0,
                   order_cases, .saves_in = 3);
const dg_node_type dg_op_minimum =
    DG_BINARY_TYPE("minimum", "x = min(a, b); the error vector of a tie goes to a", "Min", 0,
                   order_cases, .saves_in = 3);

#else

DG_INLINE vec add(dg_place t)
{
    return t.a + t.b;
}

static void add_run(const DG_T(dg_run) * r, int k, int64_t n, real *y)
{
    dg_runs(r, k, n, y, add, NULL, NULL, NULL);
}

static dg_status add_call(const dg_call *c)
{
    return DG_T(dg_broadcast)(c, add_run, 3);
}

const dg_math DG_T(dg_math_add) = {add_call, add_call, add_call, add_call};

DG_INLINE vec sub(dg_place t)
{
    return t.a - t.b;
}

DG_INLINE vec sub_b(dg_place t)
{
    return -t.e;
}

static void sub_run(const DG_T(dg_run) * r, int k, int64_t n, real *y)
{
    dg_runs(r, k, n, y, sub, NULL, sub_b, NULL);
}

static dg_status sub_call(const dg_call *c)
{
    return DG_T(dg_broadcast)(c, sub_run, 1);
}

const dg_math DG_T(dg_math_sub) = {sub_call, sub_call, sub_call, sub_call};

DG_INLINE vec mul(dg_place t)
{
    return t.a * t.b;
}

DG_INLINE vec mul_a(dg_place t)
{
    return t.e * t.b;
}

DG_INLINE vec mul_b(dg_place t)
{
    return t.e * t.a;
}

static void mul_run(const DG_T(dg_run) * r, int k, int64_t n, real *y)
{
    dg_runs(r, k, n, y, mul, mul_a, mul_b, NULL);
}

static dg_status mul_call(const dg_call *c)
{
    return DG_T(dg_broadcast)(c, mul_run, 0);
}

const dg_math DG_T(dg_math_mul) = {mul_call, mul_call, mul_call, mul_call};

DG_INLINE vec divide(dg_place t)
{
    return t.a / t.b;
}

DG_INLINE vec div_a(dg_place t)
{
    return dg_unless_zero(t.e, t.e / t.b);
}

/* e x / b where e x is a number with all its digits, else e / b x, which then is. */
DG_INLINE vec div_b(dg_place t)
{
    vec zero = vec_set1(0), first = t.e * t.x, size = vec_abs(first);
    ivec good = (ivec)(size >= vec_set1(REAL_MIN)) & (ivec)(size <= vec_set1(REAL_MAX));
    good |= (ivec)(t.x == zero);
    vec quotient = vec_select(good, first, t.e) / t.b;
    return dg_unless_zero(t.e, -vec_select(good, quotient, quotient * t.x));
}

static void div_run(const DG_T(dg_run) * r, int k, int64_t n, real *y)
{
    dg_runs(r, k, n, y, divide, div_a, div_b, NULL);
}

static dg_status div_call(const dg_call *c)
{
    return DG_T(dg_broadcast)(c, div_run, 0);
}

const dg_math DG_T(dg_math_div) = {div_call, div_call, div_call, div_call};

DG_INLINE vec power(dg_place t)
{
    return vec_pow(t.a, t.b);
}

/* b a^(b - 1); of f32 rounded once. */
DG_INLINE vec power_slope(vec a, vec b)
{
#if DG_REAL == 32
    vec64 low = vec_low64(b), high = vec_high64(b);
    return vec_from64(low * vec64_pow(vec_low64(a), low - 1),
                      high * vec64_pow(vec_high64(a), high - 1));
#else
    return b * vec_pow_below(a, b);
#endif
}

DG_INLINE vec pow_a(dg_place t)
{
    vec zero = vec_set1(0), slope = power_slope(t.a, t.b);
    return dg_unless_zero(t.e, t.e * vec_select((ivec)(t.b == zero), zero, slope));
}

DG_INLINE vec pow_b(dg_place t)
{
    vec zero = vec_set1(0), slope = t.x * vec_log(t.a);
    ivec none = (ivec)(t.x == zero) | ((ivec)(t.a == zero) & (ivec)(t.b == zero));
    return dg_unless_zero(t.e, t.e * vec_select(none, zero, slope));
}

static void pow_run(const DG_T(dg_run) * r, int k, int64_t n, real *y)
{
    dg_runs(r, k, n, y, power, pow_a, pow_b, NULL);
}

static dg_status pow_call(const dg_call *c)
{
    return DG_T(dg_broadcast)(c, pow_run, 0);
}

const dg_math DG_T(dg_math_pow) = {pow_call, pow_call, pow_call, pow_call};

/* Lanes where a is the result; in the others b is. */
DG_INLINE ivec a_above(dg_place t)
{
    return (ivec)(t.a >= t.b) | (ivec)(t.a != t.a);
}

DG_INLINE vec maximum(dg_place t)
{
    return vec_select(a_above(t), t.a, t.b);
}

DG_INLINE vec maximum_a(dg_place t)
{
    return vec_select(a_above(t), t.e, vec_set1(0));
}

DG_INLINE vec maximum_b(dg_place t)
{
    return vec_select(a_above(t), vec_set1(0), t.e);
}

static void maximum_run(const DG_T(dg_run) * r, int k, int64_t n, real *y)
{
    dg_runs(r, k, n, y, maximum, maximum_a, maximum_b, NULL);
}

static dg_status maximum_call(const dg_call *c)
{
    return DG_T(dg_broadcast)(c, maximum_run, 0);
}

const dg_math DG_T(dg_math_maximum) = {maximum_call, maximum_call, maximum_call, maximum_call};

/* Lanes where a is the result; in the others b is. */
DG_INLINE ivec a_below(dg_place t)
{
    return (ivec)(t.a <= t.b) | (ivec)(t.a != t.a);
}

DG_INLINE vec minimum(dg_place t)
{
    return vec_select(a_below(t), t.a, t.b);
}

DG_INLINE vec minimum_a(dg_place t)
{
    return vec_select(a_below(t), t.e, vec_set1(0));
}

DG_INLINE vec minimum_b(dg_place t)
{
    return vec_select(a_below(t), vec_set1(0), t.e);
}

static void minimum_run(const DG_T(dg_run) * r, int k, int64_t n, real *y)
{
    dg_runs(r, k, n, y, minimum, minimum_a, minimum_b, NULL);
}

static dg_status minimum_call(const dg_call *c)
{
    return DG_T(dg_broadcast)(c, minimum_run, 0);
}

const dg_math DG_T(dg_math_minimum) = {minimum_call, minimum_call, minimum_call, minimum_call};

#endif
