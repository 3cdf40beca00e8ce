/* A node flagged DG_LINEAR without a tangent: its forward function is its tangent, in programs and
 * for the certificate; one that is not linear is found. */
#include "engine/certify.h"
#include "graph/graph.h"
#include <dagrad/dagrad.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 3, WIDE = 4, PICKS = 2 };

static dg_status same_shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                            dg_diag *why)
{
    (void)a;
    (void)n_in;
    (void)why;
    out[0] = in[0];
    return DG_OK;
}

/* x = 2 a - 3 b + offset */
static dg_status mix(const dg_call *c, double offset)
{
    int64_t row = dg_shape_row(&c->in_shape[0]);
    const double *a = c->in[0], *b = c->in[1];
    double *x = c->out[0];
    for (int64_t i = c->row0 * row; i < c->row1 * row; i++)
        x[i] = 2 * a[i] - 3 * b[i] + offset;
    return DG_OK;
}

static dg_status mix_forward(const dg_call *c)
{
    return mix(c, 0);
}

static dg_status affine_forward(const dg_call *c)
{
    return mix(c, 1);
}

static dg_status mix_adjoint(const dg_call *c)
{
    int64_t row = dg_shape_row(&c->in_shape[0]);
    const double *eps = c->eps[0];
    for (int k = 0; k < 2; k++)
        for (int64_t i = c->row0 * row; c->delta[k] && i < c->row1 * row; i++)
            ((double *)c->delta[k])[i] = (k ? -3 : 2) * eps[i];
    return DG_OK;
}

/* Picks columns by labels, times a factor that forward saves for G: x[r, j] = f z[r, label[j]]. */
static dg_status pick_shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                            dg_diag *why)
{
    same_shape(a, n_in, in, out, why);
    out[0].dim[1] = in[1].dim[0];
    return DG_OK;
}

static void pick_bytes(const dg_sizes *of, dg_bytes *bytes)
{
    (void)of;
    bytes->saved = sizeof(double);
}

static dg_status pick_forward(const dg_call *c)
{
    const double *z = c->in[0];
    const int32_t *label = c->in[1];
    double *x = c->out[0], *factor = c->saved;
    int64_t wide = c->in_shape[0].dim[1], n = c->in_shape[1].dim[0];
    *factor = 1.5;
    for (int64_t r = 0; r < c->in_shape[0].dim[0]; r++)
        for (int64_t j = 0; j < n; j++)
            x[r * n + j] = *factor * z[r * wide + label[j]];
    return DG_OK;
}

static dg_status pick_adjoint(const dg_call *c)
{
    const double *eps = c->eps[0], *factor = c->saved;
    const int32_t *label = c->in[1];
    double *delta = c->delta[0];
    int64_t wide = c->in_shape[0].dim[1], n = c->in_shape[1].dim[0];
    for (int64_t r = 0; r < c->in_shape[0].dim[0]; r++) {
        for (int64_t i = 0; i < wide; i++)
            delta[r * wide + i] = 0;
        for (int64_t j = 0; j < n; j++)
            delta[r * wide + label[j]] += *factor * eps[r * n + j];
    }
    return DG_OK;
}

static const dg_input_spec two[] = {{.name = "a"}, {.name = "b"}};
static const dg_input_spec labelled[] = {{.name = "z"}, {.name = "label", .flags = DG_IN_INT}};

static const dg_node_type types[] = {{.size = sizeof(dg_node_type),
                                      .name = "mix",
                                      .inputs = two,
                                      .n_inputs = 2,
                                      .n_out = 1,
                                      .flags = DG_LINEAR | DG_POINTWISE | DG_ROWS,
                                      .shape = same_shape,
                                      .f64 = {.forward = mix_forward, .adjoint = mix_adjoint}},
                                     {.size = sizeof(dg_node_type),
                                      .name = "affine",
                                      .inputs = two,
                                      .n_inputs = 2,
                                      .n_out = 1,
                                      .flags = DG_LINEAR | DG_POINTWISE | DG_ROWS,
                                      .shape = same_shape,
                                      .f64 = {.forward = affine_forward, .adjoint = mix_adjoint}},
                                     {.size = sizeof(dg_node_type),
                                      .name = "pick",
                                      .inputs = labelled,
                                      .n_inputs = 2,
                                      .n_out = 1,
                                      .flags = DG_LINEAR,
                                      .saves_in = 1 << 1,
                                      .shape = pick_shape,
                                      .bytes = pick_bytes,
                                      .f64 = {.forward = pick_forward, .adjoint = pick_adjoint}}};

/* y = pick(mix(mix(tanh x, b), tanh x), label): x alone is perturbed, b and label are not. */
typedef struct net {
    dg_graph *g;
    dg_value x, b, label, y;
    dg_tensor input[3];
} net;

static double number[2][ROWS * WIDE];
static int32_t label[PICKS] = {3, 1};

