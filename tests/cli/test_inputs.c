/* predict and grad take what people have: columns by name, any type, rows and sizes of the files,
 * one sample without its axis of rows. */
#include "base/text.h"
#include "cli/cli_tools.h"
#include "io/formats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* p = a + 2 b, nearly */
static const char table[] = "id,a,b,y,city\n"
                            "007,1,20,41,\"Rome, IT\"\n"
                            "x9,2,10,22,\n"
                            "\"q\"\"q\",3,30,63,NA\n"
                            "z,4,5,14,Ulm\n";
static const char model[] =
    "input x[N, 2]\ntarget y[N, 1]\np = linear(x, 1)\nq = linear(x, 3)\noutput p, q\n"
    "loss mse(y, p)\n"
    "data train(shuffle=3) { x = csv(\"t.csv\", columns=[\"a\", \"b\"]) | standardize\n"
    "                        y = csv(\"t.csv\", columns=[\"y\"]) | standardize }\n"
    "train { optimizer = adam(rate=0.1); batch = 4; epochs = 200 }\n";

/* A mean over a free axis; the labels of the data are 0 to 2. */
static const char free_model[] =
    "input x[N, T, 3]\ntarget t[N] int\ny = linear(mean(x, axis=1), 3)\noutput y\n"
    "loss softmax_cross_entropy(t, y)\n"
    "data train { x = npy(\"x.npy\"); t = npy(\"t.npy\") }\n"
    "train { optimizer = sgd(rate=0.1); batch = 4; steps = 3 }\n";

/* Numbers 0, 1, 2 (mod 5) of a type, in a shape. */
static void write_npy(const char *name, dg_type type, dg_shape shape)
{
    dg_array a;
    dg_writer *w;
    assert_int_equal(dg_array_make(&a, type, &shape, NULL), DG_OK);
    for (int64_t i = 0, n = dg_shape_count(&shape); i < n; i++) {
        int x = (int)(i % 5);
        if (type == DG_F64)
            ((double *)a.data)[i] = x;
        else if (type == DG_F32)
            ((float *)a.data)[i] = (float)x;
        else if (type == DG_I32)
            ((int32_t *)a.data)[i] = x;
        else
            ((uint8_t *)a.data)[i] = (uint8_t)x;
    }
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
    cli_write_text("m.dag", model);
    cli_write_text("free.dag", free_model);
    write_npy("x.npy", DG_F32, (dg_shape){3, {4, 5, 3}});
    uint8_t labels[4] = {0, 1, 2, 1};
    dg_tensor t = {DG_U8, {1, {4}}, labels, 4};
    dg_writer *w;
    if (dg_writer_open(&w, "t.npy", NULL) != DG_OK || dg_writer_end(w, dg_npy_write(w, &t)))
        return 1;
    return cli_run("train m.dag --out r --quiet") || cli_run("train free.dag --out f --quiet");
}

static char *output(const char *arguments)
{
    if (cli_run(arguments) != 0) {
        char *err = cli_read("err", NULL);
        print_error("dagrad %s\n%s", arguments, err);
        free(err);
        fail();
    }
    return cli_read("out", NULL);
}

static void assert_says(const char *part)
{
    char *err = cli_read("err", NULL);
    if (!strstr(err, part))
        fail_msg("'%s' is not in:\n%s", part, err);
    free(err);
}

static void assert_refused(const char *arguments, int code, const char *part)
{
    assert_int_equal(cli_run(arguments), code);
    assert_says(part);
}

static void assert_same(const char *first, const char *second)
{
    char *a = output(first), *b = output(second);
    assert_string_equal(a, b);
    free(a);
    free(b);
}

/* ---- Columns --------------------------------------------------------------------------------- */

static void columns_are_taken_by_name(void **state)
{
    (void)state;
    char *all = output("predict r --input x=t.csv");
    assert_says("t.csv: 3 other columns are passed over");
    cli_write_text("ab.csv", "a,b\n1,20\n2,10\n3,30\n4,5\n");
    cli_write_text("ba.csv", "b,a\n20,1\n10,2\n30,3\n5,4\n");
    cli_write_text("y_too.csv", "b;y;a\n20;41;1\n10;22;2\n30;63;3\n5;14;4\n");
    cli_write_text("none.csv", "1,20\n2,10\n3,30\n4,5\n");
    static const char *const files[] = {"ab.csv", "ba.csv", "y_too.csv", "none.csv"};
    for (int i = 0; i < 4; i++) {
        char command[64];
        dg_format(command, sizeof command, "predict r --input x=%s", files[i]);
        char *text = output(command);
        assert_string_equal(text, all);
        free(text);
    }
    assert_says("none.csv has no header: its columns are taken for a, b, in order");
    char *piped = output("predict r --input x=- <ba.csv");
    assert_string_equal(piped, all);
    free(piped);
    free(all);
}

