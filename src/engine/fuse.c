/* Pass fuse: which items run together.
 *
 * Needs: items. Gives: segments, items in their final order. Breaks: indices of items.
 * Between two segments stands a barrier, inside there is none. Items that are cut by rows form a
 * chain: a thread takes some rows through the whole chain while they are hot, so an activation
 * rides on the product before it, a pooling on both. A chain ends where an item wants more rows at
 * a time than the chain's rows in cache allow (a product whose weights must be read for each
 * piece); it may spill to SPILL times CACHE, which is still nearer than what a barrier leaves.
 * Where a batch has fewer rows than threads, an item of more than WORTH operations a row that can
 * be cut inside a row has a segment of its own, of rows and pieces; point-wise items ride on it.
 * After such a segment NEAR operations are enough: each thread has its piece in its cache.
 * Gradients of parameters wait after the chain, where they are independent tasks; they are let in
 * once the error vectors that they hold back exceed HELD bytes and there is work for each thread (a
 * gradient of few parts is shared with those of other nodes), or MOST_HELD bytes. */
#include "engine/engine.h"

enum {
    CACHE = 384 << 10,
    SPILL = 4,
    HELD = 1 << 20,
    MOST_HELD = 64 << 20,
    CHAIN = 4 << 20,
    REUSE = 16,
    WORTH = 50000,
    NEAR = 5000
};

typedef struct dg_fuser {
    dg_program *p;
    dg_plan *q;
    dg_item *done; /* items in their final order */
    int n_done;
    int32_t *wait, *adds; /* deferred items, and deferred additions after them */
    int n_wait, n_adds;
    size_t held;
    double work, largest; /* operations that wait, and those of the largest part */
    int open;             /* the last segment is a chain that may grow */
    int inside;           /* the last segment is cut inside rows, and may take point-wise items */
    int64_t chunk, floor; /* of the open chain */
    size_t chain_bytes;
} dg_fuser;

typedef struct dg_weight {
    const dg_plan *q;
    size_t row, whole;
} dg_weight;

static void weigh(void *user, int32_t slot)
{
    dg_weight *w = user;
    const dg_slot *s = &w->q->slots[slot];
    w->row += s->row_bytes;
    if (!s->row_bytes && s->kind == SLOT_Z)
        w->whole += s->bytes;
}

/* The least rows that reuse a node's weights well, and what it makes of them in its scratch (packed
 * or transformed weights): as many bytes of rows as of these. */
static int64_t least_rows(const dg_fuser *f, const dg_item *it, const dg_weight *w)
{
    if (w->whole <= 32 << 10 || it->node == DG_NONE)
        return 1;
    const dg_node *n = &f->p->graph->nodes[it->node];
    const dg_shape *s = &f->q->shapes[n->out - 1];
    int64_t last = s->rank > 1 ? s->dim[s->rank - 1] : 1, row = dg_shape_row(s);
    int64_t uses = last > 0 ? row / last : 1;
    int64_t weights = uses > 0 && uses < REUSE ? REUSE / uses : 1;
    int64_t room = w->row ? (int64_t)(f->q->scratch_of[it->node] / w->row) : 1;
    return room > weights ? room : weights;
}

/* Rows of an item that fit the cache, but at least those that its weights are worth. */
static void item_rows(const dg_fuser *f, const dg_item *it, int64_t *fit, int64_t *floor)
{
    dg_weight w = {f->q, 0, 0};
    dg_item_reads(it, weigh, &w);
    dg_item_writes(it, weigh, &w);
    int64_t most = (f->q->batch + f->p->threads - 1) / f->p->threads;
    *fit = w.row ? (int64_t)(CACHE / w.row) : most;
    *floor = least_rows(f, it, &w);
    *floor = *floor < most ? *floor : most;
    *fit = *fit < *floor ? *floor : *fit > most ? most : *fit;
    *fit = *fit < 1 ? 1 : *fit;
}

