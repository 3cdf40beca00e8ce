/* Columns of a data set made from their sources. */
#include "io/column.h"
#include "io/sources.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- What the pipe asks of the source -------------------------------------------------------- */

static const char *text_of(const dg_io_call *c)
{
    return c->n_attr > 0 ? c->attr[0].word : NULL;
}

/* onehot(10) takes numbers; without a number it takes words. */
static int cells_of(const dg_transform *t, const dg_io_call *c)
{
    return t->cells == DG_CELLS_WORDS && c->n_attr > 0 && t != dg_image ? 0 : t->cells;
}

int dg_pipe_takes_words(int n, const dg_io_call transforms[])
{
    const dg_transform *t = NULL;
    for (int k = 0; k < n; k++) {
        for (int i = 0; i < dg_n_transforms; i++)
            if (strcmp(dg_transforms[i].type.name, transforms[k].name) == 0)
                t = &dg_transforms[i];
        if (t && cells_of(t, &transforms[k]))
            return 1;
        if (!t || !t->gaps)
            return 0;
    }
    return 0;
}

/* | image(size=[h, w], channels=3, memory=1024) */
static dg_status ask_for_picture(dg_dataset *d, const dg_io_pipe *p, const dg_io_call *c,
                                 dg_asked *out)
{
    const dg_attrs *a;
    if (dg_dataset_check_attrs(d, &dg_image->type, c, &a) != DG_OK)
        return d->first.code;
    out->picture = true;
    out->memory = dg_attr_real(a, 2);
    return dg_picture_form_of(a, 0, 0, p->whole, &out->form, &d->first);
}

/* How a table is to be read: what comes first in the pipe, but for fill and drop, says it. */
static dg_status ask(dg_dataset *d, const dg_source_type *type, const dg_io_pipe *p, dg_asked *out)
{
    bool first = true;
    for (int k = 0; k < p->n; k++) {
        const dg_io_call *c = &p->transforms[k];
        const dg_transform *t = dg_dataset_transform(d, c->name);
        if (!t)
            return d->first.code;
        int cells = cells_of(t, c);
        out->gaps |= t->gaps;
        if (t == dg_fill && text_of(c) && strcmp(text_of(c), "mean") &&
            strcmp(text_of(c), "median"))
            out->fill = text_of(c);
        if (cells && (cells != DG_CELLS_WORDS || t == dg_image) && (!type->table || !first))
            return dg_diag_set(&d->first, DG_EMODEL,
                               "%s takes a table, and comes first in its pipe", t->type.name);
        if (cells && first) {
            out->cells = (dg_cells)cells;
            out->format = cells == DG_CELLS_TIMES ? text_of(c) : NULL;
        }
        if (t == dg_image && ask_for_picture(d, p, c, out) != DG_OK)
            return d->first.code;
        first = first && t->gaps && !cells;
    }
    return DG_OK;
}

/* ---- Loading --------------------------------------------------------------------------------- */

static const dg_source_type *find_source(dg_dataset *d, const char *name)
{
    for (int k = 0; k < dg_n_sources; k++)
        if (strcmp(dg_sources[k].type.name, name) == 0)
            return &dg_sources[k];
    dg_diag_set(&d->first, DG_EMODEL, "there is no source '%s'", name);
    return NULL;
}

static bool same_names(const dg_loading *known, const dg_loaded *l)
{
    bool same = known->n_names == l->table.n;
    for (int i = 0; i < known->n_names && same; i++)
        same = strcmp(known->names[i], l->table.name[i]) == 0;
    return same;
}

/* Another block may have its columns in another order, or a text with other characters: what was
 * learnt in training decides. */
static bool is_learnt(const dg_loading *known, const dg_loaded *l)
{
    bool vocabulary = known->vocabulary && l->vocabulary;
    return (known->n_names == 0 || l->table.n == 0 || same_names(known, l)) &&
           !(vocabulary && strcmp(known->vocabulary, l->vocabulary) != 0);
}

static bool names_columns(const dg_source_type *type, const dg_attrs *a)
{
    for (int i = 0; i < a->n; i++)
        if (strcmp(type->type.attrs[i].name, "columns") == 0)
            return a->v[i].text != NULL;
    return false;
}

static dg_status load(dg_dataset *d, const dg_source_type *type, dg_loading *l, const char *name,
                      const dg_loaded **out)
{
    dg_loading known = *l;
    char **names = NULL;
    int n = 0;
    const char *text = dg_dataset_recall(d, name, "names");
    dg_status s = text ? dg_texts_read(text, &n, &names) : DG_OK;
    if (s != DG_OK)
        return dg_diag_set(&d->first, s, "%s",
                           s == DG_EMEMORY ? dg_status_text(s)
                                           : "the list of its columns that was stored is damaged");
    known.names = names;
    known.n_names = n;
    known.vocabulary = dg_dataset_recall(d, name, "vocabulary");
    if (!l->path && names_columns(type, l->attrs)) /* it says itself which columns */
        known.n_names = 0;
    s = dg_store_load(d->store, type, l->path ? &known : l, out, &d->first);
    if (s == DG_OK && !l->path && !is_learnt(&known, *out))
        s = dg_store_load(d->store, type, &known, out, &d->first);
    dg_texts_free(n, names);
    return s;
}

