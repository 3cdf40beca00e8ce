/* Folding over axes: attributes, the shape rule, and the walk that the mathematics needs. */
#ifndef DG_REAL

#include "ops/over.h"

#include "ops/axes.h"
#include <math.h>

const dg_input_spec dg_over_input[1] = {{.name = "z"}};

const dg_attr_spec dg_over_attrs[DG_OVER_ATTRS] = {DG_OVER_SPECS};

const dg_case dg_over_cases[DG_OVER_CASES] = {
    {"n,a", "axis=1", "uniform(-2,2)", HUGE_VAL},
    {"n,a", "axis=0", "uniform(-2,2)", HUGE_VAL},
    {"n,a,b", "", "uniform(-2,2)", HUGE_VAL},
    {"n,a,b,c", "axis=[1, 2], keepdims=true", "uniform(-2,2)", HUGE_VAL},
    {"n,a,b,c", "axis=[-1, 0]", "uniform(-2,2)", HUGE_VAL},
    {"a,b", "axis=0, keepdims=true", "uniform(-2,2)", HUGE_VAL},
    {"", "", "uniform(-2,2)", HUGE_VAL},
};

/* Bit k: axis k is in the list. -1: an axis that is not there, or twice. */
static int mask_of(const dg_attrs *a, int rank)
{
    const dg_attr_value *axis = &a->v[DG_OVER_AXIS];
    int mask = axis->count ? 0 : (1 << rank) - 1;
    for (int k = 0; k < axis->count; k++) {
        int64_t given = (int64_t)axis->number[k];
        int bit = given >= -rank && given < rank ? 1 << dg_axis_at(given, rank) : 0;
        if (bit == 0 || mask & bit)
            return -1;
        mask |= bit;
    }
    return mask;
}

static int keeps(const dg_attrs *a)
{
    return dg_attr_int(a, DG_OVER_KEEP) != 0;
}

/* z with size 1 for the axes of the mask, or without them. */
static dg_shape without(const dg_shape *z, int mask, int keep)
{
    dg_shape x = {.rank = 0};
    for (int k = 0; k < z->rank; k++)
        if (!(mask >> k & 1))
            x.dim[x.rank++] = z->dim[k];
        else if (keep)
            x.dim[x.rank++] = 1;
    return x;
}

dg_status dg_over_shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                        dg_diag *why)
{
    char text[128];
    int mask = mask_of(a, in[0].rank);
    (void)n_in;
    if (mask < 0)
        return dg_diag_set(why, DG_EMODEL, "axis must name axes of %s, %d to %d, each once",
                           dg_shape_text(&in[0], text, sizeof text), -in[0].rank, in[0].rank - 1);
    out[0] = without(&in[0], mask, keeps(a));
    return DG_OK;
}

dg_status dg_over_some_shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                             dg_diag *why)
{
    char text[128];
    dg_status s = dg_over_shape(a, n_in, in, out, why);
    int mask = s == DG_OK ? mask_of(a, in[0].rank) : 0;
    for (int k = 0; s == DG_OK && k < in[0].rank; k++)
        if ((mask >> k & 1) && in[0].dim[k] == 0)
            s = dg_diag_set(why, DG_EMODEL, "there is nothing along axis %d of %s", k,
                            dg_shape_text(&in[0], text, sizeof text));
    return s;
}

static dg_walk walk_of(const dg_attrs *a, const dg_shape *z)
{
    dg_shape x = without(z, mask_of(a, z->rank), 1);
    dg_walk w = dg_walk_over(z);
    dg_walk_add(&w, &x);
    dg_walk_add(&w, z);
    return w;
}

int dg_over_parts(const dg_sizes *of, int input)
{
    int64_t work = dg_shape_count(&of->in[0]);
    if (input >= 0)
        return dg_parts_for(of->in[0].rank > 0 ? of->in[0].dim[0] : 1, work);
    dg_walk w = walk_of(of->attrs, &of->in[0]);
    return dg_parts_for(dg_fold_over(&w, 0).units, work);
}

double dg_over_flops(const dg_sizes *of, int input)
{
    return input < 0 ? (double)dg_shape_count(&of->in[0]) : 0;
}

static int has_rows(const dg_call *c)
{
    int rank = c->in_shape[0].rank;
    return rank > 0 && !(mask_of(c->attrs, rank) & 1);
}

dg_walk dg_over_walk(const dg_call *c)
{
    dg_walk w = walk_of(c->attrs, &c->in_shape[0]);
    if (has_rows(c))
        dg_walk_cut(&w, 0, c->row0, c->row1);
    return w;
}

void dg_over_share(const dg_call *c, dg_walk *w)
{
    if (w->rank == 0)
        return;
    int64_t n = w->dim[0];
    dg_walk_cut(w, 0, dg_share(n, c->part, c->parts), dg_share(n, c->part + 1, c->parts));
}

int64_t dg_over_terms(const dg_call *c)
{
    const dg_shape *z = &c->in_shape[0];
    int mask = mask_of(c->attrs, z->rank);
    int64_t n = 1;
    for (int k = 0; k < z->rank; k++)
        n *= mask >> k & 1 ? z->dim[k] : 1;
    return n;
}

#endif
