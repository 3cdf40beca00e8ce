/* Statements to the graph, in the order of the text. */
#include "lang/build.h"

#include "lang/suggest.h"
#include <string.h>

void dg_scope_bind(dg_builder *r, dg_scope *scope, const char *name, const dg_item *item, bool let)
{
    dg_binding_of *b = dg_heap_take(&r->heap, 1, sizeof *b);
    *b = (dg_binding_of){item, let};
    dg_dict_put(&r->heap, &scope->names, name, b);
}

dg_line dg_line_of(dg_builder *r, dg_scope *scope, dg_naming *naming, const dg_stmt *s,
                   const char *name)
{
    return (dg_line){.scope = scope,
                     .naming = naming,
                     .stmt = s,
                     .base = dg_heap_printf(&r->heap, "%s%s", naming->prefix, name)};
}

/* A line whose n-th turn in its naming is NAME@n. */
static dg_line counted_line(dg_builder *r, dg_scope *scope, dg_naming *naming, const dg_stmt *s,
                            const char *name)
{
    int n = dg_dict_count(&r->heap, &naming->counts, name);
    return dg_line_of(r, scope, naming, s,
                      n == 1 ? name : dg_heap_printf(&r->heap, "%s@%d", name, n));
}

/* ---- Lets ----------------------------------------------------------------------------------- */

static const dg_override *override_of(const dg_builder *r, const dg_stmt *s)
{
    const dg_override *found = NULL;
    for (int i = 0; i < r->n_sets && s->n_names; i++)
        if (!r->sets[i].inner && strcmp(r->sets[i].name, s->names[0].text) == 0)
            found = &r->sets[i];
    return found && dg_dict_find(&r->lets, found->name) == s ? found : NULL;
}

void dg_run_let(dg_builder *r, dg_scope *scope, dg_naming *naming, const dg_stmt *s)
{
    dg_line l = dg_line_of(r, scope, naming, s, "let");
    const dg_override *o = override_of(r, s);
    const dg_expr *value = o ? o->value : s->broken ? NULL : s->value;
    l.constant = true;
    if (!s->n_names)
        return;
    const dg_binding_of *old = dg_dict_find(&scope->names, s->names[0].text);
    if (old && !old->let)
        dg_refuse(r, s->names[0].span, NULL, "a let has a name of its own",
                  "'%s' is a value already", s->names[0].text);
    const dg_item *item = value ? dg_eval(r, &l, value) : dg_item_unknown(r, s->at);
    dg_scope_bind(r, scope, s->names[0].text, item, true);
}

/* ---- Declarations --------------------------------------------------------------------------- */

/* Axis k of a shape. A free dimension (ports only) that has no size yet gives 0 and its name. */
static bool read_axis(dg_builder *r, dg_line *l, const dg_expr *e, int k, bool port, dg_shape *s,
                      const char **free_name)
{
    const dg_item *item = dg_eval(r, l, e);
    const double *size = e->kind == DG_EXPR_NAME ? dg_dict_find(&r->sizes, e->text) : NULL;
    if (free_name)
        *free_name = NULL;
    if (item->kind == DG_ITEM_BATCH) {
        s->dim[k] = DG_N;
        if (k == 0 && port)
            return true;
        dg_refuse(r, item->span, NULL, NULL, "N is the first axis of an input or a target only");
        return false;
    }
    if (size && port && free_name)
        *free_name = e->text;
    if (item->kind == DG_ITEM_UNKNOWN && size)
        return port && !r->model->graph;
    return dg_need_whole(r, l, item, "an axis", 0, INT64_MAX >> 11, &s->dim[k]);
}

static bool read_shape(dg_builder *r, dg_line *l, const dg_stmt *s, bool port, dg_shape *shape,
                       const char *free_names[DG_MAX_RANK])
{
    bool good = s->n <= DG_MAX_RANK;
    if (!good)
        dg_refuse(r, s->args[DG_MAX_RANK].value->span, NULL, NULL, "a shape has at most %d axes",
                  DG_MAX_RANK);
    shape->rank = good ? s->n : 0;
    for (int i = 0; i < shape->rank; i++)
        good &=
            read_axis(r, l, s->args[i].value, i, port, shape, free_names ? &free_names[i] : NULL);
    return good;
}

