/* What is done to data outside of the graph, as operators: fixed transforms, and what gives results
 * back in the units of the data. */
#include "onnx/export.h"

#include "onnx/proto.h"

dg_shape dg_pipe_before(const dg_onnx_pipe *pipe, dg_shape after, const char *free[])
{
    dg_shape s = after;
    for (int i = pipe->n; i-- > 0;) {
        const dg_onnx_stage *stage = &pipe->stage[i];
        if (stage->kind == DG_STAGE_ONEHOT) {
            s.rank--;
        } else if (stage->kind == DG_STAGE_WORDS) {
            s.dim[1] = stage->n;
        } else if (stage->kind == DG_STAGE_CROP) {
            free[1] = "H";
            free[2] = "W";
        }
    }
    return s;
}

/* A step on its way: near names what is made, the last operator gives `out` (NULL: a new name). */
typedef struct {
    dg_export *x;
    const dg_onnx_stage *s;
    const char *near, *out;
} step;

static const char *put(const step *p, const char *op, int n, const char *const in[], dg_text *attrs)
{
    return dg_put_op(p->x, p->near, op, n, in, NULL, attrs);
}

static const char *put_last(const step *p, const char *op, int n, const char *const in[],
                            dg_text *attrs)
{
    return dg_put_op(p->x, p->near, op, n, in, p->out, attrs);
}

static const char *stored(const step *p, const char *near, int64_t n, const double x[])
{
    return dg_store_reals(p->x, near, n > 1, &n, x);
}

static dg_text integer(const step *p, const char *name, int64_t v)
{
    dg_text t = dg_text_make(&p->x->memory);
    dg_attr_put_i(&t, name, v);
    return t;
}

static const char *affine(const step *p, const char *in)
{
    bool adds = p->s->kind == DG_STAGE_ADD;
    const char *pair[2] = {in, stored(p, adds ? "offset" : "factor", p->s->n, p->s->x)};
    return put_last(p, adds ? "Add" : "Mul", 2, pair, NULL);
}

static const char *fill(const step *p, const char *in)
{
    const char *all[3] = {dg_put_unary(p->x, p->near, "IsNaN", in),
                          stored(p, "filled", p->s->n, p->s->x), in};
    return put_last(p, "Where", 3, all, NULL);
}

static const char *gap(const step *p, const char *in)
{
    dg_text to = integer(p, "to", dg_export_real(p->x));
    const char *is = dg_put_unary(p->x, p->near, "IsNaN", in);
    return put_last(p, "Cast", 1, &is, &to);
}

/* Labels become vectors of n numbers along a new last axis. */
static const char *vectors(const step *p, const char *labels, int64_t n, const char *out)
{
    static const double values[2] = {0, 1};
    dg_text to = integer(p, "to", DG_ONNX_INT64);
    const char *three[3] = {put(p, "Cast", 1, &labels, &to), dg_store_int(p->x, "classes", n),
                            stored(p, "values", 2, values)};
    return dg_put_op(p->x, p->near, "OneHot", 3, three, out, NULL);
}

/* Each column's labels are counted on from those of the columns before it, so that one vector holds
 * all of them. */
static const char *words(const step *p, const char *in)
{
    static const int64_t axis = 1;
    double *first = dg_heap_take(&p->x->heap, (size_t)p->s->n, sizeof *first), n = 0;
    for (int64_t k = 0; k < p->s->n; k++) {
        first[k] = n;
        n += p->s->x[k];
    }
    dg_text keep = integer(p, "keepdims", 0);
    const char *pair[2] = {in, stored(p, "first", p->s->n, first)};
    pair[0] = vectors(p, put(p, "Add", 2, pair, NULL), (int64_t)n, NULL);
    pair[1] = dg_store_ints(p->x, "columns", 1, &axis);
    return put_last(p, "ReduceSum", 2, pair, &keep);
}

/* The middle of pictures of any size. */
static const char *crop(const step *p, const char *in)
{
    static const int64_t axes[2] = {1, 2}, twos[2] = {2, 2};
    const int64_t kept[2] = {p->s->n, p->s->columns};
    const char *size = dg_store_ints(p->x, "size", 2, kept);
    dg_text range = integer(p, "start", 1);
    dg_attr_put_i(&range, "end", 3);
    const char *pair[2] = {put(p, "Shape", 1, &in, &range), size};
    pair[0] = put(p, "Sub", 2, pair, NULL);
    pair[1] = dg_store_ints(p->x, "two", 2, twos);
    const char *ends[2] = {put(p, "Div", 2, pair, NULL), size};
    const char *all[4] = {in, ends[0], put(p, "Add", 2, ends, NULL),
                          dg_store_ints(p->x, "axes", 2, axes)};
    return put_last(p, "Slice", 4, all, NULL);
}

static const char *put_stage(const step *p, const char *in)
{
    switch (p->s->kind) {
    case DG_STAGE_FILL:
        return fill(p, in);
    case DG_STAGE_GAP:
        return gap(p, in);
    case DG_STAGE_ONEHOT:
        return vectors(p, in, p->s->n, p->out);
    case DG_STAGE_WORDS:
        return words(p, in);
    case DG_STAGE_CROP:
        return crop(p, in);
    default:
        return affine(p, in);
    }
}

const char *dg_put_pipe(dg_export *x, const dg_onnx_pipe *pipe, const char *in, const char *out)
{
    for (int i = 0; i < pipe->n; i++) {
        const step p = {x, &pipe->stage[i], pipe->name, i == pipe->n - 1 ? out : NULL};
        in = put_stage(&p, in);
    }
    return in;
}
