/* Recurrent layers upon one another: those whose weights are pieces of one tensor, as dagrad writes
 * them, become one node again. */
#ifndef DG_ONNX_SERIES_H
#define DG_ONNX_SERIES_H

#include "onnx/gates.h"
#include "onnx/import.h"

enum { DG_MOST_LAYERS = 64 };

typedef struct dg_series {
    const dg_cell *cell;
    int64_t directions, units, features;
    bool batch_first, after, backward, started; /* started: with states before the first place */
    int layers;
    const char *x; /* what the first layer reads */
    const dg_onnx_value *w[DG_MOST_LAYERS], *r[DG_MOST_LAYERS], *b[DG_MOST_LAYERS];
    dg_onnx_value *out[DG_MOST_LAYERS][3]; /* results of each layer; NULL: not given */
    const dg_onnx_node *node[DG_MOST_LAYERS];
} dg_series;

/* One layer, with those below it that it can be joined to. */
void dg_series_join(dg_import *m, dg_series *n);
/* Keeps it under the name of all its states. */
void dg_series_keep(dg_import *m, const char *all, const dg_series *n);

/* Constants one after the other along axis 0; called by the tensor's name where they are all of
 * one.
 * n 0: NULL. */
const dg_onnx_value *dg_series_stack(dg_import *m, int n, const dg_onnx_value *const v[]);
const dg_onnx_value *dg_series_whole(dg_import *m, const dg_onnx_value *v);
/* These elements of a constant as one of their own, called by the tensor that they are; NULL: they
 * are of several, or not all of it. */
const dg_onnx_value *dg_series_part(dg_import *m, const dg_onnx_value *v, int64_t n,
                                    const int64_t *index);

#endif
