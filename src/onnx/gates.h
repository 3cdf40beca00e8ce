/* The gates of recurrent nodes: dagrad has them in the order of PyTorch, ONNX in one of its own. */
#ifndef DG_ONNX_GATES_H
#define DG_ONNX_GATES_H

typedef struct dg_cell {
    const char *op, *node;   /* of ONNX, of dagrad */
    const char *activations; /* by default, as a list of the file */
    int gates, order[4];     /* gate k of dagrad is gate order[k] of ONNX */
} dg_cell;

/* By either name; NULL: none. */
const dg_cell *dg_cell_find(const char *name);

#endif
