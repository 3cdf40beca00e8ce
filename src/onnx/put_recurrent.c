/* rnn, gru, lstm: a layer is an operator. Series are [T, N, F] in the file.
 *
 * Parameters are one tensor a role, split by layers, so that a file that is read again has them
 * back; gates are in the order of ONNX. Of its two biases dagrad has one, the other is 0. */
#include "onnx/export.h"

#include "onnx/gates.h"
#include <string.h>

enum { X, WEIGHT, DEEP, RECURRENT, BIAS, START, CELL, SECOND_BIAS = CELL };
enum { ALL, LAST, LAST_CELL, RESULTS };
enum { MOST_LAYERS = 64 };

typedef struct {
    const dg_put *p;
    const dg_cell *cell;
    bool lstm, after; /* after: the reset gate comes after the product */
    int64_t units, layers, directions, gates;
} plan;

/* Pieces of one tensor, a layer each. */
typedef struct {
    const char *of[MOST_LAYERS];
} pieces;

static plan plan_of(const dg_put *p)
{
    const dg_cell *c = dg_cell_find(p->node->type->name);
    plan r = {.p = p,
              .cell = c,
              .lstm = strcmp(c->node, "lstm") == 0,
              .units = dg_put_int(p, "units"),
              .layers = dg_put_int(p, "layers"),
              .directions = dg_put_attr(p, "direction")->word == 2 ? 2 : 1,
              .gates = c->gates};
    r.after = strcmp(c->node, "gru") == 0 && dg_put_attr(p, "reset")->word == 1;
    if (r.layers > MOST_LAYERS)
        dg_put_fail(p, "has more than %d layers", MOST_LAYERS);
    return r;
}

/* ---- Parameters ------------------------------------------------------------------------------ */

/* [rows, blocks gates units] as [blocks, gates units, rows], gates in the order of the file. A
 * vector has one row, and no axis for it. */
static const char *blocks(const plan *r, int k, int64_t gates, bool vector)
{
    const dg_put *p = r->p;
    const dg_vertex *v = dg_put_value(p, k);
    int64_t width = v->shape.dim[v->shape.rank - 1], rows = vector ? 1 : v->shape.dim[0], at = 0;
    int64_t n = gates * r->units > 0 ? width / (gates * r->units) : 0;
    int64_t dim[3] = {n, gates * r->units, rows}, from[4] = {0};
    if (!dg_is_stored(p->x, p->node->in[k]))
        dg_put_fail(p, "has weights that are computed, whose gates cannot be put in order");
    for (int i = 0; gates > 1 && i < gates; i++)
        from[r->cell->order[i]] = i;
    int64_t *index = dg_heap_take(&p->x->heap, (size_t)(n * dim[1] * rows), sizeof *index);
    for (int64_t b = 0; b < n; b++)
        for (int64_t i = 0; i < dim[1]; i++)
            for (int64_t row = 0; row < rows; row++)
                index[at++] =
                    row * width + (b * gates + from[i / r->units]) * r->units + i % r->units;
    return dg_store_value(p->x, p->node->in[k], "gates", vector ? 2 : 3, dim, index);
}

/* Cuts axis 0 by layers, of which there are so many. */
static pieces cut(const plan *r, const char *tensor, int64_t layers)
{
    pieces all = {.of = {tensor}};
    int64_t size[MOST_LAYERS];
    dg_export *x = r->p->x;
    if (layers == 1)
        return all;
    for (int64_t i = 0; i < layers; i++) {
        size[i] = r->directions;
        all.of[i] = dg_export_name(x, dg_heap_printf(&x->heap, "%s.%d", tensor, (int)i));
    }
    const char *in[2] = {tensor, dg_store_ints(x, "parts", (int)layers, size)};
    dg_put_ops(x, "Split", 2, in, (int)layers, all.of, NULL);
    return all;
}

/* Biases of x, and of h, as one. */
static const char *biases(const plan *r, const char *bias, const char *second)
{
    dg_export *x = r->p->x;
    int64_t all = r->gates * r->units, none = second ? all - r->units : all;
    int64_t dim[2] = {r->directions, none};
    dg_text a = dg_text_make(&x->memory);
    double *zeros = dg_heap_take(&x->heap, (size_t)(r->directions * none), sizeof *zeros);
    const char *in[3] = {bias, dg_store_reals(x, "no_bias", 2, dim, zeros), second};
    dg_attr_put_i(&a, "axis", 1);
    return dg_put_op(x, r->p->node->name, "Concat", second ? 3 : 2, in, NULL, &a);
}

/* ---- Layers ---------------------------------------------------------------------------------- */

