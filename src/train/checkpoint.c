/* What a checkpoint holds; see checkpoint.h. Numbers of the progress are hexadecimal floats:
 * exact. */
#include "train/legend.h"
#include "train/checkpoint.h"
#include "base/text.h"
#include "io/file.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void moment_name(char *name, size_t size, int k, const char *parameter)
{
    snprintf(name, size, "@moment.%d.%s", k, parameter);
}

/* Calls fn for every moment that the program has. */
typedef dg_status moment_fn(dg_checkpoint *c, const char *name, dg_tensor *t, dg_diag *why);

static dg_status each_moment(dg_trainer *t, dg_checkpoint *c, moment_fn *fn, dg_diag *why)
{
    const dg_graph *g = t->e->model->graph;
    for (int id = 1; id <= dg_graph_values(g); id++) {
        dg_value_info info;
        char name[512];
        dg_value_look(g, (dg_value){id}, &info);
        for (int k = 0; k < 2; k++) {
            void *m = dg_program_moment(t->program, (dg_value){id}, k);
            if (!m)
                break;
            moment_name(name, sizeof name, k, info.name);
            dg_tensor x = {info.type, info.shape, m,
                           (size_t)dg_shape_count(&info.shape) * dg_type_bytes(info.type)};
            dg_status s = fn(c, name, &x, why);
            if (s != DG_OK)
                return s;
        }
    }
    return DG_OK;
}

static dg_status put_moment(dg_checkpoint *c, const char *name, dg_tensor *t, dg_diag *why)
{
    (void)why;
    dg_checkpoint_add(c, name, t);
    return DG_OK;
}

static dg_status get_moment(dg_checkpoint *c, const char *name, dg_tensor *t, dg_diag *why)
{
    const dg_tensor *from = dg_checkpoint_find(c, name);
    if (!from || from->type != t->type || from->bytes != t->bytes)
        return dg_diag_set(why, DG_EUSAGE,
                           "the optimizer is another one than that of the checkpoint, which has no "
                           "'%.200s' of this size; --out begins a run of its own, --weights from "
                           "these weights",
                           name);
    memcpy(t->data, from->data, t->bytes);
    return DG_OK;
}

/* Statistics of the training part, and what its columns have learnt. */
void dg_columns_store(dg_checkpoint *c, const dg_experiment *e)
{
    dg_dataset *d = e->block[DG_TRAIN_PART];
    for (int i = 0; d && i < dg_dataset_columns(d); i++) {
        dg_tensor t;
        char name[512];
        for (int k = 0; dg_column_state(dg_dataset_column(d, i), k, &t, name, sizeof name); k++)
            dg_checkpoint_add(c, name, &t);
        char *text;
        for (int k = 0; dg_column_note(dg_dataset_column(d, i), k, name, sizeof name, &text); k++) {
            if (text)
                dg_checkpoint_note(c, name, "%s", text);
            else
                dg_checkpoint_starve(c);
            free(text);
        }
    }
}

/* Words and columns of the data are still those of training. */
static dg_status check_notes(const dg_checkpoint *c, const dg_column *column, dg_diag *why)
{
    char key[512], *text;
    dg_status s = DG_OK;
    for (int k = 0; s == DG_OK && dg_column_note(column, k, key, sizeof key, &text); k++) {
        const char *stored = dg_checkpoint_text(c, key);
        free(text);
        if (stored)
            s = dg_column_check_note(column, k, stored, why);
    }
    return s;
}

const char *dg_checkpoint_recall(void *checkpoint, const char *key)
{
    return dg_checkpoint_text(checkpoint, key);
}

dg_status dg_columns_restore(const dg_checkpoint *c, dg_dataset *d, dg_diag *why)
{
    for (int i = 0; i < dg_dataset_columns(d); i++) {
        dg_column *column = dg_dataset_column(d, i);
        dg_tensor t;
        char name[512];
        for (int k = 0; dg_column_state(column, k, &t, name, sizeof name); k++) {
            const dg_tensor *from = dg_checkpoint_find(c, name);
            if (from && dg_column_restore(column, k, from, why) != DG_OK)
                return why->code;
        }
        if (check_notes(c, column, why) != DG_OK)
            return why->code;
    }
    return DG_OK;
}

