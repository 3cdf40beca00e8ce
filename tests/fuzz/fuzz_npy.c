/* libFuzzer target: the reader of npy. */
#include "fuzz/readers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_read("npy", data, size);
}
