/* dagrad predict: the outputs of a run for given inputs, as NPY, NPZ or CSV. */
#include "base/text.h"
#include "cli/inputs.h"
#include "cli/results.h"
#include "cli/sheet.h"
#include "cli/with.h"
#include "model/predictor.h"
#include "train/legend.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct predict_options {
    const char *out, *output, *weights;
    dg_list input, data, node, with;
    dg_as_flags as;
    int64_t top, threads;
} predict_options;

typedef struct prediction {
    dg_model *m;
    dg_predictor *p;
    dg_with with;
    const dg_estimate **of; /* the outputs that are asked for */
    int n;
} prediction;

static dg_status no_memory(dg_diag *why)
{
    return dg_diag_set(why, DG_EMEMORY, "out of memory");
}

/* ---- Which outputs --------------------------------------------------------------------------- */

static dg_status choose_outputs(prediction *p, const char *only, dg_diag *why)
{
    p->of = calloc((size_t)p->p->n + 1, sizeof *p->of);
    for (int k = 0; p->of && k < p->p->n; k++) {
        const dg_estimate *e = p->of[p->n] = &p->p->of[k];
        p->n += !only || strcmp(only, e->name) == 0;
    }
    if (!p->of)
        no_memory(why);
    else if (!p->n && only)
        dg_predictor_no_output(p->p, only, why);
    else if (!p->n)
        dg_diag_set(why, DG_EMODEL, "the model has no output");
    return why->code;
}

/* ---- The K largest --------------------------------------------------------------------------- */

/* index [..., k] of i32, value [..., k] of the type of t. */
static dg_status find_top(const dg_tensor *t, int64_t k, dg_array *index, dg_array *value,
                          dg_diag *why)
{
    dg_shape shape = t->shape;
    int64_t n = shape.dim[shape.rank - 1];
    size_t element = dg_type_bytes(t->type);
    shape.dim[shape.rank - 1] = k;
    int64_t *place = malloc((size_t)k * sizeof *place);
    if (!place || dg_array_make(index, DG_I32, &shape, why) != DG_OK ||
        dg_array_make(value, t->type, &shape, why) != DG_OK) {
        free(place);
        return no_memory(why);
    }
    for (int64_t r = 0, rows = dg_shape_count(&shape) / k; r < rows; r++) {
        dg_top(t, r, (int)k, place);
        for (int64_t i = 0; i < k; i++) {
            ((int32_t *)index->data)[r * k + i] = (int32_t)place[i];
            memcpy((char *)value->data + (size_t)(r * k + i) * element,
                   (const char *)t->data + (size_t)(r * n + place[i]) * element, element);
        }
    }
    free(place);
    return DG_OK;
}

static dg_status check_top(const prediction *p, int64_t k, dg_diag *why)
{
    char text[128];
    for (int i = 0; i < p->n && k > 0; i++) {
        dg_value_info info;
        dg_value_look(dg_model_graph(p->m), p->of[i]->value, &info);
        const dg_shape *s = &info.shape;
        if (s->rank < 2)
            return dg_diag_set(why, DG_EUSAGE, "--top needs an axis of classes; '%s' has shape %s",
                               p->of[i]->name, dg_shape_text(s, text, sizeof text));
        if (s->dim[s->rank - 1] < k)
            return dg_diag_set(why, DG_EUSAGE, "--top is %lld, '%s' has %lld classes", (long long)k,
                               p->of[i]->name, (long long)s->dim[s->rank - 1]);
    }
    return DG_OK;
}

/* ---- Writing --------------------------------------------------------------------------------- */

typedef struct result {
    const dg_legend *legend; /* of its entries, or of the ids it holds; or NULL */
    int ids;
    dg_tensor tensor;
    char name[128];
    dg_array made; /* owned */
} result;

/* Everything that is to be written: outputs, or indices and values of the largest. */
typedef struct result_list {
    int n;
    result *item;
} result_list;

static void add_result(result_list *l, const char *name, const char *part, const dg_tensor *t,
                       const dg_legend *legend)
{
    result *r = &l->item[l->n++];
    r->ids = *part == '.' && legend && legend->classes;
    r->legend = legend;
    dg_format(r->name, sizeof r->name, "%s%s", name, r->ids ? ".class" : part);
    r->tensor = *t;
}

/* words: ids are to be written as words. */
static dg_status list_results(const prediction *p, int64_t top, int words, result_list *l,
                              dg_diag *why)
{
    for (int i = 0; i < p->n; i++) {
        const dg_estimate *e = p->of[i];
        const dg_legend *legend = dg_legend_of(p->p->e, e->target);
        if (top < 1) {
            add_result(l, e->name, "", &e->all, legend);
            continue;
        }
        dg_array *index = &l->item[2 * i].made, *value = &l->item[2 * i + 1].made;
        if (find_top(&e->all, top, index, value, why) != DG_OK)
            return why->code;
        add_result(l, e->name, ".index", index, words ? legend : NULL);
        add_result(l, e->name, ".value", value, NULL);
    }
    return DG_OK;
}

