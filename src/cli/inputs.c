/* Rows to predict from; see inputs.h. */
#include "cli/inputs.h"
#include "base/text.h"
#include "graph/graph.h"
#include "io/formats.h"
#include "io/weights.h"
#include "lang/suggest.h"
#include "train/rundir.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FREE_SIZE = 16, NAME_ROOM = 256 };

const dg_binding *dg_binding_of(const dg_dag *m, int port)
{
    const dg_binding *found = NULL;
    for (int i = 0; i < m->n_blocks; i++)
        for (int k = 0; k < m->blocks[i].n_bindings; k++) {
            const dg_binding *b = &m->blocks[i].bindings[k];
            for (int j = 0; j < b->n_names; j++)
                if (b->ports[j] == port && (!found || m->blocks[i].data == DG_DATA_TRAIN))
                    found = b;
        }
    return found;
}

static int calls_of(const dg_binding *b, int port, dg_io_call calls[DG_MOST_IO_WORDS])
{
    const dg_pipe *p = b ? dg_binding_pipe(b, port) : NULL;
    int n = p ? p->n : 0;
    n = n < DG_MOST_IO_WORDS ? n : DG_MOST_IO_WORDS;
    for (int i = 0; i < n; i++) {
        const dg_clause *c = &p->transforms[i];
        calls[i] = (dg_io_call){c->name, c->n_given, c->given, 0, 0};
    }
    return n;
}

static int has_transform(const dg_binding *b, int port, const char *name)
{
    const dg_pipe *p = b ? dg_binding_pipe(b, port) : NULL;
    for (int i = 0; p && i < p->n; i++)
        if (strcmp(p->transforms[i].name, name) == 0)
            return 1;
    return 0;
}

/* ---- Files ----------------------------------------------------------------------------------- */

static dg_status no_port(const dg_dag *m, const char *name, dg_diag *why)
{
    dg_suggest s = {.name = name};
    dg_text all = dg_text_make(NULL);
    for (int i = 0; i < m->n_ports; i++) {
        dg_suggest_try(&s, m->ports[i].name);
        dg_text_printf(&all, "%s%s", i ? ", " : "", m->ports[i].name);
    }
    dg_diag_set(why, DG_EUSAGE, "--input names '%s'%s%s%s; the model has: %.400s", name,
                s.best ? ", did you mean '" : "", s.best ? s.best : "", s.best ? "'?" : "",
                all.length ? all.data : "no inputs");
    dg_text_free(&all);
    return why->code;
}

/* The port that "NAME=FILE" names, and its file. */
static int find_port(const dg_dag *m, const char *given, const char **file, dg_diag *why)
{
    char name[NAME_ROOM];
    const char *equals = strchr(given, '=');
    if (!equals || equals == given || !equals[1]) {
        dg_diag_set(why, DG_EUSAGE, "--input is '%s', it takes NAME=FILE", given);
        return -1;
    }
    *file = equals + 1;
    dg_format(name, sizeof name, "%.*s", (int)(equals - given), given);
    for (int i = 0; i < m->n_ports; i++)
        if (strcmp(m->ports[i].name, name) == 0)
            return i;
    no_port(m, name, why);
    return -1;
}

/* Free dimensions fit any size. */
static dg_shape wanted_shape(const dg_port *port)
{
    dg_shape s = port->shape;
    for (int k = 1; k < s.rank; k++)
        if (port->free[k])
            s.dim[k] = DG_N;
    return s;
}

/* A file read as the source of the port says, but past its pipe. */
static dg_status fill_raw(dg_dataset *d, const dg_dag *m, const dg_binding *b, int port,
                          const char *file, dg_diag *why)
{
    int k = 0;
    while (b->ports[k] != port)
        k++;
    const dg_io_pipe pipe = {m->ports[port].name, k, 0, NULL};
    const dg_io_call source = {b->source.name, b->source.n_given, b->source.given, 0, 0};
    return dg_dataset_fill(d, 1, &pipe, &source, file, why);
}