/* Names of PyTorch's modules go from one file of weights to the next. */
static dg_status keep_names(dg_experiment *e, const dg_checkpoint *c, dg_diag *why)
{
    const char *names = dg_checkpoint_text(c, dg_pytorch_note);
    free(e->pytorch);
    e->pytorch = names ? strdup(names) : NULL;
    return names && !e->pytorch ? dg_diag_set(why, DG_EMEMORY, "out of memory") : DG_OK;
}

static void note_names(dg_checkpoint *c, const dg_experiment *e)
{
    if (e->pytorch)
        dg_checkpoint_note(c, dg_pytorch_note, "%s", e->pytorch);
}

static dg_status restore_states(dg_checkpoint *c, dg_experiment *e, dg_diag *why)
{
    for (int b = 0; b < DG_DATA_PARTS; b++)
        if (e->block[b] && dg_columns_restore(c, e->block[b], why) != DG_OK)
            return why->code;
    return dg_legends_read(e, dg_checkpoint_recall, c, why);
}

static void figures_text(const dg_metric_sums *f, dg_text *out)
{
    for (int64_t i = 0; i < f->n; i++)
        dg_text_printf(out, "%a ", f->x[i]);
}

/* 0: other numbers than those of f, as a program with other figures wrote them. */
static int read_figures(const char *text, dg_metric_sums *f)
{
    char *end = (char *)(uintptr_t)text;
    int64_t i = 0;
    for (const char *from = text; i < f->n; i++, from = end) {
        f->x[i] = strtod(from, &end); /* hexadecimal: the same in every locale but the point */
        if (end == from)
            break;
    }
    return i == f->n && end[strspn(end, " ")] == 0;
}

/* Which metrics the tallies belong to. */
static void metrics_text(const dg_experiment *e, dg_text *out)
{
    for (int i = 0; i < e->model->n_metrics; i++) {
        const dg_metric *m = &e->model->metrics[i];
        dg_value_info target = {.name = NULL}, estimate = {.name = NULL};
        dg_value_look(e->model->graph, m->target, &target);
        dg_value_look(e->model->graph, m->estimate, &estimate);
        dg_text_printf(out, "%s(%s, %s)", m->clause.name, target.name, estimate.name);
        for (int k = 0; k < m->clause.attrs.n; k++)
            dg_text_printf(out, " %a", m->clause.attrs.v[k].number[0]);
        dg_text_add(out, "; ");
    }
}

static void note_progress(dg_checkpoint *c, const dg_trainer *t, const dg_checkpoint_of *of)
{
    const dg_progress *p = &t->progress;
    dg_checkpoint_note(c, "run", "%s", of->run);
    dg_checkpoint_note(c, "step", "%" PRIu64, p->step);
    dg_checkpoint_note(c, "closed", "%" PRIu64, p->closed);
    dg_checkpoint_note(c, "best", "%a", p->best);
    dg_checkpoint_note(c, "best_step", "%" PRIu64, p->best_step);
    dg_checkpoint_note(c, "best_epoch", "%" PRIu64, p->best_epoch);
    dg_checkpoint_note(c, "since_best", "%" PRId64, p->since_best);
    dg_checkpoint_note(c, "ended", "%" PRIu64, p->ended);
    dg_checkpoint_note(c, "metrics_bytes", "%" PRId64, of->metrics_bytes);
}

dg_status dg_checkpoint_write(dg_trainer *t, const char *path, const dg_checkpoint_of *of,
                              dg_diag *why)
{
    dg_checkpoint *c = dg_checkpoint_new();
    dg_text figures = dg_text_make(NULL), metrics = dg_text_make(NULL);
    if (!c)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    dg_checkpoint_add_graph(c, t->e->model->graph);
    note_names(c, t->e);
    each_moment(t, c, put_moment, why);
    dg_columns_store(c, t->e);
    figures_text(&t->progress.figures, &figures);
    metrics_text(t->e, &metrics);
    note_progress(c, t, of);
    dg_checkpoint_note(c, "figures", "%s", figures.data);
    dg_checkpoint_note(c, "metrics", "%s", metrics.data);
    dg_status s = figures.failed || metrics.failed ? dg_diag_set(why, DG_EMEMORY, "out of memory")
                                                   : dg_checkpoint_save(c, path, why);
    dg_text_free(&figures);
    dg_text_free(&metrics);
    dg_checkpoint_free(c);
    return s;
}

