/* Calls: nodes are applied, defs are inlined, all else stays a call. */
#include "lang/build.h"

#include "graph/make.h"
#include "lang/suggest.h"
#include <string.h>

bool dg_graph_went_well(dg_builder *r, dg_span at, const char *fits)
{
    dg_diag why;
    dg_status s = dg_graph_pardon(r->model->graph, &why);
    if (s == DG_EMEMORY)
        dg_heap_fail(&r->heap);
    if (s == DG_OK)
        return true;
    dg_message m = {.code = s, .at = at, .found = why.text, .fits = fits};
    if (why.end > 0)
        m.at = (dg_span){why.start, why.end};
    if (m.at.start != at.start || m.at.end != at.end)
        m.fits = NULL; /* of an attribute: that of the node does not help */
    dg_diags_add(&r->model->diags, &m);
    return false;
}

/* "linear", "linear2", ...: the node part of a name. */
static const char *ordinal(dg_builder *r, dg_line *l, const char *kind)
{
    int n = dg_dict_count(&r->heap, &l->kinds, kind);
    return n == 1 ? kind : dg_heap_printf(&r->heap, "%s%d", kind, n);
}

static const char *node_name(dg_builder *r, dg_line *l, const char *type)
{
    return dg_heap_printf(&r->heap, "%s.%s", l->base, ordinal(r, l, type));
}

/* The inputs and where they were made: shape errors need it. */
static const char *made_where(dg_builder *r, int n, const dg_value in[])
{
    dg_text t = dg_text_make(&r->memory);
    char shape[128];
    for (int i = 0; i < n; i++) {
        dg_value_info info;
        if (dg_value_look(r->model->graph, in[i], &info) != DG_OK ||
            (info.kind == DG_CONSTANT && info.shape.rank == 0)) /* a number */
            continue;
        dg_text_printf(&t, "%s%s %s, made in line %d", t.length ? "\n" : "", info.name,
                       dg_shape_text(&info.shape, shape, sizeof shape),
                       dg_source_line(&r->source, info.start));
    }
    const char *text = t.failed ? NULL : dg_heap_copy(&r->heap, t.data, t.length);
    dg_text_free(&t);
    return text;
}

/* The results of a node: they follow its first. The last ones are the next values of its states,
 * which are none. */
static const dg_item *results(dg_builder *r, const dg_node_type *t, dg_value first, dg_span at)
{
    dg_item *item = dg_item_make(r, DG_ITEM_VALUE, at);
    item->n = dg_graph_values(r->model->graph) - first.id + 1;
    for (int i = 0; i < t->n_inputs; i++)
        item->n -= (t->inputs[i].flags & DG_IN_STATE) != 0;
    item->first = t->flags & DG_FIRST;
    dg_value *values = dg_heap_take(&r->heap, (size_t)item->n, sizeof *values);
    for (int k = 0; k < item->n; k++)
        values[k] = dg_value_part(r->model->graph, first, k);
    item->values = values;
    return item;
}

static const dg_item *apply(dg_builder *r, const char *type, const char *name, dg_span at, int n,
                            const dg_value in[], int n_attr, const dg_attr attr[])
{
    dg_graph *g = r->model->graph;
    dg_graph_place(g, at.start, at.end);
    dg_value first = dg_apply(g, type, name, n, in, n_attr, attr);
    if (first.id)
        return results(r, dg_type_find(g, type), first, at);
    dg_graph_went_well(r, at, made_where(r, n, in));
    return dg_item_unknown(r, at);
}

const dg_item *dg_use_values(dg_builder *r, dg_line *l, const char *type, dg_span at, int n,
                             const dg_value values[])
{
    return apply(r, type, node_name(r, l, type), at, n, values, 0, NULL);
}

/* ---- Nodes ---------------------------------------------------------------------------------- */

/* A call of a node while its arguments are read. */
typedef struct {
    dg_builder *r;
    dg_line *l;
    const dg_expr *e;
    const dg_node_type *type;
    dg_attr_table table;
    dg_value *in;
    dg_attr *attrs;
    int n_in, n_attrs;
    const char *name; /* of name=, or NULL */
    dg_clause *file;  /* of init=npy("w.npy"), bias_init=... */
    const char **file_role;
    int n_files;
    bool bad;
} use;

/* Inputs that are given by position: those that must be given. */
static int positional(const dg_node_type *t)
{
    int n = 0;
    while (n < t->n_inputs && !(t->inputs[n].flags & (DG_IN_OPTIONAL | DG_IN_MADE)))
        n++;
    return t->flags & DG_VARIADIC ? INT32_MAX : n;
}

