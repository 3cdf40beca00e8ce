/* Walks: how arrays of several shapes lie beside one another in one index space.
 *
 * A space is a shape; each array has one step for each of its axes, in elements, 0 where it is
 * stretched (broadcast). Axes of size 1 are dropped and neighbours that all arrays pass through
 * without a jump are merged, so that what is left is few axes with a long last one. */
#ifndef DG_OPS_WALK_H
#define DG_OPS_WALK_H

#include <dagrad/node.h>

enum { DG_WALK_ARRAYS = 5, DG_TILE = 64 };

typedef struct dg_walk {
    int rank, arrays;
    int64_t dim[DG_MAX_RANK]; /* outermost first */
    int64_t step[DG_WALK_ARRAYS][DG_MAX_RANK];
    int64_t start[DG_WALK_ARRAYS]; /* element at index 0 */
} dg_walk;

/* A place: index of each axis, element of each array. */
typedef struct dg_cursor {
    int64_t index[DG_MAX_RANK];
    int64_t at[DG_WALK_ARRAYS];
} dg_cursor;

/* A walk over a space, without arrays. */
dg_walk dg_walk_over(const dg_shape *space);
/* Adds a row-major array that is stretched over the space: axes are aligned at the last, an axis
 * that is missing, or 1 where the space's is not, has step 0. */
void dg_walk_add(dg_walk *w, const dg_shape *array);
/* Leaves only indices first .. end-1 of an axis. */
void dg_walk_cut(dg_walk *w, int axis, int64_t first, int64_t end);
/* Drops and merges axes. At least one is left: then the last has step 0 or 1 in every array that
 * was added by dg_walk_add. */
void dg_walk_merge(dg_walk *w);
/* Product of the sizes of axes first .. end-1. */
int64_t dg_walk_count(const dg_walk *w, int first, int end);
/* The place with number k of axes 0 .. end-1, in order; index 0 of the others. */
dg_cursor dg_walk_seek(const dg_walk *w, int end, int64_t k);

/* Part p of n of a range: [n p / parts, n (p + 1) / parts). */
static inline int64_t dg_share(int64_t n, int part, int parts)
{
    int64_t whole = n / parts, rest = n % parts;
    return whole * part + rest * part / parts;
}

/* A number of parts for `units` indivisible pieces that make up `work` elements: from sizes
 * alone. */
int dg_parts_for(int64_t units, int64_t work);

/* Moves on within axes first .. end-1; 0: they are through, and the place is the first again. */
static inline int dg_walk_next(const dg_walk *w, int first, int end, dg_cursor *c)
{
    for (int k = end - 1; k >= first; k--) {
        for (int a = 0; a < w->arrays; a++)
            c->at[a] += w->step[a][k];
        if (++c->index[k] < w->dim[k])
            return 1;
        for (int a = 0; a < w->arrays; a++)
            c->at[a] -= w->step[a][k] * w->dim[k];
        c->index[k] = 0;
    }
    return 0;
}

/* A fold: array 0 gets, for each of its elements, a sum (or the like) over all places of the
 * space that it is stretched over. Axes are sorted: 0 .. kept-1 are those of array 0, the others
 * are summed. One of the two kinds has the axis along which memory is contiguous, last among its
 * kind. */
typedef struct dg_fold {
    dg_walk walk;
    int kept;
    int apart;     /* 1: axis `kept` is axis 0 of the space, rows that are added left to right */
    int columns;   /* 1: the contiguous axis is kept, as axis kept-1; 0: it is summed, the last */
    int64_t units; /* pieces that can be done alone: up to DG_TILE columns, or one element */
} dg_fold;

/* From a walk that is not merged, array 0 being the result. by_rows: keep axis 0 apart, if
 * summed. */
dg_fold dg_fold_over(const dg_walk *w, int by_rows);
/* First element of array 0 that unit u writes; for u = units: their number. */
int64_t dg_fold_first(const dg_fold *f, int64_t u);

#endif
