/* Why a step was refused; see explain.h. */
#include "train/explain.h"
#include "base/text.h"
#include "engine/origin.h"
#include "graph/graph.h"
#include <stdlib.h>

static int inputs_of(const dg_graph *g)
{
    int n = 0;
    for (int i = 0; i < g->n_values; i++)
        n += g->values[i].kind == DG_INPUT;
    return n;
}

static dg_status make_point(dg_point *x, const dg_graph *g, dg_diag *why)
{
    *x = (dg_point){.in = calloc((size_t)inputs_of(g) + 1, sizeof *x->in)};
    return x->in ? DG_OK : dg_diag_set(why, DG_EMEMORY, "out of memory");
}

static dg_status add_input(dg_point *x, dg_tensor t, dg_diag *why)
{
    t.data = malloc(t.bytes + 1);
    x->in[x->n++] = t;
    return t.data ? DG_OK : dg_diag_set(why, DG_EMEMORY, "out of memory");
}

dg_status dg_point_copy(dg_point *x, const dg_graph *g, dg_program *p, dg_diag *why)
{
    dg_status s = make_point(x, g, why);
    for (int id = 1; s == DG_OK && id <= g->n_values; id++) {
        dg_tensor t = {.data = NULL};
        if (g->values[id - 1].kind != DG_INPUT)
            continue;
        s = dg_get(p, (dg_value){id}, DG_VALUE, &t) == DG_OK ? add_input(x, t, why)
                                                             : dg_program_status(p, why);
        if (s == DG_OK && dg_get(p, (dg_value){id}, DG_VALUE, &x->in[x->n - 1]) != DG_OK)
            s = dg_program_status(p, why);
    }
    return s;
}

static const dg_port *port_of(const dg_dag *m, int32_t id)
{
    for (int i = 0; i < m->n_ports; i++)
        if (m->ports[i].value.id == id)
            return &m->ports[i];
    return NULL;
}

static dg_column *column_of(const dg_experiment *e, const dg_dataset *d, int32_t id)
{
    const dg_port *port = d ? port_of(e->model, id) : NULL;
    return port ? dg_dataset_find(d, port->name) : NULL;
}

dg_status dg_point_read(dg_point *x, dg_experiment *e, const dg_batch_rows *of, dg_reading how,
                        dg_diag *why)
{
    const dg_graph *g = e->model->graph;
    dg_status s = make_point(x, g, why);
    for (int id = 1; s == DG_OK && id <= g->n_values; id++) {
        const dg_vertex *v = &g->values[id - 1];
        dg_tensor t = {.type = v->type, .shape = v->shape};
        dg_column *c = column_of(e, of->data, id);
        if (v->kind != DG_INPUT)
            continue;
        if (t.shape.rank > 0 && t.shape.dim[0] == DG_N)
            t.shape.dim[0] = of->n;
        t.bytes = (size_t)dg_shape_count(&t.shape) * dg_type_bytes(t.type);
        s = c ? add_input(x, t, why) : dg_diag_set(why, DG_EMODEL, "'%s' has no data", v->name);
        if (s == DG_OK)
            s = dg_column_read(c, of->row, of->n, how, t.type, x->in[x->n - 1].data, why);
    }
    return s;
}

void dg_point_free(dg_point *x)
{
    for (int i = 0; i < x->n; i++)
        free(x->in[i].data);
    free(x->in);
    *x = (dg_point){NULL, 0};
}

/* ---- Words ----------------------------------------------------------------------------------- */

static void say_origin(const dg_graph *g, const dg_origin *o, dg_text *out)
{
    const dg_node *n = o->node >= 0 ? &g->nodes[o->node] : NULL;
    const char *value = g->values[o->value.id - 1].name;
    if (o->kind == DG_ORIGIN_LEAF)
        dg_text_printf(out, "'%s' holds it", value);
    else if (o->kind == DG_ORIGIN_FORWARD)
        dg_text_printf(out, "the first is in the result of '%s' (%s)", n->name, n->type->name);
    else
        dg_text_printf(out, "the first comes back, going backward, from '%s' (%s) for '%s'",
                       n->name, n->type->name, value ? value : "its input");
    if (o->row >= 0)
        dg_text_printf(out, ", row %lld of the batch", (long long)o->row);
    dg_text_printf(out, ", element %lld: %s", (long long)o->element,
                   o->found > 0   ? "inf"
                   : o->found < 0 ? "-inf"
                                  : "nan");
}

/* The file that a value is made of: its own column's, else that of the first input. */
static const dg_column *source_of(const dg_experiment *e, const dg_dataset *d, int32_t id)
{
    const dg_column *c = id > 0 ? column_of(e, d, id) : NULL;
    for (int i = 0; !c && d && i < e->model->n_ports; i++)
        if (!e->model->ports[i].target)
            c = dg_dataset_find(d, e->model->ports[i].name);
    return c;
}

static void say_row(const dg_experiment *e, const dg_batch_rows *of, int32_t id, int64_t row,
                    dg_text *out)
{
    if (!of->data || row < 0 || row >= of->n)
        return;
    const dg_column *c = source_of(e, of->data, id);
    const char *file = c ? dg_column_file(c) : NULL;
    dg_text_printf(out, "; that is row %lld of %s",
                   (long long)dg_dataset_source_row(of->data, of->row[row]),
                   file ? file : "the data");
}

/* The same failure in other words; the text is given back. */
static void reword(dg_diag *why, dg_status code, dg_text *text)
{
    dg_diag first = *why;
    *why = (dg_diag){.code = DG_OK};
    dg_diag_set(why, code, "%s", text->failed ? first.text : text->data);
    dg_format(why->node, sizeof why->node, "%s", first.node);
    dg_text_free(text);
}

void dg_explain_row(const dg_experiment *e, const dg_batch_rows *of, dg_diag *why)
{
    dg_text text = dg_text_make(NULL);
    dg_text_add(&text, why->text);
    say_row(e, of, 0, why->row - 1, &text);
    reword(why, why->code, &text);
}

void dg_explain(dg_experiment *e, const dg_options *o, uint64_t step, const dg_point *x,
                const dg_batch_rows *of, const char *what, dg_diag *why)
{
    dg_origin origin;
    dg_text text = dg_text_make(NULL);
    if (dg_origin_find(e->model->graph, o, step, x->in, &origin, NULL) != DG_OK)
        origin.kind = DG_ORIGIN_NONE;
    if (why->code == DG_OK)
        dg_text_printf(&text, "%s is not finite", what);
    else
        dg_text_add(&text, why->text);
    if (origin.kind != DG_ORIGIN_NONE) {
        dg_text_add(&text, "; ");
        say_origin(e->model->graph, &origin, &text);
        say_row(e, of, origin.value.id, origin.row, &text);
    } else {
        say_row(e, of, 0, why->row - 1, &text);
    }
    reword(why, DG_EFINITE, &text);
}
