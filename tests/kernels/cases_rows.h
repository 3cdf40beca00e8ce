/* Cases of tests/kernels/test_rows.c for one path: pooling, rows, columns, optimizer steps,
 * movement. */
#include "base/philox.h"
#include "kernels/kernels.h"

static real *DG_T(wholes)(int64_t n, int64_t most)
{
    real *p = take(n * (int64_t)sizeof(real));
    for (int64_t i = 0; i < n; i++)
        p[i] = (real)between(-most, most);
    return p;
}

static real *DG_T(fractions)(int64_t n)
{
    real *p = take(n * (int64_t)sizeof(real));
    for (int64_t i = 0; i < n; i++)
        p[i] = (real)((double)between(-4000000, 4000000) * 1e-6);
    return p;
}

static real *DG_T(copy_of)(int64_t n, const real *x)
{
    real *p = take(n * (int64_t)sizeof(real));
    memcpy(p, x, (size_t)n * sizeof(real));
    return p;
}

/* One axis of a pooling; 0: it does not fit. */
static int DG_T(draw_axis)(int64_t n, int64_t k, int64_t *stride, int64_t *step, int64_t *before,
                           int64_t *after, int64_t *out)
{
    *stride = draw() % 2 ? k : between(1, 4);
    *step = draw() % 3 ? 1 : between(1, 3);
    const int64_t extent = (k - 1) * *step + 1;
    *before = draw() % 2 ? 0 : between(0, extent - 1);
    *after = between(0, extent - 1);
    const int64_t room = n + *before + *after - extent;
    if (room < 0 || (*step > n && *before))
        return 0;
    *out = room / *stride + 1;
    return (*out - 1) * *stride - *before < n; /* the last window must touch the image */
}

static dg_pool DG_T(draw_pool)(void)
{
    for (;;) {
        dg_pool s = {.c = between(1, 35), .kh = between(1, 4), .kw = between(1, 4)};
        s.h = between(1, 12);
        s.w = between(1, 12);
        s.padded = draw() % 3 == 0;
        if (DG_T(draw_axis)(s.h, s.kh, &s.stride_y, &s.dilation_y, &s.top, &s.bottom, &s.oh) &&
            DG_T(draw_axis)(s.w, s.kw, &s.stride_x, &s.dilation_x, &s.left, &s.right, &s.ow))
            return s;
    }
}

/* Both poolings and their adjoints against the definition: few values, so many ties; errors that
 * all window sizes divide. */
