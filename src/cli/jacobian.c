/* Jacobians; see jacobian.h. Those by an input or a parameter are the engine's; those by a result
 * are formed here by rows, each the error vector of `by` that a unit error vector of `of` gives. */
#include "cli/jacobian.h"
#include "base/number.h"
#include "graph/graph.h"
#include <stdlib.h>
#include <string.h>

static int is_result(const dg_graph *g, dg_value v)
{
    return g->values[v.id - 1].kind == DG_RESULT;
}

void dg_jacobian_options(dg_options *o, const dg_graph *g, const dg_value *of, const dg_value by[2])
{
    o->mode = DG_RUN_GRADIENT;
    o->start = of;
    o->n_start = 1;
    o->keep = is_result(g, by[0]) ? by : of; /* by[1] is `of` */
    o->n_keep = is_result(g, by[0]) ? 2 : 1;
    o->wrt = is_result(g, by[0]) ? NULL : by;
    o->n_wrt = is_result(g, by[0]) ? 0 : 1;
    o->tangent = !is_result(g, by[0]);
}

/* Type, shape and bytes of a value of the program. */
static dg_status look(dg_program *p, dg_value v, dg_tensor *t, dg_diag *why)
{
    *t = (dg_tensor){.data = NULL};
    return dg_get(p, v, DG_VALUE, t) == DG_OK ? DG_OK : dg_program_status(p, why);
}

static dg_status form_rows(dg_program *p, dg_value of, dg_value by, dg_tensor *start, dg_tensor *t)
{
    int64_t rows = t->shape.dim[0];
    size_t row_bytes = rows > 0 ? t->bytes / (size_t)rows : 0;
    dg_status s = DG_OK;
    memset(start->data, 0, start->bytes);
    memset(t->data, 0, t->bytes);
    for (int64_t r = 0; s == DG_OK && r < rows; r++) {
        dg_tensor row = {.data = (char *)t->data + (size_t)r * row_bytes, .bytes = row_bytes};
        dg_number_put(start->type, start->data, r, 1);
        s = dg_set(p, of, DG_ERROR_VECTOR, start);
        dg_number_put(start->type, start->data, r, 0);
        if (s == DG_OK && of.id == by.id)
            dg_number_put(t->type, t->data, r * rows + r, 1);
        if (s != DG_OK || of.id == by.id)
            continue;
        s = dg_adjoint(p, NULL, 0);
        if (s == DG_OK)
            s = dg_get(p, by, DG_ERROR_VECTOR, &row);
    }
    return s;
}

static dg_status by_result(dg_program *p, dg_value of, dg_value by, dg_tensor *t, dg_diag *why)
{
    dg_tensor start, at;
    dg_status s = look(p, of, &start, why);
    if (s == DG_OK)
        s = look(p, by, &at, why);
    if (s != DG_OK)
        return s;
    int64_t rows = dg_shape_count(&start.shape), columns = dg_shape_count(&at.shape);
    *t = (dg_tensor){start.type, dg_shape_make(2, (int64_t[]){rows, columns}), NULL,
                     (size_t)rows * at.bytes};
    if (at.bytes && (size_t)rows > SIZE_MAX / 2 / at.bytes)
        return dg_diag_set(why, DG_EUSAGE, "a Jacobian of %lld x %lld does not fit in memory",
                           (long long)rows, (long long)columns);
    t->data = malloc(t->bytes + 1);
    start.data = malloc(start.bytes + 1);
    if (!t->data || !start.data)
        s = dg_diag_set(why, DG_EMEMORY, "the Jacobian needs %zu bytes", t->bytes);
    else if (form_rows(p, of, by, &start, t) != DG_OK)
        s = dg_program_status(p, why);
    free(start.data);
    return s;
}

dg_status dg_jacobian_form(dg_program *p, const dg_graph *g, dg_value of, dg_value by, dg_tensor *t,
                           dg_diag *why)
{
    *t = (dg_tensor){.data = NULL};
    if (is_result(g, by))
        return by_result(p, of, by, t, why);
    if (dg_jacobian(p, of, by, t) != DG_OK)
        return dg_program_status(p, why);
    t->data = malloc(t->bytes + 1);
    if (!t->data)
        return dg_diag_set(why, DG_EMEMORY, "the Jacobian needs %zu bytes", t->bytes);
    return dg_jacobian(p, of, by, t) == DG_OK ? DG_OK : dg_program_status(p, why);
}
