/* What losses and metrics compare. */
#ifndef DG_TRAIN_PAIRS_H
#define DG_TRAIN_PAIRS_H

#include "train/experiment.h"

/* Reports losses and metrics that have their target second, and metrics that do not fit their
 * values; a metric without ignore= takes that of the loss with the same target. After the graph was
 * built. */
void dg_experiment_pairs(dg_experiment *e);

#endif
