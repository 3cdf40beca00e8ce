/* The parser. An error sticks until the statement ends: every token then looks like the end of the
 * text, so all loops stop, and no function needs to ask. The next line is then read as usual. */
#include "lang/parse.h"

#include <math.h>
#include <string.h>

typedef struct {
    dg_heap *heap;
    const dg_source *source;
    dg_diags *diags;
    const dg_token *list;
    int at;          /* next token */
    int end;         /* offset after the last token taken */
    int closing;     /* open ( and [: newlines do not count in them */
    int depth;       /* of expressions and braces */
    int level;       /* of braces */
    int def;         /* level of the body of a def that is being read; 0: none */
    bool data;       /* in the body of a data block */
    dg_span open;    /* the innermost open brace */
    dg_span bracket; /* the innermost open ( or [ */
    int told;        /* offset of an open brace of which a message spoke */
    bool failed;
} parser;

static dg_expr *expression(parser *p);
static void statement(parser *p, dg_body *b);

/* ---- Tokens --------------------------------------------------------------------------------- */

/* The k-th token from here; the end of the text for all that follow an error. */
static const dg_token *look(const parser *p, int k)
{
    static const dg_token end = {DG_TOKEN_END, 0, 0};
    int i = p->at;
    while (p->closing && p->list[i].kind == DG_TOKEN_NEWLINE)
        i++;
    for (; k > 0 && p->list[i].kind != DG_TOKEN_END; k--)
        for (i++; p->closing && p->list[i].kind == DG_TOKEN_NEWLINE;)
            i++;
    return p->failed ? &end : &p->list[i];
}

static int kind(const parser *p)
{
    return look(p, 0)->kind;
}

static dg_span span_of(const dg_token *t)
{
    return (dg_span){t->start, t->end};
}

static dg_span next_span(const parser *p)
{
    return span_of(look(p, 0));
}

static dg_span since(const parser *p, dg_span first)
{
    return (dg_span){first.start, p->end > first.start ? p->end : first.end};
}

/* Takes the next token. */
static const dg_token *take(parser *p)
{
    const dg_token *t = look(p, 0);
    if (p->failed)
        return t;
    p->at = (int)(t - p->list) + (t->kind != DG_TOKEN_END);
    p->end = t->end;
    return t;
}

static bool accept(parser *p, int wanted)
{
    bool is = kind(p) == wanted && !p->failed;
    if (is)
        take(p);
    return is;
}

static const char *text_of(parser *p, dg_span s)
{
    return dg_heap_copy(p->heap, dg_source_bytes(p->source, s), (size_t)(s.end - s.start));
}

static int line_of(const parser *p, dg_span s)
{
    return dg_source_line(p->source, s.start);
}

/* True if the next token is the first of a line. */
static bool starts_line(const parser *p)
{
    int i = (int)(look(p, 0) - p->list);
    return !p->failed && i > 0 && p->list[i - 1].kind == DG_TOKEN_NEWLINE;
}

/* ---- Errors --------------------------------------------------------------------------------- */

static void fail(parser *p, dg_span at, const char *fits, const char *found)
{
    if (!p->failed)
        dg_diags_at(p->diags, at, NULL, fits, "%s", found);
    p->failed = true;
}

/* What was expected, against the token that is there. */
static void expected(parser *p, const char *what, const char *fits)
{
    const dg_token *t = look(p, 0);
    if (t->kind == DG_TOKEN_BAD)
        p->failed = true;
    if (p->failed)
        return;
    const char *there = dg_token_text(p->heap, p->source, t);
    fail(p, span_of(t), fits, dg_heap_printf(p->heap, "expected %s, found %s", what, there));
}

static void expect(parser *p, int wanted, const char *fits)
{
    char what[] = {'\'', (char)wanted, '\'', 0};
    if (!accept(p, wanted))
        expected(p, what, fits);
}

/* A bracket that should have been closed before the next token, in a line above it. */
static void not_closed(parser *p, const char *what)
{
    const dg_token *t = look(p, 0);
    const char *there = dg_token_text(p->heap, p->source, t);
    fail(p, p->bracket,
         dg_heap_printf(p->heap, "expected %s before %s in line %d", what, there,
                        line_of(p, span_of(t))),
         dg_heap_printf(p->heap, "this '%s' is not closed", text_of(p, p->bracket)));
}

