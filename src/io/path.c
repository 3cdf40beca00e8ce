/* Paths: bytes of any kind, as text. */
#include "io/file.h"

#include "io/utf8.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *dg_path_encode(const char *path)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t n = strlen(path);
    char *text = n < SIZE_MAX / 3 ? malloc(3 * n + 1) : NULL, *to = text;
    for (size_t i = 0; text && i < n;) {
        uint32_t code;
        size_t k = dg_utf8_read(path + i, n - i, &code);
        if (k > 0 && path[i] != '%') {
            memcpy(to, path + i, k);
            to += k;
            i += k;
        } else {
            unsigned char byte = (unsigned char)path[i++];
            *to++ = '%';
            *to++ = hex[byte >> 4];
            *to++ = hex[byte & 15];
        }
    }
    if (text)
        *to = 0;
    return text;
}

static int digit(char c)
{
    static const char hex[] = "0123456789ABCDEF";
    const char *at = c ? strchr(hex, c) : NULL;
    return at ? (int)(at - hex) : -1;
}

char *dg_path_decode(const char *text)
{
    char *path = strdup(text), *to = path;
    for (const char *p = path; p && *p; to++) {
        int high = *p == '%' ? digit(p[1]) : -1, low = high >= 0 ? digit(p[2]) : -1;
        *to = low >= 0 && high + low > 0 ? (char)(16 * high + low) : *p;
        p += low >= 0 && high + low > 0 ? 3 : 1;
    }
    if (path)
        *to = 0;
    return path;
}

const char *dg_path_shown(const char *path, char room[DG_PATH_SHOWN])
{
    enum { HEAD = 80, TAIL = DG_PATH_SHOWN - HEAD - 4 };
    size_t n = strlen(path);
    if (n < DG_PATH_SHOWN)
        return path;
    size_t head = HEAD, tail = n - TAIL; /* neither cuts a character of UTF-8 */
    while (head > 0 && ((unsigned char)path[head] & 0xc0) == 0x80)
        head--;
    while (path[tail] && ((unsigned char)path[tail] & 0xc0) == 0x80)
        tail++;
    snprintf(room, DG_PATH_SHOWN, "%.*s...%s", (int)head, path, path + tail);
    return room;
}