/* The number of each row in its file. */
static int64_t *number_rows(const dg_predictor *p)
{
    int64_t *row = malloc((size_t)p->rows * sizeof *row + 1);
    for (int64_t i = 0; row && i < p->rows; i++)
        row[i] = dg_predicted_row(p, i);
    return row;
}

/* The file of each row's picture; NULL: they have none, or no memory. */
static const char **name_rows(const dg_predictor *p)
{
    bool named = p->rows_of && p->rows > 0 && dg_dataset_row_name(p->rows_of, p->first_row);
    const char **name = named ? calloc((size_t)p->rows, sizeof *name) : NULL;
    for (int64_t i = 0; name && i < p->rows; i++)
        name[i] = dg_dataset_row_name(p->rows_of, p->first_row + i);
    return name;
}

static dg_status write_csv(const prediction *p, const result_list *l, const char *path,
                           dg_diag *why)
{
    int n = 0;
    const dg_with *w = &p->with;
    int64_t *row = number_rows(p->p);
    const char **file = name_rows(p->p);
    dg_sheet_part *part = calloc((size_t)(w->n + l->n) + 2, sizeof *part);
    dg_status s = row && part ? DG_OK : no_memory(why);
    if (file && part)
        part[n++] = (dg_sheet_part){.name = "file", .text = file, .step = 1};
    for (int k = 0; k < w->n && part; k++)
        part[n++] = (dg_sheet_part){.name = w->name[k], .text = w->text + k, .step = w->n};
    for (int i = 0; i < l->n && part; i++)
        part[n++] = (dg_sheet_part){.name = l->item[i].name,
                                    .numbers = &l->item[i].tensor,
                                    .legend = l->item[i].legend,
                                    .ids = l->item[i].ids};
    if (s == DG_OK)
        s = dg_sheet_write(path, p->p->rows, row, n, part, why);
    free(part);
    free(file);
    free(row);
    return s;
}

static dg_status write_arrays(const result_list *l, const char *path, dg_diag *why)
{
    const char **name = calloc((size_t)l->n + 1, sizeof *name);
    dg_tensor *tensor = calloc((size_t)l->n + 1, sizeof *tensor);
    dg_status s = name && tensor ? DG_OK : no_memory(why);
    for (int i = 0; i < l->n && s == DG_OK; i++) {
        name[i] = l->item[i].name;
        tensor[i] = l->item[i].tensor;
    }
    if (s == DG_OK)
        s = dg_write_arrays(path, l->n, name, tensor, NULL, why);
    free(name);
    free(tensor);
    return s;
}

static dg_status write_results(const prediction *p, const predict_options *o, dg_diag *why)
{
    result_list l = {.item = calloc(2 * (size_t)p->n + 1, sizeof *l.item)};
    if (!l.item)
        return no_memory(why);
    int csv = dg_format_of(o->out) == DG_FORMAT_CSV;
    dg_status s = list_results(p, o->top, csv, &l, why);
    if (s == DG_OK)
        s = csv ? write_csv(p, &l, o->out, why) : write_arrays(&l, o->out, why);
    for (int i = 0; i < 2 * p->n; i++)
        dg_array_free(&l.item[i].made);
    free(l.item);
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
        if (!p->of[i]->by_rows)
            return dg_diag_set(why, DG_EUSAGE, "'%s' has no rows for CSV; write NPZ or NPY",
                               p->of[i]->name);
    return check_top(p, o->top, why);
}

