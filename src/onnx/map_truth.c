/* Comparisons, and what is done with them: truth values are the numbers 0 and 1. */
#include "onnx/map.h"

#include "graph/graph.h"
#include "onnx/inputs.h"
#include <string.h>

typedef struct {
    const char *op, *node; /* node: of the model */
    bool not ;             /* and then the other way round */
} comparison;

static const comparison comparisons[] = {
    {"Equal", "equal", false},        {"Greater", "greater", false},    {"Less", "less", false},
    {"GreaterOrEqual", "less", true}, {"LessOrEqual", "greater", true}, {"And", "mul", false},
    {"Or", "maximum", false},         {"Xor", "not_equal", false}};

/* Rows of the table that these ids are looked up in somewhere; 0: nowhere. */
static int64_t rows_of(const dg_import *m, const dg_onnx_value *ids)
{
    const dg_onnx_graph *g = m->proto->graph;
    for (int i = 0; i < g->n_nodes; i++) {
        const dg_onnx_node *n = &g->nodes[i];
        if (strcmp(n->op, "Gather") != 0 || n->n_in != 2 || strcmp(n->in[1], ids->name) != 0)
            continue;
        const dg_onnx_value *table = dg_onnx_find_value(m->top, n->in[0]);
        if (table && table->fixed[0] && table->fixed[0]->rank == 2)
            return table->fixed[0]->dim[0];
    }
    return 0;
}

/* ids = k: looked up in a table that is 1 in row k and 0 elsewhere. */
static bool equal_ids(dg_import *m, const dg_step *s, const dg_onnx_value *ids, double k)
{
    int64_t rows = rows_of(m, ids);
    int first[DG_MAX_RANK + 1];
    if (!rows || ids->rank >= DG_MAX_RANK || !dg_onnx_dims_of(ids, &ids->at, first))
        return dg_onnx_refuse(m, s, "of integers that are looked up nowhere");
    dg_onnx_array *a = dg_onnx_array_new(m, false, 2, (const int64_t[]){rows, 1}, false);
    if (k >= 0 && k < (double)rows)
        dg_onnx_reals(a)[(int64_t)k] = 1;
    dg_onnx_value table = {.name = "is_id", .fixed = {a, a}};
    dg_shape shape = {2, {rows, 1}};
    const char *name = dg_onnx_declare(m, &table, DG_ONNX_CONSTANT, "table of Equal", &shape, NULL);
    dg_want w = {0};
    for (int i = 0; i < ids->rank; i++) {
        int n = w.start[w.n];
        for (int j = first[i]; j < first[i + 1]; j++)
            w.atom[n++] = j;
        w.start[++w.n] = n;
    }
    dg_want_one(&w);
    s->out[0]->at = ids->at;
    dg_onnx_say(m, s, s->out[0], &w, "embedding(%s, vocabulary=%lld, units=1, weight=%s)", ids->dag,
                (long long)rows, name);
    return true;
}

bool dg_map_compare(dg_import *m, const dg_step *s)
{
    const char *text[2];
    double k;
    const comparison *c = comparisons;
    while (strcmp(c->op, s->node->op) != 0)
        c++;
    if (!dg_type_find(NULL, c->node))
        return dg_onnx_refuse(m, s, "is not read here");
    if (strcmp(c->op, "Equal") == 0 && s->in[0]->integer && !s->in[0]->fixed[0] &&
        dg_onnx_scalar(s, 1, &k))
        return equal_ids(m, s, s->in[0], k);
    if (!dg_onnx_pair(m, s, s->in[0], s->in[1], false, s->out[0], text))
        return false;
    const char *call = dg_heap_printf(&m->heap, "%s(%s, %s)", c->node, text[0], text[1]);
    s->out[0]->dag = dg_onnx_name(m, s->out[0]->name);
    dg_onnx_statement(m, s, s->out[0]->dag,
                      c->not ? dg_heap_printf(&m->heap, "1 - %s", call) : call);
    return true;
}

bool dg_map_not(dg_import *m, const dg_step *s)
{
    if (s->in[0]->integer)
        return dg_onnx_refuse(m, s, "of integers that the input decides");
    dg_onnx_like(m, s, s->out[0], s->in[0], "1 - %s", s->in[0]->dag);
    return true;
}

bool dg_map_isnan(dg_import *m, const dg_step *s)
{
    dg_onnx_like(m, s, s->out[0], s->in[0], "not_equal(%s, %s)", s->in[0]->dag, s->in[0]->dag);
    return true;
}

static int64_t elements(const dg_onnx_value *v)
{
    int64_t n = 1;
    for (int k = 0; k < dg_onnx_rank(v); k++)
        n *= dg_onnx_dim(v, 0, k);
    return n;
}

/* Places of the three operands, the largest first. */
static void sort_by_size(const dg_step *s, int place[3])
{
    for (int i = 0; i < 3; i++) {
        int k = i;
        for (; k > 0 && elements(s->in[place[k - 1]]) < elements(s->in[i]); k--)
            place[k] = place[k - 1];
        place[k] = i;
    }
}

/* The smaller ones are stretched to the largest, one after the other. */
bool dg_map_where(dg_import *m, const dg_step *s)
{
    int of[3];
    const char *text[3], *first[2], *second[2];
    dg_onnx_value both = {.name = s->out[0]->name};
    if (!dg_type_find(NULL, "where"))
        return dg_onnx_refuse(m, s, "is not read here");
    for (int i = 0; i < 3; i++)
        if (s->in[i]->integer && !s->in[i]->fixed[0])
            return dg_onnx_refuse(m, s, "of integers that the input decides");
    if (s->in[1]->fixed[0] && s->in[2]->fixed[0] && s->in[0]->fixed[0])
        return dg_onnx_refuse(m, s, "of constants");
    sort_by_size(s, of);
    if (!dg_onnx_pair(m, s, s->in[of[0]], s->in[of[1]], false, &both, first))
        return false;
    both.dag = first[0];
    if (!dg_onnx_pair(m, s, &both, s->in[of[2]], false, s->out[0], second))
        return false;
    if (strcmp(second[0], first[0]) != 0)
        return dg_onnx_refuse(m, s, "of three operands that stretch one another");
    text[of[0]] = first[0];
    text[of[1]] = first[1];
    text[of[2]] = second[1];
    s->out[0]->dag = dg_onnx_name(m, s->out[0]->name);
    dg_onnx_statement(m, s, s->out[0]->dag,
                      dg_heap_printf(&m->heap, "where(%s, %s, %s)", text[0], text[1], text[2]));
    return true;
}
