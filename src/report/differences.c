/* Several runs in a table: the options in which they differ, and their results, the best of each
 * marked. */
#include "report/sections.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_COLUMNS = 40, CELL = 160 };

/* ---- Options --------------------------------------------------------------------------------- */

/* An option in which the runs differ: a member of run.json's "run" (group NULL) or of a group of
 * it, or one argument of its value, as the rate of adam(rate=0.001, ...). */
typedef struct column {
    char name[CELL];
    const char *group, *key;
    int argument; /* -1: the whole value */
} column;

static const json_t *value_of(const dg_view *v, const column *c)
{
    const json_t *run = json_object_get(v->run, "run");
    return json_object_get(c->group ? json_object_get(run, c->group) : run, c->key);
}

/* The k-th argument of "word(a=1, b=2)"; k -1: the word. 0: there is none. */
static int argument_of(const char *text, int k, char cell[CELL])
{
    size_t n = strcspn(text, "(");
    if (!text[n])
        return 0;
    if (k < 0)
        return dg_format(cell, CELL, "%.*s", (int)n, text) >= 0;
    for (text += n + 1; k > 0; k--) {
        text = strstr(text, ", ");
        if (!text)
            return 0;
        text += 2;
    }
    return dg_format(cell, CELL, "%.*s", (int)strcspn(text, ",)"), text) > 0;
}

/* What stands in the table. "clip=0" says its name itself. */
static void cell_of(const dg_view *v, const column *c, char cell[CELL])
{
    const json_t *j = value_of(v, c);
    const char *text = json_string_value(j);
    cell[0] = 0;
    if (json_is_integer(j))
        dg_format(cell, CELL, "%lld", (long long)json_integer_value(j));
    else if (text && c->argument >= 0)
        argument_of(text, c->argument, cell);
    else if (text)
        dg_format(cell, CELL, "%s", text);
    char *equals = strchr(cell, '=');
    if (equals && !memchr(cell, '(', (size_t)(equals - cell)))
        memmove(cell, equals + 1, strlen(equals + 1) + 1);
}

static int differs(int n, const dg_view *v, const column *c)
{
    char first[CELL], cell[CELL];
    cell_of(v, c, first);
    for (int i = 1; i < n; i++) {
        cell_of(&v[i], c, cell);
        if (strcmp(first, cell) != 0)
            return 1;
    }
    return 0;
}

/* 1: all values are calls of one word, so their arguments can be compared one by one. */
static int one_word(int n, const dg_view *v, const column *c)
{
    char first[CELL], word[CELL];
    for (int i = 0; i < n; i++) {
        const char *text = json_string_value(value_of(&v[i], c));
        if (!text || !argument_of(text, -1, i ? word : first) || (i && strcmp(first, word) != 0))
            return 0;
    }
    return 1;
}

static int add_column(int n, const dg_view *v, const char *group, const char *key, column list[],
                      int at)
{
    column c = {.group = group, .key = key, .argument = -1};
    char argument[CELL];
    dg_format(c.name, sizeof c.name, "%s", key);
    if (!one_word(n, v, &c)) {
        if (differs(n, v, &c) && at < MOST_COLUMNS)
            list[at++] = c;
        return at;
    }
    const char *text = json_string_value(value_of(v, &c));
    for (c.argument = 0; argument_of(text, c.argument, argument); c.argument++) {
        if (!differs(n, v, &c) || at == MOST_COLUMNS)
            continue;
        dg_format(c.name, sizeof c.name, "%.60s.%.*s", key, (int)strcspn(argument, "="), argument);
        list[at++] = c;
    }
    return at;
}

static int find_columns(int n, const dg_view *v, column list[])
{
    static const char *const own[] = {"batch", "steps", "seed", "precision"};
    const char *key;
    json_t *value, *train = json_object_get(json_object_get(v->run, "run"), "train");
    int found = 0;
    json_object_foreach(train, key, value) found = add_column(n, v, "train", key, list, found);
    for (int i = 0; i < 4; i++)
        found = add_column(n, v, NULL, own[i], list, found);
    return found;
}

/* Lines of the network that the first run lacks. */
static int other_lines(const dg_view *v, const dg_view *first)
{
    const json_t *a = json_object_get(json_object_get(v->run, "run"), "network");
    const json_t *b = json_object_get(json_object_get(first->run, "run"), "network");
    int n = 0;
    for (size_t i = 0; i < json_array_size(a); i++) {
        int found = 0;
        for (size_t k = 0; k < json_array_size(b) && !found; k++)
            found = json_equal(json_array_get(a, i), json_array_get(b, k));
        n += !found;
    }
    return n;
}

static void say_networks(dg_text *t, int n, const dg_view *v)
{
    for (int i = 1; i < n; i++) {
        int lines = other_lines(&v[i], v);
        if (lines == 0)
            continue;
        dg_text_add(t, "<p>The network of ");
        dg_html(t, v[i].name);
        dg_text_printf(t, " is another than that of the first: %d of its lines.</p>\n", lines);
    }
}

