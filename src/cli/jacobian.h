/* The Jacobian of one value of a program by another, whatever both are. */
#ifndef DG_CLI_JACOBIAN_H
#define DG_CLI_JACOBIAN_H

#include <dagrad/program.h>

/* Adds to o what dg_jacobian_form needs of the program; of and by must live as long as o. */
void dg_jacobian_options(dg_options *o, const dg_graph *g, const dg_value *of,
                         const dg_value by[2]);

/* [elements of `of`, elements of `by`] after a forward pass; t->data is to be freed. by[0]: an
 * input, a parameter or a result. */
dg_status dg_jacobian_form(dg_program *p, const dg_graph *g, dg_value of, dg_value by, dg_tensor *t,
                           dg_diag *why);

#endif
