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
    double *v, *jtw, *scale, *other; /* of the input */
    double *w, *jv, *fd, *bad, *fall, *trust,
        *again; /* of the result; bad: 1 where a kink is near */
} vectors;

static int make_vectors(vectors *x, int64_t in, int64_t out)
{
    double *p = calloc((size_t)(4 * in + 7 * out + 1), sizeof *p), *r = p + 4 * in;
    *x = (vectors){p,           p + in,      p + 2 * in,  p + 3 * in,  r,          r + out,
                   r + 2 * out, r + 3 * out, r + 4 * out, r + 5 * out, r + 6 * out};
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

/* Differences along a direction of the size of the input, as a rate: of v and jv as they were
 * drawn. */
static int64_t take_differences(dg_probe *p, int input, const vectors *x)
{
    int64_t n = dg_probe_in(p, input);
    dg_probe_scale(p, input, x->scale);
    for (int64_t i = 0; i < n; i++)
        x->scale[i] *= x->v[i];
    return dg_probe_difference(p, input, x->scale, x->fd, x->bad, x->trust);
}

/* <FD v, w> stands for <Jv, w>; near a kink w is 0. */
static int check_bare(dg_probe *p, int input, vectors *x, dg_finding *f)
{
    int64_t n = dg_probe_in(p, input), m = dg_probe_out(p);
    double jw = norm(x->w, m);
    for (int64_t i = 0; i < m; i++)
        x->w[i] = x->bad[i] > 0 ? 0 : x->w[i];
    dg_probe_adjoint(p, input, x->w, x->jtw);
    double gap = fabs(dot(x->fd, x->w, m) - dot(x->scale, x->jtw, n));
    double scale = larger(norm(x->fd, m) * jw, norm(x->scale, n) * norm(x->jtw, n));
    double spare = norm(x->trust, m) * jw;
    double d = over(gap > spare ? gap - spare : gap <= spare ? 0 : gap, scale);
    double limit = difference_limit(p, over(scale, jw));
    f->difference = d <= f->difference ? f->difference : d; /* keeps a NaN */
    f->difference_limit = larger(f->difference_limit, limit);
    return d <= limit;
}

/* What rounding makes of a linear map: |J (a x) - a J x|, a being no power of 2. It stands against
 * what cancels, as in a softmax that is saturated. No more than 1000 roundings of the results are
 * believed, so that what is not linear is no rounding. */
static const double STRETCH = 0.7236067977499789;

static double rounding(const double *once, const double *stretched, int64_t n, double most)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        double d = stretched[i] - STRETCH * once[i];
        sum += d * d;
    }
    double found = sqrt(sum);
    return found <= most ? found : 0;
}

static double rounding_of_tangent(dg_probe *p, int input, vectors *x, double most)
{
    int64_t n = dg_probe_in(p, input), m = dg_probe_out(p);
    for (int64_t i = 0; i < n; i++)
        x->other[i] = STRETCH * x->v[i];
    dg_probe_tangent(p, input, x->other, x->again);
    for (int64_t i = 0; i < m; i++)
        x->again[i] = x->fall[i] > 0 ? 0 : x->again[i];
    return rounding(x->jv, x->again, m, most);
}

static double rounding_of_adjoint(dg_probe *p, int input, vectors *x, double most)
{
    int64_t n = dg_probe_in(p, input), m = dg_probe_out(p);
    for (int64_t i = 0; i < m; i++)
        x->again[i] = STRETCH * x->w[i];
    dg_probe_adjoint(p, input, x->again, x->other);
    return rounding(x->jtw, x->other, n, most);
}

/* fall[i] = 1 where result i, or its perturbation, is not finite: there is no derivative. w is 0
 * there. */
static void leave_out(dg_probe *p, int input, vectors *x)
{
    dg_probe_tangent_over_zeros(p, input, x->v, x->fd);
    int64_t m = dg_probe_results(p, x->again);
    for (int64_t i = 0; i < m; i++) {
        x->fall[i] = isfinite(x->again[i]) && isfinite(x->fd[i]) ? 0 : 1;
        x->again[i] = isfinite(x->again[i]) ? x->again[i] : 0;
        x->jv[i] = x->fall[i] > 0 ? 0 : x->jv[i];
        x->w[i] = x->fall[i] > 0 ? 0 : x->w[i];
    }
}

