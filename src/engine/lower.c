/* Pass lower, forward and tangent: each node becomes an item, each value a slot.
 *
 * Needs: needs, shapes. Gives: slots, items in the order of the graph. A view (reshape) is no item:
 * its slot has the root of its input's. */
#include "engine/engine.h"

static size_t value_bytes(const dg_plan *q, const dg_graph *g, int32_t id, size_t *row_bytes)
{
    const dg_shape *s = &q->shapes[id - 1];
    size_t unit = dg_type_bytes(g->values[id - 1].type);
    *row_bytes = dg_has_rows(g, id) ? (size_t)dg_shape_row(s) * unit : 0;
    return (size_t)dg_shape_count(s) * unit;
}

/* Slots of inputs, parameters, constants. Inputs outlive the step, at one place in both plans: what
 * was set stays set. */
static dg_status leaf(dg_program *p, dg_plan *q, int32_t id)
{
    const dg_vertex *v = &p->graph->values[id - 1];
    size_t row, bytes = value_bytes(q, p->graph, id, &row);
    int32_t k = v->kind == DG_INPUT ? dg_slot_fixed(p, q, SLOT_Z, id, 0, bytes, row)
                                    : dg_slot_new(p, q, SLOT_Z, id, bytes, row);
    if (k == DG_NONE)
        return p->diag.code;
    q->z[id - 1] = k;
    q->slots[k].external = v->kind == DG_INPUT ? NULL : v->data;
    return DG_OK;
}

static int is_row_item(const dg_program *p, const dg_node *n)
{
    return (n->type->flags & (DG_ROWS | DG_POINTWISE)) && dg_has_rows(p->graph, n->out);
}

static int parts_of(const dg_program *p, const dg_node *n, const dg_shape *in, int input)
{
    if (!n->type->parts || is_row_item(p, n))
        return 1;
    dg_sizes of = dg_node_sizes(p, n, in);
    int parts = n->type->parts(&of, input);
    return parts > 1 ? parts : 1;
}

static dg_status saved_slot(dg_program *p, dg_plan *q, int32_t k, const dg_shape *in)
{
    const dg_node *n = &p->graph->nodes[k];
    dg_bytes bytes = {.size = sizeof bytes};
    dg_sizes of = dg_node_sizes(p, n, in);
    if (n->type->bytes)
        n->type->bytes(&of, &bytes);
    q->scratch_of[k] = bytes.scratch;
    if (bytes.scratch > q->scratch)
        q->scratch = bytes.scratch;
    if (bytes.saved)
        q->saved[k] = dg_slot_new(p, q, SLOT_SAVED, k, bytes.saved, 0);
    if (bytes.carried && p->options.mode != DG_RUN_INFER)
        q->carried[k] = dg_slot_new(p, q, SLOT_CARRIED, k, bytes.carried, 0);
    return p->diag.code;
}

static dg_status view(dg_program *p, dg_plan *q, const dg_node *n)
{
    size_t row, bytes = value_bytes(q, p->graph, n->out, &row);
    int32_t k = dg_slot_new(p, q, SLOT_Z, n->out, bytes, row);
    if (k == DG_NONE)
        return p->diag.code;
    q->slots[k].root = q->slots[k].view = q->z[n->in[0] - 1];
    q->z[n->out - 1] = k;
    q->views++;
    return DG_OK;
}

