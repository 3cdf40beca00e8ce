/* What went wrong, and where.
 *
 * Every function that can fail returns a dg_status. A handle (graph, program) that failed stays
 * failed: later calls on it do nothing and return its first status, whose text, node and place a
 * dg_diag holds. The library never prints, aborts or exits. */
#ifndef DAGRAD_STATUS_H
#define DAGRAD_STATUS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define DG_API __attribute__((visibility("default")))
#define DG_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define DG_API
#define DG_PRINTF(text, first)
#endif

/* The only list of statuses: name, text. */
#define DG_STATUS_LIST(X)                                                                          \
    X(DG_OK, "no error")                                                                           \
    X(DG_EMEMORY, "out of memory")                                                                 \
    X(DG_EUSAGE, "a call or an option is not valid")                                               \
    X(DG_EMODEL, "the graph is not valid")                                                         \
    X(DG_EDATA, "the data are not valid")                                                          \
    X(DG_EFINITE, "a value is not finite")                                                         \
    X(DG_EFILE, "a file could not be read or written")                                             \
    X(DG_ESTOP, "stopped by a signal")                                                             \
    X(DG_EINTERNAL, "internal error")

typedef enum {
#define DG_STATUS_NAME(name, text) name,
    DG_STATUS_LIST(DG_STATUS_NAME)
#undef DG_STATUS_NAME
} dg_status;

/* The text of a status; never NULL. */
DG_API const char *dg_status_text(dg_status s);

/* The first failure of a handle, with its cause and place. A plain value: copy it freely.
 * Start from a zeroed struct. */
typedef struct dg_diag {
    dg_status code;
    int line, column; /* in file, from 1; 0: not known */
    int64_t row;      /* of the batch, from 1; 0: not known */
    int start, end;   /* bytes of the source text it points at (model language); both 0: none */
    char node[96];    /* name of the node or value; "" if none */
    char file[256];   /* "" if none */
    char text[640];   /* what was found and what would fit, one line without a full stop */
} dg_diag;

/* Records a failure unless one is there already, and returns the code that d now holds.
 * d may be NULL: then it only returns code. */
DG_API dg_status dg_diag_set(dg_diag *d, dg_status code, const char *format, ...) DG_PRINTF(3, 4);

#ifdef __cplusplus
}
#endif
#endif
