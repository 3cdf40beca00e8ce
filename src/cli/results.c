/* Arrays to files; see results.h. */
#include "cli/results.h"
#include "io/formats.h"
#include <stdlib.h>
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

dg_status dg_write_csv(const char *path, const char *const *names, const dg_tensor *t, dg_diag *why)
{
    dg_writer *w = NULL;
    dg_status s = dg_writer_open(&w, path, why);
    return s == DG_OK ? dg_writer_end(w, dg_csv_write(w, names, t)) : s;
}

dg_status dg_write_npy(const char *path, const dg_tensor *t, dg_diag *why)
{
    dg_writer *w = NULL;
    dg_status s = dg_writer_open(&w, path, why);
    return s == DG_OK ? dg_writer_end(w, dg_npy_write(w, t)) : s;
}

dg_status dg_write_npz(const char *path, int n, const dg_result r[], dg_diag *why)
{
    dg_writer *w = NULL;
    const char **names = malloc(((size_t)n + 1) * sizeof *names);
    dg_tensor *tensors = malloc(((size_t)n + 1) * sizeof *tensors);
    dg_status s = DG_OK;
    if (!names || !tensors)
        s = dg_diag_set(why, DG_EMEMORY, "out of memory");
    for (int i = 0; s == DG_OK && i < n; i++) {
        names[i] = r[i].name;
        tensors[i] = r[i].tensor;
    }
    if (s == DG_OK)
        s = dg_writer_open(&w, path, why);
    if (s == DG_OK)
        s = dg_writer_end(w, dg_npz_write(w, n, names, tensors));
    free(names);
    free(tensors);
    return s;
}
