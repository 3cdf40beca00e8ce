/* A graph as a whole: made, given back, its status, its place; node types. */
#include "graph/make.h"

#include "base/checked.h"
#include "base/text.h"
#include "ops/registry.h"
#include <dagrad/dagrad.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

const char *dg_version(void)
{
    return DG_VERSION;
}

/* The host's functions, as far as its struct goes. */
static dg_host host_of(const dg_host *host)
{
    dg_host h = {.size = sizeof h};
    if (host)
        memcpy(&h, host, host->size < sizeof h ? host->size : sizeof h);
    h.size = sizeof h;
    return h;
}

dg_graph *dg_graph_new(const dg_host *host, dg_type real)
{
    dg_host h = host_of(host);
    int half = (h.alloc == NULL) != (h.free == NULL);
    dg_memory memory = {.user = h.user};
    if (!half) {
        memory.alloc = h.alloc;
        memory.free = h.free;
    }
    dg_graph *g = dg_memory_zeroed(&memory, sizeof *g);
    if (!g)
        return NULL;
    g->host = h;
    g->memory = memory;
    g->arena = dg_arena_make(&g->memory);
    g->real = real == DG_F64 ? DG_F64 : DG_F32;
    if (real != g->real)
        dg_graph_fail(g, NULL, DG_EUSAGE, "a graph is of type f32 or f64, not %s",
                      dg_type_name(real));
    if (half)
        dg_graph_fail(g, NULL, DG_EUSAGE, "a host gives both alloc and free, or neither");
    return g;
}

void dg_graph_free(dg_graph *g)
{
    if (!g)
        return;
    for (int i = 0; i < g->n_values; i++)
        dg_memory_free(&g->memory, g->values[i].data);
    void *rooms[] = {g->values, g->nodes, g->outputs, g->losses, g->types, g->names.slots};
    for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++)
        dg_memory_free(&g->memory, rooms[i]);
    dg_arena_free(&g->arena);
    dg_memory memory = g->memory;
    dg_memory_free(&memory, g);
}

dg_status dg_graph_status(const dg_graph *g, dg_diag *first)
{
    if (first && g)
        *first = g->diag;
    else if (first)
        *first = (dg_diag){.code = DG_EMEMORY, .text = "out of memory"};
    return g ? g->diag.code : DG_EMEMORY;
}

dg_type dg_graph_real(const dg_graph *g)
{
    return g ? g->real : DG_F32;
}

void dg_graph_place(dg_graph *g, int start, int end)
{
    if (!g)
        return;
    g->start = start;
    g->end = end;
}

/* ---- Failures -------------------------------------------------------------------------------- */

dg_status dg_graph_fail_as(dg_graph *g, const char *name, const dg_diag *why)
{
    if (g->diag.code != DG_OK)
        return g->diag.code;
    g->diag = *why;
    if (name)
        dg_format(g->diag.node, sizeof g->diag.node, "%s", name);
    if (why->end == 0) {
        g->diag.start = g->start;
        g->diag.end = g->end;
    }
    return g->diag.code;
}

dg_status dg_graph_fail(dg_graph *g, const char *name, dg_status code, const char *format, ...)
{
    dg_diag why = {0};
    char text[sizeof why.text];
    va_list args;
    va_start(args, format);
    dg_vformat(text, sizeof text, format, args);
    va_end(args);
    dg_diag_set(&why, code, "%s", text);
    return dg_graph_fail_as(g, name, &why);
}

dg_status dg_graph_no_memory(dg_graph *g)
{
    return dg_graph_fail(g, NULL, DG_EMEMORY, "out of memory");
}

dg_status dg_graph_pardon(dg_graph *g, dg_diag *first)
{
    dg_status s = dg_graph_status(g, first);
    if (s == DG_EMEMORY)
        return s;
    memset(&g->diag, 0, sizeof g->diag);
    return s;
}

/* ---- Memory ---------------------------------------------------------------------------------- */

void *dg_graph_room(dg_graph *g, void *array, int n, int *room, size_t bytes)
{
    if (n < *room)
        return array;
    int more = *room < 16 ? 16 : *room > INT32_MAX / 2 ? INT32_MAX : *room * 2;
    size_t whole;
    void *larger = NULL;
    if (more > n && dg_mul_size((size_t)more, bytes, &whole))
        larger = dg_memory_alloc(&g->memory, whole);
    if (!larger) {
        dg_graph_no_memory(g);
        return NULL;
    }
    if (n > 0)
        memcpy(larger, array, (size_t)n * bytes);
    dg_memory_free(&g->memory, array);
    *room = more;
    return larger;
}

