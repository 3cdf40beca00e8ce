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
 * and its momentum is 1 - momentum.
 *
 * Order of sums. Places of all rows, in order, are cut into blocks of block_of() places, by sizes
 * alone. In a block there are two chains, of even and of odd places, added at its end; v is summed
 * about the block's own mean. Blocks are joined in double, in order. A part is a share of the
 * blocks; the three stages are sums by block, sums by channel (the parts share the channels), and
 * what follows from them. */
#include "ops/op.h"

enum { X, SCALE, BIAS, MEAN, VARIANCE, INPUTS };
enum { Y, NEXT_MEAN, NEXT_VARIANCE, OUTPUTS };
enum { MOMENTUM, EPSILON, RUNNING };
enum { TILE = 16, MOST_PARTS = 32 }; /* a tile: channels of one part in the second stage */
enum { BLOCKS, CHANNELS, RESULTS, STAGES };

/* Places of a block: such that it stays in the first cache, if its channels are few. */
static int64_t block_of(int64_t channels)
{
    int64_t n = channels > 0 ? 8192 / channels : 512;
    return n < 64 ? 64 : n > 512 ? 512 : n;
}

static int64_t blocks_of(const dg_shape *x)
{
    int64_t channels = x->dim[x->rank - 1], block = block_of(channels);
    int64_t places = channels > 0 ? dg_shape_count(x) / channels : 0;
    return (places + block - 1) / block;
}

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

/* m and r of each channel, and two sums of each block; carried: two sums of each channel, and of
 * each block. */
static void bytes(const dg_sizes *of, dg_bytes *bytes)
{
    const dg_shape *x = &of->in[X];
    size_t row = 2 * (size_t)x->dim[x->rank - 1] * dg_type_bytes(of->real);
    bytes->saved = bytes->carried = row * (1 + (size_t)blocks_of(x));
}

static int parts(const dg_sizes *of, int input)
{
    if (input >= 0)
        return 1;
    int64_t n = blocks_of(&of->in[X]);
    return n < MOST_PARTS ? (int)n : MOST_PARTS;
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
    .stages = STAGES,
    .flops = flops,
    .fits = fits,
    .cases = cases,
    .n_cases = DG_COUNT(cases),
};

#else

typedef struct {
    int64_t places, channels, block, blocks;
    int moves; /* statistics of the batch, else the running ones */
    real *m, *r;
} layout;

static layout layout_of(const dg_call *c)
{
    const dg_shape *x = &c->in_shape[X];
    layout l = {.channels = x->dim[x->rank - 1], .blocks = blocks_of(x)};
    l.block = block_of(l.channels);
    l.places = l.channels > 0 ? dg_shape_count(x) / l.channels : 0;
    l.moves = c->training && !dg_attr_int(c->attrs, RUNNING);
    l.m = c->saved;
    l.r = l.m + l.channels;
    return l;
}

static int64_t block_places(const layout *l, int64_t b)
{
    int64_t left = l->places - b * l->block;
    return left < l->block ? left : l->block;
}

/* ---- Stage 1: two sums of a block for each channel ------------------------------------------- */

/* Vectors of channels that stay in registers while places go by. */
enum { WIDE = 4 };

typedef struct {
    const real *x, *e; /* of the block's first place */
    int64_t places, step, channels;
    const real *m, *r;
    real *first, *second;
} block;

/* One more place: x - m squared, or e and e u. */
DG_INLINE void squared(vec *sum, const real *x, vec m, int n)
{
    vec d = vec_load_n(x, n) - m;
    *sum = vec_fma(d, d, *sum);
}

DG_INLINE void weighed(vec *sum, vec *product, const real *x, const real *e, vec m, int n)
{
    vec d = vec_load_n(e, n);
    *sum += d;
    *product = vec_fma(d, vec_load_n(x, n) - m, *product);
}

/* mean of x and the sum of (x - mean)^2, `vecs` vectors of channels from j on, of n lanes. */
DG_INLINE void moments(const block *b, int64_t j, const int vecs, int n)
{
    const int64_t step = b->step, even = b->places & ~(int64_t)1;
    const real *x = b->x + j;
    vec a[WIDE], o[WIDE], m[WIDE];
    DG_UNROLL
    for (int k = 0; k < vecs; k++)
        a[k] = o[k] = vec_set1(0);
    for (int64_t p = 0; p < even; p += 2) {
        DG_UNROLL
        for (int k = 0; k < vecs; k++) {
            a[k] += vec_load_n(x + p * step + k * VEC_N, n);
            o[k] += vec_load_n(x + (p + 1) * step + k * VEC_N, n);
        }
    }
    DG_UNROLL
    for (int k = 0; k < vecs; k++) {
        if (even < b->places)
            a[k] += vec_load_n(x + even * step + k * VEC_N, n);
        m[k] = (a[k] + o[k]) / (real)b->places;
        vec_store_n(b->first + j + k * VEC_N, n, m[k]);
        a[k] = o[k] = vec_set1(0);
    }
    for (int64_t p = 0; p < even; p += 2) {
        DG_UNROLL
        for (int k = 0; k < vecs; k++) {
            squared(&a[k], x + p * step + k * VEC_N, m[k], n);
            squared(&o[k], x + (p + 1) * step + k * VEC_N, m[k], n);
        }
    }
    DG_UNROLL
    for (int k = 0; k < vecs; k++) {
        if (even < b->places)
            squared(&a[k], x + even * step + k * VEC_N, m[k], n);
        vec_store_n(b->second + j + k * VEC_N, n, a[k] + o[k]);
    }
}

