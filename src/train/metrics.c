/* Metrics; see metrics.h. */
#include "train/metrics.h"
#include "base/elem_f64.h"
#include "base/text.h"
#include "io/array.h"
#include <math.h>
#include <string.h>

enum { ACCURACY, TOP, MSE, MAE, PSNR, R2, PERPLEXITY, PRECISION, RECALL, F1, IOU };

/* A tally: the sum, of how many, and how many of these had an estimate that is NaN; r2 has COLUMN
 * numbers more for each column: mean and squares of the targets (Welford), squared errors; what
 * counts outcomes has OUTCOME numbers more for each class. */
enum { SUM, COUNT, NANS, TALLY };
enum { MEAN, SQUARES, ERRORS, COLUMN };
enum { HITS, FALSE_HITS, MISSES, OUTCOME };

#define IGNORE                                                                                     \
    {                                                                                              \
        .name = "ignore", .kind = DG_ATTR_INT, .max_count = 1, .low = INT32_MIN,                   \
        .high = INT32_MAX, .preset = "",                                                           \
        .text = "a label that does not count; by default that of the loss"                         \
    }

static const dg_attr_spec sides[] = {
    {"threshold", DG_ATTR_REAL, 1, -1e30, 1e30, "", NULL,
     "of yes-or-no components: the estimate above which it is yes"},
    IGNORE,
};

static const dg_attr_spec top[] = {
    {"k", DG_ATTR_INT, 1, 1, 1e9, NULL, NULL, "how many of the largest estimates count"},
    IGNORE,
};

static const dg_attr_spec psnr[] = {
    {"peak", DG_ATTR_REAL, 1, 1e-30, 1e30, "1", NULL, "the largest value there can be"},
};

static const dg_attr_spec perplexity[] = {IGNORE};

const dg_word dg_metric_words[DG_METRIC_WORDS] = {
    {"accuracy", sides, 2,
     "share of rows whose largest estimate is the target's; with threshold=, of components on its "
     "side"},
    {"top", top, 2, "share of rows whose target is among the k largest estimates"},
    {"mse", NULL, 0, "mean over elements of (a - b)^2"},
    {"mae", NULL, 0, "mean over elements of |a - b|"},
    {"psnr", psnr, 1, "10 log10(peak^2 / mse), in dB"},
    {"r2", NULL, 0, "1 - sum (a - b)^2 / sum (a - mean a)^2, the mean of that of the columns"},
    {"perplexity", perplexity, 1,
     "exp of the mean cross entropy of labels, the estimates being logits"},
    {"precision", sides, 2,
     "hits / (hits + false hits), the mean over the classes that occur; 0/0 is 0"},
    {"recall", sides, 2, "hits / (hits + misses), the mean over the classes that occur; 0/0 is 0"},
    {"f1", sides, 2,
     "2 hits / (2 hits + false hits + misses), the mean over the classes that occur"},
    {"iou", sides, 2,
     "hits / (hits + false hits + misses): of classes their mean; threshold=: of one region"},
};

static int word(const dg_metric *m)
{
    return m->clause.word;
}

static int counts_outcomes(const dg_metric *m)
{
    return word(m) >= PRECISION;
}

static int takes_threshold(const dg_metric *m)
{
    return word(m) == ACCURACY || counts_outcomes(m);
}

/* Of components that are yes or no, each by itself. */
static int of_sides(const dg_metric *m)
{
    return takes_threshold(m) && m->clause.attrs.v[0].count > 0;
}

/* Of classes that exclude one another: labels, or a distribution a row. */
static int of_classes(const dg_metric *m)
{
    return !of_sides(m) && (takes_threshold(m) || word(m) == TOP || word(m) == PERPLEXITY);
}

int dg_metric_ignore(const dg_metric *m)
{
    return takes_threshold(m) || word(m) == TOP ? 1 : word(m) == PERPLEXITY ? 0 : -1;
}

static int is_ignored(const dg_metric *m, const dg_tensor *target, int64_t i)
{
    int k = dg_metric_ignore(m);
    return k >= 0 && target->type == DG_I32 && m->clause.attrs.v[k].count > 0 &&
           dg_attr_int(&m->clause.attrs, k) == ((const int32_t *)target->data)[i];
}

/* Components along the last axis; of the batch itself, or of a single number, 1. */
static int64_t components(const dg_shape *s)
{
    return s->rank > 1 || (s->rank == 1 && s->dim[0] != DG_N) ? s->dim[s->rank - 1] : 1;
}

/* Components of yes-or-no are classes by their place in the last axis; of iou they are one region.
 */
static int64_t outcome_classes(const dg_metric *m, const dg_shape *estimate)
{
    return word(m) == IOU && of_sides(m) ? 1 : components(estimate);
}

