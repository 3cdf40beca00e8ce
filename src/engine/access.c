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
    if (dg_program_enter(p) != DG_OK)
        return dg_program_status(p, NULL);
    if (v.id < 1 || v.id > p->graph->n_values)
        return dg_program_fail(p, NULL, DG_EUSAGE, "a value that is not of this graph");
    return DG_OK;
}

/* t is NULL, or its data; else the program has failed already. */
static dg_status refuse_null(dg_program *p, const dg_tensor *t)
{
    return t ? p->diag.code : dg_program_fail(p, NULL, DG_EUSAGE, "a tensor without data");
}

static dg_status check_bytes(dg_program *p, dg_value v, size_t needed, size_t given)
{
    return given >= needed
               ? DG_OK
               : dg_program_fail(p, NULL, DG_EUSAGE, "'%s' needs %zu bytes, %zu were given",
                                 name_of(p, v), needed, given);
}

/* Its type is one, and its memory as large as its shape says. */
static dg_status check_tensor(dg_program *p, dg_value v, const dg_tensor *t)
{
    size_t bytes = (size_t)dg_shape_count(&t->shape) * dg_type_bytes(t->type);
    if (dg_type_bytes(t->type) == 0)
        return dg_program_fail(p, NULL, DG_EUSAGE, "'%s' was given a type that is none",
                               name_of(p, v));
    return check_bytes(p, v, bytes, t->bytes);
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

/* Appends the range that node k sets for input i of its own, if it is the first one of that value.
 */
static void add_range(dg_program *p, int32_t k, int i)
{
    const dg_node *n = &p->graph->nodes[k];
    int32_t id = n->in[i];
    for (int j = 0; j < i; j++)
        if (n->in[j] == id)
            return;
    if (!id || p->graph->values[id - 1].type != DG_I32 || p->graph->values[id - 1].kind != DG_INPUT)
        return;
    dg_range r = {.value = id, .node = k};
    r.limit = limit_of(p, &p->plan[0], n, (dg_value){id});
    r.skips = n->type->ignores && n->type->ignores(n->attrs, &r.skip);
    if (r.limit > 0)
        p->ranges[p->n_ranges++] = r;
}

dg_status dg_find_ranges(dg_program *p)
{
    size_t most = 1;
    for (int k = 0; k < p->n_order; k++) {
        const dg_node *n = &p->graph->nodes[p->order[k]];
        most += n->type->limit ? (size_t)n->n_in : 0;
    }
    p->ranges = dg_arena_array(&p->lists, most, sizeof *p->ranges);
    if (!p->ranges)
        return dg_program_fail(p, NULL, DG_EMEMORY, "out of memory");
    for (int k = 0; k < p->n_order; k++) {
        const dg_node *n = &p->graph->nodes[p->order[k]];
        for (int i = 0; n->type->limit && i < n->n_in; i++)
            add_range(p, p->order[k], i);
    }
    return DG_OK;
}

int64_t dg_label_limit(const dg_program *p, dg_value v)
{
    int64_t least = 0;
    for (int i = 0; p && p->ready && i < p->n_ranges; i++)
        if (p->ranges[i].value == v.id && (least == 0 || p->ranges[i].limit < least))
            least = p->ranges[i].limit;
    return least;
}

/* The first label or id that a consumer of v does not take. */
static dg_status check_range(dg_program *p, int32_t id, const int32_t *x, int64_t n)
{
    for (int k = 0; k < p->n_ranges; k++) {
        const dg_range *r = &p->ranges[k];
        const dg_node *node = &p->graph->nodes[r->node];
        for (int64_t e = 0; r->value == id && e < n; e++)
            if ((x[e] < 0 || x[e] >= r->limit) && !(r->skips && x[e] == r->skip))
                return dg_program_fail(p, node, DG_EDATA,
                                       "'%s' holds %d at element %lld, %s takes 0 to %lld",
                                       name_of(p, (dg_value){id}), (int)x[e], (long long)e,
                                       node->type->name, (long long)r->limit - 1);
    }
    return DG_OK;
}

dg_status dg_check_bound(dg_program *p)
{
    const dg_plan *q = &p->plan[p->current];
    for (int k = 0; k < p->n_ranges && p->diag.code == DG_OK; k++) {
        int32_t id = p->ranges[k].value;
        int first = k == 0 || p->ranges[k - 1].value != id;
        if (first && p->inputs[id - 1].bound)
            check_range(p, id, p->inputs[id - 1].bound, dg_shape_count(&q->shapes[id - 1]));
    }
    return p->diag.code;
}

/* ---- Places of inputs ------------------------------------------------------------------------ */

/* The input whose memory a slot is; 0: none. */
static int32_t input_of(const dg_program *p, const dg_plan *q, int32_t slot)
{
    if (slot == DG_NONE)
        return 0;
    const dg_slot *s = &q->slots[dg_slot_root(q, slot)];
    return s->kind == SLOT_Z && p->graph->values[s->of - 1].kind == DG_INPUT ? s->of : 0;
}

/* Calls read inputs through call.in only. Counts the places, or notes them where there is room. */
static void each_place(dg_program *p)
{
    for (int i = 0; i < p->n_plans; i++) {
        const dg_plan *q = &p->plan[i];
        for (int k = 0; k < q->n_items; k++) {
            const dg_item *it = &q->items[k];
            for (int j = 0; j < it->n_in; j++) {
                int32_t id = input_of(p, q, it->in[j]);
                dg_feed *in = id ? &p->inputs[id - 1] : NULL;
                if (in && in->places)
                    in->places[in->n_places] = (const void **)(uintptr_t)&it->call.in[j];
                if (in)
                    in->n_places++;
            }
        }
    }
}

dg_status dg_find_places(dg_program *p)
{
    p->inputs = dg_arena_array(&p->lists, (size_t)p->graph->n_values + 1, sizeof *p->inputs);
    p->needed = dg_arena_array(&p->lists, (size_t)p->graph->n_values + 1, sizeof *p->needed);
    if (!p->inputs || !p->needed)
        return dg_program_fail(p, NULL, DG_EMEMORY, "out of memory");
    each_place(p);
    for (int i = 0; i < p->graph->n_values; i++) {
        dg_feed *in = &p->inputs[i];
        if (p->graph->values[i].kind != DG_INPUT)
            continue;
        if (p->used[i])
            p->needed[p->n_needed++] = i + 1;
        in->places = dg_arena_array(&p->lists, (size_t)in->n_places + 1, sizeof *in->places);
        in->n_places = 0;
        if (!in->places)
            return dg_program_fail(p, NULL, DG_EMEMORY, "out of memory");
    }
    each_place(p);
    return DG_OK;
}

/* From now on calls read the input at `memory`; NULL: in its own place. */
static void read_at(dg_program *p, int32_t id, const void *memory)
{
    dg_feed *in = &p->inputs[id - 1];
    if (in->bound == memory)
        return;
    in->bound = memory;
    for (int i = 0; i < p->n_plans; i++)
        p->plan[i].slots[p->plan[i].z[id - 1]].external = (void *)(uintptr_t)memory;
    if (!memory)
        memory = dg_slot_address(p, &p->plan[0], p->plan[0].z[id - 1]);
    for (int k = 0; k < in->n_places; k++)
        *in->places[k] = memory;
}

dg_status dg_bind(dg_program *p, dg_value v, const dg_tensor *t)
{
    if (check_id(p, v) != DG_OK)
        return dg_program_status(p, NULL);
    const dg_vertex *x = &p->graph->values[v.id - 1];
    const dg_plan *q = t ? plan_for(p, v, t) : NULL;
    if (!q)
        return refuse_null(p, t);
    if (check_tensor(p, v, t) != DG_OK)
        return p->diag.code;
    if (x->kind != DG_INPUT || t->type != x->type)
        return dg_program_fail(p, NULL, DG_EUSAGE,
                               "'%s' cannot be bound to %s: only inputs can, to "
                               "memory of their own type",
                               name_of(p, v), dg_type_name(t->type));
    if (!t->data || (uintptr_t)t->data % DG_ALIGN != 0)
        return dg_program_fail(p, NULL, DG_EUSAGE,
                               "'%s' was given memory that is not aligned to %d "
                               "bytes",
                               name_of(p, v), DG_ALIGN);
    read_at(p, v.id, t->data);
    p->inputs[v.id - 1].given = (int8_t)(q - p->plan + 1);
    return DG_OK;
}

/* ---- Set and get ----------------------------------------------------------------------------- */

static dg_status set_integers(dg_program *p, dg_value v, const dg_tensor *t, int32_t *to)
{
    int64_t n = dg_shape_count(&t->shape);
    if (t->type != DG_I32 && t->type != DG_U8)
        return dg_program_fail(p, NULL, DG_EUSAGE, "'%s' takes i32 or u8, was given %s",
                               name_of(p, v), dg_type_name(t->type));
    for (int64_t i = 0; i < n; i++)
        to[i] = t->type == DG_I32 ? ((const int32_t *)t->data)[i] : ((const uint8_t *)t->data)[i];
    return check_range(p, v.id, to, n);
}

/* An input; it is given only once its values are valid. */
static dg_status set_input(dg_program *p, const dg_plan *q, dg_value v, const dg_tensor *t)
{
    const dg_vertex *x = &p->graph->values[v.id - 1];
    read_at(p, v.id, NULL);
    p->inputs[v.id - 1].given = 0;
    void *to = dg_slot_address(p, q, q->z[v.id - 1]);
    if (x->type == DG_I32 && set_integers(p, v, t, to) != DG_OK)
        return p->diag.code;
    if (x->type != DG_I32)
        p->kernels->convert((int)t->type, dg_shape_count(&t->shape), t->data, to);
    p->inputs[v.id - 1].given = (int8_t)(q - p->plan + 1);
    return DG_OK;
}

/* Where a real value is copied to that is no input. *nowhere: nothing that is wanted depends on it.
 * NULL otherwise: it cannot be set. */
static void *target_of(dg_program *p, const dg_plan *q, dg_value v, dg_part what, int *nowhere)
{
    const dg_vertex *x = &p->graph->values[v.id - 1];
    *nowhere = 0;
    if (what == DG_TANGENT && x->kind != DG_RESULT && q->tangent[v.id - 1] != DG_NONE)
        return dg_slot_address(p, q, q->tangent[v.id - 1]);
    if (what == DG_GRADIENT && p->backs > 0 && q->gradient[v.id - 1] != DG_NONE)
        return dg_slot_address(p, q, q->gradient[v.id - 1]);
    if (what != DG_ERROR_VECTOR || !p->starts[v.id - 1])
        return NULL;
    void *to = dg_fixed_find(p, SLOT_START, v.id, 0);
    *nowhere = !to;
    return to;
}

static dg_status refuse_set(dg_program *p, dg_value v)
{
    return dg_program_fail(p, NULL, DG_EUSAGE, "'%s' cannot be set: see dg_set for what can",
                           name_of(p, v));
}

dg_status dg_set(dg_program *p, dg_value v, dg_part what, const dg_tensor *t)
{
    if (check_id(p, v) != DG_OK)
        return dg_program_status(p, NULL);
    if (!t || !t->data)
        return refuse_null(p, NULL);
    if (what == DG_SUM)
        return dg_set_sum(p, v, t);
    const dg_vertex *x = &p->graph->values[v.id - 1];
    dg_plan *q = plan_for(p, v, t);
    if (!q || check_tensor(p, v, t) != DG_OK)
        return p->diag.code;
    if (x->type != DG_I32 && t->type == DG_F64 && p->graph->real == DG_F32)
        return dg_program_fail(p, NULL, DG_EUSAGE, "'%s' takes f32, was given f64", name_of(p, v));
    if (what == DG_VALUE)
        return x->kind == DG_INPUT ? set_input(p, q, v, t) : refuse_set(p, v);
    int nowhere;
    void *to = x->type == DG_I32 ? NULL : target_of(p, q, v, what, &nowhere);
    if (what == DG_GRADIENT && to && dg_finish(p) != DG_OK)
        return p->diag.code;
    if (!to)
        return x->type != DG_I32 && nowhere ? DG_OK : refuse_set(p, v);
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
        return dg_program_status(p, NULL);
    if (!t)
        return refuse_null(p, NULL);
    if (what == DG_SUM)
        return dg_get_sum(p, v, t);
    if (what == DG_GRADIENT && p->backs > 0 && dg_finish(p) != DG_OK)
        return p->diag.code;
    const dg_plan *q = &p->plan[p->current == DG_NONE ? 0 : p->current];
    t->type = p->graph->values[v.id - 1].type;
    t->shape = q->shapes[v.id - 1];
    size_t bytes = (size_t)dg_shape_count(&t->shape) * dg_type_bytes(t->type);
    if (!t->data) {
        t->bytes = bytes;
        return DG_OK;
    }
    if (check_bytes(p, v, bytes, t->bytes) != DG_OK)
        return p->diag.code;
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
