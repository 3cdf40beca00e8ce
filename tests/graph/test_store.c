/* Elements of parameters and states in and out, and the hash over them. */
#include "graph/toys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(a) (int)(sizeof(a) / sizeof((a)[0]))

static void set(dg_graph *g, dg_value v, dg_type type, dg_shape shape, void *data, size_t bytes)
{
    dg_diag why = {0};
    dg_tensor t = {type, shape, data, bytes};
    assert_int_equal(dg_graph_set(g, v, &t, &why), DG_OK);
}

/* The digits are those of the same bytes hashed elsewhere:
 * b.bias\0 f32\0 rank 1, 3; 0, -1.5, 0.1f; then w\0 f32\0 rank 2, 2, 2; 1 2 3 4. */
static void test_known_hash(void **state)
{
    (void)state;
    float bias[3] = {0, -1.5F, 0.1F}, w[4] = {1, 2, 3, 4};
    for (int order = 0; order < 2; order++) {
        dg_graph *g = dg_graph_new(NULL, DG_F32);
        dg_value first = {0}, second;
        if (order == 0)
            first = dg_parameter(g, "w", shape2(2, 2), "he");
        second = dg_state(g, "b.bias", shape1(3), NULL);
        if (order == 1)
            first = dg_parameter(g, "w", shape2(2, 2), "zeros");
        dg_constant(g, "c", (dg_tensor){DG_F32, shape1(3), bias, sizeof bias}); /* not hashed */
        char hash[17] = "x";
        assert_int_equal(dg_graph_hash(g, hash), DG_EUSAGE); /* nothing there yet */
        assert_string_equal(hash, "");
        set(g, first, DG_F32, shape2(2, 2), w, sizeof w);
        set(g, second, DG_F32, shape1(3), bias, sizeof bias);
        assert_int_equal(dg_graph_hash(g, hash), DG_OK);
        assert_string_equal(hash, "f37cc06fa07fe98e");
        dg_graph_free(g);
    }
}

static void test_known_hash_f64(void **state)
{
    (void)state;
    double x[2] = {1, -0.1};
    char hash[17];
    dg_graph *g = dg_graph_new(NULL, DG_F64);
    assert_int_equal(dg_graph_hash(g, hash), DG_OK); /* of nothing */
    assert_string_equal(hash, "e3b0c44298fc1c14");
    set(g, dg_parameter(g, "x", (dg_shape){3, {1, 2, 1}}, NULL), DG_F64, (dg_shape){3, {1, 2, 1}},
        x, sizeof x);
    dg_parameter(g, "empty", shape2(0, 3), "ones");
    assert_int_equal(dg_graph_init(g, 1), DG_OK);
    assert_int_equal(dg_graph_hash(g, hash), DG_OK);
    assert_string_equal(hash, "2ff0a683c6e4577c");
    x[1] = -0.10000000000000002;
    set(g, dg_value_find(g, "x"), DG_F64, (dg_shape){3, {1, 2, 1}}, x, sizeof x);
    char other[17];
    assert_int_equal(dg_graph_hash(g, other), DG_OK);
    assert_string_not_equal(other, hash);
    dg_graph_free(g);
}

/* The order of names is that of their bytes, also with many of them. */
static void test_hash_order(void **state)
{
    (void)state;
    static const char *const names[] = {"z",   "a10", "a2", "A",  "a", "\xc3\xa4", "a.b", "b",
                                        "a-b", "_",   "a1", "zz", "Z", "0",        "10",  "9"};
    char hash[2][17];
    for (int order = 0; order < 2; order++) {
        dg_graph *g = dg_graph_new(NULL, DG_F32);
        for (int i = 0; i < COUNT(names); i++) {
            int k = order ? COUNT(names) - 1 - i : i;
            float x = (float)k;
            set(g, dg_parameter(g, names[k], shape1(1), NULL), DG_F32, shape1(1), &x, sizeof x);
        }
        assert_int_equal(dg_graph_hash(g, hash[order]), DG_OK);
        dg_graph_free(g);
    }
    assert_string_equal(hash[0], hash[1]);
    assert_string_equal(hash[0], "5bf58b3938a7c362");
}

