/* Sums and maxima over some axes of a space: the loops for a dg_fold of ops/walk.h.
 *
 * The order of a sum is fixed by sizes alone, and long sums keep their digits: of f32 terms are
 * added in f64 and rounded once, of f64 in blocks of DG_FOLD_BLOCK, block sums one after the other.
 * Where the contiguous axis is summed, element i of a run belongs to lane i % 16 and lanes are
 * added by the tree of base/vec.h; where it is kept, each column has its own chain. With rows
 * apart, each row has its sum, and those are a left fold that starts with the first row, or with
 * the old value. An empty sum is 0, an empty maximum -infinity. A maximum is NaN where a term
 * is. */
#ifndef DG_OPS_FOLD_H
#define DG_OPS_FOLD_H

#include "base/real.h"
#include "ops/walk.h"

enum { DG_FOLD_BLOCK = 1024, DG_SEGMENT = 1024 };

typedef enum { DG_FOLD_SUM, DG_FOLD_MAX } dg_fold_kind;

/* What is summed: elements of array 1 of the walk; or, where fill is given, the n numbers (at most
 * DG_SEGMENT) that it writes to y for elements i .. i+n-1 of the last axis at a place. */
typedef struct DG_T(dg_terms) {
    const real *source;
    void (*fill)(const void *context, const int64_t at[], int64_t i, int64_t n, real *y);
    const void *context;
    int64_t pair; /* not 0: with rows apart, a sum is a pair: what roundings of its element of out
                     lose is so many elements further on */
} DG_T(dg_terms);

/* Units u0 .. u1-1 into out, array 0 of the walk. add: start at the old values. */
void DG_T(dg_fold_units)(const dg_fold *f, int64_t u0, int64_t u1, dg_fold_kind kind,
                         const DG_T(dg_terms) * t, int add, real *out);

#endif
