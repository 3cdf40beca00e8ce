/* Where a number that is not finite came from: a second pass over a batch that looks at each value,
 * forward, then back. */
#ifndef DG_ENGINE_ORIGIN_H
#define DG_ENGINE_ORIGIN_H

#include <dagrad/program.h>

typedef enum {
    DG_ORIGIN_NONE,
    DG_ORIGIN_LEAF,
    DG_ORIGIN_FORWARD,
    DG_ORIGIN_BACKWARD
} dg_origin_kind;

/* leaf: value holds it, an input, parameter, constant. forward: the node made it of finite numbers,
 * in its result `value`; backward: in what came back for its input `value`. A NaN counts as made
 * where none of what it was made of is NaN and the node was given no other culprit. */
typedef struct dg_origin {
    dg_origin_kind kind;
    dg_value value;
    int node;        /* of the graph; -1: leaf */
    int64_t row;     /* of the batch; -1: the value has no rows */
    int64_t element; /* in the row, or in the value */
    double found;
} dg_origin;

/* in: as for dg_naive_run. DG_EMEMORY, or DG_OK: kind DG_ORIGIN_NONE where all is finite. */
dg_status dg_origin_find(dg_graph *g, const dg_options *o, uint64_t step, const dg_tensor in[],
                         dg_origin *origin, dg_diag *why);

#endif