static uint64_t DG_T(pool)(void)
{
    const dg_pool s = DG_T(draw_pool)();
    const int64_t images = between(0, 3), cut = between(0, images);
    const int64_t nx = images * s.h * s.w * s.c, ny = images * s.oh * s.ow * s.c,
                  bytes = (int64_t)sizeof(real);
    real *x = DG_T(wholes)(nx, 2), *dy = DG_T(wholes)(ny, 3), *y = take(ny * bytes),
         *dx = take(nx * bytes);
    real *want = take(nx * bytes), *mean = take(ny * bytes), *spread = take(nx * bytes),
         *share = take(nx * bytes);
    unsigned char *tap = take(ny);
    assert_int_equal(DG_T(dg_pool_tap_bytes)(&s), 1);
    memset(want, 0, (size_t)(nx * bytes));
    memset(share, 0, (size_t)(nx * bytes));
    for (int64_t i = 0; i < ny; i++)
        dy[i] *= 144;
    for (int part = 0; part < 2; part++) {
        const int64_t a = part ? 0 : cut, b = part ? cut : images;
        DG_T(dg_maxpool)(&s, a, b, x, y, tap);
        DG_T(dg_maxpool_adjoint)(&s, a, b, dy, tap, dx);
        DG_T(dg_avgpool)(&s, a, b, x, mean);
        DG_T(dg_avgpool_adjoint)(&s, a, b, dy, spread);
    }
    for (int64_t i = 0; i < ny; i++) {
        const int64_t c = i % s.c, ox = i / s.c % s.ow, oy = i / s.c / s.ow % s.oh,
                      n = i / s.c / s.ow / s.oh;
        int64_t best = -1, sum = 0, count = 0;
        for (int pass = 0; pass < 2; pass++)
            for (int64_t t = 0; t < s.kh * s.kw; t++) {
                const int64_t iy = oy * s.stride_y - s.top + t / s.kw * s.dilation_y,
                              ix = ox * s.stride_x - s.left + t % s.kw * s.dilation_x;
                if (iy < 0 || iy >= s.h || ix < 0 || ix >= s.w) {
                    count += !pass && s.padded && iy < s.h + s.bottom && ix < s.w + s.right;
                    continue;
                }
                const int64_t at = ((n * s.h + iy) * s.w + ix) * s.c + c;
                if (pass) {
                    share[at] += dy[i] / (real)count;
                    continue;
                }
                if (best < 0 || x[at] > x[best]) {
                    best = at;
                    assert_true(tap[i] == t || x[at] < y[i]);
                }
                sum += (int64_t)x[at];
                count++;
            }
        assert_true(y[i] == x[best] && mean[i] == (real)sum / (real)count);
        want[best] += dy[i];
    }
    for (int64_t i = 0; i < nx; i++)
        assert_true(dx[i] == want[i] && spread[i] == share[i]);
    DG_T(dg_maxpool_tangent)(&s, 0, images, x, tap, mean); /* of x itself: y */
    assert_memory_equal(mean, y, (size_t)(ny * bytes));
    uint64_t h = hash(hash(5, y, (size_t)(ny * bytes)), dx, (size_t)(nx * bytes));
    h = hash(hash(h, tap, (size_t)ny), spread, (size_t)(nx * bytes));
    free(x), free(dy), free(y), free(dx), free(want), free(mean), free(spread), free(share),
        free(tap);
    return h;
}

/* A window of more than 256 taps has 4 bytes a tap; NaN wins, the first one. */
static uint64_t DG_T(pool_large)(void)
{
    const dg_pool s = {.h = 20,
                       .w = 20,
                       .c = 3,
                       .kh = 17,
                       .kw = 17,
                       .oh = 4,
                       .ow = 4,
                       .stride_y = 1,
                       .stride_x = 1,
                       .dilation_y = 1,
                       .dilation_x = 1};
    real x[1200], y[48], dx[1200], dy[48];
    uint32_t tap[48];
    for (int i = 0; i < 1200; i++)
        x[i] = (real)i;
    x[(16 * 20 + 16) * 3 + 1] = x[(16 * 20 + 18) * 3 + 1] = (real)__builtin_nan("");
    for (int i = 0; i < 48; i++)
        dy[i] = 1;
    assert_int_equal(DG_T(dg_pool_tap_bytes)(&s), 4);
    DG_T(dg_maxpool)(&s, 0, 1, x, y, tap);
    DG_T(dg_maxpool_adjoint)(&s, 0, 1, dy, tap, dx);
    for (int i = 0; i < 48; i++) {
        const int oy = i / 12, ox = i / 3 % 4;
        if (i % 3 == 1) {
            assert_true(y[i] != y[i]);
            assert_int_equal(tap[i], (16 - oy) * 17 + 16 - ox);
        } else {
            assert_int_equal(tap[i], 288);
            assert_true(y[i] == x[((oy + 16) * 20 + ox + 16) * 3 + i % 3]);
        }
    }
    assert_true(dx[(16 * 20 + 16) * 3 + 1] == 16 && dx[(16 * 20 + 18) * 3 + 1] == 0);
    return hash(6, dx, sizeof dx);
}

