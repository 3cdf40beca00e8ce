/* A drawing in layers as SVG; see draw.h.
 *
 * A box lies one layer below the lowest of those it reads; what nothing stands above is drawn down
 * to its first reader. An edge over several layers gets a point in each, so that it goes around the
 * boxes. Points of a layer are ordered by the mean place of their neighbours, sweeping down and up,
 * then set as near to that mean as they can without touching (Sugiyama, Tagawa and Toda, 1981). */
#include "base/text.h"
#include "cli/draw.h"
#include <stdlib.h>
#include <string.h>

enum { SWEEPS = 8, MOST_POINTS = 400000 };
static const double letter = 6.2, line_height = 13, margin = 8, gap = 16, layer_gap = 28;

typedef struct point {
    int box, layer; /* box -1: a bend of an edge */
    double x, width, mean;
    int above, below; /* first link of each list, -1: none */
} point;

/* A link from a point to one of the next layer; lists by its two ends. */
typedef struct link {
    int from, to, next_above, next_below;
} link;

typedef struct layout {
    const dg_drawing *d;
    int n_points, n_links, n_layers;
    point *points;
    link *links;
    int *order, *start; /* points of a layer: order[start[k]] .. order[start[k + 1] - 1] */
    double *left;
    double width, layer_height;
} layout;

static int lower(int a, int b)
{
    return a > b ? a : b;
}

static void find_layers(layout *l)
{
    const dg_drawing *d = l->d;
    for (int i = 0; i < d->n_edges; i++) /* edges come in the order of their ends */
        l->points[d->edge[i].to].layer =
            lower(l->points[d->edge[i].to].layer, l->points[d->edge[i].from].layer + 1);
    for (int k = 0; k < d->n_boxes; k++)
        l->points[k].mean = -1; /* the first reader's layer */
    for (int i = 0; i < d->n_edges; i++) {
        point *from = &l->points[d->edge[i].from];
        int to = l->points[d->edge[i].to].layer;
        if (from->mean < 0 || to < from->mean)
            from->mean = to;
    }
    for (int k = 0; k < d->n_boxes; k++) {
        point *p = &l->points[k];
        if (d->box[k].kind < BOX_NODE && p->mean > 0)
            p->layer = (int)p->mean - 1;
        l->n_layers = lower(l->n_layers, p->layer + 1);
    }
}

static double box_width(const dg_box *b)
{
    size_t longest = 4;
    for (int i = 0; i < b->n_lines; i++)
        longest = strlen(b->line[i]) > longest ? strlen(b->line[i]) : longest;
    return (double)longest * letter + 2 * margin;
}

static void add_link(layout *l, int from, int to)
{
    int k = l->n_links++;
    l->links[k] = (link){from, to, l->points[to].above, l->points[from].below};
    l->points[to].above = l->points[from].below = k;
}

static void add_edge(layout *l, int from, int to)
{
    for (int layer = l->points[from].layer + 1; layer < l->points[to].layer; layer++) {
        int bend = l->n_points++;
        l->points[bend] = (point){.box = -1, .layer = layer, .width = 4, .above = -1, .below = -1};
        add_link(l, from, bend);
        from = bend;
    }
    add_link(l, from, to);
}

/* Points and links that there will be. */
static size_t count_bends(const layout *l)
{
    size_t n = 0;
    for (int i = 0; i < l->d->n_edges; i++)
        n += (size_t)(l->points[l->d->edge[i].to].layer - l->points[l->d->edge[i].from].layer);
    return n;
}

static dg_status no_memory(dg_diag *why)
{
    return dg_diag_set(why, DG_EMEMORY, "out of memory");
}

static dg_status make_points(layout *l, dg_diag *why)
{
    const dg_drawing *d = l->d;
    l->points = calloc((size_t)d->n_boxes + 1, sizeof *l->points);
    if (!l->points)
        return no_memory(why);
    l->n_points = d->n_boxes;
    find_layers(l);
    size_t bends = count_bends(l), points = (size_t)d->n_boxes + bends + 1;
    if (points > MOST_POINTS)
        return dg_diag_set(why, DG_EUSAGE, "the graph is too large to be drawn; --dot writes it");
    point *more = realloc(l->points, points * sizeof *more);
    l->points = more ? more : l->points;
    l->links = calloc(bends + 1, sizeof *l->links);
    l->order = calloc(points, sizeof *l->order);
    l->left = calloc(points, sizeof *l->left);
    l->start = calloc((size_t)l->n_layers + 2, sizeof *l->start);
    if (!more || !l->links || !l->order || !l->left || !l->start)
        return no_memory(why);
    for (int k = 0; k < d->n_boxes; k++) {
        point *p = &l->points[k];
        *p = (point){
            .box = k, .layer = p->layer, .width = box_width(&d->box[k]), .above = -1, .below = -1};
    }
    for (int i = 0; i < d->n_edges; i++)
        add_edge(l, d->edge[i].from, d->edge[i].to);
    return DG_OK;
}

