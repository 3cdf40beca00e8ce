/* A drawing in layers as SVG; see draw.h.
 *
 * A box lies one layer below the lowest of those it reads; what nothing stands above is drawn down
 * to its first reader. An edge over several layers gets a point in each, so that it goes around the
 * boxes. Points of a layer are ordered by the mean place of their neighbours, sweeping down and up,
 * then set as near to that mean as they can without touching (Sugiyama, Tagawa and Toda, 1981).
 * Many layers are set in columns side by side, as the lines of a newspaper. */
#include "base/text.h"
#include "cli/draw.h"
#include "cli/svg.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SWEEPS = 8, MOST_POINTS = 400000, MOST_LAYERS = 24 };
static const double letter = 6.2, line_height = 13, margin = 8, gap = 16, layer_gap = 28,
                    strip_height = 9, frame = 8;

typedef struct point {
    int box, layer; /* box -1: a bend of an edge */
    double x, width, mean;
    int above, below; /* first link of each list, -1: none */
} point;

/* A link from a point to one of the next layer; lists by its two ends. */
typedef struct link {
    int from, to, next_above, next_below, edge;
} link;

typedef struct layout {
    const dg_drawing *d;
    int n_points, n_links, n_layers;
    point *points;
    link *links;
    int *order, *start; /* points of a layer: order[start[k]] .. order[start[k + 1] - 1] */
    double *left; /* the least place of each point of a layer; in the end, where columns begin */
    double width, layer_height;
    int column_layers; /* layers of a column */
    double loop_width; /* room on the right of a column */
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
    longest = longest > 20 || !b->z.n ? longest : 20; /* room for cells */
    return (double)longest * letter + 2 * margin;
}

static void add_link(layout *l, int from, int to, int edge)
{
    int k = l->n_links++;
    l->links[k] = (link){from, to, l->points[to].above, l->points[from].below, edge};
    l->points[to].above = l->points[from].below = k;
}

