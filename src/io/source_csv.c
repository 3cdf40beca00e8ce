/* The sources csv and series: attributes to the options of the reader. */
#include "io/sources.h"

#include <stdlib.h>
#include <string.h>

/* Attributes of both, in the order of their tables. */
enum { FILE_NAME, COLUMNS, HEADER, SEPARATOR, SKIP, COMMENT, DECIMAL, MISSING, EXCEPT };
enum { LENGTH = EXCEPT + 1, HORIZON, STRIDE };

typedef struct {
    char *text; /* a copy, cut at its newlines */
    const char **item;
    int n;
} list;

static dg_status make_list(const dg_attr_value *v, list *l, dg_diag *why)
{
    int n = v->count;
    if (!v->text || (n == 0 && !*v->text))
        return DG_OK;
    for (const char *p = v->text; v->count == 0 && p; p = strchr(p + 1, '\n'))
        n++;
    l->text = strdup(v->text);
    l->item = malloc((size_t)n * sizeof *l->item);
    if (!l->text || !l->item)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    for (char *p = l->text; l->n < n; l->n++) {
        l->item[l->n] = p;
        p += strcspn(p, "\n");
        if (*p)
            *p++ = 0;
    }
    return DG_OK;
}

typedef struct {
    dg_csv_options o;
    list columns, except, missing;
} options;

static void free_options(options *p)
{
    list *all[] = {&p->columns, &p->except, &p->missing};
    for (int i = 0; i < 3; i++) {
        free(all[i]->text);
        free(all[i]->item);
    }
}

static dg_status read_separator(const dg_attr_value *v, dg_csv_options *o, dg_diag *why)
{
    static const char words[] = {0, '\t', ' '};
    o->separator = v->word >= 0 ? words[v->word] : *v->text;
    if (v->word >= 0 || (strlen(v->text) == 1 && *v->text != '"'))
        return DG_OK;
    return dg_diag_set(why, DG_EMODEL,
                       "separator is '%.40s'; it takes one character, auto, tab or blank", v->text);
}

static dg_status read_options(const dg_loading *l, options *p, bool windows, dg_diag *why)
{
    const dg_attr_value *v = l->attrs->v;
    dg_csv_options *o = &p->o;
    *p = (options){.o = {.header = DG_HEADER_AUTO, .windows = windows}};
    if (v[HEADER].word < 0)
        o->header = v[HEADER].number[0] != 0 ? DG_HEADER_YES : DG_HEADER_NO;
    o->skip = (int)v[SKIP].number[0];
    o->comment = dg_source_text(l->attrs, COMMENT);
    o->decimal = *v[DECIMAL].text;
    o->cells = l->asked.cells;
    o->gaps = l->asked.gaps;
    o->fill = l->asked.fill;
    o->format = l->asked.format;
    if ((o->decimal != '.' && o->decimal != ',') || v[DECIMAL].text[1])
        return dg_diag_set(why, DG_EMODEL, "decimal is '%.40s'; it takes \".\" or \",\"",
                           v[DECIMAL].text);
    dg_status status = read_separator(&v[SEPARATOR], o, why);
    if (status == DG_OK)
        status = make_list(&v[COLUMNS], &p->columns, why);
    if (status == DG_OK)
        status = make_list(&v[EXCEPT], &p->except, why);
    if (status == DG_OK)
        status = make_list(&v[MISSING], &p->missing, why);
    o->column = p->columns.item;
    o->n_columns = p->columns.n;
    o->except = p->except.item;
    o->n_except = p->except.n;
    o->missing = p->missing.item;
    o->n_missing = p->missing.n;
    if (l->text) { /* made by dagrad: only what its fields mean is the source's */
        o->header = DG_HEADER_YES;
        o->separator = ',';
        o->skip = 0;
        o->comment = NULL;
    }
    if (l->n_names) { /* another file for the same value: the columns that the model has learnt */
        o->column = (const char *const *)l->names;
        o->n_columns = l->n_names;
        o->n_except = 0;
        o->positions = true;
        o->matrix = p->columns.n != 1 || strpbrk(p->columns.item[0], "*?") != NULL;
    } else if (l->path)
        o->positions = true;
    return status;
}

/* A separator that was found by looking is told, unless it is the usual one. */
static void say_separator(const dg_loading *l, const dg_csv_options *o, const dg_table *t,
                          const char *path)
{
    char text[400];
    if (!l->say || o->separator || t->separator == ',' || !path)
        return;
    dg_format(text, sizeof text, "%.300s: fields are separated by %s", path,
              t->separator == '\t'  ? "tabs"
              : t->separator == ' ' ? "blanks"
              : t->separator == ';' ? "';'"
                                    : "'|'");
    l->say(l->user, text);
}

