/* Cases of tests/kernels/test_winograd.c for one path. */
#include "kernels/kernels.h"

extern const DG_T(dg_conv_forward) DG_T(dg_conv_winograd_forward);
extern const DG_T(dg_conv_input) DG_T(dg_conv_winograd_input);
extern const DG_T(dg_conv_weight) DG_T(dg_conv_winograd_weight);
extern const DG_T(dg_conv_sum) DG_T(dg_conv_winograd_sum);

static real *DG_T(spread)(int64_t n)
{
    real *p = take(n * (int64_t)sizeof(real));
    for (int64_t i = 0; i < n; i++)
        p[i] = (real)((double)between(-1000000, 1000000) * 1e-6);
    return p;
}

/* The loops of the definition, in double. */
static void DG_T(define)(const dg_conv *s, int64_t images, const real *x, const real *w,
                         const real *b, const real *dy, double *y, double *dx, double *dw)
{
    const int64_t c = s->c, k = s->k;
    for (int64_t i = 0; i < images * s->oh * s->ow * k; i++)
        y[i] = b ? (double)b[i % k] : 0;
    for (int64_t o = 0; o < images * s->oh * s->ow; o++)
        for (int64_t t = 0; t < 9; t++) {
            const int64_t image = o / (s->oh * s->ow);
            const int64_t iy = o / s->ow % s->oh + t / 3 - s->top;
            const int64_t ix = o % s->ow + t % 3 - s->left;
            if (iy < 0 || iy >= s->h || ix < 0 || ix >= s->w)
                continue;
            const int64_t at = ((image * s->h + iy) * s->w + ix) * c;
            for (int64_t v = 0; v < c; v++)
                for (int64_t u = 0; u < k; u++) {
                    const int64_t wi = (t * c + v) * k + u;
                    y[o * k + u] += (double)x[at + v] * (double)w[wi];
                    dx[at + v] += (double)dy[o * k + u] * (double)w[wi];
                    dw[wi] += (double)x[at + v] * (double)dy[o * k + u];
                }
        }
}

/* The L2 norm of the error over that of the result; a chain's grows as the root of its length. */
static void DG_T(near)(const dg_conv *s, const char *what, int64_t n, const real *got,
                       const double *want)
{
    const int f64 = sizeof(real) == 8;
    double error = 0, size = 0;
    for (int64_t i = 0; i < n; i++) {
        error += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
        size += want[i] * want[i];
    }
    error = sqrt(error / (size > 0 ? size : 1));
    worst[f64] = error > worst[f64] ? error : worst[f64];
    const int64_t longest = s->c > s->k ? s->c : s->k;
    if (!(error <= (f64 ? 1e-13 : 2e-6 * sqrt(longest > 100 ? (double)longest / 100 : 1))))
        fail_msg("%s of [%d, %d, %d] pad %d %d, k %d: relative error %g", what, (int)s->h,
                 (int)s->w, (int)s->c, (int)s->top, (int)s->left, (int)s->k, error);
}

/* All passes of images against the definition; images in two pieces, parts backwards, dw by `add`
 * onto the first piece, the last image alone. */
