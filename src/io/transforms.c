/* The transforms: fixed ones belong to the value, augmenting ones run in training only.
 *
 *     scale        x a + b
 *     standardize  (x - mean) / deviation
 *     onehot       x = k becomes n numbers, 1 at place k, else 0
 *     crop         the middle h by w of a picture
 *     flip         mirrored left to right, or not
 *     shift        moved by up to n pixels up, down, left, right; 0 comes in
 *     crop_random  h by w anywhere in the picture
 *     noise        x + sigma times a normal number
 *
 * A picture is a row of shape [h, w] or [h, w, channels]. Chance is a function of seed, epoch,
 * ordinal of the transform and number of the row, so it is the same in every column. */
#include "io/transforms.h"

#include "base/philox.h"
#include "base/text.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { SIDE = 1 << 20 };

static const dg_attr_spec scale_attrs[] = {
    {"a", DG_ATTR_REAL, 1, -1e30, 1e30, NULL, NULL, "factor, not 0"},
    {"b", DG_ATTR_REAL, 1, -1e30, 1e30, "0", NULL, "what is added"},
};
static const dg_attr_spec onehot_attrs[] = {
    {"n", DG_ATTR_INT, 1, 1, 1 << 24, NULL, NULL, "labels are 0 to n-1"},
};
static const dg_attr_spec crop_attrs[] = {
    {"h", DG_ATTR_INT, 1, 1, SIDE, NULL, NULL, "height"},
    {"w", DG_ATTR_INT, 1, 1, SIDE, NULL, NULL, "width"},
};
static const dg_attr_spec shift_attrs[] = {
    {"n", DG_ATTR_INT, 1, 0, SIDE, NULL, NULL, "pixels at most"},
};
static const dg_attr_spec noise_attrs[] = {
    {"sigma", DG_ATTR_REAL, 1, 0, 1e30, NULL, NULL, "standard deviation"},
};

/* ---- Chance ---------------------------------------------------------------------------------- */

static uint64_t stream_of(const dg_stage *s, const dg_passing *p)
{
    return dg_stream(dg_stream(dg_stream_name("data"), p->how.epoch), s->ordinal);
}

/* The k-th (0 or 1) of two whole numbers of this row, 0 to n - 1. */
static int64_t draw(const dg_stage *s, const dg_passing *p, int k, int64_t n)
{
    uint64_t index = 2 * (uint64_t)p->row + (uint64_t)k;
    int64_t x = (int64_t)(dg_uniform(p->how.seed, stream_of(s, p), index) * (double)n);
    return x < n ? x : n - 1;
}

/* ---- Pictures -------------------------------------------------------------------------------- */

static dg_status need_picture(dg_stage *s, dg_diag *why)
{
    char text[160];
    if (s->in.rank == 2 || s->in.rank == 3)
        return DG_OK;
    return dg_diag_set(why, DG_EMODEL,
                       "%s takes pictures, rows of [h, w] or [h, w, channels], not of %s",
                       s->type->type.name, dg_shape_text(&s->in, text, sizeof text));
}

static int64_t channels(const dg_shape *s)
{
    return s->rank == 3 ? s->dim[2] : 1;
}

/* out(i, j) = in(i + top, j + left), 0 where that is outside. */
static void window(const dg_stage *s, int64_t top, int64_t left, const double *in, double *out)
{
    int64_t h = s->in.dim[0], w = s->in.dim[1], c = channels(&s->in);
    int64_t ho = s->out.dim[0], wo = s->out.dim[1];
    int64_t first = left < 0 ? -left : 0, last = w - left < wo ? w - left : wo;
    memset(out, 0, (size_t)s->n_out * sizeof *out);
    for (int64_t i = 0; i < ho; i++)
        if (i + top >= 0 && i + top < h && first < last)
            memcpy(out + (i * wo + first) * c, in + ((i + top) * w + first + left) * c,
                   (size_t)((last - first) * c) * sizeof *out);
}

