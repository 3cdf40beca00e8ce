/* Figures that a user reads: what is left out, what is refused, what is not finite; by value, with
 * exit code and message. */
#include "base/text.h"
#include "cli/cli_tools.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A model of the text; its data are CSV. The program's arguments, what it ends with, and what
 * standard output and standard error (one after the other) hold, each part ended by "|". */
typedef struct figure_case {
    const char *text, *csv, *arguments;
    int code;
    const char *has;
} figure_case;

#define TRAIN                                                                                      \
    "train { optimizer = sgd(rate=1e-30); batch = 3; epochs = 1; precision = f64; "                \
    "shuffle = false }\n"

/* Seven rows, of which four are ignored, over unequal batches. */
static const char labels[] = "a,b,c,t\n.9,.1,0,9\n.2,.5,.4,0\n.1,.2,.3,9\n.3,.1,.2,9\n"
                             ".2,.3,.9,1\n.5,.4,.1,2\n.1,.1,.1,9\n";
#define LABELS(loss, metric)                                                                       \
    "input z[N, 3]\ntarget t[N] int\nparameter w[1] = fill(1)\ny = z * w\noutput y\nloss " loss    \
    "\nmetric " metric "\ndata train { z = csv(\"d.csv\", columns=[\"a\", \"b\", \"c\"]); "        \
    "t = csv(\"d.csv\", columns=[\"t\"]) }\n" TRAIN
/* One estimate against one target. */
#define NUMBERS(loss, metric)                                                                      \
    "input z[N, 1]\ntarget t[N, 1]\nparameter w[1] = fill(1)\ny = z * w\noutput y\nloss " loss     \
    "\nmetric " metric "\ndata train { z = csv(\"d.csv\", columns=[\"a\"]); "                      \
    "t = csv(\"d.csv\", columns=[\"t\"]) }\n" TRAIN
/* Two columns. */
#define COLUMNS(loss, metric)                                                                      \
    "input z[N, 2]\ntarget t[N, 2]\nparameter w[1] = fill(1)\ny = z * w\noutput y\nloss " loss     \
    "\nmetric " metric "\ndata train { z = csv(\"d.csv\", columns=[\"a\", \"b\"]); "               \
    "t = csv(\"d.csv\", columns=[\"t\", \"u\"]) }\n" TRAIN

static const char outcomes[] = "a,b,c,t\n1,0,0,0\n0,1,0,1\n1,0,0,1\n0,1,0,2\n0,1,0,2\n1,0,0,3\n";

