/* The pieces of a page: text escaped, PNG that zlib opens, shares by hand, what a run logged. */
#include "cli/cli_tools.h"
#include "report/page.h"
#include "report/png.h"
#include "report/record.h"
#include "report/versus.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <cmocka.h>

static void text_is_escaped(void **state)
{
    static const char *const pair[][2] = {
        {"a<b>&\"c\"", "a&lt;b&gt;&amp;&quot;c&quot;"},
        {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
        {"\xff-\xc3", "\xef\xbf\xbd-\xef\xbf\xbd"},
        {"\x01\x7f", "\xef\xbf\xbd\xef\xbf\xbd"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof pair / sizeof *pair; i++) {
        dg_text t = dg_text_make(NULL);
        dg_html(&t, pair[i][0]);
        assert_string_equal(t.data, pair[i][1]);
        dg_text_free(&t);
    }
    static const struct {
        int64_t n;
        const char *text;
    } count[] = {{0, "0"}, {999, "999"}, {1000, "1,000"}, {-1234567, "-1,234,567"}};
    for (size_t i = 0; i < sizeof count / sizeof *count; i++) {
        dg_text t = dg_text_make(NULL);
        dg_html_count(&t, count[i].n);
        assert_string_equal(t.data, count[i].text);
        dg_text_free(&t);
    }
}

/* Bytes of base64, which has its own alphabet and at most two = at the end. */
static size_t decode(const char *s, uint8_t *out)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0;
    size_t n = 0, have = 0;
    assert_int_equal(strlen(s) % 4, 0);
    for (; *s && *s != '='; s++) {
        const char *at = strchr(digit, *s);
        assert_non_null(at);
        bits = bits << 6 | (uint32_t)(at - digit);
        have += 6;
        if (have >= 8)
            out[n++] = (uint8_t)(bits >> (have -= 8));
    }
    assert_true(strlen(s) <= 2);
    return n;
}

static uint32_t big(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void check_png(int width, int height, int channels)
{
    enum { MOST = 40 * 40 * 3 };
    uint8_t pixel[MOST], png[4 * MOST + 1000], raw[MOST + 40];
    uLongf n = sizeof raw;
    size_t line = (size_t)width * (size_t)channels;
    for (size_t i = 0; i < line * (size_t)height; i++)
        pixel[i] = (uint8_t)(i * 37 + i / 5);
    dg_text t = dg_text_make(NULL);
    dg_png_uri(&t, width, height, channels, pixel);
    assert_memory_equal(t.data, "data:image/png;base64,", 22);
    size_t bytes = decode(t.data + 22, png), at = 8;
    assert_memory_equal(png, "\x89PNG\r\n\x1a\n", 8);
    for (int chunk = 0; at < bytes; chunk++, at += 12 + big(png + at)) {
        static const char *const kind[] = {"IHDR", "IDAT", "IEND"};
        uint32_t size = big(png + at);
        assert_memory_equal(png + at + 4, kind[chunk], 4);
        assert_int_equal(big(png + at + 8 + size), crc32(0, png + at + 4, size + 4));
        if (chunk == 0)
            assert_true(big(png + at + 8) == (uint32_t)width &&
                        big(png + at + 12) == (uint32_t)height && png[at + 16] == 8 &&
                        png[at + 17] == (channels == 1 ? 0 : 2));
        if (chunk == 1)
            assert_int_equal(uncompress(raw, &n, png + at + 8, size), Z_OK);
    }
    assert_int_equal(at, bytes);
    assert_int_equal(n, (line + 1) * (size_t)height);
    for (size_t y = 0; y < (size_t)height; y++) {
        assert_int_equal(raw[y * (line + 1)], 0);
        assert_memory_equal(raw + y * (line + 1) + 1, pixel + y * line, line);
    }
    dg_text_free(&t);
}

static void pictures_are_png(void **state)
{
    (void)state;
    check_png(1, 1, 1);
    check_png(1, 1, 3);
    check_png(7, 5, 1);
    check_png(40, 39, 3);
}

static void shares_by_hand(void **state)
{
    /* class 0: 2 of 3 found, 2 of 6 estimates right; class 2 occurs and is never estimated; class 3
     * neither */
    static const int64_t count[16] = {2, 1, 0, 0, 3, 4, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0};
    (void)state;
    dg_share s = dg_share_of(count, 4, 0);
    assert_int_equal(s.targets, 3);
    assert_int_equal(s.estimates, 6);
    assert_true(fabs(s.precision - 1.0 / 3) <= 1e-12);
    assert_true(fabs(s.recall - 2.0 / 3) <= 1e-12);
    assert_true(fabs(s.f1 - 4.0 / 9) <= 1e-12);
    s = dg_share_of(count, 4, 2);
    assert_true(s.targets == 1 && !(s.precision > 0) && !(s.recall > 0) && !(s.f1 > 0));
    s = dg_share_of(count, 4, 3);
    assert_true(s.targets == 0 && !(s.precision > 0) && !(s.recall > 0) && !(s.f1 > 0));
}

static const char log_text[] =
    "{\"kind\":\"step\",\"step\":1,\"epoch\":1,\"loss\":2.5,\"terms\":{\"mse\":2.5},\"metrics\":{"
    "\"mae\":null},\"rate\":0.1,\"rms\":[[\"a\",1],[\"b\",2]],\"rms_error_vector\":[[\"a\",0.5]]}\n"
    "no json\n"
    "{\"kind\":\"epoch\",\"step\":4,\"epoch\":1,\"loss\":1.5,\"terms\":{\"mse\":1.5},\"metrics\":{}"
    ","
    "\"rate\":0.1,\"samples_per_second\":8}\n"
    "{\"kind\":\"step\",\"step\":5,\"epoch\":2,\"loss\":1";

static void what_was_logged_is_read(void **state)
{
    dg_record r;
    dg_diag why = {.code = DG_OK};
    (void)state;
    cli_enter();
    cli_write("metrics.jsonl", log_text, sizeof log_text - 1);
    assert_int_equal(dg_record_read(&r, ".", &why), DG_OK);
    assert_int_equal(r.step, 4); /* the last line is not whole yet */
    const dg_series *s = dg_record_find(&r, "step", "loss");
    assert_non_null(s);
    assert_int_equal(s->n, 1);
    assert_true(!(s->at[0][1] < 2.5) && !(s->at[0][1] > 2.5));
    assert_true(isnan(dg_record_find(&r, "step", "metric mae")->at[0][1]));
    assert_true(!(dg_record_find(&r, "epoch", "term mse")->at[0][0] < 4) &&
                !(dg_record_find(&r, "epoch", "term mse")->at[0][0] > 4));
    assert_null(dg_record_find(&r, "validation", "loss"));
    assert_int_equal(r.states.nodes, 2);
    assert_int_equal(r.errors.nodes, 1);
    assert_string_equal(r.states.name[1], "b");
    assert_true(fabs(r.states.x[1] - 2) <= 0);
    dg_record_free(&r);
    assert_int_equal(dg_record_read(&r, "nothing", &why), DG_OK);
    assert_int_equal(r.n, 0);
    dg_record_free(&r);
    cli_leave();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_escaped),
        cmocka_unit_test(pictures_are_png),
        cmocka_unit_test(shares_by_hand),
        cmocka_unit_test(what_was_logged_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
