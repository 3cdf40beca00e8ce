/* Expressions to items: numbers are folded, signs become nodes. */
#include "lang/build.h"

#include "base/elem_f64.h"
#include <math.h>
#include <string.h>

/* ---- Items ---------------------------------------------------------------------------------- */

dg_item *dg_item_make(dg_builder *r, dg_item_kind kind, dg_span at)
{
    dg_item *i = dg_heap_take(&r->heap, 1, sizeof *i);
    i->kind = kind;
    i->span = at;
    return i;
}

const dg_item *dg_item_unknown(dg_builder *r, dg_span at)
{
    return dg_item_make(r, DG_ITEM_UNKNOWN, at);
}

const dg_item *dg_refuse(dg_builder *r, dg_span at, const char *suggest, const char *fits,
                         const char *found, ...)
{
    dg_text text = dg_text_make(&r->memory);
    va_list args;
    va_start(args, found);
    dg_text_vprintf(&text, found, args);
    va_end(args);
    dg_diags_at(&r->model->diags, at, suggest, fits, "%s", text.data);
    r->model->diags.failed |= text.failed;
    dg_text_free(&text);
    return dg_item_unknown(r, at);
}

const char *dg_item_text(dg_builder *r, const dg_item *item)
{
    switch (item->kind) {
    case DG_ITEM_NUMBER:
        return "a number";
    case DG_ITEM_BATCH:
        return "the size of the batch";
    case DG_ITEM_BOOL:
        return item->number != 0 ? "true" : "false";
    case DG_ITEM_STRING:
        return "a string";
    case DG_ITEM_WORD:
        return dg_heap_printf(&r->heap, "the word '%s'", item->text);
    case DG_ITEM_LIST:
        return "a list";
    case DG_ITEM_CALL:
        return dg_heap_printf(&r->heap, "'%s(...)'", item->text);
    case DG_ITEM_VALUE:
        return item->n == 1 ? "a value" : dg_heap_printf(&r->heap, "%d values", item->n);
    case DG_ITEM_UNKNOWN:
        break;
    }
    return "an error";
}

static const dg_item *of_number(dg_builder *r, double x, dg_span at)
{
    dg_item *i = dg_item_make(r, DG_ITEM_NUMBER, at);
    i->number = x;
    return i;
}

bool dg_need_value(dg_builder *r, dg_line *l, const dg_item *item, dg_value *v)
{
    v->id = 0;
    if (item->kind == DG_ITEM_NUMBER && r->model->graph) {
        dg_graph_place(r->model->graph, item->span.start, item->span.end);
        *v = dg_number(r->model->graph, item->number);
        return dg_graph_went_well(r, item->span, NULL) && v->id != 0;
    }
    if (item->kind == DG_ITEM_WORD)
        dg_unknown_name(r, l, item->text, item->span);
    else if (item->kind == DG_ITEM_CALL)
        dg_unknown_call(r, item->text, item->span);
    else if (item->kind == DG_ITEM_VALUE && (item->n == 1 || item->first))
        *v = item->values[0];
    else if (item->kind == DG_ITEM_VALUE)
        dg_refuse(r, item->span, NULL, "take them apart first: a, b = ...",
                  "expected one value, found %d", item->n);
    else if (item->kind != DG_ITEM_UNKNOWN)
        dg_refuse(r, item->span, NULL, NULL, "expected a value, found %s", dg_item_text(r, item));
    return v->id != 0;
}

/* A number, or the unknown item. */
static const dg_item *need_number(dg_builder *r, dg_line *l, const dg_item *item)
{
    if (item->kind == DG_ITEM_NUMBER || item->kind == DG_ITEM_UNKNOWN)
        return item;
    if (item->kind == DG_ITEM_WORD)
        return dg_unknown_name(r, l, item->text, item->span);
    if (item->kind == DG_ITEM_BATCH)
        return dg_refuse(r, item->span, NULL,
                         "N gets its size when the model runs: it stands alone",
                         "expected a number, found the size of the batch");
    return dg_refuse(r, item->span, NULL, NULL, "expected a number, found %s",
                     dg_item_text(r, item));
}

