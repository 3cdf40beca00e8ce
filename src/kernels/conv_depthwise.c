/* Convolution of each channel on its own (contract: kernels/kernels.h): groups = c = k.
 *
 * Forward. Positions fall into rectangles that use the same taps, as in conv_direct.c. There a tile
 * of up to TILE positions of a row is done VEC_N channels at a time: a weight, read once, times the
 * source of each position, the sums staying in registers through all taps. The input gradient is
 * the same with the roles turned, taps in reverse order.
 *
 * Weight gradient. PART channels are a part; of them VEC_N or twice as many at a time, and the taps
 * of a kernel row together, run over the pixels of a block. */
#include "kernels/axis.h"
#include "kernels/conv.h"

enum { TILE = 6, PART = 32, TAPS = 5 };

int DG_T(dg_conv_depthwise_fits)(const dg_conv *s)
{
    return s->groups > 1 && s->c == s->groups && s->k == s->groups && s->kh * s->kw <= DG_CHAIN;
}

/* Source [., width, c] to destination [., width_out, c]; weight of tap t at b + t b_step. */
typedef struct {
    int64_t c, width, width_out, taps_x, b_step;
    const real *a, *b, *bias;
    real *y;
} plane;

/* A masked store is slow on some processors, also where all lanes are stored. */
DG_INLINE void put(real *p, int m, vec v)
{
    if (m == VEC_N)
        vec_store(p, v);
    else
        vec_store_n(p, m, v);
}

/* n positions of a row, n a constant: channels k .. k+m-1. a, y: of the first position. */
DG_INLINE void tile(const plane *p, const dg_run *y, const dg_run *x, const real *a, real *to,
                    int64_t k, int m, const int n)
{
    const int64_t step = x->in_step * p->c, right = x->in_tap * p->c;
    const int64_t down = y->in_tap * p->width * p->c;
    const int64_t rows = x->taps ? y->taps : 0;
    vec s[TILE] = {0};
    for (int64_t u = 0; u < rows; u++) {
        const real *in = a + u * down + k;
        const real *w = p->b + ((y->tap + u * y->tap_step) * p->taps_x + x->tap) * p->b_step + k;
        for (int64_t v = 0; v < x->taps; v++) {
            const vec weight = dg_some(w, m);
            DG_UNROLL
            for (int q = 0; q < n; q++)
                s[q] = vec_fma(dg_some(in + q * step, m), weight, s[q]);
            in += right;
            w += x->tap_step * p->b_step;
        }
    }
    vec bias = vec_set1(0);
    if (p->bias)
        bias = dg_some(p->bias + k, m);
    DG_UNROLL
    for (int q = 0; q < n; q++) {
        if (p->bias)
            s[q] += bias;
        put(to + q * x->step * p->c + k, m, s[q]);
    }
}

DG_INLINE void tile_channels(const plane *p, const dg_run *y, const dg_run *x, const real *a,
                             real *to, const int n)
{
    int64_t k = 0;
    for (; p->c - k >= VEC_N; k += VEC_N)
        tile(p, y, x, a, to, k, VEC_N, n);
    if (k < p->c)
        tile(p, y, x, a, to, k, (int)(p->c - k), n);
}

static void rectangle(const plane *p, const dg_run *y, const dg_run *x)
{
    for (int64_t i = 0; i < y->count; i++)
        for (int64_t j = 0; j < x->count; j += TILE) {
            const real *a =
                p->a + ((y->in + i * y->in_step) * p->width + x->in + j * x->in_step) * p->c;
            real *to =
                p->y + ((y->first + i * y->step) * p->width_out + x->first + j * x->step) * p->c;
            if (x->count - j >= TILE) {
                tile_channels(p, y, x, a, to, TILE);
                continue;
            }
            int64_t q = 0, left = x->count - j;
            for (; left - q >= 2; q += 2)
                tile_channels(p, y, x, a + q * x->in_step * p->c, to + q * x->step * p->c, 2);
            if (q < left)
                tile_channels(p, y, x, a + q * x->in_step * p->c, to + q * x->step * p->c, 1);
        }
}

static size_t run_bytes(int64_t positions)
{
    return ((size_t)positions * sizeof(dg_run) + 63) / 64 * 64;
}

