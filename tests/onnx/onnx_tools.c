/* Files of ONNX with vectors; see onnx_tools.h. */
#include "onnx/onnx_tools.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "graph/graph.h"
#include "io/formats.h"
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *onnx_file(const char *name, char room[512])
{
    const char *source = getenv("DAGRAD_SOURCE");
    snprintf(room, 512, "%s/tests/onnx/data/%s", source ? source : ".", name);
    return room;
}

/* ---- Vectors --------------------------------------------------------------------------------- */

void onnx_vectors_read(const char *name, onnx_vectors *v)
{
    char path[512], file[256];
    dg_reader *r = NULL;
    snprintf(file, sizeof file, "%s.npz", name);
    assert_int_equal(dg_reader_open(&r, onnx_file(file, path), DG_READ_RAW, NULL), DG_OK);
    assert_int_equal(dg_npz_read_all(r, &v->n, &v->name, &v->array), DG_OK);
    dg_reader_close(r);
}

void onnx_vectors_free(onnx_vectors *v)
{
    for (int i = 0; i < v->n; i++) {
        free(v->name[i]);
        dg_array_free(&v->array[i]);
    }
    free(v->name);
    free(v->array);
}

const dg_array *onnx_vector(const onnx_vectors *v, const char *prefix, const char *name)
{
    char full[512];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    for (int i = 0; i < v->n; i++)
        if (strcmp(v->name[i], full) == 0)
            return &v->array[i];
    return NULL;
}

/* ---- Axes ------------------------------------------------------------------------------------ */

/* Element i of the model's array is element place(i) of the file's. */
static int64_t place_in_file(const dg_onnx_side *s, const dg_shape *file, const dg_shape *model,
                             int64_t i)
{
    int64_t stride[DG_MAX_RANK], step = 1, at = 0;
    for (int k = s->rank; k-- > 0; step *= file->dim[k])
        stride[k] = step;
    for (int k = model->rank; k-- > 0; i /= model->dim[k])
        at += s->axis[k] < 0 ? 0 : i % model->dim[k] * stride[s->axis[k]];
    return at;
}

static dg_shape model_shape(const dg_onnx_side *s, const dg_shape *file)
{
    dg_shape shape = {.rank = s->shape.rank};
    for (int k = 0; k < shape.rank; k++)
        shape.dim[k] = s->axis[k] < 0 ? 1 : file->dim[s->axis[k]];
    return shape;
}

static void set(const onnx_run *r, const dg_onnx_side *s, const char *port, const dg_array *from,
                double factor)
{
    dg_value v = dg_value_find(r->e->model->graph, port);
    assert_true(v.id > 0);
    dg_shape shape = model_shape(s, &from->shape);
    dg_array a;
    dg_type real = dg_graph_real(r->e->model->graph);
    assert_int_equal(dg_array_make(&a, from->type == DG_I32 ? DG_I32 : real, &shape, NULL), DG_OK);
    for (int64_t i = 0; i < dg_shape_count(&shape); i++) {
        int64_t place = place_in_file(s, &from->shape, &shape, i);
        double x = factor * dg_tensor_number(from, place);
        if (a.type == DG_F64)
            ((double *)a.data)[i] = x;
        else if (a.type == DG_F32)
            ((float *)a.data)[i] = (float)x;
        else
            ((int32_t *)a.data)[i] = (int32_t)x;
    }
    if (dg_set(r->p, v, DG_VALUE, &a) != DG_OK) {
        dg_diag why = {0};
        dg_program_status(r->p, &why);
        fail_msg("%s: %s", port, why.text);
    }
    dg_array_free(&a);
}

/* ---- Opening --------------------------------------------------------------------------------- */

static void add_losses(const dg_onnx *net, dg_text *t)
{
    char shape[128];
    dg_text_add(t, net->text);
    for (char *p = t->data; (p = strstr(p, " dropout(")); p++) /* off in the vectors */
        for (char *q = strchr(p, ','); *q != ')'; q++)
            *q = *q >= '0' && *q <= '9' ? '0' : *q;
    for (int i = 0; i < net->n_outputs; i++) {
        const dg_onnx_side *s = &net->outputs[i];
        dg_text_printf(t, "\ntarget the_target_%d%s\n", i,
                       dg_shape_text(&s->shape, shape, sizeof shape));
        dg_text_printf(t, "loss mse(the_target_%d, %s)\n", i, s->name);
    }
}

static void tell(const dg_experiment *e)
{
    dg_text t = dg_text_make(NULL);
    dg_diags_text(&e->model->diags, &t, false);
    print_message("%s", t.data);
    dg_text_free(&t);
}

/* The result of the node that is the next value of its state: results follow the first, in the
 * order of the states. */
static dg_value next_of(const onnx_run *r, const char *state)
{
    const dg_graph *g = r->e->model->graph;
    dg_value v = dg_value_find(g, state);
    for (int i = 0; i < g->n_nodes; i++)
        for (int k = 0; k < g->nodes[i].n_in; k++)
            if (g->nodes[i].in[k] == v.id)
                return (dg_value){g->nodes[i].out + g->nodes[i].type->inputs[k].next};
    return (dg_value){0};
}

