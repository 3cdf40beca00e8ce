/* Walks and folds: the shapes of several arrays made into few axes with steps. */
#ifndef DG_REAL

#include "ops/walk.h"
#include <string.h>

dg_walk dg_walk_over(const dg_shape *space)
{
    dg_walk w = {.rank = space->rank};
    memcpy(w.dim, space->dim, sizeof w.dim);
    return w;
}

void dg_walk_add(dg_walk *w, const dg_shape *array)
{
    int64_t *step = w->step[w->arrays++];
    int64_t stride = 1;
    for (int k = w->rank - 1; k >= 0; k--) {
        int j = k - (w->rank - array->rank);
        int64_t dim = j >= 0 ? array->dim[j] : 1;
        step[k] = dim == 1 ? 0 : stride;
        stride *= dim > 0 ? dim : 1; /* never 0: a step of 0 means stretched */
    }
}

void dg_walk_cut(dg_walk *w, int axis, int64_t first, int64_t end)
{
    if (axis >= w->rank)
        return; /* rank 0 has one row, the whole */
    w->dim[axis] = end - first;
    for (int a = 0; a < w->arrays; a++)
        w->start[a] += first * w->step[a][axis];
}

static void copy_axis(dg_walk *to, int j, const dg_walk *from, int k)
{
    to->dim[j] = from->dim[k];
    for (int a = 0; a < from->arrays; a++)
        to->step[a][j] = from->step[a][k];
}

/* Axis j of w takes in the next one, axis k of from, if every array passes on without a jump. */
static int take_in(dg_walk *w, int j, const dg_walk *from, int k)
{
    for (int a = 0; a < from->arrays; a++)
        if (w->step[a][j] != from->step[a][k] * from->dim[k])
            return 0;
    int64_t dim = w->dim[j] * from->dim[k];
    copy_axis(w, j, from, k);
    w->dim[j] = dim;
    return 1;
}

/* Appends those axes of `from` from `first` on for which kept_by(k) is `want`, merged. */
static void append(dg_walk *w, const dg_walk *from, int first, const int *kind, int want)
{
    int begin = w->rank;
    for (int k = first; k < from->rank; k++) {
        if (from->dim[k] == 1 || (kind && kind[k] != want))
            continue;
        if (w->rank == begin || !take_in(w, w->rank - 1, from, k))
            copy_axis(w, w->rank++, from, k);
    }
}

static dg_walk without_axes(const dg_walk *w)
{
    dg_walk r = {.arrays = w->arrays};
    memcpy(r.start, w->start, sizeof r.start);
    return r;
}

/* An axis of one element, for what needs one. */
static void append_one(dg_walk *w)
{
    w->dim[w->rank] = 1;
    for (int a = 0; a < w->arrays; a++)
        w->step[a][w->rank] = 0;
    w->rank++;
}

void dg_walk_merge(dg_walk *w)
{
    dg_walk r = without_axes(w);
    append(&r, w, 0, NULL, 0);
    if (r.rank == 0)
        append_one(&r);
    *w = r;
}

int64_t dg_walk_count(const dg_walk *w, int first, int end)
{
    int64_t n = 1;
    for (int k = first; k < end; k++)
        n *= w->dim[k];
    return n;
}

dg_cursor dg_walk_seek(const dg_walk *w, int end, int64_t k)
{
    dg_cursor c = {{0}, {0}};
    memcpy(c.at, w->start, sizeof c.at);
    for (int j = end - 1; j >= 0 && k > 0; j--) {
        c.index[j] = k % w->dim[j];
        k /= w->dim[j];
        for (int a = 0; a < w->arrays; a++)
            c.at[a] += c.index[j] * w->step[a][j];
    }
    return c;
}

int dg_parts_for(int64_t units, int64_t work)
{
    enum { ELEMENTS = 16384, MOST = 64 };
    int64_t parts = work / ELEMENTS;
    parts = parts < MOST ? parts : MOST;
    parts = parts < units ? parts : units;
    return parts > 1 ? (int)parts : 1;
}

static int64_t tiles(const dg_fold *f)
{
    return (f->walk.dim[f->kept - 1] + DG_TILE - 1) / DG_TILE;
}

dg_fold dg_fold_over(const dg_walk *w, int by_rows)
{
    dg_fold f = {.walk = without_axes(w), .columns = 1};
    int kept[DG_MAX_RANK] = {0};
    for (int k = 0; k < w->rank; k++) {
        kept[k] = w->step[0][k] != 0;
        if (w->dim[k] != 1)
            f.columns = kept[k];
    }
    append(&f.walk, w, 0, kept, 1);
    if (f.columns && f.walk.rank == 0)
        append_one(&f.walk);
    f.kept = f.walk.rank;
    f.apart = by_rows && w->rank > 0 && !kept[0] && w->dim[0] != 1;
    if (f.apart)
        copy_axis(&f.walk, f.walk.rank++, w, 0);
    append(&f.walk, w, f.apart, kept, 0);
    /* Rows alone are contiguous: each of them is a run of one element. */
    if (!f.columns && f.walk.rank == f.kept + f.apart)
        append_one(&f.walk);
    f.units = f.columns ? dg_walk_count(&f.walk, 0, f.kept - 1) * tiles(&f)
                        : dg_walk_count(&f.walk, 0, f.kept);
    return f;
}

int64_t dg_fold_first(const dg_fold *f, int64_t u)
{
    if (!f->columns || u == 0)
        return u;
    int64_t run = f->walk.dim[f->kept - 1], n = tiles(f);
    return u / n * run + u % n * DG_TILE;
}

#endif
