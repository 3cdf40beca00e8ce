/* What nodes do at kinks, poles, 0 and -0, infinities and NaN, by value, for both types and on
 * every instruction set; rows that are masked; ties; sums of more than 2^24 ones; sums of
 * nothing. */
#include "ops/rig.h"
#include "ops/registry.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define INF HUGE_VAL
#define NOT ((double)NAN) /* not a number */

enum { MOST = 8 };

/* Equal, NaN to NaN, up to the last digits of f32 where the number is not whole. */
static int is(double found, double want)
{
    if (isnan(want) || isnan(found))
        return isnan(want) && isnan(found);
    return found == want || (isfinite(want) && fabs(found - want) <= 1e-6 * fabs(want));
}

static void expect(const dg_rig *r, const char *what, const void *p, const double *want, int64_t n)
{
    for (int64_t k = 0; k < n; k++)
        if (!is(dg_rig_get(r, p, k), want[k]))
            fail_msg("%s, f%d on %s: %s[%lld] is %g, not %g", r->trial->text,
                     r->real == DG_F32 ? 32 : 64, r->isa, what, (long long)k, dg_rig_get(r, p, k),
                     want[k]);
}

/* A node of one input: z, error vector e, and what must come out: x, and d as delta and, with e as
 * perturbation, as tangent (NULL: not looked at). */
typedef struct {
    const char *node, *attrs;
    int n;
    double z[MOST], e[MOST], x[MOST], d[MOST];
} point;

