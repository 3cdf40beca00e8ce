/* safetensors: 8 bytes, the length of the header (little-endian); the header, JSON:
 *     {"__metadata__": {"key": "text"}, "NAME": {"dtype": "F32", "shape": [2, 3], "data_offsets":
 * [0, 24]}} and the elements, at these offsets after the header. */
#include "io/safetensors.h"
#include "io/json.h"
#include "io/safetensors_seal.h"

#include "base/checked.h"
#include "base/memory.h"
#include "base/text.h"
#include "io/elements.h"
#include "io/formats.h"
#include "io/utf8.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH = 3 };

static const struct {
    const char *name;
    dg_element element;
} types[] = {
    {"F64", {'f', 0, 8}},  {"F32", {'f', 0, 4}}, {"F16", {'f', 0, 2}}, {"BF16", {'h', 0, 2}},
    {"I64", {'i', 0, 8}},  {"I32", {'i', 0, 4}}, {"I16", {'i', 0, 2}}, {"I8", {'i', 0, 1}},
    {"U64", {'u', 0, 8}},  {"U32", {'u', 0, 4}}, {"U16", {'u', 0, 2}}, {"U8", {'u', 0, 1}},
    {"BOOL", {'b', 0, 1}},
};

/* ---- The header ----------------------------------------------------------------------------- */

typedef struct {
    const char *name, *dtype; /* the JSON's; of the table of types */
    dg_element element;
    dg_shape shape;
    uint64_t begin, end;
} line;

typedef struct {
    dg_reader *r;
    char *text; /* the header, ended by 0 */
    size_t length;
    uint64_t data; /* where the elements begin */
    json_t *json;
    line *lines;
    int n;
} header;

static dg_status fail(header *h, const char *name, const char *what)
{
    return dg_reader_fail(h->r, 8, "tensor '%.80s': %s", name, what);
}

static dg_status no_memory(header *h)
{
    return dg_diag_set(dg_reader_diag(h->r), DG_EMEMORY, "out of memory");
}

/* Brackets outside of texts; a parser that descends a level a bracket must not see too many. */
static dg_status check_depth(header *h)
{
    int depth = 0;
    bool text = false;
    for (size_t i = 0; i < h->length; i++) {
        char c = h->text[i];
        if (c == '\\' && text)
            i++;
        else if (c == '"')
            text = !text;
        else if (!text && (c == '{' || c == '[') && ++depth > DEPTH)
            return dg_reader_fail(h->r, 8 + i, "the header is nested deeper than %d", DEPTH);
        else if (!text && (c == '}' || c == ']'))
            depth--;
    }
    return DG_OK;
}

static dg_status read_text(header *h)
{
    unsigned char bytes[8];
    uint64_t length = 0;
    if (dg_reader_get(h->r, bytes, 8) != DG_OK)
        return dg_reader_status(h->r);
    for (int i = 8; i-- > 0;)
        length = length << 8 | bytes[i];
    if (length > DG_SAFETENSORS_HEADER)
        return dg_reader_fail(h->r, 0, "a header of %" PRIu64 " bytes; at most %d are allowed",
                              length, DG_SAFETENSORS_HEADER);
    if (length > dg_reader_left(h->r))
        return dg_reader_fail(h->r, 0, "a header of %" PRIu64 " bytes, but only %" PRIu64 " follow",
                              length, dg_reader_left(h->r));
    h->length = (size_t)length;
    h->text = malloc(h->length + 1);
    if (!h->text)
        return no_memory(h);
    h->text[h->length] = 0;
    h->data = 8 + length;
    return dg_reader_get(h->r, h->text, h->length);
}

static dg_status parse(header *h)
{
    json_error_t e;
    bool starved;
    if (h->text[0] != '{')
        return dg_reader_fail(h->r, 8, "not a safetensors file: its header is no JSON object");
    if (check_depth(h) != DG_OK)
        return DG_EDATA;
    h->json = dg_json_read(h->text, h->length, &e, &starved);
    if (!h->json && starved)
        return no_memory(h);
    if (!h->json)
        return dg_reader_fail(h->r, 8 + (uint64_t)(e.position > 0 ? e.position : 0),
                              "the header is not valid JSON: %.100s", e.text);
    return DG_OK;
}

