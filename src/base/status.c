/* Statuses and the record of the first failure. */
#include <dagrad/status.h>

#include "base/text.h"
#include <stdarg.h>
#include <string.h>

const char *dg_status_text(dg_status s)
{
    switch (s) {
#define DG_STATUS_CASE(name, text)                                                                 \
    case name:                                                                                     \
        return text;
        DG_STATUS_LIST(DG_STATUS_CASE)
#undef DG_STATUS_CASE
    }
    return "unknown status";
}

/* A diagnostic is one line, whatever the names in it hold; and it ends with a whole character of
 * UTF-8 where it had to be cut. */
static void tidy(char *text, int cut)
{
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            text[i] = '?';
    if (!cut)
        return;
    size_t last = n;
    while (last > 0 && ((unsigned char)text[last - 1] & 0xc0) == 0x80)
        last--;
    if (last > 0 && (unsigned char)text[last - 1] >= 0xc0)
        text[last - 1] = 0;
}

dg_status dg_diag_set(dg_diag *d, dg_status code, const char *format, ...)
{
    if (!d || (d->code == DG_OK && code == DG_OK))
        return code;
    if (d->code != DG_OK)
        return d->code;
    d->code = code;
    va_list args;
    va_start(args, format);
    int n = dg_vformat(d->text, sizeof d->text, format, args);
    va_end(args);
    if (n < 0)
        dg_format(d->text, sizeof d->text, "%s", dg_status_text(code));
    tidy(d->text, n >= (int)sizeof d->text);
    return code;
}
