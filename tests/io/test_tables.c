/* Tables as people have them: separators, headers, words, gaps, dates; each shape in small, read to
 * what it says, or refused with a remedy that works when followed. */
#include "io/io_tools.h"

#include "io/dates.h"
#include "io/formats.h"
#include "io/lexicon.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static dg_status read_bytes(const void *bytes, size_t n, const dg_csv_options *o, dg_table *t,
                            dg_diag *why)
{
    dg_reader *r;
    *why = (dg_diag){0};
    assert_int_equal(dg_reader_memory(&r, bytes, n, "F", 0, why), DG_OK);
    dg_status status = dg_table_read(r, o, t);
    dg_reader_close(r);
    return status;
}

/* Every number of the table, rows one after the other. */
static void holds(const char *text, dg_csv_options o, int rows, int columns, const double *x)
{
    dg_table t;
    dg_diag why;
    if (read_bytes(text, strlen(text), &o, &t, &why) != DG_OK)
        fail_msg("%s: %d:%d %s", text, why.line, why.column, why.text);
    assert_int_equal(t.array.shape.dim[0], rows);
    assert_int_equal(dg_shape_row(&t.array.shape), columns);
    for (int i = 0; i < rows * columns; i++)
        if (isnan(x[i]))
            assert_true(isnan(dg_tensor_number(&t.array, i)));
        else
            assert_true(dg_tensor_number(&t.array, i) == x[i]);
    dg_table_free(&t);
}

static void refuses(const char *text, dg_csv_options o, const char *part)
{
    dg_table t;
    dg_diag why;
    assert_int_equal(read_bytes(text, strlen(text), &o, &t, &why), DG_EDATA);
    if (!strstr(why.text, part))
        fail_msg("%s: '%s' lacks '%s'", text, why.text, part);
    assert_null(t.array.data);
}

static const double four[] = {1.5, 2, 3, 4};

static void test_separators(void **state)
{
    (void)state;
    const dg_csv_options o = {0};
    holds("a;b\n1.5;2\n3;4\n", o, 2, 2, four);
    holds("a\tb\n1.5\t2\n3\t4\n", o, 2, 2, four);
    holds("a|b\n1.5|2\n3|4\n", o, 2, 2, four);
    holds("a b\n1.5 2\n3 4\n", o, 2, 2, four);
    holds("   a   b\n 1.5   2 \n   3   4\n", o, 2, 2, four);
    holds("a, b\n1.5, 2\n3, 4\n", o, 2, 2, four);
    holds("a,b\r1.5,2\r3,4\r", o, 2, 2, four);
    holds("1.5;2\n3;4\n", o, 2, 2, four);
    holds("a;b\n1,5;2\n3;4\n", (dg_csv_options){.decimal = ','}, 2, 2, four);
    holds("1,5;2\n3;4\n", (dg_csv_options){.decimal = ','}, 2, 2, four);
    holds("\"a;1\";\"b\"\n1.5;2\n3;4\n", o, 2, 2, four);
    holds("a:b\n1.5:2\n3:4\n", (dg_csv_options){.separator = ':'}, 2, 2, four);
    holds("\n\na,b\n1.5,2\n\n3,4\n\n", o, 2, 2, four);
    holds("made by hand\nin 1987\na,b\n1.5,2\n3,4\n", (dg_csv_options){.skip = 2}, 2, 2, four);
    holds("# x\na,b\n1.5,2\n# y\n3,4\n", (dg_csv_options){.comment = "#"}, 2, 2, four);
    refuses("a;b\n1,5;2\n", o, "decimal=\",\"");
    holds("a,b # c\n1.5,2#,\n3, \"4\" # y\n", (dg_csv_options){.comment = "#"}, 2, 2, four);
    holds("a b // c d\n1.5 2 //e\n3 4\n", (dg_csv_options){.comment = "//"}, 2, 2, four);
    refuses("# made by np.savetxt\n1,2\n", o, "comment=\"#\"");
    refuses("2,3\n1,2,3\n4,5,6\n", o, "skip=1");
    refuses("2,3,a,b\n1,2,3\n4,5,6\n", o, "skip=1");
}