/* A note that is a whole number, not negative. */
static dg_status read_number(const dg_checkpoint *c, const char *key, int64_t *number, dg_diag *why)
{
    const char *text = dg_checkpoint_text(c, key), *end = text ? dg_read_i64(text, number) : NULL;
    if (end && !*end && *number >= 0)
        return DG_OK;
    return dg_diag_set(why, DG_EDATA, "it has no note '%s', or a wrong one: no checkpoint of a run",
                       key);
}

/* With other metrics than those of the checkpoint the epoch's sums begin here. */
static dg_status read_tallies(const dg_checkpoint *c, dg_trainer *t, dg_diag *why)
{
    const char *text = dg_checkpoint_text(c, "figures"), *was = dg_checkpoint_text(c, "metrics");
    dg_metric_sums *f = &t->progress.figures;
    dg_text metrics = dg_text_make(NULL);
    metrics_text(t->e, &metrics);
    dg_status s = metrics.failed ? dg_diag_set(why, DG_EMEMORY, "out of memory") : DG_OK;
    int same = was && strcmp(was, metrics.data) == 0;
    if (s == DG_OK && !same)
        dg_metric_sums_clear(f);
    else if (s == DG_OK && (!text || !read_figures(text, f)))
        s = dg_diag_set(why, DG_EDATA,
                        "its figures are of other losses, or another version of dagrad wrote it");
    dg_text_free(&metrics);
    return s;
}

static dg_status read_progress(const dg_checkpoint *c, dg_trainer *t, dg_progress *p,
                               dg_checkpoint_of *of, dg_diag *why)
{
    const char *const key[] = {"step",       "closed", "best_step",    "best_epoch",
                               "since_best", "ended",  "metrics_bytes"};
    int64_t number[7] = {0};
    for (int i = 0; i < 7; i++)
        if (read_number(c, key[i], &number[i], why) != DG_OK)
            return why->code;
    p->step = (uint64_t)number[0];
    p->closed = (uint64_t)number[1];
    p->best_step = (uint64_t)number[2];
    p->best_epoch = (uint64_t)number[3];
    p->since_best = number[4];
    p->ended = (uint64_t)number[5];
    of->metrics_bytes = number[6];
    const char *best = dg_checkpoint_text(c, "best");
    p->best = best ? strtod(best, NULL) : (double)NAN;
    return read_tallies(c, t, why);
}

/* Weights of the same shapes may be another run's. */
static dg_status check_run(const dg_checkpoint *c, const char *run, dg_diag *why)
{
    const char *id = dg_checkpoint_text(c, "run");
    if (!*run || (id && strcmp(id, run) == 0))
        return DG_OK;
    return dg_diag_set(why, DG_EDATA, "it is of another run (%.16s, not %s)", id ? id : "unknown",
                       run);
}

dg_status dg_checkpoint_restore(dg_trainer *t, const char *path, const char *run,
                                dg_checkpoint_of *of, dg_diag *why)
{
    dg_checkpoint *c = NULL;
    char shown[DG_PATH_SHOWN];
    dg_progress progress = t->progress;
    dg_status s = dg_checkpoint_load(&c, path, 1, why);
    if (s == DG_OK)
        s = check_run(c, run, why);
    if (s == DG_OK)
        s = read_progress(c, t, &progress, of, why);
    if (s == DG_OK)
        s = dg_weights_apply(t->e->model->graph, c, 0, NULL, why);
    if (s == DG_OK)
        s = each_moment(t, c, get_moment, why);
    if (s == DG_OK)
        s = restore_states(c, t->e, why);
    if (s == DG_OK)
        s = keep_names(t->e, c, why);
    if (s == DG_OK)
        t->progress = progress;
    if (s != DG_OK && !why->file[0])
        dg_format(why->file, sizeof why->file, "%s", dg_path_shown(path, shown));
    dg_checkpoint_free(c);
    return s;
}

