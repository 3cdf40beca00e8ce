/* Pass lower, adjoint: the reversed graph.
 *
 * Needs: the forward items. Gives: items that send errors back. A value's error vector is what
 * comes back from its consumers, added in reverse order of the consumers: the first writes it, each
 * later one writes a spare slot and an ADD does old + new. The adjoint of all inputs with a batch
 * axis is one item, cut by rows; that of each other input (a parameter) is an item of its own, and
 * waits, since nothing but the optimizer needs it. A parameter with several uses has a persistent
 * slot for each of them, so that a batch given in parts has the bits of the whole. */
#include "engine/engine.h"
#include <string.h>

typedef struct dg_uses {
    int *count, *seen; /* by value: contributions to a leaf, in all and so far */
} dg_uses;

static int is_leaf(const dg_graph *g, int32_t id)
{
    return g->values[id - 1].kind != DG_RESULT && !dg_has_rows(g, id);
}

static void size_of(const dg_program *p, const dg_plan *q, int32_t id, size_t *bytes, size_t *row)
{
    const dg_slot *z = &q->slots[q->z[id - 1]];
    (void)p;
    *bytes = z->bytes;
    *row = z->row_bytes;
}

/* The number of contributions to each leaf: one an input of a node, one a seed. */
static dg_status count_uses(dg_program *p, dg_uses *u)
{
    const dg_graph *g = p->graph;
    u->count = dg_arena_array(&p->lists, (size_t)g->n_values + 1, sizeof(int));
    u->seen = dg_arena_array(&p->lists, (size_t)g->n_values + 1, sizeof(int));
    if (!u->count || !u->seen)
        return dg_program_fail(p, NULL, DG_EMEMORY, "out of memory");
    for (int k = 0; k < p->n_order; k++) {
        const dg_node *n = &g->nodes[p->order[k]];
        int active = 0;
        for (int j = 0; j < n->n_out; j++)
            active |= p->active[n->out + j - 1];
        for (int i = 0; active && i < n->n_in; i++)
            if (n->in[i])
                u->count[n->in[i] - 1]++;
    }
    for (int i = 0; i < g->n_losses && p->options.n_start == 0; i++)
        u->count[g->losses[i].value - 1]++;
    for (int i = 0; i < p->options.n_start; i++)
        u->count[p->options.start[i].id - 1]++;
    return DG_OK;
}

/* A slot for the next contribution to a leaf (parameter, input without rows): the gradient itself,
 * or the part of one use. */
static int32_t leaf_slot(dg_program *p, dg_plan *q, dg_uses *u, int32_t id)
{
    size_t bytes, row;
    size_of(p, q, id, &bytes, &row);
    int single = u->count[id - 1] == 1;
    int nth = single ? 0 : ++u->seen[id - 1];
    int32_t s = dg_slot_fixed(p, q, SLOT_GRADIENT, id, nth, bytes, 0);
    if (single)
        q->gradient[id - 1] = s;
    return s;
}

/* A slot for the next contribution to a value's error vector. add: an ADD must follow. */
static int32_t receive(dg_program *p, dg_plan *q, dg_uses *u, int32_t id, int *add)
{
    *add = 0;
    if (is_leaf(p->graph, id))
        return leaf_slot(p, q, u, id);
    size_t bytes, row;
    size_of(p, q, id, &bytes, &row);
    *add = q->eps[id - 1] != DG_NONE;
    int32_t s = dg_slot_new(p, q, *add ? SLOT_SPARE : SLOT_EPS, id, bytes, row);
    if (s == DG_NONE || *add)
        return s;
    q->eps[id - 1] = s;
    q->slots[s].keep = p->wanted[id - 1] || p->kept[id - 1] == 2;
    return s;
}

/* out = the sum of n slots, left to right; of one it is a copy. */
static dg_item *push_sum(dg_program *p, dg_plan *q, int32_t out, int n, const int32_t *in)
{
    dg_item *it = dg_item_new(p, q, ITEM_ADD, DG_NONE, n, 1);
    if (!it)
        return NULL;
    it->phase = PHASE_ADJOINT;
    memcpy(it->in, in, (size_t)n * sizeof *in);
    it->out[0] = out;
    it->rows = q->slots[out].row_bytes > 0;
    return it;
}

static dg_item *push_add(dg_program *p, dg_plan *q, int32_t out, int32_t a, int32_t b)
{
    return push_sum(p, q, out, 2, (int32_t[]){a, b});
}

