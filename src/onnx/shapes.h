/* What operators that move elements do to shapes, for one binding of the free sizes: shared by
 * folding and mapping. Each returns a rank, -1 where the file is not valid or says what the input
 * decides (nothing is reported). */
#ifndef DG_ONNX_SHAPES_H
#define DG_ONNX_SHAPES_H

#include "onnx/import.h"

int dg_shape_reshape(dg_import *m, const dg_step *s, int b, int64_t to[]);
int dg_shape_flatten(dg_import *m, const dg_step *s, int b, int64_t to[]);
int dg_shape_expand(dg_import *m, const dg_step *s, int b, int64_t to[]);
/* from[k]: the axis of the input that axis k is; -1: a new one of size 1. */
int dg_shape_squeeze(dg_import *m, const dg_step *s, int from[]);
int dg_shape_unsqueeze(dg_import *m, const dg_step *s, int from[]);
int dg_shape_transpose(const dg_step *s, int from[]);

typedef struct dg_slice {
    int64_t start, step, count;
} dg_slice;

/* Of each axis of the input. */
int dg_shape_slice(dg_import *m, const dg_step *s, int b, dg_slice axis[]);
/* Sizes of the parts of Split; their number. */
int dg_shape_split(dg_import *m, const dg_step *s, int b, int axis, int64_t part[]);

#endif
