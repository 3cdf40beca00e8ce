/* libFuzzer target: the reader of csv. */
#include "fuzz/readers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_read("csv", data, size);
}
