/* The C interface: inputs stay set or bound, batches in parts, states, sums, what a failing call
 * leaves, structs of older callers. */
#include "engine/naive.h"
#include <dagrad/dagrad.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 64, T = 3, IN = 5, C = 4, IGNORED = 9 };

static dg_batch rows(int64_t n, int64_t first)
{
    return (dg_batch){.size = sizeof(dg_batch), .rows = n, .first = first, .step = 7};
}

static void expect(dg_status found, dg_status wanted, dg_program *p)
{
    dg_diag why = {0};
    dg_program_status(p, &why);
    if (found != wanted)
        fail_msg("status %d, not %d: %s", found, wanted, why.text);
}

/* ---- A batch whole and in parts -------------------------------------------------------------- */

typedef struct net {
    dg_graph *g;
    dg_value y, label, x, w;
} net;

/* y [N, T, IN] | linear | dropout; labels, some ignored, and distances: two K. */
static net make(void)
{
    net n = {.g = dg_graph_new(NULL, DG_F32)};
    dg_attr units = {.name = "units", .count = 1, .number = (double[]){C}};
    dg_attr rate = {.name = "rate", .count = 1, .number = (double[]){0.5}};
    dg_attr ignore = {.name = "ignore", .count = 1, .number = (double[]){IGNORED}};
    n.y = dg_input(n.g, "y", DG_F32, dg_shape_make(3, (int64_t[]){DG_N, T, IN}));
    n.label = dg_input(n.g, "label", DG_I32, dg_shape_make(2, (int64_t[]){DG_N, T}));
    n.x = dg_input(n.g, "x", DG_F32, dg_shape_make(3, (int64_t[]){DG_N, T, C}));
    dg_value z = dg_apply(n.g, "linear", "a", 1, &n.y, 1, &units);
    z = dg_apply(n.g, "dropout", NULL, 1, &z, 1, &rate);
    dg_value a[2] = {n.label, z}, b[2] = {n.x, z};
    dg_loss(n.g, "ce", dg_apply(n.g, "softmax_cross_entropy", NULL, 2, a, 1, &ignore), 1);
    dg_loss(n.g, "mse", dg_apply(n.g, "mse", NULL, 2, b, 0, NULL), 0.5);
    n.w = dg_value_find(n.g, "a.weight");
    return n;
}

static float all_y[ROWS * T * IN], all_x[ROWS * T * C];
static int32_t label[ROWS * T];

static void fill(void)
{
    for (int i = 0; i < ROWS * T * IN; i++)
        all_y[i] = (float)(i * 37 % 101) / 101 - 0.5F;
    for (int i = 0; i < ROWS * T * C; i++)
        all_x[i] = (float)(i * 53 % 97) / 97 - 0.5F;
    for (int i = 0; i < ROWS * T; i++)
        label[i] = i % 5 == 0 ? IGNORED : i * 7 % C;
}

static void set_rows(dg_program *p, const net *n, int64_t first, int64_t count)
{
    dg_tensor ty = {DG_F32, dg_shape_make(3, (int64_t[]){count, T, IN}), all_y + first * T * IN,
                    (size_t)(count * T * IN) * 4};
    dg_tensor tl = {DG_I32, dg_shape_make(2, (int64_t[]){count, T}), label + first * T,
                    (size_t)(count * T) * 4};
    dg_tensor tx = {DG_F32, dg_shape_make(3, (int64_t[]){count, T, C}), all_x + first * T * C,
                    (size_t)(count * T * C) * 4};
    expect(dg_set(p, n->y, DG_VALUE, &ty), DG_OK, p);
    expect(dg_set(p, n->label, DG_VALUE, &tl), DG_OK, p);
    expect(dg_set(p, n->x, DG_VALUE, &tx), DG_OK, p);
}

/* Pairs of the whole batch by loss term. */
static const int64_t *pairs_of_all(void)
{
    static int64_t k[2] = {0, ROWS};
    k[0] = 0;
    for (int i = 0; i < ROWS * T; i++)
        k[0] += label[i] != IGNORED;
    return k;
}

