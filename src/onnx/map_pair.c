/* Operators of two operands, element by element, stretched as in ONNX. */
#include "onnx/map.h"
#include "onnx/shapes.h"

#include <math.h>
#include <string.h>

/* ---- Layouts brought together ---------------------------------------------------------------- */

/* Two layouts over the same axes: which atom of each an atom of the common one is; -1: it is
 * stretched there. */
typedef struct {
    dg_layout out;
    int of[2][DG_ATOMS];
} common;

/* Axes of size 1 in front. */
static void widen(dg_layout *at, int rank)
{
    int more = rank - at->rank;
    for (int k = rank; k >= 0 && more > 0; k--)
        at->start[k] = k >= more ? at->start[k - more] : 0;
    at->rank = rank;
}

static bool same_atoms(const dg_layout *a, int ka, const dg_layout *b, int kb)
{
    int n = dg_layout_count(a, ka);
    if (n != dg_layout_count(b, kb))
        return false;
    for (int i = 0; i < n; i++) {
        const dg_atom *x = &a->atom[a->order[a->start[ka] + i]];
        const dg_atom *y = &b->atom[b->order[b->start[kb] + i]];
        if (x->size[0] != y->size[0] || x->size[1] != y->size[1] || x->batch != y->batch)
            return false;
    }
    return true;
}

/* Atoms of `at` were cut to those of `to`, in place: carries it over to all axes of `at`. */
static void carry(dg_layout *at, const dg_layout *to)
{
    dg_layout whole = *at;
    int begin[DG_ATOMS + 1], count = 0, now = 0;
    for (int old = 0; old < at->n; old++) {
        int64_t left = at->atom[old].size[0];
        begin[old] = now;
        do
            left /= to->atom[now++].size[0];
        while (left > 1);
    }
    begin[at->n] = to->n;
    memcpy(whole.atom, to->atom, sizeof to->atom);
    whole.n = to->n;
    for (int k = 0; k < at->rank; k++) {
        whole.start[k] = count;
        for (int i = at->start[k]; i < at->start[k + 1]; i++)
            for (int j = begin[at->order[i]]; j < begin[at->order[i] + 1]; j++)
                whole.order[count++] = j;
    }
    whole.start[at->rank] = count;
    *at = whole;
}

/* Cuts the atoms of an axis of `at` as those of `like` are cut; false: it cannot be done. */
static bool cut_like(dg_layout *at, int axis, const dg_layout *like, int like_axis)
{
    int first = at->start[axis], parts = dg_layout_count(like, like_axis);
    int64_t want[DG_BINDINGS][DG_MAX_RANK];
    dg_layout one = *at; /* this axis alone, cut by a reshape */
    if (parts > DG_MAX_RANK)
        return false;
    one.rank = 1;
    one.start[0] = 0;
    one.start[1] = dg_layout_count(at, axis);
    memmove(one.order, at->order + first, (size_t)one.start[1] * sizeof *one.order);
    for (int i = 0; i < parts; i++)
        for (int b = 0; b < DG_BINDINGS; b++)
            want[b][i] = like->atom[like->order[like->start[like_axis] + i]].size[b];
    if (!dg_layout_reshape(&one, parts, want, NULL))
        return false;
    carry(at, &one);
    return same_atoms(at, axis, like, like_axis);
}

bool dg_layout_agree(dg_layout *a, int ka, dg_layout *b, int kb)
{
    dg_layout x = *a, y = *b;
    if (!dg_layout_count(a, ka) || !dg_layout_count(b, kb) || same_atoms(a, ka, b, kb))
        return true;
    if (cut_like(&x, ka, b, kb))
        *a = x;
    else if (cut_like(&y, kb, a, ka))
        *b = y;
    else
        return false;
    return true;
}

/* The layout of both: that of `base`, atoms that only the other has put after those of the axis
 * before. */
