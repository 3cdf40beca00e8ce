/* A step: forward, the loss, adjoint, tangent. */
#include "engine/engine.h"
#include <math.h>

dg_status dg_forward(dg_program *p, int64_t rows, uint64_t step)
{
    if (p->diag.code != DG_OK)
        return p->diag.code;
    int k = rows == p->plan[0].batch                      ? 0
            : p->n_plans == 2 && rows == p->plan[1].batch ? 1
                                                          : DG_NONE;
    if (k == DG_NONE)
        return dg_program_fail(p, NULL, DG_EUSAGE, "this program runs %lld rows%s, not %lld",
                               (long long)p->plan[0].batch, p->n_plans == 2 ? " or its last" : "",
                               (long long)rows);
    p->current = k;
    p->step = step;
    return dg_run_phase(p, &p->plan[k], PHASE_FORWARD);
}

static int valid_term(const dg_program *p, int term)
{
    return p->diag.code == DG_OK && p->current != DG_NONE && term >= 0 && term < p->graph->n_losses;
}

/* The item that made a value in the forward pass, NULL if a leaf or a view did. */
static const dg_item *maker(const dg_plan *q, int32_t node)
{
    for (int i = 0; i < q->n_items; i++)
        if (q->items[i].kind == ITEM_FORWARD && q->items[i].node == node)
            return &q->items[i];
    return NULL;
}

int64_t dg_loss_pairs(dg_program *p, int term)
{
    if (!valid_term(p, term))
        return 0;
    const dg_plan *q = &p->plan[p->current];
    int32_t id = p->graph->losses[term].value;
    const dg_vertex *v = &p->graph->values[id - 1];
    if (!dg_has_rows(p->graph, id))
        return 1;
    const dg_item *it = v->node >= 0 ? maker(q, v->node) : NULL;
    if (!it || !p->graph->nodes[v->node].type->pairs)
        return q->batch;
    dg_call c = it->call;
    return p->graph->nodes[v->node].type->pairs(&c);
}

/* 1/K of a term. */
static double per_pair(dg_program *p, int term, int64_t pairs)
{
    if (!dg_has_rows(p->graph, p->graph->losses[term].value))
        return 1;
    int64_t k = pairs > 0 ? pairs : dg_loss_pairs(p, term);
    return k > 0 ? 1 / (double)k : 0;
}

dg_status dg_loss_value(dg_program *p, int term, int64_t pairs, double *value)
{
    *value = 0;
    if (p->diag.code != DG_OK)
        return p->diag.code;
    if (p->current == DG_NONE || term < -1 || term >= p->graph->n_losses)
        return dg_program_fail(p, NULL, DG_EUSAGE, "no loss term %d, or no forward pass yet", term);
    const dg_plan *q = &p->plan[p->current];
    for (int i = term < 0 ? 0 : term; i < (term < 0 ? p->graph->n_losses : term + 1); i++) {
        const dg_term *l = &p->graph->losses[i];
        if (!p->kept[l->value - 1])
            return dg_program_fail(p, NULL, DG_EUSAGE, "loss term %d was not kept", i);
        const void *x = dg_slot_address(p, q, q->z[l->value - 1]);
        double sum = p->kernels->sum(dg_shape_count(&q->shapes[l->value - 1]), x);
        *value += (term < 0 ? l->weight : 1) * (sum * per_pair(p, i, pairs));
    }
    return DG_OK;
}

dg_status dg_adjoint(dg_program *p, int64_t pairs, int add)
{
    if (p->diag.code != DG_OK)
        return p->diag.code;
    if (p->options.mode == DG_RUN_INFER || p->current == DG_NONE || pairs < 0)
        return dg_program_fail(p, NULL, DG_EUSAGE,
                               "dg_adjoint needs a gradient program after dg_forward");
    p->add = add && p->backs > 0;
    for (int i = 0; i < p->graph->n_losses && p->options.n_start == 0; i++) {
        const dg_term *l = &p->graph->losses[i];
        int whole = !dg_has_rows(p->graph, l->value);
        p->seed[i] = whole && p->add ? 0 : l->weight * per_pair(p, i, pairs);
    }
    p->backs++;
    return dg_run_phase(p, &p->plan[p->current], PHASE_ADJOINT);
}

dg_status dg_tangent(dg_program *p)
{
    if (p->diag.code != DG_OK)
        return p->diag.code;
    if (!p->options.tangent || p->current == DG_NONE)
        return dg_program_fail(p, NULL, DG_EUSAGE,
                               "dg_tangent needs a program with tangent, after dg_forward");
    return dg_run_phase(p, &p->plan[p->current], PHASE_TANGENT);
}

void dg_program_measure(dg_program *p, int on)
{
    p->measuring = on && p->options.measure;
}

dg_status dg_rms(dg_program *p, dg_value v, dg_part what, double *rms)
{
    if (p->diag.code != DG_OK)
        return p->diag.code;
    int32_t node = v.id > 0 && v.id <= p->graph->n_values ? p->graph->values[v.id - 1].node : -1;
    dg_item_kind kind = what == DG_VALUE ? ITEM_FORWARD : ITEM_ADJOINT;
    const dg_plan *q = p->current == DG_NONE ? NULL : &p->plan[p->current];
    for (int k = 0; q && node >= 0 && k < q->n_items; k++) {
        const dg_item *it = &q->items[k];
        if (it->kind != kind || it->node != node || !it->square)
            continue;
        int64_t rows = it->rows ? q->batch : 1, count = dg_shape_count(&q->shapes[v.id - 1]);
        double sum = 0;
        for (int64_t r = 0; r < rows; r++)
            sum += it->square[p->graph->values[v.id - 1].part * rows + r];
        *rms = count > 0 ? sqrt(sum / (double)count) : 0;
        return DG_OK;
    }
    *rms = 0;
    return DG_EUSAGE; /* not sticky: a view, or a value without an error vector, has none */
}
