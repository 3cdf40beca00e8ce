/* Items to what a place takes: attributes, initialisers, constants. */
#include "graph/make.h"
#include "lang/build.h"

#include "lang/suggest.h"
#include <math.h>
#include <string.h>

/* ---- Attributes ----------------------------------------------------------------------------- */

/* The next word of a list separated by spaces, as a copy; NULL at the end. */
static const char *next_word(dg_builder *r, const char **words)
{
    const char *w = *words ? *words + strspn(*words, " ") : "";
    size_t n = strcspn(w, " ");
    *words = w + n;
    return n ? dg_heap_copy(&r->heap, w, n) : NULL;
}

static bool is_word(const dg_attr_spec *spec, const char *name)
{
    size_t n = strlen(name);
    for (const char *w = spec->kind & DG_ATTR_WORD ? spec->words : NULL; w && *w;) {
        size_t length = strcspn(w, " ");
        if (length == n && memcmp(w, name, n) == 0)
            return true;
        w += length;
        w += strspn(w, " ");
    }
    return false;
}

bool dg_take_is_word(const dg_attr_spec *spec, const dg_expr *e)
{
    return e->kind == DG_EXPR_NAME && is_word(spec, e->text);
}

static const char *spec_takes(dg_builder *r, const char *of, const dg_attr_spec *spec)
{
    char text[256];
    return dg_heap_printf(&r->heap, "%s of %s takes: %s", spec->name, of,
                          dg_attr_takes(spec, text, sizeof text));
}

static void unknown_word(dg_builder *r, dg_line *l, const char *of, const dg_attr_spec *spec,
                         const dg_item *item)
{
    dg_suggest s = {.name = item->text};
    const char *words = spec->words, *word;
    if (!(spec->kind & DG_ATTR_WORD)) {
        dg_unknown_name(r, l, item->text, item->span);
        return;
    }
    while ((word = next_word(r, &words)))
        dg_suggest_try(&s, word);
    dg_refuse(r, item->span, s.best, spec_takes(r, of, spec), "%s of %s is '%s'", spec->name, of,
              item->text);
}

static bool all_of(const dg_item *list, dg_item_kind kind)
{
    for (int i = 0; i < list->n; i++)
        if (list->items[i].kind != kind &&
            !(kind == DG_ITEM_NUMBER && list->items[i].kind == DG_ITEM_BATCH))
            return false;
    return list->n > 0;
}

/* False, reported: N where no axis is meant. */
static bool may_be_batch(dg_builder *r, const char *of, const dg_attr_spec *spec,
                         const dg_item *item)
{
    if (item->kind != DG_ITEM_BATCH || spec->low <= DG_N)
        return true;
    dg_refuse(r, item->span, NULL, spec_takes(r, of, spec), "%s of %s is N, the batch", spec->name,
              of);
    return false;
}

static double number_of(const dg_item *item)
{
    return item->kind == DG_ITEM_BATCH ? DG_N : item->number;
}

static bool take_list(dg_builder *r, dg_line *l, const char *of, const dg_attr_spec *spec,
                      const dg_item *list, dg_attr *a)
{
    for (int i = 0; i < list->n; i++) {
        if (list->items[i].kind == DG_ITEM_WORD)
            dg_unknown_name(r, l, list->items[i].text, list->items[i].span);
        if (list->items[i].kind == DG_ITEM_WORD || list->items[i].kind == DG_ITEM_UNKNOWN ||
            !may_be_batch(r, of, spec, &list->items[i]))
            return false;
    }
    if (all_of(list, DG_ITEM_NUMBER)) {
        double *numbers = dg_heap_take(&r->heap, (size_t)list->n, sizeof *numbers);
        for (int i = 0; i < list->n; i++)
            numbers[i] = number_of(&list->items[i]);
        a->number = numbers;
        a->count = list->n;
        return true;
    }
    if (!(spec->kind & DG_ATTR_TEXT) || spec->max_count < 2 || !all_of(list, DG_ITEM_STRING)) {
        dg_refuse(r, list->span, NULL, spec_takes(r, of, spec), "%s of %s is this list", spec->name,
                  of);
        return false;
    }
    const char *text = list->items[0].text;
    for (int i = 1; i < list->n; i++)
        text = dg_heap_printf(&r->heap, "%s\n%s", text, list->items[i].text);
    a->word = text;
    a->count = list->n;
    return true;
}

static void take_number(dg_builder *r, double x, dg_attr *a)
{
    double *number = dg_heap_take(&r->heap, 1, sizeof *number);
    *number = x;
    a->number = number;
    a->count = 1;
}

