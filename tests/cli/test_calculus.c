/* The calculus through the program: grad, check, show --order, --reverse, --gradients. */
#include "cli/cli_tools.h"
#include "io/safetensors.h"
#include "io/weights.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* y = x W, W given: everything is known by hand. */
static const char known[] = "input x[N, 2]\n"
                            "target t[N, 3]\n"
                            "parameter w[2, 3] = fill(2)\n"
                            "y = linear(x, 3, bias=false, weight=w)\n"
                            "output y\n"
                            "loss mse(t, y)\n"
                            "train { precision = f64; steps = 1 }\n";

static const char deep[] = "input image[N, 8, 8, 1]\n"
                           "target label[N] int\n"
                           "z = flatten(image)\n"
                           "repeat 14 { z = linear(z, 64, init=uniform(-0.01, 0.01)) | tanh }\n"
                           "logits = linear(z, 10)\n"
                           "output logits\n"
                           "loss softmax_cross_entropy(label, logits)\n"
                           "data train { image = digits(\"image\") | scale(1/16); label = "
                           "digits(\"label\") }\n"
                           "train { batch = 64; steps = 3 }\n";

static const char fan[] = "input x[N, 4]\n"
                          "target t[N, 4]\n"
                          "a = linear(x, 4)\n"
                          "y = tanh(a) + sin(a) * a\n"
                          "output y\n"
                          "loss mse(t, y)\n"
                          "train { steps = 1 }\n";

/* Two inputs of other shapes, labels, two losses with weights, a convolution and a product. */
static const char several[] =
    "input picture[N, 4, 4, 2]\n"
    "input x[N, 3]\n"
    "target label[N] int\n"
    "target t[N, 6]\n"
    "a = picture | conv(3, kernel=3) | tanh | flatten | linear(6)\n"
    "b = matmul(reshape(a, shape=[-1, 2, 3]), reshape(x, shape=[-1, 3, 1]))\n"
    "z = a * linear(x, 6) + linear(flatten(b), 6)\n"
    "output z\n"
    "loss 0.5 * softmax_cross_entropy(label, z), near = mse(t, z)\n"
    "train { steps = 1 }\n";

static const char mixed[] = "input x[N, 3]\n"
                            "target t[N, 4]\n"
                            "a = linear(x, 4)\n"
                            "centre = mean(a, axis=0)\n"
                            "y = tanh(a - centre)\n"
                            "output y\n"
                            "loss mse(t, y)\n"
                            "train { steps = 1 }\n";

static const char whole[] = "input x[N, 3]\n"
                            "input shift[3]\n"
                            "target t[N, 4]\n"
                            "y = linear(x + shift, 4)\n"
                            "output y\n"
                            "loss mse(t, y)\n"
                            "train { steps = 1 }\n";

static const char wide[] = "input x[N, 3000000]\n"
                           "target t[N, 3000000]\n"
                           "y = tanh(x)\n"
                           "output y\n"
                           "loss mse(t, y)\n"
                           "train { steps = 1 }\n";

static int set_up(void **state)
{
    (void)state;
    if (!cli_enter())
        return 1;
    cli_write("known.dag", known, sizeof known - 1);
    cli_write("deep.dag", deep, sizeof deep - 1);
    cli_write("fan.dag", fan, sizeof fan - 1);
    cli_write("several.dag", several, sizeof several - 1);
    cli_write("mixed.dag", mixed, sizeof mixed - 1);
    cli_write("whole.dag", whole, sizeof whole - 1);
    cli_write("wide.dag", wide, sizeof wide - 1);
    cli_write("x.csv", "1,10\n", 5);
    cli_write("t.csv", "0,1,2\n", 6);
    return 0;
}

static char *output(void)
{
    char *text = cli_read("out", NULL);
    assert_non_null(text);
    return text;
}

static double number(const dg_checkpoint *c, const char *name, int i)
{
    const dg_tensor *t = dg_checkpoint_find(c, name);
    if (!t)
        fail_msg("no tensor %s", name);
    return ((const double *)t->data)[i];
}

/* x = [1, 10], w all 2: y = 22; t = [0, 1, 2]: eps = 2 (y - t); g = x^t eps; by x: w eps. */
static void gradients_known_by_hand(void **state)
{
    (void)state;
    assert_int_equal(cli_run("grad known.dag --batch 1 --input x=x.csv --input t=t.csv --wrt x "
                             "--keep y --jacobian x --out g.safetensors"),
                     0);
    dg_checkpoint *c;
    dg_diag why = {.code = DG_OK};
    assert_int_equal(dg_checkpoint_load(&c, "g.safetensors", 0, &why), DG_OK);
    assert_true(number(c, "loss", 0) == 22.0 * 22 + 21 * 21 + 20 * 20);
    for (int k = 0; k < 3; k++) {
        double eps = 2 * (22.0 - k);
        assert_true(number(c, "value.y", k) == 22);
        assert_true(number(c, "eps.y", k) == eps);
        assert_true(number(c, "w", k) == eps && number(c, "w", 3 + k) == 10 * eps);
        assert_true(number(c, "jacobian", 2 * k) == 2 && number(c, "jacobian", 2 * k + 1) == 2);
    }
    assert_true(number(c, "x", 0) == 2 * (44 + 42 + 40) && number(c, "x", 1) == number(c, "x", 0));
    dg_checkpoint_free(c);
}

