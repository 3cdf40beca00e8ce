/* dg_node_jacobian: A_m and B_m of one node, against Jacobians derived by hand. */
#include <dagrad/dagrad.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 2, IN = 3, UNITS = 4 };

static double x[ROWS * IN] = {1, -2, 3, 0.5, 7, -1}, w[IN * UNITS], b[UNITS] = {1, 2, 3, 4};

static dg_tensor tensor(double *data, int rank, int64_t m, int64_t n)
{
    dg_tensor t = {DG_F64, dg_shape_make(rank, (int64_t[]){m, n}), data, 0};
    t.bytes = (size_t)dg_shape_count(&t.shape) * sizeof *data;
    return t;
}

/* Of a built-in type; asks for the size first. */
static double *jacobian(const char *type, int n_attr, const dg_attr attr[], int n_in,
                        const dg_tensor in[], int output, int input, int64_t rows, int64_t columns)
{
    dg_graph *g = dg_graph_new(NULL, DG_F64);
    dg_tensor j = {.data = NULL};
    dg_diag why = {.code = DG_OK};
    const dg_node_type *t = dg_type_find(g, type);
    for (int round = 0; round < 2; round++) {
        if (dg_node_jacobian(t, n_attr, attr, n_in, in, output, input, &j, &why) != DG_OK)
            fail_msg("%s: %s", type, why.text);
        if (round == 0)
            j.data = malloc(j.bytes);
    }
    assert_true(j.type == DG_F64 && j.shape.rank == 2);
    assert_true(j.shape.dim[0] == rows && j.shape.dim[1] == columns);
    dg_graph_free(g);
    return j.data;
}

static void equal(const double *j, int64_t row, int64_t column, int64_t columns, double expected)
{
    double found = j[row * columns + column];
    if (!(fabs(found - expected) <= 1e-15))
        fail_msg("(%d, %d): %.17g, expected %.17g", (int)row, (int)column, found, expected);
}

/* y = x W + b: dy[r,u]/dx[s,i] = W[i,u] if r = s; dy/dW[i,v] = x[r,i] if u = v; dy/db[v] = 1. */
static void linear_by_hand(void **state)
{
    (void)state;
    for (int i = 0; i < IN * UNITS; i++)
        w[i] = (i * 7 % 5) - 1.5;
    double units = UNITS;
    dg_attr attr = {.name = "units", .count = 1, .number = &units};
    dg_tensor in[] = {tensor(x, 2, ROWS, IN), tensor(w, 2, IN, UNITS), tensor(b, 1, UNITS, 0)};
    int64_t m = ROWS * UNITS, size[] = {ROWS * IN, IN * UNITS, UNITS};
    for (int input = 0; input < 3; input++) {
        double *j = jacobian("linear", 1, &attr, 3, in, 0, input, m, size[input]);
        for (int64_t r = 0; r < m; r++)
            for (int64_t c = 0; c < size[input]; c++) {
                int64_t row = r / UNITS, u = r % UNITS;
                double e = input == 0   ? (c / IN == row ? w[c % IN * UNITS + u] : 0)
                           : input == 1 ? (c % UNITS == u ? x[row * IN + c / UNITS] : 0)
                                        : (c == u);
                equal(j, r, c, size[input], e);
            }
        free(j);
    }
}

/* s = softmax(z): ds_i/dz_k = s_i ([i = k] - s_k), in each row. */
static void softmax_by_hand(void **state)
{
    (void)state;
    dg_tensor in = tensor(x, 2, ROWS, IN);
    int64_t n = ROWS * IN;
    double *j = jacobian("softmax", 0, NULL, 1, &in, 0, 0, n, n), s[ROWS * IN];
    for (int r = 0; r < ROWS; r++) {
        double sum = 0;
        for (int i = 0; i < IN; i++)
            sum += exp(x[r * IN + i]);
        for (int i = 0; i < IN; i++)
            s[r * IN + i] = exp(x[r * IN + i]) / sum;
    }
    for (int64_t r = 0; r < n; r++)
        for (int64_t c = 0; c < n; c++)
            equal(j, r, c, n, r / IN == c / IN ? s[r] * ((r == c) - s[c]) : 0);
    free(j);
}

/* The second result of a split, a view, a loss with labels: d rho / d z = softmax(z) - e_label. */
static void other_kinds(void **state)
{
    (void)state;
    double parts = 2, to[] = {IN, ROWS};
    dg_attr split = {.name = "parts", .count = 1, .number = &parts};
    dg_attr shape = {.name = "shape", .count = 2, .number = to};
    int32_t label[ROWS] = {2, 0};
    double z[] = {1, -2, 3, 4, 0.5, 7, -1, 2};
    dg_tensor in[] = {{DG_I32, dg_shape_make(1, (int64_t[]){ROWS}), label, sizeof label},
                      tensor(x, 2, ROWS, IN)};
    dg_tensor four = tensor(z, 2, 2, 4);
    double *j = jacobian("split", 1, &split, 1, &four, 1, 0, 4, 8);
    for (int64_t r = 0; r < 4; r++)
        for (int64_t c = 0; c < 8; c++)
            equal(j, r, c, 8, c == r / 2 * 4 + 2 + r % 2);
    free(j);
    j = jacobian("reshape", 1, &shape, 1, &in[1], 0, 0, ROWS * IN, ROWS * IN);
    for (int64_t r = 0; r < ROWS * IN; r++)
        for (int64_t c = 0; c < ROWS * IN; c++)
            equal(j, r, c, ROWS * IN, r == c);
    free(j);
    j = jacobian("softmax_cross_entropy", 0, NULL, 2, in, 0, 1, ROWS, ROWS * IN);
    for (int64_t r = 0; r < ROWS; r++)
        for (int64_t c = 0; c < ROWS * IN; c++) {
            double sum = 0;
            for (int i = 0; i < IN; i++)
                sum += exp(x[r * IN + i]);
            equal(j, r, c, ROWS * IN, c / IN == r ? exp(x[c]) / sum - (c % IN == label[r]) : 0);
        }
    free(j);
}

