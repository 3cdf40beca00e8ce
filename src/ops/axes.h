/* Axes as a user names them: from 0, or from the last with -1; and an array as seen from one
 * axis. */
#ifndef DG_OPS_AXES_H
#define DG_OPS_AXES_H

#include <dagrad/node.h>

/* The axis of a checked attribute: 0 to rank-1. */
static inline int dg_axis_at(int64_t given, int rank)
{
    return (int)(given < 0 ? given + rank : given);
}

/* The same, checked: DG_EMODEL where x has no such axis. of: the node, for messages. */
dg_status dg_axis_check(const char *of, const dg_shape *x, int64_t given, int *axis, dg_diag *why);

/* Refuses an axis that is the batch: `does` says what the node would do along it. */
dg_status dg_axis_not_batch(const char *of, const dg_shape *x, int axis, const char *does,
                            dg_diag *why);

/* The sizes before, of, and after an axis, as one array [outer, n, inner]. */
typedef struct dg_around {
    int64_t outer, n, inner;
} dg_around;

dg_around dg_around_axis(const dg_shape *x, int axis);

/* Outer indices (of dg_around_axis) that rows row0 .. row1-1 of axis 0 have, for an axis that is
 * not 0; all of them, the one there is, for axis 0. */
static inline void dg_outer_range(const dg_shape *x, int axis, int64_t row0, int64_t row1,
                                  int64_t *begin, int64_t *end)
{
    int64_t each = 1;
    for (int k = 1; k < axis; k++)
        each *= x->dim[k];
    *begin = axis == 0 ? 0 : row0 * each;
    *end = axis == 0 ? 1 : row1 * each;
}

#endif
