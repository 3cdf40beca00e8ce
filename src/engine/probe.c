/* A probe runs one node's mathematics at a point; see probe.h. */
#include "engine/probe.h"
#include "base/number.h"
#include "base/philox.h"
#include "base/upper.h"
#include "engine/engine.h"
#include "graph/graph.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t elements(const dg_shape *s)
{
    return s->rank < 0 ? 0 : dg_shape_count(s);
}

static void *memory(dg_probe *p, int64_t count)
{
    void *m = aligned_alloc(64, ((size_t)count * 8 + 127) / 64 * 64);
    if (!m)
        p->failed = DG_EMEMORY;
    else
        memset(m, 0, ((size_t)count * 8 + 127) / 64 * 64);
    return m;
}

int64_t dg_probe_in(const dg_probe *p, int input)
{
    return elements(&p->in_shape[input]);
}

int64_t dg_probe_out(const dg_probe *p)
{
    int64_t n = 0;
    for (int j = 0; j < p->n_results; j++)
        n += elements(&p->out_shape[j]);
    return n;
}

double dg_probe_size(const dg_probe *p)
{
    double sum = 0;
    for (int j = 0; j < p->n_results; j++)
        for (int64_t i = 0, n = elements(&p->out_shape[j]); i < n; i++) {
            double x = dg_number_get(p->real, p->out[j], i);
            sum += x * x;
        }
    return sqrt(sum);
}

int64_t dg_probe_row(const dg_probe *p)
{
    return p->out_rows ? dg_shape_row(&p->out_shape[0]) : 0;
}

int dg_probe_differentiable(const dg_probe *p, int input)
{
    int target = (p->type->flags & DG_LOSS) && input == 0;
    int last = p->type->n_inputs - 1;
    int state = p->type->inputs[input < last ? input : last].flags & DG_IN_STATE;
    return p->in[input] && !p->integer[input] && !target && !state && dg_probe_in(p, input) > 0;
}

const char *dg_probe_input_name(const dg_probe *p, int input)
{
    return p->input_name[input];
}

static const dg_math *math_of(const dg_graph *g, const dg_node *n, const dg_isa *isa)
{
    int wide = g->real == DG_F64;
    if (n->builtin >= 0)
        return isa->math[wide][n->builtin];
    return wide ? &n->type->f64 : &n->type->f32;
}

static void take_inputs(dg_probe *p, const dg_graph *g, const dg_naive *at, const dg_node *n)
{
    for (int i = 0; i < n->n_in; i++) {
        p->in_shape[i].rank = -1;
        if (!n->in[i])
            continue;
        const dg_vertex *v = &g->values[n->in[i] - 1];
        p->in_shape[i] = *dg_naive_shape(at, (dg_value){n->in[i]});
        p->in_rows[i] = v->shape.rank > 0 && v->shape.dim[0] == DG_N;
        p->integer[i] = v->type == DG_I32;
        p->input_name[i] =
            v->kind == DG_PARAMETER || !n->type->inputs
                ? v->name
                : n->type->inputs[i < n->type->n_inputs ? i : n->type->n_inputs - 1].name;
        int64_t count = elements(&p->in_shape[i]);
        p->in[i] = memory(p, count);
        p->delta[i] = memory(p, count);
        p->din[i] = memory(p, count);
        if (p->in[i])
            memcpy(p->in[i], dg_naive_get(at, (dg_value){n->in[i]}, DG_VALUE),
                   (size_t)count * dg_type_bytes(v->type));
    }
}

static void make_results(dg_probe *p, const dg_graph *g, const dg_naive *at, const dg_node *n)
{
    for (int j = 0; j < n->n_out; j++) {
        const dg_vertex *v = &g->values[n->out + j - 1];
        p->out_shape[j] = *dg_naive_shape(at, (dg_value){n->out + j});
        if (j == 0)
            p->out_rows = v->shape.rank > 0 && v->shape.dim[0] == DG_N;
        p->out[j] = memory(p, elements(&p->out_shape[j]));
        p->eps[j] = memory(p, elements(&p->out_shape[j]));
        p->dout[j] = memory(p, elements(&p->out_shape[j]));
    }
}

