/* dg_apply: a node, its inputs, attributes and parameters, and the shapes of its results.
 *
 * In this order, so that a message names the first thing wrong as a reader meets it: the type,
 * inputs by place, attributes, inputs by keyword, types, parameters (given or made), shapes. */
#include "graph/make.h"

#include "base/text.h"
#include "graph/attr.h"
#include "graph/init.h"
#include "ops/registry.h"
#include <string.h>

typedef struct {
    dg_graph *g;
    const dg_node_type *type;
    int builtin;
    const char *name; /* the graph's copy */
    dg_attr_table table;
    const dg_attrs *attrs;
    int n_in;
    int32_t *in;     /* ids, 0: not given */
    dg_shape *shape; /* rank -1: not given */
    const dg_attr **init;
} apply;

/* Shape rules need not say why; a status alone then gets words. */
static dg_status fail_as(apply *a, dg_status code, dg_diag *why)
{
    if (why->code == DG_OK)
        dg_diag_set(why, code, "%s cannot take these shapes", a->type->name);
    return dg_graph_fail_as(a->g, a->name, why);
}

/* ---- Type and name --------------------------------------------------------------------------- */

static dg_status find_type(apply *a, const char *name, const char *node)
{
    dg_graph *g = a->g;
    if (!name)
        return dg_graph_fail(g, node, DG_EUSAGE, "a node without a type");
    a->type = dg_type_find(g, name);
    a->builtin = dg_builtin_find(name);
    if (!a->type)
        return dg_graph_fail(g, node, DG_EMODEL, "there is no node '%s'", name);
    const dg_math *m = g->real == DG_F64 ? &a->type->f64 : &a->type->f32;
    if (a->builtin < 0 && !(m->forward && m->adjoint))
        return dg_graph_fail(g, node, DG_EMODEL, "%s has no functions for %s", name,
                             dg_type_name(g->real));
    a->table = dg_attr_table_of(a->type);
    return DG_OK;
}

static int is_free(const dg_graph *g, const char *name)
{
    return dg_names_node(g, name) < 0 && dg_names_value(g, name) == 0;
}

/* TYPE, TYPE2, TYPE3, ...: one that is free, whose predecessor is not. Found by doubling and
 * halving, since a long chain may have many. */
static void number_name(const dg_graph *g, const char *type, char *text, size_t n)
{
    int low = 1, high = 1;
    dg_format(text, n, "%.200s", type);
    while (!is_free(g, text)) {
        low = high;
        high *= 2;
        dg_format(text, n, "%.200s%d", type, high);
    }
    while (high - low > 1) {
        int middle = low + (high - low) / 2;
        dg_format(text, n, "%.200s%d", type, middle);
        if (is_free(g, text))
            high = middle;
        else
            low = middle;
    }
    if (high > 1)
        dg_format(text, n, "%.200s%d", type, high);
}

/* The name given, else the attribute `name`, else a number. */
static dg_status name_node(apply *a, const char *name, int n_attr, const dg_attr attr[])
{
    char numbered[256];
    for (int i = 0; i < n_attr && !name; i++)
        if (attr[i].name && strcmp(attr[i].name, "name") == 0)
            name = attr[i].word;
    if (!name || !*name) {
        number_name(a->g, a->type->name, numbered, sizeof numbered);
        name = numbered;
    }
    a->name = dg_graph_copy(a->g, name);
    return a->g->diag.code;
}

/* ---- Inputs ---------------------------------------------------------------------------------- */

static const dg_input_spec *spec_of(const apply *a, int k)
{
    int last = a->type->n_inputs - 1;
    return &a->type->inputs[k < last ? k : last];
}

static dg_status make_room(apply *a, int n_in)
{
    dg_arena *arena = &a->g->arena;
    a->n_in = n_in > a->type->n_inputs ? n_in : a->type->n_inputs;
    size_t n = (size_t)a->n_in;
    a->in = dg_arena_array(arena, n, sizeof *a->in);
    a->shape = dg_arena_array(arena, n, sizeof *a->shape);
    a->init = dg_arena_array(arena, n, sizeof(const dg_attr *));
    if (!a->in || !a->shape || !a->init)
        return dg_graph_no_memory(a->g);
    for (int i = 0; i < a->n_in; i++)
        a->shape[i].rank = -1;
    return DG_OK;
}

