/* What networks of texts have: tables, places, attention. */
#include "onnx/export.h"

#include "ops/axes.h"

void dg_put_gather(const dg_put *p)
{
    dg_export *x = p->x;
    int axis = dg_axis_at(dg_put_int(p, "axis"), dg_put_value(p, 0)->shape.rank);
    const char *in[2] = {dg_put_in(p, 0, DG_AXES_PLAIN), dg_put_in(p, 1, DG_AXES_PLAIN)};
    dg_text a = dg_text_make(&x->memory);
    bool rows = dg_put_int(p, "rows") != 0;
    if (rows && axis != 1)
        dg_put_fail(p, "takes row by row along axis %d, which has no form in ONNX", axis);
    if (rows) {
        const int64_t last = -1;
        const char *ids[2] = {in[1], dg_store_ints(x, "axes", 1, &last)};
        in[1] = dg_put_op(x, p->node->name, "Unsqueeze", 2, ids, NULL, NULL);
    }
    dg_attr_put_i(&a, rows ? "batch_dims" : "axis", axis);
    dg_put_op(x, p->node->name, rows ? "GatherND" : "Gather", 2, in,
              dg_put_out(p, 0, DG_AXES_PLAIN), &a);
}

void dg_put_embedding(const dg_put *p)
{
    const char *in[2] = {dg_put_in(p, 1, DG_AXES_PLAIN), dg_put_in(p, 0, DG_AXES_PLAIN)};
    dg_put_op(p->x, p->node->name, "Gather", 2, in, dg_put_out(p, 0, DG_AXES_PLAIN), NULL);
}

/* The first rows of the table, which one row of the batch has and all share. */
void dg_put_position(const dg_put *p)
{
    dg_export *x = p->x;
    const dg_vertex *table = dg_put_value(p, 1);
    const int64_t zero = 0;
    int64_t places = dg_put_value(p, 0)->shape.dim[1];
    const char *in[4] = {dg_put_in(p, 1, DG_AXES_PLAIN)}, *near = p->node->name;
    x->held[p->node->out - 1].stretched = true;
    if (!dg_is_free(p, p->node->in[0], 1) && places == table->shape.dim[0]) {
        dg_put_hold(p, 0, DG_AXES_PLAIN, in[0]);
        return;
    }
    in[1] = in[3] = dg_store_ints(x, "zero", 1, &zero);
    if (dg_is_free(p, p->node->in[0], 1)) {
        dg_text a = dg_text_make(&x->memory);
        const char *tokens = dg_put_in(p, 0, DG_AXES_PLAIN);
        dg_attr_put_i(&a, "start", 1);
        dg_attr_put_i(&a, "end", 2);
        in[2] = dg_put_op(x, near, "Shape", 1, &tokens, NULL, &a);
    } else {
        in[2] = dg_store_ints(x, "places", 1, &places);
    }
    dg_put_op(x, near, "Slice", 4, in, dg_put_out(p, 0, DG_AXES_PLAIN), NULL);
}

void dg_put_attention(const dg_put *p)
{
    dg_export *x = p->x;
    const char *in[4];
    bool mask = dg_put_value(p, 3) != NULL;
    dg_text a = dg_text_make(&x->memory);
    for (int k = 0; k < (mask ? 4 : 3); k++)
        in[k] = dg_put_in(p, k, DG_AXES_PLAIN);
    if (mask && dg_put_value(p, 3)->shape.rank < 2) {
        const int64_t sizes[2] = {1, -1};
        const char *row[2] = {in[3], dg_store_ints(x, "sizes", 2, sizes)};
        in[3] = dg_put_op(x, p->node->name, "Reshape", 2, row, NULL, NULL);
    }
    dg_attr_put_i(&a, "q_num_heads", dg_put_int(p, "heads"));
    dg_attr_put_i(&a, "kv_num_heads", dg_put_int(p, "heads"));
    dg_attr_put_i(&a, "is_causal", dg_put_int(p, "causal"));
    if (dg_put_attr(p, "scale")->count)
        dg_attr_put_f(&a, "scale", dg_put_real(p, "scale"));
    dg_put_op(x, p->node->name, "Attention", mask ? 4 : 3, in, dg_put_out(p, 0, DG_AXES_PLAIN), &a);
}