static void add_edge(layout *l, int edge)
{
    int from = l->d->edge[edge].from, to = l->d->edge[edge].to;
    for (int layer = l->points[from].layer + 1; layer < l->points[to].layer; layer++) {
        int bend = l->n_points++;
        l->points[bend] = (point){.box = -1, .layer = layer, .width = 4, .above = -1, .below = -1};
        add_link(l, from, bend, edge);
        from = bend;
    }
    add_link(l, from, to, edge);
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
        add_edge(l, i);
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

static double box_height(const dg_box *b)
{
    return b->n_lines * line_height + margin + (b->z.n > 0) * strip_height +
           (b->eps.n > 0) * strip_height;
}

static int column_of(const layout *l, const point *p)
{
    return p->layer / l->column_layers;
}

/* Moves the points of a column to its place, `left` being where it begins. Returns its end. */
static double set_column(layout *l, int column, double left)
{
    double least = (double)INFINITY, most = -(double)INFINITY;
    for (int k = 0; k < l->n_points; k++) {
        const point *p = &l->points[k];
        if (column_of(l, p) != column)
            continue;
        least = fmin(least, p->x - p->width / 2);
        most = fmax(most, p->x + p->width / 2);
    }
    for (int k = 0; k < l->n_points; k++)
        if (column_of(l, &l->points[k]) == column)
            l->points[k].x += left + gap - least;
    return left + fmax(most - least, 0) + 2 * gap + l->loop_width;
}

/* Layers beyond MOST_LAYERS go on in another column, all of about the same length. */
static void set_columns(layout *l)
{
    int columns = (l->n_layers + MOST_LAYERS - 1) / MOST_LAYERS;
    columns = columns > 1 ? columns : 1;
    l->column_layers = (l->n_layers + columns - 1) / columns;
    l->column_layers = l->column_layers > 1 ? l->column_layers : 1;
    l->loop_width = l->d->n_scopes > 0 || l->d->n_loops > 0 ? gap : 0;
    for (int k = 0; k < l->d->n_boxes; k++)
        l->layer_height = fmax(l->layer_height, box_height(&l->d->box[k]) + layer_gap);
    double left = 0;
    for (int k = 0; k < columns; k++) { /* the places of layers are not needed any more */
        l->left[k] = left;
        left = set_column(l, k, left);
    }
    l->width = left;
}

static void place(layout *l)
{
    for (int k = 0; k < l->n_points; k++)
        l->points[k].x = k;
    for (int i = 0; i < SWEEPS; i++)
        sweep(l, i % 2 == 0);
    set_columns(l);
}

/* ---- SVG ------------------------------------------------------------------------------------- */

static double middle(const layout *l, int layer)
{
    return gap + (layer % l->column_layers + 0.5) * l->layer_height;
}

static double height_of(const layout *l)
{
    int layers = l->n_layers < l->column_layers ? l->n_layers : l->column_layers;
    return layers * l->layer_height + 2 * gap + (l->d->sampled ? 2 * line_height : 0);
}

/* A bend is as high as its layer, so that an edge goes down beside the boxes. */
static double half_height(const layout *l, const point *p)
{
    return (p->box >= 0 ? box_height(&l->d->box[p->box]) : l->layer_height - layer_gap) / 2;
}

static double top_of(const layout *l, const point *p)
{
    return middle(l, p->layer) - half_height(l, p);
}

static double bottom_of(const layout *l, const point *p)
{
    return middle(l, p->layer) + half_height(l, p);
}

/* The largest root mean square of what comes back along an edge. */
static double most_back(const dg_drawing *d)
{
    double most = 0;
    for (int i = 0; i < d->n_edges; i++)
        most = fmax(most, d->edge[i].back.rms);
    return most;
}

/* An edge of a sample has a colour (one number: red above 0, blue below; several: the darker the
 * more comes back) and a width by the logarithm of its size. */
static void put_stroke(dg_writer *w, const dg_edge *e, double most)
{
    char color[8];
    double size = e->back.rms > 0 && most > 0 ? fmax(1 + log10(e->back.rms / most) / 4, 0) : 0;
    if (!e->back.n)
        return;
    if (!(e->back.rms > 0))
        dg_format(color, sizeof color, "#aaaaaa");
    else if (e->back.n == 1)
        dg_svg_sign(e->back.cell[0] > 0 ? 1 : e->back.cell[0] < 0 ? -1 : 0, color);
    else
        dg_svg_heat(0.75 - 0.6 * size, color);
    dg_writer_print(w, " stroke=\"%s\" stroke-width=\"%.1f\"", color, 0.8 + 2.2 * size);
}

static void put_link(dg_writer *w, const layout *l, const link *k, double most)
{
    const point *a = &l->points[k->from], *b = &l->points[k->to];
    double y0 = bottom_of(l, a), y1 = top_of(l, b), bend = (y1 - y0) / 2;
    if (column_of(l, a) == column_of(l, b)) {
        dg_writer_print(w, "<path d=\"M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f", a->x, y0, a->x,
                        y0 + bend, b->x, y1 - bend, b->x, y1);
    } else { /* to the top of the next column */
        double low = gap + l->column_layers * l->layer_height, high = gap;
        double between = l->left[column_of(l, b)];
        dg_writer_print(w, "<path d=\"M%.1f %.1fV%.1fH%.1fV%.1fH%.1fV%.1f", a->x, y0, low, between,
                        high, b->x, y1);
    }
    if (b->box < 0)
        dg_writer_print(w, "V%.1f", bottom_of(l, b));
    dg_writer_print(w, "\"");
    put_stroke(w, &l->d->edge[k->edge], most);
    dg_writer_print(w, "%s/>\n", b->box >= 0 ? " marker-end=\"url(#a)\"" : "");
}

/* What comes back along an edge, at its lower end. */
static void put_label(dg_writer *w, const layout *l, const link *k)
{
    const point *b = &l->points[k->to], *a = &l->points[k->from];
    const dg_edge *e = &l->d->edge[k->edge];
    if (b->box < 0 || !e->label[0])
        return;
    dg_writer_print(w,
                    "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"start\" fill=\"#8a1c3c\" "
                    "stroke=\"white\" stroke-width=\"2\" paint-order=\"stroke\">",
                    b->x + (a->x - b->x) * 0.35 + 4, top_of(l, b) - layer_gap * 0.4);
    dg_svg_text(w, e->label);
    dg_writer_print(w, "</text>\n");
}

/* Cells of colour, blue below 0, red above, the largest of the strip being full. */
static void put_strip(dg_writer *w, const dg_strip *s, double left, double width, double y)
{
    double most = 0;
    char color[8];
    for (int i = 0; i < s->n; i++)
        most = fmax(most, fabs((double)s->cell[i]));
    double each = fmin((width - margin) / (s->n > 0 ? s->n : 1), 3 * strip_height);
    for (int i = 0; i < s->n; i++)
        dg_writer_print(w,
                        "<rect x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%.1f\" "
                        "fill=\"%s\" stroke=\"#ccc\" stroke-width=\"0.3\"/>\n",
                        left + (width - each * s->n) / 2 + i * each, y, each, strip_height - 2,
                        dg_svg_sign(most > 0 ? (double)s->cell[i] / most : 0, color));
}

static void put_box(dg_writer *w, const layout *l, const point *p)
{
    static const char *const fill[] = {"#dbe9f6", "#fbe3d0", "#eeeeee",
                                       "#ffffff", "#ffffff", "#f6d5d5"};
    const dg_box *b = &l->d->box[p->box];
    double height = box_height(b), y = top_of(l, p), x = p->x - p->width / 2;
    dg_writer_print(w,
                    "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"%d\" "
                    "fill=\"%s\" stroke=\"#333\" stroke-width=\"%d\"/>\n",
                    x, y, p->width, height, b->kind < BOX_NODE ? 10 : 2, fill[b->kind],
                    b->is_output ? 3 : 1);
    for (int i = 0; i < b->n_lines; i++) {
        dg_writer_print(w, "<text x=\"%.1f\" y=\"%.1f\">", p->x,
                        y + margin / 2 + (i + 0.8) * line_height);
        dg_svg_text(w, b->line[i]);
        dg_writer_print(w, "</text>\n");
    }
    y += margin / 2 + b->n_lines * line_height;
    put_strip(w, &b->z, x, p->width, y);
    put_strip(w, &b->eps, x, p->width, y + (b->z.n > 0) * strip_height);
}

typedef struct area {
    double left, right, top, bottom;
} area;

/* Around the boxes of a scope in one column; left > right: there are none. */
static area scope_area(const layout *l, int scope, int column)
{
    area a = {(double)INFINITY, -(double)INFINITY, (double)INFINITY, -(double)INFINITY};
    for (int k = 0; k < l->d->n_boxes; k++) {
        const point *p = &l->points[k];
        if (l->d->box[k].scope != scope || column_of(l, p) != column)
            continue;
        a.left = fmin(a.left, p->x - p->width / 2 - frame);
        a.right = fmax(a.right, p->x + p->width / 2 + frame);
        a.top = fmin(a.top, top_of(l, p) - frame);
        a.bottom = fmax(a.bottom, bottom_of(l, p) + frame);
    }
    return a;
}

/* The frame of a folded repeat, and how many rounds it stands for. */
static void put_scope(dg_writer *w, const layout *l, int scope, int column)
{
    area a = scope_area(l, scope, column);
    if (a.left > a.right)
        return;
    dg_writer_print(w,
                    "<path d=\"M%.1f %.1fH%.1fV%.1fH%.1fz\" fill=\"#f5f7ee\" stroke=\"#6a7f3c\" "
                    "stroke-dasharray=\"4 3\"/>\n"
                    "<text x=\"%.1f\" y=\"%.1f\" fill=\"#6a7f3c\" font-weight=\"bold\">%d "
                    "times</text>\n",
                    a.left, a.top, a.right, a.bottom, a.left, a.left + 2, a.top - 3,
                    l->d->times[scope]);
}

/* From the end of one round to the beginning of the next, on the right of the frame. */
static void put_loop(dg_writer *w, const layout *l, const dg_edge *e)
{
    const point *from = &l->points[e->from], *to = &l->points[e->to];
    int scope = l->d->box[e->from].scope;
    double right = scope < 0 ? fmax(from->x + from->width / 2, to->x + to->width / 2) + frame
                             : scope_area(l, scope, column_of(l, from)).right;
    double y0 = middle(l, from->layer), y1 = middle(l, to->layer);
    if (column_of(l, from) != column_of(l, to))
        return; /* the frames say that there are rounds */
    dg_writer_print(w,
                    "<path d=\"M%.1f %.1fH%.1fV%.1fH%.1f\" stroke-dasharray=\"4 3\" "
                    "stroke=\"#6a7f3c\" marker-end=\"url(#a)\"/>\n",
                    from->x + from->width / 2, y0, right + frame, y1, to->x + to->width / 2);
}

static void put_edges(dg_writer *w, const layout *l)
{
    double most = most_back(l->d);
    dg_writer_print(w, "<g fill=\"none\" stroke=\"#555\" stroke-linejoin=\"round\">\n");
    for (int k = 0; k < l->n_links; k++)
        put_link(w, l, &l->links[k], most);
    for (int k = 0; k < l->d->n_loops; k++)
        put_loop(w, l, &l->d->loop[k]);
    dg_writer_print(w, "</g>\n<g text-anchor=\"middle\">\n");
    for (int k = 0; k < l->n_links; k++)
        put_label(w, l, &l->links[k]);
}

static void put_legend(dg_writer *w, const layout *l)
{
    if (l->d->sampled)
        dg_writer_print(w,
                        "<text x=\"%.1f\" y=\"%.1f\">cells: z, below it eps; red above 0, blue "
                        "below. At edges: A^t eps, what comes back.</text>\n",
                        gap, height_of(l) - line_height);
}

static void put_svg(dg_writer *w, const layout *l, const char *name)
{
    dg_svg_begin(w, name, fmax(l->width, l->d->sampled ? 470 : 0), height_of(l));
    dg_writer_print(w,
                    "<defs><marker id=\"a\" viewBox=\"0 0 6 6\" refX=\"6\" refY=\"3\" "
                    "markerWidth=\"6\" markerHeight=\"6\" markerUnits=\"userSpaceOnUse\" "
                    "orient=\"auto\"><path d=\"M0 0L6 3L0 6z\" fill=\"#555\"/></marker></defs>\n");
    for (int k = 0; k < l->d->n_scopes; k++)
        for (int c = 0; c * l->column_layers < l->n_layers; c++)
            put_scope(w, l, k, c);
    put_edges(w, l);
    for (int k = 0; k < l->n_points; k++)
        if (l->points[k].box >= 0)
            put_box(w, l, &l->points[k]);
    dg_writer_print(w, "</g>\n");
    put_legend(w, l);
    dg_svg_end(w);
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
    dg_status s = dg_drawing_make(&d, m, 0, &why);
    if (s == DG_OK)
        s = dg_writer_to_text(&w, svg, &why);
    if (s == DG_OK)
        s = draw(&d, m->name, w, &why);
    if (s != DG_OK)
        svg->data[svg->length = before] = 0;
    dg_drawing_free(&d);
}
