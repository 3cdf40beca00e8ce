/* A trainer: an experiment on its way down the gradient.
 *
 * Its whole state is the graph's parameters, the program's moments, and a dg_progress; all else is
 * a function of the step. Chance is keyed by seed, epoch, step and index, so a run that is taken up
 * from a checkpoint has the bits of the run that was not interrupted. */
#ifndef DG_TRAIN_TRAINER_H
#define DG_TRAIN_TRAINER_H

#include "train/ahead.h"
#include "train/evaluate.h"

typedef struct dg_progress {
    uint64_t step;          /* steps that are done */
    dg_metric_sums figures; /* of the current epoch, training part */
    uint64_t closed;        /* the step whose epoch was ended last: evaluated, logged */
    double best; /* best loss of an epoch so far (validation, else training); NaN: none */
    uint64_t best_step, best_epoch;
    int64_t since_best; /* epochs */
    uint64_t ended; /* steps that the run was to have when it was stopped early; 0: it was not */
} dg_progress;

/* Batches that a caller fills, instead of the rows of a data block. */
typedef struct dg_source_of_rows {
    int64_t rows; /* of an epoch; 0: there is no such source */
    dg_filler *fill;
    void *user;
} dg_source_of_rows;

typedef struct dg_trainer {
    dg_experiment *e;
    dg_program *program;
    dg_evaluator validation;
    int64_t rows, batch; /* of the training part; of a step */
    int64_t epoch_steps;
    uint64_t steps; /* of the whole run */
    dg_progress progress;
    dg_ahead *ahead;        /* of the training part; NULL: there is none */
    dg_batch_buffer buffer; /* of a source */
    int64_t *row;
    int threads;
    dg_source_of_rows source;
} dg_trainer;

/* The program is compiled, parameters are at their start. Nothing is written to disk here. source:
 * NULL, the rows of the training part. */
dg_status dg_trainer_make(dg_trainer *t, dg_experiment *e, int threads,
                          const dg_source_of_rows *source, dg_diag *why);
void dg_trainer_free(dg_trainer *t);

/* One step. measured 1: dg_rms of the program's values may be asked for afterwards. On DG_EFINITE
 * parameters and moments are those of the step before. */
dg_status dg_trainer_step(dg_trainer *t, int measured, dg_diag *why);

/* 1 after the last step of an epoch (or of the run), until dg_trainer_epoch has ended it. */
int dg_trainer_epoch_is_open(const dg_trainer *t);
/* 1: all steps are done, or the run was stopped early. */
int dg_trainer_is_finished(const dg_trainer *t);
/* The epoch of the last step, from 1. */
uint64_t dg_trainer_epoch_number(const dg_trainer *t);
/* Ends an epoch: evaluates the validation part if there is one (else v, made by the caller, gets
 * the training figures),
 * and updates best, since_best and ended; the caller clears progress.figures afterwards. *better:
 * this epoch is the best so far. */
dg_status dg_trainer_epoch(dg_trainer *t, dg_metric_sums *v, int *better,
                           const volatile sig_atomic_t *stop, dg_diag *why);

#endif
