/* conv against its definition, for strides, dilations, groups and every kind of padding, whose
 * numbers are written out here by hand. Small integers: each result is exact in both types, on
 * every instruction set, for f and for the three parts of G. */
#include "ops/registry.h"
#include "ops/rig.h"

#include <dagrad/graph.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { X, WEIGHT, BIAS };
enum { N = 2, H = 7, W = 6 };

/* Attributes but for the channels, and what they mean. */
typedef struct {
    const char *attrs;
    int c, k, groups, kh, kw, sy, sx, dy, dx;
    int oh, ow, top, left;
} geometry;

static const geometry GEOMETRIES[] = {
    {"kernel=3", 2, 3, 1, 3, 3, 1, 1, 1, 1, 7, 6, 1, 1},
    {"kernel=3, stride=2", 2, 3, 1, 3, 3, 2, 2, 1, 1, 4, 3, 1, 0},
    {"kernel=[2, 4]", 3, 2, 1, 2, 4, 1, 1, 1, 1, 7, 6, 0, 1},
    {"kernel=3, padding=valid", 2, 17, 1, 3, 3, 1, 1, 1, 1, 5, 4, 0, 0},
    {"kernel=[3, 2], padding=2, stride=[2, 3]", 1, 1, 1, 3, 2, 2, 3, 1, 1, 5, 3, 2, 2},
    {"kernel=2, padding=[1, 0]", 5, 4, 1, 2, 2, 1, 1, 1, 1, 8, 5, 1, 0},
    {"kernel=3, padding=[0, 3, 2, 1], dilation=2", 2, 2, 1, 3, 3, 1, 1, 2, 2, 5, 6, 0, 3},
    {"kernel=3, dilation=[1, 3]", 2, 2, 1, 3, 3, 1, 1, 1, 3, 7, 6, 1, 3},
    {"kernel=3, groups=2", 4, 6, 2, 3, 3, 1, 1, 1, 1, 7, 6, 1, 1},
    {"kernel=3, groups=5, stride=2, dilation=2", 5, 10, 5, 3, 3, 2, 2, 2, 2, 4, 3, 2, 1},
    {"kernel=5, padding=7", 1, 2, 1, 5, 5, 1, 1, 1, 1, 17, 16, 7, 7},
    {"kernel=1, stride=3", 3, 40, 1, 1, 1, 3, 3, 1, 1, 3, 2, 0, 0},
    {"kernel=[7, 6], padding=valid", 2, 2, 1, 7, 6, 1, 1, 1, 1, 1, 1, 0, 0},
};

static double whole(uint64_t *state)
{
    return (double)(dg_trial_next(state) % 7) - 3;
}

static double *draw(int64_t n, uint64_t *state)
{
    double *x = malloc((size_t)(n + 1) * sizeof *x);
    assert_non_null(x);
    for (int64_t i = 0; i < n; i++)
        x[i] = whole(state);
    return x;
}

/* Taps of all results of a picture that do not fall on padding. */
static int taps_inside(const geometry *g)
{
    int n = 0;
    for (int oy = 0; oy < g->oh; oy++)
        for (int ox = 0; ox < g->ow; ox++)
            for (int r = 0; r < g->kh; r++)
                for (int c = 0; c < g->kw; c++) {
                    int y = oy * g->sy - g->top + r * g->dy, x = ox * g->sx - g->left + c * g->dx;
                    n += y >= 0 && y < H && x >= 0 && x < W;
                }
    return n;
}

/* What the definition reads, and what it adds to. */
typedef struct {
    const double *x, *w, *eps;
    double *y, *for_x, *for_w;
} buffers;