static const figure_case cases[] = {
    /* ignored labels: the loss's, the metric's own, any number an int can hold */
    {LABELS("softmax_cross_entropy(t, y, ignore=9)", "accuracy(t, y), perplexity(t, y), "
                                                     "top(t, y, 2)"),
     labels, "train m.dag --out run --quiet", 0, "accuracy 0.0000|perplexity 3.7116|top 0.3333|"},
    {LABELS("mean(square(y))", "accuracy(t, y, ignore=9), p = perplexity(t, y, ignore=9)"), labels,
     "train m.dag --out run --quiet", 0, "accuracy 0.0000|p 3.7116|"},
    {LABELS("softmax_cross_entropy(t, y, ignore=2147483647)", "accuracy(t, y)"),
     "a,b,c,t\n1,0,0,0\n0,1,0,2147483647\n0,0,1,0\n1,0,0,2147483647\n",
     "train m.dag --out run --quiet", 0, "accuracy 0.5000|"},
    /* a label out of range that a metric alone uses */
    {LABELS("mean(square(y))", "perplexity(t, y)"), "a,b,c,t\n1,0,0,0\n0,1,0,2\n0,0,1,3\n1,0,0,1\n",
     "train m.dag --out run --quiet", 3, "perplexity: row 2 of 't' is 3, labels are 0 to 2|d.csv|"},
    {LABELS("mean(square(y))", "accuracy(t, y)"),
     "a,b,c,t\n1,0,0,0\n0,1,0,2\n0,0,1,1\n1,0,0,1000000000\n", "train m.dag --out run --quiet", 3,
     "accuracy: row 3 of 't' is 1000000000, labels are 0 to 2|"},
    {LABELS("mean(square(y))", "top(t, y, 2)"), "a,b,c,t\n1,0,0,-1\n0,1,0,2\n",
     "train m.dag --out run --quiet", 3, "top: row 0 of 't' is -1, labels are 0 to 2|"},
    {LABELS("mean(square(y))", "top(t, y, 4)"), labels, "train m.dag --out run", 2,
     "k is more than there are classes|"},
    /* one component, and several that exclude one another or do not */
    {NUMBERS("sigmoid_cross_entropy(t, y)", "accuracy(t, y)"), "a,t\n.3,0\n.7,1\n",
     "train m.dag --out run", 2,
     "m.dag:7:8: error: accuracy has|of one component accuracy needs a "
     "threshold: threshold=0.5 for probabilities, threshold=0 for "
     "logits|"},
    {NUMBERS("sigmoid_cross_entropy(t, y)", "accuracy(t, y, threshold=0), h = accuracy(t, y, 0.8)"),
     "a,t\n.3,0\n.7,1\n.9,1\n-2,0\n", "train m.dag --out run --quiet", 0,
     "accuracy 0.7500|h 0.7500|"},
    {COLUMNS("mse(t, y)", "accuracy(t, y)"), "a,b,t,u\n.3,.2,1,0\n.7,.1,1,1\n",
     "train m.dag --out run --quiet", 3,
     "accuracy: row 1 of 't' is no distribution: its entries add up to 2|threshold=0.5|"},
    {COLUMNS("mse(t, y)", "accuracy(t, y)"), "a,b,t,u\n.3,.2,1,0\n.1,.7,1,0\n",
     "train m.dag --out run --quiet", 0, "accuracy 0.5000|"},
    {COLUMNS("mse(t, y)", "accuracy(t, y, 0.5)"), "a,b,t,u\n.3,.2,1,0\n.6,.7,1,1\n",
     "train m.dag --out run --quiet", 0, "accuracy 0.7500|"},
    /* outcomes by class; labels 0 1 1 2 2 3 (ignored), estimates 0 1 0 1 1 0: by hand */
    {LABELS("mean(square(y))", "precision(t, y, ignore=3), recall(t, y, ignore=3), "
                               "f1(t, y, ignore=3), iou(t, y, ignore=3)"),
     outcomes, "train m.dag --out run --quiet", 0,
     "precision 0.2778|recall 0.5000|f1 0.3556|iou 0.2500|"},
    /* classes that neither occur nor are estimated do not count */
    {LABELS("mean(square(y))", "precision(t, y), recall(t, y), iou(t, y)"),
     "a,b,c,t\n1,0,0,0\n1,0,0,1\n0,1,0,1\n", "train m.dag --out run --quiet", 0,
     "precision 0.7500|recall 0.7500|iou 0.5000|"},
    {NUMBERS("sigmoid_cross_entropy(t, y)", "precision(t, y)"), "a,t\n.3,0\n.7,1\n",
     "train m.dag --out run", 2, "of one component precision needs a threshold|"},
    {NUMBERS("mse(t, y)", "precision(t, y, 0.5), recall(t, y, 0.5), f1(t, y, threshold=0.5), "
                          "iou(t, y, threshold=0.5)"),
     "a,t\n.6,1\n.7,1\n.8,0\n.1,1\n.2,0\n.3,1\n", "train m.dag --out run --quiet", 0,
     "precision 0.6667|recall 0.5000|f1 0.5714|iou 0.4000|"},
    {NUMBERS("mse(t, y)", "precision(t, y, 0.5), recall(t, y, 0.5), iou(t, y, 0.5)"),
     "a,t\n.1,0\n.2,0\n", "train m.dag --out run --quiet", 0,
     "precision 0.0000|recall 0.0000|iou 0.0000|"},
    {COLUMNS("mse(t, y)", "recall(t, y, 0.5), iou(t, y, 0.5)"),
     "a,b,t,u\n.9,.2,1,1\n.9,.7,1,1\n.1,.1,1,0\n", "train m.dag --out run --quiet", 0,
     "recall 0.5833|iou 0.6000|"},
    /* r2 by column */
    {COLUMNS("mse(t, y)", "r2(t, y)"), "a,b,t,u\n2,200,1,100\n2,200,2,200\n2,200,3,300\n",
     "train m.dag --out run --quiet", 0, "r2 0.0000|"},
    {COLUMNS("mse(t, y)", "r2(t, y)"), "a,b,t,u\n1,5,1,5\n2,5,2,5\n4,5,4,5\n6,5,6,5\n",
     "train m.dag --out run --quiet", 0, "r2 1.0000|"},
    {COLUMNS("mse(t, y)", "r2(t, y)"), "a,b,t,u\n1,5,1,5\n2,5,2,5\n4,5,4,5\n6,4,6,5\n",
     "train m.dag --out run --quiet", 0, "r2 0.5000|"},
    /* not finite: told, and exit 4; an exact match is right */
    {NUMBERS("mse(t, y)", "psnr(t, y)"), "a,t\n1,1\n2,2\n",
     "train m.dag --out run --quiet --require psnr\\>=30", 0, "psnr inf|"},
    {NUMBERS("mse(t, y)", "psnr(t, y)"), "a,t\n1,1\n2,2\n", "train m.dag --out run --quiet --json",
     0, "\"psnr\":null|"},
    {NUMBERS("mse(t, y)", "r2(t, y), n = mse(t, sqrt(y))"), "a,t\n-1,1\n2,3\n",
     "train m.dag --out run --quiet --require n\\<=1", 4,
     "required n<=1|n nan|the metric 'n' is nan|"},
    {LABELS("mean(square(y))", "accuracy(t, log(y))"), "a,b,c,t\n.5,-1,.3,0\n.5,.1,.1,0\n",
     "train m.dag --out run --quiet --require accuracy\\>=0.5", 4,
     "accuracy 0.5000|the metric 'accuracy' is 0.5, of estimates that are NaN|"},
    {LABELS("mean(square(y))", "perplexity(t, log(y))"), "a,b,c,t\n.5,-1,.3,0\n.5,.1,.1,0\n",
     "train m.dag --out run --quiet", 4, "perplexity nan|"},
    /* a probability is 0 to 1: logits are told from it */
    {NUMBERS("binary_cross_entropy(t, y)", "mse(t, y)"), "a,t\n.3,1\n2.5,1\n",
     "train m.dag --out run --quiet", 4,
     "the estimate of row 1, component 0, is 2.5; a probability is 0 to 1|"},
    {NUMBERS("binary_cross_entropy(t, y)", "mse(t, y)"), "a,t\n.3,1\n.5,0\n-.001,0\n",
     "train m.dag --out run --quiet", 4, "the estimate of row 2, component 0, is -0.001|"},
    {LABELS("cross_entropy(t, y)", "accuracy(t, y)"), "a,b,c,t\n.5,.2,.3,0\n.2,1.5,.1,1\n",
     "train m.dag --out run --quiet", 4, "the estimate of row 1, component 1, is 1.5|"},
    {LABELS("cross_entropy(t, y)", "accuracy(t, y)"), "a,b,c,t\n.5,-.2,.3,0\n.2,.5,.1,1\n",
     "train m.dag --out run --quiet", 4, "the estimate of row 0, component 1, is -0.2|"},
    /* of nothing there is no mean */
    {NUMBERS("mean(slice(square(t - y), 1, 0, 0))", "mse(t, y)"), "a,t\n1,1\n",
     "train m.dag --out run --quiet", 2, "there is nothing along axis 1 of [N, 0]|"},
    /* target and estimate in their places */
    {NUMBERS("mse(y, t)", "r2(t, y)"), "a,t\n1,1\n2,3\n", "train m.dag --out run --quiet", 0,
     "m.dag:6:6: warning: mse takes the target first, and 't' is its second argument; write "
     "mse(t, ...)|"},
    {NUMBERS("binary_cross_entropy(y, t)", "mse(t, y)"), "a,t\n.1,1\n.2,0\n",
     "train m.dag --out run --quiet", 2,
     "m.dag:6:6: error: binary_cross_entropy takes the target first|binary_cross_entropy(t, ...)|"},
    {NUMBERS("mse(t, y)", "r2(y, t)"), "a,t\n1,1\n2,3\n", "train m.dag --out run --quiet", 2,
     "m.dag:7:8: error: r2 takes the target first|"},
    /* a term without a batch axis counts by the rows of its batch: 4 rows of 3 and 1 */
    {NUMBERS("p = 3 * mean(square(t - y)), s = sum(square(w))", "mse(t, y)"),
     "a,t\n1,0\n2,0\n3,0\n6,0\n", "train m.dag --out run --json --quiet", 0, "\"mse\":12.5|"},
};

