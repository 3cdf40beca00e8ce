/* Both orders of a gradient, run and timed; see measure.h.
 *
 * Right to left: the adjoint pass of K pairs. Left to right: for each pair the Jacobians by the N
 * numbers of the input, one node after the other. They are carried as N rows in a program of N
 * rows, all of which hold the same pair: row i of what is perturbed is e_i, so that each node maps
 * a matrix of N rows, dX = dZ A^t. A node that mixes the rows of a batch does not map them one by
 * one: then each number of the K pairs is a pass of its own. Neither time has the forward pass in
 * it. */
#include "cli/measure.h"
#include "base/clock.h"
#include "base/number.h"
#include "engine/engine.h"
#include "graph/graph.h"
#include "train/metric_sums.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHARE 0.1 /* seconds for an order whose passes are short */

enum { MOST_ROUNDS = 1000 };

/* The inputs of the model at K pairs, by value id - 1; data NULL: not an input. */
typedef struct point {
    dg_graph *graph;
    dg_tensor *input;
    int64_t pairs;
} point;

static double at(const dg_tensor *t, int64_t i)
{
    return dg_number_get(t->type, t->data, i);
}

static int has_rows(const dg_graph *g, int32_t id)
{
    const dg_shape *s = &g->values[id - 1].shape;
    return s->rank > 0 && s->dim[0] == DG_N;
}

/* Zeroed memory for a tensor whose type and shape are there. */
static dg_status room(dg_tensor *t, dg_diag *why)
{
    t->bytes = (size_t)dg_shape_count(&t->shape) * dg_type_bytes(t->type);
    t->data = calloc(t->bytes + 1, 1);
    return t->data ? DG_OK : dg_diag_set(why, DG_EMEMORY, "out of memory");
}

/* A copy of what the program has of a value. */
static dg_status copy(dg_program *p, dg_value v, dg_part what, dg_tensor *t, dg_diag *why)
{
    *t = (dg_tensor){.data = NULL};
    dg_get(p, v, what, t);
    if (room(t, why) != DG_OK)
        return DG_EMEMORY;
    return dg_get(p, v, what, t) == DG_OK ? DG_OK : dg_program_status(p, why);
}

static dg_status draw_point(dg_experiment *e, dg_program *p, uint64_t seed, point *k, dg_diag *why)
{
    k->input = calloc((size_t)k->graph->n_values + 1, sizeof *k->input);
    if (!k->input)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    dg_status s = dg_experiment_draw(e, p, k->pairs, seed, why);
    for (int id = 1; s == DG_OK && id <= k->graph->n_values; id++)
        if (k->graph->values[id - 1].kind == DG_INPUT)
            s = copy(p, (dg_value){id}, DG_VALUE, &k->input[id - 1], why);
    return s;
}

static void free_point(point *k)
{
    for (int i = 0; k->input && i < k->graph->n_values; i++)
        free(k->input[i].data);
    free(k->input);
}

/* An input of the program: all pairs, or (pair >= 0) that pair in each of `rows` rows. */
static dg_status set_input(dg_program *p, const point *k, int32_t id, int64_t pair, int64_t rows,
                           dg_diag *why)
{
    const dg_tensor *all = &k->input[id - 1];
    dg_tensor t = *all;
    if (pair < 0 || !has_rows(k->graph, id))
        return dg_set(p, (dg_value){id}, DG_VALUE, all) == DG_OK ? DG_OK
                                                                 : dg_program_status(p, why);
    t.shape.dim[0] = rows;
    if (room(&t, why) != DG_OK)
        return DG_EMEMORY;
    size_t row = (size_t)dg_shape_row(&t.shape) * dg_type_bytes(t.type);
    for (int64_t r = 0; r < rows; r++)
        memcpy((char *)t.data + (size_t)r * row, (char *)all->data + (size_t)pair * row, row);
    dg_status s = dg_set(p, (dg_value){id}, DG_VALUE, &t);
    free(t.data);
    return s == DG_OK ? DG_OK : dg_program_status(p, why);
}

