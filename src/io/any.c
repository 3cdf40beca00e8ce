/* Any data file, known by its first bytes. */
#include "io/formats.h"

#include <stdlib.h>
#include <string.h>

/* The reader of a format from bytes in memory. */
static dg_status read_bytes(const char *bytes, size_t n, const char *name, dg_array *out,
                            dg_diag *why)
{
    bool zip = n >= 4 && memcmp(bytes, "PK\3\4", 4) == 0;
    dg_reader *r;
    dg_status status = dg_reader_memory(&r, bytes, n, name, DG_READ_RAW, why);
    if (status != DG_OK)
        return status;
    if (zip)
        status = dg_npz_read(r, NULL, out);
    else if (n >= 6 && memcmp(bytes, "\x93NUMPY", 6) == 0)
        status = dg_npy_read(r, out);
    else if (n >= 4 && bytes[0] == 0 && bytes[1] == 0)
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
