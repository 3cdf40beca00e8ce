/* What kernels ask for on one path: made by each_sizes.c, compared by test_sizes.c. */
#ifndef DG_TESTS_OPS_ROOMS_H
#define DG_TESTS_OPS_ROOMS_H

#include <stddef.h>
#include <stdint.h>

/* conv and pool: a dg_conv and a dg_pool of kernels/kernels.h. */
typedef struct dg_rooms {
    size_t (*gemm)(int64_t m, int64_t n, int64_t k, int64_t b_col);
    size_t (*linear)(int64_t rows, int64_t in, int64_t out); /* of any range of the rows */
    size_t (*weight)(int64_t rows, int64_t in, int64_t out);
    size_t (*conv)(const dg_conv *s);
    size_t (*taps)(const dg_pool *s);
} dg_rooms;

extern const dg_rooms dg_rooms_f32_portable, dg_rooms_f64_portable;
#if defined(__x86_64__)
extern const dg_rooms dg_rooms_f32_v3, dg_rooms_f64_v3, dg_rooms_f32_v4, dg_rooms_f64_v4;
#endif

#endif
