/* An ONNX graph on its way to the model language: what the files of this folder share.
 *
 *     proto.c     the file as structs             import.c    nodes in order: folded, or mapped
 *     array.c     constants, and where their       layout.c    the axes of a value, as they are
 * stored elements come from               emit.c      statements, names, parameters, text fold*.c
 * operators on constants           map_*.c     operators to statements
 *
 * Free sizes (the batch, and others that the file leaves open) are bound to two different primes,
 * and everything is computed for both: what is equal in both is a constant, k times the batch is
 * k N, and all else may be passed on, but not be written down.
 *
 * A value of the file that is not constant is held by a value of the model. Its axes are lists of
 * atoms, the pieces that no reshape of the file has cut; atoms are stored in an order of their own,
 * the batch first. So Transpose, Reshape, Squeeze cost nothing: they change the list. A node that
 * needs its axes in an order asks for it (dg_onnx_give), and only then a transpose may be made. */
#ifndef DG_ONNX_IMPORT_H
#define DG_ONNX_IMPORT_H

#include "base/text.h"
#include "onnx/onnx.h"
#include "onnx/proto.h"

enum { DG_ATOMS = 24, DG_BINDINGS = 2 };

/* ---- Constants ------------------------------------------------------------------------------- */

/* A constant. Its elements are in the file (tensor), are all the same (uniform), or in memory. */
typedef struct dg_onnx_array {
    bool integer; /* and truth values; else real */
    int rank;
    int64_t dim[DG_MAX_RANK], count;
    bool uniform;
    const dg_onnx_tensor *tensor;
    const double *real;
    const int64_t *whole;
    /* Where its elements come from: initialiser `root` of the list of roots, element from[i] of it
     * (NULL: i). root < 0: they were computed. */
    int root;
    const int64_t *from;
    bool gathered;      /* by a Gather: rows of a table, which are a parameter as they are */
    int own;            /* > 0: a parameter of its own, by an Identity that an exporter left */
    const int *root_of; /* several: of each element; then root is that of the first */
} dg_onnx_array;

double dg_onnx_real(const dg_onnx_array *a, int64_t i);
int64_t dg_onnx_whole(const dg_onnx_array *a, int64_t i);

/* ---- Layout ---------------------------------------------------------------------------------- */

typedef struct dg_atom {
    int64_t size[DG_BINDINGS];
    bool batch;
} dg_atom;

typedef struct dg_layout {
    int n; /* atoms, in the order of storage; none of size 1; the batch is the first */
    dg_atom atom[DG_ATOMS];
    int rank;                   /* axes of the file */
    int start[DG_MAX_RANK + 1]; /* axis k is the atoms order[start[k]] to order[start[k+1]-1] */
    int order[DG_ATOMS];
} dg_layout;

/* Axes of the model, each a list of atoms (none: size 1). */
typedef struct dg_want {
    int n, start[DG_MAX_RANK + 1], atom[DG_ATOMS];
} dg_want;

/* ---- Values, nodes --------------------------------------------------------------------------- */

typedef struct dg_onnx_value {
    const char *name; /* in the file */
    bool unknown;     /* made by a node that could not be read: nothing is said of it */
    bool integer;
    bool truth;                              /* the file's type is bool: 1 or 0 */
    const dg_onnx_array *fixed[DG_BINDINGS]; /* both, or none */
    const char *dag;                         /* else what holds it in the model */
    int rank;                                /* of that, which may be another than the file's */
    int64_t dim[DG_MAX_RANK];                /* of that: DG_N, or -2 where it is free */
    dg_layout at;
    /* Of a dense layer that has added the bias of the node after it: that bias, and the name of the
     * sum, which what holds it in the model has. */
    const struct dg_onnx_value *added;
    const char *sum;
    struct dg_onnx_value **items; /* it is a sequence of n_items values; else NULL */
    int n_items;
} dg_onnx_value;

typedef struct dg_step {
    const dg_onnx_node *node;
    int64_t version; /* of the operators of its domain */
    int n_in, n_out;
    dg_onnx_value **in, **out; /* NULL: not given */
} dg_step;

typedef struct dg_onnx_param {
    dg_onnx_entry entry;
    const dg_onnx_array *array;
    const char *key; /* the value of the file */
    int statement;
    bool named; /* made by its node: it has no name in the text */
} dg_onnx_param;

typedef struct dg_statement {
    const char *name;    /* what it gives, separated by ", " */
    const char *text;    /* all of it */
    const char *comment; /* NULL: none */
    bool live;
} dg_statement;

typedef struct dg_onnx_scope {
    dg_dict values;
    struct dg_onnx_scope *outer;
} dg_onnx_scope;

