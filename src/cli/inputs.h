/* grad --input: the point that files give. */
#ifndef DG_CLI_INPUTS_H
#define DG_CLI_INPUTS_H

#include "cli/plugin.h"
#include "model/handle.h"

typedef struct dg_inputs {
    dg_experiment *first; /* by which the files were read; owner of the store of the rows */
    dg_dataset *rows_of;  /* belongs to first */
    int64_t rows;
    int raw;                          /* as the network sees them: past the transforms */
    int untaught;                     /* what the columns learn of the data is not known */
    dg_dimension sizes[DG_MOST_FREE]; /* of free dimensions */
} dg_inputs;

/* "NAME=FILE" as raw rows; room is for the name. */
dg_status dg_inputs_parse(const char *given, char room[256], dg_rows *in, dg_diag *why);

/* The file of an input among these: that of NAME=FILE, or a FILE that stands alone and is for every
 * input; NULL: none. */
const char *dg_inputs_file(const dg_list *files, const char *name);

/* For a point of a model or a run: the files through their fixed transforms, unless raw; the caller
 * then opens it with o, in which the sizes of free dimensions are. Of a model that has not been
 * trained, what learns from its data (standardize, classes, ...) cannot be done: such files are
 * taken as the network sees them, which is told. What is wrong is told. Returns the exit code. rows
 * 0: there are no files. */
int dg_inputs_point(dg_inputs *in, const dg_command *c, const char *path, const char *weights,
                    const dg_list *files, int raw, dg_experiment_options *o);
void dg_inputs_free(dg_inputs *in);

#endif