static void test_get_and_set(void **state)
{
    (void)state;
    dg_graph *g = dg_graph_new(NULL, DG_F32);
    dg_value p = dg_parameter(g, "p", shape2(2, 3), NULL), x = dg_input(g, "x", DG_F32, shape1(2));
    dg_value none = {0};
    float data[6] = {1, 2, 3, 4, 5, 6}, back[6] = {0};
    dg_tensor t = {0};
    assert_int_equal(dg_graph_get(g, p, &t), DG_OK); /* shape, type and size are known already */
    assert_true(t.type == DG_F32 && t.bytes == 24 && t.shape.rank == 2 && t.shape.dim[1] == 3);
    assert_null(t.data);
    t.data = back;
    assert_int_equal(dg_graph_get(g, p, &t), DG_EUSAGE); /* but there are no elements */
    set(g, p, DG_F32, shape2(2, 3), data, sizeof data);
    assert_int_equal(dg_graph_get(g, p, &t), DG_OK);
    assert_memory_equal(data, back, sizeof data);
    t.bytes = 20;
    assert_int_equal(dg_graph_get(g, p, &t), DG_EUSAGE);
    assert_int_equal(dg_graph_get(g, x, &t), DG_EUSAGE);
    assert_int_equal(dg_graph_get(g, none, &t), DG_EUSAGE);
    assert_int_equal(dg_graph_get(g, p, NULL), DG_EUSAGE);
    dg_graph_freeze(g, p, 5);
    dg_value_info info;
    dg_value_look(g, p, &info);
    assert_int_equal(info.frozen, 1);
    dg_graph_freeze(g, p, 0);
    dg_value_look(g, p, &info);
    assert_int_equal(info.frozen, 0);
    assert_int_equal(dg_value_look(g, none, &info), DG_EUSAGE);
    assert_int_equal(dg_graph_status(g, NULL), DG_OK); /* these do not stick */
    dg_graph_free(g);
}

static void test_messages(void **state)
{
    (void)state;
    dg_graph *g = dg_graph_new(NULL, DG_F32);
    dg_value p = dg_parameter(g, "p", shape2(2, 3), NULL), x = dg_input(g, "x", DG_F32, shape1(2));
    float f[6] = {0};
    const struct {
        dg_value v;
        dg_tensor t;
        const char *text;
    } cases[] = {
        {p, {DG_F64, shape2(2, 3), f, 24}, "parameter 'p' is f32 [2, 3], not f64 [2, 3]"},
        {p, {DG_F32, shape2(3, 2), f, 24}, "parameter 'p' is f32 [2, 3], not f32 [3, 2]"},
        {p, {DG_F32, shape2(2, 3), f, 20}, "parameter 'p' has 24 bytes, 20 are given"},
        {p, {DG_F32, shape2(2, 3), NULL, 24}, "parameter 'p' has 24 bytes, 0 are given"},
        {x, {DG_F32, shape1(2), f, 8}, "input 'x' is no parameter or state: it cannot be set"},
        {{7}, {DG_F32, shape1(2), f, 8}, "not a value of this graph, or no tensor"},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        dg_diag why = {0};
        assert_int_equal(dg_graph_set(g, cases[i].v, &cases[i].t, &why), DG_EUSAGE);
        assert_string_equal(why.text, cases[i].text);
    }
    assert_int_equal(dg_graph_status(g, NULL), DG_OK);
    dg_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_hash), cmocka_unit_test(test_known_hash_f64),
        cmocka_unit_test(test_hash_order), cmocka_unit_test(test_get_and_set),
        cmocka_unit_test(test_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