static dg_status make(dg_probe *p, const dg_graph *g, const dg_naive *at, int node,
                      const dg_isa *isa, const dg_math *math, int exact, dg_diag *why)
{
    const dg_node *n = &g->nodes[node];
    dg_bytes bytes = {.size = sizeof bytes};
    memset(p, 0, sizeof *p);
    p->graph = g;
    p->type = n->type;
    p->name = n->name ? n->name : n->type->name;
    p->real = g->real;
    p->math = math ? math : math_of(g, n, isa);
    p->has_tangent = dg_has_tangent(p->type, p->math);
    if (n->n_in > DG_PROBE_MOST || n->n_out > DG_MAX_OUT)
        return dg_diag_set(why, DG_EUSAGE, "%s has more than %d inputs", p->name, DG_PROBE_MOST);
    if (!p->math->forward || !p->math->adjoint)
        return dg_diag_set(why, DG_EMODEL, "%s has no mathematics for %s", n->type->name,
                           dg_type_name(g->real));
    take_inputs(p, g, at, n);
    make_results(p, g, at, n);
    p->n_results = n->n_out - dg_next_values(n->type);
    if (n->type->bytes)
        n->type->bytes(&(dg_sizes){.size = sizeof(dg_sizes),
                                   .attrs = n->attrs,
                                   .n_in = n->n_in,
                                   .in = p->in_shape,
                                   .real = g->real,
                                   .exact = exact,
                                   .training = 1},
                       &bytes);
    p->carried = bytes.carried;
    p->c = (dg_call){.size = sizeof p->c,
                     .attrs = n->attrs,
                     .n_in = n->n_in,
                     .n_out = n->n_out,
                     .in_shape = p->in_shape,
                     .out_shape = p->out_shape,
                     .row1 = p->out_shape[0].rank > 0 ? p->out_shape[0].dim[0] : 1,
                     .parts = 1,
                     .training = 1,
                     .exact = exact,
                     .key = {1, (uint64_t)node},
                     .saved = memory(p, (int64_t)bytes.saved / 8 + 1),
                     .carried = memory(p, (int64_t)bytes.carried / 8 + 1),
                     .scratch = memory(p, (int64_t)bytes.scratch / 8 + 1),
                     .why = &p->why};
    return p->failed == DG_OK ? DG_OK : dg_diag_set(why, p->failed, "out of memory");
}

dg_status dg_probe_make(dg_probe *p, const dg_graph *g, const dg_naive *at, int node,
                        const dg_isa *isa, const dg_math *math, dg_diag *why)
{
    return make(p, g, at, node, isa, math, 0, why);
}

dg_status dg_probe_make_exact(dg_probe *p, const dg_graph *g, const dg_naive *at, int node,
                              const dg_isa *isa, int exact, dg_diag *why)
{
    return make(p, g, at, node, isa, NULL, exact, why);
}

void dg_probe_free(dg_probe *p)
{
    for (int i = 0; i < DG_PROBE_MOST; i++) {
        void *all[] = {p->in[i], p->out[i], p->eps[i], p->delta[i], p->din[i], p->dout[i]};
        for (int k = 0; k < 6; k++)
            free(all[k]);
    }
    free(p->c.saved);
    free(p->c.carried);
    free(p->c.scratch);
}

static void run(dg_probe *p, int direction, int parts)
{
    dg_fn fn = direction == DG_CALL_FORWARD   ? p->math->forward
               : direction == DG_CALL_ADJOINT ? p->math->adjoint
               : direction == DG_CALL_FINISH  ? p->math->finish
                                              : p->math->tangent;
    p->c.direction = direction;
    p->c.parts = parts;
    for (p->c.stage = 0; p->c.stage == 0 || p->c.stage < p->type->stages; p->c.stage++)
        for (p->c.part = 0; p->c.part < parts && p->failed == DG_OK; p->c.part++)
            p->failed = fn(&p->c);
    dg_upper_clean();
}

