/* One node at a point: its input and parameter gradients A and B as matrices, and what its adjoint
 * makes of an error vector, A^t eps and B^t eps. */
#ifndef DG_CLI_LOCAL_H
#define DG_CLI_LOCAL_H

#include "engine/naive.h"
#include <stdio.h>

/* Of the node that made v, at the values and error vectors of `at`. */
dg_status dg_local_print(FILE *to, const dg_graph *g, const dg_naive *at, dg_value v, dg_diag *why);

#endif
