/* softmax and log_softmax along an axis.
 *
 *     softmax      x_i = e^z_i / sum_j e^z_j          d_i = x_i (eps_i - sum_j x_j eps_j)
 *                                                     dx_i = x_i (dz_i - sum_j x_j dz_j)
 *     log_softmax  x_i = z_i - ln sum_j e^z_j         d_i = eps_i - e^x_i sum_j eps_j
 *                                                     dx_i = dz_i - sum_j e^x_j dz_j
 *
 * The largest z is taken off first. What has probability 0 (z = -infinity) takes no part: its
 * error vector in softmax is 0, whatever eps is. A row that is all -infinity, fully masked, gives
 * 0 in both, and its error vector is 0. Sums have 16 lanes, by the tree of base/vec.h. */
#include "ops/axes.h"
#include "ops/op.h"

enum { TILE = 16 }; /* columns turned into rows at a time, where the axis is not the last */

#ifndef DG_REAL

static const dg_input_spec inputs[] = {{.name = "z"}};

static const dg_attr_spec attrs[] = {
    {"axis", DG_ATTR_INT, 1, -DG_MAX_RANK, DG_MAX_RANK - 1, "-1", NULL,
     "along which it adds up to 1"},
};

static dg_status shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                       dg_diag *why)
{
    int axis;
    (void)n_in;
    dg_status s = dg_axis_check("softmax", &in[0], dg_attr_int(a, 0), &axis, why);
    if (s == DG_OK)
        s = dg_axis_not_batch("softmax", &in[0], axis, "along", why);
    out[0] = in[0];
    return s;
}

/* Two tiles of rows. */
static void bytes(const dg_sizes *of, dg_bytes *bytes)
{
    dg_around s = dg_around_axis(&of->in[0], dg_axis_at(dg_attr_int(of->attrs, 0), of->in[0].rank));
    bytes->scratch = s.inner == 1 ? 0 : 2 * TILE * (size_t)s.n * dg_type_bytes(of->real);
}

static const dg_case cases[] = {
    {"n,a", "", "uniform(-2,2)", 1.5},          {"n,a,b", "axis=1", "uniform(-2,2)", 1.5},
    {"n,a,b", "axis=-1", "uniform(-2,2)", 1.5}, {"a", "axis=0", "uniform(-2,2)", 1.5},
    {"a,b", "axis=0", "uniform(-2,2)", 1.5},
};

const dg_node_type dg_op_softmax = {
    .size = sizeof(dg_node_type),
    .name = "softmax",
    .formula = "x_i = e^z_i / sum_j e^z_j along an axis; 0 where all z are -infinity",
    .onnx = "Softmax",
    .attrs = attrs,
    .n_attrs = DG_COUNT(attrs),
    .inputs = inputs,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_ROWS,
    .saves_out = 1,
    .shape = shape,
    .bytes = bytes,
    .cases = cases,
    .n_cases = DG_COUNT(cases),
};

const dg_node_type dg_op_log_softmax = {
    .size = sizeof(dg_node_type),
    .name = "log_softmax",
    .formula = "x_i = z_i - ln sum_j e^z_j along an axis; 0 where all z are -infinity",
    .onnx = "LogSoftmax",
    .attrs = attrs,
    .n_attrs = DG_COUNT(attrs),
    .inputs = inputs,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_ROWS,
    .saves_out = 1,
    .shape = shape,
    .bytes = bytes,
    .cases = cases,
    .n_cases = DG_COUNT(cases),
};

#else

/* A function of one row of n: y from e, and, but for forward, from the row x that was saved. */
typedef void (*row_fn)(int64_t n, const real *x, const real *e, real *y);

static real largest_of(int64_t n, const real *z)
{
    return DG_T(dg_row_max)(n, z);
}

static void softmax_row(int64_t n, const real *x, const real *z, real *y)
{
    (void)x;
    real top = largest_of(n, z);
    if (top == -(real)HUGE_VAL) {
        DG_T(dg_fill)(n, 0, y);
        return;
    }
    real sum = DG_T(dg_row_exp)(n, z, top, y);
    for (int64_t i = 0; i < n; i++)
        y[i] /= sum;
}

static void log_softmax_row(int64_t n, const real *x, const real *z, real *y)
{
    (void)x;
    real top = largest_of(n, z);
    if (top == -(real)HUGE_VAL) {
        DG_T(dg_fill)(n, 0, y);
        return;
    }
    real sum = real_log(DG_T(dg_row_exp)(n, z, top, NULL));
    for (int64_t i = 0; i < n; i++)
        y[i] = (z[i] - top) - sum;
}

/* p e, 0 where p is 0. */
DG_INLINE vec product(vec p, vec e)
{
    vec zero = vec_set1(0);
    return vec_select((ivec)(p == zero), zero, p * e);
}

/* The probabilities of lanes 0 .. m-1 of a saved row, in the others 0. */
DG_INLINE vec probability(const real *x, int m, int is_log)
{
    vec v = vec_load_n(x, m);
    if (is_log)
        v = vec_exp(v);
    return vec_select(vec_first(m), v, vec_set1(0));
}

