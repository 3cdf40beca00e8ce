/* What the loss nodes share, the part that does not depend on the type of numbers. */
#ifndef DG_REAL

#include "ops/loss.h"

#include "base/text.h"

const dg_input_spec dg_loss_inputs[DG_LOSS_INPUTS] = {
    {.name = "target"}, {.name = "estimate"}, {.name = "weight", .flags = DG_IN_OPTIONAL}};

const dg_input_spec dg_binary_inputs[DG_LABEL_INPUTS] = {
    {.name = "target"},
    {.name = "estimate"},
    {.name = "weight", .flags = DG_IN_OPTIONAL},
    {.name = "class_weight", .flags = DG_IN_OPTIONAL}};

const dg_input_spec dg_label_inputs[DG_LABEL_INPUTS] = {
    {.name = "target", .flags = DG_IN_ANY},
    {.name = "estimate"},
    {.name = "weight", .flags = DG_IN_OPTIONAL},
    {.name = "class_weight", .flags = DG_IN_OPTIONAL}};

#define LABEL_SMOOTHING                                                                            \
    {                                                                                              \
        .name = "label_smoothing", .kind = DG_ATTR_REAL, .max_count = 1, .low = 0, .high = 1,      \
        .preset = "0", .text = "share of the target that is spread evenly over all classes"        \
    }
const dg_attr_spec dg_binary_attrs[DG_BINARY_ATTRS] = {
    DG_LOSS_OVER,
    LABEL_SMOOTHING,
};
const dg_attr_spec dg_loss_attrs[1] = {DG_LOSS_OVER};
const dg_attr_spec dg_label_attrs[DG_LABEL_ATTRS] = {
    DG_LOSS_OVER,
    {.name = "ignore",
     .kind = DG_ATTR_INT,
     .max_count = 1,
     .low = INT32_MIN,
     .high = INT32_MAX,
     .preset = "",
     .text = "a label that does not count"},
    LABEL_SMOOTHING,
};

static dg_status check_weight(const char *of, const dg_shape *weight, const dg_shape *rho,
                              dg_diag *why)
{
    char found[128], wanted[128];
    if (weight->rank < 0 || dg_shape_equal(weight, rho))
        return DG_OK;
    return dg_diag_set(why, DG_EMODEL, "%s: weight %s must be one number a pair, %s", of,
                       dg_shape_text(weight, found, sizeof found),
                       dg_shape_text(rho, wanted, sizeof wanted));
}

dg_status dg_loss_shape(const char *of, const dg_shape in[], dg_shape out[], dg_diag *why)
{
    char target[128], estimate[128];
    if (!dg_shape_equal(&in[DG_TARGET], &in[DG_ESTIMATE]))
        return dg_diag_set(why, DG_EMODEL, "%s: target %s and estimate %s must have the same shape",
                           of, dg_shape_text(&in[DG_TARGET], target, sizeof target),
                           dg_shape_text(&in[DG_ESTIMATE], estimate, sizeof estimate));
    int rank = in[DG_ESTIMATE].rank > 0;
    out[0] = (dg_shape){rank, {rank ? in[DG_ESTIMATE].dim[0] : 0}};
    return check_weight(of, &in[DG_WEIGHT], &out[0], why);
}

/* The estimate's shape without its last axis. */
static dg_shape without_last(const dg_shape *s)
{
    dg_shape r = *s;
    r.rank--;
    r.dim[r.rank] = 0;
    return r;
}

static dg_status check_class_weight(const char *of, const dg_shape *weight, int64_t classes,
                                    dg_diag *why)
{
    char found[128];
    if (weight->rank < 0 || (weight->rank == 1 && weight->dim[0] == classes))
        return DG_OK;
    return dg_diag_set(why, DG_EMODEL, "%s: class_weight %s must be one number a class, [%lld]", of,
                       dg_shape_text(weight, found, sizeof found), (long long)classes);
}

dg_status dg_binary_shape(const char *of, int n_in, const dg_shape in[], dg_shape out[],
                          dg_diag *why)
{
    const dg_shape *b = &in[DG_ESTIMATE];
    int64_t classes = b->rank > 1 ? b->dim[b->rank - 1] : 1;
    if (n_in > DG_CLASS_WEIGHT && b->rank < 2 && in[DG_CLASS_WEIGHT].rank >= 0)
        return dg_diag_set(why, DG_EMODEL,
                           "%s: class_weight needs an estimate with an axis of classes, as [N, C]",
                           of);
    if (n_in > DG_CLASS_WEIGHT &&
        check_class_weight(of, &in[DG_CLASS_WEIGHT], classes, why) != DG_OK)
        return DG_EMODEL;
    return dg_loss_shape(of, in, out, why);
}

dg_status dg_label_shape(const char *of, const dg_attrs *a, int n_in, const dg_shape in[],
                         dg_shape out[], dg_diag *why)
{
    const dg_shape *b = &in[DG_ESTIMATE];
    char target[128], estimate[128], label[128];
    dg_shape_text(&in[DG_TARGET], target, sizeof target);
    dg_shape_text(b, estimate, sizeof estimate);
    if (b->rank < 1 || b->dim[b->rank - 1] < 1)
        return dg_diag_set(
            why, DG_EMODEL,
            "%s: the last axis of the estimate %s is that of the classes; it needs one", of,
            estimate);
    if (n_in > DG_CLASS_WEIGHT &&
        check_class_weight(of, &in[DG_CLASS_WEIGHT], b->dim[b->rank - 1], why) != DG_OK)
        return DG_EMODEL;
    dg_shape labels = without_last(b);
    if (dg_shape_equal(&in[DG_TARGET], &labels)) {
        out[0] = labels;
        return check_weight(of, &in[DG_WEIGHT], &out[0], why);
    }
    if (!dg_shape_equal(&in[DG_TARGET], b))
        return dg_diag_set(
            why, DG_EMODEL,
            "%s: target %s is neither labels %s nor distributions %s of the estimate", of, target,
            dg_shape_text(&labels, label, sizeof label), estimate);
    if (a->v[DG_IGNORE].count > 0)
        return dg_diag_set(why, DG_EMODEL, "%s: ignore needs labels %s, the target is %s", of,
                           dg_shape_text(&labels, label, sizeof label), target);
    if (b->rank < 2)
        return dg_diag_set(why, DG_EMODEL, "%s: a distribution %s has no axis of pairs before it",
                           of, target);
    return dg_loss_shape(of, in, out, why);
}

