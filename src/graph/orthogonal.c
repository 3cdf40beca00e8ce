/* Q of the QR decomposition of a normal matrix by Householder reflections, in f64.
 *
 * A = H_0 H_1 ... H_{n-1} R, H_k = 1 - t v v^t, v 0 above k and 1 at k; Q is H_0 ... H_{n-1} times
 * the first n columns of the identity, its column k times the sign of R_kk, which makes the
 * distribution uniform (Mezzadri, Notices of the AMS 54, 2007). A wide matrix is the transpose of a
 * tall one.
 *
 * Rows are walked in the inner loops, so that no sum is reordered and the bits do not depend on the
 * width of vectors. */
#include "graph/orthogonal.h"

#include "base/checked.h"
#include "base/philox.h"
#include <math.h>

/* a[k..m)[first..n) -= t v (v^t a): v lies in column k of h, below its 1. w: n numbers. */
static void reflect(const double *h, double t, int64_t k, int64_t m, int64_t n, int64_t first,
                    double *a, double *w)
{
    for (int64_t j = first; j < n; j++)
        w[j] = a[k * n + j];
    for (int64_t i = k + 1; i < m; i++) {
        double v = h[i * n + k];
        for (int64_t j = first; j < n; j++)
            w[j] += v * a[i * n + j];
    }
    for (int64_t j = first; j < n; j++) {
        w[j] *= t;
        a[k * n + j] -= w[j];
    }
    for (int64_t i = k + 1; i < m; i++) {
        double v = h[i * n + k];
        for (int64_t j = first; j < n; j++)
            a[i * n + j] -= v * w[j];
    }
}

/* Makes the reflection that clears column k below the diagonal; t, and R_kk in *r. A column that is
 * clear already needs none: t = 0. */
static double make_reflection(double *a, int64_t k, int64_t m, int64_t n, double *r)
{
    double below = 0, x = a[k * n + k];
    for (int64_t i = k + 1; i < m; i++)
        below += a[i * n + k] * a[i * n + k];
    *r = x;
    if (below == 0)
        return 0;
    double norm = sqrt(x * x + below);
    *r = x > 0 ? -norm : norm;
    double head = x - *r; /* no cancellation: the signs differ */
    for (int64_t i = k + 1; i < m; i++)
        a[i * n + k] /= head;
    return -head / *r;
}

/* a: m x n, m >= n, becomes the reflections' vectors; q becomes Q. t, w: n numbers each. */
static void householder(double *a, int64_t m, int64_t n, double *q, double *t, double *w)
{
    for (int64_t i = 0; i < m * n; i++)
        q[i] = 0;
    for (int64_t k = 0; k < n; k++) {
        double r;
        t[k] = make_reflection(a, k, m, n, &r);
        reflect(a, t[k], k, m, n, k + 1, a, w);
        q[k * n + k] = r < 0 ? -1 : 1;
    }
    for (int64_t k = n - 1; k >= 0; k--)
        reflect(a, t[k], k, m, n, k, q, w);
}

static void transpose(const double *a, int64_t m, int64_t n, double *out)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            out[j * m + i] = a[i * n + j];
}

double *dg_orthogonal(dg_memory *memory, int64_t rows, int64_t columns, uint64_t seed,
                      uint64_t stream)
{
    int wide = columns > rows;
    int64_t m = wide ? columns : rows, n = wide ? rows : columns, count, bytes;
    if (!dg_mul_i64(m, n, &count) || !dg_mul_i64(count, sizeof(double), &bytes))
        return NULL;
    double *a = dg_memory_alloc(memory, (size_t)bytes);
    double *q = dg_memory_alloc(memory, (size_t)bytes);
    double *t = dg_memory_alloc(memory, 2 * (size_t)n * sizeof(double));
    if (a && q && t) {
        dg_normal_fill(seed, stream, 0, count, a);
        householder(a, m, n, q, t, t + n);
        if (wide)
            transpose(q, m, n, a);
    }
    double *result = !(a && q && t) ? NULL : wide ? a : q;
    dg_memory_free(memory, result == a ? NULL : a);
    dg_memory_free(memory, result == q ? NULL : q);
    dg_memory_free(memory, t);
    return result;
}
