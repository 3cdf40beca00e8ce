/* The engine's own loops as a table (contract: kernels/table.h), over kernels.h. */
#include "kernels/kernels.h"
#include "kernels/table.h"
#include <dagrad/tensor.h>
#include <math.h>

static void add(int64_t n, const void *a, const void *b, void *out)
{
    DG_T(dg_add)(n, a, b, out);
}

static void fill(int64_t n, double value, void *out)
{
    DG_T(dg_fill)(n, (real)value, out);
}

static double sum_squares(int64_t n, const void *x)
{
    double total = 0, one;
    int finite = 1;
    for (int64_t b = 0; b * DG_SQUARES_BLOCK < n; b++) {
        int64_t left = n - b * DG_SQUARES_BLOCK;
        left = left < DG_SQUARES_BLOCK ? left : DG_SQUARES_BLOCK;
        finite &= DG_T(dg_squares)(left, (const real *)x + b * DG_SQUARES_BLOCK, 0, 1, &one);
        total += one;
    }
    return finite ? total : (double)INFINITY;
}

static double sum(int64_t n, const void *x)
{
    double total = 0;
    for (int64_t i = 0; i < n; i++)
        total += (double)((const real *)x)[i];
    return total;
}

static void optimizer_step(const dg_optimizer_step *d, int64_t n, void *theta, const void *g,
                           void *m, void *v)
{
    dg_rule r = {.rate = d->rate,
                 .scale = d->scale,
                 .decay = d->decay,
                 .momentum = d->momentum,
                 .nesterov = d->nesterov,
                 .beta1 = d->beta1,
                 .beta2 = d->beta2,
                 .c1 = d->c1,
                 .c2 = d->c2,
                 .epsilon = d->epsilon,
                 .decoupled = d->kind == DG_ADAMW,
                 .alpha = d->beta2};
    if (d->kind == DG_ADAM || d->kind == DG_ADAMW) {
        DG_T(dg_step_adam)(&r, 0, n, theta, g, m, v);
    } else if (d->kind == DG_RMSPROP) {
        DG_T(dg_step_rmsprop)(&r, 0, n, theta, g, m);
    } else {
        if (d->kind == DG_GD)
            r.decay = r.momentum = 0;
        DG_T(dg_step_sgd)(&r, 0, n, theta, g, m);
    }
}

static void convert(int type, int64_t n, const void *x, void *out)
{
    real *y = out;
    const uint8_t *byte = x;
    const int32_t *whole = x;
    const float *single = x;
    const double *wide = x;
    for (int64_t i = 0; i < n; i++)
        y[i] = type == DG_U8    ? (real)byte[i]
               : type == DG_I32 ? (real)whole[i]
               : type == DG_F32 ? (real)single[i]
                                : (real)wide[i];
}

static int64_t peak(int64_t rounds, double *sink)
{
    real s;
    int64_t done = DG_T(dg_peak)(rounds, &s);
    *sink = (double)s;
    return done;
}

extern const dg_step_kernels DG_T(dg_step_kernels);
const dg_step_kernels DG_T(dg_step_kernels) = {
    add, fill, sum_squares, sum, optimizer_step, convert, DG_T(dg_uniform_row), peak};