static bool is_port(const dg_stmt *s)
{
    return s->kind == DG_STMT_DECLARE && (s->word == DG_KEY_INPUT || s->word == DG_KEY_TARGET) &&
           s->n_names > 0;
}

/* Names in the shapes of inputs and targets that are no lets are free dimensions. */
static void find_sizes(dg_builder *r)
{
    for (int i = 0; i < r->file.n; i++)
        for (int k = 0; is_port(r->file.list[i]) && k < r->file.list[i]->n; k++) {
            const dg_expr *e = r->file.list[i]->args[k].value;
            if (e->kind != DG_EXPR_NAME || dg_dict_find(&r->lets, e->text))
                continue;
            double *size = dg_heap_take(&r->heap, 1, sizeof *size);
            *size = -1;
            dg_dict_put(&r->heap, &r->sizes, e->text, size);
        }
}

void dg_read_ports(dg_builder *r)
{
    dg_dag *m = r->model;
    dg_naming naming = {.prefix = ""};
    m->ports = dg_heap_take(&r->heap, (size_t)r->file.n, sizeof *m->ports);
    find_sizes(r);
    for (int i = 0; i < r->file.n; i++) {
        const dg_stmt *s = r->file.list[i];
        if (s->kind == DG_STMT_LET)
            dg_run_let(r, r->top, &naming, s);
        if (!is_port(s))
            continue;
        dg_line l = dg_line_of(r, r->top, &naming, s, s->names[0].text);
        dg_port *p = &m->ports[m->n_ports];
        bool twice = false;
        for (int k = 0; k < m->n_ports; k++)
            twice |= strcmp(m->ports[k].name, s->names[0].text) == 0;
        if (twice)
            dg_refuse(r, s->names[0].span, NULL, NULL, "a second input or target '%s'",
                      s->names[0].text);
        else
            m->n_ports++;
        *p = (dg_port){.name = s->names[0].text,
                       .target = s->word == DG_KEY_TARGET,
                       .type = s->integer ? DG_I32 : DG_F32,
                       .span = s->names[0].span};
        l.constant = true;
        if (!s->broken)
            read_shape(r, &l, s, true, &p->shape, p->free);
    }
}

/* The value of a declaration; id 0: reported. */
static dg_value declare(dg_builder *r, dg_line *l, const dg_stmt *s, dg_shape shape)
{
    dg_graph *g = r->model->graph;
    const char *name = l->base;
    dg_clause file = {.word = -1};
    dg_value v = {0};
    const dg_item *item = s->value ? dg_eval(r, l, s->value) : NULL;
    if (s->word == DG_KEY_CONSTANT) {
        dg_tensor t = {.type = s->integer ? DG_I32 : dg_graph_real(g), .shape = shape};
        if (!item)
            dg_refuse(r, s->at, NULL, "constant A[20, 30] = npy(\"A.npy\")",
                      "a constant has a value");
        else if (dg_take_constant(r, l, name, item, &t))
            v = dg_constant(g, name, t);
        return v;
    }
    if (s->integer) {
        dg_refuse(r, s->at, NULL, NULL, "a %s is real", dg_keyword_name(s->word));
        return v;
    }
    const char *init = item ? dg_take_init(r, l, item, &file) : NULL;
    if (item && !init)
        return v;
    if (item)
        dg_graph_place(g, item->span.start, item->span.end);
    v = s->word == DG_KEY_PARAMETER ? dg_parameter(g, name, shape, init)
                                    : dg_state(g, name, shape, init);
    if (v.id && file.word >= 0)
        dg_take_parameter(r, v, &file);
    return v;
}

static const dg_item *one_value(dg_builder *r, dg_value v, dg_span at)
{
    dg_item *item = dg_item_make(r, DG_ITEM_VALUE, at);
    dg_value *values = dg_heap_take(&r->heap, 1, sizeof *values);
    *values = v;
    item->values = values;
    item->n = 1;
    return v.id ? item : dg_item_unknown(r, at);
}

