/* Dates and times of day as days since 1970-01-01, in UTC, the same in every locale. */
#ifndef DG_IO_DATES_H
#define DG_IO_DATES_H

#include <stdbool.h>
#include <stddef.h>

/* A text by a format of strptime: %Y %y %m %d %e %b %B %j %H %I %p %M %S (with a fraction) %z %F %T
 * %%; names of months in English; blanks match any blanks. What is not said is 1970-01-01 00:00.
 * False: the text is no such date. */
bool dg_date_read(const char *text, size_t n, const char *format, double *days);

/* Days as such a text, rounded to the smallest unit that the format shows, of day to second: an
 * estimate of midnight may lie before it. False: the year is none of 0 to 9999, or the text is too
 * long. */
enum { DG_DATE_TEXT = 128 };
bool dg_date_write(double days, const char *format, char text[DG_DATE_TEXT]);

/* A format that reads this text, in quotes; where two common ones do, both: `"%m/%d/%Y" or
 * "%d/%m/%Y"`. False: none of those known here. */
bool dg_date_guess(const char *text, size_t n, char *format, size_t size);

/* The first place of a format that is not one of these; NULL: it is good. */
const char *dg_date_check(const char *format);

#endif
