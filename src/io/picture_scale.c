/* Pictures scaled to cover a size, the middle cropped. */
#include "io/picture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What each of n pixels along an axis takes of those of the source: weights of `count` from
 * `first` on. */
typedef struct {
    int64_t n, most;
    int64_t *first, *count;
    float *weight; /* [n, most] */
} taps;

static void free_taps(taps *t)
{
    free(t->first);
    free(t->count);
    free(t->weight);
}

/* The triangle is as wide as two pixels of the result, at least two of the source, so that no pixel
 * of the source is passed over. Weights add up to 1. */
static void put_taps(taps *t, int64_t i, int64_t size, double start, double scale)
{
    double reach = scale > 1 ? scale : 1, centre = start + ((double)i + 0.5) * scale, sum = 0;
    int64_t first = (int64_t)floor(centre - reach + 0.5),
            end = (int64_t)floor(centre + reach + 0.5);
    first = first < 0 ? 0 : first;
    end = end > size ? size : end;
    float *w = t->weight + i * t->most;
    for (int64_t k = first; k < end; k++) {
        double away = fabs(((double)k + 0.5 - centre) / reach);
        w[k - first] = away < 1 ? (float)(1 - away) : 0;
        sum += (double)w[k - first];
    }
    for (int64_t k = first; k < end; k++)
        w[k - first] = (float)((double)w[k - first] / sum);
    t->first[i] = first;
    t->count[i] = end - first;
}

static bool make_taps(taps *t, int64_t n, int64_t size, double start, double scale)
{
    t->n = n;
    t->most = 2 * (int64_t)ceil(scale > 1 ? scale : 1) + 2;
    t->first = malloc((size_t)n * sizeof *t->first);
    t->count = malloc((size_t)n * sizeof *t->count);
    t->weight = malloc((size_t)(n * t->most) * sizeof *t->weight);
    if (!t->first || !t->count || !t->weight)
        return false;
    for (int64_t i = 0; i < n; i++)
        put_taps(t, i, size, start, scale);
    return true;
}

/* One row of the source, across, to width pixels. */
static void across(const taps *t, const uint8_t *in, int c, float *out)
{
    for (int64_t j = 0; j < t->n; j++)
        for (int k = 0; k < c; k++) {
            const uint8_t *x = in + t->first[j] * c + k;
            const float *w = t->weight + j * t->most;
            float sum = 0;
            for (int64_t i = 0; i < t->count[j]; i++)
                sum += w[i] * (float)x[i * c];
            *out++ = sum;
        }
}

/* Row i of the result from the rows of the source, which are already as wide as it. */
static void down(const taps *t, int64_t i, const float *rows, int64_t n, float *sum, uint8_t *out)
{
    memset(sum, 0, (size_t)n * sizeof *sum);
    for (int64_t k = 0; k < t->count[i]; k++) {
        const float *row = rows + (t->first[i] - t->first[0] + k) * n;
        float w = t->weight[i * t->most + k];
        for (int64_t j = 0; j < n; j++)
            sum[j] += w * row[j];
    }
    for (int64_t j = 0; j < n; j++)
        out[j] = (uint8_t)(sum[j] < 0 ? 0 : sum[j] > 255 ? 255 : sum[j] + 0.5F);
}

static bool filter(const dg_picture *in, dg_picture *out, const taps *x, const taps *y)
{
    int64_t n = out->width * out->channels, last = y->n - 1;
    int64_t top = y->first[0], used = y->first[last] + y->count[last] - top;
    float *rows = malloc((size_t)(used * n) * sizeof *rows), *sum = malloc((size_t)n * sizeof *sum);
    for (int64_t i = 0; rows && sum && i < used; i++)
        across(x, in->bytes + (top + i) * in->width * in->channels, in->channels, rows + i * n);
    for (int64_t i = 0; rows && sum && i < out->height; i++)
        down(y, i, rows, n, sum, out->bytes + i * n);
    bool good = rows && sum;
    free(rows);
    free(sum);
    return good;
}

static int64_t nearest_to(double x, int64_t size)
{
    int64_t k = (int64_t)floor(x);
    return k < 0 ? 0 : k < size ? k : size - 1;
}

static void pick(const dg_picture *in, dg_picture *out, double top, double left, double scale)
{
    int c = in->channels;
    uint8_t *to = out->bytes;
    for (int64_t i = 0; i < out->height; i++)
        for (int64_t j = 0; j < out->width; j++, to += c) {
            int64_t y = nearest_to(top + ((double)i + 0.5) * scale, in->height);
            int64_t x = nearest_to(left + ((double)j + 0.5) * scale, in->width);
            memcpy(to, in->bytes + (y * in->width + x) * c, (size_t)c);
        }
}

bool dg_picture_scale(const dg_picture *in, dg_picture *out, bool nearest)
{
    /* pixels of the source to one of the result: the smaller ratio covers */
    double sy = (double)in->height / (double)out->height,
           sx = (double)in->width / (double)out->width;
    double scale = sy < sx ? sy : sx;
    double top = ((double)in->height - scale * (double)out->height) / 2;
    double left = ((double)in->width - scale * (double)out->width) / 2;
    if (nearest) {
        pick(in, out, top, left, scale);
        return true;
    }
    taps x = {0}, y = {0};
    bool good = make_taps(&x, out->width, in->width, left, scale) &&
                make_taps(&y, out->height, in->height, top, scale) && filter(in, out, &x, &y);
    free_taps(&x);
    free_taps(&y);
    return good;
}
