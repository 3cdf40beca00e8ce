/* Files that are not what is wanted: said what they are and what can be done. And zip64, and what
 * is left out of a text. */
#include "io/formats.h"
#include "io/io_tools.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define B(bytes) bytes, sizeof bytes - 1

static void refuses(const char *format, const void *bytes, size_t n, const char *part)
{
    dg_array a;
    dg_diag why = {.code = DG_OK};
    dg_status s = io_read(format, bytes, n, &a, &why);
    if (s != DG_EDATA || !strstr(why.text, part))
        fail_msg("%s: status %d: '%s' is not in '%s'", format, (int)s, part, why.text);
}

static void each_kind_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        const char *part;
    } files[] = {
        {B("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"),
         "`git lfs pull`"},
        {B("<!DOCTYPE html>\n<html><body>404</body></html>"), "a web page (HTML)"},
        {B("\xef\xbb\xbf \n<HTML lang=en><head>"), "a web page (HTML)"},
        {B("\xff\xd8\xff\xe0\0\x10JFIF\0\1"), "a JPEG picture; pictures are read by images("},
        {B("\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), "a PNG picture"},
        {B("RIFF\x24\0\0\0WEBPVP8 "), "a WebP picture; save it as PNG"},
        {B("\x89HDF\r\n\x1a\n\0\0\0\0"), "an HDF5 file"},
        {B("PAR1\x15\0\x15\x1c"), "a Parquet file; in Python: pandas.read_parquet"},
        {B("SQLite format 3\0\x10\0"), "an SQLite data base"},
        {B("\xfd"
           "7zXZ\0\0\4"),
         "compressed by xz; unpack it first: xz -d"},
        {B("\x28\xb5\x2f\xfd\4\0\0\0"), "compressed by zstd"},
        {B("\x80\2\x8a\x0al\xfc\x9c\x46\xf9 j\xa8P\x19.\x80\2M\xe9\3."), "a file of torch.save"},
        {B("\x80\4\x95\x0b\0\0\0\0\0\0\0]\x94."), "a pickle of Python, which may run code"},
        {B("PK\3\4\0\0\x08\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10\0\x12\0archive/data.pkl"),
         "safetensors.torch.save_file"},
        {B("PK\3\4\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x13\0\0\0[Content_Types].xml"),
         "save the table as CSV"},
    };
    static const char *const formats[] = {"csv", "csv:a", "npy", "npz", "idx", "safetensors"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        for (int k = 0; k < 6; k++)
            refuses(formats[k], files[i].bytes, files[i].n, files[i].part);
    refuses("chars", files[0].bytes, files[0].n, "`git lfs pull`");
    refuses("safetensors", B("a,b\n1,2\n3,4\n"), "a text file; weights are read from safetensors");
    refuses("safetensors", B("\x93NUMPY\1\0\x76\0{"), "`dagrad convert IN OUT.safetensors`");
}

/* What looks a little like them is read. */
static void others_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *format, *bytes;
        size_t n;
    } files[] = {
        {"csv", B("version\n1\n")},
        {"csv", B("%PDx,BZ\n1,2\n")},
        {"chars", B("<html> is what this text is about")},
    };
    for (size_t i = 0; i < 3; i++) {
        dg_array a;
        dg_diag why = {.code = DG_OK};
        if (io_read(files[i].format, files[i].bytes, files[i].n, &a, &why) != DG_OK)
            fail_msg("%s", why.text);
        dg_array_free(&a);
    }
}

/* A header whose length has the bytes that a pickle begins with. */
static void a_length_is_no_magic(void **state)
{
    (void)state;
    static const size_t length[] = {0x0280, 0x0380, 0x0480, 0x0580};
    for (int i = 0; i < 4; i++) {
        dg_array a;
        dg_diag why = {.code = DG_OK};
        dg_text header = dg_text_make(NULL), file = dg_text_make(NULL);
        dg_text_add(&header, "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}");
        while (header.length < length[i])
            dg_text_add(&header, " ");
        io_safetensors(header.data, 4, &file);
        if (io_read("safetensors", file.data, file.length, &a, &why) != DG_OK)
            fail_msg("%s", why.text);
        dg_array_free(&a);
        dg_text_free(&header);
        dg_text_free(&file);
    }
}

/* ---- Texts ----------------------------------------------------------------------------------- */

static void marks_and_returns_are_left_out_of_texts(void **state)
{
    (void)state;
    dg_reader *r;
    dg_array a;
    char *used;
    dg_chars_dropped dropped;
    assert_int_equal(dg_reader_memory(&r,
                                      B("\xef\xbb\xbf"
                                        "ab\r\nba\r\n\r"),
                                      "F", 0, NULL),
                     DG_OK);
    assert_int_equal(dg_chars_read(r, NULL, &a, &used, &dropped), DG_OK);
    dg_reader_close(r);
    assert_string_equal(used, "\n\rab"); /* a return alone is a character */
    assert_int_equal(a.shape.dim[0], 7);
    assert_memory_equal(a.data, ((uint8_t[]){2, 3, 0, 3, 2, 0, 1}), 7);
    assert_int_equal(dropped.mark, 1);
    assert_int_equal(dropped.returns, 2);
    free(used);
    dg_array_free(&a);
}

