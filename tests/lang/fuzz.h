/* One input of the language's fuzzer: see tests/fuzz/fuzz_lang.c. */
#ifndef DG_TESTS_LANG_FUZZ_H
#define DG_TESTS_LANG_FUZZ_H

#include <stddef.h>

/* Reads the bytes as a model (up to a byte 1, if there is one; after it an option), prints its
 * messages, and writes it back if it has none. Aborts where something that must hold does not. */
void dg_fuzz_lang(const char *data, size_t size);

#endif
