/* Steps: who adds, batches in parts, both directions, what is refused. */
#include <dagrad/dagrad.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 12, IN = 5, OUT = 3 };

typedef struct net {
    dg_graph *g;
    dg_value x, y, w, z, rho;
} net;

/* x -> linear(w) -> tanh -> * itself -> linear(w2) -> mse; w is used twice when shared. */
static net make(dg_type real, int shared)
{
    net n = {.g = dg_graph_new(NULL, real)};
    n.x = dg_input(n.g, "x", real, dg_shape_make(2, (int64_t[]){DG_N, IN}));
    n.y = dg_input(n.g, "y", real, dg_shape_make(2, (int64_t[]){DG_N, IN}));
    n.w = dg_parameter(n.g, "w", dg_shape_make(2, (int64_t[]){IN, IN}), "normal(0.5)");
    double units = IN;
    dg_attr a[2] = {{.name = "units", .count = 1, .number = &units},
                    {.name = "weight", .value = &n.w}};
    dg_value z = dg_apply(n.g, "linear", "a", 1, &n.x, 2, a);
    z = dg_apply(n.g, "tanh", NULL, 1, &z, 0, NULL);
    dg_value both[2] = {z, z};
    z = dg_apply(n.g, "mul", NULL, 2, both, 0, NULL);
    n.z = dg_apply(n.g, "linear", "b", 1, &z, shared ? 2 : 1, a);
    dg_output(n.g, "z", n.z);
    dg_value pair[2] = {n.y, n.z};
    n.rho = dg_apply(n.g, "mse", NULL, 2, pair, 0, NULL);
    dg_loss(n.g, NULL, n.rho, 1);
    return n;
}

static void set(dg_program *p, const net *n, int64_t first, int64_t rows)
{
    double x[ROWS * IN], y[ROWS * IN];
    float fx[ROWS * IN], fy[ROWS * IN];
    for (int64_t i = 0; i < rows * IN; i++) {
        x[i] = sin(0.7 * (double)(first * IN + i));
        y[i] = cos(1.3 * (double)(first * IN + i));
        fx[i] = (float)x[i];
        fy[i] = (float)y[i];
    }
    int wide = dg_graph_real(n->g) == DG_F64;
    dg_tensor t = {dg_graph_real(n->g), dg_shape_make(2, (int64_t[]){rows, IN}),
                   wide ? (void *)x : fx, (size_t)rows * IN * (wide ? 8 : 4)};
    dg_set(p, n->x, DG_VALUE, &t);
    t.data = wide ? (void *)y : fy;
    dg_set(p, n->y, DG_VALUE, &t);
}

static void ok(dg_program *p)
{
    dg_diag why;
    if (dg_program_status(p, &why) != DG_OK)
        fail_msg("%s: %s", why.node, why.text);
}

static void *get(dg_program *p, dg_value v, dg_part part, size_t *bytes)
{
    dg_tensor t = {.data = NULL};
    dg_get(p, v, part, &t);
    t.data = malloc(t.bytes + 1);
    assert_int_equal(dg_get(p, v, part, &t), DG_OK);
    *bytes = t.bytes;
    return t.data;
}

/* Gradients of a batch in parts have the bits of the whole; k calls have those of one. */
static void parts_are_the_whole(void **state)
{
    (void)state;
    for (int shared = 0; shared < 2; shared++) {
        net n = make(DG_F32, shared);
        dg_options whole = dg_options_default(DG_RUN_TRAIN, ROWS), part = whole;
        part.batch = 5;
        part.last = 2;
        dg_program *p = dg_compile(n.g, &whole), *q = dg_compile(n.g, &part);
        for (int calls = 0; calls < 3; calls++) {
            set(p, &n, 0, ROWS);
            dg_forward(p, &(dg_batch){.size = sizeof(dg_batch), .rows = ROWS});
            dg_adjoint(p, NULL, 0);
        }
        for (int k = 0; k < 3; k++) {
            set(q, &n, 5 * k, k < 2 ? 5 : 2);
            dg_forward(q, &(dg_batch){.size = sizeof(dg_batch), .rows = k < 2 ? 5 : 2});
            dg_adjoint(q, (int64_t[]){ROWS}, k > 0);
        }
        ok(p);
        ok(q);
        for (int id = 1; id <= dg_graph_values(n.g); id++) {
            dg_value_info info;
            size_t a, b;
            dg_value_look(n.g, (dg_value){id}, &info);
            if (info.kind != DG_PARAMETER)
                continue;
            void *x = get(p, (dg_value){id}, DG_GRADIENT, &a);
            void *y = get(q, (dg_value){id}, DG_GRADIENT, &b);
            assert_int_equal(a, b);
            assert_memory_equal(x, y, a);
            free(x);
            free(y);
        }
        dg_program_free(p);
        dg_program_free(q);
        dg_graph_free(n.g);
    }
}

