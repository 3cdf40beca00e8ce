/* An experiment: a model with its data; see experiment.h. */
#include "train/experiment.h"
#include "train/legend.h"
#include "base/text.h"
#include "graph/make.h"
#include "train/pairs.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const dg_part_names[DG_DATA_PARTS] = {"train", "validation", "test"};

enum { ONNX_SIZE = 64 };

dg_status dg_experiment_status(const dg_experiment *e)
{
    return dg_diags_status(&e->model->diags);
}

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? strndup(path, (size_t)(slash - path) + (slash == path)) : strdup(".");
}

static dg_io_call io_call(const dg_clause *c)
{
    return (dg_io_call){c->name, c->n_given, c->given, c->span.start, c->span.end};
}

static dg_status wrong_shape(const dg_shape *there, const dg_shape *shape, dg_diag *why)
{
    char found[128], fits[128];
    return dg_diag_set(why, DG_EDATA, "the array has shape %s, it must be %s",
                       dg_shape_text(there, found, sizeof found),
                       dg_shape_text(shape, fits, sizeof fits));
}

/* stored("net.safetensors"): the tensor that has the value's name. */
static dg_status read_stored(dg_experiment *e, const char *name, const dg_clause *source,
                             dg_type type, const dg_shape *shape, void *data, dg_diag *why)
{
    const dg_tensor *t = NULL;
    dg_status s = dg_store_tensor(e->store, source->attrs.v[0].text, name, &t, why);
    if (s != DG_OK)
        return s;
    if (!dg_shape_equal(&t->shape, shape))
        return wrong_shape(&t->shape, shape, why);
    for (int64_t i = 0; i < dg_shape_count(shape); i++) {
        double x = dg_tensor_number(t, i);
        if (type == DG_F64)
            ((double *)data)[i] = x;
        else if (type == DG_F32)
            ((float *)data)[i] = (float)x;
        else
            ((int32_t *)data)[i] = (int32_t)x;
    }
    return DG_OK;
}

/* constant A = npy("A.npy"), or an initialiser: reads the whole array. */
static dg_status read_rows(dg_experiment *e, const dg_clause *source, dg_type type,
                           const dg_shape *shape, void *data, dg_diag *why)
{
    dg_io_call call = io_call(source);
    dg_dataset *d = dg_dataset_new(e->store);
    int64_t *rows = NULL;
    if (!d)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    dg_status s = dg_dataset_add(d, 1, (const char *[]){"array"}, &call, 0, NULL, why);
    if (s == DG_OK)
        s = dg_dataset_seal(d, 0, 1, NULL, why);
    dg_column *c = s == DG_OK ? dg_dataset_find(d, "array") : NULL;
    if (c && s == DG_OK) {
        int64_t n = dg_dataset_rows(d);
        dg_shape there = dg_column_shape(c);
        there.dim[0] = n;
        rows = malloc(((size_t)n + 1) * sizeof *rows);
        for (int64_t i = 0; rows && i < n; i++)
            rows[i] = i;
        if (!rows)
            s = dg_diag_set(why, DG_EMEMORY, "out of memory");
        else if (!dg_shape_equal(&there, shape))
            s = wrong_shape(&there, shape, why);
        else
            s = dg_column_read(c, rows, n, (dg_reading){0}, type, data, why);
    }
    free(rows);
    dg_dataset_free(d);
    return s;
}

static dg_status read_array(void *user, const char *name, const dg_clause *source, dg_type type,
                            const dg_shape *shape, void *data, dg_diag *why)
{
    dg_experiment *e = user;
    if (strcmp(source->name, "stored") == 0)
        return read_stored(e, name, source, type, shape, data, why);
    return read_rows(e, source, type, shape, data, why);
}

/* A picture that is given to a network of free sizes is not cut as those of training are. */
static int only_trains(const dg_port *port, const dg_clause *transform)
{
    for (int k = 0; port->free[1] && port->free[2] && dg_transform_at(k); k++)
        if (strcmp(dg_transform_at(k)->name, transform->name) == 0)
            return dg_transform_at(k)->augmenting;
    return 0;
}

