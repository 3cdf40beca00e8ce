/* Operators on constants; each for one binding of the free sizes. False: refused. */
#ifndef DG_ONNX_FOLD_H
#define DG_ONNX_FOLD_H

#include "onnx/import.h"

typedef bool dg_folding(dg_import *m, const dg_step *s, int b);

/* fold_move.c: elements are moved */
dg_folding dg_fold_identity, dg_fold_cast, dg_fold_reshape, dg_fold_flatten, dg_fold_transpose,
    dg_fold_squeeze, dg_fold_unsqueeze, dg_fold_slice, dg_fold_concat, dg_fold_split,
    dg_fold_gather, dg_fold_expand, dg_fold_tile, dg_fold_trilu;
/* fold_math.c: elements are computed */
dg_folding dg_fold_shape, dg_fold_size, dg_fold_fill, dg_fold_range, dg_fold_unary, dg_fold_binary,
    dg_fold_where, dg_fold_reduce;

#endif
