/* A run directory: model.dag (resolved), run.json, metrics.jsonl, last.safetensors,
 * best.safetensors.
 *
 * run.json holds what a run is: options, seed, batch, steps, data with their hashes, machine. A
 * checkpoint holds parameters, moments, statistics of the data, and the progress; metrics.jsonl is
 * cut to what the checkpoint records when a run is taken up again. */
#ifndef DG_TRAIN_RUNDIR_H
#define DG_TRAIN_RUNDIR_H

#include "train/trainer.h"
#include <stdio.h>

typedef struct dg_run_dir {
    char *path;
    FILE *metrics;
    int made; /* dg_run_create made the folder */
} dg_run_dir;

/* The path of a file of a run; room for it. */
char *dg_run_file(const dg_run_dir *r, const char *name, char *room, size_t size);

/* Makes a new one: out, which must not exist, or (NULL) runs/MODEL-1, -2, ... Writes model.dag and
 * run.json. */
dg_status dg_run_create(dg_run_dir *r, const char *out, dg_trainer *t, dg_diag *why);

/* Opens an old one to go on: compares model, data, seed, batch and steps with run.json, and refuses
 * a change unless one of set names it (DG_EUSAGE); then restores the trainer from last.safetensors
 * and cuts metrics.jsonl. */
dg_status dg_run_resume(dg_run_dir *r, const char *path, dg_trainer *t, int n_set,
                        const char *const set[], dg_diag *why);

/* Writes last.safetensors, and best.safetensors too if best. Atomic; metrics.jsonl is synced
 * first. */
dg_status dg_run_save(dg_run_dir *r, dg_trainer *t, int best, dg_diag *why);

/* A line of metrics.jsonl: kind "step" (measured: with rms and norms) or "epoch". figures as in
 * trainer.h; seconds since the run began. */
dg_status dg_run_log(dg_run_dir *r, dg_trainer *t, const char *kind, const dg_figures *f,
                     int measured, double samples_per_second, dg_diag *why);

void dg_run_close(dg_run_dir *r);
/* After a failure before the first step: removes the folder if dg_run_create made it and nothing
 * else is in it than what that wrote. */
void dg_run_discard(dg_run_dir *r);

/* Opens the experiment of a run for eval, predict, show: model.dag with the options of run.json,
 * and its weights ("last", "best", a file, or "": none). NULL only out of memory. */
dg_experiment *dg_run_open(const char *path, const char *weights, const dg_experiment_options *o,
                           dg_diag *why);
/* The file of the weights of a run; room for it. */
char *dg_run_weights_file(const char *path, const char *weights, char *room, size_t size);
/* Reads the weights of a run, and the statistics of the data blocks that the experiment has now. */
dg_status dg_run_weights(dg_experiment *e, const char *path, const char *weights, dg_diag *why);
/* 1 if path is a directory with a run.json. */
int dg_is_run(const char *path);

#endif