static void images(plane *p, int64_t n0, int64_t n1, const dg_axis *ay, const dg_axis *ax,
                   const real *from, int64_t from_size, real *to, int64_t to_size, void *scratch)
{
    dg_run *rx = scratch, *ry = (dg_run *)(void *)((char *)scratch + run_bytes(ax->positions));
    const int64_t nx = dg_runs(ax, rx), ny = dg_runs(ay, ry);
    for (int64_t n = n0; n < n1; n++) {
        p->a = from + n * from_size;
        p->y = to + n * to_size;
        for (int64_t i = 0; i < ny; i++)
            for (int64_t j = 0; j < nx; j++)
                rectangle(p, &ry[i], &rx[j]);
    }
}

static void forward(const dg_conv *s, int64_t n0, int64_t n1, const real *x, const real *w,
                    const real *b, real *y, void *scratch)
{
    const dg_axis ax = {s->ow, s->w, s->kw, s->stride_x, s->dilation_x, -s->left, 1};
    const dg_axis ay = {s->oh, s->h, s->kh, s->stride_y, s->dilation_y, -s->top, 1};
    plane p = {.c = s->c,
               .width = s->w,
               .width_out = s->ow,
               .taps_x = s->kw,
               .b_step = s->c,
               .b = w,
               .bias = b};
    images(&p, n0, n1, &ay, &ax, x, s->h * s->w * s->c, y, s->oh * s->ow * s->c, scratch);
}

static size_t forward_scratch(const dg_conv *s)
{
    return run_bytes(s->ow) + run_bytes(s->oh);
}

static void input(const dg_conv *s, int64_t n0, int64_t n1, const real *dy, const real *w, real *dx,
                  void *scratch)
{
    const dg_axis ax = {
        s->w, s->ow, s->kw, 1, s->dilation_x, s->left - (s->kw - 1) * s->dilation_x, s->stride_x};
    const dg_axis ay = {
        s->h, s->oh, s->kh, 1, s->dilation_y, s->top - (s->kh - 1) * s->dilation_y, s->stride_y};
    plane p = {.c = s->c,
               .width = s->ow,
               .width_out = s->w,
               .taps_x = s->kw,
               .b_step = -s->c,
               .b = w + (s->kh * s->kw - 1) * s->c};
    images(&p, n0, n1, &ay, &ax, dy, s->oh * s->ow * s->c, dx, s->h * s->w * s->c, scratch);
}

