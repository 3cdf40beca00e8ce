/* What people stumbled over: hints, ranges, warnings, help. */
#include "cli/cli_tools.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const char model[] = "input x[N, 2]\n"
                            "target t[N, 1]\n"
                            "y = linear(x, 1)\n"
                            "output y\n"
                            "loss mse(t, y)\n"
                            "data train { x = csv(\"d.csv\", columns=[\"p\", \"q\"])%s\n"
                            "             t = csv(\"d.csv\", columns=[\"t\"]) }\n"
                            "train { steps = 4; optimizer = sgd(0.01); schedule = "
                            "cosine(warmup=0) }\n";

static void write_model(const char *name, const char *pipe)
{
    char text[1024];
    int n = snprintf(text, sizeof text, model, pipe);
    cli_write(name, text, (size_t)n);
}

static int set_up(void **state)
{
    static const char data[] = "p,q,t\n1,-1,3\n1,2,70\n",
                      large[] = "p,q,t\n1,1e308,0\n2,-1e308,1\n";
    (void)state;
    if (!cli_enter())
        return 1;
    write_model("m.dag", "");
    cli_write("d.csv", data, sizeof data - 1);
    cli_write("large.csv", large, sizeof large - 1);
    return 0;
}

static void a_part_of_a_key_is_hinted_at(void **state)
{
    (void)state;
    cli_expect("show m.dag --set rate=1e-3", 2, "err", "did you mean 'optimizer.rate'?");
    cli_expect("show m.dag --set warmup=3", 2, "err", "did you mean 'schedule.warmup'?");
    cli_expect("show m.dag --set bach=3", 2, "err", "did you mean 'batch'?");
}

static void ranges_are_the_same_everywhere(void **state)
{
    (void)state;
    static const char *const optimizers[] = {"gd", "sgd", "adam", "adamw", "rmsprop"};
    for (size_t i = 0; i < sizeof optimizers / sizeof *optimizers; i++) {
        char line[128];
        snprintf(line, sizeof line, "nodes %s", optimizers[i]);
        cli_expect(line, 0, "out", "a number, 1e-30 to 1000000");
        snprintf(line, sizeof line, "show m.dag --set 'optimizer=%s(0)'", optimizers[i]);
        cli_expect(line, 2, "err", "is 0, it takes 1e-30 to 1000000");
    }
}

static void a_warmup_that_never_ends_is_told(void **state)
{
    (void)state;
    cli_expect("train m.dag --out w --set schedule.warmup=4", 0, "err",
               "warmup is 4, the run has 4 steps");
    assert_int_equal(cli_run("train m.dag --out v --set schedule.warmup=3"), 0);
    char *err = cli_read("err", NULL);
    assert_null(strstr(err, "warmup"));
    free(err);
}

static void help_of_a_command(void **state)
{
    (void)state;
    assert_int_equal(cli_run("train --help"), 0);
    char *page = cli_read("out", NULL);
    assert_int_equal(cli_run("help train"), 0);
    char *same = cli_read("out", NULL);
    assert_string_equal(page, same);
    free(page);
    free(same);
    cli_expect("help", 0, "out", "dagrad train");
    cli_expect("help trian", 2, "err", "did you mean 'train'?");
}

static void a_batch_has_rows(void **state)
{
    (void)state;
    static const char *const commands[] = {"grad", "show", "check", "bench", "train"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        char line[64];
        snprintf(line, sizeof line, "%s m.dag --batch 0", commands[i]);
        cli_expect(line, 2, "err", "takes 1");
    }
}

static void where_a_parameter_comes_from(void **state)
{
    (void)state;
    static const char loaded[] = "input x[N, 2]\n"
                                 "parameter W[2, 2] = csv(\"w.csv\")\n"
                                 "y = linear(x, 2, weight=W)\n"
                                 "output y\n";
    cli_write("w.csv", "1,2\n3,4\n", 8);
    cli_write("loaded.dag", loaded, sizeof loaded - 1);
    cli_expect("show loaded.dag", 0, "out", "csv(\"w.csv\")");
}

static void standardize_names_the_column(void **state)
{
    (void)state;
    char text[1024];
    int n = snprintf(text, sizeof text, model, " | standardize");
    char *data = strstr(text, "d.csv");
    memmove(data + 9, data + 5, strlen(data + 5) + 1);
    memcpy(data, "large.csv", 9);
    data = strstr(data + 9, "d.csv");
    memmove(data + 9, data + 5, strlen(data + 5) + 1);
    memcpy(data, "large.csv", 9);
    cli_write("large.dag", text, (size_t)n + 8);
    cli_expect("train large.dag --out l", 3, "err",
               "standardize of 'x': mean or deviation of its column 'q' is too large");
}

/* "0.00853553391": nine digits, at most as many zeros before them as the C library writes. */
static void metrics_have_nine_digits(void **state)
{
    (void)state;
    assert_int_equal(cli_run("train m.dag --out digits --quiet"), 0);
    char *lines = cli_read("digits/metrics.jsonl", NULL);
    for (const char *at = lines; *at; at++) {
        size_t n = strspn(at, "0123456789.");
        if (n > 15 && memchr(at, '.', n))
            fail_msg("%.*s", (int)n, at);
        at += n ? n - 1 : 0;
    }
    free(lines);
}

