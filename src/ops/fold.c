/* The loops of ops/fold.h. A sum starts with -0, which adds nothing, not even to -0: so the sum
 * of one term is that term, and a batch of one row has the bits that it has in a larger one. */
#ifdef DG_REAL

#include "ops/fold.h"
#include "base/vec.h"

enum {
    VECS_OF_TILE = DG_TILE / VEC_N,
    VECS = VECS_OF_TILE < 8 ? VECS_OF_TILE : 8 /* columns of one pass, in registers */
};

/* A sum in two levels, the block under way and those before it; of f32 in f64, which needs none. */
typedef struct {
    vec block[VECS], total[VECS];
    vec64 half[2 * VECS];
    int steps;
} columns;

typedef struct {
    wide block, total;
    vec64 half[2 * WIDE_N];
    int64_t steps;
} lanes;

/* half[0] and half[1] take the two halves of v. */
DG_INLINE void add_halves(vec64 half[2], vec v)
{
#if DG_REAL == 32
    half[0] += vec_low64(v);
    half[1] += vec_high64(v);
#else
    (void)half, (void)v;
#endif
}

DG_INLINE vec from_halves(const vec64 half[2])
{
#if DG_REAL == 32
    return vec_from64(half[0], half[1]);
#else
    return (vec)half[0];
#endif
}

/* Whether a fold goes by halves. */
DG_INLINE int by_halves(dg_fold_kind kind)
{
    return DG_REAL == 32 && kind == DG_FOLD_SUM;
}

DG_INLINE vec join(dg_fold_kind kind, vec a, vec b)
{
    if (kind == DG_FOLD_SUM)
        return a + b;
    return vec_max(a, b);
}

DG_INLINE real neutral(dg_fold_kind kind)
{
    return kind == DG_FOLD_SUM ? (real)-0.0 : -(real)HUGE_VAL;
}

/* The terms of elements i .. i+n-1 at a place. */
DG_INLINE const real *terms(const DG_T(dg_terms) * t, const int64_t at[], int64_t i, int64_t n,
                            real *made)
{
    if (!t->fill)
        return t->source + at[1] + i;
    t->fill(t->context, at, i, n, made);
    return made;
}

DG_INLINE void flush_columns(columns *s, int vecs, dg_fold_kind kind)
{
    for (int k = 0; k < vecs; k++) {
        if (by_halves(kind)) {
            s->total[k] = from_halves(&s->half[2 * k]);
            continue;
        }
        s->total[k] = join(kind, s->total[k], s->block[k]);
        s->block[k] = vec_set1(neutral(kind));
    }
    s->steps = 0;
}

/* One more term for each of n columns, n = vecs VEC_N or, with vecs 1, less. */
DG_INLINE void step_columns(columns *s, const real *p, int vecs, int n, dg_fold_kind kind)
{
    for (int k = 0; k < vecs; k++) {
        vec v = n < VEC_N ? vec_load_n(p, n) : vec_load(p + k * VEC_N);
        if (by_halves(kind))
            add_halves(&s->half[2 * k], v);
        else
            s->block[k] = join(kind, s->block[k], v);
    }
    if (++s->steps == DG_FOLD_BLOCK && !by_halves(kind))
        flush_columns(s, vecs, kind);
}

/* All places of axes from `first` on, at one place of the others. The last of these axes has a
 * loop of its own, since it is all there is in most cases. */
DG_INLINE columns sum_columns(const dg_walk *w, int first, dg_cursor at, int64_t i, int vecs, int n,
                              dg_fold_kind kind, const DG_T(dg_terms) * t)
{
    const int last = w->rank - 1, inner = last >= first;
    const int64_t times = inner ? w->dim[last] : 1;
    real made[DG_TILE];
    columns s;
    for (int k = 0; k < vecs; k++) {
        s.block[k] = s.total[k] = vec_set1(neutral(kind));
        s.half[2 * k] = s.half[2 * k + 1] = vec64_set1(-0.0);
    }
    s.steps = 0;
    do {
        dg_cursor here = at;
        for (int64_t j = 0; j < times; j++) {
            step_columns(&s, terms(t, here.at, i, n, made), vecs, n, kind);
            for (int a = 1; a < w->arrays && inner; a++)
                here.at[a] += w->step[a][last];
        }
    } while (dg_walk_next(w, first, inner ? last : first, &at));
    flush_columns(&s, vecs, kind);
    return s;
}