/* Takes a ( or [ that is there, or fails. Returns the bracket around it. */
static dg_span open_bracket(parser *p, int wanted, const char *fits)
{
    dg_span outer = p->bracket;
    p->bracket = next_span(p);
    p->closing += kind(p) == wanted;
    expect(p, wanted, fits);
    return outer;
}

/* Where the closing sign should stand is in doubt if another line has begun. */
static void close_bracket(parser *p, int wanted, const char *what, dg_span outer)
{
    const dg_token *t = look(p, 0);
    bool here = t->kind == DG_TOKEN_BAD || line_of(p, span_of(t)) == line_of(p, p->bracket);
    if (!accept(p, wanted) && !p->failed) {
        if (here)
            expected(p, what, NULL);
        else
            not_closed(p, what);
    }
    p->closing -= p->closing > 0;
    p->bracket = outer;
}

static bool deeper(parser *p)
{
    if (p->depth < DG_PARSE_DEPTH)
        return ++p->depth;
    fail(p, next_span(p), "give a part of it a name of its own", "this is nested too deeply");
    return false;
}

static int column(const parser *p, int token)
{
    dg_place place = {0};
    dg_source_place(p->source, p->list[token].start, &place);
    return place.column;
}

/* Behind a statement that failed: the next line, or the end of the block. A block that begins in
 * between is skipped whole, and so is one that is only indented. An error at the first word of a
 * line leaves that line to be read. */
static void recover(parser *p, int first)
{
    p->failed = false;
    p->closing = 0;
    p->bracket = (dg_span){0, 0};
    int i = p->at, braces = 0, word = p->list[first].kind - DG_TOKEN_KEYWORD;
    bool fresh = i > first && p->list[i - 1].kind == DG_TOKEN_NEWLINE;
    bool block = word == DG_KEY_DEF || word == DG_KEY_REPEAT;
    while (!fresh && p->list[i].kind != DG_TOKEN_END) {
        int k = p->list[i].kind;
        bool inside = block && k == DG_TOKEN_NEWLINE && column(p, i + 1) > column(p, first);
        if (braces == 0 && !inside && (k == DG_TOKEN_NEWLINE || k == ';' || k == '}'))
            break;
        block &= k != '{';
        braces += (k == '{') - (k == '}');
        i++;
    }
    p->at = i;
}

/* ---- Expressions ---------------------------------------------------------------------------- */

static dg_expr *make(parser *p, dg_expr_kind k, dg_span at)
{
    dg_expr *e = dg_heap_take(p->heap, 1, sizeof *e);
    e->kind = k;
    e->at = e->span = at;
    return e;
}

/* Takes over n arguments, and their depth. */
static void give(parser *p, dg_expr *e, dg_arg *args, int n)
{
    e->args = args;
    e->n = n;
    for (int i = 0; i < n; i++)
        if (args[i].value->depth >= e->depth)
            e->depth = args[i].value->depth + 1;
    if (e->depth > DG_PARSE_DEPTH)
        fail(p, e->at, "give a part of it a name of its own", "this is nested too deeply");
}

static dg_expr *of_sign(parser *p, dg_span at, dg_expr *a, dg_expr *b)
{
    dg_expr *e = make(p, DG_EXPR_SIGN, at);
    dg_arg *args = dg_heap_take(p->heap, 2, sizeof *args);
    args[0].value = a;
    args[1].value = b;
    e->sign = *dg_source_bytes(p->source, at);
    e->span = since(p, b ? a->span : at);
    give(p, e, args, b ? 2 : 1);
    return e;
}

/* args = [[NAME "="] expr {"," [NAME "="] expr}], up to the sign `close`; keywords come last. */
static dg_arg *arguments(parser *p, int close, bool keywords, int *n)
{
    dg_arg *args = NULL;
    int room = 0;
    bool keyed = false;
    if (kind(p) == close)
        return args;
    do {
        args = dg_heap_grow(p->heap, args, *n, &room, sizeof *args);
        dg_arg *a = &args[*n];
        bool word = kind(p) == DG_TOKEN_NAME || kind(p) >= DG_TOKEN_KEYWORD; /* target= */
        if (keywords && word && look(p, 1)->kind == '=') {
            a->key_span = span_of(take(p));
            a->key = text_of(p, a->key_span);
            take(p);
        }
        a->value = expression(p);
        if (keyed && !a->key)
            fail(p, a->value->span, "write the arguments without a name first",
                 "an argument without a name after one with a name");
        keyed |= a->key != NULL;
        ++*n;
    } while (accept(p, ','));
    return args;
}

