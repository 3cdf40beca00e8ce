/* Parameters of a node: one check for all nodes that have them. */
#ifndef DG_REAL

#include "ops/parameters.h"

static dg_status fits(const dg_node_type *t, int k, const dg_shape *x, const dg_shape *found,
                      const dg_shape *wanted, dg_diag *why)
{
    char a[128], b[128], c[128];
    const char *role = t->inputs[k].name;
    if (found->rank < 0 && wanted->rank < 0)
        return DG_OK;
    if (wanted->rank < 0)
        return dg_diag_set(why, DG_EMODEL, "%s: %s %s is given, but %s=false", t->name, role,
                           dg_shape_text(found, a, sizeof a), role);
    if (found->rank < 0)
        return dg_diag_set(why, DG_EMODEL, "%s: %s %s is missing", t->name, role,
                           dg_shape_text(wanted, a, sizeof a));
    if (!dg_shape_equal(found, wanted))
        return dg_diag_set(why, DG_EMODEL, "%s: %s is %s, but x %s and the attributes want %s",
                           t->name, role, dg_shape_text(found, a, sizeof a),
                           dg_shape_text(x, b, sizeof b), dg_shape_text(wanted, c, sizeof c));
    return DG_OK;
}

dg_status dg_parameters_fit(const dg_node_type *t, const dg_attrs *a, int n_in, const dg_shape in[],
                            dg_diag *why)
{
    for (int k = 0; k < n_in && k < t->n_inputs; k++) {
        dg_shape wanted = {.rank = -1};
        if (!(t->inputs[k].flags & DG_IN_PARAMETER))
            continue;
        dg_status s = t->parameter(a, n_in, in, k, &wanted, why);
        if (s == DG_OK)
            s = fits(t, k, &in[0], &in[k], &wanted, why);
        if (s != DG_OK)
            return s;
    }
    return DG_OK;
}

#endif