static dg_status fill_from_array(dg_dataset *d, const dg_port *port, const char *file, dg_diag *why)
{
    dg_array array;
    if (dg_data_read(file, &array, why) != DG_OK)
        return why->code;
    if (array.shape.rank == 0)
        array.shape = (dg_shape){1, {1}}; /* one row of one number */
    return dg_dataset_take(d, port->name, &array, 0, NULL, why);
}

static dg_status add_file(dg_inputs *in, dg_dataset *d, const char *given, dg_diag *why)
{
    const dg_dag *m = in->first->model;
    const char *file = NULL;
    int port = find_port(m, given, &file, why);
    if (port < 0)
        return why->code;
    if (dg_dataset_find(d, m->ports[port].name))
        return dg_diag_set(why, DG_EUSAGE, "--input gives '%s' twice", m->ports[port].name);
    const dg_binding *b = dg_binding_of(m, port);
    const dg_shape wanted = wanted_shape(&m->ports[port]);
    dg_dataset_want(d, m->ports[port].type, &wanted);
    if (b && in->raw)
        fill_raw(d, m, b, port, file, why);
    else if (b)
        dg_experiment_fill(m, d, b, port, file, why);
    else
        fill_from_array(d, &m->ports[port], file, why);
    if (b && why->file[0])
        why->node[0] = 0; /* the file says enough */
    dg_dataset_want(d, DG_F32, NULL);
    return why->code;
}

static const char *stored_note(void *checkpoint, const char *key)
{
    return dg_checkpoint_text(checkpoint, key);
}

/* What the columns of a run have learnt; nothing of a model. */
static dg_status load_notes(const dg_inputs *in, const char *run, const char *weights,
                            dg_checkpoint **c, dg_diag *why)
{
    char room[4096];
    if (!dg_is_run(run))
        return DG_OK;
    dg_run_weights_file(run, dg_run_known_by(in->first, run, weights), room, sizeof room);
    return dg_checkpoint_load(c, room, 0, why);
}

static dg_status add_files(dg_inputs *in, const char *run, const char *weights,
                           const dg_list *files, dg_diag *why)
{
    dg_dataset *d = in->rows_of = dg_dataset_new(in->first->store);
    if (!d)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    in->first->block[DG_TEST_PART] = d; /* owner, until the experiment that reads it is there */
    dg_checkpoint *c = NULL;
    dg_status s = load_notes(in, run, weights, &c, why);
    if (c)
        dg_dataset_follow(d, stored_note, c);
    for (int i = 0; i < files->n && s == DG_OK; i++)
        s = add_file(in, d, files->item[i], why);
    if (s == DG_OK)
        s = dg_dataset_seal(d, 0, 1, NULL, why);
    if (s == DG_OK)
        in->rows = dg_dataset_rows(d);
    dg_dataset_follow(d, NULL, NULL);
    dg_checkpoint_free(c);
    return s;
}

/* Sizes of free dimensions, from the columns. */
static int free_sizes(dg_inputs *in)
{
    int n = 0;
    const dg_dag *m = in->first->model;
    for (int i = 0; i < m->n_ports; i++) {
        dg_column *c = dg_dataset_find(in->rows_of, m->ports[i].name);
        dg_shape s = c ? dg_column_shape(c) : (dg_shape){0};
        for (int k = 0; c && s.rank == m->ports[i].shape.rank && k < s.rank && n < DG_MOST_FREE;
             k++)
            if (m->ports[i].free[k])
                in->sizes[n++] = (dg_dimension){m->ports[i].free[k], s.dim[k]};
    }
    return n;
}

/* ---- Statistics of targets ------------------------------------------------------------------- */

/* A standardised target is read nowhere, but its estimate is given back in the target's units: a
 * column of one row stands for it. Its features are those that the checkpoint has. */
