/* Words and gaps end to end: trained, evaluated, predicted in the words of the table. */
#include "cli/cli_tools.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const char model[] =
    "let numbers = [\"length\", \"depth\"]\n"
    "input m[N, 2]\n"
    "input place[N, 4]\n"
    "target kind[N] int\n"
    "logits = concat(m, place) | linear(3)\n"
    "output logits\n"
    "loss softmax_cross_entropy(kind, logits)\n"
    "metric accuracy(kind, logits)\n"
    "data train {\n"
    "    m = csv(\"t.csv\", columns=numbers) | fill(median) | standardize\n"
    "    place = csv(\"t.csv\", columns=[\"place\"]) | fill(\"nowhere\") | onehot\n"
    "    kind = csv(\"t.csv\", columns=[\"kind\"]) | drop | classes\n"
    "}\n"
    "train { optimizer = adam(rate=0.1); batch = 16; epochs = 40 }\n";

/* Three kinds by length and depth, in three places; some gaps. */
static void write_table(void)
{
    static const char *const kinds[] = {"wren", "auk", "\"stork, white\""};
    static const char *const places[] = {"bay", "cape", "", "fen"};
    char text[8192];
    int n = snprintf(text, sizeof text, "place;length;kind;depth\n");
    for (int i = 0; i < 120; i++) {
        int k = i % 3;
        n += snprintf(text + n, sizeof text - (size_t)n, "%s;", places[(i * 7 + k) % 4]);
        if (i % 11 == 5)
            n += snprintf(text + n, sizeof text - (size_t)n, "NA;");
        else
            n += snprintf(text + n, sizeof text - (size_t)n, "%d.%d;", 10 + 5 * k, i % 7);
        n += snprintf(text + n, sizeof text - (size_t)n, "%s;%d.%d\n", i == 50 ? "" : kinds[k],
                      30 - 8 * k, i % 5);
    }
    cli_write("t.csv", text, (size_t)n);
}

static int trained(void **state)
{
    (void)state;
    cli_enter();
    write_table();
    cli_write("m.dag", model, sizeof model - 1);
    return cli_run("train m.dag --out run --quiet");
}

static void says(const char *file, const char *part)
{
    char *text = cli_read(file, NULL);
    if (!text || !strstr(text, part))
        fail_msg("'%s' is not in:\n%s", part, text ? text : "nothing");
    free(text);
}

static void test_remarks(void **state)
{
    (void)state;
    assert_int_equal(cli_run("train m.dag --out other --epochs 1"), 0);
    says("err", "t.csv: fields are separated by ';'");
    says("err", "1 row with gaps is left out");
}

/* The table that it was trained on, its columns in another order: the same predictions, in words,
 * and as many of them right as eval says. */
static void test_predict(void **state)
{
    (void)state;
    char *first, *again;
    static const char inputs[] = "--input m=%s --input place=%s --out %s";
    char command[300];
    snprintf(command, sizeof command, inputs, "t.csv", "t.csv", "a.csv");
    char line[400];
    snprintf(line, sizeof line, "predict run %s", command);
    assert_int_equal(cli_run(line), 0);
    assert_int_equal(
        system("awk -F';' -v OFS=';' '{print $4,$3,$2,$1}' t.csv | sed 's/\"stork, white\"/x/' > "
               "r.csv"),
        0);
    snprintf(command, sizeof command, inputs, "r.csv", "r.csv", "b.csv");
    snprintf(line, sizeof line, "predict run %s", command);
    assert_int_equal(cli_run(line), 0);
    first = cli_read("a.csv", NULL);
    again = cli_read("b.csv", NULL);
    assert_string_equal(first, again);
    free(first);
    free(again);
    assert_int_equal(cli_run("eval run --json"), 0);
    says("out", "\"rows\":119");
    says("out", "\"accuracy\":1.0");
}

static void test_names(void **state)
{
    (void)state;
    assert_int_equal(cli_run("predict run --input m=t.csv --input place=t.csv --out a.csv"), 0);
    says("a.csv", "row,logits.auk,\"logits.stork, white\",logits.wren\n");
    assert_int_equal(cli_run("predict run --input m=t.csv --input place=t.csv --top 1"), 0);
    says("out", "row,logits.class,logits.value\n0,wren,");
    assert_int_equal(cli_run("eval run --worst 2"), 0);
    says("out", "kind");
    says("out", "wren");
}

static void test_unknown(void **state)
{
    (void)state;
    static const char moon[] = "length,depth,place\n10,30,moon\n";
    static const char short_of[] = "length,place\n10,bay\n";
    cli_write("moon.csv", moon, sizeof moon - 1);
    cli_write("short.csv", short_of, sizeof short_of - 1);
    assert_int_equal(cli_run("predict run --input m=moon.csv --input place=moon.csv"), 3);
    says("err", "row 0: 'moon' is none of the words of the training data: bay, cape, fen, nowhere");
    assert_int_equal(cli_run("predict run --input m=short.csv --input place=short.csv"), 3);
    says("err", "no column 'depth'; there is: length, place");
}