static dg_status read_shape(header *h, line *l, const json_t *shape)
{
    size_t n = json_array_size(shape);
    if (!json_is_array(shape) || n > DG_MAX_RANK)
        return fail(h, l->name, "its shape is not a list of at most 8 numbers");
    l->shape.rank = (int32_t)n;
    for (size_t i = 0; i < n; i++) {
        const json_t *dim = json_array_get(shape, i);
        if (!json_is_integer(dim) || json_integer_value(dim) < 0)
            return fail(h, l->name, "a dimension is not a whole number from 0 on");
        l->shape.dim[i] = json_integer_value(dim);
    }
    return DG_OK;
}

/* Offsets are where they should be, and as far apart as shape and type say. */
static dg_status read_offsets(header *h, line *l, const json_t *offsets)
{
    const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
    int64_t count = dg_shape_count(&l->shape), bytes = 0;
    if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end) ||
        json_integer_value(begin) < 0 || json_integer_value(end) < json_integer_value(begin))
        return fail(h, l->name, "its data_offsets are not two numbers, begin and end");
    l->begin = (uint64_t)json_integer_value(begin);
    l->end = (uint64_t)json_integer_value(end);
    if (count < 0 || !dg_mul_i64(count, l->element.bytes, &bytes))
        return fail(h, l->name, "its shape has more elements than any file");
    if ((uint64_t)bytes != l->end - l->begin)
        return fail(h, l->name,
                    "shape and type need another number of bytes than data_offsets has");
    return DG_OK;
}

static dg_status read_line(header *h, line *l, const char *name, const json_t *entry)
{
    const char *type = json_string_value(json_object_get(entry, "dtype"));
    *l = (line){.name = name};
    if (json_object_size(entry) != 3 || !type)
        return fail(h, name, "dtype, shape and data_offsets are expected, and nothing else");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(type, types[i].name) == 0) {
            l->element = types[i].element;
            l->dtype = types[i].name;
        }
    if (!l->element.bytes)
        return fail(h, name, "its dtype is not one that can be read");
    dg_status status = read_shape(h, l, json_object_get(entry, "shape"));
    return status != DG_OK ? status : read_offsets(h, l, json_object_get(entry, "data_offsets"));
}

