/* Metrics of a model: figures that are not descended. Each adds up over the batches of an epoch:
 *
 *     accuracy    share of rows (labels) whose largest estimate is the target's
 *     top(k)      share of rows whose target is among the k largest estimates
 *     mse, mae    mean over elements of (a-b)^2, |a-b|
 *     psnr(peak)  10 log10(peak^2 / mse), in dB
 *     r2          1 - sum (a-b)^2 / sum (a - mean a)^2
 *     perplexity  exp of the mean cross entropy of labels, the estimates being logits */
#ifndef DG_TRAIN_METRICS_H
#define DG_TRAIN_METRICS_H

#include "lang/model.h"

enum { DG_METRIC_WORDS = 7 };
extern const dg_word dg_metric_words[DG_METRIC_WORDS];

/* What a metric has seen so far; start from zero. */
typedef struct dg_tally {
    double sum, count;
    double mean, squares; /* r2: of the targets (Welford) */
} dg_tally;

/* Adds rows of target (labels or real values) and estimate. DG_EMODEL: shapes that do not fit, as
 * dg_metric_check says before any data. */
void dg_metric_add(const dg_metric *m, dg_tally *t, const dg_tensor *target,
                   const dg_tensor *estimate);
double dg_metric_value(const dg_metric *m, const dg_tally *t);
dg_status dg_metric_check(const dg_metric *m, dg_type target_type, const dg_shape *target,
                          const dg_shape *estimate, dg_diag *why);
/* 1: a larger value is better. */
int dg_metric_rises(const dg_metric *m);

#endif
