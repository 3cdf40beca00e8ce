/* State dicts of PyTorch: each row of the table by its numbers, the match, and what is refused. */
#include "io/io_tools.h"

#include "io/pytorch.h"
#include <dagrad/model.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { MOST = 64 };

/* A tensor of a state dict: its elements are first, first + 1, ... */
typedef struct {
    const char *name;
    int rank;
    int64_t dim[4];
    double first;
} given;

static char said[4096];

static void say(void *user, const char *text)
{
    (void)user;
    strncat(said, text, sizeof said - strlen(said) - 2);
    strcat(said, "\n");
}

/* ---- Both sides ------------------------------------------------------------------------------ */

static dg_model *model_of(const char *text)
{
    dg_diag why = {0};
    dg_model *m = dg_model_parse("m.dag", text, NULL);
    if (dg_model_status(m, &why) != DG_OK)
        fail_msg("%s", why.text);
    return m;
}

static dg_checkpoint *dict_of(const given *t, int n)
{
    dg_checkpoint *c = dg_checkpoint_new();
    for (int k = 0; k < n; k++) {
        const dg_shape shape = dg_shape_make(t[k].rank, t[k].dim);
        dg_array a;
        assert_int_equal(dg_array_make(&a, DG_F32, &shape, NULL), DG_OK);
        for (int64_t i = 0; i < dg_shape_count(&shape); i++)
            ((float *)a.data)[i] = (float)(t[k].first + (double)i);
        dg_checkpoint_add(c, t[k].name, &a);
        dg_array_free(&a);
    }
    return c;
}

/* Reads the state dict into the graph; where it is refused, the message is why's. */
static dg_checkpoint *read_into(dg_model *m, dg_checkpoint *c, int n_map, const char *const map[],
                                dg_diag *why)
{
    dg_checkpoint *to = NULL;
    const dg_weights_as as = {.map = map, .n_map = n_map, .say = say};
    *said = 0;
    *why = (dg_diag){.code = DG_OK};
    if (dg_pytorch_read(dg_model_graph(m), c, &as, 0, NULL, &to, why) == DG_OK)
        assert_int_equal(dg_weights_apply(dg_model_graph(m), to, 0, NULL, why), DG_OK);
    return to;
}

static double number(dg_model *m, const char *name, int64_t i)
{
    dg_graph *g = dg_model_graph(m);
    dg_tensor t = {.data = NULL};
    float x[1024];
    const dg_value v = dg_value_find(g, name);
    assert_int_not_equal(v.id, 0);
    assert_int_equal(dg_graph_get(g, v, &t), DG_OK);
    assert_true(t.bytes <= sizeof x);
    t.data = x;
    assert_int_equal(dg_graph_get(g, v, &t), DG_OK);
    return (double)x[i];
}

static void expect(dg_model *m, const char *name, int64_t i, double x)
{
    if (number(m, name, i) != x)
        fail_msg("%s[%d] is %g, not %g", name, (int)i, number(m, name, i), x);
}

/* What is written of m is what was read, but for the tensors whose names end in `but`. */
static void expect_back(dg_model *m, const dg_checkpoint *read, const dg_checkpoint *dict,
                        const char *but)
{
    dg_checkpoint *back = dg_checkpoint_new();
    const dg_tensors *all = dg_checkpoint_tensors(dict);
    dg_diag why = {0};
    assert_int_equal(dg_pytorch_write(dg_model_graph(m), dg_checkpoint_text(read, dg_pytorch_note),
                                      0, back, &why),
                     DG_OK);
    for (int i = 0; i < all->n; i++) {
        const dg_tensor *t = dg_checkpoint_find(back, all->tensor[i].name);
        if (!t)
            fail_msg("'%s' is not written", all->tensor[i].name);
        assert_true(dg_shape_equal(&t->shape, &all->tensor[i].tensor.shape));
        if (!but || !strstr(all->tensor[i].name, but))
            assert_memory_equal(t->data, all->tensor[i].tensor.data, t->bytes);
    }
    assert_int_equal(dg_pytorch_told(dg_model_graph(m), back, &(dg_weights_as){0}, &why), 1);
    dg_checkpoint_free(back);
}