/* A perturbation of w by dw changes the loss by <dw, g>. */
static void tangent_is_the_gradient(void **state)
{
    (void)state;
    double dw[6] = {1, 2, 3, 4, 5, 6}, forth = 0;
    dg_named named = {"w", {DG_F64, dg_shape_make(2, (int64_t[]){2, 3}), dw, sizeof dw}};
    dg_tensors t = {.n = 1, .tensor = &named};
    dg_writer *w;
    dg_diag why = {.code = DG_OK};
    dg_writer_open(&w, "dw.safetensors", &why);
    assert_int_equal(dg_writer_end(w, dg_safetensors_write(w, &t)), DG_OK);
    assert_int_equal(cli_run("grad known.dag --batch 1 --input x=x.csv --input t=t.csv --tangent "
                             "dw.safetensors --out d.safetensors"),
                     0);
    for (int k = 0; k < 3; k++)
        forth += 2 * (22.0 - k) * (dw[k] + 10 * dw[3 + k]);
    dg_checkpoint *c;
    assert_int_equal(dg_checkpoint_load(&c, "d.safetensors", 0, &why), DG_OK);
    assert_true(fabs(number(c, "tangent.loss", 0) - forth) <= 1e-12 * forth);
    assert_true(number(c, "tangent.y", 0) == 41);
    dg_checkpoint_free(c);
}

static void mistakes_are_told(void **state)
{
    (void)state;
    assert_int_equal(cli_run("grad known.dag --wrt z"), 2);
    char *err = cli_read("err", NULL);
    assert_string_equal(err, "dagrad grad: --wrt names 'z', which the model has not; it has: "
                             "x, t, w, y.linear, loss.mse\n");
    free(err);
    assert_int_equal(cli_run("grad known.dag --input x"), 2);
    assert_int_equal(cli_run("grad known.dag --input x=nothing.csv"), 3);
    assert_int_equal(cli_run("grad known.dag --tangent x.csv"), 3);
}

static void models_pass_the_check(void **state)
{
    (void)state;
    assert_int_equal(cli_run("check fan.dag"), 0);
    char *text = output();
    assert_non_null(strstr(text, "equal bits to the naive interpreter"));
    assert_non_null(strstr(text, "right to left against left to right"));
    assert_non_null(strstr(text, "all passed"));
    free(text);
    assert_int_equal(cli_run("check fan.dag --json"), 0);
}

/* a feeds three nodes: its error vector is a sum of sums. */
static void reversed_graph(void **state)
{
    (void)state;
    assert_int_equal(cli_run("show fan.dag --reverse"), 0);
    char *text = output();
    assert_non_null(strstr(text, "sum for a.linear <- G of "));
    assert_non_null(strstr(text, "g of a.linear.weight <- G of a.linear\n"));
    assert_null(strstr(text, "G of x"));
    free(text);
    assert_int_equal(cli_run("show fan.dag --reverse --dot back.dot --svg back.svg"), 0);
    text = cli_read("back.dot", NULL);
    assert_non_null(strstr(text, "digraph"));
    free(text);
}

/* Right to left and left to right of the model are the same gradient; `how` is in what is said. */
static void orders_agree(const char *command, const char *how)
{
    assert_int_equal(cli_run(command), 0);
    char *text = output(), *at = strstr(text, "the gradients differ by ");
    if (!at || !strstr(text, how))
        fail_msg("%s: no '%s' in\n%s", command, how, text);
    double gap = strtod(at + strlen("the gradients differ by "), NULL);
    if (!(gap < 1e-5))
        fail_msg("%s: the gradients differ by %g", command, gap);
    free(text);
}

/* As matrices where pairs are apart; by columns where a node mixes them, or an input has no
 * rows. */
static void order_of_computation(void **state)
{
    (void)state;
    orders_agree("show fan.dag --order --measure",
                 "measured, 16 pairs, gradient by 4 input numbers");
    orders_agree("show fan.dag --order --measure --batch 3", "went as products of matrices");
    orders_agree("show several.dag --order --measure --batch 5", "went as products of matrices");
    orders_agree("show mixed.dag --order --measure --batch 5",
                 "column by column: 'centre.mean' does not keep the pairs apart");
    orders_agree("show whole.dag --order --measure --batch 5", "column by column: 'shift'");
    assert_int_equal(cli_run("show wide.dag --order --measure --batch 1"), 2);
    char *err = cli_read("err", NULL);
    long long bytes = 0;
    const char *at = err ? strstr(err, "left to right needs ") : NULL;
    assert_non_null(at);
    bytes = strtoll(at + strlen("left to right needs "), NULL, 10);
    assert_true(bytes > 4LL * 3000000 * 3000000); /* one Jacobian of tanh, in f32 */
    free(err);
}

static void vanishing_is_said(void **state)
{
    (void)state;
    assert_int_equal(cli_run("train deep.dag --out deep --quiet"), 0);
    assert_int_equal(cli_run("show deep --gradients"), 0);
    char *text = output();
    assert_non_null(strstr(text, "the gradient vanishes there"));
    free(text);
    assert_int_equal(cli_run("train deep.dag --set init=1 --quiet"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_known_by_hand), cmocka_unit_test(tangent_is_the_gradient),
        cmocka_unit_test(mistakes_are_told),       cmocka_unit_test(models_pass_the_check),
        cmocka_unit_test(reversed_graph),          cmocka_unit_test(order_of_computation),
        cmocka_unit_test(vanishing_is_said),
    };
    return cmocka_run_group_tests(tests, set_up, cli_tear_down);
}
