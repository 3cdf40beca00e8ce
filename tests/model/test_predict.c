/* Runs opened and predicted from C: the bits of `dagrad predict`, raw rows of numbers, words and
 * files, classes by name, sizes that are free; several threads; no growth. */
#include "base/text.h"
#include "cli/cli_tools.h"
#include "io/formats.h"
#include "model/model_tools.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <malloc.h>
#include <math.h>

/* Words, a gap, dates; a standardised target and classes. */
static const char table[] = "kind,size,day,price,good\n"
                            "a,1,2020-01-01,10,yes\n"
                            "b,2,2020-01-02,21,no\n"
                            "a,,2020-01-03,29,yes\n"
                            "\"c,d\",4,2020-01-04,42,no\n"
                            "b,5,2020-01-05,48,no\n"
                            "a,6,2020-01-06,63,yes\n";
static const char words_model[] =
    "input k[N, 3]\ninput s[N, 1]\ninput d[N, 1]\ntarget p[N, 1]\ntarget g[N] int\n"
    "z = concat(k, s, d) | linear(4) | tanh\nprice = linear(z, 1)\nlogits = linear(z, 2)\n"
    "output price, logits\nloss mse(p, price), softmax_cross_entropy(g, logits)\n"
    "data train {\n"
    "  k = csv(\"t.csv\", columns=[\"kind\"]) | onehot\n"
    "  s = csv(\"t.csv\", columns=[\"size\"]) | fill(mean) | standardize\n"
    "  d = csv(\"t.csv\", columns=[\"day\"]) | time(\"%Y-%m-%d\") | standardize\n"
    "  p = csv(\"t.csv\", columns=[\"price\"]) | standardize\n"
    "  g = csv(\"t.csv\", columns=[\"good\"]) | classes\n}\n"
    "train { optimizer = adam(rate=0.05); batch = 3; epochs = 30 }\n";
static const char free_model[] =
    "input x[N, T, 3]\ntarget t[N, 2]\ny = linear(mean(x, axis=1), 2)\noutput y\nloss mse(t, y)\n"
    "data train { x = npy(\"x.npy\"); t = npy(\"y.npy\") }\n"
    "train { optimizer = sgd(rate=0.1); batch = 4; steps = 3 }\n";
static void write_npy(const char *name, dg_type type, dg_shape shape)
{
    dg_array a;
    dg_writer *w;
    assert_int_equal(dg_array_make(&a, type, &shape, NULL), DG_OK);
    for (int64_t i = 0, n = dg_shape_count(&shape); i < n; i++)
        ((float *)a.data)[i] = (float)(i % 5);
    assert_int_equal(dg_writer_open(&w, name, NULL), DG_OK);
    assert_int_equal(dg_writer_end(w, dg_npy_write(w, &a)), DG_OK);
    dg_array_free(&a);
}

static int set_up(void **state)
{
    (void)state;
    if (!cli_enter())
        return 1;
    cli_write_text("t.csv", table);
    cli_write_text("words.dag", words_model);
    cli_write_text("free.dag", free_model);
    write_npy("x.npy", DG_F32, (dg_shape){3, {4, 5, 3}});
    write_npy("y.npy", DG_F32, (dg_shape){2, {4, 2}});
    write_npy("long.npy", DG_F32, (dg_shape){3, {6, 9, 3}});
    return cli_run("train words.dag --out words --quiet") ||
           cli_run("train free.dag --out free --quiet") || model_digits();
}

static void assert_same_bits(const dg_tensor *a, const dg_tensor *b)
{
    assert_int_equal(a->type, b->type);
    assert_true(dg_shape_equal(&a->shape, &b->shape));
    assert_memory_equal(a->data, b->data, a->bytes);
}

static void predict(dg_model *m, int n, const dg_rows in[], const char *output, dg_tensor *t)
{
    dg_diag why = {.code = DG_OK};
    if (dg_model_predict(m, n, in, output, t, &why) != DG_OK)
        fail_msg("%s: %s", why.node, why.text);
}

/* ---- Raw rows -------------------------------------------------------------------------------- */

/* The rows of the table, as a program has them in memory. */
static const char *const kinds[] = {"a", "b", "a", "c,d", "b", "a"};
static const char *const days[] = {"2020-01-01", "2020-01-02", "2020-01-03",
                                   "2020-01-04", "2020-01-05", "2020-01-06"};

