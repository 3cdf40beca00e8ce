/* The program from inside.
 *
 * A graph becomes a list of items (calls of nodes, and the engine's own additions) over slots
 * (pieces of memory). The passes, in order, each a file:
 *
 *     order.c     which nodes are needed, in which order      needs graph
 *     needs.c     which values need an error vector           needs order
 *     shapes.c    sizes for this batch                        needs order
 *     lower.c     items and slots: forward, tangent, adjoint  needs needs, shapes
 *     fuse.c      segments: what runs without a barrier       needs lower; keeps each in its order
 *     save.c      how long every slot must live               needs fuse
 *     plan.c      in place, offsets in one arena              needs save
 *     bind.c      pointers                                    needs plan
 *     verify.c    checks the plan from the items alone        needs plan
 *
 * run.c walks the segments with the threads of a team. */
#ifndef DG_ENGINE_ENGINE_H
#define DG_ENGINE_ENGINE_H

#include "base/team.h"
#include "graph/graph.h"
#include "kernels/table.h"
#include "ops/isa.h"
#include <dagrad/program.h>
#include <stdatomic.h>

enum { DG_NONE = -1 };

typedef enum {
    SLOT_Z,
    SLOT_EPS,
    SLOT_TANGENT,
    SLOT_GRADIENT,
    SLOT_SAVED,
    SLOT_CARRIED,
    SLOT_SUM,
    SLOT_SPARE,
    SLOT_START,
    SLOT_MOMENT
} dg_slot_kind;

/* A piece of the arena that lives through all steps, at the same place in both plans. */
typedef struct dg_fixed {
    dg_slot_kind kind;
    int32_t of;
    int nth;
    size_t bytes, offset;
} dg_fixed;

/* A piece of memory of a plan. Slots that share memory (views, in place) have one root. */
typedef struct dg_slot {
    dg_slot_kind kind;
    int32_t of;     /* value id; of SLOT_SAVED and SLOT_CARRIED the node's index */
    int32_t root;   /* the slot whose memory it is, itself if its own */
    int32_t view;   /* the slot whose value it is, under another shape; DG_NONE */
    void *external; /* parameters and constants: memory of the graph */
    int persistent; /* lives through all steps, at the same place in both plans, */
    int nth;        /* the nth of its kind and value */
    int keep;       /* readable after the step */
    int asked;      /* its own value is read after the step; keep is that of the whole root */
    size_t bytes;
    size_t row_bytes; /* 0: no batch axis */
    int first, last;  /* of a root: segments in which it lives; first > last: never */
    size_t offset;    /* of a root, in the arena */
} dg_slot;

typedef enum {
    ITEM_FORWARD,
    ITEM_TANGENT,
    ITEM_ADJOINT,
    ITEM_FINISH,
    ITEM_ADD,
    ITEM_SEED,
    ITEM_ZERO
} dg_item_kind;
typedef enum { PHASE_FORWARD, PHASE_TANGENT, PHASE_ADJOINT, PHASE_FINISH, PHASES } dg_phase;

/* Who adds, when gradients are added to: with dg_adjoint's add. */
typedef enum {
    ADDS_NEVER,  /* it is nothing to be added to */
    ADDS_ITSELF, /* the call goes on from what is there */
    ADDS_AFTER   /* the engine's addition of what the call before it wrote apart; else it is idle */
} dg_adds;

/* A call of the program. Lists of slots are DG_NONE where there is nothing. ADD: out[0] = in[0] +
 * in[1] + ..; FINISH: the gradient of its sum; SEED: out[0] = weight/K of loss term `input`, or
 * what the caller set; ZERO: out[0] = 0. */
