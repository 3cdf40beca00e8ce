/* The graph from inside: what graph/ builds and engine/ reads. The manual is <dagrad/graph.h>. */
#ifndef DG_GRAPH_GRAPH_H
#define DG_GRAPH_GRAPH_H

#include "base/arena.h"
#include <dagrad/graph.h>

/* An initialiser, read: see init.h. */
typedef struct dg_init {
    int kind; /* index in the table of init.c */
    double a, b;
} dg_init;

/* A value; ids count from 1, so values[id - 1]. */
typedef struct dg_vertex {
    const char *name;
    dg_kind kind;
    dg_type type;
    dg_shape shape;   /* dim[0] may be DG_N */
    int32_t node;     /* of a result: index of its node, else -1 */
    int part;         /* which result of it */
    int32_t reader;   /* index of the first node that reads it, + 1; 0: none */
    void *data;       /* parameter, state, constant: its elements, 64-byte aligned, the graph's */
    const char *init; /* parameter, state: as text */
    dg_init filler;   /* the same, read once */
    const char *from; /* what filled it instead, as text: npy("W.npy"); or NULL */
    int frozen;
    int set; /* parameter, state: 1 once dg_graph_set wrote it (dg_graph_init leaves it) */
    int start, end;
} dg_vertex;

typedef struct dg_node {
    const dg_node_type *type;
    int builtin; /* index in ops.def, -1 for a user's type */
    const char *name;
    int n_in, n_out;
    const int32_t *in; /* ids, 0: not given */
    int32_t out;       /* id of the first output; the others follow it */
    int rectified;     /* a node flagged DG_RECTIFIES reads a result, maybe by way of norms */
    const dg_attrs *attrs;
    int start, end;
} dg_node;

typedef struct dg_term {
    const char *name;
    int32_t value;
    double weight; /* of a loss; unused for an output */
} dg_term;

/* A hash table of names, see names.c. */
typedef struct dg_names {
    int32_t *slots;
    int n, room; /* room: 0 or a power of 2 */
} dg_names;

struct dg_graph {
    dg_host host;
    dg_memory memory;
    dg_arena arena;
    dg_type real;
    dg_diag diag;
    dg_vertex *values;
    int n_values, room_values;
    dg_node *nodes; /* in the order they were made: inputs of a node come before it */
    int n_nodes, room_nodes;
    dg_term *outputs, *losses;
    int n_outputs, room_outputs, n_losses, room_losses;
    const dg_node_type **types; /* the user's */
    int n_types, room_types;
    int initialised;
    int start, end; /* place that new values carry */
    dg_names names;
};

/* Marks, by id, all that the marked values are computed from. marked has n_values + 1 places; place
 * 0, of inputs that are not given, means nothing afterwards. */
void dg_graph_mark_before(const dg_graph *g, uint8_t *marked);

/* Next values of states, which are the last results of a node. */
static inline int dg_next_values(const dg_node_type *t)
{
    int n = 0;
    for (int i = 0; i < t->n_inputs; i++)
        n += (t->inputs[i].flags & DG_IN_STATE) != 0;
    return n;
}

/* The specification of a node's input; the last one may repeat. */
static inline const dg_input_spec *dg_input_spec_of(const dg_node *n, int i)
{
    int last = n->type->n_inputs - 1;
    return &n->type->inputs[i < last ? i : last];
}

#endif
