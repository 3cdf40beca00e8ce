/* The number type and the instruction set a file is compiled for.
 *
 * Files of src/kernels and the math half of src/ops are compiled six times, with -DDG_REAL=32|64
 * and -DDG_ISA=v4|v3|portable. DG_T(dg_gemm) is then dg_gemm_f32_v4, dg_gemm_f64_portable, ... */
#ifndef DG_BASE_REAL_H
#define DG_BASE_REAL_H

#include <float.h>

#if !defined(DG_REAL) || !defined(DG_ISA)
#error "compile with -DDG_REAL=32|64 and -DDG_ISA=v4|v3|portable"
#endif

#define DG_PASTE(a, b) a##b
#define DG_CAT(a, b) DG_PASTE(a, b)

#if DG_REAL == 32
typedef float real;
#define REAL_MAX FLT_MAX
#define REAL_MIN FLT_MIN
#define REAL_EPS FLT_EPSILON
#define DG_T(name) DG_CAT(name, DG_CAT(_f32_, DG_ISA))
#else
typedef double real;
#define REAL_MAX DBL_MAX
#define REAL_MIN DBL_MIN
#define REAL_EPS DBL_EPSILON
#define DG_T(name) DG_CAT(name, DG_CAT(_f64_, DG_ISA))
#endif

/* DG_ISA as a number, for #if: 4, 3 or 0. */
#define DG_ISA_OF_v4 4
#define DG_ISA_OF_v3 3
#define DG_ISA_OF_portable 0
#define DG_ISA_ID DG_CAT(DG_ISA_OF_, DG_ISA)

#endif
