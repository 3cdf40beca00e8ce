/* Training from C is the training of the program: the same weights and run directory; progress, a
 * stop, going on; batches that a caller fills. */
#include "base/text.h"
#include "cli/cli_tools.h"
#include "model/model_tools.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dagrad/run.h>
#include <math.h>

typedef struct watch {
    int refuses, begins, runs, steps, epochs, saved, remarks;
    uint64_t stop_at;
    volatile sig_atomic_t stop;
    double loss;
} watch;

static dg_status progress(void *user, const dg_training *now, dg_diag *why)
{
    if (now->step == 0 && ((watch *)user)->refuses)
        return dg_diag_set(why, DG_EFILE, "no room");
    watch *w = user;
    w->begins += now->event == DG_TRAIN_BEGINS && !now->run;
    w->runs += now->event == DG_TRAIN_RUN && now->run;
    w->steps += now->event == DG_TRAIN_STEP;
    w->epochs += now->event == DG_TRAIN_EPOCH;
    w->saved += now->event == DG_TRAIN_SAVED;
    w->loss = now->loss;
    if (now->event == DG_TRAIN_STEP && now->step == w->stop_at)
        w->stop = 1;
    return DG_OK;
}

static void remark(void *user, const char *line)
{
    watch *w = user;
    w->remarks += line[0] != 0;
}

static int set_up(void **state)
{
    (void)state;
    return !cli_enter() || model_digits();
}

static dg_model *open_with(dg_model_options o, const char *path)
{
    dg_diag why = {.code = DG_OK};
    o.size = sizeof o;
    dg_model *m = dg_model_open(path, &o);
    if (dg_model_status(m, &why) != DG_OK)
        fail_msg("%s: %s", path, why.text);
    return m;
}

/* The hash of a run's weights, by the program. */
static void assert_program_has(const char *run, const char *hash)
{
    char command[200];
    dg_format(command, sizeof command, "eval %s", run);
    assert_int_equal(cli_run(command), 0);
    char *out = cli_read("out", NULL);
    assert_non_null(strstr(out, hash));
    free(out);
}

static void weights_are_those_of_the_program(void **state)
{
    (void)state;
    watch w = {.stop_at = 0};
    dg_diag why;
    dg_train_result r = {.size = sizeof r};
    dg_model *m = open_with((dg_model_options){.data = 1}, "digits.dag");
    const dg_train_options o = {
        .size = sizeof o, .out = "mine", .threads = 1, .progress = progress, .user = &w};
    assert_int_equal(dg_train(m, &o, &r, &why), DG_OK);
    assert_true(w.begins == 1 && w.runs == 1 && w.steps == 60 && w.epochs == 2 && w.saved == 1);
    assert_string_equal(r.run, "mine");
    assert_string_equal(r.which, "last");
    assert_string_equal(r.part, "test");
    assert_true(r.step == 60 && r.steps == 60 && r.done == 60 && r.loss > 0 && r.loss < 2);
    assert_program_has("digits", r.hash);
    assert_program_has("mine", r.hash);
    dg_array pictures = model_pictures(), expected = model_program_says("digits", "logits");
    const int64_t rows = expected.shape.dim[0], first = pictures.shape.dim[0] - rows;
    dg_rows in = model_numbers("image", DG_U8, (dg_shape){4, {rows, 8, 8, 1}},
                               (uint8_t *)pictures.data + 64 * first);
    dg_tensor t; /* the model itself has learnt */
    assert_int_equal(dg_model_predict(m, 1, &in, "logits", &t, &why), DG_OK);
    assert_memory_equal(t.data, expected.data, expected.bytes);
    dg_array_free(&pictures);
    dg_array_free(&expected);
    assert_int_equal(dg_train(m, &o, &r, &why), DG_EUSAGE); /* out is there */
    assert_non_null(strstr(why.text, "is there already"));
    dg_model_free(m);
}

static void a_caller_refuses_before_the_first_step(void **state)
{
    (void)state;
    watch w = {.refuses = 1};
    dg_diag why;
    dg_train_result r = {.size = sizeof r};
    dg_model *m = open_with((dg_model_options){.data = 1}, "digits.dag");
    dg_train_options o = {.size = sizeof o, .out = "mine2", .progress = progress, .user = &w};
    assert_int_equal(dg_train(m, &o, &r, &why), DG_EFILE);
    assert_string_equal(why.text, "no room");
    w.refuses = 0;
    assert_int_equal(dg_train(m, &o, &r, &why), DG_OK); /* the folder is free again */
    dg_model_free(m);
}

