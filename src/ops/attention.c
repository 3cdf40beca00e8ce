/* attention: each place of q looks at the places of k and takes a mean of v, head by head.
 *
 *     s[i, j] = scale sum_c q[i, c] k[j, c] + mask[i, j]
 *     p[i, j] = e^s[i, j] / sum_j e^s[i, j]           o[i] = sum_j p[i, j] v[j]
 *     causal: place i sees places j <= i only. A place that sees nothing gives 0.
 *
 * q [N, T, D], k [N, S, D], v [N, S, E]; head h has the columns h D/heads .. of q and k, and
 * h E/heads .. of v and o. mask broadcasts to [N, heads, T, S]. With u = eps v^t, ds = p (u - sum
 * p u):
 *
 *     A^t eps = scale ds k for q, scale ds^t q for k, p^t eps for v, ds for mask (where it was
 *               stretched, the sum over rows, heads and places, in this order)
 *     dy = p dv + (p (ds - sum p ds)) v,   ds = scale (dq k^t + q dk^t) + dmask
 *
 * forward saves the logarithm of the sum of each place and head, of which p is made again in blocks
 * of 32 places. k^t and v^t lie transposed in scratch, a head at a time. */
#include "ops/op.h"

enum { Q, K, V, MASK, INPUTS };
enum { HEADS, CAUSAL, SCALE };
enum { BLOCK = 32, PAD = 16 }; /* places of q at a time; rows are that much apart in scratch */

#ifndef DG_REAL
#include "ops/sizes.h"

static const dg_attr_spec attrs[] = {
    {"heads", DG_ATTR_INT, 1, 1, 65536, NULL, NULL, "number of heads; divides the columns"},
    {"causal", DG_ATTR_BOOL, 1, 0, 1, "false", NULL, "place i sees places 0 to i only"},
    {"scale", DG_ATTR_REAL, 1, -1e30, 1e30, "", NULL, "of the products; 1 / sqrt(D / heads)"},
};

static const dg_input_spec inputs[] = {
    {.name = "q"}, {.name = "k"}, {.name = "v"}, {.name = "mask", .flags = DG_IN_OPTIONAL}};

static dg_status check_mask(const dg_attrs *a, const dg_shape in[], dg_diag *why)
{
    char text[128];
    const dg_shape *m = &in[MASK];
    int64_t whole[4] = {in[Q].dim[0], dg_attr_int(a, HEADS), in[Q].dim[1], in[K].dim[1]};
    int fits = m->rank <= 4;
    for (int k = 0; k < m->rank && fits; k++)
        fits = m->dim[k] == 1 || m->dim[k] == whole[4 - m->rank + k];
    if (fits)
        return DG_OK;
    dg_shape all = dg_shape_make(4, whole);
    char want[128];
    return dg_diag_set(why, DG_EMODEL,
                       "attention: mask %s does not broadcast to %s: rows, heads, "
                       "places of q, places of k",
                       dg_shape_text(m, text, sizeof text), dg_shape_text(&all, want, sizeof want));
}

