/* Optimizers as numbers: defaults, every range with its message, schedules against values written
 * out by hand from their formulas. */
#include <dagrad/optimizer.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(a) (int)(sizeof(a) / sizeof((a)[0]))

static void test_defaults(void **state)
{
    (void)state;
    static const struct {
        dg_optimizer_kind kind;
        double rate, decay, beta2;
        int moments;
    } cases[] = {{DG_GD, 0.01, 0, 0.999, 0},
                 {DG_SGD, 0.01, 0, 0.999, 0},
                 {DG_ADAM, 1e-3, 0, 0.999, 2},
                 {DG_ADAMW, 1e-3, 0.01, 0.999, 2},
                 {DG_RMSPROP, 1e-3, 0, 0.99, 1}};
    for (int i = 0; i < COUNT(cases); i++) {
        dg_optimizer o = dg_optimizer_default(cases[i].kind);
        dg_diag why = {0};
        assert_int_equal(dg_optimizer_check(&o, &why), DG_OK);
        assert_int_equal(o.kind, cases[i].kind);
        assert_true(o.rate == cases[i].rate && o.decay == cases[i].decay);
        assert_true(o.beta1 == 0.9 && o.beta2 == cases[i].beta2 && o.epsilon == 1e-8);
        assert_true(o.momentum == 0 && o.clip == 0 && !o.nesterov);
        assert_int_equal(dg_optimizer_moments(&o), cases[i].moments);
        assert_int_equal(o.schedule.kind, DG_RATE_FIXED);
        assert_true(dg_optimizer_rate(&o, 0) == o.rate);
        assert_true(dg_optimizer_rate(&o, UINT64_MAX) == o.rate);
    }
    dg_optimizer o = dg_optimizer_default(DG_SGD);
    o.momentum = 0.9;
    assert_int_equal(dg_optimizer_moments(&o), 1);
}

static void expect(const dg_optimizer *o, const char *text)
{
    dg_diag why = {0};
    assert_int_equal(dg_optimizer_check(o, &why), DG_EUSAGE);
    assert_string_equal(why.text, text);
    assert_int_equal(dg_optimizer_check(o, NULL), DG_EUSAGE);
}

static void test_ranges(void **state)
{
    (void)state;
    static const struct {
        size_t offset;
        double x;
        const char *text;
    } cases[] = {
        {offsetof(dg_optimizer, rate), 0, "rate is 0, it takes a number above 0"},
        {offsetof(dg_optimizer, rate), -0.5, "rate is -0.5, it takes a number above 0"},
        {offsetof(dg_optimizer, rate), (double)NAN, "rate is nan, it takes a number above 0"},
        {offsetof(dg_optimizer, rate), HUGE_VAL, "rate is inf, it takes a number above 0"},
        {offsetof(dg_optimizer, momentum), 1, "momentum is 1, it takes a number from 0 to below 1"},
        {offsetof(dg_optimizer, momentum), -0.1,
         "momentum is -0.1, it takes a number from 0 to below 1"},
        {offsetof(dg_optimizer, decay), -1, "decay is -1, it takes a number 0 or more"},
        {offsetof(dg_optimizer, beta1), 1, "beta1 is 1, it takes a number from 0 to below 1"},
        {offsetof(dg_optimizer, beta2), (double)NAN,
         "beta2 is nan, it takes a number from 0 to below 1"},
        {offsetof(dg_optimizer, epsilon), 0, "epsilon is 0, it takes a number above 0"},
        {offsetof(dg_optimizer, clip), -1, "clip is -1, it takes a number 0 or more"},
        {offsetof(dg_optimizer, clip), HUGE_VAL, "clip is inf, it takes a number 0 or more"},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        dg_optimizer o = dg_optimizer_default(DG_ADAM);
        memcpy((char *)&o + cases[i].offset, &cases[i].x, sizeof cases[i].x);
        expect(&o, cases[i].text);
    }
    dg_optimizer o = dg_optimizer_default(DG_ADAM);
    o.kind = (dg_optimizer_kind)5;
    expect(&o, "there is no optimizer of kind 5");
    o.kind = (dg_optimizer_kind)-1;
    expect(&o, "there is no optimizer of kind -1");
    o = dg_optimizer_default(DG_ADAM);
    o.size = 0;
    expect(&o, "an optimizer starts from dg_optimizer_default");
}

static void test_ranges_of_schedules(void **state)
{
    (void)state;
    static const struct {
        dg_schedule s;
        const char *text;
    } cases[] = {
        {{DG_RATE_STEP, 0, 0.5, 0, 0, 0},
         "every of the schedule is 0, it takes a whole number, at least 1"},
        {{DG_RATE_STEP, 2, 0, 0, 0, 0}, "factor of the schedule is 0, it takes a number above 0"},
        {{DG_RATE_COSINE, 1, 1, -1, 0, 10},
         "warmup of the schedule is -1, it takes a whole number, at least 0"},
        {{DG_RATE_COSINE, 1, 1, 0, 0, 0},
         "steps of the schedule is 0, it takes a whole number, at least 1"},
        {{DG_RATE_LINEAR, 1, 1, 0, -2, 10},
         "final of the schedule is -2, it takes a number 0 or more"},
        {{DG_RATE_LINEAR, 1, 1, 0, (double)NAN, 10},
         "final of the schedule is nan, it takes a number 0 or more"},
        {{(dg_schedule_kind)4, 1, 1, 0, 0, 10}, "there is no schedule of kind 4"},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        dg_optimizer o = dg_optimizer_default(DG_SGD);
        o.schedule = cases[i].s;
        expect(&o, cases[i].text);
    }
}

