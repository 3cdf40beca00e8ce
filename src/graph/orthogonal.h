/* Random matrices with orthonormal rows or columns. */
#ifndef DG_GRAPH_ORTHOGONAL_H
#define DG_GRAPH_ORTHOGONAL_H

#include "base/memory.h"

/* Q of rows x columns (both > 0), row-major, with Q^t Q = 1 if rows >= columns, else Q Q^t = 1, to
 * rounding; uniformly distributed. Its normal numbers are those of (seed, stream). The caller gives
 * it back with dg_memory_free. NULL: out of memory, or the product of the sizes does not fit. */
double *dg_orthogonal(dg_memory *memory, int64_t rows, int64_t columns, uint64_t seed,
                      uint64_t stream);

#endif
