/* Pass plan: memory.
 *
 * Needs: save. Gives: roots merged where a point-wise item works in place, and offsets in one arena
 * so that no two slots that live at the same time overlap. In place: the item is the last to touch
 * its operand. Offsets: largest first, each at the lowest place that is free during its life; of
 * more than MANY slots in the order of their lives, each at the lowest free place, which takes
 * nearly linear time. */
#include "engine/engine.h"
#include "engine/ranges.h"
#include <stdlib.h>

typedef struct dg_last {
    const dg_plan *q;
    int *item; /* by slot (root): the last item that touches it */
    int now;
} dg_last;

static void note(void *user, int32_t slot)
{
    dg_last *l = user;
    l->item[dg_slot_root(l->q, slot)] = l->now;
}

/* May an item write `to` over `from`, which it reads for the last time? */
static int may_overwrite(const dg_program *p, const dg_last *l, int32_t from, int32_t to)
{
    const dg_plan *q = l->q;
    if (from == DG_NONE || to == DG_NONE)
        return 0;
    int32_t a = dg_slot_root(q, from), b = dg_slot_root(q, to);
    const dg_slot *s = &q->slots[a], *t = &q->slots[b];
    if (a == b || s->external || s->persistent || s->keep || t->persistent || t->external)
        return 0;
    if (s->kind == SLOT_Z && p->graph->values[s->of - 1].kind == DG_INPUT)
        return 0;
    return l->item[a] == l->now && s->bytes == t->bytes && s->row_bytes == t->row_bytes;
}

static void merge(dg_plan *q, int32_t from, int32_t to)
{
    int32_t a = dg_slot_root(q, from), b = dg_slot_root(q, to);
    dg_slot *s = &q->slots[a], *t = &q->slots[b];
    t->root = a;
    s->first = t->first < s->first ? t->first : s->first;
    s->last = t->last > s->last ? t->last : s->last;
    s->keep |= t->keep;
    q->in_place++;
}

static void try_in_place(const dg_program *p, dg_last *l, dg_plan *q, const dg_item *it)
{
    if (it->node == DG_NONE || !it->rows || !(p->graph->nodes[it->node].type->flags & DG_POINTWISE))
        return;
    if (it->kind == ITEM_ADJOINT) {
        int32_t to = DG_NONE;
        int wanted = 0;
        for (int i = 0; i < it->n_in; i++) {
            wanted += it->delta[i] != DG_NONE;
            to = it->delta[i] != DG_NONE ? it->delta[i] : to;
        }
        if (wanted == 1 && may_overwrite(p, l, it->eps[0], to))
            merge(q, it->eps[0], to);
        return;
    }
    for (int i = 0; it->kind == ITEM_FORWARD && i < it->n_in; i++) {
        if (!may_overwrite(p, l, it->in[i], it->out[0]))
            continue;
        merge(q, it->in[i], it->out[0]);
        return;
    }
}

/* A merged root is touched last where the later of both is. */
static dg_status work_in_place(dg_program *p, dg_plan *q)
{
    dg_last l = {q, dg_arena_array(&p->lists, (size_t)q->n_slots + 1, sizeof(int)), 0};
    if (!l.item)
        return dg_program_fail(p, NULL, DG_EMEMORY, "out of memory");
    for (l.now = 0; l.now < q->n_items; l.now++) {
        dg_item_reads(&q->items[l.now], note, &l);
        dg_item_writes(&q->items[l.now], note, &l);
    }
    for (l.now = 0; l.now < q->n_items; l.now++) {
        const dg_item *it = &q->items[l.now];
        int32_t to = it->kind == ITEM_FORWARD && it->n_out ? it->out[0] : DG_NONE;
        for (int i = 0; it->kind == ITEM_ADJOINT && i < it->n_in; i++)
            to = it->delta[i] != DG_NONE ? it->delta[i] : to;
        int before = to == DG_NONE ? 0 : l.item[dg_slot_root(q, to)];
        try_in_place(p, &l, q, it);
        if (to != DG_NONE && l.item[dg_slot_root(q, to)] < before)
            l.item[dg_slot_root(q, to)] = before;
    }
    return DG_OK;
}

static size_t padded(size_t bytes)
{
    return (bytes + DG_ALIGN - 1) / DG_ALIGN * DG_ALIGN;
}

typedef struct dg_piece {
    size_t bytes;
    int32_t slot;
} dg_piece;

static int larger_first(const void *a, const void *b)
{
    const dg_piece *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes > y->bytes ? -1 : 1;
    return (x->slot > y->slot) - (x->slot < y->slot);
}

/* The lowest offset at which slot k overlaps none of the placed ones that live with it. placed is
 * kept in order of offsets. */
static size_t lowest(const dg_plan *q, const int32_t *placed, int n, int32_t k)
{
    const dg_slot *s = &q->slots[k];
    size_t at = 0;
    for (int i = 0; i < n; i++) {
        const dg_slot *t = &q->slots[placed[i]];
        if (t->last < s->first || t->first > s->last)
            continue;
        if (t->offset >= at + padded(s->bytes))
            break;
        size_t end = t->offset + padded(t->bytes);
        at = end > at ? end : at;
    }
    return at;
}