/* vec_add_pair for very many terms: low stays below a rounding of high. */
DG_INLINE void add_to_pair(vec *high, vec *low, vec x)
{
    vec_add_pair(high, low, x);
    const vec sum = *high;
    *high += *low;
    *low -= *high - sum;
}

/* n columns from column i on, all rows. */
DG_INLINE void fold_columns(const dg_fold *f, dg_cursor at, int64_t i, int vecs, int n,
                            dg_fold_kind kind, const DG_T(dg_terms) * t, int add, real *out)
{
    const dg_walk *w = &f->walk;
    const int64_t rows = f->apart ? w->dim[f->kept] : 1;
    vec sum[VECS], low[VECS];
    for (int k = 0; k < vecs; k++) {
        sum[k] = vec_set1(neutral(kind));
        low[k] = vec_set1(0);
        if (add)
            sum[k] = n < VEC_N ? vec_load_n(out, n) : vec_load(out + k * VEC_N);
        if (add && t->pair)
            low[k] = vec_load_n(out + t->pair + k * VEC_N, n - k * VEC_N);
    }
    for (int64_t r = 0; r < rows; r++) {
        columns s = sum_columns(w, f->kept + f->apart, at, i, vecs, n, kind, t);
        for (int k = 0; k < vecs; k++)
            if (t->pair)
                add_to_pair(&sum[k], &low[k], s.total[k]);
            else
                sum[k] = join(kind, sum[k], s.total[k]);
        for (int a = 0; a < w->arrays && f->apart; a++)
            at.at[a] += w->step[a][f->kept];
    }
    for (int k = 0; k < vecs; k++) {
        vec_store_n(out + k * VEC_N, n - k * VEC_N, sum[k]);
        if (t->pair)
            vec_store_n(out + t->pair + k * VEC_N, n - k * VEC_N, low[k]);
    }
}

/* Columns i .. end-1 at a place of the other kept axes; out: column i. */
DG_INLINE void fold_tile(const dg_fold *f, const dg_cursor *at, int64_t i, int64_t end,
                         dg_fold_kind kind, const DG_T(dg_terms) * t, int add, real *out)
{
    for (; i + VECS * VEC_N <= end; i += VECS * VEC_N, out += VECS * VEC_N)
        fold_columns(f, *at, i, VECS, VECS * VEC_N, kind, t, add, out);
    for (; i < end; i += VEC_N, out += VEC_N)
        fold_columns(f, *at, i, 1, end - i < VEC_N ? (int)(end - i) : VEC_N, kind, t, add, out);
}

DG_INLINE void flush_lanes(lanes *s, dg_fold_kind kind)
{
    for (int k = 0; k < WIDE_N; k++) {
        s->total.v[k] = join(kind, s->total.v[k], s->block.v[k]);
        s->block.v[k] = vec_set1(neutral(kind));
    }
    s->steps = 0;
}

DG_INLINE void add_lanes(lanes *s, wide w, dg_fold_kind kind)
{
    for (int k = 0; k < WIDE_N; k++)
        if (by_halves(kind))
            add_halves(&s->half[2 * k], w.v[k]);
        else
            s->block.v[k] = join(kind, s->block.v[k], w.v[k]);
}

/* The sum of all halves, by the tree of base/vec.h. */
DG_INLINE real total_of_halves(lanes *s)
{
    for (int n = WIDE_N; n; n /= 2)
        for (int k = 0; k < n; k++)
            s->half[k] += s->half[k + n];
    return (real)vec64_total(s->half[0]);
}

/* n terms of a run, the first of which belongs to lane 0. */
DG_INLINE void step_lanes(lanes *s, const real *p, int64_t n, dg_fold_kind kind)
{
    int64_t i = 0;
    for (; i + DG_LANES <= n; i += DG_LANES)
        add_lanes(s, wide_load(p + i), kind);
    if (i < n)
        add_lanes(s, wide_load_n(p + i, (int)(n - i), neutral(kind)), kind);
    s->steps += (n + DG_LANES - 1) / DG_LANES;
    if (s->steps >= DG_FOLD_BLOCK && !by_halves(kind))
        flush_lanes(s, kind);
}

