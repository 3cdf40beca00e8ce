/* Dates and times of day as days since 1970-01-01, in UTC, the same in every locale. */
#ifndef DG_IO_DATES_H
#define DG_IO_DATES_H

#include <stdbool.h>
#include <stddef.h>

/* A text by a format of strptime: %Y %y %m %d %e %b %B %j %H %I %p %M %S (with a fraction) %z %F %T
 * %%; names of months in English; blanks match any blanks. What is not said is 1970-01-01 00:00.
 * False: the text is no such date. */
bool dg_date_read(const char *text, size_t n, const char *format, double *days);

/* The first place of a format that is not one of these; NULL: it is good. */
const char *dg_date_check(const char *format);

#endif
