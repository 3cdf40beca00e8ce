/* Initialisers: their distributions, their independence of order, their messages. Sizes and seeds
 * are fixed, so that nothing here fails by chance; tolerances are five standard deviations of the
 * estimate or more. */
#include "graph/init.h"
#include "graph/toys.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(a) (int)(sizeof(a) / sizeof((a)[0]))

/* Elements of one parameter of a fresh f64 graph; the caller frees them. */
static double *values(const char *name, dg_shape shape, const char *init, uint64_t seed)
{
    dg_graph *g = dg_graph_new(NULL, DG_F64);
    dg_value v = dg_parameter(g, name, shape, init);
    assert_int_equal(dg_graph_init(g, seed), DG_OK);
    dg_tensor t = {0};
    assert_int_equal(dg_graph_get(g, v, &t), DG_OK);
    t.data = malloc(t.bytes + 1);
    assert_non_null(t.data);
    assert_int_equal(dg_graph_get(g, v, &t), DG_OK);
    dg_graph_free(g);
    return t.data;
}

typedef struct {
    double mean, variance, kurtosis, least, most;
} moments;

static moments measure(const double *x, int64_t n)
{
    moments m = {.least = x[0], .most = x[0]};
    double fourth = 0;
    for (int64_t i = 0; i < n; i++)
        m.mean += x[i] / (double)n;
    for (int64_t i = 0; i < n; i++) {
        double d = x[i] - m.mean;
        m.variance += d * d / (double)n;
        fourth += d * d * d * d / (double)n;
        m.least = fmin(m.least, x[i]);
        m.most = fmax(m.most, x[i]);
    }
    m.kurtosis = fourth / (m.variance * m.variance);
    return m;
}

static void test_distributions(void **state)
{
    (void)state;
    static const struct {
        const char *init;
        dg_shape shape;
        double mean, variance, bound, kurtosis; /* bound 0: none */
    } cases[] = {
        {"he", {2, {200, 300}}, 0, 2.0 / 200, 0.17320508, 1.8},
        {"glorot", {2, {200, 300}}, 0, 2.0 / 500, 0.10954451, 1.8},
        {"he", {4, {3, 3, 16, 400}}, 0, 2.0 / 144, 0.20412415, 1.8},
        {"glorot", {4, {3, 3, 16, 400}}, 0, 2.0 / (9 * 416), 0.04003204, 1.8},
        {"he", {1, {60000}}, 0, 2.0 / 60000, 0.01, 1.8},
        {"normal(0.3)", {2, {200, 300}}, 0, 0.09, 0, 3},
        {"uniform(-1, 3)", {2, {200, 300}}, 1, 16.0 / 12, 0, 1.8},
        {" uniform ( -1 ,3 ) ", {3, {2, 100, 300}}, 1, 16.0 / 12, 0, 1.8},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        int64_t n = dg_shape_count(&cases[i].shape);
        double *x = values("w", cases[i].shape, cases[i].init, 7);
        moments m = measure(x, n);
        double deviation = sqrt(cases[i].variance / (double)n);
        assert_true(fabs(m.mean - cases[i].mean) < 5 * deviation);
        assert_true(fabs(m.variance / cases[i].variance - 1) < 0.03);
        assert_true(fabs(m.kurtosis - cases[i].kurtosis) < 0.1);
        if (cases[i].bound > 0) {
            assert_true(m.least >= -cases[i].bound * 1.0000001 &&
                        m.most <= cases[i].bound * 1.0000001);
            assert_true(m.least < -0.999 * cases[i].bound && m.most > 0.999 * cases[i].bound);
        }
        free(x);
    }
}

static void test_constants(void **state)
{
    (void)state;
    static const struct {
        const char *init;
        double x;
    } cases[] = {{"zeros", 0},
                 {"ones", 1},
                 {"fill(-2.5e-3)", -2.5e-3},
                 {"normal(0)", 0},
                 {"uniform(4,4)", 4}};
    for (int i = 0; i < COUNT(cases); i++) {
        double *x = values("w", shape2(30, 40), cases[i].init, 3);
        for (int k = 0; k < 1200; k++)
            assert_true(x[k] == cases[i].x);
        free(x);
    }
    double *x = values("w", shape1(2000), "uniform(-1.7e308, 1.7e308)", 3);
    for (int k = 0; k < 2000; k++)
        assert_true(isfinite(x[k]));
    free(x);
    free(values("w", shape2(0, 5), "orthogonal", 3));
    free(values("w", shape2(5, 0), "orthogonal", 3));
    free(values("w", shape2(5, 0), "he", 3));
    x = values("w", (dg_shape){0}, "glorot", 3);
    assert_true(fabs(x[0]) <= sqrt(3) && x[0] != 0);
    free(x);
}

