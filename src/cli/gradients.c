/* A run's error vectors and states, drawn: a line a node, a column a logged step. The scale is
 * logarithmic, relative to the largest of the picture: in the terminal a mark is a factor of
 * ten. */
#include "cli/gradients.h"
#include "base/text.h"
#include "cli/svg.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* FRAME: lines of a screen that are not nodes: two titles, two sentences of two lines, a remark,
 * the prompt. */
enum { COLUMNS = 60, SCREEN_LINES = 24, SCREEN_COLUMNS = 80, FRAME = 8, LEAST_ROWS = 4 };
static const char marks[] = " .:-=+*#%@"; /* 1e-9 and less ... 1 */
static const double vanished = 1e-6;

/* A table: nodes by steps. Names are borrowed from the JSON of the first line. */
typedef struct picture {
    int nodes, steps;
    const char **name;
    double *x; /* [steps][nodes] */
    int64_t *step;
} picture;

/* The lines of kind "step", at most COLUMNS of them, evenly. */
static json_t *read_lines(const char *run, dg_diag *why)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/metrics.jsonl", run);
    FILE *f = fopen(path, "r");
    json_t *all = json_array();
    char *line = NULL;
    size_t room = 0;
    if (!f) {
        dg_diag_set(why, DG_EDATA, "%s: cannot be read", path);
        return all;
    }
    while (getline(&line, &room, f) > 0) {
        json_t *j = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        const char *kind = json_string_value(json_object_get(j, "kind"));
        if (kind && strcmp(kind, "step") == 0 && json_object_get(j, "rms_error_vector"))
            json_array_append(all, j);
        json_decref(j);
    }
    free(line);
    fclose(f);
    if (json_array_size(all) == 0)
        dg_diag_set(why, DG_EDATA, "%s has no logged steps", path);
    return all;
}

static int make_picture(picture *p, const json_t *lines, const char *key)
{
    size_t n = json_array_size(lines);
    const json_t *first = json_object_get(json_array_get(lines, 0), key);
    p->nodes = (int)json_array_size(first);
    p->steps = n < COLUMNS ? (int)n : COLUMNS;
    p->name = calloc((size_t)p->nodes + 1, sizeof *p->name);
    p->x = calloc((size_t)p->nodes * (size_t)p->steps + 1, sizeof *p->x);
    p->step = calloc((size_t)p->steps + 1, sizeof *p->step);
    for (int s = 0; p->name && p->x && p->step && s < p->steps; s++) {
        const json_t *line = json_array_get(lines, (size_t)s * n / (size_t)p->steps);
        const json_t *list = json_object_get(line, key);
        p->step[s] = json_integer_value(json_object_get(line, "step"));
        for (int k = 0; k < p->nodes; k++) {
            const json_t *pair = json_array_get(list, (size_t)k);
            const char *name = json_string_value(json_array_get(pair, 0));
            p->name[k] = name ? name : "";
            p->x[s * p->nodes + k] = json_number_value(json_array_get(pair, 1));
        }
    }
    return p->name && p->x && p->step;
}

static void free_picture(picture *p)
{
    free(p->name);
    free(p->x);
    free(p->step);
}

static double largest(const picture *p)
{
    double most = 0;
    for (int i = 0; i < p->steps * p->nodes; i++)
        most = p->x[i] > most ? p->x[i] : most;
    return most;
}

/* ---- Terminal -------------------------------------------------------------------------------- */

/* What is shown of a picture: rows of it, names cut at width, steps at columns. */
typedef struct view {
    int rows, width, columns;
} view;

static char mark(double x, double most)
{
    int last = (int)sizeof marks - 2;
    if (!(x > 0) || !(most > 0))
        return marks[0];
    int k = last + (int)floor(log10(x / most) + 0.5);
    return marks[k < 0 ? 0 : k > last ? last : k];
}

static int name_width(const picture *p)
{
    int width = 4;
    for (int k = 0; k < p->nodes; k++)
        width = (int)strlen(p->name[k]) > width ? (int)strlen(p->name[k]) : width;
    return width;
}

