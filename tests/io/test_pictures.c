/* Pictures: every kind of PNG by value, JPEG near its source, turned by EXIF, scaled as a triangle
 * filter says; hostile ones refused; folders, pairs, paths, broken files. */
#include "io/pictures.h"

#include "base/philox.h"
#include "io/dataset.h"
#include "io/io_tools.h"
#include "io/picture.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#ifdef DG_JPEG
#include <jpeglib.h>
#endif

static const dg_picture_form colours = {.channels = 3}, grey = {.channels = 1},
                             mask = {.channels = 1, .index = true};

static void read_as(const io_picture *from, const dg_picture_form *form, int h, int w,
                    const uint8_t *expected)
{
    char reason[DG_PICTURE_REASON];
    dg_picture p;
    dg_text png = dg_text_make(NULL);
    io_png(from, &png);
    if (!dg_picture_read(png.data, png.length, form, &p, reason))
        fail_msg("type %d, %d bits: %s", from->type, from->depth, reason);
    assert_int_equal(p.height, h);
    assert_int_equal(p.width, w);
    assert_int_equal(p.channels, form->channels);
    assert_memory_equal(p.bytes, expected, (size_t)(h * w * p.channels));
    free(p.bytes);
    dg_text_free(&png);
}

static void refused(const void *bytes, size_t n, const dg_picture_form *form, const char *part)
{
    char reason[DG_PICTURE_REASON];
    dg_picture p;
    assert_false(dg_picture_read(bytes, n, form, &p, reason));
    assert_null(p.bytes);
    if (!strstr(reason, part))
        fail_msg("'%s' lacks '%s'", reason, part);
}

#define BYTES(...)                                                                                 \
    (const uint8_t[])                                                                              \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

static void test_png(void **state)
{
    (void)state;
    const uint8_t *three = BYTES(10, 20, 30, 40, 50, 60),
                  *palette = BYTES(1, 2, 3, 4, 5, 6, 7, 8, 9);
    read_as(&(io_picture){2, 1, 8, 2, three}, &colours, 1, 2, three);
    read_as(&(io_picture){2, 1, 8, 2, three}, &grey, 1, 2, BYTES(18, 48));
    read_as(&(io_picture){2, 1, 8, 0, three}, &colours, 1, 2, BYTES(10, 10, 10, 20, 20, 20));
    read_as(&(io_picture){3, 1, 1, 0, BYTES(0xa0)}, &grey, 1, 3, BYTES(255, 0, 255));
    read_as(&(io_picture){3, 1, 2, 0, BYTES(0x6c)}, &grey, 1, 3, BYTES(85, 170, 255));
    read_as(&(io_picture){2, 1, 4, 0, BYTES(0x1f)}, &grey, 1, 2, BYTES(17, 255));
    read_as(&(io_picture){3, 1, 2, 3, BYTES(0x84), palette, 3}, &colours, 1, 3,
            BYTES(7, 8, 9, 1, 2, 3, 4, 5, 6));
    /* 16 bits: 256, 128 + 1, 65535 over 257 */
    read_as(&(io_picture){3, 1, 16, 0, BYTES(1, 0, 0, 129, 255, 255)}, &grey, 1, 3,
            BYTES(1, 1, 255));
    /* alpha 0, 255 and 51, a fifth, over white */
    read_as(&(io_picture){3, 1, 8, 4, BYTES(9, 0, 9, 255, 55, 51)}, &grey, 1, 3,
            BYTES(255, 9, 215));
    read_as(&(io_picture){1, 1, 8, 6, BYTES(0, 100, 255, 51)}, &colours, 1, 1,
            BYTES(204, 224, 255));
    /* masks: numbers as they are */
    read_as(&(io_picture){3, 1, 2, 3, BYTES(0x84), palette, 3}, &mask, 1, 3, BYTES(2, 0, 1));
    read_as(&(io_picture){3, 1, 1, 0, BYTES(0xa0)}, &mask, 1, 3, BYTES(1, 0, 1));
    read_as(&(io_picture){2, 1, 8, 0, three}, &mask, 1, 2, three);
    dg_text png = dg_text_make(NULL);
    io_png(&(io_picture){2, 1, 8, 2, three}, &png);
    refused(png.data, png.length, &mask, "a mask has a palette or grey levels");
    dg_text_free(&png);
}

