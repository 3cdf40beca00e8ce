/* Element by element: the layout of the operands is that of the result. */
#include "onnx/export.h"

#include "onnx/proto.h"
#include <string.h>

/* A result that has the layout `axes` of input 0. */
static const char *result(const dg_put *p, dg_axes axes)
{
    if (axes == DG_AXES_FLAT)
        p->x->held[p->node->out - 1].picture = p->x->held[p->node->in[0] - 1].picture;
    return dg_put_out(p, 0, axes);
}

/* ---- One operand ----------------------------------------------------------------------------- */

static void put_unary(const dg_put *p, const char *op, dg_text *attrs)
{
    dg_axes axes = dg_put_axes(p, 0);
    const char *in = dg_put_in(p, 0, axes);
    dg_put_op(p->x, p->node->name, op, 1, &in, result(p, axes), attrs);
}

/* Attributes have the same names and meanings in ONNX. */
void dg_put_unary_node(const dg_put *p)
{
    dg_text a = dg_text_make(&p->x->memory);
    const dg_node_type *t = p->node->type;
    for (int i = 0; i < t->n_attrs; i++)
        dg_attr_put_f(&a, t->attrs[i].name, dg_attr_real(p->node->attrs, i));
    put_unary(p, t->onnx, &a);
}

void dg_put_gelu(const dg_put *p)
{
    dg_text a = dg_text_make(&p->x->memory);
    dg_attr_put_s(&a, "approximate", dg_put_attr(p, "approximate")->word == 1 ? "tanh" : "none");
    put_unary(p, "Gelu", &a);
}

void dg_put_square(const dg_put *p)
{
    dg_axes axes = dg_put_axes(p, 0);
    const char *in = dg_put_in(p, 0, axes), *both[2] = {in, in};
    dg_put_op(p->x, p->node->name, "Mul", 2, both, result(p, axes), NULL);
}

void dg_put_silu(const dg_put *p)
{
    dg_axes axes = dg_put_axes(p, 0);
    const char *in = dg_put_in(p, 0, axes);
    const char *both[2] = {in, dg_put_unary(p->x, p->node->name, "Sigmoid", in)};
    dg_put_op(p->x, p->node->name, "Mul", 2, both, result(p, axes), NULL);
}

void dg_put_clip(const dg_put *p)
{
    dg_axes axes = dg_put_axes(p, 0);
    const char *in[3] = {dg_put_in(p, 0, axes), "", ""};
    for (int k = 0; k < 2; k++) {
        const dg_attr_value *bound = dg_put_attr(p, k ? "max" : "min");
        if (bound->count)
            in[1 + k] = dg_store_real(p->x, k ? "max" : "min", bound->number[0]);
    }
    dg_put_op(p->x, p->node->name, "Clip", *in[2] ? 3 : 2, in, result(p, axes), NULL);
}

/* Dropout in inference: the input itself. */
void dg_put_same(const dg_put *p)
{
    dg_axes axes = dg_put_axes(p, 0);
    const char *in = dg_put_in(p, 0, axes);
    dg_held *h = &p->x->held[p->node->out - 1];
    *h = (dg_held){.live = true,
                   .output = h->output,
                   .pipe = h->pipe,
                   .picture = p->x->held[p->node->in[0] - 1].picture};
    dg_put_hold(p, 0, axes, in);
}

/* ---- Several --------------------------------------------------------------------------------- */

static bool is_one(const dg_shape *s)
{
    return s->rank == 0 || (s->rank == 1 && s->dim[0] == 1);
}

/* FIRST where an operand is there so and the others can be brought to it. */
static dg_axes common_axes(const dg_put *p)
{
    bool first = false, fits = true;
    int rank = dg_put_result(p, 0)->shape.rank;
    for (int k = 0; k < p->node->n_in; k++) {
        const dg_shape *s = &dg_put_value(p, k)->shape;
        first |= dg_put_axes(p, k) == DG_AXES_FIRST;
        fits &= s->rank == rank || s->rank == 1 || is_one(s);
    }
    return first && fits ? DG_AXES_FIRST : DG_AXES_PLAIN;
}

static const char *operand(const dg_put *p, int k, dg_axes axes)
{
    const dg_shape *s = &dg_put_value(p, k)->shape;
    int rank = dg_put_result(p, 0)->shape.rank;
    if (axes == DG_AXES_PLAIN || is_one(s))
        return dg_put_loose(p, k, DG_AXES_PLAIN);
    if (s->rank == rank)
        return dg_put_loose(p, k, DG_AXES_FIRST);
    int64_t dim[DG_MAX_RANK] = {s->dim[0]}; /* a number a channel */
    for (int i = 1; i < rank - 1; i++)
        dim[i] = 1;
    const char *in[2] = {dg_put_in(p, k, DG_AXES_PLAIN),
                         dg_store_ints(p->x, "sizes", rank - 1, dim)};
    return dg_put_op(p->x, p->node->name, "Reshape", 2, in, NULL, NULL);
}

/* All operands stretched to the result; whether they have its rows or one that stands for all. */
static dg_axes operands(const dg_put *p, const char *in[])
{
    dg_axes axes = common_axes(p);
    bool rows = false;
    for (int k = 0; k < p->node->n_in; k++) {
        const dg_vertex *v = dg_put_value(p, k);
        in[k] = operand(p, k, axes);
        rows |= !p->x->held[p->node->in[k] - 1].stretched && v->shape.rank > 0 &&
                v->shape.dim[0] == DG_N;
    }
    const dg_shape *s = &dg_put_result(p, 0)->shape;
    p->x->held[p->node->out - 1].stretched = !rows && s->rank > 0 && s->dim[0] == DG_N;
    return axes;
}

void dg_put_binary(const dg_put *p)
{
    const char *in[2];
    dg_axes axes = operands(p, in);
    dg_put_op(p->x, p->node->name, p->node->type->onnx, 2, in, dg_put_out(p, 0, axes), NULL);
}

void dg_put_compare(const dg_put *p)
{
    const char *in[2], *name = p->node->type->onnx;
    dg_axes axes = operands(p, in);
    const char *truth = dg_put_op(p->x, p->node->name, name ? name : "Equal", 2, in, NULL, NULL);
    if (!name) /* not_equal */
        truth = dg_put_unary(p->x, p->node->name, "Not", truth);
    dg_text a = dg_text_make(&p->x->memory);
    dg_attr_put_i(&a, "to", dg_export_real(p->x));
    dg_put_op(p->x, p->node->name, "Cast", 1, &truth, dg_put_out(p, 0, axes), &a);
}

void dg_put_where(const dg_put *p)
{
    const char *in[3];
    dg_axes axes = operands(p, in);
    in[0] = dg_put_cast(p, in[0], DG_ONNX_BOOL);
    dg_put_op(p->x, p->node->name, "Where", 3, in, dg_put_out(p, 0, axes), NULL);
}