typedef struct dg_item {
    dg_item_kind kind;
    dg_phase phase;
    int32_t node; /* DG_NONE for the engine's own */
    int32_t
        input;   /* adjoint: DG_NONE all inputs with rows, else that input alone; seed: the term */
    int rows;    /* 1: cut by rows of the batch, else by parts */
    int batched; /* its node's results have the batch as axis 0 */
    int parts, stages;
    int deferred; /* gradient of a parameter: waits for the end of the row chain */
    dg_adds adds;
    int fused;  /* runs on the rows of the item before it, without a barrier */
    int merged; /* point-wise, in a segment cut inside rows: axes 0 and 1 are as one */
    int segment;
    int n_in, n_out;
    int32_t *in, *out, *eps, *din, *dout;
    int32_t *delta; /* 2 n_in: where results go, and where they go with add if elsewhere */
    int32_t saved, carried, sum;
    dg_call call;   /* bound: all but rows, part, scratch, why; 2 n_in deltas */
    double *square; /* measure: sums of squares by output, row and piece, else NULL */
    int pieces;     /* as its segment's, at least 1 */
} dg_item;

/* Items first .. first+count-1: one chain cut by rows, or independent items cut into tasks. */
typedef struct dg_segment {
    dg_phase phase;
    int first, count;
    int rows;          /* 1: a chain */
    int64_t chunk;     /* rows a piece */
    int64_t tasks;     /* pieces */
    int stages;        /* times that all of them are run, with a barrier between */
    int64_t *task_end; /* by item: tasks up to its end (not a chain) */
    int pieces;        /* of each row, 0: rows are not cut. A task is a row and a piece then, */
    int64_t inner;     /* of so many positions of axis 1, */
    int64_t grain;     /* of which so many stay together */
} dg_segment;

/* An input of the program. */
typedef struct dg_feed {
    int8_t given;      /* 0: never set; 1, 2: set or bound with the rows of that plan, or without */
    const void *bound; /* the caller's memory, or NULL: its own place */
    const void ***places; /* the pointers of calls to it */
    int n_places;
} dg_feed;

/* What a node takes of an integer input: 0 to limit-1, and skip. */
typedef struct dg_range {
    int32_t value, node;
    int64_t limit, skip;
    int skips;
} dg_range;

/* A state, and the result that is its next value. */
typedef struct dg_move {
    int32_t state, next;
} dg_move;

/* What the passes make for one number of rows. */
typedef struct dg_plan {
    int64_t batch;
    dg_shape *shapes;                      /* by value id - 1, without DG_N */
    int32_t *z, *eps, *tangent, *gradient; /* slot by value id - 1, or DG_NONE */
    int32_t *saved, *carried;              /* slot by node */
    size_t *scratch_of;                    /* by node */
    dg_slot *slots;
    int n_slots, room_slots;
    dg_item *items;
    int n_items, room_items;
    dg_segment *segments;
    int n_segments;
    int phase_begin[PHASES + 1]; /* segments of each phase */
    size_t bytes;                /* of the part of the arena after the persistent one */
    size_t live;                 /* largest live set, persistent slots left out */
    size_t scratch;              /* a thread */
    int fusions, in_place, views;
} dg_plan;

typedef struct dg_clock_entry {
    double seconds[3]; /* forward; adjoint: error vectors of inputs, gradients of parameters */
} dg_clock_entry;

struct dg_program {
    dg_graph *graph;
    dg_options options;
    dg_memory memory;
    dg_arena lists;
    dg_diag diag;
    const dg_isa *isa;
    const dg_step_kernels *kernels;
    dg_team *team;
    int threads;

    int32_t *order; /* nodes that are needed, in order */
    int n_order, pruned;
    uint8_t *depends; /* by value: changes with something in wrt */
    uint8_t *active;  /* by value: needs an error vector */
    uint8_t *wanted;  /* by value: in wrt */
    uint8_t *kept;    /* by value: 1 an output or a loss, 2 in keep (with its error vector) */
    uint8_t *used;    /* by value: a needed node reads it, or it is kept */
    uint8_t *starts;  /* by value: its error vector is set by the caller */

