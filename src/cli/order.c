/* The order of computation.
 *
 * The gradient of a loss by something at the left of a chain is eps^t A_M ... A_2 A_1 B. From right
 * to left it is a vector times a matrix at each node: about the cost C of the node's forward pass.
 * From left to right it is a matrix times a matrix: the Jacobian of the node's result by all N
 * numbers that stand to its left, N columns, each at the cost C. */
#include "cli/order.h"
#include "base/text.h"
#include "cli/columns.h"
#include "cli/measure.h"
#include "graph/graph.h"
#include <stdio.h>
#include <stdlib.h>

typedef struct cost {
    double inputs, all;   /* numbers at the left: of the real inputs; of parameters too */
    double forward, back; /* operations: C, and those of the adjoint */
    double elements;      /* of the results */
} cost;

static int64_t count_of(const dg_graph *g, int32_t id)
{
    dg_shape s = g->values[id - 1].shape;
    if (s.rank > 0 && s.dim[0] == DG_N)
        s.dim[0] = 1;
    return dg_shape_count(&s);
}

/* Marks what value `id` depends on: bit by leaf. */
static void mark(const dg_graph *g, uint8_t *behind, int node)
{
    const dg_node *n = &g->nodes[node];
    size_t width = (size_t)g->n_values;
    for (int j = 0; j < n->n_out; j++) {
        uint8_t *to = behind + (size_t)(n->out + j - 1) * width;
        for (int i = 0; i < n->n_in; i++) {
            if (!n->in[i])
                continue;
            const uint8_t *from = behind + (size_t)(n->in[i] - 1) * width;
            for (size_t k = 0; k < width; k++)
                to[k] |= from[k];
        }
    }
}

static double node_flops(const dg_graph *g, const dg_node *n, int input)
{
    dg_shape in[8];
    if (n->type->flags & DG_VIEW)
        return 0;
    if (!n->type->flops || n->n_in > 8)
        return (double)count_of(g, n->out);
    for (int i = 0; i < n->n_in; i++) {
        in[i] = n->in[i] ? g->values[n->in[i] - 1].shape : (dg_shape){.rank = -1};
        if (in[i].rank > 0 && in[i].dim[0] == DG_N)
            in[i].dim[0] = 1;
    }
    return n->type->flops(&(dg_sizes){.size = sizeof(dg_sizes),
                                      .attrs = n->attrs,
                                      .n_in = n->n_in,
                                      .in = in,
                                      .real = g->real},
                          input);
}

static cost cost_of(const dg_graph *g, const uint8_t *behind, int node)
{
    const dg_node *n = &g->nodes[node];
    cost c = {.forward = node_flops(g, n, -1)};
    const uint8_t *row = behind + (size_t)(n->out - 1) * (size_t)g->n_values;
    for (int id = 1; id <= g->n_values; id++) {
        const dg_vertex *v = &g->values[id - 1];
        if (!row[id - 1])
            continue;
        double count = (double)count_of(g, id);
        c.inputs += v->kind == DG_INPUT ? count : 0;
        c.all += count;
    }
    for (int i = 0; i < n->n_in; i++) {
        const uint8_t *from =
            n->in[i] ? behind + (size_t)(n->in[i] - 1) * (size_t)g->n_values : NULL;
        int any = 0;
        for (int k = 0; from && k < g->n_values; k++)
            any |= from[k];
        c.back += any ? node_flops(g, n, i) : 0;
    }
    for (int j = 0; j < n->n_out; j++)
        c.elements += (double)count_of(g, n->out + j);
    return c;
}

static uint8_t *leaves(const dg_graph *g)
{
    uint8_t *behind = calloc((size_t)g->n_values * (size_t)g->n_values + 1, 1);
    for (int id = 1; behind && id <= g->n_values; id++) {
        const dg_vertex *v = &g->values[id - 1];
        int leaf = v->type == g->real && (v->kind == DG_INPUT || v->kind == DG_PARAMETER);
        behind[(size_t)(id - 1) * (size_t)g->n_values + (size_t)(id - 1)] = (uint8_t)leaf;
    }
    for (int k = 0; behind && k < g->n_nodes; k++)
        mark(g, behind, k);
    return behind;
}

static void print_costs(const dg_graph *g, const uint8_t *behind)
{
    dg_text t = dg_text_make(NULL);
    size_t unit = dg_type_bytes(g->real);
    cost sum = {0};
    double left_inputs = 0, left_all = 0, bytes_right = 0, bytes_left = 0;
    dg_text_add(&t, "node\tright to left\tbytes\tleft to right\tbytes\tratio\n");
    for (int k = 0; k < g->n_nodes; k++) {
        const dg_node *n = &g->nodes[k];
        cost c = cost_of(g, behind, k);
        double left = c.all * c.forward, right = c.elements * (double)unit;
        dg_text_printf(&t, "%s\t%.4g\t%.4g\t%.4g\t%.4g\t%.4g\n", n->name ? n->name : n->type->name,
                       c.back, right, left, right * c.all, c.back > 0 ? left / c.back : 0);
        sum.back += c.back;
        left_all += left;
        left_inputs += c.inputs * c.forward;
        bytes_right += right;
        bytes_left = right * c.all > bytes_left ? right * c.all : bytes_left;
    }
    dg_text_printf(&t, "all\t%.4g\t%.4g\t%.4g\t%.4g\t%.4g\n", sum.back, bytes_right, left_all,
                   bytes_left, sum.back > 0 ? left_all / sum.back : 0);
    dg_columns_print(stdout, &t, "", 0x3e);
    printf(
        "one pair; left to right carries the Jacobian by all inputs and parameters; by the inputs "
        "alone: %.4g operations\n",
        left_inputs);
    dg_text_free(&t);
}

static dg_status measure_all(dg_experiment *e, int64_t pairs, uint64_t seed, dg_diag *why)
{
    dg_measured m;
    dg_status s = dg_order_measure(e, pairs, seed, &m, why);
    if (s != DG_OK)
        return s;
    printf("measured, %lld pairs, gradient by %lld input numbers: right to left %.4g ms, left to "
           "right %.4g ms, ratio %.4g; the gradients differ by %.2g of their norm\n",
           (long long)pairs, (long long)m.columns, 1e3 * m.right, 1e3 * m.left, m.left / m.right,
           m.gap);
    if (m.mixes)
        printf("left to right went column by column: '%s' does not keep the pairs apart\n",
               m.mixes);
    else
        printf("left to right went as products of matrices, pair by pair\n");
    return DG_OK;
}

dg_status dg_order_print(dg_experiment *e, int measure, int64_t pairs, uint64_t seed, dg_diag *why)
{
    const dg_graph *g = e->model->graph;
    uint8_t *behind = leaves(g);
    if (!behind)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    print_costs(g, behind);
    free(behind);
    return measure ? measure_all(e, pairs, seed, why) : DG_OK;
}