static void taps(const geometry *g, int n, int i, int j, int k, const buffers *b)
{
    int in = g->c / g->groups, first = k / (g->k / g->groups) * in;
    int64_t y = (((int64_t)n * g->oh + i) * g->ow + j) * g->k + k;
    for (int r = 0; r < g->kh; r++)
        for (int s = 0; s < g->kw; s++)
            for (int c = 0; c < in; c++) {
                int row = i * g->sy + r * g->dy - g->top, column = j * g->sx + s * g->dx - g->left;
                if (row < 0 || row >= H || column < 0 || column >= W)
                    continue;
                int64_t x = (((int64_t)n * H + row) * W + column) * g->c + first + c;
                int64_t w = (((int64_t)r * g->kw + s) * in + c) * g->k + k;
                b->y[y] += b->x[x] * b->w[w];
                b->for_x[x] += b->eps[y] * b->w[w];
                b->for_w[w] += b->eps[y] * b->x[x];
            }
}

static void definition(const geometry *g, const buffers *b, const double *bias, double *for_bias)
{
    for (int n = 0; n < N; n++)
        for (int i = 0; i < g->oh; i++)
            for (int j = 0; j < g->ow; j++)
                for (int k = 0; k < g->k; k++) {
                    int64_t y = (((int64_t)n * g->oh + i) * g->ow + j) * g->k + k;
                    b->y[y] = bias[k];
                    for_bias[k] += b->eps[y];
                    taps(g, n, i, j, k, b);
                }
}

static void equal(const dg_rig *r, const char *what, const void *found, const double *wanted,
                  int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (!(dg_rig_get(r, found, i) == wanted[i]))
            fail_msg("%s on %s: element %lld of %s is %g, not %g", r->trial->text, r->isa,
                     (long long)i, what, dg_rig_get(r, found, i), wanted[i]);
}

static int zeros(const double *x, int64_t n)
{
    int64_t k = 0;
    for (int64_t i = 0; i < n; i++)
        k += x[i] == 0;
    return (int)(10 * k / (n > 0 ? n : 1));
}

static void compare(const geometry *g, const dg_trial *t, const buffers *b, const double *for_bias,
                    const dg_isa *isa, dg_type real)
{
    dg_rig r;
    dg_rig_open(&r, t, real, isa, 1);
    int64_t ny = dg_rig_out_count(&r, 0);
    assert_int_equal(ny, (int64_t)N * g->oh * g->ow * g->k);
    for (int64_t i = 0; i < ny; i++)
        dg_rig_set(&r, r.eps[0], i, b->eps[i]);
    dg_rig_forward(&r, DG_CUT);
    dg_rig_adjoint(&r, DG_CUT, -1);
    equal(&r, "y", r.out[0], b->y, ny);
    equal(&r, "the error vector of x", r.delta[X], b->for_x, dg_rig_in_count(&r, X));
    equal(&r, "the gradient of W", r.delta[WEIGHT], b->for_w, dg_rig_in_count(&r, WEIGHT));
    equal(&r, "the gradient of b", r.delta[BIAS], for_bias, g->k);
    dg_rig_close(&r);
}

static void check(const geometry *g)
{
    uint64_t seed = 1;
    char attrs[160];
    snprintf(attrs, sizeof attrs, "channels=%d, %s", g->k, g->attrs);
    const dg_shape shapes[] = {
        {4, {DG_N, H, W, g->c}}, {4, {g->kh, g->kw, g->c / g->groups, g->k}}, {1, {g->k}}};
    int64_t nx = (int64_t)N * H * W * g->c, ny = (int64_t)N * g->oh * g->ow * g->k;
    int64_t nw = dg_shape_count(&shapes[WEIGHT]);
    double *x = draw(nx, &seed), *w = draw(nw, &seed), *bias = draw(g->k, &seed);
    double *eps = draw(ny, &seed), *for_bias = calloc((size_t)g->k, sizeof *for_bias);
    buffers b = {.x = x,
                 .w = w,
                 .eps = eps,
                 .y = calloc((size_t)ny, sizeof(double)),
                 .for_x = calloc((size_t)nx, sizeof(double)),
                 .for_w = calloc((size_t)nw, sizeof(double))};
    definition(g, &b, bias, for_bias);
    assert_true(zeros(b.y, ny) < 9 && zeros(b.for_w, nw) < 9);
    dg_trial t;
    const double *const values[] = {x, w, bias};
    dg_trial_make(&t, "conv", attrs, 3, shapes, values, N);
    const dg_isa *isa;
    for (int k = 0; (isa = dg_rig_isa(k)); k++)
        for (int f64 = 0; f64 < 2; f64++)
            compare(g, &t, &b, for_bias, isa, f64 ? DG_F64 : DG_F32);
    dg_sizes of = dg_trial_sizes(&t, DG_F32);
    double flops = 2.0 * N * g->k * (g->c / g->groups) * (double)taps_inside(g);
    for (int k = -1; k < BIAS; k++)
        assert_true(t.type->flops(&of, k) == flops);
    assert_true(t.type->flops(&of, BIAS) == (double)ny);
    dg_trial_free(&t);
    void *all[] = {x, w, bias, eps, for_bias, b.y, b.for_x, b.for_w};
    for (size_t k = 0; k < sizeof all / sizeof all[0]; k++)
        free(all[k]);
}

