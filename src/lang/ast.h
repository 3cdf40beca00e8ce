/* What the parser makes: statements and expressions, each with its place. All of it lies in a heap.
 * A statement in which an error was found is `broken`: it holds what was read before the error. */
#ifndef DG_LANG_AST_H
#define DG_LANG_AST_H

#include "lang/lex.h"

typedef enum {
    DG_EXPR_NAME,   /* text */
    DG_EXPR_NUMBER, /* number */
    DG_EXPR_STRING, /* text, without quotes */
    DG_EXPR_BOOL,   /* number: 0 or 1 */
    DG_EXPR_LIST,   /* args: elements */
    DG_EXPR_CALL,   /* text(args); through a pipe, args[0] is what came through it */
    DG_EXPR_SIGN    /* sign: + - * / ^ of args[0], args[1], or - of args[0] alone */
} dg_expr_kind;

typedef struct dg_expr dg_expr;

/* An argument, a term, a dimension, a setting: [key =] value. */
typedef struct dg_arg {
    const char *key; /* NULL: none */
    dg_span key_span;
    dg_expr *value; /* a def's argument without default: NULL */
} dg_arg;

struct dg_expr {
    dg_expr_kind kind;
    dg_span span; /* all of it */
    dg_span at;   /* what a message about it points at: a call's or operator's own words */
    int depth;    /* of the tree below it */
    char sign;
    bool piped, closed; /* a call: came through a pipe; ends with ")" */
    double number;
    const char *text;
    dg_arg *args;
    int n;
};

typedef enum {
    DG_STMT_LET,     /* names[0] = value */
    DG_STMT_DECLARE, /* word names[0] [args] [int] [= value] */
    DG_STMT_ASSIGN,  /* names = value; also a line of a data block */
    DG_STMT_REPEAT,  /* value { body } */
    DG_STMT_DEFINE,  /* names[0](args) { body }, whose last statement is the return */
    DG_STMT_RETURN,  /* args */
    DG_STMT_OUTPUT,  /* names */
    DG_STMT_LOSS,    /* args */
    DG_STMT_METRIC,  /* args */
    DG_STMT_DATA,    /* names[0]: train, validation or test; (args) { body } */
    DG_STMT_TRAIN    /* { body } */
} dg_stmt_kind;

typedef struct dg_name {
    const char *text;
    dg_span span;
} dg_name;

typedef struct dg_stmt dg_stmt;

typedef struct dg_body {
    dg_stmt **list;
    int n, room;
} dg_body;

struct dg_stmt {
    dg_stmt_kind kind;
    dg_keyword word; /* of a declaration */
    bool integer, broken;
    dg_span at;   /* its keyword, or its names */
    dg_span span; /* all of it */
    dg_name *names;
    int n_names, room_names;
    dg_arg *args;
    int n, room;
    dg_expr *value;
    dg_body body;
};

#endif
