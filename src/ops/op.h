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

#ifdef DG_REAL
#include "base/elem.h"
#include "base/real.h"
#include "base/vec.h"
#include "kernels/kernels.h"

/* The product, and 0 where the error vector e is 0, also at a pole. */
DG_INLINE vec dg_unless_zero(vec e, vec product)
{
    vec zero = vec_set1(0);
    return vec_select((ivec)(e == zero), zero, product);
}
#endif

#endif
