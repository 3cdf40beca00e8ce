/* Small pictures in a page: PNG as a data URI. */
#ifndef DG_REPORT_PNG_H
#define DG_REPORT_PNG_H

#include "base/text.h"

/* Appends "data:image/png;base64,...": rows of bytes from the top, channels 1 (grey) or 3 (RGB).
 * Fails as texts do. */
void dg_png_uri(dg_text *t, int width, int height, int channels, const uint8_t *pixels);

#endif
