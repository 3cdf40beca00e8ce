/* The network of a model as text: what weights were trained in.
 *
 * A line for each input, parameter, constant and node that the losses depend on, in order, and for
 * each term of the loss: kinds, attributes, edges, shapes. Not in it: comments, names of
 * intermediate values, initialisers, metrics, and nodes that only outputs or metrics use. Two
 * models with the same lines take the same steps. */
#ifndef DG_TRAIN_NETWORK_H
#define DG_TRAIN_NETWORK_H

#include "base/text.h"
#include <dagrad/graph.h>

/* Appends the lines, each ended by a newline. */
dg_status dg_network_write(const dg_graph *g, dg_text *out, dg_diag *why);
/* Appends "name=value": a word, a text, or numbers. */
void dg_attribute_write(dg_text *out, const dg_attr_spec *spec, const dg_attr_value *v);

#endif