/* Both pictures on one screen, that of a terminal, else 24 lines of 80 columns. */
static view fit_screen(const picture *p, int all)
{
    struct winsize w = {.ws_row = 0};
    view v = {p->nodes, name_width(p), p->steps};
    if (all)
        return v;
    int known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_row > 0 && w.ws_col > 0;
    int lines = known ? w.ws_row : SCREEN_LINES, columns = known ? w.ws_col : SCREEN_COLUMNS;
    int rows = (lines - FRAME) / 2;
    v.rows = rows < LEAST_ROWS ? LEAST_ROWS : rows;
    v.rows = v.rows < p->nodes ? v.rows : p->nodes;
    int most = columns / 2 - 8, room = columns - 16;
    v.width = v.width < most ? v.width : most;
    room -= v.width;
    v.columns = v.columns < room ? v.columns : room > 1 ? room : 1;
    return v;
}

/* The k-th of n things spread over 0 .. last. */
static int spread(int k, int n, int last)
{
    return n > 1 ? (int)((int64_t)k * last / (n - 1)) : last;
}

static void draw(const picture *p, const view *v, const char *what)
{
    double most = largest(p);
    printf("%s, steps %lld to %lld; @ is %.3g, each mark a factor of ten\n", what,
           (long long)p->step[0], (long long)p->step[p->steps - 1], most);
    for (int r = 0; r < v->rows; r++) {
        int k = spread(r, v->rows, p->nodes - 1);
        printf("  %-*.*s |", v->width, v->width, p->name[k]);
        for (int c = 0; c < v->columns; c++)
            putchar(mark(p->x[spread(c, v->columns, p->steps - 1) * p->nodes + k], most));
        printf("| %.3g\n", p->x[(p->steps - 1) * p->nodes + k]);
    }
}

/* ---- Where error vectors vanish -------------------------------------------------------------- */

/* A sentence about one step: where the error vector falls below 1e-6 of the last layer's. A loss
 * node's own error vector is the 1/K that enters, so the last layer is the node before it. */
static void add_sentence(const picture *p, int s, dg_text *text)
{
    const double *x = &p->x[s * p->nodes];
    int last = p->nodes - 1;
    while (last > 0 && strncmp(p->name[last], "loss", 4) == 0)
        last--;
    int at = last;
    while (at >= 0 && !(x[at] < vanished * x[last]))
        at--;
    if (at < 0)
        dg_text_printf(text, "step %lld: no error vector is below 1e-6 of the last layer's (%s)\n",
                       (long long)p->step[s], p->name[last]);
    else
        dg_text_printf(text,
                       "step %lld: from %s down the error vector is below 1e-6 of the last layer's "
                       "(%.3g against %.3g of %s): the gradient vanishes there\n",
                       (long long)p->step[s], p->name[at], x[at], x[last], p->name[last]);
}

/* Of the first step and the last. */
static void add_sentences(const picture *p, dg_text *text)
{
    add_sentence(p, 0, text);
    if (p->steps > 1)
        add_sentence(p, p->steps - 1, text);
}

/* ---- SVG ------------------------------------------------------------------------------------- */

static const double cell_width = 6, label_width = 200, top = 40, panel_gap = 60;

/* Rows of 100 layers fit on a screen, those of 5 can be read. */
static double row_height(const picture *p)
{
    double h = 640.0 / p->nodes;
    return h < 3 ? 3 : h > 14 ? 14 : h;
}

/* Of 0 to 1, in fifths of a factor of ten, so that cells beside one another often have one
 * colour. */
static double shade(double x, double most)
{
    double share = x > 0 && most > 0 ? 1 + log10(x / most) / 9 : 0;
    return share > 0 ? floor(share * 45 + 0.5) / 45 : 0;
}

/* Cells of one colour are one rectangle. */
static void put_row(dg_writer *w, const picture *p, int k, double most, double left)
{
    char color[8];
    double y = top + k * row_height(p);
    for (int s = 0, end; s < p->steps; s = end) {
        double here = shade(p->x[s * p->nodes + k], most);
        for (end = s + 1; end < p->steps; end++)
            if (fabs(shade(p->x[end * p->nodes + k], most) - here) > 0.001)
                break;
        dg_writer_print(w, "<path fill=\"%s\" d=\"M%g %.2fh%gv%.2fh-%gz\"/>\n",
                        dg_svg_heat(here, color), left + s * cell_width, y, (end - s) * cell_width,
                        row_height(p), (end - s) * cell_width);
    }
}

static void put_rows(dg_writer *w, const picture *p, double left, const char *what)
{
    double most = largest(p);
    dg_writer_print(w, "<text x=\"%.1f\" y=\"%.1f\">%s, steps %lld to %lld</text>\n", left, top - 8,
                    what, (long long)p->step[0], (long long)p->step[p->steps - 1]);
    dg_writer_print(w, "<g shape-rendering=\"crispEdges\">\n");
    for (int k = 0; k < p->nodes; k++)
        put_row(w, p, k, most, left);
    dg_writer_print(w, "</g>\n");
}

