/* One hash of the weights for any number of threads and every instruction set, over the examples
 * digits, two and deep100, each optimizer and each schedule, with a smaller last batch. The hashes
 * go to hashes.txt of the build: those of gcc and of clang must be the same. */
#include "base/philox.h"
#include "io/formats.h"
#include "ops/isa.h"
#include "train/trainer.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#ifdef DG_SANITIZED
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

static char folder[] = "/tmp/dagrad-hash-XXXXXX";

/* A net on few digits: three steps an epoch, the last one of 22 rows. */
static const char small[] =
    "input image[N, 8, 8, 1]\n"
    "target label[N] int\n"
    "z = reshape(image, [N, 64]) | linear(19) | tanh | linear(13) | sigmoid\n"
    "logits = linear(z, 10)\n"
    "output logits\n"
    "loss softmax_cross_entropy(label, logits)\n"
    "data train(part=[0, 0.048], shuffle=3) { image = digits(\"image\") | scale(1/16); "
    "label = digits(\"label\") }\n"
    "train { batch = 32; epochs = 5 }\n";

typedef struct job {
    const char *name, *file, *set[4];
    int n_set;
} job;

static const job jobs[] = {
    {"digits", "digits.dag", {"epochs=1"}, 1},
    {"deep100", "deep100.dag", {"steps=8"}, 1},
    {"two", "two.dag", {"epochs=2"}, 1},
    {"gd", NULL, {"optimizer=gd(rate=0.1)"}, 1},
    {"sgd", NULL, {"optimizer=sgd(rate=0.1, momentum=0.9, decay=1e-3)"}, 1},
    {"nesterov", NULL, {"optimizer=sgd(rate=0.1, momentum=0.9, nesterov=true)"}, 1},
    {"adam", NULL, {"optimizer=adam(rate=1e-2)"}, 1},
    {"adamw", NULL, {"optimizer=adamw(rate=1e-2, decay=0.1)"}, 1},
    {"rmsprop", NULL, {"optimizer=rmsprop(rate=1e-2)"}, 1},
    {"step", NULL, {"optimizer=adam(rate=1e-2)", "schedule=step(every=4, factor=0.5)"}, 2},
    {"cosine", NULL, {"optimizer=adam(rate=1e-2)", "schedule=cosine(warmup=3)", "clip=0.5"}, 3},
    {"linear", NULL, {"optimizer=adam(rate=1e-2)", "schedule=linear(warmup=2, final=1e-4)"}, 2},
    {"f64", NULL, {"optimizer=adam(rate=1e-2)", "precision=f64"}, 2},
};

static void write_array(const char *name, dg_type type, int64_t rows, int64_t width)
{
    char path[256];
    dg_tensor t = {type, {width ? 2 : 1, {rows, width}}, NULL, 0};
    int64_t n = dg_shape_count(&t.shape);
    t.bytes = (size_t)n * 4;
    t.data = malloc(t.bytes);
    for (int64_t i = 0; i < n; i++) {
        double x = dg_uniform(7, dg_stream_name(name), (uint64_t)i);
        if (type == DG_I32)
            ((int32_t *)t.data)[i] = (int32_t)(5 * x);
        else
            ((float *)t.data)[i] = (float)(2 * x - 1);
    }
    dg_writer *w;
    dg_diag why = {.code = DG_OK};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    dg_writer_open(&w, path, &why);
    assert_int_equal(dg_writer_end(w, dg_npy_write(w, &t)), DG_OK);
    free(t.data);
}

static int make_data(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    write_array("two-y1.npy", DG_F32, 130, 20);
    write_array("two-y2.npy", DG_F32, 130, 20);
    write_array("two-x1.npy", DG_F32, 130, 4);
    write_array("two-x2.npy", DG_I32, 130, 0);
    return 0;
}

static int drop_data(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static void check(dg_status s, const job *j, const dg_diag *why)
{
    if (s != DG_OK)
        fail_msg("%s: %s: %s", j->name, why->node, why->text);
}

static void run(const job *j, const char *isa, int threads, char hash[17])
{
    char path[512];
    const char *dirs[] = {folder};
    dg_diag why = {.code = DG_OK};
    snprintf(path, sizeof path, "%s/examples/%s", getenv("DAGRAD_SOURCE"), j->file ? j->file : "");
    dg_experiment_options o = {.path = j->file ? path : "small.dag",
                               .text = j->file ? NULL : small,
                               .set = j->set,
                               .n_set = j->n_set,
                               .dirs = dirs,
                               .n_dirs = 1};
    setenv("DAGRAD_ISA", isa, 1);
    dg_experiment *e = dg_experiment_open(&o);
    if (dg_experiment_status(e) != DG_OK) {
        dg_text text = dg_text_make(NULL);
        dg_diags_text(&e->model->diags, &text, false);
        fail_msg("%s", text.data);
    }
    dg_trainer t;
    check(dg_trainer_make(&t, e, threads, NULL, &why), j, &why);
    while (t.progress.step < t.steps)
        check(dg_trainer_step(&t, 0, &why), j, &why);
    dg_graph_hash(e->model->graph, hash);
    dg_trainer_free(&t);
    dg_experiment_free(e);
}

static void keep(const char *name, const char *hash)
{
    char path[512];
    snprintf(path, sizeof path, "%s/hashes.txt", getenv("DAGRAD_BUILD"));
    FILE *f = fopen(path, "a");
    assert_non_null(f);
    fprintf(f, "%s %s\n", name, hash);
    fclose(f);
}

static void one_hash(void **state)
{
    (void)state;
    static const char *const all[] = {"x86-64-v4", "x86-64-v3", "portable"};
    static const int threads[] = {1, 2, 3, 8};
    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++) {
        char first[17] = "", hash[17];
        int runs = 0;
        for (int k = 0; k < 3; k++) {
            dg_diag why = {.code = DG_OK};
            if (k == 1 && SANITIZED && dg_isa_v4())
                continue; /* between the two others: the same code */
            if (!dg_isa_choose(all[k], &why)) {
                print_message("SKIPPED: this processor lacks %s\n", all[k]);
                continue;
            }
            /* the portable path is slow: it gets the numbers of threads 1 and 3 on small jobs */
            for (int n = 0; n < 4; n += k == 2 ? (jobs[i].file ? 4 : 2) : 1, runs++) {
                run(&jobs[i], all[k], threads[n], hash);
                if (!*first)
                    memcpy(first, hash, sizeof first);
                if (strcmp(first, hash) != 0)
                    fail_msg("%s: %s with %d threads gives %s, not %s", jobs[i].name, all[k],
                             threads[n], hash, first);
            }
        }
        print_message("%-9s %s  (%d runs)\n", jobs[i].name, first, runs);
        keep(jobs[i].name, first);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_hash)};
    return cmocka_run_group_tests(tests, make_data, drop_data);
}
