/* Bytes in from a file, a pipe or memory; gz inflated on the way. */
#include "io/reader.h"

#include "base/checked.h"
#include "base/text.h"
#include "io/file.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { BLOCK = 1 << 16, PIPE_FIRST = 1 << 16 };

struct dg_reader {
    dg_diag *why;
    dg_status status;
    char *name;
    int fd;                  /* -1: all is in `in` */
    unsigned char *own;      /* to be freed: a block, or all that a pipe gave */
    const unsigned char *in; /* raw bytes; in_at to in_n are still to be taken */
    size_t in_at, in_n;
    uint64_t size, fetched; /* raw bytes there are, and those in `in` or gone */
    int gz, done;           /* done: the last member of the gz stream has ended, CRC right */
    z_stream z;
    uint64_t at, limit; /* decoded bytes */
};

const char *dg_reader_name(const dg_reader *r)
{
    return r->name;
}

dg_diag *dg_reader_diag(dg_reader *r)
{
    return r->why;
}

uint64_t dg_reader_at(const dg_reader *r)
{
    return r->at;
}

uint64_t dg_reader_left(const dg_reader *r)
{
    return r->limit - r->at;
}

dg_status dg_reader_status(const dg_reader *r)
{
    return r->status;
}

static dg_status fail(dg_reader *r, dg_status code, const char *text)
{
    if (r->status == DG_OK) {
        dg_file_fail(r->why, code, r->name, 0, 0, "%s", text);
        r->status = code;
    }
    return r->status;
}

dg_status dg_reader_fail(dg_reader *r, uint64_t at, const char *format, ...)
{
    char text[640];
    int n = dg_format(text, sizeof text, "byte %" PRIu64 ": ", at);
    va_list args;
    va_start(args, format);
    dg_vformat(text + n, sizeof text - (size_t)n, format, args);
    va_end(args);
    return fail(r, DG_EDATA, text);
}

dg_status dg_reader_refuse(dg_reader *r, const char *what)
{
    return fail(r, DG_EDATA, what);
}

size_t dg_reader_peek(const dg_reader *r, const void **bytes)
{
    *bytes = r->in;
    return r->gz || r->at > 0 || r->status != DG_OK ? 0 : r->in_n;
}

/* ---- Raw bytes ------------------------------------------------------------------------------- */

/* n raw bytes of the file, which must have them, at `fetched`. */
static dg_status fetch(dg_reader *r, void *to, size_t n)
{
    ssize_t k = dg_read_at(r->fd, to, n, (int64_t)r->fetched);
    if (k < 0) {
        r->status = dg_file_errno(r->why, r->name, "read", errno);
        return r->status;
    }
    if ((size_t)k < n)
        return dg_reader_fail(r, r->fetched + (uint64_t)k,
                              "the file became shorter while it was read");
    r->fetched += n;
    return DG_OK;
}

/* Bytes into an empty `in`; none at the end of the file. */
static dg_status refill(dg_reader *r)
{
    r->in_at = r->in_n = 0;
    uint64_t left = r->size - r->fetched;
    size_t n = left < BLOCK ? (size_t)left : BLOCK;
    if (r->fd < 0 || n == 0)
        return DG_OK;
    dg_status status = fetch(r, r->own, n);
    r->in_n = status == DG_OK ? n : 0;
    return status;
}

static dg_status some_raw(dg_reader *r, unsigned char *to, size_t n, size_t *got)
{
    uint64_t left = r->limit - r->at;
    n = left < n ? (size_t)left : n;
    size_t have = r->in_n - r->in_at, first = have < n ? have : n;
    if (first > 0)
        memcpy(to, r->in + r->in_at, first);
    r->in_at += first;
    *got = first;
    if (n - first >= BLOCK && fetch(r, to + first, n - first) == DG_OK)
        *got = n;
    else if (n > first && r->status == DG_OK && refill(r) == DG_OK) {
        memcpy(to + first, r->in, n - first);
        r->in_at = n - first;
        *got = n;
    }
    r->at += *got;
    return r->status;
}

/* ---- gz -------------------------------------------------------------------------------------- */

/* A member has ended: the next one begins, or the stream is done. */
static dg_status next_member(dg_reader *r)
{
    if (r->in_at == r->in_n && refill(r) != DG_OK)
        return r->status;
    if (r->in_at == r->in_n) {
        r->done = 1;
        return DG_OK;
    }
    if (r->in[r->in_at] != 0x1f)
        return dg_reader_fail(r, r->at, "bytes follow the end of the gz stream");
    return inflateReset(&r->z) == Z_OK ? DG_OK : fail(r, DG_EINTERNAL, "inflateReset failed");
}

