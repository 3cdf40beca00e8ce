/* Winograd's convolution F(4x4, 3x3), forward and input gradient (contract: kernels/kernels.h, the
 * mathematics: kernels/winograd.h).
 *
 * The window is transformed once a call: 36 planes [c, k]. Tiles of all images follow one another;
 * a block of them is transformed to [tiles, 36, c], multiplied plane by plane to [tiles, 36, k],
 * and transformed to results: all of a block stays in the second cache, and the planes of a tile
 * lie together, since a processor stores into few pages at a time. Between the products the next
 * block and the places of the results are asked for: tiles are small squares, which no processor
 * foresees.
 *
 * The input gradient is the same over dy, with the window turned and its channels swapped. */
#include "kernels/winograd.h"

enum {
    TILES = 28,         /* of a block, at most: two or five times the rows of a micro-kernel */
    WINDOW = 256 * 256, /* c k whose planes are made at once, at most */
    CACHED = 128 * 128, /* c k whose planes stay in the second cache */
    SKEW = 16           /* between tiles, so that they do not meet in the same places of a cache */
};

/* The scratch of a pass that reads c channels and writes k, in numbers: windows, patches, products,
 * zeros, turned windows. */
typedef struct {
    int64_t panel;                            /* output channels at a time */
    int64_t width_in, width_out;              /* channels of a plane of a tile */
    int64_t plane_w, tile_in, tile_out;       /* distances of planes, of tiles */
    int64_t patches, products, zeros, turned; /* offsets after the windows */
} layout;

static layout layout_of(int64_t c, int64_t k)
{
    layout r = {.width_in = dg_padded(c)};
    r.panel = dg_max(dg_min(dg_padded(k), WINDOW / dg_padded(c) / DG_LANES * DG_LANES), DG_LANES);
    r.width_out = r.panel;
    r.plane_w = c * r.width_out + DG_PLANE_SKEW;
    r.tile_in = DG_PLANES * r.width_in + SKEW;
    r.tile_out = DG_PLANES * r.width_out + SKEW;
    r.patches = DG_PLANES * r.plane_w;
    r.products = r.patches + TILES * r.tile_in;
    r.zeros = r.products + TILES * r.tile_out;
    r.turned = r.zeros + DG_PATCH * c;
    return r;
}

/* A pass: source x by `in`, results y [out.h, out.w, out.c] by `out` (a tile has 4x4 of them), the
 * window w [3, 3, c, k], from the last tap to the first if `turned`. */
typedef struct {
    dg_tiling in, out;
    layout r;
    const real *x, *w, *bias;
    real *y, *scratch;
    int turned;
} pass;

/* G g G^T of n <= VEC_N output channels. */
DG_INLINE void window(const real *w, int64_t step, int n, real *to, int64_t plane)
{
    vec half[18], in[3], out[6];
    DG_ROLLED
    for (int j = 0; j < 3; j++) {
        DG_UNROLL
        for (int i = 0; i < 3; i++)
            in[i] = dg_some(w + (i * 3 + j) * step, n);
        dg_line_window(in, out);
        DG_UNROLL
        for (int i = 0; i < 6; i++)
            half[i * 3 + j] = out[i];
    }
    DG_ROLLED
    for (int i = 0; i < 6; i++, to += 6 * plane) {
        dg_line_window(half + i * 3, out);
        DG_UNROLL
        for (int j = 0; j < 6; j++)
            vec_store(to + j * plane, out[j]);
    }
}

/* The planes of output channels k0 .. k0 + n - 1. */
static void windows(const pass *p, int64_t k0, int64_t n)
{
    const int64_t c = p->in.c, k = p->out.c, step = p->turned ? -c * k : c * k;
    const real *w = p->w + (p->turned ? 8 * c * k : 0) + k0;
    for (int64_t i = 0; i < c; i++) {
        real *to = p->scratch + i * p->r.width_out;
        int64_t j = 0;
        for (; DG_WHOLE && j + VEC_N <= n; j += VEC_N)
            window(w + i * k + j, step, VEC_N, to + j, p->r.plane_w);
        for (; j < n; j += VEC_N)
            window(w + i * k + j, step, (int)dg_min(n - j, VEC_N), to + j, p->r.plane_w);
    }
}

