/* Operators that move elements. Most only change the list of a value's axes. */
#include "onnx/map.h"

#include "graph/graph.h"
#include "onnx/shapes.h"
#include <string.h>

/* ---- Axes ------------------------------------------------------------------------------------ */

const char *dg_onnx_axes(dg_import *m, const dg_step *s, const dg_onnx_value *v, int axis[])
{
    dg_want w = {0};
    if (!dg_onnx_stored_order(v, axis))
        for (int k = 0; k < v->at.rank; k++)
            axis[k] = k;
    for (int i = 0; i < v->at.rank; i++)
        dg_want_axis(&w, &v->at, axis[i]);
    return dg_onnx_give(m, s, v, &w);
}

dg_layout dg_onnx_axes_layout(const dg_onnx_value *v, int64_t dim[DG_BINDINGS][DG_MAX_RANK],
                              const int axis[], dg_want *w)
{
    int batch = -1;
    for (int k = 0; k < v->at.rank; k++)
        if (dg_onnx_has_batch(v, k))
            batch = k;
    dg_layout at = dg_layout_stored(v->at.rank, dim, batch, axis);
    *w = (dg_want){0};
    for (int i = 0; i < at.rank; i++)
        dg_want_axis(w, &at, axis[i]);
    return at;
}

/* The place of an axis that is one of the axes of the shape in the model already; -1: it is not. */
static int own_axis(const dg_onnx_value *v, int axis, dg_want *w)
{
    int first[DG_MAX_RANK + 1], n = dg_layout_count(&v->at, axis);
    const int *atoms = &v->at.order[v->at.start[axis]];
    if (n == 0 || !dg_onnx_dims_of(v, &v->at, first))
        return -1;
    for (int k = 1; k < n; k++)
        if (atoms[k] != atoms[k - 1] + 1)
            return -1;
    *w = (dg_want){0};
    int found = -1;
    for (int i = 0; i < v->rank; i++) {
        int at = w->start[w->n];
        for (int k = first[i]; k < first[i + 1]; k++)
            w->atom[at++] = k;
        w->start[++w->n] = at;
        if (first[i] == atoms[0] && first[i + 1] == atoms[0] + n)
            found = i;
    }
    return found;
}

int dg_onnx_axis(dg_import *m, const dg_step *s, const dg_onnx_value *v, int axis, dg_layout *at,
                 dg_want *w, const char **text)
{
    int place = own_axis(v, axis, w), order[DG_MAX_RANK];
    *at = v->at;
    *text = v->dag;
    if (place >= 0) {
        dg_layout_join(at, axis);
        return place;
    }
    *text = dg_onnx_axes(m, s, v, order);
    if (!*text)
        return -1;
    int64_t dim[DG_BINDINGS][DG_MAX_RANK];
    for (int b = 0; b < DG_BINDINGS; b++)
        for (int k = 0; k < v->at.rank; k++)
            dim[b][k] = dg_onnx_dim(v, b, k);
    *at = dg_onnx_axes_layout(v, dim, order, w);
    for (int i = 0; i < v->at.rank; i++)
        if (order[i] == axis)
            place = i;
    return place;
}

/* ---- Reshape and its like -------------------------------------------------------------------- */

/* All of a value as the rows of a batch, or as one axis. */
static bool flat(dg_import *m, const dg_step *s, dg_onnx_value *v)
{
    dg_want w = {0};
    const dg_layout *at = &v->at;
    int n = at->start[at->rank];
    bool batch = n > 0 && at->atom[0].batch;
    if (batch && at->order[0] != 0)
        return dg_onnx_refuse(m, s, "joins the batch of '%s' with other axes", v->name);
    if (batch)
        dg_want_atom(&w, 0);
    dg_layout to = {.rank = 1, .n = batch};
    to.atom[0] = at->atom[0];
    dg_atom rest = {{1, 1}, false};
    for (int i = batch; i < n; i++) {
        w.atom[i] = at->order[i];
        rest.size[0] *= at->atom[at->order[i]].size[0];
        rest.size[1] *= at->atom[at->order[i]].size[1];
    }
    w.start[w.n + 1] = n;
    w.n++;
    const char *text = dg_onnx_give(m, s, v, &w);
    if (!text)
        return false;
    to.atom[to.n++] = rest;
    to.start[1] = to.n;
    for (int i = 0; i < to.n; i++)
        to.order[i] = i;
    dg_onnx_hold(m, v, text, &w);
    v->at = to;
    dg_want own = dg_want_stored(&to);
    dg_onnx_hold(m, v, text, &own);
    return true;
}

