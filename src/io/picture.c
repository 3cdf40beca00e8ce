/* A picture from its file: decoded, turned, its channels and size as asked for. */
#include "io/picture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_png(const uint8_t *p, size_t n)
{
    return n >= 8 && memcmp(p, "\x89PNG\r\n\x1a\n", 8) == 0;
}

static bool is_jpeg(const uint8_t *p, size_t n)
{
    return n >= 3 && p[0] == 0xff && p[1] == 0xd8 && p[2] == 0xff;
}

bool dg_picture_is(const void *bytes, size_t n)
{
    return is_png(bytes, n) || is_jpeg(bytes, n);
}

bool dg_picture_make(dg_picture *p, int64_t height, int64_t width, int channels, char *reason)
{
    *p = (dg_picture){.height = height, .width = width, .channels = channels, .orientation = 1};
    if (height < 1 || width < 1 || height > DG_PICTURE_SIDE || width > DG_PICTURE_SIDE ||
        height * width > DG_PICTURE_MOST) {
        snprintf(reason, DG_PICTURE_REASON, "it claims %lld x %lld pixels; at most %d are read",
                 (long long)width, (long long)height, DG_PICTURE_MOST);
        return false;
    }
    p->bytes = malloc((size_t)(height * width * channels));
    if (!p->bytes)
        snprintf(reason, DG_PICTURE_REASON, "out of memory");
    return p->bytes != NULL;
}

/* ---- EXIF ------------------------------------------------------------------------------------ */

static uint32_t number(const uint8_t *p, int bytes, bool big)
{
    uint32_t x = 0;
    for (int i = 0; i < bytes; i++)
        x = x << 8 | p[big ? i : bytes - 1 - i];
    return x;
}

int dg_exif_orientation(const uint8_t *tiff, size_t n)
{
    enum { ENTRY = 12, ORIENTATION = 0x112, SHORT = 3 };
    if (n < 8 || (memcmp(tiff, "II*\0", 4) != 0 && memcmp(tiff, "MM\0*", 4) != 0))
        return 1;
    bool big = *tiff == 'M';
    size_t at = number(tiff + 4, 4, big);
    if (at > n - 2)
        return 1;
    uint32_t entries = number(tiff + at, 2, big);
    for (at += 2; entries > 0 && at + ENTRY <= n; entries--, at += ENTRY) {
        uint32_t value = number(tiff + at + 8, 2, big);
        if (number(tiff + at, 2, big) == ORIENTATION && number(tiff + at + 2, 2, big) == SHORT)
            return value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}

/* The pixel of `in` that comes to place (i, j) when it is turned upright. */
static const uint8_t *turned(const dg_picture *in, int64_t i, int64_t j)
{
    int64_t h = in->height, w = in->width;
    bool across = in->orientation >= 5;
    int64_t y = across ? j : i, x = across ? i : j;
    bool up = in->orientation == 3 || in->orientation == 4 || in->orientation == 6 ||
              in->orientation == 7;
    bool left = in->orientation == 2 || in->orientation == 3 || in->orientation == 7 ||
                in->orientation == 8;
    y = up ? h - 1 - y : y;
    x = left ? w - 1 - x : x;
    return in->bytes + (y * w + x) * in->channels;
}

static bool turn(dg_picture *p, char *reason)
{
    dg_picture out;
    bool across = p->orientation >= 5;
    if (p->orientation == 1)
        return true;
    if (!dg_picture_make(&out, across ? p->width : p->height, across ? p->height : p->width,
                         p->channels, reason))
        return false;
    uint8_t *to = out.bytes;
    for (int64_t i = 0; i < out.height; i++)
        for (int64_t j = 0; j < out.width; j++, to += p->channels)
            memcpy(to, turned(p, i, j), (size_t)p->channels);
    free(p->bytes);
    *p = out;
    return true;
}

/* ---- Channels -------------------------------------------------------------------------------- */

/* Luminance as ITU-R BT.601 weighs it, in whole numbers. */
static uint8_t luminance(const uint8_t *p)
{
    return (uint8_t)((p[0] * 19595U + p[1] * 38470U + p[2] * 7471U + 0x8000U) >> 16);
}

static bool take_channels(dg_picture *p, int channels, char *reason)
{
    dg_picture out;
    int64_t n = p->height * p->width;
    if (p->channels == channels)
        return true;
    if (!dg_picture_make(&out, p->height, p->width, channels, reason))
        return false;
    for (int64_t i = 0; i < n; i++)
        if (channels == 1)
            out.bytes[i] = luminance(p->bytes + 3 * i);
        else
            memset(out.bytes + 3 * i, p->bytes[i], 3);
    free(p->bytes);
    *p = out;
    return true;
}

static bool take_size(dg_picture *p, const dg_picture_form *form, char *reason)
{
    dg_picture out;
    if (form->height == 0 || (form->height == p->height && form->width == p->width))
        return true;
    if (form->exact) {
        snprintf(reason, DG_PICTURE_REASON,
                 "it is %lld x %lld, the first one %lld x %lld: size=[h, w] scales them",
                 (long long)p->width, (long long)p->height, (long long)form->width,
                 (long long)form->height);
        return false;
    }
    if (!dg_picture_make(&out, form->height, form->width, p->channels, reason))
        return false;
    bool good = dg_picture_scale(p, &out, form->index);
    free(p->bytes);
    *p = out;
    if (!good)
        snprintf(reason, DG_PICTURE_REASON, "out of memory");
    return good;
}

bool dg_picture_read(const void *bytes, size_t n, const dg_picture_form *form, dg_picture *out,
                     char reason[DG_PICTURE_REASON])
{
    *out = (dg_picture){.bytes = NULL};
    snprintf(reason, DG_PICTURE_REASON, n ? "neither PNG nor JPEG" : "it is empty");
    bool good = false;
    if (is_png(bytes, n))
        good = dg_png_decode(bytes, n, form->index, out, reason);
    else if (is_jpeg(bytes, n))
        good = dg_jpeg_decode(bytes, n, form->index, out, reason);
    good = good && turn(out, reason) && take_channels(out, form->channels, reason) &&
           take_size(out, form, reason);
    if (!good) {
        free(out->bytes);
        out->bytes = NULL;
    }
    return good;
}
