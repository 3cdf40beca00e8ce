/* Curves of the loss, its terms, the metrics and the rate by step: of one run by part of the data,
 * of several runs over one another. */
#include "report/chart.h"
#include "report/sections.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LINES = 64 };

static const char *const kinds[] = {"validation", "epoch", "step"};

static dg_line line_of(const dg_series *s, const char *name, dg_line_look look, int colour)
{
    return (dg_line){.name = name,
                     .look = look,
                     .colour = colour,
                     .n = s->n,
                     .at = (const double(*)[2])(uintptr_t)s->at};
}

/* Of one run: steps, epochs, validation. */
static int lines_of_one(const dg_record *r, const char *name, dg_line line[])
{
    const dg_series *step = dg_record_find(r, "step", name);
    const dg_series *epoch = dg_record_find(r, "epoch", name);
    const dg_series *held = dg_record_find(r, "validation", name);
    int is_rate = strcmp(name, "rate") == 0; /* a function of the step */
    int n = 0;
    if (step && step->n > 1)
        line[n++] = line_of(step, "batches", is_rate ? DG_LINE_PLAIN : DG_LINE_THIN, 0);
    if (epoch && !is_rate && epoch->n > 0 && !(epoch->n == 1 && n))
        line[n++] = line_of(epoch, "training", DG_LINE_PLAIN, 0);
    if (held && !is_rate && held->n > 0)
        line[n++] = line_of(held, "validation", DG_LINE_PLAIN, 1);
    return n;
}

/* Of several: of each the best that all of them have. */
static int lines_of_many(int n, const dg_view *v, const char *name, const char **kind,
                         dg_line line[])
{
    int found = 0, first = strcmp(name, "rate") == 0 ? 2 : 0;
    for (int k = first; k < 3 && found == 0; k++) {
        int all = 1;
        *kind = kinds[k];
        for (int i = 0; i < n; i++) {
            const dg_series *s = dg_record_find(&v[i].record, kinds[k], name);
            all &= !s || s->n > 1 || k == 2;
            found += s && s->n > 0;
        }
        found = all ? found : 0;
    }
    int lines = 0;
    for (int i = 0; i < n && found; i++) {
        const dg_series *s = dg_record_find(&v[i].record, *kind, name);
        if (s)
            line[lines++] = line_of(s, v[i].name, i < 8 ? DG_LINE_PLAIN : DG_LINE_DASHED, i);
    }
    return lines;
}

/* "metric accuracy" is shown as accuracy. */
static const char *shown(const char *name)
{
    const char *space = strchr(name, ' ');
    return space ? space + 1 : name;
}

static void add_chart(dg_text *t, int n, const dg_view *v, const char *name)
{
    dg_line line[MOST_LINES];
    const char *kind = "";
    int is_loss = strcmp(name, "loss") == 0 || strncmp(name, "term ", 5) == 0;
    int lines =
        n == 1 ? lines_of_one(&v->record, name, line) : lines_of_many(n, v, name, &kind, line);
    if (lines == 0)
        return;
    dg_chart c = {.title = shown(name),
                  .x = "step",
                  .n = lines,
                  .line = line,
                  .whole = 1,
                  .bare = strcmp(name, "rate") == 0,
                  .logarithmic = is_loss && dg_chart_wants_logarithm(lines, line)};
    if (n > 1 && !c.bare)
        c.y = strcmp(kind, "epoch") == 0  ? "training"
              : strcmp(kind, "step") == 0 ? "batches"
                                          : kind;
    dg_chart_draw(t, &c);
}

static int is_constant(const dg_series *s)
{
    for (int i = 1; i < s->n; i++)
        if (s->at[i][1] < s->at[0][1] || s->at[i][1] > s->at[0][1])
            return 0;
    return 1;
}

/* A term that is the whole loss is not drawn twice. */
static int is_drawn(const dg_record *r, const char *name)
{
    int terms = 0;
    for (int i = 0; i < r->n; i++)
        terms +=
            strcmp(r->series[i].kind, "step") == 0 && strncmp(r->series[i].name, "term ", 5) == 0;
    return terms > 1 || strncmp(name, "term ", 5) != 0;
}

void dg_section_curves(dg_text *t, int n, const dg_view *v)
{
    const dg_record *r = &v->record;
    n = n < MOST_LINES ? n : MOST_LINES;
    if (r->n == 0)
        return;
    dg_section_begin(t, "curves", "Curves");
    dg_text_add(t, "<div class=\"grid\">\n");
    for (int i = 0; i < r->n; i++) {
        const dg_series *s = &r->series[i];
        int is_rate = strcmp(s->name, "rate") == 0;
        int first = s == dg_record_find(r, "step", s->name) || !dg_record_find(r, "step", s->name);
        if (first && !is_rate && is_drawn(r, s->name))
            add_chart(t, n, v, s->name);
    }
    const dg_series *rate = dg_record_find(r, "step", "rate");
    if (rate && (n > 1 || !is_constant(rate)))
        add_chart(t, n, v, "rate");
    dg_text_add(t, "</div>\n");
    dg_section_end(t);
}
