/* What a page knows of a run. */
#ifndef DG_REPORT_VIEW_H
#define DG_REPORT_VIEW_H

#include "report/record.h"
#include "report/samples.h"
#include <jansson.h>

/* A number that the run is judged by. */
typedef struct dg_result {
    char name[96];
    double value;
    int rises; /* larger is better */
} dg_result;

typedef struct dg_view {
    const char *path;
    char *name;  /* the path, as it can be shown */
    json_t *run; /* run.json */
    dg_record record;
    int running; /* its last logged step is not the last of all */
    /* Of its weights on its last part of the data; part NULL: they could not be had, for `why`. */
    const char *part, *which;
    char hash[17];
    int64_t rows, step, parameters;
    int n_results;
    dg_result *result; /* the loss, then the metrics */
    dg_diag why;
    /* Of a page of one run alone, else NULL. */
    dg_experiment *e;
    int own; /* e is to be freed */
    dg_survey survey;
} dg_view;

typedef struct dg_view_options {
    dg_experiment_options experiment;
    const char *weights; /* as for dg_run_open */
    int threads;
    int keeps; /* the experiment and its survey */
} dg_view_options;

/* Opens a run by its files. What is wrong with its data or weights leaves those out; v->why says
 * it. e: the run's experiment with the weights that it is known by, kept open by the caller; NULL:
 * it is opened. DG_EMEMORY; DG_EDATA: run.json cannot be read. Freed by dg_view_free, also after a
 * failure. */
dg_status dg_view_open(dg_view *v, const char *path, dg_experiment *e, const dg_view_options *o,
                       dg_diag *why);
void dg_view_free(dg_view *v);

/* A text, a number of run.json: keys from the top; "" and NaN: there is none. */
const char *dg_view_text(const dg_view *v, const char *key, const char *under);
double dg_view_number(const dg_view *v, const char *key, const char *under);

#endif
