/* The loops that the engine itself calls, one table for each real and instruction set. Pointers are
 * to real values; n counts elements. Tables are const; isa.c hands them out. */
#ifndef DG_KERNELS_TABLE_H
#define DG_KERNELS_TABLE_H

#include <dagrad/optimizer.h>

enum { DG_BLOCK = 4096 }; /* elements of a parameter in one block of a sum or an optimizer step */

/* What an optimizer step does, once rate, bias corrections and clipping are known. */
typedef struct dg_optimizer_step {
    dg_optimizer_kind kind;
    int nesterov;
    double rate, momentum, decay, beta1, beta2, epsilon;
    double scale;  /* of the gradient: clipping */
    double c1, c2; /* 1 - beta1^t, 1 - beta2^t */
} dg_optimizer_step;

typedef struct dg_step_kernels {
    void (*add)(int64_t n, const void *a, const void *b, void *out); /* out may be a or b */
    void (*fill)(int64_t n, double value, void *out);
    /* In f64, in the order of a fixed tree over the n elements; not finite if an element is not. */
    double (*sum_squares)(int64_t n, const void *x);
    double (*sum)(int64_t n, const void *x); /* in f64, left to right */
    /* One pass over n elements; m, v: the first and second array of moments, or NULL. */
    void (*optimizer_step)(const dg_optimizer_step *d, int64_t n, void *theta, const void *g,
                           void *m, void *v);
    /* out = x for u8, i32, f32, f64 sources */
    void (*convert)(int type, int64_t n, const void *x, void *out);
    /* uniform elements first .. first + n - 1 of a stream: see dg_uniform of base/philox.h */
    void (*uniform)(uint64_t seed, uint64_t stream, uint64_t first, int64_t n, double *out);
    /* `rounds` of the widest fma, for benchmarks: see dg_peak of kernels.h */
    int64_t (*peak)(int64_t rounds, double *sink);
} dg_step_kernels;

#endif
