/* Any data file: read by its first bytes, written by its name. */
#include "io/formats.h"

#include "io/safetensors.h"

#include <stdlib.h>
#include <string.h>

static bool is_zip(const char *p, size_t n)
{
    return n >= 4 && memcmp(p, "PK\3\4", 4) == 0;
}

static bool is_npy(const char *p, size_t n)
{
    return n >= 6 && memcmp(p, "\x93NUMPY", 6) == 0;
}

static bool is_idx(const char *p, size_t n)
{
    return n >= 4 && p[0] == 0 && p[1] == 0;
}

bool dg_data_is_table(const void *bytes, size_t n)
{
    return !is_zip(bytes, n) && !is_npy(bytes, n) && !is_idx(bytes, n);
}

/* The reader of a format from bytes in memory. */
static dg_status read_bytes(const char *bytes, size_t n, const char *name, dg_array *out,
                            dg_diag *why)
{
    dg_reader *r;
    dg_status status = dg_reader_memory(&r, bytes, n, name, DG_READ_RAW, why);
    if (status != DG_OK)
        return status;
    if (is_zip(bytes, n))
        status = dg_npz_read(r, NULL, out);
    else if (is_npy(bytes, n))
        status = dg_npy_read(r, out);
    else if (is_idx(bytes, n))
        status = dg_idx_read(r, out);
    else
        status = dg_csv_read(r, NULL, out);
    dg_reader_close(r);
    return status;
}

/* What is left of r. */
static dg_status read_rest(dg_reader *r, dg_array *out, dg_diag *why)
{
    char *bytes;
    size_t n;
    dg_status status = dg_reader_rest(r, &bytes, &n);
    if (status == DG_OK) {
        status = read_bytes(bytes, n, dg_reader_name(r), out, why);
        free(bytes);
    }
    return status;
}

dg_status dg_data_read(const char *path, dg_array *out, dg_diag *why)
{
    memset(out, 0, sizeof *out);
    dg_reader *r;
    dg_status status = dg_reader_open(&r, path, 0, why);
    if (status == DG_OK)
        status = read_rest(r, out, why);
    dg_reader_close(r);
    return status;
}

dg_status dg_data_read_memory(const void *bytes, size_t n, const char *name, dg_array *out,
                              dg_diag *why)
{
    memset(out, 0, sizeof *out);
    dg_reader *r;
    dg_status status = dg_reader_memory(&r, bytes, n, name, 0, why);
    if (status == DG_OK)
        status = read_rest(r, out, why);
    dg_reader_close(r);
    return status;
}

static bool ends_with(const char *path, const char *end)
{
    size_t n = strlen(path), k = strlen(end);
    return n > k && strcmp(path + n - k, end) == 0;
}

static dg_status write_safetensors(dg_writer *w, int n, const char *const names[],
                                   const dg_tensor t[])
{
    dg_named *named = malloc(((size_t)n + 1) * sizeof *named);
    if (!named)
        return dg_diag_set(dg_writer_diag(w), DG_EMEMORY, "out of memory");
    for (int i = 0; i < n; i++)
        named[i] = (dg_named){(char *)names[i], t[i]};
    const dg_tensors all = {n, 0, named, NULL};
    dg_status status = dg_safetensors_write(w, &all);
    free(named);
    return status;
}

dg_status dg_data_write(const char *path, int n, const char *const names[], const dg_tensor t[],
                        const char *const *header, dg_diag *why)
{
    bool npz = ends_with(path, ".npz"), tensors = ends_with(path, ".safetensors");
    bool csv = ends_with(path, ".csv"), npy = ends_with(path, ".npy") || strcmp(path, "-") == 0;
    if (!npz && !tensors && !csv && !npy)
        return dg_diag_set(why, DG_EUSAGE,
                           "'%.200s': a name that ends with .npy, .npz, .csv or "
                           ".safetensors is expected",
                           path);
    if ((csv || npy) && n != 1)
        return dg_diag_set(why, DG_EUSAGE, "%d arrays need .npz or .safetensors, not '%.200s'", n,
                           path);
    dg_writer *w;
    dg_status status = dg_writer_open(&w, path, why);
    if (status == DG_OK && npz)
        status = dg_npz_write(w, n, names, t);
    else if (status == DG_OK && tensors)
        status = write_safetensors(w, n, names, t);
    else if (status == DG_OK)
        status = csv ? dg_csv_write(w, header, t) : dg_npy_write(w, t);
    return dg_writer_end(w, status);
}
