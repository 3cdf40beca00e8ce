/* Gemm and MatMul: a dense layer where one side is a constant, else a product of matrices. */
#include "onnx/map.h"

#include <string.h>

/* ---- A dense layer --------------------------------------------------------------------------- */

/* The axes before the last one as they are stored, then the last one's atoms in the order of
 * storage: the rows of the weight follow it. */
static dg_want dense_axes(const dg_layout *at, bool last[])
{
    dg_want w = {0};
    int axis = at->rank - 1;
    memset(last, 0, DG_ATOMS * sizeof *last);
    for (int i = at->start[axis]; i < at->start[axis + 1]; i++)
        last[at->order[i]] = true;
    for (int a = 0; a < at->n; a++)
        if (!last[a])
            dg_want_atom(&w, a);
    if (w.n == 0)
        dg_want_one(&w);
    int n = w.start[w.n];
    for (int a = 0; a < at->n; a++)
        if (last[a])
            w.atom[n++] = a;
    w.start[++w.n] = n;
    return w;
}

/* The shape that the value has, where its last axis is the one. */
static bool keep_shape(const dg_onnx_value *v, const bool last[], dg_want *w)
{
    int first[DG_MAX_RANK + 1];
    dg_want own = {0};
    if (v->rank < 2 || v->rank > v->at.rank || !dg_onnx_dims_of(v, &v->at, first))
        return false;
    for (int i = 0; i < v->rank; i++) {
        int n = own.start[own.n];
        for (int k = first[i]; k < first[i + 1]; k++) {
            if (last[k] != (i == v->rank - 1))
                return false;
            own.atom[n++] = k;
        }
        own.start[++own.n] = n;
    }
    *w = own;
    return true;
}

/* Row r of the layer's weight is row rows[r] of the file's. */
static const int64_t *row_order(dg_import *m, const dg_layout *at, const dg_want *w, int64_t n)
{
    int64_t stride[DG_ATOMS] = {0}, step = 1, here[DG_ATOMS] = {0}, place = 0;
    int axis = at->rank - 1, first = w->start[w->n - 1], count = w->start[w->n] - first;
    int64_t *rows = dg_heap_take(&m->heap, (size_t)n, sizeof *rows);
    for (int i = at->start[axis + 1]; i-- > at->start[axis];) {
        stride[at->order[i]] = step;
        step *= at->atom[at->order[i]].size[0];
    }
    for (int64_t r = 0; r < n; r++) {
        rows[r] = place;
        for (int k = count; k-- > 0;) {
            int a = w->atom[first + k];
            place += stride[a];
            if (++here[k] < at->atom[a].size[0])
                break;
            place -= stride[a] * at->atom[a].size[0];
            here[k] = 0;
        }
    }
    return rows;
}

static const int64_t *weight_index(dg_import *m, const int64_t *rows, int64_t in, int64_t units,
                                   bool turned)
{
    int64_t *index = dg_heap_take(&m->heap, (size_t)(in * units), sizeof *index);
    for (int64_t r = 0; r < in; r++)
        for (int64_t u = 0; u < units; u++)
            index[r * units + u] = turned ? u * in + rows[r] : rows[r] * units + u;
    return index;
}

static dg_onnx_kind kind_of(const dg_onnx_value *v)
{
    return v->fixed[0]->root >= 0 ? DG_ONNX_PARAMETER : DG_ONNX_CONSTANT;
}

static bool is_vector(const dg_onnx_value *v, int64_t n)
{
    const dg_onnx_array *a = v && v->fixed[0] ? v->fixed[0] : NULL;
    return a && a->count == n && a->rank > 0 && a->dim[a->rank - 1] == n && !a->integer &&
           v->fixed[1]->count == n;
}

dg_onnx_role dg_onnx_vector(const char *role, const char *suffix, const dg_onnx_value *v,
                            dg_onnx_kind kind)
{
    dg_onnx_role r = {.role = role, .suffix = suffix, .v = v, .kind = kind};
    if (kind == DG_ONNX_PARAMETER)
        r.kind = kind_of(v);
    r.shape = (dg_shape){1, {v->fixed[0]->count}};
    return r;
}

