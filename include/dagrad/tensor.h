/* Dense tensors: row-major, contiguous, rank 0 to 8. Images are N, H, W, C (channels last). */
#ifndef DAGRAD_TENSOR_H
#define DAGRAD_TENSOR_H

#include <dagrad/status.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { DG_F32, DG_F64, DG_I32, DG_U8 } dg_type;

enum {
    DG_MAX_RANK = 8,
    DG_N = -1, /* as dim[0]: the number of rows of a batch, bound by dg_compile */
    DG_ALIGN = 64
};

/* dim[i] >= 0 for i < rank; dim[0] may be DG_N. Entries from rank on are 0. */
typedef struct {
    int32_t rank;
    int64_t dim[DG_MAX_RANK];
} dg_shape;

/* A view; the memory stays its owner's. bytes = dg_shape_count(shape) * dg_type_bytes(type). */
typedef struct {
    dg_type type;
    dg_shape shape;
    void *data;
    size_t bytes;
} dg_tensor;

DG_API size_t dg_type_bytes(dg_type t);
DG_API const char *dg_type_name(dg_type t); /* "f32", "f64", "i32", "u8" */

/* A shape from its dimensions. rank 0 to DG_MAX_RANK, else the shape of rank 0. */
DG_API dg_shape dg_shape_make(int rank, const int64_t dim[]);

/* Number of elements, 1 for rank 0; -1 if it overflows, if a dimension is DG_N, or for NULL. */
DG_API int64_t dg_shape_count(const dg_shape *s);

/* Elements of one row of axis 0 (so DG_N does not matter); 1 for rank 0; -1 if it overflows. */
DG_API int64_t dg_shape_row(const dg_shape *s);

DG_API int dg_shape_equal(const dg_shape *a, const dg_shape *b);

/* Writes "[N, 28, 28, 1]" to text of n bytes (always ended by 0) and returns text. */
DG_API char *dg_shape_text(const dg_shape *s, char *text, size_t n);

#ifdef __cplusplus
}
#endif
#endif
