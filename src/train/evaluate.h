/* Figures of a part of the data, in inference: no dropout, no gradients. */
#ifndef DG_TRAIN_EVALUATE_H
#define DG_TRAIN_EVALUATE_H

#include "train/figures.h"
#include <signal.h>

typedef struct dg_evaluator {
    dg_experiment *e;
    dg_part_rows part;
    dg_program *program;
    int64_t batch;
    dg_batch_buffer buffer;
    int64_t *rows;
} dg_evaluator;

/* batch: rows at a time. A part of one row without data is a model without data. What is made is
 * given back by dg_evaluator_free, also after a failure. */
dg_status dg_evaluator_make(dg_evaluator *v, dg_experiment *e, dg_part_rows part, int64_t batch,
                            int threads, dg_diag *why);
void dg_evaluator_free(dg_evaluator *v);

/* f is made by the caller, and holds this part's figures alone afterwards. loss_of, if not NULL,
 * gets the weighted loss of each row of the part. stop, if not NULL, ends it with DG_ESTOP once it
 * is not 0. */
dg_status dg_evaluator_run(dg_evaluator *v, dg_figures *f, double *loss_of,
                           const volatile sig_atomic_t *stop, dg_diag *why);

#endif
