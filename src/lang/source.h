/* The text a model was made of: its file, and after it the texts of the options that change it.
 *
 * All texts share one range of byte offsets, from 1, so a span says which text it is in, and a
 * value of the graph needs two numbers only to point at its line. */
#ifndef DG_LANG_SOURCE_H
#define DG_LANG_SOURCE_H

#include "base/arena.h"
#include <stdbool.h>

enum { DG_SOURCE_MAX = 1 << 24 }; /* bytes of all texts together: 16 MiB */

/* Bytes start to end-1. No place at all: end 0. */
typedef struct dg_span {
    int start, end;
} dg_span;

typedef struct dg_source_text {
    const char *name; /* "fashion.dag", or of an option: "--set" */
    const char *text; /* ended by 0 */
    int start, size;  /* offset of its first byte; bytes, without the 0 */
    bool option;      /* one short line: messages leave out line and column */
    int *lines;       /* offsets in text of the first byte of each line */
    int n_lines;
} dg_source_text;

typedef struct dg_source {
    dg_arena *arena; /* the caller's: holds all of it */
    dg_source_text *texts;
    int n, room, size; /* size: first free offset */
} dg_source;

/* A place as a reader counts it. column counts code points, from 1. */
typedef struct dg_place {
    const dg_source_text *text;
    int line, column;
    const char *begin; /* the line itself, without its newline */
    int bytes;
} dg_place;

dg_source dg_source_make(dg_arena *arena);

/* Adds a text (copied). Returns its index, or -1: out of memory, or more than DG_SOURCE_MAX. */
int dg_source_add(dg_source *s, const char *name, const char *text, size_t size, bool option);

/* The place of an offset; false if no text holds it. */
bool dg_source_place(const dg_source *s, int offset, dg_place *place);

/* Line number of an offset, from 1; 0 if no text holds it. */
int dg_source_line(const dg_source *s, int offset);

/* The bytes of a span; "" for none. */
const char *dg_source_bytes(const dg_source *s, dg_span span);

/* Bytes of the code point at p, of which n > 0 bytes are there; 0 if that is not UTF-8. */
int dg_utf8(const char *p, int n);

#endif
