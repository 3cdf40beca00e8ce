/* Convolution: forward, both gradients and the bias against the loops of the definition with whole
 * numbers; the same bits on every path, and however images are cut. */
#define DG_CASES "kernels/cases_conv.h"
#include "kernels/each.h"

static void small(void **unused)
{
    (void)unused;
    run_paths(DG_EACH(conv_small), 1, 150);
}

static void usual(void **unused)
{
    (void)unused;
    run_paths(DG_EACH(conv_usual), 1000, 20);
}

static void bits(void **unused)
{
    (void)unused;
    run_paths(DG_EACH(conv_bits), 2000, 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(small), cmocka_unit_test(usual),
                                       cmocka_unit_test(bits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
