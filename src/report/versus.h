/* A target against its estimate, as a loss or a metric compares them: what is counted over a part
 * of the data. */
#ifndef DG_REPORT_VERSUS_H
#define DG_REPORT_VERSUS_H

#include "train/evaluate.h"
#include "train/legend.h"

typedef enum {
    DG_OF_CLASSES, /* labels, or distributions: a confusion matrix */
    DG_OF_SIDES,   /* components that are yes or no: one of 2 by 2 for each */
    DG_OF_NUMBERS  /* residuals by component */
} dg_versus_kind;

/* Of one component: a is the target, b the estimate. */
typedef struct dg_residuals {
    double n, sum, squares, absolute, largest; /* of b - a */
    int points;                                /* some of all pairs, evenly */
    double (*point)[2];                        /* a, b */
} dg_residuals;

typedef struct dg_versus {
    dg_value target, estimate;
    const char *target_name, *estimate_name;
    const dg_legend *legend; /* of the target, NULL: none */
    dg_versus_kind kind;
    int64_t classes;         /* of DG_OF_CLASSES */
    int64_t columns;         /* else: components that are told apart; 1: all together */
    double threshold;        /* of DG_OF_SIDES */
    int ignores;             /* a label counts nowhere */
    int64_t ignored;         /* that one */
    int64_t unreadable;      /* estimates that are NaN */
    int64_t *count;          /* [target][estimate], or [column][target][estimate]; NULL: too many */
    dg_residuals *residuals; /* [column] */
    int64_t every, seen;     /* of rows: one in so many gives points */
} dg_versus;

/* Those of the losses, then those of the metrics, which have a row for each of the batch. rows: how
 * many there will be. *list is freed by dg_versus_free, also after a failure. */
dg_status dg_versus_find(dg_versus **list, int *n, const dg_experiment *e, int64_t rows,
                         dg_diag *why);
void dg_versus_free(dg_versus *list, int n);

/* Adds a batch. */
dg_status dg_versus_add(dg_versus *v, dg_experiment *e, dg_program *p, dg_diag *why);

/* The name of a class or of a component; its number where it has none. room: for that. */
const char *dg_versus_name(const dg_versus *v, int64_t k, char room[32]);

/* Precision and recall of a class of a matrix of n by n, 0/0 being 0. */
typedef struct dg_share {
    int64_t targets, estimates, hits;
    double precision, recall, f1;
} dg_share;
dg_share dg_share_of(const int64_t *count, int64_t n, int64_t class);

#endif
