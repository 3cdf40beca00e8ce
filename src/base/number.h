/* Elements read as double, whatever their type, and of f32 or f64 written. */
#ifndef DG_BASE_NUMBER_H
#define DG_BASE_NUMBER_H

#include <dagrad/tensor.h>

static inline double dg_number_get(dg_type t, const void *x, int64_t i)
{
    switch (t) {
    case DG_F32:
        return (double)((const float *)x)[i];
    case DG_F64:
        return ((const double *)x)[i];
    case DG_I32:
        return ((const int32_t *)x)[i];
    case DG_U8:
        return ((const uint8_t *)x)[i];
    }
    return 0;
}

static inline void dg_number_put(dg_type t, void *x, int64_t i, double value)
{
    if (t == DG_F32)
        ((float *)x)[i] = (float)value;
    else
        ((double *)x)[i] = value;
}

#endif
