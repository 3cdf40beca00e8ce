/* A report: what a run did, or several beside one another, as one page of HTML. */
#ifndef DG_REPORT_REPORT_H
#define DG_REPORT_REPORT_H

#include "report/view.h"

typedef struct dg_report_options {
    dg_view_options view;
    int refresh;     /* seconds after which a browser loads the page again; 0: never */
    const char *out; /* the file; NULL: report.html in the run */
    /* Appends a drawing of the graph as SVG; NULL: none is made. */
    void (*draw)(dg_text *svg, const dg_dag *m);
} dg_report_options;

/* n >= 1 run directories. e: that of the one run, as for dg_view_open, or NULL. The file is written
 * whole or not at all. */
dg_status dg_report_write(int n, const char *const run[], dg_experiment *e,
                          const dg_report_options *o, dg_diag *why);

#endif