static dg_status gz_failure(dg_reader *r, int code)
{
    if (code == Z_MEM_ERROR)
        return fail(r, DG_EMEMORY, "out of memory");
    return dg_reader_fail(r, r->at, "the gz stream is damaged: %s",
                          r->z.msg ? r->z.msg : "no valid gz data");
}

/* One call of inflate, with input; *got bytes came. */
static dg_status inflate_more(dg_reader *r, unsigned char *to, size_t n, size_t *got)
{
    *got = 0;
    if (r->in_at == r->in_n && refill(r) != DG_OK)
        return r->status;
    size_t in = r->in_n - r->in_at;
    if (in == 0)
        return dg_reader_fail(
            r, r->at, "the gz stream is cut off (its %" PRIu64 " bytes end there)", r->size);
    r->z.next_in = (z_const Bytef *)(r->in + r->in_at);
    r->z.avail_in = in < (1U << 30) ? (uInt)in : 1U << 30;
    r->z.next_out = to;
    r->z.avail_out = n < (1U << 30) ? (uInt)n : 1U << 30;
    uInt in_before = r->z.avail_in, out_before = r->z.avail_out;
    int code = inflate(&r->z, Z_NO_FLUSH);
    r->in_at += in_before - r->z.avail_in;
    *got = out_before - r->z.avail_out;
    r->at += *got;
    if (code == Z_STREAM_END)
        return next_member(r);
    return code == Z_OK || code == Z_BUF_ERROR ? DG_OK : gz_failure(r, code);
}

static dg_status some_gz(dg_reader *r, unsigned char *to, size_t n, size_t *got)
{
    *got = 0;
    while (*got < n && !r->done && r->status == DG_OK) {
        uint64_t left = r->limit - r->at;
        unsigned char spare[1]; /* at the limit one byte more must not come */
        size_t most = n - *got < left ? n - *got : (size_t)left, k = 0;
        inflate_more(r, left ? to + *got : spare, left ? most : 1, &k);
        if (left == 0 && k > 0)
            return dg_reader_fail(r, r->limit,
                                  "inflates to more than %d times its size plus %d MiB",
                                  DG_GZ_RATIO, DG_GZ_FREE >> 20);
        *got += k;
    }
    return r->status;
}

/* ---- Reading --------------------------------------------------------------------------------- */

dg_status dg_reader_some(dg_reader *r, void *to, size_t n, size_t *got)
{
    *got = 0;
    if (r->status != DG_OK || n == 0)
        return r->status;
    return r->gz ? some_gz(r, to, n, got) : some_raw(r, to, n, got);
}

dg_status dg_reader_get(dg_reader *r, void *to, size_t n)
{
    size_t got;
    if (dg_reader_some(r, to, n, &got) == DG_OK && got < n)
        dg_reader_fail(r, r->at, "the file ends here; %zu more bytes were to come", n - got);
    return r->status;
}

static dg_status rest_in_steps(dg_reader *r, char **bytes, size_t *n)
{
    size_t room = 0, got = 0, more = BLOCK;
    do {
        if (got == room) {
            char *larger = dg_add_size(room, more, &room) ? realloc(*bytes, room + 1) : NULL;
            if (!larger)
                return fail(r, DG_EMEMORY, "out of memory");
            *bytes = larger;
            more = room;
        }
        if (dg_reader_some(r, *bytes + got, room - got, n) != DG_OK)
            return r->status;
        got += *n;
    } while (*n > 0);
    *n = got;
    return DG_OK;
}

dg_status dg_reader_rest(dg_reader *r, char **bytes, size_t *n)
{
    *bytes = NULL;
    *n = 0;
    if (r->status == DG_OK && r->gz)
        rest_in_steps(r, bytes, n);
    else if (r->status == DG_OK) {
        *n = (size_t)dg_reader_left(r);
        *bytes = *n < SIZE_MAX ? malloc(*n + 1) : NULL;
        if (*bytes)
            dg_reader_get(r, *bytes, *n);
        else
            fail(r, DG_EMEMORY, "out of memory");
    }
    if (r->status == DG_OK) {
        (*bytes)[*n] = 0;
        return DG_OK;
    }
    free(*bytes);
    *bytes = NULL;
    *n = 0;
    return r->status;
}

