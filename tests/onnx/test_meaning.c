/* What operators mean, in small files made here: each result is worked out by hand. And the wrong
 * versions of the importer that the vectors must catch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "graph/graph.h"
#include "onnx/onnx_make.h"
#include "onnx/onnx_tools.h"
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static dg_onnx *made(const char *lines)
{
    dg_diag why = {0};
    dg_text t = onnx_make(lines);
    dg_onnx *n = dg_onnx_read_memory(t.data, t.length, "made.onnx", NULL, &why);
    dg_text_free(&t);
    if (!n)
        fail_msg("%s", why.text);
    return n;
}

static void refused(const char *lines, const char *says)
{
    dg_diag why = {0};
    dg_text t = onnx_make(lines);
    dg_onnx *n = dg_onnx_read_memory(t.data, t.length, "made.onnx", NULL, &why);
    dg_text_free(&t);
    assert_null(n);
    if (!strstr(why.text, says))
        fail_msg("'%s' does not say '%s'", why.text, says);
}

/* The first output of a file for one row of its first input, both as they are in the model. */
static void run(const char *lines, const double *in, int n_in, double *out, int n_out)
{
    dg_onnx *net = made(lines);
    dg_experiment_options eo = {.path = "made.dag",
                                .text = net->text,
                                .tensors = net->tensors,
                                .without_data = 1,
                                .real = DG_F64,
                                .real_given = 1};
    dg_experiment *e = dg_experiment_open(&eo);
    if (dg_experiment_status(e) != DG_OK)
        fail_msg("%s", net->text);
    dg_options o = dg_options_default(DG_RUN_INFER, 1);
    dg_program *p = dg_compile(e->model->graph, &o);
    dg_shape shape = net->inputs[0].shape;
    shape.dim[0] = 1;
    assert_int_equal(dg_shape_count(&shape), n_in);
    dg_tensor x = {DG_F64, shape, (void *)(uintptr_t)in, (size_t)n_in * sizeof *in};
    assert_int_equal(dg_set(p, dg_value_find(e->model->graph, net->inputs[0].name), DG_VALUE, &x),
                     DG_OK);
    assert_int_equal(dg_forward(p, NULL), DG_OK);
    dg_tensor y = {0};
    assert_int_equal(dg_get(p, dg_graph_output(e->model->graph, 0, NULL), DG_VALUE, &y), DG_OK);
    assert_int_equal(dg_shape_count(&y.shape), n_out);
    y.data = out;
    dg_get(p, dg_graph_output(e->model->graph, 0, NULL), DG_VALUE, &y);
    dg_program_free(p);
    dg_experiment_free(e);
    dg_onnx_free(net);
}

static void near(double a, double b)
{
    if (!(fabs(a - b) <= 1e-12))
        fail_msg("%.17g is not %.17g", a, b);
}

/* ---- Versions of operators ------------------------------------------------------------------- */

/* Before opset 13 softmax is over all axes from 1 on, as one. */
static void test_softmax(void **state)
{
    (void)state;
    const double x[4] = {0, log(2), log(3), log(4)};
    double y[4];
    run("opset 11\ninput x N,2,2\nnode Softmax x -> y\noutput y\n", x, 4, y, 4);
    for (int i = 0; i < 4; i++)
        near(y[i], (i + 1) / 10.0);
    run("opset 13\ninput x N,2,2\nnode Softmax x -> y\noutput y\n", x, 4, y, 4);
    near(y[1], 2.0 / 3);
    near(y[3], 4.0 / 7);
}

/* A batch that the file fixes is free in the model, also where a shape repeats it. */
static void test_fixed_batch(void **state)
{
    (void)state;
    const double x[6] = {1, 2, 3, 4, 5, 6};
    double y[6];
    run("input x 1,2,3\nints s 2 = 1 6\nfloats w 6,1 = 1 10 100 1000 10000 100000\n"
        "node Reshape x,s -> f\nnode MatMul f,w -> y\noutput y\n",
        x, 6, y, 1);
    near(y[0], 654321);
}

/* Transposes cancel: none is written. */
static void test_transposes(void **state)
{
    (void)state;
    dg_onnx *n = made("input x N,4,3\nnode Transpose x -> a perm=i0,2,1\nnode Relu a -> b\n"
                      "node Transpose b -> y perm=i0,2,1\noutput y\n");
    assert_int_equal(n->transposes, 0);
    dg_onnx_free(n);
    n = made("input x T,N,3\nfloats w 3,2 = 1 2 3 4 5 6\nnode Transpose x -> a perm=i1,0,2\n"
             "node MatMul a,w -> b\nnode Transpose b -> y perm=i1,0,2\noutput y\n");
    assert_int_equal(n->transposes, 0);
    dg_onnx_free(n);
}

