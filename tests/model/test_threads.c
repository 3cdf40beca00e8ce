/* Eight threads predict from one model, each with a predictor of its own, and have the bits of
 * `dagrad predict`. The thread sanitizer sees it. */
#include "cli/cli_tools.h"
#include "model/model_tools.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

enum { THREADS = 8 };

typedef struct worker {
    dg_model *m;
    const dg_array *all, *expected;
    int k;
    dg_status s;
} worker;

static void *work(void *arg)
{
    worker *w = arg;
    dg_predictor *p = dg_predictor_new(
        w->m, &(dg_predictor_options){.size = sizeof(dg_predictor_options), .threads = 1});
    const int64_t rows = w->expected->shape.dim[0], first = w->all->shape.dim[0] - rows;
    w->s = p ? DG_OK : DG_EMEMORY;
    for (int64_t at = w->k; w->s == DG_OK && at + 20 < rows; at += 19) {
        dg_tensor t;
        const int64_t n = 1 + at % 20;
        dg_rows in = model_numbers("image", DG_U8, (dg_shape){4, {n, 8, 8, 1}},
                                   (uint8_t *)w->all->data + 64 * (first + at));
        w->s = dg_predict(p, 1, &in, NULL);
        if (w->s == DG_OK)
            w->s = dg_predicted(p, "logits", &t);
        if (w->s == DG_OK && memcmp(t.data, (float *)w->expected->data + 10 * at, t.bytes) != 0)
            w->s = DG_EINTERNAL;
    }
    dg_predictor_free(p);
    return NULL;
}

static void threads_share_a_model(void **state)
{
    (void)state;
    dg_model *m = model_open("digits");
    dg_array all = model_pictures(), expected = model_program_says("digits", "logits");
    pthread_t thread[THREADS];
    worker w[THREADS];
    for (int k = 0; k < THREADS; k++) {
        w[k] = (worker){m, &all, &expected, k, DG_OK};
        assert_int_equal(pthread_create(&thread[k], NULL, work, &w[k]), 0);
    }
    for (int k = 0; k < THREADS; k++) {
        pthread_join(thread[k], NULL);
        assert_int_equal(w[k].s, DG_OK);
    }
    dg_array_free(&all);
    dg_array_free(&expected);
    dg_model_free(m);
}

static int set_up(void **state)
{
    (void)state;
    return !cli_enter() || model_digits();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_share_a_model),
    };
    return cmocka_run_group_tests(tests, set_up, cli_tear_down);
}
