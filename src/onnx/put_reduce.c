/* Sums over axes, softmax, running sums. */
#include "onnx/export.h"

#include "ops/axes.h"
#include <string.h>

enum { AXES_AS_INPUT = 18 }; /* opset from which all operators but ReduceSum take them so */

/* The axes, in this layout; how many. */
static int axes_of(const dg_put *p, dg_axes axes, int64_t list[])
{
    int rank = dg_put_value(p, 0)->shape.rank;
    const dg_attr_value *given = dg_put_attr(p, "axis");
    int n = given->count ? given->count : rank;
    for (int i = 0; i < n; i++)
        list[i] =
            dg_axis_in(axes, rank, given->count ? dg_axis_at((int64_t)given->number[i], rank) : i);
    return n;
}

/* Whether the axes are those of the pixels: then channels that are left need no transpose. */
static bool is_over_pixels(const dg_put *p)
{
    int64_t list[DG_MAX_RANK];
    int rank = dg_put_value(p, 0)->shape.rank, n = axes_of(p, DG_AXES_FIRST, list);
    bool over = n == rank - 2;
    for (int i = 0; i < n; i++)
        over &= list[i] >= 2;
    return over;
}

void dg_put_reduce(const dg_put *p)
{
    dg_export *x = p->x;
    int64_t list[DG_MAX_RANK];
    bool keeps = dg_put_int(p, "keepdims") != 0;
    bool first = dg_put_axes(p, 0) == DG_AXES_FIRST && (keeps || is_over_pixels(p));
    dg_axes axes = first ? DG_AXES_FIRST : DG_AXES_PLAIN;
    dg_text a = dg_text_make(&x->memory);
    const char *in[2] = {dg_put_in(p, 0, axes), ""}, *op = p->node->type->onnx;
    int n = axes_of(p, axes, list);
    if (strcmp(p->node->type->name, "norm") == 0 && dg_put_int(p, "p") == 1)
        op = "ReduceL1";
    bool input = x->opset >= AXES_AS_INPUT || strcmp(op, "ReduceSum") == 0;
    if (input)
        in[1] = dg_store_ints(x, "axes", n, list);
    else
        dg_attr_put_ints(&a, "axes", n, list);
    dg_attr_put_i(&a, "keepdims", keeps);
    if (n == 0) { /* a number is its own sum */
        dg_text_free(&a);
        op = strcmp(p->node->type->name, "norm") == 0 ? "Abs" : "Identity";
        dg_put_op(x, p->node->name, op, 1, in, dg_put_out(p, 0, DG_AXES_PLAIN), NULL);
        return;
    }
    dg_put_op(x, p->node->name, op, input ? 2 : 1, in,
              dg_put_out(p, 0, keeps ? axes : DG_AXES_PLAIN), &a);
}

void dg_put_softmax(const dg_put *p)
{
    int rank = dg_put_value(p, 0)->shape.rank;
    dg_axes axes = dg_put_axes(p, 0) == DG_AXES_FIRST ? DG_AXES_FIRST : DG_AXES_PLAIN;
    dg_text a = dg_text_make(&p->x->memory);
    const char *in = dg_put_in(p, 0, axes);
    dg_attr_put_i(&a, "axis", dg_axis_in(axes, rank, dg_axis_at(dg_put_int(p, "axis"), rank)));
    dg_put_op(p->x, p->node->name, p->node->type->onnx, 1, &in, dg_put_out(p, 0, axes), &a);
}

void dg_put_cumsum(const dg_put *p)
{
    int rank = dg_put_value(p, 0)->shape.rank;
    dg_text a = dg_text_make(&p->x->memory);
    const char *in[2] = {dg_put_in(p, 0, DG_AXES_PLAIN),
                         dg_store_int(p->x, "axis", dg_axis_at(dg_put_int(p, "axis"), rank))};
    dg_attr_put_i(&a, "exclusive", dg_put_int(p, "exclusive"));
    dg_attr_put_i(&a, "reverse", dg_put_int(p, "reverse"));
    dg_put_op(p->x, p->node->name, "CumSum", 2, in, dg_put_out(p, 0, DG_AXES_PLAIN), &a);
}
