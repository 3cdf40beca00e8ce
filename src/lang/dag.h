/* What one .dag file says, checked, with its graph.
 *
 *     dg_dag *m = dg_dag_open(&options);         parses; lets, data, train, inputs are there
 *     ... look at m->blocks, open the data, find the sizes of free dimensions ...
 *     dg_dag_build(m, real, sizes, n_sizes);      the graph, losses, metrics are there
 *     dg_diags_text(&m->diags, &text, color);     everything that is wrong, with what the caller
 *                                                 added by dg_diags_at(&m->diags, span, ...)
 *
 * Nothing aborts or prints. After an error all that can still be checked is; what a model holds is
 * to be used only while dg_diags_status(&m->diags) is DG_OK. All of it lives until dg_dag_free,
 * the graph too.
 *
 * Which sources, transforms, metrics and keys of train there are, the storeys above know: they hand
 * their tables to dg_dag_open and get back clauses that are checked against them, by the function
 * that checks the attributes of nodes. */
#ifndef DG_LANG_DAG_H
#define DG_LANG_DAG_H

#include "lang/diag.h"
#include <dagrad/model.h> /* dg_dimension */

/* ---- The words of the storeys above --------------------------------------------------------- */

/* Something called by name: npy("a.npy"), scale(1/255), adam(rate=1e-3), top(5). Positional
 * arguments fill attrs in their order. A text attribute of max_count > 1 takes a list of strings
 * too, and holds them joined by newlines: ["a","b"] is "a\nb". */
typedef struct dg_word {
    const char *name;
    const dg_attr_spec *attrs;
    int n_attrs;
    const char *text; /* one line for the reference */
} dg_word;

/* A key of train { }. words NULL: a plain value of this kind (name, range and default are its own).
 * Else its value is one of these words, of which value.preset names the default ("": none). */
typedef struct dg_key {
    dg_attr_spec value;
    const dg_word *words;
    int n_words;
    const char *instead; /* the key that this one takes the place of, or NULL */
} dg_key;

typedef struct dg_vocabulary {
    const dg_word *sources, *transforms, *metrics;
    int n_sources, n_transforms, n_metrics;
    const dg_attr_spec *block; /* of data train(part=, shuffle=) */
    int n_block;
    const dg_key *keys;
    int n_keys;
} dg_vocabulary;

/* ---- What a model says ---------------------------------------------------------------------- */

/* A use of a word. */
typedef struct dg_clause {
    const char *name;
    int word;             /* its index in its table; -1: none (then attrs.n is 0) */
    dg_attrs attrs;       /* in the order of the table, defaults filled in */
    const dg_span *place; /* of each attribute; that of the clause where it is the default */
    const dg_attr *given; /* only those that were given, by name, as dg_io_call takes them */
    int n_given;
    dg_span span;
} dg_clause;

/* An input or a target. */
typedef struct dg_port {
    const char *name;
    bool target;
    dg_type type;                  /* DG_I32 for `int`, else the type of the graph */
    dg_shape shape;                /* DG_N: the batch. A free dimension is 0 until dg_dag_build */
    const char *free[DG_MAX_RANK]; /* the names of free dimensions (T), else NULL; not of N */
    dg_value value;                /* after dg_dag_build */
    dg_span span;
} dg_port;

typedef struct dg_pipe {
    const dg_clause *transforms;
    int n;
} dg_pipe;

/* A source of a data block: name, ... = source, and what each name is piped through, there or in
 * lines of its own: name | transform | ... */
typedef struct dg_binding {
    int n_names;      /* several: one source gives them all */
    const int *ports; /* index in m->ports of each name */
    dg_clause source;
    dg_pipe *pipes; /* of each name */
    dg_span span;
} dg_binding;

/* What a port of the line is piped through. */
const dg_pipe *dg_binding_pipe(const dg_binding *b, int port);

typedef enum { DG_DATA_TRAIN, DG_DATA_VALIDATION, DG_DATA_TEST } dg_data;

