/* What the files that build a model share: items, scopes, names of nodes, failures.
 *
 *     model.c    opens, overrides, frees          words.c   data and train blocks to clauses
 *     build.c    statements to the graph          eval.c    expressions to items
 *     use.c      nodes and defs                   spell.c   unknown names, cycles
 *     take.c     items to attributes, initialisers, constants
 *     write.c    the text with its options written into it
 *
 * Everything here lies in the heap. Errors are reported where they are found; what an error leaves
 * is an item of kind DG_ITEM_UNKNOWN, which all else passes on in silence. */
#ifndef DG_LANG_BUILD_H
#define DG_LANG_BUILD_H

#include "graph/attr.h"
#include "lang/dag.h"
#include "lang/parse.h"

enum { DG_WORK_MAX = 1 << 18, DG_EVAL_DEPTH = 2 * DG_PARSE_DEPTH };

typedef enum {
    DG_ITEM_UNKNOWN, /* an error, already reported */
    DG_ITEM_NUMBER,
    DG_ITEM_BATCH, /* N */
    DG_ITEM_BOOL,
    DG_ITEM_STRING,
    DG_ITEM_WORD, /* a name that means nothing so far: an enumeration's, or unknown */
    DG_ITEM_LIST,
    DG_ITEM_CALL, /* a call that is no node: an initialiser, a source, or unknown */
    DG_ITEM_VALUE /* n values of the graph */
} dg_item_kind;

/* What an expression means. */
typedef struct dg_item {
    dg_item_kind kind;
    dg_span span;     /* where a message about it points */
    double number;    /* of a BOOL: 0 or 1 */
    const char *text; /* STRING, WORD, CALL */
    bool piped;       /* CALL: items[0] came through a pipe */
    const char *key;  /* as an argument: its keyword, or NULL */
    dg_span key_span;
    bool option; /* as an argument: from an option, and stronger than others */
    const struct dg_item *items;
    const dg_value *values;
    int n;      /* items or values */
    bool first; /* VALUE: the first of several may stand for all */
} dg_item;

/* What a name means in a scope. */
typedef struct dg_binding_of {
    const dg_item *item;
    bool let;
} dg_binding_of;

/* Where names are looked up: the file, or a call of a def. A repeat has none of its own. */
typedef struct dg_scope {
    dg_dict names;              /* dg_binding_of */
    const struct dg_scope *top; /* of a def: the file's, whose lets it sees */
    const struct dg_scope *caller;
    const dg_body *body;
    const dg_stmt *define; /* of a def */
} dg_scope;

/* Where names of nodes come from: the file, a turn of a repeat, a call of a def. */
typedef struct dg_naming {
    const char *prefix; /* "", "repeat.0.", "x.block." */
    dg_dict counts;     /* assignments by name */
    int repeats;
} dg_naming;

/* The statement that is being read. */
typedef struct dg_line {
    dg_scope *scope;
    dg_naming *naming;
    const dg_stmt *stmt;
    const char *base; /* what its nodes are called: "repeat.0.z@2" */
    dg_dict kinds;    /* nodes so far by kind */
    bool constant;    /* a let, a block: calls are no nodes */
} dg_line;

typedef struct dg_override {
    const char *name;  /* "width", "optimizer.rate" */
    const char *key;   /* "width", "optimizer" */
    const char *inner; /* "rate", or NULL */
    const char *text;  /* the value, as written */
    dg_span name_span, inner_span;
    dg_expr *value; /* NULL: it was an error */
} dg_override;

typedef struct dg_builder {
    dg_memory memory;
    dg_heap heap;
    dg_source source;
    dg_dag *model;
    dg_vocabulary vocabulary;
    const dg_host *host;
    const dg_node_type *const *types;
    int n_types, no_output;
    dg_array_reader *read;
    void *user;
    dg_body file;
    dg_override *sets;
    int n_sets;
    dg_dict defs;  /* dg_stmt */
    dg_dict lets;  /* dg_stmt: those of the file */
    dg_dict sizes; /* double: N, and free dimensions, -1 where not known yet */
    dg_scope *top;
    dg_dict loss_names, metric_names;
    int outputs, losses; /* that were read, also if they are errors */
    int64_t work;
    int depth;
    bool stopped; /* the model is too large: nothing is read any more */
} dg_builder;

/* ---- eval.c --------------------------------------------------------------------------------- */

const dg_item *dg_eval(dg_builder *r, dg_line *l, const dg_expr *e);