static dg_sizes sizes_of(const dg_probe *p)
{
    return (dg_sizes){.size = sizeof(dg_sizes),
                      .attrs = p->c.attrs,
                      .n_in = p->c.n_in,
                      .in = p->in_shape,
                      .real = p->real,
                      .exact = p->c.exact,
                      .training = 1};
}

static int parts_of(const dg_probe *p, int input)
{
    int rows = (p->type->flags & (DG_ROWS | DG_POINTWISE)) && (input < 0 || p->in_rows[input]);
    if (!p->type->parts || rows)
        return 1;
    dg_sizes of = sizes_of(p);
    int parts = p->type->parts(&of, input);
    return parts > 1 ? parts : 1;
}

static void point_at(dg_probe *p, const void *const *in, const void *const *out)
{
    p->c.in = in;
    p->c.out = (void *const *)(uintptr_t)out;
}

static void forward(dg_probe *p)
{
    point_at(p, (const void *const *)p->in, (const void *const *)p->out);
    if (p->type->flags & DG_VIEW)
        memcpy(p->out[0], p->in[0], (size_t)dg_probe_in(p, 0) * dg_type_bytes(p->real));
    else
        run(p, DG_CALL_FORWARD, parts_of(p, -1));
}

/* What the type says it saves, and nothing else. */
static void only_saved(dg_probe *p, const void *in[], const void *out[])
{
    for (int i = 0; i < p->c.n_in; i++)
        in[i] = p->type->saves_in >> (i < 31 ? i : 31) & 1 ? p->in[i] : NULL;
    for (int j = 0; j < p->c.n_out; j++)
        out[j] = p->type->saves_out >> (j < 31 ? j : 31) & 1 ? p->out[j] : NULL;
    point_at(p, in, out);
}

static void flatten(const dg_probe *p, void *const part[], double *to)
{
    for (int j = 0; j < p->n_results; j++)
        for (int64_t i = 0, n = elements(&p->out_shape[j]); i < n; i++)
            *to++ = dg_number_get(p->real, part[j], i);
}

/* The tangent of a linear node that has no function for it: f at v and zeros. */
static void own_tangent(dg_probe *p, int input)
{
    const void *in[DG_PROBE_MOST];
    for (int i = 0; i < p->c.n_in; i++) {
        int fixed = i == input || !p->din[i] || p->integer[i];
        in[i] = p->integer[i] ? p->in[i] : p->din[i];
        if (!fixed)
            memset(p->din[i], 0, (size_t)dg_probe_in(p, i) * dg_type_bytes(p->real));
    }
    point_at(p, in, (const void *const *)p->dout);
    run(p, DG_CALL_FORWARD, parts_of(p, -1));
}

/* Results start at `before`: NaN, which no right node leaves. */
static void tangent_from(dg_probe *p, int input, const double *v, double before, double *jv)
{
    const void *in[DG_PROBE_MOST], *out[DG_PROBE_MOST], *din[DG_PROBE_MOST] = {NULL};
    forward(p);
    for (int64_t i = 0, n = dg_probe_in(p, input); i < n; i++)
        dg_number_put(p->real, p->din[input], i, v[i]);
    for (int j = 0; j < p->c.n_out; j++)
        for (int64_t i = 0, n = elements(&p->out_shape[j]); i < n; i++)
            dg_number_put(p->real, p->dout[j], i, before);
    din[input] = p->din[input];
    only_saved(p, in, out);
    p->c.din = din;
    p->c.dout = p->dout;
    if (p->type->flags & DG_VIEW)
        memcpy(p->dout[0], p->din[0], (size_t)dg_probe_in(p, 0) * dg_type_bytes(p->real));
    else if (dg_is_own_tangent(p->type, p->math))
        own_tangent(p, input);
    else
        run(p, DG_CALL_TANGENT, parts_of(p, -1));
    flatten(p, p->dout, jv);
}

void dg_probe_tangent(dg_probe *p, int input, const double *v, double *jv)
{
    tangent_from(p, input, v, (double)NAN, jv);
}

