/* What is written is read again, bit by bit; what others write is read as it is meant. */
#include "io/io_tools.h"

#include "base/philox.h"
#include "io/formats.h"
#include "io/safetensors.h"
#include <float.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define B(s) s, sizeof(s) - 1

enum { MANY = 3000 };

static char folder[64], path[200];

static int setup(void **state)
{
    (void)state;
    io_folder_make(folder);
    io_path(folder, "file", path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    io_folder_remove(folder);
    return 0;
}

static dg_array good(const char *format, const void *bytes, size_t n)
{
    dg_array a;
    dg_diag why = {0};
    dg_status status = io_read(format, bytes, n, &a, &why);
    if (status != DG_OK)
        print_error("%s: %s\n", format, why.text);
    assert_int_equal(status, DG_OK);
    return a;
}

static void same(const dg_tensor *a, const dg_tensor *b)
{
    assert_int_equal(a->type, b->type);
    assert_true(dg_shape_equal(&a->shape, &b->shape));
    assert_int_equal(a->bytes, b->bytes);
    assert_memory_equal(a->data, b->data, a->bytes);
}

/* Reads bytes and compares type, shape and numbers. */
static void reads_as(const char *format, const char *bytes, size_t n, dg_type type, dg_shape shape,
                     const double *numbers)
{
    dg_array a = good(format, bytes, n);
    assert_int_equal(a.type, type);
    assert_true(dg_shape_equal(&a.shape, &shape));
    for (int64_t i = 0; i < dg_shape_count(&shape); i++)
        assert_true(dg_tensor_number(&a, i) == numbers[i]);
    dg_array_free(&a);
}

/* ---- IDX ------------------------------------------------------------------------------------- */

static void test_idx(void **state)
{
    (void)state;
    const double u[] = {1, 2, 255, 0}, i[] = {-1, 2, -32768};
    reads_as("idx", B("\0\0\x08\2\0\0\0\2\0\0\0\2\1\2\xff\0"), DG_U8, io_shape(2, 2, 2, 0), u);
    reads_as("idx", B("\0\0\x09\1\0\0\0\2\xff\2"), DG_I32, io_shape(1, 2, 0, 0), i);
    reads_as("idx", B("\0\0\x0B\1\0\0\0\3\xff\xff\0\2\x80\0"), DG_I32, io_shape(1, 3, 0, 0), i);
    reads_as("idx", B("\0\0\x0C\1\0\0\0\1\xff\xff\xff\xff"), DG_I32, io_shape(1, 1, 0, 0), i);
    reads_as("idx", B("\0\0\x0D\1\0\0\0\1\x3f\x80\0\0"), DG_F32, io_shape(1, 1, 0, 0), u);
    reads_as("idx", B("\0\0\x0E\1\0\0\0\1\x3f\xf0\0\0\0\0\0\0"), DG_F64, io_shape(1, 1, 0, 0), u);
    reads_as("idx", B("\0\0\x08\2\0\0\0\2\0\0\0\0"), DG_U8, io_shape(2, 2, 0, 0), u);
}

/* gz of several members, each level, and across the blocks that a file is read in. */
static void test_gz(void **state)
{
    (void)state;
    enum { N = 300000 };
    dg_text raw = dg_text_make(NULL), gz = dg_text_make(NULL);
    dg_text_add_bytes(&raw, "\0\0\x08\1\0\4\x93\xe0", 8);
    for (int i = 0; i < N; i++) {
        char byte = (char)(dg_uniform(1, 2, (uint64_t)i) * 256);
        dg_text_add_bytes(&raw, &byte, 1);
    }
    io_gz(raw.data, 5, 6, &gz);
    io_gz(raw.data + 5, 0, 6, &gz);
    io_gz(raw.data + 5, 100000, 0, &gz);
    io_gz(raw.data + 100005, raw.length - 100005, 9, &gz);
    io_write(path, gz.data, gz.length);
    dg_reader *r;
    dg_array a, b = good("idx", gz.data, gz.length);
    assert_int_equal(dg_reader_open(&r, path, 0, NULL), DG_OK);
    assert_int_equal(dg_idx_read(r, &a), DG_OK);
    assert_int_equal(dg_reader_at(r), raw.length);
    dg_reader_close(r);
    assert_memory_equal(a.data, raw.data + 8, N);
    same(&a, &b);
    io_write(path, raw.data, raw.length);
    dg_array_free(&b);
    assert_int_equal(dg_data_read(path, &b, NULL), DG_OK);
    same(&a, &b);
    dg_array_free(&a);
    dg_array_free(&b);
    dg_text_free(&raw);
    dg_text_free(&gz);
}

/* ---- NPY and NPZ ----------------------------------------------------------------------------- */

static const dg_type types[] = {DG_F32, DG_F64, DG_I32, DG_U8};

static dg_shape shape_at(int k)
{
    const dg_shape shapes[] = {io_shape(0, 0, 0, 0), io_shape(1, 5, 0, 0),
                               io_shape(1, 0, 0, 0), io_shape(2, 3, 4, 0),
                               io_shape(3, 2, 3, 4), io_shape(2, 1, 70000, 0)};
    return shapes[k % 6];
}

static void test_npy(void **state)
{
    (void)state;
    for (int k = 0; k < 24; k++) {
        dg_array a = io_count(types[k / 6], shape_at(k)), b;
        dg_writer *w;
        assert_int_equal(dg_writer_open(&w, path, NULL), DG_OK);
        assert_int_equal(dg_writer_end(w, dg_npy_write(w, &a)), DG_OK);
        assert_int_equal(dg_data_read(path, &b, NULL), DG_OK);
        same(&a, &b);
        dg_text t = io_bytes(path);
        assert_int_equal((t.length - a.bytes) % 64, 0);
        dg_text_free(&t);
        dg_array_free(&a);
        dg_array_free(&b);
    }
}

static void test_npy_of_others(void **state)
{
    (void)state;
    const double fortran[] = {1, 3, 5, 2, 4, 6}, big[] = {1, -2}, half[] = {1.5, -0.25},
                 one[] = {1, 0};
    static const struct {
        int version;
        const char *dict, *bytes;
        size_t n;
        dg_type type;
        int rank;
    } files[] = {
        {1, "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }  \n", B("\1\2\3\4\5\6"),
         DG_U8, 2},
        {2, "{'shape': (2L,), 'fortran_order': False, 'descr': '>f4'}", B("\x3f\x80\0\0\xc0\0\0\0"),
         DG_F32, 1},
        {3, "{\"descr\":\"<f2\",\"fortran_order\":False,\"shape\":(2,)}", B("\0\x3e\0\xb4"), DG_F32,
         1},
        {1, "{'descr':'|b1','fortran_order':False,'shape':(2,)}", B("\7\0"), DG_U8, 1},
        {1, "{'descr':'<i8','fortran_order':False,'shape':(2,)}",
         B("\1\0\0\0\0\0\0\0\xfe\xff\xff\xff\xff\xff\xff\xff"), DG_I32, 1},
    };
    const double *numbers[] = {fortran, big, half, one, big};
    for (size_t k = 0; k < sizeof files / sizeof *files; k++) {
        dg_text t = dg_text_make(NULL);
        io_npy(files[k].version, files[k].dict, files[k].bytes, files[k].n, &t);
        reads_as("npy", t.data, t.length, files[k].type, io_shape(files[k].rank, 2, 3, 0),
                 numbers[k]);
        dg_text_free(&t);
    }
}

/* Element (i, j, k) of [2, 3, 4] in Fortran order is number i + 2 j + 6 k. */
static void test_fortran(void **state)
{
    (void)state;
    char bytes[24];
    dg_text t = dg_text_make(NULL);
    for (int i = 0; i < 24; i++)
        bytes[i] = (char)i;
    io_npy(1, "{'descr':'|u1','fortran_order':True,'shape':(2,3,4)}", bytes, 24, &t);
    dg_array a = good("npy", t.data, t.length);
    for (int i = 0; i < 24; i++)
        assert_true(dg_tensor_number(&a, i) == i / 12 + 2 * (i / 4 % 3) + 6 * (i % 4));
    dg_array_free(&a);
    dg_text_free(&t);
}

static void test_npz(void **state)
{
    (void)state;
    const char *names[] = {"image", "label", "empty"};
    dg_array a[] = {io_count(DG_F32, io_shape(3, 2, 3, 4)), io_count(DG_I32, io_shape(1, 5, 0, 0)),
                    io_count(DG_U8, io_shape(2, 0, 7, 0))};
    dg_writer *w;
    assert_int_equal(dg_writer_open(&w, path, NULL), DG_OK);
    assert_int_equal(dg_writer_end(w, dg_npz_write(w, 3, names, a)), DG_OK);
    dg_text t = io_bytes(path);
    for (int k = 0; k < 3; k++) {
        char format[40];
        dg_format(format, sizeof format, "npz:%s", names[k]);
        dg_array b = good(format, t.data, t.length);
        same(&a[k], &b);
        dg_array_free(&b);
        dg_array_free(&a[k]);
    }
    dg_diag why = {0};
    dg_array none;
    assert_int_equal(io_read("npz", t.data, t.length, &none, &why), DG_EDATA);
    assert_non_null(strstr(why.text, "3 arrays, say which: image, label, empty"));
    dg_text_free(&t);
}

/* All arrays of a file; their names must differ. */
static dg_status all_of(int n, const char *const names[], int *found, dg_diag *why)
{
    char **name;
    dg_array *array, a = io_count(DG_I32, io_shape(1, 3, 0, 0));
    dg_tensor *t = calloc((size_t)n, sizeof *t);
    dg_writer *w;
    dg_reader *r;
    for (int i = 0; i < n; i++)
        t[i] = a;
    assert_int_equal(dg_writer_open(&w, path, NULL), DG_OK);
    assert_int_equal(dg_writer_end(w, dg_npz_write(w, n, names, t)), DG_OK);
    assert_int_equal(dg_reader_open(&r, path, DG_READ_RAW, why), DG_OK);
    dg_status s = dg_npz_read_all(r, found, &name, &array);
    *why = *dg_reader_diag(r);
    dg_reader_close(r);
    for (int i = 0; i < *found; i++) {
        assert_string_equal(name[i], names[i]);
        same(&a, &array[i]);
        dg_array_free(&array[i]);
        free(name[i]);
    }
    if (s == DG_OK) {
        free(name);
        free(array);
    }
    dg_array_free(&a);
    free(t);
    return s;
}

static void test_npz_all(void **state)
{
    (void)state;
    static char text[MANY][8];
    const char *names[MANY], *twice[] = {"b", "a", "c", "a"};
    int found;
    dg_diag why = {0};
    for (int i = 0; i < MANY; i++) {
        dg_format(text[i], sizeof text[i], "n%d", i);
        names[i] = text[i];
    }
    assert_int_equal(all_of(MANY, names, &found, &why), DG_OK);
    assert_int_equal(found, MANY);
    assert_int_equal(all_of(4, twice, &found, &why), DG_EDATA);
    assert_int_equal(found, 0);
}

/* ---- safetensors ----------------------------------------------------------------------------- */

static void test_safetensors(void **state)
{
    (void)state;
    dg_named named[4];
    dg_note notes[] = {{"k", "v\xc3\xa9 \"\\\n\x01"}, {"empty", ""}};
    char *names[] = {"z.weight", "b\"\\\t", "a", "\xc3\xa9"};
    for (int k = 0; k < 4; k++)
        named[k] = (dg_named){names[k], io_count(types[k], shape_at(k))};
    const dg_tensors all = {4, 2, named, notes};
    dg_writer *w;
    assert_int_equal(dg_writer_open(&w, path, NULL), DG_OK);
    assert_int_equal(dg_writer_end(w, dg_safetensors_write(w, &all)), DG_OK);
    dg_reader *r;
    dg_tensors back;
    int sealed = 0;
    assert_int_equal(dg_reader_open(&r, path, DG_READ_RAW, NULL), DG_OK);
    assert_int_equal(dg_safetensors_read(r, &back, &sealed), DG_OK);
    dg_reader_close(r);
    assert_int_equal(sealed, 1);
    assert_int_equal(back.n, 4);
    assert_int_equal(back.n_notes, 2);
    assert_string_equal(dg_tensors_note(&back, "k"), notes[0].text);
    assert_string_equal(dg_tensors_note(&back, "empty"), "");
    assert_null(dg_tensors_note(&back, "none"));
    assert_null(dg_tensors_find(&back, "none"));
    for (int k = 0; k < 4; k++) {
        const dg_tensor *t = dg_tensors_find(&back, names[k]);
        assert_non_null(t);
        same(t, &named[k].tensor);
        dg_array_free(&named[k].tensor);
    }
    assert_string_equal(back.tensor[0].name, names[1]); /* f64 first */
    assert_string_equal(back.tensor[3].name, names[3]);
    dg_tensors_free(&back);
}

/* Every bit of a sealed file counts. */
static void test_seal(void **state)
{
    (void)state;
    dg_named named = {"w", io_count(DG_F32, io_shape(1, 8, 0, 0))};
    dg_note note = {"step", "4690"};
    const dg_tensors all = {1, 1, &named, &note};
    dg_writer *w;
    assert_int_equal(dg_writer_open(&w, path, NULL), DG_OK);
    assert_int_equal(dg_writer_end(w, dg_safetensors_write(w, &all)), DG_OK);
    dg_text t = io_bytes(path);
    int unsealed = 0;
    for (size_t i = 0; i < t.length; i++) {
        dg_tensors back;
        dg_reader *r;
        int sealed = 0;
        t.data[i] ^= 4;
        assert_int_equal(dg_reader_memory(&r, t.data, t.length, "F", DG_READ_RAW, NULL), DG_OK);
        dg_status status = dg_safetensors_read(r, &back, &sealed);
        assert_true(status == DG_EDATA || (status == DG_OK && !sealed));
        unsealed += status == DG_OK;
        dg_tensors_free(&back);
        dg_reader_close(r);
        t.data[i] ^= 4;
    }
    assert_true(unsealed > 0 && unsealed <= 33); /* those of the words that say that it is sealed */
    dg_text_free(&t);
    dg_array_free(&named.tensor);
}

static void test_names(void **state)
{
    (void)state;
    dg_named named[] = {{"a", io_count(DG_U8, io_shape(1, 1, 0, 0))}, {"a", {0}}};
    dg_note notes[] = {{"k", "1"}, {"k", "2"}, {"dagrad.sha256", ""}, {"bad", "\xff"}};
    named[1].tensor = named[0].tensor;
    const dg_tensors bad[] = {{2, 0, named, NULL},
                              {1, 2, named, notes},
                              {1, 1, named, notes + 2},
                              {1, 1, named, notes + 3}};
    for (int k = 0; k < 4; k++) {
        dg_writer *w;
        assert_int_equal(dg_writer_open(&w, path, NULL), DG_OK);
        assert_int_equal(dg_writer_end(w, dg_safetensors_write(w, &bad[k])), DG_EUSAGE);
        assert_int_not_equal(access(path, F_OK), 0);
    }
    dg_array_free(&named[0].tensor);
}

/* Every half precision number against its definition; bfloat16 is the upper half of f32. */
static void test_halves(void **state)
{
    (void)state;
    enum { N = 65536 };
    dg_text t = dg_text_make(NULL);
    static const char header[] =
        "{\"h\":{\"dtype\":\"F16\",\"shape\":[65536],\"data_offsets\":[0,131072]},"
        "\"b\":{\"dtype\":\"BF16\",\"shape\":[65536],\"data_offsets\":[131072,262144]}}";
    const char length[8] = {(char)(sizeof header - 1)};
    dg_text_add_bytes(&t, length, 8);
    dg_text_add(&t, header);
    for (int i = 0; i < 2 * N; i++) {
        const char bytes[] = {(char)(i & 255), (char)(i >> 8 & 255)};
        dg_text_add_bytes(&t, bytes, 2);
    }
    dg_tensors back;
    dg_reader *r;
    assert_int_equal(dg_reader_memory(&r, t.data, t.length, "F", DG_READ_RAW, NULL), DG_OK);
    assert_int_equal(dg_safetensors_read(r, &back, NULL), DG_OK);
    dg_reader_close(r);
    const float *h = back.tensor[0].tensor.data, *b = back.tensor[1].tensor.data;
    for (uint32_t i = 0; i < N; i++) {
        int exponent = (int)(i >> 10 & 31), fraction = (int)(i & 1023);
        double x = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
        uint32_t bits = i << 16;
        if (exponent == 31)
            assert_true(fraction ? isnan(h[i]) : isinf(h[i]));
        else
            assert_true((double)h[i] == (i & 0x8000 ? -x : x));
        assert_memory_equal(&b[i], &bits, 4);
    }
    dg_tensors_free(&back);
    dg_text_free(&t);
}

/* ---- Text ------------------------------------------------------------------------------------ */

static void test_chars(void **state)
{
    (void)state;
    const double ids[] = {1, 2, 0, 3, 0, 2}, given[] = {0, 2, 1};
    reads_as("chars", B("bc\na\xc3\xa9"), DG_U8, io_shape(1, 5, 0, 0),
             (const double[]){2, 3, 0, 1, 4});
    reads_as("chars",
             B("bca\xe2\x82\xac"
               "ac"),
             DG_U8, io_shape(1, 6, 0, 0), ids);
    reads_as("chars:x\xe2\x82\xacy", B("xy\xe2\x82\xac"), DG_U8, io_shape(1, 3, 0, 0), given);
    dg_reader *r;
    dg_array a;
    char *used;
    assert_int_equal(dg_reader_memory(&r, B("zyx\xf0\x9f\x98\x80\xc3\xa9z"), "F", 0, NULL), DG_OK);
    assert_int_equal(dg_chars_read(r, NULL, &a, &used, NULL), DG_OK);
    dg_reader_close(r);
    assert_string_equal(used, "xyz\xc3\xa9\xf0\x9f\x98\x80");
    free(used);
    dg_array_free(&a);
}

/* More than 256 characters do not fit a byte. */
static void test_many_chars(void **state)
{
    (void)state;
    dg_text t = dg_text_make(NULL);
    for (int i = 0; i < 300; i++) {
        const char bytes[] = {(char)(0xc4 + i / 64), (char)(0x80 + i % 64)};
        dg_text_add_bytes(&t, bytes, 2);
    }
    dg_array a = good("chars", t.data, t.length);
    assert_int_equal(a.type, DG_I32);
    for (int i = 0; i < 300; i++)
        assert_true(dg_tensor_number(&a, i) == i);
    dg_array_free(&a);
    dg_text_free(&t);
}

static void test_digits(void **state)
{
    (void)state;
    dg_array image, label;
    dg_diag why = {0};
    int count[10] = {0};
    assert_int_equal(dg_digits_read("image", &image, NULL), DG_OK);
    assert_int_equal(dg_digits_read("label", &label, NULL), DG_OK);
    assert_int_equal(image.shape.rank, 4);
    assert_int_equal(image.shape.dim[0], 1797);
    assert_int_equal(dg_shape_row(&image.shape), 64);
    assert_int_equal(label.shape.dim[0], 1797);
    for (int64_t i = 0; i < dg_shape_count(&image.shape); i++)
        assert_in_range(((uint8_t *)image.data)[i], 0, 16);
    for (int i = 0; i < 1797; i++) {
        assert_in_range(((uint8_t *)label.data)[i], 0, 9);
        count[((uint8_t *)label.data)[i]]++;
    }
    for (int k = 0; k < 10; k++)
        assert_in_range(count[k], 174, 183);
    dg_array_free(&image);
    dg_array_free(&label);
    assert_int_equal(dg_digits_read("both", &image, &why), DG_EUSAGE);
}

/* By the end of the name; what cannot hold them is not written. */
static void test_by_name(void **state)
{
    (void)state;
    static const char *const ends[] = {"x.npy", "x.npz", "x.csv", "x.safetensors", "x.txt"};
    static const char *const names[] = {"a", "b"};
    dg_array a[2] = {io_count(DG_F64, io_shape(2, 3, 4, 0)), {0}};
    a[1] = a[0];
    for (int k = 0; k < 5; k++) {
        char file[200];
        dg_array b;
        dg_diag why = {0};
        io_path(folder, ends[k], file);
        dg_status one = dg_data_write(file, 1, names, a, NULL, NULL);
        assert_int_equal(one, k < 4 ? DG_OK : DG_EUSAGE);
        if (k < 3) {
            assert_int_equal(dg_data_read(file, &b, NULL), DG_OK);
            same(&a[0], &b);
            dg_array_free(&b);
        }
        dg_status two = dg_data_write(file, 2, names, a, NULL, &why);
        assert_int_equal(two, k == 1 || k == 3 ? DG_OK : DG_EUSAGE);
        assert_true(two == DG_OK || strstr(why.text, ends[k]));
    }
    dg_array_free(&a[0]);
}

/* ---- Standard input and output -----------------------------------------------------------------
 * */

static void test_streams(void **state)
{
    (void)state;
    dg_array a = io_count(DG_F64, io_shape(2, 300, 100, 0)), b;
    dg_writer *w;
    int out = dup(1), in = dup(0);
    int fd = open(path, O_CREAT | O_RDWR, 0600);
    fflush(stdout);
    dup2(fd, 1);
    dg_status opened = dg_writer_open(&w, "-", NULL);
    dg_status written = dg_writer_end(w, opened == DG_OK ? dg_npy_write(w, &a) : opened);
    dup2(out, 1);
    assert_int_equal(written, DG_OK);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    dup2(fd, 0);
    dg_status status = dg_data_read("-", &b, NULL);
    dup2(in, 0);
    assert_int_equal(status, DG_OK);
    same(&a, &b);
    close(fd);
    close(out);
    close(in);
    dg_array_free(&a);
    dg_array_free(&b);
}

static void test_hash(void **state)
{
    (void)state;
    char hex[65];
    uint64_t size;
    dg_diag why = {0};
    io_write(path, "abc", 3);
    assert_int_equal(dg_file_sha256(path, hex, &size, NULL), DG_OK);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(size, 3);
    assert_int_equal(dg_file_sha256("/nowhere", hex, &size, &why), DG_EDATA);
    assert_string_equal(why.text, "cannot read: No such file or directory");
    memset(&why, 0, sizeof why);
    assert_int_equal(dg_file_sha256(folder, hex, &size, &why), DG_EDATA);
    assert_string_equal(why.text, "cannot read: Is a directory");
}

static void test_find(void **state)
{
    (void)state;
    dg_places p;
    char *found, list[200];
    dg_diag why = {0};
    setenv("DAGRAD_DATA", "/not/there::/nor/there", 1);
    assert_int_equal(dg_places_make(&p, "/model", 1, (const char *[]){folder}, NULL), DG_OK);
    unsetenv("DAGRAD_DATA");
    io_write(path, "x", 1);
    assert_int_equal(dg_find_file(&p, "file", &found, NULL), DG_OK);
    assert_string_equal(found, path);
    free(found);
    assert_int_equal(dg_find_file(&p, path, &found, NULL), DG_OK);
    free(found);
    assert_int_equal(dg_find_file(&p, "none", &found, &why), DG_EDATA);
    assert_null(found);
    dg_format(list, sizeof list,
              "no such file in any of: /model, %s, /not/there, /nor/there, "
              "/usr/share/datasets",
              folder);
    assert_string_equal(why.text, list);
    assert_string_equal(why.file, "none");
    dg_places_free(&p);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(idx),     TEST(gz),      TEST(npy),         TEST(npy_of_others), TEST(fortran),
        TEST(npz),     TEST(npz_all), TEST(safetensors), TEST(seal),          TEST(names),
        TEST(halves),  TEST(chars),   TEST(many_chars),  TEST(digits),        TEST(by_name),
        TEST(streams), TEST(hash),    TEST(find),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