static void test_definition(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof GEOMETRIES / sizeof GEOMETRIES[0]; k++)
        check(&GEOMETRIES[k]);
}

/* Without a channel there is no tap: y is b at each pixel, and only b has a gradient. */
static void test_no_channels(void **state)
{
    (void)state;
    dg_trial t;
    dg_rig r;
    const dg_shape shapes[] = {{4, {DG_N, 3, 4, 0}}, {4, {3, 3, 0, 2}}, {1, {2}}};
    const double bias[] = {5, -1}, *const values[] = {NULL, NULL, bias};
    dg_trial_make(&t, "conv", "channels=2, kernel=3", 3, shapes, values, N);
    dg_rig_open(&r, &t, DG_F32, dg_isa_at(0), 1);
    dg_rig_forward(&r, DG_WHOLE);
    for (int64_t i = 0; i < dg_rig_out_count(&r, 0); i++) {
        assert_true(dg_rig_get(&r, r.out[0], i) == bias[i % 2]);
        dg_rig_set(&r, r.eps[0], i, 1);
    }
    dg_rig_adjoint(&r, DG_WHOLE, BIAS);
    assert_true(dg_rig_get(&r, r.delta[BIAS], 0) == N * 12);
    dg_rig_close(&r);
    dg_trial_free(&t);
}

/* ---- What is refused ------------------------------------------------------------------------- */

