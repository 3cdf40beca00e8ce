/* Nodes of two or three inputs that work element by element, x_i = f(a_i, b_i, c_i), with ONNX
 * (NumPy) broadcasting: shapes are aligned at the last axis; an axis that is missing, or 1 where
 * the others' is not, is stretched.
 *
 * A node is formulas of vectors: the value, and for each input e times the derivative by it, from
 * e and what of a, b, c, x the node saves; a function of a run that hands them to dg_runs; and one
 * of a call, which serves as forward, adjoint and tangent.
 *
 * The adjoint of a stretched operand is the sum over what it is stretched over. Where that
 * includes the rows (axis 0 of the output), each row has its sum, and those are a left fold in
 * the order of rows, from the first, or with c->add from the old value: a batch in parts has the
 * bits of the whole. Of large batches it is a fold of pairs. Inside a row the order is that of
 * ops/fold.h. */
#ifndef DG_OPS_BROADCAST_H
#define DG_OPS_BROADCAST_H

#include "ops/op.h"
#include "ops/walk.h"

enum { DG_BROADCAST_IN = 3 };

#ifndef DG_REAL

extern const dg_input_spec dg_broadcast_inputs[2];

/* dg_node_type.shape, .parts and .sum. */
dg_status dg_broadcast_shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                             dg_diag *why);
int dg_broadcast_parts(const dg_sizes *of, int input);
size_t dg_broadcast_sum(const dg_sizes *of, int input);

/* A type of two inputs; after the cases members that differ. */
#define DG_BINARY_TYPE(name_, formula_, onnx_, flags_, cases_, ...)                                \
    {                                                                                              \
        .size = sizeof(dg_node_type), .name = name_, .formula = formula_, .onnx = onnx_,           \
        .inputs = dg_broadcast_inputs, .n_inputs = 2, .n_out = 1,                                  \
        .flags = DG_ROWS | DG_POINTWISE | DG_ACCUMULATES | (flags_), .shape = dg_broadcast_shape,  \
        .parts = dg_broadcast_parts, .sum = dg_broadcast_sum, .cases = cases_,                     \
        .n_cases = DG_COUNT(cases_), __VA_ARGS__                                                   \
    }

#else

/* What a formula may look at: of a, b, c, x only what the type says it saves. */
typedef struct {
    vec e, a, b, c, x;
} dg_place;

typedef vec (*dg_place_fn)(dg_place t);

/* Operands along a run: element i is p[i], or, with step 0, p[0]. None is NULL: for what is not
 * there, and not looked at, any memory of n elements stands in. */
typedef struct DG_T(dg_run) {
    const real *e, *in[DG_BROADCAST_IN], *x;
    int64_t step_e, step[DG_BROADCAST_IN]; /* 0 or 1; of x 1 */
} DG_T(dg_run);

/* Writes n elements of y: the value (k = -1), or e times the derivative by input k. y may be the
 * memory of an operand whose step is 1. */
typedef void (*DG_T(dg_run_fn))(const DG_T(dg_run) * r, int k, int64_t n, real *y);

/* The call, in its direction. Bit k of passes: the derivative by input k is 1. */
dg_status DG_T(dg_broadcast)(const dg_call *c, DG_T(dg_run_fn) run, unsigned passes);

/* Where vectors of an operand come from: its memory, or one number in all lanes. Element i
 * is p[i & mask]. */
typedef struct {
    const real *p;
    int64_t mask;
} dg_feed;

DG_INLINE dg_feed dg_feed_from(const real *p, int64_t step, real lanes[VEC_N])
{
    if (step)
        return (dg_feed){p, -1};
    vec_store(lanes, vec_set1(*p));
    return (dg_feed){lanes, 0};
}

/* Elements i .. i+n-1, n <= VEC_N. */
DG_INLINE vec dg_feed_vec(dg_feed f, int64_t i, int n)
{
    return n < VEC_N ? vec_load_n(f.p + (i & f.mask), n) : vec_load(f.p + (i & f.mask));
}

/* The loop made for fn, a constant of its caller's: what fn does not look at costs nothing. */
DG_INLINE void dg_run_loop(const DG_T(dg_run) * r, int64_t n, real *y, dg_place_fn fn)
{
    real room_e[VEC_N], room_a[VEC_N], room_b[VEC_N], room_c[VEC_N];
    const dg_feed e = dg_feed_from(r->e, r->step_e, room_e);
    const dg_feed a = dg_feed_from(r->in[0], r->step[0], room_a);
    const dg_feed b = dg_feed_from(r->in[1], r->step[1], room_b);
    const dg_feed c = dg_feed_from(r->in[2], r->step[2], room_c);
    int64_t i = 0;
    for (; i + VEC_N <= n; i += VEC_N)
        vec_store(y + i, fn((dg_place){dg_feed_vec(e, i, VEC_N), dg_feed_vec(a, i, VEC_N),
                                       dg_feed_vec(b, i, VEC_N), dg_feed_vec(c, i, VEC_N),
                                       vec_load(r->x + i)}));
    int rest = (int)(n - i);
    if (rest > 0)
        vec_store_n(
            y + i, rest,
            fn((dg_place){dg_feed_vec(e, i, rest), dg_feed_vec(a, i, rest), dg_feed_vec(b, i, rest),
                          dg_feed_vec(c, i, rest), vec_load_n(r->x + i, rest)}));
}

/* by[k] NULL: the derivative is 1, and this is not asked for. */
DG_INLINE void dg_runs(const DG_T(dg_run) * r, int k, int64_t n, real *y, dg_place_fn value,
                       dg_place_fn by_a, dg_place_fn by_b, dg_place_fn by_c)
{
    if (k < 0)
        dg_run_loop(r, n, y, value);
    else if (k == 0 && by_a)
        dg_run_loop(r, n, y, by_a);
    else if (k == 1 && by_b)
        dg_run_loop(r, n, y, by_b);
    else if (k == 2 && by_c)
        dg_run_loop(r, n, y, by_c);
}

#endif
#endif
