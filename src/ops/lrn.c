/* lrn: each channel divided by the size of its neighbours. x [.., C], channels last.
 *
 *     s_c = bias + alpha / size  sum of x_j^2 over the window of c
 *     y_c = x_c s_c^-beta              window: c - floor((size - 1) / 2) to c + floor(size / 2)
 *
 * With u_c = s_c^(-beta - 1) and k = 2 alpha beta / size
 *     A^t eps: d_i = eps_i s_i^-beta - k x_i sum of eps_c x_c u_c over the c whose window has i
 *     dy_c = dx_c s_c^-beta - k x_c u_c sum of x_j dx_j over the window of c
 *
 * All of it in double, each result rounded once: squares of f32 have room there. */
#include "ops/op.h"

enum { SIZE, ALPHA, BETA, BIAS };

#ifndef DG_REAL

static const dg_attr_spec attrs[] = {
    {"size", DG_ATTR_INT, 1, 1, 32768, NULL, NULL, "channels of a window"},
    {"alpha", DG_ATTR_REAL, 1, 0, 1e30, "1e-4", NULL, "factor of the mean square"},
    {"beta", DG_ATTR_REAL, 1, 0, 1e3, "0.75", NULL, "exponent"},
    {"bias", DG_ATTR_REAL, 1, 1e-30, 1e30, "1", NULL, "what the mean square is added to"},
};

static const dg_input_spec inputs[] = {{.name = "x"}};

static dg_status shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                       dg_diag *why)
{
    char text[128];
    (void)a, (void)n_in;
    out[0] = in[0];
    if (in[0].rank >= 2)
        return DG_OK;
    return dg_diag_set(why, DG_EMODEL, "lrn takes x [N, .., C], found %s",
                       dg_shape_text(&in[0], text, sizeof text));
}

/* Four numbers a channel. */
static void bytes(const dg_sizes *of, dg_bytes *bytes)
{
    bytes->scratch = 4 * (size_t)of->in[0].dim[of->in[0].rank - 1] * sizeof(double);
}

static double flops(const dg_sizes *of, int input)
{
    (void)input;
    return (2 * (double)dg_attr_int(of->attrs, SIZE) + 4) * (double)dg_shape_count(&of->in[0]);
}

static const dg_case cases[] = {
    {"n,h,w,7", "size=3, alpha=0.9", "uniform(-1,1)", 0.5},
    {"n,t,a", "size=4, alpha=0.7, beta=0.5, bias=2", "uniform(-1,1)", 0.5},
    {"n,a", "size=1, alpha=1.5, beta=1", "uniform(-1,1)", 0.5},
    {"n,3,70", "size=5", "uniform(-1,1)", 0.5},
    {"a,4", "size=9, alpha=0.8, bias=0.9", "uniform(-1,1)", 0.5},
};

const dg_node_type dg_op_lrn = {
    .size = sizeof(dg_node_type),
    .name = "lrn",
    .formula = "y = x / (bias + alpha mean of the squares of its neighbours)^beta",
    .onnx = "LRN",
    DG_ATTRS(attrs),
    .inputs = inputs,
    .n_inputs = DG_COUNT(inputs),
    .n_out = 1,
    .flags = DG_ROWS | DG_NORMALISES,
    .saves_in = 1,
    .shape = shape,
    .bytes = bytes,
    .flops = flops,
    .cases = cases,
    .n_cases = DG_COUNT(cases),
};

#else

/* One place: its channels, the window of one (`before` and `after` it), and numbers by channel. */
typedef struct {
    int64_t channels, before, after;
    double each, beta, bias, k;
    double *s, *power, *u, *term; /* s, s^-beta, s^(-beta - 1), what is summed over windows */
} layout;

static layout layout_of(const dg_call *c)
{
    const dg_shape *x = &c->in_shape[0];
    const int64_t size = dg_attr_int(c->attrs, SIZE);
    layout l = {.channels = x->dim[x->rank - 1], .before = (size - 1) / 2, .after = size / 2};
    l.each = dg_attr_real(c->attrs, ALPHA) / (double)size;
    l.beta = dg_attr_real(c->attrs, BETA);
    l.bias = dg_attr_real(c->attrs, BIAS);
    l.k = 2 * l.each * l.beta;
    l.s = c->scratch;
    l.power = l.s + l.channels;
    l.u = l.power + l.channels;
    l.term = l.u + l.channels;
    return l;
}

/* Sum of the terms from `before` channels before c to `after` behind it. */
static double around(const layout *l, int64_t c, int64_t before, int64_t after)
{
    int64_t begin = c > before ? c - before : 0;
    int64_t end = l->channels - c > after ? c + after + 1 : l->channels;
    double sum = 0;
    for (int64_t j = begin; j < end; j++)
        sum += l->term[j];
    return sum;
}

static void find_powers(const layout *l, const real *x)
{
    for (int64_t c = 0; c < l->channels; c++)
        l->term[c] = (double)x[c] * (double)x[c];
    for (int64_t c = 0; c < l->channels; c++)
        l->s[c] = l->bias + l->each * around(l, c, l->before, l->after);
    for (int64_t c = 0; c < l->channels; c += VEC64_N) {
        int n = l->channels - c < VEC64_N ? (int)(l->channels - c) : VEC64_N;
        vec64 s = vec64_load_n(l->s + c, n), p = vec64_pow(s, vec64_set1(-l->beta));
        vec64_store_n(l->power + c, n, p);
        vec64_store_n(l->u + c, n, p / s);
    }
}

static void forward_place(const layout *l, const real *x, real *y)
{
    find_powers(l, x);
    for (int64_t c = 0; c < l->channels; c++)
        y[c] = (real)((double)x[c] * l->power[c]);
}

static void adjoint_place(const layout *l, const real *x, const real *eps, real *d)
{
    find_powers(l, x);
    for (int64_t c = 0; c < l->channels; c++)
        l->term[c] = (double)eps[c] * (double)x[c] * l->u[c];
    for (int64_t c = 0; c < l->channels; c++)
        d[c] = (real)((double)eps[c] * l->power[c] -
                      l->k * (double)x[c] * around(l, c, l->after, l->before));
}

static void tangent_place(const layout *l, const real *x, const real *dx, real *dy)
{
    find_powers(l, x);
    for (int64_t c = 0; c < l->channels; c++)
        l->term[c] = (double)x[c] * (double)dx[c];
    for (int64_t c = 0; c < l->channels; c++)
        dy[c] = (real)((double)dx[c] * l->power[c] -
                       l->k * (double)x[c] * l->u[c] * around(l, c, l->before, l->after));
}

/* All places of the call's rows, in any direction. */
static dg_status run(const dg_call *c)
{
    const layout l = layout_of(c);
    const int64_t row = dg_shape_row(&c->in_shape[0]);
    for (int64_t i = c->row0 * row; i < c->row1 * row; i += l.channels) {
        const real *x = (const real *)c->in[0] + i;
        if (c->direction == DG_CALL_FORWARD)
            forward_place(&l, x, (real *)c->out[0] + i);
        else if (c->direction == DG_CALL_TANGENT && c->din[0])
            tangent_place(&l, x, (const real *)c->din[0] + i, (real *)c->dout[0] + i);
        else if (c->direction == DG_CALL_TANGENT)
            DG_T(dg_fill)(l.channels, 0, (real *)c->dout[0] + i);
        else if (c->delta[0])
            adjoint_place(&l, x, (const real *)c->eps[0] + i, (real *)c->delta[0] + i);
    }
    return DG_OK;
}

const dg_math DG_T(dg_math_lrn) = {run, run, run};

#endif