static void a_missing_column_is_refused(void **state)
{
    (void)state;
    cli_write_text("foo.csv", "foo,bar\n20,1\n");
    cli_write_text("half.csv", "b,foo\n20,1\n");
    cli_write_text("three.csv", "1,20,3\n2,10,3\n");
    cli_write_text("twice.csv", "a,b,a\n1,20,3\n");
    assert_refused("predict r --input x=foo.csv", 3, "no column 'a'; there is: foo, bar");
    assert_refused("predict r --input x=half.csv", 3, "no column 'a'; there is: b, foo");
    assert_refused("predict r --input x=three.csv", 3, "the model's 2 columns in order, not 3");
    assert_refused("predict r --input x=twice.csv", 3, "the column 'a' is there twice");
}

/* Names are those that were there in training, also where the model takes all columns. */
static void columns_of_a_whole_table_have_names(void **state)
{
    (void)state;
    cli_write_text("in.csv", "u,v\n1,2\n3,5\n4,4\n");
    cli_write_text("out.csv", "w\n1\n2\n3\n");
    cli_write_text("all.dag", "input x[N, 2]\ntarget y[N, 1]\np = linear(x, 1)\noutput p\n"
                              "loss mse(y, p)\n"
                              "data train { x = csv(\"in.csv\"); y = csv(\"out.csv\") }\n"
                              "train { optimizer = sgd(rate=0.01); batch = 3; epochs = 5 }\n");
    assert_int_equal(cli_run("train all.dag --out all --quiet"), 0);
    cli_write_text("vwu.csv", "v,w,u\n2,0,1\n5,0,3\n4,0,4\n");
    assert_same("predict all --input x=in.csv", "predict all --input x=vwu.csv");
}

/* Trained without names, a table with names is taken by the numbers of its columns. */
static void columns_without_names_are_taken_by_number(void **state)
{
    (void)state;
    cli_write_text("bare.csv", "9,1,2,3\n9,3,5,8\n9,4,4,8\n");
    cli_write_text("bare.dag", "input x[N, 2]\ntarget y[N, 1]\np = linear(x, 1)\noutput p\n"
                               "loss mse(y, p)\n"
                               "data train { x = csv(\"bare.csv\", columns=[\"2\", \"3\"])\n"
                               "             y = csv(\"bare.csv\", columns=[\"4\"]) }\n"
                               "train { optimizer = sgd(rate=0.01); batch = 3; epochs = 5 }\n");
    assert_int_equal(cli_run("train bare.dag --out bare --quiet"), 0);
    cli_write_text("named.csv", "k,u,v\n9,1,2\n9,3,5\n9,4,4\n");
    cli_write_text("two.csv", "1,2\n3,5\n4,4\n");
    char *all = output("predict bare --input x=bare.csv"),
         *two = output("predict bare --input x=two.csv");
    char *named = output("predict bare --input x=named.csv");
    assert_says("columns 2, 3 are taken, whatever their names");
    assert_string_equal(all, named);
    assert_string_equal(all, two);
    free(all);
    free(two);
    free(named);
}

static void rows_are_numbered_and_text_is_carried_along(void **state)
{
    (void)state;
    char *text = output("predict r --input x=t.csv --with id --with city --output p");
    static const char *const begins[] = {"row,id,city,p\n", "\n0,007,\"Rome, IT\",4", "\n1,x9,,2",
                                         "\n2,\"q\"\"q\",NA,6", "\n3,z,Ulm,1"};
    for (int i = 0; i < 5; i++)
        assert_non_null(strstr(text, begins[i]));
    free(text);
    /* a part in another order: each row is still that of its file */
    text = output("predict r --with id --with y");
    static const char *const rows[] = {"\n0,007,41,4", "\n1,x9,22,2", "\n2,\"q\"\"q\",63,6",
                                       "\n3,z,14,1"};
    for (int i = 0; i < 4; i++)
        assert_non_null(strstr(text, rows[i]));
    assert_memory_equal(text, "row,id,y,p,q.0,q.1,q.2\n", 23);
    free(text);
    assert_refused("predict r --input x=t.csv --with idd", 3, "no column 'idd'; there is: id, a");
    assert_refused("predict r --with id --out o.npz", 2, "which only CSV holds");
    /* standard input is read twice, be it a file or a pipe */
    text = output("predict r --input x=t.csv --with id --with city");
    char *from_file = output("predict r --input x=- --with id --with city <t.csv");
    assert_string_equal(from_file, text);
    free(from_file);
    assert_int_equal(system("cat t.csv | $DAGRAD_PROGRAM predict r --input x=- --with id "
                            "--with city >piped 2>/dev/null"),
                     0);
    char *piped = cli_read("piped", NULL);
    assert_string_equal(piped, text);
    free(piped);
    free(text);
    assert_refused("predict f --with id", 2, "the inputs are none");
}

