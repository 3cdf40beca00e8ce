/* A program: what the engine makes of a graph for given sizes, a flat list of calls over one arena.
 * Its peak of memory is known before the first step and exact, and a step allocates nothing. */
#ifndef DAGRAD_PROGRAM_H
#define DAGRAD_PROGRAM_H

#include <dagrad/graph.h>
#include <dagrad/optimizer.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dg_program dg_program;

typedef enum {
    DG_VALUE,        /* z */
    DG_ERROR_VECTOR, /* eps: gradient of the loss with respect to a value */
    DG_GRADIENT,     /* the same, of a parameter or an input */
    DG_TANGENT,      /* dz */
    DG_SUM           /* all that a gradient is made of, between the parts of a batch: see dg_get */
} dg_part;

typedef enum { DG_RUN_INFER, DG_RUN_GRADIENT, DG_RUN_TRAIN } dg_mode;

typedef struct {
    size_t size;
    dg_mode mode;
    int64_t batch;       /* rows of a batch (DG_N), >= 1; 1 for a graph without inputs */
    int64_t last;        /* rows of a second, smaller batch; 0: none */
    int threads;         /* 0: one for each processor the process may use, or one alone where a
                            step is too short to be shared (under 300,000 operations) */
    uint64_t seed;       /* of chance, and of parameters that have not been initialised */
    const dg_value *wrt; /* gradients wanted; n_wrt 0: all parameters that are not frozen */
    int n_wrt;
    const dg_value *keep; /* values to keep readable after a step, with their error vectors */
    int n_keep;
    const dg_value
        *start; /* values whose error vectors the caller sets; n_start 0: from the losses */
    int n_start;
    const dg_optimizer *optimizer; /* DG_RUN_TRAIN: moments are made for it; NULL: gd */
    int tangent;                   /* 1: dg_tangent will be called */
    int measure;                   /* 1: dg_rms works for every value of the program, kept or not */
    int training; /* whether states move and chance acts: 1 yes, -1 no, 0: in DG_RUN_TRAIN only */
    int exact;    /* 1: sums in the order of the definition, no faster algorithm (Winograd) */
    const char *isa; /* NULL: the best this processor has, or $DAGRAD_ISA */
    void *arena;     /* 64-byte aligned memory of the caller, or NULL */
    size_t arena_bytes;
} dg_options;

DG_API dg_options dg_options_default(dg_mode mode, int64_t batch);

/* Never NULL unless out of memory: ask its status. The graph must outlive it and not change. */
DG_API dg_program *dg_compile(dg_graph *g, const dg_options *o);
DG_API void dg_program_free(dg_program *p);
/* A failure of compiling, of memory, or of the engine itself sticks. Any other is that of one call
 * (DG_EDATA, DG_EFINITE, DG_EUSAGE, or what a node returned): the next correct call works. This is
 * what sticks, else the failure of the last call, if it failed. */
DG_API dg_status dg_program_status(const dg_program *p, dg_diag *why);

/* Copies in; what was set stays set through all steps. An input (DG_VALUE), an error vector to
 * start from (DG_ERROR_VECTOR: of a value in start; ignored where nothing that is wanted lies
 * behind it), a perturbation (DG_TANGENT: of a value in wrt; 0 until set), a gradient between
 * dg_adjoint and dg_commit (DG_GRADIENT), or what another program had for DG_SUM: the next
 * dg_adjoint with add goes on from it. Rows: those of t, batch or last. Type, shape, and the range
 * of labels and ids are checked: DG_EDATA names row and value. u8 and i32 are converted to real,
 * f32 to f64. */
DG_API dg_status dg_set(dg_program *p, dg_value v, dg_part what, const dg_tensor *t);
/* The input v is read from the caller's memory, which is not copied, until another is bound or set:
 * 64-byte aligned, of the input's own type. It must be there and unchanged from dg_forward to the
 * end of what follows it (dg_adjoint, dg_tangent). Its labels are checked by each dg_forward. */
DG_API dg_status dg_bind(dg_program *p, dg_value v, const dg_tensor *t);
/* Copies out an output, a loss, a kept value or error vector, a gradient, a tangent. DG_SUM: a list
 * of real numbers, all that the gradient of v is made of so far. A batch may be given in parts that
 * are on several machines: each sets what the one before it got, and goes on with add; the last has
 * the gradient, with the bits of the whole batch. data NULL: fills type, shape and bytes. Shapes
 * are those of the last dg_forward. */
DG_API dg_status dg_get(dg_program *p, dg_value v, dg_part what, dg_tensor *t);

/* Labels and ids of an integer input are 0 to this - 1; 0: no consumer says. */
DG_API int64_t dg_label_limit(const dg_program *p, dg_value v);

/* The rows of a forward pass. */
typedef struct {
    size_t size;
    int64_t rows;  /* batch or last of the options */
    int64_t first; /* a part of a batch: its first row in the whole; chance is keyed by it */
    uint64_t step; /* keys chance (dropout) */
} dg_batch;

/* A forward pass. DG_EUSAGE: other rows, or an input that was never set or bound, or with other
 * rows, named. DG_EDATA: a label or an id is out of range. b NULL: the whole batch, step 0. */
DG_API dg_status dg_forward(dg_program *p, const dg_batch *b);
/* The loss of the last forward pass, with 1/K; term -1: the weighted sum of all, else one term.
 * Losses are summed in f64. pairs: see dg_adjoint. */
