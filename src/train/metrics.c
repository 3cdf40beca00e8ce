/* Metrics; see metrics.h. */
#include "train/metrics.h"
#include "base/elem_f64.h"
#include <math.h>
#include <string.h>

enum { ACCURACY, TOP, MSE, MAE, PSNR, R2, PERPLEXITY };

static const dg_attr_spec top[] = {
    {"k", DG_ATTR_INT, 1, 1, 1e9, NULL, NULL, "how many of the largest estimates count"},
};

static const dg_attr_spec psnr[] = {
    {"peak", DG_ATTR_REAL, 1, 1e-30, 1e30, "1", NULL, "the largest value there can be"},
};

const dg_word dg_metric_words[DG_METRIC_WORDS] = {
    {"accuracy", NULL, 0}, {"top", top, 1}, {"mse", NULL, 0},        {"mae", NULL, 0},
    {"psnr", psnr, 1},     {"r2", NULL, 0}, {"perplexity", NULL, 0},
};

static double real_at(const dg_tensor *t, int64_t i)
{
    if (t->type == DG_F32)
        return (double)((const float *)t->data)[i];
    return t->type == DG_F64 ? ((const double *)t->data)[i] : (double)((const int32_t *)t->data)[i];
}

static int64_t largest(const dg_tensor *t, int64_t first, int64_t n)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        if (real_at(t, first + i) > real_at(t, first + best))
            best = i;
    return best;
}

/* How many estimates of a row are larger than that of the target. A NaN never is right. */
static int64_t rank_of(const dg_tensor *t, int64_t first, int64_t n, int64_t target)
{
    double x = target >= 0 && target < n ? real_at(t, first + target) : (double)NAN;
    int64_t rank = 0;
    if (isnan(x))
        return n;
    for (int64_t i = 0; i < n; i++)
        rank += real_at(t, first + i) > x || (i < target && real_at(t, first + i) >= x);
    return rank;
}

static double cross_entropy(const dg_tensor *t, int64_t first, int64_t n, int64_t target)
{
    double most = real_at(t, first), sum = 0;
    for (int64_t i = 1; i < n; i++)
        most = real_at(t, first + i) > most ? real_at(t, first + i) : most;
    for (int64_t i = 0; i < n; i++)
        sum += dg_exp(real_at(t, first + i) - most);
    return dg_log(sum) + most - real_at(t, first + target);
}

static void add_classes(const dg_metric *m, dg_tally *t, const dg_tensor *target,
                        const dg_tensor *estimate)
{
    int64_t classes = estimate->shape.dim[estimate->shape.rank - 1];
    int64_t rows = classes > 0 ? dg_shape_count(&estimate->shape) / classes : 0;
    int64_t k = m->clause.word == TOP ? dg_attr_int(&m->clause.attrs, 0) : 1;
    for (int64_t r = 0; r < rows; r++) {
        int64_t label = target->type == DG_I32 ? ((const int32_t *)target->data)[r]
                                               : largest(target, r * classes, classes);
        if (label < 0)
            continue; /* ignored */
        if (m->clause.word == PERPLEXITY)
            t->sum += cross_entropy(estimate, r * classes, classes, label);
        else
            t->sum += rank_of(estimate, r * classes, classes, label) < k;
        t->count += 1;
    }
}

static void add_numbers(const dg_metric *m, dg_tally *t, const dg_tensor *target,
                        const dg_tensor *estimate)
{
    int64_t n = dg_shape_count(&estimate->shape);
    for (int64_t i = 0; i < n; i++) {
        double a = real_at(target, i), d = a - real_at(estimate, i);
        t->sum += m->clause.word == MAE ? fabs(d) : d * d;
        t->count += 1;
        double step = a - t->mean;
        t->mean += step / t->count;
        t->squares += step * (a - t->mean);
    }
}

static int of_classes(const dg_metric *m)
{
    return m->clause.word == ACCURACY || m->clause.word == TOP || m->clause.word == PERPLEXITY;
}

void dg_metric_add(const dg_metric *m, dg_tally *t, const dg_tensor *target,
                   const dg_tensor *estimate)
{
    if (of_classes(m))
        add_classes(m, t, target, estimate);
    else
        add_numbers(m, t, target, estimate);
}

double dg_metric_value(const dg_metric *m, const dg_tally *t)
{
    double mean = t->count > 0 ? t->sum / t->count : (double)NAN;
    double peak = m->clause.word == PSNR ? dg_attr_real(&m->clause.attrs, 0) : 1;
    switch (m->clause.word) {
    case PSNR:
        return 10 * dg_log(peak * peak / mean) / dg_log(10);
    case R2:
        return 1 - t->sum / t->squares;
    case PERPLEXITY:
        return dg_exp(mean);
    default:
        return mean;
    }
}

static dg_status refuse(const dg_metric *m, const dg_shape *target, const dg_shape *estimate,
                        const char *rule, dg_diag *why)
{
    char a[128], b[128];
    return dg_diag_set(why, DG_EMODEL, "%s has target %s and estimate %s; %s", m->clause.name,
                       dg_shape_text(target, a, sizeof a), dg_shape_text(estimate, b, sizeof b),
                       rule);
}

dg_status dg_metric_check(const dg_metric *m, dg_type target_type, const dg_shape *target,
                          const dg_shape *estimate, dg_diag *why)
{
    dg_shape rows = *estimate;
    if (of_classes(m) && target_type == DG_I32) {
        rows.rank--;
        if (rows.rank >= 0)
            rows.dim[rows.rank] = 0;
        if (rows.rank < 0 || !dg_shape_equal(&rows, target))
            return refuse(m, target, estimate,
                          "labels have the estimate's shape without its last "
                          "axis",
                          why);
        return DG_OK;
    }
    if (m->clause.word == PERPLEXITY)
        return refuse(m, target, estimate, "the target must be labels (int)", why);
    if (target_type == DG_I32 || !dg_shape_equal(target, estimate))
        return refuse(m, target, estimate, "both must be real and of one shape", why);
    return DG_OK;
}

int dg_metric_rises(const dg_metric *m)
{
    return m->clause.word != MSE && m->clause.word != MAE && m->clause.word != PERPLEXITY;
}
