/* A node: two functions, f forward and G, the adjoint, plus what the rest must know of them.
 *
 *     x = f(z1, z2, theta)              forward
 *     [d1, d2, g] = G(eps, z1, z2, theta)
 *         d1 = A1^t eps, d2 = A2^t eps, g = B^t eps      adjoint; A, B are the Jacobians of f,
 *                                                        which G never forms
 *     dx = A1 dz1 + A2 dz2 + B dtheta   tangent
 *
 * Parameters are inputs of a node like any other: B^t eps is what comes back for that input. A node
 * is pure functions on a call. It writes, it never adds; where a value feeds several nodes, the
 * engine adds what comes back. Built-in nodes and a user's nodes are the same structs. */
#ifndef DAGRAD_NODE_H
#define DAGRAD_NODE_H

#include <dagrad/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { DG_MAX_NUMBERS = 16, DG_MAX_OUT = 32, DG_ABI = 2 };

/* ---- Attributes ------------------------------------------------------------------------------ */

/* Kinds; an attribute that takes one or the other has both bits (padding: a word or numbers). */
enum { DG_ATTR_INT = 1, DG_ATTR_REAL = 2, DG_ATTR_BOOL = 4, DG_ATTR_WORD = 8, DG_ATTR_TEXT = 16 };

typedef struct dg_attr_spec {
    const char *name;
    unsigned kind;
    int max_count;      /* numbers it may hold: 1, or up to DG_MAX_NUMBERS (a list) */
    double low, high;   /* range of each number, inclusive */
    const char *preset; /* default as a user would write it: "1", "same"; "": may be absent (count 0
                           and word -1); NULL: must be given */
    const char *words;  /* for DG_ATTR_WORD: the words, separated by spaces: "same valid" */
    const char *text;   /* one line for the reference */
} dg_attr_spec;

/* The value of an attribute: a word (its index in words, else -1), numbers, or a text. A Boolean is
 * the number 0 or 1. */
typedef struct dg_attr_value {
    int count, word;
    const char *text;
    double number[DG_MAX_NUMBERS];
} dg_attr_value;

/* The attributes of a node, in the order of its specification, checked against it. */
typedef struct dg_attrs {
    int n;
    const dg_attr_value *v;
} dg_attrs;

static inline double dg_attr_real(const dg_attrs *a, int k)
{
    return a->v[k].number[0];
}

static inline int64_t dg_attr_int(const dg_attrs *a, int k)
{
    return (int64_t)a->v[k].number[0];
}

/* ---- Sizes and memory ------------------------------------------------------------------------ */

/* What a type is asked about sizes with: the whole batch, no DG_N in the shapes. */
typedef struct dg_sizes {
    size_t size;
    const dg_attrs *attrs;
    int n_in;
    const dg_shape *in; /* absent inputs have rank -1 */
    dg_type real;
    int exact, training; /* as in dg_call */
} dg_sizes;

/* Memory that the engine gives a node. All starts at 0: a type fills in what it needs.
 *     saved    of the whole node: written by forward, read by adjoint and tangent
 *     carried  of the whole node: written by the adjoint of the other inputs, all in one call by
 *              rows or by the parts of forward, which then always runs before those of the
 *              parameters, and read by those
 *     scratch  of a thread: the most that any call needs */
typedef struct dg_bytes {
    size_t size;
    size_t saved, carried, scratch;
} dg_bytes;

/* ---- A call: one part of a node's work ------------------------------------------------------- */

/* Calls write disjoint results and may run on any thread in any order. Pointers are those of whole
 * values, 64-byte aligned. There are two ways to cut the work of a node:
 *     by rows    a node flagged DG_ROWS whose outputs have the batch (DG_N) as axis 0: forward,
 *                tangent, and the adjoint of all inputs that have the batch too, in one call, work
 *                on rows row0 to row1-1 of axis 0 of outputs and of those inputs; the other inputs
 *                are read whole. How many rows a call gets may depend on the number of threads: any
 *                cut must give the same bits.
 *     by parts   all else: work on part `part` of `parts`, a number that comes from sizes alone;
 *                rows are then 0 to all of the outputs. Of a node that is cut by rows that is the
 *                adjoint of each input without the batch (a parameter): it sums over all rows. */
enum { DG_CALL_FORWARD, DG_CALL_ADJOINT, DG_CALL_TANGENT, DG_CALL_FINISH };

