/* Direct convolution of any shape (contract: kernels/kernels.h).
 *
 * Forward. The positions of an image fall into rectangles in which all use the same taps. There a
 * row of pixels is a small product: A = the image itself, seen with a row stride of one pixel
 * (channels last make the taps of a kernel row and their channels one contiguous k), B = the
 * weights, C = the row of y. No copy, no padding, no product with a zero. The taps of a rectangle
 * are one sum over k, cut as kernels.h says, in whole kernel rows where they fit.
 *
 * The input gradient is the same with the roles turned: positions are those of x, the image is dy,
 * the weights are transposed and turned around, once a call, in scratch.
 *
 * The weight gradient is, for a tap, the sum over pixels of (pixel of x)^T (pixel of dy): A = x
 * transposed, with strides, B = dy. */
#include "kernels/axis.h"
#include "kernels/conv.h"

/* What a pass of the forward kind reads: source [height, width, groups k], weights [taps_y, taps_x,
 * k, row], destination [., width_out, row], row = groups n. */
typedef struct {
    int64_t k, n, groups, width, width_out, row, taps_x;
    const real *a, *b, *bias;
    real *c;
} plane;

/* One rectangle, with the sum over k cut to its taps py .. py + ny - 1, px .. px + nx - 1 and
 * channels k0 .. k0 + k - 1 of the rectangle's own. */
typedef struct {
    int64_t py, ny, px, nx, k0, k;
} cut;

/* Asks for n numbers that are used some microseconds from now. */
static void prefetch(const real *p, int64_t n)
{
    for (int64_t i = 0; i < n; i += 64 / (int64_t)sizeof(real))
        __builtin_prefetch(p + i, 0, 2);
}

/* Lines ahead of the one in work: far enough for memory, near enough for the second cache. */
enum { AHEAD = 4 };

static void rectangle(const plane *p, const dg_run *y, const dg_run *x, const cut *u, int mode,
                      int last)
{
    const int64_t in = p->groups * p->k; /* channels of the source */
    const int joins = p->groups == 1 && x->tap_step == 1 && x->in_tap == 1 && u->k == p->k;
    const int64_t row_in = y->in_step * p->width * in, row_out = y->step * p->width_out * p->row;
    const int64_t pixel_in = x->in_step * in, pixel_out = x->step * p->row;
    const int along = x->count >= y->count || x->count > 8; /* tiles along x */
    const int64_t lines = along ? y->count : x->count;
    dg_block g = {.mode = mode,
                  .m = along ? x->count : y->count,
                  .n = p->n,
                  .k = joins ? u->nx * p->k : u->k,
                  .outer = u->ny,
                  .inner = joins ? 1 : u->nx,
                  .a_row = along ? pixel_in : row_in,
                  .a_col = 1,
                  .a_outer = y->in_tap * p->width * in,
                  .a_inner = x->in_tap * in,
                  .b_row = p->row,
                  .b_outer = y->tap_step * p->taps_x * p->k * p->row,
                  .b_inner = x->tap_step * p->k * p->row,
                  .c_row = along ? pixel_out : row_out};
    const real *a =
        p->a + ((y->in + u->py * y->in_tap) * p->width + x->in + u->px * x->in_tap) * in + u->k0;
    const real *b = p->b +
                    ((y->tap + u->py * y->tap_step) * p->taps_x + x->tap + u->px * x->tap_step) *
                        p->k * p->row +
                    u->k0 * p->row;
    real *c = p->c + (y->first * p->width_out + x->first) * p->row;
    const int64_t lowest = (u->ny - 1) * g.a_outer; /* the last row that a line reads */
    for (int64_t j = 0; j < p->groups; j++)
        for (int64_t i = 0; i < lines; i++) {
            if (along && !j) {
                prefetch(a + lowest + (i + AHEAD - 1) * row_in, g.m * pixel_in);
                prefetch(c + (i + AHEAD) * row_out, g.m * pixel_out);
            }
            g.a = a + j * p->k + i * (along ? row_in : pixel_in);
            g.b = b + j * p->n;
            g.c = c + j * p->n + i * (along ? row_out : pixel_out);
            g.bias = last && p->bias ? p->bias + j * p->n : NULL;
            DG_T(dg_brgemm)(&g);
        }
}

/* The sum over the taps of a rectangle in blocks of at most DG_CHAIN: whole rows of taps if they
 * fit, else whole taps, else pieces of a tap's channels. */
