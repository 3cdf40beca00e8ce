/* Elements of a file become an array. */
#include "io/elements.h"

#include "base/checked.h"
#include <inttypes.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "arrays are read as they are in memory");

enum { BLOCK = 1 << 13 };

dg_type dg_element_type(dg_element e)
{
    if (e.kind == 'f' || e.kind == 'h')
        return e.bytes == 8 ? DG_F64 : DG_F32;
    return e.kind == 'b' || (e.kind == 'u' && e.bytes == 1) ? DG_U8 : DG_I32;
}

dg_status dg_elements_check(dg_reader *r, dg_element e, const dg_shape *shape, uint64_t at)
{
    char text[200];
    int64_t count = dg_shape_count(shape), bytes = 0;
    dg_shape_text(shape, text, sizeof text);
    if (count < 0 || !dg_mul_i64(count, e.bytes, &bytes))
        return dg_reader_fail(r, at, "%s has more elements than any file", text);
    if ((uint64_t)bytes > dg_reader_left(r))
        return dg_reader_fail(r, at, "%s needs %" PRId64 " bytes, but at most %" PRIu64 " follow",
                              text, bytes, dg_reader_left(r));
    return DG_OK;
}

static uint64_t bits_of(dg_element e, const unsigned char *p)
{
    uint64_t x = 0;
    for (int i = 0; i < e.bytes; i++)
        x = x << 8 | p[e.big ? i : e.bytes - 1 - i];
    return x;
}

/* Half precision: 1 bit sign, 5 exponent, 10 fraction; exact in f32. */
static uint32_t f32_of_f16(uint32_t h)
{
    uint32_t sign = (h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 1023;
    if (exponent == 31)
        return sign | 0x7f800000U | fraction << 13;
    if (exponent > 0)
        return sign | (exponent + 112) << 23 | fraction << 13;
    if (fraction == 0)
        return sign;
    for (exponent = 113; !(fraction & 1024); exponent--)
        fraction <<= 1;
    return sign | exponent << 23 | (fraction & 1023) << 13;
}

/* One element to its type in memory; false: it does not fit. */
static bool convert(dg_element e, uint64_t bits, void *to)
{
    uint32_t low = (uint32_t)bits;
    if (e.kind == 'f' && e.bytes == 8)
        memcpy(to, &bits, 8);
    else if (e.kind == 'f' || e.kind == 'h') {
        low = e.kind == 'h' ? low << 16 : e.bytes == 2 ? f32_of_f16(low) : low;
        memcpy(to, &low, 4);
    } else if (e.kind == 'b' || (e.kind == 'u' && e.bytes == 1))
        *(uint8_t *)to = e.kind == 'b' ? bits != 0 : (uint8_t)bits;
    else {
        int shift = 64 - 8 * e.bytes;
        int64_t x = e.kind == 'i' ? (int64_t)(bits << shift) >> shift : (int64_t)bits;
        if (x > INT32_MAX || x < INT32_MIN)
            return false;
        *(int32_t *)to = (int32_t)x;
    }
    return true;
}

static dg_status read_converted(dg_reader *r, dg_element e, int64_t count, char *to)
{
    unsigned char block[BLOCK];
    size_t bytes = dg_type_bytes(dg_element_type(e));
    int64_t most = BLOCK / e.bytes;
    for (int64_t done = 0; done < count;) {
        int64_t n = count - done < most ? count - done : most;
        uint64_t at = dg_reader_at(r);
        if (dg_reader_get(r, block, (size_t)(n * e.bytes)) != DG_OK)
            break;
        for (int64_t i = 0; i < n; i++, to += bytes)
            if (!convert(e, bits_of(e, block + i * e.bytes), to))
                return dg_reader_fail(r, at + (uint64_t)(i * e.bytes),
                                      "element %" PRId64 " does not fit 32 bits", done + i);
        done += n;
    }
    return dg_reader_status(r);
}

/* The bytes of the file are those of memory. */
static bool is_same(dg_element e)
{
    if (e.bytes == 1)
        return e.kind == 'u';
    return !e.big && ((e.kind == 'f' && e.bytes >= 4) || (e.kind == 'i' && e.bytes == 4));
}

dg_status dg_elements_read(dg_reader *r, dg_element e, const dg_shape *shape, uint64_t at,
                           dg_array *out)
{
    memset(out, 0, sizeof *out);
    if (dg_elements_check(r, e, shape, at) != DG_OK)
        return dg_reader_status(r);
    dg_status status = dg_array_make(out, dg_element_type(e), shape, dg_reader_diag(r));
    if (status != DG_OK)
        return status;
    if (is_same(e))
        status = dg_reader_get(r, out->data, out->bytes);
    else
        status = read_converted(r, e, dg_shape_count(shape), out->data);
    if (status != DG_OK)
        dg_array_free(out);
    return status;
}