/* The port of a declaration; NULL for a second one of its name. */
static dg_port *port_of(const dg_builder *r, const dg_stmt *s)
{
    for (int i = 0; i < r->model->n_ports; i++)
        if (r->model->ports[i].span.start == s->names[0].span.start)
            return &r->model->ports[i];
    return NULL;
}

static const dg_item *run_declare(dg_builder *r, dg_scope *scope, dg_naming *naming,
                                  const dg_stmt *s)
{
    if (!s->n_names)
        return NULL;
    const char *name = s->names[0].text;
    dg_line l = dg_line_of(r, scope, naming, s, name);
    const char *free_names[DG_MAX_RANK];
    dg_shape shape = {0};
    dg_value v = {0};
    dg_port *port = is_port(s) ? port_of(r, s) : NULL;
    bool good = !s->broken && (port || !is_port(s)); /* a second one of a name was refused */
    l.constant = true;
    if (good && read_shape(r, &l, s, port != NULL, &shape, free_names)) {
        dg_graph_place(r->model->graph, s->names[0].span.start, s->names[0].span.end);
        v = port ? dg_input(r->model->graph, name, s->integer ? DG_I32 : DG_F32, shape)
                 : declare(r, &l, s, shape);
        dg_graph_went_well(r, s->names[0].span, NULL);
    }
    if (port) {
        port->value = v;
        port->shape = shape;
    }
    dg_scope_bind(r, scope, name, one_value(r, v, s->names[0].span), false);
    return NULL;
}

/* ---- Assignments, repeats ------------------------------------------------------------------- */

/* The k-th of n results, as an item of its own. */
static const dg_item *part_of(dg_builder *r, const dg_item *item, int k)
{
    return item->kind == DG_ITEM_VALUE ? one_value(r, item->values[k], item->span) : item;
}

static const dg_item *run_assign(dg_builder *r, dg_scope *scope, dg_naming *naming,
                                 const dg_stmt *s)
{
    if (!s->n_names)
        return NULL;
    dg_line l = counted_line(r, scope, naming, s, s->names[0].text);
    const dg_item *item = dg_item_unknown(r, s->at);
    dg_value v;
    for (int i = 1; i < s->n_names; i++)
        dg_dict_count(&r->heap, &naming->counts, s->names[i].text);
    if (s->value && !s->broken)
        item = dg_eval(r, &l, s->value);
    if (item->kind == DG_ITEM_NUMBER)
        item = dg_refuse(r, s->at, NULL,
                         dg_heap_printf(&r->heap, "write let %s = ...", s->names[0].text),
                         "a number is named by let");
    else if (item->kind != DG_ITEM_VALUE && !dg_need_value(r, &l, item, &v))
        item = dg_item_unknown(r, s->at);
    if (item->kind == DG_ITEM_VALUE && item->n != s->n_names &&
        !(item->first && s->n_names < item->n))
        item = dg_refuse(r, s->at, NULL, NULL, "%d name%s for %d result%s", s->n_names,
                         s->n_names == 1 ? "" : "s", item->n, item->n == 1 ? "" : "s");
    for (int i = 0; i < s->n_names; i++) {
        const dg_binding_of *old = dg_dict_find(&scope->names, s->names[i].text);
        if (old && old->let)
            dg_refuse(r, s->names[i].span, NULL, "choose another name", "'%s' is a let",
                      s->names[i].text);
        else
            dg_scope_bind(r, scope, s->names[i].text, part_of(r, item, i), false);
    }
    return NULL;
}

/* Every name that a body gives is unknown, where the body cannot be run. */
static void poison(dg_builder *r, dg_scope *scope, const dg_body *body)
{
    for (int i = 0; i < body->n; i++) {
        const dg_stmt *s = body->list[i];
        poison(r, scope, &s->body);
        for (int k = 0; k < s->n_names; k++)
            if (!dg_dict_find(&scope->names, s->names[k].text))
                dg_scope_bind(r, scope, s->names[k].text, dg_item_unknown(r, s->at), false);
    }
}

