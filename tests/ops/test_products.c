/* linear and matmul against their definitions. Small integers: each result is exact in both types,
 * on every instruction set. */
#include "ops/registry.h"
#include "ops/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 20000 };

/* Numbers of a call: values, error vector, and what the definition says of y and each delta. */
typedef struct {
    double in[3][MOST], eps[MOST], y[MOST], delta[3][MOST];
} numbers;

static numbers Z;

static void draw(void)
{
    uint64_t seed = 1;
    for (int i = 0; i < MOST; i++) {
        for (int k = 0; k < 3; k++)
            Z.in[k][i] = (double)(dg_trial_next(&seed) % 7) - 3;
        Z.eps[i] = (double)(dg_trial_next(&seed) % 7) - 3;
    }
    memset(Z.y, 0, sizeof Z.y);
    memset(Z.delta, 0, sizeof Z.delta);
}

static void equal(const dg_rig *r, const char *what, int k, const void *found, const double *wanted,
                  int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (!(dg_rig_get(r, found, i) == wanted[i]))
            fail_msg("%s on %s: element %lld of %s %d is %g, not %g", r->trial->text, r->isa,
                     (long long)i, what, k, dg_rig_get(r, found, i), wanted[i]);
}

static void compare(const dg_trial *t)
{
    const dg_isa *isa;
    for (int k = 0; (isa = dg_rig_isa(k)); k++)
        for (int f64 = 0; f64 < 2; f64++) {
            dg_rig r;
            dg_rig_open(&r, t, f64 ? DG_F64 : DG_F32, isa, 1);
            int64_t n = dg_rig_out_count(&r, 0);
            for (int64_t i = 0; i < n; i++)
                dg_rig_set(&r, r.eps[0], i, Z.eps[i]);
            dg_rig_forward(&r, DG_CUT);
            dg_rig_adjoint(&r, DG_CUT, -1);
            equal(&r, "result", 0, r.out[0], Z.y, n);
            for (int i = 0; i < t->n_in; i++)
                if (dg_rig_wants(&r, i))
                    equal(&r, "delta", i, r.delta[i], Z.delta[i], dg_rig_in_count(&r, i));
            dg_rig_close(&r);
        }
}

/* ---- linear ---------------------------------------------------------------------------------- */

static void check_linear(dg_shape x, int batch, int units, int bias)
{
    char attrs[64];
    int in = (int)x.dim[x.rank - 1], rows = batch * (int)dg_shape_row(&x) / (in ? in : 1);
    draw();
    for (int r = 0; r < rows; r++)
        for (int j = 0; j < units; j++) {
            double sum = bias ? Z.in[2][j] : 0, eps = Z.eps[r * units + j];
            for (int i = 0; i < in; i++) {
                sum += Z.in[0][r * in + i] * Z.in[1][i * units + j];
                Z.delta[0][r * in + i] += eps * Z.in[1][i * units + j];
                Z.delta[1][i * units + j] += eps * Z.in[0][r * in + i];
            }
            Z.y[r * units + j] = sum;
            Z.delta[2][j] += eps;
        }
    dg_trial t;
    const dg_shape shapes[] = {x, {2, {in, units}}, {bias ? 1 : -1, {bias ? units : 0}}};
    const double *const values[] = {Z.in[0], Z.in[1], Z.in[2]};
    snprintf(attrs, sizeof attrs, "units=%d, bias=%s", units, bias ? "true" : "false");
    dg_trial_make(&t, "linear", attrs, 3, shapes, values, batch);
    assert_int_equal(t.out_shape[0].rank, x.rank);
    assert_int_equal(t.out_shape[0].dim[x.rank - 1], units);
    assert_true(t.type->flops(&(dg_sizes){.attrs = t.attrs, .n_in = 3, .in = t.in_shape}, 1) ==
                2.0 * rows * in * units);
    compare(&t);
    dg_trial_free(&t);
}

static void test_linear(void **state)
{
    (void)state;
    for (int bias = 0; bias < 2; bias++) {
        check_linear((dg_shape){2, {DG_N, 5}}, 7, 3, bias);
        check_linear((dg_shape){2, {DG_N, 33}}, 130, 65, bias);
        check_linear((dg_shape){3, {DG_N, 4, 6}}, 3, 17, bias);
        check_linear((dg_shape){4, {DG_N, 2, 3, 5}}, 2, 300, bias);
        check_linear((dg_shape){2, {DG_N, 1500}}, 2, 3, bias);
        check_linear((dg_shape){2, {DG_N, 1}}, 1, 1, bias);
    }
}

/* ---- matmul ---------------------------------------------------------------------------------- */

/* Where matrix l of the result finds its matrix of an input: by axes, from the last, one of length
 * 1 standing still. */
static int64_t matrix_of(const dg_shape *in, const dg_shape *out, int64_t l)
{
    int64_t at = 0, step = 1;
    for (int i = 3; i <= out->rank; i++) {
        int64_t long_one = out->dim[out->rank - i];
        int64_t own = i <= in->rank ? in->dim[in->rank - i] : 1;
        at += own == 1 ? 0 : l % long_one * step;
        step *= own;
        l /= long_one;
    }
    return at;
}

