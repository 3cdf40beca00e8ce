/* Out of memory, as a loop: allocation n fails, once or from there on, for n = 1, 2, ... until the
 * work is done. Each time the status is DG_EMEMORY, and all is given back. And: what a file only
 * claims is never asked for. The allocator of the whole process is this file's, so a sanitizer's
 * cannot be: then nothing is tested here, aloud. */
#include "io/io_tools.h"

#include "io/dataset.h"
#include "io/formats.h"
#include "io/weights.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define SANITIZED 1
#endif

static struct {
    int on, calls, fail_at, for_ever;
    long held;
    size_t largest;
} heap;

#ifndef SANITIZED
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t bytes);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t align, size_t n);
extern void __libc_free(void *p);

/* Seen from the C library too, whose strdup must take memory here. */
#pragma GCC visibility push(default)

static int fails(size_t n)
{
    if (!heap.on)
        return 0;
    heap.calls++;
    heap.largest = n > heap.largest ? n : heap.largest;
    int is =
        heap.fail_at && (heap.for_ever ? heap.calls >= heap.fail_at : heap.calls == heap.fail_at);
    if (is)
        errno = ENOMEM;
    return is;
}

static void *held(void *p)
{
    heap.held += heap.on && p;
    return p;
}

void *malloc(size_t n)
{
    return fails(n) ? NULL : held(__libc_malloc(n));
}

void *calloc(size_t n, size_t bytes)
{
    return fails(n * bytes) ? NULL : held(__libc_calloc(n, bytes));
}

void *realloc(void *p, size_t n)
{
    if (fails(n))
        return NULL;
    return p ? __libc_realloc(p, n) : held(__libc_realloc(p, n));
}

void *aligned_alloc(size_t align, size_t n)
{
    return fails(n) ? NULL : held(__libc_memalign(align, n));
}

int posix_memalign(void **p, size_t align, size_t n)
{
    *p = aligned_alloc(align, n);
    return *p ? 0 : ENOMEM;
}

void free(void *p)
{
    heap.held -= heap.on && p;
    __libc_free(p);
}
#pragma GCC visibility pop
#endif

/* ---- The work -------------------------------------------------------------------------------- */

static char folder[64];
static const char *format;
static dg_text file;

static dg_status read_one(void)
{
    dg_array a;
    dg_status status = io_read(format, file.data, file.length, &a, NULL);
    dg_array_free(&a);
    return status;
}

static dg_status save_and_load(void)
{
    char path[200];
    dg_array a = {0};
    const dg_shape shape = io_shape(2, 30, 40, 0);
    dg_status status = dg_array_make(&a, DG_F32, &shape, NULL);
    dg_checkpoint *c = status == DG_OK ? dg_checkpoint_new() : NULL;
    status = c ? DG_OK : DG_EMEMORY;
    if (c) {
        memset(a.data, 0, a.bytes);
        dg_checkpoint_add(c, "w", &a);
        dg_checkpoint_note(c, "step", "%d", 7);
        status = dg_checkpoint_save(c, io_path(folder, "c", path), NULL);
    }
    dg_array_free(&a);
    dg_checkpoint_free(c);
    if (status == DG_OK && (status = dg_checkpoint_load(&c, path, 1, NULL)) == DG_OK)
        dg_checkpoint_free(c);
    return status;
}

static dg_status use_dataset(void)
{
    const double half = 0.5;
    const dg_attr name = {.word = "t.csv"}, by = {.count = 1, .number = &half};
    const dg_io_call source = {"csv", 1, &name, 0, 0};
    const dg_io_call pipe[] = {{"scale", 1, &by, 0, 0}, {"standardize", 0, NULL, 0, 0}};
    dg_store *s = dg_store_new(folder, 0, NULL);
    dg_dataset *d = s ? dg_dataset_new(s) : NULL;
    dg_status status = d ? DG_OK : DG_EMEMORY;
    float x[2];
    if (d) {
        dg_dataset_add(d, 1, (const char *[]){"x"}, &source, 2, pipe, NULL);
        dg_dataset_seal(d, 0, 1, NULL, NULL);
        status = dg_dataset_fit(d, 2, NULL, NULL, NULL);
    }
    if (status == DG_OK) { /* reading takes no memory */
        int calls = heap.calls;
        dg_column *c = dg_dataset_find(d, "x");
        status = dg_column_read(c, (int64_t[]){1}, 1, (dg_reading){0}, DG_F32, x, NULL);
        assert_int_equal(heap.calls, calls);
    }
    dg_dataset_free(d);
    dg_store_free(s);
    return status;
}