void dg_probe_tangent_over_zeros(dg_probe *p, int input, const double *v, double *jv)
{
    tangent_from(p, input, v, 0, jv);
}

/* Other memory for the real inputs, beside their own; and back. */
static void take_jolted(dg_probe *p, void *own[])
{
    memcpy(own, p->in, sizeof p->in);
    for (int i = 0; i < p->c.n_in; i++)
        if (own[i] && !p->integer[i])
            p->in[i] = memory(p, dg_probe_in(p, i));
}

static void give_back(dg_probe *p, void *own[])
{
    for (int i = 0; i < p->c.n_in; i++)
        if (p->in[i] != own[i])
            free(p->in[i]);
    memcpy(p->in, own, sizeof p->in);
}

/* Every real input moved by a few roundings, up and down by chance. */
static void jolt(dg_probe *p, void *const own[], uint64_t seed)
{
    double by = p->real == DG_F64 ? 0x1p-50 : 0x1p-21;
    for (int i = 0; i < p->c.n_in; i++)
        for (int64_t k = 0, n = dg_probe_in(p, i); p->in[i] != own[i] && k < n; k++) {
            double up = dg_uniform(seed, (uint64_t)i, (uint64_t)k) < 0.5 ? -by : by;
            dg_number_put(p->real, p->in[i], k, dg_number_get(p->real, own[i], k) * (1 + up));
        }
}

void dg_probe_tangent_jolted(dg_probe *p, int input, uint64_t seed, const double *v, double *jv)
{
    void *own[DG_PROBE_MOST];
    take_jolted(p, own);
    if (p->failed == DG_OK)
        jolt(p, own, seed);
    if (p->failed == DG_OK)
        dg_probe_tangent(p, input, v, jv);
    give_back(p, own);
}

/* The adjoint of one input; a gradient that is kept as a sum is finished at once. */
static void by_sum(dg_probe *p, int input)
{
    dg_sizes of = sizes_of(p);
    size_t bytes = p->type->sum ? p->type->sum(&of, input) : 0;
    p->c.sum = bytes ? memory(p, (int64_t)bytes / 8 + 1) : NULL;
    if (p->failed == DG_OK)
        run(p, DG_CALL_ADJOINT, parts_of(p, input));
    if (p->failed == DG_OK && bytes)
        run(p, DG_CALL_FINISH, parts_of(p, input));
    free(p->c.sum);
    p->c.sum = NULL;
}

static void adjoint_into(dg_probe *p, int input, const double *w, void *to)
{
    const void *in[DG_PROBE_MOST], *out[DG_PROBE_MOST];
    void *delta[DG_PROBE_MOST] = {NULL};
    forward(p);
    for (int j = 0; j < p->n_results; j++)
        for (int64_t i = 0, n = elements(&p->out_shape[j]); i < n; i++)
            dg_number_put(p->real, p->eps[j], i, *w++);
    only_saved(p, in, out);
    p->c.eps = (const void *const *)p->eps;
    p->c.delta = delta;
    p->c.add = 0;
    if (p->carried > 0) /* for the parameters, by the adjoint of the others */
        run(p, DG_CALL_ADJOINT, parts_of(p, -1));
    delta[input] = to;
    if (p->type->flags & DG_VIEW)
        memcpy(to, p->eps[0], (size_t)dg_probe_in(p, 0) * dg_type_bytes(p->real));
    else
        by_sum(p, input);
}

static void adjoint_from(dg_probe *p, int input, const double *w, double before, double *jtw)
{
    int64_t n = dg_probe_in(p, input);
    for (int64_t i = 0; i < n; i++)
        dg_number_put(p->real, p->delta[input], i, before);
    adjoint_into(p, input, w, p->delta[input]);
    for (int64_t i = 0; i < n; i++)
        jtw[i] = dg_number_get(p->real, p->delta[input], i);
}

void dg_probe_adjoint(dg_probe *p, int input, const double *w, double *jtw)
{
    adjoint_from(p, input, w, (double)NAN, jtw);
}

