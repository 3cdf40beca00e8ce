/* Every point-wise node over all magnitudes: forward, adjoint and tangent in f32 and f64 against
 * MPFR with 300 bits. At most 4 ulp of the sum of magnitudes of the terms: of x, or of f' times e.
 * Two things are allowed besides: what is saved (x), f', and the share of z that is the result of
 * gelu and silu, and a^(b - 1) are numbers of the type, so where they are below its range an error
 * of a few of its smallest numbers, times e, z or b, may follow, and where they are above it the
 * product may be too large. The adjoints of tanh and sigmoid have the terms 1 - x^2 and x - x^2.
 * Prints the worst error of each node, in ulp, on the best instruction set; the others have its
 * bits. */
#include "ops/registry.h"
#include "ops/rig.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#if defined(DG_HAVE_MPFR)
#include <mpfr.h>

enum { POINTS = 6000, BITS = 300 };

/* Of one point: x, and for each input f' and the sum of magnitudes of its terms. */
typedef struct {
    mpfr_t x, terms, slope[2], slope_terms[2], t, u;
} truth;

typedef void reference(truth *r, mpfr_t a, mpfr_t b);

static void set_slope(truth *r, int k, mpfr_t s)
{
    mpfr_set(r->slope[k], s, MPFR_RNDN);
    mpfr_abs(r->slope_terms[k], s, MPFR_RNDN);
}

static void number_slope(truth *r, double s)
{
    mpfr_set_d(r->slope[0], s, MPFR_RNDN);
    mpfr_set_d(r->slope_terms[0], fabs(s), MPFR_RNDN);
}

static void ref_neg(truth *r, mpfr_t a, mpfr_t b)
{
    (void)b;
    mpfr_neg(r->x, a, MPFR_RNDN);
    number_slope(r, -1);
}

static void ref_abs(truth *r, mpfr_t a, mpfr_t b)
{
    (void)b;
    mpfr_abs(r->x, a, MPFR_RNDN);
    number_slope(r, mpfr_sgn(a));
}

static void ref_exp(truth *r, mpfr_t a, mpfr_t b)
{
    (void)b;
    mpfr_exp(r->x, a, MPFR_RNDN);
    set_slope(r, 0, r->x);
}

static void ref_log(truth *r, mpfr_t a, mpfr_t b)
{
    (void)b;
    mpfr_log(r->x, a, MPFR_RNDN);
    mpfr_ui_div(r->t, 1, a, MPFR_RNDN);
    set_slope(r, 0, r->t);
}

static void ref_sqrt(truth *r, mpfr_t a, mpfr_t b)
{
    (void)b;
    mpfr_sqrt(r->x, a, MPFR_RNDN);
    mpfr_d_div(r->t, 0.5, r->x, MPFR_RNDN);
    set_slope(r, 0, r->t);
}

static void ref_square(truth *r, mpfr_t a, mpfr_t b)
{
    (void)b;
    mpfr_sqr(r->x, a, MPFR_RNDN);
    mpfr_mul_ui(r->t, a, 2, MPFR_RNDN);
    set_slope(r, 0, r->t);
}

static void ref_reciprocal(truth *r, mpfr_t a, mpfr_t b)
{
    (void)b;
    mpfr_ui_div(r->x, 1, a, MPFR_RNDN);
    mpfr_sqr(r->t, r->x, MPFR_RNDN);
    mpfr_neg(r->t, r->t, MPFR_RNDN);
    set_slope(r, 0, r->t);
}

static void ref_sin(truth *r, mpfr_t a, mpfr_t b)
{
    (void)b;
    mpfr_sin_cos(r->x, r->t, a, MPFR_RNDN);
    set_slope(r, 0, r->t);
}

static void ref_cos(truth *r, mpfr_t a, mpfr_t b)
{
    (void)b;
    mpfr_sin_cos(r->t, r->x, a, MPFR_RNDN);
    mpfr_neg(r->t, r->t, MPFR_RNDN);
    set_slope(r, 0, r->t);
}

static void ref_erf(truth *r, mpfr_t a, mpfr_t b)
{
    (void)b;
    mpfr_erf(r->x, a, MPFR_RNDN);
    mpfr_sqr(r->t, a, MPFR_RNDN);
    mpfr_neg(r->t, r->t, MPFR_RNDN);
    mpfr_exp(r->t, r->t, MPFR_RNDN);
    mpfr_const_pi(r->u, MPFR_RNDN);
    mpfr_sqrt(r->u, r->u, MPFR_RNDN);
    mpfr_div(r->t, r->t, r->u, MPFR_RNDN);
    mpfr_mul_ui(r->t, r->t, 2, MPFR_RNDN);
    set_slope(r, 0, r->t);
}

