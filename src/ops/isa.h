/* The instruction sets that the mathematics is compiled for, each a const table. */
#ifndef DG_OPS_ISA_H
#define DG_OPS_ISA_H

#include <dagrad/node.h>

struct dg_step_kernels; /* the optimizers' passes over a parameter: kernels/table.h */

/* Index 0 is for f32, 1 for f64. math[t][k] belongs to the k-th node type of ops.def. */
typedef struct dg_isa {
    const char *name;
    const dg_math *const *math[2];
    const struct dg_step_kernels *step[2];
} dg_isa;

/* NULL where the processor (or the system) lacks it, or the library was made for another one. */
const dg_isa *dg_isa_v4(void);
const dg_isa *dg_isa_v3(void);
const dg_isa *dg_isa_portable(void); /* never NULL */

/* Those there are, best first, k from 0; NULL at the end. */
const dg_isa *dg_isa_at(int k);

/* The one called name; NULL: the one $DAGRAD_ISA names, and without that, or where it is empty, the
 * best. NULL and DG_EUSAGE in why, naming those there are, where it is not one of them. */
const dg_isa *dg_isa_choose(const char *name, dg_diag *why);

#endif
