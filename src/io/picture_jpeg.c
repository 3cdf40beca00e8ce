/* JPEG by libjpeg-turbo: grey, colours, CMYK; a file that ends too early is broken. */
#include "io/picture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef DG_JPEG

bool dg_jpeg_decode(const uint8_t *bytes, size_t n, bool index, dg_picture *out, char *reason)
{
    (void)bytes, (void)n, (void)index, (void)out;
    snprintf(reason, DG_PICTURE_REASON, "a JPEG; this dagrad was built without libjpeg");
    return false;
}

#else

#include <jpeglib.h>

#include <jerror.h>
#include <setjmp.h>

enum { MOST_SCANS = 500 };

/* All that must outlive a jump. */
typedef struct {
    struct jpeg_decompress_struct d;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf back;
    bool index;
    uint8_t *line; /* of CMYK */
    dg_picture *out;
    char *reason;
} job;

static void stop(job *j, const char *reason)
{
    if (!*j->reason)
        snprintf(j->reason, DG_PICTURE_REASON, "%s", reason);
    longjmp(j->back, 1);
}

static void on_error(j_common_ptr d)
{
    char text[JMSG_LENGTH_MAX];
    d->err->format_message(d, text);
    stop(d->client_data, text);
}

/* Warnings are passed over, as other readers do, but for the end of the file. */
static void on_message(j_common_ptr d, int level)
{
    if (level < 0 && d->err->msg_code == JWRN_JPEG_EOF)
        stop(d->client_data, "the file ends within the picture");
}

static void on_output(j_common_ptr d)
{
    (void)d;
}

/* Each scan costs a pass over the picture; a hostile file has thousands in few bytes. */
static void on_progress(j_common_ptr d)
{
    const job *j = d->client_data;
    if (j->d.input_scan_number > MOST_SCANS)
        stop(d->client_data, "more scans than any camera writes");
}

static void read_orientation(job *j)
{
    for (const struct jpeg_marker_struct *m = j->d.marker_list; m; m = m->next)
        if (m->marker == JPEG_APP0 + 1 && m->data_length > 6 && memcmp(m->data, "Exif\0", 6) == 0)
            j->out->orientation = dg_exif_orientation(m->data + 6, m->data_length - 6);
}

static void choose_colours(job *j)
{
    J_COLOR_SPACE from = j->d.jpeg_color_space;
    if (j->index && from != JCS_GRAYSCALE)
        stop(j, "a mask has a palette or grey levels, this has colours");
    if (from == JCS_CMYK || from == JCS_YCCK)
        j->d.out_color_space = JCS_CMYK;
    else
        j->d.out_color_space = from == JCS_GRAYSCALE ? JCS_GRAYSCALE : JCS_RGB;
}

/* Adobe writes the inks inverted. */
static void from_inks(const job *j, uint8_t *to)
{
    for (int64_t i = 0; i < j->out->width; i++)
        for (int k = 0; k < 3; k++) {
            unsigned x = j->line[4 * i + k], black = j->line[4 * i + 3];
            if (!j->d.saw_Adobe_marker) {
                x = 255 - x;
                black = 255 - black;
            }
            *to++ = (uint8_t)((x * black + 127) / 255);
        }
}

static bool read_lines(job *j)
{
    if (setjmp(j->back))
        return false;
    jpeg_read_header(&j->d, TRUE);
    choose_colours(j);
    int channels = j->d.out_color_space == JCS_GRAYSCALE ? 1 : 3;
    if (!dg_picture_make(j->out, j->d.image_height, j->d.image_width, channels, j->reason))
        stop(j, "");
    read_orientation(j);
    jpeg_start_decompress(&j->d);
    bool inks = j->d.out_color_space == JCS_CMYK;
    if (inks && !(j->line = malloc(4 * (size_t)j->out->width)))
        stop(j, "out of memory");
    while (j->d.output_scanline < j->d.output_height) {
        uint8_t *to = j->out->bytes + j->d.output_scanline * j->out->width * channels;
        uint8_t *line = inks ? j->line : to;
        jpeg_read_scanlines(&j->d, &line, 1);
        if (inks)
            from_inks(j, to);
    }
    jpeg_finish_decompress(&j->d);
    return true;
}

static bool begin(job *j, const uint8_t *bytes, size_t n)
{
    if (setjmp(j->back))
        return false;
    jpeg_create_decompress(&j->d);
    j->d.client_data = j;
    j->d.progress = &j->progress;
    jpeg_mem_src(&j->d, bytes, n);
    jpeg_save_markers(&j->d, JPEG_APP0 + 1, 0xffff);
    return true;
}

bool dg_jpeg_decode(const uint8_t *bytes, size_t n, bool index, dg_picture *out, char *reason)
{
    job *j = calloc(1, sizeof *j);
    *reason = 0;
    if (!j) {
        snprintf(reason, DG_PICTURE_REASON, "out of memory");
        return false;
    }
    *j = (job){.index = index, .out = out, .reason = reason};
    j->d.err = jpeg_std_error(&j->errors);
    j->errors.error_exit = on_error;
    j->errors.emit_message = on_message;
    j->errors.output_message = on_output;
    j->progress.progress_monitor = on_progress;
    j->d.client_data = j;
    bool good = begin(j, bytes, n) && read_lines(j);
    jpeg_destroy_decompress(&j->d);
    free(j->line);
    free(j);
    return good;
}

#endif
