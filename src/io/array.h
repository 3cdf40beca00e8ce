/* An array in memory of its own: what a reader makes. It is a dg_tensor (give it to dg_set as it
 * is); only the ownership differs. data is 64-byte aligned, never NULL in a valid array, also when
 * it has no elements. */
#ifndef DG_IO_ARRAY_H
#define DG_IO_ARRAY_H

#include "base/number.h"

typedef dg_tensor dg_array;

/* Memory for type and shape, not filled. DG_EMEMORY; DG_EDATA when the size overflows. */
dg_status dg_array_make(dg_array *a, dg_type type, const dg_shape *shape, dg_diag *why);

/* Frees the data and zeroes the struct; harmless on a zeroed one, and on NULL. */
void dg_array_free(dg_array *a);

/* Index of the first element that is NaN or infinite, -1 if there is none. */
int64_t dg_tensor_not_finite(const dg_tensor *t);

/* Element i as a double, whatever the type. */
static inline double dg_tensor_number(const dg_tensor *t, int64_t i)
{
    return dg_number_get(t->type, t->data, i);
}

/* Of n elements from `first` on: the place of the largest, from 0, the first of equals; whether one
 * is NaN. */
int64_t dg_tensor_largest(const dg_tensor *t, int64_t first, int64_t n);
int dg_tensor_any_nan(const dg_tensor *t, int64_t first, int64_t n);

#endif