/* The sums of e and of e u. */
DG_INLINE void products(const block *b, int64_t j, const int vecs, int n)
{
    const int64_t step = b->step, even = b->places & ~(int64_t)1;
    const real *x = b->x + j, *e = b->e + j;
    vec a[WIDE], o[WIDE], m[WIDE], au[WIDE], ou[WIDE];
    DG_UNROLL
    for (int k = 0; k < vecs; k++) {
        a[k] = o[k] = au[k] = ou[k] = vec_set1(0);
        m[k] = vec_load_n(b->m + j + k * VEC_N, n);
    }
    for (int64_t p = 0; p < even; p += 2) {
        DG_UNROLL
        for (int k = 0; k < vecs; k++) {
            int64_t at = p * step + k * VEC_N;
            weighed(&a[k], &au[k], x + at, e + at, m[k], n);
            weighed(&o[k], &ou[k], x + at + step, e + at + step, m[k], n);
        }
    }
    DG_UNROLL
    for (int k = 0; k < vecs; k++) {
        int64_t at = j + k * VEC_N, odd = even * step + k * VEC_N;
        if (even < b->places)
            weighed(&a[k], &au[k], x + odd, e + odd, m[k], n);
        vec_store_n(b->first + at, n, a[k] + o[k]);
        vec_store_n(b->second + at, n, (au[k] + ou[k]) * vec_load_n(b->r + at, n));
    }
}

/* Channels of a block, several vectors at a time, then one, then what is left. */
static void sum_block(const block *b)
{
    int64_t j = 0, n = b->channels;
    for (; j + WIDE * VEC_N <= n; j += WIDE * VEC_N)
        b->e ? products(b, j, WIDE, VEC_N) : moments(b, j, WIDE, VEC_N);
    for (; j + VEC_N <= n; j += VEC_N)
        b->e ? products(b, j, 1, VEC_N) : moments(b, j, 1, VEC_N);
    if (j < n)
        b->e ? products(b, j, 1, (int)(n - j)) : moments(b, j, 1, (int)(n - j));
}

/* Sums of the blocks of a part, behind the 2 sums of the channels. */
static void sum_blocks(const dg_call *c, const layout *l, const real *e, real *sums)
{
    const real *x = c->in[X];
    int64_t end = l->blocks * (c->part + 1) / c->parts;
    for (int64_t k = l->blocks * c->part / c->parts; k < end; k++) {
        int64_t at = k * l->block * l->channels;
        real *to = sums + 2 * (k + 1) * l->channels;
        sum_block(&(block){x + at, e ? e + at : NULL, block_places(l, k), l->channels, l->channels,
                           l->m, l->r, to, to + l->channels});
    }
}

/* ---- Stage 2: channels ----------------------------------------------------------------------- */

typedef void (*tile_fn)(const dg_call *c, const layout *l, int64_t j, int64_t n);

/* The tiles of channels of a part. */
static void each_tile(const dg_call *c, const layout *l, tile_fn fn)
{
    for (int64_t j = (int64_t)c->part * TILE; j < l->channels; j += (int64_t)c->parts * TILE)
        fn(c, l, j, l->channels - j < TILE ? l->channels - j : TILE);
}

/* m and v of the batch, from those of its blocks. */
static void join_blocks(const layout *l, int64_t j, int64_t n, double *m, double *v)
{
    const double all = (double)l->places;
    const real *of = l->m + 2 * l->channels + j;
    for (int64_t k = 0; k < l->blocks; k++)
        for (int64_t i = 0; i < n; i++)
            m[i] += (double)of[2 * k * l->channels + i] * (double)block_places(l, k);
    for (int64_t i = 0; i < n; i++)
        m[i] /= all;
    for (int64_t k = 0; k < l->blocks; k++)
        for (int64_t i = 0; i < n; i++) {
            double d = (double)of[2 * k * l->channels + i] - m[i];
            v[i] += (double)of[(2 * k + 1) * l->channels + i] + d * d * (double)block_places(l, k);
        }
    for (int64_t i = 0; i < n; i++)
        v[i] /= all;
}

