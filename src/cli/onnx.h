/* dagrad convert of ONNX files. */
#ifndef DG_CLI_ONNX_H
#define DG_CLI_ONNX_H

#include "base/arena.h"
#include "cli/command.h"
#include "lang/dag.h"
#include "onnx/onnx.h"
#include "onnx/write.h"
#include "train/experiment.h"

typedef struct dg_onnx_flags {
    int force;
    int fixed;             /* no axis is a batch */
    int plain;             /* --layout source */
    int first;             /* --layout nchw */
    int transforms;        /* --with-transforms */
    const char *batchnorm; /* frozen, train; NULL: as the file says */
    const char *weights;   /* a run, or a file: write back */
    int64_t limit;         /* MiB */
    dg_list size;
} dg_onnx_flags;

/* --size NAME=NUMBER, as a list of each part and together. */
typedef struct dg_onnx_sizes {
    int n;
    char *name[DG_MOST_LIST];
    int64_t number[DG_MOST_LIST];
    dg_dimension size[DG_MOST_LIST];
} dg_onnx_sizes;

/* Returns the exit code, having told what is wrong. */
int dg_onnx_sizes_read(const dg_list *list, dg_onnx_sizes *to);
void dg_onnx_sizes_free(dg_onnx_sizes *s);
/* 1, which is told: there is a file that is not to be replaced unasked. */
int dg_convert_exists(const char *path);

/* The transforms of the data as stages around a network. */
typedef struct dg_pipes {
    dg_arena arena;
    int n;
    dg_onnx_pipe *pipe;
} dg_pipes;

/* onnx_pipes.c: those of a run, with what they have learnt; words become ids, which is told. */
dg_status dg_pipes_make(dg_pipes *to, const dg_experiment *e, const char *run, const char *weights,
                        dg_diag *why);
void dg_pipes_free(dg_pipes *p);

/* net.onnx to net.dag and net.safetensors; tells what was read. Returns the exit code. */
int dg_convert_from_onnx(const char *in, const char *out, const dg_onnx_flags *f);
/* The weights of f->weights into a copy of the ONNX file they came from. */
int dg_convert_back(const char *in, const char *out, const dg_onnx_flags *f);
/* The network of a run as an ONNX file; f->weights: which, as eval takes them. */
int dg_convert_to_onnx(const char *run, const char *out, const dg_onnx_flags *f);
/* The weights of a run as a state dict of PyTorch (pytorch.c). */
int dg_convert_to_pytorch(const char *run, const char *out, const dg_onnx_flags *f);

#endif
