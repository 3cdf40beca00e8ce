/* Pictures made larger or smaller, and divided by their neighbours. */
#include "onnx/export.h"

#include <string.h>

/* Factors of all axes, channels first; f32, as Resize wants them. */
static const char *factors(const dg_put *p, int rank)
{
    const dg_attr_value *given = dg_put_attr(p, "scale");
    double f[DG_MAX_RANK] = {1, 1};
    for (int k = 2; k < rank; k++)
        f[k] = given->number[given->count > 1 ? k - 2 : 0];
    return dg_store_f32(p->x, "scales", rank, f);
}

void dg_put_upsample(const dg_put *p)
{
    int rank = dg_put_value(p, 0)->shape.rank;
    bool linear = dg_put_attr(p, "mode")->word == 1;
    const char *in[3] = {dg_put_in(p, 0, DG_AXES_FIRST), "", factors(p, rank)};
    dg_text a = dg_text_make(&p->x->memory);
    dg_attr_put_s(&a, "mode", linear ? "linear" : "nearest");
    dg_attr_put_s(&a, "coordinate_transformation_mode",
                  !linear                          ? "asymmetric"
                  : dg_put_int(p, "align_corners") ? "align_corners"
                                                   : "half_pixel");
    dg_attr_put_s(&a, "nearest_mode", "floor");
    dg_put_op(p->x, p->node->name, "Resize", 3, in, dg_put_out(p, 0, DG_AXES_FIRST), &a);
}

void dg_put_lrn(const dg_put *p)
{
    const char *in = dg_put_in(p, 0, DG_AXES_FIRST);
    dg_text a = dg_text_make(&p->x->memory);
    dg_attr_put_i(&a, "size", dg_put_int(p, "size"));
    dg_attr_put_f(&a, "alpha", dg_put_real(p, "alpha"));
    dg_attr_put_f(&a, "beta", dg_put_real(p, "beta"));
    dg_attr_put_f(&a, "bias", dg_put_real(p, "bias"));
    dg_put_op(p->x, p->node->name, "LRN", 1, &in, dg_put_out(p, 0, DG_AXES_FIRST), &a);
}

/* Means of windows as a matrix: [to, from], or turned over. */
static const char *means(const dg_put *p, int64_t from, int64_t to, bool turned)
{
    double *a = dg_heap_take(&p->x->heap, (size_t)(from * to), sizeof *a);
    for (int64_t o = 0; o < to; o++) {
        int64_t first = o * from / to, end = ((o + 1) * from + to - 1) / to;
        for (int64_t i = first; i < end; i++)
            a[turned ? i * to + o : o * from + i] = 1 / (double)(end - first);
    }
    return dg_store_reals(p->x, "means", 2, (int64_t[]){turned ? from : to, turned ? to : from}, a);
}

/* Windows of equal sizes are a pooling; others are products along columns, then rows. */
void dg_put_adaptive_avgpool(const dg_put *p)
{
    const dg_shape *x = &dg_put_value(p, 0)->shape, *y = &dg_put_result(p, 0)->shape;
    int n = x->rank - 2;
    const char *in[2] = {dg_put_in(p, 0, DG_AXES_FIRST)}, *near = p->node->name;
    int64_t kernel[2];
    bool whole = true;
    for (int k = 0; k < n; k++) {
        if (dg_is_free(p, p->node->in[0], k + 1))
            dg_put_fail(p, "shares out a size that is free; --size gives it a number");
        whole &= x->dim[k + 1] % y->dim[k + 1] == 0;
        kernel[k] = x->dim[k + 1] / y->dim[k + 1];
    }
    if (whole) {
        dg_text a = dg_text_make(&p->x->memory);
        dg_attr_put_ints(&a, "kernel_shape", n, kernel);
        dg_attr_put_ints(&a, "strides", n, kernel);
        dg_put_op(p->x, near, "AveragePool", 1, in, dg_put_out(p, 0, DG_AXES_FIRST), &a);
        return;
    }
    in[1] = means(p, x->dim[n], y->dim[n], true);
    const char *rows = n == 2 ? means(p, x->dim[1], y->dim[1], false) : NULL;
    const char *out = dg_put_out(p, 0, DG_AXES_FIRST);
    const char *both[2] = {rows, dg_put_op(p->x, near, "MatMul", 2, in, rows ? NULL : out, NULL)};
    if (rows)
        dg_put_op(p->x, near, "MatMul", 2, both, out, NULL);
}
