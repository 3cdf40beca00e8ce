/* Runs a phase: the threads of the team walk the segments together, with a barrier between two.
 *
 * A chain is cut into pieces of rows, other segments into tasks; which thread takes which piece
 * changes nothing, since pieces write disjoint results. Nothing is allocated. A failing call stops
 * the step: the first one, in the order of items and places, is reported. */
#include "base/clock.h"
#include "base/upper.h"
#include "engine/engine.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* One thread's walk. */
typedef struct dg_walk {
    dg_program *p;
    dg_plan *q;
    int begin, end; /* segments */
    int thread;
    dg_diag *why; /* for the calls of this thread */
} dg_walk;

static size_t unit(const dg_program *p)
{
    return dg_type_bytes(p->graph->real);
}

/* The sum of the operands, left to right. */
static void add_all(const dg_program *p, const dg_item *it, size_t from, int64_t n, void *out)
{
    const void *sum = (const char *)it->call.in[0] + from;
    for (int k = 1; k < it->n_in; k++) {
        p->kernels->add(n, sum, (const char *)it->call.in[k] + from, out);
        sum = out;
    }
}

/* The engine's own items: on rows, or on part of parts of the elements. */
static void own_item(const dg_walk *w, const dg_item *it, int64_t row0, int64_t row1)
{
    const dg_program *p = w->p;
    const dg_slot *to = &w->q->slots[it->out[0]];
    size_t from = it->rows ? (size_t)row0 * to->row_bytes : 0;
    size_t end = it->rows ? (size_t)row1 * to->row_bytes : to->bytes;
    int64_t n = (int64_t)((end - from) / unit(p));
    char *out = (char *)it->call.out[0] + from;
    const char *a = it->n_in > 0 ? it->call.in[0] : NULL;
    int keeps = it->adds == ADDS_ITSELF && p->add;
    if (it->kind == ITEM_ZERO)
        p->kernels->fill(n, 0, out);
    else if (it->n_in > 1)
        add_all(p, it, from, n, out);
    else if (it->kind == ITEM_ADD && keeps)
        p->kernels->add(n, out, a + from, out);
    else if (it->kind == ITEM_ADD || a)
        memcpy(out, a + from, end - from);
    else if (!keeps)
        p->kernels->fill(n, p->seed[it->input], out);
}

/* What a call is to do: rows, a part, or a piece of a row. */
typedef struct dg_range_of {
    int64_t row0, row1, inner0, inner1;
    int64_t inner; /* positions of axis 1 if rows are cut, else 0 */
    int part, stage, piece;
} dg_range_of;

/* The part of each row that a piece measures: its own of what is cut, else the first all of it. */
static void measured(const dg_item *it, const dg_range_of *r, size_t row, size_t *from, size_t *n)
{
    int is_cut = r->inner > 0 && (it->kind == ITEM_FORWARD || it->merged);
    *from = is_cut ? row / (size_t)r->inner * (size_t)r->inner0 : 0;
    *n = is_cut ? row / (size_t)r->inner * (size_t)(r->inner1 - r->inner0) : r->piece ? 0 : row;
}

static void measure(const dg_walk *w, const dg_item *it, const dg_range_of *r)
{
    for (int j = 0; j < it->n_out; j++) {
        int32_t slot = it->kind == ITEM_FORWARD ? it->out[j] : it->eps[j];
        const void *x = it->kind == ITEM_FORWARD ? it->call.out[j] : it->call.eps[j];
        const dg_slot *s = &w->q->slots[slot];
        if (!it->rows)
            it->square[j] = w->p->kernels->sum_squares((int64_t)(s->bytes / unit(w->p)), x);
        size_t from, n;
        measured(it, r, s->row_bytes, &from, &n);
        for (int64_t row = r->row0; it->rows && row < r->row1; row++)
            it->square[(j * w->q->batch + row) * it->pieces + r->piece] =
                w->p->kernels->sum_squares((int64_t)(n / unit(w->p)),
                                           (const char *)x + (size_t)row * s->row_bytes + from);
    }
}