dg_status dg_experiment_fill(const dg_dag *m, dg_dataset *d, const dg_binding *b, int only,
                             const char *path, dg_diag *why)
{
    dg_io_call calls[DG_MOST_NAMES][DG_MOST_IO_WORDS], source = io_call(&b->source);
    dg_io_pipe pipes[DG_MOST_NAMES];
    int n = 0;
    for (int i = 0; i < b->n_names && n < DG_MOST_NAMES; i++) {
        const dg_pipe *p = &b->pipes[i];
        if (only >= 0 && b->ports[i] != only)
            continue;
        int k = 0;
        for (int j = 0; j < p->n && k < DG_MOST_IO_WORDS; j++)
            if (!path || !only_trains(&m->ports[b->ports[i]], &p->transforms[j]))
                calls[n][k++] = io_call(&p->transforms[j]);
        pipes[n] = (dg_io_pipe){m->ports[b->ports[i]].name, i, k, calls[n],
                                m->ports[b->ports[i]].type == DG_I32};
        n++;
    }
    return dg_dataset_fill(d, n, pipes, &source, path, why);
}

static dg_status add_binding(dg_experiment *e, dg_dataset *d, const dg_binding *b)
{
    dg_diag why = {0};
    if (dg_experiment_fill(e->model, d, b, -1, NULL, &why) != DG_OK)
        dg_diags_failure(&e->model->diags, &why, b->span);
    return why.code;
}

/* Rows left out are told, once for blocks of the same rows. */
static void say_dropped(const dg_experiment *e)
{
    char text[128];
    int64_t told = 0;
    for (int i = 0; i < DG_DATA_PARTS; i++) {
        int64_t n = e->block[i] ? dg_dataset_dropped(e->block[i]) : 0;
        if (n == told || n == 0 || !e->options.say)
            continue;
        told = n;
        dg_format(text, sizeof text, "%lld row%s with gaps %s left out", (long long)n,
                  n == 1 ? "" : "s", n == 1 ? "is" : "are");
        e->options.say(e->options.user, text);
    }
}

/* A target that is what an input is already, since each has a line of its own. */
static void refuse_copies(dg_experiment *e, const dg_dataset *d, const dg_binding *b)
{
    const dg_port *port = &e->model->ports[b->ports[0]];
    const dg_column *target = dg_dataset_find(d, port->name);
    for (int i = 0; i < e->model->n_ports && b->n_names == 1 && port->target; i++) {
        const dg_port *other = &e->model->ports[i];
        const dg_column *input = other->target ? NULL : dg_dataset_find(d, other->name);
        if (!input || !dg_column_same_windows(input, target))
            continue;
        dg_diags_at(&e->model->diags, b->span, NULL,
                    "a network that is to copy its input takes the input itself as the target of "
                    "its loss",
                    "'%s' is the same as '%s', not what follows it: write %s, %s = %s(..)",
                    port->name, other->name, other->name, port->name, b->source.name);
        return;
    }
}

static void read_block(dg_experiment *e, const dg_block *b)
{
    dg_dataset *d = dg_dataset_new(e->store);
    dg_diag why = {0};
    e->block[b->data] = d;
    if (!d) {
        dg_diag_set(&why, DG_EMEMORY, "out of memory");
        dg_diags_failure(&e->model->diags, &why, b->span);
        return;
    }
    if (b->data != DG_DATA_TRAIN && e->block[DG_TRAIN_PART])
        dg_dataset_follow(d, dg_dataset_note, e->block[DG_TRAIN_PART]);
    for (int i = 0; i < b->n_bindings; i++)
        if (add_binding(e, d, &b->bindings[i]) != DG_OK)
            return; /* the first failure sticks to the data set */
    for (int i = 0; i < b->n_bindings; i++)
        refuse_copies(e, d, &b->bindings[i]);
    const dg_attr_value *part = &b->head.attrs.v[DG_BLOCK_PART];
    const dg_attr_value *shuffle = &b->head.attrs.v[DG_BLOCK_SHUFFLE];
    uint64_t seed = shuffle->count > 0 ? (uint64_t)shuffle->number[0] : 0;
    double from = part->count > 0 ? part->number[0] : 0, to = part->count > 1 ? part->number[1] : 1;
    if (dg_dataset_seal(d, from, to, shuffle->count > 0 ? &seed : NULL, &why) != DG_OK)
        dg_diags_failure(&e->model->diags, &why, b->span);
}

