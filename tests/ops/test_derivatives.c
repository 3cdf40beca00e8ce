/* Every node of ops.def, over its cases, drawn shapes, both types and every instruction set that
 * this processor has:
 *
 *     adjoint identity    |<Jv, w> - <v, J^t w>| <= t max(||Jv|| ||w||, ||v|| ||J^t w||), t = 1e-13
 *                         in f64, 1e-5 in f32; for all inputs together and for each alone
 *     finite differences  f64, central, Richardson over h, h/2, h/4, h = min(0.064, r/32), of the
 *                         tangent (||D - Jv|| against ||Jv||) and the adjoint (as above): 1e-10
 *     the same bits       on all instruction sets; whole and cut into rows or parts; a delta alone
 *                         and with the others; in place; a batch in two parts
 *     f32 is f64          up to 1e-5
 *
 * Prints the worst figure by node. */
#include "ops/registry.h"
#include "ops/rig.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#ifdef DG_SANITIZED /* looks for errors of memory; figures are those of the release build */
enum { SHAPES = 30, DIFFERENCES = 6, DRAWS = 4 };
#else
enum { SHAPES = 100, DIFFERENCES = 20, DRAWS = 16 };
#endif
enum { ATTEMPTS = 3000, DISTINCT_MOST = 1500 };
static const double IDENTITY_F64 = 1e-13, IDENTITY_F32 = 1e-5, DIFFERENCE = 1e-10, SINGLE = 1e-5;

/* What was seen of a node. */
typedef struct {
    int shapes, empty, differences;
    double identity[2], tangent, adjoint, single;
} figures;

static void note(double *worst, double x)
{
    if (!(x <= *worst))
        *worst = x;
}

/* ---- Norms and products over all inputs or outputs ------------------------------------------- */

static double dot(const dg_rig *r, void *const a[], void *const b[], int n, int in, int only)
{
    long double sum = 0;
    for (int k = 0; k < n; k++) {
        if (in && (!dg_rig_wants(r, k) || (only >= 0 && only != k)))
            continue;
        int64_t count = in ? dg_rig_in_count(r, k) : dg_rig_out_count(r, k);
        for (int64_t i = 0; i < count; i++)
            sum += (long double)dg_rig_get(r, a[k], i) * (long double)dg_rig_get(r, b[k], i);
    }
    return (double)sum;
}

static double norm_in(const dg_rig *r, void *const a[], int only)
{
    return sqrt(dot(r, a, a, r->trial->n_in, 1, only));
}

static double norm_out(const dg_rig *r, void *const a[])
{
    return sqrt(dot(r, a, a, r->trial->n_results, 0, -1));
}

/* |left - right| relative to scale; 0 where both are 0. */
static double relative(double left, double right, double scale)
{
    double gap = fabs(left - right);
    return gap == 0 ? 0 : gap / scale;
}

static void limit(const dg_rig *r, const char *what, double found, double most)
{
    if (!(found <= most))
        fail_msg("%s, f%d on %s: %s is %.3g, at most %.3g", r->trial->text,
                 r->real == DG_F32 ? 32 : 64, r->isa, what, found, most);
}

/* |<left, w> - <v, J^t w>|, normalised; left is Jv or its differences. */
static double gap_of(const dg_rig *r, void *const left[], int only)
{
    const dg_trial *t = r->trial;
    double jv = norm_out(r, left), w = norm_out(r, r->eps), v = norm_in(r, r->din, only);
    double jtw = norm_in(r, r->delta, only);
    return relative(dot(r, left, r->eps, t->n_results, 0, -1),
                    dot(r, r->din, r->delta, t->n_in, 1, only), fmax(jv * w, v * jtw));
}

/* ---- The same bits --------------------------------------------------------------------------- */