int dg_probe_depends_on_garbage(dg_probe *p, int input, int tangent)
{
    int64_t n = dg_probe_in(p, input), m = dg_probe_out(p), k = tangent ? m : n;
    double *w = calloc((size_t)(m + n + 2 * k) + 1, sizeof *w), *a = w + m + n, *b = a + k;
    int differs = 0;
    for (int64_t i = 0; w && i < m + n; i++)
        w[i] = 1;
    for (int round = 0; w && round < 2; round++) {
        if (tangent)
            tangent_from(p, input, w, round ? 1e3 : 0, round ? b : a);
        else
            adjoint_from(p, input, w, round ? 1e3 : 0, round ? b : a);
    }
    for (int64_t i = 0; w && i < k; i++)
        differs |= fabs(a[i] - b[i]) > 1;
    free(w);
    return differs;
}

/* ---- differences ----------------------------------------------------------------------------- */

enum { LEVELS = 3, STEPS = 25 };

/* The steps, of which the first `usual` are enough where they agree, and what rounding may add: to
 * a second difference (flat), to a result (noise), by the size of the results. In f32 a step soon
 * loses what is left of 24 bits. doubt: a component is left out whose difference is not known
 * better. */
typedef struct ruler {
    double step[STEPS];
    int steps, usual;
    double flat, noise, doubt;
} ruler;

/* Smaller ones for what bends sharply, then larger ones for what hardly changes; so near to each
 * other that one of them lies between what rounding hides and where a function bends. */
static const ruler ruler_f64 = {{0x1p-5,  0x1p-8,  0x1p-11, 0x1p-15, 0x1p-20, 0x1p-25, 0x1p-30,
                                 0x1p1,   0x1p6,   0x1p12,  0x1p18,  0x1p24,  0x1p30,  0x1p48,
                                 0x1p66,  0x1p84,  0x1p102, 0x1p120, 0x1p138, 0x1p156, 0x1p174,
                                 0x1p192, 0x1p210, 0x1p228, 0x1p246},
                                STEPS,
                                3,
                                1e-12,
                                0x1p-52,
                                1e-6};
static const ruler ruler_f32 = {{0x1p-2, 0x1p-4, 0x1p-6}, 3, 3, 1e-6, 0x1p-24, 1e-2};

/* Results at the inputs as they are, one after the other; NaN where f refuses to be computed. */
static void results(dg_probe *p, double *y)
{
    forward(p);
    flatten(p, p->out, y);
    int refused = p->failed == DG_EFINITE || p->failed == DG_EDATA;
    for (int64_t i = 0, m = dg_probe_out(p); refused && i < m; i++)
        y[i] = (double)NAN;
    if (refused) {
        p->failed = DG_OK;
        p->why = (dg_diag){.code = DG_OK};
    }
}

/* Root mean square of those that are finite, also where their squares are not, or 0. */
static double typical_size(const double *x, int64_t n)
{
    double most = 0, sum = 0;
    int64_t finite = 0;
    for (int64_t i = 0; i < n; i++)
        if (isfinite(x[i]) && fabs(x[i]) > most)
            most = fabs(x[i]);
    for (int64_t i = 0; most > 0 && i < n; i++)
        if (isfinite(x[i])) {
            sum += x[i] / most * (x[i] / most);
            finite++;
        }
    return finite > 0 ? most * sqrt(sum / (double)finite) : 0;
}

/* f at x + h v. */
static void moved(dg_probe *p, int input, const double *x, const double *v, double h, double *y)
{
    for (int64_t i = 0, n = dg_probe_in(p, input); i < n; i++)
        dg_number_put(p->real, p->in[input], i, x[i] + h * v[i]);
    results(p, y);
}

/* Is a component smooth between x - hv and x + hv? Its second difference then falls fourfold with
 * h/2. */
static int smooth(double s, double half, double room)
{
    return fabs(half - s / 4) <= 0.06 * fabs(s) + room;
}

/* Differences of all components at one step, and what is known of each so far: the best estimate,
 * how far it may be off, and whether two steps say so. */
