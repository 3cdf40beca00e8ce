/* Parameters of a node, as given or as the graph makes them. */
#ifndef DG_OPS_PARAMETERS_H
#define DG_OPS_PARAMETERS_H

#include <dagrad/node.h>

/* Checks each input that is a parameter against what t->parameter says. DG_EMODEL: it has another
 * shape, is missing, or is given although the attributes leave it out (bias=false). */
dg_status dg_parameters_fit(const dg_node_type *t, const dg_attrs *a, int n_in, const dg_shape in[],
                            dg_diag *why);

#endif
