/* A model's text with its options written into it. All else, comments too, stays as it is. */
#include "lang/build.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    int at, length; /* bytes of the file that are replaced */
    const char *text;
} edit;

typedef struct {
    edit *list;
    int n, room;
} edits;

typedef struct {
    dg_builder *builder;
    dg_text *out;
} writing;

static void add(dg_builder *r, edits *e, int at, int length, const char *text)
{
    e->list = dg_heap_grow(&r->heap, e->list, e->n, &e->room, sizeof *e->list);
    e->list[e->n++] = (edit){at, length, text};
}

/* ---- Values --------------------------------------------------------------------------------- */

static const char *quoted(dg_builder *r, const char *text, size_t n)
{
    char *copy = dg_heap_take(&r->heap, 2 * n + 3, 1), *to = copy;
    *to++ = '"';
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '"' || text[i] == '\\')
            *to++ = '\\';
        *to++ = text[i];
    }
    *to = '"';
    return copy;
}

static const char *texts(dg_builder *r, const char *text)
{
    const char *list = "[";
    for (const char *at = text;; at++) {
        size_t n = strcspn(at, "\n");
        list = dg_heap_printf(&r->heap, "%s%s%s", list, at == text ? "" : ", ", quoted(r, at, n));
        at += n;
        if (!*at)
            return dg_heap_printf(&r->heap, "%s]", list);
    }
}

static const char *numbers(dg_builder *r, const dg_attr_spec *spec, int n, const double *x)
{
    char number[DG_NUMBER_TEXT];
    const char *list = n > 1 ? "[" : "";
    if (spec->kind == DG_ATTR_BOOL)
        return x[0] != 0 ? "true" : "false";
    for (int i = 0; i < n; i++)
        list = dg_heap_printf(&r->heap, "%s%s%s", list, i ? ", " : "", dg_f64_text(x[i], number));
    return n > 1 ? dg_heap_printf(&r->heap, "%s]", list) : list;
}

/* An attribute as it was given. */
static const char *attr_text(dg_builder *r, const dg_attr_spec *spec, const dg_attr *a)
{
    bool truth = a->word && (strcmp(a->word, "true") == 0 || strcmp(a->word, "false") == 0);
    if (!a->word)
        return numbers(r, spec, a->count, a->number);
    if (!(spec->kind & DG_ATTR_TEXT) || (truth && spec->kind & DG_ATTR_BOOL))
        return a->word;
    return spec->max_count > 1 ? texts(r, a->word) : quoted(r, a->word, strlen(a->word));
}

static const char *word_at(dg_builder *r, const char *words, int k)
{
    for (; k > 0; k--) {
        words += strcspn(words, " ");
        words += strspn(words, " ");
    }
    return dg_heap_copy(&r->heap, words, strcspn(words, " "));
}

static const char *clause_text(dg_builder *r, const dg_word *w, const dg_clause *c)
{
    const char *text = dg_heap_printf(&r->heap, "%s(", c->name);
    for (int i = 0; i < c->n_given; i++)
        for (int k = 0; k < w->n_attrs; k++)
            if (strcmp(w->attrs[k].name, c->given[i].name) == 0)
                text = dg_heap_printf(&r->heap, "%s%s%s=%s", text, i ? ", " : "", w->attrs[k].name,
                                      attr_text(r, &w->attrs[k], &c->given[i]));
    return c->n_given ? dg_heap_printf(&r->heap, "%s)", text) : c->name;
}

const char *dg_setting_text(dg_builder *r, int k)
{
    const dg_key *key = &r->vocabulary.keys[k];
    const dg_setting *s = &r->model->settings[k];
    const dg_attr_value *v = &s->value;
    if (key->words)
        return s->clause.word >= 0 ? clause_text(r, &key->words[s->clause.word], &s->clause) : "";
    if (v->word >= 0)
        return word_at(r, key->value.words, v->word);
    const dg_attr a = {.word = v->text, .count = v->count, .number = v->number};
    return v->text || v->count ? attr_text(r, &key->value, &a) : "";
}

/* ---- The text ------------------------------------------------------------------------------- */

static const dg_stmt *line_of(const dg_stmt *train, const char *key)
{
    for (int i = 0; train && i < train->body.n; i++) {
        const dg_stmt *s = train->body.list[i];
        if (s->n_names && s->value && strcmp(s->names[0].text, key) == 0)
            return s;
    }
    return NULL;
}

static void replace(dg_builder *r, edits *e, int start, int end, const char *text)
{
    start -= r->source.texts[0].start;
    add(r, e, start, end - r->source.texts[0].start - start, text);
}

/* NAME = TEXT; a key that it takes the place of gives it its own. 0: there is no such place. */
static bool edit_setting(dg_builder *r, edits *e, const dg_stmt *train, int k, const char *text)
{
    const dg_key *key = &r->vocabulary.keys[k];
    const dg_stmt *line = line_of(train, key->value.name),
                  *other = key->instead ? line_of(train, key->instead) : NULL;
    if (line)
        replace(r, e, line->value->span.start, line->value->span.end, text);
    if (other)
        replace(r, e, other->names[0].span.start, other->value->span.end,
                line ? "" : dg_heap_printf(&r->heap, "%s=%s", key->value.name, text));
    return line || other;
}

static void edit_settings(dg_builder *r, edits *e)
{
    const dg_source_text *file = &r->source.texts[0];
    const dg_stmt *train = NULL;
    const char *more = "";
    for (int i = 0; i < r->file.n; i++)
        if (r->file.list[i]->kind == DG_STMT_TRAIN)
            train = r->file.list[i];
    for (int k = 0; k < r->model->n_settings; k++) {
        const char *name = r->vocabulary.keys[k].value.name;
        if (r->model->settings[k].by != DG_SET_OPTION)
            continue;
        const char *text = dg_setting_text(r, k);
        if (!edit_setting(r, e, train, k, text))
            more = dg_heap_printf(&r->heap, "%s; %s = %s", more, name, text);
    }
    if (!*more)
        return;
    if (train) /* before the closing brace */
        add(r, e, train->span.end - 1 - file->start, 0, dg_heap_printf(&r->heap, "%s ", more));
    else
        add(r, e, file->size, 0, dg_heap_printf(&r->heap, "\ntrain { %s }\n", more + 2));
}

static int by_place(const void *a, const void *b)
{
    const edit *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

static void write_model(void *work)
{
    dg_builder *r = ((writing *)work)->builder;
    dg_text *out = ((writing *)work)->out;
    const dg_source_text *file = &r->source.texts[0];
    edits e = {0};
    int at = 0;
    for (int i = 0; i < r->model->n_lets; i++) {
        const dg_let *let = &r->model->lets[i];
        if (let->overridden)
            add(r, &e, let->span.start - file->start, let->span.end - let->span.start, let->text);
    }
    edit_settings(r, &e);
    if (e.n)
        qsort(e.list, (size_t)e.n, sizeof *e.list, by_place);
    for (int i = 0; i < e.n; i++) {
        dg_text_add_bytes(out, file->text + at, (size_t)(e.list[i].at - at));
        dg_text_add(out, e.list[i].text);
        at = e.list[i].at + e.list[i].length;
    }
    dg_text_add_bytes(out, file->text + at, (size_t)(file->size - at));
}

void dg_dag_write(const dg_dag *m, dg_text *out)
{
    dg_builder *r = m->inside;
    if (r->source.n == 0 || dg_diags_status(&m->diags) != DG_OK)
        return;
    writing w = {r, out};
    if (!dg_heap_try(&r->heap, write_model, &w))
        out->failed = true;
}
