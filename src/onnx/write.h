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
typedef enum {
    DG_STAGE_ADD,
    DG_STAGE_MUL,    /* of x: one number, or one for each place of the last axis */
    DG_STAGE_FILL,   /* a gap, which is NaN, becomes such a number */
    DG_STAGE_GAP,    /* 1 for a gap, else 0 */
    DG_STAGE_ONEHOT, /* the last axis: a label becomes n numbers */
    DG_STAGE_WORDS,  /* rows of n labels become one-hot vectors of x sizes, joined */
    DG_STAGE_CROP    /* the middle of a picture, n by columns */
} dg_stage_kind;

typedef struct dg_onnx_stage {
    dg_stage_kind kind;
    int64_t n, columns;
    const double *x; /* n numbers */
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