/* A node of one's own without a tangent: more results than inputs, still by rows. z to (z, z^2). */
static dg_status twice_shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                             dg_diag *why)
{
    (void)a;
    (void)n_in;
    (void)why;
    out[0] = dg_shape_make(2, (int64_t[]){2, in[0].dim[0]});
    return DG_OK;
}

static dg_status twice_forward(const dg_call *c)
{
    const float *z = c->in[0];
    float *out = c->out[0];
    int64_t n = c->in_shape[0].dim[0];
    for (int64_t i = 0; i < n; i++) {
        out[i] = z[i];
        out[n + i] = z[i] * z[i];
    }
    return DG_OK;
}

static dg_status twice_adjoint(const dg_call *c)
{
    const float *z = c->in[0], *eps = c->eps[0];
    float *delta = c->delta[0];
    int64_t n = c->in_shape[0].dim[0];
    for (int64_t i = 0; i < n; i++)
        delta[i] = eps[i] + 2 * z[i] * eps[n + i];
    return DG_OK;
}

static const dg_input_spec twice_inputs[] = {{.name = "z"}};
static const dg_node_type twice = {.size = sizeof(dg_node_type),
                                   .name = "twice",
                                   .formula = "x = (z, z^2)",
                                   .inputs = twice_inputs,
                                   .n_inputs = 1,
                                   .n_out = 1,
                                   .saves_in = 1,
                                   .shape = twice_shape,
                                   .f32 = {.forward = twice_forward, .adjoint = twice_adjoint}};

static void node_of_ones_own(void **state)
{
    (void)state;
    float z[3] = {1, -2, 0.5}, j[6 * 3];
    dg_tensor in = {DG_F32, dg_shape_make(1, (int64_t[]){3}), z, sizeof z};
    dg_tensor to = {.data = j, .bytes = sizeof j};
    dg_diag why = {.code = DG_OK};
    assert_int_equal(dg_node_jacobian(&twice, 0, NULL, 1, &in, 0, 0, &to, &why), DG_OK);
    for (int r = 0; r < 6; r++)
        for (int c = 0; c < 3; c++)
            assert_true(j[r * 3 + c] == (r % 3 != c ? 0 : r < 3 ? 1 : 2 * z[c]));
}

static void refused(int expected, const char *type, int n_in, const dg_tensor in[], int output,
                    int input, const dg_tensor *j, const char *text)
{
    dg_graph *g = dg_graph_new(NULL, DG_F64);
    dg_diag why = {.code = DG_OK};
    const dg_node_type *t = dg_type_find(g, type);
    dg_tensor first = *j, again = *j; /* a call fills in the bytes that are needed */
    assert_int_equal(dg_node_jacobian(t, 0, NULL, n_in, in, output, input, &first, &why), expected);
    if (!strstr(why.text, text))
        fail_msg("'%s' is not in '%s'", text, why.text);
    assert_int_equal(dg_node_jacobian(t, 0, NULL, n_in, in, output, input, &again, NULL), expected);
    dg_graph_free(g);
}

static void mistakes_are_told(void **state)
{
    (void)state;
    int32_t label[ROWS] = {3, 0};
    float single[ROWS * IN] = {0};
    double one[1];
    dg_tensor in[] = {{DG_I32, dg_shape_make(1, (int64_t[]){ROWS}), label, sizeof label},
                      tensor(x, 2, ROWS, IN)};
    dg_tensor mixed[] = {{DG_F32, in[1].shape, single, sizeof single}, in[1]};
    dg_tensor j = {.data = NULL}, small = {.data = one, .bytes = sizeof one};
    refused(DG_EUSAGE, "softmax", 1, &in[1], 0, 1, &j, "the input 1");
    refused(DG_EUSAGE, "softmax", 1, &in[1], 1, 0, &j, "");
    refused(DG_EUSAGE, "softmax_cross_entropy", 2, in, 0, 0, &j, "has no derivative");
    refused(DG_EUSAGE, "mse", 2, mixed, 0, 1, &j, "f32 and f64");
    refused(DG_EDATA, "softmax_cross_entropy", 2, in, 0, 1, &j, "holds 3");
    refused(DG_EMODEL, "linear", 1, &in[1], 0, 0, &j, "units");
    refused(DG_EUSAGE, "softmax", 1, &in[1], 0, 0, &small, "288 bytes");
    refused(DG_EUSAGE, "no such node", 1, &in[1], 0, 0, &j, "needs a type");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_by_hand),    cmocka_unit_test(softmax_by_hand),
        cmocka_unit_test(other_kinds),       cmocka_unit_test(node_of_ones_own),
        cmocka_unit_test(mistakes_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
