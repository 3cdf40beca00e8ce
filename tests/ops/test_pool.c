/* maxpool, avgpool, global_avgpool against their definitions, with the numbers of each padding
 * written out by hand; and the edges of a maximum: NaN, infinities, equal elements, windows over
 * padding. */
#include "ops/registry.h"
#include "ops/rig.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 2, H = 7, W = 6 };

typedef struct {
    const char *attrs;
    int kh, kw, sy, sx, oh, ow, top, left;
} geometry;

static const geometry GEOMETRIES[] = {
    {"kernel=2", 2, 2, 2, 2, 3, 3, 0, 0},
    {"kernel=2, padding=same", 2, 2, 2, 2, 4, 3, 0, 0},
    {"kernel=3, stride=2, padding=same", 3, 3, 2, 2, 4, 3, 1, 0},
    {"kernel=[2, 3], stride=1, padding=[1, 0, 0, 2]", 2, 3, 1, 1, 7, 6, 1, 0},
    {"kernel=3, stride=[3, 1], padding=1", 3, 3, 3, 1, 3, 6, 1, 1},
    {"kernel=2, stride=4", 2, 2, 4, 4, 2, 2, 0, 0},
    {"kernel=[7, 6]", 7, 6, 7, 6, 1, 1, 0, 0},
    {"kernel=17, padding=16, stride=5", 17, 17, 5, 5, 5, 5, 16, 16},
    {"kernel=1", 1, 1, 1, 1, 7, 6, 0, 0},
};

/* The elements of the window of output (i, j): their places in a picture, in order. Returns how
 * many. */
static int window(const geometry *g, int i, int j, int place[])
{
    int n = 0;
    for (int r = 0; r < g->kh; r++)
        for (int s = 0; s < g->kw; s++) {
            int row = i * g->sy + r - g->top, column = j * g->sx + s - g->left;
            if (row >= 0 && row < H && column >= 0 && column < W)
                place[n++] = row * W + column;
        }
    return n;
}

/* The first largest, or the first NaN. */
static int winner(const double *x, int c, int channels, const int place[], int n)
{
    int best = place[0];
    for (int k = 1; k < n; k++) {
        double old = x[best * channels + c], new = x[place[k] * channels + c];
        if (new > old || (isnan(new) && !isnan(old)))
            best = place[k];
    }
    return best;
}

static int same(double a, double b, double slack)
{
    return (isnan(a) && isnan(b)) || (a == b && !signbit(a) == !signbit(b)) || fabs(a - b) < slack;
}

static void expect(const dg_rig *r, const char *what, const void *found, const double *wanted,
                   int64_t n, double slack)
{
    for (int64_t i = 0; i < n; i++)
        if (!same(dg_rig_get(r, found, i), wanted[i], slack))
            fail_msg("%s on %s: element %lld of %s is %.9g, not %.9g", r->trial->text, r->isa,
                     (long long)i, what, dg_rig_get(r, found, i), wanted[i]);
}

/* One picture: y, and what comes back for x from eps. */
static void define(const geometry *g, int largest, int channels, const double *x, const double *eps,
                   double *y, double *delta)
{
    int place[17 * 17];
    memset(delta, 0, (size_t)(H * W * channels) * sizeof *delta);
    for (int at = 0; at < g->oh * g->ow; at++) {
        int n = window(g, at / g->ow, at % g->ow, place);
        assert_true(n > 0);
        for (int c = 0; c < channels; c++) {
            int64_t o = (int64_t)at * channels + c;
            double sum = 0;
            for (int k = 0; k < n; k++)
                sum += x[place[k] * channels + c];
            int best = winner(x, c, channels, place, n);
            y[o] = largest ? x[best * channels + c] : sum / n;
            for (int k = 0; k < n; k++)
                if (!largest || place[k] == best)
                    delta[place[k] * channels + c] += largest ? eps[o] : eps[o] / n;
        }
    }
}

static void check(const geometry *g, const char *node, const char *attrs, int channels,
                  const double *x, const dg_isa *isa, int f64)
{
    int largest = strcmp(node, "maxpool") == 0;
    dg_shape s = {4, {DG_N, H, W, channels}};
    int64_t in = (int64_t)H * W * channels, out = (int64_t)g->oh * g->ow * channels;
    double *eps = calloc((size_t)(N * out), sizeof *eps), *y = calloc((size_t)(N * out), sizeof *y);
    double *delta = calloc((size_t)(N * in), sizeof *delta), slack = largest ? 0
                                                                     : f64   ? 1e-13
                                                                             : 1e-5;
    dg_trial t;
    dg_rig r;
    dg_trial_make(&t, node, attrs, 1, &s, &x, N);
    dg_rig_open(&r, &t, f64 ? DG_F64 : DG_F32, isa, 1);
    assert_int_equal(dg_rig_out_count(&r, 0), N * out);
    for (int64_t i = 0; i < N * out; i++) {
        eps[i] = (double)(i % 7) - 3;
        dg_rig_set(&r, r.eps[0], i, eps[i]);
    }
    for (int n = 0; n < N; n++)
        define(g, largest, channels, x + n * in, eps + n * out, y + n * out, delta + n * in);
    dg_rig_forward(&r, DG_CUT);
    dg_rig_adjoint(&r, DG_CUT, -1);
    expect(&r, "y", r.out[0], y, N * out, slack);
    expect(&r, "the error vector", r.delta[0], delta, N * in, slack);
    dg_rig_close(&r);
    dg_trial_free(&t);
    free(eps);
    free(y);
    free(delta);
}

