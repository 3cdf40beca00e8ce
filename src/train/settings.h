/* The values of train { }, checked and in their own types. */
#ifndef DG_TRAIN_SETTINGS_H
#define DG_TRAIN_SETTINGS_H

#include "lang/dag.h"
#include <dagrad/optimizer.h>

typedef struct dg_settings {
    dg_optimizer optimizer; /* schedule.steps is set once the length of the run is known */
    int64_t batch;          /* rows; 0: the whole training part (gd) */
    int64_t epochs, steps;  /* -1: not given */
    uint64_t seed;
    dg_type real;
    int exact, shuffle, drop_last;
    double split;
    const char *freeze; /* patterns, separated by newlines; "" */
    int64_t save_every; /* steps; 0: each 30 seconds */
    int64_t patience;   /* epochs; 0: no early end */
} dg_settings;

/* Reports what is wrong in the model's diagnostics. */
void dg_settings_read(dg_dag *m, dg_settings *s);

/* 1 if name fits one of the patterns ("*", "?"), separated by newlines. */
int dg_name_fits(const char *patterns, const char *name);

#endif