static net make(const char *first)
{
    net n = {.g = dg_graph_new(NULL, DG_F64)};
    dg_diag why = {.code = DG_OK};
    dg_shape s = dg_shape_make(2, (int64_t[]){DG_N, WIDE});
    for (int i = 0; i < 3; i++)
        dg_graph_add_type(n.g, &types[i]);
    n.x = dg_input(n.g, "x", DG_F64, s);
    n.b = dg_input(n.g, "b", DG_F64, s);
    n.label = dg_input(n.g, "label", DG_I32, dg_shape_make(1, (int64_t[]){PICKS}));
    dg_value t = dg_apply(n.g, "tanh", NULL, 1, &n.x, 0, NULL), in[2] = {t, n.b};
    in[0] = dg_apply(n.g, first, "first", 2, in, 0, NULL);
    in[1] = t;
    in[0] = dg_apply(n.g, "mix", "second", 2, in, 0, NULL);
    in[1] = n.label;
    n.y = dg_apply(n.g, "pick", "third", 2, in, 0, NULL);
    dg_output(n.g, "y", n.y);
    dg_loss(n.g, NULL, dg_apply(n.g, "sum", NULL, 1, &n.y, 0, NULL), 1);
    if (dg_graph_status(n.g, &why) != DG_OK)
        fail_msg("%s", why.text);
    for (int i = 0; i < 2 * ROWS * WIDE; i++)
        number[i / (ROWS * WIDE)][i % (ROWS * WIDE)] = 0.1 * (i * 7 % 13) - 0.6;
    s.dim[0] = ROWS;
    n.input[0] = (dg_tensor){DG_F64, s, number[0], sizeof number[0]};
    n.input[1] = (dg_tensor){DG_F64, s, number[1], sizeof number[1]};
    n.input[2] = (dg_tensor){DG_I32, dg_shape_make(1, (int64_t[]){PICKS}), label, sizeof label};
    return n;
}

static dg_program *compile(net *n, int tangent)
{
    dg_options o = dg_options_default(DG_RUN_GRADIENT, ROWS);
    o.wrt = &n->x;
    o.keep = &n->y;
    o.n_wrt = o.n_keep = 1;
    o.tangent = tangent;
    o.start = tangent ? NULL : &n->y;
    o.n_start = !tangent;
    dg_program *p = dg_compile(n->g, &o);
    const dg_value v[] = {n->x, n->b, n->label};
    for (int i = 0; i < 3; i++)
        dg_set(p, v[i], DG_VALUE, &n->input[i]);
    dg_forward(p, &(dg_batch){.size = sizeof(dg_batch), .rows = ROWS});
    return p;
}

/* Columns by the forward functions are rows by G. The second time nothing is left of the first, and
 * the adjoint of the same program is right after tangents. */
static void columns_are_rows(void **state)
{
    (void)state;
    net n = make("mix");
    static double a[ROWS * PICKS * ROWS * WIDE], b[ROWS * PICKS * ROWS * WIDE], g[ROWS * WIDE];
    dg_tensor ta = {.data = a, .bytes = sizeof a}, tb = {.data = b, .bytes = sizeof b};
    dg_tensor tg = {.data = g, .bytes = sizeof g};
    dg_program *back = compile(&n, 0), *forth = compile(&n, 1);
    dg_diag why = {.code = DG_OK};
    dg_jacobian(back, n.y, n.x, &ta);
    for (int round = 0; round < 2; round++) {
        dg_jacobian(forth, n.y, n.x, &tb);
        dg_adjoint(forth, NULL, 0);
        dg_get(forth, n.x, DG_GRADIENT, &tg);
        if (dg_program_status(forth, &why) != DG_OK || dg_program_status(back, &why) != DG_OK)
            fail_msg("%s", why.text);
        double most = 0;
        for (int c = 0; c < ROWS * WIDE; c++) {
            double sum = 0;
            for (int r = 0; r < ROWS * PICKS; r++) {
                double e = a[r * ROWS * WIDE + c];
                most = fmax(most, fabs(e));
                sum += e;
                if (!(fabs(b[r * ROWS * WIDE + c] - e) <= 1e-15))
                    fail_msg("(%d, %d): %g by columns, %g by rows", r, c, b[r * ROWS * WIDE + c],
                             e);
            }
            assert_true(fabs(g[c] - sum) <= 1e-15);
        }
        assert_true(most > 1);
    }
    dg_program_free(back);
    dg_program_free(forth);
    dg_graph_free(n.g);
}

static dg_finding certify(net *n, int node)
{
    dg_finding f;
    dg_diag why = {.code = DG_OK};
    dg_options o = dg_options_default(DG_RUN_GRADIENT, ROWS);
    dg_naive *at = dg_naive_run(n->g, &o, 0, n->input);
    assert_non_null(at);
    if (dg_certify_node(n->g, at, node, dg_isa_portable(), NULL, &(dg_certify_options){1, 1, 1}, &f,
                        &why) != DG_OK)
        fail_msg("%s", why.text);
    dg_naive_free(at);
    assert_true(f.tangent && f.inputs > 0);
    return f;
}

static void linear_nodes_are_certified(void **state)
{
    (void)state;
    net n = make("mix");
    for (int k = 1; k <= 3; k++)
        assert_true(certify(&n, k).passed);
    dg_graph_free(n.g);
    n = make("affine");
    dg_finding f = certify(&n, 1);
    assert_false(f.passed);
    assert_string_equal(f.wrong, "tangent");
    dg_graph_free(n.g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_rows),
        cmocka_unit_test(linear_nodes_are_certified),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