bool dg_take_attr(dg_builder *r, dg_line *l, const char *of, const dg_attr_spec *spec,
                  const dg_item *item, dg_attr *a)
{
    a->start = item->span.start;
    a->end = item->span.end;
    switch (item->kind) {
    case DG_ITEM_NUMBER:
    case DG_ITEM_BATCH:
        take_number(r, number_of(item), a);
        return may_be_batch(r, of, spec, item);
    case DG_ITEM_BOOL:
        a->word = item->number != 0 ? "true" : "false";
        return true;
    case DG_ITEM_STRING:
        a->word = item->text;
        a->count = 1;
        return true;
    case DG_ITEM_WORD:
        a->word = item->text;
        if (is_word(spec, item->text))
            return true;
        unknown_word(r, l, of, spec, item);
        return false;
    case DG_ITEM_LIST:
        return take_list(r, l, of, spec, item, a);
    case DG_ITEM_CALL:
    case DG_ITEM_VALUE:
        dg_refuse(r, item->span, NULL, spec_takes(r, of, spec), "%s of %s is %s", spec->name, of,
                  dg_item_text(r, item));
        return false;
    case DG_ITEM_UNKNOWN:
        break;
    }
    return false;
}

/* ---- Initialisers --------------------------------------------------------------------------- */

static const char *init_call(dg_builder *r, dg_line *l, const dg_item *call)
{
    const char *text = dg_heap_printf(&r->heap, "%s(", call->text);
    char number[DG_NUMBER_TEXT];
    for (int i = 0; i < call->n; i++) {
        const dg_item *a = &call->items[i];
        if (a->kind == DG_ITEM_WORD)
            dg_unknown_name(r, l, a->text, a->span);
        else if (a->key)
            dg_refuse(r, a->key_span, NULL, "its arguments have no names: normal(0.1)",
                      "%s has no argument '%s'", call->text, a->key);
        else if (a->kind != DG_ITEM_NUMBER && a->kind != DG_ITEM_UNKNOWN)
            dg_refuse(r, a->span, NULL, NULL, "expected a number, found %s", dg_item_text(r, a));
        if (a->kind != DG_ITEM_NUMBER || a->key)
            return NULL;
        text =
            dg_heap_printf(&r->heap, "%s%s%s", text, i ? "," : "", dg_f64_text(a->number, number));
    }
    return dg_heap_printf(&r->heap, "%s)", text);
}

const char *dg_take_init(dg_builder *r, dg_line *l, const dg_item *item, dg_clause *source)
{
    const dg_vocabulary *v = &r->vocabulary;
    char number[DG_NUMBER_TEXT];
    if (item->kind == DG_ITEM_WORD)
        return item->text;
    if (item->kind == DG_ITEM_NUMBER)
        return dg_heap_printf(&r->heap, "fill(%s)", dg_f64_text(item->number, number));
    if (item->kind == DG_ITEM_CALL && dg_word_find(v->sources, v->n_sources, item->text) >= 0)
        return dg_clause_make(r, l, "source", v->sources, v->n_sources, item, 0, source) ? "zeros"
                                                                                         : NULL;
    if (item->kind == DG_ITEM_CALL)
        return init_call(r, l, item);
    if (item->kind != DG_ITEM_UNKNOWN)
        dg_refuse(r, item->span, NULL, "init=orthogonal(1.1)", "expected an initialiser, found %s",
                  dg_item_text(r, item));
    return NULL;
}

/* ---- Arrays from files ---------------------------------------------------------------------- */

/* Fills t, whose data are there, from a source for the value of this name; false: reported. */
static bool read_array(dg_builder *r, const char *name, const dg_clause *source, dg_tensor *t)
{
    dg_diag why = {0};
    if (!r->read) {
        dg_refuse(r, source->span, NULL, NULL, "arrays cannot be read from files here");
        return false;
    }
    dg_status s = r->read(r->user, name, source, t->type, &t->shape, t->data, &why);
    if (s == DG_EMEMORY)
        dg_heap_fail(&r->heap);
    dg_diag_set(&why, s, "%s", dg_status_text(s));
    if (s != DG_OK)
        dg_diags_failure(&r->model->diags, &why, source->span);
    return s == DG_OK;
}