static void words_dates_and_gaps_go_in(void **state)
{
    (void)state;
    const double size[6] = {1, 2, (double)NAN, 4, 5, 6};
    const dg_rows in[3] = {{.name = "k", .texts = kinds, .n_texts = 6},
                           model_numbers("s", DG_F64, (dg_shape){1, {6}}, size),
                           {.name = "d", .texts = days, .n_texts = 6}};
    dg_model *m = model_open("words");
    dg_tensor price, logits;
    dg_array expected =
        model_program_says("words --input k=t.csv --input s=t.csv --input d=t.csv", "price");
    predict(m, 3, in, "price", &price);
    assert_same_bits(&price, &expected);
    for (int i = 0; i < 6; i++) /* in the target's own units */
        assert_true(((float *)price.data)[i] > 0 && ((float *)price.data)[i] < 80);
    dg_array_free(&expected);
    expected =
        model_program_says("words", "logits"); /* those of the training part: the same rows */
    predict(m, 3, in, "logits", &logits);
    assert_same_bits(&logits, &expected);
    dg_array_free(&expected);
    dg_model_free(m);
}

static void classes_and_columns_have_names(void **state)
{
    (void)state;
    dg_model *m = model_open("words");
    dg_port_info info = {.size = sizeof info};
    assert_int_equal(dg_model_find(m, "logits", &info), DG_OK);
    assert_int_equal(info.role, DG_PORT_OUTPUT);
    assert_int_equal(info.n_classes, 2);
    assert_string_equal(info.classes[0], "no");
    assert_string_equal(dg_model_class(m, "logits", 1), "yes");
    assert_null(dg_model_class(m, "logits", 2));
    assert_int_equal(dg_model_find(m, "k", &info), DG_OK);
    assert_true(info.texts && info.needed && info.n_columns == 1);
    assert_string_equal(info.columns[0], "kind");
    assert_int_equal(dg_model_find(m, "s", &info), DG_OK);
    assert_false(info.texts);
    assert_int_equal(dg_model_find(m, "g", &info), DG_OK);
    assert_true(info.role == DG_PORT_TARGET && !info.needed && info.n_classes == 2);
    assert_int_equal(dg_model_find(m, "none", &info), DG_EUSAGE);
    dg_model_free(m);
}

static void assert_refused(dg_model *m, int n, const dg_rows in[], dg_status s, const char *says)
{
    dg_tensor t;
    dg_diag why = {.code = DG_OK};
    assert_int_equal(dg_model_predict(m, n, in, "price", &t, &why), s);
    if (!strstr(why.text, says))
        fail_msg("'%s' does not say '%s'", why.text, says);
    assert_null(t.data);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    const float wide[12] = {0}, size[6] = {1, 2, 3, 4, 5, 6},
                infinite[6] = {1, 2, 3, INFINITY, 5, 6};
    const char *const other[] = {"a", "b", "e", "a", "b", "a"};
    const dg_rows k = {.name = "k", .texts = kinds, .n_texts = 6},
                  d = {.name = "d", .texts = days, .n_texts = 6},
                  s = model_numbers("s", DG_F32, (dg_shape){2, {6, 1}}, size);
    dg_model *m = model_open("words");
    assert_refused(m, 2, (dg_rows[]){k, s}, DG_EUSAGE, "the input 'd' is not given");
    assert_refused(m, 4, (dg_rows[]){k, s, d, s}, DG_EUSAGE, "'s' is given twice");
    assert_refused(m, 1, (dg_rows[]){{.name = "kk", .texts = kinds, .n_texts = 6}}, DG_EUSAGE,
                   "no input 'kk'; the model has: k, s, d, p, g");
    assert_refused(m, 1, (dg_rows[]){{.name = "k"}}, DG_EUSAGE, "neither numbers nor texts");
    assert_refused(m, 1, (dg_rows[]){model_numbers("k", DG_F32, (dg_shape){2, {6, 1}}, size)},
                   DG_EUSAGE, "'k' takes texts");
    assert_refused(m, 3, (dg_rows[]){{.name = "k", .texts = other, .n_texts = 6}, s, d}, DG_EDATA,
                   "row 2: 'e' is none of the words of the training data: a, b, c,d");
    assert_refused(m, 3,
                   (dg_rows[]){k, model_numbers("s", DG_F32, (dg_shape){1, {6}}, infinite), d},
                   DG_EDATA, "inf");
    assert_refused(m, 3, (dg_rows[]){k, model_numbers("s", DG_F32, (dg_shape){2, {6, 2}}, wide), d},
                   DG_EDATA, "the data are [N, 2], the model says [N, 1]");
    assert_refused(m, 3, (dg_rows[]){k, model_numbers("s", DG_F32, (dg_shape){2, {3, 2}}, size), d},
                   DG_EDATA, "'s' has 3 rows, 'k' has 6");
    dg_tensor t; /* and afterwards it still works */
    predict(m, 3, (dg_rows[]){k, s, d}, "price", &t);
    assert_int_equal(dg_model_predict(m, 3, (dg_rows[]){k, s, d}, "cost", &t, NULL), DG_EUSAGE);
    dg_model_free(m);
}

