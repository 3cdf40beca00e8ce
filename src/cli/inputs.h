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
    int raw;                          /* as the network sees them: past the transforms */
    dg_dimension sizes[DG_MOST_FREE]; /* of free dimensions, for e */
} dg_inputs;

/* The line of a data block that fills a port: of train, else of any other; NULL: none. */
const dg_binding *dg_binding_of(const dg_dag *m, int port);

/* run: a run directory; weights as in dg_run_weights; files: n_files of "NAME=FILE", none: the test
 * part, else validation, else train; plugins: kept by reference. What is wrong is told. Returns the
 * exit code. */
int dg_inputs_open(dg_inputs *in, const dg_command *c, const char *run, const char *weights,
                   const dg_list *files, const dg_list *dirs, const dg_plugins *plugins);
/* The same for a point of a model or a run: the files alone, raw; e is left to the caller, who
 * opens it with o, in which the sizes of free dimensions are then. rows 0: there are no files. */
int dg_inputs_point(dg_inputs *in, const dg_command *c, const char *path, const char *weights,
                    const dg_list *files, dg_experiment_options *o);
void dg_inputs_free(dg_inputs *in);

#endif
