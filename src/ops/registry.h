/* The built-in node types: those that ops.def lists, in its order. */
#ifndef DG_OPS_REGISTRY_H
#define DG_OPS_REGISTRY_H

#include <dagrad/node.h>

int dg_builtin_count(void);
const dg_node_type *dg_builtin_at(int k); /* NULL out of range */
int dg_builtin_find(const char *name);    /* its index, -1: none */
/* Of the k-th: its group in the reference ("losses"), and what comes back for its inputs. */
const char *dg_builtin_group(int k);
const char *dg_builtin_back(int k);

#endif
