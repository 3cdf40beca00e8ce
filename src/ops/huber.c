/* huber: squares for small differences of target and estimate, absolute values for large ones.
 *
 *     rho = sum of  d^2 / 2               where |d| <= delta
 *                   delta (|d| - delta/2)  elsewhere
 *     eps = -clip(d, -delta, delta) for the estimate, its opposite for the target
 *     drho = clip(d, -delta, delta).(da - db)
 *
 * d = a - b, a the target, b the estimate; see ops/loss.h for pairs, weights and `over`. */
#include "ops/loss.h"

enum { DELTA, OVER };

#ifndef DG_REAL

static const dg_attr_spec attrs[] = {
    {.name = "delta",
     .kind = DG_ATTR_REAL,
     .max_count = 1,
     .low = 1e-30,
     .high = 1e30,
     .preset = "1",
     .text = "where squares end"},
    DG_LOSS_OVER,
};

static dg_status shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                       dg_diag *why)
{
    (void)a;
    (void)n_in;
    return dg_loss_shape("huber", in, out, why);
}

static const dg_case cases[] = {
    {"n,a; n,a; -", "", "uniform(-0.4,0.4)", 0.1},
    {"n,a; n,a; -", "delta=0.5", "uniform(-1,-0.4); uniform(0.4,1)", 0.15},
    {"n,a; n,a; -", "delta=0.5", "uniform(0.4,1); uniform(-1,-0.4)", 0.15},
    {"n; n; n", "over=elements", "uniform(-0.4,0.4); uniform(-0.4,0.4); uniform(0.5,2)", 0.1},
    {"n,3,c; n,3,c; n", "delta=2, over=elements", "uniform(-0.9,0.9)", 0.1},
};

const dg_node_type dg_op_huber = {
    .size = sizeof(dg_node_type),
    .name = "huber",
    .formula = "rho = sum of d^2/2 where |d| <= delta, else delta (|d| - delta/2)",
    .attrs = attrs,
    .n_attrs = DG_COUNT(attrs),
    .inputs = dg_loss_inputs,
    .n_inputs = DG_LOSS_INPUTS,
    .n_out = 1,
    .flags = DG_ROWS | DG_LOSS | DG_SYMMETRIC,
    .saves_in = 1 << DG_TARGET | 1 << DG_ESTIMATE | 1 << DG_WEIGHT,
    .shape = shape,
    .flops = dg_loss_flops,
    .cases = cases,
    .n_cases = DG_COUNT(cases),
};

#else

static vec clipped(vec d, const real *k)
{
    vec most = vec_set1(k[0]);
    return vec_max(vec_min(d, most), -most);
}

/* c (d - c/2), c = clip(d): both branches in one. */
static vec rho(vec a, vec b, const real *k)
{
    vec d = a - b, c = clipped(d, k);
    return c * (d - c * (real)0.5);
}

static vec for_target(vec a, vec b, const real *k)
{
    return clipped(a - b, k);
}

static vec for_estimate(vec a, vec b, const real *k)
{
    return clipped(b - a, k);
}

static const dg_loss_rule rule = {rho, for_target, for_estimate, NULL};

/* The real nearest to delta. */
static real limit(const dg_call *c)
{
    return (real)dg_attr_real(c->attrs, DELTA);
}

static dg_status forward(const dg_call *c)
{
    real k = limit(c);
    return dg_loss_forward(c, OVER, &k, &rule);
}

static dg_status adjoint(const dg_call *c)
{
    real k = limit(c);
    return dg_loss_adjoint(c, OVER, &k, &rule);
}

static dg_status tangent(const dg_call *c)
{
    real k = limit(c);
    return dg_loss_tangent(c, OVER, &k, &rule);
}

const dg_math DG_T(dg_math_huber) = {forward, adjoint, tangent};

#endif
