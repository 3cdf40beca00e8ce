/* Drawings: repeats folded, a sample written into the graph, the reversed graph, gradients. */
#include "cli/cli_tools.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const char deep[] = "input x[N, 4]\n"
                           "target t[N, 1]\n"
                           "let width = 4\n"
                           "z = linear(x, width)\n"
                           "repeat 100 { z = linear(z, width) | tanh }\n"
                           "y = linear(z, 1)\n"
                           "output y\n"
                           "loss mse(t, y)\n"
                           "train { steps = 1 }\n";

/* The second round has another width in its middle, so nothing is folded. */
static const char uneven[] = "input x[N, 4]\n"
                             "repeat 2 { x = linear(x, 4) | tanh\n x = concat(x, x) }\n"
                             "output x\n";

static const char fan[] = "input x[N, 1]\n"
                          "target t[N, 1]\n"
                          "parameter w[1, 1] = fill(2)\n"
                          "a = linear(x, 1, weight=w, bias=false)\n"
                          "y = square(a) + a\n"
                          "output y\n"
                          "loss mse(t, y)\n"
                          "data train { x = csv(\"d.csv\", columns=[\"x\"])\n"
                          "             t = csv(\"d.csv\", columns=[\"t\"]) }\n"
                          "train { precision = f64; batch = 1; steps = 1 }\n";

static int set_up(void **state)
{
    (void)state;
    if (!cli_enter())
        return 1;
    cli_write("deep.dag", deep, sizeof deep - 1);
    cli_write("uneven.dag", uneven, sizeof uneven - 1);
    cli_write("fan.dag", fan, sizeof fan - 1);
    cli_write("d.csv", "x,t\n1,5\n3,41\n", 13);
    return 0;
}

static int count(const char *text, const char *what)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, what)); at++)
        n++;
    return n;
}

/* What the command prints. */
static char *output(const char *arguments)
{
    if (cli_run(arguments) != 0)
        fail_msg("dagrad %s: %s", arguments, cli_read("err", NULL));
    char *text = cli_read("out", NULL);
    assert_non_null(text);
    return text;
}

static double size_of(const char *svg, const char *what)
{
    const char *at = strstr(svg, what);
    return at ? strtod(at + strlen(what), NULL) : -1;
}

static void repeats_are_folded(void **state)
{
    (void)state;
    char *svg = output("show deep.dag --svg -");
    assert_int_equal(count(svg, "rx="), 7); /* x, t, z, two of the repeat, y, the loss */
    assert_int_equal(count(svg, ">100 times<"), 1);
    assert_int_equal(count(svg, "repeat.*.z.linear"), 1);
    assert_true(size_of(svg, "height=\"") < 1000);
    free(svg);
    char *dot = output("show deep.dag --dot -");
    assert_int_equal(count(dot, "100 times"), 2);
    assert_int_equal(count(dot, "constraint=false"), 1);
    free(dot);
}

/* 203 layers are set in columns. */
static void unfolded_they_stay_readable(void **state)
{
    (void)state;
    char *svg = output("show deep.dag --unfold --svg -");
    assert_int_equal(count(svg, "rx="), 205);
    assert_int_equal(count(svg, "times<"), 0);
    assert_true(size_of(svg, "height=\"") < 2500);
    assert_true(size_of(svg, "width=\"") < 2500);
    free(svg);
}

static void rounds_that_differ_are_not_folded(void **state)
{
    (void)state;
    char *svg = output("show uneven.dag --svg -");
    assert_int_equal(count(svg, "rx="), 7);
    assert_int_equal(count(svg, "times<"), 0);
    free(svg);
}

static void only_the_drawing_is_written(void **state)
{
    (void)state;
    char *out = output("show fan.dag --svg g.svg");
    assert_string_equal(out, "");
    free(out);
}

/* x = 3: a = 6, y = 42, t = 41: eps = 2; to a come back 2 * 12 and 2. */
static void a_sample_is_written(void **state)
{
    (void)state;
    static const char *const numbers[] = {">z +3<",  ">z +6<",   ">eps +26<", ">z +36<",
                                          ">z +42<", ">eps +2<", "> +24<",    "> +2<"};
    char *svg = output("show fan.dag --sample 1 --svg -");
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (!strstr(svg, numbers[i]))
            fail_msg("%s is not in %s", numbers[i], svg);
    free(svg);
    assert_int_equal(cli_run("show fan.dag --sample 2 --svg -"), 2);
    assert_int_equal(cli_run("show fan.dag --sample 0"), 2);
}

static void one_G_a_node(void **state)
{
    (void)state;
    char *text = output("show fan.dag --reverse");
    assert_string_equal(text, "loss loss.mse\n"
                              "G of loss.mse <- loss loss.mse\n"
                              "G of y.add <- G of loss.mse\n"
                              "G of y.square <- G of y.add\n"
                              "sum for a.linear <- G of y.add + G of y.square\n"
                              "G of a.linear <- sum for a.linear\n"
                              "g of w <- G of a.linear\n");
    free(text);
    char *svg = output("show fan.dag --reverse --svg -");
    assert_int_equal(count(svg, ">G of "), 4);
    assert_int_equal(count(svg, ">sum for "), 1);
    free(svg);
    char *all = output("show deep.dag --reverse");
    assert_int_equal(count(all, "\nG of "), 203); /* 100 of each of the two, z, y, the loss */
    free(all);
}

static void gradients_fit_a_screen(void **state)
{
    (void)state;
    cli_write("x.csv", "1,2,3,4,0\n0,1,0,1,1\n", 20);
    static const char train[] = "train deep.dag --out r --quiet --set steps=3";
    char model[sizeof deep + 256];
    int n = snprintf(model, sizeof model,
                     "%sdata train { x = csv(\"x.csv\", columns=[\"1\",\"2\","
                     "\"3\",\"4\"], header=false); t = csv(\"x.csv\", "
                     "columns=[\"5\"], header=false) }\n",
                     deep);
    cli_write("deep.dag", model, (size_t)n);
    free(output(train));
    char *text = output("show r --gradients");
    int lines = 0;
    for (char *at = strtok(text, "\n"); at; at = strtok(NULL, "\n"))
        lines += (int)(strlen(at) + 79) / 80;
    assert_in_range(lines, 15, 23);
    free(text);
    char *all = output("show r --gradients --all");
    assert_true(count(all, "\n") > 400);
    free(all);
    char *svg = output("show r --gradients --svg -");
    assert_non_null(strstr(svg, "rms of error vectors, steps 1 to 3"));
    free(svg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repeats_are_folded),
        cmocka_unit_test(unfolded_they_stay_readable),
        cmocka_unit_test(rounds_that_differ_are_not_folded),
        cmocka_unit_test(only_the_drawing_is_written),
        cmocka_unit_test(a_sample_is_written),
        cmocka_unit_test(one_G_a_node),
        cmocka_unit_test(gradients_fit_a_screen),
    };
    return cmocka_run_group_tests(tests, set_up, cli_tear_down);
}