static dg_program *compile(const net *n, int64_t batch)
{
    dg_options o = dg_options_default(DG_RUN_TRAIN, batch);
    dg_optimizer sgd = dg_optimizer_default(DG_SGD);
    o.last = ROWS % batch;
    o.threads = 2;
    o.optimizer = &sgd;
    dg_program *p = dg_compile(n->g, &o);
    expect(dg_program_status(p, NULL), DG_OK, p);
    return p;
}

static void gradient(dg_program *p, dg_value v, float *to, size_t bytes)
{
    dg_tensor t = {.data = to, .bytes = bytes};
    expect(dg_get(p, v, DG_GRADIENT, &t), DG_OK, p);
    assert_int_equal(t.bytes, bytes);
}

static void run_part(dg_program *p, const net *n, int64_t first, int64_t count)
{
    dg_batch b = rows(count, first);
    set_rows(p, n, first, count);
    expect(dg_forward(p, &b), DG_OK, p);
    expect(dg_adjoint(p, pairs_of_all(), first > 0), DG_OK, p);
}

/* A batch of 64 whole and in parts of 1, 7, 32 rows: equal bits. */
static void parts_have_the_bits_of_the_whole(void **state)
{
    (void)state;
    float whole[IN * C], part[IN * C];
    const int64_t sizes[] = {1, 7, 32};
    net n = make();
    fill();
    dg_program *p = compile(&n, ROWS);
    run_part(p, &n, 0, ROWS);
    gradient(p, n.w, whole, sizeof whole);
    dg_program_free(p);
    for (int k = 0; k < 3; k++) {
        p = compile(&n, sizes[k]);
        for (int64_t at = 0; at < ROWS; at += sizes[k])
            run_part(p, &n, at, at + sizes[k] <= ROWS ? sizes[k] : ROWS - at);
        gradient(p, n.w, part, sizeof part);
        assert_memory_equal(part, whole, sizeof whole);
        dg_program_free(p);
    }
    dg_graph_free(n.g);
}

/* The parts of a batch in two programs, as on two machines: the second goes on from the sum of the
 * first; a gradient that is set is the one that is committed. */
static void parts_on_two_machines(void **state)
{
    (void)state;
    float whole[IN * C], part[IN * C], sum[4 * IN * C];
    net n = make();
    fill();
    dg_program *p = compile(&n, ROWS), *a = compile(&n, ROWS / 2), *b = compile(&n, ROWS / 2);
    run_part(p, &n, 0, ROWS);
    gradient(p, n.w, whole, sizeof whole);
    run_part(a, &n, 0, ROWS / 2);
    dg_tensor t = {.data = sum, .bytes = sizeof sum};
    expect(dg_get(a, n.w, DG_SUM, &t), DG_OK, a);
    expect(dg_set(b, n.w, DG_SUM, &t), DG_OK, b);
    t = (dg_tensor){.data = sum, .bytes = sizeof sum};
    dg_value bias = dg_value_find(n.g, "a.bias");
    expect(dg_get(a, bias, DG_SUM, &t), DG_OK, a);
    expect(dg_set(b, bias, DG_SUM, &t), DG_OK, b);
    run_part(b, &n, ROWS / 2, ROWS / 2);
    gradient(b, n.w, part, sizeof part);
    assert_memory_equal(part, whole, sizeof whole);
    memset(part, 0, sizeof part);
    t = (dg_tensor){DG_F32, dg_shape_make(2, (int64_t[]){IN, C}), part, sizeof part};
    expect(dg_set(b, n.w, DG_GRADIENT, &t), DG_OK, b);
    dg_optimizer sgd = dg_optimizer_default(DG_SGD);
    float before[IN * C], after[IN * C];
    t = (dg_tensor){DG_F32, t.shape, before, sizeof before};
    dg_graph_get(n.g, n.w, &t);
    expect(dg_commit(b, &sgd, 0), DG_OK, b);
    t.data = after;
    dg_graph_get(n.g, n.w, &t);
    assert_memory_equal(before, after, sizeof after); /* a gradient of 0 moves nothing */
    dg_program_free(p);
    dg_program_free(a);
    dg_program_free(b);
    dg_graph_free(n.g);
}

