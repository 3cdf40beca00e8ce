/* Data and train blocks: calls checked against the tables of the storeys above. */
#include "lang/build.h"

#include "lang/suggest.h"
#include <string.h>

/* ---- Clauses -------------------------------------------------------------------------------- */

int dg_word_find(const dg_word *words, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (strcmp(words[i].name, name) == 0)
            return i;
    return -1;
}

static const char *word_names(dg_builder *r, const char *what, const dg_word *words, int n)
{
    const char *text = dg_heap_printf(&r->heap, "%ss: ", what);
    for (int i = 0; i < n; i++)
        text = dg_heap_printf(&r->heap, "%s%s%s", text, i ? ", " : "", words[i].name);
    return text;
}

static int find_attr(const dg_word *w, const char *name)
{
    for (int k = 0; k < w->n_attrs; k++)
        if (strcmp(w->attrs[k].name, name) == 0)
            return k;
    return -1;
}

static const char *attr_names(dg_builder *r, const dg_word *w)
{
    char names[512];
    const dg_attr_table t = {w->name, w->attrs, w->n_attrs, NULL, 0};
    if (w->n_attrs == 0)
        return dg_heap_printf(&r->heap, "%s takes no arguments", w->name);
    return dg_heap_printf(&r->heap, "%s takes: %s", w->name,
                          dg_attr_names(&t, names, sizeof names));
}

/* Which attribute the k-th argument is for; -1: reported. */
static int attr_of(dg_builder *r, const dg_word *w, const dg_item *a, int k)
{
    dg_suggest s = {.name = a->key ? a->key : ""};
    int found = a->key ? find_attr(w, a->key) : k;
    if (found >= 0 && found < w->n_attrs)
        return found;
    for (int i = 0; i < w->n_attrs; i++)
        dg_suggest_try(&s, w->attrs[i].name);
    if (a->key)
        dg_refuse(r, a->key_span, s.best, attr_names(r, w), "%s has no attribute '%s'", w->name,
                  a->key);
    else
        dg_refuse(r, a->span, NULL, attr_names(r, w), "too many arguments for %s", w->name);
    return -1;
}

/* The arguments as attributes; false: reported. An option is stronger than the file. */
static bool take_arguments(dg_builder *r, dg_line *l, const dg_word *w, const dg_item *call,
                           int skip, dg_clause *c)
{
    dg_attr *given = dg_heap_take(&r->heap, (size_t)call->n, sizeof *given);
    int *slot = dg_heap_take(&r->heap, (size_t)w->n_attrs, sizeof *slot);
    bool good = true;
    for (int i = skip; i < call->n; i++) {
        const dg_item *a = &call->items[i];
        int k = attr_of(r, w, a, i - skip);
        good &= k >= 0 && a->kind != DG_ITEM_UNKNOWN;
        if (k < 0 || a->kind == DG_ITEM_UNKNOWN)
            continue;
        if (slot[k] && !a->option) {
            dg_refuse(r, a->key ? a->key_span : a->span, NULL, NULL, "%s of %s is given twice",
                      w->attrs[k].name, w->name);
            good = false;
        }
        slot[k] = slot[k] ? slot[k] : ++c->n_given;
        given[slot[k] - 1] = (dg_attr){.name = w->attrs[k].name};
        good &= dg_take_attr(r, l, w->name, &w->attrs[k], a, &given[slot[k] - 1]);
    }
    c->given = given;
    return good;
}

/* Checks c->given against the table. */
static bool check(dg_builder *r, const dg_word *w, dg_clause *c)
{
    const dg_attr_table t = {w->name, w->attrs, w->n_attrs, NULL, 0};
    const dg_attrs *attrs;
    dg_diag why = {0};
    dg_status s = dg_attrs_check(&t, c->n_given, c->given, &r->heap.arena, &attrs, &why);
    if (s == DG_EMEMORY)
        dg_heap_fail(&r->heap);
    if (s != DG_OK) {
        dg_diags_failure(&r->model->diags, &why, c->span);
        return false;
    }
    dg_span *place = dg_heap_take(&r->heap, (size_t)w->n_attrs, sizeof *place);
    for (int k = 0; k < w->n_attrs; k++)
        place[k] = c->span;
    for (int i = 0; i < c->n_given; i++)
        place[find_attr(w, c->given[i].name)] = (dg_span){c->given[i].start, c->given[i].end};
    c->attrs = *attrs;
    c->place = place;
    return true;
}

