/* groupnorm: the channels of a row in groups, each brought to one size. x [N, .., C], channels
 * last.
 *
 *     u = (x - m) r        m the mean over all places and the channels of a group of one row,
 *                          r = 1 / sqrt(mean (x - m)^2 + epsilon) over the same
 *     y = u scale + bias   scale, bias [C]
 *
 * With g = eps scale, and P v = v - mean v - u mean (u v) over a row's group
 *     A^t eps = r P g               for x
 *     B^t eps = eps u for scale, eps for bias: summed over the places of a row, rows in order
 *     dy = scale r P dx + u dscale + dbias
 *
 * A sum over a group is one over places for each channel, in blocks of 64, then over channels.
 * forward saves m and r of each row and group. groups=1 takes the whole row, groups=C each channel
 * on its own (instance norm). */
#include "ops/op.h"

enum { X, SCALE, BIAS, INPUTS };
enum { GROUPS, EPSILON };
enum { TILE = 64 }; /* channels of a parameter's gradient in one part */

#ifndef DG_REAL

static const dg_attr_spec attrs[] = {
    {"groups", DG_ATTR_INT, 1, 1, INT32_MAX, NULL, NULL, "number of groups; divides the channels"},
    {"epsilon", DG_ATTR_REAL, 1, 1e-30, 1e30, "1e-5", NULL, "added to the mean square"},
};

static const dg_input_spec inputs[] = {
    {.name = "x"},
    {.name = "scale", .flags = DG_IN_PARAMETER, .init = "ones"},
    {.name = "bias", .flags = DG_IN_PARAMETER, .init = "zeros"},
};

static dg_status shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                       dg_diag *why)
{
    char text[128];
    int64_t groups = dg_attr_int(a, GROUPS);
    (void)n_in;
    dg_shape_text(&in[X], text, sizeof text);
    if (in[X].rank < 2)
        return dg_diag_set(why, DG_EMODEL, "groupnorm takes x [N, .., C], found %s", text);
    int64_t channels = in[X].dim[in[X].rank - 1];
    if (channels % groups != 0)
        return dg_diag_set(why, DG_EMODEL,
                           "groupnorm: %lld groups do not divide the %lld channels of %s",
                           (long long)groups, (long long)channels, text);
    out[0] = in[X];
    return DG_OK;
}

static dg_status parameter(const dg_attrs *a, int n_in, const dg_shape in[], int k, dg_shape *out,
                           dg_diag *why)
{
    dg_shape y;
    (void)k;
    dg_status s = shape(a, n_in, in, &y, why);
    if (s == DG_OK)
        *out = (dg_shape){1, {in[X].dim[in[X].rank - 1]}};
    return s;
}

/* saved: m and r by row and group; scratch: four numbers a channel. */
static void bytes(const dg_sizes *of, dg_bytes *bytes)
{
    const dg_shape *in = of->in;
    bytes->saved =
        2 * (size_t)(in[X].dim[0] * dg_attr_int(of->attrs, GROUPS)) * dg_type_bytes(of->real);
    bytes->scratch = 4 * (size_t)in[X].dim[in[X].rank - 1] * dg_type_bytes(of->real);
}

static int parts(const dg_sizes *of, int input)
{
    const dg_shape *in = of->in;
    return input == SCALE || input == BIAS ? (int)((in[X].dim[in[X].rank - 1] + TILE - 1) / TILE)
                                           : 1;
}

static double flops(const dg_sizes *of, int input)
{
    const dg_shape *in = of->in;
    return (input < 0 ? 7 : input == X ? 10 : 2) * (double)dg_shape_count(&in[X]);
}