bool dg_need_whole(dg_builder *r, dg_line *l, const dg_item *item, const char *what, int64_t low,
                   int64_t high, int64_t *number)
{
    item = need_number(r, l, item);
    if (item->kind != DG_ITEM_NUMBER)
        return false;
    double x = item->number;
    if (floor(x) == x && x >= (double)low && x <= (double)high) {
        *number = (int64_t)x;
        return true;
    }
    char text[DG_NUMBER_TEXT];
    dg_refuse(r, item->span, NULL, NULL, "%s is %s, it takes a whole number, %lld to %lld", what,
              dg_f64_text(x, text), (long long)low, (long long)high);
    return false;
}

/* ---- Names ---------------------------------------------------------------------------------- */

/* A bound item where it is used. What may still turn out to be an error keeps the place where it
 * was written. */
static const dg_item *used(dg_builder *r, const dg_item *item, dg_span at)
{
    if (item->kind == DG_ITEM_WORD || item->kind == DG_ITEM_CALL)
        return item;
    dg_item *copy = dg_item_make(r, item->kind, at);
    *copy = *item;
    copy->span = at;
    return copy;
}

static const dg_item *eval_name(dg_builder *r, dg_line *l, const dg_expr *e)
{
    const dg_binding_of *b = dg_dict_find(&l->scope->names, e->text);
    const dg_binding_of *outer =
        l->scope->top ? dg_dict_find(&l->scope->top->names, e->text) : NULL;
    if (!b && outer && outer->let)
        b = outer;
    if (b && l->constant && b->item->kind == DG_ITEM_VALUE)
        return dg_not_constant(r, e->text, e->span);
    if (b)
        return used(r, b->item, e->span);
    const double *size = dg_dict_find(&r->sizes, e->text);
    if (size && strcmp(e->text, "N") == 0)
        return dg_item_make(r, DG_ITEM_BATCH, e->span);
    if (size && *size >= 0)
        return of_number(r, *size, e->span);
    if (size)
        return dg_item_unknown(r, e->span);
    dg_item *word = dg_item_make(r, DG_ITEM_WORD, e->span);
    word->text = e->text;
    return word;
}

/* ---- Signs ---------------------------------------------------------------------------------- */

static const dg_item *fold(dg_builder *r, const dg_expr *e, double a, double b)
{
    double x = a;
    int whole = e->sign == '^' && fabs(b) <= 64 && floor(b) == b ? (int)fabs(b) : -1;
    if (e->sign == '+')
        x = a + b;
    else if (e->sign == '-')
        x = a - b;
    else if (e->sign == '*')
        x = a * b;
    else if (e->sign == '/')
        x = a / b;
    else if (whole < 0)
        x = b == 0.5 ? sqrt(a) : dg_pow(a, b);
    for (int i = 0; i <= whole; i++)
        x = i == 0 ? 1 : x * a;
    if (whole >= 0 && b < 0)
        x = 1 / x;
    char left[DG_NUMBER_TEXT], right[DG_NUMBER_TEXT];
    if (!isfinite(x))
        return dg_refuse(r, e->at, NULL, NULL, "%s %c %s is not a number", dg_f64_text(a, left),
                         e->sign, dg_f64_text(b, right));
    return of_number(r, x, e->span);
}

/* x^2, x^3, x^-1, x^0.5, else the node pow. */
static const dg_item *power(dg_builder *r, dg_line *l, const dg_expr *e, dg_value x, double n)
{
    const char *type = n == 2 || n == 3 ? "square"
                       : n == -1        ? "reciprocal"
                       : n == 0.5       ? "sqrt"
                                        : NULL;
    dg_value pair[2] = {x, x};
    if (n == 1) {
        dg_item *same = dg_item_make(r, DG_ITEM_VALUE, e->span);
        dg_value *value = dg_heap_take(&r->heap, 1, sizeof *value);
        *value = x;
        same->values = value;
        same->n = 1;
        return same;
    }
    if (!type) {
        const dg_item *exponent = of_number(r, n, e->args[1].value->span);
        if (!dg_need_value(r, l, exponent, &pair[1]))
            return dg_item_unknown(r, e->span);
        return dg_use_values(r, l, "pow", e->at, 2, pair);
    }
    const dg_item *made = dg_use_values(r, l, type, e->at, 1, pair);
    if (n != 3 || made->kind != DG_ITEM_VALUE)
        return made;
    pair[0] = made->values[0];
    return dg_use_values(r, l, "mul", e->at, 2, pair);
}