static bool unite(const dg_layout *base, const dg_layout *other, common *c, int b)
{
    c->out = *base;
    dg_layout *out = &c->out;
    for (int i = 0; i < base->n; i++) {
        c->of[b][i] = i;
        c->of[1 - b][i] = -1;
    }
    int last = base->n && base->atom[0].batch ? 0 : -1;
    for (int k = 0; k < base->rank; k++) {
        int n = dg_layout_count(out, k), more = dg_layout_count(other, k);
        for (int i = 0; i < n; i++) {
            int atom = out->order[out->start[k] + i];
            if (more)
                c->of[1 - b][atom] = other->order[other->start[k] + i];
            last = i == n - 1 ? atom : last;
        }
        for (int i = 0; n == 0 && i < more; i++) {
            int from = other->order[other->start[k] + i],
                at = other->atom[from].batch ? 0 : last + 1;
            if (out->n == DG_ATOMS)
                return false;
            for (int j = 0; j < out->start[out->rank]; j++)
                out->order[j] += out->order[j] >= at;
            memmove(&out->atom[at + 1], &out->atom[at], (size_t)(out->n - at) * sizeof *out->atom);
            for (int j = 0; j < 2; j++)
                memmove(&c->of[j][at + 1], &c->of[j][at], (size_t)(out->n - at) * sizeof(int));
            out->atom[at] = other->atom[from];
            c->of[b][at] = -1;
            c->of[1 - b][at] = from;
            int place = out->start[k] + i;
            memmove(&out->order[place + 1], &out->order[place],
                    (size_t)(out->start[out->rank] - place) * sizeof *out->order);
            out->order[place] = at;
            for (int j = k + 1; j <= out->rank; j++)
                out->start[j]++;
            out->n++;
            last = at;
        }
    }
    return true;
}

/* ---- Operands -------------------------------------------------------------------------------- */

/* Whether the value's own shape can stay: of each of its axes the other operand has all atoms or
 * none, and no atom is new. */
static bool shape_stays(const dg_onnx_value *v, const dg_layout *at, const common *c, int which,
                        int first[])
{
    if (c->out.n != at->n || !dg_onnx_dims_of(v, at, first))
        return false;
    for (int i = 0; i < v->rank; i++)
        for (int k = first[i]; k < first[i + 1]; k++)
            if (c->of[which][k] != k ||
                (c->of[1 - which][k] < 0) != (c->of[1 - which][first[i]] < 0))
                return false;
    return true;
}

/* The axes of the result: atoms joined as in v, or each its own. */
static dg_want result_axes(const common *c, const dg_onnx_value *v, const int first[])
{
    dg_want w = {0};
    if (!first)
        return dg_want_stored(&c->out);
    for (int i = 0; i < v->rank; i++) {
        int n = w.start[w.n];
        for (int k = first[i]; k < first[i + 1]; k++)
            w.atom[n++] = k;
        w.start[++w.n] = n;
    }
    return w;
}

/* An operand with the axes of the result. */
static const char *operand(dg_import *m, const dg_step *s, const dg_onnx_value *v,
                           const dg_layout *at, const common *c, int which, const dg_want *axes)
{
    dg_want w = {0};
    dg_onnx_value cut = *v;
    int lead = 0;
    cut.at = *at;
    for (int i = 0; i < axes->n; i++) {
        int n = w.start[w.n], atoms = n;
        for (int k = axes->start[i]; k < axes->start[i + 1]; k++)
            if (c->of[which][axes->atom[k]] >= 0)
                w.atom[atoms++] = c->of[which][axes->atom[k]];
        if (atoms == n && w.n == 0) { /* axes of size 1 in front need not be there */
            lead++;
            continue;
        }
        w.start[++w.n] = atoms;
    }
    bool plain = v->rank - w.n <= lead && v->rank >= w.n;
    for (int i = 0; plain && i < v->rank - w.n; i++)
        plain = v->dim[i] == 1;
    if (plain && v->rank > w.n) { /* its own axes of size 1 may stay */
        dg_want own = {0};
        for (int i = 0; i < v->rank - w.n; i++)
            dg_want_one(&own);
        for (int i = 0; i < w.n; i++) {
            int n = own.start[own.n];
            for (int k = w.start[i]; k < w.start[i + 1]; k++)
                own.atom[n++] = w.atom[k];
            own.start[++own.n] = n;
        }
        w = own;
    }
    return dg_onnx_give(m, s, &cut, &w);
}