static dg_status forward(dg_program *p, const point *k, int64_t pair, int64_t rows, dg_diag *why)
{
    dg_status s = DG_OK;
    for (int id = 1; s == DG_OK && id <= k->graph->n_values; id++)
        if (k->input[id - 1].data)
            s = set_input(p, k, id, pair, rows, why);
    return s == DG_OK && dg_forward(p, &(dg_batch){.size = sizeof(dg_batch), .rows = rows}) != DG_OK
               ? dg_program_status(p, why)
               : s;
}

static dg_status pass(dg_program *p, int back, dg_diag *why)
{
    dg_status s = back ? dg_adjoint(p, NULL, 0) : dg_tangent(p);
    return s == DG_OK ? DG_OK : dg_program_status(p, why);
}

/* Seconds of a pass: the least of as many as fit into a share of the time, of one at least. */
static dg_status time_of(dg_program *p, int back, double share, double *seconds, dg_diag *why)
{
    double begin = dg_seconds(), before = begin;
    *seconds = HUGE_VAL;
    for (int k = 0; k == 0 || (before - begin < share && k < MOST_ROUNDS); k++) {
        dg_status s = pass(p, back, why);
        if (s != DG_OK)
            return s;
        double end = dg_seconds();
        *seconds = fmin(*seconds, end - before);
        before = end;
    }
    return DG_OK;
}

/* ---- left to right --------------------------------------------------------------------------- */

static dg_options options_of(const dg_value *in, int64_t rows, int back)
{
    dg_options o = dg_options_default(back ? DG_RUN_GRADIENT : DG_RUN_INFER, rows);
    o.wrt = in;
    o.n_wrt = 1;
    o.tangent = !back;
    o.threads = 1;
    return o;
}

/* What keeps the pairs from being mapped one by one: the first node behind the input that has no
 * rows, or is neither cut by rows nor sums over them, or an input without rows. NULL: nothing.
 * behind: n_values + 1 zeros. */
static const char *mixer(const dg_graph *g, dg_value in, uint8_t *behind)
{
    behind[in.id] = 1;
    for (int k = 0; has_rows(g, in.id) && k < g->n_nodes; k++) {
        const dg_node *n = &g->nodes[k];
        int depends = 0;
        for (int i = 0; i < n->n_in; i++)
            depends |= n->in[i] && behind[n->in[i]];
        for (int j = 0; depends && j < n->n_out; j++)
            behind[n->out + j] = 1;
        int apart = n->type->flags & (DG_ROWS | DG_POINTWISE | DG_ACCUMULATES | DG_VIEW);
        if (depends && (!apart || !has_rows(g, n->out)))
            return n->name ? n->name : n->type->name;
    }
    return has_rows(g, in.id) ? NULL : g->values[in.id - 1].name;
}

/* A program for tangents of these rows, if the machine has the memory for it. */
static dg_status make_left(dg_graph *g, dg_value in, int64_t rows, dg_program **p, dg_diag *why)
{
    _Alignas(DG_ALIGN) char nothing[DG_ALIGN];
    double there = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    dg_value *loss = malloc(((size_t)dg_graph_losses(g) + 1) * sizeof *loss);
    dg_options o = options_of(&in, rows, 0);
    for (; loss && o.n_keep < dg_graph_losses(g); o.n_keep++)
        loss[o.n_keep] = dg_graph_loss(g, o.n_keep, NULL, NULL);
    o.keep = loss;
    o.arena = nothing; /* too small: the compiler says what it would need, and takes nothing */
    o.arena_bytes = sizeof nothing;
    dg_program *plan = loss ? dg_compile(g, &o) : NULL;
    size_t bytes = plan ? dg_program_bytes(plan) : 0;
    dg_program_free(plan);
    o.arena = NULL;
    *p = loss && (double)bytes <= there ? dg_compile(g, &o) : NULL;
    free(loss);
    if ((double)bytes > there)
        return dg_diag_set(why, DG_EUSAGE,
                           "left to right needs %zu bytes for its Jacobians, this machine has %.0f",
                           bytes, there);
    return *p ? dg_program_status(*p, why) : dg_diag_set(why, DG_EMEMORY, "out of memory");
}

