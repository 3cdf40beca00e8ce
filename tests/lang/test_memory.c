/* A model read with every allocation failing in turn: out of memory is a status, nothing is lost or
 * left behind, and with enough memory the result is whole. */
#include "lang/dump.h"
#include "lang/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    int left;  /* allocations that still succeed; -1: all */
    int alive; /* pieces that were not given back */
} supply;

static void *alloc_some(void *user, size_t bytes)
{
    supply *s = user;
    if (s->left == 0)
        return NULL;
    s->left -= s->left > 0;
    void *p = malloc(bytes);
    s->alive += p != NULL;
    return p;
}

static void free_some(void *user, void *p)
{
    ((supply *)user)->alive--;
    free(p);
}

static const char model[] =
    "# a model with something of everything\n"
    "let width = 4\n"
    "input  x[N, 3]\n"
    "target t[N, 2]\n"
    "constant c[1] = [2]\n"
    "def layer(x, units) { return linear(x, units, init=normal(0.1)) | relu }\n"
    "z = layer(x, width) * c\n"
    "repeat 3 { z = layer(z, width) + z^2 }\n"
    "z = linear(z, 2)\n"
    "output z\n"
    "loss   mse(t, z), 0.5 * mae(t, z)\n"
    "metric mse(t, z)\n"
    "data train(part=[0, 0.5]) { x = csv(\"x.csv\", columns=[\"a\", \"b\"]) | scale(2); t = "
    "npy(\"t.npy\") }\n"
    "train { optimizer = sgd(rate=0.1); batch = 3 }\n";

static const char wrong[] =
    "input x[N, 3]\nz = liner(x, 4)\ny = conv(x, 3, kernal=3)\nu = x + x x\n"
    "w = x - linear(x, 2)\ntrain { bach = 3 }\n";

/* Loads with that many allocations; true if it was enough. */
static bool load(const char *text, int allocations, dg_status expected, const char *const *set,
                 int n_set)
{
    supply s = {.left = allocations};
    dg_host host = {.size = sizeof host, .user = &s, .alloc = alloc_some, .free = free_some};
    dg_dag_options o = {.path = "m.dag",
                        .text = text,
                        .set = set,
                        .n_set = n_set,
                        .vocabulary = &dg_test_words,
                        .host = &host};
    dg_dag *m = dg_dag_load(&o, DG_F64, NULL, 0);
    dg_status status = m ? dg_diags_status(&m->diags) : DG_EMEMORY;
    if (status != DG_EMEMORY)
        assert_int_equal(status, expected);
    dg_dag_free(m);
    assert_int_equal(s.alive, 0);
    return status != DG_EMEMORY;
}

static void every_allocation_fails(void **state)
{
    (void)state;
    const char *const set[] = {"width=5", "optimizer.rate=0.2"};
    int n = 0, k = 0;
    while (!load(model, n, DG_OK, set, 2))
        n++;
    while (!load(wrong, k, DG_EMODEL, NULL, 0))
        k++;
    assert_true(n > 10);
    assert_true(k > 10);
    assert_true(load(model, -1, DG_OK, set, 2));
}

/* The message of a lost diagnostic is not a wrong one: the status is out of memory. */
static void nothing_is_said_to_be_right(void **state)
{
    (void)state;
    for (int n = 0; n < 200; n += 3) {
        supply s = {.left = n};
        dg_memory memory = {.user = &s, .alloc = alloc_some, .free = free_some};
        dg_diags d = dg_diags_make(&memory, NULL);
        for (int i = 0; i < 30; i++)
            dg_diags_at(&d, (dg_span){0, 0}, NULL, "fits", "%d %200d", i, i);
        assert_true(d.failed ? dg_diags_status(&d) == DG_EMEMORY : d.n == 30);
        dg_diags_free(&d);
        assert_int_equal(s.alive, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_fails),
                                       cmocka_unit_test(nothing_is_said_to_be_right)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
