/* Operators to statements of the model. False: refused. */
#ifndef DG_ONNX_MAP_H
#define DG_ONNX_MAP_H

#include "onnx/import.h"
#include "onnx/shapes.h"

typedef bool dg_mapping(dg_import *m, const dg_step *s);

dg_mapping dg_map_identity, dg_map_cast, dg_map_unary, dg_map_clip, dg_map_dropout, dg_map_prelu,
    dg_map_gelu;                                               /* map_pointwise.c */
dg_mapping dg_map_pair, dg_map_sum, dg_map_pow, dg_map_expand; /* map_pair.c */
dg_mapping dg_map_gemm, dg_map_matmul;                         /* map_product.c */
dg_mapping dg_map_conv, dg_map_conv_transpose, dg_map_pool, dg_map_global_pool; /* map_spatial.c */
dg_mapping dg_map_reshape, dg_map_flatten, dg_map_transpose, dg_map_squeeze, dg_map_unsqueeze,
    dg_map_slice, dg_map_split, dg_map_concat, dg_map_pad;            /* map_shape.c */
dg_mapping dg_map_gather;                                             /* map_gather.c */
dg_mapping dg_map_blocks, dg_map_tile;                                /* map_blocks.c */
dg_mapping dg_map_to_sequence, dg_map_sequence_at;                    /* map_sequence.c */
dg_mapping dg_map_reduce, dg_map_softmax, dg_map_cumsum, dg_map_loss; /* map_reduce.c */
dg_mapping dg_map_batchnorm, dg_map_instancenorm, dg_map_groupnorm, dg_map_layernorm;
/* map_norm.c */
dg_mapping dg_map_attention;                                       /* map_attention.c */
dg_mapping dg_map_resize, dg_map_lrn;                              /* map_scale.c */
dg_mapping dg_map_recurrent;                                       /* map_recurrent.c */
dg_mapping dg_map_compare, dg_map_not, dg_map_isnan, dg_map_where; /* map_truth.c */

/* map_heads.c: a product that is the last one of an attention becomes that. */
bool dg_onnx_heads(dg_import *m, const dg_step *s);
/* map_attention.c: the node, of queries, keys and values as [N, heads, T, d]; out is such, too. */
bool dg_onnx_attend(dg_import *m, const dg_step *s, const dg_onnx_value v[3], const char *more,
                    dg_onnx_value *out);
/* [N, T, heads d] of such a layout. */
dg_want dg_want_heads(const dg_layout *at);

/* map_position.c: a sum with the learned vectors of dagrad's node position. */
bool dg_onnx_position(dg_import *m, const dg_step *s);

/* ---- Shared ---------------------------------------------------------------------------------- */

/* out = text, of the shape and layout of a value that is there. */
void dg_onnx_like(dg_import *m, const dg_step *s, dg_onnx_value *out, const dg_onnx_value *in,
                  const char *format, ...) DG_PRINTF(5, 6);

/* A constant as a value of the model that holds all of it, its axes as in the file. */
const dg_onnx_value *dg_onnx_held(dg_import *m, const dg_onnx_value *v, const char *role);

/* The one number of input k; false: it is no constant, or several. */
bool dg_onnx_scalar(const dg_step *s, int k, double *x);

/* Both operands of a node stretched to one another: their expressions, and out's layout and shape.
 * role: what a constant of several elements is as the operand. False: refused. */
bool dg_onnx_pair(dg_import *m, const dg_step *s, const dg_onnx_value *a, const dg_onnx_value *b,
                  bool trains, dg_onnx_value *out, const char *text[2]);

/* v with an axis of the model for each axis of the file, as an expression: the axes as they are
 * stored, axis[i] of the file at place i. NULL: refused. */
const char *dg_onnx_axes(dg_import *m, const dg_step *s, const dg_onnx_value *v, int axis[]);
/* The layout of such a value: sizes of the file's axes, stored in the order of axis. */
dg_layout dg_onnx_axes_layout(const dg_onnx_value *v, int64_t dim[DG_BINDINGS][DG_MAX_RANK],
                              const int axis[], dg_want *w);
/* An axis of the file as one of the model: *text is v with it, *at its layout then, *w the axes;
 * returns the place. -1: refused. */
int dg_onnx_axis(dg_import *m, const dg_step *s, const dg_onnx_value *v, int axis, dg_layout *at,
                 dg_want *w, const char **text);

/* out = the elements start to start + count - 1 of an axis of v. */
bool dg_onnx_slice(dg_import *m, const dg_step *s, const dg_onnx_value *v, int axis,
                   const dg_slice at[DG_BINDINGS], dg_onnx_value *out);
/* Values one after the other along an axis, counted from the end where it is negative. */
bool dg_onnx_join(dg_import *m, const dg_step *s, int n, dg_onnx_value *const in[], int64_t axis_of,
                  dg_onnx_value *out);

/* "[N, C, H, W]" channels last: the want of a picture; false: refused. */
const char *dg_onnx_picture(dg_import *m, const dg_step *s, const dg_onnx_value *v);
/* The layout of a picture of these sizes, and its want. */
dg_layout dg_onnx_picture_layout(const dg_onnx_value *like, int64_t channels,
                                 int64_t size[DG_BINDINGS][2], dg_want *w);
/* A vector of the channels, as a role of a node. */
dg_onnx_role dg_onnx_vector(const char *role, const char *suffix, const dg_onnx_value *v,
                            dg_onnx_kind kind);

/* Whether a node of the model is there and has an attribute of this name. */
bool dg_onnx_node_takes(const char *node, const char *attr);

/* "3, 4"; NULL: one is free. */
const char *dg_onnx_sizes(dg_import *m, int n, const int64_t size[]);

#endif