/* 1 - x^2. */
static void ref_tanh(truth *r, mpfr_t a, mpfr_t b)
{
    (void)b;
    mpfr_tanh(r->x, a, MPFR_RNDN);
    mpfr_sech(r->t, a, MPFR_RNDN);
    mpfr_sqr(r->slope[0], r->t, MPFR_RNDN);
    mpfr_sqr(r->t, r->x, MPFR_RNDN);
    mpfr_add_ui(r->slope_terms[0], r->t, 1, MPFR_RNDN);
}

/* y = 1 / (1 + e^-z). */
static void logistic(mpfr_t y, mpfr_t z)
{
    mpfr_neg(y, z, MPFR_RNDN);
    mpfr_exp(y, y, MPFR_RNDN);
    mpfr_add_ui(y, y, 1, MPFR_RNDN);
    mpfr_ui_div(y, 1, y, MPFR_RNDN);
}

/* x - x^2 */
static void ref_sigmoid(truth *r, mpfr_t a, mpfr_t b)
{
    (void)b;
    logistic(r->x, a);
    mpfr_neg(r->t, a, MPFR_RNDN);
    logistic(r->u, r->t);
    mpfr_mul(r->slope[0], r->x, r->u, MPFR_RNDN);
    mpfr_sqr(r->t, r->x, MPFR_RNDN);
    mpfr_add(r->slope_terms[0], r->t, r->x, MPFR_RNDN);
}

static void ref_relu(truth *r, mpfr_t a, mpfr_t b)
{
    (void)b;
    mpfr_set(r->x, a, MPFR_RNDN);
    if (mpfr_sgn(a) <= 0)
        mpfr_set_ui(r->x, 0, MPFR_RNDN);
    number_slope(r, mpfr_sgn(a) > 0);
}

static void elu(truth *r, mpfr_t a, double alpha, double scale)
{
    mpfr_set(r->x, a, MPFR_RNDN);
    mpfr_set_ui(r->t, 1, MPFR_RNDN);
    if (mpfr_sgn(a) <= 0) {
        mpfr_expm1(r->x, a, MPFR_RNDN);
        mpfr_mul_d(r->x, r->x, alpha, MPFR_RNDN);
        mpfr_exp(r->t, a, MPFR_RNDN);
        mpfr_mul_d(r->t, r->t, alpha, MPFR_RNDN);
    }
    mpfr_mul_d(r->x, r->x, scale, MPFR_RNDN);
    mpfr_mul_d(r->t, r->t, scale, MPFR_RNDN);
    set_slope(r, 0, r->t);
}

static void ref_elu(truth *r, mpfr_t a, mpfr_t b)
{
    (void)b;
    elu(r, a, 1, 1);
}

static void ref_selu(truth *r, mpfr_t a, mpfr_t b)
{
    (void)b;
    elu(r, a, 1.6732632423543772, 1.0507009873554805);
}

static void ref_softplus(truth *r, mpfr_t a, mpfr_t b)
{
    (void)b;
    mpfr_abs(r->t, a, MPFR_RNDN);
    mpfr_neg(r->t, r->t, MPFR_RNDN);
    mpfr_exp(r->t, r->t, MPFR_RNDN);
    mpfr_log1p(r->x, r->t, MPFR_RNDN);
    if (mpfr_sgn(a) > 0)
        mpfr_add(r->x, r->x, a, MPFR_RNDN);
    logistic(r->t, a);
    set_slope(r, 0, r->t);
}

static void ref_softsign(truth *r, mpfr_t a, mpfr_t b)
{
    (void)b;
    mpfr_abs(r->t, a, MPFR_RNDN);
    mpfr_add_ui(r->t, r->t, 1, MPFR_RNDN);
    mpfr_div(r->x, a, r->t, MPFR_RNDN);
    mpfr_sqr(r->t, r->t, MPFR_RNDN);
    mpfr_ui_div(r->t, 1, r->t, MPFR_RNDN);
    set_slope(r, 0, r->t);
}