static int fail_each(dg_status (*work)(void), int for_ever)
{
    int n = 0;
    dg_status status = DG_EMEMORY;
    while (status != DG_OK) {
        memset(&heap, 0, sizeof heap);
        heap.fail_at = ++n;
        heap.for_ever = for_ever;
        heap.on = 1;
        status = work();
        heap.on = 0;
        if ((status != DG_OK && status != DG_EMEMORY) || heap.held)
            print_error("%s: allocation %d: status %d, %ld held\n", format, n, status, heap.held);
        assert_true(status == DG_OK || status == DG_EMEMORY);
        assert_int_equal(heap.held, 0);
        if (status ==
            DG_OK) /* done only where nothing failed, or what failed can be done without */
            assert_true(heap.calls < n || !for_ever);
        if (status == DG_OK && heap.calls >= n)
            status = DG_EMEMORY;
        assert_true(n < 10000);
    }
    return n - 1;
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static void test_readers(void **state)
{
    (void)state;
    static const char idx[] = "\0\0\x0B\2\0\0\0\2\0\0\0\3abcdefabcdef";
    dg_text gz = dg_text_make(NULL), npy = dg_text_make(NULL), st = dg_text_make(NULL);
    io_safetensors("{\"__metadata__\":{\"k\":\"v\"},\"a\":{\"dtype\":\"I64\",\"shape\":[1],"
                   "\"data_offsets\":[0,8]}}",
                   8, &st);
    io_gz(idx, sizeof idx - 1, 6, &gz);
    io_npy(1, "{'descr':'<i2','fortran_order':True,'shape':(2,2)}", NULL, 8, &npy);
    const struct {
        const char *format, *bytes;
        size_t n;
    } files[] = {{"idx", gz.data, gz.length},
                 {"npy", npy.data, npy.length},
                 {"csv", "a,\"b\"\n1,2\n3,4\n", 14},
                 {"csv:b", "a,\"b\"\n1,2\n3,4\n", 14},
                 {"chars", "hello", 5},
                 {"safetensors", st.data, st.length}};
    for (size_t k = 0; k < sizeof files / sizeof *files; k++) {
        format = files[k].format;
        file = dg_text_make(NULL);
        dg_text_add_bytes(&file, files[k].bytes, files[k].n);
        assert_int_equal(read_one(), DG_OK);
        int once = fail_each(read_one, 0), ever = fail_each(read_one, 1);
        assert_true(once >= 4 && ever >= 4);
        dg_text_free(&file);
    }
    dg_text_free(&gz);
    dg_text_free(&npy);
    dg_text_free(&st);
}

static void test_others(void **state)
{
    (void)state;
    char path[200];
    io_folder_make(folder);
    io_write(io_path(folder, "t.csv", path), "a,b\n1,2\n3,4\n", 12);
    format = "checkpoint";
    assert_true(fail_each(save_and_load, 0) > 20 && fail_each(save_and_load, 1) > 20);
    format = "dataset";
    assert_true(fail_each(use_dataset, 0) > 20 && fail_each(use_dataset, 1) > 20);
    io_folder_remove(folder);
}

/* Small files that claim much: the largest piece asked for is a block to read into. */
static void test_claims(void **state)
{
    (void)state;
    dg_text npy = dg_text_make(NULL), gz = dg_text_make(NULL);
    io_npy(1, "{'descr':'<f8','fortran_order':False,'shape':(65536,65536)}", NULL, 80, &npy);
    io_gz("\0\0\x0E\2\0\x01\0\0\0\x01\0\0", 12, 9, &gz);
    const struct {
        const char *format, *bytes;
        size_t n;
    } files[] = {
        {"idx", "\0\0\x0E\2\0\x01\0\0\0\x01\0\0", 12},
        {"idx", gz.data, gz.length},
        {"npy", npy.data, npy.length},
        {"safetensors", "\xff\xe0\xf5\5\0\0\0\0{}", 10},
        {"safetensors",
         "\x3d\0\0\0\0\0\0\0{\"a\":{\"dtype\":\"U8\",\"shape\":[4294967296],\"data_offsets\""
         ":[0,4294967296]}}",
         69},
    };
    for (size_t k = 0; k < sizeof files / sizeof *files; k++) {
        dg_array a;
        memset(&heap, 0, sizeof heap);
        heap.on = 1;
        dg_status status = io_read(files[k].format, files[k].bytes, files[k].n, &a, NULL);
        heap.on = 0;
        assert_int_equal(status, DG_EDATA);
        assert_true(heap.largest > 0 && heap.largest <= 1 << 17);
    }
    dg_text_free(&npy);
    dg_text_free(&gz);
}

int main(void)
{
#ifdef SANITIZED
    print_message("SKIPPED: a sanitizer has the allocator\n");
    (void)fail_each, (void)test_readers, (void)test_others, (void)test_claims;
    return 0;
#else
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_readers),
                                       cmocka_unit_test(test_others),
                                       cmocka_unit_test(test_claims)};
    return cmocka_run_group_tests(tests, NULL, NULL);
#endif
}
