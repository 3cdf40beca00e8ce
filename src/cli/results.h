/* Arrays to files, in the format that the file's name says. All atomic; path "-": standard
 * output. */
#ifndef DG_CLI_RESULTS_H
#define DG_CLI_RESULTS_H

#include "io/array.h"

typedef enum {
    DG_FORMAT_CSV,
    DG_FORMAT_NPY,
    DG_FORMAT_NPZ,
    DG_FORMAT_SAFETENSORS,
    DG_FORMAT_OTHER
} dg_format_kind;

/* By the end of the name; "-": CSV. */
dg_format_kind dg_format_of(const char *path);
const char *dg_format_name(dg_format_kind f);

/* n arrays with their names; header: of the columns of CSV, one each, or NULL. CSV and NPY hold
 * one. */
dg_status dg_write_arrays(const char *path, int n, const char *const names[], const dg_tensor t[],
                          const char *const *header, dg_diag *why);

#endif
