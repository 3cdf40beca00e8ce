/* Tokens to a syntax tree, by recursive descent; the grammar stands above each function. */
#ifndef DG_LANG_PARSE_H
#define DG_LANG_PARSE_H

#include "lang/ast.h"

enum { DG_PARSE_DEPTH = 400 }; /* of an expression, and of braces */

/* A whole text. Errors are reported; each costs its statement. */
dg_body dg_parse_file(dg_heap *p, const dg_source *s, int text, dg_diags *d);

/* One expression: a text from byte `from` to its end. NULL: an error was reported. */
dg_expr *dg_parse_value(dg_heap *p, const dg_source *s, int text, int from, dg_diags *d);

#endif
