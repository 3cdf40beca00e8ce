/* Writing safetensors; the format stands in safetensors.c. */
#include "base/text.h"
#include "io/safetensors_seal.h"
#include "io/utf8.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const written[] = {
    [DG_F32] = "F32", [DG_F64] = "F64", [DG_I32] = "I32", [DG_U8] = "U8"};

typedef struct {
    const dg_named *named;
    int index;
} place;

static int by_size_and_name(const void *a, const void *b)
{
    const dg_named *x = ((const place *)a)->named, *y = ((const place *)b)->named;
    size_t p = dg_type_bytes(x->tensor.type), q = dg_type_bytes(y->tensor.type);
    return p != q ? (p > q ? -1 : 1) : strcmp(x->name, y->name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static dg_status check_names(dg_writer *w, int n, const char **name, const char *reserved)
{
    for (int i = 0; i < n; i++)
        if (dg_utf8_check(name[i], strlen(name[i])) < strlen(name[i]) || !strcmp(name[i], reserved))
            return dg_diag_set(dg_writer_diag(w), DG_EUSAGE, "the name '%.80s' cannot be stored",
                               name[i]);
    qsort(name, (size_t)n, sizeof *name, by_name);
    for (int i = 1; i < n; i++)
        if (strcmp(name[i - 1], name[i]) == 0)
            return dg_diag_set(dg_writer_diag(w), DG_EUSAGE, "two are named '%.80s'", name[i]);
    return DG_OK;
}

static dg_status check_all_names(dg_writer *w, const dg_tensors *t)
{
    int most = t->n > t->n_notes ? t->n : t->n_notes;
    const char **name = malloc(((size_t)most + 1) * sizeof *name);
    if (!name)
        return dg_diag_set(dg_writer_diag(w), DG_EMEMORY, "out of memory");
    for (int i = 0; i < t->n; i++)
        name[i] = t->tensor[i].name;
    dg_status status = check_names(w, t->n, name, dg_metadata_key);
    for (int i = 0; i < t->n_notes; i++)
        name[i] = t->note[i].key;
    if (status == DG_OK)
        status = check_names(w, t->n_notes, name, dg_seal_key);
    free(name);
    for (int i = 0; i < t->n_notes && status == DG_OK; i++)
        if (dg_utf8_check(t->note[i].text, strlen(t->note[i].text)) < strlen(t->note[i].text))
            status = dg_diag_set(dg_writer_diag(w), DG_EUSAGE, "the note '%.80s' is not UTF-8",
                                 t->note[i].key);
    return status;
}

static void put_text(dg_text *h, const char *s)
{
    dg_text_add(h, "\"");
    for (; *s; s++)
        if (*s == '"' || *s == '\\')
            dg_text_printf(h, "\\%c", *s);
        else if ((unsigned char)*s < 0x20)
            dg_text_printf(h, "\\u%04x", *s);
        else
            dg_text_add_bytes(h, s, 1);
    dg_text_add(h, "\"");
}

/* The header, with zeros for the checksum, blanks to a multiple of 8. */
static void put_header(dg_text *h, const dg_tensors *t, const int *order)
{
    uint64_t at = 0;
    dg_text_printf(h, "%s%064d\"", dg_seal_begin, 0);
    for (int i = 0; i < t->n_notes; i++) {
        dg_text_add(h, ",");
        put_text(h, t->note[i].key);
        dg_text_add(h, ":");
        put_text(h, t->note[i].text);
    }
    dg_text_add(h, "}");
    for (int i = 0; i < t->n; i++) {
        const dg_named *x = &t->tensor[order[i]];
        dg_text_add(h, ",");
        put_text(h, x->name);
        dg_text_printf(h, ":{\"dtype\":\"%s\",\"shape\":[", written[x->tensor.type]);
        for (int k = 0; k < x->tensor.shape.rank; k++)
            dg_text_printf(h, "%s%" PRId64, k ? "," : "", x->tensor.shape.dim[k]);
        dg_text_printf(h, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", at,
                       at + (uint64_t)x->tensor.bytes);
        at += (uint64_t)x->tensor.bytes;
    }
    dg_text_add(h, "}");
    while (h->length % 8 != 0 && dg_text_add(h, " "))
        ;
}

static dg_status write_ordered(dg_writer *w, const dg_tensors *t, const int *order)
{
    dg_text h = dg_text_make(NULL);
    put_header(&h, t, order);
    dg_status status = DG_OK;
    if (h.failed)
        status = dg_diag_set(dg_writer_diag(w), DG_EMEMORY, "out of memory");
    else if (h.length > DG_SAFETENSORS_HEADER)
        status = dg_diag_set(dg_writer_diag(w), DG_EUSAGE, "the header is over 100 MB");
    else {
        char hex[DG_SHA256_TEXT];
        unsigned char bytes[8];
        for (int i = 0; i < 8; i++)
            bytes[i] = (unsigned char)((uint64_t)h.length >> 8 * i);
        dg_seal_digest(h.data, h.length, t, order, hex);
        memcpy(h.data + DG_SEAL_AT, hex, DG_SEAL_HEX);
        dg_writer_put(w, bytes, 8);
        status = dg_writer_put(w, h.data, h.length);
    }
    for (int i = 0; i < t->n && status == DG_OK; i++)
        status =
            dg_writer_put(w, t->tensor[order[i]].tensor.data, t->tensor[order[i]].tensor.bytes);
    dg_text_free(&h);
    return status;
}

dg_status dg_safetensors_write(dg_writer *w, const dg_tensors *t)
{
    dg_status status = check_all_names(w, t);
    place *places = malloc(((size_t)t->n + 1) * sizeof *places);
    int *order = malloc(((size_t)t->n + 1) * sizeof *order);
    if (!places || !order)
        status = dg_diag_set(dg_writer_diag(w), DG_EMEMORY, "out of memory");
    for (int i = 0; i < t->n && status == DG_OK; i++)
        places[i] = (place){&t->tensor[i], i};
    if (status == DG_OK)
        qsort(places, (size_t)t->n, sizeof *places, by_size_and_name);
    for (int i = 0; i < t->n && status == DG_OK; i++)
        order[i] = places[i].index;
    if (status == DG_OK)
        status = write_ordered(w, t, order);
    free(places);
    free(order);
    return status;
}
