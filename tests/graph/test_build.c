/* Building graphs: fan-in and fan-out, shared parameters, several outputs and losses, a graph
 * without inputs, names; and every way in which building fails, with its whole message. */
#include "graph/graph.h"
#include "graph/make.h"
#include "graph/toys.h"

#include <dagrad/dagrad.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(a) (int)(sizeof(a) / sizeof((a)[0]))

static dg_shape batch(int64_t n)
{
    return shape2(DG_N, n);
}

static dg_value_info look(const dg_graph *g, dg_value v)
{
    dg_value_info info;
    assert_int_equal(dg_value_look(g, v, &info), DG_OK);
    return info;
}

static void expect_shape(const dg_graph *g, dg_value v, dg_shape s)
{
    dg_value_info info = look(g, v);
    assert_true(dg_shape_equal(&info.shape, &s));
}

/* Two inputs, a shared parameter, fan-out of three, one value twice, two outputs, two losses. */
static void test_dag(void **state)
{
    (void)state;
    dg_graph *g = toys_graph(DG_F32);
    double units = 8;
    dg_value y1 = dg_input(g, "y1", DG_F32, batch(5)), y2 = dg_input(g, "y2", DG_F64, batch(5));
    dg_value w = dg_parameter(g, "w", shape2(5, 8), "normal(0.1)");
    dg_attr attr[] = {{.name = "units", .count = 1, .number = &units},
                      {.name = "weight", .value = &w}};
    dg_value a = dg_apply(g, "dense", "a", 1, &y1, 2, attr);
    dg_value b = dg_apply(g, "dense", "b", 1, &y2, 2, attr);
    dg_value c = dg_apply(g, "add2", NULL, 2, (dg_value[]){a, a}, 0, NULL);
    dg_value d = dg_apply(g, "join", NULL, 4, (dg_value[]){a, b, c, a}, 0, NULL);
    dg_output(g, "d", d);
    dg_output(g, NULL, c);
    dg_loss(g, "first", c, 1);
    dg_loss(g, NULL, d, 0.5);
    dg_loss(g, NULL, d, 0.25);
    assert_int_equal(dg_graph_status(g, NULL), DG_OK);

    expect_shape(g, a, batch(8));
    expect_shape(g, d, batch(32));
    assert_int_equal(look(g, y2).type, DG_F32); /* the real type of the graph */
    assert_int_equal(look(g, y2).kind, DG_INPUT);
    assert_string_equal(look(g, d).node->name, "join");
    assert_int_equal(dg_value_find(g, "b.bias").id, look(g, b).kind == DG_RESULT ? b.id - 1 : 0);
    assert_int_equal(dg_value_find(g, "a.weight").id, 0); /* given, so not made */
    assert_string_equal(look(g, dg_value_find(g, "b.bias")).init, "zeros");
    assert_int_equal(dg_value_find(g, "a").id, a.id);
    assert_int_equal(dg_value_find(g, "nobody").id, 0);

    const char *name;
    double weight;
    assert_int_equal(dg_graph_outputs(g), 2);
    assert_int_equal(dg_graph_output(g, 1, &name).id, c.id);
    assert_string_equal(name, "add2");
    assert_int_equal(dg_graph_losses(g), 3);
    assert_int_equal(dg_graph_loss(g, 1, &name, &weight).id, d.id);
    assert_string_equal(name, "join");
    assert_true(weight == 0.5);
    dg_graph_loss(g, 2, &name, NULL);
    assert_string_equal(name, "join2");
    assert_int_equal(dg_graph_loss(g, 3, &name, &weight).id, 0);
    assert_null(name);

    const dg_node *node = &g->nodes[3];
    assert_int_equal(node->n_in, 4);
    assert_int_equal(node->in[0], node->in[3]);
    assert_int_equal(g->nodes[0].in[1], g->nodes[1].in[1]);
    assert_int_equal(g->nodes[0].in[1], w.id);
    dg_graph_free(g);
}

static void test_no_inputs(void **state)
{
    (void)state;
    dg_graph *g = toys_graph(DG_F64);
    dg_value theta = dg_parameter(g, "theta", shape2(2, 3), "zeros");
    double x[6] = {1, 2, 3, 4, 5, 6};
    dg_tensor t = {DG_F64, shape2(2, 3), x, sizeof x};
    dg_value k = dg_constant(g, "k", t);
    dg_value s = dg_apply(g, "add2", NULL, 2, (dg_value[]){theta, k}, 0, NULL);
    dg_loss(g, NULL, s, 1);
    assert_int_equal(dg_graph_status(g, NULL), DG_OK);
    double got[6] = {0};
    dg_tensor out = {DG_F64, shape2(2, 3), got, sizeof got};
    x[0] = 7; /* the graph has a copy */
    assert_int_equal(dg_graph_get(g, k, &out), DG_OK);
    assert_true(got[0] == 1 && got[5] == 6);
    dg_graph_free(g);
}

