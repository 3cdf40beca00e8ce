/* Values that are not results: inputs, parameters, states, constants. */
#include "graph/make.h"

#include "base/number.h"
#include "base/text.h"
#include "graph/init.h"
#include <string.h>

static const char *const kinds[] = {[DG_INPUT] = "input",
                                    [DG_PARAMETER] = "parameter",
                                    [DG_STATE] = "state",
                                    [DG_CONSTANT] = "constant",
                                    [DG_RESULT] = "result"};

const char *dg_kind_text(dg_kind kind)
{
    return kinds[kind];
}

dg_vertex *dg_graph_vertex(const dg_graph *g, dg_value v)
{
    return g && v.id >= 1 && v.id <= g->n_values ? &g->values[v.id - 1] : NULL;
}

dg_value dg_graph_append(dg_graph *g, const dg_vertex *v)
{
    dg_vertex *values = dg_graph_room(g, g->values, g->n_values, &g->room_values, sizeof *values);
    if (!values)
        return (dg_value){0};
    g->values = values;
    values[g->n_values] = *v;
    values[g->n_values].start = g->start;
    values[g->n_values].end = g->end;
    return (dg_value){++g->n_values};
}

dg_status dg_graph_check_shape(dg_graph *g, const char *name, const char *what, const dg_shape *s,
                               int may_be_n)
{
    if (s->rank < 0 || s->rank > DG_MAX_RANK)
        return dg_graph_fail(g, name, DG_EMODEL, "%s has %d axes, it may have 0 to %d", what,
                             (int)s->rank, DG_MAX_RANK);
    int batch = s->rank > 0 && s->dim[0] == DG_N;
    if (batch && !may_be_n)
        return dg_graph_fail(g, name, DG_EMODEL, "%s has a batch axis N, only inputs may have one",
                             what);
    for (int i = batch; i < s->rank; i++)
        if (s->dim[i] < 0)
            return dg_graph_fail(g, name, DG_EMODEL,
                                 "dimension %d of %s is %lld, it takes 0 or more", i, what,
                                 (long long)s->dim[i]);
    int64_t count = batch ? dg_shape_row(s) : dg_shape_count(s);
    char text[256];
    if (count < 0 || count > PTRDIFF_MAX / 8)
        return dg_graph_fail(g, name, DG_EMODEL, "%s of shape %s is too large to address", what,
                             dg_shape_text(s, text, sizeof text));
    return DG_OK;
}

dg_value dg_graph_declare(dg_graph *g, const char *name, dg_kind kind, dg_type type,
                          const dg_shape *shape, const char *init)
{
    const dg_value none = {0};
    if (!g || g->diag.code != DG_OK)
        return none;
    if (!name || !*name) {
        dg_graph_fail(g, NULL, DG_EUSAGE, "%s without a name", kinds[kind]);
        return none;
    }
    int32_t other = dg_names_value(g, name);
    if (other) {
        dg_graph_fail(g, name, DG_EMODEL, "%s '%s': there is already a%s %s of this name",
                      kinds[kind], name, g->values[other - 1].kind == DG_INPUT ? "n" : "",
                      kinds[g->values[other - 1].kind]);
        return none;
    }
    if (dg_graph_check_shape(g, name, name, shape, kind == DG_INPUT) != DG_OK)
        return none;
    dg_vertex v = {.kind = kind, .type = type, .node = -1};
    v.shape = dg_shape_make(shape->rank, shape->dim);
    v.name = dg_graph_copy(g, name);
    v.init = init && v.name ? dg_graph_copy(g, init) : NULL;
    if (!v.name || (init && !v.init))
        return none;
    dg_value made = dg_graph_append(g, &v);
    if (made.id && dg_names_add_value(g, made.id) != DG_OK) {
        g->n_values--; /* without its name it is not there */
        return none;
    }
    return made;
}

dg_value dg_input(dg_graph *g, const char *name, dg_type type, dg_shape shape)
{
    if (g && type != DG_I32 && type != DG_F32 && type != DG_F64) {
        dg_graph_fail(g, name, DG_EUSAGE, "input '%s' is of type %s, it takes f32, f64 or i32",
                      name ? name : "", dg_type_name(type));
        return (dg_value){0};
    }
    return dg_graph_declare(g, name, DG_INPUT, type == DG_I32 || !g ? type : g->real, &shape, NULL);
}

