/* Nodes that make one number of many, over the axes of a list (all by default): sum, mean, max,
 * min.
 *
 * The output has the other axes, or, with keepdims, all of them with size 1 for those of the
 * list. Its rows are rows of z where axis 0 is not in the list; else a call is for all of it, in
 * parts. */
#ifndef DG_OPS_OVER_H
#define DG_OPS_OVER_H

#include "ops/walk.h"

enum { DG_OVER_AXIS, DG_OVER_KEEP, DG_OVER_ATTRS, DG_OVER_CASES = 7 };

extern const dg_input_spec dg_over_input[1];
extern const dg_attr_spec dg_over_attrs[DG_OVER_ATTRS];
/* The same as initialisers, for a node with more attributes after them. */
#define DG_OVER_SPECS                                                                              \
    {"axis",          DG_ATTR_INT, DG_MAX_RANK, -DG_MAX_RANK,                                      \
     DG_MAX_RANK - 1, "",          NULL,        "the axes; all by default"},                       \
    {                                                                                              \
        "keepdims", DG_ATTR_BOOL, 1, 0, 1, "false", NULL, "whether they stay, with size 1"         \
    }
extern const dg_case dg_over_cases[DG_OVER_CASES];

/* Fields of dg_node_type. */
dg_status dg_over_shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                        dg_diag *why);
/* The same for nodes that refuse to make something of nothing. */
dg_status dg_over_some_shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                             dg_diag *why);
int dg_over_parts(const dg_sizes *of, int input);
double dg_over_flops(const dg_sizes *of, int input);

/* The walk over z, for the call's rows: array 0 is x (or its error vector), array 1 z (or its). */
dg_walk dg_over_walk(const dg_call *c);
/* Leaves the call's part of a walk for the adjoint: parts cut axis 0 of z. */
void dg_over_share(const dg_call *c, dg_walk *w);
/* Elements of z that one element of x is made of. */
int64_t dg_over_terms(const dg_call *c);

#endif
