/* Losses and metrics of an epoch against a reference in this file's own terms, which knows no
 * batch, no node and no tally: 200 times random data, batches that do not divide them, parts that
 * are joined, ignored labels, weights, class weights, label smoothing, every option. f64, 1e-12. */
#include "base/philox.h"
#include "train/evaluate.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROUNDS = 200, MOST_ROWS = 40, MOST_CLASSES = 7, IGNORED = 9 };

static char folder[] = "/tmp/dagrad-figures-XXXXXX";

/* Everything that a round draws. */
typedef struct round {
    int rows, classes, batch;
    double a[MOST_ROWS][MOST_CLASSES], z[MOST_ROWS][MOST_CLASSES]; /* any numbers */
    double d[MOST_ROWS][MOST_CLASSES], p[MOST_ROWS][MOST_CLASSES]; /* distributions */
    double u[MOST_ROWS][MOST_CLASSES], q[MOST_ROWS][MOST_CLASSES]; /* probabilities */
    double w[MOST_ROWS], cw[MOST_CLASSES];
    int label[MOST_ROWS];
    int weighs, elements, weighs_classes, k;
    double smooth, delta, threshold, peak;
} round_;

static uint64_t seed, drawn;

static double uniform(double low, double high)
{
    return low + (high - low) * dg_uniform(seed, 5, drawn++);
}

static int below(int n)
{
    return (int)uniform(0, n) % n;
}

static void draw_distribution(int n, double *x)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += x[i] = uniform(0.01, 1);
    for (int i = 0; i < n; i++)
        x[i] /= sum;
}

static void draw_round(round_ *r)
{
    memset(r, 0, sizeof *r);
    r->rows = 1 + below(MOST_ROWS);
    r->classes = 2 + below(MOST_CLASSES - 1);
    r->batch = 1 + below(r->rows + 2);
    for (int i = 0; i < r->rows; i++) {
        for (int c = 0; c < r->classes; c++) {
            r->a[i][c] = uniform(-3, 3) + 100 * c;
            r->z[i][c] = r->a[i][c] + uniform(-2, 2) - (seed % 2 ? 100 * c : 0);
            r->u[i][c] = below(3) ? below(2) : uniform(0, 1);
            r->q[i][c] = uniform(0.01, 0.99);
        }
        draw_distribution(r->classes, r->d[i]);
        draw_distribution(r->classes, r->p[i]);
        r->w[i] = below(4) ? uniform(0, 3) : 0;
        r->label[i] = below(4) ? below(r->classes) : IGNORED;
    }
    for (int c = 0; c < r->classes; c++)
        r->cw[c] = below(4) ? uniform(0, 3) : 0;
    r->weighs = below(2);
    r->elements = below(2);
    r->weighs_classes = below(2);
    r->smooth = below(2) ? uniform(0, 0.5) : 0;
    r->delta = uniform(0.2, 2);
    r->threshold = uniform(0.2, 0.8);
    r->peak = uniform(0.5, 300);
    r->k = 1 + below(r->classes);
}

/* ---- The reference --------------------------------------------------------------------------- */

static double weight_of(const round_ *r, int i, int components)
{
    return (r->weighs ? r->w[i] : 1) / (r->elements ? components : 1);
}

static double mse_of(double a, double b, const round_ *r)
{
    (void)r;
    return (a - b) * (a - b);
}

static double mae_of(double a, double b, const round_ *r)
{
    (void)r;
    return fabs(a - b);
}

static double huber_of(double a, double b, const round_ *r)
{
    double d = fabs(a - b);
    return d <= r->delta ? d * d / 2 : r->delta * (d - r->delta / 2);
}

static double bce_of(double a, double b, const round_ *r)
{
    (void)r;
    return -a * log(b) - (1 - a) * log(1 - b);
}

static double logit_of(double a, double z, const round_ *r)
{
    (void)r;
    return z > 0 ? z * (1 - a) + log1p(exp(-z)) : -z * a + log1p(exp(z));
}

typedef double component(double a, double b, const round_ *r);

static double mean_of(const round_ *r, const double a[][MOST_CLASSES],
                      const double b[][MOST_CLASSES], component *f)
{
    double sum = 0;
    for (int i = 0; i < r->rows; i++)
        for (int c = 0; c < r->classes; c++)
            sum += weight_of(r, i, r->classes) * f(a[i][c], b[i][c], r);
    return sum / r->rows;
}

/* log of the probabilities: of p, or of the softmax of z. */
static double log_of(const round_ *r, int i, int c, int logits)
{
    double most = -1e300, sum = 0;
    if (!logits)
        return log(r->p[i][c]);
    for (int k = 0; k < r->classes; k++)
        most = fmax(most, r->z[i][k]);
    for (int k = 0; k < r->classes; k++)
        sum += exp(r->z[i][k] - most);
    return r->z[i][c] - most - log(sum);
}

