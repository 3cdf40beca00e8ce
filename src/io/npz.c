/* NPZ: a zip of NPY files. The central directory at its end says where each is; what the local
 * headers say besides is not believed. Zip64 is read; encryption is refused. */
#include "io/formats.h"

#include "io/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { END_BYTES = 22, CENTRAL_BYTES = 46, LOCAL_BYTES = 30, COMMENT = 65535, NAME = 200 };
enum { LOCATOR_BYTES = 20, END64_BYTES = 56, EXTRA64 = 1 };
enum { UTF8_NAME = 1 << 11 }; /* flag: the name is UTF-8, else it is the code page of the reader */
static const size_t in_64 = 0xffffffff; /* a number that stands in the zip64 record */

typedef struct {
    dg_reader *r;
    const unsigned char *bytes;
    size_t n;
    size_t central, entries; /* where the central directory begins, its entries; it ends at `end` */
    size_t end;
} zip;

typedef struct {
    const char *name; /* not ended by 0 */
    size_t name_bytes, packed, size, local;
    unsigned flags, method;
    unsigned long crc;
} entry;

static unsigned u16(const unsigned char *p)
{
    return p[0] | (unsigned)p[1] << 8;
}

static size_t u32(const unsigned char *p)
{
    return u16(p) | (size_t)u16(p + 2) << 16;
}

static size_t u64(const unsigned char *p)
{
    return u32(p) | u32(p + 4) << 32;
}

/* ---- The directory --------------------------------------------------------------------------- */

/* The end record: its comment ends where the file ends. */
static dg_status find_end(zip *z)
{
    if (z->n < END_BYTES)
        return dg_reader_fail(z->r, 0, "not a zip file: it has %zu bytes", z->n);
    size_t first = z->n - END_BYTES, last = first > COMMENT ? first - COMMENT : 0;
    for (size_t at = first + 1; at-- > last;)
        if (memcmp(z->bytes + at, "PK\5\6", 4) == 0 && u16(z->bytes + at + 20) == first - at) {
            z->end = at;
            return DG_OK;
        }
    return dg_reader_fail(z->r, z->n, "not a zip file, or cut off: it has no end record");
}

/* Zip64: before the end record a locator, which says where a wider end record is. 0: there is none.
 */
static dg_status read_end64(zip *z, size_t *size, int *found)
{
    const unsigned char *locator = z->bytes + z->end - LOCATOR_BYTES, *p;
    *found = z->end >= LOCATOR_BYTES && memcmp(locator, "PK\6\7", 4) == 0;
    if (!*found)
        return DG_OK;
    size_t at = u64(locator + 8), last = z->end - LOCATOR_BYTES;
    if (last < END64_BYTES || at > last - END64_BYTES || memcmp(z->bytes + at, "PK\6\6", 4) != 0)
        return dg_reader_fail(z->r, last, "the zip64 end record is not where its locator says");
    p = z->bytes + at;
    *size = u64(p + 40);
    z->entries = u64(p + 32);
    z->central = u64(p + 48);
    z->end = at;
    if (u32(p + 16) != 0 || u32(p + 20) != 0 || u64(p + 24) != z->entries)
        return dg_reader_fail(z->r, at, "a zip of several volumes");
    return DG_OK;
}

static dg_status read_end(zip *z)
{
    if (find_end(z) != DG_OK)
        return dg_reader_status(z->r);
    const unsigned char *p = z->bytes + z->end;
    size_t size = u32(p + 12);
    int wide = 0;
    z->entries = u16(p + 10);
    z->central = u32(p + 16);
    if (read_end64(z, &size, &wide) != DG_OK)
        return dg_reader_status(z->r);
    if (!wide && (u16(p + 4) != 0 || u16(p + 6) != 0 || u16(p + 8) != z->entries))
        return dg_reader_fail(z->r, z->end, "a zip of several volumes");
    if (z->central > z->end || size != z->end - z->central)
        return dg_reader_fail(z->r, z->end, "the zip directory is not where its end record says");
    return DG_OK;
}

