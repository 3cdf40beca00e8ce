/* radon-data.c: makes the data of radon.dag in the current folder, two NPY files.
 *
 *     phantom.npy   [64, 64]  ten ellipses, a head as Shepp and Logan (1974) drew it, with higher
 *                             contrast that is usual; a pixel is the mean of 8 x 8 points
 *     measured.npy  [90, 95]  its projections under 90 angles over half a turn, noisy
 *
 * The projections are the exact line integrals of the ellipses, a detector the mean of 8 lines, not
 * sums over the pixels of the phantom: what is reconstructed is not made with the operator that
 * reconstructs.
 *
 *     ellipse  rho where (u/a)^2 + (v/b)^2 <= 1, u, v turned by phi about its centre (x0, y0)
 *     line     at distance s from the origin, normal (cos t, sin t):
 *              2 rho a b sqrt(w^2 - q^2) / w^2,  w^2 = a^2 cos^2(t - phi) + b^2 sin^2(t - phi),
 *              q = s - x0 cos t - y0 sin t
 *
 * Lengths are in half pictures, 32 pixels; an integral times 32 is in pixels. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { SIZE = 64, ANGLES = 90, DETECTORS = 95, FINE = 8 };

static const double pi = 3.14159265358979323846, deviation = 0.25; /* of the noise; the largest
                                                                      projection is 17 */

static const struct {
    double rho, a, b, x, y, degrees;
} ellipses[] = {
    {1, .69, .92, 0, 0, 0},        {-.8, .6624, .874, 0, -.0184, 0},
    {-.2, .11, .31, .22, 0, -18},  {-.2, .16, .41, -.22, 0, 18},
    {.1, .21, .25, 0, .35, 0},     {.1, .046, .046, 0, .1, 0},
    {.1, .046, .046, 0, -.1, 0},   {.1, .046, .023, -.08, -.605, 0},
    {.1, .023, .023, 0, -.606, 0}, {.1, .023, .046, .06, -.605, 0},
};

enum { ELLIPSES = sizeof ellipses / sizeof ellipses[0] };

static double density(double x, double y)
{
    double sum = 0;
    for (int e = 0; e < ELLIPSES; e++) {
        double t = ellipses[e].degrees * pi / 180, dx = x - ellipses[e].x, dy = y - ellipses[e].y;
        double u = (dx * cos(t) + dy * sin(t)) / ellipses[e].a;
        double v = (dy * cos(t) - dx * sin(t)) / ellipses[e].b;
        sum += u * u + v * v <= 1 ? ellipses[e].rho : 0;
    }
    return sum;
}

static double line(double t, double s)
{
    double sum = 0;
    for (int e = 0; e < ELLIPSES; e++) {
        double a = ellipses[e].a, b = ellipses[e].b, turn = t - ellipses[e].degrees * pi / 180;
        double w2 = a * a * cos(turn) * cos(turn) + b * b * sin(turn) * sin(turn);
        double q = s - ellipses[e].x * cos(t) - ellipses[e].y * sin(t);
        sum += q * q < w2 ? 2 * ellipses[e].rho * a * b * sqrt(w2 - q * q) / w2 : 0;
    }
    return sum;
}

/* The middle of part k of FINE of something 1 wide, from its middle. */
static double inside(int k)
{
    return (k + 0.5) / FINE - 0.5;
}

static double pixel(int i, int j)
{
    double sum = 0;
    for (int k = 0; k < FINE * FINE; k++)
        sum += density((j - 31.5 + inside(k % FINE)) / 32, (31.5 - i + inside(k / FINE)) / 32);
    return sum / (FINE * FINE);
}

static double measurement(int angle, int detector)
{
    double sum = 0;
    for (int k = 0; k < FINE; k++)
        sum += 32 * line(pi * angle / ANGLES, (detector - 47 + inside(k)) / 32);
    return sum / FINE;
}

static uint64_t state = 1974;

/* Uniform in (0, 1]: the upper bits of a linear congruential generator (Knuth's MMIX). */
static double draw(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return ((double)(state >> 40) + 1) / 16777216;
}

static double normal(void)
{
    double r = sqrt(-2 * log(draw()));
    return r * cos(2 * pi * draw());
}

/* NPY, version 1.0: a header padded to 64 bytes, then the elements. */
static void save(const char *path, int rows, int columns, const float *data)
{
    FILE *f = fopen(path, "wb");
    char dict[118];
    if (!f) {
        perror(path);
        exit(1);
    }
    snprintf(dict, sizeof dict, "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }",
             rows, columns);
    fwrite("\x93NUMPY\x01\x00\x76\x00", 1, 10, f);
    fprintf(f, "%-117s\n", dict);
    fwrite(data, sizeof *data, (size_t)rows * (size_t)columns, f);
    if (fclose(f) != 0) {
        perror(path);
        exit(1);
    }
}

int main(void)
{
    static float phantom[SIZE][SIZE], measured[ANGLES][DETECTORS];
    for (int i = 0; i < SIZE * SIZE; i++)
        phantom[i / SIZE][i % SIZE] = (float)pixel(i / SIZE, i % SIZE);
    for (int i = 0; i < ANGLES * DETECTORS; i++)
        measured[i / DETECTORS][i % DETECTORS] =
            (float)(measurement(i / DETECTORS, i % DETECTORS) + deviation * normal());
    save("phantom.npy", SIZE, SIZE, phantom[0]);
    save("measured.npy", ANGLES, DETECTORS, measured[0]);
    printf("phantom.npy [64, 64], measured.npy [90, 95]\n");
    return 0;
}