/* Values by hand; those of one product or sum are exact, those with a cosine within 1e-15. */
static void test_schedules(void **state)
{
    (void)state;
    static const struct {
        dg_schedule s;
        uint64_t step;
        double rate, tolerance;
    } cases[] = {
        /* rate 0.5, every 3, factor 0.1: 0.5, 0.05, 0.005 */
        {{DG_RATE_STEP, 3, 0.1, 0, 0, 0}, 0, 0.5, 0},
        {{DG_RATE_STEP, 3, 0.1, 0, 0, 0}, 2, 0.5, 0},
        {{DG_RATE_STEP, 3, 0.1, 0, 0, 0}, 3, 0.5 * 0.1, 0},
        {{DG_RATE_STEP, 3, 0.1, 0, 0, 0}, 5, 0.5 * 0.1, 0},
        {{DG_RATE_STEP, 3, 0.1, 0, 0, 0}, 6, 0.5 * (0.1 * 0.1), 0},
        {{DG_RATE_STEP, 1, 0.5, 0, 0, 0}, 10, 0.5 / 1024, 0},
        {{DG_RATE_STEP, 1, 0.5, 0, 0, 0}, UINT64_MAX, 0, 0},
        /* warmup 4: 1/4, 2/4, 3/4, 4/4 of the rate, then p = (step - 4) / 8 */
        {{DG_RATE_COSINE, 1, 1, 4, 0.1, 12}, 0, 0.125, 0},
        {{DG_RATE_COSINE, 1, 1, 4, 0.1, 12}, 3, 0.5, 0},
        {{DG_RATE_COSINE, 1, 1, 4, 0.1, 12}, 4, 0.5, 1e-15},
        {{DG_RATE_COSINE, 1, 1, 4, 0.1, 12}, 6, 0.1 + 0.4 * (1 + 0.70710678118654752) / 2, 1e-15},
        {{DG_RATE_COSINE, 1, 1, 4, 0.1, 12}, 8, 0.3, 1e-15},
        {{DG_RATE_COSINE, 1, 1, 4, 0.1, 12}, 10, 0.1 + 0.4 * (1 - 0.70710678118654752) / 2, 1e-15},
        {{DG_RATE_COSINE, 1, 1, 4, 0.1, 12}, 12, 0.1, 1e-15},
        {{DG_RATE_COSINE, 1, 1, 4, 0.1, 12}, 1000, 0.1, 1e-15}, /* past the end it stays */
        {{DG_RATE_COSINE, 1, 1, 0, 0, 6}, 0, 0.5, 1e-15},
        {{DG_RATE_COSINE, 1, 1, 0, 0, 6}, 2, 0.375, 1e-15}, /* cos(pi/3) = 1/2 */
        {{DG_RATE_COSINE, 1, 1, 0, 0, 6}, 4, 0.125, 1e-15},
        {{DG_RATE_COSINE, 1, 1, 0, 0, 6}, 6, 0, 1e-15},
        {{DG_RATE_COSINE, 1, 1, 20, 0, 6}, 5, 0.5 * 6 / 20, 0}, /* a run shorter than its warmup */
        {{DG_RATE_COSINE, 1, 1, 20, 0, 6}, 20, 0, 1e-15},
        /* line: 0.5 + (0.1 - 0.5) p */
        {{DG_RATE_LINEAR, 1, 1, 2, 0.1, 10}, 1, 0.5, 0},
        {{DG_RATE_LINEAR, 1, 1, 2, 0.1, 10}, 2, 0.5, 0},
        {{DG_RATE_LINEAR, 1, 1, 2, 0.1, 10}, 4, 0.4, 1e-16},
        {{DG_RATE_LINEAR, 1, 1, 2, 0.1, 10}, 8, 0.2, 1e-16},
        {{DG_RATE_LINEAR, 1, 1, 2, 0.1, 10}, 10, 0.1, 1e-16},
        {{DG_RATE_LINEAR, 1, 1, 2, 0.9, 10}, 6, 0.7, 2e-16}, /* final may be above the rate */
    };
    for (int i = 0; i < COUNT(cases); i++) {
        dg_optimizer o = dg_optimizer_default(DG_SGD);
        o.rate = 0.5;
        o.schedule = cases[i].s;
        assert_int_equal(dg_optimizer_check(&o, NULL), DG_OK);
        assert_true(fabs(dg_optimizer_rate(&o, cases[i].step) - cases[i].rate) <=
                    cases[i].tolerance);
    }
}

/* The rate never leaves what warmup, rate and final span, and falls step by step. */
static void test_monotone(void **state)
{
    (void)state;
    for (int kind = DG_RATE_COSINE; kind <= DG_RATE_LINEAR; kind++) {
        dg_optimizer o = dg_optimizer_default(DG_ADAM);
        o.schedule = (dg_schedule){(dg_schedule_kind)kind, 1, 1, 100, 1e-5, 5000};
        double last = 0;
        for (uint64_t t = 0; t < 5000; t++) {
            double rate = dg_optimizer_rate(&o, t);
            assert_true(rate > 0 && rate <= o.rate);
            assert_true(t < 100 ? rate > last : rate <= last);
            last = rate;
        }
        assert_true(last < 2e-5 && last >= 1e-5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_ranges_of_schedules),
        cmocka_unit_test(test_schedules),
        cmocka_unit_test(test_monotone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
