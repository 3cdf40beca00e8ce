/* Figures of a part of the data, in inference: no dropout, no gradients. */
#ifndef DG_TRAIN_EVALUATE_H
#define DG_TRAIN_EVALUATE_H

#include "train/ahead.h"
#include "train/metric_sums.h"
#include <signal.h>

/* Who looks at each batch of a pass, and at which values. */
typedef struct dg_watch {
    const dg_value *value;
    int n;
    dg_status (*see)(void *user, dg_program *p, const dg_batch_rows *of, dg_diag *why);
    void *user;
} dg_watch;

typedef struct dg_evaluator {
    dg_experiment *e;
    const dg_watch *watch; /* NULL: nobody */
    dg_part_rows part;
    dg_program *program;
    int64_t batch;
    dg_ahead *ahead; /* NULL: there are no data */
    int64_t *rows;   /* of a batch, then of the next one */
} dg_evaluator;

/* batch: rows at a time. A part of one row without data is a model without data. What is made is
 * given back by dg_evaluator_free, also after a failure. */
dg_status dg_evaluator_make(dg_evaluator *v, dg_experiment *e, dg_part_rows part, int64_t batch,
                            int threads, dg_diag *why);
/* The same with one who looks, who outlives v. */
dg_status dg_evaluator_watched(dg_evaluator *v, dg_experiment *e, dg_part_rows part, int64_t batch,
                               int threads, const dg_watch *watch, dg_diag *why);
void dg_evaluator_free(dg_evaluator *v);

/* f is made by the caller, and holds this part's sums alone afterwards. loss_of, if not NULL,
 * gets the weighted loss of each row of the part. stop, if not NULL, ends it with DG_ESTOP once it
 * is not 0. */
dg_status dg_evaluator_run(dg_evaluator *v, dg_metric_sums *f, double *loss_of,
                           const volatile sig_atomic_t *stop, dg_diag *why);

#endif