int64_t dg_metric_width(const dg_metric *m, const dg_shape *estimate)
{
    if (counts_outcomes(m))
        return TALLY + OUTCOME * outcome_classes(m, estimate);
    return TALLY + (word(m) == R2 ? COLUMN * components(estimate) : 0);
}

/* ---- Classes --------------------------------------------------------------------------------- */

/* How many estimates of a row come before that of the target: larger ones, and of equal ones the
 * first. */
static int64_t rank_of(const dg_tensor *t, int64_t first, int64_t n, int64_t target)
{
    double x = dg_tensor_number(t, first + target);
    int64_t rank = 0;
    for (int64_t i = 0; i < n; i++)
        rank += dg_tensor_number(t, first + i) > x ||
                (i < target && dg_tensor_number(t, first + i) >= x);
    return rank;
}

static double cross_entropy(const dg_tensor *t, int64_t first, int64_t n, int64_t target)
{
    double most = dg_tensor_number(t, first + dg_tensor_largest(t, first, n)), sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += dg_exp(dg_tensor_number(t, first + i) - most);
    return dg_log(sum) + (most - dg_tensor_number(t, first + target));
}

/* The class of label r, or the largest entry of distribution r. */
static dg_status class_of(const dg_tensor *target, int64_t r, int64_t classes, int64_t *k,
                          dg_diag *why)
{
    /* as far from 1 as a loss would take a distribution of f32 */
    const double slack = 1e-5;
    double sum = 0, least = 0;
    if (target->type == DG_I32) {
        *k = ((const int32_t *)target->data)[r];
        return *k >= 0 && *k < classes ? DG_OK
                                       : dg_diag_set(why, DG_EDATA, "is %lld, labels are 0 to %lld",
                                                     (long long)*k, (long long)classes - 1);
    }
    for (int64_t i = 0; i < classes; i++) {
        double x = dg_tensor_number(target, r * classes + i);
        sum += x;
        least = x < least ? x : least;
    }
    *k = dg_tensor_largest(target, r * classes, classes);
    if (fabs(sum - 1) <= slack && least >= -slack)
        return DG_OK;
    return dg_diag_set(why, DG_EDATA,
                       "is no distribution: its entries add up to %.9g, the smallest is %.9g; "
                       "yes-or-no components need threshold=0.5 (of logits: 0)",
                       sum, least);
}

static double *outcome(double *tally, int64_t class)
{
    return tally + TALLY + OUTCOME * class;
}

/* What one row adds; wrong: an estimate of it is NaN. */
static void add_row(const dg_metric *m, double *tally, const dg_tensor *estimate, int64_t first,
                    int64_t classes, int64_t label, int wrong)
{
    int64_t k = word(m) == TOP ? dg_attr_int(&m->clause.attrs, 0) : 1;
    if (word(m) == PERPLEXITY) {
        tally[SUM] += wrong ? (double)NAN : cross_entropy(estimate, first, classes, label);
        return;
    }
    int hit = !wrong && rank_of(estimate, first, classes, label) < k;
    tally[SUM] += hit;
    if (!counts_outcomes(m))
        return;
    outcome(tally, label)[hit ? HITS : MISSES] += 1;
    if (!hit && !wrong)
        outcome(tally, dg_tensor_largest(estimate, first, classes))[FALSE_HITS] += 1;
}

static dg_status add_classes(const dg_metric *m, double *tally, const dg_tensor *target,
                             const dg_tensor *estimate, int64_t *row, dg_diag *why)
{
    int64_t classes = components(&estimate->shape), label;
    int64_t n = classes > 0 ? dg_shape_count(&estimate->shape) / classes : 0;
    for (int64_t r = 0; r < n; r++) {
        *row = r;
        if (is_ignored(m, target, r))
            continue;
        if (class_of(target, r, classes, &label, why) != DG_OK)
            return why->code;
        int wrong = dg_tensor_any_nan(estimate, r * classes, classes);
        add_row(m, tally, estimate, r * classes, classes, label, wrong);
        tally[COUNT] += 1;
        tally[NANS] += wrong;
    }
    return DG_OK;
}

/* ---- Numbers --------------------------------------------------------------------------------- */

static dg_status add_sides(const dg_metric *m, double *tally, const dg_tensor *target,
                           const dg_tensor *estimate, int64_t *row, dg_diag *why)
{
    double threshold = dg_attr_real(&m->clause.attrs, 0);
    int64_t classes = outcome_classes(m, &estimate->shape);
    for (int64_t i = 0, n = dg_shape_count(&estimate->shape); i < n; i++) {
        double a = dg_tensor_number(target, i), b = dg_tensor_number(estimate, i);
        *row = i;
        if (is_ignored(m, target, i))
            continue;
        if (target->type == DG_I32 && (a < 0 || a > 1))
            return dg_diag_set(why, DG_EDATA, "is %g, yes-or-no labels are 0 and 1", a);
        tally[SUM] += !isnan(a) && !isnan(b) && (a >= 0.5) == (b > threshold);
        if (counts_outcomes(m) && (a >= 0.5 || b > threshold))
            outcome(tally, i % classes)[a >= 0.5 && b > threshold ? HITS
                                        : a >= 0.5                ? MISSES
                                                                  : FALSE_HITS] += 1;
        tally[COUNT] += 1;
        tally[NANS] += isnan(b);
    }
    return DG_OK;
}

