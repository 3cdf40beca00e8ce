/* Rows as pictures and curves; see thumb.h. */
#include "report/thumb.h"
#include "io/array.h"
#include "report/page.h"
#include "report/png.h"
#include <math.h>
#include <stdlib.h>

enum { SIDE = 80, MOST_FEATURES = 8 }; /* pixels of the longer side */

int dg_thumb_is_picture(const dg_tensor *t)
{
    const int64_t *d = t->shape.dim;
    return t->shape.rank == 4 && t->type != DG_I32 && d[1] > 1 && d[2] > 1 &&
           (d[3] == 1 || d[3] == 3 || d[3] == 4);
}

int dg_thumb_is_series(const dg_tensor *t)
{
    const int64_t *d = t->shape.dim;
    return t->shape.rank == 3 && t->type != DG_I32 && d[1] > 2 && d[2] <= MOST_FEATURES;
}

dg_range dg_thumb_range(const dg_tensor *t)
{
    dg_range r = {HUGE_VAL, -HUGE_VAL};
    for (int64_t i = 0, n = dg_shape_count(&t->shape); i < n; i++) {
        double x = dg_tensor_number(t, i);
        r.low = x < r.low ? x : r.low;
        r.high = x > r.high && isfinite(x) ? x : r.high;
    }
    if (!(r.high > r.low) || !isfinite(r.low))
        return (dg_range){0, 1};
    return r.low >= 0 && r.high <= 1 ? (dg_range){0, 1} : r;
}

static void add_image(dg_text *out, int width, int height, int channels, const uint8_t *pixel,
                      const char *name)
{
    dg_text_add(out, "<div><img alt=\"");
    dg_html(out, name);
    dg_text_add(out, "\" src=\"");
    dg_png_uri(out, width, height, channels, pixel);
    dg_text_add(out, "\">");
    dg_html(out, name);
    dg_text_add(out, "</div>\n");
}

/* The mean of the block of pixels that one of the thumb stands for. */
static double block_mean(const dg_tensor *t, int64_t first, int64_t y, int64_t x, int64_t c,
                         int64_t by)
{
    const int64_t *d = t->shape.dim;
    double sum = 0;
    int64_t n = 0;
    for (int64_t i = y * by; i < (y + 1) * by && i < d[1]; i++)
        for (int64_t j = x * by; j < (x + 1) * by && j < d[2]; j++, n++)
            sum += dg_tensor_number(t, first + (i * d[2] + j) * d[3] + c);
    return sum / (double)n;
}

void dg_thumb_picture(dg_text *out, const dg_tensor *t, int64_t row, dg_range range,
                      const char *name)
{
    const int64_t *d = t->shape.dim;
    int64_t by = ((d[1] > d[2] ? d[1] : d[2]) + SIDE - 1) / SIDE;
    int64_t height = (d[1] + by - 1) / by, width = (d[2] + by - 1) / by,
            channels = d[3] > 1 ? 3 : 1;
    uint8_t *pixel = malloc((size_t)(height * width * channels)), *at = pixel;
    for (int64_t y = 0; pixel && y < height; y++)
        for (int64_t x = 0; x < width; x++)
            for (int64_t c = 0; c < channels; c++) {
                double v = block_mean(t, row * dg_shape_row(&t->shape), y, x, c, by);
                v = 255 * (v - range.low) / (range.high - range.low);
                *at++ = (uint8_t)(v > 255 ? 255 : v > 0 ? v + 0.5 : 0); /* a NaN is black */
            }
    if (pixel)
        add_image(out, (int)width, (int)height, (int)channels, pixel, name);
    out->failed |= !pixel;
    free(pixel);
}

void dg_thumb_labels(dg_text *out, int64_t height, int64_t width, const int32_t *label,
                     const char *name)
{
    static const uint8_t colour[8][3] = {{40, 44, 52},   {78, 140, 210},  {226, 128, 60},
                                         {92, 170, 110}, {160, 112, 200}, {214, 178, 80},
                                         {70, 176, 188}, {214, 110, 160}};
    int64_t by = ((height > width ? height : width) + SIDE - 1) / SIDE;
    int64_t rows = (height + by - 1) / by, columns = (width + by - 1) / by;
    uint8_t *pixel = malloc((size_t)(rows * columns) * 3), *at = pixel;
    for (int64_t y = 0; pixel && y < rows; y++)
        for (int64_t x = 0; x < columns; x++)
            for (int c = 0; c < 3; c++)
                *at++ = colour[label[y * by * width + x * by] & 7][c];
    if (pixel)
        add_image(out, (int)columns, (int)rows, 3, pixel, name);
    out->failed |= !pixel;
    free(pixel);
}

void dg_thumb_series(dg_text *out, const dg_tensor *t, int64_t row, dg_range range,
                     const char *name)
{
    const double width = 460, height = 70;
    const int64_t *d = t->shape.dim;
    dg_text_printf(out, "<figure><svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"", width,
                   height);
    dg_html(out, name);
    dg_text_add(out, "\">\n");
    for (int64_t c = 0; c < d[2]; c++) {
        int pen = 0;
        dg_text_printf(out, "<path class=\"l\" style=\"stroke:var(--s%d);stroke-width:1.3\" d=\"",
                       (int)c & 7);
        for (int64_t i = 0; i < d[1]; i++) {
            double x = dg_tensor_number(t, row * dg_shape_row(&t->shape) + i * d[2] + c);
            double y = height - 3 - (height - 6) * (x - range.low) / (range.high - range.low);
            if (isfinite(y))
                dg_text_printf(out, "%c%.1f %.1f", pen ? 'L' : 'M',
                               2 + (width - 4) * (double)i / (double)(d[1] - 1), y);
            pen = isfinite(y);
        }
        dg_text_add(out, "\"/>\n");
    }
    dg_text_add(out, "</svg><div class=\"key\">");
    dg_html(out, name);
    dg_text_add(out, "</div></figure>\n");
}
