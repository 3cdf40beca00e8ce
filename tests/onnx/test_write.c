/* A graph as an ONNX file: read again it is the same network, with the same names, weights, results
 * and gradients. Every example, and nodes that none of them has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "graph/graph.h"
#include "onnx/write.h"
#include "train/experiment.h"
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 3, MOST = 1 << 16 };

/* ---- Models ---------------------------------------------------------------------------------- */

/* A file without its data and train blocks. */
static char *model_text(const char *path)
{
    char *text = calloc(MOST, 1), line[512];
    FILE *f = fopen(path, "rb");
    int depth = 0;
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        int block = strncmp(line, "data ", 5) == 0 || strncmp(line, "train ", 6) == 0;
        int was = depth;
        for (const char *p = line; (block || depth) && *p; p++)
            depth += (*p == '{') - (*p == '}');
        if (!block && !was && strncmp(line, "metric", 6) != 0 && line[0] != ' ')
            strcat(text, line);
        else if (!block && !was)
            strcat(text, line[0] == ' ' ? line : "\n");
    }
    fclose(f);
    return text;
}

static dg_experiment *open_text(const char *text, const dg_tensors *t, int64_t size, dg_type real)
{
    dg_experiment_options o = {.path = "net.dag",
                               .text = text,
                               .tensors = t,
                               .without_data = 1,
                               .size = size,
                               .real = real,
                               .real_given = 1};
    dg_experiment *e = dg_experiment_open(&o);
    dg_text why = dg_text_make(NULL);
    assert_non_null(e);
    dg_diags_text(&e->model->diags, &why, false);
    if (dg_experiment_status(e) != DG_OK)
        fail_msg("%s\n%s", why.data, text);
    dg_text_free(&why);
    return e;
}

/* Lines of the first text that begin so. */
static void add_lines(dg_text *to, const char *from, const char *begin)
{
    for (const char *at = from; *at;) {
        size_t n = strcspn(at, "\n");
        if (strncmp(at, begin, strlen(begin)) == 0) {
            dg_text_add_bytes(to, at, n);
            dg_text_add(to, "\n");
        }
        at += n + (at[n] != 0);
    }
}

/* ---- Points ---------------------------------------------------------------------------------- */

/* Numbers by name, so that both networks get the same. */
static void fill(dg_program *p, const dg_port *port)
{
    dg_tensor t = {.type = port->type, .shape = port->shape};
    t.shape.dim[0] = ROWS;
    int64_t n = dg_shape_count(&t.shape), limit = dg_label_limit(p, port->value);
    t.bytes = (size_t)n * dg_type_bytes(t.type);
    t.data = calloc(1, t.bytes + 1);
    for (int64_t i = 0; i < n; i++) {
        uint32_t x = (uint32_t)(i * 2654435761u + (unsigned char)port->name[0] * 40503u) >> 8;
        if (t.type == DG_I32)
            ((int32_t *)t.data)[i] = (int32_t)(x % (limit > 0 ? limit : 2));
        else
            ((float *)t.data)[i] = (float)(x % 4001) / 2000 - 1;
    }
    if (dg_set(p, port->value, DG_VALUE, &t) != DG_OK)
        fail_msg("%s cannot be set", port->name);
    free(t.data);
}

static dg_program *run(dg_experiment *e)
{
    dg_diag why = {0};
    dg_options o = dg_program_options(e, DG_RUN_GRADIENT, ROWS);
    o.training = 0;
    o.threads = 1;
    dg_program *p = dg_compile(e->model->graph, &o);
    assert_non_null(p);
    if (dg_program_status(p, &why) != DG_OK)
        fail_msg("%s", why.text);
    for (int i = 0; i < e->model->n_ports; i++)
        fill(p, &e->model->ports[i]);
    if (dg_forward(p, &(dg_batch){.size = sizeof(dg_batch), .rows = ROWS}) != DG_OK ||
        dg_adjoint(p, NULL, 0) != DG_OK) {
        dg_program_status(p, &why);
        fail_msg("%s", why.text);
    }
    return p;
}

static double *get(dg_program *p, dg_value v, dg_part part, int64_t *n)
{
    dg_tensor t = {0};
    assert_int_equal(dg_get(p, v, part, &t), DG_OK);
    *n = dg_shape_count(&t.shape);
    double *x = calloc((size_t)*n + 1, sizeof *x);
    t.data = calloc(1, t.bytes + 1);
    assert_int_equal(dg_get(p, v, part, &t), DG_OK);
    for (int64_t i = 0; i < *n; i++)
        x[i] = t.type == DG_F32 ? (double)((float *)t.data)[i] : ((double *)t.data)[i];
    free(t.data);
    return x;
}