/* "(" args ")" of a call whose first argument may have come through a pipe. */
static dg_expr *call(parser *p, dg_span name, dg_expr *piped)
{
    dg_expr *e = make(p, DG_EXPR_CALL, name);
    dg_arg *args = NULL;
    int n = 0;
    e->text = text_of(p, name);
    e->piped = piped != NULL;
    if (kind(p) == '(') {
        dg_span outer = open_bracket(p, '(', NULL);
        args = arguments(p, ')', true, &n);
        close_bracket(p, ')', "',' or ')'", outer);
        e->closed = true;
    }
    if (piped) {
        dg_arg *all = dg_heap_take(p->heap, (size_t)n + 1, sizeof *all);
        all[0].value = piped;
        for (int i = 0; i < n; i++)
            all[i + 1] = args[i];
        args = all;
        n++;
    }
    e->at = since(p, name);
    e->span = since(p, piped ? piped->span : name);
    give(p, e, args, n);
    return e;
}

static dg_expr *number(parser *p)
{
    dg_expr *e = make(p, DG_EXPR_NUMBER, span_of(take(p)));
    const char *text = text_of(p, e->span);
    if (!dg_read_f64(text, &e->number))
        fail(p, e->span, NULL, "this is not a number");
    else if (e->number == 0 && strcspn(text, "123456789") < strcspn(text, "eE"))
        fail(p, e->span, "write 0, or 1e-300", "this number is too small: it would be 0");
    else if (!isfinite(e->number))
        fail(p, e->span, NULL, "this number is too large");
    return e;
}

static dg_expr *string(parser *p)
{
    dg_expr *e = make(p, DG_EXPR_STRING, span_of(take(p)));
    char *text = dg_heap_copy(p->heap, dg_source_bytes(p->source, e->span) + 1,
                              (size_t)(e->span.end - e->span.start - 2));
    char *to = text;
    for (const char *from = text; *from; from++)
        *to++ = *from == '\\' ? *++from : *from;
    *to = 0;
    e->text = text;
    return e;
}

/* "[" [expr {"," expr}] "]"   or   "(" expr ")" */
static dg_expr *bracket(parser *p, bool list)
{
    dg_span open = next_span(p), outer = open_bracket(p, list ? '[' : '(', NULL);
    dg_expr *e = make(p, DG_EXPR_LIST, open);
    int n = 0;
    if (list) {
        dg_arg *args = arguments(p, ']', false, &n);
        give(p, e, args, n);
    } else {
        e = expression(p);
    }
    close_bracket(p, list ? ']' : ')', list ? "',' or ']'" : "')'", outer);
    e->span = since(p, open);
    if (list)
        e->at = e->span;
    return e;
}

/* primary = NAME ["(" args ")"] | NUMBER | STRING | "true" | "false" | list | "(" expr ")" */
static dg_expr *primary(parser *p)
{
    int k = kind(p);
    dg_span at = next_span(p);
    if (k == DG_TOKEN_NUMBER)
        return number(p);
    if (k == DG_TOKEN_STRING)
        return string(p);
    if (k == '(' || k == '[')
        return bracket(p, k == '[');
    if (k == DG_TOKEN_NAME || k == DG_TOKEN_KEYWORD + DG_KEY_TRAIN) { /* last = train */
        take(p);
        if (kind(p) == '(')
            return call(p, at, NULL);
        dg_expr *e = make(p, DG_EXPR_NAME, at);
        e->text = text_of(p, at);
        return e;
    }
    dg_expr *e = make(p, DG_EXPR_BOOL, at);
    e->number = k == DG_TOKEN_KEYWORD + DG_KEY_TRUE;
    if (k == DG_TOKEN_KEYWORD + DG_KEY_TRUE || k == DG_TOKEN_KEYWORD + DG_KEY_FALSE)
        take(p);
    else if (k >= DG_TOKEN_KEYWORD && starts_line(p) && p->closing)
        not_closed(p, "its end");
    else if (k >= DG_TOKEN_KEYWORD)
        fail(p, at, "keywords cannot name a value: choose another name",
             dg_heap_printf(p->heap, "'%s' is a keyword", text_of(p, at)));
    else
        expected(p, "a value", NULL);
    return e;
}