/* And what may be left of terms that cancel nearly or quite, as of a softmax that is saturated,
 * where stretching shows nothing: a few roundings of J v as it is nearer to 0. */
static double rounding_of_terms(dg_probe *p, int input, vectors *x, double eps)
{
    int64_t m = dg_probe_out(p);
    double sum = 0;
    dg_probe_tangent_at(p, input, 0x1p-20, x->v, x->again);
    for (int64_t i = 0; i < m; i++)
        sum += isfinite(x->again[i]) ? x->again[i] * x->again[i] : 0;
    return eps * sqrt(sum);
}

/* <Jv, w> against <v, J^t w>. *size: of Jv, by either. */
static double identity_of(dg_probe *p, int input, vectors *x, double *size)
{
    int64_t n = dg_probe_in(p, input), m = dg_probe_out(p);
    dg_probe_tangent(p, input, x->v, x->jv);
    leave_out(p, input, x);
    dg_probe_adjoint(p, input, x->w, x->jtw);
    double jv = norm(x->jv, m), jw = norm(x->w, m), v = norm(x->v, n);
    double scale = v * norm(x->jtw, n), eps = p->real == DG_F64 ? 0x1p-52 : 0x1p-23;
    double gap = fabs(dot(x->jv, x->w, m) - dot(x->v, x->jtw, n));
    double in = dg_probe_scale(p, input, x->scale), out = norm(x->again, m);
    double most =
        isfinite(out) && isfinite(in) ? 1000 * eps * (1 + out) * (1 + (in > 0 ? 1 / in : 0)) : 0;
    double spare = gap > 1e-14 * larger(jv * jw, scale)
                       ? 16 * (rounding_of_tangent(p, input, x, most * v) * jw +
                               rounding_of_adjoint(p, input, x, most * jw) * v +
                               rounding_of_terms(p, input, x, eps) * jw)
                       : 0;
    *size = larger(jv, over(scale, jw));
    return over(gap > spare ? gap - spare : gap <= spare ? 0 : gap, larger(jv * jw, scale));
}

/* What rounding may do to J v along the direction of the differences: four times what jolts do. */
static double rounding_by_jolts(dg_probe *p, int input, vectors *x)
{
    double most = 0;
    for (uint64_t seed = 0; seed < 4; seed++) {
        dg_probe_tangent_jolted(p, input, seed, x->scale, x->again);
        for (int64_t i = 0, m = dg_probe_out(p); i < m; i++)
            x->again[i] = x->fall[i] > 0 || !isfinite(x->again[i]) ? 0 : x->again[i] - x->jv[i];
        most = larger(most, norm(x->again, dg_probe_out(p)));
    }
    return 4 * most;
}

/* |Jv - FD v|, by the larger of both, along the direction of the differences. What the difference
 * of a result may be off is allowed for; careful: what rounding does to J v, too. */
static double difference_of(dg_probe *p, int input, vectors *x, double *size)
{
    int64_t m = dg_probe_out(p);
    dg_probe_tangent(p, input, x->scale, x->jv);
    for (int64_t i = 0; i < m; i++) {
        x->fall[i] = x->bad[i] > 0 || !isfinite(x->jv[i]);
        x->jv[i] = x->fall[i] > 0 ? 0 : x->jv[i];
    }
    double spare = p->careful ? rounding_by_jolts(p, input, x) : 0;
    for (int64_t i = 0; i < m; i++) {
        double gap = fabs(x->jv[i] - x->fd[i]);
        x->fall[i] = x->fall[i] > 0 || gap <= x->trust[i] ? 0 : gap - x->trust[i];
    }
    double gap = norm(x->fall, m);
    *size = larger(norm(x->jv, m), norm(x->fd, m));
    return over(gap > spare ? gap - spare : gap <= spare ? 0 : gap, *size);
}

