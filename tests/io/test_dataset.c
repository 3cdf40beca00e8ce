/* Data blocks: sources, pipes, parts, chance, statistics; what is refused, with its message. */
#include "io/io_tools.h"

#include "base/philox.h"
#include "io/dataset.h"
#include "io/formats.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static char folder[64];
static dg_store *store;
static dg_dataset *set;

static int setup(void **state)
{
    (void)state;
    io_folder_make(folder);
    store = dg_store_new(folder, 0, NULL);
    set = dg_dataset_new(store);
    return !store || !set;
}

static int teardown(void **state)
{
    (void)state;
    dg_dataset_free(set);
    dg_store_free(store);
    io_folder_remove(folder);
    return 0;
}

/* ---- Calls ----------------------------------------------------------------------------------- */

/* One attribute of each kind, positional. */
static dg_attr word(const char *w)
{
    return (dg_attr){.word = w, .start = 11, .end = 12};
}

static const double numbers[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};

static dg_attr number(int k)
{
    return (dg_attr){.count = 1, .number = &numbers[k], .start = 13, .end = 14};
}

static dg_io_call call(const char *name, int n, const dg_attr *attr)
{
    return (dg_io_call){name, n, attr, 1, 2};
}

static dg_io_call bare(const char *name)
{
    return call(name, 0, NULL);
}

static const dg_reading plain = {0};

static void good(dg_status status, const dg_diag *why)
{
    if (status != DG_OK)
        print_error("%s: %s: %s\n", why->file, why->node, why->text);
    assert_int_equal(status, DG_OK);
}

/* A column of numbers 0, 1, 2, ... of this shape. */
static void take(dg_dataset *d, const char *name, dg_type type, dg_shape shape, int n,
                 const dg_io_call *transforms)
{
    dg_array a = io_count(type, shape);
    dg_diag why = {0};
    good(dg_dataset_take(d, name, &a, n, transforms, &why), &why);
    assert_null(a.data);
}

static void seal(dg_dataset *d)
{
    dg_diag why = {0};
    good(dg_dataset_seal(d, 0, 1, NULL, &why), &why);
}

static void read64(dg_dataset *d, const char *name, int64_t row, dg_reading how, double *out)
{
    dg_diag why = {0};
    dg_column *c = dg_dataset_find(d, name);
    assert_non_null(c);
    good(dg_column_read(c, &row, 1, how, DG_F64, out, &why), &why);
}

/* ---- Sources --------------------------------------------------------------------------------- */

static void test_csv(void **state)
{
    (void)state;
    char path[200], hex[65];
    dg_diag why = {0};
    static const char text[] = "a,b,c\n1,2,0\n3,4,1\n5,6,2\n";
    io_write(io_path(folder, "t.csv", path), text, sizeof text - 1);
    dg_attr x[] = {word("t.csv"), {.name = "columns", .word = "b\na"}};
    dg_attr y[] = {
        word("t.csv"), {.name = "columns", .word = "c"}, {.name = "header", .word = "true"}};
    dg_io_call sx = call("csv", 2, x), sy = call("csv", 3, y);
    good(dg_dataset_add(set, 1, (const char *[]){"x"}, &sx, 0, NULL, &why), &why);
    good(dg_dataset_add(set, 1, (const char *[]){"y"}, &sy, 0, NULL, &why), &why);
    seal(set);
    float out[4];
    int32_t label[2];
    dg_column *cx = dg_dataset_find(set, "x"), *cy = dg_dataset_find(set, "y");
    good(dg_column_read(cx, (int64_t[]){2, 0}, 2, plain, DG_F32, out, &why), &why);
    good(dg_column_read(cy, (int64_t[]){2, 0}, 2, plain, DG_I32, label, &why), &why);
    assert_memory_equal(out, ((float[]){6, 5, 2, 1}), sizeof out);
    assert_memory_equal(label, ((int32_t[]){2, 0}), sizeof label);
    dg_shape sx_shape = dg_column_shape(cx), want = {.rank = 2, .dim = {DG_N, 2}};
    assert_true(dg_shape_equal(&sx_shape, &want));
    assert_int_equal(dg_dataset_columns(set), 2);
    assert_string_equal(dg_store_file(store, 0), path);
    assert_null(dg_store_file(store, 1)); /* both columns are of one file */
    uint64_t size;
    good(dg_store_hash(store, 0, hex, &size, &why), &why);
    assert_int_equal(size, sizeof text - 1);
    assert_int_equal(strlen(hex), 64);
}

