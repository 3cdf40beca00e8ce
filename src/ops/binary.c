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
 * else to b. pow: da = 0 where b = 0, db = 0 where x = 0 (0^b); db is NaN where a < 0. An error
 * vector of 0 comes back as 0 also where the derivative is infinite (div, pow). */
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

enum { FLAGS = DG_ROWS | DG_POINTWISE | DG_ACCUMULATES };

const dg_node_type dg_op_add = {
    .size = sizeof(dg_node_type),
    .name = "add",
    .formula = "x = a + b",
    .onnx = "Add",
    .inputs = dg_broadcast_inputs,
    .n_inputs = 2,
    .n_out = 1,
    .flags = FLAGS | DG_LINEAR,
    .shape = dg_broadcast_shape,
    .parts = dg_broadcast_parts,
    .cases = any_cases,
    .n_cases = DG_COUNT(any_cases),
};

const dg_node_type dg_op_sub = {
    .size = sizeof(dg_node_type),
    .name = "sub",
    .formula = "x = a - b",
    .onnx = "Sub",
    .inputs = dg_broadcast_inputs,
    .n_inputs = 2,
    .n_out = 1,
    .flags = FLAGS | DG_LINEAR,
    .shape = dg_broadcast_shape,
    .parts = dg_broadcast_parts,
    .cases = any_cases,
    .n_cases = DG_COUNT(any_cases),
};

const dg_node_type dg_op_mul = {
    .size = sizeof(dg_node_type),
    .name = "mul",
    .formula = "x = a b",
    .onnx = "Mul",
    .inputs = dg_broadcast_inputs,
    .n_inputs = 2,
    .n_out = 1,
    .flags = FLAGS,
    .saves_in = 3,
    .shape = dg_broadcast_shape,
    .parts = dg_broadcast_parts,
    .cases = any_cases,
    .n_cases = DG_COUNT(any_cases),
};

const dg_node_type dg_op_div = {
    .size = sizeof(dg_node_type),
    .name = "div",
    .formula = "x = a / b",
    .onnx = "Div",
    .inputs = dg_broadcast_inputs,
    .n_inputs = 2,
    .n_out = 1,
    .flags = FLAGS,
    .saves_in = 2,
    .saves_out = 1,
    .shape = dg_broadcast_shape,
    .parts = dg_broadcast_parts,
    .cases = ratio_cases,
    .n_cases = DG_COUNT(ratio_cases),
};

const dg_node_type dg_op_pow = {
    .size = sizeof(dg_node_type),
    .name = "pow",
    .formula = "x = a^b",
    .onnx = "Pow",
    .inputs = dg_broadcast_inputs,
    .n_inputs = 2,
    .n_out = 1,
    .flags = FLAGS,
    .saves_in = 3,
    .saves_out = 1,
    .shape = dg_broadcast_shape,
    .parts = dg_broadcast_parts,
    .cases = power_cases,
    .n_cases = DG_COUNT(power_cases),
};

const dg_node_type dg_op_maximum = {
    .size = sizeof(dg_node_type),
    .name = "maximum",
    .formula = "x = max(a, b); the error vector of a tie goes to a",
    .onnx = "Max",
    .inputs = dg_broadcast_inputs,
    .n_inputs = 2,
    .n_out = 1,
    .flags = FLAGS,
    .saves_in = 3,
    .shape = dg_broadcast_shape,
    .parts = dg_broadcast_parts,
    .cases = order_cases,
    .n_cases = DG_COUNT(order_cases),
};

const dg_node_type dg_op_minimum = {
    .size = sizeof(dg_node_type),
    .name = "minimum",
    .formula = "x = min(a, b); the error vector of a tie goes to a",
    .onnx = "Min",
    .inputs = dg_broadcast_inputs,
    .n_inputs = 2,
    .n_out = 1,
    .flags = FLAGS,
    .saves_in = 3,
    .shape = dg_broadcast_shape,
    .parts = dg_broadcast_parts,
    .cases = order_cases,
    .n_cases = DG_COUNT(order_cases),
};

#else

/* 0 where the error vector is 0, also at a pole. */
DG_INLINE vec unless_zero(vec e, vec product)
{
    vec zero = vec_set1(0);
    return vec_select((ivec)(e == zero), zero, product);
}

DG_INLINE vec turn(vec e, vec a, vec b, vec x)
{
    (void)a, (void)b, (void)x;
    return -e;
}

static void turn_run(const DG_T(dg_run) * r, int64_t n, real *y)
{
    dg_run_product(r, n, y, 0, turn);
}

DG_INLINE vec add(vec a, vec b)
{
    return a + b;
}

static void add_run(const DG_T(dg_run) * r, int64_t n, real *y)
{
    dg_run_value(r, n, y, add);
}

static const DG_T(dg_binary) add_runs = {add_run, {NULL, NULL}};