static const point POINTS[] = {
    {"neg", "", 4, {0, 1, INF, NOT}, {1, INF, 1, 1}, {0, -1, -INF, NOT}, {-1, -INF, -1, -1}},
    {"abs",
     "",
     6,
     {0, -0.0, -2, 3, -INF, NOT},
     {INF, NOT, 1, 1, 2, 1},
     {0, 0, 2, 3, INF, NOT},
     {0, 0, -1, 1, -2, 0}},
    {"exp",
     "",
     5,
     {0, -INF, INF, 1000, NOT},
     {2, 1, 0, 0, 1},
     {1, 0, INF, INF, NOT},
     {2, 0, 0, 0, NOT}},
    {"log",
     "",
     6,
     {1, 0, 0, -1, INF, NOT},
     {3, 0, 1, 1, 1, 1},
     {0, -INF, -INF, NOT, INF, NOT},
     {3, 0, INF, -1, 0, NOT}},
    {"sqrt",
     "",
     5,
     {4, 0, 0, -1, INF},
     {1, 0, 1, 1, 1},
     {2, 0, 0, NOT, INF},
     {0.25, 0, INF, NOT, 0}},
    {"square", "", 3, {-3, 0, INF}, {1, 1, 1}, {9, 0, INF}, {-6, 0, INF}},
    {"reciprocal",
     "",
     5,
     {2, 0, -0.0, 0, INF},
     {1, 1, 1, 0, 1},
     {0.5, INF, -INF, INF, 0},
     {-0.25, -INF, -INF, 0, 0}},
    {"sin", "", 3, {0, INF, NOT}, {2, 1, 1}, {0, NOT, NOT}, {2, NOT, NOT}},
    {"cos", "", 3, {0, -INF, NOT}, {2, 1, 1}, {1, NOT, NOT}, {0, NOT, NOT}},
    {"clip",
     "min=-1, max=2",
     8,
     {-3, -1, 0, 2, 5, INF, -INF, NOT},
     {NOT, 1, 2, 3, INF, 1, 1, 1},
     {-1, -1, 0, 2, 2, 2, -1, NOT},
     {0, 1, 2, 3, 0, 0, 0, 0}},
    {"clip", "min=0", 3, {-1, 7, INF}, {1, 1, 1}, {0, 7, INF}, {0, 1, 1}},
    {"clip", "max=0", 3, {-1, 7, -INF}, {1, 1, 1}, {-1, 0, -INF}, {1, 0, 1}},
    {"tanh",
     "",
     5,
     {0, INF, -INF, 1000, NOT},
     {2, 1, 1, 1, 1},
     {0, 1, -1, 1, NOT},
     {2, 0, 0, 0, NOT}},
    {"sigmoid",
     "",
     5,
     {0, INF, -INF, -1000, NOT},
     {2, 1, 1, 1, 1},
     {0.5, 1, 0, 0, NOT},
     {0.5, 0, 0, 0, NOT}},
    {"relu",
     "",
     7,
     {0, -0.0, -1, 2, INF, -INF, NOT},
     {1, 1, NOT, 3, 1, INF, 1},
     {0, 0, 0, 2, INF, 0, NOT},
     {0, 0, 0, 3, 1, 0, 0}},
    {"leaky_relu",
     "alpha=0.5",
     5,
     {0, -2, 2, -INF, INF},
     {1, 1, 1, 1, 1},
     {0, -1, 2, -INF, INF},
     {0.5, 0.5, 1, 0.5, 1}},
    {"elu",
     "alpha=2",
     5,
     {0, 3, -INF, INF, NOT},
     {1, 1, 1, 1, 1},
     {0, 3, -2, INF, NOT},
     {2, 1, 0, 1, NOT}},
    {"elu",
     "",
     4,
     {-20, -40, -1, 0},
     {1, 1, 1, 1},
     {-0.99999999793884638, -1, -0.63212055882855768, 0},
     {2.0611536224385578e-9, 4.2483542552915890e-18, 0.36787944117144233, 1}},
    {"gelu", "", 4, {-INF, INF, NOT, 0}, {1, 1, 1, 2}, {0, INF, NOT, 0}, {0, 1, NOT, 1}},
    {"gelu",
     "approximate=tanh",
     4,
     {-INF, INF, NOT, 0},
     {1, 1, 1, 2},
     {0, INF, NOT, 0},
     {0, 1, NOT, 1}},
    {"silu", "", 4, {-INF, INF, NOT, 0}, {1, 1, 1, 2}, {0, INF, NOT, 0}, {0, 1, NOT, 1}},
    {"softsign", "", 4, {-INF, INF, NOT, 0}, {1, 1, 1, 2}, {-1, 1, NOT, 0}, {0, 0, NOT, 2}},
    {"erf",
     "",
     4,
     {-INF, INF, NOT, 0},
     {1, 1, 1, 2},
     {-1, 1, NOT, 0},
     {0, 0, NOT, 2.2567583341910251}},
    {"selu",
     "",
     4,
     {-INF, INF, NOT, 0},
     {1, 1, 1, 1},
     {-1.7580993408473766, INF, NOT, 0},
     {0, 1.0507009873554805, NOT, 1.7580993408473766}},
    {"hardsigmoid",
     "",
     6,
     {-INF, INF, NOT, 0, -3, 3},
     {1, 1, 1, 6, 1, 1},
     {0, 1, NOT, 0.5, 0, 1},
     {0, 0, 0, 1, 0, 0}},
    {"hardswish",
     "",
     6,
     {-INF, INF, NOT, 0, -3, 3},
     {1, 1, 1, 6, 1, 1},
     {0, INF, NOT, 0, 0, 3},
     {0, 1, NOT, 3, 0, 1}},
    {"softplus",
     "",
     4,
     {0, 1000, -INF, INF},
     {2, 1, 1, 1},
     {0.69314718055994531, 1000, 0, INF},
     {1, 1, 0, 1}},
    {"softmax", "", 3, {-INF, -INF, -INF}, {1, INF, NOT}, {0, 0, 0}, {0, 0, 0}},
    {"softmax", "", 3, {-INF, 5, -INF}, {INF, 2, NOT}, {0, 1, 0}, {0, 0, 0}},
    {"softmax", "", 2, {1e30, 1e30}, {1, 3}, {0.5, 0.5}, {-0.5, 0.5}},
    {"softmax", "", 2, {NOT, 0}, {1, 1}, {NOT, NOT}, {NOT, NOT}},
    {"log_softmax", "", 3, {-INF, -INF, -INF}, {1, INF, NOT}, {0, 0, 0}, {0, 0, 0}},
    {"max", "", 5, {1, 3, -2, 3, 0}, {2}, {3}, {0, 2, 0, 0, 0}},
    {"max", "", 3, {1, NOT, NOT}, {2}, {NOT}, {0, 2, 0}},
    {"max", "", 2, {-INF, -INF}, {2}, {-INF}, {2, 0}},
    {"min", "", 5, {1, 3, -2, -2, 0}, {2}, {-2}, {0, 0, 2, 0, 0}},
    {"min", "", 3, {1, NOT, 0}, {2}, {NOT}, {0, 2, 0}},
    {"sum", "", 0, {0}, {2}, {0}, {0}},
    {"norm", "", 2, {3, -4}, {2}, {5}, {1.2, -1.6}},
    {"norm", "", 2, {3e30, -4e30}, {2}, {5e30}, {1.2, -1.6}},
    {"norm", "", 2, {3e-30, -4e-30}, {2}, {5e-30}, {1.2, -1.6}},
    {"norm", "p=1", 3, {3, -4, 0}, {2}, {7}, {2, -2, 0}},
    {"norm", "", 3, {0, -0.0, 0}, {1}, {0}, {0, 0, 0}},
    {"norm", "", 2, {NOT, 1}, {0}, {NOT}, {0, 0}},
    {"norm", "", 0, {0}, {2}, {0}, {0}},
    {"mean", "", 4, {1, 2, 3, 6}, {2}, {3}, {0.5, 0.5, 0.5, 0.5}},
    {"sum", "", 3, {INF, 1, -INF}, {2}, {NOT}, {2, 2, 2}},
    {"pad", "pads=[1, 2], value=7", 2, {NOT, 3}, {NOT, 1, 2, NOT, NOT}, {7, NOT, 3, 7, 7}, {1, 2}},
    {"slice", "axis=0, start=1, end=-1", 4, {NOT, 1, 2, NOT}, {5, 6}, {1, 2}, {0, 5, 6, 0}},
};

