/* Which tensor of PyTorch is which parameter. The one table, and the places of a graph by it.
 *
 * A letter is an axis: i, o features that go in and out (of a convolution its channels), h, w, t
 * places of a picture or series, v entries of a vocabulary, u their units, c channels, g the gates
 * of a recurrent node, one below the other: i f g o, r z n, in both. A layer or direction more has
 * tensors of its own in PyTorch (_l1, _l0_reverse), and further columns of the same matrix here.
 *
 * PyTorch adds two biases of a recurrent node. Here they are one, but for that of n of gru, which a
 * reset gate multiplies; on the way back the second one is zeros.
 *
 * Running variances are numbers like any others: PyTorch's were made with n - 1 rows of a batch,
 * dagrad goes on with n. Momentum and epsilon stand in the model, not in the file. */
#include "io/pytorch_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How a matrix is cut into layers, and whether a tensor is added to what another one gave. */
typedef enum { WHOLE, FIRST, DEEPER, EACH, ADDED } cut_kind;

typedef struct {
    const char *node, *tensor, *there, *parameter, *here; /* there, here: axes */
    cut_kind cut;
    int gate, gates; /* rows of these gates alone; 0, 0: of all */
} row;

/* clang-format off */
static const row rows[] = {
    /* node            of PyTorch      axes    here              axes */
    {"linear",         "weight",       "oi",   "weight",         "io"},
    {"linear",         "bias",         "o",    "bias",           "o"},
    {"conv",           "weight",       "oihw", "weight",         "hwio"},
    {"conv",           "weight",       "oit",  "weight",         "tio"},
    {"conv",           "bias",         "o",    "bias",           "o"},
    {"conv_transpose", "weight",       "iohw", "weight",         "hwoi"},
    {"conv_transpose", "weight",       "iot",  "weight",         "toi"},
    {"conv_transpose", "bias",         "o",    "bias",           "o"},
    {"embedding",      "weight",       "vu",   "weight",         "vu"},
    {"position",       "weight",       "vu",   "weight",         "vu"},
    {"batchnorm",      "weight",       "c",    "scale",          "c"},
    {"batchnorm",      "bias",         "c",    "bias",           "c"},
    {"batchnorm",      "running_mean", "c",    "mean",           "c"},
    {"batchnorm",      "running_var",  "c",    "variance",       "c"},
    {"layernorm",      "weight",       "c",    "scale",          "c"},
    {"layernorm",      "bias",         "c",    "bias",           "c"},
    {"rmsnorm",        "weight",       "c",    "scale",          "c"},
    {"groupnorm",      "weight",       "c",    "scale",          "c"},
    {"groupnorm",      "bias",         "c",    "bias",           "c"},
    {"rnn",            "weight_ih",    "gi",   "weight",         "ig",   FIRST},
    {"rnn",            "weight_ih",    "gi",   "deep",           "ig",   DEEPER},
    {"rnn",            "weight_hh",    "gi",   "recurrent",      "ig",   EACH},
    {"rnn",            "bias_ih",      "g",    "bias",           "g",    EACH},
    {"rnn",            "bias_hh",      "g",    "bias",           "g",    ADDED},
    {"lstm",           "weight_ih",    "gi",   "weight",         "ig",   FIRST},
    {"lstm",           "weight_ih",    "gi",   "deep",           "ig",   DEEPER},
    {"lstm",           "weight_hh",    "gi",   "recurrent",      "ig",   EACH},
    {"lstm",           "bias_ih",      "g",    "bias",           "g",    EACH},
    {"lstm",           "bias_hh",      "g",    "bias",           "g",    ADDED},
    {"gru",            "weight_ih",    "gi",   "weight",         "ig",   FIRST},
    {"gru",            "weight_ih",    "gi",   "deep",           "ig",   DEEPER},
    {"gru",            "weight_hh",    "gi",   "recurrent",      "ig",   EACH},
    {"gru",            "bias_ih",      "g",    "bias",           "g",    EACH},
    {"gru",            "bias_hh",      "g",    "bias",           "g",    ADDED, 0, 2},
    {"gru",            "bias_hh",      "g",    "recurrent_bias", "g",    EACH,  2, 1},
};
/* clang-format on */

