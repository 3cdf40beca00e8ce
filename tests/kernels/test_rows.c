/* Pooling, softmax, sums of rows and columns, optimizer steps, random numbers
 * and movement: against their formulas,
 * and the same bits on every path. */
#define DG_CASES "kernels/cases_rows.h"
#include "kernels/each.h"

int main(void)
{
    static each_test pools = {DG_EACH(pool), 1, 300};
    static each_test large_pool = {DG_EACH(pool_large), 1000, 1};
    static each_test sums = {DG_EACH(rows), 2000, 200};
    static each_test softmaxes = {DG_EACH(softmax), 3000, 100};
    static each_test column_sums = {DG_EACH(column_sums), 2000, 50};
    static each_test norms = {DG_EACH(squares), 4000, 60};
    static each_test rules = {DG_EACH(steps), 5000, 300};
    static each_test numbers = {DG_EACH(uniform_row), 7000, 100};
    static each_test movement = {DG_EACH(move), 6000, 200};
    const struct CMUnitTest tests[] = {
        {"pools", run_each, NULL, NULL, &pools},
        {"large_pool", run_each, NULL, NULL, &large_pool},
        {"sums", run_each, NULL, NULL, &sums},
        {"softmaxes", run_each, NULL, NULL, &softmaxes},
        {"sums of columns", run_each, NULL, NULL, &column_sums},
        {"norms", run_each, NULL, NULL, &norms},
        {"rules", run_each, NULL, NULL, &rules},
        {"uniform numbers", run_each, NULL, NULL, &numbers},
        {"movement", run_each, NULL, NULL, &movement},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
