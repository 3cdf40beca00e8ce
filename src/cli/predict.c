/* dagrad predict: the outputs of a run for given inputs, as NPY, NPZ or CSV. */
#include "base/text.h"
#include "cli/inputs.h"
#include "cli/results.h"
#include "cli/sheet.h"
#include "cli/with.h"
#include "graph/graph.h"
#include "io/array.h"
#include "lang/suggest.h"
#include "train/figures.h"
#include "train/legend.h"
#include "train/rundir.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_OUTPUTS = 64, FEWEST_ROWS = 64 };

typedef struct predict_options {
    const char *out, *output, *weights;
    dg_list input, data, node, with;
    int64_t top, threads;
} predict_options;

/* An output, and what it is for all rows. */
typedef struct estimate {
    const char *name;
    dg_value value,
        target;    /* target: what a loss or metric compares it with, else the value itself */
    int by_rows;   /* has the batch axis */
    dg_tensor all; /* data is owned */
} estimate;

typedef struct prediction {
    dg_inputs in;
    dg_with with;
    estimate of[MOST_OUTPUTS];
    int n;
} prediction;

static dg_status no_memory(dg_diag *why)
{
    return dg_diag_set(why, DG_EMEMORY, "out of memory");
}

/* ---- Which outputs --------------------------------------------------------------------------- */

static dg_value target_of(const dg_dag *m, dg_value v)
{
    const dg_graph *g = m->graph;
    for (int k = 0; k < g->n_losses; k++) {
        int32_t node = g->values[g->losses[k].value - 1].node;
        if (node >= 0 && g->nodes[node].type->flags & DG_LOSS && g->nodes[node].in[1] == v.id)
            return (dg_value){g->nodes[node].in[0]};
    }
    for (int k = 0; k < m->n_metrics; k++)
        if (m->metrics[k].estimate.id == v.id)
            return m->metrics[k].target;
    return v;
}

static dg_status choose_outputs(prediction *p, const char *only, dg_diag *why)
{
    const dg_dag *m = p->in.e->model;
    dg_suggest s = {.name = only};
    dg_text all = dg_text_make(NULL);
    for (int k = 0; k < dg_graph_outputs(m->graph) && p->n < MOST_OUTPUTS; k++) {
        estimate *e = &p->of[p->n];
        e->value = dg_graph_output(m->graph, k, &e->name);
        e->target = target_of(m, e->value);
        const dg_shape *shape = &m->graph->values[e->value.id - 1].shape;
        e->by_rows = shape->rank > 0 && shape->dim[0] == DG_N;
        dg_text_printf(&all, "%s%s", k ? ", " : "", e->name);
        if (only)
            dg_suggest_try(&s, e->name);
        p->n += !only || strcmp(only, e->name) == 0;
    }
    if (!p->n && only)
        dg_diag_set(why, DG_EUSAGE, "there is no output '%s'%s%s%s; the model has: %.400s", only,
                    s.best ? ", did you mean '" : "", s.best ? s.best : "", s.best ? "'?" : "",
                    all.length ? all.data : "none");
    else if (!p->n)
        dg_diag_set(why, DG_EMODEL, "the model has no output");
    dg_text_free(&all);
    return why->code;
}

/* ---- Running --------------------------------------------------------------------------------- */

/* Takes over n rows of an output that begin at row `at`. */
static dg_status take(prediction *p, dg_program *program, estimate *e, int64_t at, dg_diag *why)
{
    dg_tensor t;
    dg_status s = dg_figures_value(p->in.e, program, e->value, e->target, &t, why);
    if (s == DG_OK && !e->all.data) {
        e->all = t;
        if (e->by_rows)
            e->all.shape.dim[0] = p->in.rows;
        e->all.bytes = (size_t)dg_shape_count(&e->all.shape) * dg_type_bytes(t.type);
        e->all.data = malloc(e->all.bytes + 1);
        if (!e->all.data)
            s = no_memory(why);
    }
    size_t row = (size_t)dg_shape_row(&t.shape) * dg_type_bytes(t.type);
    if (s == DG_OK && t.bytes > 0)
        memcpy((char *)e->all.data + (e->by_rows ? (size_t)at * row : 0), t.data, t.bytes);
    free(t.data);
    return s;
}

