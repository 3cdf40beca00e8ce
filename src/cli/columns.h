/* Text in columns: cells parted by tabs, lines by newlines, printed with each column as wide as its
 * widest cell (in code points). */
#ifndef DG_CLI_COLUMNS_H
#define DG_CLI_COLUMNS_H

#include "base/text.h"
#include <stdio.h>

/* right: bit k: column k is set to the right. No line ends with spaces. */
void dg_columns_print(FILE *to, const dg_text *t, const char *indent, unsigned right);

/* A whole number with commas: 1,234,567. Returns text. */
enum { DG_COUNT_TEXT = 32 };
char *dg_count_text(int64_t n, char text[DG_COUNT_TEXT]);

#endif