/* ---- The table ------------------------------------------------------------------------------- */

static void test_products(void **state)
{
    (void)state;
    dg_diag why;
    dg_model *m = model_of("input x[N, 6, 5, 4]\nz = conv(x, 6, [3, 2], groups=2)\n"
                           "u = conv_transpose(z, 4, 3, groups=2)\n"
                           "y = global_avgpool(u) | linear(3)\noutput y\n");
    const given t[] = {{"c.weight", 4, {6, 2, 3, 2}, 0},  {"c.bias", 1, {6}, 1000},
                       {"up.weight", 4, {6, 2, 3, 3}, 0}, {"up.bias", 1, {4}, 2000},
                       {"fc.weight", 2, {3, 4}, 0},       {"fc.bias", 1, {3}, 3000}};
    dg_checkpoint *c = dict_of(t, 6), *to = read_into(m, c, 0, NULL, &why);
    if (why.code != DG_OK)
        fail_msg("%s", why.text);
    for (int h = 0; h < 3; h++)
        for (int w = 0; w < 2; w++)
            for (int i = 0; i < 2; i++)
                for (int o = 0; o < 6; o++)
                    expect(m, "z.conv.weight", ((h * 2 + w) * 2 + i) * 6 + o,
                           ((o * 2 + i) * 3 + h) * 2 + w);
    for (int h = 0; h < 3; h++)
        for (int w = 0; w < 3; w++)
            for (int o = 0; o < 2; o++)
                for (int i = 0; i < 6; i++)
                    expect(m, "u.conv_transpose.weight", ((h * 3 + w) * 2 + o) * 6 + i,
                           ((i * 2 + o) * 3 + h) * 3 + w);
    for (int i = 0; i < 4; i++)
        for (int o = 0; o < 3; o++)
            expect(m, "y.linear.weight", i * 3 + o, o * 4 + i);
    expect(m, "z.conv.bias", 5, 1005);
    expect(m, "u.conv_transpose.bias", 3, 2003);
    assert_non_null(
        strstr(said, "c       -> z.conv: weight [6, 2, 3, 2], bias [6] (oihw to hwio)"));
    expect_back(m, to, c, NULL);
    dg_checkpoint_free(to);
    dg_checkpoint_free(c);
    dg_model_free(m);
}

static void test_series(void **state)
{
    (void)state;
    dg_diag why;
    dg_model *m = model_of("input x[N, 7, 3]\nz = conv(x, 5, 3) | groupnorm(5)\n"
                           "y = conv_transpose(z, 2, 4, stride=2)\noutput y\n");
    const given t[] = {{"0.weight", 3, {5, 3, 3}, 0}, {"0.bias", 1, {5}, 50},
                       {"1.weight", 1, {5}, 60},      {"1.bias", 1, {5}, 70},
                       {"2.weight", 3, {5, 2, 4}, 0}, {"2.bias", 1, {2}, 80}};
    dg_checkpoint *c = dict_of(t, 6), *to = read_into(m, c, 0, NULL, &why);
    if (why.code != DG_OK)
        fail_msg("%s", why.text);
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < 3; i++)
            for (int o = 0; o < 5; o++)
                expect(m, "z.conv.weight", (k * 3 + i) * 5 + o, (o * 3 + i) * 3 + k);
    for (int k = 0; k < 4; k++)
        for (int o = 0; o < 2; o++)
            for (int i = 0; i < 5; i++)
                expect(m, "y.conv_transpose.weight", (k * 2 + o) * 5 + i, (i * 2 + o) * 4 + k);
    expect(m, "z.groupnorm.scale", 4, 64);
    expect(m, "z.groupnorm.bias", 4, 74);
    expect_back(m, to, c, NULL);
    dg_checkpoint_free(to);
    dg_checkpoint_free(c);
    dg_model_free(m);
}

