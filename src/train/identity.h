/* What a run is: that which decides its weights, as JSON, for run.json and for comparing when it is
 * taken up again.
 *
 *     id         hash of network, data, seed and precision as they were at the start
 *     network    lines of network.h
 *     data       files: path, sha256, bytes; compared by hash, in the order of their first use
 *     columns    lines of the data blocks of training and validation, without names of files
 *     train      keys of the train block that steps depend on
 *     seed, batch, steps, precision */
#ifndef DG_TRAIN_IDENTITY_H
#define DG_TRAIN_IDENTITY_H

#include "train/trainer.h"
#include <jansson.h>

/* What the caller of a resumed run asked for. */
typedef struct dg_change {
    const char *const *set; /* NAME=VALUE */
    int n_set;
    const char *const *dirs; /* --data */
    int n_dirs;
    const char *model; /* a model file, or NULL: that of the run */
} dg_change;

/* A new reference; NULL: why says it. */
json_t *dg_identity(const dg_trainer *t, dg_diag *why);

/* Another network is always refused; other data, and other settings, unless an option names them
 * (DG_EUSAGE, DG_EDATA for the data). path: the run, for messages. */
dg_status dg_identity_compare(const json_t *was, const json_t *is, const char *path,
                              const dg_experiment *e, const dg_change *change, dg_diag *why);

/* For who reads a run. DG_EUSAGE: the network, or what the data go through, is another one;
 * DG_EDATA: the files are; why names the first difference. */
dg_status dg_identity_same(const json_t *run, const dg_experiment *e, const char *path,
                           dg_diag *why);

/* 1: the figures by which weights are the best are not those of before: another validation part. */
int dg_identity_judges_anew(const json_t *was, const json_t *is);

#endif
