/* What the fuzzers of the readers share. */
#include "fuzz/readers.h"

#include "io/io_tools.h"
#include <stdlib.h>

volatile double fuzz_sink;

int fuzz_read(const char *format, const uint8_t *data, size_t size)
{
    dg_array a;
    dg_diag why = {0};
    dg_status status = io_read(format, data, size, &a, &why);
    if (status != DG_OK) {
        if (status != DG_EDATA || why.code != status || !why.text[0] || why.file[0] != 'F' ||
            a.data)
            abort();
        return 0;
    }
    int64_t count = a.data ? dg_shape_count(&a.shape) : 0;
    if (a.data && (count < 0 || a.bytes != (size_t)count * dg_type_bytes(a.type)))
        abort();
    for (int64_t i = 0; i < count; i++) /* all of it is there */
        fuzz_sink = dg_tensor_number(&a, i);
    dg_array_free(&a);
    return 0;
}