static void test_norms(void **state)
{
    (void)state;
    dg_diag why;
    dg_model *m = model_of("input i[N, 6] int\ne = embedding(i, 11, 4)\n"
                           "p = e + position(e, 6, 4)\nn = layernorm(p)\nr = rmsnorm(n)\n"
                           "parameter s[2, 4] = zeros\ny = linear(r, 3) | batchnorm\n"
                           "output y, s\n");
    const given t[] = {{"tok.weight", 2, {11, 4}, 100},  {"pos.weight", 2, {6, 4}, 200},
                       {"ln.weight", 1, {4}, 300},       {"ln.bias", 1, {4}, 310},
                       {"rms.weight", 1, {4}, 320},      {"scales", 2, {2, 4}, 330},
                       {"fc.weight", 2, {3, 4}, 400},    {"fc.bias", 1, {3}, 420},
                       {"bn.weight", 1, {3}, 430},       {"bn.bias", 1, {3}, 440},
                       {"bn.running_mean", 1, {3}, 450}, {"bn.running_var", 1, {3}, 460}};
    dg_checkpoint *c = dict_of(t, 12), *to = read_into(m, c, 0, NULL, &why);
    if (why.code != DG_OK)
        fail_msg("%s", why.text);
    expect(m, "e.embedding.weight", 43, 143);
    expect(m, "p.position.weight", 23, 223);
    expect(m, "n.layernorm.scale", 1, 301);
    expect(m, "n.layernorm.bias", 1, 311);
    expect(m, "r.rmsnorm.scale", 1, 321);
    expect(m, "s", 7, 337);
    expect(m, "y.batchnorm.scale", 2, 432);
    expect(m, "y.batchnorm.bias", 2, 442);
    expect(m, "y.batchnorm.mean", 2, 452);
    expect(m, "y.batchnorm.variance", 2, 462);
    expect_back(m, to, c, NULL);
    dg_checkpoint_free(to);
    dg_checkpoint_free(c);
    dg_model_free(m);
}

/* Layer l, direction d of a recurrent module of `gates` gates with 2 units. */
static int add_layer(given *t, int n, int l, int d, int gates, int width)
{
    static char names[MOST][32];
    static const char *const roles[] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh"};
    for (int k = 0; k < 4; k++, n++) {
        dg_format(names[n], sizeof names[n], "r.%s_l%d%s", roles[k], l, d ? "_reverse" : "");
        t[n] = (given){names[n], k < 2 ? 2 : 1, {2 * gates, k == 0 ? width : 2}, 1000 * (n + 1)};
    }
    return n;
}

/* Columns of a matrix of 2 units: of gate g of block b, unit u. */
static int column(int b, int gates, int g, int u)
{
    return (b * gates + g) * 2 + u;
}

