/* What the norms compute, against their definitions in plain loops. */
#include "ops/reference.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* (x - m) / sqrt(mean square about m + epsilon) over the elements at .. that `of` says belong to
 * the same row as `flat`. centred 0: m is 0. */
static double unit_of(const dg_trial *t, int64_t flat, int centred, double epsilon,
                      int (*same)(const dg_trial *t, int64_t a, int64_t b))
{
    int64_t all = dg_shape_count(&t->in_shape[0]), n = 0;
    double sum = 0, squares = 0;
    for (int64_t k = 0; k < all; k++)
        if (same(t, k, flat)) {
            sum += t->in[0][k];
            n++;
        }
    double m = centred ? sum / (double)n : 0;
    for (int64_t k = 0; k < all; k++)
        if (same(t, k, flat))
            squares += (t->in[0][k] - m) * (t->in[0][k] - m);
    return (t->in[0][flat] - m) / sqrt(squares / (double)n + epsilon);
}

static int64_t row_size(const dg_trial *t)
{
    int64_t axis = dg_attr_int(t->attrs, 0), n = 1;
    for (int64_t k = axis < 0 ? axis + t->in_shape[0].rank : axis; k < t->in_shape[0].rank; k++)
        n *= t->in_shape[0].dim[k];
    return n;
}

static int same_row(const dg_trial *t, int64_t a, int64_t b)
{
    return a / row_size(t) == b / row_size(t);
}

static double by_rows(const dg_trial *t, int j, int64_t flat)
{
    int centred = strcmp(t->type->name, "layernorm") == 0;
    int64_t i = flat % row_size(t);
    (void)j;
    double u = unit_of(t, flat, centred, dg_attr_real(t->attrs, 1), same_row);
    double bias = t->n_in > 2 && t->in_shape[2].rank >= 0 ? t->in[2][i] : 0;
    return u * t->in[1][i] + bias;
}

static int same_group(const dg_trial *t, int64_t a, int64_t b)
{
    int64_t channels = t->in_shape[1].dim[0], each = channels / dg_attr_int(t->attrs, 0);
    int64_t row = dg_shape_row(&t->in_shape[0]);
    return a / row == b / row && a % channels / each == b % channels / each;
}

static double by_groups(const dg_trial *t, int j, int64_t flat)
{
    int64_t channel = flat % t->in_shape[1].dim[0];
    (void)j;
    double u = unit_of(t, flat, 1, dg_attr_real(t->attrs, 1), same_group);
    return u * t->in[1][channel] + t->in[2][channel];
}

static int same_channel(const dg_trial *t, int64_t a, int64_t b)
{
    return a % t->in_shape[1].dim[0] == b % t->in_shape[1].dim[0];
}

/* Of y; then the running mean and variance, of which momentum stays. */
static double by_channels(const dg_trial *t, int j, int64_t flat)
{
    int64_t channels = t->in_shape[1].dim[0], c = flat % channels, all = 0, n = 0;
    double momentum = dg_attr_real(t->attrs, 0), sum = 0, squares = 0;
    int running = (int)dg_attr_int(t->attrs, 2);
    all = dg_shape_count(&t->in_shape[0]);
    if (j == 0 && running)
        return (t->in[0][flat] - t->in[3][c]) / sqrt(t->in[4][c] + dg_attr_real(t->attrs, 1)) *
                   t->in[1][c] +
               t->in[2][c];
    if (j == 0)
        return unit_of(t, flat, 1, dg_attr_real(t->attrs, 1), same_channel) * t->in[1][c] +
               t->in[2][c];
    for (int64_t k = c; k < all; k += channels, n++)
        sum += t->in[0][k];
    if (running || n == 0)
        return t->in[2 + j][c];
    for (int64_t k = c; k < all; k += channels)
        squares += (t->in[0][k] - sum / (double)n) * (t->in[0][k] - sum / (double)n);
    return momentum * t->in[2 + j][c] + (1 - momentum) * (j == 1 ? sum : squares) / (double)n;
}

static void test_batchnorm(void **state)
{
    (void)state;
    dg_reference_check("batchnorm", by_channels, 1500);
}

static void test_layernorm(void **state)
{
    (void)state;
    dg_reference_check("layernorm", by_rows, 800);
}

static void test_rmsnorm(void **state)
{
    (void)state;
    dg_reference_check("rmsnorm", by_rows, 800);
}

static void test_groupnorm(void **state)
{
    (void)state;
    dg_reference_check("groupnorm", by_groups, 800);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layernorm),
        cmocka_unit_test(test_rmsnorm),
        cmocka_unit_test(test_groupnorm),
        cmocka_unit_test(test_batchnorm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
