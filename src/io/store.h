/* The sources of data, loaded once each, and the table of what can be a source. */
#ifndef DG_IO_STORE_H
#define DG_IO_STORE_H

#include "io/dataset.h"
#include "io/file.h"
#include "io/formats.h"

/* What a source gives: an array of rows. With length > 0 (chars) its rows are windows of that many
 * elements, which begin `stride` apart; column k of the source begins k elements later. */
typedef struct {
    dg_array array;
    int64_t length, stride;
    char *vocabulary; /* of chars, else NULL */
    char *path;       /* of the file it was read from, NULL: none */
} dg_loaded;

typedef struct {
    dg_io_type type;
    /* attrs are checked. *path: of the file read, to be freed; NULL if none. */
    dg_status (*load)(const dg_attrs *attrs, const dg_places *places, dg_loaded *out, char **path,
                      dg_diag *why);
} dg_source_type;

extern const dg_source_type dg_sources[];
extern const int dg_n_sources;

void dg_loaded_free(dg_loaded *l);

/* The source of these attributes, loaded now or before; it stays the store's. */
dg_status dg_store_load(dg_store *s, const dg_source_type *type, const dg_attrs *attrs,
                        const dg_loaded **out, dg_diag *why);
/* Takes over an array, also on failure. */
dg_status dg_store_take(dg_store *s, dg_array *array, const dg_loaded **out, dg_diag *why);

#endif
