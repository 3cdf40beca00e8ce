/* What is done to data outside of the graph, as operators: fixed transforms, and what gives results
 * back in the units of the data. */
#include "onnx/export.h"

dg_shape dg_pipe_before(const dg_onnx_pipe *pipe, dg_shape after)
{
    dg_shape row = pipe->stage[0].before, s = {.rank = row.rank + 1, .dim = {after.dim[0]}};
    for (int k = 0; k < row.rank; k++)
        s.dim[k + 1] = row.dim[k];
    return s;
}

/* x a + b, without the half that does nothing. */
static const char *affine(dg_export *x, const dg_onnx_stage *s, const char *near, const char *in,
                          const char *out)
{
    bool scales = false, moves = false;
    int rank = s->n > 1;
    for (int64_t i = 0; i < s->n; i++) {
        scales |= s->a[i] != 1;
        moves |= s->b[i] != 0;
    }
    const char *pair[2] = {in, NULL};
    if (scales) {
        pair[1] = dg_store_reals(x, "factor", rank, &s->n, s->a);
        in = dg_put_op(x, near, "Mul", 2, pair, moves ? NULL : out, NULL);
    }
    pair[0] = in;
    if (moves) {
        pair[1] = dg_store_reals(x, "offset", rank, &s->n, s->b);
        in = dg_put_op(x, near, "Add", 2, pair, out, NULL);
    }
    if (out && !scales && !moves)
        in = dg_put_op(x, near, "Identity", 1, pair, out, NULL);
    return in;
}

/* The last axis, of one number, becomes n. */
static const char *onehot(dg_export *x, const dg_onnx_stage *s, const char *near, const char *in,
                          const char *out)
{
    static const double values[2] = {0, 1};
    static const int64_t two = 2, last = -1;
    dg_text cast = dg_text_make(&x->memory);
    const char *one[2] = {in, dg_store_ints(x, "axis", 1, &last)};
    if (s->before.rank > 0 && s->before.dim[s->before.rank - 1] == 1)
        in = dg_put_op(x, near, "Squeeze", 2, one, NULL, NULL);
    dg_attr_put_i(&cast, "to", 7);
    const char *three[3] = {dg_put_op(x, near, "Cast", 1, &in, NULL, &cast),
                            dg_store_int(x, "classes", s->n),
                            dg_store_reals(x, "values", 1, &two, values)};
    return dg_put_op(x, near, "OneHot", 3, three, out, NULL);
}

static const char *crop(dg_export *x, const dg_onnx_stage *s, const char *near, const char *in,
                        const char *out)
{
    static const int64_t axes[2] = {1, 2};
    const int64_t start[2] = {s->top, s->left}, end[2] = {s->top + s->n, s->left + s->columns};
    const char *all[4] = {in, dg_store_ints(x, "start", 2, start), dg_store_ints(x, "end", 2, end),
                          dg_store_ints(x, "axes", 2, axes)};
    return dg_put_op(x, near, "Slice", 4, all, out, NULL);
}

const char *dg_put_pipe(dg_export *x, const dg_onnx_pipe *pipe, const char *in, const char *out)
{
    for (int i = 0; i < pipe->n; i++) {
        const dg_onnx_stage *s = &pipe->stage[i];
        const char *to = i == pipe->n - 1 ? out : NULL;
        in = s->kind == DG_STAGE_AFFINE   ? affine(x, s, pipe->name, in, to)
             : s->kind == DG_STAGE_ONEHOT ? onehot(x, s, pipe->name, in, to)
                                          : crop(x, s, pipe->name, in, to);
    }
    return in;
}