static void test_parts(void **state)
{
    (void)state;
    dg_graph *g = toys_graph(DG_F32);
    double n = 3;
    dg_attr attr = {.name = "n", .count = 1, .number = &n};
    dg_value y = dg_input(g, "y", DG_F32, batch(6));
    dg_value p = dg_apply(g, "parts", NULL, 1, &y, 1, &attr);
    expect_shape(g, dg_value_part(g, p, 2), batch(3));
    assert_int_equal(look(g, dg_value_part(g, p, 2)).part, 2);
    assert_int_equal(dg_value_part(g, p, 0).id, p.id);
    assert_int_equal(dg_value_part(g, y, 0).id, y.id);
    assert_int_equal(dg_graph_status(g, NULL), DG_OK);
    assert_int_equal(dg_value_part(g, p, 3).id, 0);
    dg_diag why;
    assert_int_equal(dg_graph_status(g, &why), DG_EUSAGE);
    assert_string_equal(why.text, "'parts' has no part 3, it has 3");
    dg_graph_free(g);
}

/* Real constants take the type of the graph, each way. */
static void test_constants(void **state)
{
    (void)state;
    float f[2] = {0.1F, -3};
    double d[2] = {0.1, -3};
    for (int i = 0; i < 4; i++) {
        dg_type from = i & 1 ? DG_F64 : DG_F32, to = i & 2 ? DG_F64 : DG_F32;
        dg_graph *g = dg_graph_new(NULL, to);
        dg_tensor t = {from, shape1(2), from == DG_F64 ? (void *)d : f, 2 * dg_type_bytes(from)};
        dg_value c = dg_constant(g, "c", t);
        assert_int_equal(dg_graph_status(g, NULL), DG_OK);
        assert_int_equal(look(g, c).type, to);
        const void *x = g->values[c.id - 1].data;
        double first = to == DG_F64 ? ((const double *)x)[0] : (double)((const float *)x)[0];
        assert_true(first == (from == DG_F64 && to == DG_F64 ? 0.1 : (double)0.1F));
        dg_graph_free(g);
    }
}

static void test_integers(void **state)
{
    (void)state;
    dg_graph *g = toys_graph(DG_F32);
    int32_t ids[2] = {4, 5};
    uint8_t bytes[2] = {6, 255};
    dg_value y = dg_input(g, "y", DG_I32, batch(2));
    dg_value twice = dg_apply(g, "twice", NULL, 1, &y, 0, NULL);
    dg_value picked = dg_apply(g, "pick", NULL, 1, &twice, 0, NULL);
    dg_value c = dg_constant(g, NULL, (dg_tensor){DG_I32, shape1(2), ids, sizeof ids});
    dg_value d = dg_constant(g, NULL, (dg_tensor){DG_U8, shape1(2), bytes, sizeof bytes});
    dg_value e = dg_number(g, 0.1);
    assert_int_equal(dg_graph_status(g, NULL), DG_OK);
    assert_int_equal(look(g, twice).type, DG_I32); /* a view keeps its type */
    assert_int_equal(look(g, picked).type, DG_F32);
    assert_int_equal(look(g, c).type, DG_I32);
    assert_int_equal(look(g, d).type, DG_F32);
    assert_int_equal(look(g, e).shape.rank, 0);
    assert_string_equal(look(g, e).name, "0.1");
    assert_int_equal(((const int32_t *)g->values[c.id - 1].data)[1], 5);
    assert_true(((const float *)g->values[d.id - 1].data)[1] == 255.0F);
    assert_true(*(const float *)g->values[e.id - 1].data == 0.1F);
    assert_int_equal((uintptr_t)g->values[e.id - 1].data % DG_ALIGN, 0);
    dg_graph_free(g);
}

/* TYPE, TYPE2, ... around names that are taken; names that are given as they are. */
static void test_names(void **state)
{
    (void)state;
    dg_graph *g = toys_graph(DG_F32);
    dg_value x = dg_input(g, "dense3", DG_F32, batch(2));
    char text[32];
    for (int i = 1; i <= 300; i++) {
        int ordinal = i < 3 ? i : i + 1; /* the input is called dense3 */
        dg_value v = toys_dense(g, NULL, x, 2);
        snprintf(text, sizeof text, ordinal > 1 ? "dense%d" : "dense", ordinal);
        assert_string_equal(look(g, v).name, text);
        assert_int_equal(dg_value_find(g, text).id, v.id);
    }
    dg_value h = toys_dense(g, "h", x, 3);
    assert_int_equal(dg_value_find(g, "h.weight").id, h.id - 2);
    dg_attr name = {.name = "name", .word = "view"};
    dg_value a = dg_apply(g, "twice", NULL, 1, &x, 1, &name);
    dg_value b = dg_apply(g, "twice", "view", 1, &x, 0, NULL);
    assert_string_equal(look(g, b).name, "view");
    assert_int_equal(dg_value_find(g, "view").id, a.id);
    assert_int_equal(dg_graph_status(g, NULL), DG_OK);
    assert_int_equal(toys_dense(g, "h", x, 3).id, 0);
    dg_diag why;
    assert_int_equal(dg_graph_status(g, &why), DG_EMODEL);
    assert_string_equal(why.text,
                        "parameter 'h.weight': there is already a parameter of this name");
    dg_graph_free(g);
}

