/* A node in f32, as training runs it (its algorithm, `exact` or not), against f64. */
#ifndef DG_ENGINE_NARROW_H
#define DG_ENGINE_NARROW_H

#include "engine/naive.h"
#include "ops/isa.h"

typedef struct dg_narrow {
    const char *node, *type, *algorithm; /* algorithm "" where there is but one */
    double forward, adjoint; /* |f32 - f64| / |f64|: of the results; the worst of all inputs */
    double largest;          /* error of one result, by the root mean square of all */
    int64_t beyond;          /* results that f32 cannot hold, which were left out */
    int passed;
} dg_narrow;

#define DG_NARROW_LIMIT 1e-4

/* g, at: the model in f64 and its values; narrow, in: the same model in f32. What rounding of the
 * inputs to f32, or of terms that cancel, does in any case is measured in f64 and allowed for.
 * node: one that has mathematics for both. */
dg_status dg_narrow_node(const dg_graph *g, const dg_naive *at, const dg_graph *narrow,
                         const dg_naive *in, int node, const dg_isa *isa, int exact, uint64_t seed,
                         dg_narrow *n, dg_diag *why);

#endif
