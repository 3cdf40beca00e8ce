/* Event files, which TensorBoard reads: the numbers of metrics.jsonl as they are logged.
 *
 * A file is a list of records: length (u64), its masked CRC, the bytes, their masked CRC, little
 * endian; the bytes are a protocol buffer, tensorflow.Event. Tags are NAME/KIND ("loss/epoch",
 * "metric.accuracy/validation", "rate/step"), and for each node or parameter rms/NAME,
 * rms_error_vector/NAME, gradient_norm/NAME. */
#ifndef DG_REPORT_EVENTS_H
#define DG_REPORT_EVENTS_H

#include "base/text.h"

typedef struct dg_events dg_events;

/* A new file in folder, which is made where it is missing; it follows what the run logs from now
 * on. step: the next one; TensorBoard forgets what it knew of this and later ones. */
dg_status dg_events_open(dg_events **e, const char *folder, const char *run, uint64_t step,
                         dg_diag *why);
/* Writes what was logged since. */
dg_status dg_events_follow(dg_events *e, dg_diag *why);
/* Ends the file: what could not be written is told. e NULL: nothing. */
dg_status dg_events_close(dg_events *e, dg_diag *why);

/* The pieces of it. CRC-32C (Castagnoli), and a record appended. */
uint32_t dg_crc32c(const void *bytes, size_t n);
void dg_event_record(dg_text *out, const void *bytes, size_t n);

#endif
