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
static void overwrite(dg_live *p, const char *text)
{
    fprintf(stderr, "\r%s\033[K", text);
    p->drawn = *text != 0;
}

static void clear(dg_live *p)
{
    if (p->drawn)
        overwrite(p, "");
}

static uint64_t epoch_of(const dg_training *now)
{
    return (now->step + now->epoch_steps - 1) / now->epoch_steps;
}

static uint64_t epochs(const dg_training *now)
{
    return (now->steps + now->epoch_steps - 1) / now->epoch_steps;
}

static dg_progress_view view(const dg_training *now)
{
    const uint64_t step = now->step, each = now->epoch_steps;
    const uint64_t within = step > 0 ? (step - 1) % each + 1 : 0; /* of the step just done */
    dg_progress_view v = {.step = step,
                          .steps = now->steps,
                          .epoch = epoch_of(now),
                          .epochs = epochs(now),
                          .epoch_step = within,
                          .epoch_steps = each,
                          .loss = now->loss,
                          .speed = now->rows_per_second,
                          .left = -1};
    if (v.speed > 0)
        v.left = (double)(now->steps - step) * (double)now->batch / v.speed;
    for (; v.metrics < now->n_metrics && v.metrics < DG_PROGRESS_METRICS; v.metrics++) {
        v.name[v.metrics] = now->names[v.metrics];
        v.metric[v.metrics] = now->metrics[v.metrics];
    }
    return v;
}

static void draw(dg_live *p, const dg_training *now)
{
    char text[DG_PROGRESS_TEXT];
    dg_progress_view v = view(now);
    dg_progress_line_text(&v, width(), text);
    overwrite(p, text);
}

static void print_figures(const dg_training *now, double loss, const double metrics[])
{
    fprintf(stderr, "loss %.4f", loss);
    for (int i = 0; i < now->n_metrics && i < DG_PROGRESS_METRICS; i++)
        fprintf(stderr, "  %s %.4f", now->names[i], metrics[i]);
}

static void print_plain(const dg_training *now)
{
    char number[48], left[32];
    dg_progress_view v = view(now);
    dg_progress_speed(v.speed, 3, number, sizeof number);
    dg_progress_time(v.left, left, sizeof left);
    fprintf(stderr, "epoch %llu/%llu  step %llu of %llu  ", (unsigned long long)v.epoch,
            (unsigned long long)v.epochs, (unsigned long long)v.step, (unsigned long long)v.steps);
    print_figures(now, now->loss, now->metrics);
    fprintf(stderr, "  %s samples/s  %s left\n", number, left);
}

static void tell_step(dg_live *p, const dg_training *now)
{
    if (now->seconds - p->last < (p->terminal ? REDRAW_SECONDS : PLAIN_SECONDS))
        return;
    p->last = now->seconds;
    if (p->terminal && !dg_can_tell(0))
        return; /* a terminal that is stopped, or far away, does not stop the training */
    if (p->terminal)
        draw(p, now);
    else
        print_plain(now);
}

static void tell_epoch(dg_live *p, const dg_training *now)
{
    if (p->terminal)
        return;
    p->last = now->seconds;
    fprintf(stderr, "epoch %llu/%llu  ", (unsigned long long)epoch_of(now),
            (unsigned long long)epochs(now));
    print_figures(now, now->loss, now->metrics);
    if (now->held_metrics) {
        fputs("  validation ", stderr);
        print_figures(now, now->held_loss, now->held_metrics);
    }
    fprintf(stderr, "  %.1f s\n", now->seconds);
}

void dg_live_tell(dg_live *p, const dg_training *now)
{
    if (p->quiet)
        return;
    if (now->event == DG_TRAIN_STEP)
        tell_step(p, now);
    else if (now->event == DG_TRAIN_EPOCH)
        tell_epoch(p, now);
}

void dg_live_say(void *user, const char *text)
{
    if (dg_said(text) || (dg_stop_signal && !dg_can_tell(1)))
        return; /* who asked for the end gets it, also if nobody reads */
    clear(user);
    fprintf(stderr, "dagrad train: %s\n", text);
}

void dg_live_begin(dg_live *p)
{
    p->terminal = dg_terminal();
}

void dg_live_end(dg_live *p)
{
    clear(p);
}
