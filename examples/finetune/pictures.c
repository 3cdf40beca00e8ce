/* pictures.c: lines of text in a coarse font, upright or upside down, for a net that has not seen
 * such a font.
 *
 *     pictures SEED ROWS PREFIX
 *
 * writes PREFIX-image.npy, bytes [ROWS, 48, 192, 3], and PREFIX-label.npy, [ROWS]: 0 upright, 1
 * turned by 180 degrees. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEIGHT = 48, WIDTH = 192, CHANNELS = 3, GLYPHS = 36, COLUMNS = 5 };

/* 0 to 9, A to Z: five columns of seven points each, the upper one the lowest bit. */
static const unsigned char font[GLYPHS][COLUMNS] = {
    {0x3E, 0x51, 0x49, 0x45, 0x3E}, {0x00, 0x42, 0x7F, 0x40, 0x00}, {0x42, 0x61, 0x51, 0x49, 0x46},
    {0x21, 0x41, 0x45, 0x4B, 0x31}, {0x18, 0x14, 0x12, 0x7F, 0x10}, {0x27, 0x45, 0x45, 0x45, 0x39},
    {0x3C, 0x4A, 0x49, 0x49, 0x30}, {0x01, 0x71, 0x09, 0x05, 0x03}, {0x36, 0x49, 0x49, 0x49, 0x36},
    {0x06, 0x49, 0x49, 0x29, 0x1E}, {0x7E, 0x11, 0x11, 0x11, 0x7E}, {0x7F, 0x49, 0x49, 0x49, 0x36},
    {0x3E, 0x41, 0x41, 0x41, 0x22}, {0x7F, 0x41, 0x41, 0x22, 0x1C}, {0x7F, 0x49, 0x49, 0x49, 0x41},
    {0x7F, 0x09, 0x09, 0x09, 0x01}, {0x3E, 0x41, 0x49, 0x49, 0x7A}, {0x7F, 0x08, 0x08, 0x08, 0x7F},
    {0x00, 0x41, 0x7F, 0x41, 0x00}, {0x20, 0x40, 0x41, 0x3F, 0x01}, {0x7F, 0x08, 0x14, 0x22, 0x41},
    {0x7F, 0x40, 0x40, 0x40, 0x40}, {0x7F, 0x02, 0x0C, 0x02, 0x7F}, {0x7F, 0x04, 0x08, 0x10, 0x7F},
    {0x3E, 0x41, 0x41, 0x41, 0x3E}, {0x7F, 0x09, 0x09, 0x09, 0x06}, {0x3E, 0x41, 0x51, 0x21, 0x5E},
    {0x7F, 0x09, 0x19, 0x29, 0x46}, {0x46, 0x49, 0x49, 0x49, 0x31}, {0x01, 0x01, 0x7F, 0x01, 0x01},
    {0x3F, 0x40, 0x40, 0x40, 0x3F}, {0x1F, 0x20, 0x40, 0x20, 0x1F}, {0x3F, 0x40, 0x38, 0x40, 0x3F},
    {0x63, 0x14, 0x08, 0x14, 0x63}, {0x07, 0x08, 0x70, 0x08, 0x07}, {0x61, 0x51, 0x49, 0x45, 0x43}};

static uint64_t state;

/* 0 .. n-1: the upper bits of a linear congruential generator (Knuth's MMIX). */
static int draw(int n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (int)((state >> 33) % (uint64_t)n);
}

typedef struct {
    unsigned char at[HEIGHT][WIDTH][CHANNELS];
} picture;

static void point(picture *p, int turned, int y, int x, int grey)
{
    int value = grey + draw(41) - 20;
    if (turned) {
        y = HEIGHT - 1 - y;
        x = WIDTH - 1 - x;
    }
    for (int c = 0; c < CHANNELS; c++)
        p->at[y][x][c] = (unsigned char)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static void draw_glyph(picture *p, int turned, int glyph, int top, int left, int size, int ink)
{
    for (int k = 0; k < COLUMNS * 7; k++)
        for (int i = 0; i < size * size && font[glyph][k % COLUMNS] >> k / COLUMNS & 1; i++)
            point(p, turned, top + k / COLUMNS * size + i / size,
                  left + k % COLUMNS * size + i % size, ink);
}

static void draw_line(picture *p, int turned)
{
    int size = 3 + draw(3), wide = (COLUMNS + 1) * size, n = WIDTH / wide - draw(3);
    int paper = draw(2) ? 170 + draw(70) : 20 + draw(60);
    int ink = paper > 128 ? draw(90) : 170 + draw(80);
    int top = draw(HEIGHT - 7 * size), left = draw(WIDTH - n * wide + 1);
    for (int i = 0; i < HEIGHT * WIDTH; i++)
        point(p, turned, i / WIDTH, i % WIDTH, paper);
    for (int i = 0; i < n; i++)
        draw_glyph(p, turned, draw(GLYPHS), top, left + i * wide, size, ink);
}

/* The header of an NPY file is filled up to 64 bytes times n. */
static FILE *open_npy(const char *prefix, const char *name, const char *shape)
{
    char path[256], head[118];
    snprintf(path, sizeof path, "%s-%s.npy", prefix, name);
    FILE *f = fopen(path, "wb");
    if (!f)
        return NULL;
    int n = snprintf(head, sizeof head, "{'descr': '|u1', 'fortran_order': False, 'shape': (%s), }",
                     shape);
    memset(head + n, ' ', sizeof head - (size_t)n);
    head[sizeof head - 1] = '\n';
    fwrite("\x93NUMPY\x01\x00\x76\x00", 1, 10, f);
    fwrite(head, 1, sizeof head, f);
    return f;
}

int main(int argc, char **argv)
{
    static picture p;
    char shape[64];
    int rows = argc == 4 ? atoi(argv[2]) : 0;
    if (rows < 1) {
        fprintf(stderr, "usage: pictures SEED ROWS PREFIX\n");
        return 2;
    }
    state = strtoull(argv[1], NULL, 10);
    snprintf(shape, sizeof shape, "%d, %d, %d, %d", rows, HEIGHT, WIDTH, CHANNELS);
    FILE *image = open_npy(argv[3], "image", shape);
    snprintf(shape, sizeof shape, "%d,", rows);
    FILE *label = open_npy(argv[3], "label", shape);
    if (!image || !label) {
        perror(argv[3]);
        return 1;
    }
    for (int i = 0; i < rows; i++) {
        int turned = draw(2);
        draw_line(&p, turned);
        fwrite(p.at, 1, sizeof p.at, image);
        fputc(turned, label);
    }
    return fclose(image) | fclose(label) ? 1 : 0;
}