static int has_labels(const dg_shape in[])
{
    return in[DG_TARGET].rank < in[DG_ESTIMATE].rank;
}

dg_pairs dg_pairs_of(const dg_call *c, int over)
{
    const dg_shape *b = &c->in_shape[DG_ESTIMATE];
    dg_pairs p = {.labels = has_labels(c->in_shape),
                  .classes = b->rank > 0 ? b->dim[b->rank - 1] : 1,
                  .share = 1};
    int64_t a_row = p.labels ? dg_shape_row(&c->in_shape[DG_TARGET]) : 1;
    p.begin = c->row0 * a_row;
    p.end = c->row1 * a_row;
    p.size = p.labels ? p.classes : dg_shape_row(b);
    if (c->attrs->v[over].word == DG_OVER_ELEMENTS && p.size > 0)
        p.share = 1.0 / (double)p.size;
    return p;
}

double dg_loss_flops(const dg_sizes *of, int input)
{
    (void)input;
    return 4 * (double)dg_shape_count(&of->in[DG_ESTIMATE]);
}

int dg_label_ignored(const dg_attrs *a, int32_t k)
{
    return a->v[DG_IGNORE].count > 0 && dg_attr_int(a, DG_IGNORE) == k;
}

int dg_label_ignores(const dg_attrs *a, int64_t *label)
{
    if (a->v[DG_IGNORE].count == 0)
        return 0;
    *label = dg_attr_int(a, DG_IGNORE);
    return 1;
}

int64_t dg_label_pairs(const dg_call *c)
{
    dg_pairs p = dg_pairs_of(c, DG_OVER);
    int64_t ignored = 0;
    if (p.labels && c->attrs->v[DG_IGNORE].count > 0)
        for (int64_t k = p.begin; k < p.end; k++)
            ignored += dg_label_ignored(c->attrs, ((const int32_t *)c->in[DG_TARGET])[k]);
    return p.end - p.begin - ignored;
}

int64_t dg_loss_limit(const dg_sizes *of, int input)
{
    if (input != DG_TARGET || !has_labels(of->in))
        return -1;
    return of->in[DG_ESTIMATE].dim[of->in[DG_ESTIMATE].rank - 1];
}

char *dg_pair_text(const dg_call *c, int64_t p, char *text, size_t n)
{
    int64_t row = has_labels(c->in_shape) ? dg_shape_row(&c->in_shape[DG_TARGET]) : 1;
    if (c->why && c->why->code == DG_OK && row > 0)
        c->why->row = p / row + 1;
    if (row > 1)
        dg_format(text, n, "row %lld, place %lld", (long long)(p / row), (long long)(p % row));
    else
        dg_format(text, n, "row %lld", (long long)p);
    return text;
}

dg_status dg_label_bad(const dg_call *c, int64_t p, int32_t label, int64_t classes)
{
    char where[64];
    return dg_diag_set(c->why, DG_EDATA, "the label of %s is %ld, labels are 0 to %lld",
                       dg_pair_text(c, p, where, sizeof where), (long)label,
                       (long long)classes - 1);
}

dg_status dg_simplex_bad(const dg_call *c, int64_t p, int64_t d, double sum, double size)
{
    char where[64];
    const char *what = size > fabs(sum) ? "has negative entries and " : "";
    return dg_diag_set(c->why, DG_EDATA,
                       "the target of %s, distribution %lld, %sadds up to %.9g; a distribution has "
                       "entries from 0 on that add up to 1",
                       dg_pair_text(c, p, where, sizeof where), (long long)d, what, sum);
}

dg_status dg_target_bad(const dg_call *c, int64_t p, int64_t i, double target)
{
    char where[64];
    return dg_diag_set(c->why, DG_EDATA,
                       "the target of %s, component %lld, is %.9g; a probability is 0 to 1",
                       dg_pair_text(c, p, where, sizeof where), (long long)i, target);
}

dg_status dg_estimate_bad(const dg_call *c, int64_t p, int64_t i, double estimate, double target)
{
    char where[64];
    return dg_diag_set(
        c->why, DG_EFINITE,
        "the estimate of %s, component %lld, is %.9g where the target is %.9g, so the "
        "loss is not finite; give logits to softmax_cross_entropy or "
        "sigmoid_cross_entropy instead",
        dg_pair_text(c, p, where, sizeof where), (long long)i, estimate, target);
}

dg_status dg_outside_bad(const dg_call *c, int64_t p, int64_t i, double estimate)
{
    char where[64];
    return dg_diag_set(c->why, DG_EFINITE,
                       "the estimate of %s, component %lld, is %.9g; a probability is 0 to 1: give "
                       "logits to softmax_cross_entropy or sigmoid_cross_entropy instead",
                       dg_pair_text(c, p, where, sizeof where), (long long)i, estimate);
}

dg_status dg_class_weight_bad(const dg_call *c, int64_t k, double weight)
{
    return dg_diag_set(c->why, DG_EDATA, "class_weight of class %lld is %.9g; it is 0 or more",
                       (long long)k, weight);
}

#endif
