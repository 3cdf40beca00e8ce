/* Large and small numbers through whole programs in f32: sums over 10^6 rows and over large
 * pictures, relative to the sum of magnitudes; every optimizer over gradients from 1e-30 to 1e18
 * beside f64, and what f32 cannot square. Prints the tables. */
#include <dagrad/dagrad.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { ROWS = 40000, SIDE = 300 };
#else
enum { ROWS = 1000000, SIDE = 4000 };
#endif

/* y = linear(x, 1) v, all three parameters of one number; the loss is the mean of y. */
typedef struct {
    dg_graph *g;
    dg_value x, w, b, v;
} net;

static net make(void)
{
    net n = {.g = dg_graph_new(NULL, DG_F32)};
    double units = 1;
    n.x = dg_input(n.g, "x", DG_F32, dg_shape_make(2, (int64_t[]){DG_N, 1}));
    n.w = dg_parameter(n.g, "w", dg_shape_make(2, (int64_t[]){1, 1}), "ones");
    n.b = dg_parameter(n.g, "b", dg_shape_make(1, (int64_t[]){1}), "zeros");
    n.v = dg_parameter(n.g, "v", dg_shape_make(1, (int64_t[]){1}), "fill(0.3)");
    dg_attr a[3] = {{.name = "units", .count = 1, .number = &units},
                    {.name = "weight", .value = &n.w},
                    {.name = "bias", .value = &n.b}};
    dg_value z[2] = {dg_apply(n.g, "linear", NULL, 1, &n.x, 3, a), n.v};
    dg_value y = dg_apply(n.g, "mul", NULL, 2, z, 0, NULL);
    y = dg_apply(n.g, "flatten", NULL, 1, &y, 0, NULL);
    dg_loss(n.g, NULL, y, 1);
    return n;
}

static void run(dg_program *p, dg_value x, float *data, int64_t first, int64_t rows, int add)
{
    dg_tensor t = {DG_F32, dg_shape_make(2, (int64_t[]){rows, 1}), data + first,
                   (size_t)rows * sizeof *data};
    assert_int_equal(dg_set(p, x, DG_VALUE, &t), DG_OK);
    dg_batch b = {.size = sizeof b, .rows = rows, .first = first};
    assert_int_equal(dg_forward(p, &b), DG_OK);
    assert_int_equal(dg_adjoint(p, (int64_t[]){ROWS}, add), DG_OK);
}

static float gradient(dg_program *p, dg_value v)
{
    float x = NAN;
    dg_tensor t = {DG_F32, {.rank = 0}, &x, sizeof x};
    assert_int_equal(dg_get(p, v, DG_GRADIENT, &t), DG_OK);
    return x;
}

static dg_program *compiled(const net *n, int64_t rows)
{
    dg_options o = dg_options_default(DG_RUN_TRAIN, rows);
    o.threads = 1;
    dg_program *p = dg_compile(n->g, &o);
    assert_int_equal(dg_program_status(p, NULL), DG_OK);
    return p;
}

static void check(const char *what, const char *data, double found, double want, double most)
{
    double error = fabs(found / want - 1);
    printf("%-24s %-10s %10.1e\n", what, data, error);
    if (!(error <= most))
        fail_msg("%s of %s data is %.9g, not %.9g", what, data, found, want);
}

static void sums_over_rows(void **state)
{
    (void)state;
    float *x = malloc(ROWS * sizeof *x);
    uint64_t random = 1;
    for (int kind = 0; kind < 2; kind++) {
        double sum = 0;
        for (int i = 0; i < ROWS; i++) {
            random = random * 6364136223846793005U + 1442695040888963407U;
            x[i] = kind ? (float)((double)(random >> 11) * 0x1p-53) : 0.1F;
            sum += (double)x[i];
        }
        const char *data = kind ? "uniform" : "constant";
        net n = make();
        dg_program *p = compiled(&n, ROWS), *q = compiled(&n, ROWS / 2);
        run(p, n.x, x, 0, ROWS, 0);
        check("gradient of a weight", data, (double)gradient(p, n.w), 0.3 * sum / ROWS,
              kind ? 1e-6 : 2e-5);
        check("gradient of a bias", data, (double)gradient(p, n.b), 0.3, 1e-6);
        check("of a stretched factor", data, (double)gradient(p, n.v), sum / ROWS, 1e-6);
        run(q, n.x, x, 0, ROWS / 2, 0);
        run(q, n.x, x, ROWS / 2, ROWS / 2, 1);
        dg_value all[3] = {n.w, n.b, n.v};
        for (int k = 0; k < 3; k++) {
            float whole = gradient(p, all[k]), parts = gradient(q, all[k]);
            assert_memory_equal(&whole, &parts, sizeof whole);
        }
        dg_program_free(p);
        dg_program_free(q);
        dg_graph_free(n.g);
    }
    free(x);
}