/* ---- The best weights ------------------------------------------------------------------------ */

dg_checkpoint *dg_best_take(const dg_trainer *t, const char *run, dg_diag *why)
{
    dg_checkpoint *c = dg_checkpoint_new();
    if (!c) {
        dg_diag_set(why, DG_EMEMORY, "out of memory");
        return NULL;
    }
    dg_checkpoint_add_graph(c, t->e->model->graph);
    note_names(c, t->e);
    dg_columns_store(c, t->e);
    dg_checkpoint_note(c, "run", "%s", run);
    dg_checkpoint_note(c, "step", "%" PRIu64, t->progress.best_step);
    dg_checkpoint_note(c, "best", "%a", t->progress.best);
    if (dg_checkpoint_status(c, why) == DG_OK)
        return c;
    dg_checkpoint_free(c);
    return NULL;
}

dg_checkpoint *dg_best_read(const char *path, const char *run, uint64_t step, dg_diag *why)
{
    dg_checkpoint *c = NULL;
    int64_t at = 0;
    dg_status s = dg_checkpoint_load(&c, path, 1, why);
    if (s == DG_OK)
        s = check_run(c, run, why);
    if (s == DG_OK)
        s = read_number(c, "step", &at, why);
    if (s == DG_OK && (uint64_t)at != step)
        s = dg_diag_set(why, DG_EDATA, "it is of step %" PRId64 ", not %" PRIu64, at, step);
    if (s == DG_OK)
        return c;
    dg_checkpoint_free(c);
    return NULL;
}

uint64_t dg_best_step(const char *path, const char *run)
{
    dg_checkpoint *c = NULL;
    int64_t at = 0;
    if (dg_checkpoint_load(&c, path, 1, NULL) != DG_OK || check_run(c, run, NULL) != DG_OK ||
        read_number(c, "step", &at, NULL) != DG_OK)
        at = 0;
    dg_checkpoint_free(c);
    return (uint64_t)at;
}

/* c as it is, or what a state dict is in the graph's own names. *made: to be freed. */
static dg_status translate(dg_experiment *e, const dg_checkpoint *c, int n,
                           const char *const allow[], dg_checkpoint **made, dg_diag *why)
{
    dg_weights_as as = e->options.as;
    as.say = e->options.say;
    as.user = e->options.user;
    *made = NULL;
    const int told = dg_pytorch_told(e->model->graph, c, &as, why);
    if (told == 1)
        return dg_pytorch_read(e->model->graph, c, &as, n, allow, made, why);
    return told == 0 ? DG_OK : why->code;
}

dg_status dg_weights_take(dg_experiment *e, dg_checkpoint *c, int n, const char *const allow[],
                          dg_diag *why)
{
    dg_checkpoint *made;
    dg_status s = translate(e, c, n, allow, &made, why);
    if (s == DG_OK)
        s = dg_weights_apply(e->model->graph, made ? made : c, n, allow, why);
    if (s == DG_OK)
        s = keep_names(e, made ? made : c, why);
    dg_checkpoint_free(made);
    if (read_number(c, "step", &e->weights.step, NULL) != DG_OK)
        e->weights.step = -1;
    const char *run = dg_checkpoint_text(c, "run");
    dg_format(e->weights.run, sizeof e->weights.run, "%.16s", run ? run : "");
    return s == DG_OK ? restore_states(c, e, why) : s;
}

dg_status dg_weights_read(dg_experiment *e, const char *path, int n, const char *const allow[],
                          dg_diag *why)
{
    dg_checkpoint *c = NULL;
    char shown[DG_PATH_SHOWN];
    dg_status s = dg_checkpoint_load(&c, path, 0, why);
    if (s == DG_OK)
        s = dg_weights_take(e, c, n, allow, why);
    if (s != DG_OK && why && !why->file[0])
        dg_format(why->file, sizeof why->file, "%s", dg_path_shown(path, shown));
    dg_checkpoint_free(c);
    return s;
}
