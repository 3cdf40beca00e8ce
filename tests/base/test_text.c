/* Numbers and text: what is printed reads back, and a locale with a decimal comma changes
 * nothing. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/philox.h"
#include "base/text.h"
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void read(const char *text, double want, size_t used)
{
    double got = 12345;
    const char *end = dg_read_f64(text, &got);
    assert_non_null(end);
    assert_int_equal(end - text, used);
    assert_true(got == want && signbit(got) == signbit(want));
}

static void reads_numbers(void **state)
{
    (void)state;
    read("0", 0, 1);
    read("-0.0", -0.0, 4);
    read("12", 12, 2);
    read("+1.5", 1.5, 4);
    read(".5x", 0.5, 2);
    read("5.", 5, 2);
    read("1e3", 1000, 3);
    read("1E-3,7", 0.001, 4);
    read("1e", 1, 1);
    read("1e+", 1, 1);
    read("1,5", 1, 1);
    read("1_000", 1, 1);
    read("0x10", 0, 1);
    read("-0x10", -0.0, 2);
    read("inf", HUGE_VAL, 3);
    read("-Infinity!", -HUGE_VAL, 9);
    read("infinit", HUGE_VAL, 3);
    read("1e999", HUGE_VAL, 5);
    read("1e-999", 0, 6);
    read("4.9406564584124654e-324", 0x1p-1074, 23);
    read("9007199254740993", 9007199254740992, 16); /* a tie, to even */
    read("2.2250738585072011e-308", 0x1.ffffffffffffep-1023, 23);
    double got;
    assert_int_equal(strcmp(dg_read_f64("nan(1)", &got), "(1)"), 0);
    assert_true(isnan(got));
}

static void refuses_what_is_none(void **state)
{
    (void)state;
    static const char *const none[] = {"",     " 1", "-",   "+",   ".", "e5",
                                       "-.e1", "x",  "--1", "\t2", "in"};
    double d = 7;
    float f = 7;
    int64_t i = 7;
    for (size_t k = 0; k < sizeof none / sizeof none[0]; k++) {
        assert_null(dg_read_f64(none[k], &d));
        assert_null(dg_read_f32(none[k], &f));
        assert_null(dg_read_i64(none[k], &i));
    }
    assert_true(d == 7 && f == 7 && i == 7);
}

/* One rounding: the nearest double of this number is a tie for float and would go down. */
static void rounds_to_f32_once(void **state)
{
    (void)state;
    float f;
    assert_non_null(dg_read_f32("1.00000005960464477540", &f));
    assert_true(f == 0x1.000002p0F);
    double d;
    dg_read_f64("1.00000005960464477540", &d);
    assert_true((float)d == 1);
}

static void reads_integers(void **state)
{
    (void)state;
    int64_t i = 7;
    assert_string_equal(dg_read_i64("-12a", &i), "a");
    assert_int_equal(i, -12);
    assert_non_null(dg_read_i64("+0009", &i));
    assert_int_equal(i, 9);
    assert_non_null(dg_read_i64("-0", &i));
    assert_int_equal(i, 0);
    assert_non_null(dg_read_i64("9223372036854775807", &i));
    assert_true(i == INT64_MAX);
    assert_non_null(dg_read_i64("-9223372036854775808", &i));
    assert_true(i == INT64_MIN);
    i = 7;
    assert_null(dg_read_i64("9223372036854775808", &i));
    assert_null(dg_read_i64("-9223372036854775809", &i));
    assert_null(dg_read_i64("99999999999999999999999999", &i));
    assert_int_equal(i, 7);
}

static void prints_short(void **state)
{
    (void)state;
    char t[DG_NUMBER_TEXT];
    assert_string_equal(dg_f64_text(0.1, t), "0.1");
    assert_string_equal(dg_f32_text(0.1F, t), "0.1");
    assert_string_equal(dg_f64_text(0.1 + 0.2, t), "0.30000000000000004");
    assert_string_equal(dg_f64_text(-0.0, t), "-0");
    assert_string_equal(dg_f64_text(1e300, t), "1e+300");
    assert_string_equal(dg_f64_text(-HUGE_VAL, t), "-inf");
    assert_string_equal(dg_f64_text(-(double)NAN, t), "nan");
    assert_string_equal(dg_f32_text(16777216, t), "16777216");
}

