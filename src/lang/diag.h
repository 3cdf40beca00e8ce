/* Diagnostics: what is wrong with a model, its options, files and data, all of it in one run.
 *
 *     unet.dag:7:17: error: conv has no attribute 'kernal'
 *         z = conv(z, 64, kernal=3)
 *                         ^~~~~~   did you mean 'kernel'?
 *         conv takes: channels, kernel, stride, padding, ...
 *
 * Messages are collected, and printed in order of place, at most DG_DIAGS_SHOWN of them. A place
 * that is not in the model (a data file) has no source line. Nothing is printed here: the caller
 * gets a text. Bytes that a terminal might obey are shown as '?'. */
#ifndef DG_LANG_DIAG_H
#define DG_LANG_DIAG_H

#include "base/text.h"
#include "lang/source.h"
#include <dagrad/status.h>

enum { DG_DIAGS_SHOWN = 20, DG_DIAGS_KEPT = 200 };

typedef struct dg_message {
    dg_status code;      /* DG_EMODEL, DG_EDATA, ...: decides the exit code */
    dg_span at;          /* place in the model; end 0: see file */
    const char *file;    /* a place elsewhere, NULL: the model as a whole */
    int64_t line;        /* in that file, from 1; 0: none */
    const char *found;   /* what was found: "conv has no attribute 'kernal'" */
    const char *suggest; /* a name for "did you mean '...'?", or NULL */
    const char *fits;    /* a line of what would fit, or NULL; newlines part several */
} dg_message;

typedef struct dg_diags {
    dg_arena arena;
    const dg_source *source; /* may be NULL */
    dg_message *messages;    /* in order of place: model, then elsewhere; at most DG_DIAGS_KEPT */
    int n;
    bool failed; /* out of memory: a message was lost */
} dg_diags;

dg_diags dg_diags_make(dg_memory *memory, const dg_source *source);
void dg_diags_free(dg_diags *d);

/* Reports. Texts are copied. A message that is there already (place and text) is dropped. */
void dg_diags_add(dg_diags *d, const dg_message *m);

/* The same for a place in the model with DG_EMODEL: found is a format. */
void dg_diags_at(dg_diags *d, dg_span at, const char *suggest, const char *fits, const char *found,
                 ...) DG_PRINTF(5, 6);

/* The failure of a handle. Without a place of its own it takes `at`. */
void dg_diags_failure(dg_diags *d, const dg_diag *why, dg_span at);

/* DG_OK if nothing was reported, else the code of the first message in order of place;
 * DG_EMEMORY if one was lost. */
dg_status dg_diags_status(const dg_diags *d);

/* The k-th message, from 0, as a plain value: start and end count in its text, from 0. There must
 * be so many. */
void dg_diags_look(const dg_diags *d, int k, dg_diag *diag);
/* The first one, if there is one and first is not NULL. Returns dg_diags_status. */
dg_status dg_diags_first(const dg_diags *d, dg_diag *first);

/* Appends the messages to out, as they are to be printed. color: with the colours of a terminal
 * (the caller knows whether it is one, and NO_COLOR). */
void dg_diags_text(const dg_diags *d, dg_text *out, bool color);

#endif
