/* A step: forward, the loss, adjoint, tangent. */
#include "engine/engine.h"
#include <math.h>
#include <string.h>

static dg_batch batch_of(const dg_program *p, const dg_batch *b)
{
    dg_batch full = {.size = sizeof full, .rows = p->options.batch};
    if (b)
        memcpy(&full, b, b->size < sizeof full ? b->size : sizeof full);
    return full;
}

/* The plan for so many rows; DG_NONE: the program has failed. */
static int plan_of(dg_program *p, int64_t rows)
{
    for (int k = 0; k < p->n_plans; k++)
        if (p->plan[k].batch == rows)
            return k;
    dg_program_fail(p, NULL, DG_EUSAGE, "this program runs %lld rows%s, not %lld",
                    (long long)p->plan[0].batch, p->n_plans == 2 ? " or its last" : "",
                    (long long)rows);
    return DG_NONE;
}

/* Every input that is read was set, with the rows of plan k. */
static dg_status check_inputs(dg_program *p, int k)
{
    const dg_graph *g = p->graph;
    for (int n = 0; n < p->n_needed; n++) {
        int i = p->needed[n] - 1;
        int given = p->inputs[i].given;
        if (!given)
            return dg_program_fail(p, NULL, DG_EUSAGE, "input '%s' was never set",
                                   g->values[i].name);
        if (dg_has_rows(g, i + 1) && given != k + 1)
            return dg_program_fail(p, NULL, DG_EUSAGE,
                                   "input '%s' was set with %lld rows, this pass has %lld",
                                   g->values[i].name, (long long)p->plan[given - 1].batch,
                                   (long long)p->plan[k].batch);
    }
    return DG_OK;
}

/* A node that needs the whole batch, NULL: there is none in use. */
static const dg_node *whole_node(const dg_program *p)
{
    for (int k = 0; k < p->n_order; k++)
        if (p->graph->nodes[p->order[k]].type->flags & DG_WHOLE_BATCH)
            return &p->graph->nodes[p->order[k]];
    return NULL;
}

static dg_status refuse_parts(dg_program *p, const dg_node *n)
{
    return dg_program_fail(p, n, DG_EUSAGE, "%s needs the whole batch: it is not given in parts",
                           n->type->name);
}

dg_status dg_forward(dg_program *p, const dg_batch *b)
{
    if (dg_program_enter(p) != DG_OK)
        return dg_program_status(p, NULL);
    dg_batch full = batch_of(p, b);
    p->current = DG_NONE;
    int k = plan_of(p, full.rows);
    if (k == DG_NONE || check_inputs(p, k) != DG_OK)
        return p->diag.code;
    if (full.first < 0)
        return dg_program_fail(p, NULL, DG_EUSAGE, "first row %lld, it takes 0 or more",
                               (long long)full.first);
    const dg_node *whole = full.first > 0 && dg_is_training(&p->options) ? whole_node(p) : NULL;
    if (whole)
        return refuse_parts(p, whole);
    p->current = k;
    p->step = full.step;
    p->first = full.first;
    if (dg_check_bound(p) != DG_OK || dg_run_phase(p, &p->plan[k], PHASE_FORWARD) != DG_OK)
        p->current = DG_NONE;
    return p->diag.code;
}