const char *dg_graph_copy(dg_graph *g, const char *text)
{
    char *copy = dg_arena_copy_string(&g->arena, text);
    if (!copy)
        dg_graph_no_memory(g);
    return copy;
}

/* ---- Node types ------------------------------------------------------------------------------ */

const dg_node_type *dg_type_at(const dg_graph *g, int index)
{
    int own = index - dg_builtin_count();
    if (own < 0)
        return dg_builtin_at(index);
    return g && own < g->n_types ? g->types[own] : NULL;
}

const dg_node_type *dg_type_find(const dg_graph *g, const char *name)
{
    if (!name)
        return NULL;
    int builtin = dg_builtin_find(name);
    if (builtin >= 0)
        return dg_builtin_at(builtin);
    for (int i = 0; g && i < g->n_types; i++)
        if (strcmp(g->types[i]->name, name) == 0)
            return g->types[i];
    return NULL;
}

/* What is wrong with a user's type, NULL: nothing. */
static const char *fault_of(const dg_node_type *t)
{
    int f32 = t->f32.forward && t->f32.adjoint, f64 = t->f64.forward && t->f64.adjoint;
    if (!f32 && !f64)
        return "has neither for f32 nor for f64 both forward and adjoint";
    if (!t->shape)
        return "has no shape rule";
    if (t->n_attrs < 0 || t->n_inputs < 0 || (t->n_attrs > 0 && !t->attrs) ||
        (t->n_inputs > 0 && !t->inputs))
        return "has a number of attributes or inputs without their table";
    if (t->n_out < 0 || t->n_out > DG_MAX_OUT || (t->n_out == 0 && !t->outputs))
        return "has no valid number of outputs";
    if (t->flags & DG_VARIADIC && t->n_inputs == 0)
        return "is variadic without an input";
    for (int i = 0; i < t->n_inputs; i++)
        if (t->inputs[i].flags & DG_IN_MADE && !t->parameter)
            return "has a parameter or state without a rule for its shape";
    for (int i = 0; i < t->n_inputs; i++)
        if (t->inputs[i].flags & DG_IN_STATE &&
            (t->inputs[i].next < 1 || t->inputs[i].next >= t->n_out))
            return "has a state whose next value is none of its results after the first";
    for (int i = 0; i < t->n_attrs; i++)
        if (strcmp(t->attrs[i].name, "name") == 0)
            return "has an attribute 'name', which every node has already";
    return NULL;
}

/* The type itself, or a copy with what a shorter struct lacks: nothing. */
static const dg_node_type *whole_type(dg_graph *g, const dg_node_type *t)
{
    if (t->size >= sizeof *t)
        return t;
    dg_node_type *copy = dg_arena_alloc(&g->arena, sizeof *copy);
    if (!copy) {
        dg_graph_no_memory(g);
        return NULL;
    }
    memcpy(copy, t, t->size);
    copy->size = sizeof *copy;
    return copy;
}

dg_status dg_graph_add_type(dg_graph *g, const dg_node_type *t)
{
    if (!g || g->diag.code != DG_OK)
        return dg_graph_status(g, NULL);
    if (!t || t->size < offsetof(dg_node_type, flags) || !t->name || !*t->name)
        return dg_graph_fail(g, NULL, DG_EUSAGE, "a node type without a name, or without its size");
    t = whole_type(g, t);
    if (!t)
        return g->diag.code;
    const char *fault = fault_of(t);
    if (fault)
        return dg_graph_fail(g, t->name, DG_EUSAGE, "node type '%s' %s", t->name, fault);
    if (dg_type_find(g, t->name))
        return dg_graph_fail(g, t->name, DG_EUSAGE, "there is already a node type '%s'", t->name);
    const dg_node_type **types =
        dg_graph_room(g, g->types, g->n_types, &g->room_types, sizeof *types);
    if (!types)
        return g->diag.code;
    g->types = types;
    g->types[g->n_types++] = t;
    return DG_OK;
}