bool dg_clause_make(dg_builder *r, dg_line *l, const char *what, const dg_word *words, int n,
                    const dg_item *item, int skip, dg_clause *c)
{
    *c = (dg_clause){.name = "", .word = -1, .span = item->span};
    if (item->kind == DG_ITEM_UNKNOWN)
        return false;
    if (item->kind != DG_ITEM_WORD && item->kind != DG_ITEM_CALL) {
        dg_refuse(r, item->span, NULL, word_names(r, what, words, n), "expected a %s, found %s",
                  what, dg_item_text(r, item));
        return false;
    }
    int word = dg_word_find(words, n, item->text);
    dg_suggest s = {.name = item->text};
    for (int i = 0; i < n; i++)
        dg_suggest_try(&s, words[i].name);
    dg_span name = {item->span.start, item->span.start + (int)strlen(item->text)};
    if (word < 0) {
        dg_refuse(r, name, s.best, word_names(r, what, words, n), "unknown %s '%s'", what,
                  item->text);
        return false;
    }
    c->name = words[word].name;
    if (!take_arguments(r, l, &words[word], item, skip, c) || !check(r, &words[word], c))
        return false;
    c->word = word;
    return true;
}

/* ---- Data ----------------------------------------------------------------------------------- */

static int find_port(const dg_dag *m, const char *name)
{
    for (int i = 0; i < m->n_ports; i++)
        if (strcmp(m->ports[i].name, name) == 0)
            return i;
    return -1;
}

/* The ports that a line gives; false: reported. given: one flag a port. */
static bool take_ports(dg_builder *r, const dg_stmt *s, const char *block, bool *given,
                       dg_binding *b)
{
    int *ports = dg_heap_take(&r->heap, (size_t)s->n_names, sizeof *ports);
    bool good = true;
    for (int i = 0; i < s->n_names; i++) {
        dg_suggest near = {.name = s->names[i].text};
        int k = ports[i] = find_port(r->model, s->names[i].text);
        for (int j = 0; j < r->model->n_ports && k < 0; j++)
            dg_suggest_try(&near, r->model->ports[j].name);
        if (k < 0)
            dg_refuse(r, s->names[i].span, near.best, NULL, "'%s' is not an input or a target",
                      s->names[i].text);
        else if (given[k])
            dg_refuse(r, s->names[i].span, NULL, NULL, "data %s gives '%s' twice", block,
                      s->names[i].text);
        good &= k >= 0 && !given[k];
        if (k >= 0)
            given[k] = true;
    }
    b->ports = ports;
    b->n_names = s->n_names;
    return good;
}

/* What a pipe begins with. */
static dg_expr **source_of(dg_expr **e)
{
    while ((*e)->kind == DG_EXPR_CALL && (*e)->piped)
        e = &(*e)->args[0].value;
    return e;
}

/* Appends the transforms of an item, which has them inside out, to a pipe; *source is what they
 * begin with. */
static bool take_pipe(dg_builder *r, dg_line *l, const dg_item *item, dg_pipe *pipe,
                      const dg_item **source)
{
    const dg_vocabulary *v = &r->vocabulary;
    int n = pipe->n;
    bool good = true;
    for (*source = item; (*source)->kind == DG_ITEM_CALL && (*source)->piped;
         *source = &(*source)->items[0])
        n++;
    dg_clause *all = dg_heap_take(&r->heap, (size_t)n, sizeof *all);
    if (pipe->n)
        memcpy(all, pipe->transforms, (size_t)pipe->n * sizeof *all);
    for (int i = n - 1; i >= pipe->n; i--, item = &item->items[0])
        good &= dg_clause_make(r, l, "transform", v->transforms, v->n_transforms, item, 1, &all[i]);
    *pipe = (dg_pipe){all, n};
    return good;
}

/* The pipe of a port that the block has given already; NULL: it has not. */
static dg_pipe *pipe_of(const dg_block *block, int port)
{
    for (int i = 0; i < block->n_bindings; i++)
        for (int k = 0; k < block->bindings[i].n_names; k++)
            if (block->bindings[i].ports[k] == port)
                return &block->bindings[i].pipes[k];
    return NULL;
}

