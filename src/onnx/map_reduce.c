/* Sums and their like over axes, and softmax. */
#include "onnx/map.h"

#include <string.h>

/* What is done before, over the axes, and after; X stands for the value. */
typedef struct {
    const char *op, *before, *over, *after;
} reduction;

static const reduction reductions[] = {{"ReduceSum", NULL, "sum", NULL},
                                       {"ReduceMean", NULL, "mean", NULL},
                                       {"ReduceMax", NULL, "max", NULL},
                                       {"ReduceMin", NULL, "min", NULL},
                                       {"ReduceL1", "abs(%s)", "sum", NULL},
                                       {"ReduceL2", "square(%s)", "sum", " | sqrt"},
                                       {"ReduceSumSquare", "square(%s)", "sum", NULL},
                                       {"ReduceLogSum", NULL, "sum", " | log"},
                                       {"ReduceLogSumExp", "exp(%s)", "sum", " | log"}};

/* Which axes; false: they are not known. */
static bool find_axes(dg_import *m, const dg_step *s, bool over[], int *n)
{
    int64_t axes[DG_MAX_RANK];
    int rank = s->in[0]->at.rank;
    *n = dg_step_ints(m, s, "axes", 1, 0, axes, DG_MAX_RANK);
    if (*n < 0 && dg_step_has(s, 1))
        return false;
    for (int i = 0; i < *n; i++) {
        int k = dg_step_axis(axes[i], rank);
        if (k < 0)
            return false;
        over[k] = true;
    }
    bool all = *n <= 0 && dg_attr_i(s, "noop_with_empty_axes", 0) == 0;
    for (int k = 0; k < rank && all; k++)
        over[k] = true;
    return true;
}

/* The layout without those axes: of size 1, or gone. */
static dg_layout reduced(const dg_onnx_value *v, const bool over[], const int order[], bool keeps,
                         dg_want *w)
{
    int64_t dim[DG_BINDINGS][DG_MAX_RANK];
    for (int b = 0; b < DG_BINDINGS; b++)
        for (int k = 0; k < v->at.rank; k++)
            dim[b][k] = over[k] ? 1 : dg_onnx_dim(v, b, k);
    dg_layout at = dg_onnx_axes_layout(v, dim, order, w);
    dg_want left = {0};
    for (int i = 0; i < v->at.rank; i++)
        if (!over[order[i]])
            dg_want_axis(&left, &at, order[i]);
    int rank = 0;
    for (int k = 0; k < v->at.rank && !keeps; k++)
        if (!over[k]) {
            at.start[rank] = at.start[k];
            at.start[++rank] = at.start[k + 1];
        }
    at.rank = keeps ? at.rank : rank;
    *w = left;
    return at;
}

bool dg_map_reduce(dg_import *m, const dg_step *s)
{
    bool over[DG_MAX_RANK] = {0}, keeps = dg_attr_i(s, "keepdims", 1) != 0;
    const dg_onnx_value *v = s->in[0];
    int order[DG_MAX_RANK], n;
    const reduction *r = reductions;
    while (strcmp(r->op, s->node->op) != 0)
        r++;
    if (v->integer || !find_axes(m, s, over, &n))
        return dg_onnx_refuse(m, s,
                              v->integer ? "of integers that the input decides"
                                         : "over axes that the input decides");
    const char *text = dg_onnx_axes(m, s, v, order), *list = "";
    bool any = false;
    for (int i = 0; i < v->at.rank && text; i++) {
        if (!over[order[i]])
            continue;
        if (dg_onnx_has_batch(v, order[i]))
            return dg_onnx_refuse(m, s, "over the batch");
        list = dg_heap_printf(&m->heap, "%s%s%d", list, any ? ", " : "", i);
        any = true;
    }
    if (!text)
        return false;
    if (r->before)
        text = strcmp(r->before, "abs(%s)") == 0 ? dg_heap_printf(&m->heap, "abs(%s)", text)
               : r->before[0] == 's'             ? dg_heap_printf(&m->heap, "square(%s)", text)
                                                 : dg_heap_printf(&m->heap, "exp(%s)", text);
    if (!any && !r->before && !r->after) {
        dg_onnx_same(s->out[0], v);
        return true;
    }
    dg_want w;
    s->out[0]->at = reduced(v, over, order, keeps, &w);
    if (any)
        dg_onnx_say(m, s, s->out[0], &w, "%s(%s, axis=[%s])%s", r->over, text, list,
                    r->after ? r->after : "");
    else
        dg_onnx_say(m, s, s->out[0], &w, "%s%s", text, r->after ? r->after : "");
    return true;
}