/* Points by layer, in the order they were made. */
static void fill_layers(layout *l)
{
    for (int k = 0; k < l->n_points; k++)
        l->start[l->points[k].layer + 1]++;
    for (int k = 0; k < l->n_layers; k++)
        l->start[k + 1] += l->start[k];
    int *next = l->start;
    for (int k = 0; k < l->n_points; k++)
        l->order[next[l->points[k].layer]++] = k;
    for (int k = l->n_layers; k > 0; k--) /* each start moved to the next one's */
        l->start[k] = l->start[k - 1];
    l->start[0] = 0;
}

/* The mean place of the neighbours above (or below); its own without any. */
static double mean_of(const layout *l, const point *p, int above)
{
    double sum = 0;
    int n = 0;
    for (int k = above ? p->above : p->below; k >= 0;
         k = above ? l->links[k].next_above : l->links[k].next_below) {
        sum += l->points[above ? l->links[k].from : l->links[k].to].x;
        n++;
    }
    return n ? sum / n : p->x;
}

/* By insertion: stable, and layers change little from sweep to sweep. */
static void sort_layer(layout *l, int *order, int n)
{
    for (int i = 1; i < n; i++) {
        int k = order[i], j = i;
        for (; j > 0 && l->points[order[j - 1]].mean > l->points[k].mean; j--)
            order[j] = order[j - 1];
        order[j] = k;
    }
}

static double distance(const point *a, const point *b)
{
    return (a->width + b->width) / 2 + gap;
}

/* The mean of the leftmost and the rightmost places that keep the distances. */
static void place_layer(layout *l, const int *order, int n)
{
    for (int i = 0; i < n; i++) {
        const point *p = &l->points[order[i]];
        double least = i ? l->left[i - 1] + distance(&l->points[order[i - 1]], p) : p->mean;
        l->left[i] = p->mean > least ? p->mean : least;
    }
    for (int i = n - 1; i >= 0; i--) {
        point *p = &l->points[order[i]];
        double right = p->mean;
        if (i < n - 1) {
            const point *next = &l->points[order[i + 1]];
            double most = next->mean - distance(p, next);
            right = right < most ? right : most;
        }
        p->mean = right; /* the right place, until the next loop */
    }
    for (int i = 0; i < n; i++)
        l->points[order[i]].x = (l->left[i] + l->points[order[i]].mean) / 2;
}

static void sweep(layout *l, int down)
{
    for (int i = 0; i < l->n_layers; i++) {
        int layer = down ? i : l->n_layers - 1 - i;
        int *order = l->order + l->start[layer], n = l->start[layer + 1] - l->start[layer];
        for (int k = 0; k < n; k++)
            l->points[order[k]].mean = mean_of(l, &l->points[order[k]], down);
        sort_layer(l, order, n);
        place_layer(l, order, n);
    }
}

static void place(layout *l)
{
    double least = 0, most = 0;
    for (int k = 0; k < l->n_points; k++)
        l->points[k].x = k;
    for (int i = 0; i < SWEEPS; i++)
        sweep(l, i % 2 == 0);
    for (int k = 0; k < l->n_points; k++) {
        const point *p = &l->points[k];
        least = k == 0 || p->x - p->width / 2 < least ? p->x - p->width / 2 : least;
        most = k == 0 || p->x + p->width / 2 > most ? p->x + p->width / 2 : most;
    }
    for (int k = 0; k < l->n_points; k++)
        l->points[k].x += gap - least;
    l->width = most - least + 2 * gap;
    l->layer_height = DG_DRAW_LINES * line_height + margin + layer_gap;
}

/* ---- SVG ------------------------------------------------------------------------------------- */

static double box_height(const dg_box *b)
{
    return b->n_lines * line_height + margin;
}

static double middle(const layout *l, int layer)
{
    return gap + (layer + 0.5) * l->layer_height;
}

