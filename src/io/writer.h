/* Bytes out, all or nothing: whatever happens, at any moment, path holds the old file or the new
 * one, whole.
 *
 * The bytes go to the temporary file .NAME.tmp in the same folder (locked, so that two processes
 * cannot write it; one that a killed process left is replaced). dg_writer_end then flushes it to
 * the disk, reads it back and compares, renames it, and flushes the folder. A new file's mode
 * follows the umask, a replaced file keeps its mode. A symbolic link is followed: the file that it
 * names is replaced. A path that is not a regular file (/dev/null, a pipe), or "-" for standard
 * output, is written as it is.
 *
 * After a failed flush nothing is tried again: the temporary is removed and the old file stays. The
 * first failure sticks; it is DG_EFILE with the file's name and the system's reason. */
#ifndef DG_IO_WRITER_H
#define DG_IO_WRITER_H

#include "base/text.h"
#include <stddef.h>
#include <stdint.h>

typedef struct dg_writer dg_writer;

/* why is kept, and may be NULL. */
dg_status dg_writer_open(dg_writer **w, const char *path, dg_diag *why);
/* A writer into a text, which is not freed with it. */
dg_status dg_writer_to_text(dg_writer **w, dg_text *to, dg_diag *why);
dg_status dg_writer_put(dg_writer *w, const void *bytes, size_t n);
dg_status dg_writer_print(dg_writer *w, const char *format, ...) DG_PRINTF(2, 3);
dg_diag *dg_writer_diag(dg_writer *w);
uint64_t dg_writer_at(const dg_writer *w); /* bytes put so far */

/* Ends and frees w. so_far DG_OK: the new file takes its place. Else, or if a put had failed: path
 * is as it was, the temporary is gone. Returns the first failure. w NULL: so_far. */
dg_status dg_writer_end(dg_writer *w, dg_status so_far);

/* A whole file at once. */
dg_status dg_file_write(const char *path, const void *bytes, size_t n, dg_diag *why);

#endif
