/* The one check of attributes: what a caller gives, against a table of what is taken.
 *
 * The table is that of a node, or of anything else that is called with attributes: a source of
 * data, a key of a train block. Messages name both thing and attribute, what was found and what
 * would fit: "conv has no attribute 'kernal'", "kernel of conv is 0, it takes 1 to 1048576". */
#ifndef DG_GRAPH_ATTR_H
#define DG_GRAPH_ATTR_H

#include "base/arena.h"
#include <dagrad/graph.h>

typedef struct dg_attr_table {
    const char *of; /* what messages call the thing: "conv", "scale", "train" */
    const dg_attr_spec *specs;
    int n_specs;
    /* Of a node only, else NULL, 0. They add what dg_apply takes besides: inputs by keyword, `init`
     * (the first parameter) and ROLE_init for initialisers, `name`. */
    const dg_input_spec *inputs;
    int n_inputs;
} dg_attr_table;

enum { DG_ATTR_NAME_ROOM = 80 };

dg_attr_table dg_attr_table_of(const dg_node_type *type);

/* Checks n given attributes against the table and gives the values of all specs in order, defaults
 * filled in; *out and its texts lie in the arena. What the table takes by way of `inputs` is
 * passed over: it is dg_apply that uses it.
 *
 * How an attribute may be given: numbers as numbers (a list: count of them); a Boolean as the
 * number 0 or 1 or the word true or false; a word or text as word. A text attribute takes a word
 * too.
 *
 * DG_EMODEL: not valid; why holds the text and the place (start, end) of the attribute, both 0
 * where one is missing. DG_EMEMORY. */
dg_status dg_attrs_check(const dg_attr_table *t, int n, const dg_attr given[], dg_arena *arena,
                         const dg_attrs **out, dg_diag *why);

/* 1 if the table takes this name. */
int dg_attr_known(const dg_attr_table *t, const char *name);

/* The k-th name that is taken, from 0, each once; NULL at the end. room may hold the result. */
const char *dg_attr_name_at(const dg_attr_table *t, int k, char room[DG_ATTR_NAME_ROOM]);

/* All names taken: "channels, kernel, stride, weight, init, bias_init, name". Returns text, which
 * is cut to n bytes (n > 0) and always ended by 0. */
char *dg_attr_names(const dg_attr_table *t, char *text, size_t n);

/* What an attribute takes, in words: "a whole number, 1 to 1048576", "true or false", "same, valid,
 * or 1 to 4 whole numbers, each at least 0"; and its range alone: "1 to 1048576", "" without one.
 * Return text as above. */
char *dg_attr_takes(const dg_attr_spec *spec, char *text, size_t n);
char *dg_attr_range(const dg_attr_spec *spec, char *text, size_t n);

/* Numbers it may hold, at least 1. */
int dg_attr_most(const dg_attr_spec *spec);

/* How dg_apply reads the names it takes besides the specs: the index of the input whose initialiser
 * the name sets (`init`, `bias_init`), or that the name is itself; -1: none. */
int dg_attr_init_of(const dg_attr_table *t, const char *name);
int dg_attr_input_of(const dg_attr_table *t, const char *name);

#endif
