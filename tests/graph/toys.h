/* Node types of the tests of graph/: enough kinds of inputs and results to build with. They are
 * built with, never run. */
#ifndef DG_TESTS_GRAPH_TOYS_H
#define DG_TESTS_GRAPH_TOYS_H

#include <dagrad/graph.h>

/* dense(x, units, bias=true, weight=)  weight [in, units], bias [units]
 * twice(x)                             any input, a view
 * add2(a, b, scale=)                   scale may be absent
 * join(a, b, ...)                      along axis 1
 * parts(x, n, label=)                  n results
 * pick(ids)                            takes integers only
 * either(x)                            integers if it has one axis, else real values
 * huge(x)                              a result too large to address
 * bad_n(x)                             N where it may not be
 * silent(x)                            a shape rule that refuses without a word */
void toys_add(dg_graph *g);

extern const dg_node_type toy_dense, toy_twice;

/* The type's mathematics, for both types. */
dg_status toy_not_run(const dg_call *c);

/* A graph with all toys; `real` as dg_graph_new. Fails the test if it cannot. */
dg_graph *toys_graph(dg_type real);

dg_shape shape1(int64_t a);
dg_shape shape2(int64_t a, int64_t b);

/* dense(x, units), named. */
dg_value toys_dense(dg_graph *g, const char *name, dg_value x, double units);

#endif
