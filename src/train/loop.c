/* The training loop; see loop.h. */
#include "train/loop.h"
#include "base/clock.h"
#include "base/text.h"
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

typedef struct dg_looper {
    dg_trainer *t;
    dg_run_dir *r;
    const volatile sig_atomic_t *stop;
    const dg_report *report;
    double begin;
    int64_t samples;
    uint64_t log_every;
    dg_metric_sums before, held; /* room: of the epoch before a step; of the validation part */
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
    dg_metric_sums_copy(&l->before, &t->progress.figures);
    if (measured)
        dg_metric_sums_clear(&t->progress.figures);
    dg_status s = dg_trainer_step(t, measured, why);
    if (s != DG_OK) {
        dg_metric_sums_copy(&t->progress.figures, &l->before);
        return s;
    }
    l->samples += t->batch;
    if (!measured)
        return DG_OK;
    s = dg_run_log(l->r, t, "step", &t->progress.figures, 1, speed(l), why);
    dg_metric_sums_join(&t->progress.figures, &l->before, t->e);
    return s;
}

enum { SAVE_SECONDS = 30 };

static int save_is_due(const dg_looper *l)
{
    int64_t every = l->t->e->settings.save_every;
    if (every > 0)
        return l->t->progress.step % (uint64_t)every == 0;
    return dg_seconds() - l->r->saved >= SAVE_SECONDS;
}

static void say(const dg_looper *l, const char *format, ...) DG_PRINTF(2, 3);
static void say(const dg_looper *l, const char *format, ...)
{
    dg_text text = dg_text_make(NULL);
    va_list args;
    va_start(args, format);
    dg_text_vprintf(&text, format, args);
    va_end(args);
    if (l->report->say)
        l->report->say(l->report->user, text.data);
    dg_text_free(&text);
}

/* Which epoch was the best, by which part. */
static void say_best(const dg_looper *l, const char *before)
{
    const dg_progress *p = &l->t->progress;
    int held = l->t->validation.program != NULL;
    if (isnan(p->best))
        say(l, "%sno epoch had a finite %s loss", before, held ? "validation" : "training");
    else
        say(l, "%sthe best was epoch %" PRIu64 " (step %" PRIu64 "), %s loss %.6g%s", before,
            p->best_epoch, p->best_step, held ? "validation" : "training", p->best,
            held ? "" : "; without a validation part the last weights are kept");
}

static void say_end(const dg_looper *l)
{
    char before[160] = "";
    const dg_trainer *t = l->t;
    if (t->progress.ended && t->progress.step < t->steps)
        dg_format(before, sizeof before,
                  "stopped early after epoch %" PRIu64 ", no better %s loss in %" PRId64
                  " epochs; ",
                  dg_trainer_epoch_number(t), t->validation.program ? "validation" : "training",
                  t->progress.since_best);
    if (*before || t->validation.program)
        say_best(l, before);
}

static void say_finished(const dg_looper *l)
{
    const dg_trainer *t = l->t;
    const char *run = l->r->path;
    int early = t->progress.step < t->steps;
    say(l,
        "%s has ended%s at step %" PRIu64 " of %" PRIu64 ", nothing is changed; --resume %s "
        "--epochs N with more epochs goes on",
        run, early ? " by early stopping" : "", t->progress.step, t->steps, run);
}

static dg_status log_epoch(dg_looper *l, const dg_metric_sums *held, dg_diag *why)
{
    dg_trainer *t = l->t;
    dg_status s = dg_run_log(l->r, t, "epoch", &t->progress.figures, 0, speed(l), why);
    if (s == DG_OK && held)
        s = dg_run_log(l->r, t, "validation", held, 0, speed(l), why);
    if (s == DG_OK && l->report->epoch)
        l->report->epoch(l->report->user, t, &t->progress.figures, held, dg_seconds() - l->begin);
    return s;
}

static dg_status end_epoch(dg_looper *l, dg_diag *why)
{
    dg_trainer *t = l->t;
    int better = 0, has_held = t->validation.program != NULL;
    dg_status s = dg_trainer_epoch(t, &l->held, &better, l->stop, why);
    if (s == DG_OK)
        s = log_epoch(l, has_held ? &l->held : NULL, why);
    if (s == DG_OK && better && has_held)
        s = dg_run_keep_best(l->r, t, why);
    if (s == DG_OK)
        dg_metric_sums_clear(&t->progress.figures);
    return s;
}

/* Saves what is there and says so; the first failure stays the result. */
static dg_status save_and_leave(dg_looper *l, dg_status s)
{
    dg_diag why = {.code = DG_OK};
    if (dg_run_save(l->r, l->t, &why) != DG_OK)
        say(l, "the checkpoint could not be written: %s", why.text);
    else
        say(l, "saved at step %" PRIu64 " in %s; --resume %s goes on", l->t->progress.step,
            l->r->path, l->r->path);
    return s;
}

/* A step, and what is due after it. */
static dg_status advance(dg_looper *l, dg_diag *why)
{
    dg_trainer *t = l->t;
    dg_status s = dg_trainer_epoch_is_open(t) ? DG_OK : one_step(l, why);
    if (s == DG_OK && l->report->step)
        l->report->step(l->report->user, t, dg_seconds() - l->begin, speed(l));
    if (s == DG_OK && dg_trainer_epoch_is_open(t))
        s = end_epoch(l, why);
    if (s == DG_ESTOP || (s == DG_EFINITE && t->progress.step > 0))
        return save_and_leave(l, s);
    if (s == DG_OK && (dg_trainer_is_finished(t) || save_is_due(l)))
        s = dg_run_save(l->r, t, why);
    return s;
}

static dg_status loop(dg_looper *l, dg_diag *why)
{
    while (!dg_trainer_is_finished(l->t)) {
        if (l->stop && *l->stop)
            return save_and_leave(l, dg_diag_set(why, DG_ESTOP, "stopped by a signal"));
        dg_status s = advance(l, why);
        if (s != DG_OK)
            return s;
    }
    say_end(l);
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
    if (dg_trainer_is_finished(t)) {
        say_finished(&l);
        return DG_OK;
    }
    dg_status s = dg_metric_sums_make(&l.before, t->e, why);
    if (s == DG_OK)
        s = dg_metric_sums_make(&l.held, t->e, why);
    if (s == DG_OK)
        s = loop(&l, why);
    dg_metric_sums_free(&l.before);
    dg_metric_sums_free(&l.held);
    return s;
}
