/* A model as a whole: its file, its options, its memory. */
#include "lang/build.h"

#include "lang/suggest.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- The file ------------------------------------------------------------------------------- */

static void file_error(dg_builder *r, const char *path, const char *found)
{
    dg_message m = {.code = DG_EUSAGE, .file = path, .found = found};
    dg_diags_add(&r->model->diags, &m);
}

/* All of a file; NULL: reported. */
static char *read_file(dg_builder *r, const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    if (!f && errno == ENOMEM)
        dg_heap_fail(&r->heap);
    if (!f) {
        file_error(r, path,
                   errno == ENOENT   ? "there is no such file"
                   : errno == EACCES ? "this file may not be read"
                                     : "this file cannot be opened");
        return NULL;
    }
    size_t room = 1 << 16, n = 0, got = 1;
    char *text = dg_memory_alloc(&r->memory, room);
    while (text && got > 0 && n <= DG_SOURCE_MAX) {
        got = fread(text + n, 1, room - n, f);
        n += got;
        if (n == room) {
            char *wider = dg_memory_alloc(&r->memory, room * 2);
            if (wider)
                memcpy(wider, text, n);
            dg_memory_free(&r->memory, text);
            text = wider;
            room *= 2;
        }
    }
    bool failed = ferror(f) != 0;
    fclose(f);
    *size = n;
    if (text && !failed)
        return text;
    dg_memory_free(&r->memory, text);
    if (!text)
        dg_heap_fail(&r->heap);
    file_error(r, path, "this file cannot be read");
    return NULL;
}

static bool add_file(dg_builder *r, const dg_dag_options *o)
{
    const char *path = o->path ? o->path : "model";
    size_t size = o->text ? strlen(o->text) : 0;
    char *text = o->text ? NULL : read_file(r, path, &size);
    if (!o->text && !text)
        return false;
    int added = dg_source_add(&r->source, path, o->text ? o->text : text, size, false);
    dg_memory_free(&r->memory, text);
    if (added < 0 && size <= DG_SOURCE_MAX)
        dg_heap_fail(&r->heap);
    if (added < 0)
        file_error(r, path, "this model is larger than 16 MiB");
    return added >= 0;
}

static const char *name_of(dg_builder *r, const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    const char *name = slash ? slash + 1 : path && strcmp(path, "-") != 0 ? path : "model";
    size_t n = strlen(name);
    if (n > 4 && strcmp(name + n - 4, ".dag") == 0)
        n -= 4;
    return dg_heap_copy(&r->heap, name, n);
}

/* ---- Options -------------------------------------------------------------------------------- */

static int find_key(const dg_builder *r, const char *name)
{
    for (int i = 0; i < r->vocabulary.n_keys; i++)
        if (strcmp(r->vocabulary.keys[i].value.name, name) == 0)
            return i;
    return -1;
}

/* "optimizer.rate": what is called so inside a key of train; NULL: nothing. */
static const char *inside_key(dg_builder *r, const char *name)
{
    for (int i = 0; i < r->vocabulary.n_keys; i++) {
        const dg_key *key = &r->vocabulary.keys[i];
        for (int k = 0; k < key->n_words; k++)
            for (int a = 0; a < key->words[k].n_attrs; a++)
                if (strcmp(key->words[k].attrs[a].name, name) == 0)
                    return dg_heap_printf(&r->heap, "%s.%s", key->value.name, name);
    }
    return NULL;
}

static void unknown_option(dg_builder *r, const dg_override *o)
{
    dg_suggest s = {.name = o->key};
    for (int i = 0; i < r->lets.n; i++)
        dg_suggest_try(&s, r->lets.order[i]);
    for (int i = 0; i < r->vocabulary.n_keys; i++)
        dg_suggest_try(&s, r->vocabulary.keys[i].value.name);
    dg_span at = {o->name_span.start, o->name_span.start + (int)strlen(o->key)};
    const char *inside = inside_key(r, o->key);
    dg_refuse(r, at, inside ? inside : s.best, NULL,
              "'%s' is neither a let of this model nor a key of train", o->key);
}

static void add_option(dg_builder *r, const char *option)
{
    int text = dg_source_add(&r->source, "--set", option, strlen(option), true);
    if (text < 0)
        dg_heap_fail(&r->heap);
    int start = r->source.texts[text].start;
    const char *equal = strchr(option, '=');
    dg_span all = {start, start + (int)strlen(option)};
    if (!equal || equal == option) {
        dg_refuse(r, all, NULL, NULL, "expected NAME=VALUE");
        return;
    }
    size_t n = (size_t)(equal - option);
    dg_override o = {.name = dg_heap_copy(&r->heap, option, n), .text = equal + 1};
    const char *dot = strchr(o.name, '.');
    o.text = dg_heap_copy(&r->heap, equal + 1, strlen(equal + 1));
    o.key = dot ? dg_heap_copy(&r->heap, option, (size_t)(dot - o.name)) : o.name;
    o.inner = dot ? dot + 1 : NULL;
    o.name_span = (dg_span){start, start + (int)n};
    o.inner_span = (dg_span){start + (int)(dot ? dot + 1 - o.name : 0), start + (int)n};
    o.value = dg_parse_value(&r->heap, &r->source, text, (int)n + 1, &r->model->diags);
    bool let = dg_dict_find(&r->lets, o.key) != NULL, key = find_key(r, o.key) >= 0;
    if (let && key)
        dg_refuse(r, o.name_span, NULL, "give the let another name",
                  "'%s' is a let of this model and a key of train", o.key);
    else if (let && o.inner)
        dg_refuse(r, o.inner_span, NULL, NULL, "the let '%s' has no parts", o.key);
    else if (!let && !key && (r->vocabulary.n_keys > 0 || o.inner == NULL))
        unknown_option(r, &o);
    else
        r->sets[r->n_sets++] = o;
}

