/* Targets against estimates; see versus.h. */
#include "report/versus.h"
#include "base/text.h"
#include "graph/graph.h"
#include "io/array.h"
#include "train/draw.h"
#include "train/metrics.h"
#include <math.h>
#include <stdlib.h>

enum { MOST_CLASSES = 1024, MOST_COLUMNS = 12, POINTS = 1200 };

static const char *name_of(const dg_graph *g, dg_value v)
{
    dg_value_info info;
    const char *name;
    for (int k = 0; k < dg_graph_outputs(g); k++)
        if (dg_graph_output(g, k, &name).id == v.id)
            return name;
    dg_value_look(g, v, &info);
    return info.name ? info.name : "";
}

static const dg_shape *shape_of(const dg_graph *g, dg_value v)
{
    return &g->values[v.id - 1].shape;
}

static int has_batch(const dg_graph *g, dg_value v)
{
    const dg_shape *s = shape_of(g, v);
    return s->rank > 0 && s->dim[0] == DG_N;
}

/* ---- Which there are, and of which kind ------------------------------------------------------ */

/* The metric of a pair that says of which kind it is; NULL: none. */
static const dg_metric *judge_of(const dg_dag *m, const dg_versus *v)
{
    double threshold;
    for (int k = 0; k < m->n_metrics; k++) {
        const dg_metric *metric = &m->metrics[k];
        if (metric->target.id == v->target.id && metric->estimate.id == v->estimate.id &&
            (dg_metric_of_classes(metric) || dg_metric_of_sides(metric, &threshold)))
            return metric;
    }
    return NULL;
}

/* Labels of classes, distributions, probabilities, or numbers: by the types, by a metric, else by
 * what the loss takes. */
static void find_kind(dg_versus *v, const dg_experiment *e, const dg_node *loss)
{
    const dg_graph *g = e->model->graph;
    const dg_metric *judge = judge_of(e->model, v);
    const dg_shape *s = shape_of(g, v->estimate);
    int labels = g->values[v->target.id - 1].type == DG_I32;
    dg_draw_kind target = {0}, estimate = {0};
    if (loss) {
        target = dg_draw_kind_of(loss->type, 0);
        estimate = dg_draw_kind_of(loss->type, 1);
    }
    v->columns = s->rank > 1 ? s->dim[s->rank - 1] : 1;
    v->classes = v->columns;
    v->threshold = estimate.uniform ? 0.5 : 0;
    v->kind = DG_OF_NUMBERS;
    if (judge && dg_metric_of_sides(judge, &v->threshold))
        v->kind = DG_OF_SIDES;
    else if ((judge || labels || target.simplex) && v->classes > 1)
        v->kind = DG_OF_CLASSES;
    else if (target.uniform || labels)
        v->kind = DG_OF_SIDES;
    if (v->columns > MOST_COLUMNS)
        v->columns = 1;
    int k = judge ? dg_metric_ignore(judge) : -1;
    v->ignores = (loss && loss->type->ignores && loss->type->ignores(loss->attrs, &v->ignored));
    if (k >= 0 && judge->clause.attrs.v[k].count > 0) {
        v->ignores = 1;
        v->ignored = dg_attr_int(&judge->clause.attrs, k);
    }
}

static dg_status make_room(dg_versus *v, int64_t rows, dg_diag *why)
{
    int64_t n = v->kind == DG_OF_CLASSES ? v->classes * v->classes : 4 * v->columns;
    int numbers = v->kind == DG_OF_NUMBERS;
    if (v->kind == DG_OF_CLASSES && v->classes > MOST_CLASSES)
        return DG_OK;
    if (numbers)
        v->residuals = calloc((size_t)v->columns, sizeof *v->residuals);
    else
        v->count = calloc((size_t)n, sizeof *v->count);
    int ok = numbers ? v->residuals != NULL : v->count != NULL;
    for (int64_t c = 0; numbers && ok && c < v->columns; c++)
        ok = (v->residuals[c].point = calloc(POINTS, sizeof *v->residuals[c].point)) != NULL;
    v->every = rows / POINTS + 1;
    return ok ? DG_OK : dg_diag_set(why, DG_EMEMORY, "out of memory");
}

typedef struct finder {
    const dg_experiment *e;
    dg_versus *list;
    int *n;
    int64_t rows;
    dg_diag *why;
} finder;

static void add_pair(finder *f, dg_value target, dg_value estimate, const dg_node *loss)
{
    const dg_graph *g = f->e->model->graph;
    for (int i = 0; i < *f->n; i++)
        if (f->list[i].target.id == target.id && f->list[i].estimate.id == estimate.id)
            return;
    if (!has_batch(g, target) || !has_batch(g, estimate) || f->why->code != DG_OK)
        return;
    dg_versus *v = &f->list[(*f->n)++];
    *v = (dg_versus){.target = target,
                     .estimate = estimate,
                     .target_name = name_of(g, target),
                     .estimate_name = name_of(g, estimate),
                     .legend = dg_legend_of(f->e, target)};
    find_kind(v, f->e, loss);
    make_room(v, f->rows, f->why);
}

