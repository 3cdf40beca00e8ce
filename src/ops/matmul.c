/* matmul: products of the matrices in the last two axes; the axes before them broadcast (ONNX).
 *
 *     y[l] = a[la] b[lb]                 a [..., m, k], b [..., k, n], y [..., m, n]
 *     A1^t eps = sum of eps[l] b[lb]^t   over those l that a[la] was stretched to
 *     A2^t eps = sum of a[la]^t eps[l]   over those l that b[lb] was stretched to
 *     dy[l] = da[la] b[lb] + a[la] db[lb]
 *
 * Where y is a matrix, its rows may be a batch: the sum over them in A2^t eps is then one chain. */
#include "ops/op.h"

enum { A, B, INPUTS };
enum { TILE = 128, MOST_PARTS = 64 }; /* rows of a product in one task; parts of a call */

/* Product l of `count` has matrix l1 of a and l2 of b, found by its place along the leading
 * axes. */
typedef struct {
    int rank;                                            /* of the leading axes */
    int64_t dim[DG_MAX_RANK], step[INPUTS][DG_MAX_RANK]; /* step 0: stretched */
    int64_t count, each[INPUTS];                         /* matrices: of y, of a and b */
    int64_t m, n, k;
} plan;

static plan plan_of(const dg_shape in[], const dg_shape *out)
{
    plan p = {.rank = out->rank - 2, .count = 1, .each = {1, 1}};
    for (int i = p.rank - 1; i >= 0; i--) {
        p.dim[i] = out->dim[i];
        p.count *= p.dim[i];
        for (int k = 0; k < INPUTS; k++) {
            int at = in[k].rank - out->rank + i;
            int64_t d = at < 0 ? 1 : in[k].dim[at];
            p.step[k][i] = d == 1 ? 0 : p.each[k];
            p.each[k] *= d;
        }
    }
    p.m = in[A].dim[in[A].rank - 2];
    p.k = in[A].dim[in[A].rank - 1];
    p.n = in[B].dim[in[B].rank - 1];
    return p;
}

#ifndef DG_REAL
#include "ops/sizes.h"

static const dg_input_spec inputs[] = {{.name = "a"}, {.name = "b"}};

static dg_status refuse(const dg_shape in[], const char *rule, dg_diag *why)
{
    char a[128], b[128];
    return dg_diag_set(why, DG_EMODEL, "matmul: a %s and b %s: %s",
                       dg_shape_text(&in[A], a, sizeof a), dg_shape_text(&in[B], b, sizeof b),
                       rule);
}

/* The length that two axes broadcast to; -2: they do not. */
static int64_t broadcast(int64_t a, int64_t b)
{
    return a == b || b == 1 ? a : a == 1 ? b : -2;
}

static dg_status shape(const dg_attrs *attrs, int n_in, const dg_shape in[], dg_shape out[],
                       dg_diag *why)
{
    (void)attrs;
    (void)n_in;
    int ra = in[A].rank, rb = in[B].rank, rank = ra > rb ? ra : rb;
    if (ra < 2 || rb < 2)
        return refuse(in, "both need two axes or more; reshape a vector to a row or a column", why);
    if (in[A].dim[ra - 1] != in[B].dim[rb - 2])
        return refuse(in, "the last axis of a must be as long as the last but one of b", why);
    out[0] = (dg_shape){.rank = rank};
    for (int i = 0; i < rank - 2; i++) {
        int64_t a = i < rank - ra ? 1 : in[A].dim[i - rank + ra];
        int64_t b = i < rank - rb ? 1 : in[B].dim[i - rank + rb];
        out[0].dim[i] = broadcast(a, b);
        if (out[0].dim[i] == -2)
            return refuse(in, "axes before the last two must be equal, or 1 in one of them", why);
    }
    out[0].dim[rank - 2] = in[A].dim[ra - 2];
    out[0].dim[rank - 1] = in[B].dim[rb - 1];
    for (int i = 1; i < rank; i++)
        if (out[0].dim[i] == DG_N)
            return refuse(in, "the batch axis N must be the first of the result", why);
    return DG_OK;
}

