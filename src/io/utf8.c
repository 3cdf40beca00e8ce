/* Characters of UTF-8. */
#include "io/utf8.h"

size_t dg_utf8_read(const char *p, size_t n, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *u = (const unsigned char *)p;
    if (n == 0)
        return 0;
    size_t length = u[0] < 0x80   ? 1
                    : u[0] < 0xc0 ? 0
                    : u[0] < 0xe0 ? 2
                    : u[0] < 0xf0 ? 3
                    : u[0] < 0xf8 ? 4
                                  : 0;
    if (length == 0 || length > n)
        return 0;
    uint32_t x = length == 1 ? u[0] : u[0] & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        if ((u[i] & 0xc0) != 0x80)
            return 0;
        x = x << 6 | (u[i] & 0x3f);
    }
    if (x < least[length] || x > 0x10ffff || (x >= 0xd800 && x < 0xe000))
        return 0;
    *code = x;
    return length;
}

size_t dg_utf8_write(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)(0xf00 >> length | code);
    return length;
}

size_t dg_utf8_check(const char *p, size_t n)
{
    uint32_t code;
    for (size_t i = 0, k; i < n; i += k) {
        k = dg_utf8_read(p + i, n - i, &code);
        if (k == 0)
            return i;
    }
    return n;
}
