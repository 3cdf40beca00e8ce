/* An ONNX file as structs: model, graph, nodes, attributes, tensors. Numbers of tensors stay in the
 * file's bytes, which must outlive the structs; all else lies in the heap.
 *
 * Reading counts the parts of a message before it takes memory for them, so that memory stays below
 * a small multiple of the file's size whatever the file claims. */
#ifndef DG_ONNX_PROTO_H
#define DG_ONNX_PROTO_H

#include "lang/heap.h"
#include <dagrad/tensor.h>

enum { DG_ONNX_DEPTH = 32 }; /* graphs within graphs */

/* Types of elements, numbers of the format. */
enum {
    DG_ONNX_FLOAT = 1,
    DG_ONNX_UINT8,
    DG_ONNX_INT8,
    DG_ONNX_INT32 = 6,
    DG_ONNX_INT64,
    DG_ONNX_STRING,
    DG_ONNX_BOOL,
    DG_ONNX_FLOAT16,
    DG_ONNX_DOUBLE,
    DG_ONNX_BFLOAT16 = 16
};

typedef struct dg_onnx_tensor {
    const char *name;
    int type;
    int rank;
    int64_t dim[DG_MAX_RANK];
    int64_t count;        /* of elements */
    const uint8_t *bytes; /* raw data, or packed typed data of one piece */
    size_t size;          /* of bytes */
    uint32_t field;       /* which field held the elements: raw_data (9) or a typed one; 0: none */
    int pieces;           /* of the typed data */
    const uint8_t *whole; /* the message, for data in several pieces */
    size_t whole_size;
    const char *location;   /* of external data, else NULL */
    int64_t offset, length; /* length -1: not given */
} dg_onnx_tensor;

typedef struct dg_onnx_graph dg_onnx_graph;

typedef struct dg_onnx_attr {
    const char *name;
    int type; /* as the file says; 0: old files do not say */
    double f;
    int64_t i;
    const char *s; /* a text; of a list the first ones, each with a comma behind it */
    const dg_onnx_tensor *t;
    const dg_onnx_graph *g;
    int n_ints, n_floats, n_strings;
    const int64_t *ints;
    const double *floats;
} dg_onnx_attr;

typedef struct dg_onnx_node {
    const char *name, *op, *domain;
    int n_in, n_out, n_attrs;
    const char **in, **out;
    dg_onnx_attr *attrs;
    bool folded; /* its metadata say that a batch norm was folded into it */
} dg_onnx_node;

/* An input or output of a graph. */
typedef struct dg_onnx_port {
    const char *name;
    int type;
    int rank;                      /* -1: not given */
    int64_t dim[DG_MAX_RANK];      /* -1: free */
    const char *free[DG_MAX_RANK]; /* the name of a free dimension, "" if it has none */
} dg_onnx_port;

struct dg_onnx_graph {
    const char *name;
    int n_nodes, n_tensors, n_inputs, n_outputs;
    int n_sparse; /* sparse initialisers */
    dg_onnx_node *nodes;
    dg_onnx_tensor *tensors; /* initialisers */
    dg_onnx_port *inputs, *outputs;
};

typedef struct dg_onnx_opset {
    const char *domain;
    int64_t version;
} dg_onnx_opset;

typedef struct dg_onnx_proto {
    int64_t ir;
    const char *producer, *producer_version;
    const char
        *constants; /* what dagrad wrote of its own: names of constants, a line each; or NULL */
    int n_opsets, n_functions, n_training;
    dg_onnx_opset *opsets;
    dg_onnx_graph *graph; /* NULL: the file has none */
} dg_onnx_proto;

/* Reads a whole file. Jumps out of the heap if it lacks memory. NULL: *wrong says why. */
const dg_onnx_proto *dg_onnx_proto_read(dg_heap *heap, const void *bytes, size_t size,
                                        const char **wrong);

/* A file that is one tensor, as the ONNX project's test data are. False: *wrong says why. */
bool dg_onnx_tensor_read(dg_heap *heap, const void *bytes, size_t size, dg_onnx_tensor *t,
                         const char **wrong);

/* An attribute by name, NULL: not given. */
const dg_onnx_attr *dg_onnx_attr_find(const dg_onnx_node *n, const char *name);

/* The bytes of an element of this type, 0: not of a fixed size or not known. */
size_t dg_onnx_type_bytes(int type);
/* "float", "int64" */
const char *dg_onnx_type_name(int type);

#endif
