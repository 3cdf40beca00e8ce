/* What the files that load sources share. */
#ifndef DG_IO_SOURCES_H
#define DG_IO_SOURCES_H

#include "io/store.h"

#define DG_FILE_ATTR                                                                               \
    {                                                                                              \
        "file", DG_ATTR_TEXT, 1, 0, 0, NULL, NULL, "looked for beside the model, in --data"        \
    }

/* The text of attribute k, NULL where it is empty or was not given. */
const char *dg_source_text(const dg_attrs *a, int k);
/* Opens the file of attribute 0, or the one that is read instead. */
dg_status dg_source_open(const dg_loading *l, int flags, char **path, dg_reader **r, dg_diag *why);

dg_status dg_load_csv(const dg_loading *l, dg_loaded *out, char **path, dg_diag *why);
dg_status dg_load_series(const dg_loading *l, dg_loaded *out, char **path, dg_diag *why);

#endif