static dg_shape result_of(const dg_shape in[])
{
    dg_shape out = {0};
    shape(NULL, INPUTS, in, &out, NULL);
    return out;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static void bytes(const dg_sizes *of, dg_bytes *bytes)
{
    dg_shape out = result_of(of->in);
    plan p = plan_of(of->in, &out);
    bytes->scratch = larger(dg_gemm_scratch(of->real, p.m, p.n, p.k, 1),
                            larger(dg_gemm_scratch(of->real, p.m, p.k, p.n, p.n),
                                   dg_gemm_scratch(of->real, p.k, p.n, p.m, 1)));
}

static int parts(const dg_sizes *of, int input)
{
    dg_shape out = result_of(of->in);
    plan p = plan_of(of->in, &out);
    int64_t tiles = ((input == B ? p.k : p.m) + TILE - 1) / TILE;
    double tasks = (double)tiles * (double)(input < 0 ? p.count : p.each[input]);
    return tasks > MOST_PARTS ? MOST_PARTS : tasks < 1 ? 1 : (int)tasks;
}

static double flops(const dg_sizes *of, int input)
{
    (void)input;
    dg_shape out = result_of(of->in);
    plan p = plan_of(of->in, &out);
    return 2.0 * (double)p.count * (double)p.m * (double)p.n * (double)p.k;
}

static const dg_case cases[] = {
    {"n,a; a,b", "", "uniform(-1,1)", HUGE_VAL},
    {"n,t,a; n,a,b", "", "uniform(-1,1)", HUGE_VAL},
    {"n,t,a; a,b", "", "uniform(-1,1)", HUGE_VAL},
    {"t,a; n,a,b", "", "uniform(-1,1)", HUGE_VAL},
    {"n,1,t,a; 3,a,b", "", "uniform(-1,1)", HUGE_VAL},
    {"n,2,3,a; 2,a,1", "", "uniform(-1,1)", HUGE_VAL},
    {"n,150; 150,33", "", "uniform(-1,1)", HUGE_VAL},
};

const dg_node_type dg_op_matmul = {
    .size = sizeof(dg_node_type),
    .name = "matmul",
    .formula = "y = a b",
    .onnx = "MatMul",
    .inputs = inputs,
    .n_inputs = INPUTS,
    .n_out = 1,
    .flags = DG_ACCUMULATES,
    .saves_in = 1 << A | 1 << B,
    .shape = shape,
    .bytes = bytes,
    .parts = parts,
    .flops = flops,
    .cases = cases,
    .n_cases = DG_COUNT(cases),
};

#else

/* A task is TILE rows of one matrix; the call has tasks begin .. end - 1. */
typedef struct {
    int64_t begin, end, tiles;
} share;

static share share_of(const dg_call *c, int64_t matrices, int64_t rows)
{
    int64_t tiles = (rows + TILE - 1) / TILE, tasks = matrices * tiles;
    int64_t each = tasks / c->parts, over = tasks % c->parts, k = c->part;
    return (share){k * each + (k < over ? k : over), (k + 1) * each + (k + 1 < over ? k + 1 : over),
                   tiles};
}

static int64_t rows_in(int64_t tile, int64_t rows)
{
    return rows - tile * TILE < TILE ? rows - tile * TILE : TILE;
}

/* The matrices of product l. */
static void place(const plan *p, int64_t l, int64_t at[INPUTS])
{
    at[A] = at[B] = 0;
    for (int i = p->rank - 1; i >= 0; i--) {
        int64_t k = l % p->dim[i];
        at[A] += k * p->step[A][i];
        at[B] += k * p->step[B][i];
        l /= p->dim[i];
    }
}

/* Tile t of y[l] = a b, or += it. */
static void product(const plan *p, int mode, int64_t l, int64_t t, const real *a, const real *b,
                    real *y, void *scratch)
{
    int64_t at[INPUTS], row = t * TILE;
    place(p, l, at);
    DG_T(dg_gemm)
    (mode, rows_in(t, p->m), p->n, p->k, a + (at[A] * p->m + row) * p->k, p->k, 1,
     b + at[B] * p->k * p->n, p->n, 1, NULL, y + (l * p->m + row) * p->n, p->n, scratch);
}

static dg_status forward(const dg_call *c)
{
    plan p = plan_of(c->in_shape, &c->out_shape[0]);
    share s = share_of(c, p.count, p.m);
    for (int64_t i = s.begin; i < s.end; i++)
        product(&p, DG_WRITE, i / s.tiles, i % s.tiles, c->in[A], c->in[B], c->out[0], c->scratch);
    return DG_OK;
}

static dg_status tangent(const dg_call *c)
{
    plan p = plan_of(c->in_shape, &c->out_shape[0]);
    share s = share_of(c, p.count, p.m);
    const void *da = c->din[A], *db = c->din[B];
    for (int64_t i = s.begin; i < s.end; i++) {
        int64_t l = i / s.tiles, t = i % s.tiles, at = (l * p.m + t * TILE) * p.n;
        if (da)
            product(&p, DG_WRITE, l, t, da, c->in[B], c->dout[0], c->scratch);
        if (db)
            product(&p, da ? DG_ADD : DG_WRITE, l, t, c->in[A], db, c->dout[0], c->scratch);
        if (!da && !db)
            DG_T(dg_fill)(rows_in(t, p.m) * p.n, 0, (real *)c->dout[0] + at);
    }
    return DG_OK;
}

/* Tile t of A1^t eps for matrix `at` of a. */
static void product_a(const dg_call *c, const plan *p, int mode, int64_t l, int64_t at, int64_t b,
                      int64_t t)
{
    int64_t row = t * TILE;
    DG_T(dg_gemm)
    (mode, rows_in(t, p->m), p->k, p->n, (const real *)c->eps[0] + (l * p->m + row) * p->n, p->n, 1,
     (const real *)c->in[B] + b * p->k * p->n, 1, p->n, NULL,
     (real *)c->delta[A] + (at * p->m + row) * p->k, p->k, c->scratch);
}

/* Tile t of A2^t eps for matrix `at` of b. */
static void product_b(const dg_call *c, const plan *p, int mode, int64_t l, int64_t at, int64_t a,
                      int64_t t)
{
    int64_t row = t * TILE;
    DG_T(dg_gemm)
    (mode, rows_in(t, p->k), p->n, p->m, (const real *)c->in[A] + a * p->m * p->k + row, 1, p->k,
     (const real *)c->eps[0] + l * p->m * p->n, p->n, 1, NULL,
     (real *)c->delta[B] + (at * p->k + row) * p->n, p->n, c->scratch);
}

/* The product that uses matrix `at` of input k for the j-th time; they are in rising order. */
static int64_t use_of(const plan *p, int k, int64_t at, int64_t j)
{
    int64_t l = 0, stride = 1;
    for (int i = p->rank - 1; i >= 0; i--) {
        int64_t step = p->step[k][i];
        l += stride * (step ? at / step % p->dim[i] : j % p->dim[i]);
        j = step ? j : j / p->dim[i];
        stride *= p->dim[i];
    }
    return l;
}

/* Tile t of the gradient of matrix `at`: its products, added in their order. One chain that starts
 * at the old value is what a batch in parts needs where the rows of y are the batch. */
static void gradient(const dg_call *c, const plan *p, int k, int64_t at, int64_t t)
{
    int64_t rows = k == A ? p->m : p->k, width = k == A ? p->k : p->n;
    int64_t uses = p->count / p->each[k], pair[INPUTS];
    int chain = k == B && p->rank == 0;
    int mode = chain ? DG_CONTINUE : c->add ? DG_ADD : DG_WRITE;
    if (!c->add && (chain || uses == 0))
        DG_T(dg_fill)
    (rows_in(t, rows) * width, 0, (real *)c->delta[k] + (at * rows + t * TILE) * width);
    for (int64_t j = 0; j < uses; j++) {
        int64_t l = use_of(p, k, at, j);
        place(p, l, pair);
        if (k == A)
            product_a(c, p, mode, l, at, pair[B], t);
        else
            product_b(c, p, mode, l, at, pair[A], t);
        mode = chain ? DG_CONTINUE : DG_ADD;
    }
}

static dg_status adjoint(const dg_call *c)
{
    plan p = plan_of(c->in_shape, &c->out_shape[0]);
    for (int k = 0; k < INPUTS; k++) {
        share s = share_of(c, p.each[k], k == A ? p.m : p.k);
        for (int64_t i = s.begin; c->delta[k] && i < s.end; i++)
            gradient(c, &p, k, i / s.tiles, i % s.tiles);
    }
    return DG_OK;
}

const dg_math DG_T(dg_math_matmul) = {forward, adjoint, tangent};

#endif
