/* The network of a model as text: what changes it and what does not. */
#include "train/experiment.h"
#include "train/network.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char base[] = "input x[N, 3]\n"
                           "input m[N, 3]\n"
                           "target t[N, 2]\n"
                           "constant c[2] = [1, 2]\n"
                           "z = linear(x, 4) | tanh | dropout(0.5)\n"
                           "y = linear(z, 2) * c\n"
                           "output y\n"
                           "loss mse(t, y), 0.5 * mae(t, y)\n"
                           "metric mse(t, y)\n";

/* The lines of a model, one piece of which is replaced; to be freed. */
static char *network_of(const char *from, const char *to)
{
    char text[2048];
    dg_diag why = {.code = DG_OK};
    const char *at = from ? strstr(base, from) : base;
    assert_non_null(at);
    size_t before = (size_t)(at - base), old = from ? strlen(from) : 0;
    dg_format(text, sizeof text, "%.*s%s%s", (int)before, base, to, at + old);
    dg_experiment_options o = {.path = "m.dag", .text = text, .without_data = 1, .size = 4};
    dg_experiment *e = dg_experiment_open(&o);
    dg_text lines = dg_text_make(NULL);
    if (dg_experiment_status(e) != DG_OK) {
        dg_diags_text(&e->model->diags, &lines, false);
        fail_msg("%s", lines.data);
    }
    assert_int_equal(dg_network_write(e->model->graph, &lines, &why), DG_OK);
    char *copy = strdup(lines.data);
    dg_text_free(&lines);
    dg_experiment_free(e);
    return copy;
}

static void lines_are_what_decides(void **state)
{
    (void)state;
    char *lines = network_of(NULL, "");
    assert_string_equal(
        lines, "input x [N, 3] f32\n"
               "input t [N, 2] f32\n"
               "constant#1 [2] f32 of elements b9c80b5adeca4507\n"
               "parameter z.linear.weight [3, 4] f32\n"
               "parameter z.linear.bias [4] f32\n"
               "linear#1 = linear(x, z.linear.weight, z.linear.bias, units=4, bias=1) [N, 4]\n"
               "tanh#1 = tanh(linear#1) [N, 4]\n"
               "dropout#1 = dropout(tanh#1, rate=0.5) [N, 4] as node 2\n"
               "parameter y.linear.weight [4, 2] f32\n"
               "parameter y.linear.bias [2] f32\n"
               "linear#2 = linear(dropout#1, y.linear.weight, y.linear.bias, units=2, "
               "bias=1) [N, 2]\n"
               "mul#1 = mul(linear#2, constant#1) [N, 2]\n"
               "mse#1 = mse(t, mul#1, none, over=pairs) [N]\n"
               "mae#1 = mae(t, mul#1, none, over=pairs) [N]\n"
               "loss 1 * mse#1\n"
               "loss 0.5 * mae#1\n");
    free(lines);
}

static void some_edits_are_the_same_network(void **state)
{
    (void)state;
    static const char *const same[][2] = {
        {"input x", "# a comment\ninput x"},
        {"linear(x, 4)", "linear(x, 4, init=zeros, bias_init=ones)"},
        {"metric mse(t, y)", "metric mae(t, y), best = mse(t, y)"},
        {"metric mse(t, y)", "p = square(y)\nmetric mae(t, p)"},
        {"output y", "p = exp(y)\noutput p, y"},
        {"constant c", "input unused[N]\nconstant c"},
        {"y = linear(z, 2) * c", "y = linear(z, 2)\ny = y * c"},
        {"dropout(0.5)", "dropout(1/2)"},
    };
    char *was = network_of(NULL, "");
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        char *is = network_of(same[i][0], same[i][1]);
        if (strcmp(was, is) != 0)
            fail_msg("'%s':\n%s", same[i][1], is);
        free(is);
    }
    free(was);
}

static void other_edits_are_another_one(void **state)
{
    (void)state;
    static const char *const other[][2] = {
        {"x[N, 3]\n", "x[N, 5]\n"},
        {"linear(x, 4)", "linear(x, 5)"},
        {"linear(x, 4)", "linear(m, 4)"},
        {"linear(x, 4)", "linear(x, 4, bias=false)"},
        {"| tanh", "| sigmoid"},
        {"| tanh", ""},
        {"dropout(0.5)", "dropout(0.4)"},
        {"[1, 2]", "[1, 3]"},
        {"0.5 * mae", "0.6 * mae"},
        {"0.5 * mae(t, y)", "0.5 * mae(t, y, over=elements)"},
        {", 0.5 * mae(t, y)", ""},
        {"loss mse(t, y)", "loss mse(t, y - c)"},
        {"z = linear", "q = linear(m, 2)\nz = linear"}, /* a parameter of the checkpoint */
    };
    char *was = network_of(NULL, "");
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++) {
        char *is = network_of(other[i][0], other[i][1]);
        if (strcmp(was, is) == 0)
            fail_msg("'%s' for '%s' changes nothing", other[i][1], other[i][0]);
        free(is);
    }
    free(was);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_what_decides),
        cmocka_unit_test(some_edits_are_the_same_network),
        cmocka_unit_test(other_edits_are_another_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