/* Flatten of a picture before a layer: the rows of its weight follow the picture. */
static void test_flatten(void **state)
{
    (void)state;
    /* [N, 2, 1, 2] of the file is [N, 1, 2, 2] of the model, since it goes through a pooling */
    const double x[4] = {1, 3, 2, 4}; /* channel 0: 1 2, channel 1: 3 4 */
    double y[1];
    run("input x N,2,1,2\nfloats w 1,4 = 1 10 100 1000\n"
        "node MaxPool x -> a kernel_shape=i1,1\nnode Flatten a -> f\n"
        "node Gemm f,w -> y transB=1\noutput y\n",
        x, 4, y, 1);
    near(y[0], 4321);
}

/* Pooling that counts its padding, and one that does not. */
static void test_padding_counts(void **state)
{
    (void)state;
    const double x[2] = {4, 8};
    double y[3];
    run("input x N,1,1,2\nnode AveragePool x -> y kernel_shape=i1,2 pads=i0,1,0,1 "
        "count_include_pad=1\noutput y\n",
        x, 2, y, 3);
    near(y[0], 2);
    near(y[1], 6);
    near(y[2], 4);
    run("input x N,1,1,2\nnode AveragePool x -> y kernel_shape=i1,2 pads=i0,1,0,1\noutput y\n", x,
        2, y, 3);
    near(y[0], 4);
    near(y[2], 8);
}

/* Elements by a list of indices, an array repeated, channels as pixels. */
static void test_moves(void **state)
{
    (void)state;
    static const double x[8] = {0, 1, 2, 3, 4, 5, 6, 7}, blocks[8] = {0, 2, 4, 6, 1, 3, 5, 7};
    double y[8];
    run("input x N,3\nints i 3 = 2 0 0\nnode Gather x,i -> y axis=1\noutput y\n", x + 1, 3, y, 3);
    near(y[0], 3);
    near(y[1], 1);
    near(y[2], 1);
    run("input x N,2\nints i 2 = 1 2\nnode Tile x,i -> y\noutput y\n", x + 1, 2, y, 4);
    near(y[2], 1);
    near(y[3], 2);
    run("input x N,8,1,1\nnode DepthToSpace x -> p blocksize=2\nnode Flatten p -> y\noutput y\n", x,
        8, y, 8);
    for (int i = 0; i < 8; i++)
        near(y[i], blocks[i]);
    run("input x N,8,1,1\nnode DepthToSpace x -> p blocksize=2 mode=sCRD\n"
        "node SpaceToDepth p -> d blocksize=2\nnode Flatten d -> y\noutput y\n",
        x, 8, y, 8);
    for (int i = 0; i < 8; i++)
        near(y[i], i % 2 * 4 + i / 2);
}

/* Before opset 7 `axis` says which axes the second operand has; PRelu has a number a channel. */
static void test_old_stretching(void **state)
{
    (void)state;
    const double x[4] = {1, 2, 3, 4}, minus[4] = {-1, -2, -3, -4};
    double y[4];
    run("opset 6\ninput x N,2,2\nfloats b 2 = 10 20\n"
        "node Add x,b -> y broadcast=1 axis=1\noutput y\n",
        x, 4, y, 4);
    near(y[1], 12);
    near(y[2], 23);
    run("opset 6\ninput x N,2,2\nfloats b 2 = 10 20\nnode PRelu x,b -> y\noutput y\n", minus, 4, y,
        4);
    near(y[1], -20);
    near(y[2], -60);
    run("opset 7\ninput x N,2,2\nfloats b 2 = 10 20\nnode PRelu x,b -> y\noutput y\n", minus, 4, y,
        4);
    near(y[1], -40);
    near(y[2], -30);
}