static void test_long_names(void **state)
{
    (void)state;
    dg_graph *g = toys_graph(DG_F32);
    char name[1001], parameter[1010];
    memset(name, 'a', 1000);
    name[1000] = 0;
    dg_value h = toys_dense(g, name, dg_input(g, "x", DG_F32, batch(2)), 2);
    assert_int_equal(dg_graph_status(g, NULL), DG_OK);
    snprintf(parameter, sizeof parameter, "%s.weight", name);
    assert_int_equal(dg_value_find(g, parameter).id, h.id - 2);
    dg_graph_free(g);
}

static void test_initialisers_of_nodes(void **state)
{
    (void)state;
    dg_graph *g = toys_graph(DG_F32);
    double units = 2;
    dg_value x = dg_input(g, "x", DG_F32, batch(2));
    dg_attr attr[] = {{.name = "units", .count = 1, .number = &units},
                      {.name = "init", .word = "orthogonal(1.1)"},
                      {.name = "bias_init", .word = "fill(3)"}};
    dg_apply(g, "dense", "h", 1, &x, 3, attr);
    assert_string_equal(look(g, dg_value_find(g, "h.weight")).init, "orthogonal(1.1)");
    assert_string_equal(look(g, dg_value_find(g, "h.bias")).init, "fill(3)");
    toys_dense(g, "k", x, 2);
    assert_string_equal(look(g, dg_value_find(g, "k.weight")).init, "auto");
    assert_string_equal(look(g, dg_state(g, "s", shape1(2), NULL)).init, "zeros");
    assert_string_equal(look(g, dg_parameter(g, "p", shape1(2), NULL)).init, "glorot");
    assert_int_equal(dg_graph_status(g, NULL), DG_OK);
    dg_graph_free(g);
}

/* An absent optional input is id 0 in the node and rank -1 in the shape rule. */
static void test_optional(void **state)
{
    (void)state;
    dg_graph *g = toys_graph(DG_F32);
    dg_value x = dg_input(g, "x", DG_F32, batch(2)), s = dg_number(g, 2), none = {0};
    dg_attr by_name = {.name = "scale", .value = &s};
    dg_apply(g, "add2", NULL, 2, (dg_value[]){x, x}, 0, NULL);
    dg_apply(g, "add2", NULL, 3, (dg_value[]){x, x, none}, 0, NULL);
    dg_apply(g, "add2", NULL, 3, (dg_value[]){x, x, s}, 0, NULL);
    dg_apply(g, "add2", NULL, 2, (dg_value[]){x, x}, 1, &by_name);
    dg_attr b = {.name = "b", .value = &x};
    dg_apply(g, "add2", NULL, 1, &x, 1, &b);
    double no = 0;
    dg_attr attr[] = {{.name = "units", .count = 1, .number = &(double){2}},
                      {.name = "bias", .count = 1, .number = &no}};
    dg_apply(g, "dense", "h", 1, &x, 2, attr);
    assert_int_equal(dg_graph_status(g, NULL), DG_OK);
    assert_int_equal(g->nodes[0].in[2], 0);
    assert_int_equal(g->nodes[1].in[2], 0);
    assert_int_equal(g->nodes[2].in[2], s.id);
    assert_int_equal(g->nodes[3].in[2], s.id);
    assert_int_equal(g->nodes[4].in[1], x.id);
    assert_int_equal(g->nodes[5].in[2], 0);
    assert_int_equal(dg_value_find(g, "h.bias").id, 0);
    dg_graph_free(g);
}

/* ---- Failures -------------------------------------------------------------------------------- */

/* What a case has to build with. */
typedef struct {
    dg_graph *g;
    dg_value x, i, w, none, foreign;
    dg_attr units;
} bench;

typedef struct {
    void (*build)(bench *b);
    dg_status code;
    const char *node, *text;
} failure;

static void apply1(bench *b, const char *type, dg_value v)
{
    dg_apply(b->g, type, "n", 1, &v, 0, NULL);
}

static void apply_attr(bench *b, dg_attr second)
{
    dg_attr attr[] = {b->units, second};
    dg_apply(b->g, "dense", "n", 1, &b->x, 2, attr);
}

