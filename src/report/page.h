/* A page of HTML: one file without network and scripts, light and dark, for a screen of any width
 * and for paper. What it says is appended to a text. */
#ifndef DG_REPORT_PAGE_H
#define DG_REPORT_PAGE_H

#include "base/text.h"

/* refresh: seconds after which a browser loads the page again; 0: never. */
void dg_page_begin(dg_text *t, const char *title, int refresh);
void dg_page_end(dg_text *t);

/* A section with its heading; id: what a link names. */
void dg_section_begin(dg_text *t, const char *id, const char *heading);
void dg_section_end(dg_text *t);

/* Text with the characters of HTML escaped; what is no UTF-8, and control characters, become
 * U+FFFD. */
void dg_html(dg_text *t, const char *s);
void dg_html_bytes(dg_text *t, const char *s, size_t n);
/* Four digits; a dash for what is no number. */
void dg_html_number(dg_text *t, double x);
/* 12,345 */
void dg_html_count(dg_text *t, int64_t n);

/* The style of all pages, style.c. */
extern const char dg_page_style[];

#endif