static dg_status add_forward(const dg_call *c)
{
    return DG_T(dg_broadcast_forward)(c, &add_runs);
}

static dg_status add_adjoint(const dg_call *c)
{
    return DG_T(dg_broadcast_adjoint)(c, &add_runs);
}

static dg_status add_tangent(const dg_call *c)
{
    return DG_T(dg_broadcast_tangent)(c, &add_runs);
}

const dg_math DG_T(dg_math_add) = {add_forward, add_adjoint, add_tangent};

DG_INLINE vec sub(vec a, vec b)
{
    return a - b;
}

static void sub_run(const DG_T(dg_run) * r, int64_t n, real *y)
{
    dg_run_value(r, n, y, sub);
}

static const DG_T(dg_binary) sub_runs = {sub_run, {NULL, turn_run}};

static dg_status sub_forward(const dg_call *c)
{
    return DG_T(dg_broadcast_forward)(c, &sub_runs);
}

static dg_status sub_adjoint(const dg_call *c)
{
    return DG_T(dg_broadcast_adjoint)(c, &sub_runs);
}

static dg_status sub_tangent(const dg_call *c)
{
    return DG_T(dg_broadcast_tangent)(c, &sub_runs);
}

const dg_math DG_T(dg_math_sub) = {sub_forward, sub_adjoint, sub_tangent};

DG_INLINE vec mul(vec a, vec b)
{
    return a * b;
}

static void mul_run(const DG_T(dg_run) * r, int64_t n, real *y)
{
    dg_run_value(r, n, y, mul);
}

DG_INLINE vec mul_a(vec e, vec a, vec b, vec x)
{
    (void)a, (void)x;
    return e * b;
}

static void mul_a_run(const DG_T(dg_run) * r, int64_t n, real *y)
{
    dg_run_product(r, n, y, DG_USES_B, mul_a);
}

DG_INLINE vec mul_b(vec e, vec a, vec b, vec x)
{
    (void)b, (void)x;
    return e * a;
}

static void mul_b_run(const DG_T(dg_run) * r, int64_t n, real *y)
{
    dg_run_product(r, n, y, DG_USES_A, mul_b);
}

static const DG_T(dg_binary) mul_runs = {mul_run, {mul_a_run, mul_b_run}};

static dg_status mul_forward(const dg_call *c)
{
    return DG_T(dg_broadcast_forward)(c, &mul_runs);
}

static dg_status mul_adjoint(const dg_call *c)
{
    return DG_T(dg_broadcast_adjoint)(c, &mul_runs);
}

static dg_status mul_tangent(const dg_call *c)
{
    return DG_T(dg_broadcast_tangent)(c, &mul_runs);
}

const dg_math DG_T(dg_math_mul) = {mul_forward, mul_adjoint, mul_tangent};

DG_INLINE vec divide(vec a, vec b)
{
    return a / b;
}

static void div_run(const DG_T(dg_run) * r, int64_t n, real *y)
{
    dg_run_value(r, n, y, divide);
}

DG_INLINE vec div_a(vec e, vec a, vec b, vec x)
{
    (void)a, (void)x;
    return unless_zero(e, e / b);
}

static void div_a_run(const DG_T(dg_run) * r, int64_t n, real *y)
{
    dg_run_product(r, n, y, DG_USES_B, div_a);
}

DG_INLINE vec div_b(vec e, vec a, vec b, vec x)
{
    (void)a;
    return unless_zero(e, -(e / b * x));
}

static void div_b_run(const DG_T(dg_run) * r, int64_t n, real *y)
{
    dg_run_product(r, n, y, DG_USES_B | DG_USES_X, div_b);
}

static const DG_T(dg_binary) div_runs = {div_run, {div_a_run, div_b_run}};

static dg_status div_forward(const dg_call *c)
{
    return DG_T(dg_broadcast_forward)(c, &div_runs);
}

static dg_status div_adjoint(const dg_call *c)
{
    return DG_T(dg_broadcast_adjoint)(c, &div_runs);
}

static dg_status div_tangent(const dg_call *c)
{
    return DG_T(dg_broadcast_tangent)(c, &div_runs);
}

const dg_math DG_T(dg_math_div) = {div_forward, div_adjoint, div_tangent};

DG_INLINE vec power(vec a, vec b)
{
    return vec_pow(a, b);
}

static void pow_run(const DG_T(dg_run) * r, int64_t n, real *y)
{
    dg_run_value(r, n, y, power);
}

DG_INLINE vec pow_a(vec e, vec a, vec b, vec x)
{
    (void)x;
    vec zero = vec_set1(0), slope = b * vec_pow(a, b - 1);
    return unless_zero(e, e * vec_select((ivec)(b == zero), zero, slope));
}

static void pow_a_run(const DG_T(dg_run) * r, int64_t n, real *y)
{
    dg_run_product(r, n, y, DG_USES_A | DG_USES_B, pow_a);
}

