/* The certificate of a node; see certify.h. */
#include "engine/certify.h"
#include "base/philox.h"
#include "engine/probe.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLE = 24 }; /* rows and columns of the Jacobian that are looked at after a failure */

static double norm(const double *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    return sqrt(sum);
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

static double dot(const double *x, const double *y, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i] * y[i];
    return sum;
}

static void draw(double *x, int64_t n, uint64_t seed, uint64_t stream)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = 2 * dg_uniform(seed, stream, (uint64_t)i) - 1;
}

/* Work vectors of one input: results and inputs, each of their size. */
typedef struct vectors {
    double *v, *jtw;                  /* of the input */
    double *w, *jv, *fd, *bad, *fall; /* of the result; bad: 1 where a kink is near */
} vectors;

static int make_vectors(vectors *x, int64_t in, int64_t out)
{
    double *p = calloc((size_t)(2 * in + 5 * out + 1), sizeof *p);
    *x = (vectors){p,
                   p + in,
                   p + 2 * in,
                   p + 2 * in + out,
                   p + 2 * in + 2 * out,
                   p + 2 * in + 3 * out,
                   p + 2 * in + 4 * out};
    return p != NULL;
}

/* The limit of differences for a derivative of this size. In f32 they are as wrong as the results
 * are rounded, however small the derivative. */
static double difference_limit(const dg_probe *p, double size)
{
    if (p->real == DG_F64)
        return p->has_tangent ? 1e-10 : 1e-9;
    double results = dg_probe_size(p);
    return size > 0 && results > size ? 1e-4 * results / size : 1e-4;
}

static double over(double x, double size)
{
    return size > 0 ? x / size : x;
}

/* <FD v, w> stands for <Jv, w>; near a kink w is 0. */
static int check_bare(dg_probe *p, int input, vectors *x, dg_finding *f)
{
    int64_t n = dg_probe_in(p, input), m = dg_probe_out(p);
    double jw = norm(x->w, m);
    for (int64_t i = 0; i < m; i++)
        x->w[i] = x->bad[i] > 0 ? 0 : x->w[i];
    dg_probe_adjoint(p, input, x->w, x->jtw);
    double gap = fabs(dot(x->fd, x->w, m) - dot(x->v, x->jtw, n));
    double scale = larger(norm(x->fd, m) * jw, norm(x->v, n) * norm(x->jtw, n));
    double d = over(gap, scale), limit = difference_limit(p, over(scale, jw));
    f->difference = d <= f->difference ? f->difference : d; /* keeps a NaN */
    f->difference_limit = larger(f->difference_limit, limit);
    return d <= limit;
}

/* One input: figures into f; 1 if it passed. */
static int check_input(dg_probe *p, int input, uint64_t seed, vectors *x, dg_finding *f)
{
    int64_t n = dg_probe_in(p, input), m = dg_probe_out(p);
    draw(x->v, n, seed, (uint64_t)(2 * input));
    draw(x->w, m, seed, (uint64_t)(2 * input + 1));
    f->kinks += dg_probe_difference(p, input, x->v, x->fd, x->bad);
    f->components += m;
    if (!p->has_tangent)
        return check_bare(p, input, x, f);
    dg_probe_adjoint(p, input, x->w, x->jtw);
    dg_probe_tangent(p, input, x->v, x->jv);
    double back = dot(x->v, x->jtw, n), scale = norm(x->v, n) * norm(x->jtw, n);
    double jw = norm(x->w, m), jv = norm(x->jv, m), size = larger(jv, over(scale, jw));
    double identity = over(fabs(dot(x->jv, x->w, m) - back), larger(jv * jw, scale));
    for (int64_t i = 0; i < m; i++)
        x->fall[i] = x->bad[i] > 0 ? 0 : x->jv[i] - x->fd[i];
    double difference = over(norm(x->fall, m), size), limit = difference_limit(p, size);
    f->identity = identity <= f->identity ? f->identity : identity;
    f->difference = difference <= f->difference ? f->difference : difference;
    f->difference_limit = larger(f->difference_limit, limit);
    return identity <= f->identity_limit && difference <= limit;
}

/* ---- after a failure ------------------------------------------------------------------------- */

/* A sample of the Jacobian: expected by differences, found by adjoint or tangent. */
typedef struct sample {
    int rows, columns;
    int64_t row[SAMPLE], column[SAMPLE];
    double expected[SAMPLE][SAMPLE], adjoint[SAMPLE][SAMPLE], tangent[SAMPLE][SAMPLE];
    int kink[SAMPLE][SAMPLE]; /* near one: left out */
    double near, nothing;     /* how far equal entries differ, by size; what counts as 0 */
} sample;