/* ---- Types, rows, sizes ---------------------------------------------------------------------- */

static void any_type_is_taken(void **state)
{
    (void)state;
    static const dg_type type[] = {DG_F32, DG_F64, DG_I32, DG_U8};
    static const char *const name[] = {"f32", "f64", "i32", "u8"};
    for (int k = 0; k < 4; k++) {
        char file[16];
        dg_format(file, sizeof file, "%s.npy", name[k]);
        write_npy(file, type[k], (dg_shape){2, {6, 2}});
    }
    for (int c = 0; c < 2; c++) {
        char *first = NULL;
        for (int k = 0; k < 4; k++) {
            char line[128];
            dg_format(line, sizeof line,
                      c ? "grad m.dag --input x=%s.npy" : "predict r --input x=%s.npy", name[k]);
            char *text = output(line);
            if (first)
                assert_string_equal(text, first);
            if (first)
                free(text);
            else
                first = text;
        }
        free(first);
    }
    assert_refused("grad free.dag --input t=f64.npy --input x=x.npy", 3, "t");
}

/* The rows and free sizes are those of the files, whatever the batch of the model is. */
static void sizes_come_from_the_files(void **state)
{
    (void)state;
    write_npy("seven.npy", DG_F64, (dg_shape){3, {7, 9, 3}});
    cli_write_text("labels.csv", "0\n1\n2\n0\n1\n2\n0\n");
    char *text = output("predict f --input x=seven.npy");
    int lines = 0;
    for (char *p = text; (p = strchr(p, '\n')); p++)
        lines++;
    assert_int_equal(lines, 8);
    free(text);
    text = output("grad free.dag --input x=seven.npy --input t=labels.csv --keep y --out g.st");
    assert_non_null(strstr(text, "[7, 3]"));
    free(text);
    free(output("grad f --input x=seven.npy --input t=labels.csv --batch 7"));
    /* a run names its weights: not a file of that name */
    assert_same("grad f --input x=seven.npy --input t=labels.csv",
                "grad f --weights last --input x=seven.npy --input t=labels.csv");
    assert_refused("grad f --input x=seven.npy --input t=labels.csv --batch 2", 2,
                   "--batch is 2, the inputs have 7 rows");
    free(output("grad f --input x=seven.npy"));
    assert_says("'t' is not given: it comes from the first rows of the data");
    assert_refused("grad f --input t=labels.csv --batch 9", 2, "the inputs have 7 rows");
    write_npy("three.npy", DG_F64, (dg_shape){3, {3, 9, 3}});
    assert_refused("grad f --input x=three.npy --input t=labels.csv", 3, "has 7 rows");
}

/* One sample: the same row as in an array of one row. */
static void one_sample_needs_no_axis_of_rows(void **state)
{
    (void)state;
    write_npy("row.npy", DG_F64, (dg_shape){2, {1, 2}});
    write_npy("alone.npy", DG_F64, (dg_shape){1, {2}});
    assert_same("predict r --input x=row.npy", "predict r --input x=alone.npy");
    assert_same("grad m.dag --input x=row.npy", "grad m.dag --input x=alone.npy");
    write_npy("window.npy", DG_I32, (dg_shape){3, {1, 6, 3}});
    write_npy("bare.npy", DG_I32, (dg_shape){2, {6, 3}});
    write_npy("label.npy", DG_I32, (dg_shape){0, {0}});
    assert_same("predict f --input x=window.npy", "predict f --input x=bare.npy");
    assert_same("grad f --input x=window.npy --input t=label.npy",
                "grad f --input x=bare.npy --input t=label.npy");
    write_npy("wrong.npy", DG_I32, (dg_shape){2, {6, 4}});
    assert_refused("predict f --input x=wrong.npy", 3, "the data are [N, 4], the model says");
    assert_refused("predict r --input x=window.npy", 3, "the data are [N, 6, 3], the model says");
    assert_refused("grad f --input x=wrong.npy", 3, "the data are [N, 4], the model says");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_taken_by_name),
        cmocka_unit_test(a_missing_column_is_refused),
        cmocka_unit_test(columns_of_a_whole_table_have_names),
        cmocka_unit_test(columns_without_names_are_taken_by_number),
        cmocka_unit_test(rows_are_numbered_and_text_is_carried_along),
        cmocka_unit_test(any_type_is_taken),
        cmocka_unit_test(sizes_come_from_the_files),
        cmocka_unit_test(one_sample_needs_no_axis_of_rows),
    };
    return cmocka_run_group_tests(tests, set_up, cli_tear_down);
}
