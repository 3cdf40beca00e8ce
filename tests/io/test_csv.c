/* CSV: what is taken, that numbers are rounded as they should be, and that no locale has a say. */
#include "io/io_tools.h"

#include "base/philox.h"
#include "io/formats.h"
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static void reads_as(const char *format, const char *text, int rank, int rows, int columns,
                     const double *numbers)
{
    dg_array a;
    dg_diag why = {0};
    dg_shape shape = io_shape(rank, rows, columns, 0);
    dg_status status = io_read(format, text, strlen(text), &a, &why);
    if (status != DG_OK)
        print_error("%d:%d %s\n", why.line, why.column, why.text);
    assert_int_equal(status, DG_OK);
    assert_int_equal(a.type, DG_F64);
    assert_true(dg_shape_equal(&a.shape, &shape));
    assert_int_equal(a.bytes, (size_t)(rows * columns) * sizeof(double));
    assert_memory_equal(a.data, numbers, a.bytes);
    dg_array_free(&a);
}

static void test_taken(void **state)
{
    (void)state;
    const double four[] = {1, 2, 3, 4}, odd[] = {-0.0, 0.5, 1e-300, -1e5}, b[] = {2, 4},
                 ba[] = {2, 1, 4, 3};
    reads_as("csv", "1,2\n3,4\n", 2, 2, 2, four);
    reads_as("csv", "1,2\n3,4", 2, 2, 2, four);
    reads_as("csv", "1,2\r\n3,4\r\n\r\n\n", 2, 2, 2, four);
    reads_as("csv",
             "\xef\xbb\xbf"
             "a,b\n 1,\t2 \n+3,4.0e0\n",
             2, 2, 2, four);
    reads_as("csv", "\"a\",\"b,\n\"\"c\"\"\"\n\"1\",2\n3,\" 4\"\n", 2, 2, 2, four);
    reads_as("csv", ",b\n1,2\n3,4\n", 2, 2, 2,
             four); /* a table with an index has a name that is empty */
    reads_as("csv", "-0,.5\n1e-300,-1E5\n", 2, 2, 2, odd);
    reads_as("csv:b", "a,b\n1,2\n3,4\n", 1, 2, 1, b);
    reads_as("csv:b", "a,b\nnone,2\n,4\n", 1, 2, 1, b);
    reads_as("csv:b,a", "a,b\n1,2\n3,4\n", 2, 2, 2, ba);
    reads_as("csv:2", "1,2\n3,4\n", 1, 2, 1, b);
    reads_as("csv:b,\n\"c\"", "\"b\",\"\n\"\"c\"\"\"\n1,2\n3,4\n", 2, 2, 2, four);
}

static void test_header(void **state)
{
    (void)state;
    static const char text[] = "2019,2020\n1,2\n";
    const dg_header kinds[] = {DG_HEADER_AUTO, DG_HEADER_YES, DG_HEADER_NO};
    for (int k = 0; k < 3; k++) {
        dg_csv_options o = {.header = kinds[k]};
        dg_reader *r;
        dg_array a;
        assert_int_equal(dg_reader_memory(&r, text, sizeof text - 1, "F", 0, NULL), DG_OK);
        assert_int_equal(dg_csv_read(r, &o, &a), DG_OK);
        dg_reader_close(r);
        assert_int_equal(a.shape.dim[0], kinds[k] == DG_HEADER_YES ? 1 : 2);
        dg_array_free(&a);
    }
}

/* As strtod reads them, which rounds correctly; short decimals go another way than long ones. */
static void test_rounding(void **state)
{
    (void)state;
    enum { N = 20000 };
    for (uint64_t i = 0; i < N; i++) {
        char text[64];
        int digits = 1 + (int)(dg_uniform(1, 1, i) * 20), shift = (int)(dg_uniform(1, 2, i) * 20);
        uint64_t x = (uint64_t)(dg_uniform(1, 3, i) * 1e18);
        int n = dg_format(text, sizeof text, "%.*g", digits, (double)x / pow(10, shift));
        double expected = strtod(text, NULL);
        text[n] = '\n';
        text[n + 1] = 0;
        reads_as("csv", text, 2, 1, 1, &expected);
    }
}

