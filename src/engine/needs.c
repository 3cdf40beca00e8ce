/* Pass needs: which values need an error vector.
 *
 * Needs: order. Gives: wanted, depends, active. An error vector is computed only where something in
 * wrt (all parameters that are not frozen, by default), or of a gradient program in keep, lies
 * before the value, and a loss, or a value whose error vector the caller sets, lies after it. So
 * nothing is spent on the net's input, on labels, on frozen parameters. */
#include "engine/engine.h"

static dg_status mark_wanted(dg_program *p)
{
    const dg_graph *g = p->graph;
    const dg_options *o = &p->options;
    for (int i = 0; i < o->n_wrt; i++) {
        int32_t id = o->wrt[i].id;
        if (id < 1 || id > g->n_values)
            return dg_program_fail(p, NULL, DG_EUSAGE, "a value in wrt is not of this graph");
        if (g->values[id - 1].type == DG_I32)
            return dg_program_fail(p, NULL, DG_EUSAGE, "'%s' holds integers and has no gradient",
                                   g->values[id - 1].name);
        if (g->values[id - 1].kind == DG_STATE)
            return dg_program_fail(p, NULL, DG_EUSAGE, "'%s' is a state and has no gradient",
                                   g->values[id - 1].name);
        p->wanted[id - 1] = 1;
    }
    for (int i = 0; o->n_wrt == 0 && i < g->n_values; i++)
        p->wanted[i] = g->values[i].kind == DG_PARAMETER && !g->values[i].frozen;
    return DG_OK;
}

/* Values that change with something wanted. */
static void mark_depends(dg_program *p)
{
    const dg_graph *g = p->graph;
    int looks = p->options.mode == DG_RUN_GRADIENT;
    for (int i = 0; i < g->n_values; i++) {
        const dg_vertex *v = &g->values[i];
        int looked_at = looks && p->kept[i] == 2 && v->type == g->real && v->kind != DG_STATE;
        p->depends[i] = p->wanted[i] || looked_at;
    }
    for (int k = 0; k < p->n_order; k++) {
        const dg_node *n = &g->nodes[p->order[k]];
        int depends = 0;
        for (int i = 0; i < n->n_in && !(n->type->flags & DG_FLAT); i++)
            depends |= n->in[i] && p->depends[n->in[i] - 1];
        for (int j = 0; depends && j < n->n_out; j++)
            p->depends[n->out + j - 1] |= g->values[n->out + j - 1].type == g->real;
    }
}

dg_status dg_pass_needs(dg_program *p)
{
    const dg_graph *g = p->graph;
    if (mark_wanted(p) != DG_OK)
        return p->diag.code;
    mark_depends(p);
    if (p->options.mode == DG_RUN_INFER)
        return DG_OK;
    for (int i = 0; i < g->n_losses && p->options.n_start == 0; i++)
        p->active[g->losses[i].value - 1] = p->depends[g->losses[i].value - 1];
    for (int i = 0; i < p->options.n_start; i++)
        p->active[p->options.start[i].id - 1] = p->depends[p->options.start[i].id - 1];
    for (int k = p->n_order - 1; k >= 0; k--) {
        const dg_node *n = &g->nodes[p->order[k]];
        int active = 0;
        for (int j = 0; j < n->n_out; j++)
            active |= p->active[n->out + j - 1];
        for (int i = 0; active && i < n->n_in; i++)
            if (n->in[i])
                p->active[n->in[i] - 1] |= p->depends[n->in[i] - 1];
    }
    return DG_OK;
}