/* x = z S, S and S' in u and t. */
static void shared(truth *r, mpfr_t a)
{
    mpfr_mul(r->x, a, r->u, MPFR_RNDN);
    mpfr_mul(r->t, r->t, a, MPFR_RNDN);
    mpfr_add(r->slope[0], r->t, r->u, MPFR_RNDN);
    mpfr_abs(r->t, r->t, MPFR_RNDN);
    mpfr_add(r->slope_terms[0], r->t, r->u, MPFR_RNDN);
}

static void ref_silu(truth *r, mpfr_t a, mpfr_t b)
{
    (void)b;
    logistic(r->u, a);
    mpfr_neg(r->t, a, MPFR_RNDN);
    logistic(r->x, r->t);
    mpfr_mul(r->t, r->x, r->u, MPFR_RNDN);
    shared(r, a);
}

static void ref_gelu(truth *r, mpfr_t a, mpfr_t b)
{
    (void)b;
    mpfr_sqr(r->t, a, MPFR_RNDN);
    mpfr_div_si(r->t, r->t, -2, MPFR_RNDN);
    mpfr_exp(r->t, r->t, MPFR_RNDN);
    mpfr_const_pi(r->u, MPFR_RNDN);
    mpfr_mul_ui(r->u, r->u, 2, MPFR_RNDN);
    mpfr_sqrt(r->u, r->u, MPFR_RNDN);
    mpfr_div(r->t, r->t, r->u, MPFR_RNDN);
    mpfr_sqrt_ui(r->u, 2, MPFR_RNDN);
    mpfr_div(r->u, a, r->u, MPFR_RNDN);
    mpfr_neg(r->u, r->u, MPFR_RNDN);
    mpfr_erfc(r->u, r->u, MPFR_RNDN);
    mpfr_div_ui(r->u, r->u, 2, MPFR_RNDN);
    shared(r, a);
}

static void ref_mul(truth *r, mpfr_t a, mpfr_t b)
{
    mpfr_mul(r->x, a, b, MPFR_RNDN);
    set_slope(r, 0, b);
    set_slope(r, 1, a);
}

static void ref_div(truth *r, mpfr_t a, mpfr_t b)
{
    mpfr_div(r->x, a, b, MPFR_RNDN);
    mpfr_ui_div(r->t, 1, b, MPFR_RNDN);
    set_slope(r, 0, r->t);
    mpfr_mul(r->t, r->t, r->x, MPFR_RNDN);
    mpfr_neg(r->t, r->t, MPFR_RNDN);
    set_slope(r, 1, r->t);
}

static void ref_pow(truth *r, mpfr_t a, mpfr_t b)
{
    mpfr_pow(r->x, a, b, MPFR_RNDN);
    mpfr_log(r->t, a, MPFR_RNDN);
    mpfr_mul(r->t, r->t, r->x, MPFR_RNDN);
    set_slope(r, 1, r->t);
    mpfr_sub_ui(r->t, b, 1, MPFR_RNDN);
    mpfr_pow(r->t, a, r->t, MPFR_RNDN);
    mpfr_mul(r->t, r->t, b, MPFR_RNDN);
    set_slope(r, 0, r->t);
}

static const struct {
    const char *node;
    reference *of;
    int n_in, positive;
} NODES[] = {
    {"neg", ref_neg, 1, 0},
    {"abs", ref_abs, 1, 0},
    {"exp", ref_exp, 1, 0},
    {"log", ref_log, 1, 1},
    {"sqrt", ref_sqrt, 1, 1},
    {"square", ref_square, 1, 0},
    {"reciprocal", ref_reciprocal, 1, 0},
    {"sin", ref_sin, 1, 0},
    {"cos", ref_cos, 1, 0},
    {"erf", ref_erf, 1, 0},
    {"tanh", ref_tanh, 1, 0},
    {"sigmoid", ref_sigmoid, 1, 0},
    {"relu", ref_relu, 1, 0},
    {"elu", ref_elu, 1, 0},
    {"selu", ref_selu, 1, 0},
    {"softplus", ref_softplus, 1, 0},
    {"softsign", ref_softsign, 1, 0},
    {"silu", ref_silu, 1, 0},
    {"gelu", ref_gelu, 1, 0},
    {"mul", ref_mul, 2, 0},
    {"div", ref_div, 2, 0},
    {"pow", ref_pow, 2, 1},
};

/* ---- Points ---------------------------------------------------------------------------------- */

static double rounded(dg_type real, double x)
{
    return real == DG_F32 ? (double)(float)x : x;
}

