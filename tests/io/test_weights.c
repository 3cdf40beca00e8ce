/* Parameters and states of a graph to a file and back: all of them or none. */
#include "io/io_tools.h"

#include "graph/toys.h"
#include "io/weights.h"
#include <dagrad/program.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[64], path[200];

static int setup(void **state)
{
    (void)state;
    io_folder_make(folder);
    io_path(folder, "w.safetensors", path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    io_folder_remove(folder);
    return 0;
}

/* Two layers and a state; `units` of the second, `extra` a parameter more. */
static dg_graph *make(dg_type real, double units, int extra)
{
    dg_graph *g = toys_graph(real);
    dg_value x = dg_input(g, "x", DG_F32, shape2(DG_N, 5));
    dg_value z = toys_dense(g, "a", x, 7);
    toys_dense(g, "b", z, units);
    dg_state(g, "count", shape1(3), "zeros");
    if (extra)
        dg_parameter(g, "extra", shape1(2), "zeros");
    assert_int_equal(dg_graph_status(g, NULL), DG_OK);
    return g;
}

static void hash(const dg_graph *g, char text[17])
{
    assert_int_equal(dg_graph_hash(g, text), DG_OK);
}

static void test_round_trip(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        char a[17], b[17], c[17];
        dg_diag why = {0};
        dg_graph *g = make(k ? DG_F64 : DG_F32, 4, 0), *h = make(k ? DG_F64 : DG_F32, 4, 0);
        assert_int_equal(dg_graph_init(g, 1), DG_OK);
        assert_int_equal(dg_graph_init(h, 2), DG_OK);
        hash(g, a);
        hash(h, b);
        assert_string_not_equal(a, b);
        assert_int_equal(dg_save(g, path, &why), DG_OK);
        assert_int_equal(dg_load(h, path, &why), DG_OK);
        hash(h, c);
        assert_string_equal(a, c);
        dg_graph_free(g);
        dg_graph_free(h);
    }
}

/* f64 to f32 rounds, and back is exact; what does not fit is refused. */
static void test_convert(void **state)
{
    (void)state;
    char a[17], b[17];
    dg_diag why = {0};
    dg_graph *wide = make(DG_F64, 4, 0), *f = make(DG_F32, 4, 0), *g = make(DG_F32, 4, 0);
    assert_int_equal(dg_graph_init(f, 1), DG_OK);
    hash(f, a);
    assert_int_equal(dg_save(f, path, NULL), DG_OK);
    assert_int_equal(dg_load(wide, path, &why), DG_OK);
    assert_int_equal(dg_save(wide, path, NULL), DG_OK);
    assert_int_equal(dg_load(g, path, &why), DG_OK);
    hash(g, b);
    assert_string_equal(a, b);
    double big[4] = {0, 1e39, 0, 0};
    dg_tensor t = {DG_F64, shape1(4), big, sizeof big};
    assert_int_equal(dg_graph_set(wide, dg_value_find(wide, "b.bias"), &t, NULL), DG_OK);
    assert_int_equal(dg_save(wide, path, NULL), DG_OK);
    assert_int_equal(dg_load(g, path, &why), DG_EDATA);
    assert_string_equal(why.text, "a number of the file does not fit f32");
    hash(g, b);
    assert_string_equal(a, b);
    dg_graph_free(wide);
    dg_graph_free(f);
    dg_graph_free(g);
}

static void test_differences(void **state)
{
    (void)state;
    char before[17], after[17];
    dg_diag why = {0}, more = {0};
    dg_graph *g = make(DG_F32, 4, 0), *h = make(DG_F32, 6, 1);
    dg_graph_init(g, 1);
    dg_graph_init(h, 1);
    hash(h, before);
    assert_int_equal(dg_save(g, path, NULL), DG_OK);
    assert_int_equal(dg_load(h, path, &why), DG_EDATA);
    assert_string_equal(
        why.text, "the weights are not this model's: 'b.weight' is [7, 4], the model has [7, 6]; "
                  "'b.bias' is [4], the model has [6]; 'extra' is missing");
    assert_string_equal(why.file, path);
    hash(h, after);
    assert_string_equal(before, after); /* nothing was changed */
    dg_graph *i = make(DG_F32, 4, 1), *j = make(DG_F32, 4, 0);
    dg_graph_init(i, 1);
    assert_int_equal(dg_save(i, path, NULL), DG_OK);
    assert_int_equal(dg_load(j, path, &more), DG_EDATA);
    assert_string_equal(more.text, "the weights are not this model's: the model has no 'extra'");
    dg_graph_free(g);
    dg_graph_free(h);
    dg_graph_free(i);
    dg_graph_free(j);
}

