/* Each command does what it says, on a run over the embedded digits. */
#include "base/text.h"
#include "cli/cli_tools.h"
#include "io/formats.h"
#include "io/safetensors.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char model[] =
    "input image[N, 8, 8, 1]\n"
    "target label[N] int\n"
    "z = conv(image, 4, kernel=3) | relu | maxpool(2)\n"
    "logits = flatten(z) | linear(10)\n"
    "output logits\n"
    "loss softmax_cross_entropy(label, logits)\n"
    "metric accuracy(label, logits)\n"
    "data train(part=[0, 0.8], shuffle=1) { image = digits(\"image\") | scale(1/16); label = "
    "digits(\"label\") }\n"
    "data test(part=[0.8, 1], shuffle=1) { image = digits(\"image\") | scale(1/16); label = "
    "digits(\"label\") }\n"
    "train { optimizer = adam(rate=5e-3); batch = 32; epochs = 4 }\n";

/* y = (100 + a + 2 b, 1000 c - a), both standardised. */
static const char plane[] =
    "input x[N, 3]\n"
    "target y[N, 2]\n"
    "yhat = linear(x, 2)\n"
    "output yhat\n"
    "loss mse(y, yhat)\n"
    "metric r2(y, yhat)\n"
    "data train { x = csv(\"plane.csv\", columns=[\"a\", \"b\", \"c\"]) | standardize\n"
    "             y = csv(\"plane.csv\", columns=[\"u\", \"v\"]) | standardize }\n"
    "train { optimizer = adam(rate=0.05); batch = 16; epochs = 60 }\n";

static int set_up(void **state)
{
    (void)state;
    if (!cli_enter())
        return 1;
    cli_write("net.dag", model, sizeof model - 1);
    return cli_run("train net.dag --out run --threads 1 --json --require 'accuracy>=0.85'");
}

static char *output(const char *arguments)
{
    if (cli_run(arguments) != 0) {
        char *err = cli_read("err", NULL);
        print_error("dagrad %s\n%s", arguments, err);
        free(err);
        fail();
    }
    return cli_read("out", NULL);
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part)) {
        print_error("'%s' is not in\n%s", part, text);
        fail();
    }
}

static dg_array array_of(const char *path)
{
    dg_array a;
    dg_diag why = {.code = DG_OK};
    if (dg_data_read(path, &a, &why) != DG_OK)
        fail_msg("%s: %s", path, why.text);
    return a;
}

/* ---- eval ------------------------------------------------------------------------------------ */

static json_t *eval_json(const char *arguments)
{
    char *text = output(arguments);
    json_error_t error;
    json_t *j = json_loads(text, 0, &error);
    if (!j)
        fail_msg("%s: %s", error.text, text);
    free(text);
    return j;
}

static double real_of(json_t *j, const char *key)
{
    return json_number_value(json_object_get(j, key));
}

/* The figures of train's last line, and the worst rows in falling order. */
static void eval_tells_what_train_told(void **state)
{
    (void)state;
    int code = cli_run("train net.dag --out again --threads 1 --json --quiet");
    assert_int_equal(code, 0);
    char *text = cli_read("out", NULL);
    json_t *trained = json_loads(text, 0, NULL);
    json_t *e = eval_json("eval run --json --worst 5 --threads 1");
    assert_string_equal(json_string_value(json_object_get(e, "weights")),
                        json_string_value(json_object_get(trained, "weights")));
    assert_true(json_equal(json_object_get(e, "metrics"), json_object_get(trained, "metrics")));
    assert_int_equal(json_integer_value(json_object_get(e, "rows")), 359);
    json_t *worst = json_object_get(e, "worst");
    assert_int_equal(json_array_size(worst), 5);
    for (size_t i = 1; i < 5; i++)
        assert_true(real_of(json_array_get(worst, i - 1), "loss") >=
                    real_of(json_array_get(worst, i), "loss"));
    assert_true(real_of(json_array_get(worst, 0), "loss") > real_of(e, "loss"));
    json_decref(trained);
    json_decref(e);
    free(text);
}