/* Cross entropy of labels, or of distributions d. */
static double entropy_of(const round_ *r, int labels, int logits)
{
    double sum = 0;
    int pairs = 0;
    for (int i = 0; i < r->rows; i++) {
        if (labels && r->label[i] == IGNORED)
            continue;
        pairs++;
        for (int c = 0; c < r->classes; c++) {
            double a = labels ? (r->label[i] == c) : r->d[i][c];
            a = a * (1 - r->smooth) + r->smooth / r->classes;
            sum -= weight_of(r, i, r->classes) * (r->weighs_classes ? r->cw[c] : 1) * a *
                   log_of(r, i, c, logits);
        }
    }
    return pairs ? sum / pairs : 0;
}

static double plain_mean(const round_ *r, component *f)
{
    double sum = 0;
    for (int i = 0; i < r->rows; i++)
        for (int c = 0; c < r->classes; c++)
            sum += f(r->a[i][c], r->z[i][c], r);
    return sum / (r->rows * r->classes);
}

/* Share of rows whose class is among the k largest logits; of labels or d. */
static double share_of(const round_ *r, int labels, int k)
{
    int hits = 0, all = 0;
    for (int i = 0; i < r->rows; i++) {
        int target = 0, before = 0;
        for (int c = 1; c < r->classes; c++)
            target = r->d[i][c] > r->d[i][target] ? c : target;
        target = labels ? r->label[i] : target;
        if (target == IGNORED)
            continue;
        for (int c = 0; c < r->classes; c++)
            before += r->z[i][c] > r->z[i][target];
        hits += before < k;
        all++;
    }
    return all ? (double)hits / all : (double)NAN;
}

static double sides_of(const round_ *r)
{
    int hits = 0;
    for (int i = 0; i < r->rows; i++)
        for (int c = 0; c < r->classes; c++)
            hits += (r->u[i][c] >= 0.5) == (r->q[i][c] > r->threshold);
    return (double)hits / (r->rows * r->classes);
}

static double r2_of(const round_ *r)
{
    double total = 0;
    for (int c = 0; c < r->classes; c++) {
        double mean = 0, spread = 0, errors = 0;
        for (int i = 0; i < r->rows; i++)
            mean += r->a[i][c] / r->rows;
        for (int i = 0; i < r->rows; i++) {
            spread += (r->a[i][c] - mean) * (r->a[i][c] - mean);
            errors += (r->a[i][c] - r->z[i][c]) * (r->a[i][c] - r->z[i][c]);
        }
        total += r->rows > 1 ? 1 - errors / spread : errors <= 0;
    }
    return total / r->classes;
}

static double perplexity_of(const round_ *r)
{
    double sum = 0;
    int n = 0;
    for (int i = 0; i < r->rows; i++)
        if (r->label[i] != IGNORED) {
            sum -= log_of(r, i, r->label[i], 1);
            n++;
        }
    return n ? exp(sum / n) : (double)NAN;
}

/* Outcomes of class c: hits, estimates, targets; yes: of component c against the threshold. */
static void outcomes_of(const round_ *r, int c, int yes, double n[3])
{
    for (int i = 0; i < r->rows; i++) {
        int best = 0;
        for (int k = 1; k < r->classes; k++)
            best = r->z[i][k] > r->z[i][best] ? k : best;
        if (!yes && r->label[i] == IGNORED)
            continue;
        int estimated = yes ? r->q[i][c] > r->threshold : best == c;
        int is = yes ? r->u[i][c] >= 0.5 : r->label[i] == c;
        n[0] += estimated && is;
        n[1] += estimated;
        n[2] += is;
    }
}

enum { PRECISION, RECALL, F1, IOU };

static double measure_of(const double n[3], int what)
{
    double below = what == PRECISION ? n[1]
                   : what == RECALL  ? n[2]
                   : what == F1      ? (n[1] + n[2]) / 2
                                     : n[1] + n[2] - n[0];
    return below > 0 ? n[0] / below : 0;
}

/* The mean over the classes that occur; pooled: all components as one. */
static double outcome_of(const round_ *r, int what, int yes, int pooled)
{
    double sum = 0, all[3] = {0};
    int present = 0, counted = yes;
    for (int i = 0; i < r->rows; i++)
        counted |= r->label[i] != IGNORED;
    for (int c = 0; c < r->classes; c++) {
        double n[3] = {0};
        outcomes_of(r, c, yes, n);
        outcomes_of(r, c, yes, all);
        sum += measure_of(n, what);
        present += n[1] + n[2] > 0;
    }
    if (!counted)
        return (double)NAN;
    return pooled ? measure_of(all, what) : present ? sum / present : 0;
}

/* ---- The model ------------------------------------------------------------------------------- */