/* ---- Convolution over many pictures ---------------------------------------------------------- */

/* A convolution of pictures of side x side, of those sizes in f32 and f64; the kernels by which
 * its weight gradient goes are all there are. */
typedef struct {
    const char *kernel;
    int64_t side, from, to, groups, rows;
} convolution;

enum { MOST_WEIGHTS = 3 * 3 * 16 * 16 };

/* The gradient of W, of the whole batch or of its two halves, one after the other. */
static void conv_gradient(const convolution *c, dg_type real, const void *data, int halves,
                          double *out, float *bits)
{
    dg_graph *g = dg_graph_new(NULL, real);
    dg_value x =
        dg_input(g, "x", real, dg_shape_make(4, (int64_t[]){DG_N, c->side, c->side, c->from}));
    int64_t w_shape[4] = {3, 3, c->from / c->groups, c->to};
    dg_value w = dg_parameter(g, "w", dg_shape_make(4, w_shape), "ones");
    double to = (double)c->to, kernel = 3, groups = (double)c->groups, axes[3] = {1, 2, 3};
    dg_attr a[4] = {{.name = "channels", .count = 1, .number = &to},
                    {.name = "kernel", .count = 1, .number = &kernel},
                    {.name = "groups", .count = 1, .number = &groups},
                    {.name = "weight", .value = &w}};
    dg_value y = dg_apply(g, "conv", NULL, 1, &x, 4, a);
    dg_attr axis = {.name = "axis", .count = 3, .number = axes};
    dg_loss(g, NULL, dg_apply(g, "sum", NULL, 1, &y, 1, &axis), 1);
    const int64_t size = c->side * c->side * c->from, rows = c->rows / (halves ? 2 : 1);
    dg_options o = dg_options_default(DG_RUN_TRAIN, rows);
    dg_program *p = dg_compile(g, &o);
    assert_int_equal(dg_program_status(p, NULL), DG_OK);
    for (int64_t first = 0; first < c->rows; first += rows) {
        dg_tensor t = {real, dg_shape_make(4, (int64_t[]){rows, c->side, c->side, c->from}),
                       (char *)(uintptr_t)data + (size_t)(first * size) * dg_type_bytes(real),
                       (size_t)(rows * size) * dg_type_bytes(real)};
        dg_batch b = {.size = sizeof b, .rows = rows, .first = first};
        assert_int_equal(dg_set(p, x, DG_VALUE, &t), DG_OK);
        assert_int_equal(dg_forward(p, &b), DG_OK);
        assert_int_equal(dg_adjoint(p, &c->rows, first > 0), DG_OK);
    }
    size_t n = (size_t)(9 * w_shape[2] * c->to);
    dg_tensor t = {real, dg_shape_make(4, w_shape), real == DG_F64 ? (void *)out : bits,
                   n * dg_type_bytes(real)};
    assert_int_equal(dg_get(p, w, DG_GRADIENT, &t), DG_OK);
    dg_program_free(p);
    dg_graph_free(g);
}

static void sums_over_pictures(void **state)
{
    (void)state;
    static const convolution all[] = {{"thin", 3, 1, 2, 1, ROWS},
                                      {"depthwise", 3, 2, 2, 2, ROWS / 2},
                                      {"direct", 2, 3, 3, 1, ROWS / 4},
                                      {"winograd", 4, 16, 16, 1, 10000}};
    static double truth[MOST_WEIGHTS];
    static float whole[MOST_WEIGHTS], parts[MOST_WEIGHTS];
    for (int i = 0; i < 8; i++) {
        const convolution *c = &all[i / 2];
        int64_t n = c->rows * c->side * c->side * c->from;
        float *x = malloc((size_t)n * sizeof *x);
        double *wide = malloc((size_t)n * sizeof *wide);
        for (int64_t k = 0; k < n; k++)
            wide[k] = (double)(x[k] = i % 2 ? (float)(k * 7919 % 1000003) / 1000003 : 0.1F);
        conv_gradient(c, DG_F64, wide, 0, truth, NULL);
        free(wide);
        conv_gradient(c, DG_F32, x, 0, NULL, whole);
        conv_gradient(c, DG_F32, x, 1, NULL, parts);
        double worst = 0;
        int64_t weights = 9 * c->from / c->groups * c->to;
        for (int64_t k = 0; k < weights; k++)
            worst = fmax(worst, fabs((double)whole[k] / truth[k] - 1));
        printf("weight of conv, %-9s %-10s %9.1e\n", c->kernel, i % 2 ? "uniform" : "constant",
               worst);
        assert_true(worst <= (i % 2 ? 1e-6 : 2e-5));
        assert_memory_equal(whole, parts, (size_t)weights * sizeof *whole);
        free(x);
    }
}