/* || a - b || / || a || */
static double distance(dg_program *p, dg_value a, dg_program *q, dg_value b, dg_part part)
{
    int64_t n = 0, m = 0;
    double off = 0, all = 0, *x = get(p, a, part, &n), *y = get(q, b, part, &m);
    assert_int_equal(n, m);
    for (int64_t i = 0; i < n; i++) {
        off += (x[i] - y[i]) * (x[i] - y[i]);
        all += x[i] * x[i];
    }
    free(x);
    free(y);
    return sqrt(off) / (sqrt(all) + 1e-300);
}

/* ---- There and back -------------------------------------------------------------------------- */

static dg_onnx *write_and_read(const dg_graph *g, dg_text *file, int first)
{
    dg_diag why = {0};
    dg_onnx_writing w = {.graph = g, .name = "net", .first = first};
    if (dg_onnx_write(&w, file, &why) != DG_OK)
        fail_msg("write: %s", why.text);
    dg_onnx *net = dg_onnx_read_memory(file->data, file->length, "net.onnx", NULL, &why);
    if (!net)
        fail_msg("read: %s", why.text);
    return net;
}

static void compare(dg_experiment *a, dg_experiment *b, int pictures, double limit)
{
    char hash[2][17];
    const dg_graph *g = a->model->graph, *h = b->model->graph;
    for (int32_t i = 1; i <= g->n_values; i++) {
        const dg_vertex *v = &g->values[i - 1];
        if ((v->kind == DG_PARAMETER || v->kind == DG_STATE) && !dg_value_find(h, v->name).id)
            fail_msg("'%s' is not there any more", v->name);
    }
    dg_graph_hash(g, hash[0]);
    dg_graph_hash(h, hash[1]);
    if (!pictures)
        assert_string_equal(hash[0], hash[1]);
    dg_program *p = run(a), *q = run(b);
    for (int i = 0; i < g->n_outputs; i++) {
        dg_value v = {g->outputs[i].value}, w = dg_graph_output(h, i, NULL);
        assert_true(distance(p, v, q, w, DG_VALUE) < limit);
    }
    for (int32_t i = 1; i <= g->n_values; i++)
        if (g->values[i - 1].kind == DG_PARAMETER) {
            double off =
                distance(p, (dg_value){i}, q, dg_value_find(h, g->values[i - 1].name), DG_GRADIENT);
            if (!(off < limit))
                fail_msg("gradient of %s is %g off", g->values[i - 1].name, off);
        }
    dg_program_free(p);
    dg_program_free(q);
}

/* Attributes are f32 in the file, so epsilon of a norm is 2e-8 off. */
static void check_text(const char *name, const char *text, int first, int pictures)
{
    dg_text file = dg_text_make(NULL), back = dg_text_make(NULL);
    dg_experiment *a = open_text(text, NULL, 16, DG_F32);
    dg_graph_init(a->model->graph, 7);
    dg_onnx *net = write_and_read(a->model->graph, &file, first);
    dg_text_add(&back, net->text);
    add_lines(&back, text, "let");
    add_lines(&back, text, "target");
    add_lines(&back, text, "loss");
    dg_experiment *b = open_text(back.data, net->tensors, 16, DG_F32);
    print_message("%s: %d nodes, %d transposes\n", name, net->nodes, net->transposes);
    compare(a, b, pictures, 2e-5);
    dg_experiment_free(a);
    dg_experiment_free(b);
    dg_onnx_free(net);
    dg_text_free(&file);
    dg_text_free(&back);
}

static void test_examples(void **state)
{
    (void)state;
    static const char *const names[] = {"chain",
                                        "deep100",
                                        "demo",
                                        "digits",
                                        "fashion",
                                        "gru",
                                        "mobile",
                                        "resnet20",
                                        "two",
                                        "text/chargpt",
                                        "text/charlstm",
                                        "demand/demand",
                                        "outliers/outliers",
                                        "penguins/penguins"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/examples/%s.dag", getenv("DAGRAD_SOURCE"), names[i]);
        char *text = model_text(path), *wide = strstr(text, "D = 384");
        if (wide)
            memcpy(wide, "D =  48", 7); /* a smaller one is as good */
        check_text(names[i], text, 0, 0);
        free(text);
    }
}

/* ---- Nodes that no example has --------------------------------------------------------------- */

typedef struct {
    const char *name, *inputs, *text; /* y is what is made of x */
    int pictures;                     /* 1: series are read as pictures of one row */
} piece;

static const char series[] = "input x[N, 6, 4]\n", picture[] = "input x[N, 6, 5, 4]\n",
                  rows[] = "input x[N, 6]\n", ids[] = "input x[N, 6] int\n";

