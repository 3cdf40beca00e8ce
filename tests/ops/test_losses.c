/* Losses: error vectors entry by entry against their formulas, on every instruction set in both
 * types; rho(a, b) >= rho(a, a); and the edges: ignored labels, saturated logits, labels and
 * distributions that are none, estimates of 0, pairs of weight 0. */
#include "ops/registry.h"
#include "ops/rig.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TARGET, ESTIMATE, WEIGHT };

/* One call of a loss at given values. */
typedef struct {
    dg_trial trial;
    dg_rig rig;
} point;

static const dg_shape NONE = {.rank = -1};

/* Error vectors are 1 until set. weight NULL: none. labels: the target is integers. */
static void open(point *p, const char *node, const char *attrs, dg_shape target, dg_shape estimate,
                 dg_shape weight, const double *a, const double *b, const double *w, int labels,
                 int f64, const dg_isa *isa)
{
    const dg_shape shapes[] = {target, estimate, weight};
    const double *values[] = {a, b, w};
    dg_trial_make(&p->trial, node, attrs, 3, shapes, values, 0);
    p->trial.integer[TARGET] = labels;
    dg_rig_open(&p->rig, &p->trial, f64 ? DG_F64 : DG_F32, isa, 1);
    for (int64_t i = 0; i < dg_rig_out_count(&p->rig, 0); i++)
        dg_rig_set(&p->rig, p->rig.eps[0], i, 1);
}

static void run(point *p)
{
    dg_rig_forward(&p->rig, DG_WHOLE);
    dg_rig_adjoint(&p->rig, DG_WHOLE, -1);
}

static void close_point(point *p)
{
    dg_rig_close(&p->rig);
    dg_trial_free(&p->trial);
}

static double rho(const point *p, int64_t i)
{
    return dg_rig_get(&p->rig, p->rig.out[0], i);
}

static double eps_of(const point *p, int input, int64_t i)
{
    return dg_rig_get(&p->rig, p->rig.delta[input], i);
}

/* ---- Error vectors --------------------------------------------------------------------------- */

/* The formulas for one component of target and estimate. */
typedef struct {
    const char *name;
    double (*rho)(double a, double b);
    double (*for_estimate)(double a, double b);
    double (*for_target)(double a, double b);
    double low, high; /* of the estimates */
    int probability;  /* targets are 0 to 1, else low to high */
} formula;

static double sign(double x)
{
    return x > 0 ? 1 : x < 0 ? -1 : 0;
}

static double sigmoid(double z)
{
    return 1 / (1 + exp(-z));
}

static double mse(double a, double b)
{
    return (a - b) * (a - b);
}

static double mse_estimate(double a, double b)
{
    return -2 * (a - b);
}

static double mse_target(double a, double b)
{
    return 2 * (a - b);
}

static double mae(double a, double b)
{
    return fabs(a - b);
}

static double mae_estimate(double a, double b)
{
    return -sign(a - b);
}

static double mae_target(double a, double b)
{
    return sign(a - b);
}

static double huber(double a, double b)
{
    double d = fabs(a - b);
    return d <= 1 ? d * d / 2 : d - 0.5;
}

static double huber_estimate(double a, double b)
{
    return fabs(a - b) <= 1 ? b - a : sign(b - a);
}

static double huber_target(double a, double b)
{
    return -huber_estimate(a, b);
}

static double binary(double a, double b)
{
    return -(a > 0 ? a * log(b) : 0) - (a < 1 ? (1 - a) * log1p(-b) : 0);
}

static double binary_estimate(double a, double b)
{
    return (1 - a) / (1 - b) - a / b;
}

static double binary_target(double a, double b)
{
    (void)a;
    return log1p(-b) - log(b);
}

static double logistic(double a, double z)
{
    return (z > 0 ? z : 0) - a * z + log1p(exp(-fabs(z)));
}

static double logistic_estimate(double a, double z)
{
    return sigmoid(z) - a;
}

static double logistic_target(double a, double z)
{
    (void)a;
    return -z;
}

static const formula FORMULAS[] = {
    {"mse", mse, mse_estimate, mse_target, -2, 2, 0},
    {"mae", mae, mae_estimate, mae_target, -2, 2, 0},
    {"huber", huber, huber_estimate, huber_target, -2, 2, 0},
    {"binary_cross_entropy", binary, binary_estimate, binary_target, 0.05, 0.95, 1},
    {"sigmoid_cross_entropy", logistic, logistic_estimate, logistic_target, -5, 5, 1},
};

static void near(double found, double wanted, double scale, int f64, const char *name, int64_t i)
{
    double slack = (f64 ? 4e-15 : 2e-6) * fmax(scale, 1);
    if (!(fabs(found - wanted) <= slack))
        fail_msg("%s: entry %lld is %.17g, not %.17g", name, (long long)i, found, wanted);
}

