/* The digits that are built into the library: src/io/data/digits.csv.gz, 64 pixels and a label a
 * line. */
#include "io/formats.h"

#include <string.h>

extern const unsigned char dg_digits_gz[];
extern const size_t dg_digits_gz_bytes;

enum { SIDE = 8, PIXELS = SIDE * SIDE, FIELDS = PIXELS + 1 };

/* Fields first to first + n - 1 of each row, as u8. */
static dg_status pick(const dg_array *table, int first, int n, dg_array *out, dg_diag *why)
{
    int64_t rows = table->shape.dim[0];
    const double *x = table->data;
    const dg_shape picture = {.rank = 4, .dim = {rows, SIDE, SIDE, 1}};
    const dg_shape number = {.rank = 1, .dim = {rows}};
    dg_status status = dg_array_make(out, DG_U8, n > 1 ? &picture : &number, why);
    for (int64_t i = 0; status == DG_OK && i < rows; i++)
        for (int k = 0; k < n; k++)
            ((uint8_t *)out->data)[i * n + k] = (uint8_t)x[i * FIELDS + first + k];
    return status;
}

dg_status dg_digits_read(const char *which, dg_array *out, dg_diag *why)
{
    memset(out, 0, sizeof *out);
    int label = strcmp(which, "label") == 0;
    if (!label && strcmp(which, "image") != 0)
        return dg_diag_set(why, DG_EUSAGE, "digits has \"image\" and \"label\", not \"%s\"", which);
    dg_reader *r;
    dg_array table = {0};
    dg_csv_options all = {.header = DG_HEADER_NO};
    dg_status status =
        dg_reader_memory(&r, dg_digits_gz, dg_digits_gz_bytes, "the embedded digits", 0, why);
    if (status == DG_OK)
        status = dg_csv_read(r, &all, &table);
    if (status == DG_OK && table.shape.dim[1] != FIELDS)
        status = dg_diag_set(why, DG_EINTERNAL, "the embedded digits are damaged");
    if (status == DG_OK)
        status = label ? pick(&table, PIXELS, 1, out, why) : pick(&table, 0, PIXELS, out, why);
    dg_array_free(&table);
    dg_reader_close(r);
    return status;
}