static void compile(onnx_run *r, int training)
{
    const dg_array *first = onnx_vector(&r->v, "input/", r->net->inputs[0].source);
    assert_non_null(first);
    dg_options o = dg_options_default(DG_RUN_GRADIENT, first->shape.dim[0]);
    dg_diag why = {0};
    o.threads = 1;
    o.training = training;
    dg_value keep[256];
    for (int i = 0; training > 0 && i < r->net->n_entries && o.n_keep < 256; i++)
        if (r->net->entries[i].kind == DG_ONNX_STATE)
            keep[o.n_keep++] = next_of(r, r->net->entries[i].name);
    o.keep = keep;
    r->p = dg_compile(r->e->model->graph, &o);
    if (dg_program_status(r->p, &why) != DG_OK)
        fail_msg("%s", why.text);
    onnx_run_at(r, 1);
}

void onnx_run_at(onnx_run *r, double factor)
{
    dg_diag why = {0};
    int64_t rows = onnx_vector(&r->v, "input/", r->net->inputs[0].source)->shape.dim[0];
    for (int i = 0; i < r->net->n_inputs; i++) {
        const dg_onnx_side *s = &r->net->inputs[i];
        set(r, s, s->name, onnx_vector(&r->v, "input/", s->source), factor);
    }
    for (int i = 0; i < r->net->n_outputs; i++) {
        char port[64];
        const dg_onnx_side *s = &r->net->outputs[i];
        snprintf(port, sizeof port, "the_target_%d", i);
        set(r, s, port, onnx_vector(&r->v, "target/", s->source), 1);
    }
    if (dg_forward(r->p, &(dg_batch){.size = sizeof(dg_batch), .rows = rows}) != DG_OK ||
        dg_adjoint(r->p, NULL, 0) != DG_OK) {
        dg_program_status(r->p, &why);
        fail_msg("%s: %s", why.node, why.text);
    }
}

/* Free sizes of an input, from its vector. */
static int find_sizes(const onnx_run *r, const dg_dag *m, dg_dimension sizes[], int most)
{
    int n = 0;
    for (int i = 0; i < r->net->n_inputs; i++) {
        const dg_onnx_side *s = &r->net->inputs[i];
        const dg_array *a = onnx_vector(&r->v, "input/", s->source);
        for (int p = 0; a && p < m->n_ports; p++)
            for (int k = 0; k < m->ports[p].shape.rank && n < most; k++)
                if (strcmp(m->ports[p].name, s->name) == 0 && m->ports[p].free[k])
                    sizes[n++] = (dg_dimension){m->ports[p].free[k], a->shape.dim[s->axis[k]]};
    }
    return n;
}

void onnx_run_open_net(onnx_run *r, const char *name, dg_onnx *net, dg_type real, int training)
{
    dg_dimension sizes[8];
    dg_text t = dg_text_make(NULL);
    *r = (onnx_run){.net = net};
    onnx_vectors_read(name, &r->v);
    add_losses(net, &t);
    dg_experiment_options o = {.path = "net.dag",
                               .text = t.data,
                               .tensors = net->tensors,
                               .without_data = 1,
                               .size = 32,
                               .real = real,
                               .real_given = 1,
                               .sizes = sizes};
    r->e = dg_experiment_open(&o);
    assert_non_null(r->e);
    o.n_sizes = find_sizes(r, r->e->model, sizes, 8);
    if (o.n_sizes) {
        dg_experiment *first = r->e; /* it holds the names */
        r->e = dg_experiment_open(&o);
        dg_experiment_free(first);
    }
    if (dg_experiment_status(r->e) != DG_OK)
        tell(r->e);
    assert_int_equal(dg_experiment_status(r->e), DG_OK);
    dg_text_free(&t);
    compile(r, training);
}

void onnx_run_open(onnx_run *r, const char *name, const dg_onnx_options *o, dg_type real,
                   int training)
{
    char path[512], file[256];
    dg_diag why = {0};
    snprintf(file, sizeof file, "%s.onnx", name);
    dg_onnx *net = dg_onnx_read(onnx_file(file, path), o, &why);
    if (!net)
        fail_msg("%s", why.text);
    onnx_run_open_net(r, name, net, real, training);
}

void onnx_run_close(onnx_run *r)
{
    dg_program_free(r->p);
    dg_experiment_free(r->e);
    dg_onnx_free(r->net);
    onnx_vectors_free(&r->v);
}

/* ---- Comparing ------------------------------------------------------------------------------- */

static dg_array get(const onnx_run *r, dg_value v, dg_part part)
{
    dg_array a = {0};
    assert_int_equal(dg_get(r->p, v, part, &a), DG_OK);
    a.data = malloc(a.bytes + 1);
    assert_int_equal(dg_get(r->p, v, part, &a), DG_OK);
    return a;
}

