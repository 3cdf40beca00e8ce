/* Cases of tests/kernels/test_conv.c for one path. */
#include "kernels/kernels.h"

/* More channels, pixels or columns than one chain has. */
static dg_conv DG_T(draw_long_conv)(void)
{
    const int what = (int)between(0, 2);
    dg_conv s = {.c = what ? between(1, 2) : between(760, 1700),
                 .k = between(1, 3),
                 .groups = 1,
                 .exact = 1};
    s.kh = between(1, 3);
    s.kw = between(1, 3);
    s.stride_y = s.stride_x = s.dilation_y = s.dilation_x = 1;
    s.oh = what == 0 ? between(1, 2) : what == 1 ? between(28, 40) : 2;
    s.ow = what == 0 ? between(1, 3) : what == 1 ? between(28, 40) : between(760, 1600);
    s.top = between(0, s.kh - 1);
    s.left = between(0, s.kw - 1);
    s.h = s.oh + s.kh - 1 - s.top;
    s.w = s.ow + s.kw - 1 - s.left;
    return s;
}

/* A random convolution, small enough for the plain loops below; kind 1: of the shapes that networks
 * use, 2: long sums. */
static dg_conv DG_T(draw_conv)(int kind)
{
    const int wide = kind == 1;
    if (kind == 2)
        return DG_T(draw_long_conv)();
    dg_conv s = {.groups = wide || draw() % 3 ? 1 : between(2, 3), .exact = 1};
    s.c = s.groups * (wide ? (int64_t[]){1, 3, 8, 16, 32, 96}[draw() % 6] : between(1, 5));
    s.k = s.groups * (wide ? (int64_t[]){8, 16, 32, 40, 64, 65}[draw() % 6] : between(1, 18));
    if (s.groups > 1 && draw() % 2) /* each channel on its own */
        s.groups = s.c = s.k = between(2, 70);
    for (;;) {
        const int plain = wide && draw() % 4;
        s.kh = plain ? 3 : between(1, 5);
        s.kw = plain ? 3 : between(1, 5);
        s.stride_y = plain ? 1 : between(1, 3);
        s.stride_x = plain ? 1 : between(1, 3);
        s.dilation_y = plain ? 1 : between(1, 3);
        s.dilation_x = plain ? 1 : between(1, 2);
        s.h = between(1, 11);
        s.w = draw() % 8 ? between(1, 20) : between(28, 40);
        s.top = plain ? 1 : between(0, 3);
        s.left = plain ? 1 : between(0, 3);
        const int64_t high =
            s.h + s.top + (plain ? 1 : between(0, 3)) - s.dilation_y * (s.kh - 1) - 1;
        const int64_t across =
            s.w + s.left + (plain ? 1 : between(0, 3)) - s.dilation_x * (s.kw - 1) - 1;
        if (high < 0 || across < 0)
            continue;
        s.oh = high / s.stride_y + 1;
        s.ow = across / s.stride_x + 1;
        return s;
    }
}

static real *DG_T(numbers)(int64_t n, int whole)
{
    real *p = take(n * (int64_t)sizeof(real));
    for (int64_t i = 0; i < n; i++)
        p[i] = whole ? (real)between(-2, 2) : (real)((double)between(-1000000, 1000000) * 1e-6);
    return p;
}

/* All triples (image, position of y, tap) with their element of x; the loops of the definition. */
static void DG_T(plain_conv)(const dg_conv *s, int64_t images, const real *x, const real *w,
                             const real *b, const real *dy, int64_t *y, int64_t *dx, int64_t *dw)
{
    const int64_t c = s->c / s->groups, k = s->k / s->groups;
    for (int64_t i = 0; i < images * s->oh * s->ow * s->k; i++)
        y[i] = b ? (int64_t)b[i % s->k] : 0;
    for (int64_t o = 0; o < images * s->oh * s->ow; o++)
        for (int64_t t = 0; t < s->kh * s->kw; t++) {
            const int64_t image = o / (s->oh * s->ow), oy = o / s->ow % s->oh, ox = o % s->ow;
            const int64_t iy = oy * s->stride_y + t / s->kw * s->dilation_y - s->top;
            const int64_t ix = ox * s->stride_x + t % s->kw * s->dilation_x - s->left;
            if (iy < 0 || iy >= s->h || ix < 0 || ix >= s->w)
                continue;
            const int64_t at = ((image * s->h + iy) * s->w + ix) * s->c;
            for (int64_t u = 0; u < s->k; u++)
                for (int64_t v = 0; v < c; v++) {
                    const int64_t xi = at + u / k * c + v, wi = (t * c + v) * s->k + u,
                                  yi = o * s->k + u;
                    y[yi] += (int64_t)x[xi] * (int64_t)w[wi];
                    dx[xi] += (int64_t)dy[yi] * (int64_t)w[wi];
                    dw[wi] += (int64_t)x[xi] * (int64_t)dy[yi];
                }
        }
}

