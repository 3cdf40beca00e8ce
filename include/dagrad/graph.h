/* The graph: what a user builds. Values (input, parameter, constant, state, or a node's output) and
 * nodes, nothing else. Building never aborts: the first failure sticks to the graph, later calls
 * pass it through, dg_compile reports it. One handle, one thread at a time. */
#ifndef DAGRAD_GRAPH_H
#define DAGRAD_GRAPH_H

#include <dagrad/node.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dg_graph dg_graph;

/* A value of a graph. id 0: made by a failed call; passing it on is harmless. */
typedef struct {
    int32_t id;
} dg_value;

/* Where memory comes from. NULL members: malloc and free, silence. alloc returns memory aligned as
 * malloc does. The struct is copied. */
typedef struct {
    size_t size;
    void *user;
    void *(*alloc)(void *user, size_t bytes);
    void (*free)(void *user, void *memory);
    void (*log)(void *user, const char *line);
} dg_host;

/* An attribute as a caller gives it: `count` numbers, or a word or text (of a list `count` texts,
 * joined by newlines), or (for an input given by name, as weight=w) a value. The graph copies what
 * it keeps. `start`, `end`: its place in the source, or 0. */
typedef struct {
    const char *name;
    int count;
    const double *number;
    const char *word;
    const dg_value *value;
    int start, end;
} dg_attr;

/* real: DG_F32 or DG_F64, the type of all real values of the graph. NULL only out of memory. */
DG_API dg_graph *dg_graph_new(const dg_host *host, dg_type real);
DG_API void dg_graph_free(dg_graph *g); /* after its programs; NULL allowed */
DG_API dg_status dg_graph_status(const dg_graph *g, dg_diag *first); /* first may be NULL */
DG_API dg_type dg_graph_real(const dg_graph *g);

/* Registers a node type; kept by reference. A name that is taken is refused. */
DG_API dg_status dg_graph_add_type(dg_graph *g, const dg_node_type *t);
/* Node types by name (NULL if unknown), and by index from 0, built-in ones first (NULL at the
 * end). */
DG_API const dg_node_type *dg_type_find(const dg_graph *g, const char *name);
DG_API const dg_node_type *dg_type_at(const dg_graph *g, int index);

/* Input or target: type real of the graph (give DG_F32 or DG_F64: both mean it), or DG_I32.
 * dim[0] may be DG_N. Names are copied and must be unique among inputs, parameters, states. */
DG_API dg_value dg_input(dg_graph *g, const char *name, dg_type type, dg_shape shape);
/* init: "zeros ones fill(v) normal(std) uniform(a,b) he glorot orthogonal(gain)", NULL: glorot. */
DG_API dg_value dg_parameter(dg_graph *g, const char *name, dg_shape shape, const char *init);
DG_API dg_value dg_state(dg_graph *g, const char *name, dg_shape shape, const char *init);
DG_API dg_value dg_constant(dg_graph *g, const char *name, dg_tensor copied);
/* A constant scalar of rank 0. */
DG_API dg_value dg_number(dg_graph *g, double number);

/* Applies a node. in: the inputs in the order of the type's specification; inputs given by keyword
 * come as attributes with a value. Parameter inputs not given are made: named NAME.ROLE (name NULL:
 * TYPE, TYPE2, ...), initialised by the attribute init (the first parameter) or ROLE_init.
 * Returns the first output; dg_value_part(g, first, k) the k-th. */
DG_API dg_value dg_apply(dg_graph *g, const char *type, const char *name, int n_in,
                         const dg_value in[], int n_attr, const dg_attr attr[]);
DG_API dg_value dg_value_part(dg_graph *g, dg_value first, int k);

DG_API void dg_output(dg_graph *g, const char *name, dg_value v);
/* Adds weight * (1/K) * sum of v to the loss, K the number of pairs: v has one number a pair (or
 * one a component of a pair: then K is the rows of axis 0). Without a batch axis it is added as it
 * is, without 1/K. */
DG_API void dg_loss(dg_graph *g, const char *name, dg_value v, double weight);

/* The place in the source (bytes) that values and failures from now on carry. */
DG_API void dg_graph_place(dg_graph *g, int start, int end);

/* ---- Looking at a graph ---------------------------------------------------------------------- */

typedef enum { DG_INPUT, DG_PARAMETER, DG_STATE, DG_CONSTANT, DG_RESULT } dg_kind;

typedef struct {
    const char *name; /* of a result: its node's; lives as long as the graph */
    dg_kind kind;
    dg_type type;
    dg_shape shape;           /* dim[0] may be DG_N */
    const dg_node_type *node; /* of a result, else NULL */
    const char *init;         /* of a parameter or state, else NULL */
    int part;                 /* which result of its node */
    int frozen;
    int start, end;
} dg_value_info;

DG_API int dg_graph_values(const dg_graph *g); /* ids run from 1 to this */
DG_API dg_status dg_value_look(const dg_graph *g, dg_value v, dg_value_info *info);
DG_API dg_value dg_value_find(const dg_graph *g, const char *name); /* id 0: no such value */
DG_API int dg_graph_outputs(const dg_graph *g);
DG_API dg_value dg_graph_output(const dg_graph *g, int k, const char **name);
DG_API int dg_graph_losses(const dg_graph *g);
DG_API dg_value dg_graph_loss(const dg_graph *g, int k, const char **name, double *weight);

/* ---- Parameters and states: they belong to the graph, its programs share them ---------------- */

/* Sets all parameters and states by their initialisers: Philox keyed by seed and name. dg_compile
 * does it with the seed of its options where it has not been done. */
DG_API dg_status dg_graph_init(dg_graph *g, uint64_t seed);
/* Copies in or out; type and shape must be the value's own. data NULL in get: fills type, shape,
 * bytes. */
DG_API dg_status dg_graph_set(dg_graph *g, dg_value v, const dg_tensor *t, dg_diag *why);
DG_API dg_status dg_graph_get(const dg_graph *g, dg_value v, dg_tensor *t);
/* A frozen parameter gets no gradient and is not changed. */
DG_API void dg_graph_freeze(dg_graph *g, dg_value parameter, int frozen);
/* First 16 hex digits of SHA-256 over name, shape, type, little-endian bytes of all parameters and
 * states in order of name. text: 17 bytes. */
DG_API dg_status dg_graph_hash(const dg_graph *g, char text[17]);

#ifdef __cplusplus
}
#endif
#endif
