/* cauchy: a smooth loss that hardly sees outliers. A node of one's own; docs/nodes.md explains it.
 *
 *     rho = sum of c^2/2 log(1 + d^2/c^2),  d = a - b       a the target, b the estimate
 *     eps = -d / (1 + d^2/c^2) for the estimate, its opposite for the target
 *     drho = sum of d / (1 + d^2/c^2) (da - db)
 *
 * For |d| much less than c this is half the square of d; far away eps falls as c^2/d: one wrong
 * target of a thousand pulls less than a right one. A pair is a row of axis 0. */
#include "either.h"
#include <dagrad/node.h>
#include <math.h>
#include <stddef.h>

enum { TARGET, ESTIMATE, INPUTS };
enum { C };

static const dg_attr_spec attrs[] = {
    {.name = "c",
     .kind = DG_ATTR_REAL,
     .max_count = 1,
     .low = 1e-9,
     .high = 1e9,
     .preset = "1",
     .text = "differences much larger than this count little"},
};

static const dg_input_spec inputs[INPUTS] = {{.name = "target"}, {.name = "estimate"}};

/* [rows, ...] and the same: [rows]. */
static dg_status shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                       dg_diag *why)
{
    char target[96], estimate[96];
    (void)a;
    (void)n_in;
    if (!dg_shape_equal(&in[TARGET], &in[ESTIMATE]))
        return dg_diag_set(why, DG_EMODEL,
                           "cauchy: target %s and estimate %s must have the same shape",
                           dg_shape_text(&in[TARGET], target, sizeof target),
                           dg_shape_text(&in[ESTIMATE], estimate, sizeof estimate));
    out[0] = dg_shape_make(in[0].rank > 0, in[0].dim);
    return DG_OK;
}

static double flops(const dg_sizes *of, int input)
{
    (void)input;
    return 12 * (double)dg_shape_count(&of->in[TARGET]);
}

/* DG_ROWS: the call's rows only. */
EITHER dg_status forward(const dg_call *k, int wide)
{
    double c = dg_attr_real(k->attrs, C);
    int64_t size = dg_shape_row(&k->in_shape[TARGET]);
    for (int64_t row = k->row0; row < k->row1; row++) {
        double sum = 0;
        for (int64_t i = row * size; i < (row + 1) * size; i++) {
            double d = get(k->in[TARGET], i, wide) - get(k->in[ESTIMATE], i, wide);
            sum += c * c / 2 * log1p(d / c * (d / c));
        }
        put(k->out[0], row, sum, wide);
    }
    return DG_OK;
}

/* drho/da = -drho/db at element i. */
EITHER double slope(const dg_call *k, int64_t i, int wide)
{
    double c = dg_attr_real(k->attrs, C);
    double d = get(k->in[TARGET], i, wide) - get(k->in[ESTIMATE], i, wide);
    return d / (1 + d / c * (d / c));
}

EITHER dg_status adjoint(const dg_call *k, int wide)
{
    int64_t size = dg_shape_row(&k->in_shape[TARGET]);
    for (int64_t i = k->row0 * size; i < k->row1 * size; i++) {
        double back = get(k->eps[0], i / size, wide) * slope(k, i, wide);
        if (k->delta[TARGET])
            put(k->delta[TARGET], i, back, wide);
        if (k->delta[ESTIMATE])
            put(k->delta[ESTIMATE], i, -back, wide);
    }
    return DG_OK;
}

EITHER dg_status tangent(const dg_call *k, int wide)
{
    int64_t size = dg_shape_row(&k->in_shape[TARGET]);
    for (int64_t row = k->row0; row < k->row1; row++) {
        double sum = 0;
        for (int64_t i = row * size; i < (row + 1) * size; i++) {
            double da = k->din[TARGET] ? get(k->din[TARGET], i, wide) : 0;
            double db = k->din[ESTIMATE] ? get(k->din[ESTIMATE], i, wide) : 0;
            sum += slope(k, i, wide) * (da - db);
        }
        put(k->dout[0], row, sum, wide);
    }
    return DG_OK;
}

static dg_status forward_f32(const dg_call *k)
{
    return forward(k, 0);
}

static dg_status adjoint_f32(const dg_call *k)
{
    return adjoint(k, 0);
}

static dg_status tangent_f32(const dg_call *k)
{
    return tangent(k, 0);
}

static dg_status forward_f64(const dg_call *k)
{
    return forward(k, 1);
}

static dg_status adjoint_f64(const dg_call *k)
{
    return adjoint(k, 1);
}

static dg_status tangent_f64(const dg_call *k)
{
    return tangent(k, 1);
}

static const dg_case cases[] = {
    {"n,a; n,a", "", "uniform(-2,2)", 1},
    {"n,a,b; n,a,b", "c=0.5", "uniform(-1,1)", 0.5},
    {"n; n", "c=3", "uniform(-9,9)", 3},
};

static const dg_node_type cauchy = {
    .size = sizeof(dg_node_type),
    .name = "cauchy",
    .formula = "rho = sum of c^2/2 log(1 + (a-b)^2/c^2)",
    .attrs = attrs,
    .n_attrs = sizeof attrs / sizeof attrs[0],
    .inputs = inputs,
    .n_inputs = INPUTS,
    .n_out = 1,
    .flags = DG_ROWS | DG_LOSS,
    .saves_in = 1 << TARGET | 1 << ESTIMATE,
    .shape = shape,
    .flops = flops,
    .f32 = {forward_f32, adjoint_f32, tangent_f32},
    .f64 = {forward_f64, adjoint_f64, tangent_f64},
    .cases = cases,
    .n_cases = sizeof cases / sizeof cases[0],
};

const int dg_abi = DG_ABI;
const dg_node_type *const dg_nodes[] = {&cauchy, NULL};