DG_API dg_status dg_loss_value(dg_program *p, int term, const int64_t *pairs, double *value);
/* Pairs of a loss term in the last forward pass (labels that are not ignored). */
DG_API int64_t dg_loss_pairs(dg_program *p, int term);
/* Errors back, from the losses, or from the error vectors that were set for the values in start.
 * pairs: K of the whole batch by loss term, where a term has 0 or the list is NULL counted from the
 * rows of the last forward. add: onto the gradients there are (the parts of a batch in their order,
 * with the bits of the whole; refused where a node needs the whole batch). Once after each
 * dg_forward; in a program of DG_RUN_GRADIENT as often as is wanted. */
DG_API dg_status dg_adjoint(dg_program *p, const int64_t *pairs, int add);
/* Perturbations forward, from those set. After dg_forward. */
DG_API dg_status dg_tangent(dg_program *p);
/* An optimizer step (counted from 0): parameters, moments and states take their next values.
 * Refuses gradients and states that are not finite with DG_EFINITE, naming the parameter or state,
 * and changes nothing then. */
DG_API dg_status dg_commit(dg_program *p, const dg_optimizer *o, uint64_t step);
/* The Jacobian d of / d by, [count of, count by], at the last forward pass. by: an input or
 * parameter in wrt. Formed by rows (of in start) or by columns (of in keep, and tangent), whichever
 * are fewer and the program was compiled for; error vectors and perturbations that were set are
 * lost. data NULL: fills type, shape and bytes. */
DG_API dg_status dg_jacobian(dg_program *p, dg_value of, dg_value by, dg_tensor *t);

/* The Jacobian of one node on its own: d (result number output) / d (input number input), A_m of a
 * state or B_m of a parameter, [elements of the result, elements of the input], at the inputs
 * given. in: n_in tensors in the order of the type's inputs, parameters too, with plain sizes (no
 * DG_N); data NULL: not given (a parameter that is not given takes its initialiser). Real inputs
 * are all f32 or all f64; so is the Jacobian. Computed as in inference (dropout passes), by rows
 * with G, or by columns with the tangent where they are fewer and the node has one. t: of
 * dg_type_find, or your own. attr: without values. j: data NULL: fills type, shape and bytes. Its
 * own memory is that of the node's values and error vectors, and is given back. why may be NULL.
 * DG_EUSAGE: an index, a type or the bytes are wrong; DG_EMODEL: the node refuses attributes or
 * shapes; DG_EDATA: a label is out of range; else what the node's functions return. */
DG_API dg_status dg_node_jacobian(const dg_node_type *t, int n_attr, const dg_attr attr[], int n_in,
                                  const dg_tensor in[], int output, int input, dg_tensor *j,
                                  dg_diag *why);

/* Moment k of a parameter: memory of the program, as large as the parameter. NULL: none. */
DG_API void *dg_program_moment(dg_program *p, dg_value parameter, int k);

/* ---- Looking at a program -------------------------------------------------------------------- */

typedef struct {
    size_t size;
    size_t arena;  /* bytes, exact for these threads */
    size_t live;   /* the largest live set */
    size_t memory; /* all memory of the program, arena, moments and lists included */
    int calls, segments, fusions, in_place, views, pruned;
    int threads;
    double flops; /* of a step of `batch` rows */
    const char *isa;
} dg_program_info;

DG_API void dg_program_look(const dg_program *p, dg_program_info *info);
DG_API size_t dg_program_bytes(const dg_program *p); /* the whole arena, exact, for these threads */

/* The program as text, a line at a time. after: a pass ("order", "needs", "lower", "fuse", "save",
 * "plan"), NULL: the last. DG_EUSAGE: no such pass; why lists them. */
DG_API dg_status dg_program_print(const dg_program *p, const char *after,
                                  void (*line)(void *user, const char *text), void *user,
                                  dg_diag *why);

/* Seconds of all threads in the calls of the node-th node since dg_program_clock, and the
 * operations of one step: phase 0 forward, 1 error vectors of its inputs, 2 gradients of its
 * parameters. DG_EUSAGE and name NULL after the last node. Off until dg_program_clock(p, 1), which
 * also sets them to 0. */
DG_API void dg_program_clock(dg_program *p, int on);
DG_API dg_status dg_program_time(const dg_program *p, int node, int phase, const char **name,
                                 double *seconds, double *flops);

/* Root mean square of a value (DG_VALUE) or its error vector (DG_ERROR_VECTOR) in the last step;
 * the program was compiled with measure. Off until dg_program_measure(p, 1), since it costs a
 * pass. */
DG_API void dg_program_measure(dg_program *p, int on);
DG_API dg_status dg_rms(dg_program *p, dg_value v, dg_part what, double *rms);

/* ---- Files (library dagrad-io) --------------------------------------------------------------- */

/* Parameters and states as safetensors; atomic: the old file or the new one, whole. */
DG_API dg_status dg_save(const dg_graph *g, const char *path, dg_diag *why);
/* All names, shapes and types must match, else DG_EDATA lists the differences and nothing is
 * changed. */
DG_API dg_status dg_load(dg_graph *g, const char *path, dg_diag *why);

#ifdef __cplusplus
}
#endif
#endif