/* m, r of these channels, and the states that follow. */
static void find_moments(const dg_call *c, const layout *l, int64_t j, int64_t n)
{
    const real momentum = (real)dg_attr_real(c->attrs, MOMENTUM);
    const real epsilon = (real)dg_attr_real(c->attrs, EPSILON);
    const real *old_m = (const real *)c->in[MEAN] + j, *old_v = (const real *)c->in[VARIANCE] + j;
    real *next_m = (real *)c->out[NEXT_MEAN] + j, *next_v = (real *)c->out[NEXT_VARIANCE] + j;
    double m[TILE] = {0}, v[TILE] = {0};
    int moves = l->moves && l->places > 0;
    if (moves)
        join_blocks(l, j, n, m, v);
    for (int64_t i = 0; i < n; i++) {
        real mean = moves ? (real)m[i] : old_m[i], variance = moves ? (real)v[i] : old_v[i];
        next_m[i] = moves ? old_m[i] * momentum + mean * (1 - momentum) : mean;
        next_v[i] = moves ? old_v[i] * momentum + variance * (1 - momentum) : variance;
        l->m[j + i] = mean;
        l->r[j + i] = variance + epsilon;
    }
    for (int64_t i = 0; i < n; i += VEC_N) {
        int lanes = n - i < VEC_N ? (int)(n - i) : VEC_N;
        vec_store_n(l->r + j + i, lanes, 1 / vec_sqrt(vec_load_n(l->r + j + i, lanes)));
    }
}

/* The sums of e and of e u of these channels. */
static void join_products(const dg_call *c, const layout *l, int64_t j, int64_t n)
{
    real *to = (real *)c->carried + j;
    const real *of = to + 2 * l->channels;
    for (int half = 0; half < 2; half++) {
        double sum[TILE] = {0};
        for (int64_t k = 0; k < l->blocks; k++)
            for (int64_t i = 0; i < n; i++)
                sum[i] += (double)of[(2 * k + half) * l->channels + i];
        for (int64_t i = 0; i < n; i++)
            to[half * l->channels + i] = (real)sum[i];
    }
}

/* ---- Stage 3: places ------------------------------------------------------------------------- */

/* to = r scale P e + u gain + bias for each channel. e, gain, bias may be NULL: 0. `first` and
 * `second` are the sums of e and of e u; NULL: P e = e. */
typedef struct {
    const real *x, *e;
    real *to;
    const real *m, *r, *scale, *gain, *bias, *first, *second;
    int64_t from; /* the channel of their first element */
    real places;
} affine;

/* The same as to = (x - m) gain + bias + ((x - m) a + (e - mean)) b: where there is but one place,
 * nothing is left of e. */
typedef struct {
    vec m, gain, bias, a, mean, b;
} factors;

DG_INLINE factors find_factors(const affine *f, int64_t j, int n)
{
    vec r = vec_load_n(f->r + j, n), none = vec_set1(0);
    factors by = {vec_load_n(f->m + j, n), none, none, none, none, r * vec_load_n(f->scale + j, n)};
    if (f->gain)
        by.gain = r * vec_load_n(f->gain + j, n);
    if (f->bias)
        by.bias = vec_load_n(f->bias + j, n);
    if (f->first) {
        by.mean = vec_load_n(f->first + j - f->from, n) / f->places;
        by.a = -r * (vec_load_n(f->second + j - f->from, n) / f->places);
    }
    return by;
}

/* What is there: gain and bias, e, or both. */
enum { WITH_GAIN = 1, WITH_E = 2 };

/* Places of which channel j is from `at` to `end`, `vecs` vectors of n lanes. */
DG_INLINE void apply(const affine *f, int64_t j, int64_t at, int64_t end, int64_t step,
                     const int vecs, int n, const int with)
{
    factors by[WIDE];
    DG_UNROLL
    for (int k = 0; k < vecs; k++)
        by[k] = find_factors(f, j + k * VEC_N, n);
    for (at += j, end += j; at < end; at += step) {
        DG_UNROLL
        for (int k = 0; k < vecs; k++) {
            const int64_t i = at + k * VEC_N;
            const vec d = vec_load_n(f->x + i, n) - by[k].m;
            vec y = vec_set1(0);
            if (with & WITH_GAIN)
                y = vec_fma(d, by[k].gain, by[k].bias);
            if (with & WITH_E)
                y = vec_fma(vec_fma(d, by[k].a, vec_load_n(f->e + i, n) - by[k].mean), by[k].b, y);
            vec_store_n(f->to + i, n, y);
        }
    }
}

