/* Slots and items: how the passes make them and look at them. */
#include "engine/engine.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

dg_status dg_program_fail(dg_program *p, const dg_node *n, dg_status code, const char *format, ...)
{
    if (p->diag.code != DG_OK)
        return p->diag.code;
    char text[sizeof p->diag.text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    dg_diag_set(&p->diag, code, "%s", text);
    if (n) {
        snprintf(p->diag.node, sizeof p->diag.node, "%s", n->name ? n->name : n->type->name);
        p->diag.start = n->start;
        p->diag.end = n->end;
    }
    return code;
}

/* Doubles a list in the arena of lists; old entries are copied. */
static void *grown(dg_program *p, const void *list, int n, int *room, size_t bytes)
{
    int wider = *room ? 2 * *room : 64;
    char *more = dg_arena_array(&p->lists, (size_t)wider, bytes);
    if (!more) {
        dg_program_fail(p, NULL, DG_EMEMORY, "out of memory");
        return NULL;
    }
    if (n)
        memcpy(more, list, (size_t)n * bytes);
    *room = wider;
    return more;
}

int32_t dg_slot_new(dg_program *p, dg_plan *q, dg_slot_kind kind, int32_t of, size_t bytes,
                    size_t row_bytes)
{
    if (q->n_slots == q->room_slots) {
        dg_slot *more = grown(p, q->slots, q->n_slots, &q->room_slots, sizeof *more);
        if (!more)
            return DG_NONE;
        q->slots = more;
    }
    int32_t k = q->n_slots++;
    q->slots[k] = (dg_slot){.kind = kind,
                            .of = of,
                            .root = k,
                            .view = DG_NONE,
                            .bytes = bytes,
                            .row_bytes = row_bytes,
                            .first = 1,
                            .last = 0};
    return k;
}

/* ---- Persistent pieces: a table with open addressing, at most half full ---------------------- */

/* The entry of a piece, or the empty one (DG_NONE) where it would go. */
static int32_t *entry_of(const dg_program *p, dg_slot_kind kind, int32_t of, int nth)
{
    uint64_t h = ((uint64_t)(uint32_t)of << 32 | (uint32_t)nth) * 0x9e3779b97f4a7c15U;
    h = (h ^ h >> 29 ^ (uint64_t)kind) * 0xbf58476d1ce4e5b9U;
    size_t mask = (size_t)p->room_entries - 1, at = (size_t)(h >> 20) & mask;
    for (;; at = (at + 1) & mask) {
        const dg_fixed *f = p->entries[at] == DG_NONE ? NULL : &p->fixed[p->entries[at]];
        if (!f || (f->kind == kind && f->of == of && f->nth == nth))
            return &p->entries[at];
    }
}

static dg_status more_entries(dg_program *p)
{
    int wider = p->room_entries ? 2 * p->room_entries : 256;
    int32_t *entries = dg_arena_array(&p->lists, (size_t)wider, sizeof *entries);
    if (!entries)
        return dg_program_fail(p, NULL, DG_EMEMORY, "out of memory");
    for (int i = 0; i < wider; i++)
        entries[i] = DG_NONE;
    p->entries = entries;
    p->room_entries = wider;
    for (int i = 0; i < p->n_fixed; i++)
        *entry_of(p, p->fixed[i].kind, p->fixed[i].of, p->fixed[i].nth) = i;
    return DG_OK;
}

size_t dg_fixed_at(dg_program *p, dg_slot_kind kind, int32_t of, int nth, size_t bytes)
{
    if (2 * p->n_fixed >= p->room_entries && more_entries(p) != DG_OK)
        return SIZE_MAX;
    int32_t *entry = entry_of(p, kind, of, nth);
    if (*entry != DG_NONE)
        return p->fixed[*entry].offset;
    if (p->n_fixed == p->room_fixed) {
        dg_fixed *more = grown(p, p->fixed, p->n_fixed, &p->room_fixed, sizeof *more);
        if (!more)
            return SIZE_MAX;
        p->fixed = more;
    }
    size_t at = p->persistent;
    *entry = p->n_fixed;
    p->fixed[p->n_fixed++] = (dg_fixed){kind, of, nth, bytes, at};
    p->persistent += (bytes + DG_ALIGN - 1) / DG_ALIGN * DG_ALIGN;
    return at;
}

void *dg_fixed_find(const dg_program *p, dg_slot_kind kind, int32_t of, int nth)
{
    int32_t k = p->room_entries ? *entry_of(p, kind, of, nth) : DG_NONE;
    return k == DG_NONE ? NULL : p->arena + p->fixed[k].offset;
}

int32_t dg_slot_fixed(dg_program *p, dg_plan *q, dg_slot_kind kind, int32_t of, int nth,
                      size_t bytes, size_t row_bytes)
{
    size_t at = dg_fixed_at(p, kind, of, nth, bytes);
    int32_t k = at == SIZE_MAX ? DG_NONE : dg_slot_new(p, q, kind, of, bytes, row_bytes);
    if (k != DG_NONE) {
        q->slots[k].persistent = 1;
        q->slots[k].nth = nth;
        q->slots[k].offset = at;
    }
    return k;
}

int32_t dg_slot_root(const dg_plan *q, int32_t slot)
{
    while (q->slots[slot].root != slot)
        slot = q->slots[slot].root;
    return slot;
}

void *dg_slot_address(const dg_program *p, const dg_plan *q, int32_t slot)
{
    if (slot == DG_NONE)
        return NULL;
    const dg_slot *s = &q->slots[dg_slot_root(q, slot)];
    return s->external ? s->external : p->arena + s->offset;
}

dg_item *dg_item_new(dg_program *p, dg_plan *q, dg_item_kind kind, int32_t node, int n_in,
                     int n_out)
{
    if (q->n_items == q->room_items) {
        dg_item *more = grown(p, q->items, q->n_items, &q->room_items, sizeof *more);
        if (!more)
            return NULL;
        q->items = more;
    }
    int lists = 4 * n_in + 3 * n_out;
    int32_t *slots = dg_arena_array(&p->lists, (size_t)lists + 1, sizeof *slots);
    if (!slots) {
        dg_program_fail(p, NULL, DG_EMEMORY, "out of memory");
        return NULL;
    }
    for (int i = 0; i < lists; i++)
        slots[i] = DG_NONE;
    dg_item *it = &q->items[q->n_items++];
    *it = (dg_item){.kind = kind,
                    .node = node,
                    .input = DG_NONE,
                    .parts = 1,
                    .stages = 1,
                    .n_in = n_in,
                    .n_out = n_out,
                    .saved = DG_NONE,
                    .carried = DG_NONE,
                    .sum = DG_NONE};
    it->in = slots;
    it->delta = it->in + n_in;
    it->din = it->delta + 2 * n_in;
    it->out = it->din + n_in;
    it->eps = it->out + n_out;
    it->dout = it->eps + n_out;
    return it;
}

static void each(const int32_t *slots, int n, dg_slot_fn fn, void *user)
{
    for (int i = 0; i < n; i++)
        if (slots[i] != DG_NONE)
            fn(user, slots[i]);
}

void dg_item_reads(const dg_item *it, dg_slot_fn fn, void *user)
{
    each(it->in, it->n_in, fn, user);
    each(it->din, it->n_in, fn, user);
    each(it->eps, it->n_out, fn, user);
    if (it->kind == ITEM_ADJOINT || it->kind == ITEM_TANGENT) {
        each(it->out, it->n_out, fn, user);
        each(&it->saved, 1, fn, user);
    }
    if (it->input != DG_NONE)
        each(&it->carried, 1, fn, user);
    if (it->kind == ITEM_FINISH)
        each(&it->sum, 1, fn, user);
}

void dg_item_writes(const dg_item *it, dg_slot_fn fn, void *user)
{
    each(it->delta, 2 * it->n_in, fn, user);
    each(it->dout, it->n_out, fn, user);
    if (it->input == DG_NONE)
        each(&it->carried, 1, fn, user);
    if (it->kind == ITEM_ADJOINT)
        each(&it->sum, 1, fn, user);
    if (it->kind == ITEM_ADJOINT || it->kind == ITEM_TANGENT)
        return;
    each(it->out, it->n_out, fn, user);
    each(&it->saved, 1, fn, user);
}