/* NAME | transform | ...: more of the pipe of a name that has its source. */
static void take_more(dg_builder *r, dg_line *l, dg_block *block, const dg_stmt *s)
{
    dg_expr **begin = source_of(&((dg_stmt *)(uintptr_t)s)->value);
    const dg_expr *name = *begin;
    dg_pipe *pipe = pipe_of(block, find_port(r->model, name->text));
    dg_expr *text = dg_heap_take(&r->heap, 1, sizeof *text);
    const dg_item *source;
    if (s->n_names != 1 || strcmp(s->names[0].text, name->text) != 0)
        dg_refuse(r, s->at, NULL,
                  dg_heap_printf(&r->heap, "write %s | ... in a line of its own", name->text),
                  "a pipe that begins with '%s' is that value's own", name->text);
    else if (!pipe)
        dg_refuse(r, name->span, NULL,
                  dg_heap_printf(&r->heap, "a line %s = SOURCE comes first", name->text),
                  "'%s' has no source yet", name->text);
    else {
        *text = *name;
        text->kind = DG_EXPR_STRING; /* not a value of the graph here */
        *begin = text;
        take_pipe(r, l, dg_eval(r, l, s->value), pipe, &source);
    }
}

/* NAMES = source | transform | ... */
static void take_source(dg_builder *r, dg_line *l, dg_block *block, const dg_stmt *s,
                        const char *name, bool *given)
{
    dg_binding b = {.span = s->span};
    dg_pipe pipe = {NULL, 0};
    const dg_item *source;
    bool good = take_ports(r, s, name, given, &b);
    if (!s->value || s->broken)
        return;
    good &= take_pipe(r, l, dg_eval(r, l, s->value), &pipe, &source);
    good &= dg_clause_make(r, l, "source", r->vocabulary.sources, r->vocabulary.n_sources, source,
                           0, &b.source);
    if (b.n_names > 1 && pipe.n > 0) {
        const dg_span at = pipe.transforms[0].span;
        dg_refuse(
            r, at, NULL,
            dg_heap_printf(&r->heap, "a line of its own, for the one that is meant: %s | %.*s",
                           s->names[0].text, at.end - at.start, dg_source_bytes(&r->source, at)),
            "a pipe after several names");
        good = false;
    }
    b.pipes = dg_heap_take(&r->heap, (size_t)b.n_names, sizeof *b.pipes);
    if (b.n_names == 1)
        b.pipes[0] = pipe;
    if (good)
        block->bindings[block->n_bindings++] = b;
}

static void take_binding(dg_builder *r, dg_block *block, const dg_stmt *s, const char *name,
                         bool *given)
{
    dg_naming naming = {.prefix = ""};
    dg_line l = dg_line_of(r, r->top, &naming, s, "data");
    l.constant = true;
    if (s->kind != DG_STMT_ASSIGN) {
        dg_refuse(r, s->at, NULL, "image = idx(\"images.gz\") | scale(1/255)",
                  "a line of a data block gives an input or a target its source");
        return;
    }
    const dg_expr *begin = s->value ? *source_of(&((dg_stmt *)(uintptr_t)s)->value) : NULL;
    if (begin && !s->broken && begin->kind == DG_EXPR_NAME && find_port(r->model, begin->text) >= 0)
        take_more(r, &l, block, s);
    else
        take_source(r, &l, block, s, name, given);
}

const dg_pipe *dg_binding_pipe(const dg_binding *b, int port)
{
    int k = 0;
    while (k + 1 < b->n_names && b->ports[k] != port)
        k++;
    return &b->pipes[k];
}

/* (part=[0, 0.9], shuffle=1) as a call. */
static const dg_item *head_of(dg_builder *r, dg_line *l, const dg_stmt *s)
{
    dg_item *call = dg_item_make(r, DG_ITEM_CALL, s->names[0].span);
    dg_item *items = dg_heap_take(&r->heap, (size_t)s->n, sizeof *items);
    for (int i = 0; i < s->n; i++) {
        items[i] = *dg_eval(r, l, s->args[i].value);
        items[i].key = s->args[i].key;
        items[i].key_span = s->args[i].key_span;
    }
    call->text = "data";
    call->items = items;
    call->n = s->n;
    return call;
}

