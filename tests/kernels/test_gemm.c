/* Matrix products and the linear layer: exact with whole numbers, the order of sums of the contract
 * with any numbers, the same bits however the work is cut and on every path. */
#define DG_CASES "kernels/cases_gemm.h"
#include "kernels/each.h"

int main(void)
{
    static each_test exact = {DG_EACH(gemm_exact), 1, 200};
    static each_test order = {DG_EACH(gemm_order), 1000, 12};
    static each_test cuts = {DG_EACH(linear_cuts), 2000, 25};
    const struct CMUnitTest tests[] = {
        {"exact", run_each, NULL, NULL, &exact},
        {"order", run_each, NULL, NULL, &order},
        {"cuts", run_each, NULL, NULL, &cuts},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
