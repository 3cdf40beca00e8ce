/* dropout: the mask is that of the words of Philox, element by element; its share is the rate; it
 * is the same in f, G and tangent, for any cut, and another with another key; outside training
 * there is none. */
#include "base/philox.h"
#include "ops/registry.h"
#include "ops/rig.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* One call on rows row0 .. row1-1 of x [rows, row]; y may be x. */
typedef struct {
    int64_t rows, row, row0, row1;
    int training, f64;
    double rate;
    uint64_t key[2];
    const dg_isa *isa;
} call;

enum { FORWARD, ADJOINT, TANGENT };

static void run(const call *k, int which, const void *x, void *y)
{
    int node = dg_builtin_find("dropout");
    dg_attr_value rate = {.count = 1, .word = -1, .number = {k->rate}};
    dg_attrs attrs = {1, &rate};
    dg_shape shape = {2, {k->rows, k->row}};
    const void *in[] = {which == FORWARD ? x : NULL}, *from[] = {x};
    void *out[] = {which == FORWARD ? y : NULL}, *to[] = {y};
    dg_call c = {.size = sizeof c,
                 .attrs = &attrs,
                 .n_in = 1,
                 .n_out = 1,
                 .in_shape = &shape,
                 .out_shape = &shape,
                 .row0 = k->row0,
                 .row1 = k->row1,
                 .parts = 1,
                 .training = k->training,
                 .key = {k->key[0], k->key[1]},
                 .in = in,
                 .out = out,
                 .eps = which == ADJOINT ? from : NULL,
                 .delta = which == ADJOINT ? to : NULL,
                 .din = which == TANGENT ? from : NULL,
                 .dout = which == TANGENT ? to : NULL};
    const dg_math *m = k->isa->math[k->f64][node];
    dg_fn fn[] = {m->forward, m->adjoint, m->tangent};
    assert_int_equal(fn[which](&c), DG_OK);
}

static call make(const dg_isa *isa, int f64, int64_t rows, int64_t row, double rate)
{
    return (call){.rows = rows,
                  .row = row,
                  .row1 = rows,
                  .training = 1,
                  .f64 = f64,
                  .rate = rate,
                  .key = {0x123456789abcdefU, 0xfedcba9876543210U},
                  .isa = isa};
}

enum { MOST = 1 << 20 };
static float X32[MOST], Y32[MOST];
static double X64[MOST], Y64[MOST];

static void *input(int f64)
{
    return f64 ? (void *)X64 : (void *)X32;
}

static void *output(int f64)
{
    return f64 ? (void *)Y64 : (void *)Y32;
}

static double at(int f64, int64_t i)
{
    return f64 ? Y64[i] : (double)Y32[i];
}

static int fill(void **state)
{
    (void)state;
    for (int i = 0; i < MOST; i++) {
        X32[i] = (float)(i % 1000 + 1);
        X64[i] = i % 1000 + 1;
    }
    return 0;
}

/* The mask as base/philox.h says it. */
static int kept(const call *k, int64_t i)
{
    return (double)dg_uniform_f32(k->key[0], k->key[1], (uint64_t)i) >= k->rate;
}

typedef void per_path(const dg_isa *isa, int f64);

static void each_path(per_path *fn)
{
    const dg_isa *isa;
    for (int k = 0; (isa = dg_rig_isa(k)); k++)
        for (int f64 = 0; f64 < 2; f64++)
            fn(isa, f64);
}

static void words(const dg_isa *isa, int f64)
{
    static const double rates[] = {0, 0.3, 0.5, 0.75, 0.9999};
    for (int k = 0; k < 5; k++)
        for (int which = FORWARD; which <= TANGENT; which++) {
            call c = make(isa, f64, 7, 143, rates[k]);
            run(&c, which, input(f64), output(f64));
            for (int64_t i = 0; i < 7 * 143; i++) {
                double x = X64[i],
                       scale = f64 ? 1 / (1 - c.rate) : (double)(float)(1 / (1 - c.rate));
                double wanted = kept(&c, i) ? x * scale : 0;
                assert_true(at(f64, i) == (f64 ? wanted : (double)(float)wanted));
            }
        }
}