/* unary = "-" unary | power        power = primary ["^" unary] */
static dg_expr *unary(parser *p)
{
    dg_span at = next_span(p);
    dg_expr *e;
    if (!deeper(p))
        return make(p, DG_EXPR_BOOL, at);
    if (accept(p, '-')) {
        e = of_sign(p, at, unary(p), NULL);
    } else {
        e = primary(p);
        at = next_span(p);
        if (accept(p, '^'))
            e = of_sign(p, at, e, unary(p));
    }
    p->depth--;
    return e;
}

/* term = unary {("*" | "/") unary} */
static dg_expr *term(parser *p)
{
    dg_expr *e = unary(p);
    for (;;) {
        dg_span at = next_span(p);
        if (!accept(p, '*') && !accept(p, '/'))
            return e;
        e = of_sign(p, at, e, unary(p));
    }
}

/* sum = term {("+" | "-") term} */
static dg_expr *sum(parser *p)
{
    dg_expr *e = term(p);
    for (;;) {
        dg_span at = next_span(p);
        if (!accept(p, '+') && !accept(p, '-'))
            return e;
        e = of_sign(p, at, e, term(p));
    }
}

/* a | relu + b: the pipe would swallow all of it. */
static void refuse_sign(parser *p, const dg_expr *piped)
{
    dg_span at = next_span(p), left = piped->span;
    int sign = kind(p);
    take(p);
    dg_span right = sum(p)->span;
    bool fits = line_of(p, left) == line_of(p, right) && right.end - left.start < 60;
    const char *advice = "write (x | f) + y";
    if (fits)
        advice =
            dg_heap_printf(p->heap, "write (%s) %c %s", text_of(p, left), sign, text_of(p, right));
    fail(p, at, advice, dg_heap_printf(p->heap, "'%c' after a pipe", sign));
}

/* expr = sum {"|" NAME ["(" args ")"]} */
static dg_expr *expression(parser *p)
{
    dg_expr *e = make(p, DG_EXPR_BOOL, next_span(p));
    if (!deeper(p))
        return e;
    e = sum(p);
    while (accept(p, '|')) {
        dg_span name = next_span(p);
        if (accept(p, DG_TOKEN_NAME))
            e = call(p, name, e);
        else
            expected(p, "the name of a node", "a value goes through nodes: x | linear(10) | relu");
        int k = kind(p);
        if (k == '+' || k == '-' || k == '*' || k == '/' || k == '^')
            refuse_sign(p, e);
    }
    p->depth--;
    return e;
}

/* ---- Statements ----------------------------------------------------------------------------- */

static void name(parser *p, dg_stmt *s, const char *what)
{
    dg_span at = next_span(p);
    if (kind(p) >= DG_TOKEN_KEYWORD) {
        fail(p, at, "keywords cannot name a value: choose another name",
             dg_heap_printf(p->heap, "'%s' is a keyword", text_of(p, at)));
    } else if (!accept(p, DG_TOKEN_NAME)) {
        expected(p, what, NULL);
    } else {
        s->names = dg_heap_grow(p->heap, s->names, s->n_names, &s->room_names, sizeof *s->names);
        s->names[s->n_names++] = (dg_name){text_of(p, at), at};
    }
}

/* NAME {"," NAME} */
static void names(parser *p, dg_stmt *s)
{
    do
        name(p, s, "a name");
    while (accept(p, ','));
}

/* Opens a block: the place of its brace, while `outer` keeps that of the one around it. */
static dg_span open_brace(parser *p, const char *fits, dg_span *outer)
{
    *outer = p->open;
    dg_span open = next_span(p);
    expect(p, '{', fits);
    if (!p->failed)
        p->open = open;
    p->level++;
    return open;
}

static void close_brace(parser *p, dg_span open, dg_span outer)
{
    if (!p->failed && !accept(p, '}'))
        fail(p, open, dg_heap_printf(p->heap, "the '{' of line %d needs a '}'", line_of(p, open)),
             "this '{' is not closed");
    p->level--;
    p->open = outer;
}