static void no_type(bench *b)
{
    apply1(b, "twise", b->x);
}
static void null_type(bench *b)
{
    apply1(b, NULL, b->x);
}
static void no_array(bench *b)
{
    dg_apply(b->g, "twice", "n", 1, NULL, 0, NULL);
}
static void too_many(bench *b)
{
    dg_apply(b->g, "twice", "n", 2, (dg_value[]){b->x, b->x}, 0, NULL);
}
static void too_few(bench *b)
{
    apply1(b, "add2", b->x);
}
static void none_variadic(bench *b)
{
    dg_apply(b->g, "join", "n", 0, NULL, 0, NULL);
}
static void id_zero(bench *b)
{
    apply1(b, "twice", b->none);
}
static void foreign_id(bench *b)
{
    apply1(b, "twice", b->foreign);
}
static void int_for_real(bench *b)
{
    dg_apply(b->g, "dense", "n", 1, &b->i, 1, &b->units);
}
static void real_for_int(bench *b)
{
    apply1(b, "pick", b->x);
}
static void real_for_labels(bench *b)
{
    apply1(b, "either", dg_input(b->g, "v", DG_F32, shape1(DG_N)));
}
static void int_for_distribution(bench *b)
{
    apply1(b, "either", b->i);
}
static void shapes_differ(bench *b)
{
    dg_apply(b->g, "add2", "n", 2, (dg_value[]){b->x, b->w}, 0, NULL);
}
static void shape_silent(bench *b)
{
    apply1(b, "silent", b->x);
}
static void shape_huge(bench *b)
{
    apply1(b, "huge", b->x);
}
static void shape_bad_n(bench *b)
{
    apply1(b, "bad_n", b->x);
}
static void parts_zero(bench *b)
{
    dg_attr n = {.name = "n", .count = 1, .number = &(double){0}};
    dg_apply(b->g, "parts", "n", 1, &b->x, 1, &n);
}
static void parts_many(bench *b)
{
    dg_attr n = {.name = "n", .count = 1, .number = &(double){33}};
    dg_apply(b->g, "parts", "n", 1, &b->x, 1, &n);
}
static void missing_attr(bench *b)
{
    apply1(b, "dense", b->x);
}
static void unknown_attr(bench *b)
{
    apply_attr(b, (dg_attr){.name = "unit", .word = "x", .start = 5, .end = 9});
}
static void weight_shape(bench *b)
{
    apply_attr(b, (dg_attr){.name = "weight", .value = &b->w});
}
static void weight_zero(bench *b)
{
    apply_attr(b, (dg_attr){.name = "weight", .value = &b->none});
}
static void weight_int(bench *b)
{
    apply_attr(b, (dg_attr){.name = "weight", .value = &b->i});
}
static void input_twice(bench *b)
{
    dg_attr x = {.name = "x", .value = &b->x};
    dg_attr attr[] = {b->units, x};
    dg_apply(b->g, "dense", "n", 1, &b->x, 2, attr);
}
static void init_unknown(bench *b)
{
    apply_attr(b, (dg_attr){.name = "init", .word = "xavier", .start = 5, .end = 9});
}
static void init_twice(bench *b)
{
    dg_attr attr[] = {
        b->units, {.name = "init", .word = "he"}, {.name = "weight_init", .word = "he"}};
    dg_apply(b->g, "dense", "n", 1, &b->x, 3, attr);
}
static void init_of_none(bench *b)
{
    dg_attr attr[] = {b->units,
                      {.name = "bias", .word = "false"},
                      {.name = "bias_init", .word = "ones", .start = 5, .end = 9}};
    dg_apply(b->g, "dense", "n", 1, &b->x, 3, attr);
}
static void init_of_given(bench *b)
{
    dg_value w = dg_parameter(b->g, "w52", shape2(5, 2), NULL);
    dg_attr attr[] = {b->units,
                      {.name = "weight", .value = &w},
                      {.name = "init", .word = "ones", .start = 5, .end = 9}};
    dg_apply(b->g, "dense", "n", 1, &b->x, 3, attr);
}
static void bias_of_none(bench *b)
{
    dg_value w = dg_parameter(b->g, "w2", shape1(2), NULL);
    dg_apply(b->g, "dense", "n", 3, (dg_value[]){b->x, b->none, w}, 2,
             (dg_attr[]){b->units, {.name = "bias", .word = "false"}});
}
static void parameter_rule(bench *b)
{
    dg_value scalar = dg_number(b->g, 1);
    dg_apply(b->g, "dense", "n", 1, &scalar, 1, &b->units);
}
static void name_taken(bench *b)
{
    dg_parameter(b->g, "x", shape1(2), NULL);
}
static void name_missing(bench *b)
{
    dg_input(b->g, NULL, DG_F32, shape1(2));
}
static void name_empty(bench *b)
{
    dg_state(b->g, "", shape1(2), NULL);
}
static void input_u8(bench *b)
{
    dg_input(b->g, "u", DG_U8, shape1(2));
}
static void rank_9(bench *b)
{
    dg_input(b->g, "u", DG_F32, (dg_shape){.rank = 9});
}
static void rank_less(bench *b)
{
    dg_input(b->g, "u", DG_F32, (dg_shape){.rank = -1});
}
static void dim_less(bench *b)
{
    dg_input(b->g, "u", DG_F32, shape2(DG_N, -3));
}
static void second_n(bench *b)
{
    dg_input(b->g, "u", DG_F32, shape2(DG_N, DG_N));
}
static void parameter_n(bench *b)
{
    dg_parameter(b->g, "u", shape2(DG_N, 2), NULL);
}
static void too_large(bench *b)
{
    dg_parameter(b->g, "u", shape2(INT64_C(1) << 31, INT64_C(1) << 31), NULL);
}
static void overflow(bench *b)
{
    dg_input(b->g, "u", DG_F32, (dg_shape){3, {DG_N, INT64_C(1) << 40, INT64_C(1) << 40}});
}
static void init_bad(bench *b)
{
    dg_parameter(b->g, "u", shape1(2), "normal(a)");
}
static void constant_bytes(bench *b)
{
    float x[2] = {0};
    dg_constant(b->g, "c", (dg_tensor){DG_F32, shape1(3), x, sizeof x});
}
static void constant_null(bench *b)
{
    dg_constant(b->g, "c", (dg_tensor){DG_F32, shape1(3), NULL, 12});
}
static void constant_type(bench *b)
{
    float x[3] = {0};
    dg_constant(b->g, "c", (dg_tensor){(dg_type)7, shape1(3), x, sizeof x});
}
static void constant_taken(bench *b)
{
    float x[3] = {0};
    dg_constant(b->g, "w", (dg_tensor){DG_F32, shape1(3), x, sizeof x});
}
static void constant_n(bench *b)
{
    float x[3] = {0};
    dg_constant(b->g, "c", (dg_tensor){DG_F32, shape1(DG_N), x, sizeof x});
}
static void output_none(bench *b)
{
    dg_output(b->g, "o", b->none);
}
static void output_twice(bench *b)
{
    dg_output(b->g, "o", b->x);
    dg_output(b->g, "o", b->w);
}
static void loss_none(bench *b)
{
    dg_loss(b->g, "o", b->none, 1);
}
static void loss_int(bench *b)
{
    dg_loss(b->g, "o", b->i, 1);
}
static void loss_weight(bench *b)
{
    dg_loss(b->g, NULL, b->x, (double)NAN);
}
static void part_of_none(bench *b)
{
    dg_value_part(b->g, b->foreign, 0);
}
static void freeze_input(bench *b)
{
    dg_graph_freeze(b->g, b->x, 1);
}
static void freeze_none(bench *b)
{
    dg_graph_freeze(b->g, b->none, 1);
}
static void type_taken(bench *b)
{
    dg_graph_add_type(b->g, &toy_twice);
}
static void type_null(bench *b)
{
    dg_graph_add_type(b->g, NULL);
}
static void type_old(bench *b)
{
    dg_node_type t = toy_twice;
    t.name = "t";
    t.size = 8;
    dg_graph_add_type(b->g, &t);
}

