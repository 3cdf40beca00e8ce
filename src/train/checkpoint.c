/* What a checkpoint holds; see checkpoint.h. Numbers of the progress are hexadecimal floats:
 * exact. */
#include "train/checkpoint.h"
#include "base/text.h"
#include "io/file.h"
#include "io/weights.h"
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
        return dg_diag_set(why, DG_EDATA,
                           "the checkpoint has no moment '%s' of this size; was the "
                           "optimizer another one?",
                           name);
    memcpy(t->data, from->data, t->bytes);
    return DG_OK;
}

/* Statistics of standardize, of the training part. */
static void add_states(dg_checkpoint *c, const dg_experiment *e)
{
    dg_dataset *d = e->block[DG_TRAIN_PART];
    for (int i = 0; d && i < dg_dataset_columns(d); i++) {
        dg_tensor t;
        char name[512];
        for (int k = 0; dg_column_state(dg_dataset_column(d, i), k, &t, name, sizeof name); k++)
            dg_checkpoint_add(c, name, &t);
    }
}

static dg_status restore_states(dg_checkpoint *c, dg_experiment *e, dg_diag *why)
{
    for (int b = 0; b < DG_DATA_PARTS; b++) {
        dg_dataset *d = e->block[b];
        for (int i = 0; d && i < dg_dataset_columns(d); i++) {
            dg_column *column = dg_dataset_column(d, i);
            dg_tensor t;
            char name[512];
            for (int k = 0; dg_column_state(column, k, &t, name, sizeof name); k++) {
                const dg_tensor *from = dg_checkpoint_find(c, name);
                if (from && dg_column_restore(column, k, from, why) != DG_OK)
                    return why->code;
            }
        }
    }
    return DG_OK;
}

static void figures_text(const dg_figures *f, dg_text *out)
{
    for (int64_t i = 0; i < f->n; i++)
        dg_text_printf(out, "%a ", f->x[i]);
}

/* 0: other numbers than those of f, as a program with other figures wrote them. */
static int read_figures(const char *text, dg_figures *f)
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

dg_status dg_checkpoint_write(dg_trainer *t, const char *path, int64_t metrics_bytes, dg_diag *why)
{
    dg_checkpoint *c = dg_checkpoint_new();
    dg_text figures = dg_text_make(NULL);
    if (!c)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    dg_checkpoint_add_graph(c, t->e->model->graph);
    each_moment(t, c, put_moment, why);
    add_states(c, t->e);
    figures_text(&t->progress.figures, &figures);
    dg_checkpoint_note(c, "step", "%" PRIu64, t->progress.step);
    dg_checkpoint_note(c, "best", "%a", t->progress.best);
    dg_checkpoint_note(c, "best_step", "%" PRIu64, t->progress.best_step);
    dg_checkpoint_note(c, "since_best", "%" PRId64, t->progress.since_best);
    dg_checkpoint_note(c, "metrics_bytes", "%" PRId64, metrics_bytes);
    dg_checkpoint_note(c, "figures", "%s", figures.data);
    dg_status s = figures.failed ? dg_diag_set(why, DG_EMEMORY, "out of memory")
                                 : dg_checkpoint_save(c, path, why);
    dg_text_free(&figures);
    dg_checkpoint_free(c);
    return s;
}

static dg_status read_progress(const dg_checkpoint *c, dg_progress *p, int64_t *metrics_bytes,
                               dg_diag *why)
{
    const char *key[] = {"step", "best_step", "since_best", "metrics_bytes", "best", "figures"};
    int64_t number[4];
    for (int i = 0; i < 6; i++) {
        const char *text = dg_checkpoint_text(c, key[i]);
        if (!text || (i < 4 && (!dg_read_i64(text, &number[i]) || number[i] < 0)))
            return dg_diag_set(why, DG_EDATA,
                               "the checkpoint has no note '%s', or a wrong one: it is "
                               "not one of a run",
                               key[i]);
    }
    p->step = (uint64_t)number[0];
    p->best_step = (uint64_t)number[1];
    p->since_best = number[2];
    *metrics_bytes = number[3];
    p->best = strtod(dg_checkpoint_text(c, "best"), NULL);
    if (read_figures(dg_checkpoint_text(c, "figures"), &p->figures))
        return DG_OK;
    return dg_diag_set(why, DG_EDATA,
                       "the figures in the checkpoint are of other losses and metrics, or another "
                       "version of dagrad wrote it");
}

dg_status dg_checkpoint_restore(dg_trainer *t, const char *path, int64_t *metrics_bytes,
                                dg_diag *why)
{
    dg_checkpoint *c = NULL;
    dg_progress progress = t->progress;
    dg_status s = dg_checkpoint_load(&c, path, 1, why);
    if (s == DG_OK)
        s = read_progress(c, &progress, metrics_bytes, why);
    if (s == DG_OK)
        s = dg_weights_apply(t->e->model->graph, c, 0, NULL, why);
    if (s == DG_OK)
        s = each_moment(t, c, get_moment, why);
    if (s == DG_OK)
        s = restore_states(c, t->e, why);
    if (s == DG_OK)
        t->progress = progress;
    dg_checkpoint_free(c);
    return s;
}

dg_status dg_weights_read(dg_experiment *e, const char *path, int n, const char *const allow[],
                          dg_diag *why)
{
    dg_checkpoint *c = NULL;
    char shown[DG_PATH_SHOWN];
    dg_status s = dg_checkpoint_load(&c, path, 0, why);
    if (s == DG_OK)
        s = dg_weights_apply(e->model->graph, c, n, allow, why);
    if (s == DG_OK)
        s = restore_states(c, e, why);
    if (s != DG_OK && why && !why->file[0])
        dg_format(why->file, sizeof why->file, "%s", dg_path_shown(path, shown));
    dg_checkpoint_free(c);
    return s;
}
