/* What predicts from a model. Rows go in pieces: as many as fit a batch, then powers of two, so
 * that any number of rows is done by few programs, each compiled once. A row has the same bits in
 * any. */
#include "model/predictor.h"
#include "base/text.h"
#include "lang/suggest.h"
#include "train/checkpoint.h"
#include "train/metric_sums.h"
#include "train/legend.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FEWEST_ROWS = 64 };

static dg_status no_memory(dg_diag *why)
{
    return dg_diag_set(why, DG_EMEMORY, "out of memory");
}

/* ---- A predictor ----------------------------------------------------------------------------- */

static bool list_outputs(dg_predictor *p)
{
    const dg_dag *d = p->m->e->model;
    p->n = dg_graph_outputs(d->graph);
    p->of = calloc((size_t)p->n + 1, sizeof *p->of);
    for (int k = 0; p->of && k < p->n; k++) {
        dg_value_info info;
        dg_estimate *e = &p->of[k];
        e->value = dg_graph_output(d->graph, k, &e->name);
        e->target = dg_model_target_of(d, e->value);
        dg_value_look(d->graph, e->value, &info);
        e->by_rows = info.shape.rank > 0 && info.shape.dim[0] == DG_N;
        p->whole |= !e->by_rows;
    }
    return p->of != NULL;
}

dg_predictor *dg_predictor_new(dg_model *m, const dg_predictor_options *given)
{
    dg_predictor_options o = {.size = sizeof o};
    if (dg_model_status(m, NULL) != DG_OK)
        return NULL;
    if (given)
        memcpy(&o, given, given->size < sizeof o ? given->size : sizeof o);
    dg_predictor *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    *p = (dg_predictor){.m = m, .e = m->e, .threads = o.threads, .batch = o.batch};
    const int64_t batch = m->e->settings.batch;
    if (p->batch < 1)
        p->batch = batch > FEWEST_ROWS ? batch : FEWEST_ROWS;
    p->row = malloc((size_t)p->batch * sizeof *p->row);
    if (p->row && list_outputs(p))
        return p;
    dg_predictor_free(p);
    return NULL;
}

static void free_pieces(dg_predictor *p)
{
    for (int k = 0; k < p->n_pieces; k++) {
        dg_program_free(p->piece[k].program);
        p->piece[k].program = NULL;
    }
    p->n_pieces = p->oldest = 0;
}

/* The rows of before. */
static void forget_rows(dg_predictor *p)
{
    dg_dataset_free(p->given);
    dg_dataset_free(p->targets);
    dg_store_free(p->store);
    p->given = p->targets = p->rows_of = NULL;
    p->store = NULL;
    p->part = NULL;
    p->first_row = p->rows = 0;
    p->done = false;
}

