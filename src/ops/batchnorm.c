/* batchnorm: each channel brought to one size over the whole batch. x [N, .., C], channels last.
 *
 *     u = (x - m) r        m the mean of a channel over all rows and places,
 *                          r = 1 / sqrt(v + epsilon), v the mean of (x - m)^2 over the same
 *     y = u scale + bias   scale, bias [C]
 *     mean'     = momentum mean     + (1 - momentum) m     states, taken over by the step
 *     variance' = momentum variance + (1 - momentum) v
 *
 * Not in training, or with running=true, m and v are the states, which then stay. With g = eps
 * scale, and P e = e - mean e - u mean (u e) over rows and places (running: P e = e)
 *     A^t eps = r P g               for x
 *     B^t eps = sum of eps u for scale, of eps for bias
 *     dy = scale r P dx + u dscale + dbias
 *
 * v divides by the number of values, as in ONNX; PyTorch's running variance divides by one less,
 * and its momentum is 1 - momentum. Sums: places of a row in blocks of 64, blocks, rows in blocks of
 * 64. Parts are channels: statistics of all rows need no second pass over threads. */
#include "ops/op.h"

enum { X, SCALE, BIAS, MEAN, VARIANCE, INPUTS };
enum { Y, NEXT_MEAN, NEXT_VARIANCE, OUTPUTS };
enum { MOMENTUM, EPSILON, RUNNING };
enum { TILE = 16 }; /* channels in one part */

#ifndef DG_REAL

static const dg_attr_spec attrs[] = {
    {"momentum", DG_ATTR_REAL, 1, 0, 1, "0.9", NULL, "what a step keeps of the running statistics"},
    {"epsilon", DG_ATTR_REAL, 1, 1e-30, 1e30, "1e-5", NULL, "added to the variance"},
    {"running", DG_ATTR_BOOL, 1, 0, 1, "false", NULL,
     "uses the running statistics in training too, and moves none"},
};

static const dg_input_spec inputs[] = {
    {.name = "x"},
    {.name = "scale", .flags = DG_IN_PARAMETER, .init = "ones"},
    {.name = "bias", .flags = DG_IN_PARAMETER, .init = "zeros"},
    {.name = "mean", .flags = DG_IN_STATE, .init = "zeros", .next = NEXT_MEAN},
    {.name = "variance", .flags = DG_IN_STATE, .init = "ones", .next = NEXT_VARIANCE},
};

static dg_status parameter(const dg_attrs *a, int n_in, const dg_shape in[], int k, dg_shape *out,
                           dg_diag *why)
{
    char text[128];
    (void)a;
    (void)n_in;
    (void)k;
    if (in[X].rank < 2)
        return dg_diag_set(why, DG_EMODEL, "batchnorm takes x [N, .., C], found %s",
                           dg_shape_text(&in[X], text, sizeof text));
    *out = (dg_shape){1, {in[X].dim[in[X].rank - 1]}};
    return DG_OK;
}

static dg_status shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                       dg_diag *why)
{
    out[Y] = in[X];
    dg_status s = parameter(a, n_in, in, MEAN, &out[NEXT_MEAN], why);
    out[NEXT_VARIANCE] = out[NEXT_MEAN];
    return s;
}

/* m and r of each channel. */
static void bytes(const dg_sizes *of, dg_bytes *bytes)
{
    bytes->saved = 2 * (size_t)of->in[X].dim[of->in[X].rank - 1] * dg_type_bytes(of->real);
}

static int parts(const dg_sizes *of, int input)
{
    (void)input;
    return (int)((of->in[X].dim[of->in[X].rank - 1] + TILE - 1) / TILE);
}

static double flops(const dg_sizes *of, int input)
{
    return (input < 0 ? 7 : input == X ? 10 : 2) * (double)dg_shape_count(&of->in[X]);
}

static dg_status fits(const dg_sizes *of, dg_diag *why)
{
    char text[128];
    const dg_shape *x = &of->in[X];
    int64_t channels = x->dim[x->rank - 1];
    if (!of->training || dg_attr_int(of->attrs, RUNNING) || dg_shape_count(x) != channels)
        return DG_OK;
    return dg_diag_set(why, DG_EMODEL,
                       "batchnorm has one value a channel in a batch of %s, so no variance; a "
                       "larger batch fits, and last = drop where it is the last one",
                       dg_shape_text(x, text, sizeof text));
}

static const dg_case cases[] = {
    {"n,a; a; a; a; a", "epsilon=0.5",
     "uniform(-1,1); uniform(-1,1); uniform(-1,1); uniform(-1,1); uniform(0.5,1.5)", 0.5},
    {"n,h,w,a; a; a; a; a", "epsilon=0.5, momentum=0.7",
     "uniform(-1,1); uniform(-1,1); uniform(-1,1); uniform(-1,1); uniform(0.5,1.5)", 0.5},
    {"n,70,19; 19; 19; 19; 19", "epsilon=0.1",
     "uniform(-1,1); uniform(-1,1); uniform(-1,1); uniform(-1,1); uniform(0.5,1.5)", 0.3},
    {"n,t,a; a; a; a; a", "running=true",
     "uniform(-1,1); uniform(-1,1); uniform(-1,1); uniform(-1,1); uniform(0.5,1.5)", HUGE_VAL},
    {"7,a; a; a; a; a", "epsilon=0.5",
     "uniform(-1,1); uniform(-1,1); uniform(-1,1); uniform(-1,1); uniform(0.5,1.5)", 0.5},
};