static dg_status plan_crop(dg_stage *s, dg_diag *why)
{
    char text[160];
    if (need_picture(s, why) != DG_OK)
        return DG_EMODEL;
    s->out.dim[0] = dg_attr_int(s->attrs, 0);
    s->out.dim[1] = dg_attr_int(s->attrs, 1);
    if (s->out.dim[0] <= s->in.dim[0] && s->out.dim[1] <= s->in.dim[1])
        return DG_OK;
    return dg_diag_set(why, DG_EMODEL, "%s(%" PRId64 ", %" PRId64 ") is larger than the picture %s",
                       s->type->type.name, s->out.dim[0], s->out.dim[1],
                       dg_shape_text(&s->in, text, sizeof text));
}

static dg_status run_crop(const dg_stage *s, const dg_passing *p, const double *in, double *out)
{
    (void)p;
    window(s, (s->in.dim[0] - s->out.dim[0]) / 2, (s->in.dim[1] - s->out.dim[1]) / 2, in, out);
    return DG_OK;
}

static dg_status run_crop_random(const dg_stage *s, const dg_passing *p, const double *in,
                                 double *out)
{
    if (!p->how.training)
        return run_crop(s, p, in, out);
    window(s, draw(s, p, 0, s->in.dim[0] - s->out.dim[0] + 1),
           draw(s, p, 1, s->in.dim[1] - s->out.dim[1] + 1), in, out);
    return DG_OK;
}

static dg_status run_shift(const dg_stage *s, const dg_passing *p, const double *in, double *out)
{
    int64_t n = dg_attr_int(s->attrs, 0);
    window(s, draw(s, p, 0, 2 * n + 1) - n, draw(s, p, 1, 2 * n + 1) - n, in, out);
    return DG_OK;
}

static dg_status run_flip(const dg_stage *s, const dg_passing *p, const double *in, double *out)
{
    int64_t h = s->in.dim[0], w = s->in.dim[1], c = channels(&s->in);
    if (draw(s, p, 0, 2) == 0) {
        memcpy(out, in, (size_t)s->n_in * sizeof *out);
        return DG_OK;
    }
    for (int64_t i = 0; i < h; i++)
        for (int64_t j = 0; j < w; j++)
            memcpy(out + (i * w + j) * c, in + (i * w + w - 1 - j) * c, (size_t)c * sizeof *out);
    return DG_OK;
}

/* ---- Numbers --------------------------------------------------------------------------------- */

static dg_status plan_scale(dg_stage *s, dg_diag *why)
{
    if (dg_attr_real(s->attrs, 0) != 0)
        return DG_OK;
    return dg_diag_set(why, DG_EMODEL, "scale by 0 makes all elements the same");
}

static dg_status run_scale(const dg_stage *s, const dg_passing *p, const double *in, double *out)
{
    (void)p;
    double a = dg_attr_real(s->attrs, 0), b = dg_attr_real(s->attrs, 1);
    for (int64_t i = 0; i < s->n_in; i++)
        out[i] = a * in[i] + b;
    return DG_OK;
}

static void undo_scale(const dg_stage *s, int64_t n, double *x)
{
    double a = dg_attr_real(s->attrs, 0), b = dg_attr_real(s->attrs, 1);
    for (int64_t i = 0; i < n * s->n_out; i++)
        x[i] = (x[i] - b) / a;
}

static dg_status plan_standardize(dg_stage *s, dg_diag *why)
{
    (void)why;
    s->features = s->in.rank > 0 ? s->in.dim[s->in.rank - 1] : 1;
    return DG_OK;
}

static dg_status run_standardize(const dg_stage *s, const dg_passing *p, const double *in,
                                 double *out)
{
    if (!s->fitted)
        return dg_diag_set(p->why, DG_EUSAGE, "standardize has no mean and deviation yet");
    for (int64_t i = 0; i < s->n_in; i += s->features)
        for (int64_t k = 0; k < s->features; k++)
            out[i + k] = s->deviation[k] > 0 ? (in[i + k] - s->mean[k]) / s->deviation[k] : 0;
    return DG_OK;
}

