/* What conv_transpose computes, against its definition in plain loops; sizes of its results. */
#include "ops/reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* One axis: in, kernel, stride, dilation, size of the result, first padding. */
typedef struct {
    int64_t in, kernel, stride, dilation, out, before;
} axis;

static int64_t given(const dg_attr_value *v, int i, int axes)
{
    return (int64_t)v->number[v->count > 1 && axes > 1 ? i : 0];
}

/* Axis i of `axes`; a series has one. */
static axis axis_of(const dg_trial *t, int i, int axes)
{
    const dg_attr_value *v = t->attrs->v, *padding = &v[3];
    axis a = {.in = t->in_shape[0].dim[1 + i],
              .out = t->out_shape[0].dim[1 + i],
              .kernel = given(&v[1], i, axes),
              .stride = given(&v[2], i, axes),
              .dilation = given(&v[4], i, axes)};
    int64_t full = (a.in - 1) * a.stride + (a.kernel - 1) * a.dilation + 1 + given(&v[7], i, axes);
    if (padding->word < 0)
        a.before = (int64_t)padding->number[padding->count > 1 ? i : 0];
    else if (padding->word == 0 && full > a.in * a.stride)
        a.before = (full - a.in * a.stride) / 2;
    return a;
}

/* The tap of kernel element r of place i that falls on place o, or not. */
static int meets(const axis *a, int64_t o, int64_t i, int64_t r)
{
    return i * a->stride + r * a->dilation - a->before == o;
}

static double spread(const dg_trial *t, int j, int64_t flat)
{
    const dg_shape *x = &t->in_shape[0], *w = &t->in_shape[1];
    int64_t y[DG_MAX_RANK], groups = (int64_t)t->attrs->v[5].number[0];
    int axes = x->rank - 2;
    dg_unravel(&t->out_shape[j], flat, y);
    axis down = axes == 2 ? axis_of(t, 0, 2) : (axis){1, 1, 1, 1, 1, 0};
    axis along = axis_of(t, axes - 1, axes);
    int64_t oy = axes == 2 ? y[1] : 0, ox = y[axes], c = y[axes + 1];
    int64_t channels = x->dim[axes + 1], own = channels / groups, each = w->dim[w->rank - 2];
    int64_t group = each ? c / each : 0;
    double sum = t->in_shape[2].rank >= 0 ? t->in[2][c] : 0;
    for (int64_t p = 0; p < down.in * along.in * down.kernel * along.kernel; p++) {
        int64_t s = p % along.kernel, r = p / along.kernel % down.kernel;
        int64_t q = p / along.kernel / down.kernel, ix = q % along.in, iy = q / along.in;
        if (!meets(&down, oy, iy, r) || !meets(&along, ox, ix, s))
            continue;
        for (int64_t k = group * own; k < (group + 1) * own; k++)
            sum += t->in[0][((y[0] * down.in + iy) * along.in + ix) * channels + k] *
                   t->in[1][((r * along.kernel + s) * each + c % each) * channels + k];
    }
    return sum;
}

static void test_definition(void **state)
{
    (void)state;
    dg_reference_check("conv_transpose", spread, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_definition)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
