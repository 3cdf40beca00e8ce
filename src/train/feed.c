/* Rows of an experiment's data, or of a caller, handed to a program. */
#include "train/experiment.h"

#include <stdlib.h>

void dg_batch_buffer_free(dg_batch_buffer *b)
{
    for (int i = 0; i < b->n; i++) {
        free(b->port[i][0].data);
        free(b->port[i][1].data);
    }
    free(b->port);
    *b = (dg_batch_buffer){.binds = b->binds};
}

/* Aligned memory for the i-th of n ports; NULL: there is none. */
static void *memory_of(dg_batch_buffer *b, int i, int n, size_t bytes)
{
    if (!b->port) {
        b->port = calloc((size_t)n, sizeof *b->port);
        b->n = b->port ? n : 0;
    }
    if (!b->port)
        return NULL;
    struct dg_batch_memory *m = &b->port[i][b->binds ? b->turn : 0];
    bytes = (bytes + DG_ALIGN) / DG_ALIGN * DG_ALIGN;
    if (bytes > m->bytes) {
        free(m->data);
        m->data = aligned_alloc(DG_ALIGN, bytes);
        m->bytes = m->data ? bytes : 0;
    }
    return m->data;
}

/* The program's failure; of a label, with its row in the data and not in the batch. */
static dg_status refused(const dg_program *p, const dg_port *port, const dg_dataset *d,
                         const int64_t rows[], const dg_tensor *t, int64_t limit, dg_diag *why)
{
    dg_diag first = {.code = DG_OK};
    dg_status s = dg_program_status(p, &first);
    int64_t row = dg_shape_row(&t->shape), i = 0;
    const int32_t *x = t->type == DG_I32 ? t->data : NULL;
    while (x && limit > 0 && i < dg_shape_count(&t->shape) && x[i] >= 0 && x[i] < limit)
        i++;
    if (s == DG_EDATA && x && limit > 0 && i < dg_shape_count(&t->shape))
        dg_diag_set(why, s, "%s: row %lld of '%s' is %d, labels are 0 to %lld", first.node,
                    (long long)dg_dataset_source_row(d, rows[i / row]), port->name, (int)x[i],
                    (long long)limit - 1);
    else if (why)
        *why = first;
    return s;
}

dg_status dg_experiment_port(const dg_experiment *e, const dg_port *port, const dg_column *c,
                             int64_t n, dg_tensor *t, dg_diag *why)
{
    char have[128], want[128];
    dg_value_info info;
    dg_value_look(e->model->graph, port->value, &info);
    *t = (dg_tensor){.type = info.type, .shape = info.shape};
    dg_shape there = dg_column_shape(c);
    if (dg_shape_row(&there) != dg_shape_row(&t->shape)) /* free sizes that came from elsewhere */
        return dg_diag_set(why, DG_EDATA, "the data of '%s' are %s, with these inputs it is %s",
                           port->name, dg_shape_text(&there, have, sizeof have),
                           dg_shape_text(&t->shape, want, sizeof want));
    t->shape.dim[0] = n;
    t->bytes = (size_t)dg_shape_count(&t->shape) * dg_type_bytes(t->type);
    return DG_OK;
}

dg_status dg_experiment_give(dg_program *p, const dg_port *port, const dg_dataset *d,
                             const int64_t rows[], const dg_tensor *t, int binds, dg_diag *why)
{
    int64_t limit = t->type == DG_I32 ? dg_label_limit(p, port->value) : 0;
    dg_status s = binds && t->type != DG_I32 /* labels are set: a wrong one is told with its row */
                      ? dg_bind(p, port->value, t)
                      : dg_set(p, port->value, DG_VALUE, t);
    return s == DG_OK ? s : refused(p, port, d, rows, t, limit, why);
}

static dg_status set_port(dg_experiment *e, dg_program *p, const dg_dataset *d, const dg_port *port,
                          dg_column *c, const int64_t rows[], int64_t n, dg_reading how,
                          dg_batch_buffer *b, dg_diag *why)
{
    dg_tensor t;
    dg_status s = dg_experiment_port(e, port, c, n, &t, why);
    if (s != DG_OK)
        return s;
    t.data = memory_of(b, (int)(port - e->model->ports), e->model->n_ports, t.bytes);
    if (!t.data)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    s = dg_column_read(c, rows, n, how, t.type, t.data, why);
    return s == DG_OK ? dg_experiment_give(p, port, d, rows, &t, b->binds, why) : s;
}