/* out = x W + b; W is [in, units], or turned [units, in]. b may be NULL. */
static bool dense(dg_import *m, const dg_step *s, const dg_onnx_value *x, const dg_onnx_value *w,
                  bool turned, const dg_onnx_value *b, dg_onnx_value *out)
{
    const dg_onnx_array *a = w->fixed[0];
    int64_t in = a->dim[turned], units = a->dim[!turned];
    bool last[DG_ATOMS];
    if (dg_onnx_size(x, x->at.rank - 1) != in)
        return dg_onnx_refuse(m, s, "of '%s', whose last axis is not the %lld of its weight",
                              x->name, (long long)in);
    dg_want axes = dense_axes(&x->at, last);
    keep_shape(x, last, &axes);
    const char *text = dg_onnx_give(m, s, x, &axes);
    if (!text)
        return false;
    dg_onnx_role role[2] = {{.role = "weight", .v = w, .kind = kind_of(w)}};
    role[0].shape = (dg_shape){2, {in, units}};
    if (!a->uniform)
        role[0].index = weight_index(m, row_order(m, &x->at, &axes, in), in, units, turned);
    if (b)
        role[1] = dg_onnx_vector("bias", NULL, b, DG_ONNX_PARAMETER);
    dg_layout at = dg_layout_moved(&x->at, &axes);
    int n = axes.start[axes.n - 1], axis = at.rank - 1;
    at.n = n;
    at.atom[n] = (dg_atom){{units, units}, false};
    at.order[at.start[axis]] = n;
    at.start[axis + 1] = at.start[axis] + (units != 1);
    at.n += units != 1;
    dg_want to = {0};
    for (int i = 0, k = 0; i < axes.n - 1; i++) { /* atoms are in order now */
        for (int j = axes.start[i]; j < axes.start[i + 1]; j++)
            to.atom[k] = k, k++;
        to.start[++to.n] = k;
    }
    if (units != 1)
        dg_want_atom(&to, n);
    else
        dg_want_one(&to);
    out->at = at;
    const char *roles = dg_onnx_roles(m, b ? 2 : 1, role);
    dg_onnx_say(m, s, out, &to, "linear(%s, %lld%s%s)", text, (long long)units,
                b ? "" : ", bias=false", roles);
    return true;
}

/* ---- Products of matrices -------------------------------------------------------------------- */

/* An axis in front of the matrices: its atom in each operand, -1: that is stretched. */
typedef struct {
    int of[2];
    dg_atom atom;
} lead;

typedef struct {
    lead list[DG_ATOMS];
    int n, start[DG_MAX_RANK + 1]; /* of the result's axes, before the batch is put first */
} leads;

static bool find_leads(dg_import *m, const dg_step *s, dg_layout at[2], int rank, leads *out)
{
    out->n = 0;
    for (int k = 0; k < rank - 2; k++) {
        int axis[2] = {k - rank + at[0].rank, k - rank + at[1].rank};
        out->start[k] = out->n;
        if (axis[0] >= 0 && axis[1] >= 0 && !dg_layout_agree(&at[0], axis[0], &at[1], axis[1]))
            return dg_onnx_refuse(m, s, "of operands whose axes are cut differently");
        int count[2];
        for (int i = 0; i < 2; i++)
            count[i] = axis[i] >= 0 ? dg_layout_count(&at[i], axis[i]) : 0;
        int n = count[0] > count[1] ? count[0] : count[1];
        for (int j = 0; j < n; j++) {
            lead *l = &out->list[out->n++];
            for (int i = 2; i-- > 0;) {
                l->of[i] = count[i] ? at[i].order[at[i].start[axis[i]] + j] : -1;
                if (count[i])
                    l->atom = at[i].atom[l->of[i]];
            }
        }
        out->start[k + 1] = out->n;
    }
    return true;
}

/* The batch goes in front; order[i]: where the i-th was. */
static void batch_first(const leads *l, int order[])
{
    int n = 0;
    for (int pass = 1; pass >= 0; pass--)
        for (int i = 0; i < l->n; i++)
            if (l->list[i].atom.batch == (pass == 1))
                order[n++] = i;
}

static const char *matrix(dg_import *m, const dg_step *s, const dg_onnx_value *v,
                          const dg_layout *at, const leads *l, const int order[], int which)
{
    dg_want w = {0};
    dg_onnx_value cut = *v;
    bool begun = false;
    cut.at = *at;
    for (int i = 0; i < l->n; i++) {
        int atom = l->list[order[i]].of[which];
        begun |= atom >= 0;
        if (atom >= 0)
            dg_want_atom(&w, atom);
        else if (begun)
            dg_want_one(&w);
    }
    dg_want_axis(&w, at, at->rank - 2);
    dg_want_axis(&w, at, at->rank - 1);
    return dg_onnx_give(m, s, &cut, &w);
}

