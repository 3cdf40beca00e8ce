/* Arrays in memory of their own. */
#include "io/array.h"

#include "base/checked.h"
#include "base/memory.h"
#include <math.h>
#include <string.h>

dg_status dg_array_make(dg_array *a, dg_type type, const dg_shape *shape, dg_diag *why)
{
    memset(a, 0, sizeof *a);
    int64_t count = dg_shape_count(shape), bytes = 0;
    size_t size = 0;
    if (count < 0 || !dg_mul_i64(count, (int64_t)dg_type_bytes(type), &bytes) ||
        !dg_size_of_i64(bytes, &size))
        return dg_diag_set(why, DG_EDATA, "an array of too many elements");
    void *data = dg_memory_alloc(NULL, size);
    if (!data)
        return dg_diag_set(why, DG_EMEMORY, "out of memory for an array of %zu bytes", size);
    *a = (dg_array){.type = type, .shape = *shape, .data = data, .bytes = size};
    return DG_OK;
}

void dg_array_free(dg_array *a)
{
    if (!a)
        return;
    dg_memory_free(NULL, a->data);
    memset(a, 0, sizeof *a);
}

/* The exponent of all ones, found without a branch in blocks, so that large arrays are fast. */
static int64_t not_finite_f32(const float *x, int64_t n)
{
    for (int64_t at = 0; at < n; at += 4096) {
        int64_t end = n - at < 4096 ? n : at + 4096;
        int bad = 0;
        for (int64_t i = at; i < end; i++)
            bad |= !(fabsf(x[i]) <= 3.4028234663852886e38F);
        for (int64_t i = at; bad && i < end; i++)
            if (!isfinite(x[i]))
                return i;
    }
    return -1;
}

static int64_t not_finite_f64(const double *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return i;
    return -1;
}

int64_t dg_tensor_not_finite(const dg_tensor *t)
{
    int64_t n = dg_shape_count(&t->shape);
    if (t->type == DG_F32)
        return not_finite_f32(t->data, n);
    if (t->type == DG_F64)
        return not_finite_f64(t->data, n);
    return -1;
}

int64_t dg_tensor_largest(const dg_tensor *t, int64_t first, int64_t n)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        if (dg_tensor_number(t, first + i) > dg_tensor_number(t, first + best))
            best = i;
    return best;
}

int dg_tensor_any_nan(const dg_tensor *t, int64_t first, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (isnan(dg_tensor_number(t, first + i)))
            return 1;
    return 0;
}
