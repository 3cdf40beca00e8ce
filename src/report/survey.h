/* A pass over a part of the data in inference: figures, the loss of each row, and what targets and
 * estimates have to do with one another. */
#ifndef DG_REPORT_SURVEY_H
#define DG_REPORT_SURVEY_H

#include "report/versus.h"

typedef struct dg_survey {
    dg_experiment *e;
    int part;
    dg_part_rows rows;
    dg_metric_sums figures;
    double *loss_of; /* of each row; of a model whose losses have no rows 0 */
    int n;
    dg_versus *versus;
} dg_survey;

/* The last part there is: test, else validation, else training; -1: the model has no data. */
int dg_survey_part(const dg_experiment *e);

/* part: -1: of a model without data. The batch is that of training, so that figures have the bits
 * of those that training told. Freed by dg_survey_free, also after a failure. */
dg_status dg_survey_run(dg_survey *s, dg_experiment *e, int part, int threads, dg_diag *why);
void dg_survey_free(dg_survey *s);

#endif