static void weights_of_another_run_are_told(void **state)
{
    (void)state;
    assert_int_equal(cli_run("train m.dag --out one --quiet"), 0);
    assert_int_equal(cli_run("train m.dag --out two --quiet --seed 2"), 0);
    cli_expect("eval two --weights one/last.safetensors", 0, "err",
               "one/last.safetensors holds the weights of another run (");
    static const char *const own[] = {"eval two --weights two/last.safetensors",
                                      "eval two --weights last", "eval two"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        assert_int_equal(cli_run(own[i]), 0);
        char *err = cli_read("err", NULL);
        assert_null(strstr(err, "another run"));
        free(err);
    }
}

/* Of the three results of an lstm one is read: the others have error vector 0 by rule, which is not
 * one that vanished, and so is what leads to an output alone. */
static void results_that_nobody_reads_do_not_vanish(void **state)
{
    (void)state;
    static const char text[] = "input x[N, 2]\n"
                               "target t[N, 1]\n"
                               "all, h, c = reshape(x, [N, 2, 1]) | lstm(3)\n"
                               "y = flatten(h) | linear(1)\n"
                               "look = c * 2\n"
                               "output y, look\n"
                               "loss mse(t, y)\n"
                               "data train { x = csv(\"d.csv\", columns=[\"p\", \"q\"])\n"
                               "             t = csv(\"d.csv\", columns=[\"t\"]) }\n"
                               "train { steps = 4; optimizer = sgd(0.01) }\n";
    cli_write_text("lstm.dag", text);
    assert_int_equal(cli_run("train lstm.dag --out states --quiet"), 0);
    cli_expect("show states --gradients", 0, "out", "no error vector is below 1e-6");
    char *report = cli_read("states/report.html", NULL);
    assert_null(strstr(report, "the error vector vanishes"));
    free(report);
}

/* A text that cannot be read is what is told, not that the size it would have given is missing. */
static void a_size_of_data(void **state)
{
    (void)state;
    cli_write_text("free.dag", "input text[N, T] int\n"
                               "target next[N, T] int\n"
                               "logits = embedding(text, 9, 4) | linear(9)\n"
                               "output logits\n"
                               "loss softmax_cross_entropy(next, logits)\n"
                               "data train { text, next = chars(\"latin1.txt\", length=4) }\n"
                               "train { optimizer = sgd(0.1); batch = 2 }\n");
    cli_write_text("latin1.txt", "gr\xf6\xdf"
                                 "er als das");
    assert_int_equal(cli_run("train free.dag --out free --quiet"), 3);
    char *err = cli_read("err", NULL);
    assert_non_null(strstr(err, "iconv -f LATIN1 -t UTF-8"));
    assert_null(strstr(err, "is not known"));
    free(err);
}

/* One table for all inputs, and a remark about it said once. */
static void predict_takes_one_file_for_all_inputs(void **state)
{
    (void)state;
    static const char text[] = "input x[N, 1]\n"
                               "input z[N, 1]\n"
                               "target t[N, 1]\n"
                               "y = concat(x, z) | linear(1)\n"
                               "output y\n"
                               "loss mse(t, y)\n"
                               "data train { x = csv(\"s.csv\", columns=[\"p\"])\n"
                               "             z = csv(\"s.csv\", columns=[\"q\"])\n"
                               "             t = csv(\"s.csv\", columns=[\"t\"]) }\n"
                               "train { steps = 4; optimizer = sgd(0.01) }\n";
    cli_write_text("both.dag", text);
    cli_write_text("s.csv", "p;q;t\n1;-1;3\n1;2;7\n");
    assert_int_equal(cli_run("train both.dag --out both --quiet"), 0);
    char *err = cli_read("err", NULL), *again = strstr(err, "fields are separated by");
    assert_non_null(again);
    assert_null(strstr(again + 1, "fields are separated by"));
    assert_int_equal(cli_run("predict both --input x=s.csv --input z=s.csv --with q"), 0);
    char *named = cli_read("out", NULL);
    assert_int_equal(cli_run("predict both --input s.csv --with q"), 0);
    char *alone = cli_read("out", NULL);
    assert_string_equal(named, alone);
    cli_expect("predict both --input - <s.csv", 2, "err", "standard input is read for one input");
    cli_expect("predict both --input x", 2, "err", "it takes NAME=FILE");
    free(err);
    free(named);
    free(alone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_of_a_key_is_hinted_at),
        cmocka_unit_test(ranges_are_the_same_everywhere),
        cmocka_unit_test(a_warmup_that_never_ends_is_told),
        cmocka_unit_test(help_of_a_command),
        cmocka_unit_test(a_batch_has_rows),
        cmocka_unit_test(where_a_parameter_comes_from),
        cmocka_unit_test(standardize_names_the_column),
        cmocka_unit_test(metrics_have_nine_digits),
        cmocka_unit_test(weights_of_another_run_are_told),
        cmocka_unit_test(results_that_nobody_reads_do_not_vanish),
        cmocka_unit_test(a_size_of_data),
        cmocka_unit_test(predict_takes_one_file_for_all_inputs),
    };
    return cmocka_run_group_tests(tests, set_up, cli_tear_down);
}
