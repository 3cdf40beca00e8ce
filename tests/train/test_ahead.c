/* Batches read ahead: the same weights as without, at any number of threads, after every resume;
 * failures are told when they are due, and as if one thread had read. */
#include "train/ahead.h"
#include "cli/cli_tools.h"
#include "io/io_tools.h"
#include "io/pictures.h"
#include "train/run_tools.h"
#include "train/trainer.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Two columns of one folder, and chance in each of them. */
static const char text[] =
    "let memory = 0\n"
    "input image[N, 8, 8, 1]\n"
    "input clean[N, 8, 8, 1]\n"
    "target label[N] int\n"
    "z = flatten(image) | linear(3) | tanh\n"
    "logits = concat(z, flatten(clean)) | dropout(0.2) | linear(2)\n"
    "output logits\n"
    "loss softmax_cross_entropy(label, logits)\n"
    "data train {\n"
    "    image, label = images(\"p\", size=[9, 9], channels=1, memory=memory)\n"
    "    clean = images(\"p\", size=[9, 9], channels=1, memory=memory) | crop_random(8, 8) | flip\n"
    "    image | crop_random(8, 8) | flip | noise(2) | scale(1/255)\n"
    "}\n"
    "train { optimizer = adam(rate=1e-3); batch = 4; split = 0.25; epochs = 5; save_every = 3 }\n";

/* Arrays that are slow enough for threads: noise. */
static const char noise_text[] = "input x[N, 3000]\n"
                                 "y = linear(x, 2) | linear(3000)\n"
                                 "output y\n"
                                 "loss mse(x, y)\n"
                                 "data train { x = npy(\"x.npy\") | noise(0.1) }\n"
                                 "train { optimizer = sgd(rate=1e-3); batch = 5; epochs = 4 }\n";

static int set_up(void **state)
{
    (void)state;
    if (!run_enter())
        return -1;
    cli_write("m.dag", text, sizeof text - 1);
    cli_write("noise.dag", noise_text, sizeof noise_text - 1);
    io_two_classes("p");
    io_two_classes("q");
    dg_text npy = dg_text_make(NULL);
    io_npy(1, "{'descr': '|u1', 'fortran_order': False, 'shape': (12, 3000)}", NULL, 36000, &npy);
    cli_write("x.npy", npy.data, npy.length);
    dg_text_free(&npy);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    run_leave();
    return 0;
}

/* The hash that `dagrad train ARGUMENTS` ends with. */
static void hash_of(const char *arguments, char hash[17])
{
    char command[200];
    dg_format(command, sizeof command, "train %s --quiet", arguments);
    if (cli_run(command) != 0)
        fail_msg("%s: %s", command, cli_read("err", NULL));
    char *out = cli_read("out", NULL);
    assert_int_equal(sscanf(out, "weights %16s", hash), 1);
    free(out);
}

static void same_weights(void **state)
{
    (void)state;
    char expected[17], hash[17], arguments[200];
    hash_of("m.dag --out kept --threads 1 --set memory=64", expected);
    for (int threads = 1; threads <= 3; threads++)
        for (int half = 0; half < 2; half++) {
            dg_format(arguments, sizeof arguments, "m.dag --out r%d%d --threads %d%s", threads,
                      half, threads, half ? " --epochs 2" : "");
            hash_of(arguments, hash);
            dg_format(arguments, sizeof arguments, "--resume r%d%d --threads %d --epochs 5",
                      threads, half, 4 - threads);
            if (half)
                hash_of(arguments, hash);
            assert_string_equal(hash, expected);
        }
}

/* ---- Batches by hand ------------------------------------------------------------------------- */

enum { MOST = 5 };

typedef struct {
    dg_experiment *e;
    dg_dataset *d;
    dg_program *p;
    dg_ahead *ahead;
} bench;

static bench make_bench(const char *path)
{
    dg_diag why = {0};
    bench b = {.e = dg_experiment_open(&(dg_experiment_options){.path = path})};
    assert_int_equal(dg_experiment_status(b.e), DG_OK);
    b.d = b.e->part[DG_TRAIN_PART].data;
    dg_options o = dg_program_options(b.e, DG_RUN_INFER, MOST);
    o.last = 2;
    b.p = dg_compile(b.e->model->graph, &o);
    assert_int_equal(dg_ahead_make(&b.ahead, b.e, b.d, MOST, 1, &why), DG_OK);
    return b;
}

static void free_bench(bench *b)
{
    dg_ahead_free(b->ahead);
    dg_program_free(b->p);
    dg_experiment_free(b->e);
}

/* What the program was given is what one thread reads. */
static void check_rows(const bench *b, const int64_t rows[], int64_t n, dg_reading how)
{
    dg_diag why = {0};
    for (int k = 0; k < b->e->model->n_ports; k++) {
        const dg_port *port = &b->e->model->ports[k];
        dg_tensor t;
        dg_column *c = dg_dataset_find(b->d, port->name);
        assert_int_equal(dg_experiment_port(b->e, port, c, n, &t, &why), DG_OK);
        void *expected = malloc(t.bytes);
        t.data = malloc(t.bytes);
        assert_int_equal(dg_column_read(c, rows, n, how, t.type, expected, &why), DG_OK);
        assert_int_equal(dg_get(b->p, port->value, DG_VALUE, &t), DG_OK);
        assert_memory_equal(t.data, expected, t.bytes);
        free(expected);
        free(t.data);
    }
}