static uint64_t DG_T(winograd_passes)(const dg_conv *s, int64_t images)
{
    const int64_t cut = between(0, images);
    const int64_t nx = s->h * s->w * s->c, ny = s->oh * s->ow * s->k, nw = 9 * s->c * s->k;
    real *x = DG_T(spread)(images * nx), *w = DG_T(spread)(nw), *dy = DG_T(spread)(images * ny);
    real *b = draw() % 3 ? DG_T(spread)(s->k) : NULL;
    real *y = take(images * ny * 8), *dx = take(images * nx * 8), *dw = take(nw * 8),
         *more = take(nw * 8);
    double *wy = take(images * ny * 8), *wdx = take(images * nx * 8), *wdw = take(nw * 8);
    const DG_T(dg_conv_forward) *f = &DG_T(dg_conv_winograd_forward);
    const DG_T(dg_conv_input) *g = &DG_T(dg_conv_winograd_input);
    const DG_T(dg_conv_weight) *h = &DG_T(dg_conv_winograd_weight);
    void *fs = take((int64_t)f->scratch(s)), *gs = take((int64_t)g->scratch(s)),
         *hs = take((int64_t)h->scratch(s));
    memset(wdx, 0, (size_t)(images * nx * 8));
    memset(wdw, 0, (size_t)(nw * 8));
    DG_T(define)(s, images, x, w, b, dy, wy, wdx, wdw);
    f->run(s, cut, images, x, w, b, y, fs);
    f->run(s, 0, cut, x, w, b, y, fs);
    g->run(s, 0, cut, dy, w, dx, gs);
    g->run(s, cut, images, dy, w, dx, gs);
    for (int p = h->parts(s); p-- > 0;) {
        h->run(s, p, images, x, dy, 0, dw, hs);
        h->run(s, p, cut, x, dy, 0, more, hs);
        for (int64_t i = cut; i < images; i++)
            h->run(s, p, 1, x + i * nx, dy + i * ny, 1, more, hs);
    }
    assert_memory_equal(dw, more, (size_t)nw * sizeof(real));
    DG_T(near)(s, "y", images * ny, y, wy);
    DG_T(near)(s, "dx", images * nx, dx, wdx);
    DG_T(near)(s, "dw", nw, dw, wdw);
    uint64_t bits = hash(hash(4, y, (size_t)(images * ny) * sizeof(real)), dx,
                         (size_t)(images * nx) * sizeof(real));
    bits = hash(bits, dw, (size_t)nw * sizeof(real));
    free(x), free(w), free(b), free(dy), free(y), free(dx), free(dw), free(more);
    free(wy), free(wdx), free(wdw), free(fs), free(gs), free(hs);
    return bits;
}

/* dw by sums in the transform's domain: all images in one call, and some at a time; a gradient in
 * between changes nothing. */
static uint64_t DG_T(winograd_sum)(const dg_conv *s, int64_t images)
{
    const DG_T(dg_conv_sum) *h = &DG_T(dg_conv_winograd_sum);
    const int64_t nx = s->h * s->w * s->c, ny = s->oh * s->ow * s->k, nw = 9 * s->c * s->k;
    real *x = DG_T(spread)(images * nx), *w = DG_T(spread)(nw), *dy = DG_T(spread)(images * ny);
    real *dw = take(nw * 8), *more = take(nw * 8);
    real *sum = take((int64_t)h->bytes(s)), *other = take((int64_t)h->bytes(s));
    double *wy = take(images * ny * 8), *wdx = take(images * nx * 8), *wdw = take(nw * 8);
    void *scratch = take((int64_t)h->scratch(s));
    memset(wdx, 0, (size_t)(images * nx * 8));
    memset(wdw, 0, (size_t)(nw * 8));
    DG_T(define)(s, images, x, w, NULL, dy, wy, wdx, wdw);
    for (int p = h->parts(s); p-- > 0;) {
        h->run(s, p, images, x, dy, 0, sum, scratch);
        h->finish(s, p, sum, dw);
        for (int64_t i = 0, n; i < images || i == 0; i += n) {
            n = between(images > 0, images - i);
            h->run(s, p, n, x + i * nx, dy + i * ny, i > 0, other, scratch);
            h->finish(s, p, other, more);
            if (n == images)
                break;
        }
    }
    assert_memory_equal(dw, more, (size_t)nw * sizeof(real));
    DG_T(near)(s, "dw by sums", nw, dw, wdw);
    const uint64_t bits = hash(5, dw, (size_t)nw * sizeof(real));
    free(x), free(w), free(dy), free(dw), free(more), free(sum), free(other);
    free(wy), free(wdx), free(wdw), free(scratch);
    return bits;
}

/* One block of several images or none, and several of one image; from no image to many. */
static uint64_t DG_T(winograd_sums)(void)
{
    static const int64_t channels[] = {16, 17, 33, 64, 70};
    const int64_t c = channels[draw() % 5], k = channels[draw() % 5];
    const int64_t side = between(0, 9) ? between(3, 9) : 36;
    const dg_conv s = plain_window(side, side + between(0, 3), c, k, 1, 1, 1, 1);
    return DG_T(winograd_sum)(&s, side > 9 ? 2 : between(0, 40));
}

