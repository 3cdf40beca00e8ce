/* The training loop: steps, epochs, checkpoints, early end, signals; what it tells goes to a
 * report. */
#ifndef DG_TRAIN_LOOP_H
#define DG_TRAIN_LOOP_H

#include "train/rundir.h"

/* What a loop tells while it runs. Any member may be NULL. */
typedef struct dg_report {
    void *user;
    /* Often: after steps. seconds of this call so far, samples a second. */
    void (*step)(void *user, const dg_trainer *t, double seconds, double samples_per_second);
    /* After an epoch; held: metrics of the validation part, NULL if there is none. */
    void (*epoch)(void *user, const dg_trainer *t, const dg_metric_sums *train,
                  const dg_metric_sums *held, double seconds);
    void (*say)(void *user, const char *text);
} dg_report;

/* Runs to the end; a run that has ended is told so, and left as it is. Saves every 30 seconds, or
 * every save_every steps, and at the end. stop: set by a signal: what is there is saved, DG_ESTOP.
 * So it is after DG_EFINITE, as of the step before. */
dg_status dg_train_loop(dg_trainer *t, dg_run_dir *r, const volatile sig_atomic_t *stop,
                        const dg_report *report, dg_diag *why);

#endif
