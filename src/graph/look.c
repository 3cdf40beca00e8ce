/* Outputs and losses of a graph, and looking at what it holds. */
#include "graph/make.h"

#include "base/text.h"
#include <math.h>
#include <string.h>

static int is_taken(const dg_term *terms, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (strcmp(terms[i].name, name) == 0)
            return 1;
    return 0;
}

/* The name as the graph keeps it: by default that of the value, numbered where it is taken. */
static const char *name_term(dg_graph *g, const dg_term *terms, int n, const char *what,
                             const char *name, const dg_vertex *v)
{
    char numbered[256];
    if (name && is_taken(terms, n, name)) {
        dg_graph_fail(g, name, DG_EMODEL, "two %s are named '%s'", what, name);
        return NULL;
    }
    if (name || !is_taken(terms, n, v->name))
        return dg_graph_copy(g, name ? name : v->name);
    for (int k = 2;; k++) {
        dg_format(numbered, sizeof numbered, "%.200s%d", v->name, k);
        if (!is_taken(terms, n, numbered))
            return dg_graph_copy(g, numbered);
    }
}

void dg_output(dg_graph *g, const char *name, dg_value v)
{
    if (!g || g->diag.code != DG_OK)
        return;
    const dg_vertex *vertex = dg_graph_vertex(g, v);
    if (!vertex) {
        dg_graph_fail(g, name, DG_EUSAGE, "the output is not a value of this graph");
        return;
    }
    dg_term *terms = dg_graph_room(g, g->outputs, g->n_outputs, &g->room_outputs, sizeof *terms);
    if (!terms)
        return;
    g->outputs = terms;
    dg_term t = {.value = v.id};
    t.name = name_term(g, terms, g->n_outputs, "outputs", name, vertex);
    if (t.name)
        terms[g->n_outputs++] = t;
}

static dg_status check_loss(dg_graph *g, const char *name, const dg_vertex *v, double weight)
{
    if (!v)
        return dg_graph_fail(g, name, DG_EUSAGE, "the loss is not a value of this graph");
    if (v->type != g->real)
        return dg_graph_fail(g, name ? name : v->name, DG_EMODEL,
                             "the loss '%s' holds integers, it takes real values",
                             name ? name : v->name);
    if (!isfinite(weight))
        return dg_graph_fail(g, name ? name : v->name, DG_EMODEL,
                             "the weight of loss '%s' is not finite", name ? name : v->name);
    return DG_OK;
}

void dg_loss(dg_graph *g, const char *name, dg_value v, double weight)
{
    if (!g || g->diag.code != DG_OK)
        return;
    const dg_vertex *vertex = dg_graph_vertex(g, v);
    if (check_loss(g, name, vertex, weight) != DG_OK)
        return;
    dg_term *terms = dg_graph_room(g, g->losses, g->n_losses, &g->room_losses, sizeof *terms);
    if (!terms)
        return;
    g->losses = terms;
    dg_term t = {.value = v.id, .weight = weight};
    t.name = name_term(g, terms, g->n_losses, "losses", name, vertex);
    if (t.name)
        terms[g->n_losses++] = t;
}

int dg_graph_outputs(const dg_graph *g)
{
    return g ? g->n_outputs : 0;
}

int dg_graph_losses(const dg_graph *g)
{
    return g ? g->n_losses : 0;
}

static dg_value term_at(const dg_term *terms, int n, int k, const char **name, double *weight)
{
    int there = k >= 0 && k < n;
    if (name)
        *name = there ? terms[k].name : NULL;
    if (weight)
        *weight = there ? terms[k].weight : 0;
    return (dg_value){there ? terms[k].value : 0};
}

dg_value dg_graph_output(const dg_graph *g, int k, const char **name)
{
    return term_at(g ? g->outputs : NULL, dg_graph_outputs(g), k, name, NULL);
}

dg_value dg_graph_loss(const dg_graph *g, int k, const char **name, double *weight)
{
    return term_at(g ? g->losses : NULL, dg_graph_losses(g), k, name, weight);
}

int dg_graph_values(const dg_graph *g)
{
    return g ? g->n_values : 0;
}

dg_status dg_value_look(const dg_graph *g, dg_value v, dg_value_info *info)
{
    const dg_vertex *x = dg_graph_vertex(g, v);
    if (info)
        memset(info, 0, sizeof *info);
    if (!x || !info)
        return DG_EUSAGE;
    *info = (dg_value_info){.name = x->name,
                            .kind = x->kind,
                            .type = x->type,
                            .shape = x->shape,
                            .node = x->kind == DG_RESULT ? g->nodes[x->node].type : NULL,
                            .init = x->init,
                            .part = x->part,
                            .frozen = x->frozen,
                            .start = x->start,
                            .end = x->end};
    return DG_OK;
}

dg_value dg_value_find(const dg_graph *g, const char *name)
{
    if (!g || !name)
        return (dg_value){0};
    int32_t id = dg_names_value(g, name);
    int node = id ? -1 : dg_names_node(g, name);
    return (dg_value){node >= 0 ? g->nodes[node].out : id};
}

dg_value dg_value_part(dg_graph *g, dg_value first, int k)
{
    const dg_value none = {0};
    if (!g || g->diag.code != DG_OK)
        return none;
    const dg_vertex *v = dg_graph_vertex(g, first);
    if (!v) {
        dg_graph_fail(g, NULL, DG_EUSAGE, "a part of what is not a value of this graph");
        return none;
    }
    int there = v->kind == DG_RESULT ? g->nodes[v->node].n_out : 1;
    if (v->part != 0 || k < 0 || k >= there) {
        dg_graph_fail(g, v->name, DG_EUSAGE, "'%s' has no part %d, it has %d", v->name, k, there);
        return none;
    }
    return (dg_value){first.id + k};
}

/* ---- What depends on what -------------------------------------------------------------------- */

void dg_graph_mark_before(const dg_graph *g, uint8_t *marked)
{
    for (int k = g->n_nodes - 1; k >= 0; k--) {
        const dg_node *n = &g->nodes[k];
        int any = 0;
        for (int j = 0; j < n->n_out; j++)
            any |= marked[n->out + j];
        for (int i = 0; any && i < n->n_in; i++)
            marked[n->in[i]] = 1;
    }
}
