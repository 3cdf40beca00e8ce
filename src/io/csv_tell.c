/* What of a table does not fit, in words: what a field or line holds, and what would read it. */
#include "io/csv.h"

#include "io/dates.h"
#include "io/file.h"
#include "io/utf8.h"
#include <inttypes.h>
#include <string.h>

enum { SHOWN = 40, DATES = 100 }; /* characters of a field in a message; of a format of dates */

/* ---- What a field that is no number may be --------------------------------------------------- */

static bool is_one_of(const dg_csv_field *f, int n, const char *const texts[])
{
    bool found = false;
    for (int i = 0; i < n; i++)
        found |= strlen(texts[i]) == f->n && memcmp(texts[i], f->at, f->n) == 0;
    return found;
}

bool dg_csv_is_mark_of_gap(const dg_csv_field *f)
{
    static const char *const marks[] = {"?",    "-",    "--",   ".",      "nan",     "NaN",  "NAN",
                                        "n/a",  "N/A",  "#N/A", "null",   "NULL",    "None", "none",
                                        "na",   "NA",   "<NA>", "NaT",    "missing", "inf",  "Inf",
                                        "-inf", "-Inf", "",     "#DIV/0!"};
    return is_one_of(f, sizeof marks / sizeof *marks, marks);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Bytes of what may part thousands, here; 0: nothing. */
static size_t mark_at(const char *p, const char *end)
{
    static const char *const marks[] = {
        ",", ".", "'", "_", " ", "\xc2\xa0", "\xe2\x80\xaf", "\xe2\x80\x99"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (strlen(marks[i]) < (size_t)(end - p) && memcmp(p, marks[i], strlen(marks[i])) == 0)
            return strlen(marks[i]);
    return 0;
}

/* 1,234 or 1.234,5 or 1 234 567. */
static bool has_thousands(const dg_csv_field *f)
{
    const char *p = f->at, *end = f->at + f->n, *begin;
    int groups = 0;
    p += p < end && (*p == '-' || *p == '+');
    for (begin = p; p < end && is_digit(*p); p++)
        continue;
    if (p == begin || p > begin + 3)
        return false;
    for (size_t mark; (mark = mark_at(p, end)) > 0; groups++) {
        const char *digits = p + mark;
        if (end - digits < 3 || !is_digit(*digits) || !is_digit(digits[1]) ||
            !is_digit(digits[2]) || (end - digits > 3 && is_digit(digits[3])))
            break;
        p = digits + 3;
    }
    if (p < end && (*p == '.' || *p == ','))
        for (p++; p < end && is_digit(*p);)
            p++;
    return groups > 0 && p == end;
}

/* 10%, 5 km or $10: what stands behind or before the number. */
static dg_csv_field unit_of(const dg_csv_field *f)
{
    const char *p = f->at, *end = f->at + f->n, *number;
    while (p < end && !is_digit(*p) && !((*p | 32) >= 'a' && (*p | 32) <= 'z'))
        p++;
    for (number = p; p < end && (is_digit(*p) || *p == '.' || *p == ',');)
        p++;
    dg_csv_field before = *f, after = *f;
    before.n = (size_t)(number - f->at);
    after.at = p;
    after.n = (size_t)(end - p);
    bool signed_ = before.n == 1 && (*before.at == '-' || *before.at == '+');
    for (; p < end; p++)
        if (is_digit(*p))
            after.n = before.n = 0;
    if (number == after.at || (before.n > 0 && !signed_ && after.n > 0))
        after.n = before.n = 0;
    return after.n > 0 || signed_ ? after : before;
}

/* The first character that looks like another, or like none. */
static uint32_t odd_character(const dg_csv_field *f)
{
    for (size_t i = 0; i < f->n;) {
        uint32_t code = 0;
        size_t n = dg_utf8_read(f->at + i, f->n - i, &code);
        if (n == 0 || code < 0x20 || (code >= 0x7f && code <= 0xa0) || code == 0x2212 ||
            (code >= 0x2000 && code <= 0x206f) || code == 0x3000 || code >= 0xfe00)
            return n ? code : (unsigned char)f->at[i];
        i += n;
    }
    return 'x';
}

/* ---- Remedies -------------------------------------------------------------------------------- */

static void add_missing(const dg_csv_options *o, const dg_csv_field *f, dg_text *t)
{
    static const char *const usual[] = {"", "NA"};
    const char *const *list = o->n_missing ? o->missing : usual;
    dg_text_add(t, "missing=[");
    for (int i = 0; i < (o->n_missing ? o->n_missing : 2); i++)
        dg_text_printf(t, "\"%s\", ", list[i]);
    dg_text_printf(t, "\"%.*s\"]", (int)f->n, f->at);
}

/* What would read a field that is no number. */
static void add_remedy(const dg_csv_options *o, const dg_csv_bad *b, dg_text *t)
{
    double x;
    char format[DATES];
    const dg_csv_field *f = b->f, unit = unit_of(f);
    const bool comma = o->decimal != ',' && dg_csv_number(f, ',', &x), parts = has_thousands(f);
    if (dg_csv_is_mark_of_gap(f) || (b->rare && f->n < SHOWN && !memchr(f->at, '"', f->n))) {
        dg_text_add(t, b->rare ? ", as most of its column are; for a gap: " : "; for a gap: ");
        add_missing(o, f, t);
        return;
    }
    if (comma)
        dg_text_add(t, "; for a decimal comma: decimal=\",\"");
    if (parts)
        dg_text_add(t, "; what parts thousands is to be taken out of the file");
    if (comma || parts)
        return;
    if (dg_date_guess(f->at, f->n, format, sizeof format))
        dg_text_printf(t, "; for a date: | time(%s)", format);
    else if (unit.n && odd_character(f) == 'x')
        dg_text_printf(t, "; as a number without '%.*s', as words by | classes or | onehot",
                       unit.n < SHOWN ? (int)unit.n : SHOWN, unit.at);
    else
        dg_text_add(t, "; for words: | classes or | onehot");
    if (b->name && b->others)
        dg_text_printf(t, "; except=[\"%.40s\"] leaves the column out", b->name);
}

dg_status dg_csv_bad_field(dg_reader *r, const dg_csv_options *o, const dg_csv_bad *b)
{
    const dg_csv_field *f = b->f;
    dg_text t = dg_text_make(NULL);
    const int shown = f->n < SHOWN ? (int)f->n : SHOWN;
    const char *more = f->n > SHOWN ? "..." : "";
    const uint32_t odd = odd_character(f);
    dg_text_printf(&t, "field %d", b->k + 1);
    if (b->name)
        dg_text_printf(&t, " ('%.40s')", b->name);
    if (o->cells == DG_CELLS_TIMES)
        dg_text_printf(&t, " is '%.*s'%s, which is no date of the form '%s'", shown, f->at, more,
                       o->format);
    else if (o->cells == DG_CELLS_WORDS)
        dg_text_printf(&t, " is no text in UTF-8; `iconv -f LATIN1 -t UTF-8` makes it so, if it is "
                           "Latin-1");
    else if (b->is_number)
        dg_text_printf(&t, " is %.*s, which is not a finite number", shown, f->at);
    else
        dg_text_printf(&t, " is '%.*s'%s, which is not a number", shown, f->at, more);
    if (o->cells == DG_CELLS_NUMBERS && !b->is_number && odd != 'x')
        dg_text_printf(&t, " (U+%04" PRIX32 " is no part of one)", odd);
    if (o->cells == DG_CELLS_NUMBERS && (!b->is_number || dg_csv_is_mark_of_gap(f)))
        add_remedy(o, b, &t);
    dg_status status = t.failed ? dg_diag_set(dg_reader_diag(r), DG_EMEMORY, "out of memory")
                                : dg_csv_fail(r, f, t.data);
    dg_text_free(&t);
    return status;
}

/* ---- Lines ----------------------------------------------------------------------------------- */

dg_status dg_csv_wrong_count(const dg_csv_scan *s, int k, const dg_csv_first *first, bool more,
                             bool at_once)
{
    char text[300];
    const dg_csv_field end = dg_csv_here(s);
    const char mark[] = {s->separator, 0}, *shown = s->separator == '\t' ? "\\t" : mark;
    dg_csv_scan rest = *s;
    dg_csv_field last;
    bool one = more && at_once && dg_csv_next_field(&rest, &last) == DG_OK && !dg_csv_more(&rest);
    dg_format(text, sizeof text, "%s %d field%s in this line; the first line has %d",
              more ? "more than" : "only", k, k == 1 ? "" : "s", first->n);
    char *to = text + strlen(text);
    const size_t left = sizeof text - strlen(text);
    if (one && last.n == 0)
        dg_format(to, left, ", which does not end with '%s': `sed 's/%s$//'` takes that away",
                  shown, shown);
    else if (one && first->header && first->n > 1)
        dg_format(to, left,
                  " names: if the first column lacks one, as R writes tables, `sed "
                  "'1s/^/row%s/'` gives it one",
                  shown);
    else if (more && at_once)
        dg_format(to, left, " (if that is no line of the table: skip=1)");
    return dg_csv_fail(s->r, &end, text);
}
