/* A graph to an ONNX file: what is live, inputs, nodes, outputs, the file around them. */
#include "onnx/export.h"

#include "onnx/pack.h"
#include "onnx/proto.h"
#include <dagrad/dagrad.h>
#include <stdarg.h>
#include <string.h>

enum { OPSET = 17 };
/* Fields of a model, a graph, a port and its type. */
enum { IR = 1, PRODUCER = 2, PRODUCER_VERSION = 3, GRAPH = 7, OPSETS = 8, PROPERTIES = 14 };
enum { GRAPH_NAME = 2, INPUT = 11, OUTPUT = 12 };

/* ---- Failures -------------------------------------------------------------------------------- */

static _Noreturn void fail(dg_export *x, dg_status code, const char *format, va_list args)
{
    char text[512];
    dg_vformat(text, sizeof text, format, args);
    dg_diag_set(x->why, code, "%s", text);
    dg_heap_fail(&x->heap);
}

void dg_export_fail(dg_export *x, dg_status code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fail(x, code, format, args);
}

void dg_put_fail(const dg_put *p, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    dg_vformat(text, sizeof text, format, args);
    dg_export_fail(p->x, DG_EMODEL, "'%s' (%s) %s", p->node->name, p->node->type->name, text);
}

/* ---- What is written ------------------------------------------------------------------------- */

static const dg_onnx_pipe *pipe_of(const dg_export *x, const char *name)
{
    for (int i = 0; i < x->writing->n_pipes; i++)
        if (strcmp(x->writing->pipes[i].name, name) == 0)
            return &x->writing->pipes[i];
    return NULL;
}

/* Next values of states are no results in inference. */
static void mark_live(dg_export *x)
{
    const dg_graph *g = x->graph;
    for (int i = 0; i < g->n_outputs; i++)
        x->held[g->outputs[i].value - 1].live = true;
    for (int i = g->n_nodes; i-- > 0;) {
        const dg_node *n = &g->nodes[i];
        bool live = false;
        for (int k = 0; k < n->n_out; k++)
            live |= x->held[n->out + k - 1].live;
        for (int k = 0; live && k < n->n_in; k++)
            if (n->in[k])
                x->held[n->in[k] - 1].live = true;
    }
}

static const dg_put_row *row_of(dg_export *x, const dg_node *n)
{
    const dg_put_row *row = n->builtin >= 0 ? dg_put_find(n->type->name) : NULL;
    if (!row)
        dg_put_fail(&(dg_put){x, n}, "is a node that has no form in ONNX");
    return row;
}

static bool is_live(const dg_export *x, const dg_node *n)
{
    bool live = false;
    for (int k = 0; k < n->n_out; k++)
        live |= x->held[n->out + k - 1].live;
    return live;
}

static void find_opset(dg_export *x)
{
    x->opset = OPSET;
    for (int i = 0; i < x->graph->n_nodes; i++) {
        const dg_node *n = &x->graph->nodes[i];
        const dg_put_row *row = is_live(x, n) ? row_of(x, n) : NULL;
        int newer = row && row->newer ? row->newer(&(dg_put){x, n}) : 0;
        int needs = !row ? 0 : newer > row->opset ? newer : row->opset;
        if (needs > x->opset)
            x->opset = needs;
    }
}

/* ---- Inputs and outputs ---------------------------------------------------------------------- */

/* A port: name, and a tensor type with its shape. */
static void add_port(dg_export *x, dg_text *to, uint32_t field, const char *name, int type,
                     const dg_shape *s, const char *const free[])
{
    dg_text shape = dg_text_make(&x->memory), tensor = dg_text_make(&x->memory),
            kind = dg_text_make(&x->memory);
    dg_text port = dg_text_make(&x->memory);
    for (int i = 0; i < s->rank; i++) {
        dg_text d = dg_text_make(&x->memory);
        if (s->dim[i] == DG_N || free[i])
            dg_pack_text(&d, 2, s->dim[i] == DG_N ? "N" : free[i]);
        else
            dg_pack_number(&d, 1, (uint64_t)s->dim[i]);
        dg_pack_message(&shape, 1, &d);
    }
    dg_pack_number(&tensor, 1, (uint64_t)type);
    dg_pack_message(&tensor, 2, &shape);
    dg_pack_message(&kind, 1, &tensor);
    dg_pack_text(&port, 1, name);
    dg_pack_message(&port, 2, &kind);
    dg_pack_message(to, field, &port);
}