static void same(const dg_rig *r, const char *what, int k, const void *a, const void *b, int64_t n)
{
    int64_t at = dg_rig_differs(r, a, b, n);
    if (at >= 0)
        fail_msg("%s, f%d on %s: %s %d, element %lld is %.17g, not %.17g", r->trial->text,
                 r->real == DG_F32 ? 32 : 64, r->isa, what, k, (long long)at, dg_rig_get(r, b, at),
                 dg_rig_get(r, a, at));
}

static void same_outputs(const dg_rig *a, const dg_rig *b, const char *what)
{
    for (int j = 0; j < a->trial->n_out; j++)
        same(a, what, j, a->out[j], b->out[j], dg_rig_out_count(a, j));
}

static void same_tangents(const dg_rig *a, const dg_rig *b, const char *what)
{
    for (int j = 0; j < a->trial->n_results; j++)
        same(a, what, j, a->dout[j], b->dout[j], dg_rig_out_count(a, j));
}

static void same_deltas(const dg_rig *a, const dg_rig *b, const char *what)
{
    for (int i = 0; i < a->trial->n_in; i++)
        if (dg_rig_wants(a, i))
            same(a, what, i, a->delta[i], b->delta[i], dg_rig_in_count(a, i));
}

/* whole has run forward, tangent and adjoint; other is a fresh rig for the same. */
static void check_cuts(const dg_rig *whole, dg_rig *other)
{
    dg_rig_forward(other, DG_CUT);
    same_outputs(whole, other, "cut: output");
    dg_rig_tangent(other, DG_CUT, -1);
    same_tangents(whole, other, "cut: tangent of output");
    dg_rig_adjoint(other, DG_CUT, -1);
    same_deltas(whole, other, "cut: delta");
    for (int i = 0; i < whole->trial->n_in; i++)
        if (dg_rig_wants(whole, i))
            dg_rig_adjoint(other, DG_CUT, i);
    same_deltas(whole, other, "cut, alone: delta");
}

/* Cut inside rows; other has run forward, and has again afterwards. */
static void check_inside(const dg_rig *whole, dg_rig *other)
{
    if (dg_rig_forward_inside(other))
        same_outputs(whole, other, "cut inside rows: output");
    dg_rig_forward(other, DG_WHOLE);
    for (int i = 0; i < whole->trial->n_in; i++)
        if (dg_rig_wants(whole, i) && dg_rig_adjoint_inside(other, i))
            same(whole, "cut inside rows: delta", i, whole->delta[i], other->delta[i],
                 dg_rig_in_count(whole, i));
}

/* other has run forward; its error vector is lost. */
static void check_in_place(const dg_rig *whole, dg_rig *other)
{
    const dg_trial *t = whole->trial;
    if (!(t->type->flags & DG_POINTWISE))
        return;
    for (int i = 0; i < t->n_in; i++) {
        if (!dg_rig_wants(whole, i) || !dg_shape_equal(&t->in_shape[i], &t->out_shape[0]))
            continue;
        dg_rig_forward_in_place(other, i);
        same_outputs(whole, other, "in place: output");
        memcpy(other->eps[0], whole->eps[0],
               (size_t)dg_rig_out_count(whole, 0) * dg_type_bytes(whole->real));
        dg_rig_adjoint_in_place(other, i);
        same_deltas(whole, other, "in place: delta");
    }
}

/* Rows of the whole from `first` on as a batch of its own; the parameters' deltas go on from those
 * of `before`. */
