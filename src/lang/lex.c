/* The lexer, by hand. Names and signs are ASCII; strings and comments hold any UTF-8. */
#include "lang/lex.h"

#include <string.h>

static const char *const keywords[DG_KEYWORDS] = {
    "let",    "input",  "target", "constant", "parameter", "state", "repeat", "def",
    "return", "output", "loss",   "metric",   "data",      "train", "true",   "false"};

/* Signs of other languages, longest first, and what is written here. */
static const struct {
    const char *sign, *advice;
} foreign[] = {
    {"==", "a value gets its name with one '='; there are no comparisons"},
    {"->", "a value goes through a node with '|': x | relu"},
    {"=>", "a value goes through a node with '|': x | relu"},
    {"**", "a power is written x^2"},
    {"+=", "write z = z + ..."},
    {"-=", "write z = z - ..."},
    {"*=", "write z = z * ..."},
    {"/=", "write z = z / ..."},
    {":=", "write z = ..."},
    {"||", "a value goes through a node with one '|': x | relu"},
    {"&&", "there are no comparisons"},
    {"//", "a comment starts with '#'"},
    {"/*", "a comment starts with '#' and ends with its line"},
    {":", "the body of a def, a repeat or a block stands in braces: def f(x) { ... }"},
    {"@", "the product of matrices is written matmul(a, b)"},
    {"'", "a string stands in double quotes: \"file.npy\""},
    {".", "a name is made of letters, digits and '_'"},
};

typedef struct {
    dg_heap *heap;
    dg_diags *diags;
    const char *text; /* the whole text */
    int at, size, base;
    dg_tokens out;
    bool bad_line; /* bytes that are not UTF-8 were reported in this line */
} lexer;

const char *dg_keyword_name(dg_keyword k)
{
    return keywords[k];
}

const char *dg_token_text(dg_heap *p, const dg_source *s, const dg_token *t)
{
    dg_span span = {t->start, t->end};
    if (t->kind == DG_TOKEN_END)
        return "the end of the text";
    if (t->kind == DG_TOKEN_NEWLINE)
        return "the end of the line";
    if (t->kind == DG_TOKEN_STRING)
        return "a string";
    return dg_heap_printf(p, "'%.*s'", t->end - t->start, dg_source_bytes(s, span));
}

static void add(lexer *l, int kind, int start, int end)
{
    dg_tokens *o = &l->out;
    o->list = dg_heap_grow(l->heap, o->list, o->n, &o->room, sizeof *o->list);
    o->list[o->n++] = (dg_token){kind, l->base + start, l->base + end};
}

