/* Cases of tests/kernels/test_gemm.c for one path. */
#include "kernels/kernels.h"

static real *DG_T(whole)(int64_t n) /* whole numbers -3 .. 3 */
{
    real *p = take(n * (int64_t)sizeof(real));
    for (int64_t i = 0; i < n; i++)
        p[i] = (real)between(-3, 3);
    return p;
}

static real *DG_T(any)(int64_t n)
{
    real *p = take(n * (int64_t)sizeof(real));
    for (int64_t i = 0; i < n; i++)
        p[i] = (real)((double)between(-1000000, 1000000) * 1e-6);
    return p;
}

static int64_t DG_T(size)(void)
{
    static const int64_t cut[] = {0, 1, 2, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 95, 96, 97, 100};
    return draw() % 2 ? cut[draw() % (sizeof cut / sizeof *cut)] : between(1, 70);
}

/* dg_gemm with whole numbers against int64: all modes, operands transposed or with gaps, a bias. */
static uint64_t DG_T(gemm_exact)(void)
{
    const int64_t m = DG_T(size)(), n = DG_T(size)(),
                  k = draw() % 5 ? DG_T(size)() : between(700, 1700);
    const int mode = (int)between(0, 3), ta = (int)between(0, 1), tb = (int)between(0, 2);
    const int64_t ga = between(0, 2), gb = between(0, 2), gc = between(0, 2);
    const int64_t ar = ta ? 1 : k + ga, ac = ta ? m + ga : 1;
    const int64_t br = tb == 1 ? 1 : tb ? 2 * n + gb : n + gb, bc = tb == 1 ? k + gb : tb ? 2 : 1;
    const int64_t a_size = m && k ? (m - 1) * ar + (k - 1) * ac + 1 : 0;
    const int64_t b_size = n && k ? (k - 1) * br + (n - 1) * bc + 1 : 0;
    const int64_t c_size = m && n ? (m - 1) * (n + gc) + n : 0;
    real *a = DG_T(whole)(a_size), *b = DG_T(whole)(b_size), *c = DG_T(whole)(c_size),
         *old = take(c_size * 8);
    real *bias = draw() % 2 ? DG_T(whole)(n) : NULL;
    void *scratch = take((int64_t)DG_T(dg_gemm_scratch)(m, n, k, bc));
    memcpy(old, c, (size_t)c_size * sizeof(real));
    DG_T(dg_gemm)(mode, m, n, k, a, ar, ac, b, br, bc, bias, c, n + gc, scratch);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n + gc && i * (n + gc) + j < c_size; j++) {
            const real was = old[i * (n + gc) + j];
            int64_t sum = mode == DG_ADD || mode == DG_CONTINUE || j >= n ? (int64_t)was : 0;
            for (int64_t t = 0; t < k && j < n; t++)
                sum += (int64_t)a[i * ar + t * ac] * (int64_t)b[t * br + j * bc];
            if (bias && j < n)
                sum += (int64_t)bias[j];
            if (c[i * (n + gc) + j] != (real)sum)
                fail_msg("m %d n %d k %d mode %d: c[%d, %d] is %g, not %d", (int)m, (int)n, (int)k,
                         mode, (int)i, (int)j, (double)c[i * (n + gc) + j], (int)sum);
        }
    const uint64_t h = hash(1, c, (size_t)c_size * sizeof(real));
    free(a), free(b), free(c), free(old), free(bias), free(scratch);
    return h;
}

/* The order of sums that kernels.h states, spelt out with fma, for any numbers. */
static real DG_T(chain)(real start, int64_t k, const real *a, int64_t a_step, const real *b,
                        int64_t b_step)
{
    for (int64_t t = 0; t < k; t++)
        start =
            sizeof(real) == 4
                ? (real)__builtin_fmaf((float)a[t * a_step], (float)b[t * b_step], (float)start)
                : (real)__builtin_fma((double)a[t * a_step], (double)b[t * b_step], (double)start);
    return start;
}