/* Names of rows, as many as have room, and the numbers of the last step. */
static void put_names(dg_writer *w, const picture *p)
{
    double h = row_height(p);
    int every = (int)ceil(11 / h);
    for (int k = 0; k < p->nodes; k += every) {
        dg_writer_print(w, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">", label_width - 6,
                        top + (k + 0.5) * h + 3);
        dg_svg_text(w, p->name[k]);
        dg_writer_print(w, "</text>\n");
    }
}

static void put_scale(dg_writer *w, const char *what, double most, double left, double y)
{
    char color[8];
    for (int k = 0; k <= 9; k++)
        dg_writer_print(w,
                        "<rect x=\"%.1f\" y=\"%.1f\" width=\"16\" height=\"10\" "
                        "fill=\"%s\"/>\n",
                        left + 16 * k, y, dg_svg_heat(k / 9.0, color));
    dg_writer_print(w, "<text x=\"%.1f\" y=\"%.1f\">%s: %.3g to %.3g, logarithmic</text>\n", left,
                    y + 22, what, most * 1e-9, most);
}

static void put_sentences(dg_writer *w, const picture *eps, double y)
{
    dg_text text = dg_text_make(NULL);
    add_sentences(eps, &text);
    for (char *at = text.data; at && *at; y += 14) {
        size_t n = strcspn(at, "\n");
        int more = at[n] == '\n';
        at[n] = 0;
        dg_writer_print(w, "<text x=\"10\" y=\"%.1f\">", y);
        dg_svg_text(w, at);
        dg_writer_print(w, "</text>\n");
        at += n + (size_t)more;
    }
    dg_text_free(&text);
}

static void put_picture(dg_writer *w, const picture *z, const picture *eps)
{
    double second = label_width + z->steps * cell_width + panel_gap;
    double bottom = top + z->nodes * row_height(z) + 14;
    double width = second + eps->steps * cell_width + 20;
    dg_svg_begin(w, "error vectors and states", width < 900 ? 900 : width, bottom + 80);
    put_names(w, z);
    put_rows(w, z, label_width, "rms of states");
    put_rows(w, eps, second, "rms of error vectors");
    put_scale(w, "states", largest(z), label_width, bottom);
    put_scale(w, "error vectors", largest(eps), second, bottom);
    put_sentences(w, eps, bottom + 46);
    dg_svg_end(w);
}

/* ---- Both ------------------------------------------------------------------------------------ */

static void print_pictures(const picture *z, const picture *eps, int all)
{
    dg_text text = dg_text_make(NULL);
    view v = fit_screen(z, all), of_eps = v;
    of_eps.rows = v.rows < eps->nodes ? v.rows : eps->nodes;
    draw(z, &v, "rms of states");
    draw(eps, &of_eps, "rms of error vectors");
    add_sentences(eps, &text);
    fputs(text.data ? text.data : "", stdout);
    printf("marks: \"%s\"", marks);
    if (v.rows < z->nodes)
        printf("; %d of %d nodes, --all shows every one", v.rows, z->nodes);
    printf("\n");
    dg_text_free(&text);
}

/* to NULL: the terminal. */
static dg_status show(const char *run, int all, const char *to, dg_diag *why)
{
    dg_writer *w = NULL;
    json_t *lines = read_lines(run, why);
    picture eps = {0}, z = {0};
    if (why->code == DG_OK &&
        (!make_picture(&eps, lines, "rms_error_vector") || !make_picture(&z, lines, "rms")))
        dg_diag_set(why, DG_EMEMORY, "out of memory");
    if (why->code == DG_OK && !to) {
        print_pictures(&z, &eps, all);
    } else if (why->code == DG_OK && dg_writer_open(&w, to, why) == DG_OK) {
        put_picture(w, &z, &eps);
        dg_writer_end(w, DG_OK);
    }
    free_picture(&eps);
    free_picture(&z);
    json_decref(lines);
    return why->code;
}

dg_status dg_gradients_print(const char *run, int all, dg_diag *why)
{
    return show(run, all, NULL, why);
}

dg_status dg_gradients_svg(const char *run, const char *path, dg_diag *why)
{
    return show(run, 1, path, why);
}
