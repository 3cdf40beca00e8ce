/* Nodes that move elements. */
#include "onnx/export.h"

#include "ops/axes.h"

/* The layout that all inputs are taken in, of which one is there. */
static dg_axes shared_axes(const dg_put *p)
{
    dg_axes axes = DG_AXES_PLAIN;
    for (int k = 0; k < p->node->n_in; k++)
        if (dg_put_axes(p, k) == DG_AXES_FIRST)
            axes = DG_AXES_FIRST;
    return axes;
}

static int axis_of(const dg_put *p, dg_axes axes)
{
    int rank = dg_put_value(p, 0)->shape.rank;
    return dg_axis_in(axes, rank, dg_axis_at(dg_put_int(p, "axis"), rank));
}

/* ---- Another shape --------------------------------------------------------------------------- */

/* Sizes of the result as Reshape takes them: 0 keeps a size, -1 is what is left. */
static const char *sizes(const dg_put *p)
{
    const dg_shape *from = &dg_put_value(p, 0)->shape, *to = &dg_put_result(p, 0)->shape;
    int64_t dim[DG_MAX_RANK];
    int open = 0;
    for (int k = 0; k < to->rank; k++) {
        bool same = k < from->rank && to->dim[k] == from->dim[k] &&
                    (to->dim[k] == DG_N || dg_is_free(p, p->node->in[0], k));
        bool free = to->dim[k] == DG_N || dg_is_free(p, p->node->out, k);
        dim[k] = same ? 0 : free ? -1 : to->dim[k];
        open += dim[k] == -1;
    }
    if (open > 1)
        dg_put_fail(p, "makes sizes that cannot be written while others are free; --size gives "
                       "them numbers");
    return dg_store_ints(p->x, "sizes", to->rank, dim);
}

void dg_put_reshape(const dg_put *p)
{
    const char *in[2] = {dg_put_in(p, 0, DG_AXES_PLAIN), sizes(p)};
    dg_put_op(p->x, p->node->name, "Reshape", 2, in, dg_put_out(p, 0, DG_AXES_PLAIN), NULL);
}

/* A picture stays as it is there: the layer that reads it has its rows in that order. */
void dg_put_flatten(const dg_put *p)
{
    const dg_shape *from = &dg_put_value(p, 0)->shape;
    bool rows = dg_axis_at(dg_put_int(p, "axis"), from->rank) == 1 && from->rank > 1;
    dg_axes axes = rows && dg_put_axes(p, 0) == DG_AXES_FIRST ? DG_AXES_FIRST : DG_AXES_PLAIN;
    const char *in[2] = {dg_put_in(p, 0, axes)};
    if (!rows) {
        in[1] = sizes(p);
        dg_put_op(p->x, p->node->name, "Reshape", 2, in, dg_put_out(p, 0, DG_AXES_PLAIN), NULL);
        return;
    }
    if (axes == DG_AXES_FIRST)
        p->x->held[p->node->out - 1].picture = *from;
    dg_put_op(p->x, p->node->name, "Flatten", 1, in,
              dg_put_out(p, 0, axes == DG_AXES_FIRST ? DG_AXES_FLAT : DG_AXES_PLAIN), NULL);
}

void dg_put_transpose(const dg_put *p)
{
    const dg_attr_value *given = dg_put_attr(p, "perm");
    int rank = dg_put_value(p, 0)->shape.rank;
    int64_t perm[DG_MAX_RANK];
    for (int i = 0; i < rank; i++)
        perm[i] = given->count ? dg_axis_at((int64_t)given->number[i], rank) : rank - 1 - i;
    dg_put_turn(p->x, p->node->name, dg_put_in(p, 0, DG_AXES_PLAIN), rank, perm,
                dg_put_out(p, 0, DG_AXES_PLAIN));
}

/* ---- Together and apart ---------------------------------------------------------------------- */

void dg_put_concat(const dg_put *p)
{
    dg_axes axes = shared_axes(p);
    dg_text a = dg_text_make(&p->x->memory);
    const char **in = dg_heap_take(&p->x->heap, (size_t)p->node->n_in, sizeof *in);
    for (int k = 0; k < p->node->n_in; k++)
        in[k] = dg_put_in(p, k, axes);
    dg_attr_put_i(&a, "axis", axis_of(p, axes));
    dg_put_op(p->x, p->node->name, "Concat", p->node->n_in, in, dg_put_out(p, 0, axes), &a);
}

void dg_put_split(const dg_put *p)
{
    const dg_shape *s = &dg_put_value(p, 0)->shape;
    int axis = dg_axis_at(dg_put_int(p, "axis"), s->rank);
    dg_axes axes = shared_axes(p);
    dg_text a = dg_text_make(&p->x->memory);
    int64_t size[DG_MAX_OUT];
    const char *out[DG_MAX_OUT], *in[2] = {dg_put_in(p, 0, axes)};
    if (dg_is_free(p, p->node->in[0], axis))
        dg_put_fail(p, "splits an axis whose size is free; --size gives it one");
    for (int k = 0; k < p->node->n_out; k++) {
        size[k] = dg_put_result(p, k)->shape.dim[axis];
        out[k] = dg_put_out(p, k, axes);
    }
    in[1] = dg_store_ints(p->x, "parts", p->node->n_out, size);
    dg_attr_put_i(&a, "axis", dg_axis_in(axes, s->rank, axis));
    dg_put_ops(p->x, "Split", 2, in, p->node->n_out, out, &a);
}

void dg_put_slice(const dg_put *p)
{
    dg_axes axes = shared_axes(p);
    int64_t axis = axis_of(p, axes), start = dg_put_int(p, "start"), step = dg_put_int(p, "step");
    int64_t end = step < 0 ? INT64_MIN : INT64_MAX;
    if (dg_put_attr(p, "end")->count)
        end = dg_put_int(p, "end");
    const char *in[5] = {dg_put_in(p, 0, axes), dg_store_ints(p->x, "start", 1, &start),
                         dg_store_ints(p->x, "end", 1, &end), dg_store_ints(p->x, "axis", 1, &axis),
                         dg_store_ints(p->x, "step", 1, &step)};
    dg_put_op(p->x, p->node->name, "Slice", 5, in, dg_put_out(p, 0, axes), NULL);
}

static const char *const pad_modes[] = {"constant", "reflect", "edge", "wrap"};

/* `wrap` is there from 19 on. */
int dg_pad_opset(const dg_put *p)
{
    return dg_put_attr(p, "mode")->word == 3 ? 19 : 0;
}

void dg_put_pad(const dg_put *p)
{
    dg_axes axes = shared_axes(p);
    int rank = dg_put_value(p, 0)->shape.rank;
    const dg_attr_value *given = dg_put_attr(p, "pads");
    int64_t pads[2 * DG_MAX_RANK];
    for (int k = 0; k < rank; k++)
        for (int end = 0; end < 2; end++)
            pads[end * rank + dg_axis_in(axes, rank, k)] = (int64_t)given->number[end * rank + k];
    const char *in[3] = {dg_put_in(p, 0, axes), dg_store_ints(p->x, "pads", 2 * rank, pads),
                         dg_store_real(p->x, "value", dg_put_real(p, "value"))};
    dg_text a = dg_text_make(&p->x->memory);
    dg_attr_put_s(&a, "mode", pad_modes[dg_put_attr(p, "mode")->word]);
    dg_put_op(p->x, p->node->name, "Pad", 3, in, dg_put_out(p, 0, axes), &a);
}
