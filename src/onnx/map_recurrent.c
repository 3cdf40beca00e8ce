/* RNN, GRU and LSTM. Series are [T, N, F] in the file and [N, T, F] in the model: the batch is
 * stored first whatever the file says, so that its transposes around these nodes cancel.
 *
 * Gates are i o f c and z r h in the file, i f g o and r z n in the model. The file's B holds two
 * biases, of x and of h, that are added; both are kept as parameters. */
#include "onnx/map.h"

#include "graph/graph.h"
#include "onnx/series.h"
#include <string.h>

enum { X, W, R, B, LENGTHS, H, C, P };

typedef dg_series net;

/* ---- What is read ---------------------------------------------------------------------------- */

static bool usual(const dg_step *s, const net *n)
{
    const dg_onnx_attr *a = dg_onnx_attr_find(s->node, "activations");
    const char *twice = n->directions == 2 ? n->cell->activations : "";
    size_t k = strlen(n->cell->activations);
    bool same = !a || (strncmp(a->s, n->cell->activations, k) == 0 && strcmp(a->s + k, twice) == 0);
    return same && !dg_onnx_attr_find(s->node, "clip") && !dg_attr_i(s, "input_forget", 0) &&
           !dg_step_has(s, LENGTHS) && !dg_step_has(s, P);
}

static bool is_tensor(const dg_step *s, int k, int64_t a, int64_t b, int64_t c)
{
    const dg_onnx_array *t = dg_step_has(s, k) ? s->in[k]->fixed[0] : NULL;
    return t && !t->integer && t->count == a * b * c && t->rank == (c == 1 && k == B ? 2 : 3) &&
           t->dim[0] == a && t->dim[1] == b;
}

static bool read_net(dg_import *m, const dg_step *s, net *n)
{
    const dg_cell *c = dg_cell_find(s->node->op);
    const char *direction = dg_attr_s(s, "direction", "forward");
    *n = (net){
        .cell = c, .layers = 1, .directions = strcmp(direction, "bidirectional") == 0 ? 2 : 1};
    n->backward = strcmp(direction, "reverse") == 0;
    n->batch_first = dg_attr_i(s, "layout", 0) != 0;
    n->after = dg_attr_i(s, "linear_before_reset", 0) != 0;
    const dg_onnx_array *r = dg_step_has(s, R) ? s->in[R]->fixed[0] : NULL;
    if (!dg_type_find(NULL, c->node))
        return dg_onnx_refuse(m, s, "is not read here");
    if (!usual(s, n))
        return dg_onnx_refuse(m, s, "with lengths, peepholes, a clip or other activations");
    if (s->in[X]->at.rank != 3 || !r || r->rank != 3)
        return dg_onnx_refuse(m, s, "whose input is no series, or whose weights are no constants");
    n->units = r->dim[2];
    n->features = dg_onnx_size(s->in[X], 2);
    int64_t width = n->units * c->gates;
    if (n->features < 1 || n->units < 1 || !is_tensor(s, W, n->directions, width, n->features) ||
        !is_tensor(s, R, n->directions, width, n->units) ||
        (dg_step_has(s, B) && !is_tensor(s, B, n->directions, 2 * width, 1)))
        return dg_onnx_refuse(m, s, "whose weights do not fit its input");
    n->w[0] = s->in[W];
    n->r[0] = s->in[R];
    n->b[0] = dg_step_has(s, B) ? s->in[B] : NULL;
    n->node[0] = s->node;
    for (int k = 0; k < 3; k++)
        n->out[0][k] = k < s->n_out ? s->out[k] : NULL;
    return true;
}

/* ---- Parameters ------------------------------------------------------------------------------ */

/* [blocks, G units, rows] as [rows, blocks G units], gates in the order of the model. */
static dg_onnx_role matrix(dg_import *m, const net *n, const char *role, const dg_onnx_value *v)
{
    const dg_onnx_array *a = v->fixed[0];
    int64_t g = n->cell->gates, u = n->units, d = a->dim[0], rows = a->dim[2], k = 0;
    int64_t *index = dg_heap_take(&m->heap, (size_t)(rows * d * g * u), sizeof *index);
    for (int64_t row = 0; row < rows; row++)
        for (int64_t i = 0; i < d * g * u; i++) {
            int64_t gate = i / u % g, block = i / u / g * g + n->cell->order[gate];
            index[k++] = (block * u + i % u) * rows + row;
        }
    return (dg_onnx_role){.role = role,
                          .v = v,
                          .kind = DG_ONNX_PARAMETER,
                          .shape = {2, {rows, d * g * u}},
                          .index = index};
}

