/* Pass verify: checks a plan without believing it.
 *
 * Needs: plan. It walks the items with a list of who owns which bytes of the arena: what an item
 * writes it owns from then on; what it reads must still be owned by the slot that it names, whole.
 * Bytes may change hands inside a chain only at the same rows (same place and size, cut by rows),
 * since threads are at different items there; elsewhere only after a barrier. */
#include "engine/engine.h"
#include "engine/ranges.h"

typedef struct dg_owner {
    int32_t holds; /* slot whose value is in the memory of this root; DG_NONE: none, whole */
    int segment;   /* the last segment in which it was touched */
} dg_owner;

typedef struct dg_verifier {
    dg_program *p;
    dg_plan *q;
    dg_owner *owner; /* by root */
    const dg_item *item;
    dg_range_set held; /* by place: the roots that hold a value */
} dg_verifier;

static int in_arena(const dg_slot *s)
{
    return !s->external && !s->persistent && s->bytes > 0;
}

/* Views have one value under several names: the name of the first. */
static int32_t value_of(const dg_plan *q, int32_t slot)
{
    while (q->slots[slot].view != DG_NONE)
        slot = q->slots[slot].view;
    return slot;
}

static void read_slot(void *user, int32_t slot)
{
    dg_verifier *v = user;
    int32_t r = dg_slot_root(v->q, slot);
    if (!in_arena(&v->q->slots[r]))
        return;
    if (v->owner[r].holds != value_of(v->q, slot))
        dg_program_fail(v->p, NULL, DG_EINTERNAL, "plan: item %d reads slot %d, which is not there",
                        (int)(v->item - v->q->items), (int)slot);
    v->owner[r].segment = v->item->segment;
}

/* What every slot that overlaps r held is gone. */
static void evict(dg_verifier *v, int32_t r)
{
    const dg_slot *s = &v->q->slots[r];
    const dg_range_node *n;
    while ((n = dg_ranges_over(&v->held, s->offset, s->offset + s->bytes))) {
        int32_t o = n->what;
        if (o != r && v->owner[o].segment == v->item->segment)
            dg_program_fail(v->p, NULL, DG_EINTERNAL,
                            "plan: item %d writes over slot %d, which lives in its segment",
                            (int)(v->item - v->q->items), (int)o);
        v->owner[o].holds = DG_NONE;
        dg_ranges_erase(&v->held, n->at);
    }
}

static void write_slot(void *user, int32_t slot)
{
    dg_verifier *v = user;
    int32_t r = dg_slot_root(v->q, slot);
    if (!in_arena(&v->q->slots[r]))
        return;
    evict(v, r);
    dg_ranges_insert(&v->held, v->q->slots[r].offset, v->q->slots[r].bytes, r);
    v->owner[r] = (dg_owner){value_of(v->q, slot), v->item->segment};
}

/* What is read after the step must still be there. */
static void leave(dg_verifier *v)
{
    for (int32_t k = 0; k < v->q->n_slots; k++) {
        const dg_slot *s = &v->q->slots[k];
        int32_t r = dg_slot_root(v->q, k);
        int used = v->q->slots[r].first <= v->q->slots[r].last;
        if (s->asked && used && in_arena(&v->q->slots[r]) && v->owner[r].holds != value_of(v->q, k))
            dg_program_fail(v->p, NULL, DG_EINTERNAL, "plan: slot %d is gone at the end", (int)k);
    }
}

dg_status dg_pass_verify(dg_program *p, dg_plan *q)
{
    dg_verifier v = {.p = p, .q = q};
    v.owner = dg_arena_array(&p->lists, (size_t)q->n_slots + 1, sizeof *v.owner);
    if (!v.owner || !dg_ranges_make(&v.held, &p->lists, (size_t)q->n_slots + 1))
        return dg_program_fail(p, NULL, DG_EMEMORY, "out of memory");
    for (int32_t k = 0; k < q->n_slots; k++)
        v.owner[k] = (dg_owner){DG_NONE, DG_NONE};
    for (int k = 0; k < q->n_items && p->diag.code == DG_OK; k++) {
        v.item = &q->items[k];
        dg_item_reads(v.item, read_slot, &v);
        dg_item_writes(v.item, write_slot, &v);
    }
    for (int k = 0; k < q->n_items && p->diag.code == DG_OK; k++) {
        v.item = &q->items[k]; /* the tangent may also come after the adjoint */
        if (v.item->phase == PHASE_TANGENT)
            dg_item_reads(v.item, read_slot, &v);
    }
    if (p->diag.code == DG_OK)
        leave(&v);
    return p->diag.code;
}