static bool reshape(dg_import *m, const dg_step *s, int rank, int64_t dim[DG_BINDINGS][DG_MAX_RANK])
{
    dg_onnx_value v = *s->in[0];
    if (!dg_layout_reshape(&v.at, rank, dim, m->batch) &&
        (!flat(m, s, &v) || !dg_layout_reshape(&v.at, rank, dim, m->batch)))
        return dg_onnx_refuse(m, s, "cuts '%s' where the batch or a free size is", v.name);
    dg_onnx_same(s->out[0], &v);
    return true;
}

bool dg_map_reshape(dg_import *m, const dg_step *s)
{
    int64_t dim[DG_BINDINGS][DG_MAX_RANK];
    int rank[DG_BINDINGS];
    for (int b = 0; b < DG_BINDINGS; b++)
        rank[b] = dg_shape_reshape(m, s, b, dim[b]);
    if (rank[0] < 0 || rank[0] != rank[1])
        return dg_onnx_refuse(m, s, "of '%s' to a shape that does not fit", s->in[0]->name);
    return reshape(m, s, rank[0], dim);
}

bool dg_map_flatten(dg_import *m, const dg_step *s)
{
    int64_t dim[DG_BINDINGS][DG_MAX_RANK];
    for (int b = 0; b < DG_BINDINGS; b++)
        if (dg_shape_flatten(m, s, b, dim[b]) < 0)
            return dg_onnx_refuse(m, s, "at an axis that is not there");
    return reshape(m, s, 2, dim);
}

/* The axes of the input in another order; -1: a new one of size 1. */
static bool pick(dg_import *m, const dg_step *s, int rank, const int from[])
{
    const dg_layout *at = &s->in[0]->at;
    dg_layout to = *at;
    if (rank < 0)
        return dg_onnx_refuse(m, s, "of axes that are not there, or not of size 1");
    to.rank = rank;
    for (int k = 0, n = 0; k < rank; k++) {
        to.start[k] = n;
        for (int i = from[k] < 0 ? 0 : at->start[from[k]];
             from[k] >= 0 && i < at->start[from[k] + 1]; i++)
            to.order[n++] = at->order[i];
        to.start[k + 1] = n;
    }
    dg_onnx_same(s->out[0], s->in[0]);
    s->out[0]->at = to;
    return true;
}

bool dg_map_transpose(dg_import *m, const dg_step *s)
{
    int from[DG_MAX_RANK];
    return pick(m, s, dg_shape_transpose(s, from), from);
}

bool dg_map_squeeze(dg_import *m, const dg_step *s)
{
    int from[DG_MAX_RANK];
    return pick(m, s, dg_shape_squeeze(m, s, from), from);
}

bool dg_map_unsqueeze(dg_import *m, const dg_step *s)
{
    int from[DG_MAX_RANK];
    return pick(m, s, dg_shape_unsqueeze(m, s, from), from);
}

/* ---- Slices ---------------------------------------------------------------------------------- */

