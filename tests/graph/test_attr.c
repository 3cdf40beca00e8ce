/* Attributes against a table: each message as a user reads it, and each form that is taken. */
#include "graph/attr.h"

#include "base/text.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(a) (int)(sizeof(a) / sizeof((a)[0]))

enum { CHANNELS, KERNEL, PADDING, ALPHA, BIAS, LABEL, SIGMA, MODE, PERM };

static const dg_attr_spec specs[] = {
    [CHANNELS] = {"channels", DG_ATTR_INT, 1, 1, 1048576, NULL, NULL, ""},
    [KERNEL] = {"kernel", DG_ATTR_INT, 2, 1, 1048576, "3", NULL, ""},
    [PADDING] = {"padding", DG_ATTR_INT | DG_ATTR_WORD, 4, 0, 1048576, "same", "same valid", ""},
    [ALPHA] = {"alpha", DG_ATTR_REAL, 1, 0, HUGE_VAL, "0.01", NULL, ""},
    [BIAS] = {"bias", DG_ATTR_BOOL, 1, 0, 1, "true", NULL, ""},
    [LABEL] = {"label", DG_ATTR_TEXT, 1, 0, 0, "", NULL, ""},
    [SIGMA] = {"sigma", DG_ATTR_REAL, 1, -HUGE_VAL, 5, "", NULL, ""},
    [MODE] = {"mode", DG_ATTR_WORD, 1, 0, 0, "nearest", "nearest linear", ""},
    [PERM] = {"perm", DG_ATTR_REAL, 3, -HUGE_VAL, HUGE_VAL, "[1, 2,0.5]", NULL, ""},
};

static const dg_input_spec inputs[] = {
    {"x", 0, NULL},
    {"weight", DG_IN_PARAMETER, "auto"},
    {"bias", DG_IN_PARAMETER | DG_IN_OPTIONAL, "zeros"},
    {"mask", DG_IN_OPTIONAL, NULL},
};

static const dg_attr_table conv = {"conv", specs, COUNT(specs), inputs, COUNT(inputs)};
static const dg_attr_table plain = {"scale", specs, COUNT(specs), NULL, 0};
static const dg_value some = {1};

static dg_attr number(const char *name, int n, const double *x)
{
    return (dg_attr){.name = name, .count = n, .number = x, .start = 40, .end = 49};
}

static dg_attr word(const char *name, const char *w)
{
    return (dg_attr){.name = name, .word = w, .start = 40, .end = 49};
}

static dg_attr value(const char *name)
{
    return (dg_attr){.name = name, .value = &some, .start = 40, .end = 49};
}

/* Checks `channels = 8` and one more attribute. */
static dg_status check(const dg_attr_table *t, dg_attr second, const dg_attrs **out,
                       dg_arena *arena, dg_diag *why)
{
    double eight = 8;
    dg_attr given[] = {number("channels", 1, &eight), second};
    memset(why, 0, sizeof *why);
    return dg_attrs_check(t, 2, given, arena, out, why);
}

static void expect_message(const dg_attr_table *t, dg_attr second, const char *text)
{
    dg_arena arena = dg_arena_make(NULL);
    const dg_attrs *out;
    dg_diag why;
    assert_int_equal(check(t, second, &out, &arena, &why), DG_EMODEL);
    assert_string_equal(why.text, text);
    assert_int_equal(why.code, DG_EMODEL);
    assert_int_equal(why.start, 40);
    assert_int_equal(why.end, 49);
    assert_null(out);
    dg_arena_free(&arena);
}

/* A case of the tables below. */
typedef struct {
    dg_attr given;
    const char *text;
} message;

static void expect_messages(int n, const message *cases)
{
    for (int i = 0; i < n; i++)
        expect_message(&conv, cases[i].given, cases[i].text);
}