static void run_rows(const dg_rig *whole, dg_rig *r, const dg_trial *rows, const dg_isa *isa,
                     int64_t first, const dg_rig *before)
{
    const dg_trial *t = whole->trial;
    size_t unit = dg_type_bytes(whole->real);
    dg_rig_open(r, rows, whole->real, isa, 1);
    dg_rig_forward(r, DG_WHOLE);
    for (int j = 0; j < t->n_out; j++) {
        int64_t row = dg_shape_row(&t->out_shape[j]), n = dg_rig_out_count(r, j);
        same(whole, "part of a batch: output", j,
             (char *)whole->out[j] + (size_t)(first * row) * unit, r->out[j], n);
        memcpy(r->eps[j], (char *)whole->eps[j] + (size_t)(first * row) * unit, (size_t)n * unit);
    }
    r->add = before != NULL;
    for (int i = 0; i < t->n_in; i++) {
        if (!dg_rig_wants(r, i) || t->in_rows[i])
            continue;
        if (before)
            memcpy(r->delta[i], before->delta[i], (size_t)dg_rig_in_count(r, i) * unit);
        if (before && r->sum[i])
            memcpy(r->sum[i], before->sum[i], r->sum_bytes[i]);
        dg_rig_adjoint(r, DG_CUT, i);
    }
}

static void check_two_batches(const dg_rig *whole, const dg_isa *isa, uint64_t *state)
{
    const dg_trial *t = whole->trial;
    int64_t n = t->out_shape[0].dim[0];
    if (!t->rows || n < 2 || !(t->type->flags & (DG_ROWS | DG_POINTWISE)) ||
        (t->type->flags & DG_RANDOM))
        return;
    int64_t cut = 1 + (int64_t)(dg_trial_next(state) % (uint64_t)(n - 1));
    dg_trial one, two;
    dg_rig a, b;
    dg_trial_rows(t, 0, cut, &one);
    dg_trial_rows(t, cut, n, &two);
    run_rows(whole, &a, &one, isa, 0, NULL);
    int adds = (t->type->flags & DG_ACCUMULATES) != 0 || t->type->sum != NULL;
    run_rows(whole, &b, &two, isa, cut, adds ? &a : NULL);
    for (int i = 0; i < t->n_in && adds; i++)
        if (dg_rig_wants(whole, i) && !t->in_rows[i])
            same(whole, "batch in parts: delta", i, whole->delta[i], b.delta[i],
                 dg_rig_in_count(whole, i));
    dg_rig_close(&a);
    dg_rig_close(&b);
}

/* ---- Differences ----------------------------------------------------------------------------- */

/* z + h v, forward. */
static void step(dg_rig *r, const dg_rig *base, double h)
{
    for (int i = 0; i < r->trial->n_in; i++)
        for (int64_t k = 0; dg_rig_wants(r, i) && k < dg_rig_in_count(r, i); k++)
            dg_rig_set(r, r->in[i], k,
                       dg_rig_get(base, base->in[i], k) + h * dg_rig_get(base, base->din[i], k));
    dg_rig_forward(r, DG_WHOLE);
}

/* a - b; 0 also for two equal infinities (the maximum of nothing). */
static double minus(double a, double b)
{
    return a == b ? 0 : a - b;
}

/* D(h) = (f(z + h v) - f(z - h v)) / 2h, into the rig's dout. */
static void central(dg_rig *up, dg_rig *down, const dg_rig *base, double h)
{
    step(up, base, h);
    step(down, base, -h);
    for (int j = 0; j < base->trial->n_results; j++)
        for (int64_t k = 0; k < dg_rig_out_count(base, j); k++) {
            double d = minus(dg_rig_get(up, up->out[j], k), dg_rig_get(down, down->out[j], k));
            dg_rig_set(up, up->dout[j], k, d / (2 * h));
        }
}

/* coarse = fine + (fine - coarse) / (order - 1): the next level of Richardson's scheme. */
static void improve(dg_rig *coarse, const dg_rig *fine, double order)
{
    for (int j = 0; j < fine->trial->n_results; j++)
        for (int64_t k = 0; k < dg_rig_out_count(fine, j); k++) {
            double d = dg_rig_get(fine, fine->dout[j], k);
            double e = d - dg_rig_get(coarse, coarse->dout[j], k);
            dg_rig_set(coarse, coarse->dout[j], k, d + e / (order - 1));
        }
}