static void any_number_of_rows_has_the_bits_of_the_program(void **state)
{
    (void)state;
    dg_model *m = model_open("digits");
    dg_array all = model_pictures(), expected = model_program_says("digits", "logits");
    const int64_t rows = expected.shape.dim[0], first = all.shape.dim[0] - rows;
    const int64_t some[] = {1, rows, 2, 100, 63, 1};
    const float *at = expected.data;
    for (int i = 0; i < 6; i++) {
        dg_tensor t;
        dg_rows in = model_numbers("image", DG_U8, (dg_shape){3, {some[i], 8, 8}},
                                   (uint8_t *)all.data + 64 * first);
        predict(m, 1, &in, "logits", &t);
        assert_int_equal(t.shape.dim[0], some[i]);
        assert_memory_equal(t.data, at, (size_t)some[i] * 10 * sizeof *at);
    }
    dg_array_free(&all);
    dg_array_free(&expected);
    dg_model_free(m);
}

static void sizes_come_with_the_rows(void **state)
{
    (void)state;
    dg_model *m = model_open("free");
    const char *const file[] = {"x.npy", "long.npy", "x.npy"};
    for (int i = 0; i < 3; i++) {
        char arguments[100];
        dg_tensor t;
        dg_rows in = {.name = "x", .file = file[i]};
        dg_format(arguments, sizeof arguments, "free --input x=%s", file[i]);
        dg_array expected = model_program_says(arguments, "y");
        predict(m, 1, &in, "y", &t);
        assert_same_bits(&t, &expected);
        dg_array_free(&expected);
    }
    dg_model_free(m);
    const dg_dimension size = {"T", 9};
    m = dg_model_open("free", &(dg_model_options){
                                  .size = sizeof(dg_model_options), .sizes = &size, .n_sizes = 1});
    dg_port_info info = {.size = sizeof info};
    assert_int_equal(dg_model_find(m, "x", &info), DG_OK);
    assert_int_equal(info.shape.dim[1], 9);
    assert_string_equal(info.free[1], "T");
    dg_model_free(m);
}

/* ---- Opening --------------------------------------------------------------------------------- */

static void keep_line(void *user, const char *line)
{
    dg_text_printf(user, "%s\n", line);
}

static void all_that_is_wrong_is_data(void **state)
{
    (void)state;
    static const char text[] = "input x[N, 2]\ny = conv(x, 3, kernal=3)\noutput z\n";
    cli_write_text("wrong.dag", text);
    dg_model *m = dg_model_open("wrong.dag", NULL);
    dg_diag d;
    assert_int_equal(dg_model_status(m, &d), DG_EMODEL);
    assert_int_equal(dg_model_diag(m, 0, &d), DG_OK);
    assert_string_equal(d.file, "wrong.dag");
    assert_true(d.line == 2 && d.column == 16);
    assert_memory_equal(text + d.start, "kernal", 6);
    assert_int_equal(d.end - d.start, 6);
    assert_non_null(strstr(d.text, "did you mean 'kernel'?"));
    assert_int_equal(dg_model_diag(m, 1, &d), DG_OK);
    assert_int_equal(dg_model_diag(m, 2, &d), DG_EUSAGE);
    dg_text print = dg_text_make(NULL);
    dg_model_print(m, 0, keep_line, &print);
    assert_int_equal(cli_run("show wrong.dag"), 2);
    char *err = cli_read("err", NULL);
    assert_string_equal(print.data, err);
    free(err);
    dg_text_free(&print);
    assert_null(dg_model_graph(m));
    assert_null(dg_predictor_new(m, NULL));
    dg_model_free(m);
}

static void no_such_file_is_told(void **state)
{
    (void)state;
    static const char *const path[] = {"none.dag", "none", ".", "t.csv"};
    for (int i = 0; i < 4; i++) {
        dg_diag d = {.code = DG_OK};
        dg_model *m = dg_model_open(path[i], NULL);
        assert_int_equal(dg_model_status(m, &d), i < 3 ? DG_EUSAGE : DG_EMODEL);
        assert_true(d.text[0] != 0);
        dg_model_free(m);
    }
    dg_diag d = {.code = DG_OK};
    dg_model *m = dg_model_open("words", &(dg_model_options){.size = sizeof(dg_model_options),
                                                             .weights = "none.safetensors"});
    assert_int_equal(dg_model_status(m, &d), DG_EDATA);
    assert_string_equal(d.file, "none.safetensors");
    dg_model_free(m);
    dg_model_free(NULL);
    dg_predictor_free(NULL);
}

