/* norm: the length of z over axes.
 *
 *     p=2   x_k = sqrt(sum z^2)     d = z / x_k eps_k          dx_k = sum of z dz / x_k
 *     p=1   x_k = sum |z|           d = sign(z) eps_k          dx_k = sum of sign(z) dz
 *
 * Where x_k is 0, it has no derivative: d and dx_k are 0, and sign(0) = 0. Sums are of doubles,
 * in blocks of 1024, one block after the other; of doubles that are very large or small a power of
 * 2 is taken out, so that no square is lost. */
#include "ops/op.h"
#include "ops/over.h"

enum { P = DG_OVER_ATTRS, ATTRS };

#ifndef DG_REAL

static const dg_attr_spec attrs[ATTRS] = {
    DG_OVER_SPECS,
    {"p", DG_ATTR_INT, 1, 1, 2, "2", NULL, "2: root of the sum of squares; 1: sum of sizes"},
};

static const dg_case cases[] = {
    {"n,a", "axis=1", "uniform(0.5,2)", 0.5},
    {"n,a", "axis=0", "uniform(-2,-0.5)", 0.5},
    {"n,a,b", "", "uniform(0.5,2)", 0.5},
    {"n,a,b,c", "axis=[1, 2], keepdims=true", "away(0.5,-2,2,0)", 0.5},
    {"n,a,b,c", "axis=[-1, 0], p=1", "away(0.5,-2,2,0)", 0.5},
    {"n,a", "axis=1, p=1", "away(0.5,-2,2,0)", 0.5},
    {"", "", "uniform(0.5,2)", 0.5},
};

static double flops(const dg_sizes *of, int input)
{
    (void)input;
    return 2 * (double)dg_shape_count(&of->in[0]);
}

const dg_node_type dg_op_norm = {
    .size = sizeof(dg_node_type),
    .name = "norm",
    .formula = "x = sqrt(sum of z^2 over axes)",
    .onnx = "ReduceL2",
    .attrs = attrs,
    .n_attrs = ATTRS,
    .inputs = dg_over_input,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_ROWS,
    .saves_in = 1,
    .saves_out = 1,
    .shape = dg_over_shape,
    .flops = flops,
    .cases = cases,
    .n_cases = DG_COUNT(cases),
};

#else

/* A norm's elements: those of array 1 of the walk at a place of the kept axes. */
typedef struct {
    dg_fold f;
    const real *z;
    int any, is_sum;
    int64_t count;
} norms;

static norms norms_of(const dg_call *c)
{
    dg_walk w = dg_over_walk(c);
    norms n = {.f = dg_fold_over(&w, 0), .z = c->in[0], .is_sum = dg_attr_int(c->attrs, P) == 1};
    n.any = dg_walk_count(&n.f.walk, n.f.kept, n.f.walk.rank) > 0;
    n.count = dg_walk_count(&n.f.walk, 0, n.f.kept);
    return n;
}

static double largest(const norms *n, dg_cursor at)
{
    double most = 0;
    do {
        double size = fabs((double)n->z[at.at[1]]);
        most = size > most ? size : most;
    } while (dg_walk_next(&n->f.walk, n->f.kept, n->f.walk.rank, &at));
    return most;
}

/* Sum over the elements at a place of (scale z)^2, |z|, or (other given) of other times the slope
 * of the norm x. */
static double sum_at(const norms *n, dg_cursor at, double scale, const real *other, double x)
{
    double sum = 0, block = 0;
    int left = 1024;
    do {
        double z = (double)n->z[at.at[1]], slope = n->is_sum ? (z > 0) - (z < 0) : z / x;
        double term = n->is_sum ? fabs(z) : scale * z * (scale * z);
        block += other ? slope * (double)other[at.at[1]] : term;
        if (--left == 0) {
            sum += block;
            block = 0;
            left = 1024;
        }
    } while (dg_walk_next(&n->f.walk, n->f.kept, n->f.walk.rank, &at));
    return sum + block;
}

static double norm_at(const norms *n, dg_cursor at)
{
    if (n->is_sum)
        return sum_at(n, at, 1, NULL, 0);
    double most = largest(n, at), scale = most > 0x1p500 ? 0x1p-600 : most < 0x1p-450 ? 0x1p600 : 1;
    return sqrt(sum_at(n, at, scale, NULL, 0)) / scale;
}

static dg_status forward(const dg_call *c)
{
    norms n = norms_of(c);
    dg_cursor at = dg_walk_seek(&n.f.walk, 0, 0);
    for (int64_t k = 0; k < n.count; k++) {
        ((real *)c->out[0])[at.at[0]] = n.any ? (real)norm_at(&n, at) : 0;
        dg_walk_next(&n.f.walk, 0, n.f.kept, &at);
    }
    return DG_OK;
}

static int is_zero(real x)
{
    return x >= 0 && x <= 0;
}

static void spread(const norms *n, dg_cursor at, real x, real eps, real *d)
{
    do {
        real z = n->z[at.at[1]];
        real slope = n->is_sum ? (real)((z > 0) - (z < 0)) : z / x;
        d[at.at[1]] = is_zero(x) || is_zero(eps) ? 0 : slope * eps;
    } while (dg_walk_next(&n->f.walk, n->f.kept, n->f.walk.rank, &at));
}

static dg_status adjoint(const dg_call *c)
{
    norms n = norms_of(c);
    const real *x = c->out[0], *eps = c->eps[0];
    dg_cursor at = dg_walk_seek(&n.f.walk, 0, 0);
    for (int64_t k = 0; k < n.count && n.any && c->delta[0]; k++) {
        spread(&n, at, x[at.at[0]], eps[at.at[0]], c->delta[0]);
        dg_walk_next(&n.f.walk, 0, n.f.kept, &at);
    }
    return DG_OK;
}

static dg_status tangent(const dg_call *c)
{
    norms n = norms_of(c);
    const real *x = c->out[0], *dz = c->din[0];
    real *dx = c->dout[0];
    dg_cursor at = dg_walk_seek(&n.f.walk, 0, 0);
    for (int64_t k = 0; k < n.count; k++) {
        int64_t i = at.at[0];
        dx[i] = n.any && dz && !is_zero(x[i]) ? (real)sum_at(&n, at, 1, dz, (double)x[i]) : 0;
        dg_walk_next(&n.f.walk, 0, n.f.kept, &at);
    }
    return DG_OK;
}

const dg_math DG_T(dg_math_norm) = {forward, adjoint, tangent};

#endif