/* One input: figures into f; 1 if it passed. */
static int check_input(dg_probe *p, int input, const dg_certify_options *o, vectors *x,
                       dg_finding *f)
{
    int64_t n = dg_probe_in(p, input), m = dg_probe_out(p), fall = 0;
    double size = 0;
    draw(x->v, n, o->seed, (uint64_t)(2 * input));
    draw(x->w, m, o->seed, (uint64_t)(2 * input + 1));
    f->components += m;
    for (int64_t i = 0; i < m; i++)
        x->w[i] *= o->error;
    int64_t kinks = take_differences(p, input, x);
    if (!p->has_tangent) {
        f->kinks += kinks;
        return check_bare(p, input, x, f);
    }
    double difference = difference_of(p, input, x, &size), limit = difference_limit(p, size);
    if (difference > limit) { /* rounding may be all of it */
        p->careful = 1;
        take_differences(p, input, x);
        difference = difference_of(p, input, x, &size);
        p->careful = 0;
    }
    for (int64_t i = 0; i < n; i++)
        x->v[i] *= o->perturbation;
    double identity = identity_of(p, input, x, &size);
    for (int64_t i = 0; i < m; i++)
        fall += x->fall[i] > 0 || x->bad[i] > 0;
    f->kinks += fall;
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
    double near, nothing;     /* how far equal entries differ; what counts as 0: by size */
    double size;              /* of the largest expected entry */
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
        take_differences(p, input, x);
        double step = x->scale[s->column[c]], most = 0;
        for (int64_t i = 0; i < m; i++)
            most = larger(most, fabs(x->fd[i]));
        memset(x->jv, 0, (size_t)m * sizeof *x->jv);
        if (p->has_tangent)
            dg_probe_tangent(p, input, x->v, x->jv);
        for (int r = 0; r < s->rows; r++) {
            int64_t i = s->row[r];
            s->kink[r][c] = x->bad[i] > 0;
            s->expected[r][c] = x->fd[i] / step;
            s->kink[r][c] |= x->trust[i] > 1e-3 * most;
            s->tangent[r][c] = s->kink[r][c] ? s->expected[r][c] : x->jv[i];
            s->size = larger(s->size, fabs(s->expected[r][c]));
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
    double nothing = s->nothing * s->size;
    for (int r = 0; r < s->rows; r++) {
        for (int c = 0; c < s->columns; c++) {
            double e = s->expected[r][c], x = found[r][c],
                   near = s->near * (fabs(e) + 1e-3 * s->size);
            if (fabs(e) <= nothing && fabs(x) <= nothing)
                continue;
            n.all++;
            n.right += fabs(x - e) <= near;
            n.zero += fabs(x) <= 1e-12 * s->size && fabs(e) > nothing;
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
        if (e <= s->nothing * s->size)
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
    else if (misfit(s, found, 1) < s->near)
        snprintf(to, size, "the entries looked at are right: others are wrong, or all a little");
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
    int is_tangent = tangent > s->near * s->size && tangent >= adjoint;
    *f = is_tangent ? forth : back;
    f->wrong = is_tangent ? "tangent" : "adjoint";
    guess(p, input, s, is_tangent ? s->tangent : s->adjoint, f);
    free(s);
}

dg_status dg_certify_node(const dg_graph *g, const dg_naive *at, int node, const dg_isa *isa,
                          const dg_math *math, const dg_certify_options *o, dg_finding *f,
                          dg_diag *why)
{
    dg_probe p;
    memset(f, 0, sizeof *f);
    dg_status s = dg_probe_make(&p, g, at, node, isa, math, why);
    f->node = p.name;
    f->type = p.type->name;
    f->tangent = p.has_tangent;
    f->passed = 1;
    f->identity_limit = p.real == DG_F64 ? 1e-13 : 1e-5;
    f->finite = s == DG_OK && dg_probe_finite(&p);
    for (int i = 0; f->finite && s == DG_OK && f->passed && i < p.c.n_in; i++) {
        vectors x;
        if (!dg_probe_differentiable(&p, i))
            continue;
        if (!make_vectors(&x, dg_probe_in(&p, i), dg_probe_out(&p))) {
            s = dg_diag_set(why, DG_EMEMORY, "out of memory");
            break;
        }
        f->inputs++;
        f->passed = check_input(&p, i, o, &x, f);
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
