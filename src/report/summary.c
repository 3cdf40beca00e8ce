/* The head of a page: what was trained, on what, with which result. */
#include "report/sections.h"
#include <math.h>
#include <string.h>

static void add_tile(dg_text *t, const char *what)
{
    dg_text_add(t, "</b><span>");
    dg_html(t, what);
    dg_text_add(t, "</span></div>\n");
}

static void add_results(dg_text *t, const dg_view *v)
{
    for (int i = 0; i < v->n_results; i++) {
        const dg_result *r = &v->result[(i + 1) % v->n_results]; /* the loss comes last */
        char what[160];
        dg_format(what, sizeof what, "%s%s%s", v->part, *v->part ? " " : "", r->name);
        dg_text_add(t, "<div class=\"tile\"><b>");
        dg_html_number(t, r->value);
        add_tile(t, what);
    }
}

static void add_tiles(dg_text *t, const dg_view *v)
{
    dg_text_add(t, "<div class=\"tiles\">\n");
    add_results(t, v);
    dg_text_add(t, "<div class=\"tile\"><b>");
    dg_html_count(t, v->record.step);
    add_tile(t, v->running ? "steps so far" : "steps");
    if (v->record.epoch > 0) {
        dg_text_add(t, "<div class=\"tile\"><b>");
        dg_html_count(t, v->record.epoch);
        add_tile(t, v->record.epoch == 1 ? "epoch" : "epochs");
    }
    if (v->parameters > 0) {
        dg_text_add(t, "<div class=\"tile\"><b>");
        dg_html_count(t, v->parameters);
        add_tile(t, "parameters");
    }
    if (v->hash[0]) {
        char what[64];
        dg_format(what, sizeof what, "weights%s%s%s", v->which ? " (" : "",
                  v->which ? v->which : "", v->which ? ")" : "");
        dg_text_printf(t, "<div class=\"tile\"><b class=\"hash\">%s", v->hash);
        add_tile(t, what);
    }
    dg_text_add(t, "</div>\n");
}

/* "1,437 training, 360 test rows of a.csv, b.csv" */
static void add_data(dg_text *t, const dg_view *v)
{
    static const char *const name[DG_DATA_PARTS] = {"training", "validation", "test"};
    const json_t *files = json_object_get(json_object_get(v->run, "run"), "data");
    int n = 0;
    for (int i = 0; v->e && i < DG_DATA_PARTS; i++)
        if (v->e->part[i].data) {
            dg_text_add(t, n++ ? ", " : "");
            dg_html_count(t, v->e->part[i].rows);
            dg_text_printf(t, " %s", name[i]);
        }
    dg_text_add(t, n ? " rows" : "");
    for (size_t i = 0; i < json_array_size(files) && i < 6; i++) {
        const char *path = json_string_value(json_object_get(json_array_get(files, i), "path"));
        const char *base = path ? strrchr(path, '/') : NULL;
        dg_text_add(t, i ? ", " : n ? " of " : "data ");
        dg_html(t, base ? base + 1 : path ? path : "");
    }
    dg_text_add(t, json_array_size(files) > 6 ? ", ..." : "");
}

void dg_section_summary(dg_text *t, const dg_view *v)
{
    dg_text_add(t, "<header>\n<h1>");
    dg_html(t, dg_view_text(v, "name", NULL));
    dg_text_add(t, "</h1>\n<p class=\"soft\">");
    dg_html(t, v->name);
    dg_text_add(t, v->running ? ", not finished" : "");
    dg_text_add(t, "</p>\n<p>");
    add_data(t, v);
    dg_text_add(t, "</p>\n");
    add_tiles(t, v);
    if (v->why.code != DG_OK) {
        dg_text_add(t, "<p class=\"note\">Results, mistakes and samples are missing: ");
        if (v->why.file[0] && !strstr(v->why.text, v->why.file)) {
            dg_html(t, v->why.file);
            dg_text_add(t, ": ");
        }
        dg_html(t, v->why.text[0] ? v->why.text : dg_status_text(v->why.code));
        dg_text_add(t, "</p>\n");
    }
    dg_text_add(t, "</header>\n");
}
