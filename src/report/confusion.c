/* What was taken for what: a matrix of few classes as numbers, of many as a picture; precision and
 * recall by class; the commonest mistakes. */
#include "report/png.h"
#include "report/sections.h"
#include <stdlib.h>

enum { AS_NUMBERS = 12, MOST_ROWS = 12, MOST_MISTAKES = 12 };

static void add_name(dg_text *t, const dg_versus *v, int64_t k)
{
    char room[32];
    dg_html(t, dg_versus_name(v, k, room));
}

/* A cell: the darker the larger its share of its line. */
static void add_cell(dg_text *t, int64_t count, int64_t of, int hit)
{
    double share = of > 0 ? (double)count / (double)of : 0;
    if (count == 0) {
        dg_text_add(t, "<td class=\"z\">0</td>");
        return;
    }
    dg_text_printf(t, "<td style=\"background:rgb(%s/%.2f)\">", hit ? "47 125 79" : "205 70 50",
                   0.08 + 0.55 * share);
    dg_html_count(t, count);
    dg_text_add(t, "</td>");
}

static void add_matrix(dg_text *t, const dg_versus *v)
{
    int64_t n = v->classes;
    dg_text_add(t, "<div class=\"scroll\"><table class=\"matrix\"><tr><th></th>");
    for (int64_t k = 0; k < n; k++) {
        dg_text_add(t, "<th>");
        add_name(t, v, k);
        dg_text_add(t, "</th>");
    }
    dg_text_add(t, "</tr>\n");
    for (int64_t a = 0; a < n; a++) {
        dg_share s = dg_share_of(v->count, n, a);
        dg_text_add(t, "<tr><th class=\"r\">");
        add_name(t, v, a);
        dg_text_add(t, "</th>");
        for (int64_t b = 0; b < n; b++)
            add_cell(t, v->count[a * n + b], s.targets, a == b);
        dg_text_add(t, "</tr>\n");
    }
    dg_text_add(t, "</table></div>\n");
}

/* A pixel an entry: its share of the line, blue; of the diagonal less would be white. */
static void add_picture(dg_text *t, const dg_versus *v)
{
    int64_t n = v->classes;
    uint8_t *pixel = malloc((size_t)(n * n) * 3);
    for (int64_t a = 0; pixel && a < n; a++) {
        dg_share s = dg_share_of(v->count, n, a);
        for (int64_t b = 0; b < n; b++) {
            int64_t count = v->count[a * n + b];
            double share = s.targets ? (double)count / (double)s.targets : 0;
            double ink = count ? 0.12 + 0.88 * share : 0;
            uint8_t *to = pixel + 3 * (a * n + b);
            to[0] = (uint8_t)(248 - (a == b ? 201 : 43) * ink);
            to[1] = (uint8_t)(248 - (a == b ? 123 : 178) * ink);
            to[2] = (uint8_t)(248 - (a == b ? 169 : 198) * ink);
        }
    }
    t->failed |= !pixel;
    if (!pixel)
        return;
    dg_text_add(t, "<img alt=\"confusion matrix\" style=\"width:min(100%,26rem);"
                   "image-rendering:pixelated;border:1px solid var(--line)\" src=\"");
    dg_png_uri(t, (int)n, (int)n, 3, pixel);
    dg_text_printf(t,
                   "\">\n<p class=\"soft\">%lld classes: a line a target, a column an estimate, "
                   "both from 0.</p>\n",
                   (long long)n);
    free(pixel);
}

static void add_share(dg_text *t, double x)
{
    dg_text_printf(t,
                   "<td class=\"n\">%.3f<span class=\"bar\"><i style=\"width:%.0f%%\"></i></span>"
                   "</td>",
                   x, 100 * x);
}

static void add_shares_row(dg_text *t, const dg_versus *v, int64_t k, const dg_share *s)
{
    dg_text_add(t, "<tr><td class=\"w\">");
    add_name(t, v, k);
    dg_text_add(t, "</td><td class=\"n\">");
    dg_html_count(t, s->targets);
    dg_text_add(t, "</td>");
    add_share(t, s->precision);
    add_share(t, s->recall);
    dg_text_printf(t, "<td class=\"n\">%.3f</td></tr>\n", s->f1);
}

static void begin_shares(dg_text *t, const char *first)
{
    dg_text_printf(t,
                   "<div class=\"scroll\"><table><tr><th>%s</th><th class=\"n\">targets</th>"
                   "<th class=\"n\">precision</th><th class=\"n\">recall</th>"
                   "<th class=\"n\">F1</th></tr>\n",
                   first);
}

