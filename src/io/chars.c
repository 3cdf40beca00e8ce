/* A text as one id a character. The vocabulary is the sorted set of its characters. */
#include "io/formats.h"

#include "io/utf8.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { CODES = 0x110000, LOW = 0x800 };

typedef struct {
    uint32_t code;
    int32_t id;
} letter;

typedef struct {
    dg_reader *r;
    const char *text;
    size_t n;
    letter *letters; /* of the vocabulary, by code point */
    int32_t count;
    int32_t low[LOW]; /* ids of the first code points, -1: none */
} chars;

static dg_status no_memory(chars *c)
{
    return dg_diag_set(dg_reader_diag(c->r), DG_EMEMORY, "out of memory");
}

/* All of it is UTF-8 without a 0; *characters is their number. */
static dg_status count(chars *c, int64_t *characters)
{
    const size_t good = dg_utf8_check(c->text, c->n);
    const bool wide =
        c->n >= 2 && (memcmp(c->text, "\xff\xfe", 2) == 0 || memcmp(c->text, "\xfe\xff", 2) == 0);
    if (good < c->n)
        return dg_reader_fail(
            c->r, good, "not UTF-8 (byte %02x); `iconv -f %s -t UTF-8` makes it so, if it is %s",
            (unsigned char)c->text[good], wide ? "UTF-16" : "LATIN1", wide ? "UTF-16" : "Latin-1");
    const char *zero = memchr(c->text, 0, c->n);
    if (zero)
        return dg_reader_fail(c->r, (uint64_t)(zero - c->text),
                              "a byte 0: not a text; `tr -d '\\000'` takes such out");
    *characters = 0;
    for (size_t i = 0; i < c->n; i++)
        *characters += ((unsigned char)c->text[i] & 0xc0) != 0x80;
    return *characters > 0 ? DG_OK : dg_reader_fail(c->r, 0, "an empty text");
}

/* ---- The vocabulary -------------------------------------------------------------------------- */

static void sort_in(chars *c, const unsigned char *seen)
{
    for (uint32_t code = 0; code < CODES; code++)
        if (seen[code / 8] == 0)
            code |= 7;
        else if (seen[code / 8] >> code % 8 & 1) {
            c->letters[c->count] = (letter){code, c->count};
            c->count++;
        }
}

/* Every character that occurs, in order of the code points. */
static dg_status find_letters(chars *c)
{
    unsigned char *seen = calloc(CODES / 8, 1);
    size_t different = 0;
    if (!seen)
        return no_memory(c);
    for (size_t i = 0; i < c->n;) {
        uint32_t code = 0;
        i += dg_utf8_read(c->text + i, c->n - i, &code);
        different += !(seen[code / 8] >> code % 8 & 1);
        seen[code / 8] |= (unsigned char)(1U << code % 8);
    }
    c->letters = malloc(different * sizeof *c->letters);
    if (c->letters)
        sort_in(c, seen);
    free(seen);
    return c->letters ? DG_OK : no_memory(c);
}

static int by_code(const void *a, const void *b)
{
    const letter *x = a, *y = b;
    return x->code < y->code ? -1 : x->code > y->code;
}

static dg_status take_letters(chars *c, const char *vocabulary)
{
    size_t n = strlen(vocabulary);
    if (n == 0 || n > INT32_MAX || dg_utf8_check(vocabulary, n) < n)
        return dg_diag_set(dg_reader_diag(c->r), DG_EUSAGE, "the vocabulary is empty or not UTF-8");
    c->letters = malloc(n * sizeof *c->letters);
    if (!c->letters)
        return no_memory(c);
    for (size_t i = 0; i < n; c->count++) {
        c->letters[c->count].id = c->count;
        i += dg_utf8_read(vocabulary + i, n - i, &c->letters[c->count].code);
    }
    qsort(c->letters, (size_t)c->count, sizeof *c->letters, by_code);
    for (int32_t i = 1; i < c->count; i++)
        if (c->letters[i].code == c->letters[i - 1].code)
            return dg_diag_set(dg_reader_diag(c->r), DG_EUSAGE,
                               "the vocabulary has a character twice (U+%04" PRIX32 ")",
                               c->letters[i].code);
    return DG_OK;
}

