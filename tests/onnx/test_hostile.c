/* Files that are damaged, or made to do harm: each is read, or refused with a reason, within its
 * memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "io/io_tools.h"
#include "io/utf8.h"
#include "onnx/import.h"
#include "onnx/onnx_make.h"
#include "onnx/onnx_tools.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Reads it; NULL: refused, and why says so in words. */
static dg_onnx *attempt(const void *bytes, size_t size, const char *path)
{
    dg_diag why = {0};
    dg_onnx *n = dg_onnx_read_memory(bytes, size, path, NULL, &why);
    if (!n && (why.code == DG_OK || !why.text[0] || strncmp(why.text, path, strlen(path)) != 0))
        fail_msg("no reason: %d '%s'", why.code, why.text);
    if (n)
        assert_true(strlen(n->text) > 0);
    return n;
}

static void refused(const void *bytes, size_t size, const char *path, const char *text)
{
    dg_diag why = {0};
    dg_onnx *n = dg_onnx_read_memory(bytes, size, path, NULL, &why);
    assert_null(n);
    if (!strstr(why.text, text))
        fail_msg("'%s' does not say '%s'", why.text, text);
}

static dg_text file_of(const char *name)
{
    char path[512];
    dg_text t = io_bytes(onnx_file(name, path));
    assert_false(t.failed);
    return t;
}

/* ---- Damage ---------------------------------------------------------------------------------- */

static void test_cut_at_every_byte(void **state)
{
    (void)state;
    dg_text t = file_of("norms.onnx");
    for (size_t n = 0; n < t.length; n++) {
        char *copy = malloc(n + 1); /* so that a sanitizer sees a byte too far */
        memcpy(copy, t.data, n);
        dg_onnx_free(attempt(copy, n, "F"));
        free(copy);
    }
    dg_text_free(&t);
}

static void test_each_byte_changed(void **state)
{
    (void)state;
    static const unsigned char with[] = {0, 1, 0x7f, 0x80, 0xff};
    dg_text t = file_of("norms.onnx");
    for (size_t i = 0; i < t.length; i++) {
        char was = t.data[i];
        t.data[i] = (char)(with[i % sizeof with] ^ (i % 3 ? 0 : was));
        dg_onnx_free(attempt(t.data, t.length, "F"));
        t.data[i] = was;
    }
    dg_text_free(&t);
}

/* ---- Made to do harm ------------------------------------------------------------------------- */

/* Graphs within attributes of nodes within graphs. */
static void test_nested(void **state)
{
    (void)state;
    dg_text graph = dg_text_make(NULL);
    for (int depth = 0; depth < 3000; depth++) {
        dg_text attr = dg_text_make(NULL), node = dg_text_make(NULL), outer = dg_text_make(NULL);
        onnx_add_field(&attr, 6, graph.data, graph.length);
        onnx_add_field(&node, 5, attr.data, attr.length);
        onnx_add_field(&outer, 1, node.data, node.length);
        dg_text_free(&graph);
        dg_text_free(&attr);
        dg_text_free(&node);
        graph = outer;
    }
    dg_text t = onnx_model(17, &graph);
    refused(t.data, t.length, "F", "32 deep");
    dg_text_free(&t);
    dg_text_free(&graph);
}

/* An initialiser of these dimensions, and nothing in it. */
static void check_dims(int n, const uint64_t dim[], const char *says)
{
    dg_text tensor = dg_text_make(NULL), graph = dg_text_make(NULL);
    for (int i = 0; i < n; i++)
        onnx_add_number(&tensor, 1, dim[i]);
    onnx_add_number(&tensor, 2, 1);
    onnx_add_field(&tensor, 8, "w", 1);
    onnx_add_field(&tensor, 9, "", 0);
    onnx_add_field(&graph, 5, tensor.data, tensor.length);
    dg_text t = onnx_model(17, &graph);
    refused(t.data, t.length, "F", says);
    dg_text_free(&t);
    dg_text_free(&tensor);
    dg_text_free(&graph);
}

static void test_huge_counts(void **state)
{
    (void)state;
    check_dims(1, (const uint64_t[]){(uint64_t)1 << 40}, "it has 0");
    check_dims(3, (const uint64_t[]){1u << 30, 1u << 30, 1u << 30}, "overflows");
    check_dims(1, (const uint64_t[]){UINT64_MAX}, "overflows");
    check_dims(2, (const uint64_t[]){(uint64_t)1 << 61, 4}, "overflows");
    check_dims(9, (const uint64_t[]){1, 1, 1, 1, 1, 1, 1, 1, 1}, "more than 8 axes");
}

/* Nodes of two bytes take more memory than their bytes: the limit holds. */
static void test_memory_is_limited(void **state)
{
    (void)state;
    dg_text graph = dg_text_make(NULL);
    for (int i = 0; i < 3000000; i++)
        onnx_add_field(&graph, 1, "", 0);
    dg_text t = onnx_model(17, &graph);
    refused(t.data, t.length, "F", "takes more than");
    dg_text_free(&t);
    dg_text_free(&graph);
}

/* ---- Data in other files --------------------------------------------------------------------- */

static void add_entry(dg_text *tensor, const char *key, const char *value)
{
    dg_text e = dg_text_make(NULL);
    onnx_add_field(&e, 1, key, strlen(key));
    onnx_add_field(&e, 2, value, strlen(value));
    onnx_add_field(tensor, 13, e.data, e.length);
    dg_text_free(&e);
}