static dg_status set_input(apply *a, int k, dg_value v)
{
    const dg_vertex *x = dg_graph_vertex(a->g, v);
    if (!x)
        return dg_graph_fail(a->g, a->name, DG_EUSAGE, "%s of %s is not a value of this graph",
                             spec_of(a, k)->name, a->type->name);
    a->in[k] = v.id;
    a->shape[k] = x->shape;
    return DG_OK;
}

static dg_status place_inputs(apply *a, int n_in, const dg_value in[])
{
    const dg_node_type *t = a->type;
    if (n_in > t->n_inputs && !(t->flags & DG_VARIADIC))
        return dg_graph_fail(a->g, a->name, DG_EMODEL, "%s takes %d input%s, %d are given", t->name,
                             t->n_inputs, t->n_inputs == 1 ? "" : "s", n_in);
    dg_status s = make_room(a, n_in);
    for (int k = 0; k < n_in && s == DG_OK; k++) {
        int absent = in[k].id == 0 && spec_of(a, k)->flags & (DG_IN_OPTIONAL | DG_IN_MADE);
        if (!absent)
            s = set_input(a, k, in[k]);
    }
    return s;
}

/* Attributes that are inputs or initialisers. Their form was checked by dg_attrs_check. */
static dg_status take_keywords(apply *a, int n_attr, const dg_attr attr[])
{
    dg_status s = DG_OK;
    for (int i = 0; i < n_attr && s == DG_OK; i++) {
        int k = attr[i].value ? dg_attr_input_of(&a->table, attr[i].name) : -1;
        if (k >= 0 && a->in[k])
            return dg_graph_fail(a->g, a->name, DG_EMODEL, "%s of %s is given twice", attr[i].name,
                                 a->type->name);
        if (k >= 0)
            s = set_input(a, k, *attr[i].value);
        int of = attr[i].value ? -1 : dg_attr_init_of(&a->table, attr[i].name);
        if (of >= 0 && a->init[of])
            return dg_graph_fail(a->g, a->name, DG_EMODEL,
                                 "%s of %s: its initialiser is given twice", attr[i].name,
                                 a->type->name);
        if (of >= 0)
            a->init[of] = &attr[i];
    }
    return s;
}

static dg_status check_inputs(apply *a)
{
    for (int k = 0; k < a->n_in; k++) {
        const dg_input_spec *spec = spec_of(a, k);
        const char *type = a->type->name;
        if (!a->in[k] && !(spec->flags & (DG_IN_OPTIONAL | DG_IN_MADE)))
            return dg_graph_fail(a->g, a->name, DG_EMODEL, "%s of %s is not given", spec->name,
                                 type);
        if (!a->in[k] || spec->flags & DG_IN_ANY)
            continue;
        int is_int = a->g->values[a->in[k] - 1].type == DG_I32;
        if (is_int && !(spec->flags & DG_IN_INT))
            return dg_graph_fail(a->g, a->name, DG_EMODEL, "%s of %s is int, it takes real values",
                                 spec->name, type);
        if (!is_int && spec->flags & DG_IN_INT)
            return dg_graph_fail(a->g, a->name, DG_EMODEL,
                                 "%s of %s is real, it takes labels or ids (int)", spec->name,
                                 type);
    }
    return DG_OK;
}

/* ---- Parameters ------------------------------------------------------------------------------ */

/* A failure that points at an attribute. */
static dg_status fail_at(apply *a, const dg_attr *at, const char *what)
{
    dg_diag why = {.start = at->start, .end = at->end};
    dg_diag_set(&why, DG_EMODEL, "%s of %s: %s", at->name, a->type->name, what);
    return dg_graph_fail_as(a->g, a->name, &why);
}