/* ---- Columns --------------------------------------------------------------------------------- */

/* Column k of a source: the rows of axis 0; or windows of rows, and what follows them. */
static void view(dg_column *c, const dg_loaded *l, int k)
{
    c->from = l;
    c->array = k == 1 && (l->second.data || l->partner.n) ? &l->second : &l->array;
    c->album = k == 1 && l->partner.n ? &l->partner : &l->album;
    const dg_shape pictures = dg_album_shape(c->album);
    const dg_shape *s = c->array->data ? &c->array->shape : &pictures;
    c->rows = s->dim[0];
    c->step = dg_shape_row(s);
    if (l->length > 0) {
        c->rows = (s->dim[0] - l->length - l->follows) / l->stride + 1;
        c->offset = k == 0 ? 0 : s->rank > 1 ? l->length * c->step : 1;
        c->step *= l->stride;
        c->row = (dg_shape){.rank = s->rank, .dim = {k == 0 ? l->length : l->horizon}};
    } else
        c->row.rank = s->rank - 1;
    for (int i = 1; i < s->rank; i++)
        c->row.dim[l->length > 0 ? i : i - 1] = s->dim[i];
    c->n_in = dg_shape_count(&c->row);
}

/* The whole array is one row. */
static void view_as_row(dg_column *c)
{
    c->row = c->array->shape;
    c->n_in = c->step = dg_shape_count(&c->row);
    c->rows = 1;
    c->n_stages = 0;
}

static bool is_wanted(const dg_dataset *d, const dg_column *c)
{
    return d->first.code == DG_OK &&
           (!d->wanted || dg_column_fits(c, d->wanted_type, d->wanted, NULL) == DG_OK);
}

/* The pipe over the rows of the source; over the source as one row, if it is an array that was
 * given without its axis of rows. */
static dg_status plan(dg_dataset *d, dg_column *c, const dg_io_pipe *p, int k)
{
    bool array = c->array->data && c->from->length == 0 && c->from->table.n == 0 &&
                 c->array->shape.rank < DG_MAX_RANK;
    dg_column_plan(d, c, p->n, p->transforms);
    if (is_wanted(d, c) || !d->wanted || !array || d->first.code == DG_EMEMORY)
        return d->first.code;
    dg_diag rows = d->first;
    d->first = (dg_diag){.code = DG_OK};
    view_as_row(c);
    dg_column_plan(d, c, p->n, p->transforms);
    if (is_wanted(d, c) || d->first.code == DG_EMEMORY)
        return d->first.code;
    d->first = (dg_diag){.code = DG_OK}; /* neither: what is wrong with the rows is told */
    c->n_stages = 0;
    view(c, c->from, k);
    dg_column_plan(d, c, p->n, p->transforms);
    if (rows.code != DG_OK)
        d->first = rows;
    return d->first.code;
}

/* k: the column of the source; a file that is given instead has one. */
static dg_status add_column(dg_dataset *d, const dg_io_pipe *p, int k, const dg_loaded *l)
{
    if (dg_dataset_find(d, p->name))
        return dg_diag_set(&d->first, DG_EMODEL, "there are two columns '%s'", p->name);
    dg_column *c = dg_arena_alloc(&d->arena, sizeof *c);
    if (d->n == d->room) {
        dg_column **more = realloc(d->column, ((size_t)d->room + 8) * sizeof *more);
        if (!more)
            return dg_dataset_no_memory(d);
        d->column = more;
        d->room += 8;
    }
    if (!c || !(c->name = dg_arena_copy_string(&d->arena, p->name)))
        return dg_dataset_no_memory(d);
    c->set = d;
    d->column[d->n++] = c;
    view(c, l, k);
    c->scratch.picture = c->array->data ? NULL : dg_arena_alloc(&d->arena, (size_t)c->n_in);
    if (!c->array->data && !c->scratch.picture)
        return dg_dataset_no_memory(d);
    if (k > 0 && c->array == &l->array && l->album.n > 0)
        return dg_diag_set(&d->first, DG_EDATA,
                           "the folder has no sub-folders, which would be the classes");
    return dg_column_learn(d, c, k) == DG_OK ? plan(d, c, p, k) : d->first.code;
}

