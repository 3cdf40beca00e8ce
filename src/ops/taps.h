/* Maps along axes: y = (R1 x R2 x ..) x, where each R [out, in] works along one axis and has few
 * entries a row, its taps. Whatever resizes a picture or repeats its border is such a map: a node
 * gives the taps of one output place, and the same loops serve f, G and the tangent.
 *
 *     y[o1, o2, ..] = sum of w1 w2 .. x[i1, i2, ..]   over the taps (i1, w1) of o1, ..
 *     A^t eps       = the same with each R transposed
 *
 * Sums are made in double, in the order of the taps, and rounded once. */
#ifndef DG_OPS_TAPS_H
#define DG_OPS_TAPS_H

#include <dagrad/node.h>

typedef struct dg_tap {
    int64_t index; /* along the axis of x */
    double weight;
} dg_tap;

/* R by rows: row o has taps begin[o] to begin[o + 1] - 1. */
typedef struct dg_taps {
    int64_t in, out;
    int64_t *begin;
    dg_tap *tap;
} dg_taps;

/* From x [outer, in.., inner] to y [outer, out.., inner]. */
typedef struct dg_map {
    int axes;
    dg_taps axis[DG_MAX_RANK];
    int64_t outer, inner;
} dg_map;

/* Writes the taps of place o of an axis of y, and returns how many. Where an axis of x and y has
 * one size the map must leave it as it is. All places of an axis together have at most in + 2 out
 * taps. */
typedef int dg_tap_fn(const void *of, int axis, int64_t o, dg_tap *tap);

/* Scratch of a call, for dg_node_type.bytes. */
size_t dg_map_scratch(const dg_shape *x, const dg_shape *y);

/* The map from x to y, or the transposed one, from y to x, in scratch. */
dg_map dg_map_make(const dg_shape *x, const dg_shape *y, dg_tap_fn *taps, const void *of,
                   int transposed, void *scratch);

#ifdef DG_REAL
#include "base/real.h"

/* A whole call of a node of one input and one result, in any direction. */
dg_status DG_T(dg_map_run)(const dg_call *c, dg_tap_fn *taps, const void *of);
#endif

#endif