static void add_changed(bench *b, void (*change)(dg_node_type *t))
{
    static dg_node_type t;
    t = toy_dense;
    t.name = "t";
    change(&t);
    dg_graph_add_type(b->g, &t);
}
static void without_math(dg_node_type *t)
{
    memset(&t->f32, 0, sizeof t->f32);
    t->f64.adjoint = NULL;
}
static void without_shape(dg_node_type *t)
{
    t->shape = NULL;
}
static void without_table(dg_node_type *t)
{
    t->attrs = NULL;
}
static void without_results(dg_node_type *t)
{
    t->n_out = 0;
}
static void without_rule(dg_node_type *t)
{
    t->parameter = NULL;
}
static void variadic_nothing(dg_node_type *t)
{
    t->flags = DG_VARIADIC;
    t->n_inputs = 0;
}
static void with_name(dg_node_type *t)
{
    static const dg_attr_spec name = {"name", DG_ATTR_TEXT, 1, 0, 0, "", NULL, ""};
    t->attrs = &name;
    t->n_attrs = 1;
}
static void only_f64(dg_node_type *t)
{
    memset(&t->f32, 0, sizeof t->f32);
}
static void type_math(bench *b)
{
    add_changed(b, without_math);
}
static void type_shape(bench *b)
{
    add_changed(b, without_shape);
}
static void type_table(bench *b)
{
    add_changed(b, without_table);
}
static void type_results(bench *b)
{
    add_changed(b, without_results);
}
static void type_rule(bench *b)
{
    add_changed(b, without_rule);
}
static void type_variadic(bench *b)
{
    add_changed(b, variadic_nothing);
}
static void type_name(bench *b)
{
    add_changed(b, with_name);
}
static void type_f64(bench *b)
{
    add_changed(b, only_f64);
    apply1(b, "t", b->x);
}

