/* Distances and cutoffs of spelling, on pairs that should and should not be suggested. */
#include "lang/suggest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void distances(void **state)
{
    (void)state;
    assert_int_equal(dg_suggest_distance("", ""), 0);
    assert_int_equal(dg_suggest_distance("abc", ""), 3);
    assert_int_equal(dg_suggest_distance("kernal", "kernel"), 1);
    assert_int_equal(dg_suggest_distance("imgae", "image"), 1);
    assert_int_equal(dg_suggest_distance("kitten", "sitting"), 3);
    assert_int_equal(dg_suggest_distance("sitting", "kitten"), 3);
    assert_int_equal(dg_suggest_distance("ca", "abc"), 3); /* a swap's letters stay together */
    assert_true(dg_suggest_distance(
                    "a123456789a123456789a123456789a123456789a123456789a123456789a123", "a") > 60);
}

static const char *suggest(const char *name, const char *const candidates[])
{
    dg_suggest s = {.name = name};
    for (int i = 0; candidates[i]; i++)
        dg_suggest_try(&s, candidates[i]);
    return s.best ? s.best : "";
}

static void names(void **state)
{
    (void)state;
    const char *const nodes[] = {"conv", "relu", "linear", "softmax_cross_entropy",
                                 "x",    "tanh", NULL};
    assert_string_equal(suggest("rleu", nodes), "relu");
    assert_string_equal(suggest("reul", nodes), "relu");
    assert_string_equal(suggest("liner", nodes), "linear");
    assert_string_equal(suggest("softmax_crossentropy", nodes), "softmax_cross_entropy");
    assert_string_equal(suggest("softmaxcrosentrop", nodes), "softmax_cross_entropy");
    assert_string_equal(suggest("y", nodes), "");  /* one letter */
    assert_string_equal(suggest("xy", nodes), ""); /* one letter */
    assert_string_equal(suggest("gelu", nodes), "relu");
    assert_string_equal(suggest("selu6", nodes), "");
    assert_string_equal(suggest("attention", nodes), "");
    assert_string_equal(suggest("", nodes), "");
    const char *const equal[] = {"aab", "aac", "aad", NULL};
    assert_string_equal(suggest("aax", equal), "aab"); /* the first of equals */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(distances), cmocka_unit_test(names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
