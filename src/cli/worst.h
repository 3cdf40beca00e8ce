/* The samples with the largest loss: their rows, targets and estimates. */
#ifndef DG_CLI_WORST_H
#define DG_CLI_WORST_H

#include "train/figures.h"
#include "train/legend.h"
#include <jansson.h>

/* A target and its estimate, as a loss has them. */
typedef struct dg_worst_pair {
    dg_value target, estimate;
    const char *target_name, *estimate_name;
    dg_tensor targets, estimates; /* of the rows below; data is owned */
    const dg_legend *legend;      /* of the target, NULL: none */
} dg_worst_pair;

typedef struct dg_worst_row {
    int64_t row;      /* in the data set */
    int64_t source;   /* in its file, from 0 */
    const char *name; /* the file of its picture; NULL: none */
    double loss;
} dg_worst_row;

typedef struct dg_worst {
    dg_worst_row *row; /* the worst first */
    int64_t n;
    dg_worst_pair *pair;
    int n_pairs;
} dg_worst;

/* loss_of: the loss of each row of part. most >= 1. Freed by dg_worst_free, also after a
 * failure. */
dg_status dg_worst_find(dg_worst *w, dg_experiment *e, dg_part_rows part, const double *loss_of,
                        int64_t most, int threads, dg_diag *why);
void dg_worst_free(dg_worst *w);

void dg_worst_print(const dg_worst *w); /* to standard output */
json_t *dg_worst_json(const dg_worst *w);

#endif