/* The largest difference of the smaller Gram matrix of q (rows x columns) from gain^2 times one. */
static double gram_error(const double *q, int64_t rows, int64_t columns, double gain)
{
    int64_t n = rows < columns ? rows : columns, m = rows < columns ? columns : rows;
    int64_t step = rows < columns ? 1 : columns, next = rows < columns ? columns : 1;
    double worst = 0;
    for (int64_t a = 0; a < n; a++)
        for (int64_t b = 0; b < n; b++) {
            double sum = a == b ? -gain * gain : 0;
            for (int64_t k = 0; k < m; k++)
                sum += q[a * next + k * step] * q[b * next + k * step];
            worst = fmax(worst, fabs(sum));
        }
    return worst;
}

static void test_orthogonal(void **state)
{
    (void)state;
    static const struct {
        dg_shape shape;
        int64_t rows, columns;
    } cases[] = {
        {{2, {64, 64}}, 64, 64},      {{2, {150, 40}}, 150, 40},   {{2, {40, 150}}, 40, 150},
        {{4, {3, 3, 4, 20}}, 36, 20}, {{4, {1, 1, 4, 20}}, 4, 20}, {{2, {1, 1}}, 1, 1},
        {{2, {7, 1}}, 7, 1},          {{2, {1, 7}}, 1, 7},         {{1, {9}}, 1, 9}};
    for (int i = 0; i < COUNT(cases); i++) {
        double *q = values("w", cases[i].shape, "orthogonal", 5);
        assert_true(gram_error(q, cases[i].rows, cases[i].columns, 1) < 1e-12);
        double *r = values("w", cases[i].shape, "orthogonal(1.1)", 5);
        assert_true(gram_error(r, cases[i].rows, cases[i].columns, 1.1) < 1e-12);
        assert_true(r[0] == 1.1 * q[0]);
        free(q);
        free(r);
    }
}

/* Uniformly distributed: the trace of a random rotation of 8 axes has mean 0 and variance 1.
 * Without the signs of R its mean would be far below. */
static void test_haar(void **state)
{
    (void)state;
    enum { N = 4000 };
    double sum = 0, squares = 0;
    for (int i = 0; i < N; i++) {
        double *q = values("w", shape2(8, 8), "orthogonal", (uint64_t)i), trace = 0;
        for (int k = 0; k < 8; k++)
            trace += q[9 * k];
        sum += trace / N;
        squares += trace * trace / N;
        free(q);
    }
    assert_true(fabs(sum) < 5 / sqrt(N));
    assert_true(fabs(squares - 1) < 5 * sqrt(2.0 / N));
}

static const char *const inits[] = {"he",         "glorot",        "normal(0.1)", "uniform(-1,1)",
                                    "orthogonal", "orthogonal(3)", "fill(0.1)"};

/* A graph with one parameter for each initialiser, made forwards or backwards, others between. */
static dg_graph *graph_of_all(dg_type real, int backwards)
{
    dg_graph *g = dg_graph_new(NULL, real);
    char name[32];
    for (int i = 0; i < COUNT(inits); i++) {
        int k = backwards ? COUNT(inits) - 1 - i : i;
        snprintf(name, sizeof name, "w%d", k);
        dg_parameter(g, name, shape2(33, 47), inits[k]);
        snprintf(name, sizeof name, "other%d.%d", k, backwards);
        dg_state(g, name, shape1(k + 5), "normal(1)");
    }
    assert_int_equal(dg_graph_init(g, UINT64_MAX - 4), DG_OK);
    return g;
}