/* base: f64, with forward, tangent and adjoint done. */
static void check_differences(const dg_rig *base, const dg_isa *isa, figures *f)
{
    const dg_trial *t = base->trial;
    double h = fmin(0.064, t->radius / 32);
    dg_rig level[3], down;
    assert_true(h > 0);
    dg_rig_open(&down, t, DG_F64, isa, 1);
    for (int k = 0; k < 3; k++) {
        dg_rig_open(&level[k], t, DG_F64, isa, 1);
        central(&level[k], &down, base, h / (1 << k));
    }
    improve(&level[0], &level[1], 4);
    improve(&level[1], &level[2], 4);
    improve(&level[0], &level[1], 16);
    double adjoint = gap_of(base, level[0].dout, -1);
    for (int j = 0; j < t->n_results; j++)
        for (int64_t k = 0; k < dg_rig_out_count(base, j); k++)
            dg_rig_set(&down, down.dout[j], k,
                       dg_rig_get(base, level[0].dout[j], k) - dg_rig_get(base, base->dout[j], k));
    double scale = fmax(norm_out(base, base->dout), norm_out(base, level[0].dout));
    double tangent = relative(norm_out(base, down.dout), 0, scale);
    note(&f->adjoint, adjoint);
    note(&f->tangent, tangent);
    f->differences++;
    limit(base, "the adjoint's distance from finite differences", adjoint, DIFFERENCE);
    limit(base, "the tangent's distance from finite differences", tangent, DIFFERENCE);
    for (int k = 0; k < 3; k++)
        dg_rig_close(&level[k]);
    dg_rig_close(&down);
}

/* ---- A trial --------------------------------------------------------------------------------- */

static void check_identity(dg_rig *r, figures *f)
{
    double most = r->real == DG_F32 ? IDENTITY_F32 : IDENTITY_F64;
    double *worst = &f->identity[r->real == DG_F64];
    for (int i = 0; i < r->trial->n_in; i++) {
        if (!dg_rig_wants(r, i))
            continue;
        dg_rig_tangent(r, DG_WHOLE, i);
        dg_rig_adjoint(r, DG_WHOLE, i);
        double gap = gap_of(r, r->dout, i);
        note(worst, gap);
        limit(r, "the gap of the adjoint identity, an input alone,", gap, most);
    }
    dg_rig_tangent(r, DG_WHOLE, -1);
    dg_rig_adjoint(r, DG_WHOLE, -1);
    double gap = gap_of(r, r->dout, -1);
    note(worst, gap);
    limit(r, "the gap of the adjoint identity", gap, most);
}

static void check_isa(dg_rig *whole, const dg_trial *t, dg_type real, const dg_isa *isa,
                      uint64_t seed, figures *f)
{
    dg_rig other;
    uint64_t state = seed;
    dg_rig_open(whole, t, real, isa, seed);
    dg_rig_forward(whole, DG_WHOLE);
    check_identity(whole, f);
    dg_rig_open(&other, t, real, isa, seed);
    check_cuts(whole, &other);
    check_inside(whole, &other);
    check_in_place(whole, &other);
    dg_rig_close(&other);
    check_two_batches(whole, isa, &state);
}

/* Norm of the difference of f32 and f64 results over that of results and inputs. */
static void check_single(const dg_rig *narrow, const dg_rig *wide, figures *f)
{
    long double gap = 0;
    double scale = norm_out(wide, wide->out) + norm_in(wide, wide->in, -1);
    for (int j = 0; j < wide->trial->n_out; j++)
        for (int64_t k = 0; k < dg_rig_out_count(wide, j); k++) {
            double d =
                minus(dg_rig_get(wide, wide->out[j], k), dg_rig_get(narrow, narrow->out[j], k));
            gap += (long double)d * (long double)d;
        }
    double found = relative((double)sqrtl(gap), 0, scale);
    note(&f->single, found);
    limit(narrow, "the distance of f32 from f64", found, SINGLE);
}

