/* What the drawings share: the frame of an SVG file, its text, its colours. */
#ifndef DG_CLI_SVG_H
#define DG_CLI_SVG_H

#include "io/writer.h"

/* A white page of this size, sans-serif; title: shown by a browser. */
void dg_svg_begin(dg_writer *w, const char *title, double width, double height);
void dg_svg_end(dg_writer *w);
/* Text with <, > and & replaced. */
void dg_svg_text(dg_writer *w, const char *s);

/* "#rrggbb" for 0 (dark) to 1 (bright), brighter always being more. Returns color. */
char *dg_svg_heat(double share, char color[8]);
/* For -1 (blue) by way of 0 (white) to 1 (red). */
char *dg_svg_sign(double share, char color[8]);

#endif
