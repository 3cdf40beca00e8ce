/* PNG: chunks with their CRC around rows that zlib packs. */
#include "io/pictures.h"
#include "io/io_tools.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

static void put32(uint8_t *p, uint32_t x)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(x >> (24 - 8 * i));
}

static void chunk(dg_text *out, const char *type, const void *bytes, size_t n)
{
    uint8_t head[8], tail[4];
    put32(head, (uint32_t)n);
    memcpy(head + 4, type, 4);
    unsigned long crc = crc32(crc32(0, NULL, 0), head + 4, 4);
    put32(tail, (uint32_t)crc32(crc, bytes, (uInt)n));
    dg_text_add_bytes(out, (char *)head, 8);
    dg_text_add_bytes(out, bytes, n);
    dg_text_add_bytes(out, (char *)tail, 4);
}

static void put_exif(const io_picture *p, dg_text *out)
{
    uint8_t exif[] = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0,
                      3,   0,   0, 0,  1, 0, 0, 0, 0, 0, 0, 0,    0};
    exif[19] = (uint8_t)p->orientation;
    if (p->orientation)
        chunk(out, "eXIf", exif, sizeof exif);
}

static void put_rows(const io_picture *p, dg_text *out)
{
    static const int samples[] = {1, 0, 3, 1, 2, 0, 4};
    size_t row = ((size_t)p->width * (size_t)(samples[p->type] * p->depth) + 7) / 8;
    uLongf packed = compressBound((uLong)((row + 1) * p->height));
    uint8_t *plain = calloc(row + 1, p->height), *to = malloc(packed);
    for (size_t i = 0; i < p->height; i++)
        memcpy(plain + i * (row + 1) + 1, p->rows + i * row, row);
    compress2(to, &packed, plain, (uLong)((row + 1) * p->height), 6);
    chunk(out, "IDAT", to, packed);
    free(plain);
    free(to);
}

void io_png(const io_picture *p, dg_text *out)
{
    uint8_t head[13] = {0};
    put32(head, p->width);
    put32(head + 4, p->height);
    head[8] = (uint8_t)p->depth;
    head[9] = (uint8_t)p->type;
    out->length = 0;
    dg_text_add_bytes(out, "\x89PNG\r\n\x1a\n", 8);
    chunk(out, "IHDR", head, sizeof head);
    put_exif(p, out);
    if (p->palette)
        chunk(out, "PLTE", p->palette, 3 * (size_t)p->n_palette);
    if (p->rows)
        put_rows(p, out);
    else
        chunk(out, "IDAT", "x\x9c\x03\0\0\0\0\1", 8);
    chunk(out, "IEND", "", 0);
}

void io_two_classes(const char *folder)
{
    uint8_t rows[12 * 12];
    char path[200];
    mkdir(folder, 0777);
    for (int k = 0; k < 12; k++) {
        dg_text png = dg_text_make(NULL);
        for (int i = 0; i < 12 * 12; i++)
            rows[i] = (uint8_t)(i * (k + 3) * 37 >> k % 4);
        dg_format(path, sizeof path, "%s/%c", folder, 'a' + k % 2);
        mkdir(path, 0777);
        dg_format(path, sizeof path, "%s/%c/%d.png", folder, 'a' + k % 2, k);
        io_png(&(io_picture){12, 12, 8, 0, rows}, &png);
        io_write(path, png.data, png.length);
        dg_text_free(&png);
    }
}
