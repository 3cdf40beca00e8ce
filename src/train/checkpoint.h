/* What a checkpoint of a trainer holds: parameters, moments, statistics of the data, the
 * progress. */
#ifndef DG_TRAIN_CHECKPOINT_H
#define DG_TRAIN_CHECKPOINT_H

#include "train/trainer.h"

/* metrics_bytes: length of metrics.jsonl that belongs to it. Atomic. */
dg_status dg_checkpoint_write(dg_trainer *t, const char *path, int64_t metrics_bytes, dg_diag *why);
/* The trainer as it was; nothing is changed after a failure but parameters. */
dg_status dg_checkpoint_restore(dg_trainer *t, const char *path, int64_t *metrics_bytes,
                                dg_diag *why);

/* Weights only, and the statistics of the data, from a file of any tool. allow: n patterns of names
 * that may be missing. */
dg_status dg_weights_read(dg_experiment *e, const char *path, int n, const char *const allow[],
                          dg_diag *why);

#endif
