/* max and min over axes.
 *
 *     x_k = the largest (smallest) z over the axes    d = eps_k for the element that is x_k, else 0
 *     dx_k = dz of that element
 *
 * Of several equal ones it is the first, in the order of memory; of NaN too: one NaN makes x_k
 * NaN. Of no elements there is neither: refused. */
#include "ops/op.h"
#include "ops/over.h"

#ifndef DG_REAL

static const dg_case cases[] = {
    {"n,a", "axis=1", "distinct(-2,2)", 0},
    {"n,a", "axis=0", "distinct(-2,2)", 0},
    {"n,a,b", "", "distinct(-2,2)", 0},
    {"n,a,b,c", "axis=[1, 2], keepdims=true", "distinct(-2,2)", 0},
    {"n,a,b,c", "axis=[-1, 0]", "distinct(-2,2)", 0},
    {"a,b", "axis=0, keepdims=true", "distinct(-2,2)", 0},
    {"", "", "distinct(-2,2)", 0},
};

const dg_node_type dg_op_max = {
    .size = sizeof(dg_node_type),
    .name = "max",
    .formula = "x = largest z over axes; the error vector of a tie goes to the first",
    .onnx = "ReduceMax",
    .attrs = dg_over_attrs,
    .n_attrs = DG_OVER_ATTRS,
    .inputs = dg_over_input,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_ROWS,
    .saves_in = 1,
    .saves_out = 1,
    .shape = dg_over_some_shape,
    .flops = dg_over_flops,
    .cases = cases,
    .n_cases = DG_COUNT(cases),
};

const dg_node_type dg_op_min = {
    .size = sizeof(dg_node_type),
    .name = "min",
    .formula = "x = smallest z over axes; the error vector of a tie goes to the first",
    .onnx = "ReduceMin",
    .attrs = dg_over_attrs,
    .n_attrs = DG_OVER_ATTRS,
    .inputs = dg_over_input,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_ROWS,
    .saves_in = 1,
    .saves_out = 1,
    .shape = dg_over_some_shape,
    .flops = dg_over_flops,
    .cases = cases,
    .n_cases = DG_COUNT(cases),
};

#else

#include "ops/fold.h"

/* The smallest is minus the largest of -z. */
static void negated(const void *context, const int64_t at[], int64_t i, int64_t n, real *y)
{
    const real *z = (const real *)context + at[1] + i;
    for (int64_t k = 0; k < n; k++)
        y[k] = -z[k];
}

static dg_status forward(const dg_call *c, int smallest)
{
    dg_walk w = dg_over_walk(c);
    dg_fold f = dg_fold_over(&w, 0);
    DG_T(dg_terms) terms = {.source = c->in[0], .context = c->in[0]};
    if (smallest)
        terms.fill = negated;
    DG_T(dg_fold_units)(&f, 0, f.units, DG_FOLD_MAX, &terms, 0, c->out[0]);
    real *x = (real *)c->out[0] + f.walk.start[0];
    int64_t count = dg_walk_count(&f.walk, 0, f.kept);
    for (int64_t k = 0; k < count && smallest; k++)
        x[k] = -x[k];
    return DG_OK;
}

/* Element of z at one place of the kept axes that is x: the first; -1: there is none. */
static int64_t first_of(const dg_fold *f, dg_cursor at, const real *z, real x)
{
    const dg_walk *w = &f->walk;
    do {
        real y = z[at.at[1]];
        if (y == x || (y != y && x != x))
            return at.at[1];
    } while (dg_walk_next(w, f->kept, w->rank, &at));
    return -1;
}

/* For each x_k of the call: to[its z] = from[k], or to[k] = from[its z]. */
static dg_status choose(const dg_call *c, const real *from, real *to, int back)
{
    dg_walk w = dg_over_walk(c);
    dg_fold f = dg_fold_over(&w, 0);
    const real *z = c->in[0], *x = c->out[0];
    int any = dg_walk_count(&f.walk, f.kept, f.walk.rank) > 0;
    int64_t count = dg_walk_count(&f.walk, 0, f.kept);
    dg_cursor at = dg_walk_seek(&f.walk, 0, 0);
    for (int64_t k = 0; k < count; k++) {
        int64_t j = any ? first_of(&f, at, z, x[at.at[0]]) : -1;
        if (j >= 0 && back)
            to[j] = from[at.at[0]];
        else if (!back)
            to[at.at[0]] = j >= 0 && from ? from[j] : 0;
        dg_walk_next(&f.walk, 0, f.kept, &at);
    }
    return DG_OK;
}

static dg_status adjoint(const dg_call *c)
{
    if (!c->delta[0])
        return DG_OK;
    dg_walk w = dg_over_walk(c);
    DG_T(dg_fill)(dg_walk_count(&w, 0, w.rank), 0, (real *)c->delta[0] + w.start[1]);
    return choose(c, c->eps[0], c->delta[0], 1);
}

static dg_status tangent(const dg_call *c)
{
    return choose(c, c->din[0], c->dout[0], 0);
}

static dg_status max_forward(const dg_call *c)
{
    return forward(c, 0);
}

static dg_status min_forward(const dg_call *c)
{
    return forward(c, 1);
}

const dg_math DG_T(dg_math_max) = {max_forward, adjoint, tangent};
const dg_math DG_T(dg_math_min) = {min_forward, adjoint, tangent};

#endif