bool dg_onnx_slice(dg_import *m, const dg_step *s, const dg_onnx_value *v, int axis,
                   const dg_slice at[DG_BINDINGS], dg_onnx_value *out)
{
    dg_want w;
    dg_layout layout;
    const char *text;
    int64_t size[DG_BINDINGS] = {at[0].count, at[1].count};
    if (dg_onnx_has_batch(v, axis))
        return dg_onnx_refuse(m, s, "cuts the batch of '%s'", v->name);
    bool steps = at[0].step != 1;
    if (at[0].count < 1 || at[1].count < 1)
        return dg_onnx_refuse(m, s, "is empty");
    if (steps && (at[0].start != at[1].start || at[0].count != at[1].count ||
                  !dg_onnx_node_takes("slice", "step")))
        return dg_onnx_refuse(m, s, "with a step of what a free size decides");
    int place = dg_onnx_axis(m, s, v, axis, &layout, &w, &text);
    if (place < 0)
        return false;
    int64_t full[DG_BINDINGS] = {dg_onnx_dim(v, 0, axis), dg_onnx_dim(v, 1, axis)};
    int64_t start = at[0].start, end = start + at[0].count * at[0].step;
    const char *to = "";
    bool from_end = at[0].start != at[1].start;
    if (from_end && full[0] - start != full[1] - at[1].start)
        return dg_onnx_refuse(m, s, "starts where a free size decides");
    if (from_end)
        start -= full[0];
    if (steps)
        to = dg_heap_printf(&m->heap, end < 0 ? ", step=%lld" : ", step=%lld, end=%lld",
                            (long long)at[0].step, (long long)end);
    else if (end != full[0] || at[1].start + at[1].count != full[1]) {
        bool fixed = end == at[1].start + at[1].count;
        if (!fixed && full[0] - end != full[1] - at[1].start - at[1].count)
            return dg_onnx_refuse(m, s, "ends where a free size decides");
        to = dg_heap_printf(&m->heap, ", end=%lld", (long long)(fixed ? end : end - full[0]));
    }
    const char *name = dg_onnx_name(m, out->name);
    dg_onnx_statement(m, s, name,
                      dg_heap_printf(&m->heap, "slice(%s, axis=%d, start=%lld%s)", text, place,
                                     (long long)start, to));
    out->at = layout;
    dg_onnx_hold(m, out, name, &w);
    out->dim[place] = size[0] == size[1] ? size[0] : -2;
    dg_layout_resize(&out->at, axis, size);
    return true;
}

bool dg_map_slice(dg_import *m, const dg_step *s)
{
    dg_slice axis[DG_BINDINGS][DG_MAX_RANK];
    for (int b = 0; b < DG_BINDINGS; b++)
        if (dg_shape_slice(m, s, b, axis[b]) < 0)
            return dg_onnx_refuse(m, s, "whose ends the input decides");
    const dg_onnx_value *v = s->in[0];
    for (int k = 0; k < s->in[0]->at.rank; k++) {
        const dg_slice at[DG_BINDINGS] = {axis[0][k], axis[1][k]};
        bool whole = at[0].step == 1 && at[0].count == dg_onnx_dim(v, 0, k) &&
                     at[1].count == dg_onnx_dim(v, 1, k);
        if (whole)
            continue;
        dg_onnx_value *next = dg_heap_take(&m->heap, 1, sizeof *next);
        next->name = s->out[0]->name;
        next->integer = v->integer;
        if (!dg_onnx_slice(m, s, v, k, at, next))
            return false;
        v = next;
    }
    dg_onnx_same(s->out[0], v);
    return true;
}

static bool split_equally(dg_import *m, const dg_step *s, int axis, int64_t size)
{
    dg_want w;
    dg_layout layout;
    const char *text, *names = "";
    const dg_onnx_value *v = s->in[0];
    int place = dg_onnx_axis(m, s, v, axis, &layout, &w, &text);
    if (place < 0)
        return false;
    for (int i = 0; i < s->n_out; i++) {
        dg_onnx_value unused = {.name = v->name}, *out = s->out[i] ? s->out[i] : &unused;
        const char *name = dg_onnx_name(m, out->name);
        names = dg_heap_printf(&m->heap, "%s%s%s", names, i ? ", " : "", name);
        out->at = layout;
        out->integer = v->integer;
        dg_onnx_hold(m, out, name, &w);
        out->dim[place] = size;
        dg_layout_resize(&out->at, axis, (const int64_t[]){size, size});
    }
    dg_onnx_statement(m, s, names,
                      dg_heap_printf(&m->heap, "split(%s, %d, axis=%d)", text, s->n_out, place));
    return true;
}

