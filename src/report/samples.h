/* Rows of a part of the data with what goes in, their targets and estimates: those with the largest
 * loss, or any. */
#ifndef DG_REPORT_SAMPLES_H
#define DG_REPORT_SAMPLES_H

#include "report/survey.h"

/* A target and its estimate, as a loss has them. */
typedef struct dg_sample_pair {
    const dg_versus *versus;
    dg_tensor targets, estimates; /* of the rows below; data is owned */
} dg_sample_pair;

/* An input of the model, in the units of its file where it was standardized. */
typedef struct dg_sample_input {
    const char *name;
    const dg_legend *legend; /* NULL: none */
    dg_tensor values;        /* of the rows below; data is owned */
} dg_sample_input;

typedef struct dg_sample_row {
    int64_t row;      /* in the data set */
    int64_t source;   /* in its file, from 0 */
    const char *name; /* the file of its picture; NULL: none */
    double loss;
} dg_sample_row;

typedef struct dg_samples {
    dg_sample_row *row;
    int64_t n;
    dg_sample_pair *pair;
    int n_pairs;
    dg_sample_input *input;
    int n_inputs;
} dg_samples;

/* At most `most` rows, the worst first; what is not a number before all. most >= 1. Freed by
 * dg_samples_free, also after a failure. */
dg_status dg_samples_worst(dg_samples *s, const dg_survey *of, int64_t most, int threads,
                           dg_diag *why);
/* At most `most` rows, drawn; always the same ones. */
dg_status dg_samples_any(dg_samples *s, const dg_survey *of, int64_t most, int threads,
                         dg_diag *why);
void dg_samples_free(dg_samples *s);

/* Numbers of a row that are shown, of each target or of each estimate, and number i of them; labels
 * 1: they are classes, by their number, and of an estimate the largest entry. */
int64_t dg_sample_count(const dg_sample_pair *p, int estimate, int *labels);
double dg_sample_value(const dg_sample_pair *p, int estimate, int64_t row, int64_t i);
/* The name of what is shown, or a date; NULL: it is a number. */
const char *dg_sample_word(const dg_sample_pair *p, int estimate, double x,
                           char room[DG_DATE_TEXT]);

#endif