/* ---- Inputs ---------------------------------------------------------------------------------- */

static void inputs_stay_set(void **state)
{
    (void)state;
    float first[IN * C], again[IN * C];
    net n = make();
    fill();
    dg_program *p = compile(&n, ROWS);
    dg_batch b = rows(ROWS, 0);
    set_rows(p, &n, 0, ROWS);
    for (int k = 0; k < 3; k++) {
        expect(dg_forward(p, &b), DG_OK, p);
        expect(dg_adjoint(p, NULL, 0), DG_OK, p);
        gradient(p, n.w, k ? again : first, sizeof first);
        if (k)
            assert_memory_equal(again, first, sizeof first);
    }
    dg_program_free(p);
    dg_graph_free(n.g);
}

/* Two buffers bound in turn, and set again: the values of the moment. */
static void inputs_are_bound(void **state)
{
    (void)state;
    static _Alignas(64) float one[ROWS * T * IN], two[ROWS * T * IN];
    float set[IN * C], bound[IN * C], other[IN * C];
    net n = make();
    fill();
    memcpy(one, all_y, sizeof one);
    for (int i = 0; i < ROWS * T * IN; i++)
        two[i] = -all_y[i];
    dg_program *p = compile(&n, ROWS);
    dg_batch b = rows(ROWS, 0);
    run_part(p, &n, 0, ROWS);
    gradient(p, n.w, set, sizeof set);
    dg_tensor t = {DG_F32, dg_shape_make(3, (int64_t[]){ROWS, T, IN}), one, sizeof one};
    for (int k = 0; k < 4; k++) {
        t.data = k % 2 ? two : one;
        expect(dg_bind(p, n.y, &t), DG_OK, p);
        expect(dg_forward(p, &b), DG_OK, p);
        expect(dg_adjoint(p, pairs_of_all(), 0), DG_OK, p);
        gradient(p, n.w, k % 2 ? other : bound, sizeof bound);
    }
    assert_memory_equal(bound, set, sizeof set);
    assert_true(memcmp(other, set, sizeof set) != 0);
    run_part(p, &n, 0, ROWS);
    gradient(p, n.w, bound, sizeof bound);
    assert_memory_equal(bound, set, sizeof set);
    t.data = (char *)one + 4;
    expect(dg_bind(p, n.y, &t), DG_EUSAGE, p); /* not aligned */
    dg_program_free(p);
    dg_graph_free(n.g);
}

static void names(dg_program *p, const char *name)
{
    dg_diag why;
    dg_program_status(p, &why);
    if (!strstr(why.text, name))
        fail_msg("'%s' does not name %s", why.text, name);
}

/* Never set, set with other rows, a bad label: refused by name, and the next correct call works. */
static void what_fails_fails_alone(void **state)
{
    (void)state;
    net n = make();
    fill();
    dg_program *p = compile(&n, 60); /* and 4 */
    dg_batch b = rows(60, 0), other = rows(7, 0);
    expect(dg_forward(p, &b), DG_EUSAGE, p);
    names(p, "'y'");
    expect(dg_adjoint(p, NULL, 0), DG_EUSAGE, p);
    set_rows(p, &n, 0, 4);
    expect(dg_forward(p, &b), DG_EUSAGE, p);
    names(p, "'y'");
    set_rows(p, &n, 0, 60);
    expect(dg_forward(p, &other), DG_EUSAGE, p);
    static _Alignas(64) int32_t bad[60 * T];
    bad[5] = C;
    dg_tensor t = {DG_I32, dg_shape_make(2, (int64_t[]){60, T}), bad, sizeof bad};
    expect(dg_set(p, n.label, DG_VALUE, &t), DG_EDATA, p);
    names(p, "'label'");
    expect(dg_forward(p, &b), DG_EUSAGE, p); /* what was refused is not set */
    bad[5] = IGNORED;
    expect(dg_set(p, n.label, DG_VALUE, &t), DG_OK, p);
    expect(dg_forward(p, &b), DG_OK, p);
    expect(dg_bind(p, n.label, &t), DG_OK, p);
    bad[5] = -1; /* bound: seen by the next forward pass */
    expect(dg_forward(p, &b), DG_EDATA, p);
    expect(dg_adjoint(p, NULL, 0), DG_EUSAGE, p);
    bad[5] = 0;
    expect(dg_forward(p, &b), DG_OK, p);
    expect(dg_adjoint(p, NULL, 0), DG_OK, p);
    expect(dg_program_status(p, NULL), DG_OK, p);
    dg_program_free(p);
    dg_graph_free(n.g);
}