static void test_messages_of_whole_numbers(void **state)
{
    (void)state;
    static const double x[] = {0, 1.5, -2, (double)NAN, 2, 0, 6, HUGE_VAL};
    static const double many[17] = {1};
    const message cases[] = {
        {number("kernal", 1, x), "conv has no attribute 'kernal'"},
        {word("", "x"), "conv has no attribute ''"},
        {number("kernel", 1, x), "kernel of conv is 0, it takes 1 to 1048576"},
        {number("kernel", 1, x + 1),
         "kernel of conv is 1.5, it takes 1 to 2 whole numbers, each 1 to 1048576"},
        {number("kernel", 1, x + 2), "kernel of conv is -2, it takes 1 to 1048576"},
        {number("kernel", 1, x + 3),
         "kernel of conv is nan, it takes 1 to 2 whole numbers, each 1 to 1048576"},
        {number("kernel", 1, x + 7),
         "kernel of conv is inf, it takes 1 to 2 whole numbers, each 1 to 1048576"},
        {number("kernel", 2, x + 4), "kernel of conv holds 0, it takes 1 to 1048576"},
        {number("kernel", 3, x + 4),
         "kernel of conv has 3 numbers, it takes 1 to 2 whole numbers, each 1 to 1048576"},
        {number("kernel", 0, x),
         "kernel of conv is empty, it takes 1 to 2 whole numbers, each 1 to 1048576"},
        {number("kernel", 1, NULL),
         "kernel of conv is empty, it takes 1 to 2 whole numbers, each 1 to 1048576"},
        {number("perm", 17, many), "perm of conv has 17 numbers, it takes 1 to 3 numbers"},
        {word("kernel", "big"),
         "kernel of conv is 'big', it takes 1 to 2 whole numbers, each 1 to 1048576"},
        {value("kernel"), "kernel of conv is a value of the graph, it takes 1 to 2 whole numbers, "
                          "each 1 to 1048576"},
        {word("padding", "sam"), "padding of conv is 'sam', it takes same, valid, or 1 to 4 whole "
                                 "numbers, each 0 to 1048576"},
        {word("padding", "same valid"), "padding of conv is 'same valid', it takes same, valid, or "
                                        "1 to 4 whole numbers, each 0 to 1048576"},
        {word("padding", ""), "padding of conv is '', it takes same, valid, or 1 to 4 whole "
                              "numbers, each 0 to 1048576"},
        {number("padding", 1, x + 2), "padding of conv is -2, it takes 0 to 1048576"},
    };
    expect_messages(COUNT(cases), cases);
}

