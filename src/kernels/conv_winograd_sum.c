/* Winograd's convolution F(4x4, 3x3), weight gradient summed over the batch in the domain of the
 * transform (contract: kernels/kernels.h, the mathematics: kernels/winograd.h).
 *
 * The 36 products of a block of tiles are added to 36 planes [c, k], which the caller keeps from
 * one call to the next; G^T . G makes 3x3 windows of them once, at the end. A block has TILES tiles
 * at most: a piece of one image, or several whole images, counted from the first one summed.
 * A call that ends within a block leaves its chains in planes of their own, from which the next
 * call goes on. While a block's products are made, the next one's pixels are asked for.
 *
 * A part is WIDTH input channels, all output channels: the errors are transformed for each part
 * anew, but no two parts share a plane. */
#include "kernels/winograd.h"

enum {
    TILES = 64,  /* of a block, at most, */
    FEW = 32,    /* and with more channels, so that patches and planes stay in the second cache */
    NARROW = 16, /* input channels of a part; */
    WIDE = 32,   /* with more of them, errors are transformed less often, */
    MANY = 64    /* where there are parts enough for two threads */
};

static int64_t width(const dg_conv *s)
{
    return s->c >= MANY ? WIDE : NARROW;
}

static int parts(const dg_conv *s)
{
    return (int)((s->c + width(s) - 1) / width(s));
}

/* The sum: planes, those of the block under way, and how many images these hold, by part. The
 * scratch: patches of x, of dy, zeros. In numbers. */
typedef struct {
    int64_t row, plane, set;    /* of a plane: a row [k]; all of it; 36 of them */
    int64_t most, images;       /* tiles and images of a block, at most; 0: an image has several */
    int64_t width_x, width_y;   /* channels of a tile in a patch */
    int64_t plane_x, plane_y;   /* distances of the planes of patches */
    int64_t errors, zeros, all; /* offsets in the scratch */
} layout;

static layout layout_of(const dg_conv *s)
{
    layout r = {.row = dg_padded(s->k), .width_x = width(s)};
    const int64_t tiles = dg_tiles(s->oh) * dg_tiles(s->ow);
    const int64_t most = r.row > 2 * WIDE ? FEW : TILES;
    r.plane = s->c * r.row;
    r.set = DG_PLANES * r.plane;
    r.images = most / tiles;
    r.most = r.images ? r.images * tiles : most;
    r.width_y = r.row;
    r.plane_x = r.most * r.width_x + DG_PLANE_SKEW;
    r.plane_y = r.most * r.width_y + DG_PLANE_SKEW;
    r.errors = DG_PLANES * r.plane_x;
    r.zeros = r.errors + DG_PLANES * r.plane_y;
    r.all = r.zeros + DG_PATCH * dg_max(s->c, s->k);
    return r;
}

/* Only blocks of several images can be cut by a call. */
static int64_t sets(const layout *r)
{
    return r->images > 1 ? 2 : 1;
}

/* One part of a call. */
typedef struct {
    const dg_conv *s;
    layout r;
    dg_tiling gx, gy;
    int64_t c0, c, last; /* its input channels; tiles of the call */
    const real *x, *dy;
    real *scratch;
} pass;

/* Tiles t0 .. t0 + n - 1 into planes [c, k], by `mode`. */
static void block(const pass *p, int mode, int64_t t0, int64_t n, real *planes)
{
    const layout *r = &p->r;
    real *zeros = p->scratch + r->zeros;
    dg_patches(&p->gx, DG_PATCH, dg_line_patch, p->x + p->c0, dg_tile_at(&p->gx, t0), n, p->c,
               zeros, p->scratch, r->width_x, r->plane_x);
    dg_patches(&p->gy, DG_TILE, dg_line_error, p->dy, dg_tile_at(&p->gy, t0), n, p->s->k, zeros,
               p->scratch + r->errors, r->width_y, r->plane_y);
    dg_block g = {.mode = mode,
                  .m = p->c,
                  .n = r->row,
                  .k = n,
                  .outer = 1,
                  .inner = 1,
                  .a_row = 1,
                  .a_col = r->width_x,
                  .b_row = r->width_y,
                  .c_row = r->row};
    const int64_t next = dg_min(p->last - t0 - n, n);
    for (int64_t i = 0; i < DG_PLANES; i++) {
        for (int64_t t = i * next / DG_PLANES; t < (i + 1) * next / DG_PLANES; t++) {
            dg_prefetch_tile(&p->gx, p->x + p->c0, t0 + n + t, 2, p->c);
            dg_prefetch_tile(&p->gy, p->dy, t0 + n + t, 0, p->s->k);
        }
        g.a = p->scratch + i * r->plane_x;
        g.b = p->scratch + r->errors + i * r->plane_y;
        g.c = planes + i * r->plane + p->c0 * r->row;
        DG_T(dg_brgemm)(&g);
    }
}