/* ---- A node with a state, something carried, and a gradient that is a sum -------------------- */

/* z = w x + s, s' = s / 2 + mean of x over the batch; carried: eps of each row, for w; the gradient
 * of w is kept as two sums, of rows with even and odd numbers. x [N, D], w [D], s [D]. */
static dg_status toy_shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                           dg_diag *why)
{
    (void)a;
    (void)n_in;
    (void)why;
    out[0] = in[0];
    out[1] = dg_shape_make(1, &in[0].dim[1]);
    return DG_OK;
}

static dg_status toy_parameter(const dg_attrs *a, int n_in, const dg_shape in[], int k,
                               dg_shape *out, dg_diag *why)
{
    (void)a;
    (void)n_in;
    (void)k;
    (void)why;
    *out = dg_shape_make(1, &in[0].dim[1]);
    return DG_OK;
}

static void toy_bytes(const dg_sizes *of, dg_bytes *bytes)
{
    bytes->carried = (size_t)dg_shape_count(&of->in[0]) * sizeof(float);
}

static size_t toy_sum(const dg_sizes *of, int input)
{
    return input == 1 ? 2 * (size_t)of->in[0].dim[1] * sizeof(float) : 0;
}

static int toy_parts(const dg_sizes *of, int input)
{
    (void)of;
    return input == 1 ? 2 : 1;
}

static dg_status toy_forward(const dg_call *c)
{
    int64_t n = c->in_shape[0].dim[0], d = c->in_shape[0].dim[1];
    const float *x = c->in[0], *w = c->in[1], *s = c->in[2];
    float *z = c->out[0], *next = c->out[1];
    for (int64_t i = 0; i < n * d; i++)
        z[i] = w[i % d] * x[i] + s[i % d];
    for (int64_t j = 0; j < d; j++) {
        float sum = 0;
        for (int64_t i = 0; i < n; i++)
            sum += x[i * d + j];
        next[j] = s[j] / 2 + sum / (float)n;
    }
    return DG_OK;
}

static dg_status toy_adjoint(const dg_call *c)
{
    int64_t n = c->in_shape[0].dim[0], d = c->in_shape[0].dim[1];
    const float *x = c->in[0], *w = c->in[1], *eps = c->eps[0];
    float *carried = c->carried, *sum = c->sum;
    if (c->delta[1]) {
        for (int64_t j = 0; j < d; j++) {
            float *to = &sum[c->part * d + j];
            *to = c->add ? *to : 0;
            for (int64_t i = c->part; i < n; i += 2)
                *to += x[i * d + j] * carried[i * d + j];
        }
        return DG_OK;
    }
    for (int64_t i = 0; i < n * d; i++) {
        carried[i] = eps[i];
        if (c->delta[0])
            ((float *)c->delta[0])[i] = w[i % d] * eps[i];
    }
    return DG_OK;
}

static dg_status toy_finish(const dg_call *c)
{
    int64_t d = c->in_shape[0].dim[1];
    const float *sum = c->sum;
    for (int64_t j = 0; j < d && c->part == 0; j++)
        ((float *)c->delta[1])[j] = sum[j] + sum[d + j];
    return DG_OK;
}

