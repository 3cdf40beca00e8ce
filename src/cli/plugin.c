/* Node types from shared objects; see plugin.h. */
#include "cli/plugin.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int refuse(const dg_command *c, const char *file, const char *what)
{
    fprintf(stderr, "dagrad %s: --node %s: %s\n", c->name, file, what);
    return EXIT_USAGE;
}

/* What a type must have before anything is asked of it. */
static const char *missing(const dg_node_type *t)
{
    if (t->size != sizeof *t)
        return "a node type was made for another version of dagrad (its size field is wrong)";
    if (!t->name || !*t->name)
        return "a node type has no name";
    if (!t->shape || (t->n_out < 1 && !t->outputs))
        return "a node type has no shape rule, or no outputs";
    if (!t->f32.forward && !t->f64.forward)
        return "a node type has no forward function, for f32 or f64";
    if ((t->f32.forward && !t->f32.adjoint) || (t->f64.forward && !t->f64.adjoint))
        return "a node type has a forward function without an adjoint";
    return NULL;
}

static int load_one(const dg_command *c, const char *file, dg_plugins *p)
{
    char path[4096];
    /* as a path, never a search through the system's libraries */
    snprintf(path, sizeof path, "%s%s", strchr(file, '/') ? "" : "./", file);
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!object)
        return refuse(c, file, dlerror());
    const int *abi = dlsym(object, "dg_abi");
    const dg_node_type *const *types = dlsym(object, "dg_nodes");
    if (!abi || !types)
        return refuse(c, file, "it does not export dg_abi and dg_nodes: see docs/nodes.md");
    if (*abi != DG_ABI)
        return refuse(c, file, "it was made for another version of dagrad (dg_abi)");
    for (; *types; types++) {
        const char *wrong = missing(*types);
        if (!wrong && p->n == DG_MOST_TYPES)
            wrong = "too many node types";
        if (!wrong && dg_type_find(NULL, (*types)->name))
            wrong = "a node type has the name of a built-in node";
        for (int i = 0; !wrong && i < p->n; i++)
            if (strcmp(p->type[i]->name, (*types)->name) == 0)
                wrong = "two node types have one name";
        if (wrong)
            return refuse(c, file, wrong);
        p->type[p->n++] = *types;
    }
    return -1;
}

int dg_plugins_load(const dg_command *c, const dg_list *files, dg_plugins *p)
{
    p->n = 0;
    for (int i = 0; i < files->n; i++) {
        int code = load_one(c, files->item[i], p);
        if (code >= 0)
            return code;
    }
    return -1;
}

int dg_is_object(const char *name)
{
    size_t n = strlen(name);
    return strchr(name, '/') || (n > 3 && strcmp(name + n - 3, ".so") == 0);
}