static void test_order(void **state)
{
    (void)state;
    dg_graph *a = graph_of_all(DG_F64, 0), *b = graph_of_all(DG_F64, 1),
             *c = graph_of_all(DG_F32, 1);
    static double x[33 * 47], y[33 * 47];
    static float z[33 * 47];
    for (int k = 0; k < COUNT(inits); k++) {
        char name[32];
        snprintf(name, sizeof name, "w%d", k);
        dg_tensor tx = {DG_F64, shape2(33, 47), x, sizeof x}, ty = tx;
        dg_tensor tz = {DG_F32, shape2(33, 47), z, sizeof z};
        ty.data = y;
        assert_int_equal(dg_graph_get(a, dg_value_find(a, name), &tx), DG_OK);
        assert_int_equal(dg_graph_get(b, dg_value_find(b, name), &ty), DG_OK);
        assert_int_equal(dg_graph_get(c, dg_value_find(c, name), &tz), DG_OK);
        assert_memory_equal(x, y, sizeof x);
        for (int i = 0; i < COUNT(x); i++)
            assert_true(z[i] == (float)x[i]);
    }
    dg_graph_free(a);
    dg_graph_free(b);
    dg_graph_free(c);
}

/* Another seed or another name gives other numbers. */
static void test_keys(void **state)
{
    (void)state;
    double *a = values("w", shape1(100), "normal(1)", 1),
           *b = values("w", shape1(100), "normal(1)", 2);
    double *c = values("v", shape1(100), "normal(1)", 1),
           *d = values("w", shape1(300), "normal(1)", 1);
    for (int i = 0; i < 100; i++) {
        assert_true(a[i] != b[i] && a[i] != c[i]);
        assert_true(a[i] == d[i]); /* an element's number does not depend on the size */
    }
    free(a);
    free(b);
    free(c);
    free(d);
}

static double first_of(const dg_graph *g, dg_value v)
{
    double x[4];
    dg_tensor t = {DG_F64, shape1(4), x, sizeof x};
    assert_int_equal(dg_graph_get(g, v, &t), DG_OK);
    return x[0];
}

/* What was set stays; another seed changes what was not; values added later get theirs without the
 * others losing what they have. */
static void test_again(void **state)
{
    (void)state;
    double one[4] = {1, 1, 1, 1};
    dg_tensor t = {DG_F64, shape1(4), one, sizeof one};
    dg_graph *g = dg_graph_new(NULL, DG_F64);
    dg_value a = dg_parameter(g, "a", shape1(4), "normal(1)");
    dg_value b = dg_parameter(g, "b", shape1(4), "normal(1)");
    assert_int_equal(dg_graph_set(g, a, &t, NULL), DG_OK);
    assert_int_equal(g->initialised, 0);
    assert_int_equal(dg_graph_init(g, 1), DG_OK);
    assert_int_equal(g->initialised, 1);
    double before = first_of(g, b);
    assert_true(first_of(g, a) == 1);
    assert_int_equal(dg_graph_init_missing(g, 2), DG_OK);
    assert_true(first_of(g, b) == before);
    assert_int_equal(dg_graph_init(g, 2), DG_OK);
    double after = first_of(g, b);
    assert_true(after != before);
    assert_true(first_of(g, a) == 1);
    dg_value c = dg_parameter(g, "c", shape1(4), "ones");
    assert_int_equal(g->initialised, 0);
    assert_int_equal(dg_graph_init_missing(g, 3), DG_OK);
    assert_int_equal(g->initialised, 1);
    assert_true(first_of(g, b) == after);
    assert_true(first_of(g, c) == 1);
    dg_graph_free(g);
}

/* he where a relu, leaky_relu or elu reads the node, glorot otherwise. */
static void test_auto(void **state)
{
    (void)state;
    static const struct {
        const char *reader, *means;
    } cases[] = {{"relu", "he"},     {"leaky_relu", "he"}, {"elu", "he"},
                 {"tanh", "glorot"}, {"twice", "glorot"},  {NULL, "glorot"}};
    static double x[30 * 40];
    for (int i = 0; i < COUNT(cases); i++) {
        dg_graph *g = toys_graph(DG_F64);
        dg_value z = toys_dense(g, "h", dg_input(g, "x", DG_F64, shape2(DG_N, 30)), 40);
        if (cases[i].reader)
            dg_apply(g, cases[i].reader, NULL, 1, &z, 0, NULL);
        dg_value far = dg_apply(g, "twice", NULL, 1, &z, 0, NULL);
        dg_apply(g, "relu", NULL, 1, &far, 0, NULL); /* not its direct reader */
        assert_int_equal(dg_graph_init(g, 9), DG_OK);
        dg_tensor t = {DG_F64, shape2(30, 40), x, sizeof x};
        assert_int_equal(dg_graph_get(g, dg_value_find(g, "h.weight"), &t), DG_OK);
        double *same = values("h.weight", shape2(30, 40), cases[i].means, 9);
        assert_memory_equal(x, same, sizeof x);
        free(same);
        dg_graph_free(g);
    }
}

