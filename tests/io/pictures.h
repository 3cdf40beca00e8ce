/* Pictures for tests: PNG written by hand, so that every kind and every claim can be made. */
#ifndef DG_TESTS_IO_PICTURES_H
#define DG_TESTS_IO_PICTURES_H

#include "base/text.h"
#include <stdint.h>

typedef struct {
    uint32_t width, height;
    int depth, type;     /* as in IHDR: 0 grey, 2 colours, 3 palette, 4 grey and alpha, 6 all */
    const uint8_t *rows; /* each without its filter byte; NULL: no pixels */
    const uint8_t *palette;
    int n_palette;
    int orientation; /* 0: no EXIF */
} io_picture;

void io_png(const io_picture *p, dg_text *out);

/* 12 pictures of 12 by 12 in shades of grey, FOLDER/a/0.png, FOLDER/b/1.png, FOLDER/a/2.png, ...:
 * the folder is made. */
void io_two_classes(const char *folder);

#endif
