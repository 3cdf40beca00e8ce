/* The look of messages: places, carets, windows, order, limits, colours, control characters. */
#include "lang/diag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    dg_arena arena;
    dg_source source;
    dg_diags diags;
    dg_text out;
} fixture;

static void set_up(fixture *f, const char *text)
{
    f->arena = dg_arena_make(NULL);
    f->source = dg_source_make(&f->arena);
    f->diags = dg_diags_make(NULL, &f->source);
    f->out = dg_text_make(NULL);
    if (text)
        assert_int_equal(dg_source_add(&f->source, "a.dag", text, strlen(text), false), 0);
}

/* Compares, and gives everything back. */
static void check(fixture *f, bool color, const char *expected)
{
    dg_diags_text(&f->diags, &f->out, color);
    assert_string_equal(f->out.data, expected);
    dg_text_free(&f->out);
    dg_diags_free(&f->diags);
    dg_arena_free(&f->arena);
}

/* The span of the first `what` in the text. */
static dg_span span_of(const fixture *f, const char *what)
{
    const char *at = strstr(f->source.texts[0].text, what);
    assert_non_null(at);
    int start = 1 + (int)(at - f->source.texts[0].text);
    return (dg_span){start, start + (int)strlen(what)};
}

static void the_contract(void **state)
{
    (void)state;
    fixture f;
    set_up(&f, "# one\nz = conv(z, 64, kernal=3)\n");
    dg_diags_at(&f.diags, span_of(&f, "kernal"), "kernel", "conv takes: channels, kernel",
                "conv has no attribute '%s'", "kernal");
    check(&f, false,
          "a.dag:2:17: error: conv has no attribute 'kernal'\n"
          "    z = conv(z, 64, kernal=3)\n"
          "                    ^~~~~~   did you mean 'kernel'?\n"
          "    conv takes: channels, kernel\n");
}

static void code_points_and_tabs(void **state)
{
    (void)state;
    fixture f;
    set_up(&f, "\tgrüße = \"größe\" + wrong");
    dg_diags_at(&f.diags, span_of(&f, "wrong"), NULL, NULL, "found");
    dg_diags_at(&f.diags, span_of(&f, "\"größe\""), NULL, NULL, "found");
    check(&f, false,
          "a.dag:1:10: error: found\n"
          "     grüße = \"größe\" + wrong\n"
          "             ^~~~~~~\n"
          "a.dag:1:20: error: found\n"
          "     grüße = \"größe\" + wrong\n"
          "                       ^~~~~\n");
}

static void over_several_lines(void **state)
{
    (void)state;
    fixture f;
    set_up(&f, "a = f(x,\r\n  y)\r\n");
    dg_diags_at(&f.diags, span_of(&f, "f(x,\r\n  y)"), NULL, "one\ntwo", "found");
    dg_diags_at(&f.diags, (dg_span){1 + 16, 1 + 16}, NULL, NULL, "the end");
    check(&f, false,
          "a.dag:1:5: error: found\n"
          "    a = f(x,\n"
          "        ^~~~\n"
          "    one\n"
          "    two\n"
          "a.dag:3:1: error: the end\n"
          "    \n"
          "    ^\n");
}

static void long_lines(void **state)
{
    (void)state;
    char line[512] = "", expected[1024];
    fixture f;
    memset(line, 'a', 300);
    memcpy(line + 200, "wrong", 5);
    set_up(&f, line);
    dg_diags_at(&f.diags, span_of(&f, "wrong"), "right", NULL, "found");
    snprintf(expected, sizeof expected,
             "a.dag:1:201: error: found\n    ...%.100s...\n%56s^~~~~   did you mean 'right'?\n",
             line + 151, "");
    check(&f, false, expected);
}

static void elsewhere(void **state)
{
    (void)state;
    fixture f;
    set_up(&f, "x\n");
    dg_message m = {.code = DG_EDATA,
                    .file = "data.csv",
                    .line = 17,
                    .found = "no number",
                    .suggest = "b",
                    .fits = "columns: a, b"};
    dg_diags_add(&f.diags, &m);
    m = (dg_message){.code = DG_EMODEL, .found = "the model has no output"};
    dg_diags_add(&f.diags, &m);
    m = (dg_message){.code = DG_EUSAGE, .file = "x.dag", .found = "there is no such file"};
    dg_diags_add(&f.diags, &m);
    dg_diags_at(&f.diags, span_of(&f, "x"), NULL, NULL, "first");
    assert_int_equal(dg_diags_status(&f.diags), DG_EMODEL);
    check(&f, false,
          "a.dag:1:1: error: first\n"
          "    x\n"
          "    ^\n"
          "data.csv:17: error: no number\n"
          "    did you mean 'b'?\n"
          "    columns: a, b\n"
          "a.dag: error: the model has no output\n"
          "x.dag: error: there is no such file\n");
}

static void failures_of_handles(void **state)
{
    (void)state;
    fixture f;
    set_up(&f, "z = f(x)\n");
    dg_diag why = {.code = DG_EDATA, .text = "not a gz file", .file = "a.gz"};
    dg_diags_failure(&f.diags, &why, span_of(&f, "f(x)"));
    why = (dg_diag){.code = DG_EMODEL, .text = "bad x", .start = 7, .end = 8};
    dg_diags_failure(&f.diags, &why, span_of(&f, "f(x)"));
    why = (dg_diag){.code = DG_EDATA};
    dg_diags_failure(&f.diags, &why, span_of(&f, "f(x)"));
    assert_int_equal(dg_diags_status(&f.diags), DG_EDATA);
    check(&f, false,
          "a.dag:1:5: error: the data are not valid\n"
          "    z = f(x)\n"
          "        ^~~~\n"
          "a.dag:1:7: error: bad x\n"
          "    z = f(x)\n"
          "          ^\n"
          "a.gz: error: not a gz file\n"
          "    named in a.dag:1\n");
}