static void check_point(const point *p, dg_type real, const dg_isa *isa)
{
    dg_shape shape = {1, {p->n}};
    const double *in[] = {p->z};
    dg_trial t;
    dg_rig r;
    dg_trial_make(&t, p->node, p->attrs, 1, &shape, in, 0);
    dg_rig_open(&r, &t, real, isa, 1);
    for (int64_t k = 0; k < dg_rig_out_count(&r, 0); k++)
        dg_rig_set(&r, r.eps[0], k, p->e[k]);
    dg_rig_forward(&r, DG_WHOLE);
    expect(&r, "x", r.out[0], p->x, dg_rig_out_count(&r, 0));
    dg_rig_adjoint(&r, DG_WHOLE, 0);
    expect(&r, "d", r.delta[0], p->d, p->n);
    if (t.type->flags & DG_POINTWISE) {
        for (int64_t k = 0; k < p->n; k++)
            dg_rig_set(&r, r.din[0], k, p->e[k]);
        dg_rig_tangent(&r, DG_WHOLE, 0);
        expect(&r, "dx", r.dout[0], p->d, p->n);
    }
    dg_rig_close(&r);
    dg_trial_free(&t);
}

/* Of two inputs: a, b, e, x, and the error vectors of both. */
typedef struct {
    const char *node;
    int n;
    double a[MOST], b[MOST], e[MOST], x[MOST], da[MOST], db[MOST];
} pair;

static const pair PAIRS[] = {
    {"mul", 3, {0, INF, 2}, {3, 2, NOT}, {1, 1, 1}, {0, INF, NOT}, {3, 2, NOT}, {0, INF, 2}},
    {"div",
     5,
     {1, 0, 1, 3, 1},
     {0, 0, 0, 2, INF},
     {0, 0, 1, 1, 1},
     {INF, NOT, INF, 1.5, 0},
     {0, 0, INF, 0.5, 0},
     {0, 0, -INF, -0.75, 0}},
    {"pow",
     8,
     {0, 0, 0, 2, -2, -2, 0, INF},
     {0, 1, 2, 0, 2, 3, -1, 1},
     {1, 1, 1, 1, 1, 1, 0, 1},
     {1, 0, 0, 1, 4, -8, INF, INF},
     {0, 1, 0, 0, -4, 12, 0, 1},
     {0, 0, 0, 0.69314718055994531, NOT, NOT, 0, INF}},
    {"maximum",
     7,
     {1, 2, 0, -INF, NOT, 1, NOT},
     {1, 3, -0.0, INF, 1, NOT, NOT},
     {1, INF, NOT, 1, 1, 1, 1},
     {1, 3, 0, INF, NOT, NOT, NOT},
     {1, 0, NOT, 0, 1, 0, 1},
     {0, INF, 0, 1, 0, 1, 0}},
    {"minimum",
     7,
     {1, 2, 0, -INF, NOT, 1, NOT},
     {1, 3, -0.0, INF, 1, NOT, NOT},
     {1, INF, NOT, 1, 1, 1, 1},
     {1, 2, 0, -INF, NOT, NOT, NOT},
     {1, INF, NOT, 1, 1, 0, 1},
     {0, 0, 0, 0, 0, 1, 0}},
};

