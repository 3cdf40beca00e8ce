/* Several runs in a table: their results, the best of each marked, and the options in which they
 * differ. */
#include "report/sections.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

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
    dg_text_add(t, "<td class=\"n\">");
    if (r && is_best(n, v, r)) {
        dg_text_add(t, "<b>");
        dg_html_number(t, r->value);
        dg_text_add(t, "</b>");
    } else {
        dg_html_number(t, r ? r->value : (double)NAN);
    }
    dg_text_add(t, "</td>");
}

static void add_results(dg_text *t, int n, const dg_view *v)
{
    const char *name;
    dg_text_add(t, "<div class=\"scroll\"><table><tr><th>run</th><th>part</th>"
                   "<th class=\"n\">steps</th>");
    for (int k = 0; (name = result_name(n, v, k)); k++) {
        dg_text_add(t, "<th class=\"n\">");
        dg_html(t, name);
        dg_text_add(t, "</th>");
    }
    dg_text_add(t, "</tr>\n");
    for (int i = 0; i < n; i++) {
        dg_text_printf(
            t, "<tr><td class=\"w\"><span style=\"color:var(--s%d)\">\xe2\x97\x8f</span> ", i & 7);
        dg_html(t, v[i].name);
        dg_text_printf(t, "</td><td>%s</td><td class=\"n\">", v[i].part ? v[i].part : "");
        dg_html_count(t, v[i].record.step);
        dg_text_add(t, "</td>");
        for (int k = 0; (name = result_name(n, v, k)); k++)
            add_result(t, n, v, &v[i], name);
        dg_text_add(t, "</tr>\n");
    }
    dg_text_add(t, "</table></div>\n");
}

/* ---- Options --------------------------------------------------------------------------------- */

/* What a run says of an option, as text; to be freed. Lists are those of their items. */
static char *text_of(const dg_view *v, const char *group, const char *key)
{
    const json_t *j = json_object_get(v->run, "run");
    j = json_object_get(group ? json_object_get(j, group) : j, key);
    return json_is_string(j) ? strdup(json_string_value(j)) : json_dumps(j, JSON_ENCODE_ANY);
}

static int differs(int n, const dg_view *v, const char *group, const char *key)
{
    const json_t *first = json_object_get(v->run, "run");
    first = json_object_get(group ? json_object_get(first, group) : first, key);
    for (int i = 1; i < n; i++) {
        const json_t *j = json_object_get(v[i].run, "run");
        j = json_object_get(group ? json_object_get(j, group) : j, key);
        if ((!j) != (!first) || (j && !json_equal(j, first)))
            return 1;
    }
    return 0;
}

static void add_option(dg_text *t, int n, const dg_view *v, const char *group, const char *key)
{
    if (!differs(n, v, group, key))
        return;
    dg_text_add(t, "<tr><th>");
    dg_html(t, key);
    dg_text_add(t, "</th>");
    for (int i = 0; i < n; i++) {
        char *text = text_of(&v[i], group, key);
        size_t repeated = text && strncmp(text, key, strlen(key)) == 0 && text[strlen(key)] == '='
                              ? strlen(key) + 1
                              : 0;
        dg_text_add(t, "<td class=\"w\">");
        dg_html(t, text ? text + repeated : "");
        dg_text_add(t, "</td>");
        free(text);
    }
    dg_text_add(t, "</tr>\n");
}

/* Lines of the network that the other run lacks. */
static int lines_without(const dg_view *v, const dg_view *other)
{
    const json_t *a = json_object_get(json_object_get(v->run, "run"), "network");
    const json_t *b = json_object_get(json_object_get(other->run, "run"), "network");
    int n = 0;
    for (size_t i = 0; i < json_array_size(a); i++) {
        int found = 0;
        for (size_t k = 0; k < json_array_size(b) && !found; k++)
            found = json_equal(json_array_get(a, i), json_array_get(b, k));
        n += !found;
    }
    return n;
}

static void add_network(dg_text *t, int n, const dg_view *v)
{
    if (!differs(n, v, NULL, "network"))
        return;
    dg_text_add(t, "<tr><th>network</th>");
    for (int i = 0; i < n; i++) {
        int lines = lines_without(&v[i], v);
        if (lines == 0)
            dg_text_add(t, i ? "<td>as the first</td>" : "<td></td>");
        else
            dg_text_printf(t, "<td>%d %s</td>", lines,
                           lines == 1 ? "line differs" : "lines differ");
    }
    dg_text_add(t, "</tr>\n");
}

static void add_options(dg_text *t, int n, const dg_view *v)
{
    const char *key;
    json_t *value, *train = json_object_get(json_object_get(v->run, "run"), "train");
    static const char *const own[] = {"batch", "steps", "seed", "precision"};
    dg_text rows = dg_text_make(NULL);
    json_object_foreach(train, key, value) add_option(&rows, n, v, "train", key);
    for (int i = 0; i < 4; i++)
        add_option(&rows, n, v, NULL, own[i]);
    add_network(&rows, n, v);
    if (differs(n, v, NULL, "data"))
        dg_text_add(&rows, "<tr><th>data</th><td>the files differ</td></tr>\n");
    dg_text_add(t, "<h3>Where their options differ</h3>\n");
    if (rows.length == 0) {
        dg_text_add(t, "<p>Nowhere: the same network, data, options and seed.</p>\n");
    } else {
        dg_text_add(t, "<div class=\"scroll\"><table><tr><th></th>");
        for (int i = 0; i < n; i++) {
            dg_text_add(t, "<th>");
            dg_html(t, v[i].name);
            dg_text_add(t, "</th>");
        }
        dg_text_add(t, "</tr>\n");
        dg_text_add(t, rows.data);
        dg_text_add(t, "</table></div>\n");
    }
    t->failed |= rows.failed;
    dg_text_free(&rows);
}

void dg_section_differences(dg_text *t, int n, const dg_view *v)
{
    dg_text_printf(t, "<header>\n<h1>%d runs</h1>\n</header>\n", n);
    dg_text_add(t, "<section id=\"results\">\n");
    add_results(t, n, v);
    for (int i = 0; i < n; i++)
        if (v[i].why.code != DG_OK) {
            dg_text_add(t, "<p class=\"note\">");
            dg_html(t, v[i].name);
            dg_text_add(t, ": no results, ");
            dg_html(t, v[i].why.text);
            dg_text_add(t, "</p>\n");
        }
    add_options(t, n, v);
    dg_section_end(t);
}