static dg_status run_batches(prediction *p, dg_program *program, int64_t batch, dg_diag *why)
{
    dg_batch_buffer buffer = {.binds = 0};
    dg_status s = DG_OK;
    int64_t *rows = malloc((size_t)batch * sizeof *rows);
    if (!rows)
        s = no_memory(why);
    for (int64_t at = 0; at < p->in.rows && s == DG_OK; at += batch) {
        int64_t n = p->in.rows - at < batch ? p->in.rows - at : batch;
        for (int64_t i = 0; i < n; i++)
            rows[i] = p->in.first_row + at + i;
        if (p->in.rows_of)
            s = dg_experiment_set(p->in.e, program, p->in.rows_of, rows, n,
                                  (dg_reading){.training = 0}, 1, &buffer, why);
        if (s == DG_OK &&
            dg_forward(program, &(dg_batch){.size = sizeof(dg_batch), .rows = n}) != DG_OK)
            s = dg_program_status(program, why);
        for (int k = 0; k < p->n && s == DG_OK; k++)
            s = take(p, program, &p->of[k], at, why);
    }
    dg_batch_buffer_free(&buffer);
    free(rows);
    return s;
}

static dg_status run_program(prediction *p, int threads, dg_diag *why)
{
    int64_t batch = p->in.e->settings.batch;
    batch = batch > FEWEST_ROWS ? batch : FEWEST_ROWS;
    batch = batch < p->in.rows ? batch : p->in.rows;
    dg_options o = dg_program_options(p->in.e, DG_RUN_INFER, batch);
    o.last = p->in.rows % batch;
    o.threads = threads;
    dg_program *program = dg_compile(p->in.e->model->graph, &o);
    dg_status s = program ? dg_program_status(program, why) : no_memory(why);
    if (s == DG_OK)
        s = run_batches(p, program, batch, why);
    dg_program_free(program);
    return s;
}

/* ---- The K largest --------------------------------------------------------------------------- */

/* Index of the largest of n numbers from `first` on that is smaller than the last one found, or
 * equal to it and after it: the next in order. last -1: the largest of all. NaN counts as
 * -infinity. */
static int64_t next_largest(const dg_tensor *t, int64_t first, int64_t n, int64_t last)
{
    int64_t best = -1;
    double bound = last < 0 ? 0 : dg_tensor_number(t, first + last), most = 0;
    bound = isnan(bound) ? -(double)INFINITY : bound;
    for (int64_t i = 0; i < n; i++) {
        double x = dg_tensor_number(t, first + i);
        x = isnan(x) ? -(double)INFINITY : x;
        int later = last < 0 || x < bound || (x <= bound && i > last);
        if (later && (best < 0 || x > most)) {
            best = i;
            most = x;
        }
    }
    return best;
}

/* index [..., k] of i32, value [..., k] of the type of t. */
static dg_status find_top(const dg_tensor *t, int64_t k, dg_array *index, dg_array *value,
                          dg_diag *why)
{
    dg_shape shape = t->shape;
    int64_t n = shape.dim[shape.rank - 1];
    size_t element = dg_type_bytes(t->type);
    shape.dim[shape.rank - 1] = k;
    if (dg_array_make(index, DG_I32, &shape, why) != DG_OK ||
        dg_array_make(value, t->type, &shape, why) != DG_OK)
        return why->code;
    int64_t rows = dg_shape_count(&shape) / k;
    for (int64_t r = 0; r < rows; r++) {
        int64_t last = -1;
        for (int64_t i = 0; i < k; i++) {
            last = next_largest(t, r * n, n, last);
            ((int32_t *)index->data)[r * k + i] = (int32_t)last;
            memcpy((char *)value->data + (size_t)(r * k + i) * element,
                   (const char *)t->data + (size_t)(r * n + last) * element, element);
        }
    }
    return DG_OK;
}

static dg_status check_top(const prediction *p, int64_t k, dg_diag *why)
{
    char text[128];
    for (int i = 0; i < p->n && k > 0; i++) {
        const dg_shape *s = &p->in.e->model->graph->values[p->of[i].value.id - 1].shape;
        if (s->rank < 2)
            return dg_diag_set(why, DG_EUSAGE, "--top needs an axis of classes; '%s' has shape %s",
                               p->of[i].name, dg_shape_text(s, text, sizeof text));
        if (s->dim[s->rank - 1] < k)
            return dg_diag_set(why, DG_EUSAGE, "--top is %lld, '%s' has %lld classes", (long long)k,
                               p->of[i].name, (long long)s->dim[s->rank - 1]);
    }
    return DG_OK;
}

/* ---- Writing --------------------------------------------------------------------------------- */

/* Everything that is to be written: outputs, or indices and values of the largest. */
typedef struct result_list {
    int n;
    const char *names[2 * MOST_OUTPUTS];       /* in text */
    const dg_legend *legend[2 * MOST_OUTPUTS]; /* of its entries, or of the ids it holds; or NULL */
    int ids[2 * MOST_OUTPUTS];
    dg_tensor tensor[2 * MOST_OUTPUTS];
    char text[2 * MOST_OUTPUTS][128];
    dg_array made[2 * MOST_OUTPUTS]; /* owned */
} result_list;

