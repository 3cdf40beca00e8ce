/* The ONNX project's own cases of operators (Debian: libonnx-testdata, which `make longtest`
 * installs, DAGRAD_LONGTEST, or what $DAGRAD_ONNX_CASES names): each is passed, or refused with a
 * reason; none may fail. longtest: 1 min */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "io/io_tools.h"
#include "onnx/import.h"
#include "onnx/onnx_make.h"
#include "onnx/wire.h"
#include "train/experiment.h"
#include <cmocka.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const folders[] = {"node", "pytorch-operator", "pytorch-converted", "simple"};

enum { PASSED, REFUSED, FAILED, RESULTS };

typedef struct {
    char op[64];
    int n[RESULTS];
} tally;

typedef struct {
    tally by_op[256];
    int n_ops, n[RESULTS];
} totals;

static void count(totals *t, const char *op, int result)
{
    int k = 0;
    while (k < t->n_ops && strcmp(t->by_op[k].op, op) != 0)
        k++;
    if (k == t->n_ops && k < 256)
        snprintf(t->by_op[t->n_ops++].op, sizeof t->by_op[0].op, "%.60s", op);
    t->by_op[k < 256 ? k : 255].n[result]++;
    t->n[result]++;
}

/* ---- Tensors of the cases -------------------------------------------------------------------- */

typedef struct {
    dg_import m;
    dg_text bytes;
    dg_onnx_tensor tensor;
    const dg_onnx_array *array;
} vector;

static void decode(void *work)
{
    vector *v = work;
    const char *wrong = NULL;
    if (dg_onnx_tensor_read(&v->m.heap, v->bytes.data, v->bytes.length, &v->tensor, &wrong))
        v->array = dg_onnx_array_of(&v->m, &v->tensor);
}

/* NULL: there is no such file, or it is no tensor. */
static vector *read_vector(const char *folder, const char *kind, int k)
{
    static const dg_onnx_options none = {0};
    char path[1024];
    struct stat s;
    dg_diag why = {0};
    snprintf(path, sizeof path, "%s/test_data_set_0/%s_%d.pb", folder, kind, k);
    if (stat(path, &s) != 0)
        return NULL;
    vector *v = calloc(1, sizeof *v);
    v->bytes = io_bytes(path);
    v->m.heap.arena = dg_arena_make(NULL);
    v->m.why = &why;
    v->m.path = path;
    v->m.options = &none;
    v->m.most = (size_t)1 << 30;
    dg_heap_try(&v->m.heap, decode, v);
    v->m.why = NULL;
    return v;
}

static void free_vector(vector *v)
{
    if (!v)
        return;
    dg_arena_free(&v->m.heap.arena);
    dg_text_free(&v->bytes);
    free(v);
}

/* Element i of the model's array in the file's. */
static int64_t place(const dg_onnx_side *s, const dg_onnx_array *file, const dg_shape *model,
                     int64_t i)
{
    int64_t stride[DG_MAX_RANK], step = 1, at = 0;
    for (int k = file->rank; k-- > 0; step *= file->dim[k])
        stride[k] = step;
    for (int k = model->rank; k-- > 0; i /= model->dim[k])
        at += i % model->dim[k] * stride[s->axis[k]];
    return at;
}

static int set_input(dg_program *p, dg_experiment *e, const dg_onnx_side *s, const vector *v)
{
    dg_value value = dg_value_find(e->model->graph, s->name);
    dg_value_info info;
    if (!v || !v->array || dg_value_look(e->model->graph, value, &info) != DG_OK)
        return 0;
    dg_array a;
    dg_shape shape = s->shape;
    if (dg_array_make(&a, info.type, &shape, NULL) != DG_OK)
        return 0;
    for (int64_t i = 0; i < dg_shape_count(&shape); i++) {
        double x = dg_onnx_real(v->array, place(s, v->array, &shape, i));
        if (a.type == DG_I32)
            ((int32_t *)a.data)[i] = (int32_t)x;
        else
            ((double *)a.data)[i] = x;
    }
    int good = dg_set(p, value, DG_VALUE, &a) == DG_OK;
    dg_array_free(&a);
    return good;
}