static dg_segment *new_segment(dg_fuser *f, dg_phase phase, int rows)
{
    dg_segment *s = &f->q->segments[f->q->n_segments++];
    *s = (dg_segment){.phase = phase, .first = f->n_done, .rows = rows, .stages = 1};
    return s;
}

static void put(dg_fuser *f, const dg_item *it)
{
    dg_segment *s = &f->q->segments[f->q->n_segments - 1];
    dg_item *to = &f->done[f->n_done++];
    *to = *it;
    to->segment = f->q->n_segments - 1;
    to->fused = s->rows && s->count > 0;
    f->q->fusions += to->fused;
    s->count++;
}

static void put_all(dg_fuser *f, const int32_t *list, int n)
{
    if (n == 0)
        return;
    new_segment(f, f->q->items[list[0]].phase, 0);
    for (int i = 0; i < n; i++)
        put(f, &f->q->items[list[i]]);
}

/* Ends the chain and lets in what waits. */
static void flush(dg_fuser *f)
{
    f->open = f->inside = 0;
    put_all(f, f->wait, f->n_wait);
    put_all(f, f->adds, f->n_adds);
    f->n_wait = f->n_adds = 0;
    f->held = 0;
    f->work = f->largest = 0;
}

static void put_rows(dg_fuser *f, const dg_item *it)
{
    int64_t fit, floor;
    item_rows(f, it, &fit, &floor);
    dg_weight w = {f->q, 0, 0};
    dg_item_writes(it, weigh, &w);
    int full = f->p->options.mode == DG_RUN_INFER && f->chain_bytes > CHAIN;
    if (!f->open || full || floor > f->chunk || fit * SPILL < f->floor) {
        new_segment(f, it->phase, 1);
        f->open = 1;
        f->chunk = fit;
        f->floor = floor;
        f->chain_bytes = 0;
    }
    f->chain_bytes += w.row * (size_t)f->q->batch;
    f->floor = floor > f->floor ? floor : f->floor;
    f->chunk = fit < f->chunk ? fit : f->chunk;
    f->chunk = f->chunk < f->floor ? f->floor : f->chunk;
    put(f, it);
    f->q->segments[f->q->n_segments - 1].chunk = f->chunk;
}

/* Whether what waits should wait no longer. */
static int is_full(const dg_fuser *f)
{
    int shared = f->work >= f->largest * f->p->threads;
    return f->held > HELD && (shared || f->held > MOST_HELD);
}

/* Counts the operations of a gradient that waits. */
static void count_work(dg_fuser *f, const dg_item *it)
{
    const dg_node *n = &f->p->graph->nodes[it->node];
    dg_shape *in = dg_plan_in_shapes(f->p, f->q, n);
    if (!in || !n->type->flops || it->input == DG_NONE)
        return;
    dg_sizes of = dg_node_sizes(f->p, n, in);
    double work = n->type->flops(&of, it->input), part = work / it->parts;
    f->work += work;
    f->largest = part > f->largest ? part : f->largest;
}

static void hold(dg_fuser *f, int32_t k)
{
    const dg_item *it = &f->q->items[k];
    if (it->kind == ITEM_ADD) {
        f->adds[f->n_adds++] = k;
        return;
    }
    int again = f->n_wait > 0 && f->q->items[f->wait[f->n_wait - 1]].node == it->node;
    f->wait[f->n_wait++] = k;
    count_work(f, it);
    for (int j = 0; j < it->n_out && !again; j++) /* held once for all inputs of a node */
        if (it->eps[j] != DG_NONE)
            f->held += f->q->slots[it->eps[j]].bytes;
}

/* ---- Cuts inside a row ----------------------------------------------------------------------- */

/* How the results of an item, or all deltas that it makes, may be cut: *grain of *inner positions
 * of axis 1. 0: they may not. */