void dg_predictor_free(dg_predictor *p)
{
    if (!p)
        return;
    forget_rows(p);
    free_pieces(p);
    dg_experiment_free(p->sized);
    dg_batch_buffer_free(&p->buffer);
    for (int k = 0; k < p->n; k++)
        free(p->of[k].all.data);
    free(p->of);
    free(p->row);
    free(p);
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static dg_status read_rows(dg_predictor *p, int n, const dg_rows in[], dg_diag *why)
{
    const dg_experiment_options *o = &p->m->options;
    p->store = dg_store_new(p->m->e->folder, o->n_dirs, o->dirs);
    p->given = p->store ? dg_dataset_new(p->store) : NULL;
    p->targets = p->store ? dg_dataset_new(p->store) : NULL;
    if (!p->given || !p->targets)
        return no_memory(why);
    dg_store_say(p->store, o->say, o->user);
    if (p->m->c)
        dg_dataset_follow(p->given, dg_checkpoint_recall, p->m->c);
    for (int i = 0; i < n && why->code == DG_OK; i++)
        dg_rows_fill(p->m->e->model, p->given, &in[i], 0, why);
    if (why->code == DG_OK && n > 0)
        dg_dataset_seal(p->given, 0, 1, NULL, why);
    dg_dataset_follow(p->given, NULL, NULL);
    p->rows_of = n > 0 ? p->given : NULL;
    p->rows = n > 0 ? dg_dataset_rows(p->given) : 1;
    return why->code;
}

static bool has_sizes(const dg_experiment *e, const dg_dimension sizes[], int n)
{
    bool same = true;
    for (int i = 0; i < e->model->n_ports; i++) {
        const dg_port *port = &e->model->ports[i];
        for (int k = 0; k < port->shape.rank; k++)
            for (int j = 0; j < n && port->free[k]; j++)
                if (strcmp(port->free[k], sizes[j].name) == 0)
                    same &= port->shape.dim[k] == sizes[j].size;
    }
    return same;
}

/* The model with the sizes of the rows. */
static dg_status choose_sizes(dg_predictor *p, dg_diag *why)
{
    dg_dimension sizes[DG_MOST_FREE];
    const int n = dg_rows_sizes(p->m->e->model, p->given, sizes);
    const dg_experiment *before = p->e;
    if (has_sizes(p->m->e, sizes, n) && p->m->unfit.code == DG_OK) {
        p->e = p->m->e;
    } else if (!p->sized || !has_sizes(p->sized, sizes, n)) {
        dg_experiment *e = dg_model_sized(p->m, sizes, n, why);
        if (!e)
            return why->code;
        free_pieces(p);
        dg_experiment_free(p->sized);
        p->sized = p->e = e;
    } else {
        p->e = p->sized;
    }
    if (p->e != before)
        free_pieces(p);
    return DG_OK;
}

dg_status dg_predictor_take(dg_predictor *p, int n, const dg_rows in[], dg_diag *why)
{
    forget_rows(p);
    dg_status s = read_rows(p, n, in, why);
    if (s == DG_OK)
        s = choose_sizes(p, why);
    if (s == DG_OK)
        s = dg_rows_check(p->e->model, p->m->needed, p->given, why);
    if (s == DG_OK && p->m->c && p->rows_of)
        s = dg_columns_restore(p->m->c, p->given, why);
    if (s == DG_OK && p->m->c)
        s = dg_rows_targets(p->e->model, p->targets, p->m->c, why);
    return s;
}

dg_status dg_predictor_take_part(dg_predictor *p, const char *name, dg_diag *why)
{
    int part = DG_DATA_PARTS - 1;
    const dg_experiment *e = p->m->e;
    forget_rows(p);
    if (p->e != e)
        free_pieces(p);
    p->e = p->m->e;
    while (part > 0 && (name ? strcmp(name, dg_part_names[part]) != 0 : !e->part[part].data))
        part--;
    if (name && strcmp(name, dg_part_names[part]) != 0)
        return dg_diag_set(why, DG_EUSAGE, "there is no part '%.60s': train, validation, test",
                           name);
    if (!e->part[part].data && e->model->n_ports > 0)
        return dg_diag_set(why, DG_EUSAGE,
                           name ? "the model has no data of the part '%s', or they were not read"
                                : "the model has no data, or they were not read",
                           name);
    p->rows_of = e->part[part].data;
    p->first_row = e->part[part].first;
    p->rows = p->rows_of ? e->part[part].rows : 1;
    p->part = p->rows_of ? dg_part_names[part] : NULL;
    return DG_OK;
}

int64_t dg_predicted_row(const dg_predictor *p, int64_t k)
{
    if (k < 0 || k >= p->rows)
        return -1;
    return p->rows_of ? dg_dataset_source_row(p->rows_of, p->first_row + k) : k;
}

/* ---- Running --------------------------------------------------------------------------------- */

/* Rows of the next piece of `left`. */
static int64_t next_piece(const dg_predictor *p, int64_t left)
{
    int64_t rows = 1;
    if (p->whole || left == 0)
        return left;
    while (2 * rows <= left)
        rows *= 2;
    return left >= p->batch ? p->batch : rows;
}

static dg_program *compile(dg_predictor *p, int64_t rows, dg_diag *why)
{
    dg_options o = dg_program_options(p->e, DG_RUN_INFER, rows);
    o.threads = p->threads;
    pthread_mutex_lock(&p->m->compiling);
    dg_program *program = dg_compile(p->e->model->graph, &o);
    pthread_mutex_unlock(&p->m->compiling);
    if (!program)
        no_memory(why);
    else if (dg_program_status(program, why) == DG_OK)
        return program;
    dg_program_free(program);
    return NULL;
}

/* The program for so many rows; NULL: why says it. */
static dg_program *program_for(dg_predictor *p, int64_t rows, dg_diag *why)
{
    for (int k = 0; k < p->n_pieces; k++)
        if (p->piece[k].rows == rows)
            return p->piece[k].program;
    dg_program *program = compile(p, rows, why);
    if (!program)
        return NULL;
    dg_piece *to = &p->piece[p->n_pieces < DG_MOST_PIECES ? p->n_pieces++ : p->oldest];
    if (to->program && p->n_pieces == DG_MOST_PIECES)
        p->oldest = (p->oldest + 1) % DG_MOST_PIECES;
    dg_program_free(to->program);
    *to = (dg_piece){rows, program};
    return program;
}

/* Memory for all rows of an output of which one piece looks like t. */
static dg_status make_room(const dg_predictor *p, dg_estimate *e, const dg_tensor *t, dg_diag *why)
{
    void *data = e->all.data;
    dg_tensor all = {.type = t->type, .shape = t->shape};
    if (e->by_rows)
        all.shape.dim[0] = p->rows;
    all.bytes = (size_t)dg_shape_count(&all.shape) * dg_type_bytes(t->type);
    if (all.bytes + 1 > e->room) {
        free(data);
        e->room = all.bytes + 1;
        data = malloc(e->room);
    }
    e->all = all;
    e->all.data = data;
    e->room = data ? e->room : 0;
    return data ? DG_OK : no_memory(why);
}

/* Takes over rows of an output that begin at row `at`, in the units of its target. */
static dg_status take(dg_predictor *p, dg_program *program, dg_estimate *e, int64_t at,
                      dg_diag *why)
{
    dg_tensor t = {.data = NULL};
    if (dg_get(program, e->value, DG_VALUE, &t) != DG_OK)
        return dg_program_status(program, why);
    if (at == 0 && make_room(p, e, &t, why) != DG_OK)
        return why->code;
    const size_t row = (size_t)dg_shape_row(&t.shape) * dg_type_bytes(t.type);
    t.data = (char *)e->all.data + (e->by_rows ? (size_t)at * row : 0);
    if (dg_get(program, e->value, DG_VALUE, &t) != DG_OK)
        return dg_program_status(program, why);
    const dg_dataset *units = p->part ? p->e->block[DG_TRAIN_PART] : p->targets;
    return dg_metric_sums_units(p->e->model->graph, units, e->target, &t, why);
}

static dg_status run_piece(dg_predictor *p, int64_t at, int64_t n, dg_diag *why)
{
    dg_program *program = program_for(p, n, why);
    const dg_batch batch = {.size = sizeof batch, .rows = n};
    for (int64_t i = 0; i < n; i++)
        p->row[i] = p->first_row + at + i;
    if (program && p->rows_of)
        dg_experiment_set(p->e, program, p->rows_of, p->row, n, (dg_reading){.training = 0}, 1,
                          &p->buffer, why);
    if (program && why->code == DG_OK && dg_forward(program, &batch) != DG_OK)
        dg_program_status(program, why);
    for (int k = 0; k < p->n && program && why->code == DG_OK; k++)
        take(p, program, &p->of[k], at, why);
    return why->code;
}

dg_status dg_predictor_run(dg_predictor *p, dg_diag *why)
{
    int64_t *row = p->whole ? realloc(p->row, (size_t)p->rows * sizeof *row + 1) : p->row;
    if (!row)
        return no_memory(why);
    p->row = row;
    int64_t n = 0;
    for (int64_t at = 0; at < p->rows && why->code == DG_OK; at += n) {
        n = next_piece(p, p->rows - at);
        run_piece(p, at, n, why);
    }
    p->done = why->code == DG_OK;
    return why->code;
}

/* ---- In one call ----------------------------------------------------------------------------- */

static dg_status usable(const dg_predictor *p, dg_diag *why)
{
    return p ? DG_OK : dg_diag_set(why, DG_EUSAGE, "no predictor");
}

dg_status dg_predict(dg_predictor *p, int n, const dg_rows in[], dg_diag *why)
{
    dg_diag own;
    why = why ? why : &own;
    *why = (dg_diag){.code = DG_OK};
    if (usable(p, why) == DG_OK && dg_predictor_take(p, n, in, why) == DG_OK)
        dg_predictor_run(p, why);
    return why->code;
}

dg_status dg_predict_part(dg_predictor *p, const char *part, dg_diag *why)
{
    dg_diag own;
    why = why ? why : &own;
    *why = (dg_diag){.code = DG_OK};
    if (usable(p, why) == DG_OK && dg_predictor_take_part(p, part, why) == DG_OK)
        dg_predictor_run(p, why);
    return why->code;
}

dg_status dg_predicted(const dg_predictor *p, const char *output, dg_tensor *t)
{
    *t = (dg_tensor){.data = NULL};
    for (int k = 0; p && p->done && k < p->n; k++)
        if (strcmp(p->of[k].name, output) == 0) {
            *t = p->of[k].all;
            return DG_OK;
        }
    return DG_EUSAGE;
}

dg_status dg_predictor_no_output(const dg_predictor *p, const char *output, dg_diag *why)
{
    dg_suggest s = {.name = output};
    dg_text all = dg_text_make(NULL);
    for (int k = 0; k < p->n; k++) {
        dg_suggest_try(&s, p->of[k].name);
        dg_text_printf(&all, "%s%s", k ? ", " : "", p->of[k].name);
    }
    dg_diag_set(why, DG_EUSAGE, "there is no output '%s'%s%s%s; the model has: %.400s", output,
                s.best ? ", did you mean '" : "", s.best ? s.best : "", s.best ? "'?" : "",
                all.length ? all.data : "none");
    dg_text_free(&all);
    return why->code;
}

dg_status dg_model_predict(dg_model *m, int n, const dg_rows in[], const char *output, dg_tensor *t,
                           dg_diag *why)
{
    dg_diag own;
    why = why ? why : &own;
    *t = (dg_tensor){.data = NULL};
    if (dg_model_status(m, why) != DG_OK)
        return dg_model_status(m, NULL);
    if (!m->own && !(m->own = dg_predictor_new(m, NULL)))
        return no_memory(why);
    dg_status s = dg_predict(m->own, n, in, why);
    if (s == DG_OK && dg_predicted(m->own, output, t) != DG_OK)
        s = dg_predictor_no_output(m->own, output, why);
    return s;
}

/* ---- The K largest --------------------------------------------------------------------------- */

/* Of two places: whether the number of the first comes before that of the second. */
static bool is_before(double x, int64_t i, double y, int64_t j)
{
    x = isnan(x) ? -(double)INFINITY : x;
    y = isnan(y) ? -(double)INFINITY : y;
    return x > y || (x >= y && i < j);
}

int dg_top(const dg_tensor *t, int64_t row, int k, int64_t place[])
{
    const int64_t n = t->shape.rank > 0 ? t->shape.dim[t->shape.rank - 1] : 1;
    int found = 0;
    for (; found < k && found < n; found++) {
        int64_t best = -1;
        for (int64_t i = 0; i < n; i++) {
            const double x = dg_tensor_number(t, row * n + i);
            const int64_t last = found ? place[found - 1] : -1;
            const bool left =
                last < 0 || is_before(dg_tensor_number(t, row * n + last), last, x, i);
            if (left && (best < 0 || is_before(x, i, dg_tensor_number(t, row * n + best), best)))
                best = i;
        }
        place[found] = best;
    }
    return found;
}
