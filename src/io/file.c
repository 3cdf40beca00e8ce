/* The system calls, failures of files, hashes of files. */
#include "io/file.h"

#include "base/memory.h"
#include "base/sha256.h"
#include "base/text.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static int system_open(const char *path, int flags, mode_t mode)
{
    return open(path, flags, mode);
}

static int system_lock(int fd)
{
    return flock(fd, LOCK_EX | LOCK_NB);
}

const dg_file_calls dg_system_calls = {
    .open = system_open,
    .read = read,
    .pread = pread,
    .write = write,
    .fstat = fstat,
    .lstat = lstat,
    .lock = system_lock,
    .fchmod = fchmod,
    .fsync = fsync,
    .rename = rename,
    .unlink = unlink,
    .close = close,
    .ftruncate = ftruncate,
    .mkdir = mkdir,
};

_Thread_local const dg_file_calls *dg_calls = &dg_system_calls;

dg_status dg_file_fail(dg_diag *why, dg_status code, const char *file, int line, int column,
                       const char *format, ...)
{
    if (!why || why->code != DG_OK)
        return dg_diag_set(why, code, "%s", "");
    char text[sizeof why->text], shown[DG_PATH_SHOWN];
    va_list args;
    va_start(args, format);
    dg_vformat(text, sizeof text, format, args);
    va_end(args);
    dg_diag_set(why, code, "%s", text);
    dg_format(why->file, sizeof why->file, "%s", dg_path_shown(file, shown));
    why->line = line;
    why->column = column;
    return code;
}

dg_status dg_file_errno(dg_diag *why, const char *file, const char *verb, int error)
{
    int reading = strcmp(verb, "read") == 0;
    int absent = error == ENOENT || error == EACCES || error == EISDIR || error == ENOTDIR ||
                 error == ELOOP || error == ENAMETOOLONG;
    dg_status code = error == ENOMEM ? DG_EMEMORY : reading && absent ? DG_EDATA : DG_EFILE;
    errno = error; /* %m is its text, here in the C locale */
    return dg_file_fail(why, code, file, 0, 0, "cannot %s: %m", verb);
}

int dg_open(const char *path, int flags, mode_t mode)
{
    int fd;
    do
        fd = dg_calls->open(path, flags | O_CLOEXEC, mode);
    while (fd < 0 && errno == EINTR);
    return fd;
}

ssize_t dg_read_at(int fd, void *to, size_t n, int64_t at)
{
    size_t got = 0;
    while (got < n) {
        size_t most = n - got < (size_t)1 << 30 ? n - got : (size_t)1 << 30;
        char *into = (char *)to + got;
        ssize_t k = at < 0 ? dg_calls->read(fd, into, most)
                           : dg_calls->pread(fd, into, most, (off_t)(at + (int64_t)got));
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return -1;
        if (k == 0)
            break;
        got += (size_t)k;
    }
    return (ssize_t)got;
}

int dg_write_all(int fd, const void *from, size_t n)
{
    const char *bytes = from;
    while (n > 0) {
        ssize_t k = dg_calls->write(fd, bytes, n < (1U << 30) ? n : 1U << 30);
        if (k < 0 && errno == EINTR)
            continue;
        if (k == 0)
            errno = EIO;
        if (k <= 0)
            return -1;
        bytes += k;
        n -= (size_t)k;
    }
    return 0;
}

int dg_sync(int fd)
{
    int code;
    do
        code = dg_calls->fsync(fd);
    while (code != 0 && errno == EINTR);
    return code == 0 || errno == EINVAL ? 0 : -1;
}

int dg_sync_folder(const char *folder)
{
    int fd = dg_open(folder, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return errno == EACCES ? 0 : -1;
    int code = dg_sync(fd), error = errno;
    dg_calls->close(fd);
    errno = error;
    return code;
}

enum { HASH_BLOCK = 1 << 16 };

static dg_status hash(int fd, const char *path, dg_sha256 *s, uint64_t *size, dg_diag *why)
{
    unsigned char *block = dg_memory_alloc(NULL, HASH_BLOCK);
    if (!block)
        return dg_file_fail(why, DG_EMEMORY, path, 0, 0, "out of memory");
    dg_status status = DG_OK;
    for (*size = 0;;) {
        ssize_t k = dg_read_at(fd, block, HASH_BLOCK, -1);
        if (k < 0)
            status = dg_file_errno(why, path, "read", errno);
        if (k <= 0)
            break;
        dg_sha256_add(s, block, (size_t)k);
        *size += (uint64_t)k;
    }
    dg_memory_free(NULL, block);
    return status;
}

dg_status dg_file_sha256(const char *path, char hex[65], uint64_t *size, dg_diag *why)
{
    hex[0] = 0;
    int fd = dg_open(path, O_RDONLY, 0);
    if (fd < 0)
        return dg_file_errno(why, path, "read", errno);
    dg_sha256 s;
    uint64_t bytes = 0;
    dg_sha256_start(&s);
    dg_status status = hash(fd, path, &s, &bytes, why);
    dg_calls->close(fd);
    if (status != DG_OK)
        return status;
    uint8_t digest[DG_SHA256_BYTES];
    dg_sha256_end(&s, digest);
    dg_sha256_text(digest, hex);
    if (size)
        *size = bytes;
    return DG_OK;
}