/* rho and both error vectors of pairs of 37 components, with weights and over elements. */
static void check_formula(const formula *f, int f64, const dg_isa *isa)
{
    enum { PAIRS = 3, SIZE = 37, ALL = PAIRS * SIZE };
    double a[ALL], b[ALL], w[PAIRS] = {0.5, 3, 0};
    uint64_t seed = 3;
    for (int i = 0; i < ALL; i++) {
        b[i] = (double)(float)dg_trial_uniform(&seed, f->low, f->high);
        a[i] = (double)(float)dg_trial_uniform(&seed, f->probability ? 0 : f->low,
                                               f->probability ? 1 : f->high);
    }
    if (!f->probability)
        a[5] = b[5]; /* a difference of 0 */
    else
        a[5] = 0, a[6] = 1;
    for (int elements = 0; elements < 2; elements++) {
        point p;
        dg_shape s = {2, {PAIRS, SIZE}};
        double share = elements ? 1.0 / SIZE : 1;
        open(&p, f->name, elements ? "over=elements" : "", s, s, (dg_shape){1, {PAIRS}}, a, b, w, 0,
             f64, isa);
        run(&p);
        for (int k = 0; k < PAIRS; k++) {
            double sum = 0;
            for (int i = k * SIZE; i < (k + 1) * SIZE; i++) {
                double weight = w[k] * share;
                sum += f->rho(a[i], b[i]);
                near(eps_of(&p, ESTIMATE, i), weight * f->for_estimate(a[i], b[i]),
                     fabs(f->for_estimate(a[i], b[i])), f64, f->name, i);
                near(eps_of(&p, TARGET, i), weight * f->for_target(a[i], b[i]),
                     fabs(f->for_target(a[i], b[i])), f64, f->name, i);
            }
            near(rho(&p, k), w[k] * share * sum, sum, f64, f->name, k);
            near(eps_of(&p, WEIGHT, k), share * sum, sum, f64, f->name, k);
        }
        close_point(&p);
    }
}

/* The formulas of the design to the last bit, where a component has one rounding. */
static void check_exact(const char *name, int f64, const dg_isa *isa)
{
    enum { N = 40 };
    double a[N], b[N];
    uint64_t seed = 5;
    for (int i = 0; i < N; i++) {
        a[i] = (double)((int)(dg_trial_next(&seed) % 64) - 32) / 8;
        b[i] = (double)((int)(dg_trial_next(&seed) % 64) - 32) / 8;
    }
    point p;
    dg_shape s = {2, {4, N / 4}};
    open(&p, name, "", s, s, NONE, a, b, NULL, 0, f64, isa);
    run(&p);
    for (int i = 0; i < N; i++) {
        double d = a[i] - b[i], wanted = strcmp(name, "mse") == 0 ? -2 * d : -sign(d);
        assert_true(eps_of(&p, ESTIMATE, i) == wanted);
        assert_true(eps_of(&p, TARGET, i) == -wanted);
    }
    close_point(&p);
}

typedef void per_path(int f64, const dg_isa *isa);

static void each_path(per_path *fn)
{
    const dg_isa *isa;
    for (int k = 0; (isa = dg_rig_isa(k)); k++)
        for (int f64 = 0; f64 < 2; f64++)
            fn(f64, isa);
}

static void component_losses(int f64, const dg_isa *isa)
{
    for (size_t k = 0; k < sizeof FORMULAS / sizeof FORMULAS[0]; k++)
        check_formula(&FORMULAS[k], f64, isa);
    check_exact("mse", f64, isa);
    check_exact("mae", f64, isa);
}

static void test_component_losses(void **state)
{
    (void)state;
    each_path(component_losses);
}

/* Small differences are squares, large ones lines, and the place where it changes moves. */
static void huber_delta(int f64, const dg_isa *isa)
{
    const double a[] = {0, 0, 0, 0, 1}, b[] = {0.25, 0.5, 2, -3, 1};
    const double wanted[] = {0.25, 0.5, 0.5, -0.5, 0};
    point p;
    dg_shape s = {1, {5}};
    open(&p, "huber", "delta=0.5", s, s, NONE, a, b, NULL, 0, f64, isa);
    run(&p);
    for (int i = 0; i < 5; i++)
        assert_true(eps_of(&p, ESTIMATE, i) == wanted[i]);
    assert_true(rho(&p, 0) == 0.03125 && rho(&p, 1) == 0.125 && rho(&p, 2) == 0.875);
    assert_true(rho(&p, 3) == 1.375 && rho(&p, 4) == 0);
    close_point(&p);
}

static void test_huber_delta(void **state)
{
    (void)state;
    each_path(huber_delta);
}

/* ---- Cross entropy over classes -------------------------------------------------------------- */

