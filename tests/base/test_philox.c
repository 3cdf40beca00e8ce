/* Random numbers: the known answers, the distributions, and that permutations are bijections. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/elem_f64.h"
#include "base/philox.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void known(const uint32_t counter[4], const uint32_t key[2], const uint32_t want[4])
{
    uint32_t got[4];
    dg_philox(counter, key, got);
    for (int i = 0; i < 4; i++)
        assert_int_equal(got[i], want[i]);
}

/* Vectors of Random123's tests/kat_vectors for philox4x32 with 10 rounds. */
static void known_answers(void **state)
{
    (void)state;
    const uint32_t F = 0xffffffff;
    known((uint32_t[]){0, 0, 0, 0}, (uint32_t[]){0, 0},
          (uint32_t[]){0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    known((uint32_t[]){F, F, F, F}, (uint32_t[]){F, F},
          (uint32_t[]){0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    known((uint32_t[]){0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
          (uint32_t[]){0xa4093822, 0x299f31d0},
          (uint32_t[]){0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

/* The same words in the order that a stream gives them. */
static void blocks_are_keyed(void **state)
{
    (void)state;
    uint32_t w[4];
    dg_philox_block((uint64_t[2]){0x299f31d0a4093822, 0x0370734413198a2e}, 0x85a308d3243f6a88, w);
    assert_int_equal(w[0], 0xd16cfe09);
    assert_int_equal(w[3], 0x24126ea1);
}

static void units_are_below_one(void **state)
{
    (void)state;
    assert_true(dg_unit_f32(0) == 0 && dg_unit_f32(UINT32_MAX) == 1 - 0x1p-24F);
    assert_true(dg_unit_f64(0, 0) == 0 && dg_unit_f64(UINT32_MAX, UINT32_MAX) == 1 - 0x1p-53);
    for (uint64_t i = 0; i < 1000; i++) {
        uint32_t w[4];
        dg_philox_block((uint64_t[2]){5, 6}, i / 4, w);
        assert_true(dg_uniform_f32(5, 6, i) == (float)(w[i % 4] >> 8) * 0x1p-24F);
    }
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Kolmogorov and Smirnov's distance times sqrt n; above 2.7 with probability 1e-6. */
static double distance(double *x, int n, double cdf(double))
{
    double most = 0;
    qsort(x, (size_t)n, sizeof *x, by_size);
    for (int i = 0; i < n; i++) {
        double f = cdf(x[i]);
        most = fmax(most, fmax(f - (double)i / n, (double)(i + 1) / n - f));
    }
    return most * sqrt(n);
}

static double uniform_cdf(double x)
{
    return x;
}

static double normal_cdf(double x)
{
    return 0.5 * erfc(-x * 0.7071067811865476);
}

enum { MANY = 200000 };

static void moments(const double *x, double mean, double variance)
{
    double sum = 0, square = 0;
    for (int i = 0; i < MANY; i++) {
        sum += x[i];
        square += (x[i] - mean) * (x[i] - mean);
    }
    assert_true(fabs(sum / MANY - mean) < 5 * sqrt(variance / MANY));
    assert_true(fabs(square / MANY - variance) < 5 * variance * sqrt(2.0 / MANY));
}

static void have_their_distributions(void **state)
{
    (void)state;
    double *x = malloc(MANY * sizeof *x);
    assert_non_null(x);
    for (uint64_t stream = 0; stream < 3; stream++) {
        for (uint64_t i = 0; i < MANY; i++)
            x[i] = dg_uniform(7, stream, i);
        moments(x, 0.5, 1.0 / 12);
        assert_true(distance(x, MANY, uniform_cdf) < 2.7);
        dg_normal_fill(7, stream, 0, MANY, x);
        moments(x, 0, 1);
        assert_true(distance(x, MANY, normal_cdf) < 2.7);
    }
    free(x);
}

static void fill_is_element_by_element(void **state)
{
    (void)state;
    double x[33];
    for (uint64_t first = 0; first < 3; first++) {
        for (int64_t n = 0; n <= 33; n += 11) {
            dg_normal_fill(1, 2, first, n, x);
            for (int64_t i = 0; i < n; i++)
                assert_true(x[i] == dg_normal(1, 2, first + (uint64_t)i));
        }
    }
}

/* Pinned: these bits are part of what a seed means. */
static void keeps_its_bits(void **state)
{
    (void)state;
    double u = dg_uniform(1, 2, 3), v = dg_uniform(1, 2, 2);
    double radius = sqrt(-2 * dg_log(1 - v));
    assert_true(dg_normal(1, 2, 2) == radius * dg_cos(6.283185307179586 * u));
    assert_true(dg_normal(1, 2, 3) == radius * dg_sin(6.283185307179586 * u));
    assert_true(dg_uniform(1, 2, 3) == 0x1.c1679e688a83p-5);
    assert_true(dg_normal(1, 2, 3) == 0x1.5452b49fedf8p-1);
    assert_true(dg_stream(1, 2) == 0xaa79839050c91eae);
    assert_true(dg_stream_name("theta") == 0xff0fb9f6161f34e3);
    dg_permutation p = dg_permutation_make(1000, 1, 2);
    assert_int_equal(dg_permutation_at(&p, 3), 665);
}

static void streams_differ(void **state)
{
    (void)state;
    uint64_t s[200];
    int n = 0;
    for (uint64_t a = 0; a < 10; a++)
        for (uint64_t b = 0; b < 20; b++)
            s[n++] = dg_stream(a, b);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < i; k++)
            assert_true(s[i] != s[k]);
    assert_true(dg_stream_name("ab") != dg_stream_name("ba"));
    assert_true(dg_stream_name("") != dg_stream_name("a"));
}

static void permutes(int64_t n, uint64_t seed, uint64_t epoch)
{
    unsigned char *seen = calloc((size_t)n, 1);
    assert_non_null(seen);
    dg_permutation p = dg_permutation_make(n, seed, epoch);
    for (int64_t i = 0; i < n; i++) {
        int64_t to = dg_permutation_at(&p, i);
        assert_true(to >= 0 && to < n);
        assert_int_equal(seen[to]++, 0);
    }
    free(seen);
}

static void permutations_are_bijections(void **state)
{
    (void)state;
    for (int64_t n = 1; n <= 300; n++)
        permutes(n, 3, (uint64_t)n % 5);
    permutes(60000, 1, 1);
    permutes(65536, 1, 2);
    permutes(99991, UINT64_MAX, UINT64_MAX);
    dg_permutation p = dg_permutation_make((int64_t)1 << 62, 1, 1);
    int64_t last = dg_permutation_at(&p, ((int64_t)1 << 62) - 1);
    assert_true(last >= 0 && last < (int64_t)1 << 62);
}

/* All 24 permutations of 4 come up alike: chi squared of 23 degrees, above 70 with probability
 * 1e-6. */
static void permutations_are_even_handed(void **state)
{
    (void)state;
    enum { TRIES = 24000 };
    int count[256] = {0}, kinds = 0;
    for (uint64_t epoch = 0; epoch < TRIES; epoch++) {
        dg_permutation p = dg_permutation_make(4, 11, epoch);
        int64_t code = 0;
        for (int64_t i = 0; i < 4; i++)
            code = code * 4 + dg_permutation_at(&p, i);
        count[code]++;
    }
    double chi = 0;
    for (int i = 0; i < 256; i++) {
        kinds += count[i] > 0;
        if (count[i] > 0)
            chi += (count[i] - TRIES / 24.0) * (count[i] - TRIES / 24.0) / (TRIES / 24.0);
    }
    assert_int_equal(kinds, 24);
    assert_true(chi < 70);
}

/* Where i goes and where i + 1 goes must not be related; nor two epochs. Sums of n differences that
 * are spread like two random places have a known mean and variance. */
static void permutations_mix(void **state)
{
    (void)state;
    enum { N = 50000 };
    dg_permutation p = dg_permutation_make(N, 5, 1), q = dg_permutation_make(N, 5, 2);
    double near = 0, epochs = 0, half = 0;
    for (int64_t i = 0; i + 1 < N; i++) {
        int64_t a = dg_permutation_at(&p, i);
        near += llabs(a - dg_permutation_at(&p, i + 1));
        epochs += llabs(a - dg_permutation_at(&q, i));
        half += i < N / 2 && a < N / 2;
    }
    double mean = N / 3.0, spread = N / sqrt(18.0);
    assert_true(fabs(near / N - mean) < 6 * spread / sqrt(N));
    assert_true(fabs(epochs / N - mean) < 6 * spread / sqrt(N));
    assert_true(fabs(half - N / 4.0) < 6 * sqrt(N / 16.0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(blocks_are_keyed),
        cmocka_unit_test(units_are_below_one),
        cmocka_unit_test(units_are_below_one),
        cmocka_unit_test(have_their_distributions),
        cmocka_unit_test(fill_is_element_by_element),
        cmocka_unit_test(keeps_its_bits),
        cmocka_unit_test(streams_differ),
        cmocka_unit_test(permutations_are_bijections),
        cmocka_unit_test(permutations_are_even_handed),
        cmocka_unit_test(permutations_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