/* One picture, all 0.1: means of it, and the gradient of the bias of a convolution. */
static void sums_over_pixels(void **state)
{
    (void)state;
    static const char *const nodes[] = {"global_avgpool", "mean", "sum"};
    float *x = malloc((size_t)SIDE * SIDE * sizeof *x);
    for (int i = 0; i < SIDE * SIDE; i++)
        x[i] = 0.1F;
    dg_shape shape = dg_shape_make(4, (int64_t[]){DG_N, SIDE, SIDE, 1});
    dg_tensor t = {DG_F32, dg_shape_make(4, (int64_t[]){1, SIDE, SIDE, 1}), x,
                   (size_t)SIDE * SIDE * sizeof *x};
    dg_batch one = {.size = sizeof one, .rows = 1};
    for (int k = 0; k < 3; k++) {
        dg_graph *g = dg_graph_new(NULL, DG_F32);
        dg_value v = dg_input(g, "x", DG_F32, shape);
        double axes[3] = {1, 2, 3};
        dg_attr a = {.name = "axis", .count = 3, .number = axes};
        dg_value y = dg_apply(g, nodes[k], NULL, 1, &v, k > 0, &a);
        dg_output(g, "y", y);
        dg_options o = dg_options_default(DG_RUN_INFER, 1);
        dg_program *p = dg_compile(g, &o);
        float found = NAN;
        dg_tensor to = {DG_F32, {.rank = 0}, &found, sizeof found};
        assert_int_equal(dg_set(p, v, DG_VALUE, &t), DG_OK);
        assert_int_equal(dg_forward(p, &one), DG_OK);
        assert_int_equal(dg_get(p, y, DG_VALUE, &to), DG_OK);
        check(nodes[k], "constant", (double)found, (double)0.1F * (k < 2 ? 1 : (double)SIDE * SIDE),
              1e-6);
        dg_program_free(p);
        dg_graph_free(g);
    }
    free(x);
}

/* ---- Optimizers ------------------------------------------------------------------------------ */

enum { SIZES = 17, STEPS = 6 };

/* 1e-30, 1e-27, ... 1e18: a parameter of that many numbers, its gradient is x. */
static double size_of(int i)
{
    return pow(10, -30 + 3 * i);
}

/* STEPS steps with gradients that go up and down; the parameter starts at 0. Returns the status of
 * the last one. */
static dg_status descend(dg_type real, const dg_optimizer *o, double factor, double out[SIZES],
                         dg_diag *why)
{
    dg_graph *g = dg_graph_new(NULL, real);
    dg_value x = dg_input(g, "x", real, dg_shape_make(2, (int64_t[]){DG_N, SIZES}));
    dg_value w = dg_parameter(g, "small_to_large", dg_shape_make(1, (int64_t[]){SIZES}), "zeros");
    dg_value in[2] = {x, w}, y = dg_apply(g, "mul", NULL, 2, in, 0, NULL);
    dg_attr axis = {.name = "axis", .count = 1, .number = (double[]){1}};
    dg_loss(g, NULL, dg_apply(g, "sum", NULL, 1, &y, 1, &axis), 1);
    dg_options options = dg_options_default(DG_RUN_TRAIN, 1);
    options.optimizer = o;
    dg_program *p = dg_compile(g, &options);
    dg_status s = dg_program_status(p, why);
    for (int step = 0; step < STEPS && s == DG_OK; step++) {
        double wide[SIZES];
        float narrow[SIZES];
        for (int i = 0; i < SIZES; i++)
            narrow[i] = (float)(wide[i] = (double)(float)(size_of(i) * factor * (1 + step % 3)));
        dg_tensor t = {real, dg_shape_make(2, (int64_t[]){1, SIZES}),
                       real == DG_F64 ? (void *)wide : narrow, SIZES * dg_type_bytes(real)};
        dg_batch one = {.size = sizeof one, .rows = 1, .step = (uint64_t)step};
        dg_set(p, x, DG_VALUE, &t);
        dg_forward(p, &one);
        dg_adjoint(p, NULL, 0);
        s = dg_commit(p, o, (uint64_t)step);
    }
    dg_program_status(p, why);
    float single[SIZES];
    dg_tensor t = {real, dg_shape_make(1, (int64_t[]){SIZES}),
                   real == DG_F64 ? (void *)out : single, SIZES * dg_type_bytes(real)};
    assert_int_equal(dg_graph_get(g, w, &t), DG_OK);
    for (int i = 0; i < SIZES && real == DG_F32; i++)
        out[i] = (double)single[i];
    dg_program_free(p);
    dg_graph_free(g);
    return s;
}