/* Pieces as a sequence, of which one is taken; nothing else takes a sequence. */
static void test_sequences(void **state)
{
    (void)state;
    static const char head[] = "input x N,5\nints two - = 2\nints last - = -1\nints k 2 = 1 4\n";
    const double x[5] = {1, 2, 3, 4, 5};
    char lines[512];
    double y[4];
    snprintf(lines, sizeof lines,
             "%snode SplitToSequence x,two -> s axis=1\nnode SequenceAt s,last -> y\noutput y\n",
             head);
    run(lines, x, 5, y, 1);
    near(y[0], 5);
    snprintf(lines, sizeof lines,
             "%snode SplitToSequence x,k -> s axis=1\nnode SequenceAt s,last -> y\noutput y\n",
             head);
    run(lines, x, 5, y, 4);
    near(y[0], 2);
    snprintf(lines, sizeof lines,
             "%snode SplitToSequence x,k -> s axis=1\nnode Relu s -> y\noutput y\n", head);
    refused(lines, "Relu of a sequence, or of what is none");
    snprintf(lines, sizeof lines, "%snode SplitToSequence x,k -> s axis=1\noutput s\n", head);
    refused(lines, "output 's' is a sequence");
    snprintf(lines, sizeof lines, "%snode SequenceAt x,last -> y\noutput y\n", head);
    refused(lines, "SequenceAt of a sequence, or of what is none");
}

/* A free axis that is called as batches are is the batch, wherever it is. */
static void test_named_batch(void **state)
{
    (void)state;
    dg_onnx *n =
        made("input x 4,N,3\nfloats w 3,2 = 1 2 3 4 5 6\nnode MatMul x,w -> y\noutput y\n");
    assert_non_null(strstr(n->text, "input x[N, 4, 3]"));
    assert_int_equal(n->transposes, 0);
    dg_onnx_free(n);
}

/* A constant that becomes like a value is one: the square root of 9 is written as 3. */
static void test_cast_like(void **state)
{
    (void)state;
    const double x[2] = {1, 2};
    double y[2];
    run("input x N,2\nints k - = 9\nnode CastLike k,x -> f\nnode Sqrt f -> s\n"
        "node Mul x,s -> y\noutput y\n",
        x, 2, y, 2);
    near(y[0], 3);
    near(y[1], 6);
}

/* The size of the result decides what a transposed convolution cuts off. */
static void test_shaped_spread(void **state)
{
    (void)state;
    const double x[2] = {1, 10};
    double y[4];
    run("input x N,1,2\nfloats w 1,1,3 = 1 2 3\n"
        "node ConvTranspose x,w -> y strides=i2 auto_pad=sSAME_UPPER\noutput y\n",
        x, 2, y, 4);
    near(y[0], 1); /* of 1 2 3+10 20 30 the last goes */
    near(y[2], 13);
    near(y[3], 20);
}

/* Softmax(2 q k^t) v in pieces, masked or not: one node; along another axis it stays what it is. */
static void test_attention(void **state)
{
    (void)state;
    static const char head[] = "opset 17\ninput x N,2,3\nfloats s - = 2\nfloats low - = -3e38\n"
                               "ints m 2,2 = 0 1 0 0\nnode Cast m -> b to=9\n"
                               "node Split x -> q,k,v axis=2\nnode Transpose k -> t perm=i0,2,1\n"
                               "node MatMul q,t -> a\nnode Mul a,s -> c\n";
    static const char masked[] = "node Where b,low,c -> d\nnode Softmax d -> p axis=-1\n"
                                 "node MatMul p,v -> y\noutput y\n";
    static const char plain[] = "node Softmax c -> p axis=1\nnode MatMul p,v -> y\noutput y\n";
    const double x[6] = {7, 0, 4, 0.5, log(3), 8}; /* q k v of two places */
    char lines[1024];
    double y[2];
    snprintf(lines, sizeof lines, "%s%s", head, masked);
    dg_onnx *n = made(lines);
    assert_non_null(strstr(n->text, "attention("));
    assert_non_null(strstr(n->text, "causal=true, scale=2"));
    dg_onnx_free(n);
    run(lines, x, 6, y, 2);
    near(y[0], 4);
    near(y[1], 7);
    snprintf(lines, sizeof lines, "%s%s", head, plain);
    n = made(lines);
    assert_null(strstr(n->text, "attention("));
    dg_onnx_free(n);
}

/* ---- Roles ----------------------------------------------------------------------------------- */

static int parameters(const dg_onnx *n)
{
    int k = 0;
    for (int i = 0; i < n->n_entries; i++)
        k += n->entries[i].kind == DG_ONNX_PARAMETER;
    return k;
}

/* Zero biases that an exporter merged are two; one weight in two layers is one; an Identity that
 * it left is a parameter of its own. */
