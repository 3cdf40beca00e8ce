/* Attention: the heads of the file are atoms, so that those of the model, which cuts the last axis
 * itself, need no transpose. */
#include "onnx/map.h"

#include "graph/graph.h"
#include <math.h>
#include <string.h>

typedef struct {
    dg_layout at; /* [batch, heads, places, numbers] */
    const char *text;
    int64_t heads;
} operand;

/* [N, T, heads d] as [N, heads, T, d]. */
static bool split_heads(dg_layout *at, int64_t heads, const int64_t batch[DG_BINDINGS])
{
    int64_t dim[DG_BINDINGS][DG_MAX_RANK];
    for (int b = 0; b < DG_BINDINGS; b++) {
        dg_onnx_value v = {.at = *at};
        for (int k = 0; k < 2; k++)
            dim[b][k] = dg_onnx_dim(&v, b, k);
        dim[b][2] = heads;
        dim[b][3] = dg_onnx_dim(&v, b, 2) / heads;
    }
    if (!dg_layout_reshape(at, 4, dim, batch))
        return false;
    dg_layout from = *at; /* axes 1 and 2 change places */
    static const int perm[] = {0, 2, 1, 3};
    for (int k = 0, n = 0; k < 4; k++) {
        at->start[k] = n;
        for (int i = from.start[perm[k]]; i < from.start[perm[k] + 1]; i++)
            at->order[n++] = from.order[i];
        at->start[k + 1] = n;
    }
    return true;
}

static bool read_operand(dg_import *m, const dg_step *s, int k, operand *o)
{
    dg_onnx_value v = *s->in[k];
    int64_t heads = dg_attr_i(s, k ? "kv_num_heads" : "q_num_heads", 0);
    if (v.fixed[0])
        v = *dg_onnx_held(m, s->in[k], "operand of Attention");
    if (v.at.rank == 3 && heads > 0 && dg_onnx_size(&v, 2) > 0 &&
        dg_onnx_size(&v, 2) % heads == 0 && !split_heads(&v.at, heads, m->batch))
        return dg_onnx_refuse(m, s, "of '%s', whose heads cannot be cut", v.name);
    if (v.at.rank != 4)
        return dg_onnx_refuse(m, s, "of values that are not [N, heads, T, d] or [N, T, D]");
    dg_want w = {0};
    dg_want_axis(&w, &v.at, 0);
    dg_want_axis(&w, &v.at, 2);
    int n = w.start[w.n];
    for (int axis = 1; axis < 4; axis += 2)
        for (int i = v.at.start[axis]; i < v.at.start[axis + 1]; i++)
            w.atom[n++] = v.at.order[i];
    w.start[++w.n] = n;
    o->at = v.at;
    o->heads = dg_onnx_size(&v, 1);
    o->text = dg_onnx_give(m, s, &v, &w);
    return o->text != NULL;
}

/* A constant mask that is added, or of truth values: those that are false are -infinity. */
static const char *read_mask(dg_import *m, const dg_step *s, int64_t rows, int64_t columns)
{
    const dg_onnx_value *v = s->in[3];
    const dg_onnx_array *a = v->fixed[0];
    if (!a || a->rank < 2 || a->count != rows * columns || a->dim[a->rank - 2] != rows ||
        v->fixed[1]->count != a->count)
        return NULL;
    dg_onnx_value mask = *v;
    if (a->integer) {
        dg_onnx_array *added =
            dg_onnx_array_new(m, false, 2, (const int64_t[]){rows, columns}, false);
        for (int64_t i = 0; i < a->count; i++)
            dg_onnx_reals(added)[i] = dg_onnx_whole(a, i) ? 0 : (double)-INFINITY;
        mask.fixed[0] = mask.fixed[1] = added;
    }
    dg_shape shape = {2, {rows, columns}};
    return dg_onnx_declare(m, &mask, DG_ONNX_CONSTANT, "mask of Attention", &shape, NULL);
}

/* softcap, caches, other results. */
static bool is_plain(const dg_step *s)
{
    for (int i = 4; i < s->n_in; i++)
        if (s->in[i])
            return false;
    for (int i = 1; i < s->n_out; i++)
        if (s->out[i])
            return false;
    return dg_attr_f(s, "softcap", 0) == 0;
}

bool dg_map_attention(dg_import *m, const dg_step *s)
{
    operand o[3];
    if (!dg_type_find(NULL, "attention") || !is_plain(s))
        return dg_onnx_refuse(m, s, "with a cache, a cap or several results");
    for (int k = 0; k < 3; k++)
        if (!read_operand(m, s, k, &o[k]))
            return false;
    dg_onnx_value q = {.at = o[0].at}, v = {.at = o[2].at};
    int64_t places = dg_onnx_size(&q, 2), seen = dg_onnx_size(&(dg_onnx_value){.at = o[1].at}, 2);
    const char *more = dg_attr_i(s, "is_causal", 0) ? ", causal=true" : "";
    double scale = dg_attr_f(s, "scale", 0);
    if (o[0].heads < 1 || o[0].heads != o[1].heads || o[1].heads != o[2].heads)
        return dg_onnx_refuse(m, s, "whose keys have other heads than its queries");
    if (scale != 0)
        more = dg_heap_printf(&m->heap, "%s, scale=%s", more, dg_onnx_number(m, scale));
    if (dg_step_has(s, 3)) {
        const char *mask = read_mask(m, s, places, seen);
        if (!mask)
            return dg_onnx_refuse(m, s, "with a mask that is no constant matrix");
        more = dg_heap_printf(&m->heap, "%s, mask=%s", more, mask);
    }
    static const int stored[] = {0, 2, 1, 3};
    int64_t dim[DG_BINDINGS][DG_MAX_RANK];
    for (int b = 0; b < DG_BINDINGS; b++)
        for (int k = 0; k < 4; k++)
            dim[b][k] = k < 3 ? dg_onnx_dim(&q, b, k) : dg_onnx_dim(&v, b, 3);
    dg_onnx_value *out = s->out[0];
    out->at = dg_layout_stored(4, dim, dg_onnx_has_batch(&q, 0) ? 0 : -1, stored);
    dg_want w = {0};
    dg_want_axis(&w, &out->at, 0);
    dg_want_axis(&w, &out->at, 2);
    int n = w.start[w.n];
    for (int axis = 1; axis < 4; axis += 2)
        for (int i = out->at.start[axis]; i < out->at.start[axis + 1]; i++)
            w.atom[n++] = out->at.order[i];
    w.start[++w.n] = n;
    dg_onnx_say(m, s, out, &w, "attention(%s, %s, %s, heads=%lld%s)", o[0].text, o[1].text,
                o[2].text, (long long)o[0].heads, more);
    if (s->in[0]->at.rank == 3 && !s->in[0]->fixed[0]) { /* back to [N, T, heads d] */
        dg_layout from = out->at, *to = &out->at;
        static const int perm[] = {0, 2, 1, 3};
        for (int k = 0, i = 0; k < 4; k++) {
            to->start[k < 3 ? k : 2] = k < 3 ? i : to->start[2];
            for (int j = from.start[perm[k]]; j < from.start[perm[k] + 1]; j++)
                to->order[i++] = from.order[j];
            to->start[3] = i;
        }
        to->rank = 3;
    }
    return true;
}
