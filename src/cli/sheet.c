/* Results as CSV; see sheet.h. */
#include "cli/sheet.h"
#include "io/formats.h"

static void put_names(dg_text *line, const dg_sheet_part *p)
{
    int64_t n = p->numbers ? dg_shape_row(&p->numbers->shape) : 1;
    const int named = p->legend && !p->ids && p->legend->n == n;
    for (int64_t k = 0; k < n; k++) {
        dg_text name = dg_text_make(NULL);
        dg_text_add(&name, p->name);
        if (n > 1 && named)
            dg_text_printf(&name, ".%s", p->legend->name[k]);
        else if (n > 1)
            dg_text_printf(&name, ".%lld", (long long)k);
        dg_text_add(line, ",");
        dg_csv_put_text(line, name.data);
        dg_text_free(&name);
    }
}

static void put_part(dg_text *line, const dg_sheet_part *p, int64_t row)
{
    int64_t n = p->numbers ? dg_shape_row(&p->numbers->shape) : 0;
    if (p->text) {
        dg_text_add(line, ",");
        dg_csv_put_text(line, p->text[row * p->step]);
    }
    for (int64_t k = 0; k < n; k++) {
        char room[DG_DATE_TEXT];
        double x = dg_tensor_number(p->numbers, row * n + k);
        const char *word = dg_legend_word(p->legend, p->ids, x, room);
        dg_text_add(line, ",");
        if (word)
            dg_csv_put_text(line, word);
        else
            dg_csv_put_number(line, p->numbers, row * n + k);
    }
}

static dg_status put_line(dg_writer *w, dg_text *line)
{
    dg_text_add(line, "\n");
    dg_status s = line->failed ? dg_diag_set(dg_writer_diag(w), DG_EMEMORY, "out of memory")
                               : dg_writer_put(w, line->data, line->length);
    line->length = 0;
    return s;
}

dg_status dg_sheet_write(const char *path, int64_t rows, const int64_t *row_of, int n,
                         const dg_sheet_part part[], dg_diag *why)
{
    dg_writer *w;
    dg_text line = dg_text_make(NULL);
    dg_status s = dg_writer_open(&w, path, why);
    if (s != DG_OK)
        return s;
    dg_text_add(&line, "row");
    for (int i = 0; i < n; i++)
        put_names(&line, &part[i]);
    s = put_line(w, &line);
    for (int64_t r = 0; r < rows && s == DG_OK; r++) {
        dg_text_printf(&line, "%lld", (long long)row_of[r]);
        for (int i = 0; i < n; i++)
            put_part(&line, &part[i], r);
        s = put_line(w, &line);
    }
    dg_text_free(&line);
    return dg_writer_end(w, s);
}