static const char *turn(const plan *r, const char *in, const char *out)
{
    static const int64_t perm[] = {1, 0, 2};
    return dg_put_turn(r->p->x, r->p->node->name, in, 3, perm, out);
}

/* States before the first place, by layers; none: "". */
static pieces starts(const plan *r, int k)
{
    pieces none = {.of = {""}};
    for (int i = 0; i < MOST_LAYERS; i++)
        none.of[i] = "";
    if (!dg_put_value(r->p, k) || (k == CELL && !r->lstm))
        return none;
    return cut(r, turn(r, dg_put_in(r->p, k, DG_AXES_PLAIN), NULL), r->layers);
}

/* [T, D, N, units] as [T, N, D units], or with the batch first. */
static const char *joined(const plan *r, const char *states, bool batch_first, const char *out)
{
    static const int64_t perm[2][4] = {{0, 2, 1, 3}, {2, 0, 1, 3}};
    dg_export *x = r->p->x;
    const int64_t sizes[3] = {0, 0, r->directions * r->units};
    const char *near = r->p->node->name;
    const char *in[2] = {dg_put_turn(x, near, states, 4, perm[batch_first], NULL),
                         dg_store_ints(x, "sizes", 3, sizes)};
    return dg_put_op(x, near, "Reshape", 2, in, out, NULL);
}

static void put_layer(const plan *r, const char *const in[7], const char *const out[RESULTS])
{
    static const char *const ways[] = {"forward", "reverse", "bidirectional"};
    dg_text a = dg_text_make(&r->p->x->memory);
    dg_attr_put_i(&a, "hidden_size", r->units);
    dg_attr_put_s(&a, "direction", ways[dg_put_attr(r->p, "direction")->word]);
    if (strcmp(r->cell->node, "gru") == 0)
        dg_attr_put_i(&a, "linear_before_reset", r->after);
    dg_put_ops(r->p->x, r->cell->op, r->lstm ? 7 : 6, in, r->lstm ? 3 : 2, out, &a);
}

/* The last states of all layers as a result of the node. */
static void put_last(const plan *r, int k, const pieces *of)
{
    dg_export *x = r->p->x;
    dg_text a = dg_text_make(&x->memory);
    if (!x->held[r->p->node->out + k - 1].live)
        return;
    dg_attr_put_i(&a, "axis", 0);
    const char *all =
        r->layers == 1 ? of->of[0]
                       : dg_put_op(x, r->p->node->name, "Concat", (int)r->layers, of->of, NULL, &a);
    turn(r, all, dg_put_out(r->p, k, DG_AXES_PLAIN));
}

void dg_put_recurrent(const dg_put *p)
{
    plan r = plan_of(p);
    dg_export *x = p->x;
    pieces last[2], deep = {.of = {NULL}}, second = {.of = {NULL}};
    const char *in[7] = {turn(&r, dg_put_in(p, X, DG_AXES_PLAIN), NULL)}, *states = NULL;
    pieces recurrent = cut(&r, blocks(&r, RECURRENT, r.gates, false), r.layers);
    pieces bias = cut(&r, blocks(&r, BIAS, r.gates, true), r.layers);
    pieces start = starts(&r, START), cell = starts(&r, CELL);
    const char *first = blocks(&r, WEIGHT, r.gates, false);
    if (r.layers > 1)
        deep = cut(&r, blocks(&r, DEEP, r.gates, false), r.layers - 1);
    if (r.after)
        second = cut(&r, blocks(&r, SECOND_BIAS, 1, true), r.layers);
    for (int64_t i = 0; i < r.layers; i++) {
        const char *out[RESULTS];
        for (int k = 0; k < RESULTS; k++)
            out[k] = dg_export_name(x, dg_heap_printf(&x->heap, "%s.layer%d", p->node->name, k));
        in[0] = i ? joined(&r, states, false, NULL) : in[0];
        in[1] = i ? deep.of[i - 1] : first;
        in[2] = recurrent.of[i];
        in[3] = biases(&r, bias.of[i], second.of[i]);
        in[4] = "";
        in[5] = start.of[i];
        in[6] = cell.of[i];
        put_layer(&r, in, out);
        states = out[ALL];
        last[0].of[i] = out[LAST];
        last[1].of[i] = out[LAST_CELL];
    }
    if (x->held[p->node->out - 1].live)
        joined(&r, states, true, dg_put_out(p, ALL, DG_AXES_PLAIN));
    put_last(&r, LAST, &last[0]);
    if (r.lstm)
        put_last(&r, LAST_CELL, &last[1]);
}