static const failure failures[] = {
    {no_type, DG_EMODEL, "n", "there is no node 'twise'"},
    {null_type, DG_EUSAGE, "n", "a node without a type"},
    {no_array, DG_EUSAGE, "n", "inputs or attributes without their array"},
    {too_many, DG_EMODEL, "n", "twice takes 1 input, 2 are given"},
    {too_few, DG_EMODEL, "n", "b of add2 is not given"},
    {none_variadic, DG_EMODEL, "n", "x of join is not given"},
    {id_zero, DG_EUSAGE, "n", "x of twice is not a value of this graph"},
    {foreign_id, DG_EUSAGE, "n", "x of twice is not a value of this graph"},
    {int_for_real, DG_EMODEL, "n", "x of dense is int, it takes real values"},
    {real_for_int, DG_EMODEL, "n", "ids of pick is real, it takes labels or ids (int)"},
    {real_for_labels, DG_EMODEL, "n", "x of either is [N], which must be labels (int) here"},
    {int_for_distribution, DG_EMODEL, "n",
     "x of either is [N, 5], which must be real values here, not int"},
    {shapes_differ, DG_EMODEL, "n", "add2 needs equal shapes, not [N, 5] and [3, 4]"},
    {shape_silent, DG_EMODEL, "n", "silent cannot take these shapes"},
    {shape_huge, DG_EMODEL, "n",
     "the result of huge of shape [N, 2097152, 2097152, 2097152] is too large to address"},
    {shape_bad_n, DG_EMODEL, "n", "dimension 1 of the result of bad_n is -1, it takes 0 or more"},
    {parts_zero, DG_EMODEL, "n", "parts gives 0 results, it may give 1 to 32"},
    {parts_many, DG_EMODEL, "n", "parts gives 33 results, it may give 1 to 32"},
    {missing_attr, DG_EMODEL, "n",
     "units of dense is not given, it takes a whole number, 1 to 1048576"},
    {unknown_attr, DG_EMODEL, "n", "dense has no attribute 'unit'"},
    {weight_shape, DG_EMODEL, "n", "weight of dense is [3, 4], it takes [5, 2]"},
    {weight_zero, DG_EUSAGE, "n", "weight of dense is not a value of this graph"},
    {weight_int, DG_EMODEL, "n", "weight of dense is int, it takes real values"},
    {input_twice, DG_EMODEL, "n", "x of dense is given twice"},
    {init_unknown, DG_EMODEL, "n.weight",
     "there is no initialiser 'xavier', there is: zeros, ones, fill(v), normal(std), uniform(a, "
     "b), "
     "he, glorot, orthogonal(gain)"},
    {init_twice, DG_EMODEL, "n", "weight_init of dense: its initialiser is given twice"},
    {init_of_none, DG_EMODEL, "n", "bias_init of dense: there is no such parameter here"},
    {init_of_given, DG_EMODEL, "n",
     "init of dense: the parameter is given, and keeps its own initialiser"},
    {bias_of_none, DG_EMODEL, "n", "bias of dense is given, but it has none here"},
    {parameter_rule, DG_EMODEL, "n", "x of dense needs a last axis of known size"},
    {name_taken, DG_EMODEL, "x", "parameter 'x': there is already an input of this name"},
    {name_missing, DG_EUSAGE, "", "input without a name"},
    {name_empty, DG_EUSAGE, "", "state without a name"},
    {input_u8, DG_EUSAGE, "u", "input 'u' is of type u8, it takes f32, f64 or i32"},
    {rank_9, DG_EMODEL, "u", "u has 9 axes, it may have 0 to 8"},
    {rank_less, DG_EMODEL, "u", "u has -1 axes, it may have 0 to 8"},
    {dim_less, DG_EMODEL, "u", "dimension 1 of u is -3, it takes 0 or more"},
    {second_n, DG_EMODEL, "u", "dimension 1 of u is -1, it takes 0 or more"},
    {parameter_n, DG_EMODEL, "u", "u has a batch axis N, only inputs may have one"},
    {too_large, DG_EMODEL, "u", "u of shape [2147483648, 2147483648] is too large to address"},
    {overflow, DG_EMODEL, "u",
     "u of shape [N, 1099511627776, 1099511627776] is too large to address"},
    {init_bad, DG_EMODEL, "u",
     "initialiser 'normal(a)': it is written normal(std), with finite numbers"},
    {constant_bytes, DG_EUSAGE, "c", "constant 'c' has 12 bytes, 8 are given"},
    {constant_null, DG_EUSAGE, "c", "constant 'c' has 12 bytes, 0 are given"},
    {constant_type, DG_EUSAGE, "c", "constant 'c' is of no known type"},
    {constant_taken, DG_EMODEL, "w", "constant 'w': there is already a parameter of this name"},
    {constant_n, DG_EMODEL, "c", "c has a batch axis N, only inputs may have one"},
    {output_none, DG_EUSAGE, "o", "the output is not a value of this graph"},
    {output_twice, DG_EMODEL, "o", "two outputs are named 'o'"},
    {loss_none, DG_EUSAGE, "o", "the loss is not a value of this graph"},
    {loss_int, DG_EMODEL, "o", "the loss 'o' holds integers, it takes real values"},
    {loss_weight, DG_EMODEL, "x", "the weight of loss 'x' is not finite"},
    {part_of_none, DG_EUSAGE, "", "a part of what is not a value of this graph"},
    {freeze_input, DG_EUSAGE, "x", "only a parameter can be frozen, not the input"},
    {freeze_none, DG_EUSAGE, "", "only a parameter can be frozen, not this"},
    {type_taken, DG_EUSAGE, "twice", "there is already a node type 'twice'"},
    {type_null, DG_EUSAGE, "", "a node type without a name, or without its size"},
    {type_old, DG_EUSAGE, "", "a node type without a name, or without its size"},
    {type_math, DG_EUSAGE, "t",
     "node type 't' has neither for f32 nor for f64 both forward and adjoint"},
    {type_shape, DG_EUSAGE, "t", "node type 't' has no shape rule"},
    {type_table, DG_EUSAGE, "t",
     "node type 't' has a number of attributes or inputs without their table"},
    {type_results, DG_EUSAGE, "t", "node type 't' has no valid number of outputs"},
    {type_rule, DG_EUSAGE, "t",
     "node type 't' has a parameter or state without a rule for its shape"},
    {type_variadic, DG_EUSAGE, "t", "node type 't' is variadic without an input"},
    {type_name, DG_EUSAGE, "t",
     "node type 't' has an attribute 'name', which every node has already"},
    {type_f64, DG_EMODEL, "n", "t has no functions for f32"},
};

