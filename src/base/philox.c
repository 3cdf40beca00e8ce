/* Random numbers and permutations over Philox4x32-10. */
#include "base/philox.h"

#include "base/elem_f64.h"
#include <math.h>

static const double TWO_PI = 6.283185307179586;

float dg_uniform_f32(uint64_t seed, uint64_t stream, uint64_t index)
{
    uint32_t w[4];
    dg_philox_block((uint64_t[2]){seed, stream}, index / 4, w);
    return dg_unit_f32(w[index % 4]);
}

/* Uniform elements 2 pair and 2 pair + 1. */
static void uniform_pair(uint64_t seed, uint64_t stream, uint64_t pair, double u[2])
{
    uint32_t w[4];
    dg_philox_block((uint64_t[2]){seed, stream}, pair, w);
    u[0] = dg_unit_f64(w[0], w[1]);
    u[1] = dg_unit_f64(w[2], w[3]);
}

/* 1 - u is in (0, 1], where the logarithm is finite. */
static void normal_pair(uint64_t seed, uint64_t stream, uint64_t pair, double z[2])
{
    double u[2];
    uniform_pair(seed, stream, pair, u);
    double radius = sqrt(-2 * dg_log(1 - u[0])), c, s;
    dg_cos_sin(TWO_PI * u[1], &c, &s);
    z[0] = radius * c;
    z[1] = radius * s;
}

typedef void pair_fn(uint64_t seed, uint64_t stream, uint64_t pair, double x[2]);

static double element(pair_fn *fn, uint64_t seed, uint64_t stream, uint64_t index)
{
    double x[2];
    fn(seed, stream, index / 2, x);
    return x[index % 2];
}

double dg_uniform(uint64_t seed, uint64_t stream, uint64_t index)
{
    return element(uniform_pair, seed, stream, index);
}

double dg_normal(uint64_t seed, uint64_t stream, uint64_t index)
{
    return element(normal_pair, seed, stream, index);
}

void dg_normal_fill(uint64_t seed, uint64_t stream, uint64_t first, int64_t n, double *out)
{
    double z[2];
    for (int64_t i = 0; i < n; i++) {
        const uint64_t index = first + (uint64_t)i;
        if (i == 0 || index % 2 == 0)
            normal_pair(seed, stream, index / 2, z);
        out[i] = z[index % 2];
    }
}

uint64_t dg_stream(uint64_t a, uint64_t b)
{
    uint32_t w[4];
    dg_philox_block((uint64_t[2]){a, 0x646167726164ULL}, b, w);
    return (uint64_t)w[1] << 32 | w[0];
}

/* FNV-1a over the bytes, then mixed. */
uint64_t dg_stream_name(const char *name)
{
    uint64_t h = 0xcbf29ce484222325ULL;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 0x100000001b3ULL;
    return dg_stream(h, 0);
}

/* The least r with r r >= n. */
static uint64_t root_above(uint64_t n)
{
    uint64_t r = (uint64_t)sqrt((double)n);
    while (r * r < n)
        r++;
    while (r > 1 && (r - 1) * (r - 1) >= n)
        r--;
    return r;
}

dg_permutation dg_permutation_make(int64_t n, uint64_t seed, uint64_t epoch)
{
    dg_permutation p = {.n = (uint64_t)n, .rows = root_above((uint64_t)n)};
    p.columns = (p.n + p.rows - 1) / p.rows;
    uint64_t stream = dg_stream(dg_stream_name("permutation"), epoch);
    for (uint64_t i = 0; i < 4; i++) {
        uint32_t w[4];
        dg_philox_block((uint64_t[2]){seed, stream}, i, w);
        p.key[2 * i] = (uint64_t)w[1] << 32 | w[0];
        p.key[2 * i + 1] = (uint64_t)w[3] << 32 | w[2];
    }
    return p;
}

/* A keyed function to 0 .. range - 1, range < 2^32: two rounds of multiplication and shift. */
static uint64_t scramble(uint64_t x, uint64_t key, uint64_t range)
{
    x = (x ^ key) * 0x9e3779b97f4a7c15ULL;
    x = (x ^ x >> 32 ^ key >> 17) * 0xd6e8feb86659fd93ULL;
    x ^= x >> 32;
    return (x & 0xffffffff) * range >> 32;
}

/* A Feistel network on a grid of rows and columns: each step shifts one coordinate by a function
 * of the other, so the whole is a bijection of the grid. Cells past n walk on until they are
 * back below it, which keeps it a bijection of 0 .. n - 1. */
int64_t dg_permutation_at(const dg_permutation *p, int64_t i)
{
    uint64_t x = (uint64_t)i;
    do {
        uint64_t row = x % p->rows, column = x / p->rows;
        for (int round = 0; round < 8; round += 2) {
            row += scramble(column, p->key[round], p->rows);
            row -= row >= p->rows ? p->rows : 0;
            column += scramble(row, p->key[round + 1], p->columns);
            column -= column >= p->columns ? p->columns : 0;
        }
        x = column * p->rows + row;
    } while (x >= p->n);
    return (int64_t)x;
}