/* ---- Zip64 ----------------------------------------------------------------------------------- */

static void put(dg_text *t, uint64_t x, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        const char byte = (char)(x >> 8 * i);
        dg_text_add_bytes(t, &byte, 1);
    }
}

/* An NPZ of one array, as dagrad writes it, made zip64 in all its numbers. */
static dg_text widened(const dg_text *npz)
{
    dg_text t = dg_text_make(NULL);
    const unsigned char *p = (const unsigned char *)npz->data;
    size_t end = npz->length - 22, central = (size_t)p[end + 16] | (size_t)p[end + 17] << 8;
    size_t size = (size_t)p[central + 24] | (size_t)p[central + 25] << 8;
    dg_text_add_bytes(&t, npz->data, central);
    dg_text_add_bytes(&t, npz->data + central, 20);
    put(&t, 0xffffffff, 4);
    put(&t, 0xffffffff, 4);
    dg_text_add_bytes(&t, npz->data + central + 28, 2);
    put(&t, 5 + 28, 2); /* extra bytes: another field before that of zip64 */
    dg_text_add_bytes(&t, npz->data + central + 32, 10);
    put(&t, 0xffffffff, 4);
    dg_text_add_bytes(&t, npz->data + central + 46, end - central - 46);
    dg_text_add_bytes(&t, "UT\1\0x\1\0\x18\0", 9);
    put(&t, size, 8);
    put(&t, size, 8);
    put(&t, 0, 8);
    const size_t after = t.length;
    dg_text_add_bytes(&t, "PK\6\6", 4);
    put(&t, 44, 8);
    put(&t, 45, 2);
    put(&t, 45, 2);
    put(&t, 0, 8);
    put(&t, 1, 8);
    put(&t, 1, 8);
    put(&t, after - central, 8);
    put(&t, central, 8);
    dg_text_add_bytes(&t, "PK\6\7\0\0\0\0", 8);
    put(&t, after, 8);
    put(&t, 1, 4);
    dg_text_add_bytes(&t, "PK\5\6\0\0\0\0", 8);
    put(&t, 0xffffffffffffffff, 8);
    put(&t, 0xffffffff, 4);
    put(&t, 0, 2);
    return t;
}

static dg_text written(const char *name)
{
    char folder[64], room[200];
    dg_array a = io_count(DG_F32, io_shape(2, 3, 4, 0));
    dg_writer *w;
    io_folder_make(folder);
    const char *path = io_path(folder, "a.npz", room);
    assert_int_equal(dg_writer_open(&w, path, NULL), DG_OK);
    assert_int_equal(dg_writer_end(w, dg_npz_write(w, 1, &name, &a)), DG_OK);
    dg_text bytes = io_bytes(path);
    io_folder_remove(folder);
    dg_array_free(&a);
    return bytes;
}

static void zip64_is_read(void **state)
{
    (void)state;
    dg_text npz = written("a"), wide = widened(&npz);
    dg_array a, b = io_count(DG_F32, io_shape(2, 3, 4, 0));
    dg_diag why = {.code = DG_OK};
    if (io_read("npz:a", wide.data, wide.length, &a, &why) != DG_OK)
        fail_msg("%s", why.text);
    assert_int_equal(a.bytes, b.bytes);
    assert_memory_equal(a.data, b.data, b.bytes);
    dg_array_free(&a);
    /* cut or changed at any byte after the array it is refused, or the same array */
    for (size_t i = npz.length - 100; i < wide.length; i++) {
        dg_text bad = dg_text_make(NULL);
        dg_text_add_bytes(&bad, wide.data, wide.length);
        bad.data[i] = (char)(bad.data[i] ^ 0x81);
        if (io_read("npz", bad.data, bad.length, &a, NULL) == DG_OK) {
            assert_memory_equal(a.data, b.data, b.bytes);
            dg_array_free(&a);
        }
        assert_int_not_equal(io_read("npz", wide.data, i, &a, NULL), DG_OK);
        dg_text_free(&bad);
    }
    dg_array_free(&b);
    dg_text_free(&npz);
    dg_text_free(&wide);
}

/* The flag of UTF-8, in both headers, where a name needs it. */
static void names_are_flagged_as_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int flag;
    } names[] = {{"weight", 0},
                 {"gr\xc3\xb6\xc3\x9f"
                  "e",
                  8},
                 {"latin\xe9", 0}};
    for (int i = 0; i < 3; i++) {
        dg_text npz = written(names[i].name);
        const char *p = npz.data;
        size_t end = npz.length - 22;
        size_t central = (size_t)(unsigned char)p[end + 16] | (size_t)(unsigned char)p[end + 17]
                                                                  << 8;
        assert_int_equal(p[7], names[i].flag);
        assert_int_equal(p[central + 9], names[i].flag);
        dg_text_free(&npz);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_is_named),
        cmocka_unit_test(others_are_read),
        cmocka_unit_test(a_length_is_no_magic),
        cmocka_unit_test(marks_and_returns_are_left_out_of_texts),
        cmocka_unit_test(zip64_is_read),
        cmocka_unit_test(names_are_flagged_as_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
