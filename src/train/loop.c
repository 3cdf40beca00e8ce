/* The training loop; see loop.h. */
#include "train/loop.h"
#include "base/clock.h"
#include <stdio.h>
#include <string.h>

typedef struct dg_looper {
    dg_trainer *t;
    dg_run_dir *r;
    const volatile sig_atomic_t *stop;
    const dg_report *report;
    double begin;
    int64_t samples;
    uint64_t log_every;
    dg_figures before, held; /* room: of the epoch before a step; of the validation part */
} dg_looper;

static double speed(const dg_looper *l)
{
    double seconds = dg_seconds() - l->begin;
    return seconds > 0 ? (double)l->samples / seconds : 0;
}

/* Ten measured steps an epoch, the first of the run among them, and none more often than needed. */
static uint64_t log_interval(const dg_trainer *t)
{
    int64_t every = t->epoch_steps > 1 ? t->epoch_steps / 10 : (int64_t)(t->steps / 100);
    return every > 0 ? (uint64_t)every : 1;
}

static dg_status one_step(dg_looper *l, dg_diag *why)
{
    dg_trainer *t = l->t;
    int measured = t->progress.step % l->log_every == 0;
    dg_figures_copy(&l->before, &t->progress.figures);
    if (measured)
        dg_figures_clear(&t->progress.figures);
    dg_status s = dg_trainer_step(t, measured, why);
    if (s != DG_OK) {
        dg_figures_copy(&t->progress.figures, &l->before);
        return s;
    }
    l->samples += t->batch;
    if (!measured)
        return DG_OK;
    s = dg_run_log(l->r, t, "step", &t->progress.figures, 1, speed(l), why);
    dg_figures_join(&t->progress.figures, &l->before, t->e);
    return s;
}

static int save_is_due(const dg_looper *l)
{
    int64_t every = l->t->e->settings.save_every;
    return every > 0 && l->t->progress.step % (uint64_t)every == 0;
}

/* An epoch's last step is done, its end (evaluation, checkpoint) is not. */
static int epoch_is_open(const dg_trainer *t)
{
    return t->progress.step > 0 && dg_trainer_epoch_ends(t) &&
           !dg_figures_empty(&t->progress.figures);
}

static dg_status end_epoch(dg_looper *l, int *finished, dg_diag *why)
{
    dg_trainer *t = l->t;
    int better = 0, has_held = t->validation.program != NULL;
    dg_status s = dg_trainer_epoch(t, &l->held, &better, l->stop, why);
    if (s == DG_OK)
        s = dg_run_log(l->r, t, "epoch", &t->progress.figures, 0, speed(l), why);
    if (s == DG_OK && has_held)
        s = dg_run_log(l->r, t, "validation", &l->held, 0, speed(l), why);
    if (s == DG_OK && l->report->epoch)
        l->report->epoch(l->report->user, t, &t->progress.figures, has_held ? &l->held : NULL,
                         dg_seconds() - l->begin);
    if (s != DG_OK)
        return s;
    int64_t patience = t->e->settings.patience;
    *finished =
        t->progress.step >= t->steps || (patience > 0 && t->progress.since_best >= patience);
    dg_figures_clear(&t->progress.figures);
    int save = better || *finished || t->e->settings.save_every == 0 || save_is_due(l);
    return save ? dg_run_save(l->r, t, better, why) : DG_OK;
}

/* Saves what is there and says so; the first failure stays the result. */
static dg_status save_and_leave(dg_looper *l, dg_status s)
{
    dg_diag why = {0};
    char text[5000];
    if (dg_run_save(l->r, l->t, 0, &why) != DG_OK)
        snprintf(text, sizeof text, "the checkpoint could not be written: %s", why.text);
    else
        snprintf(text, sizeof text, "saved at step %llu in %s; --resume %s goes on",
                 (unsigned long long)l->t->progress.step, l->r->path, l->r->path);
    if (l->report->say)
        l->report->say(l->report->user, text);
    return s;
}

static dg_status loop(dg_looper *l, dg_diag *why)
{
    dg_trainer *t = l->t;
    int finished = t->progress.step >= t->steps && !epoch_is_open(t);
    while (!finished) {
        if (l->stop && *l->stop)
            return save_and_leave(l, dg_diag_set(why, DG_ESTOP, "stopped by a signal"));
        dg_status s = epoch_is_open(t) ? DG_OK : one_step(l, why);
        if (s == DG_OK && l->report->step)
            l->report->step(l->report->user, t, dg_seconds() - l->begin, speed(l));
        if (s == DG_OK && epoch_is_open(t))
            s = end_epoch(l, &finished, why);
        else if (s == DG_OK && save_is_due(l))
            s = dg_run_save(l->r, t, 0, why);
        if (s == DG_EFINITE || s == DG_ESTOP)
            return save_and_leave(l, s);
        if (s != DG_OK)
            return s;
    }
    return DG_OK;
}

dg_status dg_train_loop(dg_trainer *t, dg_run_dir *r, const volatile sig_atomic_t *stop,
                        const dg_report *report, dg_diag *why)
{
    dg_looper l = {.t = t,
                   .r = r,
                   .stop = stop,
                   .report = report,
                   .begin = dg_seconds(),
                   .log_every = log_interval(t)};
    dg_status s = dg_figures_make(&l.before, t->e, why);
    if (s == DG_OK)
        s = dg_figures_make(&l.held, t->e, why);
    if (s == DG_OK)
        s = loop(&l, why);
    dg_figures_free(&l.before);
    dg_figures_free(&l.held);
    return s;
}