/* ---- Names of the file ---------------------------------------------------------------------- */

static void find_names(dg_builder *r)
{
    for (int i = 0; i < r->file.n; i++) {
        dg_stmt *s = r->file.list[i];
        bool let = s->kind == DG_STMT_LET, def = s->kind == DG_STMT_DEFINE;
        dg_dict *d = let ? &r->lets : &r->defs;
        if (!(let || def) || !s->n_names)
            continue;
        const dg_stmt *other = dg_dict_find(d, s->names[0].text);
        if (other)
            dg_refuse(r, s->names[0].span, NULL, NULL, "a second %s '%s'; the first is in line %d",
                      let ? "let" : "def", s->names[0].text,
                      dg_source_line(&r->source, other->at.start));
        else
            dg_dict_put(&r->heap, d, s->names[0].text, s);
    }
}

static void list_lets(dg_builder *r)
{
    dg_dag *m = r->model;
    m->lets = dg_heap_take(&r->heap, (size_t)r->lets.n, sizeof *m->lets);
    for (int i = 0; i < r->lets.n; i++) {
        const dg_stmt *s = dg_dict_find(&r->lets, r->lets.order[i]);
        dg_let *let = &m->lets[m->n_lets++];
        *let = (dg_let){.name = r->lets.order[i], .text = "", .span = s->at};
        if (s->value) {
            let->span = s->value->span;
            let->text = dg_heap_copy(&r->heap, dg_source_bytes(&r->source, let->span),
                                     (size_t)(let->span.end - let->span.start));
        }
        for (int k = 0; k < r->n_sets; k++)
            if (strcmp(r->sets[k].name, let->name) == 0) {
                let->text = r->sets[k].text;
                let->overridden = true;
            }
    }
}

/* ---- Opening, building, freeing ------------------------------------------------------------- */

typedef struct {
    dg_builder *builder;
    const dg_dag_options *options;
    dg_type real;
    const dg_dimension *sizes;
    int n_sizes;
} task;

static void open_model(void *work)
{
    dg_builder *r = ((task *)work)->builder;
    const dg_dag_options *o = ((task *)work)->options;
    r->model->name = name_of(r, o->path);
    r->top = dg_heap_take(&r->heap, 1, sizeof *r->top);
    r->sets = dg_heap_take(&r->heap, (size_t)o->n_set, sizeof *r->sets);
    if (!add_file(r, o))
        return;
    r->file = dg_parse_file(&r->heap, &r->source, 0, &r->model->diags);
    r->top->body = &r->file;
    find_names(r);
    for (int i = 0; i < o->n_set; i++)
        add_option(r, o->set[i]);
    list_lets(r);
    dg_read_ports(r);
    if (o->vocabulary)
        dg_read_blocks(r);
    dg_read_settings(r);
}

static void build_graph(void *work)
{
    const task *t = work;
    dg_build_graph(t->builder, t->real, t->sizes, t->n_sizes);
}

/* An empty model, or NULL. */
static dg_dag *new_model(const dg_host *host)
{
    dg_memory memory = {0};
    if (host && host->alloc && host->free)
        memory = (dg_memory){.user = host->user, .alloc = host->alloc, .free = host->free};
    dg_builder *r = dg_memory_zeroed(&memory, sizeof *r);
    dg_dag *m = r ? dg_memory_zeroed(&memory, sizeof *m) : NULL;
    if (!m) {
        dg_memory_free(&memory, r);
        return NULL;
    }
    r->memory = memory;
    r->heap.arena = dg_arena_make(&r->memory);
    r->source = dg_source_make(&r->heap.arena);
    r->model = m;
    r->host = host;
    m->inside = r;
    m->diags = dg_diags_make(&r->memory, &r->source);
    return m;
}

dg_dag *dg_dag_open(const dg_dag_options *o)
{
    dg_dag *m = new_model(o->host);
    if (!m)
        return NULL;
    dg_builder *r = m->inside;
    task t = {.builder = r, .options = o};
    r->types = o->types;
    r->n_types = o->n_types;
    r->no_output = o->no_output;
    r->read = o->read;
    r->user = o->user;
    if (o->vocabulary)
        r->vocabulary = *o->vocabulary;
    if (!dg_heap_try(&r->heap, open_model, &t))
        m->diags.failed = true;
    return m;
}

dg_status dg_dag_build(dg_dag *m, dg_type real, const dg_dimension *sizes, int n_sizes)
{
    dg_builder *r = m->inside;
    task t = {.builder = r, .real = real, .sizes = sizes, .n_sizes = n_sizes};
    if (m->graph || r->source.n == 0 || m->diags.failed)
        return dg_diags_status(&m->diags);
    if (!dg_heap_try(&r->heap, build_graph, &t))
        m->diags.failed = true;
    return dg_diags_status(&m->diags);
}

dg_dag *dg_dag_load(const dg_dag_options *o, dg_type real, const dg_dimension *sizes, int n_sizes)
{
    dg_dag *m = dg_dag_open(o);
    if (m)
        dg_dag_build(m, real, sizes, n_sizes);
    return m;
}

void dg_dag_free(dg_dag *m)
{
    if (!m)
        return;
    dg_builder *r = m->inside;
    dg_graph_free(m->graph);
    dg_diags_free(&m->diags);
    dg_arena_free(&r->heap.arena);
    dg_memory memory = r->memory;
    dg_memory_free(&memory, r);
    dg_memory_free(&memory, m);
}