static void test_failures(void **state)
{
    (void)state;
    static const double two = 2;
    for (int k = 0; k < COUNT(failures); k++) {
        const failure *f = &failures[k];
        bench b = {.g = toys_graph(DG_F32), .foreign = {99}};
        b.x = dg_input(b.g, "x", DG_F32, batch(5));
        b.i = dg_input(b.g, "i", DG_I32, batch(5));
        b.w = dg_parameter(b.g, "w", shape2(3, 4), NULL);
        b.units = (dg_attr){.name = "units", .count = 1, .number = &two};
        dg_graph_place(b.g, 30, 33);
        f->build(&b);
        dg_diag why;
        dg_status s = dg_graph_status(b.g, &why);
        assert_string_equal(why.text, f->text);
        assert_string_equal(why.node, f->node);
        assert_int_equal(s, f->code);
        assert_int_equal(why.code, f->code);
        int of_attribute = why.start == 5 && why.end == 9;
        assert_true(of_attribute || (why.start == 30 && why.end == 33));
        dg_graph_free(b.g);
    }
}

/* After the first failure nothing changes, and its diagnostic stays. */
static void test_sticks(void **state)
{
    (void)state;
    dg_graph *g = toys_graph(DG_F32);
    dg_value x = dg_input(g, "x", DG_F32, batch(5));
    dg_value p = dg_parameter(g, "p", shape1(2), NULL);
    int64_t before = dg_graph_values(g);
    dg_graph_place(g, 7, 8);
    dg_value bad = toys_dense(g, "bad", x, 0);
    assert_int_equal(bad.id, 0);
    dg_graph_place(g, 9, 10);
    assert_int_equal(toys_dense(g, "later", bad, 4).id, 0);
    assert_int_equal(dg_input(g, "y", DG_F32, batch(1)).id, 0);
    assert_int_equal(dg_parameter(g, "q", shape1(1), "nonsense").id, 0);
    assert_int_equal(dg_number(g, 1).id, 0);
    assert_int_equal(dg_value_part(g, x, 0).id, 0);
    dg_output(g, "o", x);
    dg_loss(g, "o", x, 1);
    dg_graph_freeze(g, p, 1);
    assert_int_equal(dg_graph_init(g, 1), DG_EMODEL);
    float two[2] = {0};
    dg_tensor t = {DG_F32, shape1(2), two, sizeof two};
    dg_diag why = {0};
    assert_int_equal(dg_graph_set(g, p, &t, &why), DG_EMODEL);
    assert_int_equal(dg_graph_get(g, p, &t), DG_EMODEL);
    char hash[17];
    assert_int_equal(dg_graph_hash(g, hash), DG_EMODEL);
    assert_int_equal(dg_graph_add_type(g, &toy_twice), DG_EMODEL);
    assert_int_equal(dg_graph_values(g), before);
    assert_int_equal(dg_graph_outputs(g) + dg_graph_losses(g), 0);
    assert_int_equal(look(g, p).frozen, 0);
    assert_int_equal(dg_graph_status(g, &why), DG_EMODEL);
    assert_string_equal(why.text, "units of dense is 0, it takes 1 to 1048576");
    assert_string_equal(why.node, "bad");
    assert_int_equal(why.start, 7);
    assert_int_equal(why.end, 8);
    dg_graph_free(g);
}

