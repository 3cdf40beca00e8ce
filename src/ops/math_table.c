/* The mathematics of all built-in nodes for one type and one instruction set, in the order of
 * ops.def. Compiled, as the nodes are, for each of them. */
#ifdef DG_REAL
#include "base/real.h"
#include <dagrad/node.h>

#define OP(name, group, back) extern const dg_math DG_T(dg_math_##name);
#include "ops/ops.def"
#undef OP

extern const dg_math *const DG_T(dg_math_table)[];
const dg_math *const DG_T(dg_math_table)[] = {
#define OP(name, group, back) &DG_T(dg_math_##name),
#include "ops/ops.def"
#undef OP
    0};
#endif