/* The shape in the layout of the file, and the names of its free sizes. */
static dg_shape turned(dg_axes axes, const dg_shape *s, const char *free[])
{
    dg_shape to = *s;
    const char *was[DG_MAX_RANK];
    memcpy(was, free, sizeof was);
    for (int i = 0; i < s->rank; i++) {
        to.dim[dg_axis_in(axes, s->rank, i)] = s->dim[i];
        free[dg_axis_in(axes, s->rank, i)] = was[i];
    }
    return to;
}

/* Names of the free sizes of a value: an input's own, else those of inputs of the same sizes. */
static void free_names(const dg_export *x, int32_t id, const char *name[])
{
    const dg_graph *g = x->graph, *other = x->writing->other;
    const dg_shape *s = &g->values[id - 1].shape;
    for (int k = 0; k < DG_MAX_RANK; k++)
        name[k] = NULL;
    for (int k = 0; other && k < s->rank; k++) {
        int64_t size[2] = {s->dim[k], other->values[id - 1].shape.dim[k]};
        for (int32_t v = 0; size[0] != size[1] && v < g->n_values && !name[k]; v++)
            for (int i = 0; i < g->values[v].shape.rank; i++)
                if (g->values[v].kind == DG_INPUT && g->values[v].shape.dim[i] == size[0] &&
                    other->values[v].shape.dim[i] == size[1])
                    name[k] = x->writing->input_free[v * DG_MAX_RANK + i];
        if (size[0] != size[1] && !name[k])
            name[k] = k == 1 ? "D1" : k == 2 ? "D2" : "D3";
    }
}

static void add_input(dg_export *x, int32_t id)
{
    const dg_vertex *v = &x->graph->values[id - 1];
    dg_held *h = &x->held[id - 1];
    const char *free[DG_MAX_RANK];
    dg_axes axes = dg_port_axes(x, v);
    dg_shape shape = v->shape;
    bool real = v->type == x->graph->real, piped = h->pipe && h->pipe->n;
    free_names(x, id, free);
    if (piped) {
        shape = dg_pipe_before(h->pipe, shape, free);
        axes = DG_AXES_PLAIN;
    }
    if (axes == DG_AXES_FIRST)
        shape = turned(axes, &shape, free);
    const char *name = dg_export_name(x, v->name);
    add_port(x, &x->inputs, INPUT, name, real ? dg_export_real(x) : DG_ONNX_INT64, &shape, free);
    h->name[axes] = piped ? dg_put_pipe(x, h->pipe, name, NULL) : name;
    if (shape.rank > 0 && shape.dim[0] == DG_N)
        x->rows = name;
}

static void reserve_outputs(dg_export *x)
{
    for (int i = 0; i < x->graph->n_outputs; i++) {
        dg_term *o = &x->graph->outputs[i];
        dg_held *h = &x->held[o->value - 1];
        if (x->graph->values[o->value - 1].kind == DG_RESULT && !h->output &&
            !dg_dict_find(&x->names, o->name)) {
            h->output = dg_export_name(x, o->name);
            h->pipe = pipe_of(x, o->name);
        }
    }
}

static void add_output(dg_export *x, const dg_term *o)
{
    const dg_vertex *v = &x->graph->values[o->value - 1];
    dg_held *h = &x->held[o->value - 1];
    const dg_onnx_pipe *pipe = pipe_of(x, o->name);
    const char *free[DG_MAX_RANK], *name = h->output;
    dg_axes axes = pipe && pipe->n ? DG_AXES_PLAIN : dg_port_axes(x, v);
    dg_node none = {.name = o->name,
                    .type = v->node >= 0 ? x->graph->nodes[v->node].type : NULL,
                    .n_in = 1,
                    .in = &o->value};
    dg_put p = {x, &none};
    dg_shape shape = v->shape;
    free_names(x, o->value, free);
    if (!name || strcmp(name, o->name) != 0 || h->written)
        name = dg_export_name(x, o->name);
    const char *in = dg_put_in(&p, 0, axes);
    if (pipe && pipe->n)
        dg_put_pipe(x, pipe, in, name);
    else if (strcmp(in, name) != 0)
        dg_put_op(x, o->name, "Identity", 1, &in, name, NULL);
    h->written = true;
    if (axes == DG_AXES_FIRST)
        shape = turned(axes, &shape, free);
    bool real = v->type == x->graph->real;
    add_port(x, &x->outputs, OUTPUT, name, real ? dg_export_real(x) : DG_ONNX_INT64, &shape, free);
}