/* NPY of f64, not flushed to the disk: 1,800 files are written. */
static void write_array(const char *name, int rows, int columns, const double *x, int stride)
{
    char path[256], header[128], shape[32];
    snprintf(path, sizeof path, "%s/%s.npy", folder, name);
    if (columns)
        snprintf(shape, sizeof shape, "(%d, %d)", rows, columns);
    else
        snprintf(shape, sizeof shape, "(%d,)", rows);
    int n = snprintf(header, sizeof header, "{'descr': '<f8', 'fortran_order': False, 'shape': %s}",
                     shape);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fprintf(f, "\x93NUMPY%c%c%c%c%s%*s\n", 1, 0, 118, 0, header, 117 - n, "");
    for (int i = 0; i < rows; i++)
        assert_int_equal(fwrite(x + i * stride, sizeof *x, (size_t)(columns ? columns : 1), f),
                         columns ? columns : 1);
    assert_int_equal(fclose(f), 0);
}

static void write_round(const round_ *r)
{
    double label[MOST_ROWS];
    for (int i = 0; i < r->rows; i++)
        label[i] = r->label[i];
    write_array("a", r->rows, r->classes, r->a[0], MOST_CLASSES);
    write_array("z", r->rows, r->classes, r->z[0], MOST_CLASSES);
    write_array("d", r->rows, r->classes, r->d[0], MOST_CLASSES);
    write_array("p", r->rows, r->classes, r->p[0], MOST_CLASSES);
    write_array("u", r->rows, r->classes, r->u[0], MOST_CLASSES);
    write_array("q", r->rows, r->classes, r->q[0], MOST_CLASSES);
    write_array("w", r->rows, 0, r->w, 1);
    write_array("t", r->rows, 0, label, 1);
    write_array("cw", r->classes, 0, r->cw, 1);
}

static void write_model(const round_ *r, dg_text *t)
{
    char pair[96] = "", class[192];
    if (r->weighs)
        strcat(pair, ", weight=w");
    if (r->elements)
        strcat(pair, ", over=elements");
    snprintf(class, sizeof class, "%s, label_smoothing=%.17g%s", pair, r->smooth,
             r->weighs_classes ? ", class_weight=cw" : "");
    for (const char *name = "zpqw"; *name; name++)
        dg_text_printf(t, "input %c[N%s]\n", *name, *name == 'w' ? "" : ", C");
    for (const char *name = "adu"; *name; name++)
        dg_text_printf(t, "target %c[N, C]\n", *name);
    dg_text_printf(t, "target t[N] int\nconstant cw[%d] = npy(\"cw.npy\")\noutput z\n", r->classes);
    dg_text_printf(t, "loss l0 = mse(a, z%s), l1 = mae(a, z%s), l2 = huber(a, z, delta=%.17g%s)\n",
                   pair, pair, r->delta, pair);
    dg_text_printf(t, "loss l3 = cross_entropy(t, p, ignore=%d%s), l4 = cross_entropy(d, p%s)\n",
                   IGNORED, class, class);
    dg_text_printf(t,
                   "loss l5 = softmax_cross_entropy(t, z, ignore=%d%s), "
                   "l6 = softmax_cross_entropy(d, z%s)\n",
                   IGNORED, class, class);
    dg_text_printf(t,
                   "loss l7 = binary_cross_entropy(u, q%s), l8 = sigmoid_cross_entropy(u, z%s)\n",
                   pair, pair);
    dg_text_printf(t, "loss l9 = 3 * mean(square(a - z))\n");
    dg_text_printf(t,
                   "metric m0 = accuracy(t, z), m1 = accuracy(d, z), m2 = top(t, z, %d), "
                   "m3 = accuracy(u, q, %.17g)\n",
                   r->k, r->threshold);
    dg_text_printf(t,
                   "metric m4 = mse(a, z), m5 = mae(a, z), m6 = psnr(a, z, %.17g), "
                   "m7 = r2(a, z), m8 = perplexity(t, z, ignore=%d)\n",
                   r->peak, IGNORED);
    dg_text_printf(t,
                   "metric m9 = precision(t, z), m10 = recall(t, z), m11 = f1(t, z), "
                   "m12 = iou(t, z), m13 = precision(u, q, %.17g), m14 = recall(u, q, %.17g), "
                   "m15 = f1(u, q, %.17g), m16 = iou(u, q, %.17g)\n",
                   r->threshold, r->threshold, r->threshold, r->threshold);
    dg_text_add(t, "data train {\n");
    for (const char *name = "zpqwadut"; *name; name++)
        dg_text_printf(t, "    %c = npy(\"%c.npy\")\n", *name, *name);
    dg_text_add(t, "}\ntrain { precision = f64 }\n");
}

/* Terms, then metrics. */
enum { TERMS = 10, METRICS = 17 };

