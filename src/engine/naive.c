/* The naive interpreter: a node after the other, forward as the graph was made, then back.
 *
 * Written apart from the passes, so that a mistake in them shows. What it shares with the engine is
 * the rule who adds: what comes back for a value is added in reverse order of its consumers (one
 * rounding each), losses come first, the last one leading. */
#include "engine/naive.h"
#include "base/upper.h"
#include "graph/graph.h"
#include "graph/init.h"
#include "kernels/table.h"
#include "ops/isa.h"
#include <stdlib.h>
#include <string.h>

struct dg_naive {
    dg_graph *g;
    const dg_options *o;
    const dg_isa *isa;
    const dg_step_kernels *k;
    dg_shape *shape;
    void **z, **eps;         /* by value */
    void **saved, **carried; /* by node */
    uint8_t *depends;
    uint64_t step;
    int failed;
    dg_naive_look *look; /* NULL: nobody watches */
    void *user;
};

static int64_t count(const dg_naive *n, int32_t id)
{
    return dg_shape_count(&n->shape[id - 1]);
}

static void *fresh(dg_naive *n, int32_t id)
{
    void *p = aligned_alloc(64, ((size_t)count(n, id) * 8 + 127) / 64 * 64);
    n->failed |= !p;
    return p;
}

static const dg_math *math_of(const dg_naive *n, const dg_node *node)
{
    int wide = n->g->real == DG_F64;
    if (node->builtin >= 0)
        return n->isa->math[wide][node->builtin];
    return wide ? &node->type->f64 : &node->type->f32;
}

static int training(const dg_naive *n)
{
    return n->o->training ? n->o->training > 0 : n->o->mode == DG_RUN_TRAIN;
}

/* A call of the whole node. lists: room for 3 n_in + 3 n_out pointers and n_in shapes. */
typedef struct dg_frame {
    dg_call c;
    const void *in[40], *eps[40], *din[40];
    void *out[40], *delta[40];
    dg_shape in_shape[40];
    dg_diag why;
    dg_bytes bytes;
} dg_frame;

static dg_sizes sizes_of(const dg_naive *n, const dg_node *node, const dg_frame *f)
{
    return (dg_sizes){.size = sizeof(dg_sizes),
                      .attrs = node->attrs,
                      .n_in = node->n_in,
                      .in = f->in_shape,
                      .real = n->g->real,
                      .exact = n->o->exact,
                      .training = training(n)};
}

static dg_frame *frame(dg_naive *n, int32_t k)
{
    const dg_node *node = &n->g->nodes[k];
    dg_frame *f = calloc(1, sizeof *f);
    if (!f || node->n_in > 40 || node->n_out > 40) {
        n->failed = 1;
        return f;
    }
    for (int i = 0; i < node->n_in; i++) {
        f->in[i] = node->in[i] ? n->z[node->in[i] - 1] : NULL;
        f->in_shape[i].rank = -1;
        if (node->in[i])
            f->in_shape[i] = n->shape[node->in[i] - 1];
    }
    for (int j = 0; j < node->n_out; j++)
        f->out[j] = n->z[node->out + j - 1];
    dg_sizes of = sizes_of(n, node, f);
    f->bytes.size = sizeof f->bytes;
    if (node->type->bytes)
        node->type->bytes(&of, &f->bytes);
    const dg_shape *out = &n->shape[node->out - 1];
    f->c = (dg_call){.size = sizeof f->c,
                     .attrs = node->attrs,
                     .n_in = node->n_in,
                     .n_out = node->n_out,
                     .in_shape = f->in_shape,
                     .out_shape = out,
                     .row1 = out->rank > 0 ? out->dim[0] : 1,
                     .parts = 1,

                     .training = training(n),
                     .exact = n->o->exact,
                     .key = {n->o->seed, n->step << 20 | (uint64_t)k},
                     .in = f->in,
                     .out = f->out,
                     .eps = f->eps,
                     .delta = f->delta,
                     .din = f->din,
                     .saved = n->saved[k],
                     .carried = n->carried[k],
                     .scratch = aligned_alloc(64, (f->bytes.scratch + 127) / 64 * 64),
                     .why = &f->why};
    return f;
}

static void drop(dg_frame *f)
{
    if (f)
        free(f->c.scratch);
    free(f);
}