static dg_status fill(dg_dataset *d, int n, const dg_io_pipe pipes[], const dg_io_call *source,
                      const char *path, const char *text, dg_diag *why)
{
    if (d->first.code != DG_OK)
        return dg_dataset_report(d, why);
    const dg_loaded *loaded = NULL;
    dg_loading l = {.path = path, .text = text, .column = path && n > 0 ? pipes[0].column : 0};
    for (int i = 0; i < n; i++) {
        l.asked.whole |= pipes[i].whole && pipes[i].column == 0;
        l.asked.whole_second |= pipes[i].whole && pipes[i].column == 1;
    }
    const dg_source_type *type = find_source(d, source->name);
    if (d->sealed)
        dg_diag_set(&d->first, DG_EUSAGE, "a column is added to a dataset that is sealed");
    else if (type && (n < 1 || n > type->type.columns))
        dg_diag_set(&d->first, DG_EMODEL, "%s fills %d name%s, not %d", type->type.name,
                    type->type.columns, type->type.columns > 1 ? "s" : "", n);
    else if (type && ask(d, type, &pipes[0], &l.asked) == DG_OK &&
             dg_dataset_check_attrs(d, &type->type, source, &l.attrs) == DG_OK)
        load(d, type, &l, pipes[0].name, &loaded);
    for (int i = 0; i < n && d->first.code == DG_OK; i++)
        add_column(d, &pipes[i], path ? 0 : pipes[i].column, loaded);
    dg_dataset_say_place(d, n > 0 ? pipes[0].name : "", source);
    return dg_dataset_report(d, why);
}

dg_status dg_dataset_fill(dg_dataset *d, int n, const dg_io_pipe pipes[], const dg_io_call *source,
                          const char *path, dg_diag *why)
{
    return fill(d, n, pipes, source, path, NULL, why);
}

/* Texts as lines of a table under the names of its columns. */
static dg_status write_table(int64_t n, const char *const texts[], int columns, char *const name[],
                             dg_text *out)
{
    for (int64_t i = -columns; i < n; i++) {
        int k = (int)((i + columns) % columns);
        dg_text_add(out, k ? "," : "");
        dg_csv_put_text(out, i < 0 ? name[k] : texts[i] ? texts[i] : "");
        dg_text_add(out, k == columns - 1 ? "\n" : "");
    }
    return out->failed ? DG_EMEMORY : DG_OK;
}

dg_status dg_dataset_fill_texts(dg_dataset *d, const dg_io_pipe *pipe, const dg_io_call *source,
                                int64_t n, const char *const texts[], dg_diag *why)
{
    int columns = 0;
    char **name = NULL;
    dg_text table = dg_text_make(NULL);
    const char *known = dg_dataset_recall(d, pipe->name, "names");
    dg_status s = known ? dg_texts_read(known, &columns, &name) : DG_OK;
    if (s != DG_OK)
        dg_diag_set(&d->first, s, "%s", dg_status_text(s));
    else if (columns < 1)
        dg_diag_set(&d->first, DG_EUSAGE, "texts are given, and it has learnt no table");
    else if (n < columns || n % columns != 0)
        dg_diag_set(&d->first, DG_EUSAGE, "%" PRId64 " texts are given, a row has %d", n, columns);
    else if (write_table(n, texts, columns, name, &table) != DG_OK)
        dg_dataset_no_memory(d);
    dg_dataset_say_place(d, pipe->name, NULL);
    s = fill(d, 1, pipe, source, pipe->name, table.data, why);
    dg_text_free(&table);
    dg_texts_free(columns, name);
    return s;
}

dg_status dg_dataset_add(dg_dataset *d, int n_names, const char *const names[],
                         const dg_io_call *source, int n_transforms, const dg_io_call transforms[],
                         dg_diag *why)
{
    dg_io_pipe pipes[DG_MOST_NAMES];
    if (n_names > 1 && n_transforms > 0)
        dg_diag_set(&d->first, DG_EMODEL, "a pipe follows a single name only");
    dg_dataset_say_place(d, n_names > 0 ? names[0] : "", source);
    for (int i = 0; i < n_names && i < DG_MOST_NAMES; i++)
        pipes[i] = (dg_io_pipe){names[i], i, n_transforms, transforms};
    return dg_dataset_fill(d, n_names, pipes, source, NULL, why);
}

dg_status dg_dataset_take(dg_dataset *d, const char *name, dg_array *array, int n_transforms,
                          const dg_io_call transforms[], dg_diag *why)
{
    const dg_loaded *l = NULL;
    const dg_io_pipe pipe = {name, 0, n_transforms, transforms};
    if (d->first.code != DG_OK || d->sealed) {
        dg_array_free(array);
        dg_diag_set(&d->first, DG_EUSAGE, "a column is added to a dataset that is sealed");
        return dg_dataset_report(d, why);
    }
    bool gaps = false;
    for (int k = 0; k < n_transforms; k++) {
        const dg_transform *t = dg_dataset_transform(d, transforms[k].name);
        gaps |= t && t->gaps;
    }
    if (dg_store_take(d->store, array, gaps, &l, &d->first) == DG_OK)
        add_column(d, &pipe, 0, l);
    dg_dataset_say_place(d, name, NULL);
    return dg_dataset_report(d, why);
}