static const pair COMPARED[] = {
    {"greater",
     6,
     {1, 2, NOT, 0, INF, 1},
     {1, 1, 1, -0.0, 1, NOT},
     {1},
     {0, 1, 0, 0, 1, 0},
     {0},
     {0}},
    {"less",
     6,
     {1, 2, NOT, 0, -INF, 1},
     {1, 3, 1, -0.0, 1, NOT},
     {1},
     {0, 1, 0, 0, 1, 0},
     {0},
     {0}},
    {"equal",
     6,
     {1, 2, NOT, 0, INF, 1},
     {1, 3, NOT, -0.0, INF, 2},
     {1},
     {1, 0, 0, 1, 1, 0},
     {0},
     {0}},
    {"not_equal",
     6,
     {1, 2, NOT, 0, 1, 1},
     {1, 3, NOT, -0.0, 2, 1},
     {1},
     {0, 1, 1, 0, 1, 0},
     {0},
     {0}},
};

static void check_pair(const pair *p, dg_type real, const dg_isa *isa)
{
    dg_shape shape[2] = {{1, {p->n}}, {1, {p->n}}};
    const double *in[] = {p->a, p->b};
    dg_trial t;
    dg_rig r;
    dg_trial_make(&t, p->node, "", 2, shape, in, 0);
    dg_rig_open(&r, &t, real, isa, 1);
    for (int64_t k = 0; k < p->n; k++)
        dg_rig_set(&r, r.eps[0], k, p->e[k]);
    dg_rig_forward(&r, DG_WHOLE);
    expect(&r, "x", r.out[0], p->x, p->n);
    dg_rig_adjoint(&r, DG_WHOLE, -1);
    expect(&r, "da", r.delta[0], p->da, p->n);
    expect(&r, "db", r.delta[1], p->db, p->n);
    dg_rig_close(&r);
    dg_trial_free(&t);
}

static void test_points(void **state)
{
    const dg_isa *isa;
    (void)state;
    for (int k = 0; (isa = dg_rig_isa(k)); k++)
        for (int wide = 0; wide < 2; wide++)
            for (size_t i = 0; i < sizeof POINTS / sizeof POINTS[0]; i++)
                check_point(&POINTS[i], wide ? DG_F64 : DG_F32, isa);
}

static void test_pairs(void **state)
{
    const dg_isa *isa;
    (void)state;
    for (int k = 0; (isa = dg_rig_isa(k)); k++)
        for (int wide = 0; wide < 2; wide++) {
            for (size_t i = 0; i < sizeof PAIRS / sizeof PAIRS[0]; i++)
                check_pair(&PAIRS[i], wide ? DG_F64 : DG_F32, isa);
            for (size_t i = 0; i < sizeof COMPARED / sizeof COMPARED[0]; i++)
                check_pair(&COMPARED[i], wide ? DG_F64 : DG_F32, isa);
        }
}

/* What is not chosen may be anything; 0 and -0 choose b, a NaN a. */
static void test_where(void **state)
{
    (void)state;
    const double c[] = {0, -0.0, 1, -2, NOT}, a[] = {NOT, INF, 3, 4, 5}, b[] = {1, 2, NOT, INF, 7};
    const double x[] = {1, 2, 3, 4, 5}, e[] = {1, 2, 3, 4, 5}, zero[5] = {0};
    const double da[] = {0, 0, 3, 4, 5}, db[] = {1, 2, 0, 0, 0}, *in[] = {c, a, b};
    dg_shape shape[3] = {{1, {5}}, {1, {5}}, {1, {5}}};
    dg_trial t;
    dg_rig r;
    dg_trial_make(&t, "where", "", 3, shape, in, 0);
    dg_rig_open(&r, &t, DG_F32, dg_isa_at(0), 1);
    for (int k = 0; k < 5; k++)
        dg_rig_set(&r, r.eps[0], k, e[k]);
    dg_rig_forward(&r, DG_WHOLE);
    expect(&r, "x", r.out[0], x, 5);
    dg_rig_adjoint(&r, DG_WHOLE, -1);
    expect(&r, "dc", r.delta[0], zero, 5);
    expect(&r, "da", r.delta[1], da, 5);
    expect(&r, "db", r.delta[2], db, 5);
    dg_rig_close(&r);
    dg_trial_free(&t);
}

