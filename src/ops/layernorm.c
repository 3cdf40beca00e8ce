/* layernorm and rmsnorm: rows of n numbers, an axis and those after it, brought to one size.
 *
 *     layernorm   u = (x - mean x) r,  r = 1 / sqrt(mean (x - mean x)^2 + epsilon)
 *     rmsnorm     u = x r,             r = 1 / sqrt(mean x^2 + epsilon)
 *     y = u scale + bias                                  rmsnorm has no bias
 *
 * With g = eps scale, and P v = v - mean v - u mean (u v)   (rmsnorm: P v = v - u mean (u v))
 *     A^t eps = r P g               for x
 *     B^t eps = eps u for scale, eps for bias, summed over all rows in their order
 *     dy = scale r P dx + u dscale + dbias
 *
 * forward saves mean x and r of each row. The square is taken about the mean, not E x^2 - m^2. */
#include "ops/axes.h"
#include "ops/op.h"

enum { X, SCALE, BIAS, INPUTS };
enum { AXIS, EPSILON, HAS_BIAS };
enum { TILE = 256 }; /* columns of a parameter's gradient in one part */

#ifndef DG_REAL

#define AXIS_SPEC                                                                                  \
    {                                                                                              \
        "axis", DG_ATTR_INT, 1, -DG_MAX_RANK, DG_MAX_RANK - 1, "-1", NULL, "first axis of a row"   \
    }
#define EPSILON_SPEC                                                                               \
    {                                                                                              \
        "epsilon", DG_ATTR_REAL, 1, 1e-30, 1e30, "1e-5", NULL, "added to the mean square"          \
    }

static const dg_attr_spec layer_attrs[] = {
    AXIS_SPEC,
    EPSILON_SPEC,
    {"bias", DG_ATTR_BOOL, 1, 0, 1, "true", NULL, "whether a bias is added"},
};
static const dg_attr_spec rms_attrs[] = {AXIS_SPEC, EPSILON_SPEC};

static const dg_input_spec inputs[] = {
    {.name = "x"},
    {.name = "scale", .flags = DG_IN_PARAMETER, .init = "ones"},
    {.name = "bias", .flags = DG_IN_PARAMETER, .init = "zeros"},
};

static dg_status row_axis(const char *of, const dg_attrs *a, const dg_shape *x, int *axis,
                          dg_diag *why)
{
    dg_status s = dg_axis_check(of, x, dg_attr_int(a, AXIS), axis, why);
    return s == DG_OK ? dg_axis_not_batch(of, x, *axis, "over", why) : s;
}

static dg_status parameter_of(const char *of, const dg_attrs *a, const dg_shape in[], int k,
                              dg_shape *out, dg_diag *why)
{
    int axis;
    dg_status s = row_axis(of, a, &in[X], &axis, why);
    if (s != DG_OK)
        return s;
    *out = (dg_shape){.rank = -1};
    if (k == BIAS && !dg_attr_int(a, HAS_BIAS))
        return DG_OK;
    out->rank = in[X].rank - axis;
    for (int i = 0; i < out->rank; i++)
        out->dim[i] = in[X].dim[axis + i];
    return DG_OK;
}

static dg_status layer_parameter(const dg_attrs *a, int n_in, const dg_shape in[], int k,
                                 dg_shape *out, dg_diag *why)
{
    (void)n_in;
    return parameter_of("layernorm", a, in, k, out, why);
}

static dg_status rms_parameter(const dg_attrs *a, int n_in, const dg_shape in[], int k,
                               dg_shape *out, dg_diag *why)
{
    (void)n_in;
    return parameter_of("rmsnorm", a, in, k, out, why);
}

static dg_status layer_shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                             dg_diag *why)
{
    int axis;
    (void)n_in;
    out[0] = in[X];
    return row_axis("layernorm", a, &in[X], &axis, why);
}

static dg_status rms_shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                           dg_diag *why)
{
    int axis;
    (void)n_in;
    out[0] = in[X];
    return row_axis("rmsnorm", a, &in[X], &axis, why);
}

static dg_around rows_of(const dg_attrs *a, const dg_shape *x)
{
    dg_around s = dg_around_axis(x, dg_axis_at(dg_attr_int(a, AXIS), x->rank));
    s.n *= s.inner;
    return s;
}

