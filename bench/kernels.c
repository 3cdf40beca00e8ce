/* Matrix products and convolutions beside the fma peak of one core, by instruction set.
 *
 *     bench-kernels [RUNS]        RUNS: samples of each figure, 30 by default
 *
 * The peak is the best of 20 runs of 20 ms of 12 independent chains of the widest fma. A rate
 * counts two operations for each product of the definition, none for a tap that falls on padding;
 * one above the peak means a wrong count or a wrong peak, and fails, but for Winograd's
 * convolution, which does a quarter of those products. Minimum and median of the
 * samples; all operands of a sample are the same memory. */
#include "kernels/kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct {
    int64_t rows, out, in;
} shape;

typedef struct {
    double (*peak)(double seconds);
    void (*linear)(const shape *s, int pass, void *scratch);
    size_t (*linear_scratch)(const shape *s, int pass);
    const char *(*conv_name)(const dg_conv *c, int pass);
    void (*conv)(const dg_conv *c, int64_t images, int pass, void *scratch);
    size_t (*conv_scratch)(const dg_conv *c, int pass);
} path;

/* x, w, b, y (and dy), dx, dw. */
static float *buffer[6];

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Operands for at most these numbers of elements, of size -0.5 to 0.5. */
static void make_buffers(const size_t n[6])
{
    for (int b = 0; b < 6; b++) {
        free(buffer[b]);
        buffer[b] = aligned_alloc(64, (n[b] * sizeof(float) + 127) / 64 * 64);
        for (size_t i = 0; buffer[b] && i < n[b]; i++)
            buffer[b][i] = (float)((i * 2654435761U >> 7) % 1000) / 1000.0F - 0.5F;
        if (!buffer[b])
            exit(1);
    }
}

#define DG_KERNELS_AGAIN
#define real float
#define DG_T(name) name##_f32_v4
#include "kernels_path.h"
#undef DG_T
#define DG_T(name) name##_f32_v3
#include "kernels_path.h"
#undef DG_T
#define DG_T(name) name##_f32_portable
#include "kernels_path.h"
#undef DG_T
#undef real

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

enum { MAX_RUNS = 1000 };
static int runs = 30, failed;
static double peak;

/* Prints one pass: its samples, of at least 0.2 ms each, against the peak. fewer: it does fewer
 * operations than the definition. */
static void report(const char *pass, double operations, double *samples, int fewer)
{
    qsort(samples, (size_t)runs, sizeof *samples, compare);
    const double rate = operations / samples[0], share = rate / peak;
    printf("  %s %8.3f /%8.3f ms %6.1f GF/s %5.1f %%", pass, samples[0] * 1e3,
           samples[runs / 2] * 1e3, rate * 1e-9, share * 100);
    if (share > 1 && !fewer) {
        printf("  ABOVE THE PEAK");
        failed = 1;
    }
}

static int calls_of(double seconds)
{
    return seconds < 2e-4 ? (int)(2e-4 / (seconds + 1e-9)) + 1 : 1;
}

static void bench_linear(const path *p, const shape *s)
{
    static const char *const name[3] = {"y", "dx", "dw"};
    const size_t r = (size_t)s->rows, in = (size_t)s->in, out = (size_t)s->out;
    const size_t n[6] = {r * in, in * out, out, r * out, r * in, in * out};
    static double samples[MAX_RUNS];
    make_buffers(n);
    printf("%5d x %4d x %4d ", (int)s->rows, (int)s->out, (int)s->in);
    for (int pass = 0; pass < 3; pass++) {
        void *scratch = aligned_alloc(64, p->linear_scratch(s, pass) / 64 * 64 + 64);
        double start = now();
        p->linear(s, pass, scratch);
        const int calls = calls_of(now() - start);
        for (int i = 0; i < runs; i++) {
            start = now();
            for (int c = 0; c < calls; c++)
                p->linear(s, pass, scratch);
            samples[i] = (now() - start) / calls;
        }
        report(name[pass], 2.0 * (double)(s->rows * s->in * s->out), samples, 0);
        free(scratch);
    }
    printf("\n");
}

