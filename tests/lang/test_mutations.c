/* The fuzzer's check on the cases with small changes: bytes lost, doubled, moved, other signs. The
 * changes are the same in each run. */
#include "lang/fuzz.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROOM = 1 << 13, EACH = 24 };

static uint32_t draw(uint64_t *s, uint32_t below)
{
    *s = *s * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((*s >> 33) % below);
}

/* One change of the n bytes of text; returns their number. */
static size_t change(char *text, size_t n, uint64_t *s)
{
    static const char signs[] = "=()[]{},;|+-*/^\"#\n .0:\\\001\300";
    size_t at = draw(s, (uint32_t)n), length = 1 + draw(s, 12);
    if (at + length > n)
        length = n - at;
    switch (draw(s, 4)) {
    case 0: /* a sign for another */
        text[at] = signs[draw(s, sizeof signs - 1)];
        return n;
    case 1: /* some bytes lost */
        memmove(text + at, text + at + length, n - at - length);
        return n - length;
    case 2: /* some bytes twice */
        if (n + length >= ROOM)
            return n;
        memmove(text + at + length, text + at, n - at);
        return n + length;
    default: /* bytes of another place */
        memmove(text + at, text + draw(s, (uint32_t)(n - length + 1)), length);
        return n;
    }
}

static void mutate(const char *path, uint64_t *seed)
{
    char whole[ROOM], text[ROOM];
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t size = fread(whole, 1, sizeof whole, f);
    fclose(f);
    for (int i = 0; i < EACH && size > 0; i++) {
        size_t n = size;
        memcpy(text, whole, size);
        for (uint32_t k = 1 + draw(seed, 4); k > 0 && n > 1; k--)
            n = change(text, n, seed);
        dg_fuzz_lang(text, n);
    }
}

static void changed_models(void **state)
{
    (void)state;
    const char *source = getenv("DAGRAD_SOURCE");
    char pattern[1024];
    uint64_t seed = 1;
    glob_t g;
    snprintf(pattern, sizeof pattern, "%s/tests/lang/cases/*.dag", source ? source : ".");
    assert_int_equal(glob(pattern, 0, NULL, &g), 0);
    assert_true(g.gl_pathc >= 40);
    for (size_t i = 0; i < g.gl_pathc; i++)
        mutate(g.gl_pathv[i], &seed);
    globfree(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(changed_models)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
