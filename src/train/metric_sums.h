/* Sums of metrics: loss by term and metrics, added up over the batches of an epoch or a part. Sums
 * over pairs, divided by pairs at the end, so that a smaller last batch counts by its size. */
#ifndef DG_TRAIN_METRIC_SUMS_H
#define DG_TRAIN_METRIC_SUMS_H

#include "train/experiment.h"
#include "train/metrics.h"

/* Numbers of an experiment's losses and metrics, one after the other; see metric_sums.c. */
typedef struct dg_metric_sums {
    int64_t n;
    double *x;
    dg_diag unsound; /* of the first batch whose loss was not finite: where that came from */
} dg_metric_sums;

dg_status dg_metric_sums_make(dg_metric_sums *f, const dg_experiment *e, dg_diag *why);
void dg_metric_sums_free(dg_metric_sums *f);
void dg_metric_sums_clear(dg_metric_sums *f);
void dg_metric_sums_copy(dg_metric_sums *to,
                         const dg_metric_sums *from); /* both of one experiment */
int dg_metric_sums_empty(const dg_metric_sums *f);

/* Adds what the program's last forward pass over these rows gave. The values of losses and metrics
 * must be kept. A term without a batch axis counts by the rows. DG_EDATA names a label that a
 * metric does not take, and its row. */
dg_status dg_metric_sums_add(dg_metric_sums *f, dg_experiment *e, dg_program *p,
                             const dg_batch_rows *of, dg_diag *why);

/* A copy of a kept value, in the units of its data if it is a standardised target or its estimate.
 * t->data is the caller's to free, also after a failure. */
dg_status dg_metric_sums_value(dg_experiment *e, dg_program *p, dg_value v, dg_value target,
                               dg_tensor *t, dg_diag *why);

/* The second half of that: t, an estimate of the target, into the units of the column that d has
 * for it. d may be NULL. */
dg_status dg_metric_sums_units(const dg_graph *g, const dg_dataset *d, dg_value target,
                               dg_tensor *t, dg_diag *why);

/* f += other. */
void dg_metric_sums_join(dg_metric_sums *f, const dg_metric_sums *other, const dg_experiment *e);

/* The weighted sum of all terms; one term; one metric. */
double dg_metric_sums_loss(const dg_metric_sums *f, const dg_experiment *e);
double dg_metric_sums_term(const dg_metric_sums *f, int term);
double dg_metric_sums_metric(const dg_metric_sums *f, const dg_experiment *e, int metric);
/* DG_EFINITE: why names the loss, or a metric, that is not what it should be: NaN or infinite (the
 * infinite psnr of an exact match is right), or of estimates that are NaN. */
dg_status dg_metric_sums_sound(const dg_metric_sums *f, const dg_experiment *e, dg_diag *why);

/* The name of a loss term: its own, or that of its node. */
const char *dg_term_name(const dg_experiment *e, int term);

/* The values to keep for these sums: losses, and both values of each metric; *n of them, to be
 * freed. NULL: out of memory. */
dg_value *dg_metric_sums_keep(const dg_experiment *e, int *n);

/* After dg_tangent: the perturbation of the loss, the sum of weight/K times those of its terms. */
dg_status dg_metric_sums_tangent(const dg_experiment *e, dg_program *p, double *sum, dg_diag *why);

/* 1 if a is better than b. A NaN is worse than any number. */
int dg_better(double a, double b, int rises);

#endif
