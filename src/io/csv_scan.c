/* Lines and fields of a table. */
#include "io/csv.h"

#include "base/checked.h"
#include "io/file.h"
#include "io/utf8.h"
#include <stdlib.h>
#include <string.h>

dg_status dg_csv_fail(dg_reader *r, const dg_csv_field *f, const char *what)
{
    int column = 1;
    for (const char *p = f->line_at; p < f->at && column < INT32_MAX; p++)
        column += ((unsigned char)*p & 0xc0) != 0x80;
    return dg_file_fail(dg_reader_diag(r), DG_EDATA, dg_reader_name(r), f->line, column, "%s",
                        what);
}

/* ---- Encodings ------------------------------------------------------------------------------- */

static unsigned unit(const char *text, size_t i, bool big)
{
    const unsigned char *p = (const unsigned char *)text + 2 * i;
    return big ? p[0] * 256U + p[1] : p[1] * 256U + p[0];
}

/* UTF-16 after its mark. */
static dg_status decode_wide(dg_reader *r, char **text, size_t *n)
{
    bool big = (unsigned char)**text == 0xfe;
    size_t units = *n / 2, length = 0;
    char *out = malloc(3 * units + 1);
    if (!out)
        return dg_diag_set(dg_reader_diag(r), DG_EMEMORY, "out of memory");
    for (size_t i = 1; i < units; i++) {
        uint32_t code = unit(*text, i, big);
        uint32_t low = i + 1 < units ? unit(*text, i + 1, big) : 0;
        if ((code & 0xfc00) == 0xd800 && (low & 0xfc00) == 0xdc00) {
            code = 0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff);
            i++;
        }
        if (code == 0 || (code & 0xf800) == 0xd800) {
            free(out);
            return dg_reader_fail(r, 2 * i, "this is no UTF-16, which its first two bytes promise");
        }
        length += dg_utf8_write(code, out + length);
    }
    out[length] = 0;
    free(*text);
    *text = out;
    *n = length;
    return DG_OK;
}

dg_status dg_csv_decode(dg_reader *r, char **text, size_t *n)
{
    dg_status status = DG_OK;
    const unsigned char *p = (const unsigned char *)*text;
    if (*n > 0 && (*text)[*n - 1] == '\x1a') /* the end of a text, in DOS */
        (*text)[--*n] = 0;
    if (*n >= 4 && (memcmp(p, "\xff\xfe\0\0", 4) == 0 || memcmp(p, "\0\0\xfe\xff", 4) == 0))
        return dg_reader_fail(
            r, 0, "this is UTF-32; `iconv -f UTF-32 -t UTF-8` makes a text of it that is read");
    if (*n >= 2 && ((p[0] == 0xff && p[1] == 0xfe) || (p[0] == 0xfe && p[1] == 0xff)))
        status = decode_wide(r, text, n);
    else if (*n >= 4 && ((!p[0] && p[1] && !p[2] && p[3]) || (p[0] && !p[1] && p[2] && !p[3])))
        return dg_reader_fail(r, 0,
                              "this looks like UTF-16 without its mark; `iconv -f UTF-16%cE -t "
                              "UTF-8` makes a text of it",
                              p[0] ? 'L' : 'B');
    if (status == DG_OK && !memchr(*text, '\n', *n))
        for (char *c = *text; (c = memchr(c, '\r', *n - (size_t)(c - *text)));)
            *c = '\n';
    return status;
}

/* ---- Fields ---------------------------------------------------------------------------------- */

dg_csv_field dg_csv_here(const dg_csv_scan *s)
{
    return (dg_csv_field){s->p, 0, s->line, s->line_at, false};
}

bool dg_csv_at_comment(const dg_csv_scan *s)
{
    return s->comment && strncmp(s->p, s->comment, strlen(s->comment)) == 0;
}

/* Bytes of the end of a line, here: \n, \r\n, or more \r, as a line converted twice has them. */
static size_t end_at(const char *p)
{
    size_t n = strspn(p, "\r");
    return p[n] == '\n' ? n + 1 : 0;
}

static bool at_line_end(const dg_csv_scan *s)
{
    return s->p == s->end || end_at(s->p) || dg_csv_at_comment(s);
}

static bool is_blank(const dg_csv_scan *s, char c)
{
    return c == ' ' || (c == '\t' && s->separator != '\t');
}

static void skip_blanks(dg_csv_scan *s)
{
    while (is_blank(s, *s->p))
        s->p++;
}

static bool at_separator(const dg_csv_scan *s)
{
    return s->separator == ' ' ? is_blank(s, *s->p) : *s->p == s->separator;
}