static void read_block(dg_builder *r, const dg_stmt *s)
{
    dg_dag *m = r->model;
    dg_naming naming = {.prefix = ""};
    dg_line l = dg_line_of(r, r->top, &naming, s, "data");
    const dg_word head = {"data", r->vocabulary.block, r->vocabulary.n_block, NULL};
    const char *name = s->names[0].text;
    dg_data data = strcmp(name, "train") == 0  ? DG_DATA_TRAIN
                   : strcmp(name, "test") == 0 ? DG_DATA_TEST
                                               : DG_DATA_VALIDATION;
    l.constant = true;
    for (int i = 0; i < m->n_blocks; i++)
        if (m->blocks[i].data == data) {
            dg_refuse(r, s->names[0].span, NULL, NULL, "a second block data %s", name);
            return;
        }
    dg_block *b = &m->blocks[m->n_blocks++];
    bool *given = dg_heap_take(&r->heap, (size_t)m->n_ports, sizeof *given), lost = false;
    *b = (dg_block){.data = data, .span = s->names[0].span};
    b->bindings = dg_heap_take(&r->heap, (size_t)s->body.n, sizeof *b->bindings);
    dg_item call = *head_of(r, &l, s);
    if (!dg_clause_make(r, &l, "head", &head, 1, &call, 0, &b->head)) {
        call.n = 0; /* its defaults, so that there is always something to read */
        dg_clause_make(r, &l, "head", &head, 1, &call, 0, &b->head);
    }
    for (int i = 0; i < s->body.n; i++) {
        take_binding(r, b, s->body.list[i], name, given);
        lost |= s->body.list[i]->broken && s->body.list[i]->n_names == 0;
    }
    for (int k = 0; k < m->n_ports && !lost && !s->broken; k++)
        if (!given[k])
            dg_refuse(
                r, b->span, NULL,
                dg_heap_printf(&r->heap, "write a line %s = ... into its braces", m->ports[k].name),
                "data %s gives no '%s'", name, m->ports[k].name);
}

void dg_read_blocks(dg_builder *r)
{
    enum { MOST = 3 };
    r->model->blocks = dg_heap_take(&r->heap, MOST, sizeof *r->model->blocks);
    for (int i = 0; i < r->file.n; i++)
        if (r->file.list[i]->kind == DG_STMT_DATA && r->file.list[i]->n_names > 0 &&
            !(r->file.list[i]->broken && r->file.list[i]->body.n == 0))
            read_block(r, r->file.list[i]);
}

/* ---- Train ---------------------------------------------------------------------------------- */

static int find_key(const dg_builder *r, const char *name)
{
    for (int i = 0; i < r->vocabulary.n_keys; i++)
        if (strcmp(r->vocabulary.keys[i].value.name, name) == 0)
            return i;
    return -1;
}

static const char *key_names(dg_builder *r)
{
    const char *text = "train takes: ";
    for (int i = 0; i < r->vocabulary.n_keys; i++)
        text = dg_heap_printf(&r->heap, "%s%s%s", text, i ? ", " : "",
                              r->vocabulary.keys[i].value.name);
    return text;
}

/* A line of train; items: one for each key. */
static void take_line(dg_builder *r, dg_line *l, const dg_stmt *s, const dg_item **items)
{
    if (s->kind != DG_STMT_ASSIGN || s->n_names > 1) {
        dg_refuse(r, s->at, NULL, key_names(r), "a line of train is NAME = value");
        return;
    }
    if (s->n_names == 0)
        return;
    int k = find_key(r, s->names[0].text);
    dg_suggest near = {.name = s->names[0].text};
    for (int i = 0; i < r->vocabulary.n_keys && k < 0; i++)
        dg_suggest_try(&near, r->vocabulary.keys[i].value.name);
    if (k < 0)
        dg_refuse(r, s->names[0].span, near.best, key_names(r), "train has no '%s'",
                  s->names[0].text);
    else if (items[k])
        dg_refuse(r, s->names[0].span, NULL, NULL, "'%s' is given twice", s->names[0].text);
    else
        items[k] =
            s->value && !s->broken ? dg_eval(r, l, s->value) : dg_item_unknown(r, s->names[0].span);
}

