/* One text for both types: elements are read and written as double, `wide` says what is in memory.
 * Where the functions below are called with a constant, the compiler makes two loops of one. */
#ifndef EITHER_H
#define EITHER_H

#include <stdint.h>

#define EITHER static inline __attribute__((always_inline, unused))

EITHER double get(const void *x, int64_t i, int wide)
{
    return wide ? ((const double *)x)[i] : (double)((const float *)x)[i];
}

EITHER void put(void *x, int64_t i, double value, int wide)
{
    if (wide)
        ((double *)x)[i] = value;
    else
        ((float *)x)[i] = (float)value;
}

#endif
