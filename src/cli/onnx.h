/* dagrad convert of ONNX files. */
#ifndef DG_CLI_ONNX_H
#define DG_CLI_ONNX_H

#include "cli/command.h"
#include "onnx/onnx.h"

typedef struct dg_onnx_flags {
    int force;
    int fixed;             /* no axis is a batch */
    int plain;             /* --layout source */
    const char *batchnorm; /* frozen, train; NULL: as the file says */
    const char *weights;   /* a run, or a file: write back */
    int64_t limit;         /* MiB */
    dg_list size;
} dg_onnx_flags;

/* net.onnx to net.dag and net.safetensors; tells what was read. Returns the exit code. */
int dg_convert_from_onnx(const char *in, const char *out, const dg_onnx_flags *f);
/* The weights of f->weights into a copy of the ONNX file they came from. */
int dg_convert_back(const char *in, const char *out, const dg_onnx_flags *f);

#endif