/* The worst rows are named by their place in the file: its label is the one that is told. */
static void worst_rows_are_those_of_the_file(void **state)
{
    (void)state;
    dg_array label;
    assert_int_equal(dg_digits_read("label", &label, NULL), DG_OK);
    json_t *e = eval_json("eval run --json --worst 20 --part train --threads 1"), *row;
    size_t i;
    json_array_foreach(json_object_get(e, "worst"), i, row)
    {
        json_int_t at = json_integer_value(json_object_get(row, "row"));
        json_t *told = json_object_get(json_object_get(row, "target"), "label");
        assert_int_equal(json_integer_value(json_array_get(told, 0)), ((uint8_t *)label.data)[at]);
    }
    dg_array_free(&label);
    json_decref(e);
}

/* ---- predict --------------------------------------------------------------------------------- */

/* CSV, NPY and NPZ hold the same numbers. */
static void predict_writes_the_same_in_each_format(void **state)
{
    (void)state;
    free(output("predict run --out p.csv --threads 1"));
    free(output("predict run --out p.npy --threads 1"));
    free(output("predict run --out p.npz --threads 2"));
    dg_array csv = array_of("p.csv"), npy = array_of("p.npy"), npz = array_of("p.npz");
    assert_int_equal(npy.shape.rank, 2);
    assert_int_equal(npy.shape.dim[0], 359);
    assert_int_equal(npy.shape.dim[1], 10);
    assert_int_equal(npy.type, DG_F32);
    assert_int_equal(npy.bytes, npz.bytes);
    assert_memory_equal(npy.data, npz.data, npy.bytes);
    assert_int_equal(csv.shape.dim[0], 359);
    assert_int_equal(csv.shape.dim[1], 11); /* the first one numbers the rows */
    for (int64_t i = 0; i < 3590; i++)
        assert_true((float)((double *)csv.data)[i / 10 * 11 + 1 + i % 10] ==
                    ((float *)npy.data)[i]);
    dg_array_free(&csv);
    dg_array_free(&npy);
    dg_array_free(&npz);
}

/* Rows from a file go through the transforms of the model: the first pictures of the file. */
static void predict_takes_files_and_standard_input(void **state)
{
    (void)state;
    dg_array image;
    assert_int_equal(dg_digits_read("image", &image, NULL), DG_OK);
    image.shape.dim[0] = 7;
    image.bytes = 7 * 64;
    dg_writer *w = NULL;
    assert_int_equal(dg_writer_open(&w, "seven.npy", NULL), DG_OK);
    assert_int_equal(dg_writer_end(w, dg_npy_write(w, &image)), DG_OK);
    dg_array_free(&image);
    char *named = output("predict run --input image=seven.npy --top 2 --threads 1");
    char *piped = output("predict run --input image=- --top 2 --threads 1 <seven.npy");
    assert_string_equal(named, piped);
    assert_has(named, "row,logits.index.0,logits.index.1,logits.value.0,logits.value.1\n0,0,");
    /* the digits begin 0 1 2 3 4 5 6 */
    dg_array top;
    assert_int_equal(rename("out", "top.csv"), 0);
    top = array_of("top.csv");
    int right = 0;
    for (int i = 0; i < 7; i++)
        right += ((double *)top.data)[5 * i + 1] <= i && ((double *)top.data)[5 * i + 1] >= i;
    assert_true(right >= 5);
    dg_array_free(&top);
    free(named);
    free(piped);
}

/* A standardised target comes back in its own units, and nothing of the training data is needed. */
static void predict_gives_the_units_of_the_target(void **state)
{
    (void)state;
    dg_text data = dg_text_make(NULL);
    dg_text_add(&data, "a,b,c,u,v\n");
    for (int i = 0; i < 128; i++) {
        int a = i * 37 % 64, b = i * 11 % 50, c = i * 29 % 31;
        dg_text_printf(&data, "%d,%d,%d,%d,%d\n", a, b, c, 100 + a + 2 * b, 1000 * c - a);
    }
    cli_write("plane.csv", data.data, data.length);
    cli_write("plane.dag", plane, sizeof plane - 1);
    dg_text_free(&data);
    free(output("train plane.dag --out plane --threads 1 --require 'r2>=0.9999'"));
    assert_int_equal(remove("plane.csv"), 0);
    cli_write("rows.csv", "10,20,30\n1,2,3\n", 15);
    free(output("predict plane --input x=rows.csv --out y.csv"));
    dg_array y = array_of("y.csv");
    const double want[] = {0, 150, 29990, 1, 105, 2999};
    for (int i = 0; i < 6; i++)
        assert_true(((double *)y.data)[i] > want[i] - 150 && ((double *)y.data)[i] < want[i] + 150);
    assert_true(((double *)y.data)[1] > 147 && ((double *)y.data)[1] < 153);
    dg_array_free(&y);
}

