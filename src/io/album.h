/* Albums: the pictures of a source, a file each, in one form. */
#ifndef DG_IO_ALBUM_H
#define DG_IO_ALBUM_H

#include "io/array.h"
#include "io/picture.h"

typedef struct {
    int64_t n, room;
    int64_t others; /* pictures of other formats that were passed over */
    char **path;    /* of each picture */
    dg_picture_form form;
    int64_t bytes; /* of a picture in this form */
    char hex[65];  /* SHA-256 over names and contents of all */
    uint64_t size; /* of all files */
} dg_album;

void dg_album_free(dg_album *a);

/* Appends a path, which is copied. */
dg_status dg_album_add(dg_album *a, const char *path, dg_diag *why);
/* Appends all PNG and JPEG files of a folder and of its sub-folders, in the order of their names;
 * hidden ones and others are passed over. */
dg_status dg_album_add_folder(dg_album *a, const char *folder, dg_diag *why);
/* PNG and JPEG files of a folder without its sub-folders. */
int64_t dg_album_count(const char *folder);
/* The sub-folders of a folder, in the order of their names, to be freed by dg_texts_free. */
dg_status dg_album_folders(const char *folder, int *n, char ***names, dg_diag *why);

/* Decodes all pictures, on as many threads as there are processors. Where they fit in `memory`
 * bytes they stay in out, DG_U8 [n, height, width, channels] (of masks without channels); else out
 * is empty, and dg_album_get reads one. Of a broken one the file and the reason are told, DG_EDATA;
 * broken not NULL: broken[i] is set instead, and *reason tells the first. */
dg_status dg_album_read(dg_album *a, int64_t memory, dg_array *out, char *broken,
                        char reason[DG_PICTURE_REASON], dg_diag *why);
/* Picture i once more, to out. */
dg_status dg_album_get(const dg_album *a, int64_t i, uint8_t *out, dg_diag *why);

dg_shape dg_album_shape(const dg_album *a);

/* 1: a file that begins as PNG or JPEG do. */
bool dg_album_is_picture(const char *path);
/* The digest of a becomes that of both. */
void dg_album_join(dg_album *a, const dg_album *b);

#endif