static void insert(const dg_plan *q, int32_t *placed, int n, int32_t k)
{
    while (n > 0 && q->slots[placed[n - 1]].offset > q->slots[k].offset) {
        placed[n] = placed[n - 1];
        n--;
    }
    placed[n] = k;
}

/* The largest live set: what comes and goes, by segment. */
static dg_status count_live(dg_program *p, dg_plan *q, const dg_piece *list, int n)
{
    size_t *change = dg_arena_array(&p->lists, (size_t)q->n_segments + 2, sizeof *change), live = 0;
    if (!change)
        return dg_program_fail(p, NULL, DG_EMEMORY, "out of memory");
    for (int i = 0; i < n; i++) {
        const dg_slot *t = &q->slots[list[i].slot];
        change[t->first] += padded(t->bytes);
        change[t->last + 1] -= padded(t->bytes); /* modulo 2^64 */
    }
    for (int s = 0; s < q->n_segments; s++) {
        live += change[s];
        q->live = live > q->live ? live : q->live;
    }
    return DG_OK;
}

static void note_end(dg_plan *q, const dg_slot *s)
{
    size_t end = s->offset + padded(s->bytes);
    q->bytes = end > q->bytes ? end : q->bytes;
}

/* ---- Many slots ------------------------------------------------------------------------------ */

enum { MANY = 3000 };

/* By segment (in bytes), then in the order of the list. */
static int earlier_first(const void *a, const void *b)
{
    const dg_piece *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? -1 : 1;
    return (x->slot > y->slot) - (x->slot < y->slot);
}

/* A range becomes free, one with those beside it. */
static void give_back(dg_range_set *space, size_t at, size_t bytes)
{
    const dg_range_node *n = at > 0 ? dg_ranges_over(space, at - 1, at) : NULL;
    if (n) {
        at = n->at;
        bytes += n->bytes;
        dg_ranges_erase(space, at);
    }
    n = dg_ranges_over(space, at + bytes, at + bytes + 1);
    if (n) {
        size_t next = n->at;
        bytes += n->bytes;
        dg_ranges_erase(space, next);
    }
    dg_ranges_insert(space, at, bytes, 0);
}

static size_t take(dg_range_set *space, size_t bytes)
{
    const dg_range_node n = *dg_ranges_fit(space, bytes);
    dg_ranges_erase(space, n.at);
    if (n.bytes > bytes)
        dg_ranges_insert(space, n.at + bytes, n.bytes - bytes, 0);
    return n.at;
}

static dg_status place_many(dg_program *p, dg_plan *q, const dg_piece *list, int n)
{
    dg_range_set space;
    dg_piece *first = dg_arena_array(&p->lists, (size_t)n + 1, sizeof *first);
    dg_piece *last = dg_arena_array(&p->lists, (size_t)n + 1, sizeof *last);
    if (!first || !last || !dg_ranges_make(&space, &p->lists, (size_t)n + 2))
        return dg_program_fail(p, NULL, DG_EMEMORY, "out of memory");
    for (int i = 0; i < n; i++) {
        first[i] = (dg_piece){(size_t)q->slots[list[i].slot].first, i}; /* largest first */
        last[i] = (dg_piece){(size_t)q->slots[list[i].slot].last, i};
    }
    qsort(first, (size_t)n, sizeof *first, earlier_first);
    qsort(last, (size_t)n, sizeof *last, earlier_first);
    dg_ranges_insert(&space, 0, SIZE_MAX / 2, 0);
    for (int i = 0, gone = 0; i < n; i++) {
        for (; last[gone].bytes < first[i].bytes; gone++) {
            const dg_slot *t = &q->slots[list[last[gone].slot].slot];
            give_back(&space, t->offset, padded(t->bytes));
        }
        dg_slot *s = &q->slots[list[first[i].slot].slot];
        s->offset = take(&space, padded(s->bytes));
        note_end(q, s);
    }
    return DG_OK;
}

static dg_status place_few(dg_program *p, dg_plan *q, const dg_piece *list, int n)
{
    int32_t *placed = dg_arena_array(&p->lists, (size_t)n + 1, sizeof *placed);
    if (!placed)
        return dg_program_fail(p, NULL, DG_EMEMORY, "out of memory");
    for (int i = 0; i < n; i++) {
        dg_slot *s = &q->slots[list[i].slot];
        s->offset = lowest(q, placed, i, list[i].slot);
        insert(q, placed, i, list[i].slot);
        note_end(q, s);
    }
    return DG_OK;
}

dg_status dg_pass_plan(dg_program *p, dg_plan *q)
{
    if (work_in_place(p, q) != DG_OK)
        return p->diag.code;
    size_t room = (size_t)q->n_slots + 1;
    dg_piece *list = dg_arena_array(&p->lists, room, sizeof *list);
    if (!list)
        return dg_program_fail(p, NULL, DG_EMEMORY, "out of memory");
    int n = 0;
    for (int32_t k = 0; k < q->n_slots; k++) {
        const dg_slot *s = &q->slots[k];
        if (s->root == k && !s->external && !s->persistent && s->bytes && s->first <= s->last)
            list[n++] = (dg_piece){s->bytes, k};
    }
    qsort(list, (size_t)n, sizeof *list, larger_first);
    dg_status s = n > MANY ? place_many(p, q, list, n) : place_few(p, q, list, n);
    return s == DG_OK ? count_live(p, q, list, n) : s;
}