static const piece pieces[] = {
    {"pointwise", rows,
     "y = neg(x) + abs(x) + exp(x) * sin(x) - cos(x) / (square(x) + 1) | elu(alpha=0.5)\n"
     "y = softplus(y) + selu(y) + softsign(y) + hardsigmoid(y) + hardswish(y) + erf(y)\n"
     "y = leaky_relu(y, alpha=0.2) + log(square(x) + 1) + sqrt(square(y) + 2) + silu(x)\n"
     "y = clip(y, min=-3, max=2.5) + gelu(x) + gelu(x, approximate=tanh) + reciprocal(exp(x))\n"},
    {"pairs", rows, "y = maximum(x, 0.5 * x) + minimum(x, 0.25) * pow(square(x) + 1, 1.5)\n"},
    {"truth", rows,
     "y = where(greater(x, 0.1), x, 2 * x) + less(x, 0) + equal(x, x) + not_equal(x, x)\n"},
    {"sums", picture,
     "y = (mean(x, axis=-1, keepdims=true) + x) | max(axis=1, keepdims=true)\n"
     "y = y + sum(x, axis=[1, 2, 3], keepdims=true)\n"},
    {"reductions", picture,
     "z = conv(x, 6, kernel=3)\n"
     "y = concat(max(z, axis=[1, 2]), mean(z, axis=[2, 1]), norm(z, axis=[1, 2]), min(z, axis=[1, "
     "2]),"
     " sum(z, axis=[1, 2]), norm(z, axis=[1, 2], p=1))\n"},
    {"softmax", picture, "y = conv(x, 6, kernel=3) | softmax | log_softmax(axis=1)\n"},
    {"cumsum", series, "y = cumsum(x, axis=1) + cumsum(x, axis=2, exclusive=true, reverse=true)\n"},
    {"pools", picture,
     "y = maxpool(x, 3, stride=2, padding=1) + avgpool(x, [3, 3], stride=2, padding=1)\n"
     "y = y + maxpool(x, 2, stride=2, ceil=true) + avgpool(x, 3, stride=2, padding=1, "
     "include_padding=true)\n"},
    {"conv", picture,
     "y = conv(x, 8, kernel=[3, 2], stride=[2, 1], padding=[1, 0, 2, 1], dilation=[1, 2], "
     "groups=2)\n"
     "y = conv(y, 8, kernel=3, groups=8, bias=false) | conv(5, kernel=1)\n"},
    {"conv of series", series,
     "y = conv(x, 8, kernel=3, stride=2) | maxpool(2) | conv(4, kernel=1)\n", 1},
    {"conv_transpose", picture,
     "y = conv_transpose(x, 6, kernel=3, stride=2) | conv_transpose(4, kernel=2, padding=valid, "
     "groups=2)\n"},
    {"norms", picture,
     "y = conv(x, 8, kernel=3) | batchnorm | groupnorm(4) | relu\n"
     "y = layernorm(y) | rmsnorm | global_avgpool(keepdims=true)\n"},
    {"batchnorm of rows", rows, "y = linear(x, 5) | batchnorm(momentum=0.8, epsilon=1e-3)\n"},
    {"excite", picture,
     "z = conv(x, 8, kernel=3)\n"
     "s = global_avgpool(z, keepdims=true) | conv(2, kernel=1) | relu | conv(8, kernel=1) | "
     "sigmoid\n"
     "parameter scale[8] = uniform(0.5, 1)\n"
     "y = z * s * scale + 0.5 | flatten | linear(3)\n"},
    {"shared flatten", picture,
     "z = conv(x, 3, kernel=3) | flatten | tanh\ny = linear(z, 4) | softmax\n"
     "y = concat(y, z)\n"},
    {"moves", picture,
     "z = conv(x, 6, kernel=3)\n"
     "a, b = split(z, 2)\n"
     "y = concat(a, b, axis=1) | slice(axis=1, start=1, end=-1) | pad([0, 1, 0, 0, 0, 0, 2, 1])\n"
     "y = transpose(y, [0, 2, 1, 3]) | reshape([N, -1])\n"},
    {"unequal pieces", picture,
     "z = conv(x, 6, kernel=3)\na, b = split(z, [2, 4])\n"
     "y = slice(z, axis=1, start=5, end=0, step=-2) | sum(axis=[1, 2])\n"
     "y = concat(y, mean(a, axis=[1, 2]), mean(b, axis=[1, 2]))\n"},
    {"padded", picture,
     "y = pad(x, [0, 1, 2, 0, 0, 2, 1, 0], mode=reflect) | conv(3, kernel=3, padding=valid)\n"
     "y = pad(y, [0, 1, 1, 0, 0, 1, 1, 0], mode=replicate)\n"},
    {"products", rows,
     "a = linear(x, 12) | reshape([N, 3, 4])\n"
     "y = matmul(a, transpose(a, [0, 2, 1])) | flatten\n"},
    {"recurrent", series,
     "y, h = rnn(x, 3, direction=both)\ny = gru(y, 5, reset=before)\ny = lstm(y, 3, "
     "direction=backward)\n"
     "y = concat(flatten(y), flatten(h))\n"},
    {"layers", series,
     "y, h, c = lstm(x, 3, layers=3, direction=both)\n"
     "y = concat(flatten(y), flatten(h), flatten(c)) | linear(2)\n"},
    {"started", series,
     "h = slice(x, axis=1, start=0, end=1)\ny = gru(x, 4, start=h) | rnn(4, start=h)\n"},
    {"texts", ids,
     "z = embedding(x, vocabulary=11, units=8) + position(x, length=9, units=8)\n"
     "q, k, v = linear(z, 24) | split(3)\n"
     "y = attention(q, k, v, heads=2, causal=true) | linear(5)\n"},
};