DG_INLINE vec pow_b(vec e, vec a, vec b, vec x)
{
    vec zero = vec_set1(0), slope = x * vec_log(a);
    ivec none = (ivec)(x == zero) | ((ivec)(a == zero) & (ivec)(b == zero));
    return unless_zero(e, e * vec_select(none, zero, slope));
}

static void pow_b_run(const DG_T(dg_run) * r, int64_t n, real *y)
{
    dg_run_product(r, n, y, DG_USES_A | DG_USES_B | DG_USES_X, pow_b);
}

static const DG_T(dg_binary) pow_runs = {pow_run, {pow_a_run, pow_b_run}};

static dg_status pow_forward(const dg_call *c)
{
    return DG_T(dg_broadcast_forward)(c, &pow_runs);
}

static dg_status pow_adjoint(const dg_call *c)
{
    return DG_T(dg_broadcast_adjoint)(c, &pow_runs);
}

static dg_status pow_tangent(const dg_call *c)
{
    return DG_T(dg_broadcast_tangent)(c, &pow_runs);
}

const dg_math DG_T(dg_math_pow) = {pow_forward, pow_adjoint, pow_tangent};

/* Lanes where a is the result; in the others b is. */
DG_INLINE ivec a_above(vec a, vec b)
{
    return (ivec)(a >= b) | (ivec)(a != a);
}

DG_INLINE vec maximum(vec a, vec b)
{
    return vec_select(a_above(a, b), a, b);
}

static void maximum_run(const DG_T(dg_run) * r, int64_t n, real *y)
{
    dg_run_value(r, n, y, maximum);
}

DG_INLINE vec maximum_a(vec e, vec a, vec b, vec x)
{
    (void)x;
    return vec_select(a_above(a, b), e, vec_set1(0));
}

static void maximum_a_run(const DG_T(dg_run) * r, int64_t n, real *y)
{
    dg_run_product(r, n, y, DG_USES_A | DG_USES_B, maximum_a);
}

DG_INLINE vec maximum_b(vec e, vec a, vec b, vec x)
{
    (void)x;
    return vec_select(a_above(a, b), vec_set1(0), e);
}

static void maximum_b_run(const DG_T(dg_run) * r, int64_t n, real *y)
{
    dg_run_product(r, n, y, DG_USES_A | DG_USES_B, maximum_b);
}

static const DG_T(dg_binary) maximum_runs = {maximum_run, {maximum_a_run, maximum_b_run}};

static dg_status maximum_forward(const dg_call *c)
{
    return DG_T(dg_broadcast_forward)(c, &maximum_runs);
}

static dg_status maximum_adjoint(const dg_call *c)
{
    return DG_T(dg_broadcast_adjoint)(c, &maximum_runs);
}

static dg_status maximum_tangent(const dg_call *c)
{
    return DG_T(dg_broadcast_tangent)(c, &maximum_runs);
}

const dg_math DG_T(dg_math_maximum) = {maximum_forward, maximum_adjoint, maximum_tangent};

/* Lanes where a is the result; in the others b is. */
DG_INLINE ivec a_below(vec a, vec b)
{
    return (ivec)(a <= b) | (ivec)(a != a);
}

DG_INLINE vec minimum(vec a, vec b)
{
    return vec_select(a_below(a, b), a, b);
}

static void minimum_run(const DG_T(dg_run) * r, int64_t n, real *y)
{
    dg_run_value(r, n, y, minimum);
}

DG_INLINE vec minimum_a(vec e, vec a, vec b, vec x)
{
    (void)x;
    return vec_select(a_below(a, b), e, vec_set1(0));
}

static void minimum_a_run(const DG_T(dg_run) * r, int64_t n, real *y)
{
    dg_run_product(r, n, y, DG_USES_A | DG_USES_B, minimum_a);
}

DG_INLINE vec minimum_b(vec e, vec a, vec b, vec x)
{
    (void)x;
    return vec_select(a_below(a, b), vec_set1(0), e);
}

static void minimum_b_run(const DG_T(dg_run) * r, int64_t n, real *y)
{
    dg_run_product(r, n, y, DG_USES_A | DG_USES_B, minimum_b);
}

static const DG_T(dg_binary) minimum_runs = {minimum_run, {minimum_a_run, minimum_b_run}};

static dg_status minimum_forward(const dg_call *c)
{
    return DG_T(dg_broadcast_forward)(c, &minimum_runs);
}

static dg_status minimum_adjoint(const dg_call *c)
{
    return DG_T(dg_broadcast_adjoint)(c, &minimum_runs);
}

static dg_status minimum_tangent(const dg_call *c)
{
    return DG_T(dg_broadcast_tangent)(c, &minimum_runs);
}

const dg_math DG_T(dg_math_minimum) = {minimum_forward, minimum_adjoint, minimum_tangent};

#endif