static const dg_attr_spec *find_spec(const dg_node_type *t, const char *name)
{
    for (int i = 0; i < t->n_attrs; i++)
        if (strcmp(t->attrs[i].name, name) == 0)
            return &t->attrs[i];
    return NULL;
}

static const char *takes(use *u)
{
    char names[512], *values = dg_heap_take(&u->r->heap, 1, 1);
    for (int i = 0; i < u->type->n_inputs; i++)
        if (!(u->type->inputs[i].flags & (DG_IN_OPTIONAL | DG_IN_MADE)))
            values = dg_heap_printf(&u->r->heap, "%s%s%s", values, i ? ", " : "",
                                    u->type->inputs[i].name);
    dg_attr_names(&u->table, names, sizeof names);
    return dg_heap_printf(&u->r->heap, "%s takes: %s%s%s", u->type->name, values,
                          *values && *names ? "; " : "", names);
}

static void unknown_attr(use *u, const dg_arg *a)
{
    char room[DG_ATTR_NAME_ROOM], best[DG_ATTR_NAME_ROOM];
    dg_suggest s = {.name = a->key};
    const char *name, *last = NULL;
    for (int k = 0; (name = dg_attr_name_at(&u->table, k, room)); k++) {
        dg_suggest_try(&s, name);
        if (s.best != last)
            last = s.best = strcpy(best, name);
    }
    const char *names = dg_attr_names(&u->table, dg_heap_take(&u->r->heap, 512, 1), 512);
    dg_refuse(u->r, a->key_span, s.best,
              dg_heap_printf(&u->r->heap, "%s takes: %s", u->type->name, names),
              "%s has no attribute '%s'", u->type->name, a->key);
    u->bad = true;
}

static dg_attr *new_attr(use *u, const char *name, dg_span at)
{
    dg_attr *a = &u->attrs[u->n_attrs++];
    *a = (dg_attr){.name = name, .start = at.start, .end = at.end};
    return a;
}

static void take_value(use *u, const char *name, const dg_item *item)
{
    dg_value *v = dg_heap_take(&u->r->heap, 1, sizeof *v);
    if (!dg_need_value(u->r, u->l, item, v))
        u->bad = true;
    else
        new_attr(u, name, item->span)->value = v;
}

static void take_init(use *u, const char *name, const dg_item *item)
{
    dg_clause file = {.word = -1};
    const char *text = dg_take_init(u->r, u->l, item, &file);
    if (!text)
        u->bad = true;
    else
        new_attr(u, name, item->span)->word = text;
    if (file.word >= 0) {
        u->file[u->n_files] = file;
        u->file_role[u->n_files++] = u->table.inputs[dg_attr_init_of(&u->table, name)].name;
    }
}

static void take_spec(use *u, const dg_attr_spec *spec, const dg_item *item)
{
    dg_attr a = {.name = spec->name};
    if (dg_take_attr(u->r, u->l, u->type->name, spec, item, &a))
        u->attrs[u->n_attrs++] = a;
    else
        u->bad = true;
}

static void take_name(use *u, const dg_item *item)
{
    if (item->kind == DG_ITEM_STRING && *item->text) {
        u->name = item->text;
        return;
    }
    dg_refuse(u->r, item->span, NULL, "name=\"encoder\"", "a name is a string");
    u->bad = true;
}

static const dg_item *argument(use *u, const dg_attr_spec *spec, const dg_expr *e)
{
    if (!spec || !dg_take_is_word(spec, e))
        return dg_eval(u->r, u->l, e);
    dg_item *word = dg_item_make(u->r, DG_ITEM_WORD, e->span);
    word->text = e->text;
    return word;
}

static void take_keyword(use *u, const dg_arg *a)
{
    const dg_attr_spec *spec = find_spec(u->type, a->key);
    if (!dg_attr_known(&u->table, a->key)) {
        unknown_attr(u, a);
        return;
    }
    for (int i = 0; i < u->n_attrs; i++)
        if (strcmp(u->attrs[i].name, a->key) == 0) {
            dg_refuse(u->r, a->key_span, NULL, NULL, "%s of %s is given twice", a->key,
                      u->type->name);
            u->bad = true;
            return;
        }
    const dg_item *item = argument(u, spec, a->value);
    bool input = dg_attr_input_of(&u->table, a->key) >= 0;
    if (item->kind == DG_ITEM_UNKNOWN)
        u->bad = true;
    else if (input && (!spec || item->kind == DG_ITEM_VALUE))
        take_value(u, a->key, item);
    else if (spec)
        take_spec(u, spec, item);
    else if (dg_attr_init_of(&u->table, a->key) >= 0)
        take_init(u, a->key, item);
    else
        take_name(u, item);
}

