/* The naive interpreter: the oracle that the engine is measured against. */
#ifndef DG_ENGINE_NAIVE_H
#define DG_ENGINE_NAIVE_H

#include <dagrad/program.h>

typedef struct dg_naive dg_naive;

/* Every value, error vector and gradient of one step, each in memory of its own, nothing fused,
 * nothing in place, nothing pruned but by need, one thread. in: a tensor for each input of the
 * graph, in order of their ids. NULL: out of memory, or a node failed. */
dg_naive *dg_naive_run(dg_graph *g, const dg_options *o, uint64_t step, const dg_tensor in[]);

/* The same, while each value is shown once it is there: leaves (node -1), results, and what comes
 * back for an input, before it is added to what is there. Where a node fails it ends there. NULL:
 * out of memory. */
typedef void dg_naive_look(void *user, int node, int32_t value, int backward, const void *elements);
dg_naive *dg_naive_watch(dg_graph *g, const dg_options *o, uint64_t step, const dg_tensor in[],
                         dg_naive_look *look, void *user);
void dg_naive_free(dg_naive *n);
/* Elements of a value (DG_VALUE) or of its error vector or gradient; NULL: there is none. */
const void *dg_naive_get(const dg_naive *n, dg_value v, dg_part what);

/* Its shape, the batch bound. */
const dg_shape *dg_naive_shape(const dg_naive *n, dg_value v);

#endif