/* A constant as an operand: its layout follows that of the other. */
static dg_layout constant_layout(const dg_onnx_value *v, const dg_layout *other)
{
    int64_t dim[DG_BINDINGS][DG_MAX_RANK];
    const dg_onnx_array *a = v->fixed[0];
    for (int b = 0; b < DG_BINDINGS; b++)
        memcpy(dim[b], v->fixed[b]->dim, sizeof dim[b]);
    dg_layout at = dg_layout_plain(a->rank, dim, false);
    widen(&at, other->rank > a->rank ? other->rank : a->rank);
    return at;
}

/* The elements of a constant in the order of storage of the common layout. */
static const int64_t *constant_index(dg_import *m, const dg_onnx_array *a, const dg_layout *at,
                                     const common *c, int which)
{
    int64_t stride[DG_ATOMS] = {0}, size[DG_ATOMS], step = 1, here[DG_ATOMS] = {0}, place = 0;
    int n = 0, list[DG_ATOMS];
    if (a->uniform)
        return NULL;
    int64_t *index = dg_heap_take(&m->heap, (size_t)a->count, sizeof *index);
    for (int i = at->start[at->rank]; i-- > 0;) { /* the last axis of the file steps by 1 */
        stride[at->order[i]] = step;
        step *= at->atom[at->order[i]].size[0];
    }
    for (int k = 0; k < c->out.n; k++)
        if (c->of[which][k] >= 0) {
            size[n] = at->atom[c->of[which][k]].size[0];
            list[n++] = c->of[which][k];
        }
    for (int64_t i = 0; i < a->count; i++) {
        index[i] = place;
        for (int k = n; k-- > 0;) {
            place += stride[list[k]];
            if (++here[k] < size[k])
                break;
            place -= stride[list[k]] * size[k];
            here[k] = 0;
        }
    }
    return index;
}

static const char *constant(dg_import *m, const dg_step *s, const dg_onnx_value *v,
                            const dg_layout *at, const common *c, int which, const dg_want *axes,
                            bool trains)
{
    dg_shape shape = {0};
    for (int i = 0; i < axes->n; i++) {
        int64_t size = 1;
        for (int k = axes->start[i]; k < axes->start[i + 1]; k++)
            if (c->of[which][axes->atom[k]] >= 0)
                size *= at->atom[c->of[which][axes->atom[k]]].size[0];
        if (size != 1 || shape.rank > 0)
            shape.dim[shape.rank++] = size;
    }
    const char *op = s->node->op;
    bool scales = strcmp(op, "Mul") == 0 || strcmp(op, "PRelu") == 0;
    return dg_onnx_declare(m, v,
                           trains && dg_onnx_trains(m, v) ? DG_ONNX_PARAMETER : DG_ONNX_CONSTANT,
                           dg_heap_printf(&m->heap, "%s of %s", scales ? "scale" : "bias", op),
                           &shape, constant_index(m, v->fixed[0], at, c, which));
}

/* ---- Pairs ----------------------------------------------------------------------------------- */