static void define_matmul(const dg_trial *t)
{
    const dg_shape *a = &t->in_shape[0], *b = &t->in_shape[1], *y = &t->out_shape[0];
    int64_t m = y->dim[y->rank - 2], n = y->dim[y->rank - 1], k = a->dim[a->rank - 1];
    int64_t matrices = dg_shape_count(y) / (m * n > 0 ? m * n : 1);
    for (int64_t l = 0; l < matrices; l++) {
        int64_t la = matrix_of(a, y, l) * m * k, lb = matrix_of(b, y, l) * k * n;
        for (int64_t i = 0; i < m * n * k; i++) {
            int64_t row = i / (n * k), column = i / k % n, c = i % k;
            int64_t at = l * m * n + row * n + column;
            int64_t pa = la + row * k + c, pb = lb + c * n + column;
            Z.y[at] += Z.in[0][pa] * Z.in[1][pb];
            Z.delta[0][pa] += Z.eps[at] * Z.in[1][pb];
            Z.delta[1][pb] += Z.eps[at] * Z.in[0][pa];
        }
    }
}

static void check_matmul(dg_shape a, dg_shape b, int batch, dg_shape wanted)
{
    dg_trial t;
    const dg_shape shapes[] = {a, b};
    const double *const values[] = {Z.in[0], Z.in[1]};
    draw();
    dg_trial_make(&t, "matmul", "", 2, shapes, values, batch);
    assert_true(dg_shape_equal(&t.out_shape[0], &wanted));
    define_matmul(&t);
    compare(&t);
    dg_trial_free(&t);
}

static void test_matmul(void **state)
{
    (void)state;
    check_matmul((dg_shape){2, {DG_N, 5}}, (dg_shape){2, {5, 7}}, 3, (dg_shape){2, {3, 7}});
    check_matmul((dg_shape){2, {DG_N, 300}}, (dg_shape){2, {300, 5}}, 40, (dg_shape){2, {40, 5}});
    check_matmul((dg_shape){2, {150, 17}}, (dg_shape){2, {17, 33}}, 0, (dg_shape){2, {150, 33}});
    check_matmul((dg_shape){3, {DG_N, 4, 5}}, (dg_shape){3, {DG_N, 5, 6}}, 3,
                 (dg_shape){3, {3, 4, 6}});
    check_matmul((dg_shape){3, {DG_N, 4, 5}}, (dg_shape){2, {5, 6}}, 3, (dg_shape){3, {3, 4, 6}});
    check_matmul((dg_shape){2, {4, 5}}, (dg_shape){3, {DG_N, 5, 6}}, 3, (dg_shape){3, {3, 4, 6}});
    check_matmul((dg_shape){4, {DG_N, 1, 4, 5}}, (dg_shape){3, {7, 5, 6}}, 2,
                 (dg_shape){4, {2, 7, 4, 6}});
    check_matmul((dg_shape){4, {3, 2, 4, 5}}, (dg_shape){4, {1, 2, 5, 1}}, 0,
                 (dg_shape){4, {3, 2, 4, 1}});
    check_matmul((dg_shape){5, {2, 1, 3, 2, 2}}, (dg_shape){5, {1, 4, 3, 2, 2}}, 0,
                 (dg_shape){5, {2, 4, 3, 2, 2}});
    check_matmul((dg_shape){2, {3, 0}}, (dg_shape){2, {0, 4}}, 0, (dg_shape){2, {3, 4}});
    check_matmul((dg_shape){3, {0, 3, 2}}, (dg_shape){2, {2, 4}}, 0, (dg_shape){3, {0, 3, 4}});
}

/* ---- What is refused ------------------------------------------------------------------------- */

static void refused(const char *node, dg_shape a, dg_shape b, const char *text)
{
    const dg_node_type *t = dg_builtin_at(dg_builtin_find(node));
    dg_attr_value v[] = {{.count = 1, .word = -1, .number = {3}},
                         {.count = 1, .word = -1, .number = {1}}};
    dg_attrs attrs = {2, v};
    dg_shape in[] = {a, b, {.rank = -1}}, out;
    dg_diag why = {0};
    assert_int_equal(t->shape(&attrs, 3, in, &out, &why), DG_EMODEL);
    if (!strstr(why.text, text))
        fail_msg("the message is: %s", why.text);
}

static void test_refused(void **state)
{
    (void)state;
    dg_shape scalar = {0}, vector = {1, {5}}, n5 = {2, {DG_N, 5}}, w = {2, {5, 3}};
    refused("linear", vector, w, "found [5]; reshape it");
    refused("linear", scalar, w, "found []");
    refused("matmul", vector, w, "a [5] and b [5, 3]: both need two axes or more");
    refused("matmul", w, n5, "a [5, 3] and b [N, 5]: the last axis of a must be as long");
    dg_shape five = {3, {5, 2, 3}}, four = {3, {4, 3, 2}}, batch = {3, {DG_N, 2, 3}};
    dg_shape one = {4, {DG_N, 1, 3, 2}};
    refused("matmul", five, four, "axes before the last two must be equal, or 1");
    refused("matmul", batch, four, "axes before the last two must be equal, or 1");
    refused("matmul", batch, one, "the batch axis N must be the first of the result");
    refused("matmul", n5, (dg_shape){3, {2, 5, 3}}, "the batch axis N must be the first");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear),
        cmocka_unit_test(test_matmul),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