/* Where the biases of gates first to first + count - 1 of one half of B are. */
static int64_t *half_index(dg_import *m, const net *n, int which, int first, int count,
                           int64_t blocks)
{
    int64_t g = n->cell->gates, u = n->units, k = 0;
    int64_t *index = dg_heap_take(&m->heap, (size_t)(blocks * count * u), sizeof *index);
    for (int64_t d = 0; d < blocks; d++)
        for (int64_t i = 0; i < count * u; i++)
            index[k++] = ((d * 2 + which) * g + n->cell->order[first + i / u]) * u + i % u;
    return index;
}

/* Those, as a parameter [D, count units]. */
static const char *half(dg_import *m, const dg_step *s, const net *n, int which, int first,
                        int count)
{
    dg_shape shape = {2, {n->directions, count * n->units}};
    return dg_onnx_declare(m, s->in[B], DG_ONNX_PARAMETER, "bias", &shape,
                           half_index(m, n, which, first, count, n->directions));
}

static bool has_second(const net *n)
{
    return strcmp(n->cell->node, "gru") == 0 && n->after;
}

/* ", bias=b" and what a gru with reset=after takes besides. */
static const char *biases(dg_import *m, const dg_step *s, const net *n)
{
    long long all = (long long)(n->directions * n->cell->gates * n->units);
    long long units = (long long)n->units, blocks = (long long)n->directions;
    const char *x = half(m, s, n, 0, 0, n->cell->gates);
    const char *h = half(m, s, n, 1, 0, has_second(n) ? 2 : n->cell->gates);
    if (!has_second(n)) {
        const char *sum = dg_onnx_line(m, s, "bias", "reshape(%s + %s, [%lld])", x, h, all);
        return dg_heap_printf(&m->heap, ", bias=%s", sum);
    }
    const char *e = half(m, s, n, 1, 2, 1);
    const char *sum = dg_onnx_line(m, s, "bias", "reshape(%s + pad(%s, [0, 0, 0, %lld]), [%lld])",
                                   x, h, units, all);
    const char *flat = dg_onnx_line(m, s, "bias", "reshape(%s, [%lld])", e, blocks * units);
    return dg_heap_printf(&m->heap, ", bias=%s, recurrent_bias=%s", sum, flat);
}

/* Roles of biases where the file has one of each gate and the others are constants of 0, as dagrad
 * writes them: how many, 0 where it is not so. */
static int own_biases(dg_import *m, const net *n, const dg_onnx_value *b, dg_onnx_role role[2])
{
    int gates = n->cell->gates, second = has_second(n);
    int64_t blocks = b ? b->fixed[0]->dim[0] : 0;
    int none = gates - second;
    const int64_t *zeros = b ? half_index(m, n, 1, 0, none, blocks) : NULL;
    for (int64_t i = 0; i < blocks * none * n->units; i++) {
        int64_t element;
        int root = dg_onnx_root(b->fixed[0], zeros[i], &element);
        if (dg_onnx_said(m, root) != 0 || dg_onnx_real(b->fixed[0], zeros[i]) != 0)
            return 0;
    }
    for (int k = 0; b && k <= second; k++) {
        int64_t size = blocks * (k ? 1 : gates) * n->units;
        const int64_t *index = half_index(m, n, k, k ? gates - 1 : 0, k ? 1 : gates, blocks);
        role[k] = (dg_onnx_role){.role = k ? "recurrent_bias" : "bias",
                                 .v = dg_series_part(m, b, size, index),
                                 .kind = DG_ONNX_PARAMETER,
                                 .shape = {1, {size}}};
        if (!role[k].v)
            return 0;
    }
    return b ? 1 + second : 0;
}

/* A file without B has biases of zero that are not trained. */
static const char *zero_biases(dg_import *m, const dg_step *s, const net *n)
{
    long long units = (long long)(n->directions * n->units), all = units * n->cell->gates;
    const char *text = "";
    for (int k = 0; k <= has_second(n); k++) {
        const char *name = dg_onnx_constant(m, s, "no_bias", k ? units : all, 0);
        text = dg_heap_printf(&m->heap, "%s, %s=%s", text, k ? "recurrent_bias" : "bias", name);
    }
    return text;
}

