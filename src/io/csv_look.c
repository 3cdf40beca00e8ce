/* What is found by looking at the first lines of a table: the separator, and whether the first line
 * is a header. */
#include "io/csv.h"

#include "io/file.h"
#include "io/utf8.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LINES = 100 };

/* ---- The separator --------------------------------------------------------------------------- */

/* Fields of the line at s with this separator; s is after the line then. Quotes are minded where a
 * field begins with one. */
static int count_fields(dg_csv_scan *s, char separator)
{
    bool start = true, in_quotes = false, blanks = separator == ' ';
    int n = 0;
    for (; *s->p && (in_quotes || (*s->p != '\n' && !dg_csv_at_comment(s))); s->p++) {
        const char *p = s->p;
        bool blank = *p == ' ' || *p == '\t';
        if (in_quotes) {
            in_quotes = *p != '"';
        } else if (!blanks && *p == separator) {
            n++;
            start = true;
        } else if (blank || *p == '\r') {
            start |= blanks;
        } else {
            in_quotes = *p == '"' && start;
            n += blanks && start;
            start = false;
        }
    }
    dg_csv_pass_line(s);
    s->p += *s->p == '\n';
    return blanks ? n : n + 1;
}

/* How many lines agree: 2: all of those looked at, into at least two fields; 1: all but the first;
 * 0: not even those. */
static int agreement(const dg_csv_scan *from, char separator)
{
    dg_csv_scan s = *from;
    int first = 0, second = 0, agree = 2;
    for (int k = 0; k < LINES && dg_csv_begin_line(&s, true); k++, s.line++) {
        int n = count_fields(&s, separator);
        if (k == 0)
            first = second = n;
        else if (k == 1)
            second = n;
        agree = n != second ? 0 : agree;
    }
    if (agree && first != second) /* of blanks only a header that lacks a name, as R writes it */
        agree = separator != ' ' || (first + 1 == second && *from->p == '"');
    return second > 1 ? agree : 0;
}

char dg_csv_find_separator(const dg_csv_scan *s)
{
    static const char candidates[] = "\t;|, ";
    for (const char *c = candidates; *c; c++)
        if (agreement(s, *c) == 2)
            return *c;
    for (const char *c = candidates; *c; c++)
        if (agreement(s, *c) == 1)
            return *c;
    return ',';
}

/* ---- Names ----------------------------------------------------------------------------------- */

void dg_csv_free_names(int n, char **name)
{
    for (int i = 0; name && i < n; i++)
        free(name[i]);
    free(name);
}

/* What the fields of the first line are. */
typedef struct {
    int room, numbers, empty, quoted;
    bool whole, rising, from_zero; /* all are whole numbers, each one more than the one before */
    double last;
} kinds;

static void look_at(kinds *k, int i, const dg_csv_field *f, char point)
{
    double x = (double)NAN;
    bool number = dg_csv_number(f, point, &x);
    bool whole = number && f->n < 9 && strspn(f->at, "0123456789") >= f->n;
    k->numbers += number;
    k->quoted += f->quoted;
    k->empty += f->n == 0;
    k->from_zero = i == 0 ? whole && x < 0.5 : k->from_zero;
    k->rising = whole && (i == 0 || (k->rising && x - k->last > 0.5 && x - k->last < 1.5));
    k->whole = whole && (i == 0 || k->whole);
    k->last = x;
}

static dg_status add_name(dg_csv_scan *s, dg_csv_first *l, kinds *k, const dg_csv_field *f)
{
    if (l->n == k->room) {
        int room = k->room ? 2 * k->room : 16;
        char **more = realloc(l->name, (size_t)room * sizeof *more);
        if (more)
            l->name = more;
        k->room = more ? room : k->room;
    }
    char *text = l->n < k->room ? dg_csv_text(f) : NULL;
    if (!text)
        return dg_diag_set(dg_reader_diag(s->r), DG_EMEMORY, "out of memory");
    l->name[l->n++] = text;
    return DG_OK;
}

static dg_status read_names(dg_csv_scan *s, const dg_csv_options *o, dg_csv_first *l, kinds *k)
{
    dg_status status;
    do {
        dg_csv_field f;
        status = dg_csv_next_field(s, &f);
        if (status == DG_OK)
            look_at(k, l->n, &f, o->decimal ? o->decimal : '.');
        if (status == DG_OK)
            status = add_name(s, l, k, &f);
    } while (status == DG_OK && dg_csv_more(s) && l->n < INT32_MAX / 2);
    if (status == DG_OK)
        dg_csv_end_line(s);
    return status;
}

/* ---- The header ------------------------------------------------------------------------------ */

/* Each name that the model says stands in the first line. */
static bool has_names(const dg_csv_first *l, const dg_csv_options *o)
{
    for (int i = 0; i < o->n_columns; i++) {
        bool found = strpbrk(o->column[i], "*?") != NULL;
        for (int k = 0; k < l->n && !found; k++)
            found = strcmp(l->name[k], o->column[i]) == 0;
        if (!found)
            return false;
    }
    return o->n_columns > 0;
}

