/* Gather: rows of a table, elements of an axis by constant indices. */
#include "onnx/map.h"

#include "graph/graph.h"

enum { MOST_RUNS = 64 };

static bool embedding(dg_import *m, const dg_step *s)
{
    const dg_onnx_value *table = s->in[0], *ids = s->in[1];
    const dg_onnx_array *a = table->fixed[0];
    if (a->rank != 2 || dg_attr_i(s, "axis", 0) != 0 || !dg_type_find(NULL, "embedding"))
        return dg_onnx_refuse(m, s, "of a constant by indices that the input decides");
    dg_onnx_role role = {.role = "weight", .v = table, .kind = DG_ONNX_PARAMETER};
    role.shape = (dg_shape){2, {a->dim[0], a->dim[1]}};
    dg_want w = {0};
    dg_layout at = ids->at;
    int first[DG_MAX_RANK + 1];
    if (at.n == DG_ATOMS || ids->rank == DG_MAX_RANK || !dg_onnx_dims_of(ids, &at, first))
        return dg_onnx_refuse(m, s, "by indices whose axes are cut");
    for (int i = 0; i < ids->rank; i++) {
        int n = w.start[w.n];
        for (int k = first[i]; k < first[i + 1]; k++)
            w.atom[n++] = k;
        w.start[++w.n] = n;
    }
    at.atom[at.n] = (dg_atom){{a->dim[1], a->dim[1]}, false};
    at.order[at.start[at.rank]] = at.n;
    at.start[at.rank + 1] = at.start[at.rank] + 1;
    at.rank++;
    dg_want_atom(&w, at.n++);
    s->out[0]->at = at;
    dg_onnx_say(m, s, s->out[0], &w, "embedding(%s, vocabulary=%lld, units=%lld%s)", ids->dag,
                (long long)a->dim[0], (long long)a->dim[1], dg_onnx_roles(m, 1, &role));
    return true;
}

/* Indices first to last - 1 of the list, which follow one another: a slice. */
static bool run_of(dg_import *m, const dg_step *s, const dg_onnx_value *v, int axis, int64_t first,
                   int64_t last, dg_onnx_value *out)
{
    dg_slice at[DG_BINDINGS];
    bool whole = true;
    for (int b = 0; b < DG_BINDINGS; b++) {
        int64_t size = dg_onnx_dim(v, b, axis), start = dg_onnx_whole(s->in[1]->fixed[0], first);
        at[b] = (dg_slice){start + (start < 0 ? size : 0), 1, last - first};
        if (at[b].start < 0 || at[b].start + at[b].count > size)
            return dg_onnx_refuse(m, s, "by an index that is out of range");
        whole &= at[b].count == size;
    }
    if (whole)
        dg_onnx_same(out, v);
    return whole || dg_onnx_slice(m, s, v, axis, at, out);
}

/* Runs of indices are slices, which are joined. */
static bool by_list(dg_import *m, const dg_step *s, const dg_onnx_value *v, int axis,
                    dg_onnx_value *out)
{
    const dg_onnx_array *a = s->in[1]->fixed[0];
    dg_onnx_value part[MOST_RUNS], *all[MOST_RUNS];
    int n = 0;
    for (int64_t i = 0, end; i < a->count; i = end) {
        end = i + 1;
        while (end < a->count && dg_onnx_whole(a, end) == dg_onnx_whole(a, end - 1) + 1)
            end++;
        if (n == MOST_RUNS)
            return dg_onnx_refuse(m, s, "by more than %d runs of indices", MOST_RUNS);
        part[n] = (dg_onnx_value){.name = out->name, .integer = v->integer};
        if (!run_of(m, s, v, axis, i, end, &part[n]))
            return false;
        all[n] = &part[n];
        n++;
    }
    if (n > 1)
        return dg_onnx_join(m, s, n, all, axis, out);
    dg_onnx_same(out, all[0]);
    return true;
}

bool dg_map_gather(dg_import *m, const dg_step *s)
{
    const dg_onnx_value *v = s->in[0], *ids = s->in[1];
    if (v->fixed[0] && !ids->fixed[0])
        return embedding(m, s);
    if (v->fixed[0])
        v = dg_onnx_held(m, v, "data of Gather");
    int axis = dg_step_axis(dg_attr_i(s, "axis", 0), v->at.rank);
    const dg_onnx_array *a = ids->fixed[0];
    if (axis < 0 || !a || a->rank > 1 || a->count < 1)
        return dg_onnx_refuse(m, s, "by indices that are no constant list");
    if (!by_list(m, s, v, axis, s->out[0]))
        return false;
    if (a->rank == 0) { /* the axis, now of size 1, goes */
        dg_layout *to = &s->out[0]->at;
        for (int k = axis; k < to->rank; k++)
            to->start[k] = to->start[k + 1];
        to->rank--;
    }
    return true;
}