static const dg_item *run_repeat(dg_builder *r, dg_scope *scope, dg_naming *naming,
                                 const dg_stmt *s)
{
    dg_line l = dg_line_of(r, scope, naming, s, "repeat");
    int64_t count = 0;
    int ordinal = ++naming->repeats, errors = r->model->diags.n;
    l.constant = true;
    bool good = s->value && !s->broken &&
                dg_need_whole(r, &l, dg_eval(r, &l, s->value), "the number of repeats", 0,
                              DG_WORK_MAX, &count);
    if (!good)
        poison(r, scope, &s->body);
    const char *word = ordinal == 1 ? "repeat" : dg_heap_printf(&r->heap, "repeat%d", ordinal);
    for (int64_t i = 0; i < count && !r->stopped && r->model->diags.n == errors; i++) {
        dg_naming *turn = dg_heap_take(&r->heap, 1, sizeof *turn);
        turn->prefix = dg_heap_printf(&r->heap, "%s%s.%lld.", naming->prefix, word, (long long)i);
        r->work++; /* an empty body costs too */
        dg_run_body(r, scope, turn, &s->body);
    }
    return NULL;
}

/* ---- Outputs, losses, metrics --------------------------------------------------------------- */

static const dg_item *run_output(dg_builder *r, dg_scope *scope, dg_naming *naming,
                                 const dg_stmt *s)
{
    dg_line l = dg_line_of(r, scope, naming, s, "output");
    for (int i = 0; i < s->n_names; i++) {
        const dg_name *name = &s->names[i];
        dg_expr e = {
            .kind = DG_EXPR_NAME, .text = name->text, .span = name->span, .at = name->span};
        dg_value v;
        r->outputs++;
        if (!dg_need_value(r, &l, dg_eval(r, &l, &e), &v))
            continue;
        dg_graph_place(r->model->graph, name->span.start, name->span.end);
        dg_output(r->model->graph, name->text, v);
        dg_graph_went_well(r, name->span, NULL);
    }
    return NULL;
}

/* What a term without a name of its own is reported as: its node, or its value. */
static const char *term_name(dg_builder *r, const dg_expr *e)
{
    const char *name = e->text && e->kind != DG_EXPR_STRING ? e->text : "loss";
    int n = dg_dict_count(&r->heap, &r->loss_names, name);
    return n == 1 ? name : dg_heap_printf(&r->heap, "%s%d", name, n);
}

static void add_loss(dg_builder *r, dg_line *l, const dg_arg *term, const dg_expr *e,
                     const dg_item *item, double weight)
{
    dg_value v;
    if (item->kind == DG_ITEM_NUMBER)
        dg_refuse(r, item->span, NULL, NULL, "expected a value, found a number");
    else if (dg_need_value(r, l, item, &v)) {
        dg_graph_place(r->model->graph, e->span.start, e->span.end);
        dg_loss(r->model->graph, term->key ? term->key : term_name(r, e), v, weight);
        dg_graph_went_well(r, e->span, NULL);
    }
}

/* A number, without making a node to find out. */
static bool is_number(const dg_line *l, const dg_expr *e)
{
    const dg_binding_of *b =
        e->kind == DG_EXPR_NAME ? dg_dict_find(&l->scope->names, e->text) : NULL;
    if (e->kind != DG_EXPR_SIGN)
        return e->kind == DG_EXPR_NUMBER || (b && b->item->kind == DG_ITEM_NUMBER);
    return is_number(l, e->args[0].value) && (e->n == 1 || is_number(l, e->args[1].value));
}

/* A term: factors that are numbers become its weight, and a sum without a name several terms. */
static void peel(dg_builder *r, dg_line *l, const dg_arg *term, const dg_expr *e, double weight)
{
    const dg_expr *a = e->kind == DG_EXPR_SIGN ? e->args[0].value : NULL;
    const dg_expr *b = a && e->n == 2 ? e->args[1].value : NULL;
    bool sum = b && (e->sign == '+' || e->sign == '-');
    if (a && !b) {
        peel(r, l, term, a, -weight);
    } else if (sum && !term->key) {
        peel(r, l, term, a, weight);
        peel(r, l, term, b, e->sign == '-' ? -weight : weight);
    } else if (b && e->sign == '*' && is_number(l, a)) {
        peel(r, l, term, b, weight * dg_eval(r, l, a)->number);
    } else if (b && (e->sign == '*' || e->sign == '/') && is_number(l, b)) {
        double factor = dg_eval(r, l, b)->number;
        peel(r, l, term, a, e->sign == '*' ? weight * factor : weight / factor);
    } else {
        add_loss(r, l, term, e, dg_eval(r, l, e), weight);
    }
}

