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

/* Weights only, and the statistics of the data, from a file of any tool. allow: n patterns of names
 * that may be missing. *step: that at which they were taken, -1 where the file does not say; may be
 * NULL. */
dg_status dg_weights_read(dg_experiment *e, const char *path, int n, const char *const allow[],
                          int64_t *step, dg_diag *why);

#endif