static const dg_case cases[] = {
    {"n,h,w,6; 6; 6", "groups=3, epsilon=0.5", "uniform(-1,1)", 0.5},
    {"n,h,2a; 2a; 2a", "groups=2, epsilon=0.5", "uniform(-1,1)", 0.5},
    {"n,4; 4; 4", "groups=4, epsilon=0.5", "uniform(-1,1)", 0.5},
    {"n,3,5,a; a; a", "groups=1, epsilon=0.5", "uniform(-1,1)", 0.5},
    {"n,70,6; 6; 6", "groups=3, epsilon=0.5", "uniform(-1,1)", 0.5},
    {"n,130,70; 70; 70", "groups=7", "uniform(-1,1)", 0.25},
    {"a,b,4; 4; 4", "groups=2, epsilon=0.5", "uniform(-1,1)", 0.5},
};

const dg_node_type dg_op_groupnorm = {
    .size = sizeof(dg_node_type),
    .name = "groupnorm",
    .formula = "y = (x - m) / sqrt(v + epsilon) scale + bias, m and v over a row's group",
    .onnx = "GroupNormalization",
    .attrs = attrs,
    .n_attrs = DG_COUNT(attrs),
    .inputs = inputs,
    .n_inputs = INPUTS,
    .n_out = 1,
    .flags = DG_ROWS | DG_ACCUMULATES | DG_NORMALISES,
    .saves_in = 1 << X | 1 << SCALE,
    .shape = shape,
    .parameter = parameter,
    .bytes = bytes,
    .parts = parts,
    .flops = flops,
    .cases = cases,
    .n_cases = DG_COUNT(cases),
};

#else

enum { BLOCK = 64 };

/* A row has `places` times `channels` numbers; m and r of its channels in scratch, and two sums. */
typedef struct {
    int64_t places, channels, groups, each;
    real *saved_m, *saved_r; /* by row and group */
    real *m, *r, *sum, *dot; /* by channel */
} layout;

static layout layout_of(const dg_call *c)
{
    const dg_shape *x = &c->in_shape[X];
    layout l = {.places = 1, .channels = x->dim[x->rank - 1]};
    for (int k = 1; k < x->rank - 1; k++)
        l.places *= x->dim[k];
    l.groups = dg_attr_int(c->attrs, GROUPS);
    l.each = l.channels / l.groups;
    l.saved_m = c->saved;
    l.saved_r = l.saved_m + x->dim[0] * l.groups;
    l.m = c->scratch;
    l.r = l.m + l.channels;
    l.sum = l.r + l.channels;
    l.dot = l.sum + l.channels;
    return l;
}

static int some(int64_t n, int64_t i)
{
    return n - i < VEC_N ? (int)(n - i) : VEC_N;
}

/* What is summed over the places of a row, for each channel. v = e, or e scale. */
enum { SUM_X, SUM_SQUARES, SUM_V, SUM_UV };

typedef struct {
    const real *x, *e, *scale;
} terms;

DG_INLINE vec unit(const layout *l, const real *x, int64_t j, int m)
{
    return (vec_load_n(x + j, m) - vec_load_n(l->m + j, m)) * vec_load_n(l->r + j, m);
}

/* Channels j .. j+m-1 at the place that starts at element p. */
DG_INLINE vec term(const layout *l, const terms *t, const int kind, int64_t p, int64_t j, int m)
{
    if (kind == SUM_X)
        return vec_load_n(t->x + p + j, m);
    if (kind == SUM_SQUARES) {
        vec d = vec_load_n(t->x + p + j, m) - vec_load_n(l->m + j, m);
        return d * d;
    }
    vec v = vec_load_n(t->e + p + j, m);
    if (t->scale)
        v *= vec_load_n(t->scale + j, m);
    if (kind == SUM_UV)
        v *= unit(l, t->x + p, j, m);
    return v;
}

/* Sums over all places, for nv vectors of channels from j on, the last of `last` lanes. */
DG_INLINE void add_places(const layout *l, const terms *t, const int kind, int64_t j, const int nv,
                          int last, real *sum)
{
    vec s[4] = {0};
    for (int64_t first = 0; first < l->places; first += BLOCK) {
        int64_t end = l->places - first < BLOCK ? l->places : first + BLOCK;
        vec b[4] = {0};
        for (int64_t p = first; p < end; p++)
            for (int k = 0; k < nv; k++)
                b[k] +=
                    term(l, t, kind, p * l->channels, j + k * VEC_N, k == nv - 1 ? last : VEC_N);
        for (int k = 0; k < nv; k++)
            s[k] += b[k];
    }
    for (int k = 0; k < nv; k++)
        vec_store_n(sum + j + k * VEC_N, k == nv - 1 ? last : VEC_N, s[k]);
}

