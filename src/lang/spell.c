/* Names that mean nothing: what was meant, and cycles. */
#include "lang/build.h"

#include "lang/suggest.h"
#include <string.h>

/* ---- Names that are given further down ------------------------------------------------------ */

/* All assignments of a body, those of its repeats included, in the order of the text. */
typedef struct {
    const dg_stmt **list;
    int n, room;
} assigns;

static void collect(dg_builder *r, const dg_body *body, assigns *a)
{
    for (int i = 0; i < body->n; i++) {
        const dg_stmt *s = body->list[i];
        if (s->kind == DG_STMT_REPEAT)
            collect(r, &s->body, a);
        if (s->kind != DG_STMT_ASSIGN)
            continue;
        a->list = dg_heap_grow(&r->heap, a->list, a->n, &a->room, sizeof *a->list);
        a->list[a->n++] = s;
    }
}

static bool gives(const dg_stmt *s, const char *name)
{
    for (int i = 0; i < s->n_names; i++)
        if (strcmp(s->names[i].text, name) == 0)
            return true;
    return false;
}

/* Collects the names an expression uses. */
static void uses(dg_builder *r, const dg_expr *e, dg_dict *names)
{
    if (e->kind == DG_EXPR_NAME)
        dg_dict_put(&r->heap, names, e->text, r);
    for (int i = 0; i < e->n; i++)
        uses(r, e->args[i].value, names);
}

/* The first assignment of a name at or after list[from], -1: none. */
static int given_later(const assigns *a, int from, const char *name)
{
    for (int i = from; i < a->n; i++)
        if (gives(a->list[i], name))
            return i;
    return -1;
}

/* A path of needs from the name that list[at] gives back to list[from]: "b needs c, c needs a".
 * seen: assignments that lead nowhere. NULL: none. */
static const char *path(dg_builder *r, const assigns *a, int from, int at, const char *name,
                        bool *seen)
{
    dg_dict names = {0};
    if (seen[at] || !a->list[at]->value || r->depth >= DG_EVAL_DEPTH)
        return NULL;
    seen[at] = true;
    uses(r, a->list[at]->value, &names);
    const char *found = NULL;
    r->depth++;
    for (int i = 0; i < names.n && !found; i++) {
        int next = given_later(a, from, names.order[i]);
        if (gives(a->list[from], names.order[i]))
            found = dg_heap_printf(&r->heap, "%s needs %s", name, names.order[i]);
        else if (next >= 0)
            found = path(r, a, from, next, names.order[i], seen);
        if (found && !gives(a->list[from], names.order[i]))
            found = dg_heap_printf(&r->heap, "%s needs %s, %s", name, names.order[i], found);
    }
    r->depth--;
    return found;
}

/* A name that a later line gives: a cycle, or a line in the wrong place. False: there is none. */
static bool below(dg_builder *r, dg_line *l, const char *name, dg_span at)
{
    assigns a = {0};
    int from = 0;
    if (!l->scope->body)
        return false;
    collect(r, l->scope->body, &a);
    while (from < a.n && a.list[from] != l->stmt)
        from++;
    int given = from < a.n ? given_later(&a, from, name) : given_later(&a, 0, name);
    if (given < 0)
        return false;
    const char *first = l->stmt->n_names ? l->stmt->names[0].text : "";
    const char *cycle = NULL;
    if (from < a.n)
        cycle = given == from
                    ? ""
                    : path(r, &a, from, given, name, dg_heap_take(&r->heap, (size_t)a.n, 1));
    if (cycle)
        dg_refuse(r, at, NULL, "a graph has no cycles: a value is made of values above it",
                  "a cycle: %s needs %s%s%s", first, name, *cycle ? ", " : "", cycle);
    else
        dg_refuse(r, at, NULL, "a value is made of values above it: move that line up",
                  "'%s' is only given in line %d", name,
                  dg_source_line(&r->source, a.list[given]->at.start));
    return true;
}

/* A value, or what the file gives as one. */
static bool given_anywhere(dg_builder *r, dg_line *l, const char *name)
{
    assigns a = {0};
    if (l->scope->body)
        collect(r, l->scope->body, &a);
    for (int i = 0; i < r->model->n_ports; i++)
        if (strcmp(r->model->ports[i].name, name) == 0)
            return true;
    return given_later(&a, 0, name) >= 0;
}

const dg_item *dg_not_constant(dg_builder *r, const char *name, dg_span at)
{
    return dg_refuse(r, at, NULL, "a constant is a number, a word, a list or an initialiser",
                     "'%s' is a value of the graph", name);
}

/* ---- What was meant ------------------------------------------------------------------------- */

static void try_all(dg_suggest *s, const dg_dict *d)
{
    for (int i = 0; i < d->n; i++)
        dg_suggest_try(s, d->order[i]);
}

static const dg_node_type *type_of(const dg_builder *r, const char *name)
{
    return r->model->graph ? dg_type_find(r->model->graph, name) : NULL;
}

const dg_item *dg_unknown_name(dg_builder *r, dg_line *l, const char *name, dg_span at)
{
    const dg_dict *top = l->scope->top ? &l->scope->top->names : NULL;
    dg_suggest s = {.name = name};
    if (type_of(r, name) || dg_dict_find(&r->defs, name))
        return dg_refuse(r, at, NULL,
                         dg_heap_printf(&r->heap, "write %s(x), or x | %s", name, name),
                         "'%s' is a %s, not a value", name, type_of(r, name) ? "node" : "def");
    if (top && dg_dict_find(top, name))
        return dg_refuse(r, at, NULL, "a def sees its arguments and the lets of the file",
                         "'%s' is not an argument of this def", name);
    if (dg_dict_find(&r->lets, name))
        return dg_refuse(
            r, at, NULL, "a let stands above the lines that use it",
            "'%s' is only given in line %d", name,
            dg_source_line(&r->source, ((dg_stmt *)dg_dict_find(&r->lets, name))->at.start));
    if (l->constant && given_anywhere(r, l, name))
        return dg_not_constant(r, name, at);
    if (below(r, l, name, at))
        return dg_item_unknown(r, at);
    try_all(&s, &l->scope->names);
    try_all(&s, &r->lets);
    try_all(&s, &r->sizes);
    const char *fits = NULL;
    if (!s.best && strcmp(name, "N") == 0)
        fits = "N, the batch, is there where it is the first axis of an input or a target";
    return dg_refuse(r, at, s.best, fits, "unknown name '%s'", name);
}

const dg_item *dg_unknown_call(dg_builder *r, const char *name, dg_span at)
{
    dg_suggest s = {.name = name};
    const dg_node_type *t;
    if (type_of(r, name) || dg_dict_find(&r->defs, name))
        return dg_refuse(r, at, NULL, "a let holds a constant; a value is given without let",
                         "'%s' in a let is not a value", name);
    try_all(&s, &r->defs);
    for (int i = 0; r->model->graph && (t = dg_type_at(r->model->graph, i)); i++)
        dg_suggest_try(&s, t->name);
    dg_span word = {at.start, at.start + (int)strlen(name)};
    const char *fits = s.best ? NULL
                              : "dagrad nodes lists the nodes there are; one of your own needs "
                                "--node FILE.so";
    if (dg_word_find(r->vocabulary.metrics, r->vocabulary.n_metrics, name) >= 0)
        fits =
            dg_heap_printf(&r->heap, "a metric stands in a line of its own: metric %s(...)", name);
    return dg_refuse(r, word, s.best, fits, "unknown node '%s'", name);
}
