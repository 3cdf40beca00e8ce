/* A graph on its way to an ONNX file: what the files that write it share.
 *
 *     export.c   the file: what is live, inputs, outputs        put.c     the table of nodes
 *     store.c    tensors: parameters, constants, small lists    put_*.c   nodes to operators
 *     hold.c     values and their layouts
 *
 * A value of the graph may be there in up to three layouts, each under a name of its own; one that
 * is asked for and not there is made by a transpose, once. */
#ifndef DG_ONNX_EXPORT_H
#define DG_ONNX_EXPORT_H

#include "graph/graph.h"
#include "lang/heap.h"
#include "onnx/write.h"

/* PLAIN: the axes of the graph. FIRST: the last one behind the batch. FLAT: a matrix whose columns
 * are those of a flattened picture that was FIRST. */
typedef enum { DG_AXES_PLAIN, DG_AXES_FIRST, DG_AXES_FLAT, DG_AXES } dg_axes;

typedef struct dg_held {
    const char *name[DG_AXES]; /* NULL: not there */
    dg_shape picture;          /* FLAT: what was flattened */
    bool stretched;            /* has one row, which stands for all */
    bool live;
    bool written;             /* an output is there */
    const char *output;       /* the first output that it is; NULL: none */
    const dg_onnx_pipe *pipe; /* of an input, an output; NULL: none */
} dg_held;

typedef struct dg_export {
    dg_heap heap;
    dg_memory memory; /* of messages in the making: the heap's */
    const dg_onnx_writing *writing;
    const dg_graph *graph;
    dg_held *held; /* of each value */
    dg_dict names, tensors_by_key;
    dg_text nodes, tensors, inputs, outputs, constants;
    int opset;
    const char *rows; /* an input, of which rows can be counted; NULL: there is none */
    dg_diag *why;
} dg_export;

/* A node that is written. */
typedef struct dg_put {
    dg_export *x;
    const dg_node *node;
} dg_put;

/* ---- export.c -------------------------------------------------------------------------------- */

/* Leaves dg_onnx_write. */
_Noreturn void dg_export_fail(dg_export *x, dg_status code, const char *format, ...)
    DG_PRINTF(3, 4);
/* A node of the graph that ONNX has no form for. */
_Noreturn void dg_put_fail(const dg_put *p, const char *format, ...) DG_PRINTF(2, 3);

/* ---- store.c --------------------------------------------------------------------------------- */

/* A name that is not taken: base, or base with a number. */
const char *dg_export_name(dg_export *x, const char *base);
/* Tensors of the file, returned by name. near: what they are for. */
const char *dg_store_ints(dg_export *x, const char *near, int n, const int64_t v[]);
const char *dg_store_int(dg_export *x, const char *near, int64_t v); /* of rank 0 */
const char *dg_store_reals(dg_export *x, const char *near, int rank, const int64_t dim[],
                           const double v[]);
const char *dg_store_f32(dg_export *x, const char *near, int n, const double v[]);
const char *dg_store_real(dg_export *x, const char *near, double v); /* of rank 0 */
/* Elements of a value that is stored, in another order and shape (index NULL: as they are); a
 * second call with the same key gets the same tensor. */
const char *dg_store_value(dg_export *x, int32_t id, const char *key, int rank, const int64_t dim[],
                           const int64_t index[]);
/* With its axes permuted; of a value that is computed, too. */
const char *dg_store_turned(const dg_put *p, int k, const int perm[]);
bool dg_is_stored(const dg_export *x, int32_t id);

/* ---- hold.c ---------------------------------------------------------------------------------- */

/* Attributes of an operator: start from dg_text_make(&x->memory), given to dg_put_op,
 * which frees them. */
void dg_attr_put_i(dg_text *t, const char *name, int64_t v);
void dg_attr_put_f(dg_text *t, const char *name, double v);
void dg_attr_put_s(dg_text *t, const char *name, const char *v);
void dg_attr_put_ints(dg_text *t, const char *name, int n, const int64_t v[]);

/* An operator of one result, whose name it returns. out NULL: a new one near the node's. attrs may
 * be NULL. */
const char *dg_put_op(dg_export *x, const char *near, const char *op, int n_in,
                      const char *const in[], const char *out, dg_text *attrs);