/* The 8 ways a camera can be held, for a picture of 2 rows and 3 columns. */
static void test_turned(void **state)
{
    (void)state;
    const uint8_t *rows = BYTES(1, 2, 3, 4, 5, 6);
    const uint8_t *const upright[] = {BYTES(1, 2, 3, 4, 5, 6), BYTES(3, 2, 1, 6, 5, 4),
                                      BYTES(6, 5, 4, 3, 2, 1), BYTES(4, 5, 6, 1, 2, 3),
                                      BYTES(1, 4, 2, 5, 3, 6), BYTES(4, 1, 5, 2, 6, 3),
                                      BYTES(6, 3, 5, 2, 4, 1), BYTES(3, 6, 2, 5, 1, 4)};
    for (int k = 0; k < 8; k++)
        read_as(&(io_picture){3, 2, 8, 0, rows, .orientation = k + 1}, &grey, k < 4 ? 2 : 3,
                k < 4 ? 3 : 2, upright[k]);
    const uint8_t little[] = {'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12,
                              1,   3,   0,  1, 0, 0, 0, 6, 0, 0, 0};
    assert_int_equal(dg_exif_orientation(little, sizeof little), 6);
    for (size_t n = 0; n < sizeof little; n++)
        assert_int_equal(dg_exif_orientation(little, n), 1);
}

/* The filter once more, in two dimensions at once and in double. */
static double filtered(const dg_picture *p, int64_t h, int64_t w, int64_t i, int64_t j, int k)
{
    double s = fmin((double)p->height / (double)h, (double)p->width / (double)w), wide = fmax(s, 1);
    double y = ((double)p->height - s * (double)h) / 2 + ((double)i + 0.5) * s;
    double x = ((double)p->width - s * (double)w) / 2 + ((double)j + 0.5) * s, sum = 0, all = 0;
    for (int64_t a = 0; a < p->height; a++)
        for (int64_t b = 0; b < p->width; b++) {
            double u = 1 - fabs((double)a + 0.5 - y) / wide,
                   v = 1 - fabs((double)b + 0.5 - x) / wide;
            double weight = u > 0 && v > 0 ? u * v : 0;
            sum += weight * p->bytes[(a * p->width + b) * p->channels + k];
            all += weight;
        }
    return sum / all;
}

static void test_scaled(void **state)
{
    (void)state;
    static const int sizes[][4] = {{40, 30, 10, 10}, {30, 40, 7, 20}, {9, 9, 20, 31},
                                   {33, 20, 33, 7},  {1, 50, 5, 5},   {64, 64, 1, 1},
                                   {17, 23, 16, 22}};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        char reason[DG_PICTURE_REASON];
        dg_picture in, out;
        const int *s = sizes[k];
        assert_true(dg_picture_make(&in, s[0], s[1], 3, reason));
        assert_true(dg_picture_make(&out, s[2], s[3], 3, reason));
        for (int i = 0; i < s[0] * s[1] * 3; i++)
            in.bytes[i] = (uint8_t)(dg_uniform(k, 1, (uint64_t)i) * 256);
        assert_true(dg_picture_scale(&in, &out, false));
        for (int i = 0; i < s[2]; i++)
            for (int j = 0; j < s[3]; j++)
                for (int c = 0; c < 3; c++)
                    assert_true(fabs(filtered(&in, s[2], s[3], i, j, c) -
                                     out.bytes[(i * s[3] + j) * 3 + c]) < 0.51);
        assert_true(dg_picture_scale(&in, &out, true));
        for (int i = 0; i < s[2] * s[3]; i++) { /* a mask has no new numbers */
            int found = 0;
            for (int q = 0; q < s[0] * s[1] && !found; q++)
                found = memcmp(in.bytes + 3 * q, out.bytes + 3 * i, 3) == 0;
            assert_true(found);
        }
        free(in.bytes);
        free(out.bytes);
    }
}