static void blocks(const plane *p, const dg_run *y, const dg_run *x)
{
    const int64_t ty = dg_max(y->taps && x->taps ? y->taps : 0, 1), tx = dg_max(x->taps, 1);
    const int64_t rows = DG_CHAIN / (tx * p->k), taps = DG_CHAIN / p->k;
    const int64_t ny = rows ? (ty + rows - 1) / rows : ty;
    const int64_t nx = rows ? 1 : taps ? (tx + taps - 1) / taps : tx;
    const int64_t nk = taps ? 1 : (p->k + DG_CHAIN - 1) / DG_CHAIN, n = ny * nx * nk;
    for (int64_t i = 0; i < n; i++) {
        const int64_t iy = i / (nx * nk), ix = i / nk % nx, ik = i % nk;
        cut u = {iy * ty / ny, 0, ix * tx / nx, 0, ik * p->k / nk, 0};
        u.ny = (iy + 1) * ty / ny - u.py;
        u.nx = (ix + 1) * tx / nx - u.px;
        u.k = (ik + 1) * p->k / nk - u.k0;
        if (!y->taps || !x->taps)
            u.ny = 0; /* an empty sum */
        rectangle(p, y, x, &u, i ? DG_ADD : DG_WRITE, i == n - 1);
    }
}

/* Weights beyond half of the second cache are used panel by panel, each for a whole image. */
static void image(const plane *p, int64_t taps, const dg_run *y, int64_t ny, const dg_run *x,
                  int64_t nx)
{
    const int64_t size = taps * p->k * p->n * (int64_t)sizeof(real);
    plane q = *p;
    for (int64_t j = 0; j < p->n; j += q.n) {
        q.n = p->groups > 1 || size <= 512 * 1024 ? p->n : dg_min(DG_PANEL, p->n - j);
        q.b = p->b + j;
        q.c = p->c + j;
        q.bias = p->bias ? p->bias + j : NULL;
        for (int64_t iy = 0; iy < ny; iy++)
            for (int64_t ix = 0; ix < nx; ix++)
                blocks(&q, &y[iy], &x[ix]);
    }
}

static size_t run_bytes(int64_t positions)
{
    return ((size_t)positions * sizeof(dg_run) + 63) / 64 * 64;
}

static void forward(const dg_conv *s, int64_t n0, int64_t n1, const real *x, const real *w,
                    const real *b, real *y, void *scratch)
{
    const dg_axis ax = {s->ow, s->w, s->kw, s->stride_x, s->dilation_x, -s->left, 1};
    const dg_axis ay = {s->oh, s->h, s->kh, s->stride_y, s->dilation_y, -s->top, 1};
    dg_run *rx = scratch, *ry = (dg_run *)(void *)((char *)scratch + run_bytes(s->ow));
    const int64_t nx = dg_runs(&ax, rx), ny = dg_runs(&ay, ry);
    plane p = {.k = s->c / s->groups,
               .n = s->k / s->groups,
               .groups = s->groups,
               .width = s->w,
               .width_out = s->ow,
               .row = s->k,
               .taps_x = s->kw,
               .b = w,
               .bias = b};
    for (int64_t n = n0; n < n1; n++) {
        p.a = x + n * s->h * s->w * s->c;
        p.c = y + n * s->oh * s->ow * s->k;
        image(&p, s->kh * s->kw, ry, ny, rx, nx);
    }
}

static size_t forward_scratch(const dg_conv *s)
{
    return run_bytes(s->ow) + run_bytes(s->oh);
}

/* w [kh, kw, c / groups, k] -> [kh, kw, k / groups, c], taps in reverse order. */
static void turn(const dg_conv *s, const real *w, real *to)
{
    const int64_t taps = s->kh * s->kw, c = s->c / s->groups, k = s->k / s->groups;
    for (int64_t t = 0; t < taps; t++)
        for (int64_t j = 0; j < s->groups; j++)
            DG_T(dg_transpose)
    (c, k, w + t * c * s->k + j * k, s->k, to + (taps - 1 - t) * k * s->c + j * c, s->c);
}

static void input(const dg_conv *s, int64_t n0, int64_t n1, const real *dy, const real *w, real *dx,
                  void *scratch)
{
    const dg_axis ax = {
        s->w, s->ow, s->kw, 1, s->dilation_x, s->left - (s->kw - 1) * s->dilation_x, s->stride_x};
    const dg_axis ay = {
        s->h, s->oh, s->kh, 1, s->dilation_y, s->top - (s->kh - 1) * s->dilation_y, s->stride_y};
    dg_run *rx = scratch, *ry = (dg_run *)(void *)((char *)scratch + run_bytes(s->w));
    real *turned = (real *)(void *)((char *)ry + run_bytes(s->h));
    const int64_t nx = dg_runs(&ax, rx), ny = dg_runs(&ay, ry);
    plane p = {.k = s->k / s->groups,
               .n = s->c / s->groups,
               .groups = s->groups,
               .width = s->ow,
               .width_out = s->w,
               .row = s->c,
               .taps_x = s->kw,
               .b = turned};
    turn(s, w, turned);
    for (int64_t n = n0; n < n1; n++) {
        p.a = dy + n * s->oh * s->ow * s->k;
        p.c = dx + n * s->h * s->w * s->c;
        image(&p, s->kh * s->kw, ry, ny, rx, nx);
    }
}

static size_t input_scratch(const dg_conv *s)
{
    const size_t weights = (size_t)(s->kh * s->kw * (s->c / s->groups) * s->k) * sizeof(real);
    return run_bytes(s->w) + run_bytes(s->h) + weights;
}

