/* The reversed graph of a program: one G a node that has an error vector to take, a sum where a
 * value fans out, the gradients at the ends. */
#include "base/text.h"
#include "cli/draw.h"
#include "cli/reverse.h"
#include "engine/engine.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct drawer {
    dg_drawing *d;
    const dg_program *p;
    const dg_graph *g;
    int *box_of; /* by node: its G, -1: none yet */
} drawer;

static const char *value_name(const dg_graph *g, int32_t id)
{
    return g->values[id - 1].name ? g->values[id - 1].name : "a value";
}

static int add_box(drawer *w, dg_box_kind kind, const char *what, const char *name)
{
    dg_box *b = &w->d->box[w->d->n_boxes];
    *b = (dg_box){.kind = kind, .scope = -1, .n_lines = 1};
    dg_format(b->line[0], DG_DRAW_ROOM, "%s %s", what, name);
    return w->d->n_boxes++;
}

static void add_edge(drawer *w, int from, int to)
{
    w->d->edge[w->d->n_edges++] = (dg_edge){.from = from, .to = to};
}

/* Where back propagation starts at the value; -1: not there. */
static int seed_of(drawer *w, int32_t id)
{
    const dg_options *o = &w->p->options;
    for (int i = 0; i < o->n_start; i++)
        if (o->start[i].id == id)
            return add_box(w, BOX_LOSS, "start at", value_name(w->g, id));
    for (int i = 0; o->n_start == 0 && i < w->g->n_losses; i++)
        if (w->g->losses[i].value == id)
            return add_box(w, BOX_LOSS, "loss", value_name(w->g, id));
    return -1;
}

/* The boxes from which error vectors of a value come, the last reader first. room: as many as it
 * has readers, and one. Returns how many. */
static int find_sources(drawer *w, int32_t id, int from[])
{
    int n = 0, seed = seed_of(w, id);
    if (seed >= 0)
        from[n++] = seed;
    for (int k = w->p->n_order - 1; k >= 0; k--) {
        int32_t node = w->p->order[k];
        const dg_node *reader = &w->g->nodes[node];
        for (int i = 0; w->box_of[node] >= 0 && i < reader->n_in; i++)
            if (reader->in[i] == id)
                from[n++] = w->box_of[node];
    }
    return n;
}

/* The box that holds the error vector of a value, a sum where several come; -1: it has none. */
static int gather(drawer *w, int32_t id, int from[])
{
    int n = w->p->active[id - 1] ? find_sources(w, id, from) : 0;
    if (n < 2)
        return n ? from[0] : -1;
    int sum = add_box(w, BOX_NODE, "sum for", value_name(w->g, id));
    for (int i = 0; i < n; i++)
        add_edge(w, from[i], sum);
    return sum;
}

static void draw_node(drawer *w, int32_t node, int from[])
{
    const dg_node *n = &w->g->nodes[node];
    int eps[DG_MAX_OUT], any = 0;
    for (int j = 0; j < n->n_out; j++) {
        eps[j] = gather(w, n->out + j, from);
        any |= eps[j] >= 0;
    }
    if (!any)
        return;
    w->box_of[node] = add_box(w, BOX_NODE, "G of", n->name ? n->name : n->type->name);
    for (int j = 0; j < n->n_out; j++)
        if (eps[j] >= 0)
            add_edge(w, eps[j], w->box_of[node]);
}

/* Gradients that are wanted are the ends of the reversed graph. */
static void draw_gradients(drawer *w, int from[])
{
    for (int id = 1; id <= w->g->n_values; id++) {
        if (w->g->values[id - 1].kind == DG_RESULT || !w->p->wanted[id - 1])
            continue;
        int eps = gather(w, id, from);
        if (eps >= 0)
            add_edge(w, eps, add_box(w, BOX_PARAMETER, "g of", value_name(w->g, id)));
    }
}

/* Boxes and edges that there can be. */
static size_t count_room(const dg_graph *g)
{
    size_t room = 2 * (size_t)g->n_values + (size_t)g->n_losses + 2;
    for (int k = 0; k < g->n_nodes; k++)
        room += 2 * (size_t)(g->nodes[k].n_in + g->nodes[k].n_out) + 2;
    return room;
}

dg_status dg_drawing_reverse(dg_drawing *d, const dg_program *p, dg_diag *why)
{
    size_t room = count_room(p->graph);
    drawer w = {.d = d, .p = p, .g = p->graph};
    int *from = malloc(room * sizeof *from);
    *d = (dg_drawing){.box = calloc(room, sizeof *d->box), .edge = calloc(room, sizeof *d->edge)};
    w.box_of = malloc(((size_t)p->graph->n_nodes + 1) * sizeof *w.box_of);
    if (d->box && d->edge && w.box_of && from) {
        for (int k = 0; k < p->graph->n_nodes; k++)
            w.box_of[k] = -1;
        for (int k = p->n_order - 1; k >= 0; k--)
            draw_node(&w, p->order[k], from);
        draw_gradients(&w, from);
    } else {
        dg_drawing_free(d);
        dg_diag_set(why, DG_EMEMORY, "out of memory");
    }
    free(w.box_of);
    free(from);
    return why->code;
}

void dg_reverse_print(const dg_drawing *d)
{
    for (int k = 0; k < d->n_boxes; k++) {
        const char *sign = " <- ";
        printf("%s", d->box[k].line[0]);
        for (int e = 0; e < d->n_edges; e++) {
            if (d->edge[e].to != k)
                continue;
            printf("%s%s", sign, d->box[d->edge[e].from].line[0]);
            sign = " + ";
        }
        printf("\n");
    }
}
