/* two-data.c: makes the data of two.dag in the current folder, four NPY files of 4,000 rows.
 *
 *     y1, y2  [4000, 20]  two noisy views of a hidden h in [-1, 1]^3, through two fixed matrices
 *     x1      [4000, 4]   smooth functions of h, with a few outliers (hence mae)
 *     x2      [4000]      which of five fixed points is nearest to h, as a label
 *
 * Numbers come from a generator of our own, so the files are the same everywhere. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 4000, WIDE = 20, HIDDEN = 3, TARGETS = 4, POINTS = 5 };

static uint64_t state = 2026;

/* Uniform in [-1, 1): the upper bits of a linear congruential generator (Knuth's MMIX). */
static double draw(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (double)(state >> 40) / 8388608.0 - 1.0;
}

/* NPY, version 1.0: a header padded to 64 bytes, then the elements, as they are. */
static void save(const char *path, const char *type, int columns, const void *data, size_t bytes)
{
    char dict[96], shape[24];
    snprintf(shape, sizeof shape, columns ? "(%d, %d)" : "(%d,)", ROWS, columns);
    int n = snprintf(dict, sizeof dict, "{'descr': '%s', 'fortran_order': False, 'shape': %s}",
                     type, shape);
    FILE *f = fopen(path, "wb");
    if (!f || n < 0) {
        perror(path);
        exit(1);
    }
    int padded = (10 + n + 1 + 63) / 64 * 64 - 10;
    fwrite("\x93NUMPY\x01\x00", 1, 8, f);
    fputc(padded & 255, f);
    fputc(padded >> 8, f);
    fprintf(f, "%-*s\n", padded - 1, dict);
    fwrite(data, 1, bytes, f);
    if (fclose(f) != 0) {
        perror(path);
        exit(1);
    }
}

static int nearest(double points[POINTS][HIDDEN], const double *h)
{
    int best = 0;
    double least = 1e9;
    for (int p = 0; p < POINTS; p++) {
        double d = 0;
        for (int k = 0; k < HIDDEN; k++)
            d += (h[k] - points[p][k]) * (h[k] - points[p][k]);
        if (d < least) {
            least = d;
            best = p;
        }
    }
    return best;
}

int main(void)
{
    static float y1[ROWS][WIDE], y2[ROWS][WIDE], x1[ROWS][TARGETS];
    static int32_t x2[ROWS];
    double a[2][WIDE][HIDDEN], points[POINTS][HIDDEN], h[HIDDEN];
    for (int i = 0; i < 2 * WIDE * HIDDEN; i++)
        a[i / (WIDE * HIDDEN)][i / HIDDEN % WIDE][i % HIDDEN] = draw();
    for (int i = 0; i < POINTS * HIDDEN; i++)
        points[i / HIDDEN][i % HIDDEN] = draw();
    for (int r = 0; r < ROWS; r++) {
        for (int k = 0; k < HIDDEN; k++)
            h[k] = draw();
        for (int j = 0; j < WIDE; j++) {
            double s1 = 0.05 * draw(), s2 = 0.05 * draw();
            for (int k = 0; k < HIDDEN; k++) {
                s1 += a[0][j][k] * h[k];
                s2 += a[1][j][k] * h[k];
            }
            y1[r][j] = (float)s1;
            y2[r][j] = (float)s2;
        }
        double outlier = draw() > 0.9 ? 5 * draw() : 0;
        const double x[TARGETS] = {h[0] * h[1], h[1] * h[2], h[0] * h[0] - h[2], h[0] + outlier};
        for (int j = 0; j < TARGETS; j++)
            x1[r][j] = (float)x[j];
        x2[r] = nearest(points, h);
    }
    save("two-y1.npy", "<f4", WIDE, y1, sizeof y1);
    save("two-y2.npy", "<f4", WIDE, y2, sizeof y2);
    save("two-x1.npy", "<f4", TARGETS, x1, sizeof x1);
    save("two-x2.npy", "<i4", 0, x2, sizeof x2);
    printf("two-y1.npy, two-y2.npy, two-x1.npy, two-x2.npy: %d rows\n", ROWS);
    return 0;
}