/* ---- Softmax --------------------------------------------------------------------------------- */

/* Before opset 13: over all axes from one on, as one. */
static bool softmax_matrix(dg_import *m, const dg_step *s, const char *node, int axis)
{
    const dg_onnx_value *v = s->in[0];
    bool last[DG_ATOMS] = {0};
    dg_want w = {0};
    for (int i = v->at.start[axis]; i < v->at.start[v->at.rank]; i++) {
        last[v->at.order[i]] = true;
        if (v->at.atom[v->at.order[i]].batch)
            return dg_onnx_refuse(m, s, "over the batch");
    }
    for (int a = 0; a < v->at.n; a++)
        if (!last[a])
            dg_want_atom(&w, a);
    int n = w.start[w.n];
    for (int a = 0; a < v->at.n; a++)
        if (last[a])
            w.atom[n++] = a;
    w.start[++w.n] = n;
    const char *text = dg_onnx_give(m, s, v, &w);
    if (!text)
        return false;
    s->out[0]->at = dg_layout_moved(&v->at, &w);
    for (int i = 0; i < n; i++)
        w.atom[i] = i;
    dg_onnx_say(m, s, s->out[0], &w, "%s(%s)", node, text);
    return true;
}

/* Running sums along an axis. */
bool dg_map_cumsum(dg_import *m, const dg_step *s)
{
    const dg_onnx_value *v = s->in[0];
    const dg_onnx_array *a = s->in[1]->fixed[0];
    int axis = a && a->count == 1 ? dg_step_axis(dg_onnx_whole(a, 0), v->at.rank) : -1;
    const char *text, *more = dg_attr_i(s, "exclusive", 0) ? ", exclusive=true" : "";
    if (axis < 0 || dg_onnx_has_batch(v, axis))
        return dg_onnx_refuse(m, s, "along the batch, or an axis that is not constant");
    if (dg_attr_i(s, "reverse", 0))
        more = dg_heap_printf(&m->heap, "%s, reverse=true", more);
    dg_want w;
    dg_layout at;
    int place = dg_onnx_axis(m, s, v, axis, &at, &w, &text);
    if (place < 0)
        return false;
    s->out[0]->at = at;
    dg_onnx_say(m, s, s->out[0], &w, "cumsum(%s, axis=%d%s)", text, place, more);
    return true;
}

bool dg_map_softmax(dg_import *m, const dg_step *s)
{
    const char *node = strcmp(s->node->op, "Softmax") == 0 ? "softmax" : "log_softmax", *text;
    const dg_onnx_value *v = s->in[0];
    bool matrix = s->version < 13;
    int rank = v->at.rank, axis = dg_step_axis(dg_attr_i(s, "axis", matrix ? 1 : -1), rank);
    if (axis < 0)
        return dg_onnx_refuse(m, s, "along an axis that is not there");
    for (int k = axis + 1; k < rank && matrix; k++)
        if (dg_layout_count(&v->at, k))
            return softmax_matrix(m, s, node, axis);
    if (dg_onnx_has_batch(v, axis))
        return dg_onnx_refuse(m, s, "along the batch");
    dg_want w;
    dg_layout at;
    int place = dg_onnx_axis(m, s, v, axis, &at, &w, &text);
    if (place < 0)
        return false;
    s->out[0]->at = at;
    const char *where = place == w.n - 1 ? "" : dg_heap_printf(&m->heap, ", axis=%d", place);
    dg_onnx_say(m, s, s->out[0], &w, "%s(%s%s)", node, text, where);
    return true;
}

/* ---- Losses ---------------------------------------------------------------------------------- */

bool dg_map_loss(dg_import *m, const dg_step *s)
{
    return dg_onnx_refuse(m, s, "is a loss: a model states its own, after 'convert'");
}