/* ", start=h": [D, N, units] of the file as [N, D, units]; "" where it is zero; NULL: refused. */
static const char *start(dg_import *m, const dg_step *s, const net *n, int k, const char *name)
{
    if (!dg_step_has(s, k))
        return "";
    const dg_onnx_value *v = s->in[k];
    const dg_onnx_array *a = v->fixed[0];
    if (a && dg_onnx_is_uniform(a) && (a->count == 0 || dg_onnx_real(a, 0) == 0))
        return "";
    if (a || v->at.rank != 3)
        return dg_onnx_refuse(m, s, "with a constant start that is not 0"), NULL;
    dg_want w = {0};
    for (int i = 0; i < 3; i++)
        dg_want_axis(&w, &v->at, i == 2 ? 2 : n->batch_first ? i : 1 - i);
    const char *text = dg_onnx_give(m, s, v, &w);
    return text ? dg_heap_printf(&m->heap, ", %s=%s", name, text) : NULL;
}

/* ---- Results --------------------------------------------------------------------------------- */

static bool is_used(const dg_import *m, const dg_onnx_value *v)
{
    const dg_onnx_graph *g = m->proto->graph;
    bool used = v && dg_dict_find(&m->uses, v->name) != NULL;
    for (int i = 0; v && i < g->n_outputs; i++)
        used |= strcmp(g->outputs[i].name, v->name) == 0;
    return used;
}

/* All states: [T, D, N, units], stored [N, T, D units]. */
static void hold_all(dg_import *m, const dg_step *s, const net *n, const char *name)
{
    static const int turned[] = {2, 0, 1, 3}, straight[] = {0, 1, 2, 3};
    int batch = n->batch_first ? 0 : 2;
    const int *perm = n->batch_first ? straight : turned;
    dg_onnx_value none = {.name = ""}, *out = s->n_out > 0 && s->out[0] ? s->out[0] : &none;
    int64_t dim[DG_BINDINGS][DG_MAX_RANK];
    dg_want w = {0};
    for (int b = 0; b < DG_BINDINGS; b++) {
        dim[b][perm[0]] = dg_onnx_dim(s->in[X], b, n->batch_first ? 0 : 1);
        dim[b][perm[1]] = dg_onnx_dim(s->in[X], b, n->batch_first ? 1 : 0);
        dim[b][perm[2]] = n->directions;
        dim[b][perm[3]] = n->units;
    }
    bool has = dg_onnx_has_batch(s->in[X], n->batch_first ? 0 : 1);
    out->at = dg_layout_stored(4, dim, has ? batch : -1, perm);
    dg_want_axis(&w, &out->at, perm[0]);
    dg_want_axis(&w, &out->at, perm[1]);
    int k = w.start[w.n];
    for (int axis = 2; axis < 4; axis++)
        for (int i = out->at.start[perm[axis]]; i < out->at.start[perm[axis] + 1]; i++)
            w.atom[k++] = out->at.order[i];
    w.start[++w.n] = k;
    dg_onnx_hold(m, out, name, &w);
}

/* The last states of a layer: [D, N, units], stored [N, D, units]. */
static void hold_last(dg_import *m, const dg_step *s, const net *n, dg_onnx_value *out,
                      const char *name)
{
    static const int turned[] = {1, 0, 2}, straight[] = {0, 1, 2};
    const int *perm = n->batch_first ? straight : turned;
    int64_t dim[DG_BINDINGS][DG_MAX_RANK];
    dg_want w = {0};
    for (int b = 0; b < DG_BINDINGS; b++) {
        dim[b][perm[0]] = dg_onnx_dim(s->in[X], b, n->batch_first ? 0 : 1);
        dim[b][perm[1]] = n->directions;
        dim[b][perm[2]] = n->units;
    }
    bool has = dg_onnx_has_batch(s->in[X], n->batch_first ? 0 : 1);
    out->at = dg_layout_stored(3, dim, has ? perm[0] : -1, perm);
    for (int k = 0; k < 3; k++)
        dg_want_axis(&w, &out->at, perm[k]);
    dg_onnx_hold(m, out, name, &w);
}