DG_INLINE void add_channels(const layout *l, const terms *t, const int kind, real *sum)
{
    int64_t j = 0;
    for (; l->channels - j >= 4 * VEC_N; j += 4 * VEC_N)
        add_places(l, t, kind, j, 4, VEC_N, sum);
    for (; j < l->channels; j += VEC_N)
        add_places(l, t, kind, j, 1, some(l->channels, j), sum);
}

/* The sums become means over their group, the same for each of its channels. */
static void group_means(const layout *l, real *sum)
{
    for (int64_t g = 0; g < l->groups; g++) {
        real *s = sum + g * l->each;
        DG_T(dg_fill)(l->each, DG_T(dg_row_sum)(l->each, s) / (real)(l->each * l->places), s);
    }
}

/* m and r of row n by channel, as forward saved them. */
static void load_moments(const layout *l, int64_t n)
{
    for (int64_t g = 0; g < l->groups; g++) {
        DG_T(dg_fill)(l->each, l->saved_m[n * l->groups + g], l->m + g * l->each);
        DG_T(dg_fill)(l->each, l->saved_r[n * l->groups + g], l->r + g * l->each);
    }
}

static void find_moments(const layout *l, int64_t n, const real *x, real epsilon)
{
    terms t = {.x = x};
    add_channels(l, &t, SUM_X, l->m);
    group_means(l, l->m);
    add_channels(l, &t, SUM_SQUARES, l->sum);
    group_means(l, l->sum);
    for (int64_t g = 0; g < l->groups; g++) {
        l->saved_m[n * l->groups + g] = l->m[g * l->each];
        l->saved_r[n * l->groups + g] = 1 / vec_sqrt(vec_set1(l->sum[g * l->each] + epsilon))[0];
    }
    load_moments(l, n);
}

static dg_status forward(const dg_call *c)
{
    layout l = layout_of(c);
    int64_t row = l.places * l.channels;
    const real *scale = c->in[SCALE], *bias = c->in[BIAS];
    for (int64_t n = c->row0; n < c->row1 && row > 0; n++) {
        const real *x = (const real *)c->in[X] + n * row;
        real *y = (real *)c->out[0] + n * row;
        find_moments(&l, n, x, (real)dg_attr_real(c->attrs, EPSILON));
        for (int64_t p = 0; p < row; p += l.channels)
            for (int64_t j = 0; j < l.channels; j += VEC_N) {
                int m = some(l.channels, j);
                vec_store_n(y + p + j, m,
                            vec_fma(unit(&l, x + p, j, m), vec_load_n(scale + j, m),
                                    vec_load_n(bias + j, m)));
            }
    }
    return DG_OK;
}

/* Means over the groups of v and u v into sum and dot. */
static void find_means(const layout *l, int64_t n, const terms *t)
{
    load_moments(l, n);
    add_channels(l, t, SUM_V, l->sum);
    add_channels(l, t, SUM_UV, l->dot);
    group_means(l, l->sum);
    group_means(l, l->dot);
}

/* r P v */
DG_INLINE vec projected(const layout *l, vec v, vec u, int64_t j, int m)
{
    v -= vec_load_n(l->sum + j, m);
    return vec_fma(-u, vec_load_n(l->dot + j, m), v) * vec_load_n(l->r + j, m);
}