/* Of a file that is given instead: what it has besides, or that it has no names. */
static void say_columns(const dg_loading *l, const dg_csv_options *o, const dg_table *t)
{
    char text[500] = "";
    const char *path = strcmp(l->path, "-") == 0 ? "standard input" : l->path;
    const int others = t->fields - t->n;
    bool named = false;
    dg_text names = dg_text_make(NULL);
    for (int i = 0; i < o->n_columns && names.length < 200; i++) {
        int64_t number;
        const char *end = dg_read_i64(o->column[i], &number);
        named |= !end || *end;
        dg_text_printf(&names, "%s%s", i ? ", " : "", o->column[i]);
    }
    if (t->header && t->numbered)
        dg_format(text, sizeof text,
                  "%.200s: columns %s are taken, whatever their names: those of "
                  "the training had none",
                  path, names.data);
    else if (t->header && o->n_columns && others > 0)
        dg_format(text, sizeof text, "%.200s: %d other column%s passed over", path, others,
                  others == 1 ? " is" : "s are");
    else if (!t->header && named)
        dg_format(text, sizeof text, "%.200s has no header: its columns are taken for %s, in order",
                  path, names.data);
    if (*text && l->say && (l->n_names || o->cells == DG_CELLS_NUMBERS)) /* not of other columns */
        l->say(l->user, text);
    dg_text_free(&names);
}

/* A file that is given instead may be of any format. */
static dg_status read_given(const dg_loading *l, dg_reader *r, const dg_csv_options *o,
                            dg_loaded *out, dg_diag *why)
{
    char *bytes;
    size_t n;
    dg_reader *again = NULL;
    dg_status status = dg_reader_rest(r, &bytes, &n);
    if (status != DG_OK)
        return status;
    if (dg_data_is_table(bytes, n)) {
        status = dg_reader_memory(&again, bytes, n, dg_reader_name(r), DG_READ_RAW, why);
        if (status == DG_OK)
            status = dg_table_read(again, o, &out->table);
        dg_reader_close(again);
        if (status == DG_OK)
            say_columns(l, o, &out->table);
    } else if (l->asked.cells == DG_CELLS_NUMBERS)
        status = dg_data_read_memory(bytes, n, dg_reader_name(r), &out->array, why);
    else
        status = dg_file_fail(why, DG_EDATA, dg_reader_name(r), 0, 0,
                              "a table is needed, whose words the model has learnt");
    free(bytes);
    return status;
}

static dg_status load(const dg_loading *l, bool windows, dg_loaded *out, char **path, dg_diag *why)
{
    options p;
    dg_reader *r = NULL;
    dg_status status = read_options(l, &p, windows, why);
    if (status == DG_OK)
        status = dg_source_open(l, 0, path, &r, why);
    if (status == DG_OK)
        status = l->path ? read_given(l, r, &p.o, out, why) : dg_table_read(r, &p.o, &out->table);
    if (status == DG_OK && out->table.array.data) {
        out->array = out->table.array;
        out->table.array = (dg_array){.data = NULL};
        say_separator(l, &p.o, &out->table, *path);
        if (l->asked.picture)
            status = dg_load_paths(l, *path ? *path : l->path, out, why);
    }
    dg_reader_close(r);
    free_options(&p);
    return status;
}

dg_status dg_load_csv(const dg_loading *l, dg_loaded *out, char **path, dg_diag *why)
{
    return load(l, false, out, path, why);
}

/* Windows of the rows of a table, all of it numbers. */
dg_status dg_load_series(const dg_loading *l, dg_loaded *out, char **path, dg_diag *why)
{
    dg_status status = load(l, true, out, path, why);
    if (status != DG_OK)
        return status;
    dg_shape *s = &out->array.shape;
    if (s->rank == 1)
        s->dim[s->rank++] = 1;
    out->length = dg_attr_int(l->attrs, l->column ? HORIZON : LENGTH);
    out->horizon = dg_attr_int(l->attrs, HORIZON);
    out->stride = dg_attr_int(l->attrs, STRIDE);
    out->follows = l->path ? 0 : out->horizon;
    if (s->dim[0] < out->length + out->follows)
        return dg_file_fail(why, DG_EDATA, *path ? *path : l->path, 0, 0,
                            "%lld row%s; a window of %lld and the %lld that follow need more",
                            (long long)s->dim[0], s->dim[0] == 1 ? "" : "s", (long long)out->length,
                            (long long)out->follows);
    return DG_OK;
}
