/* Every word that the language and the program take, each with a page. Pages are made from the
 * tables that the words come from, so they say what is so. */
#ifndef DG_CLI_REFERENCE_H
#define DG_CLI_REFERENCE_H

#include "cli/plugin.h"
#include "graph/attr.h"
#include "train/vocabulary.h"

typedef struct dg_reference dg_reference;
typedef struct dg_entry dg_entry;

/* A word in one of its meanings: mse is a node and a metric, and so comes twice. */
struct dg_entry {
    const char *name;
    const char *kind;  /* "a node" */
    const char *group; /* what lists it: "losses", "sources"; NULL: nothing */
    void (*print)(const dg_reference *r, const dg_entry *e); /* the page behind its title */
    const void *what; /* a dg_node_type, dg_word, dg_key, or a text */
    const char *line; /* a formula, or how it is written; NULL: none */
    const char *back; /* what comes back through a node; NULL: it does not say */
};

struct dg_reference {
    dg_words words;
    dg_word block; /* data(part=, shuffle=) */
    dg_graph *graph;
    dg_entry *entry;
    int n, room;
};

/* What lists words: `dagrad help losses`. */
typedef struct dg_group {
    const char *name, *title;
} dg_group;

const dg_group *dg_group_at(int k); /* NULL at the end */

/* -1: r is open; else the exit code, told for c. */
int dg_reference_open(dg_reference *r, const dg_command *c, const dg_plugins *p);
void dg_reference_close(dg_reference *r);

/* Prints every page of that name; their number. */
int dg_reference_print(const dg_reference *r, const char *name);
/* Tells that a name has no page, and the nearest that has one; returns EXIT_USAGE. */
int dg_reference_unknown(const dg_reference *r, const dg_command *c, const char *name);

/* The attributes that an entry takes; of: NULL, it takes none. */
dg_attr_table dg_entry_table(const dg_entry *e);

/* ---- Pages ----------------------------------------------------------------------------------- */

void dg_page_node(const dg_reference *r, const dg_entry *e);
void dg_page_word(const dg_reference *r, const dg_entry *e);
void dg_page_key(const dg_reference *r, const dg_entry *e);
void dg_page_initialiser(const dg_reference *r, const dg_entry *e);
void dg_page_attribute(const dg_reference *r, const dg_entry *e);
void dg_page_choice(const dg_reference *r, const dg_entry *e);
void dg_page_option(const dg_reference *r, const dg_entry *e);
void dg_page_group(const dg_reference *r, const dg_entry *e);
void dg_page_text(const dg_reference *r, const dg_entry *e);

/* How a model writes it: conv(x, channels, kernel, stride=1, ..). */
void dg_print_call(const dg_entry *e);
void dg_print_attributes(const dg_attr_table *t);

/* ---- Words explained in prose ---------------------------------------------------------------- */

typedef struct dg_topic {
    const char *name, *kind, *text;
} dg_topic;

const dg_topic *dg_topic_at(int k);   /* NULL at the end */
const dg_topic *dg_subject_at(int k); /* those to begin with */

#endif