typedef struct dg_import {
    dg_heap heap;
    dg_memory memory;
    size_t most, used; /* bytes that may be taken, and were */
    int64_t generated; /* bytes of constants that no file holds */
    dg_diag *why;
    const char *path;
    const dg_onnx_options *options;
    const dg_onnx_proto *proto;
    dg_onnx_scope *top;
    int64_t batch[DG_BINDINGS];
    int64_t old_batch; /* the file fixed it; 0: it is free */
    int n_free;
    const char *free_name[16], *free_source[16];
    int64_t free_size[16][DG_BINDINGS];
    dg_onnx_side *inputs;
    int n_inputs;
    dg_onnx_value **roots; /* initialisers, and Constants that weights may be */
    int n_roots, room_roots;
    dg_dict uses;      /* of values of the file by its nodes, int */
    dg_dict constants; /* tensors that the file says are none of the parameters */
    dg_dict series;    /* recurrent layers, by the name of all their states in the model */
    dg_statement *statements;
    int n_statements, room_statements;
    dg_dict names; /* of the model: the place of their statement */
    dg_dict texts; /* names by text, of dg_onnx_line */
    dg_dict stems; /* names of nodes that are taken */
    dg_onnx_param *params;
    int n_params, room_params;
    dg_dict missing; /* operators that are not there, and how often */
    dg_dict refused; /* what else cannot be read: a text, and how often */
    char *file;      /* the bytes, where they are this import's own */
    size_t file_size;
    int naive; /* transposes, were there one before and after each spatial node */
    int batchnorms, untied, twins, owns;
} dg_import;

/* ---- array.c --------------------------------------------------------------------------------- */

/* Leaves the import: out of memory, or a file that is not valid. */
_Noreturn void dg_onnx_fail(dg_import *m, dg_status code, const char *format, ...) DG_PRINTF(3, 4);

/* An initialiser or a Constant as an array. */
const dg_onnx_array *dg_onnx_array_of(dg_import *m, const dg_onnx_tensor *t);
/* An array of this shape, its elements to be filled (real or whole), or uniform. */
dg_onnx_array *dg_onnx_array_new(dg_import *m, bool integer, int rank, const int64_t dim[],
                                 bool uniform);
double *dg_onnx_reals(const dg_onnx_array *a);
int64_t *dg_onnx_wholes(const dg_onnx_array *a);
/* Elements of `from` in another order: element i of the result is element index[i]. */
const dg_onnx_array *dg_onnx_moved(dg_import *m, const dg_onnx_array *from, int rank,
                                   const int64_t dim[], const int64_t *index);
/* Another shape of as many elements. */
const dg_onnx_array *dg_onnx_reshaped(dg_import *m, const dg_onnx_array *from, int rank,
                                      const int64_t dim[]);
bool dg_onnx_is_uniform(const dg_onnx_array *a);

/* ---- layout.c -------------------------------------------------------------------------------- */

int64_t dg_onnx_dim(const dg_onnx_value *v, int b, int axis); /* also of a constant */
int dg_onnx_rank(const dg_onnx_value *v);
/* The size of an axis where it is the same in both bindings, else -2. */
int64_t dg_onnx_size(const dg_onnx_value *v, int axis);
bool dg_onnx_has_batch(const dg_onnx_value *v, int axis);
/* The atoms of an axis. */
int dg_layout_count(const dg_layout *at, int axis);

/* A layout of these axes, an atom each, stored as they come. batch: axis 0 is it. */
dg_layout dg_layout_plain(int rank, int64_t dim[DG_BINDINGS][DG_MAX_RANK], bool batch);
/* The same, axes stored in another order: axis perm[0] first. */
dg_layout dg_layout_stored(int rank, int64_t dim[DG_BINDINGS][DG_MAX_RANK], int batch_axis,
                           const int perm[]);
/* Cuts the axes anew; false: atoms would have to be joined. */
bool dg_layout_reshape(dg_layout *at, int rank, int64_t dim[DG_BINDINGS][DG_MAX_RANK],
                       const int64_t batch[DG_BINDINGS]);
/* Atoms without a batch that follow one another in storage and in their axis become one. */
void dg_layout_join(dg_layout *at, int axis);

/* Axis ka of a and axis kb of b get the same cuts, where both have atoms. False: they cannot. */
bool dg_layout_agree(dg_layout *a, int ka, dg_layout *b, int kb);
/* Atoms stored in the order in which w has them. */
dg_layout dg_layout_moved(const dg_layout *at, const dg_want *w);
/* Its axes in another order: axis k is axis perm[k] of at. */
dg_layout dg_layout_turned(const dg_layout *at, const int perm[]);
/* Another size of an axis that is one atom; of size 1 it has none. */
void dg_layout_resize(dg_layout *at, int axis, const int64_t size[DG_BINDINGS]);
/* The atoms that axis i of the shape of v in the model holds begin at first[i]; false: it is not
 * made of whole atoms of this layout. */
bool dg_onnx_dims_of(const dg_onnx_value *v, const dg_layout *at, int first[]);
/* The axes of the file in the order of storage, those of size 1 where the model has them, else in
 * their place. False: the atoms of an axis are apart. */
bool dg_onnx_stored_order(const dg_onnx_value *v, int axis[]);

