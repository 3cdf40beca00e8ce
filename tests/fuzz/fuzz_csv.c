/* libFuzzer target: the reader of csv, by default and as words, dates and gaps. */
#include "fuzz/readers.h"

#include "io/formats.h"
#include <stdlib.h>
#include <string.h>

/* The options that the first byte says; every id of a word is one of its list. */
static void read_table(const uint8_t *data, size_t size)
{
    static const char *const columns[] = {"a*"}, *const except[] = {"b"};
    const uint8_t how = *data;
    const dg_csv_options o = {.header = (dg_header)(how % 3),
                              .cells = (dg_cells)(how / 3 % 4),
                              .format = "%Y-%m-%d %H:%M:%S",
                              .gaps = how & 1,
                              .fill = how & 2 ? "none" : NULL,
                              .decimal = how & 4 ? ',' : '.',
                              .comment = how & 8 ? "#" : NULL,
                              .skip = how >> 7,
                              .n_columns = how & 16 ? 1 : 0,
                              .column = columns,
                              .n_except = how & 32 ? 1 : 0,
                              .except = except};
    dg_reader *r;
    dg_table t;
    if (dg_reader_memory(&r, data + 1, size - 1, "F", DG_READ_RAW, NULL) != DG_OK)
        abort();
    dg_status status = dg_table_read(r, &o, &t);
    dg_reader_close(r);
    if (status != DG_OK && (status != DG_EDATA || t.array.data || t.name || t.words))
        abort();
    int64_t n = t.array.data ? dg_shape_count(&t.array.shape) : 0;
    for (int64_t i = 0; i < n && t.array.type == DG_I32; i++)
        if (((int32_t *)t.array.data)[i] >= t.words[i % t.n].n)
            abort();
    for (int64_t i = 0; i < n; i++)
        fuzz_sink = dg_tensor_number(&t.array, i);
    dg_table_free(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0)
        read_table(data, size);
    return fuzz_read("csv", data, size);
}
