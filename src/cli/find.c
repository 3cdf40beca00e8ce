/* Values by name; see find.h. */
#include "cli/find.h"
#include "graph/graph.h"
#include "lang/suggest.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LISTED = 20 };

/* The last value of a statement of the language: z is z@2.conv if that came last. */
static dg_value last_of(const dg_graph *g, const char *name)
{
    size_t n = strlen(name);
    dg_value found = {0};
    for (int id = 1; id <= g->n_values; id++) {
        const dg_vertex *v = &g->values[id - 1];
        if (v->kind == DG_RESULT && v->name && strncmp(v->name, name, n) == 0 &&
            (v->name[n] == '.' || v->name[n] == '@'))
            found.id = id;
    }
    return found;
}

/* By its whole name, or as an output. */
static dg_value exactly(const dg_graph *g, const char *name)
{
    const char *output;
    for (int id = 1; id <= g->n_values; id++)
        if (g->values[id - 1].name && strcmp(g->values[id - 1].name, name) == 0)
            return (dg_value){id};
    for (int i = 0; i < dg_graph_outputs(g); i++) {
        dg_value v = dg_graph_output(g, i, &output);
        if (output && strcmp(output, name) == 0)
            return v;
    }
    return (dg_value){0};
}

/* Marks what v is computed from, v too. NULL: out of memory. */
static uint8_t *mark_before(const dg_graph *g, dg_value v)
{
    uint8_t *before = calloc((size_t)g->n_values + 1, 1);
    if (!before)
        return NULL;
    before[v.id] = 1;
    dg_graph_mark_before(g, before);
    return before;
}

int dg_depends_on(const dg_graph *g, dg_value v, dg_value a)
{
    uint8_t *before = mark_before(g, v);
    int found = before && before[a.id];
    free(before);
    return found;
}

void dg_list_values(const dg_graph *g, dg_value to, int differentiable, dg_text *text)
{
    uint8_t *before = to.id ? mark_before(g, to) : NULL;
    int n = 0;
    for (int id = 1; id <= g->n_values; id++) {
        const dg_vertex *v = &g->values[id - 1];
        if (!v->name || (before && !before[id]) || (differentiable && v->type != g->real))
            continue;
        if (n < LISTED)
            dg_text_printf(text, "%s%s", n ? ", " : "", v->name);
        n++;
    }
    if (n > LISTED)
        dg_text_printf(text, " and %d more (dagrad show lists them)", n - LISTED);
    free(before);
}

static void tell_names(const dg_command *c, const char *option, const dg_graph *g, const char *name)
{
    dg_suggest s = {.name = name};
    dg_text all = dg_text_make(NULL);
    for (int id = 1; id <= g->n_values; id++)
        if (g->values[id - 1].name)
            dg_suggest_try(&s, g->values[id - 1].name);
    dg_list_values(g, (dg_value){0}, 0, &all);
    fprintf(stderr, "dagrad %s: --%s names '%s', which the model has not%s%s%s; it has: %s\n",
            c->name, option, name, s.best ? ", did you mean '" : "", s.best ? s.best : "",
            s.best ? "'?" : "", all.data ? all.data : "no values");
    dg_text_free(&all);
}

dg_value dg_find_value(const dg_command *c, const char *option, const dg_graph *g, const char *name)
{
    dg_value v = exactly(g, name);
    if (!v.id)
        v = last_of(g, name);
    if (!v.id)
        tell_names(c, option, g, name);
    return v;
}