typedef void draw_fn(double *x, int64_t n);

/* Few values, so that many are equal. */
static void draw_equal(double *x, int64_t n)
{
    uint64_t seed = 5;
    for (int64_t i = 0; i < n; i++)
        x[i] = (double)(dg_trial_next(&seed) % 4) - 2;
}

static void draw_odd(double *x, int64_t n)
{
    static const double odd[] = {
        (double)NAN, (double)INFINITY, -(double)INFINITY, 0, -0.0, -0x1p99, 1};
    uint64_t seed = 9;
    for (int64_t i = 0; i < n; i++)
        x[i] = odd[dg_trial_next(&seed) % 7];
}

static void draw_lowest(double *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = -(double)INFINITY;
}

static void check_all(const char *node, draw_fn *draw)
{
    static const int channels[] = {1, 3, 16, 37};
    const dg_isa *isa;
    for (size_t k = 0; k < sizeof channels / sizeof channels[0]; k++) {
        int64_t n = (int64_t)N * H * W * channels[k];
        double *x = calloc((size_t)n, sizeof *x);
        draw(x, n);
        for (int i = 0; (isa = dg_rig_isa(i)); i++)
            for (size_t j = 0; j < sizeof GEOMETRIES / sizeof GEOMETRIES[0]; j++)
                for (int f64 = 0; f64 < 2; f64++)
                    check(&GEOMETRIES[j], node, GEOMETRIES[j].attrs, channels[k], x, isa, f64);
        free(x);
    }
}

static void test_maxpool(void **state)
{
    (void)state;
    check_all("maxpool", draw_equal);
    check_all("maxpool", draw_odd);
    check_all("maxpool", draw_lowest);
}

static void test_avgpool(void **state)
{
    (void)state;
    check_all("avgpool", draw_equal);
}

/* A window of more than 256 places, whose winners are saved in a wider type. */
static void test_wide_window(void **state)
{
    (void)state;
    enum { SIDE = 40 };
    static double x[SIDE * SIDE];
    const double *values = x;
    dg_shape s = {4, {DG_N, SIDE, SIDE, 1}};
    dg_trial t;
    dg_rig r;
    x[SIDE * SIDE - 2] = 1;
    dg_trial_make(&t, "maxpool", "kernel=40", 1, &s, &values, 1);
    dg_rig_open(&r, &t, DG_F32, dg_isa_at(0), 1);
    dg_rig_forward(&r, DG_WHOLE);
    dg_rig_set(&r, r.eps[0], 0, 3);
    dg_rig_adjoint(&r, DG_WHOLE, -1);
    for (int i = 0; i < SIDE * SIDE; i++)
        assert_true(dg_rig_get(&r, r.delta[0], i) == (x[i] > 0 ? 3 : 0));
    dg_rig_close(&r);
    dg_trial_free(&t);
}

static void test_global(void **state)
{
    (void)state;
    const dg_isa *isa;
    for (int i = 0; (isa = dg_rig_isa(i)); i++)
        for (int keep = 0; keep < 2; keep++) {
            dg_shape s = {4, {DG_N, 2, 2, 3}};
            double x[N * 12], *values = x;
            for (int k = 0; k < N * 12; k++)
                x[k] = k * k;
            const double *in = values;
            dg_trial t;
            dg_rig r;
            dg_trial_make(&t, "global_avgpool", keep ? "keepdims=true" : "", 1, &s, &in, N);
            assert_int_equal(t.out_shape[0].rank, keep ? 4 : 2);
            dg_rig_open(&r, &t, DG_F32, isa, 1);
            dg_rig_forward(&r, DG_CUT);
            dg_rig_adjoint(&r, DG_CUT, -1);
            for (int n = 0; n < N; n++)
                for (int c = 0; c < 3; c++) {
                    const double *p = x + n * 12 + c;
                    double mean = (p[0] + p[3] + p[6] + p[9]) / 4;
                    double eps = dg_rig_get(&r, r.eps[0], n * 3 + c);
                    assert_true(dg_rig_get(&r, r.out[0], n * 3 + c) == mean);
                    for (int k = 0; k < 4; k++)
                        assert_true(dg_rig_get(&r, r.delta[0], n * 12 + k * 3 + c) == eps / 4);
                }
            dg_rig_close(&r);
            dg_trial_free(&t);
        }
}