/* The 36 products of a block of tiles t0 .. t0 + m - 1, n output channels; `next` tiles follow. */
static void products(const pass *p, int64_t t0, int64_t m, int64_t n, int64_t next)
{
    const int64_t c = p->in.c, blocks = (c + DG_CHAIN - 1) / DG_CHAIN;
    dg_block g = {.m = m,
                  .n = dg_padded(n),
                  .outer = 1,
                  .inner = 1,
                  .a_row = p->r.tile_in,
                  .a_col = 1,
                  .b_row = p->r.width_out,
                  .c_row = p->r.tile_out};
    for (int64_t i = 0; i < DG_PLANES; i++) {
        for (int64_t t = i * next / DG_PLANES; t < (i + 1) * next / DG_PLANES; t++)
            dg_prefetch_tile(&p->in, p->x, t0 + m + t, 2, c);
        for (int64_t t = i * m / DG_PLANES; t < (i + 1) * m / DG_PLANES; t++)
            dg_prefetch_tile(&p->out, p->y, t0 + t, 0, p->out.c);
        for (int64_t b = 0; b < blocks; b++) {
            const int64_t first = b * c / blocks;
            g.mode = b ? DG_ADD : DG_WRITE;
            g.k = (b + 1) * c / blocks - first;
            g.a = p->scratch + p->r.patches + i * p->r.width_in + first;
            g.b = p->scratch + i * p->r.plane_w + first * p->r.width_out;
            g.c = p->scratch + p->r.products + i * p->r.width_out;
            DG_T(dg_brgemm)(&g);
        }
    }
}

/* A^T m A + bias of n <= VEC_N channels, of which rows x columns results are there. */
DG_INLINE void result(const real *m, int64_t plane, const real *bias, int n, int64_t rows,
                      int64_t columns, real *y, int64_t row, int64_t pixel)
{
    vec half[24], in[6], out[4];
    const vec b = bias ? dg_some(bias, n) : (vec){0};
    DG_ROLLED
    for (int j = 0; j < 6; j++, m += plane) {
        DG_UNROLL
        for (int i = 0; i < 6; i++)
            in[i] = vec_load(m + i * 6 * plane);
        dg_line_result(in, out);
        DG_UNROLL
        for (int i = 0; i < 4; i++)
            half[i * 6 + j] = out[i];
    }
    DG_ROLLED
    for (int64_t i = 0; i < rows; i++) {
        dg_line_result(half + i * 6, out);
        DG_UNROLL
        for (int j = 0; j < 4; j++)
            if (j < columns) {
                const vec v = out[j] + b;
                if (n == VEC_N)
                    vec_store(y + i * row + j * pixel, v);
                else
                    vec_store_n(y + i * row + j * pixel, n, v);
            }
    }
}

static void results(const pass *p, int64_t t0, int64_t m, int64_t k0, int64_t n)
{
    const dg_tiling *g = &p->out;
    const real *bias = p->bias ? p->bias + k0 : NULL;
    const real *from = p->scratch + p->r.products;
    dg_tile t = dg_tile_at(g, t0);
    for (; m > 0; m--, from += p->r.tile_out, dg_tile_next(g, &t)) {
        const int64_t rows = dg_min(DG_TILE, g->h - t.y), columns = dg_min(DG_TILE, g->w - t.x);
        real *y = p->y + ((t.image * g->h + t.y) * g->w + t.x) * g->c + k0;
        int64_t k = 0;
        for (; DG_WHOLE && k + VEC_N <= n; k += VEC_N)
            result(from + k, p->r.width_out, bias ? bias + k : NULL, VEC_N, rows, columns, y + k,
                   g->w * g->c, g->c);
        for (; k < n; k += VEC_N)
            result(from + k, p->r.width_out, bias ? bias + k : NULL, (int)dg_min(n - k, VEC_N),
                   rows, columns, y + k, g->w * g->c, g->c);
    }
}

