/* Aligned memory over the host's two functions. Before each piece lies what is needed to give it
 * back: the host's own pointer and the size that was asked for. */
#define _GNU_SOURCE
#include "base/memory.h"

#include "base/checked.h"
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

enum { ALIGN = 64, LARGE_PAGE = 2 << 20 };

typedef struct {
    void *raw;
    size_t bytes;
} head;

/* Asks for large pages where whole ones lie in a piece: fewer faults, one for each 4 KB else. */
static void use_large_pages(char *p, size_t bytes)
{
#ifdef MADV_HUGEPAGE
    const size_t skip = (LARGE_PAGE - (uintptr_t)p % LARGE_PAGE) % LARGE_PAGE;
    if (bytes >= skip + LARGE_PAGE)
        madvise(p + skip, (bytes - skip) / LARGE_PAGE * LARGE_PAGE, MADV_HUGEPAGE);
#else
    (void)p, (void)bytes;
#endif
}

static void *host_alloc(dg_memory *memory, size_t bytes)
{
    if (memory && memory->alloc)
        return memory->alloc(memory->user, bytes);
    char *p = malloc(bytes);
    if (p)
        use_large_pages(p, bytes);
    return p;
}

static void host_free(dg_memory *memory, void *p)
{
    if (memory && memory->free)
        memory->free(memory->user, p);
    else
        free(p);
}

void *dg_memory_alloc(dg_memory *memory, size_t bytes)
{
    size_t whole;
    if (!dg_add_size(bytes > 0 ? bytes : 1, sizeof(head) + ALIGN - 1, &whole))
        return NULL;
    char *raw = host_alloc(memory, whole);
    if (!raw)
        return NULL;
    uintptr_t first = (uintptr_t)raw + sizeof(head);
    char *p = raw + sizeof(head) + (ALIGN - first % ALIGN) % ALIGN;
    memcpy(p - sizeof(head), &(head){raw, bytes}, sizeof(head));
    if (memory) {
        memory->allocs++;
        memory->bytes += bytes;
        if (memory->peak < memory->bytes)
            memory->peak = memory->bytes;
    }
    return p;
}

void *dg_memory_zeroed(dg_memory *memory, size_t bytes)
{
    void *p = dg_memory_alloc(memory, bytes);
    if (p)
        memset(p, 0, bytes);
    return p;
}

void dg_memory_free(dg_memory *memory, void *p)
{
    if (!p)
        return;
    head h;
    memcpy(&h, (char *)p - sizeof(head), sizeof(head));
    if (memory) {
        memory->frees++;
        memory->bytes -= h.bytes;
    }
    host_free(memory, h.raw);
}