static void test_chars(void **state)
{
    (void)state;
    char path[200];
    dg_diag why = {0};
    io_write(io_path(folder, "t.txt", path), "abcdefghij", 10);
    dg_attr a[] = {word("t.txt"),
                   {.name = "length", .count = 1, .number = &numbers[3]},
                   {.name = "stride", .count = 1, .number = &numbers[2]}};
    dg_io_call s = call("chars", 3, a);
    good(dg_dataset_add(set, 2, (const char *[]){"text", "next"}, &s, 0, NULL, &why), &why);
    seal(set);
    assert_int_equal(dg_dataset_rows(set), 4); /* 0, 2, 4, 6: the last one ends with j */
    int32_t text[6], next[6];
    const int64_t rows[] = {3, 1};
    good(dg_column_read(dg_dataset_find(set, "text"), rows, 2, plain, DG_I32, text, &why), &why);
    good(dg_column_read(dg_dataset_find(set, "next"), rows, 2, plain, DG_I32, next, &why), &why);
    assert_memory_equal(text, ((int32_t[]){6, 7, 8, 2, 3, 4}), sizeof text);
    assert_memory_equal(next, ((int32_t[]){7, 8, 9, 3, 4, 5}), sizeof next);
    assert_string_equal(dg_column_vocabulary(dg_dataset_find(set, "next")), "abcdefghij");
}

static void test_digits(void **state)
{
    (void)state;
    dg_diag why = {0};
    dg_attr image[] = {word("image")}, label[] = {word("label")};
    const double sixteenth = 1.0 / 16;
    dg_attr by = {.count = 1, .number = &sixteenth};
    dg_io_call si = call("digits", 1, image), sl = call("digits", 1, label),
               scale = call("scale", 1, &by);
    good(dg_dataset_add(set, 1, (const char *[]){"image"}, &si, 1, &scale, &why), &why);
    good(dg_dataset_add(set, 1, (const char *[]){"label"}, &sl, 0, NULL, &why), &why);
    seal(set);
    dg_column *c = dg_dataset_find(set, "image");
    const dg_shape image_shape = {.rank = 4, .dim = {DG_N, 8, 8, 1}},
                   grey = {.rank = 3, .dim = {DG_N, 8, 8}}, flat = {.rank = 2, .dim = {DG_N, 64}},
                   other = {.rank = 3, .dim = {DG_N, 4, 16}};
    assert_int_equal(dg_column_fits(c, DG_F32, &image_shape, NULL), DG_OK);
    assert_int_equal(dg_column_fits(c, DG_F32, &grey, NULL), DG_OK);
    assert_int_equal(dg_column_fits(c, DG_F32, &flat, NULL), DG_OK);
    assert_int_equal(dg_column_fits(c, DG_F32, &other, &why), DG_EDATA);
    assert_string_equal(why.text, "the data are [N, 8, 8, 1], the model says [N, 4, 16]");
    float x[64];
    memset(&why, 0, sizeof why);
    good(dg_column_read(c, (int64_t[]){0}, 1, plain, DG_F32, x, &why), &why);
    assert_true(x[2] == 5.0F / 16 && x[3] == 13.0F / 16);
}