static void check_recurrent(const char *kind, int gates)
{
    char text[200];
    dg_diag why;
    given t[MOST];
    const bool gru = strcmp(kind, "gru") == 0;
    dg_format(text, sizeof text,
              "input x[N, 5, 3]\ny = %s(x, 2, layers=2, direction=both)\noutput y\n", kind);
    int n = add_layer(t, 0, 0, 0, gates, 3);
    n = add_layer(t, n, 0, 1, gates, 3);
    n = add_layer(t, n, 1, 0, gates, 4);
    n = add_layer(t, n, 1, 1, gates, 4);
    dg_model *m = model_of(text);
    dg_checkpoint *c = dict_of(t, n), *to = read_into(m, c, 0, NULL, &why);
    if (why.code != DG_OK)
        fail_msg("%s", why.text);
    char name[4][64];
    static const char *const roles[] = {"weight", "deep", "recurrent", "bias"};
    for (int k = 0; k < 4; k++)
        dg_format(name[k], sizeof name[k], "y.%s.%s", kind, roles[k]);
    for (int b = 0; b < 4; b++) /* block: layer, then direction */
        for (int g = 0; g < gates; g++)
            for (int u = 0; u < 2; u++) {
                const double of = 1000 * (4 * b + 1), row = 2 * g + u;
                const int at = column(b, gates, g, u), wide = 4 * gates * 2;
                for (int i = 0; i < (b < 2 ? 3 : 4); i++)
                    expect(m, name[b < 2 ? 0 : 1], i * wide / 2 + column(b % 2, gates, g, u),
                           of + row * (b < 2 ? 3 : 4) + i);
                for (int i = 0; i < 2; i++)
                    expect(m, name[2], i * wide + at, of + 1000 + row * 2 + i);
                const bool apart = gru && g == 2;
                expect(m, name[3], at, of + 2000 + row + (apart ? 0 : of + 3000 + row));
                if (apart)
                    expect(m, "y.gru.recurrent_bias", b * 2 + u, of + 3000 + row);
            }
    expect_back(m, to, c, "bias_");
    dg_checkpoint_free(to);
    dg_checkpoint_free(c);
    dg_model_free(m);
}

static void test_recurrent(void **state)
{
    (void)state;
    check_recurrent("rnn", 1);
    check_recurrent("gru", 3);
    check_recurrent("lstm", 4);
}

/* in_proj as one linear node, and as three. */
static void test_attention(void **state)
{
    (void)state;
    const given t[] = {{"a.in_proj_weight", 2, {12, 4}, 0},
                       {"a.in_proj_bias", 1, {12}, 100},
                       {"a.out_proj.weight", 2, {4, 4}, 200},
                       {"a.out_proj.bias", 1, {4}, 300}};
    static const char *const text[] = {
        "input x[N, 5, 4]\nq, k, v = linear(x, 12) | split(3)\n"
        "y = attention(q, k, v, heads=2) | linear(4)\noutput y\n",
        "input x[N, 5, 4]\nq = linear(x, 4)\nk = linear(x, 4)\nv = linear(x, 4)\n"
        "a = attention(q, k, v, heads=2)\ny = linear(a, 4)\noutput y\n"};
    for (int form = 0; form < 2; form++) {
        dg_diag why;
        dg_model *m = model_of(text[form]);
        dg_checkpoint *c = dict_of(t, 4), *to = read_into(m, c, 0, NULL, &why);
        if (why.code != DG_OK)
            fail_msg("%s", why.text);
        for (int k = 0; k < 3; k++)
            for (int o = 0; o < 4; o++)
                for (int i = 0; i < 4; i++) {
                    const char *const split[] = {"q.linear.weight", "k.linear.weight",
                                                 "v.linear.weight"};
                    const double x = (4 * k + o) * 4 + i;
                    if (form == 1)
                        expect(m, split[k], i * 4 + o, x);
                    else
                        expect(m, "q.linear.weight", i * 12 + 4 * k + o, x);
                }
        expect(m, form ? "v.linear.bias" : "q.linear.bias", form ? 3 : 11, 111);
        expect(m, "y.linear.weight", 1 * 4 + 3, 200 + 3 * 4 + 1);
        expect_back(m, to, c, NULL);
        dg_checkpoint_free(to);
        dg_checkpoint_free(c);
        dg_model_free(m);
    }
}

