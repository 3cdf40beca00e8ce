/* NPY: magic, version, length of the header, a Python dict as text, the elements.
 *     {'descr': '<f4', 'fortran_order': False, 'shape': (60000, 28), } */
#include "io/formats.h"

#include "base/checked.h"
#include "base/memory.h"
#include "base/text.h"
#include "io/elements.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER = 1 << 16, ALIGN = 64 };

/* ---- The dict -------------------------------------------------------------------------------- */

typedef struct {
    dg_reader *r;
    const char *text, *p; /* ended by 0 */
    uint64_t at;          /* byte of the file that text begins at */
    dg_element element;
    dg_shape shape;
    int fortran;
    unsigned seen; /* bits of the keys */
} dict;

static dg_status fail(dict *d, const char *what)
{
    return dg_reader_fail(d->r, d->at + (uint64_t)(d->p - d->text), "NPY header: %s", what);
}

static void space(dict *d)
{
    d->p += strspn(d->p, " \t\n");
}

/* Takes c, with white space around it. */
static bool take(dict *d, char c)
{
    space(d);
    if (*d->p != c)
        return false;
    d->p++;
    space(d);
    return true;
}

/* 'text' or "text" without escapes, to out of n bytes. */
static dg_status string(dict *d, char *out, size_t n)
{
    char quote = *d->p;
    if (quote != '\'' && quote != '"')
        return fail(d, quote == '[' ? "a structured type; save each field on its own"
                                    : "a text in quotes is expected");
    size_t length = strcspn(d->p + 1, quote == '"' ? "\"\\" : "'\\");
    if (length >= n || d->p[1 + length] != quote)
        return fail(d, "a text that has no end, or is none of this format's");
    memcpy(out, d->p + 1, length);
    out[length] = 0;
    d->p += length + 2;
    return DG_OK;
}

static dg_status read_type(dict *d)
{
    char text[16];
    const char *start = d->p;
    if (string(d, text, sizeof text) != DG_OK)
        return DG_EDATA;
    static const char known[] = "f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 b1";
    bool swapped = text[0] == '>', order = swapped || text[0] == '<' || text[0] == '|';
    if (order && strlen(text) == 3 && text[1] != ' ' && text[2] != ' ' && strstr(known, text + 1)) {
        d->element = (dg_element){text[1], (char)swapped, text[2] - '0'};
        return DG_OK;
    }
    d->p = start;
    if (text[0] && text[1] == 'O')
        return fail(d, "Python objects are not read; save with .astype('f4')");
    return fail(d,
                "the type is none of f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 b1; save with .astype('f4')");
}

static dg_status read_order(dict *d)
{
    if (strncmp(d->p, "True", 4) == 0)
        d->fortran = 1;
    else if (strncmp(d->p, "False", 5) != 0)
        return fail(d, "True or False is expected");
    d->p += d->fortran ? 4 : 5;
    return DG_OK;
}

static dg_status read_shape(dict *d)
{
    bool comma = true;
    if (!take(d, '('))
        return fail(d, "a shape in ( ) is expected");
    while (!take(d, ')')) {
        int64_t dim;
        const char *end = *d->p >= '0' && *d->p <= '9' ? dg_read_i64(d->p, &dim) : NULL;
        if (!comma || !end)
            return fail(d, "a dimension of the shape is not a number, or too large");
        if (d->shape.rank == DG_MAX_RANK)
            return fail(d, "more than 8 dimensions");
        d->shape.dim[d->shape.rank++] = dim;
        d->p = end + (*end == 'L');
        comma = take(d, ',');
    }
    return DG_OK;
}

static const struct {
    const char *name;
    dg_status (*read)(dict *d);
} keys[] = {{"descr", read_type}, {"fortran_order", read_order}, {"shape", read_shape}};

enum { KEYS = sizeof keys / sizeof *keys };

static dg_status read_entry(dict *d)
{
    char key[16];
    unsigned k = 0;
    const char *start = d->p;
    if (string(d, key, sizeof key) != DG_OK)
        return DG_EDATA;
    while (k < KEYS && strcmp(key, keys[k].name) != 0)
        k++;
    if (k == KEYS || d->seen & 1U << k) {
        d->p = start;
        return fail(d, k == KEYS ? "a key that is none of descr, fortran_order, shape"
                                 : "a key is there twice");
    }
    d->seen |= 1U << k;
    if (!take(d, ':'))
        return fail(d, "':' is expected");
    return keys[k].read(d);
}

static dg_status read_dict(dict *d)
{
    bool comma = true;
    if (!take(d, '{'))
        return fail(d, "'{' is expected");
    while (!take(d, '}')) {
        if (!comma)
            return fail(d, "',' or '}' is expected");
        if (read_entry(d) != DG_OK)
            return DG_EDATA;
        comma = take(d, ',');
    }
    if (d->seen != (1U << KEYS) - 1)
        return fail(d, "descr, fortran_order or shape is missing");
    return *d->p ? fail(d, "text after the '}'") : DG_OK;
}

/* ---- Reading --------------------------------------------------------------------------------- */