static const dg_input_spec toy_inputs[] = {
    {.name = "x"},
    {.name = "weight", .flags = DG_IN_PARAMETER, .init = "ones"},
    {.name = "average", .flags = DG_IN_STATE, .init = "zeros", .next = 1}};

static const dg_node_type toy = {.size = sizeof toy,
                                 .name = "toy",
                                 .inputs = toy_inputs,
                                 .n_inputs = 3,
                                 .n_out = 2,
                                 .saves_in = 3,
                                 .shape = toy_shape,
                                 .parameter = toy_parameter,
                                 .bytes = toy_bytes,
                                 .sum = toy_sum,
                                 .parts = toy_parts,
                                 .f32 = {toy_forward, toy_adjoint, NULL, toy_finish}};

enum { D = 3, N = 4 };

typedef struct toy_net {
    dg_graph *g;
    dg_value x, t, w, s;
} toy_net;

static toy_net make_toy(void)
{
    toy_net n = {.g = dg_graph_new(NULL, DG_F32)};
    assert_int_equal(dg_graph_add_type(n.g, &toy), DG_OK);
    n.x = dg_input(n.g, "x", DG_F32, dg_shape_make(2, (int64_t[]){DG_N, D}));
    n.t = dg_input(n.g, "t", DG_F32, dg_shape_make(2, (int64_t[]){DG_N, D}));
    dg_value z = dg_apply(n.g, "toy", "toy", 1, &n.x, 0, NULL);
    dg_loss(n.g, "mse", dg_apply(n.g, "mse", NULL, 2, (dg_value[]){n.t, z}, 0, NULL), 1);
    n.w = dg_value_find(n.g, "toy.weight");
    n.s = dg_value_find(n.g, "toy.average");
    return n;
}

static void get_state(const toy_net *n, float s[D])
{
    dg_tensor t = {DG_F32, dg_shape_make(1, (int64_t[]){D}), s, D * sizeof *s};
    assert_int_equal(dg_graph_get(n->g, n->s, &t), DG_OK);
}

static void a_node_with_state_carried_and_sum(void **state)
{
    (void)state;
    float x_[N * D], t_[N * D] = {0}, g[D], s[D];
    toy_net n = make_toy();
    for (int i = 0; i < N * D; i++)
        x_[i] = (float)(i + 1) / 4;
    dg_tensor tx = {DG_F32, dg_shape_make(2, (int64_t[]){N, D}), x_, sizeof x_}, tt = tx;
    tt.data = t_;
    dg_optimizer sgd = dg_optimizer_default(DG_SGD);
    dg_options o = dg_options_default(DG_RUN_TRAIN, N);
    o.optimizer = &sgd;
    dg_program *p = dg_compile(n.g, &o);
    expect(dg_set(p, n.x, DG_VALUE, &tx), DG_OK, p);
    expect(dg_set(p, n.t, DG_VALUE, &tt), DG_OK, p);
    expect(dg_forward(p, NULL), DG_OK, p);
    expect(dg_adjoint(p, NULL, 0), DG_OK, p);
    gradient(p, n.w, g, sizeof g);
    dg_naive *naive = dg_naive_run(n.g, &o, 0, (dg_tensor[]){tx, tt});
    assert_non_null(naive);
    assert_memory_equal(g, dg_naive_get(naive, n.w, DG_GRADIENT), sizeof g);
    dg_naive_free(naive);
    get_state(&n, s);
    assert_true(s[0] == 0); /* nothing moves before the commit */
    expect(dg_commit(p, &sgd, 0), DG_OK, p);
    get_state(&n, s);
    assert_true(s[0] == (x_[0] + x_[3] + x_[6] + x_[9]) / 4);
    float before[D];
    memcpy(before, s, sizeof s);
    x_[0] = 1e38F; /* its square is no number: the step is refused, and the state is as before */
    expect(dg_set(p, n.x, DG_VALUE, &tx), DG_OK, p);
    expect(dg_forward(p, NULL), DG_OK, p);
    expect(dg_adjoint(p, NULL, 0), DG_OK, p);
    expect(dg_commit(p, &sgd, 1), DG_EFINITE, p);
    get_state(&n, s);
    assert_memory_equal(s, before, sizeof s);
    x_[0] = 1;
    expect(dg_set(p, n.x, DG_VALUE, &tx), DG_OK, p);
    expect(dg_forward(p, NULL), DG_OK, p);
    expect(dg_adjoint(p, NULL, 0), DG_OK, p);
    expect(dg_commit(p, &sgd, 1), DG_OK, p);
    dg_program_free(p);
    dg_graph_free(n.g);
}