static const dg_item *minus(dg_builder *r, dg_line *l, const dg_expr *e, const dg_item *a)
{
    dg_value v;
    if (a->kind == DG_ITEM_NUMBER)
        return of_number(r, -a->number, e->span);
    if (l->constant)
        return need_number(r, l, a);
    return dg_need_value(r, l, a, &v) ? dg_use_values(r, l, "neg", e->at, 1, &v)
                                      : dg_item_unknown(r, e->span);
}

const dg_item *dg_eval_pair(dg_builder *r, dg_line *l, const dg_expr *e, const dg_item *a,
                            const dg_item *b)
{
    static const char *const types[][2] = {
        {"+", "add"}, {"-", "sub"}, {"*", "mul"}, {"/", "div"}, {"^", "pow"}};
    bool numbers = a->kind == DG_ITEM_NUMBER && b->kind == DG_ITEM_NUMBER;
    if (numbers)
        return fold(r, e, a->number, b->number);
    if (l->constant) {
        a = need_number(r, l, a);
        b = need_number(r, l, b);
        return dg_item_unknown(r, e->span);
    }
    dg_value v[2];
    bool good = dg_need_value(r, l, a, &v[0]);
    if (good && e->sign == '^' && b->kind == DG_ITEM_NUMBER)
        return power(r, l, e, v[0], b->number);
    if (!dg_need_value(r, l, b, &v[1]) || !good)
        return dg_item_unknown(r, e->span);
    const char *type = NULL;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i][0][0] == e->sign)
            type = types[i][1];
    return dg_use_values(r, l, type, e->at, 2, v);
}

/* ---- Any expression ------------------------------------------------------------------------- */

static const dg_item *eval_list(dg_builder *r, dg_line *l, const dg_expr *e)
{
    dg_item *list = dg_item_make(r, DG_ITEM_LIST, e->span);
    dg_item *items = dg_heap_take(&r->heap, (size_t)e->n, sizeof *items);
    for (int i = 0; i < e->n; i++)
        items[i] = *dg_eval(r, l, e->args[i].value);
    list->items = items;
    list->n = e->n;
    return list;
}

static const dg_item *eval_kind(dg_builder *r, dg_line *l, const dg_expr *e)
{
    dg_item *item;
    switch (e->kind) {
    case DG_EXPR_NAME:
        return eval_name(r, l, e);
    case DG_EXPR_NUMBER:
        return of_number(r, e->number, e->span);
    case DG_EXPR_STRING:
        item = dg_item_make(r, DG_ITEM_STRING, e->span);
        item->text = e->text;
        return item;
    case DG_EXPR_BOOL:
        item = dg_item_make(r, DG_ITEM_BOOL, e->span);
        item->number = e->number;
        return item;
    case DG_EXPR_LIST:
        return eval_list(r, l, e);
    case DG_EXPR_CALL:
        return dg_use_call(r, l, e);
    case DG_EXPR_SIGN:
        break;
    }
    const dg_item *a = dg_eval(r, l, e->args[0].value);
    return e->n == 1 ? minus(r, l, e, a)
                     : dg_eval_pair(r, l, e, a, dg_eval(r, l, e->args[1].value));
}

const dg_item *dg_eval(dg_builder *r, dg_line *l, const dg_expr *e)
{
    if (!r->stopped && (++r->work > DG_WORK_MAX || r->depth >= DG_EVAL_DEPTH)) {
        r->stopped = true;
        dg_refuse(r, e->at, NULL, "look at the numbers of its repeats, and at defs in defs",
                  r->work > DG_WORK_MAX ? "the model is too large" : "this is nested too deeply");
    }
    if (r->stopped)
        return dg_item_unknown(r, e->span);
    r->depth++;
    const dg_item *item = eval_kind(r, l, e);
    r->depth--;
    return item;
}
