/* Out of memory, as a loop: the host's allocator fails at call N (once, or from there on), for N =
 * 1, 2, ... until the whole work is done. Each time the status is DG_EMEMORY and all memory is
 * given back.
 */
#include "graph/toys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

typedef struct {
    long calls, fail_at; /* fail_at 0: never */
    int for_ever;
    long held; /* pieces not given back */
} heap;

static void *take(void *user, size_t bytes)
{
    heap *h = user;
    h->calls++;
    if (h->fail_at > 0 && (h->for_ever ? h->calls >= h->fail_at : h->calls == h->fail_at))
        return NULL;
    h->held++;
    return malloc(bytes);
}

static void give(void *user, void *memory)
{
    ((heap *)user)->held--;
    free(memory);
}

static void build(dg_graph *g)
{
    toys_add(g);
    dg_value x = dg_input(g, "x", DG_F32, shape2(DG_N, 20)), z = x;
    double data[6] = {1, 2, 3, 4, 5, 6};
    dg_constant(g, "c", (dg_tensor){DG_F64, shape2(2, 3), data, sizeof data});
    dg_number(g, 0.5);
    dg_state(g, "count", shape1(1), "zeros");
    for (int i = 0; i < 40; i++)
        z = toys_dense(g, NULL, z, 30);
    dg_attr init[] = {{.name = "units", .count = 1, .number = data},
                      {.name = "init", .word = "orthogonal(2)"}};
    dg_value y = dg_apply(g, "dense", "last", 1, &z, 2, init);
    dg_attr n[] = {{.name = "n", .count = 1, .number = data + 5},
                   {.name = "label", .word = "a text that is copied"}};
    for (int i = 0; i < 30; i++)
        dg_apply(g, "parts", NULL, 1, &z, 2, n);
    dg_apply(g, "join", NULL, 3, (dg_value[]){z, y, z}, 0, NULL);
    for (int i = 0; i < 20; i++) {
        dg_output(g, NULL, z);
        dg_loss(g, NULL, y, 1);
    }
}

/* The whole work; the first status that is not DG_OK. */
static dg_status work(heap *h)
{
    dg_host host = {.size = sizeof host, .user = h, .alloc = take, .free = give};
    char hash[17];
    float one[30] = {0};
    dg_tensor t = {DG_F32, shape1(30), one, sizeof one};
    dg_graph *g = dg_graph_new(&host, DG_F32);
    if (!g)
        return DG_EMEMORY;
    build(g);
    dg_status s = dg_graph_status(g, NULL);
    if (s == DG_OK)
        s = dg_graph_set(g, dg_value_find(g, "dense7.bias"), &t, NULL);
    if (s == DG_OK)
        s = dg_graph_init(g, 1);
    if (s == DG_OK)
        s = dg_graph_hash(g, hash);
    dg_graph_free(g);
    return s;
}

static void run(int for_ever)
{
    dg_status s = DG_EMEMORY;
    long n;
    for (n = 1; s != DG_OK; n++) {
        heap h = {.fail_at = n, .for_ever = for_ever};
        s = work(&h);
        assert_true(s == DG_OK || s == DG_EMEMORY);
        assert_int_equal(h.held, 0);
        assert_int_equal(s == DG_OK, h.calls < n); /* done only where nothing failed */
    }
    assert_true(n > 100); /* the loop did see the work's allocations */
}

static void test_fail_once(void **state)
{
    (void)state;
    run(0);
}

static void test_fail_for_ever(void **state)
{
    (void)state;
    run(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fail_once),
                                       cmocka_unit_test(test_fail_for_ever)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
