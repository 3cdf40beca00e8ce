/* Disjoint ranges in order; see ranges.h. */
#include "engine/ranges.h"

int dg_ranges_make(dg_range_set *s, dg_arena *arena, size_t n)
{
    *s = (dg_range_set){.node = dg_arena_array(arena, n + 1, sizeof *s->node)};
    return s->node != NULL;
}

/* What a change below k leaves to be said of it. */
static int32_t renewed(dg_range_set *s, int32_t k)
{
    dg_range_node *n = &s->node[k];
    size_t left = s->node[n->left].most, right = s->node[n->right].most;
    n->most = n->bytes;
    n->most = left > n->most ? left : n->most;
    n->most = right > n->most ? right : n->most;
    return k;
}

/* Those before `at`, and the others. */
static void split(dg_range_set *s, int32_t k, size_t at, int32_t *before, int32_t *after)
{
    *before = *after = 0;
    if (!k)
        return;
    dg_range_node *n = &s->node[k];
    if (n->at < at) {
        split(s, n->right, at, &n->right, after);
        *before = renewed(s, k);
    } else {
        split(s, n->left, at, before, &n->left);
        *after = renewed(s, k);
    }
}

static int32_t merged(dg_range_set *s, int32_t a, int32_t b)
{
    if (!a || !b)
        return a ? a : b;
    if (s->node[a].priority > s->node[b].priority) {
        s->node[a].right = merged(s, s->node[a].right, b);
        return renewed(s, a);
    }
    s->node[b].left = merged(s, a, s->node[b].left);
    return renewed(s, b);
}

void dg_ranges_insert(dg_range_set *s, size_t at, size_t bytes, int32_t what)
{
    int32_t k = s->spare, before, after;
    if (k)
        s->spare = s->node[k].left;
    else
        k = ++s->used;
    uint32_t mixed = (uint32_t)k * 2654435761U;
    s->node[k] = (dg_range_node){at, bytes, bytes, what, 0, 0, mixed ^ mixed >> 15};
    split(s, s->root, at, &before, &after);
    s->root = merged(s, merged(s, before, k), after);
}

void dg_ranges_erase(dg_range_set *s, size_t at)
{
    int32_t before, after, rest;
    split(s, s->root, at, &before, &after);
    split(s, after, at + 1, &after, &rest);
    s->node[after].left = s->spare;
    s->spare = after;
    s->root = merged(s, before, rest);
}

const dg_range_node *dg_ranges_fit(const dg_range_set *s, size_t bytes)
{
    int32_t k = s->root;
    if (s->node[k].most < bytes || !k)
        return NULL;
    for (;;) {
        const dg_range_node *n = &s->node[k];
        if (n->left && s->node[n->left].most >= bytes)
            k = n->left;
        else if (n->bytes >= bytes)
            return n;
        else
            k = n->right;
    }
}

const dg_range_node *dg_ranges_over(const dg_range_set *s, size_t at, size_t end)
{
    const dg_range_node *found = NULL;
    for (int32_t k = s->root; k;) {
        const dg_range_node *n = &s->node[k];
        if (n->at + n->bytes > at) {
            found = n->at < end ? n : found;
            k = n->left;
        } else {
            k = n->right;
        }
    }
    return found;
}