static dg_status add_target(dg_experiment *e, dg_dataset *d, int port, const dg_checkpoint *c,
                            dg_diag *why)
{
    char name[NAME_ROOM];
    dg_io_call calls[DG_MOST_IO_WORDS];
    const dg_binding *b = dg_binding_of(e->model, port);
    dg_format(name, sizeof name, "@data.%s.0", e->model->ports[port].name);
    const dg_tensor *state = dg_checkpoint_find(c, name);
    int64_t numbers = dg_shape_row(&e->model->ports[port].shape);
    int64_t features = state && state->shape.rank == 2 ? state->shape.dim[1] : 0;
    if (features < 1 || numbers % features != 0)
        return DG_OK;
    int whole = has_transform(b, port, "onehot");
    dg_shape shape = {3, {1, numbers / features, features}};
    dg_array array;
    dg_status s = dg_array_make(&array, DG_F32, whole ? &(dg_shape){1, {1}} : &shape, why);
    if (s != DG_OK)
        return s;
    memset(array.data, 0, array.bytes);
    int n = calls_of(b, port, calls);
    return dg_dataset_take(d, e->model->ports[port].name, &array, n, calls, why);
}

static dg_status add_targets(dg_experiment *e, const dg_checkpoint *c, dg_diag *why)
{
    int n = 0;
    dg_dataset *d = dg_dataset_new(e->store);
    if (!d)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    e->block[DG_TRAIN_PART] = d;
    for (int i = 0; i < e->model->n_ports; i++) {
        if (!e->model->ports[i].target ||
            !has_transform(dg_binding_of(e->model, i), i, "standardize"))
            continue;
        dg_status s = add_target(e, d, i, c, why);
        if (s != DG_OK)
            return s;
        n++;
    }
    return n && dg_dataset_columns(d) > 0 ? dg_dataset_seal(d, 0, 1, NULL, why) : DG_OK;
}

static dg_status read_weights(dg_experiment *e, const char *run, const char *weights, dg_diag *why)
{
    char file[4096];
    dg_checkpoint *c = NULL;
    dg_run_weights_file(run, dg_run_known_by(e, run, weights), file, sizeof file);
    dg_status s = dg_checkpoint_load(&c, file, 0, why);
    if (s == DG_OK)
        s = add_targets(e, c, why);
    dg_checkpoint_free(c);
    return s == DG_OK ? dg_run_weights(e, run, weights, why) : s;
}

/* ---- What is needed -------------------------------------------------------------------------- */

/* Each input that an output depends on must be given, and fit. */
static dg_status check_inputs(const dg_inputs *in, dg_diag *why)
{
    const dg_graph *g = in->e->model->graph;
    uint8_t *needed = calloc((size_t)g->n_values + 1, 1);
    if (!needed)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    for (int k = 0; k < g->n_outputs; k++)
        needed[g->outputs[k].value] = 1;
    for (int k = g->n_nodes - 1; k >= 0; k--) {
        const dg_node *n = &g->nodes[k];
        int any = 0;
        for (int j = 0; j < n->n_out; j++)
            any |= needed[n->out + j];
        for (int i = 0; any && i < n->n_in; i++)
            needed[n->in[i]] = 1; /* 0: none */
    }
    for (int i = 0; i < in->e->model->n_ports && why->code == DG_OK; i++) {
        const dg_port *port = &in->e->model->ports[i];
        dg_column *c = dg_dataset_find(in->rows_of, port->name);
        if (!c && needed[port->value.id])
            dg_diag_set(why, DG_EUSAGE, "'%s' is not given: --input %s=FILE", port->name,
                        port->name);
        else if (c)
            dg_column_fits(c, port->type, &port->shape, why);
    }
    free(needed);
    return why->code;
}

/* ---- Opening --------------------------------------------------------------------------------- */

/* The files are read with a model whose free dimensions have some size; their sizes are in o then.
 */
static int read_files(dg_inputs *in, const dg_command *c, const char *run, const char *weights,
                      const dg_list *files, dg_experiment_options *o)
{
    int code;
    dg_diag why = {.code = DG_OK};
    dg_experiment_options sizeless = *o;
    sizeless.without_data = 1;
    sizeless.size = FREE_SIZE;
    in->first = dg_open_either(c, run, "", &sizeless, &code);
    if (!in->first)
        return code;
    if (add_files(in, run, weights, files, &why) != DG_OK)
        return dg_tell(c, &why);
    o->n_sizes = free_sizes(in);
    o->sizes = in->sizes;
    return EXIT_DONE;
}

