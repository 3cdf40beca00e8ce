/* Progress of a training run; see report.h. */
#include "cli/report.h"
#include "cli/command.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BAR = 20 };

static void metrics(const dg_trainer *t, const dg_figures *f)
{
    fprintf(stderr, "loss %.4f", dg_figures_loss(f, t->e));
    for (int i = 0; i < t->e->model->n_metrics && i < 3; i++)
        fprintf(stderr, "  %s %.4f", t->e->model->metrics[i].name, dg_figures_metric(f, t->e, i));
}

static void clear(dg_progress_line *p)
{
    if (p->drawn)
        fputs("\r\033[K", stderr);
    p->drawn = 0;
}

static uint64_t epochs(const dg_trainer *t)
{
    return (t->steps + (uint64_t)t->epoch_steps - 1) / (uint64_t)t->epoch_steps;
}

static void draw(void *user, const dg_trainer *t, double seconds, double speed)
{
    dg_progress_line *p = user;
    if (!p->terminal || p->quiet || seconds - p->last < 0.1)
        return;
    p->last = seconds;
    uint64_t step = t->progress.step, each = (uint64_t)t->epoch_steps;
    int full = (int)((step % each) * BAR / each);
    double left = speed > 0 ? (double)(t->steps - step) * (double)t->batch / speed : 0;
    clear(p);
    fprintf(stderr, "epoch %llu/%llu [%.*s%*s] ", (unsigned long long)(step / each + 1),
            (unsigned long long)epochs(t), full, "####################", BAR - full, "");
    metrics(t, &t->progress.figures);
    fprintf(stderr, "  %.0f samples/s  %d:%02d left", speed, (int)left / 60, (int)left % 60);
    p->drawn = 1;
}

static void epoch(void *user, const dg_trainer *t, const dg_figures *train, const dg_figures *held,
                  double seconds)
{
    dg_progress_line *p = user;
    uint64_t each = (uint64_t)t->epoch_steps;
    clear(p);
    if (p->quiet)
        return;
    fprintf(stderr, "epoch %llu/%llu  ", (unsigned long long)((t->progress.step + each - 1) / each),
            (unsigned long long)epochs(t));
    metrics(t, train);
    if (held) {
        fputs("  validation ", stderr);
        metrics(t, held);
    }
    fprintf(stderr, "  %.1f s\n", seconds);
}

static void say(void *user, const char *text)
{
    clear(user);
    fprintf(stderr, "dagrad train: %s\n", text);
}

dg_report dg_report_make(dg_progress_line *p)
{
    p->terminal = isatty(STDERR_FILENO);
    return (dg_report){.user = p, .step = draw, .epoch = epoch, .say = say};
}

void dg_report_end(dg_progress_line *p)
{
    clear(p);
}
