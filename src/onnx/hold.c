/* Values of a graph that is written, in the layouts in which they are there; operators. */
#include "onnx/export.h"

#include "onnx/pack.h"
#include "onnx/proto.h"
#include <string.h>

/* ---- Operators ------------------------------------------------------------------------------- */

/* Fields of a node and of an attribute, and the types of attributes. */
enum { NODE = 1, IN = 1, OUT = 2, NODE_NAME = 3, OP = 4, ATTR = 5 };
enum { NAME = 1, F = 2, I = 3, S = 4, INTS = 8, TYPE = 20 };
enum { TYPE_F = 1, TYPE_I = 2, TYPE_S = 3, TYPE_INTS = 7 };

static void finish_attr(dg_text *t, dg_text *a, int type)
{
    dg_pack_number(a, TYPE, (uint64_t)type);
    dg_pack_message(t, ATTR, a);
}

static dg_text start_attr(const dg_text *to, const char *name)
{
    dg_text a = dg_text_make(to->memory);
    dg_pack_text(&a, NAME, name);
    return a;
}

void dg_attr_put_i(dg_text *t, const char *name, int64_t v)
{
    dg_text a = start_attr(t, name);
    dg_pack_number(&a, I, (uint64_t)v);
    finish_attr(t, &a, TYPE_I);
}

void dg_attr_put_f(dg_text *t, const char *name, double v)
{
    dg_text a = start_attr(t, name);
    dg_pack_f32(&a, F, (float)v);
    finish_attr(t, &a, TYPE_F);
}

void dg_attr_put_s(dg_text *t, const char *name, const char *v)
{
    dg_text a = start_attr(t, name);
    dg_pack_text(&a, S, v);
    finish_attr(t, &a, TYPE_S);
}

void dg_attr_put_ints(dg_text *t, const char *name, int n, const int64_t v[])
{
    dg_text a = start_attr(t, name);
    for (int i = 0; i < n; i++)
        dg_pack_number(&a, INTS, (uint64_t)v[i]);
    finish_attr(t, &a, TYPE_INTS);
}

void dg_put_ops(dg_export *x, const char *op, int n_in, const char *const in[], int n_out,
                const char *const out[], dg_text *attrs)
{
    dg_text t = dg_text_make(&x->memory);
    for (int i = 0; i < n_in; i++)
        dg_pack_text(&t, IN, in[i]);
    for (int i = 0; i < n_out; i++)
        dg_pack_text(&t, OUT, out[i]);
    dg_pack_text(&t, NODE_NAME, out[0]); /* unique, as ONNX Runtime wants it */
    dg_pack_text(&t, OP, op);
    if (attrs) {
        t.failed |= attrs->failed;
        dg_text_add_bytes(&t, attrs->data, attrs->length);
        dg_text_free(attrs);
    }
    dg_pack_message(&x->nodes, NODE, &t);
}

const char *dg_put_op(dg_export *x, const char *near, const char *op, int n_in,
                      const char *const in[], const char *out, dg_text *attrs)
{
    const char *name = out ? out : dg_export_name(x, dg_heap_printf(&x->heap, "%s.%s", near, op));
    dg_put_ops(x, op, n_in, in, 1, &name, attrs);
    return name;
}

const char *dg_put_unary(dg_export *x, const char *near, const char *op, const char *in)
{
    return dg_put_op(x, near, op, 1, &in, NULL, NULL);
}

const char *dg_put_turn(dg_export *x, const char *near, const char *in, int rank,
                        const int64_t perm[], const char *out)
{
    dg_text a = dg_text_make(&x->memory);
    dg_attr_put_ints(&a, "perm", rank, perm);
    return dg_put_op(x, near, "Transpose", 1, &in, out, &a);
}

const char *dg_put_cast(const dg_put *p, const char *in, int type)
{
    dg_text a = dg_text_make(&p->x->memory);
    dg_attr_put_i(&a, "to", type);
    return dg_put_op(p->x, p->node->name, "Cast", 1, &in, NULL, &a);
}

