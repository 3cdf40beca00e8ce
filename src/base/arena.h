/* Memory for things that live and die together: the nodes of a graph, a syntax tree.
 *
 * Pieces are cut from blocks one after the other and are never given back alone. They stay where
 * they are until dg_arena_free. Start from dg_arena_make. */
#ifndef DG_BASE_ARENA_H
#define DG_BASE_ARENA_H

#include "base/memory.h"
#include <stddef.h>

typedef struct dg_arena_block dg_arena_block;

typedef struct dg_arena {
    dg_memory *memory;     /* the caller's, must outlive the arena; NULL: malloc */
    dg_arena_block *block; /* the newest one */
} dg_arena;

dg_arena dg_arena_make(dg_memory *memory);

/* bytes of zeroed memory at a multiple of 16; 0 bytes are one byte. NULL when there is none. */
void *dg_arena_alloc(dg_arena *arena, size_t bytes);

/* count pieces of bytes each, as one; NULL also when their product does not fit. */
void *dg_arena_array(dg_arena *arena, size_t count, size_t bytes);

/* A copy of text, or of its first n bytes (all of which must be there), ended by 0. */
char *dg_arena_copy_string(dg_arena *arena, const char *text);
char *dg_arena_copy_bytes(dg_arena *arena, const char *text, size_t n);

/* Gives everything back; the arena is then as new. */
void dg_arena_free(dg_arena *arena);

#endif
