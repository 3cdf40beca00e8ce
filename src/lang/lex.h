/* Text to tokens: the whole text at once, an array that ends with DG_TOKEN_END. */
#ifndef DG_LANG_LEX_H
#define DG_LANG_LEX_H

#include "lang/diag.h"
#include "lang/heap.h"

/* Signs of one character are tokens of that character: = ( ) [ ] { } , ; | + - * / ^ */
enum {
    DG_TOKEN_END = 0,
    DG_TOKEN_NAME = 256,
    DG_TOKEN_NUMBER,
    DG_TOKEN_STRING,
    DG_TOKEN_NEWLINE, /* one for any number of empty lines; none before a line that begins with | */
    DG_TOKEN_BAD,     /* has been reported */
    DG_TOKEN_KEYWORD  /* and on: DG_TOKEN_KEYWORD + dg_keyword */
};

typedef enum {
    DG_KEY_LET,
    DG_KEY_INPUT,
    DG_KEY_TARGET,
    DG_KEY_CONSTANT,
    DG_KEY_PARAMETER,
    DG_KEY_STATE,
    DG_KEY_REPEAT,
    DG_KEY_DEF,
    DG_KEY_RETURN,
    DG_KEY_OUTPUT,
    DG_KEY_LOSS,
    DG_KEY_METRIC,
    DG_KEY_DATA,
    DG_KEY_TRAIN,
    DG_KEY_TRUE,
    DG_KEY_FALSE,
    DG_KEYWORDS
} dg_keyword;

typedef struct dg_token {
    int kind, start, end; /* offsets of the source */
} dg_token;

typedef struct dg_tokens {
    dg_token *list;
    int n, room;
} dg_tokens;

/* Tokens of one text of the source, from byte `from` of it. Bytes that belong nowhere are reported
 * and become DG_TOKEN_BAD. */
dg_tokens dg_lex(dg_heap *p, const dg_source *s, int text, int from, dg_diags *d);

const char *dg_keyword_name(dg_keyword k);

/* A token as messages name it: "'conv'", "a number", "the end of the line". */
const char *dg_token_text(dg_heap *p, const dg_source *s, const dg_token *t);

#endif
