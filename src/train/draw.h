/* The kind of numbers that an input of a node takes, as the cases of its type have them. */
#ifndef DG_TRAIN_DRAW_H
#define DG_TRAIN_DRAW_H

#include "train/experiment.h"

/* Rows that add up to 1, uniform in [low, high] with low >= 0, or (neither) any numbers. */
typedef struct dg_draw_kind {
    int simplex, uniform;
    double low, high;
} dg_draw_kind;

dg_draw_kind dg_draw_kind_of(const dg_node_type *t, int k); /* of a real input k */

#endif
