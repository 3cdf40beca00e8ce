/* Every word that the language and the program take has a page: a new one without it fails here. */
#include "cli/cli_tools.h"
#include "graph/attr.h"
#include "graph/init.h"
#include "lang/lex.h"
#include "ops/registry.h"
#include "train/vocabulary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* All words that have pages, a line "WORD\t..." each; how many were asked for. */
static char *all;
static int asked;

static int set_up(void **state)
{
    (void)state;
    if (!cli_enter() || cli_run("help complete help ''") != 0)
        return 1;
    all = cli_read("out", NULL);
    return all == NULL;
}

static int tear_down(void **state)
{
    free(all);
    return cli_tear_down(state);
}

/* Sanitized programs start slowly: there one page of sixteen is looked at. */
static int is_looked_at(void)
{
#ifdef DG_SANITIZED
    return asked++ % 16 == 0;
#else
    return asked++ >= 0;
#endif
}

/* The word has a page, with a title and a text. */
static void has_page(const char *word)
{
    char line[128], *page;
    snprintf(line, sizeof line, "%s\t", word);
    const char *at = strstr(all, line);
    while (at && at != all && at[-1] != '\n')
        at = strstr(at + 1, line);
    if (!at)
        fail_msg("'%s' has no page", word);
    if (!is_looked_at())
        return;
    snprintf(line, sizeof line, "nodes %s", word);
    assert_int_equal(cli_run(line), 0);
    page = cli_read("out", NULL);
    snprintf(line, sizeof line, "%s: ", word);
    if (strncmp(page, line, strlen(line)) != 0 || strlen(page) < strlen(line) + 20 ||
        strstr(page, "(null)"))
        fail_msg("the page of %s: %s", word, page);
    free(page);
}

/* Names seen once: many attributes are called axis. */
static void has_page_once(const char *word)
{
    static char seen[16384] = "\n";
    char line[128];
    snprintf(line, sizeof line, "\n%s\n", word);
    if (strstr(seen, line))
        return;
    strncat(seen, line + 1, sizeof seen - strlen(seen) - 1);
    has_page(word);
}

static void words_have_pages(const char *words)
{
    char word[64];
    for (; words && *words; words += strspn(words, " ")) {
        size_t n = strcspn(words, " ");
        snprintf(word, sizeof word, "%.*s", (int)n, words);
        has_page_once(word);
        words += n;
    }
}

static void attributes_have_pages(const dg_attr_table *t)
{
    char room[DG_ATTR_NAME_ROOM];
    const char *name;
    for (int k = 0; (name = dg_attr_name_at(t, k, room)); k++)
        has_page_once(name);
    for (int k = 0; k < t->n_specs; k++)
        words_have_pages(t->specs[k].words);
}

static void nodes_and_attributes(void **state)
{
    (void)state;
    const dg_node_type *type;
    for (int k = 0; (type = dg_builtin_at(k)); k++) {
        dg_attr_table t = dg_attr_table_of(type);
        has_page_once(type->name);
        has_page_once(dg_builtin_group(k));
        attributes_have_pages(&t);
    }
}

static void word_list(const dg_word *words, int n)
{
    for (int i = 0; i < n; i++) {
        dg_attr_table t = {words[i].name, words[i].attrs, words[i].n_attrs, NULL, 0};
        has_page_once(words[i].name);
        assert_non_null(words[i].text);
        attributes_have_pages(&t);
    }
}

static void words_of_data_train_and_metric(void **state)
{
    (void)state;
    dg_words words;
    dg_words_make(&words);
    const dg_vocabulary *v = &words.vocabulary;
    word_list(v->sources, v->n_sources);
    word_list(v->transforms, v->n_transforms);
    word_list(v->metrics, v->n_metrics);
    for (int k = 0; k < v->n_keys; k++) {
        has_page_once(v->keys[k].value.name);
        words_have_pages(v->keys[k].value.words);
        word_list(v->keys[k].words, v->keys[k].n_words);
    }
    for (int k = 0; k < v->n_block; k++)
        has_page_once(v->block[k].name);
}

static void statements_and_initialisers(void **state)
{
    (void)state;
    const char *form, *text, *name;
    for (int k = 0; k < DG_KEYWORDS; k++)
        has_page_once(dg_keyword_name((dg_keyword)k));
    for (int k = 0; (name = dg_init_at(k, &form, &text)); k++)
        has_page_once(name);
    words_have_pages("int N train validation test best last order needs lower fuse save plan "
                     "frozen source nchw pytorch");
}

/* The options that `dagrad COMMAND --help` lists, of all commands that `dagrad help` lists. */
static void commands_and_options(void **state)
{
    (void)state;
    int n = 0;
    assert_int_equal(cli_run("help complete ''"), 0);
    char *commands = cli_read("out", NULL), *rest = commands;
    for (char *line; (line = strsep(&rest, "\n")) && *line;) {
        char command[64], option[64];
        line[strcspn(line, "\t")] = 0;
        has_page_once(line);
        snprintf(command, sizeof command, "%s --help", line);
        assert_int_equal(cli_run(command), 0);
        char *help = cli_read("out", NULL);
        for (const char *at = help; (at = strstr(at, "\n  --")); at += 5)
            if (sscanf(at + 5, "%63[a-z-]", option) == 1 && strcmp(option, "help") != 0 && ++n)
                has_page_once(option);
        free(help);
    }
    free(commands);
    assert_true(n > 100);
}

static void pages_say_what_is_asked(void **state)
{
    (void)state;
    cli_expect("help mse", 0, "out", "rho = ||a - b||^2\n  eps = 2 (b - a)\n");
    cli_expect("nodes linear", 0, "out", "true or false, or a value of the graph");
    cli_expect("help tanh", 0, "out", "A^t eps = (1 - x^2) eps");
    cli_expect("help losses", 0, "out", "eps = softmax(z) - a");
    cli_expect("help bias_init", 0, "out", "an initialiser");
    cli_expect("help f64", 0, "out", "precision=f64");
    cli_expect("help threads", 0, "out", "dagrad train --threads N");
    cli_expect("help padding", 0, "out", "conv_transpose");
    cli_expect("help --threads", 0, "out", "dagrad train --threads N");
    cli_expect("help trian", 2, "err", "did you mean 'train'?");
    cli_expect("help lin", 2, "err", "dagrad help lists what there is");
    cli_expect("nodes momentm", 2, "err", "did you mean 'momentum'?");
    cli_expect("help conv relu", 2, "err", "'relu' is one word too many");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_and_attributes),
        cmocka_unit_test(words_of_data_train_and_metric),
        cmocka_unit_test(statements_and_initialisers),
        cmocka_unit_test(commands_and_options),
        cmocka_unit_test(pages_say_what_is_asked),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
