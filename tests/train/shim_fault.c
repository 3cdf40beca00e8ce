/* Calls that fail, for LD_PRELOAD. DAGRAD_FAULT="KIND N MODE": the N-th call of that kind fails,
 * with the mode "ever" all calls of the kind after it too; N 0: none, they are only counted. Kinds:
 * "alloc" (malloc, calloc, realloc, aligned memory), "file" (open to write, write, fsync, rename,
 * mkdir, ftruncate; not on descriptors 0 to 2), "sync" (fsync alone). The number of calls goes to
 * the file DAGRAD_FAULT_COUNT at the end. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#pragma GCC visibility push(default) /* what is here stands before the C library's */

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t align, size_t n);

static int alloc_fails, file_fails, sync_fails, ever; /* which kind fails */
static long target, calls;

static long number(const char *text)
{
    long n = 0;
    while (*text >= '0' && *text <= '9')
        n = 10 * n + (*text++ - '0');
    return n;
}

__attribute__((constructor)) static void begin(void)
{
    const char *fault = getenv("DAGRAD_FAULT"), *space = fault ? strchr(fault, ' ') : NULL;
    if (!space)
        return;
    target = number(space + 1);
    ever = strstr(fault, "ever") != NULL;
    alloc_fails = *fault == 'a';
    file_fails = *fault == 'f';
    sync_fails = *fault == 's';
}

__attribute__((destructor)) static void end(void)
{
    char text[32];
    const char *file = getenv("DAGRAD_FAULT_COUNT");
    long fd = file ? syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_TRUNC, 0666) : -1;
    int n = snprintf(text, sizeof text, "%ld\n", calls);
    if (fd >= 0 && syscall(SYS_write, fd, text, (size_t)n) != n)
        _exit(97);
}

static int fails(int kind)
{
    if (!kind)
        return 0;
    long n = __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
    return target > 0 && (n == target || (ever && n > target));
}

static void *no_memory(void)
{
    errno = ENOMEM;
    return NULL;
}

void *malloc(size_t n)
{
    return fails(alloc_fails) ? no_memory() : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return fails(alloc_fails) ? no_memory() : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    return fails(alloc_fails) ? no_memory() : __libc_realloc(p, n);
}

void *aligned_alloc(size_t align, size_t n)
{
    return fails(alloc_fails) ? no_memory() : __libc_memalign(align, n);
}

int posix_memalign(void **p, size_t align, size_t n)
{
    void *made = fails(alloc_fails) ? NULL : __libc_memalign(align, n);
    if (!made)
        return ENOMEM;
    *p = made;
    return 0;
}

static int no_file(int error)
{
    errno = error;
    return -1;
}

static int open_file(const char *path, int flags, mode_t mode)
{
    if (flags & (O_WRONLY | O_RDWR | O_CREAT) && fails(file_fails))
        return no_file(ENOSPC);
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    return open_file(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    return open_file(path, flags, mode);
}

ssize_t write(int fd, const void *bytes, size_t n)
{
    if (fd > 2 && fails(file_fails))
        return no_file(ENOSPC);
    return syscall(SYS_write, fd, bytes, n);
}

int fsync(int fd)
{
    return fails(file_fails || sync_fails) ? no_file(EIO) : (int)syscall(SYS_fsync, fd);
}

int rename(const char *from, const char *to)
{
    return fails(file_fails) ? no_file(EIO)
                             : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int mkdir(const char *path, mode_t mode)
{
    return fails(file_fails) ? no_file(ENOSPC) : (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

int ftruncate(int fd, off_t n)
{
    return fails(file_fails) ? no_file(EIO) : (int)syscall(SYS_ftruncate, fd, n);
}