static void weights_are_those_that_are_asked_for(void **state)
{
    (void)state;
    const char *which = "";
    char hash[17], again[17];
    int64_t step = 0;
    dg_model *m = model_open("digits");
    assert_int_equal(dg_model_weights(m, hash, &which, &step), DG_OK);
    assert_string_equal(which, "last");
    assert_int_equal(step, 60);
    dg_model_free(m);
    m = dg_model_open("digits.dag", &(dg_model_options){.size = sizeof(dg_model_options),
                                                        .weights = "digits/last.safetensors"});
    assert_int_equal(dg_model_weights(m, again, &which, NULL), DG_OK);
    assert_null(which);
    assert_string_equal(hash, again);
    dg_model_free(m);
    m = dg_model_parse("here.dag", model_digits_text, NULL); /* by its initialisers */
    assert_int_equal(dg_model_weights(m, again, NULL, &step), DG_OK);
    assert_string_not_equal(hash, again);
    assert_int_equal(step, -1);
    dg_model_free(m);
}

static void parts_of_its_own_data(void **state)
{
    (void)state;
    const dg_model_options o = {.size = sizeof o, .data = 1};
    dg_model *m = dg_model_open("digits", &o);
    dg_predictor *p = dg_predictor_new(m, NULL);
    dg_array expected = model_program_says("digits", "logits");
    dg_tensor t;
    dg_diag why;
    assert_int_equal(dg_predict_part(p, NULL, &why), DG_OK);
    assert_int_equal(dg_predicted(p, "logits", &t), DG_OK);
    assert_same_bits(&t, &expected);
    assert_int_equal(dg_predicted_row(p, 0), 1438);
    assert_int_equal(dg_predicted_row(p, t.shape.dim[0]), -1);
    assert_int_equal(dg_predict_part(p, "validation", &why), DG_EUSAGE);
    assert_int_equal(dg_predict_part(p, "tset", &why), DG_EUSAGE);
    dg_array_free(&expected);
    dg_predictor_free(p);
    dg_model_free(m);
}

/* ---- Growth ---------------------------------------------------------------------------------- */

enum { CACHED = 300000 }; /* bytes that malloc keeps for a thread, and counts as in use */

static size_t in_use(void)
{
#ifdef DG_SANITIZED
    return 0; /* the leak checker looks itself */
#else
    return mallinfo2().uordblks;
#endif
}

/* longtest: 1 min, of 10,000 times */
static void nothing_grows(void **state)
{
    (void)state;
    const int times = getenv("DAGRAD_LONGTEST") ? 10000 : 60;
    const double size[1] = {1};
    const dg_rows in[3] = {{.name = "k", .texts = kinds, .n_texts = 1},
                           model_numbers("s", DG_F64, (dg_shape){1, {1}}, size),
                           {.name = "d", .texts = days, .n_texts = 1}};
    size_t before = 0;
    for (int i = 0; i < times; i++) {
        dg_tensor t;
        dg_model *m = model_open("words");
        predict(m, 3, in, "price", &t);
        dg_model_free(m);
        before = i == 5 ? in_use() : before;
    }
    assert_true(in_use() < before + CACHED);
    dg_model *m = model_open("words");
    for (int i = 0; i < 5000; i++) {
        dg_tensor t;
        predict(m, 3, in, "price", &t);
        before = i == 5 ? in_use() : before;
    }
    assert_true(in_use() < before + CACHED);
    dg_model_free(m);
}

static void the_largest_are_found(void **state)
{
    (void)state;
    float x[8] = {1, 3, NAN, 3, NAN, 0, -1, 2};
    const dg_tensor t = {DG_F32, {2, {2, 4}}, x, sizeof x};
    int64_t place[4];
    assert_int_equal(dg_top(&t, 0, 3, place), 3);
    assert_true(place[0] == 1 && place[1] == 3 && place[2] == 0);
    assert_int_equal(dg_top(&t, 1, 9, place), 4);
    assert_true(place[0] == 3 && place[1] == 1 && place[2] == 2 && place[3] == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_dates_and_gaps_go_in),
        cmocka_unit_test(classes_and_columns_have_names),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(any_number_of_rows_has_the_bits_of_the_program),
        cmocka_unit_test(sizes_come_with_the_rows),
        cmocka_unit_test(all_that_is_wrong_is_data),
        cmocka_unit_test(no_such_file_is_told),
        cmocka_unit_test(weights_are_those_that_are_asked_for),
        cmocka_unit_test(parts_of_its_own_data),
        cmocka_unit_test(nothing_grows),
        cmocka_unit_test(the_largest_are_found),
    };
    return cmocka_run_group_tests(tests, set_up, cli_tear_down);
}
