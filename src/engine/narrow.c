/* A node in f32 against f64; see narrow.h. */
#include "engine/narrow.h"
#include "base/number.h"
#include "base/philox.h"
#include "engine/probe.h"
#include "graph/graph.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Both probes at one point, and vectors: of f32, f64, and f64 at a point that is a rounding of f32
 * away. */
typedef struct pair {
    dg_probe wide, narrow;
    int64_t most;
    double *a, *b, *near, *w;
} pair;

static int64_t largest_of(const dg_probe *p)
{
    int64_t most = dg_probe_out(p);
    for (int i = 0; i < p->c.n_in; i++)
        most = dg_probe_in(p, i) > most ? dg_probe_in(p, i) : most;
    return most;
}

/* The inputs that f32 has, in f64. */
static void take_inputs(pair *x)
{
    for (int i = 0; i < x->wide.c.n_in; i++)
        for (int64_t k = 0, n = dg_probe_in(&x->wide, i); !x->wide.integer[i] && k < n; k++)
            dg_number_put(DG_F64, x->wide.in[i], k, dg_number_get(DG_F32, x->narrow.in[i], k));
}

/* Moves the inputs of f64 by a rounding of f32, up and down by chance. */
static void jolt(pair *x, uint64_t seed)
{
    for (int i = 0; i < x->wide.c.n_in; i++)
        for (int64_t k = 0, n = dg_probe_in(&x->wide, i); !x->wide.integer[i] && k < n; k++) {
            double up = dg_uniform(seed, (uint64_t)i, (uint64_t)k) < 0.5 ? -0x1p-24 : 0x1p-24;
            double z = dg_number_get(DG_F64, x->wide.in[i], k);
            dg_number_put(DG_F64, x->wide.in[i], k, z * (1 + up));
        }
}

typedef struct distance {
    double gap, size, most;
    int64_t beyond;
    int passed;
} distance;

/* |a - b| and |b|, where both are finite. Eight times what a jolt does is allowed for. */
static distance distance_of(const pair *x, int64_t n)
{
    distance d = {0};
    double gap = 0, size = 0, spare = 0;
    for (int64_t i = 0; i < n; i++) {
        double e = x->a[i] - x->b[i], s = x->near[i] - x->b[i];
        if (!isfinite(x->a[i]) || !isfinite(x->b[i]) || !isfinite(x->near[i])) {
            d.beyond++;
            continue;
        }
        gap += e * e;
        size += x->b[i] * x->b[i];
        spare += s * s;
        d.most = fabs(e) > d.most ? fabs(e) : d.most;
    }
    d.size = sqrt(size);
    d.gap = sqrt(gap);
    d.passed = d.gap <= DG_NARROW_LIMIT * d.size + 8 * sqrt(spare);
    return d;
}

static double over(double x, double size)
{
    return size > 0 ? x / size : x > 0 ? HUGE_VAL : 0;
}

static void compare_results(pair *x, uint64_t seed, dg_narrow *n)
{
    int64_t m = dg_probe_results(&x->narrow, x->a);
    dg_probe_results(&x->wide, x->b);
    jolt(x, seed);
    dg_probe_results(&x->wide, x->near);
    take_inputs(x);
    distance d = distance_of(x, m);
    n->forward = over(d.gap, d.size);
    n->largest = m > 0 ? over(d.most, d.size / sqrt((double)m)) : 0;
    n->beyond = d.beyond;
    n->passed &= d.passed;
    for (int64_t i = 0; i < m; i++) /* what is left out sends nothing back */
        x->w[i] = isfinite(x->a[i]) && isfinite(x->b[i])
                      ? (double)(float)(2 * dg_uniform(seed, 99, (uint64_t)i) - 1)
                      : 0;
}

static void compare_adjoint(pair *x, int input, uint64_t seed, dg_narrow *n)
{
    dg_probe_adjoint(&x->narrow, input, x->w, x->a);
    dg_probe_adjoint(&x->wide, input, x->w, x->b);
    jolt(x, seed);
    dg_probe_adjoint(&x->wide, input, x->w, x->near);
    take_inputs(x);
    distance d = distance_of(x, dg_probe_in(&x->wide, input));
    double found = over(d.gap, d.size);
    n->passed &= d.passed;
    n->adjoint = found > n->adjoint ? found : n->adjoint;
}

static const char *algorithm_of(const pair *x, int exact)
{
    double spared = 0;
    dg_sizes of = {.size = sizeof of,
                   .attrs = x->narrow.c.attrs,
                   .n_in = x->narrow.c.n_in,
                   .in = x->narrow.in_shape,
                   .real = DG_F32,
                   .exact = exact,
                   .training = 1};
    const dg_node_type *t = x->narrow.type;
    return t->algorithm ? t->algorithm(&of, -1, &spared) : "";
}

dg_status dg_narrow_node(const dg_graph *g, const dg_naive *at, const dg_graph *narrow,
                         const dg_naive *in, int node, const dg_isa *isa, int exact, uint64_t seed,
                         dg_narrow *n, dg_diag *why)
{
    pair *x = calloc(1, sizeof *x);
    *n = (dg_narrow){.passed = 1, .algorithm = ""};
    if (!x)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    dg_status s = dg_probe_make(&x->wide, g, at, node, isa, NULL, why);
    if (s == DG_OK)
        s = dg_probe_make_exact(&x->narrow, narrow, in, node, isa, exact, why);
    x->most = s == DG_OK ? largest_of(&x->wide) : 0;
    x->a = calloc((size_t)(4 * x->most) + 1, sizeof *x->a);
    x->b = x->a + x->most;
    x->near = x->b + x->most;
    x->w = x->near + x->most;
    if (s == DG_OK && !x->a)
        s = dg_diag_set(why, DG_EMEMORY, "out of memory");
    if (s == DG_OK) {
        n->node = x->wide.name;
        n->type = x->wide.type->name;
        n->algorithm = algorithm_of(x, exact);
        take_inputs(x);
        compare_results(x, seed, n);
    }
    for (int i = 0; s == DG_OK && i < x->wide.c.n_in; i++)
        if (dg_probe_differentiable(&x->wide, i))
            compare_adjoint(x, i, seed, n);
    free(x->a);
    dg_probe_free(&x->wide);
    dg_probe_free(&x->narrow);
    free(x);
    return s;
}