/* Channels j0 .. j1-1 of places from `at` to `end`. */
DG_INLINE void apply_all(const affine *f, int64_t j0, int64_t j1, int64_t at, int64_t end,
                         int64_t step, const int with)
{
    int64_t j = j0;
    for (; j + WIDE * VEC_N <= j1; j += WIDE * VEC_N)
        apply(f, j, at, end, step, WIDE, VEC_N, with);
    for (; j + VEC_N <= j1; j += VEC_N)
        apply(f, j, at, end, step, 1, VEC_N, with);
    if (j < j1)
        apply(f, j, at, end, step, 1, (int)(j1 - j), with);
}

static void apply_range(const affine *f, const layout *l, int64_t j0, int64_t j1, int64_t nth)
{
    int64_t at = nth * l->block * l->channels, end = at + block_places(l, nth) * l->channels;
    if (f->e && (f->gain || f->bias))
        apply_all(f, j0, j1, at, end, l->channels, WITH_GAIN | WITH_E);
    else if (f->e)
        apply_all(f, j0, j1, at, end, l->channels, WITH_E);
    else
        apply_all(f, j0, j1, at, end, l->channels, WITH_GAIN);
}

static void apply_part(const dg_call *c, const layout *l, const affine *f)
{
    int64_t end = l->blocks * (c->part + 1) / c->parts;
    for (int64_t k = l->blocks * c->part / c->parts; k < end; k++)
        apply_range(f, l, 0, l->channels, k);
}

static affine affine_of(const dg_call *c, const layout *l, const real *e, real *to)
{
    return (affine){.x = c->in[X],
                    .e = e,
                    .to = to,
                    .m = l->m,
                    .r = l->r,
                    .scale = c->in[SCALE],
                    .places = (real)l->places};
}

/* ---- The three functions --------------------------------------------------------------------- */

static dg_status forward(const dg_call *c)
{
    layout l = layout_of(c);
    affine f = affine_of(c, &l, NULL, c->out[Y]);
    f.gain = c->in[SCALE];
    f.bias = c->in[BIAS];
    if (c->stage == BLOCKS && l.moves)
        sum_blocks(c, &l, NULL, l.m);
    else if (c->stage == CHANNELS)
        each_tile(c, &l, find_moments);
    else if (c->stage == RESULTS)
        apply_part(c, &l, &f);
    return DG_OK;
}

static dg_status adjoint(const dg_call *c)
{
    layout l = layout_of(c);
    if (l.channels == 0) /* nothing is carried either */
        return DG_OK;
    real *sums = c->carried;
    affine f = affine_of(c, &l, c->eps[Y], c->delta[X]);
    f.first = l.moves ? sums : NULL;
    f.second = sums + l.channels;
    if (c->delta[SCALE] || c->delta[BIAS]) {
        if (c->delta[BIAS])
            memcpy(c->delta[BIAS], sums, (size_t)l.channels * sizeof *sums);
        if (c->delta[SCALE])
            memcpy(c->delta[SCALE], sums + l.channels, (size_t)l.channels * sizeof *sums);
    } else if (c->stage == BLOCKS) {
        sum_blocks(c, &l, c->eps[Y], sums);
    } else if (c->stage == CHANNELS) {
        each_tile(c, &l, join_products);
    } else if (f.to) {
        apply_part(c, &l, &f);
    }
    return DG_OK;
}

/* The sums of dx and of dx u of a tile, all blocks. */
static void sum_tile(const layout *l, const affine *f, int64_t j, int64_t n, real *sums)
{
    real of[2 * TILE];
    double all[2 * TILE] = {0};
    for (int64_t k = 0; k < l->blocks; k++) {
        int64_t at = k * l->block * l->channels + j;
        sum_block(&(block){f->x + at, f->e + at, block_places(l, k), l->channels, n, l->m + j,
                           l->r + j, of, of + TILE});
        for (int64_t i = 0; i < n; i++) {
            all[i] += (double)of[i];
            all[TILE + i] += (double)of[TILE + i];
        }
    }
    for (int64_t i = 0; i < n; i++) {
        sums[i] = (real)all[i];
        sums[TILE + i] = (real)all[TILE + i];
    }
}

/* Alone, a tile does without what other parts found. */
static void perturb(const dg_call *c, const layout *l, int64_t j, int64_t n)
{
    real sums[2 * TILE];
    affine f = affine_of(c, l, c->din[X], c->dout[Y]);
    f.gain = c->din[SCALE];
    f.bias = c->din[BIAS];
    if (f.e && l->moves) {
        sum_tile(l, &f, j, n, sums);
        f.first = sums;
        f.second = sums + TILE;
        f.from = j;
    }
    for (int64_t k = 0; k < l->blocks; k++)
        apply_range(&f, l, j, j + n, k);
}

static dg_status tangent(const dg_call *c)
{
    layout l = layout_of(c);
    if (c->stage == RESULTS)
        each_tile(c, &l, perturb);
    return DG_OK;
}

const dg_math DG_T(dg_math_batchnorm) = {forward, adjoint, tangent};

#endif
