/* Types and shapes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dagrad/tensor.h>
#include <string.h>

#define SHAPE(...)                                                                                 \
    dg_shape_make((int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),                       \
                  (int64_t[]){__VA_ARGS__})

static void types_have_sizes_and_names(void **state)
{
    (void)state;
    assert_int_equal(dg_type_bytes(DG_F32), 4);
    assert_int_equal(dg_type_bytes(DG_F64), 8);
    assert_int_equal(dg_type_bytes(DG_I32), 4);
    assert_int_equal(dg_type_bytes(DG_U8), 1);
    assert_string_equal(dg_type_name(DG_F64), "f64");
    assert_string_equal(dg_type_name(DG_U8), "u8");
    assert_int_equal(dg_type_bytes((dg_type)77), 0);
    assert_string_equal(dg_type_name((dg_type)77), "?");
}

static void count(dg_shape s, int64_t whole, int64_t row)
{
    assert_int_equal(dg_shape_count(&s), whole);
    assert_int_equal(dg_shape_row(&s), row);
}

static void counts_elements(void **state)
{
    (void)state;
    count(dg_shape_make(0, NULL), 1, 1);
    count(SHAPE(7), 7, 1);
    count(SHAPE(2, 3, 5), 30, 15);
    count(SHAPE(DG_N, 28, 28, 1), -1, 784);
    count(SHAPE(0, 3), 0, 3);
    count(SHAPE(3, 0), 0, 0);
    count(SHAPE(INT64_MAX, 1), INT64_MAX, 1);
    count(SHAPE(2, INT64_MAX), -1, INT64_MAX);
    count(SHAPE(1, INT64_MAX, 2), -1, -1);
    count(SHAPE(1, INT64_MAX, 2, 0), 0, 0);
    count(SHAPE(0, 2, -5), -1, -1);
    count(SHAPE(2, 2, 2, 2, 2, 2, 2, 2), 256, 128);
    count(SHAPE(1, 1, 1, 1, 1, 1, 1, 1, 1), 1, 1); /* rank 9: the shape of rank 0 */
    assert_int_equal(SHAPE(1, 1, 1, 1, 1, 1, 1, 1, 1).rank, 0);
    assert_int_equal(dg_shape_make(-1, NULL).rank, 0);
}

static void compares(void **state)
{
    (void)state;
    dg_shape a = SHAPE(2, 3), b = SHAPE(2, 3), c = SHAPE(3, 2), d = SHAPE(2, 3, 1);
    assert_true(dg_shape_equal(&a, &b));
    assert_false(dg_shape_equal(&a, &c));
    assert_false(dg_shape_equal(&a, &d));
    b.dim[5] = 9; /* past the rank: does not count */
    assert_true(dg_shape_equal(&a, &b));
}

static void prints(void **state)
{
    (void)state;
    char text[64];
    dg_shape s = SHAPE(DG_N, 28, 28, 1), scalar = dg_shape_make(0, NULL), large = SHAPE(INT64_MAX);
    assert_string_equal(dg_shape_text(&s, text, sizeof text), "[N, 28, 28, 1]");
    assert_string_equal(dg_shape_text(&scalar, text, sizeof text), "[]");
    assert_string_equal(dg_shape_text(&large, text, sizeof text), "[9223372036854775807]");
    const char *whole = "[N, 28, 28, 1]";
    for (size_t n = 1; n < sizeof text; n++) {
        memset(text, '#', sizeof text);
        dg_shape_text(&s, text, n);
        size_t length = n - 1 < strlen(whole) ? n - 1 : strlen(whole);
        assert_memory_equal(text, whole, length);
        assert_int_equal(text[length], 0);
        assert_int_equal(length + 1 < sizeof text ? text[length + 1] : '#', '#');
    }
    text[0] = '#';
    dg_shape_text(&s, text, 0);
    assert_int_equal(text[0], '#');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_have_sizes_and_names),
        cmocka_unit_test(counts_elements),
        cmocka_unit_test(compares),
        cmocka_unit_test(prints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
