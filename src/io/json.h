/* JSON that is whole or refused. jansson forgets characters when a piece of memory fails it once:
 * what it reads is read twice and compared, what it writes goes through a text that remembers. */
#ifndef DG_IO_JSON_H
#define DG_IO_JSON_H

#include "base/text.h"
#include <jansson.h>

/* A value of n bytes of text, without duplicate keys; NULL: *starved tells a lack of memory from
 * text that is not JSON, of which e says why. */
json_t *dg_json_read(const char *text, size_t n, json_error_t *e, bool *starved);

/* Appends j as text, flags as for json_dumps; false: out of memory, and out->failed. j NULL too. */
bool dg_json_write(const json_t *j, size_t flags, dg_text *out);

#endif
