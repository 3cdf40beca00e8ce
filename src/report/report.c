/* A page made of its sections; see report.h. */
#include "report/report.h"
#include "io/writer.h"
#include "report/sections.h"
#include "train/rundir.h"
#include <limits.h>
#include <stdlib.h>

enum { MOST_DRAWING = 700000 }; /* bytes of the drawing of a graph */

static void add_graph(dg_text *t, const dg_view *v, const dg_report_options *o)
{
    dg_text svg = dg_text_make(NULL);
    if (o->draw && v->e)
        o->draw(&svg, v->e->model);
    if (svg.length > 0 && svg.length < MOST_DRAWING) {
        dg_section_begin(t, "graph", "The graph");
        dg_text_add(t, "<div class=\"graph\">\n");
        dg_text_add(t, svg.data);
        dg_text_add(t, "</div>\n");
        dg_section_end(t);
    }
    dg_text_free(&svg);
}

static dg_status add_one(dg_text *t, const dg_view *v, const dg_report_options *o, dg_diag *why)
{
    dg_section_summary(t, v);
    dg_section_curves(t, 1, v);
    dg_section_confusion(t, v);
    dg_section_residuals(t, v);
    dg_status s = dg_section_samples(t, v, o->view.threads, why);
    dg_section_layers(t, v);
    add_graph(t, v, o);
    dg_section_settings(t, v);
    return s;
}

static dg_status make_page(dg_text *t, int n, const dg_view *v, const dg_report_options *o,
                           dg_diag *why)
{
    char title[300];
    if (n == 1)
        dg_format(title, sizeof title, "%s: %s", dg_view_text(v, "name", NULL), v->name);
    else
        dg_format(title, sizeof title, "%d runs", n);
    dg_page_begin(t, title, o->refresh);
    dg_status s = DG_OK;
    if (n == 1) {
        s = add_one(t, v, o, why);
    } else {
        dg_section_differences(t, n, v);
        dg_section_curves(t, n, v);
    }
    dg_page_end(t);
    return s == DG_OK && t->failed ? dg_diag_set(why, DG_EMEMORY, "out of memory") : s;
}

static dg_status write_page(int n, const dg_view *v, const char *run, const dg_report_options *o,
                            dg_diag *why)
{
    char file[PATH_MAX];
    dg_text t = dg_text_make(NULL);
    const char *out = o->out ? o->out : dg_run_file(run, "report.html", file, sizeof file);
    dg_status s = make_page(&t, n, v, o, why);
    if (s == DG_OK)
        s = dg_file_write(out, t.data, t.length, why);
    dg_text_free(&t);
    return s;
}

dg_status dg_report_write(int n, const char *const run[], dg_experiment *e,
                          const dg_report_options *o, dg_diag *why)
{
    dg_view *v = calloc((size_t)n, sizeof *v);
    dg_status s = v ? DG_OK : dg_diag_set(why, DG_EMEMORY, "out of memory");
    dg_view_options view = o->view;
    view.keeps = n == 1;
    int opened = 0;
    for (; opened < n && s == DG_OK; opened++)
        s = dg_view_open(&v[opened], run[opened], e, &view, why);
    if (s == DG_OK)
        s = write_page(n, v, run[0], o, why);
    for (int i = 0; i < opened; i++)
        dg_view_free(&v[i]);
    free(v);
    return s;
}