bool dg_map_split(dg_import *m, const dg_step *s)
{
    int64_t part[32], at = 0;
    const dg_onnx_value *v = s->in[0];
    int axis = dg_step_axis(dg_attr_i(s, "axis", 0), v->at.rank);
    int n = axis < 0 ? -1 : dg_shape_split(m, s, 0, axis, part);
    if (n < 1 || dg_onnx_size(v, axis) < 0)
        return dg_onnx_refuse(m, s, "into parts that are not constant");
    bool equal = !dg_onnx_has_batch(v, axis);
    for (int i = 1; i < n; i++)
        equal &= part[i] == part[0];
    if (equal && n > 1)
        return split_equally(m, s, axis, part[0]);
    for (int i = 0; i < n; i++) {
        const dg_slice one = {at, 1, part[i]}, both[DG_BINDINGS] = {one, one};
        if (s->out[i] && !dg_onnx_slice(m, s, v, axis, both, s->out[i]))
            return false;
        at += part[i];
    }
    return true;
}

/* ---- Concat, Pad ----------------------------------------------------------------------------- */

/* A constant with its axes in this order; NULL: refused. */
static const char *ordered(dg_import *m, const dg_step *s, const dg_onnx_value *v, const int axis[])
{
    const dg_onnx_array *a = v->fixed[0];
    dg_shape shape = {.rank = a->rank};
    int64_t stride[DG_MAX_RANK], here[DG_MAX_RANK] = {0}, step = 1, place = 0;
    int64_t *index = dg_heap_take(&m->heap, (size_t)a->count, sizeof *index);
    for (int k = a->rank; k-- > 0; step *= a->dim[k])
        stride[k] = step;
    for (int i = 0; i < a->rank; i++) {
        shape.dim[i] = a->dim[axis[i]];
        if (v->fixed[1]->dim[i] != a->dim[i])
            return dg_onnx_refuse(m, s, "of a constant that grows with the batch"), NULL;
    }
    for (int64_t i = 0; i < a->count; i++) {
        index[i] = place;
        for (int k = a->rank; k-- > 0;) {
            place += stride[axis[k]];
            if (++here[k] < shape.dim[k])
                break;
            place -= stride[axis[k]] * shape.dim[k];
            here[k] = 0;
        }
    }
    return dg_onnx_declare(m, v, DG_ONNX_CONSTANT, "operand of Concat", &shape, index);
}

bool dg_onnx_join(dg_import *m, const dg_step *s, int n, dg_onnx_value *const in[], int64_t axis_of,
                  dg_onnx_value *out)
{
    const dg_onnx_value *like = NULL;
    int order[DG_MAX_RANK], place = 0;
    for (int i = 0; i < n; i++) {
        if (!in[i])
            return dg_onnx_refuse(m, s, "of a value that is not given");
        like = like || in[i]->fixed[0] ? like : in[i];
    }
    int rank = like->at.rank, axis = dg_step_axis(axis_of, rank);
    if (axis < 0 || dg_onnx_has_batch(like, axis))
        return dg_onnx_refuse(m, s, axis < 0 ? "along an axis that is not there" : "of batches");
    if (!dg_onnx_axes(m, s, like, order))
        return false;
    int64_t dim[DG_BINDINGS][DG_MAX_RANK];
    for (int b = 0; b < DG_BINDINGS; b++)
        for (int k = 0; k < rank; k++)
            dim[b][k] = k == axis ? 0 : dg_onnx_dim(like, b, k);
    const char *list = "";
    for (int i = 0; i < n; i++) {
        dg_want w = {0};
        const dg_onnx_value *v = in[i];
        if (dg_onnx_rank(v) != rank)
            return dg_onnx_refuse(m, s, "of values with different axes");
        for (int k = 0; k < rank && !v->fixed[0]; k++)
            dg_want_axis(&w, &v->at, order[k]);
        const char *text = v->fixed[0] ? ordered(m, s, v, order) : dg_onnx_give(m, s, v, &w);
        if (!text)
            return false;
        for (int b = 0; b < DG_BINDINGS; b++)
            dim[b][axis] += dg_onnx_dim(v, b, axis);
        list = dg_heap_printf(&m->heap, "%s%s, ", list, text);
    }
    for (int i = 0; i < rank; i++)
        place = order[i] == axis ? i : place;
    dg_want w;
    out->at = dg_onnx_axes_layout(like, dim, order, &w);
    out->integer = like->integer;
    dg_onnx_say(m, s, out, &w, "concat(%saxis=%d)", list, place);
    return true;
}