/* Positions o for which tap t falls on 0 <= o stride + t dilation - pad < n. */
static void range(int64_t t, int64_t n, int64_t positions, int64_t stride, int64_t dilation,
                  int64_t pad, int64_t *first, int64_t *end)
{
    const int64_t off = t * dilation - pad;
    *first = off < 0 ? (-off + stride - 1) / stride : 0;
    *end = n - 1 - off < 0 ? 0 : dg_min(positions, (n - 1 - off) / stride + 1);
    if (*first > *end)
        *first = *end;
}

/* A part of dw is a kernel row and at most CHUNK input channels of each group: its taps read the
 * same rows of x and dy, which stay in the second cache between them. */
enum { CHUNK = 32 };

static int64_t chunks(const dg_conv *s)
{
    return (s->c / s->groups + CHUNK - 1) / CHUNK;
}

/* What is fixed in a part, but for group j: kernel row, channels c0 .. c0 + c - 1 of a group. */
typedef struct {
    const dg_conv *s;
    int64_t row, c0, c, j;
} piece;

/* One block of pixels of one image, rows y0 .. y1-1 and columns q0 .. q1-1 of dy: those that fall
 * on padding are left out. */
static void pixels(const piece *p, int mode, const real *x, const real *dy, int64_t y0, int64_t y1,
                   int64_t q0, int64_t q1, real *dw)
{
    const dg_conv *s = p->s;
    const int64_t c = s->c / s->groups, k = s->k / s->groups;
    int64_t first, end;
    range(p->row, s->h, s->oh, s->stride_y, s->dilation_y, s->top, &first, &end);
    first = dg_max(first, y0);
    end = dg_min(end, y1);
    for (int64_t u = 0; u < s->kw; u++) {
        int64_t x0, x1;
        range(u, s->w, s->ow, s->stride_x, s->dilation_x, s->left, &x0, &x1);
        x0 = dg_max(x0, q0);
        x1 = dg_min(x1, q1);
        dg_block g = {.mode = mode,
                      .m = p->c,
                      .n = k,
                      .k = dg_max(x1 - x0, 0),
                      .outer = dg_max(end - first, 0),
                      .inner = 1,
                      .a_row = 1,
                      .a_col = s->stride_x * s->c,
                      .a_outer = s->stride_y * s->w * s->c,
                      .b_row = s->k,
                      .b_outer = s->ow * s->k,
                      .c_row = s->k,
                      .a = x,
                      .b = dy,
                      .c = dw + ((p->row * s->kw + u) * c + p->c0) * s->k + p->j * k};
        if (g.k && g.outer) { /* else the sum is 0, and no place in x belongs to it */
            const int64_t iy = first * s->stride_y + p->row * s->dilation_y - s->top;
            const int64_t ix = x0 * s->stride_x + u * s->dilation_x - s->left;
            g.a = x + (iy * s->w + ix) * s->c + p->j * c + p->c0;
            g.b = dy + (first * s->ow + x0) * s->k + p->j * k;
        }
        DG_T(dg_brgemm)(&g);
    }
}

static void weight(const dg_conv *s, int part, int64_t images, const real *x, const real *dy,
                   int add, real *dw, void *scratch)
{
    const int64_t rows = dg_max(DG_CHAIN / s->ow, 1), ny = (s->oh + rows - 1) / rows;
    const int64_t nx = (s->ow + DG_CHAIN - 1) / DG_CHAIN, c = s->c / s->groups, parts = chunks(s);
    piece p = {.s = s, .row = part / parts, .c0 = part % parts * c / parts};
    p.c = (part % parts + 1) * c / parts - p.c0;
    (void)scratch;
    for (p.j = 0; p.j < s->groups; p.j++) {
        if (!images && !add) /* no images: all sums are 0 */
            pixels(&p, DG_WRITE, x, dy, 0, 0, 0, 0, dw);
        for (int64_t n = 0; n < images; n++)
            for (int64_t i = 0; i < ny * nx; i++) {
                const int64_t iy = i / nx, ix = i % nx;
                pixels(&p, add || n || i ? DG_ADD : DG_WRITE, x + n * s->h * s->w * s->c,
                       dy + n * s->oh * s->ow * s->k, iy * s->oh / ny, (iy + 1) * s->oh / ny,
                       ix * s->ow / nx, (ix + 1) * s->ow / nx, dw);
            }
    }
}

static size_t no_scratch(const dg_conv *s)
{
    (void)s;
    return 0;
}

static int parts_of(const dg_conv *s)
{
    return (int)(s->kh * chunks(s));
}

const DG_T(dg_conv_forward) DG_T(dg_conv_direct_forward) = {"direct", forward, forward_scratch};
const DG_T(dg_conv_input) DG_T(dg_conv_direct_input) = {"direct", input, input_scratch};
const DG_T(dg_conv_weight) DG_T(dg_conv_direct_weight) = {"direct", weight, no_scratch, parts_of};
