/* Trained numbers written back: nothing else of the file changes, and what does not belong there is
 * refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "onnx/back.h"
#include "onnx/import.h"
#include "onnx/onnx_tools.h"
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static dg_onnx *read_net(const char *name)
{
    char path[512], file[128];
    dg_diag why = {0};
    dg_onnx_options o = {.batchnorm = 1};
    snprintf(file, sizeof file, "%s.onnx", name);
    dg_onnx *n = dg_onnx_read(onnx_file(file, path), &o, &why);
    if (!n)
        fail_msg("%s", why.text);
    return n;
}

/* Parameters and states of a net, their numbers changed. */
static dg_tensors trained(const dg_onnx *n)
{
    dg_tensors t = {.tensor = calloc((size_t)n->n_entries + 1, sizeof *t.tensor)};
    for (int i = 0; i < n->n_entries; i++) {
        const dg_onnx_entry *e = &n->entries[i];
        if (e->kind == DG_ONNX_CONSTANT)
            continue;
        dg_tensor *to = &t.tensor[t.n].tensor;
        t.tensor[t.n++].name = strdup(e->name);
        *to = e->tensor;
        to->data = malloc(to->bytes + 1);
        for (int64_t k = 0; k < dg_shape_count(&to->shape); k++)
            ((float *)to->data)[k] = ((float *)e->tensor.data)[k] * 0.75f + (float)(k % 7);
    }
    return t;
}

static void free_trained(dg_tensors *t)
{
    for (int i = 0; i < t->n; i++) {
        free(t->tensor[i].name);
        free(t->tensor[i].tensor.data);
    }
    free(t->tensor);
}

/* Whether byte i of the file is of a tensor that is trained, or of a state. */
static int is_trained(const dg_onnx *n, const dg_import *m, size_t i)
{
    for (int r = 0; r < m->n_roots; r++) {
        const dg_onnx_tensor *t = m->roots[r]->fixed[0]->tensor;
        size_t at = (size_t)(t->bytes - (const uint8_t *)m->file);
        for (int k = 0; k < n->n_entries && i >= at && i < at + t->size; k++)
            if (n->entries[k].kind != DG_ONNX_CONSTANT && n->entries[k].source &&
                strcmp(n->entries[k].source, m->roots[r]->name) == 0)
                return 1;
    }
    return 0;
}

static void check_net(const char *name)
{
    dg_onnx *n = read_net(name);
    const dg_import *m = n->inside;
    dg_tensors t = trained(n);
    dg_onnx_back back;
    dg_diag why = {0};
    if (dg_onnx_write_back(n, &t, "run", &back, &why) != DG_OK)
        fail_msg("%s", why.text);
    assert_int_equal(back.size, m->file_size);
    assert_true(back.tensors > 0 && back.numbers > 0);
    for (size_t i = 0; i < back.size; i++)
        if (back.bytes[i] != m->file[i] && !is_trained(n, m, i))
            fail_msg("%s: byte %zu changed", name, i);
    dg_onnx_options o = {.batchnorm = 1};
    dg_onnx *again = dg_onnx_read_memory(back.bytes, back.size, name, &o, &why);
    assert_non_null(again);
    assert_int_equal(again->n_entries, n->n_entries);
    for (int i = 0; i < t.n; i++) {
        const dg_tensor *x = dg_tensors_find(again->tensors, t.tensor[i].name);
        assert_non_null(x);
        assert_memory_equal(x->data, t.tensor[i].tensor.data, x->bytes);
    }
    dg_onnx_free(again);
    free(back.bytes);
    free_trained(&t);
    dg_onnx_free(n);
}

static void test_only_numbers_change(void **state)
{
    (void)state;
    check_net("lenet");
    check_net("dncnn-folded");
    check_net("mobilenet");
    check_net("ocr-direction"); /* typed data in Constants */
}

/* Weights that are those of the file leave every byte. */
static void test_nothing_changes(void **state)
{
    (void)state;
    dg_onnx *n = read_net("lenet");
    const dg_import *m = n->inside;
    dg_onnx_back back;
    assert_int_equal(dg_onnx_write_back(n, n->tensors, "run", &back, NULL), DG_OK);
    assert_memory_equal(back.bytes, m->file, m->file_size);
    assert_int_equal(back.tensors, 0);
    free(back.bytes);
    dg_onnx_free(n);
}

static void refused(const dg_onnx *n, const dg_tensors *t, dg_status code, const char *text)
{
    dg_onnx_back back;
    dg_diag why = {0};
    assert_int_equal(dg_onnx_write_back(n, t, "run", &back, &why), code);
    assert_null(back.bytes);
    if (!strstr(why.text, text))
        fail_msg("'%s' does not say '%s'", why.text, text);
}

static void test_refusals(void **state)
{
    (void)state;
    dg_onnx *n = read_net("lenet");
    dg_tensors t = trained(n);
    float *data = t.tensor[0].tensor.data, was = data[3];
    data[3] = NAN;
    refused(n, &t, DG_EFINITE, "element 3 of 'c1.weight' is not finite");
    data[3] = was;
    t.n--;
    refused(n, &t, DG_EUSAGE, "run has no 'f3.bias'");
    t.n++;
    t.tensor[1].tensor.shape.dim[0] = 5;
    refused(n, &t, DG_EUSAGE, "'c1.bias' of run is [5], of the file [6]");
    t.tensor[1].tensor.shape.dim[0] = 6;
    free(t.tensor[2].name);
    t.tensor[2].name = strdup("head.weight");
    refused(n, &t, DG_EUSAGE, "run has 'head.weight', which the file has not");
    free_trained(&t);
    dg_onnx_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_only_numbers_change),
                                       cmocka_unit_test(test_nothing_changes),
                                       cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