/* Mean and r of each row. */
static void bytes(const dg_sizes *of, dg_bytes *bytes)
{
    const dg_shape *in = of->in;
    bytes->saved = 2 * (size_t)rows_of(of->attrs, &in[X]).outer * dg_type_bytes(of->real);
}

static int parts(const dg_sizes *of, int input)
{
    const dg_shape *in = of->in;
    return input == SCALE || input == BIAS ? (int)((rows_of(of->attrs, &in[X]).n + TILE - 1) / TILE)
                                           : 1;
}

static double flops(const dg_sizes *of, int input)
{
    const dg_shape *in = of->in;
    return (input < 0 ? 7 : input == X ? 10 : 2) * (double)dg_shape_count(&in[X]);
}

static const dg_case layer_cases[] = {
    {"n,a; a; a", "epsilon=0.5", "uniform(-1,1)", 0.5},
    {"n,a; a; -", "epsilon=0.5, bias=false", "uniform(-1,1)", 0.5},
    {"n,a,b; a,b; a,b", "axis=1, epsilon=0.5", "uniform(-1,1)", 0.5},
    {"n,t,a; a; a", "epsilon=0.7", "uniform(-1,1)", 0.5},
    {"n,40; 40; 40", "", "uniform(-1,1)", 0.25},
    {"a,300; 300; 300", "", "uniform(-1,1)", 0.25},
    {"a,b; a,b; a,b", "axis=0, epsilon=0.5", "uniform(-1,1)", 0.5},
};

static const dg_case rms_cases[] = {
    {"n,a; a", "epsilon=0.5", "uniform(-1,1)", 0.5},
    {"n,a,b; a,b", "axis=1, epsilon=0.5", "uniform(-1,1)", 0.5},
    {"n,t,a; a", "epsilon=0.7", "uniform(-1,1)", 0.5},
    {"n,40; 40", "", "uniform(-1,1)", 0.25},
    {"a,300; 300", "", "uniform(-1,1)", 0.25},
    {"a,b; a,b", "axis=0, epsilon=0.5", "uniform(-1,1)", 0.5},
};

const dg_node_type dg_op_layernorm = {
    .size = sizeof(dg_node_type),
    .name = "layernorm",
    .formula = "y = (x - mean x) / sqrt(mean (x - mean x)^2 + epsilon) scale + bias by rows",
    .onnx = "LayerNormalization",
    .attrs = layer_attrs,
    .n_attrs = DG_COUNT(layer_attrs),
    .inputs = inputs,
    .n_inputs = INPUTS,
    .n_out = 1,
    .flags = DG_ROWS | DG_ACCUMULATES | DG_NORMALISES,
    .saves_in = 1 << X | 1 << SCALE,
    .shape = layer_shape,
    .parameter = layer_parameter,
    .bytes = bytes,
    .parts = parts,
    .flops = flops,
    .cases = layer_cases,
    .n_cases = DG_COUNT(layer_cases),
};

const dg_node_type dg_op_rmsnorm = {
    .size = sizeof(dg_node_type),
    .name = "rmsnorm",
    .formula = "y = x / sqrt(mean x^2 + epsilon) scale by rows",
    .onnx = "RMSNormalization",
    .attrs = rms_attrs,
    .n_attrs = DG_COUNT(rms_attrs),
    .inputs = inputs,
    .n_inputs = BIAS,
    .n_out = 1,
    .flags = DG_ROWS | DG_ACCUMULATES | DG_NORMALISES,
    .saves_in = 1 << X | 1 << SCALE,
    .shape = rms_shape,
    .parameter = rms_parameter,
    .bytes = bytes,
    .parts = parts,
    .flops = flops,
    .cases = rms_cases,
    .n_cases = DG_COUNT(rms_cases),
};

#else

/* The call's rows begin .. end-1 of all, n numbers each; their means and factors. */
typedef struct {
    int64_t begin, end, all, n;
    real *mean, *factor;
} layout;

