/* sum and mean over axes.
 *
 *     sum   x_k = sum of z over the axes       d = eps_k for every z that is in x_k
 *     mean  x_k = that sum / n                 d = eps_k / n
 *
 * n is the number of elements that one x_k is made of. Both are linear: dx is the same of dz. The
 * order of a sum is that of ops/fold.h; in f32 it does not stick at 2^24. A sum of no elements is
 * 0, a mean of none is refused. */
#include "ops/op.h"
#include "ops/over.h"

#ifndef DG_REAL

const dg_node_type dg_op_sum = {
    .size = sizeof(dg_node_type),
    .name = "sum",
    .formula = "x = sum of z over axes",
    .onnx = "ReduceSum",
    .attrs = dg_over_attrs,
    .n_attrs = DG_OVER_ATTRS,
    .inputs = dg_over_input,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_ROWS | DG_LINEAR,
    .shape = dg_over_shape,
    .parts = dg_over_parts,
    .flops = dg_over_flops,
    .cases = dg_over_cases,
    .n_cases = DG_OVER_CASES,
};

const dg_node_type dg_op_mean = {
    .size = sizeof(dg_node_type),
    .name = "mean",
    .formula = "x = mean of z over axes",
    .onnx = "ReduceMean",
    .attrs = dg_over_attrs,
    .n_attrs = DG_OVER_ATTRS,
    .inputs = dg_over_input,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_ROWS | DG_LINEAR,
    .shape = dg_over_some_shape,
    .parts = dg_over_parts,
    .flops = dg_over_flops,
    .cases = dg_over_cases,
    .n_cases = DG_OVER_CASES,
};

#else

#include "ops/fold.h"

/* x = (sum of z) / n, this call's part of it. z NULL: zero. */
static dg_status fold(const dg_call *c, const real *z, real *x, int is_mean)
{
    dg_walk w = dg_over_walk(c);
    dg_fold f = dg_fold_over(&w, 0);
    int64_t u0 = dg_share(f.units, c->part, c->parts),
            u1 = dg_share(f.units, c->part + 1, c->parts);
    real *y = x + f.walk.start[0] + dg_fold_first(&f, u0);
    int64_t count = dg_fold_first(&f, u1) - dg_fold_first(&f, u0);
    real n = (real)dg_walk_count(&f.walk, f.kept, f.walk.rank);
    if (z) {
        DG_T(dg_terms) terms = {.source = z};
        DG_T(dg_fold_units)(&f, u0, u1, DG_FOLD_SUM, &terms, 0, x);
    } else {
        DG_T(dg_fill)(count, 0, y);
    }
    for (int64_t k = 0; k < count && is_mean && n > 1; k++)
        y[k] /= n;
    return DG_OK;
}

/* d = eps / n along one run: eps has step 0 or 1. */
static void spread_run(int64_t run, const real *eps, int64_t step, real n, real *d)
{
    if (step == 0)
        DG_T(dg_fill)(run, *eps / n, d);
    else
        for (int64_t i = 0; i < run; i++)
            d[i] = eps[i] / n;
}

static dg_status spread(const dg_call *c, int is_mean)
{
    if (!c->delta[0])
        return DG_OK;
    dg_walk w = dg_over_walk(c);
    real n = is_mean ? (real)dg_over_terms(c) : 1;
    dg_over_share(c, &w);
    dg_walk_merge(&w);
    if (dg_walk_count(&w, 0, w.rank) == 0)
        return DG_OK;
    const int last = w.rank - 1;
    dg_cursor at = dg_walk_seek(&w, 0, 0);
    do {
        spread_run(w.dim[last], (const real *)c->eps[0] + at.at[0], w.step[0][last], n,
                   (real *)c->delta[0] + at.at[1]);
    } while (dg_walk_next(&w, 0, last, &at));
    return DG_OK;
}

static dg_status sum_forward(const dg_call *c)
{
    return fold(c, c->in[0], c->out[0], 0);
}

static dg_status sum_adjoint(const dg_call *c)
{
    return spread(c, 0);
}

static dg_status sum_tangent(const dg_call *c)
{
    return fold(c, c->din[0], c->dout[0], 0);
}

const dg_math DG_T(dg_math_sum) = {sum_forward, sum_adjoint, sum_tangent};

static dg_status mean_forward(const dg_call *c)
{
    return fold(c, c->in[0], c->out[0], 1);
}

static dg_status mean_adjoint(const dg_call *c)
{
    return spread(c, 1);
}

static dg_status mean_tangent(const dg_call *c)
{
    return fold(c, c->din[0], c->dout[0], 1);
}

const dg_math DG_T(dg_math_mean) = {mean_forward, mean_adjoint, mean_tangent};

#endif