static void rows_by_value(const char *path)
{
    bench b = make_bench(path);
    dg_diag why = {0};
    const int64_t rows[4][MOST] = {{3, 1, 11, 7, 0}, {2, 2}, {9, 8, 7, 6, 5}, {4, 3, 2, 1, 10}};
    for (int i = 0; i < 40; i++) {
        const int64_t *now = rows[i % 4], *next = rows[(i + 1) % 4];
        const dg_reading how = {1, 5, (uint64_t)i / 4}, then = {1, 5, (uint64_t)(i + 1) / 4};
        const int64_t n = i % 4 == 1 ? 2 : MOST;
        assert_int_equal(dg_ahead_take(b.ahead, b.p, now, n, how, &why), DG_OK);
        if (i % 7) /* not wanted, wanted, in another epoch, others wanted first */
            dg_ahead_want(b.ahead, next, i % 4 == 0 ? 2 : MOST, i % 5 ? then : how);
        if (i % 3 == 0)
            dg_ahead_want(b.ahead, rows[0], MOST, then);
        const dg_batch batch = {.size = sizeof batch, .rows = n};
        assert_int_equal(dg_forward(b.p, &batch), DG_OK);
        check_rows(&b, now, n, how);
    }
    free_bench(&b);
}

static void same_rows(void **state)
{
    (void)state;
    rows_by_value("m.dag");
    rows_by_value("noise.dag");
}

/* ---- Failures -------------------------------------------------------------------------------- */

static const char two_text[] = "input x[N, 4, 4, 1]\n"
                               "input y[N, 4, 4, 1]\n"
                               "z = flatten(x + y) | linear(1)\n"
                               "output z\n"
                               "loss mse(z, z)\n"
                               "data train {\n"
                               "    x = images(\"p\", size=[4, 4], channels=1, memory=0)\n"
                               "    y = images(\"q\", size=[4, 4], channels=1, memory=0)\n"
                               "}\n"
                               "train { optimizer = sgd(rate=1e-3); batch = 5 }\n";

static dg_status take(const bench *b, const int64_t rows[], int64_t n, int wanted, dg_diag *why)
{
    *why = (dg_diag){.code = DG_OK};
    if (wanted)
        dg_ahead_want(b->ahead, rows, n, (dg_reading){0});
    return dg_ahead_take(b->ahead, b->p, rows, n, (dg_reading){0}, why);
}

static void first_failure(void **state)
{
    (void)state;
    const int64_t both[MOST] = {0, 3, 1, 4, 2}, second[MOST] = {3, 0, 1, 5, 6}, good[] = {7, 0};
    dg_diag why, alone = {.code = DG_OK};
    float x[16 * MOST];
    cli_write("two.dag", two_text, sizeof two_text - 1);
    bench b = make_bench("two.dag");
    assert_int_equal(remove("p/a/2.png") | remove("p/a/6.png"), 0); /* rows 2 and 4 of x */
    assert_int_equal(remove("q/a/4.png"), 0);                       /* row 3 of y */
    dg_column_read(dg_dataset_find(b.d, "x"), both, MOST, (dg_reading){0}, DG_F32, x, &alone);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(take(&b, both, MOST, i % 2, &why), DG_EDATA);
        assert_string_equal(strstr(why.file, "p/a/"), "p/a/6.png");
        assert_string_equal(why.file, alone.file);
        assert_string_equal(why.text, alone.text);
        assert_string_equal(why.node, "x");
        assert_int_equal(take(&b, second, MOST, i % 2, &why), DG_EDATA);
        assert_string_equal(strstr(why.file, "q/a/"), "q/a/4.png");
        dg_ahead_want(b.ahead, both, MOST, (dg_reading){0});
        assert_int_equal(take(&b, good, 2, 0, &why), DG_OK);
    }
    free_bench(&b);
    io_two_classes("p");
    io_two_classes("q");
}

static bool has(const dg_trainer *t, const char *name)
{
    bool found = false;
    for (int64_t i = 0; i < t->batch; i++)
        found |= strstr(dg_dataset_row_name(t->e->part[DG_TRAIN_PART].data, t->row[i]), name) != 0;
    return found;
}

/* A picture that is gone is told at the step that has it, not at the one before. */
static void told_when_due(void **state)
{
    (void)state;
    const char *const set[] = {"batch=1", "split=0", "epochs=2"};
    dg_diag why = {.code = DG_OK};
    dg_trainer t;
    dg_experiment *e =
        dg_experiment_open(&(dg_experiment_options){.path = "m.dag", .set = set, .n_set = 3});
    assert_int_equal(dg_experiment_status(e), DG_OK);
    assert_int_equal(dg_trainer_make(&t, e, 1, NULL, &why), DG_OK);
    assert_int_equal(remove("p/b/3.png"), 0);
    while (dg_trainer_step(&t, 0, &why) == DG_OK)
        assert_false(has(&t, "b/3.png"));
    assert_int_equal(why.code, DG_EDATA);
    assert_true(has(&t, "b/3.png"));
    assert_in_range(t.progress.step, 0, 11);
    dg_trainer_free(&t);
    dg_experiment_free(e);
    io_two_classes("p");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_weights),
        cmocka_unit_test(same_rows),
        cmocka_unit_test(first_failure),
        cmocka_unit_test(told_when_due),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