bool dg_map_concat(dg_import *m, const dg_step *s)
{
    return dg_onnx_join(m, s, s->n_in, s->in, dg_attr_i(s, "axis", 1), s->out[0]);
}

bool dg_map_pad(dg_import *m, const dg_step *s)
{
    int64_t pads[2 * DG_MAX_RANK], axes[DG_MAX_RANK], by[2 * DG_MAX_RANK] = {0};
    const dg_onnx_value *v = s->in[0];
    const char *mode = dg_attr_s(s, "mode", "constant"), *how = "";
    int rank = v->at.rank, order[DG_MAX_RANK];
    int n = dg_step_ints(m, s, "pads", 1, 0, pads, 2 * DG_MAX_RANK);
    int n_axes = dg_step_ints(m, s, NULL, 3, 0, axes, DG_MAX_RANK);
    double value = dg_attr_f(s, "value", 0);
    if (v->integer)
        return dg_onnx_refuse(m, s, "of integers that the input decides");
    if (n < 0 || n != 2 * (n_axes < 0 ? rank : n_axes) ||
        (dg_step_has(s, 2) && !dg_onnx_scalar(s, 2, &value)))
        return dg_onnx_refuse(m, s, "by sizes that the input decides");
    int64_t dim[DG_BINDINGS][DG_MAX_RANK], in_order[2 * DG_MAX_RANK];
    for (int i = 0; i < n / 2; i++) {
        int k = n_axes < 0 ? i : dg_step_axis(axes[i], rank);
        if (k < 0 || pads[i] < 0 || pads[i + n / 2] < 0)
            return dg_onnx_refuse(m, s, k < 0 ? "of an axis that is not there" : "by less than 0");
        by[k] = pads[i];
        by[rank + k] = pads[i + n / 2];
    }
    const char *text = dg_onnx_axes(m, s, v, order);
    if (!text)
        return false;
    for (int i = 0; i < rank; i++) {
        int k = order[i];
        in_order[i] = by[k];
        in_order[rank + i] = by[rank + k];
        for (int b = 0; b < DG_BINDINGS; b++)
            dim[b][k] = dg_onnx_dim(v, b, k) + by[k] + by[rank + k];
        if (dg_onnx_has_batch(v, k) && by[k] + by[rank + k] != 0)
            return dg_onnx_refuse(m, s, "of the batch");
    }
    if (strcmp(mode, "constant") == 0)
        how = value != 0 ? dg_heap_printf(&m->heap, ", value=%s", dg_onnx_number(m, value)) : "";
    else if (dg_onnx_node_takes("pad", "mode"))
        how = dg_heap_printf(&m->heap, ", mode=%s",
                             strcmp(mode, "edge") == 0   ? "replicate"
                             : strcmp(mode, "wrap") == 0 ? "circular"
                                                         : "reflect");
    else
        return dg_onnx_refuse(m, s, "in mode %s", mode);
    const char *list = "";
    for (int i = 0; i < 2 * rank; i++)
        list = dg_heap_printf(&m->heap, "%s%s%lld", list, i ? ", " : "", (long long)in_order[i]);
    dg_want w;
    s->out[0]->at = dg_onnx_axes_layout(v, dim, order, &w);
    dg_onnx_say(m, s, s->out[0], &w, "pad(%s, [%s]%s)", text, list, how);
    return true;
}