/* The numbers of an entry that did not fit 32 bits, from the field of zip64 in its extra bytes. */
static bool widen(entry *e, const unsigned char *extra, size_t n)
{
    size_t *const number[] = {&e->size, &e->packed, &e->local};
    while (n >= 4 && u16(extra) != EXTRA64 && u16(extra + 2) <= n - 4) {
        n -= 4 + u16(extra + 2);
        extra += 4 + u16(extra + 2);
    }
    size_t room = n >= 4 && u16(extra) == EXTRA64 && u16(extra + 2) <= n - 4 ? u16(extra + 2) : 0;
    extra += 4;
    for (int i = 0; i < 3; i++) {
        if (*number[i] != in_64)
            continue;
        if (room < 8)
            return false;
        *number[i] = u64(extra);
        extra += 8;
        room -= 8;
    }
    return true;
}

/* The entry at *at, which moves to the next one. */
static dg_status read_entry(const zip *z, size_t *at, entry *e)
{
    const unsigned char *p = z->bytes + *at;
    if (z->end - *at < CENTRAL_BYTES || memcmp(p, "PK\1\2", 4) != 0)
        return dg_reader_fail(z->r, *at, "an entry of the zip directory is expected");
    *e = (entry){.name = (const char *)p + CENTRAL_BYTES,
                 .name_bytes = u16(p + 28),
                 .packed = u32(p + 20),
                 .size = u32(p + 24),
                 .local = u32(p + 42),
                 .flags = u16(p + 8),
                 .method = u16(p + 10),
                 .crc = u32(p + 16)};
    size_t length = CENTRAL_BYTES + e->name_bytes + u16(p + 30) + u16(p + 32);
    if (length > z->end - *at)
        return dg_reader_fail(z->r, *at, "an entry of the zip directory is cut off");
    if (!widen(e, p + CENTRAL_BYTES + e->name_bytes, u16(p + 30)))
        return dg_reader_fail(z->r, *at, "a size of this zip entry is missing");
    *at += length;
    return DG_OK;
}

/* NAME or NAME.npy. */
static bool is_called(const entry *e, const char *name)
{
    size_t n = strlen(name);
    return (e->name_bytes == n || (e->name_bytes == n + 4 && !memcmp(e->name + n, ".npy", 4))) &&
           memcmp(e->name, name, n) == 0;
}

static dg_status none_such(const zip *z, const char *name)
{
    dg_text t = dg_text_make(NULL);
    size_t at = z->central;
    for (size_t i = 0; i < z->entries && t.length < 400; i++) {
        entry e;
        if (read_entry(z, &at, &e) != DG_OK)
            break;
        size_t n = e.name_bytes > 4 && !memcmp(e.name + e.name_bytes - 4, ".npy", 4) ? 4 : 0;
        dg_text_printf(&t, "%s%.*s", i ? ", " : "", (int)(e.name_bytes - n), e.name);
    }
    if (name)
        dg_reader_fail(z->r, z->central, "no array '%s'; there is: %s", name, t.data);
    else
        dg_reader_fail(z->r, z->central, "%zu arrays, say which: %s", z->entries, t.data);
    dg_text_free(&t);
    return dg_reader_status(z->r);
}

/* Entries that share bytes are how a small zip becomes a large one; so is a directory that names
 * one place often. */
static dg_status check_directory(const zip *z)
{
    size_t at = z->central, claimed = 0;
    for (size_t i = 0; i < z->entries; i++) {
        entry e;
        if (read_entry(z, &at, &e) != DG_OK)
            return dg_reader_status(z->r);
        if (e.packed > z->n) /* so that the sum does not overflow */
            return dg_reader_fail(z->r, z->central, "entries of the zip overlap");
        claimed += LOCAL_BYTES + e.name_bytes + e.packed;
    }
    if (at != z->end)
        return dg_reader_fail(z->r, at, "bytes between the zip directory and its end record");
    if (claimed > z->central)
        return dg_reader_fail(z->r, z->central, "entries of the zip overlap");
    return DG_OK;
}

static dg_status is_twice(const zip *z, const char *name)
{
    return dg_reader_fail(z->r, z->central, "the array '%s' is there twice", name);
}