/* ---- show ------------------------------------------------------------------------------------ */

static void show_tells_shapes_and_counts(void **state)
{
    (void)state;
    char *text = output("show net.dag --batch 8 --threads 1");
    assert_has(text, "z.conv                      conv                   [N, 8, 8, 4]");
    assert_has(text, "z.conv.weight         [3, 3, 1, 4]       36  he\n");
    assert_has(text, "parameters    690\n");
    assert_has(text, "training of 8 rows");
    assert_has(text, "convolution   z.conv: ");
    char *of_run = output("show run --batch 8 --threads 1");
    assert_string_equal(text, of_run);
    free(text);
    free(of_run);
}

/* `exact` of train reaches the convolutions, and one may ask for it by itself. */
static void exact_is_without_winograd(void **state)
{
    (void)state;
    static const char wide[] = "input  image[N, 14, 14, 16]\n"
                               "target label[N] int\n"
                               "a = conv(image, 16, kernel=3)\n"
                               "b = conv(a, 16, kernel=3, exact=true)\n"
                               "logits = linear(flatten(b), 10)\n"
                               "output logits\n"
                               "loss   softmax_cross_entropy(label, logits)\n";
    cli_write("wide.dag", wide, sizeof wide - 1);
    char *text = output("show wide.dag --threads 1");
    assert_has(text, "a.conv: winograd, gradients winograd and winograd");
    assert_has(text, "b.conv: direct, gradients direct and direct");
    free(text);
    text = output("show wide.dag --threads 1 --set exact=true");
    assert_has(text, "a.conv: direct, gradients direct and direct");
    free(text);
    text = output("show wide.dag --threads 1 --set precision=f64");
    assert_has(text, "a.conv: direct, gradients direct and direct");
    free(text);
    text = output("bench wide.dag --threads 1 --seconds 0.01 --batch 4");
    assert_has(text, "shares of the peak those that are done");
    free(text);
    text = output("bench wide.dag --threads 1 --seconds 0.01 --batch 4 --set exact=true");
    assert_null(strstr(text, "winograd"));
    free(text);
}

static void show_prints_each_pass(void **state)
{
    (void)state;
    const char *pass[] = {"order", "needs", "lower", "fuse", "save", "plan"};
    char command[128];
    for (int i = 0; i < 6; i++) {
        dg_format(command, sizeof command, "show net.dag --after %s --threads 1", pass[i]);
        char *text = output(command);
        assert_has(text, "z.maxpool");
        free(text);
    }
}

static int count(const char *text, const char *part)
{
    int n = 0;
    for (const char *p = text; (p = strstr(p, part)); p++)
        n++;
    return n;
}

/* 2 ports and 6 nodes, whose 7 edges do not count parameters. */
static void show_draws_boxes_and_edges(void **state)
{
    (void)state;
    free(output("show net.dag --dot g.dot --svg g.svg"));
    char *dot = cli_read("g.dot", NULL), *svg = cli_read("g.svg", NULL);
    assert_int_equal(count(dot, "label="), 8);
    assert_int_equal(count(dot, "->"), 7);
    assert_has(dot, "peripheries=2, label=\"logits.linear\\nlinear\\n[N, 10]\"");
    assert_int_equal(count(svg, "rx="), 8);
    assert_has(svg, ">[N, 8, 8, 4]</text>");
    char *again = output("show net.dag --svg -");
    assert_string_equal(svg, again);
    free(again);
    free(dot);
    free(svg);
}

/* ---- bench, nodes, convert ------------------------------------------------------------------- */