static void test_hostile(void **state)
{
    (void)state;
    dg_text png = dg_text_make(NULL);
    const uint8_t *rows = BYTES(1, 2, 3, 4, 5, 6);
    io_png(&(io_picture){100000, 100000, 8, 2, NULL}, &png);
    refused(png.data, png.length, &colours, "claims 100000 x 100000 pixels");
    io_png(&(io_picture){10000, 10000, 8, 2, NULL}, &png);
    refused(png.data, png.length, &colours, "more pixels than its bytes can hold");
    refused("GIF89a", 6, &colours, "neither PNG nor JPEG");
    refused("", 0, &colours, "empty");
    io_png(&(io_picture){3, 2, 8, 0, rows}, &png);
    for (size_t n = 8; n < png.length - 12; n++)
        refused(png.data, n, &grey, n < 20 ? "" : "the file ends");
    for (size_t i = 0; i < 8 * png.length; i++) { /* any bit wrong: refused or read, never more */
        char reason[DG_PICTURE_REASON];
        dg_picture p;
        png.data[i / 8] ^= (char)(1 << i % 8);
        if (dg_picture_read(png.data, png.length, &grey, &p, reason))
            free(p.bytes);
        else
            assert_true(*reason);
        png.data[i / 8] ^= (char)(1 << i % 8);
    }
    dg_text_free(&png);
}

#ifdef DG_JPEG

static size_t make_jpeg(const uint8_t *rgb, int h, int w, int channels, unsigned char **out)
{
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr e;
    unsigned long n = 0;
    c.err = jpeg_std_error(&e);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, out, &n);
    c.image_width = (JDIMENSION)w;
    c.image_height = (JDIMENSION)h;
    c.input_components = channels;
    c.in_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&c);
    jpeg_set_quality(&c, 98, TRUE);
    jpeg_start_compress(&c, TRUE);
    for (int i = 0; i < h; i++) {
        JSAMPROW row = (JSAMPROW)(uintptr_t)(rgb + i * w * channels);
        jpeg_write_scanlines(&c, &row, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    return n;
}

static void test_jpeg(void **state)
{
    (void)state;
    enum { H = 24, W = 40 };
    uint8_t rgb[H * W * 3];
    for (int channels = 1; channels < 4; channels += 2) {
        char reason[DG_PICTURE_REASON];
        unsigned char *bytes = NULL;
        dg_picture p;
        for (int i = 0; i < H * W * channels; i++)
            rgb[i] = (uint8_t)(128 + 100 * sin(i / channels % W / 9.0 + i % channels));
        size_t n = make_jpeg(rgb, H, W, channels, &bytes);
        assert_true(dg_picture_read(bytes, n, channels == 1 ? &grey : &colours, &p, reason));
        assert_int_equal(p.height, H);
        assert_int_equal(p.width, W);
        for (int i = 0; i < H * W * channels; i++)
            assert_true(abs(p.bytes[i] - rgb[i]) < 9);
        free(p.bytes);
        for (size_t cut = 3; cut < n; cut += 7)
            refused(bytes, cut, &colours, "");
        refused(bytes, n / 2, &colours, "the file ends within the picture");
        if (channels == 3)
            refused(bytes, n, &mask, "a mask has a palette or grey levels");
        free(bytes);
    }
}

#else

static void test_jpeg(void **state)
{
    (void)state;
    refused("\xff\xd8\xff", 3, &colours, "built without libjpeg");
}

#endif

/* ---- Sources --------------------------------------------------------------------------------- */

static char folder[64];
static dg_store *store;
static char said[1000];

static void say(void *user, const char *text)
{
    (void)user;
    snprintf(said, sizeof said, "%s", text);
}

/* A picture of one colour. */
static void put(const char *name, int h, int w, int level)
{
    char path[200];
    uint8_t *rows = malloc((size_t)(h * w));
    dg_text png = dg_text_make(NULL);
    memset(rows, level, (size_t)(h * w));
    io_png(&(io_picture){(uint32_t)w, (uint32_t)h, 8, 0, rows}, &png);
    io_write(io_path(folder, name, path), png.data, png.length);
    dg_text_free(&png);
    free(rows);
}

static int setup(void **state)
{
    (void)state;
    char path[200];
    static const char *const folders[] = {"p", "p/a", "p/b", "x", "y"};
    io_folder_make(folder);
    for (size_t i = 0; i < 5; i++)
        mkdir(io_path(folder, folders[i], path), 0777);
    put("p/b/1.png", 4, 4, 10);
    put("p/a/2.png", 8, 6, 20);
    put("p/b/0.png", 4, 9, 30);
    put("x/s.png", 4, 4, 1);
    put("x/t.png", 4, 4, 2);
    put("y/s.png", 4, 4, 3);
    put("y/t.png", 4, 4, 4);
    static const char table[] = "file,n\np/a/2.png,5\nx/t.png,6\np/a/2.png,7\n";
    io_write(io_path(folder, "t.csv", path), table, sizeof table - 1);
    *said = 0;
    store = dg_store_new(folder, 0, NULL);
    dg_store_say(store, say, NULL);
    return !store;
}

static int teardown(void **state)
{
    (void)state;
    char command[100];
    dg_store_free(store);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) != 0;
}

