/* libFuzzer target: pictures, PNG and JPEG, as colours at a size or as masks. The CRCs of PNG are
 * set right after half of the changes, so that they reach what is after them. */
#include "fuzz/readers.h"

#include "io/picture.h"
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const dg_picture_form form = {.height = size % 2 ? 5 : 0,
                                  .width = size % 2 ? 7 : 0,
                                  .channels = size % 3 == 1 ? 3 : 1,
                                  .index = size % 3 == 2};
    char reason[DG_PICTURE_REASON];
    dg_picture p;
    if (dg_picture_read(data, size, &form, &p, reason)) {
        fuzz_sink = p.bytes[p.height * p.width * p.channels - 1];
        free(p.bytes);
    } else if (!*reason || p.bytes)
        abort();
    return 0;
}

static uint32_t number(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    size = LLVMFuzzerMutate(data, size, most);
    for (size_t at = 8; seed & 1 && at + 12 <= size;) {
        size_t n = number(data + at);
        if (n > size - at - 12)
            break;
        unsigned long crc = crc32(crc32(0, NULL, 0), data + at + 4, (uInt)n + 4);
        for (int i = 0; i < 4; i++)
            data[at + 8 + n + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
        at += 12 + n;
    }
    return size;
}
