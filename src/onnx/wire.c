/* The fields of a message. */
#include "onnx/wire.h"

#include <string.h>

enum { VARINT_BYTES = 10, NUMBER_MOST = (1 << 29) - 1 };

dg_wire dg_wire_of(const void *bytes, size_t size)
{
    const uint8_t *at = size ? bytes : (const uint8_t *)"";
    return (dg_wire){.at = at, .end = at + size};
}

static bool damaged(dg_wire *w)
{
    w->bad = true;
    return false;
}

bool dg_wire_varint(dg_wire *w, uint64_t *value)
{
    uint64_t x = 0;
    if (w->at == w->end)
        return false;
    for (int i = 0; i < VARINT_BYTES && w->at + i < w->end; i++) {
        uint8_t byte = w->at[i];
        if (i == VARINT_BYTES - 1 && byte > 1)
            break;
        x |= (uint64_t)(byte & 127) << 7 * i;
        if (byte < 128) {
            w->at += i + 1;
            *value = x;
            return true;
        }
    }
    return damaged(w);
}

/* n bytes, little-endian. */
static bool fixed(dg_wire *w, int n, uint64_t *value)
{
    if (w->end - w->at < n)
        return damaged(w);
    *value = 0;
    for (int i = n; i-- > 0;)
        *value = *value << 8 | w->at[i];
    w->at += n;
    return true;
}

static bool bytes(dg_wire *w, dg_wire_field *f)
{
    uint64_t size;
    if (!dg_wire_varint(w, &size) || size > (uint64_t)(w->end - w->at))
        return damaged(w);
    f->bytes = w->at;
    f->size = (size_t)size;
    w->at += size;
    return true;
}

bool dg_wire_next(dg_wire *w, dg_wire_field *f)
{
    uint64_t tag;
    *f = (dg_wire_field){.bytes = (const uint8_t *)""};
    if (w->bad || !dg_wire_varint(w, &tag))
        return false;
    if (tag >> 3 < 1 || tag >> 3 > NUMBER_MOST)
        return damaged(w);
    f->number = (uint32_t)(tag >> 3);
    f->type = (int)(tag & 7);
    switch (f->type) {
    case DG_WIRE_VARINT:
        return dg_wire_varint(w, &f->value) || damaged(w);
    case DG_WIRE_FIXED64:
        return fixed(w, 8, &f->value);
    case DG_WIRE_BYTES:
        return bytes(w, f);
    case DG_WIRE_FIXED32:
        return fixed(w, 4, &f->value);
    default:
        return damaged(w);
    }
}