static void test_messages_of_kinds(void **state)
{
    (void)state;
    static const double x[] = {0, 1.5, -2, (double)NAN, 2, 0, 6, HUGE_VAL};
    const char *long_word = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xc3\xa4"
                            "bc";
    const message cases[] = {
        {number("alpha", 1, x + 2), "alpha of conv is -2, it takes at least 0"},
        {number("alpha", 1, x + 3), "alpha of conv is nan, it takes a number, at least 0"},
        {number("alpha", 2, x), "alpha of conv has 2 numbers, it takes a number, at least 0"},
        {number("sigma", 1, x + 6), "sigma of conv is 6, it takes at most 5"},
        {word("alpha", "true"), "alpha of conv is 'true', it takes a number, at least 0"},
        {number("bias", 1, x + 4), "bias of conv is 2, it takes true or false"},
        {number("bias", 1, x + 1), "bias of conv is 1.5, it takes true or false"},
        {word("bias", "yes"), "bias of conv is 'yes', it takes true or false"},
        {number("label", 1, x), "label of conv is a number, it takes a text"},
        {number("label", 2, x), "label of conv has 2 numbers, it takes a text"},
        {number("mode", 1, x), "mode of conv is a number, it takes nearest, linear"},
        {word("mode", "near"), "mode of conv is 'near', it takes nearest, linear"},
        {word("mode", long_word), "mode of conv is 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                  "aaaaaaaaaaaaa...', it takes nearest, linear"},
    };
    expect_messages(COUNT(cases), cases);
}

static void test_messages_of_names(void **state)
{
    (void)state;
    static const double x[] = {0, 1.5, -2, (double)NAN, 2, 0, 6, HUGE_VAL};
    const message cases[] = {
        {word("channels", "x"), "channels of conv is given twice"},
        {number("weight", 1, x), "weight of conv is not a value, it takes a value of the graph"},
        {word("mask", "m"), "mask of conv is not a value, it takes a value of the graph"},
        {number("init", 1, x),
         "init of conv is not a text, it takes an initialiser, as normal(0.1)"},
        {value("bias_init"),
         "bias_init of conv is not a text, it takes an initialiser, as normal(0.1)"},
        {number("name", 1, x), "name of conv is not a text, it takes a text"},
        {word("mask_init", "he"), "conv has no attribute 'mask_init'"},
        {word("x_init", "he"), "conv has no attribute 'x_init'"},
    };
    expect_messages(COUNT(cases), cases);
    expect_message(&plain, word("init", "he"), "scale has no attribute 'init'");
    expect_message(&plain, word("name", "he"), "scale has no attribute 'name'");
    expect_message(&plain, value("weight"), "scale has no attribute 'weight'");
}

static void test_missing(void **state)
{
    (void)state;
    dg_arena arena = dg_arena_make(NULL);
    const dg_attrs *out;
    dg_diag why = {0};
    assert_int_equal(dg_attrs_check(&conv, 0, NULL, &arena, &out, &why), DG_EMODEL);
    assert_string_equal(why.text,
                        "channels of conv is not given, it takes a whole number, 1 to 1048576");
    assert_int_equal(why.end, 0);
    dg_attr nameless = {.word = "x"};
    memset(&why, 0, sizeof why);
    assert_int_equal(dg_attrs_check(&conv, 1, &nameless, &arena, &out, &why), DG_EUSAGE);
    assert_string_equal(why.text, "an attribute of conv has no name");
    dg_arena_free(&arena);
}

static void test_defaults(void **state)
{
    (void)state;
    dg_arena arena = dg_arena_make(NULL);
    const dg_attrs *a;
    dg_diag why;
    assert_int_equal(check(&plain, word("label", ""), &a, &arena, &why), DG_OK);
    assert_int_equal(a->n, COUNT(specs));
    assert_int_equal(dg_attr_int(a, CHANNELS), 8);
    assert_int_equal(a->v[KERNEL].count, 1);
    assert_int_equal(dg_attr_int(a, KERNEL), 3);
    assert_int_equal(a->v[PADDING].word, 0);
    assert_int_equal(a->v[PADDING].count, 0);
    assert_true(dg_attr_real(a, ALPHA) == 0.01);
    assert_int_equal(a->v[ALPHA].word, -1);
    assert_int_equal(a->v[BIAS].count, 1);
    assert_int_equal(dg_attr_int(a, BIAS), 1);
    assert_string_equal(a->v[LABEL].text, "");
    assert_int_equal(a->v[SIGMA].count, 0);
    assert_int_equal(a->v[SIGMA].word, -1);
    assert_int_equal(a->v[PERM].count, 3);
    assert_true(a->v[PERM].number[0] == 1 && a->v[PERM].number[1] == 2);
    assert_true(a->v[PERM].number[2] == 0.5);
    dg_arena_free(&arena);
}

static void test_taken(void **state)
{
    (void)state;
    static const double x[] = {1048576, 1, -HUGE_VAL, 0};
    dg_arena arena = dg_arena_make(NULL);
    const dg_attrs *a;
    dg_diag why;
    char text[] = "a\nb";
    assert_int_equal(check(&conv, number("kernel", 2, x), &a, &arena, &why), DG_OK);
    assert_true(a->v[KERNEL].count == 2 && a->v[KERNEL].number[0] == 1048576);
    assert_int_equal(check(&conv, word("padding", "valid"), &a, &arena, &why), DG_OK);
    assert_int_equal(a->v[PADDING].word, 1);
    assert_int_equal(check(&conv, number("padding", 1, x + 3), &a, &arena, &why), DG_OK);
    assert_int_equal(a->v[PADDING].word, -1);
    assert_int_equal(check(&conv, number("sigma", 1, x + 2), &a, &arena, &why), DG_OK);
    assert_true(isinf(dg_attr_real(a, SIGMA)));
    assert_int_equal(check(&conv, word("bias", "false"), &a, &arena, &why), DG_OK);
    assert_true(a->v[BIAS].count == 1 && dg_attr_int(a, BIAS) == 0);
    assert_int_equal(check(&conv, number("bias", 1, x + 3), &a, &arena, &why), DG_OK);
    assert_int_equal(dg_attr_int(a, BIAS), 0);
    assert_int_equal(check(&conv, value("bias"), &a, &arena, &why), DG_OK);
    assert_int_equal(dg_attr_int(a, BIAS), 1); /* a value of that name is an input */
    assert_int_equal(check(&conv, value("x"), &a, &arena, &why), DG_OK);
    assert_int_equal(check(&conv, word("bias_init", "ones"), &a, &arena, &why), DG_OK);
    assert_int_equal(check(&conv, word("weight_init", "ones"), &a, &arena, &why), DG_OK);
    assert_int_equal(check(&conv, word("name", "h"), &a, &arena, &why), DG_OK);
    assert_int_equal(check(&conv, word("label", text), &a, &arena, &why), DG_OK);
    text[0] = 'z'; /* the attributes keep a copy */
    assert_string_equal(a->v[LABEL].text, "a\nb");
    dg_arena_free(&arena);
}

static void test_names(void **state)
{
    (void)state;
    char text[256], small[8], room[DG_ATTR_NAME_ROOM];
    assert_string_equal(dg_attr_names(&conv, text, sizeof text),
                        "channels, kernel, padding, alpha, bias, label, sigma, mode, perm, weight, "
                        "mask, init, bias_init, name");
    assert_string_equal(dg_attr_names(&conv, small, sizeof small), "channel");
    assert_string_equal(dg_attr_names(&plain, text, sizeof text),
                        "channels, kernel, padding, alpha, bias, label, sigma, mode, perm");
    int n = 0;
    for (const char *name; (name = dg_attr_name_at(&conv, n, room)); n++)
        assert_true(dg_attr_known(&conv, name));
    assert_int_equal(n, 14);
    assert_null(dg_attr_name_at(&conv, n + 1, room));
    assert_null(dg_attr_name_at(&conv, -1, room));
    assert_true(dg_attr_known(&conv, "x"));
    assert_false(dg_attr_known(&conv, "kernal"));
    assert_int_equal(dg_attr_init_of(&conv, "init"), 1);
    assert_int_equal(dg_attr_init_of(&conv, "bias_init"), 2);
    assert_int_equal(dg_attr_init_of(&conv, "bias"), -1);
    assert_int_equal(dg_attr_init_of(&plain, "init"), -1);
}

static void test_takes(void **state)
{
    (void)state;
    static const struct {
        int spec;
        const char *takes, *range;
    } cases[] = {
        {CHANNELS, "a whole number, 1 to 1048576", "1 to 1048576"},
        {PADDING, "same, valid, or 1 to 4 whole numbers, each 0 to 1048576", "0 to 1048576"},
        {ALPHA, "a number, at least 0", "at least 0"},
        {BIAS, "true or false", "0 to 1"},
        {LABEL, "a text", "0 to 0"},
        {SIGMA, "a number, at most 5", "at most 5"},
        {PERM, "1 to 3 numbers", ""},
    };
    char text[128];
    for (int i = 0; i < COUNT(cases); i++) {
        const dg_attr_spec *s = &specs[cases[i].spec];
        assert_string_equal(dg_attr_takes(s, text, sizeof text), cases[i].takes);
        assert_string_equal(dg_attr_range(s, text, sizeof text), cases[i].range);
    }
    dg_attr_spec both = {"size", DG_ATTR_REAL | DG_ATTR_BOOL | DG_ATTR_TEXT, 1, 0, 1, "", NULL, ""};
    assert_string_equal(dg_attr_takes(&both, text, sizeof text),
                        "a number, 0 to 1, or true or false, or a text");
}

/* A wrong default is found by the same check, with the attribute's name. */
static void test_wrong_preset(void **state)
{
    (void)state;
    const dg_attr_spec wrong = {"alpha", DG_ATTR_REAL, 1, 0, 1, "2", NULL, ""};
    const dg_attr_table t = {"mine", &wrong, 1, NULL, 0};
    dg_arena arena = dg_arena_make(NULL);
    const dg_attrs *out;
    dg_diag why = {0};
    assert_int_equal(dg_attrs_check(&t, 0, NULL, &arena, &out, &why), DG_EMODEL);
    assert_string_equal(why.text, "alpha of mine is 2, it takes 0 to 1");
    dg_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_of_whole_numbers),
        cmocka_unit_test(test_messages_of_kinds),
        cmocka_unit_test(test_messages_of_names),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_takes),
        cmocka_unit_test(test_wrong_preset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
