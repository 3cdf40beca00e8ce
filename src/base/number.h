/* Elements of f32 or f64 read and written as double, where speed does not matter. */
#ifndef DG_BASE_NUMBER_H
#define DG_BASE_NUMBER_H

#include <dagrad/tensor.h>

static inline double dg_number_get(dg_type t, const void *x, int64_t i)
{
    return t == DG_F32 ? (double)((const float *)x)[i] : ((const double *)x)[i];
}

static inline void dg_number_put(dg_type t, void *x, int64_t i, double value)
{
    if (t == DG_F32)
        ((float *)x)[i] = (float)value;
    else
        ((double *)x)[i] = value;
}

#endif
