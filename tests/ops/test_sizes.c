/* The rooms that nodes ask for (ops/sizes.h) are enough for the kernels of every instruction set,
 * for any range of the rows, and each part of a weight gradient is done once however many parts a
 * call has. */
#include "ops/sizes.h"

#include "ops/isa.h"
#include "ops/registry.h"
#include "ops/rooms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Those of this processor, best first. */
static int paths(int f64, const dg_rooms *of[3])
{
    int n = 0;
#if defined(__x86_64__)
    if (dg_isa_v4())
        of[n++] = f64 ? &dg_rooms_f64_v4 : &dg_rooms_f32_v4;
    if (dg_isa_v3())
        of[n++] = f64 ? &dg_rooms_f64_v3 : &dg_rooms_f32_v3;
#endif
    of[n++] = f64 ? &dg_rooms_f64_portable : &dg_rooms_f32_portable;
    return n;
}

static uint64_t seed;

static int64_t below(int64_t n)
{
    uint64_t z = seed += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return (int64_t)((z ^ (z >> 31)) % (uint64_t)n);
}

/* Small and large ones alike. */
static int64_t size(void)
{
    return below((int64_t)1 << (1 + below(13)));
}

static void test_products(void **state)
{
    (void)state;
    const dg_rooms *of[3];
    int64_t seen = 0;
    for (int f64 = 0; f64 < 2; f64++) {
        dg_type real = f64 ? DG_F64 : DG_F32;
        for (int n = paths(f64, of), i = 0; i < 20000; i++) {
            int64_t rows = size(), in = size(), out = size(), fewer = below(rows + 1);
            size_t linear = dg_linear_scratch(real, rows, in, out);
            size_t gemm = dg_gemm_scratch(real, rows, out, in, out);
            for (int k = 0; k < n; k++) {
                assert_true(of[k]->linear(rows, in, out) <= linear);
                assert_true(of[k]->linear(fewer, in, out) <= linear);
                assert_true(of[k]->weight(rows, in, out) <= linear);
                assert_true(of[k]->gemm(rows, out, in, out) <= gemm);
                assert_true(of[k]->gemm(fewer, out, in, out) <= gemm);
            }
            seen += gemm > 0;
        }
    }
    assert_true(seen > 10000);
}

static void test_pictures(void **state)
{
    (void)state;
    const dg_rooms *of[3];
    for (int f64 = 0; f64 < 2; f64++) {
        dg_type real = f64 ? DG_F64 : DG_F32;
        for (int n = paths(f64, of), i = 0; i < 2000; i++) {
            int64_t side = 1 + below(60), kernel = 1 + below(7), groups = 1 + below(3);
            dg_conv s = {.h = side,
                         .w = side,
                         .c = groups * (1 + below(70)),
                         .kh = kernel,
                         .kw = kernel,
                         .k = groups * (1 + below(70)),
                         .oh = side,
                         .ow = side,
                         .stride_y = 1,
                         .stride_x = 1,
                         .dilation_y = 1,
                         .dilation_x = 1,
                         .top = (kernel - 1) / 2,
                         .left = (kernel - 1) / 2,
                         .groups = groups};
            dg_pool p = {.h = side,
                         .w = side,
                         .c = s.c,
                         .kh = 1 + below(side),
                         .kw = 1 + below(side),
                         .oh = 1,
                         .ow = 1,
                         .stride_y = 1,
                         .stride_x = 1,
                         .dilation_y = 1,
                         .dilation_x = 1};
            for (int k = 0; k < n; k++) {
                assert_true(of[k]->conv(&s) <= dg_conv_scratch(real, &s));
                assert_int_equal(of[k]->taps(&p), dg_pool_tap_bytes_f32_portable(&p));
            }
        }
    }
}

/* dW of x [9, in] by `parts` calls: the bits of one call, whatever number of parts the caller
 * has. */
static void check_parts(const dg_isa *isa, int64_t in, int64_t units)
{
    enum { ROWS = 9, MOST = 200 * 300 };
    static float x[ROWS * 300], eps[ROWS * 300], whole[MOST], cut[MOST];
    int node = dg_builtin_find("linear");
    for (int i = 0; i < ROWS * 300; i++) {
        x[i] = (float)(below(2001) - 1000) / 512;
        eps[i] = (float)(below(2001) - 1000) / 512;
    }
    dg_attr_value v[] = {{.count = 1, .word = -1, .number = {(double)units}},
                         {.count = 1, .word = -1, .number = {0}}};
    dg_attrs attrs = {2, v};
    dg_shape shapes[] = {{2, {ROWS, in}}, {2, {in, units}}, {.rank = -1}}, out = {2, {ROWS, units}};
    const void *from[] = {x, NULL, NULL}, *error[] = {eps};
    for (int parts = 1; parts < 20; parts++) {
        void *delta[] = {NULL, parts == 1 ? whole : cut, NULL};
        dg_call c = {.size = sizeof c,
                     .attrs = &attrs,
                     .n_in = 3,
                     .n_out = 1,
                     .in_shape = shapes,
                     .out_shape = &out,
                     .row1 = ROWS,
                     .parts = parts,
                     .in = from,
                     .eps = error,
                     .delta = delta};
        memset(cut, 0xff, sizeof cut);
        for (c.part = parts - 1; c.part >= 0; c.part--)
            assert_int_equal(isa->math[0][node]->adjoint(&c), DG_OK);
        if (parts > 1)
            assert_memory_equal(cut, whole, (size_t)(in * units) * sizeof(float));
    }
}

static void test_parts(void **state)
{
    (void)state;
    const dg_isa *isa;
    for (int k = 0; (isa = dg_isa_at(k)); k++) {
        check_parts(isa, 200, 300);
        check_parts(isa, 130, 257);
        check_parts(isa, 1, 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_pictures),
        cmocka_unit_test(test_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