static void take_position(use *u, const dg_arg *a, int k)
{
    int inputs = positional(u->type);
    if (k >= inputs && k - inputs >= u->type->n_attrs) {
        dg_refuse(u->r, a->value->span, NULL, takes(u), "too many arguments for %s", u->type->name);
        u->bad = true;
        return;
    }
    const dg_attr_spec *spec = k < inputs ? NULL : &u->type->attrs[k - inputs];
    const dg_item *item = argument(u, spec, a->value);
    if (item->kind == DG_ITEM_UNKNOWN)
        u->bad = true;
    else if (spec)
        take_spec(u, spec, item);
    else if (!dg_need_value(u->r, u->l, item, &u->in[u->n_in++]))
        u->bad = true;
}

/* Reports the first thing that must be given and is not. */
static void check_given(use *u)
{
    const dg_node_type *t = u->type;
    const char *missing = NULL;
    int inputs = t->flags & DG_VARIADIC ? t->n_inputs : positional(t);
    for (int i = inputs + t->n_attrs - 1; i >= 0; i--) {
        const char *name = i < inputs ? t->inputs[i].name : t->attrs[i - inputs].name;
        bool given = i < u->n_in || (i >= inputs && t->attrs[i - inputs].preset);
        for (int k = 0; k < u->n_attrs; k++)
            given |= strcmp(u->attrs[k].name, name) == 0;
        if (!given)
            missing = name;
    }
    if (!missing)
        return;
    dg_refuse(u->r, u->e->at, NULL, takes(u), "%s of %s is not given", missing, t->name);
    u->bad = true;
}

static const dg_item *use_node(dg_builder *r, dg_line *l, const dg_expr *e, const dg_node_type *t)
{
    use u = {.r = r, .l = l, .e = e, .type = t, .table = dg_attr_table_of(t)};
    u.in = dg_heap_take(&r->heap, (size_t)e->n, sizeof *u.in);
    u.attrs = dg_heap_take(&r->heap, (size_t)e->n, sizeof *u.attrs);
    u.file = dg_heap_take(&r->heap, (size_t)e->n, sizeof *u.file);
    u.file_role = dg_heap_take(&r->heap, (size_t)e->n, sizeof *u.file_role);
    for (int i = 0; i < e->n; i++) {
        if (e->args[i].key)
            take_keyword(&u, &e->args[i]);
        else
            take_position(&u, &e->args[i], i);
    }
    if (!u.bad)
        check_given(&u);
    if (u.bad)
        return dg_item_unknown(r, e->span);
    const char *name = u.name ? dg_heap_printf(&r->heap, "%s%s", l->naming->prefix, u.name)
                              : node_name(r, l, t->name);
    const dg_item *made = apply(r, t->name, name, e->at, u.n_in, u.in, u.n_attrs, u.attrs);
    for (int i = 0; made->kind == DG_ITEM_VALUE && i < u.n_files; i++) {
        const char *parameter = dg_heap_printf(&r->heap, "%s.%s", name, u.file_role[i]);
        dg_take_parameter(r, dg_value_find(r->model->graph, parameter), &u.file[i]);
    }
    return made;
}

/* ---- Defs ----------------------------------------------------------------------------------- */

static const char *def_takes(dg_builder *r, const dg_stmt *def)
{
    const char *text = dg_heap_printf(&r->heap, "%s takes: ", def->names[0].text);
    for (int i = 0; i < def->n; i++)
        text = dg_heap_printf(&r->heap, "%s%s%s", text, i ? ", " : "", def->args[i].key);
    return def->n ? text : dg_heap_printf(&r->heap, "%s takes no arguments", def->names[0].text);
}

/* True if the def is being inlined already; reported. */
static bool recursive(dg_builder *r, const dg_line *l, const dg_stmt *def, dg_span at)
{
    const char *path = def->names[0].text;
    for (const dg_scope *s = l->scope; s && s->define; s = s->caller) {
        path = dg_heap_printf(&r->heap, "%s -> %s", s->define->names[0].text, path);
        if (s->define == def) {
            dg_refuse(r, at, NULL, dg_heap_printf(&r->heap, "it goes %s", path),
                      "def '%s' calls itself", def->names[0].text);
            return true;
        }
    }
    return false;
}