/* Keeps the failure that comes first by item, then by place. */
static void note_failure(const dg_walk *w, int item, int64_t place, dg_status s)
{
    dg_program *p = w->p;
    dg_diag *d = &p->thread_diag[w->thread];
    int segment = w->q->items[item].segment, first = atomic_load(&p->failed);
    while (segment < first && !atomic_compare_exchange_weak(&p->failed, &first, segment))
        ;
    int64_t where = ((int64_t)item << 40) + place;
    if (d->code != DG_OK && p->thread_where[w->thread] <= where)
        return;
    const dg_node *n = &p->graph->nodes[w->q->items[item].node];
    p->thread_where[w->thread] = where;
    *d = *w->why;
    if (d->code == DG_OK)
        dg_diag_set(d, s, "%s failed", n->type->name);
    snprintf(d->node, sizeof d->node, "%s", n->name ? n->name : n->type->name);
    d->start = n->start;
    d->end = n->end;
}

static dg_fn function(const dg_program *p, const dg_item *it)
{
    const dg_math *m = dg_node_math(p, &p->graph->nodes[it->node]);
    return it->kind == ITEM_FORWARD   ? m->forward
           : it->kind == ITEM_ADJOINT ? m->adjoint
           : it->kind == ITEM_FINISH  ? m->finish
                                      : m->tangent;
}

/* The rows of a call, or of merged axes. */
static void set_rows(const dg_item *it, const dg_range_of *r, dg_call *c)
{
    c->row0 = r->row0;
    c->row1 = r->row1;
    if (it->merged) {
        c->row1 = c->row0 * r->inner + r->inner1;
        c->row0 = c->row0 * r->inner + r->inner0;
        c->first *= r->inner;
    } else if (r->inner > 0) {
        c->inner0 = r->inner0;
        c->inner1 = r->inner1;
    }
}

/* 0: it failed. */
static int run_item(const dg_walk *w, int index, const dg_range_of *r)
{
    dg_program *p = w->p;
    const dg_item *it = &w->q->items[index];
    if (it->adds == ADDS_AFTER && !p->add)
        return 1;
    if (it->node == DG_NONE) {
        own_item(w, it, r->row0, r->row1);
        return 1;
    }
    dg_call c = it->call;
    c.part = r->part;
    c.stage = r->stage;
    c.add = it->adds == ADDS_ITSELF && p->add;
    c.first = it->batched ? p->first : 0;
    if (it->rows)
        set_rows(it, r, &c);
    c.key[1] = p->step << 20 | (uint64_t)it->node;
    c.scratch = p->arena + p->scratch_at + (size_t)w->thread * p->scratch;
    c.why = w->why;
    if (p->add)
        c.delta += it->n_in;
    if (it->square && it->rows && p->measuring && it->kind == ITEM_ADJOINT)
        measure(w, it, r);
    double begin = p->clocked ? dg_seconds() : 0;
    dg_status s = function(p, it)(&c);
    dg_upper_clean();
    if (p->clocked) {
        int back = it->kind == ITEM_ADJOINT || it->kind == ITEM_FINISH;
        int phase = !back ? 0 : it->deferred ? 2 : 1;
        p->clock[(size_t)w->thread * (size_t)p->graph->n_nodes + (size_t)it->node].seconds[phase] +=
            dg_seconds() - begin;
    }
    if (s != DG_OK)
        note_failure(w, index, it->rows ? r->row0 : r->part, s);
    else if (it->square && it->rows && p->measuring && it->kind == ITEM_FORWARD)
        measure(w, it, r);
    if (w->why->code != DG_OK) /* not for the next call */
        *w->why = (dg_diag){.code = DG_OK};
    return s == DG_OK;
}

/* Where a piece of a row begins: between grains. */
static int64_t piece_begin(const dg_segment *s, int piece)
{
    int64_t units = (s->inner + s->grain - 1) / s->grain, at = units * piece / s->pieces * s->grain;
    return at < s->inner ? at : s->inner;
}

static dg_range_of range_of(const dg_walk *w, const dg_segment *s, int64_t task)
{
    dg_range_of r = {.row0 = task * s->chunk};
    if (s->pieces) {
        r.row0 = task / s->pieces;
        r.piece = (int)(task % s->pieces);
        r.inner = s->inner;
        r.inner0 = piece_begin(s, r.piece);
        r.inner1 = piece_begin(s, r.piece + 1);
    }
    r.row1 = r.row0 + s->chunk < w->q->batch ? r.row0 + s->chunk : w->q->batch;
    return r;
}

