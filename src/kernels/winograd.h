/* Winograd's minimal filtering F(4x4, 3x3): the transforms, for the files of src/kernels only.
 *
 * A tile is 4x4 results y of a 3x3 window g over a 6x6 piece d of the picture. With o the product
 * of elements,
 *
 *     y = A^T [ (G g G^T) o (B^T d B) ] A          g's gradient = G^T [ (B^T d B) o (A y A^T) ] G
 *
 * so 36 products do the work of 144; over channels they are sums, and so 36 matrix products.
 * (S. Winograd, Arithmetic Complexity of Computations, 1980; A. Lavin and S. Gray, Fast Algorithms
 * for Convolutional Neural Networks, 2016.) A window of 3 over a polynomial of degree 3 is known by
 * its values at 5 points and its leading coefficient. The points are 0, +-a, +-b with a = 3/4 and
 * b = 3/2: the error is half of that with the usual 0, +-1, +-2, since the powers of the points
 * stay near 1; and all of B and A is exact. With M(x) = x (x^2 - a^2) (x^2 - b^2), the row of a
 * point p has in B^T the coefficients of M(x) / (x - p), in G its powers over M'(p), in A^T (a
 * column there) its powers:
 *
 *           81/64    0     -45/16   0     1   0             64/81      0        0
 *           0       -27/16 -9/4     3/4   1   0            -128/243  -32/81   -8/27
 *     B^T = 0        27/16 -9/4    -3/4   1   0        G = -128/243   32/81   -8/27
 *           0       -27/32 -9/16    3/2   1   0             32/243    16/81    8/27
 *           0        27/32 -9/16   -3/2   1   0             32/243   -16/81    8/27
 *           0        81/64  0     -45/16  0   1             0          0        1
 *
 *           1   1      1      1      1    0
 *     A^T = 0   3/4   -3/4    3/2   -3/2  0
 *           0   9/16   9/16   9/4    9/4  0
 *           0   27/64 -27/64  27/8  -27/8 1
 *
 * Each function is one line of a transform: first all columns of a tile go through it, then all
 * rows. VEC_N channels at once; the operations and their order are those that stand here. */
#ifndef DG_KERNELS_WINOGRAD_H
#define DG_KERNELS_WINOGRAD_H

#include "kernels/conv.h"

enum {
    DG_WHOLE = DG_ISA_ID != 0, /* whole vectors have code of their own: not where it is long */
    DG_TILE = 4,               /* results of a tile along an axis */
    DG_PATCH = 6,              /* what they read */
    DG_PLANES = 36,            /* products of a tile, each a plane of scratch */
    DG_PLANE_SKEW = 48 /* keeps the planes' addresses from meeting in the same places of a cache */
};

/* For the outer loop over lines: unrolled, its addresses would not fit the registers. */
#ifdef __clang__
#define DG_ROLLED _Pragma("clang loop unroll(disable)")
#else
#define DG_ROLLED _Pragma("GCC unroll 1")
#endif

/* a times x: a constant that the type holds exactly, or rounded. */
#define DG_K(x) vec_set1((real)(x))

/* B^T. */
DG_INLINE void dg_line_patch(const vec d[6], vec t[6])
{
    const vec even_a = vec_fma(DG_K(-9.0 / 4), d[2], d[4]);
    const vec odd_a = vec_fma(DG_K(-9.0 / 4), d[1], d[3]);
    const vec even_b = vec_fma(DG_K(-9.0 / 16), d[2], d[4]);
    const vec odd_b = vec_fma(DG_K(-9.0 / 16), d[1], d[3]);
    t[0] = vec_fma(DG_K(81.0 / 64), d[0], vec_fma(DG_K(-45.0 / 16), d[2], d[4]));
    t[1] = vec_fma(DG_K(3.0 / 4), odd_a, even_a);
    t[2] = vec_fma(DG_K(-3.0 / 4), odd_a, even_a);
    t[3] = vec_fma(DG_K(3.0 / 2), odd_b, even_b);
    t[4] = vec_fma(DG_K(-3.0 / 2), odd_b, even_b);
    t[5] = vec_fma(DG_K(81.0 / 64), d[1], vec_fma(DG_K(-45.0 / 16), d[3], d[5]));
}

/* G. */
DG_INLINE void dg_line_window(const vec g[3], vec t[6])
{
    const vec even_a = vec_fma(DG_K(9.0 / 16), g[2], g[0]);
    const vec even_b = vec_fma(DG_K(9.0 / 4), g[2], g[0]);
    t[0] = DG_K(64.0 / 81) * g[0];
    t[1] = DG_K(-128.0 / 243) * vec_fma(DG_K(3.0 / 4), g[1], even_a);
    t[2] = DG_K(-128.0 / 243) * vec_fma(DG_K(-3.0 / 4), g[1], even_a);
    t[3] = DG_K(32.0 / 243) * vec_fma(DG_K(3.0 / 2), g[1], even_b);
    t[4] = DG_K(32.0 / 243) * vec_fma(DG_K(-3.0 / 2), g[1], even_b);
    t[5] = g[2];
}