static void adjoint_row(const layout *l, int64_t n, const dg_call *c)
{
    int64_t row = l->places * l->channels;
    terms t = {(const real *)c->in[X] + n * row, (const real *)c->eps[0] + n * row, c->in[SCALE]};
    real *d = (real *)c->delta[X] + n * row;
    find_means(l, n, &t);
    for (int64_t p = 0; p < row; p += l->channels)
        for (int64_t j = 0; j < l->channels; j += VEC_N) {
            int m = some(l->channels, j);
            vec v = vec_load_n(t.e + p + j, m) * vec_load_n(t.scale + j, m);
            v = projected(l, v, unit(l, t.x + p, j, m), j, m);
            if (c->add)
                v = vec_load_n(d + p + j, m) + v;
            vec_store_n(d + p + j, m, v);
        }
}

/* Channels j .. end-1 of the gradients of scale (with x) or bias, row by row. */
static void parameter_gradient(const layout *l, const dg_call *c, int input, int64_t j, int64_t end)
{
    int64_t row = l->places * l->channels;
    const real *x = c->in[X], *e = c->eps[0];
    real *d = c->delta[input];
    for (; j < end; j += VEC_N) {
        int m = some(end, j);
        int64_t g[VEC_N];
        for (int k = 0; k < m; k++)
            g[k] = (j + k) / l->each;
        vec s = vec_load_n(d + j, c->add ? m : 0);
        for (int64_t n = 0; n < c->in_shape[X].dim[0]; n++) {
            vec mean = vec_set1(0), r = vec_set1(0), t = vec_set1(0);
            for (int k = 0; k < m; k++) {
                mean[k] = l->saved_m[n * l->groups + g[k]];
                r[k] = l->saved_r[n * l->groups + g[k]];
            }
            for (int64_t p = n * row + j; p < (n + 1) * row; p += l->channels)
                if (input == SCALE)
                    t = vec_fma(vec_load_n(e + p, m), (vec_load_n(x + p, m) - mean) * r, t);
                else
                    t += vec_load_n(e + p, m);
            s += t;
        }
        vec_store_n(d + j, m, s);
    }
}

static dg_status adjoint(const dg_call *c)
{
    layout l = layout_of(c);
    for (int64_t n = c->row0; n < c->row1 && c->delta[X] && l.places * l.channels > 0; n++)
        adjoint_row(&l, n, c);
    for (int input = SCALE; input <= BIAS; input++)
        for (int64_t j = (int64_t)c->part * TILE; c->delta[input] && j < l.channels;
             j += (int64_t)c->parts * TILE)
            parameter_gradient(&l, c, input, j, l.channels - j < TILE ? l.channels : j + TILE);
    return DG_OK;
}

/* One vector of dy; what is not given is zero. */
DG_INLINE vec tangent_of(const layout *l, const dg_call *c, const terms *t, int64_t p, int64_t j,
                         int m)
{
    const real *dscale = c->din[SCALE], *dbias = c->din[BIAS];
    vec y = vec_set1(0), u = unit(l, t->x + p, j, m);
    if (t->e)
        y = projected(l, vec_load_n(t->e + p + j, m), u, j, m) *
            vec_load_n((const real *)c->in[SCALE] + j, m);
    if (dscale)
        y = vec_fma(u, vec_load_n(dscale + j, m), y);
    if (dbias)
        y += vec_load_n(dbias + j, m);
    return y;
}

static dg_status tangent(const dg_call *c)
{
    layout l = layout_of(c);
    int64_t row = l.places * l.channels;
    for (int64_t n = c->row0; n < c->row1 && row > 0; n++) {
        terms t = {.x = (const real *)c->in[X] + n * row};
        if (c->din[X])
            t.e = (const real *)c->din[X] + n * row;
        load_moments(&l, n);
        if (t.e)
            find_means(&l, n, &t);
        real *y = (real *)c->dout[0] + n * row;
        for (int64_t p = 0; p < row; p += l.channels)
            for (int64_t j = 0; j < l.channels; j += VEC_N) {
                int m = some(l.channels, j);
                vec_store_n(y + p + j, m, tangent_of(&l, c, &t, p, j, m));
            }
    }
    return DG_OK;
}

const dg_math DG_T(dg_math_groupnorm) = {forward, adjoint, tangent};

#endif
