/* dagrad generate: a text that a model has learnt is continued as it goes on; the same seed gives
 * the same text at any number of threads; what cannot be continued is refused. */
#include "cli/cli_tools.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char CHARS[] = "data train { text, next = chars(\"text.txt\", length=7) }\n"
                            "train { optimizer = adam(rate=0.02); batch = 16; steps = 150 }\n";

/* By the last characters: for each place, from zero states. */
static const char RECURRENT[] = "input text[N, T] int\ntarget next[N, T] int\n"
                                "logits = embedding(text, 6, 12) | lstm(16) | linear(6)\n"
                                "output logits\n"
                                "loss softmax_cross_entropy(next, logits)\n";

/* Attention to all places, gives probabilities of the last one: it needs a whole window. */
static const char LAST[] = "input text[N, T] int\ntarget next[N, T] int\n"
                           "let causal = false\n"
                           "x = embedding(text, 6, 12) + position(text, 8, 12)\n"
                           "z = attention(x, x, x, heads=2, causal=causal) | linear(6)\n"
                           "one = slice(z, 1, -1) | flatten | softmax\n"
                           "output one\n"
                           "loss softmax_cross_entropy(next, z)\n";

/* The text is a cycle of 8 characters, 6 different ones: what follows two of them is sure. */
static void make_run(const char *name, const char *model, const char *data)
{
    char text[1800], line[200], whole[1200];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = "abacad\xc3\xa9\n"[i % 9];
    cli_write("text.txt", text, sizeof text);
    snprintf(whole, sizeof whole, "%s%s", model, data);
    snprintf(line, sizeof line, "%s.dag", name);
    cli_write_text(line, whole);
    snprintf(line, sizeof line, "train %s.dag --out %s --quiet", name, name);
    if (cli_run(line) != 0)
        fail_msg("%s", cli_read("err", NULL));
    remove("text.txt"); /* it is not needed any more */
}

/* The text that `generate` writes; free it. */
static char *generated(const char *arguments)
{
    char line[400];
    snprintf(line, sizeof line, "generate %s", arguments);
    if (cli_run(line) != 0)
        fail_msg("%s: %s", line, cli_read("err", NULL));
    return cli_read("out", NULL);
}

static void expect(const char *arguments, const char *want)
{
    char *found = generated(arguments);
    assert_string_equal(found, want);
    free(found);
}

/* The last line of the message. */
static void refuse(const char *arguments, int code, const char *text)
{
    char line[400];
    snprintf(line, sizeof line, "generate %s", arguments);
    int found = cli_run(line);
    char *err = cli_read("err", NULL), *out = cli_read("out", NULL);
    if (found != code || !strstr(err, text) || *out)
        fail_msg("%s: exit code %d: %s", line, found, err);
    free(err);
    free(out);
}

static void test_continues(void **state)
{
    (void)state;
    make_run("cycle", RECURRENT, CHARS);
    expect("cycle --prompt ca --length 11 --temperature 0", "cad\xc3\xa9\nabacad\xc3\xa9\n\n");
    expect("cycle --prompt abacad\xc3\xa9 --length 3 --temperature=0", "abacad\xc3\xa9\nab\n");
    expect("cycle --prompt ab --length 0", "ab\n");
    expect("cycle --prompt ca --length 3 --temperature 0 --window 1000", "cad\xc3\xa9\n\n");
    char *err = cli_read("err", NULL);
    assert_non_null(strstr(err, "(last)  step 150, 3 characters, "));
    free(err);
}

static void test_seeds(void **state)
{
    (void)state;
    char *one = generated("cycle --prompt a --length 300 --temperature 3 --seed 5 --threads 1");
    char *two = generated("cycle --prompt a --length 300 --temperature 3 --seed 5 --threads 2");
    char *other = generated("cycle --prompt a --length 300 --temperature 3 --seed 6");
    assert_string_equal(one, two);
    assert_string_not_equal(one, other);
    free(one);
    free(two);
    free(other);
}

/* Shares of what is drawn: with one character seen and a great temperature all are as likely. */
static void test_temperature(void **state)
{
    (void)state;
    int count[256] = {0};
    char *text = generated("cycle --prompt a --length 3000 --temperature 1e9 --window 1");
    for (char *p = text + 1; *p; p++)
        count[(unsigned char)*p]++;
    free(text);
    const char letters[] = "abcd\xc3\n";
    for (int k = 0; letters[k]; k++)
        if (abs(count[(unsigned char)letters[k]] - 500) > 100)
            fail_msg("letter %d was drawn %d times of 3000", k, count[(unsigned char)letters[k]]);
}

static void test_whole_window(void **state)
{
    (void)state;
    make_run("last", LAST, CHARS);
    refuse("last --prompt abacad", 2,
           "the model gives one estimate for 7 characters: --prompt has 6, it needs as many");
    expect("last --prompt 'ad\xc3\xa9\nabac' --length 1 --temperature 0", "ad\xc3\xa9\nabaca\n");
}

static void test_refused(void **state)
{
    (void)state;
    refuse("cycle --prompt abx\xc3\xa9", 3,
           "dagrad generate: the character 'x' (U+0078) of --prompt is none of the 6 that the "
           "model knows\n");
    refuse("cycle --prompt \xc3\xa9\xc3\xa8", 3, "the character '\xc3\xa8' (U+00E8) of --prompt");
    refuse("cycle --prompt 'a\xff'", 3, "--prompt is not UTF-8 (byte 2 is ff)");
    refuse("cycle", 2, "--prompt is missing");
    refuse("cycle --prompt a --temperature -1", 2, "--temperature is '-1', it takes a number");
    refuse("cycle --prompt a --temperature nan", 2, "--temperature is 'nan', it takes a number");
    refuse("--prompt a", 2, "a run is missing");
    cli_write("plain.dag",
              "input x[N, 2]\ntarget t[N, 1]\ny = linear(x, 1)\noutput y\nloss mse(t, y)\n"
              "data train { x = npy(\"x.npy\"); t = npy(\"t.npy\") }\ntrain { steps = 1 }\n",
              138);
    refuse("plain.dag --prompt a", 2, "plain.dag");
}

/* A layer that goes backward sees what comes after. */
static void test_causal(void **state)
{
    (void)state;
    make_run("both",
             "input text[N, T] int\ntarget next[N, T] int\n"
             "z = embedding(text, 6, 4) | lstm(4, direction=both) | linear(6)\n"
             "output z\nloss softmax_cross_entropy(next, z)\n",
             CHARS);
    refuse("both --prompt aba", 2, "the model looks at characters after the one it continues");
    free(generated("both --prompt 'abacad\xc3\xa9\n' --length 2"));
}

static void test_onehot(void **state)
{
    (void)state;
    make_run("onehot",
             "input text[N, T, 6]\ntarget next[N, T] int\nz = gru(text, 16) | linear(6)\n"
             "output z\nloss softmax_cross_entropy(next, z)\n",
             "data train { text, next = chars(\"text.txt\", length=7)\n text | onehot(6) }\n"
             "train { optimizer = adam(rate=0.02); batch = 16; steps = 150 }\n");
    expect("onehot --prompt ca --length 3 --temperature 0", "cad\xc3\xa9\n\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_continues),   cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_temperature), cmocka_unit_test(test_whole_window),
        cmocka_unit_test(test_refused),     cmocka_unit_test(test_causal),
        cmocka_unit_test(test_onehot),
    };
    return cmocka_run_group_tests(tests, cli_set_up, cli_tear_down);
}
