/* Pass bind: the call structs, with every pointer in its place.
 *
 * Needs: plan, and the arena. Gives: call and square of every item; run.c adds only
 * rows or part, scratch, and why. */
#include "engine/engine.h"

/* n pointers for n slots. */
static void **pointers(dg_program *p, const dg_plan *q, const int32_t *slots, int n)
{
    void **to = dg_arena_array(&p->lists, (size_t)n + 1, sizeof *to);
    for (int i = 0; to && i < n; i++)
        to[i] = dg_slot_address(p, q, slots[i]);
    return to;
}

/* 2 n_in deltas: where results go, and where they go with add, which mostly is the same place. */
static dg_status bind_delta(dg_program *p, const dg_plan *q, dg_item *it)
{
    void **delta = pointers(p, q, it->delta, 2 * it->n_in);
    for (int i = 0; delta && i < it->n_in; i++)
        if (it->delta[it->n_in + i] == DG_NONE)
            delta[it->n_in + i] = delta[i];
    it->call.delta = delta;
    return delta ? DG_OK : DG_EMEMORY;
}

static dg_status bind_square(dg_program *p, dg_plan *q, dg_item *it)
{
    if (!p->options.measure || (it->kind != ITEM_FORWARD && it->kind != ITEM_ADJOINT))
        return DG_OK;
    int64_t rows = it->rows ? q->batch : 1;
    it->square =
        dg_arena_array(&p->lists, (size_t)(rows * it->n_out * it->pieces), sizeof *it->square);
    return it->square ? DG_OK : DG_EMEMORY;
}

/* Axes 0 and 1 as one. */
static dg_shape merge(const dg_shape *s)
{
    dg_shape m = {.rank = s->rank - 1, .dim = {s->dim[0] * s->dim[1]}};
    for (int i = 2; i < s->rank; i++)
        m.dim[i - 1] = s->dim[i];
    return m;
}

/* A point-wise call in a segment that is cut inside rows: what it cuts are rows of merged axes. */
static dg_status merge_axes(dg_program *p, dg_call *c)
{
    dg_shape *in = dg_arena_array(&p->lists, (size_t)(c->n_in + c->n_out), sizeof *in);
    if (!in)
        return DG_EMEMORY;
    for (int i = 0; i < c->n_in + c->n_out; i++)
        in[i] = merge(i < c->n_in ? &c->in_shape[i] : &c->out_shape[i - c->n_in]);
    c->in_shape = in;
    c->out_shape = in + c->n_in;
    return DG_OK;
}

static dg_status bind_node(dg_program *p, dg_plan *q, dg_item *it)
{
    const dg_node *n = &p->graph->nodes[it->node];
    dg_call *c = &it->call;
    it->batched = dg_has_rows(p->graph, n->out);
    c->attrs = n->attrs;
    c->in_shape = dg_plan_in_shapes(p, q, n);
    c->out_shape = &q->shapes[n->out - 1];
    c->training = dg_is_training(&p->options);
    c->exact = p->options.exact;
    c->key[0] = p->options.seed;
    c->row1 = c->out_shape->rank > 0 ? c->out_shape->dim[0] : 1;
    c->parts = it->parts;
    c->saved = dg_slot_address(p, q, it->saved);
    c->carried = dg_slot_address(p, q, it->carried);
    c->sum = dg_slot_address(p, q, it->sum);
    if (!c->in_shape || bind_square(p, q, it) != DG_OK)
        return DG_EMEMORY;
    return it->merged ? merge_axes(p, c) : DG_OK;
}

dg_status dg_pass_bind(dg_program *p, dg_plan *q)
{
    for (int k = 0; k < q->n_items; k++) {
        dg_item *it = &q->items[k];
        dg_call *c = &it->call;
        *c = (dg_call){.size = sizeof *c, .n_in = it->n_in, .n_out = it->n_out, .parts = 1};
        c->direction = it->kind == ITEM_ADJOINT   ? DG_CALL_ADJOINT
                       : it->kind == ITEM_TANGENT ? DG_CALL_TANGENT
                       : it->kind == ITEM_FINISH  ? DG_CALL_FINISH
                                                  : DG_CALL_FORWARD;
        c->in = (const void *const *)pointers(p, q, it->in, it->n_in);
        c->out = pointers(p, q, it->out, it->n_out);
        c->eps = (const void *const *)pointers(p, q, it->eps, it->n_out);
        c->din = (const void *const *)pointers(p, q, it->din, it->n_in);
        c->dout = pointers(p, q, it->dout, it->n_out);
        if (!c->in || !c->out || !c->eps || !c->din || !c->dout || bind_delta(p, q, it) != DG_OK ||
            (it->node != DG_NONE && bind_node(p, q, it) != DG_OK))
            return dg_program_fail(p, NULL, DG_EMEMORY, "out of memory");
    }
    return DG_OK;
}