static void bench_adds_up(void **state)
{
    (void)state;
    json_t *j = eval_json("bench net.dag --seconds 0.2 --threads 1 --json");
    json_t *nodes = json_object_get(j, "nodes"), *node;
    double seconds = 0, flops = 0;
    size_t i;
    json_array_foreach(nodes, i, node)
    {
        const char *phase[] = {"forward", "errors", "gradients"};
        for (int k = 0; k < 3; k++) {
            seconds += real_of(json_object_get(node, phase[k]), "seconds");
            flops += real_of(json_object_get(node, phase[k]), "flops");
        }
    }
    assert_int_equal(json_array_size(nodes), 6);
    assert_true(flops >= real_of(j, "flops") * 0.999 && flops <= real_of(j, "flops") * 1.001);
    assert_true(seconds > 0 && seconds < real_of(j, "mean") * 1.5);
    assert_true(real_of(j, "least") <= real_of(j, "median"));
    assert_true(flops / real_of(j, "least") < real_of(j, "peak"));
    json_decref(j);
    char *text = output("bench net.dag --seconds 0.1 --threads 1");
    assert_has(text, "loss.softmax_cross_entropy");
    assert_has(text, "of the peak of 1 thread\n");
    free(text);
}

/* Losses that take distributions, probabilities and weights get such, without any data. */
static void bench_draws_what_losses_take(void **state)
{
    (void)state;
    static const char losses[] = "input x[N, 5]\n"
                                 "input w[N]\n"
                                 "target p[N, 4]\n"
                                 "target q[N, 3, 4]\n"
                                 "target b[N, 2]\n"
                                 "target c[N, 2]\n"
                                 "z = linear(x, 4)\n"
                                 "y = linear(x, 12) | reshape(shape=[-1, 3, 4])\n"
                                 "output z\n"
                                 "loss softmax_cross_entropy(p, z, weight=w), cross_entropy(q, "
                                 "softmax(y)), binary_cross_entropy(b, sigmoid(linear(x, 2))), "
                                 "sigmoid_cross_entropy(c, linear(x, 2))\n"
                                 "train { steps = 1 }\n";
    cli_write("losses.dag", losses, sizeof losses - 1);
    free(output("bench losses.dag --seconds 0.05 --threads 1"));
    free(output("check losses.dag"));
}

/* What fails before its first step leaves nothing behind, but a folder with anything else in it. */
static void a_run_that_cannot_start_is_gone(void **state)
{
    (void)state;
    static const char labels[] = "input x[N, 2]\n"
                                 "target y[N] int\n"
                                 "z = linear(x, 3)\n"
                                 "output z\n"
                                 "loss softmax_cross_entropy(y, z)\n"
                                 "data train { x = csv(\"lx.csv\"); y = csv(\"ly.csv\") }\n"
                                 "train { epochs = 1 }\n";
    struct stat s;
    cli_write("labels.dag", labels, sizeof labels - 1);
    cli_write("lx.csv", "1,2\n3,4\n", 8);
    cli_write("ly.csv", "0\n7\n", 4);
    assert_int_equal(cli_run("train labels.dag --out stuck --quiet"), 3);
    assert_int_equal(stat("stuck", &s), -1);
    assert_int_equal(mkdir("stuck", 0777), 0); /* another's, empty: taken, and left as it was */
    assert_int_equal(cli_run("train labels.dag --out stuck --quiet"), 3);
    assert_int_equal(rmdir("stuck"), 0);
    cli_write("ly.csv", "0\n2\n", 4);
    assert_int_equal(cli_run("train labels.dag --out stuck --quiet"), 0);
    assert_int_equal(stat("stuck/last.safetensors", &s), 0);
    cli_write("ly.csv", "0\n7\n", 4);
    assert_true(cli_run("train labels.dag --resume stuck --epochs 2 --quiet") != 0);
    assert_int_equal(stat("stuck/last.safetensors", &s), 0);
}