typedef struct dg_call {
    size_t size;
    int direction; /* which function this is a call of: one may serve as all three */
    const dg_attrs *attrs;
    int n_in, n_out;
    const dg_shape *in_shape, *out_shape; /* of the whole batch; no DG_N in them */
    int64_t row0, row1;                   /* rows of axis 0 of the outputs (rank 0: 0 to 1) */
    int64_t inner0, inner1; /* positions of axis 1, see `grain`; inner1 0: rows are not cut */
    int64_t first;          /* row 0 of this call is that row of the whole batch (0 without rows) */
    int part, parts;
    int stage;       /* see `stages` */
    int training;    /* 0: inference (dropout passes its input) */
    int exact;       /* 1: sums in the order of the definition, no faster algorithm */
    int add;         /* only for DG_ACCUMULATES and `sum`: delta or sum holds where to go on from */
    uint64_t key[2]; /* chance: a function of seed, step and node; the index is the element's, in
                        the whole batch */
    const void *const *in;  /* NULL entry: input not given; in adjoint also: not saved */
    void *const *out;       /* in adjoint and tangent: read only, NULL if not saved */
    const void *const *eps; /* adjoint: error vectors of the outputs, never NULL */
    void *const *delta;     /* adjoint: what comes back for each input; NULL: not wanted */
    const void *const *din; /* tangent: perturbations of the inputs; NULL: zero */
    void *const *dout;      /* tangent: perturbations of the outputs */
    void *saved, *carried;  /* see dg_bytes */
    void *sum;     /* adjoint, finish: what `sum` asked for, of the one input that is wanted */
    void *scratch; /* of the calling thread: garbage before and after */
    dg_diag *why;  /* the thread's own: dg_diag_set(c->why, ...) before returning a status */
} dg_call;

typedef dg_status (*dg_fn)(const dg_call *c); /* pure, thread-safe; not DG_OK: the step stops */

typedef struct dg_math {
    dg_fn forward, adjoint, tangent; /* tangent may be NULL in a user's node; see DG_LINEAR */
    dg_fn finish; /* makes the gradient delta[i] of sum, for inputs with a `sum`; cut as their
                     adjoint is by `parts` */
} dg_math;

/* ---- Inputs ---------------------------------------------------------------------------------- */

enum {
    DG_IN_OPTIONAL = 1,  /* may be absent; given by keyword: weight=w */
    DG_IN_PARAMETER = 2, /* the graph makes it where it is not given (see `parameter` below) */
    DG_IN_INT = 4,       /* takes labels or ids (DG_I32) only */
    DG_IN_ANY = 8,       /* takes real values or DG_I32 */
    DG_IN_STATE = 16,    /* a state that the graph makes as it makes parameters, and never gives a
                            gradient; result `next` of the node is its next value, which dg_commit
                            takes over. Next values are the last results of a node: they have no
                            error vector (eps is 0), no tangent, and are no results in the
                            language */
    DG_IN_MADE = DG_IN_PARAMETER | DG_IN_STATE
};

typedef struct dg_input_spec {
    const char *name;
    unsigned flags;
    const char *init; /* DG_IN_PARAMETER, DG_IN_STATE: default initialiser; "auto": he before a node
                         flagged DG_RECTIFIES, else glorot */
    int next;         /* DG_IN_STATE */
} dg_input_spec;

/* ---- Test data ------------------------------------------------------------------------------- */

/* Shapes of the inputs and what is in them, in the language's own notation. Small letters are free
 * sizes: a test draws them, the same letter the same size, also in attrs. One fill for each input,
 * separated by ";" (the last is repeated):
 *     uniform(a,b)   in [a, b]
 *     away(r,a,b,k..)  uniform in [a, b], but at least r from each kink k
 *     distinct(a,b)  all values of the call differ, equally spaced over [a, b] in random order
 *     simplex        rows (last axis) that are positive and add up to 1
 *     labels(n)      integers 0 to n-1; n a number or a letter */
typedef struct dg_case {
    const char *in;    /* "n,a; a,b; b" */
    const char *attrs; /* "units=b, bias=true" */
    const char *fill;  /* "uniform(-1,1)" */
    double radius;     /* distance of those values to the nearest kink or singularity; HUGE: none */
} dg_case;

/* ---- The type -------------------------------------------------------------------------------- */

enum {
    DG_ROWS = 1,      /* row r of the outputs depends on row r of the inputs with the batch, and on
                         the other inputs: calls are cut by rows, see dg_call. Without the batch as
                         axis 0 of the outputs it says nothing */
    DG_LINEAR = 2,    /* linear in all its real inputs together, without an offset (x W is not,
                         where W is an input too): f is its own tangent, where none is given */
    DG_POINTWISE = 4, /* out[0] may be the memory of any in[i] of its shape and type, delta[i] that
                            of eps[0]; implies DG_ROWS */
    DG_ACCUMULATES = 8,   /* adjoint of an input without rows obeys c->add: old value, then a left
                            fold over blocks of the batch */
    DG_RANDOM = 16,       /* reads key */
    DG_VIEW = 32,         /* out[0] is in[0], of another shape: no work at all */
    DG_VARIADIC = 64,     /* the last input specification may repeat */
    DG_LOSS = 128,        /* inputs 0, 1 are target and estimate; out[0] is rho, one a pair */
    DG_WHOLE_BATCH = 256, /* results depend on all rows of the batch: it is not given in parts */
    DG_RECTIFIES = 512,   /* he and not glorot is the start of the parameters before it */
    DG_NORMALISES = 8192, /* what rectifies its result also counts for the node before it */
    DG_FIRST = 1024,      /* of several results the first stands for all where one value is wanted;
                             fewer names than results take the first ones */
    DG_FLAT = 2048,       /* the derivative is 0 wherever there is one: no error vector passes */
    DG_SYMMETRIC = 4096 /* a loss with rho(a, b) = rho(b, a): target and estimate in the other order
                           deserve a warning; those of another loss are an error */
};

