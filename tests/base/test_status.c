/* Statuses: the first failure stays, on one line, whatever the locale. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dagrad/status.h>
#include <string.h>

static void has_a_text_for_each(void **state)
{
    (void)state;
    assert_string_equal(dg_status_text(DG_OK), "no error");
    for (int s = DG_OK; s <= DG_EINTERNAL; s++)
        for (int t = DG_OK; t < s; t++)
            assert_string_not_equal(dg_status_text((dg_status)s), dg_status_text((dg_status)t));
    assert_string_equal(dg_status_text((dg_status)99), "unknown status");
}

static void keeps_the_first(void **state)
{
    (void)state;
    dg_diag d = {0};
    assert_int_equal(dg_diag_set(&d, DG_OK, "nothing"), DG_OK);
    assert_string_equal(d.text, "");
    assert_int_equal(dg_diag_set(&d, DG_EMODEL, "%s has %d inputs", "linear", 3), DG_EMODEL);
    assert_int_equal(dg_diag_set(&d, DG_EFILE, "later"), DG_EMODEL);
    assert_int_equal(dg_diag_set(&d, DG_OK, "later"), DG_EMODEL);
    assert_string_equal(d.text, "linear has 3 inputs");
    assert_int_equal(dg_diag_set(NULL, DG_EDATA, "%d", 1), DG_EDATA);
}

static void stays_on_one_line(void **state)
{
    (void)state;
    dg_diag d = {0};
    dg_diag_set(&d, DG_EFILE, "cannot open '%s'", "a\nb\x1b[31m\x7f");
    assert_string_equal(d.text, "cannot open 'a?b?[31m?'");
}

static void is_cut_at_a_character(void **state)
{
    (void)state;
    for (size_t before = 0; before < 3; before++) {
        dg_diag d = {0};
        char name[1000];
        memset(name, 'x', before);
        for (size_t i = before; i + 3 < sizeof name; i += 3)
            memcpy(name + i, "\xe2\x88\x82", 4); /* a character of three bytes */
        dg_diag_set(&d, DG_EDATA, "%s", name);
        size_t n = strlen(d.text);
        assert_true(n < sizeof d.text && n + 3 >= sizeof d.text - 1);
        assert_int_equal((n - before) % 3, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_a_text_for_each),
        cmocka_unit_test(keeps_the_first),
        cmocka_unit_test(stays_on_one_line),
        cmocka_unit_test(is_cut_at_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
