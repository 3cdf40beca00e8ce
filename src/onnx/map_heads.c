/* Attention in pieces, softmax(scale q k^t + mask) v, as one node. It is found from its last
 * product by where the elements of its operands lie: heads are atoms, whatever reshapes and
 * transposes the exporter cut them by. What is not seen to be attention stays products and a
 * softmax. */
#include "onnx/map.h"

#include "graph/graph.h"
#include <math.h>
#include <string.h>

enum { MOST_STEPS = 8 };
static const double hidden = -1e9; /* what a mask adds, or less, hides its place */

/* What the softmax is of. */
typedef struct {
    const dg_onnx_value *q, *k; /* k as [.., d, places] */
    double scale;
    const dg_onnx_array *mask; /* [places, places seen], that is added; NULL: none */
} scores;

static const dg_onnx_node *maker(const dg_import *m, const char *name)
{
    const dg_onnx_graph *g = m->proto->graph;
    for (int i = 0; i < g->n_nodes; i++)
        for (int k = 0; k < g->nodes[i].n_out; k++)
            if (strcmp(g->nodes[i].out[k], name) == 0)
                return &g->nodes[i];
    return NULL;
}

static const dg_onnx_value *value(const dg_import *m, const char *name)
{
    return dg_dict_find(&m->top->values, name);
}

static const dg_onnx_array *constant(const dg_import *m, const char *name)
{
    const dg_onnx_value *v = value(m, name);
    return v && v->fixed[0] && v->fixed[1]->count == v->fixed[0]->count ? v->fixed[0] : NULL;
}

static bool number(const dg_import *m, const char *name, double *x)
{
    const dg_onnx_array *a = constant(m, name);
    if (a && a->count == 1)
        *x = dg_onnx_real(a, 0);
    return a && a->count == 1;
}

/* ---- Back from the softmax ------------------------------------------------------------------- */

/* x * number, x / number */
static const char *scaled(const dg_import *m, const dg_onnx_node *n, scores *to)
{
    double by;
    bool product = strcmp(n->op, "Mul") == 0;
    for (int k = 1; k >= (product ? 0 : 1); k--)
        if (number(m, n->in[k], &by) && by != 0) {
            to->scale = product ? to->scale * by : to->scale / by;
            return n->in[1 - k];
        }
    return NULL;
}

/* x + constant */
static const char *masked(const dg_import *m, const dg_onnx_node *n, scores *to)
{
    for (int k = 0; k < 2; k++) {
        const dg_onnx_array *a = constant(m, n->in[k]);
        if (a && !a->integer && a->rank >= 2) {
            to->mask = a;
            return n->in[1 - k];
        }
    }
    return NULL;
}

/* where(constant, x, a low number), or the other way round */
static const char *chosen(dg_import *m, const dg_onnx_node *n, scores *to)
{
    double low;
    const dg_onnx_array *c = constant(m, n->in[0]);
    for (int k = 1; c && c->rank >= 2 && k < 3; k++)
        if (number(m, n->in[k], &low) && low <= hidden) {
            dg_onnx_array *mask = dg_onnx_array_new(m, false, c->rank, c->dim, false);
            for (int64_t i = 0; i < c->count; i++)
                dg_onnx_reals(mask)[i] =
                    (dg_onnx_whole(c, i) != 0) == (k == 1) ? (double)-INFINITY : 0;
            to->mask = mask;
            return n->in[3 - k];
        }
    return NULL;
}

static bool find_scores(dg_import *m, const char *name, scores *to)
{
    *to = (scores){.scale = 1};
    for (int i = 0; name && i < MOST_STEPS; i++) {
        const dg_onnx_node *n = maker(m, name);
        if (n && strcmp(n->op, "MatMul") == 0 && n->n_in == 2) {
            to->q = value(m, n->in[0]);
            to->k = value(m, n->in[1]);
            return to->q && to->k;
        }
        bool bare = !to->mask && to->scale == 1; /* a factor behind the mask is the mask's too */
        if (n && n->n_in == 2 && (strcmp(n->op, "Mul") == 0 || strcmp(n->op, "Div") == 0))
            name = scaled(m, n, to);
        else if (n && n->n_in == 2 && bare && strcmp(n->op, "Add") == 0)
            name = masked(m, n, to);
        else if (n && n->n_in == 3 && bare && strcmp(n->op, "Where") == 0)
            name = chosen(m, n, to);
        else
            name = NULL;
    }
    return false;
}

/* Along the last axis. */
static bool is_softmax(const dg_import *m, const dg_step *s, const dg_onnx_node *n)
{
    const dg_onnx_attr *axis = dg_onnx_attr_find(n, "axis");
    const dg_onnx_value *v = strcmp(n->op, "Softmax") == 0 ? value(m, n->in[0]) : NULL;
    if (!v || v->fixed[0] || v->unknown)
        return false;
    return axis ? dg_step_axis(axis->i, v->at.rank) == v->at.rank - 1 : s->version >= 13;
}