/* Sums of whole numbers are exact in any order; the order itself is what all paths agree on. */
static uint64_t DG_T(rows)(void)
{
    const int64_t rows = between(0, 9), n = draw() % 2 ? between(0, 40) : between(1, 300);
    real *x = DG_T(wholes)(rows * n, 9), *y = DG_T(wholes)(rows * n, 9);
    real *c = DG_T(wholes)(n, 9), *c0 = DG_T(copy_of)(n, c), *f = DG_T(fractions)(rows * n);
    const int add = (int)(draw() % 2);
    DG_T(dg_sum_columns)(rows, n, x, n, add, c);
    uint64_t h = 7;
    for (int64_t r = 0; r < rows; r++) {
        int64_t sum = 0, dot = 0, squares = 0, most = INT64_MIN;
        for (int64_t i = 0; i < n; i++) {
            const int64_t a = (int64_t)x[r * n + i], b = (int64_t)y[r * n + i];
            sum += a;
            dot += a * b;
            squares += (a - 2) * (a - 2);
            most = a > most ? a : most;
        }
        assert_true(DG_T(dg_row_sum)(n, x + r * n) == (real)sum);
        assert_true(DG_T(dg_row_dot)(n, x + r * n, y + r * n) == (real)dot);
        assert_true(DG_T(dg_row_squares)(n, x + r * n, 2) == (real)squares);
        assert_true(DG_T(dg_row_max)(n, x + r * n) == (n ? (real)most : -(real)__builtin_inf()));
        const real any[3] = {DG_T(dg_row_sum)(n, f + r * n),
                             DG_T(dg_row_dot)(n, f + r * n, y + r * n),
                             DG_T(dg_row_squares)(n, f + r * n, (real)0.3)};
        h = hash(h, any, sizeof any);
    }
    for (int64_t i = 0; i < n; i++) {
        int64_t sum = add ? (int64_t)c0[i] : 0;
        for (int64_t r = 0; r < rows; r++)
            sum += (int64_t)x[r * n + i];
        assert_true(c[i] == (real)sum);
    }
    if (rows && n) {
        x[between(0, n - 1)] = (real)__builtin_nan("");
        const real top = DG_T(dg_row_max)(n, x);
        assert_true(top != top);
    }
    DG_T(dg_sum_columns)(rows, n, f, n, 0, c);
    h = hash(h, c, (size_t)n * sizeof(real));
    free(x), free(y), free(c), free(c0), free(f);
    return h;
}

static double DG_T(error)(real got, double want, double scale)
{
    const double e = (double)got - want;
    return (e < 0 ? -e : e) / scale / (sizeof(real) == 4 ? 1.1920929e-7 : 2.220446e-16);
}

/* exp(x - centre) and its sum. */
static uint64_t DG_T(softmax)(void)
{
    const int64_t n = draw() % 2 ? between(1, 40) : between(1, 200);
    real *x = DG_T(fractions)(n), *y = DG_T(copy_of)(n, x);
    long double wide = 0;
    for (int64_t i = 0; i < n; i++)
        wide += (long double)__builtin_exp((double)(x[i] - 1));
    const double want = (double)wide;
    const real sum = DG_T(dg_row_exp)(n, x, 1, y);
    assert_true(DG_T(error)(sum, want, want) < 4);
    assert_true(DG_T(dg_row_exp)(n, x, 1, NULL) == sum);
    for (int64_t i = 0; i < n; i++) {
        const double e = __builtin_exp((double)(x[i] - 1));
        assert_true(DG_T(error)(y[i], e, e) < 4);
    }
    uint64_t h = hash(hash(8, y, (size_t)n * sizeof(real)), &sum, sizeof sum);
    free(x), free(y);
    return h;
}