/* The Jacobian by rows equals that by columns. */
static void both_directions(void **state)
{
    (void)state;
    net n = make(DG_F64, 0);
    dg_options o = dg_options_default(DG_RUN_GRADIENT, 2);
    o.wrt = &n.w;
    o.n_wrt = 1;
    o.start = &n.z;
    o.n_start = 1;
    dg_program *back = dg_compile(n.g, &o);
    o.start = NULL;
    o.n_start = 0;
    o.keep = &n.z;
    o.n_keep = 1;
    o.tangent = 1;
    dg_program *forth = dg_compile(n.g, &o);
    static double a[2 * IN * IN * IN], b[2 * IN * IN * IN];
    dg_tensor ta = {.data = a, .bytes = sizeof a}, tb = {.data = b, .bytes = sizeof b};
    set(back, &n, 0, 2);
    set(forth, &n, 0, 2);
    dg_forward(back, &(dg_batch){.size = sizeof(dg_batch), .rows = 2});
    dg_forward(forth, &(dg_batch){.size = sizeof(dg_batch), .rows = 2});
    dg_jacobian(back, n.z, n.w, &ta);
    dg_jacobian(forth, n.z, n.w, &tb);
    ok(back);
    ok(forth);
    double largest = 0;
    for (size_t i = 0; i < sizeof a / sizeof *a; i++) {
        largest = fabs(a[i]) > largest ? fabs(a[i]) : largest;
        assert_true(fabs(a[i] - b[i]) <= 1e-14);
    }
    assert_true(largest > 0.01);
    dg_program_free(back);
    dg_program_free(forth);
    dg_graph_free(n.g);
}

/* Gradients that are not finite change nothing. */
static void not_finite_is_refused(void **state)
{
    (void)state;
    net n = make(DG_F32, 0);
    dg_optimizer adam = dg_optimizer_default(DG_ADAM);
    dg_options o = dg_options_default(DG_RUN_TRAIN, ROWS);
    o.optimizer = &adam;
    dg_program *p = dg_compile(n.g, &o);
    char before[17], after[17];
    set(p, &n, 0, ROWS);
    dg_forward(p, &(dg_batch){.size = sizeof(dg_batch), .rows = ROWS});
    dg_adjoint(p, NULL, 0);
    assert_int_equal(dg_commit(p, &adam, 0), DG_OK);
    dg_graph_hash(n.g, before);
    float x[ROWS * IN] = {NAN};
    dg_tensor t = {DG_F32, dg_shape_make(2, (int64_t[]){ROWS, IN}), x, sizeof x};
    dg_set(p, n.x, DG_VALUE, &t);
    dg_forward(p, &(dg_batch){.size = sizeof(dg_batch), .rows = ROWS, .step = 1});
    dg_adjoint(p, NULL, 0);
    dg_diag why;
    assert_int_equal(dg_commit(p, &adam, 1), DG_EFINITE);
    dg_program_status(p, &why);
    assert_non_null(strstr(why.text, "is not finite at step 1"));
    dg_graph_hash(n.g, after);
    assert_string_equal(before, after);
    dg_program_free(p);
    dg_graph_free(n.g);
}

/* A frozen parameter gets no gradient and does not move; a model without inputs trains. */
static void frozen_and_bare(void **state)
{
    (void)state;
    dg_graph *g = dg_graph_new(NULL, DG_F64);
    dg_value a = dg_parameter(g, "a", dg_shape_make(1, (int64_t[]){4}), "fill(3)");
    dg_value b = dg_parameter(g, "b", dg_shape_make(1, (int64_t[]){4}), "fill(1)");
    dg_value two[2] = {a, b};
    dg_value d = dg_apply(g, "sub", NULL, 2, two, 0, NULL);
    d = dg_apply(g, "square", NULL, 1, &d, 0, NULL);
    dg_loss(g, NULL, dg_apply(g, "sum", NULL, 1, &d, 0, NULL), 0.5);
    dg_graph_freeze(g, b, 1);
    dg_optimizer gd = dg_optimizer_default(DG_GD);
    gd.rate = 0.5;
    dg_options o = dg_options_default(DG_RUN_TRAIN, 1);
    dg_program *p = dg_compile(g, &o);
    double x[4], loss;
    dg_tensor t = {DG_F64, dg_shape_make(1, (int64_t[]){4}), x, sizeof x};
    for (uint64_t step = 0; step < 3; step++) {
        dg_forward(p, &(dg_batch){.size = sizeof(dg_batch), .rows = 1, .step = step});
        dg_loss_value(p, -1, NULL, &loss);
        assert_true(loss == 0.5 * 4 * 4 * pow(0.25, (double)step));
        dg_adjoint(p, NULL, 0);
        dg_commit(p, &gd, step);
    }
    ok(p);
    dg_graph_get(g, a, &t);
    assert_true(x[0] == 1 + 2 * 0.125);
    dg_graph_get(g, b, &t);
    assert_true(x[3] == 1);
    dg_program_free(p);
    dg_graph_free(g);
}