/* Adds the tangents of the losses to g: row r to g[r], or (all) all rows to g[0]. */
static dg_status add_tangents(dg_program *p, const point *k, const double scale[], int all,
                              double *g, dg_diag *why)
{
    for (int i = 0; i < dg_graph_losses(k->graph); i++) {
        dg_tensor t;
        dg_status s = copy(p, dg_graph_loss(k->graph, i, NULL, NULL), DG_TANGENT, &t, why);
        int64_t n = s == DG_OK ? dg_shape_count(&t.shape) : 0;
        int64_t row =
            all || !has_rows(k->graph, k->graph->losses[i].value) ? n : dg_shape_row(&t.shape);
        for (int64_t j = 0; j < n; j++)
            g[j / row] += scale[i] * at(&t, j);
        free(t.data);
        if (s != DG_OK)
            return s;
    }
    return DG_OK;
}

static dg_status set_tangent(dg_program *p, dg_value in, const dg_tensor *t, dg_diag *why)
{
    return dg_set(p, in, DG_TANGENT, t) == DG_OK ? DG_OK : dg_program_status(p, why);
}

/* Pair by pair: products of matrices of N rows. g has K N numbers. All pairs do the same
 * operations, so their time is K times that of the one least disturbed. */
static dg_status by_matrices(dg_program *p, dg_value in, const point *k, const double scale[],
                             double *g, double *seconds, dg_diag *why)
{
    dg_tensor unit = k->input[in.id - 1];
    int64_t n = unit.shape.dim[0] = dg_shape_row(&unit.shape);
    double least = HUGE_VAL;
    dg_status s = room(&unit, why);
    dg_tangent_by_nodes(p);
    for (int64_t i = 0; s == DG_OK && i < n; i++)
        dg_number_put(unit.type, unit.data, i * n + i, 1);
    if (s == DG_OK)
        s = set_tangent(p, in, &unit, why);
    for (int64_t pair = 0; s == DG_OK && pair < k->pairs; pair++) {
        double once = HUGE_VAL;
        s = forward(p, k, pair, n, why);
        if (s == DG_OK && pair == 0)
            s = pass(p, 0, why); /* the first pass meets new memory */
        if (s == DG_OK)
            s = time_of(p, 0, SHARE / (double)k->pairs, &once, why);
        if (s == DG_OK)
            s = add_tangents(p, k, scale, 0, g + pair * n, why);
        least = fmin(least, once);
    }
    *seconds += least * (double)k->pairs;
    free(unit.data);
    return s;
}

/* Column by column: all pairs in one program, a number of one of them perturbed. */
static dg_status by_columns(dg_program *p, dg_value in, const point *k, const double scale[],
                            double *g, double *seconds, dg_diag *why)
{
    dg_tensor unit = k->input[in.id - 1];
    dg_status s = room(&unit, why);
    if (s == DG_OK)
        s = forward(p, k, -1, k->pairs, why);
    for (int64_t i = 0, n = dg_shape_count(&unit.shape); s == DG_OK && i < n; i++) {
        dg_number_put(unit.type, unit.data, i, 1);
        s = set_tangent(p, in, &unit, why);
        dg_number_put(unit.type, unit.data, i, 0);
        double begin = dg_seconds();
        if (s == DG_OK && dg_tangent(p) != DG_OK)
            s = dg_program_status(p, why);
        *seconds += dg_seconds() - begin;
        if (s == DG_OK)
            s = add_tangents(p, k, scale, 1, g + i, why);
    }
    free(unit.data);
    return s;
}

/* ---- both ------------------------------------------------------------------------------------ */