static int parts_of(const dg_naive *n, const dg_node *node, const dg_frame *f, int input)
{
    int rows = (node->type->flags & (DG_ROWS | DG_POINTWISE)) != 0 && input < 0;
    if (!node->type->parts || rows)
        return 1;
    dg_sizes of = sizes_of(n, node, f);
    int parts = node->type->parts(&of, input);
    return parts > 1 ? parts : 1;
}

static void call(dg_naive *n, dg_fn fn, dg_frame *f, int parts, int stages)
{
    f->c.parts = parts;
    for (f->c.stage = 0; f->c.stage == 0 || f->c.stage < stages; f->c.stage++)
        for (f->c.part = 0; f->c.part < parts; f->c.part++)
            n->failed |= fn(&f->c) != DG_OK;
    dg_upper_clean();
}

static void show(dg_naive *n, int node, int32_t id, int backward, const void *x)
{
    if (n->look && x)
        n->look(n->user, node, id, backward, x);
}

static void forward_node(dg_naive *n, int32_t k)
{
    const dg_node *node = &n->g->nodes[k];
    dg_diag why = {0};
    dg_frame *f = frame(n, k);
    if (n->failed || node->type->shape(node->attrs, node->n_in, f->in_shape,
                                       &n->shape[node->out - 1], &why) != DG_OK) {
        n->failed = 1;
        drop(f);
        return;
    }
    drop(f);
    for (int j = 0; j < node->n_out; j++)
        n->z[node->out + j - 1] = fresh(n, node->out + j);
    f = frame(n, k);
    if (f && f->bytes.saved)
        f->c.saved = n->saved[k] = aligned_alloc(64, (f->bytes.saved + 127) / 64 * 64);
    if (!n->failed && (node->type->flags & DG_VIEW))
        memcpy(f->out[0], f->in[0], (size_t)count(n, node->out) * dg_type_bytes(n->g->real));
    else if (!n->failed)
        call(n, math_of(n, node)->forward, f, parts_of(n, node, f, -1), node->type->stages);
    for (int j = 0; j < node->n_out && !n->failed; j++)
        show(n, k, node->out + j, 0, n->z[node->out + j - 1]);
    drop(f);
}

/* What comes back for a value; p is taken over. */
static void receive(dg_naive *n, int32_t id, void *p)
{
    void **eps = &n->eps[id - 1];
    if (*eps && p) {
        n->k->add(count(n, id), *eps, p, *eps);
        free(p);
    } else if (p) {
        *eps = p;
    }
}

/* A gradient that is kept as a sum: made, and finished at once. */
static void back_by_sum(dg_naive *n, const dg_node *node, dg_frame *f, int only, size_t bytes)
{
    int parts = parts_of(n, node, f, only);
    f->c.sum = aligned_alloc(64, (bytes + 127) / 64 * 64);
    n->failed |= !f->c.sum;
    if (!n->failed)
        call(n, math_of(n, node)->adjoint, f, parts, 1);
    if (!n->failed)
        f->c.direction = DG_CALL_FINISH;
    if (!n->failed)
        call(n, math_of(n, node)->finish, f, parts, 1);
    f->c.direction = DG_CALL_ADJOINT;
    free(f->c.sum);
    f->c.sum = NULL;
}

/* The adjoint of one input alone, or of all that are in `want`. */
static void back_one(dg_naive *n, int32_t k, dg_frame *f, int only, const uint8_t *want)
{
    const dg_node *node = &n->g->nodes[k];
    dg_sizes of = sizes_of(n, node, f);
    size_t sum = only >= 0 && node->type->sum ? node->type->sum(&of, only) : 0;
    for (int i = 0; i < node->n_in; i++)
        f->delta[i] = want[i] && (only < 0 || only == i) ? fresh(n, node->in[i]) : NULL;
    f->c.direction = DG_CALL_ADJOINT;
    if (!n->failed && sum)
        back_by_sum(n, node, f, only, sum);
    else if (!n->failed)
        call(n, math_of(n, node)->adjoint, f, parts_of(n, node, f, only),
             only < 0 ? node->type->stages : 1);
    for (int i = 0; i < node->n_in; i++)
        if (f->delta[i]) {
            show(n, k, node->in[i], 1, f->delta[i]);
            receive(n, node->in[i], f->delta[i]);
        }
}