/* Of several layers the last states are one result of the model, cut where the file has them. */
static void hold_layers(dg_import *m, const dg_step *s, const net *n, int which, const char *name)
{
    int d = (int)n->directions;
    for (int i = 0; i < n->layers; i++) {
        dg_onnx_value *out = n->out[i][which];
        if (!out || (n->layers > 1 && !is_used(m, out)))
            continue;
        const char *part = name;
        if (n->layers > 1)
            part = dg_onnx_line(m, s, out->name, "slice(%s, axis=1, start=%d, end=%d)", name, i * d,
                                (i + 1) * d);
        hold_last(m, s, n, out, part);
    }
}

static const char *name_results(dg_import *m, const dg_step *s, const net *n)
{
    bool lstm = strcmp(n->cell->node, "lstm") == 0, several = false;
    for (int i = 0; i < n->layers; i++)
        several |= is_used(m, n->out[i][1]) || is_used(m, n->out[i][2]);
    const char *names = dg_onnx_name(m, s->n_out > 0 && s->out[0] ? s->out[0]->name : "states");
    hold_all(m, s, n, names);
    for (int k = 1; several && k <= (lstm ? 2 : 1); k++) {
        bool given = k < s->n_out && s->out[k];
        names = dg_heap_printf(&m->heap, "%s, %s", names,
                               dg_onnx_name(m, given ? s->out[k]->name : "last"));
    }
    return names;
}

/* The k-th of a list "a, b, c". */
static const char *name_at(dg_import *m, const char *names, int k)
{
    for (; k > 0 && *names; k--) {
        names += strcspn(names, ",");
        names += strspn(names, ", ");
    }
    return dg_heap_copy(&m->heap, names, strcspn(names, ","));
}

/* ", direction=both, layers=2, reset=before" */
static const char *options(dg_import *m, const net *n)
{
    const char *way = n->directions == 2 ? ", direction=both"
                      : n->backward      ? ", direction=backward"
                                         : "";
    const char *reset = strcmp(n->cell->node, "gru") == 0 && !n->after ? ", reset=before" : "";
    if (n->layers == 1)
        return dg_heap_printf(&m->heap, "%s%s", way, reset);
    return dg_heap_printf(&m->heap, ", layers=%d%s%s", n->layers, way, reset);
}

static const char *parameters(dg_import *m, const dg_step *s, const net *n)
{
    dg_onnx_role role[5] = {matrix(m, n, "weight", dg_series_whole(m, n->w[0]))};
    int k = 1;
    if (n->layers > 1)
        role[k++] = matrix(m, n, "deep", dg_series_stack(m, n->layers - 1, n->w + 1));
    role[k++] = matrix(m, n, "recurrent", dg_series_stack(m, n->layers, n->r));
    int own = own_biases(m, n, dg_series_stack(m, n->b[0] ? n->layers : 0, n->b), role + k);
    const char *roles = dg_onnx_roles(m, k + own, role);
    const char *bias = own ? "" : n->b[0] ? biases(m, s, n) : zero_biases(m, s, n);
    return dg_heap_printf(&m->heap, "%s%s", roles, bias);
}

bool dg_map_recurrent(dg_import *m, const dg_step *s)
{
    net n;
    dg_want w = {0};
    if (!read_net(m, s, &n))
        return false;
    const dg_onnx_value *x = s->in[X];
    for (int i = 0; i < 3; i++)
        dg_want_axis(&w, &x->at, i == 2 ? 2 : n.batch_first ? i : 1 - i);
    n.x = dg_onnx_give(m, s, x, &w);
    const char *h = n.x ? start(m, s, &n, H, "start") : NULL;
    const char *c = h ? start(m, s, &n, C, "cell") : NULL;
    if (!c)
        return false;
    n.started = *h || *c;
    dg_series_join(m, &n);
    const char *roles = parameters(m, s, &n), *names = name_results(m, s, &n);
    dg_onnx_statement(m, s, names,
                      dg_heap_printf(&m->heap, "%s(%s, %lld%s%s%s%s)", n.cell->node, n.x,
                                     (long long)n.units, options(m, &n), h, c, roles));
    for (int k = 1; k < 3 && *name_at(m, names, k); k++)
        hold_layers(m, s, &n, k, name_at(m, names, k));
    dg_series_keep(m, name_at(m, names, 0), &n);
    return true;
}
