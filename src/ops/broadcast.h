/* Nodes of two inputs that work element by element, x_i = f(a_i, b_i), with ONNX (NumPy)
 * broadcasting: shapes are aligned at the last axis; an axis that is missing, or 1 where the
 * other's is not, is stretched.
 *
 * A node is three functions of a run (below): value, x from a and b; product[0] and product[1], e
 * df/da and e df/db from e and what of a, b, x the node saves. A product serves as adjoint and as
 * tangent.
 *
 * The adjoint of a stretched operand is the sum over what it is stretched over. Where that
 * includes the rows (axis 0 of the output), each row has its sum, and those are a left fold in
 * the order of rows, from the first, or with c->add from the old value: a batch in parts has the
 * bits of the whole. Inside a row the order is that of ops/fold.h. */
#ifndef DG_OPS_BROADCAST_H
#define DG_OPS_BROADCAST_H

#include "ops/op.h"
#include "ops/walk.h"

#ifndef DG_REAL

extern const dg_input_spec dg_broadcast_inputs[2];

/* dg_node_type.shape and .parts. */
dg_status dg_broadcast_shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                             dg_diag *why);
int dg_broadcast_parts(const dg_sizes *of, int input);

#else

/* Operands along a run: element i is p[i], or, with step 0, p[0]. Those that are not saved are NULL
 * and must not be looked at. */
typedef struct DG_T(dg_run) {
    const real *e, *a, *b, *x;
    int64_t step_e, step_a, step_b; /* 0 or 1; of x 1 */
} DG_T(dg_run);

/* Writes n elements of y; y may be the memory of e, a or b where their step is 1. */
typedef void (*DG_T(dg_run_fn))(const DG_T(dg_run) * r, int64_t n, real *y);

/* product NULL: the derivative is 1, e itself. */
typedef struct DG_T(dg_binary) {
    DG_T(dg_run_fn) value, product[2];
} DG_T(dg_binary);

dg_status DG_T(dg_broadcast_forward)(const dg_call *c, const DG_T(dg_binary) * of);
dg_status DG_T(dg_broadcast_adjoint)(const dg_call *c, const DG_T(dg_binary) * of);
dg_status DG_T(dg_broadcast_tangent)(const dg_call *c, const DG_T(dg_binary) * of);

/* The loops of the three functions, made for f and g, which are constants of their caller's. */
typedef vec (*dg_value_fn)(vec a, vec b);
typedef vec (*dg_product_fn)(vec e, vec a, vec b, vec x);

enum { DG_USES_A = 1, DG_USES_B = 2, DG_USES_X = 4 };

/* Where vectors of an operand come from: its memory, or one number in all lanes of room. Element i
 * is p[i & mask]. */
typedef struct DG_T(dg_feed) {
    const real *p;
    int64_t mask;
} DG_T(dg_feed);

DG_INLINE DG_T(dg_feed) dg_feed_from(const real *p, int64_t step, real room[VEC_N])
{
    if (step)
        return (DG_T(dg_feed)){p, -1};
    vec_store(room, vec_set1(*p));
    return (DG_T(dg_feed)){room, 0};
}

/* Elements i .. i+n-1, n <= VEC_N. */
DG_INLINE vec dg_feed_vec(DG_T(dg_feed) f, int64_t i, int n)
{
    return n < VEC_N ? vec_load_n(f.p + (i & f.mask), n) : vec_load(f.p + (i & f.mask));
}

DG_INLINE void dg_run_value(const DG_T(dg_run) * r, int64_t n, real *y, dg_value_fn f)
{
    real room_a[VEC_N], room_b[VEC_N];
    DG_T(dg_feed) a = dg_feed_from(r->a, r->step_a, room_a);
    DG_T(dg_feed) b = dg_feed_from(r->b, r->step_b, room_b);
    int64_t i = 0;
    for (; i + VEC_N <= n; i += VEC_N)
        vec_store(y + i, f(dg_feed_vec(a, i, VEC_N), dg_feed_vec(b, i, VEC_N)));
    int rest = (int)(n - i);
    if (rest > 0)
        vec_store_n(y + i, rest, f(dg_feed_vec(a, i, rest), dg_feed_vec(b, i, rest)));
}

/* uses: which of a, b, x the function g looks at. */
DG_INLINE void dg_run_product(const DG_T(dg_run) * r, int64_t n, real *y, int uses, dg_product_fn g)
{
    real room_e[VEC_N], room_a[VEC_N], room_b[VEC_N];
    const DG_T(dg_feed) zero = {room_e, 0};
    DG_T(dg_feed) e = dg_feed_from(r->e, r->step_e, room_e), a = zero, b = zero;
    vec va = vec_set1(0), vb = va, vx = va;
    if (uses & DG_USES_A)
        a = dg_feed_from(r->a, r->step_a, room_a);
    if (uses & DG_USES_B)
        b = dg_feed_from(r->b, r->step_b, room_b);
    for (int64_t i = 0; i < n; i += VEC_N) {
        int m = n - i < VEC_N ? (int)(n - i) : VEC_N;
        if (uses & DG_USES_A)
            va = dg_feed_vec(a, i, m);
        if (uses & DG_USES_B)
            vb = dg_feed_vec(b, i, m);
        if (uses & DG_USES_X)
            vx = m < VEC_N ? vec_load_n(r->x + i, m) : vec_load(r->x + i);
        vec v = g(dg_feed_vec(e, i, m), va, vb, vx);
        if (m < VEC_N)
            vec_store_n(y + i, m, v);
        else
            vec_store(y + i, v);
    }
}

#endif
#endif