static int valid_term(const dg_program *p, int term)
{
    return p && p->ready && p->current != DG_NONE && term >= 0 && term < p->graph->n_losses;
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
static double per_pair(dg_program *p, int term, const int64_t *pairs)
{
    if (!dg_has_rows(p->graph, p->graph->losses[term].value))
        return 1;
    int64_t k = pairs && pairs[term] > 0 ? pairs[term] : dg_loss_pairs(p, term);
    return k > 0 ? 1 / (double)k : 0;
}

dg_status dg_loss_value(dg_program *p, int term, const int64_t *pairs, double *value)
{
    if (value)
        *value = 0;
    if (dg_program_enter(p) != DG_OK)
        return dg_program_status(p, NULL);
    if (!value)
        return dg_program_fail(p, NULL, DG_EUSAGE, "no place for the loss");
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

/* K of a term may not be below 0. */
static dg_status check_pairs(dg_program *p, const int64_t *pairs)
{
    for (int i = 0; pairs && i < p->graph->n_losses; i++)
        if (pairs[i] < 0)
            return dg_program_fail(p, NULL, DG_EUSAGE, "loss '%s' is given %lld pairs",
                                   p->graph->losses[i].name, (long long)pairs[i]);
    return DG_OK;
}

dg_status dg_adjoint(dg_program *p, const int64_t *pairs, int add)
{
    if (dg_program_enter(p) != DG_OK)
        return dg_program_status(p, NULL);
    if (p->options.mode == DG_RUN_INFER || p->current == DG_NONE)
        return dg_program_fail(p, NULL, DG_EUSAGE,
                               "dg_adjoint needs a gradient program after dg_forward");
    const dg_node *whole = add && dg_is_training(&p->options) ? whole_node(p) : NULL;
    if (whole)
        return refuse_parts(p, whole);
    if (check_pairs(p, pairs) != DG_OK)
        return p->diag.code;
    p->add = add && p->backs > 0;
    for (int i = 0; i < p->graph->n_losses && p->options.n_start == 0; i++) {
        const dg_term *l = &p->graph->losses[i];
        int alone = !dg_has_rows(p->graph, l->value);
        p->seed[i] = alone && p->add ? 0 : l->weight * per_pair(p, i, pairs);
    }
    p->backs++;
    p->unfinished = 1;
    if (dg_run_phase(p, &p->plan[p->current], PHASE_ADJOINT) != DG_OK)
        p->backs = 0;
    return p->diag.code;
}

dg_status dg_finish(dg_program *p)
{
    if (!p->unfinished)
        return DG_OK;
    p->unfinished = 0;
    return dg_run_phase(p, &p->plan[p->current == DG_NONE ? 0 : p->current], PHASE_FINISH);
}

dg_status dg_tangent(dg_program *p)
{
    if (dg_program_enter(p) != DG_OK)
        return dg_program_status(p, NULL);
    if (!p->options.tangent || p->current == DG_NONE)
        return dg_program_fail(p, NULL, DG_EUSAGE,
                               "dg_tangent needs a program with tangent, after dg_forward");
    return dg_run_phase(p, &p->plan[p->current], PHASE_TANGENT);
}

void dg_program_measure(dg_program *p, int on)
{
    if (p && p->ready)
        p->measuring = on && p->options.measure;
}

dg_status dg_rms(dg_program *p, dg_value v, dg_part what, double *rms)
{
    if (rms)
        *rms = 0;
    if (dg_program_enter(p) != DG_OK || !rms)
        return p ? DG_EUSAGE : dg_program_status(p, NULL);
    if (what != DG_VALUE && v.id > 0 && v.id <= p->graph->n_values && !p->active[v.id - 1])
        return DG_EUSAGE; /* one of several results, of which no loss knows: it is 0 by rule */
    int32_t node = v.id > 0 && v.id <= p->graph->n_values ? p->graph->values[v.id - 1].node : -1;
    dg_item_kind kind = what == DG_VALUE ? ITEM_FORWARD : ITEM_ADJOINT;
    const dg_plan *q = p->current == DG_NONE ? NULL : &p->plan[p->current];
    for (int k = 0; q && node >= 0 && k < q->n_items; k++) {
        const dg_item *it = &q->items[k];
        if (it->kind != kind || it->node != node || !it->square)
            continue;
        int64_t rows = (it->rows ? q->batch : 1) * it->pieces;
        int64_t count = dg_shape_count(&q->shapes[v.id - 1]);
        double sum = 0;
        for (int64_t r = 0; r < rows; r++)
            sum += it->square[p->graph->values[v.id - 1].part * rows + r];
        *rms = count > 0 ? sqrt(sum / (double)count) : 0;
        return DG_OK;
    }
    return DG_EUSAGE; /* not sticky: a view, or a value without an error vector, has none */
}
