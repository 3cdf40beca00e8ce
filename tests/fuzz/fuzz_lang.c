/* libFuzzer target of the model language.
 *
 *     clang -fsanitize=fuzzer,address,undefined ... tests/fuzz/fuzz_lang.c
 *     ./fuzz_lang corpus/ tests/lang/cases/           (the cases are its seeds) */
#include "lang/fuzz.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dg_fuzz_lang((const char *)data, size);
    return 0;
}