/* ---- Heads ----------------------------------------------------------------------------------- */

/* [N, heads, T, d] of that, or of [N heads, T, d]. */
static bool with_heads(const dg_onnx_value *v, bool turn, dg_onnx_value *to)
{
    static const int turned3[] = {0, 2, 1}, turned4[] = {0, 1, 3, 2};
    const int rank = v->at.rank;
    if (v->fixed[0] || v->unknown || v->integer || rank < 3 || rank > 4)
        return false;
    *to = *v;
    if (turn)
        to->at = dg_layout_turned(&v->at, rank == 3 ? turned3 : turned4);
    dg_layout *at = &to->at;
    int batch = at->n > 0 && at->atom[0].batch;
    if (batch && !dg_onnx_has_batch(to, 0))
        return false;
    if (rank == 3) {
        memmove(&at->start[1], &at->start[0], 4 * sizeof *at->start);
        at->start[1] = batch;
        at->rank = 4;
    }
    return dg_layout_count(at, 0) == batch && at->order[0] == 0;
}

/* Nothing has to be moved, and no free size cut. */
static bool lies_ready(const dg_onnx_value *v)
{
    dg_want w = dg_want_heads(&v->at);
    for (int i = 0; i < w.start[w.n]; i++)
        if (w.atom[i] != i)
            return false;
    return dg_onnx_size(v, 1) > 0 && dg_onnx_size(v, 3) > 0 &&
           (dg_onnx_size(v, 2) > 0 || v->rank == 3);
}

static bool same_size(const dg_onnx_value *a, int ka, const dg_onnx_value *b, int kb)
{
    return dg_onnx_dim(a, 0, ka) == dg_onnx_dim(b, 0, kb) &&
           dg_onnx_dim(a, 1, ka) == dg_onnx_dim(b, 1, kb);
}

static bool fit(const dg_onnx_value v[3])
{
    bool good = same_size(&v[0], 3, &v[1], 3) && same_size(&v[1], 2, &v[2], 2);
    for (int k = 1; k < 3; k++)
        good &= same_size(&v[0], 0, &v[k], 0) && same_size(&v[0], 1, &v[k], 1);
    return good;
}

/* ---- Masks ----------------------------------------------------------------------------------- */

static bool is_causal(const dg_onnx_array *a, int64_t rows, int64_t columns)
{
    bool causal = rows == columns;
    for (int64_t i = 0; i < a->count && causal; i++) {
        double x = dg_onnx_real(a, i);
        causal = i % columns <= i / columns ? x == 0 : x <= hidden;
    }
    return causal;
}

/* ", mask=..." or ", causal=true"; NULL: it is no matrix of these places. */
static const char *mask_text(dg_import *m, const char *name, const dg_onnx_array *a,
                             const dg_onnx_value v[3])
{
    int64_t rows = dg_onnx_size(&v[0], 2), columns = dg_onnx_size(&v[1], 2);
    if (!a)
        return "";
    if (rows < 1 || columns < 1 || a->count != rows * columns || a->dim[a->rank - 2] != rows)
        return NULL;
    if (is_causal(a, rows, columns))
        return ", causal=true";
    dg_onnx_value mask = {.name = dg_heap_printf(&m->heap, "%s_mask", name), .fixed = {a, a}};
    dg_shape shape = {2, {rows, columns}};
    return dg_heap_printf(
        &m->heap, ", mask=%s",
        dg_onnx_declare(m, &mask, DG_ONNX_CONSTANT, "mask of attention", &shape, NULL));
}

bool dg_onnx_heads(dg_import *m, const dg_step *s)
{
    scores f;
    dg_onnx_value v[3];
    const dg_onnx_node *softmax = maker(m, s->in[0]->name);
    if (!softmax || !dg_type_find(NULL, "attention") || !is_softmax(m, s, softmax) ||
        !find_scores(m, softmax->in[0], &f) || !with_heads(f.q, false, &v[0]) ||
        !with_heads(f.k, true, &v[1]) || !with_heads(s->in[1], false, &v[2]) || !fit(v))
        return false;
    for (int k = 0; k < 3; k++)
        if (!lies_ready(&v[k]))
            return false;
    const char *mask = mask_text(m, s->out[0]->name, f.mask, v);
    if (!mask)
        return false;
    const char *more = dg_heap_printf(&m->heap, "%s, scale=%s", mask, dg_onnx_number(m, f.scale));
    if (!dg_onnx_attend(m, s, v, more, s->out[0]))
        return false;
    dg_layout *at = &s->out[0]->at;
    if (s->in[1]->at.rank == 3) { /* batch and heads are one axis again */
        memmove(&at->start[1], &at->start[2], 3 * sizeof *at->start);
        at->rank = 3;
    }
    return true;
}
