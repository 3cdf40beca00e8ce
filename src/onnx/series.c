/* Recurrent layers joined; see series.h. */
#include "onnx/series.h"

#include <string.h>

/* ---- Constants ------------------------------------------------------------------------------- */

/* The tensor that all elements are of; -1: several, or none. */
static int one_root(const dg_onnx_array *a)
{
    int64_t element;
    int root = a->count ? dg_onnx_root(a, 0, &element) : -1;
    for (int64_t i = 1; a->root_of && i < a->count; i++)
        if (a->root_of[i] != root)
            return -1;
    return root;
}

/* A value for an array; called by its tensor where it is all of it. */
static const dg_onnx_value *value_of(dg_import *m, dg_onnx_array *a, const char *name)
{
    int root = one_root(a);
    dg_onnx_value *v = dg_heap_take(&m->heap, 1, sizeof *v);
    if (root >= 0) {
        a->root = root;
        a->root_of = NULL;
        if (m->roots[root]->fixed[0]->count == a->count)
            name = m->roots[root]->name;
    }
    v->name = name;
    v->fixed[0] = v->fixed[1] = a;
    return v;
}

const dg_onnx_value *dg_series_part(dg_import *m, const dg_onnx_value *v, int64_t n,
                                    const int64_t *index)
{
    dg_onnx_array *a = (dg_onnx_array *)(uintptr_t)dg_onnx_moved(m, v->fixed[0], 1, &n, index);
    const dg_onnx_value *part = value_of(m, a, "");
    return *part->name ? part : NULL;
}

const dg_onnx_value *dg_series_whole(dg_import *m, const dg_onnx_value *v)
{
    dg_onnx_array *a = dg_heap_take(&m->heap, 1, sizeof *a);
    *a = *v->fixed[0];
    return value_of(m, a, v->name);
}

const dg_onnx_value *dg_series_stack(dg_import *m, int n, const dg_onnx_value *const v[])
{
    if (n < 2)
        return n ? dg_series_whole(m, v[0]) : NULL;
    const dg_onnx_array *first = v[0]->fixed[0];
    int64_t dim[DG_MAX_RANK], each = first->count, k = 0;
    memcpy(dim, first->dim, sizeof dim);
    dim[0] *= n;
    dg_onnx_array *a = dg_onnx_array_new(m, false, first->rank, dim, false);
    int64_t *from = dg_heap_take(&m->heap, (size_t)a->count, sizeof *from);
    int *root = dg_heap_take(&m->heap, (size_t)a->count, sizeof *root);
    for (int i = 0; i < n; i++)
        for (int64_t j = 0; j < each; j++, k++) {
            dg_onnx_reals(a)[k] = dg_onnx_real(v[i]->fixed[0], j);
            root[k] = dg_onnx_root(v[i]->fixed[0], j, &from[k]);
        }
    a->root = root[0];
    a->from = from;
    a->root_of = root;
    return value_of(m, a, v[0]->name);
}

/* ---- Layers ---------------------------------------------------------------------------------- */

void dg_series_keep(dg_import *m, const char *all, const dg_series *n)
{
    dg_series *copy = dg_heap_take(&m->heap, 1, sizeof *copy);
    *copy = *n;
    dg_dict_put(&m->heap, &m->series, all, copy);
}

static bool reads(const dg_onnx_node *n, const char *name)
{
    for (int k = 0; k < n->n_in; k++)
        if (strcmp(n->in[k], name) == 0)
            return true;
    return false;
}

static bool is_output(const dg_onnx_graph *g, const char *name)
{
    for (int i = 0; i < g->n_outputs; i++)
        if (strcmp(g->outputs[i].name, name) == 0)
            return true;
    return false;
}

/* Whether a value goes to this node and nowhere else, by way of nodes that move its elements. */
static bool leads_to(const dg_import *m, const char *name, const dg_onnx_node *target)
{
    static const char *const moving[] = {"Transpose", "Reshape", "Squeeze", "Identity"};
    const dg_onnx_graph *g = m->proto->graph;
    for (int i = 0; i < g->n_nodes; i++) {
        const dg_onnx_node *n = &g->nodes[i];
        const int *uses = dg_dict_find(&m->uses, name);
        if (!uses || *uses != 1 || is_output(g, name))
            return false;
        if (!reads(n, name))
            continue;
        bool moves = false;
        for (size_t k = 0; k < sizeof moving / sizeof *moving; k++)
            moves |= strcmp(moving[k], n->op) == 0;
        if (n == target || !moves)
            return n == target;
        name = n->out[0];
    }
    return false;
}

/* Whether nothing before this node reads the last states of the layers below. */
static bool unread(const dg_import *m, const dg_series *below, const dg_onnx_node *node)
{
    for (const dg_onnx_node *n = m->proto->graph->nodes; n < node; n++)
        for (int i = 0; i < below->layers; i++)
            for (int k = 1; k < 3; k++)
                if (below->out[i][k] && reads(n, below->out[i][k]->name))
                    return false;
    return true;
}

static bool one_tensor(const dg_onnx_value *a, const dg_onnx_value *b)
{
    int64_t element;
    const dg_onnx_array *x = a->fixed[0], *y = b->fixed[0];
    bool both = x->count && y->count && x->dim[1] == y->dim[1];
    int root = both ? dg_onnx_root(x, 0, &element) : -1;
    return root >= 0 && root == dg_onnx_root(y, 0, &element) && !a->fixed[0]->own;
}

static bool fits(const dg_import *m, const dg_series *below, const dg_series *n)
{
    const dg_onnx_graph *g = m->proto->graph;
    int top = below->layers - 1;
    bool here = n->node[0] >= g->nodes && n->node[0] < g->nodes + g->n_nodes && below->out[top][0];
    return here && below->cell == n->cell && below->units == n->units && below->after == n->after &&
           below->directions == n->directions && below->backward == n->backward &&
           below->batch_first == n->batch_first && !below->started && !n->started &&
           top + 1 < DG_MOST_LAYERS && below->b[0] && n->b[0] &&
           one_tensor(below->r[top], n->r[0]) && one_tensor(below->b[top], n->b[0]) &&
           (top == 0 || one_tensor(below->w[top], n->w[0])) &&
           leads_to(m, below->out[top][0]->name, n->node[0]) && unread(m, below, n->node[0]);
}

void dg_series_join(dg_import *m, dg_series *n)
{
    const dg_series *below = dg_dict_find(&m->series, n->x);
    if (!below || !fits(m, below, n))
        return;
    dg_series all = *below;
    int top = all.layers++;
    all.w[top] = n->w[0];
    all.r[top] = n->r[0];
    all.b[top] = n->b[0];
    all.node[top] = n->node[0];
    memcpy(all.out[top], n->out[0], sizeof all.out[top]);
    *n = all;
}
