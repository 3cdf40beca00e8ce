/* Progress of a training run: on a terminal one line, redrawn; in a pipe a plain line an epoch. All
 * on standard error. */
#ifndef DG_CLI_REPORT_H
#define DG_CLI_REPORT_H

#include "train/loop.h"

typedef struct dg_progress_line {
    int quiet, terminal, drawn;
    double last; /* seconds at which the line was drawn */
} dg_progress_line;

dg_report dg_report_make(dg_progress_line *p);
/* Ends the redrawn line, if there is one. */
void dg_report_end(dg_progress_line *p);

#endif
