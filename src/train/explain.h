/* Why a step was refused: the row of the data, and where a number that is not finite came from. */
#ifndef DG_TRAIN_EXPLAIN_H
#define DG_TRAIN_EXPLAIN_H

#include "train/experiment.h"

/* What the inputs of a graph hold, in the order of their ids. */
typedef struct dg_point {
    dg_tensor *in;
    int n;
} dg_point;

/* Of the program, before its forward pass; of rows of the data. Freed also after a failure. */
dg_status dg_point_copy(dg_point *x, const dg_graph *g, dg_program *p, dg_diag *why);
dg_status dg_point_read(dg_point *x, dg_experiment *e, const dg_batch_rows *of, dg_reading how,
                        dg_diag *why);
void dg_point_free(dg_point *x);

/* Adds file and row of the data to a failure that knows its row of the batch. */
void dg_explain_row(const dg_experiment *e, const dg_batch_rows *of, dg_diag *why);

/* Adds to a DG_EFINITE in why, or makes one there (`what` is not finite) where all went well: the
 * node, forward or backward, or the value that was given; its row, and file and row of the data. o:
 * options of the program, batch its rows. Nothing is added where nothing is found. */
void dg_explain(dg_experiment *e, const dg_options *o, uint64_t step, const dg_point *x,
                const dg_batch_rows *of, const char *what, dg_diag *why);

#endif
