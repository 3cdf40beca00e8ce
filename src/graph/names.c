/* Names to values and nodes: a table with open addressing, at most half full. A slot holds the id
 * of a value (from 1), or -1 - index of a node; 0 is empty. */
#include "graph/make.h"

#include <string.h>

enum { MOST = 1 << 26 };

/* FNV-1a, with the kind of thing as its first byte. */
static uint64_t hash_of(const char *name, int of_node)
{
    uint64_t h = (0xcbf29ce484222325U ^ (unsigned)of_node) * 0x100000001b3U;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 0x100000001b3U;
    return h ^ h >> 29;
}

static const char *name_at(const dg_graph *g, int32_t slot)
{
    return slot > 0 ? g->values[slot - 1].name : g->nodes[-1 - slot].name;
}

/* The slot that holds the name, or the empty one where it would go. room > 0. */
static int32_t *find(const dg_graph *g, const char *name, int of_node)
{
    size_t mask = (size_t)g->names.room - 1, at = (size_t)hash_of(name, of_node) & mask;
    for (;; at = (at + 1) & mask) {
        int32_t slot = g->names.slots[at];
        if (slot == 0 || ((slot < 0) == of_node && strcmp(name_at(g, slot), name) == 0))
            return &g->names.slots[at];
    }
}

static dg_status grow(dg_graph *g)
{
    dg_names old = g->names;
    if (old.n < old.room / 2)
        return DG_OK;
    int room = old.room > 0 ? old.room * 2 : 64;
    int32_t *slots = NULL;
    if (old.room <= MOST / 2)
        slots = dg_memory_zeroed(&g->memory, (size_t)room * sizeof *slots);
    if (!slots)
        return dg_graph_no_memory(g);
    g->names = (dg_names){slots, old.n, room};
    for (int i = 0; i < old.room; i++)
        if (old.slots[i] != 0)
            *find(g, name_at(g, old.slots[i]), old.slots[i] < 0) = old.slots[i];
    dg_memory_free(&g->memory, old.slots);
    return DG_OK;
}

static dg_status add(dg_graph *g, int32_t entry)
{
    dg_status s = grow(g);
    if (s != DG_OK)
        return s;
    int32_t *slot = find(g, name_at(g, entry), entry < 0);
    if (*slot == 0) {
        *slot = entry;
        g->names.n++;
    }
    return DG_OK;
}

dg_status dg_names_add_value(dg_graph *g, int32_t id)
{
    return add(g, id);
}

dg_status dg_names_add_node(dg_graph *g, int node)
{
    return add(g, -1 - node);
}

int32_t dg_names_value(const dg_graph *g, const char *name)
{
    return g->names.room > 0 ? *find(g, name, 0) : 0;
}

int dg_names_node(const dg_graph *g, const char *name)
{
    int32_t slot = g->names.room > 0 ? *find(g, name, 1) : 0;
    return slot < 0 ? -1 - slot : -1;
}
