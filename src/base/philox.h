/* Random numbers that are functions: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random
 * numbers: as easy as 1, 2, 3; SC 2011).
 *
 * A number is a function of (seed, stream, index) alone, so any of them is found without those
 * before it, by any thread, with the same bits everywhere. Streams of one seed are independent;
 * dg_stream and dg_stream_name make them from what the numbers are for. One block of Philox holds
 * four 32-bit words; element i of a stream of words lies in block i / 4, at i % 4. */
#ifndef DG_BASE_PHILOX_H
#define DG_BASE_PHILOX_H

#include <stdint.h>

/* out = Philox4x32-10(counter, key). */
static inline void dg_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t x0 = counter[0], x1 = counter[1], x2 = counter[2], x3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)x0 * 0xd2511f53U, b = (uint64_t)x2 * 0xcd9e8d57U;
        x0 = (uint32_t)(b >> 32) ^ x1 ^ k0;
        x1 = (uint32_t)b;
        x2 = (uint32_t)(a >> 32) ^ x3 ^ k1;
        x3 = (uint32_t)a;
        k0 += 0x9e3779b9U;
        k1 += 0xbb67ae85U;
    }
    out[0] = x0;
    out[1] = x1;
    out[2] = x2;
    out[3] = x3;
}

/* Block `block` of a stream: key[0] is the seed, key[1] the stream, as in dg_call. */
static inline void dg_philox_block(const uint64_t key[2], uint64_t block, uint32_t out[4])
{
    uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)key[1],
                           (uint32_t)(key[1] >> 32)};
    uint32_t half[2] = {(uint32_t)key[0], (uint32_t)(key[0] >> 32)};
    dg_philox(counter, half, out);
}

/* A word as a number in [0, 1): its upper 24 bits, exact in f32 and in f64. */
static inline float dg_unit_f32(uint32_t word)
{
    return (float)(word >> 8) * 0x1p-24F;
}

/* Two words as a number in [0, 1): 53 bits. */
static inline double dg_unit_f64(uint32_t low, uint32_t high)
{
    return (double)(((uint64_t)high << 32 | low) >> 11) * 0x1p-53;
}

/* Element `index` of a stream, uniform in [0, 1): 24 bits from words index (dropout masks use the
 * same words), 53 bits from words 2 index and 2 index + 1. */
float dg_uniform_f32(uint64_t seed, uint64_t stream, uint64_t index);
double dg_uniform(uint64_t seed, uint64_t stream, uint64_t index);

/* Element `index` of a stream, normal with mean 0 and variance 1, by Box and Muller's formula from
 * the uniform elements index and index ^ 1; below 8.6 in size. */
double dg_normal(uint64_t seed, uint64_t stream, uint64_t index);

/* Elements first .. first + n - 1 of these, faster (uniform ones: the kernel dg_uniform_row). */
void dg_normal_fill(uint64_t seed, uint64_t stream, uint64_t first, int64_t n, double *out);

/* A stream for the pair (a, b), and for a name; pairs and names that differ get streams that differ
 * but for an accident of 2^-64. Chain them: dg_stream(dg_stream_name("dropout/h1"), step). */
uint64_t dg_stream(uint64_t a, uint64_t b);
uint64_t dg_stream_name(const char *name);

/* A permutation of 0 .. n - 1 without a table, keyed by (seed, epoch). */
typedef struct dg_permutation {
    uint64_t n, rows, columns; /* rows columns >= n, as little above as a near square allows */
    uint64_t key[8];
} dg_permutation;

/* 1 <= n <= 2^62. */
dg_permutation dg_permutation_make(int64_t n, uint64_t seed, uint64_t epoch);

/* Where i goes, 0 <= i < n. */
int64_t dg_permutation_at(const dg_permutation *p, int64_t i);

#endif
