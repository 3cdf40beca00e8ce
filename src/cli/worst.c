/* The samples with the largest loss; see worst.h. */
#include "cli/worst.h"
#include "cli/columns.h"
#include "graph/graph.h"
#include "io/array.h"
#include <math.h>
#include <stdlib.h>

enum { SHORT = 4 }; /* numbers of a value that are shown */

/* The largest loss first, what is not a number before all; then by row. */
static int compare(const void *x, const void *y)
{
    const dg_worst_row *a = x, *b = y;
    if (isnan(a->loss) != isnan(b->loss))
        return isnan(a->loss) ? -1 : 1;
    if (a->loss > b->loss || a->loss < b->loss)
        return a->loss > b->loss ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

static dg_status sort_rows(dg_worst *w, dg_part_rows part, const double *loss_of, int64_t most,
                           dg_diag *why)
{
    w->row = calloc((size_t)part.rows + 1, sizeof *w->row);
    if (!w->row)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    for (int64_t i = 0; i < part.rows; i++)
        w->row[i] = (dg_worst_row){part.first + i, dg_dataset_source_row(part.data, part.first + i),
                                   dg_dataset_row_name(part.data, part.first + i), loss_of[i]};
    qsort(w->row, (size_t)part.rows, sizeof *w->row, compare);
    w->n = most < part.rows ? most : part.rows;
    return DG_OK;
}

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

static int has_pair(const dg_worst *w, dg_value target, dg_value estimate)
{
    for (int i = 0; i < w->n_pairs; i++)
        if (w->pair[i].target.id == target.id && w->pair[i].estimate.id == estimate.id)
            return 1;
    return 0;
}

static int has_batch(const dg_graph *g, dg_value v)
{
    const dg_shape *s = &g->values[v.id - 1].shape;
    return s->rank > 0 && s->dim[0] == DG_N;
}

/* What the losses compare: inputs 0 and 1 of their nodes. */
static dg_status find_pairs(dg_worst *w, const dg_experiment *e, dg_diag *why)
{
    const dg_graph *g = e->model->graph;
    w->pair = calloc((size_t)g->n_losses + 1, sizeof *w->pair);
    if (!w->pair)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    for (int k = 0; k < g->n_losses; k++) {
        int32_t node = g->values[g->losses[k].value - 1].node;
        if (node < 0 || !(g->nodes[node].type->flags & DG_LOSS))
            continue;
        dg_value target = {g->nodes[node].in[0]}, estimate = {g->nodes[node].in[1]};
        if (has_pair(w, target, estimate) || !has_batch(g, target) || !has_batch(g, estimate))
            continue;
        w->pair[w->n_pairs++] = (dg_worst_pair){.target = target,
                                                .estimate = estimate,
                                                .target_name = name_of(g, target),
                                                .estimate_name = name_of(g, estimate),
                                                .legend = dg_legend_of(e, target)};
    }
    return DG_OK;
}

static dg_status read_pairs(dg_worst *w, dg_experiment *e, dg_program *p, dg_diag *why)
{
    dg_status s = DG_OK;
    for (int i = 0; i < w->n_pairs && s == DG_OK; i++) {
        dg_worst_pair *pair = &w->pair[i];
        s = dg_figures_value(e, p, pair->target, pair->target, &pair->targets, why);
        if (s == DG_OK)
            s = dg_figures_value(e, p, pair->estimate, pair->target, &pair->estimates, why);
    }
    return s;
}

/* One batch of the worst rows. */
static dg_status run_rows(dg_worst *w, dg_experiment *e, dg_part_rows part, int threads,
                          dg_diag *why)
{
    dg_value *keep = malloc(2 * (size_t)w->n_pairs * sizeof *keep);
    dg_options o = dg_program_options(e, DG_RUN_INFER, w->n);
    dg_batch_buffer buffer = {.binds = 0};
    int64_t *rows = malloc((size_t)w->n * sizeof *rows);
    o.threads = threads;
    o.keep = keep;
    for (int i = 0; keep && i < w->n_pairs; i++) {
        keep[o.n_keep++] = w->pair[i].target;
        keep[o.n_keep++] = w->pair[i].estimate;
    }
    dg_program *p = rows && keep ? dg_compile(e->model->graph, &o) : NULL;
    dg_status s = p ? dg_program_status(p, why) : dg_diag_set(why, DG_EMEMORY, "out of memory");
    for (int64_t i = 0; rows && i < w->n; i++)
        rows[i] = w->row[i].row;
    if (s == DG_OK)
        s = dg_experiment_set(e, p, part.data, rows, w->n, (dg_reading){.training = 0}, 1, &buffer,
                              why);
    if (s == DG_OK && dg_forward(p, &(dg_batch){.size = sizeof(dg_batch), .rows = w->n}) != DG_OK)
        s = dg_program_status(p, why);
    if (s == DG_OK)
        s = read_pairs(w, e, p, why);
    dg_batch_buffer_free(&buffer);
    free(keep);
    free(rows);
    dg_program_free(p);
    return s;
}

dg_status dg_worst_find(dg_worst *w, dg_experiment *e, dg_part_rows part, const double *loss_of,
                        int64_t most, int threads, dg_diag *why)
{
    *w = (dg_worst){.row = NULL};
    dg_status s = sort_rows(w, part, loss_of, most, why);
    if (s == DG_OK)
        s = find_pairs(w, e, why);
    if (s != DG_OK)
        return s;
    return w->n_pairs ? run_rows(w, e, part, threads, why) : DG_OK;
}

void dg_worst_free(dg_worst *w)
{
    for (int i = 0; i < w->n_pairs; i++) {
        free(w->pair[i].targets.data);
        free(w->pair[i].estimates.data);
    }
    free(w->pair);
    free(w->row);
    *w = (dg_worst){.row = NULL};
}

/* ---- Text and JSON --------------------------------------------------------------------------- */

/* The largest of n numbers from `first` on: for labels the estimate is a class. */
static int64_t largest(const dg_tensor *t, int64_t first, int64_t n)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        if (dg_tensor_number(t, first + i) > dg_tensor_number(t, first + best))
            best = i;
    return best;
}

