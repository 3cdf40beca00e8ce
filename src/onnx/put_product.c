/* Dense layers and products of matrices. */
#include "onnx/export.h"

enum { X, WEIGHT, BIAS };

/* The rows of a weight in the order of a flattened picture that has its channels first. */
static const char *permuted_rows(const dg_put *p, const dg_shape *picture)
{
    dg_export *x = p->x;
    const dg_vertex *w = dg_put_value(p, WEIGHT);
    int64_t units = w->shape.dim[1], channels = picture->dim[picture->rank - 1], k = 0;
    int64_t pixels = channels ? w->shape.dim[0] / channels : 0;
    int64_t *index = dg_heap_take(&x->heap, (size_t)(w->shape.dim[0] * units), sizeof *index);
    for (int64_t c = 0; c < channels; c++)
        for (int64_t i = 0; i < pixels; i++)
            for (int64_t u = 0; u < units; u++)
                index[k++] = (i * channels + c) * units + u;
    return dg_store_value(x, p->node->in[WEIGHT], "of a picture", 2, w->shape.dim, index);
}

/* A tensor that stays one: several layers may have it. */
static bool is_shared(const dg_put *p, int k)
{
    int uses = 0;
    for (int i = 0; i < p->x->graph->n_nodes; i++)
        for (int j = 0; j < p->x->graph->nodes[i].n_in; j++)
            uses += p->x->graph->nodes[i].in[j] == p->node->in[k];
    return uses > 1;
}

void dg_put_linear(const dg_put *p)
{
    dg_export *x = p->x;
    const char *near = p->node->name, *in[3];
    const dg_vertex *bias = dg_put_value(p, BIAS);
    bool own = dg_is_stored(x, p->node->in[WEIGHT]) && !is_shared(p, WEIGHT);
    dg_axes axes = dg_put_axes(p, X) == DG_AXES_FLAT && own ? DG_AXES_FLAT : DG_AXES_PLAIN;
    in[X] = dg_put_in(p, X, axes);
    in[WEIGHT] = axes == DG_AXES_FLAT ? permuted_rows(p, &x->held[p->node->in[X] - 1].picture)
                                      : dg_put_in(p, WEIGHT, DG_AXES_PLAIN);
    in[BIAS] = bias ? dg_put_in(p, BIAS, DG_AXES_PLAIN) : "";
    if (dg_put_value(p, X)->shape.rank == 2) {
        dg_put_op(x, near, "Gemm", bias ? 3 : 2, in, dg_put_out(p, 0, DG_AXES_PLAIN), NULL);
        return;
    }
    const char *out = dg_put_out(p, 0, DG_AXES_PLAIN);
    const char *sum[2] = {dg_put_op(x, near, "MatMul", 2, in, bias ? NULL : out, NULL), in[BIAS]};
    if (bias)
        dg_put_op(x, near, "Add", 2, sum, out, NULL);
}

void dg_put_matmul(const dg_put *p)
{
    const char *in[2] = {dg_put_in(p, 0, DG_AXES_PLAIN), dg_put_in(p, 1, DG_AXES_PLAIN)};
    dg_put_op(p->x, p->node->name, "MatMul", 2, in, dg_put_out(p, 0, DG_AXES_PLAIN), NULL);
}
