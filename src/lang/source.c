/* Line maps: byte offset to line and column, by bisection. */
#include "lang/source.h"

#include <string.h>

dg_source dg_source_make(dg_arena *arena)
{
    return (dg_source){.arena = arena, .size = 1}; /* offset 0 is no place */
}

static bool map_lines(dg_source *s, dg_source_text *t)
{
    int n = 1;
    for (int i = 0; i < t->size; i++)
        n += t->text[i] == '\n';
    t->lines = dg_arena_array(s->arena, (size_t)n, sizeof *t->lines);
    if (!t->lines)
        return false;
    t->lines[t->n_lines++] = 0;
    for (int i = 0; i < t->size; i++)
        if (t->text[i] == '\n')
            t->lines[t->n_lines++] = i + 1;
    return true;
}

static bool widen(dg_source *s)
{
    if (s->n < s->room)
        return true;
    int room = s->room ? s->room * 2 : 8;
    dg_source_text *wider = dg_arena_array(s->arena, (size_t)room, sizeof *wider);
    if (!wider)
        return false;
    if (s->n > 0)
        memcpy(wider, s->texts, (size_t)s->n * sizeof *wider);
    s->texts = wider;
    s->room = room;
    return true;
}

int dg_source_add(dg_source *s, const char *name, const char *text, size_t size, bool option)
{
    if (size > (size_t)(DG_SOURCE_MAX - s->size) || !widen(s))
        return -1;
    dg_source_text t = {.name = dg_arena_copy_string(s->arena, name),
                        .text = dg_arena_copy_bytes(s->arena, text, size),
                        .start = s->size,
                        .size = (int)size,
                        .option = option};
    if (!t.name || !t.text || !map_lines(s, &t))
        return -1;
    s->texts[s->n] = t;
    s->size += t.size + 1; /* the ending 0 is a place of its own: the end of the text */
    return s->n++;
}

static const dg_source_text *text_of(const dg_source *s, int offset)
{
    for (int i = 0; i < s->n; i++)
        if (offset >= s->texts[i].start && offset <= s->texts[i].start + s->texts[i].size)
            return &s->texts[i];
    return NULL;
}

static int line_of(const dg_source_text *t, int at)
{
    int low = 0, high = t->n_lines;
    while (high - low > 1) {
        int middle = low + (high - low) / 2;
        if (t->lines[middle] <= at)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Bytes that begin a code point, of the n at p. */
static int code_points(const char *p, int n)
{
    int count = 0;
    for (int i = 0; i < n; i++)
        count += ((unsigned char)p[i] & 0xC0) != 0x80;
    return count;
}

bool dg_source_place(const dg_source *s, int offset, dg_place *place)
{
    const dg_source_text *t = text_of(s, offset);
    if (!t)
        return false;
    int at = offset - t->start, line = line_of(t, at), begin = t->lines[line];
    int end = line + 1 < t->n_lines ? t->lines[line + 1] - 1 : t->size;
    if (end > begin && t->text[end - 1] == '\r')
        end--;
    *place = (dg_place){.text = t,
                        .line = line + 1,
                        .column = code_points(t->text + begin, at - begin) + 1,
                        .begin = t->text + begin,
                        .bytes = end - begin};
    return true;
}

int dg_source_line(const dg_source *s, int offset)
{
    dg_place place;
    return dg_source_place(s, offset, &place) ? place.line : 0;
}

const char *dg_source_bytes(const dg_source *s, dg_span span)
{
    const dg_source_text *t = span.end > 0 ? text_of(s, span.start) : NULL;
    return t ? t->text + (span.start - t->start) : "";
}

int dg_utf8(const char *p, int n)
{
    const unsigned char *u = (const unsigned char *)p;
    int bytes = u[0] < 0x80 ? 1 : u[0] < 0xC2 ? 0 : u[0] < 0xE0 ? 2 : u[0] < 0xF0 ? 3 : 4;
    if (u[0] > 0xF4 || bytes > n)
        return 0;
    for (int i = 1; i < bytes; i++)
        if ((u[i] & 0xC0) != 0x80)
            return 0;
    /* overlong forms, surrogates, and what lies above U+10FFFF */
    if ((u[0] == 0xE0 && u[1] < 0xA0) || (u[0] == 0xED && u[1] > 0x9F) ||
        (u[0] == 0xF0 && u[1] < 0x90) || (u[0] == 0xF4 && u[1] > 0x8F))
        return 0;
    return bytes;
}
