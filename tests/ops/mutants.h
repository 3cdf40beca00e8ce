/* Mutants: wrong versions of every node's adjoint and tangent, made from the real ones by wrappers
 * around error vectors, inputs or results. A suite that lets one live is no proof; test_mutants.c
 * looks. */
#ifndef DG_TESTS_OPS_MUTANTS_H
#define DG_TESTS_OPS_MUTANTS_H

#include <dagrad/node.h>

typedef struct dg_mutant {
    const char *name; /* "adjoint-sign" */
    const char *text; /* what is wrong */
    int tangent;      /* 1: of the tangent, else of the adjoint */
} dg_mutant;

/* NULL at the end. The wrappers without a fault, "adjoint-none" and "tangent-none", are not
 * listed. */
const dg_mutant *dg_mutant_at(int k);

/* The mathematics with that fault; real is kept by reference. One mutant at a time. type: of the
 * node. NULL: no such mutant. */
const dg_math *dg_mutant_make(const char *name, const dg_node_type *type, dg_type real_type,
                              const dg_math *real);

#endif