static void test_utf16(void **state)
{
    (void)state;
    static const char text[] = "a,\xc3\xa9\xf0\x9f\x98\x80\n1.5,2\n3,4\n";
    static const uint16_t code[] = {0xfeff, 'a', ',', 0xe9, 0xd83d, 0xde00, '\n', '1', '.',
                                    '5',    ',', '2', '\n', '3',    ',',    '4',  '\n'};
    enum { N = sizeof code / sizeof *code };
    for (int big = 0; big < 2; big++) {
        unsigned char bytes[2 * N];
        dg_table t, u;
        dg_diag why;
        for (int i = 0; i < N; i++) {
            bytes[2 * i + !big] = (unsigned char)(code[i] >> 8);
            bytes[2 * i + big] = (unsigned char)code[i];
        }
        assert_int_equal(read_bytes(bytes, sizeof bytes, NULL, &t, &why), DG_OK);
        assert_int_equal(read_bytes(text, sizeof text - 1, NULL, &u, &why), DG_OK);
        assert_memory_equal(t.array.data, u.array.data, sizeof four);
        assert_memory_equal(t.array.data, four, sizeof four);
        assert_string_equal(t.name[1], u.name[1]);
        dg_table_free(&t);
        dg_table_free(&u);
        assert_int_equal(read_bytes(bytes + 2, sizeof bytes - 2, NULL, &t, &why), DG_EDATA);
        assert_non_null(strstr(why.text, big ? "iconv -f UTF-16BE" : "iconv -f UTF-16LE"));
    }
}

#define NAMES(...) .column = (const char *const[]){__VA_ARGS__}, .n_columns =

static void test_headers(void **state)
{
    (void)state;
    const double years[] = {1.5, 3}, rows[] = {0, 1, 2, 1, 0, 1}, sums[] = {2019, 2020, 1, 2};
    const dg_csv_options o = {0}, yes = {.header = DG_HEADER_YES}, no = {.header = DG_HEADER_NO};
    refuses("0,1\n1.5,2\n3,4\n", o, "header=true or header=false");
    holds("0,1\n1.5,2\n3,4\n", yes, 2, 2, four);
    refuses("0,1,2\n1,0,1\n", o, "header=true or header=false");
    holds("0,1,2\n1,0,1\n", no, 2, 3, rows);
    holds("2019,2020\n1,2\n", o, 2, 2, sums);
    refuses("2019,2020\n1.5,2\n3,4\n", o, "header=true");
    holds("2019,2020\n1.5,2\n3,4\n", (dg_csv_options){NAMES("2019") 1}, 2, 1, years);
    holds("0,1\n1.5,2\n3,4\n", (dg_csv_options){NAMES("0", "1") 2}, 2, 2, four);
    refuses("0,1,2\n0.5,1,2\n", (dg_csv_options){NAMES("1", "2") 2}, "header=true");
    refuses("x,1\n1.5,2\n", o, "header=true or header=false");
    holds("x,1\n1.5,2\n3,4\n", (dg_csv_options){NAMES("x", "1") 2}, 2, 2, four);
}

static void test_columns(void **state)
{
    (void)state;
    static const char text[] = "x1,y,x2\n1.5,0,2\n3,0,4\n";
    const double y[] = {0, 0}, back[] = {2, 1.5, 4, 3};
    holds(text, (dg_csv_options){NAMES("x*") 1}, 2, 2, four);
    holds(text, (dg_csv_options){NAMES("x?") 1}, 2, 2, four);
    holds(text, (dg_csv_options){NAMES("x2", "x1") 2}, 2, 2, back);
    holds(text, (dg_csv_options){.except = (const char *const[]){"y"}, .n_except = 1}, 2, 2, four);
    holds(text, (dg_csv_options){.except = (const char *const[]){"x*"}, .n_except = 1}, 2, 1, y);
    refuses(text, (dg_csv_options){NAMES("z*") 1}, "no column 'z*'; there is: x1, y, x2");
    refuses(text, (dg_csv_options){.except = (const char *const[]){"*"}, .n_except = 1},
            "except leaves no column");
}