#define NUMBERS(NAME, ...)                                                                         \
    {                                                                                              \
        .name = NAME, .count = sizeof((double[]){__VA_ARGS__}) / sizeof(double),                   \
        .number = (double[])                                                                       \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

static void refused(dg_shape x, int n, const dg_attr attrs[], const char *text)
{
    dg_diag why = {0};
    dg_graph *g = dg_graph_new(NULL, DG_F32);
    dg_value v = dg_input(g, "x", DG_F32, x);
    dg_apply(g, "conv", NULL, 1, &v, n, attrs);
    assert_int_equal(dg_graph_status(g, &why), DG_EMODEL);
    if (!strstr(why.text, text))
        fail_msg("the message is: %s", why.text);
    dg_graph_free(g);
}

static void test_refused(void **state)
{
    (void)state;
    dg_shape x = {4, {DG_N, 7, 6, 4}}, flat = {2, {DG_N, 42}}, none = {4, {DG_N, 0, 6, 4}};
    dg_attr valid = {.name = "padding", .word = "valid"};
    const dg_attr large[] = {NUMBERS("channels", 2), NUMBERS("kernel", 9), valid};
    refused(x, 3, large, "a kernel of 9 rows with dilation 1 covers 9, more than the 7");
    const dg_attr dilated[] = {NUMBERS("channels", 2), NUMBERS("kernel", 1, 3), valid,
                               NUMBERS("dilation", 3)};
    refused(x, 4, dilated, "a kernel of 3 columns with dilation 3 covers 7, more than the 6");
    const dg_attr three[] = {NUMBERS("channels", 2), NUMBERS("kernel", 3),
                             NUMBERS("padding", 1, 1, 1)};
    refused(x, 3, three, "found 3 numbers");
    const dg_attr groups[] = {NUMBERS("channels", 6), NUMBERS("kernel", 3), NUMBERS("groups", 3)};
    refused(x, 3, groups, "groups=3 must divide the channels of x [N, 7, 6, 4]");
    const dg_attr fine[] = {NUMBERS("channels", 6), NUMBERS("kernel", 3)};
    refused(flat, 2, fine, "conv takes pictures [N, H, W, C] or series [N, T, C], found [N, 42]");
    const dg_attr pair[] = {NUMBERS("channels", 6), NUMBERS("kernel", 3, 3)};
    refused((dg_shape){3, {DG_N, 9, 4}}, 2, pair,
            "kernel takes a number for series [N, T, C], found 2 numbers");
    const dg_attr padded[] = {NUMBERS("channels", 6), NUMBERS("kernel", 3), NUMBERS("padding", 3)};
    refused(none, 3, padded, "the 0 of the picture");
    const dg_attr zero[] = {NUMBERS("channels", 6), NUMBERS("kernel", 3), NUMBERS("stride", 0)};
    refused(x, 3, zero, "stride");
}

/* A series is a picture of one row: the same bits in all passes. */
static void test_series(void **state)
{
    (void)state;
    dg_shape series[] = {{3, {DG_N, 9, 4}}, {3, {3, 2, 6}}, {1, {6}}};
    dg_shape picture[] = {{4, {DG_N, 1, 9, 4}}, {4, {1, 3, 2, 6}}, {1, {6}}};
    dg_trial t[2];
    dg_rig r[2];
    dg_trial_make(&t[0], "conv", "channels=6, kernel=3, stride=2, padding=[2, 1], groups=2", 3,
                  series, NULL, 3);
    dg_trial_make(&t[1], "conv",
                  "channels=6, kernel=[1, 3], stride=[1, 2], padding=[0, 2, 0, 1], groups=2", 3,
                  picture, NULL, 3);
    for (int k = 0; k < 2; k++) {
        dg_rig_open(&r[k], &t[k], DG_F32, dg_isa_at(0), 1);
        dg_rig_forward(&r[k], DG_CUT);
        dg_rig_adjoint(&r[k], DG_CUT, -1);
    }
    assert_int_equal(t[0].out_shape[0].rank, 3);
    assert_int_equal(t[0].out_shape[0].dim[1], 5);
    assert_true(dg_rig_differs(&r[0], r[0].out[0], r[1].out[0], 3 * 5 * 6) < 0);
    for (int i = 0; i < 3; i++)
        assert_true(dg_rig_differs(&r[0], r[0].delta[i], r[1].delta[i], dg_rig_in_count(&r[0], i)) <
                    0);
    for (int k = 0; k < 2; k++) {
        dg_rig_close(&r[k]);
        dg_trial_free(&t[k]);
    }
}

/* The largest numbers there are: no overflow, no division by 0. */
static void test_extremes(void **state)
{
    (void)state;
    const double most = 32768;
    const dg_node_type *t = dg_builtin_at(dg_builtin_find("conv"));
    const char *const words[] = {"same", "valid"};
    for (int k = 0; k < 3; k++) {
        dg_attr_value v[8] = {{.count = 1, .word = -1, .number = {1}}};
        for (int i = 1; i < 5; i++)
            v[i] = (dg_attr_value){.count = 1, .word = -1, .number = {most}};
        v[3] = k < 2 ? (dg_attr_value){.word = k, .text = words[k]} : v[3];
        v[5] = v[6] = v[7] = v[0];
        dg_attrs a = {8, v};
        dg_shape out, in[] = {{4, {DG_N, INT64_MAX, 1, 1}}, {.rank = -1}, {.rank = -1}};
        dg_diag why = {0};
        assert_int_equal(t->shape(&a, 3, in, &out, &why), DG_EMODEL);
        in[0].dim[1] = 2;
        why = (dg_diag){0};
        dg_status s = t->shape(&a, 3, in, &out, &why);
        assert_int_equal(s, k == 0 ? DG_OK : DG_EMODEL);
        if (s == DG_OK)
            assert_int_equal(out.dim[1], 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definition), cmocka_unit_test(test_no_channels),
        cmocka_unit_test(test_series),     cmocka_unit_test(test_refused),
        cmocka_unit_test(test_extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
