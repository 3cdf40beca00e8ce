/* The reversed graph, from the calls of a program: which call made an error vector, which calls
 * read it. */
#include "base/text.h"
#include "cli/draw.h"
#include "cli/reverse.h"
#include "engine/engine.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *value_name(const dg_graph *g, int32_t id)
{
    return g->values[id - 1].name ? g->values[id - 1].name : "a value";
}

static const char *node_name(const dg_graph *g, int32_t node)
{
    return g->nodes[node].name ? g->nodes[node].name : g->nodes[node].type->name;
}

/* What a call does, in words. */
static void title(const dg_program *p, const dg_item *it, char *text, size_t size)
{
    const dg_graph *g = p->graph;
    const dg_plan *q = &p->plan[0];
    if (it->kind == ITEM_ADJOINT)
        snprintf(text, size, "G of %s", node_name(g, it->node));
    else if (it->kind == ITEM_SEED && p->options.n_start == 0)
        snprintf(text, size, "loss %s", value_name(g, g->losses[it->input].value));
    else if (it->kind == ITEM_SEED)
        snprintf(text, size, "start at %s", value_name(g, p->options.start[it->input].id));
    else if (it->kind == ITEM_ZERO)
        snprintf(text, size, "0");
    else
        snprintf(text, size, "%s for %s", it->in[1] == DG_NONE ? "copy" : "sum",
                 value_name(g, q->slots[it->out[0]].of));
}

static int is_drawn(const dg_item *it)
{
    return it->phase == PHASE_ADJOINT && it->adds != ADDS_AFTER;
}

/* The name of a slot's memory after views: the slot that the value was written to. */
static int32_t written(const dg_plan *q, int32_t slot)
{
    while (slot != DG_NONE && q->slots[slot].view != DG_NONE)
        slot = q->slots[slot].view;
    return slot;
}

typedef struct drawer {
    dg_drawing *d;
    const dg_program *p;
    int *maker; /* by slot: the box that wrote it last, -1: none */
    int box, room;
} drawer;

static void add_edge(drawer *w, int32_t slot)
{
    int32_t s = written(&w->p->plan[0], slot);
    if (s != DG_NONE && w->maker[s] >= 0 && w->d->n_edges < w->room)
        w->d->edge[w->d->n_edges++] = (dg_edge){w->maker[s], w->box};
}

/* A gradient that nothing reads on is an end of the reversed graph. */
static void add_gradient(drawer *w, int32_t slot)
{
    const dg_slot *s = &w->p->plan[0].slots[slot];
    if (s->kind != SLOT_GRADIENT)
        return;
    dg_box *b = &w->d->box[w->d->n_boxes];
    *b = (dg_box){.kind = BOX_PARAMETER, .n_lines = 1};
    snprintf(b->line[0], DG_DRAW_ROOM, "g of %s", value_name(w->p->graph, s->of));
    w->d->edge[w->d->n_edges++] = (dg_edge){w->box, w->d->n_boxes++};
}

static void draw_item(drawer *w, const dg_item *it)
{
    dg_box *b = &w->d->box[w->d->n_boxes];
    w->box = w->d->n_boxes++;
    *b = (dg_box){.kind = it->kind == ITEM_SEED ? BOX_LOSS : BOX_NODE, .n_lines = 1};
    title(w->p, it, b->line[0], DG_DRAW_ROOM);
    for (int j = 0; j < it->n_out; j++)
        if (it->eps[j] != DG_NONE)
            add_edge(w, it->eps[j]);
    for (int i = 0; it->kind == ITEM_ADD && i < it->n_in; i++)
        if (it->in[i] != DG_NONE)
            add_edge(w, it->in[i]);
    const int32_t *list = it->kind == ITEM_ADJOINT ? it->delta : it->out;
    for (int i = 0; i < (it->kind == ITEM_ADJOINT ? it->n_in : it->n_out); i++) {
        if (list[i] == DG_NONE)
            continue;
        w->maker[written(&w->p->plan[0], list[i])] = w->box;
        add_gradient(w, list[i]);
    }
}

dg_status dg_drawing_reverse(dg_drawing *d, const dg_program *p, dg_diag *why)
{
    const dg_plan *q = &p->plan[0];
    size_t room = 1;
    for (int k = 0; k < q->n_items; k++)
        room += (size_t)(2 + 2 * q->items[k].n_in + 2 * q->items[k].n_out);
    drawer w = {.d = d, .p = p, .room = (int)room};
    *d = (dg_drawing){.box = calloc(room, sizeof *d->box), .edge = calloc(room, sizeof *d->edge)};
    w.maker = malloc(((size_t)q->n_slots + 1) * sizeof *w.maker);
    if (!d->box || !d->edge || !w.maker) {
        free(w.maker);
        dg_drawing_free(d);
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    }
    for (int k = 0; k < q->n_slots; k++)
        w.maker[k] = -1;
    for (int k = 0; k < q->n_items; k++)
        if (is_drawn(&q->items[k]))
            draw_item(&w, &q->items[k]);
    free(w.maker);
    return DG_OK;
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