/* With add the sum goes on; it is finished each time that it is read. */
static void a_sum_in_parts(void **state)
{
    (void)state;
    float x_[N * D], t_[N * D] = {0}, whole[D], part[D];
    toy_net n = make_toy();
    for (int i = 0; i < N * D; i++)
        x_[i] = (float)(i * 7 % 5) - 1.7F;
    dg_optimizer sgd = dg_optimizer_default(DG_SGD);
    for (int64_t size = N; size >= N / 2; size -= N / 2) {
        dg_options o = dg_options_default(DG_RUN_TRAIN, size);
        o.optimizer = &sgd;
        dg_program *p = dg_compile(n.g, &o);
        for (int64_t at = 0; at < N; at += size) {
            dg_tensor tx = {DG_F32, dg_shape_make(2, (int64_t[]){size, D}), x_ + at * D,
                            (size_t)(size * D) * 4};
            dg_tensor tt = tx;
            tt.data = t_;
            dg_batch b = rows(size, at);
            expect(dg_set(p, n.x, DG_VALUE, &tx), DG_OK, p);
            expect(dg_set(p, n.t, DG_VALUE, &tt), DG_OK, p);
            expect(dg_forward(p, &b), DG_OK, p);
            expect(dg_adjoint(p, (int64_t[]){N}, at > 0), DG_OK, p);
            gradient(p, n.w, size == N ? whole : part, sizeof whole);
        }
        dg_program_free(p);
    }
    assert_memory_equal(part, whole, sizeof whole);
    dg_graph_free(n.g);
}

/* ---- Every function on nothing, on what failed, in the wrong order --------------------------- */

static void line(void *user, const char *text)
{
    (void)user;
    (void)text;
}

/* No call crashes, and none says DG_OK. */
static void every_call(dg_graph *g, dg_program *p, dg_value v)
{
    double number = 0, other;
    const char *name;
    dg_tensor t = {0};
    dg_diag why = {0};
    dg_program_info info = {.size = sizeof info};
    dg_optimizer sgd = dg_optimizer_default(DG_SGD);
    assert_int_not_equal(dg_set(p, v, DG_VALUE, &t), DG_OK);
    assert_int_not_equal(dg_set(p, v, DG_VALUE, NULL), DG_OK);
    assert_int_not_equal(dg_bind(p, v, &t), DG_OK);
    assert_int_not_equal(dg_bind(p, v, NULL), DG_OK);
    assert_int_not_equal(dg_get(p, v, DG_VALUE, NULL), DG_OK);
    assert_int_not_equal(dg_forward(p, NULL), DG_OK);
    assert_int_not_equal(dg_loss_value(p, -1, NULL, &number), DG_OK);
    assert_int_not_equal(dg_loss_value(p, 0, NULL, NULL), DG_OK);
    assert_int_equal(dg_loss_pairs(p, 99), 0);
    assert_int_not_equal(dg_adjoint(p, NULL, 0), DG_OK);
    assert_int_not_equal(dg_tangent(p), DG_OK);
    assert_int_not_equal(dg_commit(p, &sgd, 0), DG_OK);
    assert_int_not_equal(dg_commit(p, NULL, 0), DG_OK);
    assert_int_not_equal(dg_jacobian(p, v, v, &t), DG_OK);
    assert_int_not_equal(dg_jacobian(p, v, v, NULL), DG_OK);
    assert_null(dg_program_moment(p, v, 9));
    dg_program_look(p, &info);
    dg_program_look(p, NULL);
    dg_program_bytes(p);
    dg_program_clock(p, 1);
    dg_program_measure(p, 1);
    assert_int_not_equal(dg_program_time(p, 99, 0, &name, &number, &other), DG_OK);
    assert_int_not_equal(dg_program_time(p, 0, 0, NULL, NULL, NULL), DG_OK);
    assert_int_not_equal(dg_program_print(p, "bake", line, NULL, &why), DG_OK);
    assert_int_not_equal(dg_program_print(p, NULL, NULL, NULL, &why), DG_OK);
    assert_int_not_equal(dg_rms(p, v, DG_VALUE, &number), DG_OK);
    assert_int_not_equal(dg_rms(p, v, DG_VALUE, NULL), DG_OK);
    dg_label_limit(p, v);
    dg_program_status(p, NULL);
    dg_graph_values(g);
    dg_graph_outputs(g);
    dg_graph_losses(g);
    assert_int_equal(dg_graph_output(g, 99, &name).id, 0);
    assert_int_equal(dg_graph_loss(g, -1, &name, &number).id, 0);
    assert_int_not_equal(dg_value_look(g, (dg_value){999}, NULL), DG_OK);
    assert_int_equal(dg_value_find(g, NULL).id, 0);
    assert_int_not_equal(dg_graph_set(g, v, NULL, NULL), DG_OK);
    assert_int_not_equal(dg_graph_get(g, v, NULL), DG_OK);
    assert_int_not_equal(dg_graph_hash(g, NULL), DG_OK);
}

