/* A graph of dagrad as an ONNX file, in its inference form.
 *
 *     dg_onnx_writing w = {.graph = graph, .name = "wine"};
 *     dg_text file = dg_text_make(NULL);
 *     dg_status s = dg_onnx_write(&w, &file, &why);
 *
 * Written is what the outputs depend on, the batch as the free size N. Pictures are channels first
 * inside, as the operators of ONNX want them; a transpose stands only where a value is used both
 * ways. Names of parameters are those of dagrad, so that a file that is read again has the same
 * weights. Opset 17, or that of the newest operator in it. */
#ifndef DG_ONNX_WRITE_H
#define DG_ONNX_WRITE_H

#include "base/text.h"
#include <dagrad/graph.h>

/* What is done to a value outside of the graph: a step of a pipe. */
typedef struct dg_onnx_stage {
    enum { DG_STAGE_AFFINE, DG_STAGE_ONEHOT, DG_STAGE_CROP } kind;
    int64_t n, columns;  /* affine: numbers of a and b, 1 or the last axis; onehot: its length;
                              crop: rows and columns */
    const double *a, *b; /* x a + b */
    int64_t top, left;   /* crop: where the window begins, in a picture of the shape below */
    dg_shape before;     /* of a row before it */
} dg_onnx_stage;

typedef struct dg_onnx_pipe {
    const char *name; /* of an input, or an output */
    int n;
    const dg_onnx_stage *stage; /* in the order in which they run */
} dg_onnx_pipe;

typedef struct dg_onnx_writing {
    const dg_graph *graph;
    const dg_graph *other;         /* the same with other free sizes; NULL: there are none */
    const char *name;              /* of the graph in the file */
    const char *const *input_free; /* DG_MAX_RANK names a value of the graph: of its free sizes,
                                      NULL: it is not free; NULL: none */
    int first;                     /* 1: pictures come and go channels first */
    int n_pipes;
    const dg_onnx_pipe *pipes;
} dg_onnx_writing;

/* Appends the file to `out`. DG_EMODEL names what ONNX has no form for. */
dg_status dg_onnx_write(const dg_onnx_writing *w, dg_text *out, dg_diag *why);

#endif