static void add_numbers(const dg_metric *m, double *tally, const dg_tensor *target,
                        const dg_tensor *estimate)
{
    for (int64_t i = 0, n = dg_shape_count(&estimate->shape); i < n; i++) {
        double d = dg_tensor_number(target, i) - dg_tensor_number(estimate, i);
        tally[SUM] += word(m) == MAE ? fabs(d) : d * d;
        tally[COUNT] += 1;
        tally[NANS] += isnan(dg_tensor_number(estimate, i));
    }
}

static void add_columns(double *tally, int64_t width, const dg_tensor *target,
                        const dg_tensor *estimate)
{
    int64_t columns = (width - TALLY) / COLUMN, n = dg_shape_count(&estimate->shape);
    for (int64_t i = 0; i < n && columns > 0; i++) {
        double *c = tally + TALLY + COLUMN * (i % columns), a = dg_tensor_number(target, i);
        double d = a - dg_tensor_number(estimate, i), step = a - c[MEAN];
        tally[COUNT] += i % columns == 0;
        tally[NANS] += isnan(dg_tensor_number(estimate, i));
        c[MEAN] += step / tally[COUNT];
        c[SQUARES] += step * (a - c[MEAN]);
        c[ERRORS] += d * d;
    }
}

dg_status dg_metric_add(const dg_metric *m, double *tally, int64_t width, const dg_tensor *target,
                        const dg_tensor *estimate, int64_t *row, dg_diag *why)
{
    dg_status s = DG_OK;
    if (of_classes(m))
        s = add_classes(m, tally, target, estimate, row, why);
    else if (of_sides(m))
        s = add_sides(m, tally, target, estimate, row, why);
    else if (word(m) == R2)
        add_columns(tally, width, target, estimate);
    else
        add_numbers(m, tally, target, estimate);
    int64_t n = target->shape.rank > 0 ? target->shape.dim[0] : 1;
    if (s != DG_OK) { /* labels or distributions, counted: rows of the batch */
        int64_t all = dg_shape_count(&estimate->shape);
        int64_t count = of_classes(m) ? all / components(&estimate->shape) : all;
        *row = n > 0 && count >= n ? *row / (count / n) : 0;
    }
    return s;
}

/* Means of targets and their squares join as Chan, Golub and LeVeque (1979) say. */
static void join_columns(double *tally, const double *other, int64_t width)
{
    double a = tally[COUNT], b = other[COUNT], n = a + b;
    for (int64_t i = TALLY; i < width && n > 0; i += COLUMN) {
        double step = other[i + MEAN] - tally[i + MEAN];
        tally[i + SQUARES] += other[i + SQUARES] + step * step * a * b / n;
        tally[i + MEAN] += step * b / n;
        tally[i + ERRORS] += other[i + ERRORS];
    }
}

void dg_metric_join(const dg_metric *m, double *tally, const double *other, int64_t width)
{
    if (word(m) == R2)
        join_columns(tally, other, width);
    int64_t sums = word(m) == R2 ? TALLY : width;
    for (int64_t k = 0; k < sums; k++)
        tally[k] += other[k];
}

/* ---- The value ------------------------------------------------------------------------------- */

static double r2_of(const double *tally, int64_t width)
{
    double sum = 0;
    int64_t columns = 0;
    for (int64_t i = TALLY; i < width; i += COLUMN, columns++) {
        double spread = tally[i + SQUARES], errors = tally[i + ERRORS];
        if (spread > 0 || isnan(spread) || isnan(errors))
            sum += 1 - errors / spread;
        else
            sum += errors <= 0; /* a constant column: met exactly, or not */
    }
    return columns > 0 && tally[COUNT] > 0 ? sum / (double)columns : (double)NAN;
}