static layout layout_of(const dg_call *c)
{
    const dg_shape *x = &c->in_shape[X];
    int axis = dg_axis_at(dg_attr_int(c->attrs, AXIS), x->rank);
    dg_around s = dg_around_axis(x, axis);
    layout l = {.all = s.outer, .n = s.n * s.inner, .mean = c->saved};
    l.factor = l.mean + s.outer;
    dg_outer_range(x, axis, c->row0, c->row1, &l.begin, &l.end);
    return l;
}

static int some(int64_t n, int64_t i)
{
    return n - i < VEC_N ? (int)(n - i) : VEC_N;
}

/* m lanes of u. */
DG_INLINE vec unit(const real *x, int m, real mean, real factor)
{
    return (vec_load_n(x, m) - mean) * factor;
}

static void forward_row(const layout *l, int64_t r, const dg_call *c)
{
    const real *x = (const real *)c->in[X] + r * l->n;
    const real *scale = c->in[SCALE], *bias = c->n_in > BIAS ? c->in[BIAS] : NULL;
    real *y = (real *)c->out[0] + r * l->n;
    for (int64_t i = 0; i < l->n; i += VEC_N) {
        int m = some(l->n, i);
        vec u = unit(x + i, m, l->mean[r], l->factor[r]), s = vec_load_n(scale + i, m);
        if (bias)
            u = vec_fma(u, s, vec_load_n(bias + i, m));
        else
            u *= s;
        vec_store_n(y + i, m, u);
    }
}

static dg_status forward(const dg_call *c, int centred)
{
    layout l = layout_of(c);
    const real *x = c->in[X];
    for (int64_t r = l.begin; r < l.end && l.n > 0; r++) {
        l.mean[r] = centred ? DG_T(dg_row_sum)(l.n, x + r * l.n) / (real)l.n : 0;
        real square = DG_T(dg_row_squares)(l.n, x + r * l.n, l.mean[r]) / (real)l.n;
        l.factor[r] = 1 / vec_sqrt(vec_set1(square + (real)dg_attr_real(c->attrs, EPSILON)))[0];
        forward_row(&l, r, c);
    }
    return DG_OK;
}

/* mean v and mean (u v) of a row, v = e, or e scale. */
static void means(const layout *l, int64_t r, const real *x, const real *e, const real *scale,
                  real *mean, real *product)
{
    wide sum = wide_set1(0), dot = wide_set1(0);
    for (int64_t i = 0; i < l->n; i += DG_LANES)
        for (int k = 0; k < WIDE_N && i + k * VEC_N < l->n; k++) {
            int64_t j = i + k * VEC_N;
            int m = some(l->n, j);
            vec v = vec_load_n(e + j, m), u = unit(x + j, m, l->mean[r], l->factor[r]);
            if (scale)
                v *= vec_load_n(scale + j, m);
            sum.v[k] += v;
            dot.v[k] = vec_fma(u, v, dot.v[k]);
        }
    *mean = wide_total(sum) / (real)l->n;
    *product = wide_total(dot) / (real)l->n;
}

/* d = r P (eps scale), or that added to d: x may be a parameter. */
static void adjoint_row(const layout *l, int64_t r, const dg_call *c, int centred)
{
    const real *x = (const real *)c->in[X] + r * l->n, *e = (const real *)c->eps[0] + r * l->n;
    const real *scale = c->in[SCALE];
    real *d = (real *)c->delta[X] + r * l->n, mean, product;
    means(l, r, x, e, scale, &mean, &product);
    for (int64_t i = 0; i < l->n; i += VEC_N) {
        int m = some(l->n, i);
        vec u = unit(x + i, m, l->mean[r], l->factor[r]);
        vec g = vec_load_n(e + i, m) * vec_load_n(scale + i, m);
        if (centred)
            g -= mean;
        g = vec_fma(-u, vec_set1(product), g) * l->factor[r];
        if (c->add)
            g = vec_load_n(d + i, m) + g;
        vec_store_n(d + i, m, g);
    }
}