dg_item *dg_item_make(dg_builder *r, dg_item_kind kind, dg_span at);
const dg_item *dg_item_unknown(dg_builder *r, dg_span at);

/* Reports at a place of the model, and returns the unknown item. */
const dg_item *dg_refuse(dg_builder *r, dg_span at, const char *suggest, const char *fits,
                         const char *found, ...) DG_PRINTF(5, 6);

/* The one value that an item is; a number becomes a constant. False: reported. */
bool dg_need_value(dg_builder *r, dg_line *l, const dg_item *item, dg_value *v);
/* The number that an item is, whole and in range. False: reported.
 * what: "the number of repeats". */
bool dg_need_whole(dg_builder *r, dg_line *l, const dg_item *item, const char *what, int64_t low,
                   int64_t high, int64_t *number);

/* What an item is, in a word: "a string", "2 values". */
const char *dg_item_text(dg_builder *r, const dg_item *item);

/* A sign between two items: folded, or a node. */
const dg_item *dg_eval_pair(dg_builder *r, dg_line *l, const dg_expr *e, const dg_item *a,
                            const dg_item *b);

/* ---- use.c ---------------------------------------------------------------------------------- */

/* Applies a node to values alone. */
const dg_item *dg_use_values(dg_builder *r, dg_line *l, const char *type, dg_span at, int n,
                             const dg_value values[]);
/* A call: of a def, a node, or neither. */
const dg_item *dg_use_call(dg_builder *r, dg_line *l, const dg_expr *e);

/* After a call of the graph: its failure is reported and pardoned. True if there was none. */
bool dg_graph_went_well(dg_builder *r, dg_span at, const char *fits);

/* ---- take.c --------------------------------------------------------------------------------- */

/* What an argument is for an attribute of this specification. of: "conv". False: reported. */
bool dg_take_attr(dg_builder *r, dg_line *l, const char *of, const dg_attr_spec *spec,
                  const dg_item *item, dg_attr *a);
/* True if the expression is a word of an enumeration that spec takes. */
bool dg_take_is_word(const dg_attr_spec *spec, const dg_expr *e);
/* An initialiser as text; NULL: reported. *source: word >= 0 where it is read from a file. */
const char *dg_take_init(dg_builder *r, dg_line *l, const dg_item *item, dg_clause *source);
/* The elements of a constant of this name; false: reported. */
bool dg_take_constant(dg_builder *r, dg_line *l, const char *name, const dg_item *item,
                      dg_tensor *t);
/* Reads a parameter's elements from its source. */
void dg_take_parameter(dg_builder *r, dg_value v, const dg_clause *source);

/* ---- words.c -------------------------------------------------------------------------------- */

/* A clause from a call (or a bare word), leaving out its first `skip` arguments. what: "source".
 * False: reported. */
bool dg_clause_make(dg_builder *r, dg_line *l, const char *what, const dg_word *words, int n,
                    const dg_item *item, int skip, dg_clause *c);
int dg_word_find(const dg_word *words, int n, const char *name);
void dg_read_blocks(dg_builder *r);
void dg_read_settings(dg_builder *r);
/* A setting as the language writes it. */
const char *dg_setting_text(dg_builder *r, int key);

/* ---- spell.c -------------------------------------------------------------------------------- */

/* Reports a name or a call that means nothing here. */
const dg_item *dg_unknown_name(dg_builder *r, dg_line *l, const char *name, dg_span at);
/* Reports a value where only constants may be. */
const dg_item *dg_not_constant(dg_builder *r, const char *name, dg_span at);
const dg_item *dg_unknown_call(dg_builder *r, const char *name, dg_span at);

/* ---- build.c -------------------------------------------------------------------------------- */

/* Runs a body; returns its return statement's item, or NULL. */
const dg_item *dg_run_body(dg_builder *r, dg_scope *scope, dg_naming *naming, const dg_body *body);
void dg_scope_bind(dg_builder *r, dg_scope *scope, const char *name, const dg_item *item, bool let);
/* A let of the file, overridden or not. */
void dg_run_let(dg_builder *r, dg_scope *scope, dg_naming *naming, const dg_stmt *s);
/* The line of a statement; its node names start with `name`. */
dg_line dg_line_of(dg_builder *r, dg_scope *scope, dg_naming *naming, const dg_stmt *s,
                   const char *name);
void dg_read_ports(dg_builder *r);
void dg_build_graph(dg_builder *r, dg_type real, const dg_dimension *sizes, int n);

#endif
