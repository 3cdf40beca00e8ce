/* Pass save: how long every slot must live.
 *
 * Needs: segments. Gives: first and last segment of every root, keep of every root. Time is counted
 * in segments: inside one, threads are at different places. What adjoint and tangent read (only
 * what the node says it saves) lives until then; what is kept lives to the end; what the caller
 * sets before the step lives from its start. */
#include "engine/engine.h"

typedef struct dg_life {
    dg_plan *q;
    int segment;
} dg_life;

static void touch(void *user, int32_t slot)
{
    dg_life *l = user;
    dg_slot *s = &l->q->slots[dg_slot_root(l->q, slot)];
    if (s->first > s->last)
        s->first = s->last = l->segment;
    s->first = l->segment < s->first ? l->segment : s->first;
    s->last = l->segment > s->last ? l->segment : s->last;
}

static void to_the_end(void *user, int32_t slot)
{
    dg_life *l = user;
    l->q->slots[dg_slot_root(l->q, slot)].last = l->segment;
}

/* dg_adjoint may be called again after one forward pass (the rows of a Jacobian are), but in
 * training: what it reads of the forward pass then lives to the end. */
static void to_the_end_if_forward(void *user, int32_t slot)
{
    dg_life *l = user;
    if (l->q->slots[dg_slot_root(l->q, slot)].first < l->q->phase_begin[PHASE_FORWARD + 1])
        to_the_end(user, slot);
}

static void extend_forward(dg_plan *q, int end)
{
    dg_life l = {q, end};
    for (int k = 0; k < q->n_items; k++)
        if (q->items[k].phase == PHASE_ADJOINT)
            dg_item_reads(&q->items[k], to_the_end_if_forward, &l);
}

/* Adjoint and tangent may be called in either order: what the tangent reads or writes lives to the
 * end. */
static void extend_tangent(dg_plan *q, int end)
{
    dg_life l = {q, end};
    for (int k = 0; k < q->n_items; k++) {
        if (q->items[k].phase != PHASE_TANGENT)
            continue;
        dg_item_reads(&q->items[k], to_the_end, &l);
        dg_item_writes(&q->items[k], to_the_end, &l);
    }
}

dg_status dg_pass_save(dg_program *p, dg_plan *q)
{
    dg_life l = {q, 0};
    for (int k = 0; k < q->n_items; k++) {
        l.segment = q->items[k].segment;
        dg_item_reads(&q->items[k], touch, &l);
        dg_item_writes(&q->items[k], touch, &l);
    }
    int end = q->n_segments > 0 ? q->n_segments - 1 : 0;
    extend_tangent(q, end);
    if (p->options.mode == DG_RUN_GRADIENT)
        extend_forward(q, end);
    for (int k = 0; k < q->n_slots; k++) {
        dg_slot *s = &q->slots[k], *root = &q->slots[dg_slot_root(q, k)];
        int set = s->kind == SLOT_Z && p->graph->values[s->of - 1].kind == DG_INPUT;
        l.segment = 0;
        if (set)
            touch(&l, k);
        if (!s->keep)
            continue;
        root->keep = 1;
        if (root->first <= root->last)
            root->last = end;
    }
    for (int k = 0; k < q->n_slots; k++)
        q->slots[k].asked = q->slots[k].keep;
    return DG_OK;
}