/* Sums of columns as pairs, in two pieces: the bits of one; means. */
static uint64_t DG_T(column_sums)(void)
{
    const int64_t rows = between(1, 300), n = between(1, 40), cut = between(0, rows);
    real *x = DG_T(fractions)(rows * n), *high = DG_T(copy_of)(n, x), *low = DG_T(copy_of)(n, x);
    real *h2 = DG_T(copy_of)(n, x), *l2 = DG_T(copy_of)(n, x), *mean = DG_T(copy_of)(n, x);
    DG_T(dg_sum_columns_pair)(rows, n, x, n, 0, high, low);
    DG_T(dg_sum_columns_pair)(cut, n, x, n, 0, h2, l2);
    DG_T(dg_sum_columns_pair)(rows - cut, n, x + cut * n, n, 1, h2, l2);
    assert_memory_equal(high, h2, (size_t)n * sizeof(real));
    assert_memory_equal(low, l2, (size_t)n * sizeof(real));
    DG_T(dg_mean_columns)(rows, n, x, n, mean);
    for (int64_t j = 0; j < n; j++) {
        double sum = 0, size = 0;
        for (int64_t r = 0; r < rows; r++) {
            sum += (double)x[r * n + j];
            size += __builtin_fabs((double)x[r * n + j]);
        }
        assert_true(DG_T(error)(high[j] + low[j], sum, size) < 1);
        assert_true(DG_T(error)(mean[j], sum / (double)rows, size / (double)rows) < 8);
    }
    uint64_t h = hash(hash(11, high, (size_t)n * sizeof(real)), mean, (size_t)n * sizeof(real));
    free(x), free(high), free(low), free(h2), free(l2), free(mean);
    return h;
}

/* Sums of squares by blocks; one element that is not finite anywhere is seen. */
static uint64_t DG_T(squares)(void)
{
    const int64_t n = between(1, 10000), blocks = (n + DG_SQUARES_BLOCK - 1) / DG_SQUARES_BLOCK;
    real *x = DG_T(wholes)(n, 9);
    double sums[3];
    assert_int_equal(DG_T(dg_squares)(n, x, 0, blocks, sums), 1);
    for (int64_t b = 0; b < blocks; b++) {
        int64_t want = 0;
        for (int64_t i = b * DG_SQUARES_BLOCK; i < n && i < (b + 1) * DG_SQUARES_BLOCK; i++)
            want += (int64_t)x[i] * (int64_t)x[i];
        assert_true(sums[b] == (double)want);
    }
    const real bad[3] = {(real)__builtin_nan(""), (real)__builtin_inf(), -(real)__builtin_inf()};
    const int64_t at = between(0, n - 1), block = at / DG_SQUARES_BLOCK;
    x[at] = bad[draw() % 3];
    for (int64_t b = 0; b < blocks; b++)
        assert_int_equal(DG_T(dg_squares)(n, x, b, b + 1, sums), b != block);
    free(x);
    real *f = DG_T(fractions)(n);
    DG_T(dg_squares)(n, f, 0, blocks, sums);
    free(f);
    return hash(9, sums, (size_t)blocks * sizeof *sums);
}

