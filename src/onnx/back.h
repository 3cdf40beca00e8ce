/* Trained numbers back into the ONNX file that they came from: its bytes, with other numbers in the
 * places of its tensors and nothing else changed. */
#ifndef DG_ONNX_BACK_H
#define DG_ONNX_BACK_H

#include "onnx/onnx.h"
#include <dagrad/graph.h>

typedef struct dg_onnx_back {
    char *bytes; /* to be freed */
    size_t size;
    int tensors;     /* of the file that have other numbers now */
    int64_t numbers; /* that differ */
    int training;    /* batch norms that the file has in training mode */
} dg_onnx_back;

/* net: from dg_onnx_read. Every parameter and state of it must be in t, with its shape, and no
 * other one; two that are one tensor in the file must be equal. Else DG_EUSAGE or DG_EDATA says
 * which. from: what t was read from. */
dg_status dg_onnx_write_back(const dg_onnx *net, const dg_tensors *t, const char *from,
                             dg_onnx_back *out, dg_diag *why);

/* Whether every node of the graph of `net` is in `run`, with its type, attributes and inputs, and
 * so are its outputs: else DG_EUSAGE names the first that is not. */
dg_status dg_onnx_same_graph(const dg_graph *net, const dg_graph *run, dg_diag *why);

#endif
