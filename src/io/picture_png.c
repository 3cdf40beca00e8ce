/* PNG by libpng: palettes, 1 to 16 bits, transparency over white. */
#include "io/picture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef DG_PNG

bool dg_png_decode(const uint8_t *bytes, size_t n, bool index, dg_picture *out, char *reason)
{
    (void)bytes, (void)n, (void)index, (void)out;
    snprintf(reason, DG_PICTURE_REASON, "a PNG; this dagrad was built without libpng");
    return false;
}

#else

#include <png.h>

/* All that must outlive a jump. */
typedef struct {
    png_structp png;
    png_infop info;
    const uint8_t *at;
    size_t left, n;
    bool index;
    uint8_t *raw, **rows;
    dg_picture *out;
    char *reason;
} job;

static void on_error(png_structp png, png_const_charp text)
{
    job *j = png_get_error_ptr(png);
    if (!*j->reason)
        snprintf(j->reason, DG_PICTURE_REASON, "%s", text);
    longjmp(png_jmpbuf(png), 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
    (void)png, (void)text;
}

static void on_read(png_structp png, png_bytep to, size_t n)
{
    job *j = png_get_io_ptr(png);
    if (n > j->left)
        png_error(png, "the file ends within the picture");
    memcpy(to, j->at, n);
    j->at += n;
    j->left -= n;
}

/* Deflate makes at most 1032 bytes of one. */
static void check_size(job *j)
{
    uint64_t row = png_get_rowbytes(j->png, j->info), h = png_get_image_height(j->png, j->info);
    if (!dg_picture_make(j->out, (int64_t)h, png_get_image_width(j->png, j->info), 3, j->reason))
        png_error(j->png, "");
    if (row * h > 1032 * (uint64_t)j->n + 65536)
        png_error(j->png, "it claims more pixels than its bytes can hold");
}

static void ask_for_colours(job *j)
{
    png_set_expand(
        j->png); /* palette to colours, 1 to 4 bits to 8, a transparent colour to alpha */
}

/* Numbers as they are in the file. */
static void ask_for_numbers(job *j)
{
    int type = png_get_color_type(j->png, j->info);
    if (type & PNG_COLOR_MASK_COLOR && type != PNG_COLOR_TYPE_PALETTE)
        png_error(j->png, "a mask has a palette or grey levels, this has colours");
    if (png_get_bit_depth(j->png, j->info) == 16)
        png_error(j->png, "a mask of 16 bits");
    png_set_packing(j->png);
    png_set_strip_alpha(j->png);
}

static void read_orientation(job *j)
{
    png_bytep exif = NULL;
    png_uint_32 n = 0;
    if (png_get_eXIf_1(j->png, j->info, &n, &exif) && exif)
        j->out->orientation = dg_exif_orientation(exif, n);
}

/* Rows as libpng gives them, in j->raw. */
static bool read_rows(job *j)
{
    if (setjmp(png_jmpbuf(j->png)))
        return false;
    png_set_read_fn(j->png, j, on_read);
    png_set_user_limits(j->png, 0x7fffffff, 0x7fffffff); /* check_size has its own */
    png_set_chunk_malloc_max(j->png, 8 << 20);
    png_read_info(j->png, j->info);
    check_size(j);
    if (j->index)
        ask_for_numbers(j);
    else
        ask_for_colours(j);
    png_set_interlace_handling(j->png);
    png_read_update_info(j->png, j->info);
    size_t row = png_get_rowbytes(j->png, j->info), h = (size_t)j->out->height;
    j->raw = malloc(row * h);
    j->rows = malloc(h * sizeof *j->rows);
    if (!j->raw || !j->rows)
        png_error(j->png, "out of memory");
    for (size_t i = 0; i < h; i++)
        j->rows[i] = j->raw + i * row;
    png_read_image(j->png, j->rows);
    png_read_end(j->png, j->info);
    read_orientation(j);
    return true;
}

/* Sample k as 16 bits. */
static uint32_t sample(const uint8_t *p, int k, bool wide)
{
    return wide ? p[2 * k] * 256U + p[2 * k + 1] : p[k] * 257U;
}

/* Colours over white, 16 bits divided by 257. */
static void convert(job *j)
{
    int samples = png_get_channels(j->png, j->info);
    bool wide = png_get_bit_depth(j->png, j->info) == 16, alpha = samples == 2 || samples == 4;
    int c = samples - alpha;
    int64_t n = j->out->height * j->out->width;
    const uint8_t *p = j->raw;
    uint8_t *to = j->out->bytes;
    for (int64_t i = 0; i < n; i++, p += samples * (wide ? 2 : 1))
        for (int k = 0; k < c; k++) {
            uint64_t x = sample(p, k, wide), a = alpha ? sample(p, c, wide) : 65535;
            x = (x * a + 65535 * (65535 - a) + 32767) / 65535;
            *to++ = (uint8_t)((x + 128) / 257);
        }
    j->out->channels = c;
}

bool dg_png_decode(const uint8_t *bytes, size_t n, bool index, dg_picture *out, char *reason)
{
    job j = {.at = bytes, .left = n, .n = n, .index = index, .out = out, .reason = reason};
    *reason = 0;
    j.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &j, on_error, on_warning);
    j.info = j.png ? png_create_info_struct(j.png) : NULL;
    bool good = j.info && read_rows(&j);
    if (good && index) {
        memcpy(out->bytes, j.raw, (size_t)(out->height * out->width));
        out->channels = 1;
    } else if (good)
        convert(&j);
    if (!j.info)
        snprintf(reason, DG_PICTURE_REASON, "out of memory");
    png_destroy_read_struct(&j.png, &j.info, NULL);
    free(j.raw);
    free(j.rows);
    return good;
}

#endif
