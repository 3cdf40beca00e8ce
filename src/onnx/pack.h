/* Protocol buffers written: fields appended to a message, which is a text of bytes. A message in a
 * message is made first, then added. Lack of memory sticks to the text. */
#ifndef DG_ONNX_PACK_H
#define DG_ONNX_PACK_H

#include "base/text.h"

void dg_pack_number(dg_text *t, uint32_t field, uint64_t x);
void dg_pack_f32(dg_text *t, uint32_t field, float x);
void dg_pack_bytes(dg_text *t, uint32_t field, const void *bytes, size_t n);
void dg_pack_text(dg_text *t, uint32_t field, const char *text);
/* Adds the message and frees it. */
void dg_pack_message(dg_text *t, uint32_t field, dg_text *message);

#endif