/* Every allocation of compile and of a step fails once: a status, nothing lost. */
typedef struct failing {
    long left, live;
} failing;

static void *take(void *user, size_t bytes)
{
    failing *f = user;
    if (f->left-- == 0)
        return NULL;
    f->live++;
    return malloc(bytes);
}

static void give(void *user, void *memory)
{
    ((failing *)user)->live--;
    free(memory);
}

static void out_of_memory(void **state)
{
    (void)state;
    int done = 0;
    for (long n = 0; !done; n++) {
        failing f = {.left = n};
        dg_host host = {.size = sizeof host, .user = &f, .alloc = take, .free = give};
        dg_graph *g = dg_graph_new(&host, DG_F32);
        dg_program *p = NULL;
        if (g) {
            dg_value x = dg_input(g, "x", DG_F32, dg_shape_make(2, (int64_t[]){DG_N, 3}));
            double units = 2;
            dg_attr a = {.name = "units", .count = 1, .number = &units};
            dg_value z = dg_apply(g, "linear", NULL, 1, &x, 1, &a);
            dg_value pair[2] = {z, dg_apply(g, "tanh", NULL, 1, &z, 0, NULL)};
            dg_loss(g, NULL, dg_apply(g, "mse", NULL, 2, pair, 0, NULL), 1);
            dg_options o = dg_options_default(DG_RUN_TRAIN, 4);
            o.threads = 2;
            p = dg_compile(g, &o);
            done = p && dg_program_status(p, NULL) == DG_OK;
            if (p && !done)
                assert_int_equal(dg_program_status(p, NULL), DG_EMEMORY);
        }
        dg_program_free(p);
        dg_graph_free(g);
        assert_int_equal(f.live, 0);
        assert_true(n < 10000);
    }
}

/* A second dg_adjoint after one dg_forward has the bits of the first, in a gradient program: rows
 * of a Jacobian are made so. The pictures are large enough for several segments, so that error
 * vectors want the memory of states. */
static void adjoint_again(void **state)
{
    (void)state;
    enum { BATCH = 16, SIDE = 28, PIXELS = SIDE * SIDE };
    static float data[BATCH * PIXELS];
    dg_graph *g = dg_graph_new(NULL, DG_F32);
    dg_value y = dg_input(g, "y", DG_F32, dg_shape_make(4, (int64_t[]){DG_N, SIDE, SIDE, 1}));
    dg_value x = dg_input(g, "x", DG_F32, dg_shape_make(2, (int64_t[]){DG_N, 10}));
    dg_attr conv[] = {{.name = "channels", .count = 1, .number = (double[]){16}},
                      {.name = "kernel", .count = 1, .number = (double[]){5}},
                      {.name = "stride", .count = 1, .number = (double[]){2}}};
    dg_attr linear = {.name = "units", .count = 1, .number = (double[]){10}};
    dg_value z = dg_apply(g, "conv", NULL, 1, &y, 3, conv);
    z = dg_apply(g, "relu", NULL, 1, &z, 0, NULL);
    z = dg_apply(g, "flatten", NULL, 1, &z, 0, NULL);
    z = dg_apply(g, "linear", NULL, 1, &z, 1, &linear);
    dg_loss(g, NULL, dg_apply(g, "mse", NULL, 2, (dg_value[]){x, z}, 0, NULL), 1);
    dg_options o = dg_options_default(DG_RUN_GRADIENT, BATCH);
    o.wrt = &y;
    o.n_wrt = o.threads = 1;
    dg_program *p = dg_compile(g, &o);
    for (int i = 0; i < BATCH * PIXELS; i++)
        data[i] = (float)sin(0.37 * i);
    dg_tensor t = {DG_F32, dg_shape_make(4, (int64_t[]){BATCH, SIDE, SIDE, 1}), data, sizeof data};
    dg_set(p, y, DG_VALUE, &t);
    t = (dg_tensor){DG_F32, dg_shape_make(2, (int64_t[]){BATCH, 10}), data, 640};
    dg_set(p, x, DG_VALUE, &t);
    dg_forward(p, &(dg_batch){.size = sizeof(dg_batch), .rows = BATCH});
    void *first = NULL;
    for (int k = 0; k < 3; k++) {
        size_t bytes;
        dg_adjoint(p, NULL, 0);
        ok(p);
        void *gradient = get(p, y, DG_GRADIENT, &bytes);
        if (first)
            assert_memory_equal(first, gradient, bytes);
        free(first);
        first = gradient;
    }
    free(first);
    dg_program_free(p);
    dg_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_the_whole),   cmocka_unit_test(both_directions),
        cmocka_unit_test(not_finite_is_refused), cmocka_unit_test(frozen_and_bare),
        cmocka_unit_test(out_of_memory),         cmocka_unit_test(adjoint_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
