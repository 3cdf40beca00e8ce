/* Disjoint ranges of an arena, in order of their places: what is free, or who owns what. A treap (a
 * search tree that is a heap of random priorities): each step takes the logarithm of their number.
 */
#ifndef DG_ENGINE_RANGES_H
#define DG_ENGINE_RANGES_H

#include "base/arena.h"

typedef struct dg_range_node {
    size_t at, bytes, most; /* most: the largest of the ranges below it, and its own */
    int32_t what, left, right;
    uint32_t priority;
} dg_range_node;

typedef struct dg_range_set {
    dg_range_node *node; /* from 1; 0 is none */
    int32_t root, used, spare;
} dg_range_set;

/* With memory for n ranges at a time. 0: out of memory. */
int dg_ranges_make(dg_range_set *s, dg_arena *arena, size_t n);
void dg_ranges_insert(dg_range_set *s, size_t at, size_t bytes, int32_t what);
/* The range that begins at `at`, which must be there. */
void dg_ranges_erase(dg_range_set *s, size_t at);
/* The lowest range of at least so many bytes, and the lowest one that overlaps at .. end-1. NULL:
 * there is none. Both are gone with the next change. */
const dg_range_node *dg_ranges_fit(const dg_range_set *s, size_t bytes);
const dg_range_node *dg_ranges_over(const dg_range_set *s, size_t at, size_t end);

#endif