/* MultiheadAttention is no row: its in_proj_weight, in_proj_bias are those of a linear node of 3 D
 * units before a split, or of three linear nodes side by side, which join_projections makes one
 * place of; its out_proj is a linear node. */
static const char attention[] = "attention", projection[] = "linear";

enum { ROWS = sizeof rows / sizeof *rows };

typedef struct {
    dg_torch_places *to;
    dg_arena *arena;
    const dg_torch_flat *flat;
    const dg_node **owner; /* of each value's id: whose place has it; NULL: nobody's */
    dg_status status;
} maker;

static void *take(maker *m, size_t count, size_t bytes)
{
    void *p = dg_arena_array(m->arena, count, bytes);
    if (!p)
        m->status = DG_EMEMORY;
    return p;
}

static const dg_vertex *vertex(const maker *m, int32_t id)
{
    return &m->to->g->values[id - 1];
}

/* ---- Axes ------------------------------------------------------------------------------------ */

/* The picture that an axis of a node's parameter runs over, or NULL. */
static const dg_torch_flat *picture(const maker *m, const dg_node *n, char axis)
{
    const int32_t id = strchr("ou", axis) ? n->out : n->in[0];
    return m->flat[id].c > 0 && !strchr("hwtvg", axis) ? &m->flat[id] : NULL;
}

/* The parameter's axes, a picture as three of them, and their order in PyTorch. */
static void lay(const maker *m, const dg_node *n, const row *r, dg_torch_piece *p)
{
    const dg_shape *s = &vertex(m, p->value)->shape;
    int start[DG_TORCH_AXES], at = 0;
    for (int k = 0; k < s->rank; k++) {
        const dg_torch_flat *f = picture(m, n, r->here[k]);
        const int64_t dim[3] = {f ? f->h : s->dim[k], f ? f->w : 0, f ? f->c : 0};
        start[k] = p->rank;
        for (int i = 0; i < (f ? 3 : 1); i++)
            p->dim[p->rank++] = dim[i];
    }
    p->shape.rank = s->rank;
    for (int k = 0; k < s->rank; k++) {
        const int j = (int)(strchr(r->here, r->there[k]) - r->here);
        const bool three = picture(m, n, r->here[j]) != NULL;
        p->shape.dim[k] = s->dim[j];
        for (int i = 0; i < (three ? 3 : 1); i++)
            p->perm[at++] = start[j] + (three ? (i + 2) % 3 : 0); /* c, h, w */
    }
}

int64_t dg_torch_at(const dg_torch_piece *p, int64_t i)
{
    int64_t index[DG_TORCH_AXES], at = 0;
    for (int k = p->rank; k-- > 0; i /= p->dim[p->perm[k]])
        index[p->perm[k]] = i % p->dim[p->perm[k]];
    for (int k = 0; k < p->rank; k++)
        at = at * p->dim[k] + index[k];
    return at;
}

static const char *turn(const maker *m, const dg_node *n, const row *r)
{
    char text[96];
    int at = snprintf(text, sizeof text, strcmp(r->there, r->here) == 0 ? "%s" : "%s to %s",
                      r->there, r->here);
    for (const char *axis = r->here; *axis; axis++) {
        const dg_torch_flat *f = picture(m, n, *axis);
        if (f && at < (int)sizeof text)
            at += snprintf(text + at, sizeof text - (size_t)at, ", %c of pictures [%d, %d, %d]",
                           *axis, (int)f->h, (int)f->w, (int)f->c);
    }
    return dg_arena_copy_string(m->arena, text);
}

/* ---- Layers of recurrent nodes --------------------------------------------------------------- */

static const dg_attr_value *attribute(const dg_node *n, const char *name)
{
    for (int k = 0; k < n->type->n_attrs; k++)
        if (strcmp(n->type->attrs[k].name, name) == 0)
            return &n->attrs->v[k];
    return NULL;
}

typedef struct {
    int64_t units;
    int layers, directions, direction; /* direction: 0 forward, 1 backward, 2 both */
    bool before;                       /* the reset gate comes before the product */
} recurrent;

