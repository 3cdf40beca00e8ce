/* Rooms and parts of the kernels, chosen by the type of numbers. */
#ifndef DG_REAL

#include "ops/sizes.h"

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

size_t dg_gemm_scratch(dg_type real, int64_t m, int64_t n, int64_t k, int64_t b_col)
{
    return real == DG_F32 ? dg_gemm_scratch_f32_portable(m, n, k, b_col)
                          : dg_gemm_scratch_f64_portable(m, n, k, b_col);
}

static size_t linear_f32(int64_t rows, int64_t in, int64_t out)
{
    return larger(dg_linear_scratch_f32_portable(rows, in, out),
                  larger(dg_linear_input_scratch_f32_portable(rows, in, out),
                         dg_linear_weight_scratch_f32_portable(rows, in, out)));
}

static size_t linear_f64(int64_t rows, int64_t in, int64_t out)
{
    return larger(dg_linear_scratch_f64_portable(rows, in, out),
                  larger(dg_linear_input_scratch_f64_portable(rows, in, out),
                         dg_linear_weight_scratch_f64_portable(rows, in, out)));
}

size_t dg_linear_scratch(dg_type real, int64_t rows, int64_t in, int64_t out)
{
    return real == DG_F32 ? linear_f32(rows, in, out) : linear_f64(rows, in, out);
}

int dg_linear_parts(dg_type real, int64_t rows, int64_t in, int64_t out)
{
    return real == DG_F32 ? dg_linear_weight_parts_f32_portable(rows, in, out)
                          : dg_linear_weight_parts_f64_portable(rows, in, out);
}

static size_t conv_f32(const dg_conv *s)
{
    return larger(dg_conv_choose_forward_f32_portable(s)->scratch(s),
                  larger(dg_conv_choose_input_f32_portable(s)->scratch(s),
                         dg_conv_choose_weight_f32_portable(s)->scratch(s)));
}

static size_t conv_f64(const dg_conv *s)
{
    return larger(dg_conv_choose_forward_f64_portable(s)->scratch(s),
                  larger(dg_conv_choose_input_f64_portable(s)->scratch(s),
                         dg_conv_choose_weight_f64_portable(s)->scratch(s)));
}

size_t dg_conv_scratch(dg_type real, const dg_conv *s)
{
    return real == DG_F32 ? conv_f32(s) : conv_f64(s);
}

int dg_conv_parts(dg_type real, const dg_conv *s)
{
    return real == DG_F32 ? dg_conv_choose_weight_f32_portable(s)->parts(s)
                          : dg_conv_choose_weight_f64_portable(s)->parts(s);
}

const dg_conv_sum_f32_portable *dg_conv_sum_of(dg_type real, const dg_conv *s)
{
    return real == DG_F32 ? dg_conv_choose_sum_f32_portable(s) : NULL;
}

#endif
