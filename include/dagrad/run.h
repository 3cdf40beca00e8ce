/* Training from C as `dagrad train` does it (library dagrad-io): data blocks or batches that you
 * fill, progress, a stop, checkpoints, a run directory that every command of the program reads, and
 * going on with one to the bits of a run that was never stopped.
 *
 *     dg_model *m = dg_model_open("wine.dag", &(dg_model_options){.size = sizeof(dg_model_options),
 *                                                                 .data = 1});
 *     dg_train_result r = {.size = sizeof r};
 *     dg_diag why = {0};
 *     if (dg_train(m, &(dg_train_options){.size = sizeof(dg_train_options), .out = "run"}, &r,
 *                  &why) == DG_OK)
 *         printf("%s part: loss %g\n", r.part, r.loss);
 *     ... dg_model_predict(m, ...): m has the weights that the run is known by ...
 *     dg_model_free(m);
 *
 * Nothing is printed, and no signal is caught: what the program prints comes by `progress` and the
 * model's `log`. */
#ifndef DAGRAD_RUN_H
#define DAGRAD_RUN_H

#include <dagrad/model.h>
#include <signal.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    DG_TRAIN_BEGINS, /* all is compiled, nothing written yet */
    DG_TRAIN_RUN,    /* the run directory is there: a stop from now on leaves what can go on */
    DG_TRAIN_STEP,   /* after each step */
    DG_TRAIN_EPOCH,  /* after the last step of an epoch, its validation part evaluated */
    DG_TRAIN_SAVED   /* the end: all is on the disk */
} dg_train_event;

/* How far a training is. Lists are the caller's to read until `progress` returns. */
typedef struct {
    size_t size;
    dg_train_event event;
    const char *run;                 /* its directory; NULL before DG_TRAIN_RUN */
    uint64_t step, steps;            /* done, and of the whole run */
    uint64_t epoch_steps;            /* steps of an epoch */
    int64_t batch;                   /* rows of a step */
    double seconds, rows_per_second; /* of this call */
    double loss;                     /* of the epoch so far, training part */
    int n_metrics;                   /* of the model, in its order */
    const char *const *names;        /* of the metrics */
    const double *metrics;           /* of the epoch so far, training part */
    double held_loss;                /* DG_TRAIN_EPOCH with a validation part: its loss, */
    const double *held_metrics;      /* and its metrics; else NULL */
} dg_training;

/* A batch to be filled: rows `row[0]` to `row[n-1]` of your data, in the order of this epoch. Of
 * each input and target of the model, as they stand in it, one tensor of n rows as the network sees
 * them (past any transforms): f32 or f64 as the model, or i32; data is to be filled whole. */
typedef struct {
    size_t size;
    uint64_t step; /* from 0 */
    int64_t n;
    const int64_t *row;
    int n_parts;
    const char *const *names;
    const dg_tensor *parts;
} dg_fill_batch;

/* Start from {.size = sizeof(dg_train_options)}: 0 and NULL are the usual choice. */
typedef struct {
    size_t size;
    const char *out;     /* the run directory, which must not exist or be empty; NULL: runs/MODEL-1,
                            -2, ... Not given with a model that was opened to resume */
    const char *weights; /* start from these (safetensors) */
    const char *const *allow; /* patterns ("*", "?") of names that they need not have */
    int n_allow;
    int threads; /* 0: one for each processor */
    /* Instead of a data block: `rows` of your own. A fill that returns another status than DG_OK
     * ends the training with it, as of the step before; the message goes to why. The same row must
     * be the same each time: a run that goes on asks for it again. */
    int64_t rows;
    dg_status (*fill)(void *user, const dg_fill_batch *batch, dg_diag *why);
    /* Another status than DG_OK before the first step ends it with that and why, from DG_TRAIN_STEP
     * on it says nothing: that is what stop is for, and why is NULL. */
    dg_status (*progress)(void *user, const dg_training *now, dg_diag *why);
    const volatile sig_atomic_t *stop; /* once it is not 0 (set by a signal, another thread, or
                                          progress), what is there is saved: DG_ESTOP */
    void *user;
} dg_train_options;

/* What a training ended with; names and paths live as long as the model, until it trains again. */
typedef struct {
    size_t size;
    const char *run;      /* the run directory; NULL: it did not get so far */
    char hash[17];        /* of the weights, graph.h */
    const char *which;    /* "best" (by validation) or "last": those that the model has now */
    uint64_t step, steps; /* at which they were taken; of the whole run */
    uint64_t done;        /* steps that this call did; 0: the run had ended already */
    const char *part;     /* "test", else "validation", else "training": of these figures */
    double loss;          /* NaN, infinite: the status is DG_EFINITE */
    int n_metrics;
    const char *const *names;
    const double *metrics;
} dg_train_result;

/* Trains m on its data (opened with data, or with resume), or with `fill`. o, r and why may be
 * NULL. r is filled as far as it got. DG_EUSAGE: out exists, another process trains in the run,
 * other data or options than the run has; DG_EFINITE: it diverged, and is saved as of the step
 * before (or it has ended, and a figure is not finite); DG_ESTOP: stopped and saved. Predictors of
 * m must not be in use meanwhile; afterwards they predict with the new weights. */
DG_API dg_status dg_train(dg_model *m, const dg_train_options *o, dg_train_result *r, dg_diag *why);

/* The name of the k-th metric of a model, from 0; NULL: there is none. */
DG_API const char *dg_model_metric(const dg_model *m, int k);

#ifdef __cplusplus
}
#endif
#endif
