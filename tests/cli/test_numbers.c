/* Numbers of a model in print: grad --print, --node, --jacobian, --sample, show --values, convert
 * --only. Everything is known by hand: a = (x1, x2) W, z = a^2, y = (z1 + z2). */
#include "cli/cli_tools.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const char model[] = "input x[N, 2]\n"
                            "target t[N, 1]\n"
                            "parameter w[2, 2] = fill(2)\n"
                            "a = matmul(x, w)\n"
                            "z = square(a)\n"
                            "y = sum(z, axis=1, keepdims=true)\n"
                            "loss mse(t, y)\n"
                            "data train { x = csv(\"d.csv\", columns=[\"p\", \"q\"])\n"
                            "             t = csv(\"d.csv\", columns=[\"t\"]) }\n"
                            "train { precision = f64; batch = 2; steps = 1 }\n";

static const char piped[] = "input x[N, 2]\n"
                            "target t[N, 1]\n"
                            "y = linear(x, 1)\n"
                            "output y\n"
                            "loss mse(t, y)\n"
                            "data train { x = csv(\"d.csv\", columns=[\"p\", \"q\"]) | %s\n"
                            "             t = csv(\"d.csv\", columns=[\"t\"]) }\n"
                            "train { batch = 2; steps = 1; optimizer = sgd(0.001) }\n";

static int set_up(void **state)
{
    char text[1024];
    (void)state;
    if (!cli_enter())
        return 1;
    cli_write_text("m.dag", model);
    cli_write_text("d.csv", "p,q,t\n1,-1,3\n1,2,70\n");
    cli_write_text("x.csv", "p,q\n3,-2\n");
    snprintf(text, sizeof text, piped, "scale(10, 1)");
    cli_write_text("scaled.dag", text);
    snprintf(text, sizeof text, piped, "standardize");
    cli_write_text("standard.dag", text);
    cli_write_text("bare.dag", "input x[N, 2]\nids = x * 3\n");
    return 0;
}

static void prints(const char *arguments, const char *expected)
{
    if (cli_run(arguments) != 0)
        fail_msg("dagrad %s: %s", arguments, cli_read("err", NULL));
    char *out = cli_read("out", NULL);
    assert_string_equal(out, expected);
    free(out);
}

static void refuses(const char *arguments, const char *expected)
{
    assert_int_equal(cli_run(arguments), 2);
    char *err = cli_read("err", NULL);
    if (!strstr(err, expected))
        fail_msg("dagrad %s: '%s' is not in: %s", arguments, expected, err);
    free(err);
}

/* Row 2: a = (6, 6), z = (36, 36), y = 72, t = 70: eps of y = 4, of z (4, 4), of a 2 a eps. */
static void one_sample_is_printed(void **state)
{
    (void)state;
    prints("grad m.dag --sample 1 --print x,a,z,y,w,t",
           "loss 4\n"
           "x  [1, 2]\n  +1  +2\ngradient of x  [1, 2]\n  +192  +192\n"
           "a  [1, 2]\n  +6  +6\neps of a  [1, 2]\n  +48  +48\n"
           "z  [1, 2]\n  +36  +36\neps of z  [1, 2]\n  +4  +4\n"
           "y  [1, 1]\n  +72\neps of y  [1, 1]\n  +4\n"
           "w  [2, 2]\n  +2  +2\n  +2  +2\ngradient of w  [2, 2]\n  +48  +48\n  +96  +96\n"
           "t  [1, 1]\n  +70\n");
}

/* Row 1: a = 0, y = 0, t = 3; eps of a batch has 1/K in it. */
static void a_batch_is_printed(void **state)
{
    (void)state;
    prints("grad m.dag --print y", "loss 6.5\ny  [2, 1]\n    0\n  +72\n"
                                   "eps of y  [2, 1]\n  -3\n  +2\n");
}

static void a_node_is_looked_at_alone(void **state)
{
    (void)state;
    prints("grad m.dag --sample 1 --node a",
           "loss 4\n"
           "a.matmul = matmul(x, w)\n"
           "x  [1, 2]\n  +1  +2\nw  [2, 2]\n  +2  +2\n  +2  +2\n"
           "a.matmul  [1, 2]\n  +6  +6\neps of a.matmul  [1, 2]\n  +48  +48\n"
           "A = d a.matmul / d x  [2, 2]\n  +2  +2\n  +2  +2\nA^t eps  [1, 2]\n  +192  +192\n"
           "B = d a.matmul / d w  [2, 4]\n  +1   0  +2   0\n   0  +1   0  +2\n"
           "B^t eps  [2, 2]\n  +48  +48\n  +96  +96\n");
    refuses("grad m.dag --node x", "no node makes");
}

