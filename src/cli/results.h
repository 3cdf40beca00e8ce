/* Arrays to files, in the format that the file's name says. All atomic; path "-": standard output. */
#ifndef DG_CLI_RESULTS_H
#define DG_CLI_RESULTS_H

#include "io/safetensors.h"

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

typedef struct dg_result {
    const char *name;
    dg_tensor tensor;
} dg_result;

/* names: of the columns of CSV, one each; NULL: no header. */
dg_status dg_write_csv(const char *path, const char *const *names, const dg_tensor *t,
                       dg_diag *why);
dg_status dg_write_npy(const char *path, const dg_tensor *t, dg_diag *why);
dg_status dg_write_npz(const char *path, int n, const dg_result r[], dg_diag *why);

#endif