static size_t input_scratch(const dg_conv *s)
{
    return run_bytes(s->w) + run_bytes(s->h);
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

/* Of one image, rows y0 .. y1-1 and columns q0 .. q1-1 of dy: the block of a sum. */
typedef struct {
    const real *x, *dy;
    int64_t y0, y1, q0, q1;
} block;

/* Columns q .. end-1 of a row of dy, n taps from u0 on; edge: not all of them are inside. */
DG_INLINE void columns(const dg_conv *s, const real *x, const real *dy, int64_t q, int64_t end,
                       const int64_t x0[], const int64_t x1[], const int edge, const int n,
                       const int nv, int m, vec sum[TAPS][2])
{
    const int64_t step = s->dilation_x * s->c;
    for (; q < end; q++)
        DG_UNROLL
    for (int v = 0; v < nv; v++) {
        const vec e = dg_some(dy + q * s->c + v * VEC_N, m);
        const real *in = x + q * s->stride_x * s->c + v * VEC_N;
        DG_UNROLL
        for (int t = 0; t < n; t++)
            if (!edge || (q >= x0[t] && q < x1[t]))
                sum[t][v] = vec_fma(dg_some(in + t * step, m), e, sum[t][v]);
    }
}

/* Kernel row r, taps u0 .. u0+n-1, nv vectors of channels from k on, the last of m lanes. */
DG_INLINE void taps(const dg_conv *s, const block *b, int mode, int64_t r, int64_t u0, int64_t k,
                    const int n, const int nv, int m, real *dw)
{
    vec sum[TAPS][2] = {{{0}}};
    int64_t x0[TAPS], x1[TAPS], first, end, low = b->q1, high = b->q0, from = b->q0, to = b->q1;
    range(r, s->h, s->oh, s->stride_y, s->dilation_y, s->top, &first, &end);
    for (int t = 0; t < n; t++) {
        range(u0 + t, s->w, s->ow, s->stride_x, s->dilation_x, s->left, &x0[t], &x1[t]);
        x0[t] = dg_max(x0[t], b->q0);
        x1[t] = dg_max(dg_min(x1[t], b->q1), x0[t]);
        low = dg_min(low, x0[t]);
        high = dg_max(high, x1[t]);
        from = dg_max(from, x0[t]);
        to = dg_min(to, x1[t]);
    }
    if (from >= to)
        from = to = high; /* no column has all of the taps */
    for (int64_t i = dg_max(first, b->y0); i < dg_min(end, b->y1); i++) {
        const int64_t row = i * s->stride_y + r * s->dilation_y - s->top;
        const real *x = b->x + (row * s->w + u0 * s->dilation_x - s->left) * s->c + k;
        const real *dy = b->dy + i * s->ow * s->c + k;
        columns(s, x, dy, low, from, x0, x1, 1, n, nv, m, sum);
        columns(s, x, dy, from, to, x0, x1, 0, n, nv, m, sum);
        columns(s, x, dy, to, high, x0, x1, 1, n, nv, m, sum);
    }
    for (int t = 0; t < n; t++)
        for (int v = 0; v < nv; v++) {
            real *d = dw + (r * s->kw + u0 + t) * s->c + k + v * VEC_N;
            if (mode == DG_ADD)
                sum[t][v] = vec_load_n(d, m) + sum[t][v];
            put(d, m, sum[t][v]);
        }
}

DG_INLINE void tap_rows(const dg_conv *s, const block *b, int mode, int64_t k, const int nv, int m,
                        real *dw)
{
    for (int64_t r = 0; r < s->kh; r++)
        for (int64_t u = 0; u < s->kw;) {
            const int64_t left = s->kw - u;
            if (left >= 5)
                taps(s, b, mode, r, u, k, 5, nv, m, dw), u += 5;
            else if (left >= 3)
                taps(s, b, mode, r, u, k, 3, nv, m, dw), u += 3;
            else
                taps(s, b, mode, r, u, k, 1, nv, m, dw), u += 1;
        }
}

/* All of a part's channels, in one block. */
static void add_block(const dg_conv *s, const block *b, int mode, int64_t k, int64_t end, real *dw)
{
    for (; end - k >= 2 * VEC_N; k += 2 * VEC_N)
        tap_rows(s, b, mode, k, 2, VEC_N, dw);
    for (; k < end; k += VEC_N)
        tap_rows(s, b, mode, k, 1, (int)dg_min(VEC_N, end - k), dw);
}

static void weight(const dg_conv *s, int part, int64_t images, const real *x, const real *dy,
                   int add, real *dw, void *scratch)
{
    const int64_t rows = dg_max(DG_CHAIN / s->ow, 1), ny = (s->oh + rows - 1) / rows;
    const int64_t nx = (s->ow + DG_CHAIN - 1) / DG_CHAIN;
    const int64_t k = (int64_t)part * PART, end = dg_min(s->c, k + PART);
    (void)scratch;
    if (!images && !add) {
        const block none = {x, dy, 0, 0, 0, 0};
        add_block(s, &none, DG_WRITE, k, end, dw);
    }
    for (int64_t n = 0; n < images; n++)
        for (int64_t i = 0; i < ny * nx; i++) {
            const int64_t iy = i / nx, ix = i % nx;
            const block b = {x + n * s->h * s->w * s->c,
                             dy + n * s->oh * s->ow * s->c,
                             iy * s->oh / ny,
                             (iy + 1) * s->oh / ny,
                             ix * s->ow / nx,
                             (ix + 1) * s->ow / nx};
            add_block(s, &b, add || n || i ? DG_ADD : DG_WRITE, k, end, dw);
        }
}

static size_t no_scratch(const dg_conv *s)
{
    (void)s;
    return 0;
}

static int parts_of(const dg_conv *s)
{
    return (int)((s->c + PART - 1) / PART);
}

const DG_T(dg_conv_forward)
    DG_T(dg_conv_depthwise_forward) = {"depthwise", forward, forward_scratch};
const DG_T(dg_conv_input) DG_T(dg_conv_depthwise_input) = {"depthwise", input, input_scratch};
const DG_T(dg_conv_weight)
    DG_T(dg_conv_depthwise_weight) = {"depthwise", weight, no_scratch, parts_of};
