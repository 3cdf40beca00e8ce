/* How `dagrad convert` reads a table: the attributes of the source csv as options. */
#ifndef DG_CLI_TABLE_H
#define DG_CLI_TABLE_H

#include "cli/command.h"
#include "io/array.h"

typedef struct dg_table_flags {
    const char *header, *separator, *comment, *decimal;
    dg_list column, except;
    int64_t skip;
} dg_table_flags;

/* 1: any of them was given. */
int dg_table_flags_given(const dg_table_flags *f);
/* The numbers of the table in these bytes; path: for messages. DG_EUSAGE: an option has another
 * value than it takes, or the bytes are no table. */
dg_status dg_table_from(const dg_table_flags *f, const char *bytes, size_t n, const char *path,
                        dg_array *out, dg_diag *why);

#endif
