/* What the tests of io/ share: readers by name, bytes in memory, a folder of their own. */
#ifndef DG_TESTS_IO_TOOLS_H
#define DG_TESTS_IO_TOOLS_H

#include "base/text.h"
#include "io/array.h"
#include "io/file.h"

/* Reads bytes as a format: "idx", "csv" (all columns), "csv:a,b" (these), "npy", "npz" (the only
 * array), "npz:NAME", "chars", "chars:VOCABULARY", "safetensors" (out: the first tensor). */
dg_status io_read(const char *format, const void *bytes, size_t n, dg_array *out, dg_diag *why);

/* An NPY file of this version (1 to 3), dict and n bytes after it (NULL: zeros). */
void io_npy(int version, const char *dict, const char *bytes, size_t n, dg_text *out);

/* A safetensors file of this header and n zeros after it. */
void io_safetensors(const char *header, size_t n, dg_text *out);

/* Bytes as gz; level 0 to 9. */
void io_gz(const void *bytes, size_t n, int level, dg_text *out);

/* A new empty folder below $TMPDIR or /tmp; io_folder_remove takes it away with the files in it. */
void io_folder_make(char path[64]);
void io_folder_remove(const char *path);
/* FOLDER/NAME in room, which it returns. */
const char *io_path(const char *folder, const char *name, char room[200]);
/* Files in it, and how many of them are temporaries (their names begin with "."). */
int io_folder_count(const char *path, int *temporaries);

/* The bytes of a file, as a text; failed if it cannot be read. */
dg_text io_bytes(const char *path);
void io_write(const char *path, const void *bytes, size_t n);

dg_shape io_shape(int rank, int64_t a, int64_t b, int64_t c);
/* An array of this shape with numbers 0, 1, 2, ... (times 1/8 for real types). */
dg_array io_count(dg_type type, dg_shape shape);

#endif
