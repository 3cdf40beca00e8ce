/* predict --with: columns of the input, carried along as text. */
#ifndef DG_CLI_WITH_H
#define DG_CLI_WITH_H

#include "cli/command.h"
#include "model/predictor.h"
#include <sys/types.h>

typedef struct dg_with {
    int n;                          /* columns */
    const char *name[DG_MOST_LIST]; /* as they were asked for */
    const char **text;              /* of row i, column k: text[i * n + k]; "" of a gap */
    dg_dataset *from;
    off_t start;               /* where standard input began, if it is read twice */
    int n_words[DG_MOST_LIST]; /* the distinct texts of each column */
    char **words[DG_MOST_LIST];
} dg_with;

/* Before the inputs are read: if one of them is standard input ("-") and columns are to be carried
 * along, it is made to be readable once more. */
dg_status dg_with_keep(dg_with *w, const dg_list *columns, const dg_list *files, dg_diag *why);
/* The columns of the first of the given files (NAME=FILE; none: of the files of the run's data)
 * that is a table and has them, for each row that `in` has taken. */
dg_status dg_with_read(dg_with *w, const dg_predictor *in, const dg_list *columns,
                       const dg_list *files, dg_diag *why);
void dg_with_free(dg_with *w);

#endif
