/* A program in figures: memory, calls, operations, time by node. */
#include "engine/engine.h"
#include <string.h>

static int is_parameter(const dg_program *p, int32_t id)
{
    return p->graph->values[id - 1].kind == DG_PARAMETER;
}

/* Operations of a node for the first plan: forward (phase 0), error vectors of its inputs (1),
 * gradients of its parameters (2). */
static double node_flops(const dg_program *p, const dg_plan *q, int32_t k, int phase)
{
    const dg_node *n = &p->graph->nodes[k];
    dg_shape in[8];
    double sum = 0;
    for (int i = 0; i < n->n_in && i < 8; i++)
        in[i] = n->in[i] ? q->shapes[n->in[i] - 1] : (dg_shape){.rank = -1};
    if (n->type->flags & DG_VIEW)
        return 0;
    if (!n->type->flops || n->n_in > 8)
        return phase < 2 ? (double)dg_shape_count(&q->shapes[n->out - 1]) : 0;
    dg_sizes of = dg_node_sizes(p, n, in);
    if (phase == 0)
        return n->type->flops(&of, -1);
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] && p->active[n->in[i] - 1] && is_parameter(p, n->in[i]) == (phase == 2))
            sum += n->type->flops(&of, i);
    return sum;
}

double dg_step_flops(const dg_program *p)
{
    double sum = 0;
    for (int k = 0; k < p->n_order; k++) {
        sum += node_flops(p, &p->plan[0], p->order[k], 0);
        for (int phase = 1; phase < 3 && p->active[p->graph->nodes[p->order[k]].out - 1]; phase++)
            sum += node_flops(p, &p->plan[0], p->order[k], phase);
    }
    return sum;
}

void dg_program_look(const dg_program *p, dg_program_info *info)
{
    if (!info)
        return;
    if (!p) {
        memset((char *)info + sizeof info->size, 0, info->size - sizeof info->size);
        return;
    }
    const dg_plan *q = &p->plan[0];
    size_t live = 0, size = info->size;
    for (int i = 0; i < p->n_plans; i++)
        live = p->plan[i].live > live ? p->plan[i].live : live;
    dg_program_info all = {.size = size,
                           .arena = p->arena_bytes,
                           .live = p->persistent + live + (size_t)p->threads * p->scratch,
                           .memory = p->memory.bytes,
                           .calls = q->n_items,
                           .segments = q->n_segments,
                           .fusions = q->fusions,
                           .in_place = q->in_place,
                           .views = q->views,
                           .pruned = p->pruned,
                           .threads = p->threads,
                           .flops = p->diag.code == DG_OK ? dg_step_flops(p) : 0,
                           .isa = p->isa ? p->isa->name : ""};
    memcpy(info, &all, size < sizeof all ? size : sizeof all);
}

size_t dg_program_bytes(const dg_program *p)
{
    return p ? p->arena_bytes : 0;
}

void dg_program_clock(dg_program *p, int on)
{
    if (!p || !p->ready)
        return;
    p->clocked = on;
    memset(p->clock, 0, (size_t)p->threads * (size_t)p->graph->n_nodes * sizeof *p->clock);
}

dg_status dg_program_time(const dg_program *p, int node, int phase, const char **name,
                          double *seconds, double *flops)
{
    if (!name || !seconds || !flops)
        return DG_EUSAGE;
    *name = NULL;
    *seconds = *flops = 0;
    if (!p || !p->ready || node < 0 || node >= p->n_order || phase < 0 || phase > 2)
        return DG_EUSAGE;
    int32_t k = p->order[node];
    const dg_node *n = &p->graph->nodes[k];
    *name = n->name ? n->name : n->type->name;
    for (int t = 0; t < p->threads; t++)
        *seconds += p->clock[(size_t)t * (size_t)p->graph->n_nodes + (size_t)k].seconds[phase];
    *flops = node_flops(p, &p->plan[0], k, phase);
    return DG_OK;
}
