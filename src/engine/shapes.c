/* Pass shapes: the sizes of every value for the plan's number of rows.
 *
 * Needs: order. Gives: shapes. Shape rules run again with the batch bound, so what was open (a
 * reshape with -1) is known now, and element counts are checked for overflow. */
#include "base/checked.h"
#include "engine/engine.h"

static dg_status check_count(dg_program *p, const dg_node *n, const char *name, const dg_shape *s)
{
    char text[128];
    int64_t bytes = dg_shape_count(s);
    if (bytes >= 0 && dg_mul_i64(bytes, 8, &bytes) && bytes < INT64_MAX / 64)
        return DG_OK;
    return dg_program_fail(p, n, DG_EMODEL, "'%s' of shape %s has too many elements", name,
                           dg_shape_text(s, text, sizeof text));
}

dg_shape *dg_plan_in_shapes(dg_program *p, const dg_plan *q, const dg_node *n)
{
    dg_shape *in = dg_arena_array(&p->lists, (size_t)n->n_in + 1, sizeof *in);
    if (!in) {
        dg_program_fail(p, n, DG_EMEMORY, "out of memory");
        return NULL;
    }
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i])
            in[i] = q->shapes[n->in[i] - 1];
        else
            in[i].rank = -1;
    }
    return in;
}

static dg_status infer(dg_program *p, dg_plan *q, const dg_node *n)
{
    dg_shape *in = dg_plan_in_shapes(p, q, n);
    dg_diag why = {0};
    if (!in)
        return p->diag.code;
    dg_shape *out = &q->shapes[n->out - 1];
    if (n->type->shape(n->attrs, n->n_in, in, out, &why) != DG_OK)
        return dg_program_fail(p, n, DG_EMODEL, "%s", why.text);
    dg_sizes of = dg_node_sizes(p, n, in);
    if (n->type->fits && n->type->fits(&of, &why) != DG_OK)
        return dg_program_fail(p, n, DG_EMODEL, "%s", why.text);
    for (int j = 0; j < n->n_out; j++)
        if (check_count(p, n, n->name ? n->name : n->type->name, &out[j]) != DG_OK)
            return p->diag.code;
    return DG_OK;
}

dg_status dg_pass_shapes(dg_program *p, dg_plan *q)
{
    const dg_graph *g = p->graph;
    q->shapes = dg_arena_array(&p->lists, (size_t)g->n_values + 1, sizeof *q->shapes);
    if (!q->shapes)
        return dg_program_fail(p, NULL, DG_EMEMORY, "out of memory");
    for (int i = 0; i < g->n_values; i++) {
        const dg_vertex *v = &g->values[i];
        q->shapes[i] = v->shape;
        if (dg_has_rows(g, i + 1))
            q->shapes[i].dim[0] = q->batch;
        if (v->kind != DG_RESULT && check_count(p, NULL, v->name, &q->shapes[i]) != DG_OK)
            return p->diag.code;
    }
    for (int k = 0; k < p->n_order; k++)
        if (infer(p, q, &g->nodes[p->order[k]]) != DG_OK)
            return p->diag.code;
    return DG_OK;
}
