/* Pass order: the nodes that are needed, in the order of the graph (inputs of a node come before
 * it).
 *
 * Needs: a graph without failure. Gives: kept, order, pruned. A node is needed if an output, a
 * loss, a kept value or a value with a start depends on it; a node that ends nowhere is pruned and
 * said. */
#include "engine/engine.h"
#include <stdio.h>

static dg_status check_value(dg_program *p, dg_value v, const char *list)
{
    if (v.id < 1 || v.id > p->graph->n_values)
        return dg_program_fail(p, NULL, DG_EUSAGE, "a value in %s is not of this graph", list);
    return DG_OK;
}

/* Marks the values that a caller asked for. Inference computes losses only if they are kept. */
static dg_status mark_ends(dg_program *p)
{
    const dg_graph *g = p->graph;
    const dg_options *o = &p->options;
    for (int i = 0; i < g->n_outputs; i++)
        p->kept[g->outputs[i].value - 1] = 1;
    for (int i = 0; i < g->n_losses && o->mode != DG_RUN_INFER; i++)
        p->kept[g->losses[i].value - 1] = 1;
    for (int i = 0; i < o->n_keep; i++) {
        if (check_value(p, o->keep[i], "keep") != DG_OK)
            return p->diag.code;
        p->kept[o->keep[i].id - 1] = 2;
    }
    for (int i = 0; i < o->n_start; i++) {
        if (check_value(p, o->start[i], "start") != DG_OK)
            return p->diag.code;
        p->kept[o->start[i].id - 1] |= 1;
        p->starts[o->start[i].id - 1] = 1;
    }
    return DG_OK;
}

static void say_pruned(dg_program *p, const dg_node *n)
{
    p->pruned++;
    if (!p->graph->host.log || p->options.mode == DG_RUN_INFER)
        return; /* inference leaves out losses and what leads to them: nothing to tell */
    char line[256];
    snprintf(line, sizeof line, "%s (%s) ends nowhere and is left out",
             n->name ? n->name : "a node", n->type->name);
    p->graph->host.log(p->graph->host.user, line);
}

dg_status dg_pass_order(dg_program *p)
{
    const dg_graph *g = p->graph;
    if (mark_ends(p) != DG_OK)
        return p->diag.code;
    uint8_t *used = p->used;
    uint8_t *needed = dg_arena_alloc(&p->lists, (size_t)g->n_nodes + 1);
    p->order = dg_arena_array(&p->lists, (size_t)g->n_nodes + 1, sizeof *p->order);
    if (!needed || !p->order)
        return dg_program_fail(p, NULL, DG_EMEMORY, "out of memory");
    for (int i = 0; i < g->n_values; i++)
        used[i] = p->kept[i];
    for (int k = g->n_nodes - 1; k >= 0; k--) {
        const dg_node *n = &g->nodes[k];
        for (int j = 0; j < n->n_out; j++)
            needed[k] |= used[n->out + j - 1];
        for (int i = 0; needed[k] && i < n->n_in; i++)
            if (n->in[i])
                used[n->in[i] - 1] = 1;
    }
    for (int k = 0; k < g->n_nodes; k++) {
        if (needed[k])
            p->order[p->n_order++] = k;
        else
            say_pruned(p, &g->nodes[k]);
    }
    return DG_OK;
}
