/* A model opened from C, from inside; see <dagrad/model.h>. */
#ifndef DG_MODEL_HANDLE_H
#define DG_MODEL_HANDLE_H

#include "base/arena.h"
#include "io/weights.h"
#include "train/experiment.h"
#include "train/rundir.h"
#include <dagrad/model.h>
#include <pthread.h>

struct dg_model {
    dg_arena arena;                /* copies of the options, lists of names */
    dg_experiment_options options; /* text NULL: a file or a run */
    const char *weights;
    int run;             /* path is a run directory */
    dg_experiment *e;    /* NULL: it could not be opened at all */
    dg_checkpoint *c;    /* notes and statistics, weights where sizes are open; NULL: none */
    dg_diag why;         /* what failed besides what the diagnostics of e say */
    dg_diag unfit;       /* why the weights did not fit the sizes that were taken for open ones */
    struct lists *lists; /* names of each port; ports.c */
    uint8_t *needed;     /* of each value's id: an output depends on it */
    int n_dirs;          /* of options.dirs: those that the caller gave */
    const char *resume;  /* a run to go on with; NULL: none */
    dg_run_dir dir;      /* that run, held; or the one that is trained in */
    char *trained;       /* its path, once it was there */
    double *metrics;     /* of the last training; in the arena */
    dg_predictor *own;
    pthread_mutex_t compiling; /* dg_compile may write into the graph */
};

/* 1: what is wrong stands in the diagnostics of its text. */
int dg_model_is_misread(const dg_model *m);
/* The experiment once more with these sizes and the weights of m. NULL: why says it. */
dg_experiment *dg_model_sized(dg_model *m, const dg_dimension sizes[], int n, dg_diag *why);
/* Takes over what the columns of its data have learnt: words, names, statistics. */
dg_status dg_model_learn(dg_model *m, dg_diag *why);
/* Names of columns of all ports, and which an output depends on; ports.c. */
dg_status dg_model_lists(dg_model *m, dg_diag *why);
/* What a loss or a metric compares a value with; else the value itself; ports.c. */
dg_value dg_model_target_of(const dg_dag *m, dg_value v);

/* ---- rows.c ---------------------------------------------------------------------------------- */

enum { DG_MOST_FREE = 64 };

/* The line of a data block that fills a port: of train, else of any other; NULL: none. */
const dg_binding *dg_binding_of(const dg_dag *m, int port);
/* Its raw rows are texts. */
bool dg_port_takes_texts(const dg_dag *m, int port);
/* The port of that name, -1: none. */
int dg_port_find(const dg_dag *m, const char *name);
/* Its shape; free dimensions are DG_N, which fits any size. */
dg_shape dg_port_wanted(const dg_port *port);
/* Adds a column of the raw rows to d, through its fixed transforms; raw 1: past them. */
dg_status dg_rows_fill(const dg_dag *m, dg_dataset *d, const dg_rows *in, int raw, dg_diag *why);
/* The sizes of free dimensions that the columns have; their number. */
int dg_rows_sizes(const dg_dag *m, const dg_dataset *d, dg_dimension sizes[DG_MOST_FREE]);
/* Each input on which an output depends is there, and all columns fit. */
dg_status dg_rows_check(const dg_dag *m, const uint8_t *needed, const dg_dataset *d, dg_diag *why);
/* Which values an output depends on: of id k, needed[k]. NULL: out of memory; to be freed. */
uint8_t *dg_rows_needed(const dg_graph *g);
/* A standardised target is read nowhere, but its estimate is given back in the target's units: a
 * column of one row stands for it, with the statistics of c. d stays empty if there is none. */
dg_status dg_rows_targets(const dg_dag *m, dg_dataset *d, const dg_checkpoint *c, dg_diag *why);

#endif
