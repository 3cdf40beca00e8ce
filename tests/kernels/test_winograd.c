/* Winograd's convolution against the loops of the definition in double: f64 to 1e-13, f32 to 2e-6
 * (relative, in the L2 norm, up to 100 channels); the same bits on every path, and however images
 * are cut. */
#include "kernels/kernels.h"
#include <math.h>

/* The largest relative errors seen, of f32 and f64. */
static double worst[2];

static dg_conv plain_window(int64_t h, int64_t w, int64_t c, int64_t k, int64_t top, int64_t left,
                            int64_t bottom, int64_t right)
{
    return (dg_conv){.h = h,
                     .w = w,
                     .c = c,
                     .kh = 3,
                     .kw = 3,
                     .k = k,
                     .oh = h + top + bottom - 2,
                     .ow = w + left + right - 2,
                     .stride_y = 1,
                     .stride_x = 1,
                     .dilation_y = 1,
                     .dilation_x = 1,
                     .top = top,
                     .left = left,
                     .groups = 1};
}

#define DG_CASES "kernels/cases_winograd.h"
#include "kernels/each.h"

int main(void)
{
    static each_test odd = {DG_EACH(winograd_odd), 1, 30};
    static each_test large = {DG_EACH(winograd_large), 3, 3};
    static each_test sums = {DG_EACH(winograd_sums), 1, 12};
    static each_test none = {DG_EACH(winograd_none), 1, 1};
    static each_test choice = {DG_EACH(winograd_choice), 1, 1};
    const struct CMUnitTest tests[] = {
        {"odd", run_each, NULL, NULL, &odd},       {"large", run_each, NULL, NULL, &large},
        {"sums", run_each, NULL, NULL, &sums},     {"none", run_each, NULL, NULL, &none},
        {"choice", run_each, NULL, NULL, &choice},
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    printf("largest relative errors: f32 %.2g, f64 %.2g\n", worst[0], worst[1]);
    return failed;
}