static void run(pass *p, int64_t n0, int64_t n1)
{
    const int64_t tiles = p->in.down * p->in.across, first = n0 * tiles, all = (n1 - n0) * tiles;
    const int64_t blocks = (all + TILES - 1) / TILES;
    const real *zeros = p->scratch + p->r.zeros;
    if (!all)
        return;
    DG_T(dg_fill)(DG_PATCH * p->in.c, 0, p->scratch + p->r.zeros);
    for (int64_t k0 = 0; k0 < p->out.c; k0 += p->r.panel) {
        const int64_t n = dg_min(p->r.panel, p->out.c - k0);
        windows(p, k0, n);
        for (int64_t b = 0; b < blocks; b++) {
            const int64_t t0 = first + b * all / blocks, t1 = first + (b + 1) * all / blocks;
            const int64_t t2 = b + 1 < blocks ? first + (b + 2) * all / blocks : t1;
            dg_patches(&p->in, DG_PATCH, dg_line_patch, p->x, dg_tile_at(&p->in, t0), t1 - t0,
                       p->in.c, zeros, p->scratch + p->r.patches, p->r.tile_in, p->r.width_in);
            products(p, t0, t1 - t0, n, t2 - t1);
            results(p, t0, t1 - t0, k0, n);
        }
    }
}

static void forward(const dg_conv *s, int64_t n0, int64_t n1, const real *x, const real *w,
                    const real *b, real *y, void *scratch)
{
    const int64_t down = dg_tiles(s->oh), across = dg_tiles(s->ow);
    pass p = {.in = {s->h, s->w, s->c, s->top, s->left, down, across},
              .out = {s->oh, s->ow, s->k, 0, 0, down, across},
              .r = layout_of(s->c, s->k),
              .x = x,
              .w = w,
              .bias = b,
              .y = y,
              .scratch = scratch};
    run(&p, n0, n1);
}

static size_t forward_scratch(const dg_conv *s)
{
    return (size_t)layout_of(s->c, s->k).turned * sizeof(real);
}

static void input(const dg_conv *s, int64_t n0, int64_t n1, const real *dy, const real *w, real *dx,
                  void *scratch)
{
    const int64_t down = dg_tiles(s->h), across = dg_tiles(s->w), size = s->c * s->k;
    pass p = {.in = {s->oh, s->ow, s->k, 2 - s->top, 2 - s->left, down, across},
              .out = {s->h, s->w, s->c, 0, 0, down, across},
              .r = layout_of(s->k, s->c),
              .x = dy,
              .y = dx,
              .scratch = scratch,
              .turned = 1};
    real *turned = p.scratch + p.r.turned;
    for (int t = 0; t < 9; t++)
        DG_T(dg_transpose)(s->c, s->k, w + t * size, s->k, turned + t * size, s->c);
    p.w = turned;
    run(&p, n0, n1);
}

static size_t input_scratch(const dg_conv *s)
{
    return (size_t)(layout_of(s->k, s->c).turned + 9 * s->c * s->k) * sizeof(real);
}

/* Whether 3x3 windows over h x w positions, one group of c and k channels, take fewer steps this
 * way. Not where more than 7 of 16 results of the tiles would be thrown away; nor for few positions
 * when a call may be one image, for which all windows are transformed. */
static int pays(const dg_conv *s, int64_t h, int64_t w)
{
    const int usual = s->kh == 3 && s->kw == 3 && s->stride_y == 1 && s->stride_x == 1 &&
                      s->dilation_y == 1 && s->dilation_x == 1 && s->groups == 1;
    return usual && !s->exact && s->c >= 16 && s->k >= 16 &&
           h * w >= 9 * dg_tiles(h) * dg_tiles(w) &&
           h * w >= (s->c * s->k <= CACHED ? 6 * 6 : 14 * 14);
}

int DG_T(dg_conv_winograd_forward_fits)(const dg_conv *s)
{
    return pays(s, s->oh, s->ow);
}

int DG_T(dg_conv_winograd_input_fits)(const dg_conv *s)
{
    return pays(s, s->h, s->w);
}

/* Here the 3x3 of each image are transformed and added: that takes its products, too. */
int DG_T(dg_conv_winograd_weight_fits)(const dg_conv *s)
{
    return pays(s, s->oh, s->ow) && s->oh * s->ow >= 12 * 12;
}

int DG_T(dg_conv_winograd_sum_fits)(const dg_conv *s)
{
    return pays(s, s->oh, s->ow);
}

const DG_T(dg_conv_forward) DG_T(dg_conv_winograd_forward) = {"winograd", forward, forward_scratch};
const DG_T(dg_conv_input) DG_T(dg_conv_winograd_input) = {"winograd", input, input_scratch};
