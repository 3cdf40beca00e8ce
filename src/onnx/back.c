/* Trained numbers back into their file; see back.h. */
#include "onnx/back.h"

#include "graph/graph.h"
#include "onnx/import.h"
#include <stdlib.h>
#include <string.h>

/* ---- Is it the same graph? ------------------------------------------------------------------- */

static const dg_node *find_node(const dg_graph *g, const char *name)
{
    for (int i = 0; i < g->n_nodes; i++)
        if (strcmp(g->nodes[i].name, name) == 0)
            return &g->nodes[i];
    return NULL;
}

static bool same_attrs(const dg_attrs *a, const dg_attrs *b)
{
    bool same = a->n == b->n;
    for (int i = 0; same && i < a->n; i++) {
        const dg_attr_value *x = &a->v[i], *y = &b->v[i];
        same = x->count == y->count && x->word == y->word &&
               strcmp(x->text ? x->text : "", y->text ? y->text : "") == 0 &&
               memcmp(x->number, y->number, (size_t)x->count * sizeof *x->number) == 0;
    }
    return same;
}

static bool same_value(const dg_graph *a, int32_t i, const dg_graph *b, int32_t k)
{
    if (!i || !k)
        return i == k;
    const dg_vertex *x = &a->values[i - 1], *y = &b->values[k - 1];
    if (x->kind != y->kind || x->part != y->part)
        return false;
    if (x->kind == DG_CONSTANT) {
        int64_t n = dg_shape_count(&x->shape);
        bool same = dg_shape_equal(&x->shape, &y->shape) && x->type == y->type;
        return same && memcmp(x->data, y->data, (size_t)n * dg_type_bytes(x->type)) == 0;
    }
    return strcmp(x->name ? x->name : "", y->name ? y->name : "") == 0;
}

dg_status dg_onnx_same_graph(const dg_graph *net, const dg_graph *run, dg_diag *why)
{
    for (int i = 0; i < net->n_nodes; i++) {
        const dg_node *a = &net->nodes[i], *b = find_node(run, a->name);
        bool same = b && a->type == b->type && a->n_in == b->n_in && same_attrs(a->attrs, b->attrs);
        for (int k = 0; same && k < a->n_in; k++)
            same = same_value(net, a->in[k], run, b->in[k]);
        if (!same)
            return dg_diag_set(why, DG_EUSAGE,
                               "the graph was edited: '%s' (%s) %s, so its numbers do not belong "
                               "into that file",
                               a->name, a->type->name, b ? "is another node now" : "is gone");
    }
    for (int i = 0; i < net->n_outputs; i++) {
        const char *name = net->values[net->outputs[i].value - 1].name;
        bool there = false;
        for (int k = 0; k < run->n_outputs; k++)
            there |= same_value(net, net->outputs[i].value, run, run->outputs[k].value);
        if (!there)
            return dg_diag_set(why, DG_EUSAGE, "the graph was edited: '%s' is no output any more",
                               name ? name : "");
    }
    return DG_OK;
}

/* ---- Numbers to their places ----------------------------------------------------------------- */

typedef struct {
    const dg_onnx *net;
    const dg_import *m;
    const char *from;
    dg_onnx_back *out;
    const char **writer; /* of each root: who wrote it first */
    char **written;      /* of each root, a byte for each element */
    char *changed;       /* of each root */
    dg_diag *why;
} writing;

/* Where element i of a root is in the file; NULL: not in it, or in a way that is not written. */
static char *place_of(const writing *w, int root, int64_t i, int *type)
{
    const dg_onnx_tensor *t = w->m->roots[root]->fixed[0]->tensor;
    bool whole = t && w->m->roots[root]->fixed[0]->real == NULL && !t->location;
    *type = t ? t->type : 0;
    if (!whole || (t->type != DG_ONNX_FLOAT && t->type != DG_ONNX_DOUBLE))
        return NULL;
    size_t at = (size_t)(t->bytes - (const uint8_t *)w->m->file);
    return w->out->bytes + at + (size_t)i * dg_onnx_type_bytes(t->type);
}

static bool put_number(char *to, int type, double x)
{
    char bytes[8];
    float single = (float)x;
    size_t n = type == DG_ONNX_FLOAT ? 4 : 8;
    uint64_t bits = 0;
    if (n == 4)
        memcpy(&bits, &single, 4);
    else
        memcpy(&bits, &x, 8);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (char)(bits >> 8 * i);
    bool differs = memcmp(to, bytes, n) != 0;
    memcpy(to, bytes, n);
    return differs;
}

static dg_status no_place(writing *w, int root)
{
    const dg_onnx_tensor *t = w->m->roots[root]->fixed[0]->tensor;
    return dg_diag_set(w->why, DG_EUSAGE, "tensor '%s' of the file %s", w->m->roots[root]->name,
                       t && t->location ? "has its data in another file, which is not written"
                                        : "is stored in a way that is not written");
}

static dg_status put_element(writing *w, const dg_onnx_entry *e, int root, int64_t i, double x)
{
    int type;
    char *to = place_of(w, root, i, &type);
    if (!to)
        return no_place(w, root);
    bool differs = put_number(to, type, x);
    if (w->written[root][i] && differs)
        return dg_diag_set(w->why, DG_EUSAGE,
                           "'%s' and '%s' are one tensor in the file, '%s', and have been untied: "
                           "they differ now",
                           w->writer[root], e->name, w->m->roots[root]->name);
    w->written[root][i] = 1;
    if (!w->writer[root])
        w->writer[root] = e->name;
    w->out->numbers += differs;
    w->changed[root] |= differs;
    return DG_OK;
}