/* The target by whose classes rows are told apart: the first with one whole number a row. */
static const char *label_of(const dg_experiment *e)
{
    for (int i = 0; i < e->model->n_ports; i++) {
        const dg_port *p = &e->model->ports[i];
        if (p->target && p->type == DG_I32 && p->shape.rank == 1 && p->shape.dim[0] == DG_N)
            return p->name;
    }
    return NULL;
}

/* split holds rows out of the training part; they lie after those that stay. */
static void divide(dg_experiment *e)
{
    dg_diag why = {.code = DG_OK};
    for (int i = 0; i < DG_DATA_PARTS; i++)
        if (e->block[i])
            e->part[i] = (dg_part_rows){e->block[i], 0, dg_dataset_rows(e->block[i])};
    dg_part_rows *train = &e->part[DG_TRAIN_PART], *held = &e->part[DG_VALIDATION_PART];
    if (!train->data || held->data || e->settings.split <= 0)
        return;
    int64_t n = (int64_t)(e->settings.split * (double)train->rows);
    *held = (dg_part_rows){train->data, train->rows - n, n};
    train->rows -= n + dg_dataset_overlap(train->data);
    dg_span place = e->model->settings[DG_KEY_SPLIT].span;
    if (train->rows < 1 || n < 1)
        dg_diags_at(&e->model->diags, place, NULL, NULL,
                    "split=%g leaves no rows of %lld for one of both parts", e->settings.split,
                    (long long)(train->rows + n));
    else if (dg_dataset_hold_out(train->data, n, e->settings.seed, label_of(e), &why) != DG_OK)
        dg_diags_failure(&e->model->diags, &why, place);
}

/* Parts of rows that lie sorted by class have other classes: said once. */
static void warn_of_sorted(dg_experiment *e)
{
    const char *label = label_of(e);
    char text[300];
    for (int i = 0; i < e->model->n_blocks && label && e->options.say; i++) {
        const dg_block *b = &e->model->blocks[i];
        const dg_attr_value *part = &b->head.attrs.v[DG_BLOCK_PART];
        int whole = part->count < 2 || (part->number[0] <= 0 && part->number[1] >= 1);
        if (whole || b->head.attrs.v[DG_BLOCK_SHUFFLE].count > 0 ||
            !dg_dataset_is_sorted(e->block[b->data], label))
            continue;
        dg_format(text, sizeof text,
                  "data %s: part= takes rows as they lie, and they are sorted by '%.80s': a part "
                  "lacks classes; shuffle=1 in all blocks draws them",
                  dg_part_names[b->data], label);
        e->options.say(e->options.user, text);
        return;
    }
}

/* The line of a data block that fills a column. */
static dg_span span_of_column(const dg_experiment *e, int data, const char *name)
{
    const dg_dag *m = e->model;
    for (int i = 0; i < m->n_blocks; i++)
        for (int k = 0; k < m->blocks[i].n_bindings && (int)m->blocks[i].data == data; k++) {
            const dg_binding *b = &m->blocks[i].bindings[k];
            for (int j = 0; j < b->n_names; j++)
                if (strcmp(m->ports[b->ports[j]].name, name) == 0)
                    return b->span;
        }
    return (dg_span){0, 0};
}

static void read_data(dg_experiment *e)
{
    dg_diag why = {0};
    for (int i = 0; i < e->model->n_blocks; i++) /* the others take words from this one */
        if (e->model->blocks[i].data == DG_DATA_TRAIN)
            read_block(e, &e->model->blocks[i]);
    for (int i = 0; i < e->model->n_blocks && dg_experiment_status(e) == DG_OK; i++)
        if (e->model->blocks[i].data != DG_DATA_TRAIN)
            read_block(e, &e->model->blocks[i]);
    if (dg_experiment_status(e) != DG_OK)
        return;
    say_dropped(e);
    divide(e);
    warn_of_sorted(e);
    dg_dataset *train = e->block[DG_TRAIN_PART];
    if (train && dg_dataset_fit(train, e->part[DG_TRAIN_PART].rows, e->options.say, e->options.user,
                                &why) != DG_OK)
        dg_diags_failure(&e->model->diags, &why, (dg_span){0, 0});
    for (int i = 1; i < DG_DATA_PARTS && train && why.code == DG_OK; i++)
        if (e->block[i] && dg_dataset_adopt(e->block[i], train, &why) != DG_OK)
            dg_diags_failure(&e->model->diags, &why, span_of_column(e, i, why.node));
}

