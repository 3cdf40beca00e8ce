/* Named tensors and notes (text by key) in one safetensors file.
 *
 * Read: F32, F64, I32, U8 and BOOL as they are; F16, BF16 become DG_F32, I64 (must fit) DG_I32.
 * Refused: a header over 100 MB, keys twice, nesting deeper than the format's, offsets that overlap
 * or leave holes, a size that is not that of shape and type, bytes after the last tensor. */
#ifndef DG_IO_SAFETENSORS_H
#define DG_IO_SAFETENSORS_H

#include "io/array.h"
#include "io/reader.h"
#include "io/writer.h"

enum { DG_SAFETENSORS_HEADER = 100000000 };

typedef struct {
    char *name;
    dg_tensor tensor;
    const char *dtype; /* as the file that was read has it: "F16"; else NULL */
} dg_named;

typedef struct {
    char *key, *text;
} dg_note;

/* In a struct that a reader filled, names, notes and data are its own. To write, a caller may point
 * anywhere and free nothing. */
typedef struct {
    int n, n_notes;
    dg_named *tensor;
    dg_note *note;
} dg_tensors;

/* Open with DG_READ_RAW. Tensors come in the order of the file. *sealed (may be NULL): 1 if the
 * file carries dagrad's checksum; a wrong one is DG_EDATA. */
dg_status dg_safetensors_read(dg_reader *r, dg_tensors *out, int *sealed);
void dg_tensors_free(dg_tensors *t); /* of one that was read */

/* Tensors are ordered by the size of their elements, then by name, as the reference implementation
 * does. The first note is the checksum "dagrad.sha256": SHA-256 of the whole file, the digest
 * itself counted as 64 zeros. Names and keys must be UTF-8 and differ: else DG_EUSAGE. */
dg_status dg_safetensors_write(dg_writer *w, const dg_tensors *t);

const dg_tensor *dg_tensors_find(const dg_tensors *t, const char *name); /* NULL: none */
const char *dg_tensors_note(const dg_tensors *t, const char *key);       /* NULL: none */

#endif