typedef struct dg_block {
    dg_data data;
    dg_clause head; /* (part=, shuffle=): attributes of vocabulary.block */
    dg_binding *bindings;
    int n_bindings;
    dg_span span; /* the word `train`, `validation` or `test` */
} dg_block;

typedef enum { DG_SET_DEFAULT, DG_SET_FILE, DG_SET_OPTION } dg_set_by;

/* The value of a key of train: a plain one, or a clause. */
typedef struct dg_setting {
    dg_set_by by;
    dg_attr_value value; /* key.words NULL */
    dg_clause clause;    /* else; word -1: not set and no default */
    dg_span span;        /* of the value; end 0: by default */
} dg_setting;

/* accuracy(label, logits), or named: best = top(label, logits, 5). Not a node of the graph: keep
 * both values in the program (dg_options.keep). */
typedef struct dg_metric {
    const char *name; /* its own, unique, or its word's */
    dg_clause clause;
    dg_value target, estimate; /* id 0 where that was an error */
    dg_span span;
} dg_metric;

typedef struct dg_let {
    const char *name;
    const char *text; /* its value as text, overridden or not */
    bool overridden;
    dg_span span;
} dg_let;

typedef struct dg_dag {
    dg_diags diags;
    const char *name; /* of the file without folder and .dag: "fashion" */
    dg_port *ports;
    int n_ports;
    dg_block *blocks; /* at most one of each dg_data, in the file's order */
    int n_blocks;
    dg_setting *settings; /* one for each key of the vocabulary */
    int n_settings;
    dg_let *lets;
    int n_lets;
    bool has_train;     /* there is a train block, or an option sets a key of it */
    dg_graph *graph;    /* NULL before dg_dag_build; then outputs and losses are its own */
    dg_metric *metrics; /* after dg_dag_build */
    int n_metrics;
    struct dg_builder *inside;
} dg_dag;

/* ---- Reading one ---------------------------------------------------------------------------- */

/* Fills data with all elements of an array that a model names: constant A[2, 3] = npy("A.npy"), or
 * init=npy("w.npy"). name: of the value that gets them, "z.conv.weight". source is a clause of
 * vocabulary.sources; type is DG_F32, DG_F64 or DG_I32. */
typedef dg_status dg_array_reader(void *user, const char *name, const dg_clause *source,
                                  dg_type type, const dg_shape *shape, void *data, dg_diag *why);

typedef struct dg_dag_options {
    const char *path;       /* the file; where text is given, only its name in messages */
    const char *text;       /* the model itself, ended by 0, or NULL: the file is read */
    const char *const *set; /* NAME=VALUE: a let, a key of train, or part of one (optimizer.rate) */
    int n_set;
    const dg_vocabulary *vocabulary;  /* NULL: data, train and metric are parsed, not checked */
    const dg_host *host;              /* NULL: malloc */
    const dg_node_type *const *types; /* a user's nodes, kept by reference */
    int n_types;
    int no_output;         /* 1: a model needs none: it is only looked at */
    dg_array_reader *read; /* NULL: arrays cannot be read, and are an error */
    void *user;
} dg_dag_options;

/* Parses, and checks all but the graph. NULL only when out of memory. Options are copied, their
 * tables, types and host kept by reference. */
dg_dag *dg_dag_open(const dg_dag_options *o);

/* Makes the graph, once. real: DG_F32 or DG_F64. sizes: free dimensions (without N); one that is
 * missing is an error at its place. Returns dg_diags_status. */
dg_status dg_dag_build(dg_dag *m, dg_type real, const dg_dimension *sizes, int n_sizes);

/* Both, for a model without free dimensions or with these. NULL only when out of memory. */
dg_dag *dg_dag_load(const dg_dag_options *o, dg_type real, const dg_dimension *sizes, int n_sizes);

void dg_dag_free(dg_dag *m); /* after the programs of its graph; NULL allowed */

/* Appends the model's text with the options written into it: what model.dag of a run directory
 * holds. Read without options, it is the same model. Nothing, if the model has errors. */
void dg_dag_write(const dg_dag *m, dg_text *out);

#endif