static bool product(dg_import *m, const dg_step *s, const dg_onnx_value *v[2], dg_onnx_value *out)
{
    leads l;
    int order[DG_ATOMS], place[DG_ATOMS];
    dg_layout at[2] = {v[0]->at, v[1]->at}, *to = &out->at;
    int rank = at[0].rank > at[1].rank ? at[0].rank : at[1].rank;
    for (int b = 0; b < DG_BINDINGS; b++)
        if (dg_onnx_dim(v[0], b, at[0].rank - 1) != dg_onnx_dim(v[1], b, at[1].rank - 2))
            return dg_onnx_refuse(m, s, "of '%s' and '%s', which do not fit", v[0]->name,
                                  v[1]->name);
    if (!find_leads(m, s, at, rank, &l))
        return false;
    if (l.n + 2 > DG_MAX_RANK)
        return dg_onnx_refuse(m, s, "of operands with more than 8 axes");
    batch_first(&l, order);
    const char *text[2];
    for (int i = 0; i < 2; i++)
        if (!(text[i] = matrix(m, s, v[i], &at[i], &l, order, i)))
            return false;
    *to = (dg_layout){.rank = rank};
    dg_want w = {0};
    for (int i = 0; i < l.n; i++) {
        place[order[i]] = to->n;
        to->atom[to->n] = l.list[order[i]].atom;
        dg_want_atom(&w, to->n++);
    }
    for (int k = 0; k < rank - 2; k++) {
        to->start[k + 1] = l.start[k + 1];
        for (int i = l.start[k]; i < l.start[k + 1]; i++)
            to->order[i] = place[i];
    }
    for (int i = 0; i < 2; i++) {
        int axis = at[i].rank - 2 + i, n = to->start[rank - 2 + i];
        dg_atom one = {{dg_onnx_dim(v[i], 0, axis), dg_onnx_dim(v[i], 1, axis)}, false};
        bool is_one = one.size[0] == 1 && one.size[1] == 1;
        if (!is_one) {
            to->atom[to->n] = one;
            to->order[n++] = to->n;
            dg_want_atom(&w, to->n++);
        } else {
            dg_want_one(&w);
        }
        to->start[rank - 1 + i] = n;
    }
    if (dg_onnx_has_batch(v[0], at[0].rank - 2) || dg_onnx_has_batch(v[1], at[1].rank - 1))
        return dg_onnx_refuse(m, s, "of matrices that have the batch as an axis");
    dg_onnx_say(m, s, out, &w, "matmul(%s, %s)", text[0], text[1]);
    return true;
}

/* ---- Operators ------------------------------------------------------------------------------- */

/* A vector as a matrix of one row or one column. */
static const dg_onnx_value *as_matrix(dg_import *m, const dg_onnx_value *v, bool row)
{
    if (dg_onnx_rank(v) != 1)
        return v;
    dg_onnx_value *w = dg_heap_take(&m->heap, 1, sizeof *w);
    *w = *v;
    if (v->fixed[0]) {
        int64_t n = v->fixed[0]->count, dim[2] = {row ? 1 : n, row ? n : 1};
        w->fixed[0] = w->fixed[1] = dg_onnx_reshaped(m, v->fixed[0], 2, dim);
        return w;
    }
    w->at.rank = 2;
    w->at.start[2] = w->at.start[1];
    if (row)
        w->at.start[1] = 0;
    return w;
}

static void drop_axis(dg_layout *at, int axis)
{
    for (int k = axis; k < at->rank; k++)
        at->start[k] = at->start[k + 1];
    at->rank--;
}

/* The vector that the one reader of the product adds to it, a number a column, and the name of
 * their sum; NULL: none. */
static const dg_onnx_value *bias_after(const dg_import *m, const dg_step *s, int64_t columns,
                                       const char **sum)
{
    const dg_onnx_graph *g = m->proto->graph;
    const char *product = s->out[0]->name;
    const int *uses = dg_dict_find(&m->uses, product);
    for (int i = 0; uses && *uses == 1 && i < g->n_nodes; i++) {
        const dg_onnx_node *n = &g->nodes[i];
        for (int k = 0; n->n_in == 2 && strcmp(n->op, "Add") == 0 && k < 2; k++) {
            const dg_onnx_value *c =
                strcmp(n->in[k], product) == 0 ? dg_dict_find(&m->top->values, n->in[1 - k]) : NULL;
            if (c && dg_onnx_trains(m, c) && is_vector(c, columns)) {
                *sum = n->out[0];
                return c;
            }
        }
    }
    return NULL;
}