/* ---- The file -------------------------------------------------------------------------------- */

static int ir_of(int opset)
{
    return opset >= 23 ? 11 : opset >= 21 ? 10 : opset >= 19 ? 9 : 8;
}

static void finish(dg_export *x, dg_text *out)
{
    dg_text graph = dg_text_make(&x->memory), opset = dg_text_make(&x->memory),
            note = dg_text_make(&x->memory);
    dg_text_add_bytes(&graph, x->nodes.data, x->nodes.length);
    dg_pack_text(&graph, GRAPH_NAME, x->writing->name);
    dg_text_add_bytes(&graph, x->tensors.data, x->tensors.length);
    dg_text_add_bytes(&graph, x->inputs.data, x->inputs.length);
    dg_text_add_bytes(&graph, x->outputs.data, x->outputs.length);
    if (graph.length >= ((size_t)1 << 31) - 65536)
        dg_export_fail(x, DG_EMODEL,
                       "the file would have more than 2 GB, which the format forbids");
    dg_pack_number(out, IR, (uint64_t)ir_of(x->opset));
    dg_pack_text(out, PRODUCER, "dagrad");
    dg_pack_text(out, PRODUCER_VERSION, dg_version());
    dg_pack_message(out, GRAPH, &graph);
    dg_pack_text(&opset, 1, "");
    dg_pack_number(&opset, 2, (uint64_t)x->opset);
    dg_pack_message(out, OPSETS, &opset);
    dg_pack_text(&note, 1, "dagrad.constants");
    dg_pack_text(&note, 2, x->constants.data);
    dg_pack_message(out, PROPERTIES, &note);
    out->failed |= x->nodes.failed | x->tensors.failed | x->inputs.failed | x->outputs.failed;
}

/* Inputs and parameters have the first right to their names. */
static void reserve_names(dg_export *x)
{
    for (int32_t id = 1; id <= x->graph->n_values; id++) {
        const dg_vertex *v = &x->graph->values[id - 1];
        if (v->kind == DG_INPUT)
            x->held[id - 1].pipe = pipe_of(x, v->name);
        if (v->kind == DG_INPUT && x->held[id - 1].live)
            add_input(x, id);
    }
    reserve_outputs(x);
}

typedef struct {
    dg_export *x;
    dg_text *out;
} task;

static void export(void *work)
{
    const task *t = work;
    dg_export *x = t->x;
    const dg_graph *g = x->graph;
    x->held = dg_heap_take(&x->heap, (size_t)g->n_values + 1, sizeof *x->held);
    if (g->n_outputs == 0)
        dg_export_fail(x, DG_EMODEL, "the model has no outputs");
    mark_live(x);
    find_opset(x);
    reserve_names(x);
    for (int i = 0; i < g->n_nodes; i++)
        if (is_live(x, &g->nodes[i]))
            row_of(x, &g->nodes[i])->put(&(dg_put){x, &g->nodes[i]});
    for (int i = 0; i < g->n_outputs; i++)
        add_output(x, &g->outputs[i]);
    finish(x, t->out);
}

/* Messages in the making lie in the arena, since a failure jumps over who would free them. */
static void *take(void *arena, size_t bytes)
{
    return dg_arena_alloc(arena, bytes);
}

static void leave(void *arena, void *memory)
{
    (void)arena;
    (void)memory;
}

dg_status dg_onnx_write(const dg_onnx_writing *w, dg_text *out, dg_diag *why)
{
    dg_export x = {.writing = w, .graph = w->graph, .why = why};
    x.memory = (dg_memory){.user = &x.heap.arena, .alloc = take, .free = leave};
    dg_text *const texts[] = {&x.nodes, &x.tensors, &x.inputs, &x.outputs, &x.constants};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = dg_text_make(NULL);
    x.heap.arena = dg_arena_make(NULL);
    bool done = dg_heap_try(&x.heap, export, &(task){&x, out});
    if (!done || out->failed)
        dg_diag_set(why, DG_EMEMORY, "out of memory"); /* unless it is known better */
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        dg_text_free(texts[i]);
    dg_arena_free(&x.heap.arena);
    return done && !out->failed ? DG_OK : why->code;
}