static void test_gaps(void **state)
{
    (void)state;
    const double x[] = {1.5, NAN, NAN, 4};
    const char *const marks[] = {"?", "-"};
    const dg_csv_options o = {0}, gaps = {.gaps = true};
    const dg_csv_options is = {.cells = DG_CELLS_GAPS},
                         own = {.gaps = true, .n_missing = 2, .missing = marks};
    const double ones[] = {0, 1, 1, 0};
    refuses("a,b\n1.5,\nNA,4\n,1\n", o, "3 gaps: 'a' has 2, 'b' has 1");
    refuses("a,b\n1.5,?\n", o, "missing=[\"\", \"NA\", \"?\"]");
    holds("a,b\n1.5,\nNA,4\n", gaps, 2, 2, x);
    holds("a,b\n1.5,?\n-,4\n", own, 2, 2, x);
    holds("a,b\nsome,\nNA,thing\n", is, 2, 2, ones);
    holds("a\n1.5\n\n\n4\n", gaps, 4, 1, x);
}

static void test_words(void **state)
{
    (void)state;
    const dg_csv_options words = {.cells = DG_CELLS_WORDS, .gaps = true};
    static const char text[] = "size,kind\n10, red\n9,\"a \"\"b\"\"\"\nNA,a \"\"\n10.0,z\n";
    dg_table t;
    dg_diag why;
    refuses(text, words, "a quote in the middle");
    static const char good[] = "size,kind\n10, red\n9,\"a \"\"b\"\"\"\nNA,a b\n10.0,z\n";
    assert_int_equal(read_bytes(good, sizeof good - 1, &words, &t, &why), DG_OK);
    const char *const kinds[] = {"a \"b\"", "a b", "red", "z"};
    assert_int_equal(t.words[0].n, 2); /* 9 and 10: numbers by value */
    assert_string_equal(t.words[0].word[0], "9");
    assert_string_equal(t.words[0].word[1], "10");
    assert_int_equal(t.words[1].n, 4);
    for (int i = 0; i < 4; i++)
        assert_string_equal(t.words[1].word[i], kinds[i]);
    const int32_t expected[] = {1, 2, 0, 0, -1, 1, 1, 3};
    assert_memory_equal(t.array.data, expected, sizeof expected);
    assert_int_equal(dg_lexicon_find(&t.words[0], "9.00"), 0);
    assert_int_equal(dg_lexicon_find(&t.words[0], "nine"), -1);
    assert_int_equal(dg_lexicon_find(&t.words[1], "red"), 2);
    char *json = dg_texts_write(t.words[1].n, t.words[1].word);
    dg_lexicon again;
    assert_string_equal(json, "[\"a \\\"b\\\"\",\"a b\",\"red\",\"z\"]");
    assert_int_equal(dg_lexicon_read(&again, json), DG_OK);
    assert_int_equal(dg_lexicon_find(&again, "z"), 3);
    dg_lexicon_free(&again);
    free(json);
    dg_table_free(&t);
    refuses("a\n\xe9t\xe9\n", words, "iconv -f LATIN1");
    refuses("a,b\n1,drizzle\n", (dg_csv_options){0}, "| classes or | onehot");
    static const char zero[] = "a\n\0word\n"; /* a byte 0 is no end of a text, and no gap */
    assert_int_equal(read_bytes(zero, sizeof zero - 1, &words, &t, &why), DG_EDATA);
    assert_non_null(strstr(why.text, "no text in UTF-8"));
    assert_int_equal(read_bytes(zero, sizeof zero - 1, NULL, &t, &why), DG_EDATA);
}