/* What is written reads back with the same bits, f32 too. */
static void test_round_trip(void **state)
{
    (void)state;
    enum { ROWS = 200, COLUMNS = 7 };
    char folder[64], path[200];
    const char *names[COLUMNS] = {"a", "b,c", "\"d\"", "", "e\nf", "g", "h"};
    io_folder_make(folder);
    io_path(folder, "t.csv", path);
    for (int k = 0; k < 2; k++) {
        dg_array a = io_count(k ? DG_F32 : DG_F64, io_shape(2, ROWS, COLUMNS, 0)), b;
        for (int i = 0; i < ROWS * COLUMNS; i++) {
            double x = dg_normal(3, 4, (uint64_t)i) * exp2(i % 200 - 100);
            if (k)
                ((float *)a.data)[i] = (float)x;
            else
                ((double *)a.data)[i] = x;
        }
        dg_writer *w;
        assert_int_equal(dg_writer_open(&w, path, NULL), DG_OK);
        assert_int_equal(dg_writer_end(w, dg_csv_write(w, names, &a)), DG_OK);
        assert_int_equal(dg_data_read(path, &b, NULL), DG_OK);
        assert_true(dg_shape_equal(&a.shape, &b.shape));
        for (int i = 0; i < ROWS * COLUMNS; i++)
            if (k)
                assert_true((float)dg_tensor_number(&b, i) == ((float *)a.data)[i]);
            else
                assert_true(dg_tensor_number(&b, i) == ((double *)a.data)[i]);
        dg_array_free(&a);
        dg_array_free(&b);
    }
    io_folder_remove(folder);
}

/* A locale whose point is a comma; made where the system has none. NULL: it cannot be. */
static const char *comma_locale(char folder[64])
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "de_DE", "fr_FR.UTF-8"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (setlocale(LC_ALL, names[i]))
            return names[i];
    char command[300];
    snprintf(command, sizeof command,
             "localedef --no-archive -i de_DE -f UTF-8 %s/de_DE.UTF-8 >/dev/null 2>&1", folder);
    if (system(command) != 0)
        return NULL;
    setenv("LOCPATH", folder, 1);
    return setlocale(LC_ALL, "de_DE.UTF-8");
}

static void test_locale(void **state)
{
    (void)state;
    char folder[64], command[200];
    io_folder_make(folder);
    const char *name = comma_locale(folder);
    if (!name || strcmp(localeconv()->decimal_point, ",") != 0)
        print_message("SKIPPED: no locale with a decimal comma here\n");
    else {
        char text[32];
        snprintf(text, sizeof text, "%.1f", 0.5);
        assert_string_equal(text, "0,5"); /* the locale has its effect */
        test_taken(NULL);
        test_round_trip(NULL);
        print_message("in the locale %s\n", name);
    }
    setlocale(LC_ALL, "C");
    unsetenv("LOCPATH");
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
}

/* A wide line, a long file: time grows with the size. */
static void test_large(void **state)
{
    (void)state;
    enum { N = 300000 };
    dg_text t = dg_text_make(NULL);
    double *numbers = malloc(N * sizeof *numbers);
    assert_non_null(numbers);
    for (int i = 0; i < N; i++) {
        dg_text_printf(&t, "%s%d", i ? "," : "", i % 10);
        numbers[i] = i % 10;
    }
    reads_as("csv", t.data, 2, 1, N, numbers);
    for (size_t i = 0; i < t.length; i++)
        t.data[i] = t.data[i] == ',' ? '\n' : t.data[i];
    reads_as("csv", t.data, 2, N, 1, numbers);
    dg_text_free(&t);
    free(numbers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken),    cmocka_unit_test(test_header),
        cmocka_unit_test(test_rounding), cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_locale),   cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