static dg_status find_entry(const zip *z, const char *name, entry *found)
{
    size_t at = z->central, count = 0;
    for (size_t i = 0; i < z->entries; i++) {
        entry e;
        if (read_entry(z, &at, &e) != DG_OK)
            return dg_reader_status(z->r);
        if (!name || is_called(&e, name)) {
            *found = e;
            count++;
        }
    }
    if (count == 0 || (count > 1 && !name))
        return none_such(z, name);
    return count > 1 ? is_twice(z, name) : DG_OK;
}

/* ---- An entry -------------------------------------------------------------------------------- */

/* Where the bytes of e begin. */
static dg_status find_bytes(const zip *z, const entry *e, size_t *at)
{
    int inside = e->local <= z->central && z->central - e->local >= LOCAL_BYTES;
    const unsigned char *p = z->bytes + (inside ? e->local : 0);
    if (!inside || memcmp(p, "PK\3\4", 4) != 0)
        return dg_reader_fail(z->r, e->local, "a zip entry is expected here");
    size_t names = u16(p + 26) + (size_t)u16(p + 28), room = z->central - e->local - LOCAL_BYTES;
    if (names > room || e->packed > room - names || u16(p + 26) != e->name_bytes ||
        memcmp(p + LOCAL_BYTES, e->name, e->name_bytes) != 0)
        return dg_reader_fail(z->r, e->local, "this zip entry is not the one its directory says");
    if (e->flags & 1 || (e->method != 0 && e->method != 8))
        return dg_reader_fail(z->r, e->local, "this zip entry is %s",
                              e->flags & 1 ? "encrypted" : "neither stored nor deflated");
    *at = e->local + LOCAL_BYTES + names;
    return DG_OK;
}

static dg_status check_crc(const zip *z, const entry *e, const unsigned char *bytes)
{
    if (crc32_z(crc32_z(0, NULL, 0), bytes, e->size) != e->crc)
        return dg_reader_fail(z->r, e->local, "this zip entry is damaged: its CRC is wrong");
    return DG_OK;
}

/* The bytes of e, inflated to memory of its size. */
static dg_status inflate_entry(const zip *z, const entry *e, size_t at, unsigned char **out)
{
    if (e->size > e->packed * DG_GZ_RATIO + DG_GZ_FREE)
        return dg_reader_fail(z->r, e->local,
                              "this zip entry says that %zu bytes become %zu: more than %d times",
                              e->packed, e->size, DG_GZ_RATIO);
    if (e->size >= in_64 || e->packed >= in_64)
        return dg_reader_fail(z->r, e->local,
                              "a compressed entry of 4 GiB or more; save it without compression");
    z_stream s = {.next_in = (z_const Bytef *)(z->bytes + at), .avail_in = (uInt)e->packed};
    unsigned char *bytes = malloc(e->size + 1);
    if (!bytes || inflateInit2(&s, -15) != Z_OK) {
        free(bytes);
        return dg_diag_set(dg_reader_diag(z->r), DG_EMEMORY, "out of memory");
    }
    s.next_out = bytes;
    s.avail_out = (uInt)e->size + (e->size < UINT32_MAX);
    int code = inflate(&s, Z_FINISH);
    bool good = code == Z_STREAM_END && s.total_out == e->size && s.avail_in == 0;
    inflateEnd(&s);
    *out = bytes;
    return good ? DG_OK
                : dg_reader_fail(z->r, e->local,
                                 "this zip entry is damaged: %zu bytes do not inflate to %zu",
                                 e->packed, e->size);
}

static dg_status read_array(const zip *z, const entry *e, const unsigned char *bytes, dg_array *out)
{
    char name[NAME];
    dg_reader *r;
    if (check_crc(z, e, bytes) != DG_OK)
        return dg_reader_status(z->r);
    dg_format(name, sizeof name, "%s(%.*s)", dg_reader_name(z->r), (int)e->name_bytes, e->name);
    dg_status status =
        dg_reader_memory(&r, bytes, e->size, name, DG_READ_RAW, dg_reader_diag(z->r));
    if (status == DG_OK)
        status = dg_npy_read(r, out);
    dg_reader_close(r);
    return status;
}