static void what_a_terminal_obeys(void **state)
{
    (void)state;
    fixture f;
    set_up(&f, "a\033[2J\xff\xc2\x9b"
               "b\n");
    dg_diags_at(&f.diags, span_of(&f, "b"), NULL, "fits\a", "found '\033c'");
    check(&f, false,
          "a.dag:1:8: error: found '?c'\n"
          "    a?[2J??b\n"
          "           ^\n"
          "    fits?\n");
}

static void options(void **state)
{
    (void)state;
    fixture f;
    set_up(&f, "x\n");
    assert_int_equal(dg_source_add(&f.source, "--set", "widht=3", 7, true), 1);
    int start = f.source.texts[1].start;
    dg_diags_at(&f.diags, (dg_span){start, start + 5}, "width", NULL, "there is no 'widht'");
    check(&f, false,
          "--set: error: there is no 'widht'\n"
          "    widht=3\n"
          "    ^~~~~   did you mean 'width'?\n");
}

static void order_and_number(void **state)
{
    (void)state;
    char text[1024] = "", first[64];
    fixture f;
    memset(text, 'x', 300);
    set_up(&f, text);
    for (int i = 299; i >= 0; i--)
        for (int twice = 0; twice < 2; twice++)
            dg_diags_at(&f.diags, (dg_span){1 + i, 2 + i}, NULL, NULL, "found %d", i);
    assert_int_equal(f.diags.n, DG_DIAGS_KEPT);
    for (int i = 0; i < f.diags.n; i++) {
        snprintf(first, sizeof first, "found %d", i);
        assert_string_equal(f.diags.messages[i].found, first);
    }
    dg_diags_text(&f.diags, &f.out, false);
    assert_non_null(strstr(f.out.data, "a.dag:1:20: error: found 19\n"));
    assert_null(strstr(f.out.data, "found 20"));
    assert_non_null(strstr(f.out.data, "\nand more than 179 errors more\n"));
    dg_text_free(&f.out);
    dg_diags_free(&f.diags);
    dg_arena_free(&f.arena);
}

static void colors(void **state)
{
    (void)state;
    fixture f;
    set_up(&f, "x y\n");
    dg_diags_at(&f.diags, span_of(&f, "y"), "z", NULL, "found");
    check(&f, true,
          "\033[1ma.dag:1:3: \033[31merror:\033[0m\033[1m found\033[0m\n"
          "    x y\n"
          "      \033[32m^\033[0m   did you mean 'z'?\n");
}

static void places(void **state)
{
    (void)state;
    fixture f;
    dg_place p;
    set_up(&f, "ab\n\ncd");
    assert_false(dg_source_place(&f.source, 0, &p));
    assert_true(dg_source_place(&f.source, 1, &p));
    assert_int_equal(p.line * 100 + p.column, 101);
    assert_true(dg_source_place(&f.source, 3, &p)); /* the newline is the end of its line */
    assert_int_equal(p.line * 100 + p.column, 103);
    assert_int_equal(dg_source_line(&f.source, 4), 2);
    assert_true(dg_source_place(&f.source, 7, &p)); /* after the last byte */
    assert_int_equal(p.line * 100 + p.column, 303);
    assert_int_equal(dg_source_line(&f.source, 8), 0);
    assert_string_equal(dg_source_bytes(&f.source, (dg_span){5, 7}), "cd");
    assert_string_equal(dg_source_bytes(&f.source, (dg_span){0, 0}), "");
    check(&f, false, "");
}

static void utf8(void **state)
{
    (void)state;
    assert_int_equal(dg_utf8("a", 1), 1);
    assert_int_equal(dg_utf8("\xC3\xA4", 2), 2);
    assert_int_equal(dg_utf8("\xC3\xA4", 1), 0);
    assert_int_equal(dg_utf8("\xE2\x82\xAC", 3), 3);
    assert_int_equal(dg_utf8("\xF0\x9F\x98\x80", 4), 4);
    assert_int_equal(dg_utf8("\xF4\x8F\xBF\xBF", 4), 4);
    assert_int_equal(dg_utf8("\xF4\x90\x80\x80", 4), 0); /* above U+10FFFF */
    assert_int_equal(dg_utf8("\xC0\x80", 2), 0);         /* overlong */
    assert_int_equal(dg_utf8("\xE0\x9F\x80", 3), 0);
    assert_int_equal(dg_utf8("\xF0\x8F\x80\x80", 4), 0);
    assert_int_equal(dg_utf8("\xED\xA0\x80", 3), 0); /* a surrogate */
    assert_int_equal(dg_utf8("\x80", 1), 0);
    assert_int_equal(dg_utf8("\xFF", 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_contract),
                                       cmocka_unit_test(code_points_and_tabs),
                                       cmocka_unit_test(over_several_lines),
                                       cmocka_unit_test(long_lines),
                                       cmocka_unit_test(elsewhere),
                                       cmocka_unit_test(failures_of_handles),
                                       cmocka_unit_test(what_a_terminal_obeys),
                                       cmocka_unit_test(options),
                                       cmocka_unit_test(order_and_number),
                                       cmocka_unit_test(colors),
                                       cmocka_unit_test(places),
                                       cmocka_unit_test(utf8)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
