/* Arena, lists and a table of names (FNV-1a, open addressing). */
#include "lang/heap.h"

#include "base/text.h"
#include <limits.h>
#include <string.h>

bool dg_heap_try(dg_heap *p, void (*work)(void *), void *arg)
{
    jmp_buf out;
    p->out = &out;
    if (setjmp(out) != 0)
        return false;
    work(arg);
    return true;
}

_Noreturn void dg_heap_fail(dg_heap *p)
{
    longjmp(*p->out, 1);
}

void *dg_heap_take(dg_heap *p, size_t count, size_t bytes)
{
    void *memory = dg_arena_array(&p->arena, count, bytes);
    if (!memory)
        dg_heap_fail(p);
    return memory;
}

void *dg_heap_grow(dg_heap *p, void *list, int n, int *room, size_t bytes)
{
    if (n < *room)
        return list;
    if (*room > INT_MAX / 2)
        dg_heap_fail(p);
    int wider = *room ? *room * 2 : 8;
    void *copy = dg_heap_take(p, (size_t)wider, bytes);
    if (n > 0)
        memcpy(copy, list, (size_t)n * bytes);
    *room = wider;
    return copy;
}

char *dg_heap_copy(dg_heap *p, const char *text, size_t n)
{
    char *copy = dg_arena_copy_bytes(&p->arena, text, n);
    if (!copy)
        dg_heap_fail(p);
    return copy;
}

char *dg_heap_printf(dg_heap *p, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = dg_vformat(NULL, 0, format, args);
    va_end(args);
    if (n < 0)
        dg_heap_fail(p);
    char *text = dg_heap_take(p, (size_t)n + 1, 1);
    va_start(args, format);
    dg_vformat(text, (size_t)n + 1, format, args);
    va_end(args);
    return text;
}

static uint32_t hash(const char *name)
{
    uint32_t h = 2166136261u;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 16777619u;
    return h;
}

/* The entry of a name, or the free one where it would be; the table is never full. */
static struct dg_dict_entry *slot(const dg_dict *t, const char *name)
{
    uint32_t mask = (uint32_t)t->room - 1, i = hash(name) & mask;
    while (t->entries[i].name && strcmp(t->entries[i].name, name) != 0)
        i = (i + 1) & mask;
    return &t->entries[i];
}

void *dg_dict_find(const dg_dict *t, const char *name)
{
    return t->room ? slot(t, name)->what : NULL;
}

static void widen(dg_heap *p, dg_dict *t)
{
    dg_dict wider = *t;
    if (t->room > INT_MAX / 2)
        dg_heap_fail(p);
    wider.room = t->room ? t->room * 2 : 16;
    wider.entries = dg_heap_take(p, (size_t)wider.room, sizeof *wider.entries);
    for (int i = 0; i < t->room; i++)
        if (t->entries[i].name)
            *slot(&wider, t->entries[i].name) = t->entries[i];
    *t = wider;
}

void dg_dict_put(dg_heap *p, dg_dict *t, const char *name, void *what)
{
    if (t->n >= t->room / 2)
        widen(p, t);
    struct dg_dict_entry *e = slot(t, name);
    if (!e->name) {
        t->order = dg_heap_grow(p, t->order, t->n, &t->order_room, sizeof *t->order);
        t->order[t->n++] = name;
    }
    *e = (struct dg_dict_entry){name, what};
}

int dg_dict_count(dg_heap *p, dg_dict *t, const char *name)
{
    int *count = dg_dict_find(t, name);
    if (!count) {
        count = dg_heap_take(p, 1, sizeof *count);
        dg_dict_put(p, t, name, count);
    }
    return ++*count;
}