/* A node without parts gets all its deltas at once, but for gradients that are sums, and for those
 * of parameters where the others leave them something in `carried`; else each input is alone. */
static void back_inputs(dg_naive *n, int32_t k, dg_frame *f)
{
    const dg_node *node = &n->g->nodes[k];
    dg_sizes of = sizes_of(n, node, f);
    uint8_t together[40] = {0}, alone[40] = {0};
    int any = f->bytes.carried > 0;
    for (int i = 0; i < node->n_in; i++) {
        int want = node->in[i] && n->depends[node->in[i] - 1];
        int parameter = dg_input_spec_of(node, i)->flags & DG_IN_PARAMETER;
        int with = f->bytes.carried
                       ? !parameter
                       : !node->type->parts && !(node->type->sum && node->type->sum(&of, i) > 0);
        together[i] = want && with;
        alone[i] = want && !with;
        any |= together[i];
    }
    if (f->bytes.carried && !n->carried[k])
        f->c.carried = n->carried[k] = aligned_alloc(64, (f->bytes.carried + 127) / 64 * 64);
    if (any)
        back_one(n, k, f, -1, together);
    for (int i = 0; i < node->n_in; i++)
        if (alone[i])
            back_one(n, k, f, i, alone);
}

static void zero_missing(dg_naive *n, const dg_node *node)
{
    for (int j = 0; j < node->n_out; j++) {
        void **eps = &n->eps[node->out + j - 1];
        if (*eps)
            continue;
        *eps = fresh(n, node->out + j);
        if (*eps)
            n->k->fill(count(n, node->out + j), 0, *eps);
    }
}

static void backward_node(dg_naive *n, int32_t k)
{
    const dg_node *node = &n->g->nodes[k];
    int reached = 0;
    for (int j = 0; j < node->n_out; j++)
        reached |= n->eps[node->out + j - 1] && n->depends[node->out + j - 1];
    if (!reached)
        return;
    zero_missing(n, node);
    dg_frame *f = frame(n, k);
    for (int j = 0; !n->failed && j < node->n_out; j++)
        f->eps[j] = n->eps[node->out + j - 1];
    if (n->failed) {
        drop(f);
        return;
    }
    if (node->type->flags & DG_VIEW) {
        void *copy = n->depends[node->in[0] - 1] ? fresh(n, node->in[0]) : NULL;
        if (copy)
            memcpy(copy, f->eps[0], (size_t)count(n, node->out) * dg_type_bytes(n->g->real));
        receive(n, node->in[0], copy);
    } else {
        back_inputs(n, k, f);
    }
    drop(f);
}

/* K of a loss: what its node counts, else the rows; 1 without a batch axis. */
static double pairs_of(dg_naive *n, int32_t id)
{
    const dg_vertex *v = &n->g->values[id - 1];
    if (v->shape.rank < 1 || v->shape.dim[0] != DG_N)
        return 1;
    if (v->node < 0 || !n->g->nodes[v->node].type->pairs)
        return (double)n->o->batch;
    dg_frame *f = frame(n, v->node);
    double pairs = n->failed ? 1 : (double)n->g->nodes[v->node].type->pairs(&f->c);
    drop(f);
    return pairs;
}

static void seed_losses(dg_naive *n)
{
    for (int i = n->g->n_losses - 1; i >= 0; i--) {
        int32_t id = n->g->losses[i].value;
        void *p = n->depends[id - 1] ? fresh(n, id) : NULL;
        if (!p)
            continue;
        n->k->fill(count(n, id), n->g->losses[i].weight * (1 / pairs_of(n, id)), p);
        receive(n, id, p);
    }
}

static void mark_depends(dg_naive *n)
{
    const dg_graph *g = n->g;
    for (int i = 0; i < g->n_values; i++)
        n->depends[i] =
            n->o->n_wrt == 0 && g->values[i].kind == DG_PARAMETER && !g->values[i].frozen;
    for (int i = 0; i < n->o->n_wrt; i++)
        n->depends[n->o->wrt[i].id - 1] = 1;
    for (int k = 0; k < g->n_nodes; k++)
        for (int i = 0; i < g->nodes[k].n_in && !(g->nodes[k].type->flags & DG_FLAT); i++)
            for (int j = 0; j < g->nodes[k].n_out; j++)
                if (g->nodes[k].in[i] && g->values[g->nodes[k].out + j - 1].type == g->real)
                    n->depends[g->nodes[k].out + j - 1] |= n->depends[g->nodes[k].in[i] - 1];
}

