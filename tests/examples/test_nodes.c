/* The nodes of examples/nodes, loaded as plug-ins: right ones pass the certificate over many
 * shapes, wrong versions (tests/nodes) are named with their input and a cause; a robust loss is
 * least where the estimate is the target. */
#include "engine/certify.h"
#include "graph/graph.h"
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SHAPES = 100, PAIRS = 1000 };

/* Type k of a plug-in of the build folder. */
static const dg_node_type *load(const char *file, int k)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", getenv("DAGRAD_BUILD"), file);
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!object)
        fail_msg("%s", dlerror());
    const int *abi = dlsym(object, "dg_abi");
    const dg_node_type *const *nodes = dlsym(object, "dg_nodes");
    assert_non_null(abi);
    assert_non_null(nodes);
    assert_int_equal(*abi, DG_ABI);
    return nodes[k];
}

/* Certifies a node of n_in parameters of the same shape. */
static dg_finding certify(const dg_node_type *t, dg_type real, int n_in, dg_shape shape, int n_attr,
                          const dg_attr attr[], uint64_t seed)
{
    static char name[64]; /* of the input: the graph goes */
    dg_value in[2] = {{0}, {0}};
    dg_finding f;
    dg_diag why = {.code = DG_OK};
    dg_graph *g = dg_graph_new(NULL, real);
    assert_int_equal(dg_graph_add_type(g, t), DG_OK);
    for (int i = 0; i < n_in; i++)
        in[i] = dg_parameter(g, i ? "b" : "a", shape, "uniform(-1, 1)");
    dg_value z = dg_apply(g, t->name, "mine", n_in, in, n_attr, attr);
    dg_loss(g, NULL, dg_apply(g, "sum", NULL, 1, &z, 0, NULL), 1);
    if (dg_graph_status(g, &why) != DG_OK)
        fail_msg("%s", why.text);
    dg_options o = dg_options_default(DG_RUN_TRAIN, 1);
    o.seed = seed;
    dg_naive *at = dg_naive_run(g, &o, 0, NULL);
    assert_non_null(at);
    assert_int_equal(dg_certify_node(g, at, 0, dg_isa_portable(), NULL,
                                     &(dg_certify_options){seed, 1, 1}, &f, &why),
                     DG_OK);
    snprintf(name, sizeof name, "%s", f.input ? f.input : "");
    f.input = name;
    f.node = f.type = t->name;
    dg_naive_free(at);
    dg_graph_free(g);
    return f;
}

/* 0, 1, odd, and larger sizes, by shape and place. */
static int64_t size_of(int shape, int place)
{
    static const int64_t sizes[] = {1, 2, 3, 5, 8, 13, 17, 31};
    if (shape < 4)
        return shape == place ? 0 : 3;
    return sizes[(shape * (3 + 2 * place) + shape / 8) % 8];
}

static dg_finding certify_radon(const dg_node_type *t, dg_type real, int shape)
{
    int rank = 2 + shape % 3 / 2;
    int64_t picture[] = {size_of(shape, 0), size_of(shape, 1), size_of(shape, 2)};
    double number[2] = {1 + shape % 11, 1 + shape * 7 % 29};
    const dg_attr attr[] = {{.name = "angles", .count = 1, .number = &number[0]},
                            {.name = "detectors", .count = 1, .number = &number[1]}};
    return certify(t, real, 1, dg_shape_make(rank, picture), 2, attr, 1 + (uint64_t)shape);
}

static dg_finding certify_cauchy(const dg_node_type *t, dg_type real, int shape)
{
    int64_t dim[] = {size_of(shape, 0), size_of(shape, 1), size_of(shape, 2)};
    double c = 0.5 + 0.01 * shape;
    const dg_attr attr = {.name = "c", .count = 1, .number = &c};
    return certify(t, real, 2, dg_shape_make(shape % 4, dim), 1, &attr, 1 + (uint64_t)shape);
}

static void passes(const dg_node_type *t,
                   dg_finding (*one)(const dg_node_type *t, dg_type real, int shape))
{
    double identity = 0, difference = 0;
    int looked_at = 0;
    for (int k = 0; k < SHAPES; k++) {
        dg_finding wide = one(t, DG_F64, k), narrow = one(t, DG_F32, k);
        if (!wide.passed || !narrow.passed)
            fail_msg("%s, shape %d: %s", t->name, k, wide.passed ? narrow.guess : wide.guess);
        identity = wide.identity > identity ? wide.identity : identity;
        difference = wide.difference > difference ? wide.difference : difference;
        looked_at += wide.inputs > 0;
    }
    print_message("%s: %d shapes, identity %.1e, differences %.1e\n", t->name, looked_at, identity,
                  difference);
    assert_true(looked_at >= SHAPES - 4);
    assert_true(identity <= 1e-13 && difference <= 1e-10);
}

