/* The one place where a message gets its look. */
#include "lang/diag.h"

#include <limits.h>
#include <string.h>

enum { WIDTH = 100 }; /* code points of a source line that are shown */

typedef struct {
    const char *bold, *red, *green, *off;
} palette;

dg_diags dg_diags_make(dg_memory *memory, const dg_source *source)
{
    return (dg_diags){.arena = dg_arena_make(memory), .source = source};
}

void dg_diags_free(dg_diags *d)
{
    dg_arena_free(&d->arena);
    *d = (dg_diags){.arena = d->arena};
}

/* ---- Collecting ----------------------------------------------------------------------------- */

static bool equal(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool known(const dg_diags *d, const dg_message *m)
{
    for (int i = 0; i < d->n; i++) {
        const dg_message *k = &d->messages[i];
        if (k->at.start == m->at.start && k->at.end == m->at.end && k->line == m->line &&
            equal(k->found, m->found) && equal(k->file, m->file))
            return true;
    }
    return false;
}

static const char *copy(dg_diags *d, const char *text)
{
    char *c = text ? dg_arena_copy_string(&d->arena, text) : NULL;
    d->failed |= text && !c;
    return c;
}

static int order(const dg_message *m)
{
    return m->at.end > 0 ? m->at.start : INT_MAX;
}

void dg_diags_add(dg_diags *d, const dg_message *m)
{
    if (!d->messages)
        d->messages = dg_arena_array(&d->arena, DG_DIAGS_KEPT + 1, sizeof *d->messages);
    if (!d->messages) {
        d->failed = true;
        return;
    }
    if (known(d, m))
        return;
    int at = d->n;
    while (at > 0 && order(&d->messages[at - 1]) > order(m))
        at--;
    if (at == DG_DIAGS_KEPT)
        return;
    memmove(&d->messages[at + 1], &d->messages[at], (size_t)(d->n - at) * sizeof *m);
    d->messages[at] = *m;
    d->messages[at].file = copy(d, m->file);
    d->messages[at].found = copy(d, m->found);
    d->messages[at].suggest = copy(d, m->suggest);
    d->messages[at].fits = copy(d, m->fits);
    if (d->n < DG_DIAGS_KEPT)
        d->n++;
}

void dg_diags_at(dg_diags *d, dg_span at, const char *suggest, const char *fits, const char *found,
                 ...)
{
    dg_text text = dg_text_make(d->arena.memory);
    va_list args;
    va_start(args, found);
    dg_text_vprintf(&text, found, args);
    va_end(args);
    d->failed |= text.failed;
    dg_message m = {
        .code = DG_EMODEL, .at = at, .found = text.data, .suggest = suggest, .fits = fits};
    dg_diags_add(d, &m);
    dg_text_free(&text);
}

/* "named in a.dag:6", for a place elsewhere that the model names; "" if it does not. */
static void named_in(const dg_diags *d, dg_span at, char *text, size_t n)
{
    dg_place place;
    *text = 0;
    if (at.end > 0 && d->source && dg_source_place(d->source, at.start, &place))
        dg_format(text, n, "named in %.200s:%d", place.text->name, place.line);
}

void dg_diags_failure(dg_diags *d, const dg_diag *why, dg_span at)
{
    char named[256];
    dg_message m = {.code = why->code, .at = at, .found = why->text};
    if (why->end > 0)
        m.at = (dg_span){why->start, why->end};
    if (why->file[0]) {
        named_in(d, m.at, named, sizeof named);
        m.at = (dg_span){0, 0};
        m.file = why->file;
        m.line = why->line;
        m.fits = *named ? named : NULL;
    }
    if (!m.found[0])
        m.found = dg_status_text(why->code);
    dg_diags_add(d, &m);
}

dg_status dg_diags_status(const dg_diags *d)
{
    if (d->failed)
        return DG_EMEMORY;
    return d->n ? d->messages[0].code : DG_OK;
}

/* ---- Looking --------------------------------------------------------------------------------- */

void dg_diags_look(const dg_diags *d, int k, dg_diag *diag)
{
    dg_place at;
    const dg_message *m = &d->messages[k];
    const char *file = m->file, *fits = m->fits ? m->fits : "";
    *diag = (dg_diag){.code = m->code, .line = (int)m->line};
    if (m->at.end > 0 && d->source && dg_source_place(d->source, m->at.start, &at)) {
        file = at.text->name;
        diag->line = at.line;
        diag->column = at.column;
        diag->start = m->at.start - at.text->start;
        diag->end = m->at.end - at.text->start;
    } else if (!file && d->source && d->source->n > 0)
        file = d->source->texts[0].name;
    dg_format(diag->file, sizeof diag->file, "%s", file ? file : "");
    dg_format(diag->text, sizeof diag->text, "%.400s%s%.80s%s%s%.*s", m->found,
              m->suggest ? ", did you mean '" : "", m->suggest ? m->suggest : "",
              m->suggest ? "'?" : "", *fits ? "; " : "", (int)strcspn(fits, "\n"), fits);
}

dg_status dg_diags_first(const dg_diags *d, dg_diag *first)
{
    dg_status s = dg_diags_status(d);
    if (s != DG_OK && first && d->n > 0 && !d->failed)
        dg_diags_look(d, 0, first);
    else if (s != DG_OK && first)
        dg_diag_set(first, s, "%s", dg_status_text(s));
    return s;
}

/* ---- Printing ------------------------------------------------------------------------------- */

/* Appends the bytes; what is not printable or not UTF-8 becomes '?', a tab a space. */
static void clean(dg_text *out, const char *p, int n)
{
    for (int i = 0; i < n;) {
        int bytes = dg_utf8(p + i, n - i);
        unsigned char c = (unsigned char)p[i];
        bool c1 = bytes == 2 && c == 0xC2 && (unsigned char)p[i + 1] < 0xA0;
        if (c == '\t')
            dg_text_add(out, " ");
        else if (bytes == 0 || c < 0x20 || c == 0x7F || c1)
            dg_text_add(out, "?");
        else
            dg_text_add_bytes(out, p + i, (size_t)bytes);
        i += bytes ? bytes : 1;
    }
}

static void clean_string(dg_text *out, const char *s)
{
    clean(out, s, (int)strlen(s));
}

/* Bytes of the first `points` code points at p; *points: how many there were. */
static int advance(const char *p, int n, int *points)
{
    int i = 0, count = 0;
    while (i < n && count < *points) {
        int bytes = dg_utf8(p + i, n - i);
        i += bytes ? bytes : 1;
        count++;
    }
    *points = count;
    return i;
}

/* The line, cut to a window around the place if it is long, and the carets under it. */
static void source_line(dg_text *out, const dg_place *place, int span, const char *suggest,
                        const palette *p)
{
    int skip = place->column > WIDTH * 3 / 4 ? place->column - WIDTH / 2 : 0;
    int from = advance(place->begin, place->bytes, &skip), shown = WIDTH;
    int bytes = advance(place->begin + from, place->bytes - from, &shown);
    dg_text_add(out, skip ? "    ..." : "    ");
    clean(out, place->begin + from, bytes);
    dg_text_add(out, from + bytes < place->bytes ? "...\n    " : "\n    ");
    dg_text_printf(out, "%*s%s^", place->column - 1 - skip + (skip ? 3 : 0), "", p->green);
    int before = place->column - 1,
        rest = place->bytes - advance(place->begin, place->bytes, &before);
    int points = WIDTH - (before - skip);
    advance(place->begin + (place->bytes - rest), span < rest ? span : rest, &points);
    for (int i = 1; i < points; i++)
        dg_text_add(out, "~");
    dg_text_add(out, p->off);
    if (suggest) {
        dg_text_add(out, "   did you mean '");
        clean_string(out, suggest);
        dg_text_add(out, "'?");
    }
    dg_text_add(out, "\n");
}

static void head(const dg_diags *d, const dg_message *m, const dg_place *place, dg_text *out,
                 const palette *p)
{
    const char *file = place ? place->text->name : m->file;
    if (!file && d->source && d->source->n > 0)
        file = d->source->texts[0].name;
    dg_text_add(out, p->bold);
    if (file) {
        clean_string(out, file);
        if (place && !place->text->option)
            dg_text_printf(out, ":%d:%d", place->line, place->column);
        else if (!place && m->line > 0)
            dg_text_printf(out, ":%lld", (long long)m->line);
        dg_text_add(out, ": ");
    }
    dg_text_printf(out, "%serror:%s%s ", p->red, p->off, p->bold);
    clean_string(out, m->found);
    dg_text_printf(out, "%s\n", p->off);
}

static void message(const dg_diags *d, const dg_message *m, dg_text *out, const palette *p)
{
    dg_place at;
    bool here = m->at.end > 0 && d->source && dg_source_place(d->source, m->at.start, &at);
    head(d, m, here ? &at : NULL, out, p);
    if (here)
        source_line(out, &at, m->at.end - m->at.start, m->suggest, p);
    else if (m->suggest)
        dg_text_printf(out, "    did you mean '%s'?\n", m->suggest);
    for (const char *line = m->fits; line && *line;) {
        const char *end = strchr(line, '\n');
        dg_text_add(out, "    ");
        clean(out, line, (int)(end ? end - line : (ptrdiff_t)strlen(line)));
        dg_text_add(out, "\n");
        line = end ? end + 1 : NULL;
    }
}

void dg_diags_text(const dg_diags *d, dg_text *out, bool color)
{
    static const palette plain = {"", "", "", ""};
    static const palette colors = {"\033[1m", "\033[31m", "\033[32m", "\033[0m"};
    for (int i = 0; i < d->n && i < DG_DIAGS_SHOWN; i++)
        message(d, &d->messages[i], out, color ? &colors : &plain);
    if (d->n == DG_DIAGS_KEPT)
        dg_text_printf(out, "and more than %d errors more\n", DG_DIAGS_KEPT - DG_DIAGS_SHOWN - 1);
    else if (d->n > DG_DIAGS_SHOWN)
        dg_text_printf(out, "and %d more\n", d->n - DG_DIAGS_SHOWN);
}