dg_value dg_graph_hold(dg_graph *g, const char *name, dg_kind kind, const dg_shape *shape,
                       const char *init, const dg_attr *at)
{
    dg_init filler;
    dg_diag why = {.start = at ? at->start : 0, .end = at ? at->end : 0};
    if (!init)
        init = kind == DG_STATE ? "zeros" : "glorot";
    if (g && dg_init_parse(init, &filler, &why) != DG_OK) {
        dg_graph_fail_as(g, name, &why);
        return (dg_value){0};
    }
    dg_value v = dg_graph_declare(g, name, kind, g ? g->real : DG_F32, shape, init);
    if (v.id) {
        g->values[v.id - 1].filler = filler;
        g->initialised = 0;
    }
    return v;
}

dg_value dg_parameter(dg_graph *g, const char *name, dg_shape shape, const char *init)
{
    return dg_graph_hold(g, name, DG_PARAMETER, &shape, init, NULL);
}

dg_value dg_state(dg_graph *g, const char *name, dg_shape shape, const char *init)
{
    return dg_graph_hold(g, name, DG_STATE, &shape, init, NULL);
}

/* ---- Constants ------------------------------------------------------------------------------- */

/* Copies count elements, converted where the types differ (never to an integer type). */
static void convert(const dg_tensor *from, dg_type type, int64_t count, void *to)
{
    if (from->type == type) {
        if (count > 0)
            memcpy(to, from->data, (size_t)count * dg_type_bytes(type));
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        if (type == DG_F32)
            ((float *)to)[i] = (float)dg_number_get(from->type, from->data, i);
        else
            ((double *)to)[i] = dg_number_get(from->type, from->data, i);
    }
}

static int good_tensor(dg_graph *g, const char *name, const dg_tensor *t)
{
    if (dg_type_bytes(t->type) == 0) {
        dg_graph_fail(g, name, DG_EUSAGE, "constant '%s' is of no known type", name);
        return 0;
    }
    if (dg_graph_check_shape(g, name, name, &t->shape, 0) != DG_OK)
        return 0;
    size_t bytes = (size_t)dg_shape_count(&t->shape) * dg_type_bytes(t->type);
    if (t->bytes == bytes && (t->data || bytes == 0))
        return 1;
    dg_graph_fail(g, name, DG_EUSAGE, "constant '%s' has %zu bytes, %zu are given", name, bytes,
                  t->data ? t->bytes : 0);
    return 0;
}

/* A constant; `listed`: its name is unique and can be found. */
static dg_value constant(dg_graph *g, const char *name, const dg_tensor *t, int listed)
{
    const dg_value none = {0};
    if (!g || g->diag.code != DG_OK || !good_tensor(g, name, t))
        return none;
    dg_type type = t->type == DG_I32 ? DG_I32 : g->real;
    int64_t count = dg_shape_count(&t->shape);
    void *data = dg_memory_alloc(&g->memory, (size_t)count * dg_type_bytes(type));
    if (!data) {
        dg_graph_no_memory(g);
        return none;
    }
    convert(t, type, count, data);
    dg_vertex v = {.kind = DG_CONSTANT, .type = type, .node = -1, .shape = t->shape};
    v.name = listed ? NULL : dg_graph_copy(g, name);
    dg_value made = listed   ? dg_graph_declare(g, name, DG_CONSTANT, type, &t->shape, NULL)
                    : v.name ? dg_graph_append(g, &v)
                             : none;
    if (made.id)
        g->values[made.id - 1].data = data;
    else
        dg_memory_free(&g->memory, data);
    return made;
}

dg_value dg_constant(dg_graph *g, const char *name, dg_tensor copied)
{
    return constant(g, name ? name : "constant", &copied, name != NULL);
}

dg_value dg_number(dg_graph *g, double number)
{
    char name[DG_NUMBER_TEXT];
    dg_tensor t = {.type = DG_F64, .data = &number, .bytes = sizeof number};
    return constant(g, dg_f64_text(number, name), &t, 0);
}
