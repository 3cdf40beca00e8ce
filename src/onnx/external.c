/* Data of tensors in other files. See external.h. */
#include "onnx/external.h"

#include "io/file.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* A plain name: no folder, not hidden behind "..". */
static void check_name(dg_import *m, const dg_onnx_tensor *t)
{
    const char *name = t->location;
    if (strncmp(name, "./", 2) == 0)
        name += 2;
    if (!*name || strchr(name, '/') || strcmp(name, "..") == 0 || strcmp(name, ".") == 0)
        dg_onnx_fail(m, DG_EDATA,
                     "the data of tensor '%s' are in '%.200s', which is not in the model's folder",
                     t->name, t->location);
}

/* Opens it; links are refused, and so is all that is no regular file. */
static int open_data(dg_import *m, const dg_onnx_tensor *t, uint64_t *size)
{
    const char *slash = strrchr(m->path, '/');
    const char *path = dg_heap_printf(&m->heap, "%.*s%s", (int)(slash ? slash + 1 - m->path : 0),
                                      m->path, t->location);
    struct stat s;
    int fd = dg_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
    if (fd < 0)
        dg_onnx_fail(m, DG_EDATA, "the data of tensor '%s' cannot be read from '%.200s': %s",
                     t->name, path, errno == ELOOP ? "it is a link" : strerror(errno));
    if (dg_calls->fstat(fd, &s) != 0 || !S_ISREG(s.st_mode)) {
        dg_calls->close(fd);
        dg_onnx_fail(m, DG_EDATA, "the data of tensor '%s': '%.200s' is no regular file", t->name,
                     path);
    }
    *size = (uint64_t)s.st_size;
    return fd;
}

const uint8_t *dg_onnx_external(dg_import *m, const dg_onnx_tensor *t, size_t bytes)
{
    uint64_t size = 0;
    check_name(m, t);
    int fd = open_data(m, t, &size);
    bool fits = (uint64_t)t->offset <= size && bytes <= size - (uint64_t)t->offset &&
                (t->length < 0 || (uint64_t)t->length == bytes);
    if (!fits) {
        dg_calls->close(fd);
        dg_onnx_fail(m, DG_EDATA,
                     "tensor '%s' takes %zu bytes at %lld of '%.200s', which has %llu (length "
                     "%lld)",
                     t->name, bytes, (long long)t->offset, t->location, (unsigned long long)size,
                     (long long)t->length);
    }
    m->most += 4 * bytes;
    uint8_t *data = dg_arena_alloc(&m->heap.arena, bytes);
    ssize_t got = data ? dg_read_at(fd, data, bytes, t->offset) : -1;
    dg_calls->close(fd);
    if (!data)
        dg_heap_fail(&m->heap);
    if (got != (ssize_t)bytes)
        dg_onnx_fail(m, DG_EDATA, "the data of tensor '%s' cannot be read from '%.200s'", t->name,
                     t->location);
    return data;
}