/* A text through characters of its own, which the model keeps. */
static void test_text(void **state)
{
    (void)state;
    static const char text[] = "abcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabc",
                      dag[] = "input text[N, 4, 3]\ntarget next[N, 4] int\n"
                              "logits = linear(text, 3)\noutput logits\n"
                              "loss softmax_cross_entropy(next, logits)\n"
                              "metric accuracy(next, logits)\n"
                              "data train {\n text, next = chars(\"t.txt\", length=4)\n"
                              " text | onehot(3)\n}\n"
                              "train { optimizer = adam(rate=0.3); batch = 4; epochs = 30 }\n";
    cli_write("t.txt", text, sizeof text - 1);
    cli_write("c.dag", dag, sizeof dag - 1);
    assert_int_equal(cli_run("train c.dag --out chars --quiet"), 0);
    assert_int_equal(cli_run("eval chars --json"), 0);
    says("out", "\"accuracy\":1.0");   /* the letter after the next one: text itself would give 0 */
    cli_write("u.txt", "bbbbcccc", 8); /* without an a its own ids would be others */
    assert_int_equal(cli_run("predict chars --input text=u.txt --top 1 --out u.npz"), 0);
    cli_write("v.txt", "abcx", 4);
    assert_int_equal(cli_run("predict chars --input text=v.txt"), 3);
    says("err", "'x' (U+0078) is not in the vocabulary");
}

/* Each in a line of its own they would be the same text: the identity is learnt of that. A network
 * that is to copy has its input as target. */
static void test_copies(void **state)
{
    (void)state;
    static const char *const said[] = {
        "'next' is the same as 'x', not what follows it: write x, next "
        "= chars(..)",
        "'next' is the same as 'x', not what follows it: write x, next "
        "= series(..)"};
    static const char *const source[] = {"chars(\"t.txt\", length=4)",
                                         "series(\"s.csv\", length=4, horizon=4)"};
    char dag[600];
    cli_write("t.txt", "abcabcabcabcabc", 15);
    cli_write("s.csv", "t\n1\n2\n3\n4\n5\n6\n7\n8\n9\n", 20);
    for (int k = 0; k < 2; k++) {
        snprintf(dag, sizeof dag,
                 "input x[N, 4, 1]\ntarget next[N, 4, 1]\ny = linear(x, 1)\noutput y\n"
                 "loss mse(next, y)\ndata train { x = %s; next = %s }\n"
                 "train { optimizer = gd(rate=1e-4); steps = 1 }\n",
                 source[k], source[k]);
        cli_write_text("i.dag", dag);
        assert_int_equal(cli_run("train i.dag --out copy --quiet"), 2);
        says("err", said[k]);
        snprintf(dag, sizeof dag,
                 "input x[N, 4, 1]\ny = linear(x, 1)\noutput y\nloss mse(x, y)\n"
                 "data train { x = %s }\ntrain { optimizer = gd(rate=1e-4); steps = 1 }\n",
                 source[k]);
        cli_write_text("i.dag", dag);
        assert_int_equal(cli_run(k ? "train i.dag --out series" : "train i.dag --out text"), 0);
    }
}

/* A target of dates: what is learnt comes back as a date, in the format of the table. */
static void test_dates(void **state)
{
    (void)state;
    static const char dated[] =
        "let table = \"d.csv\"\ninput day[N]\ntarget then[N]\nparameter w[1] = ones\n"
        "guess = day * w\noutput guess\nloss mae(then, guess)\n"
        "data train {\n"
        "    day = csv(table, columns=[\"day\"]) | time(\"%d.%m.%Y\") | standardize\n"
        "    then = csv(table, columns=[\"day\"]) | time(\"%d.%m.%Y\") | standardize\n"
        "}\ntrain { optimizer = gd(rate=1e-9); steps = 1 }\n";
    static const char table[] = "day\n29.02.2024\n31.12.1969\n01.01.2025\n";
    cli_write("d.dag", dated, sizeof dated - 1);
    cli_write("d.csv", table, sizeof table - 1);
    assert_int_equal(cli_run("train d.dag --out dated --quiet"), 0);
    assert_int_equal(cli_run("predict dated --out d.out.csv"), 0);
    says("d.out.csv", "row,guess\n0,29.02.2024\n1,31.12.1969\n2,01.01.2025\n");
    assert_int_equal(cli_run("predict dated --input day=d.csv --out d.out.csv"), 0);
    says("d.out.csv", "1,31.12.1969\n");
    assert_int_equal(cli_run("eval dated --worst 3"), 0);
    says("out", "29.02.2024  29.02.2024\n");
    assert_int_equal(cli_run("eval dated --worst 3 --json"), 0);
    says("out", "\"guess\":[\"29.02.2024\"]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_remarks), cmocka_unit_test(test_predict),
        cmocka_unit_test(test_names),   cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_text),    cmocka_unit_test(test_dates),
        cmocka_unit_test(test_copies),
    };
    return cmocka_run_group_tests(tests, trained, cli_tear_down);
}