int dg_export_real(const dg_export *x)
{
    return x->graph->real == DG_F64 ? DG_ONNX_DOUBLE : DG_ONNX_FLOAT;
}

/* ---- Axes ------------------------------------------------------------------------------------ */

int dg_axis_in(dg_axes axes, int rank, int axis)
{
    if (axes != DG_AXES_FIRST || axis == 0)
        return axis;
    return axis == rank - 1 ? 1 : axis + 1;
}

void dg_axes_perm(int rank, int64_t perm[])
{
    for (int i = 0; i < rank; i++)
        perm[i] = i < 2 ? (i ? rank - 1 : 0) : i - 1;
}

static void back_perm(int rank, int64_t perm[])
{
    for (int i = 0; i < rank; i++)
        perm[i] = dg_axis_in(DG_AXES_FIRST, rank, i);
}

bool dg_is_free(const dg_put *p, int32_t id, int axis)
{
    const dg_graph *other = p->x->writing->other;
    return other &&
           other->values[id - 1].shape.dim[axis] != p->x->graph->values[id - 1].shape.dim[axis];
}

/* ---- Values ---------------------------------------------------------------------------------- */

const dg_vertex *dg_put_value(const dg_put *p, int k)
{
    int32_t id = k < p->node->n_in ? p->node->in[k] : 0;
    return id ? &p->x->graph->values[id - 1] : NULL;
}

const dg_vertex *dg_put_result(const dg_put *p, int k)
{
    return &p->x->graph->values[p->node->out + k - 1];
}

static dg_held *held(const dg_put *p, int k)
{
    return &p->x->held[p->node->in[k] - 1];
}

/* A flattened picture, its numbers in the order of the graph. */
static const char *unflatten(const dg_put *p, const dg_held *h)
{
    dg_export *x = p->x;
    int rank = h->picture.rank;
    int64_t turned[DG_MAX_RANK], perm[DG_MAX_RANK];
    for (int i = 0; i < rank; i++)
        turned[dg_axis_in(DG_AXES_FIRST, rank, i)] = i ? h->picture.dim[i] : 0;
    const char *near = p->node->name;
    const char *in[2] = {h->name[DG_AXES_FLAT], dg_store_ints(x, "sizes", rank, turned)};
    const char *t = dg_put_op(x, near, "Reshape", 2, in, NULL, NULL);
    back_perm(rank, perm);
    t = dg_put_turn(x, near, t, rank, perm, NULL);
    return dg_put_unary(x, near, "Flatten", t);
}

static const char *make_plain(const dg_put *p, int k)
{
    dg_export *x = p->x;
    dg_held *h = held(p, k);
    const dg_vertex *v = dg_put_value(p, k);
    int64_t perm[DG_MAX_RANK];
    if (dg_is_stored(x, p->node->in[k]))
        return dg_store_value(x, p->node->in[k], "plain", v->shape.rank, v->shape.dim, NULL);
    if (h->name[DG_AXES_FLAT])
        return unflatten(p, h);
    if (!h->name[DG_AXES_FIRST])
        dg_put_fail(p, "reads '%s', which is not there", v->name);
    back_perm(v->shape.rank, perm);
    return dg_put_turn(x, p->node->name, h->name[DG_AXES_FIRST], v->shape.rank, perm, NULL);
}

