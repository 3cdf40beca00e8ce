/* Raw rows to columns: those of memory and of files, through the fixed transforms of the model's
 * data lines; sizes of free dimensions; what is missing. */
#include "base/text.h"
#include "graph/graph.h"
#include "io/formats.h"
#include "lang/suggest.h"
#include "model/handle.h"
#include "train/checkpoint.h"
#include <stdlib.h>
#include <string.h>

enum { NAME_ROOM = 256 };

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

static dg_io_call call_of(const dg_clause *c)
{
    return (dg_io_call){c->name, c->n_given, c->given, 0, 0};
}

static int calls_of(const dg_binding *b, int port, dg_io_call calls[DG_MOST_IO_WORDS])
{
    const dg_pipe *p = b ? dg_binding_pipe(b, port) : NULL;
    int n = p ? p->n : 0;
    n = n < DG_MOST_IO_WORDS ? n : DG_MOST_IO_WORDS;
    for (int i = 0; i < n; i++)
        calls[i] = call_of(&p->transforms[i]);
    return n;
}

static bool has_transform(const dg_binding *b, int port, const char *name)
{
    const dg_pipe *p = b ? dg_binding_pipe(b, port) : NULL;
    for (int i = 0; p && i < p->n; i++)
        if (strcmp(p->transforms[i].name, name) == 0)
            return true;
    return false;
}

static bool is_table(const dg_binding *b)
{
    return b && strcmp(b->source.name, "csv") == 0;
}

bool dg_port_takes_texts(const dg_dag *m, int port)
{
    dg_io_call calls[DG_MOST_IO_WORDS];
    const dg_binding *b = dg_binding_of(m, port);
    int n = is_table(b) ? calls_of(b, port, calls) : 0;
    return dg_pipe_takes_words(n, calls);
}

int dg_port_find(const dg_dag *m, const char *name)
{
    for (int i = 0; i < m->n_ports; i++)
        if (strcmp(m->ports[i].name, name) == 0)
            return i;
    return -1;
}

dg_shape dg_port_wanted(const dg_port *port)
{
    dg_shape s = port->shape;
    for (int k = 1; k < s.rank; k++)
        if (port->free[k])
            s.dim[k] = DG_N;
    return s;
}

/* ---- Rows of one input ----------------------------------------------------------------------- */

static dg_status no_port(const dg_dag *m, const char *name, dg_diag *why)
{
    dg_suggest s = {.name = name};
    dg_text all = dg_text_make(NULL);
    for (int i = 0; i < m->n_ports; i++) {
        dg_suggest_try(&s, m->ports[i].name);
        dg_text_printf(&all, "%s%s", i ? ", " : "", m->ports[i].name);
    }
    dg_diag_set(why, DG_EUSAGE, "there is no input '%s'%s%s%s; the model has: %.400s", name,
                s.best ? ", did you mean '" : "", s.best ? s.best : "", s.best ? "'?" : "",
                all.length ? all.data : "none");
    dg_text_free(&all);
    return why->code;
}

