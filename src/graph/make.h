/* What the files of graph/ share: failures, room, names, new values. */
#ifndef DG_GRAPH_MAKE_H
#define DG_GRAPH_MAKE_H

#include "graph/graph.h"

/* ---- graph.c --------------------------------------------------------------------------------- */

/* The first failure sticks, with the name of a node or value (may be NULL) and the place that the
 * graph carries now. Returns the graph's status. */
dg_status dg_graph_fail(dg_graph *g, const char *name, dg_status code, const char *format, ...)
    DG_PRINTF(4, 5);
/* The same with text, and with the place where it has one, of why. */
dg_status dg_graph_fail_as(dg_graph *g, const char *name, const dg_diag *why);
dg_status dg_graph_no_memory(dg_graph *g);

/* Notes what filled a parameter or a state instead of its initialiser, as text (copied). */
void dg_graph_filled_from(dg_graph *g, dg_value v, const char *text);

/* Hands out the failure of a graph and lets building go on, for a caller that reports several. What
 * failed was not added; what was made of it has id 0. */
dg_status dg_graph_pardon(dg_graph *g, dg_diag *first);

/* NULL if v is none of this graph's. */
dg_vertex *dg_graph_vertex(const dg_graph *g, dg_value v);

/* array with room for one item of `bytes` more than n, or NULL (and the failure sticks). */
void *dg_graph_room(dg_graph *g, void *array, int n, int *room, size_t bytes);

/* A copy of text that lives as long as the graph, or NULL. */
const char *dg_graph_copy(dg_graph *g, const char *text);

/* ---- names.c --------------------------------------------------------------------------------- */

/* Names of inputs, parameters, states and constants, which are unique, and those of nodes, of which
 * the first is found. 0 / -1: none. */
int32_t dg_names_value(const dg_graph *g, const char *name); /* id */
int dg_names_node(const dg_graph *g, const char *name);      /* index */
dg_status dg_names_add_value(dg_graph *g, int32_t id);
dg_status dg_names_add_node(dg_graph *g, int node);

/* ---- values.c -------------------------------------------------------------------------------- */

/* Appends a value; its place becomes that of the graph. id 0: out of memory. */
dg_value dg_graph_append(dg_graph *g, const dg_vertex *v);

/* A named value without data, all checked. init is copied; NULL where there is none. */
dg_value dg_graph_declare(dg_graph *g, const char *name, dg_kind kind, dg_type type,
                          const dg_shape *shape, const char *init);

/* A parameter or state that init fills. A wrong initialiser sticks as a failure at the place at, if
 * that is given. */
dg_value dg_graph_hold(dg_graph *g, const char *name, dg_kind kind, const dg_shape *shape,
                       const char *init, const dg_attr *at);

/* DG_OK if rank and dimensions are in range and a row of 8-byte elements (all of it, where there is
 * no batch axis) can be addressed; else the failure sticks. what: "x", "the result of conv". */
dg_status dg_graph_check_shape(dg_graph *g, const char *name, const char *what, const dg_shape *s,
                               int may_be_n);

/* The word for a kind: "input", "parameter", ... */
const char *dg_kind_text(dg_kind kind);

#endif