    dg_plan plan[2]; /* batch and last */
    int n_plans;
    dg_fixed *fixed; /* persistent pieces, at the start of the arena */
    int n_fixed, room_fixed;
    int32_t *entries; /* a table of them by kind, value, nth */
    int room_entries;
    size_t persistent; /* their bytes */
    size_t *moment_at; /* by (value id - 1) * n_moments + k: offset of a moment */
    int n_moments;
    char *arena;
    size_t arena_bytes, scratch_at, scratch;
    int own_arena;

    dg_feed *inputs; /* by value: what was set or bound */
    int32_t *needed; /* ids of the inputs that are read, for the check before a forward pass */
    int n_needed;
    dg_range *ranges; /* of labels and ids, by consumer */
    int n_ranges;
    dg_move *moves; /* what dg_commit takes over, besides the parameters */
    int n_moves;
    int ready;   /* compiled: what fails from now on fails alone, see dg_program_enter */
    int current; /* plan of the last forward pass, DG_NONE before it */
    uint64_t step;
    int64_t first;  /* of the last forward pass: its first row in the whole batch */
    int backs;      /* adjoint passes since the last commit */
    int unfinished; /* phase finish must run before gradients are read */
    int add;
    double *seed;                     /* by loss term: weight / K */
    dg_optimizer_step optimizer_step; /* of the step that dg_commit makes */
    double clip;
    double *squares; /* by block of gradient: partial sums */
    double *sizes;   /* the same of the parameters, where a decay is added to their gradients */
    int64_t large;   /* the block that the last commit refused as too large, or -1 */
    int64_t n_blocks;
    int32_t *block_value;  /* parameter of each block */
    int64_t *block_start;  /* its first element */
    dg_diag *thread_diag;  /* one a thread, */
    int64_t *thread_where; /* with the place of its failure */
    atomic_int failed;     /* first segment with a failure, INT_MAX: none */
    int measuring;
    int clocked;
    dg_clock_entry *clock;  /* by thread and node */
    const char *stop_after; /* dg_program_print: the last pass to run */
};

/* ---- passes ---------------------------------------------------------------------------------- */

dg_status dg_pass_order(dg_program *p);
dg_status dg_pass_needs(dg_program *p);
dg_status dg_pass_shapes(dg_program *p, dg_plan *q);
dg_status dg_pass_lower(dg_program *p, dg_plan *q);
dg_status dg_lower_forward(dg_program *p, dg_plan *q);
dg_status dg_lower_tangent(dg_program *p, dg_plan *q);
dg_status dg_lower_adjoint(dg_program *p, dg_plan *q);
dg_status dg_pass_fuse(dg_program *p, dg_plan *q);
dg_status dg_pass_save(dg_program *p, dg_plan *q);
dg_status dg_pass_plan(dg_program *p, dg_plan *q);
dg_status dg_pass_bind(dg_program *p, dg_plan *q);

/* Operations of a step with the first plan: forward, error vectors, gradients. */
double dg_step_flops(const dg_program *p);
dg_status dg_pass_verify(dg_program *p, dg_plan *q);

/* ---- items and slots (items.c) --------------------------------------------------------------- */

/* New slot; DG_NONE out of memory (the program's diag says so). */
int32_t dg_slot_new(dg_program *p, dg_plan *q, dg_slot_kind kind, int32_t of, size_t bytes,
                    size_t row_bytes);
/* A persistent slot: the nth of this kind and value, the same memory in both plans. */
int32_t dg_slot_fixed(dg_program *p, dg_plan *q, dg_slot_kind kind, int32_t of, int nth,
                      size_t bytes, size_t row_bytes);
