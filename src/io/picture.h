/* Pictures: PNG and JPEG files become rows of bytes, 0 to 255, turned as they say, at the size that
 * is asked for. Input is hostile: sizes are checked before memory is taken. */
#ifndef DG_IO_PICTURE_H
#define DG_IO_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DG_PICTURE_SIDE = 65535, DG_PICTURE_MOST = 1 << 27, DG_PICTURE_REASON = 200 };

typedef struct {
    int64_t height, width;
    int channels;    /* 1 or 3 */
    int orientation; /* as EXIF has it: 1 upright */
    uint8_t *bytes;  /* [height, width, channels], to be freed */
} dg_picture;

/* What is wanted of it. */
typedef struct {
    int64_t height, width; /* 0: as it is */
    int channels;          /* 1 or 3; 3 of grey ones are equal, 1 of colours is their luminance */
    bool index;            /* a mask: palette index or grey level, never mixed */
    bool exact;            /* another size is refused, not scaled */
} dg_picture_form;

/* 1: the first bytes are those of a PNG or a JPEG. */
bool dg_picture_is(const void *bytes, size_t n);

/* Decodes a file and gives it the form; false: why, in reason. */
bool dg_picture_read(const void *bytes, size_t n, const dg_picture_form *form, dg_picture *out,
                     char reason[DG_PICTURE_REASON]);

/* The decoders, a file each; without their library they say so. What they make is not yet turned.
 */
bool dg_png_decode(const uint8_t *bytes, size_t n, bool index, dg_picture *out, char *reason);
bool dg_jpeg_decode(const uint8_t *bytes, size_t n, bool index, dg_picture *out, char *reason);

/* Memory for a picture whose size was claimed; false: too large, or none. */
bool dg_picture_make(dg_picture *p, int64_t height, int64_t width, int channels, char *reason);

/* The orientation that EXIF data (a TIFF header and what follows) say; 1 if they say none. */
int dg_exif_orientation(const uint8_t *tiff, size_t n);

/* in, scaled to cover the size of out, its middle cropped: by a triangle filter as wide as a pixel
 * of out, or by the nearest pixel. channels are equal. False: out of memory. */
bool dg_picture_scale(const dg_picture *in, dg_picture *out, bool nearest);

#endif
