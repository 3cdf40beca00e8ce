/* An experiment: a model with its data, ready for a program. What train, eval, predict, show, grad
 * and bench have in common.
 *
 * Whatever is wrong with model, options, files or data is collected in model->diags; the caller
 * prints them and takes the exit code from dg_diags_status. */
#ifndef DG_TRAIN_EXPERIMENT_H
#define DG_TRAIN_EXPERIMENT_H

#include "io/dataset.h"
#include "io/pytorch.h"
#include "lang/dag.h"
#include "onnx/onnx.h"
#include "train/settings.h"
#include "train/vocabulary.h"
#include <dagrad/run.h> /* dg_fill_batch */

enum { DG_TRAIN_PART, DG_VALIDATION_PART, DG_TEST_PART, DG_DATA_PARTS };

/* Rows first .. first+rows-1 of a dataset; data NULL: there is none. */
typedef struct dg_part_rows {
    dg_dataset *data;
    int64_t first, rows;
} dg_part_rows;

typedef struct dg_experiment_options {
    const char *path;          /* the model file: a .dag, or an .onnx */
    const char *text;          /* its text, or NULL: read from path */
    const dg_tensors *tensors; /* what the text calls stored("net.safetensors"), or NULL */
    const char *const *set;    /* NAME=VALUE */
    int n_set;
    const char *const *dirs; /* --data */
    int n_dirs;
    const dg_node_type *const *types; /* a user's */
    int n_types;
    int losses;                /* 1: an .onnx gets mse of each output OUT against target_OUT */
    int no_output;             /* 1: a model needs none */
    int without_data;          /* 1: blocks are checked, not read; free dimensions take `size` */
    int64_t size;              /* of each free dimension then; 0: an error */
    const dg_dimension *sizes; /* of free dimensions that the caller knows: before data and size */
    int n_sizes;
    dg_type real; /* DG_F32 or DG_F64: overrides precision when real_given */
    int real_given;
    dg_weights_as as; /* how files of weights are read; what they say goes to the say below */
    void (*say)(void *user, const char *text); /* remarks, a line each; may be NULL */
    void *user;
} dg_experiment_options;

typedef struct dg_experiment {
    dg_words words;
    dg_dag *model;
    dg_settings settings;
    dg_store *store;
    dg_dataset *block[DG_DATA_PARTS]; /* by dg_data */
    dg_part_rows part[DG_DATA_PARTS];
    dg_experiment_options options;
    struct {
        const char *which;     /* "best", "last"; NULL: of a file, or of none */
        int64_t step;          /* -1: not known */
        char run[20];          /* the id of the run that wrote them; "": not known */
    } weights;                 /* set by dg_run_weights */
    dg_onnx *net;              /* of an .onnx, else NULL */
    char *pytorch;             /* names of modules that the weights had: dg_pytorch_note; or NULL */
    struct dg_legend *legends; /* of each port, once weights were read: train/legend.h */
    char *net_text;            /* its text with losses, or NULL */
    char *folder;              /* of the model */
    dg_host host;              /* of its graph: malloc, remarks */
} dg_experiment;

/* "train", "validation", "test", as eval takes them. */
extern const char *const dg_part_names[DG_DATA_PARTS];

/* NULL only out of memory. ok: dg_diags_status(&e->model->diags) is DG_OK. */
dg_experiment *dg_experiment_open(const dg_experiment_options *o);
void dg_experiment_free(dg_experiment *e);
dg_status dg_experiment_status(const dg_experiment *e);

/* Adds what a line of a data block fills to d. only: this port alone, -1: all; path: read instead
 * of its file, or NULL. */
dg_status dg_experiment_fill(const dg_dag *m, dg_dataset *d, const dg_binding *b, int only,
                             const char *path, dg_diag *why);

/* The n rows that a program was given: of which dataset. data NULL: a model without data. */
typedef struct dg_batch_rows {
    const dg_dataset *data;
    const int64_t *row;
    int64_t n;
} dg_batch_rows;

/* Reads rows of a part into the program's inputs and targets: rows[] are indices within the
 * dataset. targets 0: inputs only. buffer is grown as needed and belongs to the caller (start from
 * zero; dg_batch_buffer_free). binds 1: the program reads the buffer itself, which must outlive
 * what it computes; two buffers take turns. */
typedef struct dg_batch_buffer {
    int binds;
    struct dg_batch_memory {
        void *data;
        size_t bytes;
    } (*port)[2]; /* n ports */
    int n, turn;
} dg_batch_buffer;

void dg_batch_buffer_free(dg_batch_buffer *b);

dg_status dg_experiment_set(dg_experiment *e, dg_program *p, const dg_dataset *d,
                            const int64_t rows[], int64_t n, dg_reading how, int targets,
                            dg_batch_buffer *b, dg_diag *why);

/* The same in two steps: the tensor of n rows of a port that a column fills, without memory; and
 * the tensor of these rows, read, given to the program. binds as above. */
dg_status dg_experiment_port(const dg_experiment *e, const dg_port *port, const dg_column *c,
                             int64_t n, dg_tensor *t, dg_diag *why);
dg_status dg_experiment_give(dg_program *p, const dg_port *port, const dg_dataset *d,
                             const int64_t rows[], const dg_tensor *t, int binds, dg_diag *why);

/* Rows row[0] to row[n-1] of a caller's, who fills the inputs and targets of the program. */
typedef dg_status dg_filler(void *user, const dg_fill_batch *batch, dg_diag *why);
dg_status dg_experiment_feed(dg_experiment *e, dg_program *p, uint64_t step, const int64_t row[],
                             int64_t n, dg_filler *fill, void *user, dg_batch_buffer *b,
                             dg_diag *why);

/* The point at which a model is looked at: the first rows of the training part if its data are
 * there, else drawn ones. */
dg_status dg_experiment_point(dg_experiment *e, dg_program *p, int64_t batch, uint64_t seed,
                              dg_diag *why);

/* The same from row `first` on, and but for what is given: rows of a dataset, which has so many. */
dg_status dg_experiment_point_of(dg_experiment *e, dg_program *p, int64_t batch, uint64_t seed,
                                 int64_t first, dg_dataset *given, dg_diag *why);

/* Inputs and targets for a model without data, by seed: normal numbers, labels uniform in the range
 * their consumer states, distributions and probabilities where a loss takes them (draw.c). */
dg_status dg_experiment_draw(dg_experiment *e, dg_program *p, int64_t batch, uint64_t seed,
                             dg_diag *why);

/* Options of a program of this experiment: the default ones, and what the settings say. */
dg_options dg_program_options(const dg_experiment *e, dg_mode mode, int64_t batch);

#endif