static void reads_back_what_it_prints(void **state)
{
    (void)state;
    char t[DG_NUMBER_TEXT];
    for (uint64_t i = 0; i < 20000; i++) {
        uint32_t w[4];
        dg_philox_block((uint64_t[2]){1, 2}, i, w);
        double d, back;
        float f, back32;
        memcpy(&d, w, sizeof d);
        memcpy(&f, w + 2, sizeof f);
        assert_non_null(dg_read_f64(dg_f64_text(d, t), &back));
        assert_true(isnan(d) ? isnan(back) : memcmp(&d, &back, sizeof d) == 0);
        assert_non_null(dg_read_f32(dg_f32_text(f, t), &back32));
        assert_true(isnan(f) ? isnan(back32) : memcmp(&f, &back32, sizeof f) == 0);
    }
}

/* A locale of this test's own, made here, as none may be installed: German numbers. */
static int make_comma_locale(char *folder)
{
    char command[512];
    snprintf(
        command, sizeof command,
        "cd '%s' && { sed 's/^decimal_point .*/decimal_point \",\"/' /usr/share/i18n/locales/C "
        "> comma || true; } 2>/dev/null; localedef -c -i comma -f UTF-8 '%s/comma.UTF-8' "
        ">/dev/null 2>&1",
        folder, folder);
    if (system(command) == -1)
        return 0;
    setenv("LOCPATH", folder, 1);
    return setlocale(LC_ALL, "comma.UTF-8") || setlocale(LC_ALL, "de_DE.UTF-8") ||
           setlocale(LC_ALL, "fr_FR.UTF-8");
}

static void no_locale_matters(void **state)
{
    (void)state;
    char folder[] = "/tmp/dagrad-locale-XXXXXX", clean[64], t[DG_NUMBER_TEXT], with[16];
    assert_non_null(mkdtemp(folder));
    int comma = make_comma_locale(folder);
    snprintf(clean, sizeof clean, "rm -rf %s", folder);
    assert_int_equal(system(clean), 0);
    if (!comma) {
        print_message("no locale with a decimal comma here\n");
        skip();
    }
    snprintf(with, sizeof with, "%.1f", 1.5);
    assert_string_equal(with, "1,5"); /* the locale does what it should */
    reads_numbers(state);
    reads_back_what_it_prints(state);
    assert_string_equal(dg_f64_text(1.5, t), "1.5");
    dg_diag d = {0};
    dg_diag_set(&d, DG_EMODEL, "%g", 2.5);
    assert_string_equal(d.text, "2.5");
    snprintf(with, sizeof with, "%.1f", 1.5);
    assert_string_equal(with, "1,5"); /* and is the program's own again */
    setlocale(LC_ALL, "C");
}

static void *failing(void *user, size_t n)
{
    int *left = user;
    return (*left)-- > 0 ? malloc(n) : NULL;
}

static void builds_text(void **state)
{
    (void)state;
    dg_memory m = {0};
    dg_text t = dg_text_make(&m);
    assert_string_equal(t.data, "");
    assert_int_equal(m.allocs, 0);
    assert_true(dg_text_printf(&t, "%s = %d", "alpha", 3));
    assert_true(dg_text_add(&t, "; ") && dg_text_f64(&t, 0.1) && dg_text_add_bytes(&t, "xyz", 1));
    assert_true(dg_text_f32(&t, -2.5F));
    assert_string_equal(t.data, "alpha = 3; 0.1x-2.5");
    assert_int_equal(t.length, strlen(t.data));
    size_t length = t.length;
    for (int i = 0; i < 3000; i++)
        assert_true(dg_text_printf(&t, "%d,", i % 10));
    assert_int_equal(t.length, length + 6000);
    assert_string_equal(t.data + t.length - 4, "8,9,");
    assert_true(m.allocs < 12);
    dg_text_free(&t);
    assert_int_equal(m.bytes, 0);
    assert_string_equal(t.data, "");
    dg_text_free(&t);
}

static void failure_sticks_to_text(void **state)
{
    (void)state;
    int left = 1;
    dg_memory m = {.user = &left, .alloc = failing};
    m.free = NULL;
    dg_text t = dg_text_make(&m);
    assert_true(dg_text_add(&t, "first"));
    assert_false(dg_text_printf(&t, "%200d", 1));
    assert_false(dg_text_add(&t, "x"));
    assert_true(t.failed);
    assert_string_equal(t.data, "first");
    dg_text_free(&t);
    assert_false(t.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_numbers),          cmocka_unit_test(refuses_what_is_none),
        cmocka_unit_test(rounds_to_f32_once),     cmocka_unit_test(reads_integers),
        cmocka_unit_test(prints_short),           cmocka_unit_test(reads_back_what_it_prints),
        cmocka_unit_test(no_locale_matters),      cmocka_unit_test(builds_text),
        cmocka_unit_test(failure_sticks_to_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