/* END = newline | ";" | before "}" | end of file */
static bool at_end(parser *p)
{
    int k = kind(p);
    return p->failed || k == DG_TOKEN_NEWLINE || k == ';' || k == '}' || k == DG_TOKEN_END;
}

static bool skip_ends(parser *p)
{
    while (accept(p, DG_TOKEN_NEWLINE) || accept(p, ';')) {
    }
    return kind(p) != '}' && kind(p) != DG_TOKEN_END;
}

/* body = { [statement] END } */
static void body(parser *p, dg_body *b)
{
    if (!deeper(p))
        return;
    while (skip_ends(p))
        statement(p, b);
    p->depth--;
}

/* let = "let" NAME "=" expr */
static void let(parser *p, dg_stmt *s)
{
    name(p, s, "a name");
    expect(p, '=', "let width = 64");
    s->value = expression(p);
}

/* declare = word NAME "[" [expr {"," expr}] "]" ["int"] ["=" expr] */
static void declare(parser *p, dg_stmt *s)
{
    const char *word = dg_keyword_name(s->word);
    name(p, s, "a name");
    const char *fits = "a shape stands after the name: %s x[N, 10]";
    dg_span outer = open_bracket(p, '[', dg_heap_printf(p->heap, fits, word));
    s->args = arguments(p, ']', false, &s->n);
    close_bracket(p, ']', "',' or ']'", outer);
    const dg_token *t = look(p, 0);
    if (t->kind == DG_TOKEN_NAME && strcmp(text_of(p, span_of(t)), "int") == 0) {
        take(p);
        s->integer = true;
    }
    dg_span at = next_span(p);
    bool data = s->word == DG_KEY_INPUT || s->word == DG_KEY_TARGET;
    if (accept(p, '=')) {
        s->value = expression(p);
        if (data)
            fail(p, at, "its values come from a data block",
                 dg_heap_printf(p->heap, "an %s takes no value here", word));
    }
}

/* What words of other languages are here. */
static const char *habit(const char *word)
{
    static const char *const habits[][2] = {
        {"for", "a block is repeated so: repeat 3 { z = linear(z, 64) | relu }"},
        {"while", "a block is repeated so: repeat 3 { z = linear(z, 64) | relu }"},
        {"if", "a graph has no branches; let and --set choose between constants"},
        {"import", "all nodes are there; others are loaded with --node FILE.so"},
        {"from", "all nodes are there; others are loaded with --node FILE.so"},
        {"function", "write def f(x) { return relu(x) }"},
        {"fn", "write def f(x) { return relu(x) }"},
        {"class", "write def f(x) { return relu(x) }"},
        {"const", "write let width = 64"},
        {"var", "write let width = 64"},
        {"param", "write parameter w[20, 10]"},
        {"print", "dagrad show prints a model"},
    };
    for (size_t i = 0; i < sizeof habits / sizeof habits[0]; i++)
        if (strcmp(habits[i][0], word) == 0)
            return habits[i][1];
    return NULL;
}

/* assign = NAME {"," NAME} "=" expr, and in a data block NAME "|" ..., which is NAME = NAME | ...
 */
static void assign(parser *p, dg_stmt *s)
{
    int first = p->at;
    names(p, s);
    s->at = since(p, s->at);
    int k = kind(p);
    if (k == '|' && p->data && s->n_names == 1)
        p->at = first;
    else if (k == '(' || k == '|' || k == '+' || k == '*')
        fail(p, s->at, "a value needs a name: z = relu(x)", "expected 'NAME = ...'");
    else
        expect(p, '=', s->n_names ? habit(s->names[0].text) : NULL);
    s->value = expression(p);
}

/* repeat = "repeat" expr "{" body "}" */
static void repeat(parser *p, dg_stmt *s)
{
    dg_span outer;
    s->value = expression(p);
    dg_span open = open_brace(p, "repeat 3 { z = linear(z, 64) | relu }", &outer);
    body(p, &s->body);
    close_brace(p, open, outer);
}

