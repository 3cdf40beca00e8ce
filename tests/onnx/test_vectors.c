/* Files of others: outputs and every gradient beside vectors that nobody here made (PyTorch in
 * f64), and which of their tensors are trained. tests/onnx/data: ocr-direction is a trained net of
 * PaddleOCR (Apache-2.0), the others were exported by PyTorch; chargpt17 has attention, gelu and
 * masks taken apart, chargpt23 has them as operators; pitch is Spotify's Basic Pitch (Apache-2.0),
 * written by tf2onnx. Its vectors are f32, and its logarithm amplifies what f32 rounds: PyTorch in
 * f32 is 1.0e-2 off, at the bias before it. Five of its parameters are fixed filters, which the
 * file does not tell from trained ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "onnx/onnx_tools.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *name;
    int batchnorm;        /* as dg_onnx_options */
    int transposes;       /* that are left */
    double factor;        /* of the inputs where f32 is looked at */
    double exact, narrow; /* how far f64 and f32 may be off */
} vector_file;

static const vector_file nets[] = {
    {"lenet", 0, 0, 1, 1e-11, 1e-5},     {"dncnn-folded", 0, 0, 1, 1e-11, 1e-5},
    {"mobilenet", 1, 0, 1, 1e-11, 1e-5}, {"ocr-direction", 0, 0, 0.5, 1e-11, 1e-5},
    {"chargpt17", 0, 0, 1, 1e-11, 1e-5}, {"chargpt23", 0, 0, 1, 1e-11, 1e-5},
    {"norms", 0, 0, 1, 1e-11, 1e-5},     {"bow", 0, 0, 1, 1e-11, 1e-5},
    {"lstm", 0, 0, 1, 1e-11, 1e-5},      {"gru", 0, 0, 1, 1e-11, 1e-5},
    {"unet", 1, 0, 1, 1e-11, 1e-5},      {"pitch", 0, 0, 1, 1e-6, 1e-2}};

enum { NETS = (int)(sizeof nets / sizeof *nets) };

static void test_f64(void **state)
{
    (void)state;
    for (int i = 0; i < NETS; i++) {
        onnx_run r;
        dg_onnx_options o = {.batchnorm = nets[i].batchnorm};
        onnx_run_open(&r, nets[i].name, &o, DG_F64, -1);
        double outputs = onnx_run_outputs(&r, ""), gradients = onnx_run_gradients(&r, "");
        print_message("%s: outputs %.1e, gradients %.1e\n", nets[i].name, outputs, gradients);
        assert_true(outputs <= nets[i].exact);
        assert_true(gradients <= nets[i].exact);
        onnx_run_close(&r);
    }
}

/* Batch norm in training, as these files say: statistics of the batch, and what they make of the
 * running ones in a step, as ONNX defines it. */
static void test_training(void **state)
{
    (void)state;
    static const char *const trained[] = {"mobilenet", "unet"};
    for (int i = 0; i < 2; i++) {
        onnx_run r;
        onnx_run_open(&r, trained[i], NULL, DG_F64, 1);
        double outputs = onnx_run_outputs(&r, "train/");
        double gradients = onnx_run_gradients(&r, "train/"), states = onnx_run_states(&r);
        print_message("%s in training: outputs %.1e, gradients %.1e, states %.1e\n", trained[i],
                      outputs, gradients, states);
        assert_true(outputs <= 1e-11);
        assert_true(gradients <= 1e-11);
        assert_true(states <= 1e-11);
        onnx_run_close(&r);
    }
}

/* The gradients in f32 against those in f64, at a point beside that of the vectors. */
static double narrow_beside(onnx_run *r, const vector_file *n, const dg_onnx_options *o)
{
    onnx_run exact;
    onnx_run_open(&exact, n->name, o, DG_F64, -1);
    onnx_run_at(r, n->factor);
    onnx_run_at(&exact, n->factor);
    double gradients = onnx_run_between(r, &exact);
    onnx_run_close(&exact);
    return gradients;
}

/* At the point of the vectors two elements of a window of ocr-direction are nearer to each other
 * than f32 tells apart, and the gradient jumps where they are equal: it is looked at beside. */