static int root_of(const writing *w, const dg_onnx_entry *e)
{
    for (int i = 0; i < w->m->n_roots; i++)
        if (w->m->roots[i]->name == e->source)
            return i;
    return -1;
}

static bool same_numbers(const dg_tensor *a, const dg_tensor *b)
{
    for (int64_t i = 0; i < dg_shape_count(&a->shape); i++)
        if (dg_tensor_number(a, i) != dg_tensor_number(b, i))
            return false;
    return true;
}

static dg_status put_entry(writing *w, const dg_onnx_entry *e, const dg_tensors *t)
{
    const dg_tensor *x = dg_tensors_find(t, e->name);
    char found[128], fits[128];
    if (!x)
        return dg_diag_set(w->why, DG_EUSAGE, "%s has no '%s': the graph was edited", w->from,
                           e->name);
    if (!dg_shape_equal(&x->shape, &e->tensor.shape))
        return dg_diag_set(w->why, DG_EUSAGE,
                           "'%s' of %s is %s, of the file %s: the graph was "
                           "edited",
                           e->name, w->from, dg_shape_text(&x->shape, found, sizeof found),
                           dg_shape_text(&e->tensor.shape, fits, sizeof fits));
    int64_t bad = dg_tensor_not_finite(x);
    if (bad >= 0)
        return dg_diag_set(w->why, DG_EFINITE, "element %lld of '%s' is not finite", (long long)bad,
                           e->name);
    int root = e->source ? root_of(w, e) : -1;
    if (root < 0 && same_numbers(x, &e->tensor))
        return DG_OK;
    if (root < 0)
        return dg_diag_set(w->why, DG_EUSAGE, "'%s' was computed from other tensors of the file",
                           e->name);
    dg_status s = DG_OK;
    for (int64_t i = 0; s == DG_OK && i < dg_shape_count(&x->shape); i++)
        s = put_element(w, e, e->sources ? e->sources[i] : root, e->index ? e->index[i] : i,
                        dg_tensor_number(x, i));
    return s;
}

/* What the run has and the file has not. */
static dg_status check_extra(const writing *w, const dg_tensors *t)
{
    for (int i = 0; i < t->n; i++) {
        bool known = t->tensor[i].name[0] == '@';
        for (int k = 0; k < w->net->n_entries && !known; k++)
            known = strcmp(w->net->entries[k].name, t->tensor[i].name) == 0;
        if (!known)
            return dg_diag_set(w->why, DG_EUSAGE,
                               "%s has '%s', which the file has not: the graph was edited", w->from,
                               t->tensor[i].name);
    }
    return DG_OK;
}

static int in_training(const dg_onnx_graph *g)
{
    int n = 0;
    for (int i = 0; i < g->n_nodes; i++) {
        const dg_onnx_attr *a = dg_onnx_attr_find(&g->nodes[i], "training_mode");
        n += strcmp(g->nodes[i].op, "BatchNormalization") == 0 && a && a->i;
    }
    return n;
}

/* Room for who wrote what; false: out of memory. */
static bool make_room(writing *w)
{
    size_t n = (size_t)w->m->n_roots;
    w->writer = calloc(n + 1, sizeof *w->writer);
    w->written = calloc(n + 1, sizeof *w->written);
    w->changed = calloc(n + 1, 1);
    bool good = w->writer && w->written && w->changed;
    for (size_t i = 0; good && i < n; i++) {
        w->written[i] = calloc((size_t)w->m->roots[i]->fixed[0]->count + 1, 1);
        good = w->written[i] != NULL;
    }
    return good;
}

static void free_room(writing *w)
{
    for (int i = 0; w->written && i < w->m->n_roots; i++)
        free(w->written[i]);
    free(w->written);
    free(w->writer);
    free(w->changed);
}

dg_status dg_onnx_write_back(const dg_onnx *net, const dg_tensors *t, const char *from,
                             dg_onnx_back *out, dg_diag *why)
{
    const dg_import *m = net->inside;
    writing w = {.net = net, .m = m, .from = from, .out = out, .why = why};
    *out = (dg_onnx_back){.bytes = malloc(m->file_size + 1), .size = m->file_size};
    dg_status s = DG_OK;
    if (!out->bytes || !make_room(&w))
        s = dg_diag_set(why, DG_EMEMORY, "out of memory");
    else
        memcpy(out->bytes, m->file, m->file_size);
    if (s == DG_OK)
        s = check_extra(&w, t);
    for (int i = 0; s == DG_OK && i < net->n_entries; i++)
        if (net->entries[i].kind != DG_ONNX_CONSTANT)
            s = put_entry(&w, &net->entries[i], t);
    for (int i = 0; s == DG_OK && i < m->n_roots; i++)
        out->tensors += w.changed[i] != 0;
    out->training = in_training(m->proto->graph);
    free_room(&w);
    if (s != DG_OK) {
        free(out->bytes);
        out->bytes = NULL;
    }
    return s;
}
