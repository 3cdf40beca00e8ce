/* A run directory: model.dag (resolved), run.json, metrics.jsonl, last.safetensors,
 * best.safetensors, lock.
 *
 * It is true at any moment: model.dag and run.json describe what is trained, also after a resume
 * that changed something; last.safetensors is there from step 0 on; best.safetensors are the
 * weights with the best figure of the validation part, and without one there are none. run.json is
 * written last when a run is made: a folder without it is no run yet. A checkpoint says how much of
 * metrics.jsonl belongs to it; the rest is cut when the run is taken up again. Who reads a run
 * (eval, predict, show) neither locks nor writes. */
#ifndef DG_TRAIN_RUNDIR_H
#define DG_TRAIN_RUNDIR_H

#include "io/weights.h"
#include "train/identity.h"
#include "train/lock.h"

typedef struct dg_run_dir {
    char *path;
    dg_say say;
    int lock, metrics; /* descriptors, -1: none */
    int made, found;   /* dg_run_create made what is in the folder; the folder was there */
    char id[17];       /* identity.h */
    json_t *was;       /* run.json as it was found; NULL: a new run */
    int64_t metrics_bytes;
    dg_checkpoint *best; /* the best weights; NULL: none */
    int best_is_new;     /* they are not on the disk yet */
    double saved;        /* dg_seconds() of the last checkpoint */
} dg_run_dir;

/* A run that is not there yet; members say and nothing else may be set before the calls below. */
dg_run_dir dg_run_none(dg_say say);

/* Makes a new one: out, which must not exist or be empty, or (NULL) runs/MODEL-1, -2, ... Takes its
 * lock, writes the checkpoint of the start, model.dag and run.json. An empty folder is taken, and
 * one in which a killed process had got no farther. */
dg_status dg_run_create(dg_run_dir *r, const char *out, dg_trainer *t, dg_diag *why);

/* Opens an old one to train on: takes its lock (held: DG_EUSAGE says by whom), reads run.json. */
dg_status dg_run_hold(dg_run_dir *r, const char *path, dg_diag *why);
/* Restores the trainer from last.safetensors after comparing network, data and settings with those
 * of run.json (identity.h). Unless the run is finished, model.dag and run.json are made to say what
 * is trained from now on, and metrics.jsonl is cut; of a finished one nothing changes. */
dg_status dg_run_resume(dg_run_dir *r, dg_trainer *t, const dg_change *c, dg_diag *why);
/* The k-th folder in which a run that is held looked for its data, to be freed; NULL: no more. */
char *dg_run_place(const dg_run_dir *r, int k);

/* Keeps the weights as they are as the best ones, in memory until the next save. */
dg_status dg_run_keep_best(dg_run_dir *r, const dg_trainer *t, dg_diag *why);
/* Forces metrics.jsonl to the disk, writes best.safetensors if it is new, and last.safetensors. */
dg_status dg_run_save(dg_run_dir *r, dg_trainer *t, dg_diag *why);

/* A line of metrics.jsonl, whole and at once: kind "step" (measured: with rms and norms), "epoch"
 * or "validation". */
dg_status dg_run_log(dg_run_dir *r, dg_trainer *t, const char *kind, const dg_metric_sums *f,
                     int measured, double samples_per_second, dg_diag *why);

void dg_run_close(dg_run_dir *r);
/* After a failure before the first step: removes what dg_run_create wrote if nothing else is in the
 * folder, and the folder if it was not there before. */
void dg_run_discard(dg_run_dir *r);

/* The path of a file of a run; room for it. */
char *dg_run_file(const char *run, const char *name, char *room, size_t size);
/* 1 if path is a directory with a run.json. */
int dg_is_run(const char *path);

/* ---- Reading one (runread.c) ----------------------------------------------------------------- */

json_t *dg_run_json(const char *path, dg_diag *why); /* NULL: why says it */

/* Opens the experiment of a run for eval, predict, show: model.dag with the options of run.json,
 * and its weights ("last", "best", a file, NULL: those that a run is known by, "": none). NULL only
 * out of memory. */
dg_experiment *dg_run_open(const char *path, const char *weights, const dg_experiment_options *o,
                           dg_diag *why);
/* Which weights are meant: a file; by default "best" where the model has a validation part and an
 * epoch has ended, else "last". Without a validation part the last are the best there are. */
const char *dg_run_known_by(const dg_experiment *e, const char *path, const char *weights);
/* The file of the weights of a run; room for it. */
char *dg_run_weights_file(const char *path, const char *weights, char *room, size_t size);
/* The file of the weights that are meant, as in dg_run_known_by; e->weights then says which they
 * are.
 */
char *dg_run_choose(dg_experiment *e, const char *path, const char *weights, char *room,
                    size_t size);
/* Reads the weights of a run, and the statistics of the data blocks that the experiment has now;
 * e->weights then says which they are. */
dg_status dg_run_weights(dg_experiment *e, const char *path, const char *weights, dg_diag *why);

#endif
