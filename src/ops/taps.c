/* Maps along axes: their tables, and the loops over them. */
#include "ops/taps.h"
#include "ops/op.h"

#ifndef DG_REAL

/* The axes that change, with those between them: first to end - 1. None: the rows stay apart. */
static void changing(const dg_shape *x, const dg_shape *y, int *first, int *end)
{
    int none = 1;
    *first = *end = x->rank > 0;
    for (int k = x->rank - 1; k >= 0; k--)
        if (x->dim[k] != y->dim[k]) {
            *end = none ? k + 1 : *end;
            *first = k;
            none = 0;
        }
}

static size_t most_taps(int64_t in, int64_t out)
{
    return (size_t)(in + 2 * out);
}

size_t dg_map_scratch(const dg_shape *x, const dg_shape *y)
{
    int first, end;
    size_t bytes = 0;
    changing(x, y, &first, &end);
    for (int k = first; k < end; k++)
        bytes += 2 * most_taps(x->dim[k], y->dim[k]) * sizeof(dg_tap) +
                 (size_t)(x->dim[k] + y->dim[k] + 2) * sizeof(int64_t);
    return bytes;
}

/* Room of the scratch, a piece after the other. */
static void *take(char **room, size_t bytes)
{
    void *p = *room;
    *room += bytes;
    return p;
}

static dg_taps empty(int64_t in, int64_t out, size_t most, char **room)
{
    dg_taps t = {.in = in, .out = out};
    t.begin = take(room, (size_t)(out + 1) * sizeof *t.begin);
    t.tap = take(room, most * sizeof *t.tap);
    return t;
}

static dg_taps by_rows(int64_t in, int64_t out, int axis, dg_tap_fn *taps, const void *of,
                       char **room)
{
    dg_taps t = empty(in, out, most_taps(in, out), room);
    t.begin[0] = 0;
    for (int64_t o = 0; o < out; o++)
        t.begin[o + 1] = t.begin[o] + taps(of, axis, o, t.tap + t.begin[o]);
    return t;
}

/* Counted, then put in their places in the order of rows. */
static dg_taps transpose(const dg_taps *r, size_t most, char **room)
{
    dg_taps t = empty(r->out, r->in, most, room);
    memset(t.begin, 0, (size_t)(t.out + 1) * sizeof *t.begin);
    for (int64_t j = 0; j < r->begin[r->out]; j++)
        t.begin[r->tap[j].index]++;
    for (int64_t i = 0, sum = 0; i <= t.out; i++) {
        sum += t.begin[i];
        t.begin[i] = sum; /* the end of row i: filled from there back to its beginning */
    }
    for (int64_t o = r->out - 1; o >= 0; o--)
        for (int64_t j = r->begin[o + 1] - 1; j >= r->begin[o]; j--)
            t.tap[--t.begin[r->tap[j].index]] = (dg_tap){o, r->tap[j].weight};
    return t;
}

dg_map dg_map_make(const dg_shape *x, const dg_shape *y, dg_tap_fn *taps, const void *of,
                   int transposed, void *scratch)
{
    dg_map m = {.outer = 1, .inner = 1};
    char *room = scratch;
    int first, end;
    changing(x, y, &first, &end);
    for (int k = 0; k < first; k++)
        m.outer *= x->dim[k];
    for (int k = end; k < x->rank; k++)
        m.inner *= x->dim[k];
    for (int k = first; k < end; k++) {
        size_t most = most_taps(x->dim[k], y->dim[k]);
        dg_taps r = by_rows(x->dim[k], y->dim[k], k, taps, of, &room);
        m.axis[m.axes++] = transposed ? transpose(&r, most, &room) : r;
    }
    return m;
}

#else

enum { TILE = 64 }; /* numbers of the inner axes that are summed together */

/* sum += what the taps of axes k and later give, from place `from` of the axes before them. */
static void add_taps(const dg_map *m, int k, const int64_t at[], int64_t from, double weight,
                     const real *x, int n, double sum[TILE])
{
    if (k == m->axes) {
        const real *place = x + from * m->inner;
        for (int i = 0; i < n; i++)
            sum[i] += weight * (double)place[i];
        return;
    }
    const dg_taps *t = &m->axis[k];
    for (int64_t j = t->begin[at[k]]; j < t->begin[at[k] + 1]; j++)
        add_taps(m, k + 1, at, from * t->in + t->tap[j].index, weight * t->tap[j].weight, x, n,
                 sum);
}

/* The inner numbers of one place of y. A sum starts at -0, which adds nothing. */
static void place(const dg_map *m, const int64_t at[], const real *x, real *y)
{
    for (int64_t i = 0; i < m->inner; i += TILE) {
        int n = m->inner - i < TILE ? (int)(m->inner - i) : TILE;
        double sum[TILE];
        for (int j = 0; j < n; j++)
            sum[j] = -0.0;
        add_taps(m, 0, at, 0, 1, x + i, n, sum);
        for (int j = 0; j < n; j++)
            y[i + j] = (real)sum[j];
    }
}

static void count(const dg_map *m, int64_t *in, int64_t *out)
{
    *in = *out = m->inner;
    for (int k = 0; k < m->axes; k++) {
        *in *= m->axis[k].in;
        *out *= m->axis[k].out;
    }
}

static void apply(const dg_map *m, int64_t begin, int64_t end, const real *x, real *y)
{
    int64_t in, out;
    count(m, &in, &out);
    for (int64_t o = begin; o < end; o++) {
        int64_t at[DG_MAX_RANK] = {0};
        for (int64_t p = 0; p < out; p += m->inner) {
            place(m, at, x + o * in, y + o * out + p);
            for (int k = m->axes - 1; k >= 0 && ++at[k] == m->axis[k].out; k--)
                at[k] = 0;
        }
    }
}

dg_status DG_T(dg_map_run)(const dg_call *c, dg_tap_fn *taps, const void *of)
{
    int back = c->direction == DG_CALL_ADJOINT;
    const real *x = back ? c->eps[0] : c->direction == DG_CALL_TANGENT ? c->din[0] : c->in[0];
    real *y = back ? c->delta[0] : c->direction == DG_CALL_TANGENT ? c->dout[0] : c->out[0];
    if (!y)
        return DG_OK;
    const dg_shape *from = &c->in_shape[0], *to = &c->out_shape[0];
    dg_map m = dg_map_make(from, to, taps, of, back, c->scratch);
    int64_t begin = 0, end = m.outer, in, out;
    if (from->rank > 0 && from->dim[0] == to->dim[0] && from->dim[0] > 0) {
        begin = m.outer / from->dim[0] * c->row0;
        end = m.outer / from->dim[0] * c->row1;
    }
    count(&m, &in, &out);
    if (x)
        apply(&m, begin, end, x, y);
    else
        DG_T(dg_fill)((end - begin) * out, 0, y + begin * out);
    return DG_OK;
}

#endif