/* 0/0 is 0: of a class that is never estimated, and of one that never occurs. */
static double share(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

/* The mean over the classes that occur among targets or estimates. */
static double outcome_value(const dg_metric *m, const double *tally, int64_t width)
{
    double sum = 0, present = 0;
    for (int64_t i = TALLY; i < width; i += OUTCOME) {
        double hits = tally[i + HITS], more = tally[i + FALSE_HITS], less = tally[i + MISSES];
        present += hits + more + less > 0;
        sum += word(m) == PRECISION ? share(hits, hits + more)
               : word(m) == RECALL  ? share(hits, hits + less)
               : word(m) == F1      ? share(2 * hits, 2 * hits + more + less)
                                    : share(hits, hits + more + less);
    }
    return tally[COUNT] > 0 ? share(sum, present) : (double)NAN;
}

double dg_metric_value(const dg_metric *m, const double *tally, int64_t width)
{
    double mean = tally[COUNT] > 0 ? tally[SUM] / tally[COUNT] : (double)NAN;
    double peak = word(m) == PSNR ? dg_attr_real(&m->clause.attrs, 0) : 1;
    switch (word(m)) {
    case PSNR:
        return 10 * dg_log(peak * peak / mean) / dg_log(10);
    case R2:
        return r2_of(tally, width);
    case PERPLEXITY:
        return dg_exp(mean);
    case PRECISION:
    case RECALL:
    case F1:
    case IOU:
        return outcome_value(m, tally, width);
    default:
        return mean;
    }
}

int dg_metric_sound(const dg_metric *m, const double *tally, int64_t width)
{
    double x = dg_metric_value(m, tally, width);
    int exact = word(m) == PSNR && x > 0 && isinf(x);
    return (isfinite(x) || exact) && !(tally[NANS] > 0);
}

/* ---- What fits ------------------------------------------------------------------------------- */

static dg_status refuse(const dg_metric *m, const dg_shape *target, const dg_shape *estimate,
                        const char *rule, dg_diag *why)
{
    char a[128], b[128];
    return dg_diag_set(why, DG_EMODEL, "%s has target %s and estimate %s; %s", m->clause.name,
                       dg_shape_text(target, a, sizeof a), dg_shape_text(estimate, b, sizeof b),
                       rule);
}

/* The estimate's shape without its last axis is that of the labels. */
static int are_labels(const dg_shape *target, const dg_shape *estimate)
{
    dg_shape rows = *estimate;
    rows.rank--;
    if (rows.rank >= 0)
        rows.dim[rows.rank] = 0;
    return rows.rank >= 0 && dg_shape_equal(&rows, target);
}

static dg_status check_classes(const dg_metric *m, dg_type type, const dg_shape *target,
                               const dg_shape *estimate, dg_diag *why)
{
    if (type == DG_I32 && !are_labels(target, estimate))
        return refuse(m, target, estimate, "labels have the estimate's shape without its last axis",
                      why);
    if (type != DG_I32 && word(m) == PERPLEXITY)
        return refuse(m, target, estimate, "the target must be labels (int)", why);
    if (type != DG_I32 && !dg_shape_equal(target, estimate))
        return refuse(m, target, estimate, "both must be real and of one shape", why);
    if (components(estimate) < 2 && takes_threshold(m)) {
        char rule[160];
        dg_format(rule, sizeof rule,
                  "of one component %s needs a threshold: threshold=0.5 for probabilities, "
                  "threshold=0 for logits",
                  dg_metric_words[word(m)].name);
        return refuse(m, target, estimate, rule, why);
    }
    if (components(estimate) < 2)
        return refuse(m, target, estimate, "it needs two classes or more", why);
    if (word(m) == TOP && dg_attr_int(&m->clause.attrs, 0) > components(estimate))
        return refuse(m, target, estimate, "k is more than there are classes", why);
    return DG_OK;
}

dg_status dg_metric_check(const dg_metric *m, dg_type target_type, const dg_shape *target,
                          const dg_shape *estimate, dg_diag *why)
{
    int one = are_labels(target, estimate) && components(estimate) == 1;
    if (of_classes(m))
        return check_classes(m, target_type, target, estimate, why);
    if (of_sides(m) && target_type == DG_I32 && !one && !dg_shape_equal(target, estimate))
        return refuse(m, target, estimate,
                      "with a threshold a label stands for one component of the estimate", why);
    if (of_sides(m) && target_type == DG_I32)
        return DG_OK;
    if (target_type == DG_I32 || !dg_shape_equal(target, estimate))
        return refuse(m, target, estimate, "both must be real and of one shape", why);
    return DG_OK;
}

int dg_metric_of_classes(const dg_metric *m)
{
    return of_classes(m);
}

int dg_metric_of_sides(const dg_metric *m, double *threshold)
{
    if (of_sides(m))
        *threshold = dg_attr_real(&m->clause.attrs, 0);
    return of_sides(m);
}

int dg_metric_rises(const dg_metric *m)
{
    return word(m) != MSE && word(m) != MAE && word(m) != PERPLEXITY;
}

int dg_metric_symmetric(const dg_metric *m)
{
    return word(m) == MSE || word(m) == MAE || word(m) == PSNR;
}