/* Rows of pictures: on the way in and on the way out of a row, and of what lies between. */
static void test_flattened(void **state)
{
    (void)state;
    dg_diag why;
    dg_model *m = model_of("input x[N, 2, 2, 3]\nz = conv(x, 3, 1) | relu | flatten | batchnorm\n"
                           "h = linear(z, 4)\nd = linear(h, 12) | relu | reshape([N, 2, 2, 3])\n"
                           "y = conv(d, 2, 3)\noutput y\n");
    const given t[] = {{"0.weight", 4, {3, 3, 1, 1}, 0}, {"0.bias", 1, {3}, 0},
                       {"3.weight", 1, {12}, 500},       {"3.bias", 1, {12}, 0},
                       {"3.running_mean", 1, {12}, 0},   {"3.running_var", 1, {12}, 0},
                       {"4.weight", 2, {4, 12}, 1000},   {"4.bias", 1, {4}, 0},
                       {"5.weight", 2, {12, 4}, 2000},   {"5.bias", 1, {12}, 3000},
                       {"8.weight", 4, {2, 3, 3, 3}, 0}, {"8.bias", 1, {2}, 0}};
    dg_checkpoint *c = dict_of(t, 12), *to = read_into(m, c, 0, NULL, &why);
    if (why.code != DG_OK)
        fail_msg("%s", why.text);
    for (int h = 0; h < 2; h++)
        for (int w = 0; w < 2; w++)
            for (int k = 0; k < 3; k++) {
                const int here = (h * 2 + w) * 3 + k, there = (k * 2 + h) * 2 + w;
                expect(m, "z.batchnorm.scale", here, 500 + there);
                expect(m, "h.linear.weight", here * 4 + 1, 1000 + 12 + there);
                expect(m, "d.linear.weight", 2 * 12 + here, 2000 + there * 4 + 2);
                expect(m, "d.linear.bias", here, 3000 + there);
            }
    assert_non_null(strstr(said, "(oi to io, i of pictures [2, 2, 3])"));
    expect_back(m, to, c, NULL);
    dg_checkpoint_free(to);
    dg_checkpoint_free(c);
    dg_model_free(m);
}

/* Series of words are no pictures: their rows lie as in PyTorch. */
static void test_plain_rows(void **state)
{
    (void)state;
    dg_diag why;
    dg_model *m = model_of("input i[N, 3] int\ny = embedding(i, 9, 2) | flatten | linear(4)\n"
                           "output y\n");
    const given t[] = {
        {"e.weight", 2, {9, 2}, 0}, {"f.weight", 2, {4, 6}, 0}, {"f.bias", 1, {4}, 0}};
    dg_checkpoint *c = dict_of(t, 3), *to = read_into(m, c, 0, NULL, &why);
    for (int i = 0; i < 6; i++)
        expect(m, "y.linear.weight", i * 4 + 3, 3 * 6 + i);
    dg_checkpoint_free(to);
    dg_checkpoint_free(c);
    dg_model_free(m);
}

/* ---- The match ------------------------------------------------------------------------------- */

static const char three[] = "input x[N, 4]\na = linear(x, 4)\nb = linear(a, 4)\ny = linear(b, 4)\n"
                            "output y\n";

/* first[k]: the first element of each weight of a, b, y, or the message. */
static void check_match(const char *const names[3], const char *order, int n_map,
                        const char *const map[], const double first[3], const char *message)
{
    given t[6];
    char name[6][64];
    dg_diag why;
    for (int k = 0; k < 3; k++) {
        dg_format(name[2 * k], sizeof name[0], "%s.bias", names[k]);
        dg_format(name[2 * k + 1], sizeof name[0], "%s.weight", names[k]);
        t[2 * k] = (given){name[2 * k], 1, {4}, 0};
        t[2 * k + 1] = (given){name[2 * k + 1], 2, {4, 4}, 100 * (k + 1)};
    }
    dg_model *m = model_of(three);
    dg_checkpoint *c = dict_of(t, 6);
    if (order)
        dg_checkpoint_note(c, "order", "%s", order);
    dg_checkpoint *to = read_into(m, c, n_map, map, &why);
    static const char *const weights[] = {"a.linear.weight", "b.linear.weight", "y.linear.weight"};
    for (int k = 0; k < 3 && !message; k++)
        expect(m, weights[k], 0, first[k]);
    if (message && !strstr(why.text, message))
        fail_msg("'%s' is not in '%s'", message, why.text);
    dg_checkpoint_free(to);
    dg_checkpoint_free(c);
    dg_model_free(m);
}

