/* Nodes of one input that work element by element: x_i = f(z_i), so both A^t eps and A dz are
 * f'(z_i) times what is given, element by element.
 *
 * A node is two functions of vectors, f: x from z, and g: the product e f' from e and z or x, and
 * one function of a call that hands both to dg_pointwise, and so serves as forward, adjoint and
 * tangent. The loops are made for f and g, which are constants of their caller's.
 *
 * Where f' is 0 because a branch was not taken, g selects an exact 0. Where f' may be infinite or
 * NaN at numbers that occur (log 0, sqrt 0, 1/0, e^1000), it is dg_unless_zero: an error vector
 * that is 0 comes back as 0, so a pole behind a branch not taken spoils nothing.
 *
 * Errors: tests/ops/test_numbers.c holds every node to its bound, over all magnitudes. */
#ifndef DG_OPS_POINTWISE_H
#define DG_OPS_POINTWISE_H

#include "ops/op.h"

#ifndef DG_REAL

/* A type; after the cases members that differ: what it saves, its attributes. */
#define DG_POINTWISE_TYPE(name_, formula_, onnx_, flags_, cases_, ...)                             \
    {                                                                                              \
        .size = sizeof(dg_node_type), .name = name_, .formula = formula_, .onnx = onnx_,           \
        .inputs = dg_pointwise_input, .n_inputs = 1, .n_out = 1,                                   \
        .flags = DG_ROWS | DG_POINTWISE | (flags_), .shape = dg_pointwise_shape, .cases = cases_,  \
        .n_cases = DG_COUNT(cases_), __VA_ARGS__                                                   \
    }

extern const dg_input_spec dg_pointwise_input[1];
dg_status dg_pointwise_shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                             dg_diag *why);

#else

/* What a formula may look at: of z and x only what the type says it saves. p: the node's
 * attributes. */
typedef struct {
    vec e, z, x;
    const vec *p;
} dg_point;

typedef vec (*dg_pointwise_fn)(dg_point t);

/* Attribute k in all lanes. */
DG_INLINE vec dg_attr_vec(const dg_call *c, int k)
{
    return vec_set1((real)dg_attr_real(c->attrs, k));
}

/* y = fn of elements begin .. end-1; y may be e, z or x. */
DG_INLINE void dg_pointwise_loop(int64_t begin, int64_t end, const real *e, const real *z,
                                 const real *x, real *y, dg_pointwise_fn fn, const vec *p)
{
    int64_t i = begin;
    for (; i + VEC_N <= end; i += VEC_N)
        vec_store(y + i, fn((dg_point){vec_load(e + i), vec_load(z + i), vec_load(x + i), p}));
    if (i < end) {
        int n = (int)(end - i);
        vec_store_n(
            y + i, n,
            fn((dg_point){vec_load_n(e + i, n), vec_load_n(z + i, n), vec_load_n(x + i, n), p}));
    }
}

/* Memory that is not there is not looked at by fn: e stands in for it. */
DG_INLINE dg_status dg_pointwise(const dg_call *c, dg_pointwise_fn f, dg_pointwise_fn g,
                                 const vec *p)
{
    int64_t row = dg_shape_row(&c->out_shape[0]), begin = c->row0 * row, end = c->row1 * row;
    const real *z = c->in[0], *x = c->out[0], *e = z;
    real *y = c->out[0];
    if (c->direction == DG_CALL_FORWARD) {
        dg_pointwise_loop(begin, end, z, z, z, y, f, p);
        return DG_OK;
    }
    e = c->direction == DG_CALL_ADJOINT ? c->eps[0] : c->din[0];
    y = c->direction == DG_CALL_ADJOINT ? c->delta[0] : c->dout[0];
    if (e && y)
        dg_pointwise_loop(begin, end, e, z ? z : e, x ? x : e, y, g, p);
    else if (y && end > begin)
        memset(y + begin, 0, (size_t)(end - begin) * sizeof(real));
    return DG_OK;
}

#endif
#endif