/* Free dimensions are bound by the data, axis by axis. */
static void test_fits(void **state)
{
    (void)state;
    take(set, "x", DG_F32, io_shape(3, 4, 5, 6), 0, NULL);
    take(set, "one", DG_F32, io_shape(2, 4, 1, 0), 0, NULL);
    seal(set);
    const struct {
        const char *name;
        dg_shape want;
        dg_status status;
    } cases[] = {
        {"x", {3, {DG_N, DG_N, 6}}, DG_OK},
        {"x", {3, {DG_N, DG_N, DG_N}}, DG_OK},
        {"x", {3, {DG_N, DG_N, 5}}, DG_EDATA},
        {"x", {2, {DG_N, DG_N}}, DG_EDATA},
        {"x", {2, {DG_N, 30}}, DG_OK},
        {"x", {2, {DG_N, 29}}, DG_EDATA},
        {"x", {5, {DG_N, 1, 5, 1, 6}}, DG_OK},
        {"x", {3, {DG_N, 6, 5}}, DG_EDATA},
        {"x", {0, {0}}, DG_EDATA},
        {"one", {1, {DG_N}}, DG_OK},
        {"one", {2, {DG_N, 1}}, DG_OK},
        {"one", {2, {DG_N, DG_N}}, DG_OK},
        {"one", {2, {DG_N, 2}}, DG_EDATA},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dg_status s =
            dg_column_fits(dg_dataset_find(set, cases[i].name), DG_F32, &cases[i].want, NULL);
        assert_int_equal(s, cases[i].status);
    }
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static void test_parts(void **state)
{
    (void)state;
    enum { ROWS = 103 };
    int seen[ROWS] = {0};
    const uint64_t seed = 5;
    int moved = 0;
    const double cuts[] = {0, 0.1, 0.8, 1};
    for (int part = 0; part < 3; part++) {
        dg_dataset *d = dg_dataset_new(store);
        dg_diag why = {0};
        take(d, "x", DG_I32, io_shape(1, ROWS, 0, 0), 0, NULL);
        good(dg_dataset_seal(d, cuts[part], cuts[part + 1], &seed, &why), &why);
        for (int64_t i = 0; i < dg_dataset_rows(d); i++) {
            double x;
            read64(d, "x", i, plain, &x);
            int row = (int)x + 3; /* io_count begins at -3 */
            assert_int_equal(row, dg_dataset_source_row(d, i));
            assert_in_range(row, 0, ROWS - 1);
            seen[row]++;
            moved += row != i;
        }
        dg_dataset_free(d);
    }
    for (int i = 0; i < ROWS; i++)
        assert_int_equal(seen[i], 1);
    assert_true(moved > ROWS / 2);
}

/* ---- Transforms ------------------------------------------------------------------------------ */

/* All ways from a type of the file to a type of the program give the same numbers. */
static void test_ways(void **state)
{
    (void)state;
    const double a = 1 / 255.0, b = -0.1;
    dg_attr ab[] = {{.count = 1, .number = &a}, {.name = "b", .count = 1, .number = &b}};
    const dg_io_call pipe[] = {call("scale", 2, ab), call("scale", 1, ab)};
    const dg_type types[] = {DG_U8, DG_I32, DG_F32, DG_F64};
    const char *names[] = {"u8", "i32", "f32", "f64"};
    for (int n = 0; n < 3; n++) {
        dg_dataset *d = dg_dataset_new(store);
        for (int t = 0; t < 4; t++)
            take(d, names[t], types[t], io_shape(2, 7, 11, 0), n, pipe);
        seal(d);
        for (int t = 0; t < 4; t++) {
            double x64[22];
            float x32[22];
            dg_column *c = dg_dataset_find(d, names[t]);
            dg_diag why = {0};
            good(dg_column_read(c, (int64_t[]){6, 2}, 2, plain, DG_F64, x64, &why), &why);
            good(dg_column_read(c, (int64_t[]){6, 2}, 2, plain, DG_F32, x32, &why), &why);
            for (int i = 0; i < 22; i++) {
                int k = i < 11 ? 66 + i : 11 + i; /* element of the array */
                double x = t < 1 ? k : t < 2 ? k - 3 : k / 8.0;
                x = n > 0 ? a * x + b : x;
                x = n > 1 ? a * x : x;
                assert_true(x64[i] == x);
                assert_true(x32[i] == (float)x);
            }
        }
        dg_dataset_free(d);
    }
}

static void test_onehot(void **state)
{
    (void)state;
    dg_attr n[] = {number(4)};
    const dg_io_call onehot = call("onehot", 1, n);
    take(set, "y", DG_U8, io_shape(1, 5, 0, 0), 1, &onehot);
    seal(set);
    double x[4];
    read64(set, "y", 2, plain, x);
    assert_memory_equal(x, ((double[]){0, 0, 1, 0}), sizeof x);
    dg_diag why = {0};
    dg_column *c = dg_dataset_find(set, "y");
    assert_int_equal(dg_column_read(c, (int64_t[]){4}, 1, plain, DG_F64, x, &why), DG_EDATA);
    assert_string_equal(why.text, "row 4: 4 is no label of onehot, which takes 0 to 3");
    assert_string_equal(why.node, "y");
}

static void test_crop(void **state)
{
    (void)state;
    dg_attr hw[] = {number(2), number(3)};
    const dg_io_call crop = call("crop", 2, hw), random = call("crop_random", 2, hw);
    take(set, "x", DG_U8, (dg_shape){4, {2, 4, 5, 2}}, 1, &crop);
    take(set, "r", DG_U8, (dg_shape){4, {2, 4, 5, 2}}, 1, &random);
    seal(set);
    double x[12], r[12];
    read64(set, "x", 0, plain, x);
    for (int i = 0; i < 12; i++)
        assert_true(x[i] == (1 + i / 6) * 10 + (1 + i % 6 / 2) * 2 + i % 2);
    read64(set, "r", 0, plain, r); /* outside of training: the middle */
    assert_memory_equal(x, r, sizeof x);
    int places = 0;
    for (uint64_t epoch = 0; epoch < 100; epoch++) {
        read64(set, "r", 0, (dg_reading){1, 3, epoch}, r);
        int top = (int)r[0] / 10, left = (int)r[0] % 10 / 2;
        assert_true(top <= 2 && left <= 2);
        places |= 1 << (top * 3 + left);
        for (int i = 0; i < 12; i++)
            assert_true(r[i] == (top + i / 6) * 10 + (left + i % 6 / 2) * 2 + i % 2);
    }
    assert_int_equal(places, 511); /* all nine */
}

static void test_flip_and_shift(void **state)
{
    (void)state;
    dg_attr n[] = {number(2)};
    const dg_io_call flip = bare("flip"), shift = call("shift", 1, n);
    take(set, "f", DG_U8, io_shape(3, 3, 4, 5), 1, &flip);
    take(set, "s", DG_U8, io_shape(3, 3, 4, 5), 1, &shift);
    seal(set);
    int flipped = 0, moves = 0, seen[25] = {0};
    double x[20], f[20], s[20];
    read64(set, "f", 1, plain, x);
    for (int i = 0; i < 20; i++)
        assert_true(x[i] == 20 + i); /* outside of training nothing happens */
    for (uint64_t epoch = 0; epoch < 400; epoch++) {
        const dg_reading how = {1, 1, epoch};
        read64(set, "f", 1, how, f);
        int is = f[0] == x[4];
        flipped += is;
        for (int i = 0; i < 20; i++)
            assert_true(f[i] == x[is ? i / 5 * 5 + 4 - i % 5 : i]);
        read64(set, "s", 1, how, s);
        int match = -1; /* exactly one of the 25 moves explains it */
        for (int move = 0; move < 25; move++) {
            int down = move / 5 - 2, right = move % 5 - 2, same = 1;
            for (int i = 0; i < 20; i++) {
                int h = i / 5 + down, w = i % 5 + right;
                same = same && s[i] == (h < 0 || h >= 4 || w < 0 || w >= 5 ? 0 : x[h * 5 + w]);
            }
            match = same ? move : match;
        }
        assert_true(match >= 0);
        moves += !seen[match]++;
    }
    assert_in_range(flipped, 150, 250);
    assert_int_equal(moves, 25);
}

static void test_noise(void **state)
{
    (void)state;
    enum { N = 10000 };
    dg_attr sigma[] = {number(3)};
    const dg_io_call noise = call("noise", 1, sigma);
    take(set, "x", DG_F64, io_shape(2, 2, N, 0), 1, &noise);
    take(set, "other", DG_F64, io_shape(2, 2, N, 0), 1, &noise);
    seal(set);
    double *x = malloc(N * sizeof *x), *y = malloc(N * sizeof *y), sum = 0, square = 0, product = 0;
    assert_true(x && y);
    read64(set, "x", 0, plain, x);
    read64(set, "x", 0, (dg_reading){1, 1, 1}, y);
    for (int i = 0; i < N; i++) {
        sum += y[i] - x[i];
        square += (y[i] - x[i]) * (y[i] - x[i]);
    }
    assert_true(fabs(sum / N) < 0.15);
    assert_true(fabs(sqrt(square / N) - 3) < 0.1);
    /* columns of one seed, epoch and row: their noise is not correlated */
    double *z = malloc(N * sizeof *z), *other = malloc(N * sizeof *other);
    assert_true(z && other);
    read64(set, "other", 0, plain, z);
    read64(set, "other", 0, (dg_reading){1, 1, 1}, other);
    for (int i = 0; i < N; i++)
        product += (y[i] - x[i]) * (other[i] - z[i]);
    assert_true(fabs(product / square) < 0.05);
    free(z);
    free(other);
    free(x);
    free(y);
}

/* Input and target move together, whatever else is in their pipes; a row does not depend on the
 * batch or on the order that it is read in; seed, epoch and row each count. */
static void test_together(void **state)
{
    (void)state;
    dg_attr two[] = {number(2)};
    const dg_io_call image[] = {call("scale", 1, two), bare("flip"), call("shift", 1, two)};
    const dg_io_call mask[] = {bare("flip"), call("shift", 1, two)};
    take(set, "image", DG_U8, io_shape(3, 8, 5, 5), 3, image);
    take(set, "mask", DG_U8, io_shape(3, 8, 5, 5), 2, mask);
    seal(set);
    double x[200], y[200], one[25];
    const int64_t rows[] = {3, 1, 7, 0, 5, 2, 6, 4};
    dg_column *c = dg_dataset_find(set, "image"), *m = dg_dataset_find(set, "mask");
    int epochs = 0, seeds = 0, differ = 0, shifted = 0;
    for (uint64_t epoch = 0; epoch < 20; epoch++) {
        const dg_reading how = {1, 7, epoch};
        dg_diag why = {0};
        good(dg_column_read(c, rows, 8, how, DG_F64, x, &why), &why);
        good(dg_column_read(m, rows, 8, how, DG_F64, y, &why), &why);
        for (int i = 0; i < 200; i++)
            assert_true(x[i] == 2 * y[i]);
        for (int i = 7; i >= 0; i--) {
            read64(set, "mask", rows[i], how, one);
            assert_memory_equal(one, y + 25 * i, sizeof one);
        }
        read64(set, "mask", 3, (dg_reading){1, 7, epoch + 1}, one);
        epochs += memcmp(one, y, sizeof one) != 0;
        read64(set, "mask", 3, (dg_reading){1, 8, epoch}, one);
        seeds += memcmp(one, y, sizeof one) != 0;
        for (int i = 0; i < 25; i++) { /* row 3 holds 75 to 99, row 1 25 to 49; 0 came in */
            differ += (y[i] > 0 ? y[i] - 75 : -1) != (y[25 + i] > 0 ? y[25 + i] - 25 : -1);
            shifted += y[i] == 0;
        }
    }
    assert_true(epochs > 10 && seeds > 10 && differ > 100 && shifted > 20);
}

/* ---- Statistics ------------------------------------------------------------------------------ */

static char said[300];

static void say(void *user, const char *text)
{
    ++*(int *)user;
    dg_format(said, sizeof said, "%s", text);
}

static void test_standardize(void **state)
{
    (void)state;
    enum { ROWS = 1000, COLUMNS = 3 };
    dg_array a = io_count(DG_F64, io_shape(2, ROWS, COLUMNS, 0));
    double *x = a.data, y[COLUMNS], sum[COLUMNS] = {0}, square[COLUMNS] = {0};
    for (int i = 0; i < ROWS; i++) {
        x[i * COLUMNS] = 1e6 + dg_normal(1, 1, (uint64_t)i);
        x[i * COLUMNS + 1] = 0.1; /* its sum over the rows is not 100 */
        x[i * COLUMNS + 2] = dg_uniform(1, 2, (uint64_t)i);
    }
    const dg_io_call pipe[] = {bare("standardize")};
    dg_diag why = {0};
    int told = 0;
    good(dg_dataset_take(set, "x", &a, 1, pipe, &why), &why);
    seal(set);
    dg_column *c = dg_dataset_find(set, "x");
    assert_int_equal(dg_column_read(c, (int64_t[]){0}, 1, plain, DG_F64, y, &why), DG_EUSAGE);
    assert_string_equal(why.text, "standardize has no mean and deviation yet");
    good(dg_dataset_fit(set, 800, say, &told, &why), &why);
    assert_int_equal(told, 1);
    assert_string_equal(said, "column 'x': elements that never change become 0 in standardize");
    for (int i = 0; i < 800; i++) {
        read64(set, "x", i, plain, y);
        for (int k = 0; k < COLUMNS; k++) {
            sum[k] += y[k];
            square[k] += y[k] * y[k];
        }
        assert_true(y[1] == 0);
    }
    for (int k = 0; k < COLUMNS; k += 2) {
        assert_true(fabs(sum[k] / 800) < 1e-9);
        assert_true(fabs(square[k] / 800 - 1) < 1e-9);
    }
    read64(set, "x", 999, plain, y);
    good(dg_column_inverse(c, 1, DG_F64, y, &why), &why);
    double back[3];
    dg_tensor t;
    char name[100];
    assert_int_equal(dg_column_state(c, 0, &t, name, sizeof name), 1);
    assert_string_equal(name, "@data.x.0");
    memcpy(back, t.data, sizeof back);
    assert_true(back[1] == 0.1 && y[1] == 0.1);
    assert_true(fabs(y[0] - 1e6) < 10 && y[2] >= 0 && y[2] < 1);
    assert_int_equal(dg_column_state(c, 1, &t, name, sizeof name), 0);
}

/* The statistics go to another dataset, and through a file's tensor; the pipe must be the same. */
static void test_adopt(void **state)
{
    (void)state;
    const double third = 1.0 / 3;
    dg_attr by[] = {{.count = 1, .number = &third}};
    const dg_io_call pipe[] = {call("scale", 1, by), bare("standardize"), bare("flip")};
    take(set, "x", DG_U8, io_shape(3, 4, 5, 6), 2, pipe);
    seal(set);
    good(dg_dataset_fit(set, 4, NULL, NULL, NULL), &(dg_diag){0});
    assert_string_equal(dg_column_pipe(dg_dataset_find(set, "x")),
                        "scale(0.3333333333333333, 0) | standardize");
    dg_dataset *other = dg_dataset_new(store), *bad = dg_dataset_new(store);
    take(other, "x", DG_U8, io_shape(3, 2, 5, 6), 3,
         pipe); /* an augmenting transform does not count */
    take(bad, "x", DG_U8, io_shape(3, 2, 5, 6), 1, pipe);
    seal(other);
    seal(bad);
    good(dg_dataset_adopt(other, set, NULL), &(dg_diag){0});
    double a[30], b[30];
    read64(set, "x", 1, plain, a);
    read64(other, "x", 1, plain, b);
    assert_memory_equal(a, b, sizeof a);
    dg_diag why = {0}, again = {0}, restored = {0};
    assert_int_equal(dg_dataset_adopt(bad, set, &why), DG_EMODEL);
    assert_string_equal(why.text,
                        "its fixed transforms are 'scale(0.3333333333333333, 0)' here and "
                        "'scale(0.3333333333333333, 0) | standardize' in training");
    assert_string_equal(why.node, "x");
    assert_int_equal(dg_dataset_fit(bad, 1, NULL, NULL, &again), DG_EMODEL); /* a failure sticks */
    assert_string_equal(again.text, why.text);
    dg_tensor t;
    char name[100];
    dg_column *c = dg_dataset_find(other, "x");
    assert_int_equal(dg_column_state(c, 0, &t, name, sizeof name), 1);
    dg_tensor wrong = {DG_F64, io_shape(2, 2, 5, 0), t.data, 80};
    assert_int_equal(dg_column_restore(c, 0, &wrong, &restored), DG_EDATA);
    assert_string_equal(restored.text, "the stored mean and deviation are not f64 [2, 6]");
    ((double *)t.data)[0] += 1;
    good(dg_column_restore(c, 0, &t, NULL), &restored);
    dg_dataset_free(other);
    dg_dataset_free(bad);
}

/* A table made before the statistics changed is not used after. */
static void test_table_again(void **state)
{
    (void)state;
    const dg_io_call pipe[] = {bare("standardize")};
    take(set, "x", DG_U8, io_shape(1, 100, 0, 0), 1, pipe);
    seal(set);
    double a, b, expected = (99 - 49.5) / sqrt(833.25);
    float f;
    good(dg_dataset_fit(set, 50, NULL, NULL, NULL), &(dg_diag){0});
    read64(set, "x", 99, plain, &a);
    good(dg_dataset_fit(set, 100, NULL, NULL, NULL), &(dg_diag){0});
    read64(set, "x", 99, plain, &b);
    assert_true(a != b && fabs(b - expected) < 1e-12);
    good(dg_column_read(dg_dataset_find(set, "x"), (int64_t[]){99}, 1, plain, DG_F32, &f, NULL),
         &(dg_diag){0});
    assert_true(f == (float)b);
}

static void test_inverse(void **state)
{
    (void)state;
    dg_attr three[] = {number(3), number(1)}, n[] = {number(2)};
    const dg_io_call pipe[] = {call("scale", 1, three), bare("standardize"),
                               call("scale", 2, three)};
    const dg_io_call hot[] = {bare("standardize"), call("onehot", 1, n)};
    take(set, "x", DG_F64, io_shape(2, 50, 4, 0), 3, pipe);
    take(set, "s", DG_F64, io_shape(2, 50, 4, 0), 1, pipe);
    take(set, "h", DG_F64, io_shape(2, 50, 4, 0), 2, hot);
    seal(set);
    good(dg_dataset_fit(set, 50, NULL, NULL, NULL), &(dg_diag){0});
    double x[4], s[4], y[8] = {0};
    float x32[4];
    dg_column *c = dg_dataset_find(set, "x");
    read64(set, "x", 17, plain, x);
    read64(set, "s", 17, plain, s); /* what comes into standardize: 3 times the data */
    for (int i = 0; i < 4; i++)
        x32[i] = (float)x[i];
    good(dg_column_inverse(c, 1, DG_F64, x, NULL), &(dg_diag){0});
    good(dg_column_inverse(c, 1, DG_F32, x32, NULL), &(dg_diag){0});
    for (int i = 0; i < 4; i++) {
        assert_true(fabs(x[i] - s[i]) < 1e-12);
        assert_true(fabs((double)x32[i] - s[i]) < 1e-5);
    }
    assert_int_equal(dg_column_is_standardized(c), 1);
    c = dg_dataset_find(set, "s");
    assert_int_equal(dg_column_is_standardized(c), 0);
    memcpy(x, s, sizeof x);
    good(dg_column_inverse(c, 1, DG_F64, x, NULL), &(dg_diag){0});
    assert_memory_equal(x, s, sizeof x); /* a scale alone stays */
    dg_diag why = {0};
    assert_int_equal(dg_column_inverse(dg_dataset_find(set, "h"), 1, DG_F64, y, &why), DG_EMODEL);
    assert_string_equal(why.text, "onehot after standardize cannot be undone");
}

/* ---- What is refused ------------------------------------------------------------------------- */

static void refuse(int n_names, const dg_io_call *source, int n, const dg_io_call *pipe,
                   dg_status status, const char *text, int start)
{
    dg_dataset *d = dg_dataset_new(store);
    dg_diag why = {0};
    dg_status found =
        dg_dataset_add(d, n_names, (const char *[]){"x", "y", "z"}, source, n, pipe, &why);
    if (found != status || strcmp(why.text, text) != 0 || why.start != start)
        print_error("status %d at %d: %s\n", found, why.start, why.text);
    assert_int_equal(found, status);
    assert_string_equal(why.text, text);
    assert_string_equal(why.node, "x");
    assert_int_equal(why.start, start);
    dg_dataset_free(d);
}

static void test_refused(void **state)
{
    (void)state;
    char path[200];
    static const char nan_npy[] = "{'descr':'<f4','fortran_order':False,'shape':(2,2)}";
    dg_text t = dg_text_make(NULL), list = dg_text_make(NULL);
    io_npy(1, nan_npy, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xc0\x7f", 16, &t);
    io_write(io_path(folder, "nan.npy", path), t.data, t.length);
    t.length = 0;
    io_npy(1, "{'descr':'<f4','fortran_order':False,'shape':()}", NULL, 4, &t);
    io_write(io_path(folder, "one.npy", path), t.data, t.length);
    t.length = 0;
    io_npy(1, "{'descr':'<f4','fortran_order':False,'shape':(9223372036854775807,0)}", NULL, 0, &t);
    io_write(io_path(folder, "none.npy", path), t.data, t.length);
    io_write(io_path(folder, "t.txt", path), "abc", 3);
    dg_text_free(&t);
    dg_attr nan_file[] = {word("nan.npy")}, one[] = {word("one.npy")}, none[] = {word("none.npy")},
            missing[] = {word("no.npy")}, two[] = {word("a"), word("b")}, image[] = {word("image")},
            wrong[] = {word("both")}, text[] = {word("t.txt"), number(3)}, zero[] = {number(0)},
            big[] = {number(9), number(9)};
    dg_io_call s = call("npy", 1, nan_file), digits = call("digits", 1, image);
    refuse(1, &s, 0, NULL, DG_EDATA, "row 1, element 1 of an array [2, 2] is NaN", 1);
    s = call("npy", 1, one);
    refuse(1, &s, 0, NULL, DG_EDATA, "an array [] has no rows of elements", 1);
    s = call("npy", 1, none);
    refuse(1, &s, 0, NULL, DG_EDATA, "an array [9223372036854775807, 0] has no rows of elements",
           1);
    s = call("npy", 1, missing);
    dg_text_printf(&list, "no such file in any of: %s, /usr/share/datasets", folder);
    refuse(1, &s, 0, NULL, DG_EDATA, list.data, 1);
    dg_text_free(&list);
    s = call("npy", 2, two);
    refuse(1, &s, 0, NULL, DG_EMODEL, "npy takes at most 1 attributes", 11);
    s = call("nyp", 1, one);
    refuse(1, &s, 0, NULL, DG_EMODEL, "there is no source 'nyp'", 1);
    s = call("digits", 1, wrong);
    refuse(1, &s, 0, NULL, DG_EMODEL, "which of digits is 'both', it takes image, label", 11);
    refuse(2, &digits, 0, NULL, DG_EMODEL, "digits fills 1 name, not 2", 1);
    s = call("chars", 2, text);
    refuse(1, &s, 0, NULL, DG_EDATA, "3 characters; a row of 3 and what follows it need one more",
           1);
    refuse(3, &s, 0, NULL, DG_EMODEL, "chars fills 2 names, not 3", 1);
    dg_io_call pipe = call("scale", 1, zero);
    refuse(2, &s, 1, &pipe, DG_EMODEL, "a pipe follows a single name only", 1);
    refuse(1, &digits, 1, &pipe, DG_EMODEL, "scale by 0 makes all elements the same", 1);
    pipe = call("crop", 2, big);
    refuse(1, &digits, 1, &pipe, DG_EMODEL, "crop(9, 9) is larger than the picture [8, 8, 1]", 1);
    pipe = bare("blur");
    refuse(1, &digits, 1, &pipe, DG_EMODEL, "there is no transform 'blur'", 1);
    pipe = bare("scale");
    refuse(1, &digits, 1, &pipe, DG_EMODEL,
           "a of scale is not given, it takes a number, -1e+30 to 1e+30", 1);
}

static void test_rows_differ(void **state)
{
    (void)state;
    dg_diag why = {0}, label = {0}, bounds = {0}, empty = {0};
    take(set, "image", DG_U8, io_shape(2, 60, 4, 0), 0, NULL);
    take(set, "label", DG_U8, io_shape(1, 59, 0, 0), 0, NULL);
    assert_int_equal(dg_dataset_seal(set, 0, 1, NULL, &why), DG_EDATA);
    assert_string_equal(why.text, "'label' has 59 rows, 'image' has 60");
    dg_dataset *d = dg_dataset_new(store), *e = dg_dataset_new(store);
    take(d, "y", DG_F64, io_shape(1, 60, 0, 0), 0, NULL);
    seal(d);
    int32_t y;
    dg_column *c = dg_dataset_find(d, "y");
    assert_int_equal(dg_column_read(c, (int64_t[]){8}, 1, plain, DG_I32, &y, &label), DG_OK);
    assert_int_equal(dg_column_read(c, (int64_t[]){20}, 1, plain, DG_I32, &y, &label), DG_EDATA);
    assert_string_equal(label.text, "row 20: 2.5 is not a whole number of 32 bits");
    assert_int_equal(dg_column_read(c, (int64_t[]){60}, 1, plain, DG_I32, &y, &bounds), DG_EUSAGE);
    take(e, "y", DG_F64, io_shape(1, 3, 0, 0), 0, NULL);
    assert_int_equal(dg_dataset_seal(e, 0, 0.1, NULL, &empty), DG_EDATA);
    assert_string_equal(empty.text, "part=[0, 0.1] of 3 rows is empty");
    dg_dataset_free(d);
    dg_dataset_free(e);
}

/* f64 that f32 cannot hold is not made infinite. */
static void test_too_large(void **state)
{
    (void)state;
    dg_array a = io_count(DG_F64, io_shape(2, 2, 3, 0));
    ((double *)a.data)[4] = 1e39;
    dg_diag why = {0};
    good(dg_dataset_take(set, "x", &a, 0, NULL, &why), &why);
    seal(set);
    float x[3];
    dg_column *c = dg_dataset_find(set, "x");
    assert_int_equal(dg_column_read(c, (int64_t[]){1}, 1, plain, DG_F32, x, &why), DG_EDATA);
    assert_string_equal(why.text, "row 1: 1e+39 does not fit f32");
}

/* Both lists end, and nothing in them is without a text. */
static void test_lists(void **state)
{
    (void)state;
    int n = 0;
    for (; dg_source_at(n); n++)
        assert_true(dg_source_at(n)->name && dg_source_at(n)->text);
    assert_true(n > 6);
    for (n = 0; dg_transform_at(n); n++)
        assert_true(dg_transform_at(n)->name && dg_transform_at(n)->text);
    assert_true(n > 8);
    assert_null(dg_source_at(-1));
    assert_null(dg_transform_at(-1));
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(csv),      TEST(chars),       TEST(digits),    TEST(fits),           TEST(parts),
        TEST(ways),     TEST(onehot),      TEST(crop),      TEST(flip_and_shift), TEST(noise),
        TEST(together), TEST(standardize), TEST(adopt),     TEST(table_again),    TEST(inverse),
        TEST(refused),  TEST(rows_differ), TEST(too_large), TEST(lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