static void add_shares(dg_text *t, const dg_versus *v)
{
    int folded = v->classes > MOST_ROWS;
    dg_text_add(t,
                folded ? "<details><summary>Precision and recall of all classes</summary>\n" : "");
    begin_shares(t, "class");
    for (int64_t k = 0; k < v->classes; k++) {
        dg_share s = dg_share_of(v->count, v->classes, k);
        if (s.targets || s.estimates)
            add_shares_row(t, v, k, &s);
    }
    dg_text_printf(t, "</table></div>%s\n", folded ? "</details>" : "");
}

/* The largest entry off the diagonal that comes after `before` in order; -1: there is none. */
static int64_t next_mistake(const dg_versus *v, int64_t before)
{
    int64_t n = v->classes, best = -1;
    const int64_t *count = v->count;
    for (int64_t i = 0; i < n * n; i++) {
        int later =
            before < 0 || count[i] < count[before] || (count[i] == count[before] && i > before);
        if (i / n != i % n && count[i] > 0 && later && (best < 0 || count[i] > count[best]))
            best = i;
    }
    return best;
}

static void add_mistakes(dg_text *t, const dg_versus *v)
{
    int64_t at = next_mistake(v, -1);
    if (at < 0)
        return;
    dg_text_add(t, "<h3>Commonest mistakes</h3>\n<div class=\"scroll\"><table><tr><th>target</th>"
                   "<th>estimate</th><th class=\"n\">times</th></tr>\n");
    for (int k = 0; k < MOST_MISTAKES && at >= 0; k++, at = next_mistake(v, at)) {
        dg_text_add(t, "<tr><td class=\"w\">");
        add_name(t, v, at / v->classes);
        dg_text_add(t, "</td><td class=\"w\">");
        add_name(t, v, at % v->classes);
        dg_text_add(t, "</td><td class=\"n\">");
        dg_html_count(t, v->count[at]);
        dg_text_add(t, "</td></tr>\n");
    }
    dg_text_add(t, "</table></div>\n");
}

static void add_classes(dg_text *t, const dg_versus *v)
{
    dg_text_add(t, "<div class=\"grid\">\n<div>\n");
    if (v->classes <= AS_NUMBERS)
        add_matrix(t, v);
    else
        add_picture(t, v);
    if (v->classes <= AS_NUMBERS)
        dg_text_add(t, "<p class=\"soft\">A line a target, a column an estimate.</p>\n");
    dg_text_add(t, "</div>\n<div>\n");
    if (v->classes > AS_NUMBERS)
        add_mistakes(t, v);
    add_shares(t, v);
    dg_text_add(t, "</div>\n</div>\n");
}

/* A line for each component that is yes or no. */
static void add_sides(dg_text *t, const dg_versus *v)
{
    dg_text_printf(t, "<p class=\"soft\">Yes where the estimate is above %.4g.</p>\n",
                   v->threshold);
    dg_text_add(t, "<div class=\"scroll\"><table><tr><th>component</th><th class=\"n\">hits</th>"
                   "<th class=\"n\">false hits</th><th class=\"n\">misses</th>"
                   "<th class=\"n\">right noes</th><th class=\"n\">precision</th>"
                   "<th class=\"n\">recall</th></tr>\n");
    for (int64_t c = 0; c < v->columns; c++) {
        const int64_t *count = v->count + 4 * c;
        dg_share s = dg_share_of(count, 2, 1);
        dg_text_add(t, "<tr><td class=\"w\">");
        if (v->columns == 1)
            dg_html(t, v->target_name);
        else
            add_name(t, v, c);
        const int64_t cell[] = {count[3], count[1], count[2], count[0]};
        for (int i = 0; i < 4; i++) {
            dg_text_add(t, "</td><td class=\"n\">");
            dg_html_count(t, cell[i]);
        }
        dg_text_add(t, "</td>");
        add_share(t, s.precision);
        add_share(t, s.recall);
        dg_text_add(t, "</tr>\n");
    }
    dg_text_add(t, "</table></div>\n");
}

void dg_section_confusion(dg_text *t, const dg_view *v)
{
    int n = 0;
    for (int i = 0; i < v->survey.n; i++) {
        const dg_versus *c = &v->survey.versus[i];
        if (c->kind == DG_OF_NUMBERS || !c->count)
            continue;
        if (n++ == 0)
            dg_section_begin(t, "confusion", "What was taken for what");
        dg_text_add(t, "<h3>");
        dg_html(t, c->target_name);
        dg_text_add(t, " against ");
        dg_html(t, c->estimate_name);
        dg_text_printf(t, ", %s part</h3>\n", v->part);
        if (c->kind == DG_OF_CLASSES)
            add_classes(t, c);
        else
            add_sides(t, c);
    }
    if (n)
        dg_section_end(t);
}