/* All magnitudes of the type, or the range where functions bend and saturate; either sign. */
static double draw(dg_type real, int i, int positive, uint64_t *state)
{
    double most = real == DG_F32 ? 37.9 : 299.9, wide = real == DG_F32 ? 110 : 800;
    double x = i % 2 ? pow(10, dg_trial_uniform(state, -most, most))
                     : dg_trial_uniform(state, 0, i % 4 ? 20 : wide);
    return rounded(real, positive || dg_trial_next(state) % 2 ? x : -x);
}

/* ---- Comparing ------------------------------------------------------------------------------- */

typedef struct {
    double eps, tiny, most;
} range;

/* Error of found in ulp of the sum of terms, less `slack` times the smallest number; e is a factor
 * of both. 0 where the truth is above the range and found is an infinity. */
static double ulps(const range *r, double found, mpfr_t want, mpfr_t terms, double e, double slack)
{
    mpfr_t w, t;
    double error = 0;
    mpfr_inits2(BITS, w, t, (mpfr_ptr)0);
    mpfr_mul_d(w, want, e, MPFR_RNDN);
    mpfr_mul_d(t, terms, fabs(e), MPFR_RNDN);
    int above = mpfr_cmp_d(t, r->most * (1 - 4 * r->eps)) > 0;
    if (!(above && !isfinite(found))) {
        mpfr_sub_d(w, w, found, MPFR_RNDN);
        mpfr_abs(w, w, MPFR_RNDN);
        mpfr_sub_d(w, w, slack * r->tiny, MPFR_RNDN);
        mpfr_mul_d(t, t, r->eps, MPFR_RNDN);
        mpfr_div(t, w, t, MPFR_RNDN);
        if (mpfr_nan_p(w) || !isfinite(found))
            error = HUGE_VAL;
        else if (mpfr_sgn(w) > 0)
            error = mpfr_get_d(t, MPFR_RNDN);
    }
    mpfr_clears(w, t, (mpfr_ptr)0);
    return error;
}

static void note(const dg_rig *g, int64_t i, const char *what, double error, double *worst)
{
    *worst = fmax(*worst, error);
    if (!(error <= 4))
        fail_msg("%s, f%d: %s is off by %g ulp at a = %.17g, b = %.17g, e = %.9g",
                 g->trial->type->name, g->real == DG_F32 ? 32 : 64, what, error,
                 dg_rig_get(g, g->in[0], i), g->trial->n_in > 1 ? dg_rig_get(g, g->in[1], i) : 0,
                 dg_rig_get(g, g->eps[0], i));
}

/* A derivative, or what it is made of, that is above the range of the type. */
static int is_outside(const range *r, mpfr_t x)
{
    return !(fabs(mpfr_get_d(x, MPFR_RNDN)) <= r->most * (1 - 4 * r->eps));
}

static void compare_point(const dg_rig *g, const range *r, int node, int64_t i, truth *w,
                          double worst[3])
{
    mpfr_t in[2];
    mpfr_inits2(BITS, in[0], in[1], (mpfr_ptr)0);
    for (int k = 0; k < NODES[node].n_in; k++)
        mpfr_set_d(in[k], dg_rig_get(g, g->in[k], i), MPFR_RNDN);
    NODES[node].of(w, in[0], in[1]);
    mpfr_abs(w->terms, w->x, MPFR_RNDN);
    int share = NODES[node].of == ref_silu || NODES[node].of == ref_gelu;
    double z = share ? fmin(fabs(dg_rig_get(g, g->in[0], i)), 1000) : 0;
    note(g, i, "x", ulps(r, dg_rig_get(g, g->out[0], i), w->x, w->terms, 1, 4 + z), &worst[0]);
    double e = dg_rig_get(g, g->eps[0], i);
    for (int k = 0; k < NODES[node].n_in; k++) {
        if (is_outside(r, w->slope[k]) || is_outside(r, w->x))
            continue;
        double by_x = k == 1 ? fabs(mpfr_get_d(w->slope[1], MPFR_RNDN)) /
                                   fmax(fabs(mpfr_get_d(w->x, MPFR_RNDN)), r->tiny)
                             : 0;
        double power = NODES[node].of == ref_pow ? fabs(dg_rig_get(g, g->in[1], i)) : 0;
        double slack = 4 + fabs(e) * (64 + by_x + z + power);
        note(g, i, k ? "db" : "da",
             ulps(r, dg_rig_get(g, g->delta[k], i), w->slope[k], w->slope_terms[k], e, slack),
             &worst[1 + k]);
    }
    mpfr_clears(in[0], in[1], (mpfr_ptr)0);
}