/* Up to SAMPLE indices of n: all of them, or the first ones, the last ones, and some between. */
static int choose(int64_t n, int64_t index[SAMPLE])
{
    int k = 0;
    for (int64_t i = 0; n <= SAMPLE && i < n; i++)
        index[k++] = i;
    for (int i = 0; n > SAMPLE && i < SAMPLE; i++)
        index[k++] = i < 8 ? i : i >= SAMPLE - 8 ? n - SAMPLE + i : n * i / SAMPLE;
    return k;
}

static void take_sample(dg_probe *p, int input, vectors *x, sample *s)
{
    int64_t n = dg_probe_in(p, input), m = dg_probe_out(p);
    s->rows = choose(m, s->row);
    s->columns = choose(n, s->column);
    for (int c = 0; c < s->columns; c++) {
        memset(x->v, 0, (size_t)n * sizeof *x->v);
        x->v[s->column[c]] = 1;
        dg_probe_difference(p, input, x->v, x->fd, x->bad);
        memset(x->jv, 0, (size_t)m * sizeof *x->jv);
        if (p->has_tangent)
            dg_probe_tangent(p, input, x->v, x->jv);
        for (int r = 0; r < s->rows; r++) {
            int64_t i = s->row[r];
            s->kink[r][c] = x->bad[i] > 0;
            s->expected[r][c] = x->fd[i];
            s->tangent[r][c] = s->kink[r][c] ? x->fd[i] : x->jv[i];
        }
    }
    for (int r = 0; r < s->rows; r++) {
        memset(x->w, 0, (size_t)m * sizeof *x->w);
        x->w[s->row[r]] = 1;
        dg_probe_adjoint(p, input, x->w, x->jtw);
        for (int c = 0; c < s->columns; c++)
            s->adjoint[r][c] = s->kink[r][c] ? s->expected[r][c] : x->jtw[s->column[c]];
    }
}

static double worst(const sample *s, const double found[SAMPLE][SAMPLE], dg_finding *f)
{
    double most = -1;
    for (int r = 0; r < s->rows; r++) {
        for (int c = 0; c < s->columns; c++) {
            double d = fabs(found[r][c] - s->expected[r][c]);
            if (d <= most)
                continue;
            most = isnan(d) ? (double)INFINITY : d;
            f->row = s->row[r];
            f->column = s->column[c];
            f->expected = s->expected[r][c];
            f->found = found[r][c];
        }
    }
    return most;
}

/* |found - a expected| / |expected| over the sample. */
static double misfit(const sample *s, const double found[SAMPLE][SAMPLE], double a)
{
    double sum = 0, all = 0;
    for (int r = 0; r < s->rows; r++) {
        for (int c = 0; c < s->columns; c++) {
            double d = found[r][c] - a * s->expected[r][c];
            sum += d * d;
            all += s->expected[r][c] * s->expected[r][c];
        }
    }
    return all > 0 ? sqrt(sum / all) : sqrt(sum);
}

static double best_scale(const sample *s, const double found[SAMPLE][SAMPLE])
{
    double up = 0, down = 0;
    for (int r = 0; r < s->rows; r++)
        for (int c = 0; c < s->columns; c++) {
            up += found[r][c] * s->expected[r][c];
            down += s->expected[r][c] * s->expected[r][c];
        }
    return down > 0 ? up / down : 0;
}

/* Entries that agree, that are 0 where they should not be, that agree with the next column. */
typedef struct census {
    int all, right, zero, shifted, transposed;
} census;

static census count(const sample *s, const double found[SAMPLE][SAMPLE], int square)
{
    census n = {0};
    for (int r = 0; r < s->rows; r++) {
        for (int c = 0; c < s->columns; c++) {
            double e = s->expected[r][c], x = found[r][c], near = s->near * (fabs(e) + 1e-3);
            if (fabs(e) <= s->nothing && fabs(x) <= s->nothing)
                continue;
            n.all++;
            n.right += fabs(x - e) <= near;
            n.zero += fabs(x) <= 1e-12 && fabs(e) > s->nothing;
            double next = c + 1 < s->columns ? s->expected[r][c + 1] : 0;
            double last = c > 0 ? s->expected[r][c - 1] : 0;
            double above = r > 0 ? s->expected[r - 1][c] : 0;
            double below = r + 1 < s->rows ? s->expected[r + 1][c] : 0;
            n.shifted += fabs(x - next) <= near || fabs(x - last) <= near ||
                         fabs(x - above) <= near || fabs(x - below) <= near;
            n.transposed +=
                square && r < s->columns && c < s->rows && fabs(x - s->expected[c][r]) <= near;
        }
    }
    return n;
}

