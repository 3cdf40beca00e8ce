/* States and error vectors by layer and step: a map, first and last step as curves, and in words
 * where error vectors vanish or explode. */
#include "report/chart.h"
#include "report/png.h"
#include "report/sections.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_STEPS = 160, MOST_NODES = 800, LABELS = 26, DECADES = 9 };
static const double vanished = 1e-6, exploded = 1e6;

/* ---- In words -------------------------------------------------------------------------------- */

/* A loss node's own error vector is the 1/K that enters: the last layer is the node before it. */
static int last_layer(const dg_layers *l)
{
    int k = l->nodes - 1;
    while (k > 0 && strncmp(l->name[k], "loss", 4) == 0)
        k--;
    return k;
}

static void add_name(dg_text *t, const char *name)
{
    dg_text_add(t, "<code>");
    dg_html(t, name);
    dg_text_add(t, "</code>");
}

/* The last of the first nodes that all have less than the bound; -1: none. A result that nothing
 * reads has an error vector of 0, which says nothing by itself. */
static int find_vanished(const double *x, int last)
{
    int at = -1, nonzero = 0;
    for (int k = 0; k < last && x[k] < vanished * x[last]; k++) {
        nonzero |= x[k] > 0;
        at = nonzero || k > 0 ? k : at;
    }
    return at;
}

static int find_exploded(const double *x, int last)
{
    int at = 0;
    for (int k = 1; k < last; k++)
        at = x[k] > x[at] ? k : at;
    return last > 0 && x[last] > 0 && x[at] > exploded * x[last] ? at : -1;
}

static void say_found(dg_text *t, const dg_layers *l, const double *x, int low, int at, int last)
{
    dg_text_add(t, low ? "the error vector vanishes. From " : "the error vector explodes. At ");
    add_name(t, l->name[at]);
    dg_text_add(t, low ? " back to the input its rms is below 10<sup>-6</sup> of the last layer's, "
                       : " its rms is more than 10<sup>6</sup> times the last layer's, ");
    add_name(t, l->name[last]);
    dg_text_printf(t, " (%.3g against %.3g).</p>\n", x[at], x[last]);
}

static void say_step(dg_text *t, const dg_layers *l, int s)
{
    const double *x = &l->x[(size_t)s * (size_t)l->nodes];
    int last = last_layer(l), low = find_vanished(x, last), high = find_exploded(x, last);
    int found = low >= 0 || high >= 0;
    dg_text_printf(t, "<p%s>Step %.0f: ", found ? " class=\"note\"" : "", l->step[s]);
    if (found) {
        say_found(t, l, x, low >= 0, low >= 0 ? low : high, last);
        return;
    }
    dg_text_add(t, "from the last layer, ");
    add_name(t, l->name[last]);
    dg_text_add(t, ", back to the first, ");
    add_name(t, l->name[0]);
    dg_text_printf(t, ", the rms of the error vector goes from %.3g to %.3g", x[last], x[0]);
    if (x[last] > 0 && x[0] > 0)
        dg_text_printf(t, ", a factor of %.3g", x[0] / x[last]);
    dg_text_add(t, ": it neither vanishes nor explodes.</p>\n");
}

/* ---- The map --------------------------------------------------------------------------------- */

/* Of 0 to 1, dark to bright: five colours, straight lines between them. */
static void colour_of(double x, uint8_t rgb[3])
{
    static const uint8_t stop[5][3] = {
        {68, 1, 84}, {59, 82, 139}, {33, 145, 140}, {94, 201, 98}, {253, 231, 37}};
    double at = x < 0 ? 0 : x > 1 ? 4 : 4 * x;
    int k = at >= 4 ? 3 : (int)at;
    for (int i = 0; i < 3; i++)
        rgb[i] = (uint8_t)(stop[k][i] + (at - k) * (stop[k + 1][i] - stop[k][i]) + 0.5);
}

/* The range of a map in decades: its largest number, and DECADES below at most. */
static void find_range(const dg_layers *l, double *low, double *high)
{
    double least = HUGE_VAL, most = 0;
    for (size_t i = 0, n = (size_t)l->steps * (size_t)l->nodes; i < n; i++)
        if (isfinite(l->x[i]) && l->x[i] > 0) {
            least = l->x[i] < least ? l->x[i] : least;
            most = l->x[i] > most ? l->x[i] : most;
        }
    *high = most > 0 ? ceil(log10(most)) : 0;
    *low = isfinite(least) ? floor(log10(least)) : *high - 1;
    *low = *high - *low > DECADES ? *high - DECADES : *low < *high ? *low : *high - 1;
}

/* A pixel a node (first on top) and step; what is not finite is grey. */
static void add_pixels(dg_text *t, const dg_layers *l, double low, double high)
{
    int steps = l->steps < MOST_STEPS ? l->steps : MOST_STEPS;
    uint8_t *pixel = malloc((size_t)steps * (size_t)l->nodes * 3 + 1);
    for (int k = 0; pixel && k < l->nodes; k++)
        for (int s = 0; s < steps; s++) {
            int at = steps > 1 ? (int)((int64_t)s * (l->steps - 1) / (steps - 1)) : 0;
            double x = l->x[(size_t)at * (size_t)l->nodes + (size_t)k];
            uint8_t *to = pixel + 3 * ((size_t)k * (size_t)steps + (size_t)s);
            colour_of(x > 0 ? (log10(x) - low) / (high - low) : 0, to);
            if (!isfinite(x))
                memset(to, 128, 3);
        }
    if (pixel)
        dg_png_uri(t, steps, l->nodes, 3, pixel);
    t->failed |= !pixel;
    free(pixel);
}

