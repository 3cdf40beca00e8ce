/* where: x_i = a_i where c_i is not 0, else b_i, broadcast as in ops/broadcast.h.
 *
 *     da = eps where c is not 0, else 0;  db = eps where it is;  dc = 0
 *
 * Each is summed over what its operand is stretched over. What is not chosen may be anything, also
 * NaN. A NaN in c chooses a. */
#include "ops/broadcast.h"

#ifndef DG_REAL

static const dg_input_spec inputs[] = {{.name = "c"}, {.name = "a"}, {.name = "b"}};

/* c is 1/4 and more from 0; zeros are in tests/ops/test_edges.c. */
static const dg_case cases[] = {
    {"n,a; n,a; n,a", "", "away(0.25,-2,2,0); uniform(-2,2)", 0.25},
    {"n,a; a; n,1", "", "away(0.25,-2,2,0); uniform(-2,2)", 0.25},
    {"n,1,a; n,b,a; a", "", "away(0.25,-2,2,0); uniform(-2,2)", 0.25},
    {"a; n,a; ", "", "away(0.25,-2,2,0); uniform(-2,2)", 0.25},
};

const dg_node_type dg_op_where = {
    .size = sizeof(dg_node_type),
    .name = "where",
    .formula = "x = c != 0 ? a : b",
    .onnx = "Where",
    .inputs = inputs,
    .n_inputs = 3,
    .n_out = 1,
    .flags = DG_ROWS | DG_POINTWISE | DG_ACCUMULATES,
    .saves_in = 1,
    .shape = dg_broadcast_shape,
    .parts = dg_broadcast_parts,
    .sum = dg_broadcast_sum,
    .cases = cases,
    .n_cases = DG_COUNT(cases),
};

#else

/* The inputs are, in this order, c, a, b: here t.a, t.b, t.c. */
DG_INLINE ivec chosen(dg_place t)
{
    return (ivec)(t.a != vec_set1(0));
}

DG_INLINE vec where(dg_place t)
{
    return vec_select(chosen(t), t.b, t.c);
}

DG_INLINE vec where_c(dg_place t)
{
    (void)t;
    return vec_set1(0);
}

DG_INLINE vec where_a(dg_place t)
{
    return vec_select(chosen(t), t.e, vec_set1(0));
}

DG_INLINE vec where_b(dg_place t)
{
    return vec_select(chosen(t), vec_set1(0), t.e);
}

static void where_run(const DG_T(dg_run) * r, int k, int64_t n, real *y)
{
    dg_runs(r, k, n, y, where, where_c, where_a, where_b);
}

static dg_status where_call(const dg_call *c)
{
    return DG_T(dg_broadcast)(c, where_run, 0);
}

const dg_math DG_T(dg_math_where) = {where_call, where_call, where_call, where_call};

#endif