const dg_node_type dg_op_batchnorm = {
    .size = sizeof(dg_node_type),
    .name = "batchnorm",
    .formula = "y = (x - m) / sqrt(v + epsilon) scale + bias, m and v of a channel over the batch",
    .onnx = "BatchNormalization",
    .attrs = attrs,
    .n_attrs = DG_COUNT(attrs),
    .inputs = inputs,
    .n_inputs = INPUTS,
    .n_out = OUTPUTS,
    .flags = DG_WHOLE_BATCH | DG_NORMALISES,
    .saves_in = 1 << X | 1 << SCALE,
    .shape = shape,
    .parameter = parameter,
    .bytes = bytes,
    .parts = parts,
    .flops = flops,
    .fits = fits,
    .cases = cases,
    .n_cases = DG_COUNT(cases),
};

#else

enum { BLOCK = 64 };

typedef struct {
    int64_t rows, places, channels;
    int moves; /* statistics of the batch, else the running ones */
    real *m, *r;
} layout;

static layout layout_of(const dg_call *c)
{
    const dg_shape *x = &c->in_shape[X];
    layout l = {.rows = x->dim[0], .places = 1, .channels = x->dim[x->rank - 1]};
    for (int k = 1; k < x->rank - 1; k++)
        l.places *= x->dim[k];
    l.moves = c->training && !dg_attr_int(c->attrs, RUNNING);
    l.m = c->saved;
    l.r = l.m + l.channels;
    return l;
}

/* What is summed over rows and places, for n lanes of channels from j on. */
enum { SUM_X, SUM_SQUARES, SUM_E, SUM_UE };

typedef struct {
    const real *x, *e;
    vec m, r;
} terms;

DG_INLINE vec term(const terms *t, const int kind, int64_t at, int n)
{
    if (kind == SUM_X)
        return vec_load_n(t->x + at, n);
    if (kind == SUM_SQUARES) {
        vec d = vec_load_n(t->x + at, n) - t->m;
        return d * d;
    }
    vec e = vec_load_n(t->e + at, n);
    if (kind == SUM_UE)
        e *= (vec_load_n(t->x + at, n) - t->m) * t->r;
    return e;
}

/* The sum over the places of one row. */
DG_INLINE vec sum_row(const layout *l, const terms *t, const int kind, int64_t at, int n)
{
    vec sum = vec_set1(0);
    for (int64_t p = 0; p < l->places; p += BLOCK) {
        int64_t end = l->places - p < BLOCK ? l->places : p + BLOCK;
        vec block = vec_set1(0);
        for (int64_t q = p; q < end; q++)
            block += term(t, kind, at + q * l->channels, n);
        sum += block;
    }
    return sum;
}

DG_INLINE vec sum_all(const layout *l, const terms *t, const int kind, int64_t j, int n)
{
    const int64_t row = l->places * l->channels;
    vec sum = vec_set1(0);
    for (int64_t i = 0; i < l->rows; i += BLOCK) {
        int64_t end = l->rows - i < BLOCK ? l->rows : i + BLOCK;
        vec block = vec_set1(0);
        for (int64_t k = i; k < end; k++)
            block += sum_row(l, t, kind, k * row + j, n);
        sum += block;
    }
    return sum;
}

/* Whole vectors without masks. */
static vec total(const layout *l, const terms *t, int kind, int64_t j, int n)
{
    if (n < VEC_N)
        return kind == SUM_X         ? sum_all(l, t, SUM_X, j, n)
               : kind == SUM_SQUARES ? sum_all(l, t, SUM_SQUARES, j, n)
               : kind == SUM_E       ? sum_all(l, t, SUM_E, j, n)
                                     : sum_all(l, t, SUM_UE, j, n);
    return kind == SUM_X         ? sum_all(l, t, SUM_X, j, VEC_N)
           : kind == SUM_SQUARES ? sum_all(l, t, SUM_SQUARES, j, VEC_N)
           : kind == SUM_E       ? sum_all(l, t, SUM_E, j, VEC_N)
                                 : sum_all(l, t, SUM_UE, j, VEC_N);
}