static int def_argument(dg_builder *r, const dg_stmt *def, const dg_arg *a, int k)
{
    if (!a->key && k < def->n)
        return k;
    dg_suggest s = {.name = a->key ? a->key : ""};
    for (int i = 0; i < def->n && a->key; i++) {
        if (strcmp(def->args[i].key, a->key) == 0)
            return i;
        dg_suggest_try(&s, def->args[i].key);
    }
    if (a->key)
        dg_refuse(r, a->key_span, s.best, def_takes(r, def), "%s has no argument '%s'",
                  def->names[0].text, a->key);
    else
        dg_refuse(r, a->value->span, NULL, def_takes(r, def), "too many arguments for %s",
                  def->names[0].text);
    return -1;
}

/* Binds the arguments of a call; false: reported. */
static bool bind_arguments(dg_builder *r, dg_line *l, const dg_expr *e, const dg_stmt *def,
                           dg_scope *inner)
{
    bool good = true;
    dg_line presets = {.scope = inner, .naming = l->naming, .stmt = def, .constant = true};
    for (int i = 0; i < e->n; i++) {
        int k = def_argument(r, def, &e->args[i], i);
        good &= k >= 0;
        if (k < 0)
            continue;
        const dg_item *item = dg_eval(r, l, e->args[i].value);
        const char *name = def->args[k].key;
        if (item->kind == DG_ITEM_VALUE && item->n != 1 && !item->first)
            item = dg_refuse(r, item->span, NULL, "take them apart first: a, b = ...",
                             "expected one value, found %d", item->n);
        if (dg_dict_find(&inner->names, name)) {
            dg_refuse(r, e->args[i].key_span, NULL, NULL, "%s of %s is given twice", name,
                      def->names[0].text);
            good = false;
        }
        dg_scope_bind(r, inner, name, item, false);
    }
    for (int k = 0; k < def->n && good; k++) {
        if (dg_dict_find(&inner->names, def->args[k].key))
            continue;
        good = def->args[k].value != NULL;
        if (good)
            dg_scope_bind(r, inner, def->args[k].key, dg_eval(r, &presets, def->args[k].value),
                          false);
        else
            dg_refuse(r, e->at, NULL, def_takes(r, def), "%s of %s is not given", def->args[k].key,
                      def->names[0].text);
    }
    return good;
}

static const dg_item *use_def(dg_builder *r, dg_line *l, const dg_expr *e, const dg_stmt *def)
{
    dg_scope *inner = dg_heap_take(&r->heap, 1, sizeof *inner);
    dg_naming *naming = dg_heap_take(&r->heap, 1, sizeof *naming);
    *inner = (dg_scope){.top = r->top, .caller = l->scope, .body = &def->body, .define = def};
    naming->prefix = dg_heap_printf(&r->heap, "%s.%s.", l->base, ordinal(r, l, def->names[0].text));
    if (def->broken || recursive(r, l, def, e->at) || !bind_arguments(r, l, e, def, inner))
        return dg_item_unknown(r, e->span);
    const dg_item *back = dg_run_body(r, inner, naming, &def->body);
    if (!back)
        return dg_item_unknown(r, e->span);
    dg_item *item = dg_item_make(r, back->kind, back->span);
    *item = *back;
    item->span = e->at;
    return item;
}

/* ---- Calls ---------------------------------------------------------------------------------- */

/* A call that is no node, as it stands. */
static const dg_item *keep(dg_builder *r, dg_line *l, const dg_expr *e)
{
    dg_item *call = dg_item_make(r, DG_ITEM_CALL, e->at);
    dg_item *items = dg_heap_take(&r->heap, (size_t)e->n, sizeof *items);
    for (int i = 0; i < e->n; i++) {
        items[i] = *dg_eval(r, l, e->args[i].value);
        items[i].key = e->args[i].key;
        items[i].key_span = e->args[i].key_span;
    }
    call->text = e->text;
    call->piped = e->piped;
    call->items = items;
    call->n = e->n;
    return call;
}

const dg_item *dg_use_call(dg_builder *r, dg_line *l, const dg_expr *e)
{
    if (l->constant)
        return keep(r, l, e);
    const dg_stmt *def = dg_dict_find(&r->defs, e->text);
    if (def)
        return use_def(r, l, e, def);
    const dg_node_type *t = dg_type_find(r->model->graph, e->text);
    if (t)
        return use_node(r, l, e, t);
    const dg_item *call = keep(r, l, e);
    return e->piped ? dg_unknown_call(r, e->text, e->at) : call;
}