static const double four[] = {4, 4}, one[] = {1}, none[] = {0};

/* source("...", size=[4, 4], channels=1) and more, into x and y. */
static dg_dataset *fill(const char *source, int n, const char *first, const char *second,
                        const dg_attr *more, dg_diag *why)
{
    dg_attr attr[6] = {{.word = first}, {.word = second}};
    int k = second ? 2 : 1;
    attr[k++] = (dg_attr){.name = "size", .number = four, .count = 2};
    attr[k++] = (dg_attr){.name = "channels", .number = one, .count = 1};
    if (more)
        attr[k++] = *more;
    const dg_io_call call = {source, k, attr, 1, 2};
    const dg_io_pipe pipes[] = {{.name = "x"}, {.name = "y", .column = 1}};
    dg_dataset *d = dg_dataset_new(store);
    *why = (dg_diag){0};
    dg_dataset_fill(d, n, pipes, &call, NULL, why);
    dg_dataset_seal(d, 0, 1, NULL, why);
    return d;
}

/* The first element of each row. */
static void rows_are(dg_dataset *d, const char *column, int n, const float *expected)
{
    float row[16];
    dg_diag why = {0};
    assert_int_equal(dg_dataset_rows(d), n);
    for (int64_t i = 0; i < n; i++) {
        dg_column *c = dg_dataset_find(d, column);
        if (dg_column_read(c, &i, 1, (dg_reading){0}, DG_F32, row, &why) != DG_OK)
            fail_msg("%s: %s", why.file, why.text);
        assert_true(row[0] == expected[i]);
    }
}

static void test_folder(void **state)
{
    (void)state;
    dg_diag why;
    char path[200];
    const dg_attr keep = {.name = "memory", .number = none, .count = 1};
    for (int kept = 0; kept < 2; kept++) { /* in memory, or read again for each row */
        dg_dataset *d = fill("images", 2, "p", NULL, kept ? NULL : &keep, &why);
        assert_int_equal(why.code, DG_OK);
        rows_are(d, "x", 3, (float[]){20, 30, 10});
        rows_are(d, "y", 3, (float[]){0, 1, 1});
        assert_string_equal(dg_dataset_row_name(d, 1), io_path(folder, "p/b/0.png", path));
        assert_string_equal(dg_dataset_note(d, "data.y.words.0"), "[\"a\",\"b\"]");
        assert_int_equal(strstr(said, "more than memory=") != NULL, !kept);
        *said = 0;
        dg_dataset_free(d);
    }
    dg_dataset *d = fill("images", 2, "x", NULL, NULL, &why);
    assert_string_equal(why.text, "the folder has no sub-folders, which would be the classes");
    dg_dataset_free(d);
}

static void test_pairs(void **state)
{
    (void)state;
    dg_diag why;
    const dg_attr keep = {.name = "memory", .number = none, .count = 1};
    dg_dataset *d;
    for (int kept = 0; kept < 2; kept++) {
        d = fill("pairs", 2, "x", "y", kept ? NULL : &keep, &why);
        assert_int_equal(why.code, DG_OK);
        rows_are(d, "x", 2, (float[]){1, 2});
        rows_are(d, "y", 2, (float[]){3, 4});
        dg_dataset_free(d);
    }
    put("x/u.png", 4, 4, 9);
    dg_store_free(store);
    store = dg_store_new(folder, 0, NULL);
    d = fill("pairs", 2, "x", "y", NULL, &why);
    assert_int_equal(why.code, DG_EDATA);
    assert_non_null(strstr(why.file, "x/u.png"));
    assert_non_null(strstr(why.text, "no picture of this name in"));
    dg_dataset_free(d);
}