/* The vocabulary that was found, as text. */
static dg_status write_letters(chars *c, char **used)
{
    char *text = malloc((size_t)c->count * 4 + 1), *to = text;
    if (!text)
        return no_memory(c);
    for (int32_t i = 0; i < c->count; i++)
        to += dg_utf8_write(c->letters[i].code, to);
    *to = 0;
    *used = text;
    return DG_OK;
}

/* ---- The text -------------------------------------------------------------------------------- */

/* The id of a character, -1: none. */
static int32_t id_of(const chars *c, uint32_t code)
{
    const letter key = {code, 0};
    if (code < LOW)
        return c->low[code];
    const letter *found = bsearch(&key, c->letters, (size_t)c->count, sizeof *c->letters, by_code);
    return found ? found->id : -1;
}

static dg_status convert(chars *c, int64_t characters, dg_array *out)
{
    dg_shape shape = {.rank = 1, .dim = {characters}};
    dg_type type = c->count <= 256 ? DG_U8 : DG_I32;
    dg_status status = dg_array_make(out, type, &shape, dg_reader_diag(c->r));
    memset(c->low, -1, sizeof c->low);
    for (int32_t i = 0; i < c->count && c->letters[i].code < LOW; i++)
        c->low[c->letters[i].code] = c->letters[i].id;
    size_t at = 0;
    for (int64_t i = 0; status == DG_OK && i < characters; i++) {
        uint32_t code = 0;
        size_t length = dg_utf8_read(c->text + at, c->n - at, &code);
        int32_t id = id_of(c, code);
        if (id < 0)
            return dg_reader_fail(c->r, at,
                                  "the character '%.*s' (U+%04" PRIX32 ") is not in the vocabulary",
                                  (int)length, c->text + at, code);
        if (type == DG_U8)
            ((uint8_t *)out->data)[i] = (uint8_t)id;
        else
            ((int32_t *)out->data)[i] = id;
        at += length;
    }
    return status;
}

static dg_status read_text(chars *c, const char *vocabulary, dg_array *out, char **used)
{
    int64_t characters = 0;
    dg_status status = count(c, &characters);
    if (status == DG_OK)
        status = vocabulary ? take_letters(c, vocabulary) : find_letters(c);
    if (status == DG_OK)
        status = convert(c, characters, out);
    if (status == DG_OK && !vocabulary)
        status = write_letters(c, used);
    else if (status == DG_OK && !(*used = strdup(vocabulary)))
        status = no_memory(c);
    free(c->letters);
    return status;
}

/* Without the mark of UTF-8 at its start, and without \r at the end of lines, which some programs
 * write; returns the bytes that are left. */
static size_t clean(char *text, size_t n, dg_chars_dropped *dropped)
{
    size_t to = 0, from = n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    dropped->mark = from > 0;
    for (; from < n; from++) {
        bool end = text[from] == '\r' && from + 1 < n && text[from + 1] == '\n';
        dropped->returns += end;
        if (!end)
            text[to++] = text[from];
    }
    return to;
}

/* A web page may well be what is wanted of a text. */
static bool is_pointer(dg_reader *r)
{
    static const char start[] = "version https://git-lfs";
    const void *bytes;
    return dg_reader_peek(r, &bytes) >= sizeof start && memcmp(bytes, start, sizeof start - 1) == 0;
}

dg_status dg_chars_read(dg_reader *r, const char *vocabulary, dg_array *out, char **used,
                        dg_chars_dropped *dropped)
{
    memset(out, 0, sizeof *out);
    *used = NULL;
    char *text;
    size_t n;
    dg_chars_dropped here;
    if (is_pointer(r) && dg_foreign_refuse(r, false) != DG_OK)
        return dg_reader_status(r);
    if (dg_reader_rest(r, &text, &n) != DG_OK)
        return dg_reader_status(r);
    here.returns = 0;
    n = clean(text, n, &here);
    if (dropped)
        *dropped = here;
    chars c = {.r = r, .text = text, .n = n};
    dg_status status = read_text(&c, vocabulary, out, used);
    if (status != DG_OK)
        dg_array_free(out);
    free(text);
    return status;
}