static dg_status lower_node(dg_program *p, dg_plan *q, int32_t k)
{
    const dg_graph *g = p->graph;
    const dg_node *n = &g->nodes[k];
    if (n->type->flags & DG_VIEW)
        return view(p, q, n);
    dg_shape *in = dg_plan_in_shapes(p, q, n);
    if (!in || saved_slot(p, q, k, in) != DG_OK)
        return p->diag.code;
    for (int j = 0; j < n->n_out; j++) {
        size_t row, bytes = value_bytes(q, g, n->out + j, &row);
        q->z[n->out + j - 1] = dg_slot_new(p, q, SLOT_Z, n->out + j, bytes, row);
    }
    dg_item *it = dg_item_new(p, q, ITEM_FORWARD, k, n->n_in, n->n_out);
    if (!it || p->diag.code != DG_OK)
        return p->diag.code;
    it->phase = PHASE_FORWARD;
    it->rows = is_row_item(p, n);
    it->parts = parts_of(p, n, in, -1);
    it->stages = n->type->stages > 1 ? n->type->stages : 1;
    it->saved = q->saved[k];
    for (int i = 0; i < n->n_in; i++)
        it->in[i] = n->in[i] ? q->z[n->in[i] - 1] : DG_NONE;
    for (int i = 0; n->type->pairs && i < n->n_in; i++) /* labels are counted after the pass */
        if (n->in[i] && g->values[n->in[i] - 1].type == DG_I32)
            q->slots[it->in[i]].keep = 1;
    for (int j = 0; j < n->n_out; j++)
        it->out[j] = q->z[n->out + j - 1];
    return DG_OK;
}

dg_status dg_lower_forward(dg_program *p, dg_plan *q)
{
    const dg_graph *g = p->graph;
    for (int i = 0; i < g->n_values; i++)
        if (g->values[i].kind != DG_RESULT && leaf(p, q, i + 1) != DG_OK)
            return p->diag.code;
    for (int k = 0; k < p->n_order; k++)
        if (lower_node(p, q, p->order[k]) != DG_OK)
            return p->diag.code;
    for (int i = 0; i < g->n_values; i++)
        if (q->z[i] != DG_NONE && p->kept[i])
            q->slots[q->z[i]].keep = 1;
    for (int i = 0; i < p->n_moves; i++)
        q->slots[q->z[p->moves[i].next - 1]].keep = 1;
    return DG_OK;
}

/* What adjoint and tangent of a node read of the forward pass. */
static void reads_saved(const dg_plan *q, const dg_node *n, dg_item *it)
{
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] && (n->type->saves_in >> (i < 31 ? i : 31) & 1))
            it->in[i] = q->z[n->in[i] - 1];
    for (int j = 0; j < n->n_out; j++)
        if (n->type->saves_out >> (j < 31 ? j : 31) & 1)
            it->out[j] = q->z[n->out + j - 1];
}

/* What nothing wanted lies behind is not perturbed: zeros that nobody writes. */
static int32_t zeros(dg_program *p, dg_plan *q, int32_t id)
{
    size_t row, bytes = value_bytes(q, p->graph, id, &row);
    return dg_slot_fixed(p, q, SLOT_TANGENT, id, 0, bytes, row);
}

/* A linear f is its own tangent: a forward call at the perturbations. What it saves then is not for
 * G. */
static void own_tangent(dg_program *p, dg_plan *q, int32_t k, dg_item *it)
{
    const dg_graph *g = p->graph;
    const dg_node *n = &g->nodes[k];
    for (int i = 0; i < n->n_in; i++) {
        int32_t id = n->in[i];
        if (id && g->values[id - 1].type == DG_I32)
            it->in[i] = q->z[id - 1];
        else if (id)
            it->in[i] = q->tangent[id - 1] != DG_NONE ? q->tangent[id - 1] : zeros(p, q, id);
        if (it->in[i] != DG_NONE)
            q->slots[it->in[i]].keep = 1; /* all tangents last: no result in its place */
    }
    for (int j = 0; j < n->n_out; j++)
        it->out[j] = q->tangent[n->out + j - 1];
    if (q->saved[k] != DG_NONE)
        it->saved = dg_slot_new(p, q, SLOT_SAVED, k, q->slots[q->saved[k]].bytes, 0);
}

static dg_status tangent_item(dg_program *p, dg_plan *q, int32_t k)
{
    const dg_node *n = &p->graph->nodes[k];
    int own = dg_is_own_tangent(n->type, dg_node_math(p, n));
    dg_shape *in = dg_plan_in_shapes(p, q, n);
    dg_item_kind kind = own ? ITEM_FORWARD : ITEM_TANGENT;
    dg_item *it = in ? dg_item_new(p, q, kind, k, n->n_in, n->n_out) : NULL;
    if (!it)
        return p->diag.code;
    it->phase = PHASE_TANGENT;
    it->rows = is_row_item(p, n);
    it->parts = parts_of(p, n, in, -1);
    it->stages = n->type->stages > 1 ? n->type->stages : 1;
    if (own) {
        own_tangent(p, q, k, it);
        return p->diag.code;
    }
    it->saved = q->saved[k];
    reads_saved(q, n, it);
    for (int i = 0; i < n->n_in; i++)
        it->din[i] = n->in[i] ? q->tangent[n->in[i] - 1] : DG_NONE;
    for (int j = 0; j < n->n_out; j++)
        it->dout[j] = q->tangent[n->out + j - 1];
    return DG_OK;
}