static recurrent recurrent_of(const dg_node *n)
{
    const dg_attr_value *reset = attribute(n, "reset");
    recurrent r = {.units = (int64_t)attribute(n, "units")->number[0],
                   .layers = (int)attribute(n, "layers")->number[0],
                   .direction = attribute(n, "direction")->word,
                   .before = reset && reset->word == 0};
    r.directions = r.direction == 2 ? 2 : 1;
    return r;
}

/* The piece of layer l, direction d, of a parameter that begins with layer l0. */
static void cut(maker *m, const recurrent *r, const row *w, int l, int d, dg_torch_piece *p)
{
    char suffix[64];
    const int l0 = w->cut == DEEPER ? 1 : 0, layers = w->cut == FIRST ? 1 : r->layers - l0;
    const int64_t width = p->shape.dim[0] / (layers * r->directions);
    snprintf(suffix, sizeof suffix, "%s_l%d%s", w->tensor, l, d ? "_reverse" : "");
    p->suffix = dg_arena_copy_string(m->arena, suffix);
    p->from = w->gate * r->units;
    p->rows = w->gates ? w->gates * r->units : width;
    p->to = ((l - l0) * r->directions + d) * width + (width > p->rows ? p->from : 0);
    p->shape.dim[0] = width > p->from + p->rows ? width : p->from + p->rows;
}

static void add_layers(maker *m, dg_torch_place *place, const row *w, const dg_torch_piece *whole)
{
    const recurrent r = recurrent_of(place->node);
    for (int l = w->cut == DEEPER; l < (w->cut == FIRST ? 1 : r.layers); l++)
        for (int d = 0; d < r.directions; d++) {
            dg_torch_piece *p = &place->piece[place->n++];
            *p = *whole;
            cut(m, &r, w, l, d, p);
        }
}

/* ---- Places ---------------------------------------------------------------------------------- */

/* The value in a role of a node, if it is a parameter or state of that rank; 0: none. */
static int32_t stored(const maker *m, const dg_node *n, const char *role, size_t rank)
{
    for (int k = 0; k < n->n_in; k++) {
        const dg_vertex *v = n->in[k] ? vertex(m, n->in[k]) : NULL;
        if (!v || strcmp(dg_input_spec_of(n, k)->name, role) != 0)
            continue;
        const bool kept = v->kind == DG_PARAMETER || v->kind == DG_STATE;
        return kept && (size_t)v->shape.rank == rank ? n->in[k] : 0;
    }
    return 0;
}

static void add_row(maker *m, dg_torch_place *place, const row *r)
{
    dg_torch_piece p = {.suffix = r->tensor, .added = r->cut == ADDED};
    p.value = stored(m, place->node, r->parameter, strlen(r->here));
    if (!p.value || (m->owner[p.value] && m->owner[p.value] != place->node))
        return; /* a node before this one has it too */
    lay(m, place->node, r, &p);
    p.turn = turn(m, place->node, r);
    p.rows = p.shape.dim[0];
    m->owner[p.value] = place->node;
    if (r->cut != WHOLE)
        add_layers(m, place, r, &p);
    else
        place->piece[place->n++] = p;
}

static const char *why_not(const maker *m, const dg_node *n)
{
    if (m->flat[n->in[0]].mixed || m->flat[n->out].mixed)
        return "it reads pictures that were flattened and joined with others, which lie in another "
               "order there";
    if (!attribute(n, "direction"))
        return NULL;
    const recurrent r = recurrent_of(n);
    return r.direction == 1 ? "PyTorch has no recurrent module that only goes backward"
           : r.before       ? "PyTorch has no gru with reset=before"
                            : NULL;
}

static void add_node(maker *m, const dg_node *n)
{
    size_t most = ROWS;
    if (n->builtin < 0)
        return;
    if (attribute(n, "layers"))
        most *= (size_t)attribute(n, "layers")->number[0] * 2;
    dg_torch_place place = {.name = n->name, .node = n};
    for (int i = 0; i < ROWS; i++)
        if (strcmp(rows[i].node, n->type->name) == 0 && !place.piece)
            place.piece = take(m, most, sizeof *place.piece);
    for (int i = 0; i < ROWS && m->status == DG_OK; i++)
        if (strcmp(rows[i].node, n->type->name) == 0)
            add_row(m, &place, &rows[i]);
    if (place.n == 0)
        return;
    place.cannot = why_not(m, n);
    m->to->place[m->to->n++] = place;
}