static const dg_item *run_loss(dg_builder *r, dg_scope *scope, dg_naming *naming, const dg_stmt *s)
{
    dg_line l = counted_line(r, scope, naming, s, "loss");
    r->losses += s->n;
    for (int i = 0; i < s->n && !s->broken; i++) {
        const dg_arg *term = &s->args[i];
        if (term->key && dg_dict_count(&r->heap, &r->loss_names, term->key) > 1)
            dg_refuse(r, term->key_span, NULL, NULL, "two losses are named '%s'", term->key);
        else
            peel(r, &l, term, term->value, 1);
    }
    return NULL;
}

/* NAME = word(target, estimate, ...). */
static void run_metric(dg_builder *r, dg_line *l, const dg_arg *a)
{
    const dg_vocabulary *v = &r->vocabulary;
    const dg_expr *e = a->value;
    dg_metric *m = &r->model->metrics[r->model->n_metrics];
    *m = (dg_metric){.span = e->span, .name = a->key ? a->key : e->text};
    dg_item *call = dg_item_make(r, DG_ITEM_CALL, e->at);
    dg_item *items = dg_heap_take(&r->heap, (size_t)e->n, sizeof *items);
    if (e->kind != DG_EXPR_CALL || e->n < 2 || e->args[0].key || e->args[1].key) {
        dg_refuse(r, e->span, NULL, "accuracy(label, logits)",
                  "a metric is called with a target and an estimate");
        return;
    }
    for (int i = 0; i < e->n; i++) {
        items[i] = *dg_eval(r, l, e->args[i].value);
        items[i].key = e->args[i].key;
        items[i].key_span = e->args[i].key_span;
    }
    bool good = dg_need_value(r, l, &items[0], &m->target);
    good &= dg_need_value(r, l, &items[1], &m->estimate);
    call->text = e->text;
    call->items = items;
    call->n = e->n;
    good &= dg_clause_make(r, l, "metric", v->metrics, v->n_metrics, call, 2, &m->clause);
    dg_span name = a->key ? a->key_span : e->at;
    if (dg_dict_count(&r->heap, &r->metric_names, m->name) > 1) {
        dg_refuse(r, name, NULL, dg_heap_printf(&r->heap, "name it: second = %s(...)", e->text),
                  "two metrics are named '%s'", m->name);
        good = false;
    }
    r->model->n_metrics += good;
}

static const dg_item *run_metrics(dg_builder *r, dg_scope *scope, dg_naming *naming,
                                  const dg_stmt *s)
{
    dg_line l = counted_line(r, scope, naming, s, "metric");
    dg_metric *all = dg_heap_take(&r->heap, (size_t)(r->model->n_metrics + s->n), sizeof *all);
    if (!r->vocabulary.metrics || s->broken)
        return NULL;
    if (r->model->n_metrics)
        memcpy(all, r->model->metrics, (size_t)r->model->n_metrics * sizeof *all);
    r->model->metrics = all;
    for (int i = 0; i < s->n; i++)
        run_metric(r, &l, &s->args[i]);
    return NULL;
}

/* ---- Bodies --------------------------------------------------------------------------------- */

/* One result, or several values. */
static const dg_item *run_return(dg_builder *r, dg_scope *scope, dg_naming *naming,
                                 const dg_stmt *s)
{
    dg_line l = dg_line_of(r, scope, naming, s, "return");
    if (s->broken || s->n == 0)
        return dg_item_unknown(r, s->at);
    if (s->n == 1)
        return dg_eval(r, &l, s->args[0].value);
    dg_item *item = dg_item_make(r, DG_ITEM_VALUE, s->at);
    dg_value *values = dg_heap_take(&r->heap, (size_t)s->n, sizeof *values);
    bool good = true;
    for (int i = 0; i < s->n; i++)
        good &= dg_need_value(r, &l, dg_eval(r, &l, s->args[i].value), &values[i]);
    item->values = values;
    item->n = s->n;
    return good ? item : dg_item_unknown(r, s->at);
}