/* Each name that the model says may be the number of a column. */
static bool has_numbers(const dg_csv_first *l, const dg_csv_options *o)
{
    for (int i = 0; i < o->n_columns; i++) {
        int64_t number = 0;
        const char *end = dg_read_i64(o->column[i], &number);
        if (!end || *end || number < 1 || number > l->n)
            return false;
    }
    return o->n_columns > 0;
}

/* A field of the next lines that is no whole number; *lines: how many there are. */
static dg_status has_fraction(dg_csv_scan after, char point, bool *fraction, int *lines)
{
    for (*lines = 0; *lines < LINES && dg_csv_begin_line(&after, true); ++*lines) {
        do {
            dg_csv_field f;
            double x;
            dg_status status = dg_csv_next_field(&after, &f);
            if (status != DG_OK)
                return status;
            *fraction |= dg_csv_number(&f, point, &x) && memchr(f.at, point, f.n);
        } while (dg_csv_more(&after));
        dg_csv_end_line(&after);
    }
    return DG_OK;
}

/* Numbers that may as well be names: 0, 1, 2 as pandas writes them, or years above fractions. */
static dg_status may_be_names(const dg_csv_first *l, const kinds *k, const dg_csv_scan *after,
                              char point, bool *may)
{
    bool fraction = false;
    int lines = 0;
    dg_status status = has_fraction(*after, point, &fraction, &lines);
    *may =
        lines > 0 && l->n > 1 && k->whole && (fraction || (k->rising && k->from_zero && l->n > 2));
    *may = *may && (k->rising || fraction);
    return status;
}

/* header= is asked for; where the next line has other fields, the first is none of the table. */
static dg_status ask(const dg_csv_scan *s, const dg_csv_scan *after, int n, const char *what)
{
    char text[200];
    const dg_csv_field start = dg_csv_here(s);
    dg_csv_scan at = *after;
    int next = at.p < at.end ? count_fields(&at, at.separator) : n;
    if (next != n) {
        dg_format(
            text, sizeof text,
            "the first line has %d fields, the next %d: if it is no line of the table, skip=1", n,
            next);
        return dg_csv_fail(s->r, &start, text);
    }
    dg_format(text, sizeof text, "the first line has numbers%s: say header=true or header=false%s",
              what, *what == ' ' && what[1] == 't' ? ", or put a line of names above" : "");
    return dg_csv_fail(s->r, &start, text);
}

static dg_status is_header(const dg_csv_scan *s, const dg_csv_scan *after, const dg_csv_options *o,
                           const kinds *k, dg_csv_first *l)
{
    const dg_csv_field start = dg_csv_here(s);
    bool names = has_names(l, o), may = false;
    l->header = o->header == DG_HEADER_YES;
    if (o->header != DG_HEADER_AUTO)
        return DG_OK;
    if (l->n == k->empty)
        return dg_csv_fail(s->r, &start, "the first line is empty");
    if (k->numbers == 0) {
        l->header = names || !has_numbers(l, o) ||
                    (o->positions && o->cells == DG_CELLS_NUMBERS); /* else it could not be read */
        return DG_OK;
    }
    l->header = names && !(k->numbers == l->n && has_numbers(l, o));
    if (l->header)
        return DG_OK;
    if (k->numbers < l->n)
        return ask(s, after, l->n, " and others");
    dg_status status = may_be_names(l, k, after, o->decimal ? o->decimal : '.', &may);
    return status == DG_OK && may ? ask(s, after, l->n, " that may be names of columns") : status;
}

/* Names go into messages and files of the model. */
static dg_status check_names(const dg_csv_scan *s, const dg_csv_first *l)
{
    const dg_csv_field start = dg_csv_here(s);
    for (int i = 0; l->header && i < l->n; i++)
        if (dg_utf8_check(l->name[i], strlen(l->name[i])) < strlen(l->name[i]))
            return dg_csv_fail(s->r, &start,
                               "the header is not UTF-8; `iconv -f LATIN1 -t UTF-8` makes it so, "
                               "if it is Latin-1");
    return DG_OK;
}

dg_status dg_csv_read_first(dg_csv_scan *s, const dg_csv_options *o, dg_csv_first *out)
{
    kinds k = {0};
    dg_csv_scan after = *s;
    const dg_csv_field start = dg_csv_here(s);
    if (!dg_csv_begin_line(&after, true))
        return dg_csv_fail(s->r, &start, "the file is empty");
    *s = after;
    dg_status status = read_names(&after, o, out, &k);
    if (status == DG_OK)
        status = is_header(s, &after, o, &k, out);
    if (status == DG_OK)
        status = check_names(s, out);
    if (status == DG_OK && out->header)
        *s = after;
    return status;
}