static dg_status push_seed(dg_program *p, dg_plan *q, dg_uses *u, int32_t id, int term)
{
    int add;
    int32_t s = receive(p, q, u, id, &add);
    dg_item *it = s == DG_NONE ? NULL : dg_item_new(p, q, ITEM_SEED, DG_NONE, 1, 1);
    if (!it)
        return p->diag.code;
    it->phase = PHASE_ADJOINT;
    it->input = term;
    it->out[0] = s;
    it->rows = q->slots[s].row_bytes > 0;
    it->adds = is_leaf(p->graph, id) ? ADDS_ITSELF : ADDS_NEVER;
    if (p->options.n_start > 0) {
        const dg_slot z = q->slots[q->z[id - 1]];
        it->in[0] = dg_slot_fixed(p, q, SLOT_START, id, 0, z.bytes, z.row_bytes);
        if (it->in[0] == DG_NONE)
            return p->diag.code;
    }
    if (add && !push_add(p, q, q->eps[id - 1], q->eps[id - 1], s))
        return p->diag.code;
    return DG_OK;
}

/* Errors enter: the losses, or the values that the caller names, the last first. */
static dg_status push_seeds(dg_program *p, dg_plan *q, dg_uses *u)
{
    const dg_graph *g = p->graph;
    int n = p->options.n_start > 0 ? p->options.n_start : g->n_losses;
    for (int i = n - 1; i >= 0; i--) {
        int32_t id = p->options.n_start > 0 ? p->options.start[i].id : g->losses[i].value;
        if (p->active[id - 1] && push_seed(p, q, u, id, i) != DG_OK)
            return p->diag.code;
    }
    return DG_OK;
}

/* eps of each output; those that nobody used are 0. */
static dg_status fill_eps(dg_program *p, dg_plan *q, const dg_node *n)
{
    for (int j = 0; j < n->n_out; j++) {
        int add;
        if (q->eps[n->out + j - 1] != DG_NONE)
            continue;
        int32_t s = receive(p, q, NULL, n->out + j, &add);
        dg_item *it = s == DG_NONE ? NULL : dg_item_new(p, q, ITEM_ZERO, DG_NONE, 0, 1);
        if (!it)
            return p->diag.code;
        it->phase = PHASE_ADJOINT;
        it->out[0] = s;
        it->rows = q->slots[s].row_bytes > 0;
    }
    return DG_OK;
}

static dg_status view_adjoint(dg_program *p, dg_plan *q, dg_uses *u, const dg_node *n)
{
    int32_t from = q->eps[n->out - 1], id = n->in[0];
    if (q->eps[id - 1] != DG_NONE)
        return push_add(p, q, q->eps[id - 1], q->eps[id - 1], from) ? DG_OK : p->diag.code;
    int add;
    int32_t to = receive(p, q, u, id, &add);
    if (to == DG_NONE)
        return p->diag.code;
    if (!q->slots[to].persistent && !q->slots[from].keep && !q->slots[to].keep) {
        q->slots[to].root = q->slots[to].view = from;
        return DG_OK;
    }
    dg_item *copy = push_sum(p, q, to, 1, &from);
    if (copy && is_leaf(p->graph, id))
        copy->adds = ADDS_ITSELF;
    return p->diag.code;
}

static dg_item *new_adjoint(dg_program *p, dg_plan *q, int32_t k, int input)
{
    const dg_node *n = &p->graph->nodes[k];
    dg_item *it = dg_item_new(p, q, ITEM_ADJOINT, k, n->n_in, n->n_out);
    if (!it)
        return NULL;
    it->phase = PHASE_ADJOINT;
    it->input = input;
    it->saved = q->saved[k];
    it->carried = q->carried[k];
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] && (n->type->saves_in >> (i < 31 ? i : 31) & 1))
            it->in[i] = q->z[n->in[i] - 1];
    for (int j = 0; j < n->n_out; j++) {
        it->eps[j] = q->eps[n->out + j - 1];
        if (n->type->saves_out >> (j < 31 ? j : 31) & 1)
            it->out[j] = q->z[n->out + j - 1];
    }
    return it;
}

/* With add, a node that does not accumulate writes a spare slot, and the engine adds. */
static dg_status added_apart(dg_program *p, dg_plan *q, int item, int i)
{
    int32_t to = q->items[item].delta[i];
    int32_t spare = dg_slot_new(p, q, SLOT_SPARE, q->slots[to].of, q->slots[to].bytes, 0);
    dg_item *add = spare == DG_NONE ? NULL : push_add(p, q, to, to, spare);
    if (!add)
        return p->diag.code;
    add->adds = ADDS_AFTER;
    add->deferred = q->items[item].deferred;
    q->items[item].delta[q->items[item].n_in + i] = spare;
    return DG_OK;
}

/* The sum that the gradient of an adjoint item is made of, where its node asks for one: it lives
 * through all steps, beside the gradient. */