typedef struct ladder {
    double *x, *zero, *up, *down, *d[LEVELS], *s[LEVELS];
    double *fd, *trust, *known;
    double *sharp;    /* how far the best one itself may be off; trust: it, as it was confirmed */
    double *rounding; /* what rounding was seen to do to a result */
    double typical;
    double terms; /* what rounding makes of a sum of many terms, against a result of one */
} ladder;

/* First and second differences at h, h/2, h/4. */
static void climb(dg_probe *p, int input, const double *v, double h, ladder *l)
{
    int64_t m = dg_probe_out(p);
    for (int k = 0; k < LEVELS; k++, h /= 2) {
        moved(p, input, l->x, v, h, l->up);
        moved(p, input, l->x, v, -h, l->down);
        for (int64_t i = 0; i < m; i++) {
            l->d[k][i] = (l->up[i] - l->down[i]) / (2 * h);
            l->s[k][i] = l->up[i] - 2 * l->zero[i] + l->down[i];
        }
    }
}

static double richardson(const ladder *l, int64_t i)
{
    double a = (4 * l->d[1][i] - l->d[0][i]) / 3, b = (4 * l->d[2][i] - l->d[1][i]) / 3;
    return (16 * b - a) / 15;
}

/* A kink at the point itself: the second difference falls twofold with h/2, at any step. (Far away
 * much is straight on both sides of a bend: only steps below the size of the input tell.) */
static int bends(const ladder *l, int64_t i, double room)
{
    double s = l->s[0][i], half = l->s[1][i], quarter = l->s[2][i];
    return fabs(quarter) > 16 * room + 0x1p-1000 && fabs(half - s / 2) <= 1e-3 * fabs(s) &&
           fabs(quarter - half / 2) <= 1e-3 * fabs(half);
}

/* Half steps that come no nearer to one another differ by rounding, or by a bend between them. */
static double unsettled(const ladder *l, int64_t i)
{
    double first = fabs(l->d[1][i] - l->d[0][i]), then = fabs(l->d[2][i] - l->d[1][i]);
    return then > first / 2 ? 4 * then : 0;
}

enum { BENT = -1, UNKNOWN, ONCE, TWICE };

/* A step far beyond the point loses its last bits, and so sees the slope at another one. */
static double lost(const ruler *r, const ladder *l, int64_t i, double h)
{
    double bend = 4 * fabs(l->s[1][i]) / h / h;
    return bend * (h * r->noise < 1 ? h * r->noise : 1);
}

/* How far the estimate of a step may be off. */
static double doubt_of(const ruler *r, const ladder *l, int64_t i, double h, double best)
{
    double scale = l->typical + fabs(l->zero[i]) + fabs(l->up[i]) + fabs(l->down[i]);
    double last = (4 * l->d[2][i] - l->d[1][i]) / 3;
    double rounding = l->terms * (r->noise * (scale + fabs(best)) + DBL_TRUE_MIN);
    return fabs(best - last) + 4 * (rounding + l->rounding[i]) / h + unsettled(l, i) +
           lost(r, l, i, h);
}

/* One that agrees: an estimate is as good as the better one of those that confirm it. */
static void confirm(ladder *l, int64_t i, double best, double doubt)
{
    double both = doubt > l->sharp[i] ? doubt : l->sharp[i];
    l->trust[i] = l->known[i] >= TWICE && l->trust[i] < both ? l->trust[i] : both;
    l->known[i] = TWICE;
    if (doubt >= l->sharp[i])
        return;
    l->fd[i] = best;
    l->sharp[i] = doubt;
}

/* What a step says of a component. Two steps must agree, within what each may be off; of two that
 * do not, the smaller step is believed, until another one says the same. A step larger than the
 * input itself may look past a bend: it counts only if it agrees, and has seen a change. */
