/* Checked arithmetic at its edges. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/checked.h"

static void adds(void **state)
{
    (void)state;
    int64_t r = 7;
    assert_true(dg_add_i64(INT64_MAX - 1, 1, &r) && r == INT64_MAX);
    assert_true(dg_add_i64(0, 0, &r) && r == 0);
    r = 7;
    assert_false(dg_add_i64(INT64_MAX, 1, &r));
    assert_false(dg_add_i64(-1, 1, &r));
    assert_false(dg_add_i64(1, -1, &r));
    assert_false(dg_add_i64(INT64_MIN, INT64_MIN, &r));
    assert_int_equal(r, 7);
    size_t s = 7;
    assert_true(dg_add_size(SIZE_MAX - 1, 1, &s) && s == SIZE_MAX);
    s = 7;
    assert_false(dg_add_size(SIZE_MAX, 1, &s));
    assert_false(dg_add_size(1, SIZE_MAX, &s));
    assert_int_equal(s, 7);
}

static void multiplies(void **state)
{
    (void)state;
    int64_t r;
    assert_true(dg_mul_i64(INT64_MAX, 1, &r) && r == INT64_MAX);
    assert_true(dg_mul_i64(1, INT64_MAX, &r) && r == INT64_MAX);
    assert_true(dg_mul_i64(INT64_MAX, 0, &r) && r == 0);
    assert_true(dg_mul_i64(0, INT64_MAX, &r) && r == 0);
    assert_true(dg_mul_i64(3037000499, 3037000499, &r) && r == 9223372030926249001);
    r = 7;
    assert_false(dg_mul_i64(3037000500, 3037000500, &r));
    assert_false(dg_mul_i64(INT64_MAX / 2 + 1, 2, &r));
    assert_false(dg_mul_i64(-1, 0, &r));
    assert_false(dg_mul_i64(INT64_MIN, -1, &r));
    assert_int_equal(r, 7);
    size_t s = 7;
    assert_true(dg_mul_size(SIZE_MAX / 3, 3, &s) && s == SIZE_MAX);
    assert_true(dg_mul_size(0, SIZE_MAX, &s) && s == 0);
    s = 7;
    assert_false(dg_mul_size(SIZE_MAX / 3 + 1, 3, &s));
    assert_false(dg_mul_size(SIZE_MAX, SIZE_MAX, &s));
    assert_int_equal(s, 7);
}

static void aligns(void **state)
{
    (void)state;
    int64_t r;
    assert_true(dg_align_i64(0, 64, &r) && r == 0);
    assert_true(dg_align_i64(1, 64, &r) && r == 64);
    assert_true(dg_align_i64(64, 64, &r) && r == 64);
    assert_true(dg_align_i64(65, 48, &r) && r == 96);
    assert_true(dg_align_i64(INT64_MAX - 63, 64, &r) && r == INT64_MAX - 63);
    assert_true(dg_align_i64(INT64_MAX, 1, &r) && r == INT64_MAX);
    r = 7;
    assert_false(dg_align_i64(INT64_MAX - 62, 64, &r));
    assert_false(dg_align_i64(5, 0, &r));
    assert_false(dg_align_i64(5, -8, &r));
    assert_false(dg_align_i64(-5, 8, &r));
    assert_int_equal(r, 7);
    size_t s = 7;
    assert_true(dg_align_size(SIZE_MAX - 63, 64, &s) && s == SIZE_MAX - 63);
    s = 7;
    assert_false(dg_align_size(SIZE_MAX - 62, 64, &s));
    assert_false(dg_align_size(5, 0, &s));
    assert_false(dg_size_of_i64(-1, &s));
    assert_int_equal(s, 7);
    assert_true(dg_size_of_i64(INT64_MAX, &s) && s == (size_t)INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(adds), cmocka_unit_test(multiplies),
                                       cmocka_unit_test(aligns)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