static void refuse(lexer *l, int start, int end, const char *advice, const char *found)
{
    dg_span at = {l->base + start, l->base + end};
    dg_diags_at(l->diags, at, NULL, advice, "%s", found);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Bytes of the code point here; what is not UTF-8 is reported once a line. */
static int step(lexer *l)
{
    int bytes = dg_utf8(l->text + l->at, l->size - l->at);
    if (bytes == 0 && !l->bad_line) {
        refuse(l, l->at, l->at + 1, "a model is UTF-8 text", "a byte that is not UTF-8");
        l->bad_line = true;
    }
    return bytes ? bytes : 1;
}

static void comment(lexer *l)
{
    while (l->at < l->size && l->text[l->at] != '\n')
        l->at += step(l);
}

/* Blanks and comments, and newlines too if asked. */
static void blanks(lexer *l, bool newlines)
{
    while (l->at < l->size) {
        char c = l->text[l->at];
        if (c == '#')
            comment(l);
        else if (c == ' ' || c == '\t' || c == '\r' || (c == '\n' && newlines))
            l->at++;
        else
            return;
        l->bad_line &= c != '\n';
    }
}

/* A newline, and all that follow it; none if the next line begins with one |. */
static void newline(lexer *l)
{
    int start = l->at;
    l->bad_line = false;
    blanks(l, true);
    bool pipe = l->at < l->size && l->text[l->at] == '|';
    if (!pipe && l->out.n > 0 && l->out.list[l->out.n - 1].kind != DG_TOKEN_NEWLINE)
        add(l, DG_TOKEN_NEWLINE, start, start + 1);
}

static void name(lexer *l)
{
    int start = l->at, kind = DG_TOKEN_NAME;
    while (l->at < l->size && (is_letter(l->text[l->at]) || is_digit(l->text[l->at])))
        l->at++;
    for (int k = 0; k < DG_KEYWORDS; k++)
        if (strlen(keywords[k]) == (size_t)(l->at - start) &&
            memcmp(keywords[k], l->text + start, (size_t)(l->at - start)) == 0)
            kind = DG_TOKEN_KEYWORD + k;
    add(l, kind, start, l->at);
}

static void digits(lexer *l)
{
    while (l->at < l->size && is_digit(l->text[l->at]))
        l->at++;
}

/* number = (digits ["." digits] | "." digits) [("e" | "E") ["+" | "-"] digits] */
static void number(lexer *l)
{
    int start = l->at;
    digits(l);
    if (l->text[l->at] == '.')
        l->at++;
    digits(l);
    if (l->text[l->at] == 'e' || l->text[l->at] == 'E') {
        int mantissa = l->at++;
        l->at += l->text[l->at] == '+' || l->text[l->at] == '-';
        if (is_digit(l->text[l->at]))
            digits(l);
        else
            l->at = mantissa;
    }
    if (!is_letter(l->text[l->at])) {
        add(l, DG_TOKEN_NUMBER, start, l->at);
        return;
    }
    while (l->at < l->size && (is_letter(l->text[l->at]) || is_digit(l->text[l->at])))
        l->at++;
    refuse(l, start, l->at, "a name starts with a letter; a product is written 3*x",
           "neither a number nor a name");
    add(l, DG_TOKEN_BAD, start, l->at);
}

/* string = '"' { any character but '"', '\' and control characters, or \" or \\ } '"' */
static void string(lexer *l)
{
    int start = l->at++, kind = DG_TOKEN_STRING;
    while (l->at < l->size && l->text[l->at] != '"' && l->text[l->at] != '\n') {
        char c = l->text[l->at];
        int at = l->at, bytes = step(l);
        bool escape = c == '\\', known = l->text[at + 1] == '"' || l->text[at + 1] == '\\';
        l->at += escape && known ? 2 : bytes;
        if (escape && !known && kind != DG_TOKEN_BAD)
            refuse(l, at, at + 1, "write \\\\ for \\, and \\\" for \"", "a lone '\\' in a string");
        if (((unsigned char)c < 0x20 || c == 0x7F) && kind != DG_TOKEN_BAD)
            refuse(l, at, at + 1, NULL, "a control character in a string");
        if ((escape && !known) || (unsigned char)c < 0x20 || c == 0x7F || l->bad_line)
            kind = DG_TOKEN_BAD;
    }
    if (l->at < l->size && l->text[l->at] == '"') {
        l->at++;
    } else {
        refuse(l, start, start + 1, "a string ends with '\"' in the line where it begins",
               "this string has no end");
        kind = DG_TOKEN_BAD;
    }
    add(l, kind, start, l->at);
}

static bool foreign_sign(lexer *l)
{
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        int n = (int)strlen(foreign[i].sign);
        if (strncmp(l->text + l->at, foreign[i].sign, (size_t)n) != 0)
            continue;
        refuse(l, l->at, l->at + n, foreign[i].advice,
               dg_heap_printf(l->heap, "'%s' means nothing here", foreign[i].sign));
        add(l, DG_TOKEN_BAD, l->at, l->at + n);
        l->at += n;
        if (strcmp(foreign[i].sign, "//") == 0 || strcmp(foreign[i].sign, "'") == 0)
            comment(l); /* the rest of the line is no longer the language's */
        return true;
    }
    return false;
}

static void sign(lexer *l)
{
    if (foreign_sign(l))
        return;
    int start = l->at;
    char c = l->text[start];
    if (c && strchr("=()[]{},;|+-*/^", c)) {
        l->at++;
        add(l, c, start, l->at);
        return;
    }
    bool said = l->bad_line;
    l->at += step(l);
    add(l, DG_TOKEN_BAD, start, l->at);
    if (said || l->bad_line)
        return;
    const char *advice = "names are made of ASCII letters, digits and '_'";
    const char *found = "a control character";
    if ((unsigned char)c > ' ' && c != 0x7F)
        found =
            dg_heap_printf(l->heap, "'%.*s' means nothing here", l->at - start, l->text + start);
    refuse(l, start, l->at, (unsigned char)c >= 0x80 ? advice : NULL, found);
}

dg_tokens dg_lex(dg_heap *p, const dg_source *s, int text, int from, dg_diags *d)
{
    const dg_source_text *t = &s->texts[text];
    lexer l = {
        .heap = p, .diags = d, .text = t->text, .at = from, .size = t->size, .base = t->start};
    if (from == 0 && t->size >= 3 && memcmp(t->text, "\xEF\xBB\xBF", 3) == 0)
        l.at = 3; /* a byte order mark */
    for (blanks(&l, true); l.at < l.size; blanks(&l, false)) {
        char c = l.text[l.at];
        if (c == '\n')
            newline(&l);
        else if (is_letter(c))
            name(&l);
        else if (is_digit(c) || (c == '.' && is_digit(l.text[l.at + 1])))
            number(&l);
        else if (c == '"')
            string(&l);
        else
            sign(&l);
    }
    add(&l, DG_TOKEN_END, l.size, l.size);
    return l.out;
}