static void softmax(int n, const double *z, double *b)
{
    double top = z[0], sum = 0;
    for (int i = 1; i < n; i++)
        top = fmax(top, z[i]);
    for (int i = 0; i < n; i++)
        sum += b[i] = exp(z[i] - top);
    for (int i = 0; i < n; i++)
        b[i] /= sum;
}

/* Distributions of numbers k / 2^20 that add up to 1 exactly. */
static void draw_distribution(int n, double *a, uint64_t *seed)
{
    double left = 1;
    for (int i = 0; i + 1 < n; i++) {
        a[i] = floor(dg_trial_uniform(seed, 0, left) * 0x1p19) * 0x1p-20;
        left -= a[i];
    }
    a[n - 1] = left;
}

enum { ROWS = 4, CLASSES = 19, ENTRIES = ROWS * CLASSES };

static void check_entropy(const char *name, int logits, int labels, int f64, const dg_isa *isa)
{
    double a[ENTRIES], z[ENTRIES], b[ENTRIES], label[ROWS];
    uint64_t seed = 11;
    for (int r = 0; r < ROWS; r++) {
        draw_distribution(CLASSES, a + r * CLASSES, &seed);
        label[r] = (double)(dg_trial_next(&seed) % CLASSES);
        for (int i = 0; i < CLASSES; i++)
            z[r * CLASSES + i] =
                (double)(float)dg_trial_uniform(&seed, logits ? -6 : 0.05, logits ? 6 : 1);
        for (int i = 0; labels && i < CLASSES; i++)
            a[r * CLASSES + i] = i == (int)label[r];
        if (logits)
            softmax(CLASSES, z + r * CLASSES, b + r * CLASSES);
        else
            memcpy(b + r * CLASSES, z + r * CLASSES, CLASSES * sizeof *b);
    }
    a[0] = labels ? a[0] : a[0] + a[1], a[1] = labels ? a[1] : 0;
    point p;
    dg_shape full = {2, {ROWS, CLASSES}}, lead = {1, {ROWS}};
    open(&p, name, "", labels ? lead : full, full, NONE, labels ? label : a, z, NULL, labels, f64,
         isa);
    run(&p);
    for (int r = 0; r < ROWS; r++) {
        double sum = 0;
        for (int i = r * CLASSES; i < (r + 1) * CLASSES; i++) {
            sum -= a[i] > 0 ? a[i] * log(b[i]) : 0;
            double wanted = logits ? b[i] - a[i] : -a[i] / b[i];
            near(eps_of(&p, ESTIMATE, i), wanted, fabs(wanted), f64, name, i);
            if (!labels)
                near(eps_of(&p, TARGET, i), -log(b[i]), fabs(log(b[i])), f64, name, i);
            if (!logits && f64)
                assert_true(eps_of(&p, ESTIMATE, i) == wanted);
        }
        near(rho(&p, r), sum, sum, f64, name, r);
    }
    close_point(&p);
}

static void entropies(int f64, const dg_isa *isa)
{
    for (int labels = 0; labels < 2; labels++) {
        check_entropy("cross_entropy", 0, labels, f64, isa);
        check_entropy("softmax_cross_entropy", 1, labels, f64, isa);
    }
}

static void test_entropies(void **state)
{
    (void)state;
    each_path(entropies);
}

/* ---- rho(a, b) >= rho(a, a) ------------------------------------------------------------------ */

/* The estimate that says a itself; how far apart random estimates lie. */
typedef struct {
    const char *name;
    double (*itself)(double a);
    double low, high;
    int target; /* 0: any number, 1: a probability, 2: a distribution */
} best;

static double same(double a)
{
    return a;
}

static double logit(double a)
{
    return log(a) - log1p(-a);
}

static const best BESTS[] = {
    {"mse", same, -3, 3, 0},
    {"mae", same, -3, 3, 0},
    {"huber", same, -3, 3, 0},
    {"binary_cross_entropy", same, 0.001, 0.999, 1},
    {"sigmoid_cross_entropy", logit, -7, 7, 1},
    {"cross_entropy", same, 0.001, 1, 2},
    {"softmax_cross_entropy", log, -7, 7, 2},
};

static void normalise(int n, double *x)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += x[i];
    for (int i = 0; i < n; i++)
        x[i] /= sum;
}

static void draw_pair(const best *l, int n, double *a, double *b, uint64_t *seed)
{
    for (int i = 0; i < n; i++) {
        a[i] = dg_trial_uniform(seed, l->target ? 0.001 : -3, l->target ? 0.999 : 3);
        b[i] = dg_trial_uniform(seed, l->low, l->high);
    }
    if (l->target == 2)
        normalise(n, a);
    if (l->target == 2 && l->itself == same)
        normalise(n, b);
}

