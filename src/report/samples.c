/* Rows with their targets and estimates; see samples.h. */
#include "report/samples.h"
#include "base/philox.h"
#include "graph/graph.h"
#include "io/array.h"
#include <math.h>
#include <stdlib.h>

/* ---- Which rows ------------------------------------------------------------------------------ */

/* The largest loss first, what is not a number before all; then by row. */
static int compare(const void *x, const void *y)
{
    const dg_sample_row *a = x, *b = y;
    if (isnan(a->loss) != isnan(b->loss))
        return isnan(a->loss) ? -1 : 1;
    if (a->loss > b->loss || a->loss < b->loss)
        return a->loss > b->loss ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

static dg_sample_row row_of(const dg_survey *of, int64_t i)
{
    dg_part_rows part = of->rows;
    int64_t row = part.first + i;
    return (dg_sample_row){row, dg_dataset_source_row(part.data, row),
                           dg_dataset_row_name(part.data, row), of->loss_of[i]};
}

static dg_status no_memory(dg_diag *why)
{
    return dg_diag_set(why, DG_EMEMORY, "out of memory");
}

static dg_status worst_rows(dg_samples *s, const dg_survey *of, int64_t most, dg_diag *why)
{
    int64_t rows = of->rows.rows;
    s->row = calloc((size_t)rows + 1, sizeof *s->row);
    if (!s->row)
        return no_memory(why);
    for (int64_t i = 0; i < rows; i++)
        s->row[i] = row_of(of, i);
    qsort(s->row, (size_t)rows, sizeof *s->row, compare);
    s->n = most < rows ? most : rows;
    return DG_OK;
}

static dg_status any_rows(dg_samples *s, const dg_survey *of, int64_t most, dg_diag *why)
{
    int64_t rows = of->rows.rows;
    dg_permutation p = dg_permutation_make(rows, 1, 0);
    s->n = most < rows ? most : rows;
    s->row = calloc((size_t)s->n + 1, sizeof *s->row);
    for (int64_t i = 0; s->row && i < s->n; i++)
        s->row[i] = row_of(of, dg_permutation_at(&p, i));
    return s->row ? DG_OK : no_memory(why);
}

/* ---- Their values ---------------------------------------------------------------------------- */

static dg_status find_values(dg_samples *s, const dg_survey *of, dg_diag *why)
{
    const dg_dag *m = of->e->model;
    s->pair = calloc((size_t)of->n + 1, sizeof *s->pair);
    s->input = calloc((size_t)m->n_ports + 1, sizeof *s->input);
    if (!s->pair || !s->input)
        return no_memory(why);
    for (int i = 0; i < of->n; i++)
        s->pair[s->n_pairs++] = (dg_sample_pair){.versus = &of->versus[i]};
    for (int i = 0; i < m->n_ports; i++)
        if (!m->ports[i].target)
            s->input[s->n_inputs++] = (dg_sample_input){
                .name = m->ports[i].name, .legend = dg_legend_of(of->e, m->ports[i].value)};
    return DG_OK;
}

static dg_value input_value(const dg_experiment *e, const char *name)
{
    return dg_value_find(e->model->graph, name);
}

static dg_value *values_to_keep(const dg_samples *s, const dg_experiment *e, int *n)
{
    dg_value *keep = malloc((2 * (size_t)s->n_pairs + (size_t)s->n_inputs + 1) * sizeof *keep);
    *n = 0;
    for (int i = 0; keep && i < s->n_pairs; i++) {
        keep[(*n)++] = s->pair[i].versus->target;
        keep[(*n)++] = s->pair[i].versus->estimate;
    }
    for (int i = 0; keep && i < s->n_inputs; i++)
        keep[(*n)++] = input_value(e, s->input[i].name);
    return keep;
}

static dg_status read_values(dg_samples *s, dg_experiment *e, dg_program *p, dg_diag *why)
{
    dg_status status = DG_OK;
    for (int i = 0; i < s->n_pairs && status == DG_OK; i++) {
        dg_sample_pair *pair = &s->pair[i];
        const dg_versus *v = pair->versus;
        status = dg_metric_sums_value(e, p, v->target, v->target, &pair->targets, why);
        if (status == DG_OK)
            status = dg_metric_sums_value(e, p, v->estimate, v->target, &pair->estimates, why);
    }
    for (int i = 0; i < s->n_inputs && status == DG_OK; i++) {
        dg_value v = input_value(e, s->input[i].name);
        status = dg_metric_sums_value(e, p, v, v, &s->input[i].values, why);
    }
    return status;
}

/* One batch of these rows. */
static dg_status run_rows(dg_samples *s, const dg_survey *of, int threads, dg_diag *why)
{
    dg_experiment *e = of->e;
    dg_options o = dg_program_options(e, DG_RUN_INFER, s->n);
    dg_batch_buffer buffer = {.binds = 0};
    int64_t *rows = malloc((size_t)s->n * sizeof *rows);
    dg_value *keep = values_to_keep(s, e, &o.n_keep);
    o.threads = threads;
    o.keep = keep;
    dg_program *p = rows && keep ? dg_compile(e->model->graph, &o) : NULL;
    dg_status status = p ? dg_program_status(p, why) : no_memory(why);
    for (int64_t i = 0; rows && i < s->n; i++)
        rows[i] = s->row[i].row;
    if (status == DG_OK)
        status = dg_experiment_set(e, p, of->rows.data, rows, s->n, (dg_reading){.training = 0}, 1,
                                   &buffer, why);
    if (status == DG_OK &&
        dg_forward(p, &(dg_batch){.size = sizeof(dg_batch), .rows = s->n}) != DG_OK)
        status = dg_program_status(p, why);
    if (status == DG_OK)
        status = read_values(s, e, p, why);
    dg_batch_buffer_free(&buffer);
    free(keep);
    free(rows);
    dg_program_free(p);
    return status;
}

static dg_status fill(dg_samples *s, const dg_survey *of, int threads, dg_diag *why)
{
    dg_status status = find_values(s, of, why);
    return status == DG_OK && s->n > 0 ? run_rows(s, of, threads, why) : status;
}

dg_status dg_samples_worst(dg_samples *s, const dg_survey *of, int64_t most, int threads,
                           dg_diag *why)
{
    *s = (dg_samples){.row = NULL};
    dg_status status = worst_rows(s, of, most, why);
    return status == DG_OK ? fill(s, of, threads, why) : status;
}

dg_status dg_samples_any(dg_samples *s, const dg_survey *of, int64_t most, int threads,
                         dg_diag *why)
{
    *s = (dg_samples){.row = NULL};
    dg_status status = any_rows(s, of, most, why);
    return status == DG_OK ? fill(s, of, threads, why) : status;
}

void dg_samples_free(dg_samples *s)
{
    for (int i = 0; i < s->n_pairs; i++) {
        free(s->pair[i].targets.data);
        free(s->pair[i].estimates.data);
    }
    for (int i = 0; i < s->n_inputs; i++)
        free(s->input[i].values.data);
    free(s->pair);
    free(s->input);
    free(s->row);
    *s = (dg_samples){.row = NULL};
}

/* ---- What is shown of them ------------------------------------------------------------------- */

/* Entries of an estimate, or of a target, that stand for one label; else 1. */
static int64_t entries_of(const dg_sample_pair *p, int estimate)
{
    int64_t labels = dg_shape_row(&p->targets.shape), all = dg_shape_row(&p->estimates.shape);
    const dg_legend *l = p->versus->legend;
    if (p->targets.type == DG_I32)
        return estimate && labels > 0 && all % labels == 0 ? all / labels : 1;
    return l && l->classes && labels == l->n && all == labels ? labels : 1;
}

static const dg_tensor *tensor_of(const dg_sample_pair *p, int estimate)
{
    return estimate ? &p->estimates : &p->targets;
}

int64_t dg_sample_count(const dg_sample_pair *p, int estimate, int *labels)
{
    const dg_tensor *t = tensor_of(p, estimate);
    int64_t entries = entries_of(p, estimate);
    *labels = entries > 1 || t->type == DG_I32;
    return dg_shape_row(&t->shape) / entries;
}

double dg_sample_value(const dg_sample_pair *p, int estimate, int64_t row, int64_t i)
{
    const dg_tensor *t = tensor_of(p, estimate);
    int64_t entries = entries_of(p, estimate), first = row * dg_shape_row(&t->shape);
    return entries > 1 ? (double)dg_tensor_largest(t, first + i * entries, entries)
                       : dg_tensor_number(t, first + i);
}

const char *dg_sample_word(const dg_sample_pair *p, int estimate, double x, char room[DG_DATE_TEXT])
{
    int labels;
    dg_sample_count(p, estimate, &labels);
    return dg_legend_word(p->versus->legend, labels, x, room);
}
