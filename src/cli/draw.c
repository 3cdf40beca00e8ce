/* Boxes and edges of a drawing, and their Graphviz text; see draw.h. */
#include "cli/draw.h"
#include "base/text.h"
#include "cli/fold.h"
#include "graph/graph.h"
#include <stdlib.h>
#include <string.h>

/* What is being made: the box of each value (by id - 1; -1: none), and how many nodes read it. */
typedef struct maker {
    const dg_dag *model;
    const dg_graph *graph;
    dg_drawing *to;
    const dg_fold *fold;
    int *box_of, *uses;
} maker;

static void count_uses(maker *m)
{
    for (int k = 0; k < m->graph->n_nodes; k++)
        for (int i = 0; i < m->graph->nodes[k].n_in; i++)
            if (m->graph->nodes[k].in[i])
                m->uses[m->graph->nodes[k].in[i] - 1]++;
}

/* A parameter or a state of one node is part of its box. */
static int is_drawn(const maker *m, int id)
{
    const dg_vertex *v = &m->graph->values[id - 1];
    switch (v->kind) {
    case DG_PARAMETER:
    case DG_STATE:
        return m->uses[id - 1] != 1;
    case DG_CONSTANT:
        return v->name && m->uses[id - 1] > 0;
    case DG_INPUT:
        return 1;
    case DG_RESULT:
        break;
    }
    return 0;
}

static dg_box_kind kind_of(const maker *m, int id)
{
    for (int i = 0; i < m->model->n_ports; i++)
        if (m->model->ports[i].value.id == id && m->model->ports[i].target)
            return BOX_TARGET;
    dg_kind kind = m->graph->values[id - 1].kind;
    return kind == DG_INPUT ? BOX_INPUT : kind == DG_CONSTANT ? BOX_CONSTANT : BOX_PARAMETER;
}

static void add_line(dg_box *b, const char *text)
{
    dg_format(b->line[b->n_lines++], DG_DRAW_ROOM, "%s", text);
}

static void add_shape(dg_box *b, const dg_vertex *v)
{
    char shape[128];
    dg_format(b->line[b->n_lines++], DG_DRAW_ROOM, "%s%s",
              dg_shape_text(&v->shape, shape, sizeof shape), v->type == DG_I32 ? " int" : "");
}

/* The name of a value or a node; of one that stands for a whole repeat, with a star for the
 * round. */
static void add_name(dg_box *b, const char *name)
{
    if (b->scope >= 0)
        dg_fold_name(name, b->line[b->n_lines++], DG_DRAW_ROOM);
    else
        add_line(b, name);
}

static void add_value(maker *m, int id)
{
    const dg_vertex *v = &m->graph->values[id - 1];
    dg_box *b = &m->to->box[m->to->n_boxes];
    b->kind = kind_of(m, id);
    b->value = id;
    b->scope = m->fold->value_scope[id - 1];
    add_name(b, v->name ? v->name : "");
    add_shape(b, v);
    m->box_of[id - 1] = m->to->n_boxes++;
}

static void mark_ends(const maker *m, const dg_node *n, dg_box *b)
{
    for (int j = n->out; j < n->out + n->n_out; j++) {
        for (int k = 0; k < m->graph->n_outputs; k++)
            b->is_output |= m->graph->outputs[k].value == j;
        for (int k = 0; k < m->graph->n_losses; k++)
            if (m->graph->losses[k].value == j)
                b->kind = BOX_LOSS;
    }
}

static int has_edge(const dg_edge list[], int n, int from, int to)
{
    for (int i = 0; i < n; i++)
        if (list[i].from == from && list[i].to == to)
            return 1;
    return 0;
}

/* The edges of a node; of a copy only those that differ from the edges of what stands for it: from
 * outside, or from the round before, which is a loop. */
static void add_edges(maker *m, int node, int to)
{
    const dg_node *n = &m->graph->nodes[node];
    dg_drawing *d = m->to;
    for (int i = 0; i < n->n_in; i++) {
        int from = n->in[i] ? m->box_of[n->in[i] - 1] : -1;
        int copy = m->fold->node[node] != node;
        if (from >= to && !has_edge(d->loop, d->n_loops, from, to))
            d->loop[d->n_loops++] = (dg_edge){.from = from, .to = to};
        else if (from >= 0 && from < to && !(copy && has_edge(d->edge, d->n_edges, from, to)))
            d->edge[d->n_edges++] = (dg_edge){.from = from, .to = to, .node = node, .input = i};
    }
}

static void add_node(maker *m, int node)
{
    const dg_node *n = &m->graph->nodes[node];
    int stands = m->fold->node[node], at = m->to->n_boxes;
    if (stands != node) {
        at = m->box_of[m->graph->nodes[stands].out - 1];
    } else {
        dg_box *b = &m->to->box[m->to->n_boxes++];
        b->kind = BOX_NODE;
        b->value = n->out;
        b->scope = m->fold->scope[node];
        if (n->name && strcmp(n->name, n->type->name) != 0)
            add_name(b, n->name);
        add_line(b, n->type->name);
        add_shape(b, &m->graph->values[n->out - 1]);
    }
    mark_ends(m, n, &m->to->box[at]);
    for (int j = 0; j < n->n_out; j++)
        m->box_of[n->out + j - 1] = at;
    add_edges(m, node, at);
}

