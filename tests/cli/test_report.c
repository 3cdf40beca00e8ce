/* dagrad report and what eval tells of mistakes: whole pages that name what was trained, escaped
 * names, a page of several runs, a page without data, and failures that lose nothing. */
#include "cli/cli_tools.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

/* Estimates are what the table says, so what is taken for what is known: w stays 1. */
static const char classes[] =
    "input z[N, 3]\ntarget kind[N] int\nparameter w[1] = fill(1)\ny = z * w\noutput y\n"
    "loss softmax_cross_entropy(kind, y)\nmetric accuracy(kind, y), f1(kind, y)\n"
    "data train { z = csv(\"t.csv\", columns=[\"a\", \"b\", \"c\"])\n"
    "kind = csv(\"t.csv\", columns=[\"kind\"]) | classes }\n"
    "train { optimizer = gd(rate=1e-30); epochs = 2 }\n";
static const char table[] = "a,b,c,kind\n0,9,0,auk\n0,9,0,auk\n9,0,0,auk\n9,0,0,<b>\n0,0,9,<b>\n"
                            "0,0,9,wren & co\n";

static const char numbers[] =
    "input z[N, 1]\ntarget t[N, 1]\nparameter w[1] = fill(1)\ny = z * w\noutput y\n"
    "loss mse(t, y)\nmetric mae(t, y)\ndata train { z = csv(\"n.csv\", columns=[\"a\"])\n"
    "t = csv(\"n.csv\", columns=[\"t\"]) }\ntrain { optimizer = gd(rate=1e-30); epochs = 2 }\n";

static const char yes_or_no[] =
    "input z[N, 1]\ntarget t[N, 1]\nparameter w[1] = fill(1)\ny = z * w\noutput y\n"
    "loss sigmoid_cross_entropy(t, y)\ndata train { z = csv(\"s.csv\", columns=[\"a\"])\n"
    "t = csv(\"s.csv\", columns=[\"t\"]) }\ntrain { optimizer = gd(rate=1e-30); epochs = 1 }\n";

static int enter(void **state)
{
    (void)state;
    cli_enter();
    cli_write_text("c.dag", classes);
    cli_write_text("t.csv", table);
    cli_write_text("n.dag", numbers);
    cli_write_text("n.csv", "a,t\n1,1\n2,3\n5,1\n");
    cli_write_text("s.dag", yes_or_no);
    cli_write_text("s.csv", "a,t\n1,1\n2,1\n-3,1\n4,0\n-5,0\n");
    return cli_run("train c.dag --out c --quiet") || cli_run("train n.dag --out n --quiet") ||
           cli_run("train s.dag --out s --quiet");
}

/* The text of a file, which must be there. */
static char *text_of(const char *name)
{
    char *text = cli_read(name, NULL);
    assert_non_null(text);
    return text;
}

static void expect_in(const char *name, const char *what)
{
    char *text = text_of(name);
    if (!strstr(text, what))
        fail_msg("%s lacks '%s':\n%.3000s", name, what, text);
    free(text);
}

static void expect_not_in(const char *name, const char *what)
{
    char *text = text_of(name);
    if (strstr(text, what))
        fail_msg("%s has '%s'", name, what);
    free(text);
}

/* Each opened element is closed, in the right order; void ones and SVG's own ends are known. */
static void expect_whole(const char *name)
{
    char *text = text_of(name), *at = text, open[64][16], word[20];
    int depth = 0;
    assert_ptr_equal(strstr(text, "<!DOCTYPE html>"), text);
    while ((at = strchr(at, '<'))) {
        char tag[16] = "";
        int closes = at[1] == '/';
        sscanf(at + 1 + closes, "%15[a-z0-9]", tag);
        char *end = strchr(at, '>');
        assert_non_null(end);
        snprintf(word, sizeof word, " %s ", tag);
        int is_void = !*tag || strstr(" meta link img br ", word) || end[-1] == '/';
        if (closes && (depth == 0 || strcmp(open[--depth], tag) != 0))
            fail_msg("%s: </%s> closes <%s>", name, tag, open[depth]);
        if (!closes && !is_void && depth < 64)
            strcpy(open[depth++], tag);
        at = end;
    }
    assert_int_equal(depth, 0);
    expect_not_in(name, "<script");
    expect_not_in(name, "src=\"http");
    expect_not_in(name, "href=\"http");
    expect_not_in(name, ">nan");
    free(text);
}

static void a_training_writes_a_page(void **state)
{
    (void)state;
    expect_whole("c/report.html");
    expect_in("c/report.html", "training accuracy");
    expect_in("c/report.html", "0.6667"); /* 4 of 6 */
    expect_in("c/report.html", "&lt;b&gt;");
    expect_in("c/report.html", "wren &amp; co");
    expect_not_in("c/report.html", "<b>wren");
    expect_in("c/report.html", "<svg");
    expect_whole("n/report.html");
    expect_in("n/report.html", "Residuals");
    expect_whole("s/report.html");
    expect_in("s/report.html", "right noes");
}

