/* What a gradient is made of, between the parts of a batch: dg_get and dg_set of DG_SUM.
 *
 * A value's gradient is kept by use: a chain of additions, or a sum that `finish` makes a gradient
 * of. All of them, in the order in which the program made them, are what another program of the
 * same graph needs to go on. */
#include "engine/engine.h"
#include <string.h>

static int has_sum(const dg_program *p, int32_t of, int nth)
{
    return dg_fixed_find(p, SLOT_SUM, of, nth) != NULL;
}

/* A piece that dg_adjoint goes on from with add. The total of several uses is none. */
static int is_chain(const dg_program *p, const dg_fixed *f)
{
    if (f->kind == SLOT_SUM)
        return 1;
    int several = dg_fixed_find(p, SLOT_GRADIENT, f->of, 1) != NULL;
    return f->kind == SLOT_GRADIENT && !has_sum(p, f->of, f->nth) && !(several && f->nth == 0);
}

/* Calls copy for each piece of v, with its offset in the list; returns the bytes of all. */
static size_t each_piece(dg_program *p, dg_value v, void (*copy)(void *piece, char *at, size_t n),
                         char *list)
{
    size_t at = 0;
    for (int i = 0; i < p->n_fixed; i++) {
        const dg_fixed *f = &p->fixed[i];
        if (f->of != v.id || !is_chain(p, f))
            continue;
        if (copy)
            copy(p->arena + f->offset, list + at, f->bytes);
        at += f->bytes;
    }
    return at;
}

static void take(void *piece, char *at, size_t n)
{
    memcpy(at, piece, n);
}

static void put(void *piece, char *at, size_t n)
{
    memcpy(piece, at, n);
}

/* The bytes of what a gradient of v is made of; 0: v has none, and the program has failed. */
static size_t bytes_of(dg_program *p, dg_value v)
{
    const dg_vertex *x = &p->graph->values[v.id - 1];
    int has = p->options.mode != DG_RUN_INFER && p->plan[0].gradient[v.id - 1] != DG_NONE;
    size_t bytes = has ? each_piece(p, v, NULL, NULL) : 0;
    if (!bytes)
        dg_program_fail(p, NULL, DG_EUSAGE, "'%s' has no gradient in this program",
                        x->name ? x->name : "a value");
    return bytes;
}

dg_status dg_get_sum(dg_program *p, dg_value v, dg_tensor *t)
{
    size_t bytes = bytes_of(p, v), given = t->bytes, unit = dg_type_bytes(p->graph->real);
    if (!bytes)
        return p->diag.code;
    t->type = p->graph->real;
    t->shape = dg_shape_make(1, (int64_t[]){(int64_t)(bytes / unit)});
    t->bytes = bytes;
    if (!t->data)
        return DG_OK;
    if (given < bytes || p->backs == 0)
        return dg_program_fail(p, NULL, DG_EUSAGE,
                               p->backs == 0 ? "there is no sum before dg_adjoint"
                                             : "the sum needs %zu bytes, %zu were given",
                               bytes, given);
    each_piece(p, v, take, t->data);
    return DG_OK;
}

dg_status dg_set_sum(dg_program *p, dg_value v, const dg_tensor *t)
{
    size_t bytes = bytes_of(p, v);
    if (!bytes)
        return p->diag.code;
    if (t->bytes != bytes || t->type != p->graph->real)
        return dg_program_fail(p, NULL, DG_EUSAGE, "the sum has %zu bytes of %s, %zu were given",
                               bytes, dg_type_name(p->graph->real), t->bytes);
    each_piece(p, v, put, t->data);
    p->backs = p->backs ? p->backs : 1;
    p->unfinished = 1;
    return DG_OK;
}