static dg_status tangent_node(dg_program *p, dg_plan *q, int32_t k)
{
    const dg_graph *g = p->graph;
    const dg_node *n = &g->nodes[k];
    int view = n->type->flags & DG_VIEW;
    if (!p->depends[n->out - 1] || (view && q->tangent[n->in[0] - 1] == DG_NONE))
        return DG_OK; /* a value that is only kept has no perturbation */
    for (int j = 0; j < n->n_out; j++) {
        size_t row, bytes = value_bytes(q, g, n->out + j, &row);
        int32_t s = q->tangent[n->out + j - 1] =
            dg_slot_new(p, q, SLOT_TANGENT, n->out + j, bytes, row);
        if (s == DG_NONE)
            return p->diag.code;
        q->slots[s].keep = p->kept[n->out + j - 1] != 0;
    }
    if (view) {
        dg_slot *s = &q->slots[q->tangent[n->out - 1]];
        s->root = s->view = q->tangent[n->in[0] - 1];
        return DG_OK;
    }
    if (!dg_has_tangent(n->type, dg_node_math(p, n)))
        return dg_program_fail(p, n, DG_EMODEL, "%s has no tangent", n->type->name);
    return tangent_item(p, q, k);
}

dg_status dg_lower_tangent(dg_program *p, dg_plan *q)
{
    const dg_graph *g = p->graph;
    for (int i = 0; i < g->n_values; i++) {
        if (!p->wanted[i] || g->values[i].kind == DG_RESULT)
            continue;
        size_t row, bytes = value_bytes(q, g, i + 1, &row);
        q->tangent[i] = dg_slot_fixed(p, q, SLOT_TANGENT, i + 1, 0, bytes, row);
        if (q->tangent[i] == DG_NONE)
            return p->diag.code;
    }
    for (int k = 0; k < p->n_order; k++)
        if (tangent_node(p, q, p->order[k]) != DG_OK)
            return p->diag.code;
    return DG_OK;
}

static dg_status make_maps(dg_program *p, dg_plan *q)
{
    size_t n = (size_t)p->graph->n_values + 1, nodes = (size_t)p->graph->n_nodes + 1;
    int32_t **map[] = {&q->z, &q->eps, &q->tangent, &q->gradient};
    for (int i = 0; i < 4; i++)
        *map[i] = dg_arena_array(&p->lists, n, sizeof(int32_t));
    q->saved = dg_arena_array(&p->lists, nodes, sizeof(int32_t));
    q->carried = dg_arena_array(&p->lists, nodes, sizeof(int32_t));
    q->scratch_of = dg_arena_array(&p->lists, nodes, sizeof *q->scratch_of);
    if (!q->z || !q->eps || !q->tangent || !q->gradient || !q->saved || !q->carried ||
        !q->scratch_of)
        return dg_program_fail(p, NULL, DG_EMEMORY, "out of memory");
    for (size_t i = 0; i < n; i++)
        q->z[i] = q->eps[i] = q->tangent[i] = q->gradient[i] = DG_NONE;
    for (size_t i = 0; i < nodes; i++)
        q->saved[i] = q->carried[i] = DG_NONE;
    return DG_OK;
}

dg_status dg_pass_lower(dg_program *p, dg_plan *q)
{
    if (make_maps(p, q) != DG_OK || dg_lower_forward(p, q) != DG_OK)
        return p->diag.code;
    if (p->options.tangent && dg_lower_tangent(p, q) != DG_OK)
        return p->diag.code;
    return p->options.mode == DG_RUN_INFER ? DG_OK : dg_lower_adjoint(p, q);
}