/* 1,000 pairs of 5 components: their rho, and that of the targets themselves. */
static void check_best(const best *l, const dg_isa *isa)
{
    enum { PAIRS = 1000, SIZE = 5 };
    static double a[PAIRS * SIZE], b[PAIRS * SIZE], itself[PAIRS * SIZE];
    uint64_t seed = 17;
    for (int k = 0; k < PAIRS; k++)
        draw_pair(l, SIZE, a + k * SIZE, b + k * SIZE, &seed);
    for (int i = 0; i < PAIRS * SIZE; i++)
        itself[i] = l->itself(a[i]);
    point p, q;
    dg_shape s = {2, {PAIRS, SIZE}};
    open(&p, l->name, "", s, s, NONE, a, b, NULL, 0, 1, isa);
    open(&q, l->name, "", s, s, NONE, a, itself, NULL, 0, 1, isa);
    dg_rig_forward(&p.rig, DG_WHOLE);
    dg_rig_forward(&q.rig, DG_WHOLE);
    int larger = 0;
    for (int k = 0; k < PAIRS; k++) {
        if (!(rho(&p, k) >= rho(&q, k)))
            fail_msg("%s: pair %d: rho(a, b) = %.17g < rho(a, a) = %.17g", l->name, k, rho(&p, k),
                     rho(&q, k));
        larger += rho(&p, k) > rho(&q, k) + 1e-6;
    }
    assert_true(larger > 990);
    close_point(&p);
    close_point(&q);
}

/* Every loss of ops.def; one that is not in the table fails. */
static void test_best(void **state)
{
    (void)state;
    const dg_isa *isa;
    for (int k = 0; k < dg_builtin_count(); k++) {
        const dg_node_type *t = dg_builtin_at(k);
        const best *l = NULL;
        for (size_t j = 0; j < sizeof BESTS / sizeof BESTS[0]; j++)
            l = strcmp(t->name, BESTS[j].name) == 0 ? &BESTS[j] : l;
        if (!(t->flags & DG_LOSS))
            continue;
        if (!l)
            fail_msg("%s: no estimate is known that says its target", t->name);
        for (int i = 0; (isa = dg_rig_isa(i)); i++)
            check_best(l, isa);
    }
}

/* ---- Labels ---------------------------------------------------------------------------------- */

static const char *const LABEL_LOSSES[] = {"cross_entropy", "softmax_cross_entropy"};

static int64_t pairs_of(point *p)
{
    const void *in[] = {p->rig.in[0], p->rig.in[1], p->rig.in[2]};
    dg_call c = {.size = sizeof c,
                 .attrs = p->trial.attrs,
                 .n_in = 3,
                 .n_out = 1,
                 .in_shape = p->trial.in_shape,
                 .out_shape = p->trial.out_shape,
                 .row1 = p->trial.out_shape[0].dim[0],
                 .parts = 1,
                 .in = in};
    return p->trial.type->pairs(&c);
}

static void ignored(int f64, const dg_isa *isa)
{
    const double label[] = {2, -7, 0, -7, -7, -7}, none[] = {-7, -7, -7, -7, -7, -7};
    double b[18], w[6];
    for (int i = 0; i < 18; i++)
        b[i] = 0.1 * (i + 1);
    for (int i = 0; i < 6; i++)
        w[i] = 2;
    dg_shape lead = {2, {3, 2}}, full = {3, {3, 2, 3}};
    for (int k = 0; k < 2; k++)
        for (int all = 0; all < 2; all++) {
            point p;
            open(&p, LABEL_LOSSES[k], "ignore=-7", lead, full, lead, all ? none : label, b, w, 1,
                 f64, isa);
            run(&p);
            assert_int_equal(pairs_of(&p), all ? 0 : 2);
            for (int i = 0; i < 6; i++) {
                int counts = !all && label[i] >= 0;
                assert_true(counts ? rho(&p, i) != 0 : rho(&p, i) == 0);
                assert_true(counts ? eps_of(&p, WEIGHT, i) != 0 : eps_of(&p, WEIGHT, i) == 0);
                for (int j = 3 * i; j < 3 * i + 3; j++)
                    assert_true(counts || eps_of(&p, ESTIMATE, j) == 0);
            }
            close_point(&p);
        }
}

static void test_ignored(void **state)
{
    (void)state;
    each_path(ignored);
}

/* A label below 0, at the number of classes, or far out: DG_EDATA that names row, value and limit;
 * the ignored label is in none of these places. The adjoint refuses it too. */
