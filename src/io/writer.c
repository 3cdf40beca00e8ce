/* Bytes out, all or nothing: temporary, flush, read back, rename, flush the folder. */
#include "io/writer.h"

#include "base/text.h"
#include "io/file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { BLOCK = 1 << 16, TRIES = 100 };

struct dg_writer {
    dg_diag *why;
    dg_status status;
    char *path, *temporary, *folder; /* temporary NULL: path itself is written */
    int fd, keep_open;
    int keep_mode; /* the old file's mode */
    mode_t mode;
    dg_text *text;     /* what is written, if it is no file */
    uint64_t at;       /* bytes put */
    unsigned long crc; /* of them */
    size_t held;       /* bytes of block that are not written yet */
    unsigned char *block;
};

dg_diag *dg_writer_diag(dg_writer *w)
{
    return w->why;
}

uint64_t dg_writer_at(const dg_writer *w)
{
    return w->at;
}

static dg_status fail(dg_writer *w, const char *verb, int error)
{
    if (w->status == DG_OK) {
        w->status = error == ENOMEM ? DG_EMEMORY : DG_EFILE;
        dg_file_errno(w->why, w->path, verb, error);
    }
    return w->status;
}

static dg_status fail_text(dg_writer *w, dg_status code, const char *text)
{
    if (w->status == DG_OK) {
        w->status = code;
        dg_file_fail(w->why, code, w->path ? w->path : "", 0, 0, "%s", text);
    }
    return w->status;
}

/* ---- The temporary --------------------------------------------------------------------------- */