/* Numbers of a row to be shown, and number i of them. classes > 1: the index of the largest of each
 * so many. */
static int64_t shown(const dg_tensor *t, int64_t classes)
{
    return dg_shape_row(&t->shape) / (classes > 1 ? classes : 1);
}

static double value_of(const dg_tensor *t, int64_t row, int64_t i, int64_t classes)
{
    int64_t first = row * dg_shape_row(&t->shape);
    return classes > 1 ? (double)largest(t, first + i * classes, classes)
                       : dg_tensor_number(t, first + i);
}

/* Entries of the estimate for each label; of the target where it is one-hot; else 1. */
static int64_t classes_of(const dg_worst_pair *p)
{
    int64_t labels = dg_shape_row(&p->targets.shape), all = dg_shape_row(&p->estimates.shape);
    if (p->legend && p->legend->classes && labels == p->legend->n && all == labels)
        return labels;
    return p->targets.type == DG_I32 && labels > 0 && all % labels == 0 ? all / labels : 1;
}

static int64_t classes_of_target(const dg_worst_pair *p)
{
    return p->targets.type == DG_I32 ? 1 : classes_of(p);
}

/* The word for what is shown, NULL: it is a number. */
static const char *word_of(const dg_worst_pair *p, const dg_tensor *t, int64_t classes, double x)
{
    return classes > 1 || t->type == DG_I32 ? dg_legend_class(p->legend, x) : NULL;
}

static void add_values(dg_text *out, const dg_worst_pair *p, const dg_tensor *t, int64_t row,
                       int64_t classes)
{
    int64_t n = shown(t, classes);
    for (int64_t i = 0; i < n && i < SHORT; i++) {
        double x = value_of(t, row, i, classes);
        const char *word = word_of(p, t, classes, x);
        dg_text_add(out, i ? " " : "");
        if (word)
            dg_text_add(out, word);
        else
            dg_text_printf(out, "%.4g", x);
    }
    dg_text_add(out, n > SHORT ? " ..." : "");
}

void dg_worst_print(const dg_worst *w)
{
    dg_text t = dg_text_make(NULL);
    dg_text_add(&t, "row\tloss");
    for (int i = 0; i < w->n_pairs; i++)
        dg_text_printf(&t, "\t%s\t%s", w->pair[i].target_name, w->pair[i].estimate_name);
    dg_text_add(&t, "\n");
    for (int64_t k = 0; k < w->n; k++) {
        if (w->row[k].name)
            dg_text_add(&t, w->row[k].name);
        else
            dg_text_printf(&t, "%lld", (long long)w->row[k].source);
        dg_text_printf(&t, "\t%.6g", w->row[k].loss);
        for (int i = 0; i < w->n_pairs; i++) {
            const dg_worst_pair *p = &w->pair[i];
            dg_text_add(&t, "\t");
            add_values(&t, p, &p->targets, k, classes_of_target(p));
            dg_text_add(&t, "\t");
            add_values(&t, p, &p->estimates, k, classes_of(p));
        }
        dg_text_add(&t, "\n");
    }
    printf("\n");
    dg_columns_print(stdout, &t, "", 1);
    dg_text_free(&t);
}

static json_t *values_json(const dg_worst_pair *p, const dg_tensor *t, int64_t row, int64_t classes)
{
    json_t *list = json_array();
    int64_t n = shown(t, classes);
    for (int64_t i = 0; i < n; i++) {
        double x = value_of(t, row, i, classes);
        int whole = classes > 1 || t->type == DG_I32;
        const char *word = word_of(p, t, classes, x);
        json_array_append_new(list, word          ? json_string(word)
                                    : whole       ? json_integer((json_int_t)x)
                                    : isfinite(x) ? json_real(x)
                                                  : json_null());
    }
    return list;
}

json_t *dg_worst_json(const dg_worst *w)
{
    json_t *list = json_array();
    for (int64_t k = 0; k < w->n; k++) {
        double loss = w->row[k].loss;
        json_t *target = json_object(), *estimate = json_object();
        for (int i = 0; i < w->n_pairs; i++) {
            const dg_worst_pair *p = &w->pair[i];
            json_object_set_new(target, p->target_name,
                                values_json(p, &p->targets, k, classes_of_target(p)));
            json_object_set_new(estimate, p->estimate_name,
                                values_json(p, &p->estimates, k, classes_of(p)));
        }
        json_array_append_new(list,
                              json_pack("{s:I, s:s*, s:o, s:o, s:o}", "row",
                                        (json_int_t)w->row[k].source, "file", w->row[k].name,
                                        "loss", isfinite(loss) ? json_real(loss) : json_null(),
                                        "target", target, "estimate", estimate));
    }
    return list;
}
