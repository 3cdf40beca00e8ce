/* mse: the squared distance of target and estimate.
 *
 *     rho = ||d||^2          eps = -2 d for the estimate, 2 d for the target
 *     drho = 2 d.(da - db)
 *
 * d = a - b, a the target, b the estimate; see ops/loss.h for pairs, weights and `over`. */
#include "ops/loss.h"

#ifndef DG_REAL

static dg_status shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                       dg_diag *why)
{
    (void)a;
    (void)n_in;
    return dg_loss_shape("mse", in, out, why);
}

static const dg_case cases[] = {
    {"n,a; n,a; -", "", "uniform(-1,1)", HUGE_VAL},
    {"n; n; -", "", "uniform(-1,1)", HUGE_VAL},
    {"n,3,c; n,3,c; n", "over=elements", "uniform(-1,1)", HUGE_VAL},
    {"n,4100; n,4100; n", "", "uniform(-1,1)", HUGE_VAL},
};

const dg_node_type dg_op_mse = {
    .size = sizeof(dg_node_type),
    .name = "mse",
    .formula = "rho = ||a - b||^2",
    .attrs = dg_loss_attrs,
    .n_attrs = DG_COUNT(dg_loss_attrs),
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

static vec rho(vec a, vec b, const real *k)
{
    (void)k;
    return (a - b) * (a - b);
}

static vec for_target(vec a, vec b, const real *k)
{
    (void)k;
    return 2 * (a - b);
}

static vec for_estimate(vec a, vec b, const real *k)
{
    (void)k;
    return -2 * (a - b);
}

static const dg_loss_rule rule = {rho, for_target, for_estimate, NULL};

static dg_status forward(const dg_call *c)
{
    return dg_loss_forward(c, DG_OVER, NULL, &rule);
}

static dg_status adjoint(const dg_call *c)
{
    return dg_loss_adjoint(c, DG_OVER, NULL, &rule);
}

static dg_status tangent(const dg_call *c)
{
    return dg_loss_tangent(c, DG_OVER, NULL, &rule);
}

const dg_math DG_T(dg_math_mse) = {forward, adjoint, tangent};

#endif
