/* A pass over a part of the data; see survey.h. */
#include "report/survey.h"
#include <stdlib.h>

int dg_survey_part(const dg_experiment *e)
{
    int part = DG_DATA_PARTS - 1;
    while (part >= 0 && !e->part[part].data)
        part--;
    return part;
}

static int64_t batch_of(const dg_experiment *e, dg_part_rows part)
{
    int64_t rows = e->part[DG_TRAIN_PART].data ? e->part[DG_TRAIN_PART].rows : part.rows;
    return e->settings.batch == 0 || e->settings.batch > rows ? rows : e->settings.batch;
}

static dg_status see(void *user, dg_program *p, const dg_batch_rows *of, dg_diag *why)
{
    dg_survey *s = user;
    dg_status status = DG_OK;
    (void)of;
    for (int i = 0; i < s->n && status == DG_OK; i++)
        status = dg_versus_add(&s->versus[i], s->e, p, why);
    return status;
}

static dg_status make(dg_survey *s, dg_value **keep, dg_diag *why)
{
    s->loss_of = calloc((size_t)s->rows.rows + 1, sizeof *s->loss_of);
    dg_status status = dg_versus_find(&s->versus, &s->n, s->e, s->rows.rows, why);
    *keep = malloc((2 * (size_t)s->n + 1) * sizeof **keep);
    if (!s->loss_of || !*keep)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    for (int i = 0; i < s->n; i++) {
        (*keep)[2 * i] = s->versus[i].target;
        (*keep)[2 * i + 1] = s->versus[i].estimate;
    }
    return status == DG_OK ? dg_metric_sums_make(&s->figures, s->e, why) : status;
}

dg_status dg_survey_run(dg_survey *s, dg_experiment *e, int part, int threads, dg_diag *why)
{
    dg_part_rows none = {NULL, 0, 1}; /* a model without data */
    *s = (dg_survey){.e = e, .part = part, .rows = part < 0 ? none : e->part[part]};
    dg_value *keep = NULL;
    dg_evaluator v = {.e = NULL};
    dg_status status = make(s, &keep, why);
    dg_watch watch = {.value = keep, .n = 2 * s->n, .see = see, .user = s};
    if (status == DG_OK)
        status = dg_evaluator_watched(&v, e, s->rows, batch_of(e, s->rows), threads, &watch, why);
    if (status == DG_OK)
        status = dg_evaluator_run(&v, &s->figures, s->loss_of, NULL, why);
    dg_evaluator_free(&v);
    free(keep);
    return status;
}

void dg_survey_free(dg_survey *s)
{
    dg_versus_free(s->versus, s->n);
    dg_metric_sums_free(&s->figures);
    free(s->loss_of);
    *s = (dg_survey){.e = NULL};
}
