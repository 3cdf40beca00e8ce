/* dg_compile: runs the passes, finds the memory, starts the threads. */
#include "base/memory.h"
#include "engine/engine.h"
#include "graph/init.h"
#include <string.h>

enum { SHARED = 300000 }; /* operations of a step that several threads are worth */

dg_options dg_options_default(dg_mode mode, int64_t batch)
{
    return (dg_options){.size = sizeof(dg_options), .mode = mode, .batch = batch, .seed = 1};
}

typedef struct dg_pass {
    const char *name;
    dg_status (*run)(dg_program *p, dg_plan *q);
} dg_pass;

static const dg_pass passes[] = {
    {"shapes", dg_pass_shapes}, {"lower", dg_pass_lower}, {"fuse", dg_pass_fuse},
    {"save", dg_pass_save},     {"plan", dg_pass_plan},   {"verify", dg_pass_verify},
};

static dg_status check_options(dg_program *p)
{
    const dg_options *o = &p->options;
    const dg_graph *g = p->graph;
    if (o->batch < 1 || o->last < 0 || o->last > o->batch)
        return dg_program_fail(p, NULL, DG_EUSAGE,
                               "batch is %lld and last %lld: 1 <= batch, 0 <= "
                               "last <= batch",
                               (long long)o->batch, (long long)o->last);
    if (o->threads < 0 || o->threads > DG_TEAM_MOST)
        return dg_program_fail(p, NULL, DG_EUSAGE, "threads is %d, it takes 0 to %d", o->threads,
                               DG_TEAM_MOST);
    if (o->mode == DG_RUN_TRAIN && g->n_losses == 0)
        return dg_program_fail(p, NULL, DG_EMODEL, "there is no loss to train with");
    if (o->mode == DG_RUN_GRADIENT && g->n_losses == 0 && o->n_start == 0)
        return dg_program_fail(p, NULL, DG_EMODEL, "there is no loss, and no value to start from");
    return DG_OK;
}

static dg_status make_marks(dg_program *p)
{
    uint8_t **mark[] = {&p->depends, &p->active, &p->wanted, &p->kept, &p->starts, &p->used};
    for (int i = 0; i < 6; i++) {
        *mark[i] = dg_arena_alloc(&p->lists, (size_t)p->graph->n_values + 1);
        if (!*mark[i])
            return dg_program_fail(p, NULL, DG_EMEMORY, "out of memory");
    }
    return DG_OK;
}

static dg_status check_nodes(dg_program *p)
{
    for (int k = 0; k < p->n_order; k++) {
        const dg_node *n = &p->graph->nodes[p->order[k]];
        if (!(n->type->flags & DG_VIEW) && !dg_node_math(p, n)->forward)
            return dg_program_fail(p, n, DG_EMODEL, "%s has no mathematics for %s", n->type->name,
                                   dg_type_name(p->graph->real));
    }
    return DG_OK;
}

/* States that move, each by one node. */
static dg_status find_moves(dg_program *p)
{
    const dg_graph *g = p->graph;
    int most = 0;
    for (int k = 0; k < p->n_order; k++)
        most += g->nodes[p->order[k]].n_in;
    p->moves = dg_arena_array(&p->lists, (size_t)most + 1, sizeof *p->moves);
    uint8_t *moved = dg_arena_alloc(&p->lists, (size_t)g->n_values + 1);
    if (!p->moves || !moved)
        return dg_program_fail(p, NULL, DG_EMEMORY, "out of memory");
    for (int k = 0; k < p->n_order; k++) {
        const dg_node *n = &g->nodes[p->order[k]];
        for (int i = 0; i < n->n_in; i++) {
            const dg_input_spec *spec = dg_input_spec_of(n, i);
            if (!n->in[i] || !(spec->flags & DG_IN_STATE))
                continue;
            if (moved[n->in[i] - 1]++)
                return dg_program_fail(p, n, DG_EMODEL, "two nodes would move the state '%s'",
                                       g->values[n->in[i] - 1].name);
            p->moves[p->n_moves++] = (dg_move){n->in[i], n->out + spec->next};
        }
    }
    return DG_OK;
}

/* Passes up to stop_after (NULL: all). */
static dg_status run_passes(dg_program *p)
{
    const char *stop = p->stop_after;
    if (make_marks(p) != DG_OK || dg_pass_order(p) != DG_OK || check_nodes(p) != DG_OK)
        return p->diag.code;
    if ((stop && strcmp(stop, "order") == 0) || dg_pass_needs(p) != DG_OK)
        return p->diag.code;
    if (stop && strcmp(stop, "needs") == 0)
        return DG_OK;
    if (p->options.mode == DG_RUN_TRAIN && dg_is_training(&p->options) && find_moves(p) != DG_OK)
        return p->diag.code;
    for (int i = 0; i < p->n_plans; i++) {
        for (size_t k = 0; k < sizeof passes / sizeof passes[0]; k++) {
            if (passes[k].run(p, &p->plan[i]) != DG_OK)
                return p->diag.code;
            if (stop && strcmp(stop, passes[k].name) == 0)
                break;
        }
    }
    return DG_OK;
}

