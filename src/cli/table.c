/* Tables of `dagrad convert`; see table.h. */
#include "cli/table.h"
#include "io/formats.h"
#include <limits.h>
#include <string.h>

int dg_table_flags_given(const dg_table_flags *f)
{
    return f->header || f->separator || f->comment || f->decimal || f->skip > 0 || f->column.n ||
           f->except.n;
}

static dg_status wrong(const char *name, const char *value, const char *takes, dg_diag *why)
{
    return dg_diag_set(why, DG_EUSAGE, "--%s is '%.40s', it takes %s", name, value, takes);
}

static dg_status read_flags(const dg_table_flags *f, dg_csv_options *o, dg_diag *why)
{
    const char *mark = f->separator, *point = f->decimal ? f->decimal : ".";
    *o = (dg_csv_options){.skip = f->skip < INT_MAX ? (int)f->skip : INT_MAX,
                          .comment = f->comment && *f->comment ? f->comment : NULL,
                          .decimal = *point,
                          .n_columns = f->column.n,
                          .column = f->column.item,
                          .n_except = f->except.n,
                          .except = f->except.item};
    if (f->header && strcmp(f->header, "true") != 0 && strcmp(f->header, "false") != 0)
        return wrong("header", f->header, "true or false", why);
    if (f->header)
        o->header = *f->header == 't' ? DG_HEADER_YES : DG_HEADER_NO;
    if (strcmp(point, ".") != 0 && strcmp(point, ",") != 0)
        return wrong("decimal", point, "'.' or ','", why);
    if (!mark)
        return DG_OK;
    int word = strcmp(mark, "tab") == 0 ? '\t' : strcmp(mark, "blank") == 0 ? ' ' : 0;
    if (!word && (!*mark || mark[1]))
        return wrong("separator", mark, "a character, tab or blank", why);
    o->separator = word ? word : *mark;
    return DG_OK;
}

dg_status dg_table_from(const dg_table_flags *f, const char *bytes, size_t n, const char *path,
                        dg_array *out, dg_diag *why)
{
    dg_csv_options o;
    dg_reader *r = NULL;
    if (read_flags(f, &o, why) != DG_OK)
        return why->code;
    if (!dg_data_is_table(bytes, n))
        return dg_diag_set(why, DG_EUSAGE, "'%s' is no table, which the options are about", path);
    dg_status s = dg_reader_memory(&r, bytes, n, path, 0, why);
    if (s == DG_OK)
        s = dg_csv_read(r, &o, out);
    dg_reader_close(r);
    return s;
}
