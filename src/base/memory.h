/* Where memory comes from: a pair of functions that the host gives, or malloc and free.
 *
 * One dg_memory serves one handle and is used by one thread at a time. It counts what passes
 * through it, so that a caller, or a test, can see that all was given back and that a step
 * allocates nothing. Start from a zeroed struct: that is malloc and free. */
#ifndef DG_BASE_MEMORY_H
#define DG_BASE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

typedef struct dg_memory {
    void *user;                     /* passed to both functions */
    void *(*alloc)(void *, size_t); /* as malloc; NULL: malloc */
    void (*free)(void *, void *);   /* as free, never called with NULL; NULL: free */
    size_t bytes, peak;             /* asked for and not given back yet; the most there were */
    uint64_t allocs, frees;         /* successful calls */
} dg_memory;

/* bytes of memory at a multiple of 64, not cleared; 0 bytes are one byte. NULL when there is none.
 * memory NULL: malloc, not counted. */
void *dg_memory_alloc(dg_memory *memory, size_t bytes);

/* The same, all zero. */
void *dg_memory_zeroed(dg_memory *memory, size_t bytes);

/* Gives back what dg_memory_alloc on the same memory gave; NULL is allowed. */
void dg_memory_free(dg_memory *memory, void *p);

#endif
