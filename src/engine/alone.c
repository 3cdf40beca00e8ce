/* A node on its own: the Jacobian of one result by one input, A_m or B_m, from a graph that holds
 * nothing but this node. */
#include "base/text.h"
#include "engine/engine.h"
#include <stdlib.h>

typedef struct alone {
    dg_graph *graph;
    dg_program *program;
    dg_value *in; /* id 0: not given */
    dg_value of, by;
} alone;

static dg_status check(const dg_node_type *t, int n_attr, const dg_attr attr[], int n_in,
                       const dg_tensor in[], int input, dg_diag *why)
{
    if (!t || n_in < 1 || input < 0 || input >= n_in || !in[input].data)
        return dg_diag_set(why, DG_EUSAGE, "dg_node_jacobian needs a type, and the input %d",
                           input);
    if (in[input].type != DG_F32 && in[input].type != DG_F64)
        return dg_diag_set(why, DG_EUSAGE, "input %d of %s is %s: it has no derivative", input,
                           t->name, dg_type_name(in[input].type));
    for (int i = 0; i < n_in; i++)
        if (in[i].data && (in[i].type == DG_F32 || in[i].type == DG_F64) &&
            in[i].type != in[input].type)
            return dg_diag_set(why, DG_EUSAGE, "inputs %d and %d of %s are f32 and f64", i, input,
                               t->name);
    for (int i = 0; i < n_attr; i++)
        if (attr[i].value)
            return dg_diag_set(why, DG_EUSAGE, "'%s' is a value: give it by its place in `in`",
                               attr[i].name);
    return DG_OK;
}

static dg_status build(alone *a, const dg_node_type *t, int n_attr, const dg_attr attr[], int n_in,
                       const dg_tensor in[], int output, int input, dg_diag *why)
{
    dg_graph *g = a->graph = dg_graph_new(NULL, in[input].type);
    a->in = calloc((size_t)n_in, sizeof *a->in);
    if (!g || !a->in)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    if (dg_type_find(g, t->name) != t)
        dg_graph_add_type(g, t);
    for (int i = 0; i < n_in; i++) {
        char name[32];
        dg_format(name, sizeof name, "input %d", i);
        if (in[i].data)
            a->in[i] = dg_input(g, name, in[i].type == DG_U8 ? DG_I32 : in[i].type, in[i].shape);
    }
    dg_value first = dg_apply(g, t->name, t->name, n_in, a->in, n_attr, attr);
    a->of = first.id ? dg_value_part(g, first, output) : first;
    a->by = a->in[input];
    return dg_graph_status(g, why);
}

/* By rows, or by columns where they are fewer and the node has a tangent. */
static dg_status compile(alone *a, dg_diag *why)
{
    const dg_graph *g = a->graph;
    dg_options o = dg_options_default(DG_RUN_GRADIENT, 1);
    o.wrt = &a->by;
    o.start = o.keep = &a->of;
    o.n_wrt = o.n_start = o.n_keep = 1;
    o.threads = 1;
    a->program = dg_compile(a->graph, &o);
    const dg_node *n = &g->nodes[0];
    if (a->program && dg_program_status(a->program, NULL) == DG_OK &&
        dg_shape_count(&g->values[a->of.id - 1].shape) >
            dg_shape_count(&g->values[a->by.id - 1].shape) &&
        dg_has_tangent(n->type, dg_node_math(a->program, n))) {
        dg_program_free(a->program);
        o.tangent = 1;
        a->program = dg_compile(a->graph, &o);
    }
    return a->program ? dg_program_status(a->program, why)
                      : dg_diag_set(why, DG_EMEMORY, "out of memory");
}

static dg_status run(alone *a, int n_in, const dg_tensor in[], dg_tensor *j, dg_diag *why)
{
    dg_program *p = a->program;
    dg_status s = DG_OK;
    for (int i = 0; i < n_in && s == DG_OK; i++)
        if (a->in[i].id)
            s = dg_set(p, a->in[i], DG_VALUE, &in[i]);
    if (s == DG_OK)
        s = dg_forward(p, NULL);
    if (s == DG_OK)
        s = dg_jacobian(p, a->of, a->by, j);
    dg_program_status(p, why);
    return s;
}

dg_status dg_node_jacobian(const dg_node_type *t, int n_attr, const dg_attr attr[], int n_in,
                           const dg_tensor in[], int output, int input, dg_tensor *j, dg_diag *why)
{
    alone a = {.graph = NULL};
    dg_status s = check(t, n_attr, attr, n_in, in, input, why);
    if (s == DG_OK)
        s = build(&a, t, n_attr, attr, n_in, in, output, input, why);
    if (s == DG_OK)
        s = compile(&a, why);
    if (s == DG_OK)
        s = run(&a, n_in, in, j, why);
    dg_program_free(a.program);
    dg_graph_free(a.graph);
    free(a.in);
    return s;
}