/* y = x + w, w of two numbers in a file of this name. */
static dg_text external(const char *location, const char *offset, const char *length)
{
    dg_text tensor = dg_text_make(NULL), graph = dg_text_make(NULL);
    onnx_add_number(&tensor, 1, 2);
    onnx_add_number(&tensor, 2, 1);
    onnx_add_field(&tensor, 8, "w", 1);
    onnx_add_number(&tensor, 14, 1);
    add_entry(&tensor, "location", location);
    if (offset)
        add_entry(&tensor, "offset", offset);
    if (length)
        add_entry(&tensor, "length", length);
    onnx_add_field(&graph, 5, tensor.data, tensor.length);
    onnx_add_field(&graph, 1, "\n\1x\n\1w\22\1y\"\3Add", 14);
    /* x: float [N, 2] */
    onnx_add_field(&graph, 11, "\n\1x\22\17\n\r\10\1\22\t\n\3\22\1N\n\2\10\2", 20);
    onnx_add_field(&graph, 12, "\n\1y", 3);
    dg_text t = onnx_model(17, &graph);
    dg_text_free(&tensor);
    dg_text_free(&graph);
    return t;
}

static void check_external(const char *folder, const char *location, const char *offset,
                           const char *length, const char *says)
{
    char path[200];
    dg_text t = external(location, offset, length);
    io_path(folder, "net.onnx", path);
    if (says)
        refused(t.data, t.length, path, says);
    else {
        dg_onnx *n = attempt(t.data, t.length, path);
        assert_non_null(n);
        assert_int_equal(n->n_entries, 1);
        assert_true(((float *)n->entries[0].tensor.data)[1] == 0.5f);
        dg_onnx_free(n);
    }
    dg_text_free(&t);
}

static void test_external(void **state)
{
    (void)state;
    char folder[64], path[200], link[200];
    const float numbers[3] = {9, 2, 0.5f};
    io_folder_make(folder);
    io_write(io_path(folder, "w.data", path), numbers, sizeof numbers);
    check_external(folder, "w.data", "4", "8", NULL);
    check_external(folder, "./w.data", "4", NULL, NULL);
    check_external(folder, "w.data", "5", "8", "takes 8 bytes at 5");
    check_external(folder, "w.data", "4", "7", "length 7");
    check_external(folder, "w.data", "99999999999999999999", NULL, "no number");
    check_external(folder, "w.data", "-4", NULL, "no number");
    check_external(folder, "../w.data", NULL, NULL, "not in the model's folder");
    check_external(folder, "/etc/passwd", NULL, NULL, "not in the model's folder");
    check_external(folder, "..", NULL, NULL, "not in the model's folder");
    check_external(folder, "", NULL, NULL, "not in the model's folder");
    check_external(folder, "none.data", NULL, NULL, "cannot be read");
    assert_int_equal(symlink("w.data", io_path(folder, "link.data", link)), 0);
    check_external(folder, "link.data", NULL, NULL, "it is a link");
    assert_int_equal(unlink(link), 0);
    io_folder_remove(folder);
}

/* Names are bytes of any kind and length; the text made of them is UTF-8. */
static void test_names_in_comments(void **state)
{
    (void)state;
    static const char latin[] = "\x08\x08\x12\x04"
                                "caf\xe9\x3a\x00\x42\x04\x0a\x00\x10\x0d";
    char cut[110] = "\x08\x08\x12\x62"; /* 98 bytes: 71 letters, then letters of two bytes */
    memset(cut + 4, 'a', 71);
    for (int i = 75; i < 101; i += 2)
        memcpy(cut + i, "\xc3\xa9", 2);
    memcpy(cut + 101, "a\x3a\x00\x42\x04\x0a\x00\x10\x0d", 9);
    dg_onnx *n = attempt(latin, sizeof latin - 1, "latin");
    assert_non_null(n);
    assert_non_null(strstr(n->text, "by caf? "));
    dg_onnx_free(n);
    n = attempt(cut, sizeof cut, "cut");
    assert_non_null(n);
    assert_int_equal(dg_utf8_check(n->text, strlen(n->text)), strlen(n->text));
    dg_onnx_free(n);
}

/* A long text is cut before a character, also where it is nothing but parts of one. */
static void test_long_texts(void **state)
{
    (void)state;
    char parts[100], letters[101] = {0};
    memset(parts, 0x86, sizeof parts);
    for (int i = 0; i < 50; i++)
        memcpy(letters + 2 * i, "\xc3\xa4", 2);
    const char *const all[] = {parts, letters};
    for (int i = 0; i < 2; i++) {
        dg_text t = onnx_make("input x N,2\nnode Relu x -> y\noutput y\n");
        onnx_add_field(&t, 2, all[i], sizeof parts); /* the producer */
        dg_onnx *n = attempt(t.data, t.length, "F");
        assert_non_null(n);
        assert_true(i == 0 || strstr(n->text, "\xc3\xa4 : 1 nodes") != NULL);
        dg_onnx_free(n);
        dg_text_free(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cut_at_every_byte),
                                       cmocka_unit_test(test_each_byte_changed),
                                       cmocka_unit_test(test_nested),
                                       cmocka_unit_test(test_huge_counts),
                                       cmocka_unit_test(test_memory_is_limited),
                                       cmocka_unit_test(test_external),
                                       cmocka_unit_test(test_names_in_comments),
                                       cmocka_unit_test(test_long_texts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