static void test_match(void **state)
{
    (void)state;
    const double in_order[] = {100, 200, 300}, turned[] = {200, 300, 100}, last[] = {300, 100, 200};
    const char *const alike[] = {"first", "second", "third"};
    const char *const maps[] = {"first=y", "second=a.linear", "third=b"};
    /* the file is sorted by name: numbers tell, words do not */
    check_match((const char *[]){"n.10", "n.2", "n.4"}, NULL, 0, NULL, turned, NULL);
    check_match((const char *[]){"fc1", "fc2", "fc3"}, NULL, 0, NULL, in_order, NULL);
    check_match((const char *[]){"b", "n", "y"}, NULL, 0, NULL, (double[]){200, 100, 300}, NULL);
    check_match(alike, NULL, 0, NULL, NULL, "'first', 'second', 'third' are alike");
    check_match((const char *[]){"fc", "fc2", "fc3"}, NULL, 0, NULL, NULL, "are alike");
    check_match((const char *[]){"l.0.p", "l.0.q", "l.1.p"}, NULL, 0, NULL, NULL, "are alike");
    check_match(alike, NULL, 3, maps, turned, NULL);
    check_match(alike, NULL, 2, maps, turned, NULL);
    check_match((const char *[]){"p.1", "p.2", "q"}, NULL, 1, (const char *[]){"q=a"}, last, NULL);
    check_match(alike, "third.weight\nthird.bias\nfirst.weight\nsecond.weight", 0, NULL, last,
                NULL);
    /* it is not sorted: its order is that of the net */
    check_match((const char *[]){"stem", "body", "head"}, NULL, 0, NULL, in_order, NULL);
}

static void test_maps(void **state)
{
    (void)state;
    const char *const n[] = {"l.0.q", "l.1.q", "z"};
    const double found[] = {100, 200, 300};
    check_match(n, NULL, 1, (const char *[]){"l.q"}, NULL, "map is 'l.q', it takes OLD=NEW");
    check_match(n, NULL, 1, (const char *[]){"w=a"}, NULL, "the file has no module or tensor 'w'");
    check_match(n, NULL, 1, (const char *[]){"z=w"}, NULL,
                "the model has no node or parameter 'w'");
    check_match(n, NULL, 2, (const char *[]){"z=a", "l.0.q=a"}, NULL, "another one already");
    check_match((const char *[]){"p.a.q", "p.b.q", "p.y.q"}, NULL, 1,
                (const char *[]){"p.*.q=*.linear"}, found, NULL);
}

/* Both sides with their shapes; and nothing was changed. */
static void test_mismatch(void **state)
{
    (void)state;
    char before[17], after[17];
    dg_diag why;
    dg_model *m = model_of("input x[N, 3]\na = linear(x, 5)\ny = linear(a, 2, bias=false)\n"
                           "output y\n");
    const given t[] = {
        {"p.weight", 2, {5, 3}, 0}, {"p.bias", 1, {5}, 0}, {"q.weight", 2, {2, 6}, 0}};
    dg_checkpoint *c = dict_of(t, 3);
    dg_graph_hash(dg_model_graph(m), before);
    assert_null(read_into(m, c, 0, NULL, &why));
    assert_int_equal(why.code, DG_EDATA);
    assert_string_equal(why.text, "the state dict is not this model's: the model has no place for "
                                  "'q': weight [2, 6]; 'y.linear' takes weight [2, 5]");
    dg_graph_hash(dg_model_graph(m), after);
    assert_string_equal(before, after);
    dg_checkpoint *to;
    const char *const allow[] = {"q.*", "y.*"};
    why = (dg_diag){.code = DG_OK};
    assert_int_equal(
        dg_pytorch_read(dg_model_graph(m), c, &(dg_weights_as){0}, 2, allow, &to, &why), DG_OK);
    assert_int_equal(dg_weights_apply(dg_model_graph(m), to, 2, allow, &why), DG_OK);
    dg_checkpoint_free(to);
    dg_checkpoint_free(c);
    dg_model_free(m);
}