dg_status dg_versus_find(dg_versus **list, int *n, const dg_experiment *e, int64_t rows,
                         dg_diag *why)
{
    const dg_graph *g = e->model->graph;
    finder f = {e, calloc((size_t)(g->n_losses + e->model->n_metrics + 1), sizeof *f.list), n, rows,
                why};
    *n = 0;
    *list = f.list;
    if (!f.list)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    for (int k = 0; k < g->n_losses; k++) {
        int32_t node = g->values[g->losses[k].value - 1].node;
        const dg_node *loss = node >= 0 ? &g->nodes[node] : NULL;
        if (loss && (loss->type->flags & DG_LOSS))
            add_pair(&f, (dg_value){loss->in[0]}, (dg_value){loss->in[1]}, loss);
    }
    for (int k = 0; k < e->model->n_metrics; k++)
        add_pair(&f, e->model->metrics[k].target, e->model->metrics[k].estimate, NULL);
    return why->code;
}

void dg_versus_free(dg_versus *list, int n)
{
    for (int i = 0; i < n; i++) {
        for (int64_t c = 0; list[i].residuals && c < list[i].columns; c++)
            free(list[i].residuals[c].point);
        free(list[i].residuals);
        free(list[i].count);
    }
    free(list);
}

/* ---- Counting -------------------------------------------------------------------------------- */

static void count_classes(dg_versus *v, const dg_tensor *target, const dg_tensor *estimate)
{
    int64_t n = v->classes, all = dg_shape_count(&estimate->shape) / n;
    int labels = target->type == DG_I32;
    for (int64_t i = 0; v->count && i < all; i++) {
        int64_t a =
            labels ? (int64_t)dg_tensor_number(target, i) : dg_tensor_largest(target, i * n, n);
        if ((v->ignores && labels && a == v->ignored) || a < 0 || a >= n)
            continue;
        if (dg_tensor_any_nan(estimate, i * n, n))
            v->unreadable++;
        else
            v->count[a * n + dg_tensor_largest(estimate, i * n, n)]++;
    }
}

static void count_sides(dg_versus *v, const dg_tensor *target, const dg_tensor *estimate)
{
    for (int64_t i = 0, all = dg_shape_count(&estimate->shape); i < all; i++) {
        double a = dg_tensor_number(target, i), b = dg_tensor_number(estimate, i);
        if (v->ignores && target->type == DG_I32 && (int64_t)a == v->ignored)
            continue;
        if (isnan(b))
            v->unreadable++;
        else
            v->count[4 * (i % v->columns) + 2 * (a >= 0.5) + (b > v->threshold)]++;
    }
}

static void add_residual(dg_residuals *r, double a, double b, int is_point)
{
    double d = b - a;
    r->n += 1;
    r->sum += d;
    r->squares += d * d;
    r->absolute += fabs(d);
    r->largest = fabs(d) > r->largest ? fabs(d) : r->largest;
    if (!is_point || r->points == POINTS)
        return;
    r->point[r->points][0] = a;
    r->point[r->points++][1] = b;
}

/* Of the rows that give points, a row of many elements gives a few of them. */
static void add_numbers(dg_versus *v, const dg_tensor *target, const dg_tensor *estimate)
{
    enum { OF_A_ROW = 4 };
    int64_t row = dg_shape_row(&estimate->shape), rows = estimate->shape.dim[0];
    int64_t of_column = row / v->columns, skip = of_column / OF_A_ROW + 1;
    for (int64_t r = 0; r < rows; r++, v->seen++)
        for (int64_t i = 0; i < row; i++) {
            double a = dg_tensor_number(target, r * row + i);
            double b = dg_tensor_number(estimate, r * row + i);
            int64_t place = i / v->columns + v->seen;
            int is_point = v->seen % v->every == 0 && place % skip == 0;
            if (isnan(b))
                v->unreadable++;
            else
                add_residual(&v->residuals[i % v->columns], a, b, is_point);
        }
}

dg_status dg_versus_add(dg_versus *v, dg_experiment *e, dg_program *p, dg_diag *why)
{
    dg_tensor target = {.data = NULL}, estimate = {.data = NULL};
    dg_status s = dg_metric_sums_value(e, p, v->target, v->target, &target, why);
    if (s == DG_OK)
        s = dg_metric_sums_value(e, p, v->estimate, v->target, &estimate, why);
    if (s == DG_OK && v->kind == DG_OF_CLASSES)
        count_classes(v, &target, &estimate);
    else if (s == DG_OK && v->kind == DG_OF_SIDES)
        count_sides(v, &target, &estimate);
    else if (s == DG_OK)
        add_numbers(v, &target, &estimate);
    free(target.data);
    free(estimate.data);
    return s;
}

/* ---- Looking --------------------------------------------------------------------------------- */

const char *dg_versus_name(const dg_versus *v, int64_t k, char room[32])
{
    const char *name = NULL;
    if (v->legend && v->kind == DG_OF_CLASSES)
        name = dg_legend_class(v->legend, (double)k);
    else if (v->legend && !v->legend->classes && v->legend->n == v->columns)
        name = v->legend->name[k];
    if (name && name[0] == ' ' && !name[1])
        return "space";
    if (name && name[0] == '\n' && !name[1])
        return "line end";
    if (!name)
        dg_format(room, 32, "%lld", (long long)k);
    return name ? name : room;
}

dg_share dg_share_of(const int64_t *count, int64_t n, int64_t class)
{
    dg_share s = {.hits = count[class * n + class]};
    for (int64_t k = 0; k < n; k++) {
        s.targets += count[class * n + k];
        s.estimates += count[k * n + class];
    }
    s.precision = s.estimates ? (double)s.hits / (double)s.estimates : 0;
    s.recall = s.targets ? (double)s.hits / (double)s.targets : 0;
    s.f1 = s.hits ? 2 * (double)s.hits / (double)(s.targets + s.estimates) : 0;
    return s;
}
