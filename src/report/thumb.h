/* One row of a tensor as something to look at: a picture, a map of labels, a curve. */
#ifndef DG_REPORT_THUMB_H
#define DG_REPORT_THUMB_H

#include "base/text.h"
#include <dagrad/tensor.h>

/* What black and white are. */
typedef struct dg_range {
    double low, high;
} dg_range;

/* 1: rows are pictures of 1, 3 or 4 channels. */
int dg_thumb_is_picture(const dg_tensor *t);
/* 0 and 1 where all elements lie between, else the smallest and the largest. */
dg_range dg_thumb_range(const dg_tensor *t);
/* The picture of a row; a large one is made smaller. */
void dg_thumb_picture(dg_text *out, const dg_tensor *t, int64_t row, dg_range range,
                      const char *name);
/* Labels of height by width pixels, each class in a colour. */
void dg_thumb_labels(dg_text *out, int64_t height, int64_t width, const int32_t *label,
                     const char *name);

/* 1: rows are series of a few features. */
int dg_thumb_is_series(const dg_tensor *t);
void dg_thumb_series(dg_text *out, const dg_tensor *t, int64_t row, dg_range range,
                     const char *name);

#endif