/* m, v of these channels, and the states that follow. */
static void find_moments(const dg_call *c, const layout *l, int64_t j, int n, terms *t)
{
    const real momentum = (real)dg_attr_real(c->attrs, MOMENTUM), count = l->rows * l->places;
    vec mean = vec_load_n((const real *)c->in[MEAN] + j, n), m = mean;
    vec variance = vec_load_n((const real *)c->in[VARIANCE] + j, n), v = variance;
    if (l->moves && count > 0) {
        m = total(l, t, SUM_X, j, n) / count;
        t->m = m;
        v = total(l, t, SUM_SQUARES, j, n) / count;
        mean = mean * momentum + m * (1 - momentum);
        variance = variance * momentum + v * (1 - momentum);
    }
    t->m = m;
    t->r = 1 / vec_sqrt(v + (real)dg_attr_real(c->attrs, EPSILON));
    vec_store_n(l->m + j, n, m);
    vec_store_n(l->r + j, n, t->r);
    vec_store_n((real *)c->out[NEXT_MEAN] + j, n, mean);
    vec_store_n((real *)c->out[NEXT_VARIANCE] + j, n, variance);
}

/* The channels of a part, n at a time. */
typedef void (*channels_fn)(const dg_call *c, const layout *l, int64_t j, int n);

static void each(const dg_call *c, channels_fn fn)
{
    layout l = layout_of(c);
    for (int64_t tile = (int64_t)c->part * TILE; tile < l.channels;
         tile += (int64_t)c->parts * TILE)
        for (int64_t j = tile; j < l.channels && j < tile + TILE; j += VEC_N) {
            int64_t end = l.channels < tile + TILE ? l.channels : tile + TILE;
            fn(c, &l, j, end - j < VEC_N ? (int)(end - j) : VEC_N);
        }
}

static void normalise(const dg_call *c, const layout *l, int64_t j, int n)
{
    terms t = {.x = c->in[X]};
    real *y = c->out[Y];
    find_moments(c, l, j, n, &t);
    const vec scale = vec_load_n((const real *)c->in[SCALE] + j, n);
    const vec bias = vec_load_n((const real *)c->in[BIAS] + j, n);
    const int64_t all = l->rows * l->places * l->channels;
    for (int64_t at = j; at < all; at += l->channels)
        vec_store_n(y + at, n, vec_fma((vec_load_n(t.x + at, n) - t.m) * t.r, scale, bias));
}

static dg_status forward(const dg_call *c)
{
    each(c, normalise);
    return DG_OK;
}

static terms saved_terms(const dg_call *c, const layout *l, int64_t j, int n, const real *e)
{
    return (terms){c->in[X], e, vec_load_n(l->m + j, n), vec_load_n(l->r + j, n)};
}

/* to (+)= factor P e */
static void project(const layout *l, const terms *t, int64_t j, int n, vec factor, int add,
                    real *to)
{
    const real count = (real)(l->rows * l->places);
    vec mean = vec_set1(0), product = vec_set1(0);
    if (l->moves && count > 0) {
        mean = total(l, t, SUM_E, j, n) / count;
        product = total(l, t, SUM_UE, j, n) / count;
    }
    const int64_t all = l->rows * l->places * l->channels;
    for (int64_t at = j; at < all; at += l->channels) {
        vec u = (vec_load_n(t->x + at, n) - t->m) * t->r;
        vec d = vec_fma(-u, product, vec_load_n(t->e + at, n) - mean) * factor;
        if (add)
            d = vec_load_n(to + at, n) + d;
        vec_store_n(to + at, n, d);
    }
}

static void give_back(const dg_call *c, const layout *l, int64_t j, int n)
{
    terms t = saved_terms(c, l, j, n, c->eps[Y]);
    real *dscale = c->delta[SCALE], *dbias = c->delta[BIAS];
    if (c->delta[X])
        project(l, &t, j, n, t.r * vec_load_n((const real *)c->in[SCALE] + j, n), 0, c->delta[X]);
    if (dscale)
        vec_store_n(dscale + j, n, total(l, &t, SUM_UE, j, n));
    if (dbias)
        vec_store_n(dbias + j, n, total(l, &t, SUM_E, j, n));
}

static dg_status adjoint(const dg_call *c)
{
    each(c, give_back);
    return DG_OK;
}

static void perturb(const dg_call *c, const layout *l, int64_t j, int n)
{
    terms t = saved_terms(c, l, j, n, c->din[X]);
    real *y = c->dout[Y];
    const int64_t all = l->rows * l->places * l->channels;
    vec dscale = vec_set1(0), dbias = vec_set1(0);
    if (c->din[SCALE])
        dscale = vec_load_n((const real *)c->din[SCALE] + j, n);
    if (c->din[BIAS])
        dbias = vec_load_n((const real *)c->din[BIAS] + j, n);
    for (int64_t at = j; at < all; at += l->channels)
        vec_store_n(y + at, n, vec_fma((vec_load_n(t.x + at, n) - t.m) * t.r, dscale, dbias));
    if (t.e)
        project(l, &t, j, n, t.r * vec_load_n((const real *)c->in[SCALE] + j, n), 1, y);
}

static dg_status tangent(const dg_call *c)
{
    each(c, perturb);
    return DG_OK;
}

const dg_math DG_T(dg_math_batchnorm) = {forward, adjoint, tangent};

#endif
