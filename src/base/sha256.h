/* SHA-256 (FIPS 180-4). */
#ifndef DG_BASE_SHA256_H
#define DG_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

typedef struct dg_sha256 {
    uint32_t h[8];
    uint64_t bytes; /* taken so far */
    uint8_t block[64];
} dg_sha256;

enum { DG_SHA256_BYTES = 32, DG_SHA256_TEXT = 65 };

void dg_sha256_start(dg_sha256 *s);

/* Takes the next n bytes; any number of calls. data may be NULL when n is 0. */
void dg_sha256_add(dg_sha256 *s, const void *data, size_t n);

/* Writes the hash; s is used up. */
void dg_sha256_end(dg_sha256 *s, uint8_t hash[DG_SHA256_BYTES]);

/* A hash as 64 lower case hexadecimal digits, ended by 0; returns text. */
char *dg_sha256_text(const uint8_t hash[DG_SHA256_BYTES], char text[DG_SHA256_TEXT]);

#endif
