/* libFuzzer target: the reader of IDX, also within gz. A flipped bit of a gz file breaks its CRC,
 * so half of the changes are made to what it holds, which is then packed again. */
#include "fuzz/readers.h"

#include "io/io_tools.h"
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_read("idx", data, size);
}

enum { ROOM = 1 << 16 };

/* Inflated to room; 0 if it is not a gz file, or too large. */
static size_t unpack(const uint8_t *data, size_t size, uint8_t *room)
{
    z_stream z = {.next_in = (z_const Bytef *)data, .avail_in = (uInt)size};
    z.next_out = room;
    z.avail_out = ROOM;
    if (inflateInit2(&z, 15 + 16) != Z_OK)
        return 0;
    int code = inflate(&z, Z_FINISH);
    inflateEnd(&z);
    return code == Z_STREAM_END ? z.total_out : 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    static uint8_t room[ROOM];
    size_t n = seed & 1 ? unpack(data, size, room) : 0;
    if (n == 0)
        return LLVMFuzzerMutate(data, size, most);
    dg_text gz = dg_text_make(NULL);
    n = LLVMFuzzerMutate(room, n, ROOM);
    io_gz(room, n, (int)(seed >> 1) % 10, &gz);
    if (gz.length <= most) {
        memcpy(data, gz.data, gz.length);
        size = gz.length;
    }
    dg_text_free(&gz);
    return size;
}
