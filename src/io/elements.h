/* Elements of a file become an array: the one place where a claim of a header is compared with the
 * bytes that are there, memory is taken, and foreign types are converted. */
#ifndef DG_IO_ELEMENTS_H
#define DG_IO_ELEMENTS_H

#include "io/array.h"
#include "io/reader.h"

typedef struct {
    char kind; /* f float, h bfloat16, i signed, u unsigned, b Boolean */
    char big;  /* 1: big-endian */
    int bytes; /* of an element in the file: f 2 4 8, h 2, i u 1 2 4 8, b 1 */
} dg_element;

/* The type in memory: f4 f2 h2: DG_F32; f8: DG_F64; u1 b1: DG_U8; other integers: DG_I32. */
dg_type dg_element_type(dg_element e);

/* Checks that the elements of shape may follow in r; a header claims it at byte `at`. */
dg_status dg_elements_check(dg_reader *r, dg_element e, const dg_shape *shape, uint64_t at);

/* The same, then reads them. DG_EDATA also for an integer that does not fit DG_I32. After a failure
 * *out is zeroed. */
dg_status dg_elements_read(dg_reader *r, dg_element e, const dg_shape *shape, uint64_t at,
                           dg_array *out);

#endif
