/* dagrad show RUN --gradients: rms of error vectors and of states by node, over the steps of a
 * run. */
#ifndef DG_CLI_GRADIENTS_H
#define DG_CLI_GRADIENTS_H

#include <dagrad/status.h>

/* Reads metrics.jsonl of the run; prints to standard output. */
dg_status dg_gradients_print(const char *run, dg_diag *why);

#endif
