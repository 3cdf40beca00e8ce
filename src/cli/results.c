/* Arrays to files; see results.h. */
#include "cli/results.h"
#include "io/formats.h"
#include <string.h>

static const char *const format_name[] = {"csv", "npy", "npz", "safetensors", ""};

const char *dg_format_name(dg_format_kind f)
{
    return format_name[f];
}

dg_format_kind dg_format_of(const char *path)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
    if (strcmp(path, "-") == 0)
        return DG_FORMAT_CSV;
    int f = 0;
    while (f < DG_FORMAT_OTHER && (!dot || strcmp(dot + 1, format_name[f]) != 0))
        f++;
    return (dg_format_kind)f;
}

dg_status dg_write_arrays(const char *path, int n, const char *const names[], const dg_tensor t[],
                          const char *const *header, dg_diag *why)
{
    dg_writer *w = NULL;
    if (strcmp(path, "-") != 0)
        return dg_data_write(path, n, names, t, header, why);
    dg_status s = dg_writer_open(&w, path, why);
    return s == DG_OK ? dg_writer_end(w, dg_csv_write(w, header, t)) : s;
}