/* Pairs of a position and a tap that meet inside the image, along one axis. */
static int64_t meetings(int64_t positions, int64_t taps, int64_t stride, int64_t dilation,
                        int64_t pad, int64_t size)
{
    int64_t n = 0;
    for (int64_t o = 0; o < positions; o++)
        for (int64_t t = 0; t < taps; t++)
            n += o * stride + t * dilation >= pad && o * stride + t * dilation - pad < size;
    return n;
}

static void bench_conv(const path *p, int64_t images, int64_t size, int64_t c, int64_t k, int exact)
{
    static const char *const name[3] = {"y", "dx", "dw"};
    const dg_conv s = {.h = size,
                       .w = size,
                       .c = c,
                       .kh = 3,
                       .kw = 3,
                       .k = k,
                       .oh = size,
                       .ow = size,
                       .stride_y = 1,
                       .stride_x = 1,
                       .dilation_y = 1,
                       .dilation_x = 1,
                       .top = 1,
                       .left = 1,
                       .groups = 1,
                       .exact = exact};
    const size_t x = (size_t)(images * size * size * c), y = (size_t)(images * size * size * k);
    const size_t w = (size_t)(9 * c * k), n[6] = {x, w, (size_t)k, y, x, w};
    const double met = (double)meetings(size, 3, 1, 1, 1, size);
    static double samples[MAX_RUNS];
    make_buffers(n);
    printf("%4d images %2dx%2d %2d -> %2d", (int)images, (int)size, (int)size, (int)c, (int)k);
    for (int pass = 0; pass < 3; pass++) {
        void *scratch = aligned_alloc(64, p->conv_scratch(&s, pass) / 64 * 64 + 64);
        for (int i = 0; i < runs; i++) {
            const double start = now();
            p->conv(&s, images, pass, scratch);
            samples[i] = now() - start;
        }
        const char *algorithm = p->conv_name(&s, pass);
        printf(" (%s)", algorithm);
        report(name[pass], 2.0 * (double)(images * c * k) * met * met, samples,
               strcmp(algorithm, "winograd") == 0);
        free(scratch);
    }
    printf("\n");
}

static void bench(const char *isa, const path *p)
{
    static const shape linear[] = {{64, 256, 784}, {64, 128, 256},  {64, 10, 128},
                                   {32, 64, 64},   {64, 128, 3136}, {3072, 1536, 384}};
    peak = 0;
    for (int i = 0; i < 20; i++) {
        const double rate = p->peak(0.02);
        peak = rate > peak ? rate : peak;
    }
    printf("%s, f32, one core, peak %.1f GF/s; minimum / median of %d\n", isa, peak * 1e-9, runs);
    for (size_t i = 0; i < sizeof linear / sizeof *linear; i++)
        bench_linear(p, &linear[i]);
    bench_conv(p, 64, 28, 1, 32, 0);
    for (int exact = 1; exact >= 0; exact--) {
        bench_conv(p, 64, 28, 32, 32, exact);
        bench_conv(p, 64, 14, 32, 64, exact);
        bench_conv(p, 64, 14, 64, 64, exact);
        bench_conv(p, 128, 32, 16, 16, exact);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1)
        runs = atoi(argv[1]);
    if (runs < 1 || runs > MAX_RUNS) {
        fprintf(stderr, "bench-kernels: RUNS is 1 to %d\n", MAX_RUNS);
        return 2;
    }
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        bench("x86-64-v4", &path_of_f32_v4);
    else
        printf("SKIPPED: this processor has no x86-64-v4\n");
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        bench("x86-64-v3", &path_of_f32_v3);
    else
        printf("SKIPPED: this processor has no x86-64-v3\n");
    if (getenv("BENCH_PORTABLE"))
        bench("portable", &path_of_f32_portable);
    for (int b = 0; b < 6; b++)
        free(buffer[b]);
    return failed;
}
