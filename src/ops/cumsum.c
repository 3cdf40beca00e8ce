/* cumsum: running sums along an axis.
 *
 *     y_k = sum of x_j over j <= k      exclusive: j < k; reverse: from the end
 *     A^t eps = the same sums in the other direction
 *     dy = cumsum dx
 *
 * One chain of additions, in double, each sum rounded once. */
#include "ops/axes.h"
#include "ops/op.h"

enum { AXIS, EXCLUSIVE, REVERSE };

#ifndef DG_REAL

static const dg_attr_spec attrs[] = {
    {"axis", DG_ATTR_INT, 1, -DG_MAX_RANK, DG_MAX_RANK - 1, NULL, NULL, "along which it adds"},
    {"exclusive", DG_ATTR_BOOL, 1, 0, 1, "false", NULL, "leaves out the element itself"},
    {"reverse", DG_ATTR_BOOL, 1, 0, 1, "false", NULL, "from the end"},
};

static const dg_input_spec inputs[] = {{.name = "x"}};

static dg_status shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                       dg_diag *why)
{
    int axis;
    (void)n_in;
    out[0] = in[0];
    dg_status s = dg_axis_check("cumsum", &in[0], dg_attr_int(a, AXIS), &axis, why);
    return s == DG_OK ? dg_axis_not_batch("cumsum", &in[0], axis, "along", why) : s;
}

static const dg_case cases[] = {
    {"n,a", "axis=1", "uniform(-1,1)", HUGE_VAL},
    {"n,a,b", "axis=1, reverse=true", "uniform(-1,1)", HUGE_VAL},
    {"n,7,70", "axis=1, exclusive=true", "uniform(-1,1)", HUGE_VAL},
    {"n,a,b", "axis=-1, exclusive=true, reverse=true", "uniform(-1,1)", HUGE_VAL},
    {"a,b", "axis=0", "uniform(-1,1)", HUGE_VAL},
};

const dg_node_type dg_op_cumsum = {
    .size = sizeof(dg_node_type),
    .name = "cumsum",
    .formula = "y_k = sum of x_j, j <= k, along an axis",
    .onnx = "CumSum",
    .attrs = attrs,
    .n_attrs = DG_COUNT(attrs),
    .inputs = inputs,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_ROWS | DG_LINEAR,
    .shape = shape,
    .cases = cases,
    .n_cases = DG_COUNT(cases),
};

#else

enum { TILE = 64 }; /* columns that are summed together */

/* Columns 0 .. m-1 of [n, inner], x to y, from the first to the last or back. */
static void run(const dg_around *s, int64_t m, int back, int exclusive, const real *x, real *y)
{
    double sum[TILE] = {0};
    for (int64_t k = 0; k < s->n; k++) {
        int64_t at = (back ? s->n - 1 - k : k) * s->inner;
        for (int64_t i = 0; i < m; i++) {
            double next = sum[i] + (double)x[at + i];
            y[at + i] = (real)(exclusive ? sum[i] : next);
            sum[i] = next;
        }
    }
}

/* x NULL: it is zero. */
static dg_status sums(const dg_call *c, int back, const real *x, real *y)
{
    const dg_shape *z = &c->in_shape[0];
    int axis = dg_axis_at(dg_attr_int(c->attrs, AXIS), z->rank);
    dg_around s = dg_around_axis(z, axis);
    int64_t begin, end, block = s.n * s.inner;
    dg_outer_range(z, axis, c->row0, c->row1, &begin, &end);
    if (!x) {
        DG_T(dg_fill)((end - begin) * block, 0, y + begin * block);
        return DG_OK;
    }
    for (int64_t o = begin; o < end; o++)
        for (int64_t i = 0; i < s.inner; i += TILE)
            run(&s, s.inner - i < TILE ? s.inner - i : TILE, back,
                (int)dg_attr_int(c->attrs, EXCLUSIVE), x + o * block + i, y + o * block + i);
    return DG_OK;
}

static dg_status forward(const dg_call *c)
{
    return sums(c, (int)dg_attr_int(c->attrs, REVERSE), c->in[0], c->out[0]);
}

static dg_status adjoint(const dg_call *c)
{
    return c->delta[0] ? sums(c, !dg_attr_int(c->attrs, REVERSE), c->eps[0], c->delta[0]) : DG_OK;
}

static dg_status tangent(const dg_call *c)
{
    return sums(c, (int)dg_attr_int(c->attrs, REVERSE), c->din[0], c->dout[0]);
}

const dg_math DG_T(dg_math_cumsum) = {forward, adjoint, tangent};

#endif
