/* Curves as inline SVG; see chart.h. */
#include "report/chart.h"
#include "report/page.h"
#include <math.h>
#include <stdlib.h>

enum { MOST_POINTS = 400, MOST_TICKS = 7 };
static const double width = 460, height = 260, left = 56, right = 12, top = 10, bottom = 40;

/* An axis: the ends of what is drawn (of a logarithmic one their logarithms), and its ticks. */
typedef struct axis {
    int logarithmic;
    double low, high, step;
} axis;

typedef struct plot {
    dg_text *t;
    axis x, y;
} plot;

/* Where a number lies on an axis, NaN: nowhere. */
static double on_axis(const axis *a, double x)
{
    if (!isfinite(x) || (a->logarithmic && !(x > 0)))
        return (double)NAN;
    return a->logarithmic ? log10(x) : x;
}

static void widen(axis *a, double x)
{
    double at = on_axis(a, x);
    if (isnan(at))
        return;
    a->low = at < a->low ? at : a->low;
    a->high = at > a->high ? at : a->high;
}

/* 1, 2 or 5 times a power of ten, so that there are at most MOST_TICKS. */
static double nice_step(double range, int whole)
{
    double power = pow(10, floor(log10(range / MOST_TICKS)));
    static const double nice[] = {1, 2, 5, 10};
    double step = power;
    for (int i = 0; i < 4 && range / step > MOST_TICKS; i++)
        step = nice[i] * power;
    return (whole && step < 1) ? 1 : step;
}

/* What has no extent gets some; `round`: ends become ticks. */
static void settle(axis *a, int whole, int round)
{
    if (!(a->low <= a->high))
        *a = (axis){.logarithmic = a->logarithmic, .low = 0, .high = 1};
    if (!(a->high > a->low)) {
        double more = a->logarithmic ? 0.5 : a->low != 0 ? fabs(a->low) / 10 : 1;
        a->low -= more;
        a->high += more;
    }
    a->step = nice_step(a->high - a->low, whole || a->logarithmic);
    if (!round)
        return;
    a->low = a->step * floor(a->low / a->step + 1e-9);
    a->high = a->step * ceil(a->high / a->step - 1e-9);
}

static double place_x(const plot *p, double x)
{
    return left + (x - p->x.low) / (p->x.high - p->x.low) * (width - left - right);
}

static double place_y(const plot *p, double y)
{
    return height - bottom - (y - p->y.low) / (p->y.high - p->y.low) * (height - top - bottom);
}

static void add_tick_text(dg_text *t, const axis *a, double at)
{
    if (!a->logarithmic)
        dg_text_printf(t, "%.6g", fabs(at) < a->step * 1e-6 ? 0 : at);
    else if (at >= -3 && at <= 4)
        dg_text_printf(t, "%g", pow(10, at));
    else
        dg_text_printf(t, "1e%.0f", at);
}

static void draw_axes(const plot *p)
{
    dg_text *t = p->t;
    for (double y = p->y.step * ceil(p->y.low / p->y.step - 1e-9);
         y <= p->y.high + p->y.step * 1e-6; y += p->y.step) {
        dg_text_printf(t,
                       "<path class=\"axis\" d=\"M%.0f %.1fH%.0f\"/><text x=\"%.0f\" y=\"%.1f\" "
                       "text-anchor=\"end\">",
                       left, place_y(p, y), width - right, left - 6, place_y(p, y) + 4);
        add_tick_text(t, &p->y, y);
        dg_text_add(t, "</text>\n");
    }
    for (double x = p->x.step * ceil(p->x.low / p->x.step - 1e-9);
         x <= p->x.high + p->x.step * 1e-6; x += p->x.step) {
        double at = place_x(p, x);
        dg_text_printf(t,
                       "<path class=\"axis\" d=\"M%.1f %.0fv4\"/><text x=\"%.1f\" y=\"%.0f\" "
                       "text-anchor=\"%s\">",
                       at, height - bottom, at, height - bottom + 17,
                       at > width - right - 14 ? "end" : "middle");
        add_tick_text(t, &p->x, x);
        dg_text_add(t, "</text>\n");
    }
}

static void draw_path(const plot *p, const dg_line *l)
{
    static const char *const look[] = {"", " thin", " dash", ""};
    int every = l->n / MOST_POINTS + 1, pen = 0;
    dg_text_printf(p->t, "<path class=\"l%s\" style=\"stroke:var(--s%d)\" d=\"", look[l->look],
                   l->colour & 7);
    for (int i = 0; i < l->n; i++) {
        double x = on_axis(&p->x, l->at[i][0]), y = on_axis(&p->y, l->at[i][1]);
        if (i % every && i < l->n - 1)
            continue;
        if (!isnan(x) && !isnan(y))
            dg_text_printf(p->t, "%c%.1f %.1f", pen ? 'L' : 'M', place_x(p, x), place_y(p, y));
        pen = !isnan(x) && !isnan(y);
    }
    dg_text_add(p->t, "\"/>\n");
}