/* The sizes of free dimensions: from the data, or all `size`. */
static int free_sizes(dg_experiment *e, dg_dimension sizes[], int most)
{
    int n = 0;
    for (int i = 0; i < e->model->n_ports; i++) {
        const dg_port *port = &e->model->ports[i];
        for (int k = 0; k < port->shape.rank; k++) {
            int64_t size = e->options.size; /* pictures of others are halved more often */
            size = e->net && size > 0 && size < ONNX_SIZE ? ONNX_SIZE : size;
            for (int b = 0; b < DG_DATA_PARTS && port->free[k]; b++) {
                dg_column *c = e->block[b] ? dg_dataset_find(e->block[b], port->name) : NULL;
                dg_shape s = c ? dg_column_shape(c) : (dg_shape){0};
                if (c && s.rank == port->shape.rank)
                    size = s.dim[k];
            }
            for (int j = 0; j < e->options.n_sizes && port->free[k]; j++)
                if (strcmp(e->options.sizes[j].name, port->free[k]) == 0)
                    size = e->options.sizes[j].size;
            if (port->free[k] && size > 0 && n < most)
                sizes[n++] = (dg_dimension){port->free[k], size};
        }
    }
    return n;
}

/* Its free dimensions have the sizes that the caller said. */
static int is_sized(const dg_experiment *e, const dg_port *port)
{
    for (int k = 0; k < port->shape.rank && e->options.n_sizes; k++)
        if (port->free[k])
            return 1;
    return 0;
}

/* Each column must fit its input or target. */
static void check_columns(dg_experiment *e)
{
    for (int b = 0; b < e->model->n_blocks; b++) {
        const dg_block *block = &e->model->blocks[b];
        for (int i = 0; i < block->n_bindings; i++) {
            for (int k = 0; k < block->bindings[i].n_names; k++) {
                const dg_port *port = &e->model->ports[block->bindings[i].ports[k]];
                dg_column *c = dg_dataset_find(e->block[block->data], port->name);
                dg_diag why = {0};
                if (c && !is_sized(e, port) &&
                    dg_column_fits(c, port->type, &port->shape, &why) != DG_OK)
                    dg_diags_failure(&e->model->diags, &why, block->bindings[i].span);
            }
        }
    }
}

/* Patterns of freeze must each name something. */
static void freeze(dg_experiment *e)
{
    dg_graph *g = e->model->graph;
    int frozen = 0;
    for (int id = 1; g && id <= dg_graph_values(g); id++) {
        dg_value_info info;
        if (dg_value_look(g, (dg_value){id}, &info) != DG_OK || info.kind != DG_PARAMETER ||
            !dg_name_fits(e->settings.freeze, info.name))
            continue;
        dg_graph_freeze(g, (dg_value){id}, 1);
        frozen++;
    }
    if (*e->settings.freeze && !frozen)
        dg_diags_at(&e->model->diags, e->model->settings[DG_KEY_FREEZE].span, NULL,
                    "`dagrad show` lists the names of parameters", "freeze names no parameter");
}

static bool is_known(const char *name, const dg_dimension sizes[], int n)
{
    bool known = false;
    for (int i = 0; i < n; i++)
        known |= strcmp(sizes[i].name, name) == 0;
    return known;
}

static bool lacks_a_size(const dg_experiment *e, const dg_dimension sizes[], int n)
{
    for (int i = 0; i < e->model->n_ports; i++)
        for (int k = 0; k < e->model->ports[i].shape.rank; k++)
            if (e->model->ports[i].free[k] && !is_known(e->model->ports[i].free[k], sizes, n))
                return true;
    return false;
}

static void build(dg_experiment *e)
{
    dg_dimension sizes[64];
    int n = free_sizes(e, sizes, 64);
    if (dg_experiment_status(e) != DG_OK && lacks_a_size(e, sizes, n))
        return; /* the data would have said it: their failure is told */
    dg_type real = e->options.real_given ? e->options.real : e->settings.real;
    if (dg_dag_build(e->model, real, sizes, n) != DG_OK)
        return;
    if (!e->options.without_data)
        check_columns(e);
    dg_experiment_pairs(e);
    freeze(e);
}