static void add_scale(dg_text *t, double low, double high)
{
    enum { WIDE = 64 };
    uint8_t pixel[3 * WIDE];
    for (int i = 0; i < WIDE; i++)
        colour_of((double)i / (WIDE - 1), pixel + 3 * i);
    dg_text_printf(t,
                   "<div class=\"key\"><span>%.0e <img alt=\"\" style=\"width:9rem;height:.7em;"
                   "vertical-align:middle\" src=\"",
                   pow(10, low));
    dg_png_uri(t, WIDE, 1, 3, pixel);
    dg_text_printf(t, "\"> %.0e</span></div>\n", pow(10, high));
}

static void draw_map(dg_text *t, const dg_layers *l, const char *title)
{
    const double width = 460, left = 138, right = 8, top = 6, bottom = 36;
    double low, high, tall = l->nodes * 16.0;
    tall = tall < 90 ? 90 : tall > 416 ? 416 : tall;
    int every = l->nodes / LABELS + 1;
    find_range(l, &low, &high);
    dg_text_printf(t,
                   "<figure><figcaption>%s</figcaption>\n<svg viewBox=\"0 0 %.0f %.0f\" "
                   "role=\"img\" aria-label=\"%s\">\n",
                   title, width, top + tall + bottom, title);
    dg_text_printf(t,
                   "<image x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" height=\"%.1f\" "
                   "preserveAspectRatio=\"none\" style=\"image-rendering:pixelated\" href=\"",
                   left, top, width - left - right, tall);
    add_pixels(t, l, low, high);
    dg_text_add(t, "\"/>\n");
    for (int k = 0; k < l->nodes; k += every) {
        char name[32];
        size_t n = strlen(l->name[k]);
        dg_format(name, sizeof name, "%s%s", n > 20 ? "..." : "",
                  l->name[k] + (n > 20 ? n - 18 : 0));
        dg_text_printf(t,
                       "<text x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\" "
                       "style=\"font-size:11px\">",
                       left - 6, top + tall * (k + 0.5) / l->nodes + 4);
        dg_html(t, name);
        dg_text_add(t, "</text>\n");
    }
    dg_text_printf(t,
                   "<text x=\"%.0f\" y=\"%.1f\">%.0f</text><text x=\"%.0f\" y=\"%.1f\" "
                   "text-anchor=\"end\">%.0f</text><text x=\"%.0f\" y=\"%.1f\" "
                   "text-anchor=\"middle\">step</text>\n</svg>\n",
                   left, top + tall + 16, l->step[0], width - right, top + tall + 16,
                   l->step[l->steps - 1], (left + width - right) / 2, top + tall + 16);
    add_scale(t, low, high);
    dg_text_add(t, "</figure>\n");
}

/* ---- First and last step --------------------------------------------------------------------- */

static void draw_profile(dg_text *t, const dg_layers *l, const char *title)
{
    double(*at)[2] = calloc(2 * (size_t)l->nodes + 1, sizeof *at);
    char name[2][64];
    dg_line line[2];
    if (!at) {
        t->failed = true;
        return;
    }
    for (int i = 0; i < 2; i++) {
        int s = i ? l->steps - 1 : 0;
        for (int k = 0; k < l->nodes; k++) {
            at[i * l->nodes + k][0] = k + 1;
            at[i * l->nodes + k][1] = l->x[(size_t)s * (size_t)l->nodes + (size_t)k];
        }
        dg_format(name[i], sizeof name[i], "step %.0f", l->step[s]);
        line[i] = (dg_line){.name = name[i],
                            .colour = i,
                            .look = i ? DG_LINE_PLAIN : DG_LINE_DASHED,
                            .n = l->nodes,
                            .at = (const double(*)[2])(uintptr_t)(at + i * l->nodes)};
    }
    dg_chart c = {.title = title,
                  .x = "node, in the order of the graph",
                  .n = l->steps > 1 ? 2 : 1,
                  .line = line,
                  .logarithmic = 1,
                  .whole = 1};
    dg_chart_draw(t, &c);
    free(at);
}

void dg_section_layers(dg_text *t, const dg_view *v)
{
    const dg_layers *z = &v->record.states, *eps = &v->record.errors;
    if (eps->steps == 0 || eps->nodes == 0)
        return;
    dg_section_begin(t, "layers", "States and error vectors");
    dg_text_add(t, "<p class=\"soft\">Root mean square of each node's result and of its error "
                   "vector, at the logged steps.</p>\n");
    say_step(t, eps, 0);
    if (eps->steps > 1)
        say_step(t, eps, eps->steps - 1);
    dg_text_add(t, "<div class=\"grid\">\n");
    if (eps->nodes > 1)
        draw_profile(t, eps, "error vectors by node");
    if (z->nodes > 1 && z->steps > 0)
        draw_profile(t, z, "states by node");
    if (eps->nodes <= MOST_NODES)
        draw_map(t, eps, "error vectors by node and step");
    if (z->steps > 0 && z->nodes <= MOST_NODES && z->nodes > 0)
        draw_map(t, z, "states by node and step");
    dg_text_add(t, "</div>\n");
    dg_section_end(t);
}
