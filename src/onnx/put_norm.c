/* Normalisations, in inference: batch norm by its running statistics. */
#include "onnx/export.h"

#include "ops/axes.h"

void dg_put_batchnorm(const dg_put *p)
{
    const char *in[5];
    dg_axes axes = dg_put_value(p, 0)->shape.rank > 2 ? DG_AXES_FIRST : DG_AXES_PLAIN;
    dg_text a = dg_text_make(&p->x->memory);
    for (int k = 0; k < 5; k++)
        in[k] = dg_put_in(p, k, k ? DG_AXES_PLAIN : axes);
    dg_attr_put_f(&a, "epsilon", dg_put_real(p, "epsilon"));
    dg_attr_put_f(&a, "momentum", dg_put_real(p, "momentum"));
    dg_put_op(p->x, p->node->name, "BatchNormalization", 5, in, dg_put_out(p, 0, axes), &a);
}

/* layernorm and rmsnorm */
void dg_put_layernorm(const dg_put *p)
{
    const char *in[3];
    int n = 0, rank = dg_put_value(p, 0)->shape.rank;
    dg_text a = dg_text_make(&p->x->memory);
    for (int k = 0; k < p->node->n_in; k++)
        if (p->node->in[k])
            in[n++] = dg_put_in(p, k, DG_AXES_PLAIN);
    dg_attr_put_i(&a, "axis", dg_axis_at(dg_put_int(p, "axis"), rank));
    dg_attr_put_f(&a, "epsilon", dg_put_real(p, "epsilon"));
    dg_put_op(p->x, p->node->name, p->node->type->onnx, n, in, dg_put_out(p, 0, DG_AXES_PLAIN), &a);
}

void dg_put_groupnorm(const dg_put *p)
{
    dg_axes axes = dg_put_value(p, 0)->shape.rank > 2 ? DG_AXES_FIRST : DG_AXES_PLAIN;
    const char *in[3] = {dg_put_in(p, 0, axes), dg_put_in(p, 1, DG_AXES_PLAIN),
                         dg_put_in(p, 2, DG_AXES_PLAIN)};
    dg_text a = dg_text_make(&p->x->memory);
    dg_attr_put_i(&a, "num_groups", dg_put_int(p, "groups"));
    dg_attr_put_f(&a, "epsilon", dg_put_real(p, "epsilon"));
    dg_put_op(p->x, p->node->name, "GroupNormalization", 3, in, dg_put_out(p, 0, axes), &a);
}