static void add_result(result_list *l, const char *name, const char *part, const dg_tensor *t,
                       const dg_legend *legend)
{
    l->ids[l->n] = *part == '.' && legend && legend->classes;
    l->legend[l->n] = legend;
    if (l->ids[l->n])
        part = ".class";
    dg_format(l->text[l->n], sizeof l->text[l->n], "%s%s", name, part);
    l->names[l->n] = l->text[l->n];
    l->tensor[l->n++] = *t;
}

/* words: ids are to be written as words. */
static dg_status list_results(const prediction *p, int64_t top, int words, result_list *l,
                              dg_diag *why)
{
    for (int i = 0; i < p->n; i++) {
        const dg_legend *legend = dg_legend_of(p->in.e, p->of[i].target);
        if (top < 1) {
            add_result(l, p->of[i].name, "", &p->of[i].all, legend);
            continue;
        }
        dg_array *index = &l->made[2 * i], *value = &l->made[2 * i + 1];
        if (find_top(&p->of[i].all, top, index, value, why) != DG_OK)
            return why->code;
        add_result(l, p->of[i].name, ".index", index, words ? legend : NULL);
        add_result(l, p->of[i].name, ".value", value, NULL);
    }
    return DG_OK;
}

/* The number of each row in its file. */
static int64_t *number_rows(const dg_inputs *in)
{
    int64_t *row = malloc((size_t)in->rows * sizeof *row + 1);
    for (int64_t i = 0; row && i < in->rows; i++)
        row[i] = in->rows_of ? dg_dataset_source_row(in->rows_of, in->first_row + i) : i;
    return row;
}

/* The file of each row's picture; NULL: they have none, or no memory. */
static const char **name_rows(const dg_inputs *in)
{
    bool named = in->rows_of && in->rows > 0 && dg_dataset_row_name(in->rows_of, in->first_row);
    const char **name = named ? calloc((size_t)in->rows, sizeof *name) : NULL;
    for (int64_t i = 0; name && i < in->rows; i++)
        name[i] = dg_dataset_row_name(in->rows_of, in->first_row + i);
    return name;
}

static dg_status write_csv(const prediction *p, const result_list *l, const char *path,
                           dg_diag *why)
{
    int n = 0;
    const dg_with *w = &p->with;
    int64_t *row = number_rows(&p->in);
    const char **file = name_rows(&p->in);
    dg_sheet_part *part = calloc((size_t)(w->n + l->n) + 2, sizeof *part);
    dg_status s = row && part ? DG_OK : no_memory(why);
    if (file && part)
        part[n++] = (dg_sheet_part){.name = "file", .text = file, .step = 1};
    for (int k = 0; k < w->n && part; k++)
        part[n++] = (dg_sheet_part){.name = w->name[k], .text = w->text + k, .step = w->n};
    for (int i = 0; i < l->n && part; i++)
        part[n++] = (dg_sheet_part){.name = l->names[i],
                                    .numbers = &l->tensor[i],
                                    .legend = l->legend[i],
                                    .ids = l->ids[i]};
    if (s == DG_OK)
        s = dg_sheet_write(path, p->in.rows, row, n, part, why);
    free(part);
    free(file);
    free(row);
    return s;
}

static dg_status write_results(const prediction *p, const predict_options *o, dg_diag *why)
{
    dg_status s;
    result_list *l = calloc(1, sizeof *l);
    if (!l)
        return no_memory(why);
    int csv = dg_format_of(o->out) == DG_FORMAT_CSV;
    s = list_results(p, o->top, csv, l, why);
    if (s == DG_OK && csv)
        s = write_csv(p, l, o->out, why);
    else if (s == DG_OK)
        s = dg_write_arrays(o->out, l->n, l->names, l->tensor, NULL, why);
    for (int i = 0; i < 2 * p->n; i++)
        dg_array_free(&l->made[i]);
    free(l);
    return s;
}

