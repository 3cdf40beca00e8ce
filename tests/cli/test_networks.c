/* The networks people train, through the program: the examples parse, one of them trains to the
 * same weights at one thread and two, and sizes that a norm refuses are refused with advice. */
#include "cli/cli_tools.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* gru over rows of digits behind a depthwise convolution with running statistics. */
static const char both[] =
    "input image[N, 8, 8, 1]\n"
    "target label[N] int\n"
    "z = conv(image, 6, kernel=3) | batchnorm | relu\n"
    "z = conv(z, 6, kernel=3, groups=6, bias=false) | groupnorm(2) | relu\n"
    "all, last = gru(reshape(z, [N, 8, 48]), 16, direction=both)\n"
    "logits = attention(all, all, all, heads=2) | layernorm | slice(axis=1, start=-1) | flatten | "
    "linear(10)\n"
    "output logits\n"
    "loss softmax_cross_entropy(label, logits)\n"
    "data train(part=[0, 0.3], shuffle=1) { image = digits(\"image\") | scale(1/16); label = "
    "digits(\"label\") }\n"
    "train { optimizer = adam(rate=3e-3); batch = 50; epochs = 2 }\n";

/* "44,204,032" */
static double number_of(const char *text)
{
    double n = 0;
    for (; (*text >= '0' && *text <= '9') || *text == ','; text++)
        n = *text == ',' ? n : 10 * n + (*text - '0');
    return n;
}

/* It parses, and its memory is little more than what is needed at once. */
static void example(const char *name)
{
    char path[600], line[700];
    snprintf(path, sizeof path, "%s/examples/%s", getenv("DAGRAD_SOURCE"), name);
    snprintf(line, sizeof line, "show '%s' --batch 2", path);
    if (cli_run(line) != 0)
        fail_msg("%s: %s", name, cli_read("err", NULL));
    char *out = cli_read("out", NULL), *arena = strstr(out, "arena "),
         *live = strstr(out, "largest live set ");
    assert_true(arena && live);
    double held = number_of(arena + 6), most = number_of(live + 17);
    if (!(most > 0 && held <= 1.1 * most))
        fail_msg("%s: an arena of %.0f bytes for a live set of %.0f", name, held, most);
    free(out);
}

static void test_examples(void **state)
{
    (void)state;
    example("resnet20.dag");
    example("mobile.dag");
    example("gru.dag");
    example("text/charlstm.dag");
    example("text/chargpt.dag");
}

/* The line of `train` that has the weights' hash. */
static void trained(const char *line, char hash[64])
{
    if (cli_run(line) != 0)
        fail_msg("%s: %s", line, cli_read("err", NULL));
    char *out = cli_read("out", NULL), *at = strstr(out, "weights ");
    assert_non_null(at);
    snprintf(hash, 25, "%s", at);
    free(out);
}

static void test_same_weights(void **state)
{
    char one[64], two[64];
    (void)state;
    cli_write("both.dag", both, sizeof both - 1);
    trained("train both.dag --out a --threads 1 --quiet", one);
    trained("train both.dag --out b --threads 2 --quiet", two);
    assert_string_equal(one, two);
    assert_int_equal(cli_run("check both.dag"), 0);
}

static void test_one_row(void **state)
{
    static const char text[] = "input x[N, 3]\ntarget t[N, 3]\ny = batchnorm(x)\noutput y\n"
                               "loss mse(t, y)\ntrain { steps = 1 }\n";
    (void)state;
    cli_write("one.dag", text, sizeof text - 1);
    assert_int_equal(cli_run("show one.dag --batch 1"), 2);
    char *err = cli_read("err", NULL);
    assert_non_null(strstr(err, "one value a channel"));
    assert_non_null(strstr(err, "last = drop"));
    free(err);
}

/* One target cannot have 5 classes in a loss and 7 in another, or in a metric. */
static void test_two_class_counts(void **state)
{
    (void)state;
    static const char model[] = "input x[N, 4]\ntarget label[N] int\na = linear(x, 5)\n"
                                "b = linear(x, 7)\noutput a\n"
                                "loss softmax_cross_entropy(label, a), "
                                "0.5 * softmax_cross_entropy(label, b, ignore=7)\n"
                                "metric top(label, b, 2), accuracy(label, a)\n";
    cli_write("classes.dag", model, sizeof model - 1);
    assert_int_equal(cli_run("show classes.dag"), 2);
    char *err = cli_read("err", NULL);
    assert_non_null(strstr(err, "classes.dag:6:45: error: 'label' has 7 classes here, and 5 in "
                                "softmax_cross_entropy\n"));
    assert_non_null(strstr(err, "classes.dag:7:8: error: 'label' has 7 classes here"));
    assert_null(strstr(err, "7:25: error"));
    free(err);
}

/* `show` lists results, of which what a state will be is none; and a convolution that a relu reads
 * by way of a norm starts as before a relu. */
static void test_show(void **state)
{
    (void)state;
    cli_write("both.dag", both, sizeof both - 1);
    assert_int_equal(cli_run("show both.dag"), 0);
    char *out = cli_read("out", NULL), *norm = strstr(out, "z.batchnorm ");
    assert_non_null(norm);
    for (char *line = strtok(norm + 1, "\n"); line; line = strtok(NULL, "\n"))
        assert_false(strstr(line, "result ") && strstr(line, "[6]"));
    free(out);
    out = cli_read("out", NULL);
    assert_non_null(strstr(out, "[N, 2, 16]")); /* last states, which are results */
    char *start = strstr(out, "z.conv.weight");
    assert_non_null(start);
    *strchr(start, '\n') = 0;
    assert_non_null(strstr(start, " he"));
    free(out);
}

/* One folder for all of them. */
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples), cmocka_unit_test(test_two_class_counts),
        cmocka_unit_test(test_show),     cmocka_unit_test(test_same_weights),
        cmocka_unit_test(test_one_row),
    };
    return cmocka_run_group_tests(tests, cli_set_up, cli_tear_down);
}
