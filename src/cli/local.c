/* One node at a point; see local.h. Row r of A is the adjoint of the r-th unit error vector. */
#include "cli/local.h"
#include "base/number.h"
#include "base/text.h"
#include "cli/numbers.h"
#include "engine/probe.h"
#include "graph/graph.h"
#include <stdlib.h>
#include <string.h>

enum { MOST_ROWS = 4096, MOST_ENTRIES = 1 << 22 };

typedef struct local {
    FILE *to;
    const dg_graph *g;
    const dg_naive *at;
    const dg_node *node;
    dg_probe probe;
    double *eps; /* of all results, one after the other; NULL: no loss depends on the node */
} local;

static const char *value_name(const dg_graph *g, int32_t id)
{
    return g->values[id - 1].name ? g->values[id - 1].name : "a constant";
}

static void print_head(const local *l)
{
    const char *sign = "";
    fprintf(l->to, "%s = %s(", value_name(l->g, l->node->out), l->node->type->name);
    for (int i = 0; i < l->node->n_in; i++) {
        if (!l->node->in[i])
            continue;
        fprintf(l->to, "%s%s", sign, value_name(l->g, l->node->in[i]));
        sign = ", ";
    }
    fprintf(l->to, ")\n");
}

/* A value of the step, or its error vector. */
static void print_value(const local *l, int32_t id, dg_part what, const char *title)
{
    char text[512];
    const void *data = dg_naive_get(l->at, (dg_value){id}, what);
    const dg_shape *s = dg_naive_shape(l->at, (dg_value){id});
    if (!data)
        return;
    dg_format(text, sizeof text, title, value_name(l->g, id));
    dg_tensor t = {l->g->values[id - 1].type, *s, (void *)(uintptr_t)data, 0};
    dg_numbers_print(l->to, text, &t);
}

/* The error vectors of all results as one vector of double; one that nothing reads is 0. */
static dg_status read_eps(local *l, dg_diag *why)
{
    int64_t at = 0, found = 0;
    l->eps = calloc((size_t)dg_probe_out(&l->probe) + 1, sizeof *l->eps);
    if (!l->eps)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    for (int j = 0; j < l->probe.n_results; j++) {
        const void *eps = dg_naive_get(l->at, (dg_value){l->node->out + j}, DG_ERROR_VECTOR);
        int64_t n = dg_shape_count(&l->probe.out_shape[j]);
        for (int64_t i = 0; eps && i < n; i++)
            l->eps[at + i] = dg_number_get(l->g->real, eps, i);
        at += n;
        found += eps != NULL;
    }
    if (!found) {
        free(l->eps);
        l->eps = NULL;
    }
    return DG_OK;
}

/* "A" of a value, "B" of a parameter. */
static const char *letter(const local *l, int input)
{
    return l->g->values[l->node->in[input] - 1].kind == DG_PARAMETER ? "B" : "A";
}

static dg_status print_matrix(local *l, int input, dg_diag *why)
{
    char title[512];
    int64_t rows = dg_probe_out(&l->probe), columns = dg_probe_in(&l->probe, input);
    dg_format(title, sizeof title, "%s = d %s / d %s", letter(l, input),
              value_name(l->g, l->node->out), value_name(l->g, l->node->in[input]));
    if (rows > MOST_ROWS || rows * columns > MOST_ENTRIES) {
        fprintf(l->to, "%s  [%lld, %lld]\n  too large to be formed; --sample takes one row\n",
                title, (long long)rows, (long long)columns);
        return DG_OK;
    }
    double *unit = calloc((size_t)rows + 1, sizeof *unit);
    dg_tensor t = {DG_F64, dg_shape_make(2, (int64_t[]){rows, columns}),
                   malloc((size_t)(rows * columns + 1) * sizeof(double)), 0};
    for (int64_t r = 0; unit && t.data && r < rows; r++) {
        unit[r] = 1;
        dg_probe_adjoint(&l->probe, input, unit, (double *)t.data + r * columns);
        unit[r] = 0;
    }
    if (unit && t.data)
        dg_numbers_print(l->to, title, &t);
    else
        dg_diag_set(why, DG_EMEMORY, "out of memory");
    free(unit);
    free(t.data);
    return why->code;
}

static dg_status print_product(local *l, int input, dg_diag *why)
{
    char title[64];
    int64_t n = dg_probe_in(&l->probe, input);
    dg_tensor t = {DG_F64, l->probe.in_shape[input], malloc((size_t)(n + 1) * sizeof(double)), 0};
    if (!t.data)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    dg_probe_adjoint(&l->probe, input, l->eps, t.data);
    dg_format(title, sizeof title, "%s^t eps", letter(l, input));
    dg_numbers_print(l->to, title, &t);
    free(t.data);
    return DG_OK;
}

static dg_status print_all(local *l, dg_diag *why)
{
    dg_status s = read_eps(l, why);
    print_head(l);
    for (int i = 0; s == DG_OK && i < l->node->n_in; i++)
        if (l->node->in[i])
            print_value(l, l->node->in[i], DG_VALUE, "%s");
    for (int j = 0; s == DG_OK && j < l->probe.n_results; j++) {
        print_value(l, l->node->out + j, DG_VALUE, "%s");
        print_value(l, l->node->out + j, DG_ERROR_VECTOR, "eps of %s");
    }
    for (int i = 0; s == DG_OK && i < l->node->n_in; i++) {
        if (!l->node->in[i] || !dg_probe_differentiable(&l->probe, i))
            continue;
        s = print_matrix(l, i, why);
        if (s == DG_OK && l->eps)
            s = print_product(l, i, why);
    }
    free(l->eps);
    return s;
}

dg_status dg_local_print(FILE *to, const dg_graph *g, const dg_naive *at, dg_value v, dg_diag *why)
{
    int node = g->values[v.id - 1].node;
    local l = {.to = to, .g = g, .at = at, .node = &g->nodes[node]};
    const dg_isa *isa = dg_isa_choose(NULL, why);
    dg_status s = isa ? dg_probe_make(&l.probe, g, at, node, isa, NULL, why) : why->code;
    if (s == DG_OK) {
        s = print_all(&l, why);
        if (s == DG_OK && l.probe.failed != DG_OK) {
            *why = l.probe.why;
            s = why->code;
        }
        dg_probe_free(&l.probe);
    }
    return s;
}
