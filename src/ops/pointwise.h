/* Nodes of one input that work element by element: x_i = f(z_i), so both A^t eps and A dz are
 * f'(z_i) times what is given, element by element.
 *
 * A node is two functions of a vector. f: x from z. g: from e and s the product e f', with s the
 * value saved, z or x, whichever gives the derivative; it serves as adjoint and as tangent. What
 * the node takes as numbers comes as vectors p. Both are constants of their caller's, so that its
 * loops are made for them.
 *
 * Where f' is 0 because a branch was not taken, g selects an exact 0. Where f' may be infinite or
 * NaN at numbers that occur (log 0, sqrt 0, 1/0, e^1000), it is dg_times: an error vector that is
 * 0 comes back as 0, so a pole behind a branch not taken spoils nothing. */
#ifndef DG_OPS_POINTWISE_H
#define DG_OPS_POINTWISE_H

#include "ops/op.h"

#ifndef DG_REAL

extern const dg_input_spec dg_pointwise_input[1];
dg_status dg_pointwise_shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                             dg_diag *why);

#else

typedef vec (*dg_pointwise_f)(vec z, const vec *p);
typedef vec (*dg_pointwise_g)(vec e, vec s, const vec *p);

/* e times slope, and 0 where e is 0. */
DG_INLINE vec dg_times(vec e, vec slope)
{
    vec zero = vec_set1(0);
    return vec_select((ivec)(e == zero), zero, e * slope);
}

/* The elements of the call's rows: begin .. end-1. */
typedef struct {
    int64_t begin, end;
} DG_T(dg_range);

DG_INLINE DG_T(dg_range) dg_pointwise_range(const dg_call *c)
{
    int64_t row = dg_shape_row(&c->out_shape[0]);
    return (DG_T(dg_range)){c->row0 * row, c->row1 * row};
}

DG_INLINE dg_status dg_pointwise(const dg_call *c, dg_pointwise_f f, const vec *p)
{
    const real *z = c->in[0];
    real *x = c->out[0];
    DG_T(dg_range) r = dg_pointwise_range(c);
    int64_t i = r.begin;
    for (; i + VEC_N <= r.end; i += VEC_N)
        vec_store(x + i, f(vec_load(z + i), p));
    if (i < r.end) {
        int n = (int)(r.end - i);
        vec_store_n(x + i, n, f(vec_load_n(z + i, n), p));
    }
    return DG_OK;
}

/* d = g(e, s); d may be e. saved NULL: g does not look at s. */
DG_INLINE void dg_pointwise_slope(const dg_call *c, const real *e, const real *saved, real *d,
                                  dg_pointwise_g g, const vec *p)
{
    DG_T(dg_range) r = dg_pointwise_range(c);
    int64_t i = r.begin;
    for (; i + VEC_N <= r.end; i += VEC_N)
        vec_store(d + i, g(vec_load(e + i), saved ? vec_load(saved + i) : vec_set1(0), p));
    if (i < r.end) {
        int n = (int)(r.end - i);
        vec s = saved ? vec_load_n(saved + i, n) : vec_set1(0);
        vec_store_n(d + i, n, g(vec_load_n(e + i, n), s, p));
    }
}

DG_INLINE dg_status dg_pointwise_adjoint(const dg_call *c, dg_pointwise_g g, const void *saved,
                                         const vec *p)
{
    if (c->delta[0])
        dg_pointwise_slope(c, c->eps[0], saved, c->delta[0], g, p);
    return DG_OK;
}

DG_INLINE dg_status dg_pointwise_tangent(const dg_call *c, dg_pointwise_g g, const void *saved,
                                         const vec *p)
{
    DG_T(dg_range) r = dg_pointwise_range(c);
    if (c->din[0])
        dg_pointwise_slope(c, c->din[0], saved, c->dout[0], g, p);
    else if (r.end > r.begin)
        memset((real *)c->dout[0] + r.begin, 0, (size_t)(r.end - r.begin) * sizeof(real));
    return DG_OK;
}

#endif
#endif