static void optimizers(void **state)
{
    (void)state;
    static const char *const names[] = {"gd", "sgd", "adam", "adamw", "rmsprop"};
    for (int kind = DG_GD; kind <= DG_RMSPROP; kind++) {
        dg_optimizer o = dg_optimizer_default((dg_optimizer_kind)kind);
        double narrow[SIZES], wide[SIZES], worst = 0;
        dg_diag why = {0};
        o.momentum = kind == DG_SGD ? 0.9 : 0;
        assert_int_equal(descend(DG_F32, &o, 1. / 3, narrow, &why), DG_OK);
        assert_int_equal(descend(DG_F64, &o, 1. / 3, wide, &why), DG_OK);
        for (int i = 0; i < SIZES; i++)
            worst = fmax(worst, fabs(narrow[i] / wide[i] - 1));
        printf("%-24s %-10s %10.1e\n", names[kind], "1e-30-1e18", worst);
        assert_true(worst <= 1e-5);
        dg_status s = descend(DG_F32, &o, 100, narrow, &why);
        assert_int_equal(s, kind >= DG_ADAM ? DG_EFINITE : DG_OK);
        if (kind >= DG_ADAM)
            assert_non_null(strstr(why.text, "'small_to_large'"));
        for (int i = 0; i < SIZES; i++)
            assert_true((narrow[i] == 0) == (kind >= DG_ADAM));
        o.clip = 1; /* squares of what is left after it */
        assert_int_equal(descend(DG_F32, &o, 100, narrow, &why), DG_OK);
    }
}

/* With a decay that is part of the gradient, of parameters that are large. */
static void decay_is_squared_too(void **state)
{
    (void)state;
    for (int kind = DG_ADAM; kind <= DG_RMSPROP; kind++) {
        dg_graph *g = dg_graph_new(NULL, DG_F32);
        dg_value x = dg_input(g, "x", DG_F32, dg_shape_make(2, (int64_t[]){DG_N, 5}));
        dg_value in[2] = {x,
                          dg_parameter(g, "large", dg_shape_make(1, (int64_t[]){5}), "fill(1e21)")};
        dg_loss(g, NULL, dg_apply(g, "mul", NULL, 2, in, 0, NULL), 1);
        dg_optimizer o = dg_optimizer_default((dg_optimizer_kind)kind);
        o.decay = 0.1;
        dg_options options = dg_options_default(DG_RUN_TRAIN, 1);
        options.optimizer = &o;
        dg_program *p = dg_compile(g, &options);
        float one[5] = {1, 1, 1, 1, 1};
        dg_tensor t = {DG_F32, dg_shape_make(2, (int64_t[]){1, 5}), one, sizeof one};
        dg_batch b = {.size = sizeof b, .rows = 1};
        dg_diag why = {0};
        assert_int_equal(dg_set(p, x, DG_VALUE, &t), DG_OK);
        assert_int_equal(dg_forward(p, &b), DG_OK);
        assert_int_equal(dg_adjoint(p, NULL, 0), DG_OK);
        assert_int_equal(dg_commit(p, &o, 0), kind == DG_ADAMW ? DG_OK : DG_EFINITE);
        dg_program_status(p, &why);
        assert_true(kind == DG_ADAMW || strstr(why.text, "'large' has an element of size 1e+20"));
        dg_program_free(p);
        dg_graph_free(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_over_rows), cmocka_unit_test(sums_over_pictures),
        cmocka_unit_test(sums_over_pixels), cmocka_unit_test(optimizers),
        cmocka_unit_test(decay_is_squared_too)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