/* What may be missing: in the file, and in the graph. */
static void test_allow(void **state)
{
    (void)state;
    const char *none[] = {"z.*"}, *some[] = {"z.*", "ex?ra"};
    dg_graph *g = make(DG_F32, 4, 0), *h = make(DG_F32, 4, 1);
    dg_checkpoint *c;
    dg_graph_init(g, 1);
    dg_graph_init(h, 2);
    assert_int_equal(dg_save(g, path, NULL), DG_OK);
    assert_int_equal(dg_checkpoint_load(&c, path, 1, NULL), DG_OK);
    assert_int_equal(dg_weights_apply(h, c, 1, none, NULL), DG_EDATA);
    assert_int_equal(dg_weights_apply(h, c, 2, some, NULL), DG_OK);
    dg_checkpoint_free(c);
    assert_int_equal(dg_save(h, path, NULL), DG_OK);
    assert_int_equal(dg_checkpoint_load(&c, path, 1, NULL), DG_OK);
    assert_int_equal(dg_weights_apply(g, c, 0, NULL, NULL), DG_EDATA);
    assert_int_equal(dg_weights_apply(g, c, 2, some, NULL), DG_OK);
    dg_checkpoint_free(c);
    dg_graph_free(g);
    dg_graph_free(h);
}

/* A checkpoint has more than weights: it is a weight file all the same. */
static void test_checkpoint(void **state)
{
    (void)state;
    char a[17], b[17];
    dg_graph *g = make(DG_F32, 4, 0), *h = make(DG_F32, 4, 0);
    dg_checkpoint *c = dg_checkpoint_new();
    dg_array moment = io_count(DG_F32, io_shape(2, 7, 4, 0));
    dg_graph_init(g, 3);
    dg_checkpoint_add_graph(c, g);
    dg_checkpoint_add(c, "@moment.0.b.weight", &moment);
    dg_checkpoint_note(c, "step", "%d", 1);
    dg_checkpoint_note(c, "step", "%d", 2);
    assert_int_equal(dg_checkpoint_save(c, path, NULL), DG_OK);
    dg_checkpoint_free(c);
    assert_int_equal(dg_load(h, path, NULL), DG_OK);
    hash(g, a);
    hash(h, b);
    assert_string_equal(a, b);
    assert_int_equal(dg_checkpoint_load(&c, path, 1, NULL), DG_OK);
    assert_string_equal(dg_checkpoint_text(c, "step"), "2");
    const dg_tensor *t = dg_checkpoint_find(c, "@moment.0.b.weight");
    assert_non_null(t);
    assert_memory_equal(t->data, moment.data, moment.bytes);
    dg_checkpoint_note(c, "step", "3"); /* one that was read can grow and be saved */
    dg_checkpoint_add(c, "@more", &moment);
    assert_int_equal(dg_checkpoint_save(c, path, NULL), DG_OK);
    dg_checkpoint_free(c);
    dg_array_free(&moment);
    dg_graph_free(g);
    dg_graph_free(h);
}

/* No file holds a number that is not finite, and none that does is read. */
static void test_finite(void **state)
{
    (void)state;
    const float bad[] = {NAN, INFINITY, -INFINITY};
    const char *texts[] = {"NaN", "infinite", "infinite"};
    dg_array a = io_count(DG_F32, io_shape(1, 5000, 0, 0));
    for (int k = 0; k < 3; k++) {
        char expected[80];
        dg_diag why = {0};
        dg_checkpoint *c = dg_checkpoint_new();
        dg_checkpoint_note(c, "k", "%d", k);
        ((float *)a.data)[4097] = 1;
        dg_checkpoint_add(c, "w", &a);
        assert_int_equal(dg_checkpoint_save(c, path, NULL), DG_OK);
        ((float *)a.data)[4097] = bad[k];
        dg_checkpoint_add(c, "v", &a);
        assert_int_equal(dg_checkpoint_save(c, path, &why), DG_EFINITE);
        dg_format(expected, sizeof expected, "element 4097 of 'v' is %s", texts[k]);
        assert_string_equal(why.text, expected);
        dg_checkpoint_free(c);
        assert_int_equal(dg_checkpoint_load(&c, path, 1, NULL), DG_OK); /* the last good one */
        assert_null(dg_checkpoint_find(c, "v"));
        dg_checkpoint_free(c);
    }
    dg_named named = {"w", a};
    const dg_tensors all = {1, 0, &named, NULL};
    dg_checkpoint *c;
    dg_writer *w;
    assert_int_equal(dg_writer_open(&w, path, NULL), DG_OK);
    assert_int_equal(dg_writer_end(w, dg_safetensors_write(w, &all)), DG_OK);
    assert_int_equal(dg_checkpoint_load(&c, path, 1, NULL), DG_EDATA);
    dg_array_free(&a);
}

/* A file of another tool is read for its weights, but nothing is resumed from it. */
static void test_seal(void **state)
{
    (void)state;
    dg_checkpoint *c;
    dg_diag why = {0};
    io_write(
        path,
        "\x38\0\0\0\0\0\0\0{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}   \x05",
        65);
    assert_int_equal(dg_checkpoint_load(&c, path, 0, NULL), DG_OK);
    assert_true(dg_tensor_number(dg_checkpoint_find(c, "a"), 0) == 5);
    dg_checkpoint_free(c);
    assert_int_equal(dg_checkpoint_load(&c, path, 1, &why), DG_EDATA);
    assert_string_equal(why.text, "no checkpoint of dagrad: it has no checksum");
    assert_null(c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(round_trip), TEST(convert), TEST(differences), TEST(allow),
        TEST(checkpoint), TEST(finite),  TEST(seal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
