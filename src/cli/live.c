/* Progress of a training run; see live.h. */
#include "cli/live.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/progress.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { USUAL_WIDTH = 80 };
#define REDRAW_SECONDS 0.1
#define PLAIN_SECONDS 10.0

/* Asked for at each line: a terminal may be made narrower at any time. The last column stays free,
 * since some terminals go on to the next row after it. */
static int width(void)
{
    struct winsize size;
    int columns =
        ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : USUAL_WIDTH;
    return columns - 1;
}

/* Writes over the line that stands there, and erases what is left of it. */
static void overwrite(dg_progress_line *p, const char *text)
{
    fprintf(stderr, "\r%s\033[K", text);
    p->drawn = *text != 0;
}

static void clear(dg_progress_line *p)
{
    if (p->drawn)
        overwrite(p, "");
}

static uint64_t epochs(const dg_trainer *t)
{
    return (t->steps + (uint64_t)t->epoch_steps - 1) / (uint64_t)t->epoch_steps;
}

static dg_progress_view view(const dg_trainer *t, double speed)
{
    const uint64_t step = t->progress.step, each = (uint64_t)t->epoch_steps;
    const dg_figures *f = &t->progress.figures;
    const uint64_t within = step > 0 ? (step - 1) % each + 1 : 0; /* of the step just done */
    dg_progress_view v = {.step = step,
                          .steps = t->steps,
                          .epoch = (step + each - 1) / each,
                          .epochs = epochs(t),
                          .epoch_step = within,
                          .epoch_steps = each,
                          .loss = dg_figures_loss(f, t->e),
                          .speed = speed,
                          .left = -1};
    if (speed > 0)
        v.left = (double)(t->steps - step) * (double)t->batch / speed;
    for (; v.metrics < t->e->model->n_metrics && v.metrics < DG_PROGRESS_METRICS; v.metrics++) {
        v.name[v.metrics] = t->e->model->metrics[v.metrics].name;
        v.metric[v.metrics] = dg_figures_metric(f, t->e, v.metrics);
    }
    return v;
}

static void draw(dg_progress_line *p, const dg_trainer *t, double speed)
{
    char text[DG_PROGRESS_TEXT];
    dg_progress_view v = view(t, speed);
    dg_progress_line_text(&v, width(), text);
    overwrite(p, text);
}

static void print_figures(const dg_trainer *t, const dg_figures *f)
{
    fprintf(stderr, "loss %.4f", dg_figures_loss(f, t->e));
    for (int i = 0; i < t->e->model->n_metrics && i < DG_PROGRESS_METRICS; i++)
        fprintf(stderr, "  %s %.4f", t->e->model->metrics[i].name, dg_figures_metric(f, t->e, i));
}

static void print_plain(const dg_trainer *t, double speed)
{
    char number[48], left[32];
    dg_progress_view v = view(t, speed);
    dg_progress_speed(speed, 3, number, sizeof number);
    dg_progress_time(v.left, left, sizeof left);
    fprintf(stderr, "epoch %llu/%llu  step %llu of %llu  ", (unsigned long long)v.epoch,
            (unsigned long long)v.epochs, (unsigned long long)v.step, (unsigned long long)v.steps);
    print_figures(t, &t->progress.figures);
    fprintf(stderr, "  %s samples/s  %s left\n", number, left);
}

static void step(void *user, const dg_trainer *t, double seconds, double speed)
{
    dg_progress_line *p = user;
    if (p->quiet || seconds - p->last < (p->terminal ? REDRAW_SECONDS : PLAIN_SECONDS))
        return;
    p->last = seconds;
    if (p->terminal && !dg_can_tell(0))
        return; /* a terminal that is stopped, or far away, does not stop the training */
    if (p->terminal)
        draw(p, t, speed);
    else
        print_plain(t, speed);
}

static void epoch(void *user, const dg_trainer *t, const dg_figures *train, const dg_figures *held,
                  double seconds)
{
    dg_progress_line *p = user;
    uint64_t each = (uint64_t)t->epoch_steps;
    if (p->quiet || p->terminal)
        return;
    p->last = seconds;
    fprintf(stderr, "epoch %llu/%llu  ", (unsigned long long)((t->progress.step + each - 1) / each),
            (unsigned long long)epochs(t));
    print_figures(t, train);
    if (held) {
        fputs("  validation ", stderr);
        print_figures(t, held);
    }
    fprintf(stderr, "  %.1f s\n", seconds);
}

static void say(void *user, const char *text)
{
    if (dg_stop_signal && !dg_can_tell(1))
        return; /* who asked for the end gets it, also if nobody reads */
    clear(user);
    fprintf(stderr, "dagrad train: %s\n", text);
}

dg_report dg_report_make(dg_progress_line *p)
{
    p->terminal = dg_terminal();
    return (dg_report){.user = p, .step = step, .epoch = epoch, .say = say};
}

void dg_report_end(dg_progress_line *p)
{
    clear(p);
}
