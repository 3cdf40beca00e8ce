/* Tests of the kernels on every path. A test defines DG_CASES, a header with functions named by
 * DG_T(...) on numbers of type `real`, and includes this: it is read six times. Then run_paths runs
 * one of its functions on all paths, and checks that the paths of a type return the same hash of
 * bits. */
#ifndef DG_TESTS_EACH_H
#define DG_TESTS_EACH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DG_KERNELS_AGAIN

/* A small generator, the same numbers on every path. */
static uint64_t state;

static inline uint64_t draw(void)
{
    uint64_t z = state += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

/* A whole number from `low` to `high`. */
static inline int64_t between(int64_t low, int64_t high)
{
    return low + (int64_t)(draw() % (uint64_t)(high - low + 1));
}

static inline uint64_t hash(uint64_t h, const void *p, size_t bytes)
{
    for (const unsigned char *b = p; bytes--; b++)
        h = (h ^ *b) * 0x100000001b3U;
    return h;
}

/* 64-byte aligned, exactly so many bytes plus `skew`, so that a sanitizer sees what is beyond. */
static inline void *take(int64_t bytes)
{
    void *p = NULL;
    assert_int_equal(posix_memalign(&p, 64, (size_t)(bytes > 0 ? bytes : 1)), 0);
    return p;
}

#define real float
#define DG_T(name) name##_f32_v4
#include DG_CASES
#undef DG_T
#define DG_T(name) name##_f32_v3
#include DG_CASES
#undef DG_T
#define DG_T(name) name##_f32_portable
#include DG_CASES
#undef DG_T
#undef real
#define real double
#define DG_T(name) name##_f64_v4
#include DG_CASES
#undef DG_T
#define DG_T(name) name##_f64_v3
#include DG_CASES
#undef DG_T
#define DG_T(name) name##_f64_portable
#include DG_CASES
#undef DG_T
#undef real

typedef uint64_t case_fn(void);

/* A sanitized build looks for errors of memory: the best path and the portable one, and few seeds;
 * all are for the release build. */
#ifdef DG_SANITIZED
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

static int supported(int path)
{
    __builtin_cpu_init();
    if (path == 0)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (path == 1)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    return 1;
}

/* f: v4, v3, portable of f32, then of f64. Seeds first .. first + n - 1. */
static void run_paths(case_fn *const f[6], uint64_t first, int n)
{
    if (SANITIZED)
        n = (n + 2) / 3;
    static const char *const name[3] = {"v4", "v3", "portable"};
    for (int p = 0; p < 2; p++)
        if (!supported(p))
            printf("SKIPPED: this processor has no %s\n", name[p]);
    const int paths = SANITIZED && supported(0) ? 1 : 2; /* beside the portable one */
    for (int i = 0; i < n; i++)
        for (int type = 0; type < 2; type++) {
            state = first + (uint64_t)i;
            const uint64_t want = f[3 * type + 2]();
            for (int p = 0; p < paths; p++) {
                if (!supported(p))
                    continue;
                state = first + (uint64_t)i;
                if (f[3 * type + p]() != want)
                    fail_msg("seed %llu: f%d on %s has other bits than portable",
                             (unsigned long long)first + (unsigned)i, type ? 64 : 32, name[p]);
            }
        }
}

/* One test of a group: a function on all paths, with n seeds from `first` on. */
typedef struct {
    case_fn *f[6];
    uint64_t first;
    int n;
} each_test;

/* The six functions of one name. */
#define DG_EACH(name)                                                                              \
    {                                                                                              \
        name##_f32_v4, name##_f32_v3, name##_f32_portable, name##_f64_v4, name##_f64_v3,           \
            name##_f64_portable                                                                    \
    }

static void run_each(void **initial)
{
    const each_test *t = *initial;
    run_paths(t->f, t->first, t->n);
}

#endif