/* Memory for n rows of each port, and their names. */
static dg_status make_parts(dg_experiment *e, int64_t n, dg_batch_buffer *b, dg_tensor part[],
                            const char *name[], dg_diag *why)
{
    b->turn = !b->turn;
    for (int i = 0; i < e->model->n_ports; i++) {
        dg_value_info info;
        dg_value_look(e->model->graph, e->model->ports[i].value, &info);
        name[i] = info.name;
        part[i] = (dg_tensor){.type = info.type, .shape = info.shape};
        if (info.shape.rank > 0 && info.shape.dim[0] == DG_N)
            part[i].shape.dim[0] = n;
        part[i].bytes = (size_t)dg_shape_count(&part[i].shape) * dg_type_bytes(info.type);
        part[i].data = memory_of(b, i, e->model->n_ports, part[i].bytes);
        if (!part[i].data)
            return dg_diag_set(why, DG_EMEMORY, "out of memory");
    }
    return DG_OK;
}

dg_status dg_experiment_feed(dg_experiment *e, dg_program *p, uint64_t step, const int64_t row[],
                             int64_t n, dg_filler *fill, void *user, dg_batch_buffer *b,
                             dg_diag *why)
{
    const int ports = e->model->n_ports;
    dg_tensor *part = calloc((size_t)ports + 1, sizeof *part);
    const char **name = calloc((size_t)ports + 1, sizeof *name);
    dg_fill_batch batch = {sizeof batch, step, n, row, ports, name, part};
    dg_status s = part && name ? make_parts(e, n, b, part, name, why)
                               : dg_diag_set(why, DG_EMEMORY, "out of memory");
    if (s == DG_OK && (s = fill(user, &batch, why)) != DG_OK)
        dg_diag_set(why, s, "the rows of step %llu could not be filled", (unsigned long long)step);
    for (int i = 0; i < ports && s == DG_OK; i++)
        if ((s = dg_bind(p, e->model->ports[i].value, &part[i])) != DG_OK)
            dg_program_status(p, why);
    free(part);
    free(name);
    return s;
}

/* The ports that d has and `but`, if there is one, has not. */
static dg_status set_ports(dg_experiment *e, dg_program *p, const dg_dataset *d,
                           const dg_dataset *but, const int64_t rows[], int64_t n, dg_reading how,
                           int targets, dg_batch_buffer *b, dg_diag *why)
{
    dg_status s = DG_OK;
    b->turn = !b->turn;
    for (int i = 0; i < e->model->n_ports && s == DG_OK; i++) {
        const dg_port *port = &e->model->ports[i];
        dg_column *c = dg_dataset_find(d, port->name);
        if (c && !(port->target && !targets) && !(but && dg_dataset_find(but, port->name)))
            s = set_port(e, p, d, port, c, rows, n, how, b, why);
    }
    return s;
}

dg_status dg_experiment_set(dg_experiment *e, dg_program *p, const dg_dataset *d,
                            const int64_t rows[], int64_t n, dg_reading how, int targets,
                            dg_batch_buffer *b, dg_diag *why)
{
    return set_ports(e, p, d, NULL, rows, n, how, targets, b, why);
}

/* Rows skip, skip + 1, ... of `of`, after the last of which the first one comes again. */
static dg_status set_point(dg_experiment *e, dg_program *p, const dg_part_rows *of,
                           const dg_dataset *but, int64_t skip, int64_t batch, dg_diag *why)
{
    int64_t *rows = malloc((size_t)batch * sizeof *rows);
    dg_batch_buffer buffer = {.binds = 0};
    if (!rows)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    for (int64_t i = 0; i < batch; i++)
        rows[i] = of->first + (skip + i) % of->rows;
    dg_status s =
        set_ports(e, p, of->data, but, rows, batch, (dg_reading){.training = 0}, 1, &buffer, why);
    free(rows);
    dg_batch_buffer_free(&buffer);
    return s;
}

dg_status dg_experiment_point_of(dg_experiment *e, dg_program *p, int64_t batch, uint64_t seed,
                                 int64_t first, dg_dataset *given, dg_diag *why)
{
    const dg_part_rows *part = &e->part[DG_TRAIN_PART];
    const dg_part_rows own = {given, 0, first + batch};
    dg_status s = part->data ? set_point(e, p, part, given, first, batch, why)
                             : dg_experiment_draw(e, p, batch, seed, why);
    return s == DG_OK && given ? set_point(e, p, &own, NULL, first, batch, why) : s;
}

dg_status dg_experiment_point(dg_experiment *e, dg_program *p, int64_t batch, uint64_t seed,
                              dg_diag *why)
{
    return dg_experiment_point_of(e, p, batch, seed, 0, NULL, why);
}