/* d y / d a = 2 a, d z / d x = diag(2 a) W^t, d y / d y = 1, d a / d z = 0. */
static void jacobians_of_any_two_values(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"--jacobian a --of y", "jacobian of y by a  [1, 2]\n  +12  +12\n"},
        {"--jacobian x --of z", "jacobian of z by x  [2, 2]\n  +24  +24\n  +24  +24\n"},
        {"--jacobian z --of z", "jacobian of z by z  [2, 2]\n  +1   0\n   0  +1\n"},
        {"--jacobian z --of a", "jacobian of a by z  [2, 2]\n  0  0\n  0  0\n"},
        {"--jacobian y --of loss", "jacobian of loss by y  [1, 1]\n  +4\n"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char line[256];
        snprintf(line, sizeof line, "grad m.dag --sample 1 %s", pairs[i][0]);
        assert_int_equal(cli_run(line), 0);
        char *out = cli_read("out", NULL);
        if (!strstr(out, pairs[i][1]))
            fail_msg("%s: %s", line, out);
        free(out);
    }
    refuses("grad m.dag --jacobian q --of z",
            "--jacobian names 'q', which the model has not; it has: x, t, w, a.matmul, z.square");
}

static void a_sample_that_is_not_there(void **state)
{
    (void)state;
    refuses("grad m.dag --sample 2", "--sample is 2, there are the rows 0 to 1");
    refuses("grad m.dag --sample 0 --batch 1", "--batch is given too");
    refuses("grad bare.dag --sample 3 --print ids", "there are no data");
}

static void large_values_are_told_in_short(void **state)
{
    (void)state;
    cli_write_text("wide.dag", "input x[N, 40]\ny = x - x + 2\n");
    prints("grad wide.dag --batch 1 --print y",
           "y  [1, 40]\n  from +2 to +2, rms 2; first +2 +2 +2 +2 +2 +2 +2 +2 ...\n");
}

static void a_model_needs_no_output(void **state)
{
    (void)state;
    cli_write_text("two.csv", "1,-2\n");
    prints("grad bare.dag --input x=two.csv --print ids", "ids  [1, 2]\n  +3  -6\n");
    prints("grad bare.dag --input x=two.csv --jacobian x --of ids",
           "jacobian of ids by x  [2, 2]\n  +3   0\n   0  +3\n"
           "jacobian                         [2, 2]               norm 4.24264069\n");
}

/* 3 and -2 in the units of the file; of the data the means are 1 and 0.5, the deviations 0, 1.5. */
static void inputs_go_through_fixed_transforms(void **state)
{
    (void)state;
    static const char scaled[] = "x  [1, 2]\n  +31  -19\n", raw[] = "x  [1, 2]\n  +3  -2\n",
                      standard[] = "x  [1, 2]\n  0  -1.66667\n";
    const struct {
        const char *line, *expected;
    } runs[] = {{"grad scaled.dag --input x=x.csv --print x", scaled},
                {"grad scaled.dag --input x=x.csv --print x --raw", raw},
                {"grad standard.dag --input x=x.csv --print x", raw},
                {"grad r --input x=x.csv --print x", standard}};
    assert_int_equal(cli_run("train standard.dag --out r --quiet"), 0);
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        assert_int_equal(cli_run(runs[i].line), 0);
        char *out = cli_read("out", NULL), *err = cli_read("err", NULL);
        if (!strstr(out, runs[i].expected))
            fail_msg("%s: %s", runs[i].line, out);
        assert_int_equal(i == 2, strstr(err, "learn from the training data") != NULL);
        free(out);
        free(err);
    }
}

static void values_of_parameters(void **state)
{
    (void)state;
    prints("show m.dag --values w", "w  [2, 2]\n  +2  +2\n  +2  +2\n");
    refuses("show m.dag --values w,a", "grad --print a shows its numbers");
    refuses("show m.dag --values v", "--values names 'v'");
}

static void arrays_are_chosen(void **state)
{
    (void)state;
    assert_int_equal(cli_run("grad m.dag --sample 1 --keep z,y --out g.safetensors"), 0);
    assert_int_equal(cli_run("convert g.safetensors y.csv --only 'value.y'"), 0);
    char *y = cli_read("y.csv", NULL);
    assert_non_null(strstr(y, "72"));
    free(y);
    assert_int_equal(cli_run("convert g.safetensors v.npz --only 'value.*,w'"), 0);
    assert_int_equal(cli_run("convert v.npz w.csv --only w"), 0);
    refuses("convert g.safetensors v.npz --only q",
            "--only fits nothing in g.safetensors, which has: "
            "eps.y, eps.z, loss, value.y, value.z, w");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_sample_is_printed),
        cmocka_unit_test(a_batch_is_printed),
        cmocka_unit_test(a_node_is_looked_at_alone),
        cmocka_unit_test(jacobians_of_any_two_values),
        cmocka_unit_test(a_sample_that_is_not_there),
        cmocka_unit_test(large_values_are_told_in_short),
        cmocka_unit_test(a_model_needs_no_output),
        cmocka_unit_test(inputs_go_through_fixed_transforms),
        cmocka_unit_test(values_of_parameters),
        cmocka_unit_test(arrays_are_chosen),
    };
    return cmocka_run_group_tests(tests, set_up, cli_tear_down);
}
