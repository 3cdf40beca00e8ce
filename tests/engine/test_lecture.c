/* Plain gradient descent on a chain of three nodes, beside the pseudo code of a lecture on back
 * propagation, written out in loops:
 *
 *     for each step
 *         g_m = 0 for all m
 *         for each pair k
 *             z_1 = y_k;  z_{m+1} = f_m(z_m, theta_m)          states forward
 *             eps_M = -2 (x_k - xhat)                          the error enters
 *             for m = M-1 ... 1
 *                 g_m += B_m^t eps_{m+1};  eps_m = A_m^t eps_{m+1}
 *         theta_m -= eta g_m / K
 *
 * f_1 = tanh(W1 z + b1), f_2 = sigmoid(W2 z + b2), f_3 = W3 z + b3, in f64; libm's tanh and exp. */
#include <dagrad/dagrad.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PAIRS = 7, STEPS = 25, LAYERS = 3, WIDEST = 6 };
static const int width[LAYERS + 1] = {4, 6, 5, 2};
static const double eta = 0.05;

typedef struct lecture {
    double w[LAYERS][WIDEST][WIDEST], b[LAYERS][WIDEST];   /* w[m][i][j]: from i to j */
    double gw[LAYERS][WIDEST][WIDEST], gb[LAYERS][WIDEST]; /* g_m */
    double z[LAYERS + 1][WIDEST], eps[LAYERS + 1][WIDEST];
} lecture;

static double f(int m, double s)
{
    return m == 0 ? tanh(s) : m == 1 ? 1 / (1 + exp(-s)) : s;
}

static double slope(int m, double x) /* of f, from its value */
{
    return m == 0 ? 1 - x * x : m == 1 ? x * (1 - x) : 1;
}

static void forward(lecture *l, const double *y)
{
    memcpy(l->z[0], y, (size_t)width[0] * sizeof *y);
    for (int m = 0; m < LAYERS; m++) {
        for (int j = 0; j < width[m + 1]; j++) {
            double s = l->b[m][j];
            for (int i = 0; i < width[m]; i++)
                s += l->z[m][i] * l->w[m][i][j];
            l->z[m + 1][j] = f(m, s);
        }
    }
}

static void backward(lecture *l, const double *x)
{
    for (int j = 0; j < width[LAYERS]; j++)
        l->eps[LAYERS][j] = -2 * (x[j] - l->z[LAYERS][j]);
    for (int m = LAYERS - 1; m >= 0; m--) {
        for (int i = 0; i < width[m]; i++)
            l->eps[m][i] = 0;
        for (int j = 0; j < width[m + 1]; j++) {
            double d = slope(m, l->z[m + 1][j]) * l->eps[m + 1][j];
            l->gb[m][j] += d;
            for (int i = 0; i < width[m]; i++) {
                l->gw[m][i][j] += l->z[m][i] * d;
                l->eps[m][i] += l->w[m][i][j] * d;
            }
        }
    }
}

static void train(lecture *l, double y[PAIRS][4], double x[PAIRS][2])
{
    memset(l->gw, 0, sizeof l->gw);
    memset(l->gb, 0, sizeof l->gb);
    for (int k = 0; k < PAIRS; k++) {
        forward(l, y[k]);
        backward(l, x[k]);
    }
    for (int m = 0; m < LAYERS; m++)
        for (int j = 0; j < width[m + 1]; j++) {
            l->b[m][j] -= eta * l->gb[m][j] / PAIRS;
            for (int i = 0; i < width[m]; i++)
                l->w[m][i][j] -= eta * l->gw[m][i][j] / PAIRS;
        }
}

static dg_value layer(dg_graph *g, dg_value z, int m, const char *activation)
{
    static const char *const name[] = {"first", "second", "third"};
    double units = width[m + 1];
    dg_attr a = {.name = "units", .count = 1, .number = &units};
    z = dg_apply(g, "linear", name[m], 1, &z, 1, &a);
    return activation ? dg_apply(g, activation, NULL, 1, &z, 0, NULL) : z;
}

