/* A run with rows to predict from: those of files, through the fixed transforms of the run's data
 * with the statistics of its checkpoint, or those of a part of its data. */
#ifndef DG_CLI_INPUTS_H
#define DG_CLI_INPUTS_H

#include "cli/plugin.h"

enum { DG_MOST_FREE = 64 };

typedef struct dg_inputs {
    dg_experiment *e;     /* with weights and statistics */
    dg_experiment *first; /* owner of the store of the rows, if it is another; may be NULL */
    dg_dataset *rows_of;  /* not to be freed: it belongs to e */
    const char *part;     /* of the data that the rows are of; NULL: of files */
    int64_t first_row, rows;
    dg_dimension sizes[DG_MOST_FREE]; /* of free dimensions, for e */
} dg_inputs;

/* run: a run directory; weights as in dg_run_weights; files: n_files of "NAME=FILE", none: the test
 * part, else validation, else train; plugins: kept by reference. What is wrong is told. Returns the
 * exit code. */
int dg_inputs_open(dg_inputs *in, const dg_command *c, const char *run, const char *weights,
                   const dg_list *files, const dg_list *dirs, const dg_plugins *plugins);
void dg_inputs_free(dg_inputs *in);

#endif