static void nothing_crashes(void **state)
{
    (void)state;
    const dg_value none = {0}, past = {1 << 20};
    every_call(NULL, NULL, none);
    assert_null(dg_compile(NULL, NULL));
    assert_int_equal(dg_graph_init(NULL, 1), DG_EMEMORY);
    assert_int_equal(dg_graph_add_type(NULL, NULL), DG_EMEMORY);
    dg_graph_freeze(NULL, none, 1);
    dg_graph_place(NULL, 0, 0);
    dg_output(NULL, NULL, none);
    dg_loss(NULL, NULL, none, 1);
    assert_int_equal(dg_input(NULL, NULL, DG_F32, (dg_shape){0}).id, 0);
    assert_int_equal(dg_parameter(NULL, NULL, (dg_shape){0}, NULL).id, 0);
    assert_int_equal(dg_state(NULL, NULL, (dg_shape){0}, NULL).id, 0);
    assert_int_equal(dg_constant(NULL, NULL, (dg_tensor){0}).id, 0);
    assert_int_equal(dg_number(NULL, 1).id, 0);
    assert_int_equal(dg_apply(NULL, NULL, NULL, 0, NULL, 0, NULL).id, 0);
    assert_int_equal(dg_value_part(NULL, none, 0).id, 0);
    assert_int_equal(dg_shape_count(NULL), -1);
    assert_int_equal(dg_shape_row(NULL), -1);
    assert_int_equal(dg_optimizer_check(NULL, NULL), DG_EUSAGE);
    assert_int_equal(dg_optimizer_moments(NULL), 0);
    assert_true(dg_optimizer_rate(NULL, 0) == 0);
    dg_program_free(NULL);
    dg_graph_free(NULL);
    net n = make();
    static _Alignas(64) char small[64];
    dg_options o = dg_options_default(DG_RUN_TRAIN, 4);
    o.arena = small;
    o.arena_bytes = sizeof small;
    dg_program *failed = dg_compile(n.g, &o); /* its arena is too small */
    assert_int_equal(dg_program_status(failed, NULL), DG_EUSAGE);
    every_call(n.g, failed, n.w);
    assert_int_equal(dg_program_status(failed, NULL), DG_EUSAGE); /* that sticks */
    dg_program_free(failed);
    dg_program *fresh = compile(&n, 4); /* nothing is set yet */
    every_call(n.g, fresh, past);
    every_call(n.g, fresh, none);
    dg_program_free(fresh);
    dg_apply(n.g, "no such node", NULL, 0, NULL, 0, NULL);
    dg_program *of_failed = dg_compile(n.g, NULL);
    assert_int_equal(dg_program_status(of_failed, NULL), dg_graph_status(n.g, NULL));
    every_call(n.g, of_failed, n.w);
    dg_program_free(of_failed);
    dg_graph_free(n.g);
}

