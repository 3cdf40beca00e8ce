/* Data for a model without data: normal numbers, labels, and for what a loss takes (distributions,
 * probabilities, weights) numbers of the kind that the cases of its type have. */
#include "base/philox.h"
#include "base/text.h"
#include "graph/graph.h"
#include "train/draw.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILL_ROOM = 64 };

/* Field k of "a; b; c", without spaces before it; the last is repeated if `repeat`. */
static int field(const char *list, int k, int repeat, char room[FILL_ROOM])
{
    const char *end = strchr(list, ';');
    for (; k > 0 && end; k--) {
        list = end + 1;
        end = strchr(list, ';');
    }
    if (k > 0 && !repeat)
        return 0;
    list += strspn(list, " ");
    int n = end ? (int)(end - list) : (int)strlen(list);
    dg_format(room, FILL_ROOM, "%.*s", n, list);
    return 1;
}

/* What the cases of a type put into a real input k; "" if they do not say. */
static void fill_of(const dg_node_type *t, int k, char fill[FILL_ROOM])
{
    for (int i = 0; i < t->n_cases; i++) {
        int there = field(t->cases[i].in, k, 0, fill) && strcmp(fill, "-") != 0;
        if (there && field(t->cases[i].fill, k, 1, fill) && strncmp(fill, "labels", 6) != 0)
            return;
    }
    fill[0] = 0;
}

dg_draw_kind dg_draw_kind_of(const dg_node_type *t, int k)
{
    char fill[FILL_ROOM];
    dg_draw_kind kind = {0};
    fill_of(t, k, fill);
    kind.simplex = strcmp(fill, "simplex") == 0;
    kind.uniform = sscanf(fill, "uniform(%lf,%lf)", &kind.low, &kind.high) == 2 && kind.low >= 0;
    return kind;
}

/* A loss that reads the input itself says what it takes; where numbers below 0 are among it, normal
 * ones will do. */
static dg_draw_kind kind_of(const dg_graph *g, int id)
{
    for (int j = 0; j < g->n_nodes; j++) {
        const dg_node *n = &g->nodes[j];
        for (int i = 0; (n->type->flags & DG_LOSS) && i < n->n_in; i++) {
            dg_draw_kind k = dg_draw_kind_of(n->type, i);
            if (n->in[i] != id)
                continue;
            if (k.simplex || k.uniform)
                return k;
        }
    }
    return (dg_draw_kind){0};
}

static void draw_real(const dg_draw_kind *k, uint64_t seed, uint64_t stream, const dg_shape *s,
                      float *x)
{
    int64_t n = dg_shape_count(s), last = s->rank > 0 ? s->dim[s->rank - 1] : 1;
    for (int64_t i = 0; i < n; i++) {
        double u = dg_uniform(seed, stream, (uint64_t)i);
        x[i] = (float)(k->simplex   ? u + 0.01
                       : k->uniform ? k->low + (k->high - k->low) * u
                                    : dg_normal(seed, stream, (uint64_t)i));
    }
    for (int64_t i = 0; k->simplex && i < n; i += last) {
        double sum = 0;
        for (int64_t j = 0; j < last; j++)
            sum += (double)x[i + j];
        for (int64_t j = 0; j < last; j++)
            x[i + j] = (float)((double)x[i + j] / sum);
    }
}

static dg_status draw_input(dg_experiment *e, dg_program *p, int id, int64_t batch, uint64_t seed,
                            dg_diag *why)
{
    const dg_vertex *v = &e->model->graph->values[id - 1];
    dg_tensor t = {.type = v->type == DG_I32 ? DG_I32 : DG_F32, .shape = v->shape};
    if (t.shape.rank > 0 && t.shape.dim[0] == DG_N)
        t.shape.dim[0] = batch;
    int64_t n = dg_shape_count(&t.shape), limit = dg_label_limit(p, (dg_value){id});
    dg_draw_kind k = kind_of(e->model->graph, id);
    t.bytes = (size_t)n * 4;
    t.data = malloc(t.bytes + 1);
    if (!t.data)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    if (t.type == DG_F32)
        draw_real(&k, seed, (uint64_t)id, &t.shape, t.data);
    for (int64_t i = 0; t.type == DG_I32 && i < n; i++)
        ((int32_t *)t.data)[i] = (int32_t)(dg_uniform(seed, (uint64_t)id, (uint64_t)i) *
                                           (double)(limit > 0 ? limit : 2));
    dg_status s = dg_set(p, (dg_value){id}, DG_VALUE, &t);
    free(t.data);
    return s == DG_OK ? DG_OK : dg_program_status(p, why);
}

dg_status dg_experiment_draw(dg_experiment *e, dg_program *p, int64_t batch, uint64_t seed,
                             dg_diag *why)
{
    const dg_graph *g = e->model->graph;
    dg_status s = DG_OK;
    for (int id = 1; s == DG_OK && id <= g->n_values; id++)
        if (g->values[id - 1].kind == DG_INPUT)
            s = draw_input(e, p, id, batch, seed, why);
    return s;
}
