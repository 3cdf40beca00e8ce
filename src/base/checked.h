/* Arithmetic on sizes that says when it fails.
 *
 * Every size that comes from a file, a model or a caller is computed with these. Each writes its
 * result to r and returns true, or leaves r alone and returns false: the result does not fit, or
 * (int64_t) an operand is negative, which no size is. */
#ifndef DG_BASE_CHECKED_H
#define DG_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool dg_add_i64(int64_t a, int64_t b, int64_t *r)
{
    if (a < 0 || b < 0 || a > INT64_MAX - b)
        return false;
    *r = a + b;
    return true;
}

static inline bool dg_mul_i64(int64_t a, int64_t b, int64_t *r)
{
    if (a < 0 || b < 0 || (b > 0 && a > INT64_MAX / b))
        return false;
    *r = a * b;
    return true;
}

/* The least multiple of to (> 0) that is not below a. */
static inline bool dg_align_i64(int64_t a, int64_t to, int64_t *r)
{
    if (a < 0 || to <= 0)
        return false;
    int64_t over = a % to;
    return dg_add_i64(a, over > 0 ? to - over : 0, r);
}

static inline bool dg_add_size(size_t a, size_t b, size_t *r)
{
    if (a > SIZE_MAX - b)
        return false;
    *r = a + b;
    return true;
}

static inline bool dg_mul_size(size_t a, size_t b, size_t *r)
{
    if (b > 0 && a > SIZE_MAX / b)
        return false;
    *r = a * b;
    return true;
}

/* The least multiple of to (> 0) that is not below a. */
static inline bool dg_align_size(size_t a, size_t to, size_t *r)
{
    if (to == 0)
        return false;
    size_t over = a % to;
    return dg_add_size(a, over > 0 ? to - over : 0, r);
}

/* An int64_t as a size in bytes; false if it is negative or does not fit. */
static inline bool dg_size_of_i64(int64_t a, size_t *r)
{
    if (a < 0 || (uint64_t)a > SIZE_MAX)
        return false;
    *r = (size_t)a;
    return true;
}

#endif