static void a_run_is_stopped_and_goes_on(void **state)
{
    (void)state;
    watch w = {.stop_at = 17};
    dg_diag why;
    dg_train_result r = {.size = sizeof r};
    dg_train_options o = {
        .size = sizeof o, .out = "halves", .progress = progress, .stop = &w.stop, .user = &w};
    dg_model *m = open_with((dg_model_options){.data = 1, .log = remark, .user = &w}, "digits.dag");
    assert_int_equal(dg_train(m, &o, &r, &why), DG_ESTOP);
    assert_true(r.done == 17 && w.remarks == 1);
    dg_model_free(m);
    m = open_with((dg_model_options){.resume = "halves"}, "halves");
    dg_model *second = dg_model_open(
        "halves", &(dg_model_options){.size = sizeof(dg_model_options), .resume = "halves"});
    assert_int_equal(dg_model_status(second, &why), DG_EUSAGE); /* it is held */
    dg_model_free(second);
    assert_int_equal(dg_train(m, NULL, &r, &why), DG_OK);
    assert_int_equal(r.done, 43);
    assert_program_has("digits", r.hash);
    assert_int_equal(dg_train(m, NULL, &r, &why), DG_EUSAGE);
    dg_model_free(m);
    m = open_with((dg_model_options){.resume = "halves"}, "halves");
    assert_int_equal(dg_train(m, NULL, &r, &why), DG_OK); /* nothing is left to do */
    assert_int_equal(r.done, 0);
    assert_program_has("halves", r.hash);
    dg_model_free(m);
}

/* ---- Batches of one's own -------------------------------------------------------------------- */

static const char line_model[] = "input x[N, 1]\ntarget y[N, 1]\np = linear(x, 1)\noutput p\n"
                                 "loss mse(y, p)\nmetric mae(y, p)\n"
                                 "train { optimizer = sgd(rate=0.1); batch = 6; epochs = 40 }\n";

/* y = 2 x + 1 at 16 places; each row once an epoch. */
static dg_status fill(void *user, const dg_fill_batch *b, dg_diag *why)
{
    int *seen = user;
    if (b->n_parts != 2 || strcmp(b->names[0], "x") != 0 || b->parts[1].shape.dim[0] != b->n)
        return dg_diag_set(why, DG_EUSAGE, "another model");
    for (int64_t i = 0; i < b->n; i++) {
        const float x = (float)b->row[i] / 8 - 1;
        ((float *)b->parts[0].data)[i] = x;
        ((float *)b->parts[1].data)[i] = 2 * x + 1;
        seen[b->row[i]]++;
    }
    return seen[16] && b->step == 3 ? dg_diag_set(why, DG_EFILE, "the line is dead") : DG_OK;
}

static void a_caller_fills_the_batches(void **state)
{
    (void)state;
    int seen[17] = {0};
    dg_diag why;
    dg_train_result r = {.size = sizeof r};
    dg_train_options o = {.size = sizeof o, .out = "line", .rows = 16, .fill = fill, .user = seen};
    dg_model *m = dg_model_parse("line.dag", line_model, NULL);
    assert_int_equal(dg_train(m, &o, &r, &why), DG_OK);
    for (int i = 0; i < 16; i++)
        assert_int_equal(seen[i], 40);
    assert_true(r.loss < 1e-4 && r.n_metrics == 1 && r.metrics[0] < 1e-2);
    assert_string_equal(r.names[0], "mae");
    assert_string_equal(r.part, "training");
    const float x = 0.5f;
    dg_rows in = model_numbers("x", DG_F32, (dg_shape){2, {1, 1}}, &x);
    dg_tensor t;
    assert_int_equal(dg_model_predict(m, 1, &in, "p", &t, &why), DG_OK);
    assert_true(fabsf(*(float *)t.data - 2) < 0.01f);
    dg_model_free(m);
    dg_model *again = model_open("line");
    assert_int_equal(dg_model_predict(again, 1, &in, "p", &t, &why), DG_OK);
    assert_true(fabsf(*(float *)t.data - 2) < 0.01f);
    dg_model_free(again);
}

static void a_fill_that_fails_ends_it(void **state)
{
    (void)state;
    int seen[17] = {[16] = 1};
    dg_diag why;
    dg_train_result r = {.size = sizeof r};
    dg_train_options o = {.size = sizeof o, .out = "dead", .rows = 16, .fill = fill, .user = seen};
    dg_model *m = dg_model_parse("line.dag", line_model, NULL);
    assert_int_equal(dg_train(m, &o, &r, &why), DG_EFILE);
    assert_string_equal(why.text, "the line is dead");
    assert_int_equal(r.done, 3);
    o.rows = 0;
    assert_int_equal(dg_train(m, &o, &r, &why), DG_EUSAGE);
    o.fill = NULL;
    assert_int_equal(dg_train(m, &o, &r, &why), DG_EUSAGE); /* opened without its data */
    dg_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_those_of_the_program),
        cmocka_unit_test(a_caller_refuses_before_the_first_step),
        cmocka_unit_test(a_run_is_stopped_and_goes_on),
        cmocka_unit_test(a_caller_fills_the_batches),
        cmocka_unit_test(a_fill_that_fails_ends_it),
    };
    return cmocka_run_group_tests(tests, set_up, cli_tear_down);
}