/* All places of the summed axes, the last of them contiguous, at one place of the others. */
DG_INLINE real sum_lanes(const dg_walk *w, int first, dg_cursor at, dg_fold_kind kind,
                         const DG_T(dg_terms) * t)
{
    const int last = w->rank - 1;
    const int64_t run = w->dim[last];
    real made[DG_SEGMENT];
    lanes s;
    s.block = s.total = wide_set1(neutral(kind));
    for (int k = 0; k < 2 * WIDE_N; k++)
        s.half[k] = vec64_set1(-0.0);
    s.steps = 0;
    do {
        for (int64_t i = 0; i < run; i += DG_SEGMENT) {
            int64_t n = run - i < DG_SEGMENT ? run - i : DG_SEGMENT;
            step_lanes(&s, terms(t, at.at, i, n, made), n, kind);
        }
    } while (dg_walk_next(w, first, last, &at));
    if (by_halves(kind))
        return total_of_halves(&s);
    flush_lanes(&s, kind);
    return kind == DG_FOLD_SUM ? wide_total(s.total) : wide_top(s.total);
}

DG_INLINE void fold_element(const dg_fold *f, dg_cursor at, dg_fold_kind kind,
                            const DG_T(dg_terms) * t, int add, real *out)
{
    const dg_walk *w = &f->walk;
    const int64_t rows = f->apart ? w->dim[f->kept] : 1;
    vec sum = vec_set1(add ? *out : neutral(kind));
    vec low = vec_set1(add && t->pair ? out[t->pair] : 0);
    for (int64_t r = 0; r < rows; r++) {
        vec row = vec_set1(sum_lanes(w, f->kept + f->apart, at, kind, t));
        if (t->pair)
            add_to_pair(&sum, &low, row);
        else
            sum = join(kind, sum, row);
        for (int a = 0; a < w->arrays && f->apart; a++)
            at.at[a] += w->step[a][f->kept];
    }
    *out = sum[0];
    if (t->pair)
        out[t->pair] = low[0];
}

/* Units u0 .. u1-1 of a fold that has terms. */
DG_INLINE void fold_units(const dg_fold *f, int64_t u0, int64_t u1, dg_fold_kind kind,
                          const DG_T(dg_terms) * t, int add, real *out)
{
    const dg_walk *w = &f->walk;
    dg_cursor at = dg_walk_seek(w, f->kept, f->columns ? 0 : u0);
    for (int64_t u = u0; u < u1 && !f->columns; u++) {
        fold_element(f, at, kind, t, add, out + at.at[0]);
        dg_walk_next(w, 0, f->kept, &at);
    }
    for (int64_t u = u0; u < u1 && f->columns; u++) {
        int64_t run = w->dim[f->kept - 1], first = dg_fold_first(f, u);
        int64_t i = first % run, end = i + dg_fold_first(f, u + 1) - first;
        at = dg_walk_seek(w, f->kept - 1, first / run);
        fold_tile(f, &at, i, end, kind, t, add, out + at.at[0] + i);
    }
}

void DG_T(dg_fold_units)(const dg_fold *f, int64_t u0, int64_t u1, dg_fold_kind kind,
                         const DG_T(dg_terms) * t, int add, real *out)
{
    const dg_walk *w = &f->walk;
    if (dg_walk_count(w, f->kept, w->rank) > 0) {
        if (kind == DG_FOLD_SUM)
            fold_units(f, u0, u1, DG_FOLD_SUM, t, add, out);
        else
            fold_units(f, u0, u1, DG_FOLD_MAX, t, add, out);
        return;
    }
    for (int64_t j = dg_fold_first(f, u0); j < dg_fold_first(f, u1) && !add; j++)
        out[w->start[0] + j] = kind == DG_FOLD_SUM ? 0 : -(real)HUGE_VAL;
}

#endif