/* A^T. */
DG_INLINE void dg_line_result(const vec m[6], vec y[4])
{
    const vec sum_a = m[1] + m[2], sum_b = m[3] + m[4];
    const vec odd_a = m[1] - m[2], odd_b = m[3] - m[4];
    y[0] = (m[0] + sum_a) + sum_b;
    y[1] = vec_fma(DG_K(3.0 / 2), odd_b, DG_K(3.0 / 4) * odd_a);
    y[2] = vec_fma(DG_K(9.0 / 4), sum_b, DG_K(9.0 / 16) * sum_a);
    y[3] = vec_fma(DG_K(27.0 / 8), odd_b, vec_fma(DG_K(27.0 / 64), odd_a, m[5]));
}

/* A. */
DG_INLINE void dg_line_error(const vec y[4], vec t[6])
{
    const vec even_a = vec_fma(DG_K(9.0 / 16), y[2], y[0]);
    const vec odd_a = vec_fma(DG_K(9.0 / 16), y[3], y[1]);
    const vec even_b = vec_fma(DG_K(9.0 / 4), y[2], y[0]);
    const vec odd_b = vec_fma(DG_K(9.0 / 4), y[3], y[1]);
    t[0] = y[0];
    t[1] = vec_fma(DG_K(3.0 / 4), odd_a, even_a);
    t[2] = vec_fma(DG_K(-3.0 / 4), odd_a, even_a);
    t[3] = vec_fma(DG_K(3.0 / 2), odd_b, even_b);
    t[4] = vec_fma(DG_K(-3.0 / 2), odd_b, even_b);
    t[5] = y[3];
}

/* G^T. */
DG_INLINE void dg_line_gradient(const vec m[6], vec g[3])
{
    const vec sum_a = m[1] + m[2], sum_b = m[3] + m[4];
    const vec odd_a = m[1] - m[2], odd_b = m[3] - m[4];
    g[0] = vec_fma(DG_K(64.0 / 81), m[0],
                   vec_fma(DG_K(32.0 / 243), sum_b, DG_K(-128.0 / 243) * sum_a));
    g[1] = vec_fma(DG_K(16.0 / 81), odd_b, DG_K(-32.0 / 81) * odd_a);
    g[2] = vec_fma(DG_K(8.0 / 27), sum_b, vec_fma(DG_K(-8.0 / 27), sum_a, m[5]));
}

#undef DG_K

/* Channels as scratch holds them: whole vectors on every path, those past the last one 0. */
static inline int64_t dg_padded(int64_t channels)
{
    return (channels + DG_LANES - 1) / DG_LANES * DG_LANES;
}

/* Pictures [h, w, c], of which tiles read n x n pixels each, 4 apart; pixel (0, 0) of tile (0, 0)
 * is (-top, -left). */
typedef struct {
    int64_t h, w, c, top, left, down, across;
} dg_tiling;

static inline int64_t dg_tiles(int64_t n)
{
    return (n + DG_TILE - 1) / DG_TILE;
}

/* A tile of the images, counted through: its first pixel, which may lie outside. */
typedef struct {
    int64_t image, y, x;
} dg_tile;

static inline dg_tile dg_tile_at(const dg_tiling *g, int64_t t)
{
    const int64_t image = t / (g->down * g->across), in = t - image * g->down * g->across;
    const int64_t y = in / g->across;
    return (dg_tile){image, y * DG_TILE - g->top, (in - y * g->across) * DG_TILE - g->left};
}

static inline void dg_tile_next(const dg_tiling *g, dg_tile *t)
{
    t->x += DG_TILE;
    if (t->x < g->across * DG_TILE - g->left)
        return;
    t->x = -g->left;
    t->y += DG_TILE;
    if (t->y < g->down * DG_TILE - g->top)
        return;
    t->y = -g->top;
    t->image++;
}

/* The n x n pixels of a tile: rows from its first column on, in `zeros` (n pixels) where the image
 * has none, and the columns that it has. */
typedef struct {
    const real *row[DG_PATCH];
    int first, end;
} dg_pixels;

