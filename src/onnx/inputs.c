/* Inputs and outputs; see inputs.h. */
#include "onnx/inputs.h"

#include <string.h>

/* Values that free sizes are bound to: primes, so that what comes of them is known again. */
static const int64_t batch_primes[DG_BINDINGS] = {7, 11};
static const int64_t free_primes[][DG_BINDINGS] = {{223, 227}, {229, 233}, {239, 241}, {251, 257},
                                                   {263, 269}, {271, 277}, {281, 283}, {293, 307}};

enum { MOST_FREE = (int)(sizeof free_primes / sizeof *free_primes) };

/* ---- Which axis is the batch ----------------------------------------------------------------- */

static bool is_initialiser(const dg_onnx_graph *g, const char *name)
{
    for (int i = 0; i < g->n_tensors; i++)
        if (strcmp(g->tensors[i].name, name) == 0)
            return true;
    return false;
}

static bool names_batch(const char *free)
{
    static const char *const names[] = {"N", "B", "batch", "batch_size", "bs"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(free, names[i]) == 0)
            return true;
    return false;
}

/* The name of the batch: of a free axis that is called so, else of the first free axis 0; NULL:
 * none is free. *fixed: what the file fixes it to, where all inputs agree; 0: they do not. */
static const char *find_batch(const dg_onnx_graph *g, int64_t *fixed)
{
    const char *name = NULL, *called = NULL;
    *fixed = -1;
    for (int i = 0; i < g->n_inputs; i++) {
        const dg_onnx_port *p = &g->inputs[i];
        if (p->rank < 1 || is_initialiser(g, p->name))
            continue;
        if (p->dim[0] < 0 && !name)
            name = p->free[0];
        if (p->dim[0] >= 0)
            *fixed = *fixed < 0 || *fixed == p->dim[0] ? p->dim[0] : 0;
        for (int k = 0; k < p->rank; k++)
            if (p->dim[k] < 0 && names_batch(p->free[k]))
                called = p->free[k];
    }
    return called ? called : name;
}

static int batch_axis(const dg_import *m, const dg_onnx_port *p, const char *batch)
{
    if (p->rank < 1)
        return -1;
    for (int k = 0; k < p->rank && batch && *batch; k++)
        if (p->dim[k] < 0 && strcmp(p->free[k], batch) == 0)
            return k;
    bool free = batch && p->dim[0] < 0;
    return free || (m->old_batch > 0 && p->dim[0] == m->old_batch) ? 0 : -1;
}

/* ---- Free sizes ------------------------------------------------------------------------------ */

static const char *letters(const char *text)
{
    const char *p = text;
    while ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || *p == '_' ||
           (p > text && *p >= '0' && *p <= '9'))
        p++;
    return *text && !*p && strcmp(text, "N") != 0 ? text : NULL;
}

/* What a free axis is called: by the file, or by its place. */
static const char *free_name(dg_import *m, const dg_onnx_port *p, int axis)
{
    const char *name = letters(p->free[axis]);
    bool picture = p->rank == 4 && axis >= 2;
    if (!name)
        name = picture ? (axis == 2 ? "H" : "W") : dg_heap_printf(&m->heap, "D%d", axis);
    for (int i = 0; i < m->n_free; i++)
        if (strcmp(m->free_name[i], name) == 0 && strcmp(m->free_source[i], p->free[axis]) != 0)
            return dg_heap_printf(&m->heap, "%s_%d", name, m->n_free);
    return name;
}

/* The sizes of a free axis; *name is NULL where an option gives one. */
static void free_size(dg_import *m, const dg_onnx_port *p, int axis, int64_t size[DG_BINDINGS],
                      const char **name)
{
    *name = free_name(m, p, axis);
    for (int i = 0; i < m->options->n_sizes; i++)
        if (strcmp(m->options->size_name[i], *name) == 0) {
            size[0] = size[1] = m->options->size[i];
            *name = NULL;
            return;
        }
    for (int i = 0; i < m->n_free; i++)
        if (strcmp(m->free_name[i], *name) == 0) {
            memcpy(size, m->free_size[i], sizeof m->free_size[i]);
            return;
        }
    if (m->n_free == MOST_FREE)
        dg_onnx_fail(m, DG_EMODEL, "more than %d free sizes; give some by --size NAME=NUMBER",
                     MOST_FREE);
    memcpy(size, free_primes[m->n_free], sizeof free_primes[0]);
    memcpy(m->free_size[m->n_free], size, sizeof m->free_size[0]);
    m->free_name[m->n_free] = *name;
    m->free_source[m->n_free++] = p->free[axis];
}

/* ---- The order in which axes are stored ------------------------------------------------------ */

static bool is_one_of(const char *op, const char *const list[])
{
    for (; *list; list++)
        if (strcmp(op, *list) == 0)
            return true;
    return false;
}

