/* The Jacobian of a value by an input or a parameter, as a matrix.
 *
 * By rows: the adjoint of each unit error vector (one pass an element of `of`), or by columns: the
 * tangent of each unit perturbation (one pass an element of `by`), whichever are fewer and the
 * program was compiled for. */
#include "base/number.h"
#include "engine/engine.h"
#include <string.h>

/* All that the caller may have set becomes 0, so that one unit stands alone. */
static void clear(dg_program *p, dg_slot_kind kind)
{
    for (int i = 0; i < p->n_fixed; i++)
        if (p->fixed[i].kind == kind)
            memset(p->arena + p->fixed[i].offset, 0, p->fixed[i].bytes);
}

/* Row r is A^t e_r, as it comes. */
static dg_status by_rows(dg_program *p, dg_value of, dg_value by, int64_t rows, int64_t columns,
                         char *to)
{
    size_t unit = dg_type_bytes(p->graph->real);
    clear(p, SLOT_START);
    void *start = dg_fixed_find(p, SLOT_START, of.id, 0);
    if (!start) { /* nothing wanted lies before it */
        memset(to, 0, (size_t)rows * (size_t)columns * unit);
        return DG_OK;
    }
    for (int64_t r = 0; r < rows; r++) {
        dg_tensor row = {.data = to + (size_t)(r * columns) * unit,
                         .bytes = (size_t)columns * unit};
        dg_number_put(p->graph->real, start, r, 1);
        dg_status s = dg_adjoint(p, NULL, 0);
        if (s == DG_OK)
            s = dg_get(p, by, DG_GRADIENT, &row);
        dg_number_put(p->graph->real, start, r, 0);
        p->backs = 0;
        if (s != DG_OK)
            return s;
    }
    return DG_OK;
}

/* Column c is A e_c, spread over the rows. */
static dg_status by_columns(dg_program *p, dg_value of, dg_value by, int64_t rows, int64_t columns,
                            char *to)
{
    size_t unit = dg_type_bytes(p->graph->real);
    const dg_plan *q = &p->plan[p->current];
    clear(p, SLOT_TANGENT);
    void *start = dg_fixed_find(p, SLOT_TANGENT, by.id, 0);
    for (int64_t c = 0; c < columns; c++) {
        dg_number_put(p->graph->real, start, c, 1);
        dg_status s = dg_tangent(p);
        dg_number_put(p->graph->real, start, c, 0);
        if (s != DG_OK)
            return s;
        int32_t slot = q->tangent[of.id - 1];
        const char *from = slot == DG_NONE ? NULL : dg_slot_address(p, q, slot);
        for (int64_t r = 0; r < rows; r++) {
            char *at = to + (size_t)(r * columns + c) * unit;
            if (from)
                memcpy(at, from + (size_t)r * unit, unit);
            else
                memset(at, 0, unit);
        }
    }
    return DG_OK;
}

void dg_tangent_by_nodes(dg_program *p)
{
    for (int i = 0; p->diag.code == DG_OK && i < p->n_plans; i++) {
        dg_plan *q = &p->plan[i];
        for (int k = q->phase_begin[PHASE_TANGENT]; k < q->phase_begin[PHASE_TANGENT + 1]; k++) {
            q->segments[k].chunk = q->batch;
            q->segments[k].tasks = q->segments[k].rows ? 1 : q->segments[k].tasks;
        }
    }
}

static int is_leaf_of(const dg_program *p, dg_value v)
{
    return v.id >= 1 && v.id <= p->graph->n_values && p->wanted[v.id - 1] &&
           p->graph->values[v.id - 1].kind != DG_RESULT;
}

dg_status dg_jacobian(dg_program *p, dg_value of, dg_value by, dg_tensor *t)
{
    if (dg_program_enter(p) != DG_OK)
        return dg_program_status(p, NULL);
    int valid =
        t && of.id >= 1 && of.id <= p->graph->n_values && p->kept[of.id - 1] && is_leaf_of(p, by);
    if (!valid || p->current == DG_NONE)
        return dg_program_fail(p, NULL, DG_EUSAGE,
                               "dg_jacobian needs a forward pass, `of` in keep or "
                               "start, and `by` an input or parameter in wrt");
    const dg_plan *q = &p->plan[p->current];
    int64_t rows = dg_shape_count(&q->shapes[of.id - 1]);
    int64_t columns = dg_shape_count(&q->shapes[by.id - 1]);
    size_t unit = dg_type_bytes(p->graph->real), bytes;
    if (__builtin_mul_overflow((size_t)rows, (size_t)columns, &bytes) ||
        __builtin_mul_overflow(bytes, unit, &bytes))
        return dg_program_fail(p, NULL, DG_EUSAGE,
                               "a Jacobian of %lld x %lld does not fit in memory", (long long)rows,
                               (long long)columns);
    t->type = p->graph->real;
    t->shape = dg_shape_make(2, (int64_t[]){rows, columns});
    if (!t->data || t->bytes < bytes) {
        dg_status s = t->data ? dg_program_fail(p, NULL, DG_EUSAGE,
                                                "the Jacobian needs %zu bytes, %zu "
                                                "were given",
                                                bytes, t->bytes)
                              : DG_OK;
        t->bytes = bytes;
        return s;
    }
    t->bytes = bytes;
    int back = p->starts[of.id - 1] && p->options.mode != DG_RUN_INFER, forth = p->options.tangent;
    if (!back && !forth)
        return dg_program_fail(p, NULL, DG_EUSAGE,
                               "dg_jacobian needs a program with `of` in start, or "
                               "with tangent");
    if (back && (!forth || rows <= columns))
        return by_rows(p, of, by, rows, columns, t->data);
    return by_columns(p, of, by, rows, columns, t->data);
}