/* A call with one argument more: optimizer.rate=0.1. */
static const dg_item *with_inner(dg_builder *r, dg_line *l, const dg_key *key, const dg_item *item,
                                 const dg_override *o)
{
    if (!key->words)
        return dg_refuse(r, o->inner_span, NULL, NULL, "%s has no parts", key->value.name);
    dg_item *call = dg_item_make(r, DG_ITEM_CALL, item ? item->span : o->name_span);
    int n = item && item->kind == DG_ITEM_CALL ? item->n : 0;
    dg_item *items = dg_heap_take(&r->heap, (size_t)n + 1, sizeof *items);
    if (n > 0)
        memcpy(items, item->items, (size_t)n * sizeof *items);
    items[n] = *dg_eval(r, l, o->value);
    items[n].key = o->inner;
    items[n].key_span = o->inner_span;
    items[n].option = true;
    call->text = item && item->text ? item->text : key->value.preset ? key->value.preset : "";
    call->items = items;
    call->n = n + 1;
    if (item && item->kind != DG_ITEM_CALL && item->kind != DG_ITEM_WORD)
        return item;
    return call;
}

/* A plain value, by the table of one. */
static void set_plain(dg_builder *r, dg_line *l, const dg_key *key, const dg_item *item,
                      dg_setting *s)
{
    const dg_word table = {"train", &key->value, 1, NULL};
    dg_clause c = {.span = s->span};
    dg_attr given = {.name = key->value.name};
    if (item && !dg_take_attr(r, l, "train", &key->value, item, &given))
        return;
    c.given = &given;
    c.n_given = item != NULL;
    if (check(r, &table, &c))
        s->value = c.attrs.v[0];
}

static void set(dg_builder *r, dg_line *l, int k, const dg_item *item)
{
    const dg_key *key = &r->vocabulary.keys[k];
    dg_setting *s = &r->model->settings[k];
    s->clause = (dg_clause){.name = "", .word = -1};
    if (item)
        s->span = item->span;
    if (!key->words) {
        set_plain(r, l, key, item, s);
        return;
    }
    dg_item preset = {.kind = DG_ITEM_WORD, .text = key->value.preset};
    if (item || (preset.text && *preset.text))
        dg_clause_make(r, l, key->value.name, key->words, key->n_words, item ? item : &preset, 0,
                       &s->clause);
}

/* The block of train; a second one is refused. */
static const dg_stmt *find_train(dg_builder *r)
{
    const dg_stmt *train = NULL;
    for (int i = 0; i < r->file.n; i++) {
        const dg_stmt *s = r->file.list[i];
        if (s->kind == DG_STMT_TRAIN && train)
            dg_refuse(r, s->at, NULL, NULL, "a second block train");
        else if (s->kind == DG_STMT_TRAIN)
            train = s;
    }
    return train;
}

/* Options that set whole keys, or parts of them: the whole ones come first. */
static void take_options(dg_builder *r, dg_line *l, bool parts, const dg_item **items)
{
    for (int i = 0; i < r->n_sets; i++) {
        const dg_override *o = &r->sets[i];
        int k = dg_dict_find(&r->lets, o->key) ? -1 : find_key(r, o->key);
        if (k < 0 || parts != (o->inner != NULL))
            continue;
        r->model->has_train = true;
        r->model->settings[k].by = DG_SET_OPTION;
        if (!o->value)
            items[k] = dg_item_unknown(r, o->name_span);
        else
            items[k] = parts ? with_inner(r, l, &r->vocabulary.keys[k], items[k], o)
                             : dg_eval(r, l, o->value);
    }
}

void dg_read_settings(dg_builder *r)
{
    dg_dag *m = r->model;
    int n = r->vocabulary.n_keys;
    const dg_stmt *train = find_train(r), none = {0};
    dg_naming naming = {.prefix = ""};
    dg_line l = dg_line_of(r, r->top, &naming, train ? train : &none, "train");
    const dg_item **items = dg_heap_take(&r->heap, (size_t)n, sizeof(const dg_item *));
    l.constant = true;
    m->has_train = train != NULL;
    m->n_settings = n;
    m->settings = dg_heap_take(&r->heap, (size_t)n, sizeof *m->settings);
    for (int i = 0; train && n && i < train->body.n; i++)
        take_line(r, &l, train->body.list[i], items);
    for (int k = 0; k < n; k++)
        m->settings[k].by = items[k] ? DG_SET_FILE : DG_SET_DEFAULT;
    take_options(r, &l, false, items);
    take_options(r, &l, true, items);
    for (int k = 0; k < n; k++)
        set(r, &l, k, items[k]);
}
