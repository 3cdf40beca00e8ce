/* The sources of data, loaded once each, and the table of what can be a source. */
#ifndef DG_IO_STORE_H
#define DG_IO_STORE_H

#include "io/album.h"
#include "io/dataset.h"
#include "io/file.h"
#include "io/formats.h"

/* How a source is to be read, which the pipe after it says. */
typedef struct {
    dg_cells cells;     /* of a table */
    bool gaps;          /* they are taken */
    const char *fill;   /* the word of a gap, or NULL */
    const char *format; /* of dates */
    bool picture;       /* the words are paths of pictures in this form */
    dg_picture_form form;
    double memory;            /* MiB of them that are kept */
    bool whole, whole_second; /* the first, the second value takes whole numbers: masks */
} dg_asked;

/* What a source gives: an array of rows. With length > 0 its rows are windows of that many rows of
 * the array, which begin `stride` apart; column 1 of the source is what follows: of chars as many,
 * one later, of series `horizon` of them. So many rows must follow a window. */
typedef struct {
    dg_array array;
    int64_t length, stride, horizon, follows;
    char *vocabulary; /* of chars, else NULL */
    char *path;       /* of the file it was read from, NULL: none */
    dg_table table;   /* of csv: names and words of its columns; its array is empty */
    int words_of;     /* the column of the source that has them */
    dg_array second;  /* what column 1 is of, if it is another array */
    dg_album album;   /* of pictures; where they are not kept, array is empty */
    dg_album partner; /* of pairs: those of column 1; where they are not kept, second is empty */
    char hex[65];     /* SHA-256 of what was read, "": that of the file */
    uint64_t size;    /* its bytes */
} dg_loaded;

/* What a loader is given: checked attributes, places of files, and where remarks go. */
typedef struct {
    const dg_attrs *attrs;
    const dg_places *places;
    dg_asked asked;
    int n_names; /* of columns that are known already; 0: none */
    char *const *names;
    const char *vocabulary; /* that is known already, or NULL */
    const char *path;       /* read instead of the file that the attributes name; or NULL */
    int column;             /* of the source, that path is read for */
    const char *text; /* a table with commas and a header, which path is the name of; or NULL */
    void (*say)(void *user, const char *text); /* may be NULL */
    void *user;
} dg_loading;

typedef struct {
    dg_io_type type;
    int table; /* 1: it has words, gaps and dates */
    /* *path: of the file read, to be freed; NULL if none. */
    dg_status (*load)(const dg_loading *l, dg_loaded *out, char **path, dg_diag *why);
} dg_source_type;

extern const dg_source_type dg_sources[];
extern const int dg_n_sources;

void dg_loaded_free(dg_loaded *l);

/* The source of these attributes, loaded now or before; it stays the store's. l->places and say are
 * the store's own. */
dg_status dg_store_load(dg_store *s, const dg_source_type *type, const dg_loading *l,
                        const dg_loaded **out, dg_diag *why);
/* Takes over an array, also on failure. gaps: its NaN are such. */
dg_status dg_store_take(dg_store *s, dg_array *array, bool gaps, const dg_loaded **out,
                        dg_diag *why);

#endif
