/* Pictures decoded ahead, by a thread of its own, where an album is larger than its memory. */
#ifndef DG_IO_AHEAD_H
#define DG_IO_AHEAD_H

#include "io/album.h"

typedef struct dg_ahead dg_ahead;

/* At most `memory` bytes of pictures wait to be taken, at least 64 pictures. NULL: out of memory.
 * The album outlives it. */
dg_ahead *dg_ahead_new(const dg_album *a, int64_t memory);
void dg_ahead_free(dg_ahead *h); /* NULL allowed */

/* Picture i will be taken, after those named before. */
void dg_ahead_want(dg_ahead *h, int64_t i);
/* Takes picture i: decoded already, or waited for, or decoded now. */
dg_status dg_ahead_take(dg_ahead *h, int64_t i, uint8_t *out, dg_diag *why);

#endif