/* A constant that has the batch has equal rows, or is refused: then one row stands for all. */
static const dg_onnx_value *without_batch(dg_import *m, const dg_onnx_value *v)
{
    int axis = -1;
    for (int k = 0; v->fixed[0] && k < v->fixed[0]->rank; k++)
        if (v->fixed[0]->dim[k] != v->fixed[1]->dim[k])
            axis = k;
    if (axis < 0)
        return v;
    const dg_onnx_array *a = v->fixed[0];
    int64_t inner = 1, dim[DG_MAX_RANK];
    for (int k = axis + 1; k < a->rank; k++)
        inner *= a->dim[k];
    memcpy(dim, a->dim, sizeof dim);
    int64_t size = dim[axis], n = size ? a->count / size : 0;
    int64_t *index = dg_heap_take(&m->heap, (size_t)n, sizeof *index);
    for (int64_t i = 0; i < n; i++)
        index[i] = i / inner * inner * size + i % inner;
    for (int64_t i = 0; i < a->count; i++)
        if (dg_onnx_real(a, i) != dg_onnx_real(a, i / (inner * size) * inner * size + i % inner))
            return NULL;
    dim[axis] = 1;
    dg_onnx_value *row = dg_heap_take(&m->heap, 1, sizeof *row);
    *row = *v;
    row->fixed[0] = row->fixed[1] = a->uniform ? dg_onnx_reshaped(m, a, a->rank, dim)
                                               : dg_onnx_moved(m, a, a->rank, dim, index);
    if (a->uniform)
        ((dg_onnx_array *)(uintptr_t)row->fixed[0])->count = n;
    return row;
}

static bool is_number(const dg_onnx_value *v)
{
    const dg_onnx_array *a = v->fixed[0];
    return a && (a->count == 1 || (a->root < 0 && a->count > 0 && dg_onnx_is_uniform(a))) &&
           isfinite(dg_onnx_real(a, 0));
}

/* A number and a value: the layout is the value's, with the axes that the number has more. */
static bool with_number(dg_import *m, const dg_onnx_value *number, const dg_onnx_value *v,
                        dg_onnx_value *out, const char **text)
{
    const dg_onnx_array *a = number->fixed[0];
    for (int k = 0; k < a->rank; k++) {
        int axis = k - a->rank + v->at.rank;
        if (a->dim[k] != 1 && (axis < 0 || dg_onnx_dim(v, 0, axis) != a->dim[k]))
            return false; /* it stretches the value */
    }
    double x = dg_onnx_real(a, 0);
    *text = x < 0 || signbit(x) ? dg_heap_printf(&m->heap, "(%s)", dg_onnx_number(m, x))
                                : dg_onnx_number(m, x);
    out->at = v->at;
    out->rank = v->rank;
    memcpy(out->dim, v->dim, sizeof out->dim);
    if (a->rank > out->at.rank)
        widen(&out->at, a->rank);
    return true;
}

static bool stretched(dg_import *m, const dg_step *s, const dg_onnx_value *v[2], bool trains,
                      dg_onnx_value *out, const char *text[2])
{
    common c;
    dg_layout at[2];
    int first[DG_MAX_RANK + 1], rank = 0;
    for (int i = 0; i < 2; i++)
        rank = dg_onnx_rank(v[i]) > rank ? dg_onnx_rank(v[i]) : rank;
    for (int i = 0; i < 2; i++) {
        at[i] = v[i]->fixed[0] ? constant_layout(v[i], &v[1 - i]->at) : v[i]->at;
        widen(&at[i], rank);
    }
    for (int k = 0; k < rank; k++)
        if (!dg_layout_agree(&at[0], k, &at[1], k))
            return dg_onnx_refuse(m, s, "of operands whose axes are cut differently");
    int base = v[0]->fixed[0] || (!v[1]->fixed[0] && at[1].n > at[0].n);
    if (!unite(&at[base], &at[1 - base], &c, base))
        return dg_onnx_refuse(m, s, "of operands with too many axes");
    bool stays = shape_stays(v[base], &at[base], &c, base, first);
    if (!stays && c.out.n > DG_MAX_RANK)
        return dg_onnx_refuse(m, s, "of operands with more than 8 axes");
    dg_want axes = result_axes(&c, v[base], stays ? first : NULL);
    for (int i = 0; i < 2; i++) {
        text[i] = v[i]->fixed[0] ? constant(m, s, v[i], &at[i], &c, i, &axes, trains)
                                 : operand(m, s, v[i], &at[i], &c, i, &axes);
        if (!text[i])
            return false;
    }
    out->at = c.out;
    dg_onnx_hold(m, out, NULL, &axes);
    return true;
}