static int find_cut(const dg_fuser *f, const dg_item *it, const dg_sizes *of, int64_t *inner,
                    int64_t *grain)
{
    const dg_node *n = &f->p->graph->nodes[it->node];
    const int back = it->kind == ITEM_ADJOINT;
    *inner = *grain = 0;
    for (int i = back ? 0 : -1; i < (back ? it->n_in : 0); i++) {
        if (back && it->delta[i] == DG_NONE)
            continue;
        const dg_shape *s = &f->q->shapes[(back ? n->in[i] : n->out) - 1];
        const int64_t least = n->type->grain(of, i), positions = s->rank > 1 ? s->dim[1] : 0;
        if (least <= 0 || (*grain > 0 && (least != *grain || positions != *inner)))
            return 0;
        *grain = least;
        *inner = positions;
    }
    return *grain > 0 && *inner > *grain;
}

/* Operations of a row, of all deltas of an adjoint. */
static double row_work(const dg_fuser *f, const dg_item *it, const dg_sizes *of)
{
    const dg_node *n = &f->p->graph->nodes[it->node];
    double work = 0;
    if (!n->type->flops)
        return (double)dg_shape_row(&f->q->shapes[n->out - 1]);
    if (it->kind != ITEM_ADJOINT)
        work = n->type->flops(of, -1);
    else
        for (int i = 0; i < it->n_in; i++)
            work += it->delta[i] == DG_NONE ? 0 : n->type->flops(of, i);
    return work / (double)f->q->batch;
}

/* Whether a row of the item is worth a barrier, and how it may be cut. */
static int is_large(const dg_fuser *f, const dg_item *it, int64_t *inner, int64_t *grain)
{
    if (it->node == DG_NONE || !it->rows || f->q->batch >= f->p->threads ||
        (it->kind != ITEM_FORWARD && it->kind != ITEM_ADJOINT))
        return 0;
    const dg_node *n = &f->p->graph->nodes[it->node];
    if (!n->type->grain || it->carried != DG_NONE)
        return 0;
    dg_shape *in = dg_plan_in_shapes(f->p, f->q, n);
    if (!in)
        return 0;
    dg_sizes of = dg_node_sizes(f->p, n, in);
    return find_cut(f, it, &of, inner, grain) && row_work(f, it, &of) > (f->inside ? NEAR : WORTH);
}

/* A point-wise item whose operands have all one shape may be cut at any position. */
static int is_even(const dg_fuser *f, const dg_item *it)
{
    if (it->node == DG_NONE || !it->rows || it->kind == ITEM_TANGENT)
        return 0;
    const dg_node *n = &f->p->graph->nodes[it->node];
    const dg_shape *out = &f->q->shapes[n->out - 1];
    int even = (n->type->flags & DG_POINTWISE) && out->rank > 1;
    for (int i = 0; even && i < n->n_in; i++)
        even = n->in[i] && dg_shape_equal(&f->q->shapes[n->in[i] - 1], out);
    return even;
}

/* It rides on the positions that the open segment cuts. */
static int rides_inside(const dg_fuser *f, const dg_item *it)
{
    const dg_segment *s = &f->q->segments[f->q->n_segments - 1];
    return f->inside && is_even(f, it) && it->phase == s->phase &&
           f->q->shapes[f->p->graph->nodes[it->node].out - 1].dim[1] == s->inner;
}

/* Such an item on its own. */
static int is_large_even(const dg_fuser *f, const dg_item *it, int64_t *inner, int64_t *grain)
{
    if (f->q->batch >= f->p->threads || f->open || !is_even(f, it))
        return 0;
    const dg_shape *out = &f->q->shapes[f->p->graph->nodes[it->node].out - 1];
    *inner = out->dim[1];
    *grain = 1;
    return *inner > 1 && dg_shape_row(out) > WORTH;
}

/* A segment of rows and pieces: nearly as many as there are threads. */
static void put_inside(dg_fuser *f, const dg_item *it, int64_t inner, int64_t grain)
{
    int64_t units = (inner + grain - 1) / grain;
    int64_t pieces = (f->p->threads + f->q->batch - 1) / f->q->batch;
    dg_segment *s = new_segment(f, it->phase, 1);
    s->pieces = (int)(pieces < units ? pieces : units);
    s->inner = inner;
    s->grain = grain;
    s->chunk = 1;
    f->open = 0;
    f->inside = 1;
    put(f, it);
}