static void undo_standardize(const dg_stage *s, int64_t n, double *x)
{
    for (int64_t i = 0; i < n * s->n_out; i += s->features)
        for (int64_t k = 0; k < s->features; k++)
            x[i + k] = s->deviation[k] > 0 ? x[i + k] * s->deviation[k] + s->mean[k] : s->mean[k];
}

static dg_status plan_onehot(dg_stage *s, dg_diag *why)
{
    if (s->in.rank >= DG_MAX_RANK - 1)
        return dg_diag_set(why, DG_EMODEL, "onehot adds an axis; there are %d already",
                           (int)s->in.rank + 1);
    s->out.dim[s->out.rank++] = dg_attr_int(s->attrs, 0);
    return DG_OK;
}

static dg_status run_onehot(const dg_stage *s, const dg_passing *p, const double *in, double *out)
{
    int64_t n = dg_attr_int(s->attrs, 0);
    char text[DG_NUMBER_TEXT];
    memset(out, 0, (size_t)s->n_out * sizeof *out);
    for (int64_t i = 0; i < s->n_in; i++) {
        if (!(in[i] >= 0 && in[i] < (double)n) || floor(in[i]) != in[i])
            return dg_diag_set(p->why, DG_EDATA,
                               "row %" PRId64
                               ": %s is no label of onehot, which takes 0 to %" PRId64,
                               p->row, dg_f64_text(in[i], text), n - 1);
        out[i * n + (int64_t)in[i]] = 1;
    }
    return DG_OK;
}

static dg_status run_noise(const dg_stage *s, const dg_passing *p, const double *in, double *out)
{
    double sigma = dg_attr_real(s->attrs, 0);
    dg_normal_fill(p->how.seed, dg_stream(stream_of(s, p), (uint64_t)p->row), 0, s->n_in, out);
    for (int64_t i = 0; i < s->n_in; i++)
        out[i] = in[i] + sigma * out[i];
    return DG_OK;
}

/* ---- The table ------------------------------------------------------------------------------- */

#define ATTRS(a) a, sizeof a / sizeof *a

const dg_transform dg_transforms[] = {
    {{"scale", "x a + b", ATTRS(scale_attrs), 1, 0}, 1, plan_scale, run_scale, undo_scale},
    {{"standardize", "(x - mean) / deviation of the training part, along the last axis", NULL, 0, 1,
      0},
     1,
     plan_standardize,
     run_standardize,
     undo_standardize},
    {{"onehot", "a label becomes n numbers, 1 at its place", ATTRS(onehot_attrs), 1, 0},
     0,
     plan_onehot,
     run_onehot,
     NULL},
    {{"crop", "the middle of a picture", ATTRS(crop_attrs), 1, 0}, 0, plan_crop, run_crop, NULL},
    {{"flip", "mirrored left to right, or not", NULL, 0, 1, 1}, 0, need_picture, run_flip, NULL},
    {{"shift", "moved by up to n pixels each way; 0 comes in", ATTRS(shift_attrs), 1, 1},
     0,
     need_picture,
     run_shift,
     NULL},
    {{"crop_random", "a part of a picture; the middle, but in training", ATTRS(crop_attrs), 1, 1},
     0,
     plan_crop,
     run_crop_random,
     NULL},
    {{"noise", "a normal number is added", ATTRS(noise_attrs), 1, 1}, 0, NULL, run_noise, NULL},
};

const int dg_n_transforms = sizeof dg_transforms / sizeof *dg_transforms;
const dg_transform *const dg_standardize = &dg_transforms[1];

const dg_io_type *dg_transform_at(int k)
{
    return k >= 0 && k < dg_n_transforms ? &dg_transforms[k].type : NULL;
}

int dg_stage_is_pointwise(const dg_stage *s)
{
    return s->type->pointwise && s->features <= 1;
}

int dg_stage_is_active(const dg_stage *s, int training)
{
    return training || !s->type->type.augmenting || !dg_shape_equal(&s->in, &s->out);
}