static void DG_T(same)(const dg_conv *s, const char *what, int64_t n, const real *got,
                       const int64_t *want)
{
    for (int64_t i = 0; i < n; i++)
        if (got[i] != (real)want[i])
            fail_msg("%s of [%d, %d, %d] * [%d, %d, %d] stride %d %d dilation %d %d pad %d %d "
                     "groups %d: "
                     "[%d] is %g, not %d",
                     what, (int)s->h, (int)s->w, (int)s->c, (int)s->kh, (int)s->kw, (int)s->k,
                     (int)s->stride_y, (int)s->stride_x, (int)s->dilation_y, (int)s->dilation_x,
                     (int)s->top, (int)s->left, (int)s->groups, (int)i, (double)got[i],
                     (int)want[i]);
}

/* y of one position and channel as kernels.h spells its sum, with fma. */
static real DG_T(spelt)(const dg_conv *s, const real *x, const real *w, const real *b, int64_t oy,
                        int64_t ox, int64_t u)
{
    const int64_t c = s->c / s->groups, group = u / (s->k / s->groups);
    int64_t taps[2] = {0, 0}, first[2] = {-1, -1};
    for (int64_t r = 0; r < s->kh; r++) {
        const int64_t iy = oy * s->stride_y + r * s->dilation_y - s->top;
        if (iy >= 0 && iy < s->h && !taps[0]++)
            first[0] = r;
    }
    for (int64_t q = 0; q < s->kw; q++) {
        const int64_t ix = ox * s->stride_x + q * s->dilation_x - s->left;
        if (ix >= 0 && ix < s->w && !taps[1]++)
            first[1] = q;
    }
    if (!taps[0] || !taps[1])
        return b ? b[u] : 0;
    const int64_t row = taps[1] * c, rows = 768 / row, whole = 768 / c;
    const int64_t ny = rows ? (taps[0] + rows - 1) / rows : taps[0];
    const int64_t nx = rows ? 1 : whole ? (taps[1] + whole - 1) / whole : taps[1];
    const int64_t nk = whole ? 1 : (c + 767) / 768;
    real sum = 0;
    for (int64_t i = 0; i < ny * nx * nk; i++) {
        const int64_t iy = i / (nx * nk), ix = i / nk % nx, ik = i % nk;
        real chain = 0;
        for (int64_t r = iy * taps[0] / ny; r < (iy + 1) * taps[0] / ny; r++)
            for (int64_t q = ix * taps[1] / nx; q < (ix + 1) * taps[1] / nx; q++)
                for (int64_t v = ik * c / nk; v < (ik + 1) * c / nk; v++) {
                    const int64_t y = oy * s->stride_y + (first[0] + r) * s->dilation_y - s->top;
                    const int64_t z = ox * s->stride_x + (first[1] + q) * s->dilation_x - s->left;
                    const real f = x[(y * s->w + z) * s->c + group * c + v];
                    const real g = w[(((first[0] + r) * s->kw + first[1] + q) * c + v) * s->k + u];
                    chain = sizeof(real) == 4
                                ? (real)__builtin_fmaf((float)f, (float)g, (float)chain)
                                : (real)__builtin_fma((double)f, (double)g, (double)chain);
                }
        sum = i ? sum + chain : chain;
    }
    return b ? sum + b[u] : sum;
}

static void DG_T(check_order)(const dg_conv *s, const real *x, const real *w, const real *b,
                              const real *y)
{
    for (int64_t i = 0; i < s->oh * s->ow * s->k; i++) {
        const real want = DG_T(spelt)(s, x, w, b, i / s->k / s->ow, i / s->k % s->ow, i % s->k);
        if (memcmp(&want, &y[i], sizeof want) != 0)
            fail_msg("y[%d] of [%d, %d, %d] * [%d, %d, %d] is %.17g, not %.17g", (int)i, (int)s->h,
                     (int)s->w, (int)s->c, (int)s->kh, (int)s->kw, (int)s->k, (double)y[i],
                     (double)want);
    }
}

/* Whole numbers against int64 loops, then (`whole` 0) only for the bits; images and parts in
 * pieces. */
