/* Progress of a training run, on standard error. On a terminal one line, redrawn, never wider than
 * the terminal is at that moment; else (a pipe, TERM=dumb) a plain line an epoch, and one every ten
 * seconds within a long one. */
#ifndef DG_CLI_LIVE_H
#define DG_CLI_LIVE_H

#include "train/loop.h"

typedef struct dg_progress_line {
    int quiet, terminal, drawn;
    double last; /* seconds at which a line was written */
} dg_progress_line;

dg_report dg_report_make(dg_progress_line *p);
/* Ends the redrawn line, if there is one. */
void dg_report_end(dg_progress_line *p);

#endif
