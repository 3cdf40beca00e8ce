/* Residuals of a regression: estimates against targets, their differences, a line a component. */
#include "report/chart.h"
#include "report/sections.h"
#include <math.h>
#include <stdlib.h>

enum { MOST_BARS = 40, LEAST_BARS = 8, DRAWN = 4 };

static void add_name(dg_text *t, const dg_versus *v, int64_t c)
{
    char room[32];
    dg_html(t, v->columns == 1 ? v->target_name : dg_versus_name(v, c, room));
}

/* A column a component, so that a narrow screen holds it. */
static void add_table(dg_text *t, const dg_versus *v)
{
    static const char *const name[] = {"mean difference", "mean absolute", "root mean square",
                                       "largest"};
    dg_text_add(t, "<div class=\"scroll\"><table><tr><th></th>");
    for (int64_t c = 0; c < v->columns; c++) {
        dg_text_add(t, "<th class=\"n\">");
        add_name(t, v, c);
        dg_text_add(t, "</th>");
    }
    for (int i = 0; i < 4; i++) {
        dg_text_printf(t, "</tr>\n<tr><th>%s</th>", name[i]);
        for (int64_t c = 0; c < v->columns; c++) {
            const dg_residuals *r = &v->residuals[c];
            const double cell[] = {r->sum / r->n, r->absolute / r->n, sqrt(r->squares / r->n),
                                   r->largest};
            dg_text_add(t, "<td class=\"n\">");
            dg_html_number(t, cell[i]);
            dg_text_add(t, "</td>");
        }
    }
    dg_text_add(t, "</tr>\n</table></div>\n");
}

static void draw_cloud(dg_text *t, const dg_versus *v, int64_t c)
{
    char room[32], title[200];
    const dg_residuals *r = &v->residuals[c];
    dg_line line = {.name = "",
                    .look = DG_LINE_POINTS,
                    .n = r->points,
                    .at = (const double(*)[2])(uintptr_t)r->point};
    dg_format(title, sizeof title, "%s",
              v->columns == 1 ? v->target_name : dg_versus_name(v, c, room));
    dg_chart chart = {.title = title,
                      .x = "target",
                      .y = "estimate by target",
                      .n = 1,
                      .line = &line,
                      .diagonal = 1};
    dg_chart_draw(t, &chart);
}

static void draw_bars(dg_text *t, const dg_residuals *r)
{
    double count[MOST_BARS] = {0}, most = 0;
    int bars = r->points / 4;
    bars = bars < LEAST_BARS ? LEAST_BARS : bars > MOST_BARS ? MOST_BARS : bars;
    for (int i = 0; i < r->points; i++)
        most = fmax(most, fabs(r->point[i][1] - r->point[i][0]));
    for (int i = 0; i < r->points; i++) {
        double at = (r->point[i][1] - r->point[i][0]) / (most > 0 ? most : 1);
        int k = (int)((at + 1) / 2 * bars);
        count[k < 0 ? 0 : k >= bars ? bars - 1 : k] += 1;
    }
    dg_histogram_draw(t, "estimate - target", "difference", bars, count, most > 0 ? -most : -1,
                      most > 0 ? most : 1);
}

void dg_section_residuals(dg_text *t, const dg_view *v)
{
    int n = 0;
    for (int i = 0; i < v->survey.n; i++) {
        const dg_versus *r = &v->survey.versus[i];
        if (r->kind != DG_OF_NUMBERS || !r->residuals || !(r->residuals[0].n > 0))
            continue;
        if (n++ == 0)
            dg_section_begin(t, "residuals", "Residuals");
        dg_text_add(t, "<h3>");
        dg_html(t, r->target_name);
        dg_text_add(t, " against ");
        dg_html(t, r->estimate_name);
        dg_text_printf(t, ", %s part</h3>\n<div class=\"grid\">\n", v->part);
        for (int64_t c = 0; c < r->columns && c < DRAWN; c++) {
            draw_cloud(t, r, c);
            draw_bars(t, &r->residuals[c]);
        }
        dg_text_add(t, "</div>\n");
        add_table(t, r);
    }
    if (n)
        dg_section_end(t);
}
