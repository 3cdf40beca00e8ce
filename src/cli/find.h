/* Values of a model by the names that people use. */
#ifndef DG_CLI_FIND_H
#define DG_CLI_FIND_H

#include "cli/command.h"

/* An input, a parameter, an output, a node, or what a name of the model means in the end: z is its
 * last assignment. id 0: there is none, which is told with the names that fit `option`. */
dg_value dg_find_value(const dg_command *c, const char *option, const dg_graph *g,
                       const char *name);

/* What can be asked of a graph, "x, w, z.linear, ...": all, or what `to` depends on (id 0: all);
 * differentiable 1: real numbers only. Appended to text, some 20 of them. */
void dg_list_values(const dg_graph *g, dg_value to, int differentiable, dg_text *text);

/* 1: v is a, or is computed from a. */
int dg_depends_on(const dg_graph *g, dg_value v, dg_value a);

#endif