static dg_status sum_slot(dg_program *p, dg_plan *q, int item)
{
    const dg_item *it = &q->items[item];
    const dg_node *n = &p->graph->nodes[it->node];
    if (!n->type->sum)
        return DG_OK;
    dg_shape *in = dg_plan_in_shapes(p, q, n);
    if (!in)
        return p->diag.code;
    dg_sizes of = dg_node_sizes(p, n, in);
    size_t bytes = n->type->sum(&of, it->input);
    if (!bytes)
        return DG_OK;
    if (!dg_node_math(p, n)->finish)
        return dg_program_fail(p, n, DG_EMODEL, "%s has a sum without finish", n->type->name);
    const dg_slot *to = &q->slots[it->delta[it->input]];
    q->items[item].sum = dg_slot_fixed(p, q, SLOT_SUM, to->of, to->nth, bytes, 0);
    return p->diag.code;
}

/* Does the adjoint of a leaf go on from what is there? It does so for inputs without rows; those
 * that would have rows, were there a batch, are written. */
static int obeys_add(const dg_graph *g, const dg_node *n, int input)
{
    int by_rows = n->type->flags & DG_ROWS && !dg_has_rows(g, n->out);
    return n->type->flags & DG_ACCUMULATES &&
           !(by_rows && !(dg_input_spec_of(n, input)->flags & DG_IN_PARAMETER));
}

/* One adjoint item for the inputs in want (bits: by index), and the additions after it. */
static dg_status push_adjoint(dg_program *p, dg_plan *q, dg_uses *u, int32_t k, const uint8_t *want,
                              int input)
{
    const dg_graph *g = p->graph;
    const dg_node *n = &g->nodes[k];
    int32_t *spare = dg_arena_array(&p->lists, (size_t)n->n_in + 1, sizeof *spare);
    if (!spare || !new_adjoint(p, q, k, input))
        return dg_program_fail(p, n, DG_EMEMORY, "out of memory");
    int item = q->n_items - 1, single = 0;
    for (int i = 0; i < n->n_in; i++) {
        int add;
        spare[i] = DG_NONE;
        if (!want[i])
            continue;
        int32_t s = receive(p, q, u, n->in[i], &add);
        if (s == DG_NONE)
            return p->diag.code;
        q->items[item].delta[i] = s;
        spare[i] = add ? s : DG_NONE;
        single = i;
    }
    int leaf = input != DG_NONE && is_leaf(g, n->in[single]);
    q->items[item].deferred = leaf;
    if (leaf && sum_slot(p, q, item) != DG_OK)
        return p->diag.code;
    if (leaf && (obeys_add(g, n, input) || q->items[item].sum != DG_NONE))
        q->items[item].adds = ADDS_ITSELF;
    for (int i = 0; i < n->n_in; i++) {
        int32_t to = q->items[item].delta[i];
        if (spare[i] != DG_NONE &&
            !push_add(p, q, q->eps[n->in[i] - 1], q->eps[n->in[i] - 1], spare[i]))
            return p->diag.code;
        if (to != DG_NONE && q->slots[to].persistent && q->items[item].adds == ADDS_NEVER &&
            added_apart(p, q, item, i) != DG_OK)
            return p->diag.code;
    }
    return DG_OK;
}

/* The adjoint of each input that is not cut by rows with the others. */
static dg_status push_alone(dg_program *p, dg_plan *q, dg_uses *u, int32_t k, uint8_t *want)
{
    const dg_node *n = &p->graph->nodes[k];
    dg_shape *in = dg_plan_in_shapes(p, q, n);
    uint8_t *one = dg_arena_alloc(&p->lists, (size_t)n->n_in + 1);
    if (!in || !one)
        return dg_program_fail(p, n, DG_EMEMORY, "out of memory");
    for (int i = 0; i < n->n_in; i++) {
        if (!want[i])
            continue;
        one[i] = 1;
        int item = q->n_items;
        if (push_adjoint(p, q, u, k, one, i) != DG_OK)
            return p->diag.code;
        if (n->type->parts) {
            dg_sizes of = dg_node_sizes(p, n, in);
            int parts = n->type->parts(&of, i);
            q->items[item].parts = parts > 1 ? parts : 1;
        }
        one[i] = 0;
    }
    return DG_OK;
}

/* The adjoint that leaves something in `carried` is cut by the parts of forward. */
static dg_status cut_as_forward(dg_program *p, const dg_plan *q, const dg_node *n, dg_item *it)
{
    dg_shape *in = dg_plan_in_shapes(p, q, n);
    if (!in)
        return p->diag.code;
    dg_sizes of = dg_node_sizes(p, n, in);
    int parts = n->type->parts ? n->type->parts(&of, -1) : 1;
    it->parts = parts > 1 ? parts : 1;
    it->stages = n->type->stages > 1 ? n->type->stages : 1;
    return DG_OK;
}