static int trained(const dg_program *p, int32_t id)
{
    return p->graph->values[id - 1].kind == DG_PARAMETER && p->wanted[id - 1] &&
           p->plan[0].gradient[id - 1] != DG_NONE;
}

/* Blocks of all parameters that are trained, and their moments. */
static dg_status make_blocks(dg_program *p)
{
    const dg_graph *g = p->graph;
    if (p->options.mode != DG_RUN_TRAIN)
        return DG_OK;
    p->n_moments = p->options.optimizer ? dg_optimizer_moments(p->options.optimizer) : 0;
    for (int i = 0; i < g->n_values; i++)
        if (trained(p, i + 1))
            p->n_blocks += (dg_shape_count(&g->values[i].shape) + DG_BLOCK - 1) / DG_BLOCK;
    size_t n = (size_t)p->n_blocks + 1;
    p->squares = dg_arena_array(&p->lists, n, sizeof *p->squares);
    p->sizes = dg_arena_array(&p->lists, n, sizeof *p->sizes);
    p->block_value = dg_arena_array(&p->lists, n, sizeof *p->block_value);
    p->block_start = dg_arena_array(&p->lists, n, sizeof *p->block_start);
    p->moment_at = dg_arena_array(&p->lists, (size_t)g->n_values * 2 + 1, sizeof *p->moment_at);
    if (!p->squares || !p->sizes || !p->block_value || !p->block_start || !p->moment_at)
        return dg_program_fail(p, NULL, DG_EMEMORY, "out of memory");
    int64_t b = 0; /* last parameter first, as the adjoint goes: a thread finds what it made */
    for (int i = g->n_values - 1; i >= 0; i--) {
        int64_t count = dg_shape_count(&g->values[i].shape);
        for (int64_t at = 0; trained(p, i + 1) && at < count; at += DG_BLOCK) {
            p->block_value[b] = i + 1;
            p->block_start[b++] = at;
        }
    }
    return DG_OK;
}

static dg_status place_moments(dg_program *p)
{
    const dg_graph *g = p->graph;
    for (int i = 0; p->n_moments > 0 && i < g->n_values; i++) {
        size_t bytes = (size_t)dg_shape_count(&g->values[i].shape) * dg_type_bytes(g->real);
        for (int k = 0; trained(p, i + 1) && k < p->n_moments; k++) {
            size_t at = dg_fixed_at(p, SLOT_MOMENT, i + 1, k, bytes);
            if (at == SIZE_MAX)
                return p->diag.code;
            p->moment_at[(size_t)i * (size_t)p->n_moments + (size_t)k] = at;
        }
    }
    return DG_OK;
}

/* Plans stand after the persistent pieces, the threads' scratch after the larger plan. */
static dg_status make_arena(dg_program *p)
{
    size_t plan = 0, scratch = 0;
    for (int i = 0; i < p->n_plans; i++) {
        dg_plan *q = &p->plan[i];
        for (int k = 0; k < q->n_slots; k++)
            if (!q->slots[k].persistent)
                q->slots[k].offset += p->persistent;
        plan = q->bytes > plan ? q->bytes : plan;
        scratch = q->scratch > scratch ? q->scratch : scratch;
    }
    p->scratch = (scratch + DG_ALIGN - 1) / DG_ALIGN * DG_ALIGN;
    p->scratch_at = p->persistent + plan;
    p->arena_bytes = p->scratch_at + (size_t)p->threads * p->scratch;
    if (p->options.arena && p->options.arena_bytes < p->arena_bytes)
        return dg_program_fail(p, NULL, DG_EUSAGE, "the arena has %zu bytes, %zu are needed",
                               p->options.arena_bytes, p->arena_bytes);
    p->own_arena = !p->options.arena;
    p->arena = p->own_arena ? dg_memory_alloc(&p->memory, p->arena_bytes) : p->options.arena;
    if (!p->arena)
        return dg_program_fail(p, NULL, DG_EMEMORY, "out of memory: the arena needs %zu bytes",
                               p->arena_bytes);
    for (int i = 0; i < p->n_fixed; i++)
        if (p->fixed[i].kind != SLOT_GRADIENT)
            memset(p->arena + p->fixed[i].offset, 0, p->fixed[i].bytes);
    return DG_OK;
}

static dg_status start_threads(dg_program *p)
{
    const dg_graph *g = p->graph;
    size_t threads = (size_t)p->threads;
    p->thread_diag = dg_arena_array(&p->lists, threads, sizeof *p->thread_diag);
    p->thread_where = dg_arena_array(&p->lists, threads, sizeof *p->thread_where);
    p->clock = dg_arena_array(&p->lists, threads * (size_t)g->n_nodes + 1, sizeof *p->clock);
    p->seed = dg_arena_array(&p->lists, (size_t)g->n_losses + 1, sizeof *p->seed);
    if (!p->thread_diag || !p->thread_where || !p->clock || !p->seed)
        return dg_program_fail(p, NULL, DG_EMEMORY, "out of memory");
    dg_status s = dg_team_new(p->threads, &p->memory, &p->team);
    return s == DG_OK ? DG_OK
                      : dg_program_fail(p, NULL, s, "%d threads could not be started", p->threads);
}