/* The text between quotes. */
static dg_status quoted(dg_csv_scan *s, dg_csv_field *f)
{
    f->at = ++s->p;
    f->quoted = true;
    for (; s->p < s->end && (*s->p != '"' || s->p[1] == '"'); s->p++) {
        s->p += *s->p == '"';
        if (*s->p == '\n') {
            s->line++;
            s->line_at = s->p + 1;
        }
    }
    f->n = (size_t)(s->p - f->at);
    if (s->p == s->end)
        return dg_csv_fail(s->r, f, "a quote that does not end");
    s->p++;
    if (s->separator != ' ')
        skip_blanks(s);
    return at_line_end(s) || at_separator(s) ? DG_OK
                                             : dg_csv_fail(s->r, f, "text after the closing quote");
}

dg_status dg_csv_next_field(dg_csv_scan *s, dg_csv_field *f)
{
    skip_blanks(s);
    *f = dg_csv_here(s);
    if (*s->p == '"')
        return quoted(s, f);
    while (!at_line_end(s) && !at_separator(s) && *s->p != '"')
        s->p++;
    if (*s->p == '"' && s->p < s->end)
        return dg_csv_fail(s->r, f, "a quote in the middle of a field");
    f->n = (size_t)(s->p - f->at);
    while (f->n > 0 && is_blank(s, f->at[f->n - 1]))
        f->n--;
    return DG_OK;
}

bool dg_csv_more(dg_csv_scan *s)
{
    if (s->separator == ' ')
        skip_blanks(s);
    else if (s->p < s->end && *s->p == s->separator) {
        s->p++;
        return true;
    } else
        return false;
    return !at_line_end(s);
}

/* ---- Lines ----------------------------------------------------------------------------------- */

void dg_csv_pass_line(dg_csv_scan *s)
{
    const char *end = memchr(s->p, '\n', (size_t)(s->end - s->p)); /* a text may hold zeros */
    s->p = end ? end : s->end;
}

void dg_csv_end_line(dg_csv_scan *s)
{
    if (dg_csv_at_comment(s))
        dg_csv_pass_line(s);
    s->p += end_at(s->p);
    s->line_at = s->p;
    s->line++;
}

bool dg_csv_begin_line(dg_csv_scan *s, bool empty)
{
    while (s->p < s->end) {
        const char *start = s->p;
        s->p += strspn(s->p, " \t");
        bool comment = dg_csv_at_comment(s);
        if (!comment && !(empty && at_line_end(s))) {
            s->p = start;
            return s->p + strspn(s->p, "\r\n") < s->end;
        }
        dg_csv_end_line(s);
    }
    return false;
}

/* ---- What a field holds ---------------------------------------------------------------------- */

char *dg_csv_text(const dg_csv_field *f)
{
    char *text = malloc(f->n + 1), *to = text;
    for (size_t i = 0; text && i < f->n; i++) {
        *to++ = f->at[i];
        i += f->quoted && f->at[i] == '"';
    }
    if (text)
        *to = 0;
    return text;
}

bool dg_csv_is_missing(const dg_csv_options *o, const dg_csv_field *f)
{
    static const char *const usual[] = {"", "NA"};
    const char *const *list = o->n_missing ? o->missing : usual;
    int n = o->n_missing ? o->n_missing : 2;
    for (int i = 0; i < n; i++)
        if (strlen(list[i]) == f->n && (f->n == 0 || memcmp(list[i], f->at, f->n) == 0))
            return true;
    return false;
}

/* Up to 15 digits with a point are an integer over a power of ten, both exact in double, so their
 * quotient is the nearest number, as strtod gives it. NULL: read it the long way. */
static const char *quick(const char *p, const char *end, char point, double *x)
{
    static const double ten[] = {1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    int64_t digits = 0;
    int n = 0, after = 0, seen = 0;
    bool minus = p < end && *p == '-';
    for (p += minus; p < end && n < 16; p++) {
        if (*p == point && !seen)
            seen = 1;
        else if (*p >= '0' && *p <= '9') {
            digits = digits * 10 + (*p - '0');
            after += seen;
            n++;
        } else
            break;
    }
    if (n == 0 || n > 15 || p < end)
        return NULL;
    *x = (double)digits / ten[after];
    *x = minus ? -*x : *x;
    return p;
}

/* The same with a comma for the point: numbers of other countries are short. */
static const char *with_comma(const dg_csv_field *f, double *x)
{
    char text[64];
    if (f->n >= sizeof text || memchr(f->at, '.', f->n) || memchr(f->at, 0, f->n))
        return NULL;
    memcpy(text, f->at, f->n);
    text[f->n] = 0;
    char *comma = strchr(text, ',');
    if (comma)
        *comma = '.';
    const char *end = dg_read_f64(text, x);
    return end && !*end ? f->at + f->n : NULL;
}

int dg_csv_number(const dg_csv_field *f, char point, double *x)
{
    const char *p = f->at, *end = f->at + f->n;
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    if (p == end)
        return 0;
    const char *after = quick(p, end, point, x);
    if (!after)
        after = point == ',' ? with_comma(f, x) : dg_read_f64(p, x);
    while (after && after < end && (*after == ' ' || *after == '\t'))
        after++;
    return after == end;
}
