/* The sections of a page, a file each. One that has nothing to say appends nothing. */
#ifndef DG_REPORT_SECTIONS_H
#define DG_REPORT_SECTIONS_H

#include "report/page.h"
#include "report/view.h"

/* Of one run. */
void dg_section_summary(dg_text *t, const dg_view *v);   /* what was trained on what: result */
void dg_section_layers(dg_text *t, const dg_view *v);    /* states and error vectors */
void dg_section_confusion(dg_text *t, const dg_view *v); /* of classes and of sides */
void dg_section_residuals(dg_text *t, const dg_view *v); /* of numbers */
dg_status dg_section_samples(dg_text *t, const dg_view *v, int threads, dg_diag *why);
void dg_section_settings(dg_text *t, const dg_view *v); /* options, data, the model */

/* Of one run or several. */
void dg_section_curves(dg_text *t, int n, const dg_view *v);
void dg_section_differences(dg_text *t, int n, const dg_view *v); /* results and options */

#endif
