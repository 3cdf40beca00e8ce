/* The built-in node types, from ops.def. */
#include "ops/registry.h"

#include <string.h>

#define OP(name, group, back) extern const dg_node_type dg_op_##name;
#include "ops/ops.def"
#undef OP

static const dg_node_type *const types[] = {
#define OP(name, group, back) &dg_op_##name,
#include "ops/ops.def"
#undef OP
    NULL};

static const struct {
    const char *group, *back;
} pages[] = {
#define OP(name, group, back) {#group, back},
#include "ops/ops.def"
#undef OP
};

enum { COUNT = (int)(sizeof types / sizeof types[0]) - 1 };

int dg_builtin_count(void)
{
    return COUNT;
}

const dg_node_type *dg_builtin_at(int k)
{
    return k >= 0 && k < COUNT ? types[k] : NULL;
}

int dg_builtin_find(const char *name)
{
    for (int k = 0; k < COUNT; k++)
        if (strcmp(types[k]->name, name) == 0)
            return k;
    return -1;
}

const char *dg_builtin_group(int k)
{
    return pages[k].group;
}

const char *dg_builtin_back(int k)
{
    return pages[k].back;
}