static void reference(const round_ *r, double want[TERMS + METRICS])
{
    double mse = plain_mean(r, mse_of);
    const double all[] = {mean_of(r, r->a, r->z, mse_of),
                          mean_of(r, r->a, r->z, mae_of),
                          mean_of(r, r->a, r->z, huber_of),
                          entropy_of(r, 1, 0),
                          entropy_of(r, 0, 0),
                          entropy_of(r, 1, 1),
                          entropy_of(r, 0, 1),
                          mean_of(r, r->u, r->q, bce_of),
                          mean_of(r, r->u, r->z, logit_of),
                          mse,
                          share_of(r, 1, 1),
                          share_of(r, 0, 1),
                          share_of(r, 1, r->k),
                          sides_of(r),
                          mse,
                          plain_mean(r, mae_of),
                          10 * log10(r->peak * r->peak / mse),
                          r2_of(r),
                          perplexity_of(r),
                          outcome_of(r, PRECISION, 0, 0),
                          outcome_of(r, RECALL, 0, 0),
                          outcome_of(r, F1, 0, 0),
                          outcome_of(r, IOU, 0, 0),
                          outcome_of(r, PRECISION, 1, 0),
                          outcome_of(r, RECALL, 1, 0),
                          outcome_of(r, F1, 1, 0),
                          outcome_of(r, IOU, 1, 1)};
    memcpy(want, all, sizeof all);
}

static void evaluate(dg_experiment *e, dg_part_rows part, int batch, dg_metric_sums *f)
{
    dg_evaluator v;
    dg_diag why = {.code = DG_OK};
    assert_int_equal(dg_metric_sums_make(f, e, &why), DG_OK);
    dg_status s = dg_evaluator_make(&v, e, part, batch, 1, &why);
    if (s == DG_OK)
        s = dg_evaluator_run(&v, f, NULL, NULL, &why);
    if (s != DG_OK)
        fail_msg("%s: %s", why.node, why.text);
    dg_evaluator_free(&v);
}

static double compare(const dg_metric_sums *f, const dg_experiment *e, const round_ *r,
                      const double want[], const char *text)
{
    double worst = 0;
    for (int i = 0; i < TERMS + METRICS; i++) {
        double x = i < TERMS ? dg_metric_sums_term(f, i) : dg_metric_sums_metric(f, e, i - TERMS);
        double gap = isnan(want[i]) ? (isnan(x) ? 0 : 1) : fabs(x - want[i]) / (1 + fabs(want[i]));
        if (!(gap <= 1e-12))
            fail_msg("round %d: %d rows by %d: %s %d is %.17g, not %.17g\n%s", (int)seed, r->rows,
                     r->batch, i < TERMS ? "term" : "metric", i < TERMS ? i : i - TERMS, x, want[i],
                     text);
        worst = fmax(worst, gap);
    }
    return worst;
}

static double one_round(round_ *r)
{
    double want[TERMS + METRICS], worst;
    char path[256];
    dg_text text = dg_text_make(NULL);
    draw_round(r);
    write_round(r);
    write_model(r, &text);
    reference(r, want);
    snprintf(path, sizeof path, "%s/m.dag", folder);
    dg_experiment_options o = {.path = path, .text = text.data};
    dg_experiment *e = dg_experiment_open(&o);
    assert_non_null(e);
    if (dg_experiment_status(e) != DG_OK) {
        dg_text say = dg_text_make(NULL);
        dg_diags_text(&e->model->diags, &say, false);
        fail_msg("%s\n%s", say.data, text.data);
    }
    dg_part_rows all = e->part[DG_TRAIN_PART], head = all, tail = all;
    head.rows = 1 + below(r->rows);
    tail.first = head.rows;
    tail.rows -= head.rows;
    dg_metric_sums whole, a, b;
    evaluate(e, all, r->batch, &whole);
    worst = compare(&whole, e, r, want, text.data);
    evaluate(e, head, r->batch, &a);
    if (tail.rows > 0) {
        evaluate(e, tail, 1 + below(r->rows), &b);
        dg_metric_sums_join(&a, &b, e);
        dg_metric_sums_free(&b);
    }
    worst = fmax(worst, compare(&a, e, r, want, text.data));
    dg_metric_sums_free(&whole);
    dg_metric_sums_free(&a);
    dg_experiment_free(e);
    dg_text_free(&text);
    return worst;
}

static void against_the_reference(void **state)
{
    (void)state;
    static round_ r;
    double worst = 0;
    for (seed = 1; seed <= ROUNDS; seed++) {
        drawn = 0;
        worst = fmax(worst, one_round(&r));
    }
    print_message("%d rounds, %d losses and metrics: worst %.1e\n", ROUNDS, TERMS + METRICS, worst);
}

static int enter(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : 1;
}

static int leave(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(against_the_reference)};
    return cmocka_run_group_tests(tests, enter, leave);
}
