/* CSV written: numbers, under the names of their columns. */
#include "io/formats.h"

#include "base/text.h"
#include <string.h>

void dg_csv_put_text(dg_text *t, const char *name)
{
    if (!name[strcspn(name, ",\"\r\n")]) {
        dg_text_add(t, name);
        return;
    }
    dg_text_add(t, "\"");
    for (; *name; name++)
        dg_text_printf(t, *name == '"' ? "\"%c" : "%c", *name);
    dg_text_add(t, "\"");
}

void dg_csv_put_number(dg_text *line, const dg_tensor *t, int64_t i)
{
    if (t->type == DG_F32)
        dg_text_f32(line, ((const float *)t->data)[i]);
    else if (t->type == DG_F64)
        dg_text_f64(line, ((const double *)t->data)[i]);
    else
        dg_text_printf(line, "%d", (int)dg_tensor_number(t, i));
}

dg_status dg_csv_write(dg_writer *w, const char *const *names, const dg_tensor *t)
{
    int64_t columns = dg_shape_row(&t->shape), rows = t->shape.rank ? t->shape.dim[0] : 1;
    dg_text line = dg_text_make(NULL);
    dg_status status = DG_OK;
    for (int64_t i = names ? -1 : 0; i < rows && status == DG_OK; i++) {
        line.length = 0;
        for (int64_t k = 0; k < columns; k++) {
            dg_text_add(&line, k ? "," : "");
            if (i < 0)
                dg_csv_put_text(&line, names[k]);
            else
                dg_csv_put_number(&line, t, i * columns + k);
        }
        dg_text_add(&line, "\n");
        status = line.failed ? dg_diag_set(dg_writer_diag(w), DG_EMEMORY, "out of memory")
                             : dg_writer_put(w, line.data, line.length);
    }
    dg_text_free(&line);
    return status;
}