int dg_inputs_point(dg_inputs *in, const dg_command *c, const char *path, const char *weights,
                    const dg_list *files, dg_experiment_options *o)
{
    dg_diag why = {.code = DG_OK};
    *in = (dg_inputs){.raw = 1};
    if (!files->n)
        return EXIT_DONE;
    int code = read_files(in, c, path, weights, files, o);
    for (int i = 0; code == EXIT_DONE && i < in->first->model->n_ports; i++) {
        const dg_port *port = &in->first->model->ports[i];
        dg_column *column = dg_dataset_find(in->rows_of, port->name);
        dg_shape wanted = wanted_shape(port);
        const dg_binding *b = column ? dg_binding_of(in->first->model, i) : NULL;
        if (column && dg_column_fits(column, port->type, &wanted, &why) != DG_OK)
            code = dg_tell(c, &why);
        else if (b && dg_binding_pipe(b, i) && dg_binding_pipe(b, i)->n > 0)
            fprintf(stderr,
                    "dagrad %s: '%s' is taken as the network sees it, past its transforms\n",
                    c->name, port->name);
    }
    return code;
}

static int from_files(dg_inputs *in, const dg_command *c, const char *run, const char *weights,
                      const dg_list *files, dg_experiment_options *o)
{
    dg_diag why = {.code = DG_OK};
    int code = read_files(in, c, run, weights, files, o);
    if (code != EXIT_DONE)
        return code;
    o->without_data = 1;
    o->size = FREE_SIZE;
    in->e = o->n_sizes ? dg_open_either(c, run, "", o, &code) : in->first;
    if (!in->e)
        return code;
    if (in->e == in->first)
        in->first = NULL;
    else
        in->first->block[DG_TEST_PART] = NULL;
    in->e->block[DG_TEST_PART] = in->rows_of;
    dg_status s = check_inputs(in, &why);
    if (s == DG_OK && !dg_is_onnx(run))
        s = read_weights(in->e, run, weights, &why);
    return s == DG_OK ? EXIT_DONE : dg_tell(c, &why);
}

static int from_part(dg_inputs *in, const dg_command *c, const char *run, const char *weights,
                     dg_experiment_options *o)
{
    int code, part = DG_DATA_PARTS - 1;
    dg_diag why = {.code = DG_OK};
    in->e = dg_open_either(c, run, weights, o, &code);
    if (!in->e)
        return code;
    while (part > 0 && !in->e->part[part].data)
        part--;
    in->part = dg_part_names[part];
    in->rows_of = in->e->part[part].data;
    in->first_row = in->e->part[part].first;
    in->rows = in->e->part[part].rows;
    if (!in->rows_of && in->e->model->n_ports == 0) {
        in->rows = 1; /* a model without inputs */
        return EXIT_DONE;
    }
    if (!in->rows_of)
        dg_diag_set(&why, DG_EUSAGE, "the model has no data: give --input NAME=FILE");
    return why.code == DG_OK ? EXIT_DONE : dg_tell(c, &why);
}

int dg_inputs_open(dg_inputs *in, const dg_command *c, const char *run, const char *weights,
                   const dg_list *files, const dg_list *dirs, const dg_plugins *plugins)
{
    *in = (dg_inputs){.e = NULL};
    dg_experiment_options o = {
        .dirs = dirs->item, .n_dirs = dirs->n, .types = plugins->type, .n_types = plugins->n};
    return files->n ? from_files(in, c, run, weights, files, &o)
                    : from_part(in, c, run, weights, &o);
}

void dg_inputs_free(dg_inputs *in)
{
    dg_experiment_free(in->e);
    dg_experiment_free(in->first);
    *in = (dg_inputs){.e = NULL};
}
