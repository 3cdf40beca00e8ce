/* What a model has: inputs, targets, outputs, with the names of their columns and classes. */
#include "base/text.h"
#include "graph/graph.h"
#include "io/lexicon.h"
#include "model/handle.h"
#include "train/checkpoint.h"
#include "train/legend.h"
#include <string.h>

/* Of a port: the names of its table's columns. Classes are those of its legend. */
struct lists {
    int n;
    const char *const *column;
};

/* ---- What is compared with what -------------------------------------------------------------- */

dg_value dg_model_target_of(const dg_dag *m, dg_value v)
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

/* ---- Names ----------------------------------------------------------------------------------- */

static dg_status read_columns(dg_model *m, const char *port, struct lists *l, dg_diag *why)
{
    char key[400], **name = NULL;
    dg_format(key, sizeof key, "data.%s.names", port);
    const char *text = dg_checkpoint_text(m->c, key);
    dg_status s = text ? dg_texts_read(text, &l->n, &name) : DG_OK;
    if (s != DG_OK)
        return dg_diag_set(why, s, "the names of its columns that were stored are damaged");
    const char **copy = dg_arena_array(&m->arena, (size_t)l->n + 1, sizeof *copy);
    bool starved = !copy;
    for (int i = 0; copy && i < l->n; i++) {
        copy[i] = dg_arena_copy_string(&m->arena, name[i]);
        starved |= !copy[i];
    }
    dg_texts_free(l->n, name);
    l->column = copy;
    return starved ? dg_diag_set(why, DG_EMEMORY, "out of memory") : DG_OK;
}

dg_status dg_model_lists(dg_model *m, dg_diag *why)
{
    const dg_dag *d = m->e->model;
    m->lists = dg_arena_array(&m->arena, (size_t)d->n_ports + 1, sizeof *m->lists);
    m->needed = dg_rows_needed(d->graph);
    if (!m->lists || !m->needed)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    for (int i = 0; m->c && i < d->n_ports; i++)
        if (read_columns(m, d->ports[i].name, &m->lists[i], why) != DG_OK)
            return why->code;
    return DG_OK;
}

/* ---- Ports ----------------------------------------------------------------------------------- */

static void look_up_classes(const dg_model *m, dg_value v, dg_port_info *info)
{
    const dg_legend *l = dg_legend_of(m->e, v);
    if (l && l->classes) {
        info->n_classes = l->n;
        info->classes = (const char *const *)l->name;
    }
}

static void look_at_port(const dg_model *m, int k, dg_port_info *info)
{
    const dg_dag *d = m->e->model;
    const dg_port *port = &d->ports[k];
    *info = (dg_port_info){.size = sizeof *info,
                           .name = port->name,
                           .role = port->target ? DG_PORT_TARGET : DG_PORT_INPUT,
                           .value = port->value,
                           .texts = dg_port_takes_texts(d, k),
                           .n_columns = m->lists[k].n,
                           .columns = m->lists[k].column};
    memcpy(info->free, port->free, sizeof info->free);
    info->needed = !port->target && m->needed[port->value.id];
    look_up_classes(m, port->value, info);
}

static void look_at_output(const dg_model *m, int k, dg_port_info *info)
{
    const dg_dag *d = m->e->model;
    *info = (dg_port_info){.size = sizeof *info, .role = DG_PORT_OUTPUT};
    info->value = dg_graph_output(d->graph, k, &info->name);
    dg_value target = dg_model_target_of(d, info->value);
    look_up_classes(m, target, info);
    for (int i = 0; i < d->n_ports && info->n_classes == 0; i++)
        if (d->ports[i].value.id == target.id) {
            info->n_columns = m->lists[i].n;
            info->columns = m->lists[i].column;
        }
}

dg_status dg_model_port(const dg_model *m, int k, dg_port_info *info)
{
    dg_value_info value;
    dg_port_info found;
    dg_status s = dg_model_status(m, NULL);
    int ports = s == DG_OK ? m->e->model->n_ports : 0;
    int outputs = s == DG_OK ? dg_graph_outputs(m->e->model->graph) : 0;
    if (k < 0 || k >= ports + outputs)
        return s == DG_OK ? DG_EUSAGE : s;
    if (k < ports)
        look_at_port(m, k, &found);
    else
        look_at_output(m, k - ports, &found);
    dg_value_look(m->e->model->graph, found.value, &value);
    found.type = value.type;
    found.shape = value.shape;
    found.size = info->size;
    memcpy(info, &found, info->size < sizeof found ? info->size : sizeof found);
    return DG_OK;
}

dg_status dg_model_find(const dg_model *m, const char *name, dg_port_info *info)
{
    dg_port_info found = {.size = sizeof found};
    dg_status s = dg_model_port(m, 0, &found);
    for (int k = 1; s == DG_OK && strcmp(found.name, name) != 0; k++)
        s = dg_model_port(m, k, &found);
    found.size = info->size;
    if (s == DG_OK)
        memcpy(info, &found, info->size < sizeof found ? info->size : sizeof found);
    return s;
}

const char *dg_model_class(const dg_model *m, const char *name, int64_t k)
{
    dg_port_info info = {.size = sizeof info};
    if (dg_model_find(m, name, &info) != DG_OK || k < 0 || k >= info.n_classes)
        return NULL;
    return info.classes[k];
}