/* Offset of a persistent piece; made if it is not there yet. SIZE_MAX: out of memory. */
size_t dg_fixed_at(dg_program *p, dg_slot_kind kind, int32_t of, int nth, size_t bytes);
/* The persistent piece in the arena; NULL: there is none. */
void *dg_fixed_find(const dg_program *p, dg_slot_kind kind, int32_t of, int nth);
/* Where calls read inputs, so that they can be bound; and ranges of labels (access.c). */
dg_status dg_find_places(dg_program *p);
dg_status dg_find_ranges(dg_program *p);
/* The labels of all inputs that are bound (access.c). */
dg_status dg_check_bound(dg_program *p);
int32_t dg_slot_root(const dg_plan *q, int32_t slot);
void *dg_slot_address(const dg_program *p, const dg_plan *q, int32_t slot);
/* New item at the end of the list, with all slot lists DG_NONE; NULL out of memory. */
dg_item *dg_item_new(dg_program *p, dg_plan *q, dg_item_kind kind, int32_t node, int n_in,
                     int n_out);
/* Calls fn for each slot that an item reads, or writes. */
typedef void (*dg_slot_fn)(void *user, int32_t slot);
void dg_item_reads(const dg_item *it, dg_slot_fn fn, void *user);
void dg_item_writes(const dg_item *it, dg_slot_fn fn, void *user);

/* ---- small questions ------------------------------------------------------------------------- */

static inline int dg_has_rows(const dg_graph *g, int32_t id)
{
    const dg_shape *s = &g->values[id - 1].shape;
    return s->rank > 0 && s->dim[0] == DG_N;
}

/* Whether states move and chance acts. */
static inline int dg_is_training(const dg_options *o)
{
    return o->training ? o->training > 0 : o->mode == DG_RUN_TRAIN;
}

static inline const dg_math *dg_node_math(const dg_program *p, const dg_node *n)
{
    int wide = p->graph->real == DG_F64;
    if (n->builtin >= 0)
        return p->isa->math[wide][n->builtin];
    return wide ? &n->type->f64 : &n->type->f32;
}

/* What a node's type is asked about sizes with. */
static inline dg_sizes dg_node_sizes(const dg_program *p, const dg_node *n, const dg_shape *in)
{
    return (dg_sizes){.size = sizeof(dg_sizes),
                      .attrs = n->attrs,
                      .n_in = n->n_in,
                      .in = in,
                      .real = p->graph->real,
                      .exact = p->options.exact,
                      .training = dg_is_training(&p->options)};
}

/* A node whose f is linear is its own tangent, where it has no function for it. */
static inline int dg_is_own_tangent(const dg_node_type *t, const dg_math *m)
{
    return !m->tangent && t->flags & DG_LINEAR && !(t->flags & DG_VIEW);
}

static inline int dg_has_tangent(const dg_node_type *t, const dg_math *m)
{
    return m->tangent || t->flags & (DG_LINEAR | DG_VIEW);
}

/* Begins a public call: DG_OK, or what sticks to the program. The failure of the call before, which
 * does not stick, is forgotten. */
dg_status dg_program_enter(dg_program *p);
/* Records a failure of the program, with the node's name and place. */
dg_status dg_program_fail(dg_program *p, const dg_node *n, dg_status code, const char *format, ...)
    DG_PRINTF(4, 5);
/* Shapes of a node's inputs or outputs in a plan, in the arena of lists; NULL out of memory. */
dg_shape *dg_plan_in_shapes(dg_program *p, const dg_plan *q, const dg_node *n);
/* Compiles up to a pass. NULL: all of it. */
dg_program *dg_program_make(dg_graph *g, const dg_options *o, const char *stop_after);
/* Makes the gradients of their sums, if that is to be done (step.c). */
dg_status dg_finish(dg_program *p);
dg_status dg_get_sum(dg_program *p, dg_value v, dg_tensor *t);
dg_status dg_set_sum(dg_program *p, dg_value v, const dg_tensor *t);
dg_status dg_run_phase(dg_program *p, dg_plan *q, dg_phase phase);
/* From now on dg_tangent gives a node all rows in one call, a product of matrices, and not piece by
 * piece through a chain of nodes (jacobian.c). The bits are the same. */
void dg_tangent_by_nodes(dg_program *p);

#endif