static void run_chain(const dg_walk *w, const dg_segment *s, int64_t task)
{
    dg_range_of r = range_of(w, s, task);
    for (int k = 0; k < s->count; k++)
        if (!run_item(w, s->first + k, &r))
            return;
}

static void run_task(const dg_walk *w, const dg_segment *s, int64_t task, int stage)
{
    int low = 0, high = s->count - 1;
    while (low < high) {
        int middle = (low + high) / 2;
        if (s->task_end[middle] > task)
            high = middle;
        else
            low = middle + 1;
    }
    int64_t first = low > 0 ? s->task_end[low - 1] : 0;
    const dg_call *c = &w->q->items[s->first + low].call;
    dg_range_of r = {.row0 = c->row0, .row1 = c->row1, .part = (int)(task - first), .stage = stage};
    run_item(w, s->first + low, &r);
}

static int idle_segment(const dg_walk *w, const dg_segment *s)
{
    for (int k = 0; k < s->count; k++)
        if (w->q->items[s->first + k].adds != ADDS_AFTER)
            return 0;
    return !w->p->add;
}

/* Values without rows are measured by one thread, while the others wait. */
static void measure_whole(const dg_walk *w, const dg_segment *s)
{
    for (int k = 0; w->thread == 0 && k < s->count; k++) {
        const dg_item *it = &w->q->items[s->first + k];
        if (it->square && !it->rows)
            measure(w, it, &(dg_range_of){.row0 = 0});
    }
    dg_team_barrier(w->p->team);
}

/* This thread's share of the pieces or tasks of a segment. */
static void run_stage(const dg_walk *w, const dg_segment *s, int stage)
{
    dg_team *team = w->p->team;
    int fixed = s->rows && s->tasks <= w->p->threads;
    for (int64_t k = fixed ? w->thread : dg_team_next(team, w->thread, s->tasks);
         k >= 0 && k < s->tasks; k = fixed ? s->tasks : dg_team_next(team, w->thread, s->tasks)) {
        if (s->rows)
            run_chain(w, s, k);
        else
            run_task(w, s, k, stage);
    }
}

static void walk(void *user, int thread)
{
    dg_diag why = {.code = DG_OK};
    dg_walk own = *(const dg_walk *)user;
    const dg_walk *w = &own;
    dg_program *p = w->p;
    own.thread = thread;
    own.why = &why;
    for (int i = w->begin; i < w->end; i++) {
        const dg_segment *s = &w->q->segments[i];
        if (idle_segment(w, s))
            continue;
        for (int stage = 0; stage < s->stages; stage++) {
            if (stage > 0)
                dg_team_barrier(p->team);
            run_stage(w, s, stage);
        }
        if (i + 1 == w->end && !p->measuring)
            return;
        dg_team_barrier(p->team);
        if (atomic_load(&p->failed) <=
            i) /* all saw the same: a later failure has a later segment */
            return;
        if (p->measuring && !s->rows)
            measure_whole(w, s);
    }
}

/* The first failure of all threads becomes the program's. */
static dg_status gather_failures(dg_program *p)
{
    int best = DG_NONE;
    for (int t = 0; t < p->threads; t++) {
        if (p->thread_diag[t].code != DG_OK &&
            (best == DG_NONE || p->thread_where[t] < p->thread_where[best]))
            best = t;
    }
    if (best != DG_NONE)
        p->diag = p->thread_diag[best];
    return p->diag.code;
}

dg_status dg_run_phase(dg_program *p, dg_plan *q, dg_phase phase)
{
    dg_walk w = {.p = p, .q = q, .begin = q->phase_begin[phase], .end = q->phase_begin[phase + 1]};
    for (int t = 0; t < p->threads; t++)
        p->thread_diag[t].code = DG_OK;
    atomic_store(&p->failed, INT_MAX);
    if (w.begin >= w.end)
        return DG_OK;
    if (dg_team_run(p->team, walk, &w) != DG_OK)
        return dg_program_fail(p, NULL, DG_EUSAGE,
                               "the threads of this program are gone: it was "
                               "compiled before a fork, or is in use");
    return gather_failures(p);
}