/* Whether an output is the file's, as the ONNX project compares: 1e-3, and 1e-5 beside 0. */
static int same_output(dg_program *p, dg_value value, const dg_onnx_side *s, const vector *v)
{
    dg_array a = {0};
    if (!v || !v->array || dg_get(p, value, DG_VALUE, &a) != DG_OK)
        return 0;
    a.data = malloc(a.bytes + 1);
    dg_get(p, value, DG_VALUE, &a);
    int same = dg_shape_count(&a.shape) == v->array->count && s->rank == v->array->rank;
    for (int64_t i = 0; same && i < v->array->count; i++) {
        double x = dg_tensor_number(&a, i);
        double y = dg_onnx_real(v->array, place(s, v->array, &a.shape, i));
        same = x == y || fabs(x - y) <= 1e-5 + 1e-3 * fabs(y) || (isnan(x) && isnan(y));
    }
    free(a.data);
    return same;
}

/* ---- A case ---------------------------------------------------------------------------------- */

static int run_net(const char *folder, const dg_onnx *net, dg_experiment *e)
{
    dg_options o = dg_options_default(DG_RUN_INFER, 1);
    o.threads = 1;
    dg_program *p = dg_compile(e->model->graph, &o);
    int good = dg_program_status(p, NULL) == DG_OK, given = 0;
    for (int k = 0; good && k < net->n_inputs; k++) {
        vector *v = NULL;
        int used = dg_value_find(e->model->graph, net->inputs[k].name).id > 0;
        for (; given < 16; given++) { /* the files come in the order of the inputs */
            v = read_vector(folder, "input", given);
            if (!v || !v->tensor.name || !*v->tensor.name ||
                strcmp(v->tensor.name, net->inputs[k].source) == 0)
                break;
            free_vector(v);
            v = NULL;
        }
        given++;
        good = !used || set_input(p, e, &net->inputs[k], v);
        free_vector(v);
    }
    good = good && dg_forward(p, NULL) == DG_OK;
    for (int k = 0; good && k < net->n_outputs; k++) {
        vector *v = read_vector(folder, "output", k);
        good = same_output(p, dg_graph_output(e->model->graph, k, NULL), &net->outputs[k], v);
        free_vector(v);
    }
    dg_program_free(p);
    return good;
}

/* The file with its inputs from the second on as initialisers: shapes, axes and bounds are then
 * known, as they are in the files of real nets. */
static dg_text with_constants(const dg_text *model, const char *folder)
{
    dg_wire w = dg_wire_of(model->data, model->length);
    dg_wire_field f;
    dg_text t = dg_text_make(NULL);
    while (dg_wire_next(&w, &f)) {
        if (f.type != DG_WIRE_BYTES)
            onnx_add_number(&t, (int)f.number, f.value);
        else if (f.number != 7)
            onnx_add_field(&t, (int)f.number, (const char *)f.bytes, f.size);
        if (f.type != DG_WIRE_BYTES || f.number != 7)
            continue;
        dg_text graph = dg_text_make(NULL);
        dg_text_add_bytes(&graph, (const char *)f.bytes, f.size);
        for (int k = 1; k < 16; k++) {
            vector *v = read_vector(folder, "input", k);
            if (v && v->array) /* not a sequence */
                onnx_add_field(&graph, 5, v->bytes.data, v->bytes.length);
            free_vector(v);
        }
        onnx_add_field(&t, 7, graph.data, graph.length);
        dg_text_free(&graph);
    }
    return t;
}

static void free_both(dg_text *a, dg_text *b)
{
    if (b->data != a->data)
        dg_text_free(b);
    dg_text_free(a);
}