static dg_status shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                       dg_diag *why)
{
    char q[128], k[128], v[128];
    dg_shape_text(&in[Q], q, sizeof q);
    dg_shape_text(&in[K], k, sizeof k);
    dg_shape_text(&in[V], v, sizeof v);
    int ranks = in[Q].rank == 3 && in[K].rank == 3 && in[V].rank == 3;
    if (!ranks || in[Q].dim[0] != in[K].dim[0] || in[Q].dim[0] != in[V].dim[0] ||
        in[Q].dim[2] != in[K].dim[2] || in[K].dim[1] != in[V].dim[1])
        return dg_diag_set(why, DG_EMODEL,
                           "attention takes q [N, T, D], k [N, S, D] and v [N, S, E], found %s, %s "
                           "and %s",
                           q, k, v);
    int64_t heads = dg_attr_int(a, HEADS);
    if (in[Q].dim[2] % heads != 0 || in[V].dim[2] % heads != 0)
        return dg_diag_set(why, DG_EMODEL,
                           "attention: %lld heads do not divide the columns of q, %lld, and of v, "
                           "%lld",
                           (long long)heads, (long long)in[Q].dim[2], (long long)in[V].dim[2]);
    out[0] = (dg_shape){3, {in[Q].dim[0], in[Q].dim[1], in[V].dim[2]}};
    return n_in > MASK && in[MASK].rank >= 0 ? check_mask(a, in, why) : DG_OK;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* The products of a block that sees n places. */
static size_t product_scratch(dg_type real, int64_t n, int64_t d, int64_t e)
{
    size_t scratch =
        larger(dg_gemm_scratch(real, BLOCK, n, d, 1), dg_gemm_scratch(real, BLOCK, n, e, 1));
    scratch = larger(scratch, larger(dg_gemm_scratch(real, BLOCK, d, n, 1),
                                     dg_gemm_scratch(real, BLOCK, e, n, 1)));
    return larger(scratch, larger(dg_gemm_scratch(real, n, d, BLOCK, 1),
                                  dg_gemm_scratch(real, n, e, BLOCK, 1)));
}

static void bytes(const dg_sizes *of, dg_bytes *bytes)
{
    int64_t heads = dg_attr_int(of->attrs, HEADS), t = of->in[Q].dim[1], s = of->in[K].dim[1];
    int64_t d = of->in[Q].dim[2] / heads, e = of->in[V].dim[2] / heads, most = d > e ? d : e;
    size_t scratch = 0, row = (size_t)(s + PAD), unit = dg_type_bytes(of->real);
    for (int64_t n = BLOCK; n < s; n += BLOCK)
        scratch = larger(scratch, product_scratch(of->real, n, d, e));
    scratch = larger(scratch, product_scratch(of->real, s, d, e));
    bytes->saved = (size_t)(of->in[Q].dim[0] * heads * t) * unit;
    bytes->scratch = (2 * (size_t)most + 2 * BLOCK) * row * unit + scratch;
    bytes->scratch = (bytes->scratch + DG_ALIGN - 1) / DG_ALIGN * DG_ALIGN + DG_ALIGN;
}

static double flops(const dg_sizes *of, int input)
{
    double pairs = (double)of->in[Q].dim[0] * (double)of->in[Q].dim[1] * (double)of->in[K].dim[1];
    double d = (double)of->in[Q].dim[2], e = (double)of->in[V].dim[2];
    if (dg_attr_int(of->attrs, CAUSAL))
        pairs /= 2;
    if (input < 0)
        return 2 * pairs * (d + e);
    return input == V ? 2 * pairs * (d + e) : input == MASK ? 0 : pairs * (3 * d + e);
}

static const dg_case cases[] = {
    {"n,t,a; n,5,a; n,5,b", "heads=1", "uniform(-1,1)", 1},
    {"n,9,2a; n,9,2a; n,9,2b", "heads=2, causal=true", "uniform(-1,1)", 1},
    {"n,4,6; n,s,6; n,s,3; 4,s", "heads=3, scale=0.7", "uniform(-1,1)", 1},
    {"n,3,4; n,s,4; n,s,6; n,1,1,s", "heads=2", "uniform(-1,1)", 1},
    {"n,34,2; n,34,2; n,34,2; 2,1,34", "heads=2, causal=true", "uniform(-1,1)", 1},
    {"n,70,3; n,40,3; n,40,2", "heads=1, causal=true", "uniform(-1,1)", 1},
    {"n,35,20; n,67,20; n,67,18; 67", "heads=2", "uniform(-1,1)", 1},
    {"a,3,2; a,s,2; a,s,2", "heads=1", "uniform(-1,1)", 1},
};

const dg_node_type dg_op_attention = {
    .size = sizeof(dg_node_type),
    .name = "attention",
    .formula = "o = softmax(scale q k^t + mask) v, by heads",
    .onnx = "Attention",
    .attrs = attrs,
    .n_attrs = DG_COUNT(attrs),
    .inputs = inputs,
    .n_inputs = INPUTS,
    .n_out = 1,
    .flags = DG_ROWS | DG_ACCUMULATES,
    .saves_in = 1 << Q | 1 << K | 1 << V | 1 << MASK,
    .shape = shape,
    .bytes = bytes,
    .flops = flops,
    .cases = cases,
    .n_cases = DG_COUNT(cases),
};

#else

/* One row and head of a call, and its scratch: transposed [d, S] and [e, S], two blocks [BLOCK, S],
 * all with rows `line` apart, and the scratch of products. */
typedef struct {
    int64_t t, s, d, e, columns, out_columns, line, heads;
    int64_t n, h; /* row and head */
    int causal;
    real scale;
    real *first, *second, *p, *ds;
    void *scratch;
} head;

static head head_of(const dg_call *c)
{
    const dg_shape *q = &c->in_shape[Q];
    head w = {.t = q->dim[1],
              .s = c->in_shape[K].dim[1],
              .columns = q->dim[2],
              .out_columns = c->in_shape[V].dim[2],
              .heads = dg_attr_int(c->attrs, HEADS),
              .causal = (int)dg_attr_int(c->attrs, CAUSAL)};
    w.d = w.columns / w.heads;
    w.e = w.out_columns / w.heads;
    w.line = w.s + PAD;
    w.scale = c->attrs->v[SCALE].count ? (real)dg_attr_real(c->attrs, SCALE)
              : w.d > 0                ? (real)(1 / sqrt((double)w.d))
                                       : 1;
    int64_t most = w.d > w.e ? w.d : w.e;
    w.first = c->scratch;
    w.second = w.first + most * w.line;
    w.p = w.second + most * w.line;
    w.ds = w.p + BLOCK * w.line;
    size_t used = (size_t)((2 * most + 2 * BLOCK) * w.line) * sizeof(real);
    w.scratch = (char *)c->scratch + (used + DG_ALIGN - 1) / DG_ALIGN * DG_ALIGN;
    return w;
}

/* Where this row and head begin in q or k (of T or S places), in v, in o. */
static int64_t in_q(const head *w, int64_t i)
{
    return (w->n * w->t + i) * w->columns + w->h * w->d;
}

static int64_t in_k(const head *w)
{
    return w->n * w->s * w->columns + w->h * w->d;
}

static int64_t in_v(const head *w)
{
    return w->n * w->s * w->out_columns + w->h * w->e;
}

static int64_t in_o(const head *w, int64_t i)
{
    return (w->n * w->t + i) * w->out_columns + w->h * w->e;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The places that place i sees, and that a block of rows up to `end` sees. */
static int64_t seen(const head *w, int64_t i)
{
    return w->causal ? smaller(i + 1, w->s) : w->s;
}

/* An element of the mask and steps over its places; 0 where it is stretched. */
typedef struct {
    int64_t at, row, column;
} place;

static place in_mask(const dg_call *c, const head *w, int64_t i)
{
    const dg_shape *m = &c->in_shape[MASK];
    int64_t step[4] = {0}, size = 1;
    for (int k = m->rank - 1; k >= 0; k--) {
        step[4 - m->rank + k] = m->dim[k] == 1 ? 0 : size;
        size *= m->dim[k];
    }
    return (place){w->n * step[0] + w->h * step[1] + i * step[2], step[2], step[3]};
}

static int has_mask(const dg_call *c)
{
    return c->n_in > MASK && c->in_shape[MASK].rank >= 0;
}

/* s += mask, for rows i .. i+m-1. */
static void add_mask(const dg_call *c, const head *w, const real *mask, int64_t i, int64_t m,
                     real *s)
{
    place p = in_mask(c, w, i);
    for (int64_t r = 0; r < m; r++)
        for (int64_t j = 0; j < seen(w, i + r); j++)
            s[r * w->line + j] += mask[p.at + r * p.row + j * p.column];
}

/* s = scale a b^t + mask, a rows i .. i+m-1 of a head of q, bt [d, S] transposed; mask may be
 * NULL. */
static void scores(const dg_call *c, const head *w, const real *a, const real *bt, const real *mask,
                   int64_t i, int64_t m, real *s)
{
    int64_t n = seen(w, i + m - 1);
    DG_T(dg_gemm)
    (DG_WRITE, m, n, w->d, a, w->columns, 1, bt, w->line, 1, NULL, s, w->line, w->scratch);
    for (int64_t r = 0; r < m; r++)
        DG_T(dg_scale)(n, w->scale, s + r * w->line, s + r * w->line);
    if (mask)
        add_mask(c, w, mask, i, m, s);
}

static const real *mask_of(const dg_call *c)
{
    return has_mask(c) ? c->in[MASK] : NULL;
}

/* p of rows i .. i+m-1, 0 where nothing is seen. */
static void probabilities(const dg_call *c, const head *w, int64_t i, int64_t m)
{
    const real *sums = (const real *)c->saved + (w->n * w->heads + w->h) * w->t;
    int64_t n = seen(w, i + m - 1);
    scores(c, w, (const real *)c->in[Q] + in_q(w, i), w->first, mask_of(c), i, m, w->p);
    for (int64_t r = 0; r < m; r++) {
        int64_t own = seen(w, i + r);
        real *p = w->p + r * w->line;
        DG_T(dg_row_exp)(own, p, sums[i + r], p);
        DG_T(dg_fill)(n - own, 0, p + own);
    }
}

/* Rows of s become e^(s - max), 0 where nothing is seen; the sums to the places, the logarithms to
 * saved. A row that sees nothing has the logarithm infinity: p is then 0. */
static void exponentials(const head *w, int64_t i, int64_t m, real *sum, real *log_sum)
{
    int64_t n = seen(w, i + m - 1);
    for (int64_t r = 0; r < m; r++) {
        int64_t own = seen(w, i + r);
        real *p = w->p + r * w->line, top = DG_T(dg_row_max)(own, p);
        if (top == -(real)HUGE_VAL) {
            DG_T(dg_fill)(n, 0, p);
            sum[r] = 1;
            log_sum[i + r] = (real)HUGE_VAL;
            continue;
        }
        sum[r] = DG_T(dg_row_exp)(own, p, top, p);
        DG_T(dg_fill)(n - own, 0, p + own);
        log_sum[i + r] = top + real_log(sum[r]);
    }
}

/* o[i .. i+m-1] = p b, b [n, e] with rows out_columns apart. */
static void mean_of(const head *w, int mode, int64_t m, int64_t n, const real *p, const real *b,
                    real *o)
{
    DG_T(dg_gemm)
    (mode, m, w->e, n, p, w->line, 1, b, w->out_columns, 1, NULL, o, w->out_columns, w->scratch);
}

static void forward_head(const dg_call *c, const head *w)
{
    real *log_sum = (real *)c->saved + (w->n * w->heads + w->h) * w->t, sum[BLOCK];
    DG_T(dg_transpose)
    (w->s, w->d, (const real *)c->in[K] + in_k(w), w->columns, w->first, w->line);
    for (int64_t i = 0; i < w->t; i += BLOCK) {
        int64_t m = smaller(BLOCK, w->t - i), n = seen(w, i + m - 1);
        real *o = (real *)c->out[0] + in_o(w, i);
        scores(c, w, (const real *)c->in[Q] + in_q(w, i), w->first, mask_of(c), i, m, w->p);
        exponentials(w, i, m, sum, log_sum);
        mean_of(w, DG_WRITE, m, n, w->p, (const real *)c->in[V] + in_v(w), o);
        for (int64_t r = 0; r < m; r++)
            DG_T(dg_scale)(w->e, 1 / sum[r], o + r * w->out_columns, o + r * w->out_columns);
    }
}

static void each_head(const dg_call *c, void (*fn)(const dg_call *c, const head *w))
{
    head w = head_of(c);
    for (w.n = c->row0; w.n < c->row1; w.n++)
        for (w.h = 0; w.h < w.heads; w.h++)
            fn(c, &w);
}

static dg_status forward(const dg_call *c)
{
    each_head(c, forward_head);
    return DG_OK;
}

/* Rows of ds become p (ds - sum p ds): the product with the softmax's Jacobian. The sum of p is 1
 * but for a rounding of the logarithm, which large scores make large: the mean is divided by it. */
static void through_softmax(const head *w, int64_t m, int64_t n)
{
    for (int64_t r = 0; r < m; r++) {
        real *ds = w->ds + r * w->line, *p = w->p + r * w->line;
        real sum = DG_T(dg_row_sum)(n, p);
        vec mean = vec_set1(sum > 0 ? DG_T(dg_row_dot)(n, p, ds) / sum : 0);
        for (int64_t j = 0; j < n; j += VEC_N) {
            int k = n - j < VEC_N ? (int)(n - j) : VEC_N;
            vec_store_n(ds + j, k, vec_load_n(p + j, k) * (vec_load_n(ds + j, k) - mean));
        }
    }
}

/* ds of rows i .. i+m-1; v^t lies in w->second. */
static void score_errors(const dg_call *c, const head *w, int64_t i, int64_t m)
{
    int64_t n = seen(w, i + m - 1);
    DG_T(dg_gemm)
    (DG_WRITE, m, n, w->e, (const real *)c->eps[0] + in_o(w, i), w->out_columns, 1, w->second,
     w->line, 1, NULL, w->ds, w->line, w->scratch);
    through_softmax(w, m, n);
}

static void give_mask(const dg_call *c, const head *w, int64_t i, int64_t m)
{
    place p = in_mask(c, w, i);
    real *d = c->delta[MASK];
    for (int64_t r = 0; r < m; r++)
        for (int64_t j = 0; j < seen(w, i + r); j++)
            d[p.at + r * p.row + j * p.column] += w->ds[r * w->line + j];
}

/* What ds of rows i .. i+m-1 gives to q and k. */
static void give_scores(const dg_call *c, const head *w, int64_t i, int64_t m)
{
    int64_t n = seen(w, i + m - 1);
    for (int64_t r = 0; r < m; r++)
        DG_T(dg_scale)(n, w->scale, w->ds + r * w->line, w->ds + r * w->line);
    if (c->delta[Q])
        DG_T(dg_gemm)
    (c->add ? DG_ADD : DG_WRITE, m, w->d, n, w->ds, w->line, 1, (const real *)c->in[K] + in_k(w),
     w->columns, 1, NULL, (real *)c->delta[Q] + in_q(w, i), w->columns, w->scratch);
    if (c->delta[K])
        DG_T(dg_gemm)
    (DG_CONTINUE, n, w->d, m, w->ds, 1, w->line, (const real *)c->in[Q] + in_q(w, i), w->columns, 1,
     NULL, (real *)c->delta[K] + in_k(w), w->columns, w->scratch);
}

static void clear(int64_t rows, int64_t columns, int64_t step, real *d)
{
    for (int64_t r = 0; r < rows; r++)
        DG_T(dg_fill)(columns, 0, d + r * step);
}

static void adjoint_head(const dg_call *c, const head *w)
{
    int errors = c->delta[Q] || c->delta[K] || (has_mask(c) && c->delta[MASK]);
    DG_T(dg_transpose)
    (w->s, w->d, (const real *)c->in[K] + in_k(w), w->columns, w->first, w->line);
    DG_T(dg_transpose)
    (w->s, w->e, (const real *)c->in[V] + in_v(w), w->out_columns, w->second, w->line);
    if (c->delta[K] && !c->add)
        clear(w->s, w->d, w->columns, (real *)c->delta[K] + in_k(w));
    if (c->delta[V] && !c->add)
        clear(w->s, w->e, w->out_columns, (real *)c->delta[V] + in_v(w));
    for (int64_t i = 0; i < w->t; i += BLOCK) {
        int64_t m = smaller(BLOCK, w->t - i), n = seen(w, i + m - 1);
        probabilities(c, w, i, m);
        if (c->delta[V])
            DG_T(dg_gemm)
        (DG_CONTINUE, n, w->e, m, w->p, 1, w->line, (const real *)c->eps[0] + in_o(w, i),
         w->out_columns, 1, NULL, (real *)c->delta[V] + in_v(w), w->out_columns, w->scratch);
        if (errors)
            score_errors(c, w, i, m);
        if (has_mask(c) && c->delta[MASK])
            give_mask(c, w, i, m);
        if (c->delta[Q] || c->delta[K])
            give_scores(c, w, i, m);
    }
}

/* The rows of a mask that has rows, else all of it. */
static void clear_mask(const dg_call *c)
{
    const dg_shape *m = &c->in_shape[MASK];
    int by_rows = m->rank == 4 && m->dim[0] != 1;
    int64_t row = by_rows ? dg_shape_row(m) : dg_shape_count(m);
    int64_t first = by_rows ? c->row0 : 0, end = by_rows ? c->row1 : 1;
    DG_T(dg_fill)((end - first) * row, 0, (real *)c->delta[MASK] + first * row);
}

static dg_status adjoint(const dg_call *c)
{
    if (has_mask(c) && c->delta[MASK] && !c->add)
        clear_mask(c);
    each_head(c, adjoint_head);
    return DG_OK;
}

/* ds = scale (dq k^t + q dk^t) + dmask of rows i .. i+m-1; dk^t lies in w->second. */
static void score_tangents(const dg_call *c, const head *w, int64_t i, int64_t m)
{
    int64_t n = seen(w, i + m - 1);
    const real *dq = c->din[Q], *dmask = has_mask(c) ? c->din[MASK] : NULL;
    clear(m, n, w->line, w->ds);
    if (dq)
        DG_T(dg_gemm)
    (DG_WRITE, m, n, w->d, dq + in_q(w, i), w->columns, 1, w->first, w->line, 1, NULL, w->ds,
     w->line, w->scratch);
    if (c->din[K])
        DG_T(dg_gemm)
    (DG_ADD, m, n, w->d, (const real *)c->in[Q] + in_q(w, i), w->columns, 1, w->second, w->line, 1,
     NULL, w->ds, w->line, w->scratch);
    for (int64_t r = 0; r < m; r++)
        DG_T(dg_scale)(n, w->scale, w->ds + r * w->line, w->ds + r * w->line);
    if (dmask)
        add_mask(c, w, dmask, i, m, w->ds);
}

static void tangent_head(const dg_call *c, const head *w)
{
    const real *dv = c->din[V];
    DG_T(dg_transpose)
    (w->s, w->d, (const real *)c->in[K] + in_k(w), w->columns, w->first, w->line);
    if (c->din[K])
        DG_T(dg_transpose)
    (w->s, w->d, (const real *)c->din[K] + in_k(w), w->columns, w->second, w->line);
    for (int64_t i = 0; i < w->t; i += BLOCK) {
        int64_t m = smaller(BLOCK, w->t - i), n = seen(w, i + m - 1);
        real *o = (real *)c->dout[0] + in_o(w, i);
        probabilities(c, w, i, m);
        score_tangents(c, w, i, m);
        through_softmax(w, m, n);
        mean_of(w, DG_WRITE, m, n, w->ds, (const real *)c->in[V] + in_v(w), o);
        if (dv)
            mean_of(w, DG_ADD, m, n, w->p, dv + in_v(w), o);
    }
}

static dg_status tangent(const dg_call *c)
{
    each_head(c, tangent_head);
    return DG_OK;
}

const dg_math DG_T(dg_math_attention) = {forward, adjoint, tangent};

#endif
