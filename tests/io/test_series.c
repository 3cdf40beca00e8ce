/* Series: windows and what follows them by value, parts that share no row of the table, statistics
 * in which each row counts once. */
#include "io/io_tools.h"

#include "io/dataset.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { ROWS = 61 };

static char folder[64];
static dg_store *store;

/* Column t is 0, 1, 2, ...; column u is 1000 more. */
static int setup(void **state)
{
    (void)state;
    char path[200];
    dg_text t = dg_text_make(NULL);
    io_folder_make(folder);
    dg_text_add(&t, "when;t;u\n");
    for (int i = 0; i < ROWS; i++)
        dg_text_printf(&t, "day %d;%d;%d\n", i, i, 1000 + i);
    io_write(io_path(folder, "s.csv", path), t.data, t.length);
    dg_text_free(&t);
    store = dg_store_new(folder, 0, NULL);
    return !store;
}

static int teardown(void **state)
{
    (void)state;
    dg_store_free(store);
    io_folder_remove(folder);
    return 0;
}

/* x, y = series("s.csv", columns=["t", "u"], length=, horizon=, stride=) */
static dg_dataset *series(int length, int horizon, int stride, double a, double b, dg_diag *why)
{
    const double number[] = {length, horizon, stride};
    const dg_attr attr[] = {{.word = "s.csv"},
                            {.name = "columns", .word = "t\nu", .count = 2},
                            {.name = "length", .number = &number[0], .count = 1},
                            {.name = "horizon", .number = &number[1], .count = 1},
                            {.name = "stride", .number = &number[2], .count = 1}};
    const dg_io_call source = {"series", 5, attr, 1, 2}, standardize = {.name = "standardize"};
    const dg_io_pipe pipes[] = {{"x", 0, 1, &standardize}, {"y", 1, 1, &standardize}};
    dg_dataset *d = dg_dataset_new(store);
    *why = (dg_diag){0};
    dg_dataset_fill(d, 2, pipes, &source, NULL, why);
    dg_dataset_seal(d, a, b, NULL, why);
    return d;
}

/* Every window holds consecutive rows, u beside t, and y goes on where x ends. Rows seen are
 * marked. Statistics are those of all rows seen, once each. */
static void check_rows(dg_dataset *d, int length, int horizon, int stride, char *seen)
{
    dg_diag why = {0};
    const int64_t rows = dg_dataset_rows(d);
    double *w = malloc((size_t)(length + horizon) * 2 * sizeof *w);
    double mean = 0, first = 0;
    int count = 0;
    assert_int_equal(dg_dataset_fit(d, rows, NULL, NULL, &why), DG_OK);
    for (int64_t i = 0; i < rows; i++) {
        dg_column *x = dg_dataset_find(d, "x"), *y = dg_dataset_find(d, "y");
        const dg_reading how = {0};
        assert_int_equal(dg_column_read(x, &i, 1, how, DG_F64, w, &why), DG_OK);
        assert_int_equal(dg_column_read(y, &i, 1, how, DG_F64, w + 2 * length, &why), DG_OK);
        dg_column_inverse(x, 1, DG_F64, w, &why);
        dg_column_inverse(y, 1, DG_F64, w + 2 * length, &why);
        first = i ? first + stride : round(w[0]);
        for (int k = 0; k < length + horizon; k++) {
            assert_true(fabs(w[2 * k] - (first + k)) < 1e-9);
            assert_true(fabs(w[2 * k + 1] - (1000 + first + k)) < 1e-9);
            seen[(int)first + k] = 1;
        }
    }
    for (int i = 0; i < ROWS; i++) {
        mean += seen[i] * i;
        count += seen[i];
    }
    for (int k = 0; k < 2; k++) {
        dg_tensor t;
        char name[64];
        assert_true(dg_column_state(dg_dataset_column(d, k), 0, &t, name, sizeof name));
        assert_true(stride > length + horizon ||
                    fabs(((double *)t.data)[0] - mean / count) < 1e-12);
    }
    free(w);
}

static void test_windows(void **state)
{
    (void)state;
    for (int length = 1; length < 8; length += 2)
        for (int horizon = 1; horizon < 6; horizon += 2)
            for (int stride = 1; stride < 4; stride++) {
                dg_diag why;
                char train[ROWS] = {0}, test[ROWS] = {0};
                dg_dataset *a = series(length, horizon, stride, 0, 0.6, &why);
                dg_dataset *b = series(length, horizon, stride, 0.6, 1, &why);
                assert_int_equal(why.code, DG_OK);
                check_rows(a, length, horizon, stride, train);
                check_rows(b, length, horizon, stride, test);
                for (int i = 0; i < ROWS; i++)
                    assert_false(train[i] && test[i]);
                assert_int_equal(dg_dataset_overlap(a), (length + horizon - 1) / stride);
                assert_true(train[0] && test[ROWS - stride]);
                dg_dataset_free(a);
                dg_dataset_free(b);
            }
}

static void test_refused(void **state)
{
    (void)state;
    dg_diag why;
    dg_dataset *d = series(5, 3, 1, 0.9, 1, &why);
    assert_int_equal(why.code, DG_EDATA);
    assert_string_equal(why.text,
                        "part=[0.9, 1] of 61 rows has no window of 5 and the 3 that follow");
    dg_dataset_free(d);
    d = series(60, 2, 1, 0, 1, &why);
    assert_int_equal(why.code, DG_EDATA);
    assert_string_equal(why.text, "61 rows; a window of 60 and the 2 that follow need more");
    dg_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_windows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
