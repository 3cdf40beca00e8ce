/* Figures: loss by term and metrics, added up over the batches of an epoch or a part. Sums over
 * pairs, divided by pairs at the end, so that a smaller last batch counts by its size. */
#ifndef DG_TRAIN_FIGURES_H
#define DG_TRAIN_FIGURES_H

#include "train/experiment.h"
#include "train/metrics.h"

enum { DG_MOST_TERMS = 32, DG_MOST_METRICS = 32 };

typedef struct dg_figures {
    double sum[DG_MOST_TERMS], pairs[DG_MOST_TERMS]; /* by loss term */
    dg_tally tally[DG_MOST_METRICS];
} dg_figures;

/* Adds what the program's last forward pass gave. The values of losses and metrics must be kept. */
dg_status dg_figures_add(dg_figures *f, dg_experiment *e, dg_program *p, dg_diag *why);

/* A copy of a kept value, in the units of its data if it is a standardised target or its estimate.
 * t->data is the caller's to free, also after a failure. */
dg_status dg_figures_value(dg_experiment *e, dg_program *p, dg_value v, dg_value target,
                           dg_tensor *t, dg_diag *why);

/* f += other. */
void dg_figures_join(dg_figures *f, const dg_figures *other);

/* The weighted sum of all terms; one term; one metric. */
double dg_figures_loss(const dg_figures *f, const dg_experiment *e);
double dg_figures_term(const dg_figures *f, int term);
double dg_figures_metric(const dg_figures *f, const dg_experiment *e, int metric);

/* The name of a loss term: its own, or that of its node. */
const char *dg_term_name(const dg_experiment *e, int term);

/* The values to keep for figures: losses, and both values of each metric. Returns their number, at
 * most DG_MOST_TERMS + 2 DG_MOST_METRICS. */
int dg_figures_keep(const dg_experiment *e, dg_value keep[]);

/* After dg_tangent: the perturbation of the loss, the sum of weight/K times those of its terms. */
dg_status dg_figures_tangent(const dg_experiment *e, dg_program *p, double *sum, dg_diag *why);

/* 1 if a is better than b. A NaN is worse than any number. */
int dg_better(double a, double b, int rises);

#endif