/* b with `more` axes of size 1 at its end. */
static const dg_onnx_value *lengthened(dg_import *m, const dg_onnx_value *b, int more)
{
    dg_onnx_value *v = dg_heap_take(&m->heap, 1, sizeof *v);
    *v = *b;
    for (int i = 0; i < DG_BINDINGS && b->fixed[i]; i++) {
        int64_t dim[DG_MAX_RANK];
        const dg_onnx_array *a = b->fixed[i];
        for (int k = 0; k < a->rank + more; k++)
            dim[k] = k < a->rank ? a->dim[k] : 1;
        v->fixed[i] = dg_onnx_reshaped(m, a, a->rank + more, dim);
    }
    for (int k = 0; k < more && !b->fixed[0]; k++, v->at.rank++)
        v->at.start[v->at.rank + 1] = v->at.start[v->at.rank];
    return v;
}

/* Before opset 7 the axes of b were those of a from `axis` on; PRelu had a number a channel. */
static const dg_onnx_value *placed(dg_import *m, const dg_step *s, const dg_onnx_value *a,
                                   const dg_onnx_value *b)
{
    const bool prelu = strcmp(s->node->op, "PRelu") == 0;
    const dg_onnx_attr *axis = dg_onnx_attr_find(s->node, "axis");
    if (s->version >= 7 || !(prelu || (axis && dg_attr_i(s, "broadcast", 0))))
        return b;
    int first = prelu ? 1 : dg_step_axis(axis->i, dg_onnx_rank(a)), own = dg_onnx_rank(b);
    int more = dg_onnx_rank(a) - first - own;
    return first >= 0 && own > 0 && more > 0 ? lengthened(m, b, more) : b;
}

bool dg_onnx_pair(dg_import *m, const dg_step *s, const dg_onnx_value *a, const dg_onnx_value *b,
                  bool trains, dg_onnx_value *out, const char *text[2])
{
    const dg_onnx_value *v[2] = {a, placed(m, s, a, b)};
    for (int i = 0; i < 2; i++) {
        v[i] = without_batch(m, v[i]);
        if (!v[i])
            return dg_onnx_refuse(m, s, "with a constant whose rows differ along the batch");
        if (v[i]->integer && !v[i]->fixed[0])
            return dg_onnx_refuse(m, s, "of integers that the input decides");
    }
    if (v[0]->fixed[0] && v[1]->fixed[0])
        v[0] = dg_onnx_held(m, v[0], "operand");
    for (int i = 0; i < 2; i++)
        if (is_number(v[i]) && with_number(m, v[i], v[1 - i], out, &text[i])) {
            text[1 - i] = v[1 - i]->dag;
            return true;
        }
    return stretched(m, s, v, trains, out, text);
}

/* ---- Operators ------------------------------------------------------------------------------- */

typedef struct {
    const char *op, *sign, *node; /* a sign of the language, or a node */
    bool trains;                  /* a constant operand may be a parameter */
} pair;

static const pair pairs[] = {
    {"Add", "+", NULL, true},  {"Sub", "-", NULL, true},        {"Mul", "*", NULL, true},
    {"Div", "/", NULL, false}, {"Max", NULL, "maximum", false}, {"Min", NULL, "minimum", false},
    {"Sum", "+", NULL, true},  {"Mean", "+", NULL, true},       {"Pow", NULL, "pow", false}};