static void test_ties(void **state)
{
    (void)state;
    dg_onnx *n = made("input x N,2\nfloats w 2,2 = 1 2 3 4\nfloats v 2,2 = 5 6 7 8\n"
                      "floats b 2 = 0 0\nnode Gemm x,w,b -> h\nnode Gemm h,v,b -> y\noutput y\n");
    assert_int_equal(parameters(n), 4);
    assert_int_equal(n->untied, 2);
    dg_onnx_free(n);
    n = made("input x N,2\nfloats w 2,2 = 1 2 3 4\nfloats b 2 = 1 2\n"
             "node Gemm x,w,b -> h\nnode Gemm h,w,b -> y\noutput y\n");
    assert_int_equal(parameters(n), 2);
    assert_int_equal(n->twins, 2);
    dg_onnx_free(n);
    n = made("input x N,2\nfloats w 2,2 = 1 2 3 4\nnode Identity w -> v\n"
             "node MatMul x,w -> h\nnode MatMul h,v -> y\noutput y\n");
    assert_int_equal(parameters(n), 2);
    dg_onnx_free(n);
    n = made("input x N,2\nfloats w 2,2 = 1 2 3 4\nnode Transpose w -> v perm=i1,0\n"
             "node MatMul x,w -> h\nnode MatMul h,v -> y\noutput y\n");
    assert_int_equal(parameters(n), 1); /* as an embedding and its head */
    dg_onnx_free(n);
}

/* Masks and single numbers are no parameters. */
static void test_constants(void **state)
{
    (void)state;
    dg_onnx *n = made("input x N,2\nfloats m 2 = 0 -3e38\nfloats s - = 2\nfloats b 2 = 1 2\n"
                      "node Add x,m -> a\nnode Mul a,s -> c\nnode Add c,b -> y\noutput y\n");
    assert_int_equal(parameters(n), 1);
    dg_onnx_free(n);
}

/* All that is missing is told at once, with its count. */
static void test_missing(void **state)
{
    (void)state;
    refused("input x N,2\nnode Foo x -> a\nnode Bar a -> b\nnode Foo b -> c\nnode Relu c -> y\n"
            "output y\n",
            "these operators are not read here: Foo (2 times), Bar");
    refused("input x N,4,3\nnode Transpose x -> a perm=i1,0,2\nfloats w 4,4,3 = 1\n"
            "node Softmax a -> y axis=1\noutput y\n",
            "tensor 'w' of 48 elements");
    refused("input x N,2\nnode Softmax x -> y axis=0\noutput y\n", "along the batch");
    refused("input x N,2\ninput t N,2\nnode SoftmaxCrossEntropyLoss x,t -> y\noutput y\n",
            "is a loss: a model states its own");
    refused("input x 3,2\nints s 2 = 3 4\nnode Reshape x,s -> y\noutput y\n",
            "the file fixes the batch at 3, and not all of it fits another one");
}

/* Batch norms that an exporter folded away are counted: by its notes, by the names it gave. */
static void test_folded(void **state)
{
    (void)state;
    char path[512];
    dg_diag why = {0};
    dg_onnx *n = dg_onnx_read(onnx_file("dncnn-folded.onnx", path), NULL, &why);
    assert_non_null(n);
    assert_int_equal(n->folded, 4);
    dg_onnx_free(n);
    n = made("input x N,1,2,2\nfloats onnx::Conv_9 1,1,1,1 = 3\nfloats w 1,1,1,1 = 2\n"
             "node Conv x,onnx::Conv_9 -> h\nnode Conv h,w -> y\noutput y\n");
    assert_int_equal(n->folded, 1);
    dg_onnx_free(n);
}

/* ---- Wrong importers ------------------------------------------------------------------------- */

typedef void spoil(dg_onnx *n);

static float *numbers(dg_onnx *n, const char *name)
{
    for (int i = 0; i < n->n_entries; i++)
        if (strcmp(n->entries[i].name, name) == 0)
            return n->entries[i].tensor.data;
    fail_msg("no '%s'", name);
    return NULL;
}

/* The rows of f1.weight as the file has them: [60, 16 * 5 * 5] turned, not permuted. */
static void forget_permutation(dg_onnx *n)
{
    float *w = numbers(n, "f1.weight"), *copy = malloc(400 * 60 * sizeof *copy);
    memcpy(copy, w, 400 * 60 * sizeof *copy);
    for (int row = 0; row < 400; row++) { /* row: (y, x, c); its number in the file: (c, y, x) */
        int file = row % 16 * 25 + row / 16;
        memcpy(w + file * 60, copy + row * 60, 60 * sizeof *copy);
    }
    free(copy);
}