static void check_trial(const dg_trial *t, uint64_t seed, figures *f)
{
    dg_rig first[2], next;
    const dg_isa *isa;
    for (int wide = 0; wide < 2; wide++) {
        dg_type real = wide ? DG_F64 : DG_F32;
        check_isa(&first[wide], t, real, dg_isa_at(0), seed, f);
        for (int k = 1; (isa = dg_rig_isa(k)); k++) {
            check_isa(&next, t, real, isa, seed, f);
            same_outputs(&first[wide], &next, "another instruction set: output");
            same_tangents(&first[wide], &next, "another instruction set: tangent of output");
            same_deltas(&first[wide], &next, "another instruction set: delta");
            dg_rig_close(&next);
        }
    }
    check_single(&first[0], &first[1], f);
    int distinct = strstr(t->of->fill, "distinct") != NULL;
    int64_t most = 0;
    for (int i = 0; i < t->n_in; i++)
        most += dg_rig_in_count(&first[1], i);
    if (!distinct || most <= DISTINCT_MOST)
        check_differences(&first[1], dg_isa_at(0), f);
    dg_rig_close(&first[0]);
    dg_rig_close(&first[1]);
}

static int is_empty(const dg_trial *t)
{
    for (int i = 0; i < t->n_in; i++)
        if (t->in_shape[i].rank >= 0 && dg_shape_count(&t->in_shape[i]) == 0)
            return 1;
    return 0;
}

static void check_node(int k)
{
    const dg_node_type *type = dg_builtin_at(k);
    figures f = {0};
    dg_diag why = {0};
    uint64_t seed = 1000003 * (uint64_t)(k + 1);
    assert_true(type->n_cases > 0);
    for (int draw = 0; draw * type->n_cases < ATTEMPTS; draw++)
        for (int which = 0; which < type->n_cases; which++) {
            dg_trial t;
            why = (dg_diag){0};
            if (draw < DRAWS || f.shapes < SHAPES) {
                if (dg_trial_draw(&t, k, which, draw, ++seed, &why)) {
                    check_trial(&t, seed, &f);
                    f.shapes++;
                    f.empty += is_empty(&t);
                }
                dg_trial_free(&t);
            }
        }
    printf("%-24s %6d %6d %10.1e %10.1e %10.1e %10.1e %10.1e\n", type->name, f.shapes, f.empty,
           f.identity[1], f.identity[0], f.single, f.tangent, f.adjoint);
    if (f.shapes < SHAPES)
        fail_msg("%s: only %d shapes; the last was refused: %s", type->name, f.shapes, why.text);
    if (f.differences < DIFFERENCES)
        fail_msg("%s: only %d points of finite differences", type->name, f.differences);
}

/* One node by name in the environment, or all. */
static void test_derivatives(void **state)
{
    (void)state;
    const char *only = getenv("DAGRAD_NODE");
    printf("%-24s %6s %6s %10s %10s %10s %10s %10s\n", "node", "shapes", "empty", "identity",
           "in f32", "f32-f64", "tangent", "adjoint");
    for (int k = 0; k < dg_builtin_count(); k++)
        if (!only || strcmp(only, dg_builtin_at(k)->name) == 0)
            check_node(k);
    for (int k = 0; k < 3; k++)
        if (!dg_isa_at(k))
            printf("SKIPPED: this processor has only %d of 3 instruction sets\n", k), k = 3;
}

/* --cases: says which nodes have none; a step of the build, so that such a node does not build. */
static int lacking_cases(void)
{
    int lacking = 0;
    for (int k = 0; k < dg_builtin_count(); k++)
        if (dg_builtin_at(k)->n_cases < 1) {
            fprintf(stderr, "node %s has no cases\n", dg_builtin_at(k)->name);
            lacking = 1;
        }
    return lacking;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_derivatives)};
    if (argc > 1 && strcmp(argv[1], "--cases") == 0)
        return lacking_cases();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