static bool map_two(dg_import *m, const dg_step *s, const dg_onnx_value *a, const dg_onnx_value *b,
                    dg_onnx_value *out)
{
    const char *text[2];
    const pair *p = pairs;
    while (strcmp(p->op, s->node->op) != 0)
        p++;
    if (!dg_onnx_pair(m, s, a, b, p->trains, out, text))
        return false;
    out->dag = dg_onnx_name(m, out->name);
    dg_onnx_statement(m, s, out->dag,
                      p->sign ? dg_heap_printf(&m->heap, "%s %s %s", text[0], p->sign, text[1])
                              : dg_heap_printf(&m->heap, "%s(%s, %s)", p->node, text[0], text[1]));
    return true;
}

/* The bias of a dense layer that its product has added already. */
static bool is_added(const dg_step *s)
{
    for (int k = 0; k < 2; k++)
        if (s->in[k]->added && s->in[k]->added == s->in[1 - k]) {
            dg_onnx_same(s->out[0], s->in[k]);
            s->out[0]->added = NULL;
            s->out[0]->sum = NULL;
            return true;
        }
    return false;
}

bool dg_map_pair(dg_import *m, const dg_step *s)
{
    if (is_added(s) || dg_onnx_position(m, s))
        return true;
    return map_two(m, s, s->in[0], s->in[1], s->out[0]);
}

/* Sum, Mean, Max, Min of any number of operands. */
bool dg_map_sum(dg_import *m, const dg_step *s)
{
    const dg_onnx_value *sum = s->in[0];
    for (int i = 1; i < s->n_in; i++) {
        dg_onnx_value *next = i == s->n_in - 1 && strcmp(s->node->op, "Mean") != 0
                                  ? s->out[0]
                                  : dg_heap_take(&m->heap, 1, sizeof *next);
        next->name = s->out[0]->name;
        if (!s->in[i] || !map_two(m, s, sum, s->in[i], next))
            return false;
        sum = next;
    }
    if (s->n_in == 1)
        dg_onnx_same(s->out[0], sum);
    else if (sum != s->out[0])
        dg_onnx_like(m, s, s->out[0], sum, "%s / %d", sum->dag, s->n_in);
    return true;
}

bool dg_map_pow(dg_import *m, const dg_step *s)
{
    double x;
    const dg_onnx_value *v = s->in[0];
    bool plain = dg_onnx_scalar(s, 1, &x) && !v->fixed[0] && s->in[1]->fixed[0]->rank <= v->at.rank;
    if (plain && (x == 2 || x == 3 || x == -1 || x == 0.5))
        dg_onnx_like(m, s, s->out[0], v, "%s ^ %s", v->dag, dg_onnx_number(m, x));
    else
        return dg_map_pair(m, s);
    return true;
}

bool dg_map_expand(dg_import *m, const dg_step *s)
{
    int64_t dim[DG_BINDINGS][DG_MAX_RANK];
    dg_onnx_value *zeros = dg_heap_take(&m->heap, 1, sizeof *zeros);
    zeros->name = s->out[0]->name;
    for (int b = 0; b < DG_BINDINGS; b++) {
        int rank = dg_shape_expand(m, s, b, dim[b]);
        if (rank < 0)
            return dg_onnx_refuse(m, s, "to a shape that the input decides");
        zeros->fixed[b] = dg_onnx_array_new(m, false, rank, dim[b], true);
    }
    bool same = zeros->fixed[0]->rank == s->in[0]->at.rank;
    for (int k = 0; same && k < s->in[0]->at.rank; k++)
        for (int b = 0; b < DG_BINDINGS; b++)
            same &= dim[b][k] == dg_onnx_dim(s->in[0], b, k);
    if (same) {
        dg_onnx_same(s->out[0], s->in[0]);
        return true;
    }
    const char *text[2];
    if (!dg_onnx_pair(m, s, s->in[0], zeros, false, s->out[0], text))
        return false;
    s->out[0]->dag = dg_onnx_name(m, s->out[0]->name);
    dg_onnx_statement(m, s, s->out[0]->dag, dg_heap_printf(&m->heap, "%s + %s", text[0], text[1]));
    return true;
}