static dg_status read_one(const zip *z, const entry *e, dg_array *out)
{
    size_t at = 0;
    if (find_bytes(z, e, &at) != DG_OK)
        return dg_reader_status(z->r);
    if (e->method == 0 && e->packed != e->size)
        return dg_reader_fail(z->r, e->local, "this zip entry is stored, but its two sizes differ");
    if (e->method == 0)
        return read_array(z, e, z->bytes + at, out);
    unsigned char *bytes = NULL;
    dg_status status = inflate_entry(z, e, at, &bytes);
    if (status == DG_OK)
        status = read_array(z, e, bytes, out);
    free(bytes);
    return status;
}

/* End and directory of a zip that is in memory. */
static dg_status open_zip(zip *z, dg_reader *r, char **bytes)
{
    size_t n;
    if (dg_foreign_refuse(r, false) != DG_OK || dg_reader_rest(r, bytes, &n) != DG_OK)
        return dg_reader_status(r);
    *z = (zip){.r = r, .bytes = (unsigned char *)*bytes, .n = n};
    return read_end(z) == DG_OK ? check_directory(z) : dg_reader_status(r);
}

dg_status dg_npz_read(dg_reader *r, const char *name, dg_array *out)
{
    memset(out, 0, sizeof *out);
    char *bytes = NULL;
    zip z;
    entry e;
    dg_status status = open_zip(&z, r, &bytes);
    if (status == DG_OK)
        status = find_entry(&z, name, &e);
    if (status == DG_OK)
        status = read_one(&z, &e, out);
    free(bytes);
    return status;
}

/* The name of an entry without .npy, to be freed. */
static char *copy_name(const entry *e)
{
    size_t n = e->name_bytes;
    n -= n > 4 && memcmp(e->name + n - 4, ".npy", 4) == 0 ? 4 : 0;
    return strndup(e->name, n);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static dg_status check_names(const zip *z, char *const *names)
{
    size_t n = z->entries;
    const char **sorted = calloc(n + 1, sizeof *sorted);
    if (!sorted)
        return dg_diag_set(dg_reader_diag(z->r), DG_EMEMORY, "out of memory");
    for (size_t i = 0; i < n; i++)
        sorted[i] = names[i];
    qsort(sorted, n, sizeof *sorted, by_text);
    dg_status status = DG_OK;
    for (size_t i = 1; i < n && status == DG_OK; i++)
        if (strcmp(sorted[i - 1], sorted[i]) == 0)
            status = is_twice(z, sorted[i]);
    free(sorted);
    return status;
}

static dg_status read_names(const zip *z, int *n, char **names)
{
    size_t at = z->central;
    for (size_t i = 0; i < z->entries; i++) {
        entry e;
        if (read_entry(z, &at, &e) != DG_OK)
            return dg_reader_status(z->r);
        names[i] = copy_name(&e);
        *n = (int)i + 1;
        if (!names[i])
            return dg_diag_set(dg_reader_diag(z->r), DG_EMEMORY, "out of memory");
    }
    return check_names(z, names);
}

static dg_status read_each(const zip *z, int *n, char **names, dg_array *arrays)
{
    size_t at = z->central;
    dg_status status = read_names(z, n, names);
    for (size_t i = 0; i < z->entries && status == DG_OK; i++) {
        entry e;
        status = read_entry(z, &at, &e);
        if (status == DG_OK)
            status = read_one(z, &e, &arrays[i]);
    }
    return status;
}

dg_status dg_npz_read_all(dg_reader *r, int *n, char ***names, dg_array **arrays)
{
    char *bytes = NULL;
    zip z;
    *n = 0;
    *names = NULL;
    *arrays = NULL;
    dg_status status = open_zip(&z, r, &bytes);
    if (status == DG_OK) {
        *names = calloc(z.entries + 1, sizeof **names);
        *arrays = calloc(z.entries + 1, sizeof **arrays);
        status = *names && *arrays ? read_each(&z, n, *names, *arrays)
                                   : dg_diag_set(dg_reader_diag(r), DG_EMEMORY, "out of memory");
    }
    free(bytes);
    if (status == DG_OK)
        return DG_OK;
    for (int i = 0; i < *n; i++) {
        free((*names)[i]);
        dg_array_free(&(*arrays)[i]);
    }
    free(*names);
    free(*arrays);
    *n = 0;
    *names = NULL;
    *arrays = NULL;
    return status;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static void put16(dg_text *t, size_t x)
{
    const char bytes[2] = {(char)(x & 255), (char)(x >> 8 & 255)};
    dg_text_add_bytes(t, bytes, 2);
}

static void put32(dg_text *t, size_t x)
{
    put16(t, x & 0xffff);
    put16(t, x >> 16);
}

static bool has_high_bytes(const char *name, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)name[i] >= 0x80)
            return true;
    return false;
}