static uint64_t DG_T(winograd_odd)(void)
{
    static const int64_t channels[] = {16, 17, 31, 33, 64, 100};
    const int64_t c = channels[draw() % 6], k = channels[draw() % 6];
    const int64_t h = between(1, 17), w = between(1, 19), top = between(0, 2), left = between(0, 2);
    const int64_t bottom = between(0, 2), right = between(0, 2);
    const dg_conv s = plain_window(h, w, c, k, top, left, bottom, right);
    return s.oh > 0 && s.ow > 0 ? DG_T(winograd_passes)(&s, between(1, 3)) : 0;
}

/* More channels than a chain or than windows at once, more tiles than a block. */
static uint64_t DG_T(winograd_large)(void)
{
    const int what = (int)(state % 3);
    dg_conv s = what == 0   ? plain_window(5, 6, 1000, 100, 1, 1, 1, 1)
                : what == 1 ? plain_window(4, 5, 90, 800, 1, 1, 1, 1)
                            : plain_window(37, 42, 16, 18, 1, 1, 1, 1);
    return DG_T(winograd_passes)(&s, what == 2 ? 2 : 1);
}

/* No image at all: no results, and a dw of zeros, or as it was. */
static uint64_t DG_T(winograd_none)(void)
{
    const dg_conv s = plain_window(5, 5, 40, 20, 1, 1, 1, 1);
    const DG_T(dg_conv_weight) *h = &DG_T(dg_conv_winograd_weight);
    void *hs = take((int64_t)h->scratch(&s));
    enum { N = 9 * 40 * 20 };
    static real dw[N];
    for (int add = 1; add >= 0; add--) {
        for (int i = 0; i < N; i++)
            dw[i] = 3;
        for (int p = 0; p < h->parts(&s); p++)
            h->run(&s, p, 0, NULL, NULL, add, dw, hs);
        for (int i = 0; i < N; i++)
            assert_true(dw[i] == (add ? (real)3 : (real)0));
    }
    free(hs);
    return 0;
}

/* Who is asked: the passes that choose Winograd, as bits 1, 2, 4. */
static int DG_T(chosen)(const dg_conv *s)
{
    return !strcmp(DG_T(dg_conv_choose_forward)(s)->name, "winograd") +
           2 * !strcmp(DG_T(dg_conv_choose_input)(s)->name, "winograd") +
           4 * !strcmp(DG_T(dg_conv_choose_weight)(s)->name, "winograd");
}

static uint64_t DG_T(winograd_choice)(void)
{
    const int all = sizeof(real) == 4 ? 7 : 0, some = all & 3;
    dg_conv s = plain_window(14, 14, 32, 64, 1, 1, 1, 1);
    assert_int_equal(DG_T(chosen)(&s), all);
    assert_int_equal(DG_T(dg_conv_choose_sum)(&s) != NULL, sizeof(real) == 4);
    s.exact = 1;
    assert_int_equal(DG_T(chosen)(&s), 0);
    assert_null(DG_T(dg_conv_choose_sum)(&s));
    s.exact = 0;
    s.stride_x = 2;
    assert_int_equal(DG_T(chosen)(&s), 0);
    s.stride_x = 1;
    s.dilation_y = 2;
    assert_int_equal(DG_T(chosen)(&s), 0);
    s.dilation_y = 1;
    s.groups = 2;
    assert_int_equal(DG_T(chosen)(&s), 0);
    s = plain_window(14, 14, 15, 64, 1, 1, 1, 1);
    assert_int_equal(DG_T(chosen)(&s), 0);
    s = plain_window(14, 14, 16, 15, 1, 1, 1, 1);
    assert_int_equal(DG_T(chosen)(&s), 0);
    s = plain_window(8, 8, 16, 16, 1, 1, 1, 1);
    assert_int_equal(DG_T(chosen)(&s), some);
    s = plain_window(5, 5, 16, 16, 1, 1, 1, 1);
    assert_int_equal(DG_T(chosen)(&s), 0);
    return 0;
}