static void bad_labels(int f64, const dg_isa *isa)
{
    const double bad[] = {-1, 3, -2147483648.0, 2147483647.0};
    const char *const text[] = {"row 1, place 1 is -1,", "row 1, place 1 is 3,", "is -2147483648,",
                                "is 2147483647,"};
    double b[18];
    for (int i = 0; i < 18; i++)
        b[i] = 0.5;
    dg_shape lead = {2, {3, 2}}, full = {3, {3, 2, 3}};
    for (int k = 0; k < 8; k++) {
        double label[] = {2, 0, 1, bad[k / 2], 0, 0};
        point p;
        open(&p, LABEL_LOSSES[k % 2], "ignore=9", lead, full, NONE, label, b, NULL, 1, f64, isa);
        assert_int_equal(dg_rig_try(&p.rig), DG_EDATA);
        if (!strstr(p.rig.why.text, text[k / 2]) || !strstr(p.rig.why.text, "0 to 2"))
            fail_msg("the message is: %s", p.rig.why.text);
        const void *in[] = {p.rig.in[0], p.rig.in[1], NULL}, *eps[] = {p.rig.eps[0]};
        void *delta[] = {NULL, p.rig.delta[1], NULL};
        dg_diag why = {0};
        dg_call c = {.size = sizeof c,
                     .attrs = p.trial.attrs,
                     .n_in = 3,
                     .n_out = 1,
                     .in_shape = p.trial.in_shape,
                     .out_shape = p.trial.out_shape,
                     .row1 = 3,
                     .parts = 1,
                     .in = in,
                     .eps = eps,
                     .delta = delta,
                     .saved = p.rig.saved,
                     .why = &why};
        assert_int_equal(p.rig.math->adjoint(&c), DG_EDATA);
        close_point(&p);
    }
}

static void test_bad_labels(void **state)
{
    (void)state;
    each_path(bad_labels);
}

static void test_limit(void **state)
{
    (void)state;
    point p;
    const double label[] = {0, 1};
    dg_shape lead = {1, {2}}, full = {2, {2, 3}};
    for (int k = 0; k < 2; k++) {
        open(&p, LABEL_LOSSES[k], "", lead, full, NONE, label, NULL, NULL, 1, 1, dg_isa_at(0));
        const dg_trial *t = &p.trial;
        dg_sizes of = dg_trial_sizes(t, DG_F64);
        assert_int_equal(t->type->limit(&of, TARGET), 3);
        assert_int_equal(t->type->limit(&of, ESTIMATE), -1);
        assert_int_equal(pairs_of(&p), 2);
        close_point(&p);
        open(&p, LABEL_LOSSES[k], "", full, full, NONE, NULL, NULL, NULL, 0, 1, dg_isa_at(0));
        of = dg_trial_sizes(t, DG_F64);
        assert_int_equal(t->type->limit(&of, TARGET), -1);
        assert_int_equal(pairs_of(&p), 2);
        close_point(&p);
    }
}

/* ---- Extreme values -------------------------------------------------------------------------- */

/* Logits so large that their exponentials are not numbers: rho is the gap, errors are 0 and 1. */
static void saturated(int f64, const dg_isa *isa)
{
    const double z[] = {1e30, 0, -1e30, -1e30, 0, 1e30, 1e30, 1e30, -(double)INFINITY},
                 label[] = {0, 0, 1};
    const double wanted_rho[] = {0, 2e30, log(2)};
    const double wanted[] = {0, 0, 0, -1, 0, 1, 0.5, -0.5, 0};
    point p;
    open(&p, "softmax_cross_entropy", "", (dg_shape){1, {3}}, (dg_shape){2, {3, 3}}, NONE, label, z,
         NULL, 1, f64, isa);
    run(&p);
    for (int i = 0; i < 3; i++)
        assert_true(fabs(rho(&p, i) - wanted_rho[i]) <= 1e-6 * fmax(1, wanted_rho[i]));
    for (int i = 0; i < 9; i++)
        assert_true(fabs(eps_of(&p, ESTIMATE, i) - wanted[i]) < 1e-7);
    close_point(&p);
    const double a[] = {1, 0, 1, 0}, s[] = {1e30, -1e30, -1e30, 1e30};
    const double gap[] = {0, 0, 1e30, 1e30}, error[] = {0, 0, -1, 1};
    open(&p, "sigmoid_cross_entropy", "", (dg_shape){1, {4}}, (dg_shape){1, {4}}, NONE, a, s, NULL,
         0, f64, isa);
    run(&p);
    for (int i = 0; i < 4; i++) {
        assert_true(fabs(rho(&p, i) - gap[i]) <= 1e-6 * gap[i]);
        assert_true(eps_of(&p, ESTIMATE, i) == error[i]);
    }
    close_point(&p);
}

static void test_saturated(void **state)
{
    (void)state;
    each_path(saturated);
}