/* What PyTorch has not, and rows of which it cannot be known how they lie. */
static void test_cannot(void **state)
{
    (void)state;
    static const char *const text[][2] = {
        {"input x[N, 4, 3]\ny = gru(x, 2, reset=before)\noutput y\n", "reset=before"},
        {"input x[N, 4, 3]\ny = lstm(x, 2, direction=backward)\noutput y\n", "only goes backward"},
        {"input x[N, 4, 4, 2]\nf = conv(x, 2, 3) | flatten\ny = linear(concat(f, f), 2)\noutput "
         "y\n",
         "flattened and joined"}};
    for (int k = 0; k < 3; k++) {
        dg_diag why;
        dg_model *m = model_of(text[k][0]);
        dg_checkpoint *c = dg_checkpoint_new(), *back = dg_checkpoint_new();
        assert_null(read_into(m, c, 0, NULL, &why));
        assert_non_null(strstr(why.text, text[k][1]));
        why = (dg_diag){.code = DG_OK};
        assert_int_equal(dg_pytorch_write(dg_model_graph(m), NULL, 0, back, &why), DG_EUSAGE);
        dg_checkpoint_free(c);
        dg_checkpoint_free(back);
        dg_model_free(m);
    }
}

/* ---- Whether it is one ----------------------------------------------------------------------- */

static void check_told(const char *text, const given *t, int n, const char *layout, int told)
{
    dg_diag why = {0};
    dg_model *m = model_of(text);
    dg_checkpoint *c = dict_of(t, n);
    const dg_weights_as as = {.layout = layout};
    assert_int_equal(dg_pytorch_told(dg_model_graph(m), c, &as, &why), told);
    assert_int_equal(why.code == DG_OK, told >= 0);
    if (told < 0 && !layout)
        assert_non_null(strstr(why.text, "say --layout pytorch or --layout dagrad"));
    dg_checkpoint_free(c);
    dg_model_free(m);
}

static void test_told(void **state)
{
    (void)state;
    static const char square[] = "input x[N, 4]\ny = linear(x, 4, name=\"fc\")\noutput y\n";
    static const char wide[] = "input x[N, 4]\ny = linear(x, 3, name=\"fc\")\noutput y\n";
    static const char own[] = "input x[N, 4]\ny = linear(x, 4)\noutput y\n";
    const given same[] = {{"fc.weight", 2, {4, 4}, 0}, {"fc.bias", 1, {4}, 0}};
    const given there[] = {{"fc.weight", 2, {3, 4}, 0}, {"fc.bias", 1, {3}, 0}};
    const given here[] = {{"fc.weight", 2, {4, 3}, 0}, {"fc.bias", 1, {3}, 0}};
    const given ours[] = {{"y.linear.weight", 2, {4, 4}, 0}, {"y.linear.bias", 1, {4}, 0}};
    check_told(square, same, 2, NULL, -1);
    check_told(square, same, 2, "pytorch", 1);
    check_told(square, same, 2, "dagrad", 0);
    check_told(square, same, 2, "jax", -1);
    check_told(wide, there, 2, NULL, 1);
    check_told(wide, here, 2, NULL, 0);
    check_told(own, ours, 2, NULL, 0);
    check_told(own, same, 2, NULL, 1);
    static const char alone[] = "parameter w[3] = zeros\ninput x[N, 4]\ny = linear(x, 3) + w\n"
                                "output y\n";
    const given few[] = {{"w", 1, {3}, 0}}, all[] = {{"w", 1, {3}, 0}, {"fc.weight", 2, {3, 4}, 0}};
    check_told(alone, few, 1, NULL, 0);
    check_told(alone, all, 2, NULL, 1);
}