static void replace(dg_onnx *n, const char *old, const char *with)
{
    static char *copy; /* the test's own; the last one ends with the process */
    free(copy);
    copy = strdup(n->text);
    char *at = strstr(copy, old);
    assert_non_null(at);
    assert_int_equal(strlen(old), strlen(with));
    memcpy(at, with, strlen(with));
    n->text = copy;
}

static void tie_biases(dg_onnx *n)
{
    replace(n, "bias=net_5_weight_bias", "bias=net_2_weight_bias");
}

/* What another checkpoint has under the name of a weight that was folded: without the scale. */
static void load_by_name(dg_onnx *n)
{
    float *w = numbers(n, "net_2_weight");
    for (int i = 0; i < 3 * 3 * 12 * 12; i++)
        w[i] *= 1.01f;
}

static void swap_axes(dg_onnx *n)
{
    float *w = numbers(n, "c2.weight"), was[6 * 16]; /* two rows of the kernel */
    for (int x = 0; x < 5; x++) {
        memcpy(was, w + x * 96, sizeof was);
        memcpy(w + x * 96, w + (20 + x) * 96, sizeof was);
        memcpy(w + (20 + x) * 96, was, sizeof was);
    }
}

/* Two of the gates of a recurrent layer, in the weights of its input. */
static void swap_gates(float *w, int rows, int columns, int units)
{
    for (int row = 0; row < rows; row++)
        for (int i = 0; i < units; i++) {
            float was = w[row * columns + i];
            w[row * columns + i] = w[row * columns + units + i];
            w[row * columns + units + i] = was;
        }
}

static void swap_lstm_gates(dg_onnx *n)
{
    swap_gates(numbers(n, "onnx_LSTM_351"), 6, 96, 12);
}

static void swap_gru_gates(dg_onnx *n)
{
    swap_gates(numbers(n, "val_29"), 6, 36, 12);
}

/* The running statistics of mobilenet after a step, with PyTorch's momentum for ONNX's. */
static void test_momentum(void **state)
{
    (void)state;
    char path[512];
    onnx_run r;
    dg_onnx *net = dg_onnx_read(onnx_file("mobilenet.onnx", path), NULL, NULL);
    assert_non_null(net);
    replace(net, "momentum=0.8999999761581421", "momentum=0.1000000238418579");
    onnx_run_open_net(&r, "mobilenet", net, DG_F64, 1);
    assert_true(onnx_run_states(&r) > 1e-3);
    onnx_run_close(&r);
}

static void check_mutant(const char *name, spoil *f)
{
    char path[512], file[128];
    onnx_run r;
    snprintf(file, sizeof file, "%s.onnx", name);
    dg_onnx *net = dg_onnx_read(onnx_file(file, path), NULL, NULL);
    assert_non_null(net);
    f(net);
    onnx_run_open_net(&r, name, net, DG_F64, -1);
    double worst = fmax(onnx_run_outputs(&r, ""), onnx_run_gradients(&r, ""));
    assert_true(worst > 1e-3);
    onnx_run_close(&r);
}

static void test_mutants(void **state)
{
    (void)state;
    check_mutant("lenet", forget_permutation);
    check_mutant("lenet", swap_axes);
    check_mutant("dncnn-folded", tie_biases);
    check_mutant("dncnn-folded", load_by_name);
    check_mutant("lstm", swap_lstm_gates);
    check_mutant("gru", swap_gru_gates);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_softmax),        cmocka_unit_test(test_fixed_batch),
        cmocka_unit_test(test_transposes),     cmocka_unit_test(test_flatten),
        cmocka_unit_test(test_padding_counts), cmocka_unit_test(test_moves),
        cmocka_unit_test(test_old_stretching), cmocka_unit_test(test_sequences),
        cmocka_unit_test(test_named_batch),    cmocka_unit_test(test_cast_like),
        cmocka_unit_test(test_shaped_spread),  cmocka_unit_test(test_attention),
        cmocka_unit_test(test_ties),           cmocka_unit_test(test_constants),
        cmocka_unit_test(test_missing),        cmocka_unit_test(test_folded),
        cmocka_unit_test(test_mutants),        cmocka_unit_test(test_momentum)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