static const char *const spatial[] = {"Conv",
                                      "ConvTranspose",
                                      "MaxPool",
                                      "AveragePool",
                                      "GlobalAveragePool",
                                      "GlobalMaxPool",
                                      "LRN",
                                      "Resize",
                                      "Upsample",
                                      "BatchNormalization",
                                      "InstanceNormalization",
                                      "GroupNormalization",
                                      NULL};
/* Operators that leave the axes of their first input, or of all, as they are. */
static const char *const passing[] = {
    "Add",     "Sub",      "Mul",   "Div", "Pow",       "Max", "Min",   "Relu",      "Sigmoid",
    "Tanh",    "Clip",     "Cast",  "Abs", "Neg",       "Exp", "Log",   "Sqrt",      "Identity",
    "Dropout", "Pad",      "Slice", "Sum", "LeakyRelu", "Elu", "PRelu", "HardSwish", "HardSigmoid",
    "Gelu",    "Softplus", "Mish",  "Erf", "Concat",    NULL};

typedef struct {
    const char *name;
    int perm[DG_MAX_RANK]; /* axis k of it is axis perm[k] of the input */
} reach;

enum { MOST_REACHED = 64 };

static bool reads(const dg_onnx_node *n, const char *name)
{
    for (int k = 0; k < n->n_in; k++)
        if (strcmp(n->in[k], name) == 0)
            return true;
    return false;
}

static bool permute(const dg_onnx_node *n, const reach *from, int rank, reach *to)
{
    const dg_onnx_attr *a = dg_onnx_attr_find(n, "perm");
    for (int k = 0; k < rank; k++) {
        int64_t at = a && a->n_ints == rank ? a->ints[k] : rank - 1 - k;
        if (at < 0 || at >= rank)
            return false;
        to->perm[k] = from->perm[at];
    }
    return true;
}

/* If a node that wants channels last is reached, perm is the order in which the input is to be
 * stored. */
static bool find_order(const dg_onnx_graph *g, const dg_onnx_port *p, int perm[])
{
    reach list[MOST_REACHED] = {{.name = p->name}};
    int n = 1;
    for (int k = 0; k < p->rank; k++)
        list[0].perm[k] = k;
    for (int i = 0; i < n; i++) {
        reach at = list[i];
        for (int j = 0; j < g->n_nodes; j++) {
            const dg_onnx_node *node = &g->nodes[j];
            if (!reads(node, at.name))
                continue;
            if (is_one_of(node->op, spatial)) {
                for (int k = 0; k < p->rank; k++)
                    perm[k] = at.perm[k == 0 ? 0 : k == p->rank - 1 ? 1 : k + 1];
                return true;
            }
            bool turns = strcmp(node->op, "Transpose") == 0;
            if (n == MOST_REACHED || node->n_out < 1 || !(turns || is_one_of(node->op, passing)))
                continue;
            reach next = at;
            next.name = node->out[0];
            if (!turns || permute(node, &at, p->rank, &next))
                list[n++] = next;
        }
    }
    return false;
}

/* The axis of the batch comes first, the others as they were. */
static void batch_first(int perm[], int rank, int batch)
{
    for (int i = 0; i < rank && batch >= 0; i++)
        if (perm[i] == batch) {
            memmove(perm + 1, perm, (size_t)i * sizeof *perm);
            perm[0] = batch;
        }
}

/* ---- Inputs ---------------------------------------------------------------------------------- */

static const char *axes_text(dg_import *m, const dg_onnx_port *p, const int perm[], int batch,
                             const char *const name[])
{
    const char *text = "";
    for (int i = 0; i < p->rank; i++) {
        int k = perm[i];
        const char *comma = i ? ", " : "";
        if (k == batch)
            text = dg_heap_printf(&m->heap, "%s%sN", text, comma);
        else if (name[k])
            text = dg_heap_printf(&m->heap, "%s%s%s", text, comma, name[k]);
        else
            text = dg_heap_printf(&m->heap, "%s%s%lld", text, comma, (long long)p->dim[k]);
    }
    return text;
}