static void test_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        dg_text t = dg_text_make(NULL);
        dg_text_printf(&t, "%s%soutput y\nloss mean(square(y))\n", pieces[i].inputs,
                       pieces[i].text);
        check_text(pieces[i].name, t.data, 0, pieces[i].pictures);
        dg_text_free(&t);
    }
}

/* Channels first at the door: the same network, and no transpose in it. */
static void test_first(void **state)
{
    (void)state;
    check_text("channels first",
               "input x[N, 6, 5, 4]\ny = conv(x, 3, kernel=3) | relu\noutput y\n"
               "loss mean(square(y))\n",
               1, 0);
}

/* Steps outside of the graph are operators around it: a file that takes raw rows. */
static void test_pipes(void **state)
{
    (void)state;
    static const double half[] = {0.5}, a[] = {2, 4, 8}, b[] = {-1, 0, 1};
    static const char *const names[] = {"H", "W"};
    static const int64_t sizes[] = {6, 8};
    const dg_onnx_stage in[] = {{.kind = DG_STAGE_CROP, .n = 4, .columns = 3},
                                {.kind = DG_STAGE_FILL, .n = 1, .x = half},
                                {.kind = DG_STAGE_MUL, .n = 1, .x = half}};
    const dg_onnx_stage out[] = {{.kind = DG_STAGE_MUL, .n = 3, .x = a},
                                 {.kind = DG_STAGE_ADD, .n = 3, .x = b}};
    const dg_onnx_pipe pipes[] = {{"x", 3, in}, {"y", 2, out}};
    const dg_onnx_options options = {.n_sizes = 2, .size_name = names, .size = sizes};
    dg_diag why = {0};
    dg_text file = dg_text_make(NULL);
    dg_experiment *e =
        open_text("input x[N, 4, 3, 2]\ny = flatten(x) | linear(3)\noutput y\n", NULL, 16, DG_F32);
    dg_graph_init(e->model->graph, 7);
    dg_onnx_writing w = {.graph = e->model->graph, .name = "net", .n_pipes = 2, .pipes = pipes};
    assert_int_equal(dg_onnx_write(&w, &file, &why), DG_OK);
    dg_onnx *net = dg_onnx_read_memory(file.data, file.length, "net.onnx", &options, &why);
    if (!net)
        fail_msg("%s", why.text);
    static const char *const parts[] = {"input x[N, 6, 8, 2]",
                                        "axis=1, start=1, end=5",
                                        "axis=2, start=2, end=5",
                                        "not_equal(",
                                        "where(",
                                        "* 0.5",
                                        "constant factor_2[3]",
                                        "constant offset",
                                        "output y\n"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strstr(net->text, parts[i]))
            fail_msg("no %s in\n%s", parts[i], net->text);
    dg_onnx_free(net);
    dg_experiment_free(e);
    dg_text_free(&file);
}

/* What has no form in ONNX is named, and nothing is written. */
static void test_refused(void **state)
{
    (void)state;
    dg_diag why = {0};
    dg_text file = dg_text_make(NULL);
    dg_experiment *e = open_text("input x[N, 4, 5, 6]\ninput ids[N, 3] int\n"
                                 "y = gather(x, ids, axis=2, rows=true)\noutput y\n",
                                 NULL, 16, DG_F32);
    dg_onnx_writing w = {.graph = e->model->graph, .name = "net"};
    assert_int_equal(dg_onnx_write(&w, &file, &why), DG_EMODEL);
    assert_non_null(strstr(why.text, "'y.gather' (gather) takes row by row along axis 2"));
    assert_int_equal(file.length, 0);
    dg_experiment_free(e);
    dg_text_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples), cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_first),    cmocka_unit_test(test_pipes),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