static dg_status make_parameter(apply *a, int k, const dg_shape *shape)
{
    char stack[512], *name = stack;
    const dg_input_spec *spec = &a->type->inputs[k];
    size_t n = strlen(a->name) + strlen(spec->name) + 2;
    if (n > sizeof stack)
        name = dg_arena_alloc(&a->g->arena, n);
    if (!name)
        return dg_graph_no_memory(a->g);
    dg_format(name, n, "%s.%s", a->name, spec->name);
    dg_kind kind = spec->flags & DG_IN_STATE ? DG_STATE : DG_PARAMETER;
    dg_value v = dg_graph_hold(a->g, name, kind, shape, a->init[k] ? a->init[k]->word : spec->init,
                               a->init[k]);
    return v.id ? set_input(a, k, v) : a->g->diag.code;
}

/* One that is given must have the shape that would be made. */
static dg_status check_parameter(apply *a, int k, const dg_shape *shape)
{
    char found[256], takes[256];
    const dg_input_spec *spec = &a->type->inputs[k];
    if (a->init[k])
        return fail_at(a, a->init[k], "the parameter is given, and keeps its own initialiser");
    if (shape->rank < 0)
        return dg_graph_fail(a->g, a->name, DG_EMODEL, "%s of %s is given, but it has none here",
                             spec->name, a->type->name);
    if (spec->flags & DG_IN_STATE && a->g->values[a->in[k] - 1].kind != DG_STATE)
        return dg_graph_fail(a->g, a->name, DG_EMODEL, "%s of %s takes a state", spec->name,
                             a->type->name);
    if (dg_shape_equal(shape, &a->shape[k]))
        return DG_OK;
    return dg_graph_fail(a->g, a->name, DG_EMODEL, "%s of %s is %s, it takes %s", spec->name,
                         a->type->name, dg_shape_text(&a->shape[k], found, sizeof found),
                         dg_shape_text(shape, takes, sizeof takes));
}

static dg_status do_parameters(apply *a)
{
    dg_status s = DG_OK;
    for (int k = 0; k < a->type->n_inputs && s == DG_OK; k++) {
        if (!(a->type->inputs[k].flags & DG_IN_MADE))
            continue;
        dg_shape shape = {0};
        dg_diag why = {0};
        s = a->type->parameter(a->attrs, a->n_in, a->shape, k, &shape, &why);
        if (s != DG_OK)
            return fail_as(a, s, &why);
        if (a->in[k])
            s = check_parameter(a, k, &shape);
        else if (shape.rank >= 0)
            s = make_parameter(a, k, &shape);
        else if (a->init[k])
            s = fail_at(a, a->init[k], "there is no such parameter here");
    }
    return s;
}

/* ---- Results --------------------------------------------------------------------------------- */

static dg_status infer(apply *a, dg_shape out[DG_MAX_OUT], int *n_out)
{
    const dg_node_type *t = a->type;
    char what[128];
    dg_diag why = {0};
    *n_out = t->n_out > 0 ? t->n_out : t->outputs(a->attrs);
    if (*n_out < 1 || *n_out > DG_MAX_OUT)
        return dg_graph_fail(a->g, a->name, DG_EMODEL, "%s gives %d results, it may give 1 to %d",
                             t->name, *n_out, DG_MAX_OUT);
    dg_status s = t->shape(a->attrs, a->n_in, a->shape, out, &why);
    if (s != DG_OK)
        return fail_as(a, s, &why);
    dg_format(what, sizeof what, "the result of %.100s", t->name);
    for (int k = 0; k < *n_out && s == DG_OK; k++)
        s = dg_graph_check_shape(a->g, a->name, what, &out[k], 1);
    return s;
}

/* What takes either takes integers where the node says how many there are for its shape. */
static dg_status check_either(apply *a)
{
    dg_sizes of = {
        .size = sizeof of, .attrs = a->attrs, .n_in = a->n_in, .in = a->shape, .real = a->g->real};
    for (int k = 0; k < a->n_in && a->type->limit; k++) {
        const dg_input_spec *spec = spec_of(a, k);
        if (!a->in[k] || !(spec->flags & DG_IN_ANY))
            continue;
        int is_int = a->g->values[a->in[k] - 1].type == DG_I32;
        if (is_int != (a->type->limit(&of, k) >= 0)) {
            char text[256];
            return dg_graph_fail(a->g, a->name, DG_EMODEL, "%s of %s is %s, which must be %s",
                                 spec->name, a->type->name,
                                 dg_shape_text(&a->shape[k], text, sizeof text),
                                 is_int ? "real values here, not int" : "labels (int) here");
        }
    }
    return DG_OK;
}

