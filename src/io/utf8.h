/* Characters of UTF-8 (RFC 3629: no surrogates, nothing overlong, at most 10ffff). */
#ifndef DG_IO_UTF8_H
#define DG_IO_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The character at p, of at most n bytes, to *code; its length, or 0 if it is not valid or n is 0.
 * */
size_t dg_utf8_read(const char *p, size_t n, uint32_t *code);

/* The bytes of a character; their number, 1 to 4. */
size_t dg_utf8_write(uint32_t code, char out[4]);

/* Index of the first byte that is not valid, n if all are. */
size_t dg_utf8_check(const char *p, size_t n);

#endif
