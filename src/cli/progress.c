/* The text of a progress line; see progress.h. */
#include "cli/progress.h"
#include "base/text.h"
#include <math.h>
#include <string.h>

enum { BAR = 20 };

/* How a line is written: the first that fits is taken. */
typedef struct form {
    int metrics;     /* at most */
    int words;       /* 2: "epoch 1/2", "samples/s", "left"; 1: "epoch 1/2"; 0: none */
    int digits;      /* significant ones, 0: four after the point */
    int name;        /* bytes of a metric's name, 0: no names */
    const char *gap; /* between the parts */
    int bar;         /* cells, at least */
} form;

static const form forms[] = {
    {3, 2, 0, 64, "  ", 10}, {1, 2, 0, 64, "  ", 10}, {3, 1, 0, 64, "  ", 8},
    {1, 1, 0, 64, "  ", 8},  {1, 1, 0, 64, " ", 4},   {1, 1, 3, 3, " ", 4},
    {1, 0, 3, 3, " ", 2},    {1, 0, 3, 0, " ", 2},    {1, 0, 2, 0, " ", 2},
    {0, 0, 2, 0, " ", 2},
};

enum { FORMS = sizeof forms / sizeof forms[0] };

void dg_progress_time(double seconds, char *text, size_t size)
{
    long long s = seconds >= 0 && seconds < 1e12 ? (long long)seconds : -1;
    if (s < 0)
        dg_format(text, size, "-:--");
    else if (s < 3600)
        dg_format(text, size, "%lld:%02lld", s / 60, s % 60);
    else if (s < 86400)
        dg_format(text, size, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
    else
        dg_format(text, size, "%lldd%02lldh", s / 86400, s / 3600 % 24);
}

void dg_progress_speed(double x, int digits, char *text, size_t size)
{
    static const char unit[] = " kMGTP";
    int k = 0;
    for (; x >= 999.5 && unit[k + 1]; k++)
        x /= 1000;
    double least = digits > 2 ? 100 : 10;
    int places = x >= least ? 0 : x * 10 >= least || digits < 3 ? 1 : 2;
    dg_format(text, size, "%.*f%.*s", k > 0 || x < 10 ? places : 0, x, k > 0, unit + k);
}

static void add(char *text, const char *part)
{
    size_t n = strlen(text);
    dg_format(text + n, DG_PROGRESS_TEXT - n, "%s", part);
}

static void add_number(char *text, const form *f, const char *name, int bytes, double x)
{
    char part[128], number[64];
    int plain = fabs(x) >= 1e-3 && fabs(x) < 1e5;
    if (f->digits)
        dg_format(number, sizeof number, "%.*g", f->digits, x);
    else
        dg_format(number, sizeof number, plain || !(fabs(x) > 0) ? "%.4f" : "%.3e", x);
    dg_format(part, sizeof part, "%.*s%s%s", bytes, name, bytes ? " " : "", number);
    add(text, part);
}

/* What follows the bar. */
static void add_figures(const dg_progress_view *v, const form *f, char *text)
{
    char part[64], number[48];
    add(text, " ");
    add_number(text, f, "loss", f->name ? 4 : 0, v->loss);
    for (int i = 0; i < v->metrics && i < f->metrics; i++) {
        add(text, f->gap);
        add_number(text, f, v->name[i], f->name, v->metric[i]);
    }
    add(text, f->gap);
    dg_progress_speed(v->speed, f->words ? 3 : 2, number, sizeof number);
    dg_format(part, sizeof part, "%s%s/s", number, f->words > 1 ? " samples" : "");
    add(text, part);
    add(text, f->gap);
    dg_progress_time(v->left, number, sizeof number);
    dg_format(part, sizeof part, "%s%s", number, f->words > 1 ? " left" : "");
    add(text, part);
}

static void add_bar(const dg_progress_view *v, const form *f, int cells, char *text)
{
    uint64_t step = f->words ? v->epoch_step : v->step;
    uint64_t steps = f->words ? v->epoch_steps : v->steps;
    double share = steps > 0 ? (double)step / (double)steps : 0;
    int full = (int)(share * cells);
    char bar[BAR + 3];
    dg_format(bar, sizeof bar, "[%.*s%*s]", full, "####################", cells - full, "");
    add(text, bar);
}

void dg_progress_line_text(const dg_progress_view *v, int width, char text[DG_PROGRESS_TEXT])
{
    char tail[DG_PROGRESS_TEXT] = "";
    for (int i = 0; i < FORMS; i++) {
        const form *f = &forms[i];
        *text = *tail = 0;
        if (f->words)
            dg_format(text, DG_PROGRESS_TEXT, "epoch %llu/%llu ", (unsigned long long)v->epoch,
                      (unsigned long long)v->epochs);
        add_figures(v, f, tail);
        int cells = width - (int)strlen(text) - (int)strlen(tail) - 2;
        if (cells < f->bar && i + 1 < FORMS)
            continue;
        if (cells >= f->bar)
            add_bar(v, f, cells < BAR ? cells : BAR, text);
        add(text, tail);
        break;
    }
    if (width >= 0 && width < DG_PROGRESS_TEXT)
        text[width] = 0; /* no form is so narrow */
}