static void put_text(dg_writer *w, const char *s)
{
    for (; *s; s++) {
        const char *name = *s == '<' ? "&lt;" : *s == '>' ? "&gt;" : *s == '&' ? "&amp;" : NULL;
        dg_writer_put(w, name ? name : s, name ? strlen(name) : 1);
    }
}

static void put_link(dg_writer *w, const layout *l, const link *k)
{
    const point *a = &l->points[k->from], *b = &l->points[k->to];
    double y0 = middle(l, a->layer), y1 = middle(l, b->layer);
    y0 += a->box >= 0 ? box_height(&l->d->box[a->box]) / 2 : 0;
    y1 -= b->box >= 0 ? box_height(&l->d->box[b->box]) / 2 : 0;
    double bend = (y1 - y0) / 2;
    dg_writer_print(w, "<path d=\"M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f\"%s/>\n", a->x, y0, a->x,
                    y0 + bend, b->x, y1 - bend, b->x, y1,
                    b->box >= 0 ? " marker-end=\"url(#a)\"" : "");
}

static void put_box(dg_writer *w, const layout *l, const point *p)
{
    static const char *const fill[] = {"#dbe9f6", "#fbe3d0", "#eeeeee",
                                       "#ffffff", "#ffffff", "#f6d5d5"};
    const dg_box *b = &l->d->box[p->box];
    double height = box_height(b), y = middle(l, p->layer) - height / 2;
    dg_writer_print(w,
                    "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"%d\" "
                    "fill=\"%s\" stroke=\"#333\" stroke-width=\"%d\"/>\n",
                    p->x - p->width / 2, y, p->width, height, b->kind < BOX_NODE ? 10 : 2,
                    fill[b->kind], b->is_output ? 3 : 1);
    for (int i = 0; i < b->n_lines; i++) {
        dg_writer_print(w, "<text x=\"%.1f\" y=\"%.1f\">", p->x,
                        y + margin / 2 + (i + 0.8) * line_height);
        put_text(w, b->line[i]);
        dg_writer_print(w, "</text>\n");
    }
}

static void put_svg(dg_writer *w, const layout *l, const char *name)
{
    double height = l->n_layers * l->layer_height + 2 * gap;
    dg_writer_print(
        w,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
        "viewBox=\"0 0 %.0f %.0f\" font-family=\"sans-serif\" font-size=\"10\">\n<title>",
        l->width, height, l->width, height);
    put_text(w, name);
    dg_writer_print(w, "</title>\n<defs><marker id=\"a\" viewBox=\"0 0 6 6\" refX=\"6\" refY=\"3\" "
                       "markerWidth=\"6\" markerHeight=\"6\" orient=\"auto\"><path d=\"M0 0L6 3L0 "
                       "6z\" fill=\"#555\"/></marker></defs>\n"
                       "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n"
                       "<g fill=\"none\" stroke=\"#555\">\n");
    for (int k = 0; k < l->n_links; k++)
        put_link(w, l, &l->links[k]);
    dg_writer_print(w, "</g>\n<g text-anchor=\"middle\">\n");
    for (int k = 0; k < l->n_points; k++)
        if (l->points[k].box >= 0)
            put_box(w, l, &l->points[k]);
    dg_writer_print(w, "</g>\n</svg>\n");
}

/* Ends w. */
static dg_status draw(const dg_drawing *d, const char *name, dg_writer *w, dg_diag *why)
{
    layout l = {.d = d};
    dg_status s = make_points(&l, why);
    if (s == DG_OK) {
        fill_layers(&l);
        place(&l);
        put_svg(w, &l, name);
    }
    free(l.points);
    free(l.links);
    free(l.order);
    free(l.left);
    free(l.start);
    return dg_writer_end(w, s);
}

dg_status dg_draw_svg(const dg_drawing *d, const char *name, const char *path, dg_diag *why)
{
    dg_writer *w = NULL;
    dg_status s = dg_writer_open(&w, path, why);
    return s == DG_OK ? draw(d, name, w, why) : s;
}

void dg_draw_into(dg_text *svg, const dg_dag *m)
{
    dg_writer *w = NULL;
    dg_drawing d;
    dg_diag why = {.code = DG_OK};
    size_t before = svg->length;
    dg_status s = dg_drawing_make(&d, m, &why);
    if (s == DG_OK)
        s = dg_writer_to_text(&w, svg, &why);
    if (s == DG_OK)
        s = draw(&d, m->name, w, &why);
    if (s != DG_OK)
        svg->data[svg->length = before] = 0;
    dg_drawing_free(&d);
}
