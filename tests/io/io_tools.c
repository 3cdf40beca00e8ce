/* What the tests of io/ share. */
#include "io/io_tools.h"

#include "io/formats.h"
#include "io/safetensors.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

static dg_status read_csv(dg_reader *r, const char *names, dg_array *out)
{
    char list[200], *item[16];
    int n = 0;
    if (!names)
        return dg_csv_read(r, NULL, out);
    snprintf(list, sizeof list, "%s", names);
    for (char *p = strtok(list, ","); p && n < 16; p = strtok(NULL, ","))
        item[n++] = p;
    const dg_csv_options o = {DG_HEADER_AUTO, n, (const char *const *)item};
    return dg_csv_read(r, &o, out);
}

static dg_status read_tensors(dg_reader *r, dg_array *out)
{
    dg_tensors t;
    dg_status status = dg_safetensors_read(r, &t, NULL);
    if (status == DG_OK && t.n > 0) {
        *out = t.tensor[0].tensor;
        memset(&t.tensor[0].tensor, 0, sizeof *out);
    }
    dg_tensors_free(&t);
    return status;
}

static dg_status read_chars(dg_reader *r, const char *vocabulary, dg_array *out)
{
    char *used;
    dg_status status = dg_chars_read(r, vocabulary, out, &used, NULL);
    free(used);
    return status;
}

static dg_status read_any(dg_reader *r, const char *format, const char *option, dg_array *out)
{
    if (strncmp(format, "idx", 3) == 0)
        return dg_idx_read(r, out);
    if (strncmp(format, "csv", 3) == 0)
        return read_csv(r, option, out);
    if (strncmp(format, "npy", 3) == 0)
        return dg_npy_read(r, out);
    if (strncmp(format, "npz", 3) == 0)
        return dg_npz_read(r, option, out);
    if (strncmp(format, "chars", 5) == 0)
        return read_chars(r, option, out);
    return read_tensors(r, out);
}

dg_status io_read(const char *format, const void *bytes, size_t n, dg_array *out, dg_diag *why)
{
    const char *colon = strchr(format, ':');
    int raw = strncmp(format, "npz", 3) == 0 || strncmp(format, "safe", 4) == 0;
    dg_reader *r;
    memset(out, 0, sizeof *out);
    dg_status status = dg_reader_memory(&r, bytes, n, "F", raw ? DG_READ_RAW : 0, why);
    if (status == DG_OK)
        status = read_any(r, format, colon ? colon + 1 : NULL, out);
    dg_reader_close(r);
    return status;
}

void io_npy(int version, const char *dict, const char *bytes, size_t n, dg_text *out)
{
    size_t length = strlen(dict);
    const char head[] = {(char)version, 0, (char)(length & 255), (char)(length >> 8), 0, 0};
    dg_text_add(out, "\x93NUMPY");
    dg_text_add_bytes(out, head, version == 1 ? 4 : 6);
    dg_text_add(out, dict);
    for (size_t i = 0; i < n; i++)
        dg_text_add_bytes(out, bytes ? bytes + i : "", 1);
}

void io_safetensors(const char *header, size_t n, dg_text *out)
{
    size_t length = strlen(header);
    char head[8] = {(char)(length & 255), (char)(length >> 8)};
    dg_text_add_bytes(out, head, sizeof head);
    dg_text_add(out, header);
    while (n-- > 0)
        dg_text_add_bytes(out, "", 1);
}

void io_gz(const void *bytes, size_t n, int level, dg_text *out)
{
    size_t room = n + n / 1000 + 1000;
    unsigned char *to = malloc(room);
    z_stream z = {.next_in = (z_const Bytef *)bytes, .avail_in = (uInt)n, .next_out = to};
    z.avail_out = (uInt)room;
    if (!to || deflateInit2(&z, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        abort();
    if (deflate(&z, Z_FINISH) != Z_STREAM_END)
        abort();
    dg_text_add_bytes(out, (char *)to, z.total_out);
    deflateEnd(&z);
    free(to);
}

void io_folder_make(char path[64])
{
    const char *tmp = getenv("TMPDIR");
    snprintf(path, 64, "%.40s/dagrad-XXXXXX", tmp && *tmp && strlen(tmp) < 40 ? tmp : "/tmp");
    if (!mkdtemp(path))
        abort();
}

const char *io_path(const char *folder, const char *name, char room[200])
{
    snprintf(room, 200, "%.80s/%.100s", folder, name);
    return room;
}

static int each_file(const char *path, int (*f)(const char *path, const char *name))
{
    DIR *d = opendir(path);
    int n = 0;
    if (!d)
        abort();
    for (struct dirent *e; (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            n += f(path, e->d_name);
    closedir(d);
    return n;
}

static int remove_file(const char *path, const char *name)
{
    char full[200];
    return unlink(io_path(path, name, full)) == 0;
}

static int is_any(const char *path, const char *name)
{
    (void)path;
    return name[0] != 0;
}

static int is_temporary(const char *path, const char *name)
{
    (void)path;
    return name[0] == '.';
}

void io_folder_remove(const char *path)
{
    each_file(path, remove_file);
    if (rmdir(path) != 0)
        abort();
}

int io_folder_count(const char *path, int *temporaries)
{
    *temporaries = each_file(path, is_temporary);
    return each_file(path, is_any);
}

dg_text io_bytes(const char *path)
{
    dg_text t = dg_text_make(NULL);
    FILE *f = fopen(path, "rb");
    char block[4096];
    t.failed = !f;
    for (size_t n; f && (n = fread(block, 1, sizeof block, f)) > 0;)
        dg_text_add_bytes(&t, block, n);
    if (f)
        fclose(f);
    return t;
}

void io_write(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, n, f) != n || fclose(f) != 0)
        abort();
}

dg_shape io_shape(int rank, int64_t a, int64_t b, int64_t c)
{
    const int64_t dim[] = {a, b, c};
    return dg_shape_make(rank, dim);
}

dg_array io_count(dg_type type, dg_shape shape)
{
    dg_array a;
    if (dg_array_make(&a, type, &shape, NULL) != DG_OK)
        abort();
    int64_t n = dg_shape_count(&shape);
    for (int64_t i = 0; i < n; i++)
        if (type == DG_F32)
            ((float *)a.data)[i] = (float)i / 8;
        else if (type == DG_F64)
            ((double *)a.data)[i] = (double)i / 8;
        else if (type == DG_I32)
            ((int32_t *)a.data)[i] = (int32_t)i - 3;
        else
            ((uint8_t *)a.data)[i] = (uint8_t)i;
    return a;
}