/* Opens, tries, compares the status and a piece of its message (NULL: none, the loss is finite). */
static void expect(const char *node, const char *attrs, dg_shape target, dg_shape estimate,
                   const double *a, const double *b, int labels, dg_status status, const char *text,
                   int f64, const dg_isa *isa)
{
    point p;
    open(&p, node, attrs, target, estimate, NONE, a, b, NULL, labels, f64, isa);
    assert_int_equal(dg_rig_try(&p.rig), status);
    if (text && !strstr(p.rig.why.text, text))
        fail_msg("%s: the message is: %s", node, p.rig.why.text);
    for (int64_t i = 0; !text && i < dg_rig_out_count(&p.rig, 0); i++)
        assert_true(isfinite(rho(&p, i)));
    close_point(&p);
}

static void distributions(int f64, const dg_isa *isa)
{
    const double good[] = {1, 0, 0, 0, 0.25, 0.75};
    const double almost[] = {1, 0, 0, 0, 0.25, 0.7500005};
    const double more[] = {1, 0, 0, 0, 0.25, 0.7501}, less[] = {1, 0, 0, 0, 0.25, 0.7499};
    const double negative[] = {1, 0, 0, -0.1, 0.35, 0.75}, nan[] = {1, 0, 0, 0, (double)NAN, 0.75};
    const double b[] = {0.5, 0.25, 0.25, 0.1, 0.2, 0.7};
    dg_shape s = {2, {2, 3}};
    for (int k = 0; k < 2; k++) {
        const char *node = LABEL_LOSSES[k];
        expect(node, "", s, s, good, b, 0, DG_OK, NULL, f64, isa);
        expect(node, "", s, s, almost, b, 0, DG_OK, NULL, f64, isa);
        expect(node, "", s, s, more, b, 0, DG_EDATA, "row 1, distribution 0, adds up to 1.0001",
               f64, isa);
        expect(node, "", s, s, less, b, 0, DG_EDATA, "row 1, distribution 0, adds up to", f64, isa);
        expect(node, "", s, s, negative, b, 0, DG_EDATA, "row 1, distribution 0, has negative", f64,
               isa);
        expect(node, "", s, s, nan, b, 0, DG_EDATA, "row 1", f64, isa);
    }
    const double half[] = {0.5, 0.5}, over[] = {0.5, 1.5}, under[] = {0.5, -0.5};
    const double missing[] = {0.5, (double)NAN};
    dg_shape two = {2, {1, 2}};
    const char *const binaries[] = {"binary_cross_entropy", "sigmoid_cross_entropy"};
    for (int k = 0; k < 2; k++) {
        expect(binaries[k], "", two, two, half, half, 0, DG_OK, NULL, f64, isa);
        expect(binaries[k], "", two, two, over, half, 0, DG_EDATA, "row 0, component 1, is 1.5",
               f64, isa);
        expect(binaries[k], "", two, two, under, half, 0, DG_EDATA, "component 1, is -0.5", f64,
               isa);
        expect(binaries[k], "", two, two, missing, half, 0, DG_EDATA, "component 1, is ", f64, isa);
    }
}

static void test_distributions(void **state)
{
    (void)state;
    each_path(distributions);
}

static void impossible(int f64, const dg_isa *isa)
{
    const double a[] = {1, 0, 0, 0, 0.25, 0.75}, label[] = {0, 2};
    const double fine[] = {0.5, 0, 0, 0, 0.5, 0.5}, zero[] = {0.5, 0, 0, 0.5, 0.5, 0};
    const double below[] = {0.5, 0, 0, 0.5, 0.5, -1}, nan[] = {0.5, 0, 0, 0.5, 0.5, (double)NAN};
    dg_shape s = {2, {2, 3}}, lead = {1, {2}};
    for (int k = 0; k < 2; k++) {
        const double *target = k ? label : a;
        dg_shape t = k ? lead : s;
        const char *where = "the estimate of row 1, component 2, is 0 where";
        expect("cross_entropy", "", t, s, target, fine, k, DG_OK, NULL, f64, isa);
        expect("cross_entropy", "", t, s, target, zero, k, DG_EFINITE, where, f64, isa);
        expect("cross_entropy", "", t, s, target, below, k, DG_EFINITE, "row 1", f64, isa);
        expect("cross_entropy", "", t, s, target, nan, k, DG_EFINITE, "row 1", f64, isa);
    }
    const double yes[] = {1, 0}, sure[] = {1, 0}, wrong[] = {1, 1}, wrong0[] = {0, 0};
    point p;
    open(&p, "binary_cross_entropy", "", lead, lead, NONE, yes, sure, NULL, 0, f64, isa);
    run(&p);
    assert_true(rho(&p, 0) == 0 && rho(&p, 1) == 0);
    assert_true(eps_of(&p, ESTIMATE, 0) == -1 && eps_of(&p, ESTIMATE, 1) == 1);
    close_point(&p);
    expect("binary_cross_entropy", "", lead, lead, yes, wrong, 0, DG_EFINITE,
           "the estimate of row 1, component 0, is 1 where the target is 0", f64, isa);
    expect("binary_cross_entropy", "", lead, lead, yes, wrong0, 0, DG_EFINITE,
           "the estimate of row 0, component 0, is 0 where the target is 1", f64, isa);
}

