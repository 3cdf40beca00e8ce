/* Metrics of a model: numbers beside the loss. Each adds up over the batches of an epoch:
 *
 *     accuracy    share of rows (labels) whose largest estimate is the target's; with threshold=,
 *                 share of components on the same side: estimate > threshold, target >= 1/2
 *     top(k)      share of rows whose target is among the k largest estimates
 *     mse, mae    mean over elements of (a-b)^2, |a-b|
 *     psnr(peak)  10 log10(peak^2 / mse), in dB
 *     r2          1 - sum (a-b)^2 / sum (a - mean a)^2, the mean of that of the columns (the last
 *                 axis); of a constant column 1 if it is met exactly, else 0
 *     precision, recall, f1, iou
 *                 of each class hits / (hits + false hits), hits / (hits + misses), their harmonic
 *                 mean, hits / (hits + false hits + misses), 0/0 being 0; the mean over the classes
 *                 that occur among targets or estimates. With threshold= a class is a component
 *                 that is yes; of iou all components together are one region
 *     perplexity  exp of the mean cross entropy of labels, the estimates being logits
 *
 * Labels equal to ignore= count nowhere. An estimate that is NaN is never right. */
#ifndef DG_TRAIN_METRICS_H
#define DG_TRAIN_METRICS_H

#include "lang/dag.h"

enum { DG_METRIC_WORDS = 11 };
extern const dg_word dg_metric_words[DG_METRIC_WORDS];

/* What a metric has seen so far is a tally: so many numbers, 0 at first. estimate: its shape. */
int64_t dg_metric_width(const dg_metric *m, const dg_shape *estimate);

/* Adds rows of target (labels or real values) and estimate, whose shapes dg_metric_check has seen.
 * DG_EDATA: row *row of the target cannot be; why says what it is and what it may be. */
dg_status dg_metric_add(const dg_metric *m, double *tally, int64_t width, const dg_tensor *target,
                        const dg_tensor *estimate, int64_t *row, dg_diag *why);
/* tally += other. */
void dg_metric_join(const dg_metric *m, double *tally, const double *other, int64_t width);
/* NaN before anything was added. */
double dg_metric_value(const dg_metric *m, const double *tally, int64_t width);
/* 1 if the value is what it should be: finite, or the infinite psnr of an exact match, and no
 * estimate was NaN. */
int dg_metric_sound(const dg_metric *m, const double *tally, int64_t width);

/* DG_EMODEL: the metric does not fit these shapes, or needs an attribute. */
dg_status dg_metric_check(const dg_metric *m, dg_type target_type, const dg_shape *target,
                          const dg_shape *estimate, dg_diag *why);
/* The index of attribute ignore; -1: the metric takes none. */
int dg_metric_ignore(const dg_metric *m);
/* 1: it is of classes that exclude one another; of yes-or-no components, and *threshold. */
int dg_metric_of_classes(const dg_metric *m);
int dg_metric_of_sides(const dg_metric *m, double *threshold);
/* 1: a larger value is better. */
int dg_metric_rises(const dg_metric *m);
/* 1: target and estimate may change places. */
int dg_metric_symmetric(const dg_metric *m);

#endif
