/* Attention: the heads of the file are atoms, so that those of the model, which cuts the last axis
 * itself, need no transpose. */
#include "onnx/map.h"

#include "graph/graph.h"
#include <math.h>
#include <string.h>

static const int middle[] = {0, 2, 1, 3}; /* axes 1 and 2 change places */

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
    *at = dg_layout_turned(at, middle);
    return true;
}

/* Operand k as [N, heads, T, d]. */
static bool read_operand(dg_import *m, const dg_step *s, int k, dg_onnx_value *v)
{
    int64_t heads = dg_attr_i(s, k ? "kv_num_heads" : "q_num_heads", 0);
    *v = *s->in[k];
    if (v->fixed[0])
        *v = *dg_onnx_held(m, s->in[k], "operand of Attention");
    if (v->at.rank == 3 && heads > 0 && dg_onnx_size(v, 2) > 0 && dg_onnx_size(v, 2) % heads == 0 &&
        !split_heads(&v->at, heads, m->batch))
        return dg_onnx_refuse(m, s, "of '%s', whose heads cannot be cut", v->name);
    if (v->at.rank != 4)
        return dg_onnx_refuse(m, s, "of values that are not [N, heads, T, d] or [N, T, D]");
    return true;
}

dg_want dg_want_heads(const dg_layout *at)
{
    dg_want w = {0};
    dg_want_axis(&w, at, 0);
    dg_want_axis(&w, at, 2);
    int n = w.start[w.n];
    for (int axis = 1; axis < 4; axis += 2)
        for (int i = at->start[axis]; i < at->start[axis + 1]; i++)
            w.atom[n++] = at->order[i];
    w.start[++w.n] = n;
    return w;
}

bool dg_onnx_attend(dg_import *m, const dg_step *s, const dg_onnx_value v[3], const char *more,
                    dg_onnx_value *out)
{
    const char *text[3];
    int64_t dim[DG_BINDINGS][DG_MAX_RANK], heads = dg_onnx_size(&v[0], 1);
    for (int k = 0; k < 3; k++) {
        dg_want w = dg_want_heads(&v[k].at);
        if (heads < 1 || dg_onnx_size(&v[k], 1) != heads)
            return dg_onnx_refuse(m, s, "whose keys have other heads than its queries");
        if (!(text[k] = dg_onnx_give(m, s, &v[k], &w)))
            return false;
    }
    for (int b = 0; b < DG_BINDINGS; b++)
        for (int k = 0; k < 4; k++)
            dim[b][k] = dg_onnx_dim(&v[k < 3 ? 0 : 2], b, k);
    out->at = dg_layout_stored(4, dim, dg_onnx_has_batch(&v[0], 0) ? 0 : -1, middle);
    dg_want w = dg_want_heads(&out->at);
    dg_onnx_say(m, s, out, &w, "attention(%s, %s, %s, heads=%lld%s)", text[0], text[1], text[2],
                (long long)heads, more);
    return true;
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
    dg_onnx_value v[3];
    if (!dg_type_find(NULL, "attention") || !is_plain(s))
        return dg_onnx_refuse(m, s, "with a cache, a cap or several results");
    for (int k = 0; k < 3; k++)
        if (!read_operand(m, s, k, &v[k]))
            return false;
    const char *more = dg_attr_i(s, "is_causal", 0) ? ", causal=true" : "";
    double scale = dg_attr_f(s, "scale", 0);
    if (scale != 0)
        more = dg_heap_printf(&m->heap, "%s, scale=%s", more, dg_onnx_number(m, scale));
    if (dg_step_has(s, 3)) {
        const char *mask = read_mask(m, s, dg_onnx_size(&v[0], 2), dg_onnx_size(&v[1], 2));
        if (!mask)
            return dg_onnx_refuse(m, s, "with a mask that is no constant matrix");
        more = dg_heap_printf(&m->heap, "%s, mask=%s", more, mask);
    }
    dg_onnx_value *out = s->out[0];
    if (!dg_onnx_attend(m, s, v, more, out))
        return false;
    if (s->in[0]->at.rank == 3 && !s->in[0]->fixed[0]) { /* back to [N, T, heads d] */
        out->at = dg_layout_turned(&out->at, middle);
        out->at.start[3] = out->at.start[4];
        out->at.rank = 3;
    }
    return true;
}
