/* Wrong adjoints of radon, as people write them: each differs from examples/nodes/radon.c in G
 * alone.
 *
 *     radon_nearest  reads the nearest detector instead of interpolating: an unmatched pair
 *     radon_shifted  its centre of rotation is a detector off
 *     radon_scaled   a factor pi/angles, as the integral has it, but not the sum
 *     radon_part     the last row of the picture gets nothing
 *
 * For f64 only. */
#include <dagrad/node.h>
#include <math.h>
#include <string.h>

extern const dg_node_type *const right_nodes[]; /* those of radon.c */

static int64_t height(const dg_call *c)
{
    return c->in_shape[0].dim[c->in_shape[0].rank - 2];
}

static int64_t width(const dg_call *c)
{
    return c->in_shape[0].dim[c->in_shape[0].rank - 1];
}

static double interpolated(const double *row, int64_t n, double s)
{
    double left = floor(s);
    double a = left >= 0 && left < (double)n ? row[(int64_t)left] : 0;
    double b = left >= -1 && left < (double)n - 1 ? row[(int64_t)left + 1] : 0;
    return (1 - (s - left)) * a + (s - left) * b;
}

static double nearest(const double *row, int64_t n, double s)
{
    double d = rint(s);
    return d >= 0 && d < (double)n ? row[(int64_t)d] : 0;
}

/* The adjoint for one picture, with another way to read the detectors, and their middle moved. */
static dg_status backproject(const dg_call *c, double shift,
                             double (*read)(const double *row, int64_t n, double s))
{
    const double *eps = c->eps[0], *direction = c->saved;
    int64_t angles = dg_attr_int(c->attrs, 0), n = dg_attr_int(c->attrs, 1);
    double *delta = c->delta[0], middle = 0.5 * (double)(n - 1) + shift;
    int64_t i = height(c) * c->part / c->parts, end = height(c) * (c->part + 1) / c->parts;
    for (i *= width(c); i < end * width(c); i++) {
        double x = (double)(i % width(c)) - 0.5 * (double)(width(c) - 1);
        double y = 0.5 * (double)(height(c) - 1) - (double)(i / width(c));
        delta[i] = 0;
        for (int64_t k = 0; k < angles; k++)
            delta[i] +=
                read(eps + k * n, n, x * direction[2 * k] + y * direction[2 * k + 1] + middle);
    }
    return DG_OK;
}

static dg_status adjoint_nearest(const dg_call *c)
{
    return backproject(c, 0, nearest);
}

static dg_status adjoint_shifted(const dg_call *c)
{
    return backproject(c, 1, interpolated);
}

static dg_status adjoint_scaled(const dg_call *c)
{
    dg_status s = right_nodes[0]->f64.adjoint(c);
    double *delta = c->delta[0];
    int64_t i = height(c) * c->part / c->parts, end = height(c) * (c->part + 1) / c->parts;
    for (i *= width(c); i < end * width(c); i++)
        delta[i] *= 3.14159265358979323846 / dg_attr_real(c->attrs, 0);
    return s;
}

static dg_status adjoint_part(const dg_call *c)
{
    dg_status s = right_nodes[0]->f64.adjoint(c);
    double *delta = c->delta[0];
    if (c->part == c->parts - 1)
        memset(delta + (height(c) - 1) * width(c), 0, (size_t)width(c) * sizeof *delta);
    return s;
}

static dg_node_type wrong[4];

__attribute__((constructor)) static void make(void)
{
    static const char *const name[] = {"radon_nearest", "radon_shifted", "radon_scaled",
                                       "radon_part"};
    static const dg_fn adjoint[] = {adjoint_nearest, adjoint_shifted, adjoint_scaled, adjoint_part};
    for (int i = 0; i < 4; i++) {
        wrong[i] = *right_nodes[0];
        wrong[i].name = name[i];
        wrong[i].f32 = (dg_math){.forward = NULL};
        wrong[i].f64.adjoint = adjoint[i];
    }
}

const int dg_abi = DG_ABI;
const dg_node_type *const dg_nodes[] = {&wrong[0], &wrong[1], &wrong[2], &wrong[3], NULL};