/* label_smoothing of probabilities is the loss of targets drawn to 1/2: s = 1/4 of 0, 1, 0.6. */
static void smoothed(int f64, const dg_isa *isa)
{
    static const char *const node[] = {"binary_cross_entropy", "sigmoid_cross_entropy"};
    const double a[] = {0, 1, 0.6}, drawn[] = {0.125, 0.875, 0.575}, b[] = {0.3, 0.9, 0.5};
    const double most = f64 ? 1e-15 : 1e-6;
    dg_shape s = {1, {3}};
    for (int k = 0; k < 2; k++) {
        point p, q;
        open(&p, node[k], "label_smoothing=0.25", s, s, NONE, a, b, NULL, 0, f64, isa);
        open(&q, node[k], "", s, s, NONE, drawn, b, NULL, 0, f64, isa);
        run(&p);
        run(&q);
        for (int i = 0; i < 3; i++) {
            assert_true(fabs(rho(&p, i) - rho(&q, i)) <= most);
            assert_true(fabs(eps_of(&p, ESTIMATE, i) - eps_of(&q, ESTIMATE, i)) <= 4 * most);
            assert_true(fabs(eps_of(&p, TARGET, i) - 0.75 * eps_of(&q, TARGET, i)) <= 4 * most);
        }
        close_point(&p);
        close_point(&q);
    }
    const double outside[] = {0, 1.05, 0.6}, sure[] = {0, 0.9, 0.5};
    expect(node[0], "label_smoothing=0.25", s, s, outside, b, 0, DG_EDATA, "row 1, component 0",
           f64, isa);
    expect(node[0], "label_smoothing=0.25", s, s, a, sure, 0, DG_EFINITE, "is 0 where the target",
           f64, isa);
}

static void test_smoothed(void **state)
{
    (void)state;
    each_path(smoothed);
}

/* class_weight of probabilities: each component's term times the weight of its class. */
static void weighed(int f64, const dg_isa *isa)
{
    static const char *const node[] = {"binary_cross_entropy", "sigmoid_cross_entropy"};
    const double a[] = {0, 1, 0.6, 0.5, 1, 0}, b[] = {0.3, 0.9, 0.5, 0.2, 0.4, 0.7};
    const double w[] = {2, 0.5, 0}, negative[] = {2, -0.5, 0}, most = f64 ? 1e-15 : 1e-6;
    const dg_shape s = {2, {2, 3}}, shapes[] = {s, s, NONE, {1, {3}}}, flat = {1, {6}};
    const double *values[] = {a, b, NULL, w}, *wrong[] = {a, b, NULL, negative};
    for (int k = 0; k < 2; k++) {
        point p, q;
        dg_trial_make(&p.trial, node[k], "", 4, shapes, values, 0);
        dg_rig_open(&p.rig, &p.trial, f64 ? DG_F64 : DG_F32, isa, 1);
        dg_rig_set(&p.rig, p.rig.eps[0], 0, 1);
        dg_rig_set(&p.rig, p.rig.eps[0], 1, 1);
        open(&q, node[k], "", flat, flat, NONE, a, b, NULL, 0, f64, isa);
        run(&p);
        run(&q);
        for (int r = 0; r < 2; r++)
            assert_true(fabs(rho(&p, r) - 2 * rho(&q, 3 * r) - 0.5 * rho(&q, 3 * r + 1)) <= most);
        for (int i = 0; i < 6; i++)
            assert_true(fabs(eps_of(&p, ESTIMATE, i) - w[i % 3] * eps_of(&q, ESTIMATE, i)) <=
                        4 * most);
        close_point(&p);
        close_point(&q);
        dg_trial_make(&p.trial, node[k], "", 4, shapes, wrong, 0);
        dg_rig_open(&p.rig, &p.trial, f64 ? DG_F64 : DG_F32, isa, 1);
        assert_int_equal(dg_rig_try(&p.rig), DG_EDATA);
        close_point(&p);
    }
}

static void test_weighed(void **state)
{
    (void)state;
    each_path(weighed);
}

static void test_impossible(void **state)
{
    (void)state;
    each_path(impossible);
}