void dg_want_axis(dg_want *w, const dg_layout *at, int axis);
void dg_want_atom(dg_want *w, int atom);
void dg_want_one(dg_want *w);
/* All axes of the file in their order. */
dg_want dg_want_plain(const dg_layout *at);
/* All atoms as they are stored. */
dg_want dg_want_stored(const dg_layout *at);

/* v with these axes, as an expression; NULL: refused. rank and dim get its shape. */
const char *dg_onnx_give(dg_import *m, const dg_step *s, const dg_onnx_value *v, const dg_want *w);

/* ---- emit.c ---------------------------------------------------------------------------------- */

/* A name of the model that is not taken yet, made from a name of the file. */
const char *dg_onnx_name(dg_import *m, const char *source);
/* A statement; its names are separated by ", ". s NULL: without a comment. */
void dg_onnx_statement(dg_import *m, const dg_step *s, const char *names, const char *text);
/* The statement of an input. */
void dg_onnx_input_statement(dg_import *m, const char *name, const char *text, const char *source);
/* v is held by this name, with the shape that the atoms of its layout have in storage, or the axes
 * of w make. */
void dg_onnx_hold(dg_import *m, dg_onnx_value *v, const char *name, const dg_want *w);
/* v = text: a statement, and v is held by it. The layout of v is to be there. */
void dg_onnx_say(dg_import *m, const dg_step *s, dg_onnx_value *v, const dg_want *w,
                 const char *format, ...) DG_PRINTF(5, 6);
/* A statement on its own: NAME = text. Returns NAME; of a text that is there already the one it
 * has. */
const char *dg_onnx_line(dg_import *m, const dg_step *s, const char *near, const char *format, ...)
    DG_PRINTF(4, 5);
/* Records that a node cannot be read, and makes its results unknown. Always false. */
bool dg_onnx_refuse(dg_import *m, const dg_step *s, const char *format, ...) DG_PRINTF(3, 4);

/* A parameter, state or constant by name: declared once. index: element i is element index[i] of
 * the array, NULL: i. */
const char *dg_onnx_declare(dg_import *m, const dg_onnx_value *v, dg_onnx_kind kind,
                            const char *role, const dg_shape *shape, const int64_t *index);

/* constant NAME[size] = x */
const char *dg_onnx_constant(dg_import *m, const dg_step *s, const char *near, int64_t size,
                             double x);

/* What a node's parameters are: given by the node's name and net, or as values. */
typedef struct dg_onnx_role {
    const char *role, *suffix; /* "weight"; what the file calls it, if not the same */
    const dg_onnx_value *v;
    dg_onnx_kind kind;
    dg_shape shape;
    const int64_t *index;
} dg_onnx_role;

/* ", name=\"c1\", init=net, bias_init=net" or ", weight=c1_weight, bias=c1_bias". */
const char *dg_onnx_roles(dg_import *m, int n, const dg_onnx_role role[]);

/* The text of the model, and its tensors. */
void dg_onnx_finish(dg_import *m, dg_onnx *out);
/* A number as the language writes it. */
const char *dg_onnx_number(dg_import *m, double x);
/* "3", or "[3, 5]" */
const char *dg_onnx_list(dg_import *m, int n, const int64_t x[]);

/* ---- import.c, ops.c ------------------------------------------------------------------------- */

typedef struct dg_onnx_op {
    const char *name;
    int needs;                                                 /* inputs, the first ones */
    bool (*fold)(dg_import *m, const dg_step *s, int binding); /* all inputs are fixed */
    bool (*map)(dg_import *m, const dg_step *s);
} dg_onnx_op;

const dg_onnx_op *dg_onnx_op_find(const char *domain, const char *name);

/* Attributes of a node. */
int64_t dg_attr_i(const dg_step *s, const char *name, int64_t preset);
double dg_attr_f(const dg_step *s, const char *name, double preset);
const char *dg_attr_s(const dg_step *s, const char *name, const char *preset);
/* Integers of an attribute, or of input k where k >= 0 and it is given and constant; -1: neither.
 */
int dg_step_ints(dg_import *m, const dg_step *s, const char *attr, int k, int b, int64_t to[],
                 int most);
bool dg_step_has(const dg_step *s, int k); /* input k is given */
/* An axis from -rank to rank - 1, as 0 to rank - 1; -1: out of range. */
int dg_step_axis(int64_t axis, int rank);
/* A value of the same name and meaning. */
void dg_onnx_same(dg_onnx_value *to, const dg_onnx_value *from);
/* Element i of a constant: which tensor of the list of roots it is of, and which element of that;
 * -1: it was computed. */
int dg_onnx_root(const dg_onnx_array *a, int64_t i, int64_t *element);
/* What a tensor of the list of roots is, by what the file itself says: 1 a parameter, 0 none, -1
 * the file says nothing. */
int dg_onnx_said(const dg_import *m, int root);
/* The role rule: whether a constant may be a parameter as the operand of a sum or product. */
bool dg_onnx_trains(const dg_import *m, const dg_onnx_value *v);

#endif
