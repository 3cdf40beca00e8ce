/* What attention computes, against its definition in plain loops, and what it gives where nothing
 * is seen. */
#include "ops/reference.h"
#include "ops/rig.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static double mask_at(const dg_trial *t, int64_t n, int64_t h, int64_t i, int64_t j)
{
    if (t->n_in < 4 || t->in_shape[3].rank < 0)
        return 0;
    int64_t own[4], whole[4] = {n, h, i, j};
    const dg_shape *m = &t->in_shape[3];
    for (int k = 0; k < m->rank; k++)
        own[k] = m->dim[k] == 1 ? 0 : whole[4 - m->rank + k];
    return t->in[3][dg_ravel(m, own)];
}

static double score(const dg_trial *t, int64_t n, int64_t h, int64_t i, int64_t j)
{
    const dg_shape *q = &t->in_shape[0], *k = &t->in_shape[1];
    int64_t d = q->dim[2] / dg_attr_int(t->attrs, 0);
    double sum = 0, scale = d > 0 ? 1 / sqrt((double)d) : 1;
    if (t->attrs->v[2].count)
        scale = dg_attr_real(t->attrs, 2);
    for (int64_t c = h * d; c < (h + 1) * d; c++)
        sum += t->in[0][(n * q->dim[1] + i) * q->dim[2] + c] *
               t->in[1][(n * k->dim[1] + j) * k->dim[2] + c];
    return scale * sum + mask_at(t, n, h, i, j);
}

static double attended(const dg_trial *t, int out, int64_t flat)
{
    const dg_shape *y = &t->out_shape[out], *v = &t->in_shape[2];
    int64_t at[DG_MAX_RANK], e = v->dim[2] / dg_attr_int(t->attrs, 0);
    dg_unravel(y, flat, at);
    int64_t n = at[0], i = at[1], h = at[2] / e;
    double weights = 0, sum = 0;
    for (int64_t j = 0; j < v->dim[1] && (!dg_attr_int(t->attrs, 1) || j <= i); j++) {
        double w = exp(score(t, n, h, i, j));
        weights += w;
        sum += w * t->in[2][(n * v->dim[1] + j) * v->dim[2] + at[2]];
    }
    return weights > 0 ? sum / weights : 0;
}

static void test_attention(void **state)
{
    (void)state;
    dg_reference_check("attention", attended, 500);
}

/* Two places, the first of which sees nothing: 0, and no NaN comes back. */
static void test_nothing_seen(void **state)
{
    (void)state;
    double q[2] = {1, 2}, mask[4] = {-HUGE_VAL, -HUGE_VAL, 0, -HUGE_VAL};
    const double *in[4] = {q, q, q, mask};
    dg_shape three = dg_shape_make(3, (int64_t[]){DG_N, 2, 1});
    dg_shape shapes[4] = {three, three, three, dg_shape_make(2, (int64_t[]){2, 2})};
    dg_trial t;
    dg_rig r;
    dg_trial_make(&t, "attention", "heads=1", 4, shapes, in, 1);
    dg_rig_open(&r, &t, DG_F64, dg_isa_at(0), 1);
    dg_rig_forward(&r, DG_WHOLE);
    assert_true(dg_rig_get(&r, r.out[0], 0) == 0);
    assert_true(dg_rig_get(&r, r.out[0], 1) == 1); /* the mean of the one it sees */
    dg_rig_adjoint(&r, DG_WHOLE, -1);
    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; i < 2; i++)
            assert_true(dg_rig_get(&r, r.delta[k], i) == 0);
    assert_true(dg_rig_get(&r, r.delta[2], 0) == dg_rig_get(&r, r.eps[0], 1));
    assert_true(dg_rig_get(&r, r.delta[2], 1) == 0);
    dg_rig_close(&r);
    dg_trial_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attention),
        cmocka_unit_test(test_nothing_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