/* 1: only the entries of one row of the batch are there. */
static int one_row_only(const sample *s, const double found[SAMPLE][SAMPLE], int64_t per_row)
{
    int there = 0, gone = 0;
    int64_t only = -1;
    for (int r = 0; r < s->rows && per_row > 0; r++) {
        double e = 0, x = 0, d = 0;
        for (int c = 0; c < s->columns; c++) {
            e += fabs(s->expected[r][c]);
            x += fabs(found[r][c]);
            d += fabs(found[r][c] - s->expected[r][c]);
        }
        if (e <= s->nothing)
            continue;
        if (x <= 1e-12 * e) {
            gone++;
        } else if (d <= s->near * e && (only < 0 || only == s->row[r] / per_row)) {
            only = s->row[r] / per_row;
            there++;
        } else {
            return 0;
        }
    }
    return there > 0 && gone > 0;
}

static void guess(dg_probe *p, int input, const sample *s, const double found[SAMPLE][SAMPLE],
                  dg_finding *f)
{
    char *to = f->guess;
    size_t size = sizeof f->guess;
    int square = dg_probe_in(p, input) == dg_probe_out(p);
    double a = best_scale(s, found);
    census n = count(s, found, square);
    if (dg_probe_depends_on_garbage(p, input, strcmp(f->wrong, "tangent") == 0))
        snprintf(to, size, "the result depends on what was in its memory: write, do not add");
    else if (n.all > 0 && n.zero == n.all)
        snprintf(to, size, "nothing comes back: is the term missing?");
    else if (misfit(s, found, -1) < s->near)
        snprintf(to, size, "the sign is wrong");
    else if (misfit(s, found, a) < s->near)
        snprintf(to, size, "the scale is wrong: it is %.6g times what it should be", a);
    else if (square && n.transposed == n.all && n.right < n.all)
        snprintf(to, size, "the Jacobian is not transposed, or twice");
    else if (!p->in_rows[input] && p->out_rows && one_row_only(s, found, dg_probe_row(p)))
        snprintf(to, size, "one row only comes back: it is not summed over the rows of the batch");
    else if (n.zero > 0 && n.zero + n.right == n.all)
        snprintf(to, size, "a part is missing: %d of %d entries are 0", n.zero, n.all);
    else if (n.shifted > n.all * 3 / 4)
        snprintf(to, size, "entries stand one place off");
    else if (misfit(s, found, a) < 0.99 && n.right > 0)
        snprintf(to, size, "a term is missing or wrong: %d of %d entries are right", n.right,
                 n.all);
    else
        snprintf(to, size, "a term is missing or wrong");
}

static void explain(dg_probe *p, int input, vectors *x, dg_finding *f)
{
    sample *s = calloc(1, sizeof *s);
    if (!s)
        return;
    s->near = p->real == DG_F64 ? 1e-6 : 1e-3;
    s->nothing = p->real == DG_F64 ? 1e-9 : 1e-4;
    take_sample(p, input, x, s);
    dg_finding back = *f, forth = *f;
    double adjoint = worst(s, s->adjoint, &back);
    double tangent = p->has_tangent ? worst(s, s->tangent, &forth) : 0;
    int is_tangent = tangent > s->near && tangent >= adjoint;
    *f = is_tangent ? forth : back;
    f->wrong = is_tangent ? "tangent" : "adjoint";
    guess(p, input, s, is_tangent ? s->tangent : s->adjoint, f);
    free(s);
}

dg_status dg_certify_node(const dg_graph *g, const dg_naive *at, int node, const dg_isa *isa,
                          const dg_math *math, uint64_t seed, dg_finding *f, dg_diag *why)
{
    dg_probe p;
    memset(f, 0, sizeof *f);
    dg_status s = dg_probe_make(&p, g, at, node, isa, math, why);
    f->node = p.name;
    f->type = p.type->name;
    f->tangent = p.has_tangent;
    f->passed = 1;
    f->identity_limit = p.real == DG_F64 ? 1e-13 : 1e-5;
    for (int i = 0; s == DG_OK && f->passed && i < p.c.n_in; i++) {
        vectors x;
        if (!dg_probe_differentiable(&p, i))
            continue;
        if (!make_vectors(&x, dg_probe_in(&p, i), dg_probe_out(&p))) {
            s = dg_diag_set(why, DG_EMEMORY, "out of memory");
            break;
        }
        f->inputs++;
        f->passed = check_input(&p, i, seed, &x, f);
        f->input = dg_probe_input_name(&p, i);
        if (!f->passed && p.failed == DG_OK)
            explain(&p, i, &x, f);
        s = p.failed;
        free(x.v);
    }
    if (s != DG_OK && why && why->code == DG_OK)
        *why = p.why;
    dg_probe_free(&p);
    return s;
}
