/* Axes: names checked, sizes around one. */
#ifndef DG_REAL

#include "ops/axes.h"

dg_status dg_axis_check(const char *of, const dg_shape *x, int64_t given, int *axis, dg_diag *why)
{
    char text[128];
    dg_shape_text(x, text, sizeof text);
    if (x->rank == 0)
        return dg_diag_set(why, DG_EMODEL, "%s: a number (rank 0) has no axis %lld", of,
                           (long long)given);
    if (given < -x->rank || given >= x->rank)
        return dg_diag_set(why, DG_EMODEL, "%s: %s has no axis %lld, it has %d to %d", of, text,
                           (long long)given, -x->rank, x->rank - 1);
    *axis = dg_axis_at(given, x->rank);
    return DG_OK;
}

dg_status dg_axis_not_batch(const char *of, const dg_shape *x, int axis, const char *does,
                            dg_diag *why)
{
    char text[128];
    if (axis > 0 || x->rank == 0 || x->dim[0] != DG_N)
        return DG_OK;
    return dg_diag_set(why, DG_EMODEL, "%s %s axis 0 of %s, the batch: its rows stay apart", of,
                       does, dg_shape_text(x, text, sizeof text));
}

dg_around dg_around_axis(const dg_shape *x, int axis)
{
    dg_around r = {1, x->dim[axis], 1};
    for (int k = 0; k < axis; k++)
        r.outer *= x->dim[k];
    for (int k = axis + 1; k < x->rank; k++)
        r.inner *= x->dim[k];
    return r;
}

#endif