static bool is_output(const dg_import *m, const dg_onnx_value *v)
{
    for (int i = 0; i < m->proto->graph->n_outputs; i++)
        if (strcmp(m->proto->graph->outputs[i].name, v->name) == 0)
            return true;
    return false;
}

bool dg_map_matmul(dg_import *m, const dg_step *s)
{
    int rank[2] = {dg_onnx_rank(s->in[0]), dg_onnx_rank(s->in[1])};
    const dg_onnx_value *v[2] = {as_matrix(m, s->in[0], true), as_matrix(m, s->in[1], false)};
    dg_onnx_value *out = s->out[0];
    if (rank[0] == 0 || rank[1] == 0)
        return dg_onnx_refuse(m, s, "of a number");
    if (dg_onnx_heads(m, s))
        return true;
    bool layer = !v[0]->fixed[0] && v[1]->fixed[0] && dg_onnx_rank(v[1]) == 2;
    if (layer && rank[1] == 2 && !is_output(m, out))
        out->added = bias_after(m, s, v[1]->fixed[0]->dim[1], &out->sum);
    if (layer && !dense(m, s, v[0], v[1], false, out->added, out))
        return false;
    if (!layer) {
        for (int i = 0; i < 2; i++)
            v[i] = dg_onnx_held(m, v[i], "operand of MatMul");
        if (!product(m, s, v, out))
            return false;
    }
    if (rank[1] == 1)
        drop_axis(&out->at, out->at.rank - 1);
    if (rank[0] == 1)
        drop_axis(&out->at, out->at.rank - 1 - (rank[1] != 1));
    return true;
}

/* A matrix turned over, as a list of axes. */
static const dg_onnx_value *turned(dg_import *m, const dg_onnx_value *v, bool turn)
{
    if (!turn || v->at.rank != 2)
        return v;
    dg_onnx_value *w = dg_heap_take(&m->heap, 1, sizeof *w);
    *w = *v;
    int rows = dg_layout_count(&v->at, 0), columns = dg_layout_count(&v->at, 1);
    w->at.start[1] = columns;
    memcpy(w->at.order, v->at.order + rows, (size_t)columns * sizeof *w->at.order);
    memcpy(w->at.order + columns, v->at.order, (size_t)rows * sizeof *w->at.order);
    return w;
}

/* alpha A B + beta C */
bool dg_map_gemm(dg_import *m, const dg_step *s)
{
    double alpha = dg_attr_f(s, "alpha", 1), beta = dg_attr_f(s, "beta", 1);
    bool turn_a = dg_attr_i(s, "transA", 0) != 0, turn_b = dg_attr_i(s, "transB", 0) != 0;
    const dg_onnx_value *a = s->in[0], *b = s->in[1], *c = dg_step_has(s, 2) ? s->in[2] : NULL;
    if (dg_onnx_rank(a) != 2 || dg_onnx_rank(b) != 2)
        return dg_onnx_refuse(m, s, "of values that are no matrices");
    bool layer = !a->fixed[0] && b->fixed[0];
    bool whole = layer && alpha == 1 && beta == 1 && is_vector(c, b->fixed[0]->dim[!turn_b]);
    dg_onnx_value *out = s->out[0], *made = out;
    if (!whole && (c || alpha != 1)) {
        made = dg_heap_take(&m->heap, 1, sizeof *made);
        made->name = out->name;
    }
    if (layer && !dense(m, s, turned(m, a, turn_a), b, turn_b, whole ? c : NULL, made))
        return false;
    if (!layer) {
        const dg_onnx_value *v[2] = {turned(m, dg_onnx_held(m, a, "A of Gemm"), turn_a),
                                     turned(m, dg_onnx_held(m, b, "B of Gemm"), turn_b)};
        if (!product(m, s, v, made))
            return false;
    }
    if (made == out)
        return true;
    const char *text[2], *sum = "";
    if (c && !dg_onnx_pair(m, s, made, c, true, out, text))
        return false;
    if (!c)
        dg_onnx_same(out, made), text[0] = made->dag;
    if (c)
        sum = beta == 1 ? dg_heap_printf(&m->heap, " + %s", text[1])
                        : dg_heap_printf(&m->heap, " + %s * %s", dg_onnx_number(m, beta), text[1]);
    out->dag = dg_onnx_name(m, out->name);
    dg_onnx_statement(
        m, s, out->dag,
        alpha == 1 ? dg_heap_printf(&m->heap, "%s%s", text[0], sum)
                   : dg_heap_printf(&m->heap, "%s * %s%s", dg_onnx_number(m, alpha), text[0], sum));
    return true;
}