/* One series of one channel, 1 to n. */
static void series(const char *node, const char *attrs, int n, int out, const double want[])
{
    double values[8], *x = values;
    const double *in = values;
    dg_shape s = {3, {DG_N, n, 1}};
    dg_trial t;
    dg_rig r;
    for (int k = 0; k < n; k++)
        x[k] = k + 1;
    dg_trial_make(&t, node, attrs, 1, &s, &in, 1);
    dg_rig_open(&r, &t, DG_F64, dg_isa_at(0), 1);
    dg_rig_forward(&r, DG_WHOLE);
    assert_int_equal(dg_rig_out_count(&r, 0), out);
    for (int k = 0; k < out; k++)
        if (fabs(dg_rig_get(&r, r.out[0], k) - want[k]) > 1e-15)
            fail_msg("%s(%s): %d is %g, not %g", node, attrs, k, dg_rig_get(&r, r.out[0], k),
                     want[k]);
    dg_rig_close(&r);
    dg_trial_free(&t);
}

static void test_series(void **state)
{
    (void)state;
    series("maxpool", "kernel=2", 5, 2, (double[]){2, 4});
    series("maxpool", "kernel=2, ceil=true", 5, 3, (double[]){2, 4, 5});
    series("maxpool", "kernel=2, stride=1, dilation=2", 5, 3, (double[]){3, 4, 5});
    series("maxpool", "kernel=2, stride=2, padding=[0, 1]", 5, 3, (double[]){2, 4, 5});
    /* no window may begin after the series, so ceil adds none */
    series("maxpool", "kernel=1, stride=3, padding=0, ceil=true", 5, 2, (double[]){1, 4});
    series("avgpool", "kernel=2, ceil=true", 5, 3, (double[]){1.5, 3.5, 5});
    series("avgpool", "kernel=3, stride=2, padding=1", 5, 3, (double[]){1.5, 3, 4.5});
    series("avgpool", "kernel=3, stride=2, padding=1, include_padding=true", 5, 3,
           (double[]){1, 3, 3});
    /* the last window holds 4 and one zero of padding; its third place is after that */
    series("avgpool", "kernel=3, stride=2, padding=1, include_padding=true, ceil=true", 4, 3,
           (double[]){1, 3, 2});
    series("avgpool", "kernel=2, stride=1, dilation=3, padding=1, include_padding=true", 4, 3,
           (double[]){1.5, 2.5, 1});
    series("global_avgpool", "", 5, 1, (double[]){3});
}

static void refused(const char *node, dg_shape x, double kernel, double padding, const char *text)
{
    const dg_node_type *t = dg_builtin_at(dg_builtin_find(node));
    dg_attr_value v[] = {
        {.count = 1, .word = -1, .number = {kernel}},  {.count = 0, .word = -1},
        {.count = 1, .word = -1, .number = {padding}}, {.count = 1, .word = -1, .number = {1}},
        {.count = 1, .word = -1, .number = {0}},       {.count = 1, .word = -1, .number = {0}}};
    dg_attrs a = {6, v};
    dg_diag why = {0};
    dg_shape out;
    assert_int_equal(t->shape(&a, 1, &x, &out, &why), DG_EMODEL);
    if (!strstr(why.text, text) || strncmp(why.text, node, strlen(node)) != 0)
        fail_msg("the message is: %s", why.text);
}

static void test_refused(void **state)
{
    (void)state;
    const char *const nodes[] = {"maxpool", "avgpool"};
    dg_shape x = {4, {DG_N, 7, 6, 4}}, flat = {2, {DG_N, 42}}, empty = {4, {DG_N, 7, 0, 4}},
             line = {3, {DG_N, 7, 4}};
    for (int k = 0; k < 2; k++) {
        refused(nodes[k], x, 8, 0, "a kernel of 8 rows");
        refused(nodes[k], x, 3, 3, "padding of 3 and 3 rows must be smaller than the window, 3");
        refused(nodes[k], flat, 2, 0,
                "takes pictures [N, H, W, C] or series [N, T, C], found [N, 42]");
        refused(nodes[k], empty, 2, 1, "the 0 of the picture");
        refused(nodes[k], line, 8, 0,
                "a kernel of 8 places with dilation 1 covers 8, more than the "
                "7 of the series");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_maxpool),     cmocka_unit_test(test_avgpool),
        cmocka_unit_test(test_wide_window), cmocka_unit_test(test_global),
        cmocka_unit_test(test_series),      cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