void dg_put_ops(dg_export *x, const char *op, int n_in, const char *const in[], int n_out,
                const char *const out[], dg_text *attrs);
const char *dg_put_unary(dg_export *x, const char *near, const char *op, const char *in);
const char *dg_put_turn(dg_export *x, const char *near, const char *in, int rank,
                        const int64_t perm[], const char *out);
const char *dg_put_cast(const dg_put *p, const char *in, int type);
int dg_export_real(const dg_export *x); /* the number of its type in ONNX */

const dg_vertex *dg_put_value(const dg_put *p, int k);  /* input k; NULL: not given */
const dg_vertex *dg_put_result(const dg_put *p, int k); /* result k */
/* Input k in this layout. */
const char *dg_put_in(const dg_put *p, int k, dg_axes axes);
/* The same, though one row may stand for all: where a sum or product stretches it. */
const char *dg_put_loose(const dg_put *p, int k, dg_axes axes);
/* The layout in which input k is there without a new node. */
dg_axes dg_put_axes(const dg_put *p, int k);
/* The name that result k is to have in this layout; it is there from then on. */
const char *dg_put_out(const dg_put *p, int k, dg_axes axes);
/* Result k is `name` of the file. */
void dg_put_hold(const dg_put *p, int k, dg_axes axes, const char *name);
/* The layout in which a value goes in and out. */
dg_axes dg_port_axes(const dg_export *x, const dg_vertex *v);
/* Axis of a value of this rank, as this layout has it. */
int dg_axis_in(dg_axes axes, int rank, int axis);
/* perm[i]: which axis of the graph axis i of the file is. */
void dg_axes_perm(int rank, int64_t perm[]);
/* An axis whose size is free: other sizes of the data would change it. */
bool dg_is_free(const dg_put *p, int32_t id, int axis);

/* Attributes of the node, by name. */
const dg_attr_value *dg_put_attr(const dg_put *p, const char *name);
int64_t dg_put_int(const dg_put *p, const char *name);
double dg_put_real(const dg_put *p, const char *name);

/* ---- put.c ----------------------------------------------------------------------------------- */

typedef void dg_putting(const dg_put *p);
typedef struct dg_put_row {
    const char *node;
    dg_putting *put;
    int opset;                     /* which the operators of it need */
    int (*newer)(const dg_put *p); /* which they need with these attributes; NULL: no other */
} dg_put_row;

const dg_put_row *dg_put_find(const char *node); /* NULL: none */

/* ---- put_pipe.c ------------------------------------------------------------------------------ */

/* The shape that the pipe takes, where it gives this one, and the names of its free sizes. */
dg_shape dg_pipe_before(const dg_onnx_pipe *pipe, dg_shape after, const char *free[]);
/* The stages of the pipe on `in`, plain; out NULL: a new name. */
const char *dg_put_pipe(dg_export *x, const dg_onnx_pipe *pipe, const char *in, const char *out);

dg_putting dg_put_unary_node, dg_put_square, dg_put_silu, dg_put_clip, dg_put_gelu, dg_put_same,
    dg_put_binary, dg_put_compare, dg_put_where; /* put_pointwise.c */
dg_putting dg_put_linear, dg_put_matmul;         /* put_product.c */
dg_putting dg_put_conv, dg_put_conv_transpose, dg_put_pool, dg_put_global_pool; /* put_spatial.c */
dg_putting dg_put_reshape, dg_put_flatten, dg_put_transpose, dg_put_concat, dg_put_split,
    dg_put_slice, dg_put_pad;                                                  /* put_shape.c */
dg_putting dg_put_reduce, dg_put_softmax, dg_put_cumsum;                       /* put_reduce.c */
dg_putting dg_put_layernorm, dg_put_groupnorm, dg_put_batchnorm;               /* put_norm.c */
dg_putting dg_put_gather, dg_put_embedding, dg_put_position, dg_put_attention; /* put_text.c */
dg_putting dg_put_upsample, dg_put_lrn, dg_put_adaptive_avgpool;               /* put_scale.c */
int dg_pool_opset(const dg_put *p), dg_pad_opset(const dg_put *p);
dg_putting dg_put_recurrent; /* put_recurrent.c */

#endif