void dg_take_parameter(dg_builder *r, dg_value v, const dg_clause *source)
{
    dg_tensor t = {0};
    dg_diag why = {0};
    dg_value_info info;
    if (dg_graph_get(r->model->graph, v, &t) != DG_OK ||
        dg_value_look(r->model->graph, v, &info) != DG_OK)
        return;
    t.data = dg_heap_take(&r->heap, t.bytes, 1);
    if (!read_array(r, info.name, source, &t))
        return;
    if (dg_graph_set(r->model->graph, v, &t, &why) != DG_OK)
        dg_diags_failure(&r->model->diags, &why, source->span);
    int n = source->span.end - source->span.start;
    const char *text = dg_source_bytes(&r->source, source->span);
    if (text)
        dg_graph_filled_from(r->model->graph, v, dg_heap_printf(&r->heap, "%.*s", n, text));
}

/* ---- Constants ------------------------------------------------------------------------------ */

static void put(dg_tensor *t, int64_t k, double x)
{
    if (t->type == DG_I32)
        ((int32_t *)t->data)[k] = (int32_t)x;
    else if (t->type == DG_F32)
        ((float *)t->data)[k] = (float)x;
    else
        ((double *)t->data)[k] = x;
}

static bool in_range(dg_builder *r, const dg_tensor *t, double x, dg_span at)
{
    if (t->type != DG_I32 || (floor(x) == x && fabs(x) <= INT32_MAX))
        return true;
    dg_refuse(r, at, NULL, NULL, "an int constant takes whole numbers of 32 bits");
    return false;
}

/* The numbers of nested lists, in order, from place *k on. */
static bool put_list(dg_builder *r, dg_line *l, const dg_item *item, dg_tensor *t, int64_t count,
                     int64_t *k)
{
    bool good = true;
    for (int i = 0; i < item->n && good && item->kind == DG_ITEM_LIST; i++)
        good = put_list(r, l, &item->items[i], t, count, k);
    if (item->kind == DG_ITEM_LIST)
        return good;
    if (item->kind == DG_ITEM_WORD)
        dg_unknown_name(r, l, item->text, item->span);
    else if (item->kind != DG_ITEM_NUMBER && item->kind != DG_ITEM_UNKNOWN)
        dg_refuse(r, item->span, NULL, NULL, "expected a number, found %s", dg_item_text(r, item));
    if (item->kind != DG_ITEM_NUMBER || !in_range(r, t, item->number, item->span))
        return false;
    if (*k < count)
        put(t, *k, item->number);
    ++*k;
    return true;
}

/* zeros, ones, fill(v) or a number: one number for all elements. */
static bool take_fill(dg_builder *r, const dg_item *item, double *x)
{
    const char *word = item->kind == DG_ITEM_WORD || item->kind == DG_ITEM_CALL ? item->text : "";
    *x = item->kind == DG_ITEM_NUMBER ? item->number : strcmp(word, "ones") == 0;
    if (item->kind == DG_ITEM_NUMBER || strcmp(word, "ones") == 0 || strcmp(word, "zeros") == 0)
        return true;
    if (item->kind == DG_ITEM_CALL && strcmp(word, "fill") == 0 && item->n == 1 &&
        item->items[0].kind == DG_ITEM_NUMBER) {
        *x = item->items[0].number;
        return true;
    }
    if (item->kind != DG_ITEM_UNKNOWN)
        dg_refuse(
            r, item->span, NULL,
            "a constant is a number, a list of numbers, zeros, ones, fill(v) or npy(\"file\")",
            "a constant is not %s", dg_item_text(r, item));
    return false;
}

bool dg_take_constant(dg_builder *r, dg_line *l, const char *name, const dg_item *item,
                      dg_tensor *t)
{
    const dg_vocabulary *v = &r->vocabulary;
    int64_t count = dg_shape_count(&t->shape), k = 0;
    double x = 0;
    t->bytes = (size_t)count * dg_type_bytes(t->type);
    t->data = dg_heap_take(&r->heap, (size_t)count, dg_type_bytes(t->type));
    if (item->kind == DG_ITEM_CALL && dg_word_find(v->sources, v->n_sources, item->text) >= 0) {
        dg_clause c;
        return dg_clause_make(r, l, "source", v->sources, v->n_sources, item, 0, &c) &&
               read_array(r, name, &c, t);
    }
    if (item->kind == DG_ITEM_LIST) {
        bool good = put_list(r, l, item, t, count, &k);
        if (good && k != count)
            dg_refuse(r, item->span, NULL, NULL, "the shape takes %lld numbers, found %lld",
                      (long long)count, (long long)k);
        return good && k == count;
    }
    if (!take_fill(r, item, &x) || !in_range(r, t, x, item->span))
        return false;
    for (; k < count; k++)
        put(t, k, x);
    return true;
}