/* One masked row among others, along an axis that is not the last. */
static void test_masked_column(void **state)
{
    (void)state;
    const double z[] = {-INF, 1, -INF, 1, -INF, 1}, x[] = {0, 1 / 3.0, 0, 1 / 3.0, 0, 1 / 3.0};
    const double *in[] = {z};
    dg_shape shape = {2, {3, 2}};
    dg_trial t;
    dg_rig r;
    dg_trial_make(&t, "softmax", "axis=0", 1, &shape, in, 0);
    dg_rig_open(&r, &t, DG_F32, dg_isa_at(0), 1);
    dg_rig_forward(&r, DG_WHOLE);
    expect(&r, "x", r.out[0], x, 6);
    dg_rig_adjoint(&r, DG_WHOLE, 0);
    for (int k = 0; k < 6; k += 2)
        assert_true(dg_rig_get(&r, r.delta[0], k) == 0);
    dg_rig_close(&r);
    dg_trial_free(&t);
}

/* f32: 2^25 + 1024 ones. As one row, and as columns of which each has more than 2^24. */
static float sum_of(const char *node, const float *ones, int64_t rows, int64_t columns, int axis,
                    const dg_isa *isa)
{
    dg_attr_value v[2] = {{.count = 1, .word = -1, .number = {axis}}, {.count = 1, .word = -1}};
    dg_attrs attrs = {2, v};
    dg_shape in = {2, {rows, columns}}, out = {1, {axis ? rows : columns}};
    float x[4] = {0};
    const void *p[] = {ones};
    void *q[] = {x};
    dg_call c = {.size = sizeof c,
                 .attrs = &attrs,
                 .n_in = 1,
                 .n_out = 1,
                 .in_shape = &in,
                 .out_shape = &out,
                 .row1 = out.dim[0],
                 .parts = 1,
                 .in = p,
                 .out = q};
    assert_int_equal(isa->math[0][dg_builtin_find(node)]->forward(&c), DG_OK);
    assert_true(out.dim[0] == 1 || x[0] == x[1]);
    return x[0];
}

static void test_long_sums(void **state)
{
    const int64_t n = (1 << 25) + 1024;
    const dg_isa *isa;
    float *ones = malloc((size_t)n * sizeof *ones);
    (void)state;
    assert_non_null(ones);
    for (int64_t k = 0; k < n; k++)
        ones[k] = 1;
    for (int k = 0; (isa = dg_rig_isa(k)); k++) {
        assert_true(sum_of("sum", ones, 1, n, 1, isa) == (float)n);
        assert_true(sum_of("sum", ones, n / 2, 2, 0, isa) == (float)(n / 2));
        assert_true(sum_of("mean", ones, 1, n, 1, isa) == 1);
        assert_true(sum_of("mean", ones, n / 2, 2, 0, isa) == 1);
    }
    free(ones);
}

/* Of nothing there is no mean and no extreme. */
static void test_nothing(void **state)
{
    static const char *const nodes[] = {"mean", "max", "min"};
    const dg_attr_value v[2] = {{.count = 1, .word = -1, .number = {1}}, {.count = 1, .word = -1}};
    const dg_attrs attrs = {2, v};
    (void)state;
    for (int i = 0; i < 3; i++) {
        const dg_node_type *t = dg_builtin_at(dg_builtin_find(nodes[i]));
        dg_shape empty = {2, {DG_N, 0}}, some = {2, {DG_N, 1}}, out;
        dg_diag why = {.code = DG_OK};
        assert_int_equal(t->shape(&attrs, 1, &some, &out, &why), DG_OK);
        assert_int_equal(t->shape(&attrs, 1, &empty, &out, &why), DG_EMODEL);
        assert_string_equal(why.text, "there is nothing along axis 1 of [N, 0]");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),       cmocka_unit_test(test_points),
        cmocka_unit_test(test_pairs),         cmocka_unit_test(test_where),
        cmocka_unit_test(test_masked_column), cmocka_unit_test(test_long_sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
