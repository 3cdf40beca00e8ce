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
/* The form that attributes from `size` on say, size=[h, w] and channels=, of column k. */
dg_status dg_picture_form_of(const dg_attrs *a, int size, int k, bool whole, dg_picture_form *f,
                             dg_diag *why);
dg_status dg_load_images(const dg_loading *l, dg_loaded *out, char **path, dg_diag *why);
dg_status dg_load_pairs(const dg_loading *l, dg_loaded *out, char **path, dg_diag *why);
/* A table that was read as words, paths of pictures: these take its place. */
dg_status dg_load_paths(const dg_loading *l, const char *table, dg_loaded *out, dg_diag *why);
dg_status dg_load_series(const dg_loading *l, dg_loaded *out, char **path, dg_diag *why);

#endif
