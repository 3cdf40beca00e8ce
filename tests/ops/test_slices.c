/* What nodes that pick and add slices compute, against plain loops: gather, embedding, position,
 * cumsum. */
#include "ops/reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int axis_of(const dg_trial *t)
{
    int64_t axis = dg_attr_int(t->attrs, 0);
    return (int)(axis < 0 ? axis + t->in_shape[0].rank : axis);
}

/* The index of y is: those of x before the axis, those of ids (the first shared, by rows), those of
 * x after it. */
static double gathered(const dg_trial *t, int j, int64_t flat)
{
    int64_t y[DG_MAX_RANK], x[DG_MAX_RANK], ids[DG_MAX_RANK] = {0};
    int axis = axis_of(t), by_rows = (int)dg_attr_int(t->attrs, 1), n = axis;
    dg_unravel(&t->out_shape[j], flat, y);
    ids[0] = y[0];
    for (int k = by_rows; k < t->in_shape[1].rank; k++)
        ids[k] = y[n++];
    for (int k = 0; k < axis; k++)
        x[k] = y[k];
    x[axis] = (int64_t)t->in[1][dg_ravel(&t->in_shape[1], ids)];
    for (int k = axis + 1; k < t->in_shape[0].rank; k++)
        x[k] = y[n++];
    return t->in[0][dg_ravel(&t->in_shape[0], x)];
}

static double embedded(const dg_trial *t, int j, int64_t flat)
{
    int64_t units = t->in_shape[1].dim[1];
    (void)j;
    return t->in[1][(int64_t)t->in[0][flat / units] * units + flat % units];
}

static double placed(const dg_trial *t, int j, int64_t flat)
{
    return t->in[1][flat % dg_shape_row(&t->out_shape[j])];
}

static double summed(const dg_trial *t, int j, int64_t flat)
{
    int64_t at[DG_MAX_RANK];
    int axis = axis_of(t), exclusive = (int)dg_attr_int(t->attrs, 1);
    int reverse = (int)dg_attr_int(t->attrs, 2);
    dg_unravel(&t->out_shape[j], flat, at);
    int64_t own = at[axis];
    double sum = 0;
    for (int64_t k = 0; k < t->in_shape[0].dim[axis]; k++) {
        at[axis] = k;
        if ((reverse ? k > own : k < own) || (k == own && !exclusive))
            sum += t->in[0][dg_ravel(&t->in_shape[0], at)];
    }
    return sum;
}

static void test_gather(void **state)
{
    (void)state;
    dg_reference_check("gather", gathered, 40000);
}

static void test_embedding(void **state)
{
    (void)state;
    dg_reference_check("embedding", embedded, 40000);
}

static void test_position(void **state)
{
    (void)state;
    dg_reference_check("position", placed, 40000);
}

static void test_cumsum(void **state)
{
    (void)state;
    dg_reference_check("cumsum", summed, 4000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gather),
        cmocka_unit_test(test_embedding),
        cmocka_unit_test(test_position),
        cmocka_unit_test(test_cumsum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
