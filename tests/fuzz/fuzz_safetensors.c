/* libFuzzer target: the reader of safetensors. Half of the changes are made to the header alone,
 * whose length is then set right, so that they reach what is after the JSON. */
#include "fuzz/readers.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_read("safetensors", data, size);
}

enum { ROOM = 1 << 16 };

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    static uint8_t room[ROOM];
    uint64_t length = 0;
    for (size_t i = 8; size >= 8 && i-- > 0;)
        length = length << 8 | data[i];
    if (!(seed & 1) || size < 8 || length > size - 8 || size > ROOM / 2)
        return LLVMFuzzerMutate(data, size, most);
    size_t rest = size - 8 - (size_t)length;
    memcpy(room, data + 8, (size_t)length);
    length = LLVMFuzzerMutate(room, (size_t)length, ROOM / 2);
    if (8 + length + rest > most)
        return size;
    memmove(data + 8 + length, data + size - rest, rest);
    memcpy(data + 8, room, length);
    for (int i = 0; i < 8; i++)
        data[i] = (uint8_t)(length >> 8 * i);
    return 8 + (size_t)length + rest;
}