static uint64_t DG_T(conv_passes)(int kind, int whole)
{
    const dg_conv s = DG_T(draw_conv)(kind);
    const int64_t images = between(0, 5), cut = between(0, images);
    const int64_t nx = s.h * s.w * s.c, ny = s.oh * s.ow * s.k,
                  nw = s.kh * s.kw * s.c / s.groups * s.k;
    real *x = DG_T(numbers)(images * nx, whole), *w = DG_T(numbers)(nw, whole);
    real *b = draw() % 3 ? DG_T(numbers)(s.k, whole) : NULL,
         *dy = DG_T(numbers)(images * ny, whole);
    real *y = take(images * ny * 8), *dx = take(images * nx * 8), *dw = take(nw * 8),
         *more = take(nw * 8);
    real *db = take(s.k * 8), *db2 = take(s.k * 8);
    const DG_T(dg_conv_forward) *f = DG_T(dg_conv_choose_forward)(&s);
    const DG_T(dg_conv_input) *g = DG_T(dg_conv_choose_input)(&s);
    const DG_T(dg_conv_weight) *h = DG_T(dg_conv_choose_weight)(&s);
    void *fs = take((int64_t)f->scratch(&s)), *gs = take((int64_t)g->scratch(&s)),
         *hs = take((int64_t)h->scratch(&s));
    f->run(&s, cut, images, x, w, b, y, fs);
    f->run(&s, 0, cut, x, w, b, y, fs);
    g->run(&s, 0, cut, dy, w, dx, gs);
    g->run(&s, cut, images, dy, w, dx, gs);
    for (int p = h->parts(&s); p-- > 0;) {
        h->run(&s, p, images, x, dy, 0, dw, hs);
        h->run(&s, p, cut, x, dy, 0, more, hs);
        h->run(&s, p, images - cut, x + cut * nx, dy + cut * ny, 1, more, hs);
    }
    assert_memory_equal(dw, more, (size_t)nw * sizeof(real));
    const int64_t half = s.k / 2; /* channels in two parts */
    DG_T(dg_conv_bias)(&s, half, s.k, images, dy, 0, db, NULL);
    DG_T(dg_conv_bias)(&s, 0, half, images, dy, 0, db, NULL);
    DG_T(dg_conv_bias)(&s, 0, s.k, cut, dy, 0, db2, NULL);
    DG_T(dg_conv_bias)(&s, 0, s.k, images - cut, dy + cut * ny, 1, db2, NULL);
    assert_memory_equal(db, db2, (size_t)s.k * sizeof(real));
    if (whole) {
        int64_t *wy = take(images * ny * 8), *wdx = take(images * nx * 8), *wdw = take(nw * 8),
                *wdb = take(s.k * 8);
        memset(wdx, 0, (size_t)(images * nx * 8));
        memset(wdw, 0, (size_t)(nw * 8));
        memset(wdb, 0, (size_t)(s.k * 8));
        DG_T(plain_conv)(&s, images, x, w, b, dy, wy, wdx, wdw);
        for (int64_t i = 0; i < images * ny; i++)
            wdb[i % s.k] += (int64_t)dy[i];
        DG_T(same)(&s, "y", images * ny, y, wy);
        DG_T(same)(&s, "dx", images * nx, dx, wdx);
        DG_T(same)(&s, "dw", nw, dw, wdw);
        DG_T(same)(&s, "db", s.k, db, wdb);
        free(wy), free(wdx), free(wdw), free(wdb);
    }
    if (!whole && images)
        DG_T(check_order)(&s, x, w, b, y);
    uint64_t bits = hash(hash(4, y, (size_t)(images * ny) * sizeof(real)), dx,
                         (size_t)(images * nx) * sizeof(real));
    bits = hash(hash(bits, dw, (size_t)nw * sizeof(real)), db, (size_t)s.k * sizeof(real));
    free(x), free(w), free(b), free(dy), free(y), free(dx), free(dw), free(more), free(db),
        free(db2);
    free(fs), free(gs), free(hs);
    return bits;
}

static uint64_t DG_T(conv_small)(void)
{
    return DG_T(conv_passes)(0, 1);
}

static uint64_t DG_T(conv_usual)(void)
{
    return DG_T(conv_passes)(1, 1);
}

static uint64_t DG_T(conv_bits)(void)
{
    return DG_T(conv_passes)((int)between(0, 2), 0);
}

static uint64_t DG_T(conv_long)(void)
{
    return DG_T(conv_passes)(2, 1);
}