/* A view of integers holds integers; every other result is real. */
static dg_type result_type(const apply *a)
{
    int as_is = a->type->flags & DG_VIEW && a->n_in > 0;
    return as_is ? a->g->values[a->in[0] - 1].type : a->g->real;
}

/* A node that rectifies reads this value: of the node that made it, and of that before a norm. */
static void note_rectifier(dg_graph *g, const dg_vertex *v)
{
    while (v->node >= 0) {
        dg_node *n = &g->nodes[v->node];
        n->rectified = 1;
        if (!(n->type->flags & DG_NORMALISES) || n->n_in < 1 || !n->in[0])
            return;
        v = &g->values[n->in[0] - 1];
    }
}

/* What initialisers ask: who reads a parameter first, and whether a relu follows that node. */
static void note_reads(dg_graph *g, const apply *a, int node)
{
    for (int i = 0; i < a->n_in; i++) {
        dg_vertex *v = a->in[i] ? &g->values[a->in[i] - 1] : NULL;
        if (v && !v->reader)
            v->reader = node + 1;
        if (v && a->type->flags & DG_RECTIFIES)
            note_rectifier(g, v);
    }
}

static dg_value append(apply *a, int n_out, const dg_shape out[])
{
    dg_graph *g = a->g;
    const dg_value none = {0};
    dg_node *nodes = dg_graph_room(g, g->nodes, g->n_nodes, &g->room_nodes, sizeof *nodes);
    if (!nodes)
        return none;
    g->nodes = nodes;
    int node = g->n_nodes, before = g->n_values;
    nodes[node] = (dg_node){.type = a->type,
                            .builtin = a->builtin,
                            .name = a->name,
                            .n_in = a->n_in,
                            .n_out = n_out,
                            .in = a->in,
                            .out = before + 1,
                            .attrs = a->attrs,
                            .start = g->start,
                            .end = g->end};
    dg_vertex v = {.name = a->name, .kind = DG_RESULT, .type = result_type(a), .node = node};
    for (v.part = 0; v.part < n_out; v.part++) {
        v.shape = dg_shape_make(out[v.part].rank, out[v.part].dim);
        if (!dg_graph_append(g, &v).id)
            break;
    }
    if (v.part == n_out && dg_names_add_node(g, node) == DG_OK) {
        note_reads(g, a, node);
        g->n_nodes++;
        return (dg_value){before + 1};
    }
    g->n_values = before;
    return none;
}

dg_value dg_apply(dg_graph *g, const char *type, const char *name, int n_in, const dg_value in[],
                  int n_attr, const dg_attr attr[])
{
    apply a = {.g = g};
    dg_diag why = {0};
    dg_shape out[DG_MAX_OUT];
    int n_out = 0;
    if (!g || g->diag.code != DG_OK)
        return (dg_value){0};
    if (n_in < 0 || (n_in > 0 && !in) || n_attr < 0 || (n_attr > 0 && !attr)) {
        dg_graph_fail(g, name, DG_EUSAGE, "inputs or attributes without their array");
        return (dg_value){0};
    }
    if (find_type(&a, type, name) != DG_OK || name_node(&a, name, n_attr, attr) != DG_OK ||
        place_inputs(&a, n_in, in) != DG_OK)
        return (dg_value){0};
    if (dg_attrs_check(&a.table, n_attr, attr, &g->arena, &a.attrs, &why) != DG_OK) {
        dg_graph_fail_as(g, a.name, &why);
        return (dg_value){0};
    }
    if (take_keywords(&a, n_attr, attr) != DG_OK || check_inputs(&a) != DG_OK ||
        do_parameters(&a) != DG_OK || infer(&a, out, &n_out) != DG_OK || check_either(&a) != DG_OK)
        return (dg_value){0};
    return append(&a, n_out, out);
}