static void nodes_has_a_page_for_all_it_lists(void **state)
{
    (void)state;
    char *list = output("nodes"), command[256];
    int pages = 0;
    for (char *line = strtok(list, "\n"); line; line = strtok(NULL, "\n")) {
        if (strncmp(line, "  ", 2) != 0)
            continue;
        dg_format(command, sizeof command, "nodes %.*s", (int)strcspn(line + 2, " "), line + 2);
        char *page = output(command);
        assert_true(strlen(page) > 20);
        free(page);
        pages++;
    }
    assert_true(pages > 60);
    free(list);
    char *conv = output("nodes conv");
    assert_has(conv, "conv(x, channels, kernel, stride=1, padding=same, dilation=1, groups=1");
    assert_has(conv, "must be given");
    assert_has(conv, "ONNX                  Conv\n");
    free(conv);
    char *both = output("nodes mse");
    assert_has(both, "mse: a node\n");
    assert_has(both, "mse: a metric\n");
    free(both);
}

/* There and back: the weights are the same, so is what they say. */
static void convert_goes_there_and_back(void **state)
{
    (void)state;
    free(output("convert run/last.safetensors w.npz"));
    free(output("convert w.npz w.safetensors"));
    char *was = output("eval run --threads 1");
    char *is = output("eval run --weights w.safetensors --threads 1");
    char *which = strstr(was, " (last)  step 180");
    assert_non_null(which); /* of a run; a file does not say */
    memmove(which, strchr(which, '\n'), strlen(strchr(which, '\n')) + 1);
    assert_string_equal(was, is);
    cli_write("t.csv", "1,2.5\n-3,0.1\n", 13);
    free(output("convert t.csv t.npy"));
    free(output("convert t.npy t.npz"));
    free(output("convert t.npz u.safetensors"));
    char *back = output("convert u.safetensors -");
    assert_string_equal(back, "1,2.5\n-3,0.1\n");
    free(back);
    static const char table[] = "made in 1987\na;b;c\n1,5;x;3 # y\n2,5;z;4\n";
    cli_write("o.csv", table, sizeof table - 1);
    static const char how[] = "--skip 1 --separator ';' --decimal , --comment '#'";
    char line[200];
    snprintf(line, sizeof line, "convert o.csv - %s --except b", how);
    back = output(line);
    assert_string_equal(back, "1.5,3\n2.5,4\n");
    free(back);
    snprintf(line, sizeof line, "convert o.csv - %s --column c", how);
    back = output(line);
    assert_string_equal(back, "3\n4\n");
    free(back);
    assert_int_equal(cli_run("convert o.csv - --separator ::"), 2);
    assert_int_equal(cli_run("convert o.csv - --decimal ."), 3);
    assert_int_equal(cli_run("convert t.npy - --skip 1"), 2);
    assert_int_equal(cli_run("convert w.npz u.npz --skip 1"), 2);
    free(was);
    free(is);
}

static void every_command_has_help(void **state)
{
    (void)state;
    const char *name[] = {"train", "eval", "predict", "show", "bench", "nodes", "convert"};
    char command[64];
    for (int i = 0; i < 7; i++) {
        dg_format(command, sizeof command, "%s --help", name[i]);
        char *text = output(command);
        assert_has(text, "--help");
        free(text);
    }
    free(output("--version"));
    assert_int_equal(cli_run(""), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eval_tells_what_train_told),
        cmocka_unit_test(worst_rows_are_those_of_the_file),
        cmocka_unit_test(predict_writes_the_same_in_each_format),
        cmocka_unit_test(predict_takes_files_and_standard_input),
        cmocka_unit_test(predict_gives_the_units_of_the_target),
        cmocka_unit_test(show_tells_shapes_and_counts),
        cmocka_unit_test(exact_is_without_winograd),
        cmocka_unit_test(show_prints_each_pass),
        cmocka_unit_test(show_draws_boxes_and_edges),
        cmocka_unit_test(bench_adds_up),
        cmocka_unit_test(bench_draws_what_losses_take),
        cmocka_unit_test(a_run_that_cannot_start_is_gone),
        cmocka_unit_test(nodes_has_a_page_for_all_it_lists),
        cmocka_unit_test(convert_goes_there_and_back),
        cmocka_unit_test(every_command_has_help),
    };
    return cmocka_run_group_tests(tests, set_up, cli_tear_down);
}
