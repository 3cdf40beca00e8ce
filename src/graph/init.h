/* Initialisers of parameters and states, as text: "he", "normal(0.1)", "orthogonal(1.1)".
 *
 *     zeros  ones  fill(v)
 *     normal(std)           mean 0
 *     uniform(a, b)         in [a, b)
 *     he                    uniform with variance 2 / fan_in: in +-sqrt(6 / fan_in)
 *                           (He, Zhang, Ren, Sun, ICCV 2015)
 *     glorot                uniform with variance 2 / (fan_in + fan_out)
 *                           (Glorot and Bengio, AISTATS 2010)
 *     orthogonal(gain=1)    gain Q: Q^t Q = 1 or Q Q^t = 1, whichever can be, of the matrix whose
 *                           columns are the last axis; Q uniformly distributed (Saxe, McClelland,
 *                           Ganguli, ICLR 2014)
 *     auto                  he where a relu, leaky_relu or elu reads what the parameter's node
 *                           gives, else glorot
 *
 * Of a shape [..., in, out], with P the product of the axes before the last two (the pixels of a
 * kernel), fan_in is P in, fan_out P out; of one axis both are its size.
 *
 * Element i is a function of seed, the parameter's name and i: the order in which values were made
 * does not matter, and f32 has the values of f64, rounded. */
#ifndef DG_GRAPH_INIT_H
#define DG_GRAPH_INIT_H

#include "graph/graph.h"

/* DG_EMODEL with the initialisers there are, or what this one takes, in why. */
dg_status dg_init_parse(const char *text, dg_init *out, dg_diag *why);

/* The name of the k-th initialiser, how it is written, and what it gives; NULL at the end. */
const char *dg_init_at(int k, const char **form, const char **text);

/* The initialiser of a parameter or state, auto being the one it stands for; NULL: none. */
const char *dg_init_resolved(const dg_graph *g, int32_t id);

/* dg_graph_init, but only for values that have no elements yet: what dg_compile does. */
dg_status dg_graph_init_missing(dg_graph *g, uint64_t seed);

#endif
