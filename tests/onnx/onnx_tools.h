/* Files of ONNX with vectors, for the tests: opened with a loss, run, compared. */
#ifndef DG_TESTS_ONNX_TOOLS_H
#define DG_TESTS_ONNX_TOOLS_H

#include "io/array.h"
#include "train/experiment.h"

/* The arrays of an .npz. */
typedef struct onnx_vectors {
    int n;
    char **name;
    dg_array *array;
} onnx_vectors;

/* tests/onnx/data/NAME in room, which it returns. */
const char *onnx_file(const char *name, char room[512]);
void onnx_vectors_read(const char *name, onnx_vectors *v);
void onnx_vectors_free(onnx_vectors *v);
/* NULL: there is none. */
const dg_array *onnx_vector(const onnx_vectors *v, const char *prefix, const char *name);

/* A net at the point of its vectors: mse of each output against its target. */
typedef struct onnx_run {
    dg_onnx *net;
    dg_experiment *e;
    dg_program *p;
    onnx_vectors v;
} onnx_run;

/* prefix: of the vectors that are taken, "" or "train/". */
void onnx_run_open(onnx_run *r, const char *name, const dg_onnx_options *o, dg_type real,
                   int training);
/* The same of a net that was read (and perhaps spoiled); it is taken over. */
void onnx_run_open_net(onnx_run *r, const char *name, dg_onnx *net, dg_type real, int training);
/* Runs it again at another point: the inputs times factor. */
void onnx_run_at(onnx_run *r, double factor);
void onnx_run_close(onnx_run *r);

/* The largest relative distance of an output, or of a gradient, from its vector; a gradient that is
 * 0 but for rounding is measured against the largest of the file. */
double onnx_run_outputs(const onnx_run *r, const char *prefix);
double onnx_run_gradients(const onnx_run *r, const char *prefix);

/* The same for what a step makes of the states: train/state/NAME. */
double onnx_run_states(const onnx_run *r);
/* The largest relative distance of a gradient of a from that of b. */
double onnx_run_between(const onnx_run *a, const onnx_run *b);

#endif
