/* Repeats whose bodies are all alike, for drawings that show one of them. */
#ifndef DG_CLI_FOLD_H
#define DG_CLI_FOLD_H

#include "graph/graph.h"

typedef struct dg_fold {
    int *node;        /* by node: the one that stands for it, itself if none does */
    int32_t *value;   /* by id - 1, the same */
    int *scope;       /* by node: its folded repeat, -1: none */
    int *value_scope; /* by id - 1 */
    int *times;       /* by scope */
    int n_scopes;
} dg_fold;

/* off 1: everything stands for itself. DG_EMEMORY. Freed by dg_fold_free, also after a failure. */
dg_status dg_fold_make(dg_fold *f, const dg_graph *g, int off, dg_diag *why);
void dg_fold_free(dg_fold *f);

/* "repeat.*.z.linear" of "repeat.3.z.linear": the name with each number of a round replaced. */
void dg_fold_name(const char *name, char *out, size_t size);

#endif
