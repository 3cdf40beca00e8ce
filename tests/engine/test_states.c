/* States that a node moves: batch normalisation in programs that train, that do not, and that are
 * given the batch in parts. */
#include <dagrad/dagrad.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 4 };

/* loss mse(t, batchnorm(x)), one channel; momentum 0.5. */
typedef struct {
    dg_graph *g;
    dg_value x, t, y;
} net;

static net make(const char *running)
{
    net n = {.g = dg_graph_new(NULL, DG_F64)};
    const double momentum = 0.5;
    dg_shape s = dg_shape_make(2, (int64_t[]){DG_N, 1});
    dg_attr attr[] = {{.name = "momentum", .count = 1, .number = &momentum},
                      {.name = "running", .word = running}};
    n.x = dg_input(n.g, "x", DG_F64, s);
    n.t = dg_input(n.g, "t", DG_F64, s);
    n.y = dg_apply(n.g, "batchnorm", "norm", 1, &n.x, 2, attr);
    dg_output(n.g, "y", n.y);
    dg_loss(n.g, NULL, dg_apply(n.g, "mse", NULL, 2, (dg_value[]){n.t, n.y}, 0, NULL), 1);
    return n;
}

static dg_program *compile(const net *n, dg_mode mode, int64_t batch, dg_status want)
{
    dg_options o = dg_options_default(mode, batch);
    o.threads = 1;
    dg_program *p = dg_compile(n->g, &o);
    dg_diag why = {0};
    if (dg_program_status(p, &why) != want)
        fail_msg("compile: %s", why.text);
    return p;
}

static void give(dg_program *p, const net *n, int64_t rows)
{
    double x[ROWS] = {1, 2, 3, 6}, t[ROWS] = {0};
    dg_shape s = dg_shape_make(2, (int64_t[]){rows, 1});
    dg_tensor tx = {DG_F64, s, x, (size_t)rows * 8}, tt = {DG_F64, s, t, (size_t)rows * 8};
    assert_int_equal(dg_set(p, n->x, DG_VALUE, &tx), DG_OK);
    assert_int_equal(dg_set(p, n->t, DG_VALUE, &tt), DG_OK);
}

static double state(const net *n, const char *name)
{
    double x = NAN;
    dg_tensor t = {DG_F64, dg_shape_make(1, (int64_t[]){1}), &x, sizeof x};
    assert_int_equal(dg_graph_get(n->g, dg_value_find(n->g, name), &t), DG_OK);
    return x;
}

/* The mean of 1 2 3 6 is 3, the mean square about it 3.5: from 0 and 1, half of the way a step. */
static void test_moves(void **unused)
{
    (void)unused;
    const dg_optimizer gd = dg_optimizer_default(DG_GD);
    for (int running = 0; running < 2; running++) {
        net n = make(running ? "true" : "false");
        dg_program *p = compile(&n, DG_RUN_TRAIN, ROWS, DG_OK);
        give(p, &n, ROWS);
        for (int step = 0; step < 2; step++) {
            double was = state(&n, "norm.mean");
            dg_batch b = {.size = sizeof b, .rows = ROWS, .step = (uint64_t)step};
            assert_int_equal(dg_forward(p, &b), DG_OK);
            assert_int_equal(dg_adjoint(p, NULL, 0), DG_OK);
            assert_true(state(&n, "norm.mean") == was); /* until the step is taken */
            assert_int_equal(dg_commit(p, &gd, (uint64_t)step), DG_OK);
        }
        assert_true(state(&n, "norm.mean") == (running ? 0 : 2.25));
        assert_true(state(&n, "norm.variance") == (running ? 1 : 2.875));
        dg_program_free(p);
        dg_graph_free(n.g);
    }
}

/* Not in training the running statistics make the result, and stay. */
static void test_inference(void **unused)
{
    (void)unused;
    net n = make("false");
    dg_program *p = compile(&n, DG_RUN_INFER, 1, DG_OK);
    double y[1];
    dg_tensor t = {DG_F64, dg_shape_make(2, (int64_t[]){1, 1}), y, sizeof y};
    give(p, &n, 1);
    dg_batch b = {.size = sizeof b, .rows = 1};
    assert_int_equal(dg_forward(p, &b), DG_OK);
    assert_int_equal(dg_get(p, n.y, DG_VALUE, &t), DG_OK);
    assert_true(fabs(y[0] - 1 / sqrt(1 + 1e-5)) < 1e-15);
    assert_true(state(&n, "norm.mean") == 0);
    dg_program_free(p);
    dg_graph_free(n.g);
}

static void refused(const dg_program *p, dg_status code, const char *text)
{
    dg_diag why = {0};
    if (dg_program_status(p, &why) != code || !strstr(why.text, text))
        fail_msg("the message is: %s", why.text);
}

/* A second part of a batch, and a batch of one value a channel. */
static void test_refused(void **unused)
{
    (void)unused;
    net n = make("false");
    dg_program *p = compile(&n, DG_RUN_TRAIN, ROWS, DG_OK);
    give(p, &n, ROWS);
    dg_batch b = {.size = sizeof b, .rows = ROWS, .first = ROWS};
    assert_int_equal(dg_forward(p, &b), DG_EUSAGE);
    refused(p, DG_EUSAGE, "batchnorm needs the whole batch");
    dg_program_free(p);
    p = compile(&n, DG_RUN_TRAIN, 1, DG_EMODEL);
    refused(p, DG_EMODEL, "one value a channel in a batch of [1, 1]");
    refused(p, DG_EMODEL, "last = drop");
    dg_program_free(p);
    dg_graph_free(n.g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moves),
        cmocka_unit_test(test_inference),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
