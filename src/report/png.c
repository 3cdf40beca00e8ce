/* PNG (RFC 2083), 8 bits a channel, no filter, deflated by zlib. */
#include "report/png.h"
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { GREY = 0, RGB = 2, HEAD = 13 };

static void put_u32(uint8_t *to, uint32_t x)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(x >> (24 - 8 * i));
}

static void add_chunk(dg_text *png, const char *kind, const uint8_t *bytes, size_t n)
{
    uint8_t word[4];
    uLong crc = crc32(crc32(0, Z_NULL, 0), (const Bytef *)kind, 4);
    put_u32(word, (uint32_t)n);
    dg_text_add_bytes(png, (const char *)word, 4);
    dg_text_add_bytes(png, kind, 4);
    if (n > 0) {
        dg_text_add_bytes(png, (const char *)bytes, n);
        crc = crc32(crc, bytes, (uInt)n);
    }
    put_u32(word, (uint32_t)crc);
    dg_text_add_bytes(png, (const char *)word, 4);
}

/* Each line after a byte that says it is not filtered. */
static void add_lines(dg_text *png, int height, size_t line, const uint8_t *pixels)
{
    size_t n = (line + 1) * (size_t)height;
    uLongf room = compressBound((uLong)n);
    uint8_t *raw = malloc(n), *packed = malloc(room);
    for (int y = 0; raw && y < height; y++) {
        raw[(line + 1) * (size_t)y] = 0;
        memcpy(raw + (line + 1) * (size_t)y + 1, pixels + line * (size_t)y, line);
    }
    if (raw && packed && compress2(packed, &room, raw, (uLong)n, Z_BEST_COMPRESSION) == Z_OK)
        add_chunk(png, "IDAT", packed, room);
    else
        png->failed = true;
    free(raw);
    free(packed);
}

static void add_base64(dg_text *t, const uint8_t *x, size_t n)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        uint32_t three = (uint32_t)x[i] << 16;
        three |= i + 1 < n ? (uint32_t)x[i + 1] << 8 : 0;
        three |= i + 2 < n ? x[i + 2] : 0;
        char four[4] = {digit[three >> 18], digit[three >> 12 & 63], digit[three >> 6 & 63],
                        digit[three & 63]};
        memset(four + 1 + (n - i < 3 ? n - i : 3), '=', n - i < 3 ? 3 - (n - i) : 0);
        dg_text_add_bytes(t, four, 4);
    }
}

void dg_png_uri(dg_text *t, int width, int height, int channels, const uint8_t *pixels)
{
    dg_text png = dg_text_make(NULL);
    uint8_t head[HEAD] = {[8] = 8, [9] = channels == 1 ? GREY : RGB};
    put_u32(head, (uint32_t)width);
    put_u32(head + 4, (uint32_t)height);
    dg_text_add_bytes(&png, "\x89PNG\r\n\x1a\n", 8);
    add_chunk(&png, "IHDR", head, HEAD);
    add_lines(&png, height, (size_t)width * (size_t)channels, pixels);
    add_chunk(&png, "IEND", NULL, 0);
    dg_text_add(t, "data:image/png;base64,");
    add_base64(t, (const uint8_t *)png.data, png.length);
    t->failed |= png.failed;
    dg_text_free(&png);
}