/* Types that are converted are said, and whole numbers that no module learns are left out. */
static void test_types(void **state)
{
    (void)state;
    char folder[64], path[200];
    dg_text file = dg_text_make(NULL);
    dg_checkpoint *c;
    dg_diag why = {0};
    io_safetensors(
        "{\"n.num_batches_tracked\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
        "\"ids\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[8,16]},"
        "\"fc.bias\":{\"dtype\":\"BF16\",\"shape\":[3],\"data_offsets\":[16,22]},"
        "\"fc.weight\":{\"dtype\":\"F16\",\"shape\":[3,4],\"data_offsets\":[22,46]}}",
        46, &file);
    io_folder_make(folder);
    io_write(io_path(folder, "w.safetensors", path), file.data, file.length);
    assert_int_equal(dg_checkpoint_load(&c, path, 0, &why), DG_OK);
    dg_model *m = model_of("input x[N, 4]\ny = linear(x, 3)\noutput y\n");
    dg_checkpoint *to = read_into(m, c, 0, NULL, &why);
    assert_non_null(to);
    assert_non_null(strstr(said, "left out: 'ids' [1] of whole numbers"));
    assert_non_null(strstr(said, "1 tensor of F16 converted"));
    assert_non_null(strstr(said, "1 tensor of BF16 converted"));
    assert_null(strstr(said, "tracked"));
    dg_checkpoint_free(to);
    dg_checkpoint_free(c);
    dg_model_free(m);
    dg_text_free(&file);
    io_folder_remove(folder);
}

/* Names that would break the note, an order that lies, more tensors than any net, empty ones. */
static void test_hostile(void **state)
{
    (void)state;
    dg_diag why;
    dg_model *m = model_of("input x[N, 4]\ny = linear(x, 3)\noutput y\n");
    const char *const bad[] = {"a\nb.weight", "a=b.weight", "a*.weight"};
    for (int k = 0; k < 3; k++) {
        dg_checkpoint *c = dict_of(&(given){bad[k], 2, {3, 4}, 0}, 1);
        assert_null(read_into(m, c, 0, NULL, &why));
        assert_non_null(strstr(why.text, "is no name of a tensor of PyTorch"));
        dg_checkpoint_free(c);
    }
    const given odd[] = {{"", 0, {0}, 0},
                         {".", 1, {0}, 0},
                         {".weight", 2, {0, 4}, 0},
                         {"weight_ih_l", 1, {1}, 0},
                         {"in_proj_", 1, {1}, 0}};
    dg_checkpoint *c = dict_of(odd, 5);
    dg_checkpoint_note(c, "order", "\n\n.weight\nnothing\n.weight");
    assert_null(read_into(m, c, 0, NULL, &why));
    assert_int_equal(why.code, DG_EDATA);
    dg_checkpoint_free(c);
    char name[16];
    c = dg_checkpoint_new();
    for (int k = 0; k <= 20000; k++) {
        float x = 0;
        dg_format(name, sizeof name, "%d.bias", k);
        dg_checkpoint_add(c, name, &(dg_tensor){DG_F32, {.rank = 0}, &x, sizeof x});
    }
    assert_null(read_into(m, c, 0, NULL, &why));
    assert_string_equal(why.text, "20001 tensors; a state dict of at most 20000 is read");
    dg_checkpoint_free(c);
    dg_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products),   cmocka_unit_test(test_series),
        cmocka_unit_test(test_norms),      cmocka_unit_test(test_recurrent),
        cmocka_unit_test(test_attention),  cmocka_unit_test(test_flattened),
        cmocka_unit_test(test_plain_rows), cmocka_unit_test(test_match),
        cmocka_unit_test(test_maps),       cmocka_unit_test(test_mismatch),
        cmocka_unit_test(test_cannot),     cmocka_unit_test(test_told),
        cmocka_unit_test(test_types),      cmocka_unit_test(test_hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
