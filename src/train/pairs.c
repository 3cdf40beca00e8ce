/* What losses and metrics compare: a target with an estimate, in this order; and the labels that
 * both leave out. */
#include "train/pairs.h"
#include "graph/graph.h"
#include "train/metrics.h"
#include <string.h>

enum { MOST_INPUTS = 16 }; /* of a node that takes labels */

static int is_target(const dg_dag *m, int32_t id)
{
    for (int i = 0; i < m->n_ports; i++)
        if (m->ports[i].value.id == id)
            return m->ports[i].target;
    return 0;
}

static int changed_places(const dg_dag *m, int32_t first, int32_t second)
{
    return is_target(m, second) && !is_target(m, first);
}

static const char *name_of(const dg_dag *m, int32_t id)
{
    return m->graph->values[id - 1].name;
}

/* Of a symmetric loss only what is reported is wrong by name: a remark. Else it is an error. */
static void report(dg_experiment *e, dg_span at, const char *word, int32_t second, int symmetric)
{
    char found[512], fits[512];
    dg_place place;
    const dg_dag *m = e->model;
    dg_format(found, sizeof found, "%s takes the target first, and '%s' is its second argument",
              word, name_of(m, second));
    dg_format(fits, sizeof fits, "%s(%s, ...)", word, name_of(m, second));
    if (!symmetric) {
        dg_diags_at(&e->model->diags, at, NULL, fits, "%s", found);
    } else if (e->options.say && dg_source_place(m->diags.source, at.start, &place)) {
        char text[1200];
        dg_format(text, sizeof text, "%s:%d:%d: warning: %s; write %s", place.text->name,
                  place.line, place.column, found, fits);
        e->options.say(e->options.user, text);
    }
}

static void check_losses(dg_experiment *e)
{
    const dg_graph *g = e->model->graph;
    for (int i = 0; i < g->n_nodes; i++) {
        const dg_node *n = &g->nodes[i];
        if (!(n->type->flags & DG_LOSS) || !changed_places(e->model, n->in[0], n->in[1]))
            continue;
        report(e, (dg_span){n->start, n->end}, n->type->name, n->in[1],
               (n->type->flags & DG_SYMMETRIC) != 0);
    }
}

/* The label that the first loss of this target passes over; 0: none does. */
static int ignored_by_loss(const dg_graph *g, int32_t target, int64_t *label)
{
    for (int i = 0; i < g->n_nodes; i++) {
        const dg_node *n = &g->nodes[i];
        if ((n->type->flags & DG_LOSS) && n->in[0] == target && n->type->ignores &&
            n->type->ignores(n->attrs, label))
            return 1;
    }
    return 0;
}

/* The clause belongs to the model, which hands out its attributes to be read only. */
static void take_ignore(const dg_graph *g, dg_metric *m)
{
    int k = dg_metric_ignore(m);
    int64_t label;
    if (k >= 0 && m->clause.attrs.v[k].count == 0 && ignored_by_loss(g, m->target.id, &label))
        ((dg_attr_value *)(uintptr_t)m->clause.attrs.v)[k] =
            (dg_attr_value){.count = 1, .word = -1, .number = {(double)label}};
}

static void check_metric(dg_experiment *e, dg_metric *m)
{
    dg_value_info a, b;
    dg_diag why = {0};
    if (dg_value_look(e->model->graph, m->target, &a) != DG_OK ||
        dg_value_look(e->model->graph, m->estimate, &b) != DG_OK)
        return;
    take_ignore(e->model->graph, m);
    if (changed_places(e->model, m->target.id, m->estimate.id))
        report(e, m->span, m->clause.name, m->estimate.id, dg_metric_symmetric(m));
    else if (dg_metric_check(m, a.type, &a.shape, &b.shape, &why) != DG_OK)
        dg_diags_failure(&e->model->diags, &why, m->span);
}

/* ---- Classes --------------------------------------------------------------------------------- */

/* How many classes a target of labels has, as its first reader says, which is named. */
typedef struct {
    int64_t n; /* 0: none said it yet */
    const char *by;
} classes;

/* A reader that takes n classes, where another one took others: only one of both can be right. */
static void compare(dg_experiment *e, classes *c, const dg_port *port, int64_t n, const char *by,
                    dg_span at)
{
    if (c->n && n && c->n != n)
        dg_diags_at(&e->model->diags, at, NULL, "one number of classes for one target",
                    "'%s' has %lld classes here, and %lld in %s", port->name, (long long)n,
                    (long long)c->n, c->by);
    else if (n)
        *c = (classes){n, by};
}

/* Labels that input k of a node may have; 0: it says nothing. */
static int64_t limit_of(const dg_graph *g, const dg_node *n, int k)
{
    dg_shape in[MOST_INPUTS];
    dg_sizes of = {
        .size = sizeof of, .attrs = n->attrs, .n_in = n->n_in, .in = in, .real = g->real};
    if (!n->type->limit || n->n_in > MOST_INPUTS)
        return 0;
    for (int i = 0; i < n->n_in; i++)
        in[i] = n->in[i] ? g->values[n->in[i] - 1].shape : (dg_shape){.rank = -1};
    int64_t limit = n->type->limit(&of, k);
    return limit > 0 ? limit : 0;
}

static void check_classes(dg_experiment *e, const dg_port *port)
{
    const dg_graph *g = e->model->graph;
    classes c = {0, NULL};
    for (int i = 0; i < g->n_nodes; i++)
        for (int k = 0; k < g->nodes[i].n_in; k++)
            if (g->nodes[i].in[k] == port->value.id)
                compare(e, &c, port, limit_of(g, &g->nodes[i], k), g->nodes[i].type->name,
                        (dg_span){g->nodes[i].start, g->nodes[i].end});
    for (int i = 0; i < e->model->n_metrics; i++) {
        const dg_metric *m = &e->model->metrics[i];
        if (m->target.id != port->value.id || !m->estimate.id)
            continue;
        const dg_shape *s = &g->values[m->estimate.id - 1].shape;
        if (s->rank == port->shape.rank + 1)
            compare(e, &c, port, s->dim[s->rank - 1], m->name, m->span);
    }
}

void dg_experiment_pairs(dg_experiment *e)
{
    for (int i = 0; i < e->model->n_ports; i++)
        if (e->model->ports[i].target && e->model->ports[i].type == DG_I32 &&
            e->model->ports[i].value.id)
            check_classes(e, &e->model->ports[i]);
    check_losses(e);
    for (int i = 0; i < e->model->n_metrics; i++)
        check_metric(e, &e->model->metrics[i]);
}