typedef struct dg_node_type {
    size_t size;
    const char *name;    /* as in the language */
    const char *formula; /* one line: "x = max(z, 0)" */
    const char *onnx;    /* ONNX operator, NULL if none */
    const dg_attr_spec *attrs;
    int n_attrs;
    const dg_input_spec *inputs;
    int n_inputs;
    int n_out; /* 0: outputs() says */
    uint32_t flags;
    uint32_t saves_in, saves_out; /* bit i: adjoint and tangent read in[i], out[i] */

    /* Shapes of the outputs, n_out of them. dim[0] of an input may be DG_N (the batch); then it
     * must stay axis 0 of the outputs or vanish. Absent inputs have rank -1. Never divides by zero,
     * never overflows: sizes are checked by the caller afterwards. */
    dg_status (*shape)(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                       dg_diag *why);
    int (*outputs)(const dg_attrs *a); /* NULL: n_out */
    /* Shape of parameter input k, from the inputs before it; rank -1: this node has none. */
    dg_status (*parameter)(const dg_attrs *a, int n_in, const dg_shape in[], int k, dg_shape *out,
                           dg_diag *why);
    void (*bytes)(const dg_sizes *of, dg_bytes *bytes); /* NULL: none */
    /* Bytes of the sum that the gradient of an input without rows is made of: adjoint writes it
     * (with add it goes on from it, so that a batch in parts has the bits of the whole), finish
     * makes it the gradient before anything reads that. For sums in blocks of rows, or in the
     * domain of a transform. It consists of real numbers and does not depend on the rows of the
     * batch. NULL or 0: there is none, adjoint writes delta. */
    size_t (*sum)(const dg_sizes *of, int input);
    /* Refuses sizes that a program is compiled for, where they are fine for others (NULL: none): a
     * batch of one row, when it is trained. */
    dg_status (*fits)(const dg_sizes *of, dg_diag *why);
    /* Number of parts: input -1: forward and tangent (ignored where they are cut by rows); input i:
     * adjoint of input i on its own. NULL: one. A node that is not cut by rows gets all its deltas
     * in one call if parts is NULL, else each on its own. */
    int (*parts)(const dg_sizes *of, int input);
    /* A node that is cut by parts may need all of a sum before it goes on. All parts of forward, of
     * tangent and of the adjoint that leaves something in `carried` are then called so many times,
     * `stage` counting from 0; what the parts of a stage wrote into results, saved or carried, all
     * parts of the next one may read. 0: once. */
    int stages;
    /* A node that is cut by rows may also be cut inside a row, where a batch has fewer rows than
     * there are threads: forward (input -1) at positions of axis 1 of its outputs, the adjoint of
     * an input with rows at positions of axis 1 of that input, then alone. The least number of
     * neighbours that stay together; 0: not cut. A call then does inner0 to inner1-1 of its rows;
     * any cut must give the same bits. NULL: not cut, but point-wise nodes of one shape are. */
    int64_t (*grain)(const dg_sizes *of, int input);
    /* Floating-point operations by the definition: of forward (input -1), of the adjoint of input
     * i. NULL: one an element of the outputs. */
    double (*flops)(const dg_sizes *of, int input);
    /* The name of the algorithm that forward (input -1) or the adjoint of input i uses, and in
     * *spared the operations of flops that it does not do. NULL: there is but one. */
    const char *(*algorithm)(const dg_sizes *of, int input, double *spared);
    int64_t (*pairs)(const dg_call *c); /* DG_LOSS with labels: pairs that count; NULL: all */
    /* Of an input that takes DG_I32: its ids or labels are 0 to this - 1, which is checked before
     * forward; 0: no range, nothing is checked. Below 0, of a DG_IN_ANY input: for these shapes it
     * takes real values, and DG_I32 is refused; 0 and above refuse real values. NULL: no range,
     * either type. */
    int64_t (*limit)(const dg_sizes *of, int input);
    /* 1 and the label that is passed over, which may be out of that range. NULL, 0: none. */
    int (*ignores)(const dg_attrs *a, int64_t *label);

    dg_math f32, f64; /* built-in nodes leave these empty: theirs are compiled for each processor */
    const dg_case *cases;
    int n_cases;
} dg_node_type;

/* What a plug-in (a shared object, loaded by --node) defines; nothing in the library does:
 *     const int dg_abi = DG_ABI;
 *     const dg_node_type *const dg_nodes[] = {&mine, &other, NULL}; */
DG_API extern const int dg_abi;
DG_API extern const dg_node_type *const dg_nodes[];

#ifdef __cplusplus
}
#endif
#endif