static const dg_item *run_let(dg_builder *r, dg_scope *scope, dg_naming *naming, const dg_stmt *s)
{
    dg_run_let(r, scope, naming, s);
    return NULL;
}

/* Runs one statement; the item that it returns, or NULL. */
static const dg_item *run(dg_builder *r, dg_scope *scope, dg_naming *naming, const dg_stmt *s)
{
    static const dg_item *(*const runs[])(dg_builder *, dg_scope *, dg_naming *,
                                          const dg_stmt *) = {
        [DG_STMT_LET] = run_let,       [DG_STMT_DECLARE] = run_declare,
        [DG_STMT_ASSIGN] = run_assign, [DG_STMT_REPEAT] = run_repeat,
        [DG_STMT_RETURN] = run_return, [DG_STMT_OUTPUT] = run_output,
        [DG_STMT_LOSS] = run_loss,     [DG_STMT_METRIC] = run_metrics,
        [DG_STMT_TRAIN] = NULL};
    return runs[s->kind] ? runs[s->kind](r, scope, naming, s) : NULL;
}

const dg_item *dg_run_body(dg_builder *r, dg_scope *scope, dg_naming *naming, const dg_body *body)
{
    const dg_item *back = NULL;
    for (int i = 0; i < body->n && !r->stopped; i++)
        back = run(r, scope, naming, body->list[i]);
    return back;
}

/* ---- The whole ------------------------------------------------------------------------------ */

static void set_sizes(dg_builder *r, const dg_dimension *sizes, int n)
{
    for (int i = 0; i < n; i++) {
        double *size = dg_dict_find(&r->sizes, sizes[i].name);
        if (size)
            *size = (double)sizes[i].size;
    }
    for (int i = 0; i < r->model->n_ports; i++)
        for (int k = 0; k < DG_MAX_RANK; k++) {
            const dg_port *p = &r->model->ports[i];
            const double *size = p->free[k] ? dg_dict_find(&r->sizes, p->free[k]) : NULL;
            if (size && *size < 0)
                dg_refuse(r, p->span, NULL, "the data give it its size, or write a number",
                          "the size of '%s' in '%s' is not known", p->free[k], p->name);
        }
}

static bool any_broken(const dg_body *b)
{
    for (int i = 0; i < b->n; i++)
        if (b->list[i]->broken)
            return true;
    return false;
}

/* What a model must have. */
static void check_whole(dg_builder *r)
{
    const dg_stmt *train = NULL;
    for (int i = 0; i < r->file.n; i++)
        if (r->file.list[i]->kind == DG_STMT_TRAIN)
            train = r->file.list[i];
    if (any_broken(&r->file) || r->stopped)
        return;
    if (train && r->losses == 0)
        dg_refuse(r, train->at, NULL, "loss mse(target, estimate)",
                  "there is a train block, but no loss");
    if (r->outputs == 0 && !r->no_output && (r->losses == 0 || r->model->n_ports > 0)) {
        const char *fits = "output logits";
        dg_refuse(r, (dg_span){0, 0}, NULL, fits, "the model has no output");
    }
}

void dg_build_graph(dg_builder *r, dg_type real, const dg_dimension *sizes, int n)
{
    dg_naming *naming = dg_heap_take(&r->heap, 1, sizeof *naming);
    naming->prefix = "";
    r->model->graph = dg_graph_new(r->host, real);
    if (!r->model->graph)
        dg_heap_fail(&r->heap);
    for (int i = 0; i < r->n_types; i++) {
        dg_graph_add_type(r->model->graph, r->types[i]);
        dg_graph_went_well(r, (dg_span){0, 0}, NULL);
    }
    set_sizes(r, sizes, n);
    r->top->names = (dg_dict){0};
    dg_run_body(r, r->top, naming, &r->file);
    check_whole(r);
    dg_graph_place(r->model->graph, 0, 0);
}