/* A norm between a node and the relu that reads it changes nothing: its input starts with he. */
static void test_auto_past_norms(void **state)
{
    (void)state;
    static const char *const norms[] = {"layernorm", "rmsnorm", "batchnorm"};
    for (int i = 0; i < COUNT(norms); i++)
        for (int rectified = 0; rectified < 2; rectified++) {
            dg_graph *g = dg_graph_new(NULL, DG_F64);
            double units = 40;
            dg_attr attr = {.name = "units", .count = 1, .number = &units};
            dg_value z = dg_input(g, "x", DG_F64, shape2(DG_N, 30));
            z = dg_apply(g, "linear", "h", 1, &z, 1, &attr);
            z = dg_apply(g, norms[i], NULL, 1, &z, 0, NULL);
            z = dg_apply(g, "rmsnorm", NULL, 1, &z, 0, NULL);
            dg_apply(g, rectified ? "relu" : "tanh", NULL, 1, &z, 0, NULL);
            assert_int_equal(dg_graph_status(g, NULL), DG_OK);
            assert_string_equal(dg_init_resolved(g, dg_value_find(g, "h.weight").id),
                                rectified ? "he" : "glorot");
            dg_graph_free(g);
        }
}

static void test_messages(void **state)
{
    (void)state;
#define LIST "zeros, ones, fill(v), normal(std), uniform(a, b), he, glorot, orthogonal(gain)"
#define THERE ", there is: " LIST
    static const struct {
        const char *init, *text;
    } cases[] = {
        {"", "there is no initialiser ''" THERE},
        {"hee", "there is no initialiser 'hee'" THERE},
        {"h", "there is no initialiser 'h'" THERE},
        {"(1)", "there is no initialiser '(1)'" THERE},
        {"he(2)", "initialiser 'he(2)': it is written he"},
        {"zeros(1", "initialiser 'zeros(1': it is written zeros"},
        {"fill", "initialiser 'fill': it is written fill(v), with finite numbers"},
        {"fill()", "initialiser 'fill()': it is written fill(v), with finite numbers"},
        {"fill(1,2)", "initialiser 'fill(1,2)': it is written fill(v), with finite numbers"},
        {"fill(inf)", "initialiser 'fill(inf)': it is written fill(v), with finite numbers"},
        {"fill(nan)", "initialiser 'fill(nan)': it is written fill(v), with finite numbers"},
        {"fill(1e999)", "initialiser 'fill(1e999)': it is written fill(v), with finite numbers"},
        {"fill 3", "initialiser 'fill 3': it is written fill(v), with finite numbers"},
        {"fill(3)x", "initialiser 'fill(3)x': it is written fill(v), with finite numbers"},
        {"uniform(1)",
         "initialiser 'uniform(1)': it is written uniform(a, b), with finite numbers"},
        {"uniform(1 2)",
         "initialiser 'uniform(1 2)': it is written uniform(a, b), with finite numbers"},
        {"uniform(1,2,3)",
         "initialiser 'uniform(1,2,3)': it is written uniform(a, b), with finite numbers"},
        {"uniform(2,1)", "a of initialiser uniform(a, b) is above b"},
        {"normal(-1)", "std of initialiser normal(std) is below 0"},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        dg_init init;
        dg_diag why = {0};
        assert_int_equal(dg_init_parse(cases[i].init, &init, &why), DG_EMODEL);
        assert_string_equal(why.text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distributions),   cmocka_unit_test(test_constants),
        cmocka_unit_test(test_orthogonal),      cmocka_unit_test(test_haar),
        cmocka_unit_test(test_order),           cmocka_unit_test(test_keys),
        cmocka_unit_test(test_again),           cmocka_unit_test(test_auto),
        cmocka_unit_test(test_auto_past_norms), cmocka_unit_test(test_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
