/* Aligned memory over a host's functions, and the arena. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/arena.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A host that gives odd addresses (multiples of 16, never of 64) and fails after `left` calls. */
typedef struct {
    int left, held;
} host;

static void *give(void *user, size_t n)
{
    host *h = user;
    if (h->left-- <= 0)
        return NULL;
    char *p = aligned_alloc(64, (n + 16 + 63) / 64 * 64);
    if (!p)
        return NULL;
    h->held++;
    return p + 16;
}

static void take(void *user, void *p)
{
    ((host *)user)->held--;
    free((char *)p - 16);
}

static void is_aligned_and_counted(void **state)
{
    (void)state;
    host h = {.left = 100};
    dg_memory m = {.user = &h, .alloc = give, .free = take};
    void *p[40];
    size_t sum = 0;
    for (size_t i = 0; i < 40; i++) {
        p[i] = dg_memory_alloc(&m, i * 7);
        assert_non_null(p[i]);
        assert_int_equal((uintptr_t)p[i] % 64, 0);
        memset(p[i], (int)i, i * 7);
        sum += i * 7;
    }
    assert_int_equal(m.bytes, sum);
    assert_int_equal(m.allocs, 40);
    for (size_t i = 0; i < 40; i++) {
        for (size_t k = 0; k < i * 7; k++)
            assert_int_equal(((unsigned char *)p[i])[k], i);
        dg_memory_free(&m, p[i]);
    }
    dg_memory_free(&m, NULL);
    assert_int_equal(m.bytes, 0);
    assert_int_equal(m.peak, sum);
    assert_int_equal(m.frees, 40);
    assert_int_equal(h.held, 0);
}

static void says_when_there_is_none(void **state)
{
    (void)state;
    host h = {.left = 1};
    dg_memory m = {.user = &h, .alloc = give, .free = take};
    assert_null(dg_memory_alloc(&m, SIZE_MAX));
    assert_null(dg_memory_alloc(&m, SIZE_MAX - 64));
    void *p = dg_memory_alloc(&m, 5);
    assert_non_null(p);
    assert_null(dg_memory_alloc(&m, 5));
    assert_int_equal(m.allocs, 1);
    dg_memory_free(&m, p);
    char *zero = dg_memory_zeroed(NULL, 100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(zero[i], 0);
    dg_memory_free(NULL, zero);
}

static void arena_pieces_are_zero_and_apart(void **state)
{
    (void)state;
    host h = {.left = 1000};
    dg_memory m = {.user = &h, .alloc = give, .free = take};
    dg_arena a = dg_arena_make(&m);
    unsigned char *p[500];
    for (size_t i = 0; i < 500; i++) {
        p[i] = dg_arena_alloc(&a, i);
        assert_non_null(p[i]);
        assert_int_equal((uintptr_t)p[i] % 16, 0);
        for (size_t k = 0; k < i; k++)
            assert_int_equal(p[i][k], 0);
        memset(p[i], (int)(i % 255 + 1), i);
    }
    for (size_t i = 0; i < 500; i++)
        for (size_t k = 0; k < i; k++)
            assert_int_equal(p[i][k], i % 255 + 1);
    assert_non_null(dg_arena_alloc(&a, 5 << 20)); /* more than the largest block */
    assert_true(m.allocs < 20);
    dg_arena_free(&a);
    assert_int_equal(h.held, 0);
    assert_int_equal(m.bytes, 0);
    assert_non_null(dg_arena_alloc(&a, 1)); /* as new */
    dg_arena_free(&a);
    dg_arena_free(&a);
}

static void arena_copies_strings(void **state)
{
    (void)state;
    dg_arena a = dg_arena_make(NULL);
    assert_string_equal(dg_arena_copy_string(&a, "theta"), "theta");
    assert_string_equal(dg_arena_copy_string(&a, ""), "");
    assert_string_equal(dg_arena_copy_bytes(&a, "theta", 2), "th");
    assert_string_equal(dg_arena_copy_bytes(&a, NULL, 0), "");
    int *n = dg_arena_array(&a, 3, sizeof *n);
    assert_true(n && n[0] == 0 && n[2] == 0);
    assert_null(dg_arena_array(&a, SIZE_MAX / 2, 3));
    assert_null(dg_arena_alloc(&a, SIZE_MAX));
    assert_null(dg_arena_alloc(&a, SIZE_MAX - 15));
    dg_arena_free(&a);
}

static void arena_survives_failure(void **state)
{
    (void)state;
    host h = {.left = 1};
    dg_memory m = {.user = &h, .alloc = give, .free = take};
    dg_arena a = dg_arena_make(&m);
    char *kept = dg_arena_copy_string(&a, "kept");
    assert_null(dg_arena_alloc(&a, 1 << 16));
    assert_non_null(dg_arena_alloc(&a, 8)); /* there was room for that */
    assert_string_equal(kept, "kept");
    dg_arena_free(&a);
    assert_int_equal(h.held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_aligned_and_counted),
        cmocka_unit_test(says_when_there_is_none),
        cmocka_unit_test(arena_pieces_are_zero_and_apart),
        cmocka_unit_test(arena_copies_strings),
        cmocka_unit_test(arena_survives_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