/* A point-wise item takes its operand while it is hot, and needs no memory of its own. */
static int rides(const dg_fuser *f, const dg_item *it)
{
    return f->open && it->rows && it->node != DG_NONE &&
           f->p->graph->nodes[it->node].type->flags & DG_POINTWISE;
}

static void place(dg_fuser *f, int32_t k)
{
    const dg_item *it = &f->q->items[k];
    int other = f->q->n_segments > 0 && f->q->segments[f->q->n_segments - 1].phase != it->phase;
    if (other || (!it->deferred && is_full(f) && !rides(f, it) && !rides_inside(f, it)))
        flush(f);
    int64_t inner, grain;
    if (rides_inside(f, it)) {
        put(f, it);
        f->done[f->n_done - 1].merged = 1;
    } else if (is_large(f, it, &inner, &grain)) {
        put_inside(f, it, inner, grain);
    } else if (is_large_even(f, it, &inner, &grain)) {
        put_inside(f, it, inner, grain);
        f->done[f->n_done - 1].merged = 1;
    } else if (it->rows) {
        f->inside = 0;
        put_rows(f, it);
    } else if (it->deferred) {
        hold(f, k);
    } else {
        f->open = f->inside = 0;
        put_all(f, &k, 1);
    }
}

/* Pieces of a chain: nearly equal, and as many for each thread. */
static void cut(const dg_program *p, const dg_plan *q, dg_segment *s)
{
    int64_t pieces = (q->batch + s->chunk - 1) / s->chunk;
    pieces = (pieces + p->threads - 1) / p->threads * p->threads;
    s->chunk = (q->batch + pieces - 1) / pieces;
    s->tasks = (q->batch + s->chunk - 1) / s->chunk;
}

/* Pieces of each segment, and where each phase begins. */
static dg_status count_tasks(dg_program *p, dg_plan *q)
{
    for (int i = 0; i < q->n_segments; i++) {
        dg_segment *s = &q->segments[i];
        q->phase_begin[s->phase + 1] = i + 1;
        for (int k = s->first; k < s->first + s->count; k++)
            q->items[k].pieces = s->pieces ? s->pieces : 1;
        if (s->pieces) {
            s->tasks = q->batch * s->pieces;
            continue;
        }
        if (s->rows) {
            cut(p, q, s);
            continue;
        }
        s->task_end = dg_arena_array(&p->lists, (size_t)s->count, sizeof *s->task_end);
        if (!s->task_end)
            return dg_program_fail(p, NULL, DG_EMEMORY, "out of memory");
        for (int k = 0; k < s->count; k++) {
            const dg_item *it = &q->items[s->first + k];
            s->tasks += it->parts;
            s->task_end[k] = s->tasks;
            s->stages = it->stages > s->stages ? it->stages : s->stages;
        }
    }
    for (int k = 1; k <= PHASES; k++)
        if (q->phase_begin[k] < q->phase_begin[k - 1])
            q->phase_begin[k] = q->phase_begin[k - 1];
    return DG_OK;
}

dg_status dg_pass_fuse(dg_program *p, dg_plan *q)
{
    size_t n = (size_t)q->n_items + 1;
    dg_fuser f = {.p = p, .q = q};
    f.done = dg_arena_array(&p->lists, n, sizeof *f.done);
    f.wait = dg_arena_array(&p->lists, n, sizeof *f.wait);
    f.adds = dg_arena_array(&p->lists, n, sizeof *f.adds);
    q->segments = dg_arena_array(&p->lists, n, sizeof *q->segments);
    if (!f.done || !f.wait || !f.adds || !q->segments)
        return dg_program_fail(p, NULL, DG_EMEMORY, "out of memory");
    for (int k = 0; k < q->n_items; k++)
        place(&f, k);
    flush(&f);
    q->items = f.done;
    return p->diag.code == DG_OK ? count_tasks(p, q) : p->diag.code;
}