/* As the file is, and with constants: passed if one is, failed if one is. */
static int run_case(const char *folder, int constants, char why_text[640])
{
    char path[1024];
    dg_diag why = {0};
    dg_onnx_options options = {.fixed = 1, .plain = 0};
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    why_text[0] = 0;
    dg_text bytes = io_bytes(path), more = constants ? with_constants(&bytes, folder) : bytes;
    dg_onnx *net = dg_onnx_read_memory(more.data, more.length, path, &options, &why);
    if (!net) {
        memcpy(why_text, why.text, sizeof why.text);
        free_both(&bytes, &more);
        return why.text[0] && why.code == DG_EMODEL ? REFUSED : FAILED;
    }
    dg_experiment_options o = {.path = "net.dag",
                               .text = net->text,
                               .tensors = net->tensors,
                               .without_data = 1,
                               .real = DG_F64,
                               .real_given = 1};
    dg_experiment *e = dg_experiment_open(&o);
    int good = e && dg_experiment_status(e) == DG_OK && run_net(folder, net, e);
    if (e && dg_experiment_status(e) != DG_OK) {
        dg_text t = dg_text_make(NULL);
        dg_diags_text(&e->model->diags, &t, false);
        snprintf(why_text, 640, "%s", t.data);
        dg_text_free(&t);
    }
    dg_experiment_free(e);
    dg_onnx_free(net);
    free_both(&bytes, &more);
    return good ? PASSED : FAILED;
}

/* "test_conv_with_strides" is a case of "conv". */
static const char *operator_of(const char *name, char room[64])
{
    const char *at = strncmp(name, "test_", 5) == 0 ? name + 5 : name;
    snprintf(room, 64, "%.*s", (int)strcspn(at, "_"), at);
    return room;
}

static void run_folder(const char *root, const char *which, totals *t)
{
    char path[512], folder[600], why[640], op[64];
    snprintf(path, sizeof path, "%s/%s", root, which);
    struct dirent **list = NULL;
    int n = scandir(path, &list, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        if (list[i]->d_name[0] != '.') {
            snprintf(folder, sizeof folder, "%s/%.80s", path, list[i]->d_name);
            int chance = strstr(list[i]->d_name, "training_dropout") != NULL;
            int result = run_case(folder, 0, why);
            int again = result == FAILED || chance ? result : run_case(folder, 1, why);
            result = result == PASSED && again == REFUSED ? PASSED : again;
            count(t, operator_of(list[i]->d_name, op), result);
            if (result == FAILED || getenv("DAGRAD_SEE"))
                print_message("%s: %s %s\n",
                              result == FAILED ? "failed"
                              : result         ? "refused"
                                               : "passed",
                              list[i]->d_name, why);
        }
        free(list[i]);
    }
    free(list);
}

static void test_cases(void **state)
{
    (void)state;
    const char *root = getenv("DAGRAD_ONNX_CASES");
    totals t = {.n_ops = 0};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        run_folder(root ? root : "/usr/share/libonnx-testdata/data", folders[i], &t);
    for (int i = 0; i < t.n_ops; i++)
        print_message("%-28s passed %3d  refused %3d  failed %3d\n", t.by_op[i].op,
                      t.by_op[i].n[PASSED], t.by_op[i].n[REFUSED], t.by_op[i].n[FAILED]);
    print_message("passed %d, refused %d, failed %d of %d\n", t.n[PASSED], t.n[REFUSED],
                  t.n[FAILED], t.n[PASSED] + t.n[REFUSED] + t.n[FAILED]);
    assert_true(t.n[PASSED] > 0);
    assert_int_equal(t.n[FAILED], 0);
}

int main(void)
{
    struct stat s;
    const char *root = getenv("DAGRAD_ONNX_CASES");
    if (stat(root ? root : "/usr/share/libonnx-testdata/data", &s) != 0) {
        printf("the ONNX project's cases are not installed: libonnx-testdata\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