static void has(const char *text, const char *parts, const figure_case *c)
{
    char part[512];
    for (const char *p = parts; *p; p += strlen(part) + 1) {
        dg_format(part, sizeof part, "%.*s", (int)strcspn(p, "|"), p);
        if (!strstr(text, part))
            fail_msg("'%s' is not in\n%s\n%s", part, text, c->text);
    }
}

static void run_case(const figure_case *c)
{
    cli_write("m.dag", c->text, strlen(c->text));
    cli_write("d.csv", c->csv, strlen(c->csv));
    assert_int_equal(system("rm -rf run"), 0);
    int code = cli_run(c->arguments);
    char *out = cli_read("out", NULL), *err = cli_read("err", NULL);
    dg_text all = dg_text_make(NULL);
    dg_text_printf(&all, "%s%s", out, err);
    if (code != c->code)
        fail_msg("exit %d, not %d\n%s\n%s", code, c->code, all.data, c->text);
    has(all.data, c->has, c);
    dg_text_free(&all);
    free(out);
    free(err);
}

static void by_value(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        run_case(&cases[i]);
}

/* The loss of an epoch does not depend on the batch where its terms are means. */
static void any_batch(void **state)
{
    (void)state;
    static const char text[] =
        NUMBERS("p = mean(square(t - y)), q = 0.5 * mse(t, y), r = sum(square(w))", "mse(t, y)");
    static const char *const want[] = {"p  ", "10.6667", "q  ", "10.6667", "r  ", "1\n"};
    cli_write("m.dag", text, sizeof text - 1);
    cli_write("d.csv", "a,t\n1,0\n2,0\n3,0\n5,0\n4,0\n3,0\n", 28);
    for (int batch = 1; batch <= 7; batch++) {
        char arguments[128];
        assert_int_equal(system("rm -rf run"), 0);
        dg_format(arguments, sizeof arguments, "train m.dag --out run --quiet --batch %d", batch);
        assert_int_equal(cli_run(arguments), 0);
        assert_int_equal(cli_run("eval run"), 0);
        char *out = cli_read("out", NULL);
        const char *at = out;
        for (int k = 0; k < 6; k++)
            if (!(at = strstr(at, want[k])))
                fail_msg("batch %d: no '%s' in\n%s", batch, want[k], out);
        free(out);
    }
}

