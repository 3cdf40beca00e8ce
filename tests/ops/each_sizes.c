/* The room each kernel asks for on this path, for test_sizes.c. */
#include "kernels/kernels.h"
#include "ops/rooms.h"

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t rows_of_linear(int64_t rows, int64_t in, int64_t out)
{
    return larger(DG_T(dg_linear_scratch)(rows, in, out),
                  DG_T(dg_linear_input_scratch)(rows, in, out));
}

static size_t conv(const dg_conv *s)
{
    return larger(DG_T(dg_conv_choose_forward)(s)->scratch(s),
                  larger(DG_T(dg_conv_choose_input)(s)->scratch(s),
                         DG_T(dg_conv_choose_weight)(s)->scratch(s)));
}

const dg_rooms DG_T(dg_rooms) = {DG_T(dg_gemm_scratch), rows_of_linear,
                                 DG_T(dg_linear_weight_scratch), conv, DG_T(dg_pool_tap_bytes)};
