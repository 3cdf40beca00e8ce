/* The certificate names what is wrong: 100 faults drawn by seed from the registry of mutants are
 * put into three nodes of a user's own; each must be found, with its node and its input, and for 80
 * of them at least the cause must be guessed. What is right passes. */
#include "engine/certify.h"
#include "engine/random_dag.h"
#include "graph/graph.h"
#include "ops/mutants.h"
#include "ops/registry.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FAULTS = 100, NODES = 3 };

static const dg_certify_options plain = {1, 1, 1};

/* A user's node: the structs of a built-in one under another name, its mathematics in the
 * struct. */
static dg_node_type user_type(const char *builtin, const char *name)
{
    int k = 0;
    while (strcmp(dg_builtin_at(k)->name, builtin) != 0)
        k++;
    dg_node_type t = *dg_builtin_at(k);
    t.name = name;
    t.f64 = *dg_isa_portable()->math[1][k];
    return t;
}

typedef struct bench {
    dg_graph *g;
    dg_naive *at;
    dg_tensor *data;
    int n_data;
    int node[NODES];
} bench;

static dg_node_type types[NODES];

static bench make(void)
{
    bench b = {.g = dg_graph_new(NULL, DG_F64)};
    const char *name[NODES] = {"my_linear", "my_product", "my_softplus"};
    const char *of[NODES] = {"linear", "mul", "softplus"};
    for (int k = 0; k < NODES; k++) {
        types[k] = user_type(of[k], name[k]);
        assert_int_equal(dg_graph_add_type(b.g, &types[k]), DG_OK);
    }
    dg_value x = dg_input(b.g, "x", DG_F64, dg_shape_make(2, (int64_t[]){DG_N, 5}));
    double units = 5;
    dg_attr a = {.name = "units", .count = 1, .number = &units};
    dg_value z = dg_apply(b.g, "my_linear", "first", 1, &x, 1, &a), two[2] = {z, x};
    z = dg_apply(b.g, "my_product", "second", 2, two, 0, NULL);
    z = dg_apply(b.g, "my_softplus", "third", 1, &z, 0, NULL);
    dg_value pair[2] = {dg_input(b.g, "t", DG_F64, dg_shape_make(2, (int64_t[]){DG_N, 5})), z};
    dg_loss(b.g, NULL, dg_apply(b.g, "mse", NULL, 2, pair, 0, NULL), 1);
    for (int k = 0; k < NODES; k++)
        b.node[k] = k;
    dg_random r = {11};
    b.n_data = dg_random_data(&r, b.g, 4, &b.data);
    dg_options o = dg_options_default(DG_RUN_TRAIN, 4);
    b.at = dg_naive_run(b.g, &o, 0, b.data);
    assert_non_null(b.at);
    return b;
}

static void drop(bench *b)
{
    dg_naive_free(b->at);
    dg_random_free(b->data, b->n_data);
    dg_graph_free(b->g);
}

/* What the guess must say of a mutant. */
static int is_guessed(const char *mutant, const char *guess)
{
    static const char *const word[][2] = {
        {"sign", "sign"},        {"scale", "scale"},  {"shift", "one place off"},
        {"-last", "is missing"}, {"half", "missing"}, {"-add", "do not add"},
        {"-input", "missing"},
    };
    for (size_t i = 0; i < sizeof word / sizeof word[0]; i++)
        if (strstr(mutant, word[i][0]))
            return strstr(guess, word[i][1]) != NULL;
    return 0;
}

static void right_nodes_pass(void **state)
{
    (void)state;
    bench b = make();
    for (int k = 0; k < NODES; k++) {
        dg_finding f;
        dg_diag why = {.code = DG_OK};
        assert_int_equal(
            dg_certify_node(b.g, b.at, b.node[k], dg_isa_portable(), NULL, &plain, &f, &why),
            DG_OK);
        assert_true(f.passed && f.inputs > 0 && f.identity <= 1e-13 && f.difference <= 1e-10);
    }
    drop(&b);
}

static void faults_are_named(void **state)
{
    (void)state;
    bench b = make();
    dg_random r = {2026};
    int named = 0, guessed = 0, drawn = 0, mutants = 0;
    while (dg_mutant_at(mutants))
        mutants++;
    for (; drawn < FAULTS; drawn++) {
        int k = dg_random_below(&r, NODES);
        const char *mutant = dg_mutant_at(dg_random_below(&r, mutants))->name;
        const dg_math *wrong = dg_mutant_make(mutant, &types[k], DG_F64, &types[k].f64);
        dg_finding f;
        dg_diag why = {.code = DG_OK};
        const double sizes[] = {1e-6, 1, 1e6};
        const dg_certify_options o = {1 + dg_random_next(&r) % 1000, sizes[drawn % 3],
                                      sizes[drawn / 3 % 3]};
        dg_status s = dg_certify_node(b.g, b.at, b.node[k], dg_isa_portable(), wrong, &o, &f, &why);
        assert_int_equal(s, DG_OK);
        int is_named = !f.passed && f.input && *f.input && strcmp(f.type, types[k].name) == 0;
        int is_right = is_named && is_guessed(mutant, f.guess);
        named += is_named;
        guessed += is_right;
        if (!is_right)
            print_message("%s of %s: %s\n", mutant, types[k].name,
                          f.passed ? "not found" : f.guess);
    }
    print_message("%d faults: %d named with node and input, %d causes guessed\n", drawn, named,
                  guessed);
    assert_int_equal(named, FAULTS);
    assert_true(guessed >= 80);
    drop(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_nodes_pass),
        cmocka_unit_test(faults_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