static void load(dg_naive *n, const dg_tensor in[])
{
    const dg_graph *g = n->g;
    for (int i = 0, next = 0; i < g->n_values; i++) {
        const dg_vertex *v = &g->values[i];
        n->shape[i] = v->shape;
        if (v->shape.rank > 0 && v->shape.dim[0] == DG_N)
            n->shape[i].dim[0] = n->o->batch;
        if (v->kind == DG_RESULT)
            continue;
        n->z[i] = fresh(n, i + 1);
        const void *from = v->kind == DG_INPUT ? in[next++].data : v->data;
        if (n->z[i] && from)
            memcpy(n->z[i], from, (size_t)count(n, i + 1) * dg_type_bytes(v->type));
    }
}

static dg_naive *start(dg_graph *g, const dg_options *o, uint64_t step)
{
    size_t values = (size_t)g->n_values + 1;
    dg_naive *n = calloc(1, sizeof *n);
    if (!n)
        return NULL;
    *n = (dg_naive){.g = g, .o = o, .step = step, .isa = dg_isa_choose(o->isa, NULL)};
    n->shape = calloc(values, sizeof *n->shape);
    n->z = calloc(values, sizeof *n->z);
    n->eps = calloc(values, sizeof *n->eps);
    n->saved = calloc((size_t)g->n_nodes + 1, sizeof *n->saved);
    n->carried = calloc((size_t)g->n_nodes + 1, sizeof *n->carried);
    n->depends = calloc(values, 1);
    n->failed = !n->isa || !n->shape || !n->z || !n->eps || !n->saved || !n->carried ||
                !n->depends || dg_graph_init_missing(g, o->seed) != DG_OK;
    return n;
}

static void pass(dg_naive *n, const dg_tensor in[])
{
    dg_graph *g = n->g;
    int back = n->o->mode != DG_RUN_INFER;
    n->k = n->isa->step[g->real == DG_F64];
    load(n, in);
    for (int32_t id = 1; id <= g->n_values; id++)
        if (g->values[id - 1].kind != DG_RESULT)
            show(n, -1, id, 0, n->z[id - 1]);
    mark_depends(n);
    for (int32_t k = 0; k < g->n_nodes && !n->failed; k++)
        forward_node(n, k);
    if (!n->failed && back)
        seed_losses(n);
    for (int32_t k = g->n_nodes - 1; k >= 0 && !n->failed && back; k--)
        backward_node(n, k);
}

dg_naive *dg_naive_run(dg_graph *g, const dg_options *o, uint64_t step, const dg_tensor in[])
{
    dg_naive *n = start(g, o, step);
    if (n && !n->failed)
        pass(n, in);
    if (n && !n->failed)
        return n;
    dg_naive_free(n);
    return NULL;
}

dg_naive *dg_naive_watch(dg_graph *g, const dg_options *o, uint64_t step, const dg_tensor in[],
                         dg_naive_look *look, void *user)
{
    dg_naive *n = start(g, o, step);
    if (!n || n->failed) {
        dg_naive_free(n);
        return NULL;
    }
    n->look = look;
    n->user = user;
    pass(n, in);
    return n;
}

void dg_naive_free(dg_naive *n)
{
    if (!n)
        return;
    for (int i = 0; n->z && n->eps && i < n->g->n_values; i++) {
        free(n->z[i]);
        free(n->eps[i]);
    }
    for (int i = 0; n->saved && n->carried && i < n->g->n_nodes; i++) {
        free(n->saved[i]);
        free(n->carried[i]);
    }
    free(n->shape);
    free(n->z);
    free(n->eps);
    free(n->saved);
    free(n->carried);
    free(n->depends);
    free(n);
}

const void *dg_naive_get(const dg_naive *n, dg_value v, dg_part what)
{
    return what == DG_VALUE ? n->z[v.id - 1] : n->eps[v.id - 1];
}

const dg_shape *dg_naive_shape(const dg_naive *n, dg_value v)
{
    return &n->shape[v.id - 1];
}