static void weigh(const ruler *r, ladder *l, int64_t i, double h)
{
    double scale = l->typical + fabs(l->zero[i]) + fabs(l->up[i]) + fabs(l->down[i]);
    if (l->known[i] < UNKNOWN || (h < 1 && bends(l, i, r->flat * scale))) {
        l->known[i] = BENT;
        return;
    }
    double best = richardson(l, i), doubt = doubt_of(r, l, i, h, best);
    if (!smooth(l->s[0][i], l->s[1][i], r->flat * scale) ||
        !smooth(l->s[1][i], l->s[2][i], r->flat * scale) || !isfinite(best))
        return;
    double apart = fabs(best - l->fd[i]), both = doubt + l->sharp[i];
    int agrees = l->known[i] > UNKNOWN && apart <= 8 * both;
    if (h > 1 && l->known[i] > UNKNOWN && (!agrees || doubt > 1e-4 * fabs(best)))
        return;
    if (agrees && apart > both) { /* so much either is off that said less */
        doubt *= apart / both;
        l->sharp[i] *= apart / both;
    }
    if (agrees) {
        confirm(l, i, best, doubt);
        return;
    }
    l->known[i] = ONCE;
    l->fd[i] = best;
    l->sharp[i] = l->trust[i] = doubt;
}

/* What is not known well by now; the others keep their estimates. *open: what more steps may tell.
 */
static int64_t count_unknown(const ladder *l, int64_t m, double doubt, int64_t *open)
{
    double sum = 0;
    int64_t known = 0, unknown = 0;
    *open = 0;
    for (int64_t i = 0; i < m; i++)
        if (l->known[i] >= TWICE) {
            sum += l->fd[i] * l->fd[i];
            known++;
        }
    double size = known ? sqrt(sum / (double)known) : 0;
    for (int64_t i = 0; i < m; i++) {
        int good = l->known[i] >= TWICE &&
                   (l->sharp[i] <= doubt * (fabs(l->fd[i]) + size) || l->sharp[i] <= 0);
        unknown += !good;
        *open += !good && l->known[i] >= UNKNOWN;
        l->down[i] = good ? 0 : 1;
    }
    return unknown;
}

/* A quarter of the root of the terms of a result, by the operations of the node. */
static double spread_of(const dg_probe *p, int64_t m)
{
    dg_sizes of = sizes_of(p);
    double terms = p->type->flops && m > 0 ? p->type->flops(&of, -1) / (2 * (double)m) : 1;
    return terms > 64 ? sqrt(terms) / 4 : 1;
}

enum { JOLTS = 4 };

static void see_rounding(ladder *l, int64_t i, double d)
{
    l->rounding[i] = d > l->rounding[i] ? d : l->rounding[i];
}

static void jolt_results(dg_probe *p, ladder *l)
{
    void *own[DG_PROBE_MOST];
    take_jolted(p, own);
    for (uint64_t k = 0; k < JOLTS && p->failed == DG_OK; k++) {
        jolt(p, own, k);
        results(p, l->up);
        for (int64_t i = 0, m = dg_probe_out(p); i < m; i++)
            see_rounding(l, i, fabs(l->up[i] - l->zero[i]));
    }
    give_back(p, own);
}

/* What rounding may do to a result: as much as a jolt of all inputs does, or a rounding of the
 * terms that cancel here, whose size is seen nearer to 0. Steep nodes behind one another inside
 * make it larger than a rounding of the result. */
static void look_at_rounding(dg_probe *p, int input, double noise, ladder *l)
{
    jolt_results(p, l);
    if (!p->has_tangent || p->failed != DG_OK)
        return;
    dg_probe_tangent_at(p, input, 0x1p-20, l->x, l->up);
    for (int64_t i = 0, m = dg_probe_out(p); i < m; i++)
        see_rounding(l, i, noise * fabs(l->up[i]));
}

