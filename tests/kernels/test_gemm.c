/* Matrix products and the linear layer: exact with whole numbers, the order of sums of the contract
 * with any numbers, the same bits however the work is cut and on every path. */
#define DG_CASES "kernels/cases_gemm.h"
#include "kernels/each.h"

static void exact(void **unused)
{
    (void)unused;
    run_paths(DG_EACH(gemm_exact), 1, 300);
}

static void order(void **unused)
{
    (void)unused;
    run_paths(DG_EACH(gemm_order), 1000, 16);
}

static void cuts(void **unused)
{
    (void)unused;
    run_paths(DG_EACH(linear_cuts), 2000, 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(exact), cmocka_unit_test(order),
                                       cmocka_unit_test(cuts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
