/* What the pooling nodes share: attributes kernel, stride (the kernel, where absent), padding,
 * dilation and ceil; an average has include_padding too. */
#ifndef DG_OPS_POOL_H
#define DG_OPS_POOL_H

#include <dagrad/node.h>
#ifdef DG_REAL
#include "kernels/kernels.h"
#else
#include "ops/sizes.h"
#endif

enum { DG_POOL_ATTRS = 5, DG_POOL_PADDED = 5 };

extern const dg_attr_spec dg_pool_attrs[DG_POOL_ATTRS + 1]; /* the last is the average's */

/* The window has room only for padding nowhere: each of its places holds an element. */
dg_status dg_pool_result(const char *of, const dg_attrs *a, const dg_shape in[], dg_shape out[],
                         dg_diag *why);

/* The pooling of a call whose shape passed; 0 if it has no results. */
int dg_pool_find(const dg_attrs *a, const dg_shape in[], dg_pool *p);

/* Forward of a call that is cut inside a row: the pooling of lines inner0 to inner1-1 of one
 * picture, and where it begins, in elements of x and of y. */
dg_pool dg_pool_lines(const dg_call *c, const dg_pool *p, int64_t *x, int64_t *y);

/* The same of an adjoint: lines of delta, which whole windows cover. */
dg_pool dg_pool_lines_back(const dg_call *c, const dg_pool *p, int64_t *x, int64_t *y);

/* dg_node_type.grain: forward is cut by lines, the adjoint where no line is in two windows. */
int64_t dg_pool_grain(const dg_sizes *of, int input);

/* dg_node_type.flops: one operation a tap. */
double dg_pool_flops(const dg_sizes *of, int input);

#endif