/* Dots; of a short line they tell their numbers to the pointer. */
static void draw_dots(const plot *p, const dg_line *l)
{
    int cloud = l->look == DG_LINE_POINTS;
    dg_text_printf(p->t, "<g style=\"fill:var(--s%d)\"%s>\n", l->colour & 7,
                   cloud ? " opacity=\".55\"" : "");
    for (int i = 0; i < l->n; i++) {
        double x = on_axis(&p->x, l->at[i][0]), y = on_axis(&p->y, l->at[i][1]);
        if (isnan(x) || isnan(y))
            continue;
        dg_text_printf(p->t, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"", place_x(p, x),
                       place_y(p, y), cloud ? 1.8 : 2.4);
        if (cloud)
            dg_text_add(p->t, "/>\n");
        else
            dg_text_printf(p->t, "><title>%.6g: %.6g</title></circle>\n", l->at[i][0], l->at[i][1]);
    }
    dg_text_add(p->t, "</g>\n");
}

static void draw_key(dg_text *t, const dg_chart *c)
{
    static const char *const look[] = {"", "thin", "dash", ""};
    dg_text_add(t, "<div class=\"key\">");
    for (int k = 0; k < c->n; k++) {
        dg_text_printf(t, "<span><i class=\"%s\" style=\"border-color:var(--s%d)\"></i>",
                       look[c->line[k].look], c->line[k].colour & 7);
        dg_html(t, c->line[k].name);
        dg_text_add(t, "</span>");
    }
    dg_text_add(t, "</div>\n");
}

static void draw_names(const plot *p, const char *x)
{
    if (!x)
        return;
    dg_text_printf(p->t, "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"middle\">",
                   (left + width - right) / 2, height - 6);
    dg_html(p->t, x);
    dg_text_add(p->t, "</text>\n");
}

static void begin(dg_text *t, const char *title, const char *y)
{
    dg_text_add(t, "<figure><figcaption>");
    dg_html(t, title);
    if (y) {
        dg_text_add(t, " <span class=\"soft\">");
        dg_html(t, y);
        dg_text_add(t, "</span>");
    }
    dg_text_printf(t, "</figcaption>\n<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"",
                   width, height);
    dg_html(t, title);
    dg_text_add(t, "\">\n");
}

static plot measure(dg_text *t, const dg_chart *c)
{
    axis none = {.low = HUGE_VAL, .high = -HUGE_VAL};
    plot p = {.t = t, .x = none, .y = none};
    p.y.logarithmic = c->logarithmic;
    for (int k = 0; k < c->n; k++)
        for (int i = 0; i < c->line[k].n; i++) {
            if (isnan(on_axis(&p.y, c->line[k].at[i][1])))
                continue;
            widen(&p.x, c->line[k].at[i][0]);
            widen(&p.y, c->line[k].at[i][1]);
        }
    if (c->diagonal) {
        p.x.low = p.y.low = fmin(p.x.low, p.y.low);
        p.x.high = p.y.high = fmax(p.x.high, p.y.high);
    }
    settle(&p.x, c->whole, c->diagonal);
    settle(&p.y, 0, 1);
    return p;
}

void dg_chart_draw(dg_text *t, const dg_chart *c)
{
    enum { FEW = 60 };
    plot p = measure(t, c);
    begin(t, c->title, c->y);
    draw_axes(&p);
    if (c->diagonal)
        dg_text_printf(t, "<path class=\"zero\" d=\"M%.1f %.1fL%.1f %.1f\"/>\n",
                       place_x(&p, p.x.low), place_y(&p, p.y.low), place_x(&p, p.x.high),
                       place_y(&p, p.y.high));
    for (int k = 0; k < c->n; k++) {
        if (c->line[k].look != DG_LINE_POINTS)
            draw_path(&p, &c->line[k]);
        if (c->line[k].look == DG_LINE_POINTS ||
            (c->line[k].look != DG_LINE_THIN && c->line[k].n <= FEW && !c->bare))
            draw_dots(&p, &c->line[k]);
    }
    draw_names(&p, c->x);
    dg_text_add(t, "</svg>\n");
    if (c->n > 1)
        draw_key(t, c);
    dg_text_add(t, "</figure>\n");
}

int dg_chart_wants_logarithm(int n, const dg_line *line)
{
    double least = HUGE_VAL, most = 0;
    for (int k = 0; k < n; k++)
        for (int i = 0; i < line[k].n; i++) {
            double y = line[k].at[i][1];
            least = y < least ? y : least;
            most = y > most && isfinite(y) ? y : most;
        }
    return least > 0 && most > 30 * least;
}

void dg_histogram_draw(dg_text *t, const char *title, const char *x, int n, const double *count,
                       double low, double high)
{
    plot p = {.t = t, .x = {.low = low, .high = high}, .y = {.low = 0, .high = 0}};
    for (int i = 0; i < n; i++)
        widen(&p.y, count[i]);
    settle(&p.x, 0, 0);
    settle(&p.y, 1, 1);
    begin(t, title, NULL);
    draw_axes(&p);
    dg_text_add(t, "<g style=\"fill:var(--s0)\">\n");
    for (int i = 0; i < n; i++) {
        double from = place_x(&p, low + (high - low) * i / n);
        double to = place_x(&p, low + (high - low) * (i + 1) / n), y = place_y(&p, count[i]);
        if (count[i] > 0)
            dg_text_printf(t, "<path d=\"M%.1f %.1fV%.1fH%.1fV%.1fz\"/>\n", from + 0.5,
                           height - bottom, y, to - 0.5, height - bottom);
    }
    dg_text_add(t, "</g>\n");
    draw_names(&p, x);
    dg_text_add(t, "</svg>\n</figure>\n");
}
