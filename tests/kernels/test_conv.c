/* Convolution: forward, both gradients and the bias against the loops of the definition with whole
 * numbers; the same bits on every path, and however images are cut. */
#define DG_CASES "kernels/cases_conv.h"
#include "kernels/each.h"

int main(void)
{
    static each_test small = {DG_EACH(conv_small), 1, 150};
    static each_test usual = {DG_EACH(conv_usual), 1000, 20};
    static each_test long_sums = {DG_EACH(conv_long), 3000, 20};
    static each_test bits = {DG_EACH(conv_bits), 2000, 40};
    const struct CMUnitTest tests[] = {
        {"small", run_each, NULL, NULL, &small},
        {"usual", run_each, NULL, NULL, &usual},
        {"long_sums", run_each, NULL, NULL, &long_sums},
        {"bits", run_each, NULL, NULL, &bits},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