/* Tangents have the bits of the adjoint, input by input. */
static void compare_tangents(dg_rig *g)
{
    for (int k = 0; k < g->trial->n_in; k++) {
        memcpy(g->din[k], g->eps[0], (size_t)POINTS * dg_type_bytes(g->real));
        dg_rig_tangent(g, DG_WHOLE, k);
        assert_int_equal(dg_rig_differs(g, g->dout[0], g->delta[k], POINTS), -1);
    }
}

static void run_all(dg_rig *g)
{
    dg_rig_forward(g, DG_WHOLE);
    for (int k = 0; k < g->trial->n_in; k++)
        dg_rig_adjoint(g, DG_WHOLE, k);
}

/* The other instruction sets, with the same error vector, have the same bits. */
static void compare_paths(const dg_rig *g, const dg_trial *t)
{
    dg_rig other;
    for (int path = 1; dg_isa_at(path); path++) {
        dg_rig_open(&other, t, g->real, dg_isa_at(path), 1);
        memcpy(other.eps[0], g->eps[0], (size_t)POINTS * dg_type_bytes(g->real));
        run_all(&other);
        int64_t at = dg_rig_differs(g, other.out[0], g->out[0], POINTS);
        for (int k = 0; k < t->n_in && at < 0; k++)
            at = dg_rig_differs(g, other.delta[k], g->delta[k], POINTS);
        if (at >= 0)
            fail_msg("%s: %s has other bits at a = %.17g", t->type->name, dg_isa_at(path)->name,
                     dg_rig_get(g, g->in[0], at));
        dg_rig_close(&other);
    }
}

static void check(int node, dg_type real, double worst[3])
{
    static double a[POINTS], b[POINTS];
    const double *in[] = {a, b};
    const range r = real == DG_F32 ? (range){FLT_EPSILON, 0x1p-149, FLT_MAX}
                                   : (range){DBL_EPSILON, 0x1p-1074, DBL_MAX};
    dg_shape shape[2] = {{1, {POINTS}}, {1, {POINTS}}};
    uint64_t state = (uint64_t)node + 1;
    dg_trial t;
    dg_rig g;
    truth w;
    mpfr_inits2(BITS, w.x, w.terms, w.slope[0], w.slope[1], w.slope_terms[0], w.slope_terms[1], w.t,
                w.u, (mpfr_ptr)0);
    for (int i = 0; i < POINTS; i++) {
        a[i] = draw(real, i, NODES[node].positive, &state);
        b[i] = draw(real, i / 2, 0, &state);
    }
    dg_trial_make(&t, NODES[node].node, "", NODES[node].n_in, shape, in, 0);
    dg_rig_open(&g, &t, real, dg_isa_at(0), 1);
    for (int i = 0; i < POINTS; i++)
        dg_rig_set(&g, g.eps[0], i, i % 3 ? draw(real, 1, 0, &state) : 1);
    run_all(&g);
    compare_paths(&g, &t);
    for (int i = 0; i < POINTS; i++)
        compare_point(&g, &r, node, i, &w, worst);
    compare_tangents(&g);
    mpfr_clears(w.x, w.terms, w.slope[0], w.slope[1], w.slope_terms[0], w.slope_terms[1], w.t, w.u,
                (mpfr_ptr)0);
    dg_rig_close(&g);
    dg_trial_free(&t);
}

static void all_magnitudes(void **state)
{
    (void)state;
    mpfr_set_emin(-100000);
    mpfr_set_emax(100000);
    printf("%-12s %8s %8s %8s %8s %8s %8s\n", "ulp", "f32 x", "da", "db", "f64 x", "da", "db");
    for (int k = 0; k < (int)(sizeof NODES / sizeof NODES[0]); k++) {
        double narrow[3] = {0}, wide[3] = {0};
        check(k, DG_F32, narrow);
        check(k, DG_F64, wide);
        printf("%-12s %8.2f %8.2f %8.2f %8.2f %8.2f %8.2f\n", NODES[k].node, narrow[0], narrow[1],
               narrow[2], wide[0], wide[1], wide[2]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_magnitudes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    puts("SKIPPED: built without MPFR");
    return 77;
}

#endif