/* What local header and directory have in common, from the version needed on. The date is fixed, so
 * that the same arrays give the same file. */
static void put_common(dg_text *t, const entry *e)
{
    const bool wide = dg_utf8_check(e->name, e->name_bytes) == e->name_bytes &&
                      has_high_bytes(e->name, e->name_bytes);
    put16(t, 20); /* version */
    put16(t, wide ? UTF8_NAME : 0);
    put16(t, 0);      /* stored */
    put16(t, 0);      /* midnight */
    put16(t, 0x0021); /* 1 January 1980 */
    put32(t, e->crc);
    put32(t, e->size);
    put32(t, e->size);
    put16(t, e->name_bytes + 4);
    put16(t, 0); /* extra field */
}

static void put_name(dg_text *t, const entry *e)
{
    dg_text_add_bytes(t, e->name, e->name_bytes);
    dg_text_add(t, ".npy");
}

static void put_central(dg_text *t, const entry *e)
{
    dg_text_add_bytes(t, "PK\1\2", 4);
    put16(t, 20);
    put_common(t, e);
    put16(t, 0); /* comment */
    put16(t, 0); /* volume */
    put16(t, 0);
    put32(t, 0);
    put32(t, e->local);
    put_name(t, e);
}

/* Writes one array and its line of the directory. */
static dg_status write_entry(dg_writer *w, const char *name, const dg_tensor *t, dg_text *central)
{
    dg_text head = dg_text_make(NULL), npy = dg_text_make(NULL);
    entry e = {.name = name, .name_bytes = strlen(name), .local = (size_t)dg_writer_at(w)};
    dg_npy_header(t, &npy);
    e.size = npy.length + t->bytes;
    e.crc = crc32_z(crc32_z(0, NULL, 0), (const Bytef *)npy.data, npy.length);
    if (t->bytes > 0)
        e.crc = crc32_z(e.crc, t->data, t->bytes);
    dg_text_add_bytes(&head, "PK\3\4", 4);
    put_common(&head, &e);
    put_name(&head, &e);
    put_central(central, &e);
    dg_status status = DG_OK;
    if (npy.failed || head.failed || central->failed)
        status = dg_diag_set(dg_writer_diag(w), DG_EMEMORY, "out of memory");
    else if (e.name_bytes > 1000 || e.size >= 0xffffffff || e.local + e.size >= 0xf0000000)
        status = dg_diag_set(dg_writer_diag(w), DG_EUSAGE, "too large for NPZ; write it as NPY");
    if (status == DG_OK)
        status = dg_writer_put(w, head.data, head.length);
    if (status == DG_OK)
        status = dg_writer_put(w, npy.data, npy.length);
    if (status == DG_OK)
        status = dg_writer_put(w, t->data, t->bytes);
    dg_text_free(&head);
    dg_text_free(&npy);
    return status;
}

dg_status dg_npz_write(dg_writer *w, int n, const char *const names[], const dg_tensor t[])
{
    dg_text central = dg_text_make(NULL);
    dg_status status = DG_OK;
    if (n > 0xfffe)
        status = dg_diag_set(dg_writer_diag(w), DG_EUSAGE, "NPZ holds at most 65534 arrays");
    for (int i = 0; i < n && status == DG_OK; i++)
        status = write_entry(w, names[i], &t[i], &central);
    size_t at = (size_t)dg_writer_at(w), size = central.length;
    dg_text_add_bytes(&central, "PK\5\6\0\0\0\0", 8);
    put16(&central, (size_t)n);
    put16(&central, (size_t)n);
    put32(&central, size);
    put32(&central, at);
    put16(&central, 0);
    if (status == DG_OK && central.failed)
        status = dg_diag_set(dg_writer_diag(w), DG_EMEMORY, "out of memory");
    if (status == DG_OK)
        status = dg_writer_put(w, central.data, central.length);
    dg_text_free(&central);
    return status;
}