static dg_status left_to_right(dg_value in, const point *k, const double scale[], double *g,
                               dg_measured *m, dg_diag *why)
{
    dg_program *p = NULL;
    uint8_t *behind = calloc((size_t)k->graph->n_values + 1, 1);
    if (!behind)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    const char *mixes = mixer(k->graph, in, behind);
    free(behind);
    m->mixes = mixes ? mixes : m->mixes;
    int64_t rows = mixes ? k->pairs : dg_shape_row(&k->input[in.id - 1].shape);
    dg_status s = make_left(k->graph, in, rows, &p, why);
    if (s == DG_OK)
        s = (mixes ? by_columns : by_matrices)(p, in, k, scale, g, &m->left, why);
    dg_program_free(p);
    return s;
}

/* Squares of the difference of both orders, and of the gradient, added. */
static dg_status compare(dg_value in, const point *k, const double scale[], const dg_tensor *right,
                         dg_measured *m, double sum[2], dg_diag *why)
{
    int64_t n = dg_shape_count(&right->shape);
    double *g = calloc((size_t)n + 1, sizeof *g);
    if (!g)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    dg_status s = left_to_right(in, k, scale, g, m, why);
    for (int64_t i = 0; s == DG_OK && i < n; i++) {
        sum[0] += (at(right, i) - g[i]) * (at(right, i) - g[i]);
        sum[1] += at(right, i) * at(right, i);
    }
    m->columns += has_rows(k->graph, in.id) ? dg_shape_row(&right->shape) : n;
    free(g);
    return s;
}

/* Both orders for one input. */
static dg_status measure_input(dg_experiment *e, dg_value in, int64_t pairs, uint64_t seed,
                               dg_measured *m, double sum[2], dg_diag *why)
{
    dg_graph *g = e->model->graph;
    point k = {.graph = g, .pairs = pairs};
    double *scale = calloc((size_t)dg_graph_losses(g), sizeof *scale), seconds = 0;
    dg_tensor right = {.data = NULL};
    dg_options o = options_of(&in, pairs, 1);
    dg_program *p = dg_compile(g, &o);
    dg_status s =
        p && scale ? dg_program_status(p, why) : dg_diag_set(why, DG_EMEMORY, "out of memory");
    if (s == DG_OK)
        s = draw_point(e, p, seed, &k, why);
    if (s == DG_OK)
        s = forward(p, &k, -1, pairs, why);
    if (s == DG_OK)
        s = pass(p, 1, why);
    if (s == DG_OK)
        s = time_of(p, 1, SHARE, &seconds, why);
    if (s == DG_OK)
        s = copy(p, in, DG_GRADIENT, &right, why);
    for (int i = 0; s == DG_OK && i < dg_graph_losses(g); i++) {
        double weight;
        dg_graph_loss(g, i, NULL, &weight);
        int64_t count = dg_loss_pairs(p, i);
        scale[i] = count > 0 ? weight / (double)count : 0;
    }
    dg_program_free(p);
    m->right += seconds;
    if (s == DG_OK)
        s = compare(in, &k, scale, &right, m, sum, why);
    free(right.data);
    free(scale);
    free_point(&k);
    return s;
}

dg_status dg_order_measure(dg_experiment *e, int64_t pairs, uint64_t seed, dg_measured *m,
                           dg_diag *why)
{
    const dg_graph *g = e->model->graph;
    double sum[2] = {0};
    *m = (dg_measured){0};
    if (dg_graph_losses(g) == 0)
        return dg_diag_set(why, DG_EMODEL,
                           "the model has no loss: there is no gradient to compute");
    for (int i = 0; i < e->model->n_ports; i++) {
        const dg_port *port = &e->model->ports[i];
        if (port->target || g->values[port->value.id - 1].type == DG_I32)
            continue;
        dg_status s = measure_input(e, port->value, pairs, seed, m, sum, why);
        if (s != DG_OK)
            return s;
    }
    if (m->columns == 0)
        return dg_diag_set(why, DG_EMODEL, "the model has no real input to differentiate by");
    m->gap = sum[1] > 0 ? sqrt(sum[0] / sum[1]) : sqrt(sum[0]);
    return DG_OK;
}