static void add_input(dg_import *m, dg_onnx_scope *scope, const dg_onnx_graph *g, dg_onnx_port *p,
                      const char *batch)
{
    int64_t dim[DG_BINDINGS][DG_MAX_RANK] = {{0}};
    const char *name[DG_MAX_RANK] = {0};
    int perm[DG_MAX_RANK], axis = batch_axis(m, p, batch);
    bool real = p->type == DG_ONNX_FLOAT || p->type == DG_ONNX_DOUBLE ||
                p->type == DG_ONNX_FLOAT16 || p->type == DG_ONNX_BFLOAT16 ||
                p->type == DG_ONNX_BOOL; /* a mask: 1 or 0 */
    if (p->rank < 0)
        dg_onnx_fail(m, DG_EMODEL, "input '%s' has no shape", p->name);
    if (p->type == DG_ONNX_BFLOAT16 || !dg_onnx_type_bytes(p->type))
        dg_onnx_fail(m, DG_EMODEL, "input '%s' is of type %s", p->name, dg_onnx_type_name(p->type));
    for (int k = 0; k < p->rank; k++) {
        int64_t size[DG_BINDINGS] = {p->dim[k], p->dim[k]};
        perm[k] = k;
        if (k == axis)
            memcpy(size, batch_primes, sizeof size);
        else if (p->dim[k] < 0)
            free_size(m, p, k, size, &name[k]);
        p->dim[k] = size[0];
        dim[0][k] = size[0];
        dim[1][k] = size[1];
    }
    if (p->rank >= 3 && real && !m->options->plain)
        find_order(g, p, perm);
    batch_first(perm, p->rank, axis);
    dg_onnx_value *v = dg_onnx_add_value(m, scope, p->name);
    v->integer = !real;
    v->truth = p->type == DG_ONNX_BOOL;
    v->at = dg_layout_stored(p->rank, dim, axis, perm);
    const char *called = dg_onnx_name(m, p->name);
    const char *text = dg_heap_printf(&m->heap, "input %s[%s]%s", called,
                                      axes_text(m, p, perm, axis, name), real ? "" : " int");
    dg_onnx_input_statement(m, called, text, p->name);
    v->dag = called;
    v->rank = p->rank;
    dg_onnx_side *side = &m->inputs[m->n_inputs++];
    *side = (dg_onnx_side){.name = called, .source = p->name, .rank = p->rank};
    side->shape.rank = p->rank;
    for (int i = 0; i < p->rank; i++) {
        side->axis[i] = perm[i];
        v->dim[i] = perm[i] == axis ? DG_N : name[perm[i]] ? -2 : p->dim[perm[i]];
        side->shape.dim[i] = v->dim[i];
    }
}

void dg_onnx_inputs(dg_import *m, dg_onnx_scope *scope, const dg_onnx_graph *g)
{
    int64_t fixed = 0;
    const char *batch = m->options->fixed ? NULL : find_batch(g, &fixed);
    memcpy(m->batch, batch_primes, sizeof m->batch);
    m->old_batch = m->options->fixed || batch || fixed < 0 ? 0 : fixed;
    m->inputs = dg_heap_take(&m->heap, (size_t)g->n_inputs, sizeof *m->inputs);
    for (int i = 0; i < g->n_inputs; i++)
        if (!is_initialiser(g, g->inputs[i].name))
            add_input(m, scope, g, &g->inputs[i], batch);
}

/* ---- Outputs --------------------------------------------------------------------------------- */

static void add_output(dg_import *m, const dg_onnx_value *v, dg_onnx *out)
{
    dg_want w = {0};
    int axis[DG_MAX_RANK];
    const dg_layout *at = &v->at;
    dg_step s = {.node = &(dg_onnx_node){.op = "output", .name = v->name}};
    if (m->options->plain || !dg_onnx_stored_order(v, axis))
        for (int k = 0; k < at->rank; k++)
            axis[k] = k;
    for (int i = 0; i < at->rank; i++)
        dg_want_axis(&w, at, axis[i]);
    const char *name = dg_onnx_give(m, &s, v, &w);
    if (!name)
        return;
    if (!dg_dict_find(&m->names, v->name) && letters(v->name))
        name = dg_onnx_line(m, NULL, v->name, "%s", name); /* it keeps the name of the file */
    for (int i = 0; i < out->n_outputs; i++)
        if (strcmp(out->outputs[i].name, name) == 0)
            return; /* two names of one value */
    dg_onnx_side *side = &out->outputs[out->n_outputs++];
    *side = (dg_onnx_side){.name = name, .source = v->name, .rank = at->rank};
    dg_onnx_value shape = *v;
    dg_onnx_hold(m, &shape, name, &w);
    side->shape.rank = at->rank;
    memcpy(side->shape.dim, shape.dim, sizeof side->shape.dim);
    memcpy(side->axis, axis, (size_t)at->rank * sizeof *axis);
}

void dg_onnx_outputs(dg_import *m, dg_onnx_scope *scope, const dg_onnx_graph *g, dg_onnx *out)
{
    out->outputs = dg_heap_take(&m->heap, (size_t)g->n_outputs, sizeof *out->outputs);
    out->inputs = m->inputs;
    out->n_inputs = m->n_inputs;
    for (int i = 0; i < g->n_outputs; i++) {
        const dg_onnx_value *v = dg_onnx_find_value(scope, g->outputs[i].name);
        if (!v)
            dg_onnx_fail(m, DG_EDATA, "nothing gives the output '%s'", g->outputs[i].name);
        if (v->unknown || v->fixed[0] || v->items)
            dg_onnx_refuse(m, NULL, "output '%s' is %s", v->name,
                           v->unknown    ? "a result that is not read here"
                           : v->fixed[0] ? "a constant"
                                         : "a sequence");
        else
            add_output(m, v, out);
    }
}
