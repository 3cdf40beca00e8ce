/* The certificate does not depend on the size of numbers: every node of the examples passes with
 * inputs, parameters, error vectors and perturbations scaled by powers of ten. Results that are
 * left out, since a node has no derivative there or differences cannot see it, are a fixed list by
 * node. Prints the table. Short: ten examples at 1e-6, 1 and 1e6; with DAGRAD_LONGTEST all of them
 * at 25 scales from 1e-12 to 1e12. longtest: 6 min */
#include "engine/certify.h"
#include "graph/graph.h"
#include "train/explain.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The first ones are the short test. */
static const char *const examples[] = {"chain",
                                       "demo",
                                       "two",
                                       "deep100",
                                       "digits",
                                       "gru",
                                       "demand/demand",
                                       "outliers/outliers",
                                       "penguins/penguins",
                                       "text/charlstm",
                                       "text/chargpt",
                                       "mobile",
                                       "resnet20",
                                       "fashion"};
enum { EXAMPLES = sizeof examples / sizeof *examples, SHORT = 10 };

/* Types whose results may be left out, and the powers of ten at which. A window behind a relu has
 * equal elements, zeros, whatever the data are: maxpool has no derivative there. Kinks of relu and
 * its relatives may be met by a step. Gates and attention that are saturated switch. */
static const struct {
    const char *type;
    int least, most;
} may_be_left_out[] = {
    {"maxpool", -12, 12}, {"relu", -12, 12}, {"huber", -12, 12}, {"mae", -12, 12},
    {"tanh", 1, 12},      {"gru", 1, 12},    {"lstm", 1, 12},    {"attention", 1, 12},
};

typedef struct subject {
    dg_experiment *e;
    dg_point point;
    dg_options options;
} subject;

static subject open_example(const char *name)
{
    char path[512];
    subject s = {.e = NULL};
    dg_diag why = {.code = DG_OK};
    snprintf(path, sizeof path, "%s/examples/%s.dag", getenv("DAGRAD_SOURCE"), name);
    dg_experiment_options o = {
        .path = path, .without_data = 1, .size = 4, .real = DG_F64, .real_given = 1};
    s.e = dg_experiment_open(&o);
    assert_int_equal(dg_experiment_status(s.e), DG_OK);
    s.options = dg_program_options(s.e, DG_RUN_TRAIN, 2);
    dg_program *p = dg_compile(s.e->model->graph, &s.options);
    assert_int_equal(dg_program_status(p, NULL), DG_OK);
    assert_int_equal(dg_experiment_draw(s.e, p, 2, 1, &why), DG_OK);
    assert_int_equal(dg_point_copy(&s.point, s.e->model->graph, p, &why), DG_OK);
    dg_program_free(p);
    return s;
}

static void scale_all(double *x, int64_t n, double by)
{
    for (int64_t i = 0; i < n; i++)
        x[i] *= by;
}

/* Inputs that are no targets, and parameters. */
static void scale_point(subject *s, double by)
{
    dg_graph *g = s->e->model->graph;
    for (int id = 1, k = 0; id <= g->n_values; id++) {
        dg_vertex *v = &g->values[id - 1];
        int is_target = 0;
        for (int i = 0; i < s->e->model->n_ports; i++)
            is_target |= s->e->model->ports[i].value.id == id && s->e->model->ports[i].target;
        if (v->kind == DG_INPUT && v->type == DG_F64 && !is_target)
            scale_all(s->point.in[k].data, dg_shape_count(&s->point.in[k].shape), by);
        if (v->kind == DG_PARAMETER)
            scale_all(v->data, dg_shape_count(&v->shape), by);
        k += v->kind == DG_INPUT;
    }
}

/* At scale 1 nothing but equal elements. */
static int is_listed(const char *type, int power)
{
    if (power == 0)
        return strcmp(type, "maxpool") == 0;
    for (size_t i = 0; i < sizeof may_be_left_out / sizeof *may_be_left_out; i++)
        if (strcmp(may_be_left_out[i].type, type) == 0)
            return power >= may_be_left_out[i].least && power <= may_be_left_out[i].most;
    return 0;
}

/* Nodes that passed. */
static int certify(subject *s, const char *name, int power, int64_t *left_out)
{
    dg_graph *g = s->e->model->graph;
    int passed = 0;
    dg_naive *at = dg_naive_run(g, &s->options, 0, s->point.in);
    assert_non_null(at);
    const dg_certify_options o = {1, pow(10, power), pow(10, -power)};
    for (int k = 0; k < g->n_nodes; k++) {
        dg_finding f;
        dg_diag why = {.code = DG_OK};
        assert_int_equal(dg_certify_node(g, at, k, dg_isa_at(0), NULL, &o, &f, &why), DG_OK);
        if (!f.passed)
            fail_msg("%s, 10^%d: %s (%s) for '%s': identity %.1e, differences %.1e: %s", name,
                     power, f.node, f.type, f.input, f.identity, f.difference, f.guess);
        if (f.kinks && !is_listed(f.type, power))
            fail_msg("%s, 10^%d: %lld of %lld results of %s (%s) are left out", name, power,
                     (long long)f.kinks, (long long)f.components, f.node, f.type);
        *left_out += f.kinks;
        passed += f.inputs > 0;
    }
    dg_naive_free(at);
    return passed;
}

static void every_example_at_every_scale(void **state)
{
    (void)state;
    const int is_long = getenv("DAGRAD_LONGTEST") != NULL;
    const char *only = getenv("DAGRAD_EXAMPLE");
    for (int i = 0; i < (is_long ? EXAMPLES : SHORT); i++) {
        const int least = is_long ? -12 : -6, step = is_long ? 1 : 6;
        const int most = is_long ? 12 : 6;
        int passed = 0, scales = 0;
        int64_t left_out = 0;
        if (only && strcmp(only, examples[i]) != 0)
            continue;
        for (int power = least; power <= most; power += step, scales++) {
            subject s = open_example(examples[i]);
            scale_point(&s, pow(10, power));
            passed += certify(&s, examples[i], power, &left_out);
            dg_point_free(&s.point);
            dg_experiment_free(s.e);
        }
        print_message("%-18s %2d scales: %d nodes passed, %lld results left out\n", examples[i],
                      scales, passed, (long long)left_out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_example_at_every_scale)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