static void test_broken(void **state)
{
    (void)state;
    dg_diag why;
    char path[200];
    io_write(io_path(folder, "p/a/1.png", path), "\x89PNG\r\n\x1a\n", 8);
    dg_dataset *d = fill("images", 2, "p", NULL, NULL, &why);
    assert_int_equal(why.code, DG_EDATA);
    assert_string_equal(why.file, path);
    assert_non_null(strstr(why.text, "the file ends within the picture; of 4 pictures 1 cannot be "
                                     "read: broken=skip leaves them out"));
    dg_dataset_free(d);
    const dg_attr skip = {.name = "broken", .word = "skip"};
    d = fill("images", 2, "p", NULL, &skip, &why);
    assert_int_equal(why.code, DG_OK);
    assert_non_null(strstr(said, "1 of 4 pictures cannot be read and are left out"));
    rows_are(d, "x", 3, (float[]){20, 30, 10});
    rows_are(d, "y", 3, (float[]){0, 1, 1});
    dg_dataset_free(d);
}

/* Of a pair with a broken picture both are left out, kept or not. */
static void test_broken_pairs(void **state)
{
    (void)state;
    dg_diag why = {0};
    char path[200];
    put("x/r.png", 4, 4, 5);
    io_write(io_path(folder, "y/r.png", path), "\x89PNG\r\n\x1a\n", 8);
    for (int kept = 0; kept < 2; kept++) {
        const dg_attr attr[] = {{.word = "x"},
                                {.word = "y"},
                                {.name = "channels", .number = one, .count = 1},
                                {.name = "broken", .word = "skip"},
                                {.name = "memory", .number = none, .count = 1}};
        const dg_io_call call = {"pairs", kept ? 4 : 5, attr, 1, 2};
        const dg_io_pipe pipes[] = {{.name = "x"}, {.name = "y", .column = 1}};
        dg_dataset *d = dg_dataset_new(store);
        dg_dataset_fill(d, 2, pipes, &call, NULL, &why);
        dg_dataset_seal(d, 0, 1, NULL, &why);
        assert_int_equal(why.code, DG_OK);
        rows_are(d, "x", 2, (float[]){1, 2});
        rows_are(d, "y", 2, (float[]){3, 4});
        dg_dataset_free(d);
    }
}

/* Each of both has its channels, also where a file is given for the second alone. */
static void test_channels_of_pairs(void **state)
{
    (void)state;
    dg_diag why = {0};
    static const double three_one[] = {3, 1};
    char path[200];
    const dg_attr attr[] = {
        {.word = "x"}, {.word = "y"}, {.name = "channels", .number = three_one, .count = 2}};
    const dg_io_call call = {"pairs", 3, attr, 1, 2};
    const dg_io_pipe pipes[] = {{.name = "x"}, {.name = "y", .column = 1}};
    dg_dataset *d = dg_dataset_new(store);
    dg_dataset_fill(d, 2, pipes, &call, NULL, &why);
    assert_int_equal(dg_column_shape(dg_dataset_find(d, "x")).dim[3], 3);
    assert_int_equal(dg_column_shape(dg_dataset_find(d, "y")).dim[3], 1);
    dg_dataset_free(d);
    d = dg_dataset_new(store);
    dg_dataset_fill(d, 1, &pipes[1], &call, io_path(folder, "p/a/2.png", path), &why);
    dg_dataset_seal(d, 0, 1, NULL, &why);
    assert_int_equal(why.code, DG_OK);
    assert_int_equal(dg_column_shape(dg_dataset_find(d, "y")).dim[3], 1);
    assert_int_equal(dg_dataset_rows(d), 1);
    dg_dataset_free(d);
}

/* What lies about in folders: pipes are no pictures, what is left out is said, links that lead back
 * and names that are no text are refused. */
static void test_strange_folders(void **state)
{
    (void)state;
    dg_diag why;
    char path[200], last[200];
    assert_int_equal(mkfifo(io_path(folder, "p/a/pipe.png", path), 0600), 0);
    io_write(io_path(folder, "p/a/x.webp", path), "x", 1);
    dg_dataset *d = fill("images", 2, "p", NULL, NULL, &why);
    rows_are(d, "x", 3, (float[]){20, 30, 10});
    assert_non_null(strstr(said, "p: 1 picture is neither PNG nor JPEG and left out"));
    dg_dataset_free(d);
    remove(path);
    put("p/loose.png", 4, 4, 7);
    d = fill("images", 1, "p", NULL, &(dg_attr){.name = "memory", .number = one, .count = 1}, &why);
    rows_are(d, "x", 3, (float[]){20, 30, 10});
    assert_non_null(
        strstr(said, "p: 1 picture beside its sub-folders has no class and is left out"));
    dg_dataset_free(d);
    assert_int_equal(symlink("..", io_path(folder, "p/b/up", path)), 0);
    d = fill("images", 2, "p", NULL, &(dg_attr){.name = "memory", .number = four, .count = 1},
             &why);
    assert_int_equal(why.code, DG_EDATA);
    assert_non_null(strstr(why.text, "this leads back to "));
    dg_dataset_free(d);
    remove(path);
    assert_int_equal(rename(io_path(folder, "p/b", path), io_path(folder, "p/\xff", last)), 0);
    d = fill("images", 2, "p", NULL, &(dg_attr){.name = "memory", .number = none, .count = 1},
             &why);
    assert_int_equal(why.code, DG_EDATA);
    assert_string_equal(why.text, "the name of a class is to be UTF-8; rename the folder");
    dg_dataset_free(d);
}

