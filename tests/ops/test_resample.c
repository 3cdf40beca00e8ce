/* What nodes compute that resize, repeat, pick or take apart along axes, and lrn, against plain
 * loops: upsample, adaptive_avgpool, pad with a mode, slice with a step, split into pieces. */
#include "ops/reference.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* x at an index that has place p along an axis in place of its own. */
static double at_place(const dg_trial *t, const int64_t index[], int axis, int64_t p)
{
    int64_t at[DG_MAX_RANK];
    memcpy(at, index, sizeof at);
    at[axis] = p;
    return t->in[0][dg_ravel(&t->in_shape[0], at)];
}

/* Scale of axis k of a picture or series; the channels and the batch have 1. */
static double scale_of(const dg_trial *t, int k)
{
    const dg_attr_value *v = &t->attrs->v[0];
    return k == 0 || k == t->in_shape[0].rank - 1 ? 1 : v->number[v->count > 1 ? k - 1 : 0];
}

/* Axis after axis: what stands at `index` of the result, where axes 0 .. k-1 are those of x. */
static double resized(const dg_trial *t, int k, const int64_t index[])
{
    const dg_shape *x = &t->in_shape[0];
    int64_t at[DG_MAX_RANK], n;
    memcpy(at, index, sizeof at);
    if (k == x->rank)
        return t->in[0][dg_ravel(x, at)];
    n = x->dim[k];
    double s = scale_of(t, k), o = (double)index[k], p = (o + 0.5) / s - 0.5;
    if (t->attrs->v[2].number[0] > 0)
        p = t->out_shape[0].dim[k] == 1
                ? 0
                : o * (double)(n - 1) / (double)(t->out_shape[0].dim[k] - 1);
    if (t->attrs->v[1].word == 0)
        p = floor(o / s);
    p = fmin(fmax(p, 0), (double)(n - 1));
    at[k] = (int64_t)p;
    double low = resized(t, k + 1, at), share = p - floor(p);
    at[k] = share > 0 ? at[k] + 1 : at[k];
    return (1 - share) * low + share * resized(t, k + 1, at);
}

static double upsampled(const dg_trial *t, int j, int64_t flat)
{
    int64_t at[DG_MAX_RANK];
    dg_unravel(&t->out_shape[j], flat, at);
    return resized(t, 0, at);
}

static double averaged(const dg_trial *t, int j, int64_t flat)
{
    const dg_shape *x = &t->in_shape[0], *y = &t->out_shape[j];
    int64_t o[DG_MAX_RANK], i[DG_MAX_RANK], n = 0;
    double sum = 0;
    dg_unravel(y, flat, o);
    for (int64_t k = 0; k < dg_shape_count(x); k++) {
        int within = 1;
        dg_unravel(x, k, i);
        for (int a = 0; a < x->rank; a++) {
            double step = (double)x->dim[a] / (double)y->dim[a];
            within &= (double)i[a] >= floor((double)o[a] * step + 1e-9) &&
                      (double)i[a] < ceil((double)(o[a] + 1) * step - 1e-9);
        }
        sum += within ? t->in[0][k] : 0;
        n += within;
    }
    return sum / (double)n;
}

/* The series that is repeated, walked from place 0 to where o lies. */
static int64_t repeated(int mode, int64_t n, int64_t o)
{
    int64_t i = 0, way = o < 0 ? -1 : 1;
    for (int64_t k = 0; k != o; k += o < 0 ? -1 : 1) {
        int64_t next = i + way;
        if (next >= 0 && next < n)
            i = next;
        else if (mode == 1)
            i -= way, way = -way;
        else if (mode == 3)
            i = next < 0 ? n - 1 : 0;
    }
    return i;
}

static double padded(const dg_trial *t, int j, int64_t flat)
{
    const dg_shape *x = &t->in_shape[0];
    int64_t at[DG_MAX_RANK];
    int mode = t->attrs->v[2].word;
    dg_unravel(&t->out_shape[j], flat, at);
    for (int k = 0; k < x->rank; k++) {
        at[k] -= (int64_t)t->attrs->v[0].number[k];
        if (mode == 0 && (at[k] < 0 || at[k] >= x->dim[k]))
            return t->attrs->v[1].number[0];
        at[k] = mode ? repeated(mode, x->dim[k], at[k]) : at[k];
    }
    return t->in[0][dg_ravel(x, at)];
}

static int axis_of(const dg_trial *t, int k)
{
    int64_t axis = dg_attr_int(t->attrs, k);
    return (int)(axis < 0 ? axis + t->in_shape[0].rank : axis);
}

static double sliced(const dg_trial *t, int j, int64_t flat)
{
    int64_t at[DG_MAX_RANK], step = dg_attr_int(t->attrs, 3), start = dg_attr_int(t->attrs, 1);
    int axis = axis_of(t, 0);
    int64_t n = t->in_shape[0].dim[axis];
    dg_unravel(&t->out_shape[j], flat, at);
    start = start < 0 ? start + n : start;
    start = start < 0 ? 0 : step < 0 && start >= n ? n - 1 : start;
    return at_place(t, at, axis, start + at[axis] * step);
}

static double piece(const dg_trial *t, int j, int64_t flat)
{
    int64_t at[DG_MAX_RANK], before = 0;
    int axis = axis_of(t, 1);
    for (int k = 0; k < j; k++)
        before += t->out_shape[k].dim[axis];
    dg_unravel(&t->out_shape[j], flat, at);
    return at_place(t, at, axis, before + at[axis]);
}

static double normalised(const dg_trial *t, int j, int64_t flat)
{
    const dg_shape *x = &t->in_shape[0];
    int64_t at[DG_MAX_RANK], size = dg_attr_int(t->attrs, 0), channels = x->dim[x->rank - 1];
    double sum = 0;
    dg_unravel(&t->out_shape[j], flat, at);
    int64_t first = at[x->rank - 1] - (size - 1) / 2;
    for (int64_t c = first; c < first + size; c++)
        if (c >= 0 && c < channels)
            sum += pow(at_place(t, at, x->rank - 1, c), 2);
    double s = dg_attr_real(t->attrs, 3) + dg_attr_real(t->attrs, 1) * sum / (double)size;
    return t->in[0][flat] * pow(s, -dg_attr_real(t->attrs, 2));
}

static const struct {
    const char *node;
    dg_reference *of;
    int most;
} NODES[] = {
    {"upsample", upsampled, 4000}, {"adaptive_avgpool", averaged, 400},
    {"pad", padded, 4000},         {"slice", sliced, 4000},
    {"split", piece, 4000},        {"lrn", normalised, 4000},
};

static void test_all(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof NODES / sizeof NODES[0]; k++)
        dg_reference_check(NODES[k].node, NODES[k].of, NODES[k].most);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
