/* What goes into a program and what comes out: dg_set, dg_get. */
#include "engine/engine.h"
#include <string.h>

static const char *name_of(const dg_program *p, dg_value v)
{
    const char *name = p->graph->values[v.id - 1].name;
    return name ? name : "a value";
}

static dg_status check_id(dg_program *p, dg_value v)
{
    if (p->diag.code != DG_OK)
        return p->diag.code;
    if (v.id < 1 || v.id > p->graph->n_values)
        return dg_program_fail(p, NULL, DG_EUSAGE, "a value that is not of this graph");
    return DG_OK;
}

/* The plan whose shape of v is that of t; NULL: none, and the program has failed. */
static dg_plan *plan_for(dg_program *p, dg_value v, const dg_tensor *t)
{
    char found[128], fits[128];
    for (int i = 0; i < p->n_plans; i++)
        if (dg_shape_equal(&p->plan[i].shapes[v.id - 1], &t->shape))
            return &p->plan[i];
    dg_program_fail(p, NULL, DG_EUSAGE, "'%s' was given shape %s, it takes %s", name_of(p, v),
                    dg_shape_text(&t->shape, found, sizeof found),
                    dg_shape_text(&p->plan[0].shapes[v.id - 1], fits, sizeof fits));
    return NULL;
}

/* The limit that one node sets for labels or ids in v; 0: none. */
static int64_t limit_of(const dg_program *p, const dg_plan *q, const dg_node *n, dg_value v)
{
    int64_t least = 0;
    for (int i = 0; n->type->limit && i < n->n_in && n->n_in <= 8; i++) {
        dg_shape shapes[8];
        if (n->in[i] != v.id)
            continue;
        for (int j = 0; j < n->n_in; j++)
            shapes[j] = n->in[j] ? q->shapes[n->in[j] - 1] : (dg_shape){.rank = -1};
        dg_sizes of = dg_node_sizes(p, n, shapes);
        int64_t limit = n->type->limit(&of, i);
        least = limit > 0 && (least == 0 || limit < least) ? limit : least;
    }
    return least;
}

int64_t dg_label_limit(const dg_program *p, dg_value v)
{
    int64_t least = 0;
    for (int k = 0; p->diag.code == DG_OK && k < p->n_order; k++) {
        int64_t limit = limit_of(p, &p->plan[0], &p->graph->nodes[p->order[k]], v);
        least = limit > 0 && (least == 0 || limit < least) ? limit : least;
    }
    return least;
}

/* The first label or id that a consumer of v does not take. */
static dg_status check_range(dg_program *p, const dg_plan *q, dg_value v, const int32_t *x,
                             int64_t n)
{
    for (int k = 0; k < p->n_order; k++) {
        const dg_node *node = &p->graph->nodes[p->order[k]];
        int64_t limit = limit_of(p, q, node, v), skip = 0;
        int skips = node->type->ignores && node->type->ignores(node->attrs, &skip);
        for (int64_t e = 0; limit > 0 && e < n; e++)
            if ((x[e] < 0 || x[e] >= limit) && !(skips && x[e] == skip))
                return dg_program_fail(
                    p, node, DG_EDATA, "'%s' holds %d at element %lld, %s takes 0 to %lld",
                    name_of(p, v), (int)x[e], (long long)e, node->type->name, (long long)limit - 1);
    }
    return DG_OK;
}

static dg_status set_integers(dg_program *p, const dg_plan *q, dg_value v, const dg_tensor *t,
                              int32_t *to)
{
    int64_t n = dg_shape_count(&t->shape);
    if (t->type != DG_I32 && t->type != DG_U8)
        return dg_program_fail(p, NULL, DG_EUSAGE, "'%s' takes i32 or u8, was given %s",
                               name_of(p, v), dg_type_name(t->type));
    for (int64_t i = 0; i < n; i++)
        to[i] = t->type == DG_I32 ? ((const int32_t *)t->data)[i] : ((const uint8_t *)t->data)[i];
    return check_range(p, q, v, to, n);
}

dg_status dg_set(dg_program *p, dg_value v, dg_part what, const dg_tensor *t)
{
    if (check_id(p, v) != DG_OK)
        return p->diag.code;
    const dg_vertex *x = &p->graph->values[v.id - 1];
    dg_plan *q = plan_for(p, v, t);
    if (!q)
        return p->diag.code;
    int32_t slot = DG_NONE;
    void *to = NULL;
    if (what == DG_VALUE && x->kind == DG_INPUT)
        slot = q->z[v.id - 1];
    else if (what == DG_TANGENT && x->kind != DG_RESULT)
        slot = q->tangent[v.id - 1];
    else if (what == DG_ERROR_VECTOR && p->starts[v.id - 1])
        to = p->arena + dg_fixed_at(p, SLOT_START, v.id, 0, 0);
    if (slot != DG_NONE)
        to = dg_slot_address(p, q, slot);
    if (!to)
        return dg_program_fail(p, NULL, DG_EUSAGE, "'%s' cannot be set: see dg_set for what can",
                               name_of(p, v));
    if (x->type == DG_I32)
        return set_integers(p, q, v, t, to);
    if (t->type == DG_F64 && p->graph->real == DG_F32)
        return dg_program_fail(p, NULL, DG_EUSAGE, "'%s' takes f32, was given f64", name_of(p, v));
    p->kernels->convert((int)t->type, dg_shape_count(&t->shape), t->data, to);
    return DG_OK;
}

/* The slot that holds what is asked for; DG_NONE: nothing of the kind. */
static int32_t readable(const dg_program *p, const dg_plan *q, dg_value v, dg_part what)
{
    int i = v.id - 1, kept = p->kept[i], wanted = p->wanted[i];
    if (what == DG_VALUE)
        return kept || p->graph->values[i].kind != DG_RESULT ? q->z[i] : DG_NONE;
    if (what == DG_TANGENT)
        return kept || wanted ? q->tangent[i] : DG_NONE;
    if (q->gradient[i] != DG_NONE)
        return q->gradient[i];
    return wanted || kept == 2 ? q->eps[i] : DG_NONE;
}

dg_status dg_get(dg_program *p, dg_value v, dg_part what, dg_tensor *t)
{
    if (check_id(p, v) != DG_OK)
        return p->diag.code;
    const dg_plan *q = &p->plan[p->current == DG_NONE ? 0 : p->current];
    t->type = p->graph->values[v.id - 1].type;
    t->shape = q->shapes[v.id - 1];
    size_t bytes = (size_t)dg_shape_count(&t->shape) * dg_type_bytes(t->type);
    if (!t->data) {
        t->bytes = bytes;
        return DG_OK;
    }
    if (t->bytes < bytes)
        return dg_program_fail(p, NULL, DG_EUSAGE, "'%s' needs %zu bytes, %zu were given",
                               name_of(p, v), bytes, t->bytes);
    t->bytes = bytes;
    int32_t slot = readable(p, q, v, what);
    if (slot != DG_NONE)
        memcpy(t->data, dg_slot_address(p, q, slot), bytes);
    else if ((what != DG_VALUE && (p->wanted[v.id - 1] || p->kept[v.id - 1] == 2)) ||
             (what == DG_TANGENT && p->kept[v.id - 1]))
        memset(t->data, 0, bytes); /* nothing that was asked for depends on it */
    else
        return dg_program_fail(p, NULL, DG_EUSAGE, "'%s' is not kept: name it in keep or wrt",
                               name_of(p, v));
    return DG_OK;
}