static void fetch(const dg_graph *g, const char *name, double *value)
{
    dg_tensor t = {.data = NULL};
    assert_int_equal(dg_graph_get(g, dg_value_find(g, name), &t), DG_OK);
    t.data = value;
    assert_int_equal(dg_graph_get(g, dg_value_find(g, name), &t), DG_OK);
}

/* Copies the graph's parameters of layer m to the lecture's, or compares them. */
static void visit(dg_graph *g, lecture *l, int m, int compare)
{
    static const char *const name[][2] = {{"first.weight", "first.bias"},
                                          {"second.weight", "second.bias"},
                                          {"third.weight", "third.bias"}};
    double value[WIDEST * WIDEST];
    fetch(g, name[m][0], value);
    for (int i = 0; i < width[m]; i++)
        for (int j = 0; j < width[m + 1]; j++) {
            double x = value[i * width[m + 1] + j];
            if (compare)
                assert_true(fabs(x - l->w[m][i][j]) <= 1e-13 * (1 + fabs(x)));
            else
                l->w[m][i][j] = x;
        }
    fetch(g, name[m][1], value);
    for (int j = 0; j < width[m + 1]; j++) {
        if (compare)
            assert_true(fabs(value[j] - l->b[m][j]) <= 1e-13 * (1 + fabs(value[j])));
        else
            l->b[m][j] = value[j];
    }
}

static void step_by_step(void **state)
{
    (void)state;
    double y[PAIRS][4], x[PAIRS][2];
    for (int k = 0; k < PAIRS; k++) {
        for (int i = 0; i < 4; i++)
            y[k][i] = sin(1.0 + 3 * k + i);
        for (int i = 0; i < 2; i++)
            x[k][i] = cos(2.0 * k - i);
    }
    dg_graph *g = dg_graph_new(NULL, DG_F64);
    dg_value in = dg_input(g, "y", DG_F64, dg_shape_make(2, (int64_t[]){DG_N, 4}));
    dg_value target = dg_input(g, "x", DG_F64, dg_shape_make(2, (int64_t[]){DG_N, 2}));
    dg_value z = layer(g, layer(g, in, 0, "tanh"), 1, "sigmoid");
    dg_value pair[2] = {target, layer(g, z, 2, NULL)};
    dg_loss(g, NULL, dg_apply(g, "mse", NULL, 2, pair, 0, NULL), 1);
    dg_optimizer gd = dg_optimizer_default(DG_GD);
    gd.rate = eta;
    dg_options o = dg_options_default(DG_RUN_TRAIN, PAIRS);
    o.optimizer = &gd;
    dg_program *p = dg_compile(g, &o);
    assert_int_equal(dg_program_status(p, NULL), DG_OK);
    lecture l;
    memset(&l, 0, sizeof l);
    for (int m = 0; m < LAYERS; m++)
        visit(g, &l, m, 0);
    for (int s = 0; s < STEPS; s++) {
        dg_tensor ty = {DG_F64, dg_shape_make(2, (int64_t[]){PAIRS, 4}), y, sizeof y};
        dg_tensor tx = {DG_F64, dg_shape_make(2, (int64_t[]){PAIRS, 2}), x, sizeof x};
        dg_set(p, in, DG_VALUE, &ty);
        dg_set(p, target, DG_VALUE, &tx);
        dg_forward(p, &(dg_batch){.size = sizeof(dg_batch), .rows = PAIRS, .step = (uint64_t)s});
        dg_adjoint(p, NULL, 0);
        assert_int_equal(dg_commit(p, &gd, (uint64_t)s), DG_OK);
        train(&l, y, x);
        for (int m = 0; m < LAYERS; m++)
            visit(g, &l, m, 1);
    }
    dg_program_free(p);
    dg_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(step_by_step)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
