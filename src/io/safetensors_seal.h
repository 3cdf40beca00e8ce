/* The checksum of a safetensors file of dagrad: its first note, SHA-256 of the whole file, the
 * digest itself counted as 64 zeros. Other tools read the file as any other. */
#ifndef DG_IO_SAFETENSORS_SEAL_H
#define DG_IO_SAFETENSORS_SEAL_H

#include "base/sha256.h"
#include "io/safetensors.h"

/* Where the DG_SEAL_HEX digits stand in a header that carries them. */
enum { DG_SEAL_AT = 34, DG_SEAL_HEX = 64 };

extern const char dg_seal_begin[DG_SEAL_AT + 1]; /* such a header begins so */
extern const char dg_seal_key[], dg_metadata_key[];

/* Of length, header and elements in this order (NULL: as they come). */
void dg_seal_digest(const char *text, size_t length, const dg_tensors *t, const int *order,
                    char hex[DG_SHA256_TEXT]);

#endif
