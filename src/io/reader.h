/* Bytes in, one after the other, from a file, a pipe or memory; gz is inflated on the way.
 *
 * gz is known by its magic (1f 8b), whatever the name; several members in a row are one stream; CRC
 * and length are checked, bytes after the last member refused. At most 256 times the compressed
 * size plus 16 MiB is inflated, so a small file cannot ask for much memory. The first failure
 * sticks: later calls return it. It is DG_EDATA with the file's name and the byte, or DG_EFILE,
 * DG_EMEMORY. */
#ifndef DG_IO_READER_H
#define DG_IO_READER_H

#include <dagrad/status.h>
#include <stddef.h>
#include <stdint.h>

enum { DG_GZ_RATIO = 256, DG_GZ_FREE = 16 << 20 };
enum { DG_READ_RAW = 1 }; /* never inflate: for formats whose first bytes may look like gz */

typedef struct dg_reader dg_reader;

/* path "-": standard input, read to its end first. why is kept, and may be NULL. */
dg_status dg_reader_open(dg_reader **r, const char *path, int flags, dg_diag *why);
/* n bytes of the caller's, which must outlive the reader. name: for messages. */
dg_status dg_reader_memory(dg_reader **r, const void *bytes, size_t n, const char *name, int flags,
                           dg_diag *why);
void dg_reader_close(dg_reader *r); /* NULL allowed */

const char *dg_reader_name(const dg_reader *r);
dg_diag *dg_reader_diag(dg_reader *r);
uint64_t dg_reader_at(const dg_reader *r); /* decoded bytes taken so far */
/* Most bytes that can still follow: exact if the file is not gz, else what the limit leaves. What a
 * header claims is compared with this before memory is taken. */
uint64_t dg_reader_left(const dg_reader *r);

/* The next n bytes, all of them; a file that ends before is DG_EDATA. */
dg_status dg_reader_get(dg_reader *r, void *to, size_t n);
/* Up to n bytes; *got < n only at the end. */
dg_status dg_reader_some(dg_reader *r, void *to, size_t n, size_t *got);
/* Everything that follows, and a 0 after it that does not count; *bytes is to be freed. */
dg_status dg_reader_rest(dg_reader *r, char **bytes, size_t *n);
/* Nothing follows, and the CRC was right: else DG_EDATA. Every reader of a format ends with it. */
dg_status dg_reader_end(dg_reader *r);

/* The first bytes of the file, up to 64 KiB, while none was taken; of gz none. Returns their
 * number. */
size_t dg_reader_peek(const dg_reader *r, const void **bytes);

/* Records DG_EDATA of the file as a whole. */
dg_status dg_reader_refuse(dg_reader *r, const char *what);
/* Records DG_EDATA at byte `at` of the decoded file: "byte 16: ..." */
dg_status dg_reader_fail(dg_reader *r, uint64_t at, const char *format, ...) DG_PRINTF(3, 4);
dg_status dg_reader_status(const dg_reader *r);

#endif