/* What people's files have, with the remedy that fits. */
static void test_remedies(void **state)
{
    (void)state;
    static const char *const list[] = {"", "NA", "N/A"};
    static const char *const refused[][2] = {
        {"a;b\n1,5;2\n", "for a decimal comma: decimal=\",\""},
        {"a,b\n\"1,234\",2\n", "what parts thousands is to be taken out"},
        {"a;b\n1.234,5;2\n", "what parts thousands is to be taken out"},
        {"a;b\n-1 234 567;2\n", "what parts thousands is to be taken out"},
        {"a;b\n1\xc2\xa0"
         "234;2\n",
         "what parts thousands is to be taken out"},
        {"a,b\n1'2345,2\n", "for words"},
        {"a,b\n10%,2\n", "as a number without '%'"},
        {"a,b\n$10.5,2\n", "as a number without '$'"},
        {"a,b\n5 km,2\n", "as a number without ' km'"},
        {"a,b\n\xe2\x88\x92"
         "1,2\n",
         "U+2212 is no part of one"},
        {"a,b\nx,2\n", "| onehot; except=[\"a\"] leaves the column out"},
        {"a,b\n1,2\n3,4\nTotal,6\n", "as most of its column are; for a gap: missing=[\"\", \"NA\", "
                                     "\"Total\"]"},
        {"a,b\nm,s\n1,2\n3,4\n", "missing=[\"\", \"NA\", \"m\"]"},
        {"a,b\n2020-01-31,2\n", "time(\"%Y-%m-%d\")"},
        {"a,b\n31.12.2020 10:00,2\n", "time(\"%d.%m.%Y %H:%M\")"},
        {"a,b\n01/02/2020,2\n", "time(\"%m/%d/%Y\" or \"%d/%m/%Y\")"},
        {"a,b\n31.12.99,2\n", "time(\"%d.%m.%y\")"},
        {"a,b\n2020-01-31T10:00:00+02:00,2\n", "time(\"%Y-%m-%dT%T%z\")"},
        {"a,b\n1,2,\n3,4,\n", "`sed 's/,$//'`"},
        {"a,b\n7,1,2\n8,3,4\n", "`sed '1s/^/row,/'`"},
        {"\"a\" \"b\"\n\"x\" 1 2\n\"y\" 3 4\n", "`sed '1s/^/row /'`"},
        {"title\n1,2\n3,4\n", "skip=1"},
        {"", "the file is empty"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        refuses(refused[i][0], (dg_csv_options){0}, refused[i][1]);
    refuses("a,b\n1,null\n", (dg_csv_options){.missing = list, .n_missing = 3},
            "missing=[\"\", \"NA\", \"N/A\", \"null\"]");
    dg_table t;
    dg_diag why;
    const dg_csv_options windows = {.windows = true}; /* a series has no row to spare */
    assert_int_equal(read_bytes("a,b\n1,\n2,3\n", 10, &windows, &t, &why), DG_EDATA);
    assert_non_null(strstr(why.text, "| fill(mean)"));
    assert_null(strstr(why.text, "| drop"));
    assert_int_equal(read_bytes("\xff\xfe\0\0a\0\0\0", 8, NULL, &t, &why), DG_EDATA);
    assert_non_null(strstr(why.text, "iconv -f UTF-32"));
    holds("a,b\r\r\n1.5,2\r\r\n3,4\r\r\n", (dg_csv_options){0}, 2, 2, four);
    holds("a,b\n1.5,2\n3,4\n\x1a", (dg_csv_options){0}, 2, 2, four);
    holds("sep=;\r\na;b\r\n1.5;2\r\n3;4\r\n", (dg_csv_options){0}, 2, 2, four);
    const dg_csv_options words = {.cells = DG_CELLS_WORDS};
    holds("full name\nJohn P Smith\nJane Q Doe\n", words, 2, 1, (double[]){1, 0});
}

/* Numbers as words are of one class where they are equal, of two where a double is not enough. */
static void test_long_numbers(void **state)
{
    (void)state;
    const dg_csv_options words = {.cells = DG_CELLS_WORDS};
    holds("a\n9007199254740993\n9007199254740992\n009007199254740993\n", words, 3, 1,
          (double[]){1, 0, 1});
    holds("a\n-9007199254740993\n-9007199254740992\n7\n7.0\n007\n", words, 5, 1,
          (double[]){0, 1, 2, 2, 2});
    dg_lexicon w;
    assert_int_equal(dg_lexicon_read(&w, "[\"18446744073709551616\",\"18446744073709551617\"]"),
                     DG_OK);
    assert_int_equal(dg_lexicon_find(&w, "18446744073709551617"), 1);
    assert_int_equal(dg_lexicon_find(&w, "18446744073709551618"), -1);
    dg_lexicon_free(&w);
}

/* A zero in a comment, or in a line that is skipped, ends neither. */
static void test_zeros(void **state)
{
    (void)state;
    static const char text[] = "a,b\0c\n1,2 # x\0y\n3,4\n";
    const dg_csv_options o = {.comment = "#", .skip = 1};
    dg_table t;
    dg_diag why;
    assert_int_equal(read_bytes(text, sizeof text - 1, &o, &t, &why), DG_OK);
    assert_int_equal(t.array.shape.dim[0], 2);
    dg_table_free(&t);
}

static void date_is(const char *format, const char *text, double expected)
{
    double days = NAN;
    if (!dg_date_read(text, strlen(text), format, &days) || days != expected)
        fail_msg("'%s' by '%s' is %.17g, not %.17g", text, format, days, expected);
    char back[DG_DATE_TEXT];
    double again = NAN;
    assert_true(dg_date_write(days, format, back));
    assert_true(dg_date_read(back, strlen(back), format, &again));
    assert_true(fabs(again - days) * 86400 < 0.51);
}

static void test_dates(void **state)
{
    (void)state;
    const double days[] = {10957, 10958.5};
    const dg_csv_options o = {.cells = DG_CELLS_TIMES, .format = "%d.%m.%Y %H:%M"};
    date_is("%Y-%m-%d", "1970-01-01", 0);
    date_is("%Y-%m-%d", "2000-02-29", 11016);
    date_is("%Y-%m-%d", "1969-12-31", -1);
    date_is("%Y-%m-%d", "1600-03-01", -135080);
    date_is("%F %T", "2024-03-01 06:00:00", 19783.25);
    date_is("%FT%T%z", "2024-03-01T06:00:00+06:00", 19783);
    date_is("%d %b %y", " 1 March 68", 35854);
    date_is("%Y-%j", "2024-061", 19783);
    date_is("%m/%d/%Y %I:%M %p", "03/01/2024 12:00 PM", 19783.5);
    date_is("%S", "43.2", 43.2 / 86400);
    char text[DG_DATE_TEXT];
    assert_true(dg_date_write(19783.5, "%e. %B %y, %I:%M %p %j %z %%", text));
    assert_string_equal(text, " 1. March 24, 12:00 PM 061 +0000 %");
    static const char *const formats[] = {"%F %T", "%F %H:%M", "%F %H", "%F"};
    static const char *const rounded[] = {"2024-02-29 13:29:31", "2024-02-29 13:30",
                                          "2024-02-29 13", "2024-03-01"};
    for (int i = 0; i < 4; i++) {
        assert_true(dg_date_write(19782 + 48571.0 / 86400, formats[i], text));
        assert_string_equal(text, rounded[i]);
    }
    assert_false(dg_date_write(1e300, "%F", text) || dg_date_write(NAN, "%F", text));
    double x;
    assert_false(dg_date_read("2023-02-29", 10, "%Y-%m-%d", &x));
    assert_false(dg_date_read("2023-02-2", 9, "%Y-%m-%d x", &x));
    assert_false(dg_date_read("2023-13-01", 10, "%Y-%m-%d", &x));
    assert_false(dg_date_read("2023-366", 8, "%Y-%j", &x));
    assert_null(dg_date_check("%Y-%m-%dT%H:%M:%S%z %%"));
    assert_non_null(dg_date_check("%Q"));
    holds("when\n01.01.2000 00:00\n02.01.2000 12:00\n", o, 2, 1, days);
    refuses("when\n1.1.2000\n", o, "no date of the form '%d.%m.%Y %H:%M'");
    refuses("when\n2000-01-01\n", (dg_csv_options){0}, "| time(");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_separators), cmocka_unit_test(test_utf16),
        cmocka_unit_test(test_headers),    cmocka_unit_test(test_columns),
        cmocka_unit_test(test_gaps),       cmocka_unit_test(test_words),
        cmocka_unit_test(test_dates),      cmocka_unit_test(test_zeros),
        cmocka_unit_test(test_remedies),   cmocka_unit_test(test_long_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
