/* Pictures and series that become rows, and rows that become pictures. dagrad has channels last,
 * PyTorch first, so the features of such rows, and what is learnt for each of them, lie otherwise.
 *
 * Which values PyTorch has with their channels first: what convolutions, poolings and their like
 * read and make, and what is made of that element by element. */
#include "io/pytorch_parts.h"

#include <string.h>

typedef enum { UNKNOWN, PLAIN, CHANNELS } kind; /* CHANNELS: first in PyTorch */

typedef struct {
    const dg_graph *g;
    uint8_t *kind;       /* of each value's id */
    dg_torch_flat *flat; /* as well */
} finder;

static bool is_one_of(const dg_node *n, const char *const names[])
{
    for (int i = 0; n->builtin >= 0 && names[i]; i++)
        if (strcmp(n->type->name, names[i]) == 0)
            return true;
    return false;
}

static bool takes_channels(const dg_node *n)
{
    static const char *const names[] = {"conv",           "conv_transpose",   "maxpool",  "avgpool",
                                        "global_avgpool", "adaptive_avgpool", "upsample", "lrn",
                                        "batchnorm",      "groupnorm",        NULL};
    return is_one_of(n, names);
}

static bool makes_plain(const dg_node *n)
{
    static const char *const names[] = {"linear", "attention", "embedding", "position", "rnn",
                                        "gru",    "lstm",      "layernorm", NULL};
    return is_one_of(n, names);
}

static bool is_view(const dg_node *n)
{
    static const char *const names[] = {"reshape", "flatten", NULL};
    return is_one_of(n, names);
}

static const dg_shape *shape(const finder *f, int32_t id)
{
    return &f->g->values[id - 1].shape;
}

/* An input of a node that has the shape of its result, where that is made element by element. */
static bool is_like(const finder *f, const dg_node *n, int k)
{
    return n->in[k] && !is_view(n) && dg_input_spec_of(n, k)->flags == 0 &&
           dg_shape_equal(shape(f, n->in[k]), shape(f, n->out));
}

/* ---- Channels -------------------------------------------------------------------------------- */

static void kinds_forward(finder *f, const dg_node *n)
{
    const bool wide = shape(f, n->out)->rank > 2;
    if (takes_channels(n) || makes_plain(n))
        f->kind[n->out] = wide ? (takes_channels(n) ? CHANNELS : PLAIN) : UNKNOWN;
    for (int k = 0; k < n->n_in && wide && f->kind[n->out] == UNKNOWN; k++)
        if (is_like(f, n, k))
            f->kind[n->out] = f->kind[n->in[k]];
}

static void kinds_back(finder *f, const dg_node *n)
{
    for (int k = 0; k < n->n_in; k++)
        if (n->in[k] && f->kind[n->in[k]] == UNKNOWN && shape(f, n->in[k])->rank > 2 &&
            (takes_channels(n) ? k == 0 : is_like(f, n, k)))
            f->kind[n->in[k]] = takes_channels(n) ? CHANNELS : f->kind[n->out];
}

static void find_kinds(finder *f)
{
    for (int i = 0; i < f->g->n_nodes; i++)
        kinds_forward(f, &f->g->nodes[i]);
    for (int i = f->g->n_nodes; i-- > 0;)
        kinds_back(f, &f->g->nodes[i]);
    for (int i = 0; i < f->g->n_nodes; i++) /* what went back may go on by another way */
        kinds_forward(f, &f->g->nodes[i]);
    for (int32_t id = 1; id <= f->g->n_values; id++) /* a picture that nothing but flatten reads */
        if (f->g->values[id - 1].kind == DG_INPUT && shape(f, id)->rank == 4 &&
            f->kind[id] == UNKNOWN)
            f->kind[id] = CHANNELS;
}

/* ---- Rows ------------------------------------------------------------------------------------ */

/* The picture [N, h, w, c] or series [N, t, c] of which a row is one; c 0: it is none. Of one
 * channel, or one place, the order is the same. */
static dg_torch_flat picture_of(const finder *f, int32_t wide, int32_t row)
{
    const dg_shape *s = shape(f, wide), *r = shape(f, row);
    dg_torch_flat none = {.c = 0}, p = {.h = 1, .w = 1};
    if (f->kind[wide] != CHANNELS || s->rank < 3 || s->rank > 4 || r->rank != 2)
        return none;
    p.c = s->dim[s->rank - 1];
    p.w = s->dim[s->rank - 2];
    p.h = s->rank == 4 ? s->dim[1] : 1;
    return p.c > 1 && p.h * p.w > 1 && dg_shape_row(s) == dg_shape_row(r) ? p : none;
}

static bool is_set(const dg_torch_flat *p)
{
    return p->c > 0 || p->mixed;
}

static void flats_forward(finder *f, const dg_node *n)
{
    dg_torch_flat *to = &f->flat[n->out];
    if (is_view(n) && shape(f, n->in[0])->rank > 2 && !is_set(to))
        *to = picture_of(f, n->in[0], n->out);
    for (int k = 0; k < n->n_in && !makes_plain(n) && !is_view(n); k++) {
        const dg_torch_flat *from = &f->flat[n->in[k]];
        if (!n->in[k] || !is_set(from) || is_set(to))
            continue;
        if (is_like(f, n, k))
            *to = *from;
        else
            for (int i = 0; i < n->n_out; i++) /* concat, slice, split: of pictures in part */
                f->flat[n->out + i].mixed = shape(f, n->out + i)->rank == 2;
    }
}

static void flats_back(finder *f, const dg_node *n)
{
    if (is_view(n) && shape(f, n->out)->rank > 2 && !is_set(&f->flat[n->in[0]]))
        f->flat[n->in[0]] = picture_of(f, n->out, n->in[0]);
    for (int k = 0; k < n->n_in && !makes_plain(n) && is_set(&f->flat[n->out]); k++)
        if (is_like(f, n, k) && !is_set(&f->flat[n->in[k]]))
            f->flat[n->in[k]] = f->flat[n->out];
}

dg_torch_flat *dg_torch_flats(const dg_graph *g, dg_arena *arena)
{
    const size_t n = (size_t)g->n_values + 1;
    finder f = {.g = g,
                .kind = dg_arena_array(arena, n, 1),
                .flat = dg_arena_array(arena, n, sizeof *f.flat)};
    if (!f.kind || !f.flat)
        return NULL;
    find_kinds(&f);
    for (int i = 0; i < g->n_nodes; i++)
        flats_forward(&f, &g->nodes[i]);
    for (int i = g->n_nodes; i-- > 0;)
        flats_back(&f, &g->nodes[i]);
    return f.flat;
}
