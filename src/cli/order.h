/* dagrad show --order: the order of computation of a gradient, right to left beside left to
 * right. */
#ifndef DG_CLI_ORDER_H
#define DG_CLI_ORDER_H

#include "train/experiment.h"

/* Prints operations and bytes of both orders by node, for one pair, and their ratio. measure: runs
 * both for the gradient of so many pairs by the inputs, times them, and says how far they differ;
 * what needs more memory than there is is DG_EUSAGE with the bytes. */
dg_status dg_order_print(dg_experiment *e, int measure, int64_t pairs, uint64_t seed, dg_diag *why);

#endif
