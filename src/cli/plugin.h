/* Node types from shared objects: --node FILE.so. */
#ifndef DG_CLI_PLUGIN_H
#define DG_CLI_PLUGIN_H

#include "cli/command.h"

enum { DG_MOST_TYPES = 256 };

typedef struct dg_plugins {
    const dg_node_type *type[DG_MOST_TYPES];
    int n;
} dg_plugins;

/* Loads the files, which stay loaded. Returns -1 to go on, else the exit code, what is wrong being
 * told: no such file, no dg_nodes, another dg_abi, a name that is taken. */
int dg_plugins_load(const dg_command *c, const dg_list *files, dg_plugins *p);

/* 1: the name of a shared object (a path, or NAME.so), not that of a node. */
int dg_is_object(const char *name);

#endif
