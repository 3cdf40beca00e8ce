/* Numbers and text, the same in every locale.
 *
 * Whatever locale the program has set, the decimal point is a point and digits are not grouped. */
#ifndef DG_BASE_TEXT_H
#define DG_BASE_TEXT_H

#include "base/memory.h"
#include <dagrad/status.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* snprintf and vsnprintf in the C locale; they return what these return. */
int dg_format(char *out, size_t n, const char *format, ...) DG_PRINTF(3, 4);
int dg_vformat(char *out, size_t n, const char *format, va_list args) DG_PRINTF(3, 0);

/* Reads a number from the start of text (ended by 0): decimal digits with an optional sign, point
 * and exponent, or inf, infinity, nan in any case. No white space before it, no hexadecimal. The
 * result is rounded correctly; too large gives inf, too small 0 or a subnormal number.
 * Returns the first byte after the number, or NULL if there is none. */
const char *dg_read_f64(const char *text, double *value);

/* The same with one rounding to f32. */
const char *dg_read_f32(const char *text, float *value);

/* Reads an integer: an optional sign and decimal digits. NULL also if it does not fit. */
const char *dg_read_i64(const char *text, int64_t *value);

enum { DG_NUMBER_TEXT = 32 };

/* The shortest of 6 to 9 (f32), 15 to 17 (f64) digits that read back as the same number, by %g;
 * "inf", "-inf", "nan". Returns text. */
char *dg_f32_text(float x, char text[DG_NUMBER_TEXT]);
char *dg_f64_text(double x, char text[DG_NUMBER_TEXT]);

/* A growing string. Start from dg_text_make. The first failure to get memory sticks: what comes
 * later is left out, and failed says so. */
typedef struct dg_text {
    char *data; /* ended by 0; "" at the start, never NULL */
    size_t length;
    size_t room;       /* bytes of data that are there, the ending 0 included */
    dg_memory *memory; /* the caller's; NULL: malloc */
    bool failed;
} dg_text;

dg_text dg_text_make(dg_memory *memory);
void dg_text_free(dg_text *t);

/* Each appends, and returns false if the text has failed. */
bool dg_text_printf(dg_text *t, const char *format, ...) DG_PRINTF(2, 3);
bool dg_text_vprintf(dg_text *t, const char *format, va_list args) DG_PRINTF(2, 0);
bool dg_text_add(dg_text *t, const char *s);
bool dg_text_add_bytes(dg_text *t, const char *s, size_t n);
bool dg_text_f32(dg_text *t, float x);
bool dg_text_f64(dg_text *t, double x);

#endif