/* Columns j .. of d = the sum over all rows of eps u, nv vectors, the last of `last` lanes. */
DG_INLINE void scale_columns(const layout *l, const real *x, const real *e, int add, real *d,
                             const int nv, int last)
{
    vec s[4] = {0};
    for (int k = 0; k < nv && add; k++)
        s[k] = vec_load_n(d + k * VEC_N, k == nv - 1 ? last : VEC_N);
    for (int64_t r = 0; r < l->all; r++, x += l->n, e += l->n)
        for (int k = 0; k < nv; k++) {
            int m = k == nv - 1 ? last : VEC_N;
            vec u = unit(x + k * VEC_N, m, l->mean[r], l->factor[r]);
            s[k] = vec_fma(vec_load_n(e + k * VEC_N, m), u, s[k]);
        }
    for (int k = 0; k < nv; k++)
        vec_store_n(d + k * VEC_N, k == nv - 1 ? last : VEC_N, s[k]);
}

static void scale_gradient(const layout *l, const dg_call *c, int64_t j, int64_t end)
{
    const real *x = c->in[X], *e = c->eps[0];
    real *d = c->delta[SCALE];
    for (; end - j >= 4 * VEC_N; j += 4 * VEC_N)
        scale_columns(l, x + j, e + j, c->add, d + j, 4, VEC_N);
    for (; j < end; j += VEC_N)
        scale_columns(l, x + j, e + j, c->add, d + j, 1, some(end, j));
}

static dg_status adjoint(const dg_call *c, int centred)
{
    layout l = layout_of(c);
    for (int64_t r = l.begin; r < l.end && c->delta[X] && l.n > 0; r++)
        adjoint_row(&l, r, c, centred);
    for (int64_t j = (int64_t)c->part * TILE; j < l.n; j += (int64_t)c->parts * TILE) {
        int64_t end = l.n - j < TILE ? l.n : j + TILE;
        if (c->delta[SCALE])
            scale_gradient(&l, c, j, end);
        if (c->n_in > BIAS && c->delta[BIAS])
            DG_T(dg_sum_columns)
        (l.all, end - j, (const real *)c->eps[0] + j, l.n, c->add, (real *)c->delta[BIAS] + j);
    }
    return DG_OK;
}

/* dy = scale r P dx + u dscale + dbias; what is not given is zero. */
static void tangent_row(const layout *l, int64_t r, const dg_call *c, int centred)
{
    const real *x = (const real *)c->in[X] + r * l->n, *scale = c->in[SCALE];
    const real *dx = c->din[X] ? (const real *)c->din[X] + r * l->n : NULL;
    const real *dscale = c->din[SCALE], *dbias = c->n_in > BIAS ? c->din[BIAS] : NULL;
    real *y = (real *)c->dout[0] + r * l->n, mean = 0, product = 0;
    if (dx)
        means(l, r, x, dx, NULL, &mean, &product);
    for (int64_t i = 0; i < l->n; i += VEC_N) {
        int m = some(l->n, i);
        vec u = unit(x + i, m, l->mean[r], l->factor[r]), t = vec_set1(0);
        if (dx) {
            t = vec_load_n(dx + i, m);
            if (centred)
                t -= mean;
            t = vec_fma(-u, vec_set1(product), t) * l->factor[r] * vec_load_n(scale + i, m);
        }
        if (dscale)
            t = vec_fma(u, vec_load_n(dscale + i, m), t);
        if (dbias)
            t += vec_load_n(dbias + i, m);
        vec_store_n(y + i, m, t);
    }
}

static dg_status tangent(const dg_call *c, int centred)
{
    layout l = layout_of(c);
    for (int64_t r = l.begin; r < l.end && l.n > 0; r++)
        tangent_row(&l, r, c, centred);
    return DG_OK;
}

static dg_status layer_forward(const dg_call *c)
{
    return forward(c, 1);
}

static dg_status layer_adjoint(const dg_call *c)
{
    return adjoint(c, 1);
}

static dg_status layer_tangent(const dg_call *c)
{
    return tangent(c, 1);
}

const dg_math DG_T(dg_math_layernorm) = {layer_forward, layer_adjoint, layer_tangent};

static dg_status rms_forward(const dg_call *c)
{
    return forward(c, 0);
}

static dg_status rms_adjoint(const dg_call *c)
{
    return adjoint(c, 0);
}

static dg_status rms_tangent(const dg_call *c)
{
    return tangent(c, 0);
}

const dg_math DG_T(dg_math_rmsnorm) = {rms_forward, rms_adjoint, rms_tangent};

#endif
