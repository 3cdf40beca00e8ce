/* What a run logged, as numbers: metrics.jsonl. */
#ifndef DG_REPORT_RECORD_H
#define DG_REPORT_RECORD_H

#include <dagrad/status.h>
#include <stdint.h>

/* Numbers by step: of lines of one kind ("step", "epoch", "validation") those of one name: "loss",
 * "term NAME", "metric NAME", "rate". */
typedef struct dg_series {
    char *kind, *name;
    int n, room;
    double (*at)[2]; /* step, number; NaN: it was not finite */
} dg_series;

/* Root mean squares of many nodes by step: x[step][node]. */
typedef struct dg_layers {
    int nodes, steps, room;
    char **name;
    double *step, *x;
} dg_layers;

typedef struct dg_record {
    int n, room;
    dg_series *series;
    dg_layers states, errors;
    int64_t step, epoch;       /* of the last line */
    double samples_per_second; /* of the last line; NaN: none */
} dg_record;

/* A last line that is not whole yet is left out; without a file the record is empty. DG_EMEMORY.
 * Freed by dg_record_free, also after a failure. */
dg_status dg_record_read(dg_record *r, const char *run, dg_diag *why);
void dg_record_free(dg_record *r);

/* NULL: there is none. */
const dg_series *dg_record_find(const dg_record *r, const char *kind, const char *name);

#endif
