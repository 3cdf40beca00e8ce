/* Where a number that is not finite came from; see origin.h.
 *
 * Infinities may be meant (a mask of -infinity), NaN never is. So where a forward pass made a NaN,
 * only what that NaN was made of is a suspect; where it made none and the losses are finite, what
 * it made is innocent and the way back is looked at. */
#include "engine/origin.h"
#include "base/number.h"
#include "engine/naive.h"
#include "graph/graph.h"
#include <math.h>
#include <stdlib.h>

/* The first bad element of a value, and its first NaN; -1: none. */
typedef struct bad {
    int64_t any, nan;
} bad;

typedef struct search {
    const dg_graph *g;
    int64_t batch;
    bad *z;         /* by value, forward */
    int first_nan;  /* value in which a NaN was made first; 0: none */
    dg_origin back; /* the first on the way back */
} search;

static bad look_at(dg_type type, const void *x, int64_t n)
{
    bad b = {-1, -1};
    for (int64_t i = 0; type != DG_I32 && i < n && b.nan < 0; i++) {
        double value = dg_number_get(type, x, i);
        if (isfinite(value))
            continue;
        b.any = b.any < 0 ? i : b.any;
        b.nan = isnan(value) ? i : -1;
    }
    return b;
}

static int64_t elements(const search *s, int32_t id, int64_t *row)
{
    dg_shape shape = s->g->values[id - 1].shape;
    int has_rows = shape.rank > 0 && shape.dim[0] == DG_N;
    if (has_rows)
        shape.dim[0] = s->batch;
    *row = has_rows ? dg_shape_row(&shape) : 0;
    return dg_shape_count(&shape);
}

static dg_origin origin_at(const search *s, dg_origin_kind kind, int node, int32_t id, int64_t at,
                           double found)
{
    int64_t row;
    elements(s, id, &row);
    return (dg_origin){.kind = kind,
                       .value = {id},
                       .node = node,
                       .row = row > 0 ? at / row : -1,
                       .element = row > 0 ? at % row : at,
                       .found = found};
}

static void look(void *user, int node, int32_t id, int backward, const void *x)
{
    search *s = user;
    int64_t row;
    bad b = look_at(s->g->values[id - 1].type, x, elements(s, id, &row));
    if (!backward) {
        s->z[id - 1] = b;
        if (b.nan >= 0 && !s->first_nan)
            s->first_nan = id;
    } else if (b.any >= 0 && s->back.kind == DG_ORIGIN_NONE) {
        int64_t at = b.any;
        s->back = origin_at(s, DG_ORIGIN_BACKWARD, node, id, at, dg_number_get(s->g->real, x, at));
    }
}

/* Marks what is not finite among what a value is made of, by way of what is not finite. */
static void mark(const search *s, int32_t id, uint8_t *suspect)
{
    const dg_graph *g = s->g;
    suspect[id - 1] = 1;
    for (int k = g->values[id - 1].node; k >= 0; k--) {
        const dg_node *n = &g->nodes[k];
        int behind = 0;
        for (int j = 0; j < n->n_out; j++)
            behind |= suspect[n->out + j - 1];
        for (int i = 0; behind && i < n->n_in; i++)
            if (n->in[i] && s->z[n->in[i] - 1].any >= 0)
                suspect[n->in[i] - 1] = 1;
    }
}

static int bad_inputs(const search *s, const dg_node *n)
{
    int any = 0;
    for (int i = 0; i < n->n_in; i++)
        any |= n->in[i] && s->z[n->in[i] - 1].any >= 0;
    return any;
}

/* The first suspect that holds what is not finite, made of what is; else the NaN itself. */
static dg_origin first_of(const search *s, const dg_naive *at, const uint8_t *suspect, int32_t last)
{
    const dg_graph *g = s->g;
    int32_t found = last;
    for (int32_t id = 1; id <= g->n_values; id++) {
        int node = g->values[id - 1].node;
        if (!suspect[id - 1] || s->z[id - 1].any < 0)
            continue;
        if (node >= 0 ? bad_inputs(s, &g->nodes[node]) : s->z[id - 1].nan < 0)
            continue; /* an infinity that was given may be meant */
        found = id;
        break;
    }
    bad b = s->z[found - 1];
    int64_t where = b.nan >= 0 ? b.nan : b.any;
    double x = dg_number_get(g->values[found - 1].type,
                             dg_naive_get(at, (dg_value){found}, DG_VALUE), where);
    int node = g->values[found - 1].node;
    return origin_at(s, node < 0 ? DG_ORIGIN_LEAF : DG_ORIGIN_FORWARD, node, found, where, x);
}

/* The value whose making is looked for: the first NaN, else an infinite loss; 0: neither. */
static int32_t culprit(const search *s)
{
    int32_t id = s->first_nan;
    for (int i = 0; !id && i < s->g->n_losses; i++)
        if (s->z[s->g->losses[i].value - 1].any >= 0)
            id = s->g->losses[i].value;
    return id;
}

dg_status dg_origin_find(dg_graph *g, const dg_options *o, uint64_t step, const dg_tensor in[],
                         dg_origin *origin, dg_diag *why)
{
    size_t n = (size_t)g->n_values + 1;
    search s = {.g = g, .batch = o->batch, .z = malloc(n * sizeof *s.z)};
    uint8_t *suspect = calloc(n, 1);
    *origin = (dg_origin){.kind = DG_ORIGIN_NONE};
    for (size_t i = 0; s.z && i < n; i++)
        s.z[i] = (bad){-1, -1};
    dg_naive *at = s.z && suspect ? dg_naive_watch(g, o, step, in, look, &s) : NULL;
    int32_t last = at ? culprit(&s) : 0;
    if (last) {
        mark(&s, last, suspect);
        *origin = first_of(&s, at, suspect, last);
    } else if (at) {
        *origin = s.back;
    }
    dg_status status = at ? DG_OK : dg_diag_set(why, DG_EMEMORY, "out of memory");
    dg_naive_free(at);
    free(s.z);
    free(suspect);
    return status;
}