/* A caller whose struct is shorter: what it lacks takes its default. Memory behind it is not read.
 */
static void shorter_structs_work(void **state)
{
    (void)state;
    net n = make();
    fill();
    dg_options o = dg_options_default(DG_RUN_INFER, ROWS);
    for (size_t size = 0; size <= sizeof o; size++) {
        dg_options *cut = malloc(size > sizeof o.size ? size : sizeof o.size);
        o.size = size;
        memcpy(cut, &o, size > sizeof o.size ? size : sizeof o.size);
        dg_program *p = dg_compile(n.g, cut);
        int whole = size >= offsetof(dg_options, batch) + sizeof o.batch;
        dg_tensor t = {.data = NULL};
        expect(dg_program_status(p, NULL), DG_OK, p);
        expect(dg_get(p, n.y, DG_VALUE, &t), DG_OK, p);
        assert_true(!whole || t.shape.dim[0] == ROWS);
        dg_program_free(p);
        free(cut);
    }
    dg_program *p = compile(&n, ROWS);
    set_rows(p, &n, 0, ROWS);
    dg_batch b = rows(ROWS, 0);
    for (size_t size = sizeof b.size; size <= sizeof b; size += 8) {
        dg_batch *cut = malloc(size);
        b.size = size;
        memcpy(cut, &b, size);
        expect(dg_forward(p, cut), DG_OK, p);
        free(cut);
    }
    dg_optimizer sgd = dg_optimizer_default(DG_SGD);
    for (size_t size = offsetof(dg_optimizer, rate); size <= sizeof sgd; size += 8) {
        dg_optimizer *cut = malloc(size);
        sgd.size = size;
        memcpy(cut, &sgd, size);
        b.size = sizeof b;
        expect(dg_forward(p, &b), DG_OK, p);
        expect(dg_adjoint(p, NULL, 0), DG_OK, p);
        expect(dg_commit(p, cut, 0), DG_OK, p);
        free(cut);
    }
    for (size_t size = sizeof(size_t); size <= sizeof(dg_program_info); size++) {
        dg_program_info *cut = malloc(size);
        cut->size = size;
        dg_program_look(p, cut);
        assert_int_equal(cut->size, size);
        free(cut);
    }
    dg_program_free(p);
    dg_graph_free(n.g);
}

/* A node type of an older version, without what came behind its cases. */
static void a_shorter_type_works(void **state)
{
    (void)state;
    for (size_t size = 0; size <= sizeof toy; size += 8) {
        dg_graph *g = dg_graph_new(NULL, DG_F32);
        dg_node_type *cut = calloc(1, size > sizeof toy.size ? size : sizeof toy.size);
        memcpy(cut, &toy, size);
        cut->size = size;
        dg_status s = dg_graph_add_type(g, cut);
        int has_math = size >= offsetof(dg_node_type, f32) + offsetof(dg_math, tangent);
        assert_int_equal(s == DG_OK, has_math);
        dg_graph_free(g);
        free(cut);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_have_the_bits_of_the_whole),
        cmocka_unit_test(parts_on_two_machines),
        cmocka_unit_test(inputs_stay_set),
        cmocka_unit_test(inputs_are_bound),
        cmocka_unit_test(what_fails_fails_alone),
        cmocka_unit_test(a_node_with_state_carried_and_sum),
        cmocka_unit_test(a_sum_in_parts),
        cmocka_unit_test(nothing_crashes),
        cmocka_unit_test(shorter_structs_work),
        cmocka_unit_test(a_shorter_type_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