/* Two columns of one folder: who reads a row for both decodes its picture once. */
static void test_decoded_once(void **state)
{
    (void)state;
    dg_diag why;
    char path[200];
    float x[16], y[16];
    int64_t row = 1;
    const dg_reading how = {0};
    const dg_attr attr[] = {{.word = "p"},
                            {.name = "size", .number = four, .count = 2},
                            {.name = "channels", .number = one, .count = 1},
                            {.name = "memory", .number = none, .count = 1}};
    const dg_io_call call = {"images", 4, attr, 1, 2};
    dg_dataset *d = dg_dataset_new(store);
    why = (dg_diag){0};
    dg_dataset_add(d, 1, (const char *[]){"x"}, &call, 0, NULL, &why);
    dg_dataset_add(d, 1, (const char *[]){"y"}, &call, 0, NULL, &why);
    assert_int_equal(dg_dataset_seal(d, 0, 1, NULL, &why), DG_OK);
    const dg_column *first = dg_dataset_find(d, "x"), *second = dg_dataset_find(d, "y");
    dg_row_scratch *s = dg_row_scratch_new(d), *other = dg_row_scratch_new(d);
    assert_int_equal(dg_column_read_beside(first, s, &row, 1, how, DG_F32, x, &why), DG_OK);
    assert_int_equal(remove(io_path(folder, "p/b/0.png", path)), 0);
    assert_int_equal(dg_column_read_beside(second, s, &row, 1, how, DG_F32, y, &why), DG_OK);
    assert_memory_equal(x, y, sizeof x);
    assert_int_equal(dg_column_read_beside(second, other, &row, 1, how, DG_F32, y, &why), DG_EDATA);
    dg_row_scratch_free(s);
    dg_row_scratch_free(other);
    dg_dataset_free(d);
}

static void test_paths(void **state)
{
    (void)state;
    dg_diag why = {0};
    const dg_attr attr[] = {{.word = "t.csv"}, {.name = "columns", .word = "file", .count = 1}};
    const dg_attr form[] = {{.name = "size", .number = four, .count = 2},
                            {.name = "channels", .number = one, .count = 1},
                            {.name = "memory", .number = none, .count = 1}};
    for (int kept = 0; kept < 2; kept++) {
        const dg_io_call source = {"csv", 2, attr, 1, 2}, image = {"image", 3 - kept, form, 1, 2};
        const dg_io_pipe pipe = {.name = "x", .n = 1, .transforms = &image};
        dg_dataset *d = dg_dataset_new(store);
        dg_dataset_fill(d, 1, &pipe, &source, NULL, &why);
        dg_dataset_seal(d, 0, 1, NULL, &why);
        if (why.code != DG_OK)
            fail_msg("%s: %s", why.file, why.text);
        assert_string_equal(dg_column_pipe(dg_dataset_find(d, "x")), "image(4 4, 1)");
        rows_are(d, "x", 3, (float[]){20, 2, 20});
        assert_int_equal(strstr(said, "more than memory=") != NULL, !kept);
        *said = 0;
        dg_dataset_free(d);
    }
}

#define OF_FILES(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_png),     cmocka_unit_test(test_turned),
        cmocka_unit_test(test_scaled),  cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_jpeg),    OF_FILES(test_folder),
        OF_FILES(test_pairs),           OF_FILES(test_broken),
        OF_FILES(test_broken_pairs),    OF_FILES(test_channels_of_pairs),
        OF_FILES(test_paths),           OF_FILES(test_decoded_once),
        OF_FILES(test_strange_folders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