/* [NAME ["=" expr] {"," ...}] */
static void def_arguments(parser *p, dg_stmt *s)
{
    dg_stmt list = {0};
    bool preset = false;
    if (kind(p) == ')')
        return;
    do {
        list.n_names = 0;
        name(p, &list, "the name of an argument");
        if (p->failed)
            return;
        s->args = dg_heap_grow(p->heap, s->args, s->n, &s->room, sizeof *s->args);
        dg_arg *a = &s->args[s->n++];
        *a = (dg_arg){.key = list.names[0].text, .key_span = list.names[0].span};
        if (accept(p, '='))
            a->value = expression(p);
        else if (preset)
            fail(p, a->key_span, "arguments with a default come last",
                 "an argument without a default after one with a default");
        preset |= a->value != NULL;
    } while (accept(p, ','));
}

/* define = "def" NAME "(" ... ")" "{" body "return" expr {"," expr} [END] "}" */
static void define(parser *p, dg_stmt *s)
{
    dg_span outer;
    name(p, s, "a name");
    const char *fits = "def block(x, units=64) { return linear(x, units) | relu }";
    dg_span paren = open_bracket(p, '(', fits);
    def_arguments(p, s);
    close_bracket(p, ')', "',' or ')'", paren);
    dg_span open = open_brace(p, "the body of a def stands in braces: def f(x) { ... }", &outer);
    p->def = p->level;
    body(p, &s->body);
    p->def = 0;
    const dg_stmt *last = s->body.n ? s->body.list[s->body.n - 1] : NULL;
    close_brace(p, open, outer);
    if (!last || (last->kind != DG_STMT_RETURN && !last->broken))
        fail(p, s->at, "its last statement is: return expr", "a def without return");
}

/* "return" expr {"," expr} */
static void give_back(parser *p, dg_stmt *s)
{
    s->args = arguments(p, 0, false, &s->n);
    skip_ends(p);
    if (!p->failed && (p->level == 0 || p->level != p->def || kind(p) != '}'))
        fail(p, s->at, NULL, "'return' is not the last statement of a def");
}

/* data = "data" ("train" | "validation" | "test") ["(" args ")"] "{" { [line] END } "}"
 * line = NAMES "=" expr | NAME "|" pipe
 * The lines are read as a body; words.c refuses others. */
static void data(parser *p, dg_stmt *s)
{
    static const char *const parts = "data train { }, data validation { } or data test { }";
    dg_span outer, at = next_span(p);
    const char *part = text_of(p, at);
    bool known =
        strcmp(part, "train") == 0 || strcmp(part, "validation") == 0 || strcmp(part, "test") == 0;
    if (!known)
        expected(p, "'train', 'validation' or 'test'", parts);
    take(p);
    s->names = dg_heap_take(p->heap, 1, sizeof *s->names);
    s->names[s->n_names++] = (dg_name){part, at};
    if (kind(p) == '(') {
        dg_expr *head = call(p, at, NULL);
        s->args = head->args;
        s->n = head->n;
    }
    dg_span open = open_brace(p, parts, &outer);
    p->data = true;
    body(p, &s->body);
    p->data = false;
    close_brace(p, open, outer);
}

/* train = "train" "{" { [NAME "=" expr] END } "}" */
static void train(parser *p, dg_stmt *s)
{
    dg_span outer;
    dg_span open = open_brace(p, "train { optimizer = adam(rate=1e-3); epochs = 5 }", &outer);
    body(p, &s->body);
    close_brace(p, open, outer);
}

/* [NAME "="] expr {"," [NAME "="] expr} */
static void terms(parser *p, dg_stmt *s)
{
    do {
        s->args = dg_heap_grow(p->heap, s->args, s->n, &s->room, sizeof *s->args);
        dg_arg *a = &s->args[s->n++];
        if (kind(p) == DG_TOKEN_NAME && look(p, 1)->kind == '=') {
            a->key_span = span_of(take(p));
            a->key = text_of(p, a->key_span);
            take(p);
        }
        a->value = expression(p);
    } while (accept(p, ','));
}

/* ---- Any statement -------------------------------------------------------------------------- */

typedef struct {
    dg_stmt_kind kind;
    void (*parse)(parser *, dg_stmt *);
    bool top; /* its names are those of the whole model */
} rule;