/* As many terms and metrics as a model names. */
static void many(void **state)
{
    (void)state;
    dg_text t = dg_text_make(NULL);
    dg_text_add(&t, "input z[N, 1]\ntarget t[N, 1]\ny = linear(z, 1, init=zeros)\noutput y\nloss ");
    for (int i = 0; i < 45; i++)
        dg_text_printf(&t, "%sl%d = %d * mse(t, y)", i ? ", " : "", i, i);
    dg_text_add(&t, "\nmetric ");
    for (int i = 0; i < 45; i++)
        dg_text_printf(&t, "%sm%d = %s(t, y)", i ? ", " : "", i, i % 2 ? "mae" : "mse");
    dg_text_add(&t, "\ndata train { z = csv(\"d.csv\", columns=[\"a\"]); t = csv(\"d.csv\", "
                    "columns=[\"t\"]) }\n" TRAIN);
    cli_write("m.dag", t.data, strlen(t.data));
    cli_write("d.csv", "a,t\n1,2\n2,2\n3,2\n5,2\n", 20);
    assert_int_equal(system("rm -rf run"), 0);
    assert_int_equal(cli_run("train m.dag --out run --quiet"), 0);
    assert_int_equal(cli_run("eval run --worst 2"), 0);
    char *out = cli_read("out", NULL);
    /* sum of 0 to 44 times 4 */
    if (!strstr(out, "3960") || !strstr(out, "l44") || !strstr(out, "m44"))
        fail_msg("%s", out);
    free(out);
    dg_text_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(by_value), cmocka_unit_test(any_batch),
                                       cmocka_unit_test(many)};
    return cmocka_run_group_tests(tests, cli_set_up, cli_tear_down);
}