/* A rate that is the number of element 5, and one a hair above it. */
static void border(const dg_isa *isa, int f64)
{
    call c = make(isa, f64, 1, 6, 0);
    double number = (double)dg_uniform_f32(c.key[0], c.key[1], 5);
    c.rate = number;
    run(&c, FORWARD, input(f64), output(f64));
    assert_true(at(f64, 5) > 0);
    c.rate = number + 0x1p-30;
    run(&c, FORWARD, input(f64), output(f64));
    assert_true(at(f64, 5) == 0);
}

static void test_words(void **state)
{
    (void)state;
    each_path(words);
    each_path(border);
}

/* 2^20 elements: the share that is dropped within 5 deviations, the mean of y that of x within 1 %,
 * and neighbours independent. */
static void share(const dg_isa *isa, int f64)
{
    static const double rates[] = {0.1, 0.3, 0.5, 0.8};
    for (int k = 0; k < 4; k++) {
        call c = make(isa, f64, 1024, 1024, rates[k]);
        run(&c, FORWARD, input(f64), output(f64));
        double dropped = 0, both = 0, sum = 0, all = 0, n = MOST, r = rates[k];
        for (int64_t i = 0; i < MOST; i++) {
            dropped += at(f64, i) == 0;
            both += i > 0 && at(f64, i) == 0 && at(f64, i - 1) == 0;
            sum += at(f64, i);
            all += X64[i];
        }
        assert_true(fabs(dropped - n * r) < 5 * sqrt(n * r * (1 - r)));
        assert_true(fabs(both - n * r * r) < 8 * sqrt(n * r * r));
        assert_true(fabs(sum - all) < 0.01 * all);
    }
}

static void test_share(void **state)
{
    (void)state;
    each_path(share);
}

static void cuts(const dg_isa *isa, int f64)
{
    enum { ROWS = 37, ROW = 29, ALL = ROWS * ROW };
    static double whole[ALL];
    call c = make(isa, f64, ROWS, ROW, 0.4);
    run(&c, FORWARD, input(f64), output(f64));
    for (int i = 0; i < ALL; i++)
        whole[i] = at(f64, i);
    memset(output(f64), 0xff, ALL * sizeof(double));
    static const int64_t cut[] = {0, 1, 2, 9, 30, ROWS};
    for (int k = 4; k >= 0; k--) {
        c.row0 = cut[k];
        c.row1 = cut[k + 1];
        run(&c, k % 2 ? ADJOINT : FORWARD, input(f64), output(f64));
    }
    int differs = 0;
    for (int i = 0; i < ALL; i++)
        assert_true(at(f64, i) == whole[i]);
    c = make(isa, f64, ROWS, ROW, 0.4);
    c.key[1]++;
    run(&c, FORWARD, input(f64), output(f64));
    for (int i = 0; i < ALL; i++)
        differs += (at(f64, i) == 0) != (whole[i] == 0);
    assert_true(differs > ALL / 3);
}

static void test_cuts(void **state)
{
    (void)state;
    each_path(cuts);
}

/* Not in training: the input itself; and a NaN that is dropped is 0. */
static void passes(const dg_isa *isa, int f64)
{
    call c = make(isa, f64, 3, 50, 0.5);
    c.training = 0;
    run(&c, FORWARD, input(f64), output(f64));
    for (int i = 0; i < 150; i++)
        assert_true(at(f64, i) == X64[i]);
    c.training = 1;
    for (int i = 0; i < 150; i++) {
        Y32[i] = NAN;
        Y64[i] = (double)NAN;
    }
    run(&c, FORWARD, output(f64), output(f64));
    for (int i = 0; i < 150; i++)
        assert_true(kept(&c, i) ? isnan(at(f64, i)) : at(f64, i) == 0);
}

static void test_passes(void **state)
{
    (void)state;
    each_path(passes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_share),
        cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_passes),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
