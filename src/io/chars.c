/* A text as one id a character. The vocabulary is the sorted set of its characters. */
#include "io/formats.h"

#include "io/utf8.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { CODES = 0x110000 };

typedef struct {
    dg_reader *r;
    const char *text;
    size_t n;
    int32_t *id; /* of each code point, -1: none */
    int32_t ids;
} chars;

static dg_status no_memory(chars *c)
{
    return dg_diag_set(dg_reader_diag(c->r), DG_EMEMORY, "out of memory");
}

/* All of it is UTF-8; *characters is their number. */
static dg_status count(chars *c, int64_t *characters)
{
    size_t good = dg_utf8_check(c->text, c->n);
    if (good < c->n)
        return dg_reader_fail(c->r, good, "not UTF-8 (byte %02x)", (unsigned char)c->text[good]);
    const char *zero = memchr(c->text, 0, c->n);
    if (zero)
        return dg_reader_fail(c->r, (uint64_t)(zero - c->text), "a byte 0: not a text");
    *characters = 0;
    for (size_t i = 0; i < c->n; i++)
        *characters += ((unsigned char)c->text[i] & 0xc0) != 0x80;
    return *characters > 0 ? DG_OK : dg_reader_fail(c->r, 0, "an empty text");
}

/* Every character that occurs gets an id, in order of the code points. */
static void number_found(chars *c)
{
    uint32_t code;
    for (size_t i = 0; i < c->n;) {
        i += dg_utf8_read(c->text + i, c->n - i, &code);
        c->id[code] = 0;
    }
    for (code = 0; code < CODES; code++)
        if (c->id[code] == 0)
            c->id[code] = c->ids++;
}

static dg_status number_given(chars *c, const char *vocabulary)
{
    size_t n = strlen(vocabulary);
    if (n == 0 || dg_utf8_check(vocabulary, n) < n)
        return dg_diag_set(dg_reader_diag(c->r), DG_EUSAGE, "the vocabulary is empty or not UTF-8");
    for (size_t i = 0; i < n;) {
        uint32_t code;
        i += dg_utf8_read(vocabulary + i, n - i, &code);
        if (c->id[code] >= 0)
            return dg_diag_set(dg_reader_diag(c->r), DG_EUSAGE,
                               "the vocabulary has a character twice (U+%04" PRIX32 ")", code);
        c->id[code] = c->ids++;
    }
    return DG_OK;
}

/* The vocabulary as text: in order of ids. */
static dg_status list(chars *c, char **used)
{
    uint32_t *code = malloc((size_t)c->ids * sizeof *code);
    char *text = malloc((size_t)c->ids * 4 + 1), *to = text;
    if (!code || !text) {
        free(code);
        free(text);
        return no_memory(c);
    }
    for (uint32_t k = 0; k < CODES; k++)
        if (c->id[k] >= 0)
            code[c->id[k]] = k;
    for (int32_t i = 0; i < c->ids; i++)
        to += dg_utf8_write(code[i], to);
    *to = 0;
    free(code);
    *used = text;
    return DG_OK;
}

static dg_status convert(chars *c, int64_t characters, dg_array *out)
{
    dg_shape shape = {.rank = 1, .dim = {characters}};
    dg_type type = c->ids <= 256 ? DG_U8 : DG_I32;
    dg_status status = dg_array_make(out, type, &shape, dg_reader_diag(c->r));
    size_t at = 0;
    for (int64_t i = 0; status == DG_OK && i < characters; i++) {
        uint32_t code;
        size_t length = dg_utf8_read(c->text + at, c->n - at, &code);
        int32_t id = c->id[code];
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
    if (status != DG_OK)
        return status;
    c->id = malloc(CODES * sizeof *c->id);
    if (!c->id)
        return no_memory(c);
    memset(c->id, -1, CODES * sizeof *c->id);
    if (vocabulary)
        status = number_given(c, vocabulary);
    else
        number_found(c);
    if (status == DG_OK)
        status = convert(c, characters, out);
    if (status == DG_OK)
        status = list(c, used);
    free(c->id);
    return status;
}

dg_status dg_chars_read(dg_reader *r, const char *vocabulary, dg_array *out, char **used)
{
    memset(out, 0, sizeof *out);
    *used = NULL;
    char *text;
    size_t n;
    if (dg_reader_rest(r, &text, &n) != DG_OK)
        return dg_reader_status(r);
    chars c = {.r = r, .text = text, .n = n};
    dg_status status = read_text(&c, vocabulary, out, used);
    if (status != DG_OK)
        dg_array_free(out);
    free(text);
    return status;
}
