/* The certificate of a node: is G the adjoint of f, at the shapes and values that it has in a
 * model?
 *
 * For each real input on its own, with random v, w:
 *     adjoint identity   |<Jv, w> - <v, J^t w>| / max(|Jv| |w|, |v| |J^t w|)    limit 1e-13 in f64
 *     differences        |Jv - FD v| / max(|Jv|, |v| |J^t w| / |w|)             limit 1e-10
 * J v by the tangent, J^t w by the adjoint, FD by central differences, Richardson over three
 * levels, from three steps. A node without a tangent has J^t compared with differences, limit 1e-9.
 * In f32, for nodes that have nothing else: 1e-5 and 1e-4, the latter times |f| / |Jv| where that
 * is above 1. Results are rounded to 2^-24 of their size, differences are taken over 2^-8 and more,
 * Richardson multiplies by 1.5: 2.3e-5 of the results, and four times that is allowed.
 * Nothing depends on the size of values: steps are shares of the input's elements, and what
 * rounding may do to a difference, or to a map whose terms cancel, is measured and allowed for.
 * Components of the result that have no derivative (a kink, a pole, not finite) are left out and
 * counted. What fails is probed by unit vectors, and the worst entry and a guess at the cause are
 * given. */
#ifndef DG_ENGINE_CERTIFY_H
#define DG_ENGINE_CERTIFY_H

#include "engine/naive.h"
#include "ops/isa.h"

/* v and w are drawn by seed, and are of these sizes. */
typedef struct dg_certify_options {
    uint64_t seed;
    double error, perturbation;
} dg_certify_options;

typedef struct dg_finding {
    const char *node, *type;
    int inputs;                              /* how many were looked at */
    int tangent;                             /* 0: none, differences stand in for it */
    double identity, difference;             /* the worst of all inputs */
    double identity_limit, difference_limit; /* the widest of all inputs */
    int64_t kinks, components; /* results without derivative, which were left out; all */
    int finite;                /* 0: an input of the node is not finite, nothing was looked at */
    int passed;
    /* of a failure */
    const char *input; /* name of the input or parameter */
    const char *wrong; /* "adjoint" or "tangent" */
    int64_t row,
        column; /* of the worst entry of the Jacobian: element of the result, of the input */
    double expected, found;
    char guess[96];
} dg_finding;

/* math NULL: that of the node on isa. at: values of the model (dg_naive_run with the same batch).
 * DG_EMODEL: a function of the node returned a status, why says which. */
dg_status dg_certify_node(const dg_graph *g, const dg_naive *at, int node, const dg_isa *isa,
                          const dg_math *math, const dg_certify_options *o, dg_finding *f,
                          dg_diag *why);

#endif