/* A step that is done before a second thread has woken up. What a node of the user's costs is not
 * known unless it says so. */
static int is_small(const dg_program *p)
{
    for (int k = 0; k < p->n_order; k++) {
        const dg_node *n = &p->graph->nodes[p->order[k]];
        if (n->builtin < 0 && !n->type->flops)
            return 0;
    }
    return dg_step_flops(p) < SHARED;
}

static dg_status compile(dg_program *p)
{
    dg_graph *g = p->graph;
    p->diag = g->diag;
    if (p->diag.code != DG_OK || check_options(p) != DG_OK)
        return p->diag.code;
    p->isa = dg_isa_choose(p->options.isa, &p->diag);
    if (!p->isa)
        return p->diag.code;
    p->kernels = p->isa->step[g->real == DG_F64];
    p->threads = p->options.threads > 0 ? p->options.threads : dg_team_processors();
    p->n_plans = p->options.last > 0 && p->options.last < p->options.batch ? 2 : 1;
    p->plan[0].batch = p->options.batch;
    p->plan[1].batch = p->options.last;
    p->current = DG_NONE;
    if (dg_graph_init_missing(g, p->options.seed) != DG_OK)
        return dg_program_fail(p, NULL, g->diag.code, "%s", g->diag.text);
    if (run_passes(p) != DG_OK || p->stop_after)
        return p->diag.code;
    if (p->options.threads == 0 && is_small(p))
        p->threads = 1;
    if (make_blocks(p) != DG_OK || place_moments(p) != DG_OK || make_arena(p) != DG_OK)
        return p->diag.code;
    for (int i = 0; i < p->n_plans; i++)
        if (dg_pass_bind(p, &p->plan[i]) != DG_OK)
            return p->diag.code;
    if (dg_find_places(p) != DG_OK || dg_find_ranges(p) != DG_OK)
        return p->diag.code;
    p->ready = start_threads(p) == DG_OK;
    return p->diag.code;
}

/* The caller's lists need not outlive dg_compile. */
static dg_status copy_options(dg_program *p)
{
    const dg_value **list[] = {&p->options.wrt, &p->options.keep, &p->options.start};
    int n[] = {p->options.n_wrt, p->options.n_keep, p->options.n_start};
    for (int i = 0; i < 3; i++) {
        dg_value *copy = dg_arena_array(&p->lists, (size_t)n[i] + 1, sizeof *copy);
        if (!copy)
            return dg_program_fail(p, NULL, DG_EMEMORY, "out of memory");
        if (n[i])
            memcpy(copy, *list[i], (size_t)n[i] * sizeof *copy);
        *list[i] = copy;
    }
    return DG_OK;
}

/* The options as far as the caller's struct goes. */
static dg_options options_of(const dg_options *o)
{
    dg_options all = dg_options_default(DG_RUN_INFER, 1);
    memcpy(&all, o, o->size < sizeof all ? o->size : sizeof all);
    all.size = sizeof all;
    return all;
}

dg_program *dg_program_make(dg_graph *g, const dg_options *o, const char *stop_after)
{
    dg_memory memory = {.user = g->host.user, .alloc = g->host.alloc, .free = g->host.free};
    dg_program *p = dg_memory_zeroed(&memory, sizeof *p);
    if (!p)
        return NULL;
    p->memory = memory;
    p->graph = g;
    p->options = o ? options_of(o) : dg_options_default(DG_RUN_INFER, 1);
    p->stop_after = stop_after;
    p->lists = dg_arena_make(&p->memory);
    if (copy_options(p) == DG_OK)
        compile(p);
    return p;
}

dg_program *dg_compile(dg_graph *g, const dg_options *o)
{
    if (!g)
        return NULL;
    return dg_program_make(g, o, NULL);
}

void dg_program_free(dg_program *p)
{
    if (!p)
        return;
    dg_team_free(p->team);
    if (p->own_arena)
        dg_memory_free(&p->memory, p->arena);
    dg_arena_free(&p->lists);
    dg_memory memory = p->memory;
    dg_memory_free(&memory, p);
}

dg_status dg_program_status(const dg_program *p, dg_diag *why)
{
    if (why && p)
        *why = p->diag;
    else if (why)
        *why = (dg_diag){.code = DG_EMEMORY, .text = "there is no program"};
    return p ? p->diag.code : DG_EMEMORY;
}

static int sticks(const dg_program *p)
{
    return !p->ready || p->diag.code == DG_EMEMORY || p->diag.code == DG_EINTERNAL;
}

dg_status dg_program_enter(dg_program *p)
{
    if (!p)
        return DG_EMEMORY;
    if (p->diag.code != DG_OK && sticks(p))
        return p->diag.code;
    if (p->diag.code != DG_OK)
        p->diag = (dg_diag){.code = DG_OK};
    return DG_OK;
}