/* This part's rows of the planes at `to`: 0, or `more` added to them. */
static void each_plane(const pass *p, real *to, const real *more)
{
    const int64_t n = p->c * p->r.row;
    to += p->c0 * p->r.row;
    for (int64_t i = 0; i < DG_PLANES; i++, to += p->r.plane)
        if (more)
            DG_T(dg_add)(n, to, more + p->c0 * p->r.row + i * p->r.plane, to);
        else
            DG_T(dg_fill)(n, 0, to);
}

/* Images of several blocks each. */
static void large(const pass *p, int64_t images, int add, real *sum)
{
    const int64_t tiles = p->gx.down * p->gx.across, blocks = (tiles + p->r.most - 1) / p->r.most;
    for (int64_t i = 0; i < images * blocks; i++) {
        const int64_t b = i % blocks, t0 = b * tiles / blocks;
        block(p, add || i ? DG_ADD : DG_WRITE, i / blocks * tiles + t0,
              (b + 1) * tiles / blocks - t0, sum);
    }
}

/* Blocks of several images, the first and the last of which may be cut by the call: `waiting` of
 * them are in the planes of the block under way. */
static void small(const pass *p, int64_t images, int add, real *sum, real *waiting)
{
    const int64_t tiles = p->gx.down * p->gx.across, most = p->r.images;
    const int begins = !add && images >= most; /* by a whole block */
    real *under_way = sum + p->r.set;
    if (!add && !begins)
        each_plane(p, sum, NULL);
    for (int64_t i = 0, n; i < images; i += n) {
        const int64_t before = (int64_t)*waiting;
        n = dg_min(most - before, images - i);
        if (n == most) {
            block(p, begins && !i ? DG_WRITE : DG_ADD, i * tiles, n * tiles, sum);
            continue;
        }
        block(p, before ? DG_CONTINUE : DG_WRITE, i * tiles, n * tiles, under_way);
        *waiting = (real)((before + n) % most);
        if (before + n == most)
            each_plane(p, sum, under_way);
    }
}

static void run(const dg_conv *s, int part, int64_t images, const real *x, const real *dy, int add,
                real *sum, void *scratch)
{
    const int64_t down = dg_tiles(s->oh), across = dg_tiles(s->ow);
    pass p = {.s = s,
              .r = layout_of(s),
              .gx = {s->h, s->w, s->c, s->top, s->left, down, across},
              .gy = {s->oh, s->ow, s->k, 0, 0, down, across},
              .c0 = part * width(s),
              .last = images * down * across,
              .x = x,
              .dy = dy,
              .scratch = scratch};
    p.c = dg_min(width(s), s->c - p.c0);
    DG_T(dg_fill)(DG_PATCH * dg_max(s->c, s->k), 0, p.scratch + p.r.zeros);
    real *waiting = sum + sets(&p.r) * p.r.set + part;
    if (!add)
        *waiting = 0;
    if (p.r.images > 1)
        small(&p, images, add, sum, waiting);
    else if (images)
        large(&p, images, add, sum);
    else if (!add)
        each_plane(&p, sum, NULL);
}

static void finish(const dg_conv *s, int part, const real *sum, real *dw)
{
    const layout r = layout_of(s);
    const int64_t c0 = part * width(s), c1 = dg_min(c0 + width(s), s->c);
    const int waits = sum[sets(&r) * r.set + part] > 0;
    for (int64_t i = c0; i < c1; i++)
        for (int64_t k = 0; k < s->k; k += VEC_N) {
            const real *m = sum + i * r.row + k;
            dg_gradient(m, waits ? m + r.set : NULL, r.plane, (int)dg_min(s->k - k, VEC_N), 0,
                        dw + i * s->k + k, s->c * s->k);
        }
}

static size_t scratch_of(const dg_conv *s)
{
    return (size_t)layout_of(s).all * sizeof(real);
}

static size_t bytes(const dg_conv *s)
{
    const layout r = layout_of(s);
    return (size_t)(sets(&r) * r.set + parts(s)) * sizeof(real);
}

const DG_T(dg_conv_sum)
    DG_T(dg_conv_winograd_sum) = {"winograd", run, finish, bytes, scratch_of, parts};