/* Each rule against its formula in double, for some elements in the middle; the others stay. */
static uint64_t DG_T(steps)(void)
{
    const int64_t n = between(3, 70), i0 = between(0, n), i1 = between(i0, n),
                  bytes = n * (int64_t)sizeof(real);
    const int kind = (int)between(0, 3);
    dg_rule a = {.rate = 0.01,
                 .scale = 0.5,
                 .decay = draw() % 2 ? 0.1 : 0,
                 .momentum = 0.9,
                 .nesterov = (int)(draw() % 2),
                 .beta1 = 0.9,
                 .beta2 = 0.99,
                 .c1 = 0.19,
                 .c2 = 0.0199,
                 .epsilon = 1e-3,
                 .decoupled = (int)(draw() % 2),
                 .alpha = 0.95};
    real *p = DG_T(fractions)(n), *g = DG_T(fractions)(n), *m = DG_T(fractions)(n),
         *v = DG_T(fractions)(n);
    for (int64_t i = 0; i < n; i++)
        v[i] = v[i] < 0 ? -v[i] : v[i];
    real *p0 = DG_T(copy_of)(n, p), *m0 = DG_T(copy_of)(n, m), *v0 = DG_T(copy_of)(n, v);
    if (kind < 2)
        DG_T(dg_step_sgd)(&a, i0, i1, p, g, kind ? m : NULL);
    else if (kind == 2)
        DG_T(dg_step_adam)(&a, i0, i1, p, g, m, v);
    else
        DG_T(dg_step_rmsprop)(&a, i0, i1, p, g, v);
    for (int64_t i = 0; i < n; i++) {
        if (i < i0 || i >= i1) {
            assert_true(p[i] == p0[i] && m[i] == m0[i] && v[i] == v0[i]);
            continue;
        }
        double x = (double)p0[i], d = 0.5 * (double)g[i], first = (double)m0[i],
               second = (double)v0[i];
        if (kind != 2 || !a.decoupled)
            d += a.decay * x;
        if (kind == 0) {
            x -= a.rate * d;
        } else if (kind == 1) {
            first = 0.9 * first + d;
            x -= a.rate * (a.nesterov ? d + 0.9 * first : first);
        } else if (kind == 2) {
            first = 0.9 * first + 0.1 * d;
            second = 0.99 * second + 0.01 * d * d;
            x -= a.decoupled ? a.rate * a.decay * x : 0;
            x -= a.rate * (first / a.c1) / (__builtin_sqrt(second / a.c2) + a.epsilon);
        } else {
            second = 0.95 * second + 0.05 * d * d;
            x -= a.rate * d / (__builtin_sqrt(second) + a.epsilon);
        }
        assert_true(DG_T(error)(p[i], x, 4) < 8 && DG_T(error)(m[i], first, 8) < 8 &&
                    DG_T(error)(v[i], second, 8) < 8);
    }
    uint64_t h = hash(hash(hash(10, p, (size_t)bytes), m, (size_t)bytes), v, (size_t)bytes);
    free(p), free(g), free(m), free(v), free(p0), free(m0), free(v0);
    return h;
}

static uint64_t DG_T(move)(void)
{
    const int64_t m = between(0, 50), n = between(0, 50), xr = n + between(0, 3),
                  yr = m + between(0, 3);
    real *x = DG_T(wholes)(m * xr, 1000), *y = DG_T(wholes)(n * yr, 9),
         *y0 = DG_T(copy_of)(n * yr, y);
    real *a = DG_T(wholes)(n, 1000), *b = DG_T(wholes)(n, 1000), *c = DG_T(wholes)(n, 1000),
         *d = DG_T(copy_of)(n, c);
    DG_T(dg_transpose)(m, n, x, xr, y, yr);
    for (int64_t j = 0; j < n; j++)
        for (int64_t i = 0; i < yr; i++)
            assert_true(y[j * yr + i] == (i < m ? x[i * xr + j] : y0[j * yr + i]));
    DG_T(dg_add)(n, a, b, c);
    DG_T(dg_scale)(n, -2, b, d);
    for (int64_t i = 0; i < n; i++)
        assert_true(c[i] == a[i] + b[i] && d[i] == -2 * b[i]);
    DG_T(dg_copy)(n, a, c);
    DG_T(dg_fill)(n, 7, d);
    for (int64_t i = 0; i < n; i++)
        assert_true(c[i] == a[i] && d[i] == 7);
    free(x), free(y), free(y0), free(a), free(b), free(c), free(d);
    return 0;
}

/* Element by element what a stream gives, from any of them on. */
static uint64_t DG_T(uniform_row)(void)
{
    const int64_t n = between(0, 200);
    const uint64_t seed = draw(), stream = draw(), first = draw() % 3 ? draw() % 50 : draw();
    double *x = take(n * 8);
    DG_T(dg_uniform_row)(seed, stream, first, n, x);
    for (int64_t i = 0; i < n; i++) {
        const double want = dg_uniform(seed, stream, first + (uint64_t)i);
        assert_memory_equal(&x[i], &want, sizeof want);
    }
    const uint64_t h = hash(7, x, (size_t)n * 8);
    free(x);
    return h;
}