/* One row as many as the input has. */
static const char *stretch(const dg_put *p, int k, const char *name)
{
    dg_export *x = p->x;
    const char *near = p->node->name, *in[2] = {x->rows};
    const dg_vertex *v = dg_put_value(p, k);
    int64_t dim[DG_MAX_RANK];
    dg_text ends = dg_text_make(&x->memory), axis = dg_text_make(&x->memory);
    if (!x->rows)
        dg_put_fail(p, "has no input that the rows could be counted of");
    for (int i = 0; i < v->shape.rank; i++)
        dim[i] = dg_is_free(p, p->node->in[k], i) ? 1 : v->shape.dim[i];
    dg_attr_put_i(&ends, "end", 1);
    dg_attr_put_i(&axis, "axis", 0);
    in[0] = dg_put_op(x, near, "Shape", 1, in, NULL, &ends);
    in[1] = dg_store_ints(x, "sizes", v->shape.rank - 1, dim + 1);
    const char *all[2] = {name, dg_put_op(x, near, "Concat", 2, in, NULL, &axis)};
    return dg_put_op(x, near, "Expand", 2, all, NULL, NULL);
}

const char *dg_put_loose(const dg_put *p, int k, dg_axes axes)
{
    dg_held *h = held(p, k);
    int64_t perm[DG_MAX_RANK];
    if (!h->name[axes] && axes == DG_AXES_PLAIN)
        h->name[axes] = make_plain(p, k);
    if (!h->name[axes]) {
        int rank = dg_put_value(p, k)->shape.rank;
        dg_axes_perm(rank, perm);
        h->name[axes] =
            dg_put_turn(p->x, p->node->name, dg_put_loose(p, k, DG_AXES_PLAIN), rank, perm, NULL);
    }
    return h->name[axes];
}

const char *dg_put_in(const dg_put *p, int k, dg_axes axes)
{
    dg_held *h = held(p, k);
    if (h->stretched) {
        h->name[DG_AXES_PLAIN] = stretch(p, k, h->name[DG_AXES_PLAIN]);
        h->stretched = false;
    }
    return dg_put_loose(p, k, axes);
}

dg_axes dg_put_axes(const dg_put *p, int k)
{
    const dg_held *h = held(p, k);
    return h->name[DG_AXES_FIRST]  ? DG_AXES_FIRST
           : h->name[DG_AXES_FLAT] ? DG_AXES_FLAT
                                   : DG_AXES_PLAIN;
}

/* The name of the output that this value is, in the layout of the file; NULL: it is none. */
static const char *output_name(const dg_export *x, int32_t id, dg_axes axes)
{
    const dg_held *h = &x->held[id - 1];
    bool there = h->output && !h->stretched && axes == dg_port_axes(x, &x->graph->values[id - 1]);
    return there && !(h->pipe && h->pipe->n) ? h->output : NULL;
}

dg_axes dg_port_axes(const dg_export *x, const dg_vertex *v)
{
    return x->writing->first && v->shape.rank == 4 ? DG_AXES_FIRST : DG_AXES_PLAIN;
}

const char *dg_put_out(const dg_put *p, int k, dg_axes axes)
{
    dg_export *x = p->x;
    dg_held *h = &x->held[p->node->out + k - 1];
    const char *base = p->node->name;
    h->name[axes] = output_name(x, p->node->out + k, axes);
    if (k)
        base = dg_heap_printf(&x->heap, "%s.%d", base, k);
    if (!h->name[axes])
        h->name[axes] = dg_export_name(x, base);
    return h->name[axes];
}

void dg_put_hold(const dg_put *p, int k, dg_axes axes, const char *name)
{
    p->x->held[p->node->out + k - 1].name[axes] = name;
}

/* ---- Attributes ------------------------------------------------------------------------------ */

const dg_attr_value *dg_put_attr(const dg_put *p, const char *name)
{
    const dg_node_type *t = p->node->type;
    for (int i = 0; i < t->n_attrs; i++)
        if (strcmp(t->attrs[i].name, name) == 0)
            return &p->node->attrs->v[i];
    dg_put_fail(p, "has no attribute '%s'", name);
}

int64_t dg_put_int(const dg_put *p, const char *name)
{
    return (int64_t)dg_put_attr(p, name)->number[0];
}

double dg_put_real(const dg_put *p, const char *name)
{
    return dg_put_attr(p, name)->number[0];
}