static void right_nodes_pass(void **state)
{
    (void)state;
    passes(load("examples/nodes/radon.so", 0), certify_radon);
    passes(load("examples/nodes/robust.so", 0), certify_cauchy);
}

static void found(const dg_finding *f, const char *input, const char *guess)
{
    print_message("%s: input %s, entry (%lld, %lld) expected %.3g, found %.3g: %s\n", f->node,
                  f->input, (long long)f->row, (long long)f->column, f->expected, f->found,
                  f->guess);
    assert_false(f->passed);
    assert_string_equal(f->input, input);
    assert_string_equal(f->wrong, "adjoint");
    assert_non_null(strstr(f->guess, guess));
}

static void wrong_radon_is_named(void **state)
{
    static const char *const guess[] = {"a term is missing or wrong", "one place off",
                                        "the scale is wrong", "a part is missing"};
    (void)state;
    for (int k = 0; k < 4; k++) {
        const dg_node_type *t = load("tests/wrong_radon.so", k);
        double number[2] = {7, 11};
        const dg_attr attr[] = {{.name = "angles", .count = 1, .number = &number[0]},
                                {.name = "detectors", .count = 1, .number = &number[1]}};
        dg_finding f = certify(t, DG_F64, 1, dg_shape_make(2, (int64_t[]){9, 6}), 2, attr, 1);
        found(&f, "a", guess[k]);
        assert_true(f.tangent);
    }
}

static void wrong_cauchy_is_named(void **state)
{
    static const char *const guess[] = {"a term is missing or wrong", "the sign is wrong",
                                        "a term is missing or wrong"};
    (void)state;
    for (int k = 0; k < 3; k++) {
        const dg_node_type *t = load("tests/wrong_robust.so", k);
        dg_finding f = certify(t, DG_F64, 2, dg_shape_make(2, (int64_t[]){5, 3}), 0, NULL, 1);
        found(&f, "b", guess[k]); /* a is the target: nothing is asked of it */
        assert_int_equal(f.tangent, k < 2);
    }
}

/* rho(a, b) >= rho(a, a) = 0 for pairs of all sizes. */
static void loss_is_least_at_the_target(void **state)
{
    const dg_node_type *t = load("examples/nodes/robust.so", 0);
    static double a[PAIRS * 3], b[PAIRS * 3], rho[2][PAIRS];
    uint64_t x = 1;
    (void)state;
    for (int i = 0; i < PAIRS * 3; i++) {
        double scale = i % 7 == 0 ? 1e-8 : i % 7 == 1 ? 1e8 : 1;
        x = x * 6364136223846793005u + 1442695040888963407u;
        a[i] = scale * ((double)(x >> 40) / 8388608 - 1);
        x = x * 6364136223846793005u + 1442695040888963407u;
        b[i] = scale * ((double)(x >> 40) / 8388608 - 1);
    }
    dg_attr_value c = {.count = 1, .word = -1, .number = {0.7}};
    dg_attrs attrs = {1, &c};
    dg_shape in_shape[2] = {{2, {PAIRS, 3}}, {2, {PAIRS, 3}}}, out_shape = {1, {PAIRS}};
    for (int same = 0; same < 2; same++) {
        const void *in[2] = {a, same ? a : b};
        void *out = rho[same];
        dg_call call = {.size = sizeof call,
                        .attrs = &attrs,
                        .n_in = 2,
                        .n_out = 1,
                        .in_shape = in_shape,
                        .out_shape = &out_shape,
                        .row1 = PAIRS,
                        .parts = 1,
                        .in = in,
                        .out = &out};
        assert_int_equal(t->f64.forward(&call), DG_OK);
    }
    for (int i = 0; i < PAIRS; i++) {
        assert_true(rho[1][i] >= 0 && rho[1][i] <= 0);
        assert_true(rho[0][i] > rho[1][i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_nodes_pass),
        cmocka_unit_test(wrong_radon_is_named),
        cmocka_unit_test(wrong_cauchy_is_named),
        cmocka_unit_test(loss_is_least_at_the_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
