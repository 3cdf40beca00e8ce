/* What the fuzzers of the readers share. */
#ifndef DG_TESTS_FUZZ_READERS_H
#define DG_TESTS_FUZZ_READERS_H

#include <stddef.h>
#include <stdint.h>

/* libFuzzer's: what it calls, and what it lends to mutators. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);

/* Reads data as a format of io_read, and stops the process where an array that was read is not
 * whole, or a refusal is without a reason. Returns 0. */
int fuzz_read(const char *format, const uint8_t *data, size_t size);

extern volatile double fuzz_sink; /* where the elements that were read go */

#endif