static void say_data(dg_text *t, int n, const dg_view *v)
{
    const json_t *first = json_object_get(json_object_get(v->run, "run"), "data");
    for (int i = 1; i < n; i++)
        if (!json_equal(first, json_object_get(json_object_get(v[i].run, "run"), "data"))) {
            dg_text_add(t, "<p>The data of ");
            dg_html(t, v[i].name);
            dg_text_add(t, " are others than those of the first.</p>\n");
        }
}

/* ---- Results --------------------------------------------------------------------------------- */

static const dg_result *find(const dg_view *v, const char *name)
{
    for (int i = 0; i < v->n_results; i++)
        if (strcmp(v->result[i].name, name) == 0)
            return &v->result[i];
    return NULL;
}

static int is_best(int n, const dg_view *v, const dg_result *r)
{
    int rivals = 0;
    for (int i = 0; i < n; i++) {
        const dg_result *other = find(&v[i], r->name);
        if (!other || other == r)
            continue;
        rivals++;
        if (dg_better(other->value, r->value, r->rises))
            return 0;
    }
    return rivals > 0;
}

/* Names of results, those of the first run first; the k-th, NULL: no more. */
static const char *result_name(int n, const dg_view *v, int k)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < v[i].n_results; j++) {
            int seen = 0;
            for (int before = 0; before < i; before++)
                seen |= find(&v[before], v[i].result[j].name) != NULL;
            if (!seen && k-- == 0)
                return v[i].result[j].name;
        }
    return NULL;
}

static void add_result(dg_text *t, int n, const dg_view *v, const dg_view *of, const char *name)
{
    const dg_result *r = find(of, name);
    int best = r && is_best(n, v, r);
    dg_text_add(t, best ? "<td class=\"n\"><b>" : "<td class=\"n\">");
    dg_html_number(t, r ? r->value : (double)NAN);
    dg_text_add(t, best ? "</b></td>" : "</td>");
}

/* "of the test part", where that is the same for all. */
static void say_part(dg_text *t, int n, const dg_view *v)
{
    int same = v->part != NULL;
    for (int i = 1; i < n && same; i++)
        same = v[i].part && strcmp(v->part, v[i].part) == 0;
    if (same && *v->part)
        dg_text_printf(t,
                       "<p class=\"soft\">The options in which they differ, and results of the "
                       "%s part.</p>\n",
                       v->part);
    else
        dg_text_add(t, "<p class=\"soft\">The options in which they differ, and their results, "
                       "each of its last part of data.</p>\n");
}

/* ---- The table ------------------------------------------------------------------------------- */

static void add_head(dg_text *t, int n, const dg_view *v, int columns, const column c[])
{
    const char *name;
    dg_text_add(t, "<tr><th>run</th>");
    for (int k = 0; k < columns; k++) {
        dg_text_add(t, "<th class=\"n\">");
        dg_html(t, c[k].name);
        dg_text_add(t, "</th>");
    }
    for (int k = 0; (name = result_name(n, v, k)); k++) {
        dg_text_add(t, "<th class=\"n\">");
        dg_html(t, name);
        dg_text_add(t, "</th>");
    }
    dg_text_add(t, "</tr>\n");
}

static void add_run(dg_text *t, int n, const dg_view *v, int i, int columns, const column c[])
{
    const char *name;
    dg_text_printf(
        t, "<tr><td class=\"w run\"><span style=\"color:var(--s%d)\">\xe2\x97\x8f</span> ", i & 7);
    dg_html(t, v[i].name);
    dg_text_add(t, "</td>");
    for (int k = 0; k < columns; k++) {
        char cell[CELL];
        cell_of(&v[i], &c[k], cell);
        dg_text_add(t, "<td class=\"n\">");
        dg_html(t, cell);
        dg_text_add(t, "</td>");
    }
    for (int k = 0; (name = result_name(n, v, k)); k++)
        add_result(t, n, v, &v[i], name);
    dg_text_add(t, "</tr>\n");
}

void dg_section_differences(dg_text *t, int n, const dg_view *v)
{
    column c[MOST_COLUMNS];
    int columns = find_columns(n, v, c);
    dg_text_printf(t, "<header>\n<h1>%d runs</h1>\n</header>\n<section id=\"results\">\n", n);
    say_part(t, n, v);
    dg_text_add(t, "<div class=\"scroll\"><table>\n");
    add_head(t, n, v, columns, c);
    for (int i = 0; i < n; i++)
        add_run(t, n, v, i, columns, c);
    dg_text_add(t, "</table></div>\n");
    if (columns == 0)
        dg_text_add(t, "<p>Their options and seeds are the same.</p>\n");
    say_networks(t, n, v);
    say_data(t, n, v);
    for (int i = 0; i < n; i++)
        if (v[i].why.code != DG_OK) {
            dg_text_add(t, "<p class=\"note\">");
            dg_html(t, v[i].name);
            dg_text_add(t, ": no results, ");
            dg_html(t, v[i].why.text);
            dg_text_add(t, "</p>\n");
        }
    dg_section_end(t);
}
