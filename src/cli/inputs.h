/* grad --input: the point that files give, as the network sees it. */
#ifndef DG_CLI_INPUTS_H
#define DG_CLI_INPUTS_H

#include "cli/plugin.h"
#include "model/handle.h"

typedef struct dg_inputs {
    dg_experiment *first; /* by which the files were read; owner of the store of the rows */
    dg_dataset *rows_of;  /* belongs to first */
    int64_t rows;
    dg_dimension sizes[DG_MOST_FREE]; /* of free dimensions */
} dg_inputs;

/* "NAME=FILE" as raw rows; room is for the name. */
dg_status dg_inputs_parse(const char *given, char room[256], dg_rows *in, dg_diag *why);

/* For a point of a model or a run: the files, past their transforms; the caller then opens it with
 * o, in which the sizes of free dimensions are. What is wrong is told. Returns the exit code. rows 0:
 * there are no files. */
int dg_inputs_point(dg_inputs *in, const dg_command *c, const char *path, const char *weights,
                    const dg_list *files, dg_experiment_options *o);
void dg_inputs_free(dg_inputs *in);

#endif
