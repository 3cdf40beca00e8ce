/* Progress of a training run, on standard error. On a terminal one line, redrawn, never wider than
 * the terminal is at that moment; else (a pipe, TERM=dumb) a plain line an epoch, and one every ten
 * seconds within a long one. */
#ifndef DG_CLI_LIVE_H
#define DG_CLI_LIVE_H

#include <dagrad/run.h>

typedef struct dg_live {
    int quiet, terminal, drawn;
    double last; /* seconds at which a line was written */
} dg_live;

void dg_live_begin(dg_live *p);
/* After a step or an epoch. */
void dg_live_tell(dg_live *p, const dg_training *now);
/* A remark, a line of its own; user: a dg_live. */
void dg_live_say(void *user, const char *text);
/* Ends the redrawn line, if there is one. */
void dg_live_end(dg_live *p);

#endif