/* On standard error: which weights predict, and from which rows. */
static void tell_origin(const prediction *p)
{
    dg_text t = dg_text_make(NULL);
    dg_weights_text(p->p->e, &t);
    dg_text_printf(&t, ", %lld row%s", (long long)p->p->rows, p->p->rows == 1 ? "" : "s");
    if (p->p->part)
        dg_text_printf(&t, " of the %s part", p->p->part);
    fprintf(stderr, "dagrad predict: weights %s\n", t.data);
    dg_text_free(&t);
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* A name without a file is a mistake, a file without a name is not. */
static int stands_alone(const char *input)
{
    return !strchr(input, '=') && (strcmp(input, "-") == 0 || access(input, F_OK) == 0);
}

/* --input FILE: one table, from which every input takes its columns. */
static dg_status take_file(const prediction *p, const char *file, dg_diag *why)
{
    dg_rows in[DG_MOST_LIST];
    dg_port_info port = {.size = sizeof port};
    int n = 0;
    for (int k = 0; n < DG_MOST_LIST && dg_model_port(p->m, k, &port) == DG_OK; k++)
        if (port.role == DG_PORT_INPUT && port.needed)
            in[n++] = (dg_rows){.name = port.name, .file = file};
    if (n > 1 && strcmp(file, "-") == 0)
        return dg_diag_set(why, DG_EUSAGE,
                           "standard input is read for one input: --input NAME=-, of %d", n);
    return dg_predictor_take(p->p, n, in, why);
}

static dg_status take_rows(const prediction *p, const predict_options *o, dg_diag *why)
{
    static char name[DG_MOST_LIST][256];
    dg_rows in[DG_MOST_LIST];
    if (o->input.n == 0)
        return dg_predictor_take_part(p->p, NULL, why);
    if (o->input.n == 1 && stands_alone(o->input.item[0]))
        return take_file(p, o->input.item[0], why);
    for (int i = 0; i < o->input.n; i++)
        if (dg_inputs_parse(o->input.item[i], name[i], &in[i], why) != DG_OK)
            return why->code;
    return dg_predictor_take(p->p, o->input.n, in, why);
}

static int run_prediction(prediction *p, const predict_options *o)
{
    dg_diag why = {.code = DG_OK};
    dg_status s = take_rows(p, o, &why);
    if (s == DG_OK)
        s = choose_outputs(p, o->output, &why);
    if (s == DG_OK)
        s = check_format(p, o, &why);
    if (s == DG_OK)
        s = dg_with_read(&p->with, p->p, &o->with, &o->input, &why);
    if (s == DG_OK)
        s = dg_predictor_run(p->p, &why);
    if (s == DG_OK)
        s = write_results(p, o, &why);
    if (s == DG_OK)
        tell_origin(p);
    dg_with_free(&p->with);
    free(p->of);
    return s == DG_OK ? EXIT_DONE : dg_tell(&dg_command_predict, &why);
}

static int predict_from(const char *run, const predict_options *o, const dg_plugins *plugins)
{
    int code;
    const dg_model_options mo = {.size = sizeof mo,
                                 .weights = o->weights,
                                 .dirs = o->data.item,
                                 .n_dirs = o->data.n,
                                 .types = plugins->type,
                                 .n_types = plugins->n,
                                 .layout = o->as.layout,
                                 .map = o->as.map.item,
                                 .n_map = o->as.map.n,
                                 .data = o->input.n == 0};
    prediction p = {.n = 0};
    dg_diag why = {.code = DG_OK};
    if (dg_with_keep(&p.with, &o->with, &o->input, &why) != DG_OK)
        return dg_tell(&dg_command_predict, &why);
    p.m = dg_open_model(&dg_command_predict, run, &mo, &code);
    if (!p.m)
        return code;
    p.p = dg_predictor_new(p.m, &(dg_predictor_options){.size = sizeof(dg_predictor_options),
                                                        .threads = (int)o->threads});
    code =
        p.p ? run_prediction(&p, o) : dg_tell(&dg_command_predict, &(dg_diag){.code = DG_EMEMORY});
    dg_predictor_free(p.p);
    dg_model_free(p.m);
    return code;
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
    const int is_model = dg_is_onnx(run) || (o->weights && !dg_is_run(run));
    return is_model ? EXIT_DONE : dg_need_run(&dg_command_predict, run);
}

static int predict(int argc, char **argv)
{
    predict_options o = {.out = "-", .weights = NULL};
    const char *place[1] = {NULL};
    const dg_flag flags[] = {
        {"input", FLAG_LIST, &o.input, "[NAME=]FILE",
         "an input (NPY, NPZ, IDX, CSV, pictures; -: standard input), or one file for all; "
         "without: "
         "the test part"},
        {"out", FLAG_TEXT, &o.out, "FILE", ".npy, .npz or .csv; -: CSV to standard output"},
        {"output", FLAG_TEXT, &o.output, "NAME", "this output alone"},
        {"with", FLAG_LIST, &o.with, "COLUMN", "carry a column of the input along (repeatable)"},
        {"top", FLAG_COUNT, &o.top, "K", "the K largest entries of each row and their indices"},
        {"weights", FLAG_TEXT, &o.weights, "FILE",
         "last, best (the default where there is a validation part), or a file"},
        {"layout", FLAG_TEXT, &o.as.layout, "HOW", dg_layout_text},
        {"map", FLAG_LIST, &o.as.map, "OLD=NEW", dg_map_text},
        {"threads", FLAG_THREADS, &o.threads, "N", "one for each processor"},
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
    return predict_from(place[0], &o, &plugins);
}

const dg_command dg_command_predict = {
    "predict", "RUN [options]", "the outputs of a run for given inputs", predict,
    "Data go through the fixed transforms of the run, with the statistics of its checkpoint; the\n"
    "training data are not needed. --input is NPY, NPZ, IDX, CSV, a picture or a folder of them;\n"
    "- is standard input. Columns are taken by the names that the model was trained with, others\n"
    "passed over. Without --input: the test part.\n"
    "\n"
    "CSV has the number of the row in its file (from 0) as row, then each output as NAME, or as\n"
    "NAME.0, NAME.1 and so on."};
