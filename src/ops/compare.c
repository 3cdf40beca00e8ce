/* Comparisons: x_i = 1 where it holds for a_i and b_i, else 0, broadcast as in ops/broadcast.h. For
 * where, and for weights.
 *
 *     greater a > b      less a < b      equal a = b      not_equal a != b
 *
 * Their derivative is 0 wherever there is one, so no error vector goes through. Of a NaN only
 * not_equal holds. */
#include "ops/broadcast.h"

#ifndef DG_REAL

/* The two differ by 0.1 and more. */
static const dg_case cases[] = {{"n,a; n,a", "", "away(0.2,-2,2,0); uniform(-0.1,0.1)", 0.1},
                                {"n,a,b; b", "", "away(0.2,-2,2,0); uniform(-0.1,0.1)", 0.1},
                                {"a; n,a", "", "uniform(-0.1,0.1); away(0.2,-2,2,0)", 0.1},
                                {"n,1,b; 1,a,1", "", "away(0.2,-2,2,0); uniform(-0.1,0.1)", 0.1}};

const dg_node_type dg_op_greater =
    DG_BINARY_TYPE("greater", "x = a > b ? 1 : 0", "Greater", DG_FLAT, cases, .saves_in = 0);
const dg_node_type dg_op_less =
    DG_BINARY_TYPE("less", "x = a < b ? 1 : 0", "Less", DG_FLAT, cases, .saves_in = 0);
const dg_node_type dg_op_equal =
    DG_BINARY_TYPE("equal", "x = a = b ? 1 : 0", "Equal", DG_FLAT, cases, .saves_in = 0);
const dg_node_type dg_op_not_equal =
    DG_BINARY_TYPE("not_equal", "x = a = b ? 0 : 1", NULL, DG_FLAT, cases, .saves_in = 0);

#else

DG_INLINE vec no_error(dg_place t)
{
    (void)t;
    return vec_set1(0);
}

DG_INLINE vec one_where(ivec mask)
{
    return vec_select(mask, vec_set1(1), vec_set1(0));
}

DG_INLINE vec greater(dg_place t)
{
    return one_where((ivec)(t.a > t.b));
}

static void greater_run(const DG_T(dg_run) * r, int k, int64_t n, real *y)
{
    dg_runs(r, k, n, y, greater, no_error, no_error, NULL);
}

static dg_status greater_call(const dg_call *c)
{
    return DG_T(dg_broadcast)(c, greater_run, 0);
}

const dg_math DG_T(dg_math_greater) = {greater_call, greater_call, greater_call, greater_call};

DG_INLINE vec less(dg_place t)
{
    return one_where((ivec)(t.a < t.b));
}

static void less_run(const DG_T(dg_run) * r, int k, int64_t n, real *y)
{
    dg_runs(r, k, n, y, less, no_error, no_error, NULL);
}

static dg_status less_call(const dg_call *c)
{
    return DG_T(dg_broadcast)(c, less_run, 0);
}

const dg_math DG_T(dg_math_less) = {less_call, less_call, less_call, less_call};

DG_INLINE vec equal(dg_place t)
{
    return one_where((ivec)(t.a == t.b));
}

static void equal_run(const DG_T(dg_run) * r, int k, int64_t n, real *y)
{
    dg_runs(r, k, n, y, equal, no_error, no_error, NULL);
}

static dg_status equal_call(const dg_call *c)
{
    return DG_T(dg_broadcast)(c, equal_run, 0);
}

const dg_math DG_T(dg_math_equal) = {equal_call, equal_call, equal_call, equal_call};

DG_INLINE vec not_equal(dg_place t)
{
    return one_where((ivec)(t.a != t.b));
}

static void not_equal_run(const DG_T(dg_run) * r, int k, int64_t n, real *y)
{
    dg_runs(r, k, n, y, not_equal, no_error, no_error, NULL);
}

static dg_status not_equal_call(const dg_call *c)
{
    return DG_T(dg_broadcast)(c, not_equal_run, 0);
}

const dg_math DG_T(dg_math_not_equal) = {not_equal_call, not_equal_call, not_equal_call,
                                         not_equal_call};

#endif
