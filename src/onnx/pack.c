/* Fields of protocol buffers; see pack.h. */
#include "onnx/pack.h"

#include "onnx/wire.h"
#include <string.h>

static void add_varint(dg_text *t, uint64_t x)
{
    char bytes[10];
    size_t n = 0;
    for (; x > 127; x >>= 7)
        bytes[n++] = (char)((x & 127) | 128);
    bytes[n++] = (char)x;
    dg_text_add_bytes(t, bytes, n);
}

static void add_head(dg_text *t, uint32_t field, unsigned type)
{
    add_varint(t, (uint64_t)field << 3 | type);
}

void dg_pack_number(dg_text *t, uint32_t field, uint64_t x)
{
    add_head(t, field, DG_WIRE_VARINT);
    add_varint(t, x);
}

void dg_pack_f32(dg_text *t, uint32_t field, float x)
{
    char bytes[4];
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    for (int i = 0; i < 4; i++)
        bytes[i] = (char)(bits >> 8 * i);
    add_head(t, field, DG_WIRE_FIXED32);
    dg_text_add_bytes(t, bytes, sizeof bytes);
}

void dg_pack_bytes(dg_text *t, uint32_t field, const void *bytes, size_t n)
{
    add_head(t, field, DG_WIRE_BYTES);
    add_varint(t, n);
    dg_text_add_bytes(t, bytes, n);
}

void dg_pack_text(dg_text *t, uint32_t field, const char *text)
{
    dg_pack_bytes(t, field, text, strlen(text));
}

void dg_pack_message(dg_text *t, uint32_t field, dg_text *message)
{
    t->failed |= message->failed;
    dg_pack_bytes(t, field, message->data, message->length);
    dg_text_free(message);
}