/* What the library logs is a remark. */
static void log_line(void *user, const char *line)
{
    const dg_experiment *e = user;
    if (e->options.say)
        e->options.say(e->options.user, line);
}

/* mse(target_OUT, OUT) for each output whose sizes are known. */
static void add_losses(dg_experiment *e, dg_dag_options *m, dg_diag *why)
{
    dg_text t = dg_text_make(NULL);
    char shape[160];
    dg_text_add(&t, e->net->text);
    for (int i = 0; i < e->net->n_outputs; i++) {
        const dg_onnx_side *s = &e->net->outputs[i];
        int free_size = 0;
        for (int k = 0; k < s->shape.rank; k++)
            free_size |= s->shape.dim[k] < 0 && s->shape.dim[k] != DG_N;
        if (!free_size)
            dg_text_printf(&t, "\ntarget target_%s%s\nloss mse(target_%s, %s)\n", s->name,
                           dg_shape_text(&s->shape, shape, sizeof shape), s->name, s->name);
    }
    e->net_text = t.failed ? NULL : strdup(t.data);
    dg_text_free(&t);
    if (e->net_text)
        m->text = e->net_text;
    else
        dg_diag_set(why, DG_EMEMORY, "out of memory");
}

/* An .onnx as the text of a model and its tensors; a failure is kept for the diagnostics. */
static void read_onnx(dg_experiment *e, dg_dag_options *m, dg_diag *why)
{
    if (e->options.text || !dg_is_onnx(e->options.path))
        return;
    e->net = dg_onnx_read(e->options.path, NULL, why);
    e->options.tensors = e->net ? e->net->tensors : NULL;
    m->text = e->net ? e->net->text : "";
    if (e->net && e->options.losses)
        add_losses(e, m, why);
}

static void onnx_failed(dg_experiment *e, const dg_diag *why)
{
    if (why->code == DG_OK)
        return;
    const char *found = why->text;
    size_t n = strlen(e->options.path);
    if (strncmp(found, e->options.path, n) == 0 && strncmp(found + n, ": ", 2) == 0)
        found += n + 2;
    dg_message m = {.code = why->code, .file = e->options.path, .found = found};
    dg_diags_add(&e->model->diags, &m);
}

dg_experiment *dg_experiment_open(const dg_experiment_options *o)
{
    dg_diag why = {0};
    dg_experiment *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->options = *o;
    e->weights.step = -1;
    e->folder = folder_of(o->path);
    e->store = e->folder ? dg_store_new(e->folder, o->n_dirs, o->dirs) : NULL;
    if (e->store)
        dg_store_say(e->store, o->say, o->user);
    e->host = (dg_host){.size = sizeof e->host, .user = e, .log = log_line};
    dg_words_make(&e->words);
    dg_dag_options m = {.path = o->path,
                        .text = o->text,
                        .set = o->set,
                        .n_set = o->n_set,
                        .vocabulary = &e->words.vocabulary,
                        .types = o->types,
                        .n_types = o->n_types,
                        .no_output = o->no_output,
                        .host = &e->host,
                        .read = read_array,
                        .user = e};
    read_onnx(e, &m, &why);
    if (e->store && e->options.tensors)
        dg_store_hold(e->store, "net.safetensors", e->options.tensors, &why);
    e->model = e->store ? dg_dag_open(&m) : NULL;
    if (!e->model) {
        dg_experiment_free(e);
        return NULL;
    }
    onnx_failed(e, &why);
    if (e->model->n_settings == DG_KEYS)
        dg_settings_read(e->model, &e->settings);
    if (dg_experiment_status(e) == DG_OK && !o->without_data)
        read_data(e);
    /* a model whose files are missing is still checked as far as it goes */
    if (why.code == DG_OK)
        build(e);
    return e;
}

void dg_experiment_free(dg_experiment *e)
{
    if (!e)
        return;
    dg_legends_free(e);
    free(e->pytorch);
    dg_dag_free(e->model);
    for (int i = 0; i < DG_DATA_PARTS; i++)
        dg_dataset_free(e->block[i]);
    dg_store_free(e->store);
    dg_onnx_free(e->net);
    free(e->net_text);
    free(e->folder);
    free(e);
}

dg_options dg_program_options(const dg_experiment *e, dg_mode mode, int64_t batch)
{
    dg_options o = dg_options_default(mode, batch);
    o.exact = e->settings.exact;
    return o;
}