/* A file read as the source of the port says, but past its pipe. */
static dg_status fill_raw(dg_dataset *d, const dg_dag *m, const dg_binding *b, int port,
                          const char *file, dg_diag *why)
{
    int k = 0;
    while (b->ports[k] != port)
        k++;
    const dg_io_pipe pipe = {m->ports[port].name, k, 0, NULL, 0};
    const dg_io_call source = call_of(&b->source);
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

static dg_status fill_from_file(const dg_dag *m, dg_dataset *d, int port, const dg_rows *in,
                                int raw, dg_diag *why)
{
    const dg_binding *b = dg_binding_of(m, port);
    if (!b)
        return fill_from_array(d, &m->ports[port], in->file, why);
    if (raw)
        fill_raw(d, m, b, port, in->file, why);
    else
        dg_experiment_fill(m, d, b, port, in->file, why);
    if (why->file[0])
        why->node[0] = 0; /* the file says enough */
    return why->code;
}

static dg_status fill_from_numbers(const dg_dag *m, dg_dataset *d, int port, const dg_rows *in,
                                   int raw, dg_diag *why)
{
    dg_array array;
    dg_io_call calls[DG_MOST_IO_WORDS];
    const char *name = m->ports[port].name;
    int n = raw ? 0 : calls_of(dg_binding_of(m, port), port, calls);
    const dg_tensor *t = &in->numbers;
    const int64_t count = dg_shape_count(&t->shape);
    if (!raw && dg_port_takes_texts(m, port))
        return dg_diag_set(why, DG_EUSAGE, "'%s' takes texts, numbers are given", name);
    if (count < 0 || (uint64_t)count * dg_type_bytes(t->type) != t->bytes)
        return dg_diag_set(why, DG_EUSAGE, "the bytes of '%s' do not go with its shape", name);
    if (dg_array_make(&array, t->type, &t->shape, why) != DG_OK)
        return why->code;
    memcpy(array.data, t->data, t->bytes);
    if (array.shape.rank == 0)
        array.shape = (dg_shape){1, {1}};
    return dg_dataset_take(d, name, &array, n, calls, why);
}

static dg_status fill_from_texts(const dg_dag *m, dg_dataset *d, int port, const dg_rows *in,
                                 dg_diag *why)
{
    dg_io_call calls[DG_MOST_IO_WORDS];
    const dg_binding *b = dg_binding_of(m, port);
    const dg_port *p = &m->ports[port];
    if (!is_table(b))
        return dg_diag_set(why, DG_EUSAGE, "'%s' is not read from a table, texts are given",
                           p->name);
    const dg_io_pipe pipe = {p->name, 0, calls_of(b, port, calls), calls, p->type == DG_I32};
    const dg_io_call source = call_of(&b->source);
    return dg_dataset_fill_texts(d, &pipe, &source, in->n_texts, in->texts, why);
}

dg_status dg_rows_fill(const dg_dag *m, dg_dataset *d, const dg_rows *in, int raw, dg_diag *why)
{
    const int port = in->name ? dg_port_find(m, in->name) : -1;
    if (port < 0)
        return no_port(m, in->name ? in->name : "", why);
    if (dg_dataset_find(d, in->name))
        return dg_diag_set(why, DG_EUSAGE, "'%s' is given twice", in->name);
    const dg_shape wanted = dg_port_wanted(&m->ports[port]);
    dg_dataset_want(d, m->ports[port].type, &wanted);
    if (in->file)
        fill_from_file(m, d, port, in, raw, why);
    else if (in->texts)
        fill_from_texts(m, d, port, in, why);
    else if (in->numbers.data)
        fill_from_numbers(m, d, port, in, raw, why);
    else
        dg_diag_set(why, DG_EUSAGE, "'%s' has neither numbers nor texts nor a file", in->name);
    dg_dataset_want(d, DG_F32, NULL);
    return why->code;
}

/* ---- All of them ----------------------------------------------------------------------------- */

int dg_rows_sizes(const dg_dag *m, const dg_dataset *d, dg_dimension sizes[DG_MOST_FREE])
{
    int n = 0;
    for (int i = 0; i < m->n_ports; i++) {
        const dg_column *c = dg_dataset_find(d, m->ports[i].name);
        dg_shape s = c ? dg_column_shape(c) : (dg_shape){0};
        for (int k = 0; c && s.rank == m->ports[i].shape.rank && k < s.rank && n < DG_MOST_FREE;
             k++)
            if (m->ports[i].free[k])
                sizes[n++] = (dg_dimension){m->ports[i].free[k], s.dim[k]};
    }
    return n;
}

uint8_t *dg_rows_needed(const dg_graph *g)
{
    uint8_t *needed = calloc((size_t)g->n_values + 1, 1);
    for (int k = 0; needed && k < g->n_outputs; k++)
        needed[g->outputs[k].value] = 1;
    if (needed)
        dg_graph_mark_before(g, needed);
    return needed;
}

dg_status dg_rows_check(const dg_dag *m, const uint8_t *needed, const dg_dataset *d, dg_diag *why)
{
    for (int i = 0; i < m->n_ports && why->code == DG_OK; i++) {
        const dg_port *port = &m->ports[i];
        const dg_column *c = dg_dataset_find(d, port->name);
        if (!c && needed[port->value.id])
            dg_diag_set(why, DG_EUSAGE, "the input '%s' is not given", port->name);
        else if (c)
            dg_column_fits(c, port->type, &port->shape, why);
    }
    return why->code;
}

/* ---- Statistics of targets ------------------------------------------------------------------- */

/* Its features are those that the checkpoint has. */
static dg_status add_target(const dg_dag *m, dg_dataset *d, int port, const dg_checkpoint *c,
                            dg_diag *why)
{
    char name[NAME_ROOM];
    dg_io_call calls[DG_MOST_IO_WORDS];
    const dg_binding *b = dg_binding_of(m, port);
    dg_format(name, sizeof name, "@data.%s.0", m->ports[port].name);
    const dg_tensor *state = dg_checkpoint_find(c, name);
    int64_t numbers = dg_shape_row(&m->ports[port].shape);
    int64_t features = state && state->shape.rank == 2 ? state->shape.dim[1] : 0;
    if (features < 1 || numbers % features != 0)
        return DG_OK;
    bool whole = has_transform(b, port, "onehot");
    dg_shape shape = {3, {1, numbers / features, features}};
    dg_array array;
    dg_status s = dg_array_make(&array, DG_F32, whole ? &(dg_shape){1, {1}} : &shape, why);
    if (s != DG_OK)
        return s;
    memset(array.data, 0, array.bytes);
    int n = calls_of(b, port, calls);
    return dg_dataset_take(d, m->ports[port].name, &array, n, calls, why);
}

dg_status dg_rows_targets(const dg_dag *m, dg_dataset *d, const dg_checkpoint *c, dg_diag *why)
{
    for (int i = 0; i < m->n_ports && why->code == DG_OK; i++)
        if (m->ports[i].target && has_transform(dg_binding_of(m, i), i, "standardize"))
            add_target(m, d, i, c, why);
    if (why->code == DG_OK && dg_dataset_columns(d) > 0 &&
        dg_dataset_seal(d, 0, 1, NULL, why) == DG_OK)
        dg_columns_restore(c, d, why);
    return why->code;
}
