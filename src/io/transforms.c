/* The transforms: fixed ones belong to the value, augmenting ones run in training only.
 *
 *     scale        x a + b
 *     standardize  (x - mean) / deviation
 *     onehot       x = k becomes n numbers, 1 at place k, else 0
 *     classes      a word becomes its place in the sorted list of words
 *     fill         a gap becomes a number
 *     drop         rows with a gap are left out of the block
 *     isgap        1 for a gap, else 0
 *     time         a date becomes days since 1970
 *     crop         the middle h by w of a picture
 *     flip         mirrored left to right, or not
 *     shift        moved by up to n pixels up, down, left, right; 0 comes in
 *     crop_random  h by w anywhere in the picture
 *     noise        x + sigma times a normal number, which differs by column
 *
 * A picture is a row of shape [h, w] or [h, w, channels]. Chance is a function of seed, epoch,
 * ordinal of the transform and number of the row, so it is the same in every column. */
#include "io/transforms.h"

#include "base/philox.h"
#include "base/text.h"
#include "io/dates.h"
#include "io/formats.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { SIDE = 1 << 20 };

static const dg_attr_spec scale_attrs[] = {
    {"a", DG_ATTR_REAL, 1, -1e30, 1e30, NULL, NULL, "factor, not 0"},
    {"b", DG_ATTR_REAL, 1, -1e30, 1e30, "0", NULL, "what is added"},
};
static const dg_attr_spec onehot_attrs[] = {
    {"n", DG_ATTR_INT, 1, 1, 1 << 24, "", NULL, "labels are 0 to n-1; as many as there are words"},
};
static const dg_attr_spec fill_attrs[] = {
    {"with", DG_ATTR_WORD | DG_ATTR_REAL | DG_ATTR_TEXT, 1, -1e300, 1e300, NULL, "mean median",
     "mean or median of the training part, a number, or a word in quotes"},
};
static const dg_attr_spec image_attrs[] = {
    {"size", DG_ATTR_INT, 2, 1, 1 << 15, "", NULL, "[height, width]; that of the first"},
    {"channels", DG_ATTR_INT, 1, 1, 3, "3", NULL, "1 or 3"},
    {"memory", DG_ATTR_REAL, 1, 0, 1e9, "1024", NULL, "MiB of pictures that are kept"},
};
static const dg_attr_spec time_attrs[] = {
    {"format", DG_ATTR_TEXT, 1, 0, 0, NULL, NULL, "as strptime's: \"%Y-%m-%d %H:%M\""},
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
    s->n_stats = 2;
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

/* ---- Words and gaps -------------------------------------------------------------------------- */

/* Columns of words side by side: as many numbers as there are words in all of them. */
static dg_status plan_onehot(dg_stage *s, dg_diag *why)
{
    const dg_classes *c = s->classes;
    int64_t n = s->attrs->v[0].count ? dg_attr_int(s->attrs, 0) : c->characters;
    if (n == 0 && c->n == 0)
        return dg_diag_set(why, DG_EMODEL,
                           "onehot needs the number of labels here: onehot(10); of words it is "
                           "known");
    if (n > 0 && s->in.rank >= DG_MAX_RANK - 1)
        return dg_diag_set(why, DG_EMODEL, "onehot adds an axis; there are %d already",
                           (int)s->in.rank + 1);
    if (n > 0) {
        s->out.dim[s->out.rank++] = n;
        return DG_OK;
    }
    s->out.rank = 1;
    s->out.dim[0] = 0;
    for (int k = 0; k < c->n; k++)
        s->out.dim[0] += c->list[k]->n;
    return DG_OK;
}

static dg_status no_label(const dg_passing *p, double x, int64_t n)
{
    char text[DG_NUMBER_TEXT];
    return dg_diag_set(p->why, DG_EDATA,
                       "row %" PRId64 ": %s is no label of onehot, which takes 0 to %" PRId64,
                       p->row, dg_f64_text(x, text), n - 1);
}

/* The class of word x of column k. */
static dg_status class_of(const dg_stage *s, const dg_passing *p, double x, int k, int64_t *out)
{
    const dg_classes *c = s->classes;
    if (!(x >= 0))
        return dg_diag_set(p->why, DG_EDATA, "row %" PRId64 ": a gap where a word is needed",
                           p->row);
    *out = (int64_t)x;
    return *out < c->list[k]->n ? DG_OK : no_label(p, x, c->list[k]->n);
}

static dg_status run_onehot(const dg_stage *s, const dg_passing *p, const double *in, double *out)
{
    int64_t n = s->out.dim[s->out.rank - 1], at = 0, id = 0;
    bool words = s->out.rank == 1 && s->in.rank <= 1 && !s->attrs->v[0].count && s->classes->n;
    memset(out, 0, (size_t)s->n_out * sizeof *out);
    for (int64_t i = 0; i < s->n_in && words; i++) {
        if (class_of(s, p, in[i], (int)i, &id) != DG_OK)
            return DG_EDATA;
        out[at + id] = 1;
        at += s->classes->list[i]->n;
    }
    for (int64_t i = 0; i < s->n_in && !words; i++) {
        if (!(in[i] >= 0 && in[i] < (double)n) || floor(in[i]) != in[i])
            return no_label(p, in[i], n);
        out[i * n + (int64_t)in[i]] = 1;
    }
    return DG_OK;
}

static dg_status plan_classes(dg_stage *s, dg_diag *why)
{
    return s->classes->n ? DG_OK
                         : dg_diag_set(why, DG_EMODEL, "classes takes the words of a table");
}

static dg_status run_classes(const dg_stage *s, const dg_passing *p, const double *in, double *out)
{
    for (int64_t i = 0; i < s->n_in; i++) {
        int64_t id = 0;
        if (class_of(s, p, in[i], (int)i, &id) != DG_OK)
            return DG_EDATA;
        out[i] = (double)id;
    }
    return DG_OK;
}

static dg_status plan_fill(dg_stage *s, dg_diag *why)
{
    const dg_attr_value *v = &s->attrs->v[0];
    if (v->text && !s->classes->n)
        return dg_diag_set(why, DG_EMODEL,
                           "fill(\"%.40s\") is for words: | classes or | onehot "
                           "follows",
                           v->text);
    if (!v->text && s->classes->n)
        return dg_diag_set(why, DG_EMODEL, "a gap among words takes a word: fill(\"none\")");
    s->features = v->text ? 0 : s->in.rank > 0 ? s->in.dim[s->in.rank - 1] : 1;
    s->n_stats = v->word >= 0;
    return DG_OK;
}

static dg_status run_fill(const dg_stage *s, const dg_passing *p, const double *in, double *out)
{
    if (s->n_stats && !s->fitted)
        return dg_diag_set(p->why, DG_EUSAGE, "fill has no statistic yet");
    memcpy(out, in, (size_t)s->n_in * sizeof *out);
    for (int64_t i = 0; i < s->n_in && s->features; i++)
        if (isnan(out[i]))
            out[i] = s->n_stats ? s->mean[i % s->features] : dg_attr_real(s->attrs, 0);
    return DG_OK;
}

/* What there is to do has been done when rows or fields were read. */
static dg_status run_nothing(const dg_stage *s, const dg_passing *p, const double *in, double *out)
{
    (void)p;
    memcpy(out, in, (size_t)s->n_in * sizeof *out);
    return DG_OK;
}

static dg_status plan_time(dg_stage *s, dg_diag *why)
{
    const char *format = s->attrs->v[0].text ? s->attrs->v[0].text : "";
    const char *bad = *format ? dg_date_check(format) : "";
    return bad ? dg_diag_set(why, DG_EMODEL,
                             "the format '%.60s' has no meaning at '%.10s'; it takes "
                             "%%Y %%m %%d %%b %%j %%H %%M %%S and their like",
                             format, bad)
               : DG_OK;
}

/* ---- Chance added ---------------------------------------------------------------------------- */

static dg_status run_noise(const dg_stage *s, const dg_passing *p, const double *in, double *out)
{
    double sigma = dg_attr_real(s->attrs, 0);
    uint64_t stream = dg_stream(stream_of(s, p), dg_stream_name(p->column));
    dg_normal_fill(p->how.seed, dg_stream(stream, (uint64_t)p->row), 0, s->n_in, out);
    for (int64_t i = 0; i < s->n_in; i++)
        out[i] = in[i] + sigma * out[i];
    return DG_OK;
}

/* ---- The table ------------------------------------------------------------------------------- */

#define ATTRS(a) a, sizeof a / sizeof *a

const dg_transform dg_transforms[] = {
    {{"scale", "x a + b", ATTRS(scale_attrs), 1, 0},
     .pointwise = 1,
     .plan = plan_scale,
     .run = run_scale,
     .undo = undo_scale},
    {{"standardize", "(x - mean) / deviation of the training part, along the last axis", NULL, 0, 1,
      0},
     .pointwise = 1,
     .plan = plan_standardize,
     .run = run_standardize,
     .undo = undo_standardize},
    {{"fill", "a gap becomes a number, or a word", ATTRS(fill_attrs), 1, 0},
     .gaps = 1,
     .plan = plan_fill,
     .run = run_fill},
    {{"drop", "rows with a gap are left out, of all values of the block", NULL, 0, 1, 0},
     .gaps = 1,
     .run = run_nothing},
    {{"isgap", "1 for a gap, else 0", NULL, 0, 1, 0},
     .gaps = 1,
     .cells = DG_CELLS_GAPS,
     .run = run_nothing},
    {{"classes", "words become ids, their places in the sorted list", NULL, 0, 1, 0},
     .cells = DG_CELLS_WORDS,
     .plan = plan_classes,
     .run = run_classes},
    {{"onehot", "a label or a word becomes n numbers, 1 at its place", ATTRS(onehot_attrs), 1, 0},
     .cells = DG_CELLS_WORDS,
     .plan = plan_onehot,
     .run = run_onehot},
    {{"time", "a date becomes days since 1970", ATTRS(time_attrs), 1, 0},
     .cells = DG_CELLS_TIMES,
     .plan = plan_time,
     .run = run_nothing},
    {{"image", "paths become their pictures, bytes of 0 to 255", ATTRS(image_attrs), 1, 0},
     .cells = DG_CELLS_WORDS,
     .values = 2,
     .run = run_nothing},
    {{"crop", "the middle of a picture", ATTRS(crop_attrs), 1, 0},
     .plan = plan_crop,
     .run = run_crop},
    {{"flip", "mirrored left to right, or not", NULL, 0, 1, 1},
     .plan = need_picture,
     .run = run_flip},
    {{"shift", "moved by up to n pixels each way; 0 comes in", ATTRS(shift_attrs), 1, 1},
     .plan = need_picture,
     .run = run_shift},
    {{"crop_random", "a part of a picture; the middle, but in training", ATTRS(crop_attrs), 1, 1},
     .plan = plan_crop,
     .run = run_crop_random},
    {{"noise", "a normal number is added", ATTRS(noise_attrs), 1, 1}, .ns = 60, .run = run_noise},
};

const int dg_n_transforms = sizeof dg_transforms / sizeof *dg_transforms;
const dg_transform *const dg_standardize = &dg_transforms[1];
const dg_transform *const dg_fill = &dg_transforms[2];
const dg_transform *const dg_drop = &dg_transforms[3];
const dg_transform *const dg_image = &dg_transforms[8];

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
