/* Results side by side as CSV: numbers of any type and shape, and text. */
#ifndef DG_CLI_SHEET_H
#define DG_CLI_SHEET_H

#include "io/array.h"
#include "train/legend.h"

/* A column of text (text[i * step] in row i), or the numbers of a row of a tensor: "name", or
 * "name.0", "name.1", ..., or "name.CLASS". */
typedef struct dg_sheet_part {
    const char *name;
    const char *const *text;
    int64_t step;
    const dg_tensor *numbers;
    const dg_legend *legend; /* names for the columns of numbers, or NULL */
    int ids;                 /* 1: they are the numbers of classes, which the legend names */
} dg_sheet_part;

/* "row" with the numbers of row_of, then the parts. Atomic; path "-": standard output. */
dg_status dg_sheet_write(const char *path, int64_t rows, const int64_t *row_of, int n,
                         const dg_sheet_part part[], dg_diag *why);

#endif
