/* Winograd's convolution F(4x4, 3x3), weight gradient (contract: kernels/kernels.h, the
 * mathematics: kernels/winograd.h).
 *
 * A block is the tiles of one image, or a piece of them, by its sizes alone: patches of x and of dy
 * are transformed, 36 products sum over its tiles, their results are transformed to 3x3 and added
 * to dw. So a batch has the bits of its parts. The products are made for some channels at a time
 * and stay in the second cache until they are transformed: the 36 planes of all channels never are
 * in memory. */
#include "kernels/winograd.h"

enum {
    TILES = 64,   /* of a block, at most */
    ROWS = 32,    /* input channels of the products at a time, */
    COLUMNS = 64, /* and output channels */
    NARROW = 16,  /* input channels of a part; */
    WIDE = 32,    /* with more of them, dy is transformed less often, */
    MANY = 64     /* where there are parts enough for two threads */
};

/* The scratch, in numbers: patches of x, of dy, products, zeros. */
typedef struct {
    int64_t width_x, width_y;             /* channels of a tile in a plane */
    int64_t plane_x, plane_y;             /* distances of planes */
    int64_t errors, products, zeros, all; /* offsets after the patches of x */
} layout;

static int64_t width(const dg_conv *s)
{
    return s->c >= MANY ? WIDE : NARROW;
}

static layout layout_of(const dg_conv *s)
{
    layout r = {.width_x = width(s), .width_y = dg_padded(s->k)};
    const int64_t tiles = dg_min(dg_tiles(s->oh) * dg_tiles(s->ow), TILES);
    r.plane_x = tiles * r.width_x + DG_PLANE_SKEW;
    r.plane_y = tiles * r.width_y + DG_PLANE_SKEW;
    r.errors = DG_PLANES * r.plane_x;
    r.products = r.errors + DG_PLANES * r.plane_y;
    r.zeros = r.products + DG_PLANES * ROWS * COLUMNS;
    r.all = r.zeros + DG_PATCH * dg_max(s->c, s->k);
    return r;
}

static void gradients(const dg_conv *s, const real *m, int64_t rows, int64_t n, int add, real *dw)
{
    const int64_t tap = s->c * s->k;
    for (int64_t i = 0; i < rows; i++, m += COLUMNS, dw += s->k) {
        int64_t k = 0;
        for (; DG_WHOLE && k + VEC_N <= n; k += VEC_N)
            dg_gradient(m + k, NULL, ROWS * COLUMNS, VEC_N, add, dw + k, tap);
        for (; k < n; k += VEC_N)
            dg_gradient(m + k, NULL, ROWS * COLUMNS, (int)dg_min(n - k, VEC_N), add, dw + k, tap);
    }
}

/* All products of a block of `tiles`, c input channels, with what becomes of them. */
static void products(const dg_conv *s, const layout *r, int64_t tiles, int64_t c, int add, real *dw,
                     real *scratch)
{
    dg_block g = {.mode = DG_WRITE,
                  .k = tiles,
                  .outer = 1,
                  .inner = 1,
                  .a_row = 1,
                  .a_col = r->width_x,
                  .b_row = r->width_y,
                  .c_row = COLUMNS};
    for (int64_t k0 = 0; k0 < s->k; k0 += COLUMNS)
        for (int64_t c0 = 0; c0 < c; c0 += ROWS) {
            const int64_t n = dg_min(COLUMNS, s->k - k0);
            g.m = dg_min(ROWS, c - c0);
            g.n = dg_padded(n);
            for (int64_t i = 0; i < DG_PLANES; i++) {
                g.a = scratch + i * r->plane_x + c0;
                g.b = scratch + r->errors + i * r->plane_y + k0;
                g.c = scratch + r->products + i * ROWS * COLUMNS;
                DG_T(dg_brgemm)(&g);
            }
            gradients(s, scratch + r->products, g.m, n, add, dw + c0 * s->k + k0);
        }
}

static void weight(const dg_conv *s, int part, int64_t images, const real *x, const real *dy,
                   int add, real *dw, void *scratch)
{
    const int64_t down = dg_tiles(s->oh), across = dg_tiles(s->ow), tiles = down * across;
    const int64_t blocks = (tiles + TILES - 1) / TILES, c0 = part * width(s);
    const int64_t c = dg_min(width(s), s->c - c0);
    const dg_tiling gx = {s->h, s->w, s->c, s->top, s->left, down, across};
    const dg_tiling gy = {s->oh, s->ow, s->k, 0, 0, down, across};
    const layout r = layout_of(s);
    real *patches = scratch, *zeros = patches + r.zeros;
    DG_T(dg_fill)(DG_PATCH * dg_max(s->c, s->k), 0, zeros);
    if (!images && !add)
        for (int64_t t = 0; t < 9; t++)
            DG_T(dg_fill)(c * s->k, 0, dw + (t * s->c + c0) * s->k);
    for (int64_t i = 0; i < images * blocks; i++) {
        const int64_t b = i % blocks, t0 = i / blocks * tiles + b * tiles / blocks;
        const int64_t n = (b + 1) * tiles / blocks - b * tiles / blocks;
        dg_patches(&gx, DG_PATCH, dg_line_patch, x + c0, dg_tile_at(&gx, t0), n, c, zeros, patches,
                   r.width_x, r.plane_x);
        dg_patches(&gy, DG_TILE, dg_line_error, dy, dg_tile_at(&gy, t0), n, s->k, zeros,
                   patches + r.errors, r.width_y, r.plane_y);
        products(s, &r, n, c, add || i, dw + c0 * s->k, patches);
    }
}

static size_t weight_scratch(const dg_conv *s)
{
    return (size_t)layout_of(s).all * sizeof(real);
}

static int parts(const dg_conv *s)
{
    return (int)((s->c + width(s) - 1) / width(s));
}

const DG_T(dg_conv_weight)
    DG_T(dg_conv_winograd_weight) = {"winograd", weight, weight_scratch, parts};