static void no_page_is_written_on_demand(void **state)
{
    struct stat s;
    (void)state;
    assert_int_equal(cli_run("train c.dag --out bare --quiet --no-report"), 0);
    assert_int_not_equal(stat("bare/report.html", &s), 0);
    assert_int_equal(cli_run("report bare"), 0);
    expect_in("out", "bare/report.html");
    expect_whole("bare/report.html");
}

/* Precision and recall, read off the table above: auk 2/2 and 2/3, <b> 1/2 and 1/2. */
static void eval_tells_what_is_taken_for_what(void **state)
{
    (void)state;
    assert_int_equal(cli_run("eval c"), 0);
    expect_in("out", "kind against y: a line a target, a column an estimate");
    expect_in("out", "      auk  ");
    expect_in("out", "1.0000  0.6667");
    expect_in("out", "0.5000  0.5000");
    assert_int_equal(cli_run("eval c --json"), 0);
    expect_in("out", "\"mistakes\":[");
    expect_in("out", "\"matrix\":[[1,0,1],[1,2,0],[0,0,1]]");
    assert_int_equal(cli_run("eval s"), 0);
    expect_in("out", "      2           1        1           1     0.6667  0.6667");
    assert_int_equal(cli_run("eval s --json"), 0);
    expect_in("out", "{\"hits\":2,\"false_hits\":1,\"misses\":1,\"right_noes\":1}");
    assert_int_equal(cli_run("eval n"), 0);
    expect_not_in("out", "against");
}

static void several_runs_are_compared(void **state)
{
    (void)state;
    assert_int_equal(cli_run("train c.dag --out d --quiet --seed 7 --epochs 3"), 0);
    assert_int_equal(cli_run("report c d --out both.html"), 0);
    expect_whole("both.html");
    expect_in("both.html", "<h1>2 runs</h1>");
    expect_in("both.html", "<th class=\"n\">steps</th><th class=\"n\">seed</th>");
    expect_in("both.html", "d</td><td class=\"n\">3</td><td class=\"n\">7</td>");
    expect_not_in("both.html", "optimizer");
    assert_int_equal(cli_run("train c.dag --out g --quiet --set optimizer.rate=1e-29"), 0);
    assert_int_equal(cli_run("report c g --out - "), 0);
    expect_in("out", "<th class=\"n\">optimizer.rate</th>");
    expect_in("out", "g</td><td class=\"n\">1e-29</td>");
    assert_int_equal(cli_run("eval c d"), 0);
    expect_in("out", "accuracy");
    expect_in("out", "c    train  last        2");
    assert_int_equal(cli_run("eval c d --json"), 0);
    expect_in("out", "\"run\":\"d\"");
    assert_int_equal(cli_run("eval c d --worst 2"), 2);
}

/* Where the data have gone, what was logged is still shown, and the page says what is missing. */
static void a_page_is_made_without_data(void **state)
{
    (void)state;
    assert_int_equal(cli_run("train n.dag --out gone --quiet --no-report"), 0);
    assert_int_equal(rename("n.csv", "away.csv"), 0);
    assert_int_equal(cli_run("report gone"), 0);
    assert_int_equal(rename("away.csv", "n.csv"), 0);
    expect_whole("gone/report.html");
    expect_in("gone/report.html", "are missing:");
    expect_in("gone/report.html", "n.csv");
    expect_in("gone/report.html", "Curves");
}

/* The page can not be written: a warning, the same weights, exit 0. */
static void a_failure_is_a_warning(void **state)
{
    (void)state;
    assert_int_equal(cli_run("train c.dag --out e --quiet --no-report"), 0);
    char *without = text_of("out");
    assert_int_equal(cli_run("train c.dag --out f --quiet"), 0);
    char *with = text_of("out");
    assert_string_equal(with, without);
    assert_int_equal(unlink("f/report.html"), 0);
    assert_int_equal(mkdir("f/report.html", 0777), 0);
    assert_int_equal(cli_run("train --resume f --epochs 3 --quiet"), 0);
    expect_in("err", "warning: report.html was not written");
    assert_int_equal(cli_run("report f"), 1);
    free(with);
    free(without);
}

static void what_is_no_run_is_told(void **state)
{
    (void)state;
    assert_int_equal(cli_run("report"), 2);
    expect_in("err", "a run is missing");
    assert_int_equal(cli_run("report c nothing"), 2);
    expect_in("err", "there is no run 'nothing'");
    assert_int_equal(cli_run("report c --out - "), 0);
    expect_whole("out");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_training_writes_a_page),
        cmocka_unit_test(no_page_is_written_on_demand),
        cmocka_unit_test(eval_tells_what_is_taken_for_what),
        cmocka_unit_test(several_runs_are_compared),
        cmocka_unit_test(a_page_is_made_without_data),
        cmocka_unit_test(a_failure_is_a_warning),
        cmocka_unit_test(what_is_no_run_is_told),
    };
    return cmocka_run_group_tests(tests, enter, cli_tear_down);
}