static int by_offset(const void *a, const void *b)
{
    const line *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

static dg_status read_lines(header *h)
{
    const char *name;
    json_t *entry;
    h->lines = calloc(json_object_size(h->json) + 1, sizeof *h->lines);
    if (!h->lines)
        return no_memory(h);
    json_object_foreach(h->json, name, entry)
    {
        if (strcmp(name, dg_metadata_key) == 0)
            continue;
        if (h->n == INT32_MAX || read_line(h, &h->lines[h->n], name, entry) != DG_OK)
            return DG_EDATA;
        h->n++;
    }
    qsort(h->lines, (size_t)h->n, sizeof *h->lines, by_offset);
    uint64_t at = 0;
    for (int i = 0; i < h->n; i++) {
        if (h->lines[i].begin != at)
            return fail(h, h->lines[i].name,
                        h->lines[i].begin < at ? "it overlaps the tensor before it"
                                               : "a hole is before it");
        at = h->lines[i].end;
    }
    uint64_t left = dg_reader_left(h->r);
    if (at > left)
        return dg_reader_fail(h->r, h->data + left,
                              "the file ends here; %" PRIu64 " bytes are missing", at - left);
    if (at < left)
        return dg_reader_fail(h->r, h->data + at, "%" PRIu64 " bytes follow the last tensor",
                              left - at);
    return DG_OK;
}

/* ---- Tensors and notes ----------------------------------------------------------------------- */

static dg_status read_notes(header *h, dg_tensors *out)
{
    const char *key;
    json_t *text, *map = json_object_get(h->json, dg_metadata_key);
    if (map && !json_is_object(map))
        return dg_reader_fail(h->r, 8, "__metadata__ is not an object");
    out->note = calloc(json_object_size(map) + 1, sizeof *out->note);
    if (!out->note)
        return no_memory(h);
    json_object_foreach(map, key, text)
    {
        if (!json_is_string(text))
            return dg_reader_fail(h->r, 8, "the note '%.80s' is not a text", key);
        if (strcmp(key, dg_seal_key) == 0)
            continue;
        dg_note *note = &out->note[out->n_notes++];
        note->key = strdup(key);
        note->text = strdup(json_string_value(text));
        if (!note->key || !note->text)
            return no_memory(h);
    }
    return DG_OK;
}

static dg_status read_tensors(header *h, dg_tensors *out)
{
    out->tensor = calloc((size_t)h->n + 1, sizeof *out->tensor);
    if (!out->tensor)
        return no_memory(h);
    for (int i = 0; i < h->n; i++) {
        const line *l = &h->lines[i];
        dg_named *named = &out->tensor[out->n++];
        named->name = strdup(l->name);
        named->dtype = l->dtype;
        if (!named->name)
            return no_memory(h);
        dg_status status = dg_elements_read(h->r, l->element, &l->shape, 8, &named->tensor);
        if (status != DG_OK)
            return status;
    }
    return dg_reader_end(h->r);
}

/* The bytes of the file are those in memory, since dagrad writes no type that is converted. */
static dg_status check_seal(header *h, const dg_tensors *t, int *sealed)
{
    *sealed =
        h->length >= DG_SEAL_AT + DG_SEAL_HEX && memcmp(h->text, dg_seal_begin, DG_SEAL_AT) == 0;
    if (!*sealed)
        return DG_OK;
    char hex[DG_SHA256_TEXT];
    for (int i = 0; i < h->n; i++)
        if ((uint64_t)t->tensor[i].tensor.bytes != h->lines[i].end - h->lines[i].begin)
            return fail(h, h->lines[i].name,
                        "a checksum of dagrad over a type that it does not write");
    dg_seal_digest(h->text, h->length, t, NULL, hex);
    if (memcmp(hex, h->text + DG_SEAL_AT, DG_SEAL_HEX) != 0)
        return dg_reader_fail(h->r, 8 + DG_SEAL_AT, "the checksum is wrong: the file is damaged");
    return DG_OK;
}

static dg_status read_all(header *h, dg_tensors *out, int *sealed)
{
    dg_status status = dg_foreign_refuse(h->r, true);
    if (status == DG_OK)
        status = read_text(h);
    if (status == DG_OK)
        status = parse(h);
    if (status == DG_OK)
        status = read_lines(h);
    if (status == DG_OK)
        status = read_notes(h, out);
    if (status == DG_OK)
        status = read_tensors(h, out);
    return status == DG_OK ? check_seal(h, out, sealed) : status;
}

dg_status dg_safetensors_read(dg_reader *r, dg_tensors *out, int *sealed)
{
    int sealed_here = 0;
    header h = {.r = r};
    memset(out, 0, sizeof *out);
    dg_status status = read_all(&h, out, &sealed_here);
    if (status != DG_OK)
        dg_tensors_free(out);
    else if (sealed)
        *sealed = sealed_here;
    json_decref(h.json);
    free(h.lines);
    free(h.text);
    return status;
}

void dg_tensors_free(dg_tensors *t)
{
    for (int i = 0; i < t->n; i++) {
        free(t->tensor[i].name);
        dg_array_free(&t->tensor[i].tensor);
    }
    for (int i = 0; i < t->n_notes; i++) {
        free(t->note[i].key);
        free(t->note[i].text);
    }
    free(t->tensor);
    free(t->note);
    memset(t, 0, sizeof *t);
}

const dg_tensor *dg_tensors_find(const dg_tensors *t, const char *name)
{
    for (int i = 0; i < t->n; i++)
        if (strcmp(t->tensor[i].name, name) == 0)
            return &t->tensor[i].tensor;
    return NULL;
}

const char *dg_tensors_note(const dg_tensors *t, const char *key)
{
    for (int i = 0; i < t->n_notes; i++)
        if (strcmp(t->note[i].key, key) == 0)
            return t->note[i].text;
    return NULL;
}