/* A pair of weight 0 does not count, whatever is in it: rho 0, error vectors 0, no refusal. */
static void weightless(int f64, const dg_isa *isa)
{
    const double a[] = {0.5, 0.5, (double)NAN, 7}, b[] = {0.5, 0.5, (double)NAN, (double)INFINITY},
                 w[] = {1, 0};
    dg_shape s = {2, {2, 2}};
    for (size_t k = 0; k < sizeof BESTS / sizeof BESTS[0]; k++) {
        point p;
        open(&p, BESTS[k].name, "", s, s, (dg_shape){1, {2}}, a, b, w, 0, f64, isa);
        run(&p);
        assert_true(isfinite(rho(&p, 0)) && rho(&p, 1) == 0);
        for (int i = 2; i < 4; i++)
            assert_true(eps_of(&p, ESTIMATE, i) == 0 && eps_of(&p, TARGET, i) == 0);
        dg_rig_tangent(&p.rig, DG_WHOLE, ESTIMATE);
        assert_true(dg_rig_get(&p.rig, p.rig.dout[0], 1) == 0);
        close_point(&p);
    }
}

static void test_weightless(void **state)
{
    (void)state;
    each_path(weightless);
}

/* 2^25 squares of 1 in one pair: a sum of floats one by one ends at 2^24. */
static void test_long_pair(void **state)
{
    (void)state;
    enum { N = 1 << 25 };
    float *a = malloc(N * sizeof *a), *b = calloc(N, sizeof *b), out;
    assert_true(a && b);
    for (int i = 0; i < N; i++)
        a[i] = 1;
    dg_trial t;
    dg_shape small[] = {{2, {1, 1}}, {2, {1, 1}}, NONE}, large[] = {{2, {1, N}}, {2, {1, N}}, NONE};
    dg_trial_make(&t, "mse", "", 3, small, NULL, 0);
    const void *in[] = {a, b, NULL};
    void *to[] = {&out};
    dg_call c = {.size = sizeof c,
                 .attrs = t.attrs,
                 .n_in = 3,
                 .n_out = 1,
                 .in_shape = large,
                 .out_shape = t.out_shape,
                 .row1 = 1,
                 .parts = 1,
                 .in = in,
                 .out = to};
    assert_int_equal(dg_isa_at(0)->math[0][t.builtin]->forward(&c), DG_OK);
    assert_true(out == (float)N);
    dg_trial_free(&t);
    free(a);
    free(b);
}

/* ---- Shapes ---------------------------------------------------------------------------------- */

static void refused(const char *node, const char *attrs, dg_shape target, dg_shape estimate,
                    dg_shape weight, const char *text)
{
    dg_trial t;
    dg_shape good = {2, {2, 2}}, out, in[] = {target, estimate, weight};
    const dg_shape fine[] = {strcmp(attrs, "") ? (dg_shape){1, {2}} : good, good, NONE};
    dg_diag why = {0};
    dg_trial_make(&t, node, attrs, 3, fine, NULL, 0);
    assert_int_equal(t.type->shape(t.attrs, 3, in, &out, &why), DG_EMODEL);
    if (!strstr(why.text, text))
        fail_msg("%s: the message is: %s", node, why.text);
    dg_trial_free(&t);
}

static void test_shapes(void **state)
{
    (void)state;
    dg_shape n = {1, {DG_N}}, n1 = {2, {DG_N, 1}}, n3 = {2, {DG_N, 3}}, n0 = {2, {DG_N, 0}};
    dg_shape scalar = {0}, five = {1, {5}};
    for (size_t k = 0; k < sizeof FORMULAS / sizeof FORMULAS[0]; k++) {
        refused(FORMULAS[k].name, "", n, n1, NONE, "target [N] and estimate [N, 1]");
        refused(FORMULAS[k].name, "", n3, n3, five, "weight [5] must be one number a pair, [N]");
    }
    for (int k = 0; k < 2; k++) {
        refused(LABEL_LOSSES[k], "", n1, n3, NONE,
                "target [N, 1] is neither labels [N] nor distributions [N, 3]");
        refused(LABEL_LOSSES[k], "", n, n0, NONE, "needs one");
        refused(LABEL_LOSSES[k], "", n, scalar, NONE, "needs one");
        refused(LABEL_LOSSES[k], "", n, n, NONE, "needs one");
        refused(LABEL_LOSSES[k], "", five, five, NONE, "no axis of pairs");
        refused(LABEL_LOSSES[k], "", n, n3, five, "weight [5] must be one number a pair, [N]");
        refused(LABEL_LOSSES[k], "ignore=1", n3, n3, NONE, "ignore needs labels [N]");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_component_losses),
        cmocka_unit_test(test_huber_delta),
        cmocka_unit_test(test_entropies),
        cmocka_unit_test(test_best),
        cmocka_unit_test(test_ignored),
        cmocka_unit_test(test_bad_labels),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_saturated),
        cmocka_unit_test(test_distributions),
        cmocka_unit_test(test_impossible),
        cmocka_unit_test(test_smoothed),
        cmocka_unit_test(test_weighed),
        cmocka_unit_test(test_weightless),
        cmocka_unit_test(test_long_pair),
        cmocka_unit_test(test_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
