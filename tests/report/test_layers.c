/* The sentences of a report about error vectors: where they vanish, where they explode, and that a
 * result which nothing reads is no layer that vanishes. */
#include "report/sections.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

typedef struct layers_case {
    double x[4]; /* of a, b, c, and of the loss */
    const char *says;
} layers_case;

static void sentences(void **state)
{
    static const layers_case cases[] = {
        {{0.5, 0.25, 1, 9},
         "goes from 1 to 0.5, a factor of 0.5: it neither vanishes nor explodes"},
        {{1e-9, 1e-8, 1, 9}, "vanishes. From <code>b</code> back to the input"},
        {{1e-9, 1e-3, 1, 9}, "vanishes. From <code>a</code> back to the input"},
        {{0, 0, 1, 9}, "vanishes. From <code>b</code> back to the input"},
        {{0, 0.1, 1, 9}, "it neither vanishes nor explodes"},
        {{0.1, 0, 1, 9}, "it neither vanishes nor explodes"},
        {{1e8, 1e9, 1, 9}, "explodes. At <code>b</code> its rms is more than"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *names[] = {"a", "b", "c", "loss.mse"};
        double x[4], step[] = {7};
        memcpy(x, cases[i].x, sizeof x);
        dg_view v = {.record.errors = {4, 1, 1, names, step, x}};
        dg_text t = dg_text_make(NULL);
        dg_section_layers(&t, &v);
        if (!strstr(t.data, cases[i].says))
            fail_msg("case %d lacks '%s': %.700s", (int)i, cases[i].says, t.data);
        assert_non_null(strstr(t.data, "Step 7: "));
        dg_text_free(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sentences)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
