/* Protocol buffers as bytes: the fields of a message, one after the other.
 *
 *     dg_wire w = dg_wire_of(bytes, size);
 *     dg_wire_field f;
 *     while (dg_wire_next(&w, &f))
 *         ... f.number, f.type, f.value or f.bytes ...
 *     if (w.bad) ...
 *
 * Nothing is copied or allocated: a field of bytes points into the message. Groups, which nobody
 * writes any more, are refused. */
#ifndef DG_ONNX_WIRE_H
#define DG_ONNX_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DG_WIRE_VARINT, DG_WIRE_FIXED64, DG_WIRE_BYTES, DG_WIRE_FIXED32 = 5 };

typedef struct dg_wire {
    const uint8_t *at, *end;
    bool bad; /* the message is damaged at `at` */
} dg_wire;

typedef struct dg_wire_field {
    uint32_t number;
    int type;
    uint64_t value;       /* of a number */
    const uint8_t *bytes; /* of DG_WIRE_BYTES */
    size_t size;
} dg_wire_field;

dg_wire dg_wire_of(const void *bytes, size_t size);

/* False at the end of the message, and where it is damaged. */
bool dg_wire_next(dg_wire *w, dg_wire_field *f);

/* A varint; false at the end, and where it is damaged. */
bool dg_wire_varint(dg_wire *w, uint64_t *value);

#endif