/* A parameter in no row: PyTorch has it as it is. */
static void add_alone(maker *m, int32_t id)
{
    const dg_vertex *v = vertex(m, id);
    dg_torch_piece *p = take(m, 1, sizeof *p);
    if (!p)
        return;
    *p = (dg_torch_piece){.suffix = "", .shape = v->shape, .value = id, .rank = v->shape.rank};
    for (int k = 0; k < p->rank; k++) {
        p->dim[k] = v->shape.dim[k];
        p->perm[k] = k;
    }
    p->rows = v->shape.rank ? v->shape.dim[0] : 1;
    p->turn = "as it is";
    m->to->place[m->to->n++] = (dg_torch_place){.name = v->name, .piece = p, .n = 1};
}

int dg_torch_short(const dg_torch_place *p)
{
    const char *point = strrchr(p->name, '.');
    const bool kind = p->node && point &&
                      strncmp(point + 1, p->node->type->name, strlen(p->node->type->name)) == 0;
    return kind ? (int)(point - p->name) : (int)strlen(p->name);
}

/* ---- in_proj --------------------------------------------------------------------------------- */

static dg_torch_place *place_of(const maker *m, int32_t value)
{
    const int32_t node = value ? vertex(m, value)->node : -1;
    for (int i = 0; node >= 0 && i < m->to->n; i++)
        if (m->to->place[i].node == &m->to->g->nodes[node])
            return &m->to->place[i];
    return NULL;
}

/* q, k and v of an attention node, where they are linear nodes alike. */
static bool projections(const maker *m, const dg_node *n, dg_torch_place *of[3])
{
    for (int k = 0; k < 3; k++) {
        of[k] = place_of(m, n->in[k]);
        if (!of[k] || of[k]->gone || strcmp(of[k]->node->type->name, projection) != 0 ||
            of[k]->n != of[0]->n || of[k]->piece->shape.dim[1] != of[0]->piece->shape.dim[1])
            return false;
    }
    return of[0] != of[1] && of[1] != of[2] && of[0] != of[2];
}

static void join_projections(maker *m, const dg_node *n)
{
    dg_torch_place *of[3];
    if (!projections(m, n, of))
        return;
    const int each = of[0]->n;
    dg_torch_piece *all = take(m, (size_t)(3 * each), sizeof *all);
    for (int i = 0; all && i < each; i++) {
        int64_t at = 0;
        for (int k = 0; k < 3; k++) {
            all[3 * i + k] = of[k]->piece[i];
            all[3 * i + k].from = at;
            at += of[k]->piece[i].rows;
        }
        for (int k = 0; k < 3; k++)
            all[3 * i + k].shape.dim[0] = at;
    }
    of[1]->gone = of[2]->gone = true;
    *of[0] = (dg_torch_place){.name = n->name, .node = n, .piece = all, .n = 3 * each};
}

dg_status dg_torch_places_make(dg_torch_places *p, const dg_graph *g, dg_arena *arena,
                               dg_torch_joined *joined, const void *user, dg_diag *why)
{
    const size_t most = (size_t)g->n_values + 1;
    *p = (dg_torch_places){.g = g};
    maker m = {.to = p, .arena = arena, .flat = dg_torch_flats(g, arena)};
    p->place = take(&m, most + (size_t)g->n_nodes, sizeof *p->place);
    m.owner = take(&m, most, sizeof *m.owner);
    if (!m.flat)
        m.status = DG_EMEMORY;
    for (int i = 0; i < g->n_nodes && m.status == DG_OK; i++)
        add_node(&m, &g->nodes[i]);
    for (int32_t id = 1; id < (int32_t)most && m.status == DG_OK; id++)
        if (!m.owner[id] &&
            (vertex(&m, id)->kind == DG_PARAMETER || vertex(&m, id)->kind == DG_STATE))
            add_alone(&m, id);
    for (int i = 0; i < g->n_nodes && m.status == DG_OK; i++)
        if (g->nodes[i].builtin >= 0 && strcmp(g->nodes[i].type->name, attention) == 0 &&
            joined(user, g->nodes[i].name))
            join_projections(&m, &g->nodes[i]);
    return m.status == DG_OK ? DG_OK : dg_diag_set(why, m.status, "out of memory");
}
