/* How much scratch the kernels need and in how many parts they cut, for the type half of a node,
 * which is compiled once and not for each type and instruction set. These are the sizes of the
 * portable kernels; they are enough for the others (tests/ops/test_sizes.c compares them), and a
 * node does all parts of its own kernel in the parts it is given. real: DG_F32 or DG_F64. */
#ifndef DG_OPS_SIZES_H
#define DG_OPS_SIZES_H

#include <dagrad/node.h>

#define DG_KERNELS_AGAIN
#define real float
#define DG_T(name) name##_f32_portable
#include "kernels/kernels.h"
#undef real
#undef DG_T
#define real double
#define DG_T(name) name##_f64_portable
#include "kernels/kernels.h"
#undef real
#undef DG_T
#undef DG_KERNELS_AGAIN

size_t dg_gemm_scratch(dg_type real, int64_t m, int64_t n, int64_t k, int64_t b_col);

/* The largest of the three passes; parts of the weight gradient. */
size_t dg_linear_scratch(dg_type real, int64_t rows, int64_t in, int64_t out);
int dg_linear_parts(dg_type real, int64_t rows, int64_t in, int64_t out);

size_t dg_conv_scratch(dg_type real, const dg_conv *s);
int dg_conv_parts(dg_type real, const dg_conv *s);
/* NULL: there is none. */
const dg_conv_sum_f32_portable *dg_conv_sum_of(dg_type real, const dg_conv *s);

#endif
