/* A bump arena: blocks that double from 4 KiB to 1 MiB; a large piece gets a block of its size. */
#include "base/arena.h"

#include "base/checked.h"
#include <string.h>

enum { FIRST = 4096, LARGEST = 1 << 20, ALIGN = 16 };

struct dg_arena_block {
    dg_arena_block *older;
    size_t size, used; /* of the bytes after this head */
};

/* The head is padded so that pieces after it keep their alignment. */
enum { HEAD = (sizeof(dg_arena_block) + ALIGN - 1) / ALIGN * ALIGN };

dg_arena dg_arena_make(dg_memory *memory)
{
    return (dg_arena){.memory = memory};
}

static bool add_block(dg_arena *arena, size_t least)
{
    size_t size = arena->block ? arena->block->size * 2 : FIRST;
    if (size > LARGEST)
        size = LARGEST;
    if (size < least)
        size = least;
    size_t whole;
    if (!dg_add_size(size, HEAD, &whole))
        return false;
    dg_arena_block *block = dg_memory_alloc(arena->memory, whole);
    if (!block)
        return false;
    *block = (dg_arena_block){.older = arena->block, .size = size};
    arena->block = block;
    return true;
}

void *dg_arena_alloc(dg_arena *arena, size_t bytes)
{
    size_t size;
    if (!dg_align_size(bytes > 0 ? bytes : 1, ALIGN, &size))
        return NULL;
    dg_arena_block *block = arena->block;
    if (!block || block->size - block->used < size) {
        if (!add_block(arena, size))
            return NULL;
        block = arena->block;
    }
    char *p = (char *)block + HEAD + block->used;
    block->used += size;
    return memset(p, 0, size);
}

void *dg_arena_array(dg_arena *arena, size_t count, size_t bytes)
{
    size_t whole;
    return dg_mul_size(count, bytes, &whole) ? dg_arena_alloc(arena, whole) : NULL;
}

char *dg_arena_copy_bytes(dg_arena *arena, const char *text, size_t n)
{
    size_t whole;
    char *copy = dg_add_size(n, 1, &whole) ? dg_arena_alloc(arena, whole) : NULL;
    return copy && n > 0 ? memcpy(copy, text, n) : copy;
}

char *dg_arena_copy_string(dg_arena *arena, const char *text)
{
    return dg_arena_copy_bytes(arena, text, strlen(text));
}

void dg_arena_free(dg_arena *arena)
{
    while (arena->block) {
        dg_arena_block *older = arena->block->older;
        dg_memory_free(arena->memory, arena->block);
        arena->block = older;
    }
}