DG_INLINE void dg_pixels_of(const dg_tiling *g, const real *x, const dg_tile *t, const int n,
                            const real *zeros, dg_pixels *p)
{
    DG_UNROLL
    for (int i = 0; i < n; i++) {
        const int64_t y = t->y + i;
        p->row[i] = y >= 0 && y < g->h ? x + ((t->image * g->h + y) * g->w + t->x) * g->c : zeros;
    }
    p->first = (int)dg_min(dg_max(-t->x, 0), n);
    p->end = (int)dg_max(dg_min(g->w - t->x, n), p->first);
}

/* One line of a transform, as dg_line_patch. */
typedef void dg_line(const vec *from, vec *to);

/* Both sides of size x size pixels through `line`, which makes 6 of them: n <= VEC_N channels from
 * c on, of `step` a pixel, whole vectors to planes at `to`. */
DG_INLINE void dg_patch(const dg_pixels *p, const int size, dg_line *line, int64_t step, int64_t c,
                        int n, real *to, int64_t plane)
{
    vec half[DG_PLANES], in[6], out[6];
    DG_ROLLED
    for (int j = 0; j < size; j++, c += step) {
        if (j >= p->first && j < p->end) {
            DG_UNROLL
            for (int i = 0; i < size; i++)
                in[i] = dg_some(p->row[i] + c, n);
            line(in, out);
        } else {
            DG_UNROLL
            for (int i = 0; i < 6; i++)
                out[i] = (vec){0};
        }
        DG_UNROLL
        for (int i = 0; i < 6; i++)
            half[i * size + j] = out[i];
    }
    DG_ROLLED
    for (int i = 0; i < 6; i++, to += 6 * plane) {
        line(half + i * size, out);
        DG_UNROLL
        for (int j = 0; j < 6; j++)
            vec_store(to + j * plane, out[j]);
    }
}

/* n tiles from t on, c channels from x on: planes of a tile `plane` apart, tiles `tile`. B^T d B of
 * 6 x 6 pixels with dg_line_patch, A y A^T of 4 x 4 with dg_line_error. */
DG_INLINE void dg_patches(const dg_tiling *g, const int size, dg_line *line, const real *x,
                          dg_tile t, int64_t n, int64_t c, const real *zeros, real *to,
                          int64_t tile, int64_t plane)
{
    for (; n > 0; n--, to += tile, dg_tile_next(g, &t)) {
        dg_pixels p;
        int64_t k = 0;
        dg_pixels_of(g, x, &t, size, zeros, &p);
        for (; DG_WHOLE && k + VEC_N <= c; k += VEC_N)
            dg_patch(&p, size, line, g->c, k, VEC_N, to + k, plane);
        for (; k < c; k += VEC_N)
            dg_patch(&p, size, line, g->c, k, (int)dg_min(c - k, VEC_N), to + k, plane);
    }
}

/* Asks for 4x4 pixels of a tile, `skip` from its first one, c channels each. Inlined, for gcc takes
 * a function that does nothing else for one without effect, and leaves it out. */
DG_INLINE void dg_prefetch_tile(const dg_tiling *g, const real *x, int64_t t, int64_t skip,
                                int64_t c)
{
    const dg_tile p = dg_tile_at(g, t);
    const int64_t x0 = dg_max(p.x + skip, 0), x1 = dg_min(p.x + skip + DG_TILE, g->w);
    const int64_t y0 = p.y + skip;
    for (int64_t i = dg_max(y0, 0); i < dg_min(y0 + DG_TILE, g->h); i++)
        for (int64_t j = x0; j < x1; j++)
            for (int64_t k = 0; k < c; k += 64 / (int64_t)sizeof(real))
                __builtin_prefetch(x + ((p.image * g->h + i) * g->w + j) * g->c + k, 0, 2);
}

/* (+)= G^T m G of n <= VEC_N output channels, to taps `tap` apart; m + more, if that is given. */
DG_INLINE void dg_gradient(const real *m, const real *more, int64_t plane, int n, int add, real *dw,
                           int64_t tap)
{
    vec half[18], in[6], out[3];
    DG_ROLLED
    for (int j = 0; j < 6; j++) {
        DG_UNROLL
        for (int i = 0; i < 6; i++) {
            in[i] = vec_load(m + (i * 6 + j) * plane);
            if (more)
                in[i] += vec_load(more + (i * 6 + j) * plane);
        }
        dg_line_gradient(in, out);
        DG_UNROLL
        for (int i = 0; i < 3; i++)
            half[i * 6 + j] = out[i];
    }
    DG_ROLLED
    for (int i = 0; i < 3; i++) {
        dg_line_gradient(half + i * 6, out);
        DG_UNROLL
        for (int j = 0; j < 3; j++, dw += tap) {
            vec sum = out[j];
            if (add)
                sum = dg_some(dw, n) + sum;
            if (n == VEC_N)
                vec_store(dw, sum);
            else
                vec_store_n(dw, n, sum);
        }
    }
}

#endif