static dg_status adjoint_node(dg_program *p, dg_plan *q, dg_uses *u, int32_t k)
{
    const dg_graph *g = p->graph;
    const dg_node *n = &g->nodes[k];
    uint8_t *together = dg_arena_alloc(&p->lists, 2 * ((size_t)n->n_in + 1));
    if (!together)
        return dg_program_fail(p, n, DG_EMEMORY, "out of memory");
    uint8_t *alone = together + n->n_in + 1;
    int rows = (n->type->flags & (DG_ROWS | DG_POINTWISE)) && dg_has_rows(g, n->out);
    int carried = q->carried[k] != DG_NONE, any = carried;
    for (int i = 0; i < n->n_in; i++) {
        int want = n->in[i] && p->active[n->in[i] - 1];
        int with = rows      ? n->in[i] && dg_has_rows(g, n->in[i])
                   : carried ? !(dg_input_spec_of(n, i)->flags & DG_IN_PARAMETER)
                             : !n->type->parts;
        together[i] = want && with;
        alone[i] = want && !with;
        any |= together[i];
    }
    if (fill_eps(p, q, n) != DG_OK)
        return p->diag.code;
    int item = q->n_items;
    if (any && push_adjoint(p, q, u, k, together, DG_NONE) != DG_OK)
        return p->diag.code;
    if (any)
        q->items[item].rows = rows;
    if (any && carried && !rows && cut_as_forward(p, q, n, &q->items[item]) != DG_OK)
        return p->diag.code;
    return push_alone(p, q, u, k, alone);
}

/* Phase finish: the gradients that are kept as sums. */
static dg_status push_finish(dg_program *p, dg_plan *q, int item)
{
    dg_item *it = dg_item_new(p, q, ITEM_FINISH, q->items[item].node, q->items[item].n_in,
                              q->items[item].n_out);
    if (!it)
        return p->diag.code;
    const dg_item *from = &q->items[item];
    it->phase = PHASE_FINISH;
    it->deferred = 1;
    it->input = from->input;
    it->parts = from->parts;
    it->sum = from->sum;
    it->delta[it->input] = from->delta[from->input];
    return DG_OK;
}

/* The gradient of a leaf with several uses: the sum of their parts, in the order they came. */
static dg_status sum_parts(dg_program *p, dg_plan *q, const dg_uses *u, int32_t id)
{
    size_t bytes, row;
    size_of(p, q, id, &bytes, &row);
    int32_t to = dg_slot_fixed(p, q, SLOT_GRADIENT, id, 0, bytes, 0);
    if (to == DG_NONE)
        return p->diag.code;
    q->gradient[id - 1] = to;
    int uses = u->seen[id - 1];
    int32_t *part = dg_arena_array(&p->lists, (size_t)uses, sizeof *part);
    if (!part)
        return dg_program_fail(p, NULL, DG_EMEMORY, "out of memory");
    for (int i = 0; i < uses; i++)
        part[i] = dg_slot_fixed(p, q, SLOT_GRADIENT, id, i + 1, bytes, 0);
    dg_item *it = p->diag.code == DG_OK ? push_sum(p, q, to, uses, part) : NULL;
    if (!it)
        return p->diag.code;
    it->phase = PHASE_FINISH;
    it->deferred = 1;
    return DG_OK;
}

static dg_status finish(dg_program *p, dg_plan *q, const dg_uses *u)
{
    for (int k = 0, n = q->n_items; k < n; k++)
        if (q->items[k].sum != DG_NONE && push_finish(p, q, k) != DG_OK)
            return p->diag.code;
    for (int i = 0; i < p->graph->n_values; i++)
        if (u->seen[i] > 1 && sum_parts(p, q, u, i + 1) != DG_OK)
            return p->diag.code;
    return DG_OK;
}

dg_status dg_lower_adjoint(dg_program *p, dg_plan *q)
{
    const dg_graph *g = p->graph;
    dg_uses u;
    if (count_uses(p, &u) != DG_OK || push_seeds(p, q, &u) != DG_OK)
        return p->diag.code;
    for (int k = p->n_order - 1; k >= 0; k--) {
        const dg_node *n = &g->nodes[p->order[k]];
        int active = 0;
        for (int j = 0; j < n->n_out; j++)
            active |= p->active[n->out + j - 1];
        if (!active)
            continue;
        dg_status s = n->type->flags & DG_VIEW ? view_adjoint(p, q, &u, n)
                                               : adjoint_node(p, q, &u, p->order[k]);
        if (s != DG_OK)
            return s;
    }
    return finish(p, q, &u);
}
