/* What the files of io/pytorch.c share: places of a graph, modules of a state dict. */
#ifndef DG_IO_PYTORCH_PARTS_H
#define DG_IO_PYTORCH_PARTS_H

#include "base/arena.h"
#include "graph/graph.h"
#include "io/pytorch.h"

enum { DG_TORCH_AXES = 8 };

/* ---- Pictures that became rows (pytorch_flat.c) ---------------------------------------------- */

/* How the last axis of a value [N, h w c] lies: a picture is h, w, c here, and c, h, w there. */
typedef struct dg_torch_flat {
    int64_t h, w, c; /* c 0: it is no picture */
    bool mixed;      /* pictures and other things side by side */
} dg_torch_flat;

/* Of each value's id. NULL: out of memory. */
dg_torch_flat *dg_torch_flats(const dg_graph *g, dg_arena *arena);

/* ---- Places (pytorch_table.c) ---------------------------------------------------------------- */

/* A tensor of a module, or some of its rows, as rows of a parameter. */
typedef struct dg_torch_piece {
    const char *suffix; /* of the tensor's name: "weight", "weight_ih_l0_reverse"; "": all */
    dg_shape shape;     /* of the tensor */
    int32_t value;      /* the parameter or state */
    int rank;           /* the parameter's axes, pictures with axes of their own, */
    int64_t dim[DG_TORCH_AXES];
    int perm[DG_TORCH_AXES]; /* and in the order of PyTorch */
    int64_t from, to, rows;  /* of axis 0: rows from `from` on are the parameter's from `to` on */
    bool added;              /* numbers are added to others; on the way back they are zeros */
    const char *turn;        /* "oi to io" */
} dg_torch_piece;

typedef struct dg_torch_module dg_torch_module;

/* A node that has parameters, or a parameter alone. */
typedef struct dg_torch_place {
    const char *name;    /* "z.conv" */
    const dg_node *node; /* NULL: a parameter alone */
    dg_torch_piece *piece;
    int n;
    const char *cannot; /* why PyTorch has nothing like it; NULL: it has */
    bool gone;          /* it is part of another place */
    dg_torch_module *module;
} dg_torch_place;

typedef struct dg_torch_places {
    const dg_graph *g;
    dg_torch_place *place;
    int n;
} dg_torch_places;

/* All of g, in the order of the graph. joined(user, NAME): the attention node of that name has the
 * three linear nodes before it as one tensor, in_proj. */
typedef bool dg_torch_joined(const void *user, const char *name);
dg_status dg_torch_places_make(dg_torch_places *p, const dg_graph *g, dg_arena *arena,
                               dg_torch_joined *joined, const void *user, dg_diag *why);
/* The statement's part of a name: "z" of "z.conv". */
int dg_torch_short(const dg_torch_place *p);
/* Where element i of the parameter, its axes in the order of PyTorch, lies in memory. */
int64_t dg_torch_at(const dg_torch_piece *p, int64_t i);

/* ---- Modules (pytorch_names.c) --------------------------------------------------------------- */

typedef struct dg_torch_tensor {
    const char *suffix;
    const dg_named *named;
} dg_torch_tensor;

struct dg_torch_module {
    const char *prefix; /* "layer1.0.conv1.", "attention.in_proj_", "position" */
    const char *name;   /* the same for people: "layer1.0.conv1", "attention.in_proj" */
    dg_torch_tensor *tensor;
    int n;
    int at; /* of its first tensor in the order of the net, where that is known */
    dg_torch_place *place;
};

typedef struct dg_torch_modules {
    dg_torch_module *module;
    int n;
    bool ordered; /* `at` is the order of the net */
} dg_torch_modules;

/* The modules of a state dict, in an order that dg_torch_follows knows. Tensors that no module
 * learns (numbers that are whole) are left out, and said. */
dg_status dg_torch_modules_make(dg_torch_modules *m, const dg_checkpoint *c,
                                const dg_weights_as *as, dg_arena *arena, dg_diag *why);
/* 1: b comes after a for sure. */
bool dg_torch_follows(const dg_torch_modules *m, const dg_torch_module *a,
                      const dg_torch_module *b);
/* 1: names of tensors end so in modules of PyTorch. */
bool dg_torch_is_suffix(const char *text);
const dg_tensor *dg_torch_find(const dg_torch_module *m, const char *suffix);
/* Appends "weight [16, 8], bias [16]". */
void dg_torch_list_module(dg_text *t, const dg_torch_module *m);
void dg_torch_list_place(dg_text *t, const dg_torch_place *p);

/* ---- The match (pytorch_match.c) ------------------------------------------------------------- */

dg_status dg_torch_match(const dg_torch_places *p, const dg_torch_modules *m,
                         const dg_weights_as *as, int n, const char *const allow[], dg_diag *why);

/* The pattern fits the name ("*": any text without a point); *to: what `with` gives with the texts
 * of the stars. */
bool dg_torch_translate(const char *pattern, const char *name, const char *with, dg_text *to);

#endif