static dg_status header_length(dg_reader *r, size_t *n)
{
    unsigned char head[12];
    if (dg_foreign_refuse(r, false) != DG_OK || dg_reader_get(r, head, 8) != DG_OK)
        return dg_reader_status(r);
    if (memcmp(head, "\x93NUMPY", 6) != 0)
        return dg_reader_fail(r, 0, "not an NPY file: it does not begin with \\x93NUMPY");
    if (head[6] < 1 || head[6] > 3 || head[7] != 0)
        return dg_reader_fail(r, 6, "NPY version %d.%d; 1.0 to 3.0 can be read", head[6], head[7]);
    size_t width = head[6] == 1 ? 2 : 4;
    if (dg_reader_get(r, head, width) != DG_OK)
        return dg_reader_status(r);
    *n = 0;
    for (size_t i = width; i-- > 0;)
        *n = *n << 8 | head[i];
    if (*n > HEADER || *n > dg_reader_left(r))
        return dg_reader_fail(r, 8,
                              "a header of %zu bytes; at most %d are read, and %" PRIu64 " follow",
                              *n, HEADER, dg_reader_left(r));
    return DG_OK;
}

static dg_status read_header(dg_reader *r, dict *d)
{
    size_t n = 0;
    if (header_length(r, &n) != DG_OK)
        return dg_reader_status(r);
    *d = (dict){.r = r, .at = dg_reader_at(r)};
    char *text = malloc(n + 1);
    if (!text)
        return dg_diag_set(dg_reader_diag(r), DG_EMEMORY, "out of memory");
    dg_status status = dg_reader_get(r, text, n);
    text[n] = 0;
    d->text = d->p = text;
    if (status == DG_OK && memchr(text, 0, n))
        status = fail(d, "a byte 0");
    if (status == DG_OK)
        status = read_dict(d);
    free(text);
    d->text = d->p = NULL;
    return status;
}

/* From Fortran order (the first index runs fastest) to C order. */
static dg_status reorder(dg_array *a, dg_diag *why)
{
    const dg_shape *s = &a->shape;
    int64_t count = dg_shape_count(s), index[DG_MAX_RANK] = {0}, stride[DG_MAX_RANK], from = 0;
    if (s->rank < 2 || count == 0)
        return DG_OK;
    dg_array c;
    dg_status status = dg_array_make(&c, a->type, s, why);
    if (status != DG_OK)
        return status;
    size_t bytes = dg_type_bytes(a->type);
    for (int i = 0; i < s->rank; i++)
        stride[i] = i ? stride[i - 1] * s->dim[i - 1] : 1;
    for (int64_t to = 0; to < count; to++) {
        memcpy((char *)c.data + (size_t)to * bytes, (char *)a->data + (size_t)from * bytes, bytes);
        int i = s->rank - 1;
        for (from += stride[i]; i > 0 && ++index[i] == s->dim[i]; i--) {
            from -= index[i] * stride[i];
            from += stride[i - 1];
            index[i] = 0;
        }
    }
    dg_array_free(a);
    *a = c;
    return DG_OK;
}

dg_status dg_npy_read(dg_reader *r, dg_array *out)
{
    memset(out, 0, sizeof *out);
    dict d;
    dg_status status = read_header(r, &d);
    if (status == DG_OK)
        status = dg_elements_read(r, d.element, &d.shape, d.at, out);
    if (status == DG_OK)
        status = dg_reader_end(r);
    if (status == DG_OK && d.fortran)
        status = reorder(out, dg_reader_diag(r));
    if (status != DG_OK)
        dg_array_free(out);
    return status;
}

/* ---- Writing --------------------------------------------------------------------------------- */

/* The header is padded with blanks so that the elements begin at a multiple of 64. */
bool dg_npy_header(const dg_tensor *t, dg_text *h)
{
    static const char *const types[] = {
        [DG_F32] = "<f4", [DG_F64] = "<f8", [DG_I32] = "<i4", [DG_U8] = "|u1"};
    size_t start = h->length;
    dg_text_add_bytes(h, "\x93NUMPY\x01\0\0\0", 10);
    dg_text_printf(h, "{'descr': '%s', 'fortran_order': False, 'shape': (", types[t->type]);
    for (int i = 0; i < t->shape.rank; i++)
        dg_text_printf(h, "%s%" PRId64, i ? ", " : "", t->shape.dim[i]);
    dg_text_add(h, t->shape.rank == 1 ? ",), }" : "), }");
    while ((h->length + 1 - start) % ALIGN != 0 && dg_text_add(h, " "))
        ;
    if (!dg_text_add(h, "\n"))
        return false;
    size_t length = h->length - start - 10; /* far below 65536 */
    h->data[start + 8] = (char)(length & 255);
    h->data[start + 9] = (char)(length >> 8);
    return true;
}

dg_status dg_npy_write(dg_writer *w, const dg_tensor *t)
{
    dg_text h = dg_text_make(NULL);
    dg_status status = DG_EMEMORY;
    if (!dg_npy_header(t, &h))
        dg_diag_set(dg_writer_diag(w), status, "out of memory");
    else
        status = dg_writer_put(w, h.data, h.length);
    if (status == DG_OK)
        status = dg_writer_put(w, t->data, t->bytes);
    dg_text_free(&h);
    return status;
}
