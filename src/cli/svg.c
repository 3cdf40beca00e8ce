/* SVG of the drawings; see svg.h. */
#include "cli/svg.h"
#include "base/text.h"
#include <math.h>
#include <string.h>

void dg_svg_begin(dg_writer *w, const char *title, double width, double height)
{
    dg_writer_print(w,
                    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
                    "viewBox=\"0 0 %.0f %.0f\" font-family=\"sans-serif\" font-size=\"10\">\n"
                    "<title>",
                    width, height, width, height);
    dg_svg_text(w, title);
    dg_writer_print(w, "</title>\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n");
}

void dg_svg_end(dg_writer *w)
{
    dg_writer_print(w, "</svg>\n");
}

void dg_svg_text(dg_writer *w, const char *s)
{
    for (; *s; s++) {
        const char *name = *s == '<' ? "&lt;" : *s == '>' ? "&gt;" : *s == '&' ? "&amp;" : NULL;
        dg_writer_put(w, name ? name : s, name ? strlen(name) : 1);
    }
}

/* Between two of the n colours, each red, green, blue. */
static char *between(const unsigned char stops[][3], int n, double share, char color[8])
{
    double at = isnan(share) ? 0 : fmin(fmax(share, 0), 1) * (n - 1);
    int k = at < n - 1 ? (int)at : n - 2, c[3];
    for (int i = 0; i < 3; i++)
        c[i] = (int)(stops[k][i] + (at - k) * (stops[k + 1][i] - stops[k][i]) + 0.5);
    dg_format(color, 8, "#%02x%02x%02x", c[0], c[1], c[2]);
    return color;
}

char *dg_svg_heat(double share, char color[8])
{
    static const unsigned char stops[][3] = {
        {28, 16, 68}, {79, 18, 123}, {181, 54, 122}, {251, 136, 97}, {252, 253, 191}};
    return between(stops, 5, share, color);
}

char *dg_svg_sign(double share, char color[8])
{
    static const unsigned char stops[][3] = {
        {33, 102, 172}, {146, 197, 222}, {247, 247, 247}, {244, 165, 130}, {178, 24, 43}};
    return between(stops, 5, (share + 1) / 2, color);
}
