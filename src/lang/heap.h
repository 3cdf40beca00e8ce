/* Memory of a model while it is read: an arena, a table of names, growing lists.
 *
 * Nothing here returns NULL: without memory it jumps back to dg_heap_try, so the code in between
 * need not ask after each piece. Everything lies in the arena. */
#ifndef DG_LANG_HEAP_H
#define DG_LANG_HEAP_H

#include "base/arena.h"
#include <dagrad/status.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct dg_heap {
    dg_arena arena;
    jmp_buf *out;
} dg_heap;

/* Does work(arg), inside which alone the functions below may be called. False: it ran out of
 * memory, and what it had made so far lies in the arena. */
bool dg_heap_try(dg_heap *p, void (*work)(void *), void *arg);

/* Leaves dg_heap_try. */
_Noreturn void dg_heap_fail(dg_heap *p);

/* Zeroed memory. */
void *dg_heap_take(dg_heap *p, size_t count, size_t bytes);

/* A list of n pieces with room for one more: itself, or a copy twice as large. */
void *dg_heap_grow(dg_heap *p, void *list, int n, int *room, size_t bytes);

char *dg_heap_copy(dg_heap *p, const char *text, size_t n);
char *dg_heap_printf(dg_heap *p, const char *format, ...) DG_PRINTF(2, 3);

/* Names to pointers. Start from a zeroed struct. */
typedef struct dg_dict {
    struct dg_dict_entry {
        const char *name; /* NULL: free */
        void *what;
    } * entries;        /* room of them: a power of two, linear probing */
    const char **order; /* the n names as they came */
    int n, room, order_room;
} dg_dict;

/* The pointer kept under a name, NULL if none. */
void *dg_dict_find(const dg_dict *t, const char *name);

/* Keeps what (not NULL) under a name, in the place of an older one. The name is not copied. */
void dg_dict_put(dg_heap *p, dg_dict *t, const char *name, void *what);

/* Adds one to the count kept under a name and returns it: 1, 2, ... */
int dg_dict_count(dg_heap *p, dg_dict *t, const char *name);

#endif