static uint64_t DG_T(gemm_order)(void)
{
    const int64_t m = between(1, 40), n = between(1, 80),
                  k = draw() % 2 ? between(1, 300) : between(760, 2400);
    const int mode = (int)between(0, 3), tb = (int)between(0, 1);
    const int64_t br = tb ? 1 : n, bc = tb ? k : 1,
                  blocks = mode < 2 && k > 768 ? (k + 767) / 768 : 1;
    real *a = DG_T(any)(m * k), *b = DG_T(any)(n * k), *c = DG_T(any)(m * n),
         *old = take(m * n * 8);
    real *bias = draw() % 2 ? DG_T(any)(n) : NULL;
    void *scratch = take((int64_t)DG_T(dg_gemm_scratch)(m, n, k, bc));
    memcpy(old, c, (size_t)(m * n) * sizeof(real));
    DG_T(dg_gemm)(mode, m, n, k, a, k, 1, b, br, bc, bias, c, n, scratch);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            real want = mode == DG_CONTINUE ? old[i * n + j] : 0;
            for (int64_t q = 0; q < blocks; q++) {
                const int64_t t = q * k / blocks, e = (q + 1) * k / blocks;
                const real s =
                    DG_T(chain)(q ? 0 : want, e - t, a + i * k + t, 1, b + t * br + j * bc, br);
                want = q ? want + s : mode == DG_ADD ? old[i * n + j] + s : s;
            }
            if (bias)
                want += bias[j];
            if (memcmp(&want, &c[i * n + j], sizeof want) != 0)
                fail_msg("m %d n %d k %d mode %d: c[%d, %d] is %.17g, not %.17g", (int)m, (int)n,
                         (int)k, mode, (int)i, (int)j, (double)c[i * n + j], (double)want);
        }
    const uint64_t h = hash(2, c, (size_t)(m * n) * sizeof(real));
    free(a), free(b), free(c), free(old), free(bias), free(scratch);
    return h;
}

/* Linear layer: rows in any ranges, parts in any order, the batch in two calls: the bits of the
 * whole. */
static uint64_t DG_T(linear_cuts)(void)
{
    const int64_t rows = between(1, draw() % 4 ? 60 : 900), in = between(1, 200),
                  out = between(1, 300);
    const int64_t cut = between(0, rows);
    real *x = DG_T(any)(rows * in), *w = DG_T(any)(in * out), *b = DG_T(any)(out),
         *dy = DG_T(any)(rows * out);
    real *y = take(rows * out * 8), *y2 = take(rows * out * 8), *dx = take(rows * in * 8),
         *dx2 = take(rows * in * 8);
    real *dw = take(in * out * 8), *dw2 = take(in * out * 8), *db = take(out * 8),
         *db2 = take(out * 8);
    const size_t need[6] = {DG_T(dg_linear_scratch)(rows, in, out),
                            DG_T(dg_linear_input_scratch)(rows, in, out),
                            DG_T(dg_linear_weight_scratch)(rows, in, out),
                            DG_T(dg_linear_input_scratch)(cut, in, out),
                            DG_T(dg_linear_input_scratch)(rows - cut, in, out),
                            DG_T(dg_linear_scratch)(cut, in, out)};
    void *s[6];
    for (int i = 0; i < 6; i++)
        s[i] = take((int64_t)need[i]);
    const size_t bytes = sizeof(real);
    DG_T(dg_linear)(0, rows, in, out, x, w, b, y, s[0]);
    DG_T(dg_linear)(cut, rows, in, out, x, w, b, y2, s[0]);
    DG_T(dg_linear)(0, cut, in, out, x, w, b, y2, s[5]);
    DG_T(dg_linear_input)(0, rows, in, out, dy, w, dx, s[1]);
    DG_T(dg_linear_input)(cut, rows, in, out, dy, w, dx2, s[4]);
    DG_T(dg_linear_input)(0, cut, in, out, dy, w, dx2, s[3]);
    for (int p = 0; p < DG_T(dg_linear_weight_parts)(rows, in, out); p++)
        DG_T(dg_linear_weight)(p, rows, in, out, x, dy, 0, dw, s[2]);
    for (int p = DG_T(dg_linear_weight_parts)(cut, in, out); p-- > 0;)
        DG_T(dg_linear_weight)(p, cut, in, out, x, dy, 0, dw2, s[2]);
    for (int p = DG_T(dg_linear_weight_parts)(rows - cut, in, out); p-- > 0;)
        DG_T(dg_linear_weight)(p, rows - cut, in, out, x + cut * in, dy + cut * out, 1, dw2, s[2]);
    DG_T(dg_sum_columns)(rows, out, dy, out, 0, db);
    DG_T(dg_sum_columns)(cut, out, dy, out, 0, db2);
    DG_T(dg_sum_columns)(rows - cut, out, dy + cut * out, out, 1, db2);
    assert_memory_equal(y, y2, (size_t)(rows * out) * bytes);
    assert_memory_equal(dx, dx2, (size_t)(rows * in) * bytes);
    assert_memory_equal(dw, dw2, (size_t)(in * out) * bytes);
    assert_memory_equal(db, db2, (size_t)out * bytes);
    const real first = DG_T(chain)(0, rows, x, in, dy, out);
    assert_memory_equal(&first, dw, bytes);
    uint64_t h = hash(hash(3, y, (size_t)(rows * out) * bytes), dx, (size_t)(rows * in) * bytes);
    h = hash(hash(h, dw, (size_t)(in * out) * bytes), db, (size_t)out * bytes);
    for (int i = 0; i < 6; i++)
        free(s[i]);
    free(x), free(w), free(b), free(dy), free(y), free(y2), free(dx), free(dx2), free(dw),
        free(dw2), free(db), free(db2);
    return h;
}