static const rule rules[DG_KEYWORDS] = {
    [DG_KEY_LET] = {DG_STMT_LET, let, false},
    [DG_KEY_INPUT] = {DG_STMT_DECLARE, declare, true},
    [DG_KEY_TARGET] = {DG_STMT_DECLARE, declare, true},
    [DG_KEY_CONSTANT] = {DG_STMT_DECLARE, declare, false},
    [DG_KEY_PARAMETER] = {DG_STMT_DECLARE, declare, false},
    [DG_KEY_STATE] = {DG_STMT_DECLARE, declare, false},
    [DG_KEY_REPEAT] = {DG_STMT_REPEAT, repeat, false},
    [DG_KEY_DEF] = {DG_STMT_DEFINE, define, true},
    [DG_KEY_RETURN] = {DG_STMT_RETURN, give_back, false},
    [DG_KEY_OUTPUT] = {DG_STMT_OUTPUT, names, true},
    [DG_KEY_LOSS] = {DG_STMT_LOSS, terms, false},
    [DG_KEY_METRIC] = {DG_STMT_METRIC, terms, true},
    [DG_KEY_DATA] = {DG_STMT_DATA, data, true},
    [DG_KEY_TRAIN] = {DG_STMT_TRAIN, train, true},
};

/* A statement of the whole model in braces: said once for each brace, which may lack its end. */
static void top_only(parser *p, dg_span at)
{
    if (p->told != p->open.start)
        fail(p, at, dg_heap_printf(p->heap, "the '{' of line %d is open here", line_of(p, p->open)),
             dg_heap_printf(p->heap, "'%s' in braces", text_of(p, at)));
    p->told = p->open.start;
    p->failed = true;
}

/* The rule of a statement that begins with a keyword; NULL: an error. */
static const rule *rule_of(parser *p, const dg_token *t)
{
    const rule *r = &rules[t->kind - DG_TOKEN_KEYWORD];
    const char *word = text_of(p, span_of(t));
    int next = look(p, 1)->kind;
    if (!r->parse || next == '=' || next == ',' || next == '|')
        fail(p, span_of(t), "keywords cannot name a value: choose another name",
             dg_heap_printf(p->heap, "'%s' is a keyword", word));
    else if (r->top && p->level > 0)
        top_only(p, span_of(t));
    return p->failed ? NULL : r;
}

/* statement = let | declare | assign | repeat | define | output | loss | metric | data | train */
static void statement(parser *p, dg_body *b)
{
    int first = p->at, level = p->level, depth = p->depth;
    dg_span open = p->open;
    const dg_token *t = look(p, 0);
    dg_stmt *s = dg_heap_take(p->heap, 1, sizeof *s);
    s->kind = DG_STMT_ASSIGN;
    s->at = span_of(t);
    if (t->kind >= DG_TOKEN_KEYWORD) {
        const rule *r = rule_of(p, t);
        if (r) {
            take(p);
            s->kind = r->kind;
            s->word = (dg_keyword)(t->kind - DG_TOKEN_KEYWORD);
            r->parse(p, s);
        }
    } else if (t->kind == DG_TOKEN_NAME) {
        assign(p, s);
    } else {
        expected(p, "a statement", NULL);
    }
    if (!at_end(p))
        expected(p, "the end of the statement", NULL);
    s->span = since(p, s->at);
    s->broken = p->failed;
    if (p->failed)
        recover(p, first);
    p->level = level, p->depth = depth, p->open = open;
    b->list = dg_heap_grow(p->heap, b->list, b->n, &b->room, sizeof *b->list);
    b->list[b->n++] = s;
}

/* file = body */
dg_body dg_parse_file(dg_heap *heap, const dg_source *s, int text, dg_diags *d)
{
    dg_tokens tokens = dg_lex(heap, s, text, 0, d);
    parser p = {.heap = heap, .source = s, .diags = d, .list = tokens.list};
    dg_body b = {0};
    do {
        body(&p, &b);
        if (kind(&p) == '}')
            dg_diags_at(d, next_span(&p), NULL, NULL, "this '}' has no '{'");
        accept(&p, '}');
    } while (kind(&p) != DG_TOKEN_END);
    return b;
}

dg_expr *dg_parse_value(dg_heap *heap, const dg_source *s, int text, int from, dg_diags *d)
{
    dg_tokens tokens = dg_lex(heap, s, text, from, d);
    parser p = {.heap = heap, .source = s, .diags = d, .list = tokens.list};
    dg_expr *e = expression(&p);
    if (!p.failed && kind(&p) != DG_TOKEN_END)
        expected(&p, "the end of the value", NULL);
    return p.failed ? NULL : e;
}
