/* ONNX graphs as models: read to the text of a .dag and its tensors, trained numbers written back.
 *
 *     dg_onnx *net = dg_onnx_read("net.onnx", &options, &why);
 *     ... net->text, which refers to net->tensors by stored("net.safetensors") ...
 *     dg_onnx_free(net);
 *
 * Pictures are channels last in the model; a matrix is [in, out]. Each entry says which element of
 * which tensor of the file each of its elements is. */
#ifndef DG_ONNX_ONNX_H
#define DG_ONNX_ONNX_H

#include "io/safetensors.h"
#include <stdbool.h>

typedef enum { DG_ONNX_PARAMETER, DG_ONNX_STATE, DG_ONNX_CONSTANT } dg_onnx_kind;

/* A tensor of the model, and where its elements come from. */
typedef struct dg_onnx_entry {
    const char *name; /* in the model and its safetensors */
    dg_onnx_kind kind;
    const char *role;     /* "weight of Conv" */
    const char *source;   /* the initialiser (or the output of the Constant); NULL: computed */
    dg_tensor tensor;     /* DG_F32, or DG_F64 where f32 does not hold it */
    const int64_t *index; /* element i is element index[i] of source; NULL: i */
    const int *sources;   /* several: of each element the place in dg_onnx.source; else NULL */
    bool untied;          /* the file has one tensor in several roles, here each has its own */
} dg_onnx_entry;

/* An input or output of the model: element i of a row is element index[i] of a row of the file
 * (NULL: i), rows being what has the same place on the axis of the batch. */
typedef struct dg_onnx_side {
    const char *name, *source;
    dg_shape shape;        /* in the model, DG_N, -2: free */
    int rank;              /* in the file */
    int axis[DG_MAX_RANK]; /* of the file for each axis of the model; -1: none of its own */
} dg_onnx_side;

typedef struct dg_onnx {
    const char *text;
    int n_entries, n_inputs, n_outputs;
    dg_onnx_entry *entries; /* in the order of the text */
    dg_onnx_side *inputs, *outputs;
    const dg_tensors *tensors; /* those of the entries, by name */
    int n_sources;
    const char **sources;  /* names of the file's tensors */
    int nodes, statements; /* of the file; of the model */
    int transposes, naive; /* that were written; a transpose before and after each spatial node */
    int folded;            /* batch norms that the exporter made part of other nodes */
    int batchnorms, untied, twins; /* twins: tensors in several roles that stay tied */
    void *inside;
} dg_onnx;

typedef struct dg_onnx_options {
    const char *stored; /* the file name that the text refers to; NULL: "net.safetensors" */
    int batchnorm;      /* 0: as the file says; 1: frozen; 2: trained */
    int fixed;          /* 1: no axis is a batch, all sizes stay what the file says */
    int plain;          /* 1: inputs and outputs have the axes of the file */
    int64_t limit;      /* bytes of tensors that no file holds; 0: 1 GiB */
    int n_sizes;        /* of free dimensions, by name */
    const char *const *size_name;
    const int64_t *size;
} dg_onnx_options;

/* NULL: why says what is wrong. options may be NULL. */
dg_onnx *dg_onnx_read(const char *path, const dg_onnx_options *options, dg_diag *why);
/* The same of bytes in memory; path: its name, and the folder of external data. */
dg_onnx *dg_onnx_read_memory(const void *bytes, size_t size, const char *path,
                             const dg_onnx_options *options, dg_diag *why);
void dg_onnx_free(dg_onnx *net); /* NULL allowed */

/* 1: the name ends with .onnx. */
int dg_is_onnx(const char *path);

#endif
