/* libFuzzer target: the reader of chars, with and without a vocabulary. */
#include "fuzz/readers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_read(size % 3 ? "chars" : "chars:ba\xc3\xa9\n", data, size);
}
