/* dagrad show --order --measure: a gradient from right to left and from left to right, timed. */
#ifndef DG_CLI_MEASURE_H
#define DG_CLI_MEASURE_H

#include "train/experiment.h"

typedef struct dg_measured {
    double right, left; /* seconds */
    double gap;         /* |difference of the gradients| / |gradient| */
    int64_t columns;    /* numbers of the inputs, of one pair */
    const char *mixes;  /* NULL, or what mixes pairs: column by column then, not as matrices */
} dg_measured;

/* The gradient of the losses of `pairs` drawn pairs by all real inputs, in both orders, on one
 * thread. DG_EUSAGE with the bytes where left to right needs more memory than there is. */
dg_status dg_order_measure(dg_experiment *e, int64_t pairs, uint64_t seed, dg_measured *m,
                           dg_diag *why);

#endif