/* The language reports several: it takes the failure out and goes on. */
static void test_pardon(void **state)
{
    (void)state;
    dg_graph *g = toys_graph(DG_F32);
    dg_value x = dg_input(g, "x", DG_F32, batch(5));
    dg_diag why;
    toys_dense(g, "bad", x, 0);
    assert_int_equal(dg_graph_pardon(g, &why), DG_EMODEL);
    assert_string_equal(why.node, "bad");
    assert_int_equal(dg_graph_status(g, NULL), DG_OK);
    assert_int_equal(dg_graph_pardon(g, &why), DG_OK);
    expect_shape(g, toys_dense(g, "bad", x, 3), batch(3));
    assert_int_equal(dg_graph_status(g, NULL), DG_OK);
    dg_graph_free(g);
}

static void test_places(void **state)
{
    (void)state;
    dg_graph *g = toys_graph(DG_F32);
    dg_graph_place(g, 3, 9);
    dg_value x = dg_input(g, "x", DG_F32, batch(5));
    dg_graph_place(g, 20, 31);
    dg_value y = toys_dense(g, NULL, x, 3);
    assert_int_equal(look(g, x).start, 3);
    assert_int_equal(look(g, x).end, 9);
    assert_int_equal(look(g, y).start, 20);
    assert_int_equal(look(g, dg_value_find(g, "dense.weight")).end, 31);
    dg_graph_free(g);
}

static void test_types(void **state)
{
    (void)state;
    dg_graph *g = toys_graph(DG_F32);
    int n = 0;
    for (const dg_node_type *t; (t = dg_type_at(g, n)); n++)
        assert_ptr_equal(dg_type_find(g, t->name), t);
    assert_string_equal(dg_type_at(g, n - 10)->name, "dense"); /* the user's come last */
    assert_null(dg_type_at(NULL, n - 10));
    assert_null(dg_type_at(g, -1));
    assert_null(dg_type_find(NULL, "dense"));
    assert_null(dg_type_find(g, NULL));
    assert_null(dg_type_find(g, "Dense"));
    dg_graph_free(g);
}

static void *refuse_memory(void *user, size_t bytes)
{
    (void)user;
    (void)bytes;
    return NULL;
}

static void test_new(void **state)
{
    (void)state;
    dg_diag why;
    dg_graph *g = dg_graph_new(NULL, DG_I32);
    assert_int_equal(dg_graph_status(g, &why), DG_EUSAGE);
    assert_string_equal(why.text, "a graph is of type f32 or f64, not i32");
    dg_graph_free(g);
    g = dg_graph_new(&(dg_host){.size = sizeof(dg_host), .alloc = NULL, .free = NULL}, DG_F64);
    assert_int_equal(dg_graph_real(g), DG_F64);
    assert_int_equal(dg_graph_status(g, NULL), DG_OK);
    dg_graph_free(g);
    dg_graph_free(NULL);
    dg_graph_place(NULL, 1, 2);
    g = dg_graph_new(&(dg_host){.size = sizeof(dg_host), .alloc = refuse_memory}, DG_F64);
    assert_int_equal(dg_graph_status(g, &why), DG_EUSAGE);
    assert_string_equal(why.text, "a host gives both alloc and free, or neither");
    dg_graph_free(g);
    assert_int_equal(dg_graph_status(NULL, &why), DG_EMEMORY);
    assert_int_equal(dg_input(NULL, "x", DG_F32, batch(1)).id, 0);
    assert_int_equal(dg_number(NULL, 1).id, 0);
    assert_int_equal(dg_apply(NULL, "dense", NULL, 0, NULL, 0, NULL).id, 0);
    assert_string_equal(dg_version(), DG_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dag),        cmocka_unit_test(test_no_inputs),
        cmocka_unit_test(test_parts),      cmocka_unit_test(test_constants),
        cmocka_unit_test(test_integers),   cmocka_unit_test(test_names),
        cmocka_unit_test(test_long_names), cmocka_unit_test(test_initialisers_of_nodes),
        cmocka_unit_test(test_optional),   cmocka_unit_test(test_failures),
        cmocka_unit_test(test_sticks),     cmocka_unit_test(test_pardon),
        cmocka_unit_test(test_places),     cmocka_unit_test(test_types),
        cmocka_unit_test(test_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