/* 1: fd is the file that path names now. */
static int same_file(int fd, const char *path)
{
    struct stat a, b;
    return dg_calls->fstat(fd, &a) == 0 && dg_calls->lstat(path, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

/* Removes a temporary that a killed process left. Its writer, if it lives, holds a lock on it. */
static dg_status remove_left_over(dg_writer *w)
{
    int fd = dg_open(w->temporary, O_RDWR | O_NOFOLLOW | O_NONBLOCK, 0);
    if (fd < 0)
        return errno == ENOENT ? DG_OK : fail(w, "replace its temporary file", errno);
    int locked = dg_calls->lock(fd) == 0 || errno != EWOULDBLOCK;
    if (!locked)
        fail_text(w, DG_EFILE, "another process is writing this file");
    else if (same_file(fd, w->temporary) && dg_calls->unlink(w->temporary) != 0 && errno != ENOENT)
        fail(w, "replace its temporary file", errno);
    dg_calls->close(fd);
    return w->status;
}

/* Between open and lock another process may take the file for a left-over: then try again. */
static dg_status make_temporary(dg_writer *w)
{
    for (int i = 0; i < TRIES && w->status == DG_OK; i++) {
        w->fd = dg_open(w->temporary, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW, 0666);
        if (w->fd < 0 && errno != EEXIST)
            return fail(w, "write", errno);
        if (w->fd < 0) {
            remove_left_over(w);
            continue;
        }
        int locked = dg_calls->lock(w->fd) == 0 || errno != EWOULDBLOCK;
        if (locked && same_file(w->fd, w->temporary))
            return DG_OK;
        dg_calls->close(w->fd);
        w->fd = -1;
    }
    return fail_text(w, DG_EFILE, "its temporary file cannot be made: others take it away");
}

static dg_status set_mode(dg_writer *w)
{
    struct stat s;
    if (!w->keep_mode)
        return DG_OK;
    if (dg_calls->fstat(w->fd, &s) == 0 && (s.st_mode & 07777) == w->mode)
        return DG_OK;
    return dg_calls->fchmod(w->fd, w->mode) == 0 ? DG_OK : fail(w, "set the mode of", errno);
}

/* w->path = FOLDER/NAME: folder, and the temporary FOLDER/.NAME.tmp. */
static dg_status name_temporary(dg_writer *w)
{
    const char *slash = strrchr(w->path, '/'), *name = slash ? slash + 1 : w->path;
    size_t n = slash ? (size_t)(name - w->path) : 0, room = strlen(w->path) + sizeof "..tmp";
    w->folder = n > 0 ? strndup(w->path, n) : strdup(".");
    w->temporary = malloc(room);
    if (!w->folder || !w->temporary)
        return fail_text(w, DG_EMEMORY, "out of memory");
    dg_format(w->temporary, room, "%.*s.%s.tmp", (int)n, w->path, name);
    return DG_OK;
}

static dg_status open_path(dg_writer *w)
{
    struct stat s;
    int there = dg_calls->lstat(w->path, &s) == 0;
    if (!there && errno != ENOENT)
        return fail(w, "write", errno);
    if (there && S_ISLNK(s.st_mode)) {
        char *real = realpath(w->path, NULL);
        if (!real)
            return fail(w, "follow the link", errno);
        free(w->path);
        w->path = real;
        there = dg_calls->lstat(w->path, &s) == 0;
    }
    if (there && !S_ISREG(s.st_mode)) {
        w->fd = dg_open(w->path, O_WRONLY, 0);
        return w->fd < 0 ? fail(w, "write", errno) : DG_OK;
    }
    w->keep_mode = there;
    w->mode = there ? s.st_mode & 07777 : 0;
    if (name_temporary(w) != DG_OK || make_temporary(w) != DG_OK)
        return w->status;
    return set_mode(w);
}

/* ---- Bytes ----------------------------------------------------------------------------------- */

static dg_status write_all(dg_writer *w, const unsigned char *bytes, size_t n)
{
    if (w->status == DG_OK && w->text) {
        dg_text_add_bytes(w->text, (const char *)bytes, n);
        return w->text->failed ? fail_text(w, DG_EMEMORY, "out of memory") : DG_OK;
    }
    if (w->status == DG_OK && dg_write_all(w->fd, bytes, n) != 0)
        fail(w, "write", errno);
    return w->status;
}

static dg_status flush(dg_writer *w)
{
    size_t n = w->held;
    w->held = 0;
    return write_all(w, w->block, n);
}

dg_status dg_writer_put(dg_writer *w, const void *bytes, size_t n)
{
    if (w->status != DG_OK || n == 0)
        return w->status;
    w->crc = crc32_z(w->crc, bytes, n);
    w->at += n;
    if (n > BLOCK - w->held && flush(w) != DG_OK)
        return w->status;
    if (n >= BLOCK)
        return write_all(w, bytes, n);
    memcpy(w->block + w->held, bytes, n);
    w->held += n;
    return DG_OK;
}

dg_status dg_writer_print(dg_writer *w, const char *format, ...)
{
    dg_text t = dg_text_make(NULL);
    va_list args;
    va_start(args, format);
    if (dg_text_vprintf(&t, format, args))
        dg_writer_put(w, t.data, t.length);
    else
        fail_text(w, DG_EMEMORY, "out of memory");
    va_end(args);
    dg_text_free(&t);
    return w->status;
}

/* ---- The end --------------------------------------------------------------------------------- */

/* The file has the bytes that were put: the same number, the same CRC. Pages that are in memory and
 * clean are given up first, so that most of this comes from the disk. */
static dg_status read_back(dg_writer *w)
{
    posix_fadvise(w->fd, 0, 0, POSIX_FADV_DONTNEED);
    unsigned long crc = crc32_z(0, NULL, 0);
    uint64_t at = 0;
    for (;;) {
        ssize_t k = dg_read_at(w->fd, w->block, BLOCK, (int64_t)at);
        if (k < 0)
            return fail(w, "read back", errno);
        if (k == 0)
            break;
        crc = crc32_z(crc, w->block, (size_t)k);
        at += (uint64_t)k;
    }
    if (at == w->at && crc == w->crc)
        return DG_OK;
    return fail_text(w, DG_EFILE, "what was written reads back differently");
}

static dg_status replace(dg_writer *w)
{
    if (flush(w) != DG_OK)
        return w->status;
    if (dg_sync(w->fd) != 0)
        return fail(w, "flush", errno);
    if (read_back(w) != DG_OK)
        return w->status;
    if (dg_calls->rename(w->temporary, w->path) != 0)
        return fail(w, "replace", errno);
    free(w->temporary); /* it is not there any more */
    w->temporary = NULL;
    return dg_sync_folder(w->folder) == 0 ? DG_OK : fail(w, "flush the folder of", errno);
}

static void discard(dg_writer *w)
{
    if (w->fd >= 0 && !w->keep_open)
        dg_calls->close(w->fd);
    free(w->path);
    free(w->temporary);
    free(w->folder);
    free(w->block);
    free(w);
}

dg_status dg_writer_end(dg_writer *w, dg_status so_far)
{
    if (!w)
        return so_far;
    if (w->status == DG_OK)
        w->status = so_far;
    if (w->status == DG_OK && w->temporary)
        replace(w);
    else if (w->status == DG_OK)
        flush(w);
    if (w->temporary) /* it failed: path is as it was */
        dg_calls->unlink(w->temporary);
    if (w->fd >= 0 && !w->keep_open) {
        if (dg_calls->close(w->fd) != 0 && errno != EINTR)
            fail(w, "close", errno);
        w->fd = -1;
    }
    dg_status status = w->status;
    discard(w);
    return status;
}

/* NULL: out of memory. */
static dg_writer *make(const char *name, dg_diag *why)
{
    dg_writer *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->why = why;
    w->fd = -1;
    w->crc = crc32_z(0, NULL, 0);
    w->path = strdup(name);
    w->block = malloc(BLOCK);
    if (w->path && w->block)
        return w;
    discard(w);
    return NULL;
}

dg_status dg_writer_to_text(dg_writer **w, dg_text *to, dg_diag *why)
{
    *w = make("a text", why);
    if (!*w)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    (*w)->text = to;
    return DG_OK;
}

dg_status dg_writer_open(dg_writer **out, const char *path, dg_diag *why)
{
    dg_writer *w = make(strcmp(path, "-") == 0 ? "standard output" : path, why);
    *out = NULL;
    if (!w)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    if (strcmp(path, "-") == 0) {
        w->fd = STDOUT_FILENO;
        w->keep_open = 1;
    } else
        open_path(w);
    if (w->status == DG_OK) {
        *out = w;
        return DG_OK;
    }
    if (w->fd >= 0 && w->temporary)
        dg_calls->unlink(w->temporary);
    dg_status status = w->status;
    discard(w);
    return status;
}

dg_status dg_file_write(const char *path, const void *bytes, size_t n, dg_diag *why)
{
    dg_writer *w;
    dg_status status = dg_writer_open(&w, path, why);
    if (status == DG_OK)
        status = dg_writer_put(w, bytes, n);
    return dg_writer_end(w, status);
}