static int64_t differences(dg_probe *p, int input, const double *v, ladder *l, double *bad)
{
    const ruler *r = p->real == DG_F64 ? &ruler_f64 : &ruler_f32;
    int64_t m = dg_probe_out(p), unknown = m, open = m;
    l->terms = spread_of(p, m);
    l->typical = typical_size(l->zero, m); /* what cancels rounds as its terms */
    if (p->careful)
        look_at_rounding(p, input, r->noise, l);
    for (int k = 0; k < r->steps && (k < r->usual || open > 0); k++) {
        climb(p, input, v, r->step[k], l);
        for (int64_t i = 0; i < m; i++)
            weigh(r, l, i, r->step[k]);
        unknown = count_unknown(l, m, r->doubt, &open);
    }
    for (int64_t i = 0; i < m; i++) {
        /* what the input's own size hardly changes is flat there: it saturates */
        double rounding = r->noise * (l->typical + fabs(l->zero[i])) + l->rounding[i];
        int flat = l->known[i] >= TWICE && l->sharp[i] <= 4096 * (rounding + DBL_TRUE_MIN);
        unknown -= l->down[i] > 0 && flat;
        bad[i] = flat ? 0 : l->down[i];
        l->fd[i] = bad[i] > 0 ? 0 : l->fd[i];
        l->trust[i] = bad[i] > 0 ? 0 : l->trust[i];
    }
    return unknown;
}

int64_t dg_probe_difference(dg_probe *p, int input, const double *v, double *fd, double *bad,
                            double *trust)
{
    int64_t n = dg_probe_in(p, input), m = dg_probe_out(p);
    double *all = calloc((size_t)(n + 12 * m) + 1, sizeof *all);
    if (!all) {
        p->failed = DG_EMEMORY;
        return 0;
    }
    ladder l = {.x = all,
                .zero = all + n,
                .up = all + n + m,
                .down = all + n + 2 * m,
                .fd = fd,
                .trust = trust,
                .known = all + n + 9 * m,
                .rounding = all + n + 10 * m,
                .sharp = all + n + 11 * m};
    for (int k = 0; k < LEVELS; k++) {
        l.d[k] = all + n + (3 + k) * m;
        l.s[k] = all + n + (6 + k) * m;
    }
    for (int64_t i = 0; i < n; i++)
        l.x[i] = dg_number_get(p->real, p->in[input], i);
    memset(fd, 0, (size_t)m * sizeof *fd);
    memset(trust, 0, (size_t)m * sizeof *trust);
    moved(p, input, l.x, v, 0, l.zero);
    int64_t unknown = differences(p, input, v, &l, bad);
    moved(p, input, l.x, v, 0, l.up); /* back to the point */
    free(all);
    return unknown;
}

void dg_probe_tangent_at(dg_probe *p, int input, double share, const double *v, double *jv)
{
    int64_t n = dg_probe_in(p, input), m = dg_probe_out(p);
    double *x = calloc((size_t)(n + m) + 1, sizeof *x);
    if (!x) {
        p->failed = DG_EMEMORY;
        return;
    }
    for (int64_t i = 0; i < n; i++)
        x[i] = dg_number_get(p->real, p->in[input], i);
    moved(p, input, x, x, share - 1, x + n);
    dg_probe_tangent(p, input, v, jv);
    moved(p, input, x, x, 0, x + n);
    free(x);
}

double dg_probe_scale(const dg_probe *p, int input, double *scale)
{
    int64_t n = dg_probe_in(p, input);
    double most = 0;
    for (int64_t i = 0; i < n; i++) {
        double size = fabs(dg_number_get(p->real, p->in[input], i));
        most = size > most ? size : most;
        scale[i] = size;
    }
    double typical = most > 0 ? typical_size(scale, n) : 1;
    for (int64_t i = 0; i < n; i++)
        scale[i] = scale[i] > 0 ? scale[i] : typical;
    return most;
}

int dg_probe_finite(const dg_probe *p)
{
    for (int i = 0; i < p->c.n_in; i++)
        for (int64_t k = 0, n = dg_probe_in(p, i); p->in[i] && !p->integer[i] && k < n; k++)
            if (!isfinite(dg_number_get(p->real, p->in[i], k)))
                return 0;
    return 1;
}

int64_t dg_probe_results(dg_probe *p, double *y)
{
    int64_t m = dg_probe_out(p);
    forward(p);
    flatten(p, p->out, y);
    return m;
}
