/* What a checkpoint of a trainer holds: parameters, states, moments, statistics of the data, the
 * progress; and of the best weights: parameters, states and statistics alone. */
#ifndef DG_TRAIN_CHECKPOINT_H
#define DG_TRAIN_CHECKPOINT_H

#include "io/weights.h"
#include "train/trainer.h"

/* What a checkpoint says of its run besides the trainer's state. */
typedef struct dg_checkpoint_of {
    char run[17];          /* the run's id, identity.h */
    int64_t metrics_bytes; /* length of metrics.jsonl that belongs to it */
} dg_checkpoint_of;

/* Atomic. */
dg_status dg_checkpoint_write(dg_trainer *t, const char *path, const dg_checkpoint_of *of,
                              dg_diag *why);
/* The trainer as it was, *of what the checkpoint says; nothing is changed after a failure but
 * parameters. run: the id that the checkpoint must have, "" for any. */
dg_status dg_checkpoint_restore(dg_trainer *t, const char *path, const char *run,
                                dg_checkpoint_of *of, dg_diag *why);

/* The weights as they are, in memory. NULL: why says it. */
dg_checkpoint *dg_best_take(const dg_trainer *t, const char *run, dg_diag *why);
/* Those of a file, which must be of this run and step. NULL: why says it. */
dg_checkpoint *dg_best_read(const char *path, const char *run, uint64_t step, dg_diag *why);
/* The step of such a file; 0: it is none of this run. */
uint64_t dg_best_step(const char *path, const char *run);

/* Weights only, and the statistics of the data, from a file of any tool; e->weights.step is that at
 * which they were taken. allow: n patterns of names that may be missing. */
dg_status dg_weights_read(dg_experiment *e, const char *path, int n, const char *const allow[],
                          dg_diag *why);
/* The same from a checkpoint. */
dg_status dg_weights_take(dg_experiment *e, dg_checkpoint *c, int n, const char *const allow[],
                          dg_diag *why);
/* What the columns of its run have learnt: a dg_recall. */
const char *dg_checkpoint_recall(void *checkpoint, const char *key);
/* Adds what the columns of the training part have learnt: statistics, words, names. */
void dg_columns_store(dg_checkpoint *c, const dg_experiment *e);
/* Statistics of the columns of d, where c has them; their words must be those of c. */
dg_status dg_columns_restore(const dg_checkpoint *c, dg_dataset *d, dg_diag *why);

#endif