/* What the format cannot hold is refused before the work, not after it. */
static dg_status check_format(const prediction *p, const predict_options *o, dg_diag *why)
{
    dg_format_kind f = dg_format_of(o->out);
    if (f == DG_FORMAT_NPY && o->top > 0)
        return dg_diag_set(why, DG_EUSAGE,
                           "NPY holds one array, --top gives two; write NPZ or CSV");
    if (f == DG_FORMAT_NPY && p->n > 1)
        return dg_diag_set(why, DG_EUSAGE,
                           "NPY holds one array, the model has %d outputs; --output names one, "
                           "NPZ holds all",
                           p->n);
    if (f != DG_FORMAT_CSV && o->with.n)
        return dg_diag_set(why, DG_EUSAGE, "--with carries text along, which only CSV holds");
    for (int i = 0; i < p->n && f == DG_FORMAT_CSV; i++)
        if (!p->of[i].by_rows)
            return dg_diag_set(why, DG_EUSAGE, "'%s' has no rows for CSV; write NPZ or NPY",
                               p->of[i].name);
    return check_top(p, o->top, why);
}

/* On standard error: which weights predict, and from which rows. */
static void tell_origin(const prediction *p)
{
    dg_text t = dg_text_make(NULL);
    dg_weights_text(p->in.e, &t);
    dg_text_printf(&t, ", %lld rows", (long long)p->in.rows);
    if (p->in.part && p->in.rows_of)
        dg_text_printf(&t, " of the %s part", p->in.part);
    fprintf(stderr, "dagrad predict: weights %s\n", t.data);
    dg_text_free(&t);
}

static int run_prediction(prediction *p, const predict_options *o)
{
    dg_diag why = {.code = DG_OK};
    dg_status s = choose_outputs(p, o->output, &why);
    if (s == DG_OK)
        s = check_format(p, o, &why);
    if (s == DG_OK)
        s = dg_with_read(&p->with, &p->in, &o->with, &o->input, &why);
    if (s == DG_OK)
        s = run_program(p, (int)o->threads, &why);
    if (s == DG_OK)
        s = write_results(p, o, &why);
    if (s == DG_OK)
        tell_origin(p);
    for (int i = 0; i < p->n; i++)
        free(p->of[i].all.data);
    dg_with_free(&p->with);
    return s == DG_OK ? EXIT_DONE : dg_tell(&dg_command_predict, &why);
}

static int check_usage(const char *run, const predict_options *o)
{
    char text[512];
    if (!run)
        return dg_usage(&dg_command_predict, "a run is missing");
    dg_format_kind f = dg_format_of(o->out);
    if (f > DG_FORMAT_NPZ) {
        dg_format(text, sizeof text, "--out is '%s', its name must end with .npy, .npz or .csv",
                  o->out);
        return dg_usage(&dg_command_predict, text);
    }
    return dg_is_onnx(run) ? EXIT_DONE : dg_need_run(&dg_command_predict, run);
}

static int predict(int argc, char **argv)
{
    predict_options o = {.out = "-", .weights = NULL};
    const char *place[1] = {NULL};
    const dg_flag flags[] = {
        {"input", FLAG_LIST, &o.input, "NAME=FILE",
         "an input (NPY, NPZ, IDX, CSV, pictures; -: standard "
         "input); without: the test part"},
        {"out", FLAG_TEXT, &o.out, "FILE", ".npy, .npz or .csv; -: CSV to standard output"},
        {"output", FLAG_TEXT, &o.output, "NAME", "this output alone"},
        {"with", FLAG_LIST, &o.with, "COLUMN", "carry a column of the input along (repeatable)"},
        {"top", FLAG_COUNT, &o.top, "K", "the K largest entries of each row and their indices"},
        {"weights", FLAG_TEXT, &o.weights, "FILE",
         "last, best (the default where there is a validation part), or a file"},
        {"threads", FLAG_COUNT, &o.threads, "N", "one for each processor"},
        {"node", FLAG_LIST, &o.node, "FILE.so", "node types of your own (repeatable)"},
        {"data", FLAG_LIST, &o.data, "DIR", "a folder to look for data in (repeatable)"},
    };
    int code = dg_flags_read(&dg_command_predict, flags, sizeof flags / sizeof flags[0], place, 1,
                             argc, argv);
    if (code >= 0)
        return code;
    code = check_usage(place[0], &o);
    if (code != EXIT_DONE)
        return code;
    dg_plugins plugins;
    code = dg_plugins_load(&dg_command_predict, &o.node, &plugins);
    if (code >= 0)
        return code;
    prediction p = {.n = 0};
    dg_diag why = {.code = DG_OK};
    if (dg_with_keep(&p.with, &o.with, &o.input, &why) != DG_OK)
        return dg_tell(&dg_command_predict, &why);
    code = dg_inputs_open(&p.in, &dg_command_predict, place[0], o.weights, &o.input, &o.data,
                          &plugins);
    if (code == EXIT_DONE)
        code = run_prediction(&p, &o);
    dg_inputs_free(&p.in);
    return code;
}

const dg_command dg_command_predict = {"predict", "RUN [options]",
                                       "the outputs of a run for given inputs", predict};