double onnx_run_outputs(const onnx_run *r, const char *prefix)
{
    double worst = 0;
    char full[64];
    snprintf(full, sizeof full, "%soutput/", prefix);
    for (int k = 0; k < r->net->n_outputs; k++) {
        const dg_onnx_side *s = &r->net->outputs[k];
        const dg_array *want = onnx_vector(&r->v, full, s->source);
        assert_non_null(want);
        dg_array a = get(r, dg_graph_output(r->e->model->graph, k, NULL), DG_VALUE);
        double off = 0, norm = 0;
        assert_int_equal(dg_shape_count(&a.shape), dg_shape_count(&want->shape));
        for (int64_t i = 0; i < dg_shape_count(&a.shape); i++) {
            double x = dg_tensor_number(&a, i);
            double y = dg_tensor_number(want, place_in_file(s, &want->shape, &a.shape, i));
            off += (x - y) * (x - y);
            norm += y * y;
        }
        off = sqrt(off / norm);
        worst = off <= worst ? worst : off; /* NaN stays */
        free(a.data);
    }
    return worst;
}

/* Adds the gradients of all parameters that come from a tensor of the file, in its layout. */
static void add_up(const onnx_run *r, const char *source, int64_t count, double *sum)
{
    for (int i = 0; i < r->net->n_entries; i++) {
        const dg_onnx_entry *e = &r->net->entries[i];
        if (e->kind != DG_ONNX_PARAMETER || !e->source)
            continue;
        bool mine = e->sources || strcmp(e->source, source) == 0;
        dg_array a = {0};
        if (mine)
            a = get(r, dg_value_find(r->e->model->graph, e->name), DG_GRADIENT);
        for (int64_t k = 0; mine && k < dg_shape_count(&a.shape); k++) {
            if (e->sources && strcmp(r->net->sources[e->sources[k]], source) != 0)
                continue;
            int64_t place = e->index ? e->index[k] : k;
            assert_true(place >= 0 && place < count);
            sum[place] += dg_tensor_number(&a, k);
        }
        free(a.data);
    }
}

static double norm_of(const dg_array *a)
{
    double sum = 0;
    for (int64_t i = 0; i < dg_shape_count(&a->shape); i++)
        sum += dg_tensor_number(a, i) * dg_tensor_number(a, i);
    return sqrt(sum);
}

double onnx_run_gradients(const onnx_run *r, const char *prefix)
{
    double worst = 0, largest = 0;
    char full[64];
    snprintf(full, sizeof full, "%sgrad/", prefix);
    for (int k = 0; k < r->v.n; k++)
        if (strncmp(r->v.name[k], full, strlen(full)) == 0)
            largest = fmax(largest, norm_of(&r->v.array[k]));
    assert_true(largest > 0);
    for (int k = 0; k < r->v.n; k++) {
        const dg_array *want = &r->v.array[k];
        if (strncmp(r->v.name[k], full, strlen(full)) != 0)
            continue;
        int64_t count = dg_shape_count(&want->shape);
        double *sum = calloc((size_t)count + 1, sizeof *sum), off = 0;
        add_up(r, r->v.name[k] + strlen(full), count, sum);
        for (int64_t i = 0; i < count; i++) {
            double d = sum[i] - dg_tensor_number(want, i);
            off += d * d;
        }
        off = sqrt(off) / fmax(norm_of(want), 0.1 * largest * (norm_of(want) < 1e-9 * largest));
        worst = off <= worst ? worst : off;
        free(sum);
    }
    return worst;
}

double onnx_run_between(const onnx_run *a, const onnx_run *b)
{
    double worst = 0, largest = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < a->net->n_entries; i++) {
            const dg_onnx_entry *e = &a->net->entries[i];
            double off = 0;
            if (e->kind != DG_ONNX_PARAMETER)
                continue;
            dg_array x = get(a, dg_value_find(a->e->model->graph, e->name), DG_GRADIENT);
            dg_array y = get(b, dg_value_find(b->e->model->graph, e->name), DG_GRADIENT);
            for (int64_t k = 0; k < dg_shape_count(&x.shape); k++) {
                double d = dg_tensor_number(&x, k) - dg_tensor_number(&y, k);
                off += d * d;
            }
            double norm = norm_of(&y);
            if (pass == 0)
                largest = fmax(largest, norm);
            off = sqrt(off) / (norm < 1e-9 * largest ? largest : norm);
            if (pass == 1)
                worst = off <= worst ? worst : off;
            free(x.data);
            free(y.data);
        }
    return worst;
}

double onnx_run_states(const onnx_run *r)
{
    double worst = 0;
    int n = 0;
    for (int i = 0; i < r->net->n_entries; i++) {
        const dg_onnx_entry *e = &r->net->entries[i];
        const dg_array *want =
            e->kind == DG_ONNX_STATE ? onnx_vector(&r->v, "train/state/", e->source) : NULL;
        double off = 0;
        if (!want)
            continue;
        dg_array a = get(r, next_of(r, e->name), DG_VALUE);
        for (int64_t k = 0; k < dg_shape_count(&a.shape); k++) {
            double d = dg_tensor_number(&a, k) - dg_tensor_number(want, k);
            off += d * d;
        }
        off = sqrt(off) / norm_of(want);
        worst = off <= worst ? worst : off;
        free(a.data);
        n++;
    }
    assert_true(n > 0);
    return worst;
}
