/* The pipe of a column: its transforms found and checked, the shapes of rows on the way. */
#include "io/column.h"

#include "graph/attr.h"
#include <string.h>

enum { ATTRS = 16, STAGES = 64 };

/* ---- Attributes ------------------------------------------------------------------------------ */

/* Positional ones get their names, then all are checked. */
dg_status dg_dataset_check_attrs(dg_dataset *d, const dg_io_type *type, const dg_io_call *call,
                                 const dg_attrs **out)
{
    dg_attr named[ATTRS];
    if (call->n_attr > ATTRS)
        return dg_diag_set(&d->first, DG_EMODEL, "%s with %d attributes", call->name, call->n_attr);
    for (int i = 0; i < call->n_attr; i++) {
        named[i] = call->attr[i];
        if (named[i].name)
            continue;
        if (i >= type->n_attrs) {
            d->first.start = named[i].start;
            d->first.end = named[i].end;
            return dg_diag_set(&d->first, DG_EMODEL, "%s takes at most %d attributes", type->name,
                               type->n_attrs);
        }
        named[i].name = type->attrs[i].name;
    }
    const dg_attr_table table = {.of = type->name, .specs = type->attrs, .n_specs = type->n_attrs};
    return dg_attrs_check(&table, call->n_attr, named, &d->arena, out, &d->first);
}

const dg_transform *dg_dataset_transform(dg_dataset *d, const char *name)
{
    for (int k = 0; k < dg_n_transforms; k++)
        if (strcmp(dg_transforms[k].type.name, name) == 0)
            return &dg_transforms[k];
    dg_diag_set(&d->first, DG_EMODEL, "there is no transform '%s'", name);
    return NULL;
}

/* ---- The pipe -------------------------------------------------------------------------------- */

static dg_status plan_stage(dg_dataset *d, dg_stage *s)
{
    s->out = s->in;
    s->n_in = dg_shape_count(&s->in);
    dg_status status = s->type->plan ? s->type->plan(s, &d->first) : DG_OK;
    if (status != DG_OK)
        return status;
    s->n_out = dg_shape_count(&s->out);
    if (s->n_out < 0 || s->n_out > INT64_MAX / 64)
        return dg_diag_set(&d->first, DG_EMODEL, "%s makes rows that are too large",
                           s->type->type.name);
    if (s->n_stats == 0)
        return DG_OK;
    s->mean = dg_arena_array(&d->arena, 2 * (size_t)s->features, sizeof *s->mean);
    s->deviation = s->mean ? s->mean + s->features : NULL;
    return s->mean ? DG_OK : dg_dataset_no_memory(d);
}

static dg_status add_stages(dg_dataset *d, dg_column *c, int n, const dg_io_call *call)
{
    dg_shape row = c->row;
    uint64_t ordinal = 0;
    if (n > STAGES)
        return dg_diag_set(&d->first, DG_EMODEL, "a pipe of %d transforms", n);
    c->stage = dg_arena_array(&d->arena, (size_t)n, sizeof *c->stage);
    if (!c->stage)
        return dg_dataset_no_memory(d);
    for (int k = 0; k < n; k++) {
        dg_stage *s = &c->stage[c->n_stages++];
        s->type = dg_dataset_transform(d, call[k].name);
        s->in = row;
        s->classes = &c->classes;
        if (!s->type || dg_dataset_check_attrs(d, &s->type->type, &call[k], &s->attrs) != DG_OK ||
            plan_stage(d, s) != DG_OK) {
            dg_dataset_say_place(d, c->name, &call[k]);
            return d->first.code;
        }
        s->ordinal = s->type->type.augmenting ? ordinal++ : 0;
        c->drops |= s->type == dg_drop;
        row = s->out;
    }
    c->out = row;
    c->n_out = dg_shape_count(&row);
    return DG_OK;
}

/* Two rows as large as the largest on the way. */
static dg_status add_buffers(dg_dataset *d, dg_column *c)
{
    c->most = c->n_in;
    for (int k = 0; k < c->n_stages; k++)
        c->most = c->stage[k].n_out > c->most ? c->stage[k].n_out : c->most;
    for (int i = 0; i < 2; i++) {
        c->scratch.buffer[i] = dg_arena_array(&d->arena, (size_t)c->most, sizeof(double));
        if (!c->scratch.buffer[i])
            return dg_dataset_no_memory(d);
    }
    return DG_OK;
}

static void write_stage(dg_text *t, const dg_stage *s)
{
    dg_text_printf(t, "%s%s", t->length ? " | " : "", s->type->type.name);
    int n = 0;
    for (int i = 0; i < s->attrs->n; i++) {
        const dg_attr_value *v = &s->attrs->v[i];
        const dg_attr_spec *spec = &s->type->type.attrs[i];
        if ((v->word < 0 && v->count == 0 && !v->text) || (s->type->values && i >= s->type->values))
            continue;
        dg_text_add(t, n++ ? ", " : "(");
        if (v->text)
            dg_text_printf(t, "\"%s\"", v->text);
        else if (v->word >= 0)
            dg_text_printf(t, "%s %d", spec->name, v->word);
        else
            for (int k = 0; k < v->count; k++) {
                dg_text_add(t, k ? " " : "");
                dg_text_f64(t, v->number[k]);
            }
    }
    dg_text_add(t, n ? ")" : "");
}

static dg_status write_pipe(dg_dataset *d, dg_column *c)
{
    dg_text t = dg_text_make(NULL);
    for (int k = 0; k < c->n_stages; k++)
        if (!c->stage[k].type->type.augmenting)
            write_stage(&t, &c->stage[k]);
    c->pipe = t.failed ? NULL : dg_arena_copy_string(&d->arena, t.data);
    dg_text_free(&t);
    return c->pipe ? DG_OK : dg_dataset_no_memory(d);
}

dg_status dg_column_plan(dg_dataset *d, dg_column *c, int n, const dg_io_call transforms[])
{
    if (add_stages(d, c, n, transforms) == DG_OK && add_buffers(d, c) == DG_OK)
        write_pipe(d, c);
    return d->first.code;
}