static void test_f32(void **state)
{
    (void)state;
    for (int i = 0; i < NETS; i++) {
        onnx_run r;
        dg_onnx_options o = {.batchnorm = nets[i].batchnorm};
        onnx_run_open(&r, nets[i].name, &o, DG_F32, -1);
        double outputs = onnx_run_outputs(&r, "");
        double gradients =
            nets[i].factor == 1 ? onnx_run_gradients(&r, "") : narrow_beside(&r, &nets[i], &o);
        print_message("%s: outputs %.1e, gradients %.1e\n", nets[i].name, outputs, gradients);
        assert_true(outputs <= nets[i].narrow);
        assert_true(gradients <= nets[i].narrow);
        onnx_run_close(&r);
    }
}

/* Whether an entry of this kind comes from a tensor of the file. */
static int is_kind(const dg_onnx *net, const char *source, dg_onnx_kind kind)
{
    for (int i = 0; i < net->n_entries; i++) {
        const dg_onnx_entry *e = &net->entries[i];
        if (e->kind == kind && e->source && strcmp(e->source, source) == 0)
            return 1;
    }
    return 0;
}

/* Tensors of the file that are of this kind, or parts of them. */
static int count_kind(const dg_onnx *net, dg_onnx_kind kind)
{
    int n = 0;
    for (int i = 0; i < net->n_entries; i++) {
        const dg_onnx_entry *e = &net->entries[i];
        int seen = e->kind != kind;
        for (int k = 0; k < i && !seen; k++)
            seen = net->entries[k].kind == kind && e->source && net->entries[k].source &&
                   strcmp(net->entries[k].source, e->source) == 0;
        n += !seen;
    }
    return n;
}

/* Each line of NAME.roles: "parameter c1.weight". Whether that is what the net has. */
static int roles_fit(const vector_file *n, const dg_onnx *net)
{
    char path[512], file[128], kind[32], source[512];
    int parameters = 0, states = 0, fit = 1;
    snprintf(file, sizeof file, "%s.roles", n->name);
    FILE *f = fopen(onnx_file(file, path), "r");
    assert_non_null(f);
    while (fscanf(f, "%31s %511s", kind, source) == 2) {
        int trained = strcmp(kind, "parameter") == 0, moved = strcmp(kind, "state") == 0;
        fit &= is_kind(net, source, DG_ONNX_PARAMETER) == trained;
        fit &= !moved || is_kind(net, source, DG_ONNX_STATE);
        parameters += trained;
        states += moved;
    }
    fclose(f);
    assert_true(parameters > 0);
    return fit && count_kind(net, DG_ONNX_PARAMETER) == parameters &&
           count_kind(net, DG_ONNX_STATE) == states;
}

static dg_onnx *read_net(const vector_file *n)
{
    char path[512], file[128];
    dg_onnx_options o = {.batchnorm = n->batchnorm};
    snprintf(file, sizeof file, "%s.onnx", n->name);
    dg_onnx *net = dg_onnx_read(onnx_file(file, path), &o, NULL);
    assert_non_null(net);
    return net;
}

/* A constant that is trained, and a parameter that is not, would be seen. */
static void test_wrong_roles(void **state)
{
    (void)state;
    const vector_file ocr = nets[3];
    dg_onnx *net = read_net(&ocr);
    for (int i = 0; i < net->n_entries; i++) {
        dg_onnx_entry *e = &net->entries[i];
        dg_onnx_kind was = e->kind;
        e->kind = was == DG_ONNX_CONSTANT ? DG_ONNX_PARAMETER : DG_ONNX_CONSTANT;
        assert_false(roles_fit(&ocr, net));
        e->kind = was;
    }
    assert_true(roles_fit(&ocr, net));
    dg_onnx_free(net);
}

static void test_roles(void **state)
{
    (void)state;
    for (int i = 0; i < NETS; i++) {
        dg_onnx *net = read_net(&nets[i]);
        if (!roles_fit(&nets[i], net))
            fail_msg("%s: roles", nets[i].name);
        assert_int_equal(net->transposes, nets[i].transposes);
        dg_onnx_free(net);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_f64), cmocka_unit_test(test_training),
                                       cmocka_unit_test(test_f32), cmocka_unit_test(test_roles),
                                       cmocka_unit_test(test_wrong_roles)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