static size_t most_edges(const dg_graph *g)
{
    size_t n = 0;
    for (int k = 0; k < g->n_nodes; k++)
        n += (size_t)g->nodes[k].n_in;
    return n;
}

static void add_values(maker *m)
{
    for (int id = 1; id <= m->graph->n_values; id++) {
        int stands = m->fold->value[id - 1];
        m->box_of[id - 1] = -1;
        if (stands != id)
            m->box_of[id - 1] = m->box_of[stands - 1];
        else if (is_drawn(m, id))
            add_value(m, id);
    }
}

static dg_status make_drawing(dg_drawing *d, const dg_dag *model, dg_fold *fold, dg_diag *why)
{
    const dg_graph *g = model->graph;
    size_t values = (size_t)g->n_values + 1;
    maker m = {
        model, g, d, fold, malloc(values * sizeof *m.box_of), calloc(values, sizeof *m.uses)};
    *d = (dg_drawing){.box = calloc(values + (size_t)g->n_nodes, sizeof *d->box),
                      .edge = calloc(most_edges(g) + 1, sizeof *d->edge),
                      .loop = calloc(most_edges(g) + 1, sizeof *d->loop)};
    dg_status s = DG_OK;
    if (!m.box_of || !m.uses || !d->box || !d->edge || !d->loop) {
        s = dg_diag_set(why, DG_EMEMORY, "out of memory");
    } else {
        count_uses(&m);
        add_values(&m);
        for (int k = 0; k < g->n_nodes; k++)
            add_node(&m, k);
        d->times = fold->times;
        d->n_scopes = fold->n_scopes;
        fold->times = NULL;
    }
    free(m.box_of);
    free(m.uses);
    return s;
}

dg_status dg_drawing_make(dg_drawing *d, const dg_dag *model, int unfold, dg_diag *why)
{
    dg_fold fold;
    *d = (dg_drawing){.n_boxes = 0};
    dg_status s = dg_fold_make(&fold, model->graph, unfold, why);
    if (s == DG_OK)
        s = make_drawing(d, model, &fold, why);
    dg_fold_free(&fold);
    return s;
}

void dg_drawing_free(dg_drawing *d)
{
    free(d->box);
    free(d->edge);
    free(d->loop);
    free(d->times);
    *d = (dg_drawing){.n_boxes = 0};
}

/* ---- Graphviz -------------------------------------------------------------------------------- */

static void put_quoted(dg_writer *w, const char *s)
{
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            dg_writer_put(w, "\\", 1);
        dg_writer_put(w, s, 1);
    }
}

static void put_box(dg_writer *w, int k, const dg_box *b, int times)
{
    static const char *const style[] = {
        "shape=ellipse, style=filled, fillcolor=\"#dbe9f6\"",
        "shape=ellipse, style=filled, fillcolor=\"#fbe3d0\"",
        "shape=box, style=\"rounded,dashed\"",
        "shape=box, style=dotted",
        "shape=box, style=filled, fillcolor=white",
        "shape=box, style=filled, fillcolor=\"#f6d5d5\"",
    };
    dg_writer_print(w, "    b%d [%s%s, label=\"", k, style[b->kind],
                    b->is_output ? ", peripheries=2" : "");
    for (int i = 0; i < b->n_lines; i++) {
        dg_writer_print(w, "%s", i ? "\\n" : "");
        put_quoted(w, b->line[i]);
    }
    if (times > 0)
        dg_writer_print(w, "\\n%d times", times);
    dg_writer_print(w, "\"];\n");
}

dg_status dg_draw_dot(const dg_drawing *d, const char *name, const char *path, dg_diag *why)
{
    dg_writer *w = NULL;
    if (dg_writer_open(&w, path, why) != DG_OK)
        return why->code;
    dg_writer_print(w, "digraph \"");
    put_quoted(w, name);
    dg_writer_print(w, "\" {\n    node [fontname=\"sans-serif\", fontsize=10];\n");
    for (int k = 0; k < d->n_boxes; k++)
        put_box(w, k, &d->box[k], d->box[k].scope < 0 ? 0 : d->times[d->box[k].scope]);
    for (int k = 0; k < d->n_edges; k++)
        dg_writer_print(w, "    b%d -> b%d;\n", d->edge[k].from, d->edge[k].to);
    for (int k = 0; k < d->n_loops; k++)
        dg_writer_print(w, "    b%d -> b%d [style=dashed, constraint=false];\n", d->loop[k].from,
                        d->loop[k].to);
    dg_writer_print(w, "}\n");
    return dg_writer_end(w, DG_OK);
}
