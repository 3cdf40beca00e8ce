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

static void example(const char *name)
{
    char path[600], line[700];
    snprintf(path, sizeof path, "%s/examples/%s", getenv("DAGRAD_SOURCE"), name);
    snprintf(line, sizeof line, "show '%s' --batch 2", path);
    if (cli_run(line) != 0)
        fail_msg("%s: %s", name, cli_read("err", NULL));
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

/* One folder for all of them. */
static int enter(void **state)
{
    (void)state;
    return cli_enter() ? 0 : 1;
}

static int leave(void **state)
{
    (void)state;
    cli_leave();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_same_weights),
        cmocka_unit_test(test_one_row),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
