/* Batches read ahead: while a program computes with one, threads of their own read, decode and
 * augment the next.
 *
 *     dg_ahead_make(&h, e, data, most, training, &why);
 *     dg_ahead_take(h, p, rows, n, how, &why);      these rows are the program's inputs and targets
 *     dg_ahead_want(h, next, m, how);               those of the next take, if it is known
 *     ... the program computes ...
 *
 * It is a queue of two batches, whose memory is there from the start: the program reads one where
 * it lies, the other is read meanwhile. Who takes one that is not ready helps. A batch does not
 * depend on whether it was wanted, nor on who read which of its rows; nor does a failure: of the
 * first port in the order of the model its first row is told, when the batch is taken. One that is
 * wanted and not taken leaves no trace. Threads are made only where a batch takes so long that they
 * are worth it; all functions are called by one thread. */
#ifndef DG_TRAIN_AHEAD_H
#define DG_TRAIN_AHEAD_H

#include "train/experiment.h"

typedef struct dg_ahead dg_ahead;

/* For batches of at most `most` rows of d, which outlives it. *out NULL after a failure. */
dg_status dg_ahead_make(dg_ahead **out, dg_experiment *e, dg_dataset *d, int64_t most, int training,
                        dg_diag *why);
void dg_ahead_free(dg_ahead *h); /* NULL allowed */

/* rows[] are indices within the dataset. */
dg_status dg_ahead_take(dg_ahead *h, dg_program *p, const int64_t rows[], int64_t n, dg_reading how,
                        dg_diag *why);
void dg_ahead_want(dg_ahead *h, const int64_t rows[], int64_t n, dg_reading how);

#endif