/* sum p e over a row, by lanes. */
DG_INLINE real expectation(int64_t n, const real *x, const real *e, int is_log)
{
    wide s = wide_set1(0);
    for (int64_t i = 0; i < n; i += DG_LANES)
        for (int k = 0; k < WIDE_N; k++) {
            int64_t j = i + k * VEC_N;
            int m = n - j < VEC_N ? (int)(n - j) : VEC_N;
            if (m > 0)
                s.v[k] += product(probability(x + j, m, is_log), vec_load_n(e + j, m));
        }
    return wide_total(s);
}

/* y = p (e - sum p e): adjoint and tangent of softmax, whose Jacobian is symmetric. y may be e. */
static void softmax_product(int64_t n, const real *x, const real *e, real *y)
{
    vec sum = vec_set1(expectation(n, x, e, 0));
    for (int64_t i = 0; i < n; i += VEC_N) {
        int m = n - i < VEC_N ? (int)(n - i) : VEC_N;
        vec_store_n(y + i, m, product(vec_load_n(x + i, m), vec_load_n(e + i, m) - sum));
    }
}

/* A saved row that is all 0 was masked, or is one number: its derivative is 0. */
static int is_masked(int64_t n, const real *x)
{
    for (int64_t i = 0; i < n; i++)
        if (!(x[i] == 0))
            return 0;
    return 1;
}

static void log_softmax_adjoint_row(int64_t n, const real *x, const real *e, real *y)
{
    if (is_masked(n, x)) {
        DG_T(dg_fill)(n, 0, y);
        return;
    }
    vec sum = vec_set1(DG_T(dg_row_sum)(n, e));
    for (int64_t i = 0; i < n; i += VEC_N) {
        int m = n - i < VEC_N ? (int)(n - i) : VEC_N;
        vec_store_n(y + i, m, vec_load_n(e + i, m) - product(vec_exp(vec_load_n(x + i, m)), sum));
    }
}

static void log_softmax_tangent_row(int64_t n, const real *x, const real *e, real *y)
{
    if (is_masked(n, x)) {
        DG_T(dg_fill)(n, 0, y);
        return;
    }
    real sum = expectation(n, x, e, 1);
    for (int64_t i = 0; i < n; i++)
        y[i] = e[i] - sum;
}

/* m columns of [n, inner] as rows in scratch, the function, and its rows as columns again. */
static void tile(const dg_around *s, int64_t m, const real *x, const real *e, real *y, row_fn fn,
                 real *scratch)
{
    real *row_x = scratch, *row_e = scratch + TILE * s->n;
    if (x)
        DG_T(dg_transpose)(s->n, m, x, s->inner, row_x, s->n);
    DG_T(dg_transpose)(s->n, m, e, s->inner, row_e, s->n);
    for (int64_t k = 0; k < m; k++)
        fn(s->n, row_x + k * s->n, row_e + k * s->n, row_e + k * s->n);
    DG_T(dg_transpose)(m, s->n, row_e, s->n, y, s->inner);
}

/* The function for each row along the axis in the call's rows. x NULL: it needs none; e NULL:
 * zero. */
static dg_status each(const dg_call *c, const real *x, const real *e, real *y, row_fn fn)
{
    int axis = dg_axis_at(dg_attr_int(c->attrs, 0), c->out_shape->rank);
    dg_around s = dg_around_axis(c->out_shape, axis);
    int64_t begin, end, block = s.n * s.inner;
    dg_outer_range(c->out_shape, axis, c->row0, c->row1, &begin, &end);
    if (!e) {
        DG_T(dg_fill)((end - begin) * block, 0, y + begin * block);
        return DG_OK;
    }
    for (int64_t r = begin; r < end && s.n > 0; r++) {
        int64_t at = r * block;
        if (s.inner == 1)
            fn(s.n, x ? x + at : NULL, e + at, y + at);
        for (int64_t i = 0; i < s.inner && s.inner > 1; i += TILE)
            tile(&s, s.inner - i < TILE ? s.inner - i : TILE, x ? x + at + i : NULL, e + at + i,
                 y + at + i, fn, c->scratch);
    }
    return DG_OK;
}

static dg_status softmax_forward(const dg_call *c)
{
    return each(c, NULL, c->in[0], c->out[0], softmax_row);
}

static dg_status softmax_adjoint(const dg_call *c)
{
    return c->delta[0] ? each(c, c->out[0], c->eps[0], c->delta[0], softmax_product) : DG_OK;
}

static dg_status softmax_tangent(const dg_call *c)
{
    return each(c, c->out[0], c->din[0], c->dout[0], softmax_product);
}

const dg_math DG_T(dg_math_softmax) = {softmax_forward, softmax_adjoint, softmax_tangent};

static dg_status log_softmax_forward(const dg_call *c)
{
    return each(c, NULL, c->in[0], c->out[0], log_softmax_row);
}

static dg_status log_softmax_adjoint(const dg_call *c)
{
    return c->delta[0] ? each(c, c->out[0], c->eps[0], c->delta[0], log_softmax_adjoint_row)
                       : DG_OK;
}

static dg_status log_softmax_tangent(const dg_call *c)
{
    return each(c, c->out[0], c->din[0], c->dout[0], log_softmax_tangent_row);
}

const dg_math DG_T(dg_math_log_softmax) = {log_softmax_forward, log_softmax_adjoint,
                                           log_softmax_tangent};

#endif
