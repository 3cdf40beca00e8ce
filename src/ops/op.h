/* What a node's file includes. A file src/ops/NAME.c holds, in this order: the mathematics of f and
 * G, then two halves: the type (shape, sizes, cases; compiled once, DG_REAL undefined) and the math
 * (forward, adjoint, tangent; compiled for each real and instruction set, DG_REAL defined).
 *
 *     #include "ops/op.h"
 *     #ifndef DG_REAL
 *     static dg_status shape(...) ...
 *     static const dg_case cases[] = ...
 *     const dg_node_type dg_op_NAME = {...};
 *     #else
 *     static dg_status forward(const dg_call *c) ...
 *     const dg_math DG_T(dg_math_NAME) = {forward, adjoint, tangent};
 *     #endif
 */
#ifndef DG_OPS_OP_H
#define DG_OPS_OP_H

#include <dagrad/node.h>
#include <math.h> /* HUGE_VAL, fabs; nothing of it that rounds reaches a weight */
#include <string.h>

#define DG_COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))
#define DG_ATTRS(list) .attrs = list, .n_attrs = DG_COUNT(list) /* members of a type */

/* From more rows on a gradient that is summed over the batch is kept as a sum (dg_node_type.sum),
 * where roundings are made up for; below them a chain over the rows is good enough. */
enum { DG_SUM_ROWS = 4096 };

/* Rows of such a sum that are one chain, a block. */
enum { DG_SUM_BLOCK = 512 };

#ifdef DG_REAL
#include "base/elem.h"
#include "base/real.h"
#include "base/vec.h"
#include "kernels/kernels.h"

/* finish of a sum that is a pair, [n] and what its roundings lost, [n]: this call's part of it. */
DG_INLINE void dg_finish_pair(const dg_call *c, int input)
{
    const int64_t n = dg_shape_count(&c->in_shape[input]);
    const real *sum = c->sum;
    real *delta = c->delta[input];
    for (int64_t j = n * c->part / c->parts; j < n * (c->part + 1) / c->parts; j++)
        delta[j] = sum[j] + sum[n + j];
}

/* n elements of a block into the sum, a pair; those of the block are 0 then. */
DG_INLINE void dg_end_block(real *high, real *low, real *block, int64_t n)
{
    for (int64_t i = 0; i < n; i += VEC_N) {
        const int m = n - i < VEC_N ? (int)(n - i) : VEC_N;
        vec h = vec_load_n(high + i, m), l = vec_load_n(low + i, m);
        vec_add_pair(&h, &l, vec_load_n(block + i, m));
        vec_store_n(high + i, m, h);
        vec_store_n(low + i, m, l);
        vec_store_n(block + i, m, vec_set1(0));
    }
}

/* finish of a sum in blocks: a pair and the block under way, [n] each. */
DG_INLINE void dg_finish_blocks(const dg_call *c, int input)
{
    const int64_t n = dg_shape_count(&c->in_shape[input]);
    const real *high = c->sum, *low = high + n, *block = low + n;
    real *delta = c->delta[input];
    for (int64_t j = n * c->part / c->parts; j < n * (c->part + 1) / c->parts; j++)
        delta[j] = high[j] + (low[j] + block[j]);
}

/* The product, and 0 where the error vector e is 0, also at a pole. */
DG_INLINE vec dg_unless_zero(vec e, vec product)
{
    vec zero = vec_set1(0);
    return vec_select((ivec)(e == zero), zero, product);
}
#endif

#endif
