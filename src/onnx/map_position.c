/* A table of learned vectors that is added to what has as many places: the node position, where the
 * table is called so, as dagrad writes it. The file may take its first rows only. */
#include "onnx/map.h"

#include <string.h>

/* The table that a constant is the first rows of; NULL: it is none. */
static const dg_onnx_value *table_of(const dg_import *m, const dg_onnx_value *v)
{
    static const char tail[] = "position.weight";
    const dg_onnx_array *a = v->fixed[0];
    if (!a || a->root < 0 || a->root_of || a->rank != 2 || a->count == 0)
        return NULL;
    const dg_onnx_value *root = m->roots[a->root];
    const dg_onnx_array *whole = root->fixed[0];
    size_t n = strlen(root->name);
    bool named = n >= sizeof tail - 1 && strcmp(root->name + n - (sizeof tail - 1), tail) == 0;
    if (!named || whole->rank != 2 || whole->dim[1] != a->dim[1])
        return NULL;
    for (int64_t i = 0; a->from && i < a->count; i++)
        if (a->from[i] != i)
            return NULL;
    return root;
}

bool dg_onnx_position(dg_import *m, const dg_step *s)
{
    for (int k = 0; k < 2 && strcmp(s->node->op, "Add") == 0; k++) {
        const dg_onnx_value *table = table_of(m, s->in[k]), *x = s->in[1 - k];
        bool fits = table && !x->fixed[0] && x->at.rank == 3 && x->rank == 3;
        for (int b = 0; fits && b < DG_BINDINGS; b++)
            fits = dg_onnx_dim(x, b, 1) == s->in[k]->fixed[b]->dim[0];
        int axis[DG_MAX_RANK];
        fits = fits && dg_onnx_stored_order(x, axis) && axis[0] == 0 && axis[1] == 1;
        if (!fits)
            continue;
        const dg_onnx_array *a = table->fixed[0];
        dg_onnx_role role = {.role = "weight", .v = table, .kind = DG_ONNX_PARAMETER};
        role.shape = dg_shape_make(2, a->dim);
        dg_onnx_like(m, s, s->out[0], x, "%s + position(%s, length=%lld, units=%lld%s)", x->dag,
                     x->dag, (long long)a->dim[0], (long long)a->dim[1],
                     dg_onnx_roles(m, 1, &role));
        return true;
    }
    return false;
}
