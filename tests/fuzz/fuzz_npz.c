/* libFuzzer target: the reader of NPZ. After half of the changes the CRCs of stored entries are set
 * right, so that they reach the NPY within. */
#include "fuzz/readers.h"

#include "io/formats.h"
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static void read_all(const uint8_t *data, size_t size)
{
    dg_reader *r;
    int n;
    char **names;
    dg_array *arrays;
    if (dg_reader_memory(&r, data, size, "F", DG_READ_RAW, NULL) != DG_OK)
        abort();
    dg_status status = dg_npz_read_all(r, &n, &names, &arrays);
    dg_reader_close(r);
    if (status != DG_OK && (n || names || arrays))
        abort();
    for (int i = 0; i < n; i++) {
        free(names[i]);
        dg_array_free(&arrays[i]);
    }
    free(names);
    free(arrays);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_all(data, size);
    return fuzz_read(size % 2 ? "npz:x" : "npz", data, size);
}

static size_t number(const uint8_t *p, int bytes)
{
    size_t x = 0;
    for (int i = bytes; i-- > 0;)
        x = x << 8 | p[i];
    return x;
}

/* The directory's entry at p: 46 bytes and more. */
static void set_crc(uint8_t *data, size_t size, uint8_t *p)
{
    size_t packed = number(p + 20, 4), local = number(p + 42, 4);
    if (number(p + 10, 2) != 0 || local > size || size - local < 30)
        return;
    size_t start = local + 30 + number(data + local + 26, 2) + number(data + local + 28, 2);
    if (start > size || packed > size - start)
        return;
    unsigned long crc = crc32(crc32(0, NULL, 0), data + start, (uInt)packed);
    for (int i = 0; i < 4; i++)
        p[16 + i] = (uint8_t)(crc >> 8 * i);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    size = LLVMFuzzerMutate(data, size, most);
    for (size_t at = 0; seed & 1 && at + 46 <= size; at++)
        if (memcmp(data + at, "PK\1\2", 4) == 0)
            set_crc(data, size, data + at);
    return size;
}