dg_status dg_reader_end(dg_reader *r)
{
    unsigned char extra;
    size_t got;
    uint64_t at = r->at;
    if (dg_reader_some(r, &extra, 1, &got) == DG_OK && got > 0)
        dg_reader_fail(r, at, "bytes follow where the data should end");
    return r->status;
}

/* ---- Opening --------------------------------------------------------------------------------- */

/* All that a pipe gives. */
static dg_status drain(dg_reader *r)
{
    size_t room = 0, got = 0;
    for (;;) {
        if (got == room) {
            size_t more = room ? room : PIPE_FIRST;
            unsigned char *larger = dg_add_size(room, more, &room) ? realloc(r->own, room) : NULL;
            if (!larger)
                return fail(r, DG_EMEMORY, "out of memory");
            r->own = larger;
        }
        ssize_t k = dg_read_at(r->fd, r->own + got, room - got, -1);
        if (k < 0)
            return r->status = dg_file_errno(r->why, r->name, "read", errno);
        got += (size_t)k;
        if (got < room)
            break;
    }
    r->in = r->own;
    r->in_n = got;
    r->size = r->fetched = got;
    return DG_OK;
}

static dg_status open_regular(dg_reader *r, const struct stat *s)
{
    if (s->st_size < 0)
        return fail(r, DG_EDATA, "a file of a negative size");
    r->size = (uint64_t)s->st_size;
    r->own = malloc(BLOCK);
    r->in = r->own;
    return r->own ? refill(r) : fail(r, DG_EMEMORY, "out of memory");
}

static dg_status open_fd(dg_reader *r, const char *path)
{
    int standard = strcmp(path, "-") == 0;
    r->fd = standard ? STDIN_FILENO : dg_open(path, O_RDONLY, 0);
    struct stat s;
    if (r->fd < 0 || dg_calls->fstat(r->fd, &s) != 0)
        r->status = dg_file_errno(r->why, r->name, "read", errno);
    else if (standard || !S_ISREG(s.st_mode))
        drain(r);
    else
        open_regular(r, &s);
    if (r->fd >= 0 && (standard || !S_ISREG(s.st_mode))) {
        if (!standard)
            dg_calls->close(r->fd);
        r->fd = -1;
    }
    return r->status;
}

/* gz or not: the first bytes are in `in`. */
static dg_status start(dg_reader *r, int flags)
{
    r->limit = r->size;
    if (flags & DG_READ_RAW || r->in_n < 2 || r->in[0] != 0x1f || r->in[1] != 0x8b)
        return r->status;
    r->gz = 1;
    r->limit = r->size > (UINT64_MAX - DG_GZ_FREE) / DG_GZ_RATIO
                   ? UINT64_MAX
                   : r->size * DG_GZ_RATIO + DG_GZ_FREE;
    if (inflateInit2(&r->z, 15 + 16) == Z_OK) /* 16: gz only */
        return DG_OK;
    r->gz = 0;
    return fail(r, DG_EMEMORY, "out of memory");
}

static dg_status make(dg_reader **out, const char *name, dg_diag *why)
{
    dg_reader *r = calloc(1, sizeof *r);
    *out = r;
    if (r)
        r->name = strdup(name);
    if (r && r->name) {
        r->why = why;
        r->fd = -1;
        return DG_OK;
    }
    free(r);
    *out = NULL;
    return dg_diag_set(why, DG_EMEMORY, "out of memory");
}

static dg_status made(dg_reader **out, dg_status status)
{
    if (status == DG_OK)
        return DG_OK;
    dg_reader_close(*out);
    *out = NULL;
    return status;
}

dg_status dg_reader_open(dg_reader **out, const char *path, int flags, dg_diag *why)
{
    dg_status status = make(out, strcmp(path, "-") == 0 ? "standard input" : path, why);
    if (status != DG_OK)
        return status;
    if (open_fd(*out, path) == DG_OK)
        start(*out, flags);
    return made(out, (*out)->status);
}

dg_status dg_reader_memory(dg_reader **out, const void *bytes, size_t n, const char *name,
                           int flags, dg_diag *why)
{
    dg_status status = make(out, name, why);
    if (status != DG_OK)
        return status;
    dg_reader *r = *out;
    r->in = bytes;
    r->in_n = n;
    r->size = r->fetched = n;
    return made(out, start(r, flags));
}

void dg_reader_close(dg_reader *r)
{
    if (!r)
        return;
    if (r->gz)
        inflateEnd(&r->z);
    if (r->fd >= 0)
        dg_calls->close(r->fd);
    free(r->own);
    free(r->name);
    free(r);
}
